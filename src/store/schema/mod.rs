//! The numbered migrations. One that has been released never changes: what is new is one more.

/// For SQLite: `user_version` is how many of these a file has seen.
pub(super) const SQLITE: &[&str] = &[include_str!("sqlite_0001.sql")];
