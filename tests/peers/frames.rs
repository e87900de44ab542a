//! A chat that talks over WebSockets, behind the proxy: its server and its clients are programs that none of us wrote.

use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use super::proxy::{kept, scene_with, token};
use crate::house::{HOSTNAME, House, MARKET, python};

fn script() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/house/chat.py")
}

/// A server of the library `websockets`; it says to its caller what it got.
struct Server(Child);

impl Server {
    fn start(at: SocketAddr) -> Self {
        let mut child = Command::new(python::interpreter())
            .arg(script())
            .args(["serve", &at.ip().to_string(), &at.port().to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("a Python with websockets");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a client reads that sends these frames: first how the connection began.
fn talk(house: &House, at: SocketAddr, path: &str, who: &str, frames: &[String]) -> Vec<String> {
    let token = if who.is_empty() { String::new() } else { token(who) };
    let mut client = Command::new(python::interpreter())
        .arg(script())
        .args(["talk", &format!("wss://{HOSTNAME}{path}")])
        .arg(house.dir.path().join("ca.pem"))
        .args([&token, &at.ip().to_string(), &at.port().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a Python with websockets");
    let mut stdin = client.stdin.take().unwrap();
    let sent = frames.join("\n");
    // A client that was turned away reads nothing.
    let _ = stdin.write_all(sent.as_bytes());
    drop(stdin);
    let out = client.wait_with_output().unwrap();
    String::from_utf8(out.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn routes() -> String {
    format!(
        r#"
        [proxy.upstreams.live]
        addresses = ["HERE:9004"]
        [proxy.routes.live]
        upstream = "live"
        path = "/live"
        action = "talk"
        marketplace = "{MARKET}"
        sender = {{ claim = "sub" }}
        conversation = {{ pointer = "/talk" }}
        contacts = {{ buyer = {{ email = ["/buyer/email"] }} }}
        [[proxy.routes.live.frames]]
        when = {{ "/method" = "sendMessage" }}
        action = "message"
        conversation = {{ pointer = "/params/0/rid" }}
        text = "/params/0/msg"
        refusal = '{{"id":{{echo}},"error":"{{code}}"}}'
        echo = "/id"
        [[proxy.routes.live.frames]]
        when = {{ "/method" = "setTopic" }}
        action = "scrub"
        texts = ["/params/*"]
        [[proxy.routes.live.frames]]
        when = {{ "/msg" = "ping" }}
        action = "pass"
        [proxy.routes.seen]
        upstream = "live"
        path = "/seen"
        action = "talk"
        marketplace = "{MARKET}"
        sender = {{ claim = "sub" }}
        conversation = {{ pointer = "/talk" }}
        observe = true
        [[proxy.routes.seen.frames]]
        when = {{ "/method" = "sendMessage" }}
        action = "message"
        text = "/text"
        [proxy.routes.io]
        upstream = "live"
        path = "/chat.io/"
        query = ["EIO", "transport"]
        action = "talk"
        marketplace = "{MARKET}"
        conversation = {{ pointer = "/1/talk" }}
        sender = {{ claim = "sub" }}
        wrapping = "socketio"
        others = true
        [[proxy.routes.io.frames]]
        when = {{ "/0" = "chat message" }}
        action = "message"
        text = "/1/text"
        "#
    )
}

fn send(id: &str, talk: &str, text: &str) -> String {
    json!({"msg": "method", "method": "sendMessage", "id": id, "params": [{"rid": talk, "msg": text}]}).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_in_a_websocket_is_judged_frame_by_frame() {
    let (house, _chat, at) = scene_with(&routes()).await;
    let _server = Server::start(SocketAddr::new(house.ip, 9004));
    let told = talk(
        &house,
        at,
        "/live",
        "zenon",
        &[
            r#"{"msg":"ping"}"#.to_owned(),
            send("a", "talk", "It left today."),
            send("b", "talk", "Call me: +62 812-3456-7890, all is well."),
            send("c", "talk", "Anda akan mendapatkan voucher jika memberikan 5 bintang."),
            send("d", "nowhere", "hello"),
            r#"{"method":"setTopic","params":["zenon@sklep.example"]}"#.to_owned(),
            r#"{"METHOD":"SENDMESSAGE","id":7,"params":[{"rid":"talk","msg":"Call +62 812-3456-7890"}]}"#.to_owned(),
            r#"{"msg":"ping","talk":"talk","buyer":{"email":"ratna@rumah.example"}}"#.to_owned(),
            r#"{"msg":"ping","talk":"nowhere","buyer":{"email":"ratna@rumah.example"}}"#.to_owned(),
            r#"{"method":"deleteRoom"}"#.to_owned(),
        ],
    );
    assert_eq!(told[0], "open chat.v1 []", "{told:?}");
    let read = |n: usize| serde_json::from_str::<Value>(&told[n]).unwrap_or_else(|_| panic!("{n}: {told:?}"));
    assert_eq!(read(1), json!({"msg": "ping"}));
    assert_eq!(read(2)["params"][0]["msg"], "It left today.");
    let cut = read(3)["params"][0]["msg"].as_str().unwrap().to_owned();
    assert!(cut.starts_with("Call me:") && !cut.contains("3456"), "{cut}");
    assert_eq!(read(4), json!({"id": "c", "error": "content_refused"}));
    assert_eq!(read(5), json!({"id": "d", "error": "not_found"}));
    assert!(!told[6].contains("zenon@"), "{}", told[6]);
    assert!(!told[7].contains("3456"), "a service may not care about case: {}", told[7]);
    let handles = house.api().get("/v1/conversations/talk").await.ok()["handles"].clone();
    assert_eq!(read(8)["buyer"]["email"], handles["buyer"]["email"], "what the service says has handles");
    assert_eq!(read(9)["buyer"]["email"], Value::Null);
    assert_eq!(told[10], "closed 1008 invalid", "what no rule fits goes nowhere");

    let messages = kept(&house).await;
    let states: Vec<&Value> = messages.iter().map(|message| &message["state"]).collect();
    assert_eq!(states, ["delivered", "delivered", "refused", "delivered"], "{messages:?}");
    assert_eq!(messages[0]["channel"], "proxy");

    for frame in [
        "hello",
        r#"bytes:{"method":"sendMessage","params":[{"rid":"talk","msg":"+62 812-3456-7890"}]}"#,
        r#"{"method":"x","method":"sendMessage"}"#,
        r#"["{\"method\":\"sendMessage\"}"]"#,
    ] {
        let told = talk(&house, at, "/live", "zenon", &[frame.to_owned()]);
        assert_eq!((told.len(), told[1].split(' ').nth(1)), (2, Some("1008")), "{frame}: {told:?}");
    }
    assert_eq!(talk(&house, at, "/live", "", &[]), ["status 403"], "who calls is proven first");
    assert_eq!(talk(&house, at, "/live?x=1", "zenon", &[]), ["status 400"]);
    assert_eq!(kept(&house).await.len(), 4);

    // The buyer has had enough: nothing goes any more in a connection that is open.
    house.api().post("/v1/conversations/talk/block", &json!({"by": "buyer"})).await.ok();
    let told = talk(&house, at, "/live", "zenon", &[send("e", "talk", "Are you there?")]);
    assert_eq!(told[1], r#"{"id":"e","error":"contact_limited"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_socket_io_puts_before_its_json_stays_and_what_is_inside_is_judged() {
    let (house, _chat, at) = scene_with(&routes()).await;
    let _server = Server::start(SocketAddr::new(house.ip, 9004));
    let said = |text: &str| format!("4217{}", json!(["chat message", {"talk": "talk", "text": text}]));
    let frames = [
        "2probe".to_owned(),
        r#"40{"token":"x"}"#.to_owned(),
        said("It left today."),
        said("Call me: +62 812-3456-7890, all is well."),
        r#"42["typing",true]"#.to_owned(),
        said("Anda akan mendapatkan voucher jika memberikan 5 bintang."),
    ];
    let told = talk(&house, at, "/chat.io/?EIO=4&transport=websocket", "zenon", &frames);
    assert_eq!(told[1..4], frames[..3], "{told:?}");
    assert!(told[4].starts_with(r#"4217["chat message","#) && !told[4].contains("3456"), "{}", told[4]);
    assert_eq!((told[5].as_str(), told[6].as_str()), (frames[4].as_str(), "closed 1008 content_refused"));
    let told = talk(
        &house,
        at,
        "/chat.io/",
        "zenon",
        &[r#"42["chat message",{"text":"hi"},{"text":"hi","text":"x"}]"#.to_owned()],
    );
    assert_eq!(told[1], "closed 1008 invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_observed_go_through_as_they_came() {
    let (house, _chat, at) = scene_with(&routes()).await;
    let _server = Server::start(SocketAddr::new(house.ip, 9004));
    let frames = [
        "anything",
        r#"{"method":"sendMessage", "talk":"talk", "text":"Call me: +62 812-3456-7890, all is well."}"#,
        "bytes:raw",
    ];
    let told = talk(&house, at, "/seen?x=1", "zenon", &frames.map(str::to_owned));
    assert_eq!(told[1..], frames);
    let metrics = house.ask_admin("/metrics").await.unwrap().1;
    assert!(metrics.contains(r#"tabir_proxy_observed_total{route="seen",would="cut"} 1"#), "{metrics}");
    assert_eq!(kept(&house).await.len(), 0);
}
