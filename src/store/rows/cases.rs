//! Rows of cases, reports and letters of support.

use crate::model::{
    CaseClock, CaseId, Category, Channel, ConversationId, EventId, HandleHash, ItemKind, LetterKind, LetterState,
    Money, PartyId, ReportState, Ruling, Side, Slot, Timestamp, Topic,
};

use super::{AnsweredRow, HandleRow, NewEntry};

/// What support writes to one side.
#[derive(Clone, Debug)]
pub struct NewLetter {
    /// What is remembered of the mail that it was: the same mail becomes one letter.
    pub answer: Option<AnsweredRow>,
    /// Its id.
    pub id: EventId,
    /// In which conversation.
    pub conversation: ConversationId,
    /// Who receives.
    pub to: Side,
    /// What it is.
    pub kind: LetterKind,
    /// By which way: by the API it is delivered when it is recorded.
    pub channel: Channel,
    /// When.
    pub at: Timestamp,
    /// Nobody is left to get it: it failed from the beginning.
    pub lost: bool,
    /// The entry with its words.
    pub entry: NewEntry,
}

/// A letter as it is.
#[derive(Clone, Debug)]
pub struct LetterRow {
    /// Its id.
    pub id: EventId,
    /// In which conversation.
    pub conversation: ConversationId,
    /// Who receives.
    pub to: Side,
    /// What it is.
    pub kind: LetterKind,
    /// By which way.
    pub channel: Channel,
    /// When it was written.
    pub at: Timestamp,
    /// Where it is in its life.
    pub state: LetterState,
    /// When it arrived, and the evidence entry that says so.
    pub proof: Option<(Timestamp, u64)>,
    /// How often it was tried.
    pub attempts: u32,
    /// With which claim it was taken.
    pub claim: u64,
    /// Its words: salt ‖ JSON, sealed under the reader's side key.
    pub sealed: Vec<u8>,
}

/// How the handover of a letter ended.
#[derive(Clone, Debug)]
pub struct LetterEnd {
    /// Which.
    pub id: EventId,
    /// Under which claim.
    pub claim: u64,
    /// `Delivered`, `Failed`, or `Queued` again for a time.
    pub state: LetterState,
    /// When it is tried again.
    pub due: Option<Timestamp>,
    /// When it ended so.
    pub at: Timestamp,
}

/// A case to open.
#[derive(Clone, Debug)]
pub struct NewCase {
    /// The marketplace's id.
    pub id: CaseId,
    /// About which conversation.
    pub conversation: ConversationId,
    /// What it is about.
    pub topic: Topic,
    /// The other side is told nothing of it.
    pub quiet: bool,
    /// What was submitted.
    pub item: NewItem,
    /// Says that it is urgent, where it is.
    pub alarm: Option<NewEntry>,
}

/// Something put into a case.
#[derive(Clone, Debug)]
pub struct NewItem {
    /// Its id.
    pub id: EventId,
    /// What it is.
    pub kind: ItemKind,
    /// Whose.
    pub side: Side,
    /// What it shows.
    pub slot: Option<Slot>,
    /// When.
    pub at: Timestamp,
    /// After its side's time.
    pub late: bool,
    /// What is claimed or offered.
    pub money: Option<Money>,
    /// Which earlier one of the same side it corrects, by its number.
    pub corrects: Option<u64>,
    /// The entry with its words.
    pub entry: NewEntry,
    /// Its files.
    pub papers: Vec<SealedPaper>,
}

/// A file of a case or report, sealed under the key of its words.
#[derive(Clone, Debug)]
pub struct SealedPaper {
    /// As the other side may see it; `None`: it may not.
    pub shown: Option<Vec<u8>>,
    /// As it came: for the mediator.
    pub original: Vec<u8>,
}

/// What became of something put into a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutItem {
    /// It is there, under this number.
    Done(u64),
    /// There is no such case.
    NoSuchCase,
    /// The case is decided: nothing can be put into it.
    Decided,
    /// What it corrects is no such thing of this side.
    NothingToCorrect,
    /// There is too much in it.
    Full,
}

/// What became of opening a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutCase {
    /// It is new.
    Created,
    /// It was there, and what was submitted now stands beside what was.
    Changed,
    /// It is of another conversation or was opened by the other side.
    Other,
    /// It was there and is decided.
    Decided,
    /// There is too much in it.
    Full,
    /// There is no such conversation.
    NoSuchConversation,
}

/// A case as it is.
#[derive(Clone, Debug)]
pub struct CaseRow {
    /// The marketplace's id.
    pub id: CaseId,
    /// About which conversation.
    pub conversation: ConversationId,
    /// What it is about.
    pub topic: Topic,
    /// Its clocks.
    pub clock: CaseClock,
    /// Its place from 1 among the open ones of its severity.
    pub position: Option<u64>,
    /// The newest request to each side: buyer, seller.
    pub requests: [Option<EventId>; 2],
    /// How it ended.
    pub decision: Option<DecisionRow>,
}

/// How a case ended.
#[derive(Clone, Debug)]
pub struct DecisionRow {
    /// The ruling.
    pub ruling: Ruling,
    /// No person decided it.
    pub automated: bool,
    /// What is to be paid back.
    pub amount: Option<Money>,
    /// When.
    pub at: Timestamp,
    /// The number of its evidence entry, and the id that its words are sealed for.
    pub entry: (u64, Option<EventId>),
    /// salt ‖ JSON, sealed under the marketplace's key.
    pub sealed: Vec<u8>,
}

