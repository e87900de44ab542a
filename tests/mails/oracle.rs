//! Reads bytes in every way that somebody curious would, and says which secrets can be read in them.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
};

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use mail_parser::{MessageParser, MimeHeaders, PartType, decoders::charsets::map::charset_decoder};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// How often one way of writing may lie within another.
const DEPTH: usize = 2;
/// Readings of one mail.
const MOST: usize = 400;

/// The names of the secrets that are there.
pub fn seen(raw: &[u8], secrets: &BTreeMap<String, String>) -> Vec<String> {
    let mut known = HashSet::new();
    let all = readings(raw);
    let readings = all.iter().map(|bytes| Reading::of(bytes)).filter(|reading| known.insert(reading.text.clone()));
    let readings: Vec<Reading> = readings.collect();
    let there = |key: &str, secret: &str| readings.iter().any(|reading| reading.has(key, secret));
    secrets.iter().filter(|(key, secret)| there(key, secret)).map(|(key, _)| key.clone()).collect()
}

/// Where a secret is first met, for whoever has to mend it.
pub fn place(raw: &[u8], key: &str, secret: &str) -> String {
    let readings = readings(raw);
    let found = readings.iter().map(|bytes| Reading::of(bytes)).find(|reading| reading.has(key, secret));
    let text = found.map(|reading| reading.text).unwrap_or_default();
    let at = text.find(&plain(secret)).unwrap_or_default();
    let from = text.char_indices().rev().map(|(n, _)| n).find(|n| n + 60 < at).unwrap_or_default();
    text[from..].chars().take(160).collect()
}

/// A reading, as eyes take it: case, width, accents and what is not seen do not count.
struct Reading {
    text: String,
    /// The same without its spaces and the signs of quotes, for what is written without any.
    dense: String,
    /// The same without its signs.
    words: String,
    digits: String,
}

impl Reading {
    fn of(bytes: &[u8]) -> Self {
        let text = plain(&String::from_utf8_lossy(bytes));
        let dense = text.chars().filter(|c| !matches!(c, ' ' | '>' | '|')).collect();
        Self { digits: digits(&text), words: plain_words(&text), dense, text }
    }

    fn has(&self, key: &str, secret: &str) -> bool {
        match key {
            "phone" => {
                let figures: String = secret.chars().filter(char::is_ascii_digit).collect();
                self.digits.contains(&figures[figures.len() - 8..])
            }
            "email" | "local" | "host" | "machine" | "user" => self.dense.contains(&plain(secret)),
            "name" => {
                let name = plain(secret);
                let turned = name.split_once(' ').map(|(given, family)| format!("{family} {given}"));
                let dense = (!name.is_ascii() && name.chars().count() < 9).then(|| name.replace(' ', ""));
                let typed = plain(&secret.to_lowercase().replace('ü', "ue").replace('ö', "oe").replace('ä', "ae"));
                let forms = [Some(name), turned, Some(typed)].into_iter().flatten();
                forms.chain(dense).any(|name| self.words.contains(&name))
            }
            "street" => self.words.contains(&plain_words(&plain(secret))),
            _ => self.text.contains(&plain(secret)),
        }
    }
}

/// Folded: compatible forms, no marks, no case, nothing unseen, one space where there are some.
fn plain(text: &str) -> String {
    if text.is_ascii() && text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\r' | b'\n' | b'\t')) {
        return text.split_ascii_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.nfkd().filter(|c| !is_combining_mark(*c) && !is_unseen(*c)) {
        match c {
            c if c.is_whitespace() => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            'ł' | 'Ł' => out.push('l'),
            'đ' | 'Đ' => out.push('d'),
            'ß' => out.push_str("ss"),
            c => out.extend(c.to_lowercase()),
        }
    }
    out
}

/// Signs between words are spaces too.
fn plain_words(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    spaced.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || c.is_control() && !c.is_whitespace()
}

/// Digits that belong together by what people put between them.
fn digits(text: &str) -> String {
    let mut out = String::new();
    let mut gap = 0;
    for c in text.chars() {
        match c {
            '0'..='9' => {
                if gap > 3 {
                    out.push('|');
                }
                gap = 0;
                out.push(c);
            }
            ' ' | '-' | '.' | '(' | ')' | '/' | '>' => gap += 1,
            _ => gap += 4,
        }
    }
    out
}

