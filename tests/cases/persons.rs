//! The rights of the two of a conversation in which everything happened: what they are told, who may read it, what age
//! and an erasure leave of it.

use data_encoding::BASE64;
use serde_json::{Value, json};
use tabir::{
    desk::TokenScope,
    evidence,
    model::Duration,
    policy::rules::MarketRules,
    store::{Periods, Retired},
};

use crate::{
    house::{BUYER_MAIL, House, SELLER_MAIL},
    paper::Paper,
};

const THREAT: &str = "Watch your back, this is not over.";
const REPORTED: &str = "Ada kartu toko di dalam paket.";
const ON_BEHALF: &str = "Teman saya didatangi orang";

/// What a rich conversation left, by id.
struct Left {
    violation: String,
    appeal: String,
    report: Value,
    apart: Value,
}

/// A talk with a threat and an appeal, an insult and a ticket, letters, a decided case with files on both sides, reports,
/// a review and a block.
async fn rich() -> (House, Left) {
    let mut rules = MarketRules::default();
    rules.enforcement.apply = true;
    let house = House::with(rules).await;
    let talk = house.talk().await;
    let handle = talk["handles"]["buyer"]["email"].as_str().unwrap().to_owned();
    let say = async |body: Value| house.market("POST", "/v1/conversations/c-1/messages", body).await;
    say(json!({"from": "buyer", "text": "Barang kurang dua."})).await.ok();
    assert_eq!(say(json!({"from": "seller", "text": THREAT})).await.status, 422);
    let insult = say(json!({"from": "buyer", "text": "You pathetic fool."})).await.ok();
    let letter = json!({"from": "support", "agent": "staff-1", "to": "both", "text": "Kami membantu Anda berdua."});
    say(letter).await.ok();

    let violation = house.market("GET", "/v1/violations", Value::Null).await.ok()["items"][0]["id"].clone();
    let violation = violation.as_str().unwrap().to_owned();
    let appeal = appeal(&house, &violation, "It was a line of a song.").await.ok()["id"].as_str().unwrap().to_owned();
    decide(&house, &appeal, ("judge-1", "Looked at the whole talk.")).await;
    let ticket = json!({"message": insult["id"], "breach": "abuse", "text": "Kata kasar dari pembeli."});
    let ticket = house.market("POST", "/v1/conversations/c-1/tickets", ticket).await.ok();
    let ruling = json!({"decision": "upheld", "reason": "Kata itu menghina.", "actor": "judge-2"});
    let path = format!("/v1/tickets/{}/decision", ticket["id"].as_str().unwrap());
    house.market("POST", &path, ruling).await.ok();

    house.open_case().await;
    let note = BASE64.encode(&Paper::of(&["Hubungi 0812-5550-7777"]).bytes());
    let note = json!({"filename": "label.pdf", "media_type": "application/pdf", "content": note});
    let evidence = json!({"by": "seller", "slot": "label", "text": "Bukti: telepon saya 0812-5550-7777.",
        "attachments": [note]});
    house.market("POST", "/v1/cases/k-1/evidence", evidence).await.ok();

    let report = json!({"conversation": "c-1", "by": "buyer", "category": "parcel_note", "text": REPORTED});
    let report = house.ask_once(&house.market, "POST", "/v1/reports", report, Some("once")).await.ok();
    let apart =
        json!({"by": "buyer", "on_behalf": true, "category": "other", "text": format!("{ON_BEHALF}, {handle}")});
    let apart = house.market("POST", "/v1/reports", apart).await.ok();
    (house, Left { violation, appeal, report, apart })
}

async fn appeal(house: &House, violation: &str, text: &str) -> crate::house::Told {
    house.market("POST", &format!("/v1/violations/{violation}/appeal"), json!({"text": text})).await
}

