//! What persons may ask for, who saw what of them, and evidence for each reader, over the API.

use std::{io::Write, process::Command};

use serde_json::{Value, json};
use tabir::{
    desk::TokenScope,
    evidence::{Anchor, verify, verify_anchored},
    model::{Duration, Timestamp},
    policy::rules::MarketRules,
    store::Periods,
};

use super::{BUYER_MAIL, House, SELLER_MAIL};

const GUESS: &str = "Apakah ini Rina Kartika?";

fn zip_file(bundle: &[u8], name: &str) -> String {
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bundle)).unwrap();
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut zip.by_name(name).unwrap(), &mut text).unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

impl House {
    async fn key(&self) -> String {
        self.market("GET", "/v1/evidence-key", Value::Null).await.body["key"].as_str().unwrap().to_owned()
    }

    async fn bundle(&self, query: &str) -> Vec<u8> {
        let told = self.market("GET", &format!("/v1/conversations/c-1/evidence{query}"), Value::Null).await;
        assert_eq!(told.status, 200, "{}", told.body);
        told.text
    }

    /// A talk with contacts in it on both sides, and a bad review.
    async fn quarrel(&self) {
        self.talk(json!({})).await;
        for (from, text) in [
            ("buyer", "Barang kurang dua. Email saya rina.kartika@surat.example"),
            ("seller", "Maaf Kak, hubungi 0812-3456-7890"),
            ("seller", GUESS),
        ] {
            let told = self.say(from, text).await;
            assert_eq!(told.status, 201, "{}", told.body);
        }
        let review = self.market("PUT", "/v1/reviews/r-1", json!({"conversation": "c-1", "rating": 1})).await;
        assert_eq!(review.status, 201);
        assert_eq!(self.say("seller", "Kenapa bintang satu?").await.status, 429);
    }

    async fn feed(&self) -> Vec<Value> {
        let told = self.market("GET", "/v1/events?limit=200", Value::Null).await;
        told.body["items"].as_array().unwrap().clone()
    }

    async fn told_of(&self, kind: &str) -> Vec<Value> {
        self.feed().await.into_iter().filter(|event| event["type"] == kind).collect()
    }

    fn ask_for(&self) -> Value {
        json!({"party": "b-1", "conversation": "c-1", "purpose": "safety", "case": "k-1", "fields": ["emails", "names"],
            "actor": "staff-1", "minutes": 10})
    }
}

/// What Python says of a bundle that knows only the documented format; `None` where there is no such Python.
fn python(bundle: &[u8], key: &str, anchors: &[String]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.zip");
    std::fs::write(&path, bundle).unwrap();
    let interpreter = std::env::var_os("TABIR_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/house/bundle.py");
    let mut command = Command::new(interpreter);
    command.arg(script).arg(&path).arg(key);
    for (n, anchor) in anchors.iter().enumerate() {
        let path = folder.path().join(format!("{n}.anchor"));
        std::fs::File::create(&path).unwrap().write_all(anchor.as_bytes()).unwrap();
        command.arg(path);
    }
    let output = command.output().expect("TABIR_TEST_PYTHON names a Python with pynacl");
    (output.status.success(), String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

/// The bundle with one file edited, packed as before.
fn tampered(bundle: &[u8], name: &str, edit: impl Fn(&str) -> String) -> Vec<u8> {
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bundle)).unwrap();
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::DEFAULT.compression_method(zip::CompressionMethod::Stored);
    for n in 0..zip.len() {
        let mut file = zip.by_index(n).unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut file, &mut bytes).unwrap();
        if file.name() == name {
            bytes = edit(std::str::from_utf8(&bytes).unwrap()).into_bytes();
        }
        out.start_file(file.name(), options).unwrap();
        out.write_all(&bytes).unwrap();
    }
    out.finish().unwrap().into_inner()
}

