//! The reverse proxy before a chat that is there already: what is judged, what goes through, what never does.

use std::{
    convert::Infallible,
    net::SocketAddr,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use data_encoding::{BASE64URL_NOPAD, HEXUPPER};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use ring::hmac;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};

use tokio_rustls::TlsAcceptor;

use super::contact::list;
use crate::house::{DOMAIN, HOSTNAME, House, MARKET, Person, Plan, api::Api, eventually, python};

/// A call as the service behind got it.
#[derive(Clone, Debug)]
pub(super) struct Got {
    method: String,
    pub(super) path: String,
    pub(super) headers: hyper::HeaderMap,
    pub(super) body: Bytes,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A service behind: it tells what it got.
#[derive(Clone, Default)]
pub(super) struct Chat(Arc<Mutex<Vec<Got>>>);

impl Chat {
    pub(super) async fn open(&self, at: SocketAddr) {
        let listener = TcpListener::bind(at).await.unwrap();
        let chat = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let chat = chat.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let chat = chat.clone();
                        async move { Ok::<_, Infallible>(chat.answer(request).await) }
                    });
                    let connection = hyper::server::conn::http1::Builder::new();
                    let _ = connection.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
                });
            }
        });
    }

    /// The same over TLS.
    async fn open_tls(&self, at: SocketAddr, acceptor: TlsAcceptor) {
        let listener = TcpListener::bind(at).await.unwrap();
        let chat = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (chat, acceptor) = (chat.clone(), acceptor.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = service_fn(move |request| {
                        let chat = chat.clone();
                        async move { Ok::<_, Infallible>(chat.answer(request).await) }
                    });
                    let connection = hyper::server::conn::http1::Builder::new();
                    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
    }

    async fn answer(&self, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
        let upgrade = hyper::upgrade::on(&mut request);
        let (parts, body) = request.into_parts();
        let path = parts.uri.to_string();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let got =
            Got { method: parts.method.to_string(), path: path.clone(), headers: parts.headers, body: body.clone() };
        self.0.lock().unwrap().push(got);
        let answer =
            |kind: &str, body: String| Response::builder().header("content-type", kind).body(Full::from(body)).unwrap();
        let order = json!({"id": "o-1", "conversation": "talk", "buyer": {"email": "ratna@rumah.example", "phone": "+62 812 0000 1111",
            "name": "Ratna Kusuma"}, "items": [{"by": "zenon@sklep.example"}, {"by": null}], "shipping_address": {"line": "Jl. Melati 5"}});
        match path.as_str() {
            "/socket" => {
                tokio::spawn(async move {
                    let mut socket = TokioIo::new(upgrade.await.unwrap());
                    let mut word = [0; 4];
                    while socket.read_exact(&mut word).await.is_ok() {
                        socket.write_all(&word).await.unwrap();
                    }
                });
                let switching =
                    Response::builder().status(101).header("connection", "upgrade").header("upgrade", "websocket");
                switching.body(Full::default()).unwrap()
            }
            "/orders/o-1" => answer("application/json", order.to_string()),
            "/mine" => {
                let other = order.to_string().replace("talk", "nowhere");
                answer("application/json", format!("{{\"orders\":[{order},{other},{order}],\"next\":null}}"))
            }
            "/orders/events" => answer(
                "text/event-stream",
                format!(
                    "retry: 10\n\n: hello\nevent: order\r\nid: 7\ndata: {order}\n\ndata: plain\n\ndata: {{\"a\":\ndata: 1}}\n\ndata: lost"
                ),
            ),
            "/orders/list" => answer("application/json", format!("[{order}]")),
            "/orders/map" => {
                answer("application/json", json!({"items": {"0": {"by": "zenon@sklep.example"}}}).to_string())
            }
            "/orders/none" => answer("application/json", order.to_string().replace("talk", "nowhere")),
            "/orders/html" => answer("text/html", order.to_string()),
            "/orders/broken" => answer("application/json", order.to_string().replace("}}", "}")),
            _ => Response::builder()
                .status(StatusCode::ACCEPTED)
                .header("connection", "keep-alive, x-of-this-hop")
                .header("x-of-this-hop", "1")
                .header("x-answer", "42")
                .header("content-type", "application/octet-stream")
                .body(Full::from(body))
                .unwrap(),
        }
    }

    pub(super) fn last(&self) -> Got {
        self.0.lock().unwrap().last().cloned().unwrap()
    }

    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

const SECRET: [u8; 32] = [7; 32];

/// The token of somebody.
pub(super) fn token(of: &str) -> String {
    signed(of, "HS256", |words| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &SECRET), words).as_ref().to_vec())
}

