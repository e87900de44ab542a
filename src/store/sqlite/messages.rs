//! Messages as they are, what is held, and what a sender's next message is read against.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{
    columns::{at_most, signed, unsigned},
    pair::market,
};
use crate::{
    model::{ConversationId, Duration, EventId, Marketplace, Scope, Side, Timestamp},
    store::{AnsweredRow, Idempotency, MessageRow, ThreadRow, WindowRow},
};

/// One message.
pub(super) fn find(db: &Connection, scope: &Scope, id: EventId) -> Result<Option<MessageRow>> {
    let found = db
        .prepare_cached(
            "SELECT m.num, m.id, c.id, m.seq, m.from_side, m.agent, m.channel, m.at, m.state, m.reason, t.sealed,
                 m.released
             FROM message m
             JOIN conversation c ON c.num = m.conversation
             LEFT JOIN evidence t ON t.conversation = m.conversation AND t.seq = m.entry
                 AND m.reason IS NOT 'escalated'
             WHERE m.id = ?1 AND c.marketplace = ?2",
        )?
        .query_row(params![id, market(db, scope)?], read)
        .optional()?;
    found.map(|row| with_files(db, row)).transpose()
}

/// See [`crate::store::Store::messages`].
pub(super) fn list(
    db: &Connection,
    scope: &Scope,
    conversation: &ConversationId,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<MessageRow>> {
    let rows: Vec<(i64, MessageRow)> = db
        .prepare_cached(
            "SELECT m.num, m.id, c.id, m.seq, m.from_side, m.agent, m.channel, m.at, m.state, m.reason, t.sealed,
                 m.released
             FROM conversation c
             JOIN message m ON m.conversation = c.num
             LEFT JOIN evidence t ON t.conversation = m.conversation AND t.seq = m.entry
                 AND m.reason IS NOT 'escalated'
             WHERE c.marketplace = ?1 AND c.id = ?2 AND m.seq > ?3 ORDER BY m.seq LIMIT ?4",
        )?
        .query_map(params![market(db, scope)?, conversation, signed(after.unwrap_or(0)), at_most(limit)], read)?
        .collect::<Result<_>>()?;
    rows.into_iter().map(|row| with_files(db, row)).collect()
}

/// See [`crate::store::Store::held`].
pub(super) fn held(
    db: &Connection,
    scope: &Scope,
    after: Option<EventId>,
    limit: usize,
) -> Result<Vec<(u64, MessageRow)>> {
    let market = market(db, scope)?;
    // The place in the queue: what was escalated has 0 for its rank, the others 1.
    let after: (i64, i64) = match after {
        Some(id) => db
            .prepare_cached("SELECT reason IS NOT 'escalated', num FROM message WHERE id = ?1")?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?
            .unwrap_or_default(),
        None => (0, 0),
    };
    let before: i64 = db
        .prepare_cached(
            "SELECT count(*) FROM message m JOIN conversation c ON c.num = m.conversation
             WHERE m.state = 'held' AND c.marketplace = ?1 AND (m.reason IS NOT 'escalated', m.num) <= (?2, ?3)",
        )?
        .query_row([market, after.0, after.1], |row| row.get(0))?;
    let rows: Vec<(i64, MessageRow)> = db
        .prepare_cached(
            "SELECT m.num, m.id, c.id, m.seq, m.from_side, m.agent, m.channel, m.at, m.state, m.reason, t.sealed,
                 m.released
             FROM message m
             JOIN conversation c ON c.num = m.conversation
             LEFT JOIN evidence t ON t.conversation = m.conversation AND t.seq = m.entry
                 AND m.reason IS NOT 'escalated'
             WHERE m.state = 'held' AND c.marketplace = ?1 AND (m.reason IS NOT 'escalated', m.num) > (?2, ?3)
             ORDER BY m.reason IS NOT 'escalated', m.num LIMIT ?4",
        )?
        .query_map(params![market, after.0, after.1, at_most(limit)], read)?
        .collect::<Result<_>>()?;
    (unsigned(before) + 1..).zip(rows).map(|(position, row)| Ok((position, with_files(db, row)?))).collect()
}

/// See [`crate::store::Store::escalated`].
pub(super) fn escalated(db: &Connection, scope: &Scope, id: EventId) -> Result<Option<(ConversationId, Vec<u8>)>> {
    db.prepare_cached(
        "SELECT c.id, t.sealed
         FROM message m
         JOIN conversation c ON c.num = m.conversation
         JOIN marketplace k ON k.num = c.marketplace
         JOIN evidence t ON t.conversation = m.conversation AND t.seq = m.entry
         WHERE m.id = ?1 AND k.name = ?2 AND m.reason = 'escalated' AND t.sealed IS NOT NULL",
    )?
    .query_row(params![id, scope.marketplace()], |row| Ok((row.get(0)?, row.get(1)?)))
    .optional()
}

/// See [`crate::store::Store::held_since`].
pub(super) fn held_since(db: &Connection, before: Timestamp, limit: usize) -> Result<Vec<(Scope, MessageRow)>> {
    let rows: Vec<(Scope, (i64, MessageRow))> = db
        .prepare_cached(
            "SELECT m.num, m.id, c.id, m.seq, m.from_side, m.agent, m.channel, m.at, m.state, m.reason, t.sealed,
                 m.released, k.name
             FROM message m
             JOIN conversation c ON c.num = m.conversation
             JOIN marketplace k ON k.num = c.marketplace
             LEFT JOIN evidence t ON t.conversation = m.conversation AND t.seq = m.entry
                 AND m.reason IS NOT 'escalated'
             WHERE m.state = 'held' AND m.reason IS NOT 'escalated' AND m.at < ?1 ORDER BY m.num LIMIT ?2",
        )?
        .query_map(params![before, at_most(limit)], |row| {
            Ok((Scope::proven(row.get::<_, Marketplace>(12)?), read(row)?))
        })?
        .collect::<Result<_>>()?;
    rows.into_iter().map(|(scope, row)| Ok((scope, with_files(db, row)?))).collect()
}

fn read(row: &Row<'_>) -> Result<(i64, MessageRow)> {
    let message = MessageRow {
        id: row.get(1)?,
        conversation: row.get(2)?,
        seq: unsigned(row.get(3)?),
        from: row.get(4)?,
        agent: row.get(5)?,
        channel: row.get(6)?,
        at: row.get(7)?,
        state: row.get(8)?,
        reason: row.get(9)?,
        sealed: row.get::<_, Option<Vec<u8>>>(10)?.unwrap_or_default(),
        released: row.get(11)?,
        files: Vec::new(),
    };
    Ok((row.get(0)?, message))
}

fn with_files(db: &Connection, (num, message): (i64, MessageRow)) -> Result<MessageRow> {
    let files = db
        .prepare_cached("SELECT sealed FROM message_file WHERE message = ?1 ORDER BY n")?
        .query_map([num], |row| row.get(0))?
        .collect::<Result<_>>()?;
    Ok(MessageRow { files, ..message })
}

/// See [`crate::store::Store::window`].
pub(super) fn window(db: &Connection, scope: &Scope, conversation: &ConversationId, of: Side) -> Result<WindowRow> {
    let found = db
        .prepare_cached(
            "SELECT w.seq, w.sealed, w.at
             FROM marketplace m
             JOIN conversation c ON c.marketplace = m.num
             JOIN detection_window w ON w.conversation = c.num
             WHERE m.name = ?1 AND c.id = ?2 AND w.side = ?3",
        )?
        .query_row(params![scope.marketplace(), conversation, of], |row| {
            Ok(WindowRow { seq: unsigned(row.get(0)?), sealed: row.get(1)?, at: row.get(2)? })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// See [`crate::store::Store::threads`].
pub(super) fn threads(
    db: &Connection,
    scope: &Scope,
    conversation: &ConversationId,
    hashes: &[[u8; 16]],
) -> Result<Vec<Option<ThreadRow>>> {
    if hashes.is_empty() {
        return Ok(Vec::new());
    }
    let Some(conversation) = super::evidence::conversation(db, scope, conversation)? else {
        return Ok(vec![None; hashes.len()]);
    };
    let mut query = db.prepare_cached("SELECT hash, sealed FROM thread WHERE conversation = ?1 AND hash = ?2")?;
    hashes
        .iter()
        .map(|hash| {
            query
                .query_row(params![conversation, hash], |row| Ok(ThreadRow { hash: row.get(0)?, sealed: row.get(1)? }))
                .optional()
        })
        .collect()
}

/// See [`crate::store::Store::answered`].
pub(super) fn answered(db: &Connection, scope: &Scope, key: &[u8; 32], now: Timestamp) -> Result<Option<AnsweredRow>> {
    db.prepare_cached(
        "SELECT key, body, expires, sealed FROM answer WHERE marketplace = ?1 AND key = ?2 AND expires > ?3",
    )?
    .query_row(params![market(db, scope)?, key, now], |row| {
        let idempotency = Idempotency { key: row.get(0)?, body: row.get(1)?, expires: row.get(2)? };
        Ok(AnsweredRow { idempotency, sealed: row.get(3)? })
    })
    .optional()
}

/// See [`crate::store::Store::keep_answer`]. An answer that has expired makes room: all are kept
/// for a day, so one that ends a day before the new one has ended now.
pub(super) fn keep_answer(db: &Connection, scope: &Scope, row: &AnsweredRow) -> Result<bool> {
    let known = &row.idempotency;
    db.prepare_cached(
        "INSERT INTO answer (marketplace, key, body, expires, sealed) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (marketplace, key) DO UPDATE SET body = excluded.body, expires = excluded.expires,
             sealed = excluded.sealed
         WHERE answer.expires <= ?6",
    )?
    .execute(params![
        market(db, scope)?,
        known.key,
        known.body,
        known.expires,
        row.sealed,
        known.expires.minus(ANSWERS_KEPT)
    ])
    .map(|kept| kept == 1)
}

const ANSWERS_KEPT: Duration = Duration::days(1);
