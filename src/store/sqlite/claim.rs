//! Claims: who may hand over what, until when; and how it ended.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{
    columns::{at_most, signed, unsigned},
    deliveries::{self, Message, current_epoch},
};
use crate::{
    model::{Channel, ConversationId, Duration, EventId, Marketplace, MessageState, Scope, Side, Timestamp},
    store::{
        Cargo, Delivery, DeliveryRow, Ending, Settled,
        outbox::{DeliveryState, LANE_SHARE, UNDER_WAY, late_notice},
    },
};

/// Whether anything is due: asked of a reader, so that an idle outbox costs the writer nothing.
pub(super) fn is_due(db: &Connection, now: Timestamp) -> Result<bool> {
    db.prepare_cached("SELECT 1 FROM delivery WHERE ready <= ?1 LIMIT 1")?.exists([now])
}

/// See [`crate::store::Ledger::claim`].
pub(super) fn claim(db: &Connection, now: Timestamp, lease: Duration, limit: usize) -> Result<Vec<Delivery>> {
    let mut taken = Vec::new();
    for lane in due_lanes(db, now, limit)? {
        let room = limit.saturating_sub(taken.len()).min(LANE_SHARE);
        if room == 0 {
            break;
        }
        claim_lane(db, lane, now, now.plus(lease), room, &mut taken)?;
    }
    Ok(taken)
}

/// See [`crate::store::Store::take_over`]: leases end now, so that what was claimed is due.
pub(super) fn take_over(db: &Connection, now: Timestamp) -> Result<()> {
    db.prepare_cached(
        "UPDATE delivery SET due = ?2, ready = iif(ready IS NULL, NULL, ?2)
         WHERE lane IS NOT NULL AND state = ?1 AND due > ?2",
    )?
    .execute(params![DeliveryState::Claimed, now])?;
    super::letters::take_over(db, now)
}

fn due_lanes(db: &Connection, now: Timestamp, limit: usize) -> Result<Vec<i64>> {
    db.prepare_cached("SELECT lane FROM delivery WHERE ready <= ?1 ORDER BY ready, num LIMIT ?2")?
        .query_map(params![now, at_most(limit)], |row| row.get(0))?
        .collect()
}

/// Takes consecutive due deliveries from the head of a lane.
fn claim_lane(
    db: &Connection,
    lane: i64,
    now: Timestamp,
    until: Timestamp,
    room: usize,
    taken: &mut Vec<Delivery>,
) -> Result<()> {
    let waiting = waiting(db, lane, room)?;
    // After a release, something behind the new head may still be on its way.
    if waiting.iter().any(|one| one.is_claimed && one.due > now) {
        return Ok(());
    }
    for one in waiting {
        if one.due > now {
            break;
        }
        if one.epoch == current_epoch(db, one.conversation, one.to)? || one.cargo != Cargo::Message {
            taken.push(one.take(db, until)?);
        } else {
            deliveries::withhold(db, (one.num, one.id, one.message), Some(lane), now, late_notice(now))?;
        }
    }
    Ok(())
}

/// A delivery in a lane, before it is claimed.
struct Waiting {
    num: i64,
    id: EventId,
    conversation: i64,
    message: i64,
    to: Side,
    cargo: Cargo,
    is_claimed: bool,
    due: Timestamp,
    claim: u64,
    attempts: u32,
    epoch: u64,
}

fn waiting(db: &Connection, lane: i64, room: usize) -> Result<Vec<Waiting>> {
    db.prepare_cached(
        "SELECT d.num, d.id, d.conversation, d.message, d.to_side, d.cargo, d.state, d.due, d.claim, d.attempts, m.epoch
         FROM delivery d JOIN message m ON m.num = d.message
         WHERE d.lane = ?1 ORDER BY d.seq, d.num LIMIT ?2",
    )?
    .query_map(params![lane, at_most(room)], Waiting::find)?
    .collect()
}

