//! A buyer whose parcel came short, as it happened to somebody: the seller offers a third, falls silent, is asked
//! through the third voice, the marketplace decides, one star follows, a flood answers it, and a courier stands at
//! the door.

use std::time::Duration;

use serde_json::{Value, json};

use crate::house::{
    DOMAIN, House, MARKET, Pair, Person, Plan, api::Api, canary, eventually, mails, run_in, sink::Sink,
};

async fn put_story(house: &House, id: &str) {
    let api = house.api();
    let claim = json!({"amount": "150000", "currency": "IDR"});
    let case = json!({"conversation": id, "by": "buyer", "topic": "short_shipment", "amount": claim,
        "description": "Dari lima barang hanya tiga yang dikirim."});
    assert_eq!(api.put("/v1/cases/k-1", &case).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_parcel_a_third_offered_silence_a_decision_one_star_a_flood_and_a_courier() {
    let sink = Sink::start(None).await;
    // The silence of two days is one of a second here.
    let house = Plan::new().route(sink.at).with("[retaliation]\nsilence = \"1s\"").start().await;
    let pair = with_an_address(&house, house.pair("story").await).await;
    let (api, support) = (house.api(), house.api_as(&house.add_token("support", &[])));
    let order = json!({"state": "delivered", "fulfilment": "seller", "total": "375000 IDR",
        "items": [{"title": "Kaos", "quantity": 5, "shipped": 3}]});
    api.put("/v1/orders/order-story", &order).await.ok();
    let messages = format!("/v1/conversations/{}/messages", pair.id);
    let asks =
        mails::plain(&pair.buyer, &pair.seller_handle, "Kurang dua", "Kak, dua barang tidak ada. Baiknya gimana?");
    let taken = house.smtp_tls().await.send(&pair.buyer.email, &pair.seller_handle, &asks.raw).await;
    assert_eq!(taken.expect("a reply").code, 250);
    sink.nth(&pair.seller.email, 1).await;
    let twin = awake_elsewhere(&house, &pair).await;
    put_story(&house, &pair.id).await;
    let offer = json!({"by": "seller", "amount": {"amount": "50000", "currency": "IDR"}, "text": "Segini saja ya."});
    let offered = api.post("/v1/cases/k-1/offers", &offer).await.ok();
    assert_eq!(
        (&offered["items"][1]["amount"]["amount"], &offered["items"][1]["of"]["amount"]),
        (&json!("50000"), &json!("150000"))
    );
    let asked = eventually(Duration::from_secs(20), "the request reaches the seller", async || {
        let case = house.api().get("/v1/cases/k-1").await.ok();
        (case["requests"]["seller"]["state"] == "delivered").then_some(case)
    })
    .await;
    let proof = asked["requests"]["seller"]["proof"].as_u64().expect("a proof");
    let word = json!({"from": "support", "agent": "cs-4", "to": "both", "case": "k-1", "subject": "Kasus Anda",
        "text": "Kami memutuskan hari ini."});
    assert_eq!(support.post(&messages, &word).await.status, 201);
    let ruling = json!({"outcome": "for_buyer", "reason": "Dua dari lima barang tidak dikirim.", "actor": "mediator-2",
        "amount": {"amount": "150000", "currency": "IDR"}});
    support.post("/v1/cases/k-1/decision", &ruling).await.ok();
    for person in [&pair.buyer, &pair.seller] {
        let told = sink.wait(Duration::from_secs(20), || {
            sink.to(&person.email).into_iter().find(|mail| mail.body().contains("150000 IDR"))
        });
        let mail = told.await.unwrap_or_else(|| panic!("{} hears the decision\n{}", person.id, house.logs()));
        assert!(mail.header("Subject").is_some_and(|subject| subject.starts_with(&format!("[{MARKET} support] "))));
    }
    one_star_and_a_flood(&house, &sink, (&pair, &twin)).await;
    a_courier_at_the_door(&house, &support, &pair).await;
    for mail in sink.to(&pair.seller.email) {
        canary::none(&mail.raw, &pair.buyer.canaries(), "what the seller was sent");
    }
    one_timeline(&house, &pair.id, proof).await;
    forwarded(&house, &sink, &pair).await;
}

/// The buyer lives somewhere: a postal handle stands for it.
async fn with_an_address(house: &House, pair: Pair) -> Pair {
    let home = json!({"name": pair.buyer.name, "lines": ["Jalan Contoh 7"], "city": "Bandung", "region": "",
        "postcode": "40111", "country": "ID"});
    let body = json!({"names": [pair.buyer.name], "emails": [pair.buyer.email], "role": "buyer", "addresses": [home]});
    house.api().put(&format!("/v1/parties/{}", pair.buyer.id), &body).await.ok();
    house.converse(&pair.id, Some("order-story"), pair.buyer, pair.seller).await
}

/// The seller answers nobody here and is awake in another conversation meanwhile: the marketplace is shown both.
/// Gives a second conversation of the two, for another order.
async fn awake_elsewhere(house: &House, pair: &Pair) -> Pair {
    let other = Person::new("buyer-other", "Adi Nugraha", "adi@lain.example");
    other.enroll(&house.api(), "buyer").await;
    let busy = house.converse("conv-busy", None, other, pair.seller.clone()).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let hello = json!({"from": "seller", "text": "Halo, pesanan Anda sudah kami kirim."});
    house.api().post(&format!("/v1/conversations/{}/messages", busy.id), &hello).await.ok();
    let standing = house.api().get(&format!("/v1/parties/{}/standing", pair.seller.id)).await.ok();
    let waits = &standing["response"]["waiting"][0];
    assert_eq!(waits["conversation"], pair.id, "{standing}");
    assert!(!waits["active_and_silent"].is_null(), "awake, and silent here: {standing}");
    house.converse("conv-again", None, pair.buyer.clone(), pair.seller.clone()).await
}

/// One star, and in the same second ten mails: none arrives, whichever handle, order or channel it tries.
async fn one_star_and_a_flood(house: &House, sink: &Sink, (pair, twin): (&Pair, &Pair)) {
    let api = house.api();
    let before = sink.to(&pair.buyer.email).len();
    api.put("/v1/reviews/r-1", &json!({"conversation": pair.id, "rating": 1})).await.ok();
    let mut smtp = house.smtp_tls().await;
    for n in 0..10 {
        let handle = if n % 2 == 0 { &pair.buyer_handle } else { &twin.buyer_handle };
        let scolds = mails::plain(&pair.seller, handle, "Bintang", &format!("Kenapa bintang 1? Salah pencet! ({n})"));
        let reply = smtp.send(&pair.seller.email, handle, &scolds.raw).await.expect("a reply");
        assert!((550..560).contains(&reply.code), "mail {n}: {reply:?}");
    }
    for talk in [pair, twin] {
        let path = format!("/v1/conversations/{}/messages", talk.id);
        let burst = api.post(&path, &json!({"from": "seller", "text": "Kenapa bintang 1?"})).await;
        assert_eq!(burst.status, 429, "{}", burst.text());
    }
    assert_eq!(sink.to(&pair.buyer.email).len(), before, "nothing of it arrived");
    let told = eventually(Duration::from_secs(20), "the marketplace hears of the burst", async || {
        let feed = house.api().get("/v1/events?limit=200").await.ok();
        let all = feed["items"].as_array().expect("a list").clone();
        all.into_iter().find(|event| event["type"] == "contact.retaliation")
    })
    .await;
    assert_eq!(told["data"]["rating"], "1", "{told}");
}

/// A courier whom nobody ordered: a person is called, and nothing opens at the buyer's door any more.
async fn a_courier_at_the_door(house: &House, support: &Api, pair: &Pair) {
    let api = house.api();
    let courier = json!({"conversation": pair.id, "by": "buyer", "category": "unordered_courier",
        "text": "Ada kurir di depan rumah, mau ambil paket. Saya tidak memesan apa-apa."});
    let told = api.post("/v1/reports", &courier).await.ok();
    let queue = support.get("/v1/cases").await.ok();
    assert_eq!(
        (&queue["items"][0]["id"], &queue["items"][0]["severity"]),
        (&told["case"], &json!("urgent")),
        "{queue}"
    );
    assert!(house.logs().contains("somebody may be in danger"), "{}", house.logs());
    let carrier = house.api_as(&house.add_token("carrier", &["--name", "jne"]));
    let code = pair.made["handles"]["buyer"]["address"].as_str().expect("a code").to_owned();
    let pickup = json!({"shipment": "JNE1", "purpose": "pickup"});
    support.post(&format!("/v1/conversations/{}/afraid", pair.id), &json!({})).await.ok();
    let opened = carrier.post(&format!("/v1/handles/{code}/redeem"), &pickup).await;
    assert_eq!(opened.status, 404, "{}", opened.text());
    let late = mails::plain(&pair.seller, &pair.buyer_handle, "Halo", "Halo?");
    let reply = house.smtp_tls().await.send(&pair.seller.email, &pair.buyer_handle, &late.raw).await;
    assert!(reply.is_ok_and(|reply| (550..560).contains(&reply.code)), "the old handle is dead");
    let still = mails::plain(&pair.buyer, &pair.seller_handle, "Tolong", "Saya minta bantuan.");
    let reply = house.smtp_tls().await.send(&pair.buyer.email, &pair.seller_handle, &still.raw).await;
    assert_eq!(reply.expect("a reply").code, 250, "the buyer can always write");
}

/// A mail from outside, as its receiver forwards it with a word of their own.
fn forward(from: &str, head: &str, outside: &str) -> Vec<u8> {
    format!(
        "From: <{from}>\r\nTo: <report@{DOMAIN}>\r\nSubject: Fwd: Bintang\r\nMessage-ID: <f@hp.example>\r\n{head}\
         MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nIni yang saya terima.\r\n\
         --b\r\nContent-Type: message/rfc822\r\n\r\n{outside}\r\n--b--\r\n"
    )
    .into_bytes()
}

/// The buyer forwards what the seller wrote around the platform; nobody else can.
async fn forwarded(house: &House, sink: &Sink, pair: &Pair) {
    let (address, buyer) = (format!("report@{DOMAIN}"), &pair.buyer.email);
    let outside = |to: &str| {
        format!(
            "From: <toko@luar.example>\r\nTo: <{to}>\r\nSubject: Bintang\r\n\r\nUbah bintang, nanti dapat voucher.\r\n"
        )
    };
    let mut smtp = house.smtp_tls().await;
    let stranger = forward("rina@lain.example", "", &outside(&pair.buyer_handle));
    let refused = smtp.send("rina@lain.example", &address, &stranger).await.expect("a reply");
    let unknown = smtp.send(buyer, &format!("nobody@{DOMAIN}"), &stranger).await.expect("a reply");
    assert_eq!((refused.code, &refused.text), (550, &unknown.text), "it tells nobody who is known here");
    let known = house.api().get("/v1/reports").await.ok()["items"].as_array().expect("a list").len();
    let unbound = forward(buyer, "Auto-Submitted: auto-replied\r\n", &outside("rina@surat.example"));
    let bound = forward(buyer, "", &outside(&pair.buyer_handle));
    let reply = smtp.send(buyer, &address, &unbound).await.expect("a reply");
    assert_eq!(reply.code, 250, "{reply:?}\n{}", house.logs());
    let mut again = house.smtp_tls().await;
    let at_once = tokio::join!(smtp.send(buyer, &address, &bound), again.send(buyer, &address, &bound));
    for reply in [at_once.0, at_once.1, smtp.send(buyer, &address, &bound).await] {
        let reply = reply.expect("a reply");
        assert_eq!(reply.code, 250, "taken once, however often it comes: {reply:?}\n{}", house.logs());
    }
    let reports = house.api().get("/v1/reports").await.ok();
    let [unbound, bound] = &reports["items"].as_array().expect("a list")[known..] else { panic!("{reports:#?}") };
    assert_eq!((&unbound["state"], &unbound["reporter"]), (&json!("unconfirmed"), &json!(pair.buyer.id)));
    assert_eq!((&bound["state"], &bound["conversation"]), (&json!("confirmed"), &json!(pair.id)));
    assert_eq!(
        (&bound["leaks"][0]["shown_to"], &bound["leaks"][0]["met"]),
        (&json!(pair.seller.id), &json!("recipient"))
    );
    assert!(bound["text"].as_str().is_some_and(|text| text.contains("dapat voucher")), "{bound:#}");
    let id = bound["id"].as_str().expect("an id");
    let receipt = |id: &str| sink.to(buyer).into_iter().find(|mail| mail.body().contains(id));
    let told = sink.wait(Duration::from_secs(10), || receipt(id)).await;
    let told = told.unwrap_or_else(|| panic!("{:?}\n{}", sink.to(buyer).last().map(|mail| mail.text()), house.logs()));
    assert!(!told.body().contains("voucher"), "a receipt, and nothing of what was reported");
    assert!(receipt(unbound["id"].as_str().expect("an id")).is_none(), "what wrote by itself is told nothing");
    assert!(!sink.to(&pair.seller.email).iter().any(|mail| mail.body().contains(id)), "the seller hears of nothing");
}

/// Everything is in one chain, which anybody verifies without us.
async fn one_timeline(house: &House, conversation: &str, proof: u64) {
    let path = format!("/v1/conversations/{conversation}/evidence");
    let bundle = house.api().get(&path).await;
    assert_eq!(bundle.status, 200);
    let file = house.dir.path().join("story.zip");
    std::fs::write(&file, &bundle.body).expect("a file");
    let key = house.api().get("/v1/evidence-key").await.ok()["key"].as_str().expect("a key").to_owned();
    let checked = run_in(house.dir.path(), &["evidence", "verify", "story.zip", "--key", &key], None);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    house.run_ok(&["evidence", "export", "--case", "k-1", "-o", "case.zip", "--originals", "--marketplace", MARKET]);
    let checked = run_in(house.dir.path(), &["evidence", "verify", "case.zip", "--key", &key], None);
    assert!(checked.status.success() && String::from_utf8_lossy(&checked.stdout).contains("of the case k-1 alone"));
    let feed = house.api().get("/v1/events?limit=200").await.ok();
    let mine: Vec<&Value> = feed["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|event| event["conversation"] == conversation)
        .collect();
    let story = [
        "message.accepted",
        "case.opened",
        "case.offer",
        "support.delivered",
        "case.decided",
        "review.received",
        "message.refused",
        "report.received",
        "case.urgent",
        "contact.afraid",
    ];
    let mut at = 0;
    for step in story {
        at = mine[at..]
            .iter()
            .position(|event| event["type"] == step)
            .map(|n| at + n)
            .unwrap_or_else(|| panic!("{step} in its order: {mine:#?}"));
    }
    assert_eq!(mine[usize::try_from(proof).expect("small")]["type"], "support.delivered", "the proof is that entry");
}