async fn decide(house: &House, appeal: &str, (actor, reason): (&str, &str)) {
    let body = json!({"decision": "dismissed", "reason": reason, "actor": actor});
    house.market("POST", &format!("/v1/appeals/{appeal}/decision"), body).await.ok();
}

/// The case is decided and both know; then a review and a block.
async fn end(house: &House) {
    let decision = json!({"outcome": "for_buyer", "reason": "Dua kaos tidak dikirim.", "actor": "mediator-1"});
    house.market("POST", "/v1/cases/k-1/decision", decision).await.ok();
    house.tend().await;
    house.market("PUT", "/v1/reviews/r-1", json!({"conversation": "c-1", "rating": 1})).await.ok();
    house.market("POST", "/v1/conversations/c-1/block", json!({"by": "buyer"})).await.ok();
}

/// Everything that the marketplace can read of it over the API.
async fn all(house: &House, left: &Left) -> String {
    let mut whole = String::new();
    for path in [
        "/v1/cases/k-1".to_owned(),
        "/v1/tickets".to_owned(),
        "/v1/violations".to_owned(),
        "/v1/reports".to_owned(),
        format!("/v1/reports/{}", left.report["id"].as_str().unwrap()),
        "/v1/conversations/c-1/letters?as=buyer".to_owned(),
        "/v1/conversations/c-1/messages?as=buyer".to_owned(),
    ] {
        whole.push_str(&house.market("GET", &path, Value::Null).await.ok().to_string());
    }
    whole
}

async fn verifies(house: &House) {
    let key = house.market("GET", "/v1/evidence-key", Value::Null).await.ok()["key"].as_str().unwrap().to_owned();
    let bundle = house.market("GET", "/v1/conversations/c-1/evidence", Value::Null).await;
    evidence::verify(&bundle.text, Some(&key)).unwrap();
}

#[tokio::test]
async fn each_side_is_told_all_that_is_theirs_and_nothing_of_the_other() {
    let (house, left) = rich().await;
    end(&house).await;
    let export = async |party: &str| {
        let bytes = house.desk.person(&house.scope, &party.parse().unwrap()).await.unwrap();
        let told: Value = serde_json::from_slice(&bytes).unwrap();
        (told.to_string(), told)
    };
    let (text, buyer) = export("b-1").await;
    for held in [
        BUYER_MAIL,
        "Barang kurang dua.",
        "Kami membantu Anda berdua.",
        "Dua dari lima kaos",
        "Bukti: telepon saya",
        REPORTED,
        ON_BEHALF,
        "Kata itu menghina.",
        "Dua kaos tidak dikirim.",
        "reviewer",
    ] {
        assert!(text.contains(held), "{held}: {text}");
    }
    for others in [SELLER_MAIL, "0812-5550-7777", "Kata kasar", "song", THREAT, "judge-2", "mediator-1", "staff-1"] {
        assert!(!text.contains(others), "{others}: {text}");
    }
    let talk = &buyer["conversations"][0];
    assert_eq!((&talk["barriers"]["blocked"], &talk["barriers"]["reviews"][0]["rating"]), (&json!(true), &json!(1)));
    assert_eq!(talk["cases"][0]["decision"]["outcome"], "for_buyer");
    assert!(talk["cases"][0]["items"][1]["files"][0]["content"].is_string(), "as it was shown: {talk}");
    assert_eq!(buyer["violations"][0]["side"], "buyer");

    let (text, seller) = export("s-1").await;
    for held in [SELLER_MAIL, THREAT, "line of a song", "Looked at the whole talk.", "Kata kasar", "0812-5550-7777"] {
        assert!(text.contains(held), "{held}: {text}");
    }
    for others in [BUYER_MAIL, "Contoh 7", "r-1", REPORTED, ON_BEHALF, left.report["id"].as_str().unwrap()] {
        assert!(!text.contains(others), "{others}: {text}");
    }
    assert_eq!(seller["conversations"][0]["barriers"], json!({"blocked": false}));
    assert!(seller["left_out"].as_array().unwrap().len() > 3);
}

