//! Folding: what a text says to the eye, with the exact way back to its characters.
//!
//! One pass and linear time. A text of ASCII characters is only lower-cased and keeps its offsets.
//! Further views of a folded text (joined letters, "dot" for a dot) are made by [`View::derive`]
//! and lead back through the same map.

use std::{cell::OnceCell, ops::RangeInclusive, sync::LazyLock};

use unicode_normalization::char::decompose_compatible;

use super::{
    confusable::{invisible, look, mark},
    digits::Digits,
    token::Tokens,
};

/// A folded text and where each of its bytes came from.
#[derive(Clone, Debug, Default)]
pub struct View {
    text: String,
    origin: Origin,
    tokens: OnceCell<Tokens>,
    digits: OnceCell<Digits>,
}

/// The way back from a byte of the folded text to a character of the piece.
#[derive(Clone, Debug, Default)]
enum Origin {
    /// Every byte is a character, at the same place.
    #[default]
    Same,
    /// For every byte: its character, and one past the last character that belongs to it.
    Table(Vec<(u32, u32)>),
}

impl View {
    /// Folds a piece.
    pub fn of(piece: &str) -> Self {
        if piece.is_ascii() && !piece.contains("&#") {
            // A tab parts as a space does.
            let lower = piece.to_ascii_lowercase();
            let tabs = memchr::memchr(b'\t', lower.as_bytes()).is_some();
            return Self::new(if tabs { lower.replace('\t', " ") } else { lower }, Origin::Same);
        }
        let mut folding = Folding::with_capacity(piece.len());
        let mut rest = piece;
        loop {
            let plain = rest.bytes().take_while(|byte| byte.is_ascii() && *byte != b'&').count();
            folding.plain(&rest[..plain]);
            rest = &rest[plain..];
            let Some(c) = rest.chars().next() else { break };
            let (c, len) = entity(rest).unwrap_or((c, c.len_utf8()));
            folding.whole(c, rest[..len].chars().count());
            rest = &rest[len..];
        }
        folding.finish()
    }

    fn new(text: String, origin: Origin) -> Self {
        Self { text, origin, tokens: OnceCell::new(), digits: OnceCell::new() }
    }

    /// The folded text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its words.
    pub(super) fn tokens(&self) -> &Tokens {
        self.tokens.get_or_init(|| Tokens::of(&self.text))
    }

    /// Its digits; `read` reads them, once.
    pub(super) fn digits(&self, read: impl FnOnce() -> Digits) -> &Digits {
        self.digits.get_or_init(read)
    }

    /// The characters of the piece that the bytes `start..end` stand for.
    pub fn chars(&self, start: usize, end: usize) -> (usize, usize) {
        match &self.origin {
            Origin::Same => (start, end),
            Origin::Table(map) => {
                let first = map.get(start).copied().unwrap_or_default();
                let last = end.checked_sub(1).and_then(|at| map.get(at)).copied().unwrap_or((first.0, first.0));
                // From the end, the last byte stands for the first character.
                (first.0.min(last.0) as usize, first.0.max(last.1).max(first.1 * u32::from(last.0 < first.0)) as usize)
            }
        }
    }

    /// The first byte that stands for the character `at` of the piece or a later one.
    pub fn byte(&self, at: usize) -> usize {
        match &self.origin {
            Origin::Same => at.min(self.text.len()),
            Origin::Table(map) => map.partition_point(|m| (m.0 as usize) < at),
        }
    }

    /// A view whose text is rewritten: each edit replaces a byte range of this view's text.
    /// Edits are sorted and do not overlap; the inserted bytes stand for the whole range.
    pub(super) fn derive(&self, edits: &[Edit]) -> Self {
        let mut text = String::with_capacity(self.text.len());
        let mut map = Vec::with_capacity(self.text.len());
        let mut at = 0;
        for edit in edits {
            self.copy(at, edit.start, &mut text, &mut map);
            let (first, last) = self.chars(edit.start, edit.end);
            text.push_str(edit.with);
            map.extend(std::iter::repeat_n((index(first), index(last)), edit.with.len()));
            at = edit.end;
        }
        self.copy(at, self.text.len(), &mut text, &mut map);
        Self::new(text, Origin::Table(map))
    }

    /// The text from its end, with the same way back. The byte ranges of `whole`, sorted and apart,
    /// are read as they stand.
    pub(super) fn reversed(&self, whole: &[(usize, usize)]) -> Self {
        let (mut text, mut map) = (String::with_capacity(self.text.len()), Vec::with_capacity(self.text.len()));
        let mut whole = whole.iter().rev().peekable();
        let mut end = self.text.len();
        while let Some(last) = self.text[..end].chars().next_back() {
            let start = whole.next_if(|range| range.1 == end).map_or(end - last.len_utf8(), |range| range.0);
            self.copy(start, end, &mut text, &mut map);
            end = start;
        }
        Self::new(text, Origin::Table(map))
    }

