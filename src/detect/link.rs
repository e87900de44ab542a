//! Links: URLs, bare domains on the public suffix list, short and deep links, hosts by number.
//!
//! A dot between two words is more often a missing space than a domain, so a bare host needs a
//! scheme, `www.`, a path, a known host, a label that is no word, or words that speak of a site.

use super::{
    carried::carries_contact,
    lexicon::Cue,
    sight::{Face, Finds, Found, Sight},
};
use crate::model::Kind;

/// Finds links.
pub(super) fn find(sight: &Sight<'_>, found: &mut Finds) {
    schemes(sight, found);
    short(sight, found);
    hosts(sight, found);
    if sight.face == Face::Plain {
        coordinates(sight, found);
    }
}

/// "-6.914744, 107.609810": a place on the map, exact to some metres.
fn coordinates(sight: &Sight<'_>, found: &mut Finds) {
    let text = sight.text();
    let bytes = text.as_bytes();
    let mut until = 0;
    for dot in memchr::memchr_iter(b'.', bytes) {
        let Some((start, middle)) = degrees(bytes, dot, 90).filter(|(start, _)| *start >= until) else { continue };
        let gap = bytes[middle..].iter().take(3).take_while(|b| matches!(b, b',' | b' ' | b';')).count();
        let sign = usize::from(bytes.get(middle + gap) == Some(&b'-'));
        let figures = bytes[middle + gap + sign..].iter().take(4).take_while(|b| b.is_ascii_digit()).count();
        let Some((second, end)) = degrees(bytes, middle + gap + sign + figures, 180) else { continue };
        if (1..=2).contains(&gap) && second == middle + gap && !found.taken(start, end) {
            found.push(Found { start, end, kind: Kind::Link });
            until = end;
        }
    }
}

/// Degrees with four decimals or more around a dot: where they begin and end.
fn degrees(bytes: &[u8], dot: usize, most: u16) -> Option<(usize, usize)> {
    if bytes.get(dot) != Some(&b'.') {
        return None;
    }
    let whole = bytes[..dot].iter().rev().take(4).take_while(|b| b.is_ascii_digit()).count();
    let parts = bytes[dot + 1..].iter().take(12).take_while(|b| b.is_ascii_digit()).count();
    let start = dot - whole;
    let value: u16 = std::str::from_utf8(&bytes[start..dot]).ok()?.parse().ok()?;
    let start = if start > 0 && bytes[start - 1] == b'-' { start - 1 } else { start };
    let clear = start == 0 || !(bytes[start - 1].is_ascii_alphanumeric() || bytes[start - 1] == b'.');
    ((1..=3).contains(&whole) && (4..=9).contains(&parts) && value <= most && clear).then_some((start, dot + 1 + parts))
}

/// `scheme://…` and `tel:`-like schemes that need no slashes.
fn schemes(sight: &Sight<'_>, found: &mut Finds) {
    let text = sight.text();
    if memchr::memchr(b'/', text.as_bytes()).is_none() {
        return;
    }
    let mut ends = Ends::of(text);
    let (mut until, mut nested, mut judged) = (0, 0, 0);
    for at in memchr::memmem::find_iter(text.as_bytes(), "://") {
        let scheme = text[..at].trim_end_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-')).len();
        let scheme = text[scheme..at].find(|c: char| c.is_ascii_alphabetic()).map(|p| scheme + p);
        let Some(start) = scheme.filter(|s| at - s >= 2 && at >= until) else { continue };
        let end = ends.after(at + 3);
        nested = if ends.same { nested + 1 } else { 0 };
        let host = host_of(&text[at + 3..end]);
        let named = host.len() > 1 && host.starts_with(|c: char| c.is_alphanumeric() || c == '[' || !c.is_ascii());
        // What lies within a link was judged with it.
        let within = start < judged;
        judged = judged.max(end);
        let carries = || !within && carries_contact(&text[start..end], &|host| may_stay(sight, host));
        if named && (!may_stay(sight, host) || carries()) || nested > NESTED {
            found.push(Found { start, end, kind: Kind::Link });
            until = end;
        }
    }
}

/// No honest link has so many others within.
const NESTED: usize = 16;