#[tokio::test]
async fn each_reader_gets_a_bundle_that_verifies_and_holds_what_is_theirs_alone() {
    let house = House::new().await;
    house.quarrel().await;
    let key = house.key().await;
    // What it holds: the buyer's address, the seller's number, the rating, the guess.
    for (reader, buyers, sellers, rating) in [
        ("mediator", true, true, true),
        ("buyer", true, false, true),
        ("seller", false, true, false),
        ("auditor", false, false, true),
    ] {
        let bundle = house.bundle(&format!("?as={reader}&lang=id")).await;
        verify(&bundle, Some(&key)).unwrap();
        assert_eq!(python(&bundle, &key, &[]), (true, "whole".to_owned()), "{reader}");
        let holds = |text: &str| bundle.windows(text.len()).any(|window| window == text.as_bytes());
        assert_eq!(holds("rina.kartika@surat.example"), buyers, "{reader}");
        assert_eq!(holds("0812-3456-7890"), sellers, "{reader}");
        assert_eq!(holds("rating=1"), rating, "{reader}");
        assert_eq!(holds("reason=cool_down"), rating, "{reader}");
        assert!(holds("Barang kurang dua."), "{reader}");
        assert!(!holds(SELLER_MAIL), "{reader}");
        let page = zip_file(&bundle, "timeline.html");
        assert!(page.contains("Percakapan") && !page.contains("<script"), "{reader}: {page}");
        let pdf = lopdf::Document::load_mem(zip_file_bytes(&bundle, "timeline.pdf").as_slice()).unwrap();
        assert!(pdf.extract_text(&[1]).unwrap().contains("Barang kurang dua."), "{reader}");
    }
}

fn zip_file_bytes(bundle: &[u8], name: &str) -> Vec<u8> {
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bundle)).unwrap();
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut zip.by_name(name).unwrap(), &mut bytes).unwrap();
    bytes
}

/// A picture, written otherwise than it is made afresh.
fn photo() -> Vec<u8> {
    let picture = image::RgbImage::from_fn(64, 48, |x, y| image::Rgb([(x * 4) as u8, (y * 5) as u8, 90]));
    let mut bytes = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 37).encode_image(&picture).unwrap();
    bytes
}

#[tokio::test]
async fn a_bundle_of_a_case_holds_what_was_put_into_it_with_its_pictures_and_nothing_else() {
    let house = House::new().await;
    house.quarrel().await;
    let key = house.key().await;
    let case = json!({"conversation": "c-1", "by": "buyer", "topic": "damaged", "description": "Tutupnya retak."});
    house.market("PUT", "/v1/cases/k-1", case).await;
    let original = data_encoding::BASE64.encode(&photo());
    let evidence = json!({"by": "buyer", "slot": "damaged_item",
        "attachments": [{"filename": "a.jpg", "media_type": "image/jpeg", "content": original}]});
    assert_eq!(house.market("POST", "/v1/cases/k-1/evidence", evidence).await.status, 201);
    let (support, path) = (house.token(TokenScope::Support).await, "/v1/cases/k-1/evidence");
    let came = format!(
        "files/{}",
        data_encoding::HEXLOWER.encode(ring::digest::digest(&ring::digest::SHA256, &photo()).as_ref())
    );
    for (query, originals) in [("", false), ("?as=buyer", false), ("?as=seller", false), ("?originals=true", true)] {
        let told = house.ask(&support, "GET", &format!("{path}{query}"), Value::Null).await;
        assert_eq!(told.status, 200, "{query}: {}", told.body);
        let bundle = told.text;
        assert_eq!(verify(&bundle, Some(&key)).unwrap().case, Some("k-1".parse().unwrap()), "{query}");
        assert_eq!(python(&bundle, &key, &[]), (true, "whole".to_owned()), "{query}");
        let holds = |text: &str| bundle.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(holds("Tutupnya retak.") && !holds("Barang kurang dua"), "{query}");
        assert_eq!(holds(&came), originals, "the picture as it came, {query}");
        assert!(zip_file(&bundle, "timeline.html").contains("src=\"data:image/"), "{query}");
        assert!(
            String::from_utf8_lossy(&zip_file_bytes(&bundle, "timeline.pdf")).contains("/Subtype /Image"),
            "{query}"
        );
        let beside =
            tampered(&bundle, "manifest.json", |text| text.replacen("\"case\":\"k-1\"", "\"case\":\"k-2\"", 1));
        assert!(python(&beside, &key, &[]).1.contains("beside the case"), "{query}");
    }
    assert_eq!(house.feed().await.iter().filter(|event| event["type"] == "case.file_opened").count(), 1);
    for (token, query, status) in [
        (&house.market, "?originals=true", 403),
        (&support, "?originals=true&as=buyer", 400),
        (&house.token(TokenScope::Auditor).await, "?as=buyer", 403),
    ] {
        assert_eq!(house.ask(token, "GET", &format!("{path}{query}"), Value::Null).await.status, status, "{query}");
    }
    assert_eq!(house.market("GET", "/v1/cases/k-9/evidence", Value::Null).await.status, 404);
    // Of a case that opened itself for the buyer's safety the seller's bundle does not even say that it is there.
    let quiet = json!({"conversation": "c-1", "by": "buyer", "topic": "threat", "description": "Ia mengancam."});
    house.market("PUT", "/v1/cases/k-2", quiet).await;
    assert_eq!(house.market("GET", "/v1/cases/k-2/evidence?as=seller", Value::Null).await.status, 404);
    let whole = house.bundle("?as=seller").await;
    assert!(!zip_file(&whole, "entries.jsonl").contains("k-2") && zip_file(&whole, "entries.jsonl").contains("k-1"));
}

