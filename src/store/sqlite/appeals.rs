//! Appeals against violations, and sellers' tickets about buyers' messages.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{
    columns::at_most,
    evidence,
    pair::{Place, market},
    strikes::{self, Account, Of},
};
use crate::{
    model::{EntryKind, EventId, Scope, Side, Timestamp},
    store::{
        AppealDecision, AppealRow, Filed, NewAppeal, NewTicket, NewViolation, TicketRow, TicketRuling, ViolationState,
    },
};

/// See [`crate::store::Store::file_appeal`].
pub(super) fn file(db: &Connection, scope: &Scope, new: &NewAppeal) -> Result<Filed> {
    let market = market(db, scope)?;
    let conversation: Option<i64> = db
        .prepare_cached(
            "SELECT v.conversation FROM violation v JOIN party p ON p.num = v.party
             WHERE v.marketplace = ?1 AND v.id = ?2 AND v.state = 'counted' AND p.profile IS NOT NULL",
        )?
        .query_row(params![market, new.violation], |row| row.get(0))
        .optional()?;
    let Some(conversation) = conversation else { return Ok(Filed::Moot) };
    let (filed, open): (u32, u32) = db
        .prepare_cached("SELECT count(*), count(*) - count(decided) FROM appeal WHERE violation = ?1")?
        .query_row([new.violation], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if open > 0 {
        return Ok(Filed::Open);
    }
    if filed >= new.times {
        return Ok(Filed::Spent);
    }
    let n = filed + 1;
    db.prepare_cached("INSERT INTO appeal (id, marketplace, violation, n, at, words) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![new.id, market, new.violation, n, new.at, new.words])?;
    evidence::add(db, conversation, &new.entry)?;
    Ok(Filed::Done(n))
}

/// See [`crate::store::Store::appeals`].
pub(super) fn list(db: &Connection, scope: &Scope, violation: EventId) -> Result<Vec<AppealRow>> {
    db.prepare_cached(&format!("{APPEAL} WHERE marketplace = ?1 AND violation = ?2 ORDER BY n"))?
        .query_map(params![market(db, scope)?, violation], read)?
        .collect()
}

/// See [`crate::store::Store::appeal`].
pub(super) fn find(db: &Connection, scope: &Scope, id: EventId) -> Result<Option<AppealRow>> {
    db.prepare_cached(&format!("{APPEAL} WHERE marketplace = ?1 AND id = ?2"))?
        .query_row(params![market(db, scope)?, id], read)
        .optional()
}

const APPEAL: &str = "SELECT id, violation, n, at, words, decided, upheld, ruling FROM appeal";

fn read(row: &Row<'_>) -> Result<AppealRow> {
    Ok(AppealRow {
        id: row.get(0)?,
        violation: row.get(1)?,
        n: row.get(2)?,
        at: row.get(3)?,
        words: row.get(4)?,
        outcome: row.get::<_, Option<Timestamp>>(5)?.zip(row.get(6)?),
        ruling: row.get(7)?,
    })
}

/// See [`crate::store::Store::decide_appeal`]. `false`: it is not open.
pub(super) fn decide(db: &Connection, scope: &Scope, decision: &AppealDecision) -> Result<bool> {
    let decided: Option<EventId> = db
        .prepare_cached(
            "UPDATE appeal SET decided = ?3, upheld = ?4, ruling = ?5
             WHERE marketplace = ?1 AND id = ?2 AND decided IS NULL RETURNING violation",
        )?
        .query_row(params![market(db, scope)?, decision.id, decision.at, decision.upheld, decision.ruling], |row| {
            row.get(0)
        })
        .optional()?;
    let Some(violation) = decided else { return Ok(false) };
    let (conversation, party, side, message): (i64, i64, Side, EventId) = db
        .prepare_cached("SELECT conversation, party, side, message FROM violation WHERE id = ?1")?
        .query_row([violation], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    evidence::add(db, conversation, &decision.entry)?;
    if !decision.upheld {
        return Ok(true);
    }
    db.prepare_cached("UPDATE violation SET state = ?2 WHERE id = ?1 AND state = 'counted'")?
        .execute(params![violation, ViolationState::Reversed])?;
    let facts = format!("violation={violation} appeal={}", decision.id);
    let entry = strikes::entry(decision.at, EntryKind::ViolationReversed, Some(message), facts);
    evidence::add(db, conversation, &entry)?;
    strikes::reconcile(db, scope, Account { party, side }, &decision.arbiter, decision.at)?;
    Ok(true)
}

/// See [`crate::store::Store::file_ticket`]. The ticket as it is, and whether it is new: one for a message.
pub(super) fn file_ticket(db: &Connection, scope: &Scope, new: &NewTicket) -> Result<Option<(TicketRow, bool)>> {
    let Some(place) = Place::find(db, scope, &new.conversation)? else { return Ok(None) };
    let of_buyer = db
        .prepare_cached("SELECT 1 FROM message WHERE conversation = ?1 AND id = ?2 AND from_side = 'buyer'")?
        .exists(params![place.num, new.message])?;
    if !of_buyer {
        return Ok(None);
    }
    let made = db
        .prepare_cached(
            "INSERT INTO ticket (id, marketplace, conversation, message, breach, at, words)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (message) DO NOTHING",
        )?
        .execute(params![new.id, place.market, place.num, new.message, new.breach.as_str(), new.at, new.words])?;
    if made == 1 {
        evidence::add(db, place.num, &new.entry)?;
    }
    let row = db
        .prepare_cached(&format!("{TICKET} WHERE t.marketplace = ?1 AND t.message = ?2"))?
        .query_row(params![place.market, new.message], read_ticket)?;
    Ok(Some((row, made == 1)))
}

/// See [`crate::store::Store::ticket`].
pub(super) fn ticket(db: &Connection, scope: &Scope, id: EventId) -> Result<Option<TicketRow>> {
    db.prepare_cached(&format!("{TICKET} WHERE t.marketplace = ?1 AND t.id = ?2"))?
        .query_row(params![market(db, scope)?, id], read_ticket)
        .optional()
}

/// See [`crate::store::Store::tickets`].
pub(super) fn tickets(
    db: &Connection,
    scope: &Scope,
    seller: Option<&crate::model::PartyId>,
    after: Option<EventId>,
    limit: usize,
) -> Result<Vec<TicketRow>> {
    db.prepare_cached(&format!(
        "{TICKET} WHERE t.marketplace = ?1 AND (?2 IS NULL OR p.id = ?2) AND (?3 IS NULL OR t.id > ?3)
         ORDER BY t.id LIMIT ?4"
    ))?
    .query_map(params![market(db, scope)?, seller, after, at_most(limit)], read_ticket)?
    .collect()
}

/// Tickets about messages of a conversation, oldest first.
pub(super) fn tickets_in(db: &Connection, conversation: i64) -> Result<Vec<TicketRow>> {
    db.prepare_cached(&format!("{TICKET} WHERE t.conversation = ?1 ORDER BY t.id"))?
        .query_map([conversation], read_ticket)?
        .collect()
}

const TICKET: &str = "SELECT t.id, c.id, p.id, t.message, t.breach, t.at, t.words, t.decided, t.upheld, t.ruling
     FROM ticket t JOIN conversation c ON c.num = t.conversation JOIN party p ON p.num = c.seller";

fn read_ticket(row: &Row<'_>) -> Result<TicketRow> {
    Ok(TicketRow {
        id: row.get(0)?,
        conversation: row.get(1)?,
        seller: row.get(2)?,
        message: row.get(3)?,
        breach: strikes::breach(row, 4)?,
        at: row.get(5)?,
        words: row.get(6)?,
        outcome: row.get::<_, Option<Timestamp>>(7)?.zip(row.get(8)?),
        ruling: row.get(9)?,
    })
}

/// See [`crate::store::Store::rule_ticket`]. `false`: it is not open.
pub(super) fn rule_ticket(db: &Connection, scope: &Scope, ruling: &TicketRuling) -> Result<bool> {
    let ruled: Option<i64> = db
        .prepare_cached(
            "UPDATE ticket SET decided = ?3, upheld = ?4, ruling = ?5
             WHERE marketplace = ?1 AND id = ?2 AND decided IS NULL RETURNING conversation",
        )?
        .query_row(
            params![market(db, scope)?, ruling.id, ruling.at, ruling.violation.is_some(), ruling.ruling],
            |row| row.get(0),
        )
        .optional()?;
    let Some(conversation) = ruled else { return Ok(false) };
    evidence::add(db, conversation, &ruling.entry)?;
    let (Some((id, base)), Some(ticket)) = (ruling.violation, ticket(db, scope, ruling.id)?) else { return Ok(true) };
    let place = Place::numbered(db, conversation)?;
    let rule = "ruling".to_owned();
    let new = NewViolation { id, breach: ticket.breach, rule, part: "0".to_owned(), span: None, base };
    let of = Of {
        party: place.buyer,
        side: Side::Buyer,
        message: ticket.message,
        at: ruling.at,
        ruler: Some(&ruling.ruler),
    };
    strikes::add(db, &place, &of, &new, ViolationState::Counted)?;
    strikes::reconcile(db, scope, Account { party: place.buyer, side: Side::Buyer }, &ruling.arbiter, ruling.at)?;
    Ok(true)
}
