//! Programs of a marketplace that are told what happens.

use std::net::Ipv4Addr;

use tabir::{
    channel::webhook::{Herald, WebhookSettings},
    net::{Dns, Drain},
    vault::WebhookSecret,
};
use tokio::task::JoinHandle;

use super::*;
use crate::{
    certs::Certs,
    dns::Record,
    receiver::{Receiver, Told as Heard},
};

/// A house that tells a receiver on this machine, whose name is `hooks.example`.
struct Street {
    house: House,
    receiver: Receiver,
    dns: dns::Dns,
    settings: WebhookSettings,
    herald: Option<(Drain, JoinHandle<()>)>,
}

impl Street {
    async fn new() -> Self {
        Self::allowing("127.0.0.0/8").await
    }

    /// With what the settings name in `webhooks.allow`.
    async fn allowing(network: &str) -> Self {
        let mut house = House::new().await;
        house.talk(json!({})).await;
        let certs = Certs::make("hooks.example", Ipv4Addr::LOCALHOST.into());
        let ca = house.folder.path().join("ca.pem");
        std::fs::write(&ca, &certs.ca).unwrap();
        let receiver = Receiver::start(&certs).await;
        let dns = dns::Dns::start().await;
        dns.put("hooks.example", Record::A(Ipv4Addr::LOCALHOST));
        let settings = WebhookSettings {
            allow: vec![network.to_owned().try_into().unwrap()],
            ports: vec![receiver.at.port()],
            ca: Some(ca),
            ..WebhookSettings::default()
        };
        let api = Api::new(Arc::clone(&house.desk), Arc::clone(&house.relay), ApiRules::default());
        house.api = Arc::new(api.with_webhooks(&settings));
        let mut street = Self { house, receiver, dns, settings, herald: None };
        street.begin();
        street
    }

    fn begin(&mut self) {
        let dns = Dns::new(&[self.dns.at]).unwrap();
        let herald = Herald::new(Arc::clone(&self.house.desk), self.settings.clone(), dns).unwrap();
        let drain = Drain::new();
        let served = tokio::spawn(Arc::new(herald).serve(drain.draining()));
        self.herald = Some((drain, served));
    }

    /// As at a restart: what is not in the store is lost.
    async fn end(&mut self) {
        let (drain, served) = self.herald.take().unwrap();
        drain.begin();
        served.await.unwrap();
    }

    fn url(&self, host: &str) -> String {
        format!("https://{host}:{}/events?for=demo", self.receiver.at.port())
    }

    async fn put(&self, id: &str, events: Value) -> Told {
        let body = json!({"url": self.url("hooks.example"), "events": events});
        self.house.market("PUT", &format!("/v1/webhooks/{id}"), body).await
    }

    async fn show(&self, id: &str) -> Value {
        self.house.market("GET", &format!("/v1/webhooks/{id}"), Value::Null).await.body
    }

    /// The webhook, once `field` says so.
    async fn until(&self, field: &str, wanted: Value) -> Value {
        for _ in 0..600 {
            let hook = self.show("h").await;
            if hook[field] == wanted {
                return hook;
            }
            tokio::time::sleep(StdDuration::from_millis(25)).await;
        }
        panic!("{field} is not {wanted}: {}", self.show("h").await);
    }

    /// Waits until it is written down that this was taken: what was not would be told again after a change.
    async fn noted(&self, told: &Heard) {
        let place: u64 = told.json()["data"]["id"].as_str().unwrap().parse().unwrap();
        for _ in 0..600 {
            if self.show("h").await["told"].as_str().unwrap().parse::<u64>().unwrap() >= place {
                return;
            }
            tokio::time::sleep(StdDuration::from_millis(25)).await;
        }
        panic!("not noted: {}", self.show("h").await);
    }

    /// What the feed says behind a place.
    async fn feed(&self, after: &str) -> Vec<Value> {
        let path = format!("/v1/events?limit=200&after={after}");
        self.house.market("GET", &path, Value::Null).await.body["items"].as_array().unwrap().clone()
    }
}

