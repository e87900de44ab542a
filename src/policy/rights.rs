//! Rights of persons: when their contact may be shown to somebody of the marketplace, by when a wish of theirs is to be
//! met, how long what they wrote is kept.
//!
//! A contact is never shown to one alone: one asks, for one of a few purposes, another approves, and it is open for a
//! time that is short.

use serde::Deserialize;

use super::contact::Budget;
use crate::model::{Duration, Timestamp};

/// `[disclosures]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DisclosureRules {
    /// No longer than this is a contact open.
    pub longest: Duration,
    /// A request that nobody approved ends after so long.
    pub pending: Duration,
    /// So long at most may the person be told later.
    pub longest_delay: Duration,
    /// Whether the second person must use another token as well.
    pub two_tokens: bool,
    /// More look-ups of one member of staff raise an alarm.
    pub alarm: Budget,
    /// More redemptions of one carrier raise an alarm.
    pub carrier_alarm: Budget,
    /// Whether a carrier is given an address for a pick-up that nobody announced.
    pub unannounced_pickups: bool,
}

impl Default for DisclosureRules {
    fn default() -> Self {
        Self {
            longest: Duration::hours(1),
            pending: Duration::hours(24),
            longest_delay: Duration::days(90),
            two_tokens: false,
            alarm: Budget { burst: 10, per: Duration::hours(1) },
            carrier_alarm: Budget { burst: 500, per: Duration::hours(1) },
            unannounced_pickups: false,
        }
    }
}

/// `[rights]`: by when a person's wish is to be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RightsRules {
    /// Access, correction, restriction, erasure.
    pub answer: Duration,
    /// A breach is told within this.
    pub breach: Duration,
}

impl Default for RightsRules {
    fn default() -> Self {
        // The shorter of both laws: UU PDP gives 3 times 24 hours for each of these, GDPR one month (article 12) and
        // 72 hours for a breach (article 33).
        Self { answer: Duration::hours(72), breach: Duration::hours(72) }
    }
}

/// `[retention]`: how long things are kept; absent: as long as the marketplace, or until a person is erased. What is in
/// the chain of evidence stays, as hashes and facts that name nobody. Whatever stands here, nothing of two people goes
/// while a case of theirs is open, and nothing that an appeal may still be about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionRules {
    /// Texts of messages.
    pub messages: Option<Duration>,
    /// Files of messages.
    pub files: Option<Duration>,
    /// Words and files of cases; from the decision of the newest case of their conversation.
    pub cases: Option<Duration>,
    /// Words and files of reports; from there too, and of those that nobody confirmed from their receipt.
    pub reports: Option<Duration>,
    /// Letters of support; from there too.
    pub letters: Option<Duration>,
    /// Words of appeals and tickets with the reasons of their rulings; from these.
    pub appeals: Option<Duration>,
    /// What is private in other entries: facts of orders, words of who decided.
    pub evidence: Option<Duration>,
    /// Who read whose data.
    pub access: Option<Duration>,
}

/// For what a contact may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A court, the police or another authority asks, and may.
    Authority,
    /// A parcel can not be brought, and the relay's own ways failed.
    Delivery,
    /// Fraud is looked into.
    Fraud,
    /// A claim is made or met.
    LegalClaim,
    /// Life or body is in danger.
    Safety,
    /// The person asked for help with their own data.
    Person,
}

impl Need {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authority => "authority",
            Self::Delivery => "delivery",
            Self::Fraud => "fraud",
            Self::LegalClaim => "legal_claim",
            Self::Safety => "safety",
            Self::Person => "self",
        }
    }

    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Authority, Self::Delivery, Self::Fraud, Self::LegalClaim, Self::Safety, Self::Person];

    /// Whether the person may be told later: only where being told could do harm or warn who did.
    pub fn may_delay(self) -> bool {
        matches!(self, Self::Authority | Self::Fraud | Self::Safety)
    }

    /// Whether it may happen although the person had the use of their data restricted (GDPR, article 18, paragraph 2).
    pub fn despite_restriction(self) -> bool {
        matches!(self, Self::Authority | Self::LegalClaim | Self::Safety | Self::Person)
    }
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It waits for a second person.
    Pending,
    /// It may be read.
    Open,
    /// Its time is over.
    Expired,
}

impl Standing {
    /// Of a request: when it was asked, and until when it is open if it was approved.
    pub fn of(asked: Timestamp, until: Option<Timestamp>, rules: &DisclosureRules, now: Timestamp) -> Self {
        match until {
            Some(until) if now < until => Self::Open,
            None if now < asked.plus(rules.pending) => Self::Pending,
            _ => Self::Expired,
        }
    }

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Open => "open",
            Self::Expired => "expired",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_ends_to_the_millisecond() {
        let rules = DisclosureRules::default();
        let at = |ms| Timestamp(ms);
        for (asked, until, now, standing) in [
            (0, None, 0, Standing::Pending),
            (0, None, 86_399_999, Standing::Pending),
            (0, None, 86_400_000, Standing::Expired),
            (0, Some(60_000), 59_999, Standing::Open),
            (0, Some(60_000), 60_000, Standing::Expired),
        ] {
            assert_eq!(Standing::of(at(asked), until.map(at), &rules, at(now)), standing, "{asked} {until:?} {now}");
        }
    }

    #[test]
    fn nobody_is_kept_in_the_dark_about_a_parcel() {
        let late: Vec<&str> = Need::ALL.into_iter().filter(|need| need.may_delay()).map(Need::as_str).collect();
        assert_eq!(late, ["authority", "fraud", "safety"]);
    }
}
