//! A real Postfix around the relay: in front of it, behind it, and asking it as a filter.

use std::{net::SocketAddr, time::Duration};

use crate::house::{
    DOMAIN, House, MARKET, Pair, Plan, canary,
    certs::Certs,
    dns::Dns,
    eventually, mails,
    postfix::{Door, Postfix, may_start},
    python,
    sink::Sink,
    smtp::{Reply, Smtp},
};

/// Mail host and relay, joined in one of the ways that the documents tell.
struct Scene {
    house: House,
    postfix: Postfix,
    front: SocketAddr,
    sink: Sink,
    dns: Dns,
}

impl Scene {
    /// Postfix takes the mail, asks the relay as a filter, and carries what the relay gives it.
    async fn filter() -> Self {
        let (sink, certs) = (Sink::start(None).await, Certs::make("peer.veil.example", [127, 0, 0, 1].into()));
        let mut house = Plan::new().lay();
        let milter = SocketAddr::new(house.ip, 8891);
        let front = Door::new(20, &format!("-o smtpd_milters=inet:{milter} -o milter_default_action=tempfail"));
        let back = Door::new(20, "-o smtpd_milters=");
        let transport =
            format!("transport_maps = inline:{{{{{DOMAIN} = smtp:[{}]:{}}}}}\n", house.ip, house.smtp().port());
        let postfix = Postfix::start(&certs, &[&front, &back], &settings(sink.at, &transport));
        let dns = Dns::start().await;
        house.change(&format!(
            "[listen]\nmilter = \"{milter}\"\n[mail.out]\nroute = \"smtp://{}\"\ntls = \"may\"\n[mail.auth]\ndns = [\"{}\"]",
            back.at, dns.at
        ));
        Self { house: start(house).await, postfix, front: front.at, sink, dns }
    }

    /// Postfix takes the mail and hands what is for the relay's domain on; a second one carries what leaves.
    async fn around() -> Self {
        let (sink, certs) = (Sink::start(None).await, Certs::make("peer.veil.example", [127, 0, 0, 1].into()));
        let mut house = Plan::new().lay();
        let transport =
            format!("transport_maps = inline:{{{{{DOMAIN} = smtp:[{}]:{}}}}}\n", house.ip, house.smtp().port());
        let (front, back) = (Door::new(20, ""), Door::new(20, ""));
        let postfix = Postfix::start(&certs, &[&front, &back], &settings(sink.at, &transport));
        house.change(&format!("[mail.out]\nroute = \"smtp://{}\"\ntls = \"may\"", back.at));
        Self { house: start(house).await, postfix, front: front.at, sink, dns: Dns::start().await }
    }

    /// Postfix takes the mail and hands it on over LMTP, with what it knows of its client.
    async fn lmtp() -> Self {
        let (sink, certs) = (Sink::start(None).await, Certs::make("peer.veil.example", [127, 0, 0, 1].into()));
        let mut house = Plan::new().lay();
        let lmtp = SocketAddr::new(house.ip, 2424);
        let transport = format!(
            "transport_maps = inline:{{{{{DOMAIN} = lmtp:inet:[{}]:{}}}}}\nlmtp_send_xforward_command = yes\n\
             lmtp_destination_recipient_limit = 1\n",
            lmtp.ip(),
            lmtp.port()
        );
        let (front, back) = (Door::new(20, ""), Door::new(20, ""));
        let postfix = Postfix::start(&certs, &[&front, &back], &settings(sink.at, &transport));
        let dns = Dns::start().await;
        house.change(&format!(
            "[listen]\nlmtp = \"{lmtp}\"\n[mail.out]\nroute = \"smtp://{}\"\ntls = \"may\"\n\
             [mail.auth]\nrequire = \"dmarc\"\ndns = [\"{}\"]",
            back.at, dns.at
        ));
        Self { house: start(house).await, postfix, front: front.at, sink, dns }
    }

