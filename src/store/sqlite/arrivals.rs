//! What of a seller's reached the buyer around a review: named when it came late or was changed.

use rusqlite::{Connection, Result, params};

use super::{evidence, pair::Place};
use crate::{
    model::{EntryKind, EventId, Timestamp},
    store::{NewReview, outbox},
};

/// A review that was changed after the seller had reached the buyer: with what came between.
pub(super) fn after_contact(db: &Connection, place: &Place, what: &str, from: Timestamp, to: Timestamp) -> Result<()> {
    let messages = arrived(db, place, from, to)?;
    if messages.is_empty() {
        return Ok(());
    }
    evidence::add(db, place.num, &outbox::review_entry(EntryKind::ReviewChangedAfterContact, what, &messages, to))
}

/// A review that reached us late: with what got through before its barrier.
pub(super) fn slipped(db: &Connection, place: &Place, review: &NewReview) -> Result<()> {
    let Some(claimed) = review.claimed_at.filter(|claimed| *claimed < review.at) else { return Ok(()) };
    let messages = arrived(db, place, claimed, review.at)?;
    if messages.is_empty() {
        return Ok(());
    }
    let what = format!("rating={} claimed={}", review.rating, claimed.rfc3339());
    evidence::add(db, place.num, &outbox::review_entry(EntryKind::ReviewSlipped, &what, &messages, review.at))
}

/// The messages of the seller's group that reached the buyer after one moment and up to another.
fn arrived(db: &Connection, place: &Place, after: Timestamp, until: Timestamp) -> Result<Vec<EventId>> {
    let mut ids = Vec::new();
    for seller in place.sellers(db)? {
        let mut query = db.prepare_cached(
            "SELECT id FROM (
                 SELECT m.id, coalesce((SELECT max(d.settled) FROM delivery d
                     WHERE d.message = m.num AND d.cargo = 'message' AND d.state = 'delivered'), m.at) AS came
                 FROM conversation c JOIN message m ON m.conversation = c.num
                 WHERE c.buyer = ?1 AND c.seller = ?2 AND m.from_side = 'seller' AND m.state = 'delivered')
             WHERE came > ?3 AND came <= ?4 ORDER BY came",
        )?;
        for id in query.query_map(params![place.buyer, seller, after, until], |row| row.get(0))? {
            ids.push(id?);
        }
    }
    Ok(ids)
}
