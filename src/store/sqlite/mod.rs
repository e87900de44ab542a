//! The store in one file: SQLite, one thread that writes and a pool of connections that read.
//!
//! Nothing of a row is remembered between calls, so other programs may write to the same file
//! beside the relay, in short transactions of their own.
//!
//! # Security
//! As its parent: sealed bytes, hashes and ids only. The file has mode 0600; what is deleted is
//! zeroed in it (`secure_delete`), and after an erasure the log is emptied too.

mod anchors;
mod appeals;
mod arrivals;
mod barriers;
mod care;
mod casebook;
mod claim;
mod columns;
mod conversations;
mod deliveries;
mod disputes;
mod evidence;
mod glass;
mod handles;
mod inbox;
mod keys;
mod letters;
mod links;
mod marketplaces;
mod messages;
mod numbers;
mod open;
mod pair;
mod parties;
mod persons;
mod pickups;
mod readers;
mod record;
mod registrations;
mod reports;
mod responses;
mod retaliation;
mod retire;
mod rights;
mod scene;
mod shred;
mod strikes;
#[cfg(test)]
mod tests;
mod traces;
mod webhooks;
mod writer;

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use rusqlite::Connection;

use self::{
    readers::Readers,
    writer::{
        Patience::{self, Late, Soon, Urgent},
        Writer,
    },
};
use super::{
    AccountRow, AgentRow, Alarm, Answer, AnsweredRow, AppealDecision, AppealRow, AroundReview, Barrier, Boarding,
    ClosingJudge, ConversationFilter, ConversationRow, Declared, Delivery, DeliveryRow, Depth, DisclosureRow, Due,
    Events, EvidenceRow, Filed, Forgotten, HandleRow, HeldDecision, IndexTag, Judge, Ledger, LiftRestriction,
    MarketplaceRow, MessageRow, NewAppeal, NewBlock, NewClosing, NewConversation, NewEntry, NewFear, NewNarrowing,
    NewRestriction, NewReview, NewTicket, OrderRow, Overdue, PairState, PartyRow, PutConversation, Record, Recorded,
    RestrictionRow, RetaliationRow, ReviewRow, Rotation, Scene, Settled, Store, ThreadRow, TicketRow, TicketRuling,
    TokenRow, ViolationFilter, ViolationRow, WindowRow, WrappedKey, WrappedKeyRow,
};
use crate::model::{
    AgentId, Closed, ConversationId, Duration, EventId, Fault, HandleHash, Marketplace, OrderId, PartyId, ReviewId,
    Said, Scope, Side, Timestamp,
};

/// The embedded store.
pub struct Sqlite {
    writer: Writer,
    readers: Arc<Readers>,
    windows_swept: AtomicI64,
    buyers_swept: AtomicI64,
    sellers_swept: AtomicI64,
    /// Up to which text sellers were compared.
    compared: AtomicI64,
    /// Behind which entry each marketplace's walk for what is too old goes on.
    retired: Mutex<HashMap<Marketplace, i64>>,
}

