//! Reviews and blocks: barriers that nothing older passes.

use tokio_postgres::{Row, Transaction};

use super::{
    Outcome, Trouble,
    deliveries::{self, Chain, Key, Waiting},
    event, get,
    pair::{Pair, Place},
};
use crate::{
    model::{CaseState, EntryKind, EventId, MessageState, Scope, Side, Timestamp},
    store::{Barrier, NewBlock, NewHandle, NewNarrowing, NewReview, Record, outbox, words::Word},
};

/// See [`crate::store::Ledger::review`].
pub(super) async fn review(tx: &Transaction<'_>, scope: &Scope, review: &NewReview) -> Outcome<Option<Barrier>> {
    let Some(place) = Place::find(tx, scope, &review.conversation).await? else { return Ok(None) };
    let pair = Pair::lock(tx, &place, review.at).await?;
    let known = Known::find(tx, &place, review).await?;
    if known.as_ref().is_some_and(|known| known.conversation != place.conversation) {
        return Ok(None);
    }
    let raised = known.as_ref().is_none_or(|known| review.rating < known.rating || known.withdrawn);
    let changed = known.as_ref().is_none_or(|known| review.rating != known.rating);
    if let Some(known) = known.as_ref().filter(|_| changed) {
        let what = format!("from={} to={}", known.rating, review.rating);
        let messages = arrived(tx, &place, &pair, known.at, review.at).await?;
        if !messages.is_empty() {
            let entry = outbox::review_entry(EntryKind::ReviewChangedAfterContact, &what, &messages, review.at);
            deliveries::append(tx, key(&place), &entry).await?;
        }
    }
    let reviewer = known.map_or_else(|| review.reviewer.clone(), |known| known.reviewer);
    let mut barrier = Barrier { withheld: Vec::new(), in_flight: Vec::new(), reviewer, raised };
    if raised || changed {
        keep_review(tx, &place, review, &barrier).await?;
        deliveries::append(tx, key(&place), &review.entry).await?;
    }
    if raised {
        raise(tx, &place, &pair, 0).await?;
        tx.execute(
            "INSERT INTO barrier (marketplace, buyer, seller, at, rating) VALUES ($1, $2, $3, $4, $5)",
            &[&place.market, &place.buyer, &place.seller, &pair.state.now.0, &i16::from(review.rating)],
        )
        .await?;
        stop(tx, &place, &pair, &[Side::Buyer], (review.at, review.notice_due), &mut barrier).await?;
        slipped(tx, &place, &pair, review).await?;
        replace_handles(tx, key(&place), Side::Buyer, &review.handles, review.at).await?;
    }
    Ok(Some(barrier))
}

struct Known {
    conversation: String,
    rating: u8,
    at: Timestamp,
    withdrawn: bool,
    reviewer: String,
}

impl Known {
    async fn find(tx: &Transaction<'_>, place: &Place, review: &NewReview) -> Outcome<Option<Self>> {
        let sql = "SELECT conversation, rating, at, withdrawn, reviewer FROM review WHERE marketplace = $1 AND id = $2";
        let row = tx.query_opt(sql, &[&place.market, &review.id.as_str()]).await?;
        row.as_ref().map(Self::read).transpose()
    }

    fn read(row: &Row) -> Outcome<Self> {
        let rating = u8::try_from(get::<i16>(row, 1)?).map_err(|_| Trouble::Row)?;
        let at = Timestamp(get(row, 2)?);
        Ok(Self { conversation: get(row, 0)?, rating, at, withdrawn: get(row, 3)?, reviewer: get(row, 4)? })
    }
}

/// A review that reached us late: with what got through before its barrier.
async fn slipped(tx: &Transaction<'_>, place: &Place, pair: &Pair, review: &NewReview) -> Outcome<()> {
    let Some(claimed) = review.claimed_at.filter(|claimed| *claimed < review.at) else { return Ok(()) };
    let messages = arrived(tx, place, pair, claimed, review.at).await?;
    if messages.is_empty() {
        return Ok(());
    }
    let what = format!("rating={} claimed={}", review.rating, claimed.rfc3339());
    let entry = outbox::review_entry(EntryKind::ReviewSlipped, &what, &messages, review.at);
    deliveries::append(tx, key(place), &entry).await
}

