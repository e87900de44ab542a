//! A part of a message: its type, its transfer encoding, its children.

use std::borrow::Cow;

use mail_parser::decoders::{base64::base64_decode, charsets::map::charset_decoder};
use memchr::memmem::Finder;

use super::{Limits, fields::Fields};
use crate::media::Unreadable;

/// A part with its header read and its body still encoded.
pub(super) struct Part<'x> {
    pub(super) fields: Fields<'x>,
    /// `type/subtype` in lower case.
    pub(super) media_type: String,
    pub(super) file_name: Option<String>,
    pub(super) is_attachment: bool,
    pub(super) is_inline: bool,
    pub(super) is_flowed: bool,
    pub(super) is_delsp: bool,
    boundary: Option<String>,
    charset: Option<String>,
    encoding: Encoding,
    body: &'x [u8],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Plain,
    Base64,
    QuotedPrintable,
    Unknown,
}

impl<'x> Part<'x> {
    /// Reads a part whose type, if it names none, is `default`.
    pub(super) fn read(bytes: &'x [u8], default: &str, left: &mut usize) -> Result<Self, Unreadable> {
        let (fields, body) = Fields::split(bytes, left)?;
        let content_type = fields.content_type("Content-Type");
        let disposition = fields.content_type("Content-Disposition");
        let parameter = |name| content_type.as_ref().and_then(|t| t.attribute(name)).map(str::to_owned);
        let media_type = match &content_type {
            Some(t) => media_type(t.ctype(), t.subtype()),
            None => default.to_owned(),
        };
        let is = |kind: &str| disposition.as_ref().is_some_and(|d| d.ctype().eq_ignore_ascii_case(kind));
        let file_name = disposition.as_ref().and_then(|d| d.attribute("filename")).map(str::to_owned);
        Ok(Self {
            file_name: file_name.or_else(|| parameter("name")),
            is_attachment: is("attachment"),
            is_inline: is("inline"),
            is_flowed: parameter("format").is_some_and(|f| f.eq_ignore_ascii_case("flowed")),
            is_delsp: parameter("delsp").is_some_and(|f| f.eq_ignore_ascii_case("yes")),
            boundary: parameter("boundary"),
            charset: parameter("charset"),
            encoding: encoding(&fields),
            media_type,
            fields,
            body,
        })
    }

    /// The parts of a multipart, still unread.
    pub(super) fn children(&self, limits: &Limits) -> Result<Vec<&'x [u8]>, Unreadable> {
        let boundary = self.boundary.as_deref().map(str::trim_end).filter(|b| (1..=200).contains(&b.len()));
        if self.encoding != Encoding::Plain {
            return Err(Unreadable::Malformed);
        }
        let children = split(self.body, boundary.ok_or(Unreadable::Malformed)?.as_bytes(), limits.parts)?;
        if children.is_empty() { Err(Unreadable::Malformed) } else { Ok(children) }
    }

    /// The body without its transfer encoding.
    pub(super) fn bytes(&self) -> Result<Cow<'x, [u8]>, Unreadable> {
        match self.encoding {
            Encoding::Plain => Ok(Cow::Borrowed(self.body)),
            Encoding::Base64 => base64_decode(self.body).map(Cow::Owned).ok_or(Unreadable::Malformed),
            Encoding::QuotedPrintable => Ok(Cow::Owned(unquote(self.body))),
            Encoding::Unknown => Err(Unreadable::Malformed),
        }
    }

    /// The body as a text of at most `max` bytes.
    pub(super) fn text(&self, max: usize) -> Result<String, Unreadable> {
        let bytes = self.bytes()?;
        if bytes.len() > max {
            return Err(Unreadable::TooLarge);
        }
        let page = || meta_charset(&bytes).filter(|_| self.media_type == "text/html");
        let charset = self.charset.clone().filter(|name| !name.is_empty()).or_else(page);
        decode_charset(bytes, charset.as_deref().unwrap_or_default())
    }

    /// A parameter of its type.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        self.fields.content_type("Content-Type")?.attribute(name).map(str::to_owned)
    }

    /// The content id that an HTML part may show it by.
    pub(super) fn content_id(&self) -> Option<String> {
        self.fields.ids("Content-ID").into_iter().next()
    }
}

/// `type/subtype`; a type that is none is plain text (RFC 2045 §5.2).
fn media_type(kind: &str, subtype: Option<&str>) -> String {
    match subtype.unwrap_or_default() {
        "" => "text/plain".to_owned(),
        subtype => format!("{kind}/{subtype}").to_ascii_lowercase(),
    }
}

fn encoding(fields: &Fields<'_>) -> Encoding {
    match fields.word("Content-Transfer-Encoding").as_deref() {
        None | Some("" | "7bit" | "8bit" | "binary") => Encoding::Plain,
        Some("base64") => Encoding::Base64,
        Some("quoted-printable") => Encoding::QuotedPrintable,
        Some(_) => Encoding::Unknown,
    }
}

/// What stands between the lines `--boundary`, without preamble and epilogue (RFC 2046 §5.1.1).
fn split<'x>(body: &'x [u8], boundary: &[u8], max: usize) -> Result<Vec<&'x [u8]>, Unreadable> {
    let delimiter = [b"--", boundary].concat();
    let finder = Finder::new(&delimiter);
    let mut parts = Vec::new();
    let mut start = None;
    let mut from = 0;
    while let Some(found) = finder.find(&body[from..]) {
        let at = from + found;
        from = at + delimiter.len();
        let Some((closes, next)) = delimiter_line(body, at, from) else { continue };
        if let Some(start) = start {
            parts.push(without_line_end(&body[start..at.max(start)]));
        }
        if parts.len() > max {
            return Err(Unreadable::TooManyParts);
        }
        if closes {
            return Ok(parts);
        }
        start = Some(next);
        from = next;
    }
    // A truncated message: its last part ends with it.
    parts.extend(start.map(|start| &body[start..]));
    Ok(parts)
}

