//! Claims: who may hand over what, until when; and how it ended.

use std::str::FromStr;

use bytes::Bytes;
use tokio_postgres::Transaction;

use super::{
    Outcome, Trouble,
    deliveries::{self, Chain, Key, Message, Waiting},
    event, get,
    pair::current_epoch,
    signed, word,
};
use crate::{
    model::{ConversationId, Duration, EventId, Marketplace, Scope, Side, Timestamp},
    store::{
        Cargo, Delivery, Ending, Settled,
        outbox::{DeliveryState, LANE_SHARE, late_notice},
        words::Word,
    },
};

/// See [`crate::store::Ledger::claim`].
pub(super) async fn claim(
    tx: &Transaction<'_>,
    now: Timestamp,
    lease: Duration,
    limit: usize,
) -> Outcome<Vec<Delivery>> {
    let heads = tx
        .query(
            "SELECT marketplace, conversation, lane FROM delivery WHERE ready <= $1 ORDER BY ready, id LIMIT $2",
            &[&now.0, &i64::try_from(limit).unwrap_or(i64::MAX)],
        )
        .await?;
    let mut taken = Vec::new();
    for head in &heads {
        let room = limit.saturating_sub(taken.len()).min(LANE_SHARE);
        let key = Key { market: get(head, 0)?, conversation: get(head, 1)? };
        if room > 0 && try_lock(tx, key).await? {
            claim_lane(tx, key, get(head, 2)?, now, now.plus(lease), room, &mut taken).await?;
        }
    }
    Ok(taken)
}

/// Locks a conversation unless another has it.
async fn try_lock(tx: &Transaction<'_>, key: Key<'_>) -> Outcome<bool> {
    let sql = "SELECT 1 FROM chain WHERE marketplace = $1 AND conversation = $2 FOR UPDATE SKIP LOCKED";
    Ok(tx.query_opt(sql, &[&key.market, &key.conversation]).await?.is_some())
}

async fn claim_lane(
    tx: &Transaction<'_>,
    key: Key<'_>,
    lane: &str,
    now: Timestamp,
    until: Timestamp,
    room: usize,
    taken: &mut Vec<Delivery>,
) -> Outcome<()> {
    let waiting = Waiting::in_lane(tx, key, lane).await?;
    if waiting.iter().any(|one| one.in_flight(now)) {
        return Ok(());
    }
    for one in waiting.into_iter().take(room) {
        if one.due > now {
            break;
        }
        if one.cargo != Cargo::Message || one.epoch == current_epoch(tx, key.market, key.conversation, one.to).await? {
            taken.push(take(tx, key, one, until).await?);
        } else {
            one.withhold(tx, key, lane, now, late_notice(now)).await?;
        }
    }
    Ok(())
}

/// Claims it until then. One whose lease ran out counts as tried.
async fn take(tx: &Transaction<'_>, key: Key<'_>, one: Waiting, until: Timestamp) -> Outcome<Delivery> {
    let attempts = one.attempts + u32::from(one.state == DeliveryState::Claimed);
    tx.execute(
        "UPDATE delivery SET state = $4, due = $5, ready = CASE WHEN ready IS NULL THEN NULL ELSE $5::bigint END,
             claim = claim + 1, attempts = $6
         WHERE marketplace = $1 AND conversation = $2 AND id = $3",
        &[
            &key.market,
            &key.conversation,
            &one.id.0.as_slice(),
            &DeliveryState::Claimed.word(),
            &until.0,
            &i64::from(attempts),
        ],
    )
    .await?;
    let body = tx
        .query_opt(
            "SELECT sealed FROM delivery_body WHERE marketplace = $1 AND conversation = $2 AND delivery = $3",
            &[&key.market, &key.conversation, &one.id.0.as_slice()],
        )
        .await?;
    Ok(Delivery {
        id: one.id,
        claim: one.claim + 1,
        scope: Scope::proven(Marketplace::from_str(key.market).map_err(|_| Trouble::Row)?),
        conversation: ConversationId::from_str(key.conversation).map_err(|_| Trouble::Row)?,
        message: one.message,
        to: one.to,
        channel: one.channel,
        cargo: one.cargo,
        body: body.map_or(Ok(Vec::new()), |row| get(&row, 0)).map(Bytes::from)?,
        attempts,
        accepted: one.accepted,
        epoch: u64::try_from(one.epoch).ok().filter(|_| one.cargo == Cargo::Message && one.to == Side::Buyer),
    })
}

