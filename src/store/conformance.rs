//! One suite that every ledger passes, on a real store: what must be exact whoever else writes.

use std::{collections::HashSet, sync::Arc};

use super::{
    Alike, Answer, Cargo, Decision, Delivery, Ending, HandleKind, Idempotency, Judge, Ledger, LiftRestriction,
    NewBlock, NewDelivery, NewEntry, NewHandle, NewNarrowing, NewRestriction, NewReview, PairState, Record, Recorded,
    Settled, Under,
};
use crate::model::{
    CaseState, Channel, Commitment, ConversationId, Duration, Entry, EntryKind, EventId, Form, HandleHash, Link, Luck,
    MessageState, Reason, Restriction, Scope, Side, Sketch, SystemLuck, Timestamp,
};

/// A real store under test, with what the suite needs beside the ledger.
pub(super) trait Ground: Send + Sync {
    /// The ledger under test.
    fn ledger(&self) -> &dyn Ledger;
    /// Makes a conversation with its parties and opens its chain.
    fn add_conversation<'a>(&'a self, scope: &'a Scope, new: &'a Talk) -> Answer<'a, ()>;
    /// The state of a message.
    fn state<'a>(&'a self, scope: &'a Scope, id: EventId) -> Answer<'a, Option<MessageState>>;
    /// A conversation's evidence: canonical bytes and links.
    fn chain<'a>(&'a self, scope: &'a Scope, conversation: &'a ConversationId) -> Answer<'a, Vec<(String, Link)>>;
    /// Closes the store and opens it again.
    fn restart(self: Box<Self>) -> Answer<'static, Box<dyn Ground>>;
}

/// A conversation to make.
#[derive(Clone)]
pub(super) struct Talk {
    pub(super) id: ConversationId,
    pub(super) buyer: &'static str,
    pub(super) seller: &'static str,
    pub(super) group: Option<&'static str>,
}

/// Runs every test of the suite on the ground that `$open` lays: a test each.
macro_rules! conforms {
    ($open:path) => {
        conforms! { $open:
            a_budget_is_exact_under_twenty_concurrent_senders
            a_group_of_sellers_shares_one_budget_even_when_it_is_new
            time_of_a_pair_never_goes_back
            the_same_message_at_the_same_time_is_taken_once
            an_expired_repetition_is_a_new_message
            a_moved_window_is_told_before_anything_is_judged
            a_refused_message_is_recorded_and_costs_nothing
            an_escalated_message_is_held_and_its_author_told_at_its_time
            no_delivery_is_claimed_twice
            a_lane_keeps_its_order_and_waits_for_its_head
            the_two_directions_of_a_conversation_do_not_wait_for_each_other
            a_lease_that_ran_out_is_claimed_again
            with_a_lease_a_delivery_is_born_claimed_when_its_lane_is_free
            a_barrier_stops_what_was_born_claimed
            an_older_claim_settles_nothing
            a_review_withholds_what_is_accepted_and_gives_the_debit_back
            what_is_in_flight_at_a_review_is_named_and_never_waits_again
            a_claim_from_before_a_barrier_is_not_current
            the_same_or_a_raised_rating_is_no_new_barrier
            a_block_by_the_seller_stops_both_directions
            a_block_by_the_buyer_leaves_their_own_words_alone
            a_failed_message_leaves_a_notice_and_a_notice_leaves_none
            what_was_cut_is_told_once_for_a_thread_and_a_round
            what_is_withheld_is_told_in_the_notice_of_its_round
            a_message_is_delivered_when_every_way_has_taken_it
            a_stop_withholds_and_holds_on_every_conversation_of_the_pair
            answers_are_opened_where_the_buyer_wrote
            a_decided_case_is_a_barrier_and_an_open_one_is_none
            feedback_is_asked_once_for_an_order_and_given_back_when_withheld
            nearly_the_same_text_is_counted_over_the_buyers_of_a_group
            a_review_changed_after_contact_names_what_came_between
            a_late_review_names_what_slipped_through
            a_restriction_is_read_with_the_pair_and_reaches_the_whole_group
            messages_withdrawn_stop_what_is_queued_and_no_other_sellers
            a_conversation_that_is_unknown_is_gone
            budgets_barriers_and_queues_survive_a_restart
            the_chain_verifies_after_all_this
        }
    };
    ($open:path: $($sentence:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $sentence() {
            if let Some(ground) = $open().await {
                crate::store::conformance::$sentence(ground).await;
            }
        }
    )*};
}
pub(super) use conforms;

type Grounds = Box<dyn Ground>;