/// Whether the text at `at` is a whole delimiter line: does it close, and where is the next line?
fn delimiter_line(body: &[u8], at: usize, after: usize) -> Option<(bool, usize)> {
    if at > 0 && body[at - 1] != b'\n' {
        return None;
    }
    let end = memchr::memchr(b'\n', &body[after..]).map_or(body.len(), |n| after + n + 1);
    let rest = body[after..end].trim_ascii_end();
    match rest {
        b"" => Some((false, end)),
        _ if rest.starts_with(b"--") => Some((true, end)),
        _ => None,
    }
}

/// The line end before a delimiter belongs to the delimiter.
fn without_line_end(part: &[u8]) -> &[u8] {
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    part.strip_suffix(b"\r").unwrap_or(part)
}

/// Quoted-printable (RFC 2045 §6.7); a `=` that starts nothing stays, as readers do it.
fn unquote(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|b| *b == b'\n') {
        let content = line.trim_ascii_end();
        let (content, soft) = match content.strip_suffix(b"=") {
            Some(content) => (content, true),
            None => (content, false),
        };
        unquote_line(content, &mut out);
        if !soft && line.ends_with(b"\n") {
            out.push(b'\n');
        }
    }
    out
}

fn unquote_line(mut rest: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = memchr::memchr(b'=', rest) {
        out.extend_from_slice(&rest[..at]);
        let byte = rest.get(at + 1..at + 3).and_then(|hex| data_encoding::HEXLOWER_PERMISSIVE.decode(hex).ok());
        match byte.as_deref() {
            Some([byte]) => {
                out.push(*byte);
                rest = &rest[at + 3..];
            }
            _ => {
                out.push(b'=');
                rest = &rest[at + 1..];
            }
        }
    }
    out.extend_from_slice(rest);
}

/// The character set that a page without one in its header names for itself, near its start as
/// browsers look for it. Bytes that are UTF-8 are UTF-8 whatever it says.
fn meta_charset(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(META_WITHIN)]).to_ascii_lowercase();
    let (_, meta) = head.split_once("<meta")?;
    let (_, value) = meta.split_once("charset=")?;
    let value = value.trim_start_matches(['"', '\'', ' ']);
    let end = value.find(|c: char| !(c.is_ascii_alphanumeric() || "-_:.".contains(c))).unwrap_or(value.len());
    let name = &value[..end];
    let wide = name.starts_with("utf-16") || std::str::from_utf8(bytes).is_ok() && !bytes.is_ascii();
    Some(if wide { "utf-8" } else { name }.to_owned()).filter(|name| !name.is_empty())
}

/// UTF-8 whatever it was. An unnamed or unknown character set is taken for UTF-8 if it can be.
/// UTF-7 is never honoured, nor passed on as what it looks like: whoever knows it reads an
/// address in `real+AEA-mail.example`. What the decoders do not know any more would leave one
/// sign for all its words.
fn decode_charset(bytes: Cow<'_, [u8]>, charset: &str) -> Result<String, Unreadable> {
    let mut charset = charset.trim().to_ascii_lowercase();
    let plain = charset.replace(['-', '_'], "");
    if plain.contains("utf7") || UNREAD.iter().any(|set| plain.ends_with(set)) {
        return Err(Unreadable::Charset);
    }
    let is_unsaid = charset.is_empty() || charset.ends_with("ascii");
    if is_unsaid && JAPANESE.iter().any(|escape| memchr::memmem::find(&bytes, escape).is_some()) {
        charset = "iso-2022-jp".to_owned();
    }
    let is_utf8 = matches!(charset.as_str(), "utf-8" | "utf8");
    let is_ascii = charset.ends_with("ascii");
    let decoder = charset_decoder(charset.as_bytes()).filter(|_| !is_utf8);
    if let Some(decode) = decoder.filter(|_| !is_ascii || !bytes.is_ascii()) {
        let bytes = &bytes;
        return match is_ascii.then(|| std::str::from_utf8(bytes)) {
            Some(Ok(text)) => Ok(text.to_owned()),
            _ => Ok(decode(bytes)),
        };
    }
    match String::from_utf8(bytes.into_owned()) {
        Ok(text) => Ok(text),
        Err(e) if is_utf8 => Ok(String::from_utf8_lossy(e.as_bytes()).into_owned()),
        Err(e) if is_unsaid => {
            let decode = charset_decoder(b"windows-1252").ok_or(Unreadable::Charset)?;
            Ok(decode(e.as_bytes()))
        }
        Err(_) => Err(Unreadable::Charset),
    }
}

/// Where browsers stop to look for a page's character set.
const META_WITHIN: usize = 1_024;

/// Character sets that decoders know by name and read no more (WHATWG Encoding, "replacement").
const UNREAD: [&str; 5] = ["hzgb2312", "iso2022kr", "iso2022cn", "iso2022cnext", "replacement"];

/// How ISO-2022-JP says that Japanese follows (RFC 1468): seven bits, so often unlabelled.
const JAPANESE: [&[u8]; 2] = [b"\x1b$B", b"\x1b$@"];
