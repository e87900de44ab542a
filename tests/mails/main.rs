//! Hundreds of mails as real programs write them, each full of what must not reach the other side, sent both ways
//! through the running relay.
//!
//! The mails stand in `*.mails`, readable as they are: `README.md` says how they are written.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    dead_code,
    reason = "a test fails by panicking and tells why on stderr; the harness serves other tests too"
)]

#[path = "../house/mod.rs"]
mod house;

mod charset;
mod corpus;
mod fill;
mod oracle;
mod people;
mod post;
mod shape;

use std::collections::HashSet;

use corpus::Recipe;

/// How many different mails there have to be.
const MANY: usize = 300;

#[test]
fn there_are_many_different_mails_and_each_has_a_name_of_its_own() {
    let recipes = corpus::read();
    let names: HashSet<&str> = recipes.iter().map(|recipe| recipe.name.as_str()).collect();
    assert_eq!(names.len(), recipes.len(), "two mails have one name");
    let mut texts = HashSet::new();
    let same = recipes.iter().filter(|recipe| !texts.insert(people::example(recipe).raw));
    assert_eq!(same.map(|recipe| &recipe.name).collect::<Vec<_>>(), Vec::<&String>::new(), "two mails are one");
    assert!(recipes.len() >= MANY, "{} mails", recipes.len());
}

#[test]
fn every_planted_secret_can_be_read_by_whoever_looks_for_it() {
    let mut blind = Vec::new();
    for recipe in corpus::read() {
        let letter = people::example(&recipe);
        let seen = oracle::seen(&letter.raw, &letter.secrets());
        let missed: Vec<_> = letter.planted.iter().filter(|what| !seen.contains(*what)).collect();
        if !missed.is_empty() {
            blind.push(format!("{}: {missed:?}", recipe.name));
        }
    }
    assert!(blind.is_empty(), "the oracle does not see:\n{}", blind.join("\n"));
}

#[test]
fn clean_words_hold_no_secret() {
    let recipe = Recipe::of("=== plain langs=pl\n{{head}}\n\n{{mark}}\n");
    let letter = people::example(&recipe[0]);
    let words = letter.mark.clone().expect("a mark");
    assert_eq!(oracle::seen(words.as_bytes(), &letter.secrets()), Vec::<String>::new());
}

/// All of them, both ways. `TABIR_MAILS=part-of-a-name` sends some alone.
#[tokio::test(flavor = "multi_thread")]
async fn no_mail_carries_its_senders_contacts_across_and_none_is_lost_in_silence() {
    let wanted = std::env::var("TABIR_MAILS").unwrap_or_default();
    let recipes: Vec<Recipe> = corpus::read().into_iter().filter(|recipe| recipe.name.contains(&wanted)).collect();
    let faults = post::both_ways(&recipes).await;
    assert!(faults.is_empty(), "{} faults in {} mails:\n{}", faults.len(), recipes.len(), faults.join("\n"));
}