/// Hosts without a scheme.
fn hosts(sight: &Sight<'_>, found: &mut Finds) {
    let text = sight.text();
    let bytes = text.as_bytes();
    let mut ends = Ends::of(text);
    let (mut at, mut judged) = (0, 0);
    while let Some(dot) = memchr::memchr(b'.', &bytes[at..]).map(|p| at + p) {
        if bytes.get(dot + 1).is_none_or(u8::is_ascii_whitespace) {
            // The end of a sentence.
            at = dot + 1;
            continue;
        }
        let start = host_start(text, at, dot);
        let start = start + bytes[start..].iter().take_while(|b| **b == b'.').count();
        if start > dot || dot - start > LABEL {
            at = start.max(dot + 1);
            continue;
        }
        let end = host_end(text, dot);
        // An empty label ends it: what comes after is looked at by itself.
        let end = memchr::memmem::find(&bytes[start..end], b"..").map_or(end, |len| start + len);
        at = end.max(dot + 1);
        if found.taken(start, end) || start == dot {
            continue;
        }
        let before = text[..start].chars().next_back();
        if matches!(before, Some('@')) || text[..start].ends_with("://") {
            continue;
        }
        let written = written(sight, start, end);
        let read = Host::read(&text[start..end])
            .or_else(|| written.as_deref().and_then(Host::exact).map(|host| Host { len: end - start, ..host }));
        let Some(host) = read else { continue };
        let end = start + host.len;
        let link_end = ends.after(end);
        let path = link_end > end && matches!(bytes[end], b'/' | b'?' | b'#') || port(&text[end..]);
        if bytes.get(end) == Some(&b'@') {
            continue;
        }
        if may_stay(sight, host.text) {
            let fresh = start >= judged;
            judged = judged.max(link_end);
            if path && fresh && carries_contact(&text[start..link_end], &|host| may_stay(sight, host)) {
                found.push(Found { start, end: link_end, kind: Kind::Link });
                at = link_end;
            }
            continue;
        }
        let candidate = Candidate { sight, host: &host, start, end, path };
        if candidate.accepted() {
            let end = if path { link_end } else { end };
            let start = torn(text, start, host.text).unwrap_or(start);
            found.push(Found { start, end, kind: Kind::Link });
            at = end;
        }
    }
}

/// The host as written, where folding changed its letters: other scripts have domains too.
fn written(sight: &Sight<'_>, start: usize, end: usize) -> Option<String> {
    if sight.raw_is_ascii() {
        return None;
    }
    let raw = sight.raw(start, end);
    (!raw.is_ascii()).then(|| raw.to_lowercase())
}

/// Known short hosts written without their dot: "bit ly/3x", "bit,ly/3x".
fn short(sight: &Sight<'_>, found: &mut Finds) {
    let text = sight.text();
    let mut ends = Ends::of(text);
    for slash in memchr::memchr_iter(b'/', text.as_bytes()) {
        let head = text[..slash].trim_end();
        let Some((_, name)) = SHORT.iter().map(|host| (host, broken(head, host))).find(|(_, at)| at.is_some()) else {
            continue;
        };
        let Some(start) = name else { continue };
        let rest = &text[slash + 1..];
        let skip = rest.len() - rest.trim_start().len();
        let end = ends.after(slash + 1 + skip);
        let fresh = !found.taken(start, end);
        if fresh && end > slash + 2 + skip {
            found.push(Found { start, end, kind: Kind::Link });
        }
    }
}

/// Where `head` ends with `host`, its dots written as a space, a comma or nothing.
fn broken(head: &str, host: &str) -> Option<usize> {
    let mut at = head.len();
    for label in host.rsplit('.') {
        let cut = head[..at].trim_end_matches([' ', ',', '.', '-', '·', '_']);
        let cut = if at == head.len() { head } else { cut };
        at = cut.strip_suffix(label)?.len();
    }
    let clear = head[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '.' | '-'));
    clear.then_some(at)
}

/// Where a known host begins whose name is written in two words: "tiny url.com".
fn torn(text: &str, start: usize, host: &str) -> Option<usize> {
    let before = text[..start].strip_suffix(' ')?;
    let head = SHORT.iter().find_map(|known| known.strip_suffix(host)).filter(|head| head.len() > 2)?;
    let at = before.strip_suffix(head)?.len();
    (!text[..at].ends_with(|c: char| c.is_alphanumeric())).then_some(at)
}

struct Candidate<'a> {
    sight: &'a Sight<'a>,
    host: &'a Host<'a>,
    start: usize,
    end: usize,
    path: bool,
}

