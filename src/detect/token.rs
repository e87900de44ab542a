//! The words of a folded text, found once and shared by who reads words.

use std::ops::Deref;

/// A run of letters and digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// First byte.
    pub(super) start: usize,
    /// One past the last byte.
    pub(super) end: usize,
    traits: u8,
}

impl Token {
    /// It has ASCII digits.
    pub(super) fn has_figures(self) -> bool {
        self.traits & FIGURE > 0
    }

    /// It has characters beyond ASCII.
    pub(super) fn is_foreign(self) -> bool {
        self.traits & FOREIGN > 0
    }

    /// Up to three letters that all look like digits.
    pub(super) fn looks_like_digits(self) -> bool {
        self.traits & (LETTER | FIGURE | FOREIGN) == 0 && self.end - self.start <= 3
    }
}

/// "SSS", "BB": no word, but fives and eights.
pub(super) fn doubled(word: &[u8]) -> bool {
    matches!(word, b"ss" | b"sss" | b"bb" | b"bbb")
}

const JOINS: u8 = 1;
const FIGURE: u8 = 2;
/// A letter that looks like no digit.
const LETTER: u8 = 4;
const FOREIGN: u8 = 8;

const TRAITS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'0'..=b'9' => JOINS | FIGURE,
            b'o' | b'l' | b'i' => JOINS,
            b'a'..=b'z' | b'A'..=b'Z' => JOINS | LETTER,
            0x80.. => FOREIGN,
            _ => 0,
        };
        byte += 1;
    }
    table
};

/// Whether words part between two bytes, where both are ASCII.
#[inline]
pub(super) fn parted(before: u8, after: u8) -> Option<bool> {
    let (before, after) = (TRAITS[usize::from(before)], TRAITS[usize::from(after)]);
    ((before | after) & FOREIGN == 0).then_some(before & after & JOINS == 0)
}

/// The words of a text, in order, and what is true of any of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens {
    list: Vec<Token>,
    /// The words that may be numbers by themselves.
    numeric: Vec<u32>,
    figures: bool,
    lone: usize,
}

impl Tokens {
    /// The words of a text.
    pub(super) fn of(text: &str) -> Self {
        let list = tokens(text);
        let mut all = Self::default();
        for (n, token) in (0..).zip(&list) {
            let length = token.end - token.start;
            all.lone += usize::from(length == 1);
            // Most words are of letters that are no digits.
            if token.traits == JOINS | LETTER && !(2..=3).contains(&length) {
                continue;
            }
            all.figures |= token.has_figures();
            let word = &text.as_bytes()[token.start..token.end];
            if token.has_figures() || token.is_foreign() || token.looks_like_digits() || doubled(word) {
                all.numeric.push(n);
            }
        }
        Self { list, ..all }
    }

    /// Whether there is an ASCII digit.
    pub(super) fn have_figures(&self) -> bool {
        self.figures
    }

    /// How many words are a single ASCII letter or digit.
    pub(super) fn lone(&self) -> usize {
        self.lone
    }

    /// The places of words that may be numbers by themselves: with digits, foreign, or of letters
    /// for digits.
    pub(super) fn numeric(&self) -> impl Iterator<Item = usize> {
        self.numeric.iter().map(|n| *n as usize)
    }
}

impl Deref for Tokens {
    type Target = [Token];

    fn deref(&self) -> &[Token] {
        &self.list
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::with_capacity(text.len() / 5);
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let mut traits = 0;
        let mut over = 1;
        while let Some(byte) = bytes.get(at) {
            let own = TRAITS[usize::from(*byte)];
            if own & JOINS > 0 {
                at += 1;
            } else if own == FOREIGN {
                let (joins, len) = foreign(text, at);
                if !joins {
                    over = len;
                    break;
                }
                at += len;
            } else {
                break;
            }
            traits |= own;
        }
        if at > start {
            tokens.push(Token { start, end: at, traits });
        }
        at += over;
    }
    tokens
}

/// Whether a letter or digit beyond ASCII stands at a byte, and the length of what stands there.
fn foreign(text: &str, at: usize) -> (bool, usize) {
    text[at..].chars().next().map_or((false, 1), |c| (c.is_alphanumeric(), c.len_utf8()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        let text = "wa: 0812-3456, сто oil";
        let words: Vec<&str> = tokens(text).iter().map(|t| &text[t.start..t.end]).collect();
        assert_eq!(words, ["wa", "0812", "3456", "сто", "oil"]);
        let traits: Vec<_> =
            tokens(text).iter().map(|t| (t.has_figures(), t.is_foreign(), t.looks_like_digits())).collect();
        assert_eq!(traits[0], (false, false, false));
        assert_eq!(traits[1], (true, false, false));
        assert_eq!(traits[3], (false, true, false));
        assert_eq!(traits[4], (false, false, true));
    }

    proptest! {
        #[test]
        fn every_letter_and_digit_is_in_a_word_and_nothing_else_is(text in any::<String>()) {
            let tokens = tokens(&text);
            for (at, c) in text.char_indices() {
                let within = tokens.iter().any(|t| t.start <= at && at < t.end);
                prop_assert_eq!(within, c.is_alphanumeric());
            }
            prop_assert!(tokens.windows(2).all(|pair| pair[0].end < pair[1].start));
        }
    }
}