fn signs(secret: &str, told: &Heard) -> bool {
    let at = Timestamp(told.header("webhook-timestamp").parse::<i64>().unwrap() * 1_000);
    let signature = secret.parse::<WebhookSecret>().unwrap().sign(told.header("webhook-id"), at, &told.body);
    told.header("webhook-signature").split(' ').any(|one| one == signature)
}

fn signatures(told: &Heard) -> usize {
    told.header("webhook-signature").split(' ').count()
}

#[tokio::test]
async fn what_happens_is_told_thinly_in_its_order_to_its_own_marketplace_alone() {
    let street = Street::new().await;
    let made = street.put("h", json!(["message.*", "review.received"])).await;
    assert_eq!((made.status, &made.body["state"]), (201, &json!("active")), "{}", made.body);
    let (secret, start) = (made.body["secret"].as_str().unwrap(), made.body["told"].as_str().unwrap());
    let other = street.house.desk.add_marketplace(&"other".parse().unwrap(), "other.example").await.unwrap().unwrap();
    let theirs = street.house.desk.issue_token(&other, TokenScope::Marketplace, None).await.unwrap().0;
    for party in ["b", "s"] {
        street.house.ask(theirs.reveal(), "PUT", &format!("/v1/parties/{party}"), json!({})).await;
    }
    let talk = json!({"buyer": "b", "seller": "s"});
    street.house.ask(theirs.reveal(), "PUT", "/v1/conversations/theirs", talk).await;
    let said = json!({"from": "seller", "text": "Halo"});
    let sent = street.house.ask(theirs.reveal(), "POST", "/v1/conversations/theirs/messages", said).await;
    assert_eq!(sent.status, 201, "{}", sent.body);

    for n in 0..3 {
        street.house.say("buyer", &format!("Pesan ke-{n}, nomor saya 0812 3456 789{n}")).await;
    }
    street.house.market("PUT", "/v1/reviews/r-1", json!({"conversation": "c-1", "rating": 1})).await;
    let wanted: Vec<Value> = street.feed(start).await;
    let wanted: Vec<&Value> = wanted
        .iter()
        .filter(|item| {
            item["type"].as_str().is_some_and(|kind| kind.starts_with("message.") || kind == "review.received")
        })
        .collect();
    assert!(wanted.len() >= 7, "{wanted:?}");
    let came = street.receiver.once(wanted.len()).await;
    for (told, item) in came.iter().zip(&wanted) {
        let json = told.json();
        assert_eq!((&json["type"], &json["timestamp"]), (&item["type"], &item["timestamp"]));
        assert_eq!((&json["data"]["id"], &json["data"]["message"]), (&item["id"], &item["message"]));
        assert_eq!(told.header("webhook-id"), format!("evt_{}", item["id"].as_str().unwrap()));
        assert!(signs(secret, told) && signatures(told) == 1);
        assert_eq!((told.path.as_str(), told.header("content-type")), ("/events?for=demo", "application/json"));
        let text = String::from_utf8_lossy(&told.body);
        assert!(!["0812 3456", "Pesan", "theirs"].iter().any(|word| text.contains(word)), "{text}");
    }
    street.noted(came.last().unwrap()).await;
    assert_eq!(street.receiver.came().len(), wanted.len(), "nothing more, and nothing of others");

    // Again on demand: one event, or all behind a place.
    let third = wanted[2]["id"].as_str().unwrap();
    let replay = async |body: Value| street.house.market("POST", "/v1/webhooks/h/replay", body).await;
    assert_eq!(replay(json!({"event": third})).await.status, 200);
    let came = street.receiver.once(wanted.len() + 1).await;
    assert_eq!(came.last().unwrap().header("webhook-id"), format!("evt_{third}"));
    street.until("again", Value::Null).await;
    assert_eq!(street.receiver.came().len(), wanted.len() + 1);
    assert_eq!(replay(json!({"after": third})).await.status, 200);
    let came = street.receiver.once(2 * wanted.len() - 2).await;
    let again: Vec<Value> = came[wanted.len() + 1..].iter().map(|told| told.json()["data"]["id"].clone()).collect();
    assert_eq!(again, wanted[3..].iter().map(|item| item["id"].clone()).collect::<Vec<_>>());
    for (body, status, field) in [
        (json!({"event": "999999"}), 422, "event"),
        (json!({"after": "999999"}), 422, "after"),
        (json!({"after": "x"}), 400, "after"),
        (json!({"after": "1", "event": "2"}), 400, "after"),
        (json!({}), 400, "after"),
    ] {
        let told = replay(body.clone()).await;
        assert_eq!((told.status, &told.body["field"]), (status, &json!(field)), "{body}: {}", told.body);
    }
    // The other marketplace's event is none here.
    let token = theirs.reveal();
    let feed = street.house.ask(token, "GET", "/v1/events?limit=200", Value::Null).await.body;
    let event = feed["items"].as_array().unwrap().last().unwrap()["id"].clone();
    assert_eq!(replay(json!({"event": event})).await.status, 422);
    assert_eq!(street.house.ask(token, "GET", "/v1/webhooks/h", Value::Null).await.status, 404);
}

