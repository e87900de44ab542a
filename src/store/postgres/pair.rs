//! The exact state of contact between a seller's group and a buyer.

use std::collections::HashSet;

use tokio_postgres::Transaction;

use super::{Outcome, count, get, rights, signed, time, word};
use crate::{
    model::{ConversationId, Duration, Fulfilment, OrderState, Scope, Side, Sketch, Timestamp},
    store::{
        Alike, PairState, Record, Under,
        outbox::{CONTACTS_KEPT, CONTACTS_READ, REVIEWS_KEPT, SKETCHES_READ},
        words::Word,
    },
};

/// A conversation with what a decision about it needs.
pub(super) struct Place {
    pub(super) market: String,
    pub(super) conversation: String,
    pub(super) buyer: String,
    pub(super) seller: String,
    group: Option<String>,
    expires: Option<Timestamp>,
    order: Option<(OrderState, Fulfilment)>,
    /// What feedback is asked about: the order, or the conversation where there is none.
    subject: String,
}

impl Place {
    pub(super) async fn find(tx: &Transaction<'_>, scope: &Scope, id: &ConversationId) -> Outcome<Option<Self>> {
        let (market, conversation) = (scope.marketplace().as_str(), id.as_str());
        let row = tx
            .query_opt(
                "SELECT c.buyer, c.seller, s.budget_group, c.expires, o.state, o.fulfilment,
                     coalesce('order:' || c.order_id, 'conversation:' || c.id)
                 FROM conversation c
                 JOIN party s ON s.marketplace = c.marketplace AND s.id = c.seller
                 LEFT JOIN orders o ON o.marketplace = c.marketplace AND o.id = c.order_id
                 WHERE c.marketplace = $1 AND c.id = $2",
                &[&market, &conversation],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let has_order = get::<Option<&str>>(&row, 4)?.is_some();
        Ok(Some(Self {
            market: market.to_owned(),
            conversation: conversation.to_owned(),
            buyer: get(&row, 0)?,
            seller: get(&row, 1)?,
            group: get(&row, 2)?,
            expires: get::<Option<i64>>(&row, 3)?.map(Timestamp),
            subject: get(&row, 6)?,
            order: if has_order { Some((word(&row, 4)?, word(&row, 5)?)) } else { None },
        }))
    }

    /// All sellers whose budgets are one with this conversation's seller, in the order in which
    /// their rows are locked.
    pub(super) async fn sellers(&self, tx: &Transaction<'_>) -> Outcome<Vec<String>> {
        let Some(group) = &self.group else { return Ok(vec![self.seller.clone()]) };
        let sql = "SELECT id FROM party WHERE marketplace = $1 AND budget_group = $2 ORDER BY id";
        tx.query(sql, &[&self.market, group]).await?.iter().map(|row| get(row, 0)).collect()
    }
}

/// The pair of a conversation, as it stands.
pub(super) struct Pair {
    /// As the judge sees it.
    pub(super) state: PairState,
    /// The sellers of the group.
    pub(super) sellers: Vec<String>,
    epoch_seller: u64,
}

impl Pair {
    /// Locks the pair for the rest of the transaction and reads it.
    pub(super) async fn lock(tx: &Transaction<'_>, place: &Place, now: Timestamp) -> Outcome<Self> {
        let sellers = place.sellers(tx).await?;
        for seller in &sellers {
            tx.execute(
                "INSERT INTO pair (marketplace, buyer, seller) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                &[&place.market, &place.buyer, seller],
            )
            .await?;
        }
        tx.execute(
            "SELECT 1 FROM pair WHERE marketplace = $1 AND buyer = $2 AND seller = ANY($3) ORDER BY seller FOR UPDATE",
            &[&place.market, &place.buyer, &sellers],
        )
        .await?;
        Self::read(tx, place, sellers, now).await
    }

    async fn read(tx: &Transaction<'_>, place: &Place, sellers: Vec<String>, now: Timestamp) -> Outcome<Self> {
        let mut pair = Self { state: PairState { now, ..PairState::default() }, sellers, epoch_seller: 0 };
        pair.read_rows(tx, place).await?;
        pair.read_contacts(tx, place).await?;
        pair.read_reviews(tx, place).await?;
        pair.read_cases(tx, place).await?;
        pair.state.last_here = opening(tx, place).await?;
        pair.state.asked = was_asked(tx, place, &pair.sellers).await?;
        let now = pair.state.now;
        pair.state.restrictions = rights::of(tx, &place.market, &pair.sellers, &place.buyer, now).await?;
        pair.state.order = place.order;
        pair.state.expires = place.expires;
        Ok(pair)
    }

