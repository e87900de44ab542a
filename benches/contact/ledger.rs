//! The transaction around a decision: the store's own, on a file in a folder of its own.

use std::{sync::Arc, time::Instant};

use tabir::{
    model::{
        Approach, Channel, Commitment, ConversationId, Decision, EntryKind, EventId, Form, HandleHash, Luck, Scope,
        Side, SystemLuck, Timestamp, Verdict, WrappedKey,
    },
    policy::contact::{ContactRules, judge},
    store::{
        ConversationRow, Deliver, HandleKind, Ledger, MarketplaceRow, NewConversation, NewDelivery, NewEntry,
        NewHandle, NewReview, PartyRow, Record, Recorded, Store, sqlite::Sqlite,
    },
};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// What so many writers at once found.
pub(crate) struct Took {
    /// µs a message, on average.
    pub(crate) message: f64,
    /// Commits a message.
    pub(crate) commits: f64,
    /// µs of a review, the median.
    pub(crate) barrier: f64,
    /// Messages that such a review withheld: all that its conversation had sent and nobody had carried.
    pub(crate) withheld: usize,
}

/// Records messages of many sellers at once, each judged in its transaction, with reviews in between. Beside them there
/// are so many others with whom the sellers are one.
pub(crate) async fn measure(writers: usize, messages: usize, others: usize) -> Took {
    let ledger = Arc::new(Book::open(writers, others).await);
    ledger.run(writers, messages / 10).await;
    let (began, commits) = (Instant::now(), ledger.store.commits());
    ledger.run(writers, messages).await;
    let message = began.elapsed().as_secs_f64() * 1e6 / messages as f64;
    let commits = (ledger.store.commits() - commits) as f64 / messages as f64;
    let (mut barriers, mut withheld) = (Vec::new(), 0);
    for n in 0..writers.min(50) {
        let began = Instant::now();
        withheld = ledger.review(n).await;
        barriers.push(began.elapsed().as_secs_f64() * 1e6);
    }
    barriers.sort_by(f64::total_cmp);
    Took { message, commits, barrier: barriers[barriers.len() / 2], withheld }
}

struct Book {
    store: Sqlite,
    rules: Arc<ContactRules>,
    scope: Scope,
    /// Of the sellers.
    group: Option<String>,
    _folder: TempDir,
}

impl Book {
    async fn open(conversations: usize, others: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Sqlite::open(&folder.path().join("tabir.db")).expect("a store");
        let market = "demo".parse().expect("a name");
        let row = MarketplaceRow { name: market, domain: "veil.example".to_owned(), key: key(), created: T0 };
        let scope = Scope::proven(row.name.clone());
        store.add_marketplace(row).await.expect("a marketplace");
        // Nothing but the transaction is measured: no budget ends the run.
        let mut rules = ContactRules::default();
        rules.rate.burst = u32::MAX;
        rules.unanswered = u32::MAX;
        let group = (others > 0).then(|| "ring".to_owned());
        let book = Self { store, rules: Arc::new(rules), scope, group, _folder: folder };
        for n in 0..conversations {
            book.add(n).await;
        }
        for n in 0..others {
            book.add_party(&format!("other-{n}"), book.group.clone()).await;
        }
        book
    }

    async fn add_party(&self, id: &str, group: Option<String>) {
        let id = id.parse().expect("an id");
        let row = PartyRow { id, group, key: key(), profile: vec![7; 200], tags: Vec::new(), changed: T0 };
        self.store.put_party(&self.scope, row).await.expect("a party");
    }

    async fn add(&self, n: usize) {
        let party = |kind: &str| format!("{kind}-{n}").parse().expect("an id");
        self.add_party(&format!("buyer-{n}"), None).await;
        self.add_party(&format!("shop-{n}"), self.group.clone()).await;
        let row = ConversationRow {
            id: conversation(n),
            order: None,
            listing: None,
            buyer: party("buyer"),
            seller: party("shop"),
            tracking: Vec::new(),
            expires: None,
            deliver: Deliver::default(),
            buyer_key: Some(key()),
            seller_key: Some(key()),
            order_state: None,
            created: T0,
        };
        let handles = [Side::Buyer, Side::Seller].map(handle).into();
        let opened = entry(EntryKind::ConversationOpened, T0);
        let new = NewConversation { row, handles, entry: opened };
        self.store.put_conversation(&self.scope, new).await.expect("a conversation");
    }

    async fn run(self: &Arc<Self>, writers: usize, messages: usize) {
        let mut tasks = JoinSet::new();
        for n in 0..writers {
            let book = Arc::clone(self);
            tasks.spawn(async move {
                for _ in 0..messages / writers {
                    book.write(n).await;
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.expect("a writer");
        }
    }

    async fn write(&self, n: usize) {
        let body = vec![7; 5_000];
        let record = Record {
            id: event(),
            conversation: conversation(n),
            from: Side::Seller,
            agent: None,
            channel: Channel::Mail,
            at: T0,
            automatic: false,
            form: Form::Free,
            stop: None,
            alike: None,
            files: Vec::new(),
            private: (Commitment::to(&[0; 16], b"{}"), vec![7; 5_000]),
            facts: "channel=mail proof=dkim".to_owned(),
            idempotency: None,
            notice: None,
            strikes: None,
            window: None,
            deliveries: vec![NewDelivery { id: event(), to: Side::Buyer, channel: Channel::Mail, body }],
            lease: None,
            threads: Vec::new(),
            own_thread: None,
        };
        let rules = Arc::clone(&self.rules);
        let approach = Approach { from: Side::Seller, form: Form::Free };
        let decide = Box::new(move |state: &_| -> Decision { judge(state, approach, &rules, Verdict::Deliver) });
        let recorded = self.store.record(&self.scope, record, decide).await.expect("a record");
        assert!(matches!(recorded, Recorded::Accepted { .. }), "{recorded:?}");
    }

    async fn review(&self, n: usize) -> usize {
        let review = NewReview {
            id: format!("r-{n}").parse().expect("an id"),
            conversation: conversation(n),
            rating: 1,
            at: T0,
            claimed_at: None,
            reviewer: "buyer".to_owned(),
            handles: vec![handle(Side::Buyer)],
            notice_due: T0,
            entry: entry(EntryKind::Review, T0),
        };
        self.store.review(&self.scope, review).await.expect("a review").expect("a conversation").withheld.len()
    }
}

fn conversation(n: usize) -> ConversationId {
    format!("c-{n}").parse().expect("an id")
}

fn key() -> WrappedKey {
    WrappedKey { by: 1, sealed: vec![7; 60] }
}

fn event() -> EventId {
    EventId::draw(T0, &SystemLuck::new()).expect("luck")
}

fn handle(stands_for: Side) -> NewHandle {
    let mut hash = [0; 16];
    SystemLuck::new().fill(&mut hash).expect("luck");
    NewHandle { hash: HandleHash(hash), stands_for, kind: HandleKind::Mail, sealed: vec![7; 60], created: T0 }
}

fn entry(kind: EntryKind, at: Timestamp) -> NewEntry {
    NewEntry { at, kind, by: None, message: None, facts: String::new(), private: None }
}

const T0: Timestamp = Timestamp(1_800_000_000_000);
