//! Texts: folded, looked through, put out as JSON lines.
//!
//! An input is texts between form feeds. Where there are several, the first says what is known
//! around them, one thing a line: `lang id`, `name Anisa Contoh`, `before …` for an earlier message.

use std::{
    collections::HashMap,
    sync::{LazyLock, OnceLock},
};

use serde_json::Value;
use tabir::{
    cli::scrub::run_jsonl,
    detect::{Context, Detect, Piece, Report, View, Window, placeholder},
    model::{Part, Side},
};

/// Every detector, with the lexicons that come with the program.
pub static DETECT: LazyLock<Detect> = LazyLock::new(|| Detect::embedded().expect("the program's own lexicons"));

/// The way back from a folded text is exact: in order, without holes, within the text.
pub fn fold(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let view = View::of(&text);
    let total = text.chars().count();
    let mut last = 0;
    for (at, c) in view.text().char_indices() {
        let (start, end) = view.chars(at, at + c.len_utf8());
        assert!(last <= start && start < end && end <= total, "{start}..{end} after {last} of {total}");
        assert!(view.byte(start) <= at, "the way there and back ends behind where it began");
        last = start;
    }
}

/// One detector alone, as [`detect`].
pub fn detector(name: &'static str, bytes: &[u8]) {
    static ALONE: OnceLock<HashMap<&str, Detect>> = OnceLock::new();
    let alone = ALONE.get_or_init(|| Detect::names().filter_map(|name| Some((name, DETECT.only(name)?))).collect());
    detect(&alone[name], bytes);
}

/// Findings are exact, sorted and apart; what is delivered is the text with words of ours in their
/// place, and nothing is found in it again.
pub fn detect(detect: &Detect, bytes: &[u8]) {
    let input = String::from_utf8_lossy(bytes);
    let said = Said::read(&input);
    let mut window = Window::default();
    for earlier in &said.before {
        window = scan(detect, &[earlier], &said.context, &window).window;
    }
    let report = scan(detect, &said.texts, &said.context, &window);
    // Each by itself: what stands between two parts of a number may hold them apart until it is cut.
    for (text, left) in said.texts.iter().zip(&report.redacted) {
        let again = scan(detect, &[left], &said.context, &Window::default());
        assert!(again.findings.is_empty(), "{text:?} -> {left:?} -> {:?}", again.redacted);
    }
}

/// A lexicon that somebody wrote, before the first form feed, and a text read with it.
pub fn lexicon(bytes: &[u8]) {
    let input = String::from_utf8_lossy(bytes);
    let (words, text) = input.split_once('\x0c').unwrap_or((&input, ""));
    match Detect::new(&[("fuzz.toml", words)]) {
        Ok(detect) => {
            let _ = detect.examples();
            let report = scan(&detect, &[text], &Context::default(), &Window::default());
            assert!(report.signals.iter().all(|signal| signal.part == Part::Text(0)));
        }
        Err(faults) => {
            assert!(!faults.is_empty(), "a lexicon is refused without a word");
            let lines = words.split('\n').count();
            assert!(faults.iter().all(|fault| (1..=lines).contains(&fault.line)), "{faults:?}");
        }
    }
}

/// A line of JSON comes out for every line in, and says either what was found or what is wrong.
pub fn jsonl(bytes: &[u8]) {
    let mut out = Vec::new();
    run_jsonl(&DETECT, Some("ID"), bytes, &mut out).expect("memory can be written to");
    let asked = bytes.split(|byte| *byte == b'\n').filter(|line| !line.iter().all(u8::is_ascii_whitespace));
    let told: Vec<&[u8]> = out.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(asked.clone().count(), told.len(), "lines are lost or added");
    for (asked, told) in asked.zip(told) {
        let told: Value = serde_json::from_slice(told).expect("what we write is JSON");
        assert!(told["error"].is_string() != told["verdict"].is_string(), "{told}");
        if let Ok(Value::Object(asked)) = serde_json::from_slice(asked) {
            let id = asked.get("id").unwrap_or(&Value::Null);
            assert!(id.is_number() || *id == told["id"], "{id} became {}", told["id"]);
        }
    }
}

/// Scans, and asserts what holds of every scan.
pub fn scan(detect: &Detect, texts: &[&str], context: &Context, window: &Window) -> Report {
    let pieces: Vec<Piece<'_>> =
        texts.iter().enumerate().map(|(n, text)| Piece { part: Part::Text(n), text }).collect();
    let report = detect.scan(&pieces, context, window);
    assert_eq!(report.redacted.len(), texts.len());
    for (n, text) in texts.iter().enumerate() {
        assert_eq!(cut(text, Part::Text(n), &report, context), report.redacted[n]);
    }
    let kept = serde_json::to_vec(&report.window).expect("a window is JSON");
    assert!(kept.len() <= 2_048, "a window of {} bytes", kept.len());
    report
}

/// The text without what was found in it, each finding where it says it is.
fn cut(text: &str, part: Part, report: &Report, context: &Context) -> String {
    let chars: Vec<char> = text.chars().collect();
    let (mut left, mut last) = (String::new(), 0);
    for finding in report.findings.iter().filter(|finding| finding.part == part) {
        let (start, end) = (finding.start, finding.end);
        assert!(last <= start && start < end && end <= chars.len(), "{start}..{end} after {last} of {text:?}");
        assert_eq!(chars[start..end].iter().collect::<String>(), finding.text);
        left.extend(&chars[last..start]);
        left.push_str(placeholder(finding.kind, context.reader.as_deref().or(context.lang.as_deref())));
        last = end;
    }
    left.extend(&chars[last..]);
    left
}

/// A message, what was said before it and what is known around it.
struct Said<'a> {
    context: Context,
    before: Vec<&'a str>,
    texts: Vec<&'a str>,
}

impl<'a> Said<'a> {
    fn read(input: &'a str) -> Self {
        let mut texts: Vec<&str> = input.split('\x0c').take(8).collect();
        let around = if texts.len() > 1 { texts.remove(0) } else { "" };
        let mut said = Self { context: Context::default(), before: Vec::new(), texts };
        around.split('\n').take(32).for_each(|line| said.know(line));
        said
    }

    fn know(&mut self, line: &'a str) {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        let (context, owned) = (&mut self.context, || value.to_owned());
        match key {
            "lang" => context.lang = Some(owned()),
            "reader" => context.reader = Some(owned()),
            "region" => context.region = Some(owned()),
            "buyer" => context.sender = Side::Buyer,
            "name" => context.guard.names.push(owned()),
            "mail" => context.guard.emails.push(owned()),
            "phone" => context.guard.phones.push(owned()),
            "street" => context.guard.streets.push(owned()),
            "order" => context.known.orders.push(owned()),
            "parcel" => context.known.tracking.push(owned()),
            "site" => context.known.links.push(owned()),
            "own-domain" => context.own.domains.push(owned()),
            "own-mail" => context.own.emails.push(owned()),
            "own-phone" => context.own.phones.push(owned()),
            "own-site" => context.own.links.push(owned()),
            "own-account" => context.own.social.push(owned()),
            "before" => self.before.push(value),
            _ => {}
        }
    }
}
