//! Guarded real names and contacts: what is known of these two people, handed in per message.
//!
//! A full name or two parts of it together, never one common word.

use memchr::memmem;
use zeroize::Zeroizing;

use super::{
    lexicon::{closes, opens, unspaced},
    link::allowed,
    sight::{Finds, Found, Sight},
};
use crate::model::Kind;

/// Finds what the guard names.
pub(super) fn find(sight: &Sight<'_>, found: &mut Finds) {
    found.guard();
    let guarded = &sight.context.guarded;
    guarded.names.iter().for_each(|name| full_name(sight, name, found));
    guarded.unspaced.iter().for_each(|name| unspaced_name(sight, name, found));
    guarded.emails.iter().for_each(|email| exact(sight, email, Kind::Email, found));
    guarded.locals.iter().for_each(|local| account(sight, local, found));
    guarded.hosts.iter().for_each(|host| own_host(sight, host, found));
    guarded.streets.iter().for_each(|street| exact(sight, street, Kind::Address, found));
    let guard = &sight.context.guard;
    for (guarded, kind) in [(&guard.phones, Kind::Phone), (&guard.accounts, Kind::Payment)] {
        if !guarded.is_empty() {
            numbers(sight, guarded, kind, found);
        }
    }
}

fn full_name(sight: &Sight<'_>, parts: &[String], found: &mut Finds) {
    let text = sight.text();
    if ![parts.first(), parts.last()].into_iter().flatten().any(|part| said(text, part)) {
        return;
    }
    let mut places: Vec<(usize, usize, usize)> = Vec::new();
    for (n, part) in parts.iter().enumerate() {
        places.extend(
            text.match_indices(part.as_str())
                .filter(|(at, _)| opens(text, *at) && closes(text, at + part.len()))
                .map(|(at, _)| (at, at + part.len(), n)),
        );
    }
    places.sort_unstable();
    let mut from = 0;
    while from < places.len() {
        let mut to = from;
        while to + 1 < places.len()
            && places[to + 1].2 != places[from].2
            && together(&text[places[to].1..places[to + 1].0.max(places[to].1)])
        {
            to += 1;
        }
        if to > from {
            found.push(Found { start: places[from].0, end: places[to].1, kind: Kind::Name });
        }
        from = to + 1;
    }
}

/// Whether a text has these words. A short one is searched without the tables that a long one is
/// worth.
fn said(text: &str, words: &str) -> bool {
    let (text, words) = (text.as_bytes(), words.as_bytes());
    if text.len() > SHORT {
        return memmem::find(text, words).is_some();
    }
    let Some((first, rest)) = words.split_first() else { return true };
    memchr::memchr_iter(*first, text).any(|at| text[at + 1..].starts_with(rest))
}

/// A text of so many bytes is short.
const SHORT: usize = 400;

/// Parts of a name are together with nothing but an initial or signs between them.
fn together(gap: &str) -> bool {
    gap.len() <= 5 && gap.chars().filter(|c| c.is_alphanumeric()).count() <= 1
}

/// A name without spaces, or with one between its letters. One of two letters may be a word: it
/// stands by itself.
fn unspaced_name(sight: &Sight<'_>, name: &str, found: &mut Finds) {
    let text = sight.text();
    let mut letters = name.chars();
    let (Some(first), rest) = (letters.next(), letters.as_str()) else { return };
    let alone = rest.chars().count() < 2;
    let beside = |c: Option<char>| c.is_some_and(unspaced);
    for (start, _) in text.match_indices(first) {
        let mut end = start + first.len_utf8();
        let whole = rest.chars().all(|letter| {
            let after = text[end..].strip_prefix(' ').unwrap_or(&text[end..]);
            let met = after.starts_with(letter);
            end = text.len() - after.len() + letter.len_utf8();
            met
        });
        if whole && !(alone && (beside(text[..start].chars().next_back()) || beside(text[end..].chars().next()))) {
            found.push(Found { start, end, kind: Kind::Name });
        }
    }
}

/// What somebody calls themselves in an address: people keep it for their other accounts.
fn account(sight: &Sight<'_>, local: &str, found: &mut Finds) {
    if !said(sight.text(), local) {
        return;
    }
    for (start, _) in sight.text().match_indices(local) {
        let end = start + local.len();
        if opens(sight.text(), start) && closes(sight.text(), end) {
            found.push(Found { start, end, kind: Kind::Email });
        }
    }
}

