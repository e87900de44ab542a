//! Requests that change what a seller may write, beside reviews and blocks.

use crate::model::{CaseState, ConversationId, EventId, PartyId, Restriction, Sketch, Timestamp};

use super::NewEntry;

/// A restriction to put on a seller. It holds for every seller of its group, as budgets do.
#[derive(Clone, Debug)]
pub struct NewRestriction {
    /// Its id; the same id again changes nothing.
    pub id: EventId,
    /// Whom it restricts.
    pub seller: PartyId,
    /// Towards whom; `None`: towards every buyer.
    pub buyer: Option<PartyId>,
    /// What is left.
    pub kind: Restriction,
    /// When.
    pub at: Timestamp,
    /// Until when; `None`: until it is lifted.
    pub until: Option<Timestamp>,
    /// Why, as a word or an id that names nobody.
    pub cause: String,
    /// The evidence entry: for each conversation of the pair where a buyer is named, else for the
    /// marketplace's journal (the ledger on PostgreSQL has none yet).
    pub entry: NewEntry,
}

/// A restriction to lift.
#[derive(Clone, Debug)]
pub struct LiftRestriction {
    /// Which.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// The evidence entry, as above.
    pub entry: NewEntry,
}

/// A restriction as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestrictionRow {
    /// Its id.
    pub id: EventId,
    /// Whom it was put on.
    pub seller: PartyId,
    /// Towards whom; `None`: towards every buyer.
    pub buyer: Option<PartyId>,
    /// What is left.
    pub kind: Restriction,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Option<Timestamp>,
    /// Why.
    pub cause: String,
}

/// A case between a buyer and a seller begins, is decided, or is gone: it changes what the seller
/// may write.
#[derive(Clone, Debug)]
pub struct NewNarrowing {
    /// In which conversation; it holds for the pair.
    pub conversation: ConversationId,
    /// The case, by the marketplace's id.
    pub case: String,
    /// Where it stands; `None`: it was withdrawn, and narrows nothing any more.
    pub state: Option<CaseState>,
    /// When.
    pub at: Timestamp,
    /// When senders of withheld mail are told.
    pub notice_due: Timestamp,
    /// The evidence entry.
    pub entry: NewEntry,
}

/// What a message is compared by with those that other buyers were sent.
#[derive(Clone, Copy, Debug)]
pub struct Alike {
    /// What its text is like.
    pub sketch: Sketch,
    /// How far back is compared.
    pub since: Timestamp,
}
