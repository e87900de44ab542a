//! A content into a message's bytes.

use data_encoding::HEXLOWER;

use super::{LOOP_MARK, encode};
use crate::{
    media::html::Document,
    model::{Attachment, AttachmentAction, Timestamp},
};

/// The header fields that a message of ours can have, in their order; the body parts have
/// Content-Type, Content-Transfer-Encoding, Content-Disposition and Content-ID alone.
pub const HEADERS: [&str; 13] = [
    "To",
    "From",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    LOOP_MARK,
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];

/// What a message of ours says. All of it is ours or scrubbed: real addresses have no place here.
#[derive(Clone, Copy)]
pub struct Outgoing<'a> {
    /// The pseudonym shown.
    pub from_name: &'a str,
    /// The sender's handle address, for From and Reply-To.
    pub from: &'a str,
    /// Our Message-ID, without angle brackets.
    pub id: &'a str,
    /// The ids the recipient knows.
    pub in_reply_to: &'a [String],
    /// The ids the recipient knows, oldest first.
    pub references: &'a [String],
    /// The sender's date; written in UTC.
    pub date: Timestamp,
    /// The scrubbed subject.
    pub subject: &'a str,
    /// The scrubbed text. A message always has one.
    pub text: &'a str,
    /// The scrubbed HTML, as [`Document::to_html`] wrote it.
    pub html: Option<&'a str>,
    /// The files. Only those that were rebuilt or redacted leave.
    pub attachments: &'a [Attachment],
    /// No person wrote this (RFC 3834).
    pub automatic: bool,
}

/// Writes the message but for its To field, which [`address`] adds at the last moment.
///
/// `seed` is fresh randomness: boundaries and content ids come from it.
pub fn build(message: &Outgoing<'_>, seed: &[u8; 16]) -> Vec<u8> {
    let files: Vec<&Attachment> = message.attachments.iter().filter(|a| may_leave(a)).collect();
    let sizes = files.iter().map(|a| a.bytes.len() * 7 / 5 + 512).sum::<usize>();
    let texts = message.text.len() + message.html.map_or(0, str::len);
    let mut writer = Writer { out: Vec::with_capacity(2_048 + texts * 5 / 4 + sizes), seed, boundaries: 0 };
    writer.header(message);
    let (html, shown) = writer.place_images(message.html, &files, message.from);
    let others: Vec<&Attachment> =
        files.iter().copied().filter(|f| !shown.iter().any(|s| std::ptr::eq(s.file, *f))).collect();
    writer.mixed(message.text, html.as_deref(), &shown, &others);
    writer.out
}

/// Puts `To: <to>` before a built message: the real address comes in here and nowhere earlier.
pub fn address(to: &str, built: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(built.len() + to.len() + 8);
    out.extend_from_slice(b"To: <");
    // Not only ASCII: a party's own address may be internationalised (RFC 6532).
    let mut buffer = [0; 4];
    for c in to.chars().filter(|c| !c.is_control() && !c.is_whitespace() && !matches!(c, '<' | '>' | ',')) {
        out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
    }
    out.extend_from_slice(b">\r\n");
    out.extend_from_slice(built);
    out
}

fn may_leave(attachment: &Attachment) -> bool {
    matches!(attachment.action, AttachmentAction::Rebuilt | AttachmentAction::Redacted)
}

/// A picture that the HTML shows, and the content id it got here.
struct Shown<'a> {
    file: &'a Attachment,
    id: String,
}

struct Writer<'s> {
    out: Vec<u8>,
    seed: &'s [u8; 16],
    boundaries: usize,
}

