//! Digits however they are written: as digits, as words, as look-alike letters, run together.
//!
//! The text becomes a row of atoms; what stands between two of them is their glue. A chain of
//! atoms is what a detector of numbers looks at.

use super::{
    lexicon::{Cue, Hit, Number},
    sight::Sight,
    token::{Token, Tokens, doubled},
};

/// How an atom is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Digits.
    Plain,
    /// A number word.
    Word,
    /// A word that is more often something else ("to", "for").
    Maybe,
    /// Letters for digits.
    Mixed,
}

/// What stands between two atoms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Glue {
    /// Nothing but spaces and signs.
    Tight,
    /// One word, or a line break.
    Loose,
    /// More than that.
    Break,
}

/// One run of digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Atom {
    /// First byte in the text.
    pub(super) start: usize,
    /// One past the last byte.
    pub(super) end: usize,
    /// How it is written.
    pub(super) how: How,
    from: usize,
    until: usize,
}

/// All digits of a text.
#[derive(Clone, Debug, Default)]
pub(super) struct Digits {
    atoms: Vec<Atom>,
    values: String,
}

impl Digits {
    /// Reads the digits of a text.
    pub(super) fn of(sight: &Sight<'_>) -> Self {
        let text = sight.text();
        let mut reading = Reading { text, sight, digits: Self::default(), last: Last::default() };
        let hits: Vec<(&Hit, Number)> = sight.numbers().collect();
        let mut next_hit = 0;
        let mut read = 0;
        for token in candidates(sight.view.tokens(), &hits) {
            if token.start < read {
                continue;
            }
            while hits.get(next_hit).is_some_and(|(hit, _)| hit.start < token.start) {
                next_hit += 1;
            }
            let from = next_hit;
            while hits.get(next_hit).is_some_and(|(hit, _)| hit.start < token.end) {
                next_hit += 1;
            }
            if token.is_foreign()
                && let Some(end) = reading.unspaced(token.start, &hits[from..])
            {
                read = end;
                continue;
            }
            reading.token(token.start, token.end, &hits[from..next_hit]);
        }
        reading.digits
    }

    /// The atoms, in order.
    pub(super) fn atoms(&self) -> &[Atom] {
        &self.atoms
    }

    /// The digits that atoms `first..=last` stand for.
    pub(super) fn value(&self, first: usize, last: usize) -> &str {
        &self.values[self.atoms[first].from..self.atoms[last].until]
    }

    /// How many digits an atom has.
    pub(super) fn len(&self, at: usize) -> usize {
        self.atoms[at].until - self.atoms[at].from
    }

    /// What stands between atom `at` and the next.
    pub(super) fn glue(&self, text: &str, at: usize) -> Glue {
        glue(&text[self.atoms[at].end..self.atoms[at + 1].start])
    }

    fn push(&mut self, start: usize, end: usize, how: How, value: &str) {
        let from = self.values.len();
        self.values.push_str(value);
        self.atoms.push(Atom { start, end, how, from, until: self.values.len() });
    }

    fn replace_last(&mut self, end: usize, value: &str) {
        if let Some(last) = self.atoms.last_mut() {
            self.values.truncate(last.from);
            self.values.push_str(value);
            last.until = self.values.len();
            last.end = end;
        }
    }
}

/// The words that may be numbers by themselves, or that a number word begins in.
fn candidates<'a>(tokens: &'a Tokens, hits: &'a [(&Hit, Number)]) -> impl Iterator<Item = &'a Token> {
    let mut numeric = tokens.numeric().peekable();
    let mut worded = hits
        .iter()
        .map(|(hit, _)| tokens.partition_point(|token| token.end <= hit.start))
        .filter(|at| *at < tokens.len())
        .peekable();
    std::iter::from_fn(move || {
        let next = [numeric.peek(), worded.peek()].into_iter().flatten().min().copied()?;
        while numeric.next_if(|at| *at <= next).is_some() {}
        while worded.next_if(|at| *at <= next).is_some() {}
        Some(&tokens[next])
    })
}

