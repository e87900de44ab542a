//! The short neutral words that stand where something was cut out.

use std::sync::LazyLock;

use super::fold::fold;
use crate::model::Kind;

/// What a reader of `lang` sees instead of a finding of `kind`.
pub fn placeholder(kind: Kind, lang: Option<&str>) -> &'static str {
    match lang.and_then(|lang| lang.split(['-', '_']).next()) {
        Some("id" | "ms") => indonesian(kind),
        Some("pl") => polish(kind),
        _ => english(kind),
    }
}

/// Where a folded text holds placeholders: their words are ours and mean nothing.
pub(super) fn opaque(text: &str) -> Vec<(usize, usize)> {
    let places = memchr::memchr_iter(b'[', text.as_bytes());
    let known = |at: usize| FOLDED.iter().find(|words| text[at..].starts_with(words.as_str()));
    places.filter_map(|at| known(at).map(|words| (at, at + words.len()))).collect()
}

/// Whether a folded text begins with a placeholder.
pub(super) fn begins(text: &str) -> bool {
    FOLDED.iter().any(|words| text.starts_with(words.as_str()))
}

/// Every placeholder of every language, folded.
static FOLDED: LazyLock<Vec<String>> = LazyLock::new(|| {
    let kinds =
        [Kind::Address, Kind::Code, Kind::Email, Kind::Link, Kind::Name, Kind::Payment, Kind::Phone, Kind::Social];
    kinds.into_iter().flat_map(|kind| [indonesian(kind), polish(kind), english(kind)]).map(fold).collect()
});

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