impl Candidate<'_> {
    fn accepted(&self) -> bool {
        let host = self.host;
        let www = host.text.starts_with("www.");
        let known = known(host.text);
        if host.numeric {
            let octets: Vec<u16> = host.text.split('.').map(|part| part.parse().unwrap_or(u16::MAX)).collect();
            let real = octets.len() == 4 && octets.iter().all(|part| *part < 256);
            let large = octets.iter().filter(|part| **part > 99).count() >= 2 && octets[0] > 0;
            return real && (self.path || self.told() || large && !self.versioned());
        }
        if www || known && (self.path || host.labels > 2 || self.told()) {
            return true;
        }
        if file(host.suffix) && !self.path || version(host.text) {
            return false;
        }
        let strong = host.strong();
        let odd =
            host.text.bytes().any(|b| b == b'-' || b.is_ascii_digit()) && host.name.len() > 2 && !measure(host.name);
        let strong = strong && (host.name.len() > 1 || host.labels > 2 || self.told());
        match self.sight.face {
            Face::Plain => {
                strong
                    || self.path && !self.sentence()
                    || odd && COUNTRY.contains(&host.suffix)
                    || self.told()
                        && !self.sentence()
                        && host.name.len() > 2
                        && !host.name.bytes().all(|b| b.is_ascii_digit())
            }
            Face::Unveiled | Face::Joined if PATTERNS.contains(&host.name) => self.told(),
            Face::Unveiled | Face::Joined => {
                strong
                    || odd && COUNTRY.contains(&host.suffix)
                    || self.path && host.name.len() > 1
                    || self.told() && host.name.len() > 2
                    || self.said()
            }
        }
    }

    /// The dot before the top level was said aloud, and what stands before it is no pattern of dots.
    fn said(&self) -> bool {
        let host = self.host;
        let dot = self.end - host.suffix.len() - 1;
        host.name.len() > 3
            && !PATTERNS.contains(&host.name)
            && !AMBIGUOUS.contains(&host.suffix)
            && self.sight.spoken(dot, self.end)
    }

    /// The words around speak of a site.
    fn told(&self) -> bool {
        self.sight.led(&[Cue::Web], self.start, 24)
    }

    /// The words around speak of a program.
    fn versioned(&self) -> bool {
        let before = &self.sight.text()[..self.start];
        let near = before.trim_end_matches([' ', ':']);
        ["v", "version", "versi", "firmware", "build", "wersja", "ver", "rev", "os", "driver"]
            .iter()
            .any(|word| near.ends_with(word))
    }

    /// The dot ends a sentence and a space is missing.
    fn sentence(&self) -> bool {
        let suffix_at = self.end - self.host.suffix.len().min(self.end - self.start);
        let raw = self.sight.raw(suffix_at, self.end);
        let capital = raw.chars().next().is_some_and(char::is_uppercase) && raw.chars().any(char::is_lowercase);
        capital || self.host.labels > 4
    }
}

/// A run of labels that ends with a public suffix.
struct Host<'a> {
    text: &'a str,
    len: usize,
    suffix: &'a str,
    name: &'a str,
    labels: usize,
    numeric: bool,
}

impl<'a> Host<'a> {
    fn strong(&self) -> bool {
        STRONG.contains(&self.suffix)
            || self.suffix.contains('.')
            || self.suffix.starts_with("xn--")
            || !self.suffix.is_ascii()
    }

    /// The longest run of labels at the start of `run` that is a host.
    fn read(run: &'a str) -> Option<Self> {
        let long = run.split('.').take_while(|label| (1..=LABEL).contains(&label.len())).map(|label| label.len() + 1);
        let mut text = run.get(..long.sum::<usize>().min(run.len()))?.trim_end_matches(['.', '-', '_']);
        if text.starts_with('-') {
            return None;
        }
        let figures = text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let labels = text.split('.').count();
        for labels in (2..=labels).rev() {
            if let Some(host) = Self::of_labels(text, labels, text.len() <= figures) {
                return Some(host);
            }
            // A full stop and the next word: drop the last label and look again.
            text = &text[..text.rfind('.')?];
        }
        None
    }

