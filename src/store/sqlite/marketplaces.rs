//! Marketplaces and the tokens of their API.

use rusqlite::{Connection, OptionalExtension, Result, Row, params, types::FromSqlError};

use super::{evidence, keys, pair::market};
use crate::{
    model::{EntryKind, EventId, Marketplace, Scope, Timestamp},
    store::{MarketplaceRow, NewEntry, TokenRow, TokenScope},
};

/// See [`crate::store::Store::add_marketplace`].
pub(super) fn add(db: &Connection, row: &MarketplaceRow) -> Result<bool> {
    let added = db
        .prepare_cached("INSERT OR IGNORE INTO marketplace (name, domain, created) VALUES (?1, ?2, ?3)")?
        .execute(params![row.name, row.domain, row.created])?;
    if added == 1 {
        keys::put(db, keys::MARKETPLACE, db.last_insert_rowid(), &row.key)?;
    }
    Ok(added == 1)
}

/// All of them.
pub(super) fn list(db: &Connection) -> Result<Vec<MarketplaceRow>> {
    db.prepare_cached(
        "SELECT m.name, m.domain, m.created, k.ring_key, k.sealed
         FROM marketplace m JOIN data_key k ON k.kind = 'marketplace' AND k.owner = m.num ORDER BY m.name",
    )?
    .query_map([], |row| {
        Ok(MarketplaceRow {
            name: row.get(0)?,
            domain: row.get(1)?,
            created: row.get(2)?,
            key: keys::read(row, 3)?.ok_or(FromSqlError::InvalidType)?,
        })
    })?
    .collect()
}

/// The marketplace whose mail domain this is.
pub(super) fn by_domain(db: &Connection, domain: &str) -> Result<Option<Marketplace>> {
    db.prepare_cached("SELECT name FROM marketplace WHERE domain = ?1")?
        .query_row([domain], |row| row.get(0))
        .optional()
}

/// See [`crate::store::Store::add_token`].
pub(super) fn add_token(db: &Connection, scope: &Scope, row: &TokenRow) -> Result<()> {
    let (kind, party, agent, name) = match &row.scope {
        TokenScope::Marketplace => ("marketplace", None, None, None),
        TokenScope::Seller { party, agent } => ("seller", Some(party), Some(agent), None),
        TokenScope::Carrier { name } => ("carrier", None, None, Some(name)),
        TokenScope::Support => ("support", None, None, None),
        TokenScope::Auditor => ("auditor", None, None, None),
    };
    db.prepare_cached(
        "INSERT INTO token (id, hash, marketplace, kind, party, agent, name, created, expires, revoked)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        row.id,
        row.hash,
        market(db, scope)?,
        kind,
        party,
        agent,
        name,
        row.created,
        row.expires,
        row.revoked
    ])?;
    let owner = party.map(|party| format!(" party={party}")).unwrap_or_default();
    let facts = format!("token={} scope={kind}{owner}", row.id);
    evidence::journal(db, scope, &act(row.created, EntryKind::TokenIssued, facts))
}

/// See [`crate::store::Store::token`].
pub(super) fn token(db: &Connection, hash: &[u8; 32], now: Timestamp) -> Result<Option<(Scope, TokenRow)>> {
    db.prepare_cached(
        "SELECT t.id, t.hash, t.kind, t.party, t.agent, t.name, t.created, t.expires, t.revoked, m.name
         FROM token t JOIN marketplace m ON m.num = t.marketplace
         WHERE t.hash = ?1 AND t.revoked IS NULL AND (t.expires IS NULL OR t.expires > ?2)",
    )?
    .query_row(params![hash, now], |row| Ok((Scope::proven(row.get(9)?), read_token(row)?)))
    .optional()
}

/// See [`crate::store::Store::tokens`].
pub(super) fn tokens(db: &Connection, scope: &Scope) -> Result<Vec<TokenRow>> {
    db.prepare_cached(
        "SELECT id, hash, kind, party, agent, name, created, expires, revoked FROM token
         WHERE marketplace = ?1 ORDER BY created DESC, id DESC",
    )?
    .query_map([market(db, scope)?], read_token)?
    .collect()
}

/// See [`crate::store::Store::revoke_token`].
pub(super) fn revoke_token(db: &Connection, scope: &Scope, id: EventId, at: Timestamp) -> Result<bool> {
    let live: Option<bool> = db
        .prepare_cached("SELECT revoked IS NULL FROM token WHERE marketplace = ?1 AND id = ?2")?
        .query_row(params![market(db, scope)?, id], |row| row.get(0))
        .optional()?;
    if live == Some(true) {
        db.prepare_cached("UPDATE token SET revoked = ?2 WHERE id = ?1")?.execute(params![id, at])?;
        evidence::journal(db, scope, &act(at, EntryKind::TokenRevoked, format!("token={id}")))?;
    }
    Ok(live.is_some())
}

/// What was done by nobody's side, for the journal.
fn act(at: Timestamp, kind: EntryKind, facts: String) -> NewEntry {
    NewEntry { at, kind, by: None, message: None, facts, private: None }
}

fn read_token(row: &Row<'_>) -> Result<TokenRow> {
    let scope = match row.get_ref(2)?.as_str()? {
        "marketplace" => TokenScope::Marketplace,
        "seller" => TokenScope::Seller { party: row.get(3)?, agent: row.get(4)? },
        "carrier" => TokenScope::Carrier { name: row.get(5)? },
        "support" => TokenScope::Support,
        "auditor" => TokenScope::Auditor,
        _ => return Err(FromSqlError::InvalidType.into()),
    };
    Ok(TokenRow {
        id: row.get(0)?,
        hash: row.get(1)?,
        scope,
        created: row.get(6)?,
        expires: row.get(7)?,
        revoked: row.get(8)?,
    })
}
