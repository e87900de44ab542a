//! What comes back: bounces, complaints, absence notes, loops; and what authors are told.

use std::time::Duration;

use serde_json::json;

use crate::house::{
    DOMAIN, House, Pair, Plan, Side, canary, eventually,
    mails::{self, PHONE},
    python,
    sink::{Mail, Sink},
    smtp::Reply,
};

async fn sent(house: &House, pair: &Pair, side: Side, text: &str) {
    let way = pair.way(side);
    let letter = mails::plain(way.from, way.to, "About the order", text);
    let reply = house.smtp_tls().await.send(&way.from.email, way.to, &letter.raw).await.expect("a reply");
    assert_eq!(reply.code, 250, "{reply:?}\n{}", house.logs());
}

/// A mail host writes to the envelope sender of `mail`, as it does from the null sender.
async fn returned(house: &House, mail: &Mail, raw: &str) -> Reply {
    let raw = raw.replace('\n', "\r\n");
    house.smtp_tls().await.send("", &mail.from, raw.as_bytes()).await.expect("a reply")
}

fn report(pair: &Pair, action: &str, status: &str) -> String {
    let real = &pair.buyer.email;
    format!(
        "From: Mail Delivery System <MAILER-DAEMON@mx.rumah.example>\nSubject: Undelivered Mail Returned to Sender\n\
         Auto-Submitted: auto-replied\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\n\n\
         --b\nContent-Type: text/plain\n\nYour message to <{real}> could not be delivered.\n\n--b\nContent-Type: message/delivery-status\n\n\
         Reporting-MTA: dns; mx.rumah.example\n\nFinal-Recipient: rfc822; {real}\nAction: {action}\nStatus: {status}\n\n\
         --b\nContent-Type: message/rfc822\n\nTo: <{real}>\nX-Tabir-Loop: 1\nSubject: canaryCOPY\n\nHello\n--b--\n"
    )
}

async fn counted(house: &House, line: &str) -> u64 {
    let (_, metrics) = house.ask_admin("/metrics").await.expect("/metrics");
    let count = metrics.lines().find_map(|known| known.strip_prefix(line)?.trim().parse().ok());
    count.unwrap_or(0)
}

