//! What enforcement is set to: points, multipliers, decay, ladder, grace, appeals, answers. A profile under
//! `config/policy/` gives them; these defaults are `config/policy/default.toml`, word by word.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::response::ResponseRules;
use crate::model::{Breach, Duration, Measure, Restriction};

/// A profile.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Enforcement {
    /// Whether what the ladder brings restricts anybody. Until then it is a warning, with its points and its reasons.
    pub apply: bool,
    /// Sellers, whose messages are judged as they come.
    pub seller: Scale,
    /// Buyers, who are judged by a person alone, on a seller's ticket.
    pub buyer: Scale,
    /// Offences of one kind again.
    pub repeat: Repeat,
    /// Offences of one kind in one conversation within so long are one.
    pub together: Duration,
    /// What is forgiven.
    pub grace: Grace,
    /// How points end.
    pub decay: Decay,
    /// How a decision is contested.
    pub appeal: AppealRules,
    /// How soon a seller answers.
    pub response: ResponseRules,
}

/// Points of a first offence, and what they bring.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scale {
    /// By kind of offence. One without points, or with none, is no violation.
    pub points: BTreeMap<Breach, u32>,
    /// From the mildest rung up.
    pub ladder: Vec<Rung>,
}

impl Scale {
    /// Points of a first offence; `None`: it is no violation here.
    pub fn base(&self, breach: Breach) -> Option<u32> {
        self.points.get(&breach).copied().filter(|points| *points > 0)
    }
}

/// A rung of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "RungText")]
pub struct Rung {
    /// Reached with so many points.
    pub points: u32,
    /// What it brings.
    pub then: Measure,
    /// For how long; `None`: for good.
    pub lasts: Option<Duration>,
}

/// `[repeat]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Repeat {
    /// Looks so far back for offences of the same kind.
    pub within: Duration,
    /// How many times the points: of a first, second, third one; the last for all that follow.
    pub times: Vec<u32>,
}

/// `[grace]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grace {
    /// Which kinds.
    pub breaches: Vec<Breach>,
    /// How many of each are forgiven.
    pub first: u32,
    /// Within so long.
    pub within: Duration,
}

/// `[decay]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Decay {
    /// Points count in full for so long.
    pub full: Duration,
    /// Then ever less, and nothing after so long.
    pub gone: Duration,
    /// A day on which all begin anew.
    pub reset: Reset,
}

/// A day on which all points end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reset {
    /// None: points end by age.
    Never,
    /// The last Monday of March, June, September and December, 00:00 UTC.
    LastMondayOfQuarter,
}

/// `[appeal]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppealRules {
    /// So long after the decision that it is against.
    pub within: Duration,
    /// How many for one violation: one or two.
    pub times: u32,
}

impl Default for Enforcement {
    fn default() -> Self {
        Self {
            apply: false,
            seller: default_seller(),
            buyer: default_buyer(),
            repeat: Repeat::default(),
            together: Duration::minutes(10),
            grace: Grace::default(),
            decay: Decay::default(),
            appeal: AppealRules::default(),
            response: ResponseRules::default(),
        }
    }
}

fn default_seller() -> Scale {
    use Breach as B;
    let points = [
        (B::Abuse, 4),
        (B::CancelRequest, 2),
        (B::ContactDetails, 1),
        (B::Doxxing, 8),
        (B::Illegal, 4),
        (B::OffPlatform, 2),
        (B::PlatformPose, 4),
        (B::ReviewIncentive, 4),
        (B::ReviewPressure, 4),
        (B::Sexual, 4),
        (B::Spam, 2),
        (B::TermsChange, 2),
        (B::Threat, 8),
    ];
    let slowed = Restriction::Slowed { burst: 2, per: Duration::days(1) };
    let rung = |points, then, lasts: Option<i64>| Rung { points, then, lasts: lasts.map(Duration::days) };
    let ladder = vec![
        rung(1, Measure::Warning, Some(30)),
        rung(4, Measure::Restrict(slowed), Some(7)),
        rung(8, Measure::Restrict(Restriction::TemplateOnly), Some(14)),
        rung(16, Measure::Restrict(Restriction::Withdrawn), Some(28)),
        rung(48, Measure::Restrict(Restriction::Withdrawn), None),
    ];
    Scale { points: points.into_iter().collect(), ladder }
}

fn default_buyer() -> Scale {
    let points = [(Breach::Abuse, 4), (Breach::Demand, 2), (Breach::Sexual, 4), (Breach::Spam, 2), (Breach::Threat, 8)];
    let rung = |points, then, days| Rung { points, then, lasts: Some(Duration::days(days)) };
    let ladder = vec![rung(1, Measure::Warning, 30), rung(8, Measure::Unowed, 28)];
    Scale { points: points.into_iter().collect(), ladder }
}

impl Default for Repeat {
    fn default() -> Self {
        Self { within: Duration::days(90), times: vec![1, 2, 3] }
    }
}

impl Default for Grace {
    fn default() -> Self {
        Self { breaches: vec![Breach::ContactDetails], first: 1, within: Duration::days(90) }
    }
}

impl Default for Decay {
    fn default() -> Self {
        Self { full: Duration::days(30), gone: Duration::days(180), reset: Reset::Never }
    }
}

