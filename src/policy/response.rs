//! How soon a seller answers. Everything follows from what was said and when, so that a ruling on a message
//! corrects it without anything being counted again by hand. What no person wrote is no question and no answer.

use serde::Deserialize;

pub use crate::model::{Closed, Said, TooLong};
use crate::model::{ConversationId, Duration, EventId, Side, Timestamp};

/// `[response]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResponseRules {
    /// A buyer is answered within so long.
    pub within: Duration,
    /// One who complains, within so long.
    pub complaint: Duration,
    /// The share is counted over so long.
    pub window: Duration,
    /// So much may be declared as closed at a time.
    pub closed_at_most: Duration,
    /// And so much in any 365 days.
    pub closed_in_a_year: Duration,
    /// The marketplace is asked when the time is over, and the buyer told so.
    pub ask: bool,
}

impl Default for ResponseRules {
    fn default() -> Self {
        Self {
            within: Duration::hours(12),
            complaint: Duration::hours(12),
            window: Duration::days(30),
            closed_at_most: Duration::days(30),
            closed_in_a_year: Duration::days(60),
            ask: true,
        }
    }
}

/// A clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Questions whose time is over, or that were answered.
    pub asked: u32,
    /// Those answered in time.
    pub in_time: u32,
}

impl Share {
    /// In percent with one decimal, as a whole number of tenths; `None`: nobody asked.
    pub fn permille(self) -> Option<u32> {
        (self.asked > 0).then(|| u32::try_from(u64::from(self.in_time) * 1_000 / u64::from(self.asked)).unwrap_or(0))
    }
}

/// A buyer who waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// In which conversation.
    pub conversation: ConversationId,
    /// The first message that was not answered.
    pub message: EventId,
    /// Since when.
    pub since: Timestamp,
    /// Until when an answer is in time.
    pub due: Timestamp,
    /// Whether it complains.
    pub complaint: bool,
    /// When the seller last wrote to somebody else while this one waited: active and silent.
    pub active_elsewhere: Option<Timestamp>,
}

/// How a seller answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// All first questions.
    pub all: Share,
    /// Those that complain.
    pub complaints: Share,
    /// Who waits now, longest first.
    pub waiting: Vec<Waiting>,
}

/// What of a time counts while a seller is closed in between: the moment at which so much open time has gone by.
pub fn due(since: Timestamp, within: Duration, closed: &[Closed]) -> Timestamp {
    let mut sorted = closed.to_vec();
    sorted.sort_by_key(|one| one.from);
    let (mut from, mut rest) = (since, within.0);
    for one in sorted.iter().filter(|one| one.until > since) {
        let open = one.from.since(from).0.max(0);
        if open >= rest {
            break;
        }
        rest -= open;
        from = from.max(one.until);
    }
    Timestamp(from.0.saturating_add(rest))
}

impl ResponseRules {
    /// Whether a seller may be closed as it declares, beside what has begun before and stays: what runs on counts with
    /// what is to come, so that closing is not prolonged piece by piece, and no year is closed for more than the year
    /// may be, so that it is not begun again and again.
    ///
    /// # Errors
    /// When it is too much.
    pub fn may_close(&self, begun: &[Closed], declared: &[Closed], now: Timestamp) -> Result<(), TooLong> {
        let all = joined(begun.iter().chain(declared).copied().collect());
        let within = |from: Timestamp, until: Timestamp| -> i64 {
            all.iter().map(|one| one.until.min(until).since(one.from.max(from)).0.max(0)).sum()
        };
        if within(now, Timestamp(i64::MAX)) > self.closed_at_most.0 {
            return Err(TooLong::AtATime);
        }
        // The fullest year ends with a closing, or begins with one.
        let years = all.iter().flat_map(|one| [(one.until.minus(YEAR), one.until), (one.from, one.from.plus(YEAR))]);
        let adds = |from, until| declared.iter().any(|one| one.from < until && one.until > from);
        let mut full = years.filter(|(from, until)| within(*from, *until) > self.closed_in_a_year.0);
        if full.any(|(from, until)| adds(from, until)) { Err(TooLong::InAYear) } else { Ok(()) }
    }
}

/// The same times, those that overlap as one, in order.
fn joined(mut times: Vec<Closed>) -> Vec<Closed> {
    times.sort_by_key(|one| one.from);
    times.into_iter().fold(Vec::new(), |mut all: Vec<Closed>, one| {
        match all.last_mut().filter(|last| one.from <= last.until) {
            Some(last) => last.until = last.until.max(one.until),
            None => all.push(one),
        }
        all
    })
}

/// In what time closed days are counted.
pub const YEAR: Duration = Duration::days(365);

