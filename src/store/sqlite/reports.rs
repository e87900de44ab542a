//! Reports from outside, and the map of what leaked.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{
    columns::{at_most, unsigned},
    disputes::{self, keep_papers},
    evidence::{self, Chain},
    handles, letters, messages,
    pair::market,
};
use crate::{
    model::{EventId, HandleHash, PartyId, ReportState, Scope, Timestamp},
    store::{Bound, Confirmation, HandleKind, IndexTag, LeakRow, NewCase, NewReport, ReportRow},
};

/// See [`crate::store::Cases::put_report`].
pub(super) fn put(db: &Connection, scope: &Scope, report: &NewReport) -> Result<bool> {
    let known = report.conversation.as_ref().map(|id| evidence::conversation(db, scope, id)).transpose()?;
    if known == Some(None) {
        return Ok(false);
    }
    if let Some(answer) = &report.answer
        && !messages::keep_answer(db, scope, answer)?
    {
        return Ok(false);
    }
    let (conversation, entry) = match known.flatten() {
        Some(num) => {
            let mut chain = Chain::load(db, num)?;
            let entry = chain.entries;
            chain.add(db, &report.entry)?;
            chain.save(db)?;
            (Some(num), Some(entry))
        }
        None => {
            evidence::journal(db, scope, &report.entry)?;
            (None, None)
        }
    };
    db.prepare_cached(
        "INSERT INTO report (id, marketplace, conversation, by_side, category, state, at, entry, sealed, reporter)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
             (SELECT num FROM party WHERE marketplace = ?2 AND id = ?10 AND profile IS NOT NULL))",
    )?
    .execute(params![
        report.id,
        market(db, scope)?,
        conversation,
        report.by,
        report.category,
        report.state,
        report.at,
        entry.map(super::columns::signed),
        report.apart,
        report.reporter,
    ])?;
    let num = db.last_insert_rowid();
    for (handle, met) in &report.leaks {
        db.prepare_cached("INSERT OR IGNORE INTO report_leak (report, handle, met) VALUES (?1, ?2, ?3)")?
            .execute(params![num, handle, met])?;
    }
    keep_papers(db, report.id, &report.papers)?;
    raise(db, scope, report.alarm.as_ref())?;
    report.receipt.as_ref().map_or(Ok(true), |receipt| letters::put(db, scope, receipt))
}

/// Opens the urgent case of a report together with it: after a crash there are both or neither.
fn raise(db: &Connection, scope: &Scope, alarm: Option<&NewCase>) -> Result<()> {
    alarm.map_or(Ok(()), |case| disputes::put(db, scope, case).map(drop))
}

/// See [`crate::store::Cases::enrolled`].
pub(super) fn enrolled(db: &Connection, scope: &Scope, tags: &[IndexTag]) -> Result<Vec<PartyId>> {
    let mut query = db.prepare_cached(
        "SELECT p.id FROM tag t JOIN party p ON p.num = t.party
         WHERE t.tag = ?3 AND t.ring_key = ?2 AND t.agent = '' AND p.marketplace = ?1 ORDER BY p.num LIMIT 50",
    )?;
    let market = market(db, scope)?;
    let mut parties: Vec<PartyId> = Vec::new();
    for tag in tags {
        for party in query.query_map(params![market, tag.by, tag.tag], |row| row.get(0))? {
            let party = party?;
            if !parties.contains(&party) {
                parties.push(party);
            }
        }
    }
    Ok(parties)
}

/// Forgets what somebody reported by mail and nobody bound to a conversation yet.
pub(super) fn forget(db: &Connection, party: i64) -> Result<()> {
    db.prepare_cached(
        "DELETE FROM paper WHERE owner IN (SELECT id FROM report WHERE reporter = ?1 AND conversation IS NULL)",
    )?
    .execute([party])?;
    db.prepare_cached(
        "UPDATE report SET reporter = NULL, sealed = iif(conversation IS NULL, NULL, sealed) WHERE reporter = ?1",
    )?
    .execute([party])
    .map(drop)
}

/// See [`crate::store::Cases::report`].
pub(super) fn find(db: &Connection, scope: &Scope, id: EventId) -> Result<Option<ReportRow>> {
    let found = db
        .prepare_cached(&format!("{READ} WHERE r.marketplace = ?1 AND r.id = ?2"))?
        .query_row(params![market(db, scope)?, id], read)
        .optional()?;
    found.map(|(num, row)| with_leaks(db, num, row)).transpose()
}

/// See [`crate::store::Cases::reports`].
pub(super) fn list(db: &Connection, scope: &Scope, after: Option<EventId>, limit: usize) -> Result<Vec<ReportRow>> {
    let condition = "r.marketplace = ?1 AND r.num > coalesce((SELECT num FROM report WHERE id = ?2), 0)
        ORDER BY r.num LIMIT ?3";
    where_is(db, condition, params![market(db, scope)?, after, at_most(limit)])
}

/// Reports bound to a conversation, oldest first.
pub(super) fn of(db: &Connection, conversation: i64) -> Result<Vec<ReportRow>> {
    where_is(db, "r.conversation = ?1 ORDER BY r.num", [conversation])
}

pub(super) fn where_is(db: &Connection, condition: &str, values: impl rusqlite::Params) -> Result<Vec<ReportRow>> {
    let found: Vec<(i64, ReportRow)> =
        db.prepare_cached(&format!("{READ} WHERE {condition}"))?.query_map(values, read)?.collect::<Result<_>>()?;
    found.into_iter().map(|(num, row)| with_leaks(db, num, row)).collect()
}

