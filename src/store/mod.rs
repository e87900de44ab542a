//! What the house remembers.
//!
//! Each method is one whole transaction, never a row: what it returns is durable (the commit
//! has been synced) or it did not happen. [`Ledger`] holds the transactions that must be exact
//! under concurrency: acceptance with its budgets, claims of deliveries, barriers. [`Store`] is
//! the ledger and everything else. `conformance` is one suite that every ledger passes.
//!
//! # Security
//! Imports only `model`. Sees sealed bytes, hashes and the marketplace's own ids, never a key
//! and never a contact in clear. [`Scope`] is the first argument wherever one marketplace's rows
//! are read or written; the few calls without it (finding a handle, a token, a due delivery)
//! return the scope they prove.

mod cases;
#[cfg(test)]
mod conformance;
mod enforcement;
mod links;
mod numbers;
mod outbox;
mod persons;
mod pickups;
#[cfg(feature = "postgres")]
pub mod postgres;
mod registrations;
mod rights;
mod rows;
mod schema;
pub mod sqlite;
mod webhooks;
mod words;

use std::{future::Future, pin::Pin};

pub use cases::Cases;
pub use enforcement::*;
pub use links::*;
pub use numbers::*;
pub use persons::*;
pub use pickups::*;
pub use registrations::*;
pub use rights::*;
pub use rows::*;
pub use webhooks::*;

use crate::model::{
    AgentId, Closed, ConversationId, Duration, EventId, Fault, HandleHash, Marketplace, OrderId, PartyId, ReviewId,
    Said, Scope, Side, Timestamp,
};

/// A transaction under way.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// The pure contact policy, run inside the writer's transaction on exact state. It may run
/// more than once (a serialisation failure is retried) and must not block.
pub type Judge = Box<dyn Fn(&PairState) -> Decision + Send + Sync>;

/// When so much open time has gone by since a moment, with these times closed in between.
pub type Due = fn(Timestamp, Duration, &[Closed]) -> Timestamp;

/// What must be exact whoever else writes at the same time.
pub trait Ledger: Send + Sync {
    /// Accepts, holds or refuses a message: idempotency, `judge` on the pair's exact state,
    /// debit, evidence entry, detection window and deliveries in one transaction. With a lease the
    /// deliveries that find their lane empty are claimed and returned at once. A refused
    /// message is recorded too (state `refused`, nothing debited, nothing to deliver). An escalated
    /// one is held for the reason `escalated`, and its author's notice is due at its time.
    fn record<'a>(&'a self, scope: &'a Scope, record: Record, judge: Judge) -> Answer<'a, Recorded>;

    /// Takes up to `limit` due deliveries for `lease`: whole lanes in order, a lane being one
    /// direction of one conversation. The head of a lane that is not due holds its lane. A
    /// delivery whose epoch is no longer its pair's is withheld here and not returned.
    fn claim(&self, now: Timestamp, lease: Duration, limit: usize) -> Answer<'_, Vec<Delivery>>;

    /// Whether a claimed delivery may still happen: looked at again before the final dot.
    fn still_current<'a>(&'a self, delivery: &'a Delivery) -> Answer<'a, bool>;

    /// Records how claimed deliveries ended, many in one commit. May be committed a little
    /// later together with other work: it is lost at worst to a repeated delivery. `true`: something
    /// else may be due now, since it stood behind one of these.
    fn settle(&self, outcomes: Vec<Settled>) -> Answer<'_, bool>;

    /// A review as a barrier: raises the epoch of every pair of the seller's group with this
    /// buyer, withholds what is accepted and not claimed, gives the debits back, and leaves a
    /// notice due at `notice_due` for the sender of each. The same or a raised rating of a known
    /// review is no new barrier and never loosens; a lowered one is. What the seller's side got
    /// through before a change, or before a review that came late, is written to the evidence.
    fn review<'a>(&'a self, scope: &'a Scope, review: NewReview) -> Answer<'a, Option<Barrier>>;

