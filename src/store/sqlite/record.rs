//! Acceptance: the one transaction in which a message becomes ours.

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::{
    barriers,
    columns::{signed, unsigned},
    deliveries::{self, Open},
    evidence::Chain,
    pair::{Pair, Place},
    strikes,
};
use crate::{
    model::{EntryKind, EventId, MessageState, Reason, Scope, Side},
    store::{Decision, Idempotency, Judge, NewEntry, Record, Recorded, ThreadRow, Under, outbox},
};

/// See [`crate::store::Ledger::record`].
pub(super) fn record(db: &Connection, scope: &Scope, record: &Record, judge: &Judge) -> Result<Recorded> {
    let Some(place) = Place::find(db, scope, &record.conversation)? else { return Ok(Recorded::Gone) };
    if let Some(known) = repeated(db, &place, record)? {
        return Ok(known);
    }
    if is_stale(db, &place, record)? {
        return Ok(Recorded::Stale);
    }
    let mut pair = Pair::read(db, &place, record.at)?;
    if let Some(alike) = &record.alike {
        pair.compare(db, &place, alike)?;
    }
    match judge(&pair.state) {
        Decision::Accept { under } if record.deliveries.is_empty() => {
            take(db, scope, &place, pair, record, (MessageState::Delivered, under))
        }
        Decision::Accept { under } => take(db, scope, &place, pair, record, (MessageState::Queued, under)),
        Decision::Escalate { under } => seal_away(db, &place, pair, record, under),
        Decision::Hold { under } => take(db, scope, &place, pair, record, (MessageState::Held, under)),
        Decision::Refuse(reason) => refuse(db, scope, &place, pair, record, reason),
    }
}

fn repeated(db: &Connection, place: &Place, record: &Record) -> Result<Option<Recorded>> {
    let Some(idempotency) = &record.idempotency else { return Ok(None) };
    if let Some(first) = in_thread(db, place, record, idempotency)? {
        return Ok(Some(Recorded::Repeated(first)));
    }
    let known: Option<([u8; 32], EventId)> = db
        .prepare_cached("SELECT body, message FROM repeat WHERE marketplace = ?1 AND key = ?2 AND expires > ?3")?
        .query_row(params![place.market, idempotency.key, record.at], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(known.map(|(body, id)| if body == idempotency.body { Recorded::Repeated(id) } else { Recorded::Conflict }))
}

/// The mail with this fingerprint whose own thread id it is.
fn in_thread(db: &Connection, place: &Place, record: &Record, idempotency: &Idempotency) -> Result<Option<EventId>> {
    let Some(thread) = record.own_thread else { return Ok(None) };
    db.prepare_cached("SELECT message FROM thread WHERE conversation = ?1 AND hash = ?2 AND print = ?3 AND until > ?4")?
        .query_row(params![place.num, thread, print(idempotency), record.at], |row| row.get(0))
        .optional()
}

/// So much of a fingerprint is kept in a thread's row.
fn print(idempotency: &Idempotency) -> &[u8] {
    &idempotency.key[..16]
}

fn is_stale(db: &Connection, place: &Place, record: &Record) -> Result<bool> {
    let Some((read, _)) = &record.window else { return Ok(false) };
    let seq: Option<i64> = db
        .prepare_cached("SELECT seq FROM detection_window WHERE conversation = ?1 AND side = ?2")?
        .query_row(params![place.num, record.from], |row| row.get(0))
        .optional()?;
    Ok(seq.map_or(0, unsigned) != *read)
}

fn take(
    db: &Connection,
    scope: &Scope,
    place: &Place,
    mut pair: Pair,
    record: &Record,
    (state, under): (MessageState, Option<Under>),
) -> Result<Recorded> {
    let wrote = record.from == Side::Buyer && !record.automatic;
    let buyer_spoke = wrote && state != MessageState::Held && record.stop.is_none();
    pair.touch(db, place, buyer_spoke)?;
    if buyer_spoke {
        pair.state.last_from_buyer = Some(pair.state.now);
        pair.state.last_here = Some(pair.state.now);
    }
    let debit = under.filter(|_| record.from == Side::Seller);
    if let Some(under) = debit {
        pair.debit(db, place, under)?;
        pair.note(db, place, record)?;
    }
    let mut chain = Chain::load(db, place.num)?;
    let message =
        Message { record, state, reason: None, debited: debit.is_some() }.insert(db, place, &pair, &mut chain)?;
    let kind = if state == MessageState::Held { EntryKind::MessageHeld } else { EntryKind::MessageAccepted };
    chain.add(db, &entry(record, kind, record.facts.clone()))?;
    if state == MessageState::Delivered {
        chain.add(db, &outbox::ending_entry(state, record.id, "delivery=api".to_owned(), record.at))?;
    }
    let seq = chain.messages;
    chain.save(db)?;
    remember(db, place, record)?;
    let mut claimed = Vec::new();
    for delivery in &record.deliveries {
        let open = Open { conversation: place.num, message, seq, accepted: record.at };
        if deliveries::add(db, &open, delivery, state == MessageState::Held, record.lease)? {
            let epoch = pair.epoch_towards(delivery.to);
            claimed.push(outbox::born_claimed(scope, record, delivery, epoch));
        }
    }
    if let Some(due) = record.notice.filter(|_| state != MessageState::Held) {
        deliveries::Message::numbered(db, message)?.tell_cut(db, due)?;
    }
    if let Some(notice_due) = record.stop.filter(|_| wrote) {
        barriers::stop_contact(db, place, &mut pair, record, notice_due)?;
    }
    strikes::record(db, scope, place, record, state == MessageState::Held)?;
    Ok(Recorded::Accepted { state, pair: pair.state, claimed })
}

/// Holds what nobody may see; its author is told at the time at which other held messages end.
fn seal_away(
    db: &Connection,
    place: &Place,
    mut pair: Pair,
    record: &Record,
    under: Option<Under>,
) -> Result<Recorded> {
    pair.touch(db, place, false)?;
    let debit = under.filter(|_| record.from == Side::Seller);
    if let Some(under) = debit {
        pair.debit(db, place, under)?;
    }
    let mut chain = Chain::load(db, place.num)?;
    let (state, reason) = (MessageState::Held, Some(Reason::Escalated));
    let message = Message { record, state, reason, debited: debit.is_some() }.insert(db, place, &pair, &mut chain)?;
    chain.add(db, &outbox::escalated_entry(record))?;
    chain.save(db)?;
    keep_repeat(db, place, record)?;
    let due = record.notice.unwrap_or(record.at);
    deliveries::Message::numbered(db, message)?.tell(db, MessageState::Refused, due)?;
    Ok(Recorded::Accepted { state, pair: pair.state, claimed: Vec::new() })
}

fn refuse(
    db: &Connection,
    scope: &Scope,
    place: &Place,
    pair: Pair,
    record: &Record,
    reason: Reason,
) -> Result<Recorded> {
    pair.touch(db, place, false)?;
    let mut chain = Chain::load(db, place.num)?;
    let state = MessageState::Refused;
    Message { record, state, reason: Some(reason), debited: false }.insert(db, place, &pair, &mut chain)?;
    chain.add(db, &entry(record, EntryKind::MessageRefused, outbox::with_reason(&record.facts, reason)))?;
    chain.save(db)?;
    keep_repeat(db, place, record)?;
    strikes::record(db, scope, place, record, false)?;
    Ok(Recorded::Refused { reason, pair: pair.state })
}

fn entry(record: &Record, kind: EntryKind, facts: String) -> NewEntry {
    NewEntry {
        at: record.at,
        kind,
        by: Some(record.from),
        message: Some(record.id),
        facts,
        private: Some(record.private.clone()),
    }
}

struct Message<'a> {
    record: &'a Record,
    state: MessageState,
    reason: Option<Reason>,
    debited: bool,
}

