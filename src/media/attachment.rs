//! Which files may come along, told by their content and never by what they call themselves.

use bytes::Bytes;
use serde::Deserialize;

pub use crate::model::size;
use crate::model::{Attachment, AttachmentAction};

/// `[attachments]` of the settings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AttachmentRules {
    /// How many files a message may have, pictures in the text included.
    pub max: usize,
    /// Bytes of all of them together, decoded.
    #[serde(deserialize_with = "size")]
    pub max_total: u64,
    /// The media types that may pass, by content.
    pub types: Vec<String>,
}

impl Default for AttachmentRules {
    fn default() -> Self {
        let types = ["image/jpeg", "image/png", "image/webp", "image/gif", "application/pdf"];
        Self { max: 10, max_total: 25_000_000, types: types.map(str::to_owned).to_vec() }
    }
}

/// Too many files, or too many bytes: the message is refused, so that the sender knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many files, or too large")]
pub struct TooLarge;

/// Decides over each file by its content; what may not pass loses its bytes here.
///
/// What stays [`AttachmentAction::Pending`] still has to be rebuilt before it may leave.
///
/// # Errors
/// [`TooLarge`] when the files are more or larger than the rules allow.
pub fn admit(attachments: &mut [Attachment], rules: &AttachmentRules) -> Result<(), TooLarge> {
    let total: u64 = attachments.iter().map(|a| a.bytes.len() as u64).sum();
    if attachments.len() > rules.max || total > rules.max_total {
        return Err(TooLarge);
    }
    for (n, attachment) in attachments.iter_mut().enumerate() {
        if attachment.action != AttachmentAction::Pending {
            attachment.bytes = Bytes::new();
            continue;
        }
        let found = sniff(&attachment.bytes, &attachment.media_type);
        attachment.filename = clean_filename(&attachment.filename, n, found);
        found.clone_into(&mut attachment.media_type);
        attachment.action = judge(found, rules);
        if attachment.action.removed() {
            attachment.bytes = Bytes::new();
        }
    }
    Ok(())
}

/// The media type by content; `claimed` only tells one kind of text from another.
pub fn sniff(bytes: &[u8], claimed: &str) -> &'static str {
    if let Some((_, _, media_type)) = MAGIC.iter().find(|(at, magic, _)| starts_at(bytes, *at, magic)) {
        return match *media_type {
            "application/x-riff" => riff(bytes),
            "application/x-iso-media" => iso_media(bytes),
            "application/x-der" => der(bytes),
            found => found,
        };
    }
    text_like(bytes, claimed).unwrap_or("application/octet-stream")
}

/// A name without paths and control characters, short, and with the extension of its type.
/// Words in it are not judged here, but what stands around an `@` is dropped: without the ending
/// that made way for the type's own extension nobody would know it for an address any more.
pub fn clean_filename(name: &str, n: usize, media_type: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let stem = last.rsplit_once('.').map_or(last, |(stem, _)| stem);
    let stem = if name.contains(['@', '＠', '﹫']) { "" } else { stem };
    let stem: String = stem.chars().filter(|c| wanted_in_name(*c)).take(60).collect();
    let stem = stem.trim_matches([' ', '.', '-', '_']);
    let extension = extension(media_type);
    if stem.is_empty() { format!("file-{}.{extension}", n + 1) } else { format!("{stem}.{extension}") }
}

fn judge(media_type: &str, rules: &AttachmentRules) -> AttachmentAction {
    if !rules.types.iter().any(|t| t.eq_ignore_ascii_case(media_type)) {
        AttachmentAction::RemovedType
    } else if REBUILDABLE.contains(&media_type) {
        AttachmentAction::Pending
    } else {
        AttachmentAction::RemovedUnreadable
    }
}

fn starts_at(bytes: &[u8], at: usize, magic: &[u8]) -> bool {
    bytes.get(at..).is_some_and(|rest| rest.starts_with(magic))
}

fn riff(bytes: &[u8]) -> &'static str {
    if starts_at(bytes, 8, b"WEBP") { "image/webp" } else { "application/octet-stream" }
}