#[tokio::test]
async fn staff_reads_nothing_of_who_is_restricted_and_everything_else_is_written_down() {
    let (house, left) = rich().await;
    let support = house.token(TokenScope::Support).await;
    let violation = format!("/v1/violations/{}", left.violation);
    let (report, apart) = (left.report["id"].as_str().unwrap(), left.apart["id"].as_str().unwrap());
    let (report, apart) = (format!("/v1/reports/{report}"), format!("/v1/reports/{apart}"));
    let single = [
        "/v1/cases/k-1",
        "/v1/cases/k-1/items/2/files/0?original=true",
        "/v1/conversations/c-1/letters?as=buyer",
        &violation,
        &report,
        &apart,
    ];
    let lists = ["/v1/cases", "/v1/violations", "/v1/tickets", "/v1/reports"];
    let read = async || {
        house.desk.count_glances().await.unwrap();
        let rights = house.market("GET", "/v1/parties/b-1/rights", Value::Null).await.ok();
        rights["read_by"].as_array().unwrap().iter().map(|row| row["count"].as_u64().unwrap()).sum::<u64>()
    };
    for path in single.into_iter().chain(lists) {
        let before = read().await;
        assert_eq!(house.ask(&support, "GET", path, Value::Null).await.status, 200, "{path}");
        assert!(read().await > before, "{path}");
    }
    house.market("PUT", "/v1/parties/b-1/restriction", Value::Null).await;
    for path in single {
        let told = house.ask(&support, "GET", path, Value::Null).await;
        assert_eq!((told.status, &told.body["code"]), (403, &json!("restricted")), "{path}");
    }
    let decision = json!({"outcome": "for_seller", "reason": "x", "actor": "a"});
    assert_eq!(house.ask(&support, "POST", "/v1/cases/k-1/decision", decision).await.status, 403);
    for path in lists {
        assert_eq!(house.ask(&support, "GET", path, Value::Null).await.ok()["items"], json!([]), "{path}");
        assert_ne!(house.market("GET", path, Value::Null).await.ok()["items"], json!([]), "{path}");
    }
    let danger =
        json!({"conversation": "c-1", "by": "buyer", "topic": "courier_at_door", "description": "Ada di pintu."});
    house.ask(&support, "PUT", "/v1/cases/k-9", danger).await.ok();
    let asked = async || house.ask(&support, "GET", "/v1/cases/k-9", Value::Null).await.status;
    assert_eq!(asked().await, 200, "somebody is in danger");
    let decision = json!({"outcome": "for_buyer", "reason": "Kurir dihentikan.", "actor": "mediator-1"});
    house.ask(&support, "POST", "/v1/cases/k-9/decision", decision).await.ok();
    assert_eq!(asked().await, 403, "it is decided");
}

