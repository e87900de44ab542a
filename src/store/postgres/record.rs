//! Acceptance: the one transaction in which a message becomes ours.

use tokio_postgres::Transaction;

use super::{
    Outcome, Trouble, barriers, count,
    deliveries::{self, Chain, Key, Open},
    event, get,
    pair::{Pair, Place},
    signed,
};
use crate::{
    model::{EntryKind, MessageState, Reason, Scope, Side},
    store::{Decision, Judge, NewEntry, Record, Recorded, Under, outbox, words::Word},
};

/// See [`crate::store::Ledger::record`].
pub(super) async fn record(tx: &Transaction<'_>, scope: &Scope, record: &Record, judge: &Judge) -> Outcome<Recorded> {
    let Some(place) = Place::find(tx, scope, &record.conversation).await? else { return Ok(Recorded::Gone) };
    let mut pair = Pair::lock(tx, &place, record.at).await?;
    if let Some(known) = repeated(tx, &place, record).await? {
        return Ok(known);
    }
    if is_stale(tx, &place, record).await? {
        return Ok(Recorded::Stale);
    }
    if let Some(alike) = &record.alike {
        pair.compare(tx, &place, alike).await?;
    }
    let entry = match judge(&pair.state) {
        Decision::Accept { under } => {
            let state = if record.deliveries.is_empty() { MessageState::Delivered } else { MessageState::Queued };
            Verdict { state, under, reason: None }
        }
        Decision::Escalate { under } => Verdict { state: MessageState::Held, under, reason: Some(Reason::Escalated) },
        Decision::Hold { under } => Verdict { state: MessageState::Held, under, reason: None },
        Decision::Refuse(reason) => Verdict { state: MessageState::Refused, under: None, reason: Some(reason) },
    };
    entry.write(tx, scope, &place, pair, record).await
}

