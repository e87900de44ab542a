//! The exact state of contact between a seller's group and a buyer.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{
    columns::{at_most, unsigned},
    rights,
};
use crate::{
    model::{ConversationId, Duration, Fulfilment, OrderState, Scope, Side, Sketch, Timestamp},
    store::{
        Alike, PairState, Record, Under,
        outbox::{CONTACTS_KEPT, CONTACTS_READ, REVIEWS_KEPT, SKETCHES_READ},
    },
};

/// The number of the marketplace that `scope` proves.
pub(super) fn market(db: &Connection, scope: &Scope) -> Result<i64> {
    db.prepare_cached("SELECT num FROM marketplace WHERE name = ?1")?.query_row([scope.marketplace()], |row| row.get(0))
}

/// What [`Place::read`] reads: nine columns of a conversation `c`, its seller `s` and its order `o`.
macro_rules! place_columns {
    () => {
        "c.num, c.marketplace, c.buyer, c.seller, s.cluster, c.expires, o.state, o.fulfilment,
         coalesce('order:' || c.order_id, 'conversation:' || c.id)"
    };
}
pub(super) use place_columns;

/// A conversation with what a decision about it needs.
pub(super) struct Place {
    pub(super) num: i64,
    pub(super) market: i64,
    pub(super) buyer: i64,
    pub(super) seller: i64,
    cluster: Option<i64>,
    pub(super) expires: Option<Timestamp>,
    pub(super) order: Option<(OrderState, Fulfilment)>,
    /// What feedback is asked about: the order, or the conversation where there is none.
    subject: String,
}

impl Place {
    /// Finds a conversation by the marketplace's id.
    pub(super) fn find(db: &Connection, scope: &Scope, id: &ConversationId) -> Result<Option<Self>> {
        db.prepare_cached(concat!(
            "SELECT ",
            place_columns!(),
            " FROM marketplace m
             JOIN conversation c ON c.marketplace = m.num
             JOIN party s ON s.num = c.seller
             LEFT JOIN orders o ON o.marketplace = c.marketplace AND o.id = c.order_id
             WHERE m.name = ?1 AND c.id = ?2"
        ))?
        .query_row(params![scope.marketplace(), id], Self::read)
        .optional()
    }

    /// Finds a conversation by its number.
    pub(super) fn numbered(db: &Connection, num: i64) -> Result<Self> {
        db.prepare_cached(concat!(
            "SELECT ",
            place_columns!(),
            " FROM conversation c
             JOIN party s ON s.num = c.seller
             LEFT JOIN orders o ON o.marketplace = c.marketplace AND o.id = c.order_id
             WHERE c.num = ?1"
        ))?
        .query_row([num], Self::read)
    }

    /// All conversations between two.
    pub(super) fn between(db: &Connection, buyer: i64, seller: i64) -> Result<Vec<i64>> {
        db.prepare_cached("SELECT num FROM conversation WHERE buyer = ?1 AND seller = ?2 ORDER BY num")?
            .query_map([buyer, seller], |row| row.get(0))?
            .collect()
    }

    /// From a row that begins with `place_columns!`.
    pub(super) fn read(row: &Row<'_>) -> Result<Self> {
        let state: Option<OrderState> = row.get(6)?;
        let fulfilment: Option<Fulfilment> = row.get(7)?;
        Ok(Self {
            num: row.get(0)?,
            market: row.get(1)?,
            buyer: row.get(2)?,
            seller: row.get(3)?,
            cluster: row.get(4)?,
            expires: row.get(5)?,
            order: state.zip(fulfilment),
            subject: row.get(8)?,
        })
    }

    /// All sellers whose budgets are one with this conversation's seller, that one included.
    pub(super) fn sellers(&self, db: &Connection) -> Result<Vec<i64>> {
        let Some(cluster) = self.cluster else { return Ok(vec![self.seller]) };
        db.prepare_cached("SELECT num FROM party WHERE cluster = ?1")?.query_map([cluster], |row| row.get(0))?.collect()
    }

