//! Violations, sanctions, appeals, tickets and standing, as programs outside see them.

use super::*;

const THREAT: &str = "Watch your back, this is not over.";
const SPAM: &str = "You have won our prize draw, passive income for everyone, ask me.";
const ABUSE: &str = "You pathetic fool.";

/// A house with the rules as they come, a talk `c-1` by API, and the token of its seller.
async fn open() -> (House, String) {
    let mut rules = MarketRules::default();
    rules.enforcement.apply = true;
    let house = House::with(rules).await;
    house.talk(json!({"buyer": ["api"], "seller": ["api"]})).await;
    let seller = house.seller_token("s-1").await;
    (house, seller)
}

async fn violations(house: &House) -> Vec<Value> {
    let told = house.market("GET", "/v1/violations", Value::Null).await;
    assert_eq!(told.status, 200, "{}", told.body);
    told.body["items"].as_array().unwrap().clone()
}

async fn standing(house: &House, party: &str) -> Value {
    let told = house.market("GET", &format!("/v1/parties/{party}/standing"), Value::Null).await;
    assert_eq!(told.status, 200, "{}", told.body);
    told.body
}

async fn events(house: &House) -> Vec<Value> {
    let told = house.market("GET", "/v1/events?limit=200", Value::Null).await;
    told.body["items"].as_array().unwrap().clone()
}

