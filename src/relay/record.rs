//! record: one transaction answers for the message: budget, evidence, window, outbox. Here
//! responsibility passes to us (RFC 5321 §6.1).

use std::sync::Arc;

use ring::digest;

use super::{
    Relay, alike,
    claim::LEASE,
    judge::TOLD,
    notice::Cuts,
    outcome::Stop,
    rewrite::thread_hash,
    scrub::shown,
    stage::{Rewritten, RewrittenMessage, Scrubbed, ScrubbedMessage},
    talk::Talk,
    upstream,
};
use crate::{
    model::{
        Accepted, Channel, Commitment, Content, Decision, Duration, EventId, Fault, Finding, Form, Kept, Kind,
        MessageState, PairState, Purpose, Reason, Refusal, Share, Shown, Signal, Timestamp, Unguarded, Verdict,
    },
    policy::contact::{self, SideStanding},
    store::{Idempotency, Judge, Record, Recorded},
    vault::Place,
};

/// How a recording ended.
pub(super) enum Written {
    /// It is ours.
    Done(Accepted),
    /// Scrub again.
    Stale,
}

impl Relay {
    pub(super) async fn record(&self, rewritten: RewrittenMessage) -> Result<Written, Stop> {
        let (content, stage) = rewritten.into_parts();
        let delivered = shown(&content);
        let kept = keep(&stage.scrubbed, delivered.clone());
        let record = self.entry(&stage, &content, &kept)?;
        let (id, talk) = (stage.id, stage.talk());
        let (approach, rules, verdict) = (talk.approach(), Arc::clone(&talk.rules), stage.scrubbed.verdict);
        let from = talk.from;
        let channel = talk.channel;
        let judge: Judge = Box::new(move |state| {
            upstream::now_or_never(channel, contact::judge(state, approach, &rules.contact, verdict))
        });
        let Scrubbed { findings, signals, .. } = &stage.scrubbed;
        let recorded = self.commit(&stage.scrubbed.talk, record, judge).await?;
        self.watch(talk);
        match recorded {
            Recorded::Accepted { state, pair, .. } => {
                count("accepted", talk.channel);
                let standing = contact::standing(&pair, &talk.rules.contact).of(from);
                let accepted = accepted(id, state, verdict, delivered, findings, signals, standing);
                Ok(Written::Done(Accepted { unguarded: kept.unguarded, ..accepted }))
            }
            Recorded::Refused { reason, .. } => {
                count("refused", talk.channel);
                let why = match reason {
                    Reason::Content => of_content(findings, signals, kept.unguarded.as_deref()),
                    _ => Refusal::new(reason),
                };
                Err(Refusal { id: Some(id), ..why }.into())
            }
            Recorded::Repeated(first) => self.repeat(talk, first).await.map(Written::Done),
            Recorded::Conflict => Err(Reason::Conflict.into()),
            Recorded::Stale => Ok(Written::Stale),
            Recorded::Gone => Err(Reason::UnknownHandle.into()),
        }
    }

    /// Records a message; where a lane is free, what it delivers is carried at once.
    async fn commit(&self, talk: &Arc<Talk>, mut record: Record, judge: Judge) -> Result<Recorded, Fault> {
        let Some(birth) = self.births.ready() else {
            let recorded = self.store.record(&talk.scope, record, judge).await;
            self.bell.notify_one();
            return recorded;
        };
        record.lease = Some(self.clock.now().plus(LEASE));
        let (store, talk) = (Arc::clone(&self.store), Arc::clone(talk));
        // In a task of its own: whoever waits for the answer may go away, and what is born claimed
        // must be carried all the same.
        let recording = tokio::spawn(async move {
            let mut recorded = store.record(&talk.scope, record, judge).await?;
            if let Recorded::Accepted { claimed, .. } = &mut recorded {
                birth.carry(std::mem::take(claimed), talk);
            }
            Ok(recorded)
        });
        recording.await.unwrap_or_else(|error| Err(Fault::new("recording a message", error)))
    }

