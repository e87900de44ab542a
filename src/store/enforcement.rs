//! Rows and requests of enforcement.

use crate::model::{
    AgentId, Arbiter, Breach, Closed, ConversationId, Duration, EventId, Measure, PartyId, Sanction, Side, Strike,
    Timestamp, TooLong,
};

use super::NewEntry;

/// What a message that is recorded broke.
#[derive(Clone, Debug)]
pub struct NewStrikes {
    /// Each rule once.
    pub violations: Vec<NewViolation>,
    /// What follows from all strikes that stand.
    pub arbiter: Arbiter,
}

/// A violation to write down. Of a message that is held it is pending until that is decided.
#[derive(Clone, Debug)]
pub struct NewViolation {
    /// Its id.
    pub id: EventId,
    /// Which rule.
    pub breach: Breach,
    /// The rule of the lexicon, or the kind of finding.
    pub rule: String,
    /// In which part of the message.
    pub part: String,
    /// From where to where; `None`: the whole part.
    pub span: Option<(usize, usize)>,
    /// Points of a first offence.
    pub base: u32,
}

/// Where a violation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViolationState {
    /// Its message is held: it counts once a person has refused that.
    Pending,
    /// It counts.
    Counted,
    /// An appeal was upheld: it never was.
    Reversed,
    /// A person let the message go.
    Released,
    /// The message was held and nobody looked.
    Lapsed,
}

impl ViolationState {
    /// The word in the API and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Counted => "counted",
            Self::Reversed => "reversed",
            Self::Released => "released",
            Self::Lapsed => "lapsed",
        }
    }
}

/// A violation as it is.
#[derive(Clone, Debug)]
pub struct ViolationRow {
    /// Its id.
    pub id: EventId,
    /// Whose.
    pub party: PartyId,
    /// As what.
    pub side: Side,
    /// In which conversation.
    pub conversation: ConversationId,
    /// By which message.
    pub message: EventId,
    /// Which rule.
    pub breach: Breach,
    /// The rule of the lexicon, the kind of finding, or `ruling`.
    pub rule: String,
    /// In which part of the message.
    pub part: String,
    /// From where to where; `None`: the whole part.
    pub span: Option<(usize, usize)>,
    /// Points of a first offence.
    pub base: u32,
    /// When the message came.
    pub at: Timestamp,
    /// When it began to count; the deadline of an appeal runs from here.
    pub decided: Timestamp,
    /// Where it stands.
    pub state: ViolationState,
    /// No person decided it.
    pub automated: bool,
    /// Who did, sealed under the marketplace's key.
    pub ruler: Option<Vec<u8>>,
}

/// Which violations to list.
#[derive(Clone, Debug, Default)]
pub struct ViolationFilter {
    /// Of whom.
    pub party: Option<PartyId>,
    /// As what.
    pub side: Option<Side>,
    /// Older than this one.
    pub after: Option<EventId>,
    /// Only those that counted, whatever became of them: what waits for a person is not told to whom it concerns.
    pub settled: bool,
    /// At most so many.
    pub limit: usize,
}

/// A sanction as it was imposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SanctionRow {
    /// Its id.
    pub id: EventId,
    /// Whose violation brought it.
    pub party: PartyId,
    /// What.
    pub sanction: Sanction,
    /// When it was lifted before its time.
    pub lifted: Option<Timestamp>,
}

impl SanctionRow {
    /// Whether it is in force.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.lifted.is_none() && self.sanction.holds(now)
    }
}

/// The account of a party, together with the sellers of its group.
#[derive(Clone, Debug, Default)]
pub struct AccountRow {
    /// The sellers of the group, the party itself included.
    pub group: Vec<PartyId>,
    /// What counts, by whom.
    pub strikes: Vec<(PartyId, Strike)>,
    /// What it brought, newest last.
    pub sanctions: Vec<SanctionRow>,
}

