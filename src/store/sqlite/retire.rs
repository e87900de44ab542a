//! What age ends: texts, files and private parts that are older than they are kept. Entries and links stay, so that the
//! chain verifies; what a hold stands on, what waits for a person, what an appeal may still be about and what is sealed
//! for a court stay too.

use rusqlite::{Connection, OptionalExtension, Result, Statement, params, types::FromSqlError};

use super::{columns::at_most, evidence, pair::market};
use crate::{
    model::{Entry, EntryKind, EventId, Scope, Timestamp},
    store::{NewEntry, Periods, Retired},
};

/// What is to be forgotten.
#[derive(Default)]
pub(super) struct Old {
    /// Entries whose sealed part is too old, by number, and what it is.
    sealed: Vec<(Part, i64)>,
    /// Messages whose files are, by number.
    files: Vec<i64>,
    /// Items of cases and reports whose files are.
    papers: Vec<EventId>,
    /// Reports of no conversation, by number.
    apart: Vec<i64>,
    /// Appeals.
    appeals: Vec<EventId>,
    /// Tickets.
    tickets: Vec<EventId>,
    /// Before which hour readings are.
    access: Option<i64>,
}

impl Old {
    pub(super) fn is_empty(&self) -> bool {
        self.sealed.is_empty()
            && self.files.is_empty()
            && self.apart.is_empty()
            && self.appeals.is_empty()
            && self.tickets.is_empty()
            && self.access.is_none()
    }
}

/// What lies sealed beside an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Message,
    Case,
    Report,
    Letter,
    Other,
}

impl Part {
    fn of(entry: &Entry) -> Self {
        match entry.kind {
            EntryKind::CaseOpened
            | EntryKind::CaseChanged
            | EntryKind::CaseEvidence
            | EntryKind::CaseOffer
            | EntryKind::CaseDecided => Self::Case,
            EntryKind::ReportReceived | EntryKind::ReportConfirmed => Self::Report,
            EntryKind::SupportWrote => Self::Letter,
            _ if entry.by.is_some() && entry.message.is_some() => Self::Message,
            _ => Self::Other,
        }
    }
}

/// Before which moments each kind of thing is too old; `None`: it never is.
struct Limits {
    messages: Option<Timestamp>,
    files: Option<Timestamp>,
    cases: Option<Timestamp>,
    reports: Option<Timestamp>,
    letters: Option<Timestamp>,
    appeals: Option<Timestamp>,
    others: Option<Timestamp>,
    /// What was decided before it can not be appealed against any more.
    contest: Timestamp,
}

impl Limits {
    fn new(now: Timestamp, periods: &Periods) -> Self {
        let before = |period: Option<_>| period.map(|period| now.minus(period));
        Self {
            messages: before(periods.messages),
            files: before(periods.files),
            cases: before(periods.cases),
            reports: before(periods.reports),
            letters: before(periods.letters),
            appeals: before(periods.appeals),
            others: before(periods.evidence),
            contest: now.minus(periods.contest),
        }
    }

    fn of(&self, part: Part) -> Option<Timestamp> {
        match part {
            Part::Message => self.messages,
            Part::Case => self.cases,
            Part::Report => self.reports,
            Part::Letter => self.letters,
            Part::Other => self.others,
        }
    }

    /// Before which moment anything beside an entry may be too old.
    fn newest(&self) -> Option<Timestamp> {
        [self.messages, self.files, self.cases, self.reports, self.letters, self.others].into_iter().flatten().max()
    }
}

