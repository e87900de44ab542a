//! Cases, reports and letters: each call a transaction of its own.

use super::{
    Sqlite, disputes, letters, reports,
    writer::Patience::{Soon, Urgent},
};
use crate::{
    model::{CaseId, ConversationId, Duration, EventId, PartyId, Scope, Side, Timestamp},
    store::{
        Answer, Bound, CaseFilter, CaseJudge, CaseMark, CaseRow, Cases, Confirmation, Decided, IndexTag, ItemRow,
        LeakRow, LetterEnd, LetterRow, NewCase, NewDecision, NewEntry, NewItem, NewLetter, NewReport, PutCase, PutItem,
        ReportRow,
    },
};

impl Cases for Sqlite {
    fn put_letters<'a>(&'a self, scope: &'a Scope, new: Vec<NewLetter>) -> Answer<'a, bool> {
        let scope = scope.clone();
        self.write("keeping letters", Urgent, move |db| letters::put_all(db, &scope, &new))
    }

    fn put_request<'a>(
        &'a self,
        scope: &'a Scope,
        case: &'a CaseId,
        letter: NewLetter,
        again: bool,
    ) -> Answer<'a, bool> {
        let (scope, case) = (scope.clone(), case.clone());
        self.write("asking for evidence", Urgent, move |db| letters::put_request(db, &scope, &case, &letter, again))
    }

    fn put_told<'a>(&'a self, scope: &'a Scope, case: &'a CaseId, letter: NewLetter) -> Answer<'a, bool> {
        let (scope, case) = (scope.clone(), case.clone());
        self.write("telling a decision", Urgent, move |db| letters::put_told(db, &scope, &case, &letter))
    }

    fn claim_letters(&self, now: Timestamp, lease: Duration, limit: usize) -> Answer<'_, Vec<(Scope, LetterRow)>> {
        const DOING: &str = "claiming letters";
        Box::pin(async move {
            if !self.look(DOING, |db| letters::is_due(db, now)).await? {
                return Ok(Vec::new());
            }
            self.write(DOING, Soon, move |db| letters::claim(db, now, lease, limit)).await
        })
    }

    fn settle_letter<'a>(&'a self, scope: &'a Scope, end: LetterEnd) -> Answer<'a, ()> {
        let scope = scope.clone();
        self.write("settling a letter", Soon, move |db| letters::settle(db, &scope, &end))
    }

    fn letter_bounced(&self, id: EventId, at: Timestamp) -> Answer<'_, bool> {
        self.write("recording a letter's bounce", Urgent, move |db| letters::bounced(db, id, at))
    }

    fn letters<'a>(
        &'a self,
        scope: &'a Scope,
        conversation: &'a ConversationId,
        to: Side,
        after: Option<EventId>,
        limit: usize,
    ) -> Answer<'a, Vec<LetterRow>> {
        let (scope, conversation) = (scope.clone(), conversation.clone());
        self.list("listing letters", move |db| letters::list(db, &scope, &conversation, to, after, limit))
    }

    fn letter<'a>(&'a self, scope: &'a Scope, id: EventId) -> Answer<'a, Option<LetterRow>> {
        self.look("finding a letter", move |db| letters::find(db, scope, id))
    }

    fn put_case<'a>(&'a self, scope: &'a Scope, case: NewCase) -> Answer<'a, PutCase> {
        let scope = scope.clone();
        self.write("opening a case", Urgent, move |db| disputes::put(db, &scope, &case))
    }

    fn case<'a>(&'a self, scope: &'a Scope, id: &'a CaseId) -> Answer<'a, Option<CaseRow>> {
        self.look("finding a case", move |db| disputes::find(db, scope, id))
    }

    fn cases<'a>(&'a self, scope: &'a Scope, filter: CaseFilter) -> Answer<'a, Vec<CaseRow>> {
        let scope = scope.clone();
        self.list("listing cases", move |db| disputes::list(db, &scope, &filter))
    }

    fn case_items<'a>(&'a self, scope: &'a Scope, id: &'a CaseId) -> Answer<'a, Vec<ItemRow>> {
        let (scope, id) = (scope.clone(), id.clone());
        self.list("listing what is in a case", move |db| disputes::items(db, &scope, &id))
    }

    fn put_item<'a>(&'a self, scope: &'a Scope, case: &'a CaseId, item: NewItem) -> Answer<'a, PutItem> {
        let (scope, case) = (scope.clone(), case.clone());
        self.write("putting something into a case", Urgent, move |db| disputes::put_item(db, &scope, &case, &item))
    }

    fn mark_case<'a>(
        &'a self,
        scope: &'a Scope,
        id: &'a CaseId,
        mark: CaseMark,
        entry: NewEntry,
        letter: Option<NewLetter>,
    ) -> Answer<'a, bool> {
        let (scope, id) = (scope.clone(), id.clone());
        self.write("noting something in a case", Urgent, move |db| {
            disputes::mark(db, &scope, &id, mark, (&entry, letter.as_ref()))
        })
    }

    fn decide_case<'a>(&'a self, scope: &'a Scope, decision: NewDecision, judge: CaseJudge) -> Answer<'a, Decided> {
        let scope = scope.clone();
        self.write("deciding a case", Urgent, move |db| disputes::decide(db, &scope, &decision, &judge))
    }

    fn running_cases(&self, after: u64, limit: usize) -> Answer<'_, Vec<(u64, Scope, CaseRow)>> {
        self.list("looking at the clocks of cases", move |db| disputes::running(db, after, limit))
    }

    fn open_cases(&self) -> Answer<'_, (u64, u64)> {
        self.list("counting open cases", disputes::open)
    }

    fn paper<'a>(&'a self, scope: &'a Scope, owner: EventId, n: usize, original: bool) -> Answer<'a, Option<Vec<u8>>> {
        let scope = scope.clone();
        self.list("finding a file", move |db| disputes::paper(db, &scope, owner, n, original))
    }

    fn put_report<'a>(&'a self, scope: &'a Scope, report: NewReport) -> Answer<'a, bool> {
        let scope = scope.clone();
        self.write("keeping a report", Urgent, move |db| reports::put(db, &scope, &report))
    }

    fn enrolled<'a>(&'a self, scope: &'a Scope, tags: &'a [IndexTag]) -> Answer<'a, Vec<PartyId>> {
        self.look("finding whose a contact is", move |db| reports::enrolled(db, scope, tags))
    }

    fn report<'a>(&'a self, scope: &'a Scope, id: EventId) -> Answer<'a, Option<ReportRow>> {
        self.look("finding a report", move |db| reports::find(db, scope, id))
    }

    fn reports<'a>(&'a self, scope: &'a Scope, after: Option<EventId>, limit: usize) -> Answer<'a, Vec<ReportRow>> {
        let scope = scope.clone();
        self.list("listing reports", move |db| reports::list(db, &scope, after, limit))
    }

    fn confirm_report<'a>(&'a self, scope: &'a Scope, confirmation: Confirmation) -> Answer<'a, Bound> {
        let scope = scope.clone();
        self.write("binding a report", Urgent, move |db| reports::confirm(db, &scope, &confirmation))
    }

    fn leaks<'a>(&'a self, scope: &'a Scope, party: &'a PartyId) -> Answer<'a, Vec<LeakRow>> {
        let (scope, party) = (scope.clone(), party.clone());
        self.list("listing what leaked", move |db| reports::leaks(db, &scope, &party))
    }
}
