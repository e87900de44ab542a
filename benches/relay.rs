//! The relay beside Postfix: STARTTLS on both legs, 5 kB messages, 20 kept connections.
//!
//! `cargo bench --bench relay` runs both in turns and prints medians of ratios. Ours does all of its work (who is it,
//! may it, clean, mask, sign, record); Postfix, tuned, only forwards. The source and the sink of the load are this
//! process and stay outside the figures. Every accepted message must arrive once, or the run fails.
//!
//! `TABIR_BENCH_ROUNDS`, `TABIR_BENCH_MESSAGES` (a round of ours; Postfix gets a quarter), `TABIR_BENCH_PEER=none` and
//! `TABIR_BENCH_DKIM` (`ed25519` as it is, `rsa`, `both` or `none`: what signs) change the run.
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
    collections::HashMap,
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use house::{
    HOSTNAME, House, Pair, Plan, Side,
    certs::Certs,
    dns::Dns,
    mails,
    postfix::{Door, Postfix},
    sink::{Mail, Sink},
    smtp::Smtp,
};
use measure::{cpu_ms, from_env, installed, median};
use tokio_rustls::TlsConnector;

const CONNECTIONS: usize = 20;
const CONVERSATIONS: usize = 200;
const SIZE: usize = 5_000;

fn main() {
    // A test runner that only asks what is here gets no benchmark.
    if std::env::args().any(|word| word == "--list" || word == "--test") {
        return;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(compare());
}

async fn compare() {
    let rounds = from_env("TABIR_BENCH_ROUNDS", 5);
    let messages = from_env("TABIR_BENCH_MESSAGES", 6_000);
    let certs = Certs::make(HOSTNAME, [127, 0, 0, 1].into());
    let sink = Sink::start(Some(certs.acceptor())).await;
    let ours = Ours::start(&sink).await;
    let postfix = Peer::start(&sink, &certs);
    let mut table = Vec::new();

    run(&ours.target(), &sink, messages / 4).await;
    if let Some(postfix) = &postfix {
        run(&postfix.target(&ours.pairs), &sink, messages / 16).await;
    }
    for round in 1..=rounds {
        let a = run(&ours.target(), &sink, messages).await;
        println!("round {round}  tabir    {a}");
        let b = match &postfix {
            Some(postfix) => Some(run(&postfix.target(&ours.pairs), &sink, messages / 4).await),
            None => None,
        };
        if let Some(b) = &b {
            println!("round {round}  postfix  {b}");
        }
        table.push((a, b));
    }
    let syncs = syncs_per_message(&ours, &sink, messages / 6).await;
    report(&table, syncs);
}

fn report(table: &[(Figures, Option<Figures>)], syncs: Option<f64>) {
    let of = |pick: fn(&Figures) -> f64| median(table.iter().map(|(a, _)| pick(a)).collect());
    let peer = |pick: fn(&Figures) -> f64| median(table.iter().filter_map(|(_, b)| b.as_ref().map(pick)).collect());
    let ratio = |pick: fn(&Figures) -> f64| {
        median(table.iter().filter_map(|(a, b)| b.as_ref().map(|b| pick(a) / pick(b))).collect())
    };
    println!("\n{:<28}{:>12}{:>12}{:>12}{:>10}", "median", "tabir", "postfix", "ratio", "target");
    let (rate, cpu) = (|f: &Figures| f.rate, |f: &Figures| f.cpu_ms);
    println!(
        "{:<28}{:>12.0}{:>12.0}{:>11.2}x{:>10}",
        "messages/s, end to end",
        of(rate),
        peer(rate),
        ratio(rate),
        ">= 5x"
    );
    println!("{:<28}{:>12.3}{:>12.3}{:>11.3}x{:>10}", "CPU ms/message", of(cpu), peer(cpu), ratio(cpu), "<= 0.2x");
    println!("{:<28}{:>12.1}{:>12.1}", "accept p50 ms", of(|f| f.accept[0]), peer(|f| f.accept[0]));
    println!("{:<28}{:>12.1}{:>12.1}", "accept p99 ms", of(|f| f.accept[1]), peer(|f| f.accept[1]));
    match syncs {
        Some(syncs) => println!("{:<28}{syncs:>12.3}{:>12}{:>12}{:>10}", "fsyncs/message", "", "", "< 0.2"),
        None => println!("{:<28}{:>12}", "fsyncs/message", "no strace"),
    }
}

/// One run of one system.
struct Figures {
    rate: f64,
    cpu_ms: f64,
    /// p50 and p99 of the time from the first command to the reply after the final dot.
    accept: [f64; 2],
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rate, cpu_ms, accept: [p50, p99] } = self;
        write!(f, "{rate:7.0} messages/s  {cpu_ms:6.3} ms CPU/message  accept {p50:.1}/{p99:.1} ms")
    }
}

/// Where the load goes, in which words, and whose CPU counts.
struct Target<'a> {
    at: SocketAddr,
    tls: TlsConnector,
    pid: u32,
    pairs: &'a [Pair],
    /// Handles as recipients, or the real addresses for a forwarder.
    handles: bool,
}

