//! The outbox: deliveries in their lanes, and how their messages end.

use rusqlite::{Connection, Result, params};

use super::{
    columns::{signed, unsigned},
    evidence,
};
use crate::{
    model::{Channel, EntryKind, EventId, MessageState, Side, Timestamp},
    store::{
        Cargo, NewDelivery, NewEntry,
        outbox::{self, DeliveryState, Notice},
        words::Word,
    },
};

/// Of which message a delivery is.
pub(super) struct Open {
    pub(super) conversation: i64,
    pub(super) message: i64,
    pub(super) seq: u64,
    pub(super) accepted: Timestamp,
}

/// The lane of one direction of a conversation.
pub(super) fn lane(conversation: i64, to: Side) -> i64 {
    conversation * 2 + i64::from(to == Side::Seller)
}

/// Puts a delivery into its lane, or beside it while its message is held. With a lease and the lane
/// to itself it is claimed until then: whether it was, for whoever carries.
pub(super) fn add(db: &Connection, of: &Open, new: &NewDelivery, held: bool, lease: Option<Timestamp>) -> Result<bool> {
    let lane = lane(of.conversation, new.to);
    // What is brought upstream waits for nobody, and nobody waits for it: it gets a lane of its own below.
    let upstream = new.channel == Channel::Proxy;
    let lease = if upstream { Some(of.accepted.plus(outbox::UNDER_WAY)) } else { lease };
    let leads = !held && (upstream || !has_open(db, lane)?);
    let lease = lease.filter(|_| leads);
    let state = match lease {
        _ if held => DeliveryState::Held,
        Some(_) => DeliveryState::Claimed,
        None => DeliveryState::Queued,
    };
    let due = lease.unwrap_or(of.accepted);
    db.prepare_cached(
        "INSERT INTO delivery (id, conversation, message, seq, to_side, channel, cargo, state, lane, ready, due, claim,
             accepted)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        new.id,
        of.conversation,
        of.message,
        signed(of.seq),
        new.to,
        new.channel,
        Cargo::Message,
        state,
        (!held).then_some(lane),
        leads.then_some(due),
        due,
        lease.is_some(),
        of.accepted,
    ])?;
    let num = db.last_insert_rowid();
    db.prepare_cached("INSERT INTO delivery_body (delivery, sealed) VALUES (?1, ?2)")?
        .execute(params![num, new.body])?;
    if upstream && !held {
        db.prepare_cached("UPDATE delivery SET lane = -num WHERE num = ?1")?.execute([num])?;
    }
    Ok(lease.is_some() && !upstream)
}

fn has_open(db: &Connection, lane: i64) -> Result<bool> {
    db.prepare_cached("SELECT 1 FROM delivery WHERE lane = ?1 LIMIT 1")?.exists([lane])
}

/// Leaves a notice for the author of a message, in a lane of its own. One for a round that is
/// there already tells of what was withheld too.
fn add_notice(db: &Connection, of: &Message, cargo: Cargo, due: Timestamp) -> Result<()> {
    let num: i64 =
        db.prepare_cached("SELECT coalesce(max(num), 0) + 1 FROM delivery")?.query_row([], |row| row.get(0))?;
    db.prepare_cached(
        "INSERT INTO delivery (num, id, conversation, message, seq, to_side, channel, cargo, state, lane, ready, due,
             accepted)
         VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, -?1, ?9, ?9, ?9)
         ON CONFLICT (id) DO UPDATE
             SET cargo = iif(excluded.cargo = 'withheld_notice', excluded.cargo, delivery.cargo),
                 message = iif(excluded.cargo = 'cut_notice', min(excluded.message, delivery.message), delivery.message)
             WHERE excluded.cargo IN ('withheld_notice', 'cut_notice') AND delivery.state = excluded.state",
    )?
    .execute(params![
        num,
        outbox::notice_id(&Notice {
            cargo,
            message: of.id,
            conversation: &of.conversation.to_be_bytes(),
            to: of.from,
            due
        }),
        of.conversation,
        of.num,
        of.from,
        Channel::Mail,
        cargo,
        DeliveryState::Queued,
        due,
    ])
    .map(drop)
}

