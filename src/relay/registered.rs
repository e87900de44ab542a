//! What comes to a handle that a buyer gave to somebody else than the seller: from a domain that may, it becomes a
//! letter to the buyer, cleaned as what support writes is, with the links of that domain. It is no message of the
//! seller, who never sees it; and where the seller may not write, neither may anybody whom the buyer met through it.

use super::{Relay, Route, postmaster::words, voice::Word};
use crate::{
    model::{
        Content, ConversationId, DomainState, EntryKind, Fault, LetterKind, Reason, Refusal, Registration, Scope, Side,
    },
    policy::contact::closed_to_words,
    store::{NewEntry, RegistrationChange, RegistrationRow},
    vault::Place,
};

/// How mail to a registration handle was met.
#[derive(Clone, Debug)]
pub enum Welcome {
    /// It is ours, and goes on to the buyer.
    Taken,
    /// The buyer was asked whether its domain may write: its host is to come again.
    Asked,
    /// The contact policy says no.
    Refused(Refusal),
    /// Nobody is here for it.
    Stranger,
}

impl Relay {
    /// Meets mail to a registration handle; `domain` is that of its proven author, as it is registered.
    ///
    /// # Errors
    /// By a fault.
    pub async fn welcome(&self, route: &Route, domain: &str, content: &Content) -> Result<Welcome, Fault> {
        let scope = &route.scope;
        let row = self.store.registration(scope, route.hash).await?;
        let Some(row) = row.filter(|row| row.handle.shut.is_none()) else { return Ok(Welcome::Stranger) };
        let facts = self.registration(scope, &row).await?;
        match facts.said_of(domain) {
            Some(DomainState::Allowed) => {}
            Some(DomainState::Asked) => return Ok(Welcome::Asked),
            Some(DomainState::Refused) => return Ok(Welcome::Stranger),
            None => return self.ask_the_buyer(scope, row, facts, domain).await,
        }
        if let Some(reason) = self.closed_to_seller(scope, &row.handle.conversation).await? {
            return Ok(Welcome::Refused(Refusal::new(reason)));
        }
        let subject = format!("{domain}: {}", content.subject.as_deref().unwrap_or_default());
        let text: String = words(content).chars().take(MOST_WORDS).collect();
        let (conversation, kind) = (&row.handle.conversation, LetterKind::Registration);
        let (to, subject, text) = (Side::Buyer, subject.trim(), text.trim());
        let word =
            Word { conversation, to, kind, agent: None, case: None, subject, text, number: None, domain: Some(domain) };
        let told = self.speak(scope, &[word]).await?;
        self.wake_cases();
        Ok(if told.is_some() { Welcome::Taken } else { Welcome::Stranger })
    }

    /// Whether the seller of a conversation may write nothing free now.
    pub(super) async fn closed_to_seller(
        &self,
        scope: &Scope,
        conversation: &ConversationId,
    ) -> Result<Option<Reason>, Fault> {
        let state = self.store.pair(scope, conversation, self.clock.now()).await?;
        let rules = self.rules.load().book.of(scope.marketplace());
        Ok(state.map_or(Some(Reason::Closed), |state| closed_to_words(&state, Side::Seller, &rules.contact)))
    }

    async fn registration(&self, scope: &Scope, row: &RegistrationRow) -> Result<Registration, Fault> {
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
        let kind = EntryKind::RegistrationAsked;
        let entry = NewEntry { at, kind, by: None, message: None, facts: String::new(), private: None };
        // Where somebody else changed it meanwhile, the next try asks.
        self.store.change_registration(scope, RegistrationChange { hash, version: row.version, sealed, entry }).await?;
        Ok(Welcome::Asked)
    }
}

/// Characters of a letter: more than a person reads.
const MOST_WORDS: usize = 20_000;