fn iso_media(bytes: &[u8]) -> &'static str {
    match bytes.get(8..12) {
        Some(b"heic" | b"heix" | b"mif1" | b"msf1" | b"heim" | b"hevc") => "image/heic",
        Some(b"avif" | b"avis") => "image/avif",
        _ => "video/mp4",
    }
}

/// A DER sequence that names PKCS #7 (1.2.840.113549.1.7) near its start, or any other.
fn der(bytes: &[u8]) -> &'static str {
    const PKCS7: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];
    let head = &bytes[..bytes.len().min(64)];
    if head.windows(PKCS7.len()).any(|w| w == PKCS7) {
        "application/pkcs7-signature"
    } else {
        "application/octet-stream"
    }
}

fn text_like(bytes: &[u8], claimed: &str) -> Option<&'static str> {
    let head = &bytes[..bytes.len().min(2_048)];
    if head.contains(&0) {
        return None;
    }
    let text = String::from_utf8_lossy(head);
    let start = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let lower = start.get(..64).unwrap_or(start).to_ascii_lowercase();
    let by_start = TEXT_MAGIC.iter().find(|(cue, _)| lower.starts_with(cue)).map(|(_, media_type)| *media_type);
    by_start
        .or_else(|| TEXT_CLAIMS.into_iter().find(|t| claimed.eq_ignore_ascii_case(t)))
        .or_else(|| {
            let first = lower.split_once(':')?.0;
            MAIL_FIELDS.contains(&first).then_some("message/rfc822")
        })
        .or_else(|| std::str::from_utf8(head).is_ok().then_some("text/plain"))
}

