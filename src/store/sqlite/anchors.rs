//! Where all chains of a marketplace stood.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{
    columns::{at_most, signed, unsigned},
    evidence,
    pair::market,
};
use crate::{
    model::{EntryKind, Scope},
    store::{AnchorRow, HeadRow, NewEntry},
};

/// See [`crate::store::Persons::heads`].
pub(super) fn heads(db: &Connection, scope: &Scope) -> Result<Vec<HeadRow>> {
    db.prepare_cached(
        "SELECT c.id, h.head, h.entries FROM conversation c JOIN chain h ON h.conversation = c.num
             WHERE c.marketplace = ?1
             UNION ALL SELECT NULL, head, entries FROM chain WHERE conversation = -?1",
    )?
    .query_map([market(db, scope)?], read)?
    .collect()
}

/// See [`crate::store::Persons::add_anchor`].
pub(super) fn add(db: &Connection, scope: &Scope, row: &AnchorRow, heads: &[HeadRow]) -> Result<bool> {
    let market = market(db, scope)?;
    let kept = db
        .prepare_cached("INSERT OR IGNORE INTO anchor (marketplace, number, at, anchor) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![market, signed(row.number), row.at, row.anchor])?;
    if kept == 0 {
        return Ok(false);
    }
    let mut last =
        db.prepare_cached("SELECT entries FROM anchor_head WHERE conversation = ?1 ORDER BY number DESC LIMIT 1")?;
    let mut put =
        db.prepare_cached("INSERT INTO anchor_head (conversation, number, entries, head) VALUES (?1, ?2, ?3, ?4)")?;
    for head in heads {
        let num = match &head.conversation {
            None => Some(-market),
            Some(id) => evidence::conversation(db, scope, id)?,
        };
        let Some(num) = num else { continue };
        let known: Option<i64> = last.query_row([num], |row| row.get(0)).optional()?;
        if known != Some(signed(head.entries)) {
            put.execute(params![num, signed(row.number), signed(head.entries), head.head])?;
        }
    }
    let facts = format!("number={} chains={}", row.number, heads.len());
    let entry = NewEntry { at: row.at, kind: EntryKind::Anchored, by: None, message: None, facts, private: None };
    evidence::journal(db, scope, &entry)?;
    Ok(true)
}

/// See [`crate::store::Persons::anchors`].
pub(super) fn newest(db: &Connection, scope: &Scope, limit: usize, also: Option<u64>) -> Result<Vec<AnchorRow>> {
    db.prepare_cached(
        "SELECT number, at, anchor FROM anchor WHERE marketplace = ?1 AND (number = ?2 OR number IN
             (SELECT number FROM anchor WHERE marketplace = ?1 ORDER BY number DESC LIMIT ?3))
         ORDER BY number DESC",
    )?
    .query_map(params![market(db, scope)?, also.map(signed), at_most(limit)], |row| {
        Ok(AnchorRow { number: unsigned(row.get(0)?), at: row.get(1)?, anchor: row.get(2)? })
    })?
    .collect()
}

/// See [`crate::store::Persons::anchored`].
pub(super) fn anchored(db: &Connection, scope: &Scope, number: u64) -> Result<Vec<HeadRow>> {
    // SQLite takes head from the row that has the largest number.
    db.prepare_cached(
        "SELECT id, head, entries FROM (
             SELECT c.id AS id, a.head AS head, a.entries AS entries, max(a.number)
             FROM conversation c JOIN anchor_head a ON a.conversation = c.num
             WHERE c.marketplace = ?1 AND a.number <= ?2 GROUP BY c.num
             UNION ALL SELECT NULL, head, entries, max(number) FROM anchor_head
             WHERE conversation = -?1 AND number <= ?2 GROUP BY conversation)",
    )?
    .query_map(params![market(db, scope)?, signed(number)], read)?
    .collect()
}

fn read(row: &Row<'_>) -> Result<HeadRow> {
    Ok(HeadRow { conversation: row.get(0)?, head: row.get(1)?, entries: unsigned(row.get(2)?) })
}
