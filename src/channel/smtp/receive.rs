//! From the first byte of a message to the answer for it: nothing is said to be accepted before
//! the relay has answered for it.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use super::{
    Smtp,
    framing::{Body, ChunkedBody, DataBody, Step},
    gates::Place,
    proof::{Claim, Proven},
    recipient::Recipient,
    reply::{self, Reply},
    session::{Conversation, Next},
    wire::Gone,
};
use crate::{
    media::{Unreadable, mail},
    model::{AgentId, Channel, Purpose, Reason, Refusal, Secret},
    relay::{Handover, Inbound, Route, Sender},
};

/// What was said before the message.
pub(super) struct Envelope {
    pub(super) peer: IpAddr,
    pub(super) helo: String,
    /// MAIL FROM; `None` is the null sender.
    pub(super) sender: Option<Secret<String>>,
    pub(super) recipient: Recipient,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<'_, S> {
    /// The message after 354.
    pub(super) async fn read_data(&mut self) -> Result<Next, Gone> {
        let deadline = self.until(self.terms().settings.limits.data.std());
        let max = self.terms().settings.size_on_the_wire();
        let mut data = DataBody::new(max);
        let mut place = self.terms().room.place();
        let mut room = Room::Enough;
        loop {
            if self.wire.pending().is_empty() {
                self.wire.fill(deadline).await?;
            }
            let pending = self.wire.pending();
            let length = pending.len();
            match data.take(pending) {
                Err(_) => return Ok(self.part(reply::BROKEN_LINE)),
                Ok(Step::End(taken)) => {
                    self.wire.take(taken);
                    room = room.and_for(&mut place, data.body());
                    return Ok(self.finish(data.into_body(), room).await);
                }
                Ok(Step::More) => self.wire.take(length),
            }
            room = room.and_for(&mut place, data.body());
            if data.body().length() > max.saturating_mul(READ_ON) {
                return Ok(self.part(reply::TOO_LARGE));
            }
        }
    }

    /// A chunk of a message (RFC 3030). Its bytes are taken from the stream whether or not they
    /// are wanted, so that none of them can be read as a command.
    pub(super) async fn bdat(&mut self, size: u64, last: bool) -> Result<Next, Gone> {
        let deadline = self.until(self.terms().settings.limits.data.std());
        let max = self.terms().settings.size_on_the_wire();
        let Some(mut left) = usize::try_from(size).ok().filter(|size| *size <= max.saturating_mul(READ_ON)) else {
            return Ok(self.part(reply::TOO_LARGE));
        };
        let wanted = self.transaction().as_mut().filter(|t| t.recipient.is_some());
        let mut chunks = wanted.map(|t| t.chunks.take().unwrap_or_else(|| ChunkedBody::new(max)));
        let mut place = self.terms().room.place();
        let mut room = Room::Enough;
        if let Some(chunks) = &mut chunks {
            room = room.and_for(&mut place, chunks.body());
        }
        while left > 0 {
            if self.wire.pending().is_empty() {
                self.wire.fill(deadline).await?;
            }
            let pending = self.wire.pending();
            let piece = &pending[..pending.len().min(left)];
            let length = piece.len();
            let broken = chunks.as_mut().is_some_and(|chunks| chunks.take(piece).is_err());
            if broken {
                return Ok(self.part(reply::BROKEN_LINE));
            }
            self.wire.take(length);
            left -= length;
            if let Some(chunks) = &mut chunks {
                room = room.and_for(&mut place, chunks.body());
            }
        }
        let Some(mut chunks) = chunks else {
            self.fail(reply::OUT_OF_ORDER);
            return Ok(Next::Command);
        };
        if last {
            return match chunks.into_body() {
                Err(_) => Ok(self.part(reply::BROKEN_LINE)),
                Ok(body) => Ok(self.finish(body, room).await),
            };
        }
        if room == Room::Full || chunks.body().length() > max {
            *self.transaction() = None;
            self.fail(if room == Room::Full { reply::NO_ROOM } else { reply::TOO_LARGE });
            return Ok(Next::Command);
        }
        if let Some(transaction) = self.transaction() {
            transaction.chunks = Some(chunks);
        }
        self.say("250 2.0.0 more");
        Ok(Next::Command)
    }

