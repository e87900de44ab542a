//! A mail server at the end of the line: takes everything, or whatever the test tells it to do.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tokio_rustls::TlsAcceptor;

/// One mail as it came.
#[derive(Clone, Debug)]
pub struct Mail {
    pub from: String,
    pub to: String,
    pub raw: Arc<[u8]>,
    pub tls: bool,
    pub at: Instant,
}

impl Mail {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }

    /// A header's value, unfolded, without the angle brackets of an id.
    pub fn header(&self, name: &str) -> Option<String> {
        let text = self.text();
        let head = text.split("\r\n\r\n").next()?.replace("\r\n\t", " ").replace("\r\n ", " ");
        head.split("\r\n").find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }

    /// The first text part, decoded.
    pub fn body(&self) -> String {
        let parsed = mail_parser::MessageParser::default().parse(&self.raw[..]);
        parsed.and_then(|mail| mail.body_text(0).map(|text| text.into_owned())).unwrap_or_default()
    }
}

/// What the server does with a message from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mood {
    Take,
    /// This reply after the final dot.
    AfterData(&'static str),
    /// This reply to RCPT.
    AtRcpt(&'static str),
    /// This reply to RCPT of one address alone.
    AtRcptOf(String, &'static str),
    /// Closes the connection at DATA.
    Hang,
    /// Takes, but says so only after this long.
    Slow(Duration),
}

/// The running server.
#[derive(Clone)]
pub struct Sink {
    pub at: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    mails: Mutex<Vec<Mail>>,
    tried: Mutex<u64>,
    mood: Mutex<Mood>,
    came: Notify,
    tls: Option<TlsAcceptor>,
}

impl Sink {
    /// Listens on a free port; offers STARTTLS when it has a certificate.
    pub async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            mails: Mutex::default(),
            tried: Mutex::default(),
            mood: Mutex::new(Mood::Take),
            came: Notify::new(),
            tls,
        });
        let sink = Self { at, shared: Arc::clone(&shared) };
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(session(tcp, Arc::clone(&shared)));
            }
        });
        sink
    }

    pub fn mood(&self, mood: Mood) {
        *self.shared.mood.lock().expect("the mood") = mood;
    }

    pub fn all(&self) -> Vec<Mail> {
        self.shared.mails.lock().expect("the mails").clone()
    }

    pub fn count(&self) -> usize {
        self.shared.mails.lock().expect("the mails").len()
    }

    /// Forgets what came.
    pub fn clear(&self) {
        self.shared.mails.lock().expect("the mails").clear();
    }

    /// How often someone came with a message, taken or not.
    pub fn tried(&self) -> u64 {
        *self.shared.tried.lock().expect("the count")
    }

    pub fn to(&self, address: &str) -> Vec<Mail> {
        self.all().into_iter().filter(|mail| mail.to == address).collect()
    }

    /// The `n`th mail (from 1) to this address.
    pub async fn nth(&self, address: &str, n: usize) -> Mail {
        let found = self.wait(Duration::from_secs(15), || self.to(address).into_iter().nth(n - 1)).await;
        found.unwrap_or_else(|| panic!("no {n}. mail to {address}; there are {}", self.count()))
    }

    /// Waits until `look` finds something.
    pub async fn wait<T>(&self, patience: Duration, look: impl Fn() -> Option<T>) -> Option<T> {
        let end = Instant::now() + patience;
        loop {
            let came = self.shared.came.notified();
            if let Some(found) = look() {
                return Some(found);
            }
            let left = end.checked_duration_since(Instant::now())?;
            let _ = tokio::time::timeout(left.min(Duration::from_millis(100)), came).await;
        }
    }

    /// Stays for `quiet` and says what came in that time.
    pub async fn during(&self, quiet: Duration) -> Vec<Mail> {
        let before = self.count();
        tokio::time::sleep(quiet).await;
        self.all().split_off(before)
    }
}

async fn session(mut tcp: TcpStream, shared: Arc<Shared>) {
    let _ = tcp.set_nodelay(true);
    if tcp.write_all(b"220 kotak-surat.example ESMTP\r\n").await.is_err() {
        return;
    }
    let mut plain = BufReader::new(tcp);
    if let Ok(After::StartTls) = talk(&mut plain, &shared, false).await
        && let Some(tls) = &shared.tls
        && let Ok(stream) = tls.accept(plain.into_inner()).await
    {
        let mut stream = BufReader::new(stream);
        let _ = talk(&mut stream, &shared, true).await;
        let _ = stream.get_mut().shutdown().await;
    }
}

