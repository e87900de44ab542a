//! Holds, erasures that wait, restrictions, and who read whose data.

use std::sync::PoisonError;

use rusqlite::{Connection, OptionalExtension, Result, Row, params, params_from_iter, types::Value};

use super::{
    Sqlite, anchors,
    columns::{at_most, signed, unsigned},
    evidence, glass,
    pair::market,
    parties, retire, traces,
    writer::Patience::{Late, Soon, Urgent},
};
use crate::{
    model::{ConversationId, EntryKind, EventId, PartyId, Scope, Timestamp},
    store::{
        AccessFilter, AccessRow, AgentRow, AnchorRow, Answer, Approval, GlassRow, HeadRow, HoldRow, NewEntry, Notice,
        Periods, Persons, ReportRow, Retired, Traces,
    },
};

impl Persons for Sqlite {
    fn heads<'a>(&'a self, scope: &'a Scope) -> Answer<'a, Vec<HeadRow>> {
        let scope = scope.clone();
        self.list("reading the heads of all chains", move |db| anchors::heads(db, &scope))
    }

    fn add_anchor<'a>(&'a self, scope: &'a Scope, row: AnchorRow, heads: Vec<HeadRow>) -> Answer<'a, bool> {
        let scope = scope.clone();
        self.write("keeping an anchor", Soon, move |db| anchors::add(db, &scope, &row, &heads))
    }

    fn anchors<'a>(&'a self, scope: &'a Scope, limit: usize, also: Option<u64>) -> Answer<'a, Vec<AnchorRow>> {
        self.look("listing anchors", move |db| anchors::newest(db, scope, limit, also))
    }

    fn anchored<'a>(&'a self, scope: &'a Scope, number: u64) -> Answer<'a, Vec<HeadRow>> {
        let scope = scope.clone();
        self.list("reading an anchor", move |db| anchors::anchored(db, &scope, number))
    }

    fn ask<'a>(&'a self, scope: &'a Scope, row: GlassRow, entry: NewEntry) -> Answer<'a, bool> {
        let scope = scope.clone();
        self.write("asking for a contact", Urgent, move |db| glass::ask(db, &scope, &row, &entry))
    }

    fn glass<'a>(&'a self, scope: &'a Scope, id: EventId) -> Answer<'a, Option<GlassRow>> {
        self.look("finding a request for a contact", move |db| glass::find(db, scope, id))
    }

