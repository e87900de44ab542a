//! Orders and conversations.

use rusqlite::{Connection, OptionalExtension, Result, Row, params, params_from_iter, types::Value};

use super::{
    columns::at_most,
    evidence::{self, Chain},
    handles, keys, links,
    pair::{Place, market, place_columns},
    parties,
};
use crate::{
    model::{ConversationId, Link, OrderId, Scope, Side},
    store::{
        ConversationFilter, ConversationRow, Deliver, NewConversation, NewEntry, OrderRow, PutConversation,
        words::{Word, channels, read_channels},
    },
};

/// See [`crate::store::Store::put_order`].
pub(super) fn put_order(db: &Connection, scope: &Scope, row: &OrderRow, entry: &NewEntry) -> Result<()> {
    let market = market(db, scope)?;
    db.prepare_cached(
        "INSERT INTO orders (marketplace, id, state, fulfilment, facts, changed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (marketplace, id) DO UPDATE SET state = excluded.state, fulfilment = excluded.fulfilment,
             facts = excluded.facts, changed = excluded.changed",
    )?
    .execute(params![market, row.id, row.state, row.fulfilment, row.facts, row.changed])?;
    let about: Vec<i64> = db
        .prepare_cached("SELECT num FROM conversation WHERE marketplace = ?1 AND order_id = ?2")?
        .query_map(params![market, row.id], |row| row.get(0))?
        .collect::<Result<_>>()?;
    about.into_iter().try_for_each(|conversation| evidence::add(db, conversation, entry))
}

/// One order.
pub(super) fn order(db: &Connection, scope: &Scope, id: &OrderId) -> Result<Option<OrderRow>> {
    db.prepare_cached("SELECT id, state, fulfilment, facts, changed FROM orders WHERE marketplace = ?1 AND id = ?2")?
        .query_row(params![market(db, scope)?, id], |row| {
            Ok(OrderRow {
                id: row.get(0)?,
                state: row.get(1)?,
                fulfilment: row.get(2)?,
                facts: row.get(3)?,
                changed: row.get(4)?,
            })
        })
        .optional()
}

/// See [`crate::store::Store::put_conversation`].
pub(super) fn put(db: &Connection, scope: &Scope, new: &NewConversation) -> Result<PutConversation> {
    let market = market(db, scope)?;
    let row = &new.row;
    let (Some(buyer), Some(seller)) =
        (parties::number(db, market, &row.buyer)?, parties::number(db, market, &row.seller)?)
    else {
        return Ok(PutConversation::NoSuchParty);
    };
    let known: Option<(i64, i64, i64)> = db
        .prepare_cached("SELECT num, buyer, seller FROM conversation WHERE marketplace = ?1 AND id = ?2")?
        .query_row(params![market, row.id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    match known {
        None => create(db, scope, market, (buyer, seller), new).map(PutConversation::Created),
        Some((num, b, s)) if (b, s) == (buyer, seller) => replace(db, scope, num, new).map(PutConversation::Replaced),
        Some(_) => Ok(PutConversation::OtherParties),
    }
}

fn create(
    db: &Connection,
    scope: &Scope,
    market: i64,
    (buyer, seller): (i64, i64),
    new: &NewConversation,
) -> Result<ConversationRow> {
    let row = &new.row;
    db.prepare_cached(
        "INSERT INTO conversation (marketplace, id, order_id, listing, buyer, seller, tracking, expires, deliver_buyer,
             deliver_seller, created)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        market,
        row.id,
        row.order,
        row.listing,
        buyer,
        seller,
        row.tracking,
        row.expires,
        channels(row.deliver.buyer.as_deref()),
        channels(row.deliver.seller.as_deref()),
        row.created,
    ])?;
    let num = db.last_insert_rowid();
    for side in [Side::Buyer, Side::Seller] {
        if let Some(key) = row.key(side) {
            keys::put(db, side.word(), num, key)?;
        }
    }
    handles::mint_missing(db, num, &new.handles)?;
    let mut chain = Chain::begin(db, num, Link::genesis(scope.marketplace(), &row.id))?;
    chain.add(db, &new.entry)?;
    chain.save(db)?;
    let sold = "SELECT 1 FROM conversation WHERE seller = ?1 AND num <> ?2";
    if !db.prepare_cached(sold)?.exists([seller, num])? {
        links::meet(db, scope, market, seller, row.created)?;
    }
    as_it_is(db, scope, &row.id)
}

