//! Who may write how often. A budget belongs to (marketplace, seller group, buyer) over all
//! orders, channels, agents and handles; the buyer is never limited by any of this.

use serde::Deserialize;

use crate::model::{Decision, Duration, OrderState, PairState, Phase, Reason, Side, Timestamp, Under, Verdict};

/// `[contact]`: what a seller may do towards one buyer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContactRules {
    /// Messages in a row without an answer.
    pub unanswered: u32,
    /// The ordinary rate.
    pub rate: Budget,
    /// After a review.
    pub after_review: AfterReview,
}

/// At most `burst` in any window of `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// How many.
    pub burst: u32,
    /// In which length of time.
    pub per: Duration,
}

/// `[contact.after_review]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AfterReview {
    /// No contact at all for so long, unless the buyer writes.
    pub cool_down: Duration,
    /// How long a review governs.
    pub window: Duration,
    /// After 1 to 3 stars.
    pub low: Budget,
    /// After 4 and 5 stars.
    pub high: Budget,
    /// What a buyer's own message opens.
    pub reply: Reply,
}

/// What a buyer's own message opens for the seller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// So many answers.
    pub messages: u32,
    /// For so long.
    pub within: Duration,
}

impl Default for ContactRules {
    fn default() -> Self {
        Self { unanswered: 3, rate: Budget { burst: 5, per: Duration::hours(1) }, after_review: AfterReview::default() }
    }
}

impl Default for AfterReview {
    fn default() -> Self {
        Self {
            cool_down: Duration::hours(24),
            window: Duration::days(30),
            low: Budget { burst: 1, per: Duration::days(7) },
            high: Budget { burst: 1, per: Duration::days(3) },
            reply: Reply { messages: 3, within: Duration::hours(48) },
        }
    }
}

/// What both sides may do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The seller.
    pub seller: SideStanding,
    /// The buyer.
    pub buyer: SideStanding,
}

/// What one side may do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SideStanding {
    /// In one word.
    pub phase: Phase,
    /// What limits it; for the marketplace only.
    pub because: Option<Reason>,
    /// How many messages it still has; `None`: no limit.
    pub left: Option<u32>,
}

impl Standing {
    /// Of a conversation that is over for both sides.
    pub fn closed() -> Self {
        Self { seller: shut(Reason::Closed, Some(0)), buyer: shut(Reason::Closed, None) }
    }

    /// Of one side.
    pub fn of(&self, side: Side) -> SideStanding {
        match side {
            Side::Buyer => self.buyer,
            Side::Seller => self.seller,
        }
    }
}

/// The decision on a message: the contact rules first, then what the content policy said.
pub fn judge(state: &PairState, from: Side, rules: &ContactRules, content: Verdict) -> Decision {
    match (may_write(state, from, rules), content) {
        (Err(reason), _) => Decision::Refuse(reason),
        (Ok(_), Verdict::Refuse) => Decision::Refuse(Reason::Content),
        (Ok(right), Verdict::Hold) => Decision::Hold { under: right.map(|r| r.under) },
        (Ok(right), Verdict::Deliver | Verdict::Redact) => Decision::Accept { under: right.map(|r| r.under) },
    }
}

/// The decision on what is to be escalated: taken whatever the contact rules say, since a refusal
/// would be kept in clear and told, and at the price of any other message.
pub fn escalate(state: &PairState, from: Side, rules: &ContactRules) -> Decision {
    Decision::Escalate { under: may_write(state, from, rules).ok().flatten().map(|right| right.under) }
}

/// What both sides may do, as the API shows it.
pub fn standing(state: &PairState, rules: &ContactRules) -> Standing {
    let seller = match may_write(state, Side::Seller, rules) {
        Ok(Some(right)) => SideStanding {
            phase: if right.under == Under::Ordinary { Phase::Open } else { Phase::Limited },
            because: None,
            left: Some(right.left),
        },
        Ok(None) => SideStanding { phase: Phase::Open, because: None, left: None },
        Err(reason) => shut(reason, Some(0)),
    };
    let buyer = match may_write(state, Side::Buyer, rules) {
        Ok(_) => SideStanding { phase: Phase::Open, because: None, left: None },
        Err(reason) => shut(reason, None),
    };
    Standing { seller, buyer }
}

/// The right a message would use, and how often it could be used now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Right {
    under: Under,
    left: u32,
}

fn may_write(state: &PairState, from: Side, rules: &ContactRules) -> Result<Option<Right>, Reason> {
    if state.expires.is_some_and(|at| at <= state.now) {
        return Err(Reason::Closed);
    }
    match from {
        Side::Buyer if state.blocked_by_seller => Err(Reason::Blocked),
        Side::Buyer => Ok(None),
        Side::Seller => seller_may_write(state, rules).map(Some),
    }
}

