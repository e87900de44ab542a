//! Ids on other networks: a handle with its `@`, or an id next to a network's name.

use super::{
    lexicon::{Cue, Hit},
    sight::{Face, Finds, Found, Sight, is},
};
use crate::model::Kind;

/// Finds ids on networks and messengers.
pub(super) fn find(sight: &Sight<'_>, found: &mut Finds) {
    if sight.face == Face::Plain {
        mentions(sight, found);
    }
    let network = sight.has(NETWORKS);
    for hit in sight.all(&[Cue::Id]).filter(|_| network) {
        if let Some((start, end, _)) =
            walk(sight, hit.end, true).filter(|(start, end, _)| id_shaped(&sight.text()[*start..*end]))
        {
            push(sight, start, end, found);
        }
    }
    for hit in sight.all(NETWORKS) {
        beside(sight, hit, found);
        ahead(sight, hit, found);
    }
}

/// A network's name.
pub(super) const NETWORKS: &[Cue] = &[Cue::Network, Cue::NetworkWord];
const LINKING: &[Cue] = &[Cue::Between, Cue::Id, Cue::PhoneWord, Cue::Phone, Cue::Network, Cue::NetworkWord];

/// `@handle`.
fn mentions(sight: &Sight<'_>, found: &mut Finds) {
    let text = sight.text();
    for at in memchr::memchr_iter(b'@', text.as_bytes()) {
        let before = text[..at].chars().next_back();
        let swearing = matches!(before, Some('!' | '#' | '$' | '*' | '~' | '^'))
            && text[..at - 1].ends_with(|c: char| c.is_ascii_alphanumeric());
        if swearing {
            continue;
        }
        let shared = SHARES.iter().any(|word| {
            text[..at].strip_suffix(word).is_some_and(|head| !head.ends_with(|c: char| c.is_alphanumeric() || c == '.'))
        });
        if !shared
            && before.is_some_and(|c| {
                (c.is_alphanumeric() && !super::lexicon::unspaced(c))
                    || matches!(c, '@' | '_' | '.' | '&' | '%' | '-' | '+')
            })
        {
            continue;
        }
        let end = handle_end(text, at + 1);
        let handle = &text[at + 1..end];
        let letters = handle.bytes().any(|b| b.is_ascii_alphabetic());
        let first_ok = handle.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
        let amount = handle.bytes().next().is_some_and(|b| b.is_ascii_digit());
        let next = text[end..].chars().next();
        if handle.len() < 2 || !letters || (!first_ok && amount && handle.len() < 5) || matches!(next, Some('@')) {
            continue;
        }
        push(sight, at, listed(text, end), found);
    }
}

/// Words that people run together with a handle: "RT@name".
const SHARES: &[&str] = &["rt", "ig", "cc", "via", "dm", "tele", "tg", "line", "fb", "insta", "hi"];

/// Where a handle with the list under it ends: `@name/list`.
fn listed(text: &str, end: usize) -> usize {
    let list = text[end..].strip_prefix('/').filter(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()));
    list.map_or(end, |_| handle_end(text, end + 1))
}

/// An id right after a network's name.
fn beside(sight: &Sight<'_>, network: &Hit, found: &mut Finds) {
    let word = is(network, &[Cue::NetworkWord]);
    let text = sight.text();
    if let Some((start, end)) = numbered(text, network) {
        return found.push(Found { start, end, kind: Kind::Social });
    }
    if let Some((start, end)) = page(sight, network.end) {
        return push(sight, start, end, found);
    }
    if let Some((start, end, sure)) = id_after(sight, network.end)
        && (sure || !word || network.end - network.start == 2 && quoted(text, start, end))
        && (network.end - network.start < 3
            || text[network.start..network.end].is_ascii()
            || !pictured(text, network)
            || text[start..end].contains(['_', '.']))
    {
        let scheme = &text[network.end..start] == ":";
        let end = if word { end } else { capitals(sight, start, end) };
        push(sight, if scheme { network.start } else { start }, tagged(text, end), found);
    }
}

