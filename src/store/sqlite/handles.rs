//! Handles: minted, replaced, misused, redeemed.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{columns::at_most, evidence, pair::market};
use crate::{
    model::{ConversationId, HandleHash, Marketplace, Scope, Side, Timestamp},
    store::{ConversationRow, HandleRow, NewEntry, NewHandle, Rotation},
};

/// Mints those of `handles` of whose kind their side has none in use.
pub(super) fn mint_missing(db: &Connection, conversation: i64, handles: &[NewHandle]) -> Result<()> {
    for handle in handles {
        let has_one = db
            .prepare_cached(
                "SELECT 1 FROM handle WHERE conversation = ?1 AND stands_for = ?2 AND kind = ?3
                     AND replaced IS NULL AND shut IS NULL",
            )?
            .exists(params![conversation, handle.stands_for, handle.kind])?;
        if !has_one {
            mint(db, conversation, handle)?;
        }
    }
    Ok(())
}

pub(super) fn mint(db: &Connection, conversation: i64, handle: &NewHandle) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO handle (hash, conversation, stands_for, kind, sealed, created, epoch)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, (SELECT coalesce(max(epoch), 0) + 1 FROM handle
             WHERE conversation = ?2 AND stands_for = ?3 AND kind = ?4))",
    )?
    .execute(params![handle.hash, conversation, handle.stands_for, handle.kind, handle.sealed, handle.created])
    .map(drop)
}

/// Replaces a side's handles with `handles`. A kind without a new handle keeps its old one.
pub(super) fn replace(
    db: &Connection,
    conversation: i64,
    of: Side,
    handles: &[NewHandle],
    at: Timestamp,
) -> Result<()> {
    for handle in handles.iter().filter(|handle| handle.stands_for == of) {
        db.prepare_cached(
            "UPDATE handle SET replaced = ?4
             WHERE conversation = ?1 AND stands_for = ?2 AND kind = ?3 AND replaced IS NULL",
        )?
        .execute(params![conversation, of, handle.kind, at])?;
        mint(db, conversation, handle)?;
    }
    Ok(())
}

/// Shuts all handles of a side for good, those in their grace too.
pub(super) fn shut(db: &Connection, conversation: i64, of: Side, at: Timestamp) -> Result<()> {
    db.prepare_cached(
        "UPDATE handle SET shut = ?3, replaced = coalesce(replaced, ?3)
         WHERE conversation = ?1 AND stands_for = ?2 AND shut IS NULL",
    )?
    .execute(params![conversation, of, at])
    .map(drop)
}

/// Shuts the postal handles of a side for good: they led somebody to a door.
pub(super) fn shut_postal(db: &Connection, conversation: i64, of: Side, at: Timestamp) -> Result<()> {
    db.prepare_cached(
        "UPDATE handle SET shut = ?3, replaced = coalesce(replaced, ?3)
         WHERE conversation = ?1 AND stands_for = ?2 AND kind = 'postal' AND shut IS NULL",
    )?
    .execute(params![conversation, of, at])
    .map(drop)
}

/// See [`crate::store::Store::rotate`].
pub(super) fn rotate(db: &Connection, scope: &Scope, rotation: &Rotation) -> Result<bool> {
    let Some(conversation) = evidence::conversation(db, scope, &rotation.conversation)? else { return Ok(false) };
    let newest: Option<Timestamp> = db
        .prepare_cached(
            "SELECT max(created) FROM handle
             WHERE conversation = ?1 AND stands_for = ?2 AND kind <> 'registration' AND replaced IS NULL",
        )?
        .query_row(params![conversation, rotation.of], |row| row.get(0))?;
    if newest.zip(rotation.unless_newer_than).is_some_and(|(newest, than)| newest > than) {
        return Ok(false);
    }
    replace(db, conversation, rotation.of, &rotation.handles, rotation.at)?;
    evidence::add(db, conversation, &rotation.entry)?;
    Ok(true)
}

