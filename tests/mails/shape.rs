//! A mail's lines into its bytes: each part's body in the character set and transfer encoding that its header names.

use data_encoding::BASE64;

use crate::charset;

/// The lines as they stand, with CR LF.
pub fn bytes(text: &str) -> Vec<u8> {
    charset::encode(&text.replace('\n', "\r\n"), "utf-8")
}

/// The lines, with every part encoded as its header says. A field `#charset:` or `#encode:` says it for a part
/// whose header does not, or says something else, and is not written.
pub fn shaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut boundaries: Vec<String> = Vec::new();
    let mut part = Part::default();
    let mut body: Option<Vec<&str>> = None;
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        if let Some(lines) = &mut body {
            let delimiter =
                boundaries.iter().find(|b| line.strip_prefix("--").is_some_and(|rest| rest.starts_with(*b)));
            match delimiter {
                Some(boundary) => {
                    out.extend(part.body(lines));
                    out.extend(bytes(line));
                    out.extend(b"\r\n");
                    let ends = line[2 + boundary.len()..].starts_with("--");
                    part = Part::default();
                    body = ends.then(Vec::new);
                }
                None => lines.push(line),
            }
            continue;
        }
        if line.is_empty() {
            out.extend(b"\r\n");
            body = (!part.is_mail).then(Vec::new);
            part = if part.is_mail { Part::default() } else { part };
            continue;
        }
        part.field(line, &mut boundaries);
        if !line.starts_with('#') {
            out.extend(bytes(line));
            out.extend(b"\r\n");
        }
    }
    out.extend(body.map(|lines| part.body(&lines)).unwrap_or_default());
    out
}

#[derive(Default)]
struct Part {
    charset: Option<String>,
    encoding: Option<String>,
    is_mail: bool,
}

impl Part {
    fn field(&mut self, line: &str, boundaries: &mut Vec<String>) {
        let lower = line.to_ascii_lowercase();
        let value = |key: &str| lower.split_once(key).map(|(_, rest)| rest.trim().trim_matches(['"', ';']).to_owned());
        if let Some(charset) = lower.strip_prefix("#charset:") {
            self.charset = Some(charset.trim().to_owned());
        } else if let Some(encoding) = lower.strip_prefix("#encode:") {
            self.encoding = Some(encoding.trim().to_owned());
        } else if let Some(encoding) = lower.strip_prefix("content-transfer-encoding:") {
            self.encoding.get_or_insert_with(|| encoding.trim().to_owned());
        }
        if lower.starts_with("content-type: message/rfc822") {
            self.is_mail = true;
        }
        if let Some(charset) = value("charset=").filter(|_| self.charset.is_none()) {
            self.charset = charset.split([';', '"', ' ']).next().map(str::to_owned);
        }
        if let Some((_, rest)) = line.split_once("oundary=") {
            let boundary = rest.trim().trim_start_matches('"').split(['"', ';']).next().unwrap_or_default();
            boundaries.push(boundary.to_owned());
            // The longest first: one may begin another.
            boundaries.sort_by_key(|boundary| std::cmp::Reverse(boundary.len()));
        }
    }

    fn body(&self, lines: &[&str]) -> Vec<u8> {
        let charset = self.charset.as_deref().unwrap_or("utf-8");
        let text = lines.join("\r\n");
        let mut out = match self.encoding.as_deref() {
            Some("base64") if !is_base64(&text) => wrapped(&BASE64.encode(&charset::encode(&text, charset))),
            Some("quoted-printable") => soft(&charset::encode(&text, charset)),
            _ => charset::encode(&text, charset),
        };
        out.extend(b"\r\n");
        out
    }
}

/// Encoded already, as pictures are.
fn is_base64(text: &str) -> bool {
    text.len() > 40 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=\r\n".contains(&b))
}

fn wrapped(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(76).collect::<Vec<_>>().join(&b"\r\n"[..])
}

/// Quoted-printable, its lines broken wherever they are full.
fn soft(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut width = 0;
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte == b'\r' && rest.first() == Some(&b'\n') {
            (rest, width) = (&rest[1..], 0);
            out.extend(b"\r\n");
            continue;
        }
        let at_end = rest.starts_with(b"\r\n") || rest.is_empty();
        let piece = match byte {
            b' ' | b'\t' if !at_end => vec![*byte],
            b'!'..=b'<' | b'>'..=b'~' => vec![*byte],
            byte => format!("={byte:02X}").into_bytes(),
        };
        if width + piece.len() > 74 {
            out.extend(b"=\r\n");
            width = 0;
        }
        width += piece.len();
        out.extend(piece);
    }
    out
}
