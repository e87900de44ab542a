//! Addresses that their host called unknown for good: for some days nobody knocks there again for the same
//! conversation, since who goes on knocking is taken for a sender of spam.

use dashmap::DashMap;
use ring::digest;

use super::Relay;
use crate::{
    model::{Duration, Timestamp},
    store::Delivery,
};

/// What is live and may be lost: after a start each address is tried once more.
pub(super) struct Unknown {
    /// Until when, by a digest of what is never kept.
    until: DashMap<[u8; 32], Timestamp>,
}

impl Unknown {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { until: DashMap::new() }
    }

    fn note(&self, key: [u8; 32], now: Timestamp) {
        if self.until.len() >= KEPT {
            self.until.retain(|_, until| *until > now);
        }
        if self.until.len() < KEPT {
            self.until.insert(key, now.plus(REST));
        }
    }

    fn holds(&self, key: [u8; 32], now: Timestamp) -> bool {
        self.until.get(&key).is_some_and(|until| *until > now)
    }
}

impl Relay {
    /// Whether this address was called unknown lately, in this conversation and by nobody else's mail.
    pub(super) fn is_unknown(&self, delivery: &Delivery, address: &str) -> bool {
        self.unknown.holds(key(delivery, address), self.clock.now())
    }

    /// A host refused for good with this code: whether that says that nobody lives there.
    pub(super) fn refused_for_good(&self, delivery: &Delivery, address: &str, code: &str) {
        if NOBODY.contains(&code) {
            self.unknown.note(key(delivery, address), self.clock.now());
        }
    }
}

/// Another address, as its owner has it changed, is another key.
fn key(delivery: &Delivery, address: &str) -> [u8; 32] {
    let (marketplace, conversation) = (delivery.scope.marketplace().as_str(), delivery.conversation.as_str());
    let mut context = digest::Context::new(&digest::SHA256);
    for part in [marketplace, conversation, delivery.to.as_str(), address] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut key = [0; 32];
    key.copy_from_slice(context.finish().as_ref());
    key
}

/// No such mailbox, moved without a trace, a domain that takes no mail (RFC 3463 §3.2, RFC 7505).
const NOBODY: [&str; 3] = ["5.1.1", "5.1.6", "5.1.10"];
/// A mailbox that was made by then is found again.
const REST: Duration = Duration::days(3);
/// Two megabytes at most.
const KEPT: usize = 32_768;
