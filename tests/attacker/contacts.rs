//! The contacts that are hidden, all invented: numbers set aside for fiction or made of 555, names
//! that nobody has, hosts of the reserved names or with invented ids.

use super::draws::Draws;

/// What a contact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Phone,
    Mail,
    Link,
    Social,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Mail => "mail",
            Self::Link => "link",
            Self::Social => "social",
        }
    }
}

/// A contact and what of it must not be read.
#[derive(Clone, Debug)]
pub(crate) struct Contact {
    pub(crate) kind: Kind,
    /// The language around it.
    pub(crate) lang: &'static str,
    /// How it is written without a disguise.
    pub(crate) text: String,
    /// What a reader needs, all of them, in letters and digits alone; for a number its digits.
    pub(crate) needs: Vec<String>,
}

impl Contact {
    /// Any contact of any kind, in any of the three languages.
    pub(crate) fn draw(draws: &mut Draws) -> Self {
        let lang = draws.one(&["id", "pl", "en"]);
        match draws.below(8) {
            0..=3 => phone(lang, draws),
            4 | 5 => mail(lang, draws),
            6 => link(lang, draws),
            _ => social(lang, draws),
        }
    }
}

fn phone(lang: &'static str, draws: &mut Draws) -> Contact {
    let (text, digits) = match lang {
        "id" => {
            let tail = draws.figures(4);
            let styles = [
                (format!("0812-555-{tail}"), format!("0812555{tail}")),
                (format!("0812555{tail}"), format!("0812555{tail}")),
                (format!("+62 812 555 {tail}"), format!("62812555{tail}")),
            ];
            draws.one(&styles)
        }
        "pl" => {
            let tail = draws.figures(3);
            let styles = [
                (format!("601 555 {tail}"), format!("601555{tail}")),
                (format!("601555{tail}"), format!("601555{tail}")),
                (format!("+48 601 555 {tail}"), format!("48601555{tail}")),
            ];
            draws.one(&styles)
        }
        _ => {
            let (us, gb) = (draws.figures(2), draws.figures(3));
            let styles = [
                (format!("415-555-01{us}"), format!("41555501{us}")),
                (format!("(415) 555-01{us}"), format!("41555501{us}")),
                (format!("+1 415 555 01{us}"), format!("141555501{us}")),
                (format!("07700 900{gb}"), format!("07700900{gb}")),
                (format!("+44 7700 900{gb}"), format!("447700900{gb}")),
            ];
            draws.one(&styles)
        }
    };
    Contact { kind: Kind::Phone, lang, text, needs: vec![digits] }
}

/// A name that nobody has.
fn name(lang: &str, draws: &mut Draws) -> String {
    let first: &[&str] = match lang {
        "id" => &["toko", "lapak", "budi", "gudang"],
        "pl" => &["sklep", "jan", "okazje", "kasia"],
        _ => &["shop", "deals", "john", "store"],
    };
    let second: &[&str] = match lang {
        "id" => &["contoh", "rekaan", "umpama"],
        "pl" => &["przyklad", "zmyslony", "wzor"],
        _ => &["sample", "madeup", "fiction"],
    };
    let joint = draws.one(&["", ".", "_"]);
    format!("{}{joint}{}{}", draws.one(first), draws.one(second), 10 + draws.below(90))
}

fn bare(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

fn mail(lang: &'static str, draws: &mut Draws) -> Contact {
    let local = name(lang, draws);
    let host = draws.one(&[
        "gmail.com",
        "example.com",
        "gmail.com",
        "yahoo.com",
        "example.org",
        "outlook.com",
        "mail.example",
    ]);
    let label = host.split('.').next().unwrap_or(host);
    let needs = vec![bare(&local), bare(label)];
    Contact { kind: Kind::Mail, lang, text: format!("{local}@{host}"), needs }
}

fn link(lang: &'static str, draws: &mut Draws) -> Contact {
    let id = name(lang, draws).replace(['.', '_'], "-");
    let digits = format!("62812555{}", draws.figures(4));
    let (text, need) = match draws.below(7) {
        0 => (format!("wa.me/{digits}"), digits),
        1 => (format!("t.me/{}", bare(&id)), bare(&id)),
        2 => (format!("https://t.me/{}", bare(&id)), bare(&id)),
        3 => (format!("bit.ly/{}", bare(&id)), bare(&id)),
        4 => (format!("https://{id}.example.com/katalog"), bare(&id)),
        5 => (format!("www.{id}.com"), bare(&id)),
        _ => (format!("{id}.com"), bare(&id)),
    };
    Contact { kind: Kind::Link, lang, text, needs: vec![need] }
}

fn social(lang: &'static str, draws: &mut Draws) -> Contact {
    let id = name(lang, draws);
    let at = if draws.chance(1, 2) { "@" } else { "" };
    Contact { kind: Kind::Social, lang, text: format!("{at}{id}"), needs: vec![bare(&id)] }
}

/// An ordinary sentence around a contact. A social id stands beside its network's name.
pub(crate) fn carried(contact: &Contact, disguised: &str, draws: &mut Draws) -> String {
    let sentences = match contact.kind {
        Kind::Phone => PHONE,
        Kind::Mail => MAIL,
        Kind::Link => LINK,
        Kind::Social => SOCIAL,
    };
    let own: Vec<&str> = sentences.iter().filter(|(lang, _)| *lang == contact.lang).map(|(_, text)| *text).collect();
    draws.one(&own).replace("{}", disguised)
}

const PHONE: &[(&str, &str)] = &[
    ("id", "Kak, barang ready, hubungi {} ya"),
    ("id", "wa saya {} untuk info lebih lanjut"),
    ("id", "Terima kasih sudah belanja. {}"),
    ("id", "nomor saya {} ditunggu kabarnya"),
    ("pl", "Dzień dobry, proszę dzwonić {} w sprawie paczki"),
    ("pl", "mój numer {} pozdrawiam"),
    ("pl", "Dziękuję za zakup. {}"),
    ("pl", "tel. {} najlepiej po południu"),
    ("en", "Hi, please call me {} about the parcel"),
    ("en", "my number is {} talk soon"),
    ("en", "Thanks for your purchase. {}"),
    ("en", "text me at {} any time"),
];

const MAIL: &[(&str, &str)] = &[
    ("id", "Kirim fotonya ke {} ya kak"),
    ("id", "email saya {} terima kasih"),
    ("pl", "Proszę pisać na {} dziękuję"),
    ("pl", "mój mail {} pozdrawiam"),
    ("en", "Please write to {} thanks"),
    ("en", "my email is {} talk soon"),
];

const LINK: &[(&str, &str)] = &[
    ("id", "Katalog lengkap ada di {} kak"),
    ("id", "langsung chat {} ya"),
    ("pl", "Wszystkie oferty na {} zapraszam"),
    ("pl", "proszę kliknąć {} dziękuję"),
    ("en", "See all the offers at {} thanks"),
    ("en", "just visit {} for more"),
];

const SOCIAL: &[(&str, &str)] = &[
    ("id", "ig: {} ya kak"),
    ("id", "follow instagram saya {} terima kasih"),
    ("id", "telegram {} fast respon"),
    ("pl", "mój instagram: {} zapraszam"),
    ("pl", "jestem na telegramie {} pozdrawiam"),
    ("pl", "facebook: {} dziękuję"),
    ("en", "my instagram is {} thanks"),
    ("en", "telegram: {} any time"),
    ("en", "add me on snapchat {} please"),
];
