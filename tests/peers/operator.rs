//! The house from its operator's chair: settings, certificates, a second start, a full disk, the demo.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::house::{House, MARKET, Pair, Plan, eventually, mails, run_in, run_within, sink::Sink, smtp::Smtp};

const TABIR: &str = env!("CARGO_BIN_EXE_tabir");

#[test]
fn every_wrong_setting_is_named_at_once_with_file_and_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("wrong.toml");
    let text = "[listen]\nhttps = \"127.0.0.1:18443\"\nfrobnicate = 1\n\n[contact]\nunanswered = \"many\"\n\
                rate = { burst = 5, per = \"1 fortnight\" }\n\n[nonsense]\nx = 1\n";
    fs::write(&file, text).expect("a file");
    for command in ["check", "serve"] {
        let output = run_in(folder.path(), &[command], Some(&file));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{command}: {said}");
        assert!(said.contains("wrong.toml"), "{command}: {said}");
        for (line, word) in [(3, "frobnicate"), (6, "many"), (7, ""), (9, "nonsense")] {
            let named = said.lines().any(|text| text.contains(&format!("wrong.toml:{line}:")) && text.contains(word));
            assert!(named, "{command}: line {line}, {word} in:\n{said}");
        }
        assert!(!folder.path().join("data").exists(), "nothing is made");
    }
}