/// A piece of what is too old, after an entry; and the entry to go on behind, 0 to begin anew.
pub(super) fn old(db: &Connection, scope: &Scope, now: Timestamp, periods: &Periods, after: i64) -> Result<(Old, i64)> {
    let market = market(db, scope)?;
    let limits = Limits::new(now, periods);
    let before = periods.access.map(|period| now.minus(period));
    let mut old = Old { access: old_access(db, before)?, ..Old::default() };
    old_pleas(db, market, &limits, &mut old)?;
    old.apart = match limits.reports {
        Some(limit) => db
            .prepare_cached(
                "SELECT num FROM report r WHERE marketplace = ?1 AND sealed IS NOT NULL AND at < ?2 AND NOT EXISTS (
                     SELECT 1 FROM held h WHERE h.party = r.reporter AND (h.until IS NULL OR h.until > ?4)) LIMIT ?3",
            )?
            .query_map(params![market, limit, at_most(PIECE), now], |row| row.get(0))?
            .collect::<Result<_>>()?,
        None => Vec::new(),
    };
    let Some(newest) = limits.newest() else { return Ok((old, 0)) };
    let mut query = db.prepare_cached(
        "SELECT e.num, e.canonical, e.sealed IS NOT NULL,
             EXISTS (SELECT 1 FROM held h WHERE h.party IN (c.buyer, c.seller) AND (h.until IS NULL OR h.until > ?4)),
             (SELECT max(d.decided) FROM dispute d WHERE d.conversation = e.conversation),
             EXISTS (SELECT 1 FROM letter l WHERE l.conversation = e.conversation AND l.entry = e.seq
                 AND l.due IS NOT NULL)
         FROM evidence e JOIN conversation c ON c.num = e.conversation
         WHERE e.num > ?2 AND c.marketplace = ?1 ORDER BY e.num LIMIT ?3",
    )?;
    let mut rows = query.query(params![market, after, at_most(PIECE), now])?;
    let (mut seen, mut last) = (0, 0);
    while let Some(row) = rows.next()? {
        let canonical: String = row.get(1)?;
        let entry: Entry = serde_json::from_str(&canonical).map_err(FromSqlError::other)?;
        if entry.at >= newest {
            // Entries are numbered as they come: what follows is younger.
            return Ok((old, 0));
        }
        (seen, last) = (seen + 1, row.get(0)?);
        let (held, on_its_way): (bool, bool) = (row.get(3)?, row.get(5)?);
        if held || on_its_way || entry.kind == EntryKind::MessageEscalated {
            continue;
        }
        let decided: Option<Timestamp> = row.get(4)?;
        let found =
            Found { num: last, sealed: row.get(2)?, ends: decided.map_or(entry.at, |at| at.max(entry.at)), entry };
        judge(db, &found, &limits, &mut old)?;
    }
    Ok((old, if seen == PIECE { last } else { 0 }))
}

/// An entry that no hold stands on.
struct Found {
    num: i64,
    entry: Entry,
    sealed: bool,
    /// When the newest case of its conversation was decided, and never before the entry.
    ends: Timestamp,
}

fn judge(db: &Connection, found: &Found, limits: &Limits, old: &mut Old) -> Result<()> {
    let part = Part::of(&found.entry);
    let past = |at: Timestamp| found.sealed && limits.of(part).is_some_and(|limit| at < limit);
    match part {
        Part::Other if past(found.entry.at) => old.sealed.push((part, found.num)),
        Part::Case | Part::Report | Part::Letter if past(found.ends) => {
            old.sealed.push((part, found.num));
            old.papers.extend(found.entry.message);
        }
        Part::Message => {
            let Some(id) = found.entry.message else { return Ok(()) };
            let Some(message) = Written::find(db, id, limits.contest)? else { return Ok(()) };
            if message.waits {
                return Ok(());
            }
            if past(found.entry.at) {
                old.sealed.push((part, found.num));
            }
            if message.with_files && limits.files.is_some_and(|limit| found.entry.at < limit) {
                old.files.push(message.num);
            }
        }
        _ => {}
    }
    Ok(())
}

/// A message whose age is asked for.
struct Written {
    num: i64,
    /// A person has to look at it, or it may still be appealed about.
    waits: bool,
    with_files: bool,
}

