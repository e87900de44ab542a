//! What is split over consecutive texts: digits in parts, a name here and its host there.

use super::{
    Detect, Read, Span, Window,
    context::Around,
    digits::How,
    fold::View,
    lexicon::Cue,
    number::{Fit, Regions},
    sight::{Face, Finds, Sight},
};
use crate::model::Kind;

/// Adds to each text what only shows when they are read together, and returns the residues.
pub(super) fn look(detect: &Detect, texts: &mut [Read], context: &Around<'_>, window: &Window) -> Window {
    let next = digits(texts, context, window);
    joined(detect, texts, context, window);
    named_before(texts);
    Window { tail: texts.last().and_then(tail).or(next.tail.clone()), ..next }.bounded()
}

/// A network's name and nothing else, and in the next text an id.
fn named_before(texts: &mut [Read]) {
    for n in 1..texts.len() {
        let (before, own) = (&texts[n - 1], &texts[n]);
        let said = before.view.text().trim_end();
        let named = before.view.tokens().len() <= 3
            && before.hits.iter().any(|hit| {
                hit.end == said.trim_end_matches([':', ' ']).len()
                    && super::sight::is(hit, &[Cue::Network, Cue::NetworkWord])
            });
        let text = own.view.text();
        let start = text.len() - text.trim_start_matches([' ', '@']).len();
        let end = text[start..].find(char::is_whitespace).map_or(text.len(), |len| start + len);
        if named && end - start > 4 && super::social::id_shaped(&text[start..end]) {
            let id = own.view.chars(start, end);
            texts[n].spans.push(Span::plain(id, Kind::Social));
        }
    }
}

/// A run of digits and where it stands; none of the texts for what the window remembers.
struct Residue {
    text: Option<usize>,
    start: usize,
    end: usize,
    value: String,
}

/// Numbers told in parts.
fn digits(texts: &mut [Read], context: &Around<'_>, window: &Window) -> Window {
    let remembered = window.digits.iter().map(|value| Residue { text: None, start: 0, end: 0, value: value.clone() });
    let mut residues: Vec<Residue> = remembered.collect();
    let mut called = window.called;
    for (n, text) in texts.iter().enumerate() {
        residue(n, text, context, &mut residues, &mut called);
    }
    let spread = residues.windows(2).any(|pair| pair[0].text != pair[1].text);
    if spread {
        let whole = numbers(&residues, &Regions::of(context), called);
        whole.iter().for_each(|(first, last)| cut(&residues[*first..=*last], texts));
        // What made a whole number is done; the rest may be the beginning of another.
        for (first, last) in whole.into_iter().rev() {
            residues.drain(first..=last);
        }
        if let Some((first, last)) = begun(&residues, called) {
            cut(&residues[first..=last], texts);
        }
    }
    let kept: Vec<String> = residues.into_iter().map(|part| part.value).collect();
    Window { digits: kept, called, tail: window.tail.clone() }
}

fn cut(parts: &[Residue], texts: &mut [Read]) {
    for part in parts {
        if let Some(text) = part.text.and_then(|n| texts.get_mut(n)) {
            text.spans.push(Span::plain(text.view.chars(part.start, part.end), Kind::Phone));
        }
    }
}

/// The digits of a text that says little else.
fn residue(n: usize, text: &Read, context: &Around<'_>, residues: &mut Vec<Residue>, called: &mut bool) {
    let sight = Sight::new(&text.view, &text.hits, context, Face::Plain, "");
    let digits = sight.digits();
    let Some(first) = digits.atoms().first() else { return };
    // "call me 0812 about the parcel": what is not said of a number that is to be called means
    // nothing. A unit of one letter is a word too.
    let told = *called || sight.has(&[Cue::Phone]);
    let unit = |atom: &super::digits::Atom| {
        let mut beside = sight.after(UNIT, atom.end, 1).chain(sight.before(UNIT, atom.start, 2));
        beside.any(|hit| hit.end - hit.start > 1)
    };
    if sight.has(UNIT) && (!told || digits.atoms().iter().any(unit)) {
        return;
    }
    if sight.all(&[Cue::Reference]).any(|hit| !told || hit.start < first.start) {
        return;
    }
    let words = text.view.tokens().len();
    let number_words = digits.atoms().iter().filter(|atom| atom.how != How::Plain).count();
    if words.saturating_sub(digits.atoms().len().max(number_words)) > 5 {
        return;
    }
    let mut any = false;
    // What the next message is read after tells nothing of what only the vault knows.
    let plain = text.spans.iter().filter(|span| !span.guarded);
    let mut spans: Vec<(usize, usize)> = plain.map(|span| (span.start, span.end)).collect();
    spans.sort_unstable();
    let (mut next, mut until) = (0, 0);
    for (at, atom) in digits.atoms().iter().enumerate() {
        let (start, end) = text.view.chars(atom.start, atom.end);
        while let Some((_, last)) = spans.get(next).filter(|(first, _)| *first < end) {
            until = until.max(*last);
            next += 1;
        }
        let taken = until > start;
        if !taken && digits.len(at) <= Window::RUN && atom.how != How::Maybe {
            residues.push(Residue {
                text: Some(n),
                start: atom.start,
                end: atom.end,
                value: digits.value(at, at).to_owned(),
            });
            any = true;
        }
    }
    *called |= any && sight.has(&[Cue::Phone, Cue::PhoneWord]);
}