#[test]
fn broken_toml_and_a_missing_file_are_wrong_settings() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("broken.toml");
    fs::write(&file, "[listen\nhttps = ").expect("a file");
    assert_eq!(run_in(folder.path(), &["serve"], Some(&file)).status.code(), Some(2));
    assert_eq!(run_in(folder.path(), &["serve"], Some(&folder.path().join("none.toml"))).status.code(), Some(2));
    assert_eq!(run_in(folder.path(), &["frobnicate"], None).status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_changes_nothing() {
    let house = Plan::new().lay();
    let before = files(&house);
    let output = house.run(&["check"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(files(&house), before);
}

fn files(house: &House) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(house.dir.path())
        .expect("the folder")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_reads_the_settings_again_and_drops_nobody() {
    let sink = Sink::start(None).await;
    let mut house = Plan::new().route(sink.at).start().await;
    let mut open = house.smtp_tls().await;
    let cut = async |house: &House| {
        let body = json!({"text": "See https://pasar-baru.example/item for the manual.", "sender": "seller"});
        house.api().post("/v1/scrub", &body).await.ok()["findings"].as_array().is_some_and(|found| !found.is_empty())
    };
    assert!(cut(&house).await);
    house.change("[links]\nallow = [\"pasar-baru.example\"]");
    house.signal("HUP");
    eventually(Duration::from_secs(3), "the link is allowed now", async || (!cut(&house).await).then_some(())).await;
    assert_eq!(open.ask("NOOP").await.expect("the open session lives").code, 250);
    let announces =
        async |house: &House, size: &str| house.smtp_tls().await.offers.iter().any(|offer| offer == size).then_some(());
    assert!(announces(&house, "SIZE 35250000").await.is_some());
    house.change("[mail]\nmax_size = \"1MB\"\n[api]\nmax_body = \"1kB\"\n[sandbox]\nworkers = 1");
    house.signal("HUP");
    eventually(Duration::from_secs(3), "the new size", async || announces(&house, "SIZE 2370000").await).await;
    let large = json!({"text": "x".repeat(2_000), "sender": "seller"});
    house.api().post("/v1/scrub", &large).await.problem(413, "too_large");
    assert!(house.logs().contains("sandbox.workers"), "what waits is named: {}", house.logs());
    // Wrong settings are not taken, and nothing stops.
    house.change("[links]\nfrobnicate = 1");
    house.signal("HUP");
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(!cut(&house).await, "the last good settings stay");
    assert_eq!(open.ask("NOOP").await.expect("the open session lives").code, 250);
    assert!(house.logs().contains("frobnicate"), "{}", house.logs());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_postmaster_is_reached_where_one_is_named() {
    let sink = Sink::start(None).await;
    let mut house = Plan::new().route(sink.at).start().await;
    let letter = b"From: <mesin@luar.example>\r\nSubject: Your relay\r\n\r\nIt greets me twice.\r\n";
    let send = async |house: &House, to: &str| {
        house.smtp_tls().await.send("mesin@luar.example", to, letter).await.expect("a reply").code
    };
    let host = format!("postmaster@{}", crate::house::HOSTNAME);
    let domain = format!("PostMaster@{}", crate::house::DOMAIN);
    assert_eq!(send(&house, "postmaster").await, 550);
    house.change("[mail]\npostmaster = \"ops@kantor.example\"");
    house.signal("HUP");
    eventually(Duration::from_secs(3), "a postmaster", async || {
        (send(&house, "postmaster").await == 250).then_some(())
    })
    .await;
    for to in [host.as_str(), &domain] {
        assert_eq!(send(&house, to).await, 250, "{to}");
    }
    assert_eq!(send(&house, "postmaster@elsewhere.example").await, 550);
    let mails = sink.to("ops@kantor.example");
    assert_eq!(mails.len(), 3, "said to be taken only when it was handed over");
    assert!(mails[0].body().contains("mesin@luar.example") && mails[0].body().contains("greets me twice"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_served_while_old_connections_stay() {
    let sink = Sink::start(None).await;
    let mut house = Plan::new().route(sink.at).start().await;
    let mut smtp = house.smtp_tls().await;
    let mut https = house.api().open().await.expect("HTTPS");
    let shown = async |house: &House| {
        let stream = house.api().open_tls().await.ok()?;
        stream.get_ref().1.peer_certificates().and_then(|chain| Some(chain.first()?.to_vec()))
    };
    assert_eq!(shown(&house).await, Some(house.certs.der()));
    house.certs.renew();
    house.certs.write(house.dir.path());
    house.signal("HUP");
    let fresh = house.certs.der();
    eventually(Duration::from_secs(10), "the new certificate", async || {
        (shown(&house).await.as_ref() == Some(&fresh)).then_some(())
    })
    .await;
    assert_eq!(smtp.ask("NOOP").await.expect("SMTP goes on").code, 250);
    let answer = https.call("GET", "/v1/held", &[], None).await.expect("HTTPS goes on");
    assert_eq!(answer.status, 200);
    house.smtp_tls().await.ask("NOOP").await.expect("new sessions too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_file_that_changed_is_found_without_a_signal() {
    let mut house = Plan::new().start().await;
    house.certs.renew();
    house.certs.write(house.dir.path());
    let fresh = house.certs.der();
    eventually(Duration::from_secs(18), "the new certificate", async || {
        let stream = house.api().open_tls().await.ok()?;
        (stream.get_ref().1.peer_certificates()?.first()?.to_vec() == fresh).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_serve_on_the_same_folder_refuses() {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).start().await;
    let second = house.dir.path().join("second.toml");
    let text = fs::read_to_string(house.config()).expect("the settings").replace(&house.ip.to_string(), "127.251.7.9");
    fs::write(&second, text).expect("a file");
    let mut command = Command::new(TABIR);
    command.args(["serve", "--config"]).arg(&second).current_dir(house.dir.path());
    let (status, said) = run_within(command, Duration::from_secs(10)).expect("it ends by itself");
    assert_eq!(status.code(), Some(1), "{said}");
    let pair = house.pair("alive").await;
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Hi", "The first lives.");
    assert_eq!(
        house.smtp_tls().await.send(&pair.seller.email, &pair.buyer_handle, &letter.raw).await.expect("a reply").code,
        250
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_with_zero_and_a_session_in_hand_is_finished() {
    let sink = Sink::start(None).await;
    let mut house = Plan::new().route(sink.at).start().await;
    let pair = house.pair("drain").await;
    let mut smtp = house.smtp_tls().await;
    for line in
        [format!("MAIL FROM:<{}>", pair.seller.email), format!("RCPT TO:<{}>", pair.buyer_handle), "DATA".into()]
    {
        assert!(smtp.ask(&line).await.expect("a reply").code < 400);
    }
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Hi", "In hand while it ends.");
    let half = letter.raw.len() / 2;
    smtp.raw(&letter.raw[..half]).await.expect("half of it");
    let rest = letter.raw[half..].to_vec();
    let finish = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(600)).await;
        smtp.raw(&[&rest, &b".\r\n"[..]].concat()).await.expect("the rest");
        smtp.reply().await.expect("a reply")
    });
    let _idle = house.smtp_tls().await;
    let api = house.api().clone();
    let live = [("accept", "text/event-stream")];
    let events = tokio::spawn(async move { api.call("GET", "/v1/events", &live, None).await });
    let started = Instant::now();
    tokio::time::sleep(Duration::from_millis(100)).await;
    house.stop().await;
    assert!(started.elapsed() < Duration::from_secs(15));
    assert_eq!(finish.await.expect("a task").code, 250);
    let events = events.await.expect("a task");
    assert!(events.text().contains("event: conversation.opened"), "a stream is ended, not cut off: {}", events.text());
    assert!(Smtp::open(house.smtp()).await.is_err(), "the door is closed");
    house.rise();
    house.wait_ready().await;
    sink.nth(&pair.buyer.email, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_readiness_and_metrics_are_on_their_own_listener() {
    let house = Plan::new().start().await;
    for path in ["/healthz", "/readyz", "/metrics", "/mailbox"] {
        assert_eq!(house.ask_admin(path).await.map(|(status, _)| status), Some(200), "{path}");
        let outside = house.api().get(path).await;
        assert_eq!(outside.status, 404, "{path} is not on the public listener");
    }
    let (_, metrics) = house.ask_admin("/metrics").await.expect("/metrics");
    assert!(metrics.lines().any(|line| line.starts_with("# TYPE ")), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_route_mail_stays_in_the_local_mailbox() {
    let house = Plan::new().start().await;
    let pair = house.pair("local").await;
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Hi", "For the local mailbox.");
    let reply =
        house.smtp_tls().await.send(&pair.seller.email, &pair.buyer_handle, &letter.raw).await.expect("a reply");
    assert_eq!(reply.code, 250, "{reply:?}");
    eventually(Duration::from_secs(8), "the mail in the mailbox", async || {
        house.run_ok(&["mailbox", &pair.buyer.email]).contains("For the local mailbox.").then_some(())
    })
    .await;
    let (_, listed) = house.ask_admin("/mailbox").await.expect("/mailbox");
    assert!(!listed.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ring_turns_while_mail_flows() {
    let sink = Sink::start(None).await;
    let mut house = Plan::new().route(sink.at).start().await;
    let pair = house.pair("keys").await;
    let send = async |house: &House, text: &str| {
        let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Hi", text);
        house.smtp_tls().await.send(&pair.seller.email, &pair.buyer_handle, &letter.raw).await.expect("a reply").code
    };
    assert_eq!(send(&house, "Under the first key.").await, 250);
    house.run_ok(&["keys", "rotate"]);
    assert!(house.run_ok(&["keys", "list"]).lines().count() >= 2);
    house.run_ok(&["keys", "reseal"]);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(send(&house, "Under the second key.").await, 250);
    house.restart().await;
    assert_eq!(send(&house, "After a restart.").await, 250);
    sink.nth(&pair.buyer.email, 3).await;
    let mode = |path| std::os::unix::fs::MetadataExt::mode(&fs::metadata(path).expect("the key file")) & 0o777;
    let keys = house.data().join("keys");
    let files = if keys.is_dir() {
        fs::read_dir(&keys).expect("keys").map(|e| e.expect("a file").path()).collect()
    } else {
        vec![keys]
    };
    assert!(files.iter().all(|path| mode(path) == 0o600), "{files:?}");
}

/// `person export` writes what is held to a file of its owner's; `incident report` lists who was read, with drafts.
async fn told_what_is_held(house: &House, pair: &Pair) {
    let market = ["--marketplace", MARKET];
    let file = house.dir.path().join("person.json");
    let export = ["person", "export", &pair.buyer.id, "-o", file.to_str().expect("a path"), market[0], market[1]];
    house.run_ok(&export);
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&file).expect("the file")) & 0o777;
    assert_eq!(mode, 0o600);
    let told: Value = serde_json::from_slice(&fs::read(&file).expect("the file")).expect("JSON");
    assert_eq!(told["profile"]["emails"], json!([pair.buyer.email]), "{told}");
    assert!(told.to_string().contains("Words of a forgotten person."), "{told}");
    assert!(!told.to_string().contains(&pair.seller.email), "{told}");
    assert!(!house.run(&export).status.success(), "a file that is there is not written over");

    let path = format!("/v1/conversations/{}/messages?as=buyer", pair.id);
    house.api().get(&path).await.ok();
    let incident = ["incident", "report", "--since", "2020-01-01T00:00:00Z", "--lang", "en", market[0], market[1]];
    let told = house.run_ok(&incident);
    assert!(told.contains("persons: 2") && told.contains(&format!("{}: text=", pair.buyer.id)), "{told}");
    assert!(told.contains("--- en: to the authority ---") && !told.contains("--- pl:"), "{told}");
    assert!(!told.contains(&pair.buyer.email), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_person_is_gone_and_the_evidence_still_verifies() {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).start().await;
    let pair = house.pair("forget").await;
    let letter = mails::plain(&pair.buyer, &pair.seller_handle, "Hi", "Words of a forgotten person.");
    assert_eq!(
        house.smtp_tls().await.send(&pair.buyer.email, &pair.seller_handle, &letter.raw).await.expect("a reply").code,
        250
    );
    sink.nth(&pair.seller.email, 1).await;
    told_what_is_held(&house, &pair).await;
    let kept = house.run_ok(&["forget", &pair.buyer.id, "--marketplace", MARKET]);
    for what in ["kept: evidence (", "kept: others_words", "kept: orders", "kept: reports_unclaimed (0)"] {
        assert!(kept.contains(what), "{kept}");
    }
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Hi", "Are you there?");
    let reply =
        house.smtp_tls().await.send(&pair.seller.email, &pair.buyer_handle, &letter.raw).await.expect("a reply");
    assert!((500..600).contains(&reply.code), "{reply:?}");
    assert!(sink.to(&pair.buyer.email).is_empty());
    let bundle = house.dir.path().join("forgotten.zip");
    let path = bundle.to_str().expect("a path");
    house.run_ok(&["evidence", "export", &pair.id, "-o", path, "--marketplace", MARKET]);
    house.run_ok(&["evidence", "verify", path, "--key", &house.run_ok(&["evidence", "key"])]);
    let bytes = fs::read(&bundle).expect("the bundle");
    assert!(memchr::memmem::find(&bytes, b"Words of a forgotten").is_none());
}

/// A house whose files may grow to a limit only, until the limit is lifted.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_write_accepts_nothing_and_recovers() {
    let sink = Sink::start(None).await;
    let plan = Plan::new().route(sink.at).behind(&["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
    let house = plan.start().await;
    let pair = house.pair("disk").await;
    let limit = |bytes: &str| {
        let status =
            Command::new("prlimit").arg("--pid").arg(house.pid().to_string()).arg(format!("--fsize={bytes}")).status();
        assert!(status.is_ok_and(|status| status.success()), "prlimit");
    };
    let mut accepted = Vec::new();
    let mut smtp = house.smtp_tls().await;
    let long = "A line of a message that fills the disk slowly but surely, page by page.\n".repeat(200);
    limit("200000:unlimited");
    let mut refused = 0;
    for n in 0..200 {
        let text = format!("Disk message {}.\n{long}", word(n));
        let letter = mails::plain(&pair.buyer, &pair.seller_handle, "Hi", &text);
        let reply = smtp.send(&pair.buyer.email, &pair.seller_handle, &letter.raw).await.expect("a reply");
        match reply.code {
            250 => accepted.push(word(n)),
            451 | 452 => refused += 1,
            _ => panic!("{reply:?}\n{}", house.logs()),
        }
        if refused >= 3 {
            break;
        }
    }
    assert!(refused >= 3, "the limit was never met; {} accepted", accepted.len());
    let path = format!("/v1/conversations/{}/messages", pair.id);
    let answer = house.api().post(&path, &json!({"from": "buyer", "text": long})).await;
    answer.problem(503, "unavailable");
    assert!(answer.headers.contains_key("retry-after"), "{:?}", answer.headers);
    limit("unlimited:unlimited");
    eventually(Duration::from_secs(5), "it recovers", async || {
        let letter = mails::plain(&pair.buyer, &pair.seller_handle, "Hi", "There is room again.");
        let reply = smtp.send(&pair.buyer.email, &pair.seller_handle, &letter.raw).await.expect("a reply");
        (reply.code == 250).then_some(())
    })
    .await;
    let arrived = sink.wait(Duration::from_secs(15), || {
        let bodies: Vec<String> = sink.to(&pair.seller.email).iter().map(crate::house::sink::Mail::body).collect();
        let here = |word: &String| bodies.iter().filter(|body| body.contains(&format!("message {word}."))).count();
        let all = accepted.iter().all(|word| here(word) == 1) && bodies.iter().any(|body| body.contains("room again"));
        all.then_some(bodies.len())
    });
    let count = arrived.await.unwrap_or_else(|| panic!("not all of {} arrived\n{}", accepted.len(), house.logs()));
    assert!(count <= accepted.len() + 2, "nothing refused arrived: {count} of {}", accepted.len());
}

/// A number in letters, so that no digit looks like a contact.
pub fn word(n: usize) -> String {
    let letters = b"cdfhjkmnprtuvwxy";
    (0..4).rev().map(|place| char::from(letters[(n >> (4 * place)) & 15])).collect()
}

#[test]
fn the_demo_plays_its_story_once() {
    let house = Plan::new().lay();
    let file = house.dir.path().join("demo.toml");
    let listen = format!(
        "[listen]\nhttps = \"{}\"\nsmtp = \"{}\"\nsmtps = \"{}\"\nadmin = \"{}\"\n",
        house.https(),
        house.smtp(),
        house.smtps(),
        house.admin()
    );
    fs::write(&file, listen).expect("a file");
    let mut command = Command::new(TABIR);
    command.args(["demo", "--once", "--config"]).arg(&file).current_dir(house.dir.path());
    let (status, said) = run_within(command, Duration::from_secs(90)).expect("the demo ends by itself");
    assert_eq!(status.code(), Some(0), "{said}");
}

#[test]
fn scrub_streams_line_by_line_and_never_dies() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = "{\"id\": \"a\", \"text\": \"mail ja.nowak@poczta.example now\"}\nnot json\n\
                 {\"id\": \"b\", \"text\": [\"call me at 0 8 1 2\", \"5 5 5 0 1 2 3 4\"], \"lang\": \"id\"}\n";
    let file = folder.path().join("in.jsonl");
    fs::write(&file, input).expect("a file");
    let output = Command::new(TABIR)
        .args(["scrub", "--jsonl"])
        .current_dir(folder.path())
        .stdin(fs::File::open(&file).expect("the file"))
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Value> =
        String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["findings"][0]["text"], "ja.nowak@poczta.example", "{}", lines[0]);
    assert!(lines[1]["id"].is_null() && lines[1]["error"].is_string(), "{}", lines[1]);
    assert!(lines[2]["text"].is_array(), "{}", lines[2]);
}

/// Lines for an import: so many buyers and sellers, each pair with an order, a conversation and a review.
fn market_of(pairs: usize) -> String {
    let line = |kind: &str, thing: Value| json!({ kind: thing }).to_string() + "\n";
    let each = |make: &dyn Fn(usize) -> String| (0..pairs).map(make).collect::<String>();
    [
        each(&|n| line("party", json!({"id": format!("b{n}"), "role": "buyer", "emails": [format!("b{n}@rumah.example")]}))),
        each(&|n| line("party", json!({"id": format!("s{n}"), "role": "seller", "emails": [format!("s{n}@sklep.example")]}))),
        each(&|n| line("order", json!({"id": format!("o{n}"), "state": "delivered", "fulfilment": "platform", "items": [{"title": "Teh", "quantity": 1}]}))),
        each(&|n| line("conversation", json!({"id": format!("c{n}"), "order": format!("o{n}"), "buyer": format!("b{n}"), "seller": format!("s{n}")}))),
        each(&|n| line("review", json!({"id": format!("r{n}"), "conversation": format!("c{n}"), "rating": 1 + n % 5}))),
    ]
    .concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_that_was_there_before_is_put_in_beside_the_relay_and_again_changes_nothing() {
    let house = Plan::new().start().await;
    let file = house.dir.path().join("market.jsonl");
    fs::write(&file, market_of(120)).unwrap();
    let path = file.to_str().unwrap();
    assert_eq!(
        house.run_ok(&["import", "--marketplace", MARKET, "--jsonl", path]).trim(),
        "new: 600, known: 0, refused: 0"
    );
    let api = house.api();
    let talk = api.get("/v1/conversations/c7").await.ok();
    assert_eq!((&talk["order"], &talk["contact"]["seller"]["phase"]), (&json!("o7"), &json!("cooling")), "{talk}");
    let again = house.run_ok(&["import", "--marketplace", MARKET, "--jsonl", path]);
    assert!(again.starts_with("new: 0, known: 600"), "{again}");
    let rest = house.run_ok(&["import", "--marketplace", MARKET, "--jsonl", path, "--from", "599"]);
    assert_eq!(rest.trim(), "new: 0, known: 2, refused: 0");

    fs::write(&file, "{\"party\": {\"id\": \"b-x\", \"emails\": [\"canary at home\"]}}\n\nnonsense\n").unwrap();
    let run = house.run(&["import", "--marketplace", MARKET, "--jsonl", path]);
    let told = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(run.status.code(), Some(1), "{told}");
    assert!(told.contains("line 1: 400 emails[0]") && told.contains("line 3: no JSON"), "{told}");
    assert!(!told.contains("canary") && String::from_utf8_lossy(&run.stdout).contains("refused: 2"), "{told}");
    let tokens = house.run_ok(&["token", "list", "--marketplace", MARKET]);
    let revoked = tokens.lines().filter(|line| !line.ends_with("\t-")).count();
    assert_eq!(revoked, 4, "no token of an import is left: {tokens}");
}