/// What stands between two runs of digits.
pub(super) fn glue(gap: &str) -> Glue {
    if gap.len() > 28 {
        return Glue::Break;
    }
    let (mut words, mut signs, mut within, mut lines) = (0, 0, false, 0);
    let idle = || gap.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).all(|w| FILLERS.contains(&w));
    for c in gap.chars() {
        if c.is_alphanumeric() {
            words += usize::from(!within);
            within = true;
        } else {
            within = false;
            signs += usize::from(!c.is_whitespace());
            lines += usize::from(c == '\n');
        }
    }
    match words {
        _ if signs > 6 || lines > 1 => Glue::Break,
        0 if lines == 0 => Glue::Tight,
        0 | 1 => Glue::Loose,
        2 | 3 if idle() => Glue::Loose,
        _ => Glue::Break,
    }
}

/// Words that whoever dictates a number puts between its groups: "0812 ya terus 3456".
const FILLERS: &[&str] = &[
    "a", "abis", "after", "and", "by", "dalej", "dan", "dann", "dilanjut", "followed", "habis", "i", "itu", "kak",
    "ka", "kemudian", "lalu", "lanjut", "luego", "nah", "next", "no", "now", "oke", "okay", "po", "potem", "spacja",
    "space", "spasi", "sama", "terus", "that", "then", "trus", "tym", "und", "ya", "y",
];

/// No telephone number has a group beyond this.
const MOST: u32 = 999_999;

struct Reading<'a> {
    text: &'a str,
    sight: &'a Sight<'a>,
    digits: Digits,
    last: Last,
}

/// What the words before this one add up to, for "six hundred twenty".
#[derive(Clone, Copy, Debug, Default)]
struct Last {
    /// Where the last number word ended.
    end: usize,
    /// The value so far and its last addend.
    value: u32,
    addend: u32,
    /// Times the next digit is said.
    repeat: u8,
    /// Where the repeating word began.
    repeat_from: usize,
    open: bool,
}

