use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeStruct};

use super::{AttachmentAction, Finding, Kind, Part, Purpose, Sentence, Signal, SignalKind, Verdict};

/// A message as it is kept, sealed under its author's key: as it came, as it is shown, and why.
///
/// Most messages are delivered as they came: in JSON `delivered` is a merge patch of `original`
/// (RFC 7396), so that nothing is written twice.
#[derive(Clone, Deserialize)]
#[serde(from = "Written")]
pub struct Kept {
    /// As its author sent it.
    pub original: Shown,
    /// As the other side gets it.
    pub delivered: Shown,
    /// What was cut from the original: (part as the API names it, start, end, kind, text).
    pub findings: Vec<(String, usize, usize, Kind, String)>,
    /// What it was up to.
    pub signals: Vec<KeptSignal>,
    /// What the content policy said.
    pub verdict: Verdict,
    /// What its author said it is for.
    pub purpose: Purpose,
    /// How the author was proven, such as `dmarc=pass` or `token`.
    pub proof: String,
    /// What the author is told of it, where that is less.
    pub unguarded: Option<Box<Unguarded>>,
    /// What was taken out of it when it was opened, in words such as `calendar`; files are told
    /// by their own.
    pub removed: Vec<String>,
}

/// A signal as it is kept: part, kind, rule, and the sentence where one says it (older ones have none).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptSignal(
    pub String,
    pub SignalKind,
    pub String,
    #[serde(default, skip_serializing_if = "Option::is_none")] pub Option<Sentence>,
);

/// [`Kept`] as it is read.
#[derive(Deserialize)]
struct Written {
    original: Shown,
    delivered: Patch<'static>,
    findings: Vec<(String, usize, usize, Kind, String)>,
    signals: Vec<KeptSignal>,
    verdict: Verdict,
    purpose: Purpose,
    proof: String,
    #[serde(default)]
    unguarded: Option<Box<Unguarded>>,
    #[serde(default)]
    removed: Vec<String>,
}

/// What of a [`Shown`] differs from another: a field that is `None` does not, one that is
/// `Some(None)` is missing.
#[derive(Serialize, Deserialize)]
struct Patch<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    subject: Option<Option<Cow<'a, str>>>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    text: Option<Option<Cow<'a, str>>>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    html: Option<Option<Cow<'a, str>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    files: Option<Cow<'a, [File]>>,
}

/// A field that is there, be it null.
fn stated<'de, D: Deserializer<'de>>(field: D) -> Result<Option<Option<Cow<'static, str>>>, D::Error> {
    Option::<String>::deserialize(field).map(|value| Some(value.map(Cow::Owned)))
}

impl<'a> Patch<'a> {
    fn between(old: &Shown, new: &'a Shown) -> Self {
        let text = |old: &Option<String>, new: &'a Option<String>| (old != new).then(|| new.as_deref().map(Cow::from));
        Self {
            subject: text(&old.subject, &new.subject),
            text: text(&old.text, &new.text),
            html: text(&old.html, &new.html),
            files: (old.files != new.files).then_some(Cow::Borrowed(&new.files)),
        }
    }

    fn of(self, old: &Shown) -> Shown {
        let text = |old: &Option<String>, new: Option<Option<Cow<'a, str>>>| {
            new.map_or_else(|| old.clone(), |new| new.map(Cow::into_owned))
        };
        Shown {
            subject: text(&old.subject, self.subject),
            text: text(&old.text, self.text),
            html: text(&old.html, self.html),
            files: self.files.map_or_else(|| old.files.clone(), Cow::into_owned),
        }
    }
}

impl Serialize for Kept {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { original, delivered, findings, signals, verdict, purpose, proof, unguarded, removed } = self;
        let mut written = serializer.serialize_struct("Kept", 9)?;
        written.serialize_field("original", original)?;
        written.serialize_field("delivered", &Patch::between(original, delivered))?;
        written.serialize_field("findings", findings)?;
        written.serialize_field("signals", signals)?;
        written.serialize_field("verdict", verdict)?;
        written.serialize_field("purpose", purpose)?;
        written.serialize_field("proof", proof)?;
        match unguarded {
            Some(told) => written.serialize_field("unguarded", told)?,
            None => written.skip_field("unguarded")?,
        }
        match removed.as_slice() {
            [] => written.skip_field("removed")?,
            _ => written.serialize_field("removed", removed)?,
        }
        written.end()
    }
}

impl From<Written> for Kept {
    fn from(written: Written) -> Self {
        let Written { original, delivered, findings, signals, verdict, purpose, proof, unguarded, removed } = written;
        let delivered = delivered.of(&original);
        Self { original, delivered, findings, signals, verdict, purpose, proof, unguarded, removed }
    }
}

