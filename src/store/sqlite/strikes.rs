//! Violations, and the sanctions that follow from them.

use rusqlite::{Connection, OptionalExtension, Result, Row, params, types::FromSqlError};

use super::{
    columns::at_most,
    evidence,
    pair::{Place, market},
    rights,
};
use crate::{
    model::{
        Arbiter, Breach, Duration, EntryKind, EventId, Measure, PartyId, Restriction, Sanction, Scope, Side, Strike,
        Timestamp,
    },
    store::{
        AccountRow, HeldRuling, LiftRestriction, NewEntry, NewRestriction, NewStrikes, NewViolation, Record,
        SanctionRow, ViolationFilter, ViolationRow, ViolationState, enforcement::limits, outbox,
    },
};

/// Whose account: a seller's is that of its whole group.
#[derive(Clone, Copy)]
pub(super) struct Account {
    pub(super) party: i64,
    pub(super) side: Side,
}

/// Writes down what a message broke, and what follows; of a held message nothing follows yet.
pub(super) fn record(db: &Connection, scope: &Scope, place: &Place, record: &Record, held: bool) -> Result<()> {
    let Some(NewStrikes { violations, arbiter }) = &record.strikes else { return Ok(()) };
    let state = if held { ViolationState::Pending } else { ViolationState::Counted };
    let mut fresh = Vec::new();
    for new in violations {
        if is_flood(db, place, new.breach, record.at)? {
            continue;
        }
        let of = Of { party: place.seller, side: record.from, message: record.id, at: record.at, ruler: None };
        add(db, place, &of, new, state)?;
        fresh.push(new.id);
    }
    if held || fresh.is_empty() {
        return Ok(());
    }
    let account = Account { party: place.seller, side: record.from };
    settings_since(db, place.market, account.side, arbiter, record.at)?;
    let brought = arbiter.weigh(&strikes(db, account, WEIGHED_AT_ONCE)?.into_iter().map(|s| s.1).collect::<Vec<_>>());
    brought
        .iter()
        .filter(|sanction| fresh.contains(&sanction.violation))
        .try_for_each(|sanction| impose(db, scope, account, sanction, record.at))
}

/// By whom and how a violation came to be.
pub(super) struct Of<'a> {
    pub(super) party: i64,
    pub(super) side: Side,
    pub(super) message: EventId,
    pub(super) at: Timestamp,
    pub(super) ruler: Option<&'a [u8]>,
}

/// Writes one violation down, with its entry in the conversation's evidence.
pub(super) fn add(
    db: &Connection,
    place: &Place,
    of: &Of<'_>,
    new: &NewViolation,
    state: ViolationState,
) -> Result<()> {
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let (begins, ends) = new.span.map(|(begins, ends)| (number(begins), number(ends))).unzip();
    db.prepare_cached(
        "INSERT INTO violation (id, marketplace, party, side, conversation, message, breach, rule, part, begins, ends,
             base, at, decided, state, automated, ruler)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13, ?14, ?15, ?16)",
    )?
    .execute(params![
        new.id,
        place.market,
        of.party,
        of.side,
        place.num,
        of.message,
        new.breach.as_str(),
        new.rule,
        new.part,
        begins,
        ends,
        new.base,
        of.at,
        state,
        of.ruler.is_none(),
        of.ruler
    ])?;
    let facts = format!(
        "violation={} side={} breach={} rule={} state={} automated={}",
        new.id,
        of.side.as_str(),
        new.breach.as_str(),
        new.rule,
        state.as_str(),
        of.ruler.is_none()
    );
    let entry = entry(of.at, EntryKind::ViolationRecorded, Some(of.message), facts);
    evidence::add(db, place.num, &entry)
}

/// What is refused costs its author nothing, so that it could be tried without end; after so many of a kind one more
/// says nothing new.
fn is_flood(db: &Connection, place: &Place, breach: Breach, at: Timestamp) -> Result<bool> {
    db.prepare_cached(
        "SELECT count(*) >= ?4 FROM violation WHERE party = ?1 AND side = 'seller' AND decided > ?3 AND breach = ?2",
    )?
    .query_row(params![place.seller, breach.as_str(), at.minus(Duration::hours(1)), MOST_IN_AN_HOUR], |row| row.get(0))
}