impl Writer<'_> {
    fn header(&mut self, message: &Outgoing<'_>) {
        let out = &mut self.out;
        encode::mailbox("From", message.from_name, message.from, out);
        encode::mailbox("Reply-To", "", message.from, out);
        encode::unstructured("Subject", message.subject, out);
        encode::unstructured("Date", &message.date.rfc5322(), out);
        encode::ids("Message-ID", std::iter::once(message.id), out);
        encode::ids("In-Reply-To", message.in_reply_to.iter().map(String::as_str).take(MAX_REFERENCES), out);
        encode::ids("References", thread(message.references), out);
        if message.automatic {
            out.extend_from_slice(b"Auto-Submitted: auto-generated\r\n");
        }
        out.extend_from_slice(LOOP_MARK.as_bytes());
        out.extend_from_slice(b": 1\r\nMIME-Version: 1.0\r\n");
    }

    /// Draws a content id for each picture that the HTML shows, and takes out every other one.
    fn place_images<'f>(
        &self,
        html: Option<&str>,
        files: &[&'f Attachment],
        from: &str,
    ) -> (Option<String>, Vec<Shown<'f>>) {
        let mut shown: Vec<Shown<'f>> = Vec::new();
        let Some(html) = html else { return (None, shown) };
        if !html.contains("<img") {
            return (Some(html.to_owned()), shown);
        }
        // What can not be parsed again is not our own writing: then there is the text alone.
        let Ok(mut document) = Document::parse(html) else { return (None, shown) };
        let host = from.rsplit('@').next().unwrap_or_default();
        document.keep_images(&mut |wanted| {
            let file = files.iter().copied().find(|f| f.inline.as_deref() == Some(wanted))?;
            if let Some(known) = shown.iter().find(|s| std::ptr::eq(s.file, file)) {
                return Some(known.id.clone());
            }
            let id = format!("{}.{}@{host}", shown.len() + 1, HEXLOWER.encode(self.seed));
            shown.push(Shown { file, id: id.clone() });
            Some(id)
        });
        (Some(document.to_html()), shown)
    }

    fn mixed(&mut self, text: &str, html: Option<&str>, shown: &[Shown<'_>], others: &[&Attachment]) {
        if others.is_empty() {
            return self.alternative(text, html, shown);
        }
        let boundary = self.open_multipart("mixed");
        self.delimiter(&boundary);
        self.alternative(text, html, shown);
        for file in others {
            self.delimiter(&boundary);
            self.file(file, None);
        }
        self.close(&boundary);
    }

    fn alternative(&mut self, text: &str, html: Option<&str>, shown: &[Shown<'_>]) {
        let Some(html) = html else { return self.text("plain", text) };
        let boundary = self.open_multipart("alternative");
        self.delimiter(&boundary);
        self.text("plain", text);
        self.delimiter(&boundary);
        self.related(html, shown);
        self.close(&boundary);
    }

    fn related(&mut self, html: &str, shown: &[Shown<'_>]) {
        if shown.is_empty() {
            return self.text("html", html);
        }
        let boundary = self.open_multipart("related");
        self.delimiter(&boundary);
        self.text("html", html);
        for Shown { file, id } in shown {
            self.delimiter(&boundary);
            self.file(file, Some(id));
        }
        self.close(&boundary);
    }

    fn text(&mut self, subtype: &str, text: &str) {
        self.line(&["Content-Type: text/", subtype, "; charset=utf-8"]);
        encode::text_body(text, &mut self.out);
    }

    fn file(&mut self, file: &Attachment, id: Option<&str>) {
        let media_type: String =
            file.media_type.chars().filter(|c| c.is_ascii_alphanumeric() || "/.+-".contains(*c)).take(100).collect();
        self.line(&["Content-Type: ", &media_type]);
        self.out.extend_from_slice(b"Content-Disposition: ");
        self.out.extend_from_slice(if id.is_some() { b"inline" } else { b"attachment" });
        encode::parameter("filename", &file.filename, &mut self.out);
        self.out.extend_from_slice(b"\r\n");
        encode::ids("Content-ID", id.into_iter(), &mut self.out);
        self.line(&["Content-Transfer-Encoding: base64\r\n"]);
        encode::base64(&file.bytes, &mut self.out);
    }

    /// A boundary that can stand neither in base64 nor in quoted-printable, nor be foreseen.
    fn open_multipart(&mut self, subtype: &str) -> String {
        self.boundaries += 1;
        let boundary = format!("=_{}_{}", HEXLOWER.encode(self.seed), self.boundaries);
        self.line(&["Content-Type: multipart/", subtype, ";\r\n boundary=\"", &boundary, "\"\r\n"]);
        boundary
    }

    fn delimiter(&mut self, boundary: &str) {
        self.line(&["--", boundary]);
    }

    fn close(&mut self, boundary: &str) {
        self.line(&["--", boundary, "--"]);
    }

    fn line(&mut self, pieces: &[&str]) {
        for piece in pieces {
            self.out.extend_from_slice(piece.as_bytes());
        }
        self.out.extend_from_slice(b"\r\n");
    }
}

/// The first id and the last ones: what readers thread by, bounded.
fn thread(references: &[String]) -> impl Iterator<Item = &str> {
    let skip = references.len().saturating_sub(MAX_REFERENCES);
    references.iter().enumerate().filter(move |(n, _)| *n == 0 || *n >= skip).map(|(_, id)| id.as_str())
}

const MAX_REFERENCES: usize = 40;