pub(super) async fn a_budget_is_exact_under_twenty_concurrent_senders(ground: Grounds) {
    let (ground, scope) = (Arc::new(ground), scope());
    // Two conversations of one pair: the budget is the pair's.
    for id in ["c-1", "c-2"] {
        ground.add_conversation(&scope, &talk(id)).await.unwrap();
    }
    let senders: Vec<_> = (0..20)
        .map(|n| {
            let (ground, scope) = (Arc::clone(&ground), scope.clone());
            tokio::spawn(async move {
                let message = from_seller(if n % 2 == 0 { "c-1" } else { "c-2" }, T0.plus(Duration(n)));
                ground.ledger().record(&scope, message, at_most(5)).await.unwrap()
            })
        })
        .collect();
    let mut accepted = 0;
    for sender in senders {
        match sender.await.unwrap() {
            Recorded::Accepted { .. } => accepted += 1,
            Recorded::Refused { reason: Reason::Rate, .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(accepted, 5);
    let pair = ground.ledger().pair(&scope, &id("c-1"), T0).await.unwrap().unwrap();
    assert_eq!(pair.contacts.len(), 5);
    assert!(pair.contacts.windows(2).all(|two| two[0].0 < two[1].0));
}

pub(super) async fn a_group_of_sellers_shares_one_budget_even_when_it_is_new(ground: Grounds) {
    let scope = scope();
    let alone = Talk { seller: "shop-2", ..talk("c-2") };
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    ground.add_conversation(&scope, &alone).await.unwrap();
    for conversation in ["c-1", "c-2"] {
        let taken = ground.ledger().record(&scope, from_seller(conversation, T0), at_most(1)).await.unwrap();
        assert!(matches!(taken, Recorded::Accepted { .. }), "apart, each has its own");
    }
    // The marketplace finds out that both are one firm.
    ground.add_conversation(&scope, &Talk { group: Some("firm"), ..talk("c-1") }).await.unwrap();
    ground.add_conversation(&scope, &Talk { group: Some("firm"), ..alone }).await.unwrap();
    let pair = ground.ledger().pair(&scope, &id("c-1"), T0).await.unwrap().unwrap();
    assert_eq!(pair.contacts.len(), 2);
    let third = ground.ledger().record(&scope, from_seller("c-2", T0.plus(HOUR)), at_most(2)).await.unwrap();
    assert!(matches!(third, Recorded::Refused { reason: Reason::Rate, .. }));
}

pub(super) async fn time_of_a_pair_never_goes_back(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    let mut last = Timestamp(0);
    for at in [T0, T0.plus(HOUR), T0.minus(HOUR), T0.minus(HOUR), T0] {
        let Recorded::Accepted { pair, .. } = accept(&ground, &scope, from_seller("c-1", at)).await else { panic!() };
        assert!(pair.now > last);
        assert_eq!(pair.contacts.last(), Some(&(pair.now, Under::Ordinary)));
        last = pair.now;
    }
    let seen = ground.ledger().pair(&scope, &id("c-1"), T0).await.unwrap().unwrap();
    assert_eq!(seen.now, last.plus(Duration(1)));
}

pub(super) async fn the_same_message_at_the_same_time_is_taken_once(ground: Grounds) {
    let (ground, scope) = (Arc::new(ground), scope());
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    let senders: Vec<_> = (0..20)
        .map(|_| {
            let (ground, scope) = (Arc::clone(&ground), scope.clone());
            tokio::spawn(async move {
                let message = Record { idempotency: Some(fingerprint(1)), ..from_seller("c-1", T0) };
                let id = message.id;
                (id, ground.ledger().record(&scope, message, at_most(9)).await.unwrap())
            })
        })
        .collect();
    let (mut accepted, mut repeated) = (Vec::new(), HashSet::new());
    for sender in senders {
        match sender.await.unwrap() {
            (id, Recorded::Accepted { .. }) => accepted.push(id),
            (_, Recorded::Repeated(id)) => _ = repeated.insert(id),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(accepted.len(), 1);
    assert_eq!(repeated, HashSet::from([accepted[0]]));
    let other = Record { idempotency: Some(fingerprint(2)), ..from_seller("c-1", T0) };
    assert!(matches!(ground.ledger().record(&scope, other, at_most(9)).await.unwrap(), Recorded::Conflict));
    assert_eq!(claim(&ground, T0).await.len(), 1);
    assert_eq!(contacts(&ground, &scope, "c-1").await, 1);
}

pub(super) async fn an_expired_repetition_is_a_new_message(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    let first = Record { idempotency: Some(fingerprint(1)), ..from_seller("c-1", T0) };
    let expires = fingerprint(1).expires;
    accept(&ground, &scope, first).await;
    let mut again = fingerprint(2);
    again.expires = expires.plus(DAY);
    let second = Record { idempotency: Some(again.clone()), ..from_seller("c-1", expires) };
    let id = second.id;
    accept(&ground, &scope, second).await;
    let third = Record { idempotency: Some(again), ..from_seller("c-1", expires) };
    let Recorded::Repeated(known) = accept(&ground, &scope, third).await else { panic!() };
    assert_eq!(known, id);
}

pub(super) async fn a_moved_window_is_told_before_anything_is_judged(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    let with = |seq| Record { window: Some((seq, b"sealed".to_vec())), ..from_seller("c-1", T0) };
    assert!(matches!(accept(&ground, &scope, with(0)).await, Recorded::Accepted { .. }));
    let never: Judge = Box::new(|_| panic!("judged"));
    assert!(matches!(ground.ledger().record(&scope, with(0), never).await.unwrap(), Recorded::Stale));
    assert!(matches!(accept(&ground, &scope, with(1)).await, Recorded::Accepted { .. }));
    assert_eq!(contacts(&ground, &scope, "c-1").await, 2);
}

pub(super) async fn a_refused_message_is_recorded_and_costs_nothing(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    let message = from_seller("c-1", T0);
    let known = message.id;
    let judge: Judge = Box::new(|_| Decision::Refuse(Reason::CoolDown));
    let answer = ground.ledger().record(&scope, message, judge).await.unwrap();
    assert!(matches!(answer, Recorded::Refused { reason: Reason::CoolDown, .. }));
    assert_eq!(ground.state(&scope, known).await.unwrap(), Some(MessageState::Refused));
    assert_eq!(contacts(&ground, &scope, "c-1").await, 0);
    assert!(claim(&ground, T0.plus(DAY)).await.is_empty());
    let (last, _) = ground.chain(&scope, &id("c-1")).await.unwrap().pop().unwrap();
    assert!(last.contains("message_refused") && last.contains("reason=cool_down"), "{last}");
}

pub(super) async fn an_escalated_message_is_held_and_its_author_told_at_its_time(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    let told = T0.plus(DAY);
    let message = Record {
        notice: Some(told),
        idempotency: Some(fingerprint(1)),
        deliveries: Vec::new(),
        facts: "channel=mail".to_owned(),
        ..from_seller("c-1", T0)
    };
    let judge = || -> Judge { Box::new(|_| Decision::Escalate { under: Some(Under::Ordinary) }) };
    let known = message.id;
    let answer = ground.ledger().record(&scope, message.clone(), judge()).await.unwrap();
    assert!(matches!(answer, Recorded::Accepted { state: MessageState::Held, .. }), "{answer:?}");
    assert_eq!(ground.state(&scope, known).await.unwrap(), Some(MessageState::Held));
    assert_eq!(contacts(&ground, &scope, "c-1").await, 1, "it costs what any other does");
    let again = ground.ledger().record(&scope, Record { id: event(), ..message }, judge()).await.unwrap();
    assert!(matches!(again, Recorded::Repeated(first) if first == known), "{again:?}");
    let (last, _) = ground.chain(&scope, &id("c-1")).await.unwrap().pop().unwrap();
    assert!(last.contains("message_escalated") && last.contains("from=seller channel=mail reason=escalated"), "{last}");
    assert!(!last.contains("\"by\"") && last.contains("commitment"), "{last}");
    assert!(claim(&ground, told.minus(Duration(1))).await.is_empty());
    let due = claim(&ground, told).await;
    assert_eq!((due.len(), due[0].cargo, due[0].to), (1, Cargo::RefusedNotice, Side::Seller));
    settle(&ground, due[0].id, due[0].claim, Ending::Delivered).await;
    assert_eq!(ground.state(&scope, known).await.unwrap(), Some(MessageState::Held), "it waits on");
}

pub(super) async fn no_delivery_is_claimed_twice(ground: Grounds) {
    let (ground, scope) = (Arc::new(ground), scope());
    for n in 0..8 {
        let conversation = format!("c-{n}");
        ground.add_conversation(&scope, &talk(&conversation)).await.unwrap();
        for m in 0..4 {
            accept(&ground, &scope, from_seller(&conversation, T0.plus(Duration(m)))).await;
        }
    }
    let claimers: Vec<_> = (0..4)
        .map(|_| {
            let ground = Arc::clone(&ground);
            tokio::spawn(async move {
                let mut mine = Vec::new();
                // A claimer that met only locked lanes comes again, as carry does.
                for _ in 0..20 {
                    mine.extend(ground.ledger().claim(LATER, LEASE, 5).await.unwrap());
                }
                mine
            })
        })
        .collect();
    let mut seen = HashSet::new();
    for claimer in claimers {
        for delivery in claimer.await.unwrap() {
            assert!(seen.insert(delivery.id), "claimed twice");
        }
    }
    // A claim that took only a part of a lane holds the rest of it back.
    for delivery in &seen {
        settle(&ground, *delivery, 1, Ending::Delivered).await;
    }
    let mut more = claim(&ground, LATER).await;
    while !more.is_empty() {
        for delivery in more {
            assert!(seen.insert(delivery.id), "claimed twice");
            settle(&ground, delivery.id, delivery.claim, Ending::Delivered).await;
        }
        more = claim(&ground, LATER).await;
    }
    assert_eq!(seen.len(), 32);
}

pub(super) async fn a_lane_keeps_its_order_and_waits_for_its_head(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    let mut sent = Vec::new();
    for n in 0..4 {
        let message = from_seller("c-1", T0.plus(Duration(n)));
        sent.push(message.id);
        accept(&ground, &scope, message).await;
    }
    let lane = claim(&ground, LATER).await;
    assert_eq!(lane.iter().map(|delivery| delivery.message).collect::<Vec<_>>(), sent);
    assert!(claim(&ground, LATER).await.is_empty(), "all of it is claimed");
    settle(&ground, lane[0].id, lane[0].claim, Ending::Deferred(LATER.plus(HOUR))).await;
    for one in &lane[1..] {
        settle(&ground, one.id, one.claim, Ending::Released).await;
    }
    // A message that comes now stands behind them.
    let fifth = from_seller("c-1", LATER);
    sent.push(fifth.id);
    accept(&ground, &scope, fifth).await;
    assert!(claim(&ground, LATER.plus(Duration(1))).await.is_empty(), "the head holds its lane");
    let lane = claim(&ground, LATER.plus(HOUR)).await;
    assert_eq!(lane.iter().map(|delivery| delivery.message).collect::<Vec<_>>(), sent);
    assert_eq!(lane.iter().map(|delivery| delivery.attempts).collect::<Vec<_>>(), [1, 0, 0, 0, 0]);
}

pub(super) async fn the_two_directions_of_a_conversation_do_not_wait_for_each_other(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    accept(&ground, &scope, from_seller("c-1", T0)).await;
    let to_buyer = claim(&ground, LATER).await;
    settle(&ground, to_buyer[0].id, 1, Ending::Deferred(LATER.plus(HOUR))).await;
    let answer = from_buyer("c-1", T0);
    accept(&ground, &scope, answer.clone()).await;
    let to_seller = claim(&ground, LATER).await;
    assert_eq!(to_seller.len(), 1);
    assert_eq!((to_seller[0].message, to_seller[0].to, to_seller[0].epoch), (answer.id, Side::Seller, None));
    assert_eq!(to_buyer[0].epoch, Some(0));
    assert_eq!(to_buyer[0].body.as_ref(), b"sealed body");
}

pub(super) async fn a_lease_that_ran_out_is_claimed_again(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    accept(&ground, &scope, from_seller("c-1", T0)).await;
    let first = claim(&ground, LATER).await;
    assert!(claim(&ground, LATER.plus(LEASE).minus(Duration(1))).await.is_empty());
    let second = claim(&ground, LATER.plus(LEASE)).await;
    assert_eq!(second[0].id, first[0].id);
    assert_eq!((second[0].claim, second[0].attempts), (2, 1));
    assert!(!ground.ledger().still_current(&first[0]).await.unwrap());
    assert!(ground.ledger().still_current(&second[0]).await.unwrap());
}

/// A message whose recorder will hand over by itself.
fn leased(message: Record) -> Record {
    Record { lease: Some(T0.plus(LEASE)), ..message }
}

/// What was born claimed of it.
async fn born(ground: &Grounds, message: Record) -> Vec<Delivery> {
    match accept(ground, &scope(), leased(message)).await {
        Recorded::Accepted { claimed, .. } => claimed,
        other => panic!("{other:?}"),
    }
}

pub(super) async fn with_a_lease_a_delivery_is_born_claimed_when_its_lane_is_free(ground: Grounds) {
    ground.add_conversation(&scope(), &talk("c-1")).await.unwrap();
    let first = born(&ground, from_seller("c-1", T0)).await.remove(0);
    assert_eq!((first.claim, first.attempts, first.to, first.body.as_ref()), (1, 0, Side::Buyer, &b"sealed body"[..]));
    assert!(ground.ledger().still_current(&first).await.unwrap());
    assert!(born(&ground, from_seller("c-1", T0.plus(Duration(1)))).await.is_empty(), "its lane is taken");
    assert_eq!(born(&ground, from_buyer("c-1", T0.plus(Duration(2)))).await.len(), 1, "the other lane is free");
    assert!(claim(&ground, T0.plus(LEASE).minus(Duration(1))).await.is_empty(), "both heads are under way");
    settle(&ground, first.id, first.claim, Ending::Delivered).await;
    let second = claim(&ground, T0.plus(LEASE).minus(Duration(1))).await;
    assert_eq!(second.len(), 1, "what came behind it follows");
    settle(&ground, second[0].id, second[0].claim, Ending::Delivered).await;
    let lost = claim(&ground, T0.plus(LEASE)).await;
    assert_eq!((lost.len(), lost[0].claim, lost[0].attempts), (1, 2, 1), "a lease that ran out is claimed again");
}

pub(super) async fn a_barrier_stops_what_was_born_claimed(ground: Grounds) {
    ground.add_conversation(&scope(), &talk("c-1")).await.unwrap();
    let first = born(&ground, from_seller("c-1", T0)).await.remove(0);
    ground.ledger().review(&scope(), review("c-1", 1, T0.plus(Duration(1)))).await.unwrap();
    assert!(!ground.ledger().still_current(&first).await.unwrap());
    assert!(claim(&ground, T0.plus(LEASE)).await.is_empty());
}

pub(super) async fn an_older_claim_settles_nothing(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    let message = from_seller("c-1", T0);
    accept(&ground, &scope, message.clone()).await;
    let first = claim(&ground, LATER).await.remove(0);
    let second = claim(&ground, LATER.plus(LEASE)).await.remove(0);
    settle(&ground, first.id, first.claim, Ending::Failed).await;
    assert_eq!(ground.state(&scope, message.id).await.unwrap(), Some(MessageState::Queued));
    settle(&ground, second.id, second.claim, Ending::Delivered).await;
    settle(&ground, second.id, second.claim, Ending::Failed).await;
    assert_eq!(ground.state(&scope, message.id).await.unwrap(), Some(MessageState::Delivered));
}

pub(super) async fn a_review_withholds_what_is_accepted_and_gives_the_debit_back(ground: Grounds) {
    let scope = scope();
    for conversation in ["c-1", "c-2"] {
        ground.add_conversation(&scope, &talk(conversation)).await.unwrap();
    }
    let (arrived, waiting) = (from_seller("c-1", T0), from_seller("c-2", T0));
    accept(&ground, &scope, arrived.clone()).await;
    let first = claim(&ground, LATER).await.remove(0);
    settle(&ground, first.id, first.claim, Ending::Delivered).await;
    accept(&ground, &scope, waiting.clone()).await;
    accept(&ground, &scope, from_buyer("c-1", T0)).await;
    let barrier = ground.ledger().review(&scope, review("c-1", 1, LATER)).await.unwrap().unwrap();
    assert!(barrier.raised);
    assert_eq!((barrier.withheld, barrier.in_flight), (vec![waiting.id], vec![]));
    assert_eq!(ground.state(&scope, waiting.id).await.unwrap(), Some(MessageState::Withheld));
    assert_eq!(ground.state(&scope, arrived.id).await.unwrap(), Some(MessageState::Delivered));
    let pair = ground.ledger().pair(&scope, &id("c-2"), LATER).await.unwrap().unwrap();
    assert_eq!((pair.epoch, pair.contacts.len(), pair.reviews.len()), (1, 1, 1));
    assert_eq!(pair.reviews[0].1, 1);
    assert!(pair.now > pair.reviews[0].0 && pair.last_from_buyer.is_some());
    // The buyer's own words pass; the author of the withheld one hears of it at the fixed hour.
    let now = claim(&ground, LATER.plus(Duration(1))).await;
    assert_eq!(now.iter().map(|one| (one.to, one.cargo)).collect::<Vec<_>>(), [(Side::Seller, Cargo::Message)]);
    settle(&ground, now[0].id, now[0].claim, Ending::Delivered).await;
    let notice = claim(&ground, LATER.plus(HOUR)).await;
    assert_eq!(notice.len(), 1);
    assert_eq!((notice[0].to, notice[0].cargo, notice[0].message), (Side::Seller, Cargo::WithheldNotice, waiting.id));
    assert!(notice[0].body.is_empty() && notice[0].epoch.is_none());
    assert!(ground.ledger().still_current(&notice[0]).await.unwrap());
    // What is written after the review is of the new epoch.
    accept(&ground, &scope, from_seller("c-2", LATER.plus(HOUR))).await;
    assert_eq!(claim(&ground, LATER.plus(DAY)).await.iter().filter(|one| one.epoch == Some(1)).count(), 1);
}

pub(super) async fn what_is_in_flight_at_a_review_is_named_and_never_waits_again(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    let message = from_seller("c-1", T0);
    accept(&ground, &scope, message.clone()).await;
    let taken = claim(&ground, LATER).await.remove(0);
    let barrier = ground.ledger().review(&scope, review("c-1", 2, LATER)).await.unwrap().unwrap();
    assert_eq!((barrier.withheld, barrier.in_flight), (vec![], vec![message.id]));
    assert!(!ground.ledger().still_current(&taken).await.unwrap());
    settle(&ground, taken.id, taken.claim, Ending::Deferred(LATER.plus(HOUR))).await;
    assert_eq!(ground.state(&scope, message.id).await.unwrap(), Some(MessageState::Withheld));
    assert_eq!(contacts(&ground, &scope, "c-1").await, 0);
}

pub(super) async fn a_claim_from_before_a_barrier_is_not_current(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    let message = from_seller("c-1", T0);
    accept(&ground, &scope, message.clone()).await;
    claim(&ground, LATER).await;
    ground.ledger().review(&scope, review("c-1", 1, LATER)).await.unwrap();
    // The relay that had it died; whoever comes after withholds it.
    assert!(claim(&ground, LATER.plus(LEASE)).await.is_empty());
    assert_eq!(ground.state(&scope, message.id).await.unwrap(), Some(MessageState::Withheld));
    // At the hour of the house, not some hours after the barrier.
    assert!(claim(&ground, LATER.plus(LEASE).plus(HOUR)).await.is_empty());
    let notice = claim(&ground, LATER.plus(DAY).plus(DAY)).await;
    assert_eq!(notice[0].cargo, Cargo::WithheldNotice);
}

pub(super) async fn the_same_or_a_raised_rating_is_no_new_barrier(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    let mut raised = Vec::new();
    for (n, rating) in (0..).zip([3, 3, 5, 4, 1]) {
        let put = review("c-1", rating, LATER.plus(Duration(n)));
        let barrier = ground.ledger().review(&scope, put).await.unwrap().unwrap();
        assert_eq!(barrier.reviewer, "reader-0", "the first pseudonym stays");
        raised.push(barrier.raised);
    }
    assert_eq!(raised, [true, false, false, true, true]);
    let pair = ground.ledger().pair(&scope, &id("c-1"), LATER).await.unwrap().unwrap();
    assert_eq!(pair.reviews.iter().map(|(_, rating)| *rating).collect::<Vec<_>>(), [3, 4, 1]);
    assert_eq!(pair.epoch, 3);
}

pub(super) async fn a_block_by_the_seller_stops_both_directions(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    let (to_buyer, to_seller) = (from_seller("c-1", T0), from_buyer("c-1", T0));
    accept(&ground, &scope, to_buyer.clone()).await;
    accept(&ground, &scope, to_seller.clone()).await;
    let barrier = block(&ground, &scope, Side::Seller, true, LATER).await;
    assert_eq!(barrier.withheld.iter().copied().collect::<HashSet<_>>(), HashSet::from([to_buyer.id, to_seller.id]));
    let again = block(&ground, &scope, Side::Seller, true, LATER).await;
    assert!(!again.raised && again.withheld.is_empty());
    let pair = ground.ledger().pair(&scope, &id("c-1"), LATER).await.unwrap().unwrap();
    assert!(pair.blocked_by_seller && !pair.blocked_by_buyer);
    let told: HashSet<Side> = claim(&ground, LATER.plus(HOUR)).await.iter().map(|notice| notice.to).collect();
    assert_eq!(told, HashSet::from([Side::Buyer, Side::Seller]));
    block(&ground, &scope, Side::Seller, false, LATER).await;
    assert!(!ground.ledger().pair(&scope, &id("c-1"), LATER).await.unwrap().unwrap().blocked_by_seller);
    accept(&ground, &scope, from_buyer("c-1", LATER)).await;
    assert_eq!(claim(&ground, LATER.plus(HOUR)).await.len(), 1);
}

pub(super) async fn a_block_by_the_buyer_leaves_their_own_words_alone(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    let (to_buyer, to_seller) = (from_seller("c-1", T0), from_buyer("c-1", T0));
    accept(&ground, &scope, to_buyer.clone()).await;
    accept(&ground, &scope, to_seller.clone()).await;
    let barrier = block(&ground, &scope, Side::Buyer, true, LATER).await;
    assert_eq!(barrier.withheld, [to_buyer.id]);
    let taken = claim(&ground, LATER).await;
    assert_eq!(taken.iter().map(|one| one.message).collect::<Vec<_>>(), [to_seller.id]);
    assert!(ground.ledger().still_current(&taken[0]).await.unwrap());
}

pub(super) async fn a_failed_message_leaves_a_notice_and_a_notice_leaves_none(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    let message = from_seller("c-1", T0);
    accept(&ground, &scope, message.clone()).await;
    let taken = claim(&ground, LATER).await.remove(0);
    settle(&ground, taken.id, taken.claim, Ending::Failed).await;
    assert_eq!(ground.state(&scope, message.id).await.unwrap(), Some(MessageState::Failed));
    assert_eq!(contacts(&ground, &scope, "c-1").await, 1, "a failure gives nothing back");
    let notice = claim(&ground, LATER.plus(DAY)).await.remove(0);
    assert_eq!((notice.cargo, notice.to, notice.message), (Cargo::FailedNotice, Side::Seller, message.id));
    settle(&ground, notice.id, notice.claim, Ending::Failed).await;
    assert!(claim(&ground, LATER.plus(DAY)).await.is_empty());
}

pub(super) async fn what_was_cut_is_told_once_for_a_thread_and_a_round(ground: Grounds) {
    let scope = scope();
    for talk_of in ["c-1", "c-2"] {
        ground.add_conversation(&scope, &talk(talk_of)).await.unwrap();
    }
    let due = LATER.plus(DAY);
    let cut = |talk, at| Record { notice: Some(due), ..from_seller(talk, at) };
    let (first, waiting) = (cut("c-1", T0), cut("c-1", T0));
    accept(&ground, &scope, first.clone()).await;
    accept(&ground, &scope, cut("c-2", T0)).await;
    for one in claim(&ground, LATER).await {
        settle(&ground, one.id, one.claim, Ending::Delivered).await;
    }
    accept(&ground, &scope, waiting.clone()).await;
    assert!(claim(&ground, due.minus(Duration(1))).await.iter().all(|one| one.cargo == Cargo::Message));
    // A held or refused message was not passed on at all: nothing is said to be cut.
    accept(&ground, &scope, Record { notice: None, ..from_seller("c-1", T0) }).await;
    let told = claim(&ground, due).await;
    let notices: Vec<_> = told.iter().filter(|one| one.cargo != Cargo::Message).collect();
    assert_eq!(notices.len(), 2, "one for each thread: {notices:?}");
    for notice in notices {
        assert_eq!((notice.cargo, notice.to, notice.accepted), (Cargo::CutNotice, Side::Seller, due));
        settle(&ground, notice.id, notice.claim, Ending::Delivered).await;
    }
    // The next round has its own.
    accept(&ground, &scope, Record { notice: Some(due.plus(DAY)), ..from_seller("c-1", due) }).await;
    let told = claim(&ground, due.plus(DAY)).await;
    assert_eq!(told.iter().filter(|one| one.cargo == Cargo::CutNotice).count(), 1);
}

pub(super) async fn what_is_withheld_is_told_in_the_notice_of_its_round(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    // As `review` has it.
    let due = LATER.plus(HOUR);
    let arrived = Record { notice: Some(due), ..from_seller("c-1", T0) };
    accept(&ground, &scope, arrived.clone()).await;
    let first = claim(&ground, LATER).await.remove(0);
    settle(&ground, first.id, first.claim, Ending::Delivered).await;
    for _ in 0..3 {
        accept(&ground, &scope, Record { notice: Some(due), ..from_seller("c-1", T0) }).await;
    }
    let barrier = ground.ledger().review(&scope, review("c-1", 1, LATER)).await.unwrap().unwrap();
    assert_eq!(barrier.withheld.len(), 3);
    let told = claim(&ground, due).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].cargo, told[0].to), (Cargo::WithheldNotice, Side::Seller));
}

pub(super) async fn a_message_is_delivered_when_every_way_has_taken_it(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    let mut message = from_seller("c-1", T0);
    message.deliveries.push(NewDelivery { id: event(), channel: Channel::Sms, ..message.deliveries[0].clone() });
    accept(&ground, &scope, message.clone()).await;
    let both = claim(&ground, LATER).await;
    assert_eq!(both.len(), 2);
    settle(&ground, both[1].id, 1, Ending::Delivered).await;
    assert_eq!(ground.state(&scope, message.id).await.unwrap(), Some(MessageState::Queued));
    settle(&ground, both[0].id, 1, Ending::Delivered).await;
    assert_eq!(ground.state(&scope, message.id).await.unwrap(), Some(MessageState::Delivered));
    let by_api = Record { deliveries: Vec::new(), ..from_seller("c-1", T0) };
    let Recorded::Accepted { state, .. } = accept(&ground, &scope, by_api).await else { panic!() };
    assert_eq!(state, MessageState::Delivered);
}

pub(super) async fn a_stop_withholds_and_holds_on_every_conversation_of_the_pair(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &Talk { group: Some("firm"), ..talk("c-1") }).await.unwrap();
    ground.add_conversation(&scope, &Talk { seller: "shop-2", group: Some("firm"), ..talk("c-2") }).await.unwrap();
    let queued = [from_seller("c-1", T0), from_seller("c-2", T0)];
    for message in &queued {
        accept(&ground, &scope, message.clone()).await;
    }
    let by_program = Record { automatic: true, stop: Some(LATER), ..from_buyer("c-1", T0) };
    accept(&ground, &scope, by_program).await;
    assert_eq!(pair(&ground, &scope, "c-1").await.stopped, None, "programs want nothing");
    let stop = Record { stop: Some(T0.plus(HOUR)), ..from_buyer("c-1", T0) };
    let Recorded::Accepted { pair: after, .. } = accept(&ground, &scope, stop.clone()).await else { panic!() };
    assert!(after.stopped.is_some() && after.last_from_buyer.is_none() && after.last_here.is_none(), "{after:?}");
    for message in &queued {
        assert_eq!(ground.state(&scope, message.id).await.unwrap(), Some(MessageState::Withheld));
    }
    let ground = ground.restart().await.unwrap();
    for conversation in ["c-1", "c-2"] {
        let pair = pair(&ground, &scope, conversation).await;
        assert!(pair.stopped == after.stopped && pair.last_from_buyer.is_none() && pair.contacts.is_empty());
    }
    let chain = ground.chain(&scope, &id("c-1")).await.unwrap();
    assert!(chain.iter().any(|(entry, _)| entry.contains("contact_stopped") && entry.contains("withheld=2")));
    // What the buyer wrote goes its way.
    let carried = claim(&ground, LATER).await;
    assert!(carried.iter().any(|delivery| delivery.message == stop.id && delivery.to == Side::Seller));
    accept(&ground, &scope, from_buyer("c-2", LATER)).await;
    let again = pair(&ground, &scope, "c-1").await;
    assert!(again.last_from_buyer > again.stopped && again.last_here.is_none());
    let late = from_seller("c-1", LATER);
    accept(&ground, &scope, late.clone()).await;
    assert!(
        claim(&ground, LATER).await.iter().any(|delivery| delivery.message == late.id),
        "after it the epoch is new"
    );
}

pub(super) async fn answers_are_opened_where_the_buyer_wrote(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    ground.add_conversation(&scope, &talk("c-2")).await.unwrap();
    accept(&ground, &scope, from_buyer("c-1", T0)).await;
    accept(&ground, &scope, Record { automatic: true, ..from_buyer("c-2", T0) }).await;
    let ground = ground.restart().await.unwrap();
    let (here, there) = (pair(&ground, &scope, "c-1").await, pair(&ground, &scope, "c-2").await);
    assert_eq!((here.last_here, here.last_from_buyer), (Some(T0), Some(T0)));
    assert_eq!((there.last_here, there.last_from_buyer), (None, Some(T0)));
}

pub(super) async fn a_decided_case_is_a_barrier_and_an_open_one_is_none(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &Talk { group: Some("firm"), ..talk("c-1") }).await.unwrap();
    ground.add_conversation(&scope, &Talk { seller: "shop-2", group: Some("firm"), ..talk("c-2") }).await.unwrap();
    let queued = from_seller("c-2", T0);
    accept(&ground, &scope, queued.clone()).await;
    let narrow = |state| NewNarrowing {
        conversation: id("c-1"),
        case: "case-1".to_owned(),
        state,
        at: LATER,
        notice_due: LATER.plus(HOUR),
        entry: entry(EntryKind::ContactNarrowed, LATER),
    };
    let opened = ground.ledger().narrow(&scope, narrow(Some(CaseState::Open))).await.unwrap().unwrap();
    assert!(!opened.raised && opened.withheld.is_empty());
    assert_eq!(pair(&ground, &scope, "c-2").await.cases.len(), 1);
    let closed = ground.ledger().narrow(&scope, narrow(Some(CaseState::Closed))).await.unwrap().unwrap();
    assert_eq!((closed.raised, closed.withheld), (true, vec![queued.id]));
    let ground = ground.restart().await.unwrap();
    let cases = pair(&ground, &scope, "c-2").await.cases;
    assert!(matches!(cases[..], [(CaseState::Closed, _)]), "{cases:?}");
    ground.ledger().narrow(&scope, narrow(None)).await.unwrap();
    assert!(pair(&ground, &scope, "c-1").await.cases.is_empty());
    let unknown = NewNarrowing { conversation: id("c-9"), ..narrow(None) };
    assert!(ground.ledger().narrow(&scope, unknown).await.unwrap().is_none());
}

