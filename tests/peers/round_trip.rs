//! A mail goes over, an answer comes back, and neither side learns anything of the other.

use std::time::Duration;

use image::GenericImageView;
use mail_parser::{MessageParser, MimeHeaders};
use serde_json::json;

use crate::house::{
    House, Pair, Plan, Side, canary,
    mails::{self, Letter},
    python::{self, Aiosmtpd},
    sink::{Mail, Sink},
};

async fn sent(house: &House, pair: &Pair, side: Side, letter: &Letter) {
    let way = pair.way(side);
    let mut smtp = house.smtp_tls().await;
    let reply = smtp.send(&way.from.email, way.to, &letter.raw).await.expect("a reply");
    assert_eq!(reply.code, 250, "{reply:?}\n{}", house.logs());
}

/// What every delivered mail must look like.
fn proper(pair: &Pair, side: Side, mail: &Mail, letter: &Letter) {
    let way = pair.way(side);
    let what = format!("{side:?}'s mail as it arrived");
    canary::none(&mail.raw, &letter.canaries, &what);
    canary::none(mail.from.as_bytes(), &letter.canaries, "envelope sender");
    assert!(mail.header("from").is_some_and(|from| from.contains(way.seen)), "From is the handle: {}", mail.text());
    assert!(mail.header("reply-to").is_none_or(|to| to.contains(way.seen)), "Reply-To is the handle: {}", mail.text());
    for header in
        ["received", "user-agent", "x-mailer", "x-originating-ip", "thread-index", "autocrypt", "cc", "sender"]
    {
        let value = mail.header(header);
        assert!(value.as_deref().is_none_or(|v| !canary_like(v)), "{header}: {value:?}");
    }
    let parsed = MessageParser::default().parse(&mail.raw[..]).expect("a mail");
    assert!(
        parsed.parts.iter().any(|part| part.is_content_type("text", "plain")),
        "always a text/plain part: {}",
        mail.text()
    );
    assert_ne!(mail.header("message-id").as_deref(), Some(letter.id.as_str()));
}

fn canary_like(value: &str) -> bool {
    value.to_lowercase().contains("canary")
}

fn id_of(mail: &Mail) -> String {
    mail.header("message-id").expect("a Message-ID").trim_matches(['<', '>']).to_owned()
}

/// The story of a conversation with one kind of mail program on each side.
async fn story(
    house: &House,
    pair: &Pair,
    sink: &Aiosmtpd,
    letters: [fn(&Pair, Side, &str, Option<&Mail>) -> Letter; 2],
) -> Vec<String> {
    let first = letters[0](pair, Side::Seller, "Your parcel leaves tomorrow morning.", None);
    sent(house, pair, Side::Seller, &first).await;
    let at_buyer = sink.nth(&pair.buyer.email, 1).await;
    proper(pair, Side::Seller, &at_buyer, &first);
    assert!(at_buyer.body().contains("Your parcel leaves tomorrow morning."), "{}", at_buyer.body());

    let answer = letters[1](pair, Side::Buyer, "Thank you, the blue one please.", Some(&at_buyer));
    sent(house, pair, Side::Buyer, &answer).await;
    let at_seller = sink.nth(&pair.seller.email, 1).await;
    proper(pair, Side::Buyer, &at_seller, &answer);
    assert!(at_seller.body().contains("Thank you, the blue one please."), "{}", at_seller.body());
    let expected = format!("<{}>", first.id);
    assert_eq!(
        at_seller.header("in-reply-to").as_deref(),
        Some(&*expected),
        "the seller's own id: {}",
        at_seller.text()
    );
    assert!(at_seller.header("references").is_some_and(|ids| ids.contains(&expected)), "{}", at_seller.text());

    let again = letters[0](pair, Side::Seller, "Noted, it is on its way.", Some(&at_seller));
    sent(house, pair, Side::Seller, &again).await;
    let last = sink.nth(&pair.buyer.email, 2).await;
    proper(pair, Side::Seller, &last, &again);
    let expected = format!("<{}>", answer.id);
    assert_eq!(last.header("in-reply-to").as_deref(), Some(&*expected), "the buyer's own id: {}", last.text());
    [first.canaries, answer.canaries, again.canaries].concat()
}

fn by_thunderbird(pair: &Pair, side: Side, text: &str, answers: Option<&Mail>) -> Letter {
    let way = pair.way(side);
    mails::thunderbird(way.from, way.to, "Batik scarf", text, answers.map(id_of).as_deref())
}

fn by_gmail(pair: &Pair, side: Side, text: &str, answers: Option<&Mail>) -> Letter {
    let way = pair.way(side);
    let history = answers.map(|mail| (id_of(mail), mail.body()));
    mails::gmail(way.from, way.to, "Re: Batik scarf", text, history.as_ref().map(|(id, text)| (&**id, &**text)))
}

