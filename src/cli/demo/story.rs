//! The story. It is told after a true one: five things ordered, three sent, no answer, one
//! star, and in the same second the seller is at the door.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    mail::{self, Letter},
    web::{self, Client},
};
use crate::{
    app::Running,
    cli::{Failure, say},
    evidence::verify,
    model::{Fault, Secret},
};

const SELLER: &str = "melati@toko.example";
const BUYER: &str = "sari@mail.example";

struct Story<'a> {
    api: Client,
    running: &'a Running,
    mailbox: &'a Path,
    as_told: bool,
}

/// Plays it; whether every step came out as told.
pub(super) async fn play(running: &Running, mailbox: &Path) -> Result<bool, Failure> {
    let ca = running.dev_ca.as_deref().ok_or_else(|| Fault::plain("looking for the development CA"))?;
    let token = running.first_token.clone().ok_or_else(|| Fault::plain("looking for a fresh marketplace"))?;
    let api = Client { address: running.addresses.https, tls: web::trusting(ca)?, token };
    let mut story = Story { api, running, mailbox, as_told: true };
    story.people().await?;
    let handles = story.order().await?;
    story.mail(&handles).await?;
    story.tricks().await?;
    story.review(&handles).await?;
    story.answer().await?;
    story.case().await?;
    story.courier(&handles).await?;
    story.evidence().await?;
    story.nothing_crossed()?;
    say::out("")?;
    say::out(if story.as_told {
        "Every step came out as told."
    } else {
        "Something came out otherwise: see ✗ above."
    })?;
    Ok(story.as_told)
}

/// The handles of the first conversation.
struct Handles {
    buyer: String,
    seller: String,
    /// The code on the parcel.
    label: String,
}

