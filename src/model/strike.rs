use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{ConversationId, EventId, Restriction, SignalKind, Timestamp};

/// Which rule a message broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words of SignalKind, and one for contacts")]
pub enum Breach {
    Abuse,
    CancelRequest,
    /// A contact or a way off the platform was cut out, and nothing else was wrong.
    ContactDetails,
    Demand,
    Doxxing,
    Illegal,
    OffPlatform,
    PlatformPose,
    ReviewIncentive,
    ReviewPressure,
    Sexual,
    Spam,
    TermsChange,
    Threat,
}

impl Breach {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Abuse,
        Self::CancelRequest,
        Self::ContactDetails,
        Self::Demand,
        Self::Doxxing,
        Self::Illegal,
        Self::OffPlatform,
        Self::PlatformPose,
        Self::ReviewIncentive,
        Self::ReviewPressure,
        Self::Sexual,
        Self::Spam,
        Self::TermsChange,
        Self::Threat,
    ];

    /// The word in the API, the settings and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Abuse => "abuse",
            Self::CancelRequest => "cancel_request",
            Self::ContactDetails => "contact_details",
            Self::Demand => "demand",
            Self::Doxxing => "doxxing",
            Self::Illegal => "illegal",
            Self::OffPlatform => "off_platform",
            Self::PlatformPose => "platform_pose",
            Self::ReviewIncentive => "review_incentive",
            Self::ReviewPressure => "review_pressure",
            Self::Sexual => "sexual",
            Self::Spam => "spam",
            Self::TermsChange => "terms_change",
            Self::Threat => "threat",
        }
    }

    /// What the word stands for.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|breach| breach.as_str() == word)
    }

    /// The rule that a signal breaks; a wish for no contact breaks none.
    pub fn of(kind: SignalKind) -> Option<Self> {
        Some(match kind {
            SignalKind::Abuse => Self::Abuse,
            SignalKind::CancelRequest => Self::CancelRequest,
            SignalKind::Demand => Self::Demand,
            SignalKind::Doxxing => Self::Doxxing,
            SignalKind::Illegal => Self::Illegal,
            SignalKind::OffPlatform => Self::OffPlatform,
            SignalKind::PlatformPose => Self::PlatformPose,
            SignalKind::ReviewIncentive => Self::ReviewIncentive,
            SignalKind::ReviewPressure => Self::ReviewPressure,
            SignalKind::Sexual => Self::Sexual,
            SignalKind::Spam => Self::Spam,
            SignalKind::Stop => return None,
            SignalKind::TermsChange => Self::TermsChange,
            SignalKind::Threat => Self::Threat,
        })
    }
}

/// A violation that counts, as far as points follow from it. Points are never kept as a sum: they follow from all
/// strikes that stand, so that one taken back leaves nothing behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strike {
    /// The violation's id.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// In which conversation.
    pub conversation: ConversationId,
    /// Which rule.
    pub breach: Breach,
    /// Points of a first offence, as they were set when it happened.
    pub base: u32,
}

/// What is done about somebody's points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    /// A word, and nothing else.
    Warning,
    /// Less may be written.
    Restrict(Restriction),
    /// Of a buyer: no seller owes an answer, and none is missed in a seller's metrics.
    Unowed,
}

impl Measure {
    /// The word in the API and in evidence.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Restrict(restriction) => restriction.as_str(),
            Self::Unowed => "unowed",
        }
    }
}

/// A measure that a violation brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sanction {
    /// Which violation.
    pub violation: EventId,
    /// What.
    pub measure: Measure,
    /// Points of the whole account when it came.
    pub points: u32,
    /// Since when.
    pub since: Timestamp,
    /// Until when; `None`: for good.
    pub until: Option<Timestamp>,
}

impl Sanction {
    /// Whether it holds.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.since <= now && self.until.is_none_or(|until| now < until)
    }

    /// Whether it leaves more than another, or ends sooner where it leaves as much.
    pub fn is_milder(&self, other: &Self) -> bool {
        let weight = |one: &Self| {
            let measure = match one.measure {
                Measure::Warning => 0,
                Measure::Restrict(Restriction::Slowed { .. }) | Measure::Unowed => 1,
                Measure::Restrict(Restriction::TemplateOnly) => 2,
                Measure::Restrict(Restriction::Withdrawn) => 3,
            };
            (measure, one.until.map_or(i64::MAX, |until| until.0))
        };
        weight(self) < weight(other)
    }
}

/// What the strikes of an account bring: pure policy, run within the writer's transaction on all strikes that stand.
#[derive(Clone)]
pub struct Arbiter {
    weigh: Arc<dyn Fn(&[Strike]) -> Vec<Sanction> + Send + Sync>,
    settings: u64,
}

impl Arbiter {
    /// Weighs so. `settings` is another number where what strikes bring may be another.
    pub fn new(settings: u64, weigh: impl Fn(&[Strike]) -> Vec<Sanction> + Send + Sync + 'static) -> Self {
        Self { weigh: Arc::new(weigh), settings }
    }

    /// What they bring.
    pub fn weigh(&self, strikes: &[Strike]) -> Vec<Sanction> {
        (self.weigh)(strikes)
    }

    /// By which settings.
    pub fn settings(&self) -> u64 {
        self.settings
    }
}

impl fmt::Debug for Arbiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("arbiter")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_breach_is_found_by_its_word() {
        for breach in Breach::ALL {
            assert_eq!(Breach::named(breach.as_str()), Some(breach));
            assert_eq!(serde_json::to_value(breach).unwrap(), breach.as_str());
        }
        assert_eq!(Breach::named("stop"), None);
    }
}
