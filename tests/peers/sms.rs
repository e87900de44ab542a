//! Short messages of the whole program, with a provider that speaks Twilio's API as its peer.

use std::{collections::HashMap, net::SocketAddr, process::Command, time::Duration};

use data_encoding::BASE64;
use form_urlencoded::{Serializer, parse};
use ring::hmac;
use serde_json::{Value, json};

use crate::house::{House, Plan, canary, certs::Certs, eventually, receiver::Receiver};

const TOKEN: &str = "canarytokenofaccount";
const PUBLIC: &str = "https://sms.market.example";
const BUYER: &str = "+12025550150";
const SELLER: &str = "+12025550160";

struct Scene {
    house: House,
    provider: Receiver,
    at: SocketAddr,
}

/// A text as the provider was given it.
#[derive(Clone, Debug)]
struct Sent {
    to: String,
    from: String,
    body: String,
}

impl Scene {
    /// A house with a pool of `numbers`, and the provider that serves them.
    async fn new(numbers: usize) -> Self {
        let certs = Certs::make("provider.example", "127.0.0.1".parse().unwrap());
        let provider = Receiver::start(&certs).await;
        let mut house = Plan::new().lay();
        let at = SocketAddr::new(house.ip, 8445);
        std::fs::write(house.dir.path().join("provider.pem"), &certs.ca).unwrap();
        std::fs::write(house.dir.path().join("sms-token"), TOKEN).unwrap();
        let pool: String = (1..=numbers)
            .map(|n| format!("[[sms.numbers]]\nnumber = \"+120255501{n:02}\"\nserves = [\"+1\"]\n"))
            .collect();
        house.change(&format!(
            "[listen]\nsms_https = \"{at}\"\n[sms]\nbase = \"https://127.0.0.1:{}\"\naccount = \"AC1\"\n\
             public = \"{PUBLIC}\"\nca = \"provider.pem\"\nsegments = 2\ncalls = true\ncall_limit = \"5m\"\n{pool}\n[mail.out]\nretry = [\"1s\"]",
            provider.at.port()
        ));
        house.rise();
        house.wait_ready().await;
        house.token = house.add_marketplace(crate::house::MARKET, crate::house::DOMAIN);
        Self { house, provider, at }
    }

    async fn enroll(&self, id: &str, role: &str, phone: &str) {
        let form = json!({"role": role, "names": [id], "phones": [phone]});
        self.house.api().put(&format!("/v1/parties/{id}"), &form).await.ok();
    }

    /// A conversation in which both text.
    async fn talk(&self, id: &str, buyer: &str, seller: &str) -> Value {
        let form = json!({"buyer": buyer, "seller": seller, "deliver": {"buyer": ["sms"], "seller": ["sms"]}});
        self.house.api().put(&format!("/v1/conversations/{id}"), &form).await.ok()
    }

    /// The provider tells of a text; its answer's status and body.
    fn text(&self, id: &str, from: &str, to: &str, more: &[(&str, &str)]) -> (u16, String) {
        let mut fields = vec![("MessageSid", id), ("From", from), ("To", to), ("NumMedia", "0"), ("Body", "")];
        for (name, value) in more {
            fields.retain(|(known, _)| known != name);
            fields.push((name, value));
        }
        self.call("/sms/twilio", &fields, TOKEN)
    }

    fn says(&self, id: &str, from: &str, to: &str, body: &str) -> (u16, String) {
        self.text(id, from, to, &[("Body", body)])
    }

    fn call(&self, path: &str, fields: &[(&str, &str)], token: &str) -> (u16, String) {
        let mut sorted = fields.to_vec();
        sorted.sort_by_key(|(name, _)| *name);
        let signed = sorted.iter().fold(format!("{PUBLIC}{path}"), |all, (name, value)| all + name + value);
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
        let signature = BASE64.encode(hmac::sign(&key, signed.as_bytes()).as_ref());
        let form = Serializer::new(String::new()).extend_pairs(fields).finish();
        let run = Command::new("curl")
            .args(["-s", "-k", "-w", "\n%{http_code}", "-H", &format!("X-Twilio-Signature: {signature}"), "-d", &form])
            .arg(format!("https://{}{path}", self.at))
            .output()
            .expect("curl");
        let out = String::from_utf8(run.stdout).expect("text");
        let (body, status) = out.rsplit_once('\n').expect("a status");
        (status.parse().expect("a number"), body.to_owned())
    }

    fn sent(&self) -> Vec<Sent> {
        let read = |told: &crate::house::receiver::Told| {
            let fields: HashMap<String, String> = parse(&told.body).into_owned().collect();
            let field = |name: &str| fields[name].clone();
            Sent { to: field("To"), from: field("From"), body: field("Body") }
        };
        self.provider.came().iter().map(read).collect()
    }

