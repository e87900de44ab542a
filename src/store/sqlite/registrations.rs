//! Handles for somebody else than the seller.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{
    Sqlite,
    columns::{at_most, signed, unsigned},
    evidence, handles,
    pair::market,
    writer::Patience::Urgent,
};
use crate::{
    model::{ConversationId, HandleHash, Scope, Side, Timestamp},
    store::{Answer, NewEntry, NewRegistration, RegistrationChange, RegistrationRow, Registrations},
};

impl Registrations for Sqlite {
    fn put_registration<'a>(&'a self, scope: &'a Scope, new: NewRegistration, most: usize) -> Answer<'a, Option<bool>> {
        let scope = scope.clone();
        self.write("drawing a registration handle", Urgent, move |db| put(db, &scope, &new, most))
    }

    fn registration<'a>(&'a self, scope: &'a Scope, hash: HandleHash) -> Answer<'a, Option<RegistrationRow>> {
        self.look("finding a registration handle", move |db| {
            db.prepare_cached(&format!("{READ} WHERE c.marketplace = ?1 AND h.hash = ?2"))?
                .query_row(params![market(db, scope)?, hash], read)
                .optional()
        })
    }

    fn registrations<'a>(
        &'a self,
        scope: &'a Scope,
        conversation: &'a ConversationId,
    ) -> Answer<'a, Vec<RegistrationRow>> {
        self.look("listing registration handles", move |db| {
            db.prepare_cached(&format!("{READ} WHERE c.marketplace = ?1 AND c.id = ?2 ORDER BY h.epoch LIMIT ?3"))?
                .query_map(params![market(db, scope)?, conversation, at_most(LISTED)], read)?
                .collect()
        })
    }

    fn change_registration<'a>(&'a self, scope: &'a Scope, change: RegistrationChange) -> Answer<'a, bool> {
        let scope = scope.clone();
        self.write("changing a registration handle", Urgent, move |db| {
            let Some(conversation) = open_one(db, &scope, change.hash)? else { return Ok(false) };
            let changed = db
                .prepare_cached(
                    "UPDATE registration SET sealed = ?3, version = version + 1 WHERE handle = ?1 AND version = ?2",
                )?
                .execute(params![change.hash, signed(change.version), change.sealed])?;
            if changed == 1 {
                evidence::add(db, conversation, &change.entry)?;
            }
            Ok(changed == 1)
        })
    }

    fn close_registration<'a>(
        &'a self,
        scope: &'a Scope,
        hash: HandleHash,
        at: Timestamp,
        entry: NewEntry,
    ) -> Answer<'a, bool> {
        let scope = scope.clone();
        self.write("closing a registration handle", Urgent, move |db| {
            let Some(conversation) = open_one(db, &scope, hash)? else { return Ok(false) };
            db.prepare_cached("UPDATE handle SET shut = ?2, replaced = ?2 WHERE hash = ?1")?
                .execute(params![hash, at])?;
            evidence::add(db, conversation, &entry)?;
            Ok(true)
        })
    }
}

fn put(db: &Connection, scope: &Scope, new: &NewRegistration, most: usize) -> Result<Option<bool>> {
    let Some(conversation) = evidence::conversation(db, scope, &new.conversation)? else { return Ok(None) };
    let open: i64 = db
        .prepare_cached(
            "SELECT count(*) FROM handle WHERE conversation = ?1 AND kind = 'registration' AND shut IS NULL",
        )?
        .query_row([conversation], |row| row.get(0))?;
    if open >= at_most(most) {
        return Ok(Some(false));
    }
    handles::mint(db, conversation, &new.handle)?;
    db.prepare_cached("INSERT INTO registration (handle, sealed, version) VALUES (?1, ?2, 0)")?
        .execute(params![new.handle.hash, new.sealed])?;
    evidence::add(db, conversation, &new.entry)?;
    Ok(Some(true))
}

/// The conversation of one that is open.
fn open_one(db: &Connection, scope: &Scope, hash: HandleHash) -> Result<Option<i64>> {
    db.prepare_cached(
        "SELECT c.num FROM handle h JOIN conversation c ON c.num = h.conversation
         WHERE h.hash = ?1 AND c.marketplace = ?2 AND h.kind = 'registration' AND h.shut IS NULL",
    )?
    .query_row(params![hash, market(db, scope)?], |row| row.get(0))
    .optional()
}

/// What an erasure of a side takes along.
pub(super) fn forget(db: &Connection, conversation: i64, side: Side) -> Result<()> {
    db.prepare_cached(
        "DELETE FROM registration WHERE handle IN (SELECT hash FROM handle WHERE conversation = ?1 AND stands_for = ?2)",
    )?
    .execute(params![conversation, side])
    .map(drop)
}

fn read(row: &Row<'_>) -> Result<RegistrationRow> {
    Ok(RegistrationRow { handle: handles::read(row)?, sealed: row.get(10)?, version: unsigned(row.get(11)?) })
}

const READ: &str = "SELECT h.hash, c.id, h.stands_for, h.kind, h.sealed, h.created, h.replaced, h.shut, h.epoch,
        iif(h.stands_for = 'buyer', s.id, b.id), r.sealed, r.version
    FROM registration r
    JOIN handle h ON h.hash = r.handle
    JOIN conversation c ON c.num = h.conversation
    JOIN party b ON b.num = c.buyer
    JOIN party s ON s.num = c.seller";

/// More than anybody draws in one conversation.
const LISTED: usize = 200;
