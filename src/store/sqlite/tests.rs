use std::{fs, path::Path, slice, sync::Arc, time::Instant};

use tempfile::TempDir;

use super::*;
use crate::{
    model::{Channel, ContactKind, EntryKind, Fulfilment, HandleHash, IndexTag, Link, MessageState, OrderState},
    store::{
        Alarm, Assign, Assigned, Cargo, Decision, Deliver, Ending, HandleKind, Idempotency, KeyOwner, NewHandle,
        Numbers, TokenScope, Under,
        conformance::{
            DAY, Ground, HOUR, LATER, LEASE, T0, Talk, at_most, conforms, entry, event, from_buyer, from_seller,
            handle, id, review, scope, talk,
        },
    },
};

/// A store in a folder of its own.
struct House {
    store: Sqlite,
    folder: TempDir,
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&folder.path().join("tabir.db")).unwrap();
        store.add_marketplace(marketplace("demo", "relay.localhost")).await.unwrap();
        Self { store, folder }
    }

    async fn with(conversation: &str) -> Self {
        let house = Self::new().await;
        house.add_conversation(&scope(), &talk(conversation)).await.unwrap();
        house
    }

    async fn accept(&self, record: Record) -> Recorded {
        let under = (record.from == Side::Seller).then_some(Under::Ordinary);
        self.store.record(&scope(), record, Box::new(move |_| Decision::Accept { under })).await.unwrap()
    }

    async fn hold(&self, record: Record) {
        let under = (record.from == Side::Seller).then_some(Under::Ordinary);
        self.store.record(&scope(), record, Box::new(move |_| Decision::Hold { under })).await.unwrap();
    }

    async fn kinds(&self, conversation: &str) -> Vec<EntryKind> {
        let rows = self.store.evidence(&scope(), &id(conversation), 0, 1_000).await.unwrap();
        rows.iter().map(|row| row.entry.kind).collect()
    }
}

impl Ground for House {
    fn ledger(&self) -> &dyn Ledger {
        &self.store
    }

    fn add_conversation<'a>(&'a self, scope: &'a Scope, new: &'a Talk) -> Answer<'a, ()> {
        Box::pin(async move {
            for (party, group) in [(new.buyer, None), (new.seller, new.group)] {
                self.store.put_party(scope, party_row(party, group)).await?;
            }
            let put = self.store.put_conversation(scope, conversation(new)).await?;
            assert!(matches!(put, PutConversation::Created(_) | PutConversation::Replaced(_)));
            Ok(())
        })
    }

    fn state<'a>(&'a self, scope: &'a Scope, id: EventId) -> Answer<'a, Option<MessageState>> {
        Box::pin(async move { Ok(self.store.message(scope, id).await?.map(|row| row.state)) })
    }

    fn chain<'a>(&'a self, scope: &'a Scope, conversation: &'a ConversationId) -> Answer<'a, Vec<(String, Link)>> {
        Box::pin(async move {
            let rows = self.store.evidence(scope, conversation, 0, 1_000).await?;
            Ok(rows.into_iter().map(|row| (row.canonical, row.link)).collect())
        })
    }

    fn restart(self: Box<Self>) -> Answer<'static, Box<dyn Ground>> {
        Box::pin(async move {
            let Self { store, folder } = *self;
            drop(store);
            let store = Sqlite::open(&folder.path().join("tabir.db"))?;
            Ok(Box::new(Self { store, folder }) as Box<dyn Ground>)
        })
    }
}

async fn open() -> Option<Box<dyn Ground>> {
    Some(Box::new(House::new().await))
}

conforms!(open);

fn marketplace(name: &str, domain: &str) -> MarketplaceRow {
    MarketplaceRow { name: name.parse().unwrap(), domain: domain.to_owned(), key: key("market"), created: T0 }
}

fn key(of: &str) -> WrappedKey {
    WrappedKey { by: 1, sealed: format!("canary-key-{of}").into_bytes() }
}

fn party_row(party: &str, group: Option<&str>) -> PartyRow {
    PartyRow {
        id: party.parse().unwrap(),
        group: group.map(str::to_owned),
        key: key(party),
        profile: format!("canary-profile-{party}").into_bytes(),
        tags: vec![IndexTag { by: 1, tag: tag(party), kind: ContactKind::Email }],
        changed: T0,
    }
}

fn tag(of: &str) -> [u8; 16] {
    let mut tag = [0; 16];
    let text = format!("canary-tag-{of}");
    tag[..text.len().min(16)].copy_from_slice(&text.as_bytes()[..text.len().min(16)]);
    tag
}

fn conversation(new: &Talk) -> NewConversation {
    let row = ConversationRow {
        id: new.id.clone(),
        order: Some("order-1".parse().unwrap()),
        listing: None,
        buyer: new.buyer.parse().unwrap(),
        seller: new.seller.parse().unwrap(),
        tracking: Vec::new(),
        expires: None,
        deliver: Deliver { buyer: Some(vec![Channel::Mail, Channel::Api]), seller: None },
        buyer_key: Some(key(&format!("{}-buyer", new.id))),
        seller_key: Some(key(&format!("{}-seller", new.id))),
        order_state: None,
        created: T0,
    };
    let handles = vec![handle(Side::Buyer, T0), handle(Side::Seller, T0), postal(Side::Buyer)];
    NewConversation { row, handles, entry: entry(EntryKind::ConversationOpened, T0) }
}

fn postal(side: Side) -> NewHandle {
    NewHandle { kind: HandleKind::Postal, ..handle(side, T0) }
}

fn settled(delivery: &Delivery, how: Ending) -> Vec<Settled> {
    vec![Settled { id: delivery.id, claim: delivery.claim, how, at: LATER }]
}

fn verify(house_entries: &[EvidenceRow], conversation: &str) {
    let mut head = Link::genesis(scope().marketplace(), &id(conversation));
    for row in house_entries {
        assert_eq!(row.entry.canonical(), row.canonical);
        head = head.then(row.canonical.as_bytes());
        assert_eq!(head, row.link);
    }
}

/// Whether any file of the store holds `needle`.
fn somewhere(folder: &Path, needle: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|file| {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        memchr::memmem::find(&bytes, needle.as_bytes()).is_some()
    })
}