    /// A side asks for no contact (`blocked`), or takes that back. A block is a barrier too.
    fn block<'a>(&'a self, scope: &'a Scope, block: NewBlock) -> Answer<'a, Option<Barrier>>;

    /// A case changes what the pair's seller may write. A decision is a barrier like a review.
    fn narrow<'a>(&'a self, scope: &'a Scope, narrowing: NewNarrowing) -> Answer<'a, Option<Barrier>>;

    /// Restricts a seller and with it its group, towards one buyer or all. Messaging withdrawn is a
    /// barrier: what is accepted and not delivered is withheld when its turn comes. `false`: there
    /// is no such seller or buyer. The same id again changes nothing.
    fn restrict<'a>(&'a self, scope: &'a Scope, new: NewRestriction) -> Answer<'a, bool>;

    /// Ends a restriction now; `false`: there is none under this id, or it was lifted before.
    fn lift<'a>(&'a self, scope: &'a Scope, lift: LiftRestriction) -> Answer<'a, bool>;

    /// The pair's state as [`Ledger::record`] would judge it at `now`, without changing it.
    fn pair<'a>(
        &'a self,
        scope: &'a Scope,
        conversation: &'a ConversationId,
        now: Timestamp,
    ) -> Answer<'a, Option<PairState>>;
}

/// What [`Store::key_use`] says of rows that do not tell which key of the ring they are indexed under: real ones begin
/// with 1.
pub const UNTOLD_KEY: u32 = 0;

/// Everything that is remembered.
pub trait Store: Ledger + Cases + Links + Numbers + Persons + Pickups + Registrations + Webhooks {
    // Marketplaces and credentials

    /// Adds a marketplace with its mail domain, its wrapped data key and nothing else.
    /// `false`: the name or the domain is taken.
    fn add_marketplace(&self, row: MarketplaceRow) -> Answer<'_, bool>;
    /// All marketplaces, by name.
    fn marketplaces(&self) -> Answer<'_, Vec<MarketplaceRow>>;
    /// The scope of every marketplace, for what is done by the clock.
    fn scopes(&self) -> Answer<'_, Vec<Scope>>;
    /// Adds a token; only its SHA-256 is kept.
    fn add_token<'a>(&'a self, scope: &'a Scope, row: TokenRow) -> Answer<'a, ()>;
    /// Finds a live token by SHA-256: neither revoked nor expired at `now`.
    fn token(&self, hash: [u8; 32], now: Timestamp) -> Answer<'_, Option<(Scope, TokenRow)>>;
    /// All tokens of a marketplace, newest first.
    fn tokens<'a>(&'a self, scope: &'a Scope) -> Answer<'a, Vec<TokenRow>>;
    /// Revokes a token by its public id; `false`: none such.
    fn revoke_token<'a>(&'a self, scope: &'a Scope, id: EventId, at: Timestamp) -> Answer<'a, bool>;

    // Parties

