//! The API over a real store: what programs outside are promised.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

#[path = "house/certs.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the tests of the whole program")]
mod certs;
#[path = "house/dns.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the tests of the whole program")]
mod dns;
#[path = "house/draw.rs"]
mod draw;
#[path = "house/receiver.rs"]
#[allow(unreachable_pub, reason = "shared with the tests of the whole program")]
mod receiver;

use std::{
    collections::HashMap,
    future::Future,
    path::PathBuf,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration as StdDuration,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Request};
use serde_json::{Value, json};
use tabir::{
    channel::api::{Api, ApiRules, serve_connection},
    desk::{Desk, TokenScope},
    detect::Detect,
    judges::Panels,
    media::attachment::AttachmentRules,
    model::{Clock, Duration, Scope, SignalKind, SystemLuck, Timestamp},
    policy::{
        pictures::{ImageRules, UnreadRule, WordRule},
        rules::{MarketRules, RuleBook},
    },
    relay::{Handover, LastLook, Mail, Relay, Rules, Transport},
    sandbox::Sandbox,
    store::{Store, sqlite::Sqlite},
    vault::Vault,
};

const BUYER_MAIL: &str = "rina.kartika@surat.example";
const SELLER_MAIL: &str = "pemilik.toko@kantor.example";
const INCENTIVE: &str = "Anda akan mendapatkan tambahan voucher jika memberikan 5 bintang.";

#[path = "api/events.rs"]
mod events;
#[path = "api/fear.rs"]
mod fear;
#[path = "api/pickups.rs"]
mod pickups;
#[path = "api/rights.rs"]
mod rights;
#[path = "api/webhooks.rs"]
mod webhooks;

#[path = "pdf/paper.rs"]
#[expect(dead_code, reason = "shared with the tests of PDF files")]
mod paper;

#[path = "api/enforcement.rs"]
mod enforcement;

struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

struct NoWay;

impl Transport for NoWay {
    fn deliver<'a>(&'a self, _: &'a Mail, _: LastLook<'a>) -> Pin<Box<dyn Future<Output = Handover> + Send + 'a>> {
        Box::pin(async { Handover::NotNow { code: "test".to_owned() } })
    }
}

struct House {
    api: Arc<Api>,
    relay: Arc<Relay>,
    desk: Arc<Desk>,
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    clock: Arc<Hand>,
    scope: Scope,
    market: String,
    folder: tempfile::TempDir,
}

struct Told {
    status: u16,
    headers: HeaderMap,
    text: Vec<u8>,
    body: Value,
}

impl House {
    async fn new() -> Self {
        let mut rules =
            MarketRules { locale: Some("id".to_owned()), region: Some("ID".to_owned()), ..MarketRules::default() };
        // An incentive is held here, so that a person can be asked.
        let held = [SignalKind::ReviewIncentive, SignalKind::ReviewPressure];
        rules.content.refuse.retain(|kind| !held.contains(kind));
        rules.content.hold.signals.extend(held);
        Self::with(rules).await
    }

    async fn with(market_rules: MarketRules) -> Self {
        let exe = PathBuf::from(env!("CARGO_BIN_EXE_tabir"));
        Self::over(market_rules, Sandbox::new(exe, 1, StdDuration::from_secs(10))).await
    }

    /// A house whose pictures are opened so.
    async fn over(market_rules: MarketRules, sandbox: Sandbox) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&folder.path().join("t.db")).unwrap());
        let clock = Arc::new(Hand(AtomicI64::new(1_793_836_800_000)));
        let as_clock: Arc<dyn Clock> = Arc::<Hand>::clone(&clock);
        let vault = Vault::open(&folder.path().join("keys"), clock.now(), Arc::new(SystemLuck::new())).unwrap();
        let vault = Arc::new(vault);
        let rules = Arc::new(ArcSwap::from_pointee(Rules {
            book: RuleBook::new(market_rules, []),
            own_files: HashMap::new(),
            files: AttachmentRules::default(),
            detect: Arc::new(Detect::embedded().unwrap()),
            panels: Panels::default(),
            mail_keys: Vec::new(),
            retry: vec![Duration::seconds(30)],
            give_up: Duration::days(5),
        }));
        let relay = Arc::new(Relay::new(
            Arc::clone(&store),
            Arc::clone(&vault),
            Arc::clone(&as_clock),
            Arc::new(sandbox),
            Arc::new(NoWay),
            Arc::clone(&rules),
        ));
        let (book, detect) = (Arc::clone(&rules), rules);
        let desk = Arc::new(Desk::new(
            Arc::clone(&store),
            Arc::clone(&vault),
            as_clock,
            Arc::new(move |name: &_| book.load().book.of(name)),
            Arc::new(move || Arc::clone(&detect.load().detect)),
        ));
        let scope = desk.add_marketplace(&"demo".parse().unwrap(), "relay.example").await.unwrap().unwrap();
        let market = desk.issue_token(&scope, TokenScope::Marketplace, None).await.unwrap().0.reveal().clone();
        let api = Arc::new(Api::new(Arc::clone(&desk), Arc::clone(&relay), ApiRules::default()));
        Self { api, relay, desk, store, vault, clock, scope, market, folder }
    }

    fn pass_time(&self, span: Duration) {
        self.clock.0.fetch_add(span.0, Ordering::SeqCst);
    }

    async fn token(&self, may: TokenScope) -> String {
        self.desk.issue_token(&self.scope, may, None).await.unwrap().0.reveal().clone()
    }

    async fn seller_token(&self, party: &str) -> String {
        let put = self.market("PUT", &format!("/v1/parties/{party}/agents/ana"), json!({})).await;
        assert_eq!(put.status, 201, "{}", put.body);
        self.token(TokenScope::Seller { party: party.parse().unwrap(), agent: "ana".parse().unwrap() }).await
    }

    async fn ask(&self, token: &str, method: &str, path: &str, body: Value) -> Told {
        self.ask_with(token, method, path, body, None).await
    }

    async fn ask_with(&self, token: &str, method: &str, path: &str, body: Value, key: Option<&str>) -> Told {
        let bytes = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        self.ask_raw(token, method, path, bytes, key).await
    }

    async fn ask_raw(&self, token: &str, method: &str, path: &str, body: Bytes, key: Option<&str>) -> Told {
        self.ask_typed(token, method, path, body, key, "application/json").await
    }

    async fn ask_typed(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Bytes,
        key: Option<&str>,
        media_type: &str,
    ) -> Told {
        let mut request = Request::builder().method(method).uri(path).header("content-type", media_type);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let response = self.api.answer(request.body(Full::new(body)).unwrap()).await;
        let (parts, body) = response.into_parts();
        let text = body.collect().await.unwrap().to_bytes().to_vec();
        let body = serde_json::from_slice(&text).unwrap_or(Value::Null);
        Told { status: parts.status.as_u16(), headers: parts.headers, text, body }
    }

    async fn market(&self, method: &str, path: &str, body: Value) -> Told {
        self.ask(&self.market, method, path, body).await
    }

    /// A buyer with an address, a shop, an order that the seller ships, a conversation `c-1`.
    async fn talk(&self, deliver: Value) -> Value {
        let buyer = json!({"role": "buyer", "display_name": "Rina", "names": ["Rina Kartika"], "emails": [BUYER_MAIL],
            "addresses": [{"name": "Rina Kartika", "lines": ["Jl. Contoh 7"], "city": "Bandung", "country": "ID"}]});
        assert_eq!(self.market("PUT", "/v1/parties/b-1", buyer).await.status, 201);
        let seller = json!({"role": "seller", "display_name": "Toko Melati", "emails": [SELLER_MAIL]});
        assert_eq!(self.market("PUT", "/v1/parties/s-1", seller).await.status, 201);
        let order = json!({"state": "placed", "fulfilment": "seller", "items": [{"title": "Teh", "quantity": 2}], "total": "IDR 50000"});
        assert_eq!(self.market("PUT", "/v1/orders/o-1", order).await.status, 201);
        let conversation = json!({"order": "o-1", "buyer": "b-1", "seller": "s-1", "deliver": deliver});
        let told = self.market("PUT", "/v1/conversations/c-1", conversation).await;
        assert_eq!(told.status, 201, "{}", told.body);
        told.body
    }

    async fn say(&self, from: &str, text: &str) -> Told {
        self.market("POST", "/v1/conversations/c-1/messages", json!({"from": from, "text": text})).await
    }
}