#[tokio::test]
async fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/data/tabir.db");
    let store = Sqlite::open(&path).unwrap();
    store.probe().await.unwrap();
    for file in fs::read_dir(path.parent().unwrap()).unwrap() {
        assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_not_touched() {
    let house = House::new().await;
    let path = house.folder.path().join("tabir.db");
    drop(house.store);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(Sqlite::open(&path).is_err());
}

#[tokio::test]
async fn twenty_senders_share_their_syncs_and_a_lone_one_does_not_wait() {
    let house = Arc::new(House::with("c-1").await);
    let started = Instant::now();
    for _ in 0..20 {
        house.accept(from_seller("c-1", T0)).await;
    }
    assert!(started.elapsed().as_millis() < 1_000, "a lone sender waits only for its own sync");
    let before = house.store.commits();
    let senders: Vec<_> = (0..20)
        .map(|_| {
            let house = Arc::clone(&house);
            tokio::spawn(async move {
                for _ in 0..20 {
                    house.accept(from_seller("c-1", T0)).await;
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    let commits = house.store.commits() - before;
    assert!(commits <= 400 / 5, "{commits} commits for 400 messages");
}

#[tokio::test]
async fn a_job_that_fails_spoils_no_other() {
    let house = House::with("c-1").await;
    let first = from_seller("c-1", T0);
    let twin = Record { id: first.id, ..from_seller("c-1", T0) };
    let scope = scope();
    let (one, two, three) = tokio::join!(
        house.store.record(&scope, first, at_most(9)),
        house.store.record(&scope, twin, at_most(9)),
        house.store.record(&scope, from_seller("c-1", T0), at_most(9)),
    );
    assert!(one.is_ok() && two.is_err() && three.is_ok());
    let pair = house.store.pair(&scope, &id("c-1"), T0).await.unwrap().unwrap();
    assert_eq!(pair.contacts.len(), 2, "the failed one left nothing behind");
}

#[tokio::test]
async fn a_job_that_panics_is_a_fault_and_the_store_goes_on() {
    let house = House::with("c-1").await;
    let judge: Judge = Box::new(|_| panic!("a judge falls ill"));
    assert!(house.store.record(&scope(), from_seller("c-1", T0), judge).await.is_err());
    assert!(matches!(house.accept(from_seller("c-1", T0)).await, Recorded::Accepted { .. }));
}

#[tokio::test]
async fn a_commit_that_fails_accepts_nothing_and_is_not_remembered() {
    let house = House::with("c-1").await;
    let message = from_seller("c-1", T0);
    let known = message.id;
    house
        .store
        .write("preparing", Urgent, |db| {
            db.execute_batch(
                "CREATE TABLE parent (num INTEGER PRIMARY KEY);
                 CREATE TABLE child (parent INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED);",
            )
        })
        .await
        .unwrap();
    // The foreign key is looked at when the transaction commits: the commit itself fails. Both
    // jobs come while the writer is busy, so that they share it.
    let (started, begun) = tokio::sync::oneshot::channel();
    let started = Mutex::new(Some(started));
    let scope = scope();
    let slow = house.store.write("being slow", Urgent, move |_| {
        started.lock().unwrap().take().unwrap().send(()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(100));
        Ok(())
    });
    let two = async {
        begun.await.unwrap();
        tokio::join!(
            house.store.write("breaking the commit", Urgent, |db| db.execute("INSERT INTO child VALUES (7)", [])),
            house.store.record(&scope, message, at_most(9)),
        )
    };
    let (_, (broken, good)) = tokio::join!(slow, two);
    assert!(broken.is_err());
    assert!(good.is_err(), "it was in the same commit");
    assert!(house.store.message(&scope, known).await.unwrap().is_none());
    assert!(matches!(house.accept(from_seller("c-1", T0)).await, Recorded::Accepted { .. }));
}

#[tokio::test]
async fn a_full_disk_accepts_nothing_and_is_forgotten_when_space_returns() {
    let house = House::with("c-1").await;
    let full = |db: &Connection| db.query_row("PRAGMA max_page_count = 1", [], |_| Ok(()));
    house.store.write("filling the disk", Urgent, full).await.unwrap();
    let large = || {
        let record = from_seller("c-1", T0);
        Record { private: (record.private.0, vec![7; 200_000]), ..record }
    };
    let refused = house.store.record(&scope(), large(), at_most(9)).await;
    assert!(refused.unwrap_err().chain().contains("full"));
    // The connection was opened anew; the limit was its own.
    assert!(matches!(house.accept(large()).await, Recorded::Accepted { .. }));
}

#[tokio::test]
async fn what_was_answered_is_in_the_files_of_that_moment() {
    let house = House::with("c-1").await;
    let mut answered = Vec::new();
    for _ in 0..10 {
        let message = from_seller("c-1", T0);
        answered.push(message.id);
        house.accept(message).await;
    }
    // As after a crash: the file and its log as they lie there, nothing closed.
    let copy = tempfile::tempdir().unwrap();
    for name in ["tabir.db", "tabir.db-wal"] {
        fs::copy(house.folder.path().join(name), copy.path().join(name)).unwrap();
    }
    let after = Sqlite::open(&copy.path().join("tabir.db")).unwrap();
    for id in answered {
        assert!(after.message(&scope(), id).await.unwrap().is_some());
    }
    verify(&after.evidence(&scope(), &id("c-1"), 0, 100).await.unwrap(), "c-1");
}

#[tokio::test]
async fn two_programs_write_to_one_file() {
    let house = House::with("c-1").await;
    let other = Sqlite::open(&house.folder.path().join("tabir.db")).unwrap();
    for n in 0..10u8 {
        let token = TokenRow {
            id: event(),
            hash: [n; 32],
            scope: TokenScope::Carrier { name: "Cepat".to_owned() },
            created: T0,
            expires: Some(LATER),
            revoked: None,
        };
        let scope = scope();
        let (added, taken) = tokio::join!(other.add_token(&scope, token), house.accept(from_seller("c-1", T0)));
        added.unwrap();
        assert!(matches!(taken, Recorded::Accepted { .. }));
        let (found, row) = house.store.token([n; 32], T0).await.unwrap().unwrap();
        assert_eq!((found, row.scope), (scope, TokenScope::Carrier { name: "Cepat".to_owned() }));
    }
}

#[tokio::test]
async fn a_token_ends_when_it_expires_or_is_revoked() {
    let house = House::new().await;
    let token = |n: u8, expires| TokenRow {
        id: event(),
        hash: [n; 32],
        scope: TokenScope::Seller { party: "shop-1".parse().unwrap(), agent: "ani".parse().unwrap() },
        created: T0.plus(Duration(i64::from(n))),
        expires,
        revoked: None,
    };
    let (short, long) = (token(1, Some(LATER)), token(2, None));
    for row in [&short, &long] {
        house.store.add_token(&scope(), row.clone()).await.unwrap();
    }
    assert!(house.store.token(short.hash, T0).await.unwrap().is_some());
    assert!(house.store.token(short.hash, LATER).await.unwrap().is_none());
    assert!(house.store.revoke_token(&scope(), long.id, LATER).await.unwrap());
    assert!(!house.store.revoke_token(&scope(), event(), LATER).await.unwrap());
    assert!(house.store.token(long.hash, T0).await.unwrap().is_none());
    let all = house.store.tokens(&scope()).await.unwrap();
    assert_eq!(all.iter().map(|row| row.id).collect::<Vec<_>>(), [long.id, short.id]);
    assert_eq!(all[0].revoked, Some(LATER));
}

#[tokio::test]
async fn marketplaces_have_names_and_domains_of_their_own() {
    let house = House::new().await;
    assert!(!house.store.add_marketplace(marketplace("demo", "other.example")).await.unwrap());
    assert!(!house.store.add_marketplace(marketplace("other", "relay.localhost")).await.unwrap());
    assert!(house.store.add_marketplace(marketplace("bazaar", "bazaar.example")).await.unwrap());
    let names: Vec<_> = house.store.marketplaces().await.unwrap().into_iter().map(|row| row.name.to_string()).collect();
    assert_eq!(names, ["bazaar", "demo"]);
    let found = house.store.marketplace_by_domain("bazaar.example").await.unwrap();
    assert_eq!(found.unwrap().as_str(), "bazaar");
}

#[tokio::test]
async fn one_marketplace_does_not_see_the_rows_of_another() {
    let house = House::with("c-1").await;
    house.store.add_marketplace(marketplace("other", "other.example")).await.unwrap();
    let other = Scope::proven("other".parse().unwrap());
    let message = from_seller("c-1", T0);
    house.accept(message.clone()).await;
    let store = &house.store;
    assert!(store.party(&other, &"budi".parse().unwrap()).await.unwrap().is_none());
    assert!(store.conversation(&other, &id("c-1")).await.unwrap().is_none());
    assert!(store.message(&other, message.id).await.unwrap().is_none());
    assert!(store.handles(&other, &id("c-1")).await.unwrap().is_empty());
    assert!(store.evidence(&other, &id("c-1"), 0, 9).await.unwrap().is_empty());
    assert!(store.pair(&other, &id("c-1"), T0).await.unwrap().is_none());
    assert!(matches!(store.record(&other, from_seller("c-1", T0), at_most(9)).await.unwrap(), Recorded::Gone));
    assert!(store.forget_party(&other, &"budi".parse().unwrap(), T0).await.unwrap().is_none());
}

#[tokio::test]
async fn a_party_is_replaced_but_keeps_its_key() {
    let house = House::with("c-1").await;
    let budi = "budi".parse().unwrap();
    let new = PartyRow { key: key("another"), profile: b"new".to_vec(), ..party_row("budi", Some("home")) };
    house.store.put_party(&scope(), new).await.unwrap();
    let row = house.store.party(&scope(), &budi).await.unwrap().unwrap();
    assert_eq!((row.key, row.profile, row.group), (key("budi"), b"new".to_vec(), Some("home".to_owned())));
    assert_eq!(row.tags, [IndexTag { by: 1, tag: tag("budi"), kind: ContactKind::Email }]);
}

#[tokio::test]
async fn a_contact_speaks_for_the_party_or_for_one_of_its_agents() {
    let house = House::with("c-1").await;
    let shop: PartyId = "shop-1".parse().unwrap();
    let ani: AgentId = "ani".parse().unwrap();
    let agent = AgentRow {
        party: shop.clone(),
        id: ani.clone(),
        profile: b"sealed".to_vec(),
        tags: vec![IndexTag { by: 1, tag: tag("ani"), kind: ContactKind::Email }],
        login: Some(("shop-1.ani".to_owned(), b"verifier".to_vec())),
        changed: T0,
    };
    assert!(house.store.put_agent(&scope(), agent.clone()).await.unwrap());
    let nobody = AgentRow { party: "nobody".parse().unwrap(), login: None, ..agent };
    assert!(!house.store.put_agent(&scope(), nobody).await.unwrap());
    let store = &house.store;
    let who = async |of: &str| {
        store
            .speaks(&scope(), &id("c-1"), Side::Seller, &[IndexTag { by: 1, tag: tag(of), kind: ContactKind::Email }])
            .await
            .unwrap()
    };
    assert_eq!(who("shop-1").await, Some(None));
    assert_eq!(who("ani").await, Some(Some(ani.clone())));
    assert_eq!(who("budi").await, None);
    let (found, row) = store.agent_by_login("shop-1.ani").await.unwrap().unwrap();
    assert_eq!((found, row.id, row.tags.len()), (scope(), ani.clone(), 1));
    assert_eq!(store.agent(&scope(), &shop, &ani).await.unwrap().unwrap().login.unwrap().1, b"verifier");
}

#[tokio::test]
async fn a_conversation_keeps_its_parties_keys_and_handles() {
    let house = House::with("c-1").await;
    let first = house.store.handles(&scope(), &id("c-1")).await.unwrap();
    assert_eq!(first.len(), 3);
    let mut again = conversation(&talk("c-1"));
    again.row.buyer_key = Some(key("another"));
    again.row.expires = Some(LATER);
    again.handles.push(postal(Side::Seller));
    let PutConversation::Replaced(row) = house.store.put_conversation(&scope(), again).await.unwrap() else { panic!() };
    assert_eq!((row.expires, row.buyer_key), (Some(LATER), Some(key("c-1-buyer"))));
    assert_eq!(row.deliver.buyer, Some(vec![Channel::Mail, Channel::Api]));
    let handles = house.store.handles(&scope(), &id("c-1")).await.unwrap();
    assert_eq!(handles.len(), 4, "only the kind that was lacking is minted");
    assert!(first.iter().all(|old| handles.iter().any(|new| new.hash == old.hash)));
    let stranger = conversation(&Talk { buyer: "shop-1", ..talk("c-1") });
    assert!(matches!(house.store.put_conversation(&scope(), stranger).await.unwrap(), PutConversation::OtherParties));
    let unknown = conversation(&Talk { buyer: "nobody", ..talk("c-2") });
    assert!(matches!(house.store.put_conversation(&scope(), unknown).await.unwrap(), PutConversation::NoSuchParty));
}

#[tokio::test]
async fn conversations_are_listed_by_order_buyer_and_seller() {
    let house = House::new().await;
    for (conversation, seller) in [("c-1", "shop-1"), ("c-2", "shop-2"), ("c-3", "shop-1")] {
        house.add_conversation(&scope(), &Talk { seller, ..talk(conversation) }).await.unwrap();
    }
    let list = async |filter| {
        let rows = house.store.conversations(&scope(), filter).await.unwrap();
        rows.into_iter().map(|row| row.id.to_string()).collect::<Vec<_>>()
    };
    let all = ConversationFilter { limit: 9, ..ConversationFilter::default() };
    assert_eq!(list(all.clone()).await, ["c-1", "c-2", "c-3"]);
    let of_shop = ConversationFilter { seller: Some("shop-1".parse().unwrap()), ..all.clone() };
    assert_eq!(list(of_shop.clone()).await, ["c-1", "c-3"]);
    assert_eq!(list(ConversationFilter { after: Some(id("c-1")), ..of_shop }).await, ["c-3"]);
    let of_order = ConversationFilter { order: Some("order-1".parse().unwrap()), limit: 2, ..all.clone() };
    assert_eq!(list(of_order).await, ["c-1", "c-2"]);
    let unknown = ConversationFilter { buyer: Some("nobody".parse().unwrap()), ..all };
    assert!(list(unknown).await.is_empty());
}

#[tokio::test]
async fn an_order_reaches_its_conversations_and_their_evidence() {
    let house = House::with("c-1").await;
    let order = OrderRow {
        id: "order-1".parse().unwrap(),
        state: OrderState::Shipped,
        fulfilment: Fulfilment::Platform,
        facts: b"sealed".to_vec(),
        changed: T0,
    };
    house.store.put_order(&scope(), order, entry(EntryKind::OrderFacts, T0)).await.unwrap();
    let facts = Some((OrderState::Shipped, Fulfilment::Platform));
    let row = house.store.conversation(&scope(), &id("c-1")).await.unwrap().unwrap();
    assert_eq!(row.order_state, facts);
    let pair = house.store.pair(&scope(), &id("c-1"), T0).await.unwrap().unwrap();
    assert_eq!(pair.order, facts);
    assert_eq!(house.kinds("c-1").await, [EntryKind::ConversationOpened, EntryKind::OrderFacts]);
}

#[tokio::test]
async fn a_handle_is_found_whatever_its_kind_and_state() {
    let house = House::with("c-1").await;
    for row in house.store.handles(&scope(), &id("c-1")).await.unwrap() {
        let (found, again) = house.store.handle(row.hash).await.unwrap().unwrap();
        assert_eq!((found, again.kind, again.epoch), (scope(), row.kind, 1));
        let shown_to = if row.stands_for == Side::Buyer { "shop-1" } else { "budi" };
        assert_eq!(again.shown_to.as_str(), shown_to);
    }
    assert!(house.store.handle(HandleHash([0; 16])).await.unwrap().is_none());
}

#[tokio::test]
async fn a_rotation_replaces_and_one_by_time_happens_once() {
    let house = House::with("c-1").await;
    let of_buyer = |rows: Vec<HandleRow>| {
        rows.into_iter().filter(|row| row.stands_for == Side::Buyer && row.kind == HandleKind::Mail).collect::<Vec<_>>()
    };
    let rotate = async |at: Timestamp, unless_newer_than| {
        let rotation = Rotation {
            conversation: id("c-1"),
            of: Side::Buyer,
            handles: vec![handle(Side::Buyer, at)],
            at,
            unless_newer_than,
            entry: entry(EntryKind::HandleRotated, at),
        };
        house.store.rotate(&scope(), rotation).await.unwrap()
    };
    assert!(rotate(LATER, Some(T0)).await);
    assert!(!rotate(LATER.plus(HOUR), Some(T0)).await, "another was first");
    let handles = of_buyer(house.store.handles(&scope(), &id("c-1")).await.unwrap());
    assert_eq!(handles.iter().map(|row| (row.epoch, row.replaced)).collect::<Vec<_>>(), [(2, None), (1, Some(LATER))]);
    assert!(rotate(LATER.plus(HOUR), None).await);
    assert_eq!(house.kinds("c-1").await.iter().filter(|kind| **kind == EntryKind::HandleRotated).count(), 2);
}

#[tokio::test]
async fn a_block_replaces_the_handles_and_leaves_the_answer_to_the_policy() {
    let house = House::with("c-1").await;
    let old = house.store.handles(&scope(), &id("c-1")).await.unwrap();
    let block = NewBlock {
        conversation: id("c-1"),
        by: Side::Buyer,
        blocked: true,
        at: LATER,
        handles: vec![handle(Side::Buyer, LATER)],
        notice_due: LATER,
        entry: entry(EntryKind::Blocked, LATER),
    };
    house.store.block(&scope(), block).await.unwrap().unwrap();
    for row in old {
        let (_, now) = house.store.handle(row.hash).await.unwrap().unwrap();
        let renewed = row.stands_for == Side::Buyer && row.kind == HandleKind::Mail;
        assert_eq!(now.replaced.is_some(), renewed);
        assert!(now.shut.is_none(), "a grace answers like any other limit");
    }
}

#[tokio::test]
async fn a_misused_handle_is_recorded_once_an_hour_and_cause() {
    let house = House::with("c-1").await;
    let hash = house.store.handles(&scope(), &id("c-1")).await.unwrap()[0].hash;
    let misuse = |facts: &str, at| NewEntry { facts: facts.to_owned(), ..entry(EntryKind::HandleMisused, at) };
    for (facts, at) in [("cause=a", T0), ("cause=a", T0), ("cause=b", T0), ("cause=a", T0.plus(HOUR))] {
        house.store.tripwire(&scope(), hash, misuse(facts, at)).await.unwrap();
    }
    house.store.tripwire(&scope(), HandleHash([9; 16]), misuse("cause=a", T0)).await.unwrap();
    let entries = house.kinds("c-1").await;
    assert_eq!(entries.iter().filter(|kind| **kind == EntryKind::HandleMisused).count(), 3);
}

#[tokio::test]
async fn disclosures_are_listed_newest_first() {
    let house = House::with("c-1").await;
    let mut ids = Vec::new();
    for n in 0..3 {
        let at = T0.plus(Duration(n));
        let mut id_of_disclosure = event();
        id_of_disclosure.0[5] += u8::try_from(n).unwrap();
        ids.insert(0, id_of_disclosure);
        let row = DisclosureRow {
            id: id_of_disclosure,
            party: "budi".parse().unwrap(),
            conversation: Some(id("c-1")),
            to: "Cepat".to_owned(),
            purpose: "label".to_owned(),
            shipment: format!("s-{n}"),
            request: None,
            fields: "addresses".to_owned(),
            at,
        };
        let alarm = Alarm { burst: 1, per: Duration(10), entry: entry(EntryKind::DisclosureAlarm, at) };
        let alarmed = house.store.disclose(&scope(), row, entry(EntryKind::Disclosure, at), alarm).await.unwrap();
        assert_eq!(alarmed, n == 1, "the second is one too many, and that is told once");
    }
    let budi = "budi".parse().unwrap();
    let list = async |after, limit| {
        let rows = house.store.disclosures(&scope(), &budi, after, limit).await.unwrap();
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(list(None, 2).await, ids[..2]);
    assert_eq!(list(Some(ids[1]), 9).await, ids[2..]);
}

#[tokio::test]
async fn messages_files_threads_and_windows_read_back() {
    let house = House::with("c-1").await;
    let thread = |n: u8| ThreadRow { hash: [n; 16], sealed: vec![n] };
    let message = Record {
        files: vec![b"one".to_vec(), b"two".to_vec()],
        threads: vec![thread(1), thread(2)],
        window: Some((0, b"window".to_vec())),
        agent: Some("ani".parse().unwrap()),
        ..from_seller("c-1", T0)
    };
    house.accept(message.clone()).await;
    house.accept(Record { threads: vec![ThreadRow { sealed: vec![9], ..thread(1) }], ..from_buyer("c-1", T0) }).await;
    let row = house.store.message(&scope(), message.id).await.unwrap().unwrap();
    assert_eq!((row.seq, row.files.len(), row.sealed.as_slice()), (1, 2, message.private.1.as_slice()));
    assert_eq!(row.agent.unwrap().as_str(), "ani");
    let rows = house.store.messages(&scope(), &id("c-1"), Some(1), 9).await.unwrap();
    assert_eq!(rows.iter().map(|row| (row.seq, row.from)).collect::<Vec<_>>(), [(2, Side::Buyer)]);
    let found = house.store.threads(&scope(), &id("c-1"), &[[2; 16], [7; 16], [1; 16]]).await.unwrap();
    let sealed: Vec<_> = found.into_iter().map(|row| row.map(|row| row.sealed)).collect();
    assert_eq!(sealed, [Some(vec![2]), None, Some(vec![1])], "the first spelling stays");
    let window = house.store.window(&scope(), &id("c-1"), Side::Seller).await.unwrap();
    assert_eq!((window.seq, window.sealed.as_slice(), window.at), (1, b"window".as_slice(), T0));
    assert_eq!(house.store.window(&scope(), &id("c-1"), Side::Buyer).await.unwrap().seq, 0);
}

#[tokio::test]
async fn a_mail_that_comes_again_is_known_whatever_else_came_under_its_id() {
    let house = House::with("c-1").await;
    let own = ThreadRow { hash: [1; 16], sealed: vec![1] };
    let mail = |print: u8, at| Record {
        idempotency: Some(Idempotency { key: [print; 32], body: [print; 32], expires: T0.plus(DAY) }),
        threads: vec![ThreadRow { hash: [print + 100; 16], ..own.clone() }, own.clone()],
        own_thread: Some(own.hash),
        ..from_seller("c-1", at)
    };
    let (first, other) = (mail(1, T0), mail(2, T0));
    house.accept(first.clone()).await;
    house.accept(other.clone()).await;
    for (print, id) in [(1, first.id), (2, other.id)] {
        let again = house.accept(mail(print, T0.plus(HOUR))).await;
        assert!(matches!(again, Recorded::Repeated(known) if known == id), "{again:?}");
    }
    let late = house.accept(mail(1, T0.plus(DAY))).await;
    assert!(matches!(late, Recorded::Accepted { .. }), "a day later it is a new mail: {late:?}");
}

#[tokio::test]
async fn a_held_message_waits_and_goes_to_its_place_when_released() {
    let house = House::with("c-1").await;
    let held = from_seller("c-1", T0);
    house.hold(held.clone()).await;
    let later = from_seller("c-1", T0);
    house.accept(later.clone()).await;
    house.hold(from_seller("c-1", T0)).await;
    let list = house.store.held(&scope(), None, 9).await.unwrap();
    assert_eq!(list.iter().map(|(position, row)| (*position, row.seq)).collect::<Vec<_>>(), [(1, 1), (2, 3)]);
    let rest = house.store.held(&scope(), Some(held.id), 9).await.unwrap();
    assert_eq!(rest.iter().map(|(position, row)| (*position, row.seq)).collect::<Vec<_>>(), [(2, 3)]);
    assert_eq!(house.store.held_since(LATER, 9).await.unwrap().len(), 2);
    assert_eq!(house.store.depth().await.unwrap().held, 2);
    let decided = house.store.decide(&scope(), decision(held.id, true)).await.unwrap().unwrap();
    assert_eq!(decided.state, MessageState::Queued);
    assert!(house.store.decide(&scope(), decision(held.id, true)).await.unwrap().is_none(), "decided once");
    let claimed = house.store.claim(LATER, LEASE, 9).await.unwrap();
    assert_eq!(claimed.iter().map(|one| one.message).collect::<Vec<_>>(), [held.id, later.id]);
}

#[tokio::test]
async fn what_was_escalated_comes_first_and_is_given_out_by_one_call_alone() {
    let house = House::with("c-1").await;
    let (first, last) = (from_seller("c-1", T0), from_seller("c-1", T0));
    house.hold(first.clone()).await;
    let mut sealed = Vec::new();
    for words in [b"one", b"two"] {
        let record = from_seller("c-1", T0);
        let record = Record { private: (record.private.0, words.to_vec()), deliveries: Vec::new(), ..record };
        sealed.push(record.id);
        let judge: Judge = Box::new(|_| Decision::Escalate { under: None });
        house.store.record(&scope(), record, judge).await.unwrap();
    }
    house.hold(last.clone()).await;
    let queue = [sealed[0], sealed[1], first.id, last.id];
    for n in 0..queue.len() {
        let after = n.checked_sub(1).map(|n| queue[n]);
        let page = house.store.held(&scope(), after, 2).await.unwrap();
        let places: Vec<_> = page.iter().map(|(position, row)| (*position, row.id)).collect();
        let wanted: Vec<_> = (n..queue.len().min(n + 2)).map(|n| (n as u64 + 1, queue[n])).collect();
        assert_eq!(places, wanted);
        assert!(page.iter().all(|(_, row)| row.sealed.is_empty() == sealed.contains(&row.id)));
    }
    assert!(house.store.message(&scope(), sealed[1]).await.unwrap().unwrap().sealed.is_empty());
    let listed = house.store.messages(&scope(), &id("c-1"), None, 9).await.unwrap();
    assert_eq!(listed.iter().filter(|row| row.sealed.is_empty()).count(), 2);
    let given = house.store.escalated(&scope(), sealed[1]).await.unwrap();
    assert_eq!(given, Some((id("c-1"), b"two".to_vec())));
    assert!(house.store.escalated(&scope(), first.id).await.unwrap().is_none());
    let foreign = Scope::proven("other".parse().unwrap());
    assert!(house.store.escalated(&foreign, sealed[1]).await.unwrap().is_none());

    assert_eq!(house.store.held_since(LATER, 9).await.unwrap().len(), 2, "time does not end it");
    let depth = house.store.depth().await.unwrap();
    assert_eq!((depth.held, depth.escalated), (4, 2));
    assert!(house.store.decide(&scope(), decision(sealed[0], true)).await.unwrap().is_none(), "never released");
    let decided = house.store.decide(&scope(), decision(sealed[0], false)).await.unwrap().unwrap();
    assert_eq!((decided.state, decided.reason), (MessageState::Refused, Some(crate::model::Reason::Escalated)));
    house.store.forget_party(&scope(), &"shop-1".parse().unwrap(), LATER).await.unwrap().unwrap();
    let queue = house.store.held(&scope(), None, 9).await.unwrap();
    assert_eq!(queue.iter().map(|(_, row)| row.id).collect::<Vec<_>>(), [sealed[1]], "an erasure leaves it");
    assert!(house.store.escalated(&scope(), sealed[0]).await.unwrap().is_some());
}

#[tokio::test]
async fn a_message_released_behind_a_claim_waits_for_it() {
    let house = House::with("c-1").await;
    let held = from_seller("c-1", T0);
    house.hold(held.clone()).await;
    house.accept(from_seller("c-1", T0)).await;
    let taken = house.store.claim(LATER, LEASE, 9).await.unwrap();
    house.store.decide(&scope(), decision(held.id, true)).await.unwrap();
    assert!(house.store.claim(LATER, LEASE, 9).await.unwrap().is_empty());
    house.store.settle(settled(&taken[0], Ending::Delivered)).await.unwrap();
    let next = house.store.claim(LATER, LEASE, 9).await.unwrap();
    assert_eq!(next.iter().map(|one| one.message).collect::<Vec<_>>(), [held.id]);
}

#[tokio::test]
async fn a_held_message_that_is_refused_gives_its_debit_back() {
    let house = House::with("c-1").await;
    let held = from_seller("c-1", T0);
    house.hold(held.clone()).await;
    let decided = house.store.decide(&scope(), decision(held.id, false)).await.unwrap().unwrap();
    assert_eq!((decided.state, decided.reason), (MessageState::Refused, Some(crate::model::Reason::Content)));
    assert!(house.store.pair(&scope(), &id("c-1"), T0).await.unwrap().unwrap().contacts.is_empty());
    let notice = house.store.claim(LATER, LEASE, 9).await.unwrap();
    assert_eq!((notice.len(), notice[0].cargo, notice[0].to), (1, Cargo::RefusedNotice, Side::Seller));
    let kinds = house.kinds("c-1").await;
    assert_eq!(kinds[1..], [EntryKind::MessageHeld, EntryKind::MessageRefused]);
}

#[tokio::test]
async fn a_release_from_before_a_barrier_is_withheld() {
    let house = House::with("c-1").await;
    let held = from_seller("c-1", T0);
    house.hold(held.clone()).await;
    house.store.review(&scope(), review("c-1", 1, T0)).await.unwrap();
    let decided = house.store.decide(&scope(), decision(held.id, true)).await.unwrap().unwrap();
    assert_eq!(decided.state, MessageState::Withheld);
    assert!(house.store.pair(&scope(), &id("c-1"), T0).await.unwrap().unwrap().contacts.is_empty());
    let due = house.store.claim(LATER.plus(HOUR), LEASE, 9).await.unwrap();
    assert_eq!((due.len(), due[0].cargo), (1, Cargo::WithheldNotice));
}

/// A buyer's own word ends a stop; one that had waited to be looked at since before it was none.
#[tokio::test]
async fn a_release_from_before_a_stop_leaves_the_buyer_in_peace() {
    for (held_at, peace) in [(T0, true), (T0.plus(HOUR).plus(HOUR), false)] {
        let house = House::with("c-1").await;
        let held = from_buyer("c-1", held_at);
        let stop = Record { stop: Some(LATER), ..from_buyer("c-1", T0.plus(HOUR)) };
        if peace {
            house.hold(held.clone()).await;
            house.accept(stop).await;
        } else {
            house.accept(stop).await;
            house.hold(held.clone()).await;
        }
        house.store.decide(&scope(), decision(held.id, true)).await.unwrap().unwrap();
        let pair = house.store.pair(&scope(), &id("c-1"), LATER.plus(HOUR)).await.unwrap().unwrap();
        let quiet = pair.stopped.is_some_and(|stopped| pair.last_from_buyer.is_none_or(|spoke| spoke <= stopped));
        assert_eq!(quiet, peace, "{pair:?}");
    }
}

#[tokio::test]
async fn the_author_of_what_was_held_is_told_of_cuts_when_it_is_let_go_and_not_before() {
    for release in [true, false] {
        let house = House::with("c-1").await;
        let held = Record { notice: Some(T0.plus(HOUR)), ..from_seller("c-1", T0) };
        house.hold(held.clone()).await;
        let due = LATER.plus(HOUR);
        assert!(house.store.claim(due, LEASE, 9).await.unwrap().is_empty(), "nothing is told of what waits");
        house.store.decide(&scope(), decision(held.id, release)).await.unwrap().unwrap();
        let taken = house.store.claim(due, LEASE, 9).await.unwrap();
        let cuts = taken.iter().filter(|one| one.cargo == Cargo::CutNotice);
        assert_eq!(
            cuts.map(|one| (one.to, one.accepted)).collect::<Vec<_>>(),
            vec![(Side::Seller, due); usize::from(release)]
        );
        let row = house.store.message(&scope(), held.id).await.unwrap().unwrap();
        assert_eq!(row.released, release.then_some(LATER));
    }
}

#[tokio::test]
async fn one_notice_tells_of_what_was_let_go_and_of_what_went_by_itself_in_the_same_round() {
    let house = House::with("c-1").await;
    let due = LATER.plus(HOUR);
    let held = Record { notice: Some(T0.plus(HOUR)), ..from_seller("c-1", T0) };
    house.hold(held.clone()).await;
    house.accept(Record { notice: Some(due), ..from_seller("c-1", T0.plus(HOUR)) }).await;
    house.store.decide(&scope(), decision(held.id, true)).await.unwrap().unwrap();
    let taken = house.store.claim(due, LEASE, 9).await.unwrap();
    let cuts: Vec<_> = taken.iter().filter(|one| one.cargo == Cargo::CutNotice).collect();
    assert_eq!(cuts.len(), 1);
    assert_eq!(cuts[0].message, held.id, "the round is read from the older one on");
}

fn decision(id: EventId, release: bool) -> HeldDecision {
    let kind = if release { EntryKind::MessageReleased } else { EntryKind::MessageRefused };
    HeldDecision { id, release, at: LATER, notice_due: LATER.plus(HOUR), entry: entry(kind, LATER), ruling: ruling() }
}

fn ruling() -> crate::store::HeldRuling {
    let arbiter = crate::model::Arbiter::new(0, |_| Vec::new());
    crate::store::HeldRuling { ruler: None, arbiter }
}

#[tokio::test]
async fn a_bounce_fails_what_had_been_delivered_once() {
    let house = House::with("c-1").await;
    let message = from_seller("c-1", T0);
    house.accept(message.clone()).await;
    let taken = house.store.claim(LATER, LEASE, 9).await.unwrap().remove(0);
    house.store.settle(settled(&taken, Ending::Delivered)).await.unwrap();
    let (found, row) = house.store.delivery(taken.id).await.unwrap().unwrap();
    assert_eq!((found, row.message, row.to), (scope(), message.id, Side::Buyer));
    assert!(house.store.bounced(&scope(), taken.id, LATER).await.unwrap());
    assert!(!house.store.bounced(&scope(), taken.id, LATER).await.unwrap());
    assert_eq!(house.state(&scope(), message.id).await.unwrap(), Some(MessageState::Failed));
    let notice = house.store.claim(LATER, LEASE, 9).await.unwrap();
    assert_eq!((notice.len(), notice[0].cargo), (1, Cargo::FailedNotice));
}

#[tokio::test]
async fn a_relay_that_takes_over_need_not_wait_for_the_leases_of_the_last() {
    let house = House::with("c-1").await;
    for _ in 0..2 {
        house.accept(from_seller("c-1", T0)).await;
    }
    let before = house.store.claim(LATER, LEASE, 9).await.unwrap();
    house.store.take_over(LATER).await.unwrap();
    let after = house.store.claim(LATER, LEASE, 9).await.unwrap();
    let ids = |taken: &[Delivery]| taken.iter().map(|one| one.id).collect::<Vec<_>>();
    assert_eq!(ids(&after), ids(&before));
    assert!(!house.store.still_current(&before[0]).await.unwrap());
}

#[tokio::test]
async fn a_withdrawn_review_keeps_its_barrier() {
    let house = House::with("c-1").await;
    let put = review("c-1", 1, LATER);
    house.store.review(&scope(), put.clone()).await.unwrap();
    let withdrawn = entry(EntryKind::ReviewWithdrawn, LATER);
    assert!(house.store.withdraw_review(&scope(), &put.id, withdrawn.clone()).await.unwrap());
    assert!(!house.store.withdraw_review(&scope(), &put.id, withdrawn).await.unwrap());
    let row = house.store.review_row(&scope(), &put.id).await.unwrap().unwrap();
    assert_eq!((row.rating, row.withdrawn, row.reviewer.as_str()), (1, true, "reader-0"));
    let pair = house.store.pair(&scope(), &id("c-1"), LATER).await.unwrap().unwrap();
    assert_eq!(pair.reviews.len(), 1);
}

#[tokio::test]
async fn an_answer_is_kept_once_and_until_it_expires() {
    let house = House::new().await;
    let answer = |sealed: &str, expires| AnsweredRow {
        idempotency: Idempotency { key: [1; 32], body: [2; 32], expires },
        sealed: sealed.into(),
    };
    assert!(house.store.keep_answer(&scope(), answer("first", LATER)).await.unwrap());
    assert!(!house.store.keep_answer(&scope(), answer("second", LATER)).await.unwrap());
    let kept = house.store.answered(&scope(), [1; 32], T0).await.unwrap().unwrap();
    assert_eq!(kept.sealed, b"first");
    assert!(house.store.answered(&scope(), [1; 32], LATER).await.unwrap().is_none());
    assert!(house.store.keep_answer(&scope(), answer("third", LATER.plus(DAY))).await.unwrap());
}

#[tokio::test]
async fn keys_are_wrapped_anew_where_they_are_still_the_same() {
    let house = House::with("c-1").await;
    let all = house.store.wrapped_keys(2, 100).await.unwrap();
    let owners: Vec<_> = all.iter().map(|row| row.owner.clone()).collect();
    for owner in [
        KeyOwner::Marketplace,
        KeyOwner::Party("budi".parse().unwrap()),
        KeyOwner::Party("shop-1".parse().unwrap()),
        KeyOwner::Side(id("c-1"), Side::Buyer),
        KeyOwner::Side(id("c-1"), Side::Seller),
    ] {
        assert!(owners.contains(&owner), "{owner:?}");
    }
    let mut changes: Vec<_> =
        all.iter().map(|row| (row.clone(), WrappedKey { by: 2, sealed: format!("{:?}", row.owner).into() })).collect();
    changes[0].0.key.sealed = b"changed meanwhile".to_vec();
    assert_eq!(house.store.rewrap(changes).await.unwrap(), 4);
    assert_eq!(house.store.wrapped_keys(2, 100).await.unwrap().len(), 1);
    // Two parties have an index row under key 1 beside that one data key.
    assert_eq!(house.store.key_use().await.unwrap(), [(1, 3), (2, 4)]);
    assert_eq!(house.store.parties_to_reindex(2, 9).await.unwrap().len(), 2);
    assert!(house.store.parties_to_reindex(1, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn who_has_not_read_a_new_key_yet_takes_nobodys_number() {
    let house = House::with("c-1").await;
    house.add_conversation(&scope(), &talk("c-2")).await.unwrap();
    let number = || "+15005550006".to_owned();
    let tag = |tag: u8, by| IndexTag { by, tag: [tag; 16], kind: ContactKind::Phone };
    let assign = |conversation: &str, tags: &[IndexTag]| {
        let numbers = vec![(number(), tags.to_vec())];
        Assign { conversation: id(conversation), side: Side::Buyer, numbers, at: T0, over: T0 }
    };
    let asked = async |conversation: &str, tags: &[IndexTag]| {
        house.store.assign_number(&scope(), assign(conversation, tags)).await.unwrap()
    };
    let (old, new) = (tag(1, 1), tag(2, 2));
    assert_eq!(asked("c-1", slice::from_ref(&old)).await, Assigned::Number(number(), 0));
    assert!(house.store.reindex_number(old.tag, Some(new.clone())).await.unwrap());
    assert!(house.store.numbers_to_reindex(2, 9).await.unwrap().is_empty());
    // The caller's ring ends with the first key: it can not tell whether the phone is another.
    assert_eq!(asked("c-1", slice::from_ref(&old)).await, Assigned::Number(number(), 0));
    assert_eq!(house.store.numbers(&scope(), &id("c-1")).await.unwrap()[0].tag, new.tag);
    // With both keys, another phone is another number, and what comes too late is given up.
    assert_eq!(asked("c-2", &[tag(4, 2), tag(3, 1)]).await, Assigned::Number(number(), 0));
    assert!(!house.store.reindex_number(new.tag, Some(tag(4, 2))).await.unwrap());
    assert!(house.store.numbers(&scope(), &id("c-1")).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_erasure_leaves_nothing_of_the_person_in_the_files() {
    let house = House::with("c-1").await;
    let ani = AgentRow {
        party: "budi".parse().unwrap(),
        id: "ani".parse().unwrap(),
        profile: b"canary-profile-agent".to_vec(),
        tags: Vec::new(),
        login: Some(("canary-login".to_owned(), b"canary-verifier".to_vec())),
        changed: T0,
    };
    house.store.put_agent(&scope(), ani).await.unwrap();
    let mut written = from_buyer("c-1", T0);
    written.files = vec![b"canary-file".to_vec()];
    written.private.1 = b"canary-evidence".repeat(1_000);
    written.threads = vec![ThreadRow { hash: [1; 16], sealed: b"canary-thread".to_vec() }];
    written.window = Some((0, b"canary-window".to_vec()));
    written.deliveries[0].body = b"canary-body".to_vec();
    house.accept(written.clone()).await;
    let to_person = from_seller("c-1", T0);
    house.accept(to_person.clone()).await;
    let canaries = ["canary-key-budi", "canary-key-c-1-buyer", "canary-profile-budi", "canary-tag-budi"]
        .into_iter()
        .chain(["canary-profile-agent", "canary-login", "canary-verifier", "canary-file"])
        .chain(["canary-evidence", "canary-thread", "canary-window", "canary-body"]);
    for canary in canaries.clone() {
        assert!(somewhere(house.folder.path(), canary), "{canary} was never there");
    }
    let budi: PartyId = "budi".parse().unwrap();
    let forgotten = house.store.forget_party(&scope(), &budi, LATER).await.unwrap().unwrap();
    assert_eq!((forgotten.conversations, forgotten.messages, forgotten.handles), (1, 1, 2));
    assert_eq!(forgotten.deliveries_ended, 1);
    for canary in canaries {
        assert!(!somewhere(house.folder.path(), canary), "{canary} is still there");
    }
    assert!(somewhere(house.folder.path(), "canary-profile-shop-1"), "the other side stays");
    assert!(house.store.party(&scope(), &budi).await.unwrap().is_none());
    assert!(house.store.forget_party(&scope(), &budi, LATER).await.unwrap().is_none());
    let row = house.store.conversation(&scope(), &id("c-1")).await.unwrap().unwrap();
    assert!(row.buyer_key.is_none() && row.seller_key.is_some());
    let rows = house.store.evidence(&scope(), &id("c-1"), 0, 100).await.unwrap();
    verify(&rows, "c-1");
    assert_eq!(u64::try_from(rows.len()).unwrap(), forgotten.entries_kept);
    assert!(rows.iter().any(|row| row.entry.kind == EntryKind::Erased));
    assert_eq!(house.state(&scope(), to_person.id).await.unwrap(), Some(MessageState::Failed));
    for handle in house.store.handles(&scope(), &id("c-1")).await.unwrap() {
        assert_eq!(handle.stands_for, Side::Seller);
    }
}

#[tokio::test]
async fn an_erased_party_may_come_back_and_its_budgets_were_kept() {
    let house = House::with("c-1").await;
    house.accept(from_seller("c-1", T0)).await;
    let shop: PartyId = "shop-1".parse().unwrap();
    house.store.forget_party(&scope(), &shop, LATER).await.unwrap().unwrap();
    house.store.put_party(&scope(), PartyRow { key: key("new"), ..party_row("shop-1", None) }).await.unwrap();
    assert_eq!(house.store.party(&scope(), &shop).await.unwrap().unwrap().key, key("new"));
    assert_eq!(house.store.pair(&scope(), &id("c-1"), LATER).await.unwrap().unwrap().contacts.len(), 1);
    assert!(house.store.conversation(&scope(), &id("c-1")).await.unwrap().unwrap().seller_key.is_none());
}

#[tokio::test]
async fn a_sweep_forgets_what_has_expired_and_nothing_else() {
    let house = House::with("c-1").await;
    let message = Record {
        window: Some((0, b"window".to_vec())),
        idempotency: Some(Idempotency { key: [1; 32], body: [1; 32], expires: T0.plus(DAY) }),
        ..from_seller("c-1", T0)
    };
    house.accept(message.clone()).await;
    let taken = house.store.claim(LATER, LEASE, 9).await.unwrap().remove(0);
    house.store.settle(settled(&taken, Ending::Delivered)).await.unwrap();
    house.store.sweep(T0.plus(HOUR)).await.unwrap();
    assert_eq!(house.store.window(&scope(), &id("c-1"), Side::Seller).await.unwrap().seq, 1);
    assert!(house.store.delivery(taken.id).await.unwrap().is_some());
    house.store.sweep(T0.plus(DAY).plus(HOUR)).await.unwrap();
    assert_eq!(house.store.window(&scope(), &id("c-1"), Side::Seller).await.unwrap().seq, 0);
    let again = Record { id: event(), ..message.clone() };
    let again = Record { window: None, deliveries: Vec::new(), ..again };
    assert!(matches!(house.accept(again).await, Recorded::Accepted { .. }), "the repetition was forgotten");
    house.store.sweep(T0.plus(Duration::days(31))).await.unwrap();
    assert!(house.store.delivery(taken.id).await.unwrap().is_none());
    assert!(house.store.message(&scope(), message.id).await.unwrap().is_some());
    assert_eq!(house.store.pair(&scope(), &id("c-1"), T0).await.unwrap().unwrap().contacts.len(), 2);
    house.store.sweep(T0.plus(Duration::days(101))).await.unwrap();
    assert!(house.store.pair(&scope(), &id("c-1"), T0).await.unwrap().unwrap().contacts.is_empty());
}

#[tokio::test]
async fn a_body_is_gone_when_its_delivery_is_settled() {
    let house = House::with("c-1").await;
    let mut message = from_seller("c-1", T0);
    message.deliveries[0].body = b"canary-of-a-body".to_vec();
    house.accept(message).await;
    let taken = house.store.claim(LATER, LEASE, 9).await.unwrap();
    assert_eq!(taken[0].body.as_ref(), b"canary-of-a-body");
    assert_eq!(house.store.depth().await.unwrap().queued, 1);
    house.store.settle(settled(&taken[0], Ending::Delivered)).await.unwrap();
    assert_eq!(house.store.depth().await.unwrap().queued, 0);
    house.store.writer.truncate_log().await.unwrap();
    assert!(!somewhere(house.folder.path(), "canary-of-a-body"));
}

mod model {
    //! The store against a ledger of one page, kept by hand.

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Act {
        /// A seller's message: to which of two conversations, how far the clock moved.
        Sell(usize, i64),
        /// A buyer's message.
        Buy(usize, i64),
        /// Everything that is due is claimed.
        Claim,
        /// What was claimed arrives.
        Arrive,
        /// A review of a conversation.
        Review(usize, u8),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            4 => (0usize..2, -5i64..20).prop_map(|(talk, by)| Act::Sell(talk, by)),
            2 => (0usize..2, -5i64..20).prop_map(|(talk, by)| Act::Buy(talk, by)),
            2 => Just(Act::Claim),
            2 => Just(Act::Arrive),
            1 => (0usize..2, 1u8..6).prop_map(|(talk, rating)| Act::Review(talk, rating)),
        ]
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum At {
        Queued,
        Claimed,
        Arrived,
        Withheld,
    }

    /// What a careful clerk would write down.
    #[derive(Default)]
    struct Clerk {
        sold: Vec<(EventId, usize, At)>,
        reviews: usize,
        ratings: [Option<u8>; 2],
    }

    impl Clerk {
        fn debited(&self) -> usize {
            self.sold.iter().filter(|(_, _, at)| *at != At::Withheld).count()
        }

        fn set(&mut self, from: At, to: At, which: impl Fn(usize) -> bool) -> Vec<EventId> {
            let mut changed = Vec::new();
            for (id, talk, at) in &mut self.sold {
                if *at == from && which(*talk) {
                    *at = to;
                    changed.push(*id);
                }
            }
            changed
        }
    }

    async fn play(acts: Vec<Act>) {
        let house = House::with("c-0").await;
        house.add_conversation(&scope(), &talk("c-1")).await.unwrap();
        let (mut clerk, mut now, mut claimed, mut last) = (Clerk::default(), T0, Vec::new(), Timestamp(0));
        for act in acts {
            match act {
                Act::Sell(talk, by) | Act::Buy(talk, by) => {
                    now = now.plus(Duration(by));
                    let conversation = format!("c-{talk}");
                    let sells = matches!(act, Act::Sell(..));
                    let record = if sells { from_seller(&conversation, now) } else { from_buyer(&conversation, now) };
                    if sells {
                        clerk.sold.push((record.id, talk, At::Queued));
                    }
                    let Recorded::Accepted { pair, .. } = house.accept(record).await else { panic!() };
                    assert!(pair.now > last);
                    last = pair.now;
                }
                Act::Claim => {
                    now = now.plus(Duration(30));
                    let more = house.store.claim(now, DAY, 1_000).await.unwrap();
                    for one in more.iter().filter(|one| one.to == Side::Buyer && one.cargo == Cargo::Message) {
                        let known = clerk.sold.iter_mut().find(|(id, ..)| *id == one.message).unwrap();
                        assert_eq!(known.2, At::Queued);
                        known.2 = At::Claimed;
                    }
                    claimed.extend(more);
                }
                Act::Arrive => {
                    for one in claimed.drain(..) {
                        house.store.settle(settled(&one, Ending::Delivered)).await.unwrap();
                    }
                    clerk.set(At::Claimed, At::Arrived, |_| true);
                }
                Act::Review(talk, rating) => {
                    let mut put = review(&format!("c-{talk}"), rating, now);
                    put.id = format!("r-{talk}").parse().unwrap();
                    let barrier = house.store.review(&scope(), put).await.unwrap().unwrap();
                    let raised = clerk.ratings[talk].is_none_or(|known| rating < known);
                    clerk.ratings[talk] = Some(rating);
                    assert_eq!(barrier.raised, raised);
                    if raised {
                        clerk.reviews += 1;
                        let mut withheld = clerk.set(At::Queued, At::Withheld, |_| true);
                        withheld.sort();
                        let mut told = barrier.withheld;
                        told.sort();
                        assert_eq!(told, withheld);
                    }
                }
            }
            let pair = house.store.pair(&scope(), &id("c-0"), now).await.unwrap().unwrap();
            assert_eq!((pair.contacts.len(), pair.reviews.len()), (clerk.debited(), clerk.reviews));
            assert!(pair.now > last);
        }
        for (message, _, at) in &clerk.sold {
            let state = match at {
                At::Queued | At::Claimed => MessageState::Queued,
                At::Arrived => MessageState::Delivered,
                At::Withheld => MessageState::Withheld,
            };
            assert_eq!(house.state(&scope(), *message).await.unwrap(), Some(state));
        }
        for conversation in ["c-0", "c-1"] {
            verify(&house.store.evidence(&scope(), &id(conversation), 0, 10_000).await.unwrap(), conversation);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
        #[test]
        fn the_store_agrees_with_a_careful_clerk(acts in prop::collection::vec(act(), 1..30)) {
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(play(acts));
        }
    }
}

#[tokio::test]
async fn a_seller_who_may_strike_back_is_told_of_once_for_a_review_until_it_is_twice_as_bad() {
    let house = House::with("c-1").await;
    let suspect = async |after: u32| {
        let (conversation, silence, first) = (id("c-1"), HOUR, Duration::minutes(5));
        let row = RetaliationRow { reviewed: T0, conversation, at: LATER, silence, first, before: 0, after };
        house.store.suspect(&scope(), row, entry(EntryKind::RetaliationSuspected, LATER)).await.unwrap()
    };
    let told =
        [suspect(0).await, suspect(0).await, suspect(1).await, suspect(2).await, suspect(3).await, suspect(4).await];
    assert_eq!(told, [true, false, false, true, false, true], "a word after the stretch that is counted too");
}

mod waits {
    use super::*;
    use crate::model::Closed;

    const AFTER: Duration = Duration::hours(13);

    fn overdue(now: Timestamp) -> Overdue {
        Overdue { after: T0.minus(HOUR), now, within: Duration::hours(12), complaint: false }
    }

    fn due(since: Timestamp, within: Duration, closed: &[Closed]) -> Timestamp {
        closed.iter().map(|one| one.until.plus(within)).max().unwrap_or(since.plus(within))
    }

    #[tokio::test]
    async fn a_buyer_who_wrote_by_mail_is_told_by_mail_that_the_marketplace_was_asked() {
        let house = House::with("c-1").await;
        let question = from_buyer("c-1", T0);
        let id = question.id;
        house.accept(Record { deliveries: Vec::new(), ..question }).await;
        let now = T0.plus(AFTER);
        assert_eq!(house.store.ask_overdue(&scope(), overdue(T0.plus(HOUR)), due).await.unwrap(), 0);
        assert_eq!(house.store.ask_overdue(&scope(), overdue(now), due).await.unwrap(), 1);
        assert_eq!(house.store.ask_overdue(&scope(), overdue(now), due).await.unwrap(), 0, "once");
        assert_eq!(house.store.asked(&scope(), id).await.unwrap(), Some(now));
        assert_eq!(house.kinds("c-1").await.last(), Some(&EntryKind::ResponseEscalated));
        let told = house.store.claim(now, LEASE, 9).await.unwrap();
        assert_eq!((told.len(), told[0].cargo, told[0].to), (1, Cargo::AskedNotice, Side::Buyer));
    }

    #[tokio::test]
    async fn who_waits_behind_hundreds_that_were_answered_is_found() {
        let house = House::with("c-1").await;
        house.add_conversation(&scope(), &talk("c-2")).await.unwrap();
        let asks = |conversation: &str, at: Timestamp| {
            let id = EventId::draw(at, &crate::model::SystemLuck::new()).unwrap();
            Record { id, deliveries: Vec::new(), ..from_buyer(conversation, at) }
        };
        for n in 0..201 {
            house.accept(asks("c-1", T0.plus(Duration(n)))).await;
        }
        let answer = Record { deliveries: Vec::new(), ..from_seller("c-1", T0.plus(HOUR)) };
        house.accept(answer).await;
        house.accept(asks("c-2", T0.plus(HOUR))).await;
        let now = T0.plus(AFTER).plus(HOUR);
        assert_eq!(house.store.ask_overdue(&scope(), overdue(now), due).await.unwrap(), 1);
        assert_eq!(house.kinds("c-2").await.last(), Some(&EntryKind::ResponseEscalated));
    }

    #[tokio::test]
    async fn only_a_persons_answer_ends_a_wait() {
        for (automatic, asked) in [(true, 1), (false, 0)] {
            let house = House::with("c-1").await;
            house.accept(Record { deliveries: Vec::new(), ..from_buyer("c-1", T0) }).await;
            let answer = Record { deliveries: Vec::new(), automatic, ..from_seller("c-1", T0.plus(HOUR)) };
            house.accept(answer).await;
            let count = house.store.ask_overdue(&scope(), overdue(T0.plus(AFTER)), due).await.unwrap();
            assert_eq!(count, asked, "automatic: {automatic}");
        }
    }

    #[tokio::test]
    async fn over_closed_days_the_marketplace_is_asked_when_they_are_over() {
        let house = House::with("c-1").await;
        house.accept(Record { deliveries: Vec::new(), ..from_buyer("c-1", T0) }).await;
        let party: PartyId = talk("c-1").seller.parse().unwrap();
        let closed = vec![Closed { from: T0.plus(HOUR), until: T0.plus(DAY) }];
        let entry = entry(EntryKind::ClosingDeclared, T0);
        let closing = NewClosing { party, closed, at: T0, since: T0, entry };
        let declared = house.store.put_closing(&scope(), closing, Box::new(|_| Ok(()))).await.unwrap();
        assert_eq!(declared, Declared::Done);
        let ask = async |hours: i64| {
            let now = T0.plus(Duration::hours(hours));
            // The next look begins after the message: it is remembered with its own time.
            let of = Overdue { after: now.minus(Duration::hours(12)), ..overdue(now) };
            let of = if hours == 13 { overdue(now) } else { of };
            house.store.ask_overdue(&scope(), of, due).await.unwrap()
        };
        assert_eq!((ask(13).await, ask(35).await, ask(36).await, ask(37).await), (0, 0, 1, 0));
    }
}

mod linked {
    use super::*;
    use crate::{
        model::LinkState,
        store::{Filed, LinkFilter, LinkRuling, Links as _, NewLinkDispute},
    };

    impl House {
        /// Puts a seller with these telephones, and its talk with budi.
        async fn seller(&self, n: u8, phones: &[&str]) {
            let of = format!("shop-{n}");
            let talk =
                Talk { id: id(&format!("c-{n}")), buyer: "budi", seller: Box::leak(of.clone().into()), group: None };
            if self.store.party(&scope(), &of.parse().unwrap()).await.unwrap().is_none() {
                self.add_conversation(&scope(), &talk).await.unwrap();
            }
            let tags =
                phones.iter().map(|phone| IndexTag { by: 1, tag: tag(phone), kind: ContactKind::Phone }).collect();
            self.store.put_party(&scope(), PartyRow { tags, ..party_row(&of, None) }).await.unwrap();
        }

        /// Who is one with a seller.
        async fn one_with(&self, n: u8) -> Vec<String> {
            let party = format!("shop-{n}").parse().unwrap();
            let account = self.store.account(&scope(), &party, Side::Seller).await.unwrap().unwrap();
            account.group.iter().map(ToString::to_string).collect()
        }

        /// A person parts two sellers.
        async fn part(&self, one: u8, other: u8) {
            let pair = [format!("shop-{one}"), format!("shop-{other}")];
            let links =
                self.store.seller_links(&scope(), LinkFilter { limit: 99, ..LinkFilter::default() }).await.unwrap();
            let of_both =
                |link: &&crate::store::LinkRow| link.parties.iter().all(|party| pair.contains(&party.to_string()));
            let link = links.iter().find(of_both).unwrap().id;
            let (id, at, said) = (event(), LATER, entry(EntryKind::LinkDisputed, LATER));
            let new = NewLinkDispute { id, link, by: None, at, words: Vec::new(), times: 1, entry: said };
            assert_eq!(self.store.dispute_link(&scope(), new).await.unwrap(), Filed::Done(1));
            let (arbiter, ruled) = (ruling().arbiter, entry(EntryKind::LinkRuled, LATER));
            let ruling = LinkRuling { id, upheld: true, at, ruling: Vec::new(), arbiter, entry: ruled };
            assert!(self.store.rule_link(&scope(), ruling).await.unwrap());
        }
    }

    #[tokio::test]
    async fn who_was_parted_stays_apart_whoever_else_they_are_linked_to() {
        let house = House::new().await;
        for n in 1..=3 {
            house.seller(n, &["0001"]).await;
        }
        assert_eq!(house.one_with(2).await, ["shop-1", "shop-2", "shop-3"]);
        house.part(1, 2).await;
        assert_eq!(house.one_with(2).await.len(), 3, "the third is linked to both");
        house.part(1, 3).await;
        assert_eq!((house.one_with(1).await.len(), house.one_with(2).await.len()), (1, 2));
        house.seller(4, &["0004"]).await;
        house.seller(1, &["0001", "0004"]).await;
        assert_eq!(house.one_with(1).await, ["shop-1", "shop-4"]);
        assert_eq!(house.one_with(3).await, ["shop-2", "shop-3"]);
        let parted = LinkFilter { state: Some(LinkState::Parted), limit: 9, ..LinkFilter::default() };
        assert_eq!(house.store.seller_links(&scope(), parted).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn what_a_seller_had_waiting_is_old_once_it_is_one_with_whom_the_buyer_blocked() {
        for blocked in [false, true] {
            let house = House::new().await;
            house.seller(1, &["0001"]).await;
            house.seller(2, &["0002"]).await;
            let (held, queued) = (from_seller("c-2", T0), from_seller("c-2", T0));
            house.hold(held.clone()).await;
            house.accept(queued.clone()).await;
            if blocked {
                let (by, handles) = (Side::Buyer, vec![handle(Side::Buyer, T0)]);
                let entry = entry(EntryKind::Blocked, T0);
                let block =
                    NewBlock { conversation: id("c-1"), by, blocked, at: T0, handles, notice_due: LATER, entry };
                house.store.block(&scope(), block).await.unwrap().unwrap();
            }
            house.seller(2, &["0001"]).await;
            assert_eq!(house.one_with(2).await.len(), 2);
            let claimed = house.store.claim(LATER, LEASE, 9).await.unwrap();
            let mails = claimed.iter().filter(|one| one.cargo == Cargo::Message).count();
            assert_eq!(mails, usize::from(!blocked), "queued");
            let decided = house.store.decide(&scope(), decision(held.id, true)).await.unwrap().unwrap();
            let state = if blocked { MessageState::Withheld } else { MessageState::Queued };
            assert_eq!(decided.state, state, "held");
        }
    }

    #[tokio::test]
    async fn what_a_crowd_shares_hides_nothing_that_two_share() {
        let house = House::new().await;
        for n in 1..=30 {
            house.seller(n, &["0000"]).await;
        }
        house.seller(1, &["0000", "0009"]).await;
        house.seller(31, &["0000", "0009"]).await;
        assert!(house.one_with(31).await.contains(&"shop-1".to_owned()));
    }
}

#[tokio::test]
async fn what_an_upstream_did_not_take_is_taken_up_again_unless_a_barrier_came() {
    let house = House::with("c-1").await;
    let mut message = Record { channel: Channel::Proxy, ..from_seller("c-1", T0) };
    message.deliveries[0].channel = Channel::Proxy;
    house.accept(message.clone()).await;
    let id = message.deliveries[0].id;
    let settle = async |claim, how| {
        house.store.settle(vec![Settled { id, claim, how, at: T0 }]).await.unwrap();
        house.state(&scope(), message.id).await.unwrap().unwrap()
    };
    let claimed = async |now| house.store.claim(now, LEASE, 10).await.unwrap().len();
    assert_eq!(claimed(T0).await, 0, "the call itself brings it");
    assert_eq!(settle(1, Ending::Failed).await, MessageState::Failed);
    assert_eq!(claimed(LATER).await, 0, "its author heard it, and is sent no notice");

    house.store.add_marketplace(marketplace("other", "other.example")).await.unwrap();
    let other = Scope::proven("other".parse().unwrap());
    assert_eq!(house.store.take_up(&other, message.id, T0).await.unwrap(), None);

    let take_up = async || house.store.take_up(&scope(), message.id, T0).await.unwrap();
    assert_eq!((take_up().await, take_up().await), (Some(2), None), "one call at a time");
    assert_eq!(settle(2, Ending::Failed).await, MessageState::Failed);
    assert_eq!(take_up().await, Some(3));
    house.store.take_over(T0).await.unwrap();
    assert_eq!(claimed(T0).await, 1, "what a crash cut off is found");
    assert_eq!(settle(4, Ending::Failed).await, MessageState::Failed);

    house.store.review(&scope(), review("c-1", 1, LATER)).await.unwrap();
    assert_eq!(take_up().await, None);
    assert_eq!(house.state(&scope(), message.id).await.unwrap(), Some(MessageState::Withheld));
}
