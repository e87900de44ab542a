//! A seller who strikes back, and a buyer who is afraid.

use std::time::Instant;

use super::*;

const LATER: StdDuration = StdDuration::from_secs(20);

impl House {
    /// What of one kind happened, once there are `wanted` of them; the house's rounds run meanwhile.
    async fn happened(&self, kind: &str, wanted: usize) -> Vec<Value> {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let rounds = tokio::spawn(Arc::clone(&self.relay).care(async move { drop(stopped.await) }));
        let patience = Instant::now() + LATER;
        let found = loop {
            let all = self.market("GET", "/v1/events?limit=200", Value::Null).await.body;
            let items = all["items"].as_array().unwrap();
            let found: Vec<Value> = items.iter().filter(|item| item["type"] == kind).cloned().collect();
            if found.len() >= wanted || Instant::now() > patience {
                break found;
            }
            tokio::time::sleep(StdDuration::from_millis(50)).await;
        };
        drop(stop);
        rounds.await.unwrap();
        found
    }
}

#[tokio::test]
async fn a_seller_who_was_silent_and_finds_words_in_the_second_of_the_stars_is_told_of_with_numbers() {
    let house = House::new().await;
    house.talk(json!({})).await;
    house.say("buyer", "Barang kurang dua, mohon dikirim.").await;
    house.pass_time(Duration::days(2));
    house.market("PUT", "/v1/reviews/r-1", json!({"conversation": "c-1", "rating": 1})).await;
    let scolded = house.say("seller", "Kenapa bintang satu?").await;
    assert_eq!(scolded.status, 429, "{}", scolded.body);
    let told = house.happened("contact.retaliation", 1).await;
    let numbers = json!({"rating": "1", "silence": "172800", "first": "0", "after": "1", "before": "0"});
    assert_eq!((told.len(), &told[0]["data"]), (1, &numbers));
    assert_eq!(told[0]["conversation"], "c-1");

    // It is told again when it has grown twice as bad, and not for each message.
    house.say("seller", "Jawab!").await;
    house.say("seller", "Halo?").await;
    let told = house.happened("contact.retaliation", 2).await;
    let after = told.last().unwrap()["data"]["after"].as_str().unwrap().to_owned();
    assert!(["2", "3"].contains(&after.as_str()), "{after}");
}

#[tokio::test]
async fn a_seller_who_answered_is_not_suspected_of_a_word_after_the_stars() {
    let house = House::new().await;
    house.talk(json!({})).await;
    house.say("buyer", "Barang kurang dua, mohon dikirim.").await;
    house.say("seller", "Maaf, dua lagi kami kirim hari ini.").await;
    house.pass_time(Duration::days(2));
    house.market("PUT", "/v1/reviews/r-1", json!({"conversation": "c-1", "rating": 1})).await;
    house.say("seller", "Maaf ya, apa yang kurang?").await;
    // The house's rounds have passed over it once something else that needs them was seen.
    let other = json!({"order": "o-1", "buyer": "b-1", "seller": "s-2"});
    house.market("PUT", "/v1/parties/s-2", json!({"role": "seller", "display_name": "Toko Mawar"})).await;
    assert_eq!(house.market("PUT", "/v1/conversations/c-2", other).await.status, 201);
    house.market("PUT", "/v1/reviews/r-2", json!({"conversation": "c-2", "rating": 1})).await;
    for _ in 0..3 {
        let body = json!({"from": "seller", "text": "Kenapa?"});
        house.market("POST", "/v1/conversations/c-2/messages", body).await;
    }
    let told = house.happened("contact.retaliation", 1).await;
    assert_eq!(told.iter().map(|event| &event["conversation"]).collect::<Vec<_>>(), ["c-2"]);
}

