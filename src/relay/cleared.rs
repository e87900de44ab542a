//! What staff write for a side to read goes through the same masks as everybody's words: nobody at support can give
//! away by accident what the relay keeps, neither in a letter nor in the reason of a decision.

use super::{Relay, listener::Listener, scrub::guarding};
use crate::{
    detect::{Context, Known, Own, Piece, Window},
    model::{ConversationId, Fault, Finding, Part, PartyId, Profile, Scope, Side},
    policy::rules::MarketRules,
    store::SealedProfile,
};

/// Words of staff, as a side may read them.
#[derive(Clone, Debug)]
pub struct Cleared {
    /// What is left.
    pub text: String,
    /// What was cut.
    pub findings: Vec<Finding>,
}

impl Relay {
    /// What staff write about a conversation, as `to` may read it: what the two guard is cut out of it, and what leads
    /// to anybody else but the marketplace. Where one of the two was erased, nothing of them is known any more, and what
    /// looks like a contact is cut all the same.
    ///
    /// # Errors
    /// By a fault.
    pub async fn clear(
        &self,
        scope: &Scope,
        conversation: &ConversationId,
        to: Side,
        text: &str,
    ) -> Result<Cleared, Fault> {
        let context = match self.listener(scope, conversation, to).await? {
            Some(listener) => listener.of_staff(),
            None => self.context_among(scope, &[]).await?,
        };
        Ok(self.scanned(text, &context))
    }

    /// The same about parties between whom there is no conversation: what each of them guards is cut out.
    ///
    /// # Errors
    /// By a fault.
    pub async fn clear_among(&self, scope: &Scope, parties: &[PartyId], text: &str) -> Result<Cleared, Fault> {
        let mut profiles = Vec::with_capacity(parties.len());
        for id in parties {
            if let Some(row) = self.store.party(scope, id).await? {
                let sealed = SealedProfile { key: row.key, profile: row.profile };
                profiles.push(self.open_profile(scope, id, &sealed)?);
            }
        }
        Ok(self.scanned(text, &self.context_among(scope, &profiles).await?))
    }

    async fn context_among(&self, scope: &Scope, profiles: &[Profile]) -> Result<Context, Fault> {
        let market = self.market(scope.marketplace()).await?;
        let rules = self.rules.load().book.of(scope.marketplace());
        let MarketRules { locale, region, links, voice, .. } = rules.as_ref();
        let locale = profiles.iter().find_map(|profile| profile.locale.clone()).or_else(|| locale.clone());
        let mut context = Context {
            lang: locale.clone(),
            reader: locale,
            region: region.clone(),
            known: Known { links: links.allow.clone(), ..Known::default() },
            guard: guarding(profiles.iter()),
            own: Own { domains: vec![market.domain.clone()], ..Own::default() },
            ..Context::default()
        };
        own(&mut context.own, &voice.own);
        Ok(context)
    }

    fn scanned(&self, text: &str, context: &Context) -> Cleared {
        let pieces = [Piece { part: Part::Text(0), text }];
        let report = self.rules.load().detect.scan(&pieces, context, &Window::default());
        Cleared { text: report.redacted.into_iter().next().unwrap_or_default(), findings: report.findings }
    }
}

impl Listener {
    /// With what support's words to this side are read.
    pub(super) fn of_staff(&self) -> Context {
        let mut context = Context { lang: self.context.reader.clone(), ..self.context.clone() };
        own(&mut context.own, &self.rules.voice.own);
        context
    }
}

/// The marketplace's own contacts stay in what support writes.
fn own(own: &mut Own, contacts: &[String]) {
    for contact in contacts {
        let list = match contact {
            address if address.contains('@') && !address.starts_with('@') => &mut own.emails,
            account if account.starts_with('@') => &mut own.social,
            number if number.chars().all(|c| c.is_ascii_digit() || "+-() ".contains(c)) => &mut own.phones,
            _ => &mut own.links,
        };
        list.push(contact.clone());
    }
}
