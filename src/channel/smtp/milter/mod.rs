//! A filter for a mail host that is there already: Postfix or Sendmail asks it about each message.
//!
//! What goes to a handle is received as if it had come over SMTP: the client's address, its
//! greeting and the bytes are those that the host tells. When the relay has answered for it, the
//! host is told to throw its copy away: the relay delivers, rewritten, looked at again at the
//! last moment, by the route of the settings. What the relay refuses, the host refuses in its
//! session with the relay's own words. What goes to nobody of ours is none of our business.
//!
//! # Security
//! Whoever can connect here can claim to be any client, so it belongs on loopback or a private
//! wire. Under the same limits of size and memory as SMTP. A host that does not reach us must
//! refuse for now (`milter_default_action = tempfail`): else handles would leave by it as they are.

pub mod packet;

use std::{net::IpAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Duration, sleep, timeout},
};

use self::packet::{Answer, NotMilter, Request};
use super::{
    Smtp, Terms,
    command::{self, Command, Mailbox},
    framing::{Body, BrokenLine, ChunkedBody},
    gates::Place,
    receive::Envelope,
    recipient::{By, Recipient},
    reply::{self, Reply},
};
use crate::{
    model::Secret,
    net::{Draining, Listener, Network, Session},
};

impl Smtp {
    /// Serves mail hosts until the drain is over.
    pub async fn serve_milter(self: Arc<Self>, listener: Listener, draining: Draining) {
        listener
            .serve(draining, move |session| {
                let smtp = Arc::clone(&self);
                async move { smtp.filter(session).await }
            })
            .await;
    }

    async fn filter(self: Arc<Self>, session: Session) {
        let Session { stream, mut draining, .. } = session;
        let terms = self.terms.load_full();
        let mut filter =
            Filter { smtp: &self, terms: &terms, stream, client: Client::default(), letter: None, quiet: 0 };
        let mut bytes = Vec::new();
        loop {
            match filter.obey(&bytes).await {
                Ok(Done::Taken(length)) => drop(bytes.drain(..length)),
                Ok(Done::More) => {
                    // Between messages nothing is lost by going.
                    let idle = filter.letter.is_none() && bytes.is_empty();
                    let read = timeout(SILENCE, filter.stream.read_buf(&mut bytes));
                    tokio::select! {
                        read = read => if !matches!(read, Ok(Ok(1..))) { return },
                        () = draining.begun(), if idle => return,
                    }
                }
                Ok(Done::Over) | Err(_) => return,
            }
        }
    }
}

/// One connection of a mail host: one client of its after the other.
struct Filter<'a> {
    smtp: &'a Arc<Smtp>,
    terms: &'a Terms,
    stream: TcpStream,
    client: Client,
    letter: Option<Letter>,
    /// Bits of the steps that go unanswered.
    quiet: u32,
}

/// Who is connected to the host.
#[derive(Default)]
struct Client {
    address: Option<IpAddr>,
    helo: String,
}

/// A message as it comes.
struct Letter {
    sender: Option<Secret<String>>,
    recipient: Option<Recipient>,
    /// It goes to somebody who is not ours.
    elsewhere: bool,
    body: ChunkedBody,
    place: Place,
    /// Why it can not be taken, whatever else is in it.
    spoilt: Option<&'static str>,
}

enum Done {
    /// A packet of so many bytes.
    Taken(usize),
    /// None is whole.
    More,
    Over,
}

/// The connection is of no use any more.
struct Gone;

impl From<NotMilter> for Gone {
    fn from(_: NotMilter) -> Self {
        Self
    }
}

