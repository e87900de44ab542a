//! Who may write how often. A budget belongs to (marketplace, seller group, buyer) over all
//! orders, channels, agents and handles; the buyer is never limited by any of this.
//!
//! A decision asks three things: is there a door at all (blocks, restrictions, a stop), what does
//! the phase leave (words, templates, answers, nothing), and has the budget that this uses room?

mod rules;
#[cfg(test)]
pub(crate) mod schedules;
#[cfg(test)]
mod tests;

pub use rules::{AfterReview, Budget, ContactRules, FanOut, Leave, Phases, Reply};

use crate::model::{
    Approach, CaseState, Decision, Duration, Form, OrderState, PairState, Phase, Reason, Restriction, Side, Stage,
    Template, Timestamp, Under, Verdict,
};

/// What both sides may do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Where the conversation stands; for the marketplace only.
    pub stage: Stage,
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
    /// What is left is for templates alone; for the marketplace only.
    pub templates: bool,
}

impl Standing {
    /// Of a conversation that is over for both sides.
    pub fn closed() -> Self {
        Self { stage: Stage::Closed, seller: shut(Reason::Closed, Some(0)), buyer: shut(Reason::Closed, None) }
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
pub fn judge(state: &PairState, approach: Approach, rules: &ContactRules, content: Verdict) -> Decision {
    match (may_write(state, approach, rules, content), content) {
        (Err(reason), _) => Decision::Refuse(reason),
        (Ok(_), Verdict::Refuse) => Decision::Refuse(Reason::Content),
        (Ok(right), Verdict::Hold) => Decision::Hold { under: right.map(|r| r.under) },
        (Ok(right), Verdict::Deliver | Verdict::Redact) => Decision::Accept { under: right.map(|r| r.under) },
    }
}

/// The decision on what is to be escalated: taken whatever the contact rules say, since a refusal
/// would be kept in clear and told, and at the price of any other message.
pub fn escalate(state: &PairState, approach: Approach, rules: &ContactRules) -> Decision {
    let right = may_write(state, approach, rules, Verdict::Hold).ok().flatten();
    Decision::Escalate { under: right.map(|right| right.under) }
}

/// Why a side can not write its own words now, if it can not: what a seller who has logged in hears before it has sent
/// anything. A notice of its program that might still pass is not known for one before it came, and goes by the API.
pub fn closed_to_words(state: &PairState, from: Side, rules: &ContactRules) -> Option<Reason> {
    may_write(state, Approach::free(from), rules, Verdict::Deliver).err()
}

/// Why nothing may reach the buyer from around this seller either, whoever writes it: a block, a stop, what enforcement
/// left, a review or a case that governs, an end. Budgets are no reason: they count what the seller wrote.
pub fn closed_to_others(state: &PairState, rules: &ContactRules) -> Option<Reason> {
    let bounds = Bounds::of(state, rules);
    let silenced = |one: &Restriction| matches!(one, Restriction::Withdrawn | Restriction::TemplateOnly);
    match () {
        () if state.blocked_by_buyer => Some(Reason::Blocked),
        () if has_ended(state) => Some(Reason::Closed),
        () if state.restrictions.iter().any(silenced) => Some(Reason::Restricted),
        () if bounds.stopped.is_some() && state.last_from_buyer <= state.stopped => Some(Reason::Stopped),
        () if bounds.latest_review.is_some() => Some(Reason::ReviewBudget),
        () if bounds.case_closed.is_some() => Some(Reason::CaseClosed),
        () => None,
    }
}

/// What both sides may do, as the API shows it.
pub fn standing(state: &PairState, rules: &ContactRules) -> Standing {
    let buyer = match may_write(state, Approach::free(Side::Buyer), rules, Verdict::Deliver) {
        Ok(_) => SideStanding { phase: Phase::Open, because: None, left: None, templates: false },
        Err(reason) => shut(reason, None),
    };
    Standing { stage: stage(state, rules), seller: standing_of_seller(state, rules), buyer }
}

fn standing_of_seller(state: &PairState, rules: &ContactRules) -> SideStanding {
    let with = |form| seller_may_write(state, form, rules, Verdict::Deliver);
    match with(Form::Free) {
        Ok(right) => SideStanding {
            phase: if right.under == Under::Ordinary { Phase::Open } else { Phase::Limited },
            because: None,
            left: Some(right.left),
            templates: false,
        },
        Err(reason) => match with(Form::Template(Template::Apology)) {
            Ok(right) => {
                SideStanding { phase: Phase::Limited, because: Some(reason), left: Some(right.left), templates: true }
            }
            Err(reason) => shut(reason, Some(0)),
        },
    }
}

fn stage(state: &PairState, rules: &ContactRules) -> Stage {
    let bounds = Bounds::of(state, rules);
    match () {
        () if has_ended(state) => Stage::Closed,
        () if state.blocked_by_buyer || state.blocked_by_seller => Stage::Blocked,
        () if bounds.stopped.is_some() => Stage::Stopped,
        () if bounds.latest_review.is_some() => Stage::Reviewed,
        () if bounds.case_open => Stage::CaseOpen,
        () if bounds.case_closed.is_some() => Stage::CaseClosed,
        () => rules.phases.of_order(state).0,
    }
}

/// The right a message would use, and how often it could be used now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Right {
    under: Under,
    left: u32,
}

fn may_write(
    state: &PairState,
    approach: Approach,
    rules: &ContactRules,
    content: Verdict,
) -> Result<Option<Right>, Reason> {
    match approach.from {
        // Whoever bought can write in every phase, also after the end: R11.
        Side::Buyer if state.blocked_by_seller => Err(Reason::Blocked),
        Side::Buyer => Ok(None),
        Side::Seller => seller_may_write(state, approach.form, rules, content).map(Some),
    }
}

fn seller_may_write(state: &PairState, form: Form, rules: &ContactRules, content: Verdict) -> Result<Right, Reason> {
    if has_ended(state) {
        return Err(Reason::Closed);
    }
    if state.blocked_by_buyer {
        return Err(Reason::Blocked);
    }
    let slowed = restricted(state, form)?;
    let bounds = Bounds::of(state, rules);
    if bounds.stopped.is_some() && state.last_from_buyer <= state.stopped {
        return Err(Reason::Stopped);
    }
    if let Some(notices) = shipping(state, form, rules, &bounds, content) {
        return Ok(Right { under: Under::Shipping, left: notices.min(slowed) });
    }
    let ordinary = ordinary(state, rules)?.min(slowed);
    if form.asks_for_feedback() && (state.asked || bounds.is_narrow()) {
        return Err(Reason::Feedback);
    }
    let (leave, because) = bounds.leave(state, form, rules);
    let free = leave == Leave::Free && bounds.latest_review.is_none();
    let answers = !free && leave != Leave::Nothing;
    let replies = replies_left(state, bounds.since(), &rules.after_review.reply).filter(|_| answers);
    if let Some(replies) = replies {
        return Ok(Right { under: Under::Reply, left: replies.min(ordinary) });
    }
    if bounds.latest_review.is_some_and(|latest| state.now.since(latest) < rules.after_review.cool_down) {
        return Err(Reason::CoolDown);
    }
    match (leave, form) {
        (Leave::Free, Form::Template(_)) => {}
        (Leave::Free, _) => mass(state, rules)?,
        (Leave::Templates, Form::Template(_)) => {}
        (Leave::Templates, _) => return Err(Reason::TemplateOnly),
        (Leave::Answers | Leave::Nothing, _) => return Err(because),
    }
    if bounds.latest_review.is_none() {
        return Ok(Right { under: Under::Ordinary, left: ordinary });
    }
    match bounds.review_budget(state, &rules.after_review) {
        0 => Err(Reason::ReviewBudget),
        n => Ok(Right { under: Under::Review, left: n.min(ordinary) }),
    }
}

fn has_ended(state: &PairState) -> bool {
    state.expires.is_some_and(|at| at <= state.now)
}

/// `unanswered` and `rate`, whichever leaves less.
fn ordinary(state: &PairState, rules: &ContactRules) -> Result<u32, Reason> {
    let answered = state.last_from_buyer.unwrap_or(Timestamp(i64::MIN));
    let unanswered = left(rules.unanswered, count_words_after(state, answered)).ok_or(Reason::Unanswered)?;
    let rate = left(rules.rate.burst, count_words_after(state, state.now.minus(rules.rate.per))).ok_or(Reason::Rate)?;
    Ok(unanswered.min(rate))
}

/// What enforcement leaves: how many messages of this form now.
fn restricted(state: &PairState, form: Form) -> Result<u32, Reason> {
    let mut least = u32::MAX;
    for restriction in &state.restrictions {
        match *restriction {
            Restriction::Withdrawn => return Err(Reason::Restricted),
            Restriction::TemplateOnly if matches!(form, Form::Template(_)) => {}
            Restriction::TemplateOnly => return Err(Reason::TemplateOnly),
            Restriction::Slowed { burst, per } => {
                let since = state.now.minus(per);
                let used = state.contacts.iter().rev().take_while(|(at, _)| *at > since).count();
                least = least.min(left(burst, used).ok_or(Reason::Restricted)?);
            }
        }
    }
    Ok(least)
}

/// How many shipping notices are left, if it is one: where there is something to ship, with
/// nothing in it that the content policy looks at, and after a review or in a case as a template.
/// When they are used up it is a message like any other.
fn shipping(state: &PairState, form: Form, rules: &ContactRules, bounds: &Bounds, content: Verdict) -> Option<u32> {
    let order = state.order.map(|(order, _)| order);
    let ships = matches!(order, Some(OrderState::Placed | OrderState::Shipped | OrderState::Delivered));
    let told = match form {
        Form::Template(Template::Shipping) => bounds.may_ship(state, rules),
        Form::Shipping => !bounds.is_narrow() && content == Verdict::Deliver,
        _ => false,
    };
    let since = state.now.minus(rules.shipping.per);
    let used = state.contacts.iter().filter(|(at, under)| *at > since && *under == Under::Shipping).count();
    left(rules.shipping.burst, used).filter(|_| ships && told)
}

/// Nearly the same words to many buyers, where this one did not ask.
fn mass(state: &PairState, rules: &ContactRules) -> Result<(), Reason> {
    let last = state.contacts.last().map(|(at, _)| *at);
    let answers = state.last_from_buyer.is_some_and(|buyer| last.is_none_or(|last| buyer > last));
    if !answers && state.alike >= rules.fan_out.buyers { Err(Reason::FanOut) } else { Ok(()) }
}

/// What holds beside the order: reviews, cases, a stop.
struct Bounds {
    /// When each review that governs came, and its rating.
    reviews: Vec<(Timestamp, u8)>,
    latest_review: Option<Timestamp>,
    case_open: bool,
    case_closed: Option<Timestamp>,
    stopped: Option<Timestamp>,
}

impl Bounds {
    fn of(state: &PairState, rules: &ContactRules) -> Self {
        let review_since = state.now.minus(rules.after_review.window);
        let case_since = state.now.minus(rules.phases.case_window);
        let reviews: Vec<_> = state.reviews.iter().copied().filter(|(at, _)| *at > review_since).collect();
        let closed =
            |(case, at): &(CaseState, Timestamp)| (*case == CaseState::Closed && *at > case_since).then_some(*at);
        // After the buyer's next message a stop fades like a review; until then it stays.
        let unbroken = state.last_from_buyer <= state.stopped;
        Self {
            latest_review: reviews.iter().map(|(at, _)| *at).max(),
            reviews,
            case_open: state.cases.iter().any(|(case, _)| *case == CaseState::Open),
            case_closed: state.cases.iter().filter_map(closed).max(),
            stopped: state.stopped.filter(|at| unbroken || *at > review_since),
        }
    }

