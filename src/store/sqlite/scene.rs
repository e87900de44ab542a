//! What the way of a message needs to know, read on one moment of the store.

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::{claim, columns::unsigned, conversations, handles, keys, pair::Pair};
use crate::{
    model::{ConversationId, Scope, Side, Timestamp},
    store::{Boarding, Delivery, Scene, SealedProfile, WindowRow},
};

/// See [`crate::store::Store::scene`].
pub(super) fn scene(
    db: &Connection,
    scope: &Scope,
    id: &ConversationId,
    from: Side,
    now: Timestamp,
) -> Result<Option<Scene>> {
    let Some((place, conversation)) = conversations::placed(db, scope, id)? else { return Ok(None) };
    Ok(Some(Scene {
        buyer: profile(db, place.buyer)?,
        seller: profile(db, place.seller)?,
        pair: Pair::read(db, &place, now)?.state,
        window: window(db, place.num, from)?,
        handle: handles::newest(db, place.num, &conversation, from)?,
        conversation,
    }))
}

/// See [`crate::store::Store::boarding`].
pub(super) fn boarding(db: &Connection, delivery: &Delivery) -> Result<Option<Boarding>> {
    if !claim::still_current(db, delivery)? {
        return Ok(None);
    }
    let Some((place, conversation)) = conversations::placed(db, &delivery.scope, &delivery.conversation)? else {
        return Ok(None);
    };
    let reader = match delivery.to {
        Side::Buyer => place.buyer,
        Side::Seller => place.seller,
    };
    Ok(Some(Boarding { conversation, reader: profile(db, reader)? }))
}

/// A party's profile with its key; `None` when it was erased.
fn profile(db: &Connection, party: i64) -> Result<Option<SealedProfile>> {
    db.prepare_cached(
        "SELECT k.ring_key, k.sealed, p.profile FROM party p
         JOIN data_key k ON k.kind = 'party' AND k.owner = p.num
         WHERE p.num = ?1 AND p.profile IS NOT NULL",
    )?
    .query_row([party], |row| {
        let key = keys::read(row, 0)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        Ok(SealedProfile { key, profile: row.get(2)? })
    })
    .optional()
}

fn window(db: &Connection, conversation: i64, of: Side) -> Result<WindowRow> {
    let found = db
        .prepare_cached("SELECT seq, sealed, at FROM detection_window WHERE conversation = ?1 AND side = ?2")?
        .query_row(params![conversation, of], |row| {
            Ok(WindowRow { seq: unsigned(row.get(0)?), sealed: row.get(1)?, at: row.get(2)? })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}
