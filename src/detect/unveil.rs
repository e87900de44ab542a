//! Taking off veils: letters spread out, "dot" for a dot, "at" for an at sign, brackets around
//! them. Each gives a further view of the text; what is found there leads back to the piece.

use super::{
    fold::{Edit, View, fold},
    lexicon::{Cue, Hit, Sense},
    sight::is,
};

/// The text with spread letters put together, if there are any.
pub(super) fn gathered(view: &View) -> Option<View> {
    let text = view.text();
    if view.tokens().lone() < 2 || !spread(text) {
        return None;
    }
    let mut edits = Vec::new();
    let mut run = Run::default();
    let mut tokens = 0;
    for (at, c) in text.char_indices() {
        if c.is_whitespace() || c == '.' && run.dotted {
            run.gap = run.gap.or(Some(at));
        } else {
            let single = single(text, at, c);
            if !single || run.gap.is_none_or(|gap| at - gap > 2) && run.letters + run.others > 0 && run.gap.is_some() {
                run.close(&mut edits);
                tokens = 0;
            }
            if single {
                if let Some(gap) = run.gap.take().filter(|_| tokens > 0) {
                    run.edits.push(Edit { start: gap, end: at, with: "" });
                }
                tokens += 1;
                if c.is_alphabetic() { run.letters += 1 } else { run.others += 1 }
            }
            run.gap = None;
        }
    }
    run.close(&mut edits);
    (!edits.is_empty()).then(|| view.derive(&edits))
}

/// Whether three characters stand alone: only then is there anything to put together.
fn spread(text: &str) -> bool {
    let (mut alone, mut lone) = (0, false);
    let mut space = true;
    for byte in text.bytes() {
        let next = byte.is_ascii_whitespace();
        alone += usize::from(lone && next);
        if alone == 3 {
            return true;
        }
        lone = space && !next;
        space = next;
    }
    alone + usize::from(lone) >= 3
}

/// A row of single characters.
#[derive(Default)]
struct Run {
    edits: Vec<Edit>,
    letters: usize,
    others: usize,
    gap: Option<usize>,
    dotted: bool,
}

impl Run {
    fn close(&mut self, edits: &mut Vec<Edit>) {
        if self.letters >= 2 && self.letters + self.others >= 3 {
            edits.append(&mut self.edits);
        }
        *self = Self { gap: self.gap, ..Self::default() };
    }
}

/// Whether the character stands alone between spaces.
fn single(text: &str, at: usize, c: char) -> bool {
    let before = text[..at].chars().next_back().is_none_or(char::is_whitespace);
    let after = text[at + c.len_utf8()..].chars().next().is_none_or(char::is_whitespace);
    before && after && (c.is_ascii_alphanumeric() || matches!(c, '.' | '@' | '/' | '_' | '-' | ':'))
}

/// The text with signs for the words that stand for them, if there are any.
pub(super) fn signed(view: &View, hits: &[Hit]) -> Option<View> {
    let text = view.text();
    let mut edits: Vec<Edit> = Vec::new();
    words(text, hits, &mut edits);
    bracketed(text, &mut edits);
    spaced(text, &mut edits);
    if edits.is_empty() {
        return None;
    }
    edits.sort_unstable_by_key(|edit| (edit.start, std::cmp::Reverse(edit.end)));
    let mut end = 0;
    edits.retain(|edit| {
        let keep = edit.start >= end;
        end = if keep { edit.end } else { end };
        keep
    });
    Some(view.derive(&edits))
}

/// "dot", "titik", "at", "garing".
fn words(text: &str, hits: &[Hit], edits: &mut Vec<Edit>) {
    for hit in hits {
        let Sense::Cue(cue) = hit.sense else { continue };
        let with = match cue {
            _ if !hit.whole => continue,
            Cue::Dot => ".",
            Cue::At => "@",
            Cue::AtWord if address_follows(text, hits, hit) => "@",
            Cue::Slash => "/",
            Cue::Underscore => "_",
            Cue::Dash => "-",
            _ => continue,
        };
        let (start, end) = around(text, hit.start, hit.end);
        if start > 0 && end < text.len() {
            edits.push(Edit { start, end, with });
            if with == "."
                && let Some(top) = spoken_top(text, end, &text[hit.start..hit.end])
            {
                edits.push(top);
            }
        }
    }
}

/// A top-level domain written as it is said, in another language or script.
fn spoken_top(text: &str, at: usize, dot: &str) -> Option<Edit> {
    let rest = &text[at..];
    let word = rest.find(|c: char| !c.is_alphanumeric()).map_or(rest, |len| &rest[..len]);
    let known = SPOKEN.iter().find(|(said, _)| fold(said) == word);
    // Folded, Russian "ру" looks Latin: after a Latin dot it is something else.
    known.filter(|(said, _)| word.len() > 2 || !dot.is_ascii() && !said.is_ascii()).map(|(_, with)| Edit {
        start: at,
        end: at + word.len(),
        with,
    })
}