    /// Whether anything narrows what the order's phase leaves.
    fn is_narrow(&self) -> bool {
        self.latest_review.is_some() || self.case_open || self.case_closed.is_some() || self.stopped.is_some()
    }

    /// What voids the buyer's words before it.
    fn since(&self) -> Option<Timestamp> {
        self.latest_review.max(self.case_closed).max(self.stopped)
    }

    /// The strictest of what holds, and what to say when it does not do.
    fn leave(&self, state: &PairState, form: Form, rules: &ContactRules) -> (Leave, Reason) {
        let phases = &rules.phases;
        let (stage, of_order) = phases.of_order(state);
        let asks = form == Form::Template(Template::Feedback);
        let completed = state.order.is_some_and(|(order, _)| order == OrderState::Completed);
        // Once an order is complete its buyer may be asked, neutrally, how it was.
        let of_order =
            if asks && completed && stage == Stage::Over { of_order.min(Leave::Templates) } else { of_order };
        let reviewed = self.latest_review.map(|_| (self.of_reviews(phases), Reason::ReviewBudget));
        let bounds = [
            self.stopped.map(|_| (Leave::Answers, Reason::Stopped)),
            reviewed.or_else(|| (!self.case_open).then_some((of_order, Reason::Closed))),
            self.case_open.then_some((phases.case_open, Reason::CaseClosed)),
            self.case_closed.map(|_| (phases.case_closed, Reason::CaseClosed)),
        ];
        // The first of equals names the reason.
        let strictest = |one: (Leave, Reason), two: (Leave, Reason)| if two.0 > one.0 { two } else { one };
        bounds.into_iter().flatten().reduce(strictest).unwrap_or((Leave::Nothing, Reason::Closed))
    }