    /// Those of them who had to do with the buyer, and this conversation's seller: however many are one, a message pays
    /// for those alone.
    pub(super) fn acquainted(&self, db: &Connection) -> Result<Vec<i64>> {
        let mut sellers = vec![self.seller];
        let Some(cluster) = self.cluster else { return Ok(sellers) };
        let mut query = db.prepare_cached(
            "SELECT k.seller FROM
                 (SELECT seller FROM pair WHERE buyer = ?1 UNION SELECT seller FROM case_state WHERE buyer = ?1) k
             JOIN party p ON p.num = k.seller WHERE p.cluster = ?2 AND k.seller <> ?3 ORDER BY k.seller",
        )?;
        for other in query.query_map([self.buyer, cluster, self.seller], |row| row.get(0))? {
            sellers.push(other?);
        }
        Ok(sellers)
    }
}

/// The pair of a conversation, as it stands.
pub(super) struct Pair {
    /// As the judge sees it.
    pub(super) state: PairState,
    /// The epoch that a message to the seller carries.
    epoch_seller: u64,
}

impl Pair {
    /// Reads the pair at `now`, which moves on past every moment that the pair has seen.
    pub(super) fn read(db: &Connection, place: &Place, now: Timestamp) -> Result<Self> {
        let sellers = place.acquainted(db)?;
        let mut pair = Self { state: PairState { now, ..PairState::default() }, epoch_seller: 0 };
        for seller in &sellers {
            pair.add_row(db, place, *seller)?;
        }
        for seller in &sellers {
            pair.add_contacts(db, place.buyer, *seller)?;
            pair.add_reviews(db, place.buyer, *seller)?;
            pair.add_cases(db, place.buyer, *seller)?;
            pair.state.asked |= was_asked(db, place, *seller)?;
        }
        pair.state.restrictions = rights::of(db, (place.seller, place.cluster), place.buyer, pair.state.now)?;
        if sellers.len() > 1 {
            pair.in_order();
        }
        pair.state.last_here = opening(db, place.num)?;
        pair.state.order = place.order;
        pair.state.expires = place.expires;
        Ok(pair)
    }

    /// The epoch of what is written to `side`.
    pub(super) fn epoch_towards(&self, side: Side) -> u64 {
        match side {
            Side::Buyer => self.state.epoch,
            Side::Seller => self.epoch_seller,
        }
    }

    fn add_row(&mut self, db: &Connection, place: &Place, seller: i64) -> Result<()> {
        let mut query = db.prepare_cached(
            "SELECT epoch, epoch_seller, high_water, last_from_buyer, blocked_by_buyer, blocked_by_seller, stopped
             FROM pair WHERE buyer = ?1 AND seller = ?2",
        )?;
        let mut rows = query.query([place.buyer, seller])?;
        let Some(row) = rows.next()? else { return Ok(()) };
        if seller == place.seller {
            self.state.epoch = unsigned(row.get(0)?);
            self.epoch_seller = unsigned(row.get(1)?);
        }
        let high_water: Timestamp = row.get(2)?;
        self.state.now = self.state.now.max(high_water.plus(TICK));
        self.state.last_from_buyer = self.state.last_from_buyer.max(row.get(3)?);
        self.state.blocked_by_buyer |= row.get::<_, bool>(4)?;
        self.state.blocked_by_seller |= row.get::<_, bool>(5)?;
        self.state.stopped = self.state.stopped.max(row.get(6)?);
        Ok(())
    }

