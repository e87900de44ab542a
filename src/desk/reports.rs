//! Reports from outside: what happened around the platform, bound to the conversation, the handle
//! that leaked and the seller it had been shown to. Nobody's other side ever hears of them.

use crate::{
    model::{
        CaseId, CaseWords, Category, ConversationId, EntryKind, EventId, Fault, HandleHash, PartyId, ReportState,
        Scope, Side, Timestamp,
    },
    store::{
        Bound, Confirmation, ConversationRow, HandleKind, Idempotency, LeakRow, NewCase, NewEntry, NewLetter,
        NewReport, ReportRow, SealedPaper,
    },
    vault::{DataKey, Place},
};

use super::{
    Declined, Desk, Wrong,
    answers::Answer,
    cases::{CaseForm, Statement, check_text, words},
    entry,
};

/// A report as it is handed in.
pub struct ReportForm {
    /// Its id.
    pub id: EventId,
    /// About which conversation; `None`: kept apart until somebody says.
    pub conversation: Option<ConversationId>,
    /// Whose report.
    pub by: Side,
    /// Somebody else hands it in for them: kept apart until they say so too.
    pub on_behalf: bool,
    /// What it is about.
    pub category: Category,
    /// What is said.
    pub said: Statement,
    /// Handles of ours met in it, and where.
    pub handles: Vec<(HandleHash, &'static str)>,
    /// Who reports, where that is known and no conversation says it.
    pub reporter: Option<PartyId>,
    /// What names the mail it came by: the same mail is taken once.
    pub asked: Option<Idempotency>,
    /// The letter that says that it came.
    pub receipt: Option<NewLetter>,
}

/// A report as it is.
pub struct ReportView {
    /// The row.
    pub row: ReportRow,
    /// What it says; `None` after an erasure.
    pub words: Option<CaseWords>,
    /// Which handles leaked, and to whom they had been shown.
    pub leaks: Vec<Leak>,
    /// The urgent case that it opened.
    pub case: Option<CaseId>,
}

/// A handle that was met outside.
pub struct Leak {
    /// Its text.
    pub handle: String,
    /// Of which conversation.
    pub conversation: ConversationId,
    /// Whom it stands for.
    pub stands_for: Side,
    /// To whom it had been shown: who leaked it, or let it leak.
    pub shown_to: PartyId,
    /// Since when.
    pub since: Timestamp,
    /// Until when it was in use.
    pub replaced: Option<Timestamp>,
    /// Where it was met: in a `text`, as a `recipient` or `sender`.
    pub met: Option<String>,
    /// How often strangers wrote to it.
    pub hits: u64,
    /// When first and last, by the hour.
    pub span: Option<(Timestamp, Timestamp)>,
    /// The confirmed reports it was met in.
    pub reports: Vec<EventId>,
}

impl Desk {
    /// A name for a report that is about to be handed in.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new_report(&self) -> Result<EventId, Fault> {
        self.draw_id(self.now())
    }

    /// Takes a report. One of danger to body, home or a child opens an urgent case at once, of which
    /// the other side hears nothing.
    ///
    /// # Errors
    /// When a field is wrong, or by a fault.
    pub async fn put_report(&self, scope: &Scope, form: ReportForm) -> Result<ReportView, Declined> {
        check_text("text", form.said.text.as_deref(), false)?;
        if form.said.text.as_deref().is_none_or(|text| text.trim().is_empty()) && form.said.files.is_empty() {
            return Err(Wrong::field("text", "a report needs a text or a file"));
        }
        let named = match &form.conversation {
            Some(id) => Some(self.store.conversation(scope, id).await?.ok_or_else(no_conversation)?),
            None => None,
        };
        let (id, now) = (form.id, self.now());
        // Somebody else says that it is theirs: until they say so too, an erasure has to find it.
        let theirs = named.as_ref().filter(|_| form.on_behalf).map(|row| row.party(form.by).clone());
        let bound = named.filter(|_| !form.on_behalf);
        let words = words(&form.said);
        let key = bound.as_ref().map(|row| self.key_in(scope, row, form.by)).transpose()?;
        let market = self.market(scope).await?;
        let own = key.as_ref().unwrap_or(&market.key);
        let facts = report_facts(id, form.category, form.handles.len(), bound.is_some());
        let received = EntryKind::ReportReceived;
        let (entry, apart) = match &bound {
            Some(_) => (self.said_by(scope, own, (received, form.by), id, &words, facts)?, None),
            None => self.apart(scope, own, (id, now), &words, facts)?,
        };
        let alarm = match &bound {
            Some(row) => self.alarm(scope, id, (form.category, form.by), row)?,
            None => None,
        };
        let answer = match form.asked {
            Some(asked) => Some(self.seal_answer(scope, asked, &Answer::taken(id)).await?),
            None => None,
        };
        let report = NewReport {
            id,
            conversation: bound.as_ref().map(|row| row.id.clone()),
            by: form.by,
            category: form.category,
            state: if bound.is_some() { ReportState::Confirmed } else { ReportState::Unconfirmed },
            alarm,
            at: now,
            leaks: form.handles.clone(),
            entry,
            apart,
            papers: self.seal_papers(scope, own, id, &form.said.files)?,
            reporter: form.reporter.or(theirs),
            answer,
            receipt: form.receipt,
        };
        if !self.store.put_report(scope, report).await? {
            return Err(no_conversation());
        }
        self.report(scope, id).await
    }

