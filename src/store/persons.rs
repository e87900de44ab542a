//! What is remembered for the rights of persons: who saw what of them, what may not be erased yet, what may not be used,
//! and where the chains stood that prove it.

use super::{AgentRow, Answer, NewEntry, ReportRow, ReviewRow, TicketRow};
use crate::model::{ConversationId, Duration, EventId, Link, PartyId, ReviewId, Scope, Timestamp};

/// The part of the store that serves the rights of persons. As in [`super::Store`], a method is a transaction.
pub trait Persons: Send + Sync {
    // Anchors

    /// Where all chains of the marketplace stand now, the journal's among them.
    fn heads<'a>(&'a self, scope: &'a Scope) -> Answer<'a, Vec<HeadRow>>;
    /// Keeps an anchor over `heads`. `false`: another has its number.
    fn add_anchor<'a>(&'a self, scope: &'a Scope, row: AnchorRow, heads: Vec<HeadRow>) -> Answer<'a, bool>;
    /// The newest anchors, the newest first, and with them the one of number `also`.
    fn anchors<'a>(&'a self, scope: &'a Scope, limit: usize, also: Option<u64>) -> Answer<'a, Vec<AnchorRow>>;
    /// Where the chains stood at an anchor.
    fn anchored<'a>(&'a self, scope: &'a Scope, number: u64) -> Answer<'a, Vec<HeadRow>>;

    // Disclosures that two people answer for

    /// Keeps a request. `false`: no such party, or it has no part in the conversation.
    fn ask<'a>(&'a self, scope: &'a Scope, row: GlassRow, entry: NewEntry) -> Answer<'a, bool>;
    /// One request.
    fn glass<'a>(&'a self, scope: &'a Scope, id: EventId) -> Answer<'a, Option<GlassRow>>;
    /// The requests about a party, newest first.
    fn glasses<'a>(&'a self, scope: &'a Scope, party: &'a PartyId, limit: usize) -> Answer<'a, Vec<GlassRow>>;
    /// A second person's word. `false`: it was given before.
    fn approve<'a>(&'a self, scope: &'a Scope, approval: Approval) -> Answer<'a, bool>;
    /// Requests whose person is to be told by now.
    fn notices_due(&self, now: Timestamp, limit: usize) -> Answer<'_, Vec<(Scope, GlassRow)>>;
    /// The person was told, or is to be told later.
    fn noticed<'a>(&'a self, scope: &'a Scope, id: EventId, notice: Notice) -> Answer<'a, ()>;

    // Holds, erasures that wait, restrictions

    /// Places a hold, or moves its end. `false`: no such party.
    fn hold<'a>(&'a self, scope: &'a Scope, row: HoldRow, entry: NewEntry) -> Answer<'a, bool>;
    /// Ends a hold. `false`: there was none.
    fn release<'a>(
        &'a self,
        scope: &'a Scope,
        party: &'a PartyId,
        reference: &'a str,
        entry: NewEntry,
    ) -> Answer<'a, bool>;
    /// The holds on a party.
    fn holds<'a>(&'a self, scope: &'a Scope, party: &'a PartyId) -> Answer<'a, Vec<HoldRow>>;
    /// Erasures that waited and need not any more.
    fn erasures_due(&self, now: Timestamp, limit: usize) -> Answer<'_, Vec<(Scope, PartyId)>>;
    /// Restricts what may be done with a party's data (`since`), or ends that. `None`: no such party; `Some(false)`: it
    /// was so before.
    fn confine<'a>(
        &'a self,
        scope: &'a Scope,
        party: &'a PartyId,
        since: Option<Timestamp>,
        entry: NewEntry,
    ) -> Answer<'a, Option<bool>>;
    /// Since when a party's data are restricted.
    fn restriction<'a>(&'a self, scope: &'a Scope, party: &'a PartyId) -> Answer<'a, Option<Timestamp>>;

    // Who read whose data

    /// Adds to what was read.
    fn saw<'a>(&'a self, scope: &'a Scope, rows: Vec<AccessRow>) -> Answer<'a, ()>;
    /// What was read, oldest first.
    fn accesses<'a>(&'a self, scope: &'a Scope, filter: AccessFilter) -> Answer<'a, Vec<AccessRow>>;
    /// The parties whose data are, or were sealed, under a key of the ring.
    fn parties_under<'a>(&'a self, scope: &'a Scope, ring_key: u32) -> Answer<'a, Vec<PartyId>>;

    // What is told to a person

    /// What is kept of a conversation beside its messages, letters and cases.
    fn traces<'a>(&'a self, scope: &'a Scope, conversation: &'a ConversationId) -> Answer<'a, Traces>;
    /// The agents of a seller.
    fn agents<'a>(&'a self, scope: &'a Scope, party: &'a PartyId) -> Answer<'a, Vec<AgentRow>>;
    /// Reports that belong to no conversation, in which a handle that stands for this party was met.
    fn reports_apart<'a>(&'a self, scope: &'a Scope, party: &'a PartyId) -> Answer<'a, Vec<ReportRow>>;

    // What age ends

    /// Forgets a piece of what is older than these periods, of whom no hold stands; how much, by kind.
    fn retire<'a>(&'a self, scope: &'a Scope, now: Timestamp, periods: Periods) -> Answer<'a, Retired>;

    /// An entry for the marketplace's journal.
    fn note<'a>(&'a self, scope: &'a Scope, entry: NewEntry) -> Answer<'a, ()>;
}