#[tokio::test]
async fn a_party_goes_in_with_contacts_and_comes_out_with_hints() {
    let house = House::new().await;
    let body = json!({"names": ["Rina Kartika"], "emails": ["Rina.Kartika@Surat.Example"], "phones": ["+62 812-0000-0045"],
        "addresses": [{"name": "Rina", "lines": ["Jl. Contoh 7"], "city": "Bandung", "country": "ID"}], "role": "buyer"});
    let put = house.market("PUT", "/v1/parties/b-1", body.clone()).await;
    assert_eq!(put.status, 201, "{}", put.body);
    let name = put.body["display_name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("Pembeli "), "{name}");
    let shown = house.market("GET", "/v1/parties/b-1", Value::Null).await;
    assert_eq!(shown.body["emails"][0], "r•••@s•••.example");
    assert_eq!(shown.body["phones"][0], "+62•••45");
    let text = String::from_utf8(shown.text).unwrap();
    for real in ["Kartika", "kartika", "surat", "Contoh", "8120000"] {
        assert!(!text.contains(real), "{real} in {text}");
    }
    let again = house.market("PUT", "/v1/parties/b-1", body).await;
    assert_eq!(again.status, 200, "{}", again.body);
    assert_eq!(again.body["display_name"], name.as_str(), "a generated name stays");
}

#[tokio::test]
async fn a_wrong_field_is_named() {
    let house = House::new().await;
    let cases = [
        (json!({"emials": []}), "emials"),
        (json!({"emails": ["ok@x.example", "no"]}), "emails[1]"),
        (json!({"phones": ["0812"]}), "phones[0]"),
        (json!({"addresses": [{"name": "a", "lines": ["b"], "city": "c"}]}), "addresses[0].country"),
        (json!({"display_name": "wa 081234567890"}), "display_name"),
        (json!({"role": "admin"}), "role"),
        (json!([]), "body"),
    ];
    for (body, field) in cases {
        let told = house.market("PUT", "/v1/parties/p", body.clone()).await;
        assert_eq!((told.status, told.body["code"].as_str()), (400, Some("invalid")), "{body}");
        assert_eq!(told.body["field"], field, "{body}: {}", told.body);
        assert_eq!(told.headers["content-type"], "application/problem+json");
    }
    let doubled =
        house.ask_raw(&house.market, "PUT", "/v1/parties/p", Bytes::from(r#"{"group":"a","group":"b"}"#), None).await;
    assert_eq!((doubled.status, &doubled.body["field"]), (400, &json!("group")));
    assert_eq!(house.market("PUT", "/v1/parties/a%20b", json!({})).await.status, 400);
    assert_eq!(house.market("PATCH", "/v1/parties/p", json!({})).await.status, 405);
    assert_eq!(house.market("GET", "/v1/nothing", Value::Null).await.status, 404);
    let large = Bytes::from(vec![b' '; 1_000_001]);
    let told = house.ask_raw(&house.market, "PUT", "/v1/parties/p", large, None).await;
    assert_eq!((told.status, told.body["code"].as_str()), (413, Some("too_large")));
}

#[tokio::test]
async fn what_does_not_fit_what_is_here_is_unprocessable_and_named() {
    let house = House::new().await;
    house.talk(json!({})).await;
    let put = house.market("PUT", "/v1/parties/s-1/agents/ana", json!({})).await;
    assert_eq!(put.status, 201, "{}", put.body);
    let handle = house.market("GET", "/v1/conversations/c-1", Value::Null).await.body["handles"]["seller"]["email"]
        .as_str()
        .and_then(|email| email.split_once('@'))
        .map(|(handle, _)| handle.to_uppercase())
        .unwrap();
    let order = |shipped: u32| {
        let items = json!([{"title": "Teh", "quantity": 5}, {"title": "Kopi", "quantity": 2, "shipped": shipped}]);
        json!({"state": "shipped", "fulfilment": "seller", "items": items})
    };
    let token = |agent: &str| json!({"scope": "seller", "party": "s-1", "agent": agent});
    let message = |agent: &str| json!({"from": "seller", "agent": agent, "text": "Halo"});
    let cases = [
        ("PUT", "/v1/parties/p", json!({"emails": ["x@y.example", "me@Relay.Example"]}), "emails[1]"),
        ("PUT", "/v1/parties/p", json!({"emails": [format!("{handle}@elsewhere.example")]}), "emails[0]"),
        ("PUT", "/v1/parties/s-1/agents/ana", json!({"emails": ["ana@relay.example"]}), "emails[0]"),
        ("PUT", "/v1/orders/o-2", order(3), "items[1].shipped"),
        ("POST", "/v1/tokens", json!({"scope": "seller", "party": "nobody", "agent": "ana"}), "party"),
        ("POST", "/v1/tokens", token("nobody"), "agent"),
        ("POST", "/v1/conversations/c-1/messages", message("nobody"), "agent"),
    ];
    for (method, path, body, field) in cases {
        let told = house.market(method, path, body.clone()).await;
        assert_eq!((told.status, &told.body["field"]), (422, &json!(field)), "{body}: {}", told.body);
        assert_eq!(told.body["code"], "invalid", "{body}");
    }
    let inline = json!({"buyer": {"id": "b-2", "emails": ["me@relay.example"]}, "seller": "s-1"});
    assert_eq!(house.market("PUT", "/v1/conversations/c-2", inline).await.status, 422);
    assert_eq!(house.market("GET", "/v1/parties/b-2", Value::Null).await.status, 404);
    assert_eq!(house.market("PUT", "/v1/orders/o-2", order(2)).await.status, 201);
    assert_eq!(house.market("POST", "/v1/tokens", token("ana")).await.status, 201);
    assert_eq!(house.market("POST", "/v1/conversations/c-1/messages", message("ana")).await.status, 201);
    assert_eq!(house.market("PUT", "/v1/parties/p", json!({"emails": ["me@sub.relay.example"]})).await.status, 201);
}

#[tokio::test]
async fn a_body_that_does_not_say_json_is_not_read_as_json() {
    let house = House::new().await;
    let put = async |media_type: &str| {
        let body = Bytes::from("{}");
        house.ask_typed(&house.market, "PUT", "/v1/parties/p", body, None, media_type).await
    };
    for other in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json", ""] {
        let told = put(other).await;
        assert_eq!((told.status, &told.body["field"]), (415, &json!("Content-Type")), "{other}");
        assert_eq!(told.headers["content-type"], "application/problem+json");
    }
    for json in ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"] {
        assert!([200, 201].contains(&put(json).await.status), "{json}");
    }
}

/// A client of the server as it is, over HTTP/2: what it heard, and how much it could send.
async fn over_http2(house: &House, body: Bytes) -> (u16, Value, usize) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let _serving = tokio::spawn(serve_connection(far, Arc::clone(&house.api), std::future::pending()));
    let io = hyper_util::rt::TokioIo::new(near);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut client, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    let _carrying = tokio::spawn(connection);
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let chunks: Vec<Bytes> = body.chunks(16_384).map(Bytes::copy_from_slice).collect();
    // A stream announces no length, as of a client that makes its body on the way.
    let chunks = futures_util::stream::iter(chunks.into_iter().map(move |chunk| {
        count.fetch_add(chunk.len(), Ordering::SeqCst);
        Ok::<_, std::convert::Infallible>(hyper::body::Frame::data(chunk))
    }));
    let request = Request::put("https://relay.example/v1/parties/p")
        .header("authorization", format!("Bearer {}", house.market))
        .header("content-type", "application/json")
        .body(http_body_util::StreamBody::new(chunks))
        .unwrap();
    let response = client.send_request(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null), sent.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_body_beyond_the_limit_hears_so_over_http2() {
    let house = House::new().await;
    let (status, body, sent) = over_http2(&house, Bytes::from(vec![b' '; 6_000_000])).await;
    assert_eq!((status, body["code"].as_str()), (413, Some("too_large")), "{body}");
    assert_eq!(sent, 6_000_000, "nobody is cut off while writing");
    assert_eq!(over_http2(&house, Bytes::from("{}")).await.0, 201);
}

#[tokio::test]
async fn a_key_that_was_used_for_another_message_is_a_conflict() {
    let house = House::new().await;
    house.talk(json!({})).await;
    let own = house.seller_token("s-1").await;
    let path = "/v1/conversations/c-1/messages";
    let first = json!({"from": "buyer", "text": "Kapan dikirim?"});
    assert_eq!(house.ask_with(&house.market, "POST", path, first, Some("k")).await.status, 201);
    // Another caller: the answers are kept apart, and the relay itself finds the key in use.
    let told = house.ask_with(&own, "POST", path, json!({"from": "seller", "text": "Besok"}), Some("k")).await;
    assert_eq!((told.status, told.body["code"].as_str()), (409, Some("idempotency_conflict")), "{}", told.body);
}

#[tokio::test]
async fn nobody_gets_in_without_a_token_of_the_right_scope() {
    let house = House::new().await;
    house.talk(json!({})).await;
    let none = house.ask("", "GET", "/v1/conversations/c-1", Value::Null).await;
    assert_eq!((none.status, none.body["code"].as_str()), (401, Some("unauthenticated")));
    assert_eq!(none.headers["www-authenticate"], "Bearer");
    assert_eq!(house.ask("tbr_guess", "GET", "/v1/conversations/c-1", Value::Null).await.status, 401);
    let carrier = house.token(TokenScope::Carrier { name: "jne".to_owned() }).await;
    let told = house.ask(&carrier, "GET", "/v1/conversations/c-1", Value::Null).await;
    assert_eq!((told.status, told.body["code"].as_str()), (403, Some("forbidden_scope")));

    let issued = house.market("POST", "/v1/tokens", json!({"scope": "support"})).await;
    assert_eq!(issued.status, 201, "{}", issued.body);
    let support = issued.body["token"].as_str().unwrap();
    assert_eq!(house.ask(support, "GET", "/v1/held", Value::Null).await.status, 200);
    let id = issued.body["id"].as_str().unwrap();
    assert_eq!(house.market("DELETE", &format!("/v1/tokens/{id}"), Value::Null).await.status, 204);
    assert_eq!(house.ask(support, "GET", "/v1/held", Value::Null).await.status, 401);

    let short = house.clock.now().plus(Duration::minutes(1)).rfc3339();
    let issued = house.market("POST", "/v1/tokens", json!({"scope": "auditor", "expires_at": short})).await;
    let auditor = issued.body["token"].as_str().unwrap();
    assert_eq!(house.ask(auditor, "GET", "/v1/evidence-key", Value::Null).await.status, 200);
    house.pass_time(Duration::minutes(2));
    assert_eq!(house.ask(auditor, "GET", "/v1/evidence-key", Value::Null).await.status, 401);
}

#[tokio::test]
async fn another_marketplace_finds_nothing() {
    let house = House::new().await;
    let conversation = house.talk(json!({})).await;
    let sent = house.say("seller", "Barang sudah siap").await;
    let other = house.desk.add_marketplace(&"other".parse().unwrap(), "other.example").await.unwrap().unwrap();
    let other = house.desk.issue_token(&other, TokenScope::Marketplace, None).await.unwrap().0.reveal().clone();
    let handle = conversation["handles"]["buyer"]["email"].as_str().unwrap().split('@').next().unwrap().to_owned();
    let paths = [
        "/v1/parties/b-1".to_owned(),
        "/v1/conversations/c-1".to_owned(),
        "/v1/conversations/c-1/messages?as=buyer".to_owned(),
        "/v1/conversations/c-1/evidence".to_owned(),
        "/v1/parties/b-1/disclosures".to_owned(),
        format!("/v1/messages/{}", sent.body["id"].as_str().unwrap()),
        format!("/v1/handles/{handle}"),
    ];
    for path in paths {
        assert_eq!(house.market("GET", &path, Value::Null).await.status, 200, "{path}");
        let told = house.ask(&other, "GET", &path, Value::Null).await;
        assert_eq!((told.status, told.body["code"].as_str()), (404, Some("not_found")), "{path}");
    }
    let told = house.ask(&other, "GET", "/v1/conversations", Value::Null).await;
    assert_eq!(told.body["items"], json!([]));
    let told =
        house.ask(&other, "POST", "/v1/conversations/c-1/messages", json!({"from": "seller", "text": "x"})).await;
    assert_eq!(told.status, 404);
}

#[tokio::test]
async fn a_conversation_has_handles_and_keeps_its_parties() {
    let house = House::new().await;
    let first = house.talk(json!({})).await;
    for side in ["buyer", "seller"] {
        let email = first["handles"][side]["email"].as_str().unwrap();
        assert!(email.ends_with("@relay.example") && email.len() == 26 + 14, "{email}");
    }
    assert_eq!(first["handles"]["buyer"]["name"], "Rina");
    assert_eq!(first["handles"]["buyer"]["address"].as_str().unwrap().len(), 9);
    assert_eq!(first["contact"]["seller"]["phase"], "open");
    assert_eq!(first["contact"]["seller"]["left"], 3);
    let again = house
        .market(
            "PUT",
            "/v1/conversations/c-1",
            json!({"order": "o-1", "buyer": "b-1", "seller": "s-1", "tracking": ["JP0000000001"]}),
        )
        .await;
    assert_eq!(again.body["handles"], first["handles"]);
    assert_eq!(again.body["tracking"], json!(["JP0000000001"]));
    let other = json!({"buyer": "b-1", "seller": {"id": "s-2", "emails": ["x@y.example"]}});
    assert_eq!(house.market("PUT", "/v1/conversations/c-1", other).await.status, 400);
    let unknown = house.market("PUT", "/v1/conversations/c-2", json!({"buyer": "b-9", "seller": "s-1"})).await;
    assert_eq!((unknown.status, &unknown.body["field"]), (400, &json!("buyer")));
    let inner = json!({"buyer": {"id": "b-3", "emails": ["no"]}, "seller": "s-1"});
    assert_eq!(house.market("PUT", "/v1/conversations/c-3", inner).await.status, 400);

    house.market("PUT", "/v1/orders/o-2", json!({"state": "placed", "fulfilment": "platform", "items": []})).await;
    let platform =
        house.market("PUT", "/v1/conversations/c-4", json!({"order": "o-2", "buyer": "b-1", "seller": "s-1"})).await;
    assert_eq!(platform.status, 201, "{}", platform.body);
    assert!(platform.body["handles"]["buyer"].get("address").is_none(), "{}", platform.body);

    let page = house.market("GET", "/v1/conversations?buyer=b-1&limit=1", Value::Null).await;
    assert_eq!(page.body["items"][0]["id"], "c-1");
    let next = page.body["next"].as_str().unwrap();
    let rest = house.market("GET", &format!("/v1/conversations?buyer=b-1&after={next}"), Value::Null).await;
    assert_eq!(rest.body["items"].as_array().unwrap().len(), 1);
    assert!(rest.body.get("next").is_none());
}

#[tokio::test]
async fn a_message_is_cleaned_answered_and_limited() {
    let house = House::new().await;
    house.talk(json!({})).await;
    let sent = house.say("seller", "Hubungi saya di 0812-3456-7890 ya").await;
    assert_eq!(sent.status, 201, "{}", sent.body);
    assert_eq!((sent.body["state"].as_str(), sent.body["verdict"].as_str()), (Some("delivered"), Some("redact")));
    assert!(!sent.body["delivered"]["text"].as_str().unwrap().contains("3456"));
    assert_eq!(sent.body["findings"][0]["kind"], "phone");
    assert_eq!(sent.body["contact"]["seller"]["left"], 2);
    house.say("seller", "dua").await;
    house.say("seller", "tiga").await;
    let fourth = house.say("seller", "empat").await;
    assert_eq!((fourth.status, fourth.body["code"].as_str()), (429, Some("contact_limited")));
    assert!(!fourth.headers.contains_key("retry-after"));
    assert_eq!(fourth.body["reasons"][0]["rule"], "unanswered");
    assert_eq!(house.say("buyer", "baik").await.status, 201);
    assert_eq!(house.say("seller", "lima").await.status, 201);

    let buyer = house.market("GET", "/v1/conversations/c-1/messages?as=buyer", Value::Null).await;
    let seen: Vec<&str> = buyer.body["items"].as_array().unwrap().iter().filter_map(|m| m["text"].as_str()).collect();
    assert_eq!(seen.len(), 5, "{seen:?}");
    assert!(!String::from_utf8_lossy(&buyer.text).contains("3456"));
    let seller = house.market("GET", "/v1/conversations/c-1/messages?as=seller", Value::Null).await;
    let states: Vec<&str> =
        seller.body["items"].as_array().unwrap().iter().filter_map(|m| m["state"].as_str()).collect();
    assert_eq!(states, ["delivered", "delivered", "delivered", "refused", "delivered", "delivered"]);
    let refused = fourth.body["id"].as_str().unwrap();
    let told = house.market("GET", &format!("/v1/messages/{refused}"), Value::Null).await;
    assert_eq!((told.body["state"].as_str(), told.body["text"].as_str()), (Some("refused"), Some("empat")));
}

#[tokio::test]
async fn a_dry_run_tells_and_leaves_nothing() {
    let house = House::new().await;
    house.talk(json!({})).await;
    let path = "/v1/conversations/c-1/messages?dry_run=true";
    let told = house.market("POST", path, json!({"from": "seller", "text": "wa 0812-3456-7890"})).await;
    assert_eq!((told.status, told.body["verdict"].as_str()), (201, Some("redact")));
    assert_eq!(told.body["contact"]["seller"]["left"], 3);
    let list = house.market("GET", "/v1/conversations/c-1/messages?as=seller", Value::Null).await;
    assert_eq!(list.body["items"], json!([]));
    for _ in 0..3 {
        house.say("seller", "pesan").await;
    }
    let told = house.market("POST", path, json!({"from": "seller", "text": "lagi"})).await;
    assert_eq!(told.body["code"], "contact_limited");
    let list = house.market("GET", "/v1/conversations/c-1/messages?as=seller", Value::Null).await;
    assert_eq!(list.body["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_repeated_request_is_done_once() {
    let house = House::new().await;
    house.talk(json!({})).await;
    let path = "/v1/conversations/c-1/messages";
    let body = json!({"from": "seller", "text": "satu"});
    let (a, b, c) = tokio::join!(
        house.ask_with(&house.market, "POST", path, body.clone(), Some("k-1")),
        house.ask_with(&house.market, "POST", path, body.clone(), Some("k-1")),
        house.ask_with(&house.market, "POST", path, body.clone(), Some("k-1")),
    );
    assert_eq!([a.status, b.status, c.status], [201; 3]);
    assert_eq!(a.body["id"], b.body["id"]);
    assert_eq!(a.body["id"], c.body["id"]);
    let list = house.market("GET", "/v1/conversations/c-1/messages?as=seller", Value::Null).await;
    assert_eq!(list.body["items"].as_array().unwrap().len(), 1);
    let other =
        house.ask_with(&house.market, "POST", path, json!({"from": "seller", "text": "dua"}), Some("k-1")).await;
    assert_eq!((other.status, other.body["code"].as_str()), (409, Some("idempotency_conflict")));

    let first = house.ask_with(&house.market, "POST", "/v1/tokens", json!({"scope": "support"}), Some("k-2")).await;
    let again = house.ask_with(&house.market, "POST", "/v1/tokens", json!({"scope": "support"}), Some("k-2")).await;
    assert_eq!((first.status, &first.text), (again.status, &again.text));
    house.pass_time(Duration::hours(25));
    let later = house.ask_with(&house.market, "POST", "/v1/tokens", json!({"scope": "support"}), Some("k-2")).await;
    assert_ne!(first.text, later.text);
}

#[tokio::test]
async fn a_seller_speaks_for_itself_and_learns_no_cause() {
    let house = House::new().await;
    house.talk(json!({})).await;
    house.market("PUT", "/v1/parties/s-2", json!({"emails": ["lain@toko.example"]})).await;
    let (own, foreign) = (house.seller_token("s-1").await, house.seller_token("s-2").await);
    let path = "/v1/conversations/c-1/messages";
    assert_eq!(house.ask(&foreign, "GET", "/v1/conversations/c-1", Value::Null).await.status, 404);
    assert_eq!(house.ask(&foreign, "POST", path, json!({"from": "seller", "text": "x"})).await.status, 404);
    assert_eq!(house.ask(&own, "POST", path, json!({"from": "buyer", "text": "x"})).await.status, 403);
    assert_eq!(
        house.ask(&own, "POST", path, json!({"from": "seller", "agent": "budi", "text": "x"})).await.status,
        403
    );
    assert_eq!(house.ask(&own, "GET", "/v1/conversations/c-1/messages?as=buyer", Value::Null).await.status, 403);
    assert_eq!(house.ask(&own, "GET", "/v1/conversations?buyer=b-1", Value::Null).await.status, 403);
    let sent = house.ask(&own, "POST", path, json!({"from": "seller", "text": "wa 0812-3456-7890"})).await;
    assert_eq!((sent.status, &sent.body["findings"][0]["text"]), (201, &json!("0812-3456-7890")));
    assert!(sent.body.get("signals").is_none() && sent.body.get("reasons").is_none(), "{}", sent.body);
    let id = sent.body["id"].as_str().unwrap();
    let kept = house.market("GET", &format!("/v1/messages/{id}"), Value::Null).await;
    assert_eq!(kept.body["agent"], "ana");

    house.market("PUT", "/v1/reviews/r-1", json!({"conversation": "c-1", "rating": 1})).await;
    let reviewed = house.ask(&own, "POST", path, json!({"from": "seller", "text": "kenapa?"})).await;
    let shown = house.ask(&own, "GET", "/v1/conversations/c-1", Value::Null).await;
    let text = String::from_utf8([reviewed.text, shown.text].concat()).unwrap();
    assert_eq!((reviewed.status, reviewed.body.get("reasons")), (429, None));
    for word in ["cool", "review", "because", "b-1", BUYER_MAIL] {
        assert!(!text.contains(word), "{word} in {text}");
    }
}

#[tokio::test]
async fn a_seller_never_learns_that_a_name_was_guessed() {
    let house = House::new().await;
    house.talk(json!({})).await;
    let own = house.seller_token("s-1").await;
    let path = "/v1/conversations/c-1/messages";
    let send = async |body: Value| house.ask(&own, "POST", path, body).await.body;
    let list = async || house.ask(&own, "GET", path, Value::Null).await.body["items"].clone();
    let write = |name: &str| {
        json!({"from": "seller", "text": format!("Halo {name}, wa 0812-3456-7890"),
        "html": format!("<p>Halo <b>{name}</b>, wa 0812-3456-7890</p>")})
    };
    let (right, wrong) = (send(write("Rina Kartika")).await, send(write("Dewi Lestari")).await);
    let alike = |told: &Value| told.to_string().replace("Rina Kartika", "NAME").replace("Dewi Lestari", "NAME");
    assert!(right["delivered"]["text"].as_str().unwrap().starts_with("Halo Rina Kartika, wa ["), "{right}");
    assert!(right["delivered"]["html"].as_str().unwrap().contains("Rina Kartika"), "{right}");
    for key in ["state", "verdict", "delivered", "findings"] {
        assert_eq!(alike(&right[key]), alike(&wrong[key]), "{key}");
    }
    let plain = json!({"from": "seller", "text": "Untuk Rina Kartika"});
    assert_eq!(send(plain).await["verdict"], "deliver", "not even that something was cut");
    let shown = list().await;
    for key in ["state", "delivered", "findings", "text", "html"] {
        assert_eq!(alike(&shown[0][key]), alike(&shown[1][key]), "{key}");
    }
    assert_eq!(shown[2]["delivered"]["text"], "Untuk Rina Kartika");
    // The buyer and the marketplace see what was done.
    let buyer = house.market("GET", &format!("{path}?as=buyer"), Value::Null).await.body;
    assert!(!buyer.to_string().contains("Rina Kartika"), "{buyer}");
    let id = right["id"].as_str().unwrap();
    let kept = house.market("GET", &format!("/v1/messages/{id}"), Value::Null).await.body;
    assert!(kept["findings"].as_array().unwrap().iter().any(|f| f["kind"] == "name"), "{kept}");
    assert!(!kept["delivered"].to_string().contains("Rina Kartika"), "{kept}");
}

#[tokio::test]
async fn a_review_withholds_what_waits_and_a_raised_one_loosens_nothing() {
    let house = House::new().await;
    let before = house.talk(json!({"buyer": ["mail"]})).await;
    let sent = house.say("seller", "Terima kasih").await;
    assert_eq!(sent.body["state"], "queued", "{}", sent.body);
    let review = house.market("PUT", "/v1/reviews/r-1", json!({"conversation": "c-1", "rating": 2})).await;
    assert_eq!(review.status, 201, "{}", review.body);
    assert_eq!((&review.body["withheld"], &review.body["in_flight"]), (&json!(1), &json!(0)));
    assert!(review.body["reviewer"].as_str().unwrap().starts_with("Pembeli "));
    let id = sent.body["id"].as_str().unwrap();
    let kept = house.market("GET", &format!("/v1/messages/{id}"), Value::Null).await;
    assert_eq!(kept.body["state"], "withheld");
    let own = house.seller_token("s-1").await;
    let state = async || {
        let list = house.ask(&own, "GET", "/v1/conversations/c-1/messages", Value::Null).await;
        list.body["items"][0]["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state().await, "queued", "the list does not tell the moment of the review");
    house.pass_time(Duration::days(2));
    assert_eq!(state().await, "withheld");

    let after = house.market("GET", "/v1/conversations/c-1", Value::Null).await.body;
    assert_ne!(after["handles"]["buyer"]["email"], before["handles"]["buyer"]["email"]);
    assert_eq!(after["handles"]["seller"], before["handles"]["seller"]);
    let raised = house.market("PUT", "/v1/reviews/r-1", json!({"conversation": "c-1", "rating": 5})).await;
    assert_eq!(raised.body["reviewer"], review.body["reviewer"]);
    assert_eq!(house.market("DELETE", "/v1/reviews/r-1", Value::Null).await.status, 204);
    assert_eq!(house.market("DELETE", "/v1/reviews/r-9", Value::Null).await.status, 404);
    for (body, field) in [
        (json!({"conversation": "c-1", "rating": 6}), "rating"),
        (json!({"conversation": "c-9", "rating": 1}), "conversation"),
        (json!({"conversation": "c-1", "rating": 1, "at": "yesterday"}), "at"),
    ] {
        let told = house.market("PUT", "/v1/reviews/r-2", body).await;
        assert_eq!((told.status, &told.body["field"]), (400, &json!(field)));
    }
}

#[tokio::test]
async fn a_label_has_the_postal_handle_and_nothing_of_the_person() {
    let house = House::new().await;
    let conversation = house.talk(json!({})).await;
    let (code, name) = (&conversation["handles"]["buyer"]["address"], &conversation["handles"]["buyer"]["name"]);
    let label = house.market("GET", "/v1/conversations/c-1/label", Value::Null).await;
    let text = String::from_utf8(label.text).unwrap();
    assert_eq!((label.status, label.headers["content-type"].to_str().unwrap()), (200, "application/x-zpl"), "{text}");
    assert!(text.starts_with("^XA") && text.ends_with("^XZ\n"), "{text}");
    assert_eq!(text.matches(code.as_str().unwrap()).count(), 3, "to read, and to scan in two ways: {text}");
    assert!(text.contains(name.as_str().unwrap()) && !text.contains("Contoh"), "{text}");
    for (path, wanted) in [
        ("/v1/conversations/c-1/label?to=seller", 404),
        ("/v1/conversations/c-1/label?to=me", 400),
        ("/v1/conversations/c-1/label?format=pdf", 400),
        ("/v1/conversations/c-1/label?note=x", 400),
        ("/v1/conversations/c-9/label", 404),
    ] {
        let told = house.market("GET", path, Value::Null).await;
        assert_eq!(told.status, wanted, "{path}: {}", told.body);
    }
    house.market("PUT", "/v1/parties/s-9", json!({"role": "seller", "emails": ["s9@shop.example"]})).await;
    let carrier = house.token(TokenScope::Carrier { name: "jne".to_owned() }).await;
    assert_eq!(house.ask(&carrier, "GET", "/v1/conversations/c-1/label", Value::Null).await.status, 403);
    let stranger = house.seller_token("s-9").await;
    assert_eq!(house.ask(&stranger, "GET", "/v1/conversations/c-1/label", Value::Null).await.status, 404);
}

#[tokio::test]
async fn only_a_carrier_opens_a_postal_handle_and_it_is_recorded() {
    let house = House::new().await;
    let conversation = house.talk(json!({})).await;
    let code = conversation["handles"]["buyer"]["address"].as_str().unwrap();
    let path = format!("/v1/handles/{code}/redeem");
    let body = json!({"shipment": "JP0000000001", "purpose": "label"});
    assert_eq!(house.market("POST", &path, body.clone()).await.status, 403);
    let carrier = house.token(TokenScope::Carrier { name: "jne".to_owned() }).await;
    let opened = house.ask_with(&carrier, "POST", &path, body.clone(), Some("k")).await;
    assert_eq!(opened.status, 200, "{}", opened.body);
    assert_eq!(opened.body["address"]["lines"][0], "Jl. Contoh 7");
    let again = house.ask_with(&carrier, "POST", &path, body.clone(), Some("k")).await;
    assert_eq!(again.text, opened.text);
    let list = house.market("GET", "/v1/parties/b-1/disclosures", Value::Null).await;
    assert_eq!(list.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&list.body["items"][0]["to"], &list.body["items"][0]["shipment"]),
        (&json!("jne"), &json!("JP0000000001"))
    );
    let mail = conversation["handles"]["buyer"]["email"].as_str().unwrap().split('@').next().unwrap();
    assert_eq!(house.ask(&carrier, "POST", &format!("/v1/handles/{mail}/redeem"), body.clone()).await.status, 404);
    assert_eq!(
        house.ask(&carrier, "POST", &path, json!({"shipment": "x", "purpose": "gift"})).await.body["field"],
        "purpose"
    );
    for _ in 0..40 {
        house.ask(&carrier, "POST", "/v1/handles/ABCD-EFGH/redeem", body.clone()).await;
    }
    let guessing = house.ask(&carrier, "POST", "/v1/handles/ABCD-EFGH/redeem", body.clone()).await;
    assert_eq!((guessing.status, guessing.body["code"].as_str()), (429, Some("overloaded")));
    assert!(guessing.headers.contains_key("retry-after"));

    house.market("POST", "/v1/conversations/c-1/handles/rotate", json!({"of": "buyer", "reason": "asked"})).await;
    house.pass_time(Duration::days(15));
    let fresh = house.token(TokenScope::Carrier { name: "jne".to_owned() }).await;
    assert_eq!(house.ask(&fresh, "POST", &path, body).await.status, 404, "beyond its grace");
}

#[tokio::test]
async fn handles_turn_by_age_on_demand_and_with_a_block() {
    let house = House::new().await;
    let first = house.talk(json!({})).await;
    let local = |body: &Value, side: &str| {
        body["handles"][side]["email"].as_str().unwrap().split('@').next().unwrap().to_owned()
    };
    let turned =
        house.market("POST", "/v1/conversations/c-1/handles/rotate", json!({"of": "seller", "reason": "leaked"})).await;
    assert_eq!(turned.status, 200, "{}", turned.body);
    assert_ne!(local(&turned.body, "seller"), local(&first, "seller"));
    assert_eq!(local(&turned.body, "buyer"), local(&first, "buyer"));
    let old =
        house.market("GET", &format!("/v1/handles/{}", local(&first, "seller").to_uppercase()), Value::Null).await;
    assert_eq!(
        (&old.body["state"], &old.body["of"], &old.body["epoch"]),
        (&json!("retiring"), &json!("seller"), &json!(1))
    );

    house.pass_time(Duration::days(31));
    let aged = house.market("GET", "/v1/conversations/c-1", Value::Null).await.body;
    assert_ne!(local(&aged, "buyer"), local(&first, "buyer"));
    assert_eq!(local(&aged, "seller"), local(&turned.body, "seller"), "a seller's handle does not age");

    let blocked = house.market("POST", "/v1/conversations/c-1/block", json!({"by": "buyer"})).await;
    assert_eq!(blocked.body["contact"]["seller"]["phase"], "blocked", "{}", blocked.body);
    assert_ne!(local(&blocked.body, "buyer"), local(&aged, "buyer"));
    assert_eq!(house.say("seller", "halo").await.body["code"], "contact_limited");
    assert_eq!(house.say("buyer", "halo").await.status, 201);
    let free = house.market("POST", "/v1/conversations/c-1/unblock", json!({"by": "buyer"})).await;
    assert_eq!(free.body["contact"]["seller"]["phase"], "open");
    let own = house.seller_token("s-1").await;
    assert_eq!(house.ask(&own, "POST", "/v1/conversations/c-1/unblock", json!({"by": "buyer"})).await.status, 403);
}

#[tokio::test]
async fn a_person_decides_over_held_messages() {
    let house = House::new().await;
    house.talk(json!({})).await;
    let held = house.say("seller", INCENTIVE).await;
    assert_eq!((held.status, held.body["state"].as_str()), (201, Some("held")), "{}", held.body);
    let list = house.market("GET", "/v1/held", Value::Null).await;
    assert_eq!((&list.body["items"][0]["position"], &list.body["items"][0]["id"]), (&json!(1), &held.body["id"]));
    let path = format!("/v1/messages/{}/decision", held.body["id"].as_str().unwrap());
    let vague = house.market("POST", &path, json!({"reason": "r", "actor": "a"})).await;
    assert_eq!((vague.status, &vague.body["field"]), (400, &json!("decision")));
    let decided =
        house.market("POST", &path, json!({"decision": "release", "reason": "harmless", "actor": "desk-3"})).await;
    assert_eq!((decided.status, &decided.body["state"]), (200, &json!("delivered")), "{}", decided.body);
    let again = house.market("POST", &path, json!({"refuse": true, "reason": "no", "actor": "desk-3"})).await;
    assert_eq!(again.status, 404);
    assert_eq!(house.market("GET", "/v1/held", Value::Null).await.body["items"], json!([]));
}

#[tokio::test]
async fn a_text_is_scrubbed_and_nothing_is_kept() {
    let house = House::new().await;
    let told = house.market("POST", "/v1/scrub", json!({"text": "wa 0812-3456-7890", "lang": "id"})).await;
    assert_eq!((told.status, told.body["verdict"].as_str()), (200, Some("redact")), "{}", told.body);
    assert_eq!(told.body["findings"][0]["part"], 0);
    assert!(!told.body["text"].as_str().unwrap().contains("3456"));
    let split =
        house.market("POST", "/v1/scrub", json!({"texts": ["hubungi 0812", "3456", "7890"], "lang": "id"})).await;
    assert!(!split.body["findings"].as_array().unwrap().is_empty(), "{}", split.body);
    assert_eq!(split.body["texts"].as_array().unwrap().len(), 3);
    let html = house
        .market(
            "POST",
            "/v1/scrub",
            json!({"html": "<p>wa 0812-<b>3456</b>-7890</p><a href='https://x.test'>di sini</a>"}),
        )
        .await;
    assert_eq!(html.body["findings"][0]["part"], "html", "{}", html.body);
    let left = html.body["html"].as_str().unwrap();
    assert!(!left.contains("3456") && !left.contains("x.test"), "{left}");
    assert_eq!(house.market("POST", "/v1/scrub", json!({})).await.body["field"], "text");
}

#[tokio::test]
async fn files_are_scrubbed_as_those_of_a_message_are() {
    let house = House::new().await;
    let png = png_with_author("rina.kartika");
    let file = |name: &str, bytes: &[u8]| json!({"filename": name, "media_type": "image/png", "content": data_encoding::BASE64.encode(bytes)});
    let asked = json!({"lang": "id", "attachments": [
        file("wa 081234567890.png", &png), file("rina@surat.example", b"halo"), file("resi.png", &png)]});
    let told = house.ask_with(&house.market, "POST", "/v1/scrub", asked.clone(), Some("k")).await;
    assert_eq!((told.status, told.body["verdict"].as_str()), (200, Some("redact")), "{}", told.body);
    let files = told.body["attachments"].as_array().unwrap();
    let names: Vec<_> = files.iter().map(|f| f["filename"].as_str().unwrap()).collect();
    assert_eq!(names, ["picture-1.png", "file-2.txt", "picture-3.png"]);
    assert_eq!(told.body["findings"][0]["part"], "attachment:0", "{}", told.body);
    let clean = data_encoding::BASE64.decode(files[2]["content"].as_str().unwrap().as_bytes()).unwrap();
    assert_eq!((&files[2]["action"], &files[2]["bytes"]), (&json!("rebuilt"), &json!(clean.len())));
    assert!(!clean.windows(4).any(|w| w == b"rina"), "metadata is gone");
    assert_eq!((&files[1]["action"], files[1].get("content")), (&json!("removed_type"), None));
    let again = house.ask_with(&house.market, "POST", "/v1/scrub", asked, Some("k")).await;
    assert_eq!((again.status, again.body), (200, told.body), "under one key it is done again, and nothing is kept");
    let many = json!({"attachments": vec![file("a.png", &png); 11]});
    assert_eq!(house.market("POST", "/v1/scrub", many).await.body["code"], "too_large");
    let broken = json!({"attachments": [{"filename": "a", "media_type": "image/png", "content": "!"}]});
    assert_eq!(house.market("POST", "/v1/scrub", broken).await.body["field"], "attachments[0].content");
}

/// A picture of one pixel that says who made it.
fn png_with_author(author: &str) -> Vec<u8> {
    let chunk = |kind: &[u8], content: &[u8]| {
        let body = [kind, content].concat();
        let sum = !body.iter().fold(!0u32, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |s, _| if s & 1 == 1 { s >> 1 ^ 0xedb8_8320 } else { s >> 1 })
        });
        let length = u32::try_from(content.len()).unwrap();
        [&length.to_be_bytes()[..], &body, &sum.to_be_bytes()].concat()
    };
    let one_grey_pixel = [0x78, 0x01, 0x01, 0x02, 0x00, 0xfd, 0xff, 0x00, 0x7f, 0x00, 0x81, 0x00, 0x80];
    [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]),
        chunk(b"tEXt", format!("Author\0{author}").as_bytes()),
        chunk(b"IDAT", &one_grey_pixel),
        chunk(b"IEND", b""),
    ]
    .concat()
}

