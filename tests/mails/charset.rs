//! Texts in the character sets of old, made from a decoder's own tables.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use mail_parser::decoders::charsets::map::charset_decoder;

/// Characters that stand for one raw byte, whatever the character set.
const RAW: u32 = 0xf700;

/// A raw byte, to stand in a text until it is encoded.
pub fn escaped(byte: u8) -> char {
    char::from_u32(RAW + u32::from(byte)).expect("a private character")
}

/// The text in `charset`; what has no place in it is a question mark.
pub fn encode(text: &str, charset: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut run = String::new();
    for c in text.chars() {
        match u32::from(c).checked_sub(RAW).and_then(|byte| u8::try_from(byte).ok()) {
            Some(byte) => {
                out.extend(plain(&std::mem::take(&mut run), charset));
                out.push(byte);
            }
            None => run.push(c),
        }
    }
    out.extend(plain(&run, charset));
    out
}

fn plain(text: &str, charset: &str) -> Vec<u8> {
    match charset {
        "utf-16" => [vec![0xff, 0xfe], wide(text, u16::to_le_bytes)].concat(),
        "utf-16le" => wide(text, u16::to_le_bytes),
        "utf-16be" => wide(text, u16::to_be_bytes),
        "utf-7" => utf7(text),
        "iso-2022-jp" => iso_2022_jp(text),
        _ if text.is_ascii() || matches!(charset, "utf-8" | "utf8" | "us-ascii" | "") => text.as_bytes().to_vec(),
        _ => table(charset).map_or_else(|| text.as_bytes().to_vec(), |table| by_table(text, &table)),
    }
}

fn wide(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

/// RFC 2152, and the `@` as well, as whoever hides one writes it.
fn utf7(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for c in text.chars() {
        if c.is_ascii() && !matches!(c, '+' | '@') {
            out.push(c as u8);
        } else {
            let bytes = wide(&c.to_string(), u16::to_be_bytes);
            out.extend(format!("+{}-", data_encoding::BASE64_NOPAD.encode(&bytes)).into_bytes());
        }
    }
    out
}

fn iso_2022_jp(text: &str) -> Vec<u8> {
    let table = table("euc-jp").expect("a table");
    let (mut out, mut double) = (Vec::new(), false);
    for c in text.chars() {
        let code = table.get(&c).filter(|code| code.len() == 2);
        if code.is_some() != double {
            double = code.is_some();
            out.extend(if double { b"\x1b$B" } else { b"\x1b(B" });
        }
        match code {
            Some(code) => out.extend(code.iter().map(|byte| byte & 0x7f)),
            None => out.push(if c.is_ascii() { c as u8 } else { b'?' }),
        }
    }
    if double {
        out.extend(b"\x1b(B");
    }
    out
}

fn by_table(text: &str, table: &HashMap<char, Vec<u8>>) -> Vec<u8> {
    let code = |c: char| if c.is_ascii() { vec![c as u8] } else { table.get(&c).cloned().unwrap_or(vec![b'?']) };
    text.chars().flat_map(code).collect()
}

type Table = Arc<HashMap<char, Vec<u8>>>;

/// Every character of one or two bytes; nothing for a character set that nobody knows.
fn table(charset: &str) -> Option<Table> {
    static MADE: LazyLock<Mutex<HashMap<String, Option<Table>>>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().expect("the tables");
    made.entry(charset.to_owned()).or_insert_with(|| make(charset)).clone()
}

fn make(charset: &str) -> Option<Table> {
    let decode = charset_decoder(charset.as_bytes())?;
    let mut table = HashMap::new();
    let mut add = |code: &[u8]| {
        let read = decode(code);
        let mut letters = read.chars();
        if let (Some(c), None) = (letters.next(), letters.next())
            && c != '\u{fffd}'
            && !c.is_ascii()
        {
            table.entry(c).or_insert_with(|| code.to_vec());
        }
    };
    (0x80..=0xff).for_each(|byte| add(&[byte]));
    if ["gb", "big5", "shift", "euc"].iter().any(|family| charset.starts_with(family)) {
        for lead in 0x81..=0xfe {
            (0x40..=0xfe).for_each(|trail| add(&[lead, trail]));
        }
    }
    Some(Arc::new(table))
}