    /// Several views as one, with the range of characters of each. A space stands between two,
    /// unless a sign joins them.
    pub(super) fn joined(views: &[&Self]) -> (Self, Vec<(usize, usize)>) {
        let (mut text, mut map, mut bounds) = (String::new(), Vec::new(), Vec::new());
        let mut chars = 0;
        for view in views {
            let own = view.text.trim();
            let signs: &[char] = &['@', '.', '/'];
            if !text.is_empty() && !text.ends_with(signs) && !own.starts_with(signs) {
                text.push(' ');
                map.push((index(chars), index(chars)));
            }
            let skipped = view.text.len() - view.text.trim_start().len();
            text.push_str(own);
            map.extend((skipped..skipped + own.len()).map(|at| {
                let (start, end) = view.chars(at, at + 1);
                (index(chars + start), index(chars + end))
            }));
            let len = view.chars(0, view.text.len()).1;
            bounds.push((chars, chars + len));
            chars += len + 1;
        }
        (Self::new(text, Origin::Table(map)), bounds)
    }

    fn copy(&self, start: usize, end: usize, text: &mut String, map: &mut Vec<(u32, u32)>) {
        text.push_str(&self.text[start..end]);
        match &self.origin {
            Origin::Same => map.extend((start..end).map(|at| (index(at), index(at + 1)))),
            Origin::Table(own) => map.extend_from_slice(&own[start..end]),
        }
    }
}

/// A replacement in a folded text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// First byte.
    pub(super) start: usize,
    /// One past the last byte.
    pub(super) end: usize,
    /// What stands there instead.
    pub(super) with: &'static str,
}

/// The character that a numeric entity (`&#64;`, `&#x40;`) at the start of a text stands for, and how
/// long the entity is. What could begin another one stays as written.
fn entity(text: &str) -> Option<(char, usize)> {
    let number = text.strip_prefix("&#")?;
    let (radix, digits) = number.strip_prefix(['x', 'X']).map_or((10, number), |hex| (16, hex));
    let len = digits.bytes().take(8).take_while(u8::is_ascii_hexdigit).count();
    let ended = digits[len..].starts_with(';');
    let value = u32::from_str_radix(&digits[..len], radix).ok().filter(|_| ended)?;
    let c = char::from_u32(value).filter(|c| !c.is_control() && !matches!(c, '&' | '#' | ';'))?;
    Some((c, text.len() - digits.len() + len + 1))
}

/// Folds a word of a lexicon the way texts are folded.
pub(super) fn fold(word: &str) -> String {
    View::of(word).text
}

struct Folding {
    text: String,
    map: Vec<(u32, u32)>,
    next: u32,
}

impl Folding {
    fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), map: Vec::with_capacity(bytes), next: 0 }
    }

    /// Characters of ASCII as they are written.
    fn plain(&mut self, run: &str) {
        let from = self.text.len();
        self.text.push_str(run);
        self.text[from..].make_ascii_lowercase();
        if memchr::memchr(b'\t', run.as_bytes()).is_some() {
            let spaced = self.text[from..].replace('\t', " ");
            self.text.replace_range(from.., &spaced);
        }
        let next = self.next.saturating_add(index(run.len()));
        self.map.extend((self.next..next).map(|at| (at, at.saturating_add(1))));
        self.next = next;
    }

    /// A character that is written with several.
    fn whole(&mut self, c: char, written: usize) {
        let (from, at) = (self.text.len(), self.next);
        self.take(c);
        if written > 1 {
            self.next = at.saturating_add(index(written));
            self.map[from..].iter_mut().for_each(|m| m.1 = self.next);
        }
    }

    fn take(&mut self, c: char) {
        let at = self.next;
        self.next = at.saturating_add(1);
        if let Some(letters) = latin(c) {
            letters.chars().for_each(|letter| self.push(letter, at));
        } else {
            self.seen(c, at);
        }
    }

    /// A character by what it looks like.
    fn seen(&mut self, c: char, at: u32) {
        if c == '\t' {
            self.push(' ', at);
        } else if c.is_ascii() {
            self.push(c.to_ascii_lowercase(), at);
        } else if invisible(c) || mark(c) {
            // What is not seen belongs to the character before it.
            if let Some(last) = self.map.last_mut() {
                last.1 = self.next;
            }
        } else if let Some(known) = look(c) {
            known.chars().for_each(|k| self.push(k, at));
        } else if kept(c) {
            self.push(c, at);
        } else {
            decompose_compatible(c, |part| self.part(part, at));
        }
    }

    /// One character of a compatibility decomposition.
    fn part(&mut self, part: char, at: u32) {
        if invisible(part) || mark(part) {
            return;
        }
        if let Some(known) = look(part) {
            return known.chars().for_each(|k| self.push(k, at));
        }
        for lower in part.to_lowercase().filter(|l| !mark(*l)) {
            match look(lower) {
                Some(known) => known.chars().for_each(|k| self.push(k, at)),
                None => self.push(lower, at),
            }
        }
    }

    fn push(&mut self, c: char, at: u32) {
        self.text.push(c);
        self.map.resize(self.text.len(), (at, at.saturating_add(1)));
    }

    fn finish(self) -> View {
        View::new(self.text, Origin::Table(self.map))
    }
}