pub(super) async fn feedback_is_asked_once_for_an_order_and_given_back_when_withheld(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    let ask = || Record { form: Form::Feedback, ..from_seller("c-1", T0) };
    let refused = ask();
    let judge: Judge = Box::new(|_| Decision::Refuse(Reason::Rate));
    ground.ledger().record(&scope, refused, judge).await.unwrap();
    assert!(!pair(&ground, &scope, "c-1").await.asked, "a refusal asks nothing");
    accept(&ground, &scope, ask()).await;
    assert!(pair(&ground, &scope, "c-1").await.asked);
    ground.ledger().review(&scope, review("c-1", 5, LATER)).await.unwrap();
    assert!(!pair(&ground, &scope, "c-1").await.asked, "it was withheld");
}

pub(super) async fn nearly_the_same_text_is_counted_over_the_buyers_of_a_group(ground: Grounds) {
    let scope = scope();
    for (n, (buyer, seller)) in
        [("budi", "shop-1"), ("ratna", "shop-2"), ("ewa", "shop-1"), ("ewa", "shop-3")].into_iter().enumerate()
    {
        let group = (seller != "shop-3").then_some("firm");
        let talk = Talk { buyer, seller, group, ..talk(&format!("c-{n}")) };
        ground.add_conversation(&scope, &talk).await.unwrap();
    }
    let one = Sketch(std::array::from_fn(|n| n as u32));
    let mut near = one;
    near.0[3] = 77;
    let with = |sketch, conversation: &str, at| Record {
        alike: Some(Alike { sketch, since: T0.minus(HOUR) }),
        ..from_seller(conversation, at)
    };
    for (conversation, expected) in [("c-0", 0), ("c-0", 0), ("c-1", 1), ("c-2", 2), ("c-3", 0)] {
        let judge: Judge = Box::new(move |pair| {
            assert_eq!(pair.alike, expected, "{conversation}");
            Decision::Accept { under: Some(Under::Ordinary) }
        });
        let sketch = if expected == 1 { near } else { one };
        ground.ledger().record(&scope, with(sketch, conversation, T0), judge).await.unwrap();
    }
    let other: Judge = Box::new(|pair| {
        assert_eq!(pair.alike, 0);
        Decision::Refuse(Reason::Rate)
    });
    ground.ledger().record(&scope, with(Sketch([9; 16]), "c-2", T0), other).await.unwrap();
}

