//! How a person reads: over look-alikes, marks, signs, spaces and line breaks, words for digits and
//! for signs, and from the end. None of it is the detection's own code.
//!
//! A number is read when seven digits of it stand in a row with no more than a few letters between
//! two of them. A name or host is read when its letters and digits stand in a row, whatever signs
//! stand between them; a mail address when both its name and its host are.

use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

use super::{
    alphabets::{CYRILLIC, ENGLISH, GREEK, INDONESIAN, POLISH, REPEATS, SMALL_CAPITALS, TEENS, TENS, TURNED},
    contacts::{Contact, Kind},
};

/// So many digits of a number in a row are enough to find out the rest.
const ENOUGH: usize = 7;
/// More letters than this between two digits, and nobody takes them for one number.
const APART: usize = 16;
/// Where something was taken out.
const HOLE: char = '\u{2}';

/// Whether a person can tell the contact from a text.
pub(crate) fn reads(text: &str, contact: &Contact) -> bool {
    let holed = without_placeholders(&decoded(text));
    let seen: String = holed.chars().flat_map(eye).collect();
    let turned: String = holed.chars().rev().flat_map(|c| turned(c).map_or_else(|| eye(c), |c| vec![c])).collect();
    let back: String = seen.chars().rev().collect();
    [seen, back, turned].iter().any(|seen| match contact.kind {
        Kind::Phone => number(seen, &contact.needs[0]),
        _ => contact.needs.iter().all(|need| written(seen, need)),
    })
}

/// The placeholders of the house as holes: their words tell nothing.
fn without_placeholders(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        let close = rest[open..].find(']').map(|len| open + len + 1);
        let taken = close.filter(|close| {
            ["dihapus]", "usunięty]", "usunięte]", "removed]"].iter().any(|end| rest[open..*close].ends_with(end))
        });
        out.push_str(&rest[..open]);
        out.push(if taken.is_some() { HOLE } else { '[' });
        rest = &rest[taken.unwrap_or(open + 1)..];
    }
    out + rest
}

/// Entities and percent signs as what they stand for.
fn decoded(text: &str) -> String {
    let mut text = text.replace("&commat;", "@").replace("&period;", ".");
    if !text.contains(['&', '%']) {
        return text;
    }
    for code in 0x20u8..0x7f {
        let c = char::from(code).to_string();
        text = text.replace(&format!("&#{code};"), &c).replace(&format!("%{code:02X}"), &c);
    }
    text
}

/// What the eye makes of a character: small letters, digits and signs; nothing of what is not seen.
fn eye(c: char) -> Vec<char> {
    if c == HOLE || c.is_ascii() {
        return vec![c.to_ascii_lowercase()];
    }
    let code = c as u32;
    let zero = [0x660, 0x6f0, 0x966, 0xe50, 0xff10].into_iter().find(|zero| (*zero..*zero + 10).contains(&code));
    let letter = |first: u32| char::from_u32(code - first + 'a' as u32);
    let known = match code {
        0x1f170..=0x1f189 => letter(0x1f170),
        0x1f1e6..=0x1f1ff => letter(0x1f1e6),
        0x2776..=0x277e => char::from_u32(code - 0x2776 + '1' as u32),
        0x24ff => Some('0'),
        _ => zero.and_then(|zero| char::from_u32(code - zero + '0' as u32)),
    };
    if let Some(known) = known.or_else(|| [CYRILLIC, GREEK, SMALL_CAPITALS].iter().find_map(|table| latin(table, c))) {
        return vec![known];
    }
    let folded = c.nfkd().flat_map(char::to_lowercase).map(|c| if c == 'ł' { 'l' } else { c });
    folded
        .map(|c| [CYRILLIC, GREEK].iter().find_map(|table| latin(table, c)).unwrap_or(c))
        .filter(char::is_ascii)
        .collect()
}

fn latin(table: &[(char, char)], c: char) -> Option<char> {
    let small = c.to_lowercase().next().unwrap_or(c);
    table.iter().find(|(_, other)| *other == c || *other == small).map(|(from, _)| *from)
}

fn turned(c: char) -> Option<char> {
    latin(TURNED, c)
}

/// Whether seven digits of a number stand in a row, said in whatever way.
fn number(seen: &str, digits: &str) -> bool {
    let rows = [figures(seen), figures(&letters_read_as_digits(seen))];
    let pieces: Vec<&str> = (0..=digits.len() - ENOUGH).map(|at| &digits[at..at + ENOUGH]).collect();
    rows.iter().any(|row| pieces.iter().any(|piece| row.contains(piece)))
}

/// Words of letters that look like digits, as those digits.
fn letters_read_as_digits(seen: &str) -> String {
    let like = |c: char| match c {
        'o' => '0',
        'l' | 'i' => '1',
        's' => '5',
        'b' => '8',
        other => other,
    };
    let mut out = String::new();
    for word in seen.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let all = word.chars().all(|c| !c.is_ascii_alphabetic() || like(c) != c);
        out.extend(word.chars().map(|c| if all { like(c) } else { c }));
    }
    out
}

