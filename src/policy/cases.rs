//! The clocks of a case: what is due at a moment, from what is known. Nothing has to happen at the
//! moment itself: whoever looks later finds the same, after a restart too.
//!
//! Nobody loses a case by silence unless it is proven that the request reached them: a request that
//! did not arrive, or bounced later, ends in the hands of a person.

use serde::{Deserialize, Deserializer};

use crate::model::{CaseClock, Duration, Ruling, Side, Timestamp};

/// `[cases]`: disputes and reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CaseRules {
    /// Their files.
    pub attachments: CaseFiles,
    /// How long things may take.
    pub clocks: ClockRules,
}

/// `[cases.attachments]`: of one submission.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CaseFiles {
    /// How many.
    pub max: usize,
    /// How large each may be.
    #[serde(deserialize_with = "crate::model::size")]
    pub max_bytes: u64,
    /// Of which types, by content.
    pub types: Vec<String>,
}

impl Default for CaseFiles {
    fn default() -> Self {
        let types = ["image/jpeg", "image/png", "application/pdf"];
        Self { max: 5, max_bytes: 4_500_000, types: types.map(str::to_owned).to_vec() }
    }
}

/// `[cases.clocks]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClockRules {
    /// Days from the first submission until it is overdue.
    pub solve: u32,
    /// Days for the evidence of each side, from the moment the request reached it.
    pub evidence: u32,
    /// Days of silence after which it is decided on what is there, from the same moment.
    pub silence: u32,
    /// In an urgent case: until when a person must have taken it.
    pub urgent: Duration,
    /// Which days count.
    pub days: Days,
    /// Where a day begins, such as `+07:00`.
    pub zone: Zone,
    /// Which days of the week do not count as business days.
    pub weekend: Vec<Weekday>,
    /// Which other days do not, such as `2026-12-25`.
    pub holidays: Vec<Day>,
}

impl Default for ClockRules {
    fn default() -> Self {
        Self {
            solve: 5,
            evidence: 3,
            silence: 3,
            urgent: Duration::minutes(15),
            days: Days::Calendar,
            zone: Zone(0),
            weekend: vec![Weekday::Saturday, Weekday::Sunday],
            holidays: Vec::new(),
        }
    }
}

/// Which days count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Days {
    /// All of them.
    Calendar,
    /// Neither weekends nor holidays.
    Business,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// How far a day begins before UTC's, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(pub i64);

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        zone(&text).ok_or_else(|| serde::de::Error::custom("not a distance from UTC such as +07:00"))
    }
}

fn zone(text: &str) -> Option<Zone> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':').filter(|(h, m)| h.len() == 2 && m.len() == 2)?;
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let right = (0..=14).contains(&hours) && (0..60).contains(&minutes);
    right.then_some(Zone(sign * (hours * 60 + minutes) * 60_000))
}

/// A day, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub i64);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // A moment of that day, read as every moment is.
        let whole = serde::de::value::StringDeserializer::<D::Error>::new(format!("{text}T00:00:00Z"));
        let moment =
            Timestamp::deserialize(whole).map_err(|_| serde::de::Error::custom("not a day such as 2026-12-25"))?;
        Ok(Self(moment.0.div_euclid(DAY)))
    }
}

impl ClockRules {
    /// The moment `days` after `from`, by the days that count. Time of days that do not count is
    /// not counted at all.
    pub fn after(&self, from: Timestamp, days: u32) -> Timestamp {
        if self.days == Days::Calendar {
            return from.plus(Duration(i64::from(days) * DAY));
        }
        let mut at = self.next_counted(from);
        for _ in 0..days {
            at = at.plus(Duration(DAY));
            // The same hour of the next day that counts.
            for _ in 0..YEAR {
                if self.counts(self.day(at)) {
                    break;
                }
                at = at.plus(Duration(DAY));
            }
        }
        at
    }

    /// The moment itself on a day that counts, else the beginning of the next one that does.
    fn next_counted(&self, from: Timestamp) -> Timestamp {
        let mut at = from;
        // Settings that leave no day stop nothing for ever: after a year each day counts.
        for _ in 0..YEAR {
            if self.counts(self.day(at)) {
                break;
            }
            at = Timestamp((self.day(at).0 + 1) * DAY - self.zone.0);
        }
        at
    }

    fn day(&self, at: Timestamp) -> Day {
        Day((at.0.saturating_add(self.zone.0)).div_euclid(DAY))
    }

    fn counts(&self, day: Day) -> bool {
        // 1970-01-01 was a Thursday.
        let weekday = WEEK[usize::try_from((day.0 + 3).rem_euclid(7)).unwrap_or(0)];
        !self.weekend.contains(&weekday) && !self.holidays.contains(&day)
    }

    /// Whether every week has a day that counts.
    pub fn leaves_days(&self) -> bool {
        WEEK.iter().any(|day| !self.weekend.contains(day))
    }
}

