//! The few words under a mail that say through whom it came, and how to report it; and taking them
//! out of history that quotes them, so that nobody reads them twice.

use std::ops::Range;

use memchr::memmem;

/// What stands under mails of a marketplace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footer {
    name: String,
    report: String,
}

impl Footer {
    /// With a marketplace's name, and where messages are reported; nothing without the latter.
    pub fn new(name: &str, report: &str) -> Option<Self> {
        let line = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned();
        let footer = Self { name: line(name), report: line(report) };
        (!footer.report.is_empty()).then_some(footer)
    }

    /// Its words in a language, in English where there are none.
    pub fn words(&self, lang: Option<&str>) -> String {
        let language = lang.and_then(|lang| lang.split(['-', '_']).next()).unwrap_or("en");
        let known = WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(language));
        let text = known.map_or(WORDS[0].1, |(_, text)| text);
        format!("{} {}", text.replace("{name}", &self.name), self.report)
    }

    /// Where a text quotes it in any language, in characters: wrapped, behind signs of quotes,
    /// marked up, its address written twice, as programs do.
    pub fn places(&self, text: &str) -> Vec<Range<usize>> {
        let (letters, chars) = (Letters::of(text), text.chars().collect::<Vec<char>>());
        let report = Letters::of(&self.report).text;
        let mut places: Vec<Range<usize>> = Vec::new();
        for (_, words) in WORDS {
            let wanted = Letters::of(&words.replace("{name}", &self.name)).text;
            let found: Vec<usize> = memmem::find_iter(letters.text.as_bytes(), wanted.as_bytes()).collect();
            places.extend(found.into_iter().map(|at| letters.place(at, at + wanted.len(), &report, &chars)));
        }
        places.sort_by_key(|place| place.start);
        places
    }

    /// A text without it.
    pub fn cut(&self, text: &str) -> String {
        let places = self.places(text);
        if places.is_empty() {
            return text.to_owned();
        }
        let mut places = places.into_iter().peekable();
        let mut left = String::with_capacity(text.len());
        for (n, c) in text.chars().enumerate() {
            while places.next_if(|place| place.end <= n).is_some() {}
            if places.peek().is_none_or(|place| n < place.start) {
                left.push(c);
            }
        }
        left
    }

    /// Whether a link leads where messages are reported, and so was made of this by a program.
    pub fn is_report(&self, link: &str) -> bool {
        link.strip_prefix("mailto:").unwrap_or(link).trim_end_matches('/') == self.report.trim_end_matches('/')
    }
}

/// A text's letters and figures in small, and where each stands.
struct Letters {
    text: String,
    /// For each byte of `text`: the character it came from.
    at: Vec<usize>,
}

impl Letters {
    fn of(text: &str) -> Self {
        let mut letters = Self { text: String::with_capacity(text.len()), at: Vec::with_capacity(text.len()) };
        for (n, c) in text.chars().enumerate().filter(|(_, c)| c.is_alphanumeric()) {
            letters.text.extend(c.to_lowercase());
            letters.at.resize(letters.text.len(), n);
        }
        letters
    }

    /// The characters of `start..end` and of the address behind it, with the signs around them.
    fn place(&self, start: usize, mut end: usize, report: &str, chars: &[char]) -> Range<usize> {
        let near = |end: usize| self.at.get(end).is_some_and(|next| next - self.at[end - 1] <= APART);
        while !report.is_empty() && near(end) && self.text[end..].starts_with(report) {
            end += report.len();
        }
        let (first, last) = (self.at[start], self.at[end - 1] + 1);
        let before = &chars[..first];
        let lead = before.iter().rev().take_while(|c| matches!(c, ' ' | '-' | '\n' | '>' | '|' | '*' | '_')).count();
        let tail = chars[last..].iter().take_while(|c| matches!(c, '>' | '/' | ')' | ']' | '*' | '_')).count();
        // The line before keeps its end.
        let line_end = before[first - lead..].first() == Some(&'\n');
        first - lead + usize::from(line_end)..last + tail
    }
}

/// What programs put between words and the address behind them, its scheme counted.
const APART: usize = 24;

/// A line for each language; the address follows it.
const WORDS: [(&str, &str); 12] = [
    ("en", "Sent through {name}, which keeps both addresses private. To report this message:"),
    ("id", "Dikirim lewat {name}, yang merahasiakan alamat kedua pihak. Laporkan pesan ini:"),
    ("pl", "Wysłano przez {name}; adresy obu stron pozostają ukryte. Zgłoś tę wiadomość:"),
    ("de", "Gesendet über {name}; beide Adressen bleiben verborgen. Diese Nachricht melden:"),
    ("es", "Enviado a través de {name}, que oculta ambas direcciones. Denunciar este mensaje:"),
    ("zh", "通过 {name} 发送，双方地址均保密。举报此消息："),
    ("vi", "Gửi qua {name}, địa chỉ của hai bên được giữ kín. Báo cáo tin nhắn này:"),
    ("fr", "Envoyé par {name}, qui garde les deux adresses privées. Signaler ce message :"),
    ("ja", "{name} を通じて送信されました。双方のアドレスは非公開です。この通信を報告："),
    ("ru", "Отправлено через {name}; адреса обеих сторон скрыты. Пожаловаться на это сообщение:"),
    ("pt", "Enviado por {name}, que mantém os dois endereços em sigilo. Denunciar esta mensagem:"),
    ("it", "Inviato tramite {name}, che tiene riservati i due indirizzi. Segnala questo messaggio:"),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn footer() -> Footer {
        Footer::new("Pasar", "https://pasar.example/lapor").unwrap()
    }

    #[test]
    fn without_an_address_to_report_to_there_is_none() {
        assert_eq!(Footer::new("Pasar", " "), None);
        assert!(footer().words(Some("pl-PL")).starts_with("Wysłano przez Pasar"));
        assert!(footer().words(Some("xx")).ends_with("https://pasar.example/lapor"));
    }

    #[test]
    fn it_is_cut_from_history_as_programs_quote_it() {
        let words = footer().words(None);
        for quoted in [
            format!("> {words}"),
            format!("> -- \n> {}", words.replace(" private", "\n> private")),
            format!(">> {}", words.replace(' ', "\n>> ")),
            format!("{words} <https://pasar.example/lapor>"),
            words.replace("https", "<https") + ">",
            format!("*{}*", words.to_uppercase()),
        ] {
            let cut = footer().cut(&format!("Thanks!\n> Is it there?\n{quoted}\n> more"));
            assert_eq!(cut.replace("\n\n", "\n"), "Thanks!\n> Is it there?\n> more", "{quoted}");
        }
    }

    #[test]
    fn every_language_is_cut_and_other_words_stay() {
        for (lang, _) in WORDS {
            assert_eq!(footer().cut(&format!("a\n{}\nb", footer().words(Some(lang)))), "a\n\nb", "{lang}");
        }
        for text in ["", "Sent through Pasar", "See https://pasar.example/lapor please"] {
            assert_eq!(footer().cut(text), text);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(before in any::<String>(), after in any::<String>(), twice in any::<bool>()) {
            let words = footer().words(None);
            let text = format!("{before}{words}{after}{}", if twice { words.as_str() } else { "" });
            let cut = footer().cut(&text);
            prop_assert!(cut.chars().count() < text.chars().count());
            let _ = footer().cut(&format!("{before}{after}"));
        }
    }
}