/// The digits of a text in a row; a hole or many letters between two are a space.
fn figures(seen: &str) -> String {
    let bare: Vec<char> = seen.chars().filter(|c| c.is_ascii_alphanumeric() || *c == HOLE).collect();
    let bare: String = bare.into_iter().collect();
    let (mut row, mut at, mut skipped, mut repeat) = (String::new(), 0, 0, 1);
    while at < bare.len() {
        let rest = &bare[at..];
        if let Some((times, len)) = repeated(rest) {
            (repeat, at) = (times, at + len);
        } else if let Some((value, len)) = digits_said(rest) {
            row.push_str(&value.repeat(repeat));
            (repeat, skipped, at) = (1, 0, at + len);
        } else {
            skipped += if rest.starts_with(HOLE) { APART + 1 } else { 1 };
            if skipped > APART && !row.ends_with(' ') {
                row.push(' ');
            }
            at += 1;
        }
    }
    row
}

/// "double": how many times the next digit is meant, and the length of the word.
fn repeated(rest: &str) -> Option<(usize, usize)> {
    let word = WORDS.repeats.iter().find(|(_, word)| rest.starts_with(word.as_str()));
    word.map(|(times, word)| (*times, word.len()))
}

/// A digit or two at the start of a text, and how many letters say them.
fn digits_said(rest: &str) -> Option<(String, usize)> {
    let first = rest.chars().next()?;
    if first.is_ascii_digit() {
        return Some((rest[..1].to_owned(), 1));
    }
    if let Some((value, len)) = longest(&WORDS.pairs, rest) {
        let Some(tens) = value.strip_suffix('0').filter(|tens| *tens != "1") else {
            return Some((value.to_owned(), len));
        };
        let (one, more) = ones(&rest[len..]);
        return Some((format!("{tens}{one}"), len + more));
    }
    let (one, len) = longest(&WORDS.ones, rest)?;
    let after = &rest[len..];
    if after.starts_with("belas") {
        return Some((format!("1{one}"), len + 5));
    }
    if let Some(after) = after.strip_prefix("puluh") {
        let (last, more) = ones(after);
        return Some((format!("{one}{last}"), len + 5 + more));
    }
    Some((one.to_owned(), len))
}

/// The ones after tens; nothing where the word begins a new number.
fn ones(rest: &str) -> (&str, usize) {
    let own = |(value, len): &(&str, usize)| {
        *value != "0" && !rest[*len..].starts_with("belas") && !rest[*len..].starts_with("puluh")
    };
    let pair = longest(&WORDS.pairs, rest).is_some();
    longest(&WORDS.ones, rest).filter(own).filter(|_| !pair).unwrap_or(("0", 0))
}

fn longest<'a>(words: &'a [(String, String)], rest: &str) -> Option<(&'a str, usize)> {
    let met = words.iter().filter(|(_, word)| rest.starts_with(word.as_str()));
    met.map(|(value, word)| (value.as_str(), word.len())).max_by_key(|(_, len)| *len)
}

/// The words for digits as the eye reads them.
struct Words {
    ones: Vec<(String, String)>,
    pairs: Vec<(String, String)>,
    repeats: Vec<(usize, String)>,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let rows = [&INDONESIAN, &ENGLISH, &POLISH].into_iter().flat_map(|row| row.iter().enumerate());
    let ones = rows.flat_map(|(n, words)| words.iter().map(move |word| (n.to_string(), plain(word)))).collect();
    let teens = TEENS.iter().map(|(value, word)| ((*value).to_owned(), plain(word)));
    let tens = TENS.iter().map(|(value, word)| (format!("{value}0"), plain(word)));
    let repeats = REPEATS.iter().map(|(times, word)| (*times, plain(word))).collect();
    Words { ones, pairs: teens.chain(tens).collect(), repeats }
});

/// A word as the eye reads it.
fn plain(word: &str) -> String {
    word.chars().flat_map(eye).collect()
}

/// Whether the letters and digits of a name stand in a row, words for signs and digits undone.
fn written(seen: &str, need: &str) -> bool {
    let need: String = need.chars().map(class).collect();
    let without_words = words_undone(seen);
    let spoken = digits_undone(seen);
    let both = digits_undone(&without_words);
    [seen, &without_words, &spoken, &both].iter().any(|text| {
        let bare: String = text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == HOLE).map(class).collect();
        bare.contains(&need)
    })
}

/// Letters and the digits that stand in for them are one.
fn class(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | 'l' => 'i',
        '3' => 'e',
        '4' => 'a',
        '5' => 's',
        '8' => 'b',
        other => other,
    }
}

/// Words that stand for a sign within a name, left out.
fn words_undone(seen: &str) -> String {
    const SIGNS: [&str; 14] = [
        "at",
        "dot",
        "slash",
        "underscore",
        "dash",
        "titik",
        "garis",
        "miring",
        "bawah",
        "strip",
        "kropka",
        "podkreslnik",
        "myslnik",
        "malpa",
    ];
    let kept = |word: &&str| !SIGNS.contains(&word.trim_matches(|c: char| !c.is_ascii_alphanumeric()));
    seen.split_inclusive(|c: char| !c.is_ascii_alphanumeric()).filter(kept).collect()
}

/// Words for digits, as those digits.
fn digits_undone(seen: &str) -> String {
    let mut out = String::new();
    let mut at = 0;
    while let Some(c) = seen[at..].chars().next() {
        let said = Some(c).filter(char::is_ascii_alphabetic).and_then(|_| digits_said(&seen[at..]));
        match said {
            Some((value, len)) => {
                out.push_str(&value);
                at += len;
            }
            None => {
                out.push(c);
                at += c.len_utf8();
            }
        }
    }
    out
}
