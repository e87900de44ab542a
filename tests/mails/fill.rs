//! What stands in double braces: `{{email}}`, or `{{pct:email}}` for the same in another dress.

use std::collections::BTreeMap;

use data_encoding::{BASE64, HEXLOWER};
use tabir::media::footer::Footer;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::{
    charset,
    corpus::Recipe,
    house::mails,
    people::{Pen, WORDS},
};

const HEAD: &str = "From: {{ew:name}} <{{email}}>\nTo: <{{to}}>\n{{front}}";
/// The fields that every mail has, without who and to whom.
const FRONT: &str = "Subject: {{ew:subject}} {{w}}\nDate: Mon, 16 Nov 2026 09:12:07 +0700\n\
                     Message-ID: <canary.{{n}}@{{machine}}>\nMIME-Version: 1.0";

/// Everything that a mail can name.
pub fn values(recipe: &Recipe, pen: &Pen<'_>, word: &str) -> BTreeMap<String, String> {
    let me = pen.me;
    let mut all: BTreeMap<String, String> = me.secrets();
    for (key, said) in &WORDS[recipe.lang] {
        let own = said.replace("{w}", word);
        // Quoted by whom: the writer's own mail of before, or the other side's under its handle.
        let quoted = |who: &str, addr: &str| own.replace("{who}", who).replace("{addr}", addr);
        all.insert(format!("{key}.me"), quoted(&me.name, &me.email()));
        all.insert(format!("{key}.them"), quoted("Bazaar", pen.to));
        all.insert(key.clone(), own);
    }
    let parts: Vec<&str> = me.name.split(' ').collect();
    let further = [
        ("w", word.to_owned()),
        ("n", format!("{}", 10_000 + pen.n)),
        ("to", pen.to.to_owned()),
        ("lang", recipe.lang.to_owned()),
        ("city", me.city.clone()),
        ("postcode", me.postcode.clone()),
        ("given", parts[0].to_owned()),
        ("family", (*parts.last().expect("a name")).to_owned()),
        ("reversed", format!("{}, {}", parts.last().expect("a name"), parts[0])),
        ("ascii", ascii(&me.name)),
        ("digits", me.phone.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect()),
        ("photo", photo()),
        ("gif", "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7".to_owned()),
        ("head", HEAD.to_owned()),
        ("front", FRONT.to_owned()),
        ("bob", format!("{BOB} -- {}", footer().words(Some(recipe.lang)))),
        ("footer", footer().words(Some(recipe.lang))),
        ("report", REPORT.to_owned()),
    ];
    let line = format!("{}\r\n", all["mark"]);
    all.insert("markline".to_owned(), line);
    all.extend(further.into_iter().map(|(key, value)| (key.to_owned(), value)));
    all
}

fn photo() -> String {
    let letters = BASE64.encode(&mails::photo());
    let lines = letters.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned());
    lines.collect::<Vec<_>>().join("\n")
}

/// What the relay of the test writes under mails.
pub fn footer() -> Footer {
    Footer::new("Bazaar", REPORT).expect("a footer")
}

/// Where a message is reported.
pub const REPORT: &str = "https://veil.example/report";

/// What the other side wrote, as a quote of it goes on.
const BOB: &str = "Is the blue one still there?";

/// Puts the values in place; what they hold in braces as well.
pub fn fill(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let (inner, behind) = after.split_once("}}").expect("closing braces");
        out.push_str(&fill(&one(inner, values), values));
        rest = behind;
    }
    out.push_str(rest);
    out
}

fn one(inner: &str, values: &BTreeMap<String, String>) -> String {
    let Some((way, what)) = inner.split_once(':') else {
        return values.get(inner).unwrap_or_else(|| panic!("nothing is called {inner}")).clone();
    };
    let value = || one(what, values);
    match way {
        "byte" => charset::escaped(u8::from_str_radix(what, 16).expect("two hex digits")).to_string(),
        "pad" => "x".repeat(what.parse().expect("a number")),
        "b" => words_in_base64(&value()),
        "q" => format!("=?UTF-8?Q?{}?=", quoted(value().as_bytes(), "=").replace("=20", "_")),
        "ew" if value().is_ascii() => value(),
        "ew" => words_in_base64(&value()),
        "h" => value().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
        "pct" => quoted(value().as_bytes(), "%"),
        "qp" => quoted(value().as_bytes(), "="),
        "ent" => value().chars().map(|c| format!("&#{};", u32::from(c))).collect(),
        "hexent" => value().chars().map(|c| format!("&#x{:X};", u32::from(c))).collect(),
        "wrap" => value().split(' ').collect::<Vec<_>>().join("\n> "),
        "wide" => value().chars().map(wide).collect(),
        "zero" => between(&value(), "\u{200b}"),
        "shy" => between(&value(), "\u{ad}"),
        "bidi" => between(&value(), "\u{202d}"),
        "tags" => between(&value(), "<span style=\"color:#000\"></span>"),
        "bold" => value().chars().map(|c| format!("<b>{c}</b>")).collect(),
        "comment" => between(&value(), "<!-- x -->"),
        "nul" => between(&value(), &charset::escaped(0).to_string()),
        "ctl" => between(&value(), &charset::escaped(1).to_string()),
        "b64" => BASE64.encode(value().as_bytes()),
        "hex" => HEXLOWER.encode(value().as_bytes()),
        "upper" => value().to_uppercase(),
        "nfd" => value().nfd().collect(),
        "bare" => ascii(&value()),
        "at" => value().replace('@', " (at) ").replace('.', " (dot) "),
        "half" => halves(&value()).0,
        "rest" => halves(&value()).1,
        "dense" => value().replace(' ', ""),
        "german" => german(&value()),
        "germanupper" => german(&value()).to_uppercase(),
        "utf7" => value().replace('@', "+AEA-"),
        "stuff" => value().replace('@', "@\u{feff}"),
        _ => panic!("no such dress: {way}"),
    }
}

/// `=?UTF-8?B?…?=`, as many as are needed.
fn words_in_base64(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let words = letters.chunks(12).map(|some| {
        let some: String = some.iter().collect();
        format!("=?UTF-8?B?{}?=", BASE64.encode(some.as_bytes()))
    });
    words.collect::<Vec<_>>().join("\n ")
}

fn quoted(bytes: &[u8], sign: &str) -> String {
    bytes.iter().map(|byte| format!("{sign}{byte:02X}")).collect()
}

fn german(text: &str) -> String {
    let pairs = [("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("Ä", "Ae"), ("Ö", "Oe"), ("Ü", "Ue"), ("ß", "ss")];
    pairs.iter().fold(text.to_owned(), |text, (letter, pair)| text.replace(letter, pair))
}

fn wide(c: char) -> char {
    match c {
        '!'..='~' => char::from_u32(u32::from(c) + 0xfee0).expect("a wide letter"),
        ' ' => '\u{3000}',
        c => c,
    }
}

fn between(text: &str, what: &str) -> String {
    let letters: Vec<String> = text.chars().map(String::from).collect();
    letters.join(what)
}

fn halves(text: &str) -> (String, String) {
    let letters: Vec<char> = text.chars().collect();
    let (a, b) = letters.split_at(letters.len() / 2);
    (a.iter().collect(), b.iter().collect())
}

/// Without its accents, as people type it.
pub fn ascii(text: &str) -> String {
    let folded = text.nfd().filter(|c| !is_combining_mark(*c));
    folded
        .map(|c| match c {
            'ł' => 'l',
            'Ł' => 'L',
            'đ' => 'd',
            'Đ' => 'D',
            c => c,
        })
        .collect::<String>()
        .replace('ß', "ss")
}
