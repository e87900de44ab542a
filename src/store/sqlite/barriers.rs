//! Reviews and blocks: barriers that nothing older passes.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{
    arrivals,
    columns::signed,
    deliveries::{self, Message, lane},
    evidence, handles,
    pair::{Pair, Place, market},
    pickups, strikes,
};
use crate::{
    model::{CaseState, ConversationId, EventId, MessageState, ReviewId, Scope, Side, Timestamp},
    store::{
        Barrier, NewBlock, NewEntry, NewFear, NewNarrowing, NewReview, Record, ReviewRow,
        outbox::{self, DeliveryState},
    },
};

/// See [`crate::store::Ledger::review`].
pub(super) fn review(db: &Connection, scope: &Scope, review: &NewReview) -> Result<Option<Barrier>> {
    let Some(place) = Place::find(db, scope, &review.conversation)? else { return Ok(None) };
    let known = Known::find(db, &place, &review.id)?;
    if known.as_ref().is_some_and(|known| known.conversation != place.num) {
        return Ok(None);
    }
    let raised = known.as_ref().is_none_or(|known| review.rating < known.rating || known.withdrawn);
    let changed = known.as_ref().is_none_or(|known| review.rating != known.rating);
    if let Some(known) = known.as_ref().filter(|_| changed) {
        let what = format!("from={} to={}", known.rating, review.rating);
        arrivals::after_contact(db, &place, &what, known.at, review.at)?;
    }
    let reviewer = known.map_or_else(|| review.reviewer.clone(), |known| known.reviewer);
    let mut barrier = Barrier { withheld: Vec::new(), in_flight: Vec::new(), reviewer, raised };
    if raised || changed {
        keep_review(db, &place, review, &barrier)?;
        evidence::add(db, place.num, &review.entry)?;
    }
    if raised {
        let pair = Pair::read(db, &place, review.at)?;
        raise(db, &place, pair.state.now, Towards::Buyer)?;
        db.prepare_cached("INSERT INTO barrier (buyer, seller, at, rating) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![place.buyer, place.seller, pair.state.now, review.rating])?;
        stop(db, &place, &[Side::Buyer], review.at, review.notice_due, &mut barrier)?;
        arrivals::slipped(db, &place, review)?;
        handles::replace(db, place.num, Side::Buyer, &review.handles, review.at)?;
    }
    Ok(Some(barrier))
}

struct Known {
    conversation: i64,
    rating: u8,
    at: Timestamp,
    withdrawn: bool,
    reviewer: String,
}

impl Known {
    fn find(db: &Connection, place: &Place, id: &ReviewId) -> Result<Option<Self>> {
        db.prepare_cached(
            "SELECT conversation, rating, at, withdrawn, reviewer FROM review WHERE marketplace = ?1 AND id = ?2",
        )?
        .query_row(params![place.market, id], |row| {
            Ok(Self {
                conversation: row.get(0)?,
                rating: row.get(1)?,
                at: row.get(2)?,
                withdrawn: row.get(3)?,
                reviewer: row.get(4)?,
            })
        })
        .optional()
    }
}

fn keep_review(db: &Connection, place: &Place, review: &NewReview, barrier: &Barrier) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO review (marketplace, id, conversation, rating, at, claimed_at, withdrawn, reviewer)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7)
         ON CONFLICT (marketplace, id) DO UPDATE SET rating = excluded.rating, withdrawn = 0,
             at = iif(?8, excluded.at, at), claimed_at = coalesce(excluded.claimed_at, claimed_at)",
    )?
    .execute(params![
        place.market,
        review.id,
        place.num,
        review.rating,
        review.at,
        review.claimed_at,
        barrier.reviewer,
        barrier.raised
    ])
    .map(drop)
}

/// See [`crate::store::Ledger::block`].
pub(super) fn block(db: &Connection, scope: &Scope, block: &NewBlock) -> Result<Option<Barrier>> {
    let Some(place) = Place::find(db, scope, &block.conversation)? else { return Ok(None) };
    let pair = Pair::read(db, &place, block.at)?;
    let is_blocked = match block.by {
        Side::Buyer => pair.state.blocked_by_buyer,
        Side::Seller => pair.state.blocked_by_seller,
    };
    let raised = block.blocked && !is_blocked;
    let mut barrier = Barrier { withheld: Vec::new(), in_flight: Vec::new(), reviewer: String::new(), raised };
    if block.blocked == is_blocked {
        return Ok(Some(barrier));
    }
    evidence::add(db, place.num, &block.entry)?;
    if raised {
        let (towards, stopped): (_, &[Side]) = match block.by {
            Side::Buyer => (Towards::Buyer, &[Side::Buyer]),
            Side::Seller => (Towards::Both, &[Side::Buyer, Side::Seller]),
        };
        raise(db, &place, pair.state.now, towards)?;
        stop(db, &place, stopped, block.at, block.notice_due, &mut barrier)?;
        handles::replace(db, place.num, block.by, &block.handles, block.at)?;
    }
    set_blocked(db, &place, block.by, block.blocked)?;
    if block.by == Side::Buyer && !block.blocked {
        for seller in place.sellers(db)? {
            db.prepare_cached("DELETE FROM fear WHERE buyer = ?1 AND seller = ?2")?.execute([place.buyer, seller])?;
        }
    }
    Ok(Some(barrier))
}

