//! The clocks: silence, proof, alarms, and no order of events that decides without them.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration as StdDuration,
};

use proptest::prelude::*;
use serde_json::{Value, json};
use tabir::{
    model::{Duration, Side},
    policy::{
        cases::{ClockRules, Days},
        rules::MarketRules,
    },
    relay::Handover,
};

use crate::house::{BUYER_MAIL, House};

#[tokio::test]
async fn a_seller_who_is_silent_for_three_days_after_the_request_loses_with_proof() {
    let house = House::new().await;
    house.talk().await;
    house.world_says(Handover::NotNow { code: "4.2.2".to_owned() });
    house.open_case().await;
    house.tend().await;
    house.pass(Duration::hours(20));
    house.world_says(Handover::Delivered);
    house.tend().await;
    let proof = house.case().await["requests"]["seller"]["proof"].as_u64().unwrap();
    house.pass(Duration::hours(71));
    house.tend().await;
    assert_eq!(house.case().await["state"], "open", "silence counts from the arrival");
    let house = house.restart();
    house.pass(Duration::hours(1));
    house.tend().await;
    let case = house.case().await;
    let decision = &case["decision"];
    assert_eq!((&decision["outcome"], &decision["automated"]), (&json!("for_buyer"), &json!(true)), "{case}");
    assert_eq!(decision["amount"]["amount"], "150000");
    let feed = house.market("GET", "/v1/events?limit=200", Value::Null).await.ok();
    let decided = feed["items"].as_array().unwrap().iter().find(|event| event["type"] == "case.decided").unwrap();
    assert_eq!(decided["data"]["proof"], proof.to_string(), "the entry names what proves it: {decided}");
    house.tend().await;
    assert!(house.mails_to(BUYER_MAIL).last().unwrap().contains("not answered"));
}

#[tokio::test]
async fn a_request_that_never_arrives_calls_a_person_and_decides_nothing() {
    let house = House::new().await;
    house.talk().await;
    house.world_says(Handover::Never { code: "5.1.1".to_owned() });
    house.open_case().await;
    house.tend().await;
    house.tend().await;
    let case = house.case().await;
    assert_eq!(
        (&case["requests"]["seller"]["state"], &case["escalated"]),
        (&json!("failed"), &json!(["unproven"])),
        "{case}"
    );
    house.pass(Duration::days(60));
    house.tend().await;
    let case = house.case().await;
    assert_eq!((&case["state"], &case["escalated"]), (&json!("open"), &json!(["overdue", "unproven"])), "{case}");
}

#[tokio::test]
async fn evidence_of_both_leaves_the_decision_to_a_person_and_late_evidence_is_said_to_be_late() {
    let house = House::new().await;
    house.talk().await;
    house.open_case().await;
    house.tend().await;
    let chat = |by: &str| json!({"by": by, "slot": "chat", "text": "Sudah dikirim lengkap."});
    let case = house.market("POST", "/v1/cases/k-1/evidence", chat("seller")).await.ok();
    assert!(case["requests"]["seller"]["answered_at"].is_string(), "{case}");
    house.pass(Duration::hours(73));
    let case = house.market("POST", "/v1/cases/k-1/evidence", chat("buyer")).await.ok();
    assert_eq!((&case["items"][1]["late"], &case["items"][2]["late"]), (&json!(false), &json!(true)));
    house.pass(Duration::days(30));
    house.break_table("letter");
    house.tend().await;
    assert!(house.case().await.get("escalated").is_none(), "nobody was told, so it is not noted");
    house.heal();
    house.tend().await;
    let case = house.case().await;
    assert_eq!((&case["state"], &case["escalated"]), (&json!("open"), &json!(["overdue"])), "{case}");
    assert!(house.mails_to(BUYER_MAIL).last().unwrap().contains("was passed on"));
    // Support asks again: the same words once more are an answer now.
    let support = house.token(tabir::desk::TokenScope::Support).await;
    let ask = json!({"from": "support", "agent": "cs-1", "to": "buyer", "kind": "request", "case": "k-1",
        "text": "Mohon foto paketnya."});
    house.ask(&support, "POST", "/v1/conversations/c-1/messages", ask.clone()).await.ok();
    assert!(house.case().await["requests"]["buyer"].get("answered_at").is_none());
    for _ in 0..2 {
        let case = house.open_case().await;
        assert!(case["requests"]["buyer"]["answered_at"].is_string(), "{case}");
        assert_eq!(case["items"].as_array().unwrap().len(), 4, "answered once: {case}");
    }
    // And again: now the buyer's silence counts, from the arrival of this.
    house.ask(&support, "POST", "/v1/conversations/c-1/messages", ask).await.ok();
    house.tend().await;
    house.pass(Duration::hours(72));
    house.tend().await;
    assert_eq!(house.case().await["decision"]["outcome"], "for_seller");
}

