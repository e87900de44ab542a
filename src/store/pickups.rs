//! What is remembered of couriers who are announced at a buyer's door.

use super::{Answer, NewEntry, NewHandle};
use crate::model::{ConversationId, PartyId, PickupId, Scope, Timestamp};

/// The part of the store that keeps pick-ups. As in [`super::Store`], a method is a transaction.
pub trait Pickups: Send + Sync {
    /// Announces a courier, or changes when and from which carrier one comes who is announced already.
    fn announce_pickup<'a>(&'a self, scope: &'a Scope, new: NewPickup) -> Answer<'a, Announced>;
    /// One of them, open or ended.
    fn pickup<'a>(&'a self, scope: &'a Scope, id: &'a PickupId) -> Answer<'a, Option<PickupRow>>;
    /// Those at this buyer's door that are neither ended nor over at `at`, the next to come first.
    fn open_pickups<'a>(&'a self, scope: &'a Scope, buyer: &'a PartyId, at: Timestamp) -> Answer<'a, Vec<PickupRow>>;
    /// Calls one off. `false`: it is ended, or there is none.
    fn end_pickup<'a>(&'a self, scope: &'a Scope, id: &'a PickupId, at: Timestamp, entry: NewEntry)
    -> Answer<'a, bool>;
    /// Somebody stands at the door: the entry, and where nobody is expected other postal handles for the buyer's,
    /// which are shut without a grace.
    fn check_pickup<'a>(&'a self, scope: &'a Scope, check: PickupCheck) -> Answer<'a, bool>;
}

/// A courier to announce.
#[derive(Clone, Debug)]
pub struct NewPickup {
    /// The marketplace's id.
    pub id: PickupId,
    /// In which conversation.
    pub conversation: ConversationId,
    /// Of which carrier, as its token is named.
    pub carrier: String,
    /// Not before.
    pub begins: Timestamp,
    /// Not after.
    pub ends: Timestamp,
    /// When it is announced.
    pub at: Timestamp,
    /// As evidence.
    pub entry: NewEntry,
}

/// What became of an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// It stands, and is new.
    New,
    /// It stands, as it was or changed.
    Known,
    /// There is no such conversation.
    NotThere,
    /// The id is of another conversation's, or of one that has ended.
    Taken,
    /// The buyer is afraid of the seller: nobody is sent to the door.
    Afraid,
}

/// A pick-up as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PickupRow {
    /// The marketplace's id.
    pub id: PickupId,
    /// In which conversation.
    pub conversation: ConversationId,
    /// Of which carrier.
    pub carrier: String,
    /// Not before.
    pub begins: Timestamp,
    /// Not after.
    pub ends: Timestamp,
    /// When it was called off, or the buyer was afraid.
    pub ended: Option<Timestamp>,
}

/// What was answered to somebody at the door.
#[derive(Clone, Debug)]
pub struct PickupCheck {
    /// In which conversation.
    pub conversation: ConversationId,
    /// New postal handles, where the old ones led somebody there.
    pub handles: Vec<NewHandle>,
    /// When.
    pub at: Timestamp,
    /// As evidence.
    pub entry: NewEntry,
}