impl Reading<'_> {
    fn token(&mut self, start: usize, end: usize, hits: &[(&Hit, Number)]) {
        let token = &self.text[start..end];
        if token.bytes().all(|b| b.is_ascii_digit()) {
            return self.plain(start, end);
        }
        let whole = hits.iter().find(|(hit, _)| hit.whole && hit.start == start && hit.end == end);
        if let Some((_, number)) = whole {
            return self.word(start, end, *number);
        }
        if self.tiled(start, end, hits) || self.lookalikes(start, end) {
            return;
        }
        if !token.bytes().all(|b| b.is_ascii_alphabetic()) {
            self.inside(start, end);
        }
    }

    /// Four number words or more in a row without spaces, in a script that has none.
    fn unspaced(&mut self, start: usize, hits: &[(&Hit, Number)]) -> Option<usize> {
        if !self.text[start..].starts_with(super::lexicon::unspaced) {
            return None;
        }
        let mut row: Vec<(usize, usize, u16)> = Vec::new();
        for (hit, number) in hits {
            let (Number::Value(value) | Number::Maybe(value)) = number else { continue };
            match row.last() {
                Some((_, end, _)) if hit.start > *end + 1 => break,
                Some((_, end, _)) if hit.start < *end => continue,
                None if hit.start != start => break,
                _ => row.push((hit.start, hit.end, *value)),
            }
        }
        if row.len() < 4 || row.iter().any(|(.., value)| *value > 9) {
            return None;
        }
        self.last = Last::default();
        row.iter().for_each(|(start, end, value)| self.digits.push(*start, *end, How::Word, &value.to_string()));
        row.last().map(|(_, end, _)| *end)
    }

    fn plain(&mut self, start: usize, end: usize) {
        let value = &self.text[start..end];
        if self.last.repeat > 0 && value.len() == 1 && adjacent(self.text, self.last.end, start) {
            let many = value.repeat(usize::from(self.last.repeat));
            self.digits.push(self.last.repeat_from, end, How::Word, &many);
            self.last = Last::default();
            return;
        }
        self.last = Last::default();
        self.digits.push(start, end, How::Plain, value);
    }

    fn word(&mut self, start: usize, end: usize, number: Number) {
        let near = self.last.end > 0 && adjacent(self.text, self.last.end, start);
        match number {
            Number::Repeat(times) => {
                self.last = Last { end, repeat: times, repeat_from: start, ..Last::default() };
            }
            Number::Value(value) => self.value(start, end, u32::from(value), How::Word, near),
            Number::Maybe(value) => self.value(start, end, u32::from(value), How::Maybe, near),
            Number::Times(times) if near && self.last.open && self.last.addend > 0 => {
                let grown = self.last.addend.saturating_mul(u32::from(times)).min(MOST);
                let value = (self.last.value - self.last.addend).saturating_add(grown).min(MOST);
                self.grow(end, value, grown.min(value), true);
            }
            Number::Teen if near && self.last.open && self.last.addend < 10 => {
                let grown = self.last.addend + 10;
                self.grow(end, self.last.value - self.last.addend + grown, grown, false);
            }
            Number::Times(_) | Number::Teen => self.last = Last::default(),
        }
    }

    fn value(&mut self, start: usize, end: usize, value: u32, how: How, near: bool) {
        if near && self.last.repeat > 0 && value < 10 {
            let many = value.to_string().repeat(usize::from(self.last.repeat));
            let from = self.last.repeat_from;
            self.digits.push(from, end, How::Word, &many);
            self.last = Last { end, ..Last::default() };
            return;
        }
        let room = match self.last.addend {
            a if a >= 100 && a % 100 == 0 => 100,
            a if a >= 20 && a % 10 == 0 => 10,
            _ => 0,
        };
        if near && self.last.open && value > 0 && value < room {
            return self.grow(end, self.last.value + value, value, true);
        }
        self.digits.push(start, end, how, &value.to_string());
        self.last = Last { end, value, addend: value, open: true, ..Last::default() };
    }

    fn grow(&mut self, end: usize, value: u32, addend: u32, open: bool) {
        self.digits.replace_last(end, &value.to_string());
        self.last = Last { end, value, addend, open, ..Last::default() };
    }

    /// Number words and digits run together: "08satu2", "nulleins".
    fn tiled(&mut self, start: usize, end: usize, hits: &[(&Hit, Number)]) -> bool {
        let mut value = String::new();
        let (mut at, mut tiles) = (start, 0);
        let mut tens = false;
        while at < end {
            let byte = self.text.as_bytes()[at];
            if byte.is_ascii_digit() {
                if tens && byte != b'0' {
                    value.pop();
                }
                tens = false;
                value.push(char::from(byte));
                at += 1;
                tiles += 1;
            } else if let Some((han, len)) = han(&self.text[at..end]) {
                value.push(han);
                at += len;
                tiles += 1;
            } else {
                let tile = hits.iter().filter(|(hit, _)| hit.start == at && hit.end <= end);
                let word = tile.filter_map(|(hit, number)| match number {
                    Number::Value(value) if hit.end - hit.start > 1 => Some((hit.end, *value)),
                    _ => None,
                });
                let Some((next, word)) = word.max_by_key(|(next, _)| *next) else { break };
                tens = word >= 20 && word % 10 == 0;
                value.push_str(&word.to_string());
                at = next;
                tiles += 1;
            }
        }
        if at < end || tiles < 2 {
            return false;
        }
        self.last = Last::default();
        self.digits.push(start, end, How::Word, &value);
        true
    }

    /// Letters that look like digits between digits: "5oo", "o9l7".
    fn lookalikes(&mut self, start: usize, end: usize) -> bool {
        let token = &self.text[start..end];
        let figures = token.bytes().filter(u8::is_ascii_digit).count();
        let alike = |b: u8| match b {
            b'o' => Some('0'),
            b'l' | b'i' => Some('1'),
            b's' => Some('5'),
            b'b' => Some('8'),
            b'z' => Some('2'),
            b'0'..=b'9' => Some(char::from(b)),
            _ => None,
        };
        let letters_only = figures == 0;
        let doubled = doubled(token.as_bytes());
        if letters_only && !doubled && (token.len() > 3 || !token.bytes().all(|b| matches!(b, b'o' | b'l' | b'i'))) {
            return false;
        }
        let bytes = token.as_bytes();
        // An "e" is a three only between digits: anywhere else it belongs to a word.
        let between =
            |at: usize| at > 0 && bytes[at - 1].is_ascii_digit() && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
        let figure = |(at, byte): (usize, u8)| if byte == b'e' && between(at) { Some('3') } else { alike(byte) };
        let Some(value) = token.bytes().enumerate().map(figure).collect::<Option<String>>() else { return false };
        let how = if letters_only { How::Maybe } else { How::Mixed };
        self.last = Last::default();
        self.digits.push(start, end, how, &value);
        true
    }

    /// Digits in a token that is otherwise a word or a code.
    fn inside(&mut self, start: usize, end: usize) {
        self.last = Last::default();
        let token = &self.text[start..end];
        let mut runs: Vec<(usize, usize)> = Vec::new();
        let mut from = None;
        for (at, c) in token.char_indices().chain(std::iter::once((token.len(), ' '))) {
            match (c.is_ascii_digit() || han(&token[at..]).is_some(), from) {
                (true, None) => from = Some(at),
                (false, Some(began)) => {
                    runs.push((began, at));
                    from = None;
                }
                _ => {}
            }
        }
        let interleaved = runs.len() >= 4
            && runs.iter().all(|(s, e)| e - s <= 3)
            && runs.windows(2).all(|pair| pair[1].0 - pair[0].1 <= 3);
        if let [(0, end_of_first), (next, end_of_all)] = runs[..]
            && end_of_all == token.len()
            && matches!(&token[end_of_first..next], "x" | "ext" | "wew")
        {
            // "1482x638": the end of a number and its extension.
            return self.digits.push(start, start + end_of_first, How::Plain, &token[..end_of_first]);
        }
        let strewn = strewn(token, &runs);
        for (s, e) in runs {
            let run = &token[s..e];
            let value: String = run.char_indices().filter_map(|(at, _)| figure(&run[at..])).collect();
            let unspaced = run.len() > value.len()
                || token[..s].chars().next_back().is_none_or(super::lexicon::unspaced)
                    && token[e..].chars().next().is_none_or(super::lexicon::unspaced);
            // "tel601222333", "call415.555.0132".
            let glued = s > 0 && value.len() >= 2 && self.sight.glued(&[Cue::Phone], start + s);
            let how = match (interleaved || strewn, unspaced && value.len() > 1) {
                _ if glued => How::Plain,
                (true, _) | (_, true) => How::Word,
                // A code's digits: kept only where they could be a number with a word stuck to it.
                _ if value.len() >= 7 && (s == 0 || token[..s].len() <= 10) => How::Mixed,
                _ => continue,
            };
            self.digits.push(start + s, start + e, how, &value);
        }
    }
}

