//! Couriers at the buyer's door.

use super::*;

struct Door {
    house: House,
    /// The postal handle of the buyer, as it is on the label.
    code: String,
    carrier: String,
    from: Timestamp,
}

impl Door {
    async fn new() -> Self {
        let house = House::new().await;
        let talk = house.talk(json!({})).await;
        let code = talk["handles"]["buyer"]["address"].as_str().unwrap().to_owned();
        let carrier = house.token(TokenScope::Carrier { name: "jne".to_owned() }).await;
        let from = house.clock.now();
        Self { house, code, carrier, from }
    }

    /// Announces a courier of `carrier` from in `hours` for two hours.
    async fn announce(&self, id: &str, carrier: &str, hours: i64) -> Told {
        let hour = |n| self.from.plus(Duration::hours(n)).rfc3339();
        let form = json!({"conversation": "c-1", "carrier": carrier, "from": hour(hours), "until": hour(hours + 2)});
        self.house.market("PUT", &format!("/v1/pickups/{id}"), form).await
    }

    async fn redeem(&self, token: &str, code: &str) -> Told {
        let body = json!({"shipment": "JNE1", "purpose": "pickup"});
        self.house.ask(token, "POST", &format!("/v1/handles/{code}/redeem"), body).await
    }

    async fn check(&self, door: Value) -> Value {
        let told = self.house.market("POST", "/v1/pickups/check", door).await;
        assert_eq!(told.status, 200, "{}", told.body);
        told.body
    }

    async fn events(&self, kind: &str) -> Vec<Value> {
        let all = self.house.market("GET", "/v1/events?limit=200", Value::Null).await.body;
        let items = all["items"].as_array().unwrap().clone();
        items.into_iter().filter(|item| item["type"] == kind).collect()
    }
}

#[tokio::test]
async fn a_courier_who_was_announced_gets_the_address_and_says_the_digits_at_the_door() {
    let door = Door::new().await;
    let announced = door.announce("p-1", "jne", 1).await;
    assert_eq!(announced.status, 201, "{}", announced.body);
    let digits = announced.body["code"].as_str().unwrap().to_owned();
    assert!(digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()), "{digits}");
    assert_eq!(door.announce("p-1", "jne", 1).await.status, 200, "the same again");

    let opened = door.redeem(&door.carrier, &door.code).await;
    assert_eq!((opened.status, &opened.body["code"]), (200, &json!(digits)), "{}", opened.body);
    let other = door.house.token(TokenScope::Carrier { name: "other".to_owned() }).await;
    let refused = door.redeem(&other, &door.code).await;
    assert_eq!((refused.status, &refused.body["field"]), (422, &json!("purpose")), "{}", refused.body);

    door.house.pass_time(Duration::minutes(90));
    let told = door.check(json!({"party": "b-1"})).await;
    assert_eq!((&told["expected"], &told["pickups"][0]["code"]), (&json!(true), &json!(digits)), "{told}");
    assert_eq!(door.check(json!({"party": "b-1", "carrier": "JNE "})).await["expected"], true);
    assert!(told.get("report").is_none() && door.events("report.received").await.is_empty(), "{told}");
    assert_eq!(door.events("pickup.checked").await.len(), 2);
}