impl Sqlite {
    /// Opens the store in the file at `path`; makes the folder and the file, mode 0600, and
    /// brings the schema up to date.
    ///
    /// # Errors
    /// A [`Fault`] when the file can not be made, opened or understood.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let db = open::prepare(path)?;
        let writer = Writer::start(path.to_owned(), db)?;
        Ok(Self {
            writer,
            readers: Arc::new(Readers::new(path.to_owned())),
            windows_swept: AtomicI64::new(0),
            buyers_swept: AtomicI64::new(0),
            sellers_swept: AtomicI64::new(0),
            compared: AtomicI64::new(0),
            retired: Mutex::default(),
        })
    }

    /// How many transactions were committed since it was opened, each with one sync at most.
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }

    fn compared(&self) -> i64 {
        self.compared.load(Ordering::Relaxed)
    }

    fn compared_to(&self, num: i64) {
        self.compared.store(num, Ordering::Relaxed);
    }

    /// A transaction; durable when it answers.
    fn write<'a, T: Send + 'static>(
        &'a self,
        doing: &'static str,
        patience: Patience,
        work: impl Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Answer<'a, T> {
        Box::pin(self.writer.submit(doing, patience, work))
    }

    /// A query that touches a few pages. It runs where it is asked: with the file mapped, it
    /// takes less time than handing it to another thread would.
    fn look<'a, T: Send + 'a>(
        &'a self,
        doing: &'static str,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'a,
    ) -> Answer<'a, T> {
        Box::pin(async move { self.readers.read(doing, query) })
    }

    /// As [`Sqlite::look`], for what is one statement.
    fn glance<'a, T: Send + 'a>(
        &'a self,
        doing: &'static str,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'a,
    ) -> Answer<'a, T> {
        Box::pin(async move { self.readers.glance(doing, query) })
    }

    /// A query that may touch many pages: it runs where blocking is allowed.
    fn list<'a, T: Send + 'static>(
        &'a self,
        doing: &'static str,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Answer<'a, T> {
        let readers = Arc::clone(&self.readers);
        Box::pin(async move {
            let read = tokio::task::spawn_blocking(move || readers.read(doing, query)).await;
            read.unwrap_or_else(|error| Err(Fault::new(doing, error)))
        })
    }

    /// Forgets what can be found by its age alone.
    async fn sweep_expired(&self, now: Timestamp) -> Result<(), Fault> {
        const DOING: &str = "forgetting what has expired";
        while self.write(DOING, Late, move |db| care::expire(db, now)).await? {}
        loop {
            let old = self.list(DOING, move |db| care::old_deliveries(db, now)).await?;
            if old.is_empty() {
                return Ok(());
            }
            self.write(DOING, Late, move |db| care::forget_deliveries(db, &old)).await?;
        }
    }

    /// Walks on a piece through the windows, from where the last sweep stood.
    async fn sweep_windows(&self, now: Timestamp) -> Result<(), Fault> {
        const DOING: &str = "forgetting detection windows";
        let after = self.windows_swept.load(Ordering::Relaxed);
        let (old, last) = self.list(DOING, move |db| care::old_windows(db, after, now)).await?;
        if !old.is_empty() {
            self.write(DOING, Late, move |db| care::forget_windows(db, &old, now)).await?;
        }
        self.windows_swept.store(last.unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }

    /// Walks on a piece through the pairs, from where the last sweep stood.
    async fn sweep_contacts(&self, now: Timestamp) -> Result<(), Fault> {
        const DOING: &str = "forgetting old contacts";
        let after = (self.buyers_swept.load(Ordering::Relaxed), self.sellers_swept.load(Ordering::Relaxed));
        let (worn, last) = self.list(DOING, move |db| care::worn_pairs(db, after, now)).await?;
        if !worn.is_empty() {
            self.write(DOING, Late, move |db| worn.iter().try_for_each(|pair| care::forget_contacts(db, *pair, now)))
                .await?;
        }
        let (buyer, seller) = last.unwrap_or((0, 0));
        self.buyers_swept.store(buyer, Ordering::Relaxed);
        self.sellers_swept.store(seller, Ordering::Relaxed);
        Ok(())
    }
}

impl Ledger for Sqlite {
    fn record<'a>(&'a self, scope: &'a Scope, record: Record, judge: Judge) -> Answer<'a, Recorded> {
        let scope = scope.clone();
        self.write("recording a message", Urgent, move |db| record::record(db, &scope, &record, &judge))
    }

    fn claim(&self, now: Timestamp, lease: Duration, limit: usize) -> Answer<'_, Vec<Delivery>> {
        const DOING: &str = "claiming deliveries";
        Box::pin(async move {
            if !self.glance(DOING, |db| claim::is_due(db, now)).await? {
                return Ok(Vec::new());
            }
            self.write(DOING, Soon, move |db| claim::claim(db, now, lease, limit)).await
        })
    }

    fn still_current<'a>(&'a self, delivery: &'a Delivery) -> Answer<'a, bool> {
        self.glance("judging a delivery again", move |db| claim::still_current(db, delivery))
    }

    fn settle(&self, outcomes: Vec<Settled>) -> Answer<'_, bool> {
        self.write("settling deliveries", Late, move |db| claim::settle(db, &outcomes))
    }

    fn review<'a>(&'a self, scope: &'a Scope, review: NewReview) -> Answer<'a, Option<Barrier>> {
        let scope = scope.clone();
        self.write("raising a review's barrier", Urgent, move |db| barriers::review(db, &scope, &review))
    }

    fn block<'a>(&'a self, scope: &'a Scope, block: NewBlock) -> Answer<'a, Option<Barrier>> {
        let scope = scope.clone();
        self.write("blocking contact", Urgent, move |db| barriers::block(db, &scope, &block))
    }

    fn narrow<'a>(&'a self, scope: &'a Scope, narrowing: NewNarrowing) -> Answer<'a, Option<Barrier>> {
        let scope = scope.clone();
        self.write("narrowing contact", Urgent, move |db| barriers::narrow(db, &scope, &narrowing))
    }

    fn restrict<'a>(&'a self, scope: &'a Scope, new: NewRestriction) -> Answer<'a, bool> {
        let scope = scope.clone();
        self.write("restricting a seller", Urgent, move |db| rights::restrict(db, &scope, &new))
    }

    fn lift<'a>(&'a self, scope: &'a Scope, lift: LiftRestriction) -> Answer<'a, bool> {
        let scope = scope.clone();
        self.write("lifting a restriction", Urgent, move |db| rights::lift(db, &scope, &lift))
    }

    fn pair<'a>(
        &'a self,
        scope: &'a Scope,
        conversation: &'a ConversationId,
        now: Timestamp,
    ) -> Answer<'a, Option<PairState>> {
        self.look("reading the state of contact", move |db| {
            let Some(place) = pair::Place::find(db, scope, conversation)? else { return Ok(None) };
            Ok(Some(pair::Pair::read(db, &place, now)?.state))
        })
    }
}

