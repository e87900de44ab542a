use std::{collections::HashMap, net::SocketAddr};

use data_encoding::BASE64;
use mail_auth::{
    common::{crypto::Ed25519Key, headers::HeaderWriter},
    dkim::DkimSigner,
};
use tokio::net::UdpSocket;

use super::*;
use crate::media::mail::{Limits, open};

/// What the name server of a test says of a name's TXT records.
#[derive(Clone)]
enum Says {
    Text(String),
    Nothing,
    Failure,
}

/// A name server on loopback with a small zone. What is not in it does not exist.
async fn name_server(zone: HashMap<String, Says>) -> SocketAddr {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut query = [0; 1_500];
        while let Ok((length, from)) = socket.recv_from(&mut query).await {
            if let Some(answer) = answer(&query[..length], &zone) {
                let _ = socket.send_to(&answer, from).await;
            }
        }
    });
    address
}

fn answer(query: &[u8], zone: &HashMap<String, Says>) -> Option<Vec<u8>> {
    let mut labels = Vec::new();
    let mut at = 12;
    while query[at] > 0 {
        let length = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..at + 1 + length]).to_lowercase());
        at += length + 1;
    }
    let question = &query[12..at + 5];
    let is_text = question.ends_with(&[0, 16, 0, 1]);
    let found = zone.get(&labels.join("."));
    let (code, text) = match found {
        Some(Says::Nothing) => return None,
        Some(Says::Failure) => (2, None),
        Some(Says::Text(text)) => (0, is_text.then_some(text)),
        None => (3, None),
    };
    let mut answer =
        [&query[..2], &[0x81, 0x80 | code, 0, 1, 0, u8::from(text.is_some()), 0, 0, 0, 0], question].concat();
    if let Some(text) = text {
        answer.extend_from_slice(&[0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60]);
        let strings: Vec<u8> = text.as_bytes().chunks(200).flat_map(|s| [&[s.len() as u8], s].concat()).collect();
        answer.extend_from_slice(&(strings.len() as u16).to_be_bytes());
        answer.extend_from_slice(&strings);
    }
    Some(answer)
}

const HANDLE: &str = "0123456789abcdefghjkmnpqrs";

struct World {
    prover: Prover,
    key: Vec<u8>,
}

impl World {
    async fn with(zone: &[(&str, Says)]) -> Self {
        let key = Ed25519Key::generate_pkcs8().unwrap();
        let public = BASE64.encode(&Ed25519Key::from_pkcs8_der(&key).unwrap().public_key());
        let mut zone: HashMap<String, Says> =
            zone.iter().map(|(name, says)| ((*name).to_owned(), says.clone())).collect();
        for domain in ["shop.example", "mail.shop.example", "other.example"] {
            let name = format!("s1._domainkey.{domain}");
            zone.entry(name).or_insert(Says::Text(format!("v=DKIM1; k=ed25519; p={public}")));
        }
        let dns = Dns::new(&[name_server(zone).await]).unwrap();
        Self { prover: Prover::new(&dns, "relay.localhost"), key }
    }

    fn signed(&self, message: &str, domain: &str, fields: &[&str]) -> String {
        let signer = DkimSigner::from_key(Ed25519Key::from_pkcs8_der(&self.key).unwrap())
            .domain(domain)
            .selector("s1")
            .headers(fields.to_vec());
        format!("{}{message}", signer.sign(message.as_bytes()).unwrap().to_header())
    }

    async fn prove(&self, sender: &str, message: &str) -> Proven {
        self.prove_with(Proof::Dmarc, sender, message).await
    }

    async fn prove_with(&self, required: Proof, sender: &str, message: &str) -> Proven {
        let sender = (!sender.is_empty()).then(|| Secret::new(sender.to_owned()));
        let claim = Claim {
            peer: [127, 0, 0, 1].into(),
            helo: "mail.shop.example",
            sender: sender.as_ref(),
            handle: HANDLE,
            message: message.as_bytes(),
            opened: &open(message.as_bytes(), &Limits::default()).unwrap(),
        };
        self.prover.prove(required, &claim).await
    }
}

fn text(text: &str) -> Says {
    Says::Text(text.to_owned())
}

fn mail(from: &str) -> String {
    format!("From: {from}\r\nTo: <{HANDLE}@relay.localhost>\r\nSubject: hello\r\n\r\nBody\r\n")
}

fn facts(proven: Proven) -> String {
    match proven {
        Proven::Yes { facts, address } => {
            assert_eq!(address.reveal(), "toko@shop.example");
            facts
        }
        other => format!("{other:?}"),
    }
}

const ALL: [&str; 3] = ["From", "To", "Subject"];

#[tokio::test]
async fn an_aligned_pass_proves_the_sender_with_or_without_a_dmarc_record() {
    let world = World::with(&[("shop.example", text("v=spf1 ip4:127.0.0.1 -all"))]).await;
    assert_eq!(facts(world.prove("toko@shop.example", &mail("toko@shop.example")).await), "spf=pass dmarc=pass");
    let world = World::with(&[]).await;
    let signed = world.signed(&mail("Toko <toko@shop.example>"), "shop.example", &ALL);
    assert_eq!(facts(world.prove("bounces@other.example", &signed).await), "dkim=pass dmarc=pass");
}

#[tokio::test]
async fn a_pass_for_somebody_else_proves_nothing() {
    let world =
        World::with(&[("other.example", text("v=spf1 ip4:127.0.0.1 -all")), ("shop.example", text("v=spf1 -all"))])
            .await;
    let unsigned = mail("toko@shop.example");
    assert_eq!(facts(world.prove("toko@other.example", &unsigned).await), "No");
    assert_eq!(facts(world.prove("toko@shop.example", &unsigned).await), "No");
    let signed = world.signed(&unsigned, "other.example", &ALL);
    assert_eq!(facts(world.prove("toko@other.example", &signed).await), "No");
}

