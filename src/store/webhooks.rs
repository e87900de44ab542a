//! What is remembered of programs that are told what happens.

use super::{Answer, EventRow, NewEntry};
use crate::model::{Scope, Timestamp, WebhookId};

/// The part of the store that knows who is told. As in [`super::Store`], a method is a transaction.
pub trait Webhooks: Send + Sync {
    /// One webhook.
    fn webhook<'a>(&'a self, scope: &'a Scope, id: &'a WebhookId) -> Answer<'a, Option<WebhookRow>>;
    /// Webhooks, by their ids.
    fn webhooks<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<&'a WebhookId>,
        limit: usize,
    ) -> Answer<'a, Vec<WebhookRow>>;
    /// Keeps a webhook as it was decided on one that was read, if nobody changed it meanwhile.
    fn put_webhook<'a>(&'a self, scope: &'a Scope, put: PutWebhook) -> Answer<'a, WebhookKept>;
    /// Ends a webhook. `false`: there was none.
    fn remove_webhook<'a>(&'a self, scope: &'a Scope, id: &'a WebhookId, entry: NewEntry) -> Answer<'a, bool>;
    /// Webhooks of every marketplace that something may have to be told to by now.
    fn webhooks_due(&self, now: Timestamp) -> Answer<'_, DueWebhooks>;
    /// One event of the feed.
    fn event<'a>(&'a self, scope: &'a Scope, num: u64) -> Answer<'a, Option<EventRow>>;
}

/// A webhook as it is.
#[derive(Clone, Debug)]
pub struct WebhookRow {
    /// Its id.
    pub id: WebhookId,
    /// Drawn anew whenever it is written.
    pub generation: i64,
    /// Since when it is there.
    pub created: Timestamp,
    /// Where it leads, sealed.
    pub url: Vec<u8>,
    /// Patterns of the events that it is told, with spaces.
    pub events: String,
    /// What signs, sealed.
    pub secret: Vec<u8>,
    /// What signed before, sealed, and until when it signs beside.
    pub previous: Option<(Vec<u8>, Timestamp)>,
    /// Up to where in the feed it was told everything. Of one that is not there yet: `None`, which is where the feed
    /// ends with the entry that it is made with.
    pub place: Option<u64>,
    /// What it is to be told once more.
    pub again: Vec<u64>,
    /// The last answer in a word or a status, and when.
    pub answer: Option<(String, Timestamp)>,
    /// What did not work.
    pub state: WebhookState,
}

/// Whether a webhook works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookState {
    /// It is told nothing until it is put again.
    Disabled {
        /// Since when.
        at: Timestamp,
        /// Why, in one word.
        because: String,
    },
    /// Its last answer was none, or no good one.
    Failing {
        /// Since when.
        since: Timestamp,
        /// How many tries there were.
        failures: u32,
        /// When it is tried again.
        next_try: Timestamp,
    },
    /// It takes what it is told.
    Fine,
}

/// A webhook to keep.
#[derive(Clone, Debug)]
pub struct PutWebhook {
    /// As it is from now on.
    pub row: WebhookRow,
    /// The generation of what was read; `None`: there was none of this id.
    pub over: Option<i64>,
    /// How many webhooks a marketplace may have.
    pub most: usize,
    /// The entry for the journal, if this is to be told.
    pub entry: Option<NewEntry>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookKept {
    /// It is kept.
    Done,
    /// The marketplace has as many as it may have.
    Full,
    /// Somebody changed, made or ended it meanwhile: nothing was written.
    Moved,
}

/// Who may have to be told.
#[derive(Clone, Debug, Default)]
pub struct DueWebhooks {
    /// The newest place of the feed, over all marketplaces.
    pub newest: u64,
    /// Webhooks behind it, or with something to be told again, whose time has come.
    pub webhooks: Vec<DueWebhook>,
}

/// A webhook that may have to be told something.
#[derive(Clone, Debug)]
pub struct DueWebhook {
    /// Whose.
    pub scope: Scope,
    /// Which.
    pub id: WebhookId,
    /// As in [`WebhookRow`].
    pub generation: i64,
    /// Up to where it was told everything.
    pub place: u64,
    /// Whether something is to be told once more.
    pub again: bool,
}