async fn repeated(tx: &Transaction<'_>, place: &Place, record: &Record) -> Outcome<Option<Recorded>> {
    let Some(idempotency) = &record.idempotency else { return Ok(None) };
    let row = tx
        .query_opt(
            "SELECT body, message FROM repeat WHERE marketplace = $1 AND key = $2 AND expires > $3",
            &[&place.market, &idempotency.key.as_slice(), &record.at.0],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let same = get::<&[u8]>(&row, 0)? == idempotency.body;
    Ok(Some(if same { Recorded::Repeated(event(&row, 1)?) } else { Recorded::Conflict }))
}

async fn is_stale(tx: &Transaction<'_>, place: &Place, record: &Record) -> Outcome<bool> {
    let Some((read, _)) = &record.window else { return Ok(false) };
    let row = tx
        .query_opt(
            "SELECT seq FROM detection_window WHERE marketplace = $1 AND conversation = $2 AND side = $3",
            &[&place.market, &place.conversation, &record.from.word()],
        )
        .await?;
    Ok(row.map_or(Ok(0), |row| count(&row, 0))? != *read)
}

/// What the judge said, as the rows will say it.
struct Verdict {
    state: MessageState,
    under: Option<Under>,
    reason: Option<Reason>,
}

impl Verdict {
    async fn write(
        self,
        tx: &Transaction<'_>,
        scope: &Scope,
        place: &Place,
        mut pair: Pair,
        record: &Record,
    ) -> Outcome<Recorded> {
        let key = Key { market: &place.market, conversation: &place.conversation };
        let taken = matches!(self.state, MessageState::Queued | MessageState::Delivered);
        let wrote = record.from == Side::Buyer && !record.automatic && self.reason.is_none();
        let buyer_spoke = taken && wrote && record.stop.is_none();
        pair.touch(tx, place, buyer_spoke).await?;
        if buyer_spoke {
            pair.state.last_from_buyer = Some(pair.state.now);
            pair.state.last_here = Some(pair.state.now);
        }
        let debit = self.under.filter(|_| record.from == Side::Seller);
        if let Some(under) = debit {
            pair.debit(tx, place, under).await?;
            pair.note(tx, place, record).await?;
        }
        let mut chain = Chain::lock(tx, key).await?;
        chain.messages += 1;
        self.insert(tx, key, &pair, record, debit.is_some(), (chain.messages, chain.entries)).await?;
        chain.add(tx, key, &self.entry(record)).await?;
        if self.state == MessageState::Delivered {
            let facts = "delivery=api".to_owned();
            chain.add(tx, key, &outbox::ending_entry(self.state, record.id, facts, record.at)).await?;
        }
        let seq = chain.messages;
        chain.save(tx, key).await?;
        keep_repeat(tx, place, record).await?;
        match self.reason {
            Some(Reason::Escalated) => {
                let due = record.notice.unwrap_or(record.at);
                deliveries::Message::find(tx, key, record.id).await?.tell_refused(tx, key, due).await?;
                return Ok(Recorded::Accepted { state: self.state, pair: pair.state, claimed: Vec::new() });
            }
            Some(reason) => return Ok(Recorded::Refused { reason, pair: pair.state }),
            None => {}
        }
        remember(tx, key, record).await?;
        let held = self.state == MessageState::Held;
        let open = Open { message: record.id, seq, accepted: record.at, held, lease: record.lease };
        let mut claimed = Vec::new();
        for delivery in &record.deliveries {
            if deliveries::add(tx, key, &open, delivery).await? {
                claimed.push(outbox::born_claimed(scope, record, delivery, pair.epoch_towards(delivery.to)));
            }
        }
        if let Some(due) = record.notice.filter(|_| !held) {
            deliveries::Message::find(tx, key, record.id).await?.tell_cut(tx, key, due).await?;
        }
        if let Some(notice_due) = record.stop.filter(|_| wrote) {
            barriers::stop_contact(tx, place, &mut pair, record, notice_due).await?;
        }
        Ok(Recorded::Accepted { state: self.state, pair: pair.state, claimed })
    }

    async fn insert(
        &self,
        tx: &Transaction<'_>,
        key: Key<'_>,
        pair: &Pair,
        record: &Record,
        debited: bool,
        (seq, entry): (u64, u64),
    ) -> Outcome<()> {
        let id = record.id.0.as_slice();
        tx.execute(
            "INSERT INTO message (marketplace, conversation, id, seq, from_side, agent, channel, at, automatic, state,
                 reason, debit, epoch, entry)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
            &[
                &key.market,
                &key.conversation,
                &id,
                &signed(seq),
                &record.from.word(),
                &record.agent.as_ref().map(|agent| agent.as_str()),
                &record.channel.word(),
                &record.at.0,
                &record.automatic,
                &self.state.word(),
                &self.reason.map(Word::word),
                &debited.then_some(pair.state.now.0),
                &signed(pair.epoch_towards(record.from.other())),
                &signed(entry),
            ],
        )
        .await?;
        for (n, sealed) in (0i32..).zip(&record.files) {
            tx.execute(
                "INSERT INTO message_file (marketplace, conversation, message, n, sealed) VALUES ($1, $2, $3, $4, $5)",
                &[&key.market, &key.conversation, &id, &n, sealed],
            )
            .await?;
        }
        Ok(())
    }

    fn entry(&self, record: &Record) -> NewEntry {
        if self.reason == Some(Reason::Escalated) {
            return outbox::escalated_entry(record);
        }
        let kind = match self.state {
            MessageState::Held => EntryKind::MessageHeld,
            MessageState::Refused => EntryKind::MessageRefused,
            _ => EntryKind::MessageAccepted,
        };
        NewEntry {
            at: record.at,
            kind,
            by: Some(record.from),
            message: Some(record.id),
            facts: self
                .reason
                .map_or_else(|| record.facts.clone(), |reason| outbox::with_reason(&record.facts, reason)),
            private: Some(record.private.clone()),
        }
    }
}

async fn keep_repeat(tx: &Transaction<'_>, place: &Place, record: &Record) -> Outcome<()> {
    let Some(idempotency) = &record.idempotency else { return Ok(()) };
    let kept = tx
        .execute(
            "INSERT INTO repeat (marketplace, key, body, message, expires) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (marketplace, key) DO UPDATE SET body = excluded.body, message = excluded.message,
                 expires = excluded.expires
             WHERE repeat.expires <= $6",
            &[
                &place.market,
                &idempotency.key.as_slice(),
                &idempotency.body.as_slice(),
                &record.id.0.as_slice(),
                &idempotency.expires.0,
                &record.at.0,
            ],
        )
        .await?;
    // Another pair's message came under the same key since we looked.
    if kept == 1 { Ok(()) } else { Err(Trouble::Raced) }
}

async fn remember(tx: &Transaction<'_>, key: Key<'_>, record: &Record) -> Outcome<()> {
    if let Some((_, sealed)) = &record.window {
        tx.execute(
            "INSERT INTO detection_window (marketplace, conversation, side, seq, sealed, at)
             VALUES ($1, $2, $3, 1, $4, $5)
             ON CONFLICT (marketplace, conversation, side) DO UPDATE SET seq = detection_window.seq + 1,
                 sealed = excluded.sealed, at = excluded.at",
            &[&key.market, &key.conversation, &record.from.word(), sealed, &record.at.0],
        )
        .await?;
    }
    for thread in &record.threads {
        tx.execute(
            "INSERT INTO thread (marketplace, conversation, hash, from_side, sealed) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING",
            &[&key.market, &key.conversation, &thread.hash.as_slice(), &record.from.word(), &thread.sealed],
        )
        .await?;
    }
    Ok(())
}