#[tokio::test]
async fn a_path_says_which_methods_it_knows() {
    let house = House::new().await;
    let told = house.market("PATCH", "/v1/parties/p", json!({})).await;
    assert_eq!((told.status, &told.headers["allow"]), (405, &"PUT, GET, DELETE, HEAD".parse().unwrap()));
    assert_eq!(told.body["title"], "this path knows other methods");
    assert_eq!(house.market("HEAD", "/v1/held", Value::Null).await.status, 200);
    let told = house.market("HEAD", "/v1/scrub", Value::Null).await;
    assert_eq!((told.status, &told.headers["allow"]), (405, &"POST".parse().unwrap()));
}

#[tokio::test]
async fn a_request_names_its_host_once() {
    let house = House::new().await;
    for (hosts, status) in [("", 400), ("Host: a\r\n", 200), ("Host: a\r\nHost: b\r\n", 400)] {
        let (mut near, far) = tokio::io::duplex(64 * 1024);
        let serving = tokio::spawn(serve_connection(far, Arc::clone(&house.api), std::future::pending()));
        let asked = format!("GET /openapi.json HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        tokio::io::AsyncWriteExt::write_all(&mut near, asked.as_bytes()).await.unwrap();
        let mut told = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut near, &mut told).await.unwrap();
        assert!(told.starts_with(format!("HTTP/1.1 {status} ").as_bytes()), "{hosts:?}");
        serving.await.unwrap();
    }
}