    /// Creates or replaces a party, its wrapped key (kept when it exists) and its index rows.
    fn put_party<'a>(&'a self, scope: &'a Scope, row: PartyRow) -> Answer<'a, ()>;
    /// One party.
    fn party<'a>(&'a self, scope: &'a Scope, id: &'a PartyId) -> Answer<'a, Option<PartyRow>>;
    /// Erases: profile, index rows, wrapped key of the party and of its conversations' sides,
    /// handles retired, queued mail for the party failed; what stays is returned in words.
    /// The evidence chain still verifies. Returns `None` when there is no such party.
    fn forget_party<'a>(&'a self, scope: &'a Scope, id: &'a PartyId, at: Timestamp) -> Answer<'a, Option<Forgotten>>;
    /// Creates or replaces an agent of a seller; `false`: no such party.
    fn put_agent<'a>(&'a self, scope: &'a Scope, row: AgentRow) -> Answer<'a, bool>;
    /// One agent.
    fn agent<'a>(&'a self, scope: &'a Scope, party: &'a PartyId, id: &'a AgentId) -> Answer<'a, Option<AgentRow>>;
    /// Finds the agent that an SMTP user name belongs to.
    fn agent_by_login<'a>(&'a self, login: &'a str) -> Answer<'a, Option<(Scope, AgentRow)>>;
    /// Replaces the certificates (SHA-256) by which an agent logs in; `false`: no such agent, or one of them is another
    /// agent's.
    fn put_certificates<'a>(
        &'a self,
        scope: &'a Scope,
        party: &'a PartyId,
        agent: &'a AgentId,
        fingerprints: Vec<[u8; 32]>,
    ) -> Answer<'a, bool>;
    /// Whose certificate this is in the marketplace.
    fn agent_by_certificate<'a>(
        &'a self,
        scope: &'a Scope,
        fingerprint: [u8; 32],
    ) -> Answer<'a, Option<(PartyId, AgentId)>>;
    /// Who of a conversation's side (the party itself, its agents) owns a contact with one of
    /// these index tags: `None` nobody, `Some(None)` the party, `Some(Some(agent))` an agent.
    fn speaks<'a>(
        &'a self,
        scope: &'a Scope,
        conversation: &'a ConversationId,
        side: Side,
        tags: &'a [IndexTag],
    ) -> Answer<'a, Option<Option<AgentId>>>;

    /// What a seller and its group are restricted to at `now`.
    fn restrictions<'a>(
        &'a self,
        scope: &'a Scope,
        seller: &'a PartyId,
        now: Timestamp,
    ) -> Answer<'a, Vec<RestrictionRow>>;

    // Orders and conversations

    /// Creates or replaces an order's facts and appends them to the evidence of its
    /// conversations (`entries` makes the entry for a conversation's key).
    fn put_order<'a>(&'a self, scope: &'a Scope, row: OrderRow, entry: NewEntry) -> Answer<'a, ()>;
    /// One order.
    fn order<'a>(&'a self, scope: &'a Scope, id: &'a OrderId) -> Answer<'a, Option<OrderRow>>;
    /// Creates a conversation with its keys and handles, or replaces what a PUT may replace
    /// (order, listing, tracking, expiry, delivery); keys, parties and handles of an existing
    /// one stay. Returns the row as it is now.
    fn put_conversation<'a>(&'a self, scope: &'a Scope, new: NewConversation) -> Answer<'a, PutConversation>;
    /// One conversation.
    fn conversation<'a>(&'a self, scope: &'a Scope, id: &'a ConversationId) -> Answer<'a, Option<ConversationRow>>;
    /// A conversation with all that a message written by `from` is judged and rewritten with,
    /// on one moment of the store.
    fn scene<'a>(
        &'a self,
        scope: &'a Scope,
        id: &'a ConversationId,
        from: Side,
        now: Timestamp,
    ) -> Answer<'a, Option<Scene>>;
    /// [`Ledger::still_current`] with what the handover needs; `None`: it may not happen.
    fn boarding<'a>(&'a self, delivery: &'a Delivery) -> Answer<'a, Option<Boarding>>;
    /// Conversations by order, buyer, seller: ordered by id after `after`.
    fn conversations<'a>(&'a self, scope: &'a Scope, filter: ConversationFilter) -> Answer<'a, Vec<ConversationRow>>;

    // Handles

    /// Finds what a handle stands for, whatever its state: the row proves the scope.
    fn handle(&self, hash: HandleHash) -> Answer<'_, Option<(Scope, HandleRow)>>;
    /// The handles of a conversation that were not replaced, and those still in their grace.
    fn handles<'a>(&'a self, scope: &'a Scope, conversation: &'a ConversationId) -> Answer<'a, Vec<HandleRow>>;
    /// Replaces a side's handles: the old ones retire at `at`, the new ones are active. Writes
    /// the entry. A rotation by time passes `unless_newer_than` and does nothing when another
    /// has already rotated.
    fn rotate<'a>(&'a self, scope: &'a Scope, rotation: Rotation) -> Answer<'a, bool>;
    /// A retired or foreign handle was used: one record per handle, cause and hour, counted,
    /// with an evidence entry at the first.
    fn tripwire<'a>(&'a self, scope: &'a Scope, hash: HandleHash, entry: NewEntry) -> Answer<'a, ()>;
    /// Records a disclosure and counts it; the evidence entry goes with it, into the conversation's chain or, where
    /// there is none, into the journal. `true`: with this one its reader has looked up more than `alarm` lets pass, and
    /// that was told for the first time since its period began.
    fn disclose<'a>(
        &'a self,
        scope: &'a Scope,
        disclosure: DisclosureRow,
        entry: NewEntry,
        alarm: Alarm,
    ) -> Answer<'a, bool>;
    /// Who saw this person's contact, newest first.
    fn disclosures<'a>(
        &'a self,
        scope: &'a Scope,
        party: &'a PartyId,
        after: Option<EventId>,
        limit: usize,
    ) -> Answer<'a, Vec<DisclosureRow>>;

    // Messages

    /// One message.
    fn message<'a>(&'a self, scope: &'a Scope, id: EventId) -> Answer<'a, Option<MessageRow>>;
    /// Messages of a conversation, oldest first, after a position.
    fn messages<'a>(
        &'a self,
        scope: &'a Scope,
        conversation: &'a ConversationId,
        after: Option<u64>,
        limit: usize,
    ) -> Answer<'a, Vec<MessageRow>>;
    /// Held messages of the marketplace with their position from 1: escalated ones first, then in
    /// order of arrival.
    fn held<'a>(&'a self, scope: &'a Scope, after: Option<EventId>, limit: usize)
    -> Answer<'a, Vec<(u64, MessageRow)>>;
    /// What was sealed of an escalated message; `None`: there is no such message here, or it was
    /// not escalated.
    fn escalated<'a>(&'a self, scope: &'a Scope, id: EventId) -> Answer<'a, Option<(ConversationId, Vec<u8>)>>;
    /// Held messages of every marketplace that arrived before `before`; time does not end what
    /// was escalated.
    fn held_since(&self, before: Timestamp, limit: usize) -> Answer<'_, Vec<(Scope, MessageRow)>>;
    /// Releases or refuses a held message. A release is judged by epoch like every delivery:
    /// a message from before a barrier becomes `withheld`. An escalated one is never released.
    /// `None`: not held (any more).
    fn decide<'a>(&'a self, scope: &'a Scope, decision: HeldDecision) -> Answer<'a, Option<MessageRow>>;
    /// The detection window of a side.
    fn window<'a>(&'a self, scope: &'a Scope, conversation: &'a ConversationId, of: Side) -> Answer<'a, WindowRow>;
    /// Sealed thread ids of a conversation by their hashes; the order of the answer is that of
    /// `hashes`.
    fn threads<'a>(
        &'a self,
        scope: &'a Scope,
        conversation: &'a ConversationId,
        hashes: &'a [[u8; 16]],
    ) -> Answer<'a, Vec<Option<ThreadRow>>>;
    /// A delivery by its id, for bounces; `None` once it is forgotten.
    fn delivery(&self, id: EventId) -> Answer<'_, Option<(Scope, DeliveryRow)>>;
    /// Claims what an upstream of the proxy did not take, to be brought there once more; the claim. One from before a
    /// barrier is withheld. `None`: there is nothing to bring.
    fn take_up<'a>(&'a self, scope: &'a Scope, message: EventId, now: Timestamp) -> Answer<'a, Option<u64>>;
    /// A bounce for a delivery that had been settled as delivered: the message fails, the
    /// sender gets a notice. `false`: it was known already.
    fn bounced<'a>(&'a self, scope: &'a Scope, delivery: EventId, at: Timestamp) -> Answer<'a, bool>;

    // Reviews, evidence, idempotency

    /// One review.
    fn review_row<'a>(&'a self, scope: &'a Scope, id: &'a ReviewId) -> Answer<'a, Option<ReviewRow>>;
    /// Marks a review as withdrawn; its barrier stays until its window ends.
    fn withdraw_review<'a>(&'a self, scope: &'a Scope, id: &'a ReviewId, entry: NewEntry) -> Answer<'a, bool>;
    /// A conversation's evidence, from position `from`.
    fn evidence<'a>(
        &'a self,
        scope: &'a Scope,
        conversation: &'a ConversationId,
        from: u64,
        limit: usize,
    ) -> Answer<'a, Vec<EvidenceRow>>;
    /// Adds an entry to a conversation's chain.
    fn append<'a>(&'a self, scope: &'a Scope, conversation: &'a ConversationId, entry: NewEntry) -> Answer<'a, ()>;
    /// What was written around the newest review of a conversation's pair; `None`: there is none.
    fn around_review<'a>(&'a self, scope: &'a Scope, id: &'a ConversationId) -> Answer<'a, Option<AroundReview>>;
    /// Notes that a seller may be striking back, with the entry. `false`: it was known, and has not grown twice as bad.
    fn suspect<'a>(&'a self, scope: &'a Scope, row: RetaliationRow, entry: NewEntry) -> Answer<'a, bool>;
    /// Where a seller may have struck back, newest first.
    fn retaliations<'a>(
        &'a self,
        scope: &'a Scope,
        seller: &'a PartyId,
        limit: usize,
    ) -> Answer<'a, Vec<RetaliationRow>>;
    /// All conversations between a conversation's buyer and the sellers of its seller's group.
    fn pair_conversations<'a>(&'a self, scope: &'a Scope, id: &'a ConversationId) -> Answer<'a, Vec<ConversationId>>;
    /// A buyer is afraid: a block of the pair by the buyer, whose handles in all its conversations are shut at once, with
    /// no grace, and replaced.
    fn fear<'a>(&'a self, scope: &'a Scope, fear: NewFear) -> Answer<'a, Option<Barrier>>;
    /// Whether the buyer of a conversation is afraid of its seller, or of one of the seller's group.
    fn afraid<'a>(&'a self, scope: &'a Scope, id: &'a ConversationId) -> Answer<'a, bool>;
    /// What happened in the marketplace after `after`, in the order of the commits, at most `limit`. May return fewer
    /// than there are, and none, with `seen` moved on: there is no more once `seen` stays.
    fn events<'a>(&'a self, scope: &'a Scope, after: u64, limit: usize) -> Answer<'a, Events>;
    /// The answer given before under an idempotency key, if any.
    fn answered<'a>(&'a self, scope: &'a Scope, key: [u8; 32], now: Timestamp) -> Answer<'a, Option<AnsweredRow>>;
    /// Keeps an answer; `false` when another call was first.
    fn keep_answer<'a>(&'a self, scope: &'a Scope, row: AnsweredRow) -> Answer<'a, bool>;

    // Enforcement

    /// One violation.
    fn violation<'a>(&'a self, scope: &'a Scope, id: EventId) -> Answer<'a, Option<ViolationRow>>;
    /// Violations, newest first.
    fn violations<'a>(&'a self, scope: &'a Scope, filter: ViolationFilter) -> Answer<'a, Vec<ViolationRow>>;
    /// What stands against a party, as a seller together with its group; `None`: no such party.
    fn account<'a>(&'a self, scope: &'a Scope, party: &'a PartyId, side: Side) -> Answer<'a, Option<AccountRow>>;
    /// Files an appeal against a violation that counts.
    fn file_appeal<'a>(&'a self, scope: &'a Scope, appeal: NewAppeal) -> Answer<'a, Filed>;
    /// The appeals against a violation, in order.
    fn appeals<'a>(&'a self, scope: &'a Scope, violation: EventId) -> Answer<'a, Vec<AppealRow>>;
    /// One appeal.
    fn appeal<'a>(&'a self, scope: &'a Scope, id: EventId) -> Answer<'a, Option<AppealRow>>;
    /// Decides an open appeal. One that is upheld takes the violation back with all that followed from it, in this
    /// transaction. `false`: it is not open.
    fn decide_appeal<'a>(&'a self, scope: &'a Scope, decision: AppealDecision) -> Answer<'a, bool>;
    /// Files a seller's ticket about a buyer's message: one for a message. The ticket, and whether it is new; `None`:
    /// there is no such message of the buyer's.
    fn file_ticket<'a>(&'a self, scope: &'a Scope, ticket: NewTicket) -> Answer<'a, Option<(TicketRow, bool)>>;
    /// One ticket.
    fn ticket<'a>(&'a self, scope: &'a Scope, id: EventId) -> Answer<'a, Option<TicketRow>>;
    /// Tickets, oldest first, of one seller or of all.
    fn tickets<'a>(
        &'a self,
        scope: &'a Scope,
        seller: Option<&'a PartyId>,
        after: Option<EventId>,
        limit: usize,
    ) -> Answer<'a, Vec<TicketRow>>;
    /// Decides an open ticket; the violation of the buyer is written with it. `false`: it is not open.
    fn rule_ticket<'a>(&'a self, scope: &'a Scope, ruling: TicketRuling) -> Answer<'a, bool>;
    /// What was said in the conversations of a seller since a moment, one conversation after another.
    fn said<'a>(&'a self, scope: &'a Scope, seller: &'a PartyId, since: Timestamp) -> Answer<'a, Vec<Said>>;
    /// When the marketplace was asked about a message that waits too long, if it was.
    fn asked<'a>(&'a self, scope: &'a Scope, message: EventId) -> Answer<'a, Option<Timestamp>>;
    /// Declares when a seller will be closed, if `judge` lets it beside what has begun.
    fn put_closing<'a>(&'a self, scope: &'a Scope, closing: NewClosing, judge: ClosingJudge) -> Answer<'a, Declared>;
    /// When a seller is closed, from `since` on.
    fn closings<'a>(&'a self, scope: &'a Scope, party: &'a PartyId, since: Timestamp) -> Answer<'a, Vec<Closed>>;
    /// Asks the marketplace about buyers whose time is over, once for each wait, and leaves the buyer a notice where
    /// they wrote. `due` tells when a clock is over, with the seller's closed days. How many.
    fn ask_overdue<'a>(&'a self, scope: &'a Scope, of: Overdue, due: Due) -> Answer<'a, u64>;

    // Keys and care

    /// Wrapped data keys that another key than `active` wraps, for resealing, in batches.
    fn wrapped_keys(&self, not_by: u32, limit: usize) -> Answer<'_, Vec<WrappedKeyRow>>;
    /// Replaces wrapped keys (compare and swap on the old bytes).
    fn rewrap(&self, rows: Vec<(WrappedKeyRow, WrappedKey)>) -> Answer<'_, u64>;
    /// Parties with an index row under another key than `key`, for re-indexing, in batches.
    fn parties_to_reindex(&self, key: u32, limit: usize) -> Answer<'_, Vec<(Scope, PartyRow)>>;
    /// Agents with an index row under another key than `key`, for re-indexing, in batches.
    fn agents_to_reindex(&self, key: u32, limit: usize) -> Answer<'_, Vec<(Scope, AgentRow)>>;
    /// How many data keys and index rows each key of the ring still serves; [`UNTOLD_KEY`]: those that do not tell.
    fn key_use(&self) -> Answer<'_, Vec<(u32, u64)>>;
    /// This process alone carries from now on: claims of one before it are void.
    fn take_over(&self, now: Timestamp) -> Answer<'_, ()>;
    /// Forgets what has expired: idempotency keys, windows, settled bodies; checkpoints the log.
    fn sweep(&self, now: Timestamp) -> Answer<'_, ()>;
    /// Whether the store can write now: the readiness check.
    fn probe(&self) -> Answer<'_, ()>;
    /// Counts for metrics: queued deliveries and held messages.
    fn depth(&self) -> Answer<'_, Depth>;
    /// The marketplace whose mail domain this is.
    fn marketplace_by_domain<'a>(&'a self, domain: &'a str) -> Answer<'a, Option<Marketplace>>;
}
