//! Power cuts during a load: what was answered 250 or 201 arrives.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;

use super::operator::word;
use crate::house::{
    HOSTNAME, House, MARKET, Pair, Plan, Side, api::Api, certs::Certs, eventually, mails, sink::Sink, smtp::Smtp,
};

const CLIENTS: usize = 8;

fn from_env(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// What the clients share.
struct Load {
    pairs: Vec<Pair>,
    next: AtomicUsize,
    total: usize,
    accepted: Mutex<HashSet<usize>>,
    done: AtomicBool,
    smtp: std::net::SocketAddr,
    tls: tokio_rustls::TlsConnector,
    api: Api,
}

impl Load {
    fn count(&self) -> usize {
        self.accepted.lock().expect("the set").len()
    }

    /// Sends numbers until there are none; the same number again until it is answered.
    async fn client(self: Arc<Self>) {
        let mut line: Option<Smtp> = None;
        loop {
            let n = self.next.fetch_add(1, Ordering::Relaxed);
            if n >= self.total {
                return;
            }
            let raw = self.letter(n);
            while !self.attempt(n, &raw, &mut line).await {
                assert!(!self.done.load(Ordering::Relaxed), "message {n} was never accepted");
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
            self.accepted.lock().expect("the set").insert(n);
        }
    }

    fn way(&self, n: usize) -> (&Pair, Side) {
        (
            &self.pairs[n % self.pairs.len()],
            if (n / self.pairs.len()).is_multiple_of(2) { Side::Seller } else { Side::Buyer },
        )
    }

    fn letter(&self, n: usize) -> Vec<u8> {
        let (pair, side) = self.way(n);
        let way = pair.way(side);
        let text = format!("Load message {} here.\n{}", word(n), "Some more words to carry along.\n".repeat(20));
        mails::plain(way.from, way.to, "Load", &text).raw
    }

    /// Every fifth goes over HTTPS with a key, the others over SMTP with one Message-ID for all attempts.
    async fn attempt(&self, n: usize, raw: &[u8], line: &mut Option<Smtp>) -> bool {
        let (pair, side) = self.way(n);
        if n % 5 == 4 {
            let from = if side == Side::Seller { "seller" } else { "buyer" };
            let body = json!({"from": from, "text": format!("Load message {} here.", word(n))});
            let path = format!("/v1/conversations/{}/messages", pair.id);
            let key = format!("load-{n}");
            let answer =
                self.api.try_call("POST", &path, &[("idempotency-key", &key)], Some(body.to_string().into())).await;
            if let Ok(answer) = &answer {
                assert!(answer.status == 201 || answer.status == 503 || answer.status == 429, "{}", answer.text());
            }
            return answer.is_ok_and(|answer| answer.status == 201);
        }
        if line.is_none() {
            *line = Smtp::open_tls(self.smtp, HOSTNAME, &self.tls).await.ok();
        }
        let Some(smtp) = line else { return false };
        let way = pair.way(side);
        match smtp.send_pipelined(&way.from.email, way.to, raw).await {
            Ok(reply) if reply.code == 250 => true,
            Ok(reply) if (400..500).contains(&reply.code) => {
                *line = None;
                false
            }
            Ok(reply) => panic!("message {n}: {reply:?}"),
            Err(_) => {
                *line = None;
                false
            }
        }
    }
}

/// A number that nobody chose.
fn luck(below: u64) -> u64 {
    let mut bytes = [0; 8];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes).expect("randomness");
    u64::from_le_bytes(bytes) % below
}

/// How often each number arrived, and the delivery ids seen for it.
fn arrived(sink: &Sink) -> HashMap<String, Vec<String>> {
    let mut seen: HashMap<String, Vec<String>> = HashMap::new();
    for mail in sink.all() {
        let body = mail.body();
        let Some(at) = body.find("Load message ") else { panic!("what is this? {body}") };
        let word = body[at + 13..].split(' ').next().unwrap_or_default().to_owned();
        seen.entry(word).or_default().push(mail.header("message-id").unwrap_or_default());
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_survives_every_kill() {
    let kills = from_env("TABIR_TEST_KILLS", 3);
    let total = from_env("TABIR_TEST_LOAD", if kills >= 20 { 2000 } else { 300 });
    let certs = Certs::make("kotak-surat.example", [127, 0, 0, 1].into());
    let sink = Sink::start(Some(certs.acceptor())).await;
    let mut house = Plan::new().route(sink.at).start().await;
    let mut pairs = Vec::new();
    for n in 0..10 {
        pairs.push(house.pair(&format!("load{}", word(n))).await);
    }
    let load = Arc::new(Load {
        pairs,
        next: AtomicUsize::new(0),
        total,
        accepted: Mutex::default(),
        done: AtomicBool::new(false),
        smtp: house.smtp(),
        tls: house.certs.connector(),
        api: house.api(),
    });
    let clients: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(Arc::clone(&load).client())).collect();

    for kill in 1..=kills {
        // At a random moment of the kill's own stretch of the load.
        let stretch = total / (kills + 1);
        let at = stretch * kill - luck(stretch.max(2) as u64 / 2) as usize;
        let waiting = Instant::now();
        while load.count() < at && waiting.elapsed() < Duration::from_secs(60) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_micros(luck(20_000))).await;
        house.kill();
        house.rise();
        house.wait_ready().await;
    }
    let deadline = Duration::from_secs(30 + total as u64 / 20);
    let finished = tokio::time::timeout(deadline, futures_util::future::join_all(clients)).await;
    load.done.store(true, Ordering::Relaxed);
    for client in
        finished.unwrap_or_else(|_| panic!("the load never ended, {} accepted\n{}", load.count(), house.logs()))
    {
        client.expect("a client");
    }
    assert_eq!(load.count(), total);

    let all = sink.wait(Duration::from_secs(60), || (arrived(&sink).len() == total).then_some(())).await;
    let seen = arrived(&sink);
    let lost: Vec<usize> = (0..total).filter(|n| !seen.contains_key(&word(*n))).collect();
    assert!(all.is_some(), "lost {} of {total}: {lost:?}\n{}", lost.len(), house.logs());
    let twice: Vec<_> = seen.iter().filter(|(_, ids)| ids.len() > 1).collect();
    for (word, ids) in &twice {
        assert!(ids.iter().all(|id| *id == ids[0]), "{word} came twice under two ids: {ids:?}");
    }
    eprintln!("{total} messages, {kills} kills, {} delivered twice", twice.len());
    proven(&house, &load.pairs).await;
}

/// Every conversation's evidence verifies.
async fn proven(house: &House, pairs: &[Pair]) {
    let key = house.run_ok(&["evidence", "key"]);
    for pair in pairs {
        let file = house.dir.path().join(format!("{}.zip", pair.id));
        let path = file.to_str().expect("a path");
        house.run_ok(&["evidence", "export", &pair.id, "-o", path, "--marketplace", MARKET]);
        house.run_ok(&["evidence", "verify", path, "--key", &key]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_that_was_answered_holds_after_a_kill() {
    let sink = Sink::start(None).await;
    let mut house = Plan::new().route(sink.at).start().await;
    let pair = house.pair("cut-review").await;
    house.api().put("/v1/reviews/r1", &json!({"conversation": pair.id, "rating": 1})).await.ok();
    house.kill();
    house.rise();
    house.wait_ready().await;
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Hi", "Why one star?");
    let reply =
        house.smtp_tls().await.send(&pair.seller.email, &pair.buyer_handle, &letter.raw).await.expect("a reply");
    assert!(reply.is("550 5.7.1"), "{reply:?}");
    assert_eq!(sink.during(Duration::from_secs(1)).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_hangs_or_fails_loses_nothing() {
    use crate::house::sink::Mood;
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).start().await;
    let pair = house.pair("moods").await;
    for (n, mood) in [
        Mood::Hang,
        Mood::AfterData("451 4.3.0 later"),
        Mood::AtRcpt("450 4.2.1 busy"),
        Mood::Slow(Duration::from_millis(800)),
    ]
    .into_iter()
    .enumerate()
    {
        sink.mood(mood.clone());
        let letter = mails::plain(&pair.buyer, &pair.seller_handle, "Hi", &format!("Mood {n}."));
        let reply =
            house.smtp_tls().await.send(&pair.buyer.email, &pair.seller_handle, &letter.raw).await.expect("a reply");
        assert_eq!(reply.code, 250, "the sink's mood is not the sender's matter: {reply:?}");
        tokio::time::sleep(Duration::from_millis(300)).await;
        if !matches!(mood, Mood::Slow(_)) {
            sink.mood(Mood::Take);
        }
        sink.nth(&pair.seller.email, n + 1).await;
    }
    let order: Vec<bool> = sink
        .to(&pair.seller.email)
        .iter()
        .enumerate()
        .map(|(n, mail)| mail.body().contains(&format!("Mood {n}.")))
        .collect();
    assert_eq!(order, [true; 4], "in their order, once each");
    eventually(Duration::from_secs(5), "delivered", async || {
        let seen = house.api().get(&format!("/v1/conversations/{}/messages?as=buyer", pair.id)).await.ok();
        super::contact::list(&seen).iter().all(|message| message["state"] == "delivered").then_some(())
    })
    .await;
}
