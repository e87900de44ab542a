//! Mail: opened, cleaned as the relay does it, built afresh, opened again.

use tabir::{
    detect::{Context, Window},
    media::{
        attachment::{AttachmentRules, admit},
        html::Document,
        mail::{HEADERS, Limits, Opened, Outgoing, address, build, open},
    },
    model::{Attachment, AttachmentAction, Timestamp},
};

use super::{
    page::clean,
    text::{DETECT, scan},
};

/// The address that must not get through.
pub const GUARDED: &str = "rina.contoh@surat.example";
const OURS: &str = "handle@relay.example";
const THEIRS: &str = "toko@shop.example";

/// What leaves has our header fields alone and the one meaning that every program reads, arrives
/// as it was written, and nowhere holds the guarded address.
pub fn mime(bytes: &[u8]) {
    let Ok(opened) = open(bytes, &Limits::default()) else { return };
    let Some(sent) = rebuilt(opened) else { return };
    assert_framed(&sent.bytes);
    assert_fields(&sent.bytes);
    let read = open(&sent.bytes, &Limits::default()).expect("what we write can be read");
    assert_eq!((read.from.as_slice(), read.from_fields, read.own_mark), ([OURS.to_owned()].as_slice(), 1, true));
    assert_eq!(read.to, [THEIRS]);
    assert!(read.removed.is_empty() || sent.text.contains("--"), "our own mail loses {:?}", read.removed);
    assert_eq!(read.content.attachments.len(), sent.files, "files are lost or added");
    let html = read.content.html.unwrap_or_default();
    let page = Document::parse(&html).expect("what we write can be read").to_text();
    let names = read.content.attachments.iter().map(|file| file.filename.as_str());
    let said = [read.content.subject.as_deref(), read.content.text.as_deref(), Some(&html), Some(&page)];
    let raw = String::from_utf8_lossy(&sent.bytes);
    for text in said.into_iter().flatten().chain(names).chain([raw.as_ref()]) {
        assert!(!text.to_ascii_lowercase().contains(GUARDED), "{text}");
    }
}

/// A mail that left.
struct Sent {
    bytes: Vec<u8>,
    text: String,
    files: usize,
}

fn rebuilt(opened: Opened) -> Option<Sent> {
    let mut context = Context { lang: Some("id".to_owned()), ..Context::default() };
    context.guard.emails.push(GUARDED.to_owned());
    let content = opened.content;
    let (subject, body) = (content.subject.unwrap_or_default(), content.text.unwrap_or_default());
    let report = scan(&DETECT, &[&subject, &body], &context, &Window::default());
    let page = content.html.and_then(|html| Document::parse(&html).ok()).map(|page| clean(page, &context).to_html());
    let mut files = content.attachments;
    admit(&mut files, &AttachmentRules::default()).ok()?;
    files.iter_mut().for_each(settle);
    let message = Outgoing {
        from_name: "Pembeli",
        from: OURS,
        id: "1@relay.example",
        in_reply_to: &[],
        references: &[],
        date: content.date.unwrap_or(Timestamp(0)),
        subject: &report.redacted[0],
        text: &report.redacted[1],
        html: page.as_deref(),
        attachments: &files,
        automatic: content.automatic,
    };
    let bytes = address(THEIRS, &build(&message, &[7; 16]));
    let leaving = files.iter().filter(|file| file.action == AttachmentAction::Rebuilt).count();
    Some(Sent { bytes, text: report.redacted[1].clone(), files: leaving })
}

/// Files are judged elsewhere: here each that may pass is the same harmless picture.
fn settle(file: &mut Attachment) {
    if file.action == AttachmentAction::Pending {
        file.action = AttachmentAction::Rebuilt;
        file.bytes = PICTURE.into();
    }
}

/// CR LF and nothing else ends a line; no line is too long; no NUL, no eighth bit.
fn assert_framed(mail: &[u8]) {
    assert!(mail.ends_with(b"\r\n"), "the last line has no end");
    for line in mail.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r\n").expect("a line ends with CR LF");
        assert!(line.len() <= 998, "a line of {} bytes", line.len());
        assert!(line.iter().all(|byte| byte.is_ascii() && !b"\r\n\0".contains(byte)), "{}", line.escape_ascii());
    }
}

fn assert_fields(mail: &[u8]) {
    let lines = mail.split(|byte| *byte == b'\n').take_while(|line| *line != b"\r");
    for line in lines.filter(|line| !line.starts_with(b" ")) {
        let line = String::from_utf8_lossy(line);
        let name = line.split(':').next().unwrap_or_default();
        assert!(HEADERS.contains(&name), "{line}");
    }
}

/// A GIF of one pixel.
const PICTURE: &[u8] = b"GIF89a\x01\0\x01\0\0\0\0!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
