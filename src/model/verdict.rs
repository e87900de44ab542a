use std::{error::Error, fmt};

use serde::{Deserialize, Serialize};

use super::{EventId, Finding, Phase, Shown, Signal, Unguarded};

/// What the content policy says of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing to cut.
    Deliver,
    /// Delivered with the findings cut out.
    Redact,
    /// Waits for a person to look.
    Hold,
    /// Not taken.
    Refuse,
}

/// Where a message is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// Accepted, not yet delivered.
    Queued,
    /// Taken over by the other side's server, or recorded where delivery is by API.
    Delivered,
    /// Waits for a person.
    Held,
    /// Accepted before a barrier and never delivered.
    Withheld,
    /// Not accepted.
    Refused,
    /// Given up after the retries.
    Failed,
}

impl MessageState {
    /// The word in the API and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Delivered => "delivered",
            Self::Held => "held",
            Self::Withheld => "withheld",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// Why we decided no. For evidence, the marketplace and our log; the peer hears
/// [`Refusal::public`], which never tells which rule closed the door nor when it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A side asked for no contact.
    Blocked,
    /// The conversation is over.
    Closed,
    /// The same idempotency key came with another message; nothing is recorded.
    Conflict,
    /// A signal that the content policy refuses.
    Content,
    /// A case between the two was decided.
    CaseClosed,
    /// After a review, within the cool-down.
    CoolDown,
    /// A judge or a list says abuse of minors: sealed, and shown to nobody.
    Escalated,
    /// Nearly the same text to too many buyers.
    FanOut,
    /// Feedback was asked for before in this order, or is no longer to be asked for.
    Feedback,
    /// The sender is proven and is not the other side of this handle.
    ForeignSender,
    /// Handed around in a circle.
    Loop,
    /// The sender could not be proven.
    NotProven,
    /// To or Cc names somebody who is not part of the conversation: who writes so believes to
    /// write to both at once, and has shown each the other.
    Outsider,
    /// More messages than the ordinary rate allows.
    Rate,
    /// The marketplace restricted the seller: slowed it, or withdrew its messages.
    Restricted,
    /// A handle beyond its grace.
    RetiredHandle,
    /// After a review, beyond the low or high budget.
    ReviewBudget,
    /// The buyer said that nothing more is wanted.
    Stopped,
    /// Free text where only a template is left.
    TemplateOnly,
    /// Too many files, or too large.
    TooLarge,
    /// Too many messages in a row without an answer.
    Unanswered,
    /// No such handle.
    UnknownHandle,
    /// Could not be parsed or rebuilt.
    Unreadable,
}

impl Reason {
    /// The stable word in evidence, `reasons` and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Closed => "closed",
            Self::Conflict => "conflict",
            Self::Content => "content",
            Self::CaseClosed => "case_closed",
            Self::CoolDown => "cool_down",
            Self::Escalated => "escalated",
            Self::FanOut => "fan_out",
            Self::Feedback => "feedback",
            Self::ForeignSender => "foreign_sender",
            Self::Loop => "loop",
            Self::NotProven => "not_proven",
            Self::Outsider => "outsider",
            Self::Rate => "rate",
            Self::Restricted => "restricted",
            Self::RetiredHandle => "retired_handle",
            Self::ReviewBudget => "review_budget",
            Self::Stopped => "stopped",
            Self::TemplateOnly => "template_only",
            Self::TooLarge => "too_large",
            Self::Unanswered => "unanswered",
            Self::UnknownHandle => "unknown_handle",
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether it is one of those that the peer hears as "contact limited".
    pub fn is_contact(self) -> bool {
        matches!(
            self,
            Self::Blocked
                | Self::CaseClosed
                | Self::CoolDown
                | Self::FanOut
                | Self::Feedback
                | Self::Rate
                | Self::Restricted
                | Self::ReviewBudget
                | Self::Stopped
                | Self::TemplateOnly
                | Self::Unanswered
        )
    }
}

/// A decision against a message: final, recorded as evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why, for us and the marketplace.
    pub reason: Reason,
    /// The refused message's id, when it was recorded.
    pub id: Option<EventId>,
    /// What was found, when content decided.
    pub findings: Vec<Finding>,
    /// What its author is told of that: the same whatever the vault knows.
    pub told: Vec<Finding>,
    /// What it was up to, when content decided.
    pub signals: Vec<Signal>,
    /// What its author is told of that, likewise.
    pub told_signals: Vec<Signal>,
}

impl Refusal {
    /// A refusal for `reason` alone.
    pub fn new(reason: Reason) -> Self {
        Self { reason, id: None, findings: Vec::new(), told: Vec::new(), signals: Vec::new(), told_signals: Vec::new() }
    }

    /// The one stable text that the peer hears.
    pub fn public(&self) -> &'static str {
        match self.reason {
            reason if reason.is_contact() => CONTACT,
            Reason::Closed => "this conversation is closed",
            Reason::Conflict => "another message was sent under this key",
            Reason::Content | Reason::Escalated => "the content of this message is not allowed here",
            Reason::ForeignSender | Reason::NotProven | Reason::RetiredHandle | Reason::UnknownHandle => {
                "no such address"
            }
            Reason::Loop => "this message has been here before",
            Reason::Outsider => {
                "To or Cc names somebody outside of this conversation: write to this address alone, and send copies apart"
            }
            Reason::TooLarge => "this message or one of its files is too large",
            Reason::Unreadable => "this message could not be read safely",
            // Those of contact, which a guard has answered.
            _ => CONTACT,
        }
    }
}

/// One text for all that closes a door: it tells neither which rule did, nor when it opens.
const CONTACT: &str = "this conversation takes no further message from you for now";

/// We failed: nothing was accepted, and trying again may help. The peer hears only that.
#[derive(Debug)]
pub struct Fault {
    doing: &'static str,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    /// A fault while `doing` something, caused by `source`.
    pub fn new(doing: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { doing, source: Some(source.into()) }
    }

    /// A fault that has no deeper cause to show.
    pub fn plain(doing: &'static str) -> Self {
        Self { doing, source: None }
    }

    /// The whole chain of causes, for the log.
    pub fn chain(&self) -> String {
        let mut text = self.doing.to_owned();
        let mut next = self.source();
        while let Some(error) = next {
            text.push_str(": ");
            text.push_str(&error.to_string());
            next = error.source();
        }
        text
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed while {}", self.doing)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|e| e as &(dyn Error + 'static))
    }
}

/// How a message's way through the relay ended.
#[derive(Debug)]
pub enum Outcome {
    /// It is ours now and would survive a power cut.
    Accepted(Accepted),
    /// We decided no.
    Refused(Refusal),
    /// We could not decide: try again.
    Failed(Fault),
}

/// What is told of an accepted message.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Its id.
    pub id: EventId,
    /// Where it is in its life.
    pub state: MessageState,
    /// What the content policy said.
    pub verdict: Verdict,
    /// What the other side gets.
    pub delivered: Shown,
    /// What was cut.
    pub findings: Vec<Finding>,
    /// What it is up to.
    pub signals: Vec<Signal>,
    /// What its sender is told of it, where that is less.
    pub unguarded: Option<Box<Unguarded>>,
    /// The sender's phase after it.
    pub phase: Phase,
    /// How many further messages the sender has, where it is limited.
    pub left: Option<u32>,
    /// A repetition of what was accepted before: told the same, done once.
    pub repeated: bool,
}