/// Where a chain stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadRow {
    /// Whose; `None`: the journal's.
    pub conversation: Option<ConversationId>,
    /// The link after its last entry.
    pub head: Link,
    /// How many entries it had.
    pub entries: u64,
}

/// An anchor as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorRow {
    /// Counted from 1.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// As it was signed.
    pub anchor: String,
}

/// A request to see a person's contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlassRow {
    /// Its id.
    pub id: EventId,
    /// Whose contact.
    pub party: PartyId,
    /// In which conversation, if it is about one.
    pub conversation: Option<ConversationId>,
    /// For what, one of a closed list.
    pub purpose: String,
    /// A case, or the marketplace's own word for what it is about.
    pub reference: Option<String>,
    /// What of the contact, words of a closed list with commas.
    pub fields: String,
    /// Who asks: the marketplace's id of its staff.
    pub actor: String,
    /// With which token: it alone reads.
    pub token: EventId,
    /// When.
    pub asked: Timestamp,
    /// For how long.
    pub minutes: u32,
    /// Who approved it, when, and until when it is open.
    pub approved: Option<(String, Timestamp, Timestamp)>,
    /// When the person is to be told; `None`: not to be told any more, or not yet known.
    pub notice_due: Option<Timestamp>,
    /// When the person was told.
    pub noticed: Option<Timestamp>,
    /// Why the person is told later, sealed under the marketplace's key.
    pub delay: Option<Vec<u8>>,
}

/// A second person's word.
#[derive(Clone, Debug)]
pub struct Approval {
    /// On which request.
    pub id: EventId,
    /// Whose word.
    pub actor: String,
    /// When.
    pub at: Timestamp,
    /// Until when it is open.
    pub until: Timestamp,
    /// When the person is to be told.
    pub notice_due: Timestamp,
    /// What the journal says.
    pub entry: NewEntry,
}

/// What became of telling a person.
#[derive(Clone, Debug)]
pub enum Notice {
    /// Told, or there is nobody to tell: what the journal says.
    Done(Timestamp, NewEntry),
    /// Not now; again at this time.
    Later(Timestamp),
}

/// How many look-ups of one reader are nothing to tell.
#[derive(Clone, Debug)]
pub struct Alarm {
    /// So many.
    pub burst: u32,
    /// In so long.
    pub per: Duration,
    /// What the journal says when there are more.
    pub entry: NewEntry,
}

/// A legal hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldRow {
    /// On whom.
    pub party: PartyId,
    /// A case, or the marketplace's own word.
    pub reference: String,
    /// Since when.
    pub placed: Timestamp,
    /// Until when; `None`: until it is released.
    pub until: Option<Timestamp>,
}

/// That a token read a party's data in an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRow {
    /// Whose.
    pub party: PartyId,
    /// Which token.
    pub token: EventId,
    /// Hours since 1970.
    pub hour: i64,
    /// What: `contact`, `text` or `evidence`.
    pub what: String,
    /// How often.
    pub count: u64,
}

/// Which readings.
#[derive(Clone, Debug, Default)]
pub struct AccessFilter {
    /// Of this party's data.
    pub party: Option<PartyId>,
    /// By this token.
    pub token: Option<EventId>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Not after.
    pub until: Option<Timestamp>,
}

/// How long things are kept; `None`: as long as the marketplace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Periods {
    /// Texts of messages.
    pub messages: Option<Duration>,
    /// Files of messages.
    pub files: Option<Duration>,
    /// Words and files of cases, after their decision.
    pub cases: Option<Duration>,
    /// Words and files of reports.
    pub reports: Option<Duration>,
    /// Letters of support.
    pub letters: Option<Duration>,
    /// Words of appeals and tickets and the reasons of their rulings, after these.
    pub appeals: Option<Duration>,
    /// What is private in other entries: facts of orders, words of who decided.
    pub evidence: Option<Duration>,
    /// Who read whose data.
    pub access: Option<Duration>,
    /// So long after a decision an appeal may be filed: until then no period ends what it would be about.
    pub contest: Duration,
}

/// What was forgotten for its age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retired {
    /// Texts of messages.
    pub messages: u64,
    /// Files.
    pub files: u64,
    /// Words of cases.
    pub cases: u64,
    /// Words of reports.
    pub reports: u64,
    /// Letters of support.
    pub letters: u64,
    /// Appeals and tickets.
    pub appeals: u64,
    /// Files of cases and reports.
    pub papers: u64,
    /// Private parts of other entries.
    pub evidence: u64,
    /// Rows of who read what.
    pub access: u64,
}

impl Retired {
    /// Whether anything was.
    pub fn is_some(&self) -> bool {
        *self != Self::default()
    }
}

/// What is kept of a conversation beside its messages, letters and cases.
#[derive(Clone, Debug, Default)]
pub struct Traces {
    /// Its reviews.
    pub reviews: Vec<(ReviewId, ReviewRow)>,
    /// Reports bound to it.
    pub reports: Vec<ReportRow>,
    /// The seller's tickets about messages in it.
    pub tickets: Vec<TicketRow>,
    /// Whether the buyer and the seller block the other.
    pub blocked: [bool; 2],
    /// When the buyer last said that nothing more is wanted.
    pub stopped: Option<Timestamp>,
    /// Since when the buyer is afraid.
    pub afraid: Option<Timestamp>,
}
