//! `tabir incident report`: after a token, a key or the relay itself was lost.

use std::path::Path;

use clap::{Args, Subcommand};

use super::{Failure, house::House, say};
use crate::{
    desk::incident::{Incident, Lost},
    model::{EventId, Marketplace, Timestamp},
};

/// Whose data may have been seen, and what to tell whom.
#[derive(Debug, Subcommand)]
pub(super) enum Incidents {
    /// Lists whose data may have been seen, and drafts what the persons and the authority are told.
    Report(Report),
}

#[derive(Debug, Args)]
pub(super) struct Report {
    /// A token that was lost, by its public id.
    #[arg(long, conflicts_with = "key")]
    token: Option<EventId>,
    /// A key of the ring that was lost, by its number.
    #[arg(long)]
    key: Option<u32>,
    /// Since when, such as 2026-11-22T08:00:00Z: needed where neither token nor key is named.
    #[arg(long, required_unless_present_any = ["token", "key"], value_parser = time)]
    since: Option<Timestamp>,
    /// The language of the drafts: id, pl or en; all three where none is named.
    #[arg(long)]
    lang: Option<String>,
    /// Of which marketplace, where there are several.
    #[arg(long)]
    marketplace: Option<Marketplace>,
}

fn time(text: &str) -> Result<Timestamp, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|_| "not an RFC 3339 time such as 2026-11-22T08:00:00Z".to_owned())
}

impl Incidents {
    pub(super) fn run(&self, config: Option<&Path>) -> Result<(), Failure> {
        let Self::Report(report) = self;
        let house = House::open(config)?;
        let scope = house.scope(report.marketplace.as_ref())?;
        let lost = match (report.token, report.key) {
            (Some(token), _) => Lost::Token(token),
            (None, Some(key)) => Lost::Key(key),
            (None, None) => Lost::Everything,
        };
        let incident = house.runtime.block_on(house.desk.incident(&scope, lost, report.since))?;
        list(lost, &incident)?;
        for (language, person, authority) in DRAFTS {
            if report.lang.as_deref().is_none_or(|asked| asked == language) {
                say::out(&format!("\n--- {language}: to each person ---\n{}", filled(person, &scope, &incident)))?;
                say::out(&format!("\n--- {language}: to the authority ---\n{}", filled(authority, &scope, &incident)))?;
            }
        }
        Ok(())
    }
}

fn list(lost: Lost, incident: &Incident) -> Result<(), Failure> {
    say::out(&format!("since: {}", incident.since.rfc3339()))?;
    say::out(&format!("persons: {}", incident.persons.len()))?;
    say::out(&format!("to be told by: {}", incident.tell_by.rfc3339()))?;
    match lost {
        Lost::Token(_) => {
            say::out("basis: what this token read, by the hour; what was only listed as hints is not counted")?
        }
        Lost::Key(_) => {
            say::out(
                "basis: what lies under this key now. What was resealed since is not listed, though an old copy of the store opens with it",
            )?;
        }
        Lost::Everything => say::out(
            "basis: every reading of contacts, texts and evidence over the API; what a thief of the store and the keys read is in no log: then it is every person",
        )?,
    }
    for (party, glimpse) in &incident.persons {
        let what: Vec<String> = glimpse.what.iter().map(|(what, n)| format!("{what}={n}")).collect();
        let hours = glimpse.hours.map(|(first, last)| format!(" from {} to {}", first.rfc3339(), last.rfc3339()));
        say::out(&format!("{party}: {}{}", what.join(" "), hours.unwrap_or_default()))?;
    }
    Ok(())
}

fn filled(draft: &str, scope: &crate::model::Scope, incident: &Incident) -> String {
    let mut kinds: Vec<&str> = incident.persons.values().flat_map(|g| g.what.keys().map(String::as_str)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    draft
        .replace("{marketplace}", scope.marketplace().as_str())
        .replace("{since}", &incident.since.rfc3339())
        .replace("{persons}", &incident.persons.len().to_string())
        .replace("{what}", &kinds.join(", "))
}

/// Drafts: what stands in brackets is for a person to fill in (UU PDP article 46, GDPR articles 33 and 34).
const DRAFTS: [(&str, &str, &str); 3] = [
    (
        "en",
        "Data of yours at {marketplace} may have been seen by somebody who had no right to, since {since}.\n\
         What may have been seen: [of this person: {what}].\nWhat happened: [how].\n\
         What we did and do: [measures].\nWhat you can do: be wary of calls and messages that know your order.\n\
         Whom you can ask: [name, address of the data protection officer].",
        "Notification of a personal data breach. Controller: [name] ({marketplace}).\n\
         Nature: unauthorised access since {since}; persons concerned: {persons}; kinds of data: {what}.\n\
         Likely consequences: [consequences].\nMeasures taken and proposed: [measures].\n\
         Contact: [data protection officer].",
    ),
    (
        "id",
        "Data pribadi Anda di {marketplace} mungkin telah dilihat oleh pihak yang tidak berhak, sejak {since}.\n\
         Data yang mungkin terungkap: [milik orang ini: {what}].\nKapan dan bagaimana: [uraian].\n\
         Upaya penanganan dan pemulihan: [upaya].\n\
         Yang dapat Anda lakukan: waspadai telepon dan pesan yang mengetahui pesanan Anda.\n\
         Narahubung: [nama, alamat pejabat pelindungan data pribadi].",
        "Pemberitahuan kegagalan pelindungan data pribadi. Pengendali: [nama] ({marketplace}).\n\
         Data pribadi yang terungkap: {what}; jumlah subjek data: {persons}; sejak: {since}; bagaimana: [uraian].\n\
         Upaya penanganan dan pemulihan: [upaya].\nNarahubung: [pejabat pelindungan data pribadi].",
    ),
    (
        "pl",
        "Twoje dane w {marketplace} mogła zobaczyć osoba nieuprawniona, od {since}.\n\
         Co mogło zostać ujawnione: [dane tej osoby: {what}].\nCo się stało: [opis].\n\
         Co zrobiliśmy i robimy: [środki].\n\
         Co możesz zrobić: uważaj na telefony i wiadomości od kogoś, kto zna twoje zamówienie.\n\
         Kogo zapytać: [inspektor ochrony danych, adres].",
        "Zgłoszenie naruszenia ochrony danych osobowych. Administrator: [nazwa] ({marketplace}).\n\
         Charakter: nieuprawniony dostęp od {since}; liczba osób: {persons}; kategorie danych: {what}.\n\
         Możliwe konsekwencje: [konsekwencje].\nŚrodki zastosowane i proponowane: [środki].\n\
         Kontakt: [inspektor ochrony danych].",
    ),
];