    fn exact(text: &'a str) -> Option<Self> {
        let labels = text.split('.').count();
        if !(2..=12).contains(&labels) || text.split('.').any(|l| l.is_empty() || l.len() > LABEL) {
            return None;
        }
        Self::of_labels(text, labels, text.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
    }

    /// A host of so many labels, none of them empty.
    fn of_labels(text: &'a str, labels: usize, numeric: bool) -> Option<Self> {
        if numeric {
            return Some(Self { text, len: text.len(), suffix: "", name: text, labels, numeric });
        }
        let suffix = psl::suffix(text.as_bytes())?;
        if !suffix.is_known() && !text.ends_with(".onion") && !super::email::reserved(text) {
            return None;
        }
        let suffix = std::str::from_utf8(suffix.as_bytes()).ok()?;
        let name = text.strip_suffix(suffix)?.trim_end_matches('.');
        let name = name.rsplit('.').next().filter(|n| !n.is_empty())?;
        Some(Self { text, len: text.len(), suffix, name, labels, numeric })
    }
}

fn host_of(rest: &str) -> &str {
    rest.split(['/', '?', '#', '\\']).next().unwrap_or(rest)
}

fn port(rest: &str) -> bool {
    rest.strip_prefix(':').is_some_and(|port| port.bytes().take_while(u8::is_ascii_digit).count() >= 2)
}

/// "6hrs", "70cm": an amount, not a name.
fn measure(name: &str) -> bool {
    let rest = name.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < name.len() && rest.len() <= 3
}

fn version(host: &str) -> bool {
    host.strip_prefix('v').is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

/// No label of a name is longer: RFC 1035, 2.3.4.
const LABEL: usize = 63;

/// Where the host around a dot begins, not before `from`.
fn host_start(text: &str, from: usize, dot: usize) -> usize {
    let before = text[from..dot].char_indices().rev().take_while(|(_, c)| host_char(*c)).last();
    before.map_or(dot, |(at, _)| from + at)
}

fn host_end(text: &str, dot: usize) -> usize {
    text[dot..].find(|c: char| !host_char(c)).map_or(text.len(), |len| dot + len)
}

fn host_char(c: char) -> bool {
    c.is_alphanumeric() && !super::lexicon::unspaced(c) || matches!(c, '.' | '-' | '_')
}

/// Where URLs end. Many may stand in one row without a space: its end is looked for once.
struct Ends<'a> {
    text: &'a str,
    from: usize,
    stop: usize,
    /// Whether the last one asked for stood in the same row as the one before.
    same: bool,
}

impl<'a> Ends<'a> {
    fn of(text: &'a str) -> Self {
        Self { text, from: 1, stop: 0, same: false }
    }

