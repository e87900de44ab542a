//! What is written around the words of others, in the reader's language.

use crate::{
    evidence::view::{Language, Reader, word},
    model::{EntryKind, Side},
};

/// Something that is said.
#[derive(Clone, Copy)]
pub(super) enum Phrase {
    AsOf,
    Case,
    Closed,
    Conversation,
    Counts,
    Delivered,
    HowToCheck,
    NotDrawn,
    Page,
    Reader,
    Sealed,
    Withheld,
}

pub(super) fn say(phrase: Phrase, language: Language) -> &'static str {
    let [en, id, pl] = match phrase {
        Phrase::AsOf => ["as of", "per", "stan na"],
        Phrase::Case => ["Case", "Kasus", "Sprawa"],
        Phrase::Closed => [
            "(erased, or not opened here)",
            "(sudah dihapus, atau tidak dibuka di sini)",
            "(usunięto albo nie otwarto tutaj)",
        ],
        Phrase::Conversation => ["Conversation", "Percakapan", "Rozmowa"],
        Phrase::Counts => [
            "This page is for reading. What counts is entries.jsonl, with its chain of hashes and its signature.",
            "Halaman ini untuk dibaca. Yang menentukan adalah entries.jsonl beserta rantai hash dan tanda tangannya.",
            "Ta strona służy do czytania. Rozstrzyga entries.jsonl wraz z łańcuchem skrótów i podpisem.",
        ],
        Phrase::Delivered => ["Delivered as:", "Disampaikan sebagai:", "Doręczono jako:"],
        Phrase::HowToCheck => [
            "How anybody can check this is in README.txt of the same bundle. Last link of the chain:",
            "Cara memeriksa berkas ini ada di README.txt dalam bundel yang sama. Mata rantai terakhir:",
            "Jak to sprawdzić, opisuje README.txt w tym samym pakiecie. Ostatnie ogniwo łańcucha:",
        ],
        Phrase::NotDrawn => ["enclosed as a file", "dilampirkan sebagai berkas", "załączono jako plik"],
        Phrase::Page => ["Page", "Halaman", "Strona"],
        Phrase::Reader => ["made for", "dibuat untuk", "przygotowano dla"],
        Phrase::Sealed => ["(sealed for a court)", "(disegel untuk pengadilan)", "(zapieczętowano dla sądu)"],
        Phrase::Withheld => [
            "An entry that is not for this reader; its link in the chain is kept.",
            "Entri yang bukan untuk pembaca ini; mata rantainya tetap ada.",
            "Wpis nie dla tego czytelnika; jego ogniwo w łańcuchu pozostaje.",
        ],
    };
    pick([en, id, pl], language)
}

pub(super) fn side(side: Side, language: Language) -> &'static str {
    match side {
        Side::Buyer => pick(["buyer", "pembeli", "kupujący"], language),
        Side::Seller => pick(["seller", "penjual", "sprzedawca"], language),
    }
}

pub(super) fn reader(reader: Reader, language: Language) -> &'static str {
    match reader {
        Reader::Auditor => pick(["an auditor", "auditor", "audytora"], language),
        Reader::Buyer => pick(["the buyer", "pembeli", "kupującego"], language),
        Reader::Mediator => pick(["a mediator or a court", "mediator atau pengadilan", "mediatora lub sądu"], language),
        Reader::Seller => pick(["the seller", "penjual", "sprzedawcy"], language),
    }
}