/// See [`crate::store::Store::fear`].
pub(super) fn fear(db: &Connection, scope: &Scope, fear: &NewFear) -> Result<Option<Barrier>> {
    let Some(place) = Place::find(db, scope, &fear.conversation)? else { return Ok(None) };
    let pair = Pair::read(db, &place, fear.at)?;
    let mut barrier = Barrier { withheld: Vec::new(), in_flight: Vec::new(), reviewer: String::new(), raised: true };
    raise(db, &place, pair.state.now, Towards::Buyer)?;
    stop(db, &place, &[Side::Buyer], fear.at, fear.notice_due, &mut barrier)?;
    for conversation in conversations(db, &place)? {
        handles::shut(db, conversation, Side::Buyer, fear.at)?;
        pickups::stop(db, conversation, fear.at)?;
        evidence::add(db, conversation, &fear.entry)?;
    }
    for (conversation, new) in &fear.handles {
        if let Some(num) = evidence::conversation(db, scope, conversation)? {
            handles::mint_missing(db, num, new)?;
        }
    }
    set_blocked(db, &place, Side::Buyer, true)?;
    for seller in place.acquainted(db)? {
        db.prepare_cached("INSERT OR IGNORE INTO fear (buyer, seller, since) VALUES (?1, ?2, ?3)")?
            .execute(params![place.buyer, seller, fear.at])?;
    }
    Ok(Some(barrier))
}

/// The buyer says that nothing more is wanted: as a block by the buyer, until the next own word.
pub(super) fn stop_contact(
    db: &Connection,
    place: &Place,
    pair: &mut Pair,
    record: &Record,
    notice_due: Timestamp,
) -> Result<()> {
    let mut barrier = Barrier { withheld: Vec::new(), in_flight: Vec::new(), reviewer: String::new(), raised: true };
    raise(db, place, pair.state.now, Towards::Buyer)?;
    for seller in place.sellers(db)? {
        db.prepare_cached("UPDATE pair SET stopped = ?3 WHERE buyer = ?1 AND seller = ?2")?.execute(params![
            place.buyer,
            seller,
            pair.state.now
        ])?;
    }
    stop(db, place, &[Side::Buyer], record.at, notice_due, &mut barrier)?;
    pair.state.stopped = Some(pair.state.now);
    pair.state.epoch += 1;
    evidence::add(db, place.num, &outbox::stop_entry(record, &barrier))
}

/// See [`crate::store::Ledger::narrow`].
pub(super) fn narrow(db: &Connection, scope: &Scope, new: &NewNarrowing) -> Result<Option<Barrier>> {
    let Some(place) = Place::find(db, scope, &new.conversation)? else { return Ok(None) };
    let pair = Pair::read(db, &place, new.at)?;
    let raised = new.state == Some(CaseState::Closed);
    let mut barrier = Barrier { withheld: Vec::new(), in_flight: Vec::new(), reviewer: String::new(), raised };
    match new.state {
        Some(state) => db
            .prepare_cached(
                "INSERT INTO case_state (buyer, seller, id, state, at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (buyer, seller, id) DO UPDATE SET state = excluded.state, at = excluded.at",
            )?
            .execute(params![place.buyer, place.seller, new.case, state, pair.state.now])?,
        None => db
            .prepare_cached("DELETE FROM case_state WHERE buyer = ?1 AND seller = ?2 AND id = ?3")?
            .execute(params![place.buyer, place.seller, new.case])?,
    };
    evidence::add(db, place.num, &new.entry)?;
    if raised {
        raise(db, &place, pair.state.now, Towards::Buyer)?;
        stop(db, &place, &[Side::Buyer], new.at, new.notice_due, &mut barrier)?;
    }
    Ok(Some(barrier))
}