    /// The message is whole: answers for it.
    async fn finish(&mut self, body: Body, room: Room) -> Next {
        let envelope = self.envelope();
        let answer = match (envelope, body.into_kept()) {
            (_, None) if room == Room::Full => reply::NO_ROOM.into(),
            (_, None) => reply::TOO_LARGE.into(),
            (None, _) => reply::OUT_OF_ORDER.into(),
            (Some(envelope), Some(bytes)) => self.smtp().receive(envelope, bytes.into()).await,
        };
        self.received(&answer);
        metrics::counter!("tabir_smtp_messages_total", "code" => answer[..3].to_owned()).increment(1);
        // A refusal by policy is no fault of the protocol; guessing at senders is.
        if answer == reply::NO_SUCH_ADDRESS {
            self.miss(&answer)
        } else {
            self.say(&answer)
        }
        Next::Command
    }
}

/// Whether there is memory for what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Enough,
    Full,
}

impl Room {
    fn and_for(self, place: &mut Place, body: &mut Body) -> Self {
        if self == Self::Enough && place.hold(body.kept()) {
            return Self::Enough;
        }
        body.let_go();
        Self::Full
    }
}

impl Smtp {
    /// What is answered for a whole message.
    pub(super) async fn receive(self: &Arc<Self>, envelope: Envelope, bytes: Bytes) -> Reply {
        let started = Instant::now();
        let opened = match self.open(bytes.clone()).await {
            Ok(opened) => opened,
            Err(_) => return reply::of_refusal(&Refusal::new(Reason::Unreadable)),
        };
        if opened.hops > HOPS || opened.own_mark {
            return reply::of_refusal(&Refusal::new(Reason::Loop));
        }
        let answer = match &envelope.recipient {
            Recipient::Bounce { local } => self.returned(local, &envelope, opened, &bytes).await,
            Recipient::Postmaster { address } => self.to_postmaster(address, &envelope, &opened).await,
            Recipient::Report { scope, local } => self.reported((scope, local), &envelope, &opened, &bytes).await,
            Recipient::Registration { route, local } => self.registered(route, local, &envelope, &opened, &bytes).await,
            Recipient::Handle { route, local, login, agent } => match login {
                Some(login) => self.pass(route, agent.clone(), (*login).to_owned(), &envelope, opened).await,
                None => self.proven(route, local, &envelope, opened, &bytes).await,
            },
        };
        metrics::histogram!("tabir_smtp_answer_seconds").record(started.elapsed().as_secs_f64());
        // Every answer is in our own words: they name a message, and nobody.
        tracing::info!(%answer, "mail");
        answer
    }

    /// What came to an envelope sender of ours: a report is for us, an absence note for whoever is
    /// waiting for an answer, a person's words for neither.
    async fn returned(&self, local: &str, envelope: &Envelope, opened: mail::Opened, bytes: &Bytes) -> Reply {
        let automatic = opened.content.automatic || envelope.sender.is_none();
        if automatic && !opened.is_report {
            let known = match self.relay.way_back(local).await {
                Ok(Some(route)) => {
                    self.known(&route, local, envelope, &opened, bytes).await.map(|k| k.zip(Some(route)))
                }
                Ok(None) => Ok(None),
                Err(fault) => Err(reply::of_fault(&fault)),
            };
            match known {
                Ok(Some(((agent, facts), route))) => return self.pass(&route, agent, facts, envelope, opened).await,
                Ok(None) => {}
                Err(reply) => return reply,
            }
        }
        match self.relay.bounce(local, opened.report, automatic).await {
            Ok(true) => reply::OK.into(),
            Ok(false) => reply::NO_SUCH_ADDRESS.into(),
            Err(fault) => reply::of_fault(&fault),
        }
    }