/// Something in a case, as it is.
#[derive(Clone, Debug)]
pub struct ItemRow {
    /// Its number in the case, from 1.
    pub n: u64,
    /// Its id.
    pub id: EventId,
    /// What it is.
    pub kind: ItemKind,
    /// Whose.
    pub side: Side,
    /// What it shows.
    pub slot: Option<Slot>,
    /// When it came.
    pub at: Timestamp,
    /// After its side's time.
    pub late: bool,
    /// What is claimed or offered.
    pub money: Option<Money>,
    /// Which one it corrects.
    pub corrects: Option<u64>,
    /// The number of its evidence entry.
    pub entry: u64,
    /// Its words: salt ‖ JSON, sealed under its side's key; empty after an erasure.
    pub sealed: Vec<u8>,
}

/// A decision to make.
#[derive(Clone, Debug)]
pub struct NewDecision {
    /// In which case.
    pub case: CaseId,
    /// The ruling.
    pub ruling: Ruling,
    /// No person decided it.
    pub automated: bool,
    /// What is to be paid back.
    pub amount: Option<Money>,
    /// When.
    pub at: Timestamp,
    /// When senders of withheld mail are told.
    pub notice_due: Timestamp,
    /// The entry with its reasons.
    pub entry: NewEntry,
}

/// Looked at in the transaction that decides, on the clocks as they are then.
pub type CaseJudge = Box<dyn Fn(&CaseClock) -> bool + Send + Sync>;

/// What became of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// It stands, and so many messages on their way were withheld by it.
    Done(usize),
    /// There is no such case.
    NoSuchCase,
    /// It was decided before: a decision is final.
    Final,
    /// It may not be decided so now.
    NotDue,
}

/// What is noted in a case besides its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaseMark {
    /// A person took it.
    Taken,
    /// Nobody took it in time.
    Unattended,
    /// It is overdue.
    Overdue,
    /// A request to a side is not proven to have arrived.
    Unproven(Side),
}

/// Which cases to list.
#[derive(Clone, Debug, Default)]
pub struct CaseFilter {
    /// Of this conversation, decided ones too; without it the queue of open ones.
    pub conversation: Option<ConversationId>,
    /// At most so many.
    pub limit: usize,
}

/// A report from outside.
#[derive(Clone, Debug)]
pub struct NewReport {
    /// Its id.
    pub id: EventId,
    /// About which conversation; `None`: kept apart.
    pub conversation: Option<ConversationId>,
    /// Whose report.
    pub by: Side,
    /// What it is about.
    pub category: Category,
    /// Whether it counts.
    pub state: ReportState,
    /// When.
    pub at: Timestamp,
    /// The handles met in it, and where: `text`, `recipient`, `sender`.
    pub leaks: Vec<(HandleHash, &'static str)>,
    /// Its words: of a conversation in the entry, else in the journal's.
    pub entry: NewEntry,
    /// Its words, where no conversation's evidence holds them.
    pub apart: Option<Vec<u8>>,
    /// Its files.
    pub papers: Vec<SealedPaper>,
    /// The urgent case that it opens, in the same transaction.
    pub alarm: Option<NewCase>,
    /// Who reported, where that is known and no conversation says it.
    pub reporter: Option<PartyId>,
    /// What is answered to whoever hands the same in again.
    pub answer: Option<AnsweredRow>,
    /// The letter that says that it came.
    pub receipt: Option<NewLetter>,
}

/// A report as it is.
#[derive(Clone, Debug)]
pub struct ReportRow {
    /// Its id.
    pub id: EventId,
    /// About which conversation.
    pub conversation: Option<ConversationId>,
    /// Whose report.
    pub by: Side,
    /// What it is about.
    pub category: Category,
    /// Whether it counts.
    pub state: ReportState,
    /// When.
    pub at: Timestamp,
    /// Who reported, where that is known and no conversation says it.
    pub reporter: Option<PartyId>,
    /// The handles met in it with what is known of each outside, and where.
    pub leaks: Vec<(LeakRow, String)>,
    /// Its words: under the side's key where there is a conversation, else under the marketplace's.
    pub sealed: Vec<u8>,
}

/// A report bound to its conversation.
#[derive(Clone, Debug)]
pub struct Confirmation {
    /// Which report.
    pub id: EventId,
    /// Of which conversation.
    pub conversation: ConversationId,
    /// The entry with its words, sealed for that conversation.
    pub entry: NewEntry,
    /// Its files, sealed anew.
    pub papers: Vec<SealedPaper>,
    /// The urgent case that it opens, in the same transaction.
    pub alarm: Option<NewCase>,
}

/// What became of binding a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// It is bound, and counts.
    Done,
    /// There is none such, it is bound already, or there is no such conversation.
    NotThere,
    /// Another case has the name that its urgent case would have.
    NameTaken,
}

/// A handle that is known outside.
#[derive(Clone, Debug)]
pub struct LeakRow {
    /// The handle.
    pub handle: HandleRow,
    /// How often strangers wrote to it.
    pub hits: u64,
    /// When first and last, by the hour.
    pub span: Option<(Timestamp, Timestamp)>,
    /// The confirmed reports it was met in.
    pub reports: Vec<EventId>,
}