async fn state(house: &House, pair: &Pair) -> String {
    let seen = house.api().get(&format!("/v1/conversations/{}/messages?as=seller", pair.id)).await.ok();
    let last = crate::contact::list(&seen).pop().expect("a message");
    last["state"].as_str().expect("a state").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bounce_reaches_the_author_as_one_clean_notice_in_their_language() {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).with("locale = \"id\"").start().await;
    let pair = house.pair("back").await;
    sent(&house, &pair, Side::Seller, "Is the blue one fine?").await;
    let mail = sink.nth(&pair.buyer.email, 1).await;

    let late = returned(&house, &mail, &report(&pair, "delayed", "4.4.1")).await;
    assert_eq!(late.code, 250, "{late:?}");
    assert!(sink.during(Duration::from_millis(700)).await.is_empty(), "a delay is no failure");
    assert_eq!(state(&house, &pair).await, "delivered");

    for _ in 0..2 {
        let reply = returned(&house, &mail, &report(&pair, "failed", "5.1.1")).await;
        assert_eq!(reply.code, 250, "{reply:?}\n{}", house.logs());
    }
    let notice = sink.nth(&pair.seller.email, 1).await;
    assert_eq!(state(&house, &pair).await, "failed");
    assert!(notice.body().contains("tidak dapat disampaikan"), "{}", notice.body());
    assert_eq!(notice.header("auto-submitted").as_deref(), Some("auto-generated"), "{}", notice.text());
    let mut hidden = pair.buyer.canaries();
    hidden.extend(["canaryCOPY", "mx.rumah.example", "5.1.1", &pair.buyer_handle].map(str::to_owned));
    canary::none(&notice.raw, &hidden, "the notice");
    canary::none(house.logs().as_bytes(), &pair.buyer.canaries(), "the logs");

    // The notice comes back as well, and an absence note for it: nobody answers either.
    let away = "From: Zenon <zenon@sklep.example>\nAuto-Submitted: auto-replied\nSubject: Away\n\nCall me.\n";
    for raw in [report(&pair, "failed", "5.2.2").as_str(), away] {
        assert_eq!(returned(&house, &notice, raw).await.code, 250);
    }
    assert!(sink.during(Duration::from_secs(1)).await.is_empty(), "no notice for a notice, none for a second bounce");

    // It was about that one delivery: the next one to the same mailbox goes out.
    sent(&house, &pair, Side::Seller, "And the green one?").await;
    sink.nth(&pair.buyer.email, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complaint_is_counted_and_told_to_nobody() {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).start().await;
    let pair = house.pair("arf").await;
    sent(&house, &pair, Side::Seller, "Is the blue one fine?").await;
    let mail = sink.nth(&pair.buyer.email, 1).await;
    let complaint = format!(
        "From: <feedback@arf.rumah.example>\nSubject: FW: Hello\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=feedback-report; boundary=\"f\"\n\n--f\n\nThis is an abuse report.\n\n\
         --f\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\nOriginal-Rcpt-To: <{real}>\n\n\
         --f\nContent-Type: message/rfc822\n\nTo: <{real}>\n\nHello\n--f--\n",
        real = pair.buyer.email
    );
    let reply = returned(&house, &mail, &complaint).await;
    assert_eq!(reply.code, 250, "{reply:?}");
    assert_eq!(counted(&house, "tabir_complaints_total{kind=\"abuse\"}").await, 1);
    assert_eq!(counted(&house, "tabir_bounces_total{kind=\"complaint\"}").await, 1);
    assert!(sink.during(Duration::from_millis(700)).await.is_empty());
    assert_eq!(state(&house, &pair).await, "delivered");
    canary::none(house.logs().as_bytes(), &pair.buyer.canaries(), "the logs");
    let metrics = house.ask_admin("/metrics").await.expect("/metrics");
    canary::none(metrics.1.as_bytes(), &pair.buyer.canaries(), "/metrics");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_invents_a_bounce_and_a_person_is_told_to_write_elsewhere() {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).start().await;
    let pair = house.pair("forge").await;
    sent(&house, &pair, Side::Seller, "Is the blue one fine?").await;
    let mail = sink.nth(&pair.buyer.email, 1).await;
    let (local, _) = mail.from.split_once('@').expect("an address");
    let mut forged = local.to_owned();
    let last = forged.pop().expect("a letter");
    forged.push(if last == '0' { '1' } else { '0' });
    let mut smtp = house.smtp_tls().await;
    smtp.ask("MAIL FROM:<>").await.expect("MAIL");
    let reply = smtp.ask(&format!("RCPT TO:<{forged}@{DOMAIN}>")).await.expect("RCPT");
    assert!(reply.is("550 5.1.1"), "{reply:?}");
    let words = "From: Ratna <ratna@rumah.example>\nSubject: Re: About the order\n\nYes, blue please.\n";
    let reply = returned(&house, &mail, &words.replace("From", "X-From")).await;
    assert_eq!(reply.code, 250, "what has no sender is no person's");
    let reply = house
        .smtp_tls()
        .await
        .send(&pair.buyer.email, &mail.from, words.replace('\n', "\r\n").as_bytes())
        .await
        .expect("a reply");
    assert!(reply.is("550 5.1.1"), "{reply:?}");
    assert!(sink.during(Duration::from_millis(700)).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absence_note_arrives_clean_as_one_and_opens_nothing() {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).with("[contact]\nunanswered = 1").start().await;
    let pair = house.pair("away").await;
    sent(&house, &pair, Side::Seller, "Is the blue one fine?").await;
    sink.nth(&pair.buyer.email, 1).await;
    let raw = format!(
        "From: <{mail}>\r\nTo: <{to}>\r\nSubject: Automatic reply: About the order\r\nAuto-Submitted: auto-replied\r\n\
         X-Auto-Response-Suppress: All\r\nMessage-ID: <ooo-canary@rumah.example>\r\n\r\n\
         I am away until Monday. In a hurry? Call {PHONE} or write to {mail}.\r\n",
        mail = pair.buyer.email,
        to = pair.seller_handle
    );
    let file = house.dir.path().join("away.eml");
    std::fs::write(&file, &raw).expect("a file");
    let ca = house.dir.path().join("ca.pem");
    let (code, said) = python::swaks(house.smtp(), &ca, &pair.buyer.email, &pair.seller_handle, &file);
    assert_eq!(code, 0, "{said}");
    let note = sink.nth(&pair.seller.email, 1).await;
    assert!(note.body().contains("away until Monday"), "{}", note.body());
    assert_eq!(note.header("auto-submitted").as_deref(), Some("auto-generated"), "{}", note.text());
    let mut hidden = pair.buyer.canaries();
    hidden.extend([PHONE, "7911", "ooo-canary"].map(str::to_owned));
    canary::none(&note.raw, &hidden, "the note");
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Hi", "You have answered, so I may write again?");
    let reply = house.smtp_tls().await.send(&pair.seller.email, &pair.buyer_handle, &letter.raw).await.expect("RCPT");
    assert!(reply.is("550 5.7.1"), "a program answers for nobody: {reply:?}");
    sent(&house, &pair, Side::Buyer, "Back again: yes, blue.").await;
    sent(&house, &pair, Side::Seller, "Thank you.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absence_note_to_the_envelope_sender_reaches_the_author_if_its_sender_is_proven() {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).start().await;
    let pair = house.pair("sieve").await;
    sent(&house, &pair, Side::Seller, "Is the blue one fine?").await;
    let mail = sink.nth(&pair.buyer.email, 1).await;
    // As Sieve's vacation (RFC 5230) has it.
    let raw = format!(
        "From: <{real}>\r\nTo: <{to}>\r\nSubject: Auto: About the order\r\nAuto-Submitted: auto-replied (vacation)\r\n\
         Message-ID: <sieve-canary@rumah.example>\r\n\r\nAway until Monday. Call {PHONE}.\r\n",
        real = pair.buyer.email,
        to = mail.from
    );
    // Not proven: the null sender of a closed network, and somebody else.
    for from in ["", "me@attacker.example"] {
        let reply = house.smtp_tls().await.send(from, &mail.from, raw.as_bytes()).await.expect("a reply");
        assert_eq!(reply.code, 250, "{reply:?}");
    }
    assert!(sink.during(Duration::from_millis(700)).await.is_empty());
    assert_eq!(counted(&house, "tabir_bounces_total{kind=\"other\"}").await, 2);

    let reply = house.smtp_tls().await.send(&pair.buyer.email, &mail.from, raw.as_bytes()).await.expect("a reply");
    assert_eq!(reply.code, 250, "{reply:?}");
    let note = sink.nth(&pair.seller.email, 1).await;
    assert!(note.body().contains("Away until Monday"), "{}", note.body());
    assert_eq!(note.header("auto-submitted").as_deref(), Some("auto-generated"), "{}", note.text());
    let mut hidden = pair.buyer.canaries();
    hidden.extend([PHONE, "7911", "sieve-canary"].map(str::to_owned));
    canary::none(&note.raw, &hidden, "the note");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_in_a_circle_ends_in_the_session() {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).start().await;
    let pair = house.pair("ring").await;
    sent(&house, &pair, Side::Seller, "Is the blue one fine?").await;
    let mail = sink.nth(&pair.buyer.email, 1).await;
    // The buyer's mailbox forwards everything to the seller's handle.
    let forwarded = [format!("From: <{}>\r\n", pair.buyer.email).as_bytes(), &mail.raw].concat();
    let hops = "Received: from a by b; Mon, 16 Nov 2026 10:00:00 +0100\r\n".repeat(51);
    let letter = mails::plain(&pair.buyer, &pair.seller_handle, "Hi", "Far travelled.");
    for raw in [forwarded, [hops.as_bytes(), &letter.raw].concat()] {
        let reply = house.smtp_tls().await.send(&pair.buyer.email, &pair.seller_handle, &raw).await.expect("a reply");
        assert!(reply.is("554 5.4.6"), "{reply:?}");
    }
    let stranger = house.smtp_tls().await.send("", &pair.seller_handle, &letter.raw).await.expect("a reply");
    assert!(stranger.is("550 5.1.1"), "{stranger:?}");
    assert!(sink.during(Duration::from_secs(1)).await.is_empty(), "no mail of ours answers what was refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_names_an_outsider_is_refused_with_words() {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).start().await;
    let pair = house.pair("cc").await;
    let other = house.pair("cc-too").await;
    let head = |more: &str| {
        format!(
            "From: <{}>\r\n{more}\r\nSubject: Hi\r\nMessage-ID: <{:x}@x.example>\r\n\r\nThe scarf is packed.\r\n",
            pair.seller.email,
            more.len()
        )
    };
    let handle = &pair.buyer_handle;
    for (more, passes) in [
        (format!("To: <{handle}>"), true),
        ("Subject: only in the envelope".to_owned(), true),
        (format!("To: <{handle}>, <{}>", other.buyer_handle), true),
        (format!("To: <{handle}>\r\nCc: My own copy <{}>", pair.seller.email), true),
        (format!("To: <{handle}>\r\nCc: kolega@sklep-cc.example"), false),
        (format!("To: <{handle}>, Ratna <{}>", pair.buyer.email), false),
        (format!("To: Team: <{handle}>, x@elsewhere.example;"), false),
        (format!("To: <{handle}>\r\nCc: <{handle}>\r\nCc: x@elsewhere.example"), false),
    ] {
        let mail = head(&more);
        let reply = house.smtp_tls().await.send(&pair.seller.email, handle, mail.as_bytes()).await.expect("a reply");
        if passes {
            assert_eq!(reply.code, 250, "{more}: {reply:?}");
        } else {
            assert!(reply.is("550 5.7.1") && reply.text.contains("To or Cc names somebody"), "{more}: {reply:?}");
        }
    }
    // The refusal is for whom it went to, and does not stick to the words.
    let copied = format!("To: <{handle}>\r\nCc: kolega@sklep-cc.example");
    let corrected = head(&copied).replace("\r\nCc: kolega@sklep-cc.example", "");
    let reply = house.smtp_tls().await.send(&pair.seller.email, handle, corrected.as_bytes()).await.expect("a reply");
    assert_eq!(reply.code, 250, "{reply:?}");
    // Who is not proven hears nothing of it.
    let mail = head(&format!("To: <{handle}>\r\nCc: x@elsewhere.example"));
    let reply = house.smtp_tls().await.send("me@attacker.example", handle, mail.as_bytes()).await.expect("a reply");
    assert!(reply.is("550 5.1.1"), "{reply:?}");
    let seen = house.api().get(&format!("/v1/conversations/{}/messages?as=seller", pair.id)).await.ok();
    let refused: Vec<_> = crate::contact::list(&seen).into_iter().filter(|one| one["state"] == "refused").collect();
    assert_eq!(refused.len(), 4, "refusals are kept: {seen}");
    let id = refused[0]["id"].as_str().expect("an id");
    let whole = house.api().get(&format!("/v1/messages/{id}")).await.ok();
    assert!(whole.to_string().contains("outsider"), "{whole}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_is_told_in_one_mail_with_reasons() {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).with("[notices]\nevery = \"12s\"\nat = \"0s\"").start().await;
    let pair = house.pair("told").await;
    // Within one round: right after one has begun.
    let now =
        || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_millis() % 12_000;
    eventually(Duration::from_secs(15), "the beginning of a round", async || (now() < 2_500).then_some(())).await;
    let card = format!(
        "From: <{}>\r\nTo: <{}>\r\nSubject: Card\r\nMessage-ID: <card@x.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nMy card.\r\n--b\r\nContent-Type: text/vcard\r\n\r\n\
         BEGIN:VCARD\r\nEND:VCARD\r\n--b--\r\n",
        pair.seller.email, pair.buyer_handle
    );
    for text in ["Write to sklep.zapas@poczta.example please.", "Or see https://www.sklep-zapas.example/x please."] {
        sent(&house, &pair, Side::Seller, text).await;
    }
    let reply =
        house.smtp_tls().await.send(&pair.seller.email, &pair.buyer_handle, card.as_bytes()).await.expect("a reply");
    assert_eq!(reply.code, 250, "{reply:?}");
    // A name that only the vault knows is cut too, and not told.
    sent(&house, &pair, Side::Seller, &format!("Hello {}, all is packed.", pair.buyer.name)).await;
    assert!(sink.to(&pair.seller.email).is_empty(), "not at once");
    let notice = sink.nth(&pair.seller.email, 1).await;
    let body = notice.body();
    assert!(body.contains("Mail addresses are not passed on") && body.contains("Links that lead away"), "{body}");
    assert!(body.contains("contact card"), "{body}");
    assert!(!body.contains("Real names"), "{body}");
    let mut hidden = pair.buyer.canaries();
    hidden.push("poczta.example".to_owned());
    canary::none(&notice.raw, &hidden, "the notice");

    // What only the vault's knowledge cut is never told at all, and the round had the one.
    sent(&house, &pair, Side::Seller, &format!("Goodbye {}.", pair.buyer.name)).await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(sink.to(&pair.seller.email).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_out_of_a_held_mail_is_told_when_a_person_lets_it_go() {
    let (sink, folder) = (Sink::start(None).await, tempfile::tempdir().expect("a folder"));
    let judge = crate::judges::program("av", folder.path().join("log").to_str().expect("a path"), "");
    let house = Plan::new().route(sink.at).with("[notices]\nevery = \"3s\"\nat = \"0s\"").with(&judge).start().await;
    let pair = house.pair("later").await;
    sent(&house, &pair, Side::Seller, "Please look closer, or write to sklep.zapas@poczta.example.").await;
    let held = crate::contact::list(&house.api().get("/v1/held").await.ok());
    let id = held[0]["id"].as_str().expect("an id").to_owned();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(sink.to(&pair.seller.email).is_empty(), "nothing is told of what waits");
    let release = json!({"decision": "release", "reason": "harmless", "actor": "mira"});
    house.api().post(&format!("/v1/messages/{id}/decision"), &release).await.ok();
    sink.nth(&pair.buyer.email, 1).await;
    let notice = sink.nth(&pair.seller.email, 1).await;
    assert!(notice.body().contains("Mail addresses are not passed on"), "{}", notice.body());
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(sink.to(&pair.seller.email).len(), 1, "told once");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_refused_hears_how_a_sender_is_proven_and_not_why() {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).start().await;
    let pair = house.pair("how").await;
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Hi", "From elsewhere.");
    let mut smtp = house.smtp_tls().await;
    let unproven = smtp.send("me@attacker.example", &pair.buyer_handle, &letter.raw).await.expect("a reply");
    let unknown = smtp
        .send(&pair.seller.email, &format!("7zzzzzzzzzzzzzzzzzzzzzzzzz@{DOMAIN}"), &letter.raw)
        .await
        .expect("a reply");
    assert_eq!(unproven, unknown);
    for word in ["SPF", "DKIM", "DMARC", "AUTH"] {
        assert!(unproven.text.contains(word), "{unproven:?}");
    }
}
