//! What is remembered of sellers that are one.

use super::{Answer, Filed, NewEntry};
use crate::model::{Arbiter, EventId, LinkKind, LinkState, PartyId, Scope, Timestamp};

/// The part of the store that knows which sellers are one. As in [`super::Store`], a method is a transaction. Links by
/// a shared contact are made where parties and conversations are put.
pub trait Links: Send + Sync {
    /// One link.
    fn seller_link<'a>(&'a self, scope: &'a Scope, id: EventId) -> Answer<'a, Option<LinkRow>>;
    /// Links, oldest first.
    fn seller_links<'a>(&'a self, scope: &'a Scope, filter: LinkFilter) -> Answer<'a, Vec<LinkRow>>;
    /// A person says that the two are one. `false`: it counts already, or there is none.
    fn confirm_link<'a>(&'a self, scope: &'a Scope, confirmation: LinkConfirmation) -> Answer<'a, bool>;
    /// Says something against a link.
    fn dispute_link<'a>(&'a self, scope: &'a Scope, dispute: NewLinkDispute) -> Answer<'a, Filed>;
    /// Rules on the open dispute of a link. One that is upheld parts the two, and makes the sanctions of both what their
    /// own strikes bring. `false`: none is open.
    fn rule_link<'a>(&'a self, scope: &'a Scope, ruling: LinkRuling) -> Answer<'a, bool>;
    /// Looks in all marketplaces for sellers who lately wrote nearly the same to several buyers each, and suggests that
    /// they are one. How many.
    fn compare_texts(&self, now: Timestamp) -> Answer<'_, u64>;
}

/// A link as it is.
#[derive(Clone, Debug)]
pub struct LinkRow {
    /// Its id.
    pub id: EventId,
    /// Between whom.
    pub parties: [PartyId; 2],
    /// By what.
    pub kind: LinkKind,
    /// Whether it counts.
    pub state: LinkState,
    /// Since when it was known.
    pub since: Timestamp,
    /// Who confirmed it and why, sealed under the marketplace's key.
    pub ruling: Option<Vec<u8>>,
    /// What was said against it, oldest first.
    pub disputes: Vec<LinkDisputeRow>,
}

/// What was said against a link.
#[derive(Clone, Debug)]
pub struct LinkDisputeRow {
    /// Its id.
    pub id: EventId,
    /// By which of the two; `None`: by the marketplace.
    pub by: Option<PartyId>,
    /// When.
    pub at: Timestamp,
    /// The words, sealed under the party's key, or the marketplace's.
    pub words: Option<Vec<u8>>,
    /// When it was decided, and whether it was upheld.
    pub outcome: Option<(Timestamp, bool)>,
    /// Who decided and why, sealed under the marketplace's key.
    pub ruling: Option<Vec<u8>>,
}

/// Which links to list.
#[derive(Clone, Debug, Default)]
pub struct LinkFilter {
    /// Of whom.
    pub party: Option<PartyId>,
    /// In which state.
    pub state: Option<LinkState>,
    /// Only those that a person or a shared contact made: what is only suggested is not told to whom it concerns.
    pub settled: bool,
    /// Younger than this one.
    pub after: Option<EventId>,
    /// At most so many.
    pub limit: usize,
}

/// A person's word that two sellers are one.
#[derive(Clone, Debug)]
pub struct LinkConfirmation {
    /// Which link.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// Who and why, sealed.
    pub ruling: Vec<u8>,
    /// The entry for the journal.
    pub entry: NewEntry,
}

/// A word against a link.
#[derive(Clone, Debug)]
pub struct NewLinkDispute {
    /// Its id.
    pub id: EventId,
    /// Against which link.
    pub link: EventId,
    /// By which of the two; `None`: by the marketplace.
    pub by: Option<PartyId>,
    /// When.
    pub at: Timestamp,
    /// The words, sealed.
    pub words: Vec<u8>,
    /// A party may say so often that one link is wrong.
    pub times: u32,
    /// The entry for the journal.
    pub entry: NewEntry,
}

/// A person's word on what was said against a link.
#[derive(Clone, Debug)]
pub struct LinkRuling {
    /// The dispute.
    pub id: EventId,
    /// Whether the two are parted.
    pub upheld: bool,
    /// When.
    pub at: Timestamp,
    /// Who and why, sealed.
    pub ruling: Vec<u8>,
    /// What follows from the strikes of each.
    pub arbiter: Arbiter,
    /// The entry for the journal.
    pub entry: NewEntry,
}
