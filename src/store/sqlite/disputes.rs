//! Cases: what was put into them, their clocks, and their end.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{
    barriers,
    columns::{at_most, signed, unsigned},
    evidence::{self, Chain},
    letters,
    pair::market,
};
use crate::{
    model::{
        CaseClock, CaseId, CaseRequest, CaseState, EntryKind, EventId, LetterState, Marketplace, Money, Ruling, Scope,
        Side,
    },
    store::{
        Barrier, CaseFilter, CaseJudge, CaseMark, CaseRow, Decided, DecisionRow, ItemRow, NewCase, NewDecision,
        NewEntry, NewItem, NewLetter, NewNarrowing, PutCase, PutItem, SealedPaper,
    },
};

/// What a change needs to know of a case.
struct Dispute {
    num: i64,
    conversation: i64,
    opened_by: Side,
    urgent: bool,
    decided: bool,
}

impl Dispute {
    fn find(db: &Connection, scope: &Scope, id: &CaseId) -> Result<Option<Self>> {
        db.prepare_cached(
            "SELECT num, conversation, opened_by, urgent, decided IS NOT NULL FROM dispute
             WHERE marketplace = ?1 AND id = ?2",
        )?
        .query_row(params![market(db, scope)?, id], |row| {
            Ok(Self {
                num: row.get(0)?,
                conversation: row.get(1)?,
                opened_by: row.get(2)?,
                urgent: row.get(3)?,
                decided: row.get(4)?,
            })
        })
        .optional()
    }
}

/// Whether there is a case of this name.
pub(super) fn is_there(db: &Connection, scope: &Scope, id: &CaseId) -> Result<bool> {
    Ok(Dispute::find(db, scope, id)?.is_some())
}

/// See [`crate::store::Cases::put_case`]. A later submission moves no clock; of what was asked since the one before it is
/// the answer.
pub(super) fn put(db: &Connection, scope: &Scope, case: &NewCase) -> Result<PutCase> {
    let Some(conversation) = evidence::conversation(db, scope, &case.conversation)? else {
        return Ok(PutCase::NoSuchConversation);
    };
    let urgent = case.topic.is_urgent();
    match Dispute::find(db, scope, &case.id)? {
        Some(known) if known.conversation != conversation || known.opened_by != case.item.side => Ok(PutCase::Other),
        Some(known) if known.decided => Ok(PutCase::Decided),
        Some(known) => {
            if !matches!(put_into(db, &known, &case.item)?, PutItem::Done(_)) {
                return Ok(PutCase::Full);
            }
            db.prepare_cached("UPDATE dispute SET topic = ?2, urgent = urgent OR ?3 WHERE num = ?1")?
                .execute(params![known.num, case.topic, urgent])?;
            answer(db, &known, &case.item)?;
            raise_alarm(db, conversation, case.alarm.as_ref().filter(|_| !known.urgent))?;
            Ok(PutCase::Changed)
        }
        None => {
            db.prepare_cached(
                "INSERT INTO dispute (marketplace, id, conversation, opened_by, topic, urgent, quiet, opened)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                market(db, scope)?,
                case.id,
                conversation,
                case.item.side,
                case.topic,
                urgent,
                case.quiet,
                case.item.at
            ])?;
            let num = db.last_insert_rowid();
            let new = Dispute { num, conversation, opened_by: case.item.side, urgent, decided: false };
            put_into(db, &new, &case.item)?;
            raise_alarm(db, conversation, case.alarm.as_ref())?;
            narrow_while_open(db, scope, case)?;
            Ok(PutCase::Created)
        }
    }
}

fn raise_alarm(db: &Connection, conversation: i64, alarm: Option<&NewEntry>) -> Result<()> {
    alarm.map_or(Ok(()), |entry| evidence::add(db, conversation, entry))
}

