//! Concepts by number: what was found, what turns a sentence, and what words mean; the sets that words have together,
//! and the names that languages share.

use std::collections::HashMap;

use super::{learned, signal::Set};
use crate::model::Kind;

/// What was found, as a concept: the first ids are kept for these.
pub(super) fn found_concept(kind: Kind) -> u16 {
    match kind {
        Kind::Address => 0,
        Kind::Code => 1,
        Kind::Email => 2,
        Kind::Link => 3,
        Kind::Name => 4,
        Kind::Payment => 5,
        Kind::Phone => 6,
        Kind::Social => 7,
    }
}

/// Every kind, by the id of its concept.
pub(super) const FOUND: [Kind; 8] =
    [Kind::Address, Kind::Code, Kind::Email, Kind::Link, Kind::Name, Kind::Payment, Kind::Phone, Kind::Social];

/// Concepts that one word has together.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) concepts: Vec<u16>,
    /// The numbers of their names.
    pub(super) names: Vec<u16>,
    /// One of them is English, whose words are borrowed everywhere.
    pub(super) english: bool,
}

/// Numbers every set of concepts.
#[derive(Default)]
pub(super) struct Groups {
    /// The concepts that are English.
    english: Set,
    /// Of each concept, the number of its name.
    names: Vec<u16>,
    numbers: HashMap<Vec<u16>, u32>,
    /// By their number.
    pub(super) groups: Vec<Group>,
}

impl Groups {
    /// No sets yet, of concepts of which these are English and have names of these numbers.
    pub(super) fn new(english: Set, names: Vec<u16>) -> Self {
        Self { english, names, ..Self::default() }
    }

    /// The number of a set.
    pub(super) fn number(&mut self, mut concepts: Vec<u16>) -> Option<u32> {
        concepts.sort_unstable();
        concepts.dedup();
        if concepts.is_empty() {
            return None;
        }
        let next = u32::try_from(self.groups.len()).ok()?;
        let number = *self.numbers.entry(concepts.clone()).or_insert(next);
        if number == next {
            let english = concepts.iter().any(|concept| self.english.has(*concept));
            let names = concepts.iter().filter_map(|concept| self.names.get(usize::from(*concept))).copied().collect();
            self.groups.push(Group { concepts, names, english });
        }
        Some(number)
    }
}

/// The ids of concepts that are frames.
pub(super) const FRAMES: u16 = FOUND.len() as u16;

/// Of each concept, the number of its name without its language, and the key of each name.
pub(super) fn names(concepts: &HashMap<String, u16>) -> (Vec<u16>, Vec<u32>) {
    let mut all: Vec<String> = FOUND.iter().map(|kind| format!("found.{}", kind.as_str())).collect();
    all.extend(["frame.denial", "frame.tale", "frame.turn"].map(str::to_owned));
    let mut own: Vec<_> = concepts.iter().collect();
    own.sort_unstable_by_key(|(_, id)| **id);
    let bare = |name: &str| name.split_once(':').map_or(name, |(_, bare)| bare).to_owned();
    all.extend(own.into_iter().map(|(name, _)| bare(name)));
    let mut numbers: HashMap<String, u16> = HashMap::new();
    let mut keys = Vec::new();
    let mut number = |name: String| {
        let next = u16::try_from(numbers.len()).unwrap_or(u16::MAX);
        if !numbers.contains_key(&name) {
            keys.push(learned::key(b'k', name.as_bytes()));
        }
        *numbers.entry(name).or_insert(next)
    };
    let names = all.into_iter().map(&mut number).collect();
    (names, keys)
}
