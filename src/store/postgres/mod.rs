//! The ledger on PostgreSQL: what must be exact under concurrency, when several relays share it.
//!
//! The rows of a pair are locked before it is judged, the row of a conversation's chain before
//! its lanes are touched, always in this order; serialisation failures (40001) and deadlocks
//! (40P01) run again. The rest of the store is not here yet.
//!
//! # Security
//! As its parent: sealed bytes, hashes and ids only. The connection has no TLS: the server is on
//! the same machine or behind an encrypted link of the operator's.

/// Runs `$work` in a transaction, again while others are in its way.
macro_rules! transact {
    ($ledger:expr, $doing:expr, $tx:ident => $work:expr) => {{
        let mut tries = 0;
        loop {
            let mut client = $ledger.client($doing).await?;
            let outcome: Outcome<_> = async {
                let $tx = client.transaction().await?;
                let answer = $work.await?;
                $tx.commit().await?;
                Ok(answer)
            }
            .await;
            match outcome {
                Ok(answer) => {
                    $ledger.give_back(client);
                    break Ok(answer);
                }
                Err(trouble) if trouble.may_pass() && tries < TRIES => tries += 1,
                Err(trouble) => break Err(Fault::new($doing, trouble)),
            }
        }
    }};
}

mod barriers;
mod claim;
mod deliveries;
mod pair;
mod record;
mod rights;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, PoisonError};

use tokio_postgres::{Client, Config, NoTls, Row, Transaction, error::SqlState, types::FromSql};

use super::{
    Answer, Barrier, Delivery, Judge, Ledger, LiftRestriction, NewBlock, NewNarrowing, NewRestriction, NewReview,
    PairState, Record, Recorded, Settled, schema, words::Word,
};
use crate::model::{ConversationId, Duration, EventId, Fault, Link, Scope, Timestamp};

/// The shared ledger.
pub struct Postgres {
    config: Config,
    idle: Mutex<Vec<Client>>,
}

/// Why a transaction failed.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// The server says so.
    #[error("the database")]
    Server(#[from] tokio_postgres::Error),
    /// A row holds what was never written there.
    #[error("a row could not be read")]
    Row,
    /// Somebody else was first: look again.
    #[error("another transaction was first")]
    Raced,
}

impl Trouble {
    fn may_pass(&self) -> bool {
        match self {
            Self::Server(error) => {
                matches!(error.code(), Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED))
            }
            Self::Row => false,
            Self::Raced => true,
        }
    }
}

type Outcome<T> = Result<T, Trouble>;

impl Postgres {
    /// Connects by a connection string and brings the schema up to date.
    ///
    /// # Errors
    /// A [`Fault`] when the string is wrong, the server does not answer or the schema is newer.
    pub async fn connect(settings: &str) -> Result<Self, Fault> {
        Self::with(settings.parse().map_err(|error: tokio_postgres::Error| Fault::new(DOING, error))?).await
    }

    async fn with(config: Config) -> Result<Self, Fault> {
        let ledger = Self { config, idle: Mutex::new(Vec::new()) };
        transact!(ledger, DOING, tx => migrate(&tx))?;
        Ok(ledger)
    }

    async fn client(&self, doing: &'static str) -> Result<Client, Fault> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(client) = idle.filter(|client| !client.is_closed()) {
            return Ok(client);
        }
        let (client, connection) = self.config.connect(NoTls).await.map_err(|error| Fault::new(doing, error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(%error, "a connection to PostgreSQL ended");
            }
        });
        Ok(client)
    }

    fn give_back(&self, client: Client) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(client);
        }
    }
}

async fn migrate(tx: &Transaction<'_>) -> Outcome<()> {
    tx.batch_execute("CREATE TABLE IF NOT EXISTS schema_version (one integer PRIMARY KEY, seen integer NOT NULL)")
        .await?;
    tx.execute("INSERT INTO schema_version VALUES (1, 0) ON CONFLICT DO NOTHING", &[]).await?;
    let row = tx.query_one("SELECT seen FROM schema_version FOR UPDATE", &[]).await?;
    let seen = usize::try_from(get::<i32>(&row, 0)?).map_err(|_| Trouble::Row)?;
    for migration in schema::POSTGRES.get(seen..).ok_or(Trouble::Row)? {
        tx.batch_execute(migration).await?;
    }
    let now = i32::try_from(schema::POSTGRES.len()).map_err(|_| Trouble::Row)?;
    tx.execute("UPDATE schema_version SET seen = $1", &[&now]).await?;
    Ok(())
}

