//! Bank accounts, cards, wallets and crypto addresses.
//!
//! What has a check digit is known by it; a local account or a wallet's number by the bank or
//! wallet named beside it.

use super::{
    digits::{Glue, glue},
    lexicon::{Cue, Hit},
    number::{luhn, mod97},
    sight::{Finds, Found, Sight},
};
use crate::model::Kind;

/// Finds ways to pay outside.
pub(super) fn find(sight: &Sight<'_>, found: &mut Finds) {
    if sight.view.tokens().have_figures() {
        ibans(sight, found);
        crypto(sight, found);
    }
    accounts(sight, found);
    wallets(sight, found);
}

/// Two letters, two digits, groups: ISO 13616.
fn ibans(sight: &Sight<'_>, found: &mut Finds) {
    let text = sight.text();
    let bytes = text.as_bytes();
    let mut until = 0;
    for (digit, _) in bytes.iter().enumerate().filter(|(_, byte)| byte.is_ascii_digit()) {
        let Some(start) = digit.checked_sub(2).filter(|start| *start >= until) else { continue };
        let head = bytes[start].is_ascii_alphabetic()
            && bytes[start + 1].is_ascii_alphabetic()
            && (start == 0 || !bytes[start - 1].is_ascii_alphanumeric());
        if !head {
            continue;
        }
        let Some(length) =
            IBANS.iter().find(|(country, _)| country.as_bytes() == &bytes[start..start + 2]).map(|(_, len)| *len)
        else {
            continue;
        };
        let Some((value, end)) = compact(bytes, start, length) else { continue };
        let told = sight.led(&[Cue::Account, Cue::Bank, Cue::Pay], start, 24);
        if mod97(&value) || told && value[4..].bytes().filter(u8::is_ascii_digit).count() >= 8 {
            found.push(Found { start, end, kind: Kind::Payment });
            until = end;
        }
    }
}

/// `length` letters and digits from `start`, single spaces or dashes between them, and then an end.
fn compact(bytes: &[u8], start: usize, length: usize) -> Option<(String, usize)> {
    let mut value = String::with_capacity(length);
    let mut at = start;
    while value.len() < length {
        match bytes.get(at)? {
            b if b.is_ascii_alphanumeric() => value.push(char::from(*b)),
            b' ' | b'-' if bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric) => {}
            // "DE00 . 0000 . 0000"
            b' ' if value.len().is_multiple_of(4)
                && matches!(bytes.get(at + 1), Some(b'.' | b'-' | b'/' | b'|'))
                && bytes.get(at + 2) == Some(&b' ') =>
            {
                at += 2;
            }
            _ => return None,
        }
        at += 1;
    }
    let open = bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
    (!open).then_some((value, at))
}

/// Rows of digits: cards, Polish accounts, and what a bank's name or "account" stands before.
fn accounts(sight: &Sight<'_>, found: &mut Finds) {
    let text = sight.text();
    let digits = sight.digits();
    let atoms = digits.atoms();
    let mut first = 0;
    while first < atoms.len() {
        let mut last = first;
        while last + 1 < atoms.len()
            && digits.glue(text, last) == Glue::Tight
            && digits.value(first, last + 1).len() <= 30
            && !text[atoms[last].end..atoms[last + 1].start].contains([',', ':', ';'])
        {
            if card(digits.value(first, last)) {
                break;
            }
            last += 1;
        }
        let (start, end, value) = (atoms[first].start, atoms[last].end, digits.value(first, last));
        if value.len() >= SORT_CODE && account(sight, start, end, value) {
            let start = sight.before(&[Cue::Bank], start, 3).map(|bank| bank.start).min().unwrap_or(start);
            found.push(Found { start, end, kind: Kind::Payment });
        }
        first = last + 1;
    }
}

/// A sort code: no account has fewer digits.
const SORT_CODE: usize = 6;

