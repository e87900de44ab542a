//! Figures that no marketplace can be run with, the house's own and those that one marketplace lays over them.

use crate::{model::Duration, policy::rules::MarketRules};

/// A key, as its path, and why its value can not be used.
pub(super) type Fault = (&'static [&'static str], String);

/// What is wrong with these.
pub(super) fn faults(rules: &MarketRules) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut refuse = |path, why: &str| faults.push((path, why.to_owned()));
    let contact = &rules.contact;
    let budgets: [(&'static [&'static str], _); 4] = [
        (&["contact", "rate"], contact.rate),
        (&["contact", "shipping"], contact.shipping),
        (&["contact", "after_review", "low"], contact.after_review.low),
        (&["contact", "after_review", "high"], contact.after_review.high),
    ];
    for (path, budget) in budgets {
        if budget.per.0 == 0 {
            refuse(path, "a budget needs a length of time above zero");
        }
        if budget.per > Duration::days(100) {
            refuse(path, "a budget reaches at most 100 days back");
        }
    }
    if contact.after_review.window > Duration::days(400) {
        refuse(&["contact", "after_review", "window"], "a review governs at most 400 days");
    }
    if contact.fan_out.per.0 == 0 || contact.fan_out.per > Duration::days(7) {
        refuse(&["contact", "fan_out"], "texts are compared over a length of time above zero and up to 7 days");
    }
    if contact.fan_out.buyers == 0 {
        refuse(&["contact", "fan_out"], "at least one buyer may be written to");
    }
    if rules.handles.rotate.0 == 0 {
        refuse(&["handles", "rotate"], "an age needs a length of time above zero");
    }
    if let Some(link) = rules.links.allow.iter().find(|link| !is_host(link)) {
        refuse(&["links", "allow"], &format!("`{link}` is not a bare domain such as market.example"));
    }
    if !rules.cases.clocks.leaves_days() {
        refuse(&["cases", "clocks", "weekend"], "a week needs a day that counts");
    }
    if rules.notices.every.0 == 0 {
        refuse(&["notices", "every"], "a round needs a length of time above zero");
    }
    let disclosures = rules.disclosures;
    if disclosures.longest < Duration::minutes(1) {
        refuse(&["disclosures", "longest"], "at least a minute");
    }
    let alarms: [(&'static [&'static str], _); 2] = [
        (&["disclosures", "alarm"], disclosures.alarm),
        (&["disclosures", "carrier_alarm"], disclosures.carrier_alarm),
    ];
    for (path, budget) in alarms {
        if budget.per.0 == 0 {
            refuse(path, "a budget needs a length of time above zero");
        }
    }
    let ages = rules.retention;
    let ages: [(&'static [&'static str], _); 4] = [
        (&["retention", "messages"], ages.messages),
        (&["retention", "files"], ages.files),
        (&["retention", "evidence"], ages.evidence),
        (&["retention", "access"], ages.access),
    ];
    for (path, age) in ages {
        if age.is_some_and(|age| age < Duration::seconds(1)) {
            refuse(path, "at least a second");
        }
    }
    faults
}

/// Labels of letters, digits and hyphens: what a rule compares hosts with. A scheme, a path or a
/// `*` in it would never match, and nobody would be told.
pub(super) fn is_host(name: &str) -> bool {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.chars().all(|c| c == '-' || c.is_ascii_digit() || c.is_alphabetic())
    };
    name.len() <= 253 && name.split('.').all(label)
}
