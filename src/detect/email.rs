//! Mail addresses, plain (RFC 5321, 6531) and with a provider but without its dot.

use super::{
    lexicon::Cue,
    link::allowed,
    sight::{Face, Finds, Found, Sight},
};
use crate::model::Kind;

/// Finds mail addresses.
pub(super) fn find(sight: &Sight<'_>, found: &mut Finds) {
    let text = sight.text();
    for at in memchr::memchr_iter(b'@', text.as_bytes()) {
        let start = local_start(text, at);
        if start == at {
            continue;
        }
        let end = domain_end(text, at + 1);
        if let Some(end) = literal(text, at + 1) {
            found.push(Found { start, end, kind: Kind::Email });
            continue;
        }
        let domain = text[at + 1..end].trim_end_matches(['.', '-', '_']);
        let end = at + 1 + domain.len();
        if domain.is_empty() || found.taken(start, end) {
            continue;
        }
        if accepted(sight, domain, at, end) && !own(sight, &text[start..end], domain) {
            let start = if text[..start].ends_with("mailto:") { start - 7 } else { start };
            let end = if domain.contains('.') { end } else { end + bare_top(&text[end..]) };
            found.push(Found { start, end, kind: Kind::Email });
        }
    }
    hosted(sight, found);
    named(sight, found);
}

/// "name_of_mine at outlook", "jan.nazwisko na gmailu": a local part that looks like nothing else, before a provider's name.
fn hosted(sight: &Sight<'_>, found: &mut Finds) {
    if sight.face != Face::Plain {
        return;
    }
    let text = sight.text();
    for hit in sight.all(&[Cue::Provider]) {
        let Some((head, joint)) = text[..hit.start].strip_suffix(' ').and_then(|head| head.rsplit_once(' ')) else {
            continue;
        };
        let end = head.trim_end_matches([',', '"', '\'']).len();
        let start = local_start(text, end);
        let local = &text[start..end];
        let joined = JOINTS.contains(&joint) && super::social::id_shaped(local) && !local.contains('@');
        let host =
            psl::suffix(local.as_bytes()).is_some_and(|top| top.is_known() && top.as_bytes().len() < local.len());
        if joined && !host && !found.taken(start, hit.end) {
            found.push(Found { start, end: hit.end, kind: Kind::Email });
        }
    }
}

/// What stands between a local part and a provider where the sign is missing.
const JOINTS: &[&str] =
    &["at", "on", "na", "w", "u", "di", "d", "pada", "ada", "en", "em", "bei", "bij", "auf", "sa", "tren", "a"];

/// How long a top-level domain after a provider is that has lost its dot: "gmail com".
fn bare_top(rest: &str) -> usize {
    let word = rest.trim_start_matches([' ', ',']);
    let gap = rest.len() - word.len();
    let top = ["com", "net", "org", "co id", "pl", "ru", "de"]
        .iter()
        .find(|top| word.strip_prefix(**top).is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric())));
    top.filter(|_| (1..=2).contains(&gap)).map_or(0, |top| gap + top.len())
}

/// Where a host by its number in brackets ends: RFC 5321, 4.1.3.
fn literal(text: &str, from: usize) -> Option<usize> {
    let inner = text[from..].strip_prefix('[')?;
    let len = inner.bytes().take(40).take_while(|b| b.is_ascii_hexdigit() || matches!(b, b'.' | b':')).count();
    (len >= 7 && inner[len..].starts_with(']')).then_some(from + len + 2)
}

fn accepted(sight: &Sight<'_>, domain: &str, at: usize, end: usize) -> bool {
    if domain.contains("..") || domain.starts_with(['.', '-']) {
        return false;
    }
    let first = domain.split('.').next().unwrap_or(domain);
    if text_after_provider(sight, at, end) {
        return true;
    }
    let mailto = mailto(&sight.text().as_bytes()[..at]);
    let glued = PROVIDERS.iter().any(|p| {
        first.strip_prefix(p).is_some_and(|rest| matches!(rest, "" | "com" | "pl" | "coid" | "id" | "net" | "dotcom"))
    });
    if glued {
        return true;
    }
    let known = psl::suffix(domain.as_bytes())
        .is_some_and(|suffix| suffix.is_known() && suffix.as_bytes().len() < domain.len());
    match sight.face {
        _ if mailto => true,
        _ if !domain.contains('.') => false,
        // "all the offers at bit dot ly": an "at" of talk, and a link.
        Face::Unveiled | Face::Joined if super::link::leads_elsewhere(domain) => false,
        Face::Plain => known || !domain.is_ascii() || domain.contains("xn--") || reserved(domain),
        Face::Unveiled | Face::Joined => {
            let spoken = || spelled(sight, at) || sight.spoken(at + 1, end);
            known && (super::link::strong(domain) || spoken()) || reserved(domain)
        }
    }
}