impl Default for AppealRules {
    fn default() -> Self {
        Self { within: Duration::days(180), times: 2 }
    }
}

impl Enforcement {
    /// What can not be meant: which key, and why.
    pub fn faults(&self) -> Vec<(&'static str, &'static str)> {
        let rising = |scale: &Scale| scale.ladder.windows(2).all(|two| two[0].points < two[1].points);
        let buyers = |rung: &Rung| matches!(rung.then, Measure::Warning | Measure::Unowed);
        let checks = [
            (rising(&self.seller), "seller.ladder", "each rung needs more points than the one before it"),
            (rising(&self.buyer), "buyer.ladder", "each rung needs more points than the one before it"),
            (
                self.seller.ladder.iter().all(|rung| rung.then != Measure::Unowed),
                "seller.ladder",
                "`unowed` is for buyers",
            ),
            (
                self.buyer.ladder.iter().all(buyers),
                "buyer.ladder",
                "a buyer can always write: only `warning` and `unowed`",
            ),
            (
                !self.repeat.times.is_empty() && self.repeat.times.iter().all(|n| (1..=100).contains(n)),
                "repeat.times",
                "one or more whole numbers from 1 to 100",
            ),
            (self.decay.gone.0 > 0 && self.decay.full <= self.decay.gone, "decay", "`gone` comes at or after `full`"),
            (self.appeal.within.0 > 0, "appeal.within", "a deadline needs a length of time above zero"),
            ((1..=2).contains(&self.appeal.times), "appeal.times", "1 or 2"),
            (self.response.within.0 > 0, "response.within", "a clock needs a length of time above zero"),
            (self.response.complaint.0 > 0, "response.complaint", "a clock needs a length of time above zero"),
            (
                self.response.closed_in_a_year >= self.response.closed_at_most,
                "response.closed_in_a_year",
                "less than `closed_at_most`",
            ),
            (self.response.window >= self.response.within, "response.window", "shorter than the time for an answer"),
        ];
        checks.into_iter().filter(|(right, ..)| !right).map(|(_, key, why)| (key, why)).collect()
    }
}

/// A rung as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RungText {
    points: u32,
    then: Then,
    #[serde(rename = "for")]
    lasts: Option<Duration>,
    burst: Option<u32>,
    per: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Then {
    Warning,
    TemplateOnly,
    Slowed,
    Withdrawn,
    Unowed,
}

impl TryFrom<RungText> for Rung {
    type Error = &'static str;

    fn try_from(text: RungText) -> Result<Self, Self::Error> {
        let then = match (text.then, text.burst, text.per) {
            (Then::Slowed, Some(burst), Some(per)) if per.0 > 0 && per <= Duration::days(100) => {
                Measure::Restrict(Restriction::Slowed { burst, per })
            }
            (Then::Slowed, ..) => return Err("`slowed` needs `burst`, and `per` of at most 100 days"),
            (_, None, None) => match text.then {
                Then::Warning => Measure::Warning,
                Then::TemplateOnly => Measure::Restrict(Restriction::TemplateOnly),
                Then::Withdrawn => Measure::Restrict(Restriction::Withdrawn),
                Then::Slowed | Then::Unowed => Measure::Unowed,
            },
            _ => return Err("`burst` and `per` go with `slowed` alone"),
        };
        if text.points == 0 {
            return Err("a rung is reached with one point or more");
        }
        Ok(Self { points: text.points, then, lasts: text.lasts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rung_says_what_it_can_mean() {
        let read = |text: &str| toml::from_str::<Rung>(text);
        assert_eq!(read("points = 4\nthen = \"warning\"\nfor = \"30d\"").unwrap().lasts, Some(Duration::days(30)));
        assert_eq!(read("points = 4\nthen = \"withdrawn\"").unwrap().lasts, None);
        for wrong in [
            "points = 0\nthen = \"warning\"",
            "points = 1\nthen = \"slowed\"",
            "points = 1\nthen = \"slowed\"\nburst = 1\nper = \"0s\"",
            "points = 1\nthen = \"warning\"\nburst = 1",
            "points = 1\nthen = \"gone\"",
            "points = 1\nthen = \"warning\"\nsince = \"1d\"",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_can_not_be_meant_is_told_by_its_key() {
        assert_eq!(Enforcement::default().faults(), []);
        let wrong = |text: &str| toml::from_str::<Enforcement>(text).unwrap().faults();
        for (text, key) in [
            ("[repeat]\ntimes = []", "repeat.times"),
            ("[repeat]\ntimes = [0]", "repeat.times"),
            ("[decay]\nfull = \"9d\"\ngone = \"8d\"", "decay"),
            ("[appeal]\ntimes = 3", "appeal.times"),
            ("[response]\nwithin = \"0s\"", "response.within"),
            ("[[buyer.ladder]]\npoints = 1\nthen = \"withdrawn\"", "buyer.ladder"),
            ("[[seller.ladder]]\npoints = 1\nthen = \"unowed\"", "seller.ladder"),
            (
                "[[seller.ladder]]\npoints = 2\nthen = \"warning\"\n[[seller.ladder]]\npoints = 2\nthen = \"withdrawn\"",
                "seller.ladder",
            ),
        ] {
            assert_eq!(wrong(text).first().map(|(key, _)| *key), Some(key), "{text}");
        }
    }
}