/// An id ahead of a network's name: "contoh_jaya di telegram", "look for sample99 on insta".
fn ahead(sight: &Sight<'_>, network: &Hit, found: &mut Finds) {
    let text = sight.text();
    let name = &text[network.start..network.end];
    if sight.face != Face::Plain || is(network, &[Cue::NetworkWord]) && !SHORT.contains(&name) {
        return;
    }
    let Some((head, joint)) = text[..network.start].strip_suffix(' ').and_then(|head| head.rsplit_once(' ')) else {
        return;
    };
    if !PLACED.contains(&joint) {
        return;
    }
    let end = head.trim_end_matches(['"', '\'']).len();
    let part_of_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    let start = text[..end]
        .rfind(|c: char| !part_of_id(c))
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    let id = text[start..end].trim_matches('.');
    let worded = |part: &str| part.bytes().filter(u8::is_ascii_alphabetic).count() >= 2;
    let parts: Vec<&str> = id.split(['_', '.']).collect();
    let joined = parts.len() > 1 && parts.iter().filter(|part| worded(part)).count() == parts.len();
    let host = id.contains('.') && psl::suffix(id.as_bytes()).is_some_and(|suffix| suffix.is_known());
    let numbered =
        id.starts_with(|c: char| c.is_ascii_alphabetic()) && id_shaped(id) && worded(id) && sought(text, start);
    if id.len() >= 5 && !host && (joined || numbered) {
        push(sight, start, start + id.len(), found);
    }
}

/// Names of a few letters that mean nothing but the network.
const SHORT: &[&str] = &["ig", "fb", "tg", "tele", "snap", "discord", "insta"];
/// What stands between an id and where it is to be looked for.
const PLACED: &[&str] =
    &["on", "at", "di", "d", "pada", "na", "w", "en", "em", "auf", "bei", "sa", "tren", "via", "lewat"];

/// A network that is only a picture: an id beside it must look like nothing else.
fn pictured(text: &str, network: &Hit) -> bool {
    text[network.start..network.end].chars().all(|c| !c.is_alphanumeric())
}

/// Where an id with its number ends: `name#1234`.
fn tagged(text: &str, end: usize) -> usize {
    let Some(rest) = text[end..].strip_prefix('#') else { return end };
    let figures = rest.bytes().take_while(u8::is_ascii_digit).count();
    if (3..=5).contains(&figures) { end + 1 + figures } else { end }
}

/// The number that is an id on the networks that count their people.
fn numbered(text: &str, network: &Hit) -> Option<(usize, usize)> {
    if !NUMBERED.contains(&&text[network.start..network.end]) {
        return None;
    }
    let rest = &text[network.end..];
    let skip = rest.bytes().take(9).position(|b| b.is_ascii_digit())?;
    let clear = rest[..skip].chars().all(|c| !c.is_ascii_alphanumeric());
    let figures = rest[skip..].bytes().take_while(u8::is_ascii_digit).count();
    let ends = !rest[skip + figures..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '%');
    (clear && ends && (6..=11).contains(&figures)).then_some((network.end + skip, network.end + skip + figures))
}

/// Networks whose ids are numbers.
const NUMBERED: &[&str] = &["qq", "扣扣", "企鹅", "gg", "gadu gadu", "gadu-gadu", "icq"];

/// A page's name after "my" or a colon: two words or more with capitals.
fn page(sight: &Sight<'_>, from: usize) -> Option<(usize, usize)> {
    let text = sight.text();
    let (mut at, mut owned) = (from, false);
    for _ in 0..5 {
        let gap = text[at..].char_indices().take(5).find(|(_, c)| c.is_alphanumeric())?.0;
        let signs = &text[at..at + gap];
        // "find us on facebook, Example Crafts": a comma alone leads on to what is to be looked for.
        let listed = signs == ", " && at == from && sought(text, from);
        if signs.len() > 3 || !listed && signs.contains(['.', '?', '!', ';', '[', '\n', ',', ')', '@', '/']) {
            return None;
        }
        owned |= signs.contains([':', '=', '"']);
        at += gap;
        let letters = text[at..].char_indices().take(40).take_while(|(_, c)| c.is_alphanumeric());
        let end = at + letters.last().map_or(0, |(last, c)| last + c.len_utf8());
        let word = &text[at..end];
        let capital = is_capital(sight, at);
        if capital && (owned || sought(text, from)) {
            let last = capitals(sight, at, end);
            return (last > end && !ordinary(&text[at..last])).then_some((at, last));
        }
        owned |= OWNED.contains(&word);
        let linking = sight.hits[sight.hits.partition_point(|hit| hit.start < at)..]
            .iter()
            .take_while(|hit| hit.start == at)
            .any(|hit| is(hit, LINKING) && hit.end >= end);
        if !linking && !OWNED.contains(&word) {
            return None;
        }
        at = end;
    }
    None
}

/// Whether the character at a byte is a capital in the piece as written.
fn is_capital(sight: &Sight<'_>, at: usize) -> bool {
    let len = sight.text()[at..].chars().next().map_or(0, char::len_utf8);
    len > 0 && sight.raw(at, at + len).chars().next().is_some_and(char::is_uppercase)
}

