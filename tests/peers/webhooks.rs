//! Webhooks of the whole program, judged by the official library.

use serde_json::json;

use crate::house::{Plan, certs::Certs, python, receiver::Receiver};

#[tokio::test]
async fn the_official_library_takes_what_it_is_told_also_after_a_restart() {
    let certs = Certs::make("hooks.example", "127.0.0.1".parse().unwrap());
    let receiver = Receiver::start(&certs).await;
    let port = receiver.at.port();
    let plan =
        Plan::new().with(&format!("[webhooks]\nallow = [\"127.0.0.0/8\"]\nports = [{port}]\nca = \"hooks.pem\""));
    let house = plan.start_with(|house| std::fs::write(house.dir.path().join("hooks.pem"), &certs.ca).unwrap());
    let mut house = house.await;
    let hook = json!({"url": format!("https://127.0.0.1:{port}/"), "events": ["message.accepted"]});
    let made = house.api().put("/v1/webhooks/h", &hook).await.ok();
    let secret = made["secret"].as_str().unwrap();
    let pair = house.pair("one").await;
    let path = format!("/v1/conversations/{}/messages", pair.id);
    let said = json!({"from": "buyer", "text": "Is it there yet?"});
    let first = house.api().post(&path, &said).await.ok()["id"].clone();
    let told = receiver.once(1).await;
    assert!(python::webhook_verify(secret, &told[0]));
    assert!(!python::webhook_verify("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &told[0]));
    let (_, metrics) = house.ask_admin("/metrics").await.unwrap();
    assert!(metrics.contains("tabir_webhook_tries_total{outcome=\"taken\"} 1"), "{metrics}");

    house.restart().await;
    let second = house.api().post(&path, &said).await.ok()["id"].clone();
    let told = receiver.once(2).await;
    let messages: Vec<_> = told.iter().map(|told| told.json()["data"]["message"].clone()).collect();
    assert_eq!(messages, [first, second]);
    assert!(python::webhook_verify(secret, &told[1]));
    let logs = house.logs();
    assert!(!logs.contains(secret) && !logs.contains("whsec_"), "{logs}");
}