fn by_outlook(pair: &Pair, side: Side, text: &str, answers: Option<&Mail>) -> Letter {
    let way = pair.way(side);
    mails::outlook(way.from, way.to, "RE: Batik scarf", text, answers.map(id_of).as_deref())
}

/// The whole story, then a search of everything that the house wrote anywhere.
async fn told(tag: &str, letters: [fn(&Pair, Side, &str, Option<&Mail>) -> Letter; 2]) {
    let certs = crate::house::certs::Certs::make("kotak-surat.example", [127, 0, 0, 1].into());
    let sink = Aiosmtpd::start(&certs);
    let mut house = Plan::new().route(sink.at).start().await;
    let pair = house.pair(tag).await;
    canary::none(pair.made.to_string().as_bytes(), &both_sides(&pair), "the conversation's answer");
    let mut canaries = story(&house, &pair, &sink, letters).await;
    canaries.extend(both_sides(&pair));
    canaries.extend(["leaves tomorrow morning", "blue one please", "it is on its way"].map(str::to_owned));
    let metrics = house.ask_admin("/metrics").await.expect("/metrics");
    canary::none(metrics.1.as_bytes(), &canaries, "/metrics");
    nothing_on_disk(&house, &canaries, "while it runs");
    house.stop().await;
    nothing_on_disk(&house, &canaries, "after the end");
}

fn both_sides(pair: &Pair) -> Vec<String> {
    [pair.buyer.canaries(), pair.seller.canaries()].concat()
}

