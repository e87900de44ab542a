//! Webhooks: a marketplace's own programs are told what happens, as Standard Webhooks 1.0.0 has it.
//!
//! Each webhook reads the feed of events with a place of its own (`desk::webhooks`) and is told one event after another,
//! so that it hears them in their order; a thin body with ids alone, signed. What is not taken is told again by the
//! schedule of the settings, and everything behind it waits.
//!
//! # Security
//! Imports `desk` and `net`. Connects where a marketplace says, which may be anywhere: every try looks the name up anew
//! and connects to the very address that was looked at, a public one or one that the settings allow; nobody is followed
//! elsewhere, and what is answered is not read beyond its status and `Retry-After`. No key is here: the desk signs.

mod post;
mod rounds;
mod settings;

pub use rounds::Herald;
pub use settings::WebhookSettings;