    /// A refusal of the early look: recorded with what came, nothing of it opened.
    pub(super) async fn refuse_early(&self, talk: &Talk, content: &Content, reason: Reason) -> Result<Stop, Fault> {
        let id = EventId::draw(talk.at, self.vault.luck())?;
        let kept = Kept {
            original: shown(content),
            delivered: Shown::default(),
            findings: Vec::new(),
            signals: Vec::new(),
            verdict: Verdict::Refuse,
            purpose: talk.purpose,
            proof: talk.proof.clone(),
            unguarded: None,
            removed: Vec::new(),
        };
        let mut record = self.new_record(talk, id, content, &kept)?;
        if reason == Reason::Outsider {
            // The same words may come again to whom they may go, as the refusal asks for.
            record.idempotency = None;
        }
        let judge: Judge = Box::new(move |_| Decision::Refuse(reason));
        Ok(match self.store.record(&talk.scope, record, judge).await? {
            // The same message was taken before the door closed: it is told the same again.
            Recorded::Repeated(first) => match self.repeat(talk, first).await {
                Ok(accepted) => Stop::Taken(Box::new(accepted)),
                Err(stop) => stop,
            },
            Recorded::Conflict => Reason::Conflict.into(),
            _ => {
                self.watch(talk);
                count("refused", talk.channel);
                Stop::from(Refusal { id: Some(id), ..Refusal::new(reason) })
            }
        })
    }

    /// What `record` would say now.
    pub(super) fn foresee(&self, scrubbed: ScrubbedMessage) -> Result<Accepted, Stop> {
        let (content, scrubbed) = scrubbed.into_parts();
        let talk = &scrubbed.talk;
        let decision = contact::judge(&talk.pair, talk.approach(), &talk.rules.contact, scrubbed.verdict);
        let state_then = match decision {
            Decision::Refuse(reason) => {
                let why = of_content(&scrubbed.findings, &scrubbed.signals, None);
                return Err(Refusal { reason, ..why }.into());
            }
            Decision::Hold { .. } | Decision::Escalate { .. } => MessageState::Held,
            Decision::Accept { .. } => MessageState::Queued,
        };
        let id = EventId::draw(talk.at, self.vault.luck())?;
        let standing = contact::standing(&talk.pair, &talk.rules.contact).of(talk.from);
        let Scrubbed { findings, signals, verdict, .. } = &scrubbed;
        Ok(accepted(id, state_then, *verdict, shown(&content), findings, signals, standing))
    }

    fn entry(&self, stage: &Rewritten, content: &Content, kept: &Kept) -> Result<Record, Fault> {
        let talk = stage.talk();
        let mut record = self.new_record(talk, stage.id, content, kept)?;
        let place = Place::files(talk.marketplace(), &stage.id);
        // Who reads by the API fetches them, and a call of the proxy may have to be brought again.
        let fetched = talk.ways().contains(&Channel::Api) || talk.channel == Channel::Proxy;
        if fetched || stage.deliveries.is_empty() {
            let sealed = stage.files.iter().map(|file| talk.key.seal(&place, &file.bytes));
            record.files = sealed.collect::<Result<_, _>>()?;
        }
        record.window = Some(stage.scrubbed.window.clone());
        record.deliveries.clone_from(&stage.deliveries);
        record.threads.clone_from(&stage.threads);
        record.notice = cuts_told_at(talk, content, kept);
        record.alike = alike::of(talk, content);
        record.stop = self.wants_no_more(&stage.scrubbed).then(|| talk.rules.notices.next(talk.at));
        // What a judge or a list said is for the marketplace, and a judge that is down would be everybody's offence.
        let of_judges = |signal: &Signal| stage.scrubbed.hits.iter().any(|hit| hit.signal == *signal);
        let own: Vec<Signal> = stage.scrubbed.signals.iter().filter(|signal| !of_judges(signal)).cloned().collect();
        record.strikes = self.strikes(talk, kept, (&stage.scrubbed.findings, &own))?;
        Ok(record)
    }

    fn new_record(&self, talk: &Talk, id: EventId, content: &Content, kept: &Kept) -> Result<Record, Fault> {
        let json = serde_json::to_vec(kept).map_err(|e| Fault::new("writing a message", e))?;
        let part = |shown: &Shown| serde_json::to_vec(shown).map_err(|e| Fault::new("writing a message", e));
        let (said, shown) = (part(&kept.original)?, part(&kept.delivered)?);
        let place = Place::evidence(talk.marketplace(), &id);
        let parts = [(Share::Said, said.as_slice()), (Share::Shown, &shown)];
        let (private, [said, shown]) = talk.key.commit_parts(&place, &json, parts)?;
        // The author may be shown this entry: of cuts it tells what the author is told.
        let told = kept.unguarded.as_ref().map_or(&kept.findings, |told| &told.findings);
        let facts = format!("{} said={said} shown={shown}", facts(talk, told));
        Ok(bare_record(talk, id, content, private, facts))
    }

