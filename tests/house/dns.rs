//! A DNS server on loopback that answers from a table, or not at all.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use tokio::net::UdpSocket;

/// What stands under a name.
#[derive(Clone, Debug)]
pub enum Record {
    Txt(String),
    Mx(u16, String),
    A(Ipv4Addr),
}

/// How a name, and everything below it, behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// No answer ever.
    Silent,
    /// SERVFAIL.
    Broken,
}

/// The running server.
#[derive(Clone)]
pub struct Dns {
    pub at: SocketAddr,
    table: Arc<Mutex<Table>>,
}

#[derive(Default)]
struct Table {
    records: HashMap<String, Vec<Record>>,
    manners: HashMap<String, Manner>,
    asked: Vec<String>,
}

impl Dns {
    pub async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let at = socket.local_addr().expect("an address");
        let table: Arc<Mutex<Table>> = Arc::default();
        let dns = Self { at, table: Arc::clone(&table) };
        tokio::spawn(async move {
            let mut query = [0; 1500];
            while let Ok((n, peer)) = socket.recv_from(&mut query).await {
                let answer = table.lock().expect("the table").answer(&query[..n]);
                if let Some(answer) = answer {
                    let _ = socket.send_to(&answer, peer).await;
                }
            }
        });
        dns
    }

    pub fn put(&self, name: &str, record: Record) {
        self.table.lock().expect("the table").records.entry(name.to_lowercase()).or_default().push(record);
    }

    pub fn txt(&self, name: &str, text: &str) {
        self.put(name, Record::Txt(text.to_owned()));
    }

    /// Nothing stands under `name` any more.
    pub fn forget(&self, name: &str) {
        self.table.lock().expect("the table").records.remove(&name.to_lowercase());
    }

    pub fn behave(&self, name: &str, manner: Manner) {
        self.table.lock().expect("the table").manners.insert(name.to_lowercase(), manner);
    }

    /// The names that were asked for.
    pub fn asked(&self) -> Vec<String> {
        self.table.lock().expect("the table").asked.clone()
    }
}

impl Table {
    fn answer(&mut self, query: &[u8]) -> Option<Vec<u8>> {
        let (name, end) = read_name(query)?;
        let kind = u16::from_be_bytes([*query.get(end)?, *query.get(end + 1)?]);
        let question = query.get(12..end + 4)?;
        self.asked.push(name.clone());
        match self.manner(&name) {
            Some(Manner::Silent) => return None,
            Some(Manner::Broken) => return Some(message(query, question, 2, &[])),
            None => {}
        }
        let Some(records) = self.records.get(&name) else {
            let inside = self.records.keys().any(|known| known.ends_with(&format!(".{name}")));
            return Some(message(query, question, if inside { 0 } else { 3 }, &[]));
        };
        let answers: Vec<Vec<u8>> = records.iter().filter_map(|record| encode(record, kind)).collect();
        Some(message(query, question, 0, &answers))
    }

    fn manner(&self, name: &str) -> Option<Manner> {
        let below = |zone: &String| name == zone || name.ends_with(&format!(".{zone}"));
        self.manners.iter().find(|(zone, _)| below(zone)).map(|(_, manner)| *manner)
    }
}

fn message(query: &[u8], question: &[u8], code: u8, answers: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![query[0], query[1], 0x84 | (query[2] & 1), 0x80 | code, 0, 1];
    out.extend_from_slice(&u16::try_from(answers.len()).expect("few answers").to_be_bytes());
    out.extend_from_slice(&[0, 0, 0, 0]);
    out.extend_from_slice(question);
    for answer in answers {
        out.extend_from_slice(&[0xc0, 12]);
        out.extend_from_slice(answer);
    }
    out
}

/// Type, class, time to live and content, if the record is of the asked kind.
fn encode(record: &Record, kind: u16) -> Option<Vec<u8>> {
    let (own, content) = match record {
        Record::A(ip) => (1, ip.octets().to_vec()),
        Record::Mx(preference, host) => (15, [preference.to_be_bytes().to_vec(), write_name(host)].concat()),
        Record::Txt(text) => (16, write_text(text)),
    };
    let length = u16::try_from(content.len()).ok()?.to_be_bytes();
    (own == kind).then(|| [&[0, kind as u8, 0, 1, 0, 0, 1, 44], &length[..], &content].concat())
}

fn write_text(text: &str) -> Vec<u8> {
    let pieces = text.as_bytes().chunks(255);
    pieces.flat_map(|piece| [&[u8::try_from(piece.len()).unwrap_or(0)], piece].concat()).collect()
}

fn write_name(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        out.push(u8::try_from(label.len()).expect("a short label"));
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    out
}

/// The first question's name in lower case, and where its type begins.
fn read_name(query: &[u8]) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        let label = query.get(at..at + length)?;
        labels.push(String::from_utf8_lossy(label).to_lowercase());
        at += length;
    }
}