#[tokio::test]
async fn nobody_is_left_with_a_way_that_is_not_built() {
    let house = House::new().await;
    house.talk(json!({})).await;
    for (ways, status) in [(json!(["sms"]), 400), (json!([]), 400), (json!(["sms", "api"]), 200)] {
        let body = json!({"order": "o-1", "buyer": "b-1", "seller": "s-1", "deliver": {"buyer": ways}});
        let told = house.market("PUT", "/v1/conversations/c-1", body).await;
        assert_eq!(told.status, status, "{ways}: {}", told.body);
        assert!(status == 200 || told.body["field"] == "deliver.buyer", "{}", told.body);
    }
}

#[tokio::test]
async fn a_party_named_in_a_conversation_by_nothing_but_its_id_stays_as_it_is() {
    let house = House::new().await;
    house.talk(json!({})).await;
    let body = json!({"buyer": {"id": "b-2", "emails": ["dewi@surat.example"]}, "seller": {"id": "s-1"}});
    let told = house.market("PUT", "/v1/conversations/c-2", body).await;
    assert_eq!(told.body["handles"]["seller"]["name"], "Toko Melati", "{}", told.body);
    let shop = house.market("GET", "/v1/parties/s-1", Value::Null).await;
    assert_eq!(shop.body["emails"], json!(["p•••@k•••.example"]), "{}", shop.body);
    // One that says something is put, and one that is not there is made.
    let body = json!({"buyer": {"id": "b-3"}, "seller": {"id": "s-1", "display_name": "Toko Anggrek"}});
    let told = house.market("PUT", "/v1/conversations/c-3", body).await;
    assert_eq!((told.status, &told.body["handles"]["seller"]["name"]), (201, &json!("Toko Anggrek")));
}

