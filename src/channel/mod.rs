//! The dialects: each turns bytes into calls of the relay or the desk, and their answer into its
//! own words.
//!
//! # Security
//! Parses hostile bytes and frames them; holds no keys. Imports model, media, relay, desk and
//! net. What a peer hears of a refusal is one stable text; what the log hears names nobody.

pub mod api;
mod https;
pub mod proxy;
pub mod sms;
pub mod smtp;
pub mod webhook;
