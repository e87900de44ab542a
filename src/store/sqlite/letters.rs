//! Letters of support: words of the third voice, each to one side, with the proof that they arrived.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{
    columns::{at_most, signed, unsigned},
    evidence::{self, Chain},
    messages,
    pair::market,
    shred,
};
use crate::{
    model::{
        CaseId, Channel, ConversationId, Duration, EntryKind, EventId, LetterState, Marketplace, Scope, Side, Timestamp,
    },
    store::{LetterEnd, LetterRow, NewEntry, NewLetter},
};

/// See [`crate::store::Cases::put_letters`].
pub(super) fn put_all(db: &Connection, scope: &Scope, letters: &[NewLetter]) -> Result<bool> {
    for letter in letters {
        if !put(db, scope, letter)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Puts one letter. `false`: there is no such conversation, or the mail that it was is remembered.
pub(super) fn put(db: &Connection, scope: &Scope, letter: &NewLetter) -> Result<bool> {
    let Some(conversation) = evidence::conversation(db, scope, &letter.conversation)? else { return Ok(false) };
    if let Some(answer) = &letter.answer
        && !messages::keep_answer(db, scope, answer)?
    {
        return Ok(false);
    }
    let mut chain = Chain::load(db, conversation)?;
    let entry = chain.entries;
    chain.add(db, &letter.entry)?;
    let (state, due, proof) = match letter.channel {
        _ if letter.lost => {
            chain.add(db, &ended(letter.id, letter.to, letter.at, LetterState::Failed, "cause=erased"))?;
            (LetterState::Failed, None, None)
        }
        Channel::Api => {
            let proof = chain.entries;
            chain.add(db, &ended(letter.id, letter.to, letter.at, LetterState::Delivered, "channel=api"))?;
            (LetterState::Delivered, None, Some(proof))
        }
        Channel::Mail | Channel::Sms | Channel::Voice | Channel::Proxy => (LetterState::Queued, Some(letter.at), None),
    };
    chain.save(db)?;
    db.prepare_cached(
        "INSERT INTO letter (id, conversation, to_side, kind, channel, at, entry, state, due, proof, proven)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        letter.id,
        conversation,
        letter.to,
        letter.kind,
        letter.channel,
        letter.at,
        signed(entry),
        state,
        due,
        proof.map(signed),
        proof.map(|_| letter.at),
    ])?;
    Ok(true)
}

/// How a letter ended, as evidence tells it.
fn ended(id: EventId, to: Side, at: Timestamp, state: LetterState, more: &str) -> NewEntry {
    let kind = if state == LetterState::Delivered { EntryKind::SupportDelivered } else { EntryKind::SupportFailed };
    let facts = format!("letter={id} to={} {more}", to.as_str());
    NewEntry { at, kind, by: None, message: None, facts, private: None }
}

/// See [`crate::store::Cases::put_request`]. The first request to who opened the case is answered by
/// what was submitted then.
pub(super) fn put_request(
    db: &Connection,
    scope: &Scope,
    case: &CaseId,
    letter: &NewLetter,
    again: bool,
) -> Result<bool> {
    let found: Option<(i64, Side, Timestamp)> = db
        .prepare_cached(
            "SELECT d.num, d.opened_by, d.opened FROM dispute d JOIN conversation c ON c.num = d.conversation
             WHERE d.marketplace = ?1 AND d.id = ?2 AND c.id = ?3 AND d.decided IS NULL",
        )?
        .query_row(params![market(db, scope)?, case, letter.conversation], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((dispute, opener, opened)) = found else { return Ok(false) };
    let before: i64 = db
        .prepare_cached("SELECT coalesce(max(n), 0) FROM dispute_request WHERE dispute = ?1 AND side = ?2")?
        .query_row(params![dispute, letter.to], |row| row.get(0))?;
    if before > 0 && !again || !put(db, scope, letter)? {
        return Ok(false);
    }
    let answered = (before == 0 && letter.to == opener && !again).then_some(opened);
    db.prepare_cached(
        "INSERT INTO dispute_request (dispute, side, n, letter, sent, answered) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![dispute, letter.to, before + 1, letter.id, letter.at, answered])?;
    Ok(true)
}

/// See [`crate::store::Cases::put_told`].
pub(super) fn put_told(db: &Connection, scope: &Scope, case: &CaseId, letter: &NewLetter) -> Result<bool> {
    let column = match letter.to {
        Side::Buyer => "told_buyer",
        Side::Seller => "told_seller",
    };
    let num: Option<i64> = db
        .prepare_cached(&format!(
            "UPDATE dispute SET {column} = ?3
             WHERE marketplace = ?1 AND id = ?2 AND decided IS NOT NULL AND {column} IS NULL RETURNING num"
        ))?
        .query_row(params![market(db, scope)?, case, letter.id], |row| row.get(0))
        .optional()?;
    let Some(num) = num else { return Ok(false) };
    db.prepare_cached(
        "UPDATE dispute SET settled = (told_buyer IS NOT NULL OR (quiet AND opened_by = 'seller'))
             AND (told_seller IS NOT NULL OR (quiet AND opened_by = 'buyer'))
         WHERE num = ?1 RETURNING conversation",
    )?
    .query_row([num], |row| row.get(0))
    .and_then(|conversation| shred::decisions(db, conversation))?;
    put(db, scope, letter)
}

/// See [`crate::store::Cases::claim_letters`].
pub(super) fn claim(db: &Connection, now: Timestamp, lease: Duration, limit: usize) -> Result<Vec<(Scope, LetterRow)>> {
    let due: Vec<i64> = db
        .prepare_cached("SELECT num FROM letter WHERE due <= ?1 ORDER BY due, num LIMIT ?2")?
        .query_map(params![now, at_most(limit)], |row| row.get(0))?
        .collect::<Result<_>>()?;
    let mut taken = Vec::with_capacity(due.len());
    for num in due {
        db.prepare_cached(
            "UPDATE letter SET state = ?2, due = ?3, claim = claim + 1, attempts = attempts + 1 WHERE num = ?1",
        )?
        .execute(params![num, LetterState::Claimed, now.plus(lease)])?;
        taken.push(db.prepare_cached(&format!("{READ} WHERE l.num = ?1"))?.query_row([num], scoped)?);
    }
    Ok(taken)
}

/// Whether a letter is due: asked of a reader first.
pub(super) fn is_due(db: &Connection, now: Timestamp) -> Result<bool> {
    db.prepare_cached("SELECT 1 FROM letter WHERE due <= ?1 LIMIT 1")?.exists([now])
}

/// Leases of a process before this one end now.
pub(super) fn take_over(db: &Connection, now: Timestamp) -> Result<()> {
    db.prepare_cached("UPDATE letter SET due = ?2 WHERE state = ?1 AND due > ?2")?
        .execute(params![LetterState::Claimed, now])
        .map(drop)
}

/// See [`crate::store::Cases::settle_letter`].
pub(super) fn settle(db: &Connection, scope: &Scope, end: &LetterEnd) -> Result<()> {
    let found: Option<(i64, i64, Side)> = db
        .prepare_cached(
            "SELECT l.num, l.conversation, l.to_side FROM letter l JOIN conversation c ON c.num = l.conversation
             WHERE l.id = ?1 AND l.claim = ?2 AND l.state = ?3 AND c.marketplace = ?4",
        )?
        .query_row(params![end.id, signed(end.claim), LetterState::Claimed, market(db, scope)?], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((num, conversation, to)) = found else { return Ok(()) };
    match end.state {
        LetterState::Queued | LetterState::Claimed => db
            .prepare_cached("UPDATE letter SET state = ?2, due = ?3 WHERE num = ?1")?
            .execute(params![num, LetterState::Queued, end.due.unwrap_or(end.at)])
            .map(drop),
        LetterState::Delivered => {
            let mut chain = Chain::load(db, conversation)?;
            let proof = chain.entries;
            chain.add(db, &ended(end.id, to, end.at, end.state, "channel=mail"))?;
            chain.save(db)?;
            db.prepare_cached("UPDATE letter SET state = ?2, due = NULL, proof = ?3, proven = ?4 WHERE num = ?1")?
                .execute(params![num, end.state, signed(proof), end.at])
                .map(drop)
        }
        LetterState::Failed => fail(db, (num, conversation, end.id, to), end.at, "channel=mail"),
    }
}

fn fail(
    db: &Connection,
    (num, conversation, id, to): (i64, i64, EventId, Side),
    at: Timestamp,
    why: &str,
) -> Result<()> {
    db.prepare_cached("UPDATE letter SET state = ?2, due = NULL, proof = NULL, proven = NULL WHERE num = ?1")?
        .execute(params![num, LetterState::Failed])?;
    evidence::add(db, conversation, &ended(id, to, at, LetterState::Failed, why))
}

/// See [`crate::store::Cases::letter_bounced`]. A bounce may overtake the settling of its letter.
pub(super) fn bounced(db: &Connection, id: EventId, at: Timestamp) -> Result<bool> {
    let found: Option<(i64, i64, Side)> = db
        .prepare_cached(
            "SELECT num, conversation, to_side FROM letter WHERE id = ?1 AND state IN ('delivered', 'claimed')",
        )?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((num, conversation, to)) = found else { return Ok(false) };
    fail(db, (num, conversation, id, to), at, "cause=bounce")?;
    Ok(true)
}

/// See [`crate::store::Cases::letters`].
pub(super) fn list(
    db: &Connection,
    scope: &Scope,
    conversation: &ConversationId,
    to: Side,
    after: Option<EventId>,
    limit: usize,
) -> Result<Vec<LetterRow>> {
    db.prepare_cached(&format!(
        "{READ} WHERE c.marketplace = ?1 AND c.id = ?2 AND l.to_side = ?3
             AND l.num > coalesce((SELECT num FROM letter WHERE id = ?4), 0)
         ORDER BY l.num LIMIT ?5"
    ))?
    .query_map(params![market(db, scope)?, conversation, to, after, at_most(limit)], read)?
    .collect()
}

/// See [`crate::store::Cases::letter`].
pub(super) fn find(db: &Connection, scope: &Scope, id: EventId) -> Result<Option<LetterRow>> {
    db.prepare_cached(&format!("{READ} WHERE c.marketplace = ?1 AND l.id = ?2"))?
        .query_row(params![market(db, scope)?, id], read)
        .optional()
}

fn scoped(row: &Row<'_>) -> Result<(Scope, LetterRow)> {
    Ok((Scope::proven(row.get::<_, Marketplace>(12)?), read(row)?))
}

fn read(row: &Row<'_>) -> Result<LetterRow> {
    let (proven, proof): (Option<Timestamp>, Option<i64>) = (row.get(7)?, row.get(8)?);
    Ok(LetterRow {
        id: row.get(0)?,
        conversation: row.get(1)?,
        to: row.get(2)?,
        kind: row.get(3)?,
        channel: row.get(4)?,
        at: row.get(5)?,
        state: row.get(6)?,
        proof: proven.zip(proof.map(unsigned)),
        attempts: row.get(9)?,
        claim: unsigned(row.get(10)?),
        sealed: row.get::<_, Option<Vec<u8>>>(11)?.unwrap_or_default(),
    })
}

const READ: &str =
    "SELECT l.id, c.id, l.to_side, l.kind, l.channel, l.at, l.state, l.proven, l.proof, l.attempts, l.claim,
         e.sealed, m.name
     FROM letter l
     JOIN conversation c ON c.num = l.conversation
     JOIN marketplace m ON m.num = c.marketplace
     JOIN evidence e ON e.conversation = l.conversation AND e.seq = l.entry";