impl Store for Sqlite {
    fn add_marketplace(&self, row: MarketplaceRow) -> Answer<'_, bool> {
        self.write("adding a marketplace", Urgent, move |db| marketplaces::add(db, &row))
    }

    fn marketplaces(&self) -> Answer<'_, Vec<MarketplaceRow>> {
        self.look("listing marketplaces", marketplaces::list)
    }

    fn scopes(&self) -> Answer<'_, Vec<Scope>> {
        self.look("listing marketplaces", |db| {
            Ok(marketplaces::list(db)?.into_iter().map(|row| Scope::proven(row.name)).collect())
        })
    }

    fn add_token<'a>(&'a self, scope: &'a Scope, row: TokenRow) -> Answer<'a, ()> {
        let scope = scope.clone();
        self.write("adding a token", Urgent, move |db| marketplaces::add_token(db, &scope, &row))
    }

    fn token(&self, hash: [u8; 32], now: Timestamp) -> Answer<'_, Option<(Scope, TokenRow)>> {
        self.glance("finding a token", move |db| marketplaces::token(db, &hash, now))
    }

    fn tokens<'a>(&'a self, scope: &'a Scope) -> Answer<'a, Vec<TokenRow>> {
        self.look("listing tokens", move |db| marketplaces::tokens(db, scope))
    }

    fn revoke_token<'a>(&'a self, scope: &'a Scope, id: EventId, at: Timestamp) -> Answer<'a, bool> {
        let scope = scope.clone();
        self.write("revoking a token", Urgent, move |db| marketplaces::revoke_token(db, &scope, id, at))
    }

    fn put_party<'a>(&'a self, scope: &'a Scope, row: PartyRow) -> Answer<'a, ()> {
        let scope = scope.clone();
        self.write("keeping a party", Urgent, move |db| parties::put(db, &scope, &row))
    }

    fn party<'a>(&'a self, scope: &'a Scope, id: &'a PartyId) -> Answer<'a, Option<PartyRow>> {
        self.look("finding a party", move |db| parties::find(db, scope, id))
    }

    fn forget_party<'a>(&'a self, scope: &'a Scope, id: &'a PartyId, at: Timestamp) -> Answer<'a, Option<Forgotten>> {
        let (scope, id) = (scope.clone(), id.clone());
        Box::pin(async move {
            let forgotten =
                self.write("erasing a party", Urgent, move |db| parties::forget(db, &scope, &id, at)).await?;
            if forgotten.is_some() {
                self.writer.truncate_log().await?;
            }
            Ok(forgotten)
        })
    }

    fn put_agent<'a>(&'a self, scope: &'a Scope, row: AgentRow) -> Answer<'a, bool> {
        let scope = scope.clone();
        self.write("keeping an agent", Urgent, move |db| parties::put_agent(db, &scope, &row))
    }

    fn agent<'a>(&'a self, scope: &'a Scope, party: &'a PartyId, id: &'a AgentId) -> Answer<'a, Option<AgentRow>> {
        self.look("finding an agent", move |db| parties::agent(db, scope, party, id))
    }

    fn put_certificates<'a>(
        &'a self,
        scope: &'a Scope,
        party: &'a PartyId,
        agent: &'a AgentId,
        fingerprints: Vec<[u8; 32]>,
    ) -> Answer<'a, bool> {
        let (scope, party, agent) = (scope.clone(), party.clone(), agent.clone());
        self.write("enrolling certificates", Urgent, move |db| {
            parties::put_certificates(db, &scope, &party, &agent, &fingerprints)
        })
    }

    fn agent_by_certificate<'a>(
        &'a self,
        scope: &'a Scope,
        fingerprint: [u8; 32],
    ) -> Answer<'a, Option<(PartyId, AgentId)>> {
        self.look("finding a certificate", move |db| parties::agent_by_certificate(db, scope, &fingerprint))
    }

    fn agent_by_login<'a>(&'a self, login: &'a str) -> Answer<'a, Option<(Scope, AgentRow)>> {
        self.look("finding a login", move |db| parties::agent_by_login(db, login))
    }

    fn speaks<'a>(
        &'a self,
        scope: &'a Scope,
        conversation: &'a ConversationId,
        side: Side,
        tags: &'a [IndexTag],
    ) -> Answer<'a, Option<Option<AgentId>>> {
        self.look("finding who speaks", move |db| parties::speaks(db, scope, conversation, side, tags))
    }

    fn restrictions<'a>(
        &'a self,
        scope: &'a Scope,
        seller: &'a PartyId,
        now: Timestamp,
    ) -> Answer<'a, Vec<RestrictionRow>> {
        self.look("listing restrictions", move |db| rights::list(db, scope, seller, now))
    }

    fn put_order<'a>(&'a self, scope: &'a Scope, row: OrderRow, entry: NewEntry) -> Answer<'a, ()> {
        let scope = scope.clone();
        self.write("keeping an order", Urgent, move |db| conversations::put_order(db, &scope, &row, &entry))
    }

    fn order<'a>(&'a self, scope: &'a Scope, id: &'a OrderId) -> Answer<'a, Option<OrderRow>> {
        self.look("finding an order", move |db| conversations::order(db, scope, id))
    }

    fn put_conversation<'a>(&'a self, scope: &'a Scope, new: NewConversation) -> Answer<'a, PutConversation> {
        let scope = scope.clone();
        self.write("keeping a conversation", Urgent, move |db| conversations::put(db, &scope, &new))
    }

    fn conversation<'a>(&'a self, scope: &'a Scope, id: &'a ConversationId) -> Answer<'a, Option<ConversationRow>> {
        self.look("finding a conversation", move |db| conversations::find(db, scope, id))
    }

    fn scene<'a>(
        &'a self,
        scope: &'a Scope,
        id: &'a ConversationId,
        from: Side,
        now: Timestamp,
    ) -> Answer<'a, Option<Scene>> {
        self.look("looking at a conversation", move |db| scene::scene(db, scope, id, from, now))
    }

    fn boarding<'a>(&'a self, delivery: &'a Delivery) -> Answer<'a, Option<Boarding>> {
        self.look("judging a delivery again", move |db| scene::boarding(db, delivery))
    }

    fn conversations<'a>(&'a self, scope: &'a Scope, filter: ConversationFilter) -> Answer<'a, Vec<ConversationRow>> {
        let scope = scope.clone();
        self.list("listing conversations", move |db| conversations::list(db, &scope, &filter))
    }

    fn handle(&self, hash: HandleHash) -> Answer<'_, Option<(Scope, HandleRow)>> {
        self.glance("finding a handle", move |db| handles::find(db, hash))
    }

    fn handles<'a>(&'a self, scope: &'a Scope, conversation: &'a ConversationId) -> Answer<'a, Vec<HandleRow>> {
        self.look("listing handles", move |db| handles::list(db, scope, conversation))
    }

    fn rotate<'a>(&'a self, scope: &'a Scope, rotation: Rotation) -> Answer<'a, bool> {
        let scope = scope.clone();
        self.write("rotating handles", Urgent, move |db| handles::rotate(db, &scope, &rotation))
    }

    fn tripwire<'a>(&'a self, scope: &'a Scope, hash: HandleHash, entry: NewEntry) -> Answer<'a, ()> {
        let scope = scope.clone();
        self.write("recording a misused handle", Late, move |db| handles::tripwire(db, &scope, hash, &entry))
    }

    fn disclose<'a>(
        &'a self,
        scope: &'a Scope,
        disclosure: DisclosureRow,
        entry: NewEntry,
        alarm: Alarm,
    ) -> Answer<'a, bool> {
        let scope = scope.clone();
        self.write("recording a disclosure", Urgent, move |db| glass::disclose(db, &scope, &disclosure, &entry, &alarm))
    }

    fn disclosures<'a>(
        &'a self,
        scope: &'a Scope,
        party: &'a PartyId,
        after: Option<EventId>,
        limit: usize,
    ) -> Answer<'a, Vec<DisclosureRow>> {
        let (scope, party) = (scope.clone(), party.clone());
        self.list("listing disclosures", move |db| glass::disclosures(db, &scope, &party, after, limit))
    }

    fn message<'a>(&'a self, scope: &'a Scope, id: EventId) -> Answer<'a, Option<MessageRow>> {
        self.look("finding a message", move |db| messages::find(db, scope, id))
    }

    fn messages<'a>(
        &'a self,
        scope: &'a Scope,
        conversation: &'a ConversationId,
        after: Option<u64>,
        limit: usize,
    ) -> Answer<'a, Vec<MessageRow>> {
        let (scope, conversation) = (scope.clone(), conversation.clone());
        self.list("listing messages", move |db| messages::list(db, &scope, &conversation, after, limit))
    }

    fn held<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<EventId>,
        limit: usize,
    ) -> Answer<'a, Vec<(u64, MessageRow)>> {
        let scope = scope.clone();
        self.list("listing held messages", move |db| messages::held(db, &scope, after, limit))
    }

    fn escalated<'a>(&'a self, scope: &'a Scope, id: EventId) -> Answer<'a, Option<(ConversationId, Vec<u8>)>> {
        self.look("finding what is sealed", move |db| messages::escalated(db, scope, id))
    }

    fn held_since(&self, before: Timestamp, limit: usize) -> Answer<'_, Vec<(Scope, MessageRow)>> {
        self.list("listing long held messages", move |db| messages::held_since(db, before, limit))
    }

    fn decide<'a>(&'a self, scope: &'a Scope, decision: HeldDecision) -> Answer<'a, Option<MessageRow>> {
        let scope = scope.clone();
        self.write("deciding a held message", Urgent, move |db| {
            if barriers::decide(db, &scope, &decision)? { messages::find(db, &scope, decision.id) } else { Ok(None) }
        })
    }

    fn window<'a>(&'a self, scope: &'a Scope, conversation: &'a ConversationId, of: Side) -> Answer<'a, WindowRow> {
        self.look("reading a detection window", move |db| messages::window(db, scope, conversation, of))
    }

    fn threads<'a>(
        &'a self,
        scope: &'a Scope,
        conversation: &'a ConversationId,
        hashes: &'a [[u8; 16]],
    ) -> Answer<'a, Vec<Option<ThreadRow>>> {
        self.look("finding thread ids", move |db| messages::threads(db, scope, conversation, hashes))
    }

    fn delivery(&self, id: EventId) -> Answer<'_, Option<(Scope, DeliveryRow)>> {
        self.look("finding a delivery", move |db| claim::find(db, id))
    }

    fn take_up<'a>(&'a self, scope: &'a Scope, message: EventId, now: Timestamp) -> Answer<'a, Option<u64>> {
        let scope = scope.clone();
        self.write("taking a message up again", Urgent, move |db| claim::take_up(db, &scope, message, now))
    }

    fn bounced<'a>(&'a self, scope: &'a Scope, delivery: EventId, at: Timestamp) -> Answer<'a, bool> {
        let scope = scope.clone();
        self.write("recording a bounce", Urgent, move |db| claim::bounced(db, &scope, delivery, at))
    }

    fn review_row<'a>(&'a self, scope: &'a Scope, id: &'a ReviewId) -> Answer<'a, Option<ReviewRow>> {
        self.look("finding a review", move |db| barriers::find_review(db, scope, id))
    }

    fn withdraw_review<'a>(&'a self, scope: &'a Scope, id: &'a ReviewId, entry: NewEntry) -> Answer<'a, bool> {
        let (scope, id) = (scope.clone(), id.clone());
        self.write("withdrawing a review", Urgent, move |db| barriers::withdraw(db, &scope, &id, &entry))
    }

    fn evidence<'a>(
        &'a self,
        scope: &'a Scope,
        conversation: &'a ConversationId,
        from: u64,
        limit: usize,
    ) -> Answer<'a, Vec<EvidenceRow>> {
        let (scope, conversation) = (scope.clone(), conversation.clone());
        self.list("listing evidence", move |db| evidence::list(db, &scope, &conversation, from, limit))
    }

    fn append<'a>(&'a self, scope: &'a Scope, conversation: &'a ConversationId, entry: NewEntry) -> Answer<'a, ()> {
        let (scope, conversation) = (scope.clone(), conversation.clone());
        self.write("adding to the evidence", Urgent, move |db| {
            let num = evidence::conversation(db, &scope, &conversation)?;
            evidence::add(db, num.ok_or(rusqlite::Error::QueryReturnedNoRows)?, &entry)
        })
    }

    fn around_review<'a>(&'a self, scope: &'a Scope, id: &'a ConversationId) -> Answer<'a, Option<AroundReview>> {
        self.look("reading what was written around a review", move |db| retaliation::around(db, scope, id))
    }

    fn suspect<'a>(&'a self, scope: &'a Scope, row: RetaliationRow, entry: NewEntry) -> Answer<'a, bool> {
        let scope = scope.clone();
        self.write("noting a seller who may strike back", Soon, move |db| {
            retaliation::suspect(db, &scope, &row, &entry)
        })
    }

    fn retaliations<'a>(
        &'a self,
        scope: &'a Scope,
        seller: &'a PartyId,
        limit: usize,
    ) -> Answer<'a, Vec<RetaliationRow>> {
        self.look("listing who may have struck back", move |db| retaliation::list(db, scope, seller, limit))
    }

    fn pair_conversations<'a>(&'a self, scope: &'a Scope, id: &'a ConversationId) -> Answer<'a, Vec<ConversationId>> {
        self.look("listing the conversations of a pair", move |db| barriers::named(db, scope, id))
    }

    fn fear<'a>(&'a self, scope: &'a Scope, fear: NewFear) -> Answer<'a, Option<Barrier>> {
        let scope = scope.clone();
        self.write("closing a pair whose buyer is afraid", Urgent, move |db| barriers::fear(db, &scope, &fear))
    }

    fn afraid<'a>(&'a self, scope: &'a Scope, id: &'a ConversationId) -> Answer<'a, bool> {
        self.look("looking whether a buyer is afraid", move |db| barriers::afraid(db, scope, id))
    }

    fn events<'a>(&'a self, scope: &'a Scope, after: u64, limit: usize) -> Answer<'a, Events> {
        let scope = scope.clone();
        self.list("listing what happened", move |db| evidence::events(db, &scope, after, limit))
    }

    fn violation<'a>(&'a self, scope: &'a Scope, id: EventId) -> Answer<'a, Option<ViolationRow>> {
        self.look("finding a violation", move |db| strikes::find(db, scope, id))
    }

    fn violations<'a>(&'a self, scope: &'a Scope, filter: ViolationFilter) -> Answer<'a, Vec<ViolationRow>> {
        let scope = scope.clone();
        self.list("listing violations", move |db| strikes::list(db, &scope, &filter))
    }

    fn account<'a>(&'a self, scope: &'a Scope, party: &'a PartyId, side: Side) -> Answer<'a, Option<AccountRow>> {
        let (scope, party) = (scope.clone(), party.clone());
        self.list("reading an account", move |db| strikes::account(db, &scope, &party, side))
    }

    fn file_appeal<'a>(&'a self, scope: &'a Scope, appeal: NewAppeal) -> Answer<'a, Filed> {
        let scope = scope.clone();
        self.write("filing an appeal", Urgent, move |db| appeals::file(db, &scope, &appeal))
    }

    fn appeals<'a>(&'a self, scope: &'a Scope, violation: EventId) -> Answer<'a, Vec<AppealRow>> {
        self.look("listing appeals", move |db| appeals::list(db, scope, violation))
    }

    fn appeal<'a>(&'a self, scope: &'a Scope, id: EventId) -> Answer<'a, Option<AppealRow>> {
        self.look("finding an appeal", move |db| appeals::find(db, scope, id))
    }

    fn decide_appeal<'a>(&'a self, scope: &'a Scope, decision: AppealDecision) -> Answer<'a, bool> {
        let scope = scope.clone();
        self.write("deciding an appeal", Urgent, move |db| appeals::decide(db, &scope, &decision))
    }

    fn file_ticket<'a>(&'a self, scope: &'a Scope, ticket: NewTicket) -> Answer<'a, Option<(TicketRow, bool)>> {
        let scope = scope.clone();
        self.write("filing a ticket", Urgent, move |db| appeals::file_ticket(db, &scope, &ticket))
    }

    fn ticket<'a>(&'a self, scope: &'a Scope, id: EventId) -> Answer<'a, Option<TicketRow>> {
        self.look("finding a ticket", move |db| appeals::ticket(db, scope, id))
    }

    fn tickets<'a>(
        &'a self,
        scope: &'a Scope,
        seller: Option<&'a PartyId>,
        after: Option<EventId>,
        limit: usize,
    ) -> Answer<'a, Vec<TicketRow>> {
        self.look("listing tickets", move |db| appeals::tickets(db, scope, seller, after, limit))
    }

    fn rule_ticket<'a>(&'a self, scope: &'a Scope, ruling: TicketRuling) -> Answer<'a, bool> {
        let scope = scope.clone();
        self.write("ruling on a ticket", Urgent, move |db| appeals::rule_ticket(db, &scope, &ruling))
    }

    fn said<'a>(&'a self, scope: &'a Scope, seller: &'a PartyId, since: Timestamp) -> Answer<'a, Vec<Said>> {
        let (scope, seller) = (scope.clone(), seller.clone());
        self.list("reading when was answered", move |db| responses::said(db, &scope, &seller, since))
    }

    fn asked<'a>(&'a self, scope: &'a Scope, message: EventId) -> Answer<'a, Option<Timestamp>> {
        self.look("finding when was asked", move |db| responses::asked(db, scope, message))
    }

    fn put_closing<'a>(&'a self, scope: &'a Scope, closing: NewClosing, judge: ClosingJudge) -> Answer<'a, Declared> {
        let scope = scope.clone();
        self.write("declaring closed days", Urgent, move |db| responses::put_closing(db, &scope, &closing, &judge))
    }

    fn closings<'a>(&'a self, scope: &'a Scope, party: &'a PartyId, since: Timestamp) -> Answer<'a, Vec<Closed>> {
        self.look("listing closed days", move |db| responses::closings(db, scope, party, since))
    }

    fn ask_overdue<'a>(&'a self, scope: &'a Scope, of: Overdue, due: Due) -> Answer<'a, u64> {
        const DOING: &str = "asking about buyers who wait";
        let scope = scope.clone();
        Box::pin(async move {
            let mut of = of;
            loop {
                let (one, looked) = (scope.clone(), of);
                let (found, more) = self.list(DOING, move |db| responses::overdue(db, &one, &looked)).await?;
                let scope = scope.clone();
                let asked = match found.is_empty() {
                    true => 0,
                    false => self.write(DOING, Soon, move |db| responses::ask(db, &scope, &found, &of, &due)).await?,
                };
                match more {
                    // All of this piece had their answer: those behind it may not.
                    Some(last) if asked == 0 => of.after = last.max(of.after.plus(Duration(1))),
                    _ => return Ok(asked),
                }
            }
        })
    }

    fn answered<'a>(&'a self, scope: &'a Scope, key: [u8; 32], now: Timestamp) -> Answer<'a, Option<AnsweredRow>> {
        self.look("finding an earlier answer", move |db| messages::answered(db, scope, &key, now))
    }

    fn keep_answer<'a>(&'a self, scope: &'a Scope, row: AnsweredRow) -> Answer<'a, bool> {
        let scope = scope.clone();
        self.write("keeping an answer", Urgent, move |db| messages::keep_answer(db, &scope, &row))
    }

    fn wrapped_keys(&self, not_by: u32, limit: usize) -> Answer<'_, Vec<WrappedKeyRow>> {
        self.list("listing wrapped keys", move |db| keys::not_by(db, not_by, limit))
    }

    fn rewrap(&self, rows: Vec<(WrappedKeyRow, WrappedKey)>) -> Answer<'_, u64> {
        self.write("wrapping keys anew", Soon, move |db| keys::rewrap(db, &rows))
    }

    fn parties_to_reindex(&self, key: u32, limit: usize) -> Answer<'_, Vec<(Scope, PartyRow)>> {
        self.list("listing parties to index anew", move |db| parties::to_reindex(db, key, limit))
    }

    fn agents_to_reindex(&self, key: u32, limit: usize) -> Answer<'_, Vec<(Scope, AgentRow)>> {
        self.list("listing parties to index anew", move |db| parties::agents_to_reindex(db, key, limit))
    }

    fn key_use(&self) -> Answer<'_, Vec<(u32, u64)>> {
        self.list("counting the use of keys", keys::usage)
    }

    fn sweep(&self, now: Timestamp) -> Answer<'_, ()> {
        Box::pin(async move {
            self.sweep_expired(now).await?;
            self.sweep_windows(now).await?;
            self.sweep_contacts(now).await
        })
    }

    fn take_over(&self, now: Timestamp) -> Answer<'_, ()> {
        self.write("taking over the outbox", Urgent, move |db| claim::take_over(db, now))
    }

    fn probe(&self) -> Answer<'_, ()> {
        self.write("probing the store", Soon, care::beat)
    }

    fn depth(&self) -> Answer<'_, Depth> {
        self.list("counting what waits", care::depth)
    }

    fn marketplace_by_domain<'a>(&'a self, domain: &'a str) -> Answer<'a, Option<Marketplace>> {
        self.look("finding a mail domain", move |db| marketplaces::by_domain(db, domain))
    }
}
