//! Postal addresses: a street with its number, and something that makes it a place to go to.
//!
//! A street and a number alone are talk; with a postcode, a town, a flat, or words such as "pick
//! up at" before them they are an address, and it reaches as far as its words go.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    lexicon::{Cue, Number, Sense},
    sight::{Face, Finds, Found, Sight, is},
};
use crate::model::Kind;

/// Finds postal addresses.
pub(super) fn find(sight: &Sight<'_>, found: &mut Finds) {
    if sight.face != Face::Plain {
        return;
    }
    let text = sight.text();
    if !text.is_ascii() {
        for pattern in UNSPACED.iter() {
            found.extend(pattern.find_iter(text).map(|m| Found {
                start: m.start(),
                end: m.end(),
                kind: Kind::Address,
            }));
        }
    }
    let streets = sight.has(&[Cue::Street, Cue::StreetAfter, Cue::House])
        || sight.view.tokens().iter().any(|token| suffixed(&text[token.start..token.end]));
    if !streets {
        return;
    }
    let words = Words::of(sight);
    let mut at = 0;
    while at < words.list.len() {
        match words.address(at) {
            Some((first, last)) => {
                let (start, end) = (words.list[first].start, words.list[last].end);
                found.push(Found { start, end, kind: Kind::Address });
                at = last + 1;
            }
            None => at += 1,
        }
    }
}

/// What a word is in an address.
#[derive(Clone, Copy, Debug, Default)]
struct Word {
    start: usize,
    end: usize,
    figure: bool,
    street: bool,
    street_after: bool,
    house: bool,
    city: bool,
    postcode: bool,
    capital: bool,
    /// Belongs to the words that lead to an address.
    lead: bool,
    /// What stands between the word before and this one.
    gap: Gap,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Gap {
    #[default]
    Space,
    Comma,
    Stop,
}

struct Words<'a> {
    list: Vec<Word>,
    sight: &'a Sight<'a>,
}

