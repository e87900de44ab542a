use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, Serializer};

use super::BadId;

/// Where in a message something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The n-th text (a list given to `scrub`, or 0 for a message's text).
    Text(usize),
    /// The HTML body.
    Html,
    /// The subject line.
    Subject,
    /// The n-th attachment.
    Attachment(usize),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(n) => write!(f, "{n}"),
            Self::Html => f.write_str("html"),
            Self::Subject => f.write_str("subject"),
            Self::Attachment(n) => write!(f, "attachment:{n}"),
        }
    }
}

impl FromStr for Part {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        match text {
            "html" => Ok(Self::Html),
            "subject" => Ok(Self::Subject),
            other => match other.strip_prefix("attachment:") {
                Some(n) => n.parse().map(Self::Attachment),
                None => other.parse().map(Self::Text),
            }
            .map_err(|_| BadId),
        }
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(n) => n.serialize(serializer),
            other => serializer.collect_str(other),
        }
    }
}

/// What a contact finding is; all of these are cut out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A postal address.
    Address,
    /// A QR or bar code in a picture.
    Code,
    /// A mail address.
    Email,
    /// A URL, bare domain or deep link.
    Link,
    /// A guarded real name.
    Name,
    /// A bank account, wallet or payment id.
    Payment,
    /// A phone number.
    Phone,
    /// A handle or id on another network or messenger.
    Social,
}

impl Kind {
    /// The word in the API and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Code => "code",
            Self::Email => "email",
            Self::Link => "link",
            Self::Name => "name",
            Self::Payment => "payment",
            Self::Phone => "phone",
            Self::Social => "social",
        }
    }
}

/// A half-open range of Unicode scalar values within a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First scalar value.
    pub start: usize,
    /// One past the last.
    pub end: usize,
}

/// A way off the platform, found in a text.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// In which part.
    pub part: Part,
    /// First Unicode scalar value.
    pub start: usize,
    /// One past the last scalar value.
    pub end: usize,
    /// What it is.
    pub kind: Kind,
    /// The exact substring of the input, or what a code says: shown to its own author and to the
    /// marketplace only.
    pub text: String,
    /// In a picture, or the picture of a page: left, top, width, height in pixels.
    #[serde(rename = "box", skip_serializing_if = "Option::is_none")]
    pub area: Option<[u32; 4]>,
    /// In an animation: the frame, from 0. In a PDF: the page, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<usize>,
}

impl Finding {
    /// A finding in a text.
    pub fn in_text(part: Part, (start, end): (usize, usize), kind: Kind, text: String) -> Self {
        Self { part, start, end, kind, text, area: None, frame: None }
    }
}

impl fmt::Debug for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}..{} in {}", self.kind, self.start, self.end, self.part)
    }
}

/// What a text is up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "contract.md section 2 and SPECS.md define each; the words say it")]
pub enum SignalKind {
    Abuse,
    CancelRequest,
    Demand,
    Doxxing,
    Illegal,
    OffPlatform,
    PlatformPose,
    ReviewIncentive,
    ReviewPressure,
    Sexual,
    Spam,
    Stop,
    TermsChange,
    Threat,
}

impl SignalKind {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Abuse => "abuse",
            Self::CancelRequest => "cancel_request",
            Self::Demand => "demand",
            Self::Doxxing => "doxxing",
            Self::Illegal => "illegal",
            Self::OffPlatform => "off_platform",
            Self::PlatformPose => "platform_pose",
            Self::ReviewIncentive => "review_incentive",
            Self::ReviewPressure => "review_pressure",
            Self::Sexual => "sexual",
            Self::Spam => "spam",
            Self::Stop => "stop",
            Self::TermsChange => "terms_change",
            Self::Threat => "threat",
        }
    }
}

/// A sign of what a text is up to, with the rule that saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signal {
    /// In which part.
    pub part: Part,
    /// What it is up to.
    pub kind: SignalKind,
    /// The rule's id in the lexicon, such as `id.incentive.voucher`.
    pub rule: String,
    /// The sentence that says it; `None`: the whole part, or a picture of it.
    #[serde(skip)]
    pub sentence: Option<Sentence>,
}

impl Signal {
    /// What a rule's id has after its language where no rule, but what was learned from lines, saw it.
    pub const GUESS: &str = "learned.";

    /// Whether it is a guess from what was learned: a person must look before anything follows from it. Such a rule's
    /// id is a language, [`Self::GUESS`] and the kind; no rule of a lexicon may have it.
    pub fn is_guess(&self) -> bool {
        let Some((language, id)) = self.rule.split_once('.') else { return false };
        (2..=3).contains(&language.len()) && id.strip_prefix(Self::GUESS) == Some(self.kind.as_str())
    }

    /// Adds what another reading of the same words tells: of each kind one, and a rule's takes the place of a guess.
    pub fn join(signals: &mut Vec<Self>, more: impl IntoIterator<Item = Self>) {
        for signal in more {
            match signals.iter_mut().find(|own| own.kind == signal.kind) {
                Some(own) if own.is_guess() && !signal.is_guess() => *own = signal,
                Some(_) => {}
                None => signals.push(signal),
            }
        }
    }

    /// Of a part as a whole.
    pub fn of_part(part: Part, kind: SignalKind, rule: impl Into<String>) -> Self {
        Self { part, kind, rule: rule.into(), sentence: None }
    }

    /// The same of another part, in which the place of the sentence is another.
    #[must_use]
    pub fn moved_to(self, part: Part) -> Self {
        Self { part, sentence: None, ..self }
    }
}

/// A stretch of a part, for its author and the marketplace alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentence {
    /// First Unicode scalar value.
    pub start: usize,
    /// One past the last scalar value.
    pub end: usize,
    /// The exact substring.
    pub text: String,
}

impl fmt::Debug for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(kind: SignalKind, rule: &str) -> Signal {
        Signal::of_part(Part::Text(0), kind, rule)
    }

    #[test]
    fn a_guess_is_told_by_its_whole_id() {
        for (rule, guess) in [
            ("id.learned.threat", true),
            ("fil.learned.threat", true),
            ("id.learned.abuse", false),
            ("id.learned.threats", false),
            ("list.learned.threat", false),
            ("id.threat.learned", false),
            ("learned.threat", false),
        ] {
            assert_eq!(signal(SignalKind::Threat, rule).is_guess(), guess, "{rule}");
        }
    }

    #[test]
    fn another_reading_adds_kinds_and_puts_rules_in_place_of_guesses() {
        let (rule, guess) = (signal(SignalKind::Stop, "id.stop.write"), signal(SignalKind::Stop, "id.learned.stop"));
        let other = signal(SignalKind::Abuse, "id.abuse.word");
        for (own, more, joined) in [
            (vec![guess.clone()], vec![rule.clone(), other.clone()], vec![rule.clone(), other.clone()]),
            (vec![rule.clone()], vec![guess.clone()], vec![rule]),
            (vec![other.clone()], vec![guess.clone(), guess.clone()], vec![other, guess]),
        ] {
            let mut signals = own;
            Signal::join(&mut signals, more);
            assert_eq!(signals, joined);
        }
    }
}
