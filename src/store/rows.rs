//! The rows and requests of the store: sealed bytes, hashes, ids and times.

mod cases;

use bytes::Bytes;

use crate::model::{
    AgentId, Channel, Commitment, ConversationId, Duration, Entry, EntryKind, EventId, Form, Fulfilment, HandleHash,
    Link, Marketplace, MessageState, OrderId, OrderState, PartyId, Reason, ReviewId, Side, Timestamp,
};
pub use crate::model::{Decision, IndexTag, PairState, Under, WrappedKey};
pub use cases::*;

/// A marketplace.
#[derive(Clone, Debug)]
pub struct MarketplaceRow {
    /// Its name.
    pub name: Marketplace,
    /// The mail domain of its handles, lower case.
    pub domain: String,
    /// The wrapped key of what belongs to no person: order facts, kept answers, windows.
    pub key: WrappedKey,
    /// When it was added.
    pub created: Timestamp,
}

/// What a token may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenScope {
    /// Everything of the marketplace.
    Marketplace,
    /// One seller, one named agent.
    Seller {
        /// Which seller.
        party: PartyId,
        /// Which agent.
        agent: AgentId,
    },
    /// Redeems postal handles; the carrier's name stands in disclosures.
    Carrier {
        /// Which carrier.
        name: String,
    },
    /// The marketplace's support staff.
    Support,
    /// Reads evidence.
    Auditor,
}

/// A credential of the API.
#[derive(Clone, Debug)]
pub struct TokenRow {
    /// Its public id, for listing and revoking.
    pub id: EventId,
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// What it may do.
    pub scope: TokenScope,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
}

/// A party: its profile is sealed whole.
#[derive(Clone, Debug)]
pub struct PartyRow {
    /// The marketplace's id.
    pub id: PartyId,
    /// Sellers of one group share budgets.
    pub group: Option<String>,
    /// The party's data key.
    pub key: WrappedKey,
    /// The sealed profile: names, contacts, addresses, locale.
    pub profile: Vec<u8>,
    /// Blind index of its contacts.
    pub tags: Vec<IndexTag>,
    /// Last change.
    pub changed: Timestamp,
}

/// A member of a seller's staff.
#[derive(Clone, Debug)]
pub struct AgentRow {
    /// Whose staff.
    pub party: PartyId,
    /// The agent's id within the seller.
    pub id: AgentId,
    /// Sealed under the party's key: the agent's mail addresses.
    pub profile: Vec<u8>,
    /// Blind index of the agent's addresses.
    pub tags: Vec<IndexTag>,
    /// SMTP user name, unique over all marketplaces, and the password's verifier.
    pub login: Option<(String, Vec<u8>)>,
    /// Last change.
    pub changed: Timestamp,
}

/// What an erasure did.
#[derive(Clone, Debug, Default)]
pub struct Forgotten {
    /// Conversations whose side was shredded.
    pub conversations: u64,
    /// Messages whose text can no longer be opened.
    pub messages: u64,
    /// Handles retired.
    pub handles: u64,
    /// Evidence entries that stay, as hashes and facts without a name.
    pub entries_kept: u64,
    /// Deliveries that were on their way to the person and were ended.
    pub deliveries_ended: u64,
    /// Reports of no conversation that are left in the marketplace: nobody can say whose they are.
    pub reports_unclaimed: u64,
    /// A hold stands: nothing was erased yet, and it will be when the hold ends.
    pub waits: bool,
}

/// An order: its facts are sealed under the marketplace's key.
#[derive(Clone, Debug)]
pub struct OrderRow {
    /// The marketplace's id.
    pub id: OrderId,
    /// Where it stands.
    pub state: OrderState,
    /// Who ships.
    pub fulfilment: Fulfilment,
    /// Sealed: items, total, promises, terms.
    pub facts: Vec<u8>,
    /// Last change.
    pub changed: Timestamp,
}

/// How each side wants its messages; `None`: by the channel's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deliver {
    /// To the buyer.
    pub buyer: Option<Vec<Channel>>,
    /// To the seller.
    pub seller: Option<Vec<Channel>>,
}