#[tokio::test]
async fn an_erased_person_leaves_a_chain_that_still_can_be_taken_out() {
    let house = House::new().await;
    house.talk(json!({})).await;
    let sent = house.say("buyer", "halo").await;
    assert_eq!(sent.status, 201);
    let bundle = house.market("GET", "/v1/conversations/c-1/evidence", Value::Null).await;
    assert_eq!((bundle.status, &bundle.text[..2]), (200, b"PK".as_slice()));
    assert_eq!(bundle.headers["content-type"], "application/zip");
    let gone = house.market("DELETE", "/v1/parties/b-1", Value::Null).await;
    assert_eq!((gone.status, &gone.body["messages"]), (200, &json!(1)), "{}", gone.body);
    assert_eq!(house.market("GET", "/v1/parties/b-1", Value::Null).await.status, 404);
    let id = sent.body["id"].as_str().unwrap();
    let told = house.market("GET", &format!("/v1/messages/{id}"), Value::Null).await;
    assert_eq!((told.status, &told.body["erased"], told.body.get("text")), (200, &json!(true), None));
    assert_eq!(house.say("seller", "halo?").await.body["code"], "conversation_closed");
    let shown = house.market("GET", "/v1/conversations/c-1", Value::Null).await.body;
    assert_eq!(shown["state"], "closed", "{shown}");
    for side in ["buyer", "seller"] {
        assert_eq!(shown["contact"][side]["phase"], "closed", "{shown}");
    }
    let list = house.market("GET", "/v1/conversations?seller=s-1", Value::Null).await.body;
    assert_eq!(list["items"][0]["state"], "closed", "{list}");
    assert_eq!(house.market("GET", "/v1/conversations/c-1/evidence", Value::Null).await.status, 200);
    assert_eq!(house.market("DELETE", "/v1/parties/b-9", Value::Null).await.status, 404);
}

