//! Postal addresses: a street with its number, and something that makes it a place to go to.
//!
//! A street and a number alone are talk; with a postcode, a town, a flat, or words such as "pick
//! up at" before them they are an address, and it reaches as far as its words go. Where no word
//! says "street", the order of name, number, postcode and town does.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    lexicon::{Cue, Number, Sense},
    postcode,
    sight::{Face, Finds, Found, Sight, is},
    streets::{
        BENT, BOXES, CLEAR, COPULAS, LINKS, ROMANISED, STATES, SURE, certain, house_number, is_name_of_house, ordinal,
        suffixed,
    },
};
use crate::model::Kind;

/// Finds postal addresses.
pub(super) fn find(sight: &Sight<'_>, found: &mut Finds) {
    if sight.face != Face::Plain {
        return;
    }
    let text = sight.text();
    if !text.is_ascii() {
        unspaced(text, found);
    }
    if !worth_reading(sight) {
        return;
    }
    let words = Words::of(sight);
    let mut at = 0;
    while at < words.list.len() {
        match words.address(at) {
            Some((first, last)) => {
                let (start, end) = (words.list[first].start, words.list[last].end);
                found.push(Found { start, end, kind: Kind::Address });
                at = last.max(at) + 1;
            }
            None => at += 1,
        }
    }
}

/// Whether there is a number, and a word or a postcode that may make an address of it.
fn worth_reading(sight: &Sight<'_>) -> bool {
    let text = sight.text();
    let numbered = sight.view.tokens().have_figures();
    let told = sight.has(&[Cue::Street, Cue::StreetAfter, Cue::House, Cue::District, Cue::City]);
    let parts = sight.has(&[Cue::District]) && sight.has(&[Cue::City]);
    if told && (numbered || parts || sight.has(&[Cue::Place]) || sight.numbers().next().is_some()) {
        return true;
    }
    let tokens = sight.view.tokens();
    numbered
        && (sight.has(&[Cue::Place])
            || tokens.iter().any(|token| {
                let word = &text[token.start..token.end];
                if token.has_figures() { postcode::hint(text, token.start, token.end) } else { suffixed(word) }
            }))
}

/// Addresses in scripts that put no spaces between words.
fn unspaced(text: &str, found: &mut Finds) {
    for pattern in UNSPACED.iter() {
        let places = pattern.find_iter(text).filter(|m| !text[m.end()..].starts_with(['线', '線', '机', '機', '码']));
        found.extend(places.map(|m| Found { start: m.start(), end: m.end(), kind: Kind::Address }));
    }
}

/// What a word is in an address.
#[derive(Clone, Copy, Debug, Default)]
struct Word {
    start: usize,
    end: usize,
    figure: bool,
    /// Digits and letters that are no house number: "250rb".
    measure: bool,
    /// Counts something: a unit stands beside it.
    amount: bool,
    street: bool,
    street_after: bool,
    house: bool,
    district: bool,
    city: bool,
    /// A postcode that is nothing else.
    postcode: bool,
    /// Digits that are a postcode next to a town.
    code: bool,
    capital: bool,
    /// Nothing but capitals.
    loud: bool,
    /// A number word.
    spelled: bool,
    /// Belongs to the words that lead to an address.
    lead: bool,
    /// What stands between the word before and this one.
    gap: Gap,
}

impl Word {
    fn named(&self) -> bool {
        self.street || self.street_after || self.district || self.city
    }

    fn number(&self) -> bool {
        self.figure && !self.postcode && !self.amount && self.end - self.start <= 10 && !self.measure
    }
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
    /// The whole text is in capitals: they say nothing.
    shouted: bool,
}

