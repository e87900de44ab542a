use super::*;
use crate::{
    model::{EntryKind, EventId, Link, Luck, MessageState, SystemLuck},
    store::conformance::{Ground, T0, Talk, conforms, entry},
};

/// A ledger in a schema of its own on the server that the tests are given.
struct House {
    ledger: Postgres,
    config: Config,
}

/// `None`: the tests on PostgreSQL are to be skipped.
async fn open() -> Option<Box<dyn Ground>> {
    let server = std::env::var("TABIR_TEST_POSTGRES").expect(
        "TABIR_TEST_POSTGRES names no server: `make test` starts one; `TABIR_TEST_POSTGRES=skip` leaves these tests out",
    );
    if server == "skip" {
        return None;
    }
    let mut config: Config = server.parse().unwrap();
    let mut luck = [0; 8];
    SystemLuck::new().fill(&mut luck).unwrap();
    let schema = format!("tabir_test_{:016x}", u64::from_be_bytes(luck));
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("CREATE SCHEMA {schema}")).await.unwrap();
    config.options(format!("-c search_path={schema}"));
    Some(Box::new(House { ledger: Postgres::with(config.clone()).await.unwrap(), config }))
}

conforms!(open);

impl Ground for House {
    fn ledger(&self) -> &dyn Ledger {
        &self.ledger
    }

    fn add_conversation<'a>(&'a self, scope: &'a Scope, new: &'a Talk) -> Answer<'a, ()> {
        Box::pin(async move { transact!(self.ledger, "adding a conversation", tx => lay(&tx, scope, new)) })
    }

    fn state<'a>(&'a self, scope: &'a Scope, id: EventId) -> Answer<'a, Option<MessageState>> {
        Box::pin(async move { transact!(self.ledger, "reading a state", tx => state(&tx, scope, id)) })
    }

    fn chain<'a>(&'a self, scope: &'a Scope, conversation: &'a ConversationId) -> Answer<'a, Vec<(String, Link)>> {
        Box::pin(async move { transact!(self.ledger, "reading a chain", tx => chain(&tx, scope, conversation)) })
    }

    fn restart(self: Box<Self>) -> Answer<'static, Box<dyn Ground>> {
        Box::pin(async move {
            let Self { ledger, config } = *self;
            drop(ledger);
            let ledger = Postgres::with(config.clone()).await?;
            Ok(Box::new(Self { ledger, config }) as Box<dyn Ground>)
        })
    }
}

async fn lay(tx: &Transaction<'_>, scope: &Scope, new: &Talk) -> Outcome<()> {
    let market = scope.marketplace().as_str();
    for (party, group) in [(new.buyer, None), (new.seller, new.group)] {
        tx.execute(
            "INSERT INTO party (marketplace, id, budget_group) VALUES ($1, $2, $3)
             ON CONFLICT (marketplace, id) DO UPDATE SET budget_group = excluded.budget_group",
            &[&market, &party, &group],
        )
        .await?;
    }
    let laid = tx
        .execute(
            "INSERT INTO conversation (marketplace, id, buyer, seller) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            &[&market, &new.id.as_str(), &new.buyer, &new.seller],
        )
        .await?;
    if laid == 1 {
        let genesis = Link::genesis(scope.marketplace(), &new.id);
        tx.execute(
            "INSERT INTO chain (marketplace, conversation, messages, entries, head) VALUES ($1, $2, 0, 0, $3)",
            &[&market, &new.id.as_str(), &genesis.0.as_slice()],
        )
        .await?;
        let key = deliveries::Key { market, conversation: new.id.as_str() };
        deliveries::append(tx, key, &entry(EntryKind::ConversationOpened, T0)).await?;
    }
    Ok(())
}

async fn state(tx: &Transaction<'_>, scope: &Scope, id: EventId) -> Outcome<Option<MessageState>> {
    let sql = "SELECT state FROM message WHERE marketplace = $1 AND id = $2";
    let row = tx.query_opt(sql, &[&scope.marketplace().as_str(), &id.0.as_slice()]).await?;
    row.map(|row| word(&row, 0)).transpose()
}

async fn chain(tx: &Transaction<'_>, scope: &Scope, conversation: &ConversationId) -> Outcome<Vec<(String, Link)>> {
    let sql = "SELECT canonical, link FROM evidence WHERE marketplace = $1 AND conversation = $2 ORDER BY seq";
    let rows = tx.query(sql, &[&scope.marketplace().as_str(), &conversation.as_str()]).await?;
    rows.iter().map(|row| Ok((get(row, 0)?, link(row, 1)?))).collect()
}