    fn glasses<'a>(&'a self, scope: &'a Scope, party: &'a PartyId, limit: usize) -> Answer<'a, Vec<GlassRow>> {
        self.look("listing requests for a contact", move |db| glass::of_party(db, scope, party, limit))
    }

    fn approve<'a>(&'a self, scope: &'a Scope, approval: Approval) -> Answer<'a, bool> {
        let scope = scope.clone();
        self.write("approving a disclosure", Urgent, move |db| glass::approve(db, &scope, &approval))
    }

    fn notices_due(&self, now: Timestamp, limit: usize) -> Answer<'_, Vec<(Scope, GlassRow)>> {
        self.look("finding whom to tell of a disclosure", move |db| glass::notices_due(db, now, limit))
    }

    fn noticed<'a>(&'a self, scope: &'a Scope, id: EventId, notice: Notice) -> Answer<'a, ()> {
        let scope = scope.clone();
        self.write("noting who was told", Soon, move |db| glass::noticed(db, &scope, id, &notice))
    }

    fn hold<'a>(&'a self, scope: &'a Scope, row: HoldRow, entry: NewEntry) -> Answer<'a, bool> {
        let scope = scope.clone();
        self.write("placing a hold", Urgent, move |db| hold(db, &scope, &row, &entry))
    }

    fn release<'a>(
        &'a self,
        scope: &'a Scope,
        party: &'a PartyId,
        reference: &'a str,
        entry: NewEntry,
    ) -> Answer<'a, bool> {
        let (scope, party, reference) = (scope.clone(), party.clone(), reference.to_owned());
        self.write("releasing a hold", Urgent, move |db| release(db, &scope, &party, &reference, &entry))
    }

    fn holds<'a>(&'a self, scope: &'a Scope, party: &'a PartyId) -> Answer<'a, Vec<HoldRow>> {
        self.look("listing holds", move |db| holds(db, scope, party))
    }

    fn erasures_due(&self, now: Timestamp, limit: usize) -> Answer<'_, Vec<(Scope, PartyId)>> {
        self.look("finding erasures that waited", move |db| erasures_due(db, now, limit))
    }

    fn confine<'a>(
        &'a self,
        scope: &'a Scope,
        party: &'a PartyId,
        since: Option<Timestamp>,
        entry: NewEntry,
    ) -> Answer<'a, Option<bool>> {
        let (scope, party) = (scope.clone(), party.clone());
        self.write("restricting a party", Urgent, move |db| restrict(db, &scope, &party, since, &entry))
    }

    fn restriction<'a>(&'a self, scope: &'a Scope, party: &'a PartyId) -> Answer<'a, Option<Timestamp>> {
        self.look("finding a restriction", move |db| restriction(db, scope, party))
    }

    fn saw<'a>(&'a self, scope: &'a Scope, rows: Vec<AccessRow>) -> Answer<'a, ()> {
        let scope = scope.clone();
        self.write("noting who read what", Soon, move |db| saw(db, &scope, &rows))
    }

    fn accesses<'a>(&'a self, scope: &'a Scope, filter: AccessFilter) -> Answer<'a, Vec<AccessRow>> {
        let scope = scope.clone();
        self.list("listing who read what", move |db| accesses(db, &scope, &filter))
    }

    fn parties_under<'a>(&'a self, scope: &'a Scope, ring_key: u32) -> Answer<'a, Vec<PartyId>> {
        let scope = scope.clone();
        self.list("listing parties under a key", move |db| parties_under(db, &scope, ring_key))
    }

    fn traces<'a>(&'a self, scope: &'a Scope, conversation: &'a ConversationId) -> Answer<'a, Traces> {
        let (scope, conversation) = (scope.clone(), conversation.clone());
        self.list("reading what is kept of a conversation", move |db| traces::of(db, &scope, &conversation))
    }

    fn agents<'a>(&'a self, scope: &'a Scope, party: &'a PartyId) -> Answer<'a, Vec<AgentRow>> {
        self.look("listing agents", move |db| parties::agents(db, scope, party))
    }

    fn reports_apart<'a>(&'a self, scope: &'a Scope, party: &'a PartyId) -> Answer<'a, Vec<ReportRow>> {
        let (scope, party) = (scope.clone(), party.clone());
        self.list("listing reports of no conversation", move |db| traces::apart(db, &scope, &party))
    }

    fn retire<'a>(&'a self, scope: &'a Scope, now: Timestamp, periods: Periods) -> Answer<'a, Retired> {
        const DOING: &str = "forgetting what is too old";
        let scope = scope.clone();
        Box::pin(async move {
            let (read_scope, after) = (scope.clone(), self.retired(&scope));
            let (old, next) = self.list(DOING, move |db| retire::old(db, &read_scope, now, &periods, after)).await?;
            self.retired_to(&scope, next);
            if old.is_empty() {
                return Ok(Retired::default());
            }
            let retired = self.write(DOING, Late, move |db| retire::forget(db, &scope, now, &old)).await?;
            if retired.is_some() {
                // What was forgotten must not lie on in the log.
                self.writer.truncate_log().await?;
            }
            Ok(retired)
        })
    }

    fn note<'a>(&'a self, scope: &'a Scope, entry: NewEntry) -> Answer<'a, ()> {
        let scope = scope.clone();
        self.write("writing to the journal", Urgent, move |db| evidence::journal(db, &scope, &entry))
    }
}

impl Sqlite {
    /// Behind which entry the next piece begins.
    fn retired(&self, scope: &Scope) -> i64 {
        let places = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        places.get(scope.marketplace()).copied().unwrap_or(0)
    }