#[tokio::test]
async fn whoever_guesses_a_guarded_name_learns_nothing_from_the_bundle() {
    let house = House::new().await;
    house.quarrel().await;
    house.market("POST", "/v1/conversations/c-1/messages", json!({"from": "buyer", "text": "ya"})).await;
    let bundle = house.bundle("?as=seller").await;
    let entries = zip_file(&bundle, "entries.jsonl");
    assert!(!entries.contains("cut=name"), "{entries}");
    assert!(zip_file(&bundle, "parts.jsonl").contains(GUESS));
}

#[tokio::test]
async fn an_auditor_draws_its_own_bundle_and_no_other() {
    let house = House::new().await;
    house.quarrel().await;
    let auditor = house.token(TokenScope::Auditor).await;
    let path = "/v1/conversations/c-1/evidence";
    let told = house.ask(&auditor, "GET", path, Value::Null).await;
    assert_eq!(told.status, 200);
    assert!(zip_file(&told.text, "manifest.json").contains("\"reader\":\"auditor\""));
    for other in ["mediator", "buyer", "seller"] {
        assert_eq!(house.ask(&auditor, "GET", &format!("{path}?as={other}"), Value::Null).await.status, 403);
    }
    assert_eq!(house.market("GET", &format!("{path}?as=police"), Value::Null).await.status, 400);
    assert_eq!(house.market("GET", &format!("{path}?open=x"), Value::Null).await.status, 400);
    let told = house.market("GET", &format!("{path}?anchor=7"), Value::Null).await;
    assert_eq!((told.status, &told.body["field"]), (400, &json!("anchor")), "{}", told.body);
}

#[tokio::test]
async fn only_chosen_entries_are_opened_for_another_body() {
    let house = House::new().await;
    house.quarrel().await;
    let key = house.key().await;
    let timeline: Value = serde_json::from_str(&zip_file(&house.bundle("").await, "timeline.json")).unwrap();
    let entries = timeline["entries"].as_array().unwrap();
    let told = |text: &str| {
        let wanted = entries.iter().find(|entry| entry["written"]["text"].as_str().is_some_and(|t| t.contains(text)));
        wanted.unwrap()["seq"].as_u64().unwrap()
    };
    let number = told("Maaf Kak");
    let bundle = house.bundle(&format!("?open={number}")).await;
    let verified = verify(&bundle, Some(&key)).unwrap();
    assert_eq!((verified.opened, verified.entries), (1, entries.len()));
    let holds = |text: &str| bundle.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("0812-3456-7890") && !holds("Barang kurang"));
    assert_eq!(python(&bundle, &key, &[]), (true, "whole".to_owned()));
}

