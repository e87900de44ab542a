//! Chains and the outbox: entries, deliveries in their lanes, and how their messages end. All of
//! it under the lock of the conversation's chain.

use tokio_postgres::Transaction;

use super::{Outcome, Trouble, count, event, get, link, signed, time, word};
use crate::{
    model::{Channel, EntryKind, EventId, Link, MessageState, Side, Timestamp},
    store::{
        Cargo, NewDelivery, NewEntry,
        outbox::{self, DeliveryState, Notice},
        words::Word,
    },
};

/// A conversation, by its key.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    pub(super) market: &'a str,
    pub(super) conversation: &'a str,
}

/// The end of a conversation's chain, locked.
pub(super) struct Chain {
    pub(super) messages: u64,
    /// How many entries there are: the next one's number.
    pub(super) entries: u64,
    head: Link,
}

impl Chain {
    /// Locks the conversation and takes its chain in hand.
    pub(super) async fn lock(tx: &Transaction<'_>, key: Key<'_>) -> Outcome<Self> {
        let sql = "SELECT messages, entries, head FROM chain WHERE marketplace = $1 AND conversation = $2 FOR UPDATE";
        let row = tx.query_one(sql, &[&key.market, &key.conversation]).await?;
        Ok(Self { messages: count(&row, 0)?, entries: count(&row, 1)?, head: link(&row, 2)? })
    }

    /// Adds an entry.
    pub(super) async fn add(&mut self, tx: &Transaction<'_>, key: Key<'_>, entry: &NewEntry) -> Outcome<()> {
        let (canonical, link) = outbox::linked(self.entries, self.head, entry);
        tx.execute(
            "INSERT INTO evidence (marketplace, conversation, seq, side, canonical, link, sealed)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &[
                &key.market,
                &key.conversation,
                &signed(self.entries),
                &entry.by.map(Word::word),
                &canonical,
                &link.0.as_slice(),
                &entry.private.as_ref().map(|(_, sealed)| sealed),
            ],
        )
        .await?;
        self.entries += 1;
        self.head = link;
        Ok(())
    }

    /// Puts the end back.
    pub(super) async fn save(self, tx: &Transaction<'_>, key: Key<'_>) -> Outcome<()> {
        tx.execute(
            "UPDATE chain SET messages = $3, entries = $4, head = $5 WHERE marketplace = $1 AND conversation = $2",
            &[&key.market, &key.conversation, &signed(self.messages), &signed(self.entries), &self.head.0.as_slice()],
        )
        .await?;
        Ok(())
    }
}

/// Adds one entry.
pub(super) async fn append(tx: &Transaction<'_>, key: Key<'_>, entry: &NewEntry) -> Outcome<()> {
    let mut chain = Chain::lock(tx, key).await?;
    chain.add(tx, key, entry).await?;
    chain.save(tx, key).await
}

/// Of which message a delivery is.
pub(super) struct Open {
    pub(super) message: EventId,
    pub(super) seq: u64,
    pub(super) accepted: Timestamp,
    pub(super) held: bool,
    pub(super) lease: Option<Timestamp>,
}

/// Puts a delivery into its lane, or beside it while its message is held. With a lease and the lane
/// to itself it is claimed until then: whether it was, for whoever carries.
pub(super) async fn add(tx: &Transaction<'_>, key: Key<'_>, of: &Open, new: &NewDelivery) -> Outcome<bool> {
    let state = if of.held { DeliveryState::Held } else { DeliveryState::Queued };
    // What is brought upstream waits for nobody, and nobody waits for it: it has a lane of its own.
    let upstream = new.channel == Channel::Proxy;
    let lane = if upstream { new.id.to_string() } else { new.to.word().to_owned() };
    let lane = (!of.held).then_some(lane);
    let lease = if upstream { Some(of.accepted.plus(outbox::UNDER_WAY)) } else { of.lease };
    let sql = "INSERT INTO delivery (marketplace, conversation, id, message, seq, to_side, channel, cargo, state, lane,
             ready, due, claim, accepted)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8,
             CASE WHEN leads AND $12::bigint IS NOT NULL THEN $13 ELSE $9 END, $10,
             CASE WHEN leads THEN coalesce($12, $11::bigint) END,
             CASE WHEN leads THEN coalesce($12, $11) ELSE $11 END,
             CASE WHEN leads AND $12 IS NOT NULL THEN 1 ELSE 0 END, $11
         FROM (SELECT $10::text IS NOT NULL AND NOT EXISTS (SELECT 1 FROM delivery
             WHERE marketplace = $1 AND conversation = $2 AND lane = $10) AS leads) AS own
         RETURNING claim";
    let row = tx
        .query_one(
            sql,
            &[
                &key.market,
                &key.conversation,
                &new.id.0.as_slice(),
                &of.message.0.as_slice(),
                &signed(of.seq),
                &new.to.word(),
                &new.channel.word(),
                &Cargo::Message.word(),
                &state.word(),
                &lane,
                &of.accepted.0,
                &lease.map(|lease| lease.0),
                &DeliveryState::Claimed.word(),
            ],
        )
        .await?;
    tx.execute(
        "INSERT INTO delivery_body (marketplace, conversation, delivery, sealed) VALUES ($1, $2, $3, $4)",
        &[&key.market, &key.conversation, &new.id.0.as_slice(), &new.body],
    )
    .await?;
    Ok(count(&row, 0)? > 0 && !upstream)
}

