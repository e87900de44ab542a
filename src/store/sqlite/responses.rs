//! Who waits for an answer, and since when.

use rusqlite::{Connection, Result, Row, params};

use super::{columns::at_most, deliveries, evidence, pair::market, strikes::entry};
use crate::{
    model::{Closed, Duration, EntryKind, EventId, PartyId, Said, Scope, Side, Timestamp},
    store::{ClosingJudge, Declared, NewClosing, Overdue, outbox::first_id},
};

/// Whether a message `m`, of conversation `c`, counts as somebody's word: a person wrote it, and it reached the other
/// side or will. Of a call nobody knows whether anybody answered it. What a ruling found abusive is no question, and a buyer who is owed nothing asks none.
const COUNTS: &str = "(m.automatic = 0 AND m.channel <> 'voice' AND (
    m.from_side = 'seller' AND m.state IN ('queued', 'delivered')
    OR m.from_side = 'buyer' AND m.state IN ('queued', 'delivered', 'failed')
        AND NOT EXISTS (SELECT 1 FROM violation v
                        WHERE v.message = m.id AND v.side = 'buyer' AND v.state = 'counted')
        AND NOT EXISTS (SELECT 1 FROM sanction s
                        WHERE s.party = c.buyer AND s.side = 'buyer' AND s.measure = 'unowed' AND s.lifted IS NULL
                            AND s.since <= m.at AND (s.until IS NULL OR s.until > m.at))))";

/// Whether a buyer's message complains: it is about a refund, or comes after a review of one to three stars.
const COMPLAINS: &str = "(m.from_side = 'buyer' AND (
    EXISTS (SELECT 1 FROM evidence e
            WHERE e.conversation = m.conversation AND e.seq = m.entry AND instr(e.canonical, ' purpose=refund') > 0)
    OR EXISTS (SELECT 1 FROM barrier b
               WHERE b.buyer = c.buyer AND b.seller = c.seller AND b.rating <= 3 AND b.at <= m.at)))";

/// See [`crate::store::Store::said`].
pub(super) fn said(db: &Connection, scope: &Scope, seller: &PartyId, since: Timestamp) -> Result<Vec<Said>> {
    let Some(seller) = super::parties::number(db, market(db, scope)?, seller)? else { return Ok(Vec::new()) };
    db.prepare_cached(&format!(
        "SELECT c.id, m.id, m.from_side, m.at, {COUNTS}, {COMPLAINS}
         FROM conversation c JOIN message m ON m.conversation = c.num
         WHERE c.seller = ?1 AND m.at >= ?2 ORDER BY c.id, m.seq LIMIT ?3"
    ))?
    .query_map(params![seller, since, at_most(MEASURED)], |row| {
        Ok(Said {
            conversation: row.get(0)?,
            message: row.get(1)?,
            from: row.get(2)?,
            at: row.get(3)?,
            counts: row.get(4)?,
            complaint: row.get(5)?,
        })
    })?
    .collect()
}

/// See [`crate::store::Store::asked`]: when the marketplace was asked about each message that waits too long.
pub(super) fn asked(db: &Connection, scope: &Scope, message: EventId) -> Result<Option<Timestamp>> {
    use rusqlite::OptionalExtension;
    db.prepare_cached("SELECT at FROM overdue WHERE message = ?1 AND marketplace = ?2")?
        .query_row(params![message, market(db, scope)?], |row| row.get(0))
        .optional()
        .map(Option::flatten)
}

/// See [`crate::store::Store::put_closing`].
pub(super) fn put_closing(db: &Connection, scope: &Scope, new: &NewClosing, judge: &ClosingJudge) -> Result<Declared> {
    let Some(party) = super::parties::number(db, market(db, scope)?, &new.party)? else {
        return Ok(Declared::NoSuchParty);
    };
    let begun: Vec<Closed> = closed(db, party, new.since)?.into_iter().filter(|one| one.from <= new.at).collect();
    if let Err(too_long) = judge(&begun) {
        return Ok(Declared::TooLong(too_long));
    }
    db.prepare_cached("DELETE FROM closing WHERE party = ?1 AND from_at > ?2")?.execute(params![party, new.at])?;
    for Closed { from, until } in &new.closed {
        db.prepare_cached(
            "INSERT INTO closing (party, from_at, until) VALUES (?1, ?2, ?3)
             ON CONFLICT (party, from_at) DO UPDATE SET until = excluded.until",
        )?
        .execute(params![party, from, until])?;
    }
    evidence::journal(db, scope, &new.entry)?;
    Ok(Declared::Done)
}

/// See [`crate::store::Store::closings`].
pub(super) fn closings(db: &Connection, scope: &Scope, party: &PartyId, since: Timestamp) -> Result<Vec<Closed>> {
    let Some(party) = super::parties::number(db, market(db, scope)?, party)? else { return Ok(Vec::new()) };
    closed(db, party, since)
}

fn closed(db: &Connection, party: i64, since: Timestamp) -> Result<Vec<Closed>> {
    db.prepare_cached("SELECT from_at, until FROM closing WHERE party = ?1 AND until > ?2 ORDER BY from_at")?
        .query_map(params![party, since], |row| Ok(Closed { from: row.get(0)?, until: row.get(1)? }))?
        .collect()
}

/// A buyer's message whose clock is over.
#[derive(Clone, Copy)]
struct Late {
    num: i64,
    id: EventId,
    conversation: i64,
    seller: i64,
    at: Timestamp,
    complaint: bool,
}