    /// Everything the provider was given, once it is so many texts.
    async fn once(&self, n: usize) -> Vec<Sent> {
        eventually(Duration::from_secs(15), &format!("{n} texts"), async || {
            let sent = self.sent();
            (sent.len() >= n).then_some(sent)
        })
        .await
    }
}

const EMPTY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response></Response>";

#[tokio::test(flavor = "multi_thread")]
async fn two_people_text_over_numbers_of_a_pool_under_the_same_gate_as_everywhere() {
    let scene = Scene::new(2).await;
    scene.enroll("ratna", "buyer", BUYER).await;
    scene.enroll("zenon", "seller", SELLER).await;
    let made = scene.talk("c-1", "ratna", "zenon").await;
    let phone = |side: &str| made["handles"][side]["phone"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
    let (to_seller, to_buyer) = (phone("seller"), phone("buyer"));

    let told = scene.says("SM1", BUYER, &to_seller, "Is it on its way? Mail me: ratna@rumah.example");
    assert_eq!(told, (200, EMPTY.to_owned()), "{}", scene.house.logs());
    let first = scene.once(1).await.remove(0);
    assert_eq!((first.to.as_str(), &first.from), (SELLER, &to_buyer));
    assert!(first.body.starts_with("Is it on its way?") && !first.body.contains("rumah"), "{first:?}");
    let call = scene.provider.came().remove(0);
    assert_eq!(call.path, "/2010-04-01/Accounts/AC1/Messages.json");
    let basic = BASE64.encode(format!("AC1:{TOKEN}").as_bytes());
    assert_eq!(call.header("authorization"), format!("Basic {basic}"));
    assert!(String::from_utf8_lossy(&call.body).contains("StatusCallback=https%3A%2F%2Fsms.market.example%2Fsms"));

    // What the provider tells twice is one text, and what it did not tell is none.
    assert_eq!(scene.says("SM1", BUYER, &to_seller, "Is it on its way? Mail me: ratna@rumah.example").0, 200);
    let fields = [("MessageSid", "SM2"), ("From", BUYER), ("To", to_seller.as_str()), ("Body", "Hello")];
    assert_eq!(scene.call("/sms/twilio", &fields, "another token").0, 403);
    assert_eq!(scene.says("SM3", "+12025550170", &to_seller, "Who is there?"), (200, EMPTY.to_owned()), "a stranger");
    assert_eq!(scene.says("SM4", BUYER, "+12025550199", "Hello"), (200, EMPTY.to_owned()), "no number of the pool");
    let (status, answer) = scene.text("SM5", BUYER, &to_seller, &[("NumMedia", "1"), ("Body", "Look")]);
    assert!(status == 200 && answer.contains("<Message>Pictures can not be sent"), "{answer}");

    // The other way, and too long for two parts.
    let long = format!("It left today. {}", "It is packed well and it is on its way. ".repeat(20));
    assert_eq!(scene.says("SM6", SELLER, &to_buyer, &long).0, 200);
    let second = scene.once(2).await.remove(1);
    assert_eq!((second.to.as_str(), &second.from), (BUYER, &to_seller));
    assert!(second.body.len() <= 306 && second.body.ends_with("]"), "{second:?}");
    assert_eq!(
        scene.call("/sms/twilio/status?delivery=x", &[("MessageStatus", "failed"), ("ErrorCode", "30003")], TOKEN).0,
        204
    );

    // A call rings under a number of the pool, and is one of the messages.
    let ring = |id: &str, from: &str, to: &str| {
        scene.call("/voice/twilio", &[("CallSid", id), ("From", from), ("To", to)], TOKEN)
    };
    let (status, answer) = ring("CA1", BUYER, &to_seller);
    let dial = format!("<Dial callerId=\"{to_buyer}\" timeLimit=\"300\" record=\"do-not-record\">");
    assert!(status == 200 && answer.contains(&dial) && answer.contains(&format!(">{SELLER}</Number>")), "{answer}");
    assert!(ring("CA2", "+12025550170", &to_seller).1.contains("<Reject/>"));
    assert!(
        scene.call("/voice/twilio/whisper", &[("CallSid", "CA1")], TOKEN).1.contains("<Say language=\"en-US\">A call")
    );
    assert_eq!(scene.call("/voice/twilio", &[("CallSid", "CA3")], "another token").0, 403);
    let seen = scene.house.api().get("/v1/conversations/c-1/messages?as=seller").await.ok();
    let calls = seen["items"].as_array().unwrap().iter().filter(|item| item["channel"] == "voice").count();
    assert_eq!(calls, 1, "{seen}");
    assert!(ring("CA1", BUYER, &to_seller).1.contains("can not be put through"), "once rung, not again by itself");
    assert!(ring("CA6", &to_buyer, &to_seller).1.contains("<Reject/>"), "a number of the pool is nobody's phone");
    scene.enroll("dewi", "buyer", "+12025550180").await;
    let quiet = json!({"buyer": "dewi", "seller": "zenon", "deliver": {"buyer": ["api"], "seller": ["sms"]}});
    let quiet = scene.house.api().put("/v1/conversations/c-2", &quiet).await.ok();
    let to_dewi = quiet["handles"]["buyer"]["phone"].as_str().unwrap_or_else(|| panic!("{quiet}"));
    assert!(ring("CA7", SELLER, to_dewi).1.contains("can not be put through"), "she did not ask for the phone");
    // It answers nobody who waits.
    assert_eq!(scene.says("SM12", BUYER, &to_seller, "And when will it be here?").0, 200);
    scene.once(3).await;
    let waits = async || {
        let standing = scene.house.api().get("/v1/parties/zenon/standing").await.ok();
        standing["response"]["waiting"].as_array().unwrap().len()
    };
    assert!(ring("CA5", SELLER, &to_buyer).1.contains("<Dial"));
    assert_eq!(waits().await, 1);

    // What the provider could not take waits for it, and what a review overtakes never goes out.
    let colour = "One more thing about the colour.";
    let is = async |wanted: &str| {
        let all = scene.house.api().get("/v1/conversations/c-1/messages?as=seller").await.ok();
        let items = all["items"].as_array().unwrap();
        items.iter().any(|item| item["text"] == colour && item["state"] == wanted).then_some(())
    };
    scene.provider.answer(503, &[]);
    assert_eq!(scene.says("SM9", SELLER, &to_buyer, "It should be there tomorrow.").0, 200);
    let again = scene.once(5).await;
    assert!(again[3..].iter().all(|text| text.body.starts_with("It should be there")), "{again:?}");
    assert_eq!(waits().await, 0, "a text does");
    (0..60).for_each(|_| scene.provider.answer(503, &[]));
    let (_, answer) = scene.says("SM10", SELLER, &to_buyer, "Give me five stars or nothing more comes.");
    assert!(answer.contains("<Message>"), "{answer}");
    assert_eq!(scene.says("SM11", SELLER, &to_buyer, colour).0, 200);
    eventually(Duration::from_secs(10), "it waits", async || is("queued").await).await;

    // After a bad review the seller is refused by text as well, and told so.
    let review = json!({"conversation": "c-1", "rating": 1});
    scene.house.api().put("/v1/reviews/r-1", &review).await.ok();
    let tried = scene.sent().len();
    eventually(Duration::from_secs(10), "it is withheld", async || is("withheld").await).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(scene.sent().len(), tried, "nothing reaches the provider behind the barrier");
    let (status, answer) = scene.says("SM7", SELLER, &to_buyer, "Why did you write that?");
    assert!(status == 200 && answer.contains("<Message>Your message was not passed on"), "{answer}");
    let (status, answer) = ring("CA4", SELLER, &to_buyer);
    assert!(status == 200 && answer.contains("can not be put through") && !answer.contains(BUYER), "{answer}");
    assert!(answer.contains("<Say language=\"en-US\">"), "{answer}");
    let polish = json!({"role": "seller", "names": ["zenon"], "phones": [SELLER], "locale": "pl-PL"});
    scene.house.api().put("/v1/parties/zenon", &polish).await.ok();
    let (_, answer) = scene.says("SM13", SELLER, &to_buyer, "Proszę o odpowiedź.");
    assert!(answer.contains("<Message>Twojej wiadomości nie przekazano: ta rozmowa"), "{answer}");
    let (_, answer) = ring("CA8", SELLER, &to_buyer);
    assert!(answer.contains("<Say language=\"pl-PL\">Tego połączenia"), "{answer}");
    let (_, answer) = scene.text("SM14", SELLER, &to_buyer, &[("NumMedia", "1")]);
    assert!(answer.contains("<Message>Tą drogą nie można wysyłać zdjęć"), "{answer}");
    let (_, heard) = scene.call("/voice/twilio/whisper?language=id-ID", &[("CallSid", "CA1")], TOKEN);
    assert!(heard.contains("<Say language=\"id-ID\">Panggilan melalui"), "{heard}");
    assert_eq!(scene.says("SM8", BUYER, &to_seller, "STOP").0, 200);
    let events = scene.house.api().get("/v1/events?limit=200").await.ok();
    assert!(events.to_string().contains("contact.stopped"), "{events}");
    eventually(Duration::from_secs(10), "and it is not swallowed", async || {
        scene.sent().iter().any(|text| text.body == "STOP").then_some(())
    })
    .await;

    let (_, metrics) = scene.house.ask_admin("/metrics").await.unwrap();
    assert!(metrics.contains("tabir_sms_strangers_total 4"), "{metrics}");
    let hidden: Vec<String> = ["2025550150", "2025550160", "2025550170", TOKEN].map(str::to_owned).to_vec();
    canary::none(scene.house.logs().as_bytes(), &hidden, "the log");
    canary::none(metrics.as_bytes(), &hidden, "the metrics");
    let kept = canary::found_in_folder(&scene.house.data(), &hidden);
    assert!(kept.is_empty(), "{kept:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_conversations_go_over_five_numbers_and_none_crosses() {
    let scene = Scene::new(5).await;
    let phone = |role: usize, n: usize| format!("+1202555{:04}", 1000 + role * 100 + n);
    for n in 0..20 {
        scene.enroll(&format!("b{n}"), "buyer", &phone(0, n)).await;
        scene.enroll(&format!("s{n}"), "seller", &phone(1, n)).await;
    }
    let mut lines: HashMap<(String, String), String> = HashMap::new();
    let mut talks = Vec::new();
    for n in 0..100 {
        let (buyer, seller) = (n % 20, (n % 20 + n / 20) % 20);
        let id = format!("c{n}");
        let made = scene.talk(&id, &format!("b{buyer}"), &format!("s{seller}")).await;
        let number = |side: &str| made["handles"][side]["phone"].as_str().expect("a number").to_owned();
        for (caller, number) in [(phone(0, buyer), number("seller")), (phone(1, seller), number("buyer"))] {
            let before = lines.insert((number.clone(), caller.clone()), id.clone());
            assert_eq!(before, None, "{caller} has two conversations on {number}");
        }
        talks.push((id, phone(0, buyer), phone(1, seller), number("buyer")));
    }
    for (id, ..) in &talks {
        let said = json!({"from": "buyer", "text": format!("This is about {id}.")});
        scene.house.api().post(&format!("/v1/conversations/{id}/messages"), &said).await.ok();
    }
    let sent = scene.once(100).await;
    for (id, _, seller, number) in &talks {
        let body = format!("This is about {id}.");
        let of: Vec<&Sent> = sent.iter().filter(|text| text.body == body).collect();
        assert_eq!(of.len(), 1, "{id}");
        assert_eq!((&of[0].to, &of[0].from), (seller, number), "{id}");
    }
    // Back over one of them: it is told by number and phone whose it is.
    let (id, buyer, seller, from) = &talks[42];
    let (number, _) =
        lines.iter().find(|((_, caller), talk)| caller == buyer && *talk == id).expect("a line").0.clone();
    assert_eq!(scene.says("SM1", buyer, &number, "Which one was it?"), (200, EMPTY.to_owned()), "{number}");
    let last = scene.once(101).await.remove(100);
    assert_eq!((&last.to, &last.from, last.body.as_str()), (seller, from, "Which one was it?"));

    // A sixth conversation of one phone has no number: clear words, and nothing is lost.
    scene.enroll("s99", "seller", "+12025559999").await;
    let form = json!({"buyer": "b0", "seller": "s99", "deliver": {"buyer": ["sms"]}});
    let refused = scene.house.api().put("/v1/conversations/c-100", &form).await;
    let problem = refused.json();
    assert_eq!((refused.status, &problem["field"]), (422, &json!("deliver.buyer")), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_texts_is_still_known_when_the_key_that_indexed_the_number_is_gone() {
    let mut scene = Scene::new(2).await;
    scene.enroll("ratna", "buyer", BUYER).await;
    scene.enroll("zenon", "seller", SELLER).await;
    let made = scene.talk("c-1", "ratna", "zenon").await;
    let to_seller = made["handles"]["seller"]["phone"].as_str().expect("a number").to_owned();
    assert_eq!(scene.says("SM1", BUYER, &to_seller, "Under the first key.").0, 200);
    scene.once(1).await;

    scene.house.run_ok(&["keys", "rotate"]);
    let told = scene.house.run_ok(&["keys", "reseal"]);
    assert!(told.contains("and 2 numbers indexed anew, 0 numbers given up"), "{told}");
    let list = scene.house.run_ok(&["keys", "list"]);
    assert!(list.lines().next().expect("the old key").ends_with("old\tserves 0"), "{list}");
    let file = scene.house.data().join("keys");
    let mut ring: toml::Table = std::fs::read_to_string(&file).expect("the key file").parse().expect("TOML");
    ring["key"].as_array_mut().expect("keys").remove(0);
    std::fs::write(&file, ring.to_string()).expect("written");
    scene.house.restart().await;

    assert_eq!(scene.says("SM2", BUYER, &to_seller, "Under the second key.").0, 200);
    assert_eq!(scene.once(2).await.remove(1).body, "Under the second key.");
    let again = scene.talk("c-1", "ratna", "zenon").await;
    assert_eq!(again["handles"]["seller"]["phone"], json!(to_seller), "it keeps its number");
}
