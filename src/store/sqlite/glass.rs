//! Disclosures: each recorded and counted, those of whole contacts asked for by one person and approved by another.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{columns::at_most, evidence, pair::market, parties};
use crate::{
    model::{EventId, PartyId, Scope, Timestamp},
    store::{Alarm, Approval, DisclosureRow, GlassRow, NewEntry, Notice},
};

/// See [`crate::store::Store::disclose`].
pub(super) fn disclose(
    db: &Connection,
    scope: &Scope,
    row: &DisclosureRow,
    entry: &NewEntry,
    alarm: &Alarm,
) -> Result<bool> {
    let market = market(db, scope)?;
    let party = parties::number(db, market, &row.party)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let conversation = match &row.conversation {
        Some(id) => evidence::conversation(db, scope, id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?,
        None => NOWHERE,
    };
    db.prepare_cached(
        "INSERT INTO disclosure (party, id, conversation, shown_to, purpose, shipment, at, request, fields)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        party,
        row.id,
        conversation,
        row.to,
        row.purpose,
        row.shipment,
        row.at,
        row.request,
        row.fields
    ])?;
    match conversation {
        NOWHERE => evidence::journal(db, scope, entry)?,
        // Who asked for a contact is nothing that the two of a conversation are told by its chain: only where the
        // disclosure is a part of it, as an address for its parcel.
        _ if row.request.is_some() => evidence::journal(db, scope, entry)?,
        num => evidence::add(db, num, entry)?,
    }
    too_many(db, scope, market, row, alarm)
}

fn too_many(db: &Connection, scope: &Scope, market: i64, row: &DisclosureRow, alarm: &Alarm) -> Result<bool> {
    let since = row.at.minus(alarm.per);
    let seen: u32 = db
        .prepare_cached(
            "SELECT count(*) FROM disclosure d JOIN party p ON p.num = d.party
             WHERE d.shown_to = ?1 AND d.at > ?2 AND p.marketplace = ?3",
        )?
        .query_row(params![row.to, since, market], |row| row.get(0))?;
    if seen <= alarm.burst {
        return Ok(false);
    }
    let told = db
        .prepare_cached(
            "INSERT INTO disclosure_alarm (marketplace, shown_to, at) VALUES (?1, ?2, ?3)
             ON CONFLICT (marketplace, shown_to) DO UPDATE SET at = excluded.at WHERE at <= ?4",
        )?
        .execute(params![market, row.to, row.at, since])?;
    if told > 0 {
        evidence::journal(db, scope, &alarm.entry)?;
    }
    Ok(told > 0)
}

/// See [`crate::store::Store::disclosures`].
pub(super) fn disclosures(
    db: &Connection,
    scope: &Scope,
    party: &PartyId,
    after: Option<EventId>,
    limit: usize,
) -> Result<Vec<DisclosureRow>> {
    db.prepare_cached(
        "SELECT d.id, p.id, c.id, d.shown_to, d.purpose, d.shipment, d.at, d.request, d.fields
         FROM party p JOIN disclosure d ON d.party = p.num LEFT JOIN conversation c ON c.num = d.conversation
         WHERE p.marketplace = ?1 AND p.id = ?2 AND d.id < ?3 ORDER BY d.id DESC LIMIT ?4",
    )?
    .query_map(params![market(db, scope)?, party, after.unwrap_or(EventId([0xff; 16])), at_most(limit)], |row| {
        Ok(DisclosureRow {
            id: row.get(0)?,
            party: row.get(1)?,
            conversation: row.get(2)?,
            to: row.get(3)?,
            purpose: row.get(4)?,
            shipment: row.get(5)?,
            at: row.get(6)?,
            request: row.get(7)?,
            // Before there were others, it was an address.
            fields: row.get::<_, Option<String>>(8)?.unwrap_or_else(|| "addresses".to_owned()),
        })
    })?
    .collect()
}

/// See [`crate::store::Persons::ask`].
pub(super) fn ask(db: &Connection, scope: &Scope, row: &GlassRow, entry: &NewEntry) -> Result<bool> {
    let Some(party) = parties::living(db, market(db, scope)?, &row.party)? else { return Ok(false) };
    let conversation = match &row.conversation {
        None => NOWHERE,
        Some(id) => {
            let found: Option<i64> = db
                .prepare_cached(
                    "SELECT num FROM conversation WHERE marketplace = ?1 AND id = ?2 AND ?3 IN (buyer, seller)",
                )?
                .query_row(params![market(db, scope)?, id, party], |row| row.get(0))
                .optional()?;
            let Some(num) = found else { return Ok(false) };
            num
        }
    };
    db.prepare_cached(
        "INSERT INTO glass (id, party, conversation, purpose, reference, fields, actor, token, asked, minutes,
             notice_due, sealed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        row.id,
        party,
        conversation,
        row.purpose,
        row.reference,
        row.fields,
        row.actor,
        row.token,
        row.asked,
        row.minutes,
        row.notice_due,
        row.delay
    ])?;
    evidence::journal(db, scope, entry)?;
    Ok(true)
}

