//! The third voice: marked, masked, outside of every budget, and nobody's to imitate.

use serde_json::{Value, json};
use tabir::desk::TokenScope;

use crate::house::{BUYER_MAIL, House, SELLER_MAIL};

#[tokio::test]
async fn support_writes_to_both_under_its_mark_and_through_the_same_masks() {
    let house = House::new().await;
    house.talk().await;
    let support = house.token(TokenScope::Support).await;
    let letter = json!({"from": "support", "agent": "cs-17", "to": "both", "subject": "Paket Anda",
        "text": "Rina Kartika, rina.kartika@surat.example, menunggu dua kaos."});
    let put = house.ask(&support, "POST", "/v1/conversations/c-1/messages", letter).await;
    assert_eq!(put.status, 201, "{}", put.body);
    house.tend().await;
    for address in [BUYER_MAIL, SELLER_MAIL] {
        let [mail] = house.mails_to(address).try_into().unwrap();
        assert!(
            mail.contains("From: \"demo support\" <support@relay.example>")
                || mail.contains("From: demo support <support@relay.example>"),
            "{mail}"
        );
        assert!(mail.contains("Subject: [demo support] Paket Anda"), "{mail}");
        let body = mail.split_once("\r\n\r\n").unwrap().1;
        assert!(!body.contains("Kartika") && !body.contains("surat.example"), "{mail}");
        assert!(!mail.contains("cs-17"), "the agent is for the record");
    }
    let seen = house.market("GET", "/v1/conversations/c-1/letters?as=seller", Value::Null).await.ok();
    assert_eq!((&seen["items"][0]["from"], &seen["items"][0]["state"]), (&json!("support"), &json!("delivered")));
    assert!(seen["items"][0]["proof"].is_u64(), "{seen}");
    let contact = house.market("GET", "/v1/conversations/c-1", Value::Null).await.ok()["contact"].clone();
    assert_eq!(contact["seller"]["left"], 3, "it costs and opens nothing: {contact}");
    let alone = json!({"from": "support", "agent": "cs-17", "to": "seller", "text": "Hanya untuk toko."});
    house.ask(&support, "POST", "/v1/conversations/c-1/messages", alone).await.ok();
    for (reader, both, sellers, who) in
        [("buyer", true, false, false), ("seller", true, true, false), ("mediator", true, true, true)]
    {
        let told = house.market("GET", &format!("/v1/conversations/c-1/evidence?as={reader}"), Value::Null).await;
        let bundle = String::from_utf8_lossy(&told.text);
        let holds = |text: &str| bundle.contains(text);
        assert_eq!(
            (holds("menunggu dua kaos"), holds("Hanya untuk toko."), holds("cs-17")),
            (both, sellers, who),
            "a side's own letters, and not who wrote them: {reader}"
        );
    }
}

#[tokio::test]
async fn whoever_is_left_is_told_when_the_other_side_was_erased() {
    let house = House::new().await;
    house.talk().await;
    house.open_case().await;
    house.tend().await;
    let decision = json!({"outcome": "for_buyer", "reason": "Dua kaos tidak dikirim.", "actor": "mediator-1"});
    house.market("POST", "/v1/cases/k-1/decision", decision).await.ok();
    assert_eq!(house.market("DELETE", "/v1/parties/s-1", Value::Null).await.status, 200);
    let support = house.token(TokenScope::Support).await;
    let path = "/v1/conversations/c-1/messages";
    let letter = |to: &str| json!({"from": "support", "agent": "cs-1", "to": to, "text": "Rina Kartika, toko tutup."});
    let told = house.ask(&support, "POST", path, letter("both")).await.ok();
    assert_eq!((told["letters"].as_array().unwrap().len(), &told["letters"][0]["to"]), (1, &json!("buyer")));
    assert_eq!(house.ask(&support, "POST", path, letter("seller")).await.status, 409);
    house.tend().await;
    let mails = house.mails_to(BUYER_MAIL);
    let [.., letter, decision] = mails.as_slice() else { panic!("{mails:?}") };
    let body = letter.split_once("\r\n\r\n").unwrap().1;
    assert!(body.contains("toko tutup.") && !body.contains("Kartika"), "{letter}");
    assert!(decision.contains("Dua kaos tidak dikirim."), "{decision}");
}

