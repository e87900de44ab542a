//! Violations, points and sanctions. Nothing is kept as a sum: everything follows from the strikes that stand, in
//! the order of their time, so that one taken back leaves the account as if it had never been.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use super::{
    enforcement::{Decay, Enforcement, Reset, Scale},
    rules::MarketRules,
};
use crate::model::{
    Arbiter, Breach, Duration, Finding, Kind, Measure, Part, Sanction, Side, Signal, Strike, Timestamp,
};

/// A rule that a message broke, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which rule.
    pub breach: Breach,
    /// The rule of the lexicon, or the kind of finding.
    pub rule: String,
    /// In which part.
    pub part: Part,
    /// From where to where; `None`: the whole part.
    pub span: Option<(usize, usize)>,
    /// Points of a first offence.
    pub base: u32,
}

/// What a strike counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Points.
    Points(u32),
    /// Forgiven, as one of the first.
    Graced,
    /// One with the offence just before it.
    Together,
}

impl Weight {
    /// Points when it happened.
    pub fn points(self) -> u32 {
        match self {
            Self::Points(points) => points,
            Self::Graced | Self::Together => 0,
        }
    }

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Points(_) => "points",
            Self::Graced => "graced",
            Self::Together => "together",
        }
    }
}

/// A strike with its weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weighed {
    /// Which.
    pub strike: Strike,
    /// What it counts.
    pub weight: Weight,
}

impl Enforcement {
    /// The points and ladder of a side.
    pub fn scale(&self, side: Side) -> &Scale {
        match side {
            Side::Buyer => &self.buyer,
            Side::Seller => &self.seller,
        }
    }

    /// A number that is another where strikes of a side may bring something else. A newer version of the program may
    /// number the same settings otherwise: then what was before counts as it was measured, as after any change.
    fn settings(&self, side: Side) -> u64 {
        let Self { apply, repeat, together, grace, decay, .. } = self;
        let mut hasher = DefaultHasher::new();
        (apply, self.scale(side), repeat, together, grace, decay).hash(&mut hasher);
        hasher.finish()
    }
}

/// The rules that a seller's message broke: each once. A contact beside a graver way off the platform is part of it,
/// and a guarded name is no offence: its author need not know that it is one. Nor is what was only guessed.
pub fn breaches(findings: &[Finding], signals: &[Signal], rules: &Enforcement) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for signal in signals.iter().filter(|signal| !signal.is_guess()) {
        let Some(breach) = Breach::of(signal.kind) else { continue };
        if let Some(base) = rules.seller.base(breach).filter(|_| found.iter().all(|f| f.breach != breach)) {
            let span = signal.sentence.as_ref().map(|sentence| (sentence.start, sentence.end));
            found.push(Found { breach, rule: signal.rule.clone(), part: signal.part, span, base });
        }
    }
    let contact = findings.iter().find(|finding| finding.kind != Kind::Name);
    if let (Some(finding), Some(base)) = (contact, rules.seller.base(Breach::ContactDetails))
        && found.iter().all(|f| f.breach != Breach::OffPlatform)
    {
        found.push(Found {
            breach: Breach::ContactDetails,
            rule: finding.kind.as_str().to_owned(),
            part: finding.part,
            span: Some((finding.start, finding.end)),
            base,
        });
    }
    found
}

/// What each strike counts, in the order of their time.
pub fn weigh(strikes: &[Strike], rules: &Enforcement) -> Vec<Weighed> {
    let mut sorted: Vec<&Strike> = strikes.iter().collect();
    sorted.sort_by_key(|strike| (strike.at, strike.id));
    let mut weighed: Vec<Weighed> = Vec::with_capacity(sorted.len());
    for strike in sorted {
        let weight = weight(strike, &weighed, rules);
        weighed.push(Weighed { strike: strike.clone(), weight });
    }
    weighed
}

fn weight(strike: &Strike, before: &[Weighed], rules: &Enforcement) -> Weight {
    // What was one with another offence is neither forgiven nor repeated again.
    let earlier = |within: Duration| {
        let since = strike.at.minus(within);
        let own = before.iter().filter(move |one| one.strike.breach == strike.breach && one.strike.at >= since);
        own.filter(|one| one.weight != Weight::Together)
    };
    if earlier(rules.together).any(|one| one.strike.conversation == strike.conversation) {
        return Weight::Together;
    }
    let grace = &rules.grace;
    if grace.breaches.contains(&strike.breach) && earlier(grace.within).count() < grace.first as usize {
        return Weight::Graced;
    }
    let again = earlier(rules.repeat.within).filter(|one| one.weight != Weight::Graced).count();
    let times = rules.repeat.times.get(again).or(rules.repeat.times.last()).copied().unwrap_or(1);
    Weight::Points(strike.base.saturating_mul(times))
}