fn seller_may_write(state: &PairState, rules: &ContactRules) -> Result<Right, Reason> {
    if state.blocked_by_buyer {
        return Err(Reason::Blocked);
    }
    let unanswered = left(rules.unanswered, count_after(state, state.last_from_buyer.unwrap_or(Timestamp(i64::MIN))))
        .ok_or(Reason::Unanswered)?;
    let rate = left(rules.rate.burst, count_after(state, state.now.minus(rules.rate.per))).ok_or(Reason::Rate)?;
    let ordinary = unanswered.min(rate);

    let after = &rules.after_review;
    let governing: Vec<(Timestamp, u8)> =
        state.reviews.iter().copied().filter(|(at, _)| *at > state.now.minus(after.window)).collect();
    let latest = governing.iter().map(|(at, _)| *at).max();
    let over = matches!(state.order, Some((OrderState::Cancelled | OrderState::Completed, _)));
    if latest.is_none() && !over {
        return Ok(Right { under: Under::Ordinary, left: ordinary });
    }
    if let Some(replies) = replies_left(state, latest, &after.reply) {
        return Ok(Right { under: Under::Reply, left: replies.min(ordinary) });
    }
    let Some(latest) = latest else { return Err(Reason::Closed) };
    if state.now.since(latest) < after.cool_down {
        return Err(Reason::CoolDown);
    }
    let classes =
        [(after.low, governing.iter().any(|(_, r)| *r <= 3)), (after.high, governing.iter().any(|(_, r)| *r > 3))];
    // The strictest of what governs: a second, better review loosens nothing.
    let budget = classes
        .iter()
        .filter(|(_, present)| *present)
        .map(|(budget, _)| left(budget.burst, count_under_review(state, budget.per)).unwrap_or(0))
        .min()
        .unwrap_or(0);
    match budget {
        0 => Err(Reason::ReviewBudget),
        // An order that is over opens nothing but answers and what the review leaves.
        n => Ok(Right { under: Under::Review, left: n.min(ordinary) }),
    }
}

/// How many answers the buyer's newest message still opens: it must have come after the
/// newest review, and not too long ago.
fn replies_left(state: &PairState, latest_review: Option<Timestamp>, reply: &Reply) -> Option<u32> {
    let opened = state.last_from_buyer?;
    if latest_review.is_some_and(|review| opened <= review) || state.now.since(opened) > reply.within {
        return None;
    }
    let used = state.contacts.iter().filter(|(at, under)| *at > opened && *under == Under::Reply).count();
    left(reply.messages, used)
}

fn count_after(state: &PairState, moment: Timestamp) -> usize {
    state.contacts.iter().rev().take_while(|(at, _)| *at > moment).count()
}

fn count_under_review(state: &PairState, per: Duration) -> usize {
    let since = state.now.minus(per);
    state.contacts.iter().filter(|(at, under)| *at > since && *under == Under::Review).count()
}

/// What is left of `limit`; `None` when nothing is.
fn left(limit: u32, used: usize) -> Option<u32> {
    limit.checked_sub(u32::try_from(used).unwrap_or(u32::MAX)).filter(|n| *n > 0)
}

