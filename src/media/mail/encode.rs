//! Writing what must survive any transport: seven bits, short lines, CRLF alone.

use data_encoding::BASE64;

/// Writes `Name: text`, folded, as encoded words where it is not plain ASCII (RFC 2047).
pub(super) fn unstructured(name: &str, text: &str, out: &mut Vec<u8>) {
    let text = one_line(text);
    let text = text.trim();
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    let plain = text.is_ascii() && !text.contains("=?") && text.split(' ').all(|word| word.len() <= 60);
    if plain {
        fold_words(text, name.len() + 2, out);
    } else {
        encoded_words(text, out);
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes `Name: "display name" <address>`.
pub(super) fn mailbox(name: &str, display: &str, address: &str, out: &mut Vec<u8>) {
    let display = one_line(display);
    let display = display.trim();
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    if display.is_ascii() && display.len() <= 60 && !display.contains("=?") {
        if !display.is_empty() {
            quoted_string(display, out);
            out.push(b' ');
        }
    } else {
        encoded_words(display, out);
        out.extend_from_slice(b"\r\n ");
    }
    out.push(b'<');
    out.extend(addr_spec(address));
    out.extend_from_slice(b">\r\n");
}

/// Writes `Name: <id> <id>`, one id a line; nothing without ids.
pub(super) fn ids<'i>(name: &str, ids: impl Iterator<Item = &'i str>, out: &mut Vec<u8>) {
    let mut first = true;
    for id in ids {
        let id: Vec<u8> = addr_spec(id).take(900).collect();
        if id.is_empty() {
            continue;
        }
        if first {
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
        } else {
            out.extend_from_slice(b"\r\n");
        }
        first = false;
        out.extend_from_slice(b" <");
        out.extend_from_slice(&id);
        out.push(b'>');
    }
    if !first {
        out.extend_from_slice(b"\r\n");
    }
}

/// Writes the transfer encoding's field, the empty line and the text itself.
pub(super) fn text_body(text: &str, out: &mut Vec<u8>) {
    if is_seven_bit(text) {
        out.extend_from_slice(b"Content-Transfer-Encoding: 7bit\r\n\r\n");
        for line in text.split_inclusive('\n') {
            let content = line.trim_end_matches(['\r', '\n']);
            out.extend_from_slice(content.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    } else if text.bytes().filter(|b| !b.is_ascii()).count() * 3 > text.len() {
        out.extend_from_slice(b"Content-Transfer-Encoding: base64\r\n\r\n");
        let crlf = text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
        base64(crlf.as_bytes(), out);
    } else {
        out.extend_from_slice(b"Content-Transfer-Encoding: quoted-printable\r\n\r\n");
        quoted_printable(text, out);
    }
}

/// Base64 in lines of 76.
pub(super) fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len() / 57 * 78 + 80);
    let mut line = [0; 76];
    for chunk in bytes.chunks(57) {
        let length = BASE64.encode_len(chunk.len());
        BASE64.encode_mut(chunk, &mut line[..length]);
        out.extend_from_slice(&line[..length]);
        out.extend_from_slice(b"\r\n");
    }
}

/// Writes a parameter such as `; filename="a.jpg"`, by RFC 2231 where it is not plain ASCII.
pub(super) fn parameter(name: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b";\r\n ");
    out.extend_from_slice(name.as_bytes());
    let value = one_line(value);
    if value.is_ascii() {
        out.push(b'=');
        quoted_string(&value, out);
        return;
    }
    out.extend_from_slice(b"*=UTF-8''");
    for byte in value.bytes().take(250) {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') {
            out.push(byte);
        } else {
            out.push(b'%');
            out.extend_from_slice(&hex(byte));
        }
    }
}

/// What may stand in an address or an id: so no field can be opened or closed from within.
fn addr_spec(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().filter(|b| b.is_ascii_graphic() && !b"<>()[],;:\\\"".contains(b))
}

/// Controls and line separators become spaces.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect()
}

fn fold_words(text: &str, mut column: usize, out: &mut Vec<u8>) {
    for word in text.split_inclusive(' ') {
        // The fold stands before the space that ended the last word, so that no space is lost.
        if column + word.len() > 76 && out.last() == Some(&b' ') && column > 20 {
            out.pop();
            out.extend_from_slice(b"\r\n ");
            column = 1;
        }
        out.extend_from_slice(word.as_bytes());
        column += word.len();
    }
}

fn encoded_words(text: &str, out: &mut Vec<u8>) {
    let mut rest = text;
    while !rest.is_empty() {
        let mut end = rest.len().min(39);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (now, later) = rest.split_at(end);
        out.extend_from_slice(b"=?utf-8?B?");
        out.extend_from_slice(BASE64.encode(now.as_bytes()).as_bytes());
        out.extend_from_slice(b"?=");
        if !later.is_empty() {
            out.extend_from_slice(b"\r\n ");
        }
        rest = later;
    }
}

fn quoted_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

fn is_seven_bit(text: &str) -> bool {
    let plain = text.bytes().all(|b| matches!(b, 0x20..=0x7e | b'\n' | b'\t'));
    plain && text.split('\n').all(|line| line.len() <= 900)
}

fn quoted_printable(text: &str, out: &mut Vec<u8>) {
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\r', '\n']);
        let mut column = 0;
        for (n, byte) in content.bytes().enumerate() {
            let last = n + 1 == content.len();
            let literal = matches!(byte, 0x21..=0x7e if byte != b'=') || matches!(byte, b' ' | b'\t') && !last;
            let width = if literal { 1 } else { 3 };
            if column + width > 75 {
                out.extend_from_slice(b"=\r\n");
                column = 0;
            }
            column += width;
            if literal {
                out.push(byte);
            } else {
                out.push(b'=');
                out.extend_from_slice(&hex(byte));
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn hex(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}