/// A held message was decided: what it broke counts if a person refused it.
pub(super) fn held_decided(
    db: &Connection,
    scope: &Scope,
    (message, released): (EventId, bool),
    ruling: &HeldRuling,
    at: Timestamp,
) -> Result<()> {
    let state = match (&ruling.ruler, released) {
        (None, _) => ViolationState::Lapsed,
        (Some(_), true) => ViolationState::Released,
        (Some(_), false) => ViolationState::Counted,
    };
    let decided: Vec<(EventId, i64, Side)> = db
        .prepare_cached(
            "UPDATE violation SET state = ?2, decided = ?3, automated = ?4, ruler = ?5
             WHERE message = ?1 AND state = 'pending' RETURNING id, party, side",
        )?
        .query_map(params![message, state, at, ruling.ruler.is_none(), ruling.ruler], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<Result<_>>()?;
    match decided.first() {
        Some((_, party, side)) if state == ViolationState::Counted => {
            reconcile(db, scope, Account { party: *party, side: *side }, &ruling.arbiter, at)
        }
        _ => Ok(()),
    }
}

/// Makes the sanctions of an account what its strikes bring: what no longer follows is lifted, what follows now is
/// imposed. A strike from before the settings were as they are, or before the account had the sellers that it has, was
/// measured then: it brings nothing new now, and what it brought stays unless what it would bring now is milder.
pub(super) fn reconcile(
    db: &Connection,
    scope: &Scope,
    account: Account,
    arbiter: &Arbiter,
    at: Timestamp,
) -> Result<()> {
    let strikes: Vec<Strike> = strikes(db, account, WEIGHED_AGAIN)?.into_iter().map(|(_, strike)| strike).collect();
    let since = measured_since(db, scope, account, arbiter, at)?;
    let (mut brought, mut missing) = (arbiter.weigh(&strikes), Vec::new());
    for row in sanctions(db, account)?.into_iter().filter(|row| row.lifted.is_none()) {
        let found = brought.iter().position(|one| one.violation == row.sanction.violation);
        let now = found.map(|n| brought.swap_remove(n));
        let stays =
            |one: &Sanction| same(one, &row.sanction) || row.sanction.since < since && !one.is_milder(&row.sanction);
        if !now.as_ref().is_some_and(stays) {
            lift(db, scope, &row, at)?;
            missing.extend(now);
        }
    }
    missing.extend(brought.into_iter().filter(|one| one.since >= since));
    missing.sort_by_key(|one| (one.since, one.violation));
    missing.iter().try_for_each(|sanction| impose(db, scope, account, sanction, at))
}

/// Since when strikes of an account are measured as now: by these settings, with these sellers.
fn measured_since(
    db: &Connection,
    scope: &Scope,
    account: Account,
    arbiter: &Arbiter,
    at: Timestamp,
) -> Result<Timestamp> {
    let mut since = settings_since(db, market(db, scope)?, account.side, arbiter, at)?;
    for member in members(db, account)? {
        let clustered: Option<Timestamp> =
            db.prepare_cached("SELECT clustered FROM party WHERE num = ?1")?.query_row([member], |row| row.get(0))?;
        since = clustered.filter(|_| account.side == Side::Seller).map_or(since, |clustered| since.max(clustered));
    }
    Ok(since)
}

/// Since when the settings are as they are: since now, where they are seen for the first time.
fn settings_since(db: &Connection, market: i64, side: Side, arbiter: &Arbiter, at: Timestamp) -> Result<Timestamp> {
    db.prepare_cached(
        "INSERT INTO settings_since (marketplace, side, settings, since) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (marketplace, side) DO UPDATE SET settings = excluded.settings, since = excluded.since
         WHERE settings <> excluded.settings",
    )?
    .execute(params![market, side, arbiter.settings().cast_signed(), at])?;
    db.prepare_cached("SELECT since FROM settings_since WHERE marketplace = ?1 AND side = ?2")?
        .query_row(params![market, side], |row| row.get(0))
}

/// Points are told as they were when it came; a sanction that would come with others all the same stays.
fn same(a: &Sanction, b: &Sanction) -> bool {
    (a.violation, a.measure, a.since, a.until) == (b.violation, b.measure, b.since, b.until)
}

fn impose(db: &Connection, scope: &Scope, account: Account, sanction: &Sanction, at: Timestamp) -> Result<()> {
    let before: i64 = db
        .prepare_cached("SELECT count(*) FROM sanction WHERE violation = ?1")?
        .query_row([sanction.violation], |row| row.get(0))?;
    let id = sanction_id(sanction, before);
    let (burst, per) = limits(sanction.measure);
    let (party, name): (i64, PartyId) = db
        .prepare_cached("SELECT p.num, p.id FROM violation v JOIN party p ON p.num = v.party WHERE v.id = ?1")?
        .query_row([sanction.violation], |row| Ok((row.get(0)?, row.get(1)?)))?;
    db.prepare_cached(
        "INSERT INTO sanction (id, violation, party, side, measure, burst, per, points, since, until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        id,
        sanction.violation,
        party,
        account.side,
        sanction.measure.as_str(),
        burst,
        per.0,
        sanction.points,
        sanction.since,
        sanction.until
    ])?;
    let until = sanction.until.map(|until| format!(" until={}", until.rfc3339())).unwrap_or_default();
    let facts = format!(
        "sanction={id} party={name} side={} violation={} measure={} points={}{until}",
        account.side.as_str(),
        sanction.violation,
        sanction.measure.as_str(),
        sanction.points
    );
    let entry = entry(at, EntryKind::SanctionImposed, None, facts);
    let Measure::Restrict(kind) = sanction.measure else { return evidence::journal(db, scope, &entry) };
    if account.side == Side::Buyer || !sanction.holds(at) {
        return evidence::journal(db, scope, &entry);
    }
    let cause = format!("violation:{}", sanction.violation);
    let new = NewRestriction { id, seller: name, buyer: None, kind, at, until: sanction.until, cause, entry };
    rights::restrict(db, scope, &new).map(drop)
}