/// Sends `messages` over the kept connections, waits for the last at the sink, checks that each came once.
async fn run(target: &Target<'_>, sink: &Sink, messages: usize) -> Figures {
    static ROUND: AtomicUsize = AtomicUsize::new(0);
    let round = ROUND.fetch_add(1, Ordering::Relaxed);
    sink.clear();
    let mut lines = Vec::new();
    for _ in 0..CONNECTIONS {
        lines.push(Smtp::open_tls(target.at, HOSTNAME, &target.tls).await.expect("a connection"));
    }
    let letters: Arc<Vec<Envelope>> = Arc::new((0..messages).map(|n| envelope(target, round, n)).collect());
    let next = Arc::new(AtomicUsize::new(0));
    let before = cpu_ms(target.pid);
    let started = Instant::now();
    let tasks: Vec<_> =
        lines.into_iter().map(|line| tokio::spawn(client(line, Arc::clone(&letters), Arc::clone(&next)))).collect();
    let mut accepts = Vec::with_capacity(messages);
    for task in tasks {
        accepts.extend(task.await.expect("a client"));
    }
    assert_eq!(accepts.len(), messages, "every message is accepted");
    let patience = Duration::from_secs(120);
    let all = sink.wait(patience, || (sink.count() >= messages).then_some(())).await;
    let took = started.elapsed();
    assert!(all.is_some(), "{} of {messages} arrived", sink.count());
    let cpu = cpu_ms(target.pid) - before;
    each_once(&sink.all(), round, messages);
    accepts.sort_by(f64::total_cmp);
    let at = |share: f64| accepts[((accepts.len() - 1) as f64 * share) as usize];
    let count = messages as f64;
    Figures { rate: count / took.as_secs_f64(), cpu_ms: cpu / count, accept: [at(0.5), at(0.99)] }
}

struct Envelope {
    from: String,
    to: String,
    raw: Vec<u8>,
}

async fn client(mut line: Smtp, letters: Arc<Vec<Envelope>>, next: Arc<AtomicUsize>) -> Vec<f64> {
    let mut accepts = Vec::new();
    while let Some(letter) = letters.get(next.fetch_add(1, Ordering::Relaxed)) {
        let started = Instant::now();
        let reply = line.send_pipelined(&letter.from, &letter.to, &letter.raw).await.expect("a reply");
        assert_eq!(reply.code, 250, "{reply:?}");
        accepts.push(started.elapsed().as_secs_f64() * 1e3);
    }
    let _ = line.ask("QUIT").await;
    accepts
}

/// The `n`th message: buyers and sellers in turn, every second one with an HTML part, always 5 kB.
fn envelope(target: &Target<'_>, round: usize, n: usize) -> Envelope {
    let pair = &target.pairs[n % target.pairs.len()];
    let side = if (n / target.pairs.len()).is_multiple_of(2) { Side::Seller } else { Side::Buyer };
    let way = pair.way(side);
    let text = format!("Load message {} here.\n", mark(round, n));
    let raw = if n.is_multiple_of(2) { plain(&pair_letter(&way, &text)) } else { with_html(&way, &text) };
    let to = if target.handles { way.to } else { &way.arrives.email };
    Envelope { from: way.from.email.clone(), to: to.to_owned(), raw }
}

const PROSE: &str = "The parcel was packed this morning and it is waiting for the courier now.\n";

fn pair_letter(way: &house::Way<'_>, text: &str) -> Vec<u8> {
    mails::plain(way.from, way.to, "About the order", text).raw
}

fn plain(letter: &[u8]) -> Vec<u8> {
    let mut raw = letter.to_vec();
    while raw.len() < SIZE {
        raw.extend_from_slice(PROSE.trim_end().as_bytes());
        raw.extend_from_slice(b"\r\n");
    }
    raw
}

fn with_html(way: &house::Way<'_>, text: &str) -> Vec<u8> {
    let head = String::from_utf8(pair_letter(way, "")).expect("text");
    let head = head.split("Content-Type:").next().unwrap_or_default();
    let half = (SIZE - head.len() - 400) / 2 / PROSE.len();
    let prose = PROSE.repeat(half).replace('\n', "\r\n");
    let paragraphs = format!("<p>{}</p>\r\n", PROSE.trim_end()).repeat(half);
    format!(
        "{head}Content-Type: multipart/alternative; boundary=\"bnd\"\r\n\r\n--bnd\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
         {}{prose}\r\n--bnd\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>{}</p>{paragraphs}</body></html>\r\n--bnd--\r\n",
        text.replace('\n', "\r\n"),
        text.trim_end(),
    )
    .into_bytes()
}

/// A number in letters, so that no digit looks like a contact.
fn mark(round: usize, n: usize) -> String {
    let letters = b"cdfhjkmnprtuvwxy";
    (0..8).rev().map(|place| char::from(letters[((round << 20 | n) >> (4 * place)) & 15])).collect()
}

