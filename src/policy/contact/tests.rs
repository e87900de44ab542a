//! Each rule of the contact policy, by hand.

use super::*;
use crate::model::Fulfilment;

const HOUR: i64 = 3_600_000;

/// The default, and templates alone after a review.
fn rules() -> ContactRules {
    let phases = Phases { reviewed_low: Leave::Templates, reviewed_high: Leave::Templates, ..Phases::default() };
    ContactRules { phases, ..ContactRules::default() }
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
    judge(state, Approach::free(Side::Seller), &rules(), Verdict::Deliver)
}

fn with(state: &PairState, template: Template) -> Decision {
    judge(state, Approach { from: Side::Seller, form: Form::Template(template) }, &rules(), Verdict::Deliver)
}

/// The buyer wrote in this conversation.
fn wrote(state: &mut PairState, hour: i64) {
    state.last_from_buyer = Some(Timestamp(hour * HOUR));
    state.last_here = state.last_from_buyer;
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
fn a_review_closes_the_door_until_the_cool_down_is_over_and_then_opens_it_once_for_a_template() {
    let reviewed = |now, rating| PairState { reviews: vec![(Timestamp(100 * HOUR), rating)], ..at(now, &[]) };
    assert_eq!(seller(&reviewed(100, 1)), Decision::Refuse(Reason::CoolDown));
    assert_eq!(with(&reviewed(123, 5), Template::Apology), Decision::Refuse(Reason::CoolDown));
    for rating in 1..=5 {
        assert_eq!(seller(&reviewed(124, rating)), Decision::Refuse(Reason::TemplateOnly), "{rating} stars");
        let accepted = Decision::Accept { under: Some(Under::Review) };
        assert_eq!(with(&reviewed(124, rating), Template::Refund), accepted, "{rating} stars");
        let asked = with(&reviewed(124, rating), Template::Feedback);
        assert_eq!(asked, Decision::Refuse(Reason::Feedback), "it was given");
    }
    let mut used = reviewed(130, 1);
    used.contacts = vec![(Timestamp(125 * HOUR), Under::Review)];
    assert_eq!(with(&used, Template::Refund), Decision::Refuse(Reason::ReviewBudget));
    used.now = Timestamp((125 + 7 * 24) * HOUR);
    assert_eq!(with(&used, Template::Refund), Decision::Accept { under: Some(Under::Review) });
    assert_eq!(seller(&reviewed(100 + 30 * 24, 1)), Decision::Accept { under: Some(Under::Ordinary) });
    // Where a marketplace leaves a seller its own words after good stars.
    let phases = Phases { reviewed_high: Leave::Free, ..rules().phases };
    let rules = ContactRules { phases, ..rules() };
    let free = |rating| judge(&reviewed(124, rating), Approach::free(Side::Seller), &rules, Verdict::Deliver);
    assert_eq!(free(4), Decision::Accept { under: Some(Under::Review) });
    assert_eq!(free(3), Decision::Refuse(Reason::TemplateOnly));
}

#[test]
fn unless_it_is_set_a_seller_has_its_own_words_within_the_budget_of_a_review() {
    let reviewed = |contacts: &[(Timestamp, Under)]| PairState {
        reviews: vec![(Timestamp(100 * HOUR), 1)],
        contacts: contacts.to_vec(),
        ..at(124, &[])
    };
    let judge =
        |state: &PairState| judge(state, Approach::free(Side::Seller), &ContactRules::default(), Verdict::Deliver);
    assert_eq!(judge(&reviewed(&[])), Decision::Accept { under: Some(Under::Review) });
    let used = [(Timestamp(123 * HOUR), Under::Review)];
    assert_eq!(judge(&reviewed(&used)), Decision::Refuse(Reason::ReviewBudget));
}

#[test]
fn only_a_buyers_message_after_the_review_opens_answers_and_only_three() {
    let mut state = PairState { reviews: vec![(Timestamp(100 * HOUR), 1)], ..at(102, &[]) };
    wrote(&mut state, 99);
    assert_eq!(seller(&state), Decision::Refuse(Reason::CoolDown));
    state.last_from_buyer = Some(Timestamp(101 * HOUR));
    assert_eq!(seller(&state), Decision::Refuse(Reason::CoolDown), "in another conversation");
    wrote(&mut state, 101);
    assert_eq!(seller(&state), Decision::Accept { under: Some(Under::Reply) });
    let reply = |minutes: i64| (Timestamp(101 * HOUR + minutes * 60_000), Under::Reply);
    state.contacts = vec![reply(1), reply(2)];
    assert_eq!(standing(&state, &rules()).seller.left, Some(1));
    state.contacts.push(reply(3));
    assert_eq!(seller(&state), Decision::Refuse(Reason::Unanswered));
    let wide = ContactRules { unanswered: 9, ..rules() };
    assert_eq!(
        judge(&state, Approach::free(Side::Seller), &wide, Verdict::Deliver),
        Decision::Refuse(Reason::CoolDown)
    );
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
    assert_eq!(with(&state, Template::Answer), Decision::Refuse(Reason::ReviewBudget));
}

#[test]
fn the_buyer_is_never_limited_by_budgets_and_reviews() {
    let mut state = PairState { reviews: vec![(Timestamp(100 * HOUR), 1)], ..at(100, &[99; 40]) };
    assert_eq!(judge(&state, Approach::free(Side::Buyer), &rules(), Verdict::Redact), Decision::Accept { under: None });
    state.blocked_by_buyer = true;
    assert_eq!(
        judge(&state, Approach::free(Side::Buyer), &rules(), Verdict::Deliver),
        Decision::Accept { under: None }
    );
    assert_eq!(seller(&state), Decision::Refuse(Reason::Blocked));
}

#[test]
fn an_order_that_is_over_leaves_only_answers() {
    let mut state = at(100, &[]);
    state.order = Some((OrderState::Completed, Fulfilment::Seller));
    assert_eq!(seller(&state), Decision::Refuse(Reason::Closed));
    wrote(&mut state, 99);
    assert_eq!(seller(&state), Decision::Accept { under: Some(Under::Reply) });
    let buyer = |state: &PairState| judge(state, Approach::free(Side::Buyer), &rules(), Verdict::Deliver);
    assert_eq!(buyer(&state), Decision::Accept { under: None });
    state.expires = Some(state.now);
    assert_eq!(seller(&state), Decision::Refuse(Reason::Closed));
    assert_eq!(buyer(&state), Decision::Accept { under: None }, "a buyer can always write");
}

#[test]
fn a_restricted_seller_is_slowed_to_templates_or_silent() {
    let restricted = |restrictions: &[Restriction], contacts: &[i64]| {
        seller(&PairState { restrictions: restrictions.to_vec(), ..at(100, contacts) })
    };
    let slowed = Restriction::Slowed { burst: 1, per: Duration::hours(24) };
    assert_eq!(restricted(&[slowed], &[70]), Decision::Accept { under: Some(Under::Ordinary) });
    assert_eq!(restricted(&[slowed], &[80]), Decision::Refuse(Reason::Restricted));
    assert_eq!(restricted(&[Restriction::TemplateOnly], &[]), Decision::Refuse(Reason::TemplateOnly));
    let mut state = PairState { restrictions: vec![Restriction::TemplateOnly], ..at(100, &[]) };
    assert_eq!(with(&state, Template::Answer), Decision::Accept { under: Some(Under::Ordinary) });
    wrote(&mut state, 99);
    assert_eq!(seller(&state), Decision::Refuse(Reason::TemplateOnly), "answers too");
    assert_eq!(restricted(&[slowed, Restriction::Withdrawn], &[]), Decision::Refuse(Reason::Restricted));
    let state = PairState { restrictions: vec![Restriction::Withdrawn], ..at(100, &[]) };
    let buyer = judge(&state, Approach::free(Side::Buyer), &rules(), Verdict::Deliver);
    assert_eq!(buyer, Decision::Accept { under: None });
}

#[test]
fn content_decides_only_when_contact_is_allowed() {
    let state = at(100, &[]);
    assert_eq!(
        judge(&state, Approach::free(Side::Seller), &rules(), Verdict::Refuse),
        Decision::Refuse(Reason::Content)
    );
    assert_eq!(
        judge(&state, Approach::free(Side::Seller), &rules(), Verdict::Hold),
        Decision::Hold { under: Some(Under::Ordinary) }
    );
    assert_eq!(
        judge(&at(100, &[1, 2, 3]), Approach::free(Side::Seller), &rules(), Verdict::Refuse),
        Decision::Refuse(Reason::Unanswered)
    );
}

#[test]
fn a_stop_closes_until_the_buyer_writes_again_and_then_opens_answers_only() {
    let mut state = PairState { stopped: Some(Timestamp(100 * HOUR)), ..at(101, &[]) };
    assert_eq!(seller(&state), Decision::Refuse(Reason::Stopped));
    wrote(&mut state, 99);
    assert_eq!(seller(&state), Decision::Refuse(Reason::Stopped), "an older word opens nothing");
    assert_eq!(with(&state, Template::Refund), Decision::Refuse(Reason::Stopped));
    state.now = Timestamp(100_000 * HOUR);
    assert_eq!(seller(&state), Decision::Refuse(Reason::Stopped), "time alone opens nothing");
    state.now = Timestamp(103 * HOUR);
    wrote(&mut state, 102);
    assert_eq!(seller(&state), Decision::Accept { under: Some(Under::Reply) });
    state.now = Timestamp(151 * HOUR);
    assert_eq!(seller(&state), Decision::Refuse(Reason::Stopped), "the answers' time is over");
    state.now = Timestamp((100 + 30 * 24) * HOUR);
    assert_eq!(seller(&state), Decision::Accept { under: Some(Under::Ordinary) });
    assert_eq!(standing(&at(1, &[]), &rules()).stage, Stage::BeforeShipping);
    let stopped = PairState { stopped: Some(Timestamp(HOUR)), ..at(2, &[]) };
    assert_eq!(standing(&stopped, &rules()).stage, Stage::Stopped);
    assert_eq!(standing(&stopped, &rules()).seller.phase, Phase::Blocked);
}

#[test]
fn each_phase_leaves_what_the_settings_say() {
    let ordered = |order| PairState { order: Some((order, Fulfilment::Seller)), ..at(100, &[]) };
    let case = |case, hour| PairState { cases: vec![(case, Timestamp(hour * HOUR))], ..ordered(OrderState::Delivered) };
    let ok = Decision::Accept { under: Some(Under::Ordinary) };
    let none = |reason| Decision::Refuse(reason);
    let table = [
        (at(100, &[]), Stage::BeforeShipping, ok, ok),
        (ordered(OrderState::Placed), Stage::BeforeShipping, ok, ok),
        (ordered(OrderState::Shipped), Stage::Shipped, ok, ok),
        (ordered(OrderState::Delivered), Stage::Delivered, ok, ok),
        (ordered(OrderState::Cancelled), Stage::Over, none(Reason::Closed), none(Reason::Closed)),
        (ordered(OrderState::Completed), Stage::Over, none(Reason::Closed), none(Reason::Closed)),
        (case(CaseState::Open, 99), Stage::CaseOpen, none(Reason::TemplateOnly), ok),
        (case(CaseState::Closed, 99), Stage::CaseClosed, none(Reason::CaseClosed), none(Reason::CaseClosed)),
    ];
    for (mut state, stage, words, template) in table {
        assert_eq!(standing(&state, &rules()).stage, stage);
        assert_eq!(seller(&state), words, "{stage:?}");
        assert_eq!(with(&state, Template::Refund), template, "{stage:?}");
        // Answers to the buyer are left in all of them.
        state.last_from_buyer = Some(state.now.minus(Duration::minutes(1)));
        state.last_here = state.last_from_buyer;
        assert!(matches!(seller(&state), Decision::Accept { .. }), "{stage:?}");
        let buyer = judge(&state, Approach::free(Side::Buyer), &rules(), Verdict::Deliver);
        assert_eq!(buyer, Decision::Accept { under: None }, "{stage:?}");
    }
    let mut decided = case(CaseState::Closed, 99);
    wrote(&mut decided, 98);
    assert_eq!(seller(&decided), none(Reason::CaseClosed), "what was opened before the decision is void");
    decided.now = Timestamp((99 + 90 * 24) * HOUR);
    assert_eq!(seller(&decided), ok, "its time is over");
    let phases = Phases { shipped: Leave::Nothing, ..Phases::default() };
    let mut state = ordered(OrderState::Shipped);
    wrote(&mut state, 99);
    let decision = judge(&state, Approach::free(Side::Seller), &ContactRules { phases, ..rules() }, Verdict::Deliver);
    assert_eq!(decision, none(Reason::Closed), "nothing is nothing");
}

#[test]
fn feedback_is_asked_for_once_and_not_of_who_gave_it() {
    let ask = |state: &PairState| {
        let words = Approach { from: Side::Seller, form: Form::Feedback };
        [judge(state, words, &rules(), Verdict::Deliver), with(state, Template::Feedback)]
    };
    let mut state = PairState { order: Some((OrderState::Delivered, Fulfilment::Seller)), ..at(100, &[]) };
    assert_eq!(ask(&state), [Decision::Accept { under: Some(Under::Ordinary) }; 2]);
    state.asked = true;
    assert_eq!(ask(&state), [Decision::Refuse(Reason::Feedback); 2]);
    assert_eq!(seller(&state), Decision::Accept { under: Some(Under::Ordinary) }, "of other things it may write");
    state.asked = false;
    state.order = Some((OrderState::Completed, Fulfilment::Seller));
    let ordinary = Decision::Accept { under: Some(Under::Ordinary) };
    assert_eq!(ask(&state), [Decision::Refuse(Reason::Closed), ordinary], "in the house's words");
    state.order = Some((OrderState::Cancelled, Fulfilment::Seller));
    assert_eq!(ask(&state), [Decision::Refuse(Reason::Closed); 2]);
}

#[test]
fn shipping_notices_have_a_budget_of_their_own_where_there_is_something_to_ship() {
    let notice = Approach { from: Side::Seller, form: Form::Shipping };
    let told = |state: &PairState, content| judge(state, notice, &rules(), content);
    let mut state = PairState { order: Some((OrderState::Shipped, Fulfilment::Seller)), ..at(100, &[1, 2, 3]) };
    assert_eq!(seller(&state), Decision::Refuse(Reason::Unanswered));
    assert_eq!(told(&state, Verdict::Deliver), Decision::Accept { under: Some(Under::Shipping) });
    assert_eq!(with(&state, Template::Shipping), Decision::Accept { under: Some(Under::Shipping) });
    // What has more in it than a notice is a message like any other.
    assert_eq!(told(&state, Verdict::Redact), Decision::Refuse(Reason::Unanswered));
    state.contacts = (90..95).map(|h| (Timestamp(h * HOUR), Under::Shipping)).collect();
    assert_eq!(seller(&state), Decision::Accept { under: Some(Under::Ordinary) }, "notices are no words");
    assert_eq!(told(&state, Verdict::Deliver), Decision::Accept { under: Some(Under::Ordinary) }, "used up");
    state.contacts.clear();
    state.order = None;
    assert_eq!(told(&state, Verdict::Deliver), Decision::Accept { under: Some(Under::Ordinary) }, "nothing to ship");
    // After a review only the house's words tell of a parcel, and not while it cools down.
    state.order = Some((OrderState::Shipped, Fulfilment::Seller));
    state.reviews = vec![(Timestamp(90 * HOUR), 1)];
    assert_eq!(with(&state, Template::Shipping), Decision::Refuse(Reason::CoolDown));
    state.now = Timestamp(115 * HOUR);
    assert_eq!(told(&state, Verdict::Deliver), Decision::Refuse(Reason::TemplateOnly));
    assert_eq!(with(&state, Template::Shipping), Decision::Accept { under: Some(Under::Shipping) });
    state.blocked_by_buyer = true;
    assert_eq!(with(&state, Template::Shipping), Decision::Refuse(Reason::Blocked));
}

#[test]
fn nearly_the_same_words_go_to_so_many_buyers_and_answers_to_all() {
    let most = rules().fan_out.buyers;
    let mut state = PairState { alike: most - 1, ..at(100, &[]) };
    assert_eq!(seller(&state), Decision::Accept { under: Some(Under::Ordinary) });
    state.alike = most;
    assert_eq!(seller(&state), Decision::Refuse(Reason::FanOut));
    assert_eq!(
        with(&state, Template::Apology),
        Decision::Accept { under: Some(Under::Ordinary) },
        "no words of its own"
    );
    wrote(&mut state, 99);
    assert_eq!(seller(&state), Decision::Accept { under: Some(Under::Ordinary) }, "this buyer asked");
    state.contacts = vec![(state.now.minus(Duration::minutes(1)), Under::Ordinary)];
    assert_eq!(seller(&state), Decision::Refuse(Reason::FanOut), "and was answered");
}

#[test]
fn what_is_left_is_told_as_it_is() {
    let told = |state: &PairState| standing(state, &rules()).seller;
    let mut state = at(100, &[98]);
    assert_eq!((told(&state).left, told(&state).phase, told(&state).templates), (Some(2), Phase::Open, false));
    state.reviews = vec![(Timestamp(99 * HOUR), 2)];
    assert_eq!((told(&state).left, told(&state).because), (Some(0), Some(Reason::CoolDown)));
    assert_eq!(standing(&state, &rules()).stage, Stage::Reviewed);
    state.now = Timestamp(130 * HOUR);
    let one =
        SideStanding { phase: Phase::Limited, because: Some(Reason::TemplateOnly), left: Some(1), templates: true };
    assert_eq!(told(&state), one);
    state.contacts.push((Timestamp(129 * HOUR), Under::Review));
    assert_eq!((told(&state).left, told(&state).because), (Some(0), Some(Reason::ReviewBudget)));
    wrote(&mut state, 130);
    state.now = Timestamp(130 * HOUR + 1);
    assert_eq!((told(&state).left, told(&state).templates), (Some(3), false));
}