/// How a seller answers: who waits, from all that was said, and the share, of questions asked within the window.
pub fn measure(said: &[Said], closed: &[Closed], rules: &ResponseRules, now: Timestamp) -> Response {
    let (mut response, since) = (Response::default(), now.minus(rules.window));
    for talk in said.chunk_by(|a, b| a.conversation == b.conversation) {
        let mut open: Option<Waiting> = None;
        for one in talk.iter().filter(|one| one.counts) {
            match (one.from, open.take()) {
                (Side::Buyer, Some(earlier)) => open = Some(also(earlier, one, closed, rules)),
                (Side::Buyer, None) => open = Some(asks(one, closed, rules)),
                (Side::Seller, Some(question)) if question.since >= since => {
                    response.count(&question, one.at <= question.due);
                }
                (Side::Seller, _) => {}
            }
        }
        response.waiting.extend(open);
    }
    for late in response.waiting.iter().filter(|one| one.due <= now && one.since >= since).cloned().collect::<Vec<_>>()
    {
        response.count(&late, false);
    }
    let wrote = said.iter().filter(|one| one.counts && one.from == Side::Seller);
    for waiting in &mut response.waiting {
        let others = wrote.clone().filter(|one| one.conversation != waiting.conversation && one.at > waiting.since);
        waiting.active_elsewhere = others.map(|one| one.at).max();
    }
    response.waiting.sort_by_key(|one| (one.since, one.message));
    response
}

impl Response {
    fn count(&mut self, question: &Waiting, in_time: bool) {
        let shares = [Some(&mut self.all), question.complaint.then_some(&mut self.complaints)];
        for share in shares.into_iter().flatten() {
            share.asked += 1;
            share.in_time += u32::from(in_time);
        }
    }
}

fn asks(one: &Said, closed: &[Closed], rules: &ResponseRules) -> Waiting {
    let within = if one.complaint { rules.complaint } else { rules.within };
    Waiting {
        conversation: one.conversation.clone(),
        message: one.message,
        since: one.at,
        due: due(one.at, within, closed),
        complaint: one.complaint,
        active_elsewhere: None,
    }
}