fn signed(of: &str, algorithm: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let encoded = |value: Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let words =
        format!("{}.{}", encoded(json!({"alg": algorithm})), encoded(json!({"sub": of, "exp": 4_102_444_800_u64})));
    let tag = sign(words.as_bytes());
    format!("{words}.{}", BASE64URL_NOPAD.encode(&tag))
}

/// What openssl says, in the folder of a house.
fn openssl(house: &House, words: &[&str]) -> Vec<u8> {
    let run = Command::new("openssl").args(words).current_dir(house.dir.path()).output().expect("openssl");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    run.stdout
}

/// An RSA key of the market's in `rsa.pem`, and its number.
fn rsa(house: &House) -> Value {
    openssl(house, &["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "rsa.pem"]);
    let told = String::from_utf8(openssl(house, &["rsa", "-in", "rsa.pem", "-modulus", "-noout"])).unwrap();
    let modulus = HEXUPPER.decode(told.trim().strip_prefix("Modulus=").unwrap().as_bytes()).unwrap();
    json!({"kty": "RSA", "n": BASE64URL_NOPAD.encode(&modulus), "e": "AQAB"})
}

/// A house before a chat, with a conversation `talk` between `ratna` and `zenon`.
async fn scene() -> (House, Chat, SocketAddr) {
    scene_with("").await
}

/// The same with more routes; `HERE` in them is the address of the house.
pub(super) async fn scene_with(more: &str) -> (House, Chat, SocketAddr) {
    let mut house = Plan::new().lay();
    let ip = house.ip;
    let more = more.replace("HERE", &ip.to_string());
    let at = |port| SocketAddr::new(ip, port);
    let jwks = json!({"keys": [{"kty": "oct", "k": BASE64URL_NOPAD.encode(&SECRET)}, rsa(&house)]});
    std::fs::write(house.dir.path().join("jwks.json"), jwks.to_string()).unwrap();
    house.change(&format!(
        r#"
        [listen]
        proxy_https = "{ip}:8444"
        [proxy]
        max_body = "1MB"
        max_judged = "10kB"
        [proxy.issuers.market]
        keys = "jwks.json"
        [proxy.upstreams.chat]
        addresses = ["{ip}:9001"]
        refusal = {{ body = '{{"error":"{{code}}"}}' }}
        [proxy.upstreams.late]
        addresses = ["{ip}:9002"]
        [proxy.upstreams.files]
        addresses = ["{ip}:9003"]
        [proxy.routes.send]
        upstream = "chat"
        methods = ["POST"]
        path = "/talks/{{id}}/messages"
        action = "message"
        marketplace = "{MARKET}"
        conversation = {{ path = "id" }}
        sender = {{ claim = "sub" }}
        text = "/message/body"
        subject = "/message/title"
        [proxy.routes.send_late]
        upstream = "late"
        methods = ["POST"]
        path = "/late/{{id}}"
        action = "message"
        marketplace = "{MARKET}"
        conversation = {{ path = "id" }}
        sender = {{ claim = "sub" }}
        text = "/body"
        [proxy.routes.listing]
        upstream = "chat"
        methods = ["PUT"]
        path = "/listings/{{id}}"
        action = "scrub"
        marketplace = "{MARKET}"
        texts = ["/title", "/notes/*/text"]
        [proxy.routes.order]
        upstream = "chat"
        methods = ["GET"]
        path = "/orders/{{id}}"
        action = "pass"
        marketplace = "{MARKET}"
        conversation = {{ pointer = "/conversation" }}
        contacts = {{ buyer = {{ email = ["/buyer/email"], phone = ["/buyer/phone"], name = ["/buyer/name"], address = ["/shipping_address"] }}, seller = {{ email = ["/items/*/by"] }} }}
        [proxy.routes.mine]
        upstream = "chat"
        methods = ["GET"]
        path = "/mine"
        action = "pass"
        marketplace = "{MARKET}"
        each = "/orders/*"
        conversation = {{ pointer = "/conversation" }}
        contacts = {{ buyer = {{ email = ["/buyer/email"], phone = ["/buyer/phone"], name = ["/buyer/name"], address = ["/shipping_address"] }}, seller = {{ email = ["/items/*/by"] }} }}
        [proxy.routes.socket]
        upstream = "chat"
        path = "/socket"
        action = "pass"
        websocket = true
        [proxy.routes.files]
        upstream = "files"
        path = "/files/{{*rest}}"
        action = "pass"
        [proxy.routes.rest]
        upstream = "chat"
        path = "/{{*rest}}"
        action = "pass"
        websocket = true
        {more}
        "#
    ));
    house.rise();
    house.wait_ready().await;
    house.token = house.add_marketplace(MARKET, DOMAIN);
    let api = house.api();
    Person::new("ratna", "Ratna Kusuma", "ratna@rumah.example").enroll(&api, "buyer").await;
    Person::new("zenon", "Zenon Gawel", "zenon@sklep.example").enroll(&api, "seller").await;
    api.put("/v1/conversations/talk", &json!({"buyer": "ratna", "seller": "zenon"})).await.ok();
    let chat = Chat::default();
    chat.open(at(9001)).await;
    (house, chat, at(8444))
}

pub(super) fn caller(house: &House, at: SocketAddr, who: &str) -> Api {
    Api::new(at, HOSTNAME, house.certs.connector(), &if who.is_empty() { String::new() } else { token(who) })
}

fn says(text: &str) -> Value {
    json!({"message": {"title": "Hi", "body": text, "seen": false}, "id": 18_446_744_073_709_551_615_u64})
}

pub(super) async fn kept(house: &House) -> Vec<Value> {
    let answer = house.api().get("/v1/conversations/talk/messages?as=seller").await.ok();
    list(&answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_judged_before_a_byte_of_it_goes_upstream() {
    let (house, chat, at) = scene().await;
    let seller = caller(&house, at, "zenon");
    let send = "/talks/talk/messages";

    let answer = seller.post(send, &says("It left today. Call me: +62 812-3456-7890, all is well.")).await;
    assert_eq!((answer.status, answer.headers["x-answer"].to_str().unwrap()), (202, "42"), "{}", answer.text());
    let got = chat.last();
    assert!(!got.json()["message"]["body"].as_str().unwrap().contains("3456"), "{:?}", got.json());
    assert!(got.json()["message"]["body"].as_str().unwrap().starts_with("It left today."));
    let order = String::from_utf8(got.body.to_vec()).unwrap();
    assert!(order.ends_with("\"seen\":false},\"id\":18446744073709551615}") || order.contains("18446744073709551615"));
    assert_eq!(got.headers["content-type"], "application/json");
    let messages = kept(&house).await;
    assert_eq!(messages.len(), 1);
    assert_eq!(
        (&messages[0]["state"], &messages[0]["channel"]),
        (&json!("delivered"), &json!("proxy")),
        "{messages:?}"
    );
    assert!(!house.ask_admin("/mailbox").await.unwrap().1.contains("It left today"), "nothing goes by mail too");

    // The buyer answers, proven by a key that openssl made.
    let by_rsa = signed("ratna", "RS256", |words| {
        std::fs::write(house.dir.path().join("words"), words).unwrap();
        openssl(&house, &["dgst", "-sha256", "-sign", "rsa.pem", "words"])
    });
    let buyer = Api::new(at, HOSTNAME, house.certs.connector(), &by_rsa);
    assert_eq!(buyer.post(send, &says("Thank you.")).await.status, 202);
    assert_eq!(kept(&house).await[1]["from"], "buyer");

    // What is refused is recorded, and told as the chat tells its own errors.
    let before = chat.count();
    let refused = seller.post(send, &says("Anda akan mendapatkan voucher jika memberikan 5 bintang.")).await;
    assert_eq!((refused.status, refused.text().as_str()), (422, r#"{"error":"content_refused"}"#));
    assert_eq!(kept(&house).await[2]["state"], "refused");
    // What would wait for a person elsewhere can not wait here.
    let held = seller.post(send, &says("You stupid bitch.")).await;
    assert_eq!(held.status, 422, "{}", held.text());

    for (who, path, wanted) in [
        ("", send, 403),
        ("somebody", send, 404),
        ("zenon", "/talks/nowhere/messages", 404),
        ("zenon", "/talks/no%20id/messages", 404),
        ("zenon", "/talks/talk/messages/", 400),
        ("zenon", "/TALKS/talk/messages", 400),
        ("zenon", "/talks/talk/messages?message%5Bbody%5D=x", 400),
        ("zenon", "/x/..%2ftalks/talk/messages", 400),
        ("zenon", "/talks/talk/messages.json", 400),
        ("zenon", "/talks/talk/messages%20", 400),
        ("zenon", "/talks/talk/messages.", 400),
        ("zenon", "/talks/talk/messages%3fa=b", 400),
        ("zenon", "/talks/talk/me%C5%BF%C5%BFages", 400),
    ] {
        let answer = caller(&house, at, who).post(path, &says("hello")).await;
        assert_eq!(answer.status, wanted, "{who} {path}: {}", answer.text());
    }
    for (kind, body, wanted) in [
        ("application/json", r#"{"message":{"body":"hello","body":"+62 812-3456-7890"}}"#, 400),
        ("application/json", r#"{"message":{"body":"hello","Body":"+62 812-3456-7890"}}"#, 400),
        ("application/json", r#"{"message":{"body":"hello"}"#, 400),
        ("application/json", r#"{"message":{"body":["hello"]}}"#, 400),
        ("application/json", r#"{"message":{}}"#, 400),
        ("text/plain", r#"{"message":{"body":"hello"}}"#, 415),
    ] {
        let curl = curl(
            &house,
            at,
            &[
                "-H",
                &format!("authorization: Bearer {}", token("zenon")),
                "-H",
                &format!("content-type: {kind}"),
                "-d",
                body,
            ],
            send,
        );
        assert!(curl.starts_with(&wanted.to_string()), "{body}: {curl}");
    }
    let long = seller.post(send, &says(&"a ".repeat(10_000))).await;
    assert_eq!(long.status, 413);
    let zipped =
        seller.call("POST", send, &[("content-encoding", "gzip")], Some(says("hello").to_string().into())).await;
    assert_eq!(zipped.status, 415);
    // What a caller says to be of this connection alone is not there, for us as for who is behind.
    for (named, wanted) in [("content-type", 415), ("authorization", 403)] {
        let answer = seller.call("POST", send, &[("connection", named)], Some(says("hello").to_string().into())).await;
        assert_eq!(answer.status, wanted, "{named}: {}", answer.text());
    }
    assert_eq!(chat.count(), before, "nothing of all that went upstream");

    // The buyer has had enough.
    house.api().post("/v1/conversations/talk/block", &json!({"by": "buyer"})).await.ok();
    let blocked = seller.post(send, &says("Are you there?")).await;
    assert_eq!((blocked.status, blocked.text().as_str()), (429, r#"{"error":"contact_limited"}"#));
    assert!(!blocked.headers.contains_key("retry-after"), "nobody learns when the door opens");
    assert_eq!(chat.count(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_upstream_did_not_take_is_sent_again_under_its_key_and_recorded_once() {
    let (house, _chat, at) = scene().await;
    let seller = caller(&house, at, "zenon");
    let body = json!({"body": "It left today."});
    let down = seller.post_once("/late/talk", "key-1", &body).await;
    assert_eq!((down.status, down.headers.contains_key("retry-after")), (502, true), "{}", down.text());
    assert_eq!(kept(&house).await[0]["state"], "failed");
    // A moment ago nobody answered there: nothing is accepted.
    let still = seller.post_once("/late/talk", "key-2", &json!({"body": "And another."})).await;
    assert_eq!((still.status, kept(&house).await.len()), (502, 1), "{}", still.text());

    let late = Chat::default();
    late.open(SocketAddr::new(house.ip, 9002)).await;
    let done = eventually(Duration::from_secs(5), "the upstream is found again", async || {
        let answer = seller.post_once("/late/talk", "key-1", &body).await;
        (answer.status == 202).then_some(answer)
    });
    done.await;
    let messages = kept(&house).await;
    assert_eq!((messages.len(), &messages[0]["state"]), (1, &json!("delivered")), "{messages:?}");
    assert_eq!(late.last().json(), body);
    assert_eq!(late.last().headers["idempotency-key"], "key-1");
    seller.post_once("/late/talk", "key-1", &body).await.problem(409, "already_sent");
    seller
        .post_once("/late/talk", "key-1", &json!({"body": "Other words."}))
        .await
        .problem(409, "idempotency_conflict");
    assert_eq!(late.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_upstream_may_have_taken_is_said_to_be_on_its_way_and_not_brought_twice() {
    let (house, _chat, at) = scene().await;
    let seller = caller(&house, at, "zenon");
    let body = json!({"body": "It left today."});
    // It reads the call and breaks off.
    let listener = TcpListener::bind(SocketAddr::new(house.ip, 9002)).await.unwrap();
    let calls = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&calls);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut read = Vec::new();
            while !read.ends_with(b"}") && stream.read_buf(&mut read).await.is_ok_and(|n| n > 0) {}
            *counted.lock().unwrap() += 1;
        }
    });
    let lost = seller.post_once("/late/talk", "key-1", &body).await;
    assert_eq!(lost.status, 502, "{}", lost.text());
    assert_eq!(kept(&house).await[0]["state"], "queued", "nobody knows");
    let again = seller.post_once("/late/talk", "key-1", &body).await;
    assert_eq!((again.status, again.headers.contains_key("retry-after")), (503, true), "{}", again.text());
    assert_eq!(*calls.lock().unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_in_answers_become_handles_and_texts_are_cleaned() {
    let (house, chat, at) = scene().await;
    let anybody = caller(&house, at, "");
    let order = anybody.get("/orders/o-1").await.ok();
    let handles = house.api().get("/v1/conversations/talk").await.ok()["handles"].clone();
    assert_eq!(
        order["buyer"],
        json!({"email": handles["buyer"]["email"], "phone": null, "name": handles["buyer"]["name"]})
    );
    assert_eq!((&order["items"][0]["by"], &order["shipping_address"]), (&handles["seller"]["email"], &Value::Null));
    assert_eq!(order["id"], "o-1");
    let unknown = anybody.get("/orders/none").await.ok();
    assert_eq!(unknown["buyer"], json!({"email": null, "phone": null, "name": null}));
    // Of several orders each has its own people.
    let mine = anybody.get("/mine").await.ok();
    let of = |n: usize| &mine["orders"][n]["buyer"]["email"];
    assert_eq!((of(0), of(1), of(2)), (&handles["buyer"]["email"], &Value::Null, of(0)), "{mine}");
    assert!(!mine.to_string().contains("rumah") && !mine.to_string().contains("sklep"), "{mine}");
    // And a stream of events has them too.
    let events = anybody.get("/orders/events").await;
    assert_eq!((events.status, events.headers["content-type"].to_str().unwrap()), (200, "text/event-stream"));
    let text = events.text();
    assert!(text.starts_with("retry: 10\n\n: hello\nevent: order\nid: 7\ndata: {\"buyer\":{\"email\":"), "{text}");
    assert!(text.ends_with("\n\ndata: plain\n\ndata: {\"a\":1}\n\n"), "{text}");
    assert!(text.contains(handles["buyer"]["email"].as_str().unwrap()) && !text.contains("ratna@"), "{text}");
    for path in ["/orders/html", "/orders/broken", "/orders/list", "/orders/map"] {
        let answer = anybody.get(path).await;
        assert_eq!(answer.status, 502);
        assert!(!answer.text().contains("ratna") && !answer.text().contains("zenon"), "{}", answer.text());
    }
    assert!(!chat.last().headers.contains_key("accept-encoding"));

    let listing = json!({"title": "Batik, write to toko@surat.example", "notes": [{"text": "new"}, {"text": "or +62 812-3456-7890"}], "price": 1.5});
    let answer = anybody.put("/listings/1", &listing).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let got = chat.last().json();
    assert!(!got.to_string().contains("surat.example") && !got.to_string().contains("3456"), "{got}");
    assert_eq!((&got["notes"][0]["text"], &got["price"]), (&json!("new"), &json!(1.5)));
    let before = chat.count();
    let call = "+62 812-3456-7890";
    for odd in [
        json!({"title": 628_123_456_789_u64}),
        json!([{"title": call}]),
        json!({"notes": {"0": {"text": call}}}),
        json!({"notes": [[{"text": call}]]}),
        json!({"title": "new", "TITLE": call}),
    ] {
        assert_eq!(anybody.put("/listings/1", &odd).await.status, 400, "{odd}");
    }
    assert_eq!(chat.count(), before);
    assert_eq!(anybody.put("/listings/1", &json!({"Title": call})).await.status, 202);
    assert!(!chat.last().json().to_string().contains("3456"), "{:?}", chat.last().json());
    assert_eq!(anybody.put("/listings/1", &json!({"notes": vec![json!({"text": "a"}); 1_001]})).await.status, 413);
    assert_eq!(kept(&house).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_judges_goes_through_as_it_is_and_nothing_smuggles_itself_past() {
    let (house, chat, at) = scene().await;
    let anybody = caller(&house, at, "");
    let body: Vec<u8> = (0..300_000_u32).flat_map(|n| n.to_le_bytes()).take(300_000).collect();
    let sent = [
        ("x-forwarded-for", "203.0.113.9"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("cookie", "a=b"),
        ("te", "trailers"),
        ("x_http_method_override", "PUT"),
        ("x-original-url", "/listings/1"),
        ("true-client-ip", "203.0.113.9"),
    ];
    let answer = anybody.call("POST", "/upload?as=%20x", &sent, Some(Bytes::from(body.clone()))).await;
    assert_eq!((answer.status, answer.body.as_ref()), (202, body.as_slice()));
    assert!(!answer.headers.contains_key("x-of-this-hop") && answer.headers.contains_key("x-request-id"));
    let got = chat.last();
    assert_eq!(
        (got.method.as_str(), got.path.as_str(), got.body.as_ref()),
        ("POST", "/upload?as=%20x", body.as_slice())
    );
    assert_eq!(got.headers["x-forwarded-for"], "127.0.0.1");
    assert_eq!((&got.headers["host"], &got.headers["cookie"]), (&HOSTNAME.parse().unwrap(), &"a=b".parse().unwrap()));
    for gone in ["x-hop", "te", "x_http_method_override", "x-original-url", "true-client-ip"] {
        assert!(!got.headers.contains_key(gone), "{gone}: {:?}", got.headers);
    }
    // A form could name the method under which this path is judged.
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(anybody.call("POST", "/listings/1", &form, Some("_method=PUT&title=x".into())).await.status, 400);
    assert_eq!(anybody.call("POST", "/listings/1?%5fmethod=PUT", &[], Some("{}".into())).await.status, 400);
    assert_eq!(anybody.call("POST", "/upload", &form, Some("a=b".into())).await.status, 202);
    assert_eq!(got.headers["x-request-id"], answer.headers["x-request-id"]);
    let large = anybody.call("POST", "/upload", &[], Some(Bytes::from(vec![0; 1_000_001]))).await;
    assert_eq!(large.status, 413);

    socket(&anybody).await;
    smuggle(&anybody, &chat).await;

    // A server and a client that none of us wrote.
    let folder = house.dir.path().join("www/files");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("a b.bin"), &body).unwrap();
    let mut files = Command::new(python::interpreter())
        .args(["-m", "http.server", "9003", "--bind", &house.ip.to_string()])
        .current_dir(house.dir.path().join("www"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    for version in ["--http1.1", "--http2"] {
        eventually(Duration::from_secs(5), "the file", async || {
            let told = curl(&house, at, &[version, "-o", "got.bin"], "/files/a%20b.bin");
            told.starts_with("200").then_some(())
        })
        .await;
        assert_eq!(std::fs::read(house.dir.path().join("got.bin")).unwrap(), body, "{version}");
        let told = curl(
            &house,
            at,
            &[version, "-d", "{\"message\":{\"body\":\"+62 812-3456-7890\"}}", "-H", "content-type: application/json"],
            "/talks/talk/messages",
        );
        assert!(told.starts_with("403"), "{version}: {told}");
    }
    files.kill().unwrap();
    files.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_is_spoken_to_in_tls_and_one_that_says_it_is_ill_is_left_alone() {
    let routes = r#"
        [proxy.upstreams.safe]
        addresses = ["HERE:9005"]
        tls = { ca = "ca.pem", name = "NAME" }
        [proxy.upstreams.posed]
        addresses = ["HERE:9005"]
        tls = { ca = "ca.pem", name = "other.example" }
        [proxy.upstreams.ill]
        addresses = ["HERE:9001", "HERE:9006"]
        health = { path = "/health", every = "200ms" }
        [proxy.routes.safe]
        upstream = "safe"
        path = "/safe"
        action = "pass"
        [proxy.routes.posed]
        upstream = "posed"
        path = "/posed"
        action = "pass"
        [proxy.routes.ill]
        upstream = "ill"
        path = "/ill"
        action = "pass"
    "#;
    let (house, chat, at) = scene_with(&routes.replace("NAME", HOSTNAME)).await;
    let safe = Chat::default();
    safe.open_tls(SocketAddr::new(house.ip, 9005), house.certs.acceptor()).await;
    let anybody = caller(&house, at, "");
    let answer = anybody.call("POST", "/safe", &[], Some("{}".into())).await;
    assert_eq!((answer.status, safe.count()), (202, 1), "{}", answer.text());
    assert_eq!(anybody.get("/posed").await.status, 502, "a certificate of another name is not believed");
    assert_eq!(safe.count(), 1);

    // It takes connections, and says that it can not serve.
    let ill = TcpListener::bind(SocketAddr::new(house.ip, 9006)).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = ill.accept().await {
            tokio::spawn(async move {
                let mut read = vec![0; 4_096];
                while stream.read(&mut read).await.is_ok_and(|n| n > 0) {
                    let _ = stream.write_all(b"HTTP/1.1 503 Ill\r\ncontent-length: 0\r\n\r\n").await;
                }
            });
        }
    });
    eventually(Duration::from_secs(5), "only the one that is well is asked", async || {
        let mut all = Vec::new();
        for _ in 0..8 {
            all.push(anybody.get("/ill").await.status);
        }
        all.iter().all(|status| *status == 202).then_some(())
    })
    .await;
    assert!(chat.0.lock().unwrap().iter().any(|got| got.path == "/health"));
}

/// Runs curl; the status and the body.
fn curl(house: &House, at: SocketAddr, words: &[&str], path: &str) -> String {
    let run = Command::new("curl")
        .args(["-sS", "--max-time", "10", "--cacert", "ca.pem", "--path-as-is", "-w", "%{stderr}%{http_code}"])
        .args(["--resolve", &format!("{HOSTNAME}:{}:{}", at.port(), at.ip())])
        .args(words)
        .arg(format!("https://{HOSTNAME}:{}{path}", at.port()))
        .current_dir(house.dir.path())
        .output()
        .expect("curl");
    format!("{} {}", String::from_utf8_lossy(&run.stderr), String::from_utf8_lossy(&run.stdout))
}

/// A WebSocket where one may be opened, and none on the path of a message.
async fn socket(anybody: &Api) {
    for (path, wanted) in
        [("/socket", "101"), ("/talks/talk/messages", "403"), ("/talks/talk/messages/", "403"), ("/orders/o-1", "403")]
    {
        let mut stream = anybody.open_tls().await.unwrap();
        let ask = format!(
            "GET {path} HTTP/1.1\r\nhost: {HOSTNAME}\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        );
        stream.write_all(ask.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(Duration::from_secs(5), stream.read_u8()).await.unwrap().unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {wanted}")), "{path}: {head}");
        if wanted == "101" {
            stream.write_all(b"ping").await.unwrap();
            let mut word = [0; 4];
            timeout(Duration::from_secs(5), stream.read_exact(&mut word)).await.unwrap().unwrap();
            assert_eq!(&word, b"ping");
        }
    }
}

/// Bytes in which two programs could see two things: whatever we see in them, the message in them goes nowhere unjudged.
async fn smuggle(anybody: &Api, chat: &Chat) {
    let hidden = "POST /talks/talk/messages HTTP/1.1\r\nhost: mx.veil.example\r\ncontent-type: application/json\r\ncontent-length: 31\r\n\r\n{\"message\":{\"body\":\"SMUGGLED\"}}";
    let chunked = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    let before = chat.count();
    for head in [
        "content-length: 4\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 4",
        "content-length: 4\r\ncontent-length: 200",
        "content-length: 4, 200",
        "content-length: +4",
        "content-length: 0x4",
        "transfer-encoding: identity, chunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: xchunked",
        "transfer-encoding:\u{b}chunked",
        "transfer-encoding : chunked\r\ncontent-length: 4",
        "transfer-encoding: chunked\r\ntransfer-encoding: x",
        "x-folded: a\r\n content-length: 4\r\ncontent-length: 5",
        "x-bare: a\ncontent-length: 4",
        "x-nul: a\0b",
        "host: other.example",
    ] {
        for body in [hidden.to_owned(), chunked.clone(), format!("0\r\n\r\n{hidden}")] {
            let mut stream = anybody.open_tls().await.unwrap();
            let sent = format!("POST /upload HTTP/1.1\r\nhost: {HOSTNAME}\r\n{head}\r\n\r\n{body}");
            let _ = stream.write_all(sent.as_bytes()).await;
            let _ = timeout(Duration::from_millis(60), stream.read_to_end(&mut Vec::new())).await;
        }
    }
    for got in &chat.0.lock().unwrap()[before..] {
        assert_eq!(got.path, "/upload", "{got:?}");
        let framings = got.headers.get_all("content-length").iter().count()
            + got.headers.get_all("transfer-encoding").iter().count();
        assert!(framings <= 1, "{got:?}");
    }
}
