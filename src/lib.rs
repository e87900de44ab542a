#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly"))]
//! tabir (Indonesian: *veil*): a relay between the sellers and the buyers of a marketplace, who
//! never learn each other's address.
//!
//! A message takes one way, and [`relay`] tells it in one function:
//!
//! ```text
//! pass    channel ─▶ resolve ─▶ admit ─▶ scrub ─▶ judge ─▶ rewrite ─▶ record      │ 250 / 201 only now
//!          (in)       store     policy   detect   judges    model      store       │
//!                    who is it?  may it?  clean it  fit it?  mask it   answer for it
//! carry   outbox ─▶ claim ─▶ judge again ─▶ open the address ─▶ transport ─▶ record the outcome
//! ```
//!
//! The rooms, from the words inwards to the street:
//!
//! | room | what it is for |
//! |---|---|
//! | [`model`] | the words of the house |
//! | [`policy`] | may this contact happen, and what follows from it? pure |
//! | [`detect`] | finding ways off the platform in text; pure |
//! | [`media`] | opening and rebuilding mail, HTML, pictures; pure |
//! | [`sandbox`] | hostile pictures, in a process of their own |
//! | [`judges`] | content shown to judges who are not ours, and lists of known files |
//! | [`vault`] | the only room with keys that unmask people |
//! | [`store`] | what the house remembers, sealed |
//! | [`relay`] | the way of a message |
//! | [`desk`] | everything a program or person asks beside the way |
//! | [`evidence`] | what happened, provable to others |
//! | [`channel`] | the dialects: SMTP, HTTPS, and the proxy before a chat |
//! | [`net`] | listeners, TLS, names, limits at the edge |
//! | [`settings`] | TOML into types, every fault at once |
//! | [`telemetry`] | logs and metrics without people in them |
//! | [`app`], [`cli`] | the only ones who know everybody |

pub mod app;
pub mod channel;
pub mod cli;
pub mod desk;
pub mod detect;
pub mod evidence;
pub mod judges;
pub mod media;
pub mod model;
pub mod net;
pub mod policy;
pub mod relay;
pub mod sandbox;
pub mod settings;
pub mod store;
pub mod telemetry;
pub mod vault;