fn lift(db: &Connection, scope: &Scope, row: &SanctionRow, at: Timestamp) -> Result<()> {
    db.prepare_cached("UPDATE sanction SET lifted = ?2 WHERE id = ?1")?.execute(params![row.id, at])?;
    let facts = format!("sanction={} party={} violation={}", row.id, row.party, row.sanction.violation);
    let entry = entry(at, EntryKind::SanctionLifted, None, facts);
    let lift = LiftRestriction { id: row.id, at, entry: entry.clone() };
    if rights::lift(db, scope, &lift)? { Ok(()) } else { evidence::journal(db, scope, &entry) }
}

fn sanction_id(sanction: &Sanction, before: i64) -> EventId {
    outbox::made_id(sanction.since, b"tabir sanction 1\n", &[&sanction.violation.0, &before.to_be_bytes()])
}

/// Everybody of an account.
pub(super) fn members(db: &Connection, account: Account) -> Result<Vec<i64>> {
    if account.side == Side::Buyer {
        return Ok(vec![account.party]);
    }
    rights::group(db, account.party)
}

/// The newest strikes that stand, oldest first.
fn strikes(db: &Connection, account: Account, most: usize) -> Result<Vec<(PartyId, Strike)>> {
    let mut all = Vec::new();
    for party in members(db, account)? {
        let mut query = db.prepare_cached(
            "SELECT p.id, v.id, v.decided, c.id, v.breach, v.base
             FROM violation v JOIN party p ON p.num = v.party JOIN conversation c ON c.num = v.conversation
             WHERE v.party = ?1 AND v.side = ?2 AND v.state = 'counted' ORDER BY v.decided DESC LIMIT ?3",
        )?;
        for row in query.query_map(params![party, account.side, at_most(most)], read_strike)? {
            all.push(row?);
        }
    }
    all.sort_by_key(|(_, strike)| (strike.at, strike.id));
    all.drain(..all.len().saturating_sub(most));
    Ok(all)
}

fn read_strike(row: &Row<'_>) -> Result<(PartyId, Strike)> {
    let strike = Strike {
        id: row.get(1)?,
        at: row.get(2)?,
        conversation: row.get(3)?,
        breach: breach(row, 4)?,
        base: row.get(5)?,
    };
    Ok((row.get(0)?, strike))
}

pub(super) fn breach(row: &Row<'_>, column: usize) -> Result<Breach> {
    let word = row.get_ref(column)?.as_str()?;
    Breach::named(word).ok_or_else(|| FromSqlError::InvalidType.into())
}

fn sanctions(db: &Connection, account: Account) -> Result<Vec<SanctionRow>> {
    let mut all = Vec::new();
    for party in members(db, account)? {
        let mut query = db.prepare_cached(
            "SELECT s.id, p.id, s.violation, s.measure, s.burst, s.per, s.points, s.since, s.until, s.lifted
             FROM sanction s JOIN party p ON p.num = s.party WHERE s.party = ?1 AND s.side = ?2",
        )?;
        for row in query.query_map(params![party, account.side], read_sanction)? {
            all.push(row?);
        }
    }
    all.sort_by_key(|row| (row.sanction.since, row.id));
    Ok(all)
}

