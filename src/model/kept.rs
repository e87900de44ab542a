use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AttachmentAction, Finding, Kind, Part, Purpose, Signal, SignalKind, Verdict};

/// A message as it is kept, sealed under its author's key: as it came, as it is shown, and why.
#[derive(Clone, Serialize, Deserialize)]
pub struct Kept {
    /// As its author sent it.
    pub original: Shown,
    /// As the other side gets it.
    pub delivered: Shown,
    /// What was cut from the original: (part as the API names it, start, end, kind, text).
    pub findings: Vec<(String, usize, usize, Kind, String)>,
    /// What it was up to: (part, kind, rule).
    pub signals: Vec<(String, SignalKind, String)>,
    /// What the content policy said.
    pub verdict: Verdict,
    /// What its author said it is for.
    pub purpose: Purpose,
    /// How the author was proven, such as `dmarc=pass` or `token`.
    pub proof: String,
    /// What the author is told of it, where that is less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unguarded: Option<Box<Unguarded>>,
}

/// A message as it would be cut if nobody's name and contact were known. Whoever guesses a
/// guarded name and sees it cut would learn that the guess was right: authors are told this.
#[derive(Clone, Serialize, Deserialize)]
pub struct Unguarded {
    /// As the author is told that the other side gets it.
    pub delivered: Shown,
    /// What the author is told was cut, as in [`Kept::findings`].
    pub findings: Vec<(String, usize, usize, Kind, String)>,
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
#[derive(Clone, Serialize, Deserialize)]
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
        let signal = |(part, kind, rule): &(String, SignalKind, String)| Signal {
            part: part.parse().unwrap_or(Part::Text(0)),
            kind: *kind,
            rule: rule.clone(),
        };
        self.signals.iter().map(signal).collect()
    }
}

impl Unguarded {
    /// What the author is told was cut.
    pub fn findings(&self) -> Vec<Finding> {
        read(&self.findings)
    }
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
