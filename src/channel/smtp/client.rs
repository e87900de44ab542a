//! One connection to a mail host, as its client.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    answer::{Answer, answer, misspoken},
    framing,
    report::Trouble,
};
use crate::relay::{Handover, LastLook, Mail};

/// How to reach a host and how to treat TLS there.
pub(super) struct Approach<'a> {
    pub(super) address: SocketAddr,
    /// The name that its certificate must have.
    pub(super) name: &'a str,
    /// The name we greet with.
    pub(super) hostname: &'a str,
    pub(super) tls: TlsUse,
}

/// What is done about TLS on one connection.
#[derive(Clone)]
pub(super) enum TlsUse {
    /// None: what was offered did not work, and clear text is allowed.
    Never,
    /// STARTTLS when offered.
    WhenOffered(Arc<ClientConfig>),
    /// STARTTLS, or nothing is sent.
    Required(Arc<ClientConfig>),
    /// From the first byte.
    Implicit(Arc<ClientConfig>),
}

/// Why no connection came about, or why one broke.
#[derive(Debug)]
pub(super) enum Broken {
    /// No connection, or it went away.
    Connection,
    /// The host does not want us now.
    Greeting(Answer),
    /// TLS is missing, failed, or was tampered with.
    Tls(Trouble),
    /// It took too long.
    Timeout,
}

impl Broken {
    /// The word for the log and the outbox.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Connection => "connect".to_owned(),
            Self::Greeting(answer) => answer.name(),
            Self::Tls(_) => "tls".to_owned(),
            Self::Timeout => "timeout".to_owned(),
        }
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::TimedOut { Self::Timeout } else { Self::Connection }
    }
}

/// How one mail fared on a connection.
pub(super) enum Handed {
    /// Told to the outbox as it is.
    Over(Handover),
    /// The host said no, for now or for good.
    Refused(Answer),
    /// The connection was dead before the mail began: another one may be tried at once.
    Dead,
}

/// A connection that was greeted and, where it had to be, secured.
pub(super) struct Client {
    stream: Stream,
    buffer: Vec<u8>,
    offers: Offers,
    /// When it was last used.
    pub(super) used: Instant,
    /// How many mails went over it.
    pub(super) mails: u32,
    /// Whether its host was proven to be the one that was looked for.
    pub(super) proven: bool,
}

/// What EHLO offered.
#[derive(Clone, Copy, Debug, Default)]
struct Offers {
    starttls: bool,
    pipelining: bool,
    eight_bit: bool,
    utf8: bool,
    size: Option<u64>,
}

impl Client {
    /// Connects, greets and secures.
    pub(super) async fn connect(approach: &Approach<'_>) -> Result<Self, Broken> {
        let tcp = timeout(CONNECT, TcpStream::connect(approach.address)).await.map_err(|_| Broken::Timeout)??;
        tcp.set_nodelay(true)?;
        let mut client = Self {
            stream: Stream::Plain(tcp),
            buffer: Vec::with_capacity(1_024),
            offers: Offers::default(),
            used: Instant::now(),
            mails: 0,
            proven: false,
        };
        if let TlsUse::Implicit(config) = &approach.tls {
            client = client.secure(config, approach.name).await?;
        }
        client.expect(GREETING).await?;
        client.ehlo(approach.hostname).await?;
        match &approach.tls {
            TlsUse::Required(_) if !client.offers.starttls => Err(Broken::Tls(Trouble::NotOffered)),
            TlsUse::WhenOffered(config) | TlsUse::Required(config) if client.offers.starttls => {
                client.starttls(config, approach).await
            }
            _ => Ok(client),
        }
    }

    async fn starttls(mut self, config: &Arc<ClientConfig>, approach: &Approach<'_>) -> Result<Self, Broken> {
        self.say(b"STARTTLS\r\n").await?;
        let answer = self.answer(REPLY).await?;
        if !answer.is_yes() {
            return Err(Broken::Tls(Trouble::NotOffered));
        }
        // What lies behind the answer was put there before TLS, by somebody else (CVE-2011-0411
        // turned around): the connection is not what it seems.
        if !self.buffer.is_empty() {
            return Err(Broken::Tls(Trouble::Other));
        }
        let mut client = self.secure(config, approach.name).await?;
        client.ehlo(approach.hostname).await?;
        Ok(client)
    }

