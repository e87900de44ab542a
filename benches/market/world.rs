//! The market at work: each order's acts through the detection and the contact rules, and what came of it.

use std::collections::{BTreeMap, HashMap};

use tabir::{
    detect::{Context, Detect, Piece, Window},
    model::{Approach, Decision, Duration, Fulfilment, OrderState, PairState, Part, Side, Timestamp, Verdict},
    policy::{
        contact::{ContactRules, judge},
        content::{ContentRules, decide},
        retaliation::{Aftermath, RetaliationRules, look},
    },
};

use super::{
    draws::Draws,
    people::{Act, Kind, order},
};

/// What came of the orders of one kind of seller.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    pub(crate) orders: u32,
    /// What sellers wrote.
    pub(crate) written: u32,
    pub(crate) delivered: u32,
    /// Refused by the contact rules.
    pub(crate) limited: u32,
    /// Refused or held by the content rules.
    pub(crate) refused: u32,
    pub(crate) reviews: u32,
    /// Reviews of at most three stars.
    pub(crate) low_reviews: u32,
    /// Messages within thirty days of those that answer nothing: tried, delivered, and most for one buyer.
    pub(crate) unasked_tried: u32,
    pub(crate) unasked: u32,
    pub(crate) unasked_most: u32,
    /// Reviews after which the seller is said to strike back.
    pub(crate) suspected: u32,
}

/// A market that was played.
pub(crate) struct Market {
    sums: BTreeMap<Kind, Sum>,
    hindered: BTreeMap<&'static str, u32>,
}

impl Market {
    /// Plays so many orders of so many sellers.
    pub(crate) fn play(seed: u64, sellers: usize, orders: usize) -> Self {
        let mut draws = Draws::seeded(seed);
        let kinds: Vec<Kind> = (0..sellers).map(|_| Kind::draw(&mut draws)).collect();
        let mut market = Self { sums: BTreeMap::new(), hindered: BTreeMap::new() };
        let mut readers = Readers::new();
        for _ in 0..orders {
            let kind = draws.of(&kinds);
            let acts = order(kind, &mut draws);
            market.play_order(kind, &acts, &mut readers);
        }
        market
    }

    /// What came of the orders of one kind of seller.
    pub(crate) fn sum(&self, kind: Kind) -> Sum {
        self.sums.get(&kind).copied().unwrap_or_default()
    }

    /// Why honest sellers' messages did not arrive, and how many.
    pub(crate) fn hindered(&self) -> impl Iterator<Item = (&'static str, u32)> {
        self.hindered.iter().map(|(reason, count)| (*reason, *count))
    }

    fn play_order(&mut self, kind: Kind, acts: &[(f64, Act)], readers: &mut Readers) {
        let mut pair = Pair::new();
        for (hour, act) in acts {
            pair.at(*hour);
            match act {
                Act::Delivered => pair.state.order = Some((OrderState::Delivered, Fulfilment::Seller)),
                Act::Buyer => pair.hears(),
                Act::Review(stars) => pair.state.reviews.push((pair.state.now, *stars)),
                Act::Seller { text, asked } => self.write(kind, &mut pair, readers.verdict(text), *asked),
            }
        }
        let sum = self.sums.entry(kind).or_default();
        sum.orders += 1;
        if let Some((reviewed, rating)) = pair.state.reviews.first().copied() {
            sum.reviews += 1;
            let (seller, buyer) = (pair.tried, pair.heard);
            let around = Aftermath { reviewed, rating, seller, buyer };
            sum.suspected += u32::from(look(&around, &RetaliationRules::default()).is_some());
            sum.low_reviews += u32::from(rating <= 3);
            sum.unasked_most = sum.unasked_most.max(pair.unasked);
        }
    }

    fn write(&mut self, kind: Kind, pair: &mut Pair, verdict: Verdict, asked: bool) {
        let unasked = !asked && pair.is_after_few_stars();
        let sum = self.sums.entry(kind).or_default();
        sum.written += 1;
        sum.unasked_tried += u32::from(unasked);
        pair.tried.push(pair.state.now);
        let why = match judge(&pair.state, Approach::free(Side::Seller), &ContactRules::default(), verdict) {
            Decision::Accept { under } => {
                pair.state.contacts.extend(under.map(|under| (pair.state.now, under)));
                sum.delivered += 1;
                sum.unasked += u32::from(unasked);
                pair.unasked += u32::from(unasked);
                return;
            }
            // Nobody looks at what is held: after a day it is refused, as set by default.
            Decision::Hold { .. } | Decision::Escalate { .. } => "held",
            Decision::Refuse(reason) => reason.as_str(),
        };
        match why {
            "content" | "held" => sum.refused += 1,
            _ => sum.limited += 1,
        }
        if kind == Kind::Honest {
            *self.hindered.entry(why).or_default() += 1;
        }
    }
}

/// One buyer and one seller.
struct Pair {
    state: PairState,
    /// When the seller wrote, whatever came of it.
    tried: Vec<Timestamp>,
    /// When the buyer wrote.
    heard: Vec<Timestamp>,
    unasked: u32,
}

impl Pair {
    fn new() -> Self {
        let state = PairState { order: Some((OrderState::Placed, Fulfilment::Seller)), ..PairState::default() };
        Self { state, tried: Vec::new(), heard: Vec::new(), unasked: 0 }
    }

    fn at(&mut self, hour: f64) {
        let wanted = Timestamp((hour * 3_600_000.0) as i64);
        self.state.now = wanted.max(self.state.now.plus(Duration(1)));
    }

    fn hears(&mut self) {
        self.state.last_from_buyer = Some(self.state.now);
        self.state.last_here = self.state.last_from_buyer;
        self.heard.push(self.state.now);
    }

    fn is_after_few_stars(&self) -> bool {
        let month = Duration::days(30);
        self.state.reviews.iter().any(|(at, stars)| *stars <= 3 && self.state.now.since(*at) < month)
    }
}

/// The detection, asked once for each sentence.
struct Readers {
    detect: Detect,
    known: HashMap<&'static str, Verdict>,
}

impl Readers {
    fn new() -> Self {
        Self { detect: Detect::embedded().expect("the lexicons that come with the program"), known: HashMap::new() }
    }

    fn verdict(&mut self, text: &'static str) -> Verdict {
        let detect = &self.detect;
        *self.known.entry(text).or_insert_with(|| {
            let pieces = [Piece { part: Part::Text(0), text }];
            let scan = detect.scan(&pieces, &Context::default(), &Window::default());
            decide(&scan.findings, &scan.signals, Side::Seller, &ContentRules::default())
        })
    }
}