/// A further message of who waits already: the first counts, and a complaint can only hasten it.
fn also(earlier: Waiting, one: &Said, closed: &[Closed], rules: &ResponseRules) -> Waiting {
    let newer = asks(one, closed, rules);
    Waiting { complaint: earlier.complaint || one.complaint, due: earlier.due.min(newer.due), ..earlier }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 3_600_000;

    fn said(talk: &str, from: Side, hour: i64) -> Said {
        Said {
            conversation: talk.parse().unwrap(),
            message: EventId([u8::try_from(hour % 250).unwrap(); 16]),
            from,
            at: Timestamp(hour * HOUR),
            counts: true,
            complaint: false,
        }
    }

    fn measured(all: &[Said], now: i64) -> Response {
        measure(all, &[], &ResponseRules::default(), Timestamp(now * HOUR))
    }

    #[test]
    fn an_answer_within_twelve_hours_is_in_time_and_one_later_is_not() {
        let talk = |answer| [said("c-1", Side::Buyer, 0), said("c-1", Side::Seller, answer)];
        assert_eq!(measured(&talk(12), 20).all, Share { asked: 1, in_time: 1 });
        assert_eq!(measured(&talk(13), 20).all, Share { asked: 1, in_time: 0 });
        assert_eq!(measured(&talk(13), 20).waiting, []);
        let open = &talk(1)[..1];
        assert_eq!(measured(open, 11).all, Share::default(), "not due yet");
        assert_eq!(measured(open, 12).all, Share { asked: 1, in_time: 0 });
        assert_eq!(measured(open, 12).waiting.len(), 1);
    }

    #[test]
    fn what_no_person_wrote_answers_nothing_and_asks_nothing() {
        let auto = |from, hour| Said { counts: false, ..said("c-1", from, hour) };
        let told = measured(&[said("c-1", Side::Buyer, 0), auto(Side::Seller, 1)], 13);
        assert_eq!((told.all, told.waiting.len()), (Share { asked: 1, in_time: 0 }, 1));
        assert_eq!(measured(&[auto(Side::Buyer, 0)], 13), Response::default());
    }

    #[test]
    fn the_first_of_several_questions_is_the_one_that_waits() {
        let all = [said("c-1", Side::Buyer, 0), said("c-1", Side::Buyer, 11), said("c-1", Side::Seller, 13)];
        assert_eq!(measured(&all, 14).all, Share { asked: 1, in_time: 0 });
        assert_eq!(measured(&all[..2], 3).waiting[0].since, Timestamp(0));
    }

    #[test]
    fn who_writes_to_others_meanwhile_is_active_and_silent() {
        let all = [said("c-1", Side::Buyer, 0), said("c-2", Side::Buyer, 1), said("c-2", Side::Seller, 2)];
        let waiting = measured(&all, 3).waiting;
        assert_eq!(waiting[0].active_elsewhere, Some(Timestamp(2 * HOUR)));
        let earlier = [said("c-1", Side::Buyer, 3), said("c-2", Side::Seller, 2)];
        assert_eq!(measured(&earlier, 4).waiting[0].active_elsewhere, None, "before it was asked");
    }

    #[test]
    fn closing_days_stop_the_clock() {
        let closed = [Closed { from: Timestamp(10 * HOUR), until: Timestamp(58 * HOUR) }];
        let at = |hour, within| due(Timestamp(hour * HOUR), Duration::hours(within), &closed).0 / HOUR;
        assert_eq!(at(0, 12), 60);
        assert_eq!(at(0, 10), 10);
        assert_eq!(at(20, 12), 70, "asked while closed");
        assert_eq!(at(60, 12), 72);
        let twice = [closed[0], Closed { from: Timestamp(50 * HOUR), until: Timestamp(70 * HOUR) }];
        assert_eq!(due(Timestamp(0), Duration::hours(12), &twice), Timestamp(72 * HOUR), "days that overlap");
    }

    #[test]
    fn a_closing_prolonged_day_by_day_ends_with_what_a_year_may_have() {
        let (rules, day) = (ResponseRules::default(), Duration::days(1));
        let mut closed: Vec<Closed> = Vec::new();
        for today in 0..800 {
            let now = Timestamp(0).plus(Duration::days(today));
            let begun: Vec<Closed> = closed.iter().copied().filter(|one| one.from <= now).collect();
            let last = begun.last().map_or(now, |one| one.until.max(now));
            let next = Closed { from: last, until: last.plus(day) };
            if rules.may_close(&begun, &[next], now).is_ok() {
                closed = begun;
                closed.push(next);
            }
        }
        for from in 0..435 {
            let year = from..from + 365;
            let days = closed.iter().filter(|one| year.contains(&(one.from.0 / day.0))).count();
            assert!(days <= 60, "{days} days in the year from day {from}");
        }
        assert!(closed.iter().any(|one| one.from.0 > 365 * day.0), "another year has days of its own");
    }

    #[test]
    fn closed_days_that_overlap_count_once_and_those_of_long_ago_no_more() {
        let rules = ResponseRules::default();
        let of =
            |from: i64, until: i64| Closed { from: Timestamp(from * 24 * HOUR), until: Timestamp(until * 24 * HOUR) };
        let now = Timestamp(400 * 24 * HOUR);
        assert_eq!(rules.may_close(&[], &[of(400, 425), of(401, 430)], now), Ok(()));
        assert_eq!(rules.may_close(&[], &[of(400, 431)], now), Err(TooLong::AtATime));
        assert_eq!(rules.may_close(&[of(0, 60)], &[of(426, 456)], now), Ok(()));
        assert_eq!(rules.may_close(&[of(300, 340)], &[of(401, 422)], now), Err(TooLong::InAYear));
        assert_eq!(rules.may_close(&[of(300, 390)], &[], now), Ok(()), "nothing is taken back");
    }

    #[test]
    fn a_complaint_has_a_clock_of_its_own() {
        let rules = ResponseRules { complaint: Duration::hours(2), ..ResponseRules::default() };
        let complaint = Said { complaint: true, ..said("c-1", Side::Buyer, 1) };
        let all = [said("c-1", Side::Buyer, 0), complaint, said("c-1", Side::Seller, 4)];
        let told = measure(&all, &[], &rules, Timestamp(5 * HOUR));
        let late = Share { asked: 1, in_time: 0 };
        assert_eq!((told.all, told.complaints), (late, late));
    }

    proptest! {
        #[test]
        fn the_share_is_one_and_closing_never_shortens_a_clock(
            hours in prop::collection::vec((0..200i64, any::<bool>(), any::<bool>()), 0..40),
            from in 0..100i64, days in 0..10i64, now in 200..400i64,
        ) {
            let side = |seller| if seller { Side::Seller } else { Side::Buyer };
            let mut all: Vec<Said> = hours.iter()
                .map(|(hour, seller, counts)| Said { counts: *counts, ..said("c-1", side(*seller), *hour) }).collect();
            all.sort_by_key(|one| one.at);
            let told = measured(&all, now);
            prop_assert!(told.all.in_time <= told.all.asked);
            prop_assert!(told.all.permille().is_none_or(|share| share <= 1_000));
            let closed = [Closed { from: Timestamp(from * HOUR), until: Timestamp((from + days * 24) * HOUR) }];
            let rested = measure(&all, &closed, &ResponseRules::default(), Timestamp(now * HOUR));
            prop_assert!(rested.all.in_time >= told.all.in_time);
            for one in &all {
                let plain = due(one.at, Duration::hours(12), &[]);
                prop_assert!(due(one.at, Duration::hours(12), &closed) >= plain);
            }
        }
    }
}