#[tokio::test]
async fn a_secret_is_replaced_while_both_sign_for_a_while() {
    let street = Street::new().await;
    let first = street.put("h", json!(["message.accepted"])).await.body["secret"].as_str().unwrap().to_owned();
    let shown = street.show("h").await;
    assert!(shown.get("secret").is_none() && shown.get("previous_secret_until").is_none(), "{shown}");
    let turned = street.house.market("POST", "/v1/webhooks/h/secret", json!({"overlap": "2h"})).await;
    assert_eq!(turned.status, 200, "{}", turned.body);
    let second = turned.body["secret"].as_str().unwrap().to_owned();
    street.house.say("buyer", "Satu").await;
    let told = street.receiver.once(1).await.pop().unwrap();
    assert!(signs(&first, &told) && signs(&second, &told) && signatures(&told) == 2, "{:?}", told.headers);
    street.noted(&told).await;
    street.house.pass_time(Duration::hours(3));
    street.house.say("buyer", "Dua").await;
    let told = street.receiver.once(2).await.pop().unwrap();
    assert!(!signs(&first, &told) && signs(&second, &told) && signatures(&told) == 1);
    street.noted(&told).await;

    // The marketplace's own, put: the same again replaces nothing.
    let own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let body = json!({"url": street.url("hooks.example"), "events": ["message.accepted"], "secret": own});
    for _ in 0..2 {
        let put = street.house.market("PUT", "/v1/webhooks/h", body.clone()).await;
        assert_eq!((put.status, put.body.get("secret")), (200, None), "{}", put.body);
    }
    street.house.say("buyer", "Tiga").await;
    let told = street.receiver.once(3).await.pop().unwrap();
    assert!(signs(&second, &told) && signs(own, &told) && signatures(&told) == 2);
    street.noted(&told).await;
    let cut = street.house.market("POST", "/v1/webhooks/h/secret", json!({"overlap": "0s"})).await;
    let third = cut.body["secret"].as_str().unwrap().to_owned();
    street.house.say("buyer", "Empat").await;
    let told = street.receiver.once(4).await.pop().unwrap();
    assert!(signs(&third, &told) && signatures(&told) == 1, "a secret that is known to others signs no more");
}