/// A kind of entry in words. One that no language has yet is told in English, by its own word.
pub(super) fn kind(kind: EntryKind, language: Language) -> String {
    let plain = word(kind);
    if let Some((_, said)) = KINDS.iter().find(|(known, _)| *known == plain) {
        return pick(*said, language).to_owned();
    }
    let mut words = plain.replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

fn pick([en, id, pl]: [&'static str; 3], language: Language) -> &'static str {
    match language {
        Language::En => en,
        Language::Id => id,
        Language::Pl => pl,
    }
}

const KINDS: &[(&str, [&str; 3])] = &[
    ("conversation_opened", ["Conversation opened", "Percakapan dibuka", "Rozpoczęto rozmowę"]),
    ("conversation_changed", ["Conversation changed", "Percakapan diubah", "Zmieniono rozmowę"]),
    ("order_facts", ["Facts of the order", "Data pesanan", "Dane zamówienia"]),
    ("message_accepted", ["Message", "Pesan", "Wiadomość"]),
    ("message_escalated", ["Message sealed", "Pesan disegel", "Wiadomość zapieczętowana"]),
    (
        "message_held",
        ["Message held for a person", "Pesan ditahan untuk diperiksa", "Wiadomość wstrzymana do sprawdzenia"],
    ),
    ("message_refused", ["Message refused", "Pesan ditolak", "Wiadomość odrzucona"]),
    ("message_released", ["Message released", "Pesan dilepaskan", "Wiadomość zwolniona"]),
    ("message_delivered", ["Delivered", "Tersampaikan", "Doręczono"]),
    ("message_withheld", ["Message withheld", "Pesan tidak diteruskan", "Wiadomość nieprzekazana"]),
    ("message_failed", ["Not delivered", "Gagal disampaikan", "Nie doręczono"]),
    ("notice_sent", ["Notice sent", "Pemberitahuan dikirim", "Wysłano powiadomienie"]),
    ("handle_rotated", ["Masked address replaced", "Alamat samaran diganti", "Wymieniono adres zastępczy"]),
    (
        "registration_drawn",
        ["Address for somebody else drawn", "Alamat untuk pihak lain dibuat", "Wydano adres dla kogoś innego"],
    ),
    (
        "registration_asked",
        ["Somebody else asked to write", "Pihak lain meminta izin menulis", "Ktoś inny poprosił o zgodę na pisanie"],
    ),
    (
        "registration_answered",
        [
            "The buyer said who may write",
            "Pembeli menentukan siapa yang boleh menulis",
            "Kupujący powiedział, kto może pisać",
        ],
    ),
    (
        "registration_closed",
        ["Address for somebody else closed", "Alamat untuk pihak lain ditutup", "Zamknięto adres dla kogoś innego"],
    ),
    ("handle_misused", ["Masked address misused", "Alamat samaran disalahgunakan", "Nadużyto adresu zastępczego"]),
    ("pickup_announced", ["Courier announced", "Kurir diberitahukan", "Zapowiedziano kuriera"]),
    ("pickup_ended", ["Courier called off", "Kurir dibatalkan", "Odwołano kuriera"]),
    ("pickup_checked", ["Courier at the door checked", "Kurir di pintu diperiksa", "Sprawdzono kuriera u drzwi"]),
    ("review", ["Review", "Ulasan", "Opinia"]),
    ("review_withdrawn", ["Review withdrawn", "Ulasan ditarik", "Wycofano opinię"]),
    ("blocked", ["Contact blocked", "Kontak diblokir", "Zablokowano kontakt"]),
    ("unblocked", ["Contact unblocked", "Blokir dibuka", "Odblokowano kontakt"]),
    ("disclosure", ["Contact disclosed", "Kontak diungkapkan", "Ujawniono kontakt"]),
    ("unsealed", ["Opened for an authority", "Dibuka untuk pihak berwenang", "Otwarto dla organu"]),
    ("support_wrote", ["Letter of support", "Surat dari layanan bantuan", "List od obsługi"]),
    ("support_delivered", ["Letter delivered", "Surat tersampaikan", "Doręczono list"]),
    ("support_failed", ["Letter not delivered", "Surat gagal disampaikan", "Nie doręczono listu"]),
    ("case_opened", ["Case opened", "Kasus dibuka", "Otwarto sprawę"]),
    ("case_changed", ["Case supplemented", "Kasus dilengkapi", "Uzupełniono sprawę"]),
    ("case_evidence", ["Evidence put in", "Bukti diajukan", "Złożono dowód"]),
    ("case_offer", ["Money back offered", "Pengembalian uang ditawarkan", "Zaproponowano zwrot pieniędzy"]),
    ("case_decided", ["Case decided", "Kasus diputuskan", "Rozstrzygnięto sprawę"]),
    ("case_file_opened", ["Original file opened", "Berkas asli dibuka", "Otwarto oryginał pliku"]),
    ("report_received", ["Report received", "Laporan diterima", "Przyjęto zgłoszenie"]),
    ("report_confirmed", ["Report confirmed", "Laporan dikonfirmasi", "Potwierdzono zgłoszenie"]),
    ("erased", ["A side was erased", "Data satu pihak dihapus", "Usunięto dane strony"]),
    (
        "disclosure_noticed",
        ["Person told of the disclosure", "Pemberitahuan pengungkapan", "Powiadomiono o ujawnieniu"],
    ),
    ("expired", ["Texts forgotten by age", "Isi dihapus karena usia", "Usunięto treści z upływem czasu"]),
];
