//! What is said to a judge, and what it may say: one JSON object each way, the same for programs
//! and endpoints. SPECS.md tells it to those who write one.

use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER};
use serde::{Deserialize, Serialize};

use super::{Case, JudgeSettings, Ruling, Sees};
use crate::model::{Attachment, Fault, Luck, SignalKind};

/// A question, ready to be sent.
pub(super) struct Question {
    /// Names this one question and nothing else.
    pub(super) id: String,
    /// A JSON object and a line feed.
    pub(super) bytes: Bytes,
}

/// What a judge answered.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    /// That of the question.
    id: String,
    pub(super) verdict: Ruling,
    #[serde(default)]
    pub(super) kind: Option<SignalKind>,
    #[serde(default)]
    pub(super) reason: Option<String>,
}

impl Answer {
    /// That of a judge with a protocol of its own.
    pub(super) fn of(verdict: Ruling, reason: Option<String>) -> Self {
        Self { id: String::new(), verdict, kind: None, reason }
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It could not be reached or started, fell silent, or said what is no answer.
    Broken,
    /// Not within the deadline.
    Late,
}

impl Failure {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Late => "late",
        }
    }
}

#[derive(Serialize)]
struct Said<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<&'a str>,
    files: Vec<SaidFile<'a>>,
}

#[derive(Serialize)]
struct SaidFile<'a> {
    n: usize,
    media_type: &'a str,
    original: bool,
    content: String,
}

/// Whether there is anything in a message that such a judge is shown.
pub(super) fn concerns(case: Case<'_>, settings: &JudgeSettings) -> bool {
    texts(case, settings).into_iter().flatten().next().is_some() || files(case, settings).next().is_some()
}

/// Puts the question to a judge.
///
/// # Errors
/// When there is no randomness.
pub(super) fn question(case: Case<'_>, settings: &JudgeSettings, luck: &dyn Luck) -> Result<Question, Fault> {
    let mut drawn = [0; 16];
    luck.fill(&mut drawn)?;
    let id = HEXLOWER.encode(&drawn);
    let [subject, text, html] = texts(case, settings);
    let files = files(case, settings).map(|(n, file)| SaidFile {
        n,
        media_type: &file.media_type,
        original: settings.original,
        content: BASE64.encode(&file.bytes),
    });
    let said = Said { id: &id, subject, text, html, files: files.collect() };
    let mut bytes = serde_json::to_vec(&said).map_err(|e| Fault::new("writing a question to a judge", e))?;
    bytes.push(b'\n');
    Ok(Question { id, bytes: bytes.into() })
}

impl Question {
    /// Reads what came back. It must be for this question: what was meant for another is as good
    /// as none.
    pub(super) fn answer(&self, bytes: &[u8]) -> Result<Answer, Failure> {
        let answer: Answer = serde_json::from_slice(bytes).map_err(|_| Failure::Broken)?;
        let plain = |reason: &String| reason.chars().count() <= REASON && !reason.chars().any(char::is_control);
        if answer.id == self.id && answer.reason.as_ref().is_none_or(plain) { Ok(answer) } else { Err(Failure::Broken) }
    }
}

/// All that a judge is shown, one after the other, as bytes.
pub(super) fn pieces<'a>(case: Case<'a>, settings: &'a JudgeSettings) -> Vec<&'a [u8]> {
    let texts = texts(case, settings).into_iter().flatten().map(str::as_bytes);
    texts.chain(files(case, settings).map(|(_, file)| &file.bytes[..])).collect()
}

fn texts<'a>(case: Case<'a>, settings: &JudgeSettings) -> [Option<&'a str>; 3] {
    let Case { cleaned, .. } = case;
    let shown = settings.sees.contains(&Sees::Text);
    [&cleaned.subject, &cleaned.text, &cleaned.html]
        .map(|text| text.as_deref().filter(|text| shown && !text.is_empty()))
}