#[tokio::test]
async fn what_was_not_taken_is_told_again_before_anything_else_also_after_a_restart() {
    let mut street = Street::new().await;
    street.put("h", json!(["message.accepted"])).await;
    street.receiver.answer(500, &[]);
    street.receiver.answer(503, &[("retry-after", "3600")]);
    let first = street.house.say("buyer", "Satu").await.body["id"].clone();
    street.receiver.once(1).await;
    let hook = street.until("state", json!("failing")).await;
    assert_eq!((&hook["last_answer"], &hook["failures"]), (&json!("500"), &json!(1)), "{hook}");
    let second = street.house.say("buyer", "Dua").await.body["id"].clone();
    street.house.pass_time(Duration::seconds(6));
    street.receiver.once(2).await;
    let hook = street.until("failures", json!(2)).await;
    assert_eq!(hook["last_answer"], "503", "{hook}");

    // An hour was asked for: the five minutes of the schedule are too early.
    street.end().await;
    street.begin();
    street.house.pass_time(Duration::minutes(10));
    tokio::time::sleep(StdDuration::from_millis(700)).await;
    assert_eq!(street.receiver.came().len(), 2);
    street.house.pass_time(Duration::minutes(60));
    let came = street.receiver.once(4).await;
    let messages: Vec<Value> = came.iter().map(|told| told.json()["data"]["message"].clone()).collect();
    assert_eq!(messages, [first.clone(), first.clone(), first, second]);
    assert_eq!(came[0].header("webhook-id"), came[2].header("webhook-id"));
    assert_ne!(came[0].header("webhook-timestamp"), came[2].header("webhook-timestamp"));
    street.until("state", json!("active")).await;

    // What happens while nobody tells is told afterwards, and nothing twice.
    street.end().await;
    let third = street.house.say("buyer", "Tiga").await.body["id"].clone();
    street.begin();
    let came = street.receiver.once(5).await;
    assert_eq!(came[4].json()["data"]["message"], third);
}

#[tokio::test]
async fn who_is_gone_or_never_listens_is_disabled_and_goes_on_when_put_again() {
    let street = Street::new().await;
    let start = street.put("h", json!(["message.accepted"])).await.body["told"].as_str().unwrap().to_owned();
    street.receiver.answer(410, &[]);
    let first = street.house.say("buyer", "Satu").await.body["id"].clone();
    let hook = street.until("state", json!("disabled")).await;
    assert_eq!((&hook["disabled_because"], &hook["last_answer"]), (&json!("gone"), &json!("410")), "{hook}");
    let told = street.feed(&start).await;
    let told = told.iter().find(|item| item["type"] == "webhook.disabled").unwrap();
    assert_eq!(told["data"], json!({"webhook": "h", "because": "gone", "answer": "410"}));
    street.house.pass_time(Duration::days(2));
    assert_eq!(street.put("h", json!(["message.accepted"])).await.status, 200);
    let came = street.receiver.once(2).await;
    assert_eq!(came[1].json()["data"]["message"], first, "nothing is lost to it");
    street.noted(&came[1]).await;

    let tries = street.settings.retry.len() + 1;
    for _ in 0..tries {
        street.receiver.answer(302, &[("location", "https://hooks.example/elsewhere")]);
    }
    street.house.say("buyer", "Dua").await;
    for n in 1..tries {
        street.receiver.once(2 + n).await;
        street.until("failures", json!(n)).await;
        street.house.pass_time(Duration::hours(27));
    }
    let hook = street.until("state", json!("disabled")).await;
    assert_eq!((&hook["disabled_because"], &hook["last_answer"]), (&json!("spent"), &json!("302")), "{hook}");
    assert!(street.receiver.came().iter().all(|told| told.path == "/events?for=demo"), "nobody is followed");
    assert_eq!(street.house.market("DELETE", "/v1/webhooks/h", Value::Null).await.status, 204);
    assert_eq!(street.house.market("DELETE", "/v1/webhooks/h", Value::Null).await.status, 404);
}