    /// Records a message that nobody may see: `words` is all of it, and is sealed under the
    /// marketplace's key, in a place of its own.
    pub(super) async fn record_escalated(&self, talk: &Talk, content: &Content, words: &[u8]) -> Result<Stop, Fault> {
        let id = EventId::draw(talk.at, self.vault.luck())?;
        let private = talk.market.key.commit(&Place::escalated(talk.marketplace(), &id), words)?;
        // At the time at which other held messages end for want of somebody to look.
        let notice = Some(talk.at.plus(talk.rules.content.hold.max));
        let record = Record { notice, ..bare_record(talk, id, content, private, facts(talk, &[])) };
        let (approach, rules) = (talk.approach(), Arc::clone(&talk.rules));
        let judge: Judge = Box::new(move |state| contact::escalate(state, approach, &rules.contact));
        Ok(match self.store.record(&talk.scope, record, judge).await? {
            Recorded::Accepted { pair, .. } => {
                count("accepted", talk.channel);
                Stop::Taken(Box::new(told_held(talk, id, &pair)))
            }
            Recorded::Repeated(first) => match self.repeat(talk, first).await {
                Ok(accepted) => Stop::Taken(Box::new(accepted)),
                Err(stop) => stop,
            },
            Recorded::Conflict => Reason::Conflict.into(),
            Recorded::Gone => Reason::UnknownHandle.into(),
            Recorded::Refused { .. } | Recorded::Stale => {
                return Err(Fault::plain("recording a message that is to be escalated"));
            }
        })
    }

    /// The answer that was given the first time.
    async fn repeat(&self, talk: &Talk, id: EventId) -> Result<Accepted, Stop> {
        let row = self.store.message(&talk.scope, id).await?;
        let row = row.ok_or_else(|| Fault::plain("looking for a message that was sent before"))?;
        if row.reason == Some(Reason::Escalated) {
            let pair = self.store.pair(&talk.scope, &talk.conversation.id, talk.at).await?.unwrap_or_default();
            return Ok(Accepted { repeated: true, ..told_held(talk, id, &pair) });
        }
        if row.sealed.is_empty() {
            // Its text grew too old since: that it was taken is all that is left to say.
            let pair = self.store.pair(&talk.scope, &talk.conversation.id, talk.at).await?.unwrap_or_default();
            let standing = contact::standing(&pair, &talk.rules.contact).of(talk.from);
            let taken = accepted(id, row.state, Verdict::Deliver, Shown::default(), &[], &[], standing);
            return Ok(Accepted { repeated: true, ..taken });
        }
        let json = talk.key.open_committed(&Place::evidence(talk.marketplace(), &id), &row.sealed)?;
        let kept: Kept = serde_json::from_slice(&json).map_err(|e| Fault::new("reading a message", e))?;
        if let Some(reason) = row.reason.filter(|_| row.state == MessageState::Refused) {
            return Err(Refusal { id: Some(id), ..Refusal::new(reason) }.into());
        }
        let pair = self.store.pair(&talk.scope, &talk.conversation.id, talk.at).await?.unwrap_or_default();
        let standing = contact::standing(&pair, &talk.rules.contact).of(talk.from);
        let findings = kept.findings();
        let signals = kept.signals();
        let mut accepted = accepted(id, row.state, kept.verdict, kept.delivered, &findings, &signals, standing);
        accepted.repeated = true;
        accepted.unguarded = kept.unguarded;
        Ok(accepted)
    }
}

/// When who wrote by mail is told what was cut; over the API the answer says it. A program that
/// answers by itself is told nothing: it would answer that too.
fn cuts_told_at(talk: &Talk, content: &Content, kept: &Kept) -> Option<Timestamp> {
    let told = talk.channel == Channel::Mail && talk.rules.notices.cuts && !content.automatic;
    (told && !Cuts::of(kept).is_empty()).then(|| talk.rules.notices.next(talk.at))
}