/// The bytes, and what they are when they are decoded, and decoded once more.
fn readings(raw: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![raw.to_vec()];
    let mut known: HashSet<Vec<u8>> = HashSet::from([raw.to_vec()]);
    let mut from = 0;
    for depth in 0..DEPTH {
        let to = all.len();
        for n in from..to {
            let bytes = all[n].clone();
            let mut further = decodings(&bytes);
            if depth == 0 {
                further.extend(parts(&bytes));
            }
            for reading in further {
                if reading.len() >= 4 && all.len() < MOST && known.insert(reading.clone()) {
                    all.push(reading);
                }
            }
        }
        from = to;
    }
    all
}

/// What a parser of mail finds: header values and bodies.
fn parts(raw: &[u8]) -> Vec<Vec<u8>> {
    let Some(mail) = MessageParser::default().parse(raw) else { return Vec::new() };
    let mut all = Vec::new();
    for part in &mail.parts {
        match &part.body {
            PartType::Text(text) | PartType::Html(text) => all.push(text.as_bytes().to_vec()),
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => all.push(bytes.to_vec()),
            PartType::Message(_) | PartType::Multipart(_) => {}
        }
        all.extend(part.attachment_name().map(|name| name.as_bytes().to_vec()));
        all.extend(part.headers.iter().map(|header| format!("{:?}", header.value).into_bytes()));
    }
    all
}

fn decodings(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![escapes(bytes, b'='), escapes(bytes, b'%'), utf16(bytes)];
    all.extend(base64_runs(bytes));
    all.extend(hex_runs(bytes));
    all.extend(old_charsets(bytes));
    if !is_wordy(bytes) {
        return all;
    }
    let text = String::from_utf8_lossy(bytes);
    all.push(entities(&text).into_bytes());
    all.push(untagged(&text).into_bytes());
    all.push(utf7(&text));
    all.push(continued(&text).into_bytes());
    all.extend(encoded_words(&text));
    all
}

/// RFC 2231: a parameter in pieces, `filename*0*=…;filename*1*=…`.
fn continued(text: &str) -> String {
    let mut out = String::new();
    for piece in text.split([';', '\n']) {
        if let Some((name, value)) = piece.split_once('=')
            && name.contains('*')
        {
            out.push_str(value.trim().trim_matches('"'));
        }
    }
    out
}

fn without(bytes: &[u8], which: &[u8]) -> Vec<u8> {
    bytes.iter().copied().filter(|byte| !which.contains(byte)).collect()
}

