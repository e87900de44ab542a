//! Letters and digits that each stand alone, with the same signs between them: `0*8*1*2`,
//! `[t][o][k][o]`, "t★o★k★o". Nobody writes an honest name so; people read it all the same.

use std::collections::HashMap;

use super::{
    amount::counted,
    fold::{Edit, View},
    lexicon::Cue,
    number::{Fit, Regions},
    sight::{Face, Finds, Found, Sight},
    token::Token,
};
use crate::model::Kind;

/// Finds rows that are a contact by the way they are written.
pub(super) fn find(sight: &Sight<'_>, found: &mut Finds) {
    if sight.face == Face::Joined {
        return;
    }
    let text = sight.text();
    for row in rows(sight.view) {
        for word in row.words(text) {
            let kind = word.kind(sight, row.gap).filter(|_| !found.taken(word.start, word.end));
            found.extend(kind.map(|kind| Found { start: word.start, end: word.end, kind }));
        }
    }
}

/// The text with the rows put together, if there are any.
pub(super) fn gathered(view: &View) -> Option<View> {
    let text = view.text();
    let mut edits = Vec::new();
    for row in rows(view) {
        let top = row.top(text);
        edits.extend(row.lead(text));
        let gaps = row.tokens.windows(2).enumerate().map(|(n, pair)| (n, pair[0].end, pair[1].start));
        let edit =
            |(n, start, end)| Edit { start, end, with: if Some(n) == top { "." } else { row.with(&text[start..end]) } };
        edits.extend(gaps.map(edit).filter(|edit| text[edit.start..edit.end] != *edit.with));
    }
    (!edits.is_empty()).then(|| view.derive(&edits))
}

/// So many make a row.
const LEAST: usize = 5;
/// More bytes than this between two, and they are no row.
const APART: usize = 16;

/// Letters and digits one by one, and what mostly stands between two.
struct Row<'a> {
    tokens: &'a [Token],
    gap: &'a str,
}

fn rows(view: &View) -> Vec<Row<'_>> {
    let (text, tokens) = (view.text(), view.tokens());
    if tokens.lone() < LEAST {
        return Vec::new();
    }
    let single = |token: &Token| token.end - token.start == 1;
    let beside = |a: &Token, b: &Token| single(a) && single(b) && b.start - a.end <= APART;
    let long = tokens.chunk_by(beside).filter(|row| row.len() >= LEAST);
    long.filter_map(|tokens| Some(Row { tokens, gap: usual(text, tokens)? })).collect()
}

/// What stands between at least half of the pairs.
fn usual<'a>(text: &'a str, tokens: &[Token]) -> Option<&'a str> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    tokens.windows(2).for_each(|pair| *counts.entry(&text[pair[0].end..pair[1].start]).or_default() += 1);
    let (gap, count) = counts.into_iter().max_by_key(|(gap, count)| (*count, *gap))?;
    (count * 2 >= tokens.len() - 1).then_some(gap)
}

impl Row<'_> {
    /// What is meant by what stands between two: nothing, a sign, or the end of a word.
    fn with(&self, gap: &str) -> &'static str {
        const SIGNS: [&str; 7] = ["://", "@", ".", "/", "_", "-", "+"];
        if gap == self.gap {
            return "";
        }
        let sign = SIGNS.into_iter().find(|sign| gap.contains(sign) && !self.gap.contains(sign));
        sign.unwrap_or(if gap.contains(char::is_whitespace) { " " } else { "" })
    }

    /// The gap after an `@` that the row begins with.
    fn lead(&self, text: &str) -> Option<Edit> {
        let end = self.tokens.first()?.start;
        let start = text[..end].strip_suffix(self.gap).filter(|before| before.ends_with('@'))?.len();
        (start < end).then_some(Edit { start, end, with: "" })
    }

    /// The gap before a top-level domain at the end, where the dots between all are taken away.
    fn top(&self, text: &str) -> Option<usize> {
        if !self.gap.contains('.') {
            return None;
        }
        let letter = |token: &Token| &text[token.start..token.end];
        let ends = |top: &&&str| {
            let tail = self.tokens.len().checked_sub(top.len());
            tail.is_some_and(|from| {
                from >= 3 && self.tokens[from..].iter().map(letter).eq(top.split("").filter(|l| !l.is_empty()))
            })
        };
        TOPS.iter().find(ends).map(|top| self.tokens.len() - top.len() - 1)
    }

    /// The row as it is meant, word by word.
    fn words(&self, text: &str) -> Vec<Word> {
        let mut words: Vec<Word> = Vec::new();
        let mut before = None;
        for token in self.tokens {
            let with = before.map_or(" ", |end| self.with(&text[end..token.start]));
            before = Some(token.end);
            match words.last_mut() {
                Some(word) if with != " " => {
                    word.text.push_str(with);
                    word.text.push_str(&text[token.start..token.end]);
                    word.end = token.end;
                }
                _ => words.push(Word {
                    start: token.start,
                    end: token.end,
                    text: text[token.start..token.end].to_owned(),
                }),
            }
        }
        words
    }
}

