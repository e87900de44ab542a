//! Our own signature on outgoing mail, and the records that prove it: made by the program, published on a DNS
//! server on loopback, judged by dkimpy.

use std::time::Duration;

use crate::house::{
    DOMAIN, HOSTNAME, House, Plan,
    dns::{Dns, Record},
    mails, python,
    sink::Sink,
};

struct Scene {
    house: House,
    dns: Dns,
    sink: Sink,
}

impl Scene {
    /// A house that has a key of each kind and signs with neither yet.
    async fn set() -> Self {
        let (dns, sink) = (Dns::start().await, Sink::start(None).await);
        let plan = Plan::new().route(sink.at).with(&format!("[mail.auth]\ndns = [\"{}\"]", dns.at));
        let house = plan.start().await;
        house.run_ok(&["mail", "key", "e1"]);
        house.make_rsa_key("r1");
        Self { house, dns, sink }
    }

    /// Signs from now on, as an operator would have it.
    async fn sign_with(&mut self, selectors: &str) {
        self.house.change(&format!("[mail.dkim]\nselectors = {selectors}"));
        let before = self.house.logs().matches("settings reloaded").count();
        self.house.signal("HUP");
        while self.house.logs().matches("settings reloaded").count() == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What the buyer of a new pair gets of one mail.
    async fn delivered(&self, tag: &str) -> Vec<u8> {
        let pair = self.house.pair_at(tag).await;
        let mail = mails::plain(&pair.seller, &pair.buyer_handle, "Hello", "Your scarf is packed.");
        let reply = self.house.smtp_tls().await.send(&pair.seller.email, &pair.buyer_handle, &mail.raw).await;
        assert_eq!(reply.expect("a reply").code, 250, "{}", self.house.logs());
        self.sink.nth(&pair.buyer.email, 1).await.raw.to_vec()
    }

    /// The zone as it is printed: exit code, names and texts, and each line's comment.
    fn zone(&self) -> (i32, Vec<(String, String)>, String) {
        let output = self.house.run(&["mail", "dns"]);
        let zone = String::from_utf8(output.stdout).expect("text");
        let texts = zone.lines().filter_map(|line| line.split_once(". IN TXT \""));
        let text = |rest: &str| rest.split("\"  ; ").next().unwrap_or_default().replace("\" \"", "");
        let texts = texts.map(|(name, rest)| (name.to_owned(), text(rest)));
        (output.status.code().unwrap_or(-1), texts.collect(), zone)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_signatures_hold_for_somebody_who_has_only_the_printed_zone() {
    let mut scene = Scene::set().await;
    let plain = scene.delivered("before").await;
    assert!(python::dkim_verify(&plain, &[]).is_empty(), "nothing signs before it is told to");
    scene.sign_with("[\"e1\", \"r1\"]").await;
    let (_, records, zone) = scene.zone();
    let signed = scene.delivered("after").await;
    let holds = |message: &[u8]| python::dkim_verify(message, &records);
    let both = |holds| vec![("e1".to_owned(), holds), ("r1".to_owned(), holds)];
    assert_eq!(holds(&signed), both(true), "{zone}\n{}", String::from_utf8_lossy(&signed));

    let text = String::from_utf8(signed).expect("ASCII");
    assert!(text.contains(&format!("d={DOMAIN};")), "aligned with From: {text}");
    // Above all others: a signature counts fields from below, and hosts on the way add theirs there.
    let added = |field: &str| format!("{field}\r\n{text}");
    assert_eq!(holds(added("X-Seen: yes").as_bytes()), both(true), "what a host on the way may add");
    for (what, changed) in [
        ("the subject", text.replace("Subject: Hello", "Subject: Hallo")),
        ("the body", text.replace("scarf", "shawl")),
        ("a second From", added("From: <other@example.com>")),
        ("a Reply-To more", added("Reply-To: <other@example.com>")),
        ("a Cc", added("Cc: <other@example.com>")),
        ("a Sender", added("Sender: <other@example.com>")),
    ] {
        assert_ne!(changed, text, "{what}");
        assert_eq!(holds(changed.as_bytes()), both(false), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_zone_is_found_once_it_is_published() {
    let mut scene = Scene::set().await;
    scene.sign_with("[\"e1\", \"r1\"]").await;
    let (code, records, zone) = scene.zone();
    assert_eq!(code, 1, "{zone}");
    assert!(zone.contains("missing") && !zone.contains("; published"), "{zone}");
    for (name, text) in &records {
        scene.dns.txt(name, text);
    }
    scene.dns.put(DOMAIN, Record::Mx(10, HOSTNAME.to_owned()));
    scene.dns.put(HOSTNAME, Record::A([203, 0, 113, 7].into()));
    let (code, _, zone) = scene.zone();
    assert_eq!(code, 0, "{zone}");
    assert!(!zone.contains("missing") && !zone.contains("wrong"), "{zone}");

    // A record of the time before a key was replaced.
    scene.dns.txt(&format!("e1._domainkey.{DOMAIN}"), "v=DKIM1; k=ed25519; p=AAAA");
    let (code, _, zone) = scene.zone();
    assert!(code == 1 && zone.contains("wrong"), "{zone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_can_not_be_used_changes_nothing_and_is_named() {
    let mut scene = Scene::set().await;
    scene.sign_with("[\"e1\"]").await;
    scene.house.change("[mail.dkim]\nselectors = [\"gone\"]");
    let check = scene.house.run(&["check"]);
    let told = String::from_utf8_lossy(&check.stderr).into_owned();
    assert!(check.status.code() == Some(2) && told.contains("gone.pem"), "{told}");
    scene.house.signal("HUP");
    while !scene.house.logs().contains("settings not reloaded") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (_, signed) = (scene.zone(), scene.delivered("still").await);
    assert!(String::from_utf8_lossy(&signed).contains("s=e1;"), "the key before it still signs");
}
