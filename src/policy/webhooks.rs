//! When a program that did not listen is told again.

use crate::model::Duration;

/// What follows from a delivery that was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is tried again after so long.
    Again(Duration),
    /// Nothing more is tried: it asked for that (410).
    Gone,
    /// Nothing more is tried: it had all its tries.
    Spent,
}

/// What was answered, as far as it matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// How long to wait at least, if that was said.
    pub retry_after: Option<Duration>,
}

/// What follows when `failures` tries before this one failed too. `retry` are the waits, one for each try after the
/// first; `luck` spreads them by up to a tenth, so that who fell together is not met together. A receiver may ask for
/// a longer wait, up to a day.
pub fn after(refused: Refused, failures: u32, retry: &[Duration], luck: u8) -> Step {
    if refused.status == Some(GONE) {
        return Step::Gone;
    }
    let Some(wait) = usize::try_from(failures).ok().and_then(|n| retry.get(n)) else { return Step::Spent };
    let spread = Duration(wait.0.saturating_add(wait.0 / 2_560 * i64::from(luck)));
    Step::Again(refused.retry_after.map_or(spread, |asked| spread.max(asked.min(LONGEST_ASKED))))
}

/// RFC 9110 §15.5.11: who says so is interested no more.
const GONE: u16 = 410;
const LONGEST_ASKED: Duration = Duration::days(1);

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: [Duration; 2] = [Duration::seconds(5), Duration::minutes(5)];

    #[test]
    fn each_failure_waits_longer_until_all_tries_are_spent() {
        let refused = Refused { status: Some(500), retry_after: None };
        let steps: Vec<Step> = (0..3).map(|failures| after(refused, failures, &RETRY, 0)).collect();
        assert_eq!(steps, [Step::Again(RETRY[0]), Step::Again(RETRY[1]), Step::Spent]);
        let Step::Again(most) = after(refused, 1, &RETRY, 255) else { panic!("tries are left") };
        assert!(most > RETRY[1] && most <= Duration(RETRY[1].0 * 11 / 10), "{most}");
    }

    #[test]
    fn gone_ends_it_and_a_longer_wait_is_granted_up_to_a_day() {
        let said = |status, seconds| Refused { status: Some(status), retry_after: Some(Duration::seconds(seconds)) };
        assert_eq!(after(said(410, 1), 0, &RETRY, 0), Step::Gone);
        assert_eq!(after(said(429, 60), 0, &RETRY, 0), Step::Again(Duration::seconds(60)));
        assert_eq!(after(said(429, 1), 0, &RETRY, 0), Step::Again(RETRY[0]));
        assert_eq!(after(said(503, 9_999_999), 0, &RETRY, 0), Step::Again(Duration::days(1)));
    }
}