    /// The strictest of what governs: a second, better review loosens nothing.
    fn of_reviews(&self, phases: &Phases) -> Leave {
        let of = |rating| if rating <= LOW { phases.reviewed_low } else { phases.reviewed_high };
        self.reviews.iter().map(|(_, rating)| of(*rating)).max().unwrap_or(Leave::Free)
    }

    fn review_budget(&self, state: &PairState, after: &AfterReview) -> u32 {
        let budget = |rating| if rating <= LOW { after.low } else { after.high };
        let left = |budget: Budget| left(budget.burst, count_under_review(state, budget.per)).unwrap_or(0);
        self.reviews.iter().map(|(_, rating)| left(budget(*rating))).min().unwrap_or(0)
    }

    /// Whether the template that tells where a parcel is may be sent beside other rights: it says
    /// nothing of the seller's, and a buyer waits for it in every phase but those that end contact.
    fn may_ship(&self, state: &PairState, rules: &ContactRules) -> bool {
        let cooled = self.latest_review.is_none_or(|at| state.now.since(at) >= rules.after_review.cool_down);
        cooled && self.case_closed.is_none() && self.stopped.is_none()
    }
}

/// How many answers the buyer's newest message here still opens: it must have come after what
/// narrowed the pair, and not too long ago.
fn replies_left(state: &PairState, since: Option<Timestamp>, reply: &Reply) -> Option<u32> {
    let opened = state.last_here?;
    if since.is_some_and(|since| opened <= since) || state.now.since(opened) > reply.within {
        return None;
    }
    let used = state.contacts.iter().filter(|(at, under)| *at > opened && *under == Under::Reply).count();
    left(reply.messages, used)
}

/// Notices of a parcel are no words: they are counted by themselves.
fn count_words_after(state: &PairState, moment: Timestamp) -> usize {
    let after = state.contacts.iter().rev().take_while(|(at, _)| *at > moment);
    after.filter(|(_, under)| *under != Under::Shipping).count()
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
        Reason::Blocked | Reason::Stopped => Phase::Blocked,
        Reason::Closed => Phase::Closed,
        Reason::CoolDown => Phase::Cooling,
        _ => Phase::Limited,
    };
    SideStanding { phase, because: Some(reason), left, templates: false }
}

/// Up to so many stars are low.
const LOW: u8 = 3;
