//! Messages as a side sees them, and as the marketplace does.

use std::collections::HashMap;

use crate::{
    model::{
        AgentId, Channel, ConversationId, EntryKind, EventId, Fault, Kept, MessageState, Reason, Scope, Side, Timestamp,
    },
    store::{ConversationRow, MessageRow},
    vault::{DataKey, Place},
};

use super::{Declined, Desk};

/// A message with what was sealed of it; `kept` is `None` after its author was erased, after its text grew too old, and
/// of a message that was escalated.
#[derive(Clone, Debug)]
pub struct MessageView {
    /// Its id.
    pub id: EventId,
    /// In which conversation.
    pub conversation: ConversationId,
    /// Position in the conversation, from 1.
    pub seq: u64,
    /// Who wrote it.
    pub from: Side,
    /// Which agent.
    pub agent: Option<AgentId>,
    /// By which way.
    pub channel: Channel,
    /// When it was received.
    pub at: Timestamp,
    /// Where it is in its life.
    pub state: MessageState,
    /// Why not: for the marketplace only.
    pub reason: Option<Reason>,
    /// As it came, as it is shown, and why.
    pub kept: Option<Kept>,
    /// It was escalated: nobody is shown it.
    pub sealed: bool,
}

/// One page of messages.
pub struct Page {
    /// The messages.
    pub messages: Vec<MessageView>,
    /// Where the next page begins; `None`: there was no more.
    pub next: Option<u64>,
}

impl Desk {
    /// One message, for the marketplace.
    ///
    /// # Errors
    /// When there is none, or by a fault.
    pub async fn message(&self, scope: &Scope, id: EventId) -> Result<MessageView, Declined> {
        let row = self.store.message(scope, id).await?.ok_or(Declined::NotFound)?;
        let conversation = self.row(scope, &row.conversation).await?;
        let key = self.side_key(scope, &conversation, row.from)?;
        Ok(opened(scope, row, key.as_ref())?)
    }

    /// What `side` sees: its own messages whatever their state, of the other side only those
    /// that were delivered.
    ///
    /// # Errors
    /// When there is no such conversation, or by a fault.
    pub async fn messages_as(
        &self,
        scope: &Scope,
        id: &ConversationId,
        side: Side,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Page, Declined> {
        let conversation = self.row(scope, id).await?;
        let rows = self.store.messages(scope, id, after, limit).await?;
        let next = rows.last().filter(|_| rows.len() == limit).map(|row| row.seq);
        let own = self.side_key(scope, &conversation, side)?;
        let other = self.side_key(scope, &conversation, side.other())?;
        let mut messages = Vec::with_capacity(rows.len());
        for row in rows {
            let mine = row.from == side;
            if mine || row.state == MessageState::Delivered {
                let mut view = opened(scope, row, if mine { own.as_ref() } else { other.as_ref() })?;
                // What is sealed waits for ever; its author sees it end like anything that is held.
                if view.sealed && self.now().since(view.at) >= self.rules(scope).content.hold.max {
                    view.state = MessageState::Refused;
                }
                messages.push(view);
            }
        }
        Ok(Page { messages, next })
    }

    /// Shows withheld messages as queued until their sender is told of them at a fixed hour:
    /// the moment of a barrier must not be read off a list.
    ///
    /// # Errors
    /// By a fault.
    pub async fn veil_withheld(
        &self,
        scope: &Scope,
        id: &ConversationId,
        messages: &mut [MessageView],
    ) -> Result<(), Fault> {
        if messages.iter().all(|m| m.state != MessageState::Withheld) {
            return Ok(());
        }
        let withheld = self.withheld_at(scope, id).await?;
        let (rules, now) = (self.rules(scope), self.now());
        for message in messages.iter_mut().filter(|m| m.state == MessageState::Withheld) {
            let told = withheld.get(&message.id).is_some_and(|at| rules.notices.next(*at) <= now);
            if !told {
                message.state = MessageState::Queued;
            }
        }
        Ok(())
    }

    async fn withheld_at(&self, scope: &Scope, id: &ConversationId) -> Result<HashMap<EventId, Timestamp>, Fault> {
        const BATCH: usize = 500;
        let (mut found, mut from) = (HashMap::new(), 0);
        loop {
            let rows = self.store.evidence(scope, id, from, BATCH).await?;
            let Some(last) = rows.last() else { return Ok(found) };
            from = last.entry.seq + 1;
            let withheld = rows.iter().filter(|row| row.entry.kind == EntryKind::MessageWithheld);
            found.extend(withheld.filter_map(|row| Some((row.entry.message?, row.entry.at))));
            if rows.len() < BATCH {
                return Ok(found);
            }
        }
    }

    pub(super) fn side_key(
        &self,
        scope: &Scope,
        conversation: &ConversationRow,
        side: Side,
    ) -> Result<Option<DataKey>, Fault> {
        let place = Place::side_key(scope.marketplace(), &conversation.id, side);
        conversation.key(side).map(|wrapped| self.vault.unwrap(wrapped, &place)).transpose()
    }
}

pub(super) fn opened(scope: &Scope, row: MessageRow, key: Option<&DataKey>) -> Result<MessageView, Fault> {
    let sealed = row.reason == Some(Reason::Escalated);
    let kept = match key {
        // A text that was too old is gone while its author's key is there.
        Some(key) if !sealed && !row.sealed.is_empty() => {
            Some(read_kept(&key.open_committed(&Place::evidence(scope.marketplace(), &row.id), &row.sealed)?)?)
        }
        _ => None,
    };
    Ok(MessageView {
        id: row.id,
        conversation: row.conversation,
        seq: row.seq,
        from: row.from,
        agent: row.agent,
        channel: row.channel,
        at: row.at,
        state: row.state,
        reason: row.reason,
        kept,
        sealed,
    })
}

fn read_kept(bytes: &[u8]) -> Result<Kept, Fault> {
    serde_json::from_slice(bytes).map_err(|e| Fault::new("reading a kept message", e))
}
