//! What enforcement left a seller.

use tokio_postgres::{Row, Transaction};

use super::{
    Outcome, Trouble,
    deliveries::{self, Key},
    get,
};
use crate::{
    model::{Duration, Restriction, Scope, Timestamp},
    store::{LiftRestriction, NewEntry, NewRestriction},
};

/// See [`crate::store::Ledger::restrict`].
pub(super) async fn restrict(tx: &Transaction<'_>, scope: &Scope, new: &NewRestriction) -> Outcome<bool> {
    let (market, seller) = (scope.marketplace().as_str(), new.seller.as_str());
    let buyer = new.buyer.as_ref().map(|buyer| buyer.as_str());
    for party in [Some(seller), buyer].into_iter().flatten() {
        let sql = "SELECT 1 FROM party WHERE marketplace = $1 AND id = $2";
        if tx.query_opt(sql, &[&market, &party]).await?.is_none() {
            return Ok(false);
        }
    }
    let (burst, per) = match new.kind {
        Restriction::Slowed { burst, per } => (i64::from(burst), per.0),
        Restriction::TemplateOnly | Restriction::Withdrawn => (0, 0),
    };
    let until = new.until.map(|until| until.0);
    let laid = tx
        .execute(
            "INSERT INTO restriction (marketplace, id, seller, buyer, kind, burst, per, since, until, cause)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
            &[
                &market,
                &new.id.0.as_slice(),
                &seller,
                &buyer,
                &new.kind.as_str(),
                &burst,
                &per,
                &new.at.0,
                &until,
                &new.cause,
            ],
        )
        .await?;
    if laid == 0 {
        return Ok(true);
    }
    let sellers = group(tx, market, seller).await?;
    if new.kind == Restriction::Withdrawn {
        tx.execute(
            "UPDATE pair SET epoch = epoch + 1
             WHERE marketplace = $1 AND seller = ANY($2) AND ($3::text IS NULL OR buyer = $3)",
            &[&market, &sellers, &buyer],
        )
        .await?;
    }
    tell(tx, market, &sellers, buyer, &new.entry).await?;
    Ok(true)
}

/// See [`crate::store::Ledger::lift`].
pub(super) async fn lift(tx: &Transaction<'_>, scope: &Scope, lift: &LiftRestriction) -> Outcome<bool> {
    let market = scope.marketplace().as_str();
    let row = tx
        .query_opt(
            "UPDATE restriction SET lifted = $3 WHERE marketplace = $1 AND id = $2 AND lifted IS NULL
             RETURNING seller, buyer",
            &[&market, &lift.id.0.as_slice(), &lift.at.0],
        )
        .await?;
    let Some(row) = row else { return Ok(false) };
    let sellers = group(tx, market, get(&row, 0)?).await?;
    tell(tx, market, &sellers, get(&row, 1)?, &lift.entry).await?;
    Ok(true)
}

/// What holds for these sellers with one buyer at a moment.
pub(super) async fn of(
    tx: &Transaction<'_>,
    market: &str,
    sellers: &[String],
    buyer: &str,
    now: Timestamp,
) -> Outcome<Vec<Restriction>> {
    let rows = tx
        .query(
            "SELECT kind, burst, per FROM restriction
             WHERE marketplace = $1 AND seller = ANY($2) AND lifted IS NULL AND (buyer IS NULL OR buyer = $3)
                 AND (until IS NULL OR until > $4)",
            &[&market, &sellers, &buyer, &now.0],
        )
        .await?;
    rows.iter().map(kind).collect()
}

fn kind(row: &Row) -> Outcome<Restriction> {
    Ok(match get::<&str>(row, 0)? {
        "template_only" => Restriction::TemplateOnly,
        "slowed" => Restriction::Slowed {
            burst: u32::try_from(get::<i64>(row, 1)?).map_err(|_| Trouble::Row)?,
            per: Duration(get(row, 2)?),
        },
        _ => Restriction::Withdrawn,
    })
}

async fn group(tx: &Transaction<'_>, market: &str, seller: &str) -> Outcome<Vec<String>> {
    let sql = "SELECT p.id FROM party s JOIN party p ON p.marketplace = s.marketplace
                   AND (p.id = s.id OR p.budget_group = s.budget_group)
               WHERE s.marketplace = $1 AND s.id = $2 ORDER BY p.id";
    tx.query(sql, &[&market, &seller]).await?.iter().map(|row| get(row, 0)).collect()
}

async fn tell(
    tx: &Transaction<'_>,
    market: &str,
    sellers: &[String],
    buyer: Option<&str>,
    entry: &NewEntry,
) -> Outcome<()> {
    let Some(buyer) = buyer else { return Ok(()) };
    let sql = "SELECT id FROM conversation WHERE marketplace = $1 AND buyer = $2 AND seller = ANY($3) ORDER BY id";
    for row in &tx.query(sql, &[&market, &buyer, &sellers]).await? {
        deliveries::append(tx, Key { market, conversation: get(row, 0)? }, entry).await?;
    }
    Ok(())
}