/// See [`crate::store::Store::take_up`].
pub(super) fn take_up(db: &Connection, scope: &Scope, message: EventId, now: Timestamp) -> Result<Option<u64>> {
    let found = db
        .prepare_cached(
            "SELECT d.num, d.id, d.conversation, d.message, d.to_side, d.cargo, d.state, d.due, d.claim, d.attempts,
                 m.epoch
             FROM delivery d JOIN message m ON m.num = d.message JOIN conversation c ON c.num = d.conversation
             WHERE m.id = ?1 AND c.marketplace = ?2 AND d.channel = ?3 AND d.state = ?4",
        )?
        .query_row(
            params![message, super::pair::market(db, scope)?, Channel::Proxy, DeliveryState::Failed],
            Waiting::find,
        )
        .optional()?;
    let Some(one) = found else { return Ok(None) };
    if one.epoch != current_epoch(db, one.conversation, one.to)? {
        deliveries::withhold(db, (one.num, one.id, one.message), None, now, late_notice(now))?;
        return Ok(None);
    }
    db.prepare_cached("UPDATE delivery SET lane = -num, ready = due, settled = NULL WHERE num = ?1")?
        .execute([one.num])?;
    one.take(db, now.plus(UNDER_WAY)).map(|delivery| Some(delivery.claim))
}

impl Waiting {
    fn find(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            num: row.get(0)?,
            id: row.get(1)?,
            conversation: row.get(2)?,
            message: row.get(3)?,
            to: row.get(4)?,
            cargo: row.get(5)?,
            is_claimed: row.get::<_, DeliveryState>(6)? == DeliveryState::Claimed,
            due: row.get(7)?,
            claim: unsigned(row.get(8)?),
            attempts: row.get(9)?,
            epoch: unsigned(row.get(10)?),
        })
    }

    /// Claims it until then. One whose lease ran out counts as tried.
    fn take(self, db: &Connection, until: Timestamp) -> Result<Delivery> {
        let claim = self.claim + 1;
        let attempts = self.attempts + u32::from(self.is_claimed);
        db.prepare_cached(
            "UPDATE delivery SET state = ?2, due = ?3, ready = iif(ready IS NULL, NULL, ?3), claim = claim + 1, attempts = ?4
             WHERE num = ?1",
        )?
        .execute(params![self.num, DeliveryState::Claimed, until, attempts])?;
        db.prepare_cached(
            "SELECT k.name, c.id, m.id, d.channel, b.sealed, d.accepted
             FROM delivery d
             JOIN conversation c ON c.num = d.conversation
             JOIN marketplace k ON k.num = c.marketplace
             JOIN message m ON m.num = d.message
             LEFT JOIN delivery_body b ON b.delivery = d.num
             WHERE d.num = ?1",
        )?
        .query_row([self.num], |row| self.read(row, claim, attempts))
    }

    fn read(&self, row: &Row<'_>, claim: u64, attempts: u32) -> Result<Delivery> {
        Ok(Delivery {
            id: self.id,
            claim,
            scope: Scope::proven(row.get::<_, Marketplace>(0)?),
            conversation: row.get::<_, ConversationId>(1)?,
            message: row.get(2)?,
            to: self.to,
            channel: row.get(3)?,
            cargo: self.cargo,
            body: row.get::<_, Option<Vec<u8>>>(4)?.map(Bytes::from).unwrap_or_default(),
            attempts,
            accepted: row.get(5)?,
            epoch: (self.cargo == Cargo::Message && self.to == Side::Buyer).then_some(self.epoch),
        })
    }
}

/// See [`crate::store::Ledger::still_current`].
pub(super) fn still_current(db: &Connection, delivery: &Delivery) -> Result<bool> {
    is_current(db, delivery.id, delivery.claim)
}

/// Whether a delivery is still under its claim, and nothing that closes the way has come since its message was taken.
/// One statement, so that it looks at one moment without a transaction.
fn is_current(db: &Connection, id: EventId, claim: u64) -> Result<bool> {
    db.prepare_cached(
        "SELECT 1 FROM delivery d
         JOIN message m ON m.num = d.message
         JOIN conversation c ON c.num = d.conversation
         LEFT JOIN pair p ON p.buyer = c.buyer AND p.seller = c.seller
         WHERE d.id = ?1 AND d.claim = ?2 AND d.state = ?3
             AND (d.cargo <> ?4 OR m.epoch = coalesce(iif(d.to_side = 'buyer', p.epoch, p.epoch_seller), 0))",
    )?
    .exists(params![id, signed(claim), DeliveryState::Claimed, Cargo::Message])
}

/// See [`crate::store::Ledger::settle`].
pub(super) fn settle(db: &Connection, outcomes: &[Settled]) -> Result<bool> {
    let mut more = false;
    for outcome in outcomes {
        // An outcome of an older claim, or of what has ended meanwhile, changes nothing.
        if let Some(row) = Claimed::find(db, outcome.id, outcome.claim)? {
            more |= row.settle(db, outcome)?;
        }
    }
    Ok(more)
}

