//! What is remembered of cases, reports and letters of support.

use super::{
    Answer, Bound, CaseFilter, CaseJudge, CaseMark, CaseRow, Confirmation, Decided, IndexTag, ItemRow, LeakRow,
    LetterEnd, LetterRow, NewCase, NewDecision, NewEntry, NewItem, NewLetter, NewReport, PutCase, PutItem, ReportRow,
};
use crate::model::{CaseId, ConversationId, Duration, EventId, PartyId, Scope, Side, Timestamp};

/// Cases, reports, and the third voice. Each method is one whole transaction.
pub trait Cases: Send + Sync {
    // The third voice

    /// Puts letters, with the entries that hold their words. Those by the API are delivered with it.
    /// `false`: there is no such conversation.
    fn put_letters<'a>(&'a self, scope: &'a Scope, letters: Vec<NewLetter>) -> Answer<'a, bool>;
    /// Puts the request of a case to one side, unless there is one already and `again` is not set.
    fn put_request<'a>(
        &'a self,
        scope: &'a Scope,
        case: &'a CaseId,
        letter: NewLetter,
        again: bool,
    ) -> Answer<'a, bool>;
    /// Puts the letter that tells a side how its case ended, unless there is one.
    fn put_told<'a>(&'a self, scope: &'a Scope, case: &'a CaseId, letter: NewLetter) -> Answer<'a, bool>;
    /// Takes up to `limit` due letters for `lease`.
    fn claim_letters(&self, now: Timestamp, lease: Duration, limit: usize) -> Answer<'_, Vec<(Scope, LetterRow)>>;
    /// Records how a handover ended; an outcome of an older claim changes nothing.
    fn settle_letter<'a>(&'a self, scope: &'a Scope, end: LetterEnd) -> Answer<'a, ()>;
    /// A letter that had arrived came back: its proof is void. `false`: no such letter, or it was known.
    fn letter_bounced(&self, id: EventId, at: Timestamp) -> Answer<'_, bool>;
    /// Letters of a conversation to one side, oldest first.
    fn letters<'a>(
        &'a self,
        scope: &'a Scope,
        conversation: &'a ConversationId,
        to: Side,
        after: Option<EventId>,
        limit: usize,
    ) -> Answer<'a, Vec<LetterRow>>;
    /// One letter.
    fn letter<'a>(&'a self, scope: &'a Scope, id: EventId) -> Answer<'a, Option<LetterRow>>;

    // Cases

    /// Opens a case, or puts a further submission into one.
    fn put_case<'a>(&'a self, scope: &'a Scope, case: NewCase) -> Answer<'a, PutCase>;
    /// One case.
    fn case<'a>(&'a self, scope: &'a Scope, id: &'a CaseId) -> Answer<'a, Option<CaseRow>>;
    /// Cases: the urgent ones first, then in order of arrival.
    fn cases<'a>(&'a self, scope: &'a Scope, filter: CaseFilter) -> Answer<'a, Vec<CaseRow>>;
    /// What was put into a case, in order.
    fn case_items<'a>(&'a self, scope: &'a Scope, id: &'a CaseId) -> Answer<'a, Vec<ItemRow>>;
    /// Puts evidence or an offer into a case: it answers the newest request to its side.
    fn put_item<'a>(&'a self, scope: &'a Scope, case: &'a CaseId, item: NewItem) -> Answer<'a, PutItem>;
    /// Notes something in a case, once, and puts the letter that tells of it. `false`: it was noted, or there is no
    /// such case, and no letter was put.
    fn mark_case<'a>(
        &'a self,
        scope: &'a Scope,
        id: &'a CaseId,
        mark: CaseMark,
        entry: NewEntry,
        letter: Option<NewLetter>,
    ) -> Answer<'a, bool>;
    /// Decides a case for good, if `judge` agrees on its clocks as they are in that transaction. What
    /// the seller has on its way to the buyer is withheld with it.
    fn decide_case<'a>(&'a self, scope: &'a Scope, decision: NewDecision, judge: CaseJudge) -> Answer<'a, Decided>;
    /// Cases of every marketplace whose clocks run, after a place in their order.
    fn running_cases(&self, after: u64, limit: usize) -> Answer<'_, Vec<(u64, Scope, CaseRow)>>;
    /// How many open cases there are: urgent ones, and others.
    fn open_cases(&self) -> Answer<'_, (u64, u64)>;
    /// A file of a case or report: as shown, or as it came.
    fn paper<'a>(&'a self, scope: &'a Scope, owner: EventId, n: usize, original: bool) -> Answer<'a, Option<Vec<u8>>>;

    // Reports

    /// Puts a report, with the urgent case that it opens. `false`: there is no such conversation.
    fn put_report<'a>(&'a self, scope: &'a Scope, report: NewReport) -> Answer<'a, bool>;
    /// Whose contact this is, by what its index tells: people, not agents.
    fn enrolled<'a>(&'a self, scope: &'a Scope, tags: &'a [IndexTag]) -> Answer<'a, Vec<PartyId>>;
    /// One report.
    fn report<'a>(&'a self, scope: &'a Scope, id: EventId) -> Answer<'a, Option<ReportRow>>;
    /// Reports, oldest first.
    fn reports<'a>(&'a self, scope: &'a Scope, after: Option<EventId>, limit: usize) -> Answer<'a, Vec<ReportRow>>;
    /// Binds a report that was kept apart, with the urgent case that it opens.
    fn confirm_report<'a>(&'a self, scope: &'a Scope, confirmation: Confirmation) -> Answer<'a, Bound>;
    /// The handles shown to a party that are known outside.
    fn leaks<'a>(&'a self, scope: &'a Scope, party: &'a PartyId) -> Answer<'a, Vec<LeakRow>>;
}
