//! How many contacts drawn into pictures are found, by kind, ground, size and angle, and what reading costs.
//!
//! `cargo bench --bench words` reads 196 pictures with the real models in a real worker; it takes minutes.
//! `make models` and `make test` have fetched what it needs; `TABIR_TEST_PYTHON=target/python/bin/python` names the
//! Python that draws. `TABIR_BENCH_ONLY` picks contacts by a part of their kind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints, and fails by panicking"
)]

#[path = "../tests/house/draw.rs"]
mod draw;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::json;
use tabir::{
    detect::{Context, Detect},
    media::{image::Wish, words::Words},
    model::Part,
    relay::clean_picture,
    sandbox::Sandbox,
};

fn main() {
    // A test runner that only asks what is here gets no benchmark.
    if std::env::args().any(|word| word == "--list" || word == "--test") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(measure());
}

async fn measure() {
    let exe = PathBuf::from(env!("CARGO_BIN_EXE_tabir"));
    let sandbox = Sandbox::new(exe, 1, Duration::from_secs(60)).with_models(&draw::models());
    let reading = Wish { words: Words::Read, ..Wish::default() };
    let (detect, context) =
        (Detect::embedded().unwrap(), Context { lang: Some("id".to_owned()), ..Context::default() });
    let texts = [
        ("phone", "WA 0812-3456-7890"),
        ("phone", "Call +1 202-555-0123"),
        ("e-mail", "toko.biru@mail.example"),
        ("link", "wa.me/6281234567890"),
        ("link", "https://shop.example.com/order"),
        ("handle", "IG: @toko_biru_jkt"),
        ("handle", "Telegram @sellerfast99"),
    ];
    let (mut found, mut times) = (BTreeMap::<String, [usize; 2]>::new(), Vec::new());
    let only = std::env::var("TABIR_BENCH_ONLY").unwrap_or_default();
    for (kind, say) in texts.into_iter().filter(|(kind, _)| kind.contains(&only)) {
        for (back, ink) in [("white", "black"), ("#202840", "#f0f0e0"), ("#f0f0ee", "#c0c0c4"), ("noise", "white")] {
            for (size, turn, width) in
                [(12, 0, 480), (18, 0, 640), (30, 0, 800), (30, 25, 900), (30, 90, 900), (36, 180, 900), (60, 0, 3_000)]
            {
                let text = json!({"say": say, "at": [width / 12, width / 12], "size": size, "turn": turn, "ink": ink});
                let picture = json!({"size": [width, width * 3 / 4], "back": back, "texts": [text], "format": "JPEG"});
                let picture = Bytes::from(draw::picture(&picture));
                let start = Instant::now();
                let rebuilt = sandbox.rebuild(picture.clone(), &Wish::default()).await.unwrap();
                let without = start.elapsed();
                assert!(rebuilt.is_ok());
                let start = Instant::now();
                sandbox.rebuild(picture.clone(), &reading).await.unwrap().unwrap();
                times.push(start.elapsed().saturating_sub(without).as_millis());
                let asked = (picture, Words::Read);
                let cleaned = clean_picture(&sandbox, (&detect, &context), Part::Attachment(0), asked).await.unwrap();
                let caught = usize::from(!cleaned.unwrap().findings.is_empty());
                for group in [kind.to_owned(), format!("on {back}"), format!("{size} px of {width}, {turn}°")] {
                    let [hits, all] = found.entry(group).or_default();
                    (*hits, *all) = (*hits + caught, *all + 1);
                }
                if caught == 0 {
                    println!("missed: {say} {back} {size} {turn}");
                }
            }
        }
    }
    times.sort_unstable();
    found.iter().for_each(|(group, [hits, all])| println!("{group}: {hits} of {all}"));
    println!("ms to read: median {}, p90 {}", times[times.len() / 2], times[times.len() * 9 / 10]);
}