/// A delivery under a claim.
struct Claimed {
    num: i64,
    id: EventId,
    message: i64,
    cargo: Cargo,
    lane: i64,
}

impl Claimed {
    fn find(db: &Connection, id: EventId, claim: u64) -> Result<Option<Self>> {
        db.prepare_cached(
            "SELECT num, id, message, cargo, lane FROM delivery
             WHERE id = ?1 AND claim = ?2 AND state = ?3",
        )?
        .query_row(params![id, signed(claim), DeliveryState::Claimed], |row| {
            Ok(Self { num: row.get(0)?, id: row.get(1)?, message: row.get(2)?, cargo: row.get(3)?, lane: row.get(4)? })
        })
        .optional()
    }

    /// `true`: one that stood behind it leads its lane now.
    fn settle(self, db: &Connection, outcome: &Settled) -> Result<bool> {
        let at = outcome.at;
        match &outcome.how {
            Ending::Delivered => self.end(db, DeliveryState::Delivered, at, at),
            Ending::Failed => self.end(db, DeliveryState::Failed, at, at),
            Ending::Withheld { notice_due } => self.end(db, DeliveryState::Withheld, at, *notice_due),
            // What a barrier caught in flight, and what did not arrive, is withheld now.
            _ if !is_current(db, outcome.id, outcome.claim)? => {
                self.end(db, DeliveryState::Withheld, at, late_notice(at))
            }
            Ending::Deferred(until) => self.wait(db, *until, 1).map(|()| false),
            Ending::Released => self.wait(db, at, 0).map(|()| true),
        }
    }

    fn end(self, db: &Connection, state: DeliveryState, at: Timestamp, notice_due: Timestamp) -> Result<bool> {
        let more = deliveries::close(db, self.num, Some(self.lane), state, at)?;
        let message = Message::numbered(db, self.message)?;
        match (self.cargo, state) {
            (Cargo::Message, _) => message.conclude(db, format!("delivery={}", self.id), at, notice_due).map(drop),
            (notice, DeliveryState::Delivered) => deliveries::notice_arrived(db, &message, notice, at),
            // A notice that could not be delivered leaves no other.
            _ => Ok(()),
        }?;
        Ok(more)
    }

    fn wait(self, db: &Connection, due: Timestamp, tried: u32) -> Result<()> {
        db.prepare_cached(
            "UPDATE delivery SET state = ?2, due = ?3, ready = iif(ready IS NULL, NULL, ?3), attempts = attempts + ?4
             WHERE num = ?1",
        )?
        .execute(params![self.num, DeliveryState::Queued, due, tried])
        .map(drop)
    }
}

/// A delivery by its id.
pub(super) fn find(db: &Connection, id: EventId) -> Result<Option<(Scope, DeliveryRow)>> {
    db.prepare_cached(
        "SELECT k.name, c.id, m.id, d.to_side, d.cargo
         FROM delivery d
         JOIN conversation c ON c.num = d.conversation
         JOIN marketplace k ON k.num = c.marketplace
         JOIN message m ON m.num = d.message
         WHERE d.id = ?1",
    )?
    .query_row([id], |row| {
        let found =
            DeliveryRow { conversation: row.get(1)?, message: row.get(2)?, to: row.get(3)?, cargo: row.get(4)? };
        Ok((Scope::proven(row.get::<_, Marketplace>(0)?), found))
    })
    .optional()
}

/// See [`crate::store::Store::bounced`]. A bounce may overtake the settling of its delivery.
pub(super) fn bounced(db: &Connection, scope: &Scope, id: EventId, at: Timestamp) -> Result<bool> {
    let found: Option<(i64, i64, Cargo, Option<i64>)> = db
        .prepare_cached(
            "SELECT d.num, d.message, d.cargo, d.lane FROM delivery d
             JOIN conversation c ON c.num = d.conversation
             WHERE d.id = ?1 AND c.marketplace = ?2 AND d.state IN ('delivered', 'claimed')",
        )?
        .query_row(params![id, super::pair::market(db, scope)?], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let Some((num, message, cargo, lane)) = found else { return Ok(false) };
    deliveries::close(db, num, lane, DeliveryState::Failed, at)?;
    let message = Message::numbered(db, message)?;
    let known = cargo != Cargo::Message || message.state == MessageState::Failed;
    if !known {
        message.end(db, MessageState::Failed, format!("bounce={id}"), at, at)?;
    }
    Ok(true)
}