/// Top-level domains by their sound.
const SPOKEN: &[(&str, &str)] =
    &[("kom", "com"), ("ком", "com"), ("คอม", "com"), ("ру", "ru"), ("нет", "net"), ("орг", "org")];

/// So far after an "at" its host is looked for.
const NEAR: usize = 96;

/// After a plain "at": a provider, or a word and then a dot or what stands for one.
fn address_follows(text: &str, hits: &[Hit], at: &Hit) -> bool {
    let from = hits.partition_point(|hit| hit.start < at.end);
    if &text[at.start..at.end] == "a" && said_surely(&hits[from..], at.end) {
        return false;
    }
    let near = hits[from..].iter().take_while(|hit| hit.start - at.end <= 24);
    // No further: a row of dashes and "a" would be read through for each "a" in it.
    let until = text.floor_char_boundary((at.end + NEAR).min(text.len()));
    let rest = &text[at.end..until];
    let rest = rest.trim_start_matches([' ', ')', ']', '}', '>']);
    let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '-')).unwrap_or(rest.len());
    let next = until - rest.len() + word;
    let bare = rest[word..].trim_start_matches([' ', '(', '[', '{', '<']);
    let dotted = word > 0
        && rest.len() - word - bare.len() <= 3
        && bare.starts_with('.')
        && (bare.len() < rest.len() - word || bare[1..].starts_with(|c: char| c.is_alphanumeric()));
    let spelled = near.clone().any(|hit| is(hit, &[Cue::Dot]) && hit.start >= next && hit.start - next <= 3);
    let (provider, after) = (&rest[..word], rest[word..].trim_start_matches(' '));
    let bare_top = ["com", "co id", "pl", "net"]
        .iter()
        .any(|top| after.strip_prefix(*top).is_some_and(|end| !end.starts_with(|c: char| c.is_alphanumeric())));
    word > 0
        && (bare_top && super::email::provider(provider) || dotted && !bare[1..].trim_start().is_empty() || spelled)
}

/// Whether an unmistakable sign and then a dot follow: "a marta punto tienda arroba …" writes *to* Marta.
fn said_surely(hits: &[Hit], from: usize) -> bool {
    let sign = hits.iter().take_while(|hit| hit.start - from <= NEAR).find(|hit| is(hit, &[Cue::At]));
    sign.is_some_and(|sign| {
        let after = hits.iter().filter(|hit| hit.start >= sign.end && hit.start - sign.end <= 24);
        after.into_iter().any(|hit| is(hit, &[Cue::Dot]))
    })
}

/// `[.]`, `(@)`.
fn bracketed(text: &str, edits: &mut Vec<Edit>) {
    let bytes = text.as_bytes();
    let signs = memchr::memchr3_iter(b'.', b'@', b'/', bytes).chain(memchr::memchr2_iter(b'_', b',', bytes));
    for at in signs {
        let inside = text[..at].trim_end_matches(' ').ends_with(['[', '(', '{', '<']);
        let closed = text[at + 1..].trim_start_matches(' ').starts_with([']', ')', '}', '>']);
        if inside && closed {
            let (start, end) = around(text, at, at + 1);
            let with = match bytes[at] {
                b'@' => "@",
                b'/' => "/",
                b'_' => "_",
                _ => ".",
            };
            edits.push(Edit { start, end, with });
        }
    }
}

/// " . com", "name @ host.tld".
fn spaced(text: &str, edits: &mut Vec<Edit>) {
    let bytes = text.as_bytes();
    if memchr::memchr(b'/', bytes).is_some() {
        schemes(text, edits);
    }
    spaced_signs(text, edits);
}

/// "http : // host".
fn schemes(text: &str, edits: &mut Vec<Edit>) {
    let bytes = text.as_bytes();
    for at in memchr::memmem::find_iter(bytes, "//") {
        let left = text[..at].trim_end_matches([' ', ':']);
        let right = text[at + 2..].bytes().take(2).take_while(|b| *b == b' ').count();
        let gap = &text[left.len()..at];
        let scheme = ["http", "https", "hxxp", "hxxps"].iter().any(|scheme| left.ends_with(scheme));
        if scheme && (2..=4).contains(&gap.len()) && gap.contains(':') {
            edits.push(Edit { start: left.len(), end: at + 2 + right, with: "://" });
        }
    }
    for at in memchr::memmem::find_iter(bytes, "://") {
        let gap = text[at + 3..].bytes().take(3).take_while(|b| *b == b' ').count();
        if (1..3).contains(&gap) && text[..at].ends_with(|c: char| c.is_alphanumeric()) {
            edits.push(Edit { start: at, end: at + 3 + gap, with: "://" });
        }
    }
}

