//! Who speaks: SPF and DKIM of the sender, asked from a DNS server on loopback.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::house::{
    House, Pair, Person, Plan,
    dns::{Dns, Manner},
    mails, python,
    sink::Sink,
    smtp::Reply,
};

struct Scene {
    house: House,
    dns: Dns,
    sink: Sink,
}

impl Scene {
    async fn set() -> Self {
        let (dns, sink) = (Dns::start().await, Sink::start(None).await);
        let plan =
            Plan::new().route(sink.at).with(&format!("[mail.auth]\nrequire = \"dmarc\"\ndns = [\"{}\"]", dns.at));
        Self { house: plan.start().await, dns, sink }
    }

    async fn send(&self, from: &str, pair: &Pair, raw: &[u8]) -> Reply {
        self.house.smtp_tls().await.send(from, &pair.buyer_handle, raw).await.expect("a reply")
    }
}

fn hello(pair: &Pair) -> Vec<u8> {
    mails::plain(&pair.seller, &pair.buyer_handle, "Hello", "Your scarf is packed.").raw
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aligned_spf_pass_speaks() {
    let scene = Scene::set().await;
    let pair = scene.house.pair_at("spf-pass").await;
    scene.dns.txt("spf-pass.example", "v=spf1 ip4:127.0.0.0/8 -all");
    let reply = scene.send(&pair.seller.email, &pair, &hello(&pair)).await;
    assert_eq!(reply.code, 250, "{reply:?} asked {:?}\n{}", scene.dns.asked(), scene.house.logs());
    scene.sink.nth(&pair.buyer.email, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aligned_dkim_signature_speaks_even_when_forwarded() {
    let scene = Scene::set().await;
    let pair = scene.house.pair_at("dkim-pass").await;
    let (signed, record) = python::dkim_sign(&hello(&pair), "s1", "dkim-pass.example");
    scene.dns.txt("s1._domainkey.dkim-pass.example", &record);
    scene.dns.txt("forwarder.example", "v=spf1 -all");
    let reply = scene.send("bounce@forwarder.example", &pair, &signed).await;
    assert_eq!(reply.code, 250, "{reply:?} asked {:?}\n{}", scene.dns.asked(), scene.house.logs());
    scene.sink.nth(&pair.buyer.email, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_proven_is_refused() {
    let scene = Scene::set().await;
    let dns = &scene.dns;
    let pair = scene.house.pair_at("spf-fail").await;
    dns.txt("spf-fail.example", "v=spf1 ip4:192.0.2.0/24 -all");
    let fail = scene.send(&pair.seller.email, &pair, &hello(&pair)).await;

    let pair = scene.house.pair_at("no-record").await;
    let none = scene.send(&pair.seller.email, &pair, &hello(&pair)).await;

    let pair = scene.house.pair_at("not-aligned").await;
    dns.txt("attacker.example", "v=spf1 ip4:127.0.0.0/8 -all");
    let unaligned = scene.send("me@attacker.example", &pair, &hello(&pair)).await;

    let pair = scene.house.pair_at("dkim-other").await;
    let (signed, record) = python::dkim_sign(&hello(&pair), "s1", "attacker.example");
    dns.txt("s1._domainkey.attacker.example", &record);
    let foreign = scene.send("me@attacker.example", &pair, &signed).await;

    let pair = scene.house.pair_at("dkim-broken").await;
    let (mut signed, record) = python::dkim_sign(&hello(&pair), "s1", "dkim-broken.example");
    dns.txt("s1._domainkey.dkim-broken.example", &record);
    let packed = signed.windows(6).position(|six| six == b"packed").expect("the word");
    signed[packed] = b'h';
    let broken = scene.send(&pair.seller.email, &pair, &signed).await;

    let pair = scene.house.pair_at("dmarc-none").await;
    dns.txt("_dmarc.dmarc-none.example", "v=DMARC1; p=none");
    let lenient = scene.send(&pair.seller.email, &pair, &hello(&pair)).await;

    for (what, reply) in [
        ("fail", fail),
        ("none", none),
        ("unaligned", unaligned),
        ("foreign", foreign),
        ("broken", broken),
        ("p=none", lenient),
    ] {
        assert_eq!(reply.code, 550, "{what}: {reply:?}\n{}", scene.house.logs());
    }
    assert!(scene.sink.during(Duration::from_secs(1)).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proven_stranger_is_refused() {
    let scene = Scene::set().await;
    let pair = scene.house.pair_at("stranger").await;
    scene.dns.txt("other.example", "v=spf1 ip4:127.0.0.0/8 -all");
    let stranger = Person::new("x", "Some One", "someone@other.example");
    let raw = mails::plain(&stranger, &pair.buyer_handle, "Hi", "I am somebody else.").raw;
    let reply = scene.send(&stranger.email, &pair, &raw).await;
    assert_eq!(reply.code, 550, "{reply:?}");
    // The buyer's own address is no key to the buyer's own handle either.
    scene.dns.txt("pembeli-stranger.example", "v=spf1 ip4:127.0.0.0/8 -all");
    let raw = mails::plain(&pair.buyer, &pair.buyer_handle, "Hi", "To myself.").raw;
    let reply = scene.send(&pair.buyer.email, &pair, &raw).await;
    assert_eq!(reply.code, 550, "{reply:?}");
    assert!(scene.sink.during(Duration::from_secs(1)).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_froms_in_one_header_speak_for_nobody() {
    let scene = Scene::set().await;
    let pair = scene.house.pair_at("two-froms").await;
    scene.dns.txt("attacker.example", "v=spf1 ip4:127.0.0.0/8 -all");
    let body = "\r\nSubject: x\r\nMessage-ID: <two@attacker.example>\r\n\r\nhello there\r\n";
    for head in [
        format!("From: me@attacker.example\r\nFrom: {}", pair.seller.email),
        format!("From: {}\r\nFrom: me@attacker.example", pair.seller.email),
        format!("From: me@attacker.example, {}", pair.seller.email),
        format!("From: {}, me@attacker.example\r\nSender: me@attacker.example", pair.seller.email),
        format!("From: \"{}\" <me@attacker.example>", pair.seller.email),
        format!("From: <me@attacker.example> <{}>", pair.seller.email),
    ] {
        let reply = scene.send("me@attacker.example", &pair, format!("{head}{body}").as_bytes()).await;
        assert!((500..600).contains(&reply.code), "{head}: {reply:?}");
    }
    assert!(scene.sink.during(Duration::from_secs(1)).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_dns_is_a_reason_to_try_again() {
    let scene = Scene::set().await;
    let pair = scene.house.pair_at("silent").await;
    scene.dns.behave("silent.example", Manner::Silent);
    let started = Instant::now();
    let reply = scene.send(&pair.seller.email, &pair, &hello(&pair)).await;
    assert_eq!(reply.code, 451, "{reply:?} after {:?}\n{}", started.elapsed(), scene.house.logs());
    assert_eq!(scene.sink.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_dns_is_a_reason_to_try_again() {
    let scene = Scene::set().await;
    let pair = scene.house.pair_at("broken").await;
    scene.dns.behave("broken.example", Manner::Broken);
    let reply = scene.send(&pair.seller.email, &pair, &hello(&pair)).await;
    assert_eq!(reply.code, 451, "{reply:?}\n{}", scene.house.logs());
    assert_eq!(scene.sink.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_closed_network_the_enrolled_address_speaks() {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).start().await;
    let pair = house.pair("closed").await;
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Hello", "Your scarf is packed.");
    let mut smtp = house.smtp_tls().await;
    for from in ["me@attacker.example", ""] {
        let reply = smtp.send(from, &pair.buyer_handle, &letter.raw).await.expect("a reply");
        assert!((500..600).contains(&reply.code), "MAIL FROM:<{from}>: {reply:?}");
    }
    let liar = Person::new("x", "Some One", "someone@other.example");
    let lie = mails::plain(&liar, &pair.buyer_handle, "Hello", "Header From of another.");
    let reply = smtp.send(&pair.seller.email, &pair.buyer_handle, &lie.raw).await.expect("a reply");
    assert!((500..600).contains(&reply.code), "{reply:?}");
    let reply = smtp.send(&pair.seller.email, &pair.buyer_handle, &letter.raw).await.expect("a reply");
    assert_eq!(reply.code, 250, "{reply:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_become_of_a_mail_in_a_file_is_told() {
    let scene = Scene::set().await;
    scene.dns.txt("shop.example", "v=spf1 ip4:203.0.113.9 -all");
    let file = scene.house.dir.path().join("mail.eml");
    let explain = |head: &str, more: &[&str]| {
        let mail = format!(
            "Received: from laptop.home by mx.shop.example\r\n{head}X-Mailer: ShopMail 3\r\nSubject: Parcel\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n\
             Faster by WhatsApp: 0812-3456-7890\r\n--b\r\nContent-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\n--b--\r\n"
        );
        fs::write(&file, mail).expect("a file");
        let words = [&["mail", "explain", file.to_str().expect("a path")], more].concat();
        scene.house.run_ok(&words)
    };
    let from = "From: <toko@shop.example>\r\n";
    let told = explain(from, &["--peer", "203.0.113.9", "--mail-from", "toko@shop.example"]);
    for line in [
        "proof\tholds (spf=pass dmarc=pass)",
        "fields\tdropped: Received, X-Mailer",
        "fields\treplaced by handles: From",
        "part\tcalendar: taken out, and its reader is told",
        "cut\tphone at 20..34: 0812-3456-7890",
        "verdict\tredact",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }
    assert!(explain(from, &["--peer", "203.0.113.10", "--mail-from", "toko@shop.example"]).contains("proof\tnone"));
    assert!(explain(&format!("{from}{from}"), &[]).starts_with("refused in the session: it must have one From"));
    assert!(explain(&format!("{from}X-Tabir-Loop: 1\r\n"), &[]).starts_with("refused in the session: it has been"));
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_to_a_handle_for_somebody_else_is_shown_to_the_judges_as_the_buyer_would_get_it() {
    let (dns, sink, folder) = (Dns::start().await, Sink::start(None).await, tempfile::tempdir().expect("a folder"));
    let log = folder.path().join("asked.jsonl");
    let judge = super::judges::program("av", log.to_str().expect("a path"), "sees = [\"text\"]");
    let auth = format!("[mail.auth]\nrequire = \"dmarc\"\ndns = [\"{}\"]", dns.at);
    let house = Plan::new().route(sink.at).with(&auth).with(&judge).start().await;
    let pair = house.pair_at("judged").await;
    dns.txt("merk.example", "v=spf1 ip4:127.0.0.0/8 -all");
    let draw = json!({"label": "Gwarancja", "domains": ["merk.example"]});
    let path = format!("/v1/conversations/{}/registrations", pair.id);
    let address = house.api().post(&path, &draw).await.ok()["address"].as_str().expect("an address").to_owned();
    let send = async |n: u32, text: &str| {
        let mail = format!(
            "From: Merk <news@merk.example>\r\nTo: <{address}>\r\nSubject: Karta {n}\r\n\
             Message-ID: <{n}@merk.example>\r\n\r\n{text}\r\n"
        );
        house.smtp_tls().await.send("news@merk.example", &address, mail.as_bytes()).await.expect("a reply").code
    };
    assert_eq!(send(1, "Karta, tel. +48 600 100 200").await, 250, "{}", house.logs());
    sink.nth(&pair.buyer.email, 1).await;
    for (n, against) in [(2, "look closer"), (3, "EICAR-STANDARD-ANTIVIRUS-TEST-FILE"), (4, "seal it")] {
        assert_eq!(send(n, against).await, 550, "{against}");
    }
    let asked = fs::read_to_string(&log).expect("what was asked");
    assert_eq!(asked.lines().count(), 4, "{asked}");
    assert!(!asked.contains("600 100 200"), "a judge sees what the buyer would: {asked}");
    assert_eq!(sink.to(&pair.buyer.email).len(), 1);
}

/// A warranty card, an app, a newsletter: whom the buyer let in is let in, under the same gate as the seller.
#[tokio::test(flavor = "multi_thread")]
async fn a_handle_for_somebody_else_takes_mail_of_whom_the_buyer_let_in_and_the_seller_sees_none() {
    let scene = Scene::set().await;
    let (house, dns, sink) = (&scene.house, &scene.dns, &scene.sink);
    let pair = house.pair_at("warranty").await;
    dns.txt("mail.merk.example", "v=spf1 ip4:127.0.0.0/8 -all");
    dns.txt("lain.example", "v=spf1 ip4:127.0.0.0/8 -all");
    let draw = json!({"label": "Gwarancja"});
    let path = format!("/v1/conversations/{}/registrations", pair.id);
    let address = house.api().post(&path, &draw).await.ok()["address"].as_str().expect("an address").to_owned();
    let mail = |from: &str, n: u32| {
        format!(
            "From: Merk <{from}>\r\nTo: <{address}>\r\nSubject: Twoja gwarancja\r\nMessage-ID: <{n}@merk.example>\r\n\r\n\
             Karta {n}: https://merk.example/karta/{n}, pomoc@merk.example\r\nSklep: https://gdzie.indziej.example/x, tel. +48 600 100 200\r\n"
        )
    };
    let send = async |from: &str, n: u32| {
        house.smtp_tls().await.send(from, &address, mail(from, n).as_bytes()).await.expect("a reply")
    };
    let brand = "news@mail.merk.example";

    let unproven = send("news@nikt.example", 1).await;
    let unknown = house.smtp_tls().await.send(brand, "nobody@relay.test", b"").await.expect("a reply");
    assert_eq!((unproven.code, unknown.code), (550, 550), "{unproven:?}");
    let asked = send(brand, 1).await;
    assert_eq!((asked.code, asked.text.starts_with("4.7.1")), (451, true), "{asked:?}\n{}", house.logs());
    let listed = house.api().get(&path).await.ok();
    let domains = &listed["items"][0]["domains"];
    assert_eq!((&domains[0]["domain"], &domains[0]["may"]), (&json!("merk.example"), &json!("asked")), "{listed}");

    let said = format!("/v1/registrations/{address}/domains");
    house.api().post(&said, &json!({"domain": "merk.example", "allow": true})).await.ok();
    let at_once = tokio::join!(send(brand, 1), send(brand, 1));
    assert_eq!((at_once.0.code, at_once.1.code, send(brand, 1).await.code), (250, 250, 250), "{}", house.logs());
    let letter = sink.nth(&pair.buyer.email, 1).await;
    let (subject, body) = (letter.header("Subject").unwrap_or_default(), letter.body());
    assert_eq!(subject, "Twoja gwarancja");
    assert!(letter.header("From").is_some_and(|from| from.contains("merk.example") && !from.contains("support")));
    assert!(body.contains("https://merk.example/karta/1"), "{body}");
    assert!(!body.contains("600 100 200") && !body.contains("gdzie.indziej"), "{body}");
    assert!(!body.contains("pomoc@merk.example"), "links of theirs stay, and no addresses: {body}");
    dns.txt("warranty.example", "v=spf1 ip4:127.0.0.0/8 -all");
    house.api().post(&said, &json!({"domain": "warranty.example", "allow": true})).await.ok();
    let seller = send(&pair.seller.email, 9).await;
    assert_eq!((seller.code, &seller.text), (550, &unproven.text), "who is enrolled here has a handle of their own");
    let leaks = house.api().get(&format!("/v1/parties/{}/leaks", pair.seller.id)).await.ok();
    assert_eq!(leaks["items"].as_array().map(Vec::len), Some(0), "it accuses nobody: {leaks}");
    assert_eq!(send("a@lain.example", 2).await.code, 451);
    house.api().post(&said, &json!({"domain": "lain.example", "allow": false})).await.ok();
    let refused = send("a@lain.example", 2).await;
    assert_eq!((refused.code, &refused.text), (550, &unproven.text), "as to any stranger");

    let seen = house.api().get(&format!("/v1/conversations/{}/messages?as=seller", pair.id)).await.ok();
    assert_eq!(seen["items"].as_array().map(Vec::len), Some(0), "{seen}");
    let block = format!("/v1/conversations/{}/block", pair.id);
    house.api().post(&block, &json!({"by": "buyer"})).await.ok();
    assert_eq!(send(brand, 3).await.code, 550, "where the seller may not write, neither may they");
    house.api().post(&format!("/v1/conversations/{}/unblock", pair.id), &json!({"by": "buyer"})).await.ok();
    assert_eq!(send(brand, 3).await.code, 250);
    sink.nth(&pair.buyer.email, 2).await;
    let second = house.api().post(&path, &json!({"label": "Aplikacja", "domains": ["merk.example"]})).await.ok();
    let second = second["address"].as_str().expect("an address").to_owned();
    assert_eq!(house.api().delete(&format!("/v1/registrations/{address}")).await.status, 204);
    let closed = send(brand, 4).await;
    assert_eq!((closed.code, &closed.text), (550, &unproven.text));
    house.api().post(&format!("/v1/conversations/{}/afraid", pair.id), &json!({})).await.ok();
    let shut = house.smtp_tls().await.send(brand, &second, mail(brand, 5).as_bytes()).await.expect("a reply");
    assert_eq!((shut.code, &shut.text), (550, &unproven.text), "fear closes them all");
    assert_eq!(sink.to(&pair.buyer.email).len(), 2, "the same mail is passed on once");
    assert!(sink.to(&pair.seller.email).is_empty());
}