impl Ledger for Postgres {
    fn record<'a>(&'a self, scope: &'a Scope, record: Record, judge: Judge) -> Answer<'a, Recorded> {
        Box::pin(
            async move { transact!(self, "recording a message", tx => record::record(&tx, scope, &record, &judge)) },
        )
    }

    fn claim(&self, now: Timestamp, lease: Duration, limit: usize) -> Answer<'_, Vec<Delivery>> {
        Box::pin(async move { transact!(self, "claiming deliveries", tx => claim::claim(&tx, now, lease, limit)) })
    }

    fn still_current<'a>(&'a self, delivery: &'a Delivery) -> Answer<'a, bool> {
        Box::pin(async move { transact!(self, "judging a delivery again", tx => claim::still_current(&tx, delivery)) })
    }

    fn settle(&self, outcomes: Vec<Settled>) -> Answer<'_, bool> {
        Box::pin(async move { transact!(self, "settling deliveries", tx => claim::settle(&tx, &outcomes)) })
    }

    fn review<'a>(&'a self, scope: &'a Scope, review: NewReview) -> Answer<'a, Option<Barrier>> {
        Box::pin(
            async move { transact!(self, "raising a review's barrier", tx => barriers::review(&tx, scope, &review)) },
        )
    }

    fn block<'a>(&'a self, scope: &'a Scope, block: NewBlock) -> Answer<'a, Option<Barrier>> {
        Box::pin(async move { transact!(self, "blocking contact", tx => barriers::block(&tx, scope, &block)) })
    }

    fn narrow<'a>(&'a self, scope: &'a Scope, narrowing: NewNarrowing) -> Answer<'a, Option<Barrier>> {
        Box::pin(async move { transact!(self, "narrowing contact", tx => barriers::narrow(&tx, scope, &narrowing)) })
    }

    fn restrict<'a>(&'a self, scope: &'a Scope, new: NewRestriction) -> Answer<'a, bool> {
        Box::pin(async move { transact!(self, "restricting a seller", tx => rights::restrict(&tx, scope, &new)) })
    }

    fn lift<'a>(&'a self, scope: &'a Scope, lift: LiftRestriction) -> Answer<'a, bool> {
        Box::pin(async move { transact!(self, "lifting a restriction", tx => rights::lift(&tx, scope, &lift)) })
    }

    fn pair<'a>(
        &'a self,
        scope: &'a Scope,
        conversation: &'a ConversationId,
        now: Timestamp,
    ) -> Answer<'a, Option<PairState>> {
        Box::pin(async move {
            transact!(self, "reading the state of contact", tx => pair::look(&tx, scope, conversation, now))
        })
    }
}

/// A column.
fn get<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Outcome<T> {
    Ok(row.try_get(at)?)
}

/// A word.
fn word<T: Word>(row: &Row, at: usize) -> Outcome<T> {
    T::read(get::<&str>(row, at)?).ok_or(Trouble::Row)
}

/// A count or an epoch.
fn count(row: &Row, at: usize) -> Outcome<u64> {
    u64::try_from(get::<i64>(row, at)?).map_err(|_| Trouble::Row)
}

/// A count or an epoch, on its way in.
fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn time(row: &Row, at: usize) -> Outcome<Timestamp> {
    Ok(Timestamp(get(row, at)?))
}

fn event(row: &Row, at: usize) -> Outcome<EventId> {
    get::<&[u8]>(row, at)?.try_into().map(EventId).map_err(|_| Trouble::Row)
}

fn link(row: &Row, at: usize) -> Outcome<Link> {
    get::<&[u8]>(row, at)?.try_into().map(Link).map_err(|_| Trouble::Row)
}

const DOING: &str = "opening the PostgreSQL ledger";
/// How often a transaction runs again while others are in its way.
const TRIES: u32 = 50;
/// So many connections are kept open.
const KEPT: usize = 16;