    fn retired_to(&self, scope: &Scope, place: i64) {
        let mut places = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        places.insert(scope.marketplace().clone(), place);
    }
}

fn hold(db: &Connection, scope: &Scope, row: &HoldRow, entry: &NewEntry) -> Result<bool> {
    let Some(party) = parties::living(db, market(db, scope)?, &row.party)? else { return Ok(false) };
    db.prepare_cached(
        "INSERT INTO hold (party, reference, placed, until) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (party, reference) DO UPDATE SET until = excluded.until",
    )?
    .execute(params![party, row.reference, row.placed, row.until])?;
    evidence::journal(db, scope, entry)?;
    Ok(true)
}

fn release(db: &Connection, scope: &Scope, party: &PartyId, reference: &str, entry: &NewEntry) -> Result<bool> {
    let Some(party) = parties::number(db, market(db, scope)?, party)? else { return Ok(false) };
    let gone = db
        .prepare_cached("DELETE FROM hold WHERE party = ?1 AND reference = ?2")?
        .execute(params![party, reference])?;
    if gone == 1 {
        evidence::journal(db, scope, entry)?;
    }
    Ok(gone == 1)
}

fn holds(db: &Connection, scope: &Scope, party: &PartyId) -> Result<Vec<HoldRow>> {
    db.prepare_cached(
        "SELECT p.id, h.reference, h.placed, h.until FROM party p JOIN hold h ON h.party = p.num
         WHERE p.marketplace = ?1 AND p.id = ?2 ORDER BY h.placed, h.reference",
    )?
    .query_map(params![market(db, scope)?, party], |row| {
        Ok(HoldRow { party: row.get(0)?, reference: row.get(1)?, placed: row.get(2)?, until: row.get(3)? })
    })?
    .collect()
}

/// Whether nothing of a party may be erased now.
pub(super) fn is_held(db: &Connection, party: i64, now: Timestamp) -> Result<bool> {
    db.prepare_cached("SELECT 1 FROM held WHERE party = ?1 AND (until IS NULL OR until > ?2)")?
        .exists(params![party, now])
}

/// Remembers an erasure until the holds end.
pub(super) fn wait(db: &Connection, scope: &Scope, party: i64, id: &PartyId, at: Timestamp) -> Result<()> {
    let new = db
        .prepare_cached("INSERT OR IGNORE INTO erasure (party, asked) VALUES (?1, ?2)")?
        .execute(params![party, at])?;
    if new == 0 {
        return Ok(());
    }
    let facts = format!("party={id}");
    let entry = NewEntry { at, kind: EntryKind::ErasureWaits, by: None, message: None, facts, private: None };
    evidence::journal(db, scope, &entry)
}

/// What an erasure leaves nothing of here. Who saw the person stays: it names no contact.
pub(super) fn forget(db: &Connection, party: i64) -> Result<()> {
    for table in ["erasure", "confinement", "hold"] {
        db.prepare_cached(&format!("DELETE FROM {table} WHERE party = ?1"))?.execute([party])?;
    }
    // Nobody is left to be told, and what was open is shut.
    db.prepare_cached("UPDATE glass SET notice_due = NULL, sealed = NULL, until = min(until, asked) WHERE party = ?1")?
        .execute([party])
        .map(drop)
}

fn erasures_due(db: &Connection, now: Timestamp, limit: usize) -> Result<Vec<(Scope, PartyId)>> {
    db.prepare_cached(
        "SELECT m.name, p.id FROM erasure e JOIN party p ON p.num = e.party JOIN marketplace m ON m.num = p.marketplace
         WHERE NOT EXISTS (SELECT 1 FROM held h WHERE h.party = e.party AND (h.until IS NULL OR h.until > ?1)) LIMIT ?2",
    )?
    .query_map(params![now, at_most(limit)], |row| Ok((Scope::proven(row.get(0)?), row.get(1)?)))?
    .collect()
}