/// Whether a long word stands for the at sign: "małpa" says more than "at" or "w".
fn spelled(sight: &Sight<'_>, at: usize) -> bool {
    sight.face == Face::Unveiled && sight.raw(at, at + 1).chars().filter(|c| c.is_alphabetic()).count() >= 4
}

/// Whether the word that a text ends with says `mailto:`.
fn mailto(text: &[u8]) -> bool {
    let near = &text[text.len().saturating_sub(LONGEST_LOCAL)..];
    let word = near.iter().rposition(|b| *b == b' ').map_or(near, |space| &near[space..]);
    memchr::memmem::rfind(word, b"mailto:").is_some()
}

/// No local part is longer, escapes and all: RFC 5321 4.5.3.1.1 has 64 octets.
const LONGEST_LOCAL: usize = 320;

/// Whether the domain begins with a provider's whole name.
fn text_after_provider(sight: &Sight<'_>, at: usize, end: usize) -> bool {
    sight.after(&[Cue::Provider], at + 1, 1).any(|hit| hit.end <= end && hit.start == at + 1)
}

/// "email: name" without a domain: the provider is said in other words.
fn named(sight: &Sight<'_>, found: &mut Finds) {
    let text = sight.text();
    for hit in sight.all(&[Cue::Mail]) {
        let Some((start, end)) = super::social::named(sight, hit.end) else { continue };
        // One that has its address already speaks for no other word.
        let provider =
            sight.after(&[Cue::Provider], end, 40).next().is_some_and(|hit| !found.taken(hit.start, hit.end));
        if !provider && !super::social::id_shaped(&text[start..end]) {
            continue;
        }
        let fresh = !found.taken(start, end);
        if fresh && !text[start..end].contains('@') {
            found.push(Found { start, end, kind: Kind::Email });
        }
    }
}

/// The platform's own addresses and allowed domains are no findings.
fn own(sight: &Sight<'_>, address: &str, domain: &str) -> bool {
    let own = &sight.context.own;
    own.emails.iter().any(|mine| mine.eq_ignore_ascii_case(address))
        || own.domains.iter().any(|mine| mine.eq_ignore_ascii_case(domain))
        || !domain.is_empty() && allowed(sight, domain)
}

fn local_start(text: &str, at: usize) -> usize {
    let stop = |c: char| !(c.is_alphanumeric() || "._%+-!#$&'*/=?^{|}~".contains(c)) || super::lexicon::unspaced(c);
    let start = text[..at].rfind(stop).map_or(0, |p| p + text[p..].chars().next().map_or(1, char::len_utf8));
    // What stands in the query of a link begins with its value, not with the link.
    let own = &text[start..at];
    let query = own.find('/').filter(|slash| own[*slash..].contains('?')).and_then(|_| own.rfind(['=', '&', '?']));
    let start = start + query.map_or(0, |sign| sign + 1);
    let skipped = text[start..at].find(|c: char| c.is_alphanumeric()).unwrap_or(at - start);
    start + skipped
}

fn domain_end(text: &str, from: usize) -> usize {
    let stop = |c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-')) || super::lexicon::unspaced(c);
    text[from..].find(stop).map_or(text.len(), |len| from + len)
}

/// Names kept for examples and private networks: no registry has them, mail still goes there.
pub(super) fn reserved(domain: &str) -> bool {
    domain
        .rsplit_once('.')
        .is_some_and(|(_, top)| ["example", "test", "local", "localhost", "invalid", "internal"].contains(&top))
}

/// Whether a word is the name of a provider.
pub(super) fn provider(word: &str) -> bool {
    PROVIDERS.contains(&word)
}

/// Providers common enough to be named without their top-level domain.
const PROVIDERS: &[&str] = &[
    "gmail",
    "googlemail",
    "yahoo",
    "ymail",
    "hotmail",
    "outlook",
    "icloud",
    "live",
    "proton",
    "protonmail",
    "wp",
    "onet",
    "interia",
    "o2",
    "gazeta",
    "mail",
    "yandex",
    "gmx",
    "web",
    "qq",
    "163",
    "126",
    "naver",
    "rocketmail",
    "aol",
    "tlen",
    "op",
];