fn read(row: &Row<'_>) -> Result<(i64, ReportRow)> {
    let apart: Option<Vec<u8>> = row.get(7)?;
    let bound: Option<Vec<u8>> = row.get(8)?;
    let report = ReportRow {
        id: row.get(1)?,
        conversation: row.get(2)?,
        by: row.get(3)?,
        category: row.get(4)?,
        state: row.get(5)?,
        at: row.get(6)?,
        reporter: row.get(9)?,
        leaks: Vec::new(),
        sealed: apart.or(bound).unwrap_or_default(),
    };
    Ok((row.get(0)?, report))
}

fn with_leaks(db: &Connection, num: i64, mut report: ReportRow) -> Result<ReportRow> {
    let met: Vec<(HandleHash, String)> = db
        .prepare_cached("SELECT handle, met FROM report_leak WHERE report = ?1")?
        .query_map([num], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_>>()?;
    for (hash, met) in met {
        report.leaks.extend(leak(db, hash)?.map(|leak| (leak, met)));
    }
    Ok(report)
}

/// What is known of a handle outside.
fn leak(db: &Connection, hash: HandleHash) -> Result<Option<LeakRow>> {
    // What the buyer gave to somebody else accuses nobody here.
    let found = handles::find(db, hash)?.filter(|(_, handle)| handle.kind != HandleKind::Registration);
    let Some((_, handle)) = found else { return Ok(None) };
    let (hits, span) = hits(db, hash)?;
    Ok(Some(LeakRow { handle, hits, span, reports: reports_of(db, hash)? }))
}

/// See [`crate::store::Cases::confirm_report`].
pub(super) fn confirm(db: &Connection, scope: &Scope, confirmation: &Confirmation) -> Result<Bound> {
    let Some(conversation) = evidence::conversation(db, scope, &confirmation.conversation)? else {
        return Ok(Bound::NotThere);
    };
    let num: Option<i64> = db
        .prepare_cached("SELECT num FROM report WHERE marketplace = ?1 AND id = ?2 AND state = ?3")?
        .query_row(params![market(db, scope)?, confirmation.id, ReportState::Unconfirmed], |row| row.get(0))
        .optional()?;
    let Some(num) = num else { return Ok(Bound::NotThere) };
    if let Some(alarm) = &confirmation.alarm
        && disputes::is_there(db, scope, &alarm.id)?
    {
        return Ok(Bound::NameTaken);
    }
    let mut chain = Chain::load(db, conversation)?;
    let entry = chain.entries;
    chain.add(db, &confirmation.entry)?;
    chain.save(db)?;
    db.prepare_cached("UPDATE report SET conversation = ?2, entry = ?3, state = ?4, sealed = NULL WHERE num = ?1")?
        .execute(params![num, conversation, super::columns::signed(entry), ReportState::Confirmed])?;
    keep_papers(db, confirmation.id, &confirmation.papers)?;
    raise(db, scope, confirmation.alarm.as_ref())?;
    Ok(Bound::Done)
}

/// See [`crate::store::Cases::leaks`]: handles that were shown to this party alone, and are known to
/// strangers.
pub(super) fn leaks(db: &Connection, scope: &Scope, party: &PartyId) -> Result<Vec<LeakRow>> {
    let shown: Vec<HandleHash> = db
        .prepare_cached(
            "SELECT h.hash FROM party p
             JOIN conversation c ON c.seller = p.num OR c.buyer = p.num
             JOIN handle h ON h.conversation = c.num AND h.kind <> 'registration'
                 AND h.stands_for = iif(c.seller = p.num, 'buyer', 'seller')
             WHERE p.marketplace = ?1 AND p.id = ?2 AND (
                 EXISTS (SELECT 1 FROM tripwire t WHERE t.handle = h.hash AND t.cause LIKE 'cause=foreign %')
                 OR EXISTS (SELECT 1 FROM report_leak l JOIN report r ON r.num = l.report
                     WHERE l.handle = h.hash AND r.state = 'confirmed'))
             ORDER BY h.created LIMIT 500",
        )?
        .query_map(params![market(db, scope)?, party], |row| row.get(0))?
        .collect::<Result<_>>()?;
    let mut all = Vec::with_capacity(shown.len());
    for hash in shown {
        all.extend(leak(db, hash)?);
    }
    Ok(all)
}

fn hits(db: &Connection, hash: HandleHash) -> Result<(u64, Option<(Timestamp, Timestamp)>)> {
    db.prepare_cached(
        "SELECT coalesce(sum(count), 0), min(hour), max(hour) FROM tripwire
         WHERE handle = ?1 AND cause LIKE 'cause=foreign %'",
    )?
    .query_row([hash], |row| {
        let (first, last): (Option<i64>, Option<i64>) = (row.get(1)?, row.get(2)?);
        let span = first.zip(last).map(|(first, last)| (Timestamp(first * HOUR), Timestamp(last * HOUR)));
        Ok((unsigned(row.get(0)?), span))
    })
}

fn reports_of(db: &Connection, hash: HandleHash) -> Result<Vec<EventId>> {
    db.prepare_cached(
        "SELECT DISTINCT r.id FROM report_leak l JOIN report r ON r.num = l.report
         WHERE l.handle = ?1 AND r.state = 'confirmed' ORDER BY r.num",
    )?
    .query_map([hash], |row| row.get(0))?
    .collect()
}

const READ: &str = "SELECT r.num, r.id, c.id, r.by_side, r.category, r.state, r.at, r.sealed, e.sealed,
         p.id
     FROM report r
     LEFT JOIN party p ON p.num = r.reporter
     LEFT JOIN conversation c ON c.num = r.conversation
     LEFT JOIN evidence e ON e.conversation = r.conversation AND e.seq = r.entry";
const HOUR: i64 = 3_600_000;