/// See [`crate::store::Cases::put_item`].
pub(super) fn put_item(db: &Connection, scope: &Scope, case: &CaseId, item: &NewItem) -> Result<PutItem> {
    let Some(known) = Dispute::find(db, scope, case)? else { return Ok(PutItem::NoSuchCase) };
    if known.decided {
        return Ok(PutItem::Decided);
    }
    if let Some(corrected) = item.corrects {
        let there = db
            .prepare_cached("SELECT 1 FROM dispute_item WHERE dispute = ?1 AND n = ?2 AND side = ?3 AND kind = ?4")?
            .exists(params![known.num, signed(corrected), item.side, item.kind])?;
        if !there {
            return Ok(PutItem::NothingToCorrect);
        }
    }
    let put = put_into(db, &known, item)?;
    if matches!(put, PutItem::Done(_)) {
        answer(db, &known, item)?;
    }
    Ok(put)
}

/// Whatever a side puts in answers the newest request to it, once.
fn answer(db: &Connection, case: &Dispute, item: &NewItem) -> Result<()> {
    db.prepare_cached(
        "UPDATE dispute_request SET answered = coalesce(answered, ?3)
         WHERE dispute = ?1 AND side = ?2
             AND n = (SELECT max(n) FROM dispute_request WHERE dispute = ?1 AND side = ?2)",
    )?
    .execute(params![case.num, item.side, item.at])
    .map(drop)
}

fn put_into(db: &Connection, case: &Dispute, item: &NewItem) -> Result<PutItem> {
    let n: i64 = db
        .prepare_cached("SELECT coalesce(max(n), 0) + 1 FROM dispute_item WHERE dispute = ?1")?
        .query_row([case.num], |row| row.get(0))?;
    if n > MOST_ITEMS {
        return Ok(PutItem::Full);
    }
    let mut chain = Chain::load(db, case.conversation)?;
    let entry = chain.entries;
    chain.add(db, &item.entry)?;
    chain.save(db)?;
    db.prepare_cached(
        "INSERT INTO dispute_item (dispute, n, id, kind, side, slot, at, late, amount, currency, corrects, entry)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        case.num,
        n,
        item.id,
        item.kind,
        item.side,
        item.slot,
        item.at,
        item.late,
        item.money.as_ref().map(|money| &money.amount),
        item.money.as_ref().map(|money| &money.currency),
        item.corrects.map(signed),
        signed(entry),
    ])?;
    keep_papers(db, item.id, &item.papers)?;
    Ok(PutItem::Done(unsigned(n)))
}

/// Keeps the files of an item or a report.
pub(super) fn keep_papers(db: &Connection, owner: EventId, papers: &[SealedPaper]) -> Result<()> {
    let mut insert =
        db.prepare_cached("INSERT OR REPLACE INTO paper (owner, n, form, sealed) VALUES (?1, ?2, ?3, ?4)")?;
    for (n, paper) in (0i64..).zip(papers) {
        if let Some(shown) = &paper.shown {
            insert.execute(params![owner, n, "shown", shown])?;
        }
        insert.execute(params![owner, n, "original", paper.original])?;
    }
    Ok(())
}

/// See [`crate::store::Cases::paper`].
pub(super) fn paper(
    db: &Connection,
    scope: &Scope,
    owner: EventId,
    n: usize,
    original: bool,
) -> Result<Option<Vec<u8>>> {
    db.prepare_cached(
        "SELECT p.sealed FROM paper p
         WHERE p.owner = ?2 AND p.n = ?3 AND p.form = ?4 AND (
             EXISTS (SELECT 1 FROM dispute_item i JOIN dispute d ON d.num = i.dispute
                 WHERE i.id = p.owner AND d.marketplace = ?1)
             OR EXISTS (SELECT 1 FROM report r WHERE r.id = p.owner AND r.marketplace = ?1))",
    )?
    .query_row(params![market(db, scope)?, owner, at_most(n), if original { "original" } else { "shown" }], |row| {
        row.get(0)
    })
    .optional()
}