#[tokio::test]
async fn words_of_cases_reports_letters_and_appeals_go_in_their_time_and_not_while_it_matters() {
    let (house, left) = rich().await;
    let month = Some(Duration::days(30));
    let periods = Periods {
        messages: month,
        cases: month,
        reports: month,
        letters: month,
        appeals: month,
        contest: Duration::days(180),
        ..Periods::default()
    };
    let retire = async || house.store.retire(&house.scope, house.now(), periods).await.unwrap();
    house.pass(Duration::days(31));
    assert_eq!(
        retire().await,
        Retired { reports: 1, ..Retired::default() },
        "a case is open; one report is of no talk"
    );
    end(&house).await;
    assert_eq!(retire().await, Retired { messages: 1, ..Retired::default() }, "it has just been decided");
    house.pass(Duration::days(31));
    let gone = retire().await;
    assert!(gone.cases >= 3 && gone.letters >= 4 && gone.papers >= 1, "{gone:?}");
    assert_eq!(
        (gone.reports, gone.messages, gone.appeals),
        (1, 0, 0),
        "the threat and the insult may be appealed about"
    );
    let case = house.case().await;
    assert_eq!((&case["items"][0]["erased"], case["items"][0].get("text")), (&json!(true), None), "{case}");
    assert!(case["decision"].get("reason").is_none(), "{case}");
    let words = house.market("GET", &format!("/v1/violations/{}", left.violation), Value::Null).await.ok();
    assert_eq!(words["reason"]["text"], THREAT);
    let second = appeal(&house, &left.violation, "Once more.").await.ok();
    house.pass(Duration::days(400));
    assert_eq!(retire().await.appeals, 0, "an appeal is open");
    decide(&house, second["id"].as_str().unwrap(), ("judge-3", "Again.")).await;
    house.pass(Duration::days(181));
    let gone = retire().await;
    assert_eq!((gone.messages, gone.appeals), (2, 3), "{gone:?}");
    verifies(&house).await;
    let told = all(&house, &left).await;
    for words in ["song", "Once more", "Kata kasar", "menghina", REPORTED, ON_BEHALF, "membantu", THREAT, "kaos tidak"]
    {
        assert!(!told.contains(words), "{words}: {told}");
    }
}

#[tokio::test]
async fn an_erasure_takes_every_word_about_the_person_and_lists_what_stays() {
    let (house, left) = rich().await;
    let erase = async |party: &str| house.market("DELETE", &format!("/v1/parties/{party}"), Value::Null).await;
    let named =
        json!({"conversation": "c-1", "by": "buyer", "on_behalf": true, "category": "other", "text": "Kata teman."});
    house.market("POST", "/v1/reports", named).await.ok();
    assert_eq!(erase("b-1").await.status, 202, "a case is open");
    end(&house).await;
    let done = erase("b-1").await;
    assert_eq!(done.status, 200, "{}", done.body);
    let kept: Vec<&str> = done.body["kept"].as_array().unwrap().iter().map(|k| k["what"].as_str().unwrap()).collect();
    assert!(kept.contains(&"evidence") && kept.contains(&"others_words"), "{}", done.body);
    let unclaimed = done.body["kept"].as_array().unwrap().iter().find(|k| k["what"] == "reports_unclaimed").unwrap();
    assert_eq!(unclaimed["count"], 0, "its handle told whose the other one was: {unclaimed}");
    let told = all(&house, &left).await;
    for words in [
        "Dua dari lima",
        "kaos tidak dikirim",
        "Kata kasar",
        "menghina",
        REPORTED,
        ON_BEHALF,
        "membantu",
        "Barang kurang",
        "Kata teman",
    ] {
        assert!(!told.contains(words), "{words}: {told}");
    }
    assert!(told.contains("Bukti: telepon saya"), "the seller's own words stay: {told}");
    assert!(told.contains("line of a song"), "and so does its appeal");
    let report = json!({"conversation": "c-1", "by": "buyer", "category": "parcel_note", "text": REPORTED});
    let again = house.ask_once(&house.market, "POST", "/v1/reports", report, Some("once")).await;
    assert_eq!((again.status, &again.body["id"]), (201, &left.report["id"]), "{}", again.body);
    assert!(again.body.get("text").is_none(), "no answer was kept with its words: {}", again.body);
    verifies(&house).await;

    let second = appeal(&house, &left.violation, "Once more.").await.ok();
    assert_eq!(erase("s-1").await.status, 202, "an own appeal is open");
    decide(&house, second["id"].as_str().unwrap(), ("judge-3", "Again.")).await;
    assert_eq!(erase("s-1").await.status, 200);
    let told = all(&house, &left).await;
    for words in ["song", "Once more", "Looked at", "Again", "Bukti"] {
        assert!(!told.contains(words), "{words}: {told}");
    }
    assert!(!left.appeal.is_empty() && told.contains(&left.appeal), "that there was one, and how it ended, stays");
    verifies(&house).await;
}
