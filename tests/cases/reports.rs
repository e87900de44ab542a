//! Reports from outside, and the map of what leaked.

use data_encoding::BASE64;
use serde_json::{Value, json};
use tabir::{
    desk::{cases::Statement, reports::ReportForm},
    model::{Category, Side},
};

use crate::{
    house::{BUYER_MAIL, House, SELLER_MAIL},
    paper::Paper,
};

fn file(name: &str, media_type: &str, bytes: &[u8]) -> Value {
    json!({"filename": name, "media_type": media_type, "content": BASE64.encode(bytes)})
}

fn handle(talk: &Value) -> String {
    talk["handles"]["buyer"]["email"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_mail_from_outside_names_the_handle_that_leaked_and_the_seller_it_was_shown_to() {
    let house = House::new().await;
    let handle = handle(&house.talk().await);
    // Strangers write to it too: the canary sings.
    let (local, domain) = handle.split_once('@').unwrap();
    let route = house.relay.route(local, domain).await.unwrap().unwrap();
    house.relay.stranger(&route).await.unwrap();
    house.relay.stranger(&route).await.unwrap();
    let mail = format!(
        "From: Toko <{SELLER_MAIL}>\r\nTo: {handle}\r\nSubject: Bintang\r\n\r\n\
         Ubah bintang Anda, hubungi wa 0812-3456-7890, nanti dapat voucher.\r\n"
    );
    let report = json!({"conversation": "c-1", "by": "buyer", "category": "outside_contact",
        "attachments": [file("mail.eml", "message/rfc822", mail.as_bytes())]});
    let told = house.market("POST", "/v1/reports", report).await;
    assert_eq!(told.status, 201, "{}", told.body);
    let told = told.body;
    assert_eq!((&told["state"], &told["sent_by"]), (&json!("confirmed"), &json!("seller")), "{told}");
    let kinds: Vec<&str> = told["findings"].as_array().unwrap().iter().filter_map(|f| f["kind"].as_str()).collect();
    assert!(kinds.contains(&"phone"), "{told}");
    let leak = &told["leaks"][0];
    assert_eq!(
        (&leak["handle"], &leak["shown_to"], &leak["met"]),
        (&json!(handle), &json!("s-1"), &json!("recipient"))
    );
    assert_eq!(leak["hits"], 2, "mail of strangers is joined to it: {leak}");
    let map = house.market("GET", "/v1/parties/s-1/leaks", Value::Null).await.ok();
    assert_eq!(map["items"][0]["reports"], json!([told["id"]]), "{map}");
    assert!(map["items"][0]["first_hit"].is_string());
    let other = house.market("GET", "/v1/parties/b-1/leaks", Value::Null).await.ok();
    assert_eq!(other["items"], json!([]), "nothing of the seller's was shown around");
    let contact = house.market("GET", "/v1/conversations/c-1", Value::Null).await.ok()["contact"].clone();
    assert_eq!(contact["seller"]["left"], 3, "a report opens nothing: {contact}");
}

#[tokio::test]
async fn a_handle_and_a_number_are_read_in_a_pdf_and_in_words() {
    let house = House::new().await;
    let handle = handle(&house.talk().await);
    let note = Paper::of(&["Kasih bintang 5 ya kak", "WA 0812-3456-7890"]).bytes();
    let report = json!({"conversation": "c-1", "by": "buyer", "category": "parcel_note",
        "text": format!("Ini surel saya di sini: {handle}"), "attachments": [file("note.pdf", "application/pdf", &note)]});
    let told = house.market("POST", "/v1/reports", report).await.ok();
    let found: Vec<(&str, &str)> = told["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|f| Some((f["part"].as_str().unwrap_or("text"), f["kind"].as_str()?)))
        .collect();
    assert!(found.contains(&("attachment:0", "phone")), "{told}");
    assert_eq!(told["leaks"][0]["met"], "text", "{told}");
}

#[tokio::test]
async fn a_report_without_a_conversation_is_kept_apart_until_the_buyer_says_so_too() {
    let house = House::new().await;
    let handle = handle(&house.talk().await);
    let report = json!({"by": "buyer", "on_behalf": true, "category": "unordered_courier",
        "text": format!("Teman saya didatangi kurir. Alamatnya {handle}")});
    let told = house.market("POST", "/v1/reports", report).await.ok();
    assert_eq!((&told["state"], told.get("conversation"), told.get("case")), (&json!("unconfirmed"), None, None));
    assert_eq!(house.market("GET", "/v1/cases", Value::Null).await.ok()["items"], json!([]));
    assert_eq!(
        house.market("GET", "/v1/parties/s-1/leaks", Value::Null).await.ok()["items"],
        json!([]),
        "it does not count yet"
    );
    let path = format!("/v1/reports/{}/confirm", told["id"].as_str().unwrap());
    let confirmed = house.market("POST", &path, json!({"conversation": "c-1"})).await.ok();
    assert_eq!((&confirmed["state"], &confirmed["conversation"]), (&json!("confirmed"), &json!("c-1")));
    assert_eq!(confirmed["text"], told["text"], "its words came along");
    let case = confirmed["case"].as_str().unwrap();
    let queue = house.market("GET", "/v1/cases", Value::Null).await.ok();
    assert_eq!((&queue["items"][0]["id"], &queue["items"][0]["severity"]), (&json!(case), &json!("urgent")));
    assert_eq!(
        house.market("POST", &path, json!({"conversation": "c-1"})).await.status,
        200,
        "once more changes nothing"
    );
    assert_eq!(house.market("GET", "/v1/parties/s-1/leaks", Value::Null).await.ok()["items"][0]["shown_to"], "s-1");
}

#[tokio::test]
async fn the_seller_never_hears_of_a_report_nor_of_the_case_that_it_opened() {
    let house = House::new().await;
    house.talk().await;
    let report =
        json!({"conversation": "c-1", "by": "buyer", "category": "threat", "text": "Dia akan datang ke rumah."});
    let told = house.market("POST", "/v1/reports", report).await.ok();
    let case = told["case"].as_str().unwrap();
    house.tend().await;
    assert_eq!((house.mails_to(SELLER_MAIL).len(), house.mails_to(BUYER_MAIL).len()), (0, 0));
    let seller = house.seller_token("s-1").await;
    for (method, path) in [
        ("GET", format!("/v1/reports/{}", told["id"].as_str().unwrap())),
        ("GET", "/v1/reports".to_owned()),
        ("GET", "/v1/cases".to_owned()),
        ("GET", "/v1/parties/s-1/leaks".to_owned()),
    ] {
        assert_eq!(house.ask(&seller, method, &path, Value::Null).await.status, 403, "{path}");
    }
    assert_eq!(house.ask(&seller, "GET", &format!("/v1/cases/{case}"), Value::Null).await.status, 404);
    let as_seller = house.market("GET", &format!("/v1/cases/{case}?as=seller"), Value::Null).await;
    assert_eq!(as_seller.status, 404);
    // Nor of its end: no letter, and nothing less to say.
    let rights = async || house.ask(&seller, "GET", "/v1/conversations/c-1", Value::Null).await.ok()["contact"].clone();
    let before = rights().await;
    let ruling = json!({"outcome": "for_buyer", "reason": "Ancaman.", "actor": "mediator-1"});
    house.market("POST", &format!("/v1/cases/{case}/decision"), ruling).await.ok();
    house.tend().await;
    assert_eq!(house.mails_to(SELLER_MAIL).len(), 0);
    assert_eq!(rights().await, before);
}

#[tokio::test]
async fn a_report_and_its_urgent_case_are_there_both_or_neither() {
    let house = House::new().await;
    house.talk().await;
    let report = |on_behalf: bool| {
        json!({"conversation": "c-1", "by": "buyer", "on_behalf": on_behalf,
        "category": "threat", "text": "Dia akan datang ke rumah."})
    };
    let apart = house.market("POST", "/v1/reports", report(true)).await.ok();
    let path = format!("/v1/reports/{}", apart["id"].as_str().unwrap());
    let bind = json!({"conversation": "c-1"});
    house.break_table("dispute");
    assert_eq!(house.market("POST", "/v1/reports", report(false)).await.status, 503);
    assert_eq!(house.market("POST", &format!("{path}/confirm"), bind.clone()).await.status, 503);
    let listed = house.market("GET", "/v1/reports", Value::Null).await.ok();
    assert_eq!((listed["items"].as_array().unwrap().len(), &listed["items"][0]["state"]), (1, &json!("unconfirmed")));
    house.heal();
    assert!(house.market("POST", "/v1/reports", report(false)).await.ok()["case"].is_string());
    assert!(house.market("POST", &format!("{path}/confirm"), bind).await.ok()["case"].is_string());
    assert_eq!(house.market("GET", "/v1/cases", Value::Null).await.ok()["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_somebody_reported_by_mail_is_bound_to_their_own_conversations_and_goes_with_them() {
    let house = House::new().await;
    house.talk().await;
    house.market("PUT", "/v1/parties/b-2", json!({"role": "buyer"})).await.ok();
    house.market("PUT", "/v1/conversations/c-2", json!({"buyer": "b-2", "seller": "s-1"})).await.ok();
    let said = Statement { text: Some("Dia menulis ke surel saya.".to_owned()), ..Statement::default() };
    let form = ReportForm {
        id: house.desk.new_report().unwrap(),
        conversation: None,
        by: Side::Buyer,
        on_behalf: false,
        category: Category::OutsideContact,
        said,
        handles: Vec::new(),
        reporter: Some("b-1".parse().unwrap()),
        asked: None,
        receipt: None,
    };
    let path = format!("/v1/reports/{}", house.desk.put_report(&house.scope, form).await.unwrap().row.id);
    let told = house.market("POST", &format!("{path}/confirm"), json!({"conversation": "c-2"})).await;
    assert_eq!((told.status, &told.body["field"]), (422, &json!("conversation")), "{}", told.body);
    assert_eq!(house.market("GET", &path, Value::Null).await.ok()["reporter"], "b-1");
    assert_eq!(house.market("DELETE", "/v1/parties/b-1", Value::Null).await.status, 200);
    let left = house.market("GET", &path, Value::Null).await.ok();
    assert!(left.get("reporter").is_none() && left.get("text").is_none(), "{left}");
}

#[tokio::test]
async fn what_is_wrong_with_a_report_is_named() {
    let house = House::new().await;
    house.talk().await;
    let cases = [
        (json!({"by": "buyer", "category": "annoying", "text": "x"}), "category"),
        (json!({"by": "buyer", "category": "other"}), "text"),
        (json!({"by": "buyer", "category": "other", "text": "x", "conversation": "c-9"}), "conversation"),
        (json!({"by": "courier", "category": "other", "text": "x"}), "by"),
    ];
    for (body, field) in cases {
        let told = house.market("POST", "/v1/reports", body.clone()).await;
        assert_eq!((told.status, told.body["field"].as_str()), (400, Some(field)), "{body}: {}", told.body);
    }
    let nobody = "01a201c2-ebf8-792d-9a58-f5d7e1a6c395";
    assert_eq!(house.market("GET", &format!("/v1/reports/{nobody}"), Value::Null).await.status, 404);
    assert_eq!(house.market("GET", "/v1/parties/nobody/leaks", Value::Null).await.status, 404);
}
