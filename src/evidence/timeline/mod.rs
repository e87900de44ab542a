//! The chain in plain words, for people: as text, as a page, as a PDF file and for programs. What counts is
//! `entries.jsonl`.

mod html;
mod json;
mod pdf;
mod plain;
mod words;

use std::collections::HashMap;

use super::{
    format::{Contents, Files, Opened, PartOpened, attached_name},
    view::{Language, Reader, word},
};
use crate::model::{CaseId, CaseWords, Entry, EntryKind, Fault, Kept, LetterWords, Share, Shown};
use words::Phrase;

/// Writes the story of a conversation, oldest first, in every form.
///
/// # Errors
/// When it can not be written.
pub(super) fn tell(contents: &Contents, entries: &[Option<Entry>], files: &mut Files) -> Result<(), Fault> {
    let story = Story::of(contents, entries);
    files.insert("timeline.txt".to_owned(), plain::tell(&story).into_bytes());
    files.insert("timeline.html".to_owned(), html::tell(&story, files).into_bytes());
    files.insert("timeline.json".to_owned(), json::tell(&story)?.into_bytes());
    files.insert("timeline.pdf".to_owned(), pdf::tell(&story, files)?);
    Ok(())
}

/// A conversation as it is told.
struct Story<'a> {
    language: Language,
    reader: Reader,
    marketplace: &'a str,
    conversation: String,
    /// Of one case alone.
    case: Option<&'a str>,
    exported_at: String,
    head: String,
    told: Vec<Told<'a>>,
}

/// One entry as it is told.
struct Told<'a> {
    seq: u64,
    /// `None`: it is not for this reader.
    entry: Option<&'a Entry>,
    body: Body,
}

/// What of an entry's text is told.
enum Body {
    /// There is none.
    None,
    /// It is sealed for a court.
    Sealed,
    /// It was erased, or is not opened for this reader.
    Closed,
    /// A message: as it was written, where that may be told, and as it was delivered, where that differs.
    Message { written: Option<Box<Shown>>, delivered: Option<Box<Shown>> },
    /// Anything else: as it stands.
    Facts(String),
}

impl<'a> Story<'a> {
    fn of(contents: &'a Contents, entries: &'a [Option<Entry>]) -> Self {
        let by_seq = |list: &'a [Opened]| list.iter().map(|o| (o.seq, o.text.as_str())).collect::<HashMap<_, _>>();
        let private = by_seq(&contents.private);
        let parts: HashMap<u64, &PartOpened> = contents.parts.iter().map(|part| (part.seq, part)).collect();
        let told = (0..).zip(entries).filter(|(seq, _)| contents.tells(*seq)).map(|(seq, entry)| {
            let body = body(entry.as_ref(), private.get(&seq).copied(), parts.get(&seq).copied());
            Told { seq, entry: entry.as_ref(), body }
        });
        Self {
            language: contents.view.language,
            reader: contents.view.reader,
            marketplace: contents.marketplace.as_str(),
            conversation: contents.conversation.to_string(),
            case: contents.view.case.as_ref().map(CaseId::as_str),
            exported_at: contents.exported_at.rfc3339(),
            head: contents.entries.last().map(|(_, link)| link.to_string()).unwrap_or_default(),
            told: told.collect(),
        }
    }

    fn title(&self) -> String {
        let conversation = format!("{} {}", self.say(Phrase::Conversation), self.conversation);
        let case = self.case.map(|case| format!("{} {case} · ", self.say(Phrase::Case))).unwrap_or_default();
        format!("{case}{conversation} · {}", self.marketplace)
    }

    fn say(&self, phrase: Phrase) -> &'static str {
        words::say(phrase, self.language)
    }
}

fn body(entry: Option<&Entry>, private: Option<&str>, part: Option<&PartOpened>) -> Body {
    if let Some((part, shown)) = part.and_then(|part| Some((part.part, serde_json::from_str(&part.text).ok()?))) {
        let shown: Option<Box<Shown>> = Some(Box::new(shown));
        return match part {
            Share::Said => Body::Message { written: shown, delivered: None },
            Share::Shown => Body::Message { written: None, delivered: shown },
        };
    }
    match private {
        Some(text) => match entry.and_then(|entry| both_forms(entry.kind, text)) {
            Some((written, delivered)) => {
                let differs = serde_json::to_value(&written).ok() != serde_json::to_value(&delivered).ok();
                Body::Message { written: Some(Box::new(written)), delivered: differs.then(|| Box::new(delivered)) }
            }
            None => Body::Facts(said(text).unwrap_or_else(|| text.to_owned())),
        },
        None if entry.is_some_and(|entry| word(entry.kind) == "message_escalated") => Body::Sealed,
        None if entry.is_some_and(|entry| entry.commitment.is_some()) => Body::Closed,
        None => Body::None,
    }
}

/// What somebody said, whole: as it was written, and as others got it.
fn both_forms(kind: EntryKind, private: &str) -> Option<(Shown, Shown)> {
    use EntryKind::{CaseChanged, CaseEvidence, CaseOffer, CaseOpened, ReportConfirmed, ReportReceived, SupportWrote};
    match kind {
        CaseChanged | CaseEvidence | CaseOffer | CaseOpened | ReportConfirmed | ReportReceived => {
            let words: CaseWords = serde_json::from_str(private).ok()?;
            Some((words.whole(), words.shown()))
        }
        SupportWrote => {
            let words: LetterWords = serde_json::from_str(private).ok()?;
            Some((words.shown(), words.shown()))
        }
        _ => {
            let kept: Kept = serde_json::from_str(private).ok()?;
            Some((kept.original, kept.delivered))
        }
    }
}

