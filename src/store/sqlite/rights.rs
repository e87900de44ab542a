//! What enforcement left a seller.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{
    columns::signed,
    evidence,
    pair::{Place, market},
};
use crate::{
    model::{Duration, PartyId, Restriction, Scope, Timestamp},
    store::{LiftRestriction, NewEntry, NewRestriction, RestrictionRow},
};

/// See [`crate::store::Ledger::restrict`].
pub(super) fn restrict(db: &Connection, scope: &Scope, new: &NewRestriction) -> Result<bool> {
    let market = market(db, scope)?;
    let Some(seller) = party(db, market, &new.seller)? else { return Ok(false) };
    let buyer = match &new.buyer {
        Some(id) => match party(db, market, id)? {
            Some(buyer) => Some(buyer),
            None => return Ok(false),
        },
        None => None,
    };
    let (burst, per) = limits(new.kind);
    let laid = db
        .prepare_cached(
            "INSERT INTO restriction (id, marketplace, seller, buyer, kind, burst, per, since, until, cause)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            new.id,
            market,
            seller,
            buyer,
            new.kind.as_str(),
            signed(u64::from(burst)),
            per.0,
            new.at,
            new.until,
            new.cause
        ])?;
    if laid == 0 {
        return Ok(true);
    }
    let sellers = group(db, seller)?;
    if new.kind == Restriction::Withdrawn {
        stop(db, &sellers, buyer)?;
    }
    tell(db, scope, &sellers, buyer, &new.entry)?;
    Ok(true)
}

/// See [`crate::store::Ledger::lift`].
pub(super) fn lift(db: &Connection, scope: &Scope, lift: &LiftRestriction) -> Result<bool> {
    let market = market(db, scope)?;
    let lifted: Option<(i64, Option<i64>)> = db
        .prepare_cached(
            "UPDATE restriction SET lifted = ?3 WHERE id = ?1 AND marketplace = ?2 AND lifted IS NULL
             RETURNING seller, buyer",
        )?
        .query_row(params![lift.id, market, lift.at], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((seller, buyer)) = lifted else { return Ok(false) };
    tell(db, scope, &group(db, seller)?, buyer, &lift.entry)?;
    Ok(true)
}

/// See [`crate::store::Store::restrictions`].
pub(super) fn list(db: &Connection, scope: &Scope, seller: &PartyId, now: Timestamp) -> Result<Vec<RestrictionRow>> {
    let market = market(db, scope)?;
    let Some(seller) = party(db, market, seller)? else { return Ok(Vec::new()) };
    let mut rows = Vec::new();
    for one in group(db, seller)? {
        let mut query = db.prepare_cached(
            "SELECT r.kind, r.burst, r.per, r.id, s.id, b.id, r.since, r.until, r.cause
             FROM restriction r JOIN party s ON s.num = r.seller LEFT JOIN party b ON b.num = r.buyer
             WHERE r.seller = ?1 AND r.lifted IS NULL AND (r.until IS NULL OR r.until > ?2) ORDER BY r.since",
        )?;
        for row in query.query_map(params![one, now], read)? {
            rows.push(row?);
        }
    }
    Ok(rows)
}

fn read(row: &Row<'_>) -> Result<RestrictionRow> {
    Ok(RestrictionRow {
        kind: kind(row)?,
        id: row.get(3)?,
        seller: row.get(4)?,
        buyer: row.get(5)?,
        since: row.get(6)?,
        until: row.get(7)?,
        cause: row.get(8)?,
    })
}

/// What holds for a seller, and all who are one with it, with one buyer at a moment.
pub(super) fn of(
    db: &Connection,
    (seller, cluster): (i64, Option<i64>),
    buyer: i64,
    now: Timestamp,
) -> Result<Vec<Restriction>> {
    let (sellers, of) = match cluster {
        None => (
            "SELECT kind, burst, per FROM restriction
             WHERE seller = ?1 AND lifted IS NULL AND (buyer IS NULL OR buyer = ?2) AND (until IS NULL OR until > ?3)",
            seller,
        ),
        Some(cluster) => (
            "SELECT kind, burst, per FROM restriction
             WHERE seller IN (SELECT num FROM party WHERE cluster = ?1)
                 AND lifted IS NULL AND (buyer IS NULL OR buyer = ?2) AND (until IS NULL OR until > ?3)",
            cluster,
        ),
    };
    db.prepare_cached(sellers)?.query_map(params![of, buyer, now], kind)?.collect()
}

/// From the columns kind, burst, per. An unknown word of a newer version is the strictest.
fn kind(row: &Row<'_>) -> Result<Restriction> {
    Ok(match row.get_ref(0)?.as_str()? {
        "template_only" => Restriction::TemplateOnly,
        "slowed" => Restriction::Slowed { burst: row.get(1)?, per: Duration(row.get(2)?) },
        _ => Restriction::Withdrawn,
    })
}

fn limits(kind: Restriction) -> (u32, Duration) {
    match kind {
        Restriction::Slowed { burst, per } => (burst, per),
        Restriction::TemplateOnly | Restriction::Withdrawn => (0, Duration(0)),
    }
}

fn party(db: &Connection, market: i64, id: &PartyId) -> Result<Option<i64>> {
    db.prepare_cached("SELECT num FROM party WHERE marketplace = ?1 AND id = ?2")?
        .query_row(params![market, id], |row| row.get(0))
        .optional()
}

/// All sellers that are one with this one, that one included.
pub(super) fn group(db: &Connection, seller: i64) -> Result<Vec<i64>> {
    db.prepare_cached(
        "SELECT num FROM party WHERE num = ?1
         UNION SELECT p.num FROM party s JOIN party p ON p.cluster = s.cluster WHERE s.num = ?1 ORDER BY 1",
    )?
    .query_map([seller], |row| row.get(0))?
    .collect()
}

/// What was accepted before is old from now on, and withheld when its turn comes.
fn stop(db: &Connection, sellers: &[i64], buyer: Option<i64>) -> Result<()> {
    let mut raise =
        db.prepare_cached("UPDATE pair SET epoch = epoch + 1 WHERE seller = ?1 AND (?2 IS NULL OR buyer = ?2)")?;
    sellers.iter().try_for_each(|seller| raise.execute(params![seller, buyer]).map(drop))
}

/// Writes it to the evidence of each conversation of the pair, or to the marketplace's journal
/// where it is about no single pair.
fn tell(db: &Connection, scope: &Scope, sellers: &[i64], buyer: Option<i64>, entry: &NewEntry) -> Result<()> {
    let Some(buyer) = buyer else { return evidence::journal(db, scope, entry) };
    for seller in sellers {
        for conversation in Place::between(db, buyer, *seller)? {
            evidence::add(db, conversation, entry)?;
        }
    }
    Ok(())
}