/// A word of a row put together.
struct Word {
    start: usize,
    end: usize,
    text: String,
}

impl Word {
    /// What it is, if its look alone tells.
    fn kind(&self, sight: &Sight<'_>, gap: &str) -> Option<Kind> {
        let figures: String = self.text.chars().filter(char::is_ascii_digit).collect();
        if !self.text.bytes().any(|b| b.is_ascii_alphabetic()) {
            return self.number(sight, gap, &figures).then_some(Kind::Phone);
        }
        let letters = self.text.split(|c: char| !c.is_ascii_alphabetic()).map(str::len).max().unwrap_or(0);
        let signs = self.text.contains(['.', '/', '@']);
        // "S, M, L, 1, 2": what is parted as lists are may be one.
        let listed = gap.contains([',', ';', '|']) && !signs;
        if listed || gap.trim().is_empty() || self.text.len() < 8 || letters < 4 || figures.is_empty() && !signs {
            return None;
        }
        match self.text.split_once('@') {
            Some((local, host)) if local.len() > 1 && host.len() > 2 => Some(Kind::Email),
            None if self.text.contains(['.', '/']) => Some(Kind::Link),
            _ => Some(Kind::Social),
        }
    }

    /// Whether digits one by one, with signs that only hide them, are a number that fits a plan.
    fn number(&self, sight: &Sight<'_>, gap: &str, figures: &str) -> bool {
        let referred = || sight.before(&[Cue::Reference], self.start, 24).next().is_some();
        if !(8..=15).contains(&figures.len()) || counted(figures) || PLAIN.contains(&gap) || referred() {
            return false;
        }
        let regions = Regions::of(sight.context);
        let plus = self.text.starts_with('+') || sight.text()[..self.start].trim_end().ends_with('+');
        let begins = plus || figures.starts_with('0') || figures.starts_with("62");
        match regions.fit(figures, plus) {
            Fit::Valid => true,
            Fit::Possible => begins && figures.len() >= 9,
            Fit::None => false,
        }
    }
}

/// What stands between numbers in honest rows.
const PLAIN: &[&str] = &[" ", ",", ", ", "-", ".", "/", ":", "|", " | ", "\n", "  "];

/// Top-level domains that people write out.
const TOPS: &[&str] = &["com", "net", "org", "pl", "id", "shop", "xyz", "me"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_single_letters_come_together() {
        for (text, meant) in [
            ("ke t★o★k★o@g★m★a★i★l.c★o★m ya", "ke toko@gmail.com ya"),
            ("[t][o][k][o][7][7]", "[toko77]"),
            ("ig: @ t o k o _ 7 7", "ig: @toko_77"),
            ("b_i_t.l_y/s_h_o_p_7", "bit.ly/shop7"),
            ("h, t, t, p, s://t.m, e/t, o, k, o", "https://t.me/toko"),
            ("t.o.k.o@s.u.r.a.t.c.o.m", "toko@surat.com"),
            ("z-e-r-o s-i-x", "zero six"),
        ] {
            assert_eq!(gathered(&View::of(text)).map(|view| view.text().to_owned()).as_deref(), Some(meant), "{text}");
        }
    }

    #[test]
    fn what_is_no_row_stays() {
        for text in ["saya punya a dan b", "ukuran S, M, L", "a.n. Budi", "1-2 hari, 3 x 4"] {
            assert!(gathered(&View::of(text)).is_none(), "{text}");
        }
    }
}