/// A conversation: one buyer, one seller.
#[derive(Clone, Debug)]
pub struct ConversationRow {
    /// The marketplace's id.
    pub id: ConversationId,
    /// About which order.
    pub order: Option<OrderId>,
    /// About which listing.
    pub listing: Option<String>,
    /// Who bought.
    pub buyer: PartyId,
    /// Who sells.
    pub seller: PartyId,
    /// Sealed under the marketplace's key: tracking numbers.
    pub tracking: Vec<u8>,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// How each side wants its messages.
    pub deliver: Deliver,
    /// Data key of what the buyer wrote; `None` after an erasure.
    pub buyer_key: Option<WrappedKey>,
    /// Data key of what the seller wrote; `None` after an erasure.
    pub seller_key: Option<WrappedKey>,
    /// State and fulfilment of its order, joined in.
    pub order_state: Option<(OrderState, Fulfilment)>,
    /// When it was opened.
    pub created: Timestamp,
}

impl ConversationRow {
    /// Who is on `side`.
    pub fn party(&self, side: Side) -> &PartyId {
        match side {
            Side::Buyer => &self.buyer,
            Side::Seller => &self.seller,
        }
    }

    /// The wrapped key of what `side` wrote.
    pub fn key(&self, side: Side) -> Option<&WrappedKey> {
        match side {
            Side::Buyer => self.buyer_key.as_ref(),
            Side::Seller => self.seller_key.as_ref(),
        }
    }
}

/// A party's profile as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedProfile {
    /// The party's data key.
    pub key: WrappedKey,
    /// Sealed under it: names, contacts, addresses, locale.
    pub profile: Vec<u8>,
}

/// What a message is judged and rewritten with, on one moment of the store.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Between whom, about what.
    pub conversation: ConversationRow,
    /// `None` after an erasure.
    pub buyer: Option<SealedProfile>,
    /// `None` after an erasure.
    pub seller: Option<SealedProfile>,
    /// The state of contact.
    pub pair: PairState,
    /// The detection window of the side that writes.
    pub window: WindowRow,
    /// The newest mail handle of the side that writes.
    pub handle: Option<HandleRow>,
}

/// What the handover of a claimed delivery needs.
#[derive(Clone, Debug)]
pub struct Boarding {
    /// In which conversation.
    pub conversation: ConversationRow,
    /// Who receives; `None` after an erasure.
    pub reader: Option<SealedProfile>,
}

/// A conversation to create or replace.
#[derive(Clone, Debug)]
pub struct NewConversation {
    /// The row as it should be; keys are used only when it is new.
    pub row: ConversationRow,
    /// Handles to mint when it is new, or for a side that lacks one of these kinds.
    pub handles: Vec<NewHandle>,
    /// Opens the chain when it is new.
    pub entry: NewEntry,
}

/// What became of a PUT.
#[derive(Clone, Debug)]
pub enum PutConversation {
    /// It is new.
    Created(ConversationRow),
    /// It was there and was replaced.
    Replaced(ConversationRow),
    /// It was there with another buyer or seller: refused.
    OtherParties,
    /// The buyer or the seller is unknown.
    NoSuchParty,
}

/// Which conversations to list.
#[derive(Clone, Debug, Default)]
pub struct ConversationFilter {
    /// Of this order.
    pub order: Option<OrderId>,
    /// Of this buyer.
    pub buyer: Option<PartyId>,
    /// Of this seller.
    pub seller: Option<PartyId>,
    /// After this id.
    pub after: Option<ConversationId>,
    /// At most so many.
    pub limit: usize,
}

/// What a handle is used in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandleKind {
    /// The local part of a mail address.
    Mail,
    /// A parcel label.
    Postal,
    /// The local part of a mail address that the buyer gives to somebody else than the seller.
    Registration,
}

impl HandleKind {
    /// The word in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Postal => "postal",
            Self::Registration => "registration",
        }
    }
}

/// A handle to mint.
#[derive(Clone, Debug)]
pub struct NewHandle {
    /// Row key.
    pub hash: HandleHash,
    /// Which side it stands for.
    pub stands_for: Side,
    /// What it is used in.
    pub kind: HandleKind,
    /// Its text, sealed under the marketplace's key.
    pub sealed: Vec<u8>,
    /// When.
    pub created: Timestamp,
}

