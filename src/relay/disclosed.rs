//! Tells a person that their contact was disclosed: when, for what, and whom they can ask. By mail, through the
//! relay, in their language; a person without a mail address is told by the marketplace, which can list it.

use super::{
    Handover, Mail, Relay,
    care::{Ended, is_over},
};
use crate::{
    model::{Duration, EntryKind, Fault, Profile, Scope, Secret, Timestamp},
    store::{GlassRow, NewEntry, Notice, PartyRow},
    vault::Place,
};

/// After a try that failed.
const AGAIN: Duration = Duration::hours(1);
/// A round tells so many.
const ROUND: usize = 50;

impl Relay {
    /// Tells whoever is to be told by now, until the end comes.
    pub(super) async fn tell_of_disclosures(&self, ended: &Ended) -> Result<(), Fault> {
        let now = self.clock.now();
        for (scope, row) in self.store.notices_due(now, ROUND).await? {
            if is_over(ended) {
                break;
            }
            let told = self.tell_of(&scope, &row).await;
            let notice = match told {
                Ok(Handover::Delivered) => done(now, &row, "mail"),
                Ok(Handover::Never { .. }) => done(now, &row, "nowhere"),
                Ok(Handover::NotNow { .. } | Handover::CalledOff) => Notice::Later(now.plus(AGAIN)),
                Err(fault) => {
                    tracing::error!(fault = %fault.chain(), request = %row.id, "telling of a disclosure");
                    Notice::Later(now.plus(AGAIN))
                }
            };
            self.store.noticed(&scope, row.id, notice).await?;
        }
        Ok(())
    }

    async fn tell_of(&self, scope: &Scope, row: &GlassRow) -> Result<Handover, Fault> {
        let nowhere = || Handover::Never { code: "no_address".to_owned() };
        let Some(party) = self.store.party(scope, &row.party).await? else { return Ok(nowhere()) };
        let profile = self.profile_of(scope, &party)?;
        let Some(address) = profile.emails.first() else { return Ok(nowhere()) };
        let market = self.market(scope.marketplace()).await?;
        let rules = self.rules.load().book.of(scope.marketplace());
        let (subject, text) = words(row, profile.locale.as_deref().or(rules.locale.as_deref()));
        let from = (scope.marketplace().as_str(), "no-reply", market.domain.as_str());
        let built = self.letter(from, subject, &text, true)?;
        // The null sender: nothing may come back for it.
        let mail = Mail {
            from: String::new(),
            to: Secret::new(address.clone()),
            bytes: self.stamp(address, &market.domain, &built)?,
        };
        Ok(self.transport.deliver(&mail, Box::pin(async { true })).await)
    }

    pub(super) fn profile_of(&self, scope: &Scope, party: &PartyRow) -> Result<Profile, Fault> {
        let market = scope.marketplace();
        let key = self.vault.unwrap(&party.key, &Place::party_key(market, &party.id))?;
        let bytes = key.open(&Place::profile(market, &party.id), &party.profile)?;
        serde_json::from_slice(&bytes).map_err(|e| Fault::new("reading a profile", e))
    }
}

fn done(at: Timestamp, row: &GlassRow, by: &str) -> Notice {
    let facts = format!("request={} party={} by={by}", row.id, row.party);
    let entry = NewEntry { at, kind: EntryKind::DisclosureNoticed, by: None, message: None, facts, private: None };
    Notice::Done(at, entry)
}

