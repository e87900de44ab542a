//! The feed of what happened.

use super::*;

#[tokio::test]
async fn what_happened_is_told_in_its_order_to_its_own_marketplace_alone() {
    let house = House::new().await;
    let start = house.market("GET", "/v1/events", Value::Null).await.body["next"].as_str().unwrap().to_owned();
    house.talk(json!({})).await;
    let sent = house.say("seller", "Barang sudah siap, nomor saya 0812 3456 7890").await;
    house.market("PUT", "/v1/reviews/r-1", json!({"conversation": "c-1", "rating": 1})).await;
    house.say("seller", "Kenapa bintang satu?").await;
    let read = async |after: &str, limit: u32| {
        let path = format!("/v1/events?after={after}&limit={limit}");
        house.market("GET", &path, Value::Null).await.body
    };
    let all = read(&start, 200).await;
    let items = all["items"].as_array().unwrap();
    let kinds: Vec<&str> = items.iter().map(|item| item["type"].as_str().unwrap()).collect();
    let wanted = ["conversation.opened", "message.accepted", "review.received", "message.refused"];
    assert_eq!(kinds.iter().copied().filter(|kind| wanted.contains(kind)).collect::<Vec<_>>(), wanted, "{kinds:?}");
    let accepted = items.iter().find(|item| item["type"] == "message.accepted").unwrap();
    assert_eq!((&accepted["message"], &accepted["by"]), (&sent.body["id"], &json!("seller")));
    assert_eq!((&accepted["conversation"], &accepted["data"]["cut"]), (&json!("c-1"), &json!("phone")));
    let review = items.iter().find(|item| item["type"] == "review.received").unwrap();
    assert_eq!(review["data"], json!({"rating": "1"}));
    assert!(!all.to_string().contains("7890"), "{all}");

    // Piece by piece it is the same.
    let (mut at, mut pieces) = (start, Vec::new());
    loop {
        let piece = read(&at, 2).await;
        at = piece["next"].as_str().unwrap().to_owned();
        match piece["items"].as_array().unwrap().as_slice() {
            [] => break,
            some => pieces.extend_from_slice(some),
        }
    }
    assert_eq!(&pieces, items);
    assert_eq!(house.market("GET", "/v1/events?after=x", Value::Null).await.status, 400);

    // Another marketplace, with a token made after all of this, hears of that token and of nothing else.
    let other = house.desk.add_marketplace(&"other".parse().unwrap(), "other.example").await.unwrap().unwrap();
    let (token, id) = house.desk.issue_token(&other, TokenScope::Marketplace, None).await.unwrap();
    let theirs = house.ask(token.reveal(), "GET", "/v1/events", Value::Null).await.body;
    let id = id.id.to_string();
    assert_eq!(theirs["items"].as_array().unwrap().len(), 1, "{theirs}");
    assert_eq!(theirs["items"][0]["type"], "token.issued");
    assert_eq!(theirs["items"][0]["data"], json!({"token": id, "scope": "marketplace"}));
    let seller = house.seller_token("s-1").await;
    assert_eq!(house.ask(&seller, "GET", "/v1/events", Value::Null).await.status, 403);
}

/// A stream of events, read as a browser reads it.
struct Stream(tabir::channel::api::Outgoing, String);

impl Stream {
    async fn open(house: &House, token: &str, path: &str, last: Option<&str>) -> Self {
        let mut request = Request::get(path).header("accept", "text/event-stream");
        request = request.header("authorization", format!("Bearer {token}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = house.api.answer(request.body(Full::new(Bytes::new())).unwrap()).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self(response.into_body(), String::new())
    }

    /// The next event: its id, its kind and its JSON; `None` when the stream has ended.
    async fn next(&mut self) -> Option<(String, String, Value)> {
        while !self.1.contains("\n\n") {
            let frame = tokio::time::timeout(StdDuration::from_secs(20), self.0.frame()).await.unwrap()?;
            self.1.push_str(std::str::from_utf8(frame.unwrap().data_ref().unwrap()).unwrap());
        }
        let (event, rest) = self.1.split_once("\n\n").map(|(e, r)| (e.to_owned(), r.to_owned())).unwrap();
        self.1 = rest;
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        Some((field("id: "), field("event: "), serde_json::from_str(&field("data: ")).unwrap()))
    }
}

#[tokio::test]
async fn a_stream_tells_what_happens_as_it_happens_and_goes_on_where_it_left_off() {
    let house = House::new().await;
    house.talk(json!({})).await;
    let now = house.market("GET", "/v1/events?limit=200", Value::Null).await.body["next"].as_str().unwrap().to_owned();
    let mut stream = Stream::open(&house, &house.market, &format!("/v1/events?after={now}"), None).await;
    let sent = house.say("seller", "Barang sudah siap").await;
    let (id, kind, event) = stream.next().await.unwrap();
    assert_eq!((kind.as_str(), &event["message"]), ("message.accepted", &sent.body["id"]));
    assert_eq!((&event["id"], &event["type"]), (&json!(id), &json!("message.accepted")));
    drop(stream);
    house.say("buyer", "Baik").await;
    let mut stream = Stream::open(&house, &house.market, "/v1/events", Some(&id)).await;
    let mut kinds = Vec::new();
    while kinds.last().is_none_or(|(kind, by)| kind != "message.accepted" || by != "buyer") {
        let (_, kind, event) = stream.next().await.unwrap();
        kinds.push((kind, event["by"].as_str().unwrap_or_default().to_owned()));
    }
    let accepted = kinds.iter().filter(|(kind, _)| kind == "message.accepted").count();
    assert_eq!(accepted, 1, "the seller's was told before: {kinds:?}");
}

#[tokio::test]
async fn a_stream_ends_when_its_token_is_revoked() {
    let house = House::new().await;
    let (token, row) = house.desk.issue_token(&house.scope, TokenScope::Auditor, None).await.unwrap();
    let mut stream = Stream::open(&house, token.reveal(), "/v1/events", None).await;
    assert!(stream.next().await.is_some());
    house.talk(json!({})).await;
    house.desk.revoke_token(&house.scope, row.id).await.unwrap();
    // What happened before is not told any more either.
    while let Some((_, kind, _)) = stream.next().await {
        assert!(kind.starts_with("token."), "{kind}");
    }
}

#[tokio::test]
async fn there_are_no_more_streams_than_the_house_can_serve() {
    let house = House::new().await;
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(Stream::open(&house, &house.market, "/v1/events", None).await);
    }
    let request = Request::get("/v1/events").header("accept", "text/html, text/event-stream;q=0.9");
    let request = request.header("authorization", format!("Bearer {}", house.market));
    let told = house.api.answer(request.body(Full::new(Bytes::new())).unwrap()).await;
    assert_eq!(told.status(), 429);
    open.pop();
    Stream::open(&house, &house.market, "/v1/events", None).await;
}