/// A message as it would be cut if nobody's name and contact were known. Whoever guesses a
/// guarded name and sees it cut would learn that the guess was right: authors are told this.
#[derive(Clone, Serialize, Deserialize)]
pub struct Unguarded {
    /// As the author is told that the other side gets it.
    pub delivered: Shown,
    /// What the author is told was cut, as in [`Kept::findings`].
    pub findings: Vec<(String, usize, usize, Kind, String)>,
    /// What it is up to without them, as in [`Kept::signals`].
    #[serde(default)]
    pub signals: Vec<KeptSignal>,
    /// What the content policy says of that.
    pub verdict: Verdict,
}

/// One form of a message.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Shown {
    /// The subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// The files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<File>,
}

/// A file, described.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// The name shown.
    pub filename: String,
    /// The type by its content.
    pub media_type: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// SHA-256 of its content in hexadecimal.
    pub sha256: String,
    /// What became of it.
    pub action: AttachmentAction,
}

impl Kept {
    /// What was cut, as it was found.
    pub fn findings(&self) -> Vec<Finding> {
        read(&self.findings)
    }

    /// Findings as they are kept.
    pub fn written(findings: &[Finding]) -> Vec<(String, usize, usize, Kind, String)> {
        findings.iter().map(|f| (f.part.to_string(), f.start, f.end, f.kind, f.text.clone())).collect()
    }

    /// What it was up to, as it was found.
    pub fn signals(&self) -> Vec<Signal> {
        read_signals(&self.signals)
    }

    /// Findings, of what keeps them in this form.
    pub fn read_findings(kept: &[(String, usize, usize, Kind, String)]) -> Vec<Finding> {
        read(kept)
    }

    /// Signals, of what keeps them in this form.
    pub fn read_signals(kept: &[KeptSignal]) -> Vec<Signal> {
        read_signals(kept)
    }

    /// Signals as they are kept.
    pub fn written_signals(signals: &[Signal]) -> Vec<KeptSignal> {
        let kept = |s: &Signal| KeptSignal(s.part.to_string(), s.kind, s.rule.clone(), s.sentence.clone());
        signals.iter().map(kept).collect()
    }
}

impl Unguarded {
    /// What the author is told was cut.
    pub fn findings(&self) -> Vec<Finding> {
        read(&self.findings)
    }

    /// What the author is told it is up to.
    pub fn signals(&self) -> Vec<Signal> {
        read_signals(&self.signals)
    }
}

fn read_signals(kept: &[KeptSignal]) -> Vec<Signal> {
    let signal = |KeptSignal(part, kind, rule, sentence): &KeptSignal| Signal {
        part: part.parse().unwrap_or(Part::Text(0)),
        kind: *kind,
        rule: rule.clone(),
        sentence: sentence.clone(),
    };
    kept.iter().map(signal).collect()
}

fn read(kept: &[(String, usize, usize, Kind, String)]) -> Vec<Finding> {
    let finding = |(part, start, end, kind, text): &(String, usize, usize, Kind, String)| {
        Finding::in_text(part.parse().unwrap_or(Part::Text(0)), (*start, *end), *kind, text.clone())
    };
    kept.iter().map(finding).collect()
}

impl fmt::Debug for Unguarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("«unguarded message»")
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("«shown message»")
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("«kept message»")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(original: Shown, delivered: Shown) -> Kept {
        Kept {
            original,
            delivered,
            findings: Vec::new(),
            signals: Vec::new(),
            verdict: Verdict::Deliver,
            purpose: Purpose::default(),
            proof: "token".to_owned(),
            unguarded: None,
            removed: vec!["calendar".to_owned()],
        }
    }

    fn shown(subject: Option<&str>, text: Option<&str>, files: usize) -> Shown {
        let file = |n| File {
            filename: format!("file-{n}.txt"),
            media_type: "text/plain".to_owned(),
            bytes: 1,
            sha256: String::new(),
            action: AttachmentAction::Rebuilt,
        };
        Shown {
            subject: subject.map(str::to_owned),
            text: text.map(str::to_owned),
            html: None,
            files: (0..files).map(file).collect(),
        }
    }

    #[test]
    fn what_is_delivered_as_it_came_is_written_once() {
        let json =
            |new| serde_json::to_value(kept(shown(Some("hi"), Some("there"), 1), new)).unwrap()["delivered"].take();
        assert_eq!(json(shown(Some("hi"), Some("there"), 1)), serde_json::json!({}));
        assert_eq!(
            json(shown(None, Some("gone"), 0)),
            serde_json::json!({"subject": null, "text": "gone", "files": []})
        );
    }

    #[test]
    fn what_was_written_is_read_again() {
        for (old, new) in [
            (shown(Some("hi"), Some("there"), 1), shown(Some("hi"), Some("there"), 1)),
            (shown(Some("hi"), Some("there"), 2), shown(None, Some("gone"), 0)),
            (shown(None, None, 0), shown(Some(""), Some("new"), 1)),
        ] {
            let read: Kept = serde_json::from_slice(&serde_json::to_vec(&kept(old, new.clone())).unwrap()).unwrap();
            assert_eq!(read.removed, ["calendar"]);
            let Shown { subject, text, html, files } = read.delivered;
            assert_eq!((subject, text, html), (new.subject, new.text, new.html));
            assert!(files == new.files);
        }
    }
}
