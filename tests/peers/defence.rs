//! Who comes to do harm: smuggled messages, words out of turn, floods, slowness, false names.

use std::time::Duration;

use data_encoding::BASE64;
use tokio::time::{Instant, sleep};

use crate::house::{
    DOMAIN, HOSTNAME, House, Pair, Person, Plan,
    dns::{Dns, Record},
    mails,
    sink::Sink,
    smtp::{Reply, Smtp},
};

/// What one program or another has taken for the end of a line.
const LINE_ENDS: [&str; 8] = ["\r\n", "\n", "\r", "\r\r\n", "\n\r", "\r\n\n", "\0\r\n", "\r\0\n"];

/// Every way to write a line with one dot in it, except the one that ends a message.
fn false_ends() -> Vec<String> {
    let pairs = LINE_ENDS.iter().flat_map(|before| LINE_ENDS.iter().map(move |after| format!("{before}.{after}")));
    let doubled = ["\n..\n", "\r..\r", "\n.\0\n", "\r\n.\0\r\n", "\n.\n.\n", "\0.\0", "\n.\r\n.\n"].map(str::to_owned);
    // What begins with the one that ends it ends it.
    pairs.filter(|end| !end.starts_with("\r\n.\r\n")).chain(doubled).collect()
}

/// What looks like the end of a line and is none for any mail program.
const NO_ENDS: [&str; 8] = [
    "\u{b}.\u{b}",
    "\u{c}.\u{c}",
    "\u{85}.\u{85}",
    "\u{2028}.\u{2029}",
    "\u{1e}.\u{1e}",
    "\r\n .\r\n",
    "\r\n. \r\n",
    "\r\n.\t\r\n",
];

async fn scene(tag: &str, more: &str) -> (House, Sink, Pair) {
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).with(more).start().await;
    let pair = house.pair(tag).await;
    (house, sink, pair)
}

fn head(pair: &Pair, id: &str) -> String {
    format!("From: <{}>\r\nSubject: outer\r\nMessage-ID: <{id}@x.example>\r\n", pair.seller.email)
}

/// A whole second transaction, as it would be hidden in a message.
fn inner(pair: &Pair) -> String {
    let (from, to) = (&pair.seller.email, &pair.buyer_handle);
    format!(
        "MAIL FROM:<{from}>\r\nRCPT TO:<{to}>\r\nDATA\r\nFrom: <{from}>\r\nSubject: inner\r\n\
         Message-ID: <inner@x.example>\r\n\r\nsmuggled\r\n.\r\n"
    )
}

async fn envelope(smtp: &mut Smtp, pair: &Pair) {
    smtp.ask(&format!("MAIL FROM:<{}>", pair.seller.email)).await.expect("MAIL");
    assert_eq!(smtp.ask(&format!("RCPT TO:<{}>", pair.buyer_handle)).await.expect("RCPT").code, 250);
}

