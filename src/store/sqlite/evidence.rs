//! Evidence: a chain of entries for each conversation.

use rusqlite::{Connection, OptionalExtension, Result, Row, params, types::FromSqlError};

use super::{
    columns::{at_most, signed, unsigned},
    pair::market,
};
use crate::{
    model::{Entry, Link, Scope, Side},
    store::{EventRow, Events, EvidenceRow, NewEntry, outbox},
};

/// The end of a conversation's chain, taken in hand: entries are added here and the end is put
/// back with [`Chain::save`].
pub(super) struct Chain {
    conversation: i64,
    /// How many messages the conversation has.
    pub(super) messages: u64,
    /// How many entries there are: the next one's number.
    pub(super) entries: u64,
    head: Link,
}

impl Chain {
    /// The chain of a conversation that has just been made.
    pub(super) fn begin(db: &Connection, conversation: i64, genesis: Link) -> Result<Self> {
        db.prepare_cached("INSERT INTO chain (conversation, messages, entries, head) VALUES (?1, 0, 0, ?2)")?
            .execute(params![conversation, genesis])?;
        Ok(Self { conversation, messages: 0, entries: 0, head: genesis })
    }

    /// The chain of a conversation.
    pub(super) fn load(db: &Connection, conversation: i64) -> Result<Self> {
        db.prepare_cached("SELECT messages, entries, head FROM chain WHERE conversation = ?1")?.query_row(
            [conversation],
            |row| {
                Ok(Self {
                    conversation,
                    messages: unsigned(row.get(0)?),
                    entries: unsigned(row.get(1)?),
                    head: row.get(2)?,
                })
            },
        )
    }

    /// Adds an entry.
    pub(super) fn add(&mut self, db: &Connection, entry: &NewEntry) -> Result<()> {
        let (canonical, link) = outbox::linked(self.entries, self.head, entry);
        db.prepare_cached(
            "INSERT INTO evidence (conversation, seq, side, canonical, link, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            self.conversation,
            signed(self.entries),
            entry.by,
            canonical,
            link,
            entry.private.as_ref().map(|(_, sealed)| sealed)
        ])?;
        self.entries += 1;
        self.head = link;
        Ok(())
    }

    /// Puts the end back.
    pub(super) fn save(self, db: &Connection) -> Result<()> {
        db.prepare_cached("UPDATE chain SET messages = ?2, entries = ?3, head = ?4 WHERE conversation = ?1")?
            .execute(params![self.conversation, signed(self.messages), signed(self.entries), self.head])
            .map(drop)
    }
}

/// Adds one entry to a conversation's chain.
pub(super) fn add(db: &Connection, conversation: i64, entry: &NewEntry) -> Result<()> {
    let mut chain = Chain::load(db, conversation)?;
    chain.add(db, entry)?;
    chain.save(db)
}

/// Adds one entry to the marketplace's journal: a chain like that of a conversation, for what belongs to none. It is
/// kept under the marketplace's number, negated.
pub(super) fn journal(db: &Connection, scope: &Scope, entry: &NewEntry) -> Result<()> {
    let journal = -market(db, scope)?;
    let known = db.prepare_cached("SELECT 1 FROM chain WHERE conversation = ?1")?.exists([journal])?;
    let mut chain =
        if known { Chain::load(db, journal)? } else { Chain::begin(db, journal, Link::journal(scope.marketplace()))? };
    chain.add(db, entry)?;
    chain.save(db)
}

/// See [`crate::store::Store::events`].
pub(super) fn events(db: &Connection, scope: &Scope, after: u64, limit: usize) -> Result<Events> {
    let market = market(db, scope)?;
    let last = signed(newest(db)?).min(signed(after).saturating_add(EVENTS_PASSED));
    let rows = db
        .prepare_cached(
            "SELECT e.num, c.id, e.canonical FROM evidence e LEFT JOIN conversation c ON c.num = e.conversation
             WHERE e.num > ?2 AND e.num <= ?3 AND (c.marketplace = ?1 OR e.conversation = -?1)
             ORDER BY e.num LIMIT ?4",
        )?
        .query_map(params![market, signed(after), last, at_most(limit)], |row| {
            let canonical: String = row.get(2)?;
            let entry = serde_json::from_str(&canonical).map_err(FromSqlError::other)?;
            Ok(EventRow { num: unsigned(row.get(0)?), conversation: row.get(1)?, entry })
        })?
        .collect::<Result<Vec<_>>>()?;
    let full = rows.len() >= limit;
    let seen = rows.last().filter(|_| full).map_or(unsigned(last).max(after), |row| row.num);
    Ok(Events { rows, seen })
}

/// Where the feed ends, over all marketplaces.
pub(super) fn newest(db: &Connection) -> Result<u64> {
    let newest = "SELECT coalesce(max(num), 0) FROM evidence";
    db.prepare_cached(newest)?.query_row([], |row| row.get(0)).map(unsigned)
}

/// How many entries of other marketplaces a search passes over at most.
const EVENTS_PASSED: i64 = 50_000;

/// Forgets what `side` wrote in private; commitments and links stay. How many entries there are.
pub(super) fn forget(db: &Connection, conversation: i64, side: Side) -> Result<u64> {
    db.prepare_cached(
        "UPDATE evidence SET sealed = NULL WHERE conversation = ?1 AND side = ?2 AND sealed IS NOT NULL",
    )?
    .execute(params![conversation, side])?;
    db.prepare_cached("SELECT entries FROM chain WHERE conversation = ?1")?
        .query_row([conversation], |row| row.get(0))
        .map(unsigned)
}

/// A stretch of a conversation's chain.
pub(super) fn list(
    db: &Connection,
    scope: &Scope,
    conversation: &crate::model::ConversationId,
    from: u64,
    limit: usize,
) -> Result<Vec<EvidenceRow>> {
    db.prepare_cached(
        "SELECT e.canonical, e.link, e.sealed FROM conversation c JOIN evidence e ON e.conversation = c.num
         WHERE c.marketplace = ?1 AND c.id = ?2 AND e.seq >= ?3 ORDER BY e.seq LIMIT ?4",
    )?
    .query_map(params![market(db, scope)?, conversation, signed(from), at_most(limit)], read)?
    .collect()
}

fn read(row: &Row<'_>) -> Result<EvidenceRow> {
    let canonical: String = row.get(0)?;
    let entry: Entry = serde_json::from_str(&canonical).map_err(FromSqlError::other)?;
    Ok(EvidenceRow { entry, canonical, link: row.get(1)?, sealed: row.get(2)? })
}

/// The number of a conversation.
pub(super) fn conversation(db: &Connection, scope: &Scope, id: &crate::model::ConversationId) -> Result<Option<i64>> {
    db.prepare_cached("SELECT num FROM conversation WHERE marketplace = ?1 AND id = ?2")?
        .query_row(params![market(db, scope)?, id], |row| row.get(0))
        .optional()
}
