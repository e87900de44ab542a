//! Mail: bytes opened into a [`Content`](crate::model::Content), and a content built into bytes.
//!
//! [`open()`] splits a message into header fields and parts, reads what it knows and drops or
//! refuses the rest. [`build()`] writes a new message whose header fields are those of
//! [`HEADERS`] and no others, with boundaries and content ids drawn afresh, so that nothing of
//! the sender's program, host or time zone is carried along.

mod automatic;
mod build;
mod encode;
mod fields;
mod open;
mod parts;
mod report;
mod sign;

pub use build::{HEADERS, Outgoing, address, build};
pub use open::{Opened, open};
pub use report::{Complaint, DeliveryReport, Report};
pub use sign::{Signing, dkim_signature};

/// What a message may cost before anything of it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How deep parts may lie in parts.
    pub depth: usize,
    /// How many parts there may be.
    pub parts: usize,
    /// How many header fields there may be, those of parts included.
    pub headers: usize,
    /// Bytes of all decoded texts and HTML bodies together.
    pub body: usize,
    /// How many mails in the mail are given out as they are; the others, as usual all, are taken out.
    pub forwarded: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 16, parts: 256, headers: 1_000, body: 2_000_000, forwarded: 0 }
    }
}

/// The mark of a message that has been here: seen again, it goes in a circle.
const LOOP_MARK: &str = "X-Tabir-Loop";

#[cfg(test)]
mod tests;