#[tokio::test]
async fn without_any_record_nobody_is_proven() {
    let world = World::with(&[]).await;
    assert_eq!(facts(world.prove("toko@shop.example", &mail("toko@shop.example")).await), "No");
    assert_eq!(facts(world.prove("", &mail("toko@shop.example")).await), "No");
}

#[tokio::test]
async fn a_name_server_that_fails_or_is_silent_is_asked_again_later() {
    for says in [Says::Failure, Says::Nothing] {
        let world = World::with(&[("shop.example", says.clone()), ("s1._domainkey.shop.example", says)]).await;
        let unsigned = mail("toko@shop.example");
        assert_eq!(facts(world.prove("toko@shop.example", &unsigned).await), "NotNow");
        let signed = world.signed(&unsigned, "shop.example", &ALL);
        assert_eq!(facts(world.prove("x@other.example", &signed).await), "NotNow");
    }
}

#[tokio::test]
async fn a_sibling_name_counts_unless_the_owner_says_no() {
    let passes = ("mail.shop.example", text("v=spf1 ip4:127.0.0.1 -all"));
    let world = World::with(std::slice::from_ref(&passes)).await;
    let unsigned = mail("toko@shop.example");
    assert_eq!(facts(world.prove("b@mail.shop.example", &unsigned).await), "spf=pass dmarc=pass");
    let strict = ("_dmarc.shop.example", text("v=DMARC1; p=none; aspf=s; adkim=s"));
    let world = World::with(&[passes, strict]).await;
    assert_eq!(facts(world.prove("b@mail.shop.example", &unsigned).await), "No");
    let signed = world.signed(&unsigned, "mail.shop.example", &ALL);
    assert_eq!(facts(world.prove("b@other.example", &signed).await), "No");
}

#[tokio::test]
async fn a_changed_or_half_signed_mail_proves_nothing() {
    let world = World::with(&[]).await;
    let plain = mail("toko@shop.example");
    let signed = world.signed(&plain, "shop.example", &ALL);
    for changed in [
        signed.replace("Body", "Other"),
        signed.replace("Subject: hello", "Subject: other"),
        format!("Subject: prepended\r\n{signed}"),
        format!("From: toko@shop.example\r\n{signed}"),
        world.signed(&plain, "shop.example", &["From", "To"]),
        world.signed(&plain, "shop.example", &["Subject", "To"]),
    ] {
        assert_eq!(facts(world.prove("x@other.example", &changed).await), "No", "{changed}");
    }
    let long = DkimSigner::from_key(Ed25519Key::from_pkcs8_der(&world.key).unwrap())
        .domain("shop.example")
        .selector("s1")
        .headers(ALL)
        .body_length(true);
    let long = format!("{}{plain}appended\r\n", long.sign(plain.as_bytes()).unwrap().to_header());
    assert_eq!(facts(world.prove("x@other.example", &long).await), "No");
}

#[tokio::test]
async fn a_mail_signed_for_another_handle_does_not_count_for_this_one() {
    let world = World::with(&[]).await;
    let other = mail("toko@shop.example").replace(HANDLE, "zzzzzzzzzzzzzzzzzzzzzzzzzz");
    let signed = world.signed(&other, "shop.example", &ALL);
    assert_eq!(facts(world.prove("x@other.example", &signed).await), "No");
    let unsaid = world.signed(&other, "shop.example", &["From", "Subject"]);
    assert_eq!(facts(world.prove("x@other.example", &unsaid).await), "dkim=pass dmarc=pass");
    let upper = mail("toko@shop.example").replace(HANDLE, &HANDLE.to_uppercase().replace('1', "l"));
    let signed = world.signed(&upper, "shop.example", &ALL);
    assert_eq!(facts(world.prove("x@other.example", &signed).await), "dkim=pass dmarc=pass");
}

#[tokio::test]
async fn one_author_or_none() {
    let world = World::with(&[("shop.example", text("v=spf1 ip4:127.0.0.1 -all"))]).await;
    for from in [
        "toko@shop.example, budi@mail.example",
        "budi@mail.example, toko@shop.example",
        "Undisclosed:;",
        "toko",
        "",
        "toko@shop.example\r\nFrom: toko@shop.example",
    ] {
        assert_eq!(facts(world.prove("toko@shop.example", &mail(from)).await), "No", "{from}");
        assert_eq!(facts(world.prove_with(Proof::None, "toko@shop.example", &mail(from)).await), "No", "{from}");
    }
}

#[tokio::test]
async fn a_closed_network_believes_two_equal_addresses() {
    let world = World::with(&[]).await;
    let none = |sender: &'static str| world.prove_with(Proof::None, sender, "From: Toko@SHOP.example\r\n\r\nx\r\n");
    assert_eq!(facts(none("toko@shop.example").await), "none=believed");
    assert_eq!(facts(none("budi@mail.example").await), "No");
    assert_eq!(facts(none("").await), "No");
}

#[test]
fn names_are_aligned_under_one_owner_only() {
    assert_eq!(alignment("shop.example", "shop.example"), Found::Exact);
    assert_eq!(alignment("a.shop.example", "b.shop.example"), Found::Relaxed);
    assert_eq!(alignment("a.co.id", "b.co.id"), Found::Nothing);
    assert_eq!(alignment("evilshop.example", "shop.example"), Found::Nothing);
    assert_eq!(alignment("example", "shop.example"), Found::Nothing);
}
