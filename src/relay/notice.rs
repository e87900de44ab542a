//! Notices from the relay itself, worded at delivery in the recipient's language. They name no
//! rule and no hour: a seller must not learn from them when a review was written.

use super::Relay;
use crate::{
    media::mail,
    model::{Fault, Handle},
    store::{Cargo, Delivery},
};

impl Relay {
    pub(super) fn word_notice(
        &self,
        cargo: Cargo,
        delivery: &Delivery,
        domain: &str,
        locale: Option<&str>,
    ) -> Result<Vec<u8>, Fault> {
        let (subject, text) = words(cargo, locale);
        let text = text.replace("{conversation}", delivery.conversation.as_str());
        let from = (delivery.scope.marketplace().as_str(), "no-reply", domain);
        self.letter(from, subject, &text, true)
    }

    /// A letter of the house itself, from a name and an address of its own.
    pub(super) fn letter(
        &self,
        (name, local, domain): (&str, &str, &str),
        subject: &str,
        text: &str,
        automatic: bool,
    ) -> Result<Vec<u8>, Fault> {
        let id = format!("{}@{domain}", Handle::draw(self.vault.luck())?);
        let mut seed = [0; 16];
        self.vault.luck().fill(&mut seed)?;
        Ok(mail::build(
            &mail::Outgoing {
                from_name: name,
                from: &format!("{local}@{domain}"),
                id: &id,
                in_reply_to: &[],
                references: &[],
                date: self.clock.now(),
                subject,
                text,
                html: None,
                attachments: &[],
                automatic,
            },
            &seed,
        ))
    }
}

fn words(cargo: Cargo, locale: Option<&str>) -> (&'static str, &'static str) {
    let language = locale.map_or("en", |l| l.split(['-', '_']).next().unwrap_or("en"));
    match (cargo, language) {
        (Cargo::FailedNotice, "id") => (
            "Pesan tidak terkirim",
            "Pesan Anda dalam percakapan {conversation} tidak dapat disampaikan ke pihak lain.\n",
        ),
        (Cargo::FailedNotice, "pl") => (
            "Wiadomość nie została doręczona",
            "Twojej wiadomości w rozmowie {conversation} nie udało się doręczyć drugiej stronie.\n",
        ),
        (Cargo::FailedNotice, _) => (
            "Message not delivered",
            "Your message in conversation {conversation} could not be delivered to the other side.\n",
        ),
        (_, "id") => (
            "Pesan ditahan",
            "Pesan Anda dalam percakapan {conversation} tidak disampaikan sesuai aturan kontak di sini.\n",
        ),
        (_, "pl") => (
            "Wiadomość wstrzymana",
            "Twoja wiadomość w rozmowie {conversation} nie została przekazana, zgodnie z zasadami kontaktu.\n",
        ),
        (_, _) => (
            "Message withheld",
            "Your message in conversation {conversation} was not passed on, under the contact rules here.\n",
        ),
    }
}