#[tokio::test]
async fn a_name_that_leads_into_the_house_is_not_connected_to() {
    let street = Street::allowing("127.0.0.2").await;
    let addresses = [
        ("one.example", Ipv4Addr::LOCALHOST),
        ("two.example", Ipv4Addr::new(10, 0, 0, 1)),
        ("three.example", Ipv4Addr::new(169, 254, 169, 254)),
    ];
    for (host, address) in addresses {
        street.dns.put(host, Record::A(address));
    }
    for (n, host) in ["one.example", "two.example", "three.example", "nowhere.example"].into_iter().enumerate() {
        let body = json!({"url": street.url(host), "events": ["message.accepted"]});
        let put = street.house.market("PUT", &format!("/v1/webhooks/h-{n}"), body).await;
        assert_eq!(put.status, 201, "{}", put.body);
    }
    let literal = json!({"url": street.url("127.0.0.1"), "events": ["message.accepted"]});
    assert_eq!(street.house.market("PUT", "/v1/webhooks/h", literal).await.body["field"], "url");
    street.house.say("buyer", "Halo").await;
    for n in 0..4 {
        let mut hook = Value::Null;
        for _ in 0..400 {
            hook = street.show(&format!("h-{n}")).await;
            if hook["state"] == "failing" {
                break;
            }
            tokio::time::sleep(StdDuration::from_millis(25)).await;
        }
        // One word for all: who asks learns nothing of the names that the relay's resolver knows.
        assert_eq!((&hook["state"], &hook["last_answer"]), (&json!("failing"), &json!("unreachable")), "{hook}");
    }
    assert_eq!(street.receiver.connections(), 0);
}

#[tokio::test]
async fn a_wrong_webhook_is_refused_with_the_field_at_fault() {
    let street = Street::new().await;
    let url = street.url("hooks.example");
    let cases = [
        (json!({"url": "hooks.example", "events": ["*"]}), "url"),
        (json!({"url": "https://hooks.example/", "events": ["*"]}), "url"),
        (json!({"url": street.url("10.0.0.1"), "events": ["*"]}), "url"),
        (json!({"url": street.url("a:b@hooks.example"), "events": ["*"]}), "url"),
        (json!({"url": url, "events": []}), "events"),
        (json!({"url": url, "events": ["message.*", "mesage.*"]}), "events[1]"),
        (json!({"url": url, "events": ["*"], "secret": "hush"}), "secret"),
        (json!({"url": url, "events": ["*"], "secret": "whsec_c2hvcnQ="}), "secret"),
        (json!({"url": url, "event": ["*"]}), "event"),
    ];
    for (body, field) in cases {
        let told = street.house.market("PUT", "/v1/webhooks/h", body.clone()).await;
        assert_eq!((told.status, &told.body["field"]), (400, &json!(field)), "{body}: {}", told.body);
        let quoted = body["secret"].as_str().is_some_and(|secret| told.body.to_string().contains(secret));
        assert!(!quoted, "{}", told.body);
    }
    assert_eq!(street.house.market("GET", "/v1/webhooks/h", Value::Null).await.status, 404);
    for n in 0..20 {
        assert_eq!(street.put(&format!("h-{n:02}"), json!(["case.*"])).await.status, 201);
    }
    let told = street.put("h-20", json!(["case.*"])).await;
    assert_eq!((told.status, &told.body["field"]), (422, &json!("id")), "{}", told.body);
    assert_eq!(street.put("h-07", json!(["*"])).await.status, 200);
    let page = street.house.market("GET", "/v1/webhooks?limit=15", Value::Null).await.body;
    assert_eq!((page["items"].as_array().unwrap().len(), &page["next"]), (15, &json!("h-14")));
    let rest = street.house.market("GET", "/v1/webhooks?after=h-14", Value::Null).await.body;
    assert_eq!(rest["items"].as_array().unwrap().len(), 5);
    let long = street.house.market("POST", "/v1/webhooks/h-01/secret", json!({"overlap": "8d"})).await;
    assert_eq!((long.status, &long.body["field"]), (400, &json!("overlap")));
    for scope in [TokenScope::Support, TokenScope::Auditor] {
        let token = street.house.token(scope).await;
        assert_eq!(street.house.ask(&token, "GET", "/v1/webhooks", Value::Null).await.status, 403);
    }
}