/// A handle as it is.
#[derive(Clone, Debug)]
pub struct HandleRow {
    /// Row key.
    pub hash: HandleHash,
    /// Of which conversation.
    pub conversation: ConversationId,
    /// Which side it stands for.
    pub stands_for: Side,
    /// What it is used in.
    pub kind: HandleKind,
    /// Its text, sealed under the marketplace's key.
    pub sealed: Vec<u8>,
    /// When it was minted.
    pub created: Timestamp,
    /// When it was replaced; `None`: in use. Policy derives the state from this, the age and
    /// the grace.
    pub replaced: Option<Timestamp>,
    /// When it was shut for good, whatever the grace says (an erasure).
    pub shut: Option<Timestamp>,
    /// Position among the side's handles of this kind, from 1.
    pub epoch: u32,
    /// Whom it had been shown to: the other side.
    pub shown_to: PartyId,
}

impl HandleRow {
    /// Whether it grows old by itself: a seller's lies in address books, and one for somebody else is closed by hand.
    pub fn ages(&self) -> bool {
        self.stands_for == Side::Buyer && self.kind != HandleKind::Registration
    }
}

/// A side's handles replaced.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// Of which conversation.
    pub conversation: ConversationId,
    /// The side that the handles stand for.
    pub of: Side,
    /// The new ones, one for each kind the side has.
    pub handles: Vec<NewHandle>,
    /// When.
    pub at: Timestamp,
    /// Do nothing when the side's active handle was minted after this.
    pub unless_newer_than: Option<Timestamp>,
    /// Why, as evidence.
    pub entry: NewEntry,
}

/// An evidence entry to append; the store gives it its position and its link.
#[derive(Clone, Debug)]
pub struct NewEntry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EntryKind,
    /// Whose act.
    pub by: Option<Side>,
    /// About which message.
    pub message: Option<EventId>,
    /// Facts that name nobody.
    pub facts: String,
    /// What is private: the commitment, and salt ‖ plaintext sealed under the author's key.
    pub private: Option<(Commitment, Vec<u8>)>,
}

/// An evidence entry as it is.
#[derive(Clone, Debug)]
pub struct EvidenceRow {
    /// The entry.
    pub entry: Entry,
    /// Its canonical bytes as they were linked.
    pub canonical: String,
    /// The link after it.
    pub link: Link,
    /// salt ‖ plaintext, sealed; `None` when there is nothing private or it was erased.
    pub sealed: Option<Vec<u8>>,
}

/// A message on its way into the store.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its id.
    pub id: EventId,
    /// In which conversation.
    pub conversation: ConversationId,
    /// Who wrote it.
    pub from: Side,
    /// Which agent, where one was named.
    pub agent: Option<AgentId>,
    /// By which way it came.
    pub channel: Channel,
    /// When it was received.
    pub at: Timestamp,
    /// No person wrote it: it answers nothing and resets nothing.
    pub automatic: bool,
    /// In which form its author wrote.
    pub form: Form,
    /// Its author, a buyer, says that nothing more is wanted: a barrier, of which the authors of
    /// what it withholds are told at this time. It opens nothing and answers nothing.
    pub stop: Option<Timestamp>,
    /// What it is compared by with what other buyers were sent.
    pub alike: Option<super::Alike>,
    /// Files as delivered, sealed under the same key, for the API.
    pub files: Vec<Vec<u8>>,
    /// The message as it came and as it is shown, with findings and signals: the private part of
    /// its evidence entry, sealed under the author's (conversation, side) key.
    pub private: (Commitment, Vec<u8>),
    /// Facts of its evidence entry that name nobody.
    pub facts: String,
    /// Repeats within the time are done once.
    pub idempotency: Option<Idempotency>,
    /// The window as it will be, valid only if the window read had this sequence.
    pub window: Option<(u64, Vec<u8>)>,
    /// Where it goes, besides the API.
    pub deliveries: Vec<NewDelivery>,
    /// Until when the recorder hands over by itself what finds its lane empty: such a delivery is
    /// born claimed. `None`: all wait for [`super::Ledger::claim`].
    pub lease: Option<Timestamp>,
    /// Thread ids to remember.
    pub threads: Vec<ThreadRow>,
    /// The hash of a mail's own id. Where the message writes that row of `threads`, the row remembers its fingerprint;
    /// any other fingerprint is kept by itself.
    pub own_thread: Option<[u8; 16]>,
    /// When its author is told: that something was cut out, if it is accepted; that it was not
    /// passed on, if it is escalated.
    pub notice: Option<Timestamp>,
    /// The rules it broke, if it broke any.
    pub strikes: Option<super::NewStrikes>,
}

