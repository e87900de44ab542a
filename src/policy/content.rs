//! Findings and signals → verdict.

use serde::Deserialize;

use crate::model::{Duration, Finding, Side, Signal, SignalKind, Verdict};

/// `[content]`: what follows from what was found; the defaults are the contract's.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContentRules {
    /// From a seller: delivered, with what was found cut out.
    pub redact: Vec<SignalKind>,
    /// From a seller: a person must look.
    pub hold: HoldRules,
    /// From a seller: not taken.
    pub refuse: Vec<SignalKind>,
    /// The most that follows where no rule saw it, but what was learned.
    pub learned: Verdict,
}

/// `[content] hold`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HoldRules {
    /// Which signals.
    pub signals: Vec<SignalKind>,
    /// How long a person has to look.
    pub max: Duration,
    /// What happens when nobody did.
    pub then: AfterHold,
}

/// What happens to a held message that nobody looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AfterHold {
    /// It goes out.
    Release,
    /// It does not, and its sender is told.
    Refuse,
}

impl Default for HoldRules {
    fn default() -> Self {
        use SignalKind::{Abuse, Illegal, PlatformPose, Sexual, TermsChange};
        Self {
            signals: vec![Abuse, Sexual, Illegal, TermsChange, PlatformPose],
            max: Duration::hours(24),
            then: AfterHold::Refuse,
        }
    }
}

impl Default for ContentRules {
    fn default() -> Self {
        use SignalKind::{CancelRequest, Doxxing, OffPlatform, ReviewIncentive, ReviewPressure, Threat};
        Self {
            redact: vec![OffPlatform, CancelRequest],
            hold: HoldRules::default(),
            refuse: vec![Threat, Doxxing, ReviewIncentive, ReviewPressure],
            learned: Verdict::Hold,
        }
    }
}

impl ContentRules {
    fn of(&self, signal: &Signal) -> Verdict {
        let most = if signal.is_guess() { self.learned } else { Verdict::Refuse };
        self.of_kind(signal.kind).min(most)
    }

    fn of_kind(&self, kind: SignalKind) -> Verdict {
        if self.refuse.contains(&kind) {
            Verdict::Refuse
        } else if self.hold.signals.contains(&kind) {
            Verdict::Hold
        } else if self.redact.contains(&kind) {
            Verdict::Redact
        } else {
            Verdict::Deliver
        }
    }
}

/// The verdict over a message: the gravest that a finding or a seller's signal asks for.
pub fn decide(findings: &[Finding], signals: &[Signal], sender: Side, rules: &ContentRules) -> Verdict {
    let cut = if findings.is_empty() { Verdict::Deliver } else { Verdict::Redact };
    match sender {
        Side::Buyer => cut,
        Side::Seller => signals.iter().map(|signal| rules.of(signal)).fold(cut, Ord::max),
    }
}

/// The same where nobody can look before it goes on: what only a guess would hold is not stopped.
pub fn decide_at_once(findings: &[Finding], signals: &[Signal], sender: Side, rules: &ContentRules) -> Verdict {
    let sure = |signal: &&Signal| !signal.is_guess() || rules.learned == Verdict::Refuse;
    let sure: Vec<Signal> = signals.iter().filter(sure).cloned().collect();
    decide(findings, &sure, sender, rules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Kind, Part};

    fn signal(kind: SignalKind) -> Signal {
        Signal::of_part(Part::Text(0), kind, "t")
    }

    #[test]
    fn the_gravest_wins() {
        let rules = ContentRules::default();
        let finding = Finding::in_text(Part::Text(0), (0, 1), Kind::Phone, "0".to_owned());
        assert_eq!(decide(&[], &[], Side::Seller, &rules), Verdict::Deliver);
        assert_eq!(decide(&[finding], &[], Side::Seller, &rules), Verdict::Redact);
        let both = [signal(SignalKind::OffPlatform), signal(SignalKind::Threat), signal(SignalKind::Abuse)];
        assert_eq!(decide(&[], &both, Side::Seller, &rules), Verdict::Refuse);
        assert_eq!(decide(&[], &both[2..], Side::Seller, &rules), Verdict::Hold);
    }

    #[test]
    fn a_guess_refuses_nothing_unless_the_operator_says_so() {
        let guess = |kind| [Signal::of_part(Part::Text(0), kind, "id.learned.threat")];
        let rules = ContentRules::default();
        assert_eq!(decide(&[], &guess(SignalKind::Threat), Side::Seller, &rules), Verdict::Hold);
        assert_eq!(decide(&[], &guess(SignalKind::OffPlatform), Side::Seller, &rules), Verdict::Redact);
        for (word, verdict) in [("deliver", Verdict::Deliver), ("refuse", Verdict::Refuse)] {
            let rules: ContentRules = toml::from_str(&format!("learned = \"{word}\"")).unwrap();
            assert_eq!(decide(&[], &guess(SignalKind::Threat), Side::Seller, &rules), verdict);
        }
    }

    #[test]
    fn where_nobody_can_look_a_guess_stops_nothing_unless_the_operator_lets_it_refuse() {
        let guess = [Signal::of_part(Part::Text(0), SignalKind::Threat, "id.learned.threat")];
        let rules = ContentRules::default();
        assert_eq!(decide_at_once(&[], &guess, Side::Seller, &rules), Verdict::Deliver);
        assert_eq!(decide_at_once(&[], &[signal(SignalKind::Abuse)], Side::Seller, &rules), Verdict::Hold);
        let rules = ContentRules { learned: Verdict::Refuse, ..rules };
        assert_eq!(decide_at_once(&[], &guess, Side::Seller, &rules), Verdict::Refuse);
    }

    #[test]
    fn signals_of_a_buyer_change_nothing() {
        let threat = [signal(SignalKind::Threat)];
        assert_eq!(decide(&[], &threat, Side::Buyer, &ContentRules::default()), Verdict::Deliver);
    }

    #[test]
    fn settings_replace_a_list_and_refuse_unknown_keys() {
        let rules: ContentRules = toml::from_str("hold = { signals = [] }").unwrap();
        assert_eq!(decide(&[], &[signal(SignalKind::Abuse)], Side::Seller, &rules), Verdict::Deliver);
        assert!(toml::from_str::<ContentRules>("holds = []").is_err());
    }
}
