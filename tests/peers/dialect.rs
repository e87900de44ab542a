//! SMTP as a protocol: what is announced, what is refused, what closes the door.

use std::time::Duration;

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::house::{
    DOMAIN, HOSTNAME, House, Pair, Plan, Side, mails,
    sink::Sink,
    smtp::{Reply, Smtp, stuffed},
};

async fn scene(tag: &str) -> (House, Sink, Pair) {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).start().await;
    let pair = house.pair(tag).await;
    (house, sink, pair)
}

const UNKNOWN: &str = "7zzzzzzzzzzzzzzzzzzzzzzzzz";

#[tokio::test(flavor = "multi_thread")]
async fn ehlo_announces_what_is_there() {
    let (house, _sink, _pair) = scene("ehlo").await;
    let mut plain = house.smtp_plain().await;
    plain.ehlo().await.expect("EHLO");
    for keyword in ["PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE", "ENHANCEDSTATUSCODES", "CHUNKING", "STARTTLS"] {
        assert!(plain.offers(keyword), "{keyword} in {:?}", plain.offers);
    }
    assert!(!plain.offers("AUTH"), "no password before TLS: {:?}", plain.offers);
    let tls = house.smtp_tls().await;
    assert!(tls.offers("AUTH") && !tls.offers("STARTTLS"), "{:?}", tls.offers);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_no_open_relay_and_has_two_answers_only() {
    let (house, sink, pair) = scene("relay").await;
    let mut smtp = house.smtp_tls().await;
    let ask = async |smtp: &mut Smtp, to: &str| {
        smtp.ask(&format!("MAIL FROM:<{}>", pair.seller.email)).await.expect("MAIL");
        let reply = smtp.ask(&format!("RCPT TO:{to}")).await.expect("a reply");
        smtp.ask("RSET").await.expect("RSET");
        reply
    };
    let handle = pair.buyer_handle.split('@').next().expect("a handle");
    let fixed = ask(&mut smtp, &format!("<{UNKNOWN}@{DOMAIN}>")).await;
    assert!(fixed.is("550 5.1.1"), "{fixed:?}");
    for to in [
        "<victim@elsewhere.example>".to_owned(),
        format!("<victim@{DOMAIN}>"),
        format!("<{handle}@elsewhere.example>"),
        format!("<victim%elsewhere.example@{DOMAIN}>"),
        format!("<{handle}%elsewhere.example@{DOMAIN}>"),
        format!("<elsewhere.example!victim@{DOMAIN}>"),
        "<victim@localhost>".to_owned(),
        "<victim@rumah-relay.example>".to_owned(),
        "<ratna.relay@rumah-relay.example>".to_owned(),
        format!("<{handle}x@{DOMAIN}>"),
        format!("<{handle}+tag@{DOMAIN}>"),
        format!("<\"victim@elsewhere.example\"@{DOMAIN}>"),
        "<victim@[127.0.0.1]>".to_owned(),
    ] {
        let reply = ask(&mut smtp, &to).await;
        if to.ends_with(&format!("@{DOMAIN}>")) {
            assert_eq!(reply, fixed, "{to}");
        } else {
            assert!(reply.is("550 5.7.1"), "{to}: {reply:?}");
        }
    }
    for to in [
        format!("<@{DOMAIN}:victim@elsewhere.example>"),
        "<@elsewhere.example,@x.example:victim@elsewhere.example>".to_owned(),
        "victim@elsewhere.example".to_owned(),
        "<>".to_owned(),
        format!("<{}@elsewhere.example@{DOMAIN}>", UNKNOWN),
        format!("<{}> <victim@elsewhere.example>", pair.buyer_handle),
        format!("<{}> ORCPT=rfc822;victim@elsewhere.example", pair.buyer_handle),
    ] {
        let reply = ask(&mut smtp, &to).await;
        assert!((500..600).contains(&reply.code), "{to}: {reply:?}");
    }
    let known = ask(&mut smtp, &format!("<{}>", pair.buyer_handle)).await;
    assert_eq!(known.code, 250);
    assert_eq!(ask(&mut smtp, &format!("<{}>", pair.buyer_handle.to_uppercase())).await.code, 250, "without case");
    assert!(sink.during(Duration::from_millis(300)).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_handle_answers_like_an_unknown_one() {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).with("[handles]\ngrace = \"1s\"").start().await;
    let pair = house.pair("old").await;
    let rotate = json!({"of": "buyer", "reason": "asked"});
    let made = house.api().post(&format!("/v1/conversations/{}/handles/rotate", pair.id), &rotate).await.ok();
    assert!(!made.to_string().contains(&pair.buyer_handle), "{made}");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let mut smtp = house.smtp_tls().await;
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Hi", "To the old handle.");
    let retired = smtp.send(&pair.seller.email, &pair.buyer_handle, &letter.raw).await.expect("a reply");
    let unknown = smtp.send(&pair.seller.email, &format!("{UNKNOWN}@{DOMAIN}"), &letter.raw).await.expect("a reply");
    assert_eq!(retired, unknown);
    assert!(retired.is("550 5.1.1"), "{retired:?}");
    let now = house.api().get(&format!("/v1/conversations/{}", pair.id)).await.ok();
    let fresh = now["handles"]["buyer"]["email"].as_str().expect("a handle");
    assert_eq!(smtp.send(&pair.seller.email, fresh, &letter.raw).await.expect("a reply").code, 250);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_handle_delivers_within_its_grace() {
    let (house, sink, pair) = scene("grace").await;
    let rotate = json!({"of": "buyer", "reason": "asked"});
    house.api().post(&format!("/v1/conversations/{}/handles/rotate", pair.id), &rotate).await.ok();
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Hi", "Within the grace.");
    let reply =
        house.smtp_tls().await.send(&pair.seller.email, &pair.buyer_handle, &letter.raw).await.expect("a reply");
    assert_eq!(reply.code, 250, "{reply:?}");
    sink.nth(&pair.buyer.email, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_recipient_waits_for_a_transaction_of_its_own() {
    let (house, sink, pair) = scene("two").await;
    let other = house.pair("three").await;
    let mut smtp = house.smtp_tls().await;
    smtp.ask(&format!("MAIL FROM:<{}>", pair.seller.email)).await.expect("MAIL");
    assert_eq!(smtp.ask(&format!("RCPT TO:<{}>", pair.buyer_handle)).await.expect("RCPT").code, 250);
    let second = smtp.ask(&format!("RCPT TO:<{}>", other.buyer_handle)).await.expect("RCPT");
    assert!(second.is("452 4.5.3"), "{second:?}");
    assert_eq!(smtp.ask("DATA").await.expect("DATA").code, 354);
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Hi", "For the first alone.");
    smtp.raw(&stuffed(&letter.raw)).await.expect("the message");
    assert_eq!(smtp.reply().await.expect("a reply").code, 250);
    sink.nth(&pair.buyer.email, 1).await;
    assert_eq!(sink.count(), 1);
}

/// Line ends that some servers take for the end of a message.
const FALSE_ENDS: [&str; 14] = [
    "\n.\n",
    "\n.\r\n",
    "\r\n.\n",
    "\r.\r",
    "\r.\r\n",
    "\r\n.\r",
    "\n.\r",
    "\r.\n",
    "\n\n.\n\n",
    "\r\r.\r\r",
    "\r\n\n.\r\n",
    "\r\r\n.\r\n",
    "\n\r.\n\r",
    "\r\n\0.\r\n\n",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_line_end_refuses_and_closes() {
    let (house, sink, pair) = scene("smuggle").await;
    for end in FALSE_ENDS {
        let mut smtp = house.smtp_tls().await;
        smtp.ask(&format!("MAIL FROM:<{}>", pair.seller.email)).await.expect("MAIL");
        smtp.ask(&format!("RCPT TO:<{}>", pair.buyer_handle)).await.expect("RCPT");
        assert_eq!(smtp.ask("DATA").await.expect("DATA").code, 354);
        let outer = format!(
            "From: <{}>\r\nSubject: outer\r\nMessage-ID: <o@x.example>\r\n\r\nThe outer text.",
            pair.seller.email
        );
        let inner = format!(
            "MAIL FROM:<{from}>\r\nRCPT TO:<{to}>\r\nDATA\r\nFrom: <{from}>\r\nSubject: inner\r\nMessage-ID: <i@x.example>\r\n\r\nsmuggled\r\n.\r\n",
            from = pair.seller.email,
            to = pair.buyer_handle
        );
        smtp.raw(format!("{outer}{end}{inner}").as_bytes()).await.ok();
        let mut replies = Vec::new();
        while let Ok(reply) = smtp.reply().await {
            replies.push(reply);
        }
        assert!(replies.iter().all(|reply| reply.code >= 400), "{end:?}: {replies:?}");
        assert!(replies.len() <= 1, "one answer and the door closes, {end:?}: {replies:?}");
    }
    assert!(sink.during(Duration::from_secs(1)).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_with_a_bare_line_feed_closes() {
    let (house, _sink, pair) = scene("bare").await;
    for line in [
        "NOOP\n".to_owned(),
        "NOOP\rNOOP\r\n".to_owned(),
        format!("MAIL FROM:<{}>\nRCPT TO:<{}>\r\n", pair.seller.email, pair.buyer_handle),
    ] {
        let mut smtp = house.smtp_tls().await;
        smtp.raw(line.as_bytes()).await.expect("sent");
        let reply = smtp.reply().await;
        assert!(reply.as_ref().is_ok_and(|reply| reply.code >= 500) || reply.is_err(), "{line:?}: {reply:?}");
        assert!(smtp.closes_within(Duration::from_secs(3)).await, "{line:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_said_before_tls_counts_after_it() {
    let (house, sink, pair) = scene("inject").await;
    let mut smtp = house.smtp_plain().await;
    smtp.ehlo().await.expect("EHLO");
    smtp.raw(
        format!("STARTTLS\r\nMAIL FROM:<{}>\r\nRCPT TO:<{}>\r\n", pair.seller.email, pair.buyer_handle).as_bytes(),
    )
    .await
    .expect("sent");
    let go = smtp.reply().await.expect("a reply");
    if go.code == 220 {
        let Ok(mut smtp) = smtp.handshake(HOSTNAME, &house.certs.connector()).await else {
            return; // Closing is right too.
        };
        let data = smtp.ask("DATA").await.expect("a reply");
        assert_eq!(data.code, 503, "{data:?}");
        let rcpt = smtp.ask(&format!("RCPT TO:<{}>", pair.buyer_handle)).await.expect("a reply");
        assert_eq!(rcpt.code, 503, "{rcpt:?}");
    } else {
        assert!(go.code >= 500, "{go:?}");
    }
    assert_eq!(sink.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_large_is_said_early() {
    let (house, sink, pair) = scene("size").await;
    let mut smtp = house.smtp_tls().await;
    let size = smtp.offers.iter().find_map(|line| line.strip_prefix("SIZE ")).expect("SIZE with a number");
    let size: u64 = size.trim().parse().expect("a number");
    assert!(size > 25_000_000, "{size}: 25 MB of attachments must fit when encoded");
    let reply = smtp.ask(&format!("MAIL FROM:<{}> SIZE={}", pair.seller.email, size + 1)).await.expect("a reply");
    assert_eq!(reply.code, 552, "{reply:?}");
    let reply =
        smtp.ask(&format!("MAIL FROM:<{}> SIZE=100 BODY=8BITMIME SMTPUTF8", pair.seller.email)).await.expect("a reply");
    assert_eq!(reply.code, 250, "{reply:?}");
    let reply = smtp.ask("RSET").await.expect("a reply");
    assert_eq!(reply.code, 250);
    let reply = smtp.ask(&format!("MAIL FROM:<{}> HOLDFOR=1", pair.seller.email)).await.expect("a reply");
    assert!((500..600).contains(&reply.code), "an unknown parameter: {reply:?}");
    assert_eq!(sink.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_larger_than_size_is_refused() {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).with("[attachments]\nmax_total = \"100kB\"").start().await;
    let pair = house.pair("big").await;
    let mut smtp = house.smtp_tls().await;
    let line = "All work and no play makes Jack a dull boy, over and over again, line by line.\r\n";
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Big", "start");
    let size: usize = smtp
        .offers
        .iter()
        .find_map(|line| line.strip_prefix("SIZE "))
        .and_then(|n| n.trim().parse().ok())
        .expect("SIZE");
    let big = [letter.raw, line.repeat(size / line.len() + 10).into_bytes()].concat();
    let reply = smtp.send(&pair.seller.email, &pair.buyer_handle, &big).await;
    assert!(reply.as_ref().is_ok_and(|reply| reply.code == 552) || reply.is_err(), "{reply:?}");
    assert_eq!(sink.during(Duration::from_millis(500)).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_are_taken() {
    let (house, sink, pair) = scene("bdat").await;
    let mut smtp = house.smtp_tls().await;
    let letter = mails::thunderbird(&pair.seller, &pair.buyer_handle, "Chunks", "In three chunks.", None);
    smtp.ask(&format!("MAIL FROM:<{}> BODY=8BITMIME", pair.seller.email)).await.expect("MAIL");
    smtp.ask(&format!("RCPT TO:<{}>", pair.buyer_handle)).await.expect("RCPT");
    let third = letter.raw.len() / 3;
    for (n, chunk) in
        [&letter.raw[..third], &letter.raw[third..2 * third], &letter.raw[2 * third..]].into_iter().enumerate()
    {
        let last = if n == 2 { " LAST" } else { "" };
        smtp.raw(format!("BDAT {}{last}\r\n", chunk.len()).as_bytes()).await.expect("sent");
        smtp.raw(chunk).await.expect("sent");
        let reply = smtp.reply().await.expect("a reply");
        assert_eq!(reply.code, 250, "{reply:?}");
    }
    let mail = sink.nth(&pair.buyer.email, 1).await;
    assert!(mail.body().contains("In three chunks."));
    // DATA may not follow a chunk in one transaction.
    smtp.ask(&format!("MAIL FROM:<{}>", pair.seller.email)).await.expect("MAIL");
    smtp.ask(&format!("RCPT TO:<{}>", pair.buyer_handle)).await.expect("RCPT");
    smtp.raw(b"BDAT 4\r\nFrom").await.expect("sent");
    smtp.reply().await.expect("a reply");
    assert_eq!(smtp.ask("DATA").await.expect("a reply").code, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_may_come_in_one_flight() {
    let (house, sink, pair) = scene("flight").await;
    let mut smtp = house.smtp_tls().await;
    let mut flight = Vec::new();
    // Words: five digits in five messages would be read as a number in pieces.
    const WORDS: [&str; 5] = ["cotton", "linen", "silk", "velvet", "wool"];
    for word in WORDS {
        let letter = mails::plain(&pair.buyer, &pair.seller_handle, "Flight", &format!("Message about {word}."));
        // BDAT lets whole transactions be pipelined.
        flight.extend(format!("MAIL FROM:<{}>\r\nRCPT TO:<{}>\r\n", pair.buyer.email, pair.seller_handle).into_bytes());
        flight.extend(format!("BDAT {} LAST\r\n", letter.raw.len()).into_bytes());
        flight.extend(letter.raw);
    }
    flight.extend(b"NOOP\r\n");
    smtp.raw(&flight).await.expect("sent");
    for n in 0..16 {
        let reply = smtp.reply().await.expect("a reply");
        assert_eq!(reply.code, 250, "reply {n}: {reply:?}");
    }
    sink.nth(&pair.seller.email, 5).await;
    let mails = sink.to(&pair.seller.email);
    let order: Vec<bool> =
        mails.iter().zip(WORDS).map(|(mail, word)| mail.body().contains(&format!("about {word}."))).collect();
    assert_eq!(order, [true; 5], "in their order");
}

/// The first value of a field with this name, at any depth.
fn field(value: &Value, name: &str) -> Option<String> {
    match value {
        Value::Object(map) => map
            .get(name)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .or_else(|| map.values().find_map(|v| field(v, name))),
        Value::Array(all) => all.iter().find_map(|v| field(v, name)),
        _ => None,
    }
}

/// User and SMTP password of a new agent.
async fn agent(house: &House, pair: &Pair) -> (String, String) {
    let path = format!("/v1/parties/{}/agents/ania", pair.seller.id);
    let made = house.api().put(&path, &json!({"smtp": true})).await.ok();
    let password = field(&made, "password").unwrap_or_else(|| panic!("a password in {made}"));
    let user = ["user", "username", "login"]
        .iter()
        .find_map(|name| field(&made, name))
        .unwrap_or_else(|| panic!("a user in {made}"));
    (user, password)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seller_with_a_password_speaks_and_hears_limits_at_rcpt() {
    let sink = Sink::start(None).await;
    let plan = Plan::new().route(sink.at).with("[contact]\nunanswered = 1");
    let house = plan.start().await;
    let pair = house.pair("auth").await;
    let (user, password) = agent(&house, &pair).await;
    let mut smtp = house.smtp_tls().await;
    let reply = smtp.auth(&user, &password).await.expect("AUTH");
    assert_eq!(reply.code, 235, "{reply:?}");
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Hi", "From a proven seller.");
    let reply = smtp.send(&pair.seller.email, &pair.buyer_handle, &letter.raw).await.expect("a reply");
    assert_eq!(reply.code, 250, "{reply:?}");
    sink.nth(&pair.buyer.email, 1).await;
    smtp.ask(&format!("MAIL FROM:<{}>", pair.seller.email)).await.expect("MAIL");
    let reply = smtp.ask(&format!("RCPT TO:<{}>", pair.buyer_handle)).await.expect("RCPT");
    assert!(reply.is("550 5.7.1"), "a proven seller hears it early: {reply:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shops_program_with_an_enrolled_certificate_needs_no_password() {
    let sink = Sink::start(None).await;
    let plan = Plan::new().route(sink.at).with("[contact]\nunanswered = 1\n[tls]\nask_mail_clients = true");
    let house = plan.start().await;
    let pair = house.pair("cert").await;
    let (shop, fingerprint) = house.certs.connector_with_certificate();
    let (stranger, _) = house.certs.connector_with_certificate();
    let path = format!("/v1/parties/{}/agents/ania", pair.seller.id);
    house.api().put(&path, &json!({"certificates": [fingerprint]})).await.ok();

    // The shop system writes from an address that nobody has enrolled.
    let system = crate::house::Person::new("x", "Sklep", "noreply@system-cert.example");
    let letter = mails::plain(&system, &pair.buyer_handle, "Hi", "From the shop's system.");
    let plain = house.certs.connector();
    for (client, wanted) in [(&plain, "550"), (&stranger, "550"), (&shop, "250")] {
        let mut smtp = Smtp::open_tls(house.smtp(), HOSTNAME, client).await.expect("STARTTLS");
        let reply = smtp.send(&system.email, &pair.buyer_handle, &letter.raw).await.expect("a reply");
        assert!(reply.is(wanted), "{wanted}: {reply:?}");
    }
    sink.nth(&pair.buyer.email, 1).await;
    let mut smtp = Smtp::open_smtps(house.smtps(), HOSTNAME, &shop).await.expect("TLS");
    smtp.ask(&format!("MAIL FROM:<{}>", system.email)).await.expect("MAIL");
    let reply = smtp.ask(&format!("RCPT TO:<{}>", pair.buyer_handle)).await.expect("RCPT");
    assert!(reply.is("550 5.7.1"), "who is proven hears limits early: {reply:?}");

    // Another seller's handle is none of its business, and a certificate that is taken out opens nothing.
    let other = house.pair("cert2").await;
    let mut smtp = Smtp::open_tls(house.smtp(), HOSTNAME, &shop).await.expect("STARTTLS");
    let reply = smtp.send(&system.email, &other.buyer_handle, &letter.raw).await.expect("a reply");
    assert!(reply.is("550 5.1.1"), "{reply:?}");
    house.api().put(&path, &json!({"certificates": []})).await.ok();
    let mut smtp = Smtp::open_tls(house.smtp(), HOSTNAME, &shop).await.expect("STARTTLS");
    smtp.ask(&format!("MAIL FROM:<{}>", system.email)).await.expect("MAIL");
    let reply = smtp.ask(&format!("RCPT TO:<{}>", pair.buyer_handle)).await.expect("RCPT");
    assert_eq!(reply.code, 250, "like any stranger: {reply:?}");

    // One certificate is one agent's.
    house.api().put(&path, &json!({"certificates": [fingerprint]})).await.ok();
    let path = format!("/v1/parties/{}/agents/bob", other.seller.id);
    house.api().put(&path, &json!({"certificates": [fingerprint]})).await.problem(422, "invalid");
    house.api().put(&path, &json!({"certificates": ["ab:cd"]})).await.problem(400, "invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_are_limited() {
    let (house, _sink, pair) = scene("guess").await;
    let (user, password) = agent(&house, &pair).await;
    let mut plain = house.smtp_plain().await;
    plain.ehlo().await.expect("EHLO");
    let reply = plain.auth(&user, &password).await.expect("a reply");
    assert!((500..600).contains(&reply.code), "never before TLS: {reply:?}");
    let mut wrong = 0;
    let mut stopped = false;
    'guesses: for _ in 0..30 {
        let Ok(mut smtp) = Smtp::open_tls(house.smtp(), HOSTNAME, &house.certs.connector()).await else {
            stopped = true;
            break;
        };
        for n in 0..5 {
            match smtp.auth(&user, &format!("guess-{n}")).await {
                Ok(reply) if reply.code == 535 => wrong += 1,
                Ok(reply) if reply.code == 421 || reply.code == 454 => {
                    stopped = true;
                    break 'guesses;
                }
                Ok(reply) => panic!("{reply:?}"),
                Err(_) => break,
            }
        }
    }
    assert!(wrong >= 1 && stopped, "{wrong} guesses and no end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_message_is_answered_and_has_no_second_effect() {
    let sink = Sink::start(None).await;
    let plan = Plan::new().route(sink.at).with("[contact]\nrate = { burst = 2, per = \"1h\" }");
    let mut house = plan.start().await;
    let pair = house.pair("twice").await;
    let letter = mails::plain_with_id(&pair.seller, &pair.buyer_handle, "Hi", "Only once.", "same@sklep-twice.example");
    for _ in 0..3 {
        let reply =
            house.smtp_tls().await.send(&pair.seller.email, &pair.buyer_handle, &letter.raw).await.expect("a reply");
        assert_eq!(reply.code, 250, "{reply:?}");
    }
    house.restart().await;
    let reply =
        house.smtp_tls().await.send(&pair.seller.email, &pair.buyer_handle, &letter.raw).await.expect("a reply");
    assert_eq!(reply.code, 250, "after a restart too: {reply:?}");
    sink.nth(&pair.buyer.email, 1).await;
    let other =
        mails::plain_with_id(&pair.seller, &pair.buyer_handle, "Hi", "Another body.", "same@sklep-twice.example");
    let reply = house.smtp_tls().await.send(&pair.seller.email, &pair.buyer_handle, &other.raw).await.expect("a reply");
    assert_eq!(reply.code, 250, "the budget was debited once: {reply:?}");
    sink.nth(&pair.buyer.email, 2).await;
    assert!(sink.during(Duration::from_secs(1)).await.is_empty());
    let third = mails::plain(&pair.seller, &pair.buyer_handle, "Hi", "A third.");
    let reply = house.smtp_tls().await.send(&pair.seller.email, &pair.buyer_handle, &third.raw).await.expect("a reply");
    assert!(reply.is("550 5.7.1"), "{reply:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_message_sent_at_once_on_many_lines_arrives_once() {
    let (house, sink, pair) = scene("race").await;
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Hi", "At once.");
    let mut lines = Vec::new();
    for _ in 0..8 {
        lines.push(house.smtp_tls().await);
    }
    let sends = lines.iter_mut().map(|smtp| smtp.send_pipelined(&pair.seller.email, &pair.buyer_handle, &letter.raw));
    for reply in futures_util::future::join_all(sends).await {
        assert_eq!(reply.expect("a reply").code, 250);
    }
    sink.nth(&pair.buyer.email, 1).await;
    assert!(sink.during(Duration::from_secs(1)).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_gets_an_answer_and_the_session_goes_on() {
    let (house, sink, pair) = scene("nonsense").await;
    let (mut smtp, mut mistakes) = (house.smtp_tls().await, 0);
    for (line, codes) in [
        ("FROBNICATE now", &[500, 502][..]),
        ("", &[500]),
        ("MAIL", &[501]),
        ("MAIL FROM:zenon@x.example", &[501, 250]),
        ("RSET", &[250]),
        ("RCPT TO:<a@b.example>", &[503]),
        ("DATA", &[503]),
        ("MAIL FROM:<a@b.example", &[501]),
        ("MAIL FROM:<a@b.example> SIZE=many", &[501, 555]),
        ("VRFY zenon", &[252, 502, 550]),
        ("EXPN all", &[252, 502, 550]),
        ("HELP", &[214, 502]),
        ("NOOP with words", &[250]),
        ("STARTTLS", &[500, 502, 503, 554]),
        ("AUTH FROB", &[501, 504, 530]),
        ("BDAT x", &[501, 503]),
    ] {
        let reply = smtp.ask(line).await.expect(line);
        assert!(codes.contains(&reply.code), "{line:?}: {reply:?}");
        mistakes += usize::from(reply.code >= 500);
        if mistakes == 5 {
            // Who only makes mistakes is shown out at some point.
            (smtp, mistakes) = (house.smtp_tls().await, 0);
        }
    }
    let long = smtp.ask(&"X".repeat(3000)).await.expect("a reply");
    assert_eq!(long.code, 500, "{long:?}");
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Hi", "After all that nonsense.\n.\n..two dots");
    let reply = smtp.send(&pair.seller.email, &pair.buyer_handle, &letter.raw).await.expect("a reply");
    assert_eq!(reply.code, 250, "{reply:?}");
    let body = sink.nth(&pair.buyer.email, 1).await.body();
    assert!(body.contains("\n..two dots") || body.contains("\r\n..two dots"), "dots are as they were: {body:?}");
    assert_eq!(smtp.ask("QUIT").await.expect("QUIT").code, 221);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_read_is_never_passed_as_it_is() {
    let (house, sink, pair) = scene("bent").await;
    let head = format!("From: <{}>\r\nSubject: x\r\nMIME-Version: 1.0\r\n", pair.seller.email);
    let deep: String =
        (0..3000).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n")).collect();
    let bent = [
        format!(
            "{head}Content-Type: multipart/mixed; boundary=zz\r\n\r\n--zz\r\nContent-Type: text/plain\r\n\r\nzenon canaryRAW@sklep-bent.example\r\n"
        ),
        format!(
            "{head}Content-Type: text/plain; charset=x-unknown-9\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!canaryRAW@sklep-bent.example\r\n"
        ),
        format!("{head}{deep}zenon canaryRAW@sklep-bent.example\r\n"),
        format!(
            "{head}Content-Type: message/rfc822\r\n\r\nFrom: canaryRAW@sklep-bent.example\r\n\r\ncanaryRAW@sklep-bent.example\r\n"
        ),
        format!(
            "{head}Content-Type: application/x-msdownload; name=a.exe\r\nContent-Transfer-Encoding: base64\r\n\r\nTVqQY2FuYXJ5UkFX\r\n"
        ),
    ];
    for raw in bent {
        let mut smtp = house.smtp_tls().await;
        let reply = smtp.send(&pair.seller.email, &pair.buyer_handle, raw.as_bytes()).await.expect("a reply");
        assert!(reply.code == 250 || reply.code >= 500, "{reply:?} to {}", &raw[..raw.len().min(200)]);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let hidden = ["canaryRAW@".to_owned(), "sklep-bent".to_owned(), "canaryRAW".to_owned()];
    for mail in sink.all() {
        crate::house::canary::none(&mail.raw, &hidden[..2], "a bent mail");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_cannot_be_injected_through_a_subject() {
    let (house, sink, pair) = scene("head").await;
    let subject = "=?utf-8?B?aGVsbG8NCkJjYzogdmljdGltQGVsc2V3aGVyZS5leGFtcGxlDQpYLUNhbmFyeTogMQ==?=";
    let way = pair.way(Side::Seller);
    let letter = mails::plain(way.from, way.to, subject, "The subject is bent.");
    let reply = house.smtp_tls().await.send(&way.from.email, way.to, &letter.raw).await.expect("a reply");
    if reply.code == 250 {
        let mail = sink.nth(&pair.buyer.email, 1).await;
        assert!(mail.header("bcc").is_none() && mail.header("x-canary").is_none(), "{}", mail.text());
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(sink.to("victim@elsewhere.example").is_empty());
}

/// The client of RFC 5802, which shares no code with ours. What the server said last of all.
async fn scram(smtp: &mut Smtp, user: &str, password: &str) -> (Reply, Option<bool>) {
    use ring::{digest, hmac, pbkdf2};
    let encode = |text: &str| BASE64.encode(text.as_bytes());
    let decode = |reply: &Reply| String::from_utf8(BASE64.decode(reply.text.trim().as_bytes()).unwrap()).unwrap();
    let mac = |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
    let bare = format!("n={user},r=clientnonce{}", std::process::id());
    let first = smtp.ask(&format!("AUTH SCRAM-SHA-256 {}", encode(&format!("n,,{bare}")))).await.expect("AUTH");
    if first.code != 334 {
        return (first, None);
    }
    let server = decode(&first);
    let field = |name: &str| server.split(',').find_map(|field| field.strip_prefix(name)).expect("a field").to_owned();
    let (nonce, salt, rounds) = (field("r="), BASE64.decode(field("s=").as_bytes()).unwrap(), field("i="));
    let mut salted = [0; 32];
    let rounds = std::num::NonZeroU32::new(rounds.parse().unwrap()).unwrap();
    assert!(rounds.get() >= 4_096, "RFC 7677 §4");
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, password.as_bytes(), &mut salted);
    let client = mac(&salted, "Client Key");
    let stored = digest::digest(&digest::SHA256, client.as_ref());
    let said = format!("{bare},{server},c=biws,r={nonce}");
    let signature = mac(stored.as_ref(), &said);
    let proof: Vec<u8> = client.as_ref().iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
    let last = smtp.ask(&encode(&format!("c=biws,r={nonce},p={}", BASE64.encode(&proof)))).await.expect("a reply");
    if last.code != 334 {
        return (last, None);
    }
    let own = mac(mac(&salted, "Server Key").as_ref(), &said);
    let is_the_server = decode(&last) == format!("v={}", BASE64.encode(own.as_ref()));
    (smtp.ask("").await.expect("a reply"), Some(is_the_server))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_logs_in_without_saying_the_password() {
    let (house, sink, pair) = scene("scram").await;
    let (user, password) = agent(&house, &pair).await;
    let mut plain = house.smtp_plain().await;
    plain.ehlo().await.expect("EHLO");
    let reply = plain.ask("AUTH SCRAM-SHA-256").await.expect("a reply");
    assert!(reply.is("538 5.7.11"), "never before TLS: {reply:?}");

    let mut smtp = house.smtp_tls().await;
    assert!(smtp.offers.iter().any(|line| line.starts_with("AUTH ") && line.contains("SCRAM-SHA-256")));
    let wrong = scram(&mut smtp, &user, "guess").await.0;
    let nobody = scram(&mut smtp, "bazaar/shop-scram/nobody", &password).await.0;
    assert_eq!((wrong.code, &wrong), (535, &nobody), "the same for whoever is not there");
    let (reply, mutual) = scram(&mut smtp, &user, &password).await;
    assert_eq!((reply.code, mutual), (235, Some(true)), "{reply:?}");
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Hi", "From a proven seller.");
    let reply = smtp.send("shop@anywhere.example", &pair.buyer_handle, &letter.raw).await.expect("a reply");
    assert_eq!(reply.code, 250, "{reply:?}");
    sink.nth(&pair.buyer.email, 1).await;

    // Whoever gives up in the middle, or says nonsense, is no further than before.
    let mut smtp = house.smtp_tls().await;
    for words in [vec!["AUTH SCRAM-SHA-256", "*"], vec!["AUTH SCRAM-SHA-256 biws"], vec!["AUTH SCRAM-SHA-256", ""]] {
        let mut reply = None;
        for word in words {
            reply = Some(smtp.ask(word).await.expect("a reply"));
        }
        assert_eq!(reply.expect("a reply").code, 501);
    }
}