impl<'a> Words<'a> {
    fn of(sight: &'a Sight<'a>) -> Self {
        let text = sight.text();
        let capitals = sight.capitals();
        let mut list: Vec<Word> = Vec::new();
        let mut end = 0;
        while let Some(skip) = text[end..].find(|c: char| c.is_alphanumeric()) {
            let start = end + skip;
            let len = text[start..]
                .find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '/' | '\'' | '&')))
                .unwrap_or(text.len() - start);
            let stop = start + text[start..start + len].trim_end_matches(['-', '/', '\'', '&']).len();
            let gap = gap(&text[end..start], list.last().is_some_and(|w| w.end - w.start <= 4 || w.street || w.house));
            let mut word = Word {
                start,
                end: stop.max(start + 1),
                gap,
                capital: capitals.get(start).copied().unwrap_or(false),
                ..Word::default()
            };
            word.figure =
                text[start..word.end].starts_with(|c: char| c.is_ascii_digit()) && word.end - word.start <= 10;
            word.street_after = suffixed(&text[start..word.end]);
            list.push(word);
            end = start + len;
        }
        let mut words = Self { list, sight };
        words.senses();
        words.postcodes();
        words
    }

    fn senses(&mut self) {
        let mut at = 0;
        for hit in self.sight.hits.iter().filter(|hit| hit.whole) {
            while at < self.list.len() && self.list[at].end <= hit.start {
                at += 1;
            }
            let covered = self.list[at..].iter_mut().take_while(|word| word.start < hit.end);
            for word in covered {
                word.street |= is(hit, &[Cue::Street]);
                word.street_after |= is(hit, &[Cue::StreetAfter]);
                word.house |= is(hit, &[Cue::House]);
                word.city |= is(hit, &[Cue::City]);
                word.lead |= is(hit, &[Cue::Place, Cue::Pay, Cue::Phone]);
                word.figure |= matches!(hit.sense, Sense::Number(Number::Value(_)));
            }
        }
    }

    fn postcodes(&mut self) {
        for at in 0..self.list.len() {
            let own = self.word(at);
            let next = self.list.get(at + 1).map(|w| self.sight.text()[w.start..w.end].to_owned()).unwrap_or_default();
            let spaced = british(own)
                && next.len() == 3
                && next.starts_with(|c: char| c.is_ascii_digit())
                && next[1..].bytes().all(|b| b.is_ascii_alphabetic());
            let canadian = letters_digits(own, "ada") && letters_digits(&next, "dad");
            let whole = polish(own) || zip(own) || letters_digits(own, "dddddd");
            self.list[at].postcode |= whole || spaced || canadian;
            if spaced || canadian {
                self.list[at + 1].postcode = true;
            }
        }
    }

    fn word(&self, at: usize) -> &str {
        &self.sight.text()[self.list[at].start..self.list[at].end]
    }

    /// The address that has its street at word `at`.
    fn address(&self, at: usize) -> Option<(usize, usize)> {
        let (first, last) = self.anchor(at)?;
        let (from, to, more) = self.reach(first, last);
        let start = self.list[from].start;
        let placed = self.sight.led(&[Cue::Place], start, 24);
        let coded = (from..=to).any(|n| self.list[n].postcode);
        (more || placed || coded).then_some((from, to))
    }

    /// A street and its number.
    fn anchor(&self, at: usize) -> Option<(usize, usize)> {
        let word = &self.list[at];
        if word.street_after && !word.figure {
            let before = (at.saturating_sub(5)..at).rev().take_while(|n| {
                self.list[n + 1].gap != Gap::Stop && (self.list[*n + 1].gap != Gap::Comma || self.list[*n].figure)
            });
            if let Some(number) = before.into_iter().find(|n| self.list[*n].figure) {
                return (at - number <= 5 && (at > number)).then_some((number, at));
            }
            let next = self.list.get(at + 1).filter(|next| next.figure && next.gap != Gap::Stop);
            if next.is_some() {
                return Some((self.name_before(at), at + 1));
            }
        }
        if let Some(last) = self.coded(at) {
            return Some((at, last));
        }
        if word.street || word.house {
            let after = (at + 1..self.list.len().min(at + 7)).take_while(|n| self.list[*n].gap != Gap::Stop);
            let number = after.into_iter().find(|n| self.list[*n].figure)?;
            let house = word.house && !word.street;
            let close = !house || number == at + 1 && self.list[at].capital;
            let second =
                !house || self.list[number..].iter().skip(1).take(3).any(|w| w.house || w.street || w.street_after);
            return (close && second).then_some((at, number));
        }
        None
    }

    /// A house number, capitalised names with a comma between them, and a postcode.
    fn coded(&self, at: usize) -> Option<usize> {
        let own = &self.list[at];
        if !own.figure
            || own.postcode
            || own.end - own.start > 7
            || !self.list.get(at + 1).is_some_and(|next| next.capital && next.gap == Gap::Space)
        {
            return None;
        }
        let mut comma = false;
        for n in at + 1..self.list.len().min(at + 14) {
            let word = &self.list[n];
            if word.gap == Gap::Stop {
                return None;
            }
            comma |= word.gap == Gap::Comma;
            if word.postcode {
                let state = self.list[n - 1].capital && self.list[n - 1].end - self.list[n - 1].start == 2;
                let plain = self.word(n).bytes().all(|b| b.is_ascii_digit());
                return (comma && (!plain || state)).then_some(n);
            }
            if !(word.capital || word.figure || word.house || word.city) {
                return None;
            }
        }
        None
    }

    /// Capitalised words that name the street before its type.
    fn name_before(&self, at: usize) -> usize {
        let mut first = at;
        while first > 0 && at - first < 4 && self.list[first].gap == Gap::Space && self.list[first - 1].capital {
            first -= 1;
        }
        first
    }

    /// How far the address reaches, and whether anything but street and number belongs to it.
    fn reach(&self, first: usize, last: usize) -> (usize, usize, bool) {
        let (mut from, mut to, mut more) = (first, last, false);
        let mut comma = 0;
        while to + 1 < self.list.len() && to - last < 16 {
            let next = &self.list[to + 1];
            if next.gap == Gap::Stop {
                break;
            }
            comma = if next.gap == Gap::Comma { 1 } else { comma + usize::from(comma > 0) };
            let part = next.city || next.postcode || next.house || next.street || next.street_after;
            let short = (1..=2).contains(&comma) && !self.clause(to + 1);
            if !(part || next.capital || next.figure && (comma > 0 || next.end - next.start <= 5) || short) {
                break;
            }
            more |= part || next.capital || short;
            to += 1;
        }
        while from > 0 && first - from < 10 {
            let (before, own) = (&self.list[from - 1], &self.list[from]);
            let part = before.house || before.figure || before.street || before.city;
            if own.gap == Gap::Stop || before.lead || !(part || before.capital) {
                break;
            }
            more |= before.house;
            from -= 1;
        }
        (from, to, more)
    }

    /// Whether an ordinary clause, not a place, begins at a word after a comma.
    fn clause(&self, at: usize) -> bool {
        let after = self.list[at..].iter().take(5);
        let plain = after
            .take_while(|w| w.gap != Gap::Stop)
            .skip(1)
            .take_while(|w| w.gap == Gap::Space)
            .filter(|w| !w.capital && !w.figure && !w.city)
            .count();
        plain >= 2
    }
}