pub(super) async fn a_review_changed_after_contact_names_what_came_between(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &Talk { group: Some("firm"), ..talk("c-1") }).await.unwrap();
    ground.add_conversation(&scope, &Talk { seller: "shop-2", group: Some("firm"), ..talk("c-2") }).await.unwrap();
    let before = Record { deliveries: Vec::new(), ..from_seller("c-1", T0) };
    accept(&ground, &scope, before).await;
    ground.ledger().review(&scope, review("c-1", 1, LATER)).await.unwrap();
    ground.ledger().review(&scope, review("c-1", 2, LATER.plus(HOUR))).await.unwrap();
    assert!(facts(&ground, &scope, "review_changed_after_contact").await.is_empty(), "nobody wrote");
    let between = Record { deliveries: Vec::new(), ..from_seller("c-2", LATER.plus(HOUR)) };
    accept(&ground, &scope, between.clone()).await;
    let judge: Judge = Box::new(|_| Decision::Refuse(Reason::Rate));
    ground.ledger().record(&scope, from_seller("c-1", LATER.plus(HOUR)), judge).await.unwrap();
    ground.ledger().review(&scope, review("c-1", 5, LATER.plus(DAY))).await.unwrap();
    let told = facts(&ground, &scope, "review_changed_after_contact").await;
    assert_eq!(told, [format!("from=2 to=5 count=1 messages={}", between.id)]);
}

