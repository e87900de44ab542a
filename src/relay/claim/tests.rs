//! Days of the outbox, lived by the clock of the test: a minute of them is one look at the store.

mod gate;

use std::{
    collections::HashMap,
    path::PathBuf,
    pin::Pin,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
};

use arc_swap::ArcSwap;

use super::*;
use crate::{
    desk::{
        Desk,
        conversations::{ConversationForm, PartyRef},
        parties::PartyForm,
    },
    detect::Detect,
    judges::Panels,
    media::attachment::AttachmentRules,
    model::{Clock, Content, MessageState, Outcome, Purpose, Scope, SystemLuck, ThreadIds},
    policy::rules::{MarketRules, RuleBook},
    relay::{Inbound, LastLook, Rules, Transport},
    sandbox::Sandbox,
    store::{Store, sqlite::Sqlite},
    vault::Vault,
};

const START: Timestamp = Timestamp(1_793_836_800_000);
const MINUTE: Duration = Duration::minutes(1);

struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// One attempt to hand a mail over.
#[derive(Clone)]
struct Attempt {
    at: Timestamp,
    to: String,
    text: String,
    taken: bool,
}

type Says = Box<dyn Fn(&str, Timestamp, &[Attempt]) -> Handover + Send + Sync>;

/// The other hosts, all of them.
struct Hosts {
    clock: Arc<Hand>,
    says: Says,
    attempts: Mutex<Vec<Attempt>>,
    /// Happens once, before the last look.
    meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Hosts {
    fn attempts(&self, to: &str) -> Vec<Attempt> {
        self.attempts.lock().unwrap().iter().filter(|one| one.to == to).cloned().collect()
    }

    fn taken(&self, to: &str) -> Vec<String> {
        self.attempts(to).into_iter().filter(|one| one.taken).map(|one| one.text).collect()
    }
}

impl Transport for Hosts {
    fn deliver<'a>(
        &'a self,
        mail: &'a Mail,
        look: LastLook<'a>,
    ) -> Pin<Box<dyn Future<Output = Handover> + Send + 'a>> {
        Box::pin(async move {
            if let Some(happens) = self.meanwhile.lock().unwrap().take() {
                happens();
            }
            if !look.await {
                return Handover::CalledOff;
            }
            let (at, to) = (self.clock.now(), mail.to.reveal().clone());
            let mut attempts = self.attempts.lock().unwrap();
            let answer = (self.says)(&to, at, &attempts);
            let text = String::from_utf8_lossy(&mail.bytes).into_owned();
            attempts.push(Attempt { at, to, text, taken: answer == Handover::Delivered });
            answer
        })
    }
}

fn later() -> Handover {
    Handover::NotNow { code: "4.2.0".to_owned() }
}

/// A house without doors: what it accepts comes by `say`, what it sends goes to `hosts`.
struct House {
    relay: Arc<Relay>,
    store: Arc<dyn Store>,
    desk: Desk,
    clock: Arc<Hand>,
    hosts: Arc<Hosts>,
    scope: Scope,
    market: MarketRules,
    folder: tempfile::TempDir,
}

impl House {
    async fn with(
        market: MarketRules,
        says: impl Fn(&str, Timestamp, &[Attempt]) -> Handover + Send + Sync + 'static,
    ) -> Self {
        let clock = Arc::new(Hand(AtomicI64::new(START.0)));
        let hosts = Arc::new(Hosts {
            clock: Arc::clone(&clock),
            says: Box::new(says),
            attempts: Mutex::default(),
            meanwhile: Mutex::default(),
        });
        Self::open_in(tempfile::tempdir().unwrap(), market, clock, hosts).await
    }

    /// Ends everything but the file and the keys, and begins anew from these.
    async fn restart(self) -> Self {
        let Self { relay, store, desk, clock, hosts, market, folder, .. } = self;
        drop((relay, desk, store));
        Self::open_in(folder, market, clock, hosts).await
    }