/// Takes a delivery out of its lane for good and forgets its body. `true`: another leads the lane now.
pub(super) fn close(db: &Connection, num: i64, lane: Option<i64>, state: DeliveryState, at: Timestamp) -> Result<bool> {
    db.prepare_cached("UPDATE delivery SET state = ?2, lane = NULL, ready = NULL, settled = ?3 WHERE num = ?1")?
        .execute(params![num, state, at])?;
    db.prepare_cached("DELETE FROM delivery_body WHERE delivery = ?1")?.execute([num])?;
    match lane {
        Some(lane) if lane >= 0 => lead(db, lane),
        _ => Ok(false),
    }
}

/// Sees to it that the first of a lane, and no other, is found when it is due. `true`: it was not before.
fn lead(db: &Connection, lane: i64) -> Result<bool> {
    db.prepare_cached(
        "UPDATE delivery SET ready = due
         WHERE num = (SELECT num FROM delivery WHERE lane = ?1 ORDER BY seq, num LIMIT 1) AND ready IS NOT due",
    )?
    .execute([lane])
    .map(|led| led > 0)
}

/// Opens what was held: it goes to its place in the lane by its number in the conversation.
pub(super) fn release(db: &Connection, conversation: i64, message: i64, at: Timestamp) -> Result<u64> {
    let mut opened = 0;
    for to in [Side::Buyer, Side::Seller] {
        let lane = lane(conversation, to);
        let count = db
            .prepare_cached(
                "UPDATE delivery SET state = ?3, lane = ?4, due = ?5
                 WHERE message = ?1 AND to_side = ?2 AND state = ?6",
            )?
            .execute(params![message, to, DeliveryState::Queued, lane, at, DeliveryState::Held])?;
        if count > 0 {
            opened += 1;
            db.prepare_cached("UPDATE delivery SET ready = NULL WHERE lane = ?1 AND ready IS NOT NULL")?
                .execute([lane])?;
            lead(db, lane)?;
        }
    }
    Ok(opened)
}

/// What the end of a message needs to know of it.
pub(super) struct Message {
    pub(super) num: i64,
    pub(super) id: EventId,
    pub(super) conversation: i64,
    pub(super) from: Side,
    pub(super) state: MessageState,
    pub(super) automatic: bool,
    pub(super) epoch: u64,
    pub(super) at: Timestamp,
    debit: Option<Timestamp>,
}

impl Message {
    /// A message by its number.
    pub(super) fn numbered(db: &Connection, num: i64) -> Result<Self> {
        db.prepare_cached(
            "SELECT num, id, conversation, from_side, state, automatic, epoch, debit, at FROM message WHERE num = ?1",
        )?
        .query_row([num], |row| {
            Ok(Self {
                num: row.get(0)?,
                id: row.get(1)?,
                conversation: row.get(2)?,
                from: row.get(3)?,
                state: row.get(4)?,
                automatic: row.get(5)?,
                epoch: unsigned(row.get(6)?),
                debit: row.get(7)?,
                at: row.get(8)?,
            })
        })
    }

    /// Ends the message when nothing of it is open any more. Its state after that.
    pub(super) fn conclude(
        self,
        db: &Connection,
        facts: String,
        at: Timestamp,
        notice_due: Timestamp,
    ) -> Result<MessageState> {
        match outbox::ending(&self.deliveries(db)?) {
            Some(end) if end != self.state => self.end(db, end, facts, at, notice_due),
            _ => Ok(self.state),
        }
    }

    /// Ends the message so, writes the entry, gives the debit back where it is due, and leaves
    /// the notice.
    pub(super) fn end(
        self,
        db: &Connection,
        end: MessageState,
        facts: String,
        at: Timestamp,
        notice_due: Timestamp,
    ) -> Result<MessageState> {
        self.set_state(db, end)?;
        if matches!(end, MessageState::Withheld | MessageState::Refused) {
            self.give_back(db)?;
        }
        evidence::add(db, self.conversation, &outbox::ending_entry(end, self.id, facts, at))?;
        self.tell(db, end, if end == MessageState::Withheld { notice_due } else { at })?;
        Ok(end)
    }

    /// Leaves the author the notice of such an end, if there is one.
    pub(super) fn tell(&self, db: &Connection, end: MessageState, due: Timestamp) -> Result<()> {
        // Who writes through the proxy has heard it there, from the answer to the call.
        let Some(cargo) = outbox::ending_notice(end) else { return Ok(()) };
        if self.came_by(db, Channel::Proxy)? { Ok(()) } else { add_notice(db, self, cargo, due) }
    }