/// What the letters of Latin alphabets fold to: looked up, for they are in every other word.
fn latin(c: char) -> Option<&'static str> {
    static FOLDED: LazyLock<Vec<String>> = LazyLock::new(|| {
        let fold = |c: char| {
            let mut folding = Folding::with_capacity(4);
            folding.seen(c, 0);
            folding.text
        };
        LATIN.map(fold).collect()
    });
    let at = u32::from(c).checked_sub(u32::from(*LATIN.start()))?;
    FOLDED.get(usize::try_from(at).ok()?).map(String::as_str)
}

/// Latin-1's letters, Latin Extended-A and -B: each is seen.
const LATIN: RangeInclusive<char> = 'À'..='ɏ';

/// Scripts without case and without compatibility forms in their main blocks: nothing to fold.
fn kept(c: char) -> bool {
    matches!(u32::from(c), 0xe01..=0xe32 | 0xe34..=0xe4e | 0x3041..=0x3096 | 0x30a1..=0x30fa | 0x4e00..=0x9fff)
}

/// Texts are bounded far below 4 GB by every way in; beyond it the map would only be coarse.
fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_the_eye_reads_as_digits_is_digits() {
        for text in [
            "０８１２",
            "⁰⁸¹²",
            "𝟎𝟖𝟏𝟐",
            "⓪⑧①②",
            "0️⃣8️⃣1️⃣2️⃣",
            "٠٨١٢",
            "0\u{200b}8\u{200d}1\u{2060}2",
            "0\u{2800}8\u{2800}1\u{2800}2",
            "๐๘๑๒",
        ] {
            assert_eq!(fold(text), "0812", "{text}");
        }
    }

    #[test]
    fn look_alikes_are_letters() {
        assert_eq!(fold("WһаtѕᎪрр"), "whatsapp");
        assert_eq!(fold("ｔ．ｍｅ"), "t.me");
        assert_eq!(fold("🅶🅼🅰🅸🅻"), "gmail");
        assert_eq!(fold("pięćset"), "piecset");
        assert_eq!(fold("điện thoại"), "dien thoai");
    }

    #[test]
    fn the_way_back_is_exact() {
        let piece = "wa 0️⃣8️⃣ ok";
        let view = View::of(piece);
        assert_eq!(view.text(), "wa 08 ok");
        let (start, end) = view.chars(3, 5);
        let cut: String = piece.chars().skip(start).take(end - start).collect();
        assert_eq!(cut, "0️⃣8️⃣");
    }

    #[test]
    fn numeric_entities_are_the_characters_they_stand_for() {
        assert_eq!(fold("toko&#64;contoh&#x2E;test"), "toko@contoh.test");
        assert_eq!(fold("a &#38; b &#999999999; &#; &#6"), "a &#38; b &#999999999; &#; &#6");
        let view = View::of("a&#64;b");
        assert_eq!((view.chars(1, 2), view.chars(2, 3)), ((1, 6), (6, 7)));
    }

    #[test]
    fn a_derived_view_leads_back_to_the_piece() {
        let view = View::of("toko dot com");
        let derived = view.derive(&[Edit { start: 4, end: 9, with: "." }]);
        assert_eq!(derived.text(), "toko.com");
        assert_eq!(derived.chars(0, 8), (0, 12));
        assert_eq!(derived.chars(5, 8), (9, 12));
    }

    proptest! {
        #[test]
        fn the_map_covers_every_kept_character_in_order(piece in any::<String>()) {
            let view = View::of(&piece);
            let total = piece.chars().count();
            let mut last = 0;
            for (at, c) in view.text().char_indices() {
                let (start, end) = view.chars(at, at + c.len_utf8());
                prop_assert!(start >= last && start < end && end <= total);
                last = start;
            }
        }

        #[test]
        fn folding_twice_is_folding_once_for_ascii(piece in "[ -~]{0,64}") {
            prop_assert_eq!(fold(&fold(&piece)), fold(&piece));
        }
    }
}