/// See [`crate::store::Cases::case`].
pub(super) fn find(db: &Connection, scope: &Scope, id: &CaseId) -> Result<Option<CaseRow>> {
    let found = db
        .prepare_cached(&format!("{READ} WHERE d.marketplace = ?1 AND d.id = ?2"))?
        .query_row(params![market(db, scope)?, id], read)
        .optional()?;
    found.map(|(num, row)| complete(db, num, row)).transpose()
}

/// See [`crate::store::Cases::cases`].
pub(super) fn list(db: &Connection, scope: &Scope, filter: &CaseFilter) -> Result<Vec<CaseRow>> {
    let market = market(db, scope)?;
    let limit = at_most(filter.limit);
    let found: Vec<(i64, CaseRow)> = match &filter.conversation {
        Some(conversation) => db
            .prepare_cached(&format!("{READ} WHERE d.marketplace = ?1 AND c.id = ?2 ORDER BY d.num LIMIT ?3"))?
            .query_map(params![market, conversation, limit], read)?
            .collect::<Result<_>>()?,
        None => db
            .prepare_cached(&format!(
                "{READ} WHERE d.marketplace = ?1 AND d.decided IS NULL ORDER BY d.urgent DESC, d.num LIMIT ?2"
            ))?
            .query_map(params![market, limit], read)?
            .collect::<Result<_>>()?,
    };
    found.into_iter().map(|(num, row)| complete(db, num, row)).collect()
}

/// See [`crate::store::Cases::running_cases`].
pub(super) fn running(db: &Connection, after: u64, limit: usize) -> Result<Vec<(u64, Scope, CaseRow)>> {
    let found: Vec<(i64, CaseRow, Marketplace)> = db
        .prepare_cached(&format!("{READ} WHERE d.settled = 0 AND d.num > ?1 ORDER BY d.num LIMIT ?2"))?
        .query_map(params![signed(after), at_most(limit)], |row| {
            let (num, case) = read(row)?;
            Ok((num, case, row.get(24)?))
        })?
        .collect::<Result<_>>()?;
    let whole = |(num, row, name): (i64, CaseRow, Marketplace)| {
        Ok((unsigned(num), Scope::proven(name), complete(db, num, row)?))
    };
    found.into_iter().map(whole).collect()
}

/// See [`crate::store::Cases::open_cases`].
pub(super) fn open(db: &Connection) -> Result<(u64, u64)> {
    db.prepare_cached(
        "SELECT count(*) FILTER (WHERE urgent), count(*) FILTER (WHERE NOT urgent) FROM dispute WHERE decided IS NULL",
    )?
    .query_row([], |row| Ok((unsigned(row.get(0)?), unsigned(row.get(1)?))))
}

fn read(row: &Row<'_>) -> Result<(i64, CaseRow)> {
    let decided = row.get(8)?;
    let decision = match row.get::<_, Option<Ruling>>(9)? {
        None => None,
        Some(ruling) => Some(DecisionRow {
            ruling,
            automated: row.get(10)?,
            amount: money(row, 11)?,
            at: row.get(8)?,
            entry: (unsigned(row.get(13)?), None),
            sealed: row.get::<_, Option<Vec<u8>>>(22)?.unwrap_or_default(),
        }),
    };
    let clock = CaseClock {
        opened: row.get(6)?,
        opener: row.get(3)?,
        urgent: row.get(4)?,
        quiet: row.get(5)?,
        taken: row.get(7)?,
        decided,
        requests: [None, None],
        told: [row.get(14)?, row.get(15)?],
        unattended: row.get(16)?,
        overdue: row.get(17)?,
        unproven: [row.get(18)?, row.get(19)?],
    };
    let num: i64 = row.get(20)?;
    let row = CaseRow {
        id: row.get(0)?,
        conversation: row.get(1)?,
        topic: row.get(2)?,
        position: row.get::<_, Option<i64>>(21)?.map(unsigned),
        clock,
        requests: [None, None],
        decision: decision.map(|decision| with_id(decision, row)).transpose()?,
    };
    Ok((num, row))
}

