//! One file a command.

pub mod scrub;