fn bare_record(talk: &Talk, id: EventId, content: &Content, private: (Commitment, Vec<u8>), facts: String) -> Record {
    Record {
        id,
        conversation: talk.conversation.id.clone(),
        from: talk.from,
        agent: talk.agent.clone(),
        channel: talk.channel,
        at: talk.at,
        automatic: content.automatic,
        form: talk.form,
        stop: None,
        alike: None,
        files: Vec::new(),
        private,
        facts,
        idempotency: talk.idempotency.clone().or_else(|| mail_fingerprint(talk, content)),
        window: None,
        deliveries: Vec::new(),
        lease: None,
        threads: Vec::new(),
        own_thread: content.thread.id.as_deref().map(|id| thread_hash(talk.from, id)),
        notice: None,
        strikes: None,
    }
}

/// What the sender of an escalated message hears: that it is held, and none of its words.
fn told_held(talk: &Talk, id: EventId, pair: &PairState) -> Accepted {
    let standing = contact::standing(pair, &talk.rules.contact).of(talk.from);
    accepted(id, MessageState::Held, TOLD, Shown::default(), &[], &[], standing)
}

/// A refusal for its content: its author is told what would be found if nobody were guarded.
fn of_content(findings: &[Finding], signals: &[Signal], unguarded: Option<&Unguarded>) -> Refusal {
    Refusal {
        findings: findings.to_vec(),
        signals: signals.to_vec(),
        told: unguarded.map_or_else(|| findings.to_vec(), Unguarded::findings),
        told_signals: unguarded.map_or_else(|| signals.to_vec(), Unguarded::signals),
        ..Refusal::new(Reason::Content)
    }
}

fn keep(scrubbed: &Scrubbed, delivered: Shown) -> Kept {
    Kept {
        original: scrubbed.original.clone(),
        delivered,
        findings: Kept::written(&scrubbed.findings),
        signals: Kept::written_signals(&scrubbed.signals),
        verdict: scrubbed.verdict,
        purpose: scrubbed.talk.purpose,
        proof: scrubbed.talk.proof.clone(),
        unguarded: scrubbed.unguarded.clone(),
        removed: scrubbed.talk.removed.iter().filter(|r| r.is_loss()).map(|r| r.as_str().to_owned()).collect(),
    }
}

/// Facts of the evidence entry: they name nobody.
fn facts(talk: &Talk, findings: &[(String, usize, usize, Kind, String)]) -> String {
    let mut facts = format!("channel={} proof={}", talk.channel.as_str(), talk.proof.replace(' ', ","));
    if let Form::Template(template) = talk.form {
        facts.push_str(&format!(" template={}", template.as_str()));
    }
    if let Some(agent) = &talk.agent {
        facts.push_str(&format!(" agent={agent}"));
    }
    if talk.purpose == Purpose::Refund {
        facts.push_str(" purpose=refund");
    }
    for (_, _, _, kind, _) in findings {
        facts.push_str(&format!(" cut={}", kind.as_str()));
    }
    facts
}

/// A repeated DATA is done once: (conversation, side, Message-ID, body) for 24 hours. Its author's key makes the
/// fingerprint: it stays beside the thread's id, and must tell nothing once the author is forgotten.
fn mail_fingerprint(talk: &Talk, content: &Content) -> Option<Idempotency> {
    (talk.channel == Channel::Mail).then(|| {
        let thread = content.thread.id.as_deref().unwrap_or_default();
        let head = [talk.marketplace().as_str(), talk.conversation.id.as_str(), talk.from.as_str(), thread];
        let body = [&content.subject, &content.text, &content.html].map(|t| t.as_deref().unwrap_or_default());
        let files: Vec<_> =
            content.attachments.iter().map(|file| digest::digest(&digest::SHA256, &file.bytes)).collect();
        let words = head.into_iter().chain(body).map(str::as_bytes);
        let key = talk.key.fingerprint(words.chain(files.iter().map(AsRef::as_ref)));
        Idempotency { key, body: key, expires: talk.at.plus(Duration::hours(24)) }
    })
}

fn accepted(
    id: EventId,
    state: MessageState,
    verdict: Verdict,
    delivered: Shown,
    findings: &[Finding],
    signals: &[Signal],
    standing: SideStanding,
) -> Accepted {
    Accepted {
        id,
        state,
        verdict,
        delivered,
        findings: findings.to_vec(),
        signals: signals.to_vec(),
        phase: standing.phase,
        left: standing.left,
        unguarded: None,
        repeated: false,
    }
}

fn count(outcome: &'static str, channel: Channel) {
    metrics::counter!("tabir_messages_total", "outcome" => outcome, "channel" => channel.as_str()).increment(1);
}
