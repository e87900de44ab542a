//! What was written around a review, and who may be striking back.

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::{
    barriers,
    columns::{at_most, signed, unsigned},
    evidence,
    pair::{Place, market},
};
use crate::{
    model::{ConversationId, Duration, PartyId, Scope, Side, Timestamp},
    store::{AroundReview, NewEntry, RetaliationRow},
};

/// See [`crate::store::Store::around_review`].
pub(super) fn around(db: &Connection, scope: &Scope, id: &ConversationId) -> Result<Option<AroundReview>> {
    let Some(place) = Place::find(db, scope, id)? else { return Ok(None) };
    let mut newest: Option<(Timestamp, u8)> = None;
    for seller in place.sellers(db)? {
        let last = db
            .prepare_cached("SELECT at, rating FROM barrier WHERE buyer = ?1 AND seller = ?2 ORDER BY at DESC LIMIT 1")?
            .query_row([place.buyer, seller], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        newest = newest.max(last);
    }
    let Some((reviewed, rating)) = newest else { return Ok(None) };
    let mut around = AroundReview { reviewed, rating, seller: Vec::new(), buyer: Vec::new() };
    for conversation in barriers::conversations(db, &place)? {
        add_messages(db, conversation, reviewed.minus(LOOKED_BACK), &mut around)?;
    }
    around.seller.sort_unstable();
    around.buyer.sort_unstable();
    Ok(Some(around))
}

fn add_messages(db: &Connection, conversation: i64, since: Timestamp, around: &mut AroundReview) -> Result<()> {
    let mut query = db.prepare_cached(
        "SELECT from_side, at FROM message WHERE conversation = ?1 AND at >= ?2 AND NOT automatic
         ORDER BY seq DESC LIMIT ?3",
    )?;
    let mut rows = query.query(params![conversation, since, at_most(MESSAGES_READ)])?;
    while let Some(row) = rows.next()? {
        match row.get(0)? {
            Side::Buyer => around.buyer.push(row.get(1)?),
            Side::Seller => around.seller.push(row.get(1)?),
        }
    }
    Ok(())
}

/// See [`crate::store::Store::suspect`].
pub(super) fn suspect(db: &Connection, scope: &Scope, row: &RetaliationRow, entry: &NewEntry) -> Result<bool> {
    let Some(place) = Place::find(db, scope, &row.conversation)? else { return Ok(false) };
    let known: Option<u64> = db
        .prepare_cached("SELECT after FROM retaliation WHERE seller = ?1 AND buyer = ?2 AND reviewed = ?3")?
        .query_row(params![place.seller, place.buyer, row.reviewed], |row| row.get(0).map(unsigned))
        .optional()?;
    if known.is_some_and(|after| u64::from(row.after) < after.max(1).saturating_mul(2)) {
        return Ok(false);
    }
    db.prepare_cached(
        "INSERT INTO retaliation (seller, buyer, reviewed, conversation, at, silence, first, before, after)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (seller, buyer, reviewed) DO UPDATE SET at = excluded.at, silence = excluded.silence,
             first = excluded.first, before = excluded.before, after = excluded.after",
    )?
    .execute(params![
        place.seller,
        place.buyer,
        row.reviewed,
        place.num,
        row.at,
        row.silence.0,
        row.first.0,
        signed(row.before.into()),
        signed(row.after.into())
    ])?;
    evidence::add(db, place.num, entry)?;
    Ok(true)
}

/// See [`crate::store::Store::retaliations`].
pub(super) fn list(db: &Connection, scope: &Scope, seller: &PartyId, limit: usize) -> Result<Vec<RetaliationRow>> {
    db.prepare_cached(
        "SELECT r.reviewed, c.id, r.at, r.silence, r.first, r.before, r.after
         FROM party s
         JOIN retaliation r ON r.seller = s.num
         JOIN conversation c ON c.num = r.conversation
         WHERE s.marketplace = ?1 AND s.id = ?2 ORDER BY r.at DESC LIMIT ?3",
    )?
    .query_map(params![market(db, scope)?, seller, at_most(limit)], |row| {
        Ok(RetaliationRow {
            reviewed: row.get(0)?,
            conversation: row.get(1)?,
            at: row.get(2)?,
            silence: Duration(row.get(3)?),
            first: Duration(row.get(4)?),
            before: row.get(5)?,
            after: row.get(6)?,
        })
    })?
    .collect()
}

/// A buyer who waits longer than that for an answer has given up.
const LOOKED_BACK: Duration = Duration::days(30);
/// So many of a conversation's newest messages are looked at.
const MESSAGES_READ: usize = 500;
