//! One session with a client: what may come when (RFC 5321 §4.1.4), and what is answered.

use std::{net::IpAddr, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Duration, Instant},
};

use super::{
    Smtp, Terms,
    command::{self, Command, Forwarded, MailFrom, Mailbox},
    framing::{self, BrokenLine, ChunkedBody, Line},
    gates::Pace,
    listed::Listed,
    listen::Door,
    receive::Envelope,
    recipient::{By, Recipient},
    reply,
    wire::{Gone, Wire},
};
use crate::{
    model::Secret,
    net::{Draining, Network, Seat},
    relay::Speaker,
};

/// Who is at the other end, and how.
pub(super) struct Peer<'a> {
    pub(super) address: IpAddr,
    pub(super) seat: &'a Seat,
    pub(super) door: Door,
    pub(super) link: Link,
    pub(super) draining: Draining,
    /// SHA-256 of the certificate that it has shown and has the key of.
    pub(super) certificate: Option<[u8; 32]>,
}

/// Whether anybody else can listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// In clear, just connected.
    Plain,
    /// Under TLS from the first byte.
    Tls,
    /// Under TLS after STARTTLS: the greeting was said before.
    Upgraded,
}

/// How a session ended.
pub(super) enum End<S> {
    /// It is over; the stream is closed.
    Closed,
    /// The client wants TLS, and nothing was said since.
    StartTls(S),
}

/// What follows a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Command,
    Close,
    StartTls,
}

/// What the session knows.
pub(super) struct Conversation<'a, S> {
    smtp: &'a Arc<Smtp>,
    terms: &'a Terms,
    peer: Peer<'a>,
    pub(super) wire: Wire<S>,
    over_at: Instant,
    pace: Pace,
    listed: Listed,
    greeted: Option<Greeted>,
    speaker: Option<Speaker>,
    /// Of whom the next transaction is, where a host in front says so.
    forwarded: Option<Forwarded>,
    transaction: Option<Transaction>,
    errors: u32,
    /// Commands since the last message that led nowhere by themselves.
    idle_words: u32,
}

struct Greeted {
    helo: String,
    extended: bool,
}

/// Between MAIL and the end of the message.
pub(super) struct Transaction {
    forwarded: Option<Forwarded>,
    pub(super) sender: Option<Secret<String>>,
    pub(super) utf8: bool,
    pub(super) recipient: Option<Recipient>,
    pub(super) chunks: Option<ChunkedBody>,
}