fn wanted_in_name(c: char) -> bool {
    // Bidirectional controls can make "gpj.exe" look like a picture.
    !c.is_control()
        && !matches!(c, '"' | '<' | '>' | ':' | '|' | '?' | '*' | ';' | '=' | '%'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn extension(media_type: &str) -> &'static str {
    match media_type {
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "application/pdf" => "pdf",
        t if t.starts_with("text/") => "txt",
        _ => "bin",
    }
}

/// What [`super::image::rebuild`] can encode afresh, and [`super::pdf::draw`].
const REBUILDABLE: [&str; 5] = ["image/jpeg", "image/png", "image/webp", "image/gif", "application/pdf"];

const MAGIC: [(usize, &[u8], &str); 21] = [
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"RIFF", "application/x-riff"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (4, b"ftyp", "application/x-iso-media"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"Rar!", "application/vnd.rar"),
    (0, b"7z\xbc\xaf", "application/x-7z-compressed"),
    (0, b"\xd0\xcf\x11\xe0", "application/x-ole-storage"),
    (0, b"\x78\x9f\x3e\x22", "application/ms-tnef"),
    (0, b"\x30\x82", "application/x-der"),
    (0, b"\x30\x83", "application/x-der"),
    (0, b"\x30\x80", "application/x-der"),
    (0, b"MZ", "application/vnd.microsoft.portable-executable"),
    (0, b"\x7fELF", "application/x-elf"),
];

const TEXT_MAGIC: [(&str, &str); 14] = [
    ("begin:vcard", "text/vcard"),
    ("begin:vcalendar", "text/calendar"),
    ("-----begin pgp message", "application/pgp-encrypted"),
    ("-----begin pgp signature", "application/pgp-signature"),
    ("-----begin pgp", "application/pgp-keys"),
    ("-----begin certificate", "application/pkix-cert"),
    ("-----begin pkcs7", "application/pkcs7-signature"),
    ("-----begin cms", "application/pkcs7-signature"),
    ("<!doctype html", "text/html"),
    ("<html", "text/html"),
    ("<svg", "image/svg+xml"),
    ("<?xml", "text/xml"),
    ("%!ps", "application/postscript"),
    ("from ", "message/rfc822"),
];

const TEXT_CLAIMS: [&str; 6] =
    ["text/calendar", "text/vcard", "text/html", "message/rfc822", "application/pgp-keys", "application/pgp-signature"];

const MAIL_FIELDS: [&str; 8] = [
    "received",
    "return-path",
    "delivered-to",
    "message-id",
    "mime-version",
    "x-mozilla-status",
    "dkim-signature",
    "arc-seal",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, media_type: &str, bytes: &'static [u8]) -> Attachment {
        Attachment {
            filename: name.to_owned(),
            media_type: media_type.to_owned(),
            inline: None,
            bytes: Bytes::from_static(bytes),
            action: AttachmentAction::Pending,
        }
    }

    #[test]
    fn a_file_is_what_it_contains_not_what_it_says() {
        let mut files = [
            file("photo.jpg", "image/jpeg", b"\xff\xd8\xff\xe0rest"),
            file("photo.jpg", "image/jpeg", b"MZ\x90\0program"),
            file("page.png", "image/png", b"<html><body>call me</body></html>"),
            file("paper.bin", "application/octet-stream", b"%PDF-1.7\n"),
        ];
        admit(&mut files, &AttachmentRules::default()).unwrap();
        let actions: Vec<_> = files.iter().map(|f| f.action).collect();
        use AttachmentAction::*;
        assert_eq!(actions, [Pending, RemovedType, RemovedType, Pending]);
        assert_eq!(files[3].filename, "paper.pdf");
        assert!(files[1..3].iter().all(|f| f.bytes.is_empty()));
        assert_eq!(files[1].filename, "photo.bin");
    }

    #[test]
    fn personal_files_are_known_by_content() {
        for (bytes, media_type) in [
            (b"BEGIN:VCARD\r\nFN:x".as_slice(), "text/vcard"),
            (b"BEGIN:VCALENDAR\r\n", "text/calendar"),
            (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "application/pgp-keys"),
            (b"-----BEGIN PGP SIGNATURE-----\n", "application/pgp-signature"),
            (b"Received: from a.example by b.example\r\n", "message/rfc822"),
            (b"\x78\x9f\x3e\x22\x01\x00", "application/ms-tnef"),
            (b"\x30\x82\x01\x00\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", "application/pkcs7-signature"),
            (b"hello", "text/plain"),
            (b"\0\x01\x02", "application/octet-stream"),
        ] {
            assert_eq!(sniff(bytes, "application/octet-stream"), media_type);
        }
    }

    #[test]
    fn too_many_or_too_large_is_a_refusal() {
        let rules = AttachmentRules { max: 1, max_total: 5, ..AttachmentRules::default() };
        let one = file("a.png", "image/png", b"12345");
        assert_eq!(admit(&mut [one.clone(), one.clone()], &rules), Err(TooLarge));
        assert_eq!(admit(&mut [file("a.png", "image/png", b"123456")], &rules), Err(TooLarge));
        assert_eq!(admit(&mut [one], &rules), Ok(()));
    }

    #[test]
    fn names_lose_paths_and_tricks() {
        assert_eq!(clean_filename("../../etc/passwd", 0, "image/png"), "passwd.png");
        assert_eq!(clean_filename("C:\\Users\\x\\cat\r\n.jpeg", 0, "image/jpeg"), "cat.jpg");
        assert_eq!(clean_filename("\u{202e}gpj.exe", 1, "image/png"), "gpj.png");
        assert_eq!(clean_filename("", 2, "image/gif"), "file-3.gif");
        for address in ["rina@surat.example", "rina@gmail.com", "dari rina@surat.co.id.pdf", "rina＠surat.example"] {
            assert_eq!(clean_filename(address, 0, "text/plain"), "file-1.txt", "{address}");
        }
        assert!(clean_filename(&"é".repeat(500), 0, "image/png").chars().count() <= 64);
    }

    #[test]
    fn settings_name_sizes_in_decimal_megabytes() {
        let rules: AttachmentRules = serde_json::from_str(r#"{"max_total": "4.5MB"}"#).unwrap();
        assert_eq!((rules.max_total, rules.max), (4_500_000, 10));
        assert!(serde_json::from_str::<AttachmentRules>(r#"{"max_total": "4 apples"}"#).is_err());
        assert!(serde_json::from_str::<AttachmentRules>(r#"{"maximum": 3}"#).is_err());
    }
}