impl Written {
    fn find(db: &Connection, id: EventId, contest: Timestamp) -> Result<Option<Self>> {
        db.prepare_cached(&format!(
            "SELECT num, state = 'held'
                 OR EXISTS (SELECT 1 FROM ticket t WHERE t.message = m.id AND t.decided IS NULL)
                 OR EXISTS (SELECT 1 FROM violation v WHERE v.message = m.id AND {CONTESTABLE}),
                 EXISTS (SELECT 1 FROM message_file f WHERE f.message = num)
             FROM message m WHERE id = ?1"
        ))?
        .query_row(params![id, contest], |row| {
            Ok(Self { num: row.get(0)?, waits: row.get(1)?, with_files: row.get(2)? })
        })
        .optional()
    }
}

/// Appeals and tickets that were decided so long ago, and that nobody can take further.
fn old_pleas(db: &Connection, market: i64, limits: &Limits, old: &mut Old) -> Result<()> {
    let Some(limit) = limits.appeals else { return Ok(()) };
    let ids = |sql: &str| -> Result<Vec<EventId>> {
        db.prepare_cached(sql)?
            .query_map(params![market, limits.contest, limit, at_most(PIECE)], |row| row.get(0))?
            .collect()
    };
    old.appeals = ids(&format!(
        "SELECT a.id FROM appeal a JOIN violation v ON v.id = a.violation
         WHERE a.marketplace = ?1 AND a.decided < ?3 AND (a.words IS NOT NULL OR a.ruling IS NOT NULL)
             AND NOT ({CONTESTABLE}) LIMIT ?4"
    ))?;
    old.tickets = ids(&format!(
        "SELECT t.id FROM ticket t
         WHERE t.marketplace = ?1 AND t.decided < ?3 AND (t.words IS NOT NULL OR t.ruling IS NOT NULL)
             AND NOT EXISTS (SELECT 1 FROM violation v WHERE v.message = t.message AND v.side = 'buyer' AND {CONTESTABLE})
         LIMIT ?4"
    ))?;
    Ok(())
}

fn old_access(db: &Connection, before: Option<Timestamp>) -> Result<Option<i64>> {
    let Some(hour) = before.map(|at| at.0.div_euclid(HOUR)) else { return Ok(None) };
    let any = db.prepare_cached("SELECT 1 FROM access WHERE hour < ?1")?.exists([hour])?;
    Ok(any.then_some(hour))
}

/// Forgets it, unless a hold was placed meanwhile.
pub(super) fn forget(db: &Connection, scope: &Scope, now: Timestamp, old: &Old) -> Result<Retired> {
    let mut retired = Retired::default();
    close(db, now, old, &mut retired)?;
    let free = |parties: &str, of: &str| {
        format!(
            "NOT EXISTS (SELECT 1 FROM {of} JOIN held h ON h.party IN ({parties})
                 WHERE h.until IS NULL OR h.until > ?2)"
        )
    };
    let sides = "c.buyer, c.seller";
    let of_message = "(SELECT conversation AS num FROM message WHERE num = ?1) m JOIN conversation c ON c.num = m.num";
    let mut drop_files =
        db.prepare_cached(&format!("DELETE FROM message_file WHERE message = ?1 AND {}", free(sides, of_message)))?;
    retired.files = each(&mut drop_files, &old.files, now)?;
    // The holds of their people were looked at with their words: what is closed is closed.
    let mut drop_papers = db.prepare_cached(
        "DELETE FROM paper WHERE owner = ?1 AND ?2 = ?2 AND NOT EXISTS (
             SELECT 1 FROM dispute_item i JOIN dispute d ON d.num = i.dispute
             JOIN evidence e ON e.conversation = d.conversation AND e.seq = i.entry
             WHERE i.id = ?1 AND e.sealed IS NOT NULL
             UNION ALL
             SELECT 1 FROM report r JOIN evidence e ON e.conversation = r.conversation AND e.seq = r.entry
             WHERE r.id = ?1 AND e.sealed IS NOT NULL)",
    )?;
    retired.papers = each(&mut drop_papers, &old.papers, now)?;
    retired.reports += forget_apart(db, &old.apart, &mut retired.papers)?;
    let of_appeal = "(SELECT party FROM appeal a JOIN violation v ON v.id = a.violation WHERE a.id = ?1) v";
    let of_ticket = "(SELECT conversation AS num FROM ticket WHERE id = ?1) t JOIN conversation c ON c.num = t.num";
    for (table, ids, free) in
        [("appeal", &old.appeals, free("v.party", of_appeal)), ("ticket", &old.tickets, free(sides, of_ticket))]
    {
        let sql = format!("UPDATE {table} SET words = NULL, ruling = NULL WHERE id = ?1 AND {free}");
        retired.appeals += each(&mut *db.prepare_cached(&sql)?, ids, now)?;
    }
    if let Some(hour) = old.access {
        retired.access = count(
            db.prepare_cached(
                "DELETE FROM access WHERE hour < ?1
                     AND party IN (SELECT num FROM party WHERE marketplace = ?2)
                     AND party NOT IN (SELECT party FROM held WHERE until IS NULL OR until > ?3)",
            )?
            .execute(params![hour, market(db, scope)?, now])?,
        );
    }
    if retired.is_some() {
        let entry = NewEntry {
            at: now,
            kind: EntryKind::Expired,
            by: None,
            message: None,
            facts: facts(&retired),
            private: None,
        };
        evidence::journal(db, scope, &entry)?;
    }
    Ok(retired)
}

