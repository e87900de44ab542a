//! Held messages: a person looks, and releases or refuses.

use crate::{
    model::{EntryKind, EventId, Fault, MessageState, Reason, Scope},
    store::{HeldDecision, HeldRuling, NewEntry},
    vault::Place,
};

use super::{
    Declined, Desk, Wrong, entry,
    messages::{MessageView, opened},
    parties::fits,
};

/// A person's word on a held message.
pub struct Decided<'a> {
    /// `true`: release; `false`: refuse.
    pub release: bool,
    /// Why, in the person's words: sealed.
    pub reason: &'a str,
    /// Who decided, as the marketplace names its staff: sealed.
    pub actor: &'a str,
}

impl Desk {
    /// Held messages with their position from 1: what was escalated first and without its words,
    /// then in order of arrival.
    ///
    /// # Errors
    /// By a fault.
    pub async fn held(
        &self,
        scope: &Scope,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<(u64, MessageView)>, Declined> {
        let mut views = Vec::new();
        for (position, row) in self.store.held(scope, after, limit).await? {
            let conversation = self.row(scope, &row.conversation).await?;
            let key = self.side_key(scope, &conversation, row.from)?;
            views.push((position, opened(scope, row, key.as_ref())?));
        }
        Ok(views)
    }

    /// Releases or refuses a held message. A release passes the delivery judgement again: a
    /// message from before a barrier becomes `withheld`.
    ///
    /// # Errors
    /// When the message is not held (any more), a field is wrong, what was escalated is to be
    /// released, or by a fault.
    pub async fn decide(&self, scope: &Scope, id: EventId, decided: &Decided<'_>) -> Result<MessageView, Declined> {
        if !fits(decided.reason, 1_000) {
            return Err(Wrong::field("reason", "1 to 1000 characters without control characters"));
        }
        if !fits(decided.actor, 64) {
            return Err(Wrong::field("actor", "1 to 64 characters without control characters"));
        }
        let row = self.store.message(scope, id).await?.ok_or(Declined::NotFound)?;
        if row.state != MessageState::Held {
            return Err(Declined::NotFound);
        }
        if decided.release && row.reason == Some(Reason::Escalated) {
            return Err(Wrong::unfit("decision", "what was escalated is never released"));
        }
        let conversation = self.row(scope, &row.conversation).await?;
        let key = self.side_key(scope, &conversation, row.from)?;
        let now = self.now();
        let kind = if decided.release { EntryKind::MessageReleased } else { EntryKind::MessageRefused };
        let plaintext = serde_json::to_vec(&serde_json::json!({ "reason": decided.reason, "actor": decided.actor }))
            .map_err(|e| Fault::new("writing a decision", e))?;
        let private = match &key {
            Some(key) => Some(key.commit(&Place::evidence(scope.marketplace(), &id), &plaintext)?),
            None => None,
        };
        let decision = HeldDecision {
            id,
            release: decided.release,
            at: now,
            notice_due: self.rules(scope).notices.next(now),
            ruling: HeldRuling {
                ruler: Some(self.seal_ruler(scope, id, decided.actor).await?),
                arbiter: self.arbiter(scope, row.from),
            },
            entry: NewEntry { message: Some(id), private, ..entry(now, kind, None, "cause=person") },
        };
        let row = self.store.decide(scope, decision).await?.ok_or(Declined::NotFound)?;
        Ok(opened(scope, row, key.as_ref())?)
    }
}
