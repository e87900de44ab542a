//! What comes to a handle that a buyer gave to somebody else than the seller: from a domain that may, it becomes a
//! letter to the buyer, cleaned as what support writes is, with the links of that domain, and under that domain's name.
//! It is no message of the seller, who never sees it; nobody who is enrolled here writes by it, and while a block, a stop,
//! a review or a restriction stands between the two, nobody at all does.

use super::{Relay, Route, postmaster::words, voice::Word};
use crate::{
    detect::{Piece, Window},
    judges::{Case, Hit, Ruling},
    model::{
        Contact, Content, ConversationId, DomainState, EntryKind, Fault, LetterKind, Part, Reason, Refusal,
        Registration, Scope, Side, Verdict,
    },
    policy::{
        contact::closed_to_others,
        content::decide_at_once,
        voice::{speaks_as, wears},
    },
    store::{AnsweredRow, Idempotency, NewEntry, RegistrationChange, RegistrationRow},
    vault::Place,
};

/// How mail to a registration handle was met.
#[derive(Clone, Debug)]
pub enum Welcome {
    /// It is ours, and goes on to the buyer.
    Taken,
    /// The buyer was asked whether its domain may write: its host is to come again.
    Asked,
    /// A policy says no.
    Refused(Refusal),
    /// Nobody is here for it.
    Stranger,
}

impl Relay {
    /// Meets mail to a registration handle. `author` is who was proven to have written it, with the domain as it is
    /// registered; `asked` names the mail, so that it becomes one letter however often it comes.
    ///
    /// # Errors
    /// By a fault.
    pub async fn welcome(
        &self,
        route: &Route,
        (address, domain): (&str, &str),
        content: &Content,
        asked: Idempotency,
    ) -> Result<Welcome, Fault> {
        let scope = &route.scope;
        let row = self.store.registration(scope, route.hash).await?;
        let Some(row) = row.filter(|row| row.handle.shut.is_none()) else { return Ok(Welcome::Stranger) };
        if self.has_own_handle(scope, &row.handle.conversation, address).await? {
            return Ok(Welcome::Stranger);
        }
        let facts = self.registration_facts(scope, &row).await?;
        let closed = self.closed_to_others(scope, &row.handle.conversation).await?;
        match (facts.said_of(domain), closed) {
            (Some(DomainState::Refused), _) => Ok(Welcome::Stranger),
            (Some(DomainState::Allowed), Some(reason)) => Ok(Welcome::Refused(Refusal::new(reason))),
            (Some(DomainState::Allowed), None) => self.pass_on(scope, &row, domain, content, asked).await,
            (_, Some(_)) => Ok(Welcome::Stranger),
            (Some(DomainState::Asked), None) => Ok(Welcome::Asked),
            (None, None) => self.ask_the_buyer(scope, row, facts, domain).await,
        }
    }

    /// Whether an address is of somebody who is enrolled here, or of one of the seller's agents.
    async fn has_own_handle(&self, scope: &Scope, id: &ConversationId, address: &str) -> Result<bool, Fault> {
        let Ok(contact) = Contact::email(address) else { return Ok(true) };
        let tags = self.vault.tags(scope.marketplace(), &contact);
        let agent = self.store.speaks(scope, id, Side::Seller, &tags).await?.is_some();
        Ok(agent || !self.store.enrolled(scope, &tags).await?.is_empty())
    }

    /// Why nobody may reach the buyer of a conversation from around its seller now.
    async fn closed_to_others(&self, scope: &Scope, conversation: &ConversationId) -> Result<Option<Reason>, Fault> {
        let state = self.store.pair(scope, conversation, self.clock.now()).await?;
        let rules = self.rules.load().book.of(scope.marketplace());
        Ok(state.map_or(Some(Reason::Closed), |state| closed_to_others(&state, &rules.contact)))
    }

