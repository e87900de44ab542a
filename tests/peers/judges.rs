//! Judges of content: an antivirus as a program, a classifier over HTTPS, lists of known files.

use std::{
    fs,
    io::Cursor,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use data_encoding::{BASE64, HEXLOWER};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, imageops::FilterType};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::house::{House, MARKET, Pair, Plan, canary, certs::Certs, eventually, mails, python, sink::Sink};

const EICAR: &str = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";

/// The settings of a judge that is `tests/house/judge.py`.
pub(crate) fn program(name: &str, log: &str, more: &str) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/house/judge.py");
    format!("[judges.{name}]\nrun = [{:?}, {script:?}, {log:?}]\n{more}\n", python::interpreter())
}

/// A house whose antivirus writes down what it is asked.
async fn house_with(sink: &Sink, more: &str) -> (House, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder").keep();
    let log = folder.join("asked.jsonl");
    let plan = Plan::new().route(sink.at).with(&program("av", log.to_str().expect("a path"), more));
    (plan.start().await, log)
}

fn asked(log: &PathBuf) -> Vec<Value> {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("a question")).collect()
}

fn said(text: &str) -> Value {
    json!({"from": "seller", "text": text})
}

fn with_file(name: &str, bytes: &[u8]) -> Value {
    let file = json!({"filename": name, "media_type": "image/jpeg", "content": BASE64.encode(bytes)});
    json!({"from": "seller", "text": "Here it is.", "attachments": [file]})
}

fn path(pair: &Pair) -> String {
    format!("/v1/conversations/{}/messages", pair.id)
}

fn rules(answer: &Value) -> String {
    answer["reasons"].to_string()
}

/// Soft blots of light and shade, other ones for each seed.
fn scene(seed: u32) -> DynamicImage {
    let shade = |x: u32, y: u32| {
        let mixed = (seed * 31 + x * 7 + y * 13 + 1).wrapping_mul(2_654_435_761);
        ((mixed ^ mixed >> 15).wrapping_mul(2_246_822_519) >> 24) as u8
    };
    let blots = RgbImage::from_fn(11, 9, |x, y| Rgb([shade(x, y), shade(x, y) / 2 + 60, shade(y, x) / 4]));
    DynamicImage::from(blots).resize_exact(240, 200, FilterType::Triangle)
}

fn jpeg(picture: &DynamicImage) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    picture.to_rgb8().write_to(&mut out, ImageFormat::Jpeg).expect("a JPEG");
    out.into_inner()
}

fn look(picture: &DynamicImage) -> String {
    format!("{:016x}", tabir::media::look::looks(picture)[0])
}

fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_antivirus_refuses_what_it_knows_by_mail_and_by_api() {
    let sink = Sink::start(None).await;
    let (house, log) = house_with(&sink, "original = true").await;
    let pair = house.pair("av").await;
    let mut smtp = house.smtp_tls().await;
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Your parcel", EICAR);
    let reply = smtp.send(&pair.seller.email, &pair.buyer_handle, &letter.raw).await.expect("a reply");
    assert!(reply.is("550 5.7.1"), "{reply:?}");
    // In a file that would have been taken out anyway.
    let refused = house.api().post(&path(&pair), &with_file("manual.txt", EICAR.as_bytes())).await;
    let problem = refused.problem(422, "content_refused");
    assert!(rules(&problem).contains("judge.av: Eicar-Test-Signature"), "{problem}");
    let shown = asked(&log).pop().expect("a question");
    assert_ne!(shown["files"][0]["media_type"], "image/jpeg", "whatever its sender calls it");
    // The seller itself hears no rule.
    let token = house.add_token("seller", &["--party", &pair.seller.id, "--agent", "a-1"]);
    let told = house.api_as(&token).post(&path(&pair), &said(EICAR)).await;
    told.problem(422, "content_refused");
    assert!(!told.text().contains("judge") && !told.text().contains("Eicar-Test"), "{}", told.text());
    let held = house.api().post(&path(&pair), &said("Please look closer at this scarf.")).await.ok();
    assert_eq!((&held["state"], &held["signals"][0]["kind"]), (&json!("held"), &json!("sexual")), "{held}");
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Your parcel", "It left today.");
    assert_eq!(smtp.send(&pair.seller.email, &pair.buyer_handle, &letter.raw).await.expect("a reply").code, 250);
    assert!(sink.nth(&pair.buyer.email, 1).await.body().contains("It left today."));
    assert_eq!(sink.count(), 1);
    // A dry run would be a free look at what it knows.
    let before = asked(&log).len();
    let tried = house.api().post(&format!("{}?dry_run=true", path(&pair)), &said(EICAR)).await.ok();
    assert_eq!((tried["verdict"].as_str(), asked(&log).len()), (Some("deliver"), before), "{tried}");
    // A judge whose settings stay goes on over a reload.
    house.signal("HUP");
    tokio::time::sleep(Duration::from_millis(500)).await;
    house.api().post(&path(&pair), &said("It left today, as I said.")).await.ok();
    let started = fs::read_to_string(log.with_extension("jsonl.started")).expect("it was started");
    assert_eq!(started.lines().count(), 1, "one process for one question after the other");
    assert!(started.trim().ends_with("[]"), "its environment is empty: {started}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_judge_is_never_shown_who_writes_or_to_whom() {
    let sink = Sink::start(None).await;
    let (house, log) = house_with(&sink, "").await;
    let pair = house.pair("who").await;
    let letter = mails::thunderbird(&pair.seller, &pair.buyer_handle, "Your parcel", "Halo, it left.", None);
    let reply = house.smtp_tls().await.send(&pair.seller.email, &pair.buyer_handle, &letter.raw).await;
    assert_eq!(reply.expect("a reply").code, 250);
    let text = format!("Ask {} or {} about it.", pair.buyer.name, pair.buyer.email);
    house.api().post(&path(&pair), &said(&text)).await.ok();
    let questions = asked(&log);
    assert_eq!(questions.len(), 2);
    assert_ne!(questions[0]["id"], questions[1]["id"]);
    assert_eq!(questions[0]["files"][0]["media_type"], "image/jpeg");
    let raw = fs::read(&log).expect("the questions");
    let ids = [&pair.id, &pair.seller.id, &pair.buyer.id].map(Clone::clone);
    let handles = [&pair.buyer_handle, &pair.seller_handle].map(|handle| handle.split('@').next().unwrap().to_owned());
    let photo = mails::IN_PHOTO.map(str::to_owned);
    let words =
        [&letter.canaries[..], &pair.buyer.canaries(), &pair.seller.canaries(), &ids, &handles, &photo].concat();
    canary::none(&raw, &words, "what a judge is shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_judge_that_is_late_fails_as_the_settings_say_and_nobody_else_waits() {
    let sink = Sink::start(None).await;
    let (mut house, _) = house_with(&sink, "deadline = \"700ms\"").await;
    let pair = house.pair("late").await;
    let (api, slow, to) = (house.api(), said("Could you please wait for the parcel?"), path(&pair));
    let started = Instant::now();
    let (late, quick) = tokio::join!(api.post(&to, &slow), async {
        let answer = api.post(&to, &said("It left today.")).await;
        (answer, started.elapsed())
    });
    let late = late.ok();
    assert_eq!(late["state"], "held", "fails closed unless told otherwise: {late}");
    assert!(rules(&late).contains("judge.av: late"), "{late}");
    assert!(quick.0.status == 201 && quick.1 < Duration::from_millis(650), "{:?}", quick.1);
    for (how, status) in [("refuse", 422), ("later", 503), ("pass", 201)] {
        house.change(&format!("[judges.av]\non_failure = \"{how}\""));
        house.signal("HUP");
        eventually(Duration::from_secs(5), how, async || {
            (api.post(&path(&pair), &slow).await.status == status).then_some(())
        })
        .await;
    }
    assert_eq!(api.post(&path(&pair), &slow).await.ok()["state"], "queued");
    // What one marketplace says goes before what the house says.
    house.change("[marketplaces.bazaar.judges.av]\non_failure = \"refuse\"");
    house.signal("HUP");
    eventually(Duration::from_secs(5), "its own", async || {
        (api.post(&path(&pair), &slow).await.status == 422).then_some(())
    })
    .await;
    let told = house.ask_admin("/metrics").await.expect("metrics").1;
    assert!(told.contains("tabir_judgements_total{by=\"judge.av\",verdict=\"late\"}"), "{told}");
    assert!(told.contains("tabir_judgement_seconds_count{by=\"judge.av\",verdict=\"pass\"}"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_judge_that_dies_is_started_again_and_nothing_is_lost() {
    let sink = Sink::start(None).await;
    let (mut house, log) = house_with(&sink, "").await;
    let pair = house.pair("dies").await;
    let api = house.api();
    api.post(&path(&pair), &said("It left today.")).await.ok();
    let once = api.post(&path(&pair), &said("Old batteries: please die once, then live.")).await.ok();
    assert_eq!(once["state"], "queued", "{once}");
    assert!(sink.wait(Duration::from_secs(10), || (sink.count() == 2).then_some(())).await.is_some());
    let always = api.post(&path(&pair), &said("Old batteries: please die always.")).await.ok();
    assert_eq!(always["state"], "held", "{always}");
    assert!(rules(&always).contains("judge.av: broken"), "{always}");
    let started = fs::read_to_string(log.with_extension("jsonl.started")).expect("it was started");
    assert_eq!(started.lines().count(), 3, "the first, its successor, and one more try:\n{started}");
    assert_eq!(api.post(&path(&pair), &said("And now?")).await.ok()["state"], "queued");
    // A program that is not there, and one that talks nonsense, are failures like any other.
    for run in ["[\"/bin/true\"]", "[\"/usr/bin/yes\", \"no\"]"] {
        house.change(&format!("[judges.av]\nrun = {run}"));
        house.signal("HUP");
        eventually(Duration::from_secs(5), run, async || {
            (api.post(&path(&pair), &said("Still here?")).await.ok()["state"] == "held").then_some(())
        })
        .await;
    }
}

/// An HTTPS judge: what it answers stands in the question.
struct Classifier {
    url: String,
    connections: Arc<AtomicUsize>,
    questions: Arc<AtomicUsize>,
}

impl Classifier {
    async fn start(certs: &Certs, elsewhere: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("https://{}/look", listener.local_addr().expect("an address"));
        let (connections, questions) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (opened, asked) = (Arc::clone(&connections), Arc::clone(&questions));
        let (tls, elsewhere) = (certs.acceptor(), elsewhere.unwrap_or_default().to_owned());
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                opened.fetch_add(1, Ordering::SeqCst);
                let (tls, asked, elsewhere) = (tls.clone(), Arc::clone(&asked), elsewhere.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = tls.accept(tcp).await else { return };
                    while let Some(question) = read_request(&mut stream).await {
                        asked.fetch_add(1, Ordering::SeqCst);
                        let answer = answer(&question, &elsewhere);
                        let _ = stream.write_all(answer.as_bytes()).await;
                        if question.contains("hang up") {
                            return;
                        }
                    }
                });
            }
        });
        Self { url, connections, questions }
    }

    fn asked(&self) -> usize {
        self.questions.load(Ordering::SeqCst)
    }
}

/// Head and body of one request.
async fn read_request(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|l| l.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0_usize) {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn answer(request: &str, elsewhere: &str) -> String {
    let (head, body) = request.split_once("\r\n\r\n").expect("a request");
    assert!(head.starts_with("POST /look HTTP/1.1"), "{head}");
    assert!(head.to_lowercase().contains("authorization: bearer sesam"), "{head}");
    let question: Value = serde_json::from_str(body).expect("a question");
    if body.contains("go elsewhere") {
        return format!("HTTP/1.1 307 Elsewhere\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\n\r\n");
    }
    let verdict = if body.contains("look closer") { "hold" } else { "pass" };
    let mut answer = json!({"id": question["id"], "verdict": verdict}).to_string();
    if body.contains("talk on") {
        answer.push_str(&" ".repeat(5_000));
    }
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}", answer.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_judge_over_https_is_asked_on_a_kept_connection_and_followed_nowhere() {
    let sink = Sink::start(None).await;
    let certs = Certs::make("judge.example", "127.0.0.1".parse().expect("an address"));
    let folder = tempfile::tempdir().expect("a folder");
    certs.write(folder.path());
    fs::write(folder.path().join("token"), "sesam\n").expect("a token");
    let elsewhere = Classifier::start(&certs, None).await;
    let judge = Classifier::start(&certs, Some(&elsewhere.url)).await;
    let judges = format!(
        "[judges.eye]\nurl = {:?}\nprivate = true\nca = {:?}\ntoken = {:?}\nsees = [\"text\", \"images\"]\n",
        judge.url,
        folder.path().join("ca.pem"),
        folder.path().join("token"),
    );
    let mut house = Plan::new().route(sink.at).with(&judges).start().await;
    let pair = house.pair("eye").await;
    let api = house.api();
    let state = async |text: &str| api.post(&path(&pair), &said(text)).await.ok()["state"].clone();
    for _ in 0..3 {
        assert_eq!(state("It left today.").await, "queued");
    }
    assert_eq!(state("Do look closer.").await, "held");
    assert_eq!(judge.connections.load(Ordering::SeqCst), 1, "one connection for one question after the other");
    assert_eq!(state("Please hang up now.").await, "queued");
    assert_eq!(state("Are you there?").await, "queued", "a connection that went away is nobody's answer");
    assert_eq!(state("Please go elsewhere.").await, "held");
    assert_eq!(elsewhere.asked(), 0, "a redirection is no answer");
    assert_eq!(state("Please talk on and on.").await, "held");
    // Another CA's judge is not believed; this machine is not asked unless the settings say so.
    let asked = judge.asked();
    house.change("[judges.eye]\nprivate = false");
    house.signal("HUP");
    eventually(Duration::from_secs(5), "no private address", async || (state("Halo?").await == "held").then_some(()))
        .await;
    fs::write(folder.path().join("other.pem"), &house.certs.ca).expect("a CA");
    house.change(&format!("[judges.eye]\nprivate = true\nca = {:?}", folder.path().join("other.pem")));
    house.signal("HUP");
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(state("Halo?").await, "held");
    assert!(judge.asked() <= asked + 2, "asked before the reload at most");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_meets_a_picture_however_it_was_encoded_and_no_other_one() {
    let sink = Sink::start(None).await;
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("stolen.txt");
    fs::write(&list, format!("# pictures of a photographer\n{}  # the first\n", look(&scene(1)))).expect("a list");
    let lists = format!("[lists.stolen]\nfile = {list:?}\nkind = \"dhash\"\nverdict = \"refuse\"\n");
    let house = Plan::new().route(sink.at).with(&lists).start().await;
    let pair = house.pair("list").await;
    let send = async |picture: &DynamicImage| house.api().post(&path(&pair), &with_file("a.jpg", &jpeg(picture))).await;
    let smaller = scene(1).resize_exact(150, 90, FilterType::Lanczos3);
    for known in [smaller.clone(), smaller.fliph(), scene(1).rotate270()] {
        let problem = send(&known).await.problem(422, "content_refused");
        assert!(rules(&problem).contains("list.stolen"), "{problem}");
    }
    assert_eq!(send(&scene(2)).await.status, 201);
    fs::write(&list, format!("{}\n{}\n", look(&scene(1)), look(&scene(2)))).expect("a list");
    house.signal("HUP");
    eventually(Duration::from_secs(5), "the list as it is now", async || {
        (send(&scene(2)).await.status == 422).then_some(())
    })
    .await;
    // A list that can not be read changes nothing, and the fault is told with its line.
    fs::write(&list, "not a hash\n").expect("a list");
    house.signal("HUP");
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(send(&scene(1)).await.status, 422);
    assert!(house.logs().contains("stolen.txt:1: not a difference hash"), "{}", house.logs());
}

/// Words of an escalated message, wherever they must not be.
const SEALED: [&str; 3] = ["merpati-kelabu-canary", "layang-biru-canary", "JPEG-TRAILER-CANARY"];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_escalated_is_shown_to_nobody_and_comes_before_all_that_waits() {
    let sink = Sink::start(None).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = [jpeg(&scene(3)), SEALED[2].as_bytes().to_vec()].concat();
    let list = folder.path().join("minors.txt");
    fs::write(&list, sha256(&file)).expect("a list");
    let lists = format!("[lists.minors]\nfile = {list:?}\nkind = \"sha256\"\nverdict = \"escalate\"\n");
    let log = folder.path().join("asked.jsonl");
    let judge = program("eye", log.to_str().expect("a path"), "original = true");
    let mut house = Plan::new().route(sink.at).with(&lists).with(&judge).start().await;
    let pair = house.pair("sealed").await;
    let api = house.api();
    let ordinary = api.post(&path(&pair), &said("Please look closer at it.")).await.ok();

    // By a list: no judge is shown what the list knows.
    let mut body = with_file(&format!("{}.jpg", SEALED[1]), &file);
    body["text"] = json!(format!("For you, {}.", SEALED[0]));
    let posted = api.post_once(&path(&pair), "k-1", &body).await;
    assert_eq!(asked(&log).len(), 1, "the ordinary one alone");
    let by_list = posted.ok();
    assert_eq!((&by_list["state"], &by_list["verdict"]), (&json!("held"), &json!("hold")), "{by_list}");
    // By a judge, and by mail: the sender hears what the sender of any held message hears.
    let text = format!("Please seal it, {}.", SEALED[0]);
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, SEALED[1], &text);
    for _ in 0..2 {
        let reply = house.smtp_tls().await.send(&pair.seller.email, &pair.buyer_handle, &letter.raw).await;
        assert!(reply.expect("a reply").is("250"), "taken, and a repetition too");
    }

    let token = house.add_token("seller", &["--party", &pair.seller.id, "--agent", "a-1"]);
    let seller = house.api_as(&token);
    let held = api.get("/v1/held").await;
    let items = held.ok()["items"].as_array().expect("items").clone();
    assert_eq!(items.len(), 3, "{}", held.text());
    assert_eq!((&items[0]["id"], &items[0]["sealed"]), (&by_list["id"], &json!(true)), "{}", items[0]);
    assert_eq!(items[0]["reasons"][0]["rule"], "escalated", "{}", items[0]);
    assert_eq!((&items[1]["sealed"], &items[2]["id"]), (&json!(true), &ordinary["id"]));
    let positions: Vec<_> = items.iter().map(|item| item["position"].as_u64()).collect();
    assert_eq!(positions, [Some(1), Some(2), Some(3)]);
    let id = by_list["id"].as_str().expect("an id").to_owned();
    let second = items[1]["id"].as_str().expect("an id").to_owned();
    let after = api.get(&format!("/v1/held?after={id}&limit=1")).await.ok();
    assert_eq!((&after["items"][0]["id"], &after["items"][0]["position"]), (&json!(second), &json!(2)));

    // A seller sees what is held, whichever, by its state alone.
    let own = seller.get(&path(&pair)).await;
    for message in own.ok()["items"].as_array().expect("items") {
        assert_eq!((&message["state"], message.get("text"), message.get("sealed")), (&json!("held"), None, None));
    }
    let release = json!({"decision": "release", "reason": "looks fine", "actor": "s-1"});
    let released = api.post(&format!("/v1/messages/{id}/decision"), &release).await;
    assert_eq!(released.status, 422, "{}", released.text());
    let answers = [
        posted.text(),
        held.text(),
        own.text(),
        released.text(),
        api.get(&format!("/v1/messages/{id}")).await.text(),
        api.get(&format!("{}?as=seller", path(&pair))).await.text(),
        api.get(&format!("{}?as=buyer", path(&pair))).await.text(),
        api.post_once(&path(&pair), "k-1", &body).await.text(),
    ];
    let words = SEALED.map(str::to_owned);
    for answer in &answers {
        canary::none(answer.as_bytes(), &words, "an answer");
    }
    let handled = json!({"decision": "refuse", "reason": "given to the police", "actor": "s-1"});
    let decided = api.post(&format!("/v1/messages/{id}/decision"), &handled).await;
    assert_eq!(decided.ok()["state"], "refused");
    assert_eq!(api.get("/v1/held").await.ok()["items"].as_array().map(Vec::len), Some(2));

    // Evidence tells that it was, and not what; an erasure does not take it away.
    let bundle = folder.path().join("bundle.zip");
    let of = ["--marketplace", MARKET];
    let run = |words: &[&str]| house.run(&[words, &of].concat());
    let run_ok = |words: &[&str]| house.run_ok(&[words, &of].concat());
    run_ok(&["evidence", "export", &pair.id, "-o", bundle.to_str().expect("a path")]);
    house.run_ok(&[
        "evidence",
        "verify",
        bundle.to_str().expect("a path"),
        "--key",
        &house.run_ok(&["evidence", "key"]),
    ]);
    let told = fs::read(&bundle).expect("a bundle");
    assert!(!canary::plainly(&told, &["message_escalated".to_owned()]).is_empty());
    assert!(canary::plainly(&told, &words).is_empty());
    run_ok(&["forget", &pair.seller.id]);
    let opened = folder.path().join("for-the-court.json");
    run_ok(&["evidence", "unseal", &second, "-o", opened.to_str().expect("a path")]);
    let court: Value = serde_json::from_slice(&fs::read(&opened).expect("a file")).expect("JSON");
    assert!(court["text"].as_str().is_some_and(|text| text.contains(SEALED[0])), "{court}");
    assert_eq!(court["judged_by"], json!(["judge.eye"]));
    assert!(!run(&["evidence", "unseal", ordinary["id"].as_str().expect("an id"), "-o", "x"]).status.success());

    assert_eq!(sink.to(&pair.buyer.email).len(), 0, "delivered to nobody");
    house.stop().await;
    assert_eq!(canary::found_in_folder(&house.data(), &words), Vec::new());
    for log in ["out.log", "err.log"] {
        let log = fs::read(house.dir.path().join(log)).expect("a log");
        assert!(canary::plainly(&log, &words).is_empty());
    }
}