/// The fingerprint of a request that may be repeated.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// A hash over what names the request: SHA-256, or of a mail the fingerprint by its author's key.
    pub key: [u8; 32],
    /// The same over what it says.
    pub body: [u8; 32],
    /// When it may be forgotten.
    pub expires: Timestamp,
}

/// What became of [`super::Ledger::record`].
#[derive(Clone, Debug)]
pub enum Recorded {
    /// Taken: `queued`, `delivered` or `held`, with the pair's state after it.
    Accepted {
        /// Where it is in its life.
        state: MessageState,
        /// The pair after it.
        pair: PairState,
        /// The deliveries that were born claimed.
        claimed: Vec<Delivery>,
    },
    /// Refused and recorded, with the pair's state.
    Refused {
        /// Why.
        reason: Reason,
        /// The pair, unchanged.
        pair: PairState,
    },
    /// The same was recorded before: this is its id. Nothing was done.
    Repeated(EventId),
    /// The same key with another body. Nothing was done.
    Conflict,
    /// The detection window moved since it was read: scrub again. Nothing was done.
    Stale,
    /// The conversation is gone. Nothing was done.
    Gone,
}

/// A delivery to make.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// Its id: what a bounce names.
    pub id: EventId,
    /// Who receives.
    pub to: Side,
    /// By which way.
    pub channel: Channel,
    /// The rewritten message, sealed under the author's key.
    pub body: Vec<u8>,
}

/// What a delivery carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cargo {
    /// A message of the other side.
    Message,
    /// A notice from the relay: something was cut out of the recipient's own messages. One for a
    /// thread and a round.
    CutNotice,
    /// A notice from the relay: some of the recipient's own messages were withheld. One for a
    /// thread and a round; what was cut in that round is told in it too.
    WithheldNotice,
    /// A notice from the relay: one of the recipient's own messages could not be delivered.
    FailedNotice,
    /// A notice from the relay: one of the recipient's own held messages was refused.
    RefusedNotice,
    /// A notice from the relay, to a buyer who was not answered in time: the marketplace was asked.
    AskedNotice,
}

/// A claimed delivery.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its id.
    pub id: EventId,
    /// The claim it was taken with; settles of an older claim change nothing.
    pub claim: u64,
    /// Whose.
    pub scope: crate::model::Scope,
    /// In which conversation.
    pub conversation: ConversationId,
    /// Which message.
    pub message: EventId,
    /// Who receives.
    pub to: Side,
    /// By which way.
    pub channel: Channel,
    /// What.
    pub cargo: Cargo,
    /// The sealed body; empty for a notice, which is worded at delivery.
    pub body: Bytes,
    /// How often it was tried before.
    pub attempts: u32,
    /// When the message was accepted.
    pub accepted: Timestamp,
    /// The pair's epoch at acceptance; `None`: no barrier applies (a buyer's message, a notice).
    pub epoch: Option<u64>,
}

/// A delivery as remembered, for bounces.
#[derive(Clone, Debug)]
pub struct DeliveryRow {
    /// In which conversation.
    pub conversation: ConversationId,
    /// Which message.
    pub message: EventId,
    /// Who received.
    pub to: Side,
    /// What.
    pub cargo: Cargo,
}

/// How a claimed delivery ended.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Which.
    pub id: EventId,
    /// Under which claim.
    pub claim: u64,
    /// How.
    pub how: Ending,
    /// When.
    pub at: Timestamp,
}