/// What speaks for an address between two words.
#[derive(Debug, Default)]
struct Evidence {
    street: bool,
    /// Its word stands before the name.
    leading: bool,
    /// A name stands between the number and the street's word.
    named: bool,
    clear: bool,
    sure: bool,
    number: bool,
    house: usize,
    district: usize,
    city: bool,
    postcode: bool,
    capitals: usize,
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
            let mut word = Word {
                start,
                end: stop.max(start + 1),
                capital: capitals.get(start).copied().unwrap_or(false),
                loud: capitals.get(start..stop).is_some_and(|own| own.len() > 1 && own.iter().all(|c| *c)),
                ..Word::default()
            };
            let own = &text[start..word.end];
            word.figure = own.starts_with(|c: char| c.is_ascii_digit()) && own.len() <= 10 || own == "s/n";
            word.measure = word.figure && !house_number(own);
            word.street_after = suffixed(own);
            word.district = own.contains('-') && ROMANISED.iter().any(|end| own.ends_with(end));
            list.push(word);
            end = start + len;
        }
        let said = list.iter().filter(|word| !word.figure && word.end - word.start > 2);
        let (loud, quiet): (Vec<&Word>, Vec<&Word>) = said.partition(|word| word.loud);
        let shouted = loud.len() > 3 * quiet.len() && loud.len() > 3;
        let mut words = Self { list, sight, shouted };
        words.senses();
        words.gaps();
        words.postcodes();
        words
    }

    fn senses(&mut self) {
        let mut at = 0;
        for hit in self.sight.hits.iter().filter(|hit| hit.whole) {
            while at < self.list.len() && self.list[at].end <= hit.start {
                at += 1;
            }
            let letter = hit.end - hit.start == 1 && self.list.get(at).is_some_and(|word| word.capital);
            let measured =
                is(hit, &[Cue::Unit]) && !letter && !is_name_of_house(&self.sight.text()[hit.start..hit.end]);
            if let Some(before) = at.checked_sub(1).filter(|_| measured) {
                self.list[before].amount |= self.list[before].figure && hit.start - self.list[before].end <= 1;
            }
            let mut spelled = false;
            let covered = self.list[at..].iter_mut().take_while(|word| word.start < hit.end);
            for word in covered {
                word.street |= is(hit, &[Cue::Street]);
                word.street_after |= is(hit, &[Cue::StreetAfter]);
                word.house |= is(hit, &[Cue::House]);
                word.district |= is(hit, &[Cue::District]);
                word.city |= is(hit, &[Cue::City]);
                word.lead |= is(hit, &[Cue::Place]) || !word.capital && is(hit, &[Cue::Pay, Cue::Phone]);
                spelled |= matches!(hit.sense, Sense::Number(Number::Value(_)));
                word.spelled |= spelled;
            }
        }
        // "Blok F3/12", "Unit B-9".
        for at in 1..self.list.len() {
            let own = self.word(at);
            let code = own.len() <= 8 && own.bytes().any(|b| b.is_ascii_digit()) && !self.list[at].figure;
            self.list[at].figure |= code && self.list[at - 1].house;
        }
        // One number word is talk; a house number said aloud has two or more.
        for at in 1..self.list.len() {
            if self.list[at].spelled && (self.list[at - 1].spelled) {
                (self.list[at - 1].figure, self.list[at].figure) = (true, true);
            }
        }
    }

    fn gaps(&mut self) {
        let text = self.sight.text();
        for at in 1..self.list.len() {
            let before = self.list[at - 1];
            let cue = before.named() || before.house;
            let short = before.end - before.start <= 4 || cue || before.figure;
            self.list[at].gap = gap(&text[before.end..self.list[at].start], short, cue);
            let money = text[..self.list[at].start].ends_with(['$', '€', '£', '₱', '¥', '@']);
            self.list[at].amount |= money;
        }
    }

    fn postcodes(&mut self) {
        for at in 0..self.list.len() {
            let next = self.list.get(at + 1).filter(|next| next.gap == Gap::Space);
            let next = next.map_or("", |next| &self.sight.text()[next.start..next.end]);
            let (whole, pair) = (postcode::whole(self.word(at)), postcode::pair(self.word(at), next));
            let code = postcode::digits(self.word(at));
            let state = at.checked_sub(1).is_some_and(|before| {
                self.list[before].loud && self.list[at].gap != Gap::Stop && STATES.contains(&self.word(before))
            });
            self.list[at].postcode |= whole || pair || code && state && self.word(at).len() == 5;
            self.list[at].code |= code || whole || pair;
            if pair {
                (self.list[at + 1].postcode, self.list[at + 1].code) = (true, true);
            }
        }
    }

    fn word(&self, at: usize) -> &str {
        &self.sight.text()[self.list[at].start..self.list[at].end]
    }

    /// "de", "van", "w": stands between the words of a name.
    fn link(&self, at: usize) -> bool {
        LINKS.contains(&self.word(at))
    }

    /// The address that has its street, number or district at word `at`.
    fn address(&self, at: usize) -> Option<(usize, usize)> {
        if let Some((first, last)) =
            self.coded(at).or_else(|| self.ordered(at)).or_else(|| self.led(at)).or_else(|| self.flat(at))
        {
            let (from, to, _) = self.reach(first, last);
            return Some((from, to));
        }
        let (first, last) = self.anchor(at)?;
        let (from, to, more) = self.reach(first, last);
        let placed = self.placed(from) || self.placed(first);
        let evidence = self.evidence(from, to);
        let plain = evidence.capitals == 0 || self.shouted;
        let beside =
            evidence.city || evidence.postcode || !self.shouted && (evidence.house > 0 || evidence.district > 0);
        let street = evidence.street && evidence.number;
        let whole = to + 1 == self.list.len() || self.list[to + 1].gap == Gap::Stop;
        let begins = from == 0 || self.list[from].gap == Gap::Stop;
        let town = evidence.city || evidence.postcode;
        let parts = evidence.house > 0 && (evidence.leading || !plain) || evidence.district > 0;
        let enough = street && (town || placed || !self.shouted && parts)
            || street && !plain && (evidence.sure || evidence.named && more && (evidence.clear || whole))
            || street && !plain && evidence.named && self.towned(from, to)
            || evidence.number && self.neighbours(from, to)
            || placed && evidence.number && (beside || evidence.capitals > 1)
            || placed && evidence.sure && (evidence.city || !plain)
            || placed && evidence.street && evidence.postcode
            || evidence.number && evidence.district >= 2 && (!plain || town || evidence.house > 0)
            || evidence.number && evidence.district >= 1 && (evidence.house >= 1 || !plain) && town
            || evidence.district >= 2 && evidence.city && begins && whole
            || evidence.house >= 2 && evidence.number && (evidence.city || evidence.district > 0) && !plain
            || evidence.house >= 1 && evidence.number && evidence.city && !plain && begins && whole;
        enough.then_some((from, to))
    }

    /// Whether a town follows the word for a street after a comma: a name, and no number of its own.
    fn towned(&self, from: usize, to: usize) -> bool {
        (from..to).any(|at| {
            let (street, town) = (&self.list[at], &self.list[at + 1]);
            let counted = self.list.get(at + 2).is_some_and(|next| next.figure && next.gap == Gap::Space && !next.code);
            street.street_after && street.capital && town.gap == Gap::Comma && town.capital && !town.figure && !counted
        })
    }

    /// "RT 05/02", "RT 5 RW 2": the neighbourhood of a house, and nothing else.
    fn neighbours(&self, from: usize, to: usize) -> bool {
        (from..to).any(|at| {
            self.word(at) == "rt"
                && self.list[at + 1].figure
                && (self.word(at + 1).contains('/') || at + 2 <= to && self.word(at + 2) == "rw")
        })
    }

    /// "Zmyślona 14/3 Miasto": a street's name as Polish bends it, a house and a flat, a town.
    fn flat(&self, at: usize) -> Option<(usize, usize)> {
        let short = |part: &str| (1..=3).contains(&part.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len());
        let (house, flat) = self.word(at).split_once('/')?;
        let size = |part: &str| part.parse().ok().filter(|size: &u16| (30..=60).contains(size));
        if size(house).zip(size(flat)).is_some_and(|(from, to)| to > from && to - from <= 4) {
            return None;
        }
        let name = self.name_before(at);
        let town = self.list.get(at + 1).filter(|town| town.gap != Gap::Stop && town.capital && !town.figure)?;
        let bent = name < at && BENT.iter().any(|end| self.word(at - 1).ends_with(end));
        let whole = self.list[at].number() && short(house) && short(flat) && !town.house;
        (bent && whole).then_some((name, at + 1))
    }

    /// Whether words before a place lead to it.
    fn placed(&self, from: usize) -> bool {
        self.sight.led(&[Cue::Place], self.list[from].start, 24)
            || self.list[from].lead && self.sight.after(&[Cue::Place], self.list[from].start, 1).next().is_some()
    }

    fn evidence(&self, from: usize, to: usize) -> Evidence {
        let mut evidence = Evidence::default();
        for at in from..=to {
            let word = &self.list[at];
            let named = self.list.get(at + 1).is_some_and(|next| next.gap != Gap::Stop && at < to);
            let leading = word.street && !word.district && self.leads(at, from, to);
            evidence.street |= leading || word.street_after;
            // "jalan" alone is walking.
            evidence.leading |= leading && (word.capital || self.word(at) != "jalan");
            evidence.named |= word.street_after
                && at > from
                && word.capital
                && self.list[at - 1].capital
                && !self.list[at - 1].figure
                && !self.list[at - 1].street_after
                && word.gap == Gap::Space;
            evidence.named |= word.street_after && word.capital && at > from + 1 && ordinal(self.word(at - 1));
            let abbreviated = word.capital || !matches!(self.word(at), "jalan" | "calle" | "avenida" | "box");
            evidence.sure |= word.street && abbreviated && SURE.contains(&self.word(at)) && named
                || word.street_after && (word.capital || at > from) && certain(self.word(at));
            evidence.number |= word.number();
            let valued = named && self.list.get(at + 1).is_some_and(|next| next.figure || next.end - next.start <= 2);
            evidence.house += usize::from(word.house && valued);
            evidence.district += usize::from(word.district && named);
            let own = self.word(at);
            evidence.clear |= word.street_after && (CLEAR.contains(&own) || certain(own));
            let state = word.loud && own.len() <= 3 && word.gap == Gap::Comma && STATES.contains(&own);
            evidence.city |= word.city || state;
            evidence.postcode |= word.postcode;
            let first = at == 0 || word.gap == Gap::Stop;
            evidence.capitals += usize::from(word.capital && !first && !word.figure && word.end - word.start > 2);
        }
        evidence
    }

    /// Whether the word for a street at `at` has a name and a number after it, or the number before.
    fn leads(&self, at: usize, from: usize, to: usize) -> bool {
        let (word, own) = (&self.list[at], self.word(at));
        let sure = SURE.contains(&own);
        let Some(next) = self.list.get(at + 1).filter(|_| at < to) else { return false };
        if !(word.capital || word.end - word.start <= 4 || sure) || !sure && !next.capital && !next.figure {
            return false;
        }
        let mut figures = (at + 1..=to).take(6).filter(|n| self.list[*n].figure);
        // "Avenida 2 discos": a number that names a street has another one after it.
        let first = figures.next();
        // "the street in the picture is …": a verb further on makes a sentence of it.
        if first.is_some_and(|n| (at + 2..n).any(|n| !self.list[n].capital && COPULAS.contains(&self.word(n)))) {
            return false;
        }
        let joined = |n: usize| n <= at + 4 && (at + 2..=n).all(|n| self.list[n].gap == Gap::Space);
        let second = figures.next().is_some_and(|n| !self.list[n].amount && joined(n));
        let after = first.is_some_and(|n| n > at + 1 || second || BOXES.contains(&own));
        after || at > from && self.list[at - 1].number()
    }

    /// A street and its number, or a part of an address that has one.
    fn anchor(&self, at: usize) -> Option<(usize, usize)> {
        let word = &self.list[at];
        if word.street_after && !word.figure {
            let before = (at.saturating_sub(5)..at).rev().take_while(|n| {
                self.list[n + 1].gap != Gap::Stop && (self.list[*n + 1].gap != Gap::Comma || self.list[*n].figure)
            });
            if let Some(number) = before.into_iter().find(|n| self.list[*n].number()) {
                return Some((number, at));
            }
            let told = self.list.get(at + 1).is_some_and(|next| next.house);
            let name = self.name_before(at);
            if let Some(number) = self.number_after(at, 1 + usize::from(told))
                && (name < at || suffixed(self.word(at)))
            {
                return Some((name, number));
            }
            return (name < at && self.placed(name)).then_some((name, at));
        }
        if word.street {
            if let Some(number) = self.number_after(at, 7) {
                return Some((at, number));
            }
            if at > 0 && self.list[at - 1].number() && word.gap == Gap::Space {
                return Some((at - 1, at));
            }
            return self.placed(at).then_some((at, at));
        }
        if word.district || word.house && self.list.get(at + 1).is_some_and(|next| next.figure && !next.amount) {
            return Some((at, at + usize::from(at + 1 < self.list.len() && self.list[at + 1].gap != Gap::Stop)));
        }
        None
    }

    /// The house number after a street; a day may name the street: "ul. 3 Maja 17".
    fn number_after(&self, at: usize, reach: usize) -> Option<usize> {
        let mut after = (at + 1..self.list.len().min(at + 1 + reach)).take_while(|n| self.list[*n].gap != Gap::Stop);
        let first = after.find(|n| self.list[*n].number())?;
        if first > at + 1 {
            return Some(first);
        }
        let named = after.take_while(|n| *n <= first + 2 && self.list[*n].gap == Gap::Space);
        Some(named.into_iter().find(|n| self.list[*n].number()).unwrap_or(first))
    }

    /// A house number, capitalised names with a comma between them, and a postcode.
    fn coded(&self, at: usize) -> Option<(usize, usize)> {
        let own = &self.list[at];
        if !own.number()
            || !self.list.get(at + 1).is_some_and(|next| {
                next.capital && (next.gap == Gap::Space || at > 0 && self.list[at - 1].house && next.gap == Gap::Comma)
            })
        {
            return None;
        }
        let (mut comma, mut street) = (false, false);
        for n in at + 1..self.list.len().min(at + 14) {
            let word = &self.list[n];
            if word.gap == Gap::Stop {
                return None;
            }
            comma |= word.gap == Gap::Comma;
            street |= word.street_after && word.capital && n > at + 1;
            if word.postcode || word.code && n > at + 1 {
                let state = self.list[n - 1].capital && self.list[n - 1].end - self.list[n - 1].start == 2;
                let plain = self.word(n).bytes().all(|b| b.is_ascii_digit());
                let told = word.postcode && (comma || n > at + 2) || comma && state && plain || street && n > at + 3;
                if told {
                    return Some((at, n));
                }
            }
            if !(word.capital || word.figure || word.house || word.named() || self.link(n)) {
                return None;
            }
        }
        None
    }

    /// Name, number, postcode and town; or postcode, town, name and number: no word says "street".
    fn ordered(&self, at: usize) -> Option<(usize, usize)> {
        if !self.list[at].number() {
            return None;
        }
        let name = self.name_before(at);
        if name == at {
            return None;
        }
        let forward = || {
            for n in at + 1..self.list.len().min(at + 6) {
                let word = &self.list[n];
                if word.gap == Gap::Stop {
                    return None;
                }
                let town = n + usize::from(self.list.get(n + 1).is_some_and(|next| next.postcode)) + 1;
                let town = self.list.get(town).filter(|town| town.capital && town.gap != Gap::Stop && !town.figure);
                let year = self.word(n).len() == 4 && self.word(n).starts_with(['1', '2']) && !word.postcode;
                let joined = (at + 1..=n).any(|n| self.list[n].gap == Gap::Comma) || n == at + 1;
                if word.code && joined && town.is_some() && !(year && !self.list[n].city && n > at + 1) {
                    return Some((name, n + 1));
                }
                let part = word.figure || word.house || self.link(n) || word.capital || word.end - word.start <= 3;
                if !part {
                    return None;
                }
            }
            None
        };
        forward().or_else(|| self.code_before(name).map(|code| (code, at)))
    }

    /// The postcode of a town that stands before a name, with a comma between town and name.
    fn code_before(&self, name: usize) -> Option<usize> {
        if name < 2 || self.list[name].gap != Gap::Comma {
            return None;
        }
        let town = (name.saturating_sub(3)..name).rev().take_while(|n| self.list[*n].capital && !self.list[*n].figure);
        let first = town.last()?;
        let code = first.checked_sub(1)?;
        (self.list[code].code && self.list[first].gap == Gap::Space).then_some(code)
    }

    /// After words such as "come to": a name and a number in either order, and a town.
    fn led(&self, at: usize) -> Option<(usize, usize)> {
        if !self.list[at].number() {
            return None;
        }
        let name = self.name_before(at);
        let town = |n: usize| {
            let here = self.list.get(n).filter(|word| word.gap != Gap::Stop)?;
            let link = self.link(n);
            let joined = here.gap == Gap::Comma || link;
            let at = n + usize::from(link);
            self.list.get(at).filter(|word| joined && (word.capital || word.city) && !word.figure).map(|_| at)
        };
        if name < at
            && self.list[name..at].iter().all(|word| !word.figure)
            && let Some(end) = town(at + 1)
            && (self.placed(name)
                || self.list[end].city
                    && self.list[end].gap == Gap::Comma
                    && (name == 0 || self.list[name].gap == Gap::Stop)
                    && self.ends(end))
        {
            return Some((name, end));
        }
        // "Gdynia, Świętojańska 68" and nothing else.
        if name == 1 && name < at && self.list[0].city && self.list[1].gap == Gap::Comma && self.ends(at) {
            return Some((0, at));
        }
        let last = (at + 1..self.list.len().min(at + 5))
            .take_while(|n| self.list[*n].gap == Gap::Space && self.list[*n].capital && !self.list[*n].figure)
            .last()?;
        let end = last + 1;
        let next = self.list.get(end).filter(|word| word.gap == Gap::Comma)?;
        let deeper = (end..self.list.len().min(end + 4)).filter(|n| self.list[*n].gap == Gap::Comma).count() >= 2;
        let told =
            next.district || deeper && next.capital && self.list[end..].iter().take(6).any(|w| w.city || w.district);
        (told || self.placed(at) && (next.capital || next.city)).then_some((at, end))
    }

    /// Whether nothing follows in the sentence.
    fn ends(&self, at: usize) -> bool {
        self.list.get(at + 1).is_none_or(|next| next.gap == Gap::Stop)
    }

    /// Capitalised words that name the street before its type or number.
    fn name_before(&self, at: usize) -> usize {
        let mut first = at;
        while first > 0 && at - first < 5 && self.list[first].gap != Gap::Stop {
            let before = &self.list[first - 1];
            let comma = self.list[first].gap == Gap::Comma && first != at;
            let link = first < at && first > 1 && self.list[first - 2].capital && self.link(first - 1);
            if comma || before.lead || before.figure && !before.capital || !(before.capital || link) {
                break;
            }
            first -= 1;
        }
        first
    }

    /// How far the address reaches, and whether anything but street and number belongs to it.
    fn reach(&self, first: usize, last: usize) -> (usize, usize, bool) {
        let (mut from, mut to, mut more) = (first, last, false);
        let mut comma = 0;
        while to + 1 < self.list.len() && to - last < 24 {
            let next = &self.list[to + 1];
            if next.gap == Gap::Stop {
                break;
            }
            comma = if next.gap == Gap::Comma { 1 } else { comma + usize::from(comma > 0) };
            let part = self.part(to + 1);
            let short = (1..=2).contains(&comma) && !self.clause(to + 1);
            let name = self.list[to].district && next.gap == Gap::Space;
            let figure = next.figure && !next.amount && (comma > 0 || next.end - next.start <= 5);
            if part || next.capital || figure || short || name {
                more |= part || next.capital && (next.gap == Gap::Comma || comma > 0);
                to += 1;
            } else if let Some(bridge) = self.bridge(to + 1) {
                more |= self.part(bridge);
                to = bridge;
            } else {
                break;
            }
        }
        // The last word of a sentence, after a number: the quarter or the town.
        if let Some(next) = self.list.get(to + 1).filter(|_| more && self.list[to].figure && self.ends(to + 1)) {
            to += usize::from(next.gap == Gap::Space && next.end - next.start >= 5);
        }
        while from > 0 && first - from < 12 {
            let (before, own) = (&self.list[from - 1], &self.list[from]);
            let part = before.house || before.figure && !before.amount || before.named() || before.postcode;
            let link = own.capital && from > 1 && self.list[from - 2].capital && self.link(from - 1);
            if own.gap == Gap::Stop || before.lead || !(part || before.capital || link) {
                break;
            }
            more |= before.house || before.district;
            from -= 1;
        }
        (from, to, more)
    }

    /// Whether a word is a part of addresses by itself.
    fn part(&self, at: usize) -> bool {
        let word = &self.list[at];
        let valued = || self.list.get(at + 1).is_some_and(|next| next.gap != Gap::Stop && next.end - next.start <= 6);
        word.named() || word.postcode || word.house && valued()
    }

    /// Up to two words without capitals, and then a part of an address: where it stands.
    fn bridge(&self, at: usize) -> Option<usize> {
        (at + 1..self.list.len().min(at + 3)).take_while(|n| self.list[*n].gap != Gap::Stop).find(|n| {
            let (own, comma) = (&self.list[*n], self.list[*n].gap == Gap::Comma);
            let part = self.part(*n) && !own.street_after;
            part || own.capital && (comma || self.link(n - 1)) || comma && own.figure && !own.amount
        })
    }

    /// Whether an ordinary clause, not a place, begins at a word after a comma.
    fn clause(&self, at: usize) -> bool {
        let after = self.list[at..].iter().take(5);
        let plain = after
            .take_while(|w| w.gap != Gap::Stop)
            .skip(1)
            .take_while(|w| w.gap == Gap::Space)
            .filter(|w| !w.capital && !w.figure && !w.named())
            .count();
        plain >= 2
    }
}