impl Story<'_> {
    async fn people(&mut self) -> Result<(), Failure> {
        say::out("\nA marketplace, a shop and a buyer")?;
        let seller = json!({"display_name": "Toko Melati", "names": ["Melati Suryani"], "emails": [SELLER],
            "phones": ["+6281200000001"], "locale": "id", "region": "ID"});
        let buyer = json!({"names": ["Sari Wulandari"], "emails": [BUYER], "phones": ["+6281200000002"], "role": "buyer",
            "locale": "id", "region": "ID", "addresses": [{"name": "Sari Wulandari", "lines": ["Jalan Contoh 1"],
            "city": "Bandung", "postcode": "40111", "country": "ID"}]});
        let (a, _) = self.api.call("PUT", "/v1/parties/toko-melati", seller).await?;
        let (b, shown) = self.api.call("PUT", "/v1/parties/sari", buyer).await?;
        self.step(a < 300 && b < 300, "both are enrolled; from now on the API gives hints only:")?;
        let (_, hints) = self.api.call("GET", "/v1/parties/sari", Value::Null).await?;
        let hint = hints["emails"][0].as_str().or(shown["emails"][0].as_str()).unwrap_or("?").to_owned();
        self.quote(&hint)?;
        self.step(!hints.to_string().contains(BUYER), "no answer of the API holds the real address")
    }

    async fn order(&mut self) -> Result<Handles, Failure> {
        say::out("\nTwo orders, two conversations")?;
        let facts = json!({"state": "shipped", "fulfilment": "seller",
            "items": [{"title": "Kaus katun", "quantity": 5, "shipped": 3}]});
        let mut answers = Vec::new();
        for n in 1..=2 {
            self.api.call("PUT", &format!("/v1/orders/order-{n}"), facts.clone()).await?;
            let conversation = json!({"order": format!("order-{n}"), "buyer": "sari", "seller": "toko-melati"});
            answers.push(self.api.call("PUT", &format!("/v1/conversations/talk-{n}"), conversation).await?);
        }
        let made = answers.iter().all(|(status, _)| *status < 300);
        let handle =
            |n: usize, side: &str| answers[n].1["handles"][side]["email"].as_str().unwrap_or_default().to_owned();
        self.step(
            made && handle(0, "buyer") != handle(1, "buyer"),
            "the shop sees the buyer as a new stranger in each order:",
        )?;
        self.quote(&format!("order 1: {}\norder 2: {}", handle(0, "buyer"), handle(1, "buyer")))?;
        let label = answers[0].1["handles"]["buyer"]["address"].as_str().unwrap_or("-").to_owned();
        self.step(label.len() >= 8, "and on the parcel stands a code that only a carrier can open:")?;
        self.quote(&label)?;
        Ok(Handles { buyer: handle(0, "buyer"), seller: handle(0, "seller"), label })
    }

    async fn mail(&mut self, handles: &Handles) -> Result<(), Failure> {
        say::out("\nMail, in both directions")?;
        let text = "Halo kak, paket sudah kami kirim. Kalau mau cepat WA aja ke 0812-0000-0001\natau email melati@toko.example ya.";
        let sent = self
            .send(&Letter {
                from: SELLER,
                to: &handles.buyer,
                id: "kiriman-1@mail.toko.example",
                in_reply_to: None,
                subject: "Paket sudah dikirim",
                text,
            })
            .await?;
        self.step(sent.starts_with("250"), "the shop writes to the buyer's handle:")?;
        self.quote(text)?;
        let got = mail::arrived(self.mailbox, BUYER, 0).await?.unwrap_or_default();
        self.step(
            mail::field(&got, "From").is_some_and(|f| f.contains(&handles.seller)),
            "the buyer gets, from the shop's handle:",
        )?;
        self.quote(&mail::body(&got))?;
        let clean = ["0812", SELLER, "toko.example", "192.0.2.7", "Thunderbird"].iter().all(|c| !got.contains(c));
        self.step(clean, "number, address, host, network and mail program are gone")?;

        let id = mail::field(&got, "Message-ID").unwrap_or_default().trim_matches(['<', '>']).to_owned();
        let answer = "Saya pesan 5, yang datang cuma 3. Mohon dikirim sisanya.";
        let sent = self
            .send(&Letter {
                from: BUYER,
                to: &handles.seller,
                id: "balasan-1@mail.example",
                in_reply_to: Some(&id),
                subject: "Re: Paket sudah dikirim",
                text: answer,
            })
            .await?;
        self.step(sent.starts_with("250"), "the buyer answers, and the shop reads:")?;
        let got = mail::arrived(self.mailbox, SELLER, 0).await?.unwrap_or_default();
        self.quote(&mail::body(&got))?;
        let threaded = mail::field(&got, "In-Reply-To") == Some("<kiriman-1@mail.toko.example>");
        self.step(threaded, "in its own thread: In-Reply-To names the mail that the shop had sent")
    }

    async fn tricks(&mut self) -> Result<(), Failure> {
        say::out("\nChat, and what shops try")?;
        let words = "nomor WA kami nol delapan satu dua nol nol nol nol nol nol nol satu ya kak";
        let (status, answer) = self.chat("talk-1", "seller", words).await?;
        self.step(status == 201 && answer["verdict"] == "redact", "a number in words is cut:")?;
        self.quote(answer["delivered"]["text"].as_str().unwrap_or("?"))?;
        let bribe = "Anda akan mendapatkan voucher diskon jika memberikan ulasan 5 bintang.";
        let (status, answer) = self.chat("talk-1", "seller", bribe).await?;
        self.step(status == 422, "a voucher for five stars is refused:")?;
        self.quote(&format!("{status} {}", answer["code"].as_str().unwrap_or("?")))
    }

    async fn review(&mut self, handles: &Handles) -> Result<(), Failure> {
        say::out("\nOne star")?;
        let review = json!({"conversation": "talk-1", "rating": 1});
        let (status, answer) = self.api.call("PUT", "/v1/reviews/review-1", review).await?;
        let reviewer = answer["reviewer"].as_str().unwrap_or("?").to_owned();
        self.step(status < 300, "the buyer reviews; published under a name that leads nowhere:")?;
        self.quote(&reviewer)?;
        let (status, answer) = self.chat("talk-1", "seller", "Kenapa kasih bintang 1? Hapus sekarang!").await?;
        self.step(status == 429, "in the same second the shop is at the chat, and finds it shut:")?;
        self.quote(&format!("{status} {}", answer["code"].as_str().unwrap_or("?")))?;
        let (status, _) = self.chat("talk-2", "seller", "Kak, tolong ubah ulasannya").await?;
        self.step(status == 429, "nor does the other order help")?;
        let sent = self
            .send(&Letter {
                from: SELLER,
                to: &handles.buyer,
                id: "marah-1@mail.toko.example",
                in_reply_to: None,
                subject: "Ulasan",
                text: "Mohon ulasannya diubah",
            })
            .await?;
        self.step(sent.starts_with("550"), "nor does mail:")?;
        self.quote(&sent)?;
        let (_, now) = self.api.call("GET", "/v1/conversations/talk-1", Value::Null).await?;
        let fresh = now["handles"]["buyer"]["email"].as_str().unwrap_or_default().to_owned();
        self.step(!fresh.is_empty() && fresh != handles.buyer, "and the buyer has a new handle by now")
    }

    async fn answer(&mut self) -> Result<(), Failure> {
        say::out("\nThe buyer may always write")?;
        let (status, _) = self.chat("talk-1", "buyer", "Saya hanya mau sisa barangnya dikirim.").await?;
        self.step(status == 201, "the buyer writes")?;
        let (status, answer) = self.chat("talk-1", "seller", "Baik kak, sisanya kami kirim besok. Mohon maaf.").await?;
        let left = &answer["contact"]["seller"]["left"];
        self.step(status == 201, "and so opens a few answers for the shop, which apologises")?;
        self.quote(&format!("answers left: {left}"))
    }

    async fn case(&mut self) -> Result<(), Failure> {
        say::out("\nA case")?;
        let owed = json!({"amount": "150000", "currency": "IDR"});
        let case = json!({"conversation": "talk-1", "by": "buyer", "topic": "short_shipment", "amount": owed,
            "description": "Pesan 5, yang datang 3."});
        let (status, opened) = self.api.call("PUT", "/v1/cases/case-1", case).await?;
        self.step(status == 201, "the buyer opens one, and knows its place in the queue and by when it is solved:")?;
        self.quote(&format!("place {}, by {}", opened["position"], opened["due_at"].as_str().unwrap_or("?")))?;
        let offer = json!({"by": "seller", "amount": {"amount": "50000", "currency": "IDR"}});
        let (status, _) = self.api.call("POST", "/v1/cases/case-1/offers", offer).await?;
        self.step(status == 201, "the shop offers 50,000: it stands beside the 150,000 that it owes")?;
        let decision =
            json!({"outcome": "for_buyer", "reason": "Dua barang tidak dikirim.", "actor": "rahmat", "amount": owed});
        let (status, _) = self.api.call("POST", "/v1/cases/case-1/decision", decision).await?;
        self.step(status < 300, "a person decides for the buyer, for good; both are told by support")?;
        let (status, _) = self.chat("talk-1", "seller", "Kak, kita bicarakan lagi ya").await?;
        self.step(status == 429, "and the shop has no way to go on about it")
    }

    async fn courier(&mut self, handles: &Handles) -> Result<(), Failure> {
        say::out("\nA courier whom nobody called")?;
        let door = json!({"party": "sari", "conversation": "talk-1"});
        let (status, told) = self.api.call("POST", "/v1/pickups/check", door).await?;
        let sent = status != 200 || told["expected"] != json!(false);
        self.step(!sent, "the buyer asks who stands at the door: nobody sent this courier, hand nothing over")?;
        let report = told["report"].as_str().unwrap_or_default();
        let (_, taken) = self.api.call("GET", &format!("/v1/reports/{report}"), Value::Null).await?;
        let case = taken["case"].as_str().unwrap_or_default().to_owned();
        self.step(!case.is_empty(), "that is a report, and stands before everything else:")?;
        self.quote(&format!("urgent case {case}"))?;
        let (status, done) = self.api.call("POST", "/v1/conversations/talk-1/afraid", json!({})).await?;
        self.step(status == 200, "\"I am afraid\": the shop is silenced everywhere and not told, a person is called:")?;
        self.quote(&format!("handles replaced in {} conversations", done["conversations"]))?;
        let (_, token) = self.api.call("POST", "/v1/tokens", json!({"scope": "carrier", "name": "kurir"})).await?;
        let token = Secret::new(token["token"].as_str().unwrap_or_default().to_owned());
        let carrier = Client { address: self.api.address, tls: self.api.tls.clone(), token };
        let pickup = json!({"shipment": "JN-1", "purpose": "pickup"});
        let (status, _) = carrier.call("POST", &format!("/v1/handles/{}/redeem", handles.label), pickup).await?;
        self.step(status == 404, "and the code on the parcel opens for no courier any more")
    }

    async fn evidence(&mut self) -> Result<(), Failure> {
        say::out("\nEvidence")?;
        let (status, bundle) = self.api.fetch("GET", "/v1/conversations/talk-1/evidence", Value::Null).await?;
        let (_, key) = self.api.call("GET", "/v1/evidence-key", Value::Null).await?;
        let trusted = key["key"].as_str().map(str::to_owned);
        let verified = verify(&bundle, trusted.as_deref());
        self.step(status == 200 && trusted.is_some() && verified.is_ok(), "everything is in a signed chain:")?;
        if let Ok(verified) = &verified {
            self.quote(&verified.to_string())?;
        }
        let mut changed = bundle.to_vec();
        let middle = changed.len() / 2;
        if let Some(byte) = changed.get_mut(middle) {
            *byte ^= 1;
        }
        self.step(verify(&changed, trusted.as_deref()).is_err(), "one changed bit, and it no longer verifies")
    }

    fn nothing_crossed(&mut self) -> Result<(), Failure> {
        say::out("\nWhat each side has of the other")?;
        for (owner, other) in [
            (BUYER, [SELLER, "toko.example", "Suryani", "81200000001"]),
            (SELLER, [BUYER, "mail.example", "Wulandari", "81200000002"]),
        ] {
            let letters = crate::channel::smtp::Mailbox::read(self.mailbox, Some(owner))?;
            let own_host = owner.rsplit('@').next().unwrap_or_default();
            let crossed = letters.iter().any(|letter| {
                let text = String::from_utf8_lossy(&letter.message).into_owned();
                let text = text.replace(owner, "").replace(own_host, "");
                other.iter().any(|canary| !own_host.contains(canary) && text.contains(canary))
            });
            self.step(
                !crossed && !letters.is_empty(),
                &format!("{} mails to {owner}: nothing of the other", letters.len()),
            )?;
        }
        Ok(())
    }

    async fn chat(&self, conversation: &str, from: &str, text: &str) -> Result<(u16, Value), Fault> {
        let path = format!("/v1/conversations/{conversation}/messages");
        self.api.call("POST", &path, json!({"from": from, "text": text})).await
    }

    async fn send(&self, letter: &Letter<'_>) -> Result<String, Fault> {
        mail::send(self.running.addresses.smtp, &self.api.tls, letter).await
    }

    fn step(&mut self, came: bool, told: &str) -> Result<(), Failure> {
        self.as_told &= came;
        say::out(&format!("  {} {told}", if came { "✓" } else { "✗" }))
    }

    fn quote(&self, text: &str) -> Result<(), Failure> {
        text.lines().try_for_each(|line| say::out(&format!("      │ {line}")))
    }
}