#[tokio::test]
async fn resealing_leaves_nothing_under_the_old_key_and_everything_readable() {
    let house = House::new().await;
    house.talk(json!({})).await;
    house.say("seller", "sebelum").await;
    let agent = json!({"emails": ["ana@kantor.example"], "smtp": true});
    assert_eq!(house.market("PUT", "/v1/parties/s-1/agents/ana", agent.clone()).await.status, 201);
    let before = house.store.agent(&house.scope, &"s-1".parse().unwrap(), &"ana".parse().unwrap()).await.unwrap();
    let active = house.vault.rotate(house.clock.now()).unwrap();
    let done = house.desk.reseal(&|_, _| {}).await.unwrap();
    assert!(done.keys >= 5 && done.parties == 2 && done.agents == 1, "{done:?}");
    assert!(house.store.key_use().await.unwrap().iter().all(|(by, _)| *by == active));
    assert_eq!(house.desk.reseal(&|_, _| {}).await.unwrap().keys, 0, "what is done is not done again");
    let after = house.store.agent(&house.scope, &"s-1".parse().unwrap(), &"ana".parse().unwrap()).await.unwrap();
    let (before, after) = (before.unwrap(), after.unwrap());
    assert_eq!((before.login, before.profile), (after.login, after.profile), "the shop's password goes on");
    let speaks = house
        .store
        .speaks(&house.scope, &"c-1".parse().unwrap(), tabir::model::Side::Seller, &after.tags)
        .await
        .unwrap();
    assert_eq!(speaks, Some(Some(after.id)));
    let list = house.market("GET", "/v1/conversations/c-1/messages?as=buyer", Value::Null).await;
    assert_eq!(list.body["items"][0]["text"], "sebelum");
    assert_eq!(house.market("GET", "/v1/parties/b-1", Value::Null).await.status, 200);
    assert_eq!(house.say("seller", "sesudah").await.status, 201);
}

#[tokio::test]
async fn no_contact_lies_in_the_store_in_clear() {
    let house = House::new().await;
    house.talk(json!({})).await;
    let told = house
        .ask_with(
            &house.market,
            "POST",
            "/v1/conversations/c-1/messages",
            json!({"from": "seller", "text": "kanariatext"}),
            Some("k"),
        )
        .await;
    assert_eq!(told.status, 201);
    let login = house
        .market("PUT", "/v1/parties/s-1/agents/ana", json!({"emails": ["ana.kanaria@kantor.example"], "smtp": true}))
        .await;
    let password = login.body["smtp"]["password"].as_str().unwrap().to_owned();
    let secrets =
        [BUYER_MAIL, SELLER_MAIL, "Kartika", "Jl. Contoh", "kanariatext", "ana.kanaria", &password, &house.market];
    for file in std::fs::read_dir(house.folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for secret in secrets {
            assert!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()), "{secret}");
        }
    }
}

#[tokio::test]
async fn the_document_is_open_to_all() {
    let house = House::new().await;
    let told = house.ask("", "GET", "/openapi.json", Value::Null).await;
    assert_eq!((told.status, told.body["info"]["title"].as_str()), (200, Some("tabir")));
}

/// A picture with a QR code, or a row of lines, of three dots a module.
fn coded(format: zxingcpp::BarcodeFormat, text: &str) -> Vec<u8> {
    let code = zxingcpp::create(format).from_str(text).unwrap();
    let drawn = code.to_image_with(&zxingcpp::write().scale(3).add_quiet_zones(true)).unwrap();
    let (width, height) = (drawn.width().unsigned_abs(), drawn.height().unsigned_abs());
    let mut png = std::io::Cursor::new(Vec::new());
    image::GrayImage::from_raw(width, height, drawn.data())
        .unwrap()
        .write_to(&mut png, image::ImageFormat::Png)
        .unwrap();
    png.into_inner()
}

