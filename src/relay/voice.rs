//! The third voice: support writes to one side or both, through the same masks as everybody, outside
//! of every budget, and with the proof that it arrived.
//!
//! A letter is no message of a side: it opens nothing, answers nothing and stops nothing. What the
//! two guard is cut out of it too, so that nobody at support can give away by accident what the
//! relay keeps.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{
    Handover, Inbound, Mail, Relay,
    listener::Listener,
    outcome::Stop,
    talk::{Run, Talk},
    wording::takes_no_answers,
};
use crate::{
    detect::{Piece, Window},
    media::mail,
    model::{
        AgentId, CaseId, Channel, Commitment, Content, ConversationId, Duration, EntryKind, EventId, Fault, Finding,
        Handle, LetterKind, LetterState, LetterWords, Part, Purpose, Scope, Secret, Share, Side, Timestamp,
    },
    store::{LetterEnd, LetterRow, NewEntry, NewLetter, SealedProfile},
    vault::Place,
};

/// What support has to say to one side.
#[derive(Clone, Copy)]
pub struct Word<'a> {
    /// In which conversation.
    pub conversation: &'a ConversationId,
    /// To whom.
    pub to: Side,
    /// What it is.
    pub kind: LetterKind,
    /// Who at support; `None`: the relay by its clocks.
    pub agent: Option<&'a AgentId>,
    /// About which case.
    pub case: Option<&'a CaseId>,
    /// The subject.
    pub subject: &'a str,
    /// The text.
    pub text: &'a str,
    /// A number of the house's own in it, which no detector takes for a contact.
    pub number: Option<&'a str>,
    /// Of whom it comes: links of this domain stay.
    pub domain: Option<&'a str>,
}

/// A letter as it was written.
#[derive(Clone, Debug)]
pub struct Spoken {
    /// Its id.
    pub id: EventId,
    /// To whom.
    pub to: Side,
    /// Where it is in its life.
    pub state: LetterState,
    /// By which way.
    pub channel: Channel,
    /// The subject as it is delivered.
    pub subject: String,
    /// The text as it is delivered.
    pub text: String,
    /// What was cut.
    pub findings: Vec<Finding>,
}