/// What is due in a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Ask a side for its evidence.
    Request(Side),
    /// Nobody took an urgent case in time: an alarm.
    Unattended,
    /// It is undecided for too long: a person must look.
    Overdue,
    /// A request can not be proven to have arrived: a person must look.
    Unproven(Side),
    /// Decide it on what is there.
    Default(Ruling),
    /// Tell a side how it ended.
    Tell(Side),
}

/// Everything that is due at `now`. The same is due until it is done.
pub fn due(case: &CaseClock, rules: &ClockRules, now: Timestamp) -> Vec<Act> {
    let mut acts = Vec::new();
    let loud = |side: &Side| !case.quiet || *side == case.opener;
    if case.decided.is_some() {
        acts.extend(SIDES.into_iter().filter(loud).filter(|side| !case.told[CaseClock::index(*side)]).map(Act::Tell));
        return acts;
    }
    if !case.quiet {
        acts.extend(SIDES.into_iter().filter(|side| case.request(*side).is_none()).map(Act::Request));
    }
    if case.urgent && case.taken.is_none() && !case.unattended && now >= case.opened.plus(rules.urgent) {
        acts.push(Act::Unattended);
    }
    if !case.overdue && now >= rules.after(case.opened, rules.solve) {
        acts.push(Act::Overdue);
    }
    for side in SIDES {
        if !case.unproven[CaseClock::index(side)] && is_unproven(case, side, rules, now) {
            acts.push(Act::Unproven(side));
        }
    }
    acts.extend(default_ruling(case, rules, now).map(Act::Default));
    acts
}

/// How a case ends by silence at `now`, if it does. An urgent one never does: a person decides.
pub fn default_ruling(case: &CaseClock, rules: &ClockRules, now: Timestamp) -> Option<Ruling> {
    if case.decided.is_some() || case.quiet || case.urgent {
        return None;
    }
    match SIDES.map(|side| is_silent(case, side, rules, now)) {
        [false, true] => Some(Ruling::ForBuyer),
        [true, false] => Some(Ruling::ForSeller),
        [true, true] => Some(Ruling::Dismissed),
        [false, false] => None,
    }
}

/// Until when a side's evidence is in time; `None`: its request has not arrived.
pub fn evidence_until(case: &CaseClock, rules: &ClockRules, side: Side) -> Option<Timestamp> {
    let request = case.request(side)?;
    request.delivered.map(|at| rules.after(at, rules.evidence))
}

fn is_silent(case: &CaseClock, side: Side, rules: &ClockRules, now: Timestamp) -> bool {
    let Some(request) = case.request(side) else { return false };
    let (None, false, Some(delivered)) = (request.answered, request.failed, request.delivered) else { return false };
    now >= rules.after(delivered, rules.silence)
}

fn is_unproven(case: &CaseClock, side: Side, rules: &ClockRules, now: Timestamp) -> bool {
    let Some(request) = case.request(side).filter(|request| request.answered.is_none()) else { return false };
    request.failed || request.delivered.is_none() && now >= rules.after(request.sent, rules.silence)
}

