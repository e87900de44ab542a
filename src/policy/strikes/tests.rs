use proptest::prelude::*;

use super::*;
use crate::model::{EventId, Measure, Restriction, SignalKind};

const HOUR: i64 = 3_600_000;

fn strike(n: u8, hour: i64, breach: Breach) -> Strike {
    let rules = Enforcement::default();
    Strike {
        id: EventId([n; 16]),
        at: Timestamp(hour * HOUR),
        conversation: format!("c-{n}").parse().unwrap(),
        breach,
        base: rules.seller.base(breach).unwrap_or(1),
    }
}

fn points(strikes: &[Strike], hour: i64) -> u32 {
    let rules = Enforcement::default();
    total(&weigh(strikes, &rules), &rules.decay, Timestamp(hour * HOUR))
}

fn signal(kind: SignalKind) -> Signal {
    Signal::of_part(Part::Text(0), kind, "en.test")
}

#[test]
fn a_message_breaks_each_rule_once_and_a_guarded_name_breaks_none() {
    let rules = Enforcement::default();
    let phone = Finding::in_text(Part::Text(0), (3, 9), Kind::Phone, "081200".to_owned());
    let name = Finding::in_text(Part::Text(0), (0, 2), Kind::Name, "Budi".to_owned());
    let kinds = |findings: &[Finding], signals: &[Signal]| -> Vec<Breach> {
        breaches(findings, signals, &rules).into_iter().map(|found| found.breach).collect()
    };
    assert_eq!(kinds(&[], &[]), []);
    assert_eq!(kinds(std::slice::from_ref(&name), &[]), []);
    assert_eq!(kinds(&[name, phone.clone()], &[]), [Breach::ContactDetails]);
    let twice = [signal(SignalKind::Threat), signal(SignalKind::Threat), signal(SignalKind::Stop)];
    assert_eq!(kinds(&[], &twice), [Breach::Threat]);
    assert_eq!(kinds(std::slice::from_ref(&phone), &[signal(SignalKind::OffPlatform)]), [Breach::OffPlatform]);
    assert_eq!(kinds(&[phone], &[signal(SignalKind::Threat)]), [Breach::Threat, Breach::ContactDetails]);
    assert_eq!(breaches(&[], &[signal(SignalKind::Demand)], &rules), [], "no points are set for it");
}

#[test]
fn the_first_contact_that_slips_is_forgiven_and_the_second_is_not() {
    let slips = [0, 30, 60].map(|day| strike(day as u8, day * 24, Breach::ContactDetails));
    let weights: Vec<Weight> = weigh(&slips, &Enforcement::default()).iter().map(|one| one.weight).collect();
    assert_eq!(weights, [Weight::Graced, Weight::Points(1), Weight::Points(2)]);
}

#[test]
fn who_tries_again_at_once_has_done_it_once() {
    let mut second = strike(2, 0, Breach::Threat);
    second.at = Timestamp(9 * 60_000);
    second.conversation = "c-1".parse().unwrap();
    let first = strike(1, 0, Breach::Threat);
    assert_eq!(points(&[first.clone(), second.clone()], 1), 8);
    // Another conversation is another offence, and so is the same one later.
    assert_eq!(points(&[first.clone(), strike(2, 0, Breach::Threat)], 1), 8 + 16);
    second.at = Timestamp(11 * 60_000);
    assert_eq!(points(&[first, second], 1), 8 + 16);
}

#[test]
fn the_same_again_costs_more_and_another_kind_does_not() {
    let kind = |n: u8, breach| strike(n, i64::from(n) * 24, breach);
    assert_eq!(points(&[kind(1, Breach::Spam), kind(2, Breach::Spam)], 72), 2 + 4);
    assert_eq!(points(&[kind(1, Breach::Spam), kind(2, Breach::TermsChange)], 72), 2 + 2);
    let many: Vec<Strike> = (1..=5).map(|n| kind(n, Breach::Spam)).collect();
    assert_eq!(points(&many, 6 * 24), 2 + 4 + 6 + 6 + 6);
    assert_eq!(points(&[kind(1, Breach::Spam), strike(2, 24 * 92, Breach::Spam)], 24 * 92), 2 + 2, "decayed, and anew");
}

#[test]
fn points_count_in_full_then_less_and_then_nothing() {
    let one = [strike(1, 0, Breach::Threat)];
    for (day, expected) in [(0, 8), (30, 8), (105, 4), (179, 1), (180, 0), (4_000, 0)] {
        assert_eq!(points(&one, day * 24), expected, "day {day}");
    }
    assert_eq!(points(&one, -1), 0, "not before it happened");
}

#[test]
fn a_quarter_ends_all_points_on_its_last_monday() {
    let decay = Decay { full: Duration::days(365), gone: Duration::days(365), reset: Reset::LastMondayOfQuarter };
    let day = |text: &str| -> Timestamp { serde_json::from_value(serde_json::Value::from(text)).unwrap() };
    let earned = |at: &str| Weighed {
        strike: Strike { at: day(at), ..strike(1, 0, Breach::Threat) },
        weight: Weight::Points(8),
    };
    // 29 December 2025 and 30 March 2026 were Mondays, and the last ones of their quarters.
    for (at, now, expected) in [
        ("2025-12-28T23:59:59Z", "2025-12-28T23:59:59Z", 8),
        ("2025-12-28T23:59:59Z", "2025-12-29T00:00:00Z", 0),
        ("2025-12-29T00:00:00Z", "2026-03-29T23:59:59Z", 8),
        ("2025-12-31T00:00:00Z", "2026-03-30T00:00:00Z", 0),
        ("2026-02-28T12:00:00Z", "2026-03-01T12:00:00Z", 8),
        ("2024-02-29T00:00:00Z", "2024-03-24T00:00:00Z", 8),
        ("2024-02-29T00:00:00Z", "2024-03-25T00:00:00Z", 0),
    ] {
        assert_eq!(left(&earned(at), &decay, day(now)), expected, "{at} {now}");
    }
}

