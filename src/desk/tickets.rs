//! Tickets: a seller says that a buyer's message is abusive, and a person rules. Signals never count against a
//! buyer; only such a ruling does, and the message leaves the seller's metrics with it.

use crate::{
    model::{AgentId, Breach, ConversationId, EntryKind, EventId, PartyId, Scope, Side},
    store::{NewEntry, NewTicket, TicketRow, TicketRuling},
};

use super::{
    Declined, Desk, Wrong,
    appeals::{Heard, check_words},
    entry,
};

/// A ticket with what was sealed of it.
#[derive(Clone, Debug)]
pub struct TicketView {
    /// Its id.
    pub id: EventId,
    /// In which conversation.
    pub conversation: ConversationId,
    /// By which seller.
    pub seller: PartyId,
    /// About which message.
    pub message: EventId,
    /// What is said to be wrong with it.
    pub breach: Breach,
    /// What was said, and what became of it.
    pub heard: Heard,
}

/// A ticket as it is asked for.
pub struct TicketForm<'a> {
    /// In which conversation.
    pub conversation: &'a ConversationId,
    /// About which message of the buyer.
    pub message: EventId,
    /// What is wrong with it.
    pub breach: Breach,
    /// The seller's words.
    pub words: Option<&'a str>,
    /// Which agent asks.
    pub agent: Option<AgentId>,
}

impl Desk {
    /// Files a ticket: one for a message; the same again is told the first. `true`: it is new.
    ///
    /// # Errors
    /// When the buyer wrote no such message there, a field is wrong, or by a fault.
    pub async fn file_ticket(&self, scope: &Scope, form: TicketForm<'_>) -> Result<(TicketView, bool), Declined> {
        if let Some(words) = form.words {
            check_words("text", words)?;
        }
        if self.rules(scope).enforcement.buyer.base(form.breach).is_none() {
            return Err(Wrong::unfit("breach", "not one that counts against a buyer here"));
        }
        self.row(scope, form.conversation).await?;
        let now = self.now();
        let id = self.draw_id(now)?;
        let words = match form.words {
            Some(words) => self.seal_plea(scope, form.conversation, Side::Seller, id, words).await?,
            None => None,
        };
        let facts = format!("ticket={id} breach={}", form.breach.as_str());
        let filed = entry(now, EntryKind::TicketFiled, Some(Side::Seller), facts);
        let ticket = NewTicket {
            id,
            conversation: form.conversation.clone(),
            message: form.message,
            breach: form.breach,
            agent: form.agent,
            at: now,
            words,
            entry: NewEntry { message: Some(form.message), ..filed },
        };
        let (row, created) = self
            .store
            .file_ticket(scope, ticket)
            .await?
            .ok_or_else(|| Wrong::unfit("message", "the buyer wrote no such message in this conversation"))?;
        Ok((self.ticket_view(scope, row).await?, created))
    }

    /// Tickets, oldest first; a seller sees its own.
    ///
    /// # Errors
    /// By a fault.
    pub async fn tickets(
        &self,
        scope: &Scope,
        seller: Option<&PartyId>,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<TicketView>, Declined> {
        let mut views = Vec::new();
        for row in self.store.tickets(scope, seller, after, limit).await? {
            views.push(self.ticket_view(scope, row).await?);
        }
        Ok(views)
    }

    /// In which conversation a ticket is: its seller reads the reason of its ruling.
    ///
    /// # Errors
    /// When there is none, or by a fault.
    pub async fn ticket_reader(&self, scope: &Scope, id: EventId) -> Result<(ConversationId, Side), Declined> {
        let ticket = self.store.ticket(scope, id).await?.ok_or(Declined::NotFound)?;
        Ok((ticket.conversation, Side::Seller))
    }

    /// Rules on a ticket. The reason is told to the seller: nothing that leads to a person may be in it any more.
    ///
    /// # Errors
    /// When it is not open, a field is wrong, or by a fault.
    pub async fn rule_ticket(
        &self,
        scope: &Scope,
        id: EventId,
        upheld: bool,
        (actor, reason): (&str, &str),
    ) -> Result<TicketView, Declined> {
        let ticket = self.store.ticket(scope, id).await?.ok_or(Declined::NotFound)?;
        let now = self.now();
        let base = self.rules(scope).enforcement.buyer.base(ticket.breach).unwrap_or(0);
        let outcome = if upheld { "upheld" } else { "dismissed" };
        let ruled = entry(now, EntryKind::TicketRuled, None, format!("ticket={id} outcome={outcome}"));
        let ruling = TicketRuling {
            id,
            violation: if upheld { Some((self.draw_id(now)?, base)) } else { None },
            at: now,
            ruling: self.seal_ruling(scope, id, actor, reason).await?,
            ruler: self.seal_ruler(scope, ticket.message, actor).await?,
            arbiter: self.arbiter(scope, Side::Buyer),
            entry: NewEntry { message: Some(ticket.message), ..ruled },
        };
        if !self.store.rule_ticket(scope, ruling).await? {
            return Err(Wrong::unfit("id", "it was decided before"));
        }
        let row = self.store.ticket(scope, id).await?.ok_or(Declined::NotFound)?;
        self.ticket_view(scope, row).await
    }

    async fn ticket_view(&self, scope: &Scope, row: TicketRow) -> Result<TicketView, Declined> {
        let words = self.open_plea(scope, &row.conversation, Side::Seller, row.id, row.words.as_deref()).await?;
        let heard = self.heard(scope, row.id, (row.at, words), (row.outcome, row.ruling.as_deref())).await?;
        Ok(TicketView {
            id: row.id,
            conversation: row.conversation,
            seller: row.seller,
            message: row.message,
            breach: row.breach,
            heard,
        })
    }
}