    /// The person whom it concerns says so too: the report is bound to its conversation, and counts.
    ///
    /// # Errors
    /// When there is none such, or by a fault.
    pub async fn confirm_report(
        &self,
        scope: &Scope,
        id: EventId,
        conversation: &ConversationId,
    ) -> Result<ReportView, Declined> {
        let row = self.store.report(scope, id).await?.ok_or(Declined::NotFound)?;
        if row.state == ReportState::Confirmed {
            return match row.conversation.as_ref() == Some(conversation) {
                true => self.report(scope, id).await,
                false => Err(Wrong::unfit("conversation", "this report is of another conversation")),
            };
        }
        let market = self.market(scope).await?;
        let words = self.open_report(scope, &row).await?.ok_or(Declined::NotFound)?;
        let place = self.row(scope, conversation).await?;
        if row.reporter.as_ref().is_some_and(|reporter| reporter != place.party(row.by)) {
            return Err(Wrong::unfit("conversation", "who reported this is not its buyer"));
        }
        let key = self.key_in(scope, &place, row.by)?;
        let papers = self.seal_anew(scope, &market.key, &key, id, words.files.len()).await?;
        let facts = report_facts(id, row.category, row.leaks.len(), true);
        let entry = self.said_by(scope, &key, (EntryKind::ReportConfirmed, row.by), id, &words, facts)?;
        let alarm = self.alarm(scope, id, (row.category, row.by), &place)?;
        let confirmation = Confirmation { id, conversation: conversation.clone(), entry, papers, alarm };
        match self.store.confirm_report(scope, confirmation).await? {
            Bound::Done => self.report(scope, id).await,
            Bound::NotThere => Err(Declined::NotFound),
            Bound::NameTaken => {
                Err(Wrong::unfit("id", "a case has the name that this report's urgent case would have"))
            }
        }
    }

    /// One report.
    ///
    /// # Errors
    /// When there is none, or by a fault.
    pub async fn report(&self, scope: &Scope, id: EventId) -> Result<ReportView, Declined> {
        let row = self.store.report(scope, id).await?.ok_or(Declined::NotFound)?;
        self.report_view(scope, row).await
    }

