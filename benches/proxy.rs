//! The reverse proxy beside nginx: TLS 1.3, 1 kB of JSON posted, 20 connections, kept or new for each call.
//!
//! `cargo bench --bench proxy` runs nginx and the relay in turns before one trivial upstream (an nginx that answers 200)
//! and prints medians of CPU for each call, and their ratios. nginx passes calls through; the relay does that too, cleans
//! a text of 900 letters, and takes messages: judged, sealed and recorded before they go upstream. The load (wrk) and the
//! upstream stay outside the figures.
//!
//! `TABIR_BENCH_ROUNDS` and `TABIR_BENCH_SECONDS` (of each run) change the run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    unreachable_pub,
    dead_code,
    reason = "a benchmark prints, and fails by panicking; the harness serves the tests too"
)]

#[path = "../tests/house/mod.rs"]
mod house;
#[path = "measure/mod.rs"]
mod measure;

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use house::{DOMAIN, HOSTNAME, House, MARKET, Person, Plan, certs::Certs};
use measure::{cpu_ms, from_env, installed, median};
use serde_json::json;

const CONNECTIONS: usize = 20;
const CONVERSATIONS: usize = 200;

fn main() {
    // A test runner that only asks what is here gets no benchmark.
    if std::env::args().any(|word| word == "--list" || word == "--test") {
        return;
    }
    if !(installed("/usr/sbin/nginx", "nginx-light") && installed("/usr/bin/wrk", "wrk")) {
        println!("nginx and wrk of Debian are needed");
        return;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    runtime.block_on(compare());
}

/// A kind of call, and what the relay may cost beside nginx (or by itself, in microseconds).
struct Kind {
    name: &'static str,
    path: &'static str,
    keeps: bool,
    target: &'static str,
}

const KINDS: [Kind; 5] = [
    Kind { name: "pass, kept connections", path: "/pass", keeps: true, target: "<= 1.3x" },
    Kind { name: "scrub, kept connections", path: "/scrub", keeps: true, target: "<= 1.8x" },
    Kind { name: "pass, new connections", path: "/pass", keeps: false, target: "<= 0.75x" },
    Kind { name: "scrub, new connections", path: "/scrub", keeps: false, target: "<= 0.75x" },
    Kind { name: "message, kept connections", path: "", keeps: true, target: "<= 120 us" },
];

async fn compare() {
    let rounds = from_env("TABIR_BENCH_ROUNDS", 5);
    let upstream = Nginx::start(
        "worker_processes 1; events { worker_connections 512; } http { access_log off; default_type application/json; \
         keepalive_requests 100000000; server { listen {at}; location / { return 200 '{}'; } } }",
    );
    let certs = Certs::make(HOSTNAME, [127, 0, 0, 1].into());
    let nginx = Nginx::before(&upstream, &certs);
    let (house, ours) = relay(upstream.at).await;
    let scripts = tempfile::tempdir().expect("a folder");
    let mut table: Vec<Vec<[Figures; 2]>> = KINDS.iter().map(|_| Vec::new()).collect();
    for round in 0..=rounds {
        for (kind, rows) in KINDS.iter().zip(&mut table) {
            // Before messages there is nothing of nginx's to set beside them but passing.
            let peer = if kind.path.is_empty() { "/pass" } else { kind.path };
            let a = load(scripts.path(), nginx.at, nginx.pid(), peer, kind.keeps);
            let b = load(scripts.path(), ours, house.pid(), kind.path, kind.keeps);
            if round > 0 {
                println!("round {round}  {:<28} nginx {a}   tabir {b}", kind.name);
                rows.push([a, b]);
            }
        }
    }
    println!(
        "\n{:<28}{:>10}{:>10}{:>8}{:>12}{:>16}",
        "median CPU us a call", "nginx", "tabir", "ratio", "target", "p99 ms"
    );
    for (kind, rows) in KINDS.iter().zip(&table) {
        let of = |side: usize, pick: fn(&Figures) -> f64| median(rows.iter().map(|row| pick(&row[side])).collect());
        let ratio = median(rows.iter().map(|row| row[1].cpu_us / row[0].cpu_us).collect());
        println!(
            "{:<28}{:>10.1}{:>10.1}{:>7.2}x{:>12}{:>8.1}{:>8.1}",
            kind.name,
            of(0, |f| f.cpu_us),
            of(1, |f| f.cpu_us),
            ratio,
            kind.target,
            of(0, |f| f.p99_ms),
            of(1, |f| f.p99_ms)
        );
    }
}

/// One run of one proxy.
struct Figures {
    cpu_us: f64,
    rate: f64,
    p99_ms: f64,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:6.1} us {:6.0}/s {:5.1} ms", self.cpu_us, self.rate, self.p99_ms)
    }
}

/// Has wrk post for some seconds; every call must be answered with 200.
fn load(folder: &Path, at: SocketAddr, pid: u32, path: &str, keeps: bool) -> Figures {
    let script = folder.join("post.lua");
    fs::write(&script, lua(path, keeps)).expect("a script");
    let seconds = from_env("TABIR_BENCH_SECONDS", 3);
    let (cpu, begun) = (cpu_ms(pid), Instant::now());
    let told = Command::new("wrk")
        .args(["-t1", "--latency", &format!("-c{CONNECTIONS}"), &format!("-d{seconds}s"), "-s"])
        .arg(&script)
        .arg(format!("https://{at}"))
        .output()
        .expect("wrk");
    let took = begun.elapsed().as_secs_f64();
    let text = String::from_utf8_lossy(&told.stdout);
    assert!(!text.contains("Non-2xx"), "{text}");
    let calls = number(&text, |line| line.contains(" requests in ")).expect("how many calls");
    let p99 = text.lines().find_map(|line| line.trim().strip_prefix("99%")).expect("a latency").trim();
    Figures { cpu_us: (cpu_ms(pid) - cpu) * 1e3 / calls, rate: calls / took, p99_ms: milliseconds(p99) }
}

