//! The numbered migrations. One that has been released never changes: what is new is one more.

/// For SQLite: `user_version` is how many of these a file has seen.
pub(super) const SQLITE: &[&str] = &[
    include_str!("sqlite_0001.sql"),
    include_str!("sqlite_0002.sql"),
    include_str!("sqlite_0003.sql"),
    include_str!("sqlite_0004.sql"),
    include_str!("sqlite_0005.sql"),
    include_str!("sqlite_0006.sql"),
    include_str!("sqlite_0007.sql"),
    include_str!("sqlite_0008.sql"),
    include_str!("sqlite_0009.sql"),
    include_str!("sqlite_0010.sql"),
    include_str!("sqlite_0011.sql"),
    include_str!("sqlite_0012.sql"),
    include_str!("sqlite_0013.sql"),
    include_str!("sqlite_0014.sql"),
    include_str!("sqlite_0015.sql"),
    include_str!("sqlite_0016.sql"),
];

/// For PostgreSQL: the row of `schema_version` is how many of these a database has seen.
#[cfg(feature = "postgres")]
pub(super) const POSTGRES: &[&str] = &[include_str!("postgres_0001.sql"), include_str!("postgres_0002.sql")];
