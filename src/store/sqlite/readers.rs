//! Connections that read, taken from a pool and given back: a reader never waits for the writer.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use rusqlite::Connection;

use super::open;
use crate::model::Fault;

/// The pool.
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// A pool that opens connections as they are needed.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::new(Vec::new()) }
    }

    /// Runs `query` on one moment of the store.
    pub(super) fn read<T>(
        &self,
        doing: &'static str,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Fault> {
        self.on_one_moment(query).map_err(|error| Fault::new(doing, error))
    }

    /// Runs `query`, which is one statement and so sees one moment by itself.
    pub(super) fn glance<T>(
        &self,
        doing: &'static str,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Fault> {
        let glance = || {
            let db = self.take()?;
            let answer = query(&db);
            self.give_back(db);
            answer
        };
        glance().map_err(|error| Fault::new(doing, error))
    }

    fn on_one_moment<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let db = self.take()?;
        db.prepare_cached("BEGIN")?.execute([])?;
        let answer = query(&db);
        // A connection that can not end its transaction is closed instead of given back.
        db.prepare_cached("COMMIT")?.execute([])?;
        self.give_back(db);
        answer
    }

    fn take(&self) -> rusqlite::Result<Connection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| open::reader(&self.path), Ok)
    }

    fn give_back(&self, db: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(db);
        }
    }
}

/// So many connections are kept open.
const KEPT: usize = 8;
