//! What happened in a conversation, in a file that anybody can check.
//!
//! - [`mod@format`]: what a bundle is made of, and how it is written; [`mod@view`]: for whom.
//! - [`mod@anchor`]: heads of all chains under one signature, so that nobody rewrites history unseen.
//! - [`mod@verify`]: whether a bundle is whole, and who signed it. Needs no server and no database.
//! - [`export()`]: takes a conversation's chain out of the store and opens what may still be opened.
//!
//! # Security
//! [`mod@format`], [`mod@anchor`] and [`mod@verify`] import only `model`, so that a verifier links no store and no keys;
//! they read bundles from strangers. [`export()`] sees what both sides wrote and writes it into a
//! bundle for whoever holds the marketplace's right to it; it never logs any of it.

pub mod anchor;
mod export;
pub mod format;
mod paper;
mod timeline;
pub mod verify;
pub mod view;

pub use anchor::Anchor;
pub use export::{Asked, export, public_key, sign_anchor};
pub use format::PublicKey;
pub use verify::{verify, verify_anchored};
pub use view::{Language, Reader, View};
