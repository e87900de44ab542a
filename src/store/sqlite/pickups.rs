//! Couriers who are announced.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{Sqlite, barriers, columns::at_most, evidence, handles, pair::market, writer::Patience::Urgent};
use crate::{
    model::{PartyId, PickupId, Scope, Side, Timestamp},
    store::{Announced, Answer, NewEntry, NewPickup, PickupCheck, PickupRow, Pickups},
};

impl Pickups for Sqlite {
    fn announce_pickup<'a>(&'a self, scope: &'a Scope, new: NewPickup) -> Answer<'a, Announced> {
        let scope = scope.clone();
        self.write("announcing a pick-up", Urgent, move |db| announce(db, &scope, &new))
    }

    fn pickup<'a>(&'a self, scope: &'a Scope, id: &'a PickupId) -> Answer<'a, Option<PickupRow>> {
        self.look("reading a pick-up", move |db| find(db, scope, id))
    }

    fn open_pickups<'a>(&'a self, scope: &'a Scope, buyer: &'a PartyId, at: Timestamp) -> Answer<'a, Vec<PickupRow>> {
        self.look("listing pick-ups", move |db| {
            db.prepare_cached(&format!(
                "{READ} JOIN party b ON b.num = c.buyer
                 WHERE p.marketplace = ?1 AND b.id = ?2 AND p.ends >= ?3 AND p.ended IS NULL ORDER BY p.begins, p.id"
            ))?
            .query_map(params![market(db, scope)?, buyer, at], read)?
            .collect()
        })
    }

    fn end_pickup<'a>(
        &'a self,
        scope: &'a Scope,
        id: &'a PickupId,
        at: Timestamp,
        entry: NewEntry,
    ) -> Answer<'a, bool> {
        let (scope, id) = (scope.clone(), id.clone());
        self.write("calling a pick-up off", Urgent, move |db| {
            let Some(row) = find(db, &scope, &id)?.filter(|row| row.ended.is_none()) else { return Ok(false) };
            db.prepare_cached("UPDATE pickup SET ended = ?3 WHERE marketplace = ?1 AND id = ?2")?.execute(params![
                market(db, &scope)?,
                id,
                at
            ])?;
            if let Some(conversation) = evidence::conversation(db, &scope, &row.conversation)? {
                evidence::add(db, conversation, &entry)?;
            }
            Ok(true)
        })
    }

    fn check_pickup<'a>(&'a self, scope: &'a Scope, check: PickupCheck) -> Answer<'a, bool> {
        let scope = scope.clone();
        self.write("noting who stands at a door", Urgent, move |db| {
            let Some(conversation) = evidence::conversation(db, &scope, &check.conversation)? else {
                return Ok(false);
            };
            if !check.handles.is_empty() {
                handles::shut_postal(db, conversation, Side::Buyer, check.at)?;
                handles::mint_missing(db, conversation, &check.handles)?;
            }
            evidence::add(db, conversation, &check.entry)?;
            Ok(true)
        })
    }
}

fn announce(db: &Connection, scope: &Scope, new: &NewPickup) -> Result<Announced> {
    let Some(conversation) = evidence::conversation(db, scope, &new.conversation)? else {
        return Ok(Announced::NotThere);
    };
    if barriers::afraid(db, scope, &new.conversation)? {
        return Ok(Announced::Afraid);
    }
    let known = find(db, scope, &new.id)?;
    if let Some(row) = &known {
        if row.conversation != new.conversation || row.ended.is_some() {
            return Ok(Announced::Taken);
        }
        if (&row.carrier, row.begins, row.ends) == (&new.carrier, new.begins, new.ends) {
            return Ok(Announced::Known);
        }
    }
    db.prepare_cached(
        "INSERT INTO pickup (marketplace, id, conversation, carrier, begins, ends) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET carrier = excluded.carrier, begins = excluded.begins, ends = excluded.ends",
    )?
    .execute(params![market(db, scope)?, new.id, conversation, new.carrier, new.begins, new.ends])?;
    evidence::add(db, conversation, &new.entry)?;
    Ok(if known.is_some() { Announced::Known } else { Announced::New })
}

/// Nobody comes any more: the buyer is afraid.
pub(super) fn stop(db: &Connection, conversation: i64, at: Timestamp) -> Result<()> {
    db.prepare_cached("UPDATE pickup SET ended = ?2 WHERE conversation = ?1 AND ended IS NULL")?
        .execute(params![conversation, at])
        .map(drop)
}

/// What an erasure of the buyer takes along.
pub(super) fn forget(db: &Connection, conversation: i64) -> Result<()> {
    db.prepare_cached("DELETE FROM pickup WHERE conversation = ?1")?.execute([conversation]).map(drop)
}

/// Forgets up to `most` that were over before `before`; how many. The chain of evidence tells of them.
pub(super) fn expire(db: &Connection, before: Timestamp, most: usize) -> Result<usize> {
    db.prepare_cached(
        "DELETE FROM pickup WHERE (marketplace, id) IN
             (SELECT marketplace, id FROM pickup WHERE ends < ?1 LIMIT ?2)",
    )?
    .execute(params![before, at_most(most)])
}

fn find(db: &Connection, scope: &Scope, id: &PickupId) -> Result<Option<PickupRow>> {
    db.prepare_cached(&format!("{READ} WHERE p.marketplace = ?1 AND p.id = ?2"))?
        .query_row(params![market(db, scope)?, id], read)
        .optional()
}

fn read(row: &Row<'_>) -> Result<PickupRow> {
    Ok(PickupRow {
        id: row.get(0)?,
        conversation: row.get(1)?,
        carrier: row.get(2)?,
        begins: row.get(3)?,
        ends: row.get(4)?,
        ended: row.get(5)?,
    })
}

const READ: &str = "SELECT p.id, c.id, p.carrier, p.begins, p.ends, p.ended
    FROM pickup p JOIN conversation c ON c.num = p.conversation";