/// Whether words before a network's name say to look for somebody there.
fn sought(text: &str, from: usize) -> bool {
    let before = text[..from].char_indices().rev().nth(28).map_or(0, |(at, _)| at);
    text[before..from].split(|c: char| !c.is_alphanumeric()).any(|word| SOUGHT.contains(&word))
}

/// "add", "look for".
const SOUGHT: &[&str] = &[
    "add", "cari", "search", "find", "look", "follow", "hanapin", "szukaj", "znajdz", "busca", "buscame", "sigueme",
    "tim", "ищи",
];

/// "my", "our", "as", "is called".
const OWNED: &[&str] = &[
    "ku", "aku", "saya", "gw", "gue", "gua", "kami", "kita", "nya", "namanya", "nama", "moj", "nasz", "nasze", "pod",
    "nazwa", "my", "our", "as", "called", "named", "jako", "ko", "namin", "como", "mi", "em", "minh", "ten", "mein",
    "als", "мой",
];

/// A page's name in several words, as far as they are capitalised.
fn capitals(sight: &Sight<'_>, start: usize, end: usize) -> usize {
    let text = sight.text();
    let capital = |at: usize| text.is_char_boundary(at) && at < text.len() && is_capital(sight, at);
    let mut end = end;
    for _ in 0..3 {
        let Some(rest) = text[end..].strip_prefix(' ').filter(|_| capital(start)) else { break };
        // "Sklep u Jana"
        let joint = rest.bytes().take(4).take_while(u8::is_ascii_lowercase).count();
        let joined = (1..=3).contains(&joint) && rest[joint..].starts_with(' ') && capital(end + joint + 2);
        let next = if joined { end + joint + 2 } else { end + 1 };
        if !capital(next) {
            break;
        }
        end = text[next..].find(|c: char| !c.is_alphanumeric()).map_or(text.len(), |len| next + len);
    }
    end
}

/// "email is name", "surel saya depannya name".
pub(super) fn named(sight: &Sight<'_>, from: usize) -> Option<(usize, usize)> {
    let (start, end, _) = walk(sight, from, true)?;
    Some((start, end))
}

/// The id after a network's name, and whether its shape or a colon says that it is one.
fn id_after(sight: &Sight<'_>, from: usize) -> Option<(usize, usize, bool)> {
    let (start, end, marked) = walk(sight, from, false)?;
    let text = sight.text();
    let id = &text[start..end];
    let shaped = id_shaped(id);
    if !shaped && ordinary(id) {
        return None;
    }
    let marked = marked || tagged(text, end) > end;
    let lettered = lettered(sight, start, end);
    let apart = lettered || id.len() >= 4 && quoted(text, start, end);
    let sure = shaped && id.len() >= 4 || marked && id.len() >= 3 || lettered;
    (shaped || marked || apart).then_some((start, end, sure))
}

/// A word by itself between quotes.
fn quoted(text: &str, start: usize, end: usize) -> bool {
    text[..start].ends_with('"') && text[end..].starts_with('"')
}

/// Whether its letters were written one by one, which nobody does to an ordinary word: "m y s h o p".
fn lettered(sight: &Sight<'_>, start: usize, end: usize) -> bool {
    if sight.face != Face::Unveiled {
        return false;
    }
    let raw = sight.raw(start, end);
    let single = raw.split_whitespace().filter(|piece| piece.chars().count() == 1).count();
    single >= 5 && single + 1 >= raw.split_whitespace().count()
}

/// Letters with digits, underscores or dots: no ordinary word.
pub(super) fn id_shaped(id: &str) -> bool {
    let letters = id.bytes().any(|b| b.is_ascii_alphabetic());
    let figures = id.bytes().any(|b| b.is_ascii_digit());
    let joined = id.trim_matches(['.', '_']).bytes().any(|b| matches!(b, b'_' | b'.'));
    let first = id.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    letters && (figures || joined) && id.len() >= 4 && (first || joined)
}

/// Whether all words from one byte to another are of ordinary talk: "Shopee, your account", "Allegro: opinie".
fn ordinary(text: &str) -> bool {
    !text.contains(['@', '_'])
        && text
            .split(|c: char| !c.is_alphanumeric())
            .all(|word| word.is_empty() || ORDINARY.binary_search(&word).is_ok())
}