impl From<std::io::Error> for Gone {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

impl Filter<'_> {
    /// The first packet.
    async fn obey(&mut self, bytes: &[u8]) -> Result<Done, Gone> {
        let Some((request, length)) = packet::read(bytes)? else { return Ok(Done::More) };
        match request {
            Request::Quit => return Ok(Done::Over),
            Request::Negotiate { version, steps } => self.agree(version, steps).await?,
            Request::Connect(address) => {
                self.client = Client { address, helo: String::new() };
                self.letter = None;
                self.go_on(UNANSWERED_CONNECT).await?;
            }
            Request::Helo(name) => {
                self.client.helo = String::from_utf8_lossy(name).into_owned();
                self.go_on(UNANSWERED_HELO).await?;
            }
            Request::Mail(address) => self.mail(address).await?,
            Request::Rcpt(address) => self.rcpt(address).await?,
            Request::Data => {
                let ours = self.letter.as_ref().is_some_and(|letter| letter.recipient.is_some());
                self.answer(if ours { Answer::Continue } else { Answer::Accept }).await?;
            }
            Request::Header(name, value) => {
                self.header(name, value);
                self.go_on(UNANSWERED_HEADER).await?;
            }
            Request::EndOfHeader => {
                self.keep(&[b"\r\n"]);
                self.go_on(UNANSWERED_END_OF_HEADER).await?;
            }
            Request::Body(piece) => {
                self.keep(&[piece]);
                self.go_on(UNANSWERED_BODY).await?;
            }
            Request::EndOfMessage(piece) => {
                self.keep(&[piece]);
                self.end().await?;
            }
            Request::Abort => self.letter = None,
            Request::NextClient => {
                self.client = Client::default();
                self.letter = None;
            }
            Request::Other { answered: true } => self.answer(Answer::Continue).await?,
            Request::Other { answered: false } => {}
        }
        Ok(Done::Taken(length))
    }

    /// Fields keep the blank before their value, without which no signature over them holds; what
    /// needs no answer gets none.
    async fn agree(&mut self, version: u32, steps: u32) -> Result<(), Gone> {
        if version < packet::VERSION {
            tracing::error!(version, "a mail host speaks a milter protocol that is too old");
            return Err(Gone);
        }
        self.quiet = steps & WANTED;
        self.answer(Answer::Agreed(self.quiet)).await
    }

    /// An address that is none by our grammar may be good enough for others.
    async fn mail(&mut self, address: &[u8]) -> Result<(), Gone> {
        let line = [b"MAIL FROM:", address].concat();
        let mail = match command::parse(&line) {
            Ok(Command::Mail(mail)) => Some(mail),
            _ => None,
        };
        let sender = mail.as_ref().and_then(|mail| mail.sender);
        self.letter = Some(Letter {
            sender: sender.map(|sender| Secret::new(format!("{}@{}", sender.local, sender.domain))),
            recipient: None,
            elsewhere: false,
            body: ChunkedBody::new(self.terms.settings.size_on_the_wire()),
            place: self.terms.room.place(),
            spoilt: mail.is_none().then_some("501 5.1.7 not an address"),
        });
        self.answer(Answer::Continue).await
    }

    /// A handle stands for one person, and nobody else hears of it.
    async fn rcpt(&mut self, address: &[u8]) -> Result<(), Gone> {
        let line = [b"RCPT TO:", address].concat();
        let found = match command::parse(&line) {
            Ok(Command::Rcpt(mailbox)) => self.find(mailbox).await,
            _ => self.find_unusual(address).await,
        };
        let Some(letter) = &mut self.letter else { return Err(Gone) };
        match found {
            Ok(None) if letter.recipient.is_none() => letter.elsewhere = true,
            Ok(Some(recipient)) if letter.recipient.is_none() && !letter.elsewhere => {
                if let Some(why) = letter.spoilt {
                    return self.answer(Answer::Reply(why)).await;
                }
                letter.recipient = Some(recipient);
            }
            Ok(_) => return self.answer(Answer::Reply("452 4.5.3 one recipient at a time")).await,
            Err(refused) => {
                if refused == reply::NO_SUCH_ADDRESS
                    && let Some(client) = self.client.address
                {
                    self.terms.gates.missed(Network::of(client), 0).await;
                }
                return self.answer(Answer::Reply(&refused)).await;
            }
        }
        self.answer(Answer::Continue).await
    }

    /// An address that is none by our grammar: others' business, unless it is at a domain of ours.
    async fn find_unusual(&self, address: &[u8]) -> Result<Option<Recipient>, Reply> {
        let text = String::from_utf8_lossy(address);
        let domain = text.trim_end_matches('>').rsplit_once('@').map_or("", |(_, domain)| domain);
        match self.is_ours(domain.trim_end_matches('.')).await {
            Ok(true) => Err("501 5.1.3 not an address".into()),
            Ok(false) => Ok(None),
            Err(reply) => Err(reply),
        }
    }

    /// Whom of ours an address means; `None`: it is another's.
    async fn find(&self, mailbox: Mailbox<'_>) -> Result<Option<Recipient>, Reply> {
        if self.is_ours(mailbox.domain).await? {
            return self.smtp.find(&self.terms.settings, mailbox, By::default()).await.map(Some);
        }
        Ok(None)
    }

    async fn is_ours(&self, domain: &str) -> Result<bool, Reply> {
        let domain = idna::domain_to_ascii(domain).unwrap_or_default();
        self.smtp.relay.is_our_domain(&domain).await.map_err(|fault| reply::of_fault(&fault))
    }