/// The messages of the seller's group that reached the buyer after one moment and up to another.
async fn arrived(
    tx: &Transaction<'_>,
    place: &Place,
    pair: &Pair,
    after: Timestamp,
    until: Timestamp,
) -> Outcome<Vec<EventId>> {
    let rows = tx
        .query(
            "SELECT id FROM (
                 SELECT m.id, coalesce((SELECT max(d.settled) FROM delivery d
                     WHERE d.marketplace = m.marketplace AND d.conversation = m.conversation AND d.message = m.id
                         AND d.cargo = 'message' AND d.state = 'delivered'), m.at) AS came
                 FROM conversation c JOIN message m ON m.marketplace = c.marketplace AND m.conversation = c.id
                 WHERE c.marketplace = $1 AND c.buyer = $2 AND c.seller = ANY($3) AND m.from_side = 'seller'
                     AND m.state = 'delivered') AS those
             WHERE came > $4 AND came <= $5 ORDER BY came",
            &[&place.market, &place.buyer, &pair.sellers, &after.0, &until.0],
        )
        .await?;
    rows.iter().map(|row| event(row, 0)).collect()
}

async fn keep_review(tx: &Transaction<'_>, place: &Place, review: &NewReview, barrier: &Barrier) -> Outcome<()> {
    tx.execute(
        "INSERT INTO review (marketplace, id, conversation, rating, at, claimed_at, reviewer)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (marketplace, id) DO UPDATE SET rating = excluded.rating, withdrawn = false,
             at = CASE WHEN $8 THEN excluded.at ELSE review.at END,
             claimed_at = coalesce(excluded.claimed_at, review.claimed_at)",
        &[
            &place.market,
            &review.id.as_str(),
            &place.conversation,
            &i16::from(review.rating),
            &review.at.0,
            &review.claimed_at.map(|at| at.0),
            &barrier.reviewer,
            &barrier.raised,
        ],
    )
    .await?;
    Ok(())
}

/// See [`crate::store::Ledger::block`].
pub(super) async fn block(tx: &Transaction<'_>, scope: &Scope, block: &NewBlock) -> Outcome<Option<Barrier>> {
    let Some(place) = Place::find(tx, scope, &block.conversation).await? else { return Ok(None) };
    let pair = Pair::lock(tx, &place, block.at).await?;
    let is_blocked = match block.by {
        Side::Buyer => pair.state.blocked_by_buyer,
        Side::Seller => pair.state.blocked_by_seller,
    };
    let raised = block.blocked && !is_blocked;
    let mut barrier = Barrier { withheld: Vec::new(), in_flight: Vec::new(), reviewer: String::new(), raised };
    if block.blocked == is_blocked {
        return Ok(Some(barrier));
    }
    deliveries::append(tx, key(&place), &block.entry).await?;
    if raised {
        let (seller_too, stopped): (_, &[Side]) = match block.by {
            Side::Buyer => (0, &[Side::Buyer]),
            Side::Seller => (1, &[Side::Buyer, Side::Seller]),
        };
        raise(tx, &place, &pair, seller_too).await?;
        stop(tx, &place, &pair, stopped, (block.at, block.notice_due), &mut barrier).await?;
        replace_handles(tx, key(&place), block.by, &block.handles, block.at).await?;
    }
    let change = match block.by {
        Side::Buyer => {
            "UPDATE pair SET blocked_by_buyer = $4 WHERE marketplace = $1 AND buyer = $2 AND seller = ANY($3)"
        }
        Side::Seller => {
            "UPDATE pair SET blocked_by_seller = $4 WHERE marketplace = $1 AND buyer = $2 AND seller = ANY($3)"
        }
    };
    tx.execute(change, &[&place.market, &place.buyer, &pair.sellers, &block.blocked]).await?;
    Ok(Some(barrier))
}

/// The buyer says that nothing more is wanted: as a block by the buyer, until the next own word.
pub(super) async fn stop_contact(
    tx: &Transaction<'_>,
    place: &Place,
    pair: &mut Pair,
    record: &Record,
    notice_due: Timestamp,
) -> Outcome<()> {
    let mut barrier = Barrier { withheld: Vec::new(), in_flight: Vec::new(), reviewer: String::new(), raised: true };
    raise(tx, place, pair, 0).await?;
    tx.execute(
        "UPDATE pair SET stopped = $4 WHERE marketplace = $1 AND buyer = $2 AND seller = ANY($3)",
        &[&place.market, &place.buyer, &pair.sellers, &pair.state.now.0],
    )
    .await?;
    stop(tx, place, pair, &[Side::Buyer], (record.at, notice_due), &mut barrier).await?;
    pair.state.stopped = Some(pair.state.now);
    pair.state.epoch += 1;
    deliveries::append(tx, key(place), &outbox::stop_entry(record, &barrier)).await
}

