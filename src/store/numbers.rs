//! Which number of the pool stands between two people who text.

use super::Answer;
use crate::model::{ConversationId, IndexTag, Scope, Side, Timestamp};

/// The part of the store that keeps the numbers of conversations. As in [`super::Store`], a method is a transaction.
pub trait Numbers: Send + Sync {
    /// The number of the pool that a side texts here, and is texted from; a new one where its phone is another by now.
    fn assign_number<'a>(&'a self, scope: &'a Scope, new: Assign) -> Answer<'a, Assigned>;
    /// Those of a conversation, as they are.
    fn numbers<'a>(&'a self, scope: &'a Scope, conversation: &'a ConversationId) -> Answer<'a, Vec<NumberRow>>;
    /// Who texts: the tags of a number and a phone are one pair of them, under any open key.
    fn texting<'a>(&'a self, tags: &'a [IndexTag]) -> Answer<'a, Option<Texting>>;
    /// Somebody texted: the number stays theirs for longer.
    fn texted(&self, tag: [u8; 16], at: Timestamp) -> Answer<'_, ()>;
    /// Those that are not indexed under this key of the ring, some at a time.
    fn numbers_to_reindex(&self, ring_key: u32, limit: usize) -> Answer<'_, Vec<(Scope, ConversationId, NumberRow)>>;
    /// Indexes a number anew, and tells whether it stays: without a tag, or where another conversation has that tag by
    /// now, it is given up.
    fn reindex_number(&self, old: [u8; 16], new: Option<IndexTag>) -> Answer<'_, bool>;
}

/// Who texts.
#[derive(Clone, Debug)]
pub struct Texting {
    /// Of which marketplace.
    pub scope: Scope,
    /// In which conversation.
    pub conversation: ConversationId,
    /// The number, as it is assigned.
    pub number: NumberRow,
}

/// A side that needs a number.
#[derive(Clone, Debug)]
pub struct Assign {
    /// In which conversation.
    pub conversation: ConversationId,
    /// Which side texts.
    pub side: Side,
    /// The numbers that serve its phone, best first, each with the tags of the two under every open key, the active one
    /// first.
    pub numbers: Vec<(String, Vec<IndexTag>)>,
    /// When.
    pub at: Timestamp,
    /// What ended, or was last used, before this may be given to somebody else.
    pub over: Timestamp,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assigned {
    /// This one; so many others were taken by the same phone.
    Number(String, usize),
    /// The phone has a conversation on each.
    Exhausted,
    /// There is no such conversation.
    NotThere,
}

/// A number as it is assigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberRow {
    /// Who texts it.
    pub side: Side,
    /// In E.164.
    pub number: String,
    /// The index of the two.
    pub tag: [u8; 16],
    /// The key of the ring that made it; older rows do not say.
    pub by: Option<u32>,
    /// When it was last looked for.
    pub used: Timestamp,
}
