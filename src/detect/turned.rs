//! What is written from its end, or turned by half so that the reader turns the telephone. Only
//! where a word says so, or where the letters themselves are turned.

use std::borrow::Cow;

use super::{
    fold::View,
    lexicon::{Cue, Hit},
    placeholder::opaque,
    sight::is,
};

/// The piece read from its end, if it is to be read so.
pub(super) fn back(piece: &str, hits: &[Hit]) -> Option<View> {
    let turned = upright(piece);
    let said = || hits.iter().any(|hit| is(hit, &[Cue::Reverse]));
    (matches!(turned, Cow::Owned(_)) || said() || ends_first(piece)).then(|| {
        let view = View::of(&turned);
        // Words of ours would be somebody's id from their end.
        view.reversed(&opaque(view.text()))
    })
}

/// Whether a word begins with the end of an address: "moc.", and a host or an `@` after it.
fn ends_first(piece: &str) -> bool {
    memchr::memchr_iter(b'.', piece.as_bytes()).any(|dot| {
        let head = piece[..dot].trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let rest = &piece[dot + 1..];
        let host = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'@' | b'-' | b'.' | b'_'));
        ENDS.iter().any(|end| piece[head.len()..dot].eq_ignore_ascii_case(end))
            && !head.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '@' | '.' | '-'))
            && host.count() >= 8
            && (rest.contains('@') || rest.contains("www") || rest.contains("/:"))
    })
}

/// Top-level domains from their end, none of them a word.
const ENDS: &[&str] = &["moc", "ten", "gro", "di", "lp", "ofni", "ue", "ed", "ur", "ppa", "erots", "pohs"];

/// Words of a view from the end that look like ids: the network's name stands where it is read.
pub(super) fn ids(view: &View) -> Vec<(usize, usize)> {
    let text = view.text();
    let mut ids = Vec::new();
    for word in text.split(char::is_whitespace) {
        let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        if word.len() >= 6 && super::social::id_shaped(word) {
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            ids.push((start, start + word.len()));
        }
    }
    ids
}

/// The piece with turned letters and digits as they were before; as many characters as it has.
fn upright(piece: &str) -> Cow<'_, str> {
    let small = |c: char| c.to_lowercase().next().unwrap_or(c);
    let known = |c: char| TURNED.iter().find(|(from, _)| *from == c || *from == small(c));
    let known = |c: char| if plainly_upright(c) { None } else { known(c) };
    let few = || piece.chars().filter(|c| known(*c).is_some()).take(FEW).count() < FEW;
    if piece.is_ascii() || few() {
        return Cow::Borrowed(piece);
    }
    let plain = |c: char| PLAIN.iter().find(|(from, _)| *from == small(c));
    let upright = |c: char| known(c).or_else(|| plain(c)).map_or(c, |(_, to)| *to);
    let ours = ours(piece);
    let is_ours =
        |at: usize| ours.get(ours.partition_point(|(_, end)| *end <= at)).is_some_and(|(start, _)| *start <= at);
    Cow::Owned(piece.chars().enumerate().map(|(at, c)| if is_ours(at) { c } else { upright(c) }).collect())
}

/// Where a piece holds words of ours, in characters.
fn ours(piece: &str) -> Vec<(usize, usize)> {
    let view = View::of(piece);
    opaque(view.text()).into_iter().map(|(start, end)| view.chars(start, end)).collect()
}

/// Whether a letter is of a block that has no turned ones: most need no closer look.
fn plainly_upright(c: char) -> bool {
    matches!(
        u32::from(c),
        0..=0x130
            | 0x132..=0x17e
            | 0x200..=0x24f
            | 0x400..=0x52f
            | 0xe00..=0xe7f
            | 0x1e00..=0x1eff
            | 0x3040..=0x30ff
            | 0x3400..=0xdfff
    )
}

/// Fewer turned letters than this may be of an honest language.
const FEW: usize = 3;

/// Letters and digits that are only seen turned.
#[rustfmt::skip]
const TURNED: &[(char, char)] = &[
    ('ɐ', 'a'), ('ɔ', 'c'), ('ǝ', 'e'), ('ɟ', 'f'), ('ƃ', 'g'), ('ɓ', 'g'), ('ɥ', 'h'), ('ᴉ', 'i'), ('ı', 'i'),
    ('ɾ', 'j'), ('ſ', 'j'), ('ʞ', 'k'), ('ן', 'l'), ('ɯ', 'm'), ('ɹ', 'r'), ('ʇ', 't'), ('ʌ', 'v'), ('ʍ', 'w'),
    ('ʎ', 'y'), ('Ɩ', '1'), ('ᄅ', '2'), ('Ɛ', '3'), ('ㄣ', '4'), ('ϛ', '5'), ('ㄥ', '7'), ('˙', '.'),
];

/// Letters and digits that are others when turned.
const PLAIN: &[(char, char)] =
    &[('b', 'q'), ('q', 'b'), ('d', 'p'), ('p', 'd'), ('n', 'u'), ('u', 'n'), ('6', '9'), ('9', '6')];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turned_letters_are_read_upright_from_the_end() {
        for (text, meant) in [("ɯoɔ˙ʇɐɹns@oʞoʇ", "toko@surat.com"), ("0ㄣㄥ0-ϛϛϛ-ᄅƖ80", "0812-555-0740")]
        {
            assert_eq!(back(text, &[]).map(|view| view.text().to_owned()).as_deref(), Some(meant), "{text}");
        }
        assert!(back("çok güzel, ılık", &[]).is_none());
        assert_eq!(ids(&View::of("77okot@ ini").reversed(&[])), [(5, 11)]);
    }

    #[test]
    fn words_of_ours_are_read_as_they_stand() {
        let wordy = "ɯoɔ˙ʇɐ [phone number removed] bd";
        assert_eq!(
            back(wordy, &[]).map(|view| view.text().to_owned()).as_deref(),
            Some("pq [phone number removed] at.com")
        );
    }

    #[test]
    fn the_way_back_from_the_end_is_exact() {
        let view = View::of("a0ㄣb").reversed(&[]);
        assert_eq!(view.text(), "b40a");
        assert_eq!(view.chars(0, 2), (2, 4));
        assert_eq!(view.chars(3, 4), (0, 1));
    }
}