    /// Whether what a domain wrote may still be handed over: the buyer may have closed the handle, or said no since.
    pub(super) async fn still_welcome(
        &self,
        scope: &Scope,
        conversation: &ConversationId,
        domain: &str,
    ) -> Result<bool, Fault> {
        if self.closed_to_others(scope, conversation).await?.is_some() {
            return Ok(false);
        }
        for row in self.store.registrations(scope, conversation).await? {
            let allowed = self.registration_facts(scope, &row).await?.said_of(domain) == Some(DomainState::Allowed);
            if allowed && row.handle.shut.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn pass_on(
        &self,
        scope: &Scope,
        row: &RegistrationRow,
        domain: &str,
        content: &Content,
        asked: Idempotency,
    ) -> Result<Welcome, Fault> {
        let conversation = &row.handle.conversation;
        let (subject, text) = (content.subject.as_deref().unwrap_or_default(), words(content));
        let text: String = text.trim().chars().take(MOST_WORDS).collect();
        if self.is_unfit(scope, conversation, (subject, &text)).await? {
            return Ok(Welcome::Refused(Refusal::new(Reason::Content)));
        }
        let kind = LetterKind::Registration;
        let (to, agent, case, number, from) = (Side::Buyer, None, None, None, Some(domain));
        let word = Word { conversation, to, kind, agent, case, subject, text: &text, number, domain: from };
        let Some((mut letter, spoken)) = self.compose(scope, &word).await? else { return Ok(Welcome::Stranger) };
        if self.is_judged_unfit(scope, (spoken.subject, spoken.text)).await? {
            return Ok(Welcome::Refused(Refusal::new(Reason::Content)));
        }
        let (market, key) = (self.market(scope.marketplace()).await?, asked.key);
        let sealed = market.key.seal(&Place::answer(scope.marketplace(), &key), &OK.to_be_bytes())?;
        letter.answer = Some(AnsweredRow { idempotency: asked, sealed });
        let taken = self.store.put_letters(scope, vec![letter]).await?
            || self.store.answered(scope, key, self.clock.now()).await?.is_some();
        self.wake_cases();
        Ok(if taken { Welcome::Taken } else { Welcome::Stranger })
    }

    /// Whether a seller could not write this either, or it stands under the name of support.
    async fn is_unfit(
        &self,
        scope: &Scope,
        conversation: &ConversationId,
        (subject, text): (&str, &str),
    ) -> Result<bool, Fault> {
        let Some(listener) = self.listener(scope, conversation, Side::Buyer).await? else { return Ok(false) };
        let pieces = [Piece { part: Part::Subject, text: subject }, Piece { part: Part::Text(0), text }];
        let report = self.rules.load().detect.scan(&pieces, &listener.context, &Window::default());
        let verdict = decide_at_once(&[], &report.signals, Side::Seller, &listener.rules.content);
        let mark = self.folded_mark(scope);
        let [subject, text] = [subject, text].map(super::scrub::folded);
        Ok(verdict >= Verdict::Hold || wears(&subject, &mark) || speaks_as(&text, &mark))
    }

    /// Whether the marketplace's judges have anything against the letter as the buyer would get it. Nobody looks at what
    /// comes this way: where a message would be held, or sealed away, its host is refused.
    async fn is_judged_unfit(&self, scope: &Scope, (subject, text): (String, String)) -> Result<bool, Fault> {
        let panel = self.rules.load().panels.of(scope.marketplace()).clone();
        let cleaned = Content { subject: Some(subject), text: Some(text), ..Content::default() };
        let hits = panel.hear(Case { cleaned: &cleaned, came: &[] }, self.vault.luck()).await?;
        Ok(Hit::gravest(&hits) > Ruling::Pass)
    }

    fn folded_mark(&self, scope: &Scope) -> String {
        let rules = self.rules.load().book.of(scope.marketplace());
        let name = &rules.footer.name;
        super::scrub::folded(&rules.voice.mark(if name.is_empty() { scope.marketplace().as_str() } else { name }))
    }

    async fn registration_facts(&self, scope: &Scope, row: &RegistrationRow) -> Result<Registration, Fault> {
        let market = self.market(scope.marketplace()).await?;
        let json = market.key.open(&Place::registration(scope.marketplace(), &row.handle.hash.0), &row.sealed)?;
        serde_json::from_slice(&json).map_err(|e| Fault::new("reading a registration", e))
    }

    async fn ask_the_buyer(
        &self,
        scope: &Scope,
        row: RegistrationRow,
        mut facts: Registration,
        domain: &str,
    ) -> Result<Welcome, Fault> {
        let at = self.clock.now();
        if !facts.say(domain, DomainState::Asked, at) {
            return Ok(Welcome::Stranger);
        }
        let market = self.market(scope.marketplace()).await?;
        let json = serde_json::to_vec(&facts).map_err(|e| Fault::new("writing a registration", e))?;
        let hash = row.handle.hash;
        let sealed = market.key.seal(&Place::registration(scope.marketplace(), &hash.0), &json)?;
        let (kind, facts) = (EntryKind::RegistrationAsked, format!("registration={}", row.handle.epoch));
        let entry = NewEntry { at, kind, by: None, message: None, facts, private: None };
        // Where somebody else changed it meanwhile, the next try asks.
        self.store.change_registration(scope, RegistrationChange { hash, version: row.version, sealed, entry }).await?;
        Ok(Welcome::Asked)
    }
}

/// Characters of a letter: more than a person reads.
const MOST_WORDS: usize = 20_000;
/// What was answered to the host that brought it.
const OK: u16 = 250;