#[tokio::test]
async fn support_reaches_both_when_the_seller_may_not_write_any_more() {
    let house = House::new().await;
    house.talk().await;
    house.market("POST", "/v1/conversations/c-1/block", json!({"by": "buyer"})).await.ok();
    let letter = json!({"from": "support", "agent": "cs-1", "to": "both", "kind": "safety", "text": "Anda aman."});
    house.market("POST", "/v1/conversations/c-1/messages", letter).await.ok();
    house.tend().await;
    assert_eq!((house.mails_to(BUYER_MAIL).len(), house.mails_to(SELLER_MAIL).len()), (1, 1));
}

#[tokio::test]
async fn nobody_else_stands_under_the_name_of_support() {
    let house = House::new().await;
    house.talk().await;
    for name in ["Demo Support", "demo-support", "D\u{435}mo Supp\u{43e}rt", "[demo support]"] {
        let told = house.market("PUT", "/v1/parties/s-9", json!({"role": "seller", "display_name": name})).await;
        assert_eq!((told.status, &told.body["field"]), (400, &json!("display_name")), "{name}");
    }
    for text in ["[demo support] Uang Anda dikembalikan.", "Halo\nDEMO SUPPORT: mohon konfirmasi."] {
        let told =
            house.market("POST", "/v1/conversations/c-1/messages", json!({"from": "seller", "text": text})).await;
        assert_eq!(told.body["state"], "held", "{text}: {}", told.body);
        let signals = told.body["signals"].as_array().unwrap();
        assert!(signals.iter().any(|signal| signal["rule"] == "support_name"), "{}", told.body);
    }
    let page = json!({"from": "seller", "html": "<p>Halo.</p><p><b>[Demo Support]</b> Uang kembali.</p>"});
    let told = house.market("POST", "/v1/conversations/c-1/messages", page).await;
    assert_eq!(told.body["state"], "held", "{}", told.body);
    house.market("POST", "/v1/conversations/c-1/messages", json!({"from": "buyer", "text": "Ya?"})).await.ok();
    let honest = json!({"from": "seller", "text": "Silakan tanya demo support soal itu."});
    assert_eq!(house.market("POST", "/v1/conversations/c-1/messages", honest).await.body["state"], "queued");
}

#[tokio::test]
async fn only_support_speaks_as_support_and_says_who() {
    let house = House::new().await;
    house.talk().await;
    let (seller, support) = (house.seller_token("s-1").await, house.token(TokenScope::Support).await);
    let path = "/v1/conversations/c-1/messages";
    let letter = json!({"from": "support", "agent": "cs-1", "to": "buyer", "text": "Halo."});
    assert_eq!(house.ask(&seller, "POST", path, letter.clone()).await.status, 403);
    assert_eq!(house.ask(&support, "POST", path, json!({"from": "seller", "text": "Halo."})).await.status, 403);
    let cases = [
        (json!({"from": "support", "to": "buyer", "text": "Halo."}), "agent"),
        (json!({"from": "support", "agent": "cs-1", "text": "Halo."}), "to"),
        (json!({"from": "support", "agent": "cs-1", "to": "buyer"}), "text"),
        (json!({"from": "support", "agent": "cs-1", "to": "buyer", "text": "x", "html": "<p>x</p>"}), "html"),
        (json!({"from": "support", "agent": "cs-1", "to": "buyer", "text": "x", "kind": "decision"}), "kind"),
        (json!({"from": "buyer", "to": "seller", "text": "x"}), "to"),
    ];
    for (body, field) in cases {
        let told = house.market("POST", path, body.clone()).await;
        assert_eq!((told.status, told.body["field"].as_str()), (400, Some(field)), "{body}: {}", told.body);
    }
    let first = house.ask_once(&support, "POST", path, letter.clone(), Some("once")).await.ok();
    let again = house.ask_once(&support, "POST", path, letter, Some("once")).await.ok();
    assert_eq!((first["letters"].as_array().unwrap().len(), &again["repeated"]), (1, &json!(true)));
    house.tend().await;
    assert_eq!(house.mails_to(BUYER_MAIL).len(), 1);
}
