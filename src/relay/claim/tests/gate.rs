//! Nothing goes around the gate: each way that somebody would try, and random days of all of them
//! against the model of the contract that `policy` is tested with.

use super::*;
use crate::{
    desk::orders::OrderFacts,
    model::{EventId, Form, Fulfilment, OrderState, PairState, Reason, Template, Under},
    policy::{
        contact::{
            FanOut,
            schedules::{Draw, Event, History},
        },
        templates::Filled,
    },
    store::Deliver,
};

const BUYER: &str = "ratna@pembeli.example";

/// How a seller writes.
#[derive(Clone)]
struct Try<'a> {
    conversation: &'a str,
    channel: Channel,
    agent: Option<&'a str>,
    template: Option<Filled>,
    text: String,
}

fn words(conversation: &str) -> Try<'_> {
    let text = "About your order, once more.".to_owned();
    Try { conversation, channel: Channel::Mail, agent: None, template: None, text }
}

fn filled(template: Template, params: &[(&str, &str)]) -> Filled {
    let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Filled::new(template, &params).unwrap()
}

fn apology() -> Option<Filled> {
    Some(filled(Template::Apology, &[("about", "late")]))
}

fn refund() -> Option<Filled> {
    Some(filled(Template::Refund, &[("amount", "12.50"), ("currency", "PLN"), ("days", "7")]))
}

/// Every template with every word in it.
fn all_filled() -> Vec<Filled> {
    let mut all = vec![filled(Template::Feedback, &[])];
    all.extend(refund());
    for about in ["delivery", "invoice", "item", "return", "size", "warranty"] {
        all.push(filled(Template::Answer, &[("about", about)]));
    }
    for about in ["damaged", "description", "late", "missing", "service", "wrong"] {
        all.push(filled(Template::Apology, &[("about", about)]));
    }
    for status in ["delayed", "delivered", "out", "packed", "shipped"] {
        all.push(filled(Template::Shipping, &[("date", "2026-11-22"), ("status", status)]));
    }
    all
}

impl House {
    /// A conversation of the buyer with a shop of the group, about an order of its own.
    async fn deal(&self, id: &str, seller: &str) {
        let order = format!("o-{id}").parse().unwrap();
        let facts = OrderFacts {
            state: OrderState::Shipped,
            fulfilment: Fulfilment::Seller,
            items: Vec::new(),
            total: None,
            promised_by: None,
            return_terms: None,
            delivered_at: None,
        };
        self.desk.put_order(&self.scope, &order, &facts).await.unwrap();
        let party = |id: &str, email: String, role, group: Option<&str>| {
            let group = group.map(str::to_owned);
            let form = PartyForm { emails: vec![email], role: Some(role), group, ..PartyForm::default() };
            PartyRef::Inline(id.parse().unwrap(), Box::new(form))
        };
        let form = ConversationForm {
            order: Some(order),
            listing: None,
            buyer: party("ratna", BUYER.to_owned(), Side::Buyer, None),
            seller: party(seller, format!("{seller}@sklep.example"), Side::Seller, Some("firm")),
            tracking: Vec::new(),
            expires: None,
            deliver: Deliver::default(),
        };
        assert!(self.desk.put_conversation(&self.scope, &id.parse().unwrap(), form).await.is_ok());
    }

    async fn tries(&self, way: Try<'_>) -> Outcome {
        // Each a message of its own: the same again would be answered as the first was.
        static NEXT: AtomicI64 = AtomicI64::new(0);
        let n = NEXT.fetch_add(1, Ordering::SeqCst);
        let thread = ThreadIds { id: Some(format!("{n}@x.example")), ..ThreadIds::default() };
        let text = way.template.is_none().then(|| way.text.clone());
        let inbound = Inbound {
            scope: self.scope.clone(),
            conversation: way.conversation.parse().unwrap(),
            from: Side::Seller,
            agent: way.agent.map(|agent| agent.parse().unwrap()),
            channel: way.channel,
            purpose: Purpose::Other,
            template: way.template,
            proof: "token".to_owned(),
            content: Content { text, thread, ..Content::default() },
            removed: Vec::new(),
            named: Vec::new(),
            idempotency: None,
        };
        self.relay.pass(inbound).await
    }