/// See [`crate::store::Ledger::narrow`].
pub(super) async fn narrow(tx: &Transaction<'_>, scope: &Scope, new: &NewNarrowing) -> Outcome<Option<Barrier>> {
    let Some(place) = Place::find(tx, scope, &new.conversation).await? else { return Ok(None) };
    let pair = Pair::lock(tx, &place, new.at).await?;
    let raised = new.state == Some(CaseState::Closed);
    let mut barrier = Barrier { withheld: Vec::new(), in_flight: Vec::new(), reviewer: String::new(), raised };
    match new.state {
        Some(state) => {
            tx.execute(
                "INSERT INTO case_state (marketplace, buyer, seller, id, state, at) VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (marketplace, buyer, seller, id) DO UPDATE SET state = excluded.state, at = excluded.at",
                &[&place.market, &place.buyer, &place.seller, &new.case, &state.word(), &pair.state.now.0],
            )
            .await?
        }
        None => {
            tx.execute(
                "DELETE FROM case_state WHERE marketplace = $1 AND buyer = $2 AND seller = $3 AND id = $4",
                &[&place.market, &place.buyer, &place.seller, &new.case],
            )
            .await?
        }
    };
    deliveries::append(tx, key(&place), &new.entry).await?;
    if raised {
        raise(tx, &place, &pair, 0).await?;
        stop(tx, &place, &pair, &[Side::Buyer], (new.at, new.notice_due), &mut barrier).await?;
    }
    Ok(Some(barrier))
}

fn key(place: &Place) -> Key<'_> {
    Key { market: &place.market, conversation: &place.conversation }
}

/// Raises the epochs of every pair of the group with the buyer.
async fn raise(tx: &Transaction<'_>, place: &Place, pair: &Pair, seller_too: i64) -> Outcome<()> {
    tx.execute(
        "UPDATE pair SET epoch = epoch + 1, epoch_seller = epoch_seller + $4, high_water = greatest(high_water, $5)
         WHERE marketplace = $1 AND buyer = $2 AND seller = ANY($3)",
        &[&place.market, &place.buyer, &pair.sellers, &seller_too, &pair.state.now.0],
    )
    .await?;
    Ok(())
}

/// Withholds what is accepted and not being handed over; names what is.
async fn stop(
    tx: &Transaction<'_>,
    place: &Place,
    pair: &Pair,
    sides: &[Side],
    (at, notice_due): (Timestamp, Timestamp),
    barrier: &mut Barrier,
) -> Outcome<()> {
    let sql = "SELECT id FROM conversation WHERE marketplace = $1 AND buyer = $2 AND seller = ANY($3) ORDER BY id";
    let conversations = tx.query(sql, &[&place.market, &place.buyer, &pair.sellers]).await?;
    for row in &conversations {
        let key = Key { market: &place.market, conversation: get(row, 0)? };
        Chain::lock(tx, key).await?;
        for side in sides {
            for open in Waiting::in_lane(tx, key, side.word()).await? {
                if open.in_flight(at) {
                    barrier.in_flight.push(open.message);
                } else if open.withhold(tx, key, side.word(), at, notice_due).await? == MessageState::Withheld {
                    barrier.withheld.push(open.message);
                }
            }
        }
    }
    barrier.in_flight.dedup();
    Ok(())
}

async fn replace_handles(
    tx: &Transaction<'_>,
    key: Key<'_>,
    of: Side,
    handles: &[NewHandle],
    at: Timestamp,
) -> Outcome<()> {
    for handle in handles.iter().filter(|handle| handle.stands_for == of) {
        tx.execute(
            "UPDATE handle SET replaced = $5
             WHERE marketplace = $1 AND conversation = $2 AND stands_for = $3 AND kind = $4 AND replaced IS NULL",
            &[&key.market, &key.conversation, &of.word(), &handle.kind.as_str(), &at.0],
        )
        .await?;
        tx.execute(
            "INSERT INTO handle (marketplace, conversation, hash, stands_for, kind, sealed, created, epoch)
             VALUES ($1, $2, $3, $4, $5, $6, $7, (SELECT coalesce(max(epoch), 0) + 1 FROM handle
                 WHERE marketplace = $1 AND conversation = $2 AND stands_for = $4 AND kind = $5))",
            &[
                &key.market,
                &key.conversation,
                &handle.hash.0.as_slice(),
                &of.word(),
                &handle.kind.as_str(),
                &handle.sealed,
                &handle.created.0,
            ],
        )
        .await?;
    }
    Ok(())
}