/// See [`crate::store::Store::handle`].
pub(super) fn find(db: &Connection, hash: HandleHash) -> Result<Option<(Scope, HandleRow)>> {
    db.prepare_cached(
        "SELECT h.hash, c.id, h.stands_for, h.kind, h.sealed, h.created, h.replaced, h.shut, h.epoch,
             iif(h.stands_for = 'buyer', s.id, b.id), m.name
         FROM handle h
         JOIN conversation c ON c.num = h.conversation
         JOIN party b ON b.num = c.buyer
         JOIN party s ON s.num = c.seller
         JOIN marketplace m ON m.num = c.marketplace
         WHERE h.hash = ?1",
    )?
    .query_row([hash], |row| Ok((Scope::proven(row.get::<_, Marketplace>(10)?), read(row)?)))
    .optional()
}

/// See [`crate::store::Store::handles`]: those in use, and of those replaced the newest. What the buyer gave to somebody
/// else than the seller is not among them.
pub(super) fn list(db: &Connection, scope: &Scope, conversation: &ConversationId) -> Result<Vec<HandleRow>> {
    db.prepare_cached(
        "SELECT h.hash, c.id, h.stands_for, h.kind, h.sealed, h.created, h.replaced, h.shut, h.epoch,
             iif(h.stands_for = 'buyer', s.id, b.id)
         FROM conversation c
         JOIN handle h ON h.conversation = c.num
         JOIN party b ON b.num = c.buyer
         JOIN party s ON s.num = c.seller
         WHERE c.marketplace = ?1 AND c.id = ?2 AND h.kind <> 'registration' AND h.shut IS NULL
         ORDER BY h.replaced IS NOT NULL, h.created DESC, h.epoch DESC LIMIT ?3",
    )?
    .query_map(params![market(db, scope)?, conversation, at_most(HANDLES_LISTED)], read)?
    .collect()
}

/// The mail handle that a side of `conversation`, whose number is `num`, writes under, of those not replaced; its state is
/// the policy's.
pub(super) fn newest(db: &Connection, num: i64, conversation: &ConversationRow, of: Side) -> Result<Option<HandleRow>> {
    db.prepare_cached(
        "SELECT hash, kind, sealed, created, replaced, shut, epoch FROM handle
         WHERE conversation = ?1 AND stands_for = ?2 AND kind = 'mail' AND replaced IS NULL AND shut IS NULL
         ORDER BY epoch DESC LIMIT 1",
    )?
    .query_row(params![num, of], |row| {
        Ok(HandleRow {
            hash: row.get(0)?,
            conversation: conversation.id.clone(),
            stands_for: of,
            kind: row.get(1)?,
            sealed: row.get(2)?,
            created: row.get(3)?,
            replaced: row.get(4)?,
            shut: row.get(5)?,
            epoch: row.get(6)?,
            shown_to: conversation.party(of.other()).clone(),
        })
    })
    .optional()
}

pub(super) fn read(row: &Row<'_>) -> Result<HandleRow> {
    Ok(HandleRow {
        hash: row.get(0)?,
        conversation: row.get(1)?,
        stands_for: row.get(2)?,
        kind: row.get(3)?,
        sealed: row.get(4)?,
        created: row.get(5)?,
        replaced: row.get(6)?,
        shut: row.get(7)?,
        epoch: row.get(8)?,
        shown_to: row.get(9)?,
    })
}

/// See [`crate::store::Store::tripwire`].
pub(super) fn tripwire(db: &Connection, scope: &Scope, hash: HandleHash, entry: &NewEntry) -> Result<()> {
    let conversation: Option<i64> = db
        .prepare_cached(
            "SELECT c.num FROM handle h JOIN conversation c ON c.num = h.conversation
             WHERE h.hash = ?1 AND c.marketplace = ?2",
        )?
        .query_row(params![hash, market(db, scope)?], |row| row.get(0))
        .optional()?;
    let Some(conversation) = conversation else { return Ok(()) };
    let count: i64 = db
        .prepare_cached(
            "INSERT INTO tripwire (handle, cause, hour, count) VALUES (?1, ?2, ?3, 1)
             ON CONFLICT (handle, cause, hour) DO UPDATE SET count = count + 1 RETURNING count",
        )?
        .query_row(params![hash, entry.facts, entry.at.0.div_euclid(HOUR)], |row| row.get(0))?;
    if count == 1 { evidence::add(db, conversation, entry) } else { Ok(()) }
}

const HOUR: i64 = 3_600_000;
/// So many handles of a conversation are listed at most.
const HANDLES_LISTED: usize = 64;
