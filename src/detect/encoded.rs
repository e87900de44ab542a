//! Characters written as machines write them, which people have learnt to read: "%40", "&commat;".
//! Numeric entities are folded already.

use super::fold::{Edit, View};

/// The text with the characters that are meant, if any is written so.
pub(super) fn decoded(view: &View) -> Option<View> {
    let text = view.text();
    let signs = memchr::memchr3_iter(b'&', b'%', b'+', text.as_bytes());
    let mut edits: Vec<Edit> = signs.filter_map(|at| character(&text[at..], at)).collect();
    edits.extend(tops(text));
    edits.sort_unstable_by_key(|edit| edit.start);
    (!edits.is_empty()).then(|| view.derive(&edits))
}

/// The character that `rest`, which stands at byte `at`, begins with.
fn character(rest: &str, at: usize) -> Option<Edit> {
    if let Some(code) = rest.strip_prefix('%') {
        let with = printable(u8::from_str_radix(code.get(..2)?, 16).ok()?)?;
        return Some(Edit { start: at, end: at + 3, with });
    }
    if let Some(shifted) = rest.strip_prefix('+') {
        return utf7(shifted, at);
    }
    let near = rest.as_bytes().iter().take(LONGEST).position(|b| *b == b';')?;
    let name = rest.get(1..near)?;
    let code = NAMES.iter().find(|(known, _)| *known == name).map(|(_, code)| *code)?;
    Some(Edit { start: at, end: at + near + 1, with: printable(code)? })
}

/// A character in UTF-7 (RFC 2152), in a text that does not say so: "toko+AEA-surat.example". Case is
/// lost by folding, and does not matter: what ASCII has begins with an A, and the letter after it
/// is judged in both.
fn utf7(shifted: &str, at: usize) -> Option<Edit> {
    let letters = shifted.get(..4)?.strip_prefix('a')?.strip_suffix('-')?;
    let end = at + 5;
    let code = SHIFTED.iter().find(|(written, _)| *written == letters).map(|(_, code)| *code)?;
    Some(Edit { start: at, end, with: printable(code)? })
}

/// The last two letters of the base64 of 00 40 and its like, folded.
const SHIFTED: [(&str, u8); 7] =
    [("ea", b'@'), ("c4", b'.'), ("c0", b'-'), ("f8", b'_'), ("do", b':'), ("c8", b'/'), ("cs", b'+')];

/// No character's name is longer, its signs with it.
const LONGEST: usize = 10;

/// A sign or letter of ASCII, small; no space, which would part what is one.
fn printable(code: u8) -> Option<&'static str> {
    const ALL: &str =
        "!\"#$%&'()*+,-./0123456789:;<=>?@abcdefghijklmnopqrstuvwxyz[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";
    let at = usize::from(code.checked_sub(b'!')?);
    ALL.get(at..at + 1)
}

/// The names of HTML for what contacts are made of.
const NAMES: &[(&str, u8)] = &[
    ("commat", b'@'),
    ("period", b'.'),
    ("sol", b'/'),
    ("colon", b':'),
    ("lowbar", b'_'),
    ("hyphen", b'-'),
    ("dash", b'-'),
    ("plus", b'+'),
    ("num", b'#'),
    ("equals", b'='),
    ("quest", b'?'),
];

/// Top-level domains with digits for their letters.
fn tops(text: &str) -> impl Iterator<Item = Edit> + '_ {
    const TOPS: [(&str, &str); 6] =
        [(".c0m", ".com"), (".0rg", ".org"), (".n3t", ".net"), (".sh0p", ".shop"), (".m3/", ".me/"), (".1y/", ".ly/")];
    memchr::memchr_iter(b'.', text.as_bytes()).filter_map(move |at| {
        let known = TOPS.into_iter().find(|(written, _)| text[at..].starts_with(written));
        known.map(|(written, with)| Edit { start: at, end: at + written.len(), with })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_machines_write_is_read() {
        for (text, meant) in [
            ("toko&commat;surat&period;com", "toko@surat.com"),
            ("toko%40surat%2Ecom", "toko@surat.com"),
            ("t%2Eme%2Ftoko", "t.me/toko"),
            ("toko-contoh.c0m", "toko-contoh.com"),
            ("toko+AEA-surat+AC4-com", "toko@surat.com"),
        ] {
            assert_eq!(decoded(&View::of(text)).map(|view| view.text().to_owned()).as_deref(), Some(meant), "{text}");
        }
    }

    #[test]
    fn percents_and_ampersands_of_talk_stay() {
        for text in
            ["diskon 50% & gratis", "100%ori", "a & b; c", "%zz &; &é;", "&#;", "%é", "+62 812", "a + aea", "+aé"]
        {
            assert!(decoded(&View::of(text)).is_none(), "{text}");
        }
    }
}