#[tokio::test]
async fn a_buyer_who_is_afraid_is_reached_by_nobody_of_the_shop_and_the_shop_is_not_told() {
    let house = House::new().await;
    let grouped = json!({"role": "seller", "display_name": "Toko Melati", "emails": [SELLER_MAIL], "group": "melati"});
    let before = house.talk(json!({"buyer": ["mail"]})).await;
    assert_eq!(house.market("PUT", "/v1/parties/s-1", grouped).await.status, 200);
    let twin = json!({"role": "seller", "display_name": "Toko Kenanga", "group": "melati"});
    assert_eq!(house.market("PUT", "/v1/parties/s-2", twin).await.status, 201);
    let second = json!({"order": "o-1", "buyer": "b-1", "seller": "s-2"});
    let second = house.market("PUT", "/v1/conversations/c-2", second).await;
    assert_eq!(second.status, 201, "{}", second.body);
    let sent = house.say("seller", "Kurir kami ambil paket besok").await;
    assert_eq!(sent.body["state"], "queued", "{}", sent.body);

    let carrier = house.token(TokenScope::Carrier { name: "jne".to_owned() }).await;
    let open = async |conversation: &Value| {
        let code = conversation["handles"]["buyer"]["address"].as_str().unwrap().to_owned();
        let body = json!({"shipment": "JNE1", "purpose": "pickup"});
        house.ask(&carrier, "POST", &format!("/v1/handles/{code}/redeem"), body).await.status
    };
    let (from, until) = (house.clock.now(), house.clock.now().plus(Duration::days(1)));
    let courier = json!({"conversation": "c-1", "carrier": "jne", "from": from.rfc3339(), "until": until.rfc3339()});
    assert_eq!(house.market("PUT", "/v1/pickups/p-1", courier).await.status, 201);
    assert_eq!(open(&before).await, 200);

    let done = house.market("POST", "/v1/conversations/c-1/afraid", json!({})).await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert_eq!(done.body, json!({"withheld": 1, "in_flight": 0, "conversations": 2}));

    let after = house.market("GET", "/v1/conversations/c-1", Value::Null).await.body;
    assert_ne!(after["handles"]["buyer"]["email"], before["handles"]["buyer"]["email"]);
    for codes in [&before, &after, &second.body] {
        assert_eq!(open(codes).await, 404, "nothing is fetched at the door");
    }
    for old in [&before, &second.body] {
        let handle = old["handles"]["buyer"]["email"].as_str().unwrap().split('@').next().unwrap();
        let state = house.market("GET", &format!("/v1/handles/{handle}"), Value::Null).await.body["state"].clone();
        assert_eq!(state, "retired", "without a grace");
    }
    // The shop, its twin, its agent: all hear what everybody hears who has written too often.
    let own = house.seller_token("s-1").await;
    let told =
        house.ask(&own, "POST", "/v1/conversations/c-1/messages", json!({"from": "seller", "text": "Halo?"})).await;
    assert_eq!((told.status, &told.body["code"]), (429, &json!("contact_limited")));
    let twin = json!({"from": "seller", "text": "Halo?"});
    assert_eq!(house.market("POST", "/v1/conversations/c-2/messages", twin).await.status, 429);
    for path in ["/v1/conversations/c-1", "/v1/conversations/c-1/messages"] {
        let seen = house.ask(&own, "GET", path, Value::Null).await.body.to_string();
        for word in ["afraid", "fear", "blocked", "withheld"] {
            assert!(!seen.contains(word), "{word}: {seen}");
        }
    }
    assert_eq!(house.ask(&own, "POST", "/v1/conversations/c-1/afraid", json!({})).await.status, 403);
    assert_eq!(house.happened("contact.afraid", 2).await.len(), 2, "in the evidence of both");

    // What is known of it is not erased meanwhile.
    let path = "/v1/parties/s-1";
    let asked = house.market("DELETE", path, Value::Null).await;
    assert!(asked.status < 300, "{}", asked.body);
    assert_eq!(house.market("GET", path, Value::Null).await.status, 200, "the erasure waits");

    // The buyer still can write, and alone can take it back.
    assert_eq!(house.say("buyer", "Saya minta bantuan").await.status, 201);
    let back = house.market("POST", "/v1/conversations/c-1/unblock", json!({"by": "buyer"})).await;
    assert_eq!(back.status, 200, "{}", back.body);
    assert_eq!(open(&back.body).await, 422, "who was announced before is not expected any more");
    let courier = json!({"conversation": "c-1", "carrier": "jne", "from": from.rfc3339(), "until": until.rfc3339()});
    assert_eq!(house.market("PUT", "/v1/pickups/p-2", courier).await.status, 201);
    assert_eq!(open(&back.body).await, 200);
    assert_eq!(house.say("seller", "Terima kasih").await.status, 201);
}
