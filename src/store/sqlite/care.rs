//! What time does: expiry, in pieces small enough that nobody waits for them; and counts.

use rusqlite::{Connection, Result, params, types::Value};

use super::columns::{at_most, unsigned};
use crate::{
    model::{Duration, Timestamp},
    store::{
        Depth,
        outbox::{CONTACTS_KEPT, REVIEWS_KEPT, first_id},
    },
};

/// Rows to delete by their two-column keys, found by a reader and deleted by the writer.
pub(super) struct Worn {
    rows: Vec<(i64, Value)>,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Delivery,
    Window,
}

impl Worn {
    /// Whether there may be more of the kind.
    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= PIECE
    }

    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Deletes them, if they are still as old as they were when they were found.
    pub(super) fn delete(&self, db: &Connection, now: Timestamp) -> Result<()> {
        let (sql, before) = match self.kind {
            Kind::Delivery => ("DELETE FROM delivery WHERE num = ?1 AND ?2 IS NULL AND settled < ?3", DELIVERIES_KEPT),
            Kind::Window => ("DELETE FROM detection_window WHERE conversation = ?1 AND side = ?2 AND at < ?3", WINDOWS_KEPT),
        };
        let mut delete = db.prepare_cached(sql)?;
        for (num, side) in &self.rows {
            delete.execute(params![num, side, now.minus(before)])?;
        }
        Ok(())
    }
}

/// Deliveries that no bounce will name any more.
pub(super) fn old_deliveries(db: &Connection, now: Timestamp) -> Result<Worn> {
    let before = now.minus(DELIVERIES_KEPT);
    // Ids are drawn in the order of time: older ones only are looked at.
    let rows = db
        .prepare_cached("SELECT num FROM delivery WHERE id < ?1 AND settled < ?2 LIMIT ?3")?
        .query_map(params![first_id(before), before, at_most(PIECE)], |row| Ok((row.get(0)?, Value::Null)))?
        .collect::<Result<_>>()?;
    Ok(Worn { rows, kind: Kind::Delivery })
}

/// Detection windows in which nobody has written for a day.
pub(super) fn old_windows(db: &Connection, now: Timestamp) -> Result<Worn> {
    let rows = db
        .prepare_cached("SELECT conversation, side FROM detection_window WHERE at < ?1 LIMIT ?2")?
        .query_map(params![now.minus(WINDOWS_KEPT), at_most(PIECE)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_>>()?;
    Ok(Worn { rows, kind: Kind::Window })
}

/// Deletes a piece of what has expired; whether there is more.
pub(super) fn expire(db: &Connection, now: Timestamp) -> Result<bool> {
    let mut more = false;
    for table in ["repeat", "answer"] {
        let gone = db
            .prepare_cached(&format!(
                "DELETE FROM {table} WHERE (marketplace, key) IN
                     (SELECT marketplace, key FROM {table} WHERE expires <= ?1 LIMIT ?2)"
            ))?
            .execute(params![now, at_most(PIECE)])?;
        more |= gone >= PIECE;
    }
    Ok(more)
}

/// Pairs by their keys, a piece at a time, for [`forget_contacts`].
pub(super) fn pairs_after(db: &Connection, after: (i64, i64)) -> Result<Vec<(i64, i64)>> {
    db.prepare_cached("SELECT buyer, seller FROM pair WHERE (buyer, seller) > (?1, ?2) ORDER BY buyer, seller LIMIT ?3")?
        .query_map(params![after.0, after.1, at_most(PIECE)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Whether a pair has contacts or reviews that no decision looks at any more.
pub(super) fn has_old_contacts(db: &Connection, pair: (i64, i64), now: Timestamp) -> Result<bool> {
    let mut old = db.prepare_cached(
        "SELECT 1 FROM contact WHERE buyer = ?1 AND seller = ?2 AND at < ?3
         UNION ALL SELECT 1 FROM barrier WHERE buyer = ?1 AND seller = ?2 AND at < ?4 LIMIT 1",
    )?;
    old.exists(params![pair.0, pair.1, now.minus(CONTACTS_KEPT), now.minus(REVIEWS_KEPT)])
}

/// Deletes those of one pair.
pub(super) fn forget_contacts(db: &Connection, pair: (i64, i64), now: Timestamp) -> Result<()> {
    for (table, kept) in [("contact", CONTACTS_KEPT), ("barrier", REVIEWS_KEPT)] {
        db.prepare_cached(&format!("DELETE FROM {table} WHERE buyer = ?1 AND seller = ?2 AND at < ?3"))?
            .execute(params![pair.0, pair.1, now.minus(kept)])?;
    }
    Ok(())
}

/// Writes, to see whether writing works.
pub(super) fn beat(db: &Connection) -> Result<()> {
    db.prepare_cached("UPDATE pulse SET beat = beat + 1")?.execute([]).map(drop)
}

/// See [`crate::store::Store::depth`].
pub(super) fn depth(db: &Connection) -> Result<Depth> {
    let count = |sql| db.prepare_cached(sql)?.query_row([], |row| row.get(0)).map(unsigned);
    Ok(Depth {
        queued: count("SELECT count(*) FROM delivery WHERE lane IS NOT NULL")?,
        held: count("SELECT count(*) FROM message WHERE state = 'held'")?,
    })
}

/// So many rows at once.
const PIECE: usize = 500;
const DELIVERIES_KEPT: Duration = Duration::days(30);
const WINDOWS_KEPT: Duration = Duration::days(1);
