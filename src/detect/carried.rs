//! Which links of a page may stay, and what an allowed link carries along: a way to a person in its
//! path or its query.
//!
//! A link of the marketplace is full of numbers that mean an order, so only what can mean
//! nothing else counts: mail addresses, numbers with `+` or under a name such as `wa=`, schemes
//! and hosts that call somebody, and links to elsewhere.

use std::borrow::Cow;

/// Whether a link may stay: on the web, to one of `domains` or beneath one, and carrying no
/// contact.
pub fn link_stays(link: &str, domains: &[String]) -> bool {
    let own = |host: &str| {
        let beneath = |own: &String| host.strip_suffix(own.to_ascii_lowercase().as_str()).map(str::to_owned);
        domains.iter().filter_map(beneath).any(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let Some(rest) = link.strip_prefix("https://").or_else(|| link.strip_prefix("http://")) else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let (host, port) = authority.split_once(':').unwrap_or((&authority, ""));
    // Browsers read `\` as `/`, and `a:b@c` as c: what is not a plain host leads who knows where.
    let plain = host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-'));
    plain && port.bytes().all(|b| b.is_ascii_digit()) && own(host) && !carries_contact(link, &own)
}

/// Whether a link whose host may stay carries a contact. `allowed` says which hosts may stay.
pub(super) fn carries_contact(link: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let rest = link.split_once("://").map_or(link, |(_, rest)| rest);
    let Some(at) = rest.find(['/', '?', '#', '\\']) else { return false };
    let mut said = Cow::Borrowed(&rest[at..]);
    // A link within a link is often encoded twice.
    for _ in 0..3 {
        let lower = said.to_lowercase();
        if mail(&lower, allowed)
            || number(&lower)
            || named_number(&lower)
            || caller(&lower)
            || elsewhere(&lower, allowed)
        {
            return true;
        }
        match decoded(&said) {
            Some(once_more) => said = Cow::Owned(once_more),
            None => return false,
        }
    }
    false
}

fn mail(text: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    memchr::memchr_iter(b'@', text.as_bytes()).any(|at| {
        let before = text[..at].chars().next_back().is_some_and(char::is_alphanumeric);
        let domain = host_at(&text[at + 1..]);
        before && is_host(domain) && !allowed(domain)
    })
}

/// `+` and a whole number. A `+` after a word is a space.
fn number(text: &str) -> bool {
    memchr::memchr_iter(b'+', text.as_bytes()).any(|at| {
        let after_word = text[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '+');
        !after_word && !text[at + 1..].starts_with('0') && (10..=15).contains(&digits(&text[at + 1..]))
    })
}

/// `wa=0812…`, `phone/0812…`.
fn named_number(text: &str) -> bool {
    text.match_indices(['=', '/', ':']).any(|(at, _)| {
        // No name is longer, and looking back further would cost a hostile link's length squared.
        let before = &text.as_bytes()[at.saturating_sub(12)..at];
        let name = before.rsplit(|byte| b"?&;/#".contains(byte)).next().unwrap_or_default();
        NUMBER_NAMES.iter().any(|known| known.as_bytes() == name)
            && (9..=15).contains(&digits(text[at + 1..].trim_start_matches(['+', ' '])))
    })
}

fn caller(text: &str) -> bool {
    let stands = |word: &str| {
        text.match_indices(word).any(|(at, _)| {
            let clear = text[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '-' | '.'));
            clear && text[at + word.len()..].starts_with(|c: char| c.is_alphanumeric() || matches!(c, '+' | '@' | '/'))
        })
    };
    CALLERS.iter().any(|word| stands(word))
}

/// A whole link to another host: where a link leads is judged where it leads.
fn elsewhere(text: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    text.match_indices("://").any(|(at, _)| {
        let authority = text[at + 3..].split(['/', '?', '#', '&']).next().unwrap_or_default();
        let host = host_at(authority.rsplit('@').next().unwrap_or_default());
        is_host(host) && !allowed(host)
    })
}

/// How many digits a number at the start of `text` has, its usual separators passed over.
fn digits(text: &str) -> usize {
    let number = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '-' | '.' | ' ' | '(' | ')'));
    text[..number.unwrap_or(text.len())].bytes().filter(u8::is_ascii_digit).count()
}

fn host_at(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && !matches!(c, '.' | '-')).unwrap_or(text.len());
    text[..end].trim_end_matches(['.', '-'])
}

fn is_host(host: &str) -> bool {
    let suffix = psl::suffix(host.as_bytes());
    suffix.is_some_and(|s| s.is_known() && s.as_bytes().len() < host.len()) || super::email::reserved(host)
}

