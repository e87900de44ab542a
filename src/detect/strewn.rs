//! Digits with letters strewn between them: "0x8x1x2 5a5b5". Where enough of them stand side by
//! side, the letters mean nothing.

use super::{
    fold::{Edit, View},
    token::Token,
};

/// The text without letters between single digits, if there are enough of them.
pub(super) fn cleared(view: &View) -> Option<View> {
    let text = view.text();
    let even = alternating(text);
    if !even.is_empty() {
        return Some(view.derive(&even));
    }
    let tokens: Vec<Token> = view.tokens().iter().copied().filter(|token| token.has_figures()).collect();
    let beside = |a: &Token, b: &Token| {
        b.start - a.end <= APART && !text[a.end..b.start].contains(|c: char| c.is_alphanumeric() || c == '\n')
    };
    let mut edits = Vec::new();
    for row in tokens.chunk_by(beside) {
        let own: Option<Vec<Edit>> =
            row.iter().map(|token| letters(text, *token)).collect::<Option<Vec<_>>>().map(|e| e.concat());
        let figures = row.iter().map(|token| text[token.start..token.end].bytes().filter(u8::is_ascii_digit).count());
        if let Some(own) = own.filter(|own| own.len() >= GAPS && figures.sum::<usize>() >= FIGURES) {
            edits.extend(own);
        }
    }
    (!edits.is_empty()).then(|| view.derive(&edits))
}

/// The same letters, with signs or without, between each two of many single digits: "8ч9ч2ч6",
/// "6.e.4.e.7".
fn alternating(text: &str) -> Vec<Edit> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let (mut edits, mut at) = (Vec::new(), 0);
    while let Some(start) = (at..bytes.len()).find(|at| digit(*at)) {
        at = start + 1;
        let near = bytes[at..].iter().take(BETWEEN).position(u8::is_ascii_digit);
        let Some(between) = near.map(|len| &text[at..at + len]).filter(|gap| gap.contains(char::is_alphabetic)) else {
            continue;
        };
        let row = edits.len();
        while text[at..].starts_with(between) && digit(at + between.len()) {
            edits.push(Edit { start: at, end: at + between.len(), with: "" });
            at += between.len() + 1;
        }
        if edits.len() - row < FIGURES - 1 {
            edits.truncate(row);
        }
    }
    edits
}

/// More bytes between two digits, and they are no row.
const BETWEEN: usize = 9;
/// Signs between two groups.
const APART: usize = 3;
/// Fewer digits are no number that can be called.
const FIGURES: usize = 8;
/// Fewer letters between are those of a size or a code.
const GAPS: usize = 4;

/// The letters of a word that is digits, each alone, with one or two letters between two.
fn letters(text: &str, token: Token) -> Option<Vec<Edit>> {
    let word = &text[token.start..token.end];
    let mut edits: Vec<Edit> = Vec::new();
    let mut digit = false;
    for (at, byte) in word.bytes().enumerate() {
        let at = token.start + at;
        match (byte.is_ascii_digit(), digit) {
            (true, true) => return (word.bytes().all(|b| b.is_ascii_digit()) && word.len() <= 4).then(Vec::new),
            (true, false) => digit = true,
            (false, true) => {
                edits.push(Edit { start: at, end: at + 1, with: "" });
                digit = false;
            }
            (false, false) => {
                let last = edits.last_mut().filter(|edit| byte.is_ascii_alphabetic() && edit.end - edit.start < 2)?;
                last.end = at + 1;
            }
        }
    }
    digit.then_some(edits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_between_single_digits_go() {
        for (text, meant) in
            [("(4q1q5) 5q5w5-0q1w2w6", "(415) 555-0126"), ("+6xx2 8xx1xx2 5xx5xx5 0xx1xx2xx3", "+62 812 555 0123")]
        {
            assert_eq!(cleared(&View::of(text)).map(|view| view.text().to_owned()).as_deref(), Some(meant), "{text}");
        }
        for (text, meant) in
            [("5ч5ч5ч0ч1ч2ч3ч4", "55501234"), ("tel 5.e.5.e.5.e.0.e.1.e.2.e.3.e.4 ya", "tel 55501234 ya")]
        {
            assert_eq!(cleared(&View::of(text)).map(|view| view.text().to_owned()).as_deref(), Some(meant), "{text}");
        }
        for text in ["10x20x30x40x50x60x70x80x90", "2x4x6 cm", "10x20x30, 12x14x16", "A1B2C3D4E5", "0812 5550 100"] {
            assert!(cleared(&View::of(text)).is_none(), "{text}");
        }
    }
}