/// A number in three parts or more with the same letters between them: "0812xxx3456xxx7890".
fn strewn(token: &str, runs: &[(usize, usize)]) -> bool {
    let between = |pair: &[(usize, usize)]| token.get(pair[0].1..pair[1].0).unwrap_or_default().to_owned();
    let mut gaps = runs.windows(2).map(between);
    let Some(first) = gaps.next() else { return false };
    runs.len() >= 3
        && (2..=4).contains(&first.len())
        && gaps.all(|gap| gap == first)
        && runs.iter().map(|(start, end)| end - start).sum::<usize>() >= 9
}

/// The digit at the start of `text`.
fn figure(text: &str) -> Option<char> {
    let first = text.chars().next()?;
    if first.is_ascii_digit() { Some(first) } else { han(text).map(|(digit, _)| digit) }
}

/// A Han digit at the start of `text`, plain or of the kind written on cheques.
fn han(text: &str) -> Option<(char, usize)> {
    let c = text.chars().next().filter(|c| !c.is_ascii())?;
    let digit = match c {
        '零' | '〇' => '0',
        '一' | '壹' | '幺' => '1',
        '二' | '贰' | '貳' => '2',
        '三' | '叁' | '參' => '3',
        '四' | '肆' => '4',
        '五' | '伍' => '5',
        '六' | '陆' | '陸' => '6',
        '七' | '柒' => '7',
        '八' | '捌' => '8',
        '九' | '玖' => '9',
        _ => return None,
    };
    Some((digit, c.len_utf8()))
}

/// Whether two number words stand side by side: only spaces, dashes or an "and" between them.
fn adjacent(text: &str, end: usize, start: usize) -> bool {
    let between = &text[end.min(start)..start];
    between.len() <= 5
        && (between.bytes().all(|b| b == b' ' || b == b'-') || matches!(between.trim(), "y" | "and" | "i"))
}