#[tokio::test]
async fn a_verifier_of_another_make_catches_what_was_tampered_with_and_names_the_entry() {
    let house = House::new().await;
    house.quarrel().await;
    let key = house.key().await;
    let bundle = house.bundle("").await;
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let joined = |lines: Vec<String>| lines.into_iter().map(|line| line + "\n").collect::<String>();
    let edits: [(&str, &dyn Fn(&str) -> String, &str); 8] = [
        ("entries.jsonl", &|text| text.replacen("seller", "buyer", 1), "entry "),
        ("entries.jsonl", &|text| joined(lines(text).into_iter().skip(1).collect()), "entry 0"),
        ("entries.jsonl", &|text| joined([lines(text)[..2].to_vec(), lines(text)[1..].to_vec()].concat()), "entry 2"),
        (
            "entries.jsonl",
            &|text| {
                joined(
                    [&lines(text)[..1], &[lines(text)[2].clone(), lines(text)[1].clone()], &lines(text)[3..]].concat(),
                )
            },
            "entry 1",
        ),
        ("links.txt", &|text| text.replacen('a', "b", 1), "entry "),
        ("private.jsonl", &|text| text.replacen("kurang dua", "kurang tiga", 1), "opening "),
        ("manifest.json", &|text| text.replacen("c-1", "c-2", 1), "signature"),
        ("timeline.html", &|text| text.replacen("dua", "tiga", 1), "file timeline.html"),
    ];
    for (name, edit, named) in edits {
        let changed = tampered(&bundle, name, edit);
        let (whole, said) = python(&changed, &key, &[]);
        assert!(!whole && said.contains(named), "{name}: {said}");
        assert!(verify(&changed, Some(&key)).is_err(), "{name}");
    }
    assert_eq!(python(&bundle, &key, &[]), (true, "whole".to_owned()));
}

#[tokio::test]
async fn an_anchor_binds_who_keeps_the_chains() {
    let house = House::new().await;
    house.quarrel().await;
    let key = house.key().await;
    let early = house.desk.anchor(&house.scope).await.unwrap().1;
    house.pass_time(Duration::days(1));
    house.say("buyer", "Tolong dijawab").await;
    let late = house.desk.anchor(&house.scope).await.unwrap().1;
    assert_eq!(early.read().unwrap().number + 1, late.read().unwrap().number);
    assert_eq!(late.read().unwrap().previous.to_string(), early.name());
    let bundle = house.bundle("?as=buyer").await;
    for anchor in [&early, &late] {
        verify_anchored(&bundle, Some(&key), std::slice::from_ref(anchor)).unwrap();
        assert_eq!(python(&bundle, &key, &[anchor.file()]), (true, "whole".to_owned()));
    }
    let listed = house.market("GET", "/v1/anchors", Value::Null).await.body;
    let newest: Anchor = serde_json::from_value(listed["items"][0]["anchor"].clone()).unwrap();
    assert_eq!(newest, late);
    assert_eq!(house.told_of("evidence.anchored").await.len(), 2);
    // Somebody writes the store anew, as it was before the buyer's last word.
    let db = rusqlite::Connection::open(house.folder.path().join("t.db")).unwrap();
    db.execute_batch(
        "DELETE FROM evidence WHERE conversation = 1 AND seq = (SELECT max(seq) FROM evidence WHERE conversation = 1);
         UPDATE chain SET entries = (SELECT count(*) FROM evidence WHERE conversation = 1),
             head = (SELECT link FROM evidence WHERE conversation = 1 ORDER BY seq DESC LIMIT 1) WHERE conversation = 1;",
    )
    .unwrap();
    let cut = house.bundle("?as=buyer").await;
    let broken = verify_anchored(&cut, Some(&key), std::slice::from_ref(&late)).unwrap_err();
    assert!(broken[0].to_string().contains("not the one that was anchored"), "{broken:?}");
    assert!(!python(&cut, &key, &[late.file()]).0);
}