fn close(db: &Connection, now: Timestamp, old: &Old, retired: &mut Retired) -> Result<()> {
    let mut close = db.prepare_cached(
        "UPDATE evidence SET sealed = NULL WHERE num = ?1 AND sealed IS NOT NULL AND NOT EXISTS (
             SELECT 1 FROM conversation c JOIN held h ON h.party IN (c.buyer, c.seller)
             WHERE c.num = evidence.conversation AND (h.until IS NULL OR h.until > ?2))",
    )?;
    for (part, num) in &old.sealed {
        let counted = match part {
            Part::Message => &mut retired.messages,
            Part::Case => &mut retired.cases,
            Part::Report => &mut retired.reports,
            Part::Letter => &mut retired.letters,
            Part::Other => &mut retired.evidence,
        };
        *counted += count(close.execute(params![num, now])?);
    }
    Ok(())
}

fn each<T: rusqlite::ToSql>(statement: &mut Statement<'_>, rows: &[T], now: Timestamp) -> Result<u64> {
    let mut gone = 0;
    for row in rows {
        gone += count(statement.execute(params![row, now])?);
    }
    Ok(gone)
}

/// The words and files of reports that nobody bound to a conversation.
pub(super) fn forget_apart(db: &Connection, reports: &[i64], papers: &mut u64) -> Result<u64> {
    let mut close = db.prepare_cached(
        "UPDATE report SET sealed = NULL WHERE num = ?1 AND conversation IS NULL AND sealed IS NOT NULL RETURNING id",
    )?;
    let mut drop_papers = db.prepare_cached("DELETE FROM paper WHERE owner = ?1")?;
    let mut gone = 0;
    for num in reports {
        if let Some(id) = close.query_row([num], |row| row.get::<_, EventId>(0)).optional()? {
            *papers += count(drop_papers.execute([id])?);
            gone += 1;
        }
    }
    Ok(gone)
}

/// What the journal says of it: numbers that name nobody.
fn facts(retired: &Retired) -> String {
    let Retired { messages, files, cases, reports, letters, appeals, papers, evidence, access } = retired;
    format!(
        "messages={messages} files={files} cases={cases} reports={reports} letters={letters} appeals={appeals} \
         papers={papers} private={evidence} access={access}"
    )
}

fn count(n: usize) -> u64 {
    n.try_into().unwrap_or(u64::MAX)
}

/// A violation v that somebody may still appeal against: from its last decision, which came at ?2 or later.
const CONTESTABLE: &str = "v.state = 'counted' AND max(v.decided, coalesce(
    (SELECT max(b.decided) FROM appeal b WHERE b.violation = v.id), 0)) >= ?2";
/// So many entries at once: a few milliseconds.
const PIECE: usize = 500;
const HOUR: i64 = 3_600_000;
