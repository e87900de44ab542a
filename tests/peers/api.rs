//! HTTPS: problems, idempotency, scopes, tenants, cursors, the published description.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};

use super::contact::list;
use crate::house::{House, MARKET, Pair, Plan, canary, eventually, sink::Sink};

async fn scene(tag: &str) -> (House, Sink, Pair) {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).start().await;
    let pair = house.pair(tag).await;
    (house, sink, pair)
}

fn messages(pair: &Pair) -> String {
    format!("/v1/conversations/{}/messages", pair.id)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_has_its_code() {
    let (house, _sink, pair) = scene("codes").await;
    let api = house.api();
    house.api_as("").get("/v1/parties/x").await.problem(401, "unauthenticated");
    house.api_as("no-such-token").get("/v1/parties/x").await.problem(401, "unauthenticated");
    api.get("/v1/parties/nobody").await.problem(404, "not_found");
    api.get("/v1/no-such-thing").await.problem(404, "not_found");
    api.get("/v1/conversations/none/messages?as=buyer").await.problem(404, "not_found");
    api.put("/v1/parties/p", &json!({"emails": ["a@b.example"], "frob": 1})).await.problem(400, "invalid");
    api.put("/v1/parties/p", &json!({"emails": "a@b.example"})).await.problem(400, "invalid");
    api.put("/v1/parties/p", &json!({"emails": ["not an address"]})).await.problem(400, "invalid");
    api.put("/v1/parties/p%20q", &json!({})).await.problem(400, "invalid");
    api.put(&format!("/v1/parties/{}", "p".repeat(65)), &json!({})).await.problem(400, "invalid");
    let bent = api.call("PUT", "/v1/parties/p", &[], Some(Bytes::from_static(b"{\"emails\": ["))).await;
    bent.problem(400, "invalid");
    api.put("/v1/reviews/r", &json!({"conversation": pair.id, "rating": 6})).await.problem(400, "invalid");
    api.put("/v1/orders/o", &json!({"state": "eaten", "fulfilment": "seller", "items": []}))
        .await
        .problem(400, "invalid");
    api.post(&messages(&pair), &json!({"from": "nobody", "text": "x"})).await.problem(400, "invalid");
    api.post(&messages(&pair), &json!({"from": "seller"})).await.problem(400, "invalid");
    let conversation = json!({"buyer": pair.buyer.id, "seller": "unknown-party"});
    let answer = api.put("/v1/conversations/c9", &conversation).await;
    assert!([400, 404].contains(&answer.status), "{}", answer.text());
    let wrong = api.call("PATCH", "/v1/openapi", &[], None).await;
    assert!([404, 405].contains(&wrong.status), "{}", wrong.status);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_field_at_fault_is_named() {
    let (house, _sink, _pair) = scene("field").await;
    let answer = house.api().put("/v1/parties/p", &json!({"emails": ["a@b.example"], "frobnicate": 1})).await;
    assert!(answer.problem(400, "invalid").to_string().contains("frobnicate"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_opens_its_own_doors_only() {
    let (house, _sink, pair) = scene("scope").await;
    for scope in ["carrier", "auditor", "support"] {
        let api = house.api_as(&house.add_token(scope, &[]));
        api.put("/v1/parties/p", &json!({})).await.problem(403, "forbidden_scope");
        api.put("/v1/reviews/r", &json!({"conversation": pair.id, "rating": 1})).await.problem(403, "forbidden_scope");
    }
    let carrier = house.api_as(&house.add_token("carrier", &[]));
    carrier.get(&format!("/v1/conversations/{}", pair.id)).await.problem(403, "forbidden_scope");
    let seller = house.api_as(&house.add_token("seller", &["--party", &pair.seller.id, "--agent", "ania"]));
    let own = seller.post(&messages(&pair), &json!({"from": "seller", "text": "By my own token."})).await;
    assert_eq!(own.status, 201, "{}", own.text());
    seller
        .post(&messages(&pair), &json!({"from": "buyer", "text": "As somebody else."}))
        .await
        .problem(403, "forbidden_scope");
    let other = house.pair("scope-other").await;
    let foreign =
        seller.post(&messages(&other), &json!({"from": "seller", "text": "In a foreign conversation."})).await;
    assert!([403, 404].contains(&foreign.status), "{}", foreign.text());
    let view = seller.get(&format!("{}?as=buyer", messages(&pair))).await;
    assert!([403, 404].contains(&view.status), "the buyer's view is not the seller's: {}", view.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_marketplace_sees_nothing_of_another() {
    let (house, _sink, pair) = scene("tenant").await;
    let token = house.add_marketplace("rival", "rival.example");
    let rival = house.api_as(&token);
    let sent = house.api().post(&messages(&pair), &json!({"from": "buyer", "text": "Only here."})).await.ok();
    let handle = pair.buyer_handle.split('@').next().expect("a handle");
    for path in [
        format!("/v1/parties/{}", pair.buyer.id),
        format!("/v1/conversations/{}", pair.id),
        format!("{}?as=buyer", messages(&pair)),
        format!("/v1/messages/{}", sent["id"].as_str().expect("an id")),
        format!("/v1/handles/{handle}"),
        format!("/v1/conversations/{}/evidence", pair.id),
    ] {
        rival.get(&path).await.problem(404, "not_found");
    }
    rival.post(&messages(&pair), &json!({"from": "buyer", "text": "x"})).await.problem(404, "not_found");
    rival
        .post(&format!("/v1/conversations/{}/block", pair.id), &json!({"by": "buyer"}))
        .await
        .problem(404, "not_found");
    rival.delete(&format!("/v1/parties/{}", pair.buyer.id)).await.problem(404, "not_found");
    // The same names may be used there for something else.
    rival.put(&format!("/v1/parties/{}", pair.buyer.id), &json!({"emails": ["x@other.example"]})).await.ok();
    let ours = house.api().get(&format!("/v1/parties/{}", pair.buyer.id)).await.ok();
    assert!(!ours.to_string().contains("other"), "{ours}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_has_one_effect() {
    let (house, sink, pair) = scene("once").await;
    let api = house.api();
    let body = json!({"from": "seller", "text": "Exactly once."});
    let path = messages(&pair);
    let calls = (0..8).map(|_| api.post_once(&path, "key-1", &body));
    let answers = futures_util::future::join_all(calls).await;
    let id = answers.iter().find(|answer| answer.status == 201).expect("a success").json()["id"].clone();
    for answer in &answers {
        // One that comes while the first is still at work may be told to come again.
        assert!(
            answer.status == 201 && answer.json()["id"] == id || [409, 425, 429, 503].contains(&answer.status),
            "{}",
            answer.text()
        );
    }
    let again = api.post_once(&messages(&pair), "key-1", &body).await;
    assert_eq!((again.status, &again.json()["id"]), (201, &id), "{}", again.text());
    let other = json!({"from": "seller", "text": "Something else."});
    api.post_once(&messages(&pair), "key-1", &other).await.problem(409, "idempotency_conflict");
    let mut house = house;
    house.restart().await;
    let later = house.api().post_once(&messages(&pair), "key-1", &body).await;
    assert_eq!((later.status, &later.json()["id"]), (201, &id), "{}", later.text());
    sink.nth(&pair.buyer.email, 1).await;
    assert!(sink.during(Duration::from_secs(1)).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_dead_within_a_second() {
    let (house, _sink, pair) = scene("revoke").await;
    let before = house.token_ids();
    let token = house.add_token("marketplace", &[]);
    let id = house.token_ids().into_iter().find(|id| !before.contains(id)).expect("the new token in the list");
    let api = house.api_as(&token);
    let path = format!("/v1/conversations/{}", pair.id);
    eventually(Duration::from_secs(1), "the new token lives", async || {
        (api.get(&path).await.status == 200).then_some(())
    })
    .await;
    house.run_ok(&["token", "revoke", &id, "--marketplace", MARKET]);
    let revoked = Instant::now();
    tokio::time::sleep(Duration::from_millis(1000)).await;
    let answer = api.get(&path).await;
    assert_eq!(answer.status, 401, "{:?} after the revocation", revoked.elapsed());
    assert!(!house.run_ok(&["token", "list", "--marketplace", MARKET]).contains(&token), "the list shows no token");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_go_on_where_they_ended() {
    let (house, _sink, pair) = scene("pages").await;
    let api = house.api();
    for n in 0..7 {
        let answer = api.post(&messages(&pair), &json!({"from": "buyer", "text": format!("Number {n}.")})).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    let mut seen = Vec::new();
    let mut after = String::new();
    for _ in 0..10 {
        let page = api.get(&format!("{}?as=buyer&limit=3{after}", messages(&pair))).await.ok();
        let items = list(&page);
        assert!(items.len() <= 3, "{page}");
        seen.extend(items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()));
        let next = page["next"].as_str().map(str::to_owned).or_else(|| page["next"].as_u64().map(|n| n.to_string()));
        let Some(next) = next else { break };
        after = format!("&after={next}");
    }
    let mut unique = seen.clone();
    unique.sort();
    unique.dedup();
    assert_eq!((seen.len(), unique.len()), (7, 7), "{seen:?}");
    let wrong = api.get(&format!("{}?as=buyer&limit=many", messages(&pair))).await;
    wrong.problem(400, "invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_and_does_nothing() {
    let sink = Sink::start(None).await;
    let plan = Plan::new().route(sink.at).with("[contact]\nunanswered = 100\nrate = { burst = 1, per = \"1h\" }");
    let house = plan.start().await;
    let pair = house.pair("dry").await;
    let api = house.api();
    let body = json!({"from": "seller", "text": "Mail me: zapas@sklep-zapas.example"});
    for _ in 0..3 {
        let answer = api.post(&format!("{}?dry_run=true", messages(&pair)), &body).await.ok();
        assert_eq!(answer["verdict"], "redact", "{answer}");
        assert_eq!(answer["findings"][0]["kind"], "email", "{answer}");
        assert!(!answer["delivered"].to_string().contains("zapas@"), "{answer}");
    }
    assert!(list(&api.get(&format!("{}?as=seller", messages(&pair))).await.ok()).is_empty());
    let real = api.post(&messages(&pair), &body).await;
    assert_eq!(real.status, 201, "nothing was debited: {}", real.text());
    api.post(&format!("{}?dry_run=true", messages(&pair)), &body).await.problem(429, "contact_limited");
    sink.nth(&pair.buyer.email, 1).await;
    assert!(sink.during(Duration::from_secs(1)).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn too_large_is_413() {
    let sink = Sink::start(None).await;
    let plan = Plan::new().route(sink.at).with("[attachments]\nmax = 2\nmax_total = \"50kB\"");
    let house = plan.start().await;
    let pair = house.pair("large").await;
    let api = house.api();
    let file = |bytes: usize| json!({"filename": "a.png", "media_type": "image/png", "content": data_encoding::BASE64.encode(&vec![0; bytes])});
    let body = json!({"from": "buyer", "text": "Large.", "attachments": [file(60_000)]});
    api.post(&messages(&pair), &body).await.problem(413, "too_large");
    let body = json!({"from": "buyer", "text": "x".repeat(60_000_000)});
    let answer = api.try_call("POST", &messages(&pair), &[], Some(body.to_string().into())).await;
    assert!(answer.as_ref().is_ok_and(|answer| answer.status == 413) || answer.is_err(), "{answer:?}");
    let ok = api.post(&messages(&pair), &json!({"from": "buyer", "text": "Small."})).await;
    assert_eq!(ok.status, 201, "and it lives: {}", ok.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_conversation_is_closed() {
    let (house, sink, pair) = scene("over").await;
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(2);
    let body = json!({"buyer": pair.buyer.id, "seller": pair.seller.id, "expires_at": soon.to_string()});
    let made = house.api().put("/v1/conversations/short", &body).await.ok();
    let path = "/v1/conversations/short/messages";
    let answer = house.api().post(path, &json!({"from": "seller", "text": "In time."})).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    tokio::time::sleep(Duration::from_millis(2300)).await;
    house.api().post(path, &json!({"from": "seller", "text": "Too late."})).await.problem(409, "conversation_closed");
    let handle = made["handles"]["buyer"]["email"].as_str().expect("a handle");
    let letter = crate::house::mails::plain(&pair.seller, handle, "Hi", "Too late by mail.");
    let reply = house.smtp_tls().await.send(&pair.seller.email, handle, &letter.raw).await.expect("a reply");
    assert_eq!(reply.code, 550, "{reply:?}");
    assert!(sink.to(&pair.buyer.email).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_hints_of_a_contact_come_back() {
    let (house, _sink, pair) = scene("hints").await;
    let body = json!({"names": ["Ratna Kusumahints"], "emails": [pair.buyer.email], "phones": ["+447911123456"],
        "addresses": [{"name": "Ratna Kusumahints", "lines": ["Jalan Canary 7"], "city": "Bandung", "region": "JB", "postcode": "40111", "country": "ID"}]});
    let put = house.api().put(&format!("/v1/parties/{}", pair.buyer.id), &body).await;
    assert!(put.status < 300, "{}", put.text());
    let got = house.api().get(&format!("/v1/parties/{}", pair.buyer.id)).await.ok();
    let hidden =
        [vec![pair.buyer.email.clone(), "7911123456".into(), "Jalan Canary 7".into()], vec!["ratna.hints".into()]]
            .concat();
    canary::none(got.to_string().as_bytes(), &hidden, "GET of a party");
    let conversation = house.api().get(&format!("/v1/conversations/{}", pair.id)).await.ok();
    canary::none(conversation.to_string().as_bytes(), &hidden, "GET of a conversation");
    let handle = pair.buyer_handle.split('@').next().expect("a handle");
    let handle = house.api().get(&format!("/v1/handles/{handle}")).await.ok();
    canary::none(handle.to_string().as_bytes(), &hidden, "GET of a handle");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_opened_for_the_carrier_alone_and_that_is_written_down() {
    let (house, _sink, pair) = scene("parcel").await;
    let api = house.api();
    let body = json!({"names": [pair.buyer.name], "emails": [pair.buyer.email],
        "addresses": [{"name": pair.buyer.name, "lines": ["Jalan Canary 7"], "city": "Bandung", "region": "JB", "postcode": "40111", "country": "ID"}]});
    api.put(&format!("/v1/parties/{}", pair.buyer.id), &body).await.ok();
    let made = api
        .put(
            "/v1/conversations/parcel-2",
            &json!({"order": "order-parcel", "buyer": pair.buyer.id, "seller": pair.seller.id}),
        )
        .await
        .ok();
    let address = &made["handles"]["buyer"]["address"];
    let code = address.as_str().or_else(|| ["code", "handle"].iter().find_map(|key| address[*key].as_str()));
    let code = code.unwrap_or_else(|| panic!("a postal handle in {made}"));
    let path = format!("/v1/handles/{code}/redeem");
    let ask = json!({"shipment": "JX-1", "purpose": "label"});
    for scope in ["support", "auditor"] {
        house.api_as(&house.add_token(scope, &[])).post(&path, &ask).await.problem(403, "forbidden_scope");
    }
    let seller = house.api_as(&house.add_token("seller", &["--party", &pair.seller.id, "--agent", "ania"]));
    seller.post(&path, &ask).await.problem(403, "forbidden_scope");
    let carrier = house.api_as(&house.add_token("carrier", &[]));
    let opened = carrier.post(&path, &ask).await.ok();
    assert!(opened.to_string().contains("Jalan Canary 7"), "{opened}");
    carrier.post(&path, &json!({"shipment": "JX-1", "purpose": "delivery"})).await.ok();
    carrier.post("/v1/handles/2222-2222/redeem", &ask).await.problem(404, "not_found");
    let disclosures = api.get(&format!("/v1/parties/{}/disclosures", pair.buyer.id)).await.ok();
    let entries = list(&disclosures);
    assert_eq!(entries.len(), 2, "{disclosures}");
    assert!(disclosures.to_string().contains("JX-1") && disclosures.to_string().contains("delivery"), "{disclosures}");
    let hits = canary::found_in_folder(house.dir.path(), &["Jalan Canary 7".to_owned()]);
    assert!(hits.is_empty(), "{hits:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_the_platform_ships_gives_the_seller_no_address() {
    let (house, _sink, pair) = scene("fbp").await;
    let api = house.api();
    api.put("/v1/orders/o-platform", &json!({"state": "placed", "fulfilment": "platform", "items": []})).await.ok();
    let made = api
        .put(
            "/v1/conversations/c-platform",
            &json!({"order": "o-platform", "buyer": pair.buyer.id, "seller": pair.seller.id}),
        )
        .await
        .ok();
    assert!(made["handles"]["buyer"]["address"].is_null() && made["handles"]["buyer"]["phone"].is_null(), "{made}");
}

#[tokio::test(flavor = "multi_thread")]
async fn scrub_over_https_answers_like_the_command() {
    let (house, _sink, _pair) = scene("scrub").await;
    let body = json!({"text": "Tulis ke toko.saya@contoh.example ya", "lang": "id", "sender": "seller"});
    let answer = house.api().post("/v1/scrub", &body).await.ok();
    let finding = &answer["findings"][0];
    assert_eq!(
        (finding["kind"].as_str(), finding["text"].as_str()),
        (Some("email"), Some("toko.saya@contoh.example")),
        "{answer}"
    );
    assert_eq!((finding["start"].as_u64(), finding["end"].as_u64()), (Some(9), Some(33)), "{answer}");
    assert_eq!(answer["verdict"], "redact", "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_names_what_is_there_and_nothing_else() {
    let (house, _sink, _pair) = scene("openapi").await;
    let answer = house.api().get("/openapi.json").await.ok();
    assert!(answer["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")), "{}", answer["openapi"]);
    let paths = answer["paths"].as_object().expect("paths");
    let shape = |path: &str| -> String {
        path.split('/').map(|piece| if piece.starts_with('{') { "{}" } else { piece }).collect::<Vec<_>>().join("/")
    };
    let has = |method: &str, wanted: &str| {
        paths.iter().any(|(path, item)| shape(path) == shape(wanted) && item.get(method).is_some_and(Value::is_object))
    };
    for (method, path) in [
        ("put", "/v1/parties/{id}"),
        ("get", "/v1/parties/{id}"),
        ("delete", "/v1/parties/{id}"),
        ("put", "/v1/parties/{id}/agents/{agent}"),
        ("get", "/v1/parties/{id}/disclosures"),
        ("put", "/v1/orders/{id}"),
        ("put", "/v1/conversations/{id}"),
        ("get", "/v1/conversations/{id}"),
        ("get", "/v1/conversations"),
        ("post", "/v1/conversations/{id}/messages"),
        ("get", "/v1/conversations/{id}/messages"),
        ("get", "/v1/messages/{id}"),
        ("get", "/v1/held"),
        ("post", "/v1/messages/{id}/decision"),
        ("post", "/v1/conversations/{id}/handles/rotate"),
        ("post", "/v1/conversations/{id}/block"),
        ("post", "/v1/conversations/{id}/unblock"),
        ("get", "/v1/handles/{handle}"),
        ("post", "/v1/handles/{handle}/redeem"),
        ("put", "/v1/reviews/{id}"),
        ("delete", "/v1/reviews/{id}"),
        ("get", "/v1/conversations/{id}/evidence"),
        ("post", "/v1/scrub"),
    ] {
        assert!(has(method, path), "{method} {path} is missing in {:?}", paths.keys().collect::<Vec<_>>());
    }
    assert!(!paths.keys().any(|path| path.contains("/console")), "not there yet");
    let printed: Value = serde_json::from_str(&house.run_ok(&["openapi"])).expect("JSON");
    assert_eq!(printed, answer, "`tabir openapi` prints the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_and_both_versions_of_tls_are_spoken() {
    let (house, _sink, pair) = scene("curl").await;
    let url = format!("https://{}/v1/conversations/{}", house.https(), pair.id);
    let bearer = format!("Authorization: Bearer {}", house.token);
    for words in [&["--http2"][..], &["--http1.1"], &["--tls-max", "1.2"], &["--tlsv1.3"]] {
        let output = std::process::Command::new("curl")
            .args(["-sS", "--cacert"])
            .arg(house.dir.path().join("ca.pem"))
            .args(["-H", &bearer, "-o", "/dev/null", "-w", "%{http_code} %{http_version}"])
            .args(words)
            .arg(&url)
            .output()
            .expect("curl");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let expected = if words[0] == "--http1.1" { "200 1.1" } else { "200 2" };
        assert_eq!(said, expected, "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let old = std::process::Command::new("curl")
        .args(["-sS", "--tls-max", "1.1", "--cacert"])
        .arg(house.dir.path().join("ca.pem"))
        .arg(&url)
        .output()
        .expect("curl");
    assert!(!old.status.success(), "TLS 1.1 is over");
}