    async fn refuses(&self, way: Try<'_>, expected: Reason) {
        let outcome = self.tries(way).await;
        assert!(matches!(&outcome, Outcome::Refused(refusal) if refusal.reason == expected), "{outcome:?}");
    }

    async fn reviewed(&self, conversation: &str, rating: u8) {
        let (review, conversation) = (format!("r-{conversation}").parse().unwrap(), conversation.parse().unwrap());
        assert!(self.desk.put_review(&self.scope, &review, &conversation, rating, None).await.is_ok());
    }

    fn jump(&self, span: Duration) {
        self.clock.0.fetch_add(span.0, Ordering::SeqCst);
    }

    async fn state_of(&self, conversation: &str) -> PairState {
        self.store.pair(&self.scope, &conversation.parse().unwrap(), self.clock.now()).await.unwrap().unwrap()
    }
}

/// A buyer who has given one star in the first of three conversations.
async fn gated() -> House {
    let house = House::with(MarketRules::default(), |_, _, _| Handover::Delivered).await;
    for (id, seller) in [("one", "toko"), ("two", "toko"), ("sister", "toko-2")] {
        house.deal(id, seller).await;
    }
    house.reviewed("one", 1).await;
    house
}

#[tokio::test]
async fn a_new_order_is_no_way_around_a_review() {
    let house = gated().await;
    house.refuses(words("two"), Reason::CoolDown).await;
    house.deal("three", "toko").await;
    house.refuses(words("three"), Reason::CoolDown).await;
}

#[tokio::test]
async fn a_new_handle_is_no_way_around_a_review() {
    let house = gated().await;
    for of in [Side::Buyer, Side::Seller] {
        assert!(house.desk.rotate(&house.scope, &"one".parse().unwrap(), of, "asked").await.is_ok());
        house.refuses(words("one"), Reason::CoolDown).await;
    }
}

#[tokio::test]
async fn another_channel_is_no_way_around_a_review() {
    let house = gated().await;
    for channel in [Channel::Mail, Channel::Api, Channel::Sms] {
        house.refuses(Try { channel, ..words("one") }, Reason::CoolDown).await;
    }
}

#[tokio::test]
async fn another_agent_is_no_way_around_a_review() {
    let house = gated().await;
    for agent in ["ania", "piotr"] {
        house.refuses(Try { agent: Some(agent), ..words("one") }, Reason::CoolDown).await;
    }
}

#[tokio::test]
async fn another_seller_of_the_group_is_no_way_around_a_review() {
    let house = gated().await;
    house.refuses(words("sister"), Reason::CoolDown).await;
    house.jump(Duration::hours(25));
    let template = apology();
    assert!(matches!(house.tries(Try { template: template.clone(), ..words("one") }).await, Outcome::Accepted(_)));
    house.refuses(Try { template, ..words("sister") }, Reason::ReviewBudget).await;
}

#[tokio::test]
async fn a_restart_is_no_way_around_a_review() {
    let house = gated().await.restart().await;
    house.refuses(words("one"), Reason::CoolDown).await;
    let house = house.restart().await;
    house.jump(Duration::hours(25));
    assert!(matches!(house.tries(words("one")).await, Outcome::Accepted(_)), "what is left");
    let house = house.restart().await;
    house.refuses(words("one"), Reason::ReviewBudget).await;
}