fn files<'a>(case: Case<'a>, settings: &'a JudgeSettings) -> impl Iterator<Item = (usize, &'a Attachment)> {
    let all = if settings.original { case.came } else { &case.cleaned.attachments };
    let shown = |file: &Attachment| {
        let part = if file.media_type.starts_with("image/") { Sees::Images } else { Sees::Files };
        !file.bytes.is_empty() && settings.sees.contains(&part)
    };
    all.iter().enumerate().filter(move |(_, file)| shown(file))
}

/// The longest answer, in bytes.
pub(super) const ANSWER: usize = 4_096;

/// The longest reason, in characters.
pub(super) const REASON: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AttachmentAction, Content, SystemLuck};

    fn file(media_type: &str, bytes: &'static [u8]) -> Attachment {
        Attachment {
            filename: "budi@mail.example.jpg".to_owned(),
            media_type: media_type.to_owned(),
            inline: Some("canary@host".to_owned()),
            bytes: bytes.into(),
            action: AttachmentAction::Rebuilt,
        }
    }

    fn asked(settings: &str) -> Option<serde_json::Value> {
        let settings: JudgeSettings = toml::from_str(settings).unwrap();
        let cleaned = Content {
            text: Some("clean".to_owned()),
            attachments: vec![file("image/jpeg", b"new"), file("application/pdf", b"")],
            ..Content::default()
        };
        let came = [file("image/png", b"old"), file("application/pdf", b"pdf")];
        let case = Case { cleaned: &cleaned, came: &came };
        concerns(case, &settings).then(|| {
            let question = question(case, &settings, &SystemLuck::new()).unwrap();
            assert_eq!(question.bytes.iter().filter(|b| **b == b'\n').count(), 1);
            serde_json::from_slice(&question.bytes).unwrap()
        })
    }

    #[test]
    fn a_judge_is_shown_what_the_settings_say_and_no_names() {
        let all = asked("").unwrap();
        assert_eq!((&all["text"], &all["files"][0]["content"]), (&"clean".into(), &"bmV3".into()));
        assert_eq!(all["files"].as_array().unwrap().len(), 1, "what was taken out is not there");
        let text = all.to_string();
        assert!(!text.contains("budi") && !text.contains("canary"), "{text}");
        assert_eq!(asked("sees = [\"text\"]").unwrap()["files"], serde_json::json!([]));
        let originals = asked("sees = [\"images\", \"files\"]\noriginal = true").unwrap();
        assert!(originals.get("text").is_none());
        assert_eq!((&originals["files"][0]["content"], &originals["files"][1]["n"]), (&"b2xk".into(), &1.into()));
        assert!(asked("sees = [\"files\"]").is_none(), "nothing to see");
        assert_ne!(asked("").unwrap()["id"], all["id"]);
    }

    #[test]
    fn an_answer_is_read_strictly() {
        let question = Question { id: "7".to_owned(), bytes: Bytes::new() };
        let read = |text: &str| question.answer(text.as_bytes());
        assert_eq!(read(r#"{"id":"7","verdict":"pass"}"#).unwrap().verdict, Ruling::Pass);
        let full = read(r#" {"id":"7","verdict":"refuse","kind":"sexual","reason":"nude 0.97"} "#).unwrap();
        assert_eq!((full.kind, full.reason.as_deref()), (Some(SignalKind::Sexual), Some("nude 0.97")));
        let long = format!(r#"{{"id":"7","verdict":"pass","reason":"{}"}}"#, "x".repeat(REASON + 1));
        for bad in [
            "",
            "pass",
            r#"{"id":"7"}"#,
            r#"{"id":"8","verdict":"pass"}"#,
            r#"{"verdict":"pass"}"#,
            r#"{"id":"7","verdict":"maybe"}"#,
            r#"{"id":"7","verdict":"pass","score":1}"#,
            r#"{"id":"7","verdict":"hold","kind":"nude"}"#,
            r#"{"id":"7","verdict":"hold","reason":"a\nb"}"#,
            r#"{"id":"7","verdict":"pass"}{"id":"7","verdict":"pass"}"#,
            &long,
        ] {
            assert_eq!(read(bad), Err(Failure::Broken), "{bad}");
        }
    }
}