fn account(sight: &Sight<'_>, start: usize, end: usize, value: &str) -> bool {
    let text = sight.text();
    let attached = text[..start].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '#')
        || text[end..].starts_with(|c: char| c.is_ascii_alphanumeric());
    let reference = sight.led(&[Cue::Reference], start, 12);
    let carded = sight.before(&[Cue::Reference], start, 30).any(|hit| text[hit.start..hit.end].contains("card"));
    if attached || reference && !carded && !sight.led(&[Cue::Account, Cue::Bank], start, 10) {
        return false;
    }
    let polish = value.len() == 26 && mod97(&format!("pl{value}"));
    let sorted = value.len() == 6
        && sight.before(&[Cue::Account], start, 3).any(|hit| text[hit.start..hit.end].starts_with("sort"));
    let banked = sorted
        || sight.led(&[Cue::Account], start, 26) && value.len() >= 7
        || sight.led(&[Cue::Bank], start, 22) && value.len() >= 7;
    let account = |unit: &Hit| sight.before(&[Cue::Account], start, 2).any(|hit| hit.start == unit.start);
    let unit = sight.after(&[Cue::Unit], end, 2).next().is_some()
        || sight.before(&[Cue::Unit], start, 2).any(|unit| !account(unit));
    polish || card(value) && (!reference || carded) || banked && value.len() <= 30 && !unit
}

/// A card by its issuer's prefix, length and check digit.
fn card(value: &str) -> bool {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|p| value.starts_with(p));
    let shape = match value.len() {
        16 => starts(&[
            "4", "51", "52", "53", "54", "55", "22", "23", "24", "25", "26", "27", "6011", "65", "35", "62", "644",
            "645", "646", "647", "648", "649", "50", "56", "57", "58", "60", "63", "67",
        ]),
        15 => starts(&["34", "37", "2131", "1800"]),
        14 => starts(&["36", "38", "300", "301", "302", "303", "304", "305", "309", "3095"]),
        13 => starts(&["4"]),
        19 => starts(&["62", "4"]),
        _ => false,
    };
    shape && luhn(value)
}

/// A number, a handle or a wallet's own id beside the wallet's name.
fn wallets(sight: &Sight<'_>, found: &mut Finds) {
    let text = sight.text();
    for hit in sight.all(&[Cue::Wallet]) {
        if let Some((start, end)) = handle(sight, hit.end) {
            found.push(Found { start, end, kind: Kind::Payment });
            continue;
        }
        let digits = sight.digits();
        let atoms = digits.atoms();
        let first = atoms.partition_point(|atom| atom.start < hit.end);
        if first == atoms.len() {
            continue;
        }
        if atoms[first].start - hit.end > 30 || text[hit.end..atoms[first].start].contains(['!', '?']) {
            continue;
        }
        let mut last = first;
        while last + 1 < atoms.len()
            && glue(&text[atoms[last].end..atoms[last + 1].start]) == Glue::Tight
            && digits.value(first, last + 1).len() <= 20
        {
            last += 1;
        }
        let (start, end) = (atoms[first].start, atoms[last].end);
        let unit =
            sight.after(&[Cue::Unit], end, 2).next().is_some() || sight.before(&[Cue::Unit], start, 2).next().is_some();
        if digits.value(first, last).len() >= 8 && !unit && !text[..start].ends_with(['$', '€', '£']) {
            found.push(Found { start, end, kind: Kind::Payment });
        }
    }
}

/// `@handle` right after the wallet's name.
fn handle(sight: &Sight<'_>, from: usize) -> Option<(usize, usize)> {
    let text = sight.text();
    let at = from + text[from..].find(['@', '$']).filter(|gap| *gap <= 6)?;
    if text[at + 1..].starts_with(|c: char| c.is_ascii_digit()) && text[at..].starts_with('$') {
        return None;
    }
    let len = text[at + 1..]
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')))
        .unwrap_or(text.len() - at - 1);
    let between = text[from..at].chars().all(|c| !c.is_alphanumeric());
    (between && len >= 3).then_some((at, at + 1 + len))
}