/// "name @ host . tld", "host,com".
fn spaced_signs(text: &str, edits: &mut Vec<Edit>) {
    let bytes = text.as_bytes();
    for at in memchr::memchr3_iter(b'.', b'@', b',', bytes) {
        let c = bytes[at];
        let left = bytes[..at].iter().rev().take(3).take_while(|b| **b == b' ').count();
        let right = bytes[at + 1..].iter().take(3).take_while(|b| **b == b' ').count();
        let (before, after) = (&text[..at - left], &text[at + 1 + right..]);
        if left > 2 || right > 2 || c != b',' && left + right == 0 || !before.ends_with(|c: char| c.is_alphanumeric()) {
            continue;
        }
        let word = after.find(|c: char| !c.is_alphanumeric()).map_or(after, |len| &after[..len]);
        let kept = left > 0 && RESERVED.contains(&word);
        let suffix = TOPS.contains(&word) || kept;
        let wanted = match c {
            b'.' if before.ends_with("www") => left + right > 0 && word.len() > 1,
            b'.' => suffix && (left > 0 || right > 0 && matches!(word, "com" | "net" | "org")),
            b',' => {
                let close = left == 0 && right == 0 && word.len() == 3;
                let sign = memchr::memrchr(b'@', &bytes[..at]).is_some_and(|sign| at - sign <= 14);
                suffix && (close || sign && matches!(word, "com" | "net" | "org" | "pl" | "co"))
            }
            _ => left + right > 0 && word.len() > 1 && !word.bytes().all(|b| b.is_ascii_digit()),
        };
        if wanted {
            edits.push(Edit { start: at - left, end: at + 1 + right, with: if c == b'@' { "@" } else { "." } });
            edits.extend(path_after(text, at + 1 + right + word.len()).filter(|_| c == b'.'));
        }
    }
}

/// The path of a spread host, spread as well: "host . tld / path".
fn path_after(text: &str, end: usize) -> Option<Edit> {
    let spaces = |at: usize| text.as_bytes()[at..].iter().take(3).take_while(|b| **b == b' ').count();
    let slash = end + spaces(end);
    let path = slash + 1 + text[slash..].starts_with('/').then(|| spaces(slash + 1))?;
    let begins = text[path..].starts_with(|c: char| c.is_alphanumeric());
    (begins && slash - end <= 2 && path - slash > 1).then_some(Edit { start: end, end: path, with: "/" })
}

/// The word with the brackets and spaces around it.
fn around(text: &str, start: usize, end: usize) -> (usize, usize) {
    let open: &[char] = &[' ', '[', '(', '{', '<', '-', '_', '*', '"', '\'', '|', '/', '\\', '~', '='];
    let close: &[char] = &[' ', ']', ')', '}', '>', '-', '_', '*', '"', '\'', '|', '/', '\\', '~', '='];
    let left = text[..start].trim_end_matches(open).len();
    let right = text.len() - text[end..].trim_start_matches(close).len();
    (if start - left <= 4 { left } else { start }, if right - end <= 4 { right } else { end })
}

/// Names kept for examples (RFC 2606): no word of ordinary talk stands so alone after a dot.
const RESERVED: &[&str] = &["example", "test", "invalid"];

/// Top-level domains that people spell out.
pub(super) const TOPS: &[&str] = &[
    "com", "net", "org", "id", "co", "pl", "de", "ru", "vn", "th", "ph", "uk", "es", "cn", "io", "me", "shop", "store",
    "xyz", "info", "biz", "eu", "site", "online", "my", "sg", "us", "fr", "it", "in",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn gather(text: &str) -> Option<String> {
        gathered(&View::of(text)).map(|view| view.text().to_owned())
    }

    #[test]
    fn a_spread_host_keeps_its_path() {
        let signed = |text: &str| signed(&View::of(text), &[]).map(|view| view.text().to_owned());
        assert_eq!(signed("toko . example / baju").as_deref(), Some("toko.example/baju"));
        assert_eq!(signed("toko . com /baju").as_deref(), Some("toko.com /baju"));
        assert_eq!(signed("merah / biru"), None);
    }

    #[test]
    fn spread_letters_come_together() {
        assert_eq!(gather("ke t o k o @ g m a i l . c o m ya").as_deref(), Some("ke toko@gmail.com ya"));
        assert_eq!(gather("w a . m e / 6 2 8").as_deref(), Some("wa.me/628"));
        assert_eq!(gather("saya punya a dan b"), None);
        assert_eq!(gather("0 8 1 2 3 4"), None);
    }
}