/// Undoes percent-encoding; `None` when there is none.
fn decoded(text: &str) -> Option<String> {
    let hex = |byte: Option<&u8>| byte.and_then(|b| char::from(*b).to_digit(16)).and_then(|n| u8::try_from(n).ok());
    let source = text.as_bytes();
    let mut bytes = Vec::with_capacity(source.len());
    let mut at = 0;
    while at < source.len() {
        let pair = (source[at] == b'%').then(|| hex(source.get(at + 1)).zip(hex(source.get(at + 2)))).flatten();
        bytes.push(pair.map_or(source[at], |(high, low)| high << 4 | low));
        at += if pair.is_some() { 3 } else { 1 };
    }
    (bytes.len() < source.len()).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// Names of a parameter whose value is somebody's number.
const NUMBER_NAMES: &[&str] = &[
    "call", "hp", "mobile", "msisdn", "no_hp", "no_wa", "nohp", "nomor", "nowa", "phone", "sms", "tel", "telefon",
    "telepon", "telp", "wa", "whatsapp",
];

/// Schemes and hosts that lead to a person.
const CALLERS: &[&str] = &[
    "mailto:",
    "tel:",
    "sms:",
    "whatsapp:",
    "tg:",
    "viber:",
    "skype:",
    "wa.me/",
    "t.me/",
    "m.me/",
    "wa.link/",
    "line.me/",
    "ig.me/",
    "zalo.me/",
    "telegram.me/",
    "discord.gg/",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn carries(link: &str) -> bool {
        carries_contact(link, &|host| host == "market.example" || host.ends_with(".market.example"))
    }

    #[test]
    fn a_contact_in_an_allowed_link_is_seen() {
        for link in [
            "https://market.example/?wa=081234567890",
            "https://market.example/?x=1&Phone=0812-3456-7890",
            "https://market.example/hp/081234567890",
            "https://market.example/?q=+6281234567890",
            "https://market.example/?q=%2B62%20812-3456-7890",
            "https://market.example/?q=budi@mail.example",
            "https://market.example/?q=budi%40gmail.com",
            "https://market.example/?q=budi%2540gmail.com",
            "https://market.example/go?to=https://evil.test/x",
            "https://market.example/go?to=https%3A%2F%2Fwww.evil.com",
            "https://market.example/go?to=http://market.example@evil.com/",
            "https://market.example/#wa.me/6281234567890",
            "https://market.example/?u=tel:081234567890",
            "https://market.example/?u=mailto%3Abudi",
            "market.example/t.me/budi",
        ] {
            assert!(carries(link), "{link}");
        }
    }

    #[test]
    fn a_page_keeps_plain_links_to_allowed_hosts_alone() {
        let domains = ["Market.example".to_owned()];
        for link in ["https://market.example/@toko", "http://help.MARKET.example:8443/x", "https://market.example"] {
            assert!(link_stays(link, &domains), "{link}");
        }
        for link in [
            r"https://evil.test\.market.example/",
            r"https://evil.test\@market.example/",
            "https://market.example:x@evil.test/",
            "https://market.example@evil.test/",
            "https://evilmarket.example/",
            "https:///market.example/",
            "https://evil.test\t.market.example/",
            "ftp://market.example/",
            "javascript://market.example/%0aalert(1)",
            "//market.example/",
            "https://market.example/?wa=081234567890",
            "https://market.example/go?to=https%3A%2F%2Fevil.test",
        ] {
            assert!(!link_stays(link, &domains), "{link}");
        }
    }

    #[test]
    fn the_ids_of_an_allowed_link_are_left_alone() {
        for link in [
            "https://market.example",
            "https://market.example/",
            "https://market.example/product/081234567890",
            "https://market.example/order?id=6281234567890&ref=20261122081234",
            "https://market.example/search?q=teh+hijau+6281234567890",
            "https://market.example/search?q=red+12345678901",
            "https://market.example/@toko.biru/teh",
            "https://market.example/@toko/teh-v1.2",
            "https://market.example/help/contact?topic=phone",
            "https://market.example/track?no=JP1234567890123",
            "https://market.example/go?to=https%3A%2F%2Fhelp.market.example%2Freturns",
            "https://market.example/hotel:1/motel:22",
            "https://market.example/a%zz%2",
            "https://market.example/img?size=1024x768&tel=12",
        ] {
            assert!(!carries(link), "{link}");
        }
    }

    proptest! {
        #[test]
        fn any_link_is_judged(link in r"(https://market\.example)?[/?#%a-z0-9@+.:=& é]{0,60}") {
            let _ = carries(&link);
        }
    }
}