async fn replies(smtp: &mut Smtp) -> Vec<Reply> {
    let mut all = Vec::new();
    while let Ok(reply) = smtp.reply().await {
        all.push(reply);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn no_false_end_of_a_message_lets_a_second_one_in() {
    let (house, sink, pair) = scene("in", "").await;
    let ends = false_ends();
    assert!(ends.len() >= 60, "{}", ends.len());
    for end in &ends {
        let mut smtp = house.smtp_tls().await;
        envelope(&mut smtp, &pair).await;
        assert_eq!(smtp.ask("DATA").await.expect("DATA").code, 354);
        let message = format!("{}\r\nThe outer text.{end}{}", head(&pair, "outer"), inner(&pair));
        smtp.raw(message.as_bytes()).await.ok();
        let said = replies(&mut smtp).await;
        assert!(said.len() <= 1 && said.iter().all(|reply| reply.code >= 500), "{end:?}: {said:?}");
        // In chunks the end is counted; what could be misread later is refused all the same.
        let mut smtp = house.smtp_tls().await;
        envelope(&mut smtp, &pair).await;
        smtp.raw(format!("BDAT {} LAST\r\n{message}", message.len()).as_bytes()).await.ok();
        let said = replies(&mut smtp).await;
        assert!(said.len() <= 1 && said.iter().all(|reply| reply.code >= 500), "BDAT {end:?}: {said:?}");
    }
    assert!(sink.during(Duration::from_secs(1)).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_line_end_ends_nothing() {
    let (house, sink, pair) = scene("none", "").await;
    let (mut smtp, mut taken) = (house.smtp_tls().await, 0);
    for (n, end) in NO_ENDS.iter().enumerate() {
        envelope(&mut smtp, &pair).await;
        assert_eq!(smtp.ask("DATA").await.expect("DATA").code, 354);
        let inner = inner(&pair).replace("\r\n.\r\n", "\r\n");
        smtp.raw(format!("{}\r\nThe outer text.{end}{inner}.\r\n", head(&pair, &n.to_string())).as_bytes())
            .await
            .expect("sent");
        let reply = smtp.reply().await.expect("one reply");
        taken += usize::from(reply.code == 250);
        assert!(reply.code == 250 || reply.code >= 500, "{end:?}: {reply:?}");
        assert_eq!(smtp.ask("NOOP").await.expect("and no other").code, 250, "{end:?}");
    }
    if taken > 0 {
        sink.nth(&pair.buyer.email, taken).await;
    }
    assert!(sink.during(Duration::from_secs(1)).await.is_empty());
    assert_eq!(sink.count(), taken);
    assert!(sink.all().iter().all(|mail| mail.header("subject").as_deref() == Some("outer")));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_smuggled_leaves_however_it_was_hidden() {
    let (house, sink, pair) = scene("out", "").await;
    let mut smtp = house.smtp_tls().await;
    let real = "\r\n.\r\n".to_owned();
    let ends: Vec<String> = false_ends().into_iter().chain([real]).collect();
    for (n, end) in ends.iter().enumerate() {
        // Where no dialect sees it: within an encoding, and within counted chunks.
        let text =
            format!("Wool number {n}.{end}MAIL FROM:<>\r\nRCPT TO:<x>\r\nDATA\r\nSubject: inner\r\n\r\nhidden{end}");
        let type_ = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n";
        let body = BASE64.encode(text.as_bytes());
        let wrapped: Vec<&str> =
            body.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
        let message = format!(
            "{}{type_}Content-Transfer-Encoding: base64\r\n\r\n{}\r\n",
            head(&pair, &format!("b{n}")),
            wrapped.join("\r\n")
        );
        envelope(&mut smtp, &pair).await;
        smtp.raw(format!("BDAT {} LAST\r\n{message}", message.len()).as_bytes()).await.expect("sent");
        let reply = smtp.reply().await.expect("a reply");
        assert_eq!(reply.code, 250, "{end:?}: {reply:?}");
    }
    let plain = format!("{}\r\nBefore.\r\n.\r\n{}", head(&pair, "plain"), inner(&pair));
    envelope(&mut smtp, &pair).await;
    smtp.raw(format!("BDAT {} LAST\r\n{plain}", plain.len()).as_bytes()).await.expect("sent");
    assert_eq!(smtp.reply().await.expect("a reply").code, 250);
    let last = sink.nth(&pair.buyer.email, ends.len() + 1).await;
    assert!(last.body().contains("Before.") && last.body().contains("smuggled"), "{}", last.body());
    assert!(sink.during(Duration::from_secs(1)).await.is_empty());
    assert_eq!(sink.count(), ends.len() + 1, "one for each and no other");
    for mail in sink.all() {
        let bytes = &mail.raw;
        let bare = (0..bytes.len()).find(|&n| match bytes[n] {
            b'\r' => bytes.get(n + 1) != Some(&b'\n'),
            b'\n' => n == 0 || bytes[n - 1] != b'\r',
            byte => byte == 0,
        });
        assert_eq!(bare, None, "{}", mail.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_before_its_turn_is_put_out() {
    let (house, sink, pair) = scene("early", "").await;
    let mut smtp = Smtp::open_unheard(house.smtp()).await.expect("a connection");
    smtp.raw(b"EHLO shop.example\r\n").await.expect("sent");
    let said = replies(&mut smtp).await;
    assert_eq!(said.iter().map(|reply| reply.code).collect::<Vec<_>>(), [554], "{said:?}");
    let text = String::from_utf8(mails::plain(&pair.seller, &pair.buyer_handle, "Hi", "Early.").raw).expect("text");
    for flight in [
        "EHLO shop.example\r\nMAIL FROM:<a@shop.example>\r\n".to_owned(),
        "HELO shop.example\r\nMAIL FROM:<a@shop.example>\r\n".to_owned(),
        "EHLO shop.example\r\nSTARTTLS\r\nEHLO shop.example\r\n".to_owned(),
        "STARTTLS\r\nEHLO shop.example\r\n".to_owned(),
        "AUTH PLAIN\r\nAGEAYg==\r\n".to_owned(),
        format!("DATA\r\n{text}\r\n.\r\n"),
    ] {
        let mut smtp = house.smtp_plain().await;
        if !flight.starts_with("EHLO") && !flight.starts_with("HELO") {
            smtp.ehlo().await.expect("EHLO");
        }
        if flight.starts_with("DATA") {
            envelope(&mut smtp, &pair).await;
        }
        smtp.raw(flight.as_bytes()).await.expect("sent");
        let said = replies(&mut smtp).await;
        assert_eq!(said.iter().map(|reply| reply.code).collect::<Vec<_>>(), [554], "{flight:?}: {said:?}");
    }
    assert!(sink.during(Duration::from_millis(500)).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_slow_gains_no_time_by_a_byte_now_and_then() {
    let limits = "[mail.limits]\ngreeting = \"1s\"\ncommand = \"1s\"\ndata = \"1s\"\nsession = \"6s\"";
    let (house, sink, pair) = scene("slow", limits).await;
    // A byte at a time, until the other end has had enough.
    let drip = async |smtp: &mut Smtp| {
        let began = Instant::now();
        while smtp.raw(b"x").await.is_ok() && began.elapsed() < Duration::from_secs(5) {
            sleep(Duration::from_millis(100)).await;
        }
        began.elapsed()
    };
    let mut smtp = house.smtp_plain().await;
    assert!(drip(&mut smtp).await < Duration::from_secs(5), "before a greeting");
    let mut smtp = house.smtp_plain().await;
    smtp.ehlo().await.expect("EHLO");
    assert!(drip(&mut smtp).await < Duration::from_secs(5), "within a command");
    let mut smtp = house.smtp_plain().await;
    smtp.ehlo().await.expect("EHLO");
    envelope(&mut smtp, &pair).await;
    smtp.ask("DATA").await.expect("DATA");
    assert!(drip(&mut smtp).await < Duration::from_secs(5), "within a message");
    // Quick words do not make a session endless either.
    let mut smtp = house.smtp_plain().await;
    smtp.ehlo().await.expect("EHLO");
    let mut last = 250;
    for _ in 0..30 {
        let Ok(reply) = smtp.ask("NOOP").await else { break };
        last = reply.code;
        sleep(Duration::from_millis(400)).await;
    }
    assert_eq!(last, 421);
    // A handshake that never goes on.
    let mut silent = Smtp::open_unheard(house.smtps()).await.expect("a connection");
    assert!(silent.closes_within(Duration::from_secs(5)).await);
    assert_eq!(sink.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_end_the_session_that_makes_them() {
    let (house, _sink, pair) = scene("flood", "[mail.limits]\nerrors = 5").await;
    // Commands that lead nowhere, in one flight.
    let mut smtp = house.smtp_tls().await;
    smtp.raw("NOOP\r\n".repeat(1_000).as_bytes()).await.ok();
    let said = replies(&mut smtp).await;
    assert!(said.len() < 300, "{}", said.len());
    assert_eq!(said.last().map(|reply| reply.code), Some(421));
    for (opening, word, most) in [
        (false, "FROBNICATE".to_owned(), 10),
        (false, "EHLO again.example".to_owned(), 300),
        (true, format!("RCPT TO:<nobody@{DOMAIN}>"), 10),
        (true, "RCPT TO:<victim@elsewhere.example>".to_owned(), 10),
        (true, format!("RCPT TO:<{}> X=Y", pair.buyer_handle), 10),
    ] {
        let mut smtp = house.smtp_tls().await;
        if opening {
            smtp.ask(&format!("MAIL FROM:<{}>", pair.seller.email)).await.expect("MAIL");
        }
        let mut heard = 0;
        while let Ok(reply) = smtp.ask(&word).await {
            heard += 1;
            assert!(heard <= most, "{word}: {reply:?}");
        }
        assert!(heard > 1, "{word}");
    }
    // A second recipient is not refused but put off, and that ends as well.
    let mut smtp = house.smtp_tls().await;
    envelope(&mut smtp, &pair).await;
    assert_eq!(smtp.ask(&format!("RCPT TO:<{}>", pair.buyer_handle)).await.expect("RCPT").code, 452);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_network_has_so_many_connections_and_no_more() {
    let (house, _sink, _pair) = scene("cap", "[listen.limits]\nper_network = 3").await;
    let mut kept = Vec::new();
    for _ in 0..3 {
        kept.push(house.smtp_plain().await);
    }
    let mut more = Smtp::open_unheard(house.smtp()).await.expect("a connection");
    let said = replies(&mut more).await;
    assert!(said.len() == 1 && said[0].is("421 4.7.0"), "{said:?}");
    let mut silent = Smtp::open_unheard(house.smtps()).await.expect("a connection");
    assert!(silent.closes_within(Duration::from_secs(3)).await, "before TLS a word would be noise");
    kept.pop().expect("one").ask("QUIT").await.expect("QUIT");
    let mut freed = false;
    for _ in 0..50 {
        sleep(Duration::from_millis(50)).await;
        freed = freed || Smtp::open(house.smtp()).await.is_ok();
    }
    assert!(freed, "a seat that was given back is taken again");
}

/// What a balancer says ahead of a connection.
fn on_behalf_of(address: &str) -> Vec<u8> {
    format!("PROXY TCP4 {address} 198.51.100.1 40000 25\r\n").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_balancer_the_sender_is_who_connects() {
    let (dns, sink) = (Dns::start().await, Sink::start(None).await);
    let plan = Plan::new().route(sink.at);
    let (house, pair) =
        behind(plan.with(&format!("[mail.auth]\nrequire = \"dmarc\"\ndns = [\"{}\"]", dns.at)), "lb").await;
    dns.txt("lb.example", "v=spf1 ip4:192.0.2.0/24 -all");
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Hello", "Your scarf is packed.");
    for (address, code) in [("198.51.100.7", 550), ("192.0.2.7", 250)] {
        let mut smtp = Smtp::open_behind(house.smtp(), &on_behalf_of(address)).await.expect("a greeting");
        smtp.ehlo().await.expect("EHLO");
        let mut smtp = smtp.starttls(HOSTNAME, &house.certs.connector()).await.expect("STARTTLS");
        let reply = smtp.send(&pair.seller.email, &pair.buyer_handle, &letter.raw).await.expect("a reply");
        assert_eq!(reply.code, code, "{address}: {reply:?}");
    }
    sink.nth(&pair.buyer.email, 1).await;
    // A balancer that says nothing, and one that says too much at once.
    for first in ["EHLO shop.example\r\n".to_owned(), format!("PROXY TCP4 {} 1 2 3\r\n", "9".repeat(200))] {
        let mut smtp = Smtp::open_unheard(house.smtp()).await.expect("a connection");
        smtp.raw(first.as_bytes()).await.expect("sent");
        assert!(replies(&mut smtp).await.is_empty(), "{first}");
    }
    // The API is behind it too.
    for (header, answers) in [(on_behalf_of("192.0.2.7"), true), (Vec::new(), false)] {
        let mut tcp = tokio::net::TcpStream::connect(house.https()).await.expect("a connection");
        tokio::io::AsyncWriteExt::write_all(&mut tcp, &header).await.expect("sent");
        let name = HOSTNAME.try_into().expect("a name");
        assert_eq!(house.certs.connector().connect(name, tcp).await.is_ok(), answers);
    }
    // A client's own header behind the balancer's is a word before its turn.
    let twice = [on_behalf_of("192.0.2.7"), on_behalf_of("192.0.2.8")].concat();
    assert!(Smtp::open_behind(house.smtp(), &twice).await.is_err());
}

/// A house whose listeners are all behind a balancer, and a seller `seller@{tag}.example`.
async fn behind(plan: Plan, tag: &str) -> (House, Pair) {
    let mut house = plan.start().await;
    let buyer = Person::new("b", "Ratna Kusuma", "ratna@pembeli-klien.example");
    let seller = Person::new("s", "Zenon Gawel", &format!("seller@{tag}.example"));
    let pair = house.pair_of(tag, buyer, seller).await;
    house.change("[listen]\nproxy = [\"127.0.0.0/8\"]");
    house.restart().await;
    (house, pair)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_on_a_list_may_not_write_unless_known_by_name() {
    let (dns, sink) = (Dns::start().await, Sink::start(None).await);
    let plan = Plan::new()
        .route(sink.at)
        .with("[mail]\npostmaster = \"ops@market.example\"")
        .with("[mail.dnsbl]\nzones = [\"gone.example\", \"bl.example\"]")
        .with(&format!("[mail.auth]\nrequire = \"none\"\ndns = [\"{}\"]", dns.at));
    let (house, pair) = behind(plan, "listed").await;
    dns.put("7.2.0.192.bl.example", Record::A([127, 0, 0, 4].into()));
    dns.behave("gone.example", crate::house::dns::Manner::Broken);
    let open = async |address: &str| {
        let mut smtp = Smtp::open_behind(house.smtp(), &on_behalf_of(address)).await.expect("a greeting");
        smtp.ehlo().await.expect("EHLO");
        smtp.starttls(HOSTNAME, &house.certs.connector()).await.expect("STARTTLS")
    };
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Hello", "Your scarf is packed.");
    let mut smtp = open("192.0.2.7").await;
    for to in [pair.buyer_handle.clone(), format!("nobody@{DOMAIN}")] {
        let reply = smtp.send(&pair.seller.email, &to, &letter.raw).await.expect("a reply");
        assert!(reply.is("550 5.7.1") && reply.text.contains("bl.example"), "{to}: {reply:?}");
    }
    let wrongly = b"From: <a@shop.example>\r\nSubject: listed\r\n\r\nWe are no spammers.\r\n";
    let reply = smtp.send("a@shop.example", &format!("postmaster@{DOMAIN}"), wrongly).await.expect("a reply");
    assert_eq!(reply.code, 250, "{reply:?}");
    let reply = open("192.0.2.8").await.send(&pair.seller.email, &pair.buyer_handle, &letter.raw).await;
    assert_eq!(reply.expect("a reply").code, 250, "a list that fails is passed over");
    sink.nth(&pair.buyer.email, 1).await;
}
