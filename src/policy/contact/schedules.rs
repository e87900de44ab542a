//! Random schedules against an independent model written from the contract's text: whatever order
//! reviews, messages, stops, blocks and clocks come in, no more passes than it allows.
//!
//! 4,000 schedules of 60 steps run with the other tests; `TABIR_SCHEDULES=1000000` sets another
//! number.

use super::*;
use crate::model::Fulfilment;

/// What happened, in order, and nothing derived from it: each question is answered by reading all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Event {
    /// The buyer wrote, here or in another conversation of the pair.
    Buyer {
        here: bool,
    },
    /// The buyer said stop.
    Stop,
    /// A program of the buyer answered; a report came; a raised rating; a withdrawal.
    Noise,
    Review(u8),
    Block(bool),
    Case(CaseState),
    /// A seller's message that passed, in this conversation or another, and under what.
    Passed(Under),
}

#[derive(Default)]
pub(crate) struct History {
    pub(crate) events: Vec<(i64, Event)>,
    pub(crate) feedback: u32,
    /// After a review only templates are left, as a marketplace may set it.
    pub(crate) only_templates: bool,
}

impl History {
    fn since(&self, at: i64) -> impl Iterator<Item = (i64, Event)> + '_ {
        self.events.iter().copied().filter(move |(when, _)| *when > at)
    }

    fn last(&self, wanted: impl Fn(Event) -> bool) -> Option<i64> {
        self.events.iter().rev().find(|(_, event)| wanted(*event)).map(|(at, _)| *at)
    }

    fn passed_since(&self, at: i64, wanted: impl Fn(Under) -> bool) -> usize {
        self.since(at).filter(|(_, event)| matches!(event, Event::Passed(under) if wanted(*under))).count()
    }

    /// The state that the store would read.
    fn state(&self, now: i64) -> PairState {
        let mut state = PairState {
            now: Timestamp(now),
            order: Some((OrderState::Shipped, Fulfilment::Seller)),
            ..PairState::default()
        };
        state.asked = self.feedback > 0;
        for (at, event) in &self.events {
            let at = Timestamp(*at);
            match *event {
                Event::Buyer { here } => {
                    state.last_from_buyer = Some(at);
                    if here {
                        state.last_here = Some(at);
                    }
                }
                Event::Stop => state.stopped = Some(at),
                Event::Noise => {}
                Event::Review(rating) => state.reviews.push((at, rating)),
                Event::Block(blocked) => state.blocked_by_buyer = blocked,
                Event::Case(case) => state.cases = vec![(case, at)],
                Event::Passed(under) => state.contacts.push((at, under)),
            }
        }
        state
    }

    /// The contract, sentence by sentence. `Err` says which one is broken if this passes now.
    pub(crate) fn may_pass(&self, now: i64, form: Form, under: Under) -> Result<(), &'static str> {
        let blocked = self.last(|event| event == Event::Block(true));
        if blocked.is_some() && blocked > self.last(|event| event == Event::Block(false)) {
            return Err("the buyer asked for no contact");
        }
        let spoke = self.last(|event| matches!(event, Event::Buyer { .. }));
        let here = self.last(|event| event == Event::Buyer { here: true });
        let stop = self.last(|event| event == Event::Stop);
        if stop.is_some() && spoke < stop {
            return Err("a stop holds until the buyer writes again");
        }
        let words = |under| under != Under::Shipping;
        if under == Under::Shipping {
            if self.passed_since(now - 7 * DAY, |under| under == Under::Shipping) >= 5 {
                return Err("five notices of a parcel in a week");
            }
        } else {
            if self.passed_since(spoke.unwrap_or(-1), words) >= 3 {
                return Err("three in a row without an answer");
            }
            if self.passed_since(now - HOUR, words) >= 5 {
                return Err("five in any hour");
            }
        }
        if form.asks_for_feedback() && self.feedback > 0 {
            return Err("one request for feedback an order");
        }
        let reviews: Vec<(i64, u8)> = self
            .since(now - 30 * DAY)
            .filter_map(|(at, event)| if let Event::Review(rating) = event { Some((at, rating)) } else { None })
            .collect();
        let decided = self
            .last(|event| event == Event::Case(CaseState::Closed))
            .filter(|at| *at > now - 90 * DAY && Some(*at) > self.last(|event| event == Event::Case(CaseState::Open)));
        let recent_stop = stop.filter(|at| *at > now - 30 * DAY);
        let narrowed = reviews.last().map(|(at, _)| *at).max(decided).max(recent_stop);
        let in_case = self.last(|event| event == Event::Case(CaseState::Open))
            > self.last(|event| event == Event::Case(CaseState::Closed));
        if narrowed.is_none() && !in_case {
            return Ok(());
        }
        let opened = here.filter(|at| *at > narrowed.unwrap_or(-1) && now - at <= 48 * HOUR);
        if opened.is_some_and(|at| self.passed_since(at, |under| under == Under::Reply) < 3) {
            return Ok(());
        }
        if reviews.last().is_some_and(|(at, _)| now - at < DAY) {
            return Err("nothing in the first day after a review");
        }
        if recent_stop.is_some() || decided.is_some() {
            return Err("after a stop or a decision only answers");
        }
        if (in_case || self.only_templates) && !matches!(form, Form::Template(_)) {
            return Err("in a case, and after a review where it is set, only templates");
        }
        for (_, rating) in &reviews {
            let per = if *rating <= 3 { 7 * DAY } else { 3 * DAY };
            if under != Under::Shipping && self.passed_since(now - per, |under| under == Under::Review) >= 1 {
                return Err("one in a week after a low review, one in three days after a high one");
            }
        }
        Ok(())
    }
}

