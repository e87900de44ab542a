//! Cases, reports and the third voice, through the API, over a real store, with a clock that a test moves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

#[path = "../pdf/paper.rs"]
#[expect(dead_code, reason = "shared with the tests of PDF files")]
mod paper;

mod clocks;
mod disputes;
mod house;
mod persons;
mod reports;
mod voice;