    async fn open_in(folder: tempfile::TempDir, market: MarketRules, clock: Arc<Hand>, hosts: Arc<Hosts>) -> Self {
        static DETECT: OnceLock<Arc<Detect>> = OnceLock::new();
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&folder.path().join("t.db")).unwrap());
        let as_clock: Arc<dyn Clock> = Arc::<Hand>::clone(&clock);
        let vault = Vault::open(&folder.path().join("keys"), START, Arc::new(SystemLuck::new())).unwrap();
        let vault = Arc::new(vault);
        let detect = Arc::clone(DETECT.get_or_init(|| Arc::new(Detect::embedded().unwrap())));
        let rules = Arc::new(ArcSwap::from_pointee(Rules {
            book: RuleBook::new(market.clone(), []),
            own_files: HashMap::new(),
            files: AttachmentRules::default(),
            detect,
            panels: Panels::default(),
            mail_keys: Vec::new(),
            // As SPECS.md has it.
            retry: vec![Duration::seconds(30), Duration::minutes(5), Duration::minutes(30), Duration::hours(2)],
            give_up: Duration::days(5),
        }));
        let sandbox = Sandbox::new(PathBuf::from("/nowhere"), 1, StdDuration::from_secs(1));
        let way: Arc<dyn Transport> = Arc::<Hosts>::clone(&hosts);
        let (stored, opened) = (Arc::clone(&store), Arc::clone(&vault));
        let relay = Relay::new(stored, opened, Arc::clone(&as_clock), Arc::new(sandbox), way, Arc::clone(&rules));
        let (book, read) = (Arc::clone(&rules), rules);
        let desk = Desk::new(
            Arc::clone(&store),
            vault,
            as_clock,
            Arc::new(move |name: &_| book.load().book.of(name)),
            Arc::new(move || Arc::clone(&read.load().detect)),
        );
        let name: Marketplace = "demo".parse().unwrap();
        let made = desk.add_marketplace(&name, "relay.example").await.unwrap();
        let scope = made.unwrap_or_else(|| Scope::proven(name));
        Self { relay: Arc::new(relay), store, desk, clock, hosts, scope, market, folder }
    }

    /// Where nobody is limited.
    async fn open(says: impl Fn(&str, Timestamp, &[Attempt]) -> Handover + Send + Sync + 'static) -> Self {
        let mut market = MarketRules::default();
        market.contact.unanswered = 1_000;
        market.contact.rate.burst = 1_000;
        Self::with(market, says).await
    }

    /// A conversation between two addresses.
    async fn pair(&self, id: &str, buyer: &str, seller: &str) {
        let party = |role: Side, email: &str| {
            let form = PartyForm { emails: vec![email.to_owned()], role: Some(role), ..PartyForm::default() };
            PartyRef::Inline(format!("{}-{id}", role.as_str()).parse().unwrap(), Box::new(form))
        };
        let form = ConversationForm {
            order: None,
            listing: None,
            buyer: party(Side::Buyer, buyer),
            seller: party(Side::Seller, seller),
            tracking: Vec::new(),
            expires: None,
            deliver: crate::store::Deliver::default(),
        };
        let made = self.desk.put_conversation(&self.scope, &id.parse().unwrap(), form).await;
        assert!(made.is_ok(), "{id}");
    }

    async fn say(&self, id: &str, from: Side, text: &str, automatic: bool) -> Outcome {
        let thread =
            ThreadIds { id: Some(format!("{id}.{from:?}.{text}@x.example").replace(' ', ".")), ..ThreadIds::default() };
        let content = Content { text: Some(text.to_owned()), thread, automatic, ..Content::default() };
        let inbound = Inbound {
            scope: self.scope.clone(),
            conversation: id.parse().unwrap(),
            from,
            agent: None,
            channel: Channel::Mail,
            purpose: Purpose::Other,
            template: None,
            proof: "dmarc=pass".to_owned(),
            content,
            removed: Vec::new(),
            named: Vec::new(),
            idempotency: None,
        };
        self.relay.pass(inbound).await
    }

    async fn takes(&self, id: &str, from: Side, text: &str) {
        let outcome = self.say(id, from, text, false).await;
        assert!(matches!(outcome, Outcome::Accepted(_)), "{text}: {outcome:?}");
    }

    /// Carries what is due now, until nothing is.
    async fn carry(&self) {
        loop {
            let claimed = self.store.claim(self.clock.now(), LEASE, BATCH).await.unwrap();
            if claimed.is_empty() {
                return;
            }
            for lane in by_lane(claimed) {
                self.relay.walk(lane, None).await;
            }
        }
    }

    async fn live(&self, span: Duration) {
        let end = self.clock.now().plus(span);
        while self.clock.now() < end {
            self.carry().await;
            self.clock.0.fetch_add(MINUTE.0, Ordering::SeqCst);
        }
    }

    async fn states(&self, id: &str) -> Vec<MessageState> {
        let rows = self.store.messages(&self.scope, &id.parse().unwrap(), None, 1_000).await.unwrap();
        rows.into_iter().map(|row| row.state).collect()
    }
}