#[tokio::test]
async fn a_contact_is_opened_by_two_people_for_one_token_and_a_short_time() {
    let house = House::new().await;
    house.quarrel().await;
    let (first, second) = (house.token(TokenScope::Support).await, house.token(TokenScope::Support).await);
    let asked = house.ask(&first, "POST", "/v1/disclosures", house.ask_for()).await;
    assert_eq!((asked.status, &asked.body["state"]), (201, &json!("pending")), "{}", asked.body);
    let path = format!("/v1/disclosures/{}", asked.body["id"].as_str().unwrap());
    let read = format!("{path}/read");
    assert_eq!(house.ask(&first, "POST", &read, Value::Null).await.status, 422, "nobody approved");
    for same in ["staff-1", "STAFF-1"] {
        let alone = house.ask(&second, "POST", &format!("{path}/approve"), json!({"actor": same})).await;
        assert_eq!((alone.status, &alone.body["field"]), (422, &json!("actor")), "{}", alone.body);
    }
    let approved = house.ask(&second, "POST", &format!("{path}/approve"), json!({"actor": "staff-2"})).await;
    assert_eq!((approved.status, &approved.body["state"]), (200, &json!("open")), "{}", approved.body);
    assert!(!approved.body.to_string().contains(BUYER_MAIL));
    assert_eq!(house.ask(&second, "POST", &read, Value::Null).await.status, 404, "another token");
    let seen = house.ask(&first, "POST", &read, Value::Null).await;
    assert_eq!((seen.status, &seen.body["emails"]), (200, &json!([BUYER_MAIL])), "{}", seen.body);
    assert_eq!((seen.body.get("addresses"), &seen.body["names"]), (None, &json!(["Rina Kartika"])));
    let again = house.ask(&second, "POST", &format!("{path}/approve"), json!({"actor": "staff-3"})).await;
    assert_eq!(again.status, 422, "it was approved before");
    house.pass_time(Duration::minutes(10));
    assert_eq!(house.ask(&first, "POST", &read, Value::Null).await.status, 422, "its time is over");
    let told = house.market("GET", "/v1/parties/b-1/disclosures", Value::Null).await.body;
    let item = &told["items"][0];
    assert_eq!((&item["to"], &item["by"], &item["purpose"]), (&json!("staff-1"), &json!("staff"), &json!("safety")));
    assert_eq!(
        (&told["requests"][0]["state"], &told["requests"][0]["approved_by"]),
        (&json!("expired"), &json!("staff-2"))
    );
    for kind in ["disclosure.requested", "disclosure.approved", "disclosure.made"] {
        assert_eq!(house.told_of(kind).await.len(), 1, "{kind}");
    }
    assert!(!json!(house.feed().await).to_string().contains("surat.example"));
}

#[tokio::test]
async fn a_request_that_nobody_approves_ends_by_itself() {
    let house = House::new().await;
    house.quarrel().await;
    let asked = house.market("POST", "/v1/disclosures", house.ask_for()).await.body;
    house.pass_time(Duration::hours(24));
    let path = format!("/v1/disclosures/{}", asked["id"].as_str().unwrap());
    assert_eq!(house.market("GET", &path, Value::Null).await.body["state"], "expired");
    let late = house.market("POST", &format!("{path}/approve"), json!({"actor": "staff-2"})).await;
    assert_eq!(late.status, 422);
}