fn shut(reason: Reason, left: Option<u32>) -> SideStanding {
    let phase = match reason {
        Reason::Blocked => Phase::Blocked,
        Reason::Closed => Phase::Closed,
        Reason::CoolDown => Phase::Cooling,
        _ => Phase::Limited,
    };
    SideStanding { phase, because: Some(reason), left }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn rules() -> ContactRules {
        ContactRules::default()
    }

    /// A pair at hour `now` with seller messages at the given hours, all ordinary.
    fn at(now: i64, contacts: &[i64]) -> PairState {
        PairState {
            now: Timestamp(now * HOUR),
            contacts: contacts.iter().map(|h| (Timestamp(h * HOUR), Under::Ordinary)).collect(),
            ..PairState::default()
        }
    }

    fn seller(state: &PairState) -> Decision {
        judge(state, Side::Seller, &rules(), Verdict::Deliver)
    }

    #[test]
    fn three_messages_without_an_answer_are_enough() {
        assert_eq!(seller(&at(100, &[1, 50])), Decision::Accept { under: Some(Under::Ordinary) });
        assert_eq!(seller(&at(100, &[1, 50, 60])), Decision::Refuse(Reason::Unanswered));
        let answered = PairState { last_from_buyer: Some(Timestamp(55 * HOUR)), ..at(100, &[1, 50, 60]) };
        assert_eq!(seller(&answered), Decision::Accept { under: Some(Under::Ordinary) });
    }

    #[test]
    fn the_rate_counts_any_window_of_its_length() {
        let mut state = at(100, &[]);
        let recent = |minutes: i64| (Timestamp(100 * HOUR - minutes * 60_000), Under::Ordinary);
        state.contacts = [59, 40, 30, 20, 10].map(recent).to_vec();
        state.last_from_buyer = Some(state.now);
        assert_eq!(seller(&state), Decision::Refuse(Reason::Rate));
        state.contacts[0] = recent(60);
        assert_eq!(seller(&state), Decision::Accept { under: Some(Under::Ordinary) });
    }

    #[test]
    fn a_review_closes_the_door_until_the_cool_down_is_over_and_then_opens_it_once() {
        let reviewed = |now, rating| PairState { reviews: vec![(Timestamp(100 * HOUR), rating)], ..at(now, &[]) };
        assert_eq!(seller(&reviewed(100, 1)), Decision::Refuse(Reason::CoolDown));
        assert_eq!(seller(&reviewed(123, 5)), Decision::Refuse(Reason::CoolDown));
        assert_eq!(seller(&reviewed(124, 1)), Decision::Accept { under: Some(Under::Review) });
        let mut used = reviewed(130, 1);
        used.contacts = vec![(Timestamp(125 * HOUR), Under::Review)];
        assert_eq!(seller(&used), Decision::Refuse(Reason::ReviewBudget));
        used.now = Timestamp((125 + 7 * 24) * HOUR);
        assert_eq!(seller(&used), Decision::Accept { under: Some(Under::Review) });
        assert_eq!(seller(&reviewed(100 + 30 * 24, 1)), Decision::Accept { under: Some(Under::Ordinary) });
    }

    #[test]
    fn only_a_buyers_message_after_the_review_opens_answers_and_only_three() {
        let mut state = PairState { reviews: vec![(Timestamp(100 * HOUR), 1)], ..at(102, &[]) };
        state.last_from_buyer = Some(Timestamp(99 * HOUR));
        assert_eq!(seller(&state), Decision::Refuse(Reason::CoolDown));
        state.last_from_buyer = Some(Timestamp(101 * HOUR));
        assert_eq!(seller(&state), Decision::Accept { under: Some(Under::Reply) });
        let reply = |minutes: i64| (Timestamp(101 * HOUR + minutes * 60_000), Under::Reply);
        state.contacts = vec![reply(1), reply(2)];
        assert_eq!(standing(&state, &rules()).seller.left, Some(1));
        state.contacts.push(reply(3));
        assert_eq!(seller(&state), Decision::Refuse(Reason::Unanswered));
        let wide = ContactRules { unanswered: 9, ..rules() };
        assert_eq!(judge(&state, Side::Seller, &wide, Verdict::Deliver), Decision::Refuse(Reason::CoolDown));
        // A new review voids what the message had opened.
        state.contacts.clear();
        state.reviews.push((Timestamp(102 * HOUR), 2));
        assert_eq!(seller(&state), Decision::Refuse(Reason::CoolDown));
    }

    #[test]
    fn the_strictest_of_several_reviews_governs() {
        let mut state = at(200, &[]);
        state.reviews = vec![(Timestamp(100 * HOUR), 1), (Timestamp(101 * HOUR), 5)];
        state.contacts = vec![(Timestamp(126 * HOUR), Under::Review)];
        // 74 hours later the high budget would have room again, the low one has not.
        assert_eq!(seller(&state), Decision::Refuse(Reason::ReviewBudget));
    }

    #[test]
    fn the_buyer_is_never_limited_by_budgets_and_reviews() {
        let mut state = PairState { reviews: vec![(Timestamp(100 * HOUR), 1)], ..at(100, &[99; 40]) };
        assert_eq!(judge(&state, Side::Buyer, &rules(), Verdict::Redact), Decision::Accept { under: None });
        state.blocked_by_buyer = true;
        assert_eq!(judge(&state, Side::Buyer, &rules(), Verdict::Deliver), Decision::Accept { under: None });
        assert_eq!(seller(&state), Decision::Refuse(Reason::Blocked));
    }

    #[test]
    fn an_order_that_is_over_leaves_only_answers() {
        let mut state = at(100, &[]);
        state.order = Some((OrderState::Completed, crate::model::Fulfilment::Seller));
        assert_eq!(seller(&state), Decision::Refuse(Reason::Closed));
        state.last_from_buyer = Some(Timestamp(99 * HOUR));
        assert_eq!(seller(&state), Decision::Accept { under: Some(Under::Reply) });
        assert_eq!(judge(&state, Side::Buyer, &rules(), Verdict::Deliver), Decision::Accept { under: None });
        state.expires = Some(state.now);
        assert_eq!(judge(&state, Side::Buyer, &rules(), Verdict::Deliver), Decision::Refuse(Reason::Closed));
    }

    #[test]
    fn content_decides_only_when_contact_is_allowed() {
        let state = at(100, &[]);
        assert_eq!(judge(&state, Side::Seller, &rules(), Verdict::Refuse), Decision::Refuse(Reason::Content));
        assert_eq!(
            judge(&state, Side::Seller, &rules(), Verdict::Hold),
            Decision::Hold { under: Some(Under::Ordinary) }
        );
        assert_eq!(
            judge(&at(100, &[1, 2, 3]), Side::Seller, &rules(), Verdict::Refuse),
            Decision::Refuse(Reason::Unanswered)
        );
    }
}