pub(super) async fn a_late_review_names_what_slipped_through(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    let before = Record { deliveries: Vec::new(), ..from_seller("c-1", T0) };
    let by_api = Record { deliveries: Vec::new(), ..from_seller("c-1", T0.plus(Duration(20))) };
    // Accepted before the buyer wrote the review, and brought after it.
    let (by_mail, queued) = (from_seller("c-1", T0), from_seller("c-1", T0.plus(Duration(30))));
    for message in [&before, &by_api, &by_mail] {
        accept(&ground, &scope, (*message).clone()).await;
    }
    for delivery in claim(&ground, LATER).await {
        settle(&ground, delivery.id, delivery.claim, Ending::Delivered).await;
    }
    accept(&ground, &scope, queued).await;
    let late = NewReview { claimed_at: Some(T0.plus(Duration(10))), ..review("c-1", 1, LATER.plus(HOUR)) };
    ground.ledger().review(&scope, late.clone()).await.unwrap();
    let told = facts(&ground, &scope, "review_slipped").await;
    let claimed = T0.plus(Duration(10)).rfc3339();
    assert_eq!(told, [format!("rating=1 claimed={claimed} count=2 messages={},{}", by_api.id, by_mail.id)]);
    ground.ledger().review(&scope, late).await.unwrap();
    assert_eq!(facts(&ground, &scope, "review_slipped").await.len(), 1, "the same again slips nothing");
}

