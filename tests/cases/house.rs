//! A house in this process, with a clock that a test moves and a wire that it reads.

use std::{
    collections::HashMap,
    future::Future,
    path::PathBuf,
    pin::Pin,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration as StdDuration,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use serde_json::{Value, json};
use tabir::{
    channel::api::{Api, ApiRules},
    desk::{Desk, TokenScope},
    detect::Detect,
    judges::Panels,
    media::attachment::AttachmentRules,
    model::{Clock, Duration, Scope, SystemLuck, Timestamp},
    policy::rules::{MarketRules, RuleBook},
    relay::{Handover, LastLook, Mail, Relay, Rules, Transport},
    sandbox::Sandbox,
    store::{Store, sqlite::Sqlite},
    vault::Vault,
};

/// Compiled once: it takes longer than everything else here.
static DETECT: LazyLock<Arc<Detect>> = LazyLock::new(|| Arc::new(Detect::embedded().unwrap()));

pub(crate) const BUYER_MAIL: &str = "rina.kartika@surat.example";
pub(crate) const SELLER_MAIL: &str = "pemilik.toko@kantor.example";

pub(crate) struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// What left, and what the world says to it.
#[derive(Default)]
pub(crate) struct Wire {
    pub(crate) left: Mutex<Vec<(String, String)>>,
    pub(crate) says: Mutex<Option<Handover>>,
    /// It takes its time, until it does not.
    pub(crate) slow: AtomicBool,
}

impl Transport for Wire {
    fn deliver<'a>(&'a self, mail: &'a Mail, _: LastLook<'a>) -> Pin<Box<dyn Future<Output = Handover> + Send + 'a>> {
        let says = self.says.lock().unwrap().clone().unwrap_or(Handover::Delivered);
        if says == Handover::Delivered {
            let text = String::from_utf8_lossy(&mail.bytes).into_owned();
            self.left.lock().unwrap().push((mail.to.reveal().clone(), text));
        }
        Box::pin(async move {
            while self.slow.load(Ordering::SeqCst) {
                tokio::time::sleep(StdDuration::from_millis(5)).await;
            }
            says
        })
    }
}

pub(crate) struct House {
    api: Arc<Api>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) relay: Arc<Relay>,
    pub(crate) store: Arc<dyn Store>,
    clock: Arc<Hand>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) scope: Scope,
    pub(crate) market: String,
    rules: MarketRules,
    folder: tempfile::TempDir,
}

pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) text: Vec<u8>,
    pub(crate) body: Value,
}

