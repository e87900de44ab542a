//! The short neutral words that stand where something was cut out.

use crate::model::Kind;

/// What a reader of `lang` sees instead of a finding of `kind`.
pub fn placeholder(kind: Kind, lang: Option<&str>) -> &'static str {
    match lang.and_then(|lang| lang.split(['-', '_']).next()) {
        Some("id" | "ms") => indonesian(kind),
        Some("pl") => polish(kind),
        _ => english(kind),
    }
}

fn indonesian(kind: Kind) -> &'static str {
    match kind {
        Kind::Address => "[alamat rumah dihapus]",
        Kind::Code => "[kode gambar dihapus]",
        Kind::Email => "[alamat email dihapus]",
        Kind::Link => "[tautan luar dihapus]",
        Kind::Name => "[nama orang dihapus]",
        Kind::Payment => "[data pembayaran dihapus]",
        Kind::Phone => "[nomor telepon dihapus]",
        Kind::Social => "[akun luar dihapus]",
    }
}

fn polish(kind: Kind) -> &'static str {
    match kind {
        Kind::Address => "[adres pocztowy usunięty]",
        Kind::Code => "[kod obrazkowy usunięty]",
        Kind::Email => "[adres e-mail usunięty]",
        Kind::Link => "[link zewnętrzny usunięty]",
        Kind::Name => "[imię i nazwisko usunięte]",
        Kind::Payment => "[dane płatności usunięte]",
        Kind::Phone => "[numer telefonu usunięty]",
        Kind::Social => "[konto zewnętrzne usunięte]",
    }
}

fn english(kind: Kind) -> &'static str {
    match kind {
        Kind::Address => "[postal address removed]",
        Kind::Code => "[image code removed]",
        Kind::Email => "[email address removed]",
        Kind::Link => "[outside link removed]",
        Kind::Name => "[personal name removed]",
        Kind::Payment => "[payment details removed]",
        Kind::Phone => "[phone number removed]",
        Kind::Social => "[outside account removed]",
    }
}