/// What stands behind a market's name and is nobody's id, in the languages in which most is written here; folded, in order.
const ORDINARY: &[&str] = &[
    "account",
    "accounts",
    "ahora",
    "akan",
    "akun",
    "albo",
    "ale",
    "already",
    "also",
    "always",
    "and",
    "anda",
    "aplikacja",
    "aplikasi",
    "app",
    "aqui",
    "articulo",
    "artikel",
    "atau",
    "aturan",
    "auch",
    "ayuda",
    "bang",
    "bantuan",
    "bapak",
    "barang",
    "bedzie",
    "belanja",
    "belum",
    "bestellung",
    "bewertung",
    "bewertungen",
    "biaya",
    "bintang",
    "bisa",
    "bitte",
    "bon",
    "bukan",
    "but",
    "buyer",
    "buyers",
    "cart",
    "cena",
    "ceny",
    "chat",
    "checkout",
    "cliente",
    "coins",
    "comision",
    "comprador",
    "coupon",
    "courier",
    "cuenta",
    "cupon",
    "customer",
    "customers",
    "czat",
    "dan",
    "dana",
    "danke",
    "das",
    "dear",
    "dein",
    "deine",
    "delivery",
    "der",
    "devolucion",
    "dia",
    "die",
    "diskon",
    "dobry",
    "dostawa",
    "du",
    "dziekuje",
    "dzien",
    "dzis",
    "el",
    "ella",
    "ellos",
    "entrega",
    "envio",
    "equipo",
    "eso",
    "esto",
    "estrellas",
    "favor",
    "fee",
    "feedback",
    "fees",
    "gan",
    "garansi",
    "garantia",
    "garantie",
    "gebuhr",
    "gebuhren",
    "gracias",
    "guarantee",
    "gutschein",
    "gwarancja",
    "gwiazdki",
    "hai",
    "hallo",
    "halo",
    "hanya",
    "harga",
    "hari",
    "he",
    "hello",
    "help",
    "here",
    "heute",
    "hey",
    "hier",
    "hilfe",
    "hola",
    "hoy",
    "ibu",
    "ihr",
    "ihre",
    "ihren",
    "immer",
    "ini",
    "it",
    "item",
    "items",
    "its",
    "itu",
    "ja",
    "jeszcze",
    "jetzt",
    "juga",
    "jutro",
    "juz",
    "kak",
    "kakak",
    "kami",
    "kamu",
    "kasih",
    "kaufer",
    "kauferschutz",
    "kebijakan",
    "keranjang",
    "ketentuan",
    "kita",
    "klient",
    "koin",
    "komplain",
    "konto",
    "koszyk",
    "kunde",
    "kupon",
    "kupujaca",
    "kupujacy",
    "kurier",
    "kurir",
    "la",
    "laden",
    "las",
    "layanan",
    "lieferung",
    "listing",
    "los",
    "lub",
    "maaf",
    "madam",
    "mas",
    "mbak",
    "mensaje",
    "mereka",
    "message",
    "messages",
    "mohon",
    "monety",
    "moze",
    "nachricht",
    "nasz",
    "nasza",
    "nicht",
    "nie",
    "no",
    "nosotros",
    "not",
    "now",
    "nuestra",
    "nuestro",
    "nur",
    "obsluga",
    "ocena",
    "oceny",
    "ochrona",
    "oder",
    "oferta",
    "official",
    "on",
    "ona",
    "ongkir",
    "oni",
    "only",
    "ono",
    "opinia",
    "opinie",
    "opinii",
    "oplata",
    "oplaty",
    "or",
    "order",
    "orders",
    "package",
    "paczka",
    "pago",
    "pak",
    "paket",
    "pan",
    "pana",
    "panem",
    "pani",
    "pania",
    "panie",
    "panstwa",
    "panstwo",
    "panu",
    "paquete",
    "parcel",
    "payment",
    "payments",
    "pedido",
    "pedidos",
    "pelanggan",
    "pembayaran",
    "pembeli",
    "pengembalian",
    "pengiriman",
    "penilaian",
    "penjual",
    "pesan",
    "pesanan",
    "platnosc",
    "platnosci",
    "please",
    "poin",
    "points",
    "policies",
    "policy",
    "politica",
    "pomoc",
    "por",
    "precio",
    "preis",
    "price",
    "prices",
    "product",
    "producto",
    "products",
    "produk",
    "produkt",
    "promo",
    "prosze",
    "protection",
    "prowizja",
    "przesylka",
    "rating",
    "ratings",
    "reembolso",
    "refund",
    "refunds",
    "regeln",
    "reglas",
    "regulamin",
    "reklamacja",
    "resena",
    "resenas",
    "resmi",
    "retur",
    "return",
    "returns",
    "review",
    "reviews",
    "ruckgabe",
    "rules",
    "sale",
    "sales",
    "sana",
    "sekarang",
    "selalu",
    "seller",
    "sellers",
    "service",
    "she",
    "shipping",
    "shop",
    "si",
    "sie",
    "siempre",
    "silakan",
    "sini",
    "sir",
    "sis",
    "sistem",
    "sklep",
    "solo",
    "soporte",
    "sprzedajacy",
    "sprzedawca",
    "stars",
    "sterne",
    "store",
    "su",
    "sudah",
    "support",
    "sus",
    "system",
    "ta",
    "tak",
    "tam",
    "tambien",
    "te",
    "team",
    "ten",
    "teraz",
    "terima",
    "tez",
    "thank",
    "thanks",
    "that",
    "the",
    "their",
    "them",
    "there",
    "these",
    "they",
    "this",
    "those",
    "tidak",
    "tienda",
    "tim",
    "to",
    "today",
    "toko",
    "tolong",
    "tomorrow",
    "towar",
    "transaksi",
    "tu",
    "tus",
    "tutaj",
    "twoj",
    "twoja",
    "twoje",
    "twojego",
    "twojej",
    "ty",
    "tylko",
    "ulasan",
    "und",
    "uns",
    "unser",
    "unsere",
    "us",
    "usted",
    "ustedes",
    "valoracion",
    "vendedor",
    "verkaufer",
    "versand",
    "voucher",
    "vouchers",
    "warranty",
    "wasz",
    "wasza",
    "wasze",
    "we",
    "wiadomosc",
    "wiadomosci",
    "wir",
    "witam",
    "wysylka",
    "yang",
    "yes",
    "you",
    "your",
    "yours",
    "zahlung",
    "zakupy",
    "zamowienia",
    "zamowienie",
    "zasady",
    "zawsze",
    "zespol",
    "zwrot",
    "zwroty",
];