#[tokio::test]
async fn a_host_that_never_takes_it_is_tried_for_five_days_and_then_the_author_is_told() {
    let house = House::open(|to, _, _| if to.ends_with("@mati.test") { later() } else { Handover::Delivered }).await;
    house.pair("c-1", "ratna@mati.test", "zenon@sklep.test").await;
    for text in ["The scarf is packed.", "It leaves tomorrow.", "It has left."] {
        house.takes("c-1", Side::Seller, text).await;
    }
    house.live(Duration(Duration::days(5).0 - MINUTE.0)).await;
    let tries = house.hosts.attempts("ratna@mati.test");
    assert!(tries.iter().all(|one| one.text.contains("scarf")), "the first holds its lane");
    let waits: Vec<i64> = tries.windows(2).map(|two| two[1].at.since(two[0].at).0 / MINUTE.0).collect();
    // Waits as they are set, a tenth of jitter, and the step of this clock.
    let set = [0, 5, 30, 120].into_iter().chain(std::iter::repeat(240));
    for (n, (wait, set)) in waits.iter().zip(set).enumerate() {
        assert!((set..=set + set / 10 + 2).contains(wait), "wait {n}: {wait} minutes, not {set}");
    }
    assert!((27..=36).contains(&tries.len()), "{} tries", tries.len());
    assert!(house.hosts.attempts("zenon@sklep.test").is_empty(), "nobody is told while it is tried");
    assert_eq!(house.states("c-1").await, [MessageState::Queued; 3]);

    house.live(Duration::hours(6)).await;
    assert_eq!(house.states("c-1").await, [MessageState::Failed; 3]);
    let told = house.hosts.taken("zenon@sklep.test");
    assert_eq!(told.len(), 3, "one notice for each message");
    for notice in told {
        assert!(notice.contains("could not be delivered") && notice.contains("Auto-Submitted"), "{notice}");
        assert!(!notice.contains("mati.test") && !notice.contains("ratna"), "{notice}");
    }
    house.live(Duration::days(2)).await;
    assert_eq!(house.hosts.taken("zenon@sklep.test").len(), 3, "and no more");
}

#[tokio::test]
async fn an_address_where_nobody_lives_is_left_alone_for_days_and_only_in_that_conversation() {
    let house = House::open(|to, at, _| match to {
        "gone@pembeli.example" if at < START.plus(Duration::days(2)) => Handover::Never { code: "5.1.1".to_owned() },
        "full@pembeli.example" => Handover::Never { code: "5.2.2".to_owned() },
        _ => Handover::Delivered,
    })
    .await;
    house.pair("one", "gone@pembeli.example", "a@toko.example").await;
    house.pair("two", "full@pembeli.example", "b@toko.example").await;
    for text in ["first", "second"] {
        house.takes("one", Side::Seller, text).await;
        house.takes("two", Side::Seller, text).await;
        house.live(MINUTE).await;
    }
    assert_eq!(house.hosts.attempts("gone@pembeli.example").len(), 1, "no second knock");
    assert_eq!(house.hosts.attempts("full@pembeli.example").len(), 2, "somebody lives there");
    assert_eq!(house.states("one").await, [MessageState::Failed, MessageState::Failed]);
    assert!(!house.hosts.taken("a@toko.example").is_empty(), "the author is told all the same");
    house.live(Duration::days(3)).await;
    house.takes("one", Side::Seller, "third").await;
    house.live(MINUTE).await;
    assert!(house.hosts.taken("gone@pembeli.example").iter().any(|text| text.contains("third")), "found again");
}