impl Message<'_> {
    /// The row; the entry that is added to the chain next holds its text.
    fn insert(self, db: &Connection, place: &Place, pair: &Pair, chain: &mut Chain) -> Result<i64> {
        let record = self.record;
        chain.messages += 1;
        db.prepare_cached(
            "INSERT INTO message (id, conversation, seq, from_side, agent, channel, at, automatic, state, reason,
                 debit, epoch, entry, tell_cuts)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            record.id,
            place.num,
            signed(chain.messages),
            record.from,
            record.agent,
            record.channel,
            record.at,
            record.automatic,
            self.state,
            self.reason,
            self.debited.then_some(pair.state.now),
            signed(pair.epoch_towards(record.from.other())),
            signed(chain.entries),
            self.state == MessageState::Held && record.notice.is_some(),
        ])?;
        let num = db.last_insert_rowid();
        for (n, file) in (0i64..).zip(&record.files) {
            db.prepare_cached("INSERT INTO message_file (message, n, sealed) VALUES (?1, ?2, ?3)")?
                .execute(params![num, n, file])?;
        }
        Ok(num)
    }
}

fn remember(db: &Connection, place: &Place, record: &Record) -> Result<()> {
    if let Some((_, sealed)) = &record.window {
        db.prepare_cached(
            "INSERT INTO detection_window (conversation, side, seq, sealed, at) VALUES (?1, ?2, 1, ?3, ?4)
             ON CONFLICT (conversation, side) DO UPDATE SET seq = seq + 1, sealed = excluded.sealed, at = excluded.at",
        )?
        .execute(params![place.num, record.from, sealed, record.at])?;
    }
    let mut has_print = false;
    for thread in &record.threads {
        has_print |= keep_thread(db, place, record, thread)?;
    }
    if has_print { Ok(()) } else { keep_repeat(db, place, record) }
}

/// Whether the row tells from now on that this mail came. The first spelling stays: a thread id that is used again keeps
/// its counterpart.
fn keep_thread(db: &Connection, place: &Place, record: &Record, thread: &ThreadRow) -> Result<bool> {
    let own = record.idempotency.as_ref().filter(|_| record.own_thread == Some(thread.hash));
    let kept = db
        .prepare_cached(
            "INSERT OR IGNORE INTO thread (conversation, hash, from_side, sealed, print, message, until)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            place.num,
            thread.hash,
            record.from,
            thread.sealed,
            own.map(print),
            own.map(|_| record.id),
            own.map(|idempotency| idempotency.expires),
        ])?;
    Ok(own.is_some() && kept == 1)
}

fn keep_repeat(db: &Connection, place: &Place, record: &Record) -> Result<()> {
    let Some(idempotency) = &record.idempotency else { return Ok(()) };
    db.prepare_cached(
        "INSERT OR REPLACE INTO repeat (marketplace, key, body, message, expires) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![place.market, idempotency.key, idempotency.body, record.id, idempotency.expires])
    .map(drop)
}