async fn pair(ground: &Grounds, scope: &Scope, conversation: &str) -> PairState {
    ground.ledger().pair(scope, &id(conversation), T0).await.unwrap().unwrap()
}

/// The facts of every entry of this kind in the first conversation.
async fn facts(ground: &Grounds, scope: &Scope, kind: &str) -> Vec<String> {
    let chain = ground.chain(scope, &id("c-1")).await.unwrap();
    let entries = chain.iter().map(|(entry, _)| serde_json::from_str::<Entry>(entry).unwrap());
    let of_kind = |entry: &Entry| serde_json::to_value(entry.kind).unwrap() == kind;
    entries.filter(of_kind).map(|entry| entry.facts).collect()
}

pub(super) async fn a_restriction_is_read_with_the_pair_and_reaches_the_whole_group(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &Talk { group: Some("firm"), ..talk("c-1") }).await.unwrap();
    ground.add_conversation(&scope, &Talk { seller: "shop-2", group: Some("firm"), ..talk("c-2") }).await.unwrap();
    ground.add_conversation(&scope, &Talk { buyer: "ratna", group: Some("firm"), ..talk("c-3") }).await.unwrap();
    ground.add_conversation(&scope, &Talk { seller: "shop-3", ..talk("c-4") }).await.unwrap();
    let slowed = Restriction::Slowed { burst: 1, per: DAY };
    let narrow = NewRestriction { buyer: Some("budi".parse().unwrap()), ..restriction(slowed) };
    assert!(ground.ledger().restrict(&scope, narrow.clone()).await.unwrap());
    assert!(ground.ledger().restrict(&scope, narrow.clone()).await.unwrap(), "the same again");
    let wide = NewRestriction { until: Some(T0.plus(HOUR)), ..restriction(Restriction::TemplateOnly) };
    assert!(ground.ledger().restrict(&scope, wide).await.unwrap());
    let ground = ground.restart().await.unwrap();
    for (conversation, expected) in [
        ("c-1", vec![slowed, Restriction::TemplateOnly]),
        ("c-2", vec![slowed, Restriction::TemplateOnly]),
        ("c-3", vec![Restriction::TemplateOnly]),
        ("c-4", vec![]),
    ] {
        let pair = ground.ledger().pair(&scope, &id(conversation), T0).await.unwrap().unwrap();
        let found: HashSet<_> = pair.restrictions.iter().copied().collect();
        assert_eq!(
            (found, pair.restrictions.len()),
            (expected.iter().copied().collect(), expected.len()),
            "{conversation}"
        );
    }
    let pair = ground.ledger().pair(&scope, &id("c-2"), T0.plus(HOUR)).await.unwrap().unwrap();
    assert_eq!(pair.restrictions, [slowed], "the other has ended");
    let lift = LiftRestriction { id: narrow.id, at: LATER, entry: entry(EntryKind::ContactUnrestricted, LATER) };
    assert!(ground.ledger().lift(&scope, lift.clone()).await.unwrap());
    assert!(!ground.ledger().lift(&scope, lift).await.unwrap(), "once");
    let pair = ground.ledger().pair(&scope, &id("c-1"), T0.plus(HOUR)).await.unwrap().unwrap();
    assert!(pair.restrictions.is_empty());
    let chain = ground.chain(&scope, &id("c-2")).await.unwrap();
    let told = |kind: &str| chain.iter().filter(|(entry, _)| entry.contains(&format!("\"kind\":\"{kind}\""))).count();
    assert_eq!((told("contact_restricted"), told("contact_unrestricted")), (1, 1));
    let nobody = NewRestriction { id: event(), seller: "nobody".parse().unwrap(), ..restriction(slowed) };
    assert!(!ground.ledger().restrict(&scope, nobody).await.unwrap());
}