fn escapes(bytes: &[u8], sign: u8) -> Vec<u8> {
    if !bytes.contains(&sign) {
        return Vec::new();
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let hex = rest.get(1..3).filter(|_| rest[0] == sign).and_then(|two| HEXLOWER_PERMISSIVE.decode(two).ok());
        if sign == b'=' && (rest.starts_with(b"=\r\n") || rest.starts_with(b"=\n")) {
            at += if rest.starts_with(b"=\r\n") { 3 } else { 2 };
        } else if let Some(byte) = hex {
            out.extend(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}

fn utf16(bytes: &[u8]) -> Vec<u8> {
    if bytes.iter().filter(|byte| **byte == 0).count() * 8 < bytes.len() {
        return Vec::new();
    }
    // Whichever end comes first, and wherever it begins: ASCII between zeros is itself.
    without(bytes, b"\0")
}

fn base64_runs(bytes: &[u8]) -> Vec<Vec<u8>> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    let mut runs: Vec<Vec<u8>> = Vec::new();
    let mut run = Vec::new();
    for byte in bytes.iter().copied().chain([b' ']) {
        match byte {
            b'\r' | b'\n' => {}
            byte if letter(byte) => run.push(match byte {
                b'-' => b'+',
                b'_' => b'/',
                byte => byte,
            }),
            _ => {
                if run.len() >= 12 {
                    runs.push(std::mem::take(&mut run));
                }
                run.clear();
            }
        }
    }
    // A run begins where a line did or where a word did: the words before it are no base64.
    let read = |run: &Vec<u8>, from: usize| Some(loose(&run[from..])).filter(|bytes| is_wordy(bytes));
    runs.iter().flat_map(|run| (0..4).filter_map(|from| read(run, from)).collect::<Vec<_>>()).collect()
}

/// Letters of some kind, and no picture or accident: wrong groups of base64 give noise.
fn is_wordy(bytes: &[u8]) -> bool {
    let noise = bytes.iter().filter(|byte| matches!(byte, 1..=8 | 14..=26 | 28..=31 | 127)).count();
    let high = bytes.iter().filter(|byte| **byte > 127).count();
    let zero = bytes.contains(&0);
    noise * 50 <= bytes.len() && (high * 4 < bytes.len() || zero || noise == 0)
}

fn loose(letters: &[u8]) -> Vec<u8> {
    let whole = letters.len() / 4 * 4;
    BASE64.decode(&letters[..whole]).unwrap_or_default()
}

fn hex_runs(bytes: &[u8]) -> Vec<Vec<u8>> {
    let runs = bytes.split(|byte| !byte.is_ascii_hexdigit()).filter(|run| run.len() >= 16);
    runs.filter_map(|run| HEXLOWER_PERMISSIVE.decode(&run[..run.len() / 2 * 2]).ok()).collect()
}

/// Bytes that are no UTF-8, in what they may be.
fn old_charsets(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut sets: Vec<&str> = Vec::new();
    if bytes.windows(3).any(|three| three.starts_with(b"\x1b$")) {
        sets.push("iso-2022-jp");
    }
    if std::str::from_utf8(bytes).is_err() && bytes.iter().filter(|byte| **byte < 9).count() * 20 < bytes.len() {
        sets.extend(["windows-1250", "windows-1251", "windows-1252", "windows-1258", "iso-8859-2", "koi8-r"]);
        sets.extend(["gb18030", "big5", "shift_jis", "euc-jp"]);
    }
    sets.into_iter().filter_map(|set| Some(charset_decoder(set.as_bytes())?(bytes).into_bytes())).collect()
}

fn entities(text: &str) -> String {
    if !text.contains('&') {
        return String::new();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (c, behind) = entity(after).unwrap_or(('&', after));
        out.push(c);
        rest = behind;
    }
    out.push_str(rest);
    out
}

fn entity(after: &str) -> Option<(char, &str)> {
    const NAMED: [(&str, char); 8] = [
        ("amp;", '&'),
        ("lt;", '<'),
        ("gt;", '>'),
        ("quot;", '"'),
        ("nbsp;", ' '),
        ("commat;", '@'),
        ("period;", '.'),
        ("shy;", '\u{ad}'),
    ];
    if let Some(found) = NAMED.iter().find_map(|(name, c)| Some((*c, after.strip_prefix(name)?))) {
        return Some(found);
    }
    let digits = after.strip_prefix('#')?;
    let (hex, digits) = match digits.strip_prefix(['x', 'X']) {
        Some(digits) => (16, digits),
        None => (10, digits),
    };
    let end = digits.find(|c: char| !c.is_digit(hex)).unwrap_or(digits.len());
    let c = char::from_u32(u32::from_str_radix(digits.get(..end)?, hex).ok()?)?;
    let behind = &digits[end..];
    Some((c, behind.strip_prefix(';').unwrap_or(behind)))
}

/// Without tags and comments, as an eye reads HTML.
fn untagged(text: &str) -> String {
    if !text.contains('<') {
        return String::new();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let end = if after.starts_with("!--") {
            after.find("-->").map(|at| at + 3)
        } else {
            after.find('>').map(|at| at + 1)
        };
        let looks = after.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
        match end.filter(|_| looks) {
            Some(end) => rest = &after[end..],
            None => {
                out.push('<');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    let read = entities(&out);
    if read.is_empty() { out } else { read }
}

fn utf7(text: &str) -> Vec<u8> {
    if !text.contains("+A") {
        return Vec::new();
    }
    charset_decoder(b"utf-7").map(|decode| decode(text.as_bytes()).into_bytes()).unwrap_or_default()
}

/// Encoded words, each alone and all together.
fn encoded_words(text: &str) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for piece in text.split("=?").skip(1) {
        let mut fields = piece.splitn(4, '?');
        let (Some(set), Some(way), Some(content)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let bytes = match way {
            "B" | "b" => loose_with_end(content),
            _ => {
                let spaced = content.replace('_', " ");
                if spaced.contains('=') { escapes(spaced.as_bytes(), b'=') } else { spaced.into_bytes() }
            }
        };
        let set = set.split('*').next().unwrap_or_default().to_ascii_lowercase();
        let decoded = charset_decoder(set.as_bytes())
            .map_or(Cow::Borrowed(&bytes[..]), |decode| decode(&bytes).into_bytes().into());
        all.push(decoded.into_owned());
    }
    all.push(all.concat());
    all
}

fn loose_with_end(content: &str) -> Vec<u8> {
    let letters = content.trim_end_matches('=');
    let padded = format!("{letters}{}", &"==="[..(4 - letters.len() % 4) % 4]);
    BASE64.decode(padded.as_bytes()).unwrap_or_default()
}
