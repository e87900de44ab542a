//! What somebody who texts or calls is told, in the language of their party, else of their marketplace, else in English.

use crate::model::Reason;

/// A language that there are words for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tongue {
    English,
    Indonesian,
    Polish,
}

impl Tongue {
    /// By the primary subtag of a locale (BCP 47).
    pub(super) fn of(locale: Option<&str>) -> Self {
        match locale.and_then(|locale| locale.split(['-', '_']).next()) {
            Some("id") => Self::Indonesian,
            Some("pl") => Self::Polish,
            _ => Self::English,
        }
    }

    /// As `<Say>` names a voice's language.
    pub(super) fn voice(self) -> &'static str {
        self.pick(["en-US", "id-ID", "pl-PL"])
    }

    /// A text that was not taken, and why, as far as that is told: of a closed gate neither its rule nor its hour.
    pub(super) fn refused(self, reason: Reason) -> String {
        let why = match reason {
            Reason::Closed => {
                ["this conversation is closed", "percakapan ini sudah ditutup", "ta rozmowa jest zamknięta"]
            }
            Reason::Content | Reason::Escalated => [
                "the content of this message is not allowed here",
                "isi pesan ini tidak diperbolehkan di sini",
                "treść tej wiadomości nie jest tu dozwolona",
            ],
            Reason::TooLarge => {
                ["this message is too large", "pesan ini terlalu panjang", "ta wiadomość jest za długa"]
            }
            Reason::Unreadable => [
                "this message could not be read safely",
                "pesan ini tidak dapat dibaca dengan aman",
                "tej wiadomości nie dało się bezpiecznie odczytać",
            ],
            _ => [
                "this conversation takes no further message from you for now",
                "percakapan ini untuk sementara tidak menerima pesan lagi dari Anda",
                "ta rozmowa na razie nie przyjmuje od Ciebie wiadomości",
            ],
        };
        let begins =
            ["Your message was not passed on", "Pesan Anda tidak diteruskan", "Twojej wiadomości nie przekazano"];
        format!("{}: {}", self.pick(begins), self.pick(why))
    }

    /// A text with pictures.
    pub(super) fn no_pictures(self) -> &'static str {
        self.pick([
            "Pictures can not be sent this way. Your message was not passed on.",
            "Gambar tidak dapat dikirim lewat cara ini. Pesan Anda tidak diteruskan.",
            "Tą drogą nie można wysyłać zdjęć. Twojej wiadomości nie przekazano.",
        ])
    }

    /// A call that may not be made; one answer, whatever the cause.
    pub(super) fn no_call(self) -> &'static str {
        self.pick([
            "This call can not be put through.",
            "Panggilan ini tidak dapat disambungkan.",
            "Tego połączenia nie można zrealizować.",
        ])
    }

    /// What whoever is rung hears first.
    pub(super) fn whisper(self) -> &'static str {
        self.pick([
            "A call by way of your marketplace. Your number is not shown.",
            "Panggilan melalui marketplace Anda. Nomor Anda tidak ditampilkan.",
            "Połączenie przez Twoją platformę. Twój numer nie jest pokazywany.",
        ])
    }

    fn pick<T: Copy>(self, texts: [T; 3]) -> T {
        texts[match self {
            Self::English => 0,
            Self::Indonesian => 1,
            Self::Polish => 2,
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_says_the_same_whatever_closed_it() {
        for locale in [None, Some("id"), Some("pl-PL"), Some("de")] {
            let tongue = Tongue::of(locale);
            let words = tongue.refused(Reason::CoolDown);
            for reason in [Reason::Blocked, Reason::Rate, Reason::ReviewBudget, Reason::Stopped, Reason::TemplateOnly] {
                assert_eq!(tongue.refused(reason), words);
            }
        }
    }

    #[test]
    fn a_language_is_told_by_its_primary_subtag() {
        for (locale, tongue) in [
            (Some("id-ID"), Tongue::Indonesian),
            (Some("pl_PL"), Tongue::Polish),
            (Some("de-DE"), Tongue::English),
            (None, Tongue::English),
        ] {
            assert_eq!(Tongue::of(locale), tongue, "{locale:?}");
        }
    }
}
