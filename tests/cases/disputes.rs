//! Intake, evidence, offers, decisions.

use data_encoding::BASE64;
use serde_json::{Value, json};
use tabir::{desk::TokenScope, evidence};

use crate::{
    house::{BUYER_MAIL, House, SELLER_MAIL},
    paper::Paper,
};

fn pdf(lines: &[&str]) -> Value {
    let bytes = Paper::of(lines).bytes();
    json!({"filename": "label.pdf", "media_type": "application/pdf", "content": BASE64.encode(&bytes)})
}

#[tokio::test]
async fn a_case_goes_from_its_intake_to_a_decision_that_is_final_and_proven() {
    let house = House::new().await;
    house.talk().await;
    let opened = house.open_case().await;
    assert_eq!(
        (&opened["state"], &opened["severity"], &opened["position"]),
        (&json!("open"), &json!("ordinary"), &json!(1))
    );
    house.tend().await;
    let case = house.case().await;
    for side in ["buyer", "seller"] {
        let request = &case["requests"][side];
        assert_eq!(request["state"], "delivered", "{case}");
        assert!(request["proof"].is_u64() && request["until"].is_string(), "{case}");
    }
    assert!(house.mails_to(SELLER_MAIL)[0].contains("short_shipment"), "the seller is asked");
    let asked = json!({"from": "buyer", "text": "Kapan dikirim?"});
    house.market("POST", "/v1/conversations/c-1/messages", asked).await.ok();
    let queued = json!({"from": "seller", "text": "Kak, tolong dibalas."});
    house.market("POST", "/v1/conversations/c-1/messages", queued).await.ok();
    let chat = json!({"by": "seller", "slot": "chat", "text": "Bukti: telepon saya 0812-5550-7777."});
    house.market("POST", "/v1/cases/k-1/evidence", chat).await.ok();
    let decision = json!({"outcome": "for_buyer", "reason": "Dua kaos tidak dikirim.", "actor": "mediator-1",
        "amount": {"amount": 150_000, "currency": "IDR"}});
    let decided = house.market("POST", "/v1/cases/k-1/decision", decision.clone()).await.ok();
    assert_eq!(decided["state"], "decided");
    assert_eq!(decided["decision"]["amount"], json!({"amount": "150000", "currency": "IDR"}));
    let again = house.market("POST", "/v1/cases/k-1/decision", decision).await;
    assert_eq!(again.status, 422, "a decision is final: {}", again.body);
    house.tend().await;
    for address in [BUYER_MAIL, SELLER_MAIL] {
        let mails = house.mails_to(address);
        assert!(mails.last().unwrap().contains("150000 IDR"), "{address}: {mails:?}");
        assert!(!mails.concat().contains("mediator-1"), "who decided is not told");
    }
    let seen = house.market("GET", "/v1/conversations/c-1/messages?as=seller", Value::Null).await.ok();
    assert_eq!(
        seen["items"].as_array().unwrap().last().unwrap()["state"],
        "withheld",
        "what was on its way belongs to a matter that is over"
    );
    let refused =
        house.market("POST", "/v1/conversations/c-1/messages", json!({"from": "seller", "text": "Kak?"})).await;
    assert_eq!((refused.status, &refused.body["code"]), (429, &json!("contact_limited")), "{}", refused.body);
    let asks =
        house.market("POST", "/v1/conversations/c-1/messages", json!({"from": "buyer", "text": "Terima kasih."})).await;
    assert_eq!(asks.status, 201, "a buyer may always write");
    let bundle = house.desk.evidence(&house.scope, &"c-1".parse().unwrap(), evidence::View::default()).await.unwrap();
    let key = BASE64.encode(&house.desk.evidence_key().unwrap().public);
    let proven = evidence::verify(&bundle, Some(&key)).unwrap();
    assert_eq!(proven.committed, proven.opened, "all that was said can be opened");
    for reader in ["mediator", "buyer", "auditor", "seller"] {
        let view = evidence::View { reader: reader.parse().unwrap(), ..evidence::View::default() };
        let bundle = house.desk.evidence(&house.scope, &"c-1".parse().unwrap(), view).await.unwrap();
        assert!(evidence::verify(&bundle, Some(&key)).is_ok(), "{reader}");
        let text = String::from_utf8_lossy(&bundle);
        let holds = |word: &str| text.contains(word);
        let (whole, own) = (reader == "mediator", reader == "seller");
        assert_eq!(holds("0812-5550-7777"), whole || own, "a side's words of a case, for {reader}");
        assert!(holds("Bukti: telepon saya"), "what was shown to the other side in the case, for {reader}");
        assert!(holds("Dua dari lima kaos tidak ada di paket."), "{reader}");
        assert!(holds("Dua kaos tidak dikirim."), "what its own letters said, for {reader}");
        assert_eq!(holds("mediator-1"), reader == "mediator", "who decided, for {reader}");
    }
    let events = house.events().await;
    for event in ["case.opened", "support.delivered", "case.decided", "contact.narrowed"] {
        assert!(events.iter().any(|known| known == event), "{event} in {events:?}");
    }
}