fn each_once(mails: &[Mail], round: usize, messages: usize) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for mail in mails {
        let body = if memchr::memmem::find(&mail.raw, b"Load message ").is_some() { mail.text() } else { mail.body() };
        let at = body.find("Load message ").expect("a mark") + 13;
        *seen.entry(body[at..at + 8].to_owned()).or_default() += 1;
    }
    let wrong = (0..messages).filter(|&n| seen.get(&mark(round, n)) != Some(&1)).count();
    assert_eq!(wrong, 0, "{wrong} messages did not arrive exactly once");
}

/// Our side.
struct Ours {
    house: House,
    pairs: Vec<Pair>,
    _dns: Dns,
}

impl Ours {
    async fn start(sink: &Sink) -> Self {
        let dns = Dns::start().await;
        let auth = std::env::var("TABIR_BENCH_AUTH").unwrap_or_else(|_| "dmarc".to_owned());
        let settings = format!("[mail.auth]\nrequire = \"{auth}\"\ndns = [\"{}\"]", dns.at);
        let plan = Plan::new().route(sink.at).with(&settings).with("[mail.out]\ntls = \"encrypt\"");
        let house = plan.with(&format!("[mail.dkim]\nselectors = {:?}", signers())).start_with(make_keys).await;
        let mut pairs = Vec::new();
        for n in 0..CONVERSATIONS {
            let pair = house.pair(&mark(0, n)[4..]).await;
            for person in [&pair.buyer, &pair.seller] {
                dns.txt(person.host(), "v=spf1 ip4:127.0.0.0/8 -all");
            }
            pairs.push(pair);
        }
        Self { house, pairs, _dns: dns }
    }

    fn target(&self) -> Target<'_> {
        Target {
            at: self.house.smtp(),
            tls: self.house.certs.connector(),
            pid: self.house.pid(),
            pairs: &self.pairs,
            handles: true,
        }
    }
}

/// The selectors that sign.
fn signers() -> Vec<&'static str> {
    match std::env::var("TABIR_BENCH_DKIM").as_deref() {
        Ok("none") => vec![],
        Ok("rsa") => vec!["r1"],
        Ok("both") => vec!["e1", "r1"],
        _ => vec!["e1"],
    }
}

fn make_keys(house: &House) {
    if signers().contains(&"e1") {
        house.run_ok(&["mail", "key", "e1"]);
    }
    if signers().contains(&"r1") {
        house.make_rsa_key("r1");
    }
}

/// Postfix of its own in a temp folder: TLS both ways, connections reused, no brake.
struct Peer {
    postfix: Postfix,
    door: Door,
    tls: TlsConnector,
}

impl Peer {
    fn start(sink: &Sink, certs: &Certs) -> Option<Self> {
        if std::env::var("TABIR_BENCH_PEER").is_ok_and(|peer| peer == "none")
            || !installed("/usr/sbin/postfix", "postfix")
        {
            println!("without Postfix: our own figures only");
            return None;
        }
        let door = Door::new(100, "");
        let postfix = Postfix::start(certs, &[&door], &tuned(sink.at));
        Some(Self { postfix, door, tls: certs.connector() })
    }

    fn target<'a>(&self, pairs: &'a [Pair]) -> Target<'a> {
        Target { at: self.door.at, tls: self.tls.clone(), pid: self.postfix.master, pairs, handles: false }
    }
}

/// A forwarder that does nothing else, as fast as its settings make it.
fn tuned(sink: SocketAddr) -> String {
    format!(
        "relayhost = [{}]:{}\nin_flow_delay = 0\nsmtpd_relay_restrictions = permit_mynetworks, reject\n\
         default_process_limit = 100\nsmtpd_client_connection_count_limit = 0\n\
         default_destination_concurrency_limit = 20\ninitial_destination_concurrency = 20\n\
         smtp_connection_cache_on_demand = yes\nsmtp_tls_security_level = encrypt\n\
         smtp_tls_connection_reuse = yes\nsmtp_tls_session_cache_database = btree:${{data_directory}}/smtp_scache\n",
        sink.ip(),
        sink.port()
    )
}

/// Counts the calls that wait for the disk, in a run of their own: watching costs.
async fn syncs_per_message(ours: &Ours, sink: &Sink, messages: usize) -> Option<f64> {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let mut strace = watch(ours.house.pid(), log.path())?;
    tokio::time::sleep(Duration::from_millis(700)).await;
    run(&ours.target(), sink, messages).await;
    let _ = Command::new("kill").arg("-INT").arg(strace.id().to_string()).status();
    let _ = strace.wait();
    let text = fs::read_to_string(log.path()).expect("strace's table");
    let calls = text.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let name = *words.last()?;
        ["fsync", "fdatasync", "sync_file_range", "msync"].contains(&name).then(|| words.get(3)?.parse::<f64>().ok())?
    });
    Some(calls.sum::<f64>() / messages as f64)
}

fn watch(pid: u32, log: &Path) -> Option<Child> {
    Command::new("strace")
        .args(["-f", "-c", "-e", "trace=fsync,fdatasync,sync_file_range,msync", "-o"])
        .arg(log)
        .args(["-p", &pid.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()
}
