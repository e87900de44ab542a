//! MTA-STS as mail meets it: name server, web server and mail hosts on loopback.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::model::Secret;

#[path = "../../../../tests/house/certs.rs"]
#[allow(dead_code, unreachable_pub, missing_docs, reason = "shared with the tests of the whole house")]
pub(super) mod certs;
#[path = "../../../../tests/house/dns.rs"]
#[allow(dead_code, unreachable_pub, missing_docs, reason = "shared with the tests of the whole house")]
pub(in super::super) mod names;
#[path = "../../../../tests/house/sink.rs"]
#[allow(dead_code, unreachable_pub, missing_docs, reason = "shared with the tests of the whole house")]
pub(super) mod sink;

use certs::Certs;
use names::{Manner, Record};
use sink::Sink;

const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// What the web server answers, and how often it was asked.
#[derive(Default)]
struct Web {
    says: Mutex<String>,
    asked: AtomicUsize,
}

impl Web {
    async fn open(certs: &Certs) -> (Arc<Self>, u16) {
        let listener = TcpListener::bind((LOCAL, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (web, acceptor) = (Arc::new(Self::default()), certs.acceptor());
        let serving = Arc::clone(&web);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                serving.asked.fetch_add(1, Ordering::Relaxed);
                let Ok(mut stream) = acceptor.accept(tcp).await else { continue };
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") && stream.read_buf(&mut request).await.unwrap_or(0) > 0 {}
                let request = String::from_utf8(request).unwrap();
                assert!(request.starts_with("GET /.well-known/mta-sts.txt HTTP/1.1\r\n"), "{request}");
                let says = serving.says.lock().unwrap().clone();
                let _ = stream.write_all(says.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        (web, port)
    }

    fn say(&self, head: &str, body: &str) {
        *self.says.lock().unwrap() = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    }

    fn tell(&self, policy: &str) {
        self.say("200 OK\r\nContent-Type: text/plain; charset=utf-8", policy);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

struct World {
    dns: names::Dns,
    web: Arc<Web>,
    sink: Sink,
    courier: Courier,
}

/// The name that the mail host's certificate has, and whether it offers STARTTLS at all.
enum Shows {
    Certificate(&'static str),
    Nothing,
}

impl World {
    /// `mail.example` with one mail host, `mx.mail.example`, and a policy.
    async fn with(policy: &str, shows: Shows) -> Self {
        let dns = names::Dns::start().await;
        let site = Certs::make("mta-sts.mail.example", LOCAL);
        let (web, port) = Web::open(&site).await;
        web.tell(policy);
        let (certs, offers) = match shows {
            Shows::Certificate(name) => (Certs::make(name, LOCAL), true),
            Shows::Nothing => (Certs::make("mx.mail.example", LOCAL), false),
        };
        let sink = Sink::start(offers.then(|| certs.acceptor())).await;
        dns.txt("_mta-sts.mail.example", "v=STSv1; id=1");
        dns.put("mail.example", Record::Mx(10, "mx.mail.example".to_owned()));
        for name in ["mta-sts.mail.example", "mx.mail.example", "other.mail.example"] {
            dns.put(name, Record::A([127, 0, 0, 1].into()));
        }
        let asked = Dns::new(&[dns.at]).unwrap().reaching(|_| true);
        let mut courier = courier(asked.clone());
        courier.port = sink.at.port();
        courier.proving = Arc::clone(certs.connector().config());
        courier.sts = Some(Sts::new(asked, Arc::clone(site.connector().config()), port));
        Self { dns, web, sink, courier }
    }

    async fn deliver(&self) -> Handover {
        let mail = Mail {
            from: "b-1@relay.localhost".to_owned(),
            to: Secret::new("budi@mail.example".to_owned()),
            bytes: Bytes::from_static(b"Subject: hello\r\n\r\nhello\r\n"),
        };
        let delivery = self.courier.deliver(&mail, Box::pin(async { true }));
        tokio::time::timeout(Duration::from_secs(30), delivery).await.unwrap()
    }

    /// As if so much time had passed, for policies, names and connections.
    fn pass(&self, time: Duration) {
        self.courier.sts.as_ref().unwrap().age(time);
        self.courier.dns.resolver().clear_cache();
        self.hang_up();
    }

    /// How the mails came that came.
    fn came(&self) -> Vec<bool> {
        self.sink.all().iter().map(|mail| mail.tls).collect()
    }

    /// No connection is kept from now on.
    fn hang_up(&self) {
        self.courier.lanes.clear();
    }
}

fn courier(dns: Dns) -> Courier {
    Courier::new(Route::Mx, &OutSettings::default(), "relay.localhost", dns).unwrap()
}

fn policy(mode: &str) -> String {
    format!("version: STSv1\nmode: {mode}\nmx: mx.mail.example\nmax_age: 604800\n")
}

const RIGHT: Shows = Shows::Certificate("mx.mail.example");
const WRONG: Shows = Shows::Certificate("mx.elsewhere.example");

#[tokio::test]
async fn a_host_that_keeps_the_policy_gets_mail_over_tls() {
    for mode in ["enforce", "testing", "none"] {
        let world = World::with(&policy(mode), RIGHT).await;
        assert_eq!(world.deliver().await, Handover::Delivered, "{mode}");
        assert_eq!(world.came(), [true], "{mode}");
        assert_eq!(world.deliver().await, Handover::Delivered);
        assert_eq!(world.web.asked(), 1, "once for both");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_under_enforce_alone() {
    let elsewhere = policy("MODE").replace("mx.mail.example", "*.elsewhere.example");
    for (shows, said, clear) in
        [(Shows::Nothing, policy("MODE"), true), (WRONG, policy("MODE"), false), (RIGHT, elsewhere, false)]
    {
        let mut world = World::with(&said.replace("MODE", "enforce"), shows).await;
        assert_eq!(world.deliver().await, not_now("tls"), "{said}");
        assert!(world.came().is_empty(), "{said}");
        for mode in ["testing", "none"] {
            let known = world.courier.sts.take().unwrap();
            world.web.tell(&said.replace("MODE", mode));
            known.age(Duration::from_secs(700_000));
            world.courier.sts = Some(known);
            world.hang_up();
            assert_eq!(world.deliver().await, Handover::Delivered, "{mode} {said}");
            assert_eq!(world.came().pop(), Some(!clear), "{mode} {said}");
        }
    }
}

#[tokio::test]
async fn a_policy_counts_though_many_others_are_remembered() {
    let world = World::with(&policy("enforce"), WRONG).await;
    world.courier.sts.as_ref().unwrap().fill();
    assert_eq!(world.deliver().await, not_now("tls"));
    assert!(world.came().is_empty());
}

#[tokio::test]
async fn the_host_that_the_policy_names_is_taken_though_another_is_better() {
    let world = World::with(&policy("enforce"), RIGHT).await;
    world.dns.put("mail.example", Record::Mx(1, "other.mail.example".to_owned()));
    assert_eq!(world.deliver().await, Handover::Delivered);
    assert_eq!(world.came(), [true]);
}

#[tokio::test]
async fn what_is_no_policy_demands_nothing() {
    let long = format!("{}{}", policy("enforce"), "x: y\n".repeat(20_000));
    for (head, body) in [
        ("200 OK\r\nContent-Type: text/html", policy("enforce")),
        ("200 OK", policy("enforce")),
        ("404 Not Found\r\nContent-Type: text/plain", policy("enforce")),
        ("301 Moved\r\nContent-Type: text/plain\r\nLocation: https://localhost/", policy("enforce")),
        ("200 OK\r\nContent-Type: text/plain", long),
        ("200 OK\r\nContent-Type: text/plain", policy("always")),
        ("nonsense", String::new()),
    ] {
        let world = World::with("", Shows::Nothing).await;
        world.web.say(head, &body);
        assert_eq!(world.deliver().await, Handover::Delivered, "{head}");
        world.hang_up();
        assert_eq!(world.deliver().await, Handover::Delivered, "{head}");
        assert_eq!(world.web.asked(), 1, "asked again only after a while: {head}");
        world.hang_up();
        world.web.tell(&policy("enforce"));
        world.pass(Duration::from_secs(301));
        assert_eq!(world.deliver().await, not_now("tls"), "{head}");
    }
}

#[tokio::test]
async fn a_web_server_that_proves_nothing_is_not_believed() {
    let mut world = World::with(&policy("enforce"), Shows::Nothing).await;
    let other = Certs::make("mta-sts.mail.example", LOCAL);
    let dns = world.courier.dns.clone();
    let (web, port) = Web::open(&other).await;
    web.tell(&policy("enforce"));
    let trusting = Certs::make("mta-sts.mail.example", LOCAL).connector();
    world.courier.sts = Some(Sts::new(dns.clone(), Arc::clone(trusting.config()), port));
    assert_eq!(world.deliver().await, Handover::Delivered);
    // One whose certificate is good, for another name.
    let other = Certs::make("www.mail.example", LOCAL);
    let (web, port) = Web::open(&other).await;
    web.tell(&policy("enforce"));
    world.courier.sts = Some(Sts::new(dns, Arc::clone(other.connector().config()), port));
    world.hang_up();
    assert_eq!(world.deliver().await, Handover::Delivered);
    assert_eq!(world.came(), [false, false]);
}

#[tokio::test]
async fn a_policy_stays_until_its_end_whatever_is_heard_meanwhile() {
    let world = World::with(&policy("enforce"), WRONG).await;
    assert_eq!(world.deliver().await, not_now("tls"));
    // Its web server fails, then its record is gone, then nobody answers.
    world.web.say("500 Broken", "");
    world.dns.txt("_mta-sts.mail.example", "v=STSv1; id=2");
    world.pass(Duration::from_secs(100_000));
    assert_eq!(world.deliver().await, not_now("tls"));
    world.dns.behave("_mta-sts.mail.example", Manner::Broken);
    world.pass(Duration::from_secs(100_000));
    assert_eq!(world.deliver().await, not_now("tls"));
    world.pass(Duration::from_secs(500_000));
    assert_eq!(world.deliver().await, Handover::Delivered);
}

#[tokio::test]
async fn a_record_that_changed_brings_the_new_policy() {
    let world = World::with(&policy("testing"), Shows::Nothing).await;
    assert_eq!(world.deliver().await, Handover::Delivered);
    world.web.tell(&policy("enforce"));
    world.hang_up();
    world.pass(Duration::from_secs(3_600));
    assert_eq!(world.deliver().await, Handover::Delivered, "nothing says that it changed");
    assert_eq!(world.web.asked(), 1);
    world.dns.forget("_mta-sts.mail.example");
    world.dns.txt("_mta-sts.mail.example", "v=STSv1; id=2");
    world.hang_up();
    world.pass(Duration::from_secs(3_600));
    assert_eq!(world.deliver().await, not_now("tls"));
}

#[tokio::test]
async fn a_kept_connection_that_proved_nothing_is_not_used_under_a_policy() {
    let world = World::with(&policy("testing"), WRONG).await;
    assert_eq!(world.deliver().await, Handover::Delivered);
    world.web.tell(&policy("enforce"));
    let sts = world.courier.sts.as_ref().unwrap();
    sts.age(Duration::from_secs(100_000));
    sts.look("mail.example").await;
    assert_eq!(world.deliver().await, not_now("tls"));
}

#[tokio::test]
async fn a_policy_is_never_looked_for_in_private_networks() {
    let mut world = World::with(&policy("enforce"), RIGHT).await;
    let real = Dns::new(&[world.dns.at]).unwrap();
    world.courier = Courier { port: world.courier.port, ..courier(real) };
    assert_eq!(world.deliver().await, not_now("dns"), "nor is mail sent there");
    assert_eq!(world.web.asked(), 0);
}

#[tokio::test]
async fn where_policies_are_not_wanted_none_is_asked_for() {
    let dns = Dns::new(&[([127, 0, 0, 1], 9).into()]).unwrap();
    let without = OutSettings { mta_sts: false, ..OutSettings::default() };
    assert!(Courier::new(Route::Mx, &without, "relay.localhost", dns.clone()).unwrap().sts.is_none());
    let smart = Courier::new("smtp://mail.example".parse().unwrap(), &OutSettings::default(), "relay.localhost", dns);
    assert!(smart.unwrap().sts.is_none(), "a smart host is the operator's own choice");
}

#[tokio::test]
async fn a_name_server_that_is_silent_about_policies_delays_the_first_mail_alone() {
    let world = World::with(&policy("enforce"), RIGHT).await;
    world.dns.behave("_mta-sts.mail.example", Manner::Silent);
    assert_eq!(world.deliver().await, Handover::Delivered);
    let asked = || world.dns.asked().iter().filter(|name| name.starts_with("_mta-sts.")).count();
    let before = asked();
    while world.courier.lanes.get("mail.example").unwrap().take(false).is_some() {}
    assert_eq!(world.deliver().await, Handover::Delivered);
    assert_eq!(asked(), before);
}