/// The id that a decision's words are sealed for stands in its entry.
fn with_id(decision: DecisionRow, row: &Row<'_>) -> Result<DecisionRow> {
    let canonical: Option<String> = row.get(23)?;
    let entry = canonical.and_then(|text| serde_json::from_str::<crate::model::Entry>(&text).ok());
    let id = entry.and_then(|entry| entry.message);
    Ok(DecisionRow { entry: (decision.entry.0, id), ..decision })
}

fn money(row: &Row<'_>, at: usize) -> Result<Option<Money>> {
    let (amount, currency): (Option<String>, Option<String>) = (row.get(at)?, row.get(at + 1)?);
    Ok(amount.zip(currency).map(|(amount, currency)| Money { amount, currency }))
}

/// Adds the newest request to each side, with how its letter fared.
fn complete(db: &Connection, num: i64, mut case: CaseRow) -> Result<CaseRow> {
    let mut query = db.prepare_cached(
        "SELECT r.side, r.letter, r.sent, r.answered, l.state, l.proven FROM dispute_request r
         JOIN letter l ON l.id = r.letter WHERE r.dispute = ?1 ORDER BY r.n",
    )?;
    let mut rows = query.query([num])?;
    while let Some(row) = rows.next()? {
        let at = CaseClock::index(row.get(0)?);
        let state: LetterState = row.get(4)?;
        case.requests[at] = Some(row.get(1)?);
        case.clock.requests[at] = Some(CaseRequest {
            sent: row.get(2)?,
            answered: row.get(3)?,
            delivered: row.get(5)?,
            failed: state == LetterState::Failed,
        });
    }
    Ok(case)
}

/// See [`crate::store::Cases::case_items`].
pub(super) fn items(db: &Connection, scope: &Scope, id: &CaseId) -> Result<Vec<ItemRow>> {
    db.prepare_cached(
        "SELECT i.n, i.id, i.kind, i.side, i.slot, i.at, i.late, i.amount, i.currency, i.corrects, i.entry, e.sealed
         FROM dispute d
         JOIN dispute_item i ON i.dispute = d.num
         JOIN evidence e ON e.conversation = d.conversation AND e.seq = i.entry
         WHERE d.marketplace = ?1 AND d.id = ?2 ORDER BY i.n",
    )?
    .query_map(params![market(db, scope)?, id], |row| {
        Ok(ItemRow {
            n: unsigned(row.get(0)?),
            id: row.get(1)?,
            kind: row.get(2)?,
            side: row.get(3)?,
            slot: row.get(4)?,
            at: row.get(5)?,
            late: row.get(6)?,
            money: money(row, 7)?,
            corrects: row.get::<_, Option<i64>>(9)?.map(unsigned),
            entry: unsigned(row.get(10)?),
            sealed: row.get::<_, Option<Vec<u8>>>(11)?.unwrap_or_default(),
        })
    })?
    .collect()
}

/// See [`crate::store::Cases::mark_case`].
pub(super) fn mark(
    db: &Connection,
    scope: &Scope,
    id: &CaseId,
    mark: CaseMark,
    (entry, letter): (&NewEntry, Option<&NewLetter>),
) -> Result<bool> {
    let change = match mark {
        CaseMark::Taken => "taken = ?3 WHERE taken IS NULL AND decided IS NULL",
        CaseMark::Unattended => "unattended = 1 WHERE unattended = 0 AND ?3 = ?3",
        CaseMark::Overdue => "overdue = 1 WHERE overdue = 0 AND ?3 = ?3",
        CaseMark::Unproven(Side::Buyer) => "unproven_buyer = 1 WHERE unproven_buyer = 0 AND ?3 = ?3",
        CaseMark::Unproven(Side::Seller) => "unproven_seller = 1 WHERE unproven_seller = 0 AND ?3 = ?3",
    };
    let conversation: Option<i64> = db
        .prepare_cached(&format!(
            "UPDATE dispute SET {change} AND marketplace = ?1 AND id = ?2 RETURNING conversation"
        ))?
        .query_row(params![market(db, scope)?, id, entry.at], |row| row.get(0))
        .optional()?;
    let Some(conversation) = conversation else { return Ok(false) };
    evidence::add(db, conversation, entry)?;
    if let Some(letter) = letter {
        letters::put(db, scope, letter)?;
    }
    Ok(true)
}