#[tokio::test]
async fn an_urgent_case_has_minutes_and_an_alarm_until_a_person_takes_it() {
    let house = House::new().await;
    house.talk().await;
    let urgent = |id: &str| {
        let body =
            json!({"conversation": "c-1", "by": "buyer", "topic": "courier_at_door", "description": "Ada kurir."});
        (format!("/v1/cases/{id}"), body)
    };
    for id in ["k-1", "k-2"] {
        let (path, body) = urgent(id);
        house.market("PUT", &path, body).await.ok();
    }
    assert_eq!(house.events().await.iter().filter(|event| *event == "case.urgent").count(), 2);
    house.market("POST", "/v1/cases/k-2/take", json!({"actor": "night-1"})).await.ok();
    house.pass(Duration::minutes(15));
    house.tend().await;
    assert_eq!(house.case().await["escalated"], json!(["unattended"]));
    let taken = house.market("GET", "/v1/cases/k-2", Value::Null).await.ok();
    assert!(taken.get("escalated").is_none() && taken["taken_at"].is_string(), "{taken}");
    house.pass(Duration::days(90));
    house.tend().await;
    assert_eq!(house.case().await["state"], "open", "no silence decides what is urgent");
}

#[tokio::test]
async fn a_slow_mail_host_holds_up_its_own_letters_alone_and_what_is_in_hand_is_finished_at_the_end() {
    let house = House::new().await;
    house.talk().await;
    house.wire.slow.store(true, Ordering::SeqCst);
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let caring = tokio::spawn(Arc::clone(&house.relay).care(async { drop(ended.await) }));
    for id in ["k-1", "k-2"] {
        let case = json!({"conversation": "c-1", "by": "buyer", "topic": "damaged", "description": "Rusak."});
        house.market("PUT", &format!("/v1/cases/{id}"), case).await.ok();
        let asked = async {
            while house.market("GET", &format!("/v1/cases/{id}"), Value::Null).await.ok()["requests"]["seller"]
                .is_null()
            {
                tokio::time::sleep(StdDuration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(StdDuration::from_secs(5), asked).await.unwrap_or_else(|_| panic!("{id} waits"));
    }
    end.send(()).unwrap();
    tokio::time::sleep(StdDuration::from_millis(100)).await;
    assert!(!caring.is_finished(), "letters in hand are waited for");
    house.wire.slow.store(false, Ordering::SeqCst);
    tokio::time::timeout(StdDuration::from_secs(5), caring).await.unwrap().unwrap();
    assert_eq!(house.case().await["requests"]["seller"]["state"], "delivered");
}

#[tokio::test]
async fn business_days_leave_out_the_weekend() {
    let clocks = ClockRules { days: Days::Business, ..ClockRules::default() };
    let mut rules = MarketRules::default();
    rules.cases.clocks = clocks;
    let house = House::with(rules).await;
    house.talk().await;
    // 2026-11-05 is a Thursday: three business days end on Tuesday.
    house.open_case().await;
    house.tend().await;
    house.pass(Duration::hours(5 * 24 - 1));
    house.tend().await;
    assert_eq!(house.case().await["state"], "open");
    house.pass(Duration::hours(1));
    house.tend().await;
    assert_eq!(house.case().await["state"], "decided");
}

/// What may happen to a case, in any order.
#[derive(Clone, Debug)]
enum Happens {
    Hours(i64),
    World(bool),
    Refuses,
    Evidence(Side),
    Bounce(Side),
    AskAgain(Side),
    Submit,
    Restart,
    Tend,
}

fn happening() -> impl Strategy<Value = Happens> {
    let side = prop_oneof![Just(Side::Buyer), Just(Side::Seller)];
    prop_oneof![
        4 => (1i64..60).prop_map(Happens::Hours),
        2 => any::<bool>().prop_map(Happens::World),
        1 => Just(Happens::Refuses),
        1 => side.clone().prop_map(Happens::Evidence),
        1 => side.clone().prop_map(Happens::Bounce),
        1 => side.prop_map(Happens::AskAgain),
        1 => Just(Happens::Submit),
        1 => Just(Happens::Restart),
        4 => Just(Happens::Tend),
    ]
}

async fn happens(house: House, what: &Happens) -> House {
    match what {
        Happens::Hours(hours) => house.pass(Duration::hours(*hours)),
        Happens::World(true) => house.world_says(Handover::Delivered),
        Happens::World(false) => house.world_says(Handover::NotNow { code: "dns".to_owned() }),
        Happens::Refuses => house.world_says(Handover::Never { code: "5.1.1".to_owned() }),
        Happens::Evidence(by) => {
            let body = json!({"by": by.as_str(), "slot": "chat", "text": "Bukti."});
            let _ = house.market("POST", "/v1/cases/k-1/evidence", body).await;
        }
        Happens::Bounce(side) => {
            let letter = house.case().await["requests"][side.as_str()]["letter"].clone();
            if let Some(letter) = letter.as_str() {
                house.store.letter_bounced(letter.parse().unwrap(), house.now()).await.unwrap();
            }
        }
        Happens::AskAgain(to) => {
            let body = json!({"from": "support", "agent": "cs-1", "to": to.as_str(), "kind": "request", "case": "k-1",
                "text": "Mohon bukti."});
            let _ = house.market("POST", "/v1/conversations/c-1/messages", body).await;
        }
        Happens::Submit => {
            let body = json!({"conversation": "c-1", "by": "buyer", "topic": "damaged",
                "description": format!("Lagi {}", house.now().0)});
            let _ = house.market("PUT", "/v1/cases/k-1", body).await;
        }
        Happens::Restart => return house.restart(),
        Happens::Tend => house.tend().await,
    }
    house
}

/// Whoever lost by silence had a request that is proven to have arrived three days before, and did not answer it.
fn is_just(case: &Value) -> Result<(), String> {
    let decision = &case["decision"];
    if decision["automated"] != true {
        return Ok(());
    }
    let time = |value: &Value| value.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let silent: &[&str] = match decision["outcome"].as_str() {
        Some("for_buyer") => &["seller"],
        Some("for_seller") => &["buyer"],
        _ => &["buyer", "seller"],
    };
    for side in silent {
        let request = &case["requests"][side];
        let (Some(delivered), Some(decided)) = (time(&request["delivered_at"]), time(&decision["at"])) else {
            return Err(format!("{side} lost without proof: {case}"));
        };
        let early = decided.as_millisecond() - delivered.as_millisecond() < Duration::days(3).0;
        if early || request["answered_at"].is_string() || !request["proof"].is_u64() {
            return Err(format!("{side} lost too early or after an answer: {case}"));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_events_decides_by_silence_without_proof_or_before_its_time(
        events in proptest::collection::vec(happening(), 1..24),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let just = runtime.block_on(async {
            let mut house = House::new().await;
            house.talk().await;
            house.open_case().await;
            for event in &events {
                house = happens(house, event).await;
                let case = house.case().await;
                if case["state"] == "decided" {
                    return is_just(&case);
                }
            }
            Ok(())
        });
        prop_assert!(just.is_ok(), "{just:?} after {events:?}");
    }
}
