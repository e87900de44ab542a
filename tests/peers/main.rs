//! What a program that knows only the contract finds when it drives the real binary over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    dead_code,
    reason = "a test fails by panicking and tells why on stderr; the harness serves the benches too"
)]

#[path = "../house/mod.rs"]
mod house;

mod api;
mod cases;
mod contact;
mod crash;
mod defence;
mod dialect;
mod dkim;
mod frames;
mod gate;
mod judges;
mod operator;
mod postfix;
mod proxy;
mod returns;
mod round_trip;
mod search;
mod senders;
mod sms;
mod uploads;
mod webhooks;
