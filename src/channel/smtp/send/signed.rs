//! DANE as mail meets it: a name server on loopback that signs what it says.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use hickory_resolver::proto::dnssec::{Algorithm, PublicKeyBuf, TrustAnchors};
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use tokio::net::UdpSocket;

use super::{
    policies::{certs::Certs, sink::Sink},
    *,
};
use crate::model::Secret;

const MX: u16 = 15;
const A: u16 = 1;
const NS: u16 = 2;
const DS: u16 = 43;
const DNSKEY: u16 = 48;
const TLSA: u16 = 52;

/// The contents of one zone, the root, and what is said of single names.
#[derive(Clone, Default)]
struct Zone {
    records: BTreeMap<(String, u16), Vec<Vec<u8>>>,
    /// Names whose signatures are false.
    bent: Vec<(String, u16)>,
    /// Names that nobody answers for.
    silent: Vec<(String, u16)>,
    /// A zone below that signs nothing, as the root proves.
    unsigned: Option<String>,
}

impl Zone {
    fn put(&mut self, name: &str, kind: u16, content: Vec<u8>) {
        self.records.entry((name.to_owned(), kind)).or_default().push(content);
    }
}

/// A name server of the zone, and who believes its key.
async fn serve(mut zone: Zone) -> (SocketAddr, TrustAnchors) {
    let pair = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(pair.as_ref()).unwrap();
    let public = pair.public_key().as_ref().to_vec();
    zone.put("", DNSKEY, [&[1, 1, 3, 15], &public[..]].concat());
    let mut keys = TrustAnchors::empty();
    keys.insert(&PublicKeyBuf::new(public, Algorithm::ED25519));
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut query = [0; 1500];
        while let Ok((length, peer)) = socket.recv_from(&mut query).await {
            if let Some(answer) = answer(&query[..length], &zone, &pair) {
                let _ = socket.send_to(&answer, peer).await;
            }
        }
    });
    (at, keys)
}

fn answer(query: &[u8], zone: &Zone, pair: &Ed25519KeyPair) -> Option<Vec<u8>> {
    let (mut labels, mut at) = (Vec::new(), 12);
    while query[at] > 0 {
        let length = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..at + 1 + length]).to_lowercase());
        at += length + 1;
    }
    let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    let asked = (labels.join("."), kind);
    if zone.silent.contains(&asked) {
        return None;
    }
    let question = &query[12..at + 5];
    let records = zone.records.get(&asked).map_or(&[][..], Vec::as_slice);
    let mut rows: Vec<Vec<u8>> = records.iter().map(|content| row(&[0xc0, 12], kind, content)).collect();
    let below = zone.unsigned.as_ref().filter(|name| asked.0.ends_with(*name));
    if !records.is_empty() && below.is_none() {
        rows.push(row(&[0xc0, 12], 46, &signature(&labels, kind, records, pair, zone.bent.contains(&asked))));
    }
    let mut proofs = Vec::new();
    if kind == DS && below == Some(&asked.0) {
        // There are NS, RRSIG and NSEC here, and no DS.
        let next = [&wire("z.example")[..], &[0, 6, 0x20, 0, 0, 0, 0, 3]].concat();
        proofs.push(row(&[0xc0, 12], 46, &signature(&labels, 47, std::slice::from_ref(&next), pair, false)));
        proofs.push(row(&[0xc0, 12], 47, &next));
    }
    let code = if records.is_empty() && below.is_none() { 3 } else { 0 };
    let count = |rows: &[Vec<u8>]| u16::try_from(rows.len()).unwrap().to_be_bytes();
    let head = [&[query[0], query[1], 0x84, 0x80 | code, 0, 1][..], &count(&rows), &count(&proofs), &[0; 2]].concat();
    Some([&head, question, &rows.concat(), &proofs.concat()].concat())
}

fn row(name: &[u8], kind: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [name, &kind.to_be_bytes(), &[0, 1], &TTL.to_be_bytes(), &length, content].concat()
}

const TTL: u32 = 300;

/// RFC 4034 §3: what is signed is the record of the signature without it, and every record in order.
fn signature(labels: &[String], kind: u16, records: &[Vec<u8>], pair: &Ed25519KeyPair, bent: bool) -> Vec<u8> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let time = |seconds: u64| u32::try_from(seconds).unwrap().to_be_bytes();
    let head = [
        &kind.to_be_bytes()[..],
        &[15, u8::try_from(labels.len()).unwrap()],
        &TTL.to_be_bytes(),
        &time(now + 3_600),
        &time(now - 3_600),
        &tag(pair.public_key().as_ref()).to_be_bytes(),
        &[0],
    ]
    .concat();
    let owner = wire(&labels.join("."));
    let mut sorted = records.to_vec();
    sorted.sort();
    let rows: Vec<u8> = sorted.iter().flat_map(|content| row(&owner, kind, content)).collect();
    let mut signed = pair.sign(&[&head[..], &rows].concat()).as_ref().to_vec();
    signed[0] ^= u8::from(bent);
    [head, signed].concat()
}

/// RFC 4034 appendix B.
fn tag(public: &[u8]) -> u16 {
    let content = [&[1, 1, 3, 15], public].concat();
    let sum: u32 = content.chunks(2).map(|two| u32::from(two[0]) << 8 | u32::from(*two.get(1).unwrap_or(&0))).sum();
    ((sum + (sum >> 16)) & 0xffff) as u16
}

fn wire(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut out: Vec<u8> = labels.flat_map(|l| [&[u8::try_from(l.len()).unwrap()], l.as_bytes()].concat()).collect();
    out.push(0);
    out
}