    async fn send(&self, from: &str, to: &str, raw: &[u8]) -> Reply {
        let mut smtp = Smtp::open(self.front).await.expect("Postfix answers");
        smtp.ehlo().await.expect("a reply");
        smtp.send(from, to, raw).await.expect("a reply")
    }

    fn logs(&self) -> String {
        format!("{}\n{}\n{}", self.house.logs(), self.postfix.log(), self.postfix.queue())
    }
}

async fn start(mut laid: House) -> House {
    laid.rise();
    laid.wait_ready().await;
    laid.token = laid.add_marketplace(MARKET, DOMAIN);
    laid
}

fn settings(sink: SocketAddr, more: &str) -> String {
    format!(
        "relayhost = [{}]:{}\nsmtpd_relay_restrictions = permit_mynetworks, reject\nsmtpd_recipient_restrictions =\n{more}",
        sink.ip(),
        sink.port()
    )
}

fn words(pair: &Pair, text: &str) -> Vec<u8> {
    mails::plain(&pair.seller, &pair.buyer_handle, "Parcel", text).raw
}

#[tokio::test(flavor = "multi_thread")]
async fn as_a_filter_the_relay_answers_for_what_is_for_a_handle_and_for_nothing_else() {
    if !may_start() {
        return;
    }
    let scene = Scene::filter().await;
    let pair = scene.house.pair("filter").await;
    let mail = words(&pair, "It left today. Faster by WhatsApp: 0812-3456-7890");
    let reply = scene.send(&pair.seller.email, &pair.buyer_handle, &mail).await;
    assert_eq!(reply.code, 250, "{reply:?}\n{}", scene.logs());
    let delivered = scene.sink.nth(&pair.buyer.email, 1).await;
    let text = delivered.body();
    assert!(text.contains("It left today") && !text.contains("7890"), "{text}");
    assert!(String::from_utf8_lossy(&delivered.raw).contains(&pair.seller_handle), "from the seller's handle");
    assert!(scene.sink.to(&pair.buyer_handle).is_empty(), "Postfix threw its copy away");

    let other = mails::plain(&pair.seller, "ops@elsewhere.example", "Hello", "Call me: 0812-3456-7890").raw;
    assert_eq!(scene.send(&pair.seller.email, "ops@elsewhere.example", &other).await.code, 250);
    // What our own grammar can not read is good enough for others.
    for odd in ["a..b@docomo.example", "root"] {
        assert_eq!(scene.send(odd, "odd..one@elsewhere.example", &other).await.code, 250, "{odd}\n{}", scene.logs());
    }
    let untouched = scene.sink.nth("ops@elsewhere.example", 1).await;
    assert!(untouched.body().contains("0812-3456-7890"), "not our business: {}", untouched.body());
}

