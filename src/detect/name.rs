//! Guarded real names and contacts: what is known of these two people, handed in per message.
//!
//! A full name or two parts of it together, never one common word.

use memchr::memmem;
use zeroize::Zeroizing;

use super::{
    lexicon::{closes, opens},
    sight::{Finds, Found, Sight},
};
use crate::model::Kind;

/// Finds what the guard names.
pub(super) fn find(sight: &Sight<'_>, found: &mut Finds) {
    let guarded = &sight.context.guarded;
    guarded.names.iter().for_each(|name| full_name(sight, name, found));
    guarded.emails.iter().for_each(|email| exact(sight, email, Kind::Email, found));
    guarded.streets.iter().for_each(|street| exact(sight, street, Kind::Address, found));
    if !sight.context.guard.phones.is_empty() {
        phones(sight, found);
    }
}

fn full_name(sight: &Sight<'_>, parts: &[String], found: &mut Finds) {
    let text = sight.text();
    if ![parts.first(), parts.last()].into_iter().flatten().any(|part| said(text, part)) {
        return;
    }
    let mut places: Vec<(usize, usize, usize)> = Vec::new();
    for (n, part) in parts.iter().enumerate() {
        places.extend(
            text.match_indices(part.as_str())
                .filter(|(at, _)| opens(text, *at) && closes(text, at + part.len()))
                .map(|(at, _)| (at, at + part.len(), n)),
        );
    }
    places.sort_unstable();
    let mut from = 0;
    while from < places.len() {
        let mut to = from;
        while to + 1 < places.len()
            && places[to + 1].2 != places[from].2
            && together(&text[places[to].1..places[to + 1].0.max(places[to].1)])
        {
            to += 1;
        }
        if to > from {
            found.push(Found { start: places[from].0, end: places[to].1, kind: Kind::Name });
        }
        from = to + 1;
    }
}

/// Whether a text has these words. A short one is searched without the tables that a long one is
/// worth.
fn said(text: &str, words: &str) -> bool {
    let (text, words) = (text.as_bytes(), words.as_bytes());
    if text.len() > SHORT {
        return memmem::find(text, words).is_some();
    }
    let Some((first, rest)) = words.split_first() else { return true };
    memchr::memchr_iter(*first, text).any(|at| text[at + 1..].starts_with(rest))
}

/// A text of so many bytes is short.
const SHORT: usize = 400;

/// Parts of a name are together with nothing but an initial or signs between them.
fn together(gap: &str) -> bool {
    gap.len() <= 5 && gap.chars().filter(|c| c.is_alphanumeric()).count() <= 1
}

fn exact(sight: &Sight<'_>, wanted: &str, kind: Kind, found: &mut Finds) {
    if wanted.len() < 5 {
        return;
    }
    if !said(sight.text(), wanted) {
        return;
    }
    let places = memmem::find_iter(sight.text().as_bytes(), wanted);
    found.extend(places.map(|start| Found { start, end: start + wanted.len(), kind }));
}

/// The last eight digits of a guarded number, however they are grouped.
fn phones(sight: &Sight<'_>, found: &mut Finds) {
    let digits = sight.digits();
    let atoms = digits.atoms();
    for phone in &sight.context.guard.phones {
        let figures = Zeroizing::new(phone.chars().filter(char::is_ascii_digit).collect::<String>());
        if figures.len() < 7 {
            continue;
        }
        let tail = &figures[figures.len().saturating_sub(8)..];
        let mut first = 0;
        for last in 0..atoms.len() {
            while first < last && digits.value(first + 1, last).len() >= figures.len() + 4 {
                first += 1;
            }
            if !digits.value(first, last).ends_with(tail) {
                continue;
            }
            let mut begin = last;
            while begin > first && digits.value(begin, last).len() < figures.len() {
                begin -= 1;
            }
            found.push(Found { start: atoms[begin].start, end: atoms[last].end, kind: Kind::Phone });
        }
    }
}
