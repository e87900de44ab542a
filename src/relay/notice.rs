//! Notices from the relay itself, worded at delivery in the recipient's language. They name no
//! hour and of the rules only those that a seller's words broke: a seller must not learn from them
//! when a review was written. What they tell of cuts is what would be cut if nobody were guarded.

use std::collections::BTreeSet;

use super::Relay;
use crate::{
    media::{Removed, mail, text},
    model::{Channel, Fault, Handle, Kept, Kind, MessageState, Timestamp},
    policy::rules::MarketRules,
    store::{Cargo, ConversationRow, Delivery, MessageRow},
    vault::Place,
};

/// What was taken out of messages, as their author may know it.
#[derive(Default)]
pub(super) struct Cuts {
    kinds: BTreeSet<&'static str>,
    removed: BTreeSet<Removed>,
}

impl Cuts {
    /// Of one message: the same whatever the vault knows.
    pub(super) fn of(kept: &Kept) -> Self {
        let (findings, delivered) = match &kept.unguarded {
            Some(told) => (told.findings(), &told.delivered),
            None => (kept.findings(), &kept.delivered),
        };
        let parts = kept.removed.iter().filter_map(|word| Removed::named(word));
        let files = delivered.files.iter().filter_map(|file| Removed::by(file.action, &file.media_type));
        Self { kinds: findings.iter().map(|f| Kind::as_str(f.kind)).collect(), removed: parts.chain(files).collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kinds.is_empty() && self.removed.is_empty()
    }

    fn join(&mut self, other: Self) {
        self.kinds.extend(other.kinds);
        self.removed.extend(other.removed);
    }
}

impl Relay {
    pub(super) async fn word_notice(
        &self,
        delivery: &Delivery,
        conversation: &ConversationRow,
        domain: &str,
        locale: Option<&str>,
    ) -> Result<Vec<u8>, Fault> {
        let rules = self.rules.load().book.of(delivery.scope.marketplace());
        let locale = locale.or(rules.locale.as_deref());
        let (subject, words) = words(delivery.cargo, locale);
        let mut text = words.to_owned();
        if matches!(delivery.cargo, Cargo::CutNotice | Cargo::WithheldNotice) {
            let cuts = self.cuts_of_round(delivery, conversation, &rules).await?;
            text.push_str(&self.reasons(&cuts, delivery.cargo, locale));
        }
        let text = text.replace("{conversation}", delivery.conversation.as_str());
        let from = (delivery.scope.marketplace().as_str(), "no-reply", domain);
        self.letter(from, subject, &text, true)
    }

    /// What was cut out of what its recipient wrote since the round before.
    async fn cuts_of_round(
        &self,
        delivery: &Delivery,
        conversation: &ConversationRow,
        rules: &MarketRules,
    ) -> Result<Cuts, Fault> {
        let (mut cuts, scope) = (Cuts::default(), &delivery.scope);
        let Some(key) = self.side_key(scope, conversation, delivery.to)? else { return Ok(cuts) };
        let Some(first) = self.store.message(scope, delivery.message).await? else { return Ok(cuts) };
        let mut after = first.seq.saturating_sub(1);
        for _ in 0..PAGES {
            let rows = self.store.messages(scope, &conversation.id, Some(after), PAGE).await?;
            let Some(last) = rows.last() else { break };
            after = last.seq;
            let whole = rows.len() == PAGE;
            // Notices are due when their round is.
            for row in rows.into_iter().filter(|row| is_told_of(row, delivery, rules)) {
                let json = key.open_committed(&Place::evidence(scope.marketplace(), &row.id), &row.sealed)?;
                let kept: Kept = serde_json::from_slice(&json).map_err(|e| Fault::new("reading a message", e))?;
                cuts.join(Cuts::of(&kept));
            }
            if !whole {
                break;
            }
        }
        Ok(cuts)
    }

    /// The reasons, a line each, as the API gives them.
    fn reasons(&self, cuts: &Cuts, cargo: Cargo, locale: Option<&str>) -> String {
        if cuts.is_empty() {
            return String::new();
        }
        let rules = self.rules.load();
        let explained = |kind: &&str| rules.detect.explanation(kind, locale).map(str::to_owned);
        let kinds = cuts.kinds.iter().map(|kind| explained(kind).unwrap_or_else(|| (*kind).to_owned()));
        let language = locale.unwrap_or("en");
        let parts =
            cuts.removed.iter().map(|removed| text::notice(*removed, language).trim_matches(['[', ']']).to_owned());
        let lines: String = kinds.chain(parts).map(|line| format!("- {line}\n")).collect();
        // Behind what was withheld it needs a beginning of its own.
        let begins = if cargo == Cargo::WithheldNotice { words(Cargo::CutNotice, locale).1 } else { "" };
        format!("{}{begins}\n{lines}", if begins.is_empty() { "" } else { "\n" })
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

/// Whether a message is one of those that a notice of its round tells of: mail of its recipient,
/// of which something was passed on or was to be: what became of it since is told by its own notice,
/// at its own hour, and changes nothing here, else this one would tell when a barrier fell.
fn is_told_of(row: &MessageRow, notice: &Delivery, rules: &MarketRules) -> bool {
    let due: Timestamp = notice.accepted;
    use MessageState::{Delivered, Failed, Queued, Withheld};
    let passed = matches!(row.state, Queued | Delivered | Failed | Withheld);
    row.from == notice.to
        && row.channel == Channel::Mail
        && passed
        && !row.sealed.is_empty()
        && rules.notices.next(row.released.unwrap_or(row.at)) == due
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
        (Cargo::CutNotice, "id") => (
            "Sebagian isi pesan tidak disampaikan",
            "Pesan Anda dalam percakapan {conversation} disampaikan tanpa bagian yang tidak diperbolehkan di sini.\n",
        ),
        (Cargo::CutNotice, "pl") => (
            "Część treści nie została przekazana",
            "Twoje wiadomości w rozmowie {conversation} przekazano bez tego, co nie jest tu dozwolone.\n",
        ),
        (Cargo::CutNotice, _) => (
            "Parts of what you wrote were not passed on",
            "What you wrote in conversation {conversation} was passed on without what is not allowed here.\n",
        ),
        (Cargo::AskedNotice, "id") => (
            "Penjual belum menjawab: marketplace sudah ditanya",
            "Penjual belum menjawab pesan Anda dalam percakapan {conversation} pada waktunya. Marketplace sudah diminta \
             memeriksanya. Anda tidak perlu melakukan apa pun; Anda tetap bisa menulis di sini, dan jawaban akan datang \
             melalui alamat ini.\n",
        ),
        (Cargo::AskedNotice, "pl") => (
            "Sprzedawca nie odpowiedział: zapytaliśmy platformę",
            "Sprzedawca nie odpowiedział w terminie na Twoją wiadomość w rozmowie {conversation}. Poproszono platformę \
             o sprawdzenie. Nie musisz nic robić; możesz dalej pisać tutaj, a odpowiedź przyjdzie na ten adres.\n",
        ),
        (Cargo::AskedNotice, _) => (
            "No answer from the seller: the marketplace was asked",
            "The seller has not answered your message in conversation {conversation} in time. The marketplace was asked \
             to look into it. You need not do anything; you can go on writing here, and an answer will reach you \
             through this address.\n",
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

/// Rows read at a time: each may carry files.
const PAGE: usize = 20;
/// What a thread holds of a round; no person writes more.
const PAGES: usize = 25;