struct World {
    courier: Courier,
    sink: Sink,
}

/// `mail.example` with one mail host; `change` has the zone, the name under which the host's
/// certificate is looked for, and the record that names it.
async fn world(tls: bool, change: impl Fn(&mut Zone, String, Vec<u8>)) -> World {
    let certs = Certs::make("mx.elsewhere.example", [127, 0, 0, 1].into());
    let sink = Sink::start(tls.then(|| certs.acceptor())).await;
    let mut zone = Zone::default();
    zone.put("mail.example", MX, [&[0, 10][..], &wire("mx.mail.example")].concat());
    zone.put("mx.mail.example", A, vec![127, 0, 0, 1]);
    let tlsa = [&[3, 0, 1], digest(&SHA256, &certs.der()).as_ref()].concat();
    change(&mut zone, format!("_{}._tcp.mx.mail.example", sink.at.port()), tlsa);
    let (at, keys) = serve(zone).await;
    let plain = Dns::new(&[at]).unwrap();
    let settings = OutSettings { mta_sts: false, ..OutSettings::default() };
    let courier = Courier::new(Route::Mx, &settings, "relay.localhost", plain).unwrap();
    let mut courier = courier.with_dane(Dns::validating_by(&[at], keys).reaching(|_| true));
    courier.port = sink.at.port();
    World { courier, sink }
}

async fn deliver(world: &World) -> (Handover, Vec<bool>) {
    let mail = Mail {
        from: "b-1@relay.localhost".to_owned(),
        to: Secret::new("budi@mail.example".to_owned()),
        bytes: Bytes::from_static(b"Subject: hello\r\n\r\nhello\r\n"),
    };
    let delivery = world.courier.deliver(&mail, Box::pin(async { true }));
    let handover = tokio::time::timeout(Duration::from_secs(60), delivery).await.unwrap();
    (handover, world.sink.all().iter().map(|mail| mail.tls).collect())
}

#[tokio::test]
async fn a_host_with_the_certificate_that_the_dns_names_gets_the_mail() {
    let world = world(true, |zone, name, tlsa| zone.put(&name, TLSA, tlsa)).await;
    assert_eq!(deliver(&world).await, (Handover::Delivered, vec![true]));
}

#[tokio::test]
async fn another_certificate_or_none_gets_no_mail() {
    let other = |zone: &mut Zone, name: String, mut tlsa: Vec<u8>| {
        tlsa[5] ^= 1;
        zone.put(&name, TLSA, tlsa);
    };
    assert_eq!(deliver(&world(true, other).await).await, (not_now("tls"), vec![]));
    let right = |zone: &mut Zone, name: String, tlsa: Vec<u8>| zone.put(&name, TLSA, tlsa);
    assert_eq!(deliver(&world(false, right).await).await, (not_now("tls"), vec![]), "nothing in clear");
}

#[tokio::test]
async fn records_that_say_nothing_known_demand_tls_all_the_same() {
    let odd = |zone: &mut Zone, name: String, mut tlsa: Vec<u8>| {
        tlsa[0] = 1;
        zone.put(&name, TLSA, tlsa);
    };
    assert_eq!(deliver(&world(true, odd).await).await, (Handover::Delivered, vec![true]));
    assert_eq!(deliver(&world(false, odd).await).await, (not_now("tls"), vec![]));
}

#[tokio::test]
async fn records_that_say_nothing_known_take_nothing_away_from_what_is_demanded_without_them() {
    let odd = |zone: &mut Zone, name: String, mut tlsa: Vec<u8>| {
        tlsa[0] = 1;
        zone.put(&name, TLSA, tlsa);
    };
    let mut world = world(true, odd).await;
    // As `mail.out.tls = "verify"` has it: the host's certificate is of nobody's.
    world.courier.tls = TlsPolicy::Verify;
    world.courier.usual = Arc::new(trust::trusting(trust::public_roots()).unwrap());
    assert_eq!(deliver(&world).await, (not_now("tls"), vec![]));
}

#[tokio::test]
async fn a_false_answer_is_a_reason_to_wait() {
    let bent = |zone: &mut Zone, name: String, tlsa: Vec<u8>| {
        zone.put(&name, TLSA, tlsa);
        zone.bent.push((name, TLSA));
    };
    assert_eq!(deliver(&world(true, bent).await).await, (not_now("tls"), vec![]), "of the certificate");
    let silent = |zone: &mut Zone, name: String, _: Vec<u8>| zone.silent.push((name, TLSA));
    assert_eq!(deliver(&world(true, silent).await).await, (not_now("tls"), vec![]), "kept away");
    let bent = |zone: &mut Zone, name: String, tlsa: Vec<u8>| {
        zone.put(&name, TLSA, tlsa);
        zone.bent.push(("mail.example".to_owned(), MX));
    };
    assert_eq!(deliver(&world(true, bent).await).await, (not_now("dns"), vec![]), "of the mail host");
}

#[tokio::test]
async fn a_domain_that_signs_nothing_is_served_as_ever() {
    let unsigned = |zone: &mut Zone, name: String, mut tlsa: Vec<u8>| {
        tlsa[5] ^= 1;
        zone.put(&name, TLSA, tlsa);
        zone.put("mail.example", NS, wire("ns.example"));
        zone.unsigned = Some("mail.example".to_owned());
    };
    assert_eq!(deliver(&world(true, unsigned).await).await, (Handover::Delivered, vec![true]));
    assert_eq!(deliver(&world(false, unsigned).await).await, (Handover::Delivered, vec![false]));
}