async fn kinds(house: &House) -> Vec<String> {
    events(house).await.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

async fn appeal(house: &House, token: &str, violation: &Value) -> Told {
    let path = format!("/v1/violations/{}/appeal", violation["id"].as_str().unwrap());
    house.ask(token, "POST", &path, json!({"text": "It was a line of a song."})).await
}

async fn decide(house: &House, appeal: &Value, decision: &str, actor: &str) -> Told {
    let path = format!("/v1/appeals/{}/decision", appeal["id"].as_str().unwrap());
    house
        .market("POST", &path, json!({"decision": decision, "reason": "Looked at the whole talk.", "actor": actor}))
        .await
}

#[tokio::test]
async fn a_threat_is_a_violation_with_its_reasons_and_costs_the_seller_its_own_words() {
    let (house, seller) = open().await;
    let refused = house.say("seller", &format!("Zażółć, dear buyer. {THREAT} Greetings!")).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    let told = &violations(&house).await[0];
    assert_eq!((&told["breach"], &told["state"], &told["points"]), (&json!("threat"), &json!("counted"), &json!(8)));
    assert_eq!((&told["party"], &told["side"]), (&json!("s-1"), &json!("seller")));
    let reason = &told["reason"];
    assert_eq!((&reason["text"], &reason["automated"]), (&json!(THREAT), &json!(true)), "the sentence, not the letter");
    assert_eq!((&reason["start"], &reason["end"]), (&json!(20), &json!(20 + THREAT.len())));
    assert!(reason["explanation"].is_string(), "{reason}");
    let until = Timestamp(house.clock.now().0 + Duration::days(180).0).rfc3339();
    assert_eq!((&reason["appeal"]["until"], &reason["appeal"]["left"]), (&json!(until), &json!(2)));
    assert_eq!(told["consequences"][0]["measure"], "template_only");

    let now = standing(&house, "s-1").await;
    assert_eq!((&now["seller"]["points"], &now["limits"][0]["kind"]), (&json!(8), &json!("template_only")));
    assert_eq!(now["limits"][0]["cause"], format!("violation:{}", told["id"].as_str().unwrap()));
    assert_eq!(house.say("seller", "Your parcel was sent today.").await.status, 429);
    assert_eq!(house.say("buyer", "Where is my parcel?").await.status, 201, "a buyer is never limited by it");
    house.pass_time(Duration::days(14));
    assert_eq!(house.say("seller", "Your parcel was sent today.").await.status, 201, "it ends by itself");

    let kinds = kinds(&house).await;
    assert!(
        kinds.iter().any(|kind| kind == "violation.recorded") && kinds.iter().any(|kind| kind == "sanction.imposed")
    );
    let told = String::from_utf8(house.market("GET", "/v1/events", Value::Null).await.text).unwrap();
    assert!(!told.contains("back"), "an event names no words: {told}");
    let own = house.ask(&seller, "GET", "/v1/violations", Value::Null).await;
    assert_eq!(own.body["items"].as_array().unwrap().len(), 1, "{}", own.body);
}

#[tokio::test]
async fn a_seller_is_told_of_its_own_violations_and_standing_alone() {
    let (house, seller) = open().await;
    house.say("seller", THREAT).await;
    let id = violations(&house).await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(house.market("PUT", "/v1/parties/s-2", json!({"role": "seller"})).await.status, 201);
    let other = house.seller_token("s-2").await;
    let show = format!("/v1/violations/{id}");
    assert_eq!(house.ask(&seller, "GET", &show, Value::Null).await.status, 200);
    assert_eq!(house.ask(&other, "GET", &show, Value::Null).await.status, 404);
    assert_eq!(house.ask(&other, "POST", &format!("{show}/appeal"), json!({"text": "x"})).await.status, 404);
    assert_eq!(house.ask(&other, "GET", "/v1/violations", Value::Null).await.body["items"], json!([]));
    assert_eq!(house.ask(&other, "GET", "/v1/violations?party=s-1", Value::Null).await.status, 403);
    assert_eq!(house.ask(&other, "GET", "/v1/parties/s-1/standing", Value::Null).await.status, 404);
    assert_eq!(house.ask(&other, "PUT", "/v1/parties/s-1/closing", json!({"closed": []})).await.status, 404);
    let own = house.ask(&seller, "GET", "/v1/parties/s-1/standing", Value::Null).await;
    assert_eq!((own.status, own.body["buyer"].is_null()), (200, true), "{}", own.body);
    let said = String::from_utf8(own.text).unwrap();
    assert!(!said.contains("b-1") && !said.contains("Rina"), "{said}");
    assert_eq!(house.ask(&seller, "POST", "/v1/appeals/x/decision", json!({})).await.status, 403);
    assert_eq!(house.ask(&seller, "GET", "/v1/parties/b-1/standing", Value::Null).await.status, 404);
}

#[tokio::test]
async fn the_first_contact_that_slips_in_is_forgiven_and_what_only_the_vault_knows_is_no_offence() {
    let (house, _) = open().await;
    let guarded = house.say("seller", "Good morning Rina Kartika, thank you.").await;
    assert_eq!(guarded.body["verdict"], "redact", "{}", guarded.body);
    assert_eq!(violations(&house).await.len(), 0, "else it would tell whose name that is");
    let cut = house.say("seller", "Questions: toko.melati@kantor.example").await;
    assert_eq!(cut.body["verdict"], "redact", "{}", cut.body);
    let told = &violations(&house).await[0];
    assert_eq!((&told["breach"], &told["forgiven"]), (&json!("contact_details"), &json!("graced")));
    assert_eq!(
        (&told["reason"]["rule"], &told["reason"]["text"]),
        (&json!("email"), &json!("toko.melati@kantor.example"))
    );
    assert_eq!(standing(&house, "s-1").await["seller"]["points"], 0);
    house.pass_time(Duration::days(1));
    house.say("buyer", "Thanks.").await;
    house.say("seller", "Questions: toko.melati@kantor.example").await;
    let now = standing(&house, "s-1").await;
    assert_eq!((&now["seller"]["points"], &now["seller"]["sanctions"][0]["measure"]), (&json!(1), &json!("warning")));
}

#[tokio::test]
async fn an_upheld_appeal_leaves_the_standing_as_if_the_message_had_never_been() {
    let (house, seller) = open().await;
    let mut rules = MarketRules::default();
    rules.content.refuse.push(SignalKind::Spam);
    house.say("seller", SPAM).await;
    house.pass_time(Duration::days(1));
    let before = standing(&house, "s-1").await;
    assert_eq!(before["seller"]["points"], 2, "{before}");
    house.say("seller", THREAT).await;
    assert_eq!(standing(&house, "s-1").await["seller"]["points"], 10);
    assert_eq!(house.say("seller", "Hello").await.status, 429);

    let threat = violations(&house).await.into_iter().find(|one| one["breach"] == "threat").unwrap();
    let filed = appeal(&house, &seller, &threat).await;
    assert_eq!((filed.status, &filed.body["n"], &filed.body["state"]), (201, &json!(1), &json!("open")));
    let decided = decide(&house, &filed.body, "upheld", "budi").await;
    assert_eq!((decided.status, &decided.body["state"]), (200, &json!("upheld")), "{}", decided.body);

    let after = standing(&house, "s-1").await;
    assert_eq!(after, before);
    assert_eq!(house.say("seller", "Hello").await.status, 201, "the limit is lifted at once");
    let told =
        house.ask(&seller, "GET", &format!("/v1/violations/{}", threat["id"].as_str().unwrap()), Value::Null).await;
    assert_eq!((&told.body["state"], &told.body["points"]), (&json!("reversed"), &json!(0)));
    assert!(told.body["consequences"][0]["lifted_at"].is_string(), "{}", told.body);
    assert!(told.body["appeals"][0]["actor"].is_null(), "who decided is not told to a seller");
    let kinds = kinds(&house).await;
    for kind in ["appeal.filed", "appeal.decided", "violation.reversed", "sanction.lifted"] {
        assert!(kinds.iter().any(|one| one == kind), "{kind}: {kinds:?}");
    }
}

#[tokio::test]
async fn an_appeal_is_in_time_decided_by_another_person_and_filed_twice_at_most() {
    let (house, seller) = open().await;
    house.say("seller", THREAT).await;
    let threat = &violations(&house).await[0];
    let first = appeal(&house, &seller, threat).await;
    assert_eq!(first.status, 201, "{}", first.body);
    assert_eq!(appeal(&house, &seller, threat).await.status, 422, "one is open");
    assert_eq!(decide(&house, &first.body, "dismissed", "Ana").await.status, 200);
    assert_eq!(decide(&house, &first.body, "upheld", "budi").await.status, 422, "it was decided");
    assert_eq!(standing(&house, "s-1").await["seller"]["points"], 8);

    let second = appeal(&house, &seller, threat).await;
    assert_eq!((second.status, &second.body["n"]), (201, &json!(2)), "{}", second.body);
    for same in ["Ana", " ana", "ANA "] {
        let refused = decide(&house, &second.body, "upheld", same).await;
        assert_eq!((refused.status, &refused.body["field"]), (422, &json!("actor")), "{same}: {}", refused.body);
    }
    assert_eq!(decide(&house, &second.body, "dismissed", "budi").await.status, 200);
    let third = appeal(&house, &seller, threat).await;
    assert_eq!(third.status, 422, "{}", third.body);
    let told = house.market("GET", &format!("/v1/violations/{}", threat["id"].as_str().unwrap()), Value::Null).await;
    assert!(told.body["reason"]["appeal"].is_null(), "{}", told.body);
    assert_eq!(told.body["appeals"][1]["actor"], "budi");

    house.pass_time(Duration::days(20));
    house.say("seller", ABUSE).await;
    house.say("seller", THREAT).await;
    let late = violations(&house).await.into_iter().next().unwrap();
    house.pass_time(Duration::days(180));
    assert_eq!(appeal(&house, &seller, &late).await.status, 201, "the last day counts");
    house.pass_time(Duration(1));
    let told = violations(&house).await;
    assert!(told[0]["reason"]["appeal"].is_null());
}

#[tokio::test]
async fn what_is_held_counts_only_when_a_person_has_refused_it() {
    let (house, seller) = open().await;
    let held = house.say("seller", ABUSE).await;
    assert_eq!(held.body["state"], "held", "{}", held.body);
    assert_eq!(violations(&house).await[0]["state"], "pending");
    assert_eq!(standing(&house, "s-1").await["seller"]["points"], 0);
    let path = format!("/v1/messages/{}/decision", held.body["id"].as_str().unwrap());
    let word = |decision: &str| json!({"decision": decision, "reason": "An insult.", "actor": "citra"});
    assert_eq!(house.market("POST", &path, word("refuse")).await.status, 200);
    let told = &violations(&house).await[0];
    assert_eq!(
        (&told["state"], &told["points"], &told["reason"]["automated"]),
        (&json!("counted"), &json!(4), &json!(false))
    );
    assert_eq!(standing(&house, "s-1").await["limits"][0]["kind"], "slowed");

    let filed = appeal(&house, &seller, told).await;
    assert_eq!(decide(&house, &filed.body, "upheld", "citra").await.status, 422, "who ruled does not decide about it");
    assert_eq!(decide(&house, &filed.body, "upheld", "budi").await.status, 200);
    assert_eq!(standing(&house, "s-1").await["limits"], json!([]));

    house.pass_time(Duration::hours(1));
    let held = house.say("seller", ABUSE).await;
    let path = format!("/v1/messages/{}/decision", held.body["id"].as_str().unwrap());
    assert_eq!(house.market("POST", &path, word("release")).await.status, 200);
    assert_eq!(violations(&house).await[0]["state"], "released");
    assert_eq!(standing(&house, "s-1").await["seller"]["points"], 0);
}

#[tokio::test]
async fn a_buyer_is_judged_by_a_person_on_a_sellers_ticket_and_the_message_leaves_the_metrics() {
    let (house, seller) = open().await;
    let rude = house.say("buyer", ABUSE).await;
    assert_eq!(rude.body["state"], "delivered", "signals of a buyer hold nothing: {}", rude.body);
    assert_eq!(violations(&house).await.len(), 0, "nor do they count");
    let own = house.say("seller", "Good morning.").await;
    house.pass_time(Duration::hours(13));
    let rude_again = house.say("buyer", ABUSE).await;
    house.pass_time(Duration::hours(13));
    let missed = standing(&house, "s-1").await;
    assert_eq!(
        (&missed["response"]["answers"]["asked"], &missed["response"]["answers"]["in_time"]),
        (&json!(2), &json!(1))
    );

    let path = "/v1/conversations/c-1/tickets";
    let form = |id: &Value| json!({"message": id, "breach": "abuse", "text": "Insulted again."});
    assert_eq!(house.ask(&seller, "POST", path, form(&own.body["id"])).await.status, 422, "its own message");
    let unknown = json!({"message": rude.body["id"], "breach": "platform_pose"});
    assert_eq!(house.ask(&seller, "POST", path, unknown).await.status, 422, "counts not against a buyer");
    let filed = house.ask(&seller, "POST", path, form(&rude_again.body["id"])).await;
    assert_eq!((filed.status, &filed.body["state"]), (201, &json!("open")), "{}", filed.body);
    assert_eq!(house.ask(&seller, "POST", path, form(&rude_again.body["id"])).await.status, 200, "one for a message");
    assert_eq!(standing(&house, "s-1").await["response"], missed["response"], "nothing follows before a ruling");
    let ruling = format!("/v1/tickets/{}/decision", filed.body["id"].as_str().unwrap());
    let word = json!({"decision": "upheld", "reason": "An insult.", "actor": "citra"});
    assert_eq!(house.ask(&seller, "POST", &ruling, word.clone()).await.status, 403, "not the seller's to rule");
    assert_eq!(house.market("POST", &ruling, word.clone()).await.status, 200);
    assert_eq!(house.market("POST", &ruling, word).await.status, 422, "once");

    let buyer = standing(&house, "b-1").await;
    assert_eq!((&buyer["buyer"]["points"], &buyer["buyer"]["sanctions"][0]["measure"]), (&json!(4), &json!("warning")));
    assert_eq!(house.say("buyer", "Where is it?").await.status, 201, "a buyer can always write");
    let now = standing(&house, "s-1").await;
    assert_eq!(now["response"]["answers"], json!({"within": "12h", "asked": 1, "in_time": 1, "percent": 100.0}));
    let own = house.ask(&seller, "GET", "/v1/violations", Value::Null).await;
    assert_eq!(own.body["items"], json!([]), "a seller is not told of the buyer's");

    let violation = violations(&house).await[0].clone();
    assert_eq!((&violation["side"], &violation["reason"]["automated"]), (&json!("buyer"), &json!(false)));
    assert_eq!(violation["reason"]["text"], ABUSE);
    let filed = appeal(&house, &house.market, &violation).await;
    assert_eq!(decide(&house, &filed.body, "upheld", "citra").await.status, 422);
    assert_eq!(decide(&house, &filed.body, "upheld", "budi").await.status, 200);
    assert_eq!(standing(&house, "b-1").await["buyer"]["points"], 0);
    let again = standing(&house, "s-1").await;
    assert_eq!(again["response"]["answers"]["asked"], 2, "the message counts again: {again}");
}

#[tokio::test]
async fn who_waits_is_shown_and_a_seller_that_writes_to_others_meanwhile_is_active_and_silent() {
    let (house, _) = open().await;
    let other = json!({"buyer": {"id": "b-2"}, "seller": "s-1", "deliver": {"buyer": ["api"], "seller": ["api"]}});
    assert_eq!(house.market("PUT", "/v1/conversations/c-2", other).await.status, 201);
    house.say("buyer", "Where is my parcel?").await;
    house.pass_time(Duration::minutes(30));
    let there = json!({"from": "seller", "text": "Good morning."});
    assert_eq!(house.market("POST", "/v1/conversations/c-2/messages", there).await.status, 201);
    house.pass_time(Duration::minutes(6));
    let told = standing(&house, "s-1").await["response"]["waiting"][0].clone();
    assert_eq!((&told["conversation"], &told["minutes"]), (&json!("c-1"), &json!(36)));
    let silent = &told["active_and_silent"];
    assert_eq!((&silent["silent_minutes"], &silent["last_active_minutes"]), (&json!(30), &json!(6)));
    house.say("seller", "It left today.").await;
    let answered = standing(&house, "s-1").await;
    assert_eq!(answered["response"]["waiting"], json!([]));
    assert_eq!(answered["response"]["answers"]["percent"], 100.0);
}

#[tokio::test]
async fn a_complaint_runs_on_a_clock_of_its_own() {
    let mut rules = MarketRules::default();
    rules.enforcement.response.complaint = Duration::hours(2);
    let house = House::with(rules).await;
    house.talk(json!({"buyer": ["api"], "seller": ["api"]})).await;
    let refund = json!({"from": "buyer", "text": "Two are missing, please refund them.", "purpose": "refund"});
    assert_eq!(house.market("POST", "/v1/conversations/c-1/messages", refund).await.status, 201);
    house.pass_time(Duration::hours(3));
    let told = standing(&house, "s-1").await["response"].clone();
    assert_eq!(told["waiting"][0]["complaint"], true);
    let complaints = json!({"within": "2h", "asked": 1, "in_time": 0, "percent": 0.0});
    assert_eq!(told["complaints"], complaints);
}

#[tokio::test]
async fn closed_days_are_declared_beforehand_and_stop_the_clock() {
    let (house, seller) = open().await;
    let at = |hours: i64| Timestamp(house.clock.now().0 + Duration::hours(hours).0).rfc3339();
    let close = async |from: String, until: String| {
        let body = json!({"closed": [{"from": from, "until": until}]});
        house.ask(&seller, "PUT", "/v1/parties/s-1/closing", body).await
    };
    assert_eq!(close(at(-1), at(5)).await.status, 422, "not afterwards");
    assert_eq!(close(at(5), at(5)).await.status, 400);
    assert_eq!(close(at(1), at(24 * 31)).await.status, 422, "not for ever");
    let declared = close(at(6), at(54)).await;
    assert_eq!(declared.status, 200, "{}", declared.body);
    house.say("buyer", "Are you open?").await;
    house.pass_time(Duration::hours(20));
    let told = standing(&house, "s-1").await;
    assert_eq!(told["response"]["answers"]["asked"], 0, "{told}");
    assert_eq!(told["response"]["waiting"][0]["due"], at(60 - 20));
    house.pass_time(Duration::hours(41));
    assert_eq!(standing(&house, "s-1").await["response"]["answers"]["asked"], 1);
}

#[tokio::test]
async fn when_the_time_is_over_the_marketplace_is_asked_once_and_not_about_who_was_answered() {
    let (house, _) = open().await;
    let other = json!({"buyer": {"id": "b-2"}, "seller": "s-1", "deliver": {"buyer": ["api"], "seller": ["api"]}});
    assert_eq!(house.market("PUT", "/v1/conversations/c-2", other).await.status, 201);
    house.say("buyer", "Where is my parcel?").await;
    house.say("buyer", "Hello?").await;
    let asks = json!({"from": "buyer", "text": "Is it in stock?"});
    house.market("POST", "/v1/conversations/c-2/messages", asks).await;
    house.pass_time(Duration::minutes(1));
    let answers = json!({"from": "seller", "text": "Yes, it is."});
    house.market("POST", "/v1/conversations/c-2/messages", answers).await;
    house.pass_time(Duration::hours(13));
    let care = tokio::spawn(Arc::clone(&house.relay).care(std::future::pending::<()>()));
    let told = |events: &[Value]| -> Vec<Value> {
        events.iter().filter(|event| event["type"] == "response.escalated").cloned().collect()
    };
    let mut seen = Vec::new();
    for _ in 0..100 {
        seen = told(&events(&house).await);
        if !seen.is_empty() {
            break;
        }
        tokio::time::sleep(StdDuration::from_millis(100)).await;
    }
    assert_eq!(seen[0]["conversation"], "c-1", "{seen:?}");
    assert_eq!(seen[0]["data"]["party"], "s-1");
    let waiting = standing(&house, "s-1").await["response"]["waiting"].clone();
    assert!(waiting[0]["escalated_at"].is_string(), "{waiting}");
    // The second word of the same wait, and the other talk, come to nothing in the rounds that follow.
    house.pass_time(Duration::hours(1));
    tokio::time::sleep(StdDuration::from_millis(1_600)).await;
    assert_eq!(told(&events(&house).await).len(), 1);
    care.abort();
}

#[tokio::test]
async fn sellers_of_one_group_climb_one_ladder() {
    let (house, _) = open().await;
    for party in ["s-1", "s-2"] {
        let body = json!({"role": "seller", "display_name": "Toko", "emails": [format!("{party}@kantor.example")], "group": "firm"});
        house.market("PUT", &format!("/v1/parties/{party}"), body).await;
    }
    let other = json!({"buyer": "b-1", "seller": "s-2", "deliver": {"buyer": ["api"], "seller": ["api"]}});
    assert_eq!(house.market("PUT", "/v1/conversations/c-2", other).await.status, 201);
    house.say("seller", THREAT).await;
    let hello = json!({"from": "seller", "text": "Hello"});
    assert_eq!(house.market("POST", "/v1/conversations/c-2/messages", hello).await.status, 429);
    let now = standing(&house, "s-2").await;
    assert_eq!((&now["seller"]["points"], &now["seller"]["group"]), (&json!(8), &json!(["s-1", "s-2"])));
}

#[tokio::test]
async fn a_reason_that_a_seller_reads_names_nobody() {
    let (house, seller) = open().await;
    let buyer =
        json!({"role": "buyer", "names": ["Rina Kartika"], "emails": [BUYER_MAIL], "phones": ["+6281200000045"]});
    assert_eq!(house.market("PUT", "/v1/parties/b-1", buyer).await.status, 200);
    let reason = "Rina Kartika told us on 0812-0000-0045 that she was afraid.";
    let told_of = async |path: String| {
        let word = json!({"decision": "dismissed", "reason": reason, "actor": "budi"});
        let ruled = house.market("POST", &path, word).await;
        assert_eq!(ruled.status, 200, "{}", ruled.body);
        let cut: Vec<&str> =
            ruled.body["findings"].as_array().unwrap().iter().filter_map(|f| f["kind"].as_str()).collect();
        assert_eq!(cut, ["name", "phone"], "the marketplace is told what was cut");
        ruled.body["reason"].as_str().unwrap().to_owned()
    };
    house.say("seller", THREAT).await;
    let threat = violations(&house).await[0].clone();
    let filed = appeal(&house, &seller, &threat).await;
    told_of(format!("/v1/appeals/{}/decision", filed.body["id"].as_str().unwrap())).await;
    let rude = house.say("buyer", ABUSE).await;
    let ticket = json!({"message": rude.body["id"], "breach": "abuse"});
    let ticket = house.ask(&seller, "POST", "/v1/conversations/c-1/tickets", ticket).await;
    told_of(format!("/v1/tickets/{}/decision", ticket.body["id"].as_str().unwrap())).await;
    let shown = [format!("/v1/violations/{}", threat["id"].as_str().unwrap()), "/v1/tickets".to_owned()];
    for path in shown {
        let text = String::from_utf8(house.ask(&seller, "GET", &path, Value::Null).await.text).unwrap();
        assert!(text.contains("that she was afraid"), "the reason itself is told: {text}");
        assert!(!["Rina", "Kartika", "0045"].iter().any(|told| text.contains(told)), "{text}");
    }
    // Of an erased person nothing is known, and a number is cut all the same.
    let again = appeal(&house, &seller, &threat).await;
    assert_eq!(house.market("DELETE", "/v1/parties/b-1", Value::Null).await.status, 200);
    let path = format!("/v1/appeals/{}/decision", again.body["id"].as_str().unwrap());
    let word = json!({"decision": "dismissed", "reason": "She said so on +62 812-0000-0045.", "actor": "ana"});
    let ruled = house.market("POST", &path, word).await;
    assert!(!ruled.body["reason"].as_str().unwrap().contains("0045"), "{}", ruled.body);
}

/// A seller in a talk of its own with a buyer of its own, both by API.
async fn shop(house: &House, n: u32, mut seller: Value) -> String {
    seller["id"] = json!(format!("s-{n}"));
    let body = json!({"buyer": {"id": format!("b-{n}")}, "seller": seller,
        "deliver": {"buyer": ["api"], "seller": ["api"]}});
    let put = house.market("PUT", &format!("/v1/conversations/c-{n}"), body).await;
    assert_eq!(put.status, 201, "{}", put.body);
    format!("s-{n}")
}

async fn links(house: &House, token: &str, party: &str) -> Value {
    let told = house.ask(token, "GET", &format!("/v1/parties/{party}/links"), Value::Null).await;
    assert_eq!(told.status, 200, "{}", told.body);
    told.body
}

async fn say_in(house: &House, talk: &str, text: &str) -> u16 {
    let body = json!({"from": "seller", "text": text});
    house.market("POST", &format!("/v1/conversations/{talk}/messages"), body).await.status
}

#[tokio::test]
async fn sellers_that_share_a_telephone_are_one_until_a_person_parts_them() {
    let (house, first) = open().await;
    let phone = json!({"role": "seller", "phones": ["+6281200000077"]});
    assert_eq!(house.market("PUT", "/v1/parties/s-1", phone.clone()).await.status, 200);
    let kin = json!({"buyer": {"id": "b-1", "phones": ["+6281200000077"]}, "seller": {"id": "s-9"}});
    assert_eq!(house.market("PUT", "/v1/conversations/c-9", kin).await.status, 201);
    assert_eq!(links(&house, &house.market, "b-1").await["items"], json!([]), "who buys is no seller");
    shop(&house, 2, phone.clone()).await;
    let told = links(&house, &house.market, "s-2").await;
    let link = &told["items"][0];
    assert_eq!((&told["others"], &told["group"], &link["parties"]), (&json!(1), &json!(["s-1"]), &json!(["s-1"])));
    assert_eq!((&link["kind"], &link["state"]), (&json!("phone"), &json!("linked")));
    assert_eq!(say_in(&house, "c-1", THREAT).await, 422);
    assert_eq!(say_in(&house, "c-2", "Hello").await, 429, "one account of violations");
    assert_eq!(standing(&house, "s-2").await["seller"]["points"], 8);
    assert_eq!(say_in(&house, "c-9", "Hello").await, 201);

    let second = house.seller_token("s-2").await;
    let own = links(&house, &second, "s-2").await;
    assert_eq!((&own["others"], &own["items"][0]["kind"]), (&json!(1), &json!("phone")));
    assert!(!own.to_string().contains("s-1") && !own.to_string().contains("0077"), "{own}");
    let at = format!("/v1/parties/s-2/links/{}", link["id"].as_str().unwrap());
    let others = format!("/v1/parties/s-1/links/{}/dispute", link["id"].as_str().unwrap());
    let words = json!({"text": "We bought the number from them."});
    assert_eq!(house.ask(&second, "POST", &others, words.clone()).await.status, 404);
    let disputed = house.ask(&second, "POST", &format!("{at}/dispute"), words.clone()).await;
    assert_eq!((disputed.status, &disputed.body["disputes"][0]["state"]), (201, &json!("open")), "{}", disputed.body);
    assert_eq!(house.ask(&second, "POST", &format!("{at}/dispute"), words).await.status, 422, "one at a time");
    assert!(
        !links(&house, &first, "s-1").await.to_string().contains("bought"),
        "what one says the other does not read"
    );
    let rule = async |reason: &str| {
        let word = json!({"decision": "upheld", "reason": reason, "actor": "budi"});
        house.market("POST", &format!("{at}/decision"), word).await
    };
    assert_eq!(rule("It was the number of s-1, before.").await.body["field"], "reason", "a seller may read it");
    let ruled = rule("Sold with +6281200000077.").await;
    assert_eq!((ruled.status, &ruled.body["state"]), (200, &json!("parted")), "{}", ruled.body);
    assert_eq!(ruled.body["findings"][0]["kind"], "phone");
    assert_eq!(say_in(&house, "c-2", "Hello").await, 201);
    assert_eq!(say_in(&house, "c-1", "Hello").await, 429);
    assert_eq!(standing(&house, "s-2").await["seller"]["points"], 0);

    for party in ["s-1", "s-2"] {
        let mut both = phone.clone();
        both["accounts"] = json!(["BCA 000-123-4567"]);
        assert_eq!(house.market("PUT", &format!("/v1/parties/{party}"), both).await.status, 200);
    }
    let told = links(&house, &house.market, "s-2").await;
    assert_eq!(
        (&told["others"], &told["items"][1]["state"]),
        (&json!(0), &json!("suggested")),
        "parted for good: {told}"
    );
    assert_eq!(
        links(&house, &second, "s-2").await["items"].as_array().unwrap().len(),
        1,
        "a seller is told no suspicion"
    );
    let cut =
        house.market("POST", "/v1/conversations/c-2/messages", json!({"from": "seller", "text": "0001 234 567"})).await;
    assert_eq!(cut.body["findings"][0]["kind"], "payment", "an account is guarded: {}", cut.body);
    let confirm = json!({"reason": "They pay into one account.", "actor": "citra"});
    let confirmed = house.market("POST", &format!("{at}/confirm"), confirm).await;
    assert_eq!((confirmed.status, &confirmed.body["state"]), (200, &json!("confirmed")), "{}", confirmed.body);
    assert_eq!(say_in(&house, "c-2", "Hello").await, 429, "one again");
    let kinds = kinds(&house).await;
    for kind in ["link.made", "link.disputed", "link.ruled", "link.suggested", "link.confirmed"] {
        assert!(kinds.iter().any(|one| one == kind), "{kind}: {kinds:?}");
    }
}

#[tokio::test]
async fn who_is_one_with_one_is_one_with_all_and_no_link_restricts_for_what_was_before() {
    let (house, _) = open().await;
    let (phone, account) = (json!(["+6281200000088"]), json!(["DE02 1203 0000 0000 2020 51"]));
    house.market("PUT", "/v1/parties/s-1", json!({"role": "seller", "phones": phone})).await;
    shop(&house, 2, json!({"accounts": account, "group": "firm"})).await;
    shop(&house, 3, json!({"phones": phone, "group": "firm"})).await;
    shop(&house, 4, json!({})).await;
    for talk in ["c-1", "c-4"] {
        assert_eq!(say_in(&house, talk, SPAM).await, 201);
    }
    let before = standing(&house, "s-1").await["seller"]["sanctions"].clone();
    assert_eq!(before[0]["measure"], "warning", "{before}");
    house.pass_time(Duration::hours(1));
    house.market("PUT", "/v1/parties/s-4", json!({"accounts": ["de02120300000000202051"]})).await;
    let told = links(&house, &house.market, "s-1").await;
    assert_eq!(told["group"], json!(["s-2", "s-3", "s-4"]), "by telephone, group and account: {told}");
    let now = standing(&house, "s-4").await["seller"].clone();
    assert_eq!(
        (&now["points"], &now["sanctions"].as_array().unwrap().len()),
        (&json!(6), &2),
        "the second spam of one"
    );
    house.pass_time(Duration::hours(1));
    let threat =
        house.market("POST", "/v1/conversations/c-2/messages", json!({"from": "seller", "text": THREAT})).await;
    assert_eq!(threat.status, 422);
    let threat = violations(&house).await[0].clone();
    assert_eq!(say_in(&house, "c-4", "Hello").await, 429);
    let filed = appeal(&house, &house.market, &threat).await;
    assert_eq!(decide(&house, &filed.body, "upheld", "budi").await.status, 200);
    let now = standing(&house, "s-1").await["seller"]["sanctions"].clone();
    assert!(now.as_array().unwrap().iter().all(|one| one["measure"] == "warning"), "as they were: {now}");
    house.market("PUT", "/v1/parties/s-3", json!({"phones": phone})).await;
    assert_eq!(
        links(&house, &house.market, "s-1").await["group"],
        json!(["s-3"]),
        "a group ends when it is taken back"
    );
}

#[tokio::test]
async fn sellers_who_write_the_same_to_many_are_suggested_and_count_when_a_person_says_so() {
    let (house, _) = open().await;
    let text =
        "Dear customer, our new winter collection has arrived in the shop with scarves, hats and gloves for all.";
    for n in 2..8 {
        let seller = json!({"id": format!("s-{}", 2 + n % 2)});
        let body = json!({"buyer": {"id": format!("b-{n}")}, "seller": seller, "deliver": {"buyer": ["api"], "seller": ["api"]}});
        assert_eq!(house.market("PUT", &format!("/v1/conversations/c-{n}"), body).await.status, 201);
        if n == 7 {
            assert_eq!(house.store.compare_texts(house.clock.now()).await.unwrap(), 0, "twice may be by chance");
        }
        assert_eq!(say_in(&house, &format!("c-{n}"), &format!("{text} Number {n}.")).await, 201);
    }
    assert_eq!(house.store.compare_texts(house.clock.now()).await.unwrap(), 1);
    assert_eq!(house.store.compare_texts(house.clock.now()).await.unwrap(), 0, "once");
    let told = house.market("GET", "/v1/links?state=suggested", Value::Null).await.body;
    let link = &told["items"][0];
    assert_eq!((&link["kind"], &link["parties"]), (&json!("text"), &json!(["s-2", "s-3"])), "{told}");
    assert_eq!(links(&house, &house.market, "s-2").await["others"], 0);
    let token = house.seller_token("s-2").await;
    let at = format!("/v1/parties/s-2/links/{}", link["id"].as_str().unwrap());
    assert_eq!(links(&house, &token, "s-2").await["items"], json!([]));
    assert_eq!(house.ask(&token, "POST", &format!("{at}/dispute"), json!({"text": "x"})).await.status, 404);
    let confirm = json!({"reason": "One warehouse.", "actor": "citra"});
    assert_eq!(house.ask(&token, "POST", &format!("{at}/confirm"), confirm.clone()).await.status, 403);
    assert_eq!(house.market("POST", &format!("{at}/confirm"), confirm.clone()).await.status, 200);
    assert_eq!(house.market("POST", &format!("{at}/confirm"), confirm).await.status, 422, "it counts already");
    assert_eq!(links(&house, &token, "s-2").await["others"], 1);
    let disputed =
        house.ask(&token, "POST", &format!("{at}/dispute"), json!({"text": "A text of our franchise."})).await;
    assert_eq!(disputed.status, 201, "{}", disputed.body);
    let word = json!({"decision": "dismissed", "reason": "One warehouse.", "actor": "Citra "});
    let refused = house.market("POST", &format!("{at}/decision"), word).await;
    assert_eq!(
        (refused.status, &refused.body["field"]),
        (422, &json!("actor")),
        "who confirmed it does not rule on it"
    );
}

#[tokio::test]
async fn a_sentence_of_a_page_is_cited_as_it_is_read() {
    let (house, _) = open().await;
    let page = "<p>Dear buyer.</p><p>Watch <b>your</b> back,\nthis is not over.</p><p>Greetings</p>";
    let said = json!({"from": "seller", "html": page});
    let refused = house.market("POST", "/v1/conversations/c-1/messages", said).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    let reason = &violations(&house).await[0]["reason"];
    assert_eq!((&reason["part"], &reason["text"]), (&json!("html"), &json!(THREAT)), "{reason}");
}

#[tokio::test]
async fn an_erasure_takes_the_words_of_a_violation_and_leaves_that_it_was() {
    let (house, _) = open().await;
    house.say("seller", THREAT).await;
    assert_eq!(house.market("DELETE", "/v1/parties/s-1", Value::Null).await.status, 200);
    let told = violations(&house).await;
    assert!(told[0]["reason"]["text"].is_null(), "{}", told[0]);
    assert_eq!(told[0]["breach"], "threat");
}

#[tokio::test]
async fn until_it_is_applied_a_violation_brings_a_warning_and_nobody_is_restricted() {
    let house = House::with(MarketRules::default()).await;
    house.talk(json!({"buyer": ["api"], "seller": ["api"]})).await;
    for n in 0..4 {
        let told = house.say("seller", &format!("Kami tahu alamat Anda, {n}. Jadi sebaiknya ulasan yang bagus.")).await;
        assert_eq!(told.status, 422, "{}", told.body);
        house.pass_time(Duration::hours(1));
    }
    assert!(standing(&house, "s-1").await["seller"]["points"].as_u64().unwrap() >= 16);
    let measures: Vec<Value> =
        violations(&house).await.iter().map(|v| v["consequences"][0]["measure"].clone()).collect();
    assert!(!measures.is_empty() && measures.iter().all(|measure| measure == "warning"), "{measures:?}");
    assert_eq!(house.say("seller", "Barang sudah siap").await.status, 201);
}

#[tokio::test]
async fn a_thousand_attempts_are_not_a_thousand_rows() {
    let (house, _) = open().await;
    for _ in 0..30 {
        let told = house.say("seller", INCENTIVE).await;
        assert!([422, 429].contains(&told.status), "{}", told.body);
    }
    let told = house.market("GET", "/v1/violations?limit=200", Value::Null).await;
    assert!(told.body["items"].as_array().unwrap().len() <= 20);
    assert_eq!(
        standing(&house, "s-1").await["seller"]["points"],
        4,
        "tried again at once is one offence: {:?}",
        violations(&house).await
    );
}

mod accounts {
    //! Accounts over the real store: one that lost a violation on appeal beside a twin that never had it.

    use proptest::prelude::*;
    use tabir::{
        model::{
            Arbiter, Breach, Channel, Commitment, Decision, EntryKind, EventId, Form, Measure, PartyId, Reason, Side,
        },
        policy::{enforcement::Enforcement, strikes},
        store::{AppealDecision, Filed, NewAppeal, NewEntry, NewStrikes, NewViolation, Record, RestrictionRow},
    };

    use super::*;

    /// What the default ladder brings where it is applied, and where it is not: two settings.
    fn arbiter(apply: bool) -> Arbiter {
        let rules = Enforcement { apply, ..Enforcement::default() };
        Arbiter::new(apply.into(), move |all| strikes::measures(all, Side::Seller, &rules))
    }

    fn entry(at: Timestamp, kind: EntryKind) -> NewEntry {
        NewEntry { at, kind, by: None, message: None, facts: String::new(), private: None }
    }

    async fn offend(house: &House, talk: &str, at: Timestamp, breach: Breach, arbiter: Arbiter) -> EventId {
        let base = Enforcement::default().seller.base(breach).unwrap();
        let id = EventId::draw(at, house.vault.luck()).unwrap();
        let (rule, part) = ("en.test".to_owned(), "0".to_owned());
        let violation = NewViolation { id, breach, rule, part, span: None, base };
        let record = Record {
            id: EventId::draw(at, house.vault.luck()).unwrap(),
            conversation: talk.parse().unwrap(),
            from: Side::Seller,
            agent: None,
            channel: Channel::Api,
            at,
            automatic: false,
            form: Form::Free,
            stop: None,
            alike: None,
            files: Vec::new(),
            private: (Commitment::to(&[0; 16], b"{}"), vec![0; 40]),
            facts: String::new(),
            idempotency: None,
            window: None,
            deliveries: Vec::new(),
            lease: None,
            threads: Vec::new(),
            own_thread: None,
            notice: None,
            strikes: Some(NewStrikes { violations: vec![violation], arbiter }),
        };
        let judge = Box::new(|_: &_| Decision::Refuse(Reason::Content));
        house.store.record(&house.scope, record, judge).await.unwrap();
        id
    }

    async fn take_back(house: &House, violation: EventId, at: Timestamp) {
        let id = EventId::draw(at, house.vault.luck()).unwrap();
        let filed = entry(at, EntryKind::AppealFiled);
        let appeal = NewAppeal { id, violation, at, words: None, times: 2, entry: filed };
        assert_eq!(house.store.file_appeal(&house.scope, appeal).await.unwrap(), Filed::Done(1));
        let decided = entry(at, EntryKind::AppealDecided);
        let decision =
            AppealDecision { id, upheld: true, at, ruling: Some(vec![0]), arbiter: arbiter(true), entry: decided };
        assert!(house.store.decide_appeal(&house.scope, decision).await.unwrap());
    }

    type Force = (u32, Vec<(Measure, Timestamp, Option<Timestamp>)>, Vec<(&'static str, Option<Timestamp>)>);

    /// Points, sanctions in force, limits at the gate.
    async fn force(house: &House, party: &str, now: Timestamp) -> Force {
        let party: PartyId = party.parse().unwrap();
        let account = house.store.account(&house.scope, &party, Side::Seller).await.unwrap().unwrap();
        let all: Vec<_> = account.strikes.into_iter().map(|(_, strike)| strike).collect();
        let rules = Enforcement::default();
        let points = strikes::total(&strikes::weigh(&all, &rules), &rules.decay, now);
        let told = account.sanctions.iter().filter(|row| row.holds(now)).map(|row| &row.sanction);
        let limits = house.store.restrictions(&house.scope, &party, now).await.unwrap();
        let limit = |row: &RestrictionRow| (row.kind.as_str(), row.until);
        let mut limits: Vec<_> = limits.iter().map(limit).collect();
        limits.sort();
        (points, told.map(|s| (s.measure, s.since, s.until)).collect(), limits)
    }

    async fn play(offences: Vec<(i64, usize)>, taken: usize) {
        const KINDS: [Breach; 5] =
            [Breach::Spam, Breach::Abuse, Breach::Threat, Breach::ContactDetails, Breach::ReviewIncentive];
        let house = House::with(MarketRules::default()).await;
        for (talk, seller) in [("c-1", "s-1"), ("c-2", "s-2")] {
            let body = json!({"buyer": {"id": "b-1"}, "seller": {"id": seller}});
            assert_eq!(house.market("PUT", &format!("/v1/conversations/{talk}"), body).await.status, 201);
        }
        let (taken, mut at, mut lost) = (taken % offences.len(), house.clock.now(), None);
        for (n, (minutes, kind)) in offences.into_iter().enumerate() {
            at = at.plus(Duration::minutes(minutes));
            let id = offend(&house, "c-1", at, KINDS[kind], arbiter(true)).await;
            if n == taken {
                lost = Some(id);
            } else {
                offend(&house, "c-2", at, KINDS[kind], arbiter(true)).await;
            }
        }
        let now = at.plus(Duration::minutes(1));
        take_back(&house, lost.unwrap(), now).await;
        for later in [0, 5, 10, 20, 40, 100] {
            let then = now.plus(Duration::days(later));
            assert_eq!(force(&house, "s-1", then).await, force(&house, "s-2", then).await, "after {later} days");
        }
    }

    #[tokio::test]
    async fn what_happened_while_nothing_was_applied_restricts_nobody_later() {
        let house = House::with(MarketRules::default()).await;
        let body = json!({"buyer": {"id": "b-1"}, "seller": {"id": "s-1"}});
        assert_eq!(house.market("PUT", "/v1/conversations/c-1", body).await.status, 201);
        let start = house.clock.now();
        let mut earlier = Vec::new();
        for hours in [1, 2, 3] {
            let at = start.plus(Duration::hours(hours));
            earlier.push(offend(&house, "c-1", at, Breach::Threat, arbiter(false)).await);
        }
        let now = start.plus(Duration::hours(4));
        take_back(&house, earlier[1], now).await;
        let (points, told, limits) = force(&house, "s-1", now).await;
        assert_eq!((points, limits), (24, vec![]), "an upheld appeal silences nobody");
        assert!(told.iter().all(|(measure, ..)| *measure == Measure::Warning), "{told:?}");
        let late = offend(&house, "c-1", now.plus(Duration::hours(1)), Breach::Abuse, arbiter(true)).await;
        let then = now.plus(Duration::hours(2));
        assert_eq!(force(&house, "s-1", then).await.2.len(), 1, "what happens now counts with all its points");
        take_back(&house, late, then).await;
        assert_eq!(force(&house, "s-1", then).await.2, vec![], "and leaves nothing when it is taken back");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
        #[test]
        fn what_an_appeal_takes_back_leaves_no_trace_in_points_sanctions_or_limits(
            offences in prop::collection::vec((1..20_000i64, 0..5usize), 1..9), taken in 0..9usize,
        ) {
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(play(offences, taken));
        }
    }
}
