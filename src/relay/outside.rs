//! Reports by mail: who wrote one, what it belongs to, and the receipt.

use super::{Handover, Mail, Relay, voice::Word, wording};
use crate::{
    model::{Contact, ConversationId, EventId, Fault, HandleHash, LetterKind, PartyId, Scope, Secret, Side},
    store::NewLetter,
};

/// What a report by mail belongs to.
#[derive(Clone, Debug)]
pub struct Belongs {
    /// The conversation of the one handle that was met, and which side of it wrote.
    pub place: Option<(ConversationId, Side)>,
    /// Whose address it came from, where it is one person's.
    pub reporter: Option<PartyId>,
}

impl Relay {
    /// Whose handles have this domain.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn scope_of(&self, domain: &str) -> Result<Option<Scope>, Fault> {
        Ok(self.marketplace_of(domain).await?.map(Scope::proven))
    }

    /// Whether somebody here has this address; an agent's is its shop's, and reports nothing.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn is_enrolled(&self, scope: &Scope, address: &str) -> Result<bool, Fault> {
        Ok(!self.enrolled(scope, address).await?.is_empty())
    }

    /// To whom and to what a report belongs that came from `address`. It is bound where the handles in it are of one
    /// conversation and its writer is a side of that: what a stranger's handle is in stays apart.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn belongs(
        &self,
        scope: &Scope,
        address: &str,
        met: &[(HandleHash, &'static str)],
    ) -> Result<Belongs, Fault> {
        let mut conversations: Vec<ConversationId> = Vec::new();
        for (hash, _) in met {
            let found = self.store.handle(*hash).await?.filter(|(of, _)| of == scope);
            conversations.extend(found.map(|(_, handle)| handle.conversation));
        }
        conversations.sort();
        conversations.dedup();
        let mut place = None;
        if let [only] = conversations.as_slice() {
            place = self.side_of(scope, only, address).await?.map(|side| (only.clone(), side));
        }
        let mut parties = self.enrolled(scope, address).await?;
        let reporter = parties.pop().filter(|_| parties.is_empty());
        Ok(Belongs { place, reporter })
    }

    async fn enrolled(&self, scope: &Scope, address: &str) -> Result<Vec<PartyId>, Fault> {
        let Ok(contact) = Contact::email(address) else { return Ok(Vec::new()) };
        self.store.enrolled(scope, &self.vault.tags(scope.marketplace(), &contact)).await
    }

    /// The letter that tells who reported by mail that it came, in the conversation that it belongs to; it is put
    /// together with the report, and carried until it arrives. `None`: it belongs to none.
    ///
    /// # Errors
    /// By a fault.
    pub async fn receipt(&self, scope: &Scope, of: &Belongs, report: EventId) -> Result<Option<NewLetter>, Fault> {
        let Some((conversation, to)) = &of.place else { return Ok(None) };
        let report = report.to_string();
        let listener = self.listener(scope, conversation, *to).await?;
        let (subject, text) = wording::receipt(&report, listener.as_ref().and_then(|one| one.locale()));
        let (to, kind) = (*to, LetterKind::Receipt);
        let number = Some(report.as_str());
        let word = Word {
            conversation,
            to,
            kind,
            agent: None,
            case: None,
            subject: &subject,
            text: &text,
            number,
            domain: None,
        };
        Ok(self.compose(scope, &word).await?.map(|(letter, _)| letter))
    }

    /// Tells who reported something that belongs to no conversation that it came: by one mail, tried once.
    ///
    /// # Errors
    /// By a fault.
    pub async fn acknowledge(&self, scope: &Scope, address: &str, of: &Belongs, report: EventId) -> Result<(), Fault> {
        let report = report.to_string();
        let rules = self.rules.load().book.of(scope.marketplace());
        let profile = match &of.reporter {
            Some(party) => self.store.party(scope, party).await?.map(|row| self.profile_of(scope, &row)).transpose()?,
            None => None,
        };
        let locale = profile.and_then(|profile| profile.locale.clone()).or_else(|| rules.locale.clone());
        let market = self.market(scope.marketplace()).await?;
        let (subject, text) = wording::receipt(&report, locale.as_deref());
        let from = (scope.marketplace().as_str(), "no-reply", market.domain.as_str());
        let built = self.letter(from, &subject, &text, true)?;
        let bytes = self.stamp(address, &market.domain, &built)?;
        // The null sender: nothing may come back for it.
        let mail = Mail { from: String::new(), to: Secret::new(address.to_owned()), bytes };
        if self.transport.deliver(&mail, Box::pin(async { true })).await != Handover::Delivered {
            tracing::info!(report, "a receipt did not arrive");
        }
        Ok(())
    }
}