/// How a claimed delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The other side has it.
    Delivered,
    /// Not now: again at this time, with the attempt counted.
    Deferred(Timestamp),
    /// Never: the sender gets a notice (unless it was one).
    Failed,
    /// A barrier came between: withheld for good, debit given back, a notice at this time.
    Withheld {
        /// When the sender is told.
        notice_due: Timestamp,
    },
    /// Not tried: the claim is given back.
    Released,
}

/// A review to put.
#[derive(Clone, Debug)]
pub struct NewReview {
    /// The marketplace's id.
    pub id: ReviewId,
    /// About which conversation.
    pub conversation: ConversationId,
    /// 1 to 5.
    pub rating: u8,
    /// When it was received: this is what counts.
    pub at: Timestamp,
    /// When the marketplace says it was written.
    pub claimed_at: Option<Timestamp>,
    /// The pseudonym under which it may be published, if the review is new.
    pub reviewer: String,
    /// The buyer's new handles in this conversation.
    pub handles: Vec<NewHandle>,
    /// When senders of withheld mail are told.
    pub notice_due: Timestamp,
    /// The evidence entry.
    pub entry: NewEntry,
}

/// A block to put or to lift.
#[derive(Clone, Debug)]
pub struct NewBlock {
    /// In which conversation it was asked for; it holds for the pair.
    pub conversation: ConversationId,
    /// Who asks.
    pub by: Side,
    /// `true`: block; `false`: lift.
    pub blocked: bool,
    /// When.
    pub at: Timestamp,
    /// The asking side's new handles in this conversation.
    pub handles: Vec<NewHandle>,
    /// When senders of withheld mail are told.
    pub notice_due: Timestamp,
    /// The evidence entry.
    pub entry: NewEntry,
}

/// A buyer who is afraid of the seller.
#[derive(Clone, Debug)]
pub struct NewFear {
    /// In which conversation it was said; it holds for the pair.
    pub conversation: ConversationId,
    /// When.
    pub at: Timestamp,
    /// New handles of the buyer, for each conversation of the pair.
    pub handles: Vec<(ConversationId, Vec<NewHandle>)>,
    /// When senders of withheld mail are told.
    pub notice_due: Timestamp,
    /// The entry for each of those conversations.
    pub entry: NewEntry,
}

/// A barrier in force.
#[derive(Clone, Debug)]
pub struct Barrier {
    /// Messages that were accepted and will never be delivered.
    pub withheld: Vec<EventId>,
    /// Messages that were being handed over at this moment and may still arrive.
    pub in_flight: Vec<EventId>,
    /// The reviewer's pseudonym, as first given.
    pub reviewer: String,
    /// Whether this put raised a barrier (false: same or raised rating).
    pub raised: bool,
}

/// A review as it is.
#[derive(Clone, Debug)]
pub struct ReviewRow {
    /// About which conversation.
    pub conversation: ConversationId,
    /// The rating as last put.
    pub rating: u8,
    /// When its newest barrier was raised.
    pub at: Timestamp,
    /// Whether it was withdrawn.
    pub withdrawn: bool,
    /// The pseudonym for publication.
    pub reviewer: String,
}

/// A message as it is.
#[derive(Clone, Debug)]
pub struct MessageRow {
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
    /// When it was let go, if it had been held.
    pub released: Option<Timestamp>,
    /// Where it is in its life.
    pub state: MessageState,
    /// Why not, when it was refused.
    pub reason: Option<Reason>,
    /// Sealed: see [`Record::private`]. Empty after its author was erased, and of a message that
    /// was escalated: that is given out by [`super::Store::escalated`] alone.
    pub sealed: Vec<u8>,
    /// Sealed files, as delivered.
    pub files: Vec<Vec<u8>>,
}

/// What was written between a seller's group and a buyer around their newest review, oldest first. Automatic mail is
/// not among it; what was refused is.
#[derive(Clone, Debug)]
pub struct AroundReview {
    /// When the review came into force.
    pub reviewed: Timestamp,
    /// How many stars.
    pub rating: u8,
    /// The sellers' messages.
    pub seller: Vec<Timestamp>,
    /// The buyer's.
    pub buyer: Vec<Timestamp>,
}

