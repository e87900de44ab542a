//! Where a handle is in its life. Nothing has to happen at the moment a handle grows old: its
//! state follows from its age, whoever looks.

use serde::Deserialize;

use crate::model::{Duration, HandleState, Timestamp};

/// `[handles]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HandleRules {
    /// After this age the handle that stands for a buyer is replaced. A seller's is replaced
    /// on demand only: buyers keep it in their address books.
    pub rotate: Duration,
    /// How long a replaced handle still delivers.
    pub grace: Duration,
}

impl Default for HandleRules {
    fn default() -> Self {
        Self { rotate: Duration::days(30), grace: Duration::days(14) }
    }
}

/// What the state follows from.
#[derive(Clone, Copy, Debug)]
pub struct Age {
    /// Whether it grows old by itself.
    pub ages: bool,
    /// When it was minted.
    pub created: Timestamp,
    /// When it was replaced, if it was.
    pub replaced: Option<Timestamp>,
    /// When it was shut for good, if it was.
    pub shut: Option<Timestamp>,
}

/// The state of a handle at `now`.
pub fn state(age: Age, rules: &HandleRules, now: Timestamp) -> HandleState {
    if age.shut.is_some_and(|at| at <= now) {
        return HandleState::Retired;
    }
    let old = age.ages.then(|| age.created.plus(rules.rotate));
    let retiring = match (age.replaced, old) {
        (Some(replaced), Some(old)) => Some(replaced.min(old)),
        (replaced, old) => replaced.or(old),
    };
    match retiring {
        Some(at) if at.plus(rules.grace) <= now => HandleState::Retired,
        Some(at) if at <= now => HandleState::Retiring,
        _ => HandleState::Active,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Side;

    #[test]
    fn a_buyers_handle_ages_and_a_sellers_does_not() {
        let rules = HandleRules { rotate: Duration::days(30), grace: Duration::days(14) };
        let day = |n| Timestamp(Duration::days(n).0);
        let age = |side, replaced| Age { ages: side == Side::Buyer, created: day(0), replaced, shut: None };
        let cases = [
            (Side::Buyer, None, 29, HandleState::Active),
            (Side::Buyer, None, 30, HandleState::Retiring),
            (Side::Buyer, None, 43, HandleState::Retiring),
            (Side::Buyer, None, 44, HandleState::Retired),
            (Side::Buyer, Some(1), 2, HandleState::Retiring),
            (Side::Buyer, Some(1), 15, HandleState::Retired),
            // Replaced late: the grace counts from the day it grew old, not from the visit.
            (Side::Buyer, Some(43), 45, HandleState::Retired),
            (Side::Seller, None, 900, HandleState::Active),
            (Side::Seller, Some(1), 16, HandleState::Retired),
        ];
        for (side, replaced, now, expected) in cases {
            assert_eq!(state(age(side, replaced.map(day)), &rules, day(now)), expected, "{side:?} {replaced:?} {now}");
        }
        let shut = Age { shut: Some(day(1)), ..age(Side::Seller, None) };
        assert_eq!(state(shut, &rules, day(1)), HandleState::Retired);
    }
}
