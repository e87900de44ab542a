//! What a decision of the gate costs, alone and in its transaction.
//!
//! `cargo bench --bench contact` takes seconds. The decision is the pure one that runs inside the writer's
//! transaction; the bar is 2 µs. The state is a full one: the busiest pair of a hundred days, reviewed, in a case.
//! The transaction is the store's, with its sync: message, evidence, budget and outbox of 5 kB mails, from one writer
//! and from many at once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and fails by panicking"
)]

#[path = "contact/ledger.rs"]
mod ledger;

use std::{hint::black_box, time::Instant};

use tabir::{
    model::{
        Approach, CaseState, Duration, Form, Fulfilment, OrderState, PairState, Restriction, Side, Template, Timestamp,
        Under, Verdict,
    },
    policy::contact::{ContactRules, judge, standing},
};

fn main() {
    // A test runner that only asks what is here gets no benchmark.
    if std::env::args().any(|word| word == "--list" || word == "--test") {
        return;
    }
    let rules = ContactRules::default();
    for (name, state) in
        [("a new pair", PairState::default()), ("a talk of 20", pair(20)), ("the busiest", pair(1_000))]
    {
        for form in [Form::Free, Form::Template(Template::Refund), Form::Shipping] {
            let approach = Approach { from: Side::Seller, form };
            let took = nanoseconds(|| _ = black_box(judge(black_box(&state), approach, &rules, Verdict::Deliver)));
            println!("{name:14} {:32} {took:8.0} ns", format!("{form:?}"));
        }
        let took = nanoseconds(|| _ = black_box(standing(black_box(&state), &rules)));
        println!("{name:14} {:32} {took:8.0} ns", "what is left");
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    for (writers, messages, others) in [(1, 500, 0), (20, 4_000, 0), (20, 4_000, 1_000), (100, 10_000, 0)] {
        let took = runtime.block_on(ledger::measure(writers, messages, others));
        println!(
            "{writers:3} at once, one with {others:4} others: {:6.0} µs a message, {:.2} commits each; a review that \
             withholds {}: {:6.0} µs",
            took.message, took.commits, took.withheld, took.barrier
        );
    }
}

/// A pair with so many messages of the seller in a hundred days, and everything else that counts.
fn pair(messages: i64) -> PairState {
    let now = Timestamp(Duration::days(200).0);
    let step = Duration::days(100).0 / messages;
    let under = |n| if n % 3 == 0 { Under::Review } else { Under::Ordinary };
    let contacts = (0..messages).rev().map(|n| (now.minus(Duration(n * step + 1)), under(n))).collect();
    PairState {
        now,
        contacts,
        last_from_buyer: Some(now.minus(Duration::days(1))),
        last_here: Some(now.minus(Duration::days(3))),
        stopped: Some(now.minus(Duration::days(90))),
        cases: vec![(CaseState::Open, now.minus(Duration::days(2)))],
        reviews: (1..=5).map(|n| (now.minus(Duration::days(40 - i64::from(n))), n)).collect(),
        order: Some((OrderState::Delivered, Fulfilment::Seller)),
        restrictions: vec![Restriction::Slowed { burst: 900, per: Duration::days(30) }],
        ..PairState::default()
    }
}

/// The median of rounds, each long enough to be measured.
fn nanoseconds(work: impl Fn()) -> f64 {
    const TURNS: u32 = 20_000;
    let mut rounds: Vec<f64> = (0..15)
        .map(|_| {
            let started = Instant::now();
            (0..TURNS).for_each(|_| work());
            started.elapsed().as_secs_f64() * 1e9 / f64::from(TURNS)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}
