//! Parties, their agents, and their erasure.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{
    columns::at_most,
    deliveries::{self, Message, lane},
    evidence, keys, links,
    pair::market,
    persons, reports, shred,
};
use crate::{
    model::{AgentId, ConversationId, EntryKind, EventId, PartyId, Scope, Side, Timestamp},
    store::{AgentRow, Forgotten, IndexTag, NewEntry, PartyRow, outbox::DeliveryState, words::Word},
};

/// The number of a party, erased or not.
pub(super) fn number(db: &Connection, market: i64, id: &PartyId) -> Result<Option<i64>> {
    db.prepare_cached("SELECT num FROM party WHERE marketplace = ?1 AND id = ?2")?
        .query_row(params![market, id], |row| row.get(0))
        .optional()
}

/// The number of a party that has not been erased.
pub(super) fn living(db: &Connection, market: i64, id: &PartyId) -> Result<Option<i64>> {
    db.prepare_cached("SELECT num FROM party WHERE marketplace = ?1 AND id = ?2 AND profile IS NOT NULL")?
        .query_row(params![market, id], |row| row.get(0))
        .optional()
}

/// See [`crate::store::Store::put_party`].
pub(super) fn put(db: &Connection, scope: &Scope, row: &PartyRow) -> Result<()> {
    let market = market(db, scope)?;
    let group: Option<String> = db
        .prepare_cached("SELECT budget_group FROM party WHERE marketplace = ?1 AND id = ?2")?
        .query_row(params![market, row.id], |row| row.get(0))
        .optional()?
        .flatten();
    let num: i64 = db
        .prepare_cached(
            "INSERT INTO party (marketplace, id, budget_group, profile, changed) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (marketplace, id) DO UPDATE SET budget_group = excluded.budget_group,
                 profile = excluded.profile, changed = excluded.changed
             RETURNING num",
        )?
        .query_row(params![market, row.id, row.group, row.profile, row.changed], |row| row.get(0))?;
    keys::put(db, keys::PARTY, num, &row.key)?;
    put_tags(db, num, NOBODY, &row.tags)?;
    if group != row.group {
        links::settle(db, &[num], row.changed)?;
    }
    links::meet(db, scope, market, num, row.changed)
}