#[tokio::test]
async fn a_request_says_in_every_field_what_is_wrong_with_it() {
    let house = House::new().await;
    house.quarrel().await;
    let later =
        |days| Timestamp(house.clock.0.load(std::sync::atomic::Ordering::SeqCst)).plus(Duration::days(days)).rfc3339();
    for (change, status) in [
        (json!({"purpose": "curiosity"}), 400),
        (json!({"fields": []}), 400),
        (json!({"fields": ["emails", "emails"]}), 400),
        (json!({"fields": ["password"]}), 400),
        (json!({"minutes": 0}), 400),
        (json!({"minutes": 61}), 400),
        (json!({"actor": "Ana Nowak"}), 400),
        (json!({"case": "a b"}), 400),
        (json!({"party": "b-9"}), 404),
        (json!({"party": ["b-1", "s-1"]}), 400),
        (json!({"conversation": "c-9"}), 404),
        (json!({"delay_notice_until": later(1)}), 400),
        (json!({"delay_notice_until": later(100), "delay_reason": "penyelidikan"}), 422),
        (json!({"delay_notice_until": later(1), "delay_reason": "x", "purpose": "delivery"}), 422),
        (json!({"delay_notice_until": later(1), "delay_reason": "penyelidikan"}), 201),
    ] {
        let mut body = house.ask_for();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let told = house.market("POST", "/v1/disclosures", body).await;
        assert_eq!(told.status, status, "{change}: {}", told.body);
    }
}

#[tokio::test]
async fn too_many_look_ups_raise_one_alarm() {
    let mut rules = MarketRules::default();
    rules.disclosures.alarm.burst = 3;
    let house = House::with(rules).await;
    house.talk(json!({})).await;
    let asked = house.market("POST", "/v1/disclosures", house.ask_for()).await.body;
    let path = format!("/v1/disclosures/{}", asked["id"].as_str().unwrap());
    house.market("POST", &format!("{path}/approve"), json!({"actor": "staff-2"})).await;
    for n in 1..=6 {
        assert_eq!(house.market("POST", &format!("{path}/read"), Value::Null).await.status, 200);
        assert_eq!(house.told_of("disclosure.alarm").await.len(), usize::from(n > 3), "after {n}");
    }
}

#[tokio::test]
async fn a_hold_keeps_a_person_until_it_is_released() {
    let house = House::new().await;
    house.quarrel().await;
    let hold = house.market("PUT", "/v1/parties/b-1/holds/case-7", Value::Null).await;
    assert_eq!(hold.status, 201, "{}", hold.body);
    assert_eq!(house.market("PUT", "/v1/parties/b-1/holds/case-7", json!({})).await.status, 200);
    let waits = house.market("DELETE", "/v1/parties/b-1", Value::Null).await;
    assert_eq!((waits.status, &waits.body["waits"]), (202, &json!(true)), "{}", waits.body);
    assert_eq!(house.market("GET", "/v1/parties/b-1", Value::Null).await.status, 200, "nothing was erased");
    assert!(house.store.erasures_due(house.desk.now(), 9).await.unwrap().is_empty());
    assert_eq!(house.market("DELETE", "/v1/parties/b-1/holds/case-7", Value::Null).await.status, 204);
    assert_eq!(house.market("DELETE", "/v1/parties/b-1/holds/case-7", Value::Null).await.status, 404);
    let due = house.store.erasures_due(house.desk.now(), 9).await.unwrap();
    assert_eq!(due.iter().map(|(_, party)| party.as_str()).collect::<Vec<_>>(), ["b-1"]);
    for kind in ["hold.placed", "hold.released", "party.erasure_waits"] {
        assert!(!house.told_of(kind).await.is_empty(), "{kind}");
    }
}