fn read_sanction(row: &Row<'_>) -> Result<SanctionRow> {
    let measure = match row.get_ref(3)?.as_str()? {
        "warning" => Measure::Warning,
        "unowed" => Measure::Unowed,
        "template_only" => Measure::Restrict(Restriction::TemplateOnly),
        "slowed" => Measure::Restrict(Restriction::Slowed { burst: row.get(4)?, per: Duration(row.get(5)?) }),
        _ => Measure::Restrict(Restriction::Withdrawn),
    };
    let sanction =
        Sanction { violation: row.get(2)?, measure, points: row.get(6)?, since: row.get(7)?, until: row.get(8)? };
    Ok(SanctionRow { id: row.get(0)?, party: row.get(1)?, sanction, lifted: row.get(9)? })
}

/// See [`crate::store::Store::account`].
pub(super) fn account(db: &Connection, scope: &Scope, id: &PartyId, side: Side) -> Result<Option<AccountRow>> {
    let Some(party) = super::parties::number(db, market(db, scope)?, id)? else { return Ok(None) };
    let account = Account { party, side };
    let mut group = Vec::new();
    for member in members(db, account)? {
        group.push(db.prepare_cached("SELECT id FROM party WHERE num = ?1")?.query_row([member], |row| row.get(0))?);
    }
    let (strikes, sanctions) = (strikes(db, account, WEIGHED_AGAIN)?, sanctions(db, account)?);
    Ok(Some(AccountRow { group, strikes, sanctions }))
}

/// See [`crate::store::Store::violation`].
pub(super) fn find(db: &Connection, scope: &Scope, id: EventId) -> Result<Option<ViolationRow>> {
    db.prepare_cached(&format!("{SELECT} WHERE v.marketplace = ?1 AND v.id = ?2"))?
        .query_row(params![market(db, scope)?, id], read)
        .optional()
}

/// See [`crate::store::Store::violations`].
pub(super) fn list(db: &Connection, scope: &Scope, filter: &ViolationFilter) -> Result<Vec<ViolationRow>> {
    let market = market(db, scope)?;
    let party = match &filter.party {
        Some(id) => match super::parties::number(db, market, id)? {
            Some(num) => Some(num),
            None => return Ok(Vec::new()),
        },
        None => None,
    };
    let after: Option<i64> = match filter.after {
        Some(id) => db
            .prepare_cached("SELECT num FROM violation WHERE marketplace = ?1 AND id = ?2")?
            .query_row(params![market, id], |row| row.get(0))
            .optional()?,
        None => Some(i64::MAX),
    };
    let Some(after) = after else { return Ok(Vec::new()) };
    db.prepare_cached(&format!(
        "{SELECT} WHERE v.marketplace = ?1 AND v.num < ?2 AND (?3 IS NULL OR v.party = ?3)
             AND (?4 IS NULL OR v.side = ?4) AND (NOT ?6 OR v.state IN ('counted', 'reversed'))
         ORDER BY v.num DESC LIMIT ?5"
    ))?
    .query_map(params![market, after, party, filter.side, at_most(filter.limit), filter.settled], read)?
    .collect()
}

const SELECT: &str = "SELECT v.id, p.id, v.side, c.id, v.message, v.breach, v.rule, v.part, v.begins, v.ends, v.base,
         v.at, v.decided, v.state, v.automated, v.ruler
     FROM violation v JOIN party p ON p.num = v.party JOIN conversation c ON c.num = v.conversation";

fn read(row: &Row<'_>) -> Result<ViolationRow> {
    let number = |column| -> Result<Option<usize>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(|n| usize::try_from(n).unwrap_or(0)))
    };
    Ok(ViolationRow {
        id: row.get(0)?,
        party: row.get(1)?,
        side: row.get(2)?,
        conversation: row.get(3)?,
        message: row.get(4)?,
        breach: breach(row, 5)?,
        rule: row.get(6)?,
        part: row.get(7)?,
        span: number(8)?.zip(number(9)?),
        base: row.get(10)?,
        at: row.get(11)?,
        decided: row.get(12)?,
        state: row.get(13)?,
        automated: row.get(14)?,
        ruler: row.get(15)?,
    })
}

/// An entry without a private part.
pub(super) fn entry(at: Timestamp, kind: EntryKind, message: Option<EventId>, facts: String) -> NewEntry {
    NewEntry { at, kind, by: None, message, facts, private: None }
}

/// Strikes that are weighed when one more comes: beyond so many no rung is left to climb.
const WEIGHED_AT_ONCE: usize = 500;
/// Strikes that are weighed when one is taken back.
const WEIGHED_AGAIN: usize = 5_000;
/// Violations of one kind and party in an hour.
const MOST_IN_AN_HOUR: i64 = 20;
