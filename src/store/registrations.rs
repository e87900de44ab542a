//! What is remembered of handles for somebody else than the seller.

use super::{Answer, HandleRow, NewEntry, NewHandle};
use crate::model::{ConversationId, HandleHash, Scope, Timestamp};

/// The part of the store that keeps registration handles. As in [`super::Store`], a method is a transaction.
pub trait Registrations: Send + Sync {
    /// Draws a handle. `None`: there is no such conversation; `false`: it has `most` that are open.
    fn put_registration<'a>(&'a self, scope: &'a Scope, new: NewRegistration, most: usize) -> Answer<'a, Option<bool>>;
    /// One of them, open or closed.
    fn registration<'a>(&'a self, scope: &'a Scope, hash: HandleHash) -> Answer<'a, Option<RegistrationRow>>;
    /// Those of a conversation, oldest first.
    fn registrations<'a>(
        &'a self,
        scope: &'a Scope,
        conversation: &'a ConversationId,
    ) -> Answer<'a, Vec<RegistrationRow>>;
    /// Changes what is known of one. `false`: it was changed since it was read, or is closed.
    fn change_registration<'a>(&'a self, scope: &'a Scope, change: RegistrationChange) -> Answer<'a, bool>;
    /// Closes one for good. `false`: it is closed, or there is none.
    fn close_registration<'a>(
        &'a self,
        scope: &'a Scope,
        hash: HandleHash,
        at: Timestamp,
        entry: NewEntry,
    ) -> Answer<'a, bool>;
}

/// A handle to draw.
#[derive(Clone, Debug)]
pub struct NewRegistration {
    /// In which conversation.
    pub conversation: ConversationId,
    /// The handle.
    pub handle: NewHandle,
    /// What is known of it, sealed under the marketplace's key.
    pub sealed: Vec<u8>,
    /// As evidence.
    pub entry: NewEntry,
}

/// A registration handle as it is.
#[derive(Clone, Debug)]
pub struct RegistrationRow {
    /// The handle.
    pub handle: HandleRow,
    /// What is known of it, sealed under the marketplace's key.
    pub sealed: Vec<u8>,
    /// Raised with each change.
    pub version: u64,
}

/// What is said of a registration handle from now on.
#[derive(Clone, Debug)]
pub struct RegistrationChange {
    /// Which one.
    pub hash: HandleHash,
    /// The version that was read.
    pub version: u64,
    /// What is known of it now, sealed under the marketplace's key.
    pub sealed: Vec<u8>,
    /// As evidence.
    pub entry: NewEntry,
}