/// Goes over signs and linking words to the next word; tells whether something marked it as an id.
fn walk(sight: &Sight<'_>, from: usize, open: bool) -> Option<(usize, usize, bool)> {
    let text = sight.text();
    let (mut at, mut marked) = (from, open);
    for _ in 0..6 {
        let gap = text[at..].find(|c: char| c.is_alphanumeric() || c == '@' || c == '_')?;
        let signs = &text[at..at + gap];
        let ours = signs.rfind('[').is_some_and(|open| super::placeholder::begins(&text[at + open..]));
        if signs.len() > 6 || ours || signs.contains(['.', '?', '!', ';', '\n', ')']) && !signs.starts_with(')') {
            return None;
        }
        marked |= signs.contains([':', '=', '>']);
        at += gap;
        if signs == "'" && text[at..].starts_with("s ") {
            // "my snap's sample99"
            at += 1;
            continue;
        }
        if let Some(rest) = text[at..].strip_prefix('@') {
            let end = handle_end(text, at + 1 + usize::from(rest.starts_with(' ')));
            return (end > at + 2).then_some((at, end, true));
        }
        let end = handle_end(text, at);
        let linking =
            sight.hits.iter().skip(sight.hits.partition_point(|h| h.start < at)).take_while(|h| h.start == at);
        let linking = linking.filter(|h| is(h, LINKING) && h.end <= end).max_by_key(|h| h.end);
        match linking {
            Some(hit) if hit.end == end || !text[hit.end..end].contains(['_', '.']) && !id_shaped(&text[at..end]) => {
                marked |= is(hit, &[Cue::Id]);
                at = hit.end.max(end);
            }
            _ => return (end > at + 1).then_some((at, end, marked)),
        }
    }
    None
}

fn handle_end(text: &str, from: usize) -> usize {
    let from = if text[from..].starts_with("live:") { from + 5 } else { from };
    let end = text[from..]
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')))
        .map_or(text.len(), |len| from + len);
    from + text[from..end].trim_end_matches(['.', '-']).len()
}

fn push(sight: &Sight<'_>, start: usize, end: usize, found: &mut Finds) {
    let handle = sight.text()[start..end].trim_start_matches('@');
    let own = sight.context.own.social.iter().any(|own| own.trim_start_matches('@').eq_ignore_ascii_case(handle));
    let fresh = !found.taken(start, end);
    let digits = handle.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'));
    if fresh && !own && !digits && sight.face != Face::Joined {
        found.push(Found { start, end, kind: Kind::Social });
    }
}