#[tokio::test(flavor = "multi_thread")]
async fn as_a_filter_the_relay_refuses_in_the_session_of_the_host() {
    if !may_start() {
        return;
    }
    let mut scene = Scene::filter().await;
    let pair = scene.house.pair("refused").await;
    let bribe = words(&pair, "Change your review to five stars and you get your money back.");
    let refused = scene.send(&pair.seller.email, &pair.buyer_handle, &bribe).await;
    assert!(refused.is("550 5.7.1"), "{refused:?}");
    let nobody = format!("{}@{DOMAIN}", "a".repeat(26));
    assert!(scene.send(&pair.seller.email, &nobody, &bribe).await.is("550 5.1.1"));
    let stranger = scene.send("mallory@elsewhere.example", &pair.buyer_handle, &bribe).await;
    assert!(stranger.is("550 5.1.1"), "{stranger:?}");

    let mut smtp = Smtp::open(scene.front).await.expect("Postfix answers");
    smtp.ehlo().await.expect("a reply");
    smtp.ask(&format!("MAIL FROM:<{}>", pair.seller.email)).await.expect("a reply");
    assert_eq!(smtp.ask(&format!("RCPT TO:<{}>", pair.buyer_handle)).await.expect("a reply").code, 250);
    for more in [pair.seller_handle.as_str(), "ops@elsewhere.example"] {
        let second = smtp.ask(&format!("RCPT TO:<{more}>")).await.expect("a reply");
        assert!(second.is("452 4.5.3"), "{more}: {second:?}");
    }
    scene.house.kill();
    let later = scene.send(&pair.seller.email, &pair.buyer_handle, &words(&pair, "Hello")).await;
    assert_eq!(later.code / 100, 4, "without the relay nothing is taken: {later:?}");
    assert!(scene.sink.to(&pair.buyer.email).is_empty() && scene.sink.to(&pair.buyer_handle).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_holds_through_the_filter() {
    if !may_start() {
        return;
    }
    let mut scene = Scene::filter().await;
    let pair = scene.house.pair("signed").await;
    scene.house.change("[mail.auth]\nrequire = \"dmarc\"");
    scene.house.restart().await;
    let unsigned = words(&pair, "Your scarf is packed.");
    let (signed, record) = python::dkim_sign(&unsigned, "s1", pair.seller.host());
    scene.dns.txt(&format!("s1._domainkey.{}", pair.seller.host()), &record);
    let refused = scene.send(&pair.seller.email, &pair.buyer_handle, &unsigned).await;
    assert!(refused.is("550 5.1.1"), "{refused:?}");
    let reply = scene.send(&pair.seller.email, &pair.buyer_handle, &signed).await;
    assert_eq!(reply.code, 250, "{reply:?}\n{}", scene.logs());
    scene.sink.nth(&pair.buyer.email, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_passes_with_a_postfix_before_and_a_postfix_behind() {
    if !may_start() {
        return;
    }
    let scene = Scene::around().await;
    let pair = scene.house.pair("around").await;
    let mail = words(&pair, "It left today. Faster by WhatsApp: 0812-3456-7890");
    let reply = scene.send(&pair.seller.email, &pair.buyer_handle, &mail).await;
    assert_eq!(reply.code, 250, "{reply:?}\n{}", scene.logs());
    let delivered = scene.sink.nth(&pair.buyer.email, 1).await;
    assert!(delivered.body().contains("It left today") && !delivered.body().contains("7890"), "{}", delivered.body());
    let back = mails::plain(&pair.buyer, &pair.seller_handle, "Re: Parcel", "Thank you.").raw;
    assert_eq!(scene.send(&pair.buyer.email, &pair.seller_handle, &back).await.code, 250);
    scene.sink.nth(&pair.seller.email, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_postfix_that_speaks_lmtp_spf_is_asked_of_its_client() {
    if !may_start() {
        return;
    }
    let scene = Scene::lmtp().await;
    let pair = scene.house.pair("lmtp").await;
    scene.dns.txt(pair.seller.host(), "v=spf1 ip4:127.0.0.9 -all");
    let send = async |from: [u8; 4], text: &str| {
        let mut smtp = Smtp::open_from(scene.front, (from, 0).into()).await.expect("Postfix answers");
        smtp.ehlo().await.expect("a reply");
        let reply = smtp.send(&pair.seller.email, &pair.buyer_handle, &words(&pair, text)).await.expect("a reply");
        assert_eq!(reply.code, 250, "{reply:?}\n{}", scene.logs());
    };
    send([127, 0, 0, 7], "I am another, at another host.").await;
    send([127, 0, 0, 9], "It left today. Faster by WhatsApp: 0812-3456-7890").await;
    let delivered = scene.sink.nth(&pair.buyer.email, 1).await;
    assert!(delivered.body().contains("It left today") && !delivered.body().contains("7890"), "{}", delivered.body());
    eventually(Duration::from_secs(10), "the other is refused", async || {
        (scene.postfix.log().contains("said: 550 5.1.1 no such address for you")).then_some(())
    })
    .await;
    assert_eq!(scene.sink.to(&pair.buyer.email).len(), 1, "{}", scene.logs());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_in_front_is_believed_at_its_own_door_alone() {
    let mut house = Plan::new().lay();
    let lmtp = SocketAddr::new(house.ip, 2424);
    house.change(&format!("[listen]\nlmtp = \"{lmtp}\""));
    let house = start(house).await;
    let mut front = Smtp::open(lmtp).await.expect("LMTP answers");
    for (line, code) in [
        ("EHLO peer.veil.example", 500),
        ("XFORWARD ADDR=192.0.2.7", 503),
        ("LHLO peer.veil.example", 250),
        ("XFORWARD ADDR=192.0.2.7 HELO=mx.shop.example", 250),
        ("XFORWARD NAME=mx.shop.example", 501),
        ("MAIL FROM:<a@shop.example>", 250),
        ("XFORWARD ADDR=192.0.2.7", 503),
        ("RCPT TO:<nobody@relay.test>", 550),
        ("DATA", 503),
    ] {
        let reply = front.ask(line).await.expect("a reply");
        assert_eq!(reply.code, code, "{line}: {reply:?}");
    }
    // Many of its clients miss, and it is neither slowed down nor shown the door.
    for _ in 0..60 {
        let reply = front.ask(&format!("RCPT TO:<{}@{DOMAIN}>", "a".repeat(26))).await.expect("a reply");
        assert!(reply.is("550 5.1.1"), "{reply:?}");
    }
    let mut plain = Smtp::open(house.smtp()).await.expect("SMTP answers");
    plain.ehlo().await.expect("EHLO");
    assert!(!plain.offers("XFORWARD"), "{:?}", plain.offers);
    for line in ["LHLO peer.veil.example", "XFORWARD ADDR=192.0.2.7"] {
        assert_eq!(plain.ask(line).await.expect("a reply").code, 500, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bounce_that_postfix_writes_becomes_a_clean_notice() {
    if !may_start() {
        return;
    }
    let (sink, certs) = (Sink::start(None).await, Certs::make("peer.veil.example", [127, 0, 0, 1].into()));
    // The house has its address when it is laid; Postfix must know it to send the bounce there.
    let mut house = Plan::new().lay();
    let to = |at: SocketAddr| format!("smtp:[{}]:{}", at.ip(), at.port());
    let door = Door::new(20, "");
    let transports = format!(
        "{{ rumah-pf.example = error:5.1.1 canaryTEXT nobody of that name lives at ratna.pf@rumah-pf.example }}, \
         {{ sklep-pf.example = {} }}, {{ {DOMAIN} = {} }}",
        to(sink.at),
        to(house.smtp())
    );
    let settings = "smtpd_relay_restrictions = permit_mynetworks, reject\nnotify_classes =\nrelayhost =\n";
    let postfix = Postfix::start(&certs, &[&door], &format!("{settings}transport_maps = inline:{{ {transports} }}\n"));
    house.change(&format!("[mail.out]\nroute = \"smtp://{}\"\ntls = \"may\"", door.at));
    let house = start(house).await;
    let pair = house.pair("pf").await;
    let letter = mails::plain(&pair.seller, &pair.buyer_handle, "Hello", "Is the blue one fine?");
    let reply = house.smtp_tls().await.send(&pair.seller.email, &pair.buyer_handle, &letter.raw).await;
    assert_eq!(reply.expect("a reply").code, 250);
    let found = sink.wait(Duration::from_secs(20), || sink.to(&pair.seller.email).into_iter().next()).await;
    let notice = found.unwrap_or_else(|| panic!("no notice\n{}\n{}", postfix.log(), house.logs()));
    assert!(notice.body().contains("could not be delivered"), "{}", notice.body());
    let mut hidden = pair.buyer.canaries();
    hidden.extend(["canaryTEXT", &pair.buyer_handle].map(str::to_owned));
    // Postfix wrote its own trace over it, which is nothing of the other side's.
    canary::none(&notice.raw, &hidden, "the notice");
    let path = format!("/v1/conversations/{}/messages?as=seller", pair.id);
    let api = house.api();
    eventually(Duration::from_secs(5), "the message has failed", async || {
        let seen = api.get(&path).await.ok();
        seen.to_string().contains("\"failed\"").then_some(())
    })
    .await;
}