/// See [`crate::store::Persons::glass`].
pub(super) fn find(db: &Connection, scope: &Scope, id: EventId) -> Result<Option<GlassRow>> {
    db.prepare_cached(&format!("{GLASS} WHERE g.id = ?1 AND m.name = ?2"))?
        .query_row(params![id, scope.marketplace()], read)
        .optional()
}

/// See [`crate::store::Persons::glasses`].
pub(super) fn of_party(db: &Connection, scope: &Scope, party: &PartyId, limit: usize) -> Result<Vec<GlassRow>> {
    db.prepare_cached(&format!("{GLASS} WHERE p.id = ?1 AND m.name = ?2 ORDER BY g.id DESC LIMIT ?3"))?
        .query_map(params![party, scope.marketplace(), at_most(limit)], read)?
        .collect()
}

/// See [`crate::store::Persons::approve`].
pub(super) fn approve(db: &Connection, scope: &Scope, approval: &Approval) -> Result<bool> {
    let Approval { id, actor, at, until, notice_due, entry } = approval;
    let done = db
        .prepare_cached(
            "UPDATE glass SET approver = ?3, opened = ?4, until = ?5, notice_due = max(?6, coalesce(notice_due, 0))
             WHERE id = ?1 AND opened IS NULL AND party IN (SELECT num FROM party WHERE marketplace = ?2)",
        )?
        .execute(params![id, market(db, scope)?, actor, at, until, notice_due])?;
    if done == 1 {
        evidence::journal(db, scope, entry)?;
    }
    Ok(done == 1)
}

/// See [`crate::store::Persons::notices_due`].
pub(super) fn notices_due(db: &Connection, now: Timestamp, limit: usize) -> Result<Vec<(Scope, GlassRow)>> {
    db.prepare_cached(&format!(
        "{GLASS} WHERE g.notice_due <= ?1 AND g.opened IS NOT NULL AND g.noticed IS NULL ORDER BY g.notice_due LIMIT ?2"
    ))?
    .query_map(params![now, at_most(limit)], |row| Ok((Scope::proven(row.get(15)?), read(row)?)))?
    .collect()
}

/// See [`crate::store::Persons::noticed`].
pub(super) fn noticed(db: &Connection, scope: &Scope, id: EventId, notice: &Notice) -> Result<()> {
    let (due, done) = match notice {
        Notice::Done(at, _) => (None, Some(*at)),
        Notice::Later(at) => (Some(*at), None),
    };
    db.prepare_cached(
        "UPDATE glass SET notice_due = ?3, noticed = ?4
         WHERE id = ?1 AND party IN (SELECT num FROM party WHERE marketplace = ?2)",
    )?
    .execute(params![id, market(db, scope)?, due, done])?;
    if let Notice::Done(_, entry) = notice {
        evidence::journal(db, scope, entry)?;
    }
    Ok(())
}

fn read(row: &Row<'_>) -> Result<GlassRow> {
    let approver: Option<String> = row.get(10)?;
    let times: (Option<Timestamp>, Option<Timestamp>) = (row.get(11)?, row.get(12)?);
    Ok(GlassRow {
        id: row.get(0)?,
        party: row.get(1)?,
        conversation: row.get(2)?,
        purpose: row.get(3)?,
        reference: row.get(4)?,
        fields: row.get(5)?,
        actor: row.get(6)?,
        token: row.get(7)?,
        asked: row.get(8)?,
        minutes: row.get(9)?,
        approved: approver.zip(times.0).zip(times.1).map(|((who, at), until)| (who, at, until)),
        notice_due: row.get(13)?,
        noticed: row.get(14)?,
        delay: row.get(16)?,
    })
}

const GLASS: &str = "SELECT g.id, p.id, c.id, g.purpose, g.reference, g.fields, g.actor, g.token, g.asked, g.minutes,
         g.approver, g.opened, g.until, g.notice_due, g.noticed, m.name, g.sealed
     FROM glass g JOIN party p ON p.num = g.party JOIN marketplace m ON m.num = p.marketplace
     LEFT JOIN conversation c ON c.num = g.conversation";

/// What stands for no conversation.
const NOWHERE: i64 = 0;