/// Subject and text. Who asked is not named: staff have rights too, and the journal knows.
fn words(row: &GlassRow, locale: Option<&str>) -> (&'static str, String) {
    let language = match locale.map(|l| l.split(['-', '_']).next().unwrap_or_default()) {
        Some("id") => 0,
        Some("pl") => 1,
        _ => 2,
    };
    let at = row.approved.as_ref().map_or_else(|| row.asked.rfc3339(), |(_, at, _)| at.rfc3339());
    let until = row.approved.as_ref().map(|(_, _, until)| until.rfc3339()).unwrap_or_default();
    let word = |known: &[(&str, [&'static str; 3])], word: &str| {
        known.iter().find(|(name, _)| *name == word).map_or(String::new(), |(_, said)| said[language].to_owned())
    };
    let fields: Vec<String> = row.fields.split(',').map(|field| word(FIELDS, field)).collect();
    let (subject, text) = LETTERS[language];
    let text = text
        .replace("{fields}", &fields.join(", "))
        .replace("{purpose}", &word(PURPOSES, &row.purpose))
        .replace("{at}", &at)
        .replace("{until}", &until)
        .replace("{request}", &row.id.to_string());
    (subject, text)
}

const LETTERS: [(&str, &str); 3] = [
    (
        "Data kontak Anda telah dibuka",
        "Data berikut telah dibuka untuk seorang staf pasar ini: {fields}.\nTujuan: {purpose}.\n\
         Dibuka pada {at} dan dapat dibaca sampai {until}. Dua orang staf bertanggung jawab atas hal ini.\n\
         Nomor: {request}. Anda berhak menanyakan siapa yang melihatnya dan mengapa.\n",
    ),
    (
        "Twoje dane kontaktowe zostały ujawnione",
        "Następujące dane otwarto dla osoby z obsługi tego serwisu: {fields}.\nCel: {purpose}.\n\
         Otwarto {at}, można je było odczytać do {until}. Odpowiadają za to dwie osoby.\n\
         Numer: {request}. Możesz zapytać, kto je widział i dlaczego.\n",
    ),
    (
        "Your contact was disclosed",
        "The following was opened for a member of this marketplace's staff: {fields}.\nPurpose: {purpose}.\n\
         It was opened at {at} and could be read until {until}. Two people answer for it.\n\
         Number: {request}. You may ask who saw it, and why.\n",
    ),
];

const FIELDS: &[(&str, [&str; 3])] = &[
    ("addresses", ["alamat pos", "adresy pocztowe", "postal addresses"]),
    ("emails", ["alamat email", "adresy e-mail", "mail addresses"]),
    ("names", ["nama", "imiona i nazwiska", "names"]),
    ("phones", ["nomor telepon", "numery telefonów", "phone numbers"]),
];

const PURPOSES: &[(&str, [&str; 3])] = &[
    ("authority", ["permintaan pihak berwenang", "żądanie organu", "the request of an authority"]),
    ("delivery", ["pengiriman paket", "doręczenie przesyłki", "bringing a parcel"]),
    ("fraud", ["pemeriksaan penipuan", "wyjaśnienie oszustwa", "looking into fraud"]),
    ("legal_claim", ["tuntutan hukum", "roszczenie prawne", "a legal claim"]),
    ("safety", ["keselamatan jiwa atau raga", "zagrożenie życia lub zdrowia", "danger to life or body"]),
    ("self", ["permintaan Anda sendiri", "twoja prośba", "your own request"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::rights::Need;

    #[test]
    fn every_purpose_and_field_has_words_in_every_language() {
        for need in Need::ALL {
            assert!(PURPOSES.iter().any(|(name, _)| *name == need.as_str()), "{need:?}");
        }
        let row = GlassRow {
            id: crate::model::EventId([7; 16]),
            party: "b-1".parse().unwrap(),
            conversation: None,
            purpose: "safety".to_owned(),
            reference: None,
            fields: "names,phones".to_owned(),
            actor: "ana-7".to_owned(),
            token: crate::model::EventId([8; 16]),
            asked: Timestamp(0),
            minutes: 5,
            approved: Some(("budi-9".to_owned(), Timestamp(0), Timestamp(300_000))),
            notice_due: None,
            noticed: None,
            delay: None,
        };
        for (locale, word) in [("id-ID", "nomor telepon"), ("pl", "numery telefonów"), ("en", "phone numbers")] {
            let (_, text) = words(&row, Some(locale));
            assert!(text.contains(word) && text.contains("1970-01-01T00:05:00") && !text.contains('{'), "{text}");
            assert!(!text.contains("ana-7") && !text.contains("budi-9"), "{text}");
        }
    }
}
