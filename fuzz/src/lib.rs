//! What hostile bytes may never do, as functions of the bytes: each asserts what must hold of
//! whatever comes.
//!
//! `fuzz_targets/` hands them what libFuzzer thinks of; `tests/corpora.rs` takes this very file
//! in and hands them what is kept in `corpus/`. So the two never drift.

pub mod edge;
pub mod files;
pub mod mail;
pub mod milter;
pub mod page;
pub mod smtp;
pub mod text;

/// A function that panics when the bytes make something untrue.
pub type Target = fn(&[u8]);

/// Every target, by the name of its file in `fuzz_targets/` and of its folder in `corpus/`.
pub const TARGETS: &[(&str, Target)] = &[
    ("fold", text::fold),
    ("detect", |bytes| text::detect(&text::DETECT, bytes)),
    ("email", |bytes| text::detector("email", bytes)),
    ("link", |bytes| text::detector("link", bytes)),
    ("payment", |bytes| text::detector("payment", bytes)),
    ("phone", |bytes| text::detector("phone", bytes)),
    ("social", |bytes| text::detector("social", bytes)),
    ("spread", |bytes| text::detector("spread", bytes)),
    ("address", |bytes| text::detector("address", bytes)),
    ("name", |bytes| text::detector("name", bytes)),
    ("lexicon", text::lexicon),
    ("jsonl", text::jsonl),
    ("html", page::html),
    ("mime", mail::mime),
    ("smtp", smtp::smtp),
    ("milter", milter::milter),
    ("proxy", edge::proxy),
    ("sts", edge::sts),
    ("image", files::image),
    ("pdf", files::pdf),
];

/// Runs the target of that name.
pub fn run(name: &str, bytes: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of this name");
    target(bytes);
}