#[tokio::test]
async fn whom_nobody_announced_is_an_urgent_report_and_the_code_on_the_parcel_is_dead() {
    let door = Door::new().await;
    // The address was read for the delivery: over this handle the courier knows the door.
    let path = format!("/v1/handles/{}/redeem", door.code);
    let delivery = json!({"shipment": "JNE1", "purpose": "delivery"});
    assert_eq!(door.house.ask(&door.carrier, "POST", &path, delivery).await.status, 200);
    let refused = door.redeem(&door.carrier, &door.code).await;
    assert_eq!(refused.status, 422, "nobody announced a pick-up: {}", refused.body);
    assert_eq!(door.events("handle.misused").await.len(), 1, "and that is evidence");

    let told = door.check(json!({"party": "b-1", "carrier": "jne"})).await;
    assert_eq!((&told["expected"], &told["pickups"]), (&json!(false), &json!([])), "{told}");
    let report =
        door.house.market("GET", &format!("/v1/reports/{}", told["report"].as_str().unwrap()), Value::Null).await;
    assert_eq!(
        (&report.body["category"], &report.body["conversation"]),
        (&json!("unordered_courier"), &json!("c-1")),
        "{}",
        report.body
    );
    let case =
        door.house.market("GET", &format!("/v1/cases/{}", report.body["case"].as_str().unwrap()), Value::Null).await;
    assert_eq!(case.body["severity"], "urgent", "{}", case.body);

    let talk = door.house.market("GET", "/v1/conversations/c-1", Value::Null).await.body;
    assert_ne!(talk["handles"]["buyer"]["address"], json!(door.code), "another code for the next parcel");
    let delivery = json!({"shipment": "JNE1", "purpose": "delivery"});
    assert_eq!(door.house.ask(&door.carrier, "POST", &path, delivery).await.status, 404, "the old one opens nothing");

    let again = door.check(json!({"party": "b-1", "carrier": "jne"})).await;
    assert_eq!(again["report"], told["report"], "the same courier, the same report");
    door.house.pass_time(Duration::hours(2));
    let later = door.check(json!({"party": "b-1", "carrier": "jne"})).await;
    assert_ne!(later["report"], told["report"]);

    for (reader, shown) in [("buyer", true), ("seller", false)] {
        let path = format!("/v1/conversations/c-1/evidence?as={reader}");
        let bundle = door.house.market("GET", &path, Value::Null).await;
        assert_eq!(bundle.status, 200, "{}", bundle.body);
        assert_eq!(String::from_utf8_lossy(&bundle.text).contains("pickup_checked"), shown, "{reader}");
    }
}

#[tokio::test]
async fn outside_its_hours_called_off_or_for_another_buyer_nobody_is_expected() {
    let door = Door::new().await;
    door.announce("p-1", "jne", 3).await;
    assert_eq!(door.check(json!({"party": "b-1"})).await["expected"], false, "too early");
    door.house.pass_time(Duration::hours(4));
    assert_eq!(door.check(json!({"party": "b-1", "carrier": "other"})).await["expected"], false);
    assert_eq!(door.check(json!({"party": "b-1", "conversation": "c-1"})).await["expected"], true);
    assert_eq!(door.house.market("DELETE", "/v1/pickups/p-1", Value::Null).await.status, 204);
    assert_eq!(door.house.market("DELETE", "/v1/pickups/p-1", Value::Null).await.status, 404);
    assert_eq!(door.check(json!({"party": "b-1"})).await["expected"], false, "called off");
    assert_eq!(door.announce("p-1", "jne", 4).await.body["field"], "id", "what was called off stays so");

    let stranger = door.house.market("POST", "/v1/pickups/check", json!({"party": "s-1", "conversation": "c-1"})).await;
    assert_eq!(stranger.status, 404, "{}", stranger.body);
    let seller = door.house.seller_token("s-1").await;
    for (method, path) in [("GET", "/v1/pickups/p-1"), ("POST", "/v1/pickups/check")] {
        assert_eq!(door.house.ask(&seller, method, path, json!({"party": "b-1"})).await.status, 403, "{path}");
    }
    for (field, form) in [
        (
            "carrier",
            json!({"conversation": "c-1", "carrier": "", "from": "2027-01-01T00:00:00Z", "until": "2027-01-02T00:00:00Z"}),
        ),
        (
            "conversation",
            json!({"conversation": "c-9", "carrier": "jne", "from": door.from.rfc3339(), "until": door.from.plus(Duration::days(1)).rfc3339()}),
        ),
        (
            "until",
            json!({"conversation": "c-1", "carrier": "jne", "from": door.from.rfc3339(), "until": door.from.plus(Duration::days(20)).rfc3339()}),
        ),
        ("from", json!({"conversation": "c-1", "carrier": "jne", "from": "soon", "until": "2027-01-02T00:00:00Z"})),
    ] {
        let told = door.house.market("PUT", "/v1/pickups/p-2", form).await;
        assert_eq!((told.status / 100, &told.body["field"]), (4, &json!(field)), "{}", told.body);
    }
}

#[tokio::test]
async fn nobody_is_sent_to_a_buyer_who_is_afraid() {
    let door = Door::new().await;
    door.announce("p-1", "jne", 0).await;
    assert_eq!(door.house.market("POST", "/v1/conversations/c-1/afraid", json!({})).await.status, 200);
    assert!(door.house.market("GET", "/v1/pickups/p-1", Value::Null).await.body["ended_at"].is_string());
    assert_eq!(door.announce("p-2", "jne", 0).await.body["field"], "conversation");
    assert_eq!(door.check(json!({"party": "b-1"})).await["expected"], false);
}