/// What the signs between two words say; a full stop after a short word is an abbreviation, a
/// colon after a part's name leads to its value.
fn gap(signs: &str, short: bool, cue: bool) -> Gap {
    let colon = signs.contains(':') && !cue && !(signs == ":" && short);
    let stop = signs.contains(['!', '?', ';', '[', ']']) || signs.contains(". ") && !short;
    if stop || colon || signs.len() > 6 || signs.bytes().filter(|b| *b == b'\n').count() > 1 {
        Gap::Stop
    } else if signs.contains([',', '(', '|', '\n', '\\', '•', '·', '–', '—']) || signs == " - " {
        Gap::Comma
    } else {
        Gap::Space
    }
}

/// Addresses of scripts without spaces between words.
static UNSPACED: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r"(?:\p{Han}{2,7}[省市区县區縣镇鎮乡鄉州][,\s]{0,2}){1,4}\p{Han}{0,10}(?:路|街|道|巷|弄|村|里|段|园|園)\p{Han}{0,6}?\s?[0-9]{1,5}\s?[号號弄巷](?:之[0-9一二三四五六七八九十]{1,3})?(?:[,\s]{0,2}\p{Han}{0,8}[0-9a-z]{1,5}\s?[号號楼樓室层層栋棟座幢单元]{1,2}){0,5}(?:[0-9]{3,5})?(?:\s?[0-9]{6})?(?:\p{Han}{0,8}(?:中心|大厦|大廈|广场|廣場|大楼|大樓|商场|小区|花园|公寓|店))?",
        r"\p{Han}{2,8}(?:路|街|大道|巷|胡同)[0-9]{1,5}[号號](?:之[0-9一二三四五六七八九十]{1,3})?(?:\p{Han}{0,8}[0-9a-z]{1,5}\s?[号號楼樓室层層栋棟座幢单元]{1,2}){0,5}(?:[0-9]{3,5})?(?:\s?[0-9]{6})?",
        r"(?:บ.{1,2}านเลขที.?\s?|เลขที.?\s?)?[0-9]{1,5}(?:/[0-9]{1,5})?\s?[^\n0-9]{0,20}?(?:หมู่|ม\.|ซอย|ซ\.|ถนน|ถ\.|หมู่บ้าน)[^\n]{0,60}?(?:แขวง|ต..?บล|ต\.|เขต|อ..?เภอ|อ\.|กทม|กรุงเทพ|จังหวัด|จ\.|[0-9]{5})[\u{e00}-\u{e7f}. ]{0,60}(?:[0-9]{5})?",
        r"[0-9]{1,5}(?:/[0-9]{1,5})?\s[\u{e00}-\u{e7f}0-9. ]{0,40}(?:แขวง|ต..?บล|ต\.)[\u{e00}-\u{e7f}. ]{0,40}(?:เขต|อ..?เภอ|อ\.)[\u{e00}-\u{e7f}. ]{0,60}(?:[0-9]{5})?",
        r"(?:(?:อาคาร|ห.?อง|ชั.?น)[^\n]{0,40}?)?(?:ถนน|ซอย|ถ\.|ซ\.)[^\n]{1,40}?(?:แขวง|ต..?บล|ต\.|เขต|อ..?เภอ|อ\.|กทม|กรุงเทพ)[^\n]{0,40}?[0-9]{5}",
        r"(?:〒?\s?[0-9]{3}-[0-9]{4}\s?)?(?:東京都|大阪府|京都府|北海道|\p{Han}{2,3}県)\p{Han}{1,8}[市区町村郡][^\s]{0,16}?[0-9]{1,4}(?:(?:-|丁目?|番地?|号)[0-9]{0,4}){0,4}(?:\s?[\p{Han}\p{Katakana}ー]{0,12}[0-9]{1,4}(?:号室|階|f))?",
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
        assert_eq!(UNSPACED.len(), 6);
    }
}
