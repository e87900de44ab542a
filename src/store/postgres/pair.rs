//! The exact state of contact between a seller's group and a buyer.

use tokio_postgres::Transaction;

use super::{Outcome, count, get, signed, time, word};
use crate::{
    model::{ConversationId, Duration, Fulfilment, OrderState, Scope, Side, Timestamp},
    store::{
        PairState, Under,
        outbox::{CONTACTS_KEPT, CONTACTS_READ, REVIEWS_KEPT},
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
}

impl Place {
    pub(super) async fn find(tx: &Transaction<'_>, scope: &Scope, id: &ConversationId) -> Outcome<Option<Self>> {
        let (market, conversation) = (scope.marketplace().as_str(), id.as_str());
        let row = tx
            .query_opt(
                "SELECT c.buyer, c.seller, s.budget_group, c.expires, o.state, o.fulfilment
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
        pair.state.order = place.order;
        pair.state.expires = place.expires;
        Ok(pair)
    }

    async fn read_rows(&mut self, tx: &Transaction<'_>, place: &Place) -> Outcome<()> {
        let rows = tx
            .query(
                "SELECT seller, epoch, epoch_seller, high_water, last_from_buyer, blocked_by_buyer, blocked_by_seller
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
