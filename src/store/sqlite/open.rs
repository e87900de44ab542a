//! Opening the file: its folder, its mode, its settings and its migrations.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, TransactionBehavior, config::DbConfig};

use crate::{model::Fault, store::schema};

/// Makes the file where it is missing and brings its schema up to date.
pub(super) fn prepare(path: &Path) -> Result<Connection, Fault> {
    make(path).map_err(|error| Fault::new("making the store's file", error))?;
    let mut db = connection(path).map_err(|error| Fault::new("opening the store", error))?;
    migrate(&mut db)?;
    Ok(db)
}

/// A connection that writes.
pub(super) fn connection(path: &Path) -> rusqlite::Result<Connection> {
    let db = plain(path)?;
    // FULL: a commit is synced before it is answered. secure_delete: what is deleted is zeroed.
    // The cache stays small: after many a commit SQLite walks through all of its hash table, and
    // what is not in it is read from the mapped file.
    // Checkpoints are the writer's own, at moments when nobody waits for it.
    db.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA secure_delete = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -16384;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = 67108864;",
    )?;
    Ok(db)
}

/// A connection that only reads.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let db = plain(path)?;
    db.execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192;")?;
    Ok(db)
}

fn plain(path: &Path) -> rusqlite::Result<Connection> {
    // NO_MUTEX: no connection is ever used by two threads at once.
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(BUSY)?;
    // Without the stability guarantee SQLite plans many statements anew for each value bound.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.pragma_update(None, "mmap_size", MAPPED)?;
    db.set_prepared_statement_cache_capacity(256);
    Ok(db)
}

fn make(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    // SQLite gives the log and its index the mode of the file.
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::metadata(path).map(drop),
        other => other.map(drop),
    }
}

fn migrate(db: &mut Connection) -> Result<(), Fault> {
    const DOING: &str = "bringing the store's schema up to date";
    let failed = |error: rusqlite::Error| Fault::new(DOING, error);
    let change = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let seen: usize = change.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0)).map_err(failed)? as usize;
    if seen > schema::SQLITE.len() {
        return Err(Fault::plain("opening a store that a newer version has written"));
    }
    for migration in &schema::SQLITE[seen..] {
        change.execute_batch(migration).map_err(failed)?;
    }
    change.pragma_update(None, "user_version", u32::try_from(schema::SQLITE.len()).unwrap_or(0)).map_err(failed)?;
    change.commit().map_err(failed)
}

/// How long another program's short transaction is waited for.
const BUSY: Duration = Duration::from_secs(5);
/// So much of the file is read through the page cache without a copy.
const MAPPED: i64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    /// A file as the version before a migration left it.
    fn seen(path: &Path, migrations: usize) -> Connection {
        make(path).unwrap();
        let db = Connection::open(path).unwrap();
        schema::SQLITE[..migrations].iter().for_each(|migration| db.execute_batch(migration).unwrap());
        db.pragma_update(None, "user_version", u32::try_from(migrations).unwrap()).unwrap();
        db
    }

    #[test]
    fn thread_ids_of_an_older_file_are_there_after_it_was_brought_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tabir.db");
        seen(&path, 14)
            .execute_batch(
                "INSERT INTO thread VALUES (7, x'02', 'buyer', x'0a', x'0b', x'0c', 99), (7, x'01', 'seller', x'0d', NULL, NULL, NULL)",
            )
            .unwrap();
        let db = prepare(&path).unwrap();
        let mut query = db.prepare("SELECT hash, from_side, sealed, print, until FROM thread ORDER BY hash").unwrap();
        let row = |row: &rusqlite::Row<'_>| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get::<_, Option<i64>>(4)?))
        };
        let rows: Vec<(Vec<u8>, String, Vec<u8>, Option<Vec<u8>>, Option<i64>)> =
            query.query_map([], row).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows[0], (vec![1], "seller".to_owned(), vec![13], None, None));
        assert_eq!(rows[1], (vec![2], "buyer".to_owned(), vec![10], Some(vec![11]), Some(99)));
        let twice = db
            .execute("INSERT INTO thread (conversation, hash, from_side, sealed) VALUES (7, x'01', 'buyer', x'')", []);
        assert!(twice.is_err(), "an id stands once in a conversation");
    }
}
