//! A market of 1,000 sellers and 50,000 orders in a month of virtual time: how much harm the contact rules let through,
//! how many honest messages they hinder, and how often an honest seller is taken for one who strikes back.
//!
//! `cargo bench --bench market` prints a table; `TABIR_BENCH_SEED` draws another market. People are drawn in
//! `market/people.rs`; what they write goes through the detection and the rules of the relay.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and fails by panicking"
)]

#[path = "market/draws.rs"]
mod draws;
#[path = "market/people.rs"]
mod people;
#[path = "market/world.rs"]
mod world;

use std::time::Instant;

use people::Kind;
use world::Market;

fn main() {
    // A test runner that only asks what is here gets no benchmark.
    if std::env::args().any(|word| word == "--list" || word == "--test") {
        return;
    }
    let seed = std::env::var("TABIR_BENCH_SEED").map_or(2026, |seed| seed.parse().expect("a number"));
    let began = Instant::now();
    let market = Market::play(seed, 1_000, 50_000);
    println!("1,000 sellers, 50,000 orders, seed {seed}: {:.1} s", began.elapsed().as_secs_f64());
    println!(
        "\n{:<12}{:>8}{:>10}{:>11}{:>9}{:>9}{:>12}{:>14}{:>13}",
        "seller", "orders", "messages", "delivered", "contact", "content", "low reviews", "then unasked", "most of one"
    );
    for kind in Kind::ALL {
        let sum = market.sum(kind);
        println!(
            "{:<12}{:>8}{:>10}{:>11}{:>9}{:>9}{:>12}{:>14}{:>13}",
            kind.name(),
            sum.orders,
            sum.written,
            sum.delivered,
            sum.limited,
            sum.refused,
            sum.low_reviews,
            format!("{} of {}", sum.unasked, sum.unasked_tried),
            sum.unasked_most
        );
    }
    println!("\n{:<12}{:>10}{:>14}{:>10}", "seller", "reviews", "strike back", "share");
    for kind in Kind::ALL {
        let sum = market.sum(kind);
        let share = 100.0 * f64::from(sum.suspected) / f64::from(sum.reviews.max(1));
        println!("{:<12}{:>10}{:>14}{share:>9.2} %", kind.name(), sum.reviews, sum.suspected);
    }
    println!("\nhonest messages hindered, by reason:");
    for (reason, count) in market.hindered() {
        let share = 100.0 * f64::from(count) / f64::from(market.sum(Kind::Honest).written);
        println!("  {reason:<16}{count:>8}{share:>8.2} %");
    }
}
