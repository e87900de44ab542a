use super::{ConversationId, EventId, Side, Timestamp};

/// A message of a seller's conversation, as far as clocks go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// In which conversation; those of one stand together, in order.
    pub conversation: ConversationId,
    /// Which message.
    pub message: EventId,
    /// Who wrote it.
    pub from: Side,
    /// When.
    pub at: Timestamp,
    /// A person wrote it and it reached the other side, or will.
    pub counts: bool,
    /// It complains: about a refund, or after a low review.
    pub complaint: bool,
}

/// Why closed days can not be declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLong {
    /// More than may be closed at a time.
    AtATime,
    /// More than may be closed in a year.
    InAYear,
}

/// A time in which a seller is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// From.
    pub from: Timestamp,
    /// Until.
    pub until: Timestamp,
}