fn replace(db: &Connection, scope: &Scope, num: i64, new: &NewConversation) -> Result<ConversationRow> {
    let row = &new.row;
    db.prepare_cached(
        "UPDATE conversation SET order_id = ?2, listing = ?3, tracking = ?4, expires = ?5, deliver_buyer = ?6,
             deliver_seller = ?7
         WHERE num = ?1",
    )?
    .execute(params![
        num,
        row.order,
        row.listing,
        row.tracking,
        row.expires,
        channels(row.deliver.buyer.as_deref()),
        channels(row.deliver.seller.as_deref()),
    ])?;
    handles::mint_missing(db, num, &new.handles)?;
    as_it_is(db, scope, &row.id)
}

fn as_it_is(db: &Connection, scope: &Scope, id: &ConversationId) -> Result<ConversationRow> {
    find(db, scope, id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)
}

/// One conversation.
pub(super) fn find(db: &Connection, scope: &Scope, id: &ConversationId) -> Result<Option<ConversationRow>> {
    Ok(placed(db, scope, id)?.map(|(_, row)| row))
}

/// One conversation, and what a decision about it needs.
pub(super) fn placed(db: &Connection, scope: &Scope, id: &ConversationId) -> Result<Option<(Place, ConversationRow)>> {
    db.prepare_cached(concat!(
        "SELECT ",
        place_columns!(),
        ", c.id, c.order_id, c.listing, b.id, s.id, c.tracking, c.deliver_buyer, c.deliver_seller, bk.ring_key, bk.sealed,
             sk.ring_key, sk.sealed, c.created
         FROM marketplace m
         JOIN conversation c ON c.marketplace = m.num
         JOIN party b ON b.num = c.buyer
         JOIN party s ON s.num = c.seller
         LEFT JOIN data_key bk ON bk.kind = 'buyer' AND bk.owner = c.num
         LEFT JOIN data_key sk ON sk.kind = 'seller' AND sk.owner = c.num
         LEFT JOIN orders o ON o.marketplace = c.marketplace AND o.id = c.order_id
         WHERE m.name = ?1 AND c.id = ?2"
    ))?
    .query_row(params![scope.marketplace(), id], read)
    .optional()
}

/// See [`crate::store::Store::conversations`].
pub(super) fn list(db: &Connection, scope: &Scope, filter: &ConversationFilter) -> Result<Vec<ConversationRow>> {
    let market = market(db, scope)?;
    let mut sql = "SELECT c.id FROM conversation c WHERE c.marketplace = ?".to_owned();
    let mut values = vec![Value::Integer(market)];
    for (column, id) in [("buyer", &filter.buyer), ("seller", &filter.seller)] {
        let Some(id) = id else { continue };
        let Some(num) = parties::number(db, market, id)? else { return Ok(Vec::new()) };
        sql.push_str(&format!(" AND c.{column} = ?"));
        values.push(Value::Integer(num));
    }
    if let Some(order) = &filter.order {
        sql.push_str(" AND c.order_id = ?");
        values.push(Value::Text(order.as_str().to_owned()));
    }
    if let Some(after) = &filter.after {
        sql.push_str(" AND c.id > ?");
        values.push(Value::Text(after.as_str().to_owned()));
    }
    sql.push_str(" ORDER BY c.id LIMIT ?");
    values.push(Value::Integer(at_most(filter.limit)));
    let ids: Vec<ConversationId> =
        db.prepare_cached(&sql)?.query_map(params_from_iter(values), |row| row.get(0))?.collect::<Result<_>>()?;
    ids.iter().map(|id| as_it_is(db, scope, id)).collect()
}

fn read(row: &Row<'_>) -> Result<(Place, ConversationRow)> {
    let wish = |at| Ok::<_, rusqlite::Error>(read_channels(row.get::<_, Option<String>>(at)?.as_deref()));
    let place = Place::read(row)?;
    let conversation = ConversationRow {
        id: row.get(9)?,
        order: row.get(10)?,
        listing: row.get(11)?,
        buyer: row.get(12)?,
        seller: row.get(13)?,
        tracking: row.get(14)?,
        expires: place.expires,
        deliver: Deliver { buyer: wish(15)?, seller: wish(16)? },
        buyer_key: keys::read(row, 17)?,
        seller_key: keys::read(row, 19)?,
        order_state: place.order,
        created: row.get(21)?,
    };
    Ok((place, conversation))
}
