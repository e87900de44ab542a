//! What an erasure leaves, each with its reason: in the answer of the API, and at the command line.

use crate::{model::Duration, policy::rights::RetentionRules, store::Forgotten};

/// Something that stays after an erasure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What, in a word.
    pub what: &'static str,
    /// How many, where it was counted.
    pub count: Option<u64>,
    /// What it is, and why it stays.
    pub why: &'static str,
    /// How long after it was written it goes; `None`: as long as the marketplace.
    pub within: Option<Duration>,
}

/// What an erasure left.
pub fn kept(done: &Forgotten, rules: &RetentionRules) -> Vec<Kept> {
    let stays = |what, count, within, why| Kept { what, count, why, within };
    if done.waits {
        return Vec::new();
    }
    vec![
        stays(
            "evidence",
            Some(done.entries_kept),
            None,
            "hashes and facts that name nobody, so that the other side's chain still verifies",
        ),
        stays(
            "others_words",
            None,
            rules.messages,
            "what the other sides wrote in messages, cases, reports and tickets, and what support wrote to them: it is theirs",
        ),
        stays(
            "orders",
            None,
            rules.evidence,
            "facts of orders, which name goods and amounts, under the marketplace's key: the other side's too",
        ),
        stays(
            "outcomes",
            None,
            None,
            "which rule, when, points, measures, how appeals, tickets and cases ended, ratings and their pseudonyms: without words",
        ),
        stays("staff", None, rules.evidence, "who decided, as your own ids of staff, so that nobody decides twice"),
        stays(
            "reports_unclaimed",
            Some(done.reports_unclaimed),
            rules.reports,
            "reports that nobody confirmed and that name neither a conversation nor a handle of this person: look whether one is theirs",
        ),
        stays("readings", None, rules.access, "who saw the person's contact and texts, and when, as ids"),
        stays(
            "answers",
            None,
            Some(Duration::hours(24)),
            "answers to repeated requests: ids and states, without words",
        ),
        stays("escalated", None, None, "what was sealed for a court, under the marketplace's key"),
    ]
}