#[tokio::test]
async fn a_hold_with_an_end_ends() {
    let house = House::new().await;
    house.quarrel().await;
    let until = house.desk.now().plus(Duration::days(30)).rfc3339();
    assert_eq!(house.market("PUT", "/v1/parties/b-1/holds/k", json!({"until": until})).await.status, 201);
    assert_eq!(house.market("DELETE", "/v1/parties/b-1", Value::Null).await.status, 202);
    house.pass_time(Duration::days(31));
    assert_eq!(house.store.erasures_due(house.desk.now(), 9).await.unwrap().len(), 1);
    assert_eq!(house.market("DELETE", "/v1/parties/b-1", Value::Null).await.status, 200);
    let past = house.desk.now().minus(Duration::days(1)).rfc3339();
    assert_eq!(house.market("PUT", "/v1/parties/s-1/holds/k", json!({"until": past})).await.status, 422);
}

#[tokio::test]
async fn what_is_restricted_is_neither_disclosed_nor_read_by_staff() {
    let house = House::new().await;
    house.quarrel().await;
    let support = house.token(TokenScope::Support).await;
    let list = "/v1/conversations/c-1/messages?as=buyer";
    assert_eq!(house.ask(&support, "GET", list, Value::Null).await.status, 200);
    for _ in 0..2 {
        assert_eq!(house.market("PUT", "/v1/parties/b-1/restriction", Value::Null).await.status, 204);
    }
    let refused = house.ask(&support, "GET", list, Value::Null).await;
    assert_eq!((refused.status, &refused.body["code"]), (403, &json!("restricted")));
    let sent = house.say("buyer", "Halo?").await;
    assert_eq!(sent.status, 201, "the person goes on writing");
    let message = format!("/v1/messages/{}", sent.body["id"].as_str().unwrap());
    assert_eq!(house.ask(&support, "GET", &message, Value::Null).await.status, 403);
    assert_eq!(house.market("GET", list, Value::Null).await.status, 200, "the person's own view");
    let mut asked = house.ask_for();
    asked["purpose"] = json!("fraud");
    assert_eq!(house.market("POST", "/v1/disclosures", asked.clone()).await.status, 403);
    asked["purpose"] = json!("authority");
    assert_eq!(house.market("POST", "/v1/disclosures", asked).await.status, 201);
    assert_eq!(house.told_of("party.restricted").await.len(), 1);
    let danger = json!({"conversation": "c-1", "by": "buyer", "topic": "threat", "description": "Stoi pod domem."});
    assert_eq!(house.market("PUT", "/v1/cases/k-9", danger).await.status, 201);
    for (path, status) in [("/v1/cases/k-9/evidence", 200), ("/v1/conversations/c-1/evidence", 403)] {
        assert_eq!(house.ask(&support, "GET", path, Value::Null).await.status, status, "{path}");
    }
    assert_eq!(house.market("DELETE", "/v1/parties/b-1/restriction", Value::Null).await.status, 204);
    assert_eq!(house.ask(&support, "GET", list, Value::Null).await.status, 200);
}

#[tokio::test]
async fn who_read_whose_data_is_known_by_token_and_hour() {
    let house = House::new().await;
    house.quarrel().await;
    let (support, row) = house.desk.issue_token(&house.scope, TokenScope::Support, None).await.unwrap();
    let support = support.reveal().clone();
    for _ in 0..3 {
        house.ask(&support, "GET", "/v1/conversations/c-1/messages?as=buyer", Value::Null).await;
    }
    house.desk.count_glances().await.unwrap();
    let rights = house.market("GET", "/v1/parties/b-1/rights", Value::Null).await.body;
    assert_eq!((&rights["answer_within"], &rights["breach_within"]), (&json!("3d"), &json!("3d")), "{rights}");
    let read = rights["read_by"].as_array().unwrap();
    assert_eq!(read.iter().map(|row| row["count"].as_u64().unwrap()).sum::<u64>(), 3, "{rights}");
    assert_eq!(read[0]["what"], "text");
    let lost = tabir::desk::incident::Lost::Token(row.id);
    let incident = house.desk.incident(&house.scope, lost, None).await.unwrap();
    let persons: Vec<String> = incident.persons.keys().map(ToString::to_string).collect();
    assert_eq!(persons, ["b-1", "s-1"]);
    house.pass_time(Duration::days(2));
    let later = house.desk.incident(&house.scope, lost, Some(house.desk.now())).await.unwrap();
    assert!(later.persons.is_empty());
}

