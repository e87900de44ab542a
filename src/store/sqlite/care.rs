//! What time does: expiry, in pieces small enough that nobody waits for them; and counts.

use rusqlite::{Connection, Result, params};

use super::{
    columns::{at_most, unsigned},
    pickups,
};
use crate::{
    model::{Duration, Timestamp},
    store::{
        Depth,
        outbox::{CONTACTS_KEPT, REVIEWS_KEPT, SKETCHES_KEPT, first_id},
    },
};

/// Deliveries that no bounce will name any more.
pub(super) fn old_deliveries(db: &Connection, now: Timestamp) -> Result<Vec<i64>> {
    let before = now.minus(DELIVERIES_KEPT);
    // Ids are drawn in the order of time: older ones only are looked at.
    db.prepare_cached("SELECT num FROM delivery WHERE id < ?1 AND settled < ?2 LIMIT ?3")?
        .query_map(params![first_id(before), before, at_most(PIECE)], |row| row.get(0))?
        .collect()
}

/// Deletes those.
pub(super) fn forget_deliveries(db: &Connection, old: &[i64]) -> Result<()> {
    let mut delete = db.prepare_cached("DELETE FROM delivery WHERE num = ?1 AND settled IS NOT NULL")?;
    old.iter().try_for_each(|num| delete.execute([num]).map(drop))
}

/// Detection windows in which nobody has written for a day, among a piece of those after a row;
/// and the last row looked at; `None`: the walk begins anew.
pub(super) fn old_windows(db: &Connection, after: i64, now: Timestamp) -> Result<(Vec<i64>, Option<i64>)> {
    let piece: Vec<(i64, Timestamp)> = db
        .prepare_cached("SELECT rowid, at FROM detection_window WHERE rowid > ?1 ORDER BY rowid LIMIT ?2")?
        .query_map(params![after, at_most(PIECE)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_>>()?;
    let last = piece.last().map(|(row, _)| *row).filter(|_| piece.len() == PIECE);
    let before = now.minus(WINDOWS_KEPT);
    Ok((piece.into_iter().filter(|(_, at)| *at < before).map(|(row, _)| row).collect(), last))
}

/// Deletes those, unless someone has written meanwhile.
pub(super) fn forget_windows(db: &Connection, old: &[i64], now: Timestamp) -> Result<()> {
    let mut delete = db.prepare_cached("DELETE FROM detection_window WHERE rowid = ?1 AND at < ?2")?;
    old.iter().try_for_each(|row| delete.execute(params![row, now.minus(WINDOWS_KEPT)]).map(drop))
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
    let gone = db
        .prepare_cached("DELETE FROM sketch WHERE num IN (SELECT num FROM sketch WHERE at <= ?1 LIMIT ?2)")?
        .execute(params![now.minus(SKETCHES_KEPT), at_most(PIECE)])?;
    let over = pickups::expire(db, now.minus(PICKUPS_KEPT), PIECE)?;
    Ok(more || gone >= PIECE || over >= PIECE)
}

/// Pairs with contacts or reviews that no decision looks at any more, among a piece of those
/// after a pair; and the last pair looked at; `None`: the walk begins anew.
pub(super) fn worn_pairs(db: &Connection, after: Key, now: Timestamp) -> Result<(Vec<Key>, Option<Key>)> {
    let piece: Vec<Key> = db
        .prepare_cached(
            "SELECT buyer, seller FROM pair WHERE (buyer, seller) > (?1, ?2) ORDER BY buyer, seller LIMIT ?3",
        )?
        .query_map(params![after.0, after.1, at_most(PIECE)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_>>()?;
    let last = piece.last().copied().filter(|_| piece.len() == PIECE);
    let mut old = db.prepare_cached(
        "SELECT 1 FROM contact WHERE buyer = ?1 AND seller = ?2 AND at < ?3
         UNION ALL SELECT 1 FROM barrier WHERE buyer = ?1 AND seller = ?2 AND at < ?4 LIMIT 1",
    )?;
    let mut worn = Vec::new();
    for pair in piece {
        if old.exists(params![pair.0, pair.1, now.minus(CONTACTS_KEPT), now.minus(REVIEWS_KEPT)])? {
            worn.push(pair);
        }
    }
    Ok((worn, last))
}

/// A pair: buyer and seller.
pub(super) type Key = (i64, i64);

/// Deletes those of one pair.
pub(super) fn forget_contacts(db: &Connection, pair: Key, now: Timestamp) -> Result<()> {
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
        escalated: count("SELECT count(*) FROM message WHERE state = 'held' AND reason = 'escalated'")?,
    })
}

/// So many rows at once: a few milliseconds.
const PIECE: usize = 500;
const DELIVERIES_KEPT: Duration = Duration::days(30);
/// A buyer asks about a courier at the latest when the parcel has not come back.
const PICKUPS_KEPT: Duration = Duration::days(90);
const WINDOWS_KEPT: Duration = Duration::days(1);
