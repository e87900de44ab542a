//! What age ends: texts, files and private parts that are older than they are kept. Entries and links stay, so that the
//! chain verifies; what a hold stands on, what waits for a person and what is sealed for a court stay too.

use rusqlite::{Connection, OptionalExtension, Result, params, types::FromSqlError};

use super::{columns::at_most, evidence, pair::market};
use crate::{
    model::{Entry, EntryKind, EventId, Scope, Timestamp},
    store::{NewEntry, Periods, Retired},
};

/// What is to be forgotten, by number.
#[derive(Default)]
pub(super) struct Old {
    /// Messages whose text is too old.
    texts: Vec<i64>,
    /// Messages whose files are.
    files: Vec<i64>,
    /// Other entries whose private part is.
    entries: Vec<i64>,
    /// Before which hour readings are.
    access: Option<i64>,
}

impl Old {
    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.files.is_empty() && self.entries.is_empty() && self.access.is_none()
    }
}

/// A piece of what is too old, after an entry; and the entry to go on behind, 0 to begin anew.
pub(super) fn old(db: &Connection, scope: &Scope, now: Timestamp, periods: &Periods, after: i64) -> Result<(Old, i64)> {
    let market = market(db, scope)?;
    let before = |period: Option<_>| period.map(|period| now.minus(period));
    let (texts, files, evidence) = (before(periods.messages), before(periods.files), before(periods.evidence));
    let mut old = Old { access: old_access(db, before(periods.access))?, ..Old::default() };
    let Some(newest) = [texts, files, evidence].into_iter().flatten().max() else { return Ok((old, 0)) };
    let mut query = db.prepare_cached(
        "SELECT e.num, e.canonical, e.sealed IS NOT NULL,
             EXISTS (SELECT 1 FROM held h WHERE h.party IN (c.buyer, c.seller) AND (h.until IS NULL OR h.until > ?4))
         FROM evidence e JOIN conversation c ON c.num = e.conversation
         WHERE e.num > ?2 AND c.marketplace = ?1 ORDER BY e.num LIMIT ?3",
    )?;
    let mut rows = query.query(params![market, after, at_most(PIECE), now])?;
    let (mut seen, mut last) = (0, 0);
    while let Some(row) = rows.next()? {
        let canonical: String = row.get(1)?;
        let entry: Entry = serde_json::from_str(&canonical).map_err(FromSqlError::other)?;
        if entry.at >= newest {
            // Entries are numbered as they come: what follows is younger.
            return Ok((old, 0));
        }
        (seen, last) = (seen + 1, row.get(0)?);
        let (sealed, held): (bool, bool) = (row.get(2)?, row.get(3)?);
        if held || entry.kind == EntryKind::MessageEscalated {
            continue;
        }
        let past = |limit: Option<Timestamp>| limit.is_some_and(|limit| entry.at < limit);
        let Some(message) = entry.message.filter(|_| entry.by.is_some()) else {
            if sealed && past(evidence) {
                old.entries.push(last);
            }
            continue;
        };
        let Some((message, waits, with_files)) = written(db, message)? else { continue };
        if sealed && !waits && past(texts) {
            old.texts.push(last);
        }
        if with_files && !waits && past(files) {
            old.files.push(message);
        }
    }
    Ok((old, if seen == PIECE { last } else { 0 }))
}

/// A message's number, whether it waits for a person, and whether it has files.
fn written(db: &Connection, id: EventId) -> Result<Option<(i64, bool, bool)>> {
    db.prepare_cached(
        "SELECT num, state = 'held', EXISTS (SELECT 1 FROM message_file f WHERE f.message = num)
         FROM message WHERE id = ?1",
    )?
    .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
    .optional()
}

fn old_access(db: &Connection, before: Option<Timestamp>) -> Result<Option<i64>> {
    let Some(hour) = before.map(|at| at.0.div_euclid(HOUR)) else { return Ok(None) };
    let any = db.prepare_cached("SELECT 1 FROM access WHERE hour < ?1")?.exists([hour])?;
    Ok(any.then_some(hour))
}

/// Forgets it, unless a hold was placed meanwhile.
pub(super) fn forget(db: &Connection, scope: &Scope, now: Timestamp, old: &Old) -> Result<Retired> {
    let mut retired = Retired::default();
    let mut close = db.prepare_cached(
        "UPDATE evidence SET sealed = NULL WHERE num = ?1 AND sealed IS NOT NULL AND NOT EXISTS (
             SELECT 1 FROM conversation c JOIN held h ON h.party IN (c.buyer, c.seller)
             WHERE c.num = evidence.conversation AND (h.until IS NULL OR h.until > ?2))",
    )?;
    for num in &old.texts {
        retired.messages += count(close.execute(params![num, now])?);
    }
    for num in &old.entries {
        retired.evidence += count(close.execute(params![num, now])?);
    }
    let mut drop_files = db.prepare_cached(
        "DELETE FROM message_file WHERE message = ?1 AND NOT EXISTS (
             SELECT 1 FROM message m JOIN conversation c ON c.num = m.conversation
             JOIN held h ON h.party IN (c.buyer, c.seller)
             WHERE m.num = ?1 AND (h.until IS NULL OR h.until > ?2))",
    )?;
    for num in &old.files {
        retired.files += count(drop_files.execute(params![num, now])?);
    }
    if let Some(hour) = old.access {
        retired.access = count(
            db.prepare_cached(
                "DELETE FROM access WHERE hour < ?1
                     AND party IN (SELECT num FROM party WHERE marketplace = ?2)
                     AND party NOT IN (SELECT party FROM held WHERE until IS NULL OR until > ?3)",
            )?
            .execute(params![hour, market(db, scope)?, now])?,
        );
    }
    if retired.is_some() {
        let Retired { messages, files, evidence: private, access } = retired;
        let facts = format!("messages={messages} files={files} private={private} access={access}");
        let entry = NewEntry { at: now, kind: EntryKind::Expired, by: None, message: None, facts, private: None };
        evidence::journal(db, scope, &entry)?;
    }
    Ok(retired)
}

fn count(n: usize) -> u64 {
    n.try_into().unwrap_or(u64::MAX)
}

/// So many entries at once: a few milliseconds.
const PIECE: usize = 500;
const HOUR: i64 = 3_600_000;