    /// Reports, oldest first.
    ///
    /// # Errors
    /// By a fault.
    pub async fn reports(
        &self,
        scope: &Scope,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<ReportView>, Declined> {
        let mut views = Vec::new();
        for row in self.store.reports(scope, after, limit).await? {
            views.push(self.report_view(scope, row).await?);
        }
        Ok(views)
    }

    /// The leak map of a party: handles that had been shown to it alone, and are known outside.
    ///
    /// # Errors
    /// When there is no such party, or by a fault.
    pub async fn leaks(&self, scope: &Scope, party: &PartyId) -> Result<Vec<Leak>, Declined> {
        self.store.party(scope, party).await?.ok_or(Declined::NotFound)?;
        let mut leaks = Vec::new();
        for row in self.store.leaks(scope, party).await? {
            leaks.push(self.leak(scope, &row, None).await?);
        }
        Ok(leaks)
    }

    async fn report_view(&self, scope: &Scope, row: ReportRow) -> Result<ReportView, Declined> {
        let words = self.open_report(scope, &row).await?;
        let mut leaks = Vec::new();
        for (leak, met) in &row.leaks {
            leaks.push(self.leak(scope, leak, Some(met.clone())).await?);
        }
        let id = case_of(row.id)?;
        let case = self.store.case(scope, &id).await?.map(|case| case.id);
        Ok(ReportView { row, words, leaks, case })
    }

    async fn leak(&self, scope: &Scope, row: &LeakRow, met: Option<String>) -> Result<Leak, Fault> {
        let handle = &row.handle;
        let market = self.market(scope).await?;
        let text = match handle.kind {
            HandleKind::Mail | HandleKind::Registration => {
                let read = self.vault.read_handle(&market.key, &market.name, &handle.hash, &handle.sealed)?;
                format!("{read}@{}", market.domain)
            }
            HandleKind::Postal => {
                self.vault.read_postal(&market.key, &market.name, &handle.hash, &handle.sealed)?.to_string()
            }
        };
        Ok(Leak {
            handle: text,
            conversation: handle.conversation.clone(),
            stands_for: handle.stands_for,
            shown_to: handle.shown_to.clone(),
            since: handle.created,
            replaced: handle.replaced,
            met,
            hits: row.hits,
            span: row.span,
            reports: row.reports.clone(),
        })
    }

    /// The urgent case of a report that counts, if it is one; the report's id names it.
    fn alarm(
        &self,
        scope: &Scope,
        id: EventId,
        (category, by): (Category, Side),
        place: &ConversationRow,
    ) -> Result<Option<NewCase>, Declined> {
        let Some(topic) = category.urgent() else { return Ok(None) };
        let said = Statement { text: Some(format!("report {id}")), ..Statement::default() };
        let (conversation, order, claim) = (place.id.clone(), None, None);
        let form = CaseForm { conversation, by, topic, order, claim, quiet: true, said };
        self.new_case(scope, &case_of(id)?, EntryKind::CaseOpened, (place, &form)).map(Some)
    }

    async fn open_report(&self, scope: &Scope, row: &ReportRow) -> Result<Option<CaseWords>, Fault> {
        if row.sealed.is_empty() {
            return Ok(None);
        }
        let json = match &row.conversation {
            None => {
                let market = self.market(scope).await?;
                market.key.open_committed(&Place::report(scope.marketplace(), &row.id), &row.sealed)?
            }
            Some(conversation) => {
                let Some(conversation) = self.store.conversation(scope, conversation).await? else { return Ok(None) };
                let Some(key) = self.side_key(scope, &conversation, row.by)? else { return Ok(None) };
                key.open_committed(&Place::evidence(scope.marketplace(), &row.id), &row.sealed)?
            }
        };
        serde_json::from_slice(&json).map(Some).map_err(|e| Fault::new("reading a report", e))
    }

    /// Words that belong to no conversation yet: the journal commits to them.
    fn apart(
        &self,
        scope: &Scope,
        key: &DataKey,
        (id, at): (EventId, Timestamp),
        words: &CaseWords,
        facts: String,
    ) -> Result<(NewEntry, Option<Vec<u8>>), Fault> {
        let json = serde_json::to_vec(words).map_err(|e| Fault::new("writing a report", e))?;
        let (commitment, sealed) = key.commit(&Place::report(scope.marketplace(), &id), &json)?;
        let received = entry(at, EntryKind::ReportReceived, None, facts);
        // The words lie with the report alone: once it is bound, they go from there.
        Ok((NewEntry { private: Some((commitment, Vec::new())), ..received }, Some(sealed)))
    }

    /// Files that were kept apart, sealed for the conversation they belong to.
    async fn seal_anew(
        &self,
        scope: &Scope,
        from: &DataKey,
        to: &DataKey,
        id: EventId,
        files: usize,
    ) -> Result<Vec<SealedPaper>, Fault> {
        let market = scope.marketplace();
        let (shown_at, original_at) = (Place::paper(market, &id), Place::paper_original(market, &id));
        let mut papers = Vec::with_capacity(files);
        for n in 0..files {
            let Some(original) = self.store.paper(scope, id, n, true).await? else { continue };
            let shown = match self.store.paper(scope, id, n, false).await? {
                Some(sealed) => Some(to.seal(&shown_at, &from.open(&shown_at, &sealed)?)?),
                None => None,
            };
            papers.push(SealedPaper { shown, original: to.seal(&original_at, &from.open(&original_at, &original)?)? });
        }
        Ok(papers)
    }
}

fn no_conversation() -> Declined {
    Wrong::field("conversation", "no such conversation")
}

fn case_of(report: EventId) -> Result<CaseId, Fault> {
    format!("report-{report}").parse().map_err(|e| Fault::new("naming a case", e))
}

fn report_facts(id: EventId, category: Category, leaked: usize, bound: bool) -> String {
    format!("report={id} category={} leaked={leaked} confirmed={bound}", category.as_str())
}