    /// Where the URL ends that goes on at `from`.
    fn after(&mut self, from: usize) -> usize {
        self.same = (self.from..=self.stop).contains(&from);
        if !self.same {
            (self.from, self.stop) = (from, row_end(self.text, from));
        }
        without_punctuation(self.text, from, self.stop)
    }
}

/// Where a row without a space or quote ends.
fn row_end(text: &str, from: usize) -> usize {
    let stop = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`' | '|' | '\\' | '^');
    text[from..].find(stop).map_or(text.len(), |len| from + len)
}

fn without_punctuation(text: &str, from: usize, mut end: usize) -> usize {
    // Brackets are counted in the last part alone, so that many links in a row stay cheap.
    let near = |end: usize| &text.as_bytes()[from.max(end.saturating_sub(256))..end];
    let more = |end: usize, open: u8, close: u8| {
        near(end).iter().filter(|b| **b == open).count() < near(end).iter().filter(|b| **b == close).count()
    };
    loop {
        let Some(last) = text[from..end].chars().next_back() else { return end };
        let drop = match last {
            '.' | ',' | ':' | ';' | '!' | '?' | '\'' | '*' | '_' | '~' => true,
            ')' => more(end, b'(', b')'),
            ']' => more(end, b'[', b']'),
            '}' => more(end, b'{', b'}'),
            '{' => true,
            _ => false,
        };
        if !drop {
            return end;
        }
        end -= last.len_utf8();
    }
}

/// Whether a host is one of the allowed ones or under it.
pub(super) fn allowed(sight: &Sight<'_>, host: &str) -> bool {
    let lists = sight.context.known.links.iter().chain(&sight.context.own.links).chain(&sight.context.own.domains);
    is_of(host, lists)
}

/// Whether links to a host stay: the same, and where links alone are let through.
fn may_stay(sight: &Sight<'_>, host: &str) -> bool {
    allowed(sight, host) || is_of(host, sight.context.known.sites.iter())
}

fn is_of<'a>(host: &str, mut domains: impl Iterator<Item = &'a String>) -> bool {
    let host = host.rsplit('@').next().unwrap_or(host);
    let host = host.split(':').next().unwrap_or(host);
    domains.any(|domain| {
        let domain = domain_of(domain);
        !domain.is_empty() && (host == domain || host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.')))
    })
}

fn domain_of(allowed: &str) -> String {
    let lower = allowed.to_ascii_lowercase();
    let bare = lower.split("://").last().unwrap_or_default();
    host_of(bare).trim_start_matches("*.").trim_matches('.').to_owned()
}

/// Whether a host ends with a suffix that is no word of ordinary talk.
pub(super) fn strong(host: &str) -> bool {
    Host::exact(host).is_some_and(|host| host.strong())
}

/// Whether a host only leads elsewhere: nobody has a mailbox there.
pub(super) fn leads_elsewhere(host: &str) -> bool {
    SHORT.contains(&host)
}

fn known(host: &str) -> bool {
    SHORT
        .iter()
        .chain(SITES)
        .any(|site| host == *site || host.strip_suffix(site).is_some_and(|rest| rest.ends_with('.')))
}

fn file(suffix: &str) -> bool {
    matches!(suffix, "zip" | "mov" | "md" | "py" | "rs" | "sh" | "ps" | "pl.us")
}

/// Hosts that shorten links or lead to a messenger.
const SHORT: &[&str] = &[
    "wa.me",
    "t.me",
    "m.me",
    "bit.ly",
    "s.id",
    "linktr.ee",
    "line.me",
    "lin.ee",
    "tiny.cc",
    "tinyurl.com",
    "goo.gl",
    "cutt.ly",
    "rb.gy",
    "is.gd",
    "t.ly",
    "ow.ly",
    "tiny.pl",
    "shorturl.at",
    "msng.link",
    "wa.link",
    "wame.id",
    "lnkd.in",
    "fb.me",
    "ig.me",
    "youtu.be",
    "discord.gg",
    "zalo.me",
    "vk.me",
    "telegram.me",
    "telegram.dog",
    "u.nu",
    "v.gd",
    "shope.ee",
    "tokopedia.link",
    "lynk.id",
    "taplink.cc",
    "bio.link",
    "beacons.ai",
    "heylink.me",
    "msha.ke",
    "forms.gle",
    "g.co",
    "t.co",
    "snip.ly",
    "rebrand.ly",
    "adf.ly",
    "bl.ink",
    "kutt.it",
    "qr.ae",
    "revolut.me",
    "paypal.me",
    "cash.app",
    "ko-fi.com",
    "maps.app.goo.gl",
];

/// Hosts of networks, shops and wallets.
const SITES: &[&str] = &[
    "whatsapp.com",
    "instagram.com",
    "facebook.com",
    "tiktok.com",
    "twitter.com",
    "x.com",
    "telegram.org",
    "vk.com",
    "shopee.co.id",
    "tokopedia.com",
    "lazada.co.id",
    "bukalapak.com",
    "olx.pl",
    "olx.co.id",
    "allegro.pl",
    "ebay.com",
    "vinted.pl",
    "etsy.com",
    "amazon.com",
    "aliexpress.com",
    "youtube.com",
    "discord.com",
    "snapchat.com",
    "linkedin.com",
    "pinterest.com",
    "reddit.com",
    "wechat.com",
    "zalo.me",
    "paypal.com",
    "venmo.com",
    "github.com",
    "medium.com",
];

/// Suffixes that are no words of ordinary talk.
const STRONG: &[&str] = &[
    "com", "net", "org", "biz", "shop", "xyz", "club", "pl", "eu", "de", "ru", "vn", "th", "ph", "uk", "cn", "jp",
    "kr", "nl", "cz", "sk", "fr", "tv", "cc", "ly", "gg", "gl", "app", "dev", "edu", "gov", "io", "ua", "br", "tr",
    "au", "nz", "ca", "sg", "hk", "tw", "hu", "ro", "bg", "gr", "dk", "fi", "ee", "lt", "lv", "by", "kz", "ch", "eus",
    "onion", "asia", "mobi",
];

/// "polka dot shop".
const PATTERNS: &[&str] = &["polka", "small", "large", "white", "black", "blue", "green", "with", "this", "that"];

/// Suffixes that follow a spoken dot in ordinary talk as well.
const AMBIGUOUS: &[&str] =
    &["in", "to", "so", "no", "be", "am", "is", "it", "at", "on", "art", "today", "and", "new", "top"];

/// Suffixes that are words too, yet countries people register in.
const COUNTRY: &[&str] = &[
    "id", "my", "in", "to", "co", "me", "so", "no", "be", "am", "es", "it", "is", "at", "us", "se", "pt", "info",
    "store", "online", "site", "website", "web", "link", "click", "page", "vip", "top", "live", "pro", "space", "fun",
    "market", "deals", "sale", "name", "center", "world", "today", "win", "bid", "art", "ai", "la", "fm", "st", "im",
    "ws",
];