fn restrict(
    db: &Connection,
    scope: &Scope,
    party: &PartyId,
    since: Option<Timestamp>,
    entry: &NewEntry,
) -> Result<Option<bool>> {
    let Some(num) = parties::living(db, market(db, scope)?, party)? else { return Ok(None) };
    let changed = match since {
        Some(since) => db
            .prepare_cached("INSERT OR IGNORE INTO confinement (party, since) VALUES (?1, ?2)")?
            .execute(params![num, since])?,
        None => db.prepare_cached("DELETE FROM confinement WHERE party = ?1")?.execute([num])?,
    };
    if changed == 1 {
        evidence::journal(db, scope, entry)?;
    }
    Ok(Some(changed == 1))
}

fn restriction(db: &Connection, scope: &Scope, party: &PartyId) -> Result<Option<Timestamp>> {
    db.prepare_cached(
        "SELECT r.since FROM party p JOIN confinement r ON r.party = p.num WHERE p.marketplace = ?1 AND p.id = ?2",
    )?
    .query_row(params![market(db, scope)?, party], |row| row.get(0))
    .optional()
}

fn saw(db: &Connection, scope: &Scope, rows: &[AccessRow]) -> Result<()> {
    let market = market(db, scope)?;
    for row in rows {
        let Some(party) = parties::number(db, market, &row.party)? else { continue };
        db.prepare_cached(
            "INSERT INTO access (party, token, hour, what, count) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (party, token, hour, what) DO UPDATE SET count = count + excluded.count",
        )?
        .execute(params![party, row.token, row.hour, row.what, signed(row.count)])?;
    }
    Ok(())
}

fn accesses(db: &Connection, scope: &Scope, filter: &AccessFilter) -> Result<Vec<AccessRow>> {
    let mut sql = String::from(
        "SELECT p.id, a.token, a.hour, a.what, a.count FROM access a JOIN party p ON p.num = a.party
         WHERE p.marketplace = ?",
    );
    let mut values = vec![Value::Integer(market(db, scope)?)];
    let mut narrow = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            sql.push_str(condition);
            values.push(value);
        }
    };
    narrow(" AND p.id = ?", filter.party.as_ref().map(|party| Value::Text(party.to_string())));
    narrow(" AND a.token = ?", filter.token.map(|token| Value::Blob(token.0.to_vec())));
    narrow(" AND a.hour >= ?", filter.since.map(|at| Value::Integer(at.0.div_euclid(HOUR))));
    narrow(" AND a.hour <= ?", filter.until.map(|at| Value::Integer(at.0.div_euclid(HOUR))));
    sql.push_str(" ORDER BY a.hour, p.id, a.token, a.what");
    db.prepare_cached(&sql)?.query_map(params_from_iter(values), read_access)?.collect()
}

fn read_access(row: &Row<'_>) -> Result<AccessRow> {
    let token: EventId = row.get(1)?;
    Ok(AccessRow { party: row.get(0)?, token, hour: row.get(2)?, what: row.get(3)?, count: unsigned(row.get(4)?) })
}

fn parties_under(db: &Connection, scope: &Scope, ring_key: u32) -> Result<Vec<PartyId>> {
    db.prepare_cached(
        "SELECT DISTINCT p.id FROM party p
         WHERE p.marketplace = ?1 AND (
             EXISTS (SELECT 1 FROM data_key k WHERE k.kind = 'party' AND k.owner = p.num AND k.ring_key = ?2)
             OR EXISTS (SELECT 1 FROM tag t WHERE t.party = p.num AND t.ring_key = ?2)
             OR EXISTS (SELECT 1 FROM conversation c JOIN data_key k ON k.owner = c.num AND k.kind IN ('buyer', 'seller')
                        WHERE p.num IN (c.buyer, c.seller) AND k.ring_key = ?2))
         ORDER BY p.id",
    )?
    .query_map(params![market(db, scope)?, ring_key], |row| row.get(0))?
    .collect()
}

const HOUR: i64 = 3_600_000;