    async fn secure(self, config: &Arc<ClientConfig>, name: &str) -> Result<Self, Broken> {
        let other = || Broken::Tls(Trouble::Other);
        let Stream::Plain(tcp) = self.stream else { return Err(other()) };
        let name = ServerName::try_from(name.to_owned()).map_err(|_| other())?;
        let shaken = timeout(HANDSHAKE, TlsConnector::from(config.clone()).connect(name, tcp)).await;
        let tls = shaken.map_err(|_| Broken::Timeout)?.map_err(|error| Broken::Tls(Trouble::of(&error)))?;
        Ok(Self { stream: Stream::Tls(Box::new(tls)), ..self })
    }

    async fn ehlo(&mut self, hostname: &str) -> Result<(), Broken> {
        self.say(format!("EHLO {hostname}\r\n").as_bytes()).await?;
        let mut offers = Offers::default();
        let mut lines = 0;
        let note = |line: &str| {
            // The first line is the host's greeting, whatever it looks like (RFC 5321 §4.1.1.1).
            if lines > 0 {
                offers.note(line);
            }
            lines += 1;
        };
        let answer = answer(&mut self.stream, &mut self.buffer, GREETING, note).await?;
        self.offers = offers;
        if answer.is_yes() { Ok(()) } else { Err(Broken::Greeting(answer)) }
    }

