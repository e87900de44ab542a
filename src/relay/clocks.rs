//! What time alone brings to cases: requests, alarms, decisions by silence, and telling them. What is
//! due follows from the store alone, so that a restart loses and repeats nothing.

use super::{Relay, voice::Word, wording};
use crate::{
    model::{CaseClock, DecisionWords, EntryKind, EventId, Fault, ItemKind, LetterKind, Money, Ruling, Scope, Side},
    policy::{
        cases::{self, Act},
        rules::MarketRules,
    },
    store::{CaseMark, CaseRow, Decided, NewDecision, NewEntry, NewLetter},
    vault::Place,
};

/// How many cases are looked at together.
const BATCH: usize = 200;

impl Relay {
    /// Does what is due in all cases.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn tend_cases(&self) -> Result<(), Fault> {
        let mut after = 0;
        loop {
            let running = self.store.running_cases(after, BATCH).await?;
            let Some((last, ..)) = running.last() else { break };
            after = *last;
            let whole = running.len() == BATCH;
            for (_, scope, case) in running {
                if let Err(fault) = self.tend_case(&scope, case).await {
                    tracing::error!(fault = %fault.chain(), "looking after a case");
                }
            }
            if !whole {
                break;
            }
        }
        // What was written now is carried at once.
        self.letter_bell.notify_one();
        Ok(())
    }

    /// Does what is due in one case; what that makes due too.
    async fn tend_case(&self, scope: &Scope, mut case: CaseRow) -> Result<(), Fault> {
        let rules = self.rules.load().book.of(scope.marketplace());
        for _ in 0..2 {
            let acts = cases::due(&case.clock, &rules.cases.clocks, self.clock.now());
            if acts.is_empty() {
                return Ok(());
            }
            for act in acts {
                self.act(scope, &case, &rules, act).await?;
            }
            let Some(now) = self.store.case(scope, &case.id).await? else { return Ok(()) };
            case = now;
        }
        Ok(())
    }

    async fn act(&self, scope: &Scope, case: &CaseRow, rules: &MarketRules, act: Act) -> Result<(), Fault> {
        match act {
            Act::Request(side) => self.request(scope, case, rules, side).await,
            Act::Tell(side) => self.tell_decision(scope, case, side).await,
            Act::Default(ruling) => self.decide_by_silence(scope, case, rules, ruling).await,
            Act::Unattended => self.call_person(scope, case, CaseMark::Unattended, ("unattended", None)).await,
            Act::Unproven(side) => {
                let cause = format!("unproven side={}", side.as_str());
                self.call_person(scope, case, CaseMark::Unproven(side), (&cause, None)).await
            }
            Act::Overdue => {
                // A person is called whether or not the letter can be written.
                let letter = self.word_of_delay(scope, case).await.inspect_err(|fault| {
                    tracing::error!(fault = %fault.chain(), case = %case.id, "writing that a case takes longer");
                });
                self.call_person(scope, case, CaseMark::Overdue, ("overdue", letter.ok())).await
            }
        }
    }

    async fn request(&self, scope: &Scope, case: &CaseRow, rules: &MarketRules, to: Side) -> Result<(), Fault> {
        let lang = self.language(scope, case, to).await?;
        let days = rules.cases.clocks.evidence;
        let (subject, text) = wording::request(case.id.as_str(), case.topic, days, lang.as_deref());
        let word = self.word(case, to, LetterKind::Request, &subject, &text);
        let letter = self.compose_or_lose(scope, &word).await?;
        self.store.put_request(scope, &case.id, letter, false).await.map(drop)
    }

    async fn tell_decision(&self, scope: &Scope, case: &CaseRow, to: Side) -> Result<(), Fault> {
        let Some(decision) = &case.decision else { return Ok(()) };
        let market = self.market(scope.marketplace()).await?;
        let reason = match decision.entry.1 {
            Some(id) => {
                let json = market.key.open_committed(&Place::decision(scope.marketplace(), &id), &decision.sealed)?;
                let words: DecisionWords =
                    serde_json::from_slice(&json).map_err(|e| Fault::new("reading a decision", e))?;
                words.reason
            }
            None => String::new(),
        };
        let lang = self.language(scope, case, to).await?;
        let how = (decision.ruling, decision.automated);
        let (subject, text) =
            wording::decision(case.id.as_str(), how, decision.amount.as_ref(), &reason, lang.as_deref());
        let word = self.word(case, to, LetterKind::Decision, &subject, &text);
        let letter = self.compose_or_lose(scope, &word).await?;
        self.store.put_told(scope, &case.id, letter).await.map(drop)
    }

    /// The letter that tells who opened a case that it waits too long.
    async fn word_of_delay(&self, scope: &Scope, case: &CaseRow) -> Result<NewLetter, Fault> {
        let to = case.clock.opener;
        let lang = self.language(scope, case, to).await?;
        let (subject, text) = wording::overdue(case.id.as_str(), lang.as_deref());
        self.compose_or_lose(scope, &self.word(case, to, LetterKind::Escalation, &subject, &text)).await
    }

    /// Calls a person: an event, a line in the log, a count that alarms are set on; and, in the same transaction, a
    /// letter that tells of it.
    async fn call_person(
        &self,
        scope: &Scope,
        case: &CaseRow,
        mark: CaseMark,
        (cause, letter): (&str, Option<NewLetter>),
    ) -> Result<(), Fault> {
        let facts = format!("case={} topic={} cause={cause}", case.id, case.topic.as_str());
        let entry = NewEntry {
            at: self.clock.now(),
            kind: EntryKind::CaseEscalated,
            by: None,
            message: None,
            facts,
            private: None,
        };
        if self.store.mark_case(scope, &case.id, mark, entry, letter).await? {
            let cause = cause.split(' ').next().unwrap_or_default().to_owned();
            tracing::error!(case = %case.id, urgent = case.clock.urgent, cause, "a case wants a person");
            metrics::counter!("tabir_case_escalations_total", "cause" => cause).increment(1);
        }
        Ok(())
    }

    /// Nobody answered: decided on what is there, with the entry that proves that the request came.
    async fn decide_by_silence(
        &self,
        scope: &Scope,
        case: &CaseRow,
        rules: &MarketRules,
        ruling: Ruling,
    ) -> Result<(), Fault> {
        let at = self.clock.now();
        let amount = if ruling == Ruling::ForBuyer { self.claimed(scope, case).await? } else { None };
        let id = EventId::draw(at, self.vault.luck())?;
        let market = self.market(scope.marketplace()).await?;
        let words = DecisionWords { reason: "silence".to_owned(), actor: None };
        let json = serde_json::to_vec(&words).map_err(|e| Fault::new("writing a decision", e))?;
        let mut facts = format!("case={} ruling={} automated=true cause=silence", case.id, ruling.as_str());
        for side in [Side::Buyer, Side::Seller] {
            let silent = case.clock.request(side).is_some_and(|request| request.answered.is_none());
            let request = case.requests[CaseClock::index(side)].filter(|_| silent);
            if let Some(request) = request
                && let Some((_, proof)) = self.store.letter(scope, request).await?.and_then(|letter| letter.proof)
            {
                let side = side.as_str();
                facts.push_str(&format!(" silent={side} request={request} proof={proof}"));
            }
        }
        let decision = NewDecision {
            case: case.id.clone(),
            ruling,
            automated: true,
            amount,
            at,
            notice_due: rules.notices.next(at),
            entry: NewEntry {
                at,
                kind: EntryKind::CaseDecided,
                by: None,
                message: Some(id),
                facts,
                private: Some(market.key.commit(&Place::decision(scope.marketplace(), &id), &json)?),
            },
        };
        let clocks = rules.cases.clocks.clone();
        // Judged again on the clocks as they are when it is written: an answer, or a bounce, may have come.
        let judge = Box::new(move |clock: &CaseClock| cases::default_ruling(clock, &clocks, at) == Some(ruling));
        if let Decided::Done(withheld) = self.store.decide_case(scope, decision, judge).await? {
            tracing::info!(case = %case.id, ruling = ruling.as_str(), withheld, "decided by silence");
            self.bell.notify_one();
        }
        Ok(())
    }

    async fn claimed(&self, scope: &Scope, case: &CaseRow) -> Result<Option<Money>, Fault> {
        let items = self.store.case_items(scope, &case.id).await?;
        let claims = items.into_iter().filter(|item| item.kind == ItemKind::Submission);
        Ok(claims.filter_map(|item| item.money).next_back())
    }

    async fn language(&self, scope: &Scope, case: &CaseRow, to: Side) -> Result<Option<String>, Fault> {
        let listener = self.listener(scope, &case.conversation, to).await?;
        Ok(listener.and_then(|listener| listener.locale().map(str::to_owned)))
    }

    fn word<'a>(&self, case: &'a CaseRow, to: Side, kind: LetterKind, subject: &'a str, text: &'a str) -> Word<'a> {
        let (conversation, id) = (&case.conversation, &case.id);
        Word {
            conversation,
            to,
            kind,
            agent: None,
            case: Some(id),
            subject,
            text,
            number: Some(id.as_str()),
            domain: None,
        }
    }
}