/// A small generator: the same seed gives the same schedule.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn form(&mut self) -> Form {
        match self.next(8) {
            0 => Form::Feedback,
            1 => Form::Shipping,
            2 => Form::Template(Template::Feedback),
            3 => Form::Template(Template::Shipping),
            4 => Form::Template(Template::Refund),
            _ => Form::Free,
        }
    }
}

#[test]
fn no_schedule_lets_more_pass_than_the_contract_allows() {
    let wanted = std::env::var("TABIR_SCHEDULES").ok().and_then(|n| n.parse().ok()).unwrap_or(4_000_u64);
    let (mut passed, mut refused) = (0_u64, 0_u64);
    for seed in 0..wanted {
        let only_templates = seed % 2 == 1;
        let reviewed = if only_templates { Leave::Templates } else { Leave::Free };
        let phases = Phases { reviewed_low: reviewed, reviewed_high: reviewed, ..Phases::default() };
        let rules = ContactRules { phases, ..ContactRules::default() };
        let history = History { only_templates, ..History::default() };
        let (mut history, mut draw, mut now) = (history, Draw(seed), DAY);
        for _ in 0..60 {
            // The store never lets two moments of a pair be one, nor time go back.
            now += 1 + [0, MINUTE, HOUR, DAY][draw.next(4) as usize] * draw.next(12) as i64;
            let event = match draw.next(40) {
                0..=3 => Event::Buyer { here: true },
                4 => Event::Buyer { here: false },
                5 => Event::Stop,
                6 => Event::Noise,
                7 => Event::Review(1 + draw.next(5) as u8),
                8 => Event::Block(draw.next(2) == 0),
                9 => Event::Case(if draw.next(2) == 0 { CaseState::Open } else { CaseState::Closed }),
                _ => {
                    let (form, state) = (draw.form(), history.state(now));
                    let approach = Approach { from: Side::Seller, form };
                    let buyer = judge(&state, Approach::free(Side::Buyer), &rules, Verdict::Deliver);
                    assert_eq!(buyer, Decision::Accept { under: None }, "seed {seed}");
                    match judge(&state, approach, &rules, Verdict::Deliver) {
                        Decision::Accept { under: Some(under) } => {
                            let broken = history.may_pass(now, form, under).err();
                            assert_eq!(broken, None, "seed {seed}: {form:?} under {under:?}\n{:?}", history.events);
                            passed += 1;
                            history.feedback += u32::from(form.asks_for_feedback());
                            Event::Passed(under)
                        }
                        _ => {
                            refused += 1;
                            continue;
                        }
                    }
                }
            };
            history.events.push((now, event));
        }
    }
    // Neither a gate that is always shut nor one that is always open would prove anything.
    assert!(passed > wanted && refused > wanted, "{passed} passed, {refused} were refused");
}

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