/// An appeal to file.
#[derive(Clone, Debug)]
pub struct NewAppeal {
    /// Its id.
    pub id: EventId,
    /// Against which violation.
    pub violation: EventId,
    /// When.
    pub at: Timestamp,
    /// The words, sealed under the side's key; `None` where that is gone.
    pub words: Option<Vec<u8>>,
    /// At most so many for one violation.
    pub times: u32,
    /// The evidence entry, for the conversation.
    pub entry: NewEntry,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filed {
    /// It is the n-th.
    Done(u32),
    /// One is open already.
    Open,
    /// There were as many as there may be.
    Spent,
    /// There is nothing to appeal against.
    Moot,
}

/// An appeal as it is.
#[derive(Clone, Debug)]
pub struct AppealRow {
    /// Its id.
    pub id: EventId,
    /// Against which violation.
    pub violation: EventId,
    /// The first or the second.
    pub n: u32,
    /// When it was filed.
    pub at: Timestamp,
    /// The words, sealed under the side's key.
    pub words: Option<Vec<u8>>,
    /// When it was decided, and whether it was upheld.
    pub outcome: Option<(Timestamp, bool)>,
    /// Who decided and why, sealed under the marketplace's key.
    pub ruling: Option<Vec<u8>>,
}

/// A person's word on an appeal.
#[derive(Clone, Debug)]
pub struct AppealDecision {
    /// Which.
    pub id: EventId,
    /// Whether the violation is taken back.
    pub upheld: bool,
    /// When.
    pub at: Timestamp,
    /// Who and why, sealed.
    pub ruling: Vec<u8>,
    /// What follows from the strikes that then stand.
    pub arbiter: Arbiter,
    /// The evidence entry, for the conversation.
    pub entry: NewEntry,
}

/// A seller's ticket to file.
#[derive(Clone, Debug)]
pub struct NewTicket {
    /// Its id.
    pub id: EventId,
    /// In which conversation.
    pub conversation: ConversationId,
    /// About which message of the buyer.
    pub message: EventId,
    /// What is said to be wrong with it.
    pub breach: Breach,
    /// By which agent.
    pub agent: Option<AgentId>,
    /// When.
    pub at: Timestamp,
    /// The words, sealed under the seller's side key.
    pub words: Option<Vec<u8>>,
    /// The evidence entry.
    pub entry: NewEntry,
}

/// A ticket as it is.
#[derive(Clone, Debug)]
pub struct TicketRow {
    /// Its id.
    pub id: EventId,
    /// In which conversation.
    pub conversation: ConversationId,
    /// By which seller.
    pub seller: PartyId,
    /// About which message.
    pub message: EventId,
    /// What is said to be wrong with it.
    pub breach: Breach,
    /// When.
    pub at: Timestamp,
    /// The words, sealed under the seller's side key.
    pub words: Option<Vec<u8>>,
    /// When it was decided, and whether it was upheld.
    pub outcome: Option<(Timestamp, bool)>,
    /// Who decided and why, sealed under the marketplace's key.
    pub ruling: Option<Vec<u8>>,
}

/// A person's word on a ticket.
#[derive(Clone, Debug)]
pub struct TicketRuling {
    /// Which.
    pub id: EventId,
    /// The violation to count, where it was upheld: its id and points.
    pub violation: Option<(EventId, u32)>,
    /// When.
    pub at: Timestamp,
    /// Who and why, sealed, kept with the ticket.
    pub ruling: Vec<u8>,
    /// Who, sealed, kept with the violation.
    pub ruler: Vec<u8>,
    /// What follows.
    pub arbiter: Arbiter,
    /// The evidence entry.
    pub entry: NewEntry,
}

/// What a decision on a held message says of its violations.
#[derive(Clone, Debug)]
pub struct HeldRuling {
    /// Who decided, sealed; `None`: time did.
    pub ruler: Option<Vec<u8>>,
    /// What follows.
    pub arbiter: Arbiter,
}

/// The days on which a seller will be closed.
#[derive(Clone, Debug)]
pub struct NewClosing {
    /// Which seller.
    pub party: PartyId,
    /// All that is still to come; what has begun stays.
    pub closed: Vec<Closed>,
    /// Now.
    pub at: Timestamp,
    /// Those that ended after this are judged with them.
    pub since: Timestamp,
    /// The evidence entry, for the journal.
    pub entry: NewEntry,
}

/// What became of declared closed days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declared {
    /// They are kept.
    Done,
    /// There is no such party.
    NoSuchParty,
    /// They are too many.
    TooLong(TooLong),
}

/// Whether closed days may be declared beside those that have begun: pure policy, run within the writer's transaction.
pub type ClosingJudge = Box<dyn Fn(&[Closed]) -> Result<(), TooLong> + Send + Sync>;

/// Which buyers' messages to look at: those that came after `after` and whose clock is over.
#[derive(Clone, Copy, Debug)]
pub struct Overdue {
    /// Received after this.
    pub after: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// The time for an answer.
    pub within: Duration,
    /// Only complaints, whose clock this is.
    pub complaint: bool,
}

/// A sanction's columns beside its words.
pub(super) fn limits(measure: Measure) -> (u32, Duration) {
    match measure {
        Measure::Restrict(crate::model::Restriction::Slowed { burst, per }) => (burst, per),
        _ => (0, Duration(0)),
    }
}