#[tokio::test]
async fn a_later_submission_is_kept_beside_the_first_and_moves_no_clock() {
    let house = House::new().await;
    house.talk().await;
    let first = house.open_case().await;
    house.pass(tabir::model::Duration::hours(30));
    assert_eq!(house.open_case().await["items"].as_array().unwrap().len(), 1, "the same again is no new one");
    let other =
        json!({"conversation": "c-1", "by": "buyer", "topic": "wrong_item", "description": "Warnanya juga salah."});
    let changed = house.market("PUT", "/v1/cases/k-1", other).await;
    assert_eq!(changed.status, 200);
    assert_eq!(changed.body["due_at"], first["due_at"]);
    assert_eq!((changed.body["items"].as_array().unwrap().len(), &changed.body["topic"]), (2, &json!("wrong_item")));
}

#[tokio::test]
async fn a_label_is_covered_for_the_other_side_and_its_original_is_the_mediators() {
    let house = House::new().await;
    house.talk().await;
    house.open_case().await;
    let lines = ["Penerima: Rina Kartika", "Telp 0812-3456-7890", "Resi JP1234567890"];
    let evidence = json!({"by": "buyer", "slot": "label", "attachments": [pdf(&lines)]});
    let put = house.market("POST", "/v1/cases/k-1/evidence", evidence).await;
    assert_eq!(put.status, 201, "{}", put.body);
    let seller = house.seller_token("s-1").await;
    let seen = house.ask(&seller, "GET", "/v1/cases/k-1", Value::Null).await.ok();
    assert_eq!(seen["items"][1]["attachments"][0]["action"], "redacted", "{seen}");
    assert!(seen["items"][1].get("findings").is_none() && seen["requests"].get("buyer").is_none(), "{seen}");
    let path = "/v1/cases/k-1/items/2/files/0";
    let shown = house.ask(&seller, "GET", path, Value::Null).await;
    assert!(shown.status == 200 && shown.text.starts_with(b"%PDF"), "{}", shown.status);
    let support = house.token(TokenScope::Support).await;
    for (token, expected) in [(&seller, 403), (&house.market, 403), (&support, 200)] {
        assert_eq!(house.ask(token, "GET", &format!("{path}?original=true"), Value::Null).await.status, expected);
    }
    let original = house.ask(&support, "GET", &format!("{path}?original=true"), Value::Null).await;
    assert_ne!(original.text, shown.text);
    assert!(house.events().await.iter().any(|event| event == "case.file_opened"), "who opens it leaves a trace");
}

#[tokio::test]
async fn words_of_one_side_reach_the_other_without_what_leads_to_a_person() {
    let house = House::new().await;
    house.talk().await;
    let case = json!({"conversation": "c-1", "by": "buyer", "topic": "no_answer",
        "description": "Hubungi saya Rina Kartika di 0812-3456-7890."});
    let put = house.market("PUT", "/v1/cases/k-1", case).await.ok();
    assert!(put["items"][0]["text"].as_str().unwrap().contains("0812-3456-7890"), "the marketplace reads all of it");
    let seller = house.seller_token("s-1").await;
    let seen = house.ask(&seller, "GET", "/v1/cases/k-1", Value::Null).await;
    let text = String::from_utf8(seen.text).unwrap();
    for real in ["0812", "Kartika", "b-1", "surat.example"] {
        assert!(!text.contains(real), "{real} in {text}");
    }
    let other = house.market("PUT", "/v1/parties/s-2", json!({"role": "seller"})).await;
    assert_eq!(other.status, 201);
    let stranger = house.seller_token("s-2").await;
    assert_eq!(house.ask(&stranger, "GET", "/v1/cases/k-1", Value::Null).await.status, 404);
}