    async fn read_rows(&mut self, tx: &Transaction<'_>, place: &Place) -> Outcome<()> {
        let rows = tx
            .query(
                "SELECT seller, epoch, epoch_seller, high_water, last_from_buyer, blocked_by_buyer, blocked_by_seller,
                     stopped
                 FROM pair WHERE marketplace = $1 AND buyer = $2 AND seller = ANY($3)",
                &[&place.market, &place.buyer, &self.sellers],
            )
            .await?;
        for row in &rows {
            if get::<&str>(row, 0)? == place.seller {
                self.state.epoch = count(row, 1)?;
                self.epoch_seller = count(row, 2)?;
            }
            self.state.now = self.state.now.max(time(row, 3)?.plus(TICK));
            self.state.last_from_buyer = self.state.last_from_buyer.max(get::<Option<i64>>(row, 4)?.map(Timestamp));
            self.state.blocked_by_buyer |= get::<bool>(row, 5)?;
            self.state.blocked_by_seller |= get::<bool>(row, 6)?;
            self.state.stopped = self.state.stopped.max(get::<Option<i64>>(row, 7)?.map(Timestamp));
        }
        Ok(())
    }

    async fn read_contacts(&mut self, tx: &Transaction<'_>, place: &Place) -> Outcome<()> {
        let since = self.state.now.minus(CONTACTS_KEPT).0;
        let limit = i64::try_from(CONTACTS_READ).unwrap_or(i64::MAX);
        let rows = tx
            .query(
                "SELECT at, under FROM contact WHERE marketplace = $1 AND buyer = $2 AND seller = ANY($3) AND at >= $4
                 ORDER BY at DESC LIMIT $5",
                &[&place.market, &place.buyer, &self.sellers, &since, &limit],
            )
            .await?;
        for row in rows.iter().rev() {
            self.state.contacts.push((time(row, 0)?, word(row, 1)?));
        }
        Ok(())
    }

    async fn read_reviews(&mut self, tx: &Transaction<'_>, place: &Place) -> Outcome<()> {
        let since = self.state.now.minus(REVIEWS_KEPT).0;
        let rows = tx
            .query(
                "SELECT at, rating FROM barrier WHERE marketplace = $1 AND buyer = $2 AND seller = ANY($3) AND at >= $4
                 ORDER BY at",
                &[&place.market, &place.buyer, &self.sellers, &since],
            )
            .await?;
        for row in &rows {
            let rating = u8::try_from(get::<i16>(row, 1)?).unwrap_or(1);
            self.state.reviews.push((time(row, 0)?, rating));
        }
        Ok(())
    }

    async fn read_cases(&mut self, tx: &Transaction<'_>, place: &Place) -> Outcome<()> {
        let sql = "SELECT state, at FROM case_state WHERE marketplace = $1 AND buyer = $2 AND seller = ANY($3)";
        for row in &tx.query(sql, &[&place.market, &place.buyer, &self.sellers]).await? {
            self.state.cases.push((word(row, 0)?, time(row, 1)?));
        }
        Ok(())
    }

    /// Counts the other buyers whom the group lately sent nearly this.
    pub(super) async fn compare(&mut self, tx: &Transaction<'_>, place: &Place, alike: &Alike) -> Outcome<()> {
        let limit = i64::try_from(SKETCHES_READ).unwrap_or(i64::MAX);
        let rows = tx
            .query(
                "SELECT buyer, hashes FROM sketch
                 WHERE marketplace = $1 AND seller = ANY($2) AND at > $3 AND buyer <> $4 ORDER BY at DESC LIMIT $5",
                &[&place.market, &self.sellers, &alike.since.0, &place.buyer, &limit],
            )
            .await?;
        let mut buyers = HashSet::new();
        for row in &rows {
            if Sketch::read(get(row, 1)?).is_some_and(|other| alike.sketch.is_like(&other)) {
                buyers.insert(get::<&str>(row, 0)?);
            }
        }
        self.state.alike = u32::try_from(buyers.len()).unwrap_or(u32::MAX);
        Ok(())
    }

    /// The epoch of what is written to `side`.
    pub(super) fn epoch_towards(&self, side: Side) -> u64 {
        match side {
            Side::Buyer => self.state.epoch,
            Side::Seller => self.epoch_seller,
        }
    }

