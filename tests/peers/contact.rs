//! What a seller may send, when, and what a review changes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::house::{
    House, MARKET, Pair, Person, Plan, Side, mails,
    sink::{Mood, Sink},
    smtp::Reply,
};

async fn mail(house: &House, pair: &Pair, side: Side, text: &str) -> Reply {
    let way = pair.way(side);
    let letter = mails::plain(way.from, way.to, "About the order", text);
    house.smtp_tls().await.send(&way.from.email, way.to, &letter.raw).await.expect("a reply")
}

async fn passes(house: &House, pair: &Pair, side: Side, text: &str) {
    let reply = mail(house, pair, side, text).await;
    assert_eq!(reply.code, 250, "{side:?}, {text}: {reply:?}\n{}", house.logs());
}

async fn is_limited(house: &House, pair: &Pair, text: &str) -> Reply {
    let reply = mail(house, pair, Side::Seller, text).await;
    assert!(reply.is("550 5.7.1"), "{text}: {reply:?}\n{}", house.logs());
    reply
}

async fn review(house: &House, pair: &Pair, id: &str, rating: u8) -> Value {
    house.api().put(&format!("/v1/reviews/{id}"), &json!({"conversation": pair.id, "rating": rating})).await.ok()
}

async fn sleep(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

/// The first list in an answer.
pub fn list(answer: &Value) -> Vec<Value> {
    let fields = answer.as_object().map(|object| object.values().collect::<Vec<_>>()).unwrap_or_default();
    let list = answer.as_array().or_else(|| fields.into_iter().find_map(Value::as_array));
    list.unwrap_or_else(|| panic!("no list in {answer}")).clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_holds_over_a_restart_and_ends_with_its_window() {
    let sink = Sink::start(None).await;
    let plan = Plan::new().route(sink.at).with("[contact]\nunanswered = 100\nrate = { burst = 2, per = \"7s\" }");
    let mut house = plan.start().await;
    let pair = house.pair("rate").await;
    let first = Instant::now();
    passes(&house, &pair, Side::Seller, "The first.").await;
    sleep(1.0).await;
    passes(&house, &pair, Side::Seller, "The second.").await;
    is_limited(&house, &pair, "The third.").await;
    house.restart().await;
    assert!(first.elapsed() < Duration::from_secs(6), "the restart took too long for this test");
    is_limited(&house, &pair, "The third after a restart.").await;
    sleep(7.2 - first.elapsed().as_secs_f64()).await;
    passes(&house, &pair, Side::Seller, "The window of the first is over.").await;
    is_limited(&house, &pair, "At most two in any window.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unanswered_messages_stop_until_the_buyer_answers() {
    let sink = Sink::start(None).await;
    let plan = Plan::new().route(sink.at).with("[contact]\nunanswered = 2");
    let mut house = plan.start().await;
    let pair = house.pair("quiet").await;
    passes(&house, &pair, Side::Seller, "The first question.").await;
    passes(&house, &pair, Side::Seller, "The second question.").await;
    is_limited(&house, &pair, "The third question.").await;
    house.restart().await;
    is_limited(&house, &pair, "The third question again.").await;
    passes(&house, &pair, Side::Buyer, "Here is an answer.").await;
    passes(&house, &pair, Side::Seller, "Thank you.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_review_the_seller_waits_and_then_has_one_message() {
    let sink = Sink::start(None).await;
    let plan = Plan::new().route(sink.at).with(
        "[contact.after_review]\ncool_down = \"5s\"\nwindow = \"1h\"\nlow = { burst = 1, per = \"30m\" }\n\
         high = { burst = 2, per = \"30m\" }",
    );
    let mut house = plan.start().await;
    let pair = house.pair("gate").await;
    passes(&house, &pair, Side::Seller, "Before the review.").await;
    let reviewed = Instant::now();
    let answer = review(&house, &pair, "r1", 1).await;
    assert!(
        answer["reviewer"].is_string() && answer["withheld"].is_number() && answer["in_flight"].is_number(),
        "{answer}"
    );
    is_limited(&house, &pair, "Why this review?").await;
    house.restart().await;
    is_limited(&house, &pair, "Why this review, after a restart?").await;
    sleep(5.2 - reviewed.elapsed().as_secs_f64()).await;
    passes(&house, &pair, Side::Seller, "The one that low leaves.").await;
    is_limited(&house, &pair, "A second one.").await;
    // A raised rating, or the review's end, loosens nothing.
    review(&house, &pair, "r1", 5).await;
    sleep(5.2).await;
    is_limited(&house, &pair, "After a raised rating.").await;
    house.api().delete("/v1/reviews/r1").await;
    is_limited(&house, &pair, "After the review was withdrawn.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyers_message_after_the_review_opens_a_reply() {
    let sink = Sink::start(None).await;
    let plan = Plan::new()
        .route(sink.at)
        .with("[contact.after_review]\ncool_down = \"1h\"\nwindow = \"2h\"\nreply = { messages = 2, within = \"6s\" }");
    let mut house = plan.start().await;
    let pair = house.pair("reply").await;
    passes(&house, &pair, Side::Buyer, "Before the review this opens nothing later.").await;
    review(&house, &pair, "r1", 2).await;
    is_limited(&house, &pair, "An answer to the earlier message.").await;
    passes(&house, &pair, Side::Buyer, "Now I do have a question.").await;
    let opened = Instant::now();
    passes(&house, &pair, Side::Seller, "The first answer.").await;
    house.restart().await;
    passes(&house, &pair, Side::Seller, "The second answer.").await;
    is_limited(&house, &pair, "The third answer.").await;
    passes(&house, &pair, Side::Buyer, "One more question.").await;
    assert!(opened.elapsed() < Duration::from_secs(60));
    sleep(6.2).await;
    is_limited(&house, &pair, "Too late for an answer.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_accepted_before_a_review_and_not_yet_delivered_is_withheld() {
    let sink = Sink::start(None).await;
    let mut house = Plan::new().route(sink.at).start().await;
    let pair = house.pair("barrier").await;
    let other = house.pair("bystander").await;
    sink.mood(Mood::AfterData("451 4.3.0 not now"));
    passes(&house, &pair, Side::Seller, "Is the scarf as you hoped?").await;
    passes(&house, &other, Side::Seller, "Another buyer's mail.").await;
    sink.wait(Duration::from_secs(5), || (sink.tried() >= 2).then_some(())).await.expect("attempts");
    let answer = review(&house, &pair, "r1", 1).await;
    assert_eq!((answer["withheld"].as_u64().unwrap_or(0)) + answer["in_flight"].as_u64().unwrap_or(0), 1, "{answer}");
    sink.mood(Mood::Take);
    sink.nth(&other.buyer.email, 1).await;
    house.restart().await;
    sleep(4.0).await;
    assert_eq!(sink.to(&pair.buyer.email).len(), 0, "withheld for good");
    let seen = house.api().get(&format!("/v1/conversations/{}/messages?as=seller", pair.id)).await.ok();
    assert_eq!(list(&seen)[0]["state"], "withheld", "{seen}");
    let seen = house.api().get(&format!("/v1/conversations/{}/messages?as=buyer", pair.id)).await.ok();
    assert!(list(&seen).is_empty(), "the buyer sees nothing of it: {seen}");
    // The lane is open for what is allowed.
    passes(&house, &pair, Side::Buyer, "I have a question after all.").await;
    sink.nth(&pair.seller.email, 1).await;
    passes(&house, &pair, Side::Seller, "An answer in the opened reply.").await;
    let mail = sink.nth(&pair.buyer.email, 1).await;
    assert!(mail.body().contains("An answer in the opened reply."), "{}", mail.body());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_buyer_is_never_limited() {
    let sink = Sink::start(None).await;
    let plan = Plan::new().route(sink.at).with("[contact]\nunanswered = 1\nrate = { burst = 1, per = \"1h\" }");
    let house = plan.start().await;
    let pair = house.pair("free").await;
    review(&house, &pair, "r1", 1).await;
    for n in 0..12 {
        passes(&house, &pair, Side::Buyer, &format!("Message {n} of an upset buyer.")).await;
    }
    let path = format!("/v1/conversations/{}/messages", pair.id);
    for n in 0..5 {
        let answer = house.api().post(&path, &json!({"from": "buyer", "text": format!("In the chat {n}.")})).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    sink.nth(&pair.seller.email, 17).await;
}

/// A pair whose seller has just used up a budget of one.
async fn used_up(tag: &str) -> (House, Sink, Pair) {
    let sink = Sink::start(None).await;
    let plan = Plan::new().route(sink.at).with("[contact]\nunanswered = 100\nrate = { burst = 1, per = \"1h\" }");
    let house = plan.start().await;
    let pair = house.pair(tag).await;
    passes(&house, &pair, Side::Seller, "The only one.").await;
    is_limited(&house, &pair, "By the same way.").await;
    (house, sink, pair)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_conversation_order_channel_or_agent_is_no_way_around() {
    let (house, sink, pair) = used_up("evade").await;
    let api = house.api();
    let second = house.converse("conv-evade-2", None, pair.buyer.clone(), pair.seller.clone()).await;
    is_limited(&house, &second, "In a second conversation.").await;
    api.put("/v1/orders/order-evade-3", &json!({"state": "placed", "fulfilment": "seller", "items": []})).await.ok();
    let third = house.converse("conv-evade-3", Some("order-evade-3"), pair.buyer.clone(), pair.seller.clone()).await;
    is_limited(&house, &third, "For another order.").await;
    let agent_mail = "ania@sklep-evade.example";
    api.put(&format!("/v1/parties/{}/agents/ania", pair.seller.id), &json!({"emails": [agent_mail]})).await.ok();
    for conversation in [&pair.id, &second.id, &third.id] {
        let path = format!("/v1/conversations/{conversation}/messages");
        let answer = api.post(&path, &json!({"from": "seller", "text": "In the app."})).await;
        answer.problem(429, "contact_limited");
        assert!(answer.headers.get("retry-after").is_none(), "{:?}", answer.headers);
        let answer = api.post(&path, &json!({"from": "seller", "agent": "ania", "text": "By an agent."})).await;
        assert_eq!(answer.status, 429, "{}", answer.text());
    }
    let ania = Person::new("ania", "Ania Nowak", agent_mail);
    let letter = mails::plain(&ania, &pair.buyer_handle, "Hi", "From my own mailbox.");
    let reply = house.smtp_tls().await.send(agent_mail, &pair.buyer_handle, &letter.raw).await.expect("a reply");
    assert!(reply.is("550 5.7.1"), "{reply:?}");
    assert_eq!(sink.to(&pair.buyer.email).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sellers_of_one_group_share_a_budget_and_strangers_do_not() {
    let sink = Sink::start(None).await;
    let plan = Plan::new().route(sink.at).with("[contact]\nunanswered = 100\nrate = { burst = 1, per = \"1h\" }");
    let house = plan.start().await;
    let api = house.api();
    let buyer = Person::new("b", "Ratna Kusuma", "ratna@rumah.example");
    buyer.enroll(&api, "buyer").await;
    let mut pairs = Vec::new();
    for (n, group) in [(1, Some("gmbh")), (2, Some("gmbh")), (3, None)] {
        let seller = Person::new(&format!("s{n}"), "Zenon Gawel", &format!("shop{n}@sklep{n}.example"));
        let mut body = json!({"names": [seller.name], "emails": [seller.email], "role": "seller"});
        if let Some(group) = group {
            body["group"] = json!(group);
        }
        api.put(&format!("/v1/parties/s{n}"), &body).await.ok();
        pairs.push(house.converse(&format!("c{n}"), None, buyer.clone(), seller).await);
    }
    passes(&house, &pairs[0], Side::Seller, "From the first shop.").await;
    is_limited(&house, &pairs[1], "From the sister shop.").await;
    passes(&house, &pairs[2], Side::Seller, "From somebody else.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_never_tells_its_rule() {
    let sink = Sink::start(None).await;
    let plan = Plan::new().route(sink.at).with(
        "[contact]\nunanswered = 1\nrate = { burst = 100, per = \"1h\" }\n[marketplaces.bazaar.contact]\nunanswered = 1",
    );
    let house = plan.start().await;
    let (quiet, reviewed, blocked) = (house.pair("q").await, house.pair("r").await, house.pair("b").await);
    passes(&house, &quiet, Side::Seller, "One.").await;
    review(&house, &reviewed, "r1", 1).await;
    house.api().post(&format!("/v1/conversations/{}/block", blocked.id), &json!({"by": "buyer"})).await.ok();
    let mut texts = Vec::new();
    let mut problems = Vec::new();
    for (pair, why) in [(&quiet, "unanswered"), (&reviewed, "cool_down"), (&blocked, "blocked")] {
        texts.push(is_limited(&house, pair, "Again.").await.text);
        let path = format!("/v1/conversations/{}/messages", pair.id);
        let answer = house.api().post(&path, &json!({"from": "seller", "text": "Again."})).await;
        let mut problem = answer.problem(429, "contact_limited");
        assert!(problem["reasons"].to_string().contains(why), "for the marketplace: {problem}");
        for own in ["reasons", "instance", "contact", "id"] {
            problem.as_object_mut().expect("an object").remove(own);
        }
        problems.push(problem);
    }
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    assert!(problems.iter().all(|problem| *problem == problems[0]), "{problems:?}");
    // Once more as the seller: nothing more is said.
    let seller = house.run(&[
        "token",
        "add",
        "--marketplace",
        MARKET,
        "--scope",
        "seller",
        "--party",
        &quiet.seller.id,
        "--agent",
        "ania",
    ]);
    assert!(seller.status.success(), "{}", String::from_utf8_lossy(&seller.stderr));
    let token = String::from_utf8_lossy(&seller.stdout).trim().to_owned();
    let path = format!("/v1/conversations/{}/messages", quiet.id);
    let answer = house.api_as(&token).post(&path, &json!({"from": "seller", "text": "Again."})).await;
    assert!(answer.problem(429, "contact_limited").get("reasons").is_none(), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unblock_opens_what_a_block_closed() {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).start().await;
    let pair = house.pair("block").await;
    house.api().post(&format!("/v1/conversations/{}/block", pair.id), &json!({"by": "buyer"})).await.ok();
    is_limited(&house, &pair, "Hello?").await;
    house.api().post(&format!("/v1/conversations/{}/unblock", pair.id), &json!({"by": "buyer"})).await.ok();
    passes(&house, &pair, Side::Seller, "Hello again.").await;
    sink.nth(&pair.buyer.email, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_content_policy_refuses_reaches_nobody() {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).start().await;
    let pair = house.pair("bribe").await;
    let bribe = "I will give you a refund of 5 euro if you change your review to five stars.";
    let reply = mail(&house, &pair, Side::Seller, bribe).await;
    assert!(reply.is("550 5.7.1"), "{reply:?}");
    let path = format!("/v1/conversations/{}/messages", pair.id);
    let answer = house.api().post(&path, &json!({"from": "seller", "text": bribe})).await;
    answer.problem(422, "content_refused");
    // From a buyer a signal changes no verdict.
    passes(&house, &pair, Side::Buyer, "Give me a refund or I write a bad review, one star!").await;
    assert!(sink.to(&pair.buyer.email).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_message_waits_and_passes_when_a_person_lets_it() {
    let sink = Sink::start(None).await;
    let house = house_that_holds(&sink).await;
    let (pair, other) = (house.pair("held").await, house.pair("held-too").await);
    let api = house.api();
    let held = a_held_message(&house, &pair).await;
    let refused = a_held_message(&house, &other).await;
    sleep(1.0).await;
    assert_eq!(sink.count(), 0, "held means not sent");
    let waiting = list(&api.get("/v1/held").await.ok());
    assert_eq!(waiting.len(), 2, "{waiting:?}");
    assert!(waiting.iter().all(|one| one["position"].is_number()), "{waiting:?}");
    let after = list(&api.get("/v1/held?limit=1").await.ok());
    assert_eq!((after.len(), &after[0]["id"]), (1, &json!(held)), "in order");
    let support = house.api_as(&house.add_token("support", &[]));
    let release = json!({"decision": "release", "reason": "harmless", "actor": "mira"});
    support.post(&format!("/v1/messages/{held}/decision"), &release).await.ok();
    let refuse = json!({"decision": "refuse", "reason": "rude", "actor": "mira"});
    support.post(&format!("/v1/messages/{refused}/decision"), &refuse).await.ok();
    sink.nth(&pair.buyer.email, 1).await;
    sleep(1.0).await;
    assert!(sink.to(&other.buyer.email).is_empty());
    assert!(list(&api.get("/v1/held").await.ok()).is_empty());
    let seen = list(&api.get(&format!("/v1/conversations/{}/messages?as=seller", other.id)).await.ok());
    assert_eq!(seen[0]["state"], "refused", "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_message_passes_the_judgement_of_delivery_again() {
    let sink = Sink::start(None).await;
    let house = house_that_holds(&sink).await;
    let pair = house.pair("held-review").await;
    let held = a_held_message(&house, &pair).await;
    review(&house, &pair, "r1", 1).await;
    let release = json!({"decision": "release", "reason": "harmless", "actor": "mira"});
    house.api().post(&format!("/v1/messages/{held}/decision"), &release).await;
    sleep(2.0).await;
    assert!(sink.to(&pair.buyer.email).is_empty(), "the review came between");
}

/// A house where an offer for a review waits for a person.
async fn house_that_holds(sink: &Sink) -> House {
    let content = "[content]\nrefuse = [\"threat\"]\nhold = { signals = [\"review_incentive\"], max = \"24h\", then = \"refuse\" }";
    Plan::new().route(sink.at).with(content).start().await
}

/// Sends, as the seller, a text that a person must look at; gives the message's id.
async fn a_held_message(house: &House, pair: &Pair) -> String {
    let path = format!("/v1/conversations/{}/messages", pair.id);
    let text = "I will give you a refund of 5 euro if you change your review to five stars.";
    let body = json!({"from": "seller", "text": text});
    let tried = house.api().post(&format!("{path}?dry_run=true"), &body).await;
    assert_eq!(tried.json()["verdict"], "hold", "{}", tried.text());
    let answer = house.api().post(&path, &body).await.ok();
    assert_eq!(answer["state"], "held", "{answer}");
    answer["id"].as_str().expect("an id").to_owned()
}