const SIDES: [Side; 2] = [Side::Buyer, Side::Seller];
const DAY: i64 = Duration::days(1).0;
const YEAR: usize = 366;
const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::CaseRequest;

    fn hour(n: i64) -> Timestamp {
        Timestamp(n * 3_600_000)
    }

    fn case() -> CaseClock {
        CaseClock {
            opened: hour(0),
            opener: Side::Buyer,
            urgent: false,
            quiet: false,
            taken: None,
            decided: None,
            requests: [None, None],
            told: [false, false],
            unattended: false,
            overdue: false,
            unproven: [false, false],
        }
    }

    fn asked(sent: i64, delivered: Option<i64>) -> CaseRequest {
        CaseRequest { sent: hour(sent), delivered: delivered.map(hour), failed: false, answered: None }
    }

    fn answered(at: i64) -> Option<CaseRequest> {
        Some(CaseRequest { answered: Some(hour(at)), ..asked(0, Some(0)) })
    }

    #[test]
    fn both_sides_are_asked_first_and_a_quiet_case_asks_nobody() {
        let rules = ClockRules::default();
        assert_eq!(due(&case(), &rules, hour(0)), [Act::Request(Side::Buyer), Act::Request(Side::Seller)]);
        assert_eq!(due(&CaseClock { quiet: true, ..case() }, &rules, hour(0)), []);
        let ended = CaseClock { quiet: true, decided: Some(hour(1)), ..case() };
        assert_eq!(due(&ended, &rules, hour(2)), [Act::Tell(Side::Buyer)], "who is reported hears nothing");
    }

    #[test]
    fn silence_counts_from_the_moment_the_request_arrived() {
        let rules = ClockRules::default();
        let waits = CaseClock { requests: [answered(0), Some(asked(0, Some(10)))], overdue: true, ..case() };
        assert_eq!(due(&waits, &rules, hour(10 + 72 - 1)), []);
        assert_eq!(due(&waits, &rules, hour(10 + 72)), [Act::Default(Ruling::ForBuyer)]);
        let both = CaseClock { requests: [Some(asked(0, Some(1))), Some(asked(0, Some(1)))], ..waits };
        assert_eq!(default_ruling(&both, &rules, hour(100)), Some(Ruling::Dismissed));
    }

    #[test]
    fn a_request_that_did_not_arrive_ends_with_a_person() {
        let rules = ClockRules::default();
        let lost = CaseClock { requests: [answered(0), Some(asked(0, None))], overdue: true, ..case() };
        assert_eq!(due(&lost, &rules, hour(71)), []);
        assert_eq!(due(&lost, &rules, hour(9_000)), [Act::Unproven(Side::Seller)]);
        let bounced = CaseRequest { failed: true, ..asked(0, Some(1)) };
        let bounced = CaseClock { requests: [answered(0), Some(bounced)], ..lost };
        assert_eq!(due(&bounced, &rules, hour(2)), [Act::Unproven(Side::Seller)]);
        assert_eq!(default_ruling(&bounced, &rules, hour(9_000)), None);
    }

    #[test]
    fn an_urgent_case_has_a_clock_of_minutes_and_no_default() {
        let rules = ClockRules::default();
        let silent = [answered(0), Some(asked(0, Some(0)))];
        let urgent = CaseClock { urgent: true, requests: silent, overdue: true, ..case() };
        assert_eq!(due(&urgent, &rules, Timestamp(15 * 60_000 - 1)), []);
        assert_eq!(due(&urgent, &rules, Timestamp(15 * 60_000)), [Act::Unattended]);
        let taken = CaseClock { taken: Some(hour(0)), ..urgent };
        assert_eq!(due(&taken, &rules, hour(900)), []);
    }

    #[test]
    fn the_clock_runs_from_the_first_submission() {
        let rules = ClockRules::default();
        let waits = CaseClock { requests: [answered(0), answered(0)], ..case() };
        assert_eq!(due(&waits, &rules, hour(119)), []);
        assert_eq!(due(&waits, &rules, hour(120)), [Act::Overdue]);
    }

    #[test]
    fn business_days_leave_out_weekends_and_holidays_where_people_live() {
        // 1970-01-01 is a Thursday. In Jakarta (+07:00) Saturday begins on Friday at 17:00 UTC.
        let read = |text: &str| toml::from_str::<ClockRules>(text).unwrap();
        let jakarta = read("days = \"business\"\nzone = \"+07:00\"");
        let utc = read("days = \"business\"");
        let cases = [
            (&utc, 10, 1, 34, "Thursday to Friday"),
            (&utc, 34, 1, 4 * 24 + 10, "Friday to Monday, the same hour"),
            (&utc, 50, 1, 5 * 24, "a Saturday counts as Monday's first hour"),
            (&jakarta, 42, 0, 3 * 24 + 17, "Friday 18:00 UTC is Saturday there"),
        ];
        for (rules, from, days, expected, why) in cases {
            assert_eq!(rules.after(hour(from), days), hour(expected), "{why}");
        }
        let holiday = read("days = \"business\"\nholidays = [\"1970-01-02\"]");
        assert_eq!(holiday.after(hour(10), 1), hour(4 * 24 + 10), "Friday is none, Monday is the next");
        assert_eq!(read("").after(hour(34), 3), hour(34 + 72), "calendar days are all days");
    }

    #[test]
    fn settings_name_days_and_zones_or_are_refused() {
        for bad in
            ["zone = \"WIB\"", "zone = \"+7\"", "holidays = [\"25.12.2026\"]", "weekend = [\"funday\"]", "solve = -1"]
        {
            assert!(toml::from_str::<ClockRules>(bad).is_err(), "{bad}");
        }
        assert_eq!(zone("-03:30"), Some(Zone(-(210 * 60_000))));
    }

    proptest! {
        #[test]
        fn a_day_that_counts_is_never_shorter_than_a_day(
            from in 0i64..2_000_000_000_000, days in 0u32..30, weekend in 0usize..7, zone in -14i64..=14,
        ) {
            let business = ClockRules {
                days: Days::Business,
                weekend: WEEK[..weekend.min(6)].to_vec(),
                zone: Zone(zone * 3_600_000),
                ..ClockRules::default()
            };
            let (from, calendar) = (Timestamp(from), ClockRules::default());
            prop_assert!(business.after(from, days) >= calendar.after(from, days));
            prop_assert!(business.after(from, days) <= business.after(from, days + 1));
            prop_assert!(business.after(from, days) <= business.after(from.plus(Duration(1)), days));
        }

        #[test]
        fn nobody_loses_by_silence_without_proof_or_before_its_time(
            delivered in proptest::option::of(0i64..200), failed: bool, answer in proptest::option::of(0i64..300),
            now in 0i64..400, urgent: bool,
        ) {
            let rules = ClockRules::default();
            let request = CaseRequest { failed, answered: answer.map(hour), ..asked(0, delivered) };
            let one = CaseClock { urgent, requests: [answered(0), Some(request)], ..case() };
            let lost = default_ruling(&one, &rules, hour(now)).is_some();
            let silent = delivered.is_some_and(|at| now >= at + 72) && !failed && answer.is_none() && !urgent;
            prop_assert_eq!(lost, silent);
        }
    }
}