    fn came_by(&self, db: &Connection, channel: Channel) -> Result<bool> {
        db.prepare_cached("SELECT 1 FROM message WHERE num = ?1 AND channel = ?2")?.exists(params![self.num, channel])
    }

    /// Leaves the author the notice that something was cut out of the message.
    pub(super) fn tell_cut(&self, db: &Connection, due: Timestamp) -> Result<()> {
        add_notice(db, self, Cargo::CutNotice, due)
    }

    /// Writes down when it was let go that had been held: whether its author is to be told of cuts now.
    pub(super) fn let_go(&self, db: &Connection, at: Timestamp) -> Result<bool> {
        db.prepare_cached("UPDATE message SET released = ?2 WHERE num = ?1 RETURNING tell_cuts")?
            .query_row(params![self.num, at], |row| row.get(0))
    }

    /// Leaves a buyer who was not answered in time the notice that the marketplace was asked, where they wrote by mail.
    pub(super) fn tell_asked(&self, db: &Connection, due: Timestamp) -> Result<()> {
        if self.came_by(db, Channel::Mail)? { add_notice(db, self, Cargo::AskedNotice, due) } else { Ok(()) }
    }

    /// Changes the state alone.
    pub(super) fn set_state(&self, db: &Connection, state: MessageState) -> Result<()> {
        db.prepare_cached("UPDATE message SET state = ?2 WHERE num = ?1")?.execute(params![self.num, state]).map(drop)
    }

    /// Gives back what the message cost.
    pub(super) fn give_back(&self, db: &Connection) -> Result<()> {
        let Some(debit) = self.debit else { return Ok(()) };
        db.prepare_cached(
            "DELETE FROM contact WHERE (buyer, seller) = (SELECT buyer, seller FROM conversation WHERE num = ?1)
                 AND at = ?2",
        )?
        .execute(params![self.conversation, debit])?;
        db.prepare_cached(
            "DELETE FROM asked WHERE (buyer, seller) = (SELECT buyer, seller FROM conversation WHERE num = ?1)
                 AND at = ?2",
        )?
        .execute(params![self.conversation, debit])?;
        db.prepare_cached("UPDATE message SET debit = NULL WHERE num = ?1")?.execute([self.num]).map(drop)
    }

    fn deliveries(&self, db: &Connection) -> Result<Vec<DeliveryState>> {
        db.prepare_cached("SELECT state FROM delivery WHERE message = ?1 AND cargo = 'message'")?
            .query_map([self.num], |row| row.get(0))?
            .collect()
    }
}

/// The epoch that a delivery of this message must still have, in its direction.
pub(super) fn current_epoch(db: &Connection, conversation: i64, to: Side) -> Result<u64> {
    let column = match to {
        Side::Buyer => "SELECT p.epoch FROM conversation c JOIN pair p USING (buyer, seller) WHERE c.num = ?1",
        Side::Seller => "SELECT p.epoch_seller FROM conversation c JOIN pair p USING (buyer, seller) WHERE c.num = ?1",
    };
    let mut query = db.prepare_cached(column)?;
    let mut rows = query.query([conversation])?;
    rows.next()?.map_or(Ok(0), |row| row.get(0).map(unsigned))
}

/// Withholds an open delivery for good. The state of its message after that.
pub(super) fn withhold(
    db: &Connection,
    delivery: (i64, EventId, i64),
    lane: Option<i64>,
    at: Timestamp,
    notice_due: Timestamp,
) -> Result<MessageState> {
    let (num, id, message) = delivery;
    close(db, num, lane, DeliveryState::Withheld, at)?;
    Message::numbered(db, message)?.conclude(db, format!("delivery={id}"), at, notice_due)
}

/// Writes down that a notice has reached the author.
pub(super) fn notice_arrived(db: &Connection, message: &Message, cargo: Cargo, at: Timestamp) -> Result<()> {
    let facts = format!("notice={}", cargo.word());
    let entry = NewEntry { at, kind: EntryKind::NoticeSent, by: None, message: Some(message.id), facts, private: None };
    evidence::add(db, message.conversation, &entry)
}