pub(super) async fn messages_withdrawn_stop_what_is_queued_and_no_other_sellers(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &Talk { group: Some("firm"), ..talk("c-1") }).await.unwrap();
    ground.add_conversation(&scope, &Talk { seller: "shop-2", group: Some("firm"), ..talk("c-2") }).await.unwrap();
    ground.add_conversation(&scope, &Talk { seller: "shop-3", ..talk("c-3") }).await.unwrap();
    let messages = ["c-1", "c-2", "c-3"].map(|conversation| from_seller(conversation, T0));
    for message in &messages {
        accept(&ground, &scope, message.clone()).await;
    }
    assert!(ground.ledger().restrict(&scope, restriction(Restriction::Withdrawn)).await.unwrap());
    let carried: Vec<EventId> = claim(&ground, LATER).await.iter().map(|delivery| delivery.message).collect();
    assert_eq!(carried, [messages[2].id]);
    for message in &messages[..2] {
        assert_eq!(ground.state(&scope, message.id).await.unwrap(), Some(MessageState::Withheld));
    }
    assert_eq!(contacts(&ground, &scope, "c-1").await, 0, "what was withheld costs nothing");
}

fn restriction(kind: Restriction) -> NewRestriction {
    NewRestriction {
        id: event(),
        seller: "shop-1".parse().unwrap(),
        buyer: None,
        kind,
        at: T0,
        until: None,
        cause: "violation".to_owned(),
        entry: entry(EntryKind::ContactRestricted, T0),
    }
}

pub(super) async fn a_conversation_that_is_unknown_is_gone(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    assert!(matches!(accept(&ground, &scope, from_seller("c-9", T0)).await, Recorded::Gone));
    assert!(ground.ledger().review(&scope, review("c-9", 1, T0)).await.unwrap().is_none());
    assert!(ground.ledger().pair(&scope, &id("c-9"), T0).await.unwrap().is_none());
}