#[tokio::test]
async fn a_clock_that_jumps_back_and_forth_is_no_way_around_a_review() {
    let house = gated().await;
    for days in [-40, 40, -4_000, 4_000] {
        house.jump(Duration::days(days));
        house.refuses(words("one"), Reason::CoolDown).await;
    }
    // What was spent in a clock's future stays spent when the clock comes back.
    house.jump(Duration::hours(25));
    let apology = Try { template: apology(), ..words("one") };
    assert!(matches!(house.tries(apology.clone()).await, Outcome::Accepted(_)));
    house.jump(Duration::hours(-24));
    house.refuses(apology, Reason::ReviewBudget).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_sends_share_what_is_left() {
    let house = Arc::new(gated().await);
    house.jump(Duration::hours(25));
    let sends: Vec<_> = (0..24)
        .map(|n| {
            let house = Arc::clone(&house);
            tokio::spawn(async move {
                let conversation = ["one", "two", "sister"][n % 3];
                let template = apology().filter(|_| n % 2 == 0);
                let channel = [Channel::Api, Channel::Mail, Channel::Sms, Channel::Mail][n % 4];
                let text = "x".repeat(n + 1);
                house.tries(Try { template, channel, text, ..words(conversation) }).await
            })
        })
        .collect();
    let mut taken = 0;
    for send in sends {
        taken += usize::from(matches!(send.await.unwrap(), Outcome::Accepted(_)));
    }
    assert_eq!(taken, 1);
}

#[tokio::test]
async fn a_stop_closes_every_way_until_the_buyer_writes_on_purpose() {
    let house = House::with(MarketRules::default(), |_, _, _| later()).await;
    for (id, seller) in [("one", "toko"), ("two", "toko"), ("sister", "toko-2")] {
        house.deal(id, seller).await;
    }
    house.takes("two", Side::Seller, "The parcel is packed.").await;
    house.takes("one", Side::Buyer, "Please stop messaging me. Do not contact me again.").await;
    assert_eq!(house.states("two").await, [MessageState::Withheld]);
    for channel in [Channel::Mail, Channel::Api, Channel::Sms] {
        for conversation in ["one", "two", "sister"] {
            house.refuses(Try { channel, ..words(conversation) }, Reason::Stopped).await;
        }
    }
    // A program's answer opens nothing; nor does time, nor a restart.
    let away = house.say("one", Side::Buyer, "I am away until Monday.", true).await;
    assert!(matches!(away, Outcome::Accepted(_)));
    house.jump(Duration::days(60));
    let house = house.restart().await;
    house.refuses(words("one"), Reason::Stopped).await;
    // History that a mail quotes below is not the buyer's word.
    let asks = "Where is my parcel?\n\nOn Mon, Zenon <x@y.example> wrote:\n> Please stop messaging me.\n";
    house.takes("one", Side::Buyer, asks).await;
    assert!(matches!(house.tries(words("one")).await, Outcome::Accepted(_)));
}

#[tokio::test]
async fn the_house_words_pass_unhurt_in_every_language() {
    let house = House::open(|_, _, _| Handover::Delivered).await;
    for (locale, text) in [("en", "a refund of 12.50 PLN"), ("id", "sebesar 12.50 PLN"), ("pl", "zwrot 12.50 PLN")] {
        let party = |role: Side| {
            let form = PartyForm {
                emails: vec![format!("{role:?}-{locale}@mail.example")],
                role: Some(role),
                locale: Some(locale.to_owned()),
                ..PartyForm::default()
            };
            PartyRef::Inline(format!("{}-{locale}", role.as_str()).parse().unwrap(), Box::new(form))
        };
        let form = ConversationForm {
            order: None,
            listing: None,
            buyer: party(Side::Buyer),
            seller: party(Side::Seller),
            tracking: Vec::new(),
            expires: None,
            deliver: Deliver::default(),
        };
        assert!(house.desk.put_conversation(&house.scope, &locale.parse().unwrap(), form).await.is_ok());
        for filled in all_filled() {
            let outcome = house.tries(Try { template: Some(filled.clone()), ..words(locale) }).await;
            let Outcome::Accepted(accepted) = outcome else { panic!("{locale} {filled:?}: {outcome:?}") };
            assert!(accepted.findings.is_empty() && accepted.signals.is_empty(), "{locale} {filled:?}: {accepted:?}");
            if filled.template() == Template::Refund {
                let delivered = accepted.delivered.text.unwrap_or_default();
                assert!(delivered.contains(text), "{delivered}");
            }
        }
    }
}

#[tokio::test]
async fn the_same_text_to_many_buyers_stops_and_an_answer_does_not() {
    let mut market = MarketRules::default();
    market.contact.fan_out = FanOut { buyers: 3, per: Duration::hours(1) };
    let house = House::with(market, |_, _, _| Handover::Delivered).await;
    let form = |n: usize| {
        let party = |id: String, role| {
            let form =
                PartyForm { emails: vec![format!("{id}@mail.example")], role: Some(role), ..PartyForm::default() };
            PartyRef::Inline(id.parse().unwrap(), Box::new(form))
        };
        ConversationForm {
            order: None,
            listing: None,
            buyer: party(format!("buyer-{n}"), Side::Buyer),
            seller: party("toko".to_owned(), Side::Seller),
            tracking: Vec::new(),
            expires: None,
            deliver: Deliver::default(),
        }
    };
    let spam = |n: usize| {
        format!(
            "Dear customer number {n}, our new winter collection has arrived, with scarves, hats and gloves for the \
             whole family at prices that you will not see again this year."
        )
    };
    for n in 0..5 {
        let id = format!("c-{n}");
        assert!(house.desk.put_conversation(&house.scope, &id.parse().unwrap(), form(n)).await.is_ok());
        let own = Try { text: spam(n), ..words(&id) };
        if n < 3 {
            assert!(matches!(house.tries(own).await, Outcome::Accepted(_)), "{n}");
        } else {
            house.refuses(own, Reason::FanOut).await;
        }
    }
    assert!(matches!(house.tries(words("c-4")).await, Outcome::Accepted(_)), "another text");
    house.takes("c-3", Side::Buyer, "What is new in your shop?").await;
    assert!(matches!(house.tries(Try { text: spam(3), ..words("c-3") }).await, Outcome::Accepted(_)), "an answer");
    house.jump(Duration::hours(2));
    assert!(matches!(house.tries(Try { text: spam(9), ..words("c-0") }).await, Outcome::Accepted(_)), "later");
}

/// Days of reviews, messages, stops, blocks, late hosts, restarts and a clock that jumps, on three
/// conversations of one pair and three channels. What reaches the buyer is what the model allows,
/// and nothing that was accepted before a barrier.
#[tokio::test]
async fn random_days_bring_the_buyer_nothing_that_the_contract_forbids() {
    const CONVERSATIONS: [&str; 3] = ["one", "two", "sister"];
    let mut delivered = 0;
    for seed in 0..6 {
        let mut house = House::with(MarketRules::default(), |_, at, _| {
            // Away every other quarter of an hour.
            if at.since(START).0 / (15 * MINUTE.0) % 2 == 0 { Handover::Delivered } else { later() }
        })
        .await;
        for (id, seller) in CONVERSATIONS.into_iter().zip(["toko", "toko", "toko-2"]) {
            house.deal(id, seller).await;
        }
        let (mut days, mut draw) = (Days::default(), Draw(seed));
        for step in 0..60 {
            house.live(Duration::minutes(i64::try_from(draw.next(3)).unwrap())).await;
            house.jump(Duration([1, MINUTE.0, 3 * 3_600_000, 30 * 3_600_000][usize::try_from(draw.next(4)).unwrap()]));
            if draw.next(12) == 0 {
                house.jump(Duration::hours(-40));
            }
            if draw.next(15) == 0 {
                house = house.restart().await;
            }
            days.step(&house, step, &mut draw).await;
            days.give_back(&house).await;
        }
        house.live(Duration::hours(1)).await;
        delivered += days.check(&house);
    }
    assert!(delivered > 20, "{delivered}: a gate that is always shut proves nothing");
}

/// What happened, as each conversation sees it.
#[derive(Default)]
struct Days {
    histories: [History; 3],
    /// The seller's messages that were taken: after how many acts, their words, and their moment.
    sent: Vec<(u32, EventId, String, Timestamp)>,
    /// After how many acts each barrier was raised, and how many mails the buyer had by then.
    barriers: Vec<(u32, usize)>,
    acts: u32,
}

impl Days {
    fn happened(&mut self, at: Timestamp, seen: impl Fn(usize) -> Event) {
        for (n, history) in self.histories.iter_mut().enumerate() {
            history.events.push((at.0, seen(n)));
        }
    }

    async fn step(&mut self, house: &House, step: usize, draw: &mut Draw) {
        const CONVERSATIONS: [&str; 3] = ["one", "two", "sister"];
        let here = usize::try_from(draw.next(3)).unwrap();
        let conversation = CONVERSATIONS[here];
        let now = house.state_of(conversation).await.now;
        self.acts += 1;
        match draw.next(20) {
            0..=3 => {
                house.takes(conversation, Side::Buyer, &format!("A question, number {step}.")).await;
                self.happened(now, |n| Event::Buyer { here: n == here });
            }
            4 => {
                house.takes(conversation, Side::Buyer, &format!("Stop messaging me! Leave me alone. {step}")).await;
                self.happened(now, |_| Event::Stop);
                self.barriers.push((self.acts, taken(house)));
            }
            5 => {
                let away = house.say(conversation, Side::Buyer, &format!("I am away, {step}."), true).await;
                assert!(matches!(away, Outcome::Accepted(_)));
            }
            6 => {
                let (review, rating) = (format!("r-{step}").parse().unwrap(), u8::try_from(1 + draw.next(5)).unwrap());
                let about = conversation.parse().unwrap();
                assert!(house.desk.put_review(&house.scope, &review, &about, rating, None).await.is_ok());
                self.happened(now, |_| Event::Review(rating));
                self.barriers.push((self.acts, taken(house)));
                if draw.next(2) == 0 {
                    assert!(house.desk.withdraw_review(&house.scope, &review).await.is_ok());
                }
            }
            7 => {
                let blocked = draw.next(3) == 0;
                let was = house.state_of(conversation).await.blocked_by_buyer;
                let about = conversation.parse().unwrap();
                assert!(house.desk.block(&house.scope, &about, Side::Buyer, blocked).await.is_ok());
                self.happened(now, |_| Event::Block(blocked));
                if blocked && !was {
                    self.barriers.push((self.acts, taken(house)));
                }
            }
            _ => {
                let template = refund().filter(|_| draw.next(3) == 0);
                let channel = match draw.next(4) {
                    0 => Channel::Api,
                    1 => Channel::Sms,
                    _ => Channel::Mail,
                };
                let text = format!("Message {}.", "x".repeat(step + 1));
                let form = template.as_ref().map_or(Form::Free, |filled| Form::Template(filled.template()));
                let outcome = house.tries(Try { template, channel, text: text.clone(), ..words(conversation) }).await;
                let Outcome::Accepted(accepted) = outcome else { return };
                let (at, under) = *house.state_of(conversation).await.contacts.last().expect("a debit");
                let broken = self.histories[here].may_pass(at.0, form, under).err();
                assert_eq!(broken, None, "{form:?} under {under:?}: {:?}", self.histories[here].events);
                assert_ne!(under, Under::Shipping);
                self.happened(at, |_| Event::Passed(under));
                self.sent.push((self.acts, accepted.id, text, at));
            }
        }
    }

    /// What was withheld gave its debit back.
    async fn give_back(&mut self, house: &House) {
        for (_, id, _, at) in &self.sent {
            let row = house.store.message(&house.scope, *id).await.unwrap().expect("a row");
            if row.state == MessageState::Withheld {
                for history in &mut self.histories {
                    history.events.retain(|(when, event)| *when != at.0 || !matches!(event, Event::Passed(_)));
                }
            }
        }
    }

    /// What the host took for the buyer came before any barrier that followed its acceptance.
    fn check(&self, house: &House) -> usize {
        let mails = house.hosts.taken(BUYER);
        for (place, mail) in mails.iter().enumerate() {
            for (act, id, text, _) in self.sent.iter().filter(|(_, _, text, _)| mail.contains(text.as_str())) {
                let barrier = self.barriers.iter().find(|(raised, _)| raised > act);
                assert!(barrier.is_none_or(|(_, before)| place < *before), "{id} came after a barrier: {text}");
            }
        }
        mails.len()
    }
}

/// How many mails the buyer has.
fn taken(house: &House) -> usize {
    house.hosts.taken(BUYER).len()
}