/// See [`crate::store::Ledger::still_current`].
pub(super) async fn still_current(tx: &Transaction<'_>, delivery: &Delivery) -> Outcome<bool> {
    match Claimed::find(tx, delivery.id, delivery.claim).await? {
        Some(claimed) => claimed.is_current(tx).await,
        None => Ok(false),
    }
}

/// See [`crate::store::Ledger::settle`].
pub(super) async fn settle(tx: &Transaction<'_>, outcomes: &[Settled]) -> Outcome<bool> {
    let mut found = Vec::new();
    for outcome in outcomes {
        if let Some(claimed) = Claimed::find(tx, outcome.id, outcome.claim).await? {
            found.push((claimed, outcome));
        }
    }
    // Everybody locks conversations in the same order.
    found.sort_by(|(a, _), (b, _)| (&a.market, &a.conversation).cmp(&(&b.market, &b.conversation)));
    for (claimed, outcome) in found {
        Chain::lock(tx, claimed.key()).await?;
        // Under the lock it is looked at again: an older claim changes nothing.
        if let Some(claimed) = Claimed::find(tx, outcome.id, outcome.claim).await? {
            claimed.settle(tx, &outcome.how, outcome.at).await?;
        }
    }
    // Whoever stands behind them is not looked for here.
    Ok(true)
}

/// A delivery under a claim.
struct Claimed {
    market: String,
    conversation: String,
    id: EventId,
    message: EventId,
    to: Side,
    cargo: Cargo,
    lane: String,
}

impl Claimed {
    async fn find(tx: &Transaction<'_>, id: EventId, claim: u64) -> Outcome<Option<Self>> {
        let row = tx
            .query_opt(
                "SELECT marketplace, conversation, message, to_side, cargo, lane FROM delivery
                 WHERE id = $1 AND claim = $2 AND state = $3",
                &[&id.0.as_slice(), &signed(claim), &DeliveryState::Claimed.word()],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Self {
            market: get(&row, 0)?,
            conversation: get(&row, 1)?,
            id,
            message: event(&row, 2)?,
            to: word(&row, 3)?,
            cargo: word(&row, 4)?,
            lane: get(&row, 5)?,
        }))
    }

    fn key(&self) -> Key<'_> {
        Key { market: &self.market, conversation: &self.conversation }
    }

    async fn is_current(&self, tx: &Transaction<'_>) -> Outcome<bool> {
        if self.cargo != Cargo::Message {
            return Ok(true);
        }
        let epoch = Message::find(tx, self.key(), self.message).await?.epoch;
        Ok(epoch == current_epoch(tx, &self.market, &self.conversation, self.to).await?)
    }

    async fn settle(self, tx: &Transaction<'_>, how: &Ending, at: Timestamp) -> Outcome<()> {
        match how {
            Ending::Delivered => self.end(tx, DeliveryState::Delivered, at, at).await,
            Ending::Failed => self.end(tx, DeliveryState::Failed, at, at).await,
            Ending::Withheld { notice_due } => self.end(tx, DeliveryState::Withheld, at, *notice_due).await,
            _ if !self.is_current(tx).await? => self.end(tx, DeliveryState::Withheld, at, late_notice(at)).await,
            Ending::Deferred(until) => self.wait(tx, *until, 1).await,
            Ending::Released => self.wait(tx, at, 0).await,
        }
    }

    async fn end(
        self,
        tx: &Transaction<'_>,
        state: DeliveryState,
        at: Timestamp,
        notice_due: Timestamp,
    ) -> Outcome<()> {
        let key = self.key();
        deliveries::close(tx, key, self.id, &self.lane, state, at).await?;
        let message = Message::find(tx, key, self.message).await?;
        match (self.cargo, state) {
            (Cargo::Message, _) => {
                message.conclude(tx, key, format!("delivery={}", self.id), at, notice_due).await.map(drop)
            }
            (notice, DeliveryState::Delivered) => message.notice_arrived(tx, key, notice, at).await,
            // A notice that could not be delivered leaves no other.
            _ => Ok(()),
        }
    }

    async fn wait(self, tx: &Transaction<'_>, due: Timestamp, tried: i64) -> Outcome<()> {
        tx.execute(
            "UPDATE delivery SET state = $4, due = $5, ready = CASE WHEN ready IS NULL THEN NULL ELSE $5::bigint END,
                 attempts = attempts + $6
             WHERE marketplace = $1 AND conversation = $2 AND id = $3",
            &[&self.market, &self.conversation, &self.id.0.as_slice(), &DeliveryState::Queued.word(), &due.0, &tried],
        )
        .await?;
        Ok(())
    }
}