    fn add_contacts(&mut self, db: &Connection, buyer: i64, seller: i64) -> Result<()> {
        let since = self.state.now.minus(CONTACTS_KEPT);
        let mut newest: Vec<(Timestamp, Under)> = db
            .prepare_cached(
                "SELECT at, under FROM contact WHERE buyer = ?1 AND seller = ?2 AND at >= ?3
                 ORDER BY at DESC LIMIT ?4",
            )?
            .query_map(params![buyer, seller, since, at_most(CONTACTS_READ)], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_>>()?;
        newest.reverse();
        self.state.contacts.append(&mut newest);
        Ok(())
    }

    fn add_reviews(&mut self, db: &Connection, buyer: i64, seller: i64) -> Result<()> {
        let since = self.state.now.minus(REVIEWS_KEPT);
        let mut query = db.prepare_cached(
            "SELECT at, rating FROM barrier WHERE buyer = ?1 AND seller = ?2 AND at >= ?3 ORDER BY at",
        )?;
        let mut rows = query.query(params![buyer, seller, since])?;
        while let Some(row) = rows.next()? {
            self.state.reviews.push((row.get(0)?, row.get(1)?));
        }
        Ok(())
    }

    fn add_cases(&mut self, db: &Connection, buyer: i64, seller: i64) -> Result<()> {
        let mut query = db.prepare_cached("SELECT state, at FROM case_state WHERE buyer = ?1 AND seller = ?2")?;
        let mut rows = query.query([buyer, seller])?;
        while let Some(row) = rows.next()? {
            self.state.cases.push((row.get(0)?, row.get(1)?));
        }
        Ok(())
    }

    /// Counts the other buyers whom the group lately sent nearly this.
    pub(super) fn compare(&mut self, db: &Connection, place: &Place, alike: &Alike) -> Result<()> {
        let mut buyers = HashSet::new();
        for seller in place.sellers(db)? {
            let mut query = db.prepare_cached(
                "SELECT buyer, hashes FROM sketch WHERE seller = ?1 AND at > ?2 AND buyer <> ?3
                 ORDER BY at DESC LIMIT ?4",
            )?;
            let mut rows = query.query(params![seller, alike.since, place.buyer, at_most(SKETCHES_READ)])?;
            while let Some(row) = rows.next()? {
                let other = Sketch::read(row.get_ref(1)?.as_blob()?);
                if other.is_some_and(|other| alike.sketch.is_like(&other)) {
                    buyers.insert(row.get::<_, i64>(0)?);
                }
            }
        }
        self.state.alike = u32::try_from(buyers.len()).unwrap_or(u32::MAX);
        Ok(())
    }

    fn in_order(&mut self) {
        self.state.contacts.sort_by_key(|(at, _)| *at);
        let more = self.state.contacts.len().saturating_sub(CONTACTS_READ);
        self.state.contacts.drain(..more);
        self.state.reviews.sort_by_key(|(at, _)| *at);
    }

    /// Remembers that this moment of the pair was used, and the buyer's word if it was one.
    pub(super) fn touch(&self, db: &Connection, place: &Place, buyer_spoke: bool) -> Result<()> {
        let spoke = buyer_spoke.then_some(self.state.now);
        db.prepare_cached(
            "INSERT INTO pair (buyer, seller, epoch, epoch_seller, high_water, last_from_buyer, blocked_by_buyer,
                 blocked_by_seller)
             VALUES (?1, ?2, 0, 0, ?3, ?4, 0, 0)
             ON CONFLICT (buyer, seller) DO UPDATE SET high_water = excluded.high_water,
                 last_from_buyer = coalesce(excluded.last_from_buyer, last_from_buyer)",
        )?
        .execute(params![place.buyer, place.seller, self.state.now, spoke])?;
        if buyer_spoke {
            db.prepare_cached(
                "INSERT INTO opening (conversation, at) VALUES (?1, ?2)
                 ON CONFLICT (conversation) DO UPDATE SET at = excluded.at",
            )?
            .execute(params![place.num, self.state.now])?;
        }
        Ok(())
    }

    /// Remembers what a seller's message that was taken used up beside its budget.
    pub(super) fn note(&mut self, db: &Connection, place: &Place, record: &Record) -> Result<()> {
        if record.form.asks_for_feedback() {
            db.prepare_cached("INSERT OR REPLACE INTO asked (buyer, seller, subject, at) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![place.buyer, place.seller, place.subject, self.state.now])?;
            self.state.asked = true;
        }
        if let Some(alike) = &record.alike {
            db.prepare_cached("INSERT INTO sketch (seller, buyer, at, hashes) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![place.seller, place.buyer, record.at, alike.sketch.bytes().as_slice()])?;
        }
        Ok(())
    }

    /// Writes a contact down at this moment.
    pub(super) fn debit(&mut self, db: &Connection, place: &Place, under: Under) -> Result<()> {
        db.prepare_cached("INSERT INTO contact (buyer, seller, at, under) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![place.buyer, place.seller, self.state.now, under])?;
        self.state.contacts.push((self.state.now, under));
        Ok(())
    }
}

fn opening(db: &Connection, conversation: i64) -> Result<Option<Timestamp>> {
    db.prepare_cached("SELECT at FROM opening WHERE conversation = ?1")?
        .query_row([conversation], |row| row.get(0))
        .optional()
}

fn was_asked(db: &Connection, place: &Place, seller: i64) -> Result<bool> {
    db.prepare_cached("SELECT 1 FROM asked WHERE buyer = ?1 AND seller = ?2 AND subject = ?3")?.exists(params![
        place.buyer,
        seller,
        place.subject
    ])
}

/// What lies at least between two moments of one pair.
const TICK: Duration = Duration(1);