#[tokio::test]
async fn a_person_is_told_all_that_is_held_and_who_used_it() {
    let house = House::new().await;
    house.quarrel().await;
    let whole = house.desk.person(&house.scope, &"b-1".parse().unwrap()).await.unwrap();
    let text = String::from_utf8(whole).unwrap();
    for held in [BUYER_MAIL, "Jl. Contoh 7", "Rina Kartika", "Barang kurang dua.", "Maaf Kak"] {
        assert!(text.contains(held), "{held}");
    }
    for others in [SELLER_MAIL, "0812-3456-7890"] {
        assert!(!text.contains(others), "{others}");
    }
    assert_eq!(house.told_of("party.exported").await.len(), 1);
}

#[tokio::test]
async fn what_is_too_old_is_forgotten_and_the_chain_verifies() {
    let house = House::new().await;
    house.quarrel().await;
    let key = house.key().await;
    let before = verify(&house.bundle("").await, Some(&key)).unwrap();
    let year = Periods {
        messages: Some(Duration::days(365)),
        files: Some(Duration::days(365)),
        evidence: Some(Duration::days(365)),
        access: Some(Duration::days(365)),
        ..Periods::default()
    };
    let retire = async || house.store.retire(&house.scope, house.desk.now(), year).await.unwrap();
    assert_eq!(retire().await, tabir::store::Retired::default(), "nothing is a year old");
    house.pass_time(Duration::days(366));
    house.market("PUT", "/v1/parties/b-1/holds/k", Value::Null).await;
    assert_eq!(retire().await.messages, 0, "a hold stands");
    house.market("DELETE", "/v1/parties/b-1/holds/k", Value::Null).await;
    let retired = retire().await;
    assert_eq!((retired.messages, retired.evidence > 0), (4, true), "{retired:?}");
    let after = verify(&house.bundle("").await, Some(&key)).unwrap();
    assert_eq!((after.entries, after.opened), (before.entries, 0));
    // The first was of who read the seller's data: no hold stood for those.
    assert_eq!(house.told_of("evidence.expired").await.len(), 2);
    let messages = house.market("GET", "/v1/conversations/c-1/messages?as=buyer", Value::Null).await;
    assert_eq!(messages.status, 200, "{}", messages.body);
    for canary in ["Barang kurang dua", "0812-3456-7890"] {
        assert_nowhere(house.folder.path(), canary);
    }
}

/// Not in any file of the folder, the log of the store among them.
fn assert_nowhere(folder: &std::path::Path, canary: &str) {
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            assert_nowhere(&path, canary);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
            assert!(!found, "{canary} in {}", path.display());
        }
    }
}

#[tokio::test]
async fn after_an_erasure_what_was_sealed_is_in_no_file_and_opens_nowhere() {
    let house = House::new().await;
    house.quarrel().await;
    let db = rusqlite::Connection::open(house.folder.path().join("t.db")).unwrap();
    // The sealed bytes themselves are the canaries: they must not lie on in free pages or in the log.
    let sealed: Vec<Vec<u8>> = db
        .prepare("SELECT sealed FROM evidence WHERE side = 'buyer' AND sealed IS NOT NULL UNION ALL SELECT profile FROM party WHERE id = 'b-1'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    drop(db);
    assert!(sealed.len() >= 2);
    assert_eq!(house.market("DELETE", "/v1/parties/b-1", Value::Null).await.status, 200);
    for file in std::fs::read_dir(house.folder.path()).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for part in sealed.iter().map(|whole| &whole[whole.len() - 32..]) {
            assert!(!bytes.windows(32).any(|window| window == part), "{}", path.display());
        }
    }
    let key = house.key().await;
    verify(&house.bundle("").await, Some(&key)).unwrap();
}