impl Told {
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.body);
        self.body
    }
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(MarketRules::default()).await
    }

    pub(crate) async fn with(rules: MarketRules) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hand(AtomicI64::new(1_793_836_800_000)));
        let wire = Arc::new(Wire::default());
        let scope = Scope::proven("demo".parse().unwrap());
        let mut house = Self::open(folder, clock, wire, (scope, String::new()), rules);
        house.scope = house.desk.add_marketplace(&"demo".parse().unwrap(), "relay.example").await.unwrap().unwrap();
        house.market = house.token(TokenScope::Marketplace).await;
        house
    }

    fn open(
        folder: tempfile::TempDir,
        clock: Arc<Hand>,
        wire: Arc<Wire>,
        (scope, market): (Scope, String),
        market_rules: MarketRules,
    ) -> Self {
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&folder.path().join("t.db")).unwrap());
        let as_clock: Arc<dyn Clock> = Arc::<Hand>::clone(&clock);
        let vault = Vault::open(&folder.path().join("keys"), clock.now(), Arc::new(SystemLuck::new())).unwrap();
        let vault = Arc::new(vault);
        let rules = Arc::new(ArcSwap::from_pointee(Rules {
            book: RuleBook::new(market_rules.clone(), []),
            own_files: HashMap::new(),
            files: AttachmentRules::default(),
            detect: Arc::clone(&DETECT),
            panels: Panels::default(),
            mail_keys: Vec::new(),
            retry: vec![Duration::seconds(30)],
            give_up: Duration::days(5),
        }));
        let exe = PathBuf::from(env!("CARGO_BIN_EXE_tabir"));
        let sandbox = Arc::new(Sandbox::new(exe, 1, StdDuration::from_secs(10)));
        let as_wire: Arc<dyn Transport> = Arc::<Wire>::clone(&wire);
        let relay = Arc::new(Relay::new(
            Arc::clone(&store),
            Arc::clone(&vault),
            Arc::clone(&as_clock),
            sandbox,
            as_wire,
            Arc::clone(&rules),
        ));
        let (book, detect) = (Arc::clone(&rules), rules);
        let desk = Arc::new(Desk::new(
            Arc::clone(&store),
            vault,
            as_clock,
            Arc::new(move |name: &_| book.load().book.of(name)),
            Arc::new(move || Arc::clone(&detect.load().detect)),
        ));
        let api = Arc::new(Api::new(Arc::clone(&desk), Arc::clone(&relay), ApiRules::default()));
        Self { api, desk, relay, store, clock, wire, scope, market, rules: market_rules, folder }
    }

    /// The process ends, and another opens the same files.
    pub(crate) fn restart(self) -> Self {
        let Self { api, desk, relay, store, clock, wire, scope, market, rules, folder } = self;
        drop((api, desk, relay, store));
        Self::open(folder, clock, wire, (scope, market), rules)
    }

    /// Nothing can be written into a table until [`House::heal`]: the process might as well have ended there.
    pub(crate) fn break_table(&self, table: &str) {
        let trigger =
            format!("CREATE TRIGGER broken BEFORE INSERT ON {table} BEGIN SELECT raise(ABORT, 'no room'); END");
        self.by_hand(&trigger);
    }

    pub(crate) fn heal(&self) {
        self.by_hand("DROP TRIGGER broken");
    }

    fn by_hand(&self, sql: &str) {
        rusqlite::Connection::open(self.folder.path().join("t.db")).unwrap().execute_batch(sql).unwrap();
    }

    pub(crate) fn pass(&self, span: Duration) {
        self.clock.0.fetch_add(span.0, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn world_says(&self, says: Handover) {
        *self.wire.says.lock().unwrap() = Some(says);
    }

    /// Mails that reached an address.
    pub(crate) fn mails_to(&self, address: &str) -> Vec<String> {
        let left = self.wire.left.lock().unwrap();
        left.iter().filter(|(to, _)| to == address).map(|(_, text)| text.clone()).collect()
    }

    pub(crate) async fn tend(&self) {
        self.relay.tend_cases().await.unwrap();
        self.relay.carry_letters().await.unwrap();
    }

    pub(crate) async fn token(&self, may: TokenScope) -> String {
        self.desk.issue_token(&self.scope, may, None).await.unwrap().0.reveal().clone()
    }

    pub(crate) async fn seller_token(&self, party: &str) -> String {
        self.market("PUT", &format!("/v1/parties/{party}/agents/ana"), json!({})).await.ok();
        self.token(TokenScope::Seller { party: party.parse().unwrap(), agent: "ana".parse().unwrap() }).await
    }

    pub(crate) async fn ask(&self, token: &str, method: &str, path: &str, body: Value) -> Told {
        self.ask_once(token, method, path, body, None).await
    }

    pub(crate) async fn ask_once(&self, token: &str, method: &str, path: &str, body: Value, key: Option<&str>) -> Told {
        let bytes = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        request = request.header("authorization", format!("Bearer {token}"));
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let response = self.api.answer(request.body(Full::new(bytes)).unwrap()).await;
        let (parts, body) = response.into_parts();
        let text = body.collect().await.unwrap().to_bytes().to_vec();
        let body = serde_json::from_slice(&text).unwrap_or(Value::Null);
        Told { status: parts.status.as_u16(), text, body }
    }

    pub(crate) async fn market(&self, method: &str, path: &str, body: Value) -> Told {
        self.ask(&self.market, method, path, body).await
    }

    /// A buyer, a shop, an order, a conversation `c-1`, by mail both ways.
    pub(crate) async fn talk(&self) -> Value {
        let buyer = json!({"role": "buyer", "display_name": "Rina", "names": ["Rina Kartika"], "emails": [BUYER_MAIL],
            "addresses": [{"name": "Rina Kartika", "lines": ["Jl. Contoh 7"], "city": "Bandung", "country": "ID"}]});
        self.market("PUT", "/v1/parties/b-1", buyer).await.ok();
        let seller = json!({"role": "seller", "display_name": "Toko Melati", "emails": [SELLER_MAIL]});
        self.market("PUT", "/v1/parties/s-1", seller).await.ok();
        let order = json!({"state": "delivered", "fulfilment": "seller",
            "items": [{"title": "Kaos", "quantity": 5, "shipped": 3}], "total": "IDR 375000"});
        self.market("PUT", "/v1/orders/o-1", order).await.ok();
        let both = json!({"buyer": ["mail"], "seller": ["mail"]});
        let conversation = json!({"order": "o-1", "buyer": "b-1", "seller": "s-1", "deliver": both});
        self.market("PUT", "/v1/conversations/c-1", conversation).await.ok()
    }

    /// The buyer opens the case `k-1`: two of five shirts are missing.
    pub(crate) async fn open_case(&self) -> Value {
        let case = json!({"conversation": "c-1", "by": "buyer", "topic": "short_shipment",
            "description": "Dua dari lima kaos tidak ada di paket.", "amount": {"amount": "150000", "currency": "IDR"}});
        self.market("PUT", "/v1/cases/k-1", case).await.ok()
    }

    pub(crate) async fn case(&self) -> Value {
        self.market("GET", "/v1/cases/k-1", Value::Null).await.ok()
    }

    /// The names of all events so far.
    pub(crate) async fn events(&self) -> Vec<String> {
        let told = self.market("GET", "/v1/events?limit=200", Value::Null).await.ok();
        told["items"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }
}