fn read_late(row: &Row<'_>) -> Result<Late> {
    Ok(Late {
        num: row.get(0)?,
        id: row.get(1)?,
        conversation: row.get(2)?,
        seller: row.get(3)?,
        at: row.get(4)?,
        complaint: row.get(5)?,
    })
}

/// Looks for buyers' messages that nobody answered in time; a pure look, so that nothing is written where nobody waits.
/// With them, where there may be more: just before the last that was looked at.
pub(super) fn overdue(db: &Connection, scope: &Scope, of: &Overdue) -> Result<(Vec<EventId>, Option<Timestamp>)> {
    let market = market(db, scope)?;
    // Ids are drawn in the order of time: those of one stretch are one range.
    let (from, to) = (first_id(of.after.plus(Duration(1))), first_id(of.now.minus(of.within).plus(Duration(1))));
    let candidates: Vec<(EventId, Timestamp)> = db
        .prepare_cached(&format!(
            "SELECT m.id, m.at FROM message m JOIN conversation c ON c.num = m.conversation
             WHERE m.id >= ?2 AND m.id < ?3 AND c.marketplace = ?1 AND m.from_side = 'buyer' AND {COUNTS}
                 AND (?4 = 0 OR {COMPLAINS}) AND NOT EXISTS (SELECT 1 FROM overdue a WHERE a.message = m.id)
             ORDER BY m.at, m.num LIMIT ?5"
        ))?
        .query_map(params![market, from, to, of.complaint, at_most(PIECE)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_>>()?;
    let full = candidates.len() == PIECE;
    let more = candidates.last().filter(|_| full).map(|(_, at)| at.minus(Duration(1)));
    let mut found: Vec<EventId> = candidates.into_iter().map(|(id, _)| id).collect();
    let mut waited: Vec<EventId> = db
        .prepare_cached("SELECT message FROM overdue WHERE marketplace = ?1 AND at IS NULL AND due <= ?2 LIMIT ?3")?
        .query_map(params![market, of.now, at_most(PIECE)], |row| row.get(0))?
        .collect::<Result<_>>()?;
    found.append(&mut waited);
    Ok((found, more))
}

/// Asks the marketplace about those that still wait, and tells the buyers so where they wrote. How many.
pub(super) fn ask(
    db: &Connection,
    scope: &Scope,
    found: &[EventId],
    of: &Overdue,
    due: &(dyn Fn(Timestamp, Duration, &[Closed]) -> Timestamp + Send + Sync),
) -> Result<u64> {
    let mut count = 0;
    for id in found {
        let late = db
            .prepare_cached(&format!(
                "SELECT m.num, m.id, m.conversation, c.seller, m.at, {COMPLAINS}
                 FROM message m JOIN conversation c ON c.num = m.conversation WHERE m.id = ?1 AND {COUNTS}"
            ))?
            .query_map([id], read_late)?
            .next()
            .transpose()?;
        let Some(late) = late else { continue };
        if is_answered_or_asked(db, &late)? {
            db.prepare_cached("DELETE FROM overdue WHERE message = ?1 AND at IS NULL")?.execute([id])?;
            continue;
        }
        let over = due(late.at, of.within, &closed(db, late.seller, late.at)?);
        let at = (over <= of.now).then_some(of.now);
        db.prepare_cached(
            "INSERT INTO overdue (message, marketplace, conversation, complaint, due, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (message) DO UPDATE SET due = excluded.due, at = excluded.at WHERE overdue.at IS NULL",
        )?
        .execute(params![id, market(db, scope)?, late.conversation, late.complaint, over, at])?;
        if at.is_some() {
            count += 1;
            tell(db, &late, of)?;
        }
    }
    Ok(count)
}

/// Whether somebody of the seller's has answered since, or the marketplace was asked about an earlier message of the
/// same wait.
fn is_answered_or_asked(db: &Connection, late: &Late) -> Result<bool> {
    let answered: Option<Timestamp> = db
        .prepare_cached(&format!(
            "SELECT max(m.at) FROM message m JOIN conversation c ON c.num = m.conversation
             WHERE m.conversation = ?1 AND m.from_side = 'seller' AND {COUNTS}"
        ))?
        .query_row([late.conversation], |row| row.get(0))?;
    if answered.is_some_and(|at| at >= late.at) {
        return Ok(true);
    }
    db.prepare_cached(
        "SELECT 1 FROM overdue a JOIN message m ON m.id = a.message
         WHERE a.conversation = ?1 AND a.message <> ?2 AND a.at IS NOT NULL AND (?3 IS NULL OR m.at > ?3)",
    )?
    .exists(params![late.conversation, late.id, answered])
}

fn tell(db: &Connection, late: &Late, of: &Overdue) -> Result<()> {
    let seller: PartyId =
        db.prepare_cached("SELECT id FROM party WHERE num = ?1")?.query_row([late.seller], |row| row.get(0))?;
    let clock = if of.complaint { "complaint" } else { "answer" };
    let minutes = of.now.since(late.at).0 / 60_000;
    let facts = format!("clock={clock} party={seller} waited_minutes={minutes}");
    evidence::add(db, late.conversation, &entry(of.now, EntryKind::ResponseEscalated, Some(late.id), facts))?;
    let message = deliveries::Message::numbered(db, late.num)?;
    debug_assert!(message.from == Side::Buyer, "only a buyer waits");
    message.tell_asked(db, of.now)
}

/// Messages of a seller that are measured at most: the oldest of the window beyond them are left out.
const MEASURED: usize = 200_000;
/// Messages that are looked at in one piece.
const PIECE: usize = 200;
