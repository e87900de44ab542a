//! A seeded attacker: contacts in disguises laid over one another, three deep, sent through the
//! detection. What comes out is read by rules of its own ([`reading`]), as a person would read it.
//!
//! The seed is fixed, so a try that gets through today gets through tomorrow. A try that a person
//! could not read before the detection touched it is drawn again: it would have carried nothing.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test may fail loudly and tell a table")]

#[path = "attacker/alphabets.rs"]
mod alphabets;
#[path = "attacker/contacts.rs"]
mod contacts;
#[path = "attacker/draws.rs"]
mod draws;
#[path = "attacker/reading.rs"]
mod reading;
#[path = "attacker/transforms.rs"]
mod transforms;

use std::{collections::BTreeMap, sync::LazyLock, thread};

use tabir::{
    detect::{Context, Detect, Piece, Window},
    model::Part,
};

use contacts::{Contact, carried};
use draws::Draws;
use reading::reads;
use transforms::{Disguise, SPLIT, TRANSFORMS, Transform};

/// Where the draws begin; `ATTACKER_SEED` names another beginning, in decimal.
static SEED: LazyLock<u64> =
    LazyLock::new(|| std::env::var("ATTACKER_SEED").map_or(0x7ab1_2026, |seed| seed.parse().unwrap()));
/// So many readable tries count.
const TRIES: usize = 10_000;
/// So many transforms are laid over one another at most.
const DEPTH: usize = 3;
/// At most so many tries of a hundred may stay readable.
const PER_CENT: usize = 3;

/// What one try was and how it came out.
struct Try {
    kind: &'static str,
    names: Vec<&'static str>,
    sent: Vec<String>,
    delivered: Vec<String>,
    readable: bool,
}

#[test]
fn at_most_three_of_a_hundred_disguised_contacts_stay_readable() {
    let detect = Detect::embedded().unwrap();
    let workers = thread::available_parallelism().map_or(2, |n| n.get().min(8));
    let tries: Vec<Try> = thread::scope(|scope| {
        let share = |worker: usize| (worker..TRIES).step_by(workers).map(|n| attack(&detect, n)).collect::<Vec<_>>();
        let threads: Vec<_> = (0..workers).map(|worker| scope.spawn(move || share(worker))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let readable = tries.iter().filter(|one| one.readable).count();
    tell(&tries, readable);
    assert_eq!(tries.len(), TRIES);
    assert!(readable * 100 <= TRIES * PER_CENT, "{readable} of {TRIES} tries stay readable");
}

#[test]
fn there_are_forty_transforms_and_each_of_them_is_drawn() {
    let names: std::collections::BTreeSet<_> = TRANSFORMS.iter().map(|transform| transform.name).collect();
    assert!(names.len() >= 40 && names.len() == TRANSFORMS.len(), "{}", names.len());
    let drawn: std::collections::BTreeSet<_> = (0..3000).flat_map(|n| drawn(n).1).collect();
    let never: Vec<_> = names.difference(&drawn).collect();
    assert!(never.is_empty(), "never drawn: {never:?}");
}

#[test]
fn what_a_person_reads_is_read_and_what_was_taken_out_is_not() {
    let mut draws = Draws::new(*SEED);
    for n in 0..400 {
        let contact = Contact::draw(&mut draws);
        let text = carried(&contact, &contact.text, &mut draws);
        assert!(reads(&text, &contact), "{n}: {text}");
        let other = "Halo kak, stok masih ada [nomor telepon dihapus] nr 12, cena 45,00, 3 pcs in 2 days.";
        assert!(!reads(other, &contact), "{n}: {contact:?}");
    }
}

/// The `n`-th try: drawn until a person could read it, then sent.
fn attack(detect: &Detect, n: usize) -> Try {
    let (contact, names, sent) = drawn(n);
    let delivered = sent_through(detect, &sent, contact.lang, n.is_multiple_of(2));
    let readable = reads(&delivered.join("\n"), &contact);
    Try { kind: contact.kind.name(), names, sent, delivered, readable }
}

/// A contact in its disguise, as one text or two.
fn drawn(n: usize) -> (Contact, Vec<&'static str>, Vec<String>) {
    let mut draws = Draws::new(*SEED ^ (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    loop {
        let contact = Contact::draw(&mut draws);
        let (disguise, names) = disguised(&contact, &mut draws);
        let text = carried(&contact, &disguise.finished(contact.lang), &mut draws);
        let sent: Vec<String> = text.split(SPLIT).map(str::to_owned).collect();
        if reads(&sent.join("\n"), &contact) {
            return (contact, names, sent);
        }
    }
}

/// One to three transforms that each change something.
fn disguised(contact: &Contact, draws: &mut Draws) -> (Disguise, Vec<&'static str>) {
    let mut disguise = Disguise::of(contact);
    let mut names = Vec::new();
    let depth = 1 + draws.below(DEPTH);
    while names.len() < depth {
        let Transform { name, apply } = draws.one(TRANSFORMS);
        let before = disguise.clone();
        apply(&mut disguise, draws);
        if disguise != before {
            names.push(name);
        }
    }
    (disguise, names)
}

/// What the reader gets: the texts of one message, or of one message after another.
fn sent_through(detect: &Detect, texts: &[String], lang: &str, apart: bool) -> Vec<String> {
    let context = Context { lang: Some(lang.to_owned()), ..Context::default() };
    let pieces: Vec<Piece<'_>> =
        texts.iter().enumerate().map(|(n, text)| Piece { part: Part::Text(n), text }).collect();
    if !apart {
        return detect.scan(&pieces, &context, &Window::default()).redacted;
    }
    let mut window = Window::default();
    let mut delivered = Vec::new();
    for piece in &pieces {
        let report = detect.scan(std::slice::from_ref(piece), &context, &window);
        window = report.window;
        delivered.extend(report.redacted);
    }
    delivered
}

/// The seed, the weakest kinds and transforms, and some of what got through.
fn tell(tries: &[Try], readable: usize) {
    println!("seed {}: {readable} of {} tries stay readable", *SEED, tries.len());
    table("kind", tries, |one| vec![one.kind]);
    table("transform", tries, |one| one.names.clone());
    let shown = std::env::var("ATTACKER_SHOWS").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    let mut through: Vec<_> = tries.iter().filter(|one| one.readable).collect();
    through.sort_by_key(|one| one.names.len());
    for one in through.into_iter().take(shown) {
        println!("{} {}: {:?} -> {:?}", one.kind, one.names.join(" + "), one.sent, one.delivered);
    }
}

fn table(title: &str, tries: &[Try], keys: impl Fn(&Try) -> Vec<&'static str>) {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (one, key) in tries.iter().flat_map(|one| keys(one).into_iter().map(move |key| (one, key))) {
        let count = counts.entry(key).or_default();
        *count = (count.0 + 1, count.1 + usize::from(one.readable));
    }
    let mut rows: Vec<_> = counts.into_iter().collect();
    rows.sort_by_key(|(_, (all, readable))| std::cmp::Reverse(readable * 10_000 / all));
    println!("{title:32} tries  readable");
    for (key, (all, readable)) in rows.iter().take(25) {
        println!("{key:32} {all:5} {readable:5} {:5.1} %", *readable as f64 * 100.0 / *all as f64);
    }
}