#[tokio::test]
async fn a_code_that_leads_away_reaches_nobody_and_a_parcel_number_stays() {
    use zxingcpp::BarcodeFormat::{Code128, QRCode};
    let house = House::new().await;
    house.talk(json!({"buyer": ["api"], "seller": ["api"]})).await;
    let file = |name: &str, bytes: &[u8]| json!({"filename": name, "media_type": "image/png", "content": data_encoding::BASE64.encode(bytes)});
    let files = json!([
        file("katalog.png", &coded(QRCode, "https://wa.me/628123456789")),
        file("kode.png", &coded(Code128, "WA 081234567890")),
        file("resi.png", &coded(Code128, "JNE0012345678901"))
    ]);
    let body = json!({"from": "seller", "text": "Ini katalog dan resinya kak", "attachments": files.clone()});
    let told = house.market("POST", "/v1/conversations/c-1/messages", body).await;
    assert_eq!(
        (told.status, &told.body["delivered"]["attachments"][0]["action"]),
        (201, &json!("redacted")),
        "{}",
        told.body
    );
    let kinds: Vec<_> = told.body["findings"].as_array().unwrap().iter().map(|f| (&f["kind"], &f["part"])).collect();
    let expected = (json!("code"), json!("attachment:0"), json!("attachment:1"));
    assert_eq!(kinds, [(&expected.0, &expected.1), (&expected.0, &expected.2)]);
    assert_eq!(told.body["findings"][0]["text"], "https://wa.me/628123456789");
    assert!(told.body["findings"][0]["box"].is_array(), "{}", told.body);
    let text = told.body["delivered"]["text"].as_str().unwrap();
    assert!(text.contains("Sebagian gambar ditutup") && !text.contains("wa.me"), "{text}");
    let clean = house.market("POST", "/v1/scrub", json!({"lang": "id", "attachments": files})).await;
    for (n, left) in [0, 0, 1].into_iter().enumerate() {
        let content = clean.body["attachments"][n]["content"].as_str().unwrap();
        let bytes = data_encoding::BASE64.decode(content.as_bytes()).unwrap();
        let gray = image::load_from_memory(&bytes).unwrap().to_luma8();
        let view =
            zxingcpp::ImageView::from_slice(gray.as_raw(), gray.width(), gray.height(), zxingcpp::ImageFormat::Lum);
        assert_eq!(zxingcpp::read().from(&view.unwrap()).unwrap().len(), left, "file {n}");
    }
}

#[tokio::test]
async fn a_guess_is_answered_alike_whatever_the_vault_knows() {
    let house = House::new().await;
    house.talk(json!({"buyer": ["api"], "seller": ["api"]})).await;
    let buyer = json!({"role": "buyer", "display_name": "Rina", "names": ["Rina Kartika"], "emails": [BUYER_MAIL],
        "phones": ["+6281220000045"], "addresses": [{"name": "Rina Kartika", "lines": ["Jl. Contoh 7"], "city": "Bandung", "country": "ID"}]});
    assert_eq!(house.market("PUT", "/v1/parties/b-1", buyer).await.status, 200);
    let own = house.seller_token("s-1").await;
    let path = "/v1/conversations/c-1/messages";
    let send = async |text: &str, files: Value| {
        let told = house.ask(&own, "POST", path, json!({"from": "seller", "text": text, "attachments": files})).await;
        house.say("buyer", "ok").await;
        house.pass_time(Duration::minutes(13));
        told
    };
    // A message that is refused for something else.
    let refused =
        async |guess: &str| send(&format!("I will kill you, I know where you live. {guess}"), json!([])).await;
    for (right, wrong) in [("20000045", "20000046"), ("Jl. Contoh 7", "Jl. Contoh 8"), ("Rina Kartika", "Dewi Lestari")]
    {
        let (right, wrong) = (refused(right).await, refused(wrong).await);
        assert_eq!((right.status, &right.body["code"]), (422, &json!("content_refused")), "{}", right.body);
        let places = |body: &Value| -> Vec<Value> {
            body["findings"].as_array().unwrap().iter().map(|f| json!([f["kind"], f["start"], f["end"]])).collect()
        };
        assert_eq!(places(&right.body), places(&wrong.body));
    }
    // A rule about what was found, which only the guard finds, stands before the one about the words.
    let outside = async |guess: &str| {
        send(&format!("We will break your legs. It is cheaper. hmu on snap, {guess}"), json!([])).await
    };
    let (right, wrong) = (outside("20000045").await.body, outside("20000046").await.body);
    let rules = |body: &Value| -> Vec<Value> {
        body["reasons"].as_array().unwrap().iter().map(|reason| json!([reason["rule"], reason["part"]])).collect()
    };
    assert_eq!(rules(&right), rules(&wrong));
    assert!(rules(&right).iter().any(|rule| rule[0].as_str().is_some_and(|rule| rule.contains(".threat."))), "{right}");
    // The message after it: what is remembered of digits must not differ by the guess.
    let after = async |guess: &str| {
        send(&format!("cek {guess} ya"), json!([])).await;
        send("wa 0812 2", json!([])).await.body
    };
    let (right, wrong) = (after("20000045").await, after("20000046").await);
    for key in ["delivered", "findings", "verdict"] {
        assert_eq!(right[key], wrong[key], "{key}");
    }
    // A name in the lines of a code.
    let coded = async |name: &str| {
        let content = data_encoding::BASE64.encode(&coded(zxingcpp::BarcodeFormat::Code128, name));
        send("label", json!([{"filename": "a.png", "media_type": "image/png", "content": content}])).await.body
    };
    let (right, wrong) = (coded("RINA KARTIKA").await, coded("DEWI LESTARI").await);
    for key in ["findings", "verdict"] {
        assert_eq!(right[key], wrong[key], "{key}");
    }
    assert_eq!(right["delivered"]["attachments"][0]["action"], "rebuilt");
    assert_eq!(right["delivered"]["text"], wrong["delivered"]["text"]);
}

#[tokio::test]
async fn a_page_is_judged_although_the_text_beside_it_is_spread_out() {
    let house = House::new().await;
    house.talk(json!({"buyer": ["api"], "seller": ["api"]})).await;
    for (text, page) in [
        ("rina at gmail\n\n\n\ndot com", "rina at gmail dot com"),
        ("0812\n\n\n\n3456\n\n\n\n7890", "0812<br>3456<br>7890"),
        ("evilshop\n\ndot\n\ncom", "evilshop dot com"),
    ] {
        let body = json!({"from": "seller", "text": text, "html": format!("<p>{page}</p>")});
        let told = house.market("POST", "/v1/conversations/c-1/messages", body).await;
        house.say("buyer", "ok").await;
        let parts: Vec<_> = told.body["findings"].as_array().unwrap().iter().map(|f| &f["part"]).collect();
        assert!(parts.contains(&&json!("html")), "{text:?}: {}", told.body);
        assert!(!told.body["delivered"]["html"].as_str().unwrap().contains(page), "{}", told.body);
    }
}

/// A house that reads pictures by the models in this folder.
async fn reading_house(images: ImageRules, models: PathBuf) -> House {
    let exe = PathBuf::from(env!("CARGO_BIN_EXE_tabir"));
    let rules = MarketRules { locale: Some("id".to_owned()), images, ..MarketRules::default() };
    let house = House::over(rules, Sandbox::new(exe, 1, StdDuration::from_secs(60)).with_models(&models)).await;
    house.talk(json!({"buyer": ["api"], "seller": ["api"]})).await;
    house
}

fn one_file(bytes: &[u8]) -> Value {
    let content = data_encoding::BASE64.encode(bytes);
    json!([{"filename": "katalog.png", "media_type": "image/png", "content": content}])
}

fn advertisement() -> Vec<u8> {
    draw::picture(&json!({"size": [640, 300], "texts": [
        {"say": "Tas kulit asli", "at": [40, 40], "size": 40},
        {"say": "hubungi 0812-3456-7890", "at": [40, 160], "size": 36}]}))
}

#[tokio::test]
async fn words_that_lead_away_are_covered_in_what_a_seller_sends_and_nowhere_else() {
    let house = reading_house(ImageRules::default(), draw::models()).await;
    let picture = advertisement();
    let send = async |from: &str| {
        let body = json!({"from": from, "text": "Ini katalognya kak", "attachments": one_file(&picture)});
        house.market("POST", "/v1/conversations/c-1/messages", body).await
    };
    let told = send("seller").await;
    assert_eq!((told.status, &told.body["verdict"]), (201, &json!("redact")), "{}", told.body);
    assert_eq!(told.body["delivered"]["attachments"][0]["action"], "redacted");
    let finding = &told.body["findings"][0];
    assert_eq!((&finding["kind"], &finding["part"]), (&json!("phone"), &json!("attachment:0")), "{finding}");
    assert!(finding["text"].as_str().unwrap().contains("3456") && finding["box"].is_array(), "{finding}");
    let text = told.body["delivered"]["text"].as_str().unwrap();
    assert!(text.contains("Sebagian gambar ditutup") && !text.contains("3456"), "{text}");
    let told = send("buyer").await;
    assert_eq!(told.body["delivered"]["attachments"][0]["action"], "rebuilt", "{}", told.body);

    let clean = house.market("POST", "/v1/scrub", json!({"lang": "id", "attachments": one_file(&picture)})).await;
    assert_eq!((&clean.body["verdict"], &clean.body["findings"][0]["kind"]), (&json!("redact"), &json!("phone")));
}

#[tokio::test]
async fn what_words_in_a_picture_are_up_to_decides_as_if_they_stood_in_the_text() {
    let house = reading_house(ImageRules::default(), draw::models()).await;
    let page = draw::picture(&json!({"size": [900, 240], "texts": [
        {"say": "Anda akan mendapatkan tambahan voucher", "at": [30, 40], "size": 34},
        {"say": "jika memberikan 5 bintang", "at": [30, 120], "size": 34}]}));
    let body = json!({"from": "seller", "text": "Halo kak", "attachments": one_file(&page)});
    let told = house.market("POST", "/v1/conversations/c-1/messages", body).await;
    assert_eq!((told.status, &told.body["code"]), (422, &json!("content_refused")), "{}", told.body);
}