fn put_tags(db: &Connection, party: i64, agent: &str, tags: &[IndexTag]) -> Result<()> {
    db.prepare_cached("DELETE FROM tag WHERE party = ?1 AND agent = ?2")?.execute(params![party, agent])?;
    for tag in tags {
        db.prepare_cached("INSERT OR IGNORE INTO tag (party, ring_key, tag, agent, kind) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![party, tag.by, tag.tag, agent, tag.kind])?;
    }
    Ok(())
}

fn tags(db: &Connection, party: i64, agent: &str) -> Result<Vec<IndexTag>> {
    db.prepare_cached("SELECT ring_key, tag, coalesce(kind, 'email') FROM tag WHERE party = ?1 AND agent = ?2")?
        .query_map(params![party, agent], |row| Ok(IndexTag { by: row.get(0)?, tag: row.get(1)?, kind: row.get(2)? }))?
        .collect()
}

/// See [`crate::store::Store::party`].
pub(super) fn find(db: &Connection, scope: &Scope, id: &PartyId) -> Result<Option<PartyRow>> {
    let row = db
        .prepare_cached(
            "SELECT p.num, p.id, p.budget_group, k.ring_key, k.sealed, p.profile, p.changed
             FROM marketplace m
             JOIN party p ON p.marketplace = m.num
             JOIN data_key k ON k.kind = 'party' AND k.owner = p.num
             WHERE m.name = ?1 AND p.id = ?2 AND p.profile IS NOT NULL",
        )?
        .query_row(params![scope.marketplace(), id], read)
        .optional()?;
    row.map(|row| with_tags(db, row)).transpose()
}

fn read(row: &Row<'_>) -> Result<(i64, PartyRow)> {
    let key = keys::read(row, 3)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let (id, group, profile) = (row.get(1)?, row.get(2)?, row.get(5)?);
    Ok((row.get(0)?, PartyRow { id, group, key, profile, tags: Vec::new(), changed: row.get(6)? }))
}

fn with_tags(db: &Connection, (num, row): (i64, PartyRow)) -> Result<PartyRow> {
    Ok(PartyRow { tags: tags(db, num, NOBODY)?, ..row })
}

/// See [`crate::store::Store::put_agent`].
pub(super) fn put_agent(db: &Connection, scope: &Scope, row: &AgentRow) -> Result<bool> {
    let Some(party) = living(db, market(db, scope)?, &row.party)? else { return Ok(false) };
    let (login, verifier) = row.login.as_ref().map(|(login, verifier)| (login, verifier)).unzip();
    db.prepare_cached(
        "INSERT INTO agent (party, id, profile, login, verifier, changed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (party, id) DO UPDATE SET profile = excluded.profile, login = excluded.login,
             verifier = excluded.verifier, changed = excluded.changed",
    )?
    .execute(params![party, row.id, row.profile, login, verifier, row.changed])?;
    put_tags(db, party, row.id.as_str(), &row.tags)?;
    Ok(true)
}

/// See [`crate::store::Store::agent`].
pub(super) fn agent(db: &Connection, scope: &Scope, party: &PartyId, id: &AgentId) -> Result<Option<AgentRow>> {
    let row = db
        .prepare_cached(
            "SELECT a.party, p.id, a.id, a.profile, a.login, a.verifier, a.changed FROM agent a
             JOIN party p ON p.num = a.party WHERE p.marketplace = ?1 AND p.id = ?2 AND a.id = ?3",
        )?
        .query_row(params![market(db, scope)?, party, id], read_agent)
        .optional()?;
    row.map(|row| with_agent_tags(db, row)).transpose()
}

/// See [`crate::store::Store::put_certificates`].
pub(super) fn put_certificates(
    db: &Connection,
    scope: &Scope,
    party: &PartyId,
    agent: &AgentId,
    fingerprints: &[[u8; 32]],
) -> Result<bool> {
    let market = market(db, scope)?;
    let Some(party) = living(db, market, party)? else { return Ok(false) };
    if !db.prepare_cached("SELECT 1 FROM agent WHERE party = ?1 AND id = ?2")?.exists(params![party, agent])? {
        return Ok(false);
    }
    let mut another = db.prepare_cached(
        "SELECT 1 FROM agent_certificate WHERE marketplace = ?1 AND fingerprint = ?2 AND NOT (party = ?3 AND agent = ?4)",
    )?;
    for fingerprint in fingerprints {
        if another.exists(params![market, fingerprint, party, agent])? {
            return Ok(false);
        }
    }
    db.prepare_cached("DELETE FROM agent_certificate WHERE party = ?1 AND agent = ?2")?
        .execute(params![party, agent])?;
    let mut put = db.prepare_cached(
        "INSERT OR IGNORE INTO agent_certificate (marketplace, fingerprint, party, agent) VALUES (?1, ?2, ?3, ?4)",
    )?;
    fingerprints
        .iter()
        .try_for_each(|fingerprint| put.execute(params![market, fingerprint, party, agent]).map(drop))?;
    Ok(true)
}

/// See [`crate::store::Store::agent_by_certificate`].
pub(super) fn agent_by_certificate(
    db: &Connection,
    scope: &Scope,
    fingerprint: &[u8; 32],
) -> Result<Option<(PartyId, AgentId)>> {
    db.prepare_cached(
        "SELECT p.id, a.agent FROM agent_certificate a JOIN party p ON p.num = a.party
         WHERE a.marketplace = ?1 AND a.fingerprint = ?2",
    )?
    .query_row(params![market(db, scope)?, fingerprint], |row| Ok((row.get(0)?, row.get(1)?)))
    .optional()
}

/// See [`crate::store::Store::agent_by_login`].
pub(super) fn agent_by_login(db: &Connection, login: &str) -> Result<Option<(Scope, AgentRow)>> {
    let found = db
        .prepare_cached(
            "SELECT a.party, p.id, a.id, a.profile, a.login, a.verifier, a.changed, m.name FROM agent a
             JOIN party p ON p.num = a.party JOIN marketplace m ON m.num = p.marketplace WHERE a.login = ?1",
        )?
        .query_row([login], |row| Ok((Scope::proven(row.get(7)?), read_agent(row)?)))
        .optional()?;
    found.map(|(scope, row)| Ok((scope, with_agent_tags(db, row)?))).transpose()
}

/// See [`crate::store::Persons::agents`].
pub(super) fn agents(db: &Connection, scope: &Scope, party: &PartyId) -> Result<Vec<AgentRow>> {
    db.prepare_cached(
        "SELECT a.party, p.id, a.id, a.profile, a.login, a.verifier, a.changed FROM agent a
         JOIN party p ON p.num = a.party WHERE p.marketplace = ?1 AND p.id = ?2 ORDER BY a.id",
    )?
    .query_map(params![market(db, scope)?, party], |row| Ok(read_agent(row)?.1))?
    .collect()
}

fn read_agent(row: &Row<'_>) -> Result<(i64, AgentRow)> {
    let login: Option<String> = row.get(4)?;
    let verifier: Option<Vec<u8>> = row.get(5)?;
    let agent = AgentRow {
        party: row.get(1)?,
        id: row.get(2)?,
        profile: row.get(3)?,
        tags: Vec::new(),
        login: login.zip(verifier),
        changed: row.get(6)?,
    };
    Ok((row.get(0)?, agent))
}

fn with_agent_tags(db: &Connection, (party, row): (i64, AgentRow)) -> Result<AgentRow> {
    Ok(AgentRow { tags: tags(db, party, row.id.as_str())?, ..row })
}

/// See [`crate::store::Store::speaks`].
pub(super) fn speaks(
    db: &Connection,
    scope: &Scope,
    conversation: &ConversationId,
    side: Side,
    tags: &[IndexTag],
) -> Result<Option<Option<AgentId>>> {
    let mut query = db.prepare_cached(
        "SELECT t.agent FROM marketplace m
         JOIN conversation c ON c.marketplace = m.num
         JOIN tag t ON t.party = iif(?3 = 'buyer', c.buyer, c.seller)
         WHERE m.name = ?1 AND c.id = ?2 AND t.ring_key = ?4 AND t.tag = ?5 ORDER BY t.agent LIMIT 1",
    )?;
    for tag in tags {
        let mut rows = query.query(params![scope.marketplace(), conversation, side, tag.by, tag.tag])?;
        if let Some(row) = rows.next()? {
            // The empty name, the party itself, sorts first.
            let is_party = row.get_ref(0)?.as_str()? == NOBODY;
            return Ok(Some(if is_party { None } else { Some(row.get(0)?) }));
        }
    }
    Ok(None)
}

/// See [`crate::store::Store::parties_to_reindex`].
pub(super) fn to_reindex(db: &Connection, ring_key: u32, limit: usize) -> Result<Vec<(Scope, PartyRow)>> {
    let rows: Vec<(Scope, (i64, PartyRow))> = db
        .prepare_cached(
            "SELECT p.num, p.id, p.budget_group, k.ring_key, k.sealed, p.profile, p.changed, m.name
             FROM party p
             JOIN marketplace m ON m.num = p.marketplace
             JOIN data_key k ON k.kind = 'party' AND k.owner = p.num
             WHERE p.profile IS NOT NULL AND p.num IN (
                 SELECT party FROM tag WHERE (ring_key < ?1 OR ring_key > ?1) AND agent = '')
             LIMIT ?2",
        )?
        .query_map(params![ring_key, at_most(limit)], |row| Ok((Scope::proven(row.get(7)?), read(row)?)))?
        .collect::<Result<_>>()?;
    rows.into_iter().map(|(scope, row)| Ok((scope, with_tags(db, row)?))).collect()
}

/// See [`crate::store::Store::agents_to_reindex`].
pub(super) fn agents_to_reindex(db: &Connection, ring_key: u32, limit: usize) -> Result<Vec<(Scope, AgentRow)>> {
    let rows: Vec<(Scope, (i64, AgentRow))> = db
        .prepare_cached(
            "SELECT a.party, p.id, a.id, a.profile, a.login, a.verifier, a.changed, m.name FROM agent a
             JOIN party p ON p.num = a.party
             JOIN marketplace m ON m.num = p.marketplace
             WHERE EXISTS (SELECT 1 FROM tag t WHERE t.party = a.party AND t.agent = a.id
                           AND (t.ring_key < ?1 OR t.ring_key > ?1))
             LIMIT ?2",
        )?
        .query_map(params![ring_key, at_most(limit)], |row| Ok((Scope::proven(row.get(7)?), read_agent(row)?)))?
        .collect::<Result<_>>()?;
    rows.into_iter().map(|(scope, row)| Ok((scope, with_agent_tags(db, row)?))).collect()
}

/// See [`crate::store::Store::forget_party`].
pub(super) fn forget(db: &Connection, scope: &Scope, id: &PartyId, at: Timestamp) -> Result<Option<Forgotten>> {
    let Some(party) = living(db, market(db, scope)?, id)? else { return Ok(None) };
    if persons::is_held(db, party, at)? {
        persons::wait(db, scope, party, id, at)?;
        return Ok(Some(Forgotten { waits: true, ..Forgotten::default() }));
    }
    let mut forgotten = Forgotten::default();
    for (conversation, side) in sides(db, party)? {
        forget_side(db, conversation, side, at, &mut forgotten)?;
    }
    shred::party(db, party)?;
    reports::forget(db, party)?;
    forgotten.reports_unclaimed = shred::unclaimed(db, market(db, scope)?)?;
    keys::shred(db, keys::PARTY, party)?;
    db.prepare_cached("DELETE FROM tag WHERE party = ?1")?.execute([party])?;
    db.prepare_cached("DELETE FROM agent WHERE party = ?1")?.execute([party])?;
    db.prepare_cached("DELETE FROM agent_certificate WHERE party = ?1")?.execute([party])?;
    persons::forget(db, party)?;
    db.prepare_cached("UPDATE token SET revoked = coalesce(revoked, ?3) WHERE party = ?1 AND marketplace = ?2")?
        .execute(params![id, market(db, scope)?, at])?;
    db.prepare_cached("UPDATE party SET profile = NULL, changed = ?2 WHERE num = ?1")?.execute(params![party, at])?;
    Ok(Some(forgotten))
}

fn sides(db: &Connection, party: i64) -> Result<Vec<(i64, Side)>> {
    db.prepare_cached(
        "SELECT num, 'buyer' FROM conversation WHERE buyer = ?1
         UNION ALL SELECT num, 'seller' FROM conversation WHERE seller = ?1",
    )?
    .query_map([party], |row| Ok((row.get(0)?, row.get(1)?)))?
    .collect()
}

fn forget_side(db: &Connection, conversation: i64, side: Side, at: Timestamp, forgotten: &mut Forgotten) -> Result<()> {
    forgotten.conversations += 1;
    forgotten.deliveries_ended += end_deliveries(db, lane(conversation, side), at)?;
    // What the person wrote and is still on its way could not be opened any more.
    end_deliveries(db, lane(conversation, side.other()), at)?;
    end_held(db, conversation, side, at)?;
    keys::shred(db, side.word(), conversation)?;
    shred::side(db, conversation, side)?;
    forgotten.messages += forget_files(db, conversation, side)?;
    for table in
        ["thread WHERE conversation = ?1 AND from_side = ?2", "detection_window WHERE conversation = ?1 AND side = ?2"]
    {
        db.prepare_cached(&format!("DELETE FROM {table}"))?.execute(params![conversation, side])?;
    }
    forgotten.handles += count(
        db.prepare_cached("UPDATE handle SET shut = ?3 WHERE conversation = ?1 AND stands_for = ?2 AND shut IS NULL")?
            .execute(params![conversation, side, at])?,
    );
    let facts = format!("side={}", side.word());
    let entry = NewEntry { at, kind: EntryKind::Erased, by: None, message: None, facts, private: None };
    evidence::add(db, conversation, &entry)?;
    forgotten.entries_kept += evidence::forget(db, conversation, side)?;
    Ok(())
}

fn end_deliveries(db: &Connection, lane: i64, at: Timestamp) -> Result<u64> {
    let open: Vec<(i64, EventId, i64)> = db
        .prepare_cached("SELECT num, id, message FROM delivery WHERE lane = ?1 ORDER BY seq, num")?
        .query_map([lane], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_>>()?;
    for (num, id, message) in &open {
        deliveries::close(db, *num, Some(lane), DeliveryState::Failed, at)?;
        Message::numbered(db, *message)?.conclude(db, format!("delivery={id} erased=true"), at, at)?;
    }
    Ok(count(open.len()))
}

/// Ends what waits for a person; what was escalated waits on, sealed under another key.
fn end_held(db: &Connection, conversation: i64, author: Side, at: Timestamp) -> Result<()> {
    let held: Vec<i64> = db
        .prepare_cached(
            "SELECT num FROM message WHERE conversation = ?1 AND state = 'held' AND reason IS NOT 'escalated'",
        )?
        .query_map([conversation], |row| row.get(0))?
        .collect::<Result<_>>()?;
    for num in held {
        let message = Message::numbered(db, num)?;
        if message.from == author {
            super::barriers::close_held(db, num, at)?;
            message.end(db, crate::model::MessageState::Failed, "erased=true".to_owned(), at, at)?;
        }
    }
    Ok(())
}

fn forget_files(db: &Connection, conversation: i64, side: Side) -> Result<u64> {
    db.prepare_cached(
        "DELETE FROM message_file
         WHERE message IN (SELECT num FROM message WHERE conversation = ?1 AND from_side = ?2)",
    )?
    .execute(params![conversation, side])?;
    db.prepare_cached("SELECT count(*) FROM message WHERE conversation = ?1 AND from_side = ?2")?
        .query_row(params![conversation, side], |row| row.get(0))
        .map(super::columns::unsigned)
}

fn count(n: usize) -> u64 {
    n.try_into().unwrap_or(u64::MAX)
}

/// The agent of what belongs to the party itself.
const NOBODY: &str = "";