fn nothing_on_disk(house: &House, canaries: &[String], when: &str) {
    let hits = canary::found_in_folder(house.dir.path(), canaries);
    assert!(hits.is_empty(), "{when}: {hits:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn thunderbird_and_gmail_never_learn_of_each_other() {
    told("tbgm", [by_thunderbird, by_gmail]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gmail_and_outlook_never_learn_of_each_other() {
    told("gmol", [by_gmail, by_outlook]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outlook_and_thunderbird_never_learn_of_each_other() {
    told("oltb", [by_outlook, by_thunderbird]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_arrives_as_a_picture_and_nothing_else() {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).start().await;
    let pair = house.pair("photo").await;
    let letter = by_thunderbird(&pair, Side::Buyer, "See the tear on the left.", None);
    sent(&house, &pair, Side::Buyer, &letter).await;
    let mail = sink.nth(&pair.seller.email, 1).await;
    let parsed = MessageParser::default().parse(&mail.raw[..]).expect("a mail");
    let photo = parsed.attachments().find(|part| part.is_content_type("image", "jpeg"));
    let photo = photo.unwrap_or_else(|| panic!("the photo arrives: {}", mail.text()));
    let picture = image::load_from_memory(photo.contents()).expect("a picture");
    assert_eq!(picture.dimensions(), (64, 48));
    assert!(memchr::memmem::find(photo.contents(), b"Exif").is_none(), "no metadata");
    assert!(!photo.attachment_name().unwrap_or_default().contains(pair.buyer.local()), "{:?}", photo.attachment_name());
    proper(&pair, Side::Buyer, &mail, &letter);
}

#[tokio::test(flavor = "multi_thread")]
async fn swaks_is_served_like_anyone() {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).start().await;
    let pair = house.pair("swaks").await;
    let letter = by_gmail(&pair, Side::Seller, "Sent from a shell.", None);
    let file = house.dir.path().join("letter.eml");
    std::fs::write(&file, &letter.raw).expect("a file");
    let ca = house.dir.path().join("ca.pem");
    let (code, said) = python::swaks(house.smtp(), &ca, &pair.seller.email, &pair.buyer_handle, &file);
    assert_eq!(code, 0, "{said}");
    let mail = sink.nth(&pair.buyer.email, 1).await;
    proper(&pair, Side::Seller, &mail, &letter);
    canary::none(&mail.raw, &["klien-zenon".to_owned()], "the client's HELO name");
}

#[tokio::test(flavor = "multi_thread")]
async fn smtps_and_starttls_outwards_work() {
    let certs = crate::house::certs::Certs::make("kotak-surat.example", [127, 0, 0, 1].into());
    let sink = Sink::start(Some(certs.acceptor())).await;
    let house = Plan::new().route(sink.at).start().await;
    let pair = house.pair("tls").await;
    let letter = by_outlook(&pair, Side::Seller, "Over TLS on both legs.", None);
    let connector = house.certs.connector();
    let mut smtp =
        crate::house::smtp::Smtp::open_smtps(house.smtps(), crate::house::HOSTNAME, &connector).await.expect("SMTPS");
    let reply = smtp.send_pipelined(&pair.seller.email, &pair.buyer_handle, &letter.raw).await.expect("a reply");
    assert_eq!(reply.code, 250, "{reply:?}");
    assert!(sink.nth(&pair.buyer.email, 1).await.tls, "the second leg is encrypted when the sink offers it");
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_in_the_text_are_cut() {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).start().await;
    let pair = house.pair("cut").await;
    let text =
        "Write me: sklep.zapas@poczta.example or https://www.sklep-zapas.example/ratna please. Order 4711 is packed.";
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Packed", text);
    sent(&house, &pair, Side::Seller, &letter).await;
    let mail = sink.nth(&pair.buyer.email, 1).await;
    let hidden = ["sklep.zapas@", "poczta.example", "sklep-zapas"].map(str::to_owned);
    canary::none(&mail.raw, &hidden, "a cut contact");
    assert!(mail.body().contains("is packed."), "{}", mail.body());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bounce_of_the_receiver_reaches_the_sender_only_through_the_relay() {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).start().await;
    let pair = house.pair("bounce").await;
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Hello", "Is the blue one fine?");
    sink.mood(crate::house::sink::Mood::AtRcptOf(
        pair.buyer.email.clone(),
        "550 5.1.1 ratna.bounce@rumah-bounce.example unknown at host canaryHOST",
    ));
    sent(&house, &pair, Side::Seller, &letter).await;
    let notice = sink.nth(&pair.seller.email, 1).await;
    let mut hidden = pair.buyer.canaries();
    hidden.push("canaryHOST".to_owned());
    canary::none(&notice.raw, &hidden, "the notice");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_evidence_of_a_story_verifies_and_any_changed_byte_fails() {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).start().await;
    let pair = house.pair("proof").await;
    for n in 0..3 {
        let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Step", &format!("This is step {n} of three."));
        sent(&house, &pair, Side::Seller, &letter).await;
    }
    sink.nth(&pair.buyer.email, 3).await;
    let file = house.dir.path().join("bundle.zip");
    let path = file.to_str().expect("a path");
    house.run_ok(&["evidence", "export", &pair.id, "-o", path, "--marketplace", crate::house::MARKET]);
    let key = house.run_ok(&["evidence", "key"]);
    let key_file = house.dir.path().join("evidence.pub");
    std::fs::write(&key_file, &key).expect("a file");
    house.run_ok(&["evidence", "verify", path, "--key", key_file.to_str().expect("a path")]);
    house.run_ok(&["evidence", "verify", path, "--key", &key]);
    let without = house.run(&["evidence", "verify", path]);
    assert_eq!(without.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&[without.stdout, without.stderr].concat()).contains("signer unknown: SHA256:"));

    let over_api = house.api().get(&format!("/v1/conversations/{}/evidence", pair.id)).await;
    assert_eq!((over_api.status, over_api.headers["content-type"].as_bytes()), (200, &b"application/zip"[..]));
    let published = house.api().get("/v1/evidence-key").await;
    assert!(
        published.text().contains(key.lines().next().unwrap_or_default()) || key.contains(published.text().trim()),
        "{}",
        published.text()
    );

    let good = std::fs::read(&file).expect("the bundle");
    let step = (good.len() / 40).max(1);
    for at in (0..good.len()).step_by(step) {
        let mut bad = good.clone();
        bad[at] ^= 0x20;
        std::fs::write(&file, &bad).expect("the bundle");
        let output = house.run(&["evidence", "verify", path, "--key", &key]);
        assert_eq!(
            output.status.code(),
            Some(1),
            "byte {at} of {} changed: {}",
            good.len(),
            String::from_utf8_lossy(&output.stdout)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_by_api_and_mail_meet_in_one_conversation() {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).start().await;
    let pair = house.pair("chat").await;
    let api = house.api();
    let path = format!("/v1/conversations/{}/messages", pair.id);
    let answer = api.post(&path, &json!({"from": "seller", "text": "From the app: packed today."})).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let mail = sink.nth(&pair.buyer.email, 1).await;
    assert!(mail.body().contains("From the app: packed today."), "{}", mail.body());
    let letter = by_gmail(&pair, Side::Buyer, "By mail: thank you.", Some(&mail));
    sent(&house, &pair, Side::Buyer, &letter).await;
    sink.nth(&pair.seller.email, 1).await;
    let seen = crate::house::eventually(Duration::from_secs(5), "the mail in the chat", async || {
        let seen = api.get(&format!("{path}?as=seller")).await.ok();
        seen.to_string().contains("By mail: thank you.").then_some(seen)
    })
    .await;
    canary::none(seen.to_string().as_bytes(), &[pair.buyer.canaries(), letter.canaries].concat(), "the seller's view");
}