fn number(text: &str, is: impl Fn(&str) -> bool) -> Option<f64> {
    text.lines().find(|line| is(line))?.split_whitespace().next()?.parse().ok()
}

/// `1.23ms`, `870.00us` or `1.02s`.
fn milliseconds(text: &str) -> f64 {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let factor = match unit {
        "us" => 1e-3,
        "s" => 1e3,
        _ => 1.0,
    };
    number.parse::<f64>().unwrap_or(f64::NAN) * factor
}

/// A script for wrk: 1 kB of JSON to a path, or messages of a buyer to many conversations in turn, none like another.
fn lua(path: &str, keeps: bool) -> String {
    let prose = "The parcel was packed this morning and it is waiting for the courier now. ".repeat(12);
    let body = format!(r#"{{"message":{{"body":"{prose}"}},"lang":"en"}}"#);
    let connection = if keeps { "" } else { "wrk.headers[\"Connection\"] = \"close\"\n" };
    let head = format!(
        "wrk.method = \"POST\"\nwrk.headers[\"Content-Type\"] = \"application/json\"\nwrk.headers[\"X-Side\"] = \"buyer\"\n{connection}"
    );
    if path.is_empty() {
        let letters = "local function word(n) local w = \"\" repeat w = w .. string.char(99 + n % 9) n = math.floor(n / 9) until n == 0 return w end";
        format!(
            "{head}{letters}\nlocal n = {}\nfunction request()\n n = n + 1\n return wrk.format(nil, \"/talks/c-\" .. n % {CONVERSATIONS} .. \"/messages\", nil, \
             string.gsub([==[{body}]==], \"parcel\", \"parcel \" .. word(n), 1))\nend\n",
            Instant::now().elapsed().as_nanos()
        )
    } else {
        format!(
            "{head}wrk.body = [==[{body}]==]\nfunction init(args) wrk.path = \"{path}\" request = function() return wrk.format() end end\n"
        )
    }
}

/// A relay before the upstream, with conversations; where its proxy listens.
async fn relay(upstream: SocketAddr) -> (House, SocketAddr) {
    let mut house = Plan::new().lay();
    let at = SocketAddr::new(house.ip, 8444);
    house.change(&format!(
        r#"
        [listen]
        proxy_https = "{at}"
        [listen.limits]
        arrivals = 100000
        handshakes = 100000
        [proxy.upstreams.chat]
        addresses = ["{upstream}"]
        [proxy.routes.message]
        upstream = "chat"
        methods = ["POST"]
        path = "/talks/{{id}}/messages"
        action = "message"
        marketplace = "{MARKET}"
        conversation = {{ path = "id" }}
        side = {{ header = "x-side" }}
        text = "/message/body"
        [proxy.routes.scrub]
        upstream = "chat"
        methods = ["POST"]
        path = "/scrub"
        action = "scrub"
        marketplace = "{MARKET}"
        texts = ["/message/body"]
        [proxy.routes.rest]
        upstream = "chat"
        path = "/{{*rest}}"
        action = "pass"
        "#
    ));
    house.rise();
    house.wait_ready().await;
    house.token = house.add_marketplace(MARKET, DOMAIN);
    let api = house.api();
    for n in 0..CONVERSATIONS {
        let (buyer, seller) = (format!("b-{n}"), format!("s-{n}"));
        Person::new(&buyer, "Ratna Kusuma", &format!("{buyer}@rumah.example")).enroll(&api, "buyer").await;
        Person::new(&seller, "Zenon Gawel", &format!("{seller}@sklep.example")).enroll(&api, "seller").await;
        api.put(&format!("/v1/conversations/c-{n}"), &json!({"buyer": buyer, "seller": seller})).await.ok();
    }
    (house, at)
}

/// An nginx of its own in a temporary folder.
struct Nginx {
    at: SocketAddr,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Nginx {
    /// `settings` say `{at}` where it listens.
    fn start(settings: &str) -> Self {
        Self::with(settings, |_| ())
    }

    /// A TLS reverse proxy as fast as its settings make it.
    fn before(upstream: &Self, certs: &Certs) -> Self {
        let settings = format!(
            "worker_processes 2; events {{ worker_connections 512; }} http {{ access_log off; keepalive_requests 100000000; \
             upstream u {{ server {}; keepalive 64; keepalive_requests 100000000; }} \
             server {{ listen {{at}} ssl; ssl_certificate server.pem; ssl_certificate_key server.key; ssl_protocols TLSv1.3; \
             ssl_session_tickets off; ssl_session_cache off; \
             location / {{ proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ''; }} }} }}",
            upstream.at
        );
        Self::with(&settings, |folder| certs.write(folder))
    }

    fn with(settings: &str, prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
        prepare(folder.path());
        let head = "user root; pid nginx.pid; error_log stderr crit; daemon off;\n";
        let settings = settings.replace("{at}", &at.to_string());
        fs::write(folder.path().join("nginx.conf"), format!("{head}{settings}\n")).expect("settings");
        let child = Command::new("/usr/sbin/nginx")
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf"])
            .stdout(Stdio::null())
            .spawn()
            .expect("nginx");
        let started = Instant::now();
        while TcpStream::connect(at).is_err() {
            assert!(started.elapsed() < Duration::from_secs(10), "nginx does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        Self { at, child, _folder: folder }
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with it.
        let _ = Command::new("kill").arg("-TERM").arg(self.pid().to_string()).status();
        let _ = self.child.wait();
    }
}