/// Why a case was decided, or what else is told in a text of its own.
fn said(private: &str) -> Option<String> {
    let words: serde_json::Value = serde_json::from_str(private).ok()?;
    let lines = ["text", "reason"].iter().filter_map(|name| words.get(*name)?.as_str());
    let text = lines.collect::<Vec<_>>().join("\n");
    (!text.is_empty()).then_some(text)
}

/// The words of a message: its plain text, or its page without the marks.
fn text_of(message: &Shown) -> String {
    match (&message.text, &message.html) {
        (Some(text), _) => text.clone(),
        (None, Some(html)) => without_marks(html),
        (None, None) => String::new(),
    }
}

/// A page's words: it was rebuilt from a list of allowed marks when it was scrubbed, so that none is left open.
fn without_marks(html: &str) -> String {
    let mut words = String::new();
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('<') {
        words.push_str(before);
        let (mark, behind) = after.split_once('>').unwrap_or((after, ""));
        let ends_a_line = ["br", "/p", "/div", "/li", "/tr"].iter().any(|end| mark.starts_with(end));
        words.push(if ends_a_line { '\n' } else { ' ' });
        rest = behind;
    }
    words.push_str(rest);
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&")];
    entities.iter().fold(words, |words, (entity, letter)| words.replace(entity, letter))
}

/// Without control characters but the ends of lines, and without what turns the direction of reading: neither a
/// terminal nor a reader is told to do anything.
fn tame(text: &str) -> String {
    let tame = |c: char| match c {
        '\n' => '\n',
        '\t' => ' ',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => ' ',
        c if c.is_control() => ' ',
        c => c,
    };
    text.replace("\r\n", "\n").chars().map(tame).collect()
}

/// The bytes of an attached picture, if it is one and it is here.
fn picture<'f>(files: &'f Files, media_type: &str, sha256: &str) -> Option<&'f [u8]> {
    let drawn = ["image/jpeg", "image/png", "image/gif", "image/webp"].contains(&media_type);
    files.get(&attached_name(sha256)).filter(|_| drawn).map(Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        evidence::view::View,
        model::{Commitment, Side, Timestamp},
    };

    pub(super) fn contents(view: View, private: Vec<Opened>, attached: Vec<Vec<u8>>) -> Contents {
        Contents {
            marketplace: "demo".parse().unwrap(),
            conversation: "c-1".parse().unwrap(),
            exported_at: Timestamp(0),
            entries: Vec::new(),
            view,
            withheld: Default::default(),
            private,
            parts: Vec::new(),
            attached,
            anchors: Vec::new(),
            about: None,
        }
    }

    fn entry(facts: &str) -> Entry {
        Entry {
            seq: 0,
            at: Timestamp(0),
            kind: EntryKind::MessageRefused,
            by: Some(Side::Seller),
            message: None,
            facts: facts.to_owned(),
            commitment: Some(Commitment([0; 32])),
        }
    }

    fn told(private: &str, view: View) -> Files {
        let opened = Opened { seq: 0, salt: String::new(), text: private.to_owned() };
        let mut files = Files::new();
        let contents = contents(view, vec![opened], Vec::new());
        tell(&contents, &[Some(entry("reason=rate\u{1b}[2J"))], &mut files).unwrap();
        files
    }

    fn kept(text: &str) -> String {
        let original = serde_json::json!({ "text": text });
        serde_json::json!({"original": original, "delivered": {"text": "[contact removed]"}, "findings": [], "signals": [],
            "verdict": "redact", "purpose": "other", "proof": "token"})
        .to_string()
    }

    #[test]
    fn neither_a_terminal_nor_a_browser_is_ever_told_to_do_anything() {
        let files =
            told(&kept("\u{1b}]0;x\u{7}<script>alert(1)</script><img src=x onerror=y>\u{202e}"), View::default());
        let text = std::str::from_utf8(&files["timeline.txt"]).unwrap();
        assert!(text.contains("reason=rate [2J"), "{text}");
        assert!(text.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{text:?}");
        let page = std::str::from_utf8(&files["timeline.html"]).unwrap();
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
        for bad in ["<script", "onerror=y>\u{202e}", "<img", "http:", "https:", "javascript:", "url("] {
            assert!(!page.contains(bad), "{bad}: {page}");
        }
    }

    #[test]
    fn labels_stand_in_the_readers_language_and_the_words_of_others_as_they_are() {
        for (language, label) in
            [(Language::En, "Message refused"), (Language::Id, "Pesan ditolak"), (Language::Pl, "Wiadomość odrzucona")]
        {
            let files = told(&kept("Halo Kak"), View { language, ..View::default() });
            let page = std::str::from_utf8(&files["timeline.html"]).unwrap();
            assert!(page.contains(label) && page.contains("Halo Kak") && page.contains("[contact removed]"), "{page}");
            assert!(page.contains(&format!("<html lang=\"{}\">", language.tag())));
        }
    }

    #[test]
    fn a_program_reads_what_a_person_reads() {
        let files = told(&kept("Halo Kak"), View::default());
        let json: serde_json::Value = serde_json::from_slice(&files["timeline.json"]).unwrap();
        assert_eq!(json["entries"][0]["written"]["text"], "Halo Kak");
        assert_eq!(json["entries"][0]["delivered"]["text"], "[contact removed]");
        assert_eq!(json["entries"][0]["kind"], "message_refused");
    }

    #[test]
    fn a_page_without_its_marks_is_its_words() {
        assert_eq!(without_marks("<p>1 &lt; 2 &amp;&amp; <b>x</b></p>y<br>z").trim(), "1 < 2 &&  x \ny\nz");
    }
}