/// A notice that left out what a barrier had withheld meanwhile would tell its author that one had fallen.
#[tokio::test]
async fn a_barrier_just_before_a_round_changes_nothing_of_its_notice() {
    let told = async |reviewed: bool| {
        let house = House::open(|to, _, _| if to.ends_with("@lambat.test") { later() } else { Handover::Delivered });
        let house = house.await;
        house.pair("c-1", "ratna@lambat.test", "zenon@sklep.test").await;
        house.takes("c-1", Side::Seller, "It is packed. My number: 0812-3456-7890").await;
        house.live(Duration::hours(25)).await;
        if reviewed {
            let (review, conversation) = ("r-1".parse().unwrap(), "c-1".parse().unwrap());
            let put = house.desk.put_review(&house.scope, &review, &conversation, 1, None).await;
            assert!(put.is_ok_and(|put| put.withheld == 1));
        }
        house.live(Duration::hours(3)).await;
        let notices = house.hosts.taken("zenon@sklep.test");
        assert_eq!(notices.len(), 1, "{notices:?}");
        notices[0].split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    let (with, without) = (told(true).await, told(false).await);
    assert!(without.contains("number"), "it says what was cut: {without}");
    assert_eq!(with, without);
}

#[tokio::test]
async fn a_grey_list_is_waited_out_and_order_is_kept() {
    // It takes nothing from a sender that it has not known for a quarter of an hour.
    let house = House::open(|to, at, seen| {
        let first = seen.iter().find(|one| one.to == to).map_or(at, |one| one.at);
        let grey = to.ends_with("@szara.test") && at.since(first) < Duration::minutes(15);
        if grey { later() } else { Handover::Delivered }
    })
    .await;
    house.pair("c-1", "ratna@szara.test", "zenon@sklep.test").await;
    let said = ["alpha", "bravo", "charlie", "delta", "echo"];
    for word in said {
        house.takes("c-1", Side::Seller, &format!("Step {word} is done.")).await;
    }
    house.takes("c-1", Side::Buyer, "Which steps are there?").await;
    house.carry().await;
    assert_eq!(house.hosts.taken("zenon@sklep.test").len(), 1, "the other direction does not wait");
    house.live(Duration::hours(2)).await;
    let came = house.hosts.taken("ratna@szara.test");
    let order: Vec<bool> = came.iter().zip(said).map(|(text, word)| text.contains(word)).collect();
    assert_eq!(order, [true; 5], "{}", came.len());
    assert_eq!(house.hosts.taken("zenon@sklep.test").len(), 1, "no notice for what arrived");
    assert_eq!(house.states("c-1").await, [MessageState::Delivered; 6]);
}

/// That our own store can not be read for a moment says nothing about what was accepted.
#[tokio::test]
async fn a_last_look_that_fails_hands_nothing_over_and_ends_nothing() {
    let house = House::open(|_, _, _| Handover::Delivered).await;
    house.pair("c-1", "ratna@rumah.test", "zenon@sklep.test").await;
    house.takes("c-1", Side::Seller, "The scarf is packed.").await;
    let path = house.folder.path().join("t.db");
    let rename =
        |path: &std::path::Path, sql: &str| rusqlite::Connection::open(path).unwrap().execute(sql, []).unwrap();
    let away = path.clone();
    let hidden = move || assert_eq!(rename(&away, "ALTER TABLE pair RENAME TO hidden"), 0);
    *house.hosts.meanwhile.lock().unwrap() = Some(Box::new(hidden));
    house.carry().await;
    assert_eq!(house.hosts.taken("ratna@rumah.test").len(), 0);
    rename(&path, "ALTER TABLE hidden RENAME TO pair");
    house.live(Duration::hours(2)).await;
    assert_eq!(house.states("c-1").await, [MessageState::Delivered]);
    assert_eq!(house.hosts.taken("zenon@sklep.test").len(), 0, "nobody is told that it was withheld");
}

#[tokio::test]
async fn a_notice_that_nobody_takes_ends_in_silence() {
    let house = House::open(|to, _, _| match to {
        "ratna@mati.test" => Handover::Never { code: "5.1.1".to_owned() },
        _ => later(),
    })
    .await;
    house.pair("c-1", "ratna@mati.test", "zenon@sklep.test").await;
    house.takes("c-1", Side::Seller, "The scarf is packed.").await;
    house.live(Duration::days(7)).await;
    let tries = house.hosts.attempts("zenon@sklep.test");
    assert!((27..=38).contains(&tries.len()), "{} tries of the notice", tries.len());
    let (before, depth) = (tries.len(), house.store.depth().await.unwrap());
    assert_eq!(depth.queued, 0, "nothing is left, no notice for the notice");
    house.live(Duration::days(1)).await;
    assert_eq!(house.hosts.attempts("zenon@sklep.test").len(), before);
}

#[tokio::test]
async fn a_day_of_many_lanes_and_moody_hosts_loses_nothing_and_repeats_nothing() {
    const WORDS: [&str; 6] = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot"];
    // Each host is away for two hours of every five, each for others: no wait between tries can
    // keep in step with that.
    let house = House::open(|to, at, _| {
        let hour = u64::try_from(at.since(START).0 / 3_600_000).unwrap();
        let host = to.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        if (host % 5 + hour) % 5 < 2 { later() } else { Handover::Delivered }
    })
    .await;
    let pairs: Vec<(String, String, String)> =
        (0..24).map(|n| (format!("c-{n}"), format!("b{n}@rumah-{n}.test"), format!("s{n}@sklep-{n}.test"))).collect();
    for (id, buyer, seller) in &pairs {
        house.pair(id, buyer, seller).await;
    }
    for word in WORDS {
        for (id, ..) in &pairs {
            house.takes(id, Side::Seller, &format!("Step {word} is done.")).await;
            house.takes(id, Side::Buyer, &format!("Is {word} the last?")).await;
        }
        house.live(Duration::hours(1)).await;
    }
    house.live(Duration::hours(36)).await;
    for (id, buyer, seller) in &pairs {
        assert!(house.states(id).await.iter().all(|state| *state == MessageState::Delivered), "{id}");
        for to in [buyer, seller] {
            let came = house.hosts.taken(to);
            let order: Vec<bool> = came.iter().zip(WORDS).map(|(text, word)| text.contains(word)).collect();
            assert_eq!((came.len(), order), (WORDS.len(), vec![true; WORDS.len()]), "{to}");
        }
    }
    assert_eq!(house.store.depth().await.unwrap().queued, 0);
}

#[tokio::test]
async fn two_programs_that_answer_everything_end_at_the_seller_s_limit() {
    let house = House::with(MarketRules::default(), |_, _, _| Handover::Delivered).await;
    house.pair("c-1", "ratna@rumah.test", "zenon@sklep.test").await;
    house.takes("c-1", Side::Seller, "The scarf is packed.").await;
    let mut seen = [0; 2];
    for round in 0..u32::try_from(Duration::days(30).0 / Duration::hours(1).0).unwrap() {
        house.live(Duration::hours(1)).await;
        // Each answers each mail that came since, also what is marked as automatic, and notices.
        for (n, (side, address)) in
            [(Side::Buyer, "ratna@rumah.test"), (Side::Seller, "zenon@sklep.test")].into_iter().enumerate()
        {
            let came = house.hosts.taken(address).len();
            for _ in seen[n]..came {
                let _ = house.say("c-1", side, &format!("I am away, {}.", roman(round)), true).await;
            }
            seen[n] = came;
        }
    }
    let all = house.hosts.attempts.lock().unwrap().len();
    assert!(all <= 10, "{all} mails in thirty days");
}

/// A count without digits, so that no number is read in it.
fn roman(n: u32) -> String {
    (0..10).map(|bit| if n >> bit & 1 == 1 { 'x' } else { 'i' }).collect()
}