#[test]
fn the_ladder_is_climbed_by_points_and_a_rung_begins_anew_with_each_offence() {
    let rules = Enforcement::default();
    let brought = |strikes: &[Strike]| -> Vec<(&'static str, Option<i64>)> {
        let days = |s: &Sanction| s.until.map(|until| until.since(s.since).0 / DAY);
        sanctions(strikes, Side::Seller, &rules).iter().map(|s| (s.measure.as_str(), days(s))).collect()
    };
    let abuse = |n: u8| strike(n, i64::from(n) * 24, Breach::Abuse);
    assert_eq!(brought(&[strike(1, 0, Breach::ContactDetails)]), [], "forgiven");
    assert_eq!(brought(&[strike(1, 0, Breach::Spam)]), [("warning", Some(30))]);
    assert_eq!(brought(&[abuse(1)]), [("slowed", Some(7))]);
    assert_eq!(brought(&[abuse(1), abuse(2)]), [("slowed", Some(7)), ("template_only", Some(14))]);
    let many: Vec<Strike> = (1..=5).map(abuse).collect();
    let all = brought(&many);
    assert_eq!(all[2], ("withdrawn", Some(28)));
    assert_eq!(all.last(), Some(&("withdrawn", None)), "for good");
}

#[test]
fn a_buyer_is_warned_and_then_owed_no_answer_and_can_always_write() {
    let rules = Enforcement::default();
    let brought = |strikes: &[Strike]| sanctions(strikes, Side::Buyer, &rules);
    assert_eq!(brought(&[strike(1, 0, Breach::Abuse)])[0].measure, Measure::Warning);
    assert_eq!(brought(&[strike(1, 0, Breach::Threat)])[0].measure, Measure::Unowed);
    assert!(rules.buyer.ladder.iter().all(|rung| !matches!(rung.then, Measure::Restrict(_))));
}

fn any_strikes() -> impl Strategy<Value = Vec<Strike>> {
    let one = (0..4_000i64, 0..Breach::ALL.len(), 0..4u8);
    prop::collection::vec(one, 0..24).prop_map(|all| {
        let strike = |(n, (quarter, kind, talk)): (usize, (i64, usize, u8))| Strike {
            at: Timestamp(quarter * HOUR / 4),
            conversation: format!("c-{talk}").parse().unwrap(),
            ..strike(n as u8, 0, Breach::ALL[kind])
        };
        all.into_iter().enumerate().map(strike).collect()
    })
}

proptest! {
    #[test]
    fn points_never_grow_with_time_alone(strikes in any_strikes(), hours in prop::collection::vec(1_000..6_000i64, 2)) {
        let (first, second) = (hours[0].min(hours[1]), hours[0].max(hours[1]));
        prop_assert!(points(&strikes, second) <= points(&strikes, first));
        let rules = Enforcement::default();
        for one in weigh(&strikes, &rules) {
            prop_assert!(left(&one, &rules.decay, Timestamp(first * HOUR)) <= one.weight.points());
        }
    }

    #[test]
    fn the_order_in_which_strikes_are_told_does_not_matter(
        (strikes, shuffled) in any_strikes().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        let rules = Enforcement::default();
        prop_assert_eq!(weigh(&strikes, &rules), weigh(&shuffled, &rules));
        prop_assert_eq!(sanctions(&strikes, Side::Seller, &rules), sanctions(&shuffled, Side::Seller, &rules));
    }

    #[test]
    fn another_kind_of_offence_changes_nothing_about_the_weight_of_the_others(
        strikes in any_strikes(), kind in 0..Breach::ALL.len(),
    ) {
        let rules = Enforcement::default();
        let others: Vec<Strike> = strikes.iter().filter(|s| s.breach != Breach::ALL[kind]).cloned().collect();
        let all = weigh(&strikes, &rules);
        for one in weigh(&others, &rules) {
            prop_assert!(all.contains(&one));
        }
    }

    #[test]
    fn a_rung_is_never_lower_for_more_offences(strikes in any_strikes()) {
        let rules = Enforcement::default();
        let graver = |s: &Sanction| match s.measure {
            Measure::Restrict(Restriction::Withdrawn) => 3,
            Measure::Restrict(Restriction::TemplateOnly) => 2,
            Measure::Restrict(Restriction::Slowed { .. }) => 1,
            Measure::Warning | Measure::Unowed => 0,
        };
        let now = Timestamp(i64::MAX / 4);
        let mut sorted = strikes.clone();
        sorted.sort_by_key(|s| (s.at, s.id));
        if let Some((last, fewer)) = sorted.split_last() {
            let (fewer, all) = (sanctions(fewer, Side::Seller, &rules), sanctions(&sorted, Side::Seller, &rules));
            prop_assert_eq!(&all[..fewer.len()], &fewer[..], "what came before stays as it was");
            prop_assert!(all.iter().all(|s| s.holds(s.since) && (s.until.is_none() || !s.holds(now))));
            prop_assert!(all.iter().map(graver).max() >= fewer.iter().map(graver).max());
            prop_assert!(last.at >= fewer.iter().map(|s| s.since).max().unwrap_or(last.at));
        }
    }
}