pub(super) async fn budgets_barriers_and_queues_survive_a_restart(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    let early = from_seller("c-1", T0);
    accept(&ground, &scope, early).await;
    ground.ledger().review(&scope, review("c-1", 1, T0)).await.unwrap();
    let message = Record { idempotency: Some(fingerprint(1)), ..from_seller("c-1", T0) };
    accept(&ground, &scope, message.clone()).await;
    let before = ground.ledger().pair(&scope, &id("c-1"), T0).await.unwrap().unwrap();
    let ground = ground.restart().await.unwrap();
    assert_eq!(ground.ledger().pair(&scope, &id("c-1"), T0).await.unwrap().unwrap(), before);
    assert!(matches!(accept(&ground, &scope, message.clone()).await, Recorded::Repeated(id) if id == message.id));
    let queued = claim(&ground, T0).await;
    assert_eq!(queued.iter().map(|one| one.message).collect::<Vec<_>>(), [message.id]);
    assert_eq!(contacts(&ground, &scope, "c-1").await, 1);
}

pub(super) async fn the_chain_verifies_after_all_this(ground: Grounds) {
    let scope = scope();
    ground.add_conversation(&scope, &talk("c-1")).await.unwrap();
    accept(&ground, &scope, from_seller("c-1", T0)).await;
    let taken = claim(&ground, LATER).await.remove(0);
    settle(&ground, taken.id, taken.claim, Ending::Delivered).await;
    accept(&ground, &scope, from_seller("c-1", T0)).await;
    ground.ledger().review(&scope, review("c-1", 1, LATER)).await.unwrap();
    let judge: Judge = Box::new(|_| Decision::Hold { under: Some(Under::Ordinary) });
    ground.ledger().record(&scope, from_seller("c-1", LATER), judge).await.unwrap();
    let chain = ground.chain(&scope, &id("c-1")).await.unwrap();
    let mut head = Link::genesis(scope.marketplace(), &id("c-1"));
    for (n, (canonical, link)) in chain.iter().enumerate() {
        head = head.then(canonical.as_bytes());
        assert_eq!(head, *link);
        assert!(canonical.starts_with(&format!("{{\"seq\":{n},")), "{canonical}");
    }
    let kinds: Vec<&str> = ["conversation_opened", "message_accepted", "message_delivered", "message_accepted"]
        .into_iter()
        .chain(["review", "message_withheld", "message_held"])
        .collect();
    assert_eq!(chain.len(), kinds.len());
    for ((canonical, _), kind) in chain.iter().zip(kinds) {
        assert!(canonical.contains(&format!("\"kind\":\"{kind}\"")), "{canonical} is no {kind}");
    }
}

pub(super) fn scope() -> Scope {
    Scope::proven("demo".parse().unwrap())
}

pub(super) fn id(text: &str) -> ConversationId {
    text.parse().unwrap()
}

pub(super) fn talk(text: &str) -> Talk {
    Talk { id: id(text), buyer: "budi", seller: "shop-1", group: None }
}

pub(super) fn event() -> EventId {
    EventId::draw(T0, &SystemLuck::new()).unwrap()
}

pub(super) fn from_seller(conversation: &str, at: Timestamp) -> Record {
    message(conversation, Side::Seller, at)
}

pub(super) fn from_buyer(conversation: &str, at: Timestamp) -> Record {
    message(conversation, Side::Buyer, at)
}

fn message(conversation: &str, from: Side, at: Timestamp) -> Record {
    let body = b"sealed body".to_vec();
    Record {
        id: event(),
        conversation: id(conversation),
        from,
        agent: None,
        channel: Channel::Mail,
        at,
        automatic: false,
        form: Form::Free,
        stop: None,
        alike: None,
        files: Vec::new(),
        private: (Commitment::to(&[0; 16], b"{}"), b"sealed evidence".to_vec()),
        facts: String::new(),
        idempotency: None,
        notice: None,
        strikes: None,
        window: None,
        deliveries: vec![NewDelivery { id: event(), to: from.other(), channel: Channel::Mail, body }],
        lease: None,
        threads: Vec::new(),
        own_thread: None,
    }
}

fn fingerprint(body: u8) -> Idempotency {
    Idempotency { key: [7; 32], body: [body; 32], expires: T0.plus(DAY) }
}

pub(super) fn at_most(burst: usize) -> Judge {
    Box::new(move |pair| {
        if pair.contacts.len() < burst {
            Decision::Accept { under: Some(Under::Ordinary) }
        } else {
            Decision::Refuse(Reason::Rate)
        }
    })
}

async fn accept(ground: &Grounds, scope: &Scope, record: Record) -> Recorded {
    let under = (record.from == Side::Seller).then_some(Under::Ordinary);
    ground.ledger().record(scope, record, Box::new(move |_| Decision::Accept { under })).await.unwrap()
}

async fn claim(ground: &Grounds, now: Timestamp) -> Vec<Delivery> {
    ground.ledger().claim(now, LEASE, 100).await.unwrap()
}

async fn settle(ground: &Grounds, id: EventId, claim: u64, how: Ending) {
    ground.ledger().settle(vec![Settled { id, claim, how, at: LATER }]).await.unwrap();
}

async fn contacts(ground: &Grounds, scope: &Scope, conversation: &str) -> usize {
    ground.ledger().pair(scope, &id(conversation), T0).await.unwrap().unwrap().contacts.len()
}

pub(super) fn entry(kind: EntryKind, at: Timestamp) -> NewEntry {
    NewEntry { at, kind, by: None, message: None, facts: String::new(), private: None }
}

pub(super) fn handle(stands_for: Side, at: Timestamp) -> NewHandle {
    let mut hash = [0; 16];
    SystemLuck::new().fill(&mut hash).unwrap();
    NewHandle {
        hash: HandleHash(hash),
        stands_for,
        kind: HandleKind::Mail,
        sealed: b"sealed handle".to_vec(),
        created: at,
    }
}

pub(super) fn review(conversation: &str, rating: u8, at: Timestamp) -> NewReview {
    NewReview {
        id: "r-1".parse().unwrap(),
        conversation: id(conversation),
        rating,
        at,
        claimed_at: None,
        reviewer: format!("reader-{}", at.since(LATER).0.max(0)),
        handles: vec![handle(Side::Buyer, at)],
        notice_due: at.plus(HOUR),
        entry: entry(EntryKind::Review, at),
    }
}

async fn block(ground: &Grounds, scope: &Scope, by: Side, blocked: bool, at: Timestamp) -> super::Barrier {
    let kind = if blocked { EntryKind::Blocked } else { EntryKind::Unblocked };
    let new = NewBlock {
        conversation: id("c-1"),
        by,
        blocked,
        at,
        handles: vec![handle(by, at)],
        notice_due: at.plus(HOUR),
        entry: entry(kind, at),
    };
    ground.ledger().block(scope, new).await.unwrap().unwrap()
}

pub(super) const T0: Timestamp = Timestamp(1_793_836_800_000);
pub(super) const LATER: Timestamp = Timestamp(T0.0 + 60_000);
pub(super) const HOUR: Duration = Duration::hours(1);
pub(super) const DAY: Duration = Duration::days(1);
pub(super) const LEASE: Duration = Duration::minutes(5);