/// Addresses on chains, by alphabet and length.
fn crypto(sight: &Sight<'_>, found: &mut Finds) {
    let text = sight.text();
    for (start, word) in long_words(text) {
        if word.len() > 90 || !word.bytes().any(|b| b.is_ascii_digit()) {
            continue;
        }
        let figures = word.bytes().filter(u8::is_ascii_digit).count();
        let letters = word.len() - figures;
        let hex = word.bytes().all(|b| b.is_ascii_hexdigit());
        let ethereum = word.len() == 42 && word.starts_with("0x") && word[2..].bytes().all(|b| b.is_ascii_hexdigit());
        let base58 = !word.contains('0') && !hex && letters >= 10;
        let bitcoin = base58 && word.len() <= 35 && word.starts_with(['1', '3']);
        let tron = base58 && word.len() == 34 && word.starts_with('t');
        let bech32 = ["bc1", "tb1", "ltc1", "addr1"].iter().any(|p| word.starts_with(p)) && figures >= 3;
        let dash = base58 && word.len() == 34 && word.starts_with(['x', 'd', 'l']) && sight.has(&[Cue::Wallet]);
        if ethereum || bitcoin || tron || bech32 || dash {
            found.push(Found { start, end: start + word.len(), kind: Kind::Payment });
        }
    }
}

/// Runs of at least [`SHORTEST`] letters and digits. Most of a text is stepped over: where one of
/// so many bytes is none of them, no run of that length holds it.
fn long_words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let window = bytes.get(at..at + SHORTEST)?;
            match window.iter().rposition(|b| !b.is_ascii_alphanumeric()) {
                Some(gap) => at += gap + 1,
                None => {
                    let start = at;
                    let more = bytes[start..].iter().position(|b| !b.is_ascii_alphanumeric());
                    at = more.map_or(bytes.len(), |len| start + len);
                    return Some((start, &text[start..at]));
                }
            }
        }
    })
}

/// No address on a chain is shorter.
const SHORTEST: usize = 26;

/// The length of an IBAN by country.
const IBANS: &[(&str, usize)] = &[
    ("ad", 24),
    ("ae", 23),
    ("al", 28),
    ("at", 20),
    ("az", 28),
    ("ba", 20),
    ("be", 16),
    ("bg", 22),
    ("bh", 22),
    ("bi", 27),
    ("br", 29),
    ("by", 28),
    ("ch", 21),
    ("cr", 22),
    ("cy", 28),
    ("cz", 24),
    ("de", 22),
    ("dj", 27),
    ("dk", 18),
    ("do", 28),
    ("ee", 20),
    ("eg", 29),
    ("es", 24),
    ("fi", 18),
    ("fk", 18),
    ("fo", 18),
    ("fr", 27),
    ("gb", 22),
    ("ge", 22),
    ("gi", 23),
    ("gl", 18),
    ("gr", 27),
    ("gt", 28),
    ("hr", 21),
    ("hu", 28),
    ("ie", 22),
    ("il", 23),
    ("iq", 23),
    ("is", 26),
    ("it", 27),
    ("jo", 30),
    ("kw", 30),
    ("kz", 20),
    ("lb", 28),
    ("lc", 32),
    ("li", 21),
    ("lt", 20),
    ("lu", 20),
    ("lv", 21),
    ("ly", 25),
    ("mc", 27),
    ("md", 24),
    ("me", 22),
    ("mk", 19),
    ("mn", 20),
    ("mr", 27),
    ("mt", 31),
    ("mu", 30),
    ("ni", 28),
    ("nl", 18),
    ("no", 15),
    ("om", 23),
    ("pk", 24),
    ("pl", 28),
    ("ps", 29),
    ("pt", 25),
    ("qa", 29),
    ("ro", 24),
    ("rs", 22),
    ("ru", 33),
    ("sa", 24),
    ("sc", 31),
    ("sd", 18),
    ("se", 24),
    ("si", 19),
    ("sk", 24),
    ("sm", 27),
    ("so", 23),
    ("st", 25),
    ("sv", 28),
    ("tl", 23),
    ("tn", 24),
    ("tr", 26),
    ("ua", 29),
    ("va", 22),
    ("vg", 24),
    ("xk", 20),
    ("ye", 30),
];
