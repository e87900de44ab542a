//! Does a seller strike back after a review? Told from the times of messages alone, in no language: whoever left a
//! buyer waiting and finds words in the minute after few stars, or writes many times where they wrote seldom.
//!
//! It refuses nothing: the gate has done that already. It tells a person where to look, with its numbers.

use serde::Deserialize;

use crate::model::{Duration, Timestamp};

/// `[retaliation]`: what counts as striking back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetaliationRules {
    /// Reviews of so many stars at most.
    pub rating: u8,
    /// A buyer who waited so long for an answer, until the review.
    pub silence: Duration,
    /// A first word so soon after it.
    pub prompt: Duration,
    /// So many messages, taken or refused…
    pub burst: u32,
    /// …within so long after it, and three times as many as in the same time before it.
    pub within: Duration,
}

impl Default for RetaliationRules {
    fn default() -> Self {
        Self {
            rating: 4,
            silence: Duration::hours(12),
            prompt: Duration::minutes(10),
            burst: 3,
            within: Duration::hours(1),
        }
    }
}

/// What was written around a review, oldest first. Automatic mail is not among it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aftermath {
    /// When the review came into force.
    pub reviewed: Timestamp,
    /// How many stars.
    pub rating: u8,
    /// The seller's messages, taken or refused, before and after.
    pub seller: Vec<Timestamp>,
    /// The buyer's own messages.
    pub buyer: Vec<Timestamp>,
}

/// Why it looks like striking back, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retaliation {
    /// How long the buyer had waited for an answer when the review came; zero: had not.
    pub silence: Duration,
    /// How long after the review the seller's first message came.
    pub first: Duration,
    /// How many messages came within [`RetaliationRules::within`] after it.
    pub after: u32,
    /// How many came in the same time before it.
    pub before: u32,
}

impl Retaliation {
    /// As facts of an evidence entry: times in seconds.
    pub fn facts(&self) -> String {
        let seconds = |duration: Duration| duration.0 / 1_000;
        format!(
            "silence={} first={} after={} before={}",
            seconds(self.silence),
            seconds(self.first),
            self.after,
            self.before
        )
    }
}

/// Whether what was written around a review looks like striking back.
pub fn look(around: &Aftermath, rules: &RetaliationRules) -> Option<Retaliation> {
    let first = *around.seller.iter().find(|at| **at >= around.reviewed)?;
    let since = |from: Timestamp, to: Timestamp| around.seller.iter().filter(|at| **at >= from && **at < to).count();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let found = Retaliation {
        silence: waited(around),
        first: first.since(around.reviewed),
        after: count(since(around.reviewed, around.reviewed.plus(rules.within))),
        before: count(since(around.reviewed.minus(rules.within), around.reviewed)),
    };
    let sudden = found.silence >= rules.silence && found.first < rules.prompt;
    let burst = found.after >= rules.burst && found.after >= found.before.saturating_mul(3);
    (around.rating <= rules.rating && !asked_for(around) && (sudden || burst)).then_some(found)
}

/// How long the buyer had waited when the review came: since their first message that the seller left unanswered.
fn waited(around: &Aftermath) -> Duration {
    let answered = around.seller.iter().rev().find(|at| **at < around.reviewed).copied().unwrap_or(Timestamp(i64::MIN));
    let asked = around.buyer.iter().find(|at| **at > answered && **at < around.reviewed);
    asked.map_or(Duration(0), |at| around.reviewed.since(*at))
}

/// The buyer wrote first after the review: what follows is talk.
fn asked_for(around: &Aftermath) -> bool {
    let first_after = |times: &[Timestamp]| times.iter().find(|at| **at >= around.reviewed).copied();
    match (first_after(&around.buyer), first_after(&around.seller)) {
        (Some(buyer), Some(seller)) => buyer < seller,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: i64 = 60_000;
    const HOUR: i64 = 60 * MINUTE;

    /// One star at hour 100; the other times in minutes around it.
    fn around(seller: &[i64], buyer: &[i64]) -> Aftermath {
        let at = |minutes: &[i64]| minutes.iter().map(|m| Timestamp(100 * HOUR + m * MINUTE)).collect();
        Aftermath { reviewed: Timestamp(100 * HOUR), rating: 1, seller: at(seller), buyer: at(buyer) }
    }

    fn seen(seller: &[i64], buyer: &[i64]) -> bool {
        look(&around(seller, buyer), &RetaliationRules::default()).is_some()
    }

    #[test]
    fn who_let_a_buyer_wait_and_answers_the_stars_at_once_is_seen() {
        let two_days = -48 * 60;
        let found = look(&around(&[0], &[two_days]), &RetaliationRules::default()).unwrap();
        assert_eq!(found.facts(), "silence=172800 first=0 after=1 before=0");
        assert!(seen(&[9], &[two_days]));
        assert!(!seen(&[10], &[two_days]), "ten minutes later it may be by chance");
        assert!(!seen(&[0], &[]), "nobody waited");
        assert!(!seen(&[-47 * 60, 0], &[two_days]), "the buyer had been answered");
        assert!(seen(&[-50 * 60, 0], &[two_days]), "but not before they asked");
        assert!(!seen(&[0], &[-11 * 60]), "half a day is no silence yet");
    }

    #[test]
    fn who_writes_again_and_again_after_the_stars_is_seen() {
        assert!(seen(&[1, 2, 3], &[]));
        assert!(!seen(&[1, 2], &[]));
        assert!(!seen(&[1, 30, 60], &[]), "the third came after the hour");
        assert!(!seen(&[-30, -20, 1, 2, 3], &[]), "they had been talking before");
        assert!(seen(&[-30, 1, 2, 3], &[]));
    }

    #[test]
    fn a_talk_that_the_buyer_opened_is_a_talk() {
        assert!(!seen(&[2, 3, 4, 5], &[1]));
        assert!(seen(&[1, 2, 3, 4], &[5]));
    }

    #[test]
    fn who_thanks_for_five_stars_is_let_alone() {
        let mut thanks = around(&[1, 2, 3], &[-48 * 60]);
        thanks.rating = 5;
        assert_eq!(look(&thanks, &RetaliationRules::default()), None);
    }

    proptest! {
        #[test]
        fn one_more_message_after_the_stars_never_clears_a_seller(
            mut seller in prop::collection::vec(-5_000i64..5_000, 0..20),
            mut buyer in prop::collection::vec(-5_000i64..0, 0..5),
            more in 0i64..5_000,
        ) {
            seller.sort_unstable();
            buyer.sort_unstable();
            let suspected = seen(&seller, &buyer);
            seller.push(more);
            seller.sort_unstable();
            prop_assert!(!suspected || seen(&seller, &buyer));
        }
    }
}
