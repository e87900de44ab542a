//! What a review, a case, a stop and a template leave a seller, as programs outside see it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    contact::list,
    house::{House, Pair, Plan, eventually, mails, sink::Sink},
};

async fn house(contact: &str) -> (House, Sink, Pair) {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).with(contact).start().await;
    let pair = house.pair("gate").await;
    (house, sink, pair)
}

fn messages(pair: &Pair) -> String {
    format!("/v1/conversations/{}/messages", pair.id)
}

async fn contact(house: &House, pair: &Pair) -> Value {
    house.api().get(&format!("/v1/conversations/{}", pair.id)).await.ok()["contact"].clone()
}

/// Waits until a message has been delivered and the house knows it.
async fn delivered(house: &House, message: &Value) {
    let path = format!("/v1/messages/{}", message["id"].as_str().expect("an id"));
    eventually(Duration::from_secs(15), "a delivery", async || {
        (house.api().get(&path).await.ok()["state"] == "delivered").then_some(())
    })
    .await;
}

/// Everything that happened, of one type.
async fn events(house: &House, kind: &str) -> Vec<Value> {
    let all = list(&house.api().get("/v1/events?limit=200").await.ok());
    all.into_iter().filter(|event| event["type"] == kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_review_templates_are_left_and_the_conversation_says_so() {
    let (house, _sink, pair) = house(
        "[contact.after_review]\ncool_down = \"1ms\"\nlow = { burst = 1, per = \"7d\" }\n\
             [contact.phases]\nreviewed_low = \"templates\"",
    )
    .await;
    let api = house.api();
    assert_eq!(contact(&house, &pair).await["stage"], "before_shipping");
    api.put("/v1/reviews/r1", &json!({"conversation": pair.id, "rating": 1})).await.ok();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let told = contact(&house, &pair).await;
    assert_eq!(told["stage"], "reviewed", "{told}");
    let seller = json!({"phase": "limited", "because": "template_only", "left": 1, "templates": true});
    assert_eq!(told["seller"], seller, "{told}");
    let token = house.add_token("seller", &["--party", &pair.seller.id, "--agent", "ania"]);
    let own = house.api_as(&token).get(&format!("/v1/conversations/{}", pair.id)).await.ok();
    assert!(own["contact"].get("stage").is_none() && own["contact"]["seller"].get("templates").is_none(), "{own}");
    // Words are refused on both channels, whatever they say they are for.
    for purpose in ["refund", "shipping", "feedback", "other"] {
        let words = json!({"from": "seller", "text": "About your order.", "purpose": purpose});
        api.post(&messages(&pair), &words).await.problem(429, "contact_limited");
    }
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Hi", "About your order.");
    let reply =
        house.smtp_tls().await.send(&pair.seller.email, &pair.buyer_handle, &letter.raw).await.expect("a reply");
    assert_eq!(reply.code, 550, "{reply:?}");
    let refund = json!({"from": "seller", "template": {"id": "refund",
        "params": {"amount": "12.50", "currency": "PLN", "days": 7}}});
    let tried = api.post(&format!("{}?dry_run=true", messages(&pair)), &refund).await;
    assert_eq!(tried.status, 201, "{}", tried.text());
    let taken = api.post(&messages(&pair), &refund).await.ok();
    let words = taken["delivered"]["text"].as_str().expect("a text");
    assert!(words.contains("12.50 PLN"), "{words}");
    assert!(taken["findings"].as_array().is_some_and(Vec::is_empty), "{taken}");
    assert_eq!(taken["contact"]["seller"]["left"], 0, "{taken}");
    let problem = api.post(&messages(&pair), &refund).await.problem(429, "contact_limited");
    assert!(problem["reasons"].to_string().contains("review_budget"), "{problem}");
    delivered(&house, &taken).await;
    let shown = list(&api.get(&format!("{}?as=buyer", messages(&pair))).await.ok());
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert!(events(&house, "message.accepted").await.iter().any(|event| event["data"]["template"] == "refund"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_takes_what_its_places_take_and_nothing_else() {
    let (house, _sink, pair) = house("").await;
    let api = house.api();
    let template = |id: &str, params: Value| json!({"from": "seller", "template": {"id": id, "params": params}});
    let wrong = [
        (template("poem", json!({})), "template.id"),
        (template("apology", json!({})), "template.params.about"),
        (template("apology", json!({"about": "call 0812-3456-7890"})), "template.params.about"),
        (template("apology", json!({"about": ["late"]})), "template.params.about"),
        (template("feedback", json!({"text": "Five stars, please"})), "template.params.text"),
        (template("refund", json!({"amount": -1, "currency": "PLN", "days": 7})), "template.params.amount"),
        (json!({"from": "buyer", "template": {"id": "apology", "params": {"about": "late"}}}), "template"),
        (
            json!({"from": "seller", "text": "Hi", "template": {"id": "apology", "params": {"about": "late"}}}),
            "template",
        ),
    ];
    for (body, field) in wrong {
        let problem = api.post(&messages(&pair), &body).await.problem(400, "invalid");
        assert!(problem.to_string().contains(field), "{body}: {problem}");
        assert!(!problem.to_string().contains("0812"), "{problem}");
    }
    for (id, params) in [
        ("answer", json!({"about": "size"})),
        ("apology", json!({"about": "late"})),
        ("shipping", json!({"date": "2026-11-22", "status": "shipped"})),
    ] {
        let answer = api.post(&messages(&pair), &template(id, params)).await;
        assert_eq!(answer.status, 201, "{id}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_stop_is_left_alone_on_every_channel_until_they_write_again() {
    let (house, sink, pair) = house("").await;
    let api = house.api();
    let say = |text: &'static str| json!({"from": "buyer", "text": text});
    api.post(&messages(&pair), &say("Stop messaging me. Do not contact me again.")).await.ok();
    let told = contact(&house, &pair).await;
    assert_eq!((&told["stage"], &told["seller"]["phase"]), (&json!("stopped"), &json!("blocked")), "{told}");
    assert_eq!(told["buyer"]["phase"], "open", "{told}");
    let words = json!({"from": "seller", "text": "But why?"});
    let problem = api.post(&messages(&pair), &words).await.problem(429, "contact_limited");
    assert!(problem["reasons"].to_string().contains("stopped"), "{problem}");
    let handle = &pair.buyer_handle;
    let letter = mails::plain(&pair.seller, handle, "Hi", "But why?");
    let reply = house.smtp_tls().await.send(&pair.seller.email, handle, &letter.raw).await.expect("a reply");
    assert_eq!(reply.code, 550, "{reply:?}");
    assert_eq!(events(&house, "contact.stopped").await.len(), 1);
    api.post(&messages(&pair), &say("Where is my parcel, by the way?")).await.ok();
    api.post(&messages(&pair), &json!({"from": "seller", "text": "It arrives on Friday."})).await.ok();
    let arrived = sink.nth(&pair.buyer.email, 1).await;
    assert!(String::from_utf8_lossy(&arrived.raw).contains("Friday"), "nothing came before the answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn feedback_is_asked_for_once_an_order_whatever_way_it_is_asked() {
    let (house, _sink, pair) = house("").await;
    let api = house.api();
    let facts = json!({"state": "delivered", "fulfilment": "seller", "items": []});
    for order in ["order-f1", "order-f2"] {
        api.put(&format!("/v1/orders/{order}"), &facts).await.ok();
    }
    let first = house.converse("conv-f1", Some("order-f1"), pair.buyer.clone(), pair.seller.clone()).await;
    let second = house.converse("conv-f2", Some("order-f2"), pair.buyer.clone(), pair.seller.clone()).await;
    let words = json!({"from": "seller", "text": "How do you like the lamp?", "purpose": "feedback"});
    let template = json!({"from": "seller", "template": {"id": "feedback"}});
    api.post(&messages(&first), &words).await.ok();
    for again in [&words, &template] {
        let problem = api.post(&messages(&first), again).await.problem(429, "contact_limited");
        assert!(problem["reasons"].to_string().contains("feedback"), "{problem}");
    }
    api.post(&messages(&second), &template).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_or_changed_review_tells_what_came_between() {
    let (house, _sink, pair) = house("[contact.after_review]\ncool_down = \"1ms\"").await;
    let api = house.api();
    let written = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(3600);
    let slipped = api.post(&messages(&pair), &json!({"from": "seller", "text": "Please think again."})).await.ok();
    delivered(&house, &slipped).await;
    let review = |rating: u8| json!({"conversation": pair.id, "rating": rating, "at": written.to_string()});
    api.put("/v1/reviews/r1", &review(1)).await.ok();
    let told = events(&house, "review.slipped").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["data"]["messages"], slipped["id"], "{told:?}");
    tokio::time::sleep(Duration::from_millis(50)).await;
    let sorry = json!({"from": "seller", "template": {"id": "apology", "params": {"about": "late"}}});
    let between = api.post(&messages(&pair), &sorry).await.ok();
    delivered(&house, &between).await;
    api.put("/v1/reviews/r1", &review(5)).await.ok();
    let told = events(&house, "review.changed_after_contact").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["data"]["messages"], between["id"], "{told:?}");
    api.delete("/v1/reviews/r1").await;
    assert_eq!(events(&house, "review.changed_after_contact").await.len(), 2, "a withdrawal is a change too");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_new_handle_after_a_review_opens_no_more_than_the_old_one() {
    let (house, sink, pair) = house("").await;
    let api = house.api();
    api.put("/v1/reviews/r1", &json!({"conversation": pair.id, "rating": 2})).await.ok();
    let now = api.get(&format!("/v1/conversations/{}", pair.id)).await.ok();
    let fresh = now["handles"]["buyer"]["email"].as_str().expect("a handle").to_owned();
    assert_ne!(fresh, pair.buyer_handle);
    for handle in [&fresh, &pair.buyer_handle] {
        let letter = mails::plain(&pair.seller, handle, "Hi", "About your review.");
        let reply = house.smtp_tls().await.send(&pair.seller.email, handle, &letter.raw).await.expect("a reply");
        assert!(reply.is("550 5.7.1"), "{reply:?}");
    }
    assert!(sink.to(&pair.buyer.email).is_empty());
}