/// See [`crate::store::Cases::decide_case`].
pub(super) fn decide(db: &Connection, scope: &Scope, decision: &NewDecision, judge: &CaseJudge) -> Result<Decided> {
    let Some(known) = Dispute::find(db, scope, &decision.case)? else { return Ok(Decided::NoSuchCase) };
    if known.decided {
        return Ok(Decided::Final);
    }
    let Some(row) = find(db, scope, &decision.case)? else { return Ok(Decided::NoSuchCase) };
    if !judge(&row.clock) {
        return Ok(Decided::NotDue);
    }
    // The entry that is added next: it goes with the barrier.
    let entry = Chain::load(db, known.conversation)?.entries;
    let barrier = if row.clock.quiet {
        // The seller of a quiet case must notice nothing of its end either.
        evidence::add(db, known.conversation, &decision.entry)?;
        None
    } else {
        narrow(db, scope, &row, decision)?
    };
    db.prepare_cached(
        "UPDATE dispute SET decided = ?2, ruling = ?3, automated = ?4, amount = ?5, currency = ?6, decision = ?7
         WHERE num = ?1",
    )?
    .execute(params![
        known.num,
        decision.at,
        decision.ruling,
        decision.automated,
        decision.amount.as_ref().map(|money| &money.amount),
        decision.amount.as_ref().map(|money| &money.currency),
        signed(entry),
    ])?;
    Ok(Decided::Done(barrier.map_or(0, |barrier| barrier.withheld.len())))
}

/// A decision is a barrier towards the buyer, and what the seller may write after it is the gate's
/// business; a case that is taken back narrows nothing.
fn narrow(db: &Connection, scope: &Scope, case: &CaseRow, decision: &NewDecision) -> Result<Option<Barrier>> {
    let state = (decision.ruling != Ruling::Withdrawn).then_some(CaseState::Closed);
    let narrowing = NewNarrowing {
        conversation: case.conversation.clone(),
        case: case.id.to_string(),
        state,
        at: decision.at,
        notice_due: decision.notice_due,
        entry: decision.entry.clone(),
    };
    barriers::narrow(db, scope, &narrowing)
}

/// While a case is open its seller has less to say; of a quiet one it notices nothing.
fn narrow_while_open(db: &Connection, scope: &Scope, case: &NewCase) -> Result<()> {
    if case.quiet {
        return Ok(());
    }
    let at = case.item.at;
    let facts = format!("case={} state=open", case.id);
    let narrowing = NewNarrowing {
        conversation: case.conversation.clone(),
        case: case.id.to_string(),
        state: Some(CaseState::Open),
        at,
        notice_due: at,
        entry: NewEntry { at, kind: EntryKind::ContactNarrowed, by: None, message: None, facts, private: None },
    };
    barriers::narrow(db, scope, &narrowing).map(drop)
}

const READ: &str = "SELECT d.id, c.id, d.topic, d.opened_by, d.urgent, d.quiet, d.opened, d.taken, d.decided, d.ruling,
         d.automated, d.amount, d.currency, d.decision, d.told_buyer IS NOT NULL, d.told_seller IS NOT NULL, d.unattended,
         d.overdue, d.unproven_buyer, d.unproven_seller, d.num,
         iif(d.decided IS NULL, (SELECT count(*) FROM dispute q WHERE q.marketplace = d.marketplace
             AND q.decided IS NULL AND q.urgent = d.urgent AND q.num <= d.num), NULL),
         e.sealed, e.canonical, m.name
     FROM dispute d
     JOIN conversation c ON c.num = d.conversation
     JOIN marketplace m ON m.num = d.marketplace
     LEFT JOIN evidence e ON e.conversation = d.conversation AND e.seq = d.decision";
/// So many things can be put into one case.
const MOST_ITEMS: i64 = 100;
