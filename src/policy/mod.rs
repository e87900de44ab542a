//! May this contact happen, and what follows from it? Pure; takes `now` as an argument.
//!
//! # Security
//! Parses no hostile bytes, holds no keys, touches neither disk nor network.

pub mod content;