impl Relay {
    /// Writes letters of support to whoever of these is left to read. `None`: there is no such conversation, or nobody is.
    ///
    /// # Errors
    /// By a fault.
    pub async fn speak(&self, scope: &Scope, words: &[Word<'_>]) -> Result<Option<Vec<Spoken>>, Fault> {
        let (mut letters, mut spoken) = (Vec::new(), Vec::new());
        for word in words {
            if let Some((letter, told)) = self.compose(scope, word).await? {
                letters.push(letter);
                spoken.push(told);
            }
        }
        if letters.is_empty() {
            return Ok(None);
        }
        Ok(self.store.put_letters(scope, letters).await?.then_some(spoken))
    }

    /// Asks a side for evidence in a case anew, in the words of a person: its silence counts from the
    /// moment this arrives. `None`: there is no such open case of that conversation, or nobody is left to read.
    ///
    /// # Errors
    /// By a fault.
    pub async fn ask_again(&self, scope: &Scope, case: &CaseId, word: &Word<'_>) -> Result<Option<Spoken>, Fault> {
        let Some((letter, spoken)) = self.compose(scope, word).await? else { return Ok(None) };
        Ok(self.store.put_request(scope, case, letter, true).await?.then_some(spoken))
    }

    /// A letter, masked and sealed; `None`: nobody is left to read it.
    pub(super) async fn compose(&self, scope: &Scope, word: &Word<'_>) -> Result<Option<(NewLetter, Spoken)>, Fault> {
        let Some(listener) = self.listener(scope, word.conversation, word.to).await? else { return Ok(None) };
        let mut context = listener.of_staff();
        context.known.orders.extend(word.number.map(str::to_owned));
        context.known.links.extend(word.domain.map(str::to_owned));
        let Listener { at, key, channel, .. } = listener;
        let pieces =
            [Piece { part: Part::Subject, text: word.subject }, Piece { part: Part::Text(0), text: word.text }];
        let report = self.rules.load().detect.scan(&pieces, &context, &Window::default());
        let [subject, text] = <[String; 2]>::try_from(report.redacted).unwrap_or_default();
        let id = EventId::draw(at, self.vault.luck())?;
        let words = LetterWords {
            agent: word.agent.map(ToString::to_string),
            subject: subject.clone(),
            text: text.clone(),
            case: word.case.map(ToString::to_string),
        };
        let json = |fault| Fault::new("writing a letter", fault);
        let (whole, shown) = (serde_json::to_vec(&words), serde_json::to_vec(&words.shown()));
        let (whole, shown) = (whole.map_err(json)?, shown.map_err(json)?);
        let place = Place::letter(scope.marketplace(), &id);
        let (private, [shown]) = key.commit_parts(&place, &whole, [(Share::Shown, &shown)])?;
        let entry = entry(id, word, &report.findings, at, Some((private, shown)));
        let (conversation, to) = (word.conversation.clone(), word.to);
        let letter = NewLetter { id, conversation, to, kind: word.kind, channel, at, lost: false, entry };
        let state = if channel == Channel::Api { LetterState::Delivered } else { LetterState::Queued };
        let findings = report.findings;
        Ok(Some((letter, Spoken { id, to, state, channel, subject, text, findings })))
    }

    /// A letter, masked and sealed; where nobody is left to read it, one that says so.
    pub(super) async fn compose_or_lose(&self, scope: &Scope, word: &Word<'_>) -> Result<NewLetter, Fault> {
        match self.compose(scope, word).await? {
            Some((letter, _)) => Ok(letter),
            None => self.lose(word),
        }
    }

    /// A letter to somebody who is gone: it says so, and holds no words.
    fn lose(&self, word: &Word<'_>) -> Result<NewLetter, Fault> {
        let at = self.clock.now();
        let id = EventId::draw(at, self.vault.luck())?;
        Ok(NewLetter {
            id,
            conversation: word.conversation.clone(),
            to: word.to,
            kind: word.kind,
            channel: Channel::Api,
            at,
            lost: true,
            entry: entry(id, word, &[], at, None),
        })
    }

    /// A conversation as if `from` wrote: opened, with nothing said.
    pub(super) async fn hear(
        &self,
        scope: &Scope,
        conversation: &ConversationId,
        from: Side,
    ) -> Result<Option<Arc<Talk>>, Fault> {
        let inbound = Inbound {
            scope: scope.clone(),
            conversation: conversation.clone(),
            from,
            agent: None,
            channel: Channel::Api,
            purpose: Purpose::default(),
            template: None,
            proof: "support".to_owned(),
            content: Content::default(),
            removed: Vec::new(),
            named: Vec::new(),
            idempotency: None,
        };
        match self.resolve(inbound, Run::Real).await {
            Ok(resolved) => Ok(Some(Arc::clone(&resolved.stage().talk))),
            Err(Stop::Failed(fault)) => Err(fault),
            Err(_) => Ok(None),
        }
    }

    /// Carries the letters that are due, some at a time, and waits for them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn carry_letters(self: &Arc<Self>) -> Result<(), Fault> {
        let mut under_way = JoinSet::new();
        self.take_letters(&mut under_way).await?;
        while under_way.join_next().await.is_some() {}
        Ok(())
    }

    /// Begins to carry as many letters as there is room for beside those under way.
    pub(super) async fn take_letters(self: &Arc<Self>, under_way: &mut JoinSet<()>) -> Result<(), Fault> {
        let room = BATCH.saturating_sub(under_way.len());
        if room == 0 {
            return Ok(());
        }
        for (scope, letter) in self.store.claim_letters(self.clock.now(), LEASE, room).await? {
            let relay = Arc::clone(self);
            under_way.spawn(async move {
                if let Err(fault) = relay.carry_letter(&scope, &letter).await {
                    tracing::error!(fault = %fault.chain(), "recording a letter");
                }
            });
        }
        Ok(())
    }

    async fn carry_letter(&self, scope: &Scope, letter: &LetterRow) -> Result<(), Fault> {
        let handover = self.hand_over_letter(scope, letter).await.unwrap_or_else(|fault| {
            tracing::error!(fault = %fault.chain(), letter = %letter.id, "carrying a letter");
            Handover::NotNow { code: "fault".to_owned() }
        });
        let at = self.clock.now();
        let rules = self.rules.load();
        let wait = rules.retry.get(usize::try_from(letter.attempts).unwrap_or(0).saturating_sub(1)).copied();
        let (state, due) = match handover {
            Handover::Delivered => (LetterState::Delivered, None),
            Handover::Never { .. } => (LetterState::Failed, None),
            _ if at.since(letter.at) >= rules.give_up => (LetterState::Failed, None),
            _ => (LetterState::Queued, Some(at.plus(wait.unwrap_or(LATER)))),
        };
        metrics::counter!("tabir_letters_total", "ending" => state.as_str()).increment(1);
        tracing::info!(letter = %letter.id, kind = letter.kind.as_str(), ending = state.as_str(), "carried a letter");
        self.store.settle_letter(scope, LetterEnd { id: letter.id, claim: letter.claim, state, due, at }).await
    }

