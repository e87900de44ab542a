//! May this contact happen, and what follows from it? Pure: takes what is known and `now`,
//! returns a decision as data.
//!
//! - [`cases`]: what is due in a dispute, by its clocks.
//! - [`contact`]: who may write how often, before and after a review.
//! - [`content`]: from findings and signals to a verdict.
//! - [`enforcement`], [`strikes`]: what follows from rules that were broken.
//! - [`life`]: the state of a handle from its age.
//! - [`pictures`]: are words in a picture read?
//! - [`retaliation`]: does a seller strike back after a review?
//! - [`response`]: how soon a seller answers.
//! - [`rights`]: disclosures, clocks and ages of personal data.
//! - [`rules`]: what is set for each marketplace.
//! - [`voice`]: how support is known, and who looks like it.
//! - [`templates`]: what may be said where a seller's own words are not welcome.
//! - [`webhooks`]: when a program that did not listen is told again.
//!
//! # Security
//! Imports only `model`. No keys, no disk, no network, no clock of its own.

pub mod cases;
pub mod contact;
pub mod content;
pub mod enforcement;
pub mod life;
pub mod numbers;
pub mod pictures;
pub mod response;
pub mod retaliation;
pub mod rights;
pub mod rules;
pub mod strikes;
pub mod templates;
pub mod voice;
pub mod webhooks;