/// What is left of a strike's points.
pub fn left(weighed: &Weighed, decay: &Decay, now: Timestamp) -> u32 {
    let (points, at) = (weighed.weight.points(), weighed.strike.at);
    if at > now || last_reset(decay.reset, now).is_some_and(|reset| at < reset) {
        return 0;
    }
    let age = now.since(at);
    if age >= decay.gone {
        return 0;
    }
    if age <= decay.full {
        return points;
    }
    // Rounded up: a point is gone only when its time is over.
    let (rest, whole) = (i128::from(decay.gone.0 - age.0), i128::from((decay.gone.0 - decay.full.0).max(1)));
    let left = (i128::from(points) * rest + whole - 1) / whole;
    u32::try_from(left).unwrap_or(points).min(points)
}

/// The points of an account.
pub fn total(weighed: &[Weighed], decay: &Decay, now: Timestamp) -> u32 {
    weighed.iter().map(|one| left(one, decay, now)).fold(0, u32::saturating_add)
}

/// What the strikes of an account brought: each that counts brings the highest rung that its points reach, anew.
pub fn sanctions(strikes: &[Strike], side: Side, rules: &Enforcement) -> Vec<Sanction> {
    let weighed = weigh(strikes, rules);
    let ladder = &rules.scale(side).ladder;
    let mut brought = Vec::new();
    for (n, one) in weighed.iter().enumerate().filter(|(_, one)| one.weight.points() > 0) {
        let (violation, since) = (one.strike.id, one.strike.at);
        let points = total(&weighed[..=n], &rules.decay, since);
        if let Some(rung) = ladder.iter().rev().find(|rung| rung.points <= points) {
            let until = rung.lasts.map(|lasts| since.plus(lasts));
            brought.push(Sanction { violation, measure: rung.then, points, since, until });
        }
    }
    brought
}

/// The same, as it is carried out: where nothing is applied yet, a restriction is a warning.
pub fn measures(strikes: &[Strike], side: Side, rules: &Enforcement) -> Vec<Sanction> {
    let mut brought = sanctions(strikes, side, rules);
    for sanction in
        brought.iter_mut().filter(|sanction| !rules.apply && matches!(sanction.measure, Measure::Restrict(_)))
    {
        sanction.measure = Measure::Warning;
    }
    brought
}

/// What strikes bring under these rules, as the store weighs them.
pub fn arbiter(rules: &Arc<MarketRules>, side: Side) -> Arbiter {
    let (settings, rules) = (rules.enforcement.settings(side), Arc::clone(rules));
    Arbiter::new(settings, move |all| measures(all, side, &rules.enforcement))
}

/// The last reset at or before `now`.
fn last_reset(reset: Reset, now: Timestamp) -> Option<Timestamp> {
    match reset {
        Reset::Never => None,
        Reset::LastMondayOfQuarter => {
            let day = now.0.div_euclid(DAY);
            let (year, month) = month_of(day);
            let ends = [(year - 1, 12), (year, 3), (year, 6), (year, 9), (year, 12)];
            let mondays = ends.iter().filter(|end| **end <= (year, month)).map(|end| last_monday(*end));
            mondays.filter(|monday| *monday <= day).max().map(|monday| Timestamp(monday * DAY))
        }
    }
}

fn last_monday((year, month): (i64, i64)) -> i64 {
    let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    let last = first_day(next) - 1;
    // Day 0, the first of 1970, was a Thursday.
    last - (last + 3).rem_euclid(7)
}

/// The day number of the first of a month (proleptic Gregorian, the year beginning in March).
fn first_day((year, month): (i64, i64)) -> i64 {
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 - 719_468
}

/// Year and month of a day number.
fn month_of(day: i64) -> (i64, i64) {
    let guess = 1970 + day.div_euclid(366);
    let year = (guess..).find(|year| first_day((year + 1, 1)) > day).unwrap_or(guess);
    let month = (1..=12).rev().find(|month| first_day((year, *month)) <= day).unwrap_or(1);
    (year, month)
}

const DAY: i64 = 86_400_000;

#[cfg(test)]
mod tests;
