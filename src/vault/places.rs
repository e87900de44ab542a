//! Every place where something sealed lives, in one list: a seal opens nowhere else.

use super::Place;
use crate::model::{AgentId, ConversationId, EventId, Marketplace, OrderId, PartyId, Side, WebhookId};

macro_rules! places {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) => $table:literal, $row:expr, $column:literal;)*) => {
        impl<'a> Place<'a> {$(
            $(#[$doc])*
            pub fn $name(marketplace: &'a Marketplace $(, $arg: $type)*) -> Self {
                Place { marketplace, table: $table, row: $row, column: $column }
            }
        )*}
    };
}

places! {
    /// A marketplace's wrapped data key.
    marketplace_key() => "marketplaces", &[], "key";
    /// A party's wrapped data key.
    party_key(id: &'a PartyId) => "parties", id.as_str().as_bytes(), "key";
    /// A party's profile, under the party's key.
    profile(id: &'a PartyId) => "parties", id.as_str().as_bytes(), "profile";
    /// An agent's profile, under the party's key.
    agent(id: &'a AgentId) => "agents", id.as_str().as_bytes(), "profile";
    /// An order's facts, under the marketplace's key.
    order(id: &'a OrderId) => "orders", id.as_str().as_bytes(), "facts";
    /// A conversation's tracking numbers, under the marketplace's key.
    tracking(id: &'a ConversationId) => "conversations", id.as_str().as_bytes(), "tracking";
    /// A message's files, under the author's side key.
    files(id: &'a EventId) => "messages", &id.0, "file";
    /// salt ‖ plaintext of a message's evidence entry, under the author's side key: a
    /// [`crate::model::Kept`] where it came, words of a person where one decided.
    evidence(id: &'a EventId) => "evidence", &id.0, "private";
    /// salt ‖ plaintext of an escalated message, under the marketplace's key: an erasure of its
    /// author must not take it away from who has to see it.
    escalated(id: &'a EventId) => "evidence", &id.0, "escalated";
    /// salt ‖ plaintext of an order's facts in evidence, under the marketplace's key: one entry
    /// goes to all conversations of the order and names it.
    evidence_facts(id: &'a OrderId) => "evidence", id.as_str().as_bytes(), "facts";
    /// salt ‖ words of a letter of support, under its reader's side key: what is told to a person
    /// goes with that person.
    letter(id: &'a EventId) => "evidence", &id.0, "letter";
    /// salt ‖ words of a case's decision, under the marketplace's key.
    decision(id: &'a EventId) => "evidence", &id.0, "decision";
    /// salt ‖ words of a report that belongs to no conversation yet, under the marketplace's key.
    report(id: &'a EventId) => "reports", &id.0, "words";
    /// What is known of a registration handle, under the marketplace's key.
    registration(hash: &'a [u8; 16]) => "registrations", hash, "facts";
    /// A file of a case or report as the other side may see it, under the key of its words.
    paper(id: &'a EventId) => "papers", &id.0, "shown";
    /// A file of a case or report as it came, under the key of its words.
    paper_original(id: &'a EventId) => "papers", &id.0, "original";
    /// Who decided about a violation or a link, under the marketplace's key; who decided about an appeal or a ticket, and
    /// why, under the side key of whom it concerns.
    ruling(id: &'a EventId) => "rulings", &id.0, "ruling";
    /// The words of an appeal or a ticket, under its author's side key.
    plea(id: &'a EventId) => "pleas", &id.0, "words";
    /// What was said against a link of two sellers, under the key of whose words they are.
    objection(id: &'a EventId) => "seller_links", &id.0, "words";
    /// A rewritten message on its way out, under the author's side key.
    delivery(id: &'a EventId) => "deliveries", &id.0, "body";
    /// A side's detection window, under that side's key.
    window(id: &'a ConversationId) => "windows", id.as_str().as_bytes(), "window";
    /// A thread id, under the marketplace's key.
    thread(hash: &'a [u8; 16]) => "threads", hash, "id";
    /// Why a person is told of a disclosure later, under the marketplace's key.
    delay(id: &'a EventId) => "disclosures", &id.0, "delay";
    /// Where a webhook leads, under the marketplace's key: paths of such places are passwords more often than not.
    webhook_url(id: &'a WebhookId) => "webhooks", id.as_str().as_bytes(), "url";
    /// What signs for a webhook, the present one and the one before it, under the marketplace's key.
    webhook_secret(id: &'a WebhookId) => "webhooks", id.as_str().as_bytes(), "secret";
    /// A kept answer, under the marketplace's key.
    answer(key: &'a [u8; 32]) => "answers", key, "answer";
}

impl<'a> Place<'a> {
    /// The wrapped data key of what one side of a conversation writes.
    pub fn side_key(marketplace: &'a Marketplace, id: &'a ConversationId, side: Side) -> Self {
        let column = match side {
            Side::Buyer => "buyer_key",
            Side::Seller => "seller_key",
        };
        Place { marketplace, table: "conversations", row: id.as_str().as_bytes(), column }
    }
}