/// Takes a delivery out of its lane for good and forgets its body.
pub(super) async fn close(
    tx: &Transaction<'_>,
    key: Key<'_>,
    id: EventId,
    lane: &str,
    state: DeliveryState,
    at: Timestamp,
) -> Outcome<()> {
    tx.execute(
        "UPDATE delivery SET state = $4, lane = NULL, ready = NULL, settled = $5
         WHERE marketplace = $1 AND conversation = $2 AND id = $3",
        &[&key.market, &key.conversation, &id.0.as_slice(), &state.word(), &at.0],
    )
    .await?;
    tx.execute(
        "DELETE FROM delivery_body WHERE marketplace = $1 AND conversation = $2 AND delivery = $3",
        &[&key.market, &key.conversation, &id.0.as_slice()],
    )
    .await?;
    tx.execute(
        "UPDATE delivery SET ready = due
         WHERE marketplace = $1 AND conversation = $2 AND ready IS DISTINCT FROM due AND id = (
             SELECT id FROM delivery WHERE marketplace = $1 AND conversation = $2 AND lane = $3
             ORDER BY seq, id LIMIT 1)",
        &[&key.market, &key.conversation, &lane],
    )
    .await?;
    Ok(())
}

/// What the end of a message needs to know of it.
pub(super) struct Message {
    pub(super) id: EventId,
    pub(super) epoch: i64,
    from: Side,
    state: MessageState,
    debit: Option<i64>,
}

impl Message {
    pub(super) async fn find(tx: &Transaction<'_>, key: Key<'_>, id: EventId) -> Outcome<Self> {
        let row = tx
            .query_opt(
                "SELECT from_side, state, debit, epoch FROM message
                 WHERE marketplace = $1 AND conversation = $2 AND id = $3",
                &[&key.market, &key.conversation, &id.0.as_slice()],
            )
            .await?
            .ok_or(Trouble::Row)?;
        Ok(Self { id, from: word(&row, 0)?, state: word(&row, 1)?, debit: get(&row, 2)?, epoch: get(&row, 3)? })
    }

    /// Ends the message when nothing of it is open any more. Its state after that.
    pub(super) async fn conclude(
        self,
        tx: &Transaction<'_>,
        key: Key<'_>,
        facts: String,
        at: Timestamp,
        notice_due: Timestamp,
    ) -> Outcome<MessageState> {
        let end = match outbox::ending(&self.deliveries(tx, key).await?) {
            Some(end) if end != self.state => end,
            _ => return Ok(self.state),
        };
        tx.execute(
            "UPDATE message SET state = $4 WHERE marketplace = $1 AND conversation = $2 AND id = $3",
            &[&key.market, &key.conversation, &self.id.0.as_slice(), &end.word()],
        )
        .await?;
        if end == MessageState::Withheld {
            self.give_back(tx, key).await?;
        }
        append(tx, key, &outbox::ending_entry(end, self.id, facts, at)).await?;
        if let Some(cargo) = outbox::ending_notice(end) {
            let due = if end == MessageState::Withheld { notice_due } else { at };
            self.add_notice(tx, key, cargo, due).await?;
        }
        Ok(end)
    }

    async fn deliveries(&self, tx: &Transaction<'_>, key: Key<'_>) -> Outcome<Vec<DeliveryState>> {
        let sql = "SELECT state FROM delivery
                   WHERE marketplace = $1 AND conversation = $2 AND message = $3 AND cargo = 'message'";
        let rows = tx.query(sql, &[&key.market, &key.conversation, &self.id.0.as_slice()]).await?;
        rows.iter().map(|row| word(row, 0)).collect()
    }

    async fn give_back(&self, tx: &Transaction<'_>, key: Key<'_>) -> Outcome<()> {
        let Some(debit) = self.debit else { return Ok(()) };
        tx.execute(
            "DELETE FROM contact d USING conversation c
             WHERE c.marketplace = $1 AND c.id = $2 AND d.marketplace = c.marketplace AND d.buyer = c.buyer
                 AND d.seller = c.seller AND d.at = $3",
            &[&key.market, &key.conversation, &debit],
        )
        .await?;
        tx.execute(
            "DELETE FROM asked d USING conversation c
             WHERE c.marketplace = $1 AND c.id = $2 AND d.marketplace = c.marketplace AND d.buyer = c.buyer
                 AND d.seller = c.seller AND d.at = $3",
            &[&key.market, &key.conversation, &debit],
        )
        .await?;
        tx.execute(
            "UPDATE message SET debit = NULL WHERE marketplace = $1 AND conversation = $2 AND id = $3",
            &[&key.market, &key.conversation, &self.id.0.as_slice()],
        )
        .await?;
        Ok(())
    }