/// See [`crate::store::Store::afraid`].
pub(super) fn afraid(db: &Connection, scope: &Scope, id: &ConversationId) -> Result<bool> {
    let Some(place) = Place::find(db, scope, id)? else { return Ok(false) };
    for seller in place.sellers(db)? {
        if db.prepare_cached("SELECT 1 FROM fear WHERE buyer = ?1 AND seller = ?2")?.exists([place.buyer, seller])? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// See [`crate::store::Store::pair_conversations`].
pub(super) fn named(db: &Connection, scope: &Scope, id: &ConversationId) -> Result<Vec<ConversationId>> {
    let Some(place) = Place::find(db, scope, id)? else { return Ok(Vec::new()) };
    let mut name = db.prepare_cached("SELECT id FROM conversation WHERE num = ?1")?;
    conversations(db, &place)?.into_iter().map(|num| name.query_row([num], |row| row.get(0))).collect()
}

fn set_blocked(db: &Connection, place: &Place, by: Side, blocked: bool) -> Result<()> {
    let change = match by {
        Side::Buyer => "UPDATE pair SET blocked_by_buyer = ?3 WHERE buyer = ?1 AND seller = ?2",
        Side::Seller => "UPDATE pair SET blocked_by_seller = ?3 WHERE buyer = ?1 AND seller = ?2",
    };
    for seller in place.sellers(db)? {
        db.prepare_cached(change)?.execute(params![place.buyer, seller, blocked])?;
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Towards {
    Buyer,
    Both,
}

/// Raises the epochs of every pair of the group with the buyer; from now on what was accepted
/// before is old. Who never wrote to the buyer has nothing that could be.
fn raise(db: &Connection, place: &Place, now: Timestamp, towards: Towards) -> Result<()> {
    for seller in place.acquainted(db)? {
        db.prepare_cached(
            "INSERT INTO pair (buyer, seller, epoch, epoch_seller, high_water, last_from_buyer, blocked_by_buyer,
                 blocked_by_seller)
             VALUES (?1, ?2, 1, ?4, ?3, NULL, 0, 0)
             ON CONFLICT (buyer, seller) DO UPDATE SET epoch = epoch + 1, epoch_seller = epoch_seller + ?4,
                 high_water = max(high_water, excluded.high_water)",
        )?
        .execute(params![place.buyer, seller, now, i64::from(towards == Towards::Both)])?;
    }
    Ok(())
}

/// Withholds what is accepted and not being handed over; names what is.
fn stop(
    db: &Connection,
    place: &Place,
    sides: &[Side],
    at: Timestamp,
    notice_due: Timestamp,
    barrier: &mut Barrier,
) -> Result<()> {
    for conversation in conversations(db, place)? {
        for side in sides {
            let lane = lane(conversation, *side);
            for open in open_in(db, lane)? {
                if open.in_flight(at) {
                    barrier.in_flight.push(open.message_id);
                } else if deliveries::withhold(db, (open.num, open.id, open.message), Some(lane), at, notice_due)?
                    == MessageState::Withheld
                {
                    barrier.withheld.push(open.message_id);
                }
            }
        }
    }
    barrier.in_flight.dedup();
    Ok(())
}

pub(super) fn conversations(db: &Connection, place: &Place) -> Result<Vec<i64>> {
    let mut all = Vec::new();
    for seller in place.sellers(db)? {
        all.append(&mut Place::between(db, place.buyer, seller)?);
    }
    Ok(all)
}

struct OpenDelivery {
    num: i64,
    id: EventId,
    message: i64,
    message_id: EventId,
    state: DeliveryState,
    due: Timestamp,
}

impl OpenDelivery {
    /// Under a claim whose lease has not run out.
    fn in_flight(&self, at: Timestamp) -> bool {
        self.state == DeliveryState::Claimed && self.due > at
    }
}

fn open_in(db: &Connection, lane: i64) -> Result<Vec<OpenDelivery>> {
    db.prepare_cached(
        "SELECT d.num, d.id, d.message, m.id, d.state, d.due FROM delivery d JOIN message m ON m.num = d.message
         WHERE d.lane = ?1 ORDER BY d.seq, d.num",
    )?
    .query_map([lane], |row| {
        Ok(OpenDelivery {
            num: row.get(0)?,
            id: row.get(1)?,
            message: row.get(2)?,
            message_id: row.get(3)?,
            state: row.get(4)?,
            due: row.get(5)?,
        })
    })?
    .collect()
}

/// One review.
pub(super) fn find_review(db: &Connection, scope: &Scope, id: &ReviewId) -> Result<Option<ReviewRow>> {
    db.prepare_cached(&format!("{REVIEW} WHERE r.marketplace = ?1 AND r.id = ?2"))?
        .query_row(params![market(db, scope)?, id], read_review)
        .optional()
}

pub(super) fn read_review(row: &Row<'_>) -> Result<ReviewRow> {
    Ok(ReviewRow {
        conversation: row.get(0)?,
        rating: row.get(1)?,
        at: row.get(2)?,
        withdrawn: row.get(3)?,
        reviewer: row.get(4)?,
    })
}

/// A review's columns, and its id.
pub(super) const REVIEW: &str = "SELECT c.id, r.rating, r.at, r.withdrawn, r.reviewer, r.id
     FROM review r JOIN conversation c ON c.num = r.conversation";

/// See [`crate::store::Store::withdraw_review`].
pub(super) fn withdraw(db: &Connection, scope: &Scope, id: &ReviewId, entry: &NewEntry) -> Result<bool> {
    let withdrawn: Option<(i64, u8, Timestamp)> = db
        .prepare_cached(
            "UPDATE review SET withdrawn = 1 WHERE marketplace = ?1 AND id = ?2 AND withdrawn = 0
             RETURNING conversation, rating, at",
        )?
        .query_row(params![market(db, scope)?, id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((conversation, rating, at)) = withdrawn else { return Ok(false) };
    evidence::add(db, conversation, entry)?;
    let place = Place::numbered(db, conversation)?;
    arrivals::after_contact(db, &place, &format!("from={rating} to=withdrawn"), at, entry.at)?;
    Ok(true)
}

/// See [`crate::store::Store::decide`]. Whether the message was still held.
pub(super) fn decide(db: &Connection, scope: &Scope, decision: &crate::store::HeldDecision) -> Result<bool> {
    let found: Option<i64> = db
        .prepare_cached(
            "SELECT m.num FROM message m JOIN conversation c ON c.num = m.conversation
             WHERE m.id = ?1 AND m.state = 'held' AND c.marketplace = ?2
                 AND NOT (?3 AND m.reason IS 'escalated')",
        )?
        .query_row(params![decision.id, market(db, scope)?, decision.release], |row| row.get(0))
        .optional()?;
    let Some(num) = found else { return Ok(false) };
    let message = Message::numbered(db, num)?;
    evidence::add(db, message.conversation, &decision.entry)?;
    strikes::held_decided(db, scope, (decision.id, decision.release), &decision.ruling, decision.at)?;
    let place = Place::numbered(db, message.conversation)?;
    let pair = Pair::read(db, &place, decision.at)?;
    match decision.release {
        false => refuse(db, message, decision.at)?,
        true if signed(message.epoch) != signed(pair.epoch_towards(message.from.other())) => {
            close_held(db, message.num, decision.at)?;
            message.end(db, MessageState::Withheld, "held=true".to_owned(), decision.at, decision.notice_due)?;
        }
        true => release(db, message, (&place, &pair), decision)?,
    }
    Ok(true)
}

fn refuse(db: &Connection, message: Message, at: Timestamp) -> Result<()> {
    close_held(db, message.num, at)?;
    message.give_back(db)?;
    db.prepare_cached("UPDATE message SET state = 'refused', reason = coalesce(reason, 'content') WHERE num = ?1")?
        .execute([message.num])?;
    message.tell(db, MessageState::Refused, at)
}

fn release(
    db: &Connection,
    message: Message,
    (place, pair): (&Place, &Pair),
    decision: &crate::store::HeldDecision,
) -> Result<()> {
    let at = decision.at;
    // What the buyer wrote before they said stop, or said it with, is no word after it.
    let stopped = pair.state.stopped.is_some_and(|stop| message.at <= stop);
    if message.from == Side::Buyer && !message.automatic && !stopped {
        pair.touch(db, place, true)?;
    }
    if message.let_go(db, at)? {
        message.tell_cut(db, decision.notice_due)?;
    }
    if deliveries::release(db, message.conversation, message.num, at)? > 0 {
        return message.set_state(db, MessageState::Queued);
    }
    message.end(db, MessageState::Delivered, "delivery=api".to_owned(), at, at).map(drop)
}

/// Takes the deliveries of a held message out for good.
pub(super) fn close_held(db: &Connection, message: i64, at: Timestamp) -> Result<()> {
    let held: Vec<i64> = db
        .prepare_cached("SELECT num FROM delivery WHERE message = ?1 AND state = 'held'")?
        .query_map([message], |row| row.get(0))?
        .collect::<Result<_>>()?;
    held.into_iter().try_for_each(|num| deliveries::close(db, num, None, DeliveryState::Withheld, at).map(drop))
}
