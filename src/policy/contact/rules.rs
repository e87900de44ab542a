//! `[contact]`: what a seller may do towards one buyer.

use serde::Deserialize;

use crate::model::{Duration, OrderState, PairState, Stage};

/// `[contact]`: what a seller may do towards one buyer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContactRules {
    /// Messages in a row without an answer.
    pub unanswered: u32,
    /// The ordinary rate.
    pub rate: Budget,
    /// Shipping notices, beside the two above.
    pub shipping: Budget,
    /// The same text to many.
    pub fan_out: FanOut,
    /// What is left in each phase.
    pub phases: Phases,
    /// After a review.
    pub after_review: AfterReview,
}

/// At most `burst` in any window of `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// How many.
    pub burst: u32,
    /// In which length of time.
    pub per: Duration,
}

/// `[contact] fan_out`: nearly the same text of one seller group to so many buyers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FanOut {
    /// How many buyers.
    pub buyers: u32,
    /// In which length of time.
    pub per: Duration,
}

/// What a seller may write by itself. Answers that a buyer's message opens are its own words in
/// each but `nothing`. The strictest of what holds counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Leave {
    /// Its own words.
    Free,
    /// Templates of the house.
    Templates,
    /// Only answers.
    Answers,
    /// Not even answers.
    Nothing,
}

/// `[contact.phases]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Phases {
    /// Without an order, or until it is shipped.
    pub before_shipping: Leave,
    /// On its way.
    pub shipped: Leave,
    /// Arrived.
    pub delivered: Leave,
    /// Completed or cancelled.
    pub over: Leave,
    /// While a review of 1 to 3 stars governs.
    pub reviewed_low: Leave,
    /// While a review of 4 or 5 stars governs.
    pub reviewed_high: Leave,
    /// While a case is being decided.
    pub case_open: Leave,
    /// After a case was decided.
    pub case_closed: Leave,
    /// For so long after that.
    pub case_window: Duration,
}

impl Phases {
    /// Where the order stands, and what is left there.
    pub(super) fn of_order(&self, state: &PairState) -> (Stage, Leave) {
        match state.order.map(|(order, _)| order) {
            None | Some(OrderState::Placed) => (Stage::BeforeShipping, self.before_shipping),
            Some(OrderState::Shipped) => (Stage::Shipped, self.shipped),
            Some(OrderState::Delivered) => (Stage::Delivered, self.delivered),
            Some(OrderState::Cancelled | OrderState::Completed) => (Stage::Over, self.over),
        }
    }
}

/// `[contact.after_review]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AfterReview {
    /// No contact at all for so long, unless the buyer writes.
    pub cool_down: Duration,
    /// How long a review governs.
    pub window: Duration,
    /// After 1 to 3 stars.
    pub low: Budget,
    /// After 4 and 5 stars.
    pub high: Budget,
    /// What a buyer's own message opens.
    pub reply: Reply,
}

/// What a buyer's own message opens for the seller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// So many answers.
    pub messages: u32,
    /// For so long.
    pub within: Duration,
}

impl Default for ContactRules {
    fn default() -> Self {
        Self {
            unanswered: 3,
            rate: Budget { burst: 5, per: Duration::hours(1) },
            shipping: Budget { burst: 5, per: Duration::days(7) },
            fan_out: FanOut { buyers: 300, per: Duration::hours(24) },
            phases: Phases::default(),
            after_review: AfterReview::default(),
        }
    }
}

impl Default for Phases {
    fn default() -> Self {
        Self {
            before_shipping: Leave::Free,
            shipped: Leave::Free,
            delivered: Leave::Free,
            over: Leave::Answers,
            reviewed_low: Leave::Free,
            reviewed_high: Leave::Free,
            case_open: Leave::Templates,
            case_closed: Leave::Answers,
            case_window: Duration::days(90),
        }
    }
}

impl Default for AfterReview {
    fn default() -> Self {
        Self {
            cool_down: Duration::hours(24),
            window: Duration::days(30),
            low: Budget { burst: 1, per: Duration::days(7) },
            high: Budget { burst: 1, per: Duration::days(3) },
            reply: Reply { messages: 3, within: Duration::hours(48) },
        }
    }
}