#[tokio::test]
async fn offers_stand_beside_the_debt_and_a_correction_keeps_both() {
    let house = House::new().await;
    house.talk().await;
    house.open_case().await;
    let seller = house.seller_token("s-1").await;
    let offer = |amount: &str, corrects: Value| {
        let mut body = json!({"by": "seller", "amount": {"amount": amount, "currency": "IDR"}});
        if !corrects.is_null() {
            body["corrects"] = corrects;
        }
        body
    };
    house.ask_once(&seller, "POST", "/v1/cases/k-1/offers", offer("50000", Value::Null), Some("offer-1")).await.ok();
    house.ask_once(&seller, "POST", "/v1/cases/k-1/offers", offer("50000", Value::Null), Some("offer-1")).await.ok();
    let case = house.ask(&seller, "POST", "/v1/cases/k-1/offers", offer("150000", json!(2))).await.ok();
    let offers: Vec<&Value> = case["items"].as_array().unwrap().iter().filter(|item| item["kind"] == "offer").collect();
    assert_eq!(offers.len(), 2, "done once under its key, and both versions are kept: {case}");
    assert_eq!((&offers[0]["amount"]["amount"], &offers[0]["of"]["amount"]), (&json!("50000"), &json!("150000")));
    assert_eq!((&offers[1]["amount"]["amount"], &offers[1]["corrects"]), (&json!("150000"), &json!(2)));
    let wrong = house.ask(&seller, "POST", "/v1/cases/k-1/offers", offer("1", json!(1))).await;
    assert_eq!((wrong.status, &wrong.body["field"]), (422, &json!("corrects")), "a submission is no offer");
    let posing = json!({"by": "buyer", "amount": {"amount": "1", "currency": "IDR"}});
    assert_eq!(house.ask(&seller, "POST", "/v1/cases/k-1/offers", posing).await.status, 403);
}

#[tokio::test]
async fn what_is_wrong_with_a_case_is_named() {
    let house = House::new().await;
    house.talk().await;
    let case = |more: Value| {
        let mut body = json!({"conversation": "c-1", "by": "buyer", "topic": "damaged", "description": "Rusak."});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let exe = json!({"filename": "a.png", "media_type": "image/png", "content": BASE64.encode(b"MZ\x90\x00\x03")});
    let large = json!({"filename": "a.pdf", "media_type": "application/pdf",
        "content": BASE64.encode(&[b"%PDF-1.7\n".as_slice(), &vec![b' '; 4_500_000]].concat())});
    let cases = [
        (case(json!({"topic": "because"})), 400, "topic"),
        (case(json!({"description": " "})), 400, "description"),
        (case(json!({"conversation": "c-9"})), 400, "conversation"),
        (case(json!({"order": "o-2"})), 422, "order"),
        (case(json!({"amount": {"amount": "-1", "currency": "IDR"}})), 400, "amount"),
        (case(json!({"attachments": [exe]})), 400, "attachments[0]"),
        (case(json!({"attachments": vec![pdf(&["x"]); 6]})), 400, "attachments"),
        (case(json!({"email": "x@y.example"})), 400, "email"),
    ];
    for (body, status, field) in cases {
        let told = house.market("PUT", "/v1/cases/k-1", body).await;
        assert_eq!((told.status, told.body["field"].as_str()), (status, Some(field)), "{}", told.body);
    }
    assert_eq!(house.market("PUT", "/v1/cases/k-1", case(json!({"attachments": [large]}))).await.status, 413);
    house.open_case().await;
    let items = [
        (json!({"by": "buyer", "slot": "selfie"}), "slot"),
        (json!({"by": "buyer", "slot": "receipt"}), "attachments"),
        (json!({"by": "buyer", "slot": "chat"}), "text"),
    ];
    for (body, field) in items {
        let told = house.market("POST", "/v1/cases/k-1/evidence", body).await;
        assert_eq!((told.status, told.body["field"].as_str()), (400, Some(field)), "{}", told.body);
    }
    assert_eq!(house.market("GET", "/v1/cases/k-9", Value::Null).await.status, 404);
}

#[tokio::test]
async fn the_queue_is_in_order_and_urgent_cases_are_a_lane_of_their_own() {
    let house = House::new().await;
    house.talk().await;
    for (id, topic) in [("k-1", "damaged"), ("k-2", "no_answer"), ("k-3", "courier_at_door")] {
        let case = json!({"conversation": "c-1", "by": "buyer", "topic": topic, "description": "Tolong."});
        house.market("PUT", &format!("/v1/cases/{id}"), case).await.ok();
    }
    let queue = house.market("GET", "/v1/cases", Value::Null).await.ok();
    let told: Vec<(&str, u64)> = queue["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| (case["id"].as_str().unwrap(), case["position"].as_u64().unwrap()))
        .collect();
    assert_eq!(told, [("k-3", 1), ("k-1", 1), ("k-2", 2)]);
    let decision = json!({"outcome": "dismissed", "reason": "Tidak ada bukti.", "actor": "m"});
    house.market("POST", "/v1/cases/k-1/decision", decision).await.ok();
    let next = house.market("GET", "/v1/cases/k-2", Value::Null).await.ok();
    assert_eq!(next["position"], 1, "it moves up");
}