/// Talks with a client until one of the two has had enough.
pub(super) async fn talk<S>(smtp: &Arc<Smtp>, stream: S, peer: Peer<'_>) -> End<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let terms = smtp.terms.load_full();
    // A host in front has asked about its clients itself.
    let zones = if peer.door == Door::Lmtp { &[] } else { terms.settings.dnsbl.zones.as_slice() };
    let over_at = Instant::now() + terms.settings.limits.session.std();
    let mut conversation = Conversation {
        smtp,
        terms: &terms,
        listed: Listed::ask(&smtp.dns, zones, peer.address),
        peer,
        wire: Wire::new(stream),
        over_at,
        pace: Pace::new(),
        greeted: None,
        speaker: None,
        forwarded: None,
        transaction: None,
        errors: 0,
        idle_words: 0,
    };
    let next = match conversation.welcome().await {
        Ok(Next::Command) => conversation.converse().await,
        ended => ended,
    };
    match next {
        Ok(Next::StartTls) => End::StartTls(conversation.wire.into_stream()),
        Err(Gone::Late) => {
            conversation.say(reply::LATE);
            conversation.wire.close().await;
            End::Closed
        }
        Ok(_) | Err(Gone::Left) => {
            conversation.wire.close().await;
            End::Closed
        }
    }
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Conversation<'a, S> {
    /// Says who we are, unless the client cannot wait for it: mail hosts do, bots do not.
    async fn welcome(&mut self) -> Result<Next, Gone> {
        if self.peer.link == Link::Upgraded {
            return Ok(Next::Command);
        }
        match self.wire.read(Instant::now() + PAUSE).await {
            Err(Gone::Late) => {}
            Err(Gone::Left) => return Err(Gone::Left),
            Ok(()) => return Ok(self.part(reply::TALKS_TOO_EARLY)),
        }
        let hostname = &self.terms.settings.hostname;
        let protocol = if self.is_front() { "LMTP" } else { "ESMTP" };
        self.wire.say(&format!("220 {hostname} {protocol} tabir"));
        Ok(Next::Command)
    }

    async fn converse(&mut self) -> Result<Next, Gone> {
        let mut line = Vec::new();
        loop {
            match self.read_line(&mut line, COMMAND_LINE).await? {
                Read::Line => {}
                Read::TooLong => {
                    self.fail(reply::LINE_TOO_LONG);
                    continue;
                }
                Read::Endless => return Ok(self.part(reply::LINE_TOO_LONG)),
                Read::Broken => return Ok(self.part(reply::BROKEN_LINE)),
                Read::Draining => return Ok(self.part(reply::CLOSING)),
            }
            self.pace.keep().await;
            let next = match command::parse(&line) {
                Ok(command) => self.obey(command).await?,
                Err(malformed) => {
                    self.fail(reply::of_malformed(malformed));
                    Next::Command
                }
            };
            if next != Next::Command {
                return Ok(next);
            }
            if self.errors > self.terms.settings.limits.errors || self.idle_words > IDLE_WORDS {
                return Ok(self.part(reply::TOO_MANY_ERRORS));
            }
        }
    }

    async fn obey(&mut self, command: Command<'_>) -> Result<Next, Gone> {
        // What has to end a group of commands (RFC 2920 §3.1), and everything before EHLO, may
        // have nothing behind it: it would have been sent before our answer was known.
        let ends_a_group = matches!(
            command,
            Command::Ehlo(_)
                | Command::Helo(_)
                | Command::Lhlo(_)
                | Command::Data
                | Command::StartTls
                | Command::Auth { .. }
        );
        let may_pipeline = self.greeted.as_ref().is_some_and(|greeted| greeted.extended) && !ends_a_group;
        let chunk = matches!(command, Command::Bdat { .. });
        if !may_pipeline && !chunk && command != Command::Quit && !self.wire.pending().is_empty() {
            return Ok(self.part(reply::TALKS_TOO_EARLY));
        }
        match command {
            Command::Auth { mechanism, initial } => return self.auth(mechanism, initial).await,
            Command::Bdat { size, last } => return self.bdat(size, last).await,
            Command::Data => return self.data().await,
            // RFC 2033 §4.1: neither protocol takes the other's greeting.
            Command::Ehlo(_) | Command::Helo(_) if self.is_front() => self.fail(reply::NO_COMMAND),
            Command::Lhlo(_) | Command::XForward(_) if !self.is_front() => self.fail(reply::NO_COMMAND),
            Command::Ehlo(name) | Command::Lhlo(name) => self.ehlo(name),
            Command::Expn | Command::Vrfy => self.idle("252 2.5.2 not told here; write, and see"),
            Command::Helo(name) => self.helo(name),
            Command::Help => self.idle("214 2.0.0 RFC 5321"),
            Command::Mail(mail) => self.mail(&mail),
            Command::Noop => self.idle(reply::OK),
            Command::Quit => return Ok(self.part("221 2.0.0 bye")),
            Command::Rcpt(mailbox) => self.rcpt(mailbox).await,
            Command::Rset => {
                self.transaction = None;
                self.forwarded = None;
                self.idle(reply::OK);
            }
            Command::StartTls if self.is_secure() => self.fail(reply::OUT_OF_ORDER),
            Command::StartTls => {
                self.say("220 2.0.0 go ahead");
                self.wire.flush(self.until(self.terms.settings.limits.command.std())).await?;
                return Ok(Next::StartTls);
            }
            Command::XForward(forwarded) => self.xforward(forwarded),
        }
        Ok(Next::Command)
    }

    fn ehlo(&mut self, name: &str) {
        self.greet(name, true);
        let size = self.terms.settings.size_on_the_wire();
        let more = match (self.is_front(), self.is_secure()) {
            // RFC 2033 needs nothing more, and a host does not log in.
            (true, true) => "250-XFORWARD ADDR HELO",
            (true, false) => "250-STARTTLS\r\n250-XFORWARD ADDR HELO",
            (false, true) => "250-AUTH SCRAM-SHA-256 PLAIN LOGIN",
            (false, false) => "250-STARTTLS",
        };
        let hostname = &self.terms.settings.hostname;
        self.wire.say(&format!(
            "250-{hostname}\r\n250-PIPELINING\r\n250-SIZE {size}\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
             250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n{more}\r\n250 HELP"
        ));
    }

    fn helo(&mut self, name: &str) {
        self.greet(name, false);
        let hostname = &self.terms.settings.hostname;
        self.wire.say(&format!("250 {hostname}"));
    }

    fn greet(&mut self, name: &str, extended: bool) {
        self.idle_words += 1;
        self.transaction = None;
        self.forwarded = None;
        self.greeted = Some(Greeted { helo: name.to_owned(), extended });
    }

    /// Holds for the next message alone, as it does with Postfix. What is told in parts is joined.
    fn xforward(&mut self, told: Forwarded) {
        if self.greeted.is_none() || self.transaction.is_some() {
            return self.fail(reply::OUT_OF_ORDER);
        }
        let known = self.forwarded.get_or_insert_default();
        known.address = told.address.or(known.address);
        known.helo = told.helo.or(known.helo.take());
        self.idle(reply::OK);
    }

    fn mail(&mut self, mail: &MailFrom<'_>) {
        if self.greeted.is_none() || self.transaction.is_some() {
            return self.fail(reply::OUT_OF_ORDER);
        }
        if mail.auth && !self.is_secure() {
            return self.fail("555 5.5.4 parameter not known");
        }
        if mail.sender.is_some_and(|sender| sender.is_international()) && !mail.utf8 {
            return self.fail("553 5.6.7 address needs SMTPUTF8");
        }
        if mail.size.is_some_and(|size| size > self.terms.settings.size_on_the_wire() as u64) {
            return self.fail(reply::TOO_LARGE);
        }
        self.transaction = Some(Transaction {
            forwarded: self.forwarded.take(),
            sender: mail.sender.map(|sender| format!("{}@{}", sender.local, sender.domain).into()),
            utf8: mail.utf8,
            recipient: None,
            chunks: None,
        });
        self.say(reply::OK);
    }

    async fn rcpt(&mut self, mailbox: Mailbox<'_>) {
        let Some(transaction) = self.transaction.as_ref().filter(|t| t.chunks.is_none()) else {
            return self.fail(reply::OUT_OF_ORDER);
        };
        if transaction.recipient.is_some() {
            return self.say("452 4.5.3 one recipient at a time");
        }
        if mailbox.is_international() && !transaction.utf8 {
            return self.fail("553 5.6.7 address needs SMTPUTF8");
        }
        // Who logged in is known by better than an address, and the postmaster hears who is wrongly listed.
        if self.speaker.is_none()
            && !mailbox.local.eq_ignore_ascii_case("postmaster")
            && let Some(zone) = self.listed.by().await
        {
            let refused = format!("550 5.7.1 your address is listed by {zone}");
            return self.fail(&refused);
        }
        let by = By { speaker: self.speaker.as_ref(), certificate: self.peer.certificate };
        match self.smtp.find(&self.terms.settings, mailbox, by).await {
            Ok(recipient) => {
                if matches!(recipient, Recipient::Postmaster { .. } | Recipient::Report { .. }) {
                    // Open to everybody, so it is paced as guessing is.
                    self.slow_down().await;
                }
                if let Some(transaction) = &mut self.transaction {
                    transaction.recipient = Some(recipient);
                }
                self.say("250 2.1.5 ok");
            }
            Err(refused) => {
                // Why hosts are turned away before their mail is seen: nothing else is written of it.
                let code = refused[..3].to_owned();
                metrics::counter!("tabir_smtp_recipients_refused_total", "code" => code).increment(1);
                if refused == reply::NO_SUCH_ADDRESS || refused == reply::NO_RELAY {
                    self.slow_down().await;
                }
                self.miss(&refused);
            }
        }
    }

    /// Who guesses waits. The clients of a host in front do not: they would hold up all its mail.
    async fn slow_down(&self) {
        if !self.is_front() {
            self.terms.gates.missed(self.network(), self.errors).await;
        }
    }

    async fn data(&mut self) -> Result<Next, Gone> {
        let ready = self.transaction.as_ref().is_some_and(|t| t.chunks.is_none() && t.recipient.is_some());
        if !ready {
            // RFC 3030 §3: DATA and BDAT do not mix within one message.
            let lonely = self.transaction.as_ref().is_some_and(|t| t.chunks.is_none());
            // RFC 2033 §4.2 wants 503 of either.
            let lonely = lonely && !self.is_front();
            let heard = if lonely { "554 5.5.1 no valid recipient" } else { reply::OUT_OF_ORDER };
            self.fail(heard);
            return Ok(Next::Command);
        }
        self.say("354 go ahead, end with a line of one dot");
        self.read_data().await
    }

    /// Takes the finished transaction apart for what comes next.
    pub(super) fn envelope(&mut self) -> Option<Envelope> {
        let Transaction { sender, recipient, forwarded, .. } = self.transaction.take()?;
        let (peer, helo) = match forwarded {
            Some(Forwarded { address, helo }) => (address, helo),
            None => (None, self.greeted.as_ref().map(|greeted| greeted.helo.clone())),
        };
        let (peer, helo) = (peer.unwrap_or(self.peer.address), helo.unwrap_or_default());
        Some(Envelope { peer, helo, sender, recipient: recipient? })
    }

    pub(super) fn transaction(&mut self) -> &mut Option<Transaction> {
        &mut self.transaction
    }

    /// A message was answered for; an accepted one makes good what was wrong before it.
    pub(super) fn received(&mut self, answer: &str) {
        self.idle_words = 0;
        if answer.starts_with('2') {
            self.errors = 0;
        }
    }

    pub(super) fn smtp(&self) -> &'a Arc<Smtp> {
        self.smtp
    }

    pub(super) fn terms(&self) -> &'a Terms {
        self.terms
    }

    pub(super) fn network(&self) -> Network {
        self.peer.seat.network()
    }

    /// Whether a mail host of the operator's passes on what came to it.
    fn is_front(&self) -> bool {
        self.peer.door == Door::Lmtp
    }

    pub(super) fn is_secure(&self) -> bool {
        self.peer.link != Link::Plain
    }

    pub(super) fn may_auth(&self) -> bool {
        self.greeted.as_ref().is_some_and(|greeted| greeted.extended)
            && self.speaker.is_none()
            && self.transaction.is_none()
    }

    pub(super) fn speaks(&mut self, speaker: Speaker) {
        self.speaker = Some(speaker);
    }

    pub(super) fn say(&mut self, line: &str) {
        self.wire.say(line);
    }

    fn idle(&mut self, line: &str) {
        self.idle_words += 1;
        self.wire.say(line);
    }

    /// Says what was wrong, and counts it.
    pub(super) fn fail(&mut self, line: &str) {
        self.errors += 1;
        self.wire.say(line);
    }

    /// Says that nobody is there for this client. Those of a host in front miss for themselves.
    pub(super) fn miss(&mut self, line: &str) {
        if self.is_front() { self.say(line) } else { self.fail(line) }
    }

    /// Says the last words.
    pub(super) fn part(&mut self, line: &str) -> Next {
        self.wire.say(line);
        Next::Close
    }

    /// A moment from now, within the session.
    pub(super) fn until(&self, within: Duration) -> Instant {
        self.over_at.min(Instant::now() + within)
    }

    /// The answer to a challenge; `None` when it is `*`, too long or no text.
    pub(super) async fn answer_line(&mut self) -> Result<Option<Secret<String>>, Gone> {
        let mut line = Vec::new();
        let read = self.read_line(&mut line, AUTH_LINE).await?;
        let text = String::from_utf8(line).ok().map(Secret::new);
        Ok(text.filter(|text| read == Read::Line && text.reveal() != "*"))
    }

    /// Reads one line into `line`, without its end. What is too long is read past, in a fixed
    /// amount of memory.
    async fn read_line(&mut self, line: &mut Vec<u8>, max: usize) -> Result<Read, Gone> {
        let limits = &self.terms.settings.limits;
        let within = if self.greeted.is_some() { limits.command } else { limits.greeting };
        let deadline = self.until(within.std());
        let mut seen = 0;
        let mut skipped = 0;
        loop {
            match framing::line(self.wire.pending(), seen) {
                Err(BrokenLine) => return Ok(Read::Broken),
                Ok(Line::Whole(length)) => {
                    line.clear();
                    let fits = length <= max && skipped == 0;
                    if fits {
                        line.extend_from_slice(&self.wire.pending()[..length]);
                    }
                    self.wire.take(length + 2);
                    return Ok(if fits { Read::Line } else { Read::TooLong });
                }
                Ok(Line::Partial) => seen = self.wire.pending().len(),
            }
            if seen > max {
                skipped += seen - 1;
                if skipped > ENDLESS {
                    return Ok(Read::Endless);
                }
                // All but the last byte, which may be the CR of the line's end.
                self.wire.take(seen - 1);
                seen = 1;
            }
            self.wire.flush(deadline).await?;
            let idle = self.transaction.is_none();
            tokio::select! {
                read = self.wire.read(deadline) => read?,
                () = self.peer.draining.begun(), if idle => return Ok(Read::Draining),
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    Line,
    TooLong,
    /// So long that no end is waited for.
    Endless,
    Broken,
    Draining,
}

/// RFC 5321 §4.5.3.1.4 says 512, and more for every extension that adds parameters.
const COMMAND_LINE: usize = 2_048;

/// RFC 4954 §4.
const AUTH_LINE: usize = 12_288;

/// What is read past before the session is closed.
const ENDLESS: usize = 1 << 20;

/// How long a client has to show that it does not wait for the greeting.
const PAUSE: Duration = Duration::from_millis(20);

/// NOOP, RSET, EHLO and the like in a row, without a message in between.
const IDLE_WORDS: u32 = 200;