    /// Remembers that this moment of the pair was used, and the buyer's word if it was one.
    pub(super) async fn touch(&self, tx: &Transaction<'_>, place: &Place, buyer_spoke: bool) -> Outcome<()> {
        let spoke = buyer_spoke.then_some(self.state.now.0);
        tx.execute(
            "UPDATE pair SET high_water = $4, last_from_buyer = coalesce($5, last_from_buyer)
             WHERE marketplace = $1 AND buyer = $2 AND seller = $3",
            &[&place.market, &place.buyer, &place.seller, &self.state.now.0, &spoke],
        )
        .await?;
        if buyer_spoke {
            tx.execute(
                "INSERT INTO opening (marketplace, conversation, at) VALUES ($1, $2, $3)
                 ON CONFLICT (marketplace, conversation) DO UPDATE SET at = excluded.at",
                &[&place.market, &place.conversation, &self.state.now.0],
            )
            .await?;
        }
        Ok(())
    }

    /// Remembers what a seller's message that was taken used up beside its budget.
    pub(super) async fn note(&mut self, tx: &Transaction<'_>, place: &Place, record: &Record) -> Outcome<()> {
        if record.form.asks_for_feedback() {
            tx.execute(
                "INSERT INTO asked (marketplace, buyer, seller, subject, at) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (marketplace, buyer, seller, subject) DO UPDATE SET at = excluded.at",
                &[&place.market, &place.buyer, &place.seller, &place.subject, &self.state.now.0],
            )
            .await?;
            self.state.asked = true;
        }
        if let Some(alike) = &record.alike {
            tx.execute(
                "INSERT INTO sketch (marketplace, seller, buyer, at, hashes) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT DO NOTHING",
                &[&place.market, &place.seller, &place.buyer, &record.at.0, &alike.sketch.bytes().as_slice()],
            )
            .await?;
        }
        Ok(())
    }

    /// Writes a contact down at this moment.
    pub(super) async fn debit(&mut self, tx: &Transaction<'_>, place: &Place, under: Under) -> Outcome<()> {
        tx.execute(
            "INSERT INTO contact (marketplace, buyer, seller, at, under) VALUES ($1, $2, $3, $4, $5)",
            &[&place.market, &place.buyer, &place.seller, &self.state.now.0, &under.word()],
        )
        .await?;
        self.state.contacts.push((self.state.now, under));
        Ok(())
    }
}

async fn opening(tx: &Transaction<'_>, place: &Place) -> Outcome<Option<Timestamp>> {
    let sql = "SELECT at FROM opening WHERE marketplace = $1 AND conversation = $2";
    let row = tx.query_opt(sql, &[&place.market, &place.conversation]).await?;
    row.map(|row| time(&row, 0)).transpose()
}

async fn was_asked(tx: &Transaction<'_>, place: &Place, sellers: &[String]) -> Outcome<bool> {
    let sql = "SELECT 1 FROM asked WHERE marketplace = $1 AND buyer = $2 AND seller = ANY($3) AND subject = $4 LIMIT 1";
    Ok(tx.query_opt(sql, &[&place.market, &place.buyer, &sellers, &place.subject]).await?.is_some())
}

/// See [`crate::store::Ledger::pair`].
pub(super) async fn look(
    tx: &Transaction<'_>,
    scope: &Scope,
    conversation: &ConversationId,
    now: Timestamp,
) -> Outcome<Option<PairState>> {
    let Some(place) = Place::find(tx, scope, conversation).await? else { return Ok(None) };
    let sellers = place.sellers(tx).await?;
    Ok(Some(Pair::read(tx, &place, sellers, now).await?.state))
}

/// The epoch that a delivery to `side` must have.
pub(super) async fn current_epoch(tx: &Transaction<'_>, market: &str, conversation: &str, to: Side) -> Outcome<i64> {
    let row = tx
        .query_opt(
            "SELECT p.epoch, p.epoch_seller FROM conversation c
             JOIN pair p ON p.marketplace = c.marketplace AND p.buyer = c.buyer AND p.seller = c.seller
             WHERE c.marketplace = $1 AND c.id = $2",
            &[&market, &conversation],
        )
        .await?;
    match row {
        Some(row) => Ok(signed(count(&row, usize::from(to == Side::Seller))?)),
        None => Ok(0),
    }
}

/// What lies at least between two moments of one pair.
const TICK: Duration = Duration(1);