/// What the signs between two words say; a full stop after a short word is an abbreviation.
fn gap(signs: &str, short: bool) -> Gap {
    if signs.contains(['!', '?', ';', '\n', ':', '[', ']']) || signs.contains(". ") && !short || signs.len() > 6 {
        Gap::Stop
    } else if signs.contains([',', '(', '|']) {
        Gap::Comma
    } else {
        Gap::Space
    }
}

/// Street names that carry their type at the end of the word.
fn suffixed(word: &str) -> bool {
    word.len() > 5
        && [
            "strase", "strasse", "straat", "gasse", "gase", "weg", "platz", "allee", "gatan", "vej", "laan", "utca",
            "gade", "gata", "katu", "plein", "kade",
        ]
        .iter()
        .any(|end| word.ends_with(end))
}

fn polish(word: &str) -> bool {
    letters_digits(word, "dd-ddd")
}

fn zip(word: &str) -> bool {
    letters_digits(word, "ddddd") || letters_digits(word, "ddddd-dddd")
}

fn british(word: &str) -> bool {
    ["ad", "aad", "add", "aadd", "ada", "aada"].iter().any(|shape| letters_digits(word, shape))
}

/// Whether a word has a shape of letters (`a`) and digits (`d`).
fn letters_digits(word: &str, shape: &str) -> bool {
    word.len() == shape.len()
        && word.bytes().zip(shape.bytes()).all(|(b, s)| match s {
            b'a' => b.is_ascii_alphabetic(),
            b'd' => b.is_ascii_digit(),
            sign => b == sign,
        })
}

/// Whether a hit begins an address of scripts without spaces.
static UNSPACED: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r"(?:\p{Han}{2,7}[省市区县镇乡州]){1,4}\p{Han}{0,8}(?:路|街|道|巷|弄|村|里)\s?[0-9]{1,5}\s?[号號弄](?:\s?[0-9a-z]{1,5}\s?[号號楼栋室层幢单元]{1,2}){0,4}",
        r"[0-9]{1,5}(?:/[0-9]{1,5})?\s?(?:หมู่|ม\.|ซอย|ซ\.|ถนน|ถ\.)[^\n]{0,60}?(?:แขวง|ตำบล|ต\.|เขต|อำเภอ|อ\.)[^\n]{0,60}?[0-9]{5}",
        r"(?:東京都|大阪府|京都府|北海道|\p{Han}{2,3}県)\p{Han}{1,8}[市区町村][^\s]{0,12}[0-9]{1,4}(?:[-丁番][0-9]{1,4}){0,3}",
    ]
    .iter()
    .filter_map(|pattern| Regex::new(pattern).ok())
    .collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(UNSPACED.len(), 3);
    }

    #[test]
    fn postcodes_have_shapes() {
        assert!(polish("00-950") && zip("97477") && zip("98532-1900") && british("sw1a") && !british("abcd"));
    }
}