/// The host of an address, with what stands before it: many a shop has one of its own, on a top
/// level that no list knows.
fn own_host(sight: &Sight<'_>, host: &str, found: &mut Finds) {
    let text = sight.text();
    if !said(text, host) || allowed(sight, host) || sight.context.own.domains.iter().any(|own| own == host) {
        return;
    }
    for (at, _) in text.match_indices(host) {
        let end = at + host.len();
        let part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.');
        let start = text[..at].trim_end_matches(part).len();
        let whole = start == at || text[..at].ends_with('.');
        let more = text[end..].strip_prefix('.').unwrap_or(&text[end..]);
        if whole && !more.starts_with(|c: char| c.is_alphanumeric() || c == '-') {
            found.push(Found { start, end, kind: Kind::Email });
        }
    }
}

fn exact(sight: &Sight<'_>, wanted: &str, kind: Kind, found: &mut Finds) {
    if wanted.len() < 5 {
        return;
    }
    if !said(sight.text(), wanted) {
        return;
    }
    let places = memmem::find_iter(sight.text().as_bytes(), wanted);
    found.extend(places.map(|start| Found { start, end: start + wanted.len(), kind }));
}

/// The last eight digits of a guarded number, however they are grouped.
fn numbers(sight: &Sight<'_>, guarded: &[String], kind: Kind, found: &mut Finds) {
    let digits = sight.digits();
    let atoms = digits.atoms();
    for number in guarded {
        let figures = Zeroizing::new(number.chars().filter(char::is_ascii_digit).collect::<String>());
        if figures.len() < 7 {
            continue;
        }
        let tail = &figures[figures.len().saturating_sub(8)..];
        let mut first = 0;
        for last in 0..atoms.len() {
            while first < last && digits.value(first + 1, last).len() >= figures.len() + 4 {
                first += 1;
            }
            if !digits.value(first, last).ends_with(tail) {
                continue;
            }
            let mut begin = last;
            while begin > first && digits.value(begin, last).len() < figures.len() {
                begin -= 1;
            }
            found.push(Found { start: atoms[begin].start, end: atoms[last].end, kind });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use crate::{
        detect::{Context, Detect, Guard, Own, Piece, Window},
        model::{Kind, Part},
    };

    static DETECT: LazyLock<Detect> = LazyLock::new(|| Detect::embedded().unwrap());

    fn cut(names: &[&str], emails: &[&str], text: &str) -> Vec<(Kind, String)> {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let mut guard = Guard::default();
        (guard.names, guard.emails) = (owned(names), owned(emails));
        let own = Own { domains: vec!["relay.example".to_owned()], ..Own::default() };
        let context = Context { guard, own, ..Context::default() };
        let report = DETECT.scan(&[Piece { part: Part::Text(0), text }], &context, &Window::default());
        report.findings.into_iter().map(|finding| (finding.kind, finding.text)).collect()
    }

    #[test]
    fn a_name_is_met_as_it_is_typed_without_its_letters() {
        for text in ["Jürgen Weißgerber", "JURGEN WEISSGERBER", "Juergen Weissgerber", "Weissgerber, Jürgen"] {
            assert_eq!(cut(&["Jürgen Weißgerber"], &[], text), [(Kind::Name, text.to_owned())]);
        }
        assert!(cut(&["Jürgen Weißgerber"], &[], "der Weißgerber am Markt").is_empty());
    }

    #[test]
    fn a_name_in_a_script_without_spaces_is_met_as_a_whole() {
        for (name, text, met) in [
            ("陈志远", "此致敬礼，陈志远", "陈志远"),
            ("陈志远", "我是陈 志远。", "陈 志远"),
            ("陈 志远", "我是陈志远。", "陈志远"),
            ("小鳥遊 健太郎", "小鳥遊健太郎です", "小鳥遊健太郎"),
            ("王伟", "此致 王伟", "王伟"),
        ] {
            assert_eq!(cut(&[name], &[], text), [(Kind::Name, met.to_owned())], "{text}");
        }
        assert!(cut(&["高兴"], &[], "我很高兴收到包裹").is_empty(), "two letters may be a word");
        assert!(cut(&["陈志远"], &[], "志远大厦").is_empty());
    }

    #[test]
    fn the_halves_of_an_address_are_met_by_themselves() {
        let met =
            |email: &str, text: &str| cut(&[], &[email], text).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(
            met("budi.s77@toko.example", "login budi.s77 on mail.toko.example."),
            ["budi.s77", "mail.toko.example"]
        );
        assert!(met("budi@toko.example", "budi pekerti").is_empty(), "a word");
        assert!(met("budi.s77@toko.example", "budi.s777 bukutoko.example2").is_empty(), "others");
        assert!(met("shop.one@relay.example", "see relay.example").is_empty(), "the platform's own");
    }
}