    /// Whether what is said on it can be read by nobody else.
    pub(super) fn is_secure(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// Whether it may carry another mail: nobody has closed it or spoken out of turn.
    pub(super) fn is_fresh(&mut self) -> bool {
        let mut byte = [0];
        let mut read = ReadBuf::new(&mut byte);
        let polled = Pin::new(&mut self.stream).poll_read(&mut Context::from_waker(Waker::noop()), &mut read);
        polled.is_pending() && self.buffer.is_empty() && self.used.elapsed() < IDLE && self.mails < MAILS
    }

    /// Hands one mail over. Afterwards the connection is good for another one exactly when
    /// this returns it.
    pub(super) async fn hand_over(mut self, mail: &Mail, last_look: LastLook<'_>) -> (Handed, Option<Self>) {
        let never = |code: &str| Handed::Over(Handover::Never { code: code.to_owned() });
        if self.offers.size.is_some_and(|size| size > 0 && mail.bytes.len() as u64 > size) {
            return (never("5.3.4"), Some(self));
        }
        let utf8 = !mail.to.reveal().is_ascii();
        if utf8 && !self.offers.utf8 {
            return (never("5.6.7"), Some(self));
        }
        let eight_bit = !mail.bytes.is_ascii();
        if eight_bit && !self.offers.eight_bit {
            return (never("5.6.3"), Some(self));
        }
        match self.envelope(mail, eight_bit, utf8).await {
            Err(Broken::Connection) => return (Handed::Dead, None),
            Err(broken) => return (not_now(broken.name()), None),
            // A refused envelope may leave the host waiting for a message: a new connection is
            // simpler than finding out, and refusals are rare.
            Ok(Some(refused)) => return (Handed::Refused(refused), None),
            Ok(None) => {}
        }
        match self.content(mail, last_look).await {
            Ok(None) => (Handed::Over(Handover::CalledOff), None),
            Ok(Some(answer)) if answer.is_yes() => {
                self.used = Instant::now();
                self.mails += 1;
                (Handed::Over(Handover::Delivered), Some(self))
            }
            // 421 says that the connection ends.
            Ok(Some(answer)) if answer.code == 421 => (Handed::Refused(answer), None),
            Ok(Some(answer)) => (Handed::Refused(answer), Some(self)),
            // The host may or may not have it: it is sent again, with the same Message-ID.
            Err(broken) => (not_now(broken.name()), None),
        }
    }

    /// MAIL, RCPT and DATA; `Some` is the answer that refused.
    async fn envelope(&mut self, mail: &Mail, eight_bit: bool, utf8: bool) -> Result<Option<Answer>, Broken> {
        let from = format!(
            "MAIL FROM:<{}>{}{}{}\r\n",
            mail.from,
            if self.offers.size.is_some() { format!(" SIZE={}", mail.bytes.len()) } else { String::new() },
            if eight_bit { " BODY=8BITMIME" } else { "" },
            if utf8 { " SMTPUTF8" } else { "" },
        );
        let to = format!("RCPT TO:<{}>\r\n", mail.to.reveal());
        // An address with a line end in it would be a command of its own.
        if has_line_end(&mail.from) || has_line_end(mail.to.reveal()) {
            return Ok(Some(Answer { code: 553, status: Some("5.1.3".to_owned()) }));
        }
        if self.offers.pipelining {
            self.say([&from, to.as_str(), "DATA\r\n"].concat().as_bytes()).await?;
            let answers = [self.answer(REPLY).await?, self.answer(REPLY).await?, self.answer(REPLY).await?];
            return Ok(answers.into_iter().find(|answer| !answer.is_yes()));
        }
        for command in [&from, to.as_str(), "DATA\r\n"] {
            self.say(command.as_bytes()).await?;
            let answer = self.answer(REPLY).await?;
            if !answer.is_yes() {
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }

    /// The message and its final dot; `None` when the last look called it off.
    async fn content(&mut self, mail: &Mail, last_look: LastLook<'_>) -> Result<Option<Answer>, Broken> {
        let mut wire = Vec::new();
        framing::stuff(&mail.bytes, &mut wire);
        // A small message and its end are one write; of a large one only the end waits for the
        // last look, as much can happen while it is on its way.
        if wire.len() > LARGE {
            for piece in wire.chunks(LARGE) {
                self.say(piece).await?;
            }
            wire.clear();
        }
        if !last_look.await {
            return Ok(None);
        }
        wire.extend_from_slice(b".\r\n");
        self.say(&wire).await?;
        self.answer(FINAL).await.map(Some).map_err(Broken::from)
    }

    async fn expect(&mut self, within: Duration) -> Result<(), Broken> {
        let answer = self.answer(within).await?;
        if answer.is_yes() { Ok(()) } else { Err(Broken::Greeting(answer)) }
    }

    async fn answer(&mut self, within: Duration) -> io::Result<Answer> {
        answer(&mut self.stream, &mut self.buffer, within, |_| {}).await
    }

    async fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        // A peer that talks while it should listen is not answered with more.
        if self.buffer.len() > 65_536 {
            return Err(misspoken());
        }
        let written = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        timeout(WRITE, written).await.map_err(|_| io::ErrorKind::TimedOut)?
    }

    /// Takes leave politely, without waiting for the answer.
    pub(super) async fn quit(mut self) {
        let _ = timeout(Duration::from_secs(1), self.say(b"QUIT\r\n")).await;
    }
}

impl Offers {
    fn note(&mut self, line: &str) {
        let mut words = line.split(' ');
        match words.next().unwrap_or("").to_ascii_uppercase().as_str() {
            "STARTTLS" => self.starttls = true,
            "PIPELINING" => self.pipelining = true,
            "8BITMIME" => self.eight_bit = true,
            "SMTPUTF8" => self.utf8 = true,
            "SIZE" => self.size = words.next().map_or(Some(0), |size| size.parse().ok()),
            _ => {}
        }
    }
}

fn not_now(code: String) -> Handed {
    Handed::Over(Handover::NotNow { code })
}

fn has_line_end(address: &str) -> bool {
    address.bytes().any(|b| b.is_ascii_control() || b == b'<' || b == b'>')
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

// RFC 5321 §4.5.3.2 allows minutes for each of these. Shorter ones keep a host that answers one
// byte a second from holding a connection and a lane for an hour; the mail is tried again.
const CONNECT: Duration = Duration::from_secs(15);
const HANDSHAKE: Duration = Duration::from_secs(20);
const GREETING: Duration = Duration::from_secs(60);
const REPLY: Duration = Duration::from_secs(60);
const WRITE: Duration = Duration::from_secs(60);
/// The host may scan the message before it answers; giving up early makes a duplicate.
const FINAL: Duration = Duration::from_secs(300);

/// Kept ready for so long.
pub(super) const IDLE: Duration = Duration::from_secs(30);

/// Some hosts close after a hundred; a new connection before that costs less than a surprise.
const MAILS: u32 = 1_000;

/// Larger messages are sent in pieces, ahead of their end.
const LARGE: usize = 64 * 1_024;

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn what_is_said_is_not_held_back() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let host = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"220 sink\r\n250 sink\r\n").await.unwrap();
            stream
        });
        let approach = Approach { address, name: "sink.example", hostname: "relay.localhost", tls: TlsUse::Never };
        let client = Client::connect(&approach).await.ok().unwrap();
        let Stream::Plain(tcp) = &client.stream else { panic!("no TLS was asked for") };
        assert!(tcp.nodelay().unwrap());
        drop(host.await.unwrap());
    }
}
