use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use super::*;
use crate::model::Secret;

/// A mail host that answers from a script: the reply to each verb, and what it heard.
struct Sink {
    address: SocketAddr,
    heard: Arc<Mutex<String>>,
    connections: Arc<AtomicUsize>,
}

impl Sink {
    /// `replies` maps the start of a line to an answer; `.` is the end of a message. An empty
    /// answer closes the connection.
    async fn open(replies: &'static [(&'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let sink = Self { address: listener.local_addr().unwrap(), heard: Arc::default(), connections: Arc::default() };
        let (heard, connections) = (sink.heard.clone(), sink.connections.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(answer(BufReader::new(stream), replies, heard.clone()));
            }
        });
        sink
    }

    fn courier(&self, tls: TlsPolicy) -> Courier {
        let route = format!("smtp://{}", self.address).parse().unwrap();
        let settings = OutSettings { tls: Some(tls), ..OutSettings::default() };
        Courier::new(route, &settings, "relay.localhost", Dns::new(&[([127, 0, 0, 1], 9).into()]).unwrap()).unwrap()
    }

    fn heard(&self) -> String {
        self.heard.lock().unwrap().clone()
    }
}

async fn answer(
    mut stream: BufReader<tokio::net::TcpStream>,
    replies: &'static [(&'static str, &'static str)],
    heard: Arc<Mutex<String>>,
) {
    let reply = |line: &str| {
        let found = replies.iter().find(|(verb, _)| line.starts_with(verb)).map(|(_, reply)| *reply);
        found.unwrap_or(match line {
            "CONNECT" => "220 sink\r\n",
            line if line.starts_with("EHLO") => "250-sink\r\n250-PIPELINING\r\n250 SIZE 1000000\r\n",
            "DATA" => "354 go\r\n",
            _ => "250 2.0.0 ok\r\n",
        })
    };
    let mut line = String::new();
    let mut data = false;
    stream.write_all(reply("CONNECT").as_bytes()).await.unwrap();
    while {
        line.clear();
        stream.read_line(&mut line).await.unwrap_or(0) > 0
    } {
        heard.lock().unwrap().push_str(&line);
        let said = line.trim_end();
        if data && said != "." {
            continue;
        }
        let told = reply(said);
        data = said == "DATA" && told.starts_with('3');
        if told.is_empty() || stream.write_all(told.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn mail() -> Mail {
    Mail {
        from: "b-1@relay.localhost".to_owned(),
        to: Secret::new("budi@mail.example".to_owned()),
        bytes: Bytes::from_static(b"Subject: hello\r\n\r\n.dot\r\n"),
    }
}

async fn deliver(courier: &Courier) -> Handover {
    let mail = mail();
    let delivery = courier.deliver(&mail, Box::pin(async { true }));
    tokio::time::timeout(Duration::from_secs(20), delivery).await.unwrap()
}

fn never(code: &str) -> Handover {
    Handover::Never { code: code.to_owned() }
}

#[tokio::test]
async fn mails_share_a_connection() {
    let sink = Sink::open(&[]).await;
    let courier = sink.courier(TlsPolicy::May);
    for _ in 0..3 {
        assert_eq!(deliver(&courier).await, Handover::Delivered);
    }
    assert_eq!(sink.connections.load(Ordering::Relaxed), 1);
    let heard = sink.heard();
    let wanted = "MAIL FROM:<b-1@relay.localhost> SIZE=24\r\nRCPT TO:<budi@mail.example>\r\nDATA\r\n\
                  Subject: hello\r\n\r\n..dot\r\n.\r\n";
    assert_eq!(heard.matches(wanted).count(), 3, "{heard}");
}

#[tokio::test]
async fn refusals_are_told_by_their_codes() {
    for (replies, wanted) in [
        (&[("RCPT", "550 5.1.1 no budi@mail.example here\r\n")][..], never("5.1.1")),
        (&[("RCPT", "450 4.2.2 full\r\n")], not_now("4.2.2")),
        (&[("MAIL", "554 no\r\n")], never("554")),
        (&[(".", "552 5.3.4 large\r\n")], never("5.3.4")),
        (&[(".", "")], not_now("connect")),
        (&[("CONNECT", "554 closed\r\n")], not_now("554")),
        (&[("EHLO", "250 SIZE 10\r\n")], Handover::Delivered),
        (&[("EHLO", "250-x\r\n250 SIZE 10\r\n")], never("5.3.4")),
    ] {
        let sink = Sink::open(replies).await;
        assert_eq!(deliver(&sink.courier(TlsPolicy::May)).await, wanted, "{replies:?}");
    }
}

#[tokio::test]
async fn a_mail_called_off_never_ends() {
    let sink = Sink::open(&[]).await;
    let courier = sink.courier(TlsPolicy::May);
    assert_eq!(courier.deliver(&mail(), Box::pin(async { false })).await, Handover::CalledOff);
    assert!(!sink.heard().contains("\r\n.\r\n"));
    assert_eq!(deliver(&courier).await, Handover::Delivered);
    assert_eq!(sink.heard().matches("\r\n.\r\n").count(), 1);
}

#[tokio::test]
async fn nothing_is_sent_in_clear_where_tls_is_wanted() {
    for tls in [TlsPolicy::Encrypt, TlsPolicy::Verify] {
        let sink = Sink::open(&[]).await;
        assert_eq!(deliver(&sink.courier(tls)).await, not_now("tls"));
        assert!(!sink.heard().contains("MAIL"));
    }
}

#[tokio::test]
async fn words_behind_the_answer_to_starttls_end_the_connection() {
    const INJECTED: &[(&str, &str)] =
        &[("EHLO", "250-sink\r\n250 STARTTLS\r\n"), ("STARTTLS", "220 go\r\n250-sink\r\n250 SIZE 1\r\n")];
    let sink = Sink::open(INJECTED).await;
    assert_eq!(deliver(&sink.courier(TlsPolicy::Encrypt)).await, not_now("tls"));
    assert!(!sink.heard().contains("MAIL"));
}

#[tokio::test]
async fn an_address_can_not_carry_a_command() {
    let sink = Sink::open(&[]).await;
    let mail = Mail { to: Secret::new("a@b.example>\r\nRCPT TO:<c@d.example".to_owned()), ..mail() };
    let handover = sink.courier(TlsPolicy::May).deliver(&mail, Box::pin(async { true })).await;
    assert!(matches!(handover, Handover::Never { .. }), "{handover:?}");
    assert!(!sink.heard().contains("RCPT"));
}

#[tokio::test]
async fn a_host_that_is_down_is_tried_again_later() {
    let sink = Sink::open(&[]).await;
    let mut courier = sink.courier(TlsPolicy::May);
    courier.route = "smtp://127.0.0.1:9".parse().unwrap();
    assert_eq!(deliver(&courier).await, not_now("connect"));
}

#[tokio::test]
async fn a_host_that_closes_is_left_alone_for_a_while() {
    for replies in [
        &[("CONNECT", "421 4.3.2 come back later\r\n")][..],
        &[("MAIL", "421 4.7.0 too much\r\n")],
        &[(".", "421 4.7.0 too much\r\n")],
    ] {
        let sink = Sink::open(replies).await;
        let courier = sink.courier(TlsPolicy::May);
        let first = deliver(&courier).await;
        assert!(matches!(first, Handover::NotNow { .. }), "{first:?}");
        assert_eq!(deliver(&courier).await, not_now("paused"), "{replies:?}");
        assert_eq!(sink.connections.load(Ordering::Relaxed), 1, "{replies:?}");
    }
}

#[tokio::test]
async fn what_a_smart_host_says_of_one_recipient_pauses_nobody_else() {
    let sink = Sink::open(&[("RCPT", "451 4.7.1 greylisted\r\n")]).await;
    let courier = sink.courier(TlsPolicy::May);
    for _ in 0..2 {
        assert_eq!(deliver(&courier).await, not_now("4.7.1"));
    }
}