    async fn proven(
        &self,
        route: &Route,
        local: &str,
        envelope: &Envelope,
        opened: mail::Opened,
        bytes: &Bytes,
    ) -> Reply {
        match self.known(route, local, envelope, &opened, bytes).await {
            Ok(Some((agent, facts))) => self.pass(route, agent, facts, envelope, opened).await,
            Ok(None) => reply::NO_SUCH_ADDRESS.into(),
            Err(reply) => reply,
        }
    }

    /// Which agent of the other side wrote, and how that was proven; `None`: a stranger, and
    /// recorded as one. What can not be known now is told at once.
    async fn known(
        &self,
        route: &Route,
        local: &str,
        envelope: &Envelope,
        opened: &mail::Opened,
        bytes: &Bytes,
    ) -> Result<Option<(Option<AgentId>, String)>, Reply> {
        let claim = Claim::of(envelope, local, opened, bytes);
        let (address, facts) = match self.prover.prove(self.required(&route.scope), &claim).await {
            Proven::Yes { address, facts } => (address, facts),
            Proven::NotNow => return Err(reply::UNPROVABLE_NOW.into()),
            Proven::No => {
                return self.relay.stranger(route).await.map(|()| None).map_err(|fault| reply::of_fault(&fault));
            }
        };
        let agent = self.relay.recognise(route, &Sender::Mail { address: address.reveal() }).await;
        agent.map(|agent| Some((agent?, facts))).map_err(|fault| reply::of_fault(&fault))
    }

    async fn to_postmaster(&self, address: &str, envelope: &Envelope, opened: &mail::Opened) -> Reply {
        let hostname = &self.terms.load().settings.hostname.clone();
        let sender = envelope.sender.as_ref().map(|sender| sender.reveal().as_str());
        match self.relay.to_postmaster(address, hostname, sender, &opened.content).await {
            Ok(Handover::Delivered) => {
                if let Some(mail::Report::Complaint(complaint)) = &opened.report {
                    self.relay.complained(complaint);
                }
                reply::OK.into()
            }
            Ok(Handover::Never { .. }) => reply::NO_SUCH_ADDRESS.into(),
            Ok(Handover::NotNow { .. } | Handover::CalledOff) => reply::TRY_AGAIN.into(),
            Err(fault) => reply::of_fault(&fault),
        }
    }

    async fn pass(
        &self,
        route: &Route,
        agent: Option<AgentId>,
        proof: String,
        envelope: &Envelope,
        opened: mail::Opened,
    ) -> Reply {
        // Words alone make a report of what nobody sends: a person may write the same words.
        if opened.is_report || (opened.report.is_some() && envelope.sender.is_none()) {
            return reply::REPORT.into();
        }
        let mut content = opened.content;
        content.automatic |= envelope.sender.is_none();
        let inbound = Inbound {
            scope: route.scope.clone(),
            conversation: route.conversation.clone(),
            from: route.to.other(),
            agent,
            channel: Channel::Mail,
            purpose: Purpose::Other,
            template: None,
            proof,
            content,
            removed: opened.removed,
            named: opened.to.into_iter().chain(opened.cc).map(Secret::new).collect(),
            idempotency: None,
        };
        reply::of_outcome(self.relay.pass(inbound).await)
    }

    /// Large messages are opened aside, so that they do not hold up the sessions beside them.
    async fn open(&self, bytes: Bytes) -> Result<mail::Opened, Unreadable> {
        if bytes.len() < OPENED_ASIDE {
            return mail::open(&bytes, &self.parts);
        }
        let parts = self.parts.clone();
        let opened = tokio::task::spawn_blocking(move || mail::open(&bytes, &parts)).await;
        opened.unwrap_or(Err(Unreadable::Malformed))
    }
}

/// RFC 5321 §6.3 says at least 100; no person's mail takes fifty.
pub const HOPS: usize = 50;

/// How many times the largest message is read on with before the connection is closed.
const READ_ON: usize = 4;

/// About a millisecond's work.
const OPENED_ASIDE: usize = 256 * 1_024;
