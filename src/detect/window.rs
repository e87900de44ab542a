//! What is split over messages: the last residues of earlier ones, and joining them with this one.
//!
//! Only digits and fragments of hosts and ids are kept, never plaintext, at most 2 kB.

use serde::{Deserialize, Serialize};

/// The residues of earlier messages of one sender in a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Runs of digits, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) digits: Vec<String>,
    /// Whether words among them spoke of a telephone number.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) called: bool,
    /// The last id-like word, which an address or host may continue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tail: Option<String>,
}

impl Window {
    /// At most this many runs of digits are remembered.
    pub(super) const RUNS: usize = 24;
    /// At most this many digits a run.
    pub(super) const RUN: usize = 15;
    /// At most this many bytes of a fragment.
    pub(super) const TAIL: usize = 64;

    /// Keeps the newest residues within bounds.
    pub(super) fn bounded(mut self) -> Self {
        let over = self.digits.len().saturating_sub(Self::RUNS);
        self.digits.drain(..over);
        self.digits.retain(|run| run.len() <= Self::RUN);
        self.tail = self.tail.filter(|tail| tail.len() <= Self::TAIL);
        if self.digits.is_empty() {
            self.called = false;
        }
        self
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_stays_within_two_kilobytes() {
        let window =
            Window { digits: vec!["123456789012345".to_owned(); 500], called: true, tail: Some("a".repeat(5000)) };
        assert!(serde_json::to_vec(&window.bounded()).unwrap().len() <= 2048);
    }
}
