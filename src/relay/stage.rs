//! The stages of a message, as proofs. Their constructors are private to `relay`.
//!
//! A message from outside has no stage, and none can be forged:
//!
//! ```compile_fail
//! use tabir::{model::{Content, Message}, relay::Relay};
//! async fn skip(relay: &Relay) {
//!     let unscrubbed = Message::at((), Content::default());
//!     let _ = relay.record(unscrubbed).await;
//! }
//! ```
//!
//! Its twin compiles: a message goes in by `pass` alone.
//!
//! ```
//! use tabir::{model::Outcome, relay::{Inbound, Relay}};
//! async fn pass(relay: &Relay, inbound: Inbound) -> Outcome {
//!     relay.pass(inbound).await
//! }
//! ```

use std::sync::Arc;

use super::talk::Talk;
use crate::{
    judges::Hit,
    model::{Attachment, EventId, Finding, Message, Shown, Signal, Unguarded, Verdict},
};

/// We know between whom it is.
pub(super) struct Resolved {
    pub(super) talk: Arc<Talk>,
}

/// It may come in, as far as the cheap early look goes.
pub(super) struct Admitted {
    pub(super) talk: Arc<Talk>,
    /// Its files as they came, those too that may not pass, their types told by their content.
    pub(super) came: Vec<Attachment>,
}

impl Admitted {
    pub(super) fn dry(resolved: &Resolved) -> Self {
        Self { talk: Arc::clone(&resolved.talk), came: Vec::new() }
    }
}

/// Every part was opened, judged and rebuilt.
pub(super) struct Scrubbed {
    pub(super) talk: Arc<Talk>,
    pub(super) original: Shown,
    pub(super) findings: Vec<Finding>,
    pub(super) signals: Vec<Signal>,
    pub(super) verdict: Verdict,
    /// What lists and judges have against it.
    pub(super) hits: Vec<Hit>,
    /// What the sender is told, where that is less.
    pub(super) unguarded: Option<Box<Unguarded>>,
    /// The sequence of the window that was read, and the window as it will be.
    pub(super) window: (u64, Vec<u8>),
}

/// Whoever is asked about content has been heard.
pub(super) struct Judged {
    pub(super) scrubbed: Scrubbed,
}

/// The sender is a handle, thread ids are mapped, what goes out is sealed.
pub(super) struct Rewritten {
    pub(super) scrubbed: Scrubbed,
    pub(super) id: EventId,
    pub(super) deliveries: Vec<crate::store::NewDelivery>,
    pub(super) threads: Vec<crate::store::ThreadRow>,
    /// Files to keep for delivery by API.
    pub(super) files: Vec<Attachment>,
}

pub(super) type ResolvedMessage = Message<Resolved>;
pub(super) type AdmittedMessage = Message<Admitted>;
pub(super) type ScrubbedMessage = Message<Scrubbed>;
pub(super) type JudgedMessage = Message<Judged>;
pub(super) type RewrittenMessage = Message<Rewritten>;