/// A seller who may be striking back after a review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetaliationRow {
    /// When the review came into force.
    pub reviewed: Timestamp,
    /// In which conversation the seller wrote.
    pub conversation: ConversationId,
    /// When it was seen, or last had become worse.
    pub at: Timestamp,
    /// How long the buyer had waited for an answer; zero: had not.
    pub silence: Duration,
    /// How long after the review the first message came.
    pub first: Duration,
    /// Messages in a length of time before the review.
    pub before: u32,
    /// Messages in the same after it.
    pub after: u32,
}

/// A stretch of what happened in a marketplace.
#[derive(Clone, Debug)]
pub struct Events {
    /// In the order in which it was committed.
    pub rows: Vec<EventRow>,
    /// Everything up to this number was looked at: where the next stretch begins.
    pub seen: u64,
}

/// Something that happened: an entry of a conversation's evidence, or of the marketplace's journal.
#[derive(Clone, Debug)]
pub struct EventRow {
    /// Its place among all that happened: grows with each commit, with gaps.
    pub num: u64,
    /// In which conversation; `None`: in the journal.
    pub conversation: Option<ConversationId>,
    /// What.
    pub entry: Entry,
}

/// A person's word on a held message.
#[derive(Clone, Debug)]
pub struct HeldDecision {
    /// Which message.
    pub id: EventId,
    /// `true`: release; `false`: refuse.
    pub release: bool,
    /// When.
    pub at: Timestamp,
    /// When the sender is told of a withheld one.
    pub notice_due: Timestamp,
    /// The evidence entry (`MessageReleased` or `MessageRefused`).
    pub entry: NewEntry,
    /// What it says of the violations of the message.
    pub ruling: super::HeldRuling,
}

/// A side's detection window.
#[derive(Clone, Debug, Default)]
pub struct WindowRow {
    /// Raised with each change.
    pub seq: u64,
    /// Sealed under the (conversation, side) key; empty when there is none.
    pub sealed: Vec<u8>,
    /// Last change.
    pub at: Timestamp,
}

/// A thread id: found by the hash of one spelling, gives the other, sealed under the
/// marketplace's key.
#[derive(Clone, Debug)]
pub struct ThreadRow {
    /// SHA-256 of the id that is looked up, cut to 128 bits.
    pub hash: [u8; 16],
    /// The id to put in its place, sealed.
    pub sealed: Vec<u8>,
}

/// A disclosure of a real contact.
#[derive(Clone, Debug)]
pub struct DisclosureRow {
    /// Its id.
    pub id: EventId,
    /// Whose contact.
    pub party: PartyId,
    /// In which conversation, if it was about one.
    pub conversation: Option<ConversationId>,
    /// Who saw it, such as a carrier's name.
    pub to: String,
    /// For what.
    pub purpose: String,
    /// For which shipment, or about which case; empty where it was about none.
    pub shipment: String,
    /// The request that two people answer for; `None`: a carrier redeemed a handle.
    pub request: Option<EventId>,
    /// What of the contact, words with commas.
    pub fields: String,
    /// When.
    pub at: Timestamp,
}

/// An answer kept under an idempotency key.
#[derive(Clone, Debug)]
pub struct AnsweredRow {
    /// Key, body and expiry.
    pub idempotency: Idempotency,
    /// Status and body, sealed under the marketplace's key.
    pub sealed: Vec<u8>,
}

/// Where a wrapped key lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOwner {
    /// A marketplace.
    Marketplace,
    /// A party.
    Party(PartyId),
    /// What one side of a conversation wrote.
    Side(ConversationId, Side),
}

/// A wrapped key with its place: the additional data of the wrapping names it.
#[derive(Clone, Debug)]
pub struct WrappedKeyRow {
    /// Whose.
    pub marketplace: Marketplace,
    /// Where.
    pub owner: KeyOwner,
    /// The key as it is.
    pub key: WrappedKey,
}

/// What waits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Depth {
    /// Deliveries not yet made.
    pub queued: u64,
    /// Messages waiting for a person.
    pub held: u64,
    /// Those of them that were escalated.
    pub escalated: u64,
}
