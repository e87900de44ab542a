//! Wrapped data keys: all in one table.

use rusqlite::{Connection, Result, Row, params, types::FromSqlError};

use super::columns::{at_most, unsigned};
use crate::{
    model::{ConversationId, Side},
    store::{KeyOwner, WrappedKey, WrappedKeyRow, words::Word},
};

/// The kind of a marketplace's key. A side's key has the side's own word.
pub(super) const MARKETPLACE: &str = "marketplace";
/// The kind of a party's key.
pub(super) const PARTY: &str = "party";

/// Puts a key in its place, unless there is one: a key that has sealed something is never lost
/// to another.
pub(super) fn put(db: &Connection, kind: &str, owner: i64, key: &WrappedKey) -> Result<()> {
    db.prepare_cached("INSERT OR IGNORE INTO data_key (kind, owner, ring_key, sealed) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![kind, owner, key.by, key.sealed])
        .map(drop)
}

/// Forgets a key: what it sealed can not be opened any more.
pub(super) fn shred(db: &Connection, kind: &str, owner: i64) -> Result<bool> {
    db.prepare_cached("DELETE FROM data_key WHERE kind = ?1 AND owner = ?2")?
        .execute(params![kind, owner])
        .map(|gone| gone == 1)
}

/// Reads a key from two columns of a row.
pub(super) fn read(row: &Row<'_>, at: usize) -> Result<Option<WrappedKey>> {
    let by: Option<u32> = row.get(at)?;
    let sealed: Option<Vec<u8>> = row.get(at + 1)?;
    Ok(by.zip(sealed).map(|(by, sealed)| WrappedKey { by, sealed }))
}

/// See [`crate::store::Store::wrapped_keys`].
pub(super) fn not_by(db: &Connection, ring_key: u32, limit: usize) -> Result<Vec<WrappedKeyRow>> {
    db.prepare_cached(
        "SELECT k.kind, k.ring_key, k.sealed, m.name, p.id, c.id
         FROM data_key k
         LEFT JOIN party p ON k.kind = 'party' AND p.num = k.owner
         LEFT JOIN conversation c ON k.kind IN ('buyer', 'seller') AND c.num = k.owner
         JOIN marketplace m ON m.num = coalesce(p.marketplace, c.marketplace, k.owner)
         WHERE k.ring_key < ?1 OR k.ring_key > ?1 LIMIT ?2",
    )?
    .query_map(params![ring_key, at_most(limit)], read_owned)?
    .collect()
}

fn read_owned(row: &Row<'_>) -> Result<WrappedKeyRow> {
    let owner = match row.get_ref(0)?.as_str()? {
        MARKETPLACE => KeyOwner::Marketplace,
        PARTY => KeyOwner::Party(row.get(4)?),
        side => {
            let side = Side::read(side).ok_or(FromSqlError::InvalidType)?;
            KeyOwner::Side(row.get::<_, ConversationId>(5)?, side)
        }
    };
    Ok(WrappedKeyRow { marketplace: row.get(3)?, owner, key: read(row, 1)?.ok_or(FromSqlError::InvalidType)? })
}

/// See [`crate::store::Store::rewrap`].
pub(super) fn rewrap(db: &Connection, rows: &[(WrappedKeyRow, WrappedKey)]) -> Result<u64> {
    let mut changed = 0;
    for (old, new) in rows {
        let (kind, finding) = match &old.owner {
            KeyOwner::Marketplace => (MARKETPLACE, "SELECT m.num FROM marketplace m WHERE m.name = ?4 AND ?5 IS NULL"),
            KeyOwner::Party(_) => (
                PARTY,
                "SELECT p.num FROM marketplace m JOIN party p ON p.marketplace = m.num WHERE m.name = ?4 AND p.id = ?5",
            ),
            KeyOwner::Side(_, side) => (
                side.word(),
                "SELECT c.num FROM marketplace m JOIN conversation c ON c.marketplace = m.num
                 WHERE m.name = ?4 AND c.id = ?5",
            ),
        };
        let id = match &old.owner {
            KeyOwner::Marketplace => None,
            KeyOwner::Party(id) => Some(id.as_str()),
            KeyOwner::Side(id, _) => Some(id.as_str()),
        };
        let swap = format!(
            "UPDATE data_key SET ring_key = ?1, sealed = ?2 WHERE kind = ?3 AND sealed = ?6 AND owner = ({finding})"
        );
        changed += db.prepare_cached(&swap)?.execute(params![
            new.by,
            new.sealed,
            kind,
            old.marketplace,
            id,
            old.key.sealed
        ])?;
    }
    Ok(changed.try_into().unwrap_or(u64::MAX))
}

/// See [`crate::store::Store::key_use`].
pub(super) fn usage(db: &Connection) -> Result<Vec<(u32, u64)>> {
    db.prepare_cached(
        "SELECT ring_key, sum(n) FROM (
             SELECT ring_key, count(*) AS n FROM data_key GROUP BY ring_key
             UNION ALL SELECT ring_key, count(*) FROM tag GROUP BY ring_key
             UNION ALL SELECT coalesce(ring_key, 0), count(*) FROM sms_number GROUP BY ring_key)
         GROUP BY ring_key ORDER BY ring_key",
    )?
    .query_map([], |row| Ok((row.get(0)?, unsigned(row.get(1)?))))?
    .collect()
}