    fn header(&mut self, name: &[u8], value: &[u8]) {
        let blank: &[u8] = if self.quiet & LEADING_BLANK == 0 { b" " } else { b"" };
        self.keep(&[name, b":", blank]);
        for (n, line) in value.split(|byte| *byte == b'\n').enumerate() {
            let before: &[u8] = if n == 0 { b"" } else { b"\r\n" };
            self.keep(&[before, line.strip_suffix(b"\r").unwrap_or(line)]);
        }
        self.keep(&[b"\r\n"]);
    }

    fn keep(&mut self, pieces: &[&[u8]]) {
        let Some(letter) = self.letter.as_mut().filter(|letter| letter.recipient.is_some()) else { return };
        for piece in pieces {
            if letter.spoilt.is_some() {
                return;
            }
            letter.spoilt = match letter.body.take(piece) {
                Err(BrokenLine) => Some(reply::BROKEN_LINE),
                Ok(()) if letter.place.hold(letter.body.body().kept()) => None,
                Ok(()) => Some(reply::NO_ROOM),
            };
        }
        if letter.spoilt.is_some() {
            letter.body.body().let_go();
        }
    }

    /// The message is whole.
    async fn end(&mut self) -> Result<(), Gone> {
        let Some(letter) = self.letter.take() else { return Err(Gone) };
        let Letter { sender, recipient, body, place, spoilt, .. } = letter;
        let Some(recipient) = recipient else { return self.answer(Answer::Accept).await };
        if let Some(why) = spoilt {
            return self.answer(Answer::Reply(why)).await;
        }
        let bytes = match body.into_body().map(Body::into_kept) {
            Err(BrokenLine) => return self.answer(Answer::Reply(reply::BROKEN_LINE)).await,
            Ok(None) => return self.answer(Answer::Reply(reply::TOO_LARGE)).await,
            Ok(Some(bytes)) => bytes,
        };
        let peer = self.client.address.unwrap_or(IpAddr::from([0, 0, 0, 0]));
        let envelope = Envelope { peer, helo: self.client.helo.clone(), sender, recipient };
        let smtp = Arc::clone(self.smtp);
        let answered = smtp.receive(envelope, bytes.into());
        tokio::pin!(answered);
        let answer = loop {
            tokio::select! {
                answer = &mut answered => break answer,
                () = sleep(PATIENCE) => self.answer(Answer::Progress).await?,
            }
        };
        drop(place);
        metrics::counter!("tabir_milter_messages_total", "code" => answer[..3].to_owned()).increment(1);
        if answer.starts_with('2') {
            self.answer(Answer::Discard).await
        } else {
            self.answer(Answer::Reply(&answer)).await
        }
    }

    /// Nothing is against it; said only where the host waits for it.
    async fn go_on(&mut self, unanswered: u32) -> Result<(), Gone> {
        if self.quiet & unanswered == 0 { self.answer(Answer::Continue).await } else { Ok(()) }
    }

    async fn answer(&mut self, answer: Answer<'_>) -> Result<(), Gone> {
        let mut out = Vec::new();
        answer.write(&mut out);
        timeout(SILENCE, self.stream.write_all(&out)).await.map_err(|_| Gone)?.map_err(Gone::from)
    }
}

// Bits of the steps, by the names that libmilter has for them: SMFIP_NR_HDR and so on.
const UNANSWERED_HEADER: u32 = 0x80;
const UNANSWERED_CONNECT: u32 = 0x1000;
const UNANSWERED_HELO: u32 = 0x2000;
const UNANSWERED_END_OF_HEADER: u32 = 0x4_0000;
const UNANSWERED_BODY: u32 = 0x8_0000;
/// SMFIP_NOUNKNOWN.
const NO_UNKNOWN: u32 = 0x100;
/// SMFIP_HDR_LEADSPC.
const LEADING_BLANK: u32 = 0x10_0000;
const WANTED: u32 = UNANSWERED_HEADER
    | UNANSWERED_CONNECT
    | UNANSWERED_HELO
    | UNANSWERED_END_OF_HEADER
    | UNANSWERED_BODY
    | NO_UNKNOWN
    | LEADING_BLANK;

/// How long a host may say nothing: its clients have five minutes for a command.
const SILENCE: Duration = Duration::from_secs(600);
/// A host waits for the last answer, and is told in time that it will come.
const PATIENCE: Duration = Duration::from_secs(10);
