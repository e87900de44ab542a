#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly"))]
//! tabir: a relay between the sellers and the buyers of a marketplace.

pub mod model;
pub mod policy;
pub mod settings;
// pub mod store;
pub mod vault;