    async fn hand_over_letter(&self, scope: &Scope, letter: &LetterRow) -> Result<Handover, Fault> {
        let never = |code: &str| Ok(Handover::Never { code: code.to_owned() });
        let Some(conversation) = self.store.conversation(scope, &letter.conversation).await? else {
            return never("gone");
        };
        let party = self.store.party(scope, conversation.party(letter.to)).await?;
        let (Some(party), Some(key)) = (party, self.side_key(scope, &conversation, letter.to)?) else {
            return never("erased");
        };
        let profile = SealedProfile { key: party.key, profile: party.profile };
        let reader = self.opened(scope, &conversation, letter.to, &profile)?;
        let Some(address) = reader.emails.first().cloned() else { return never("no_address") };
        // As a message is judged again before it is handed over.
        let gated = letter.kind == LetterKind::Registration;
        if gated && self.closed_to_seller(scope, &letter.conversation).await?.is_some() {
            return never("closed");
        }
        let market = self.market(scope.marketplace()).await?;
        let rules = self.rules.load().book.of(scope.marketplace());
        let json = key.open_committed(&Place::letter(scope.marketplace(), &letter.id), &letter.sealed)?;
        let words: LetterWords = serde_json::from_slice(&json).map_err(|e| Fault::new("reading a letter", e))?;
        let known_as =
            if rules.footer.name.is_empty() { scope.marketplace().as_str() } else { rules.footer.name.as_str() };
        let locale = reader.locale.as_deref().or(rules.locale.as_deref());
        let built = self.build_letter(letter, &words, (&rules.voice.mark(known_as), &market.domain, locale))?;
        let mail = Mail {
            from: format!("{}@{}", self.vault.verp().local_part(letter.id), market.domain),
            bytes: self.stamp(&address, &market.domain, &built)?,
            to: Secret::new(address),
        };
        Ok(self.transport.deliver(&mail, Box::pin(async { true })).await)
    }

    /// From an address that no handle can have, under the name that no party can have.
    fn build_letter(
        &self,
        letter: &LetterRow,
        words: &LetterWords,
        (mark, domain, locale): (&str, &str, Option<&str>),
    ) -> Result<Vec<u8>, Fault> {
        let mut seed = [0; 16];
        self.vault.luck().fill(&mut seed)?;
        let id = format!("{}@{domain}", Handle::draw(self.vault.luck())?);
        let text = format!("{}\n\n-- \n{mark}\n{}\n", words.text.trim_end(), takes_no_answers(locale));
        Ok(mail::build(
            &mail::Outgoing {
                from_name: mark,
                from: &format!("support@{domain}"),
                id: &id,
                in_reply_to: &[],
                references: &[],
                date: letter.at,
                subject: &format!("[{mark}] {}", words.subject),
                text: &text,
                html: None,
                attachments: &[],
                automatic: letter.kind != LetterKind::Message,
            },
            &seed,
        ))
    }
}

/// Who at support wrote is in the sealed words alone: whoever reads the letter may be shown this entry.
fn entry(
    id: EventId,
    word: &Word<'_>,
    findings: &[Finding],
    at: Timestamp,
    sealed: Option<((Commitment, Vec<u8>), Commitment)>,
) -> NewEntry {
    let mut facts = format!("letter={id} to={} kind={}", word.to.as_str(), word.kind.as_str());
    if let Some(case) = word.case {
        facts.push_str(&format!(" case={case}"));
    }
    for finding in findings {
        facts.push_str(&format!(" cut={}", finding.kind.as_str()));
    }
    let (private, shown) = sealed.unzip();
    if let Some(shown) = shown {
        facts.push_str(&format!(" shown={shown}"));
    }
    NewEntry { at, kind: EntryKind::SupportWrote, by: None, message: None, facts, private }
}

/// How long a claim on a letter holds: longer than any handover may take.
const LEASE: Duration = Duration::minutes(15);
/// How many letters are under way at once.
const BATCH: usize = 16;
/// The wait when the settings name no further one.
const LATER: Duration = Duration::hours(4);
