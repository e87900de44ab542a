//! May this contact happen, and what follows from it? Pure: takes what is known and `now`,
//! returns a decision as data.
//!
//! - [`contact`]: who may write how often, before and after a review.
//! - [`content`]: from findings and signals to a verdict.
//! - [`life`]: the state of a handle from its age.
//! - [`pictures`]: are words in a picture read?
//! - [`rules`]: what is set for each marketplace.
//!
//! # Security
//! Imports only `model`. No keys, no disk, no network, no clock of its own.

pub mod contact;
pub mod content;
pub mod life;
pub mod pictures;
pub mod rules;