#[tokio::test]
async fn without_models_pictures_are_held_or_pass_as_it_is_set() {
    let nowhere = || PathBuf::from("/nonexistent/models");
    let strict = ImageRules { unread: UnreadRule::Hold, ..ImageRules::default() };
    let watched = ImageRules { words: WordRule::Hold, ..ImageRules::default() };
    let careless = ImageRules { words: WordRule::Pass, unread: UnreadRule::Hold };
    for (images, models, state) in [
        (strict, nowhere(), "held"),
        (strict, draw::models(), "delivered"),
        (ImageRules::default(), nowhere(), "delivered"),
        (watched, draw::models(), "held"),
        (careless, nowhere(), "delivered"),
    ] {
        let house = reading_house(images, models).await;
        let body = json!({"from": "seller", "text": "Ini kak", "attachments": one_file(&advertisement())});
        let told = house.market("POST", "/v1/conversations/c-1/messages", body).await;
        assert_eq!((told.status, &told.body["state"]), (201, &json!(state)), "{images:?}: {}", told.body);
        let body = json!({"from": "buyer", "text": "Ini kak", "attachments": one_file(&advertisement())});
        let told = house.market("POST", "/v1/conversations/c-1/messages", body).await;
        assert_eq!(told.body["state"], "delivered", "a buyer's picture is neither read nor held: {}", told.body);
        let told =
            house.market("POST", "/v1/conversations/c-1/messages", json!({"from": "seller", "text": "ok"})).await;
        assert_eq!(told.body["state"], "delivered", "without a picture nothing is held");
    }
}

#[tokio::test]
async fn a_picture_that_kills_its_workers_is_taken_out_and_the_message_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let exe = folder.path().join("impostor");
    std::fs::write(&exe, "#!/bin/sh\nprintf tbw3\nexit 3\n").unwrap();
    std::fs::set_permissions(&exe, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let house = House::over(MarketRules::default(), Sandbox::new(exe, 1, StdDuration::from_secs(10))).await;
    house.talk(json!({"buyer": ["api"], "seller": ["api"]})).await;
    let body = json!({"from": "seller", "text": "Ini kak", "attachments": one_file(&advertisement())});
    let told = house.market("POST", "/v1/conversations/c-1/messages", body).await;
    assert_eq!((told.status, &told.body["state"]), (201, &json!("delivered")), "{}", told.body);
    assert_eq!(told.body["delivered"]["attachments"][0]["action"], "removed_unreadable");
    assert!(told.body["delivered"]["text"].as_str().unwrap().contains("Ini kak"));
}

/// What the first page says, of a file in base64.
fn page_of(file: &Value) -> String {
    use tabir::media::pdf::{PdfLimits, read};
    let bytes = data_encoding::BASE64.decode(file["content"].as_str().unwrap().as_bytes()).unwrap();
    read(&bytes, &PdfLimits::default()).unwrap().pages.remove(0).texts.remove(0).text
}

#[tokio::test]
async fn a_pdf_arrives_without_the_ways_off_the_platform_that_were_in_it() {
    let house = House::new().await;
    house.talk(json!({"buyer": ["api"], "seller": ["api"]})).await;
    let file = |name: &str, bytes: &[u8]| json!({"filename": name, "media_type": "application/pdf", "content": data_encoding::BASE64.encode(bytes)});
    let files = json!([
        file("invoice.pdf", &paper::Paper::of(&["Faktur 2026-11", "Total 70.000"]).bytes()),
        file("kartu.pdf", &paper::Paper::of(&["Terima kasih", "WA 0812-3456-7890"]).bytes()),
        file("rusak.pdf", b"%PDF-1.7 nothing"),
    ]);
    let told = house.market("POST", "/v1/scrub", json!({"lang": "id", "attachments": files.clone()})).await;
    let left = told.body["attachments"].as_array().unwrap();
    let actions: Vec<&str> = left.iter().map(|file| file["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["rebuilt", "redacted", "removed_unreadable"], "{}", told.body["findings"]);
    let [clean, cut] = [page_of(&left[0]), page_of(&left[1])];
    assert!(clean.contains("Total 70.000") && cut.contains("Terima kasih") && !cut.contains("0812"), "{clean} {cut}");
    let found = &told.body["findings"][0];
    assert_eq!((&found["kind"], &found["part"], &found["frame"]), (&json!("phone"), &json!("attachment:1"), &json!(0)));
    assert!(found["box"].is_array());

    let body = json!({"from": "seller", "text": "Ini fakturnya kak", "attachments": files});
    let sent = house.market("POST", "/v1/conversations/c-1/messages", body).await;
    assert_eq!(sent.status, 201, "{}", sent.body);
    let delivered = &sent.body["delivered"];
    let actions: Vec<&Value> =
        delivered["attachments"].as_array().unwrap().iter().map(|file| &file["action"]).collect();
    assert_eq!(actions, ["rebuilt", "redacted", "removed_unreadable"]);
    let text = delivered["text"].as_str().unwrap();
    assert!(text.contains("Kontak, tautan, atau kode dalam berkas ditutup"), "{text}");
    assert!(text.contains("tidak dapat dibuka dengan aman"), "{text}");
}

/// An A4 page with a picture on it.
fn pictured(picture: &[u8]) -> Vec<u8> {
    let (mut file, picture) = (paper::Paper::new(), image::load_from_memory(picture).unwrap().to_luma8());
    let shown = file.doc.add_object(paper::picture(picture.width(), picture.height(), picture.into_raw()));
    let content = "BT /F 12 Tf 60 780 Td (Katalog) Tj ET q 400 0 0 190 60 500 cm /I Do Q";
    file.page(content, lopdf::dictionary! {}, lopdf::dictionary! { "XObject" => lopdf::dictionary! { "I" => shown } });
    file.bytes()
}

#[tokio::test]
async fn a_pdf_is_no_way_around_a_house_that_lets_no_picture_through_unread() {
    let strict = ImageRules { unread: UnreadRule::Hold, ..ImageRules::default() };
    let watched = ImageRules { words: WordRule::Hold, ..ImageRules::default() };
    let nowhere = || PathBuf::from("/nonexistent/models");
    let letters = || paper::Paper::of(&["Faktur", "Total 70.000"]).bytes();
    for (images, models, pdf, state) in [
        (strict, draw::models(), letters(), "delivered"),
        (strict, nowhere(), letters(), "delivered"),
        (strict, draw::models(), pictured(&advertisement()), "delivered"),
        (strict, nowhere(), pictured(&advertisement()), "held"),
        (watched, draw::models(), pictured(&advertisement()), "held"),
        (ImageRules::default(), nowhere(), pictured(&advertisement()), "delivered"),
    ] {
        let house = reading_house(images, models).await;
        let files = json!([{"filename": "a.pdf", "media_type": "application/pdf", "content": data_encoding::BASE64.encode(&pdf)}]);
        for (from, state) in [("seller", state), ("buyer", "delivered")] {
            let body = json!({"from": from, "text": "Ini fakturnya", "attachments": files});
            let told = house.market("POST", "/v1/conversations/c-1/messages", body).await;
            assert_eq!((told.status, &told.body["state"]), (201, &json!(state)), "{images:?} {from}: {}", told.body);
        }
    }
}

#[tokio::test]
async fn a_number_that_is_a_picture_in_a_pdf_is_covered_for_the_buyer() {
    let house = reading_house(ImageRules::default(), draw::models()).await;
    let content = data_encoding::BASE64.encode(&pictured(&advertisement()));
    let files = json!([{"filename": "a.pdf", "media_type": "application/pdf", "content": content}]);
    let send = async |from: &str| {
        let body = json!({"from": from, "text": "Ini katalognya", "attachments": files});
        house.market("POST", "/v1/conversations/c-1/messages", body).await.body
    };
    let told = send("seller").await;
    assert_eq!(told["delivered"]["attachments"][0]["action"], "redacted", "{told}");
    assert_eq!((&told["findings"][0]["kind"], &told["findings"][0]["part"]), (&json!("phone"), &json!("attachment:0")));
    assert_eq!(send("buyer").await["delivered"]["attachments"][0]["action"], "rebuilt", "a buyer's is not read");
}

#[tokio::test]
async fn a_guess_in_a_pdf_is_answered_alike_and_covered_all_the_same() {
    let house = House::new().await;
    house.talk(json!({"buyer": ["api"], "seller": ["api"]})).await;
    let buyer = json!({"role": "buyer", "display_name": "Rina", "names": ["Rina Kartika"], "emails": [BUYER_MAIL]});
    assert_eq!(house.market("PUT", "/v1/parties/b-1", buyer).await.status, 200);
    let own = house.seller_token("s-1").await;
    let send = async |name: &str| {
        let pdf = paper::Paper::of(&["Faktur untuk", name]).bytes();
        let files = json!([{"filename": "a.pdf", "media_type": "application/pdf", "content": data_encoding::BASE64.encode(&pdf)}]);
        let body = json!({"from": "seller", "text": "faktur", "attachments": files});
        let told = house.ask(&own, "POST", "/v1/conversations/c-1/messages", body).await;
        house.say("buyer", "ok").await;
        house.pass_time(Duration::minutes(13));
        told.body
    };
    let (right, wrong) = (send("Rina Kartika").await, send("Dewi Lestari").await);
    for key in ["findings", "verdict"] {
        assert_eq!(right[key], wrong[key], "{key}");
    }
    assert_eq!(right["delivered"]["attachments"][0]["action"], "rebuilt");
    assert_eq!(right["delivered"]["text"], wrong["delivered"]["text"]);
}