/// Rows of residues that are a number together.
fn numbers(residues: &[Residue], regions: &Regions, called: bool) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut first = 0;
    while first < residues.len() {
        let mut value = String::new();
        let mut best = None;
        for last in first..residues.len() {
            value.push_str(&residues[last].value);
            if value.len() > 15 {
                break;
            }
            let spans_texts = residues[first].text != residues[last].text;
            if spans_texts && value.len() >= 8 && regions.told(&value, called) >= Fit::Valid {
                best = Some(last);
            }
        }
        match best {
            Some(last) => {
                found.push((first, last));
                first = last + 1;
            }
            None => first += 1,
        }
    }
    found
}

/// The last residues, where they begin as a number begins and five digits of it stand: what
/// belongs to it is cut although it is not complete.
fn begun(residues: &[Residue], called: bool) -> Option<(usize, usize)> {
    let last = residues.len().checked_sub(1)?;
    let mut len = 0;
    let mut best = None;
    for first in (0..=last).rev() {
        len += residues[first].value.len();
        if len > 15 {
            break;
        }
        let begins = residues[first].value.starts_with("08") || residues[first].value.starts_with("628");
        let parts = residues[first].text != residues[last].text;
        if len >= 5 && parts && (begins || called && residues[first].value.starts_with('0')) {
            best = Some((first, last));
        }
    }
    best
}

/// The end of one text and the beginning of the next, where a sign says that they belong together.
fn joined(detect: &Detect, texts: &mut [Read], context: &Around<'_>, window: &Window) {
    let fragment = window.tail.as_deref().map(View::of).unwrap_or_default();
    let mut from = 0;
    while from < texts.len() {
        let mut to = from;
        while to + 1 < texts.len() && seam(&texts[to], &texts[to + 1]) {
            to += 1;
        }
        let open = fragment.text().ends_with(['@', '/']);
        let continues = from == 0 && !fragment.text().is_empty() && (open || continues(&texts[0]));
        if to > from || continues {
            join(detect, &mut texts[from..=to], context, continues.then_some(&fragment));
        }
        from = to + 1;
    }
}

fn join(detect: &Detect, texts: &mut [Read], context: &Around<'_>, fragment: Option<&View>) {
    let mut views: Vec<&View> = fragment.into_iter().collect();
    views.extend(texts.iter().map(|text| &text.view));
    let (view, bounds) = View::joined(&views);
    let hits = detect.lexicon.hits(&view);
    let mut spans = Vec::new();
    let mut seen = |view: &View, hits: &[super::Hit]| {
        let sight = Sight::new(view, hits, context, Face::Joined, "");
        let mut found = Finds::default();
        super::email::find(&sight, &mut found);
        super::link::find(&sight, &mut found);
        super::keep(view, &found, &mut spans);
    };
    seen(&view, &hits);
    if let Some(signed) = super::unveil::signed(&view, &hits) {
        seen(&signed, &detect.lexicon.hits(&signed));
    }
    let skipped = usize::from(fragment.is_some());
    for span in spans {
        let across = bounds
            .iter()
            .any(|(start, end)| span.start < *start && *start < span.end || span.start < *end && *end < span.end);
        if !across {
            continue;
        }
        for (text, (start, end)) in texts.iter_mut().zip(&bounds[skipped..]) {
            let (s, e) = (span.start.max(*start), span.end.min(*end));
            if s < e {
                text.spans.push(Span::plain((s - start, e - start), span.kind));
            }
        }
    }
}

/// Whether the first text asks for the second or the second leans on the first.
fn seam(first: &Read, second: &Read) -> bool {
    let said = first.view.text().trim();
    let open =
        said.ends_with(['@', '/']) || said.ends_with('.') && !full_stop(first, second) || matches!(said, "at" | "et");
    let dot =
        first.hits.iter().any(|hit| super::sight::is(hit, JOINTS) && hit.end == first.view.text().trim_end().len());
    (open || dot) && first.view.text().len() < 200 || continues(second)
}

/// Whether a dot between two texts only ends a sentence: several words on both sides, and nothing
/// after it that a host could end with.
fn full_stop(first: &Read, second: &Read) -> bool {
    let words = second.view.tokens();
    let next = words.first().map_or("", |word| &second.view.text()[word.start..word.end]);
    let top = || {
        super::unveil::TOPS.contains(&next)
            || next.len() > 4 && psl::suffix(next.as_bytes()).is_some_and(|s| s.is_known())
    };
    // "De: …" begins a line of a header that is quoted.
    let label = || words.first().is_some_and(|word| second.view.text()[word.end..].starts_with(':'));
    first.view.tokens().len() > 3 && (words.len() > 4 && !top() || label())
}

const UNIT: &[Cue] = &[Cue::Unit];
const JOINTS: &[Cue] = &[Cue::Dot, Cue::At, Cue::Slash];

fn continues(text: &Read) -> bool {
    let start = text.view.text().len() - text.view.text().trim_start().len();
    let rest = &text.view.text()[start..];
    let sign = rest.starts_with(['@', '.', '/']) && rest[1..].starts_with(|c: char| c.is_alphanumeric());
    // A sign alone, or the word for it.
    let alone = matches!(rest.trim(), "@" | "." | "/" | "at" | "et" | "małpa" | "malpa");
    sign || alone
        || text
            .hits
            .iter()
            .take_while(|hit| hit.start <= start)
            .any(|hit| hit.start == start && super::sight::is(hit, JOINTS))
}

/// The last word of a text, if it could be the beginning of an address or a host.
fn tail(text: &Read) -> Option<String> {
    let trimmed = text.view.text().trim_end();
    let word = trimmed.rsplit(char::is_whitespace).next()?;
    let shaped = word.len() >= 3
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'@' | b'/' | b':'));
    let telling = word.bytes().any(|b| !b.is_ascii_alphabetic()) || trimmed.len() < 40;
    (shaped && telling).then(|| word.to_owned())
}
