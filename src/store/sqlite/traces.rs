//! What is kept of a conversation beside its messages, letters and cases: for who asks what is held about them.

use rusqlite::{Connection, Result, params};

use super::{appeals, barriers, pair::Place, reports};
use crate::{
    model::{ConversationId, PartyId, ReviewId, Scope, Side},
    store::{ReportRow, ReviewRow, Traces},
};

/// See [`crate::store::Persons::traces`].
pub(super) fn of(db: &Connection, scope: &Scope, id: &ConversationId) -> Result<Traces> {
    let Some(place) = Place::find(db, scope, id)? else { return Ok(Traces::default()) };
    let mut traces = Traces {
        reviews: reviews(db, &place)?,
        reports: reports::of(db, place.num)?,
        tickets: appeals::tickets_in(db, place.num)?,
        ..Traces::default()
    };
    let mut pair = db.prepare_cached(
        "SELECT blocked_by_buyer, blocked_by_seller, stopped,
             (SELECT since FROM fear f WHERE f.buyer = p.buyer AND f.seller = p.seller)
         FROM pair p WHERE buyer = ?1 AND seller = ?2",
    )?;
    let mut rows = pair.query([place.buyer, place.seller])?;
    if let Some(row) = rows.next()? {
        traces.blocked = [row.get(0)?, row.get(1)?];
        traces.stopped = row.get(2)?;
        traces.afraid = row.get(3)?;
    }
    Ok(traces)
}

fn reviews(db: &Connection, place: &Place) -> Result<Vec<(ReviewId, ReviewRow)>> {
    db.prepare_cached(&format!("{} WHERE r.conversation = ?1 ORDER BY r.at", barriers::REVIEW))?
        .query_map([place.num], |row| Ok((row.get(5)?, barriers::read_review(row)?)))?
        .collect()
}

/// See [`crate::store::Persons::reports_apart`].
pub(super) fn apart(db: &Connection, scope: &Scope, party: &PartyId) -> Result<Vec<ReportRow>> {
    let reported = "r.conversation IS NULL AND r.reporter IN (
        SELECT p.num FROM marketplace m JOIN party p ON p.marketplace = m.num WHERE m.name = ?1 AND p.id = ?2)";
    let mut all = reports::where_is(db, reported, params![scope.marketplace(), party])?;
    for (column, side) in [("buyer", Side::Buyer), ("seller", Side::Seller)] {
        let condition = format!(
            "r.conversation IS NULL AND r.reporter IS NULL AND r.by_side = ?3 AND r.num IN (
                 SELECT l.report FROM marketplace m JOIN party p ON p.marketplace = m.num
                 JOIN conversation c ON c.{column} = p.num JOIN handle h ON h.conversation = c.num AND h.stands_for = ?3
                 JOIN report_leak l ON l.handle = h.hash WHERE m.name = ?1 AND p.id = ?2)"
        );
        all.extend(reports::where_is(db, &condition, params![scope.marketplace(), party, side])?);
    }
    Ok(all)
}