enum After {
    Quit,
    StartTls,
}

async fn talk<S>(stream: &mut BufReader<S>, shared: &Shared, tls: bool) -> io::Result<After>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut from, mut to) = (String::new(), String::new());
    let mut line = Vec::new();
    // Replies to pipelined commands leave together, as a real server sends them.
    let mut out = Vec::new();
    loop {
        if stream.buffer().is_empty() && !out.is_empty() {
            stream.get_mut().write_all(&out).await?;
            stream.get_mut().flush().await?;
            out.clear();
        }
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(After::Quit);
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        let upper = text.to_ascii_uppercase();
        let mood = shared.mood.lock().expect("the mood").clone();
        match upper.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => {
                out.extend_from_slice(b"250-kotak-surat.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n");
                out.extend_from_slice(b"250-ENHANCEDSTATUSCODES\r\n250-SIZE 50000000\r\n");
                if shared.tls.is_some() && !tls {
                    out.extend_from_slice(b"250-STARTTLS\r\n");
                }
                out.extend_from_slice(b"250 HELP\r\n");
            }
            "STARTTLS" if shared.tls.is_some() && !tls => {
                stream.get_mut().write_all(b"220 2.0.0 go on\r\n").await?;
                stream.get_mut().flush().await?;
                return Ok(After::StartTls);
            }
            "MAIL" => {
                from = between(&text);
                to.clear();
                out.extend_from_slice(b"250 2.1.0 ok\r\n");
            }
            "RCPT" => {
                *shared.tried.lock().expect("the count") += 1;
                let refused = match &mood {
                    Mood::AtRcpt(reply) => Some(*reply),
                    Mood::AtRcptOf(address, reply) if between(&text) == *address => Some(*reply),
                    _ => None,
                };
                if let Some(reply) = refused {
                    out.extend_from_slice(reply.as_bytes());
                    out.extend_from_slice(b"\r\n");
                } else {
                    to = between(&text);
                    out.extend_from_slice(b"250 2.1.5 ok\r\n");
                }
            }
            "DATA" if to.is_empty() => out.extend_from_slice(b"503 5.5.1 no recipient\r\n"),
            "DATA" if mood == Mood::Hang => return Ok(After::Quit),
            "DATA" => {
                out.extend_from_slice(b"354 go on\r\n");
                stream.get_mut().write_all(&out).await?;
                stream.get_mut().flush().await?;
                out.clear();
                let raw = message(stream).await?;
                // What the test says now counts, not what it said at DATA.
                let mood = shared.mood.lock().expect("the mood").clone();
                if let Mood::Slow(delay) = mood {
                    tokio::time::sleep(delay).await;
                }
                if let Mood::AfterData(reply) = mood {
                    out.extend_from_slice(reply.as_bytes());
                    out.extend_from_slice(b"\r\n");
                } else {
                    let mail = Mail { from: from.clone(), to: to.clone(), raw: raw.into(), tls, at: Instant::now() };
                    shared.mails.lock().expect("the mails").push(mail);
                    shared.came.notify_waiters();
                    out.extend_from_slice(b"250 2.0.0 taken\r\n");
                }
            }
            "RSET" | "NOOP" => out.extend_from_slice(b"250 2.0.0 ok\r\n"),
            "QUIT" => {
                out.extend_from_slice(b"221 2.0.0 bye\r\n");
                stream.get_mut().write_all(&out).await?;
                stream.get_mut().flush().await?;
                return Ok(After::Quit);
            }
            _ => out.extend_from_slice(b"500 5.5.2 what?\r\n"),
        }
    }
}

/// Reads to the final dot and takes the doubled dots away.
async fn message<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> io::Result<Vec<u8>> {
    let mut raw = Vec::with_capacity(8192);
    loop {
        let start = raw.len();
        if stream.read_until(b'\n', &mut raw).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if &raw[start..] == b".\r\n" {
            raw.truncate(start);
            return Ok(raw);
        }
        if raw[start] == b'.' {
            raw.remove(start);
        }
    }
}

fn between(line: &str) -> String {
    let from = line.find('<').map_or(0, |at| at + 1);
    line[from..].split('>').next().unwrap_or_default().to_owned()
}

/// Takes connections and never says a word, for a peer that hangs.
pub async fn mute() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut tcp, _)) = listener.accept().await {
            kept.push(tokio::spawn(async move {
                let mut some = [0; 64];
                while tcp.read(&mut some).await.is_ok_and(|n| n > 0) {}
            }));
        }
    });
    at
}