    /// Leaves the author the notice that a held message was not passed on.
    pub(super) async fn tell_refused(&self, tx: &Transaction<'_>, key: Key<'_>, due: Timestamp) -> Outcome<()> {
        self.add_notice(tx, key, Cargo::RefusedNotice, due).await
    }

    /// Leaves the author the notice that something was cut out of the message.
    pub(super) async fn tell_cut(&self, tx: &Transaction<'_>, key: Key<'_>, due: Timestamp) -> Outcome<()> {
        self.add_notice(tx, key, Cargo::CutNotice, due).await
    }

    /// One for a round that is there already tells of what was withheld too.
    async fn add_notice(&self, tx: &Transaction<'_>, key: Key<'_>, cargo: Cargo, due: Timestamp) -> Outcome<()> {
        let conversation = format!("{}\n{}", key.market, key.conversation);
        let conversation = conversation.as_bytes();
        let id = outbox::notice_id(&Notice { cargo, message: self.id, conversation, to: self.from, due });
        tx.execute(
            "INSERT INTO delivery (marketplace, conversation, id, message, seq, to_side, channel, cargo, state, lane,
                 ready, due, accepted)
             VALUES ($1, $2, $3, $4, 0, $5, $6, $7, $8, $9, $10, $10, $10)
             ON CONFLICT (marketplace, conversation, id) DO UPDATE SET cargo = excluded.cargo
                 WHERE excluded.cargo = 'withheld_notice' AND delivery.state = excluded.state",
            &[
                &key.market,
                &key.conversation,
                &id.0.as_slice(),
                &self.id.0.as_slice(),
                &self.from.word(),
                &Channel::Mail.word(),
                &cargo.word(),
                &DeliveryState::Queued.word(),
                &id.to_string(),
                &due.0,
            ],
        )
        .await?;
        Ok(())
    }

    /// Writes down that a notice has reached the author.
    pub(super) async fn notice_arrived(
        &self,
        tx: &Transaction<'_>,
        key: Key<'_>,
        cargo: Cargo,
        at: Timestamp,
    ) -> Outcome<()> {
        let facts = format!("notice={}", cargo.word());
        let entry =
            NewEntry { at, kind: EntryKind::NoticeSent, by: None, message: Some(self.id), facts, private: None };
        append(tx, key, &entry).await
    }
}

/// An open delivery of a lane.
pub(super) struct Waiting {
    pub(super) id: EventId,
    pub(super) message: EventId,
    pub(super) to: Side,
    pub(super) channel: Channel,
    pub(super) cargo: Cargo,
    pub(super) state: DeliveryState,
    pub(super) due: Timestamp,
    pub(super) claim: u64,
    pub(super) attempts: u32,
    pub(super) accepted: Timestamp,
    pub(super) epoch: i64,
}

impl Waiting {
    /// A lane in its order.
    pub(super) async fn in_lane(tx: &Transaction<'_>, key: Key<'_>, lane: &str) -> Outcome<Vec<Self>> {
        let rows = tx
            .query(
                "SELECT d.id, d.message, d.to_side, d.channel, d.cargo, d.state, d.due, d.claim, d.attempts, d.accepted,
                     m.epoch
                 FROM delivery d
                 JOIN message m ON m.marketplace = d.marketplace AND m.conversation = d.conversation AND m.id = d.message
                 WHERE d.marketplace = $1 AND d.conversation = $2 AND d.lane = $3 ORDER BY d.seq, d.id",
                &[&key.market, &key.conversation, &lane],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Self {
                    id: event(row, 0)?,
                    message: event(row, 1)?,
                    to: word(row, 2)?,
                    channel: word(row, 3)?,
                    cargo: word(row, 4)?,
                    state: word(row, 5)?,
                    due: time(row, 6)?,
                    claim: count(row, 7)?,
                    attempts: u32::try_from(count(row, 8)?).unwrap_or(u32::MAX),
                    accepted: time(row, 9)?,
                    epoch: get(row, 10)?,
                })
            })
            .collect()
    }

    /// Under a claim whose lease has not run out.
    pub(super) fn in_flight(&self, at: Timestamp) -> bool {
        self.state == DeliveryState::Claimed && self.due > at
    }

    /// Withholds it for good. The state of its message after that.
    pub(super) async fn withhold(
        &self,
        tx: &Transaction<'_>,
        key: Key<'_>,
        lane: &str,
        at: Timestamp,
        notice_due: Timestamp,
    ) -> Outcome<MessageState> {
        close(tx, key, self.id, lane, DeliveryState::Withheld, at).await?;
        let message = Message::find(tx, key, self.message).await?;
        message.conclude(tx, key, format!("delivery={}", self.id), at, notice_due).await
    }
}
