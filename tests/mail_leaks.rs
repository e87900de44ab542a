//! Mails of the common programs, opened, cleaned as the relay would, and built again: nothing
//! that names the sender's address, host, program or home is in the new bytes in any encoding.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::{fs, io::Cursor, ops::Range, path::Path};

use bytes::Bytes;
use data_encoding::BASE64;
use tabir::{
    media::{
        attachment::{AttachmentRules, admit},
        html::Document,
        image::{ImageLimits, Picture, Wish, rebuild},
        mail::{self, Limits, Opened, Outgoing},
        pdf::{self, PdfLimits},
    },
    model::{Attachment, AttachmentAction, Timestamp},
};

const CANARY: &str = "canary";

#[test]
fn thunderbird() {
    pass("thunderbird.eml", 1);
}

#[test]
fn gmail() {
    pass("gmail.eml", 1);
}

#[test]
fn outlook() {
    pass("outlook.eml", 1);
}

#[test]
fn apple() {
    pass("apple.eml", 1);
}

#[test]
fn a_mail_with_every_hiding_place() {
    let opened = pass("hostile.eml", 1);
    assert_eq!(opened.from.len(), 2);
    let removed: Vec<_> = opened.removed.iter().map(|r| r.as_str()).collect();
    for what in ["signature", "inline_file", "alternative", "calendar", "contact_card", "forwarded_mail", "key"] {
        assert!(removed.contains(&what), "{what} in {removed:?}");
    }
}

/// Opens, cleans, builds, looks for canaries, and checks that what matters has come through.
fn pass(name: &str, photos: usize) -> Opened {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail").join(name);
    let mail = fs::read_to_string(path).unwrap().replace("{{PHOTO}}", &photo()).replace('\n', "\r\n");
    let opened = mail::open(mail.as_bytes(), &Limits::default()).unwrap();
    let content = &opened.content;
    assert_eq!(content.date, Some(Timestamp(1_793_841_300_000)), "a zone is resolved");

    let text = scrub(content.text.as_deref().unwrap());
    let mut page = Document::parse(content.html.as_deref().unwrap()).unwrap();
    page.keep_links(&|_| false);
    let cuts: Vec<_> = page.blocks().iter().map(|block| Some(cuts(block))).collect();
    page.rewrite(&cuts);
    let html = page.to_html();

    let mut files = content.attachments.clone();
    admit(&mut files, &AttachmentRules::default()).unwrap();
    files.iter_mut().for_each(rebuild_file);

    let subject = scrub(content.subject.as_deref().unwrap());
    let built = mail::build(
        &Outgoing {
            from_name: "Pembeli",
            from: "handle2@relay.example",
            id: "new@relay.example",
            in_reply_to: &[],
            references: &[],
            date: content.date.unwrap(),
            subject: &subject,
            text: &text,
            html: Some(&html),
            attachments: &files,
            automatic: false,
        },
        b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff",
    );
    let sent = mail::address("toko@shop.example", &built);
    assert_no_canary(name, &sent);

    let read = mail::open(&sent, &Limits::default()).unwrap().content;
    assert!(read.subject.unwrap().contains("krzesło"));
    for form in [read.text.unwrap(), Document::parse(&read.html.unwrap()).unwrap().to_text()] {
        assert!(form.contains("Dziękuję, the chair came today."), "{name}: {form}");
    }
    assert!(html.contains("Barang") && html.contains("dikirim"), "{name}: the quoted history stays");
    let pictures: Vec<_> = read.attachments.iter().filter(|a| a.media_type == "image/jpeg").collect();
    assert_eq!(pictures.len(), photos, "{name}");
    assert!(pictures.iter().all(|p| image::load_from_memory(&p.bytes).is_ok()));
    opened
}

/// What the detector would cut: here each word that holds a canary.
fn cuts(text: &str) -> Vec<(Range<usize>, String)> {
    let mut cuts = Vec::new();
    let mut at = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        let length = word.trim_end().chars().count();
        if word.to_lowercase().contains(CANARY) {
            cuts.push((at..at + length, "[email]".to_owned()));
        }
        at += word.chars().count();
    }
    cuts
}

fn scrub(text: &str) -> String {
    let words = text.split_inclusive(char::is_whitespace);
    words.map(|w| if w.to_lowercase().contains(CANARY) { "[email] " } else { w }).collect()
}

fn rebuild_file(file: &mut Attachment) {
    // The words of a name are scrubbed like any others.
    if file.filename.to_lowercase().contains(CANARY) {
        file.filename = "file.jpg".to_owned();
    }
    if file.media_type == "application/pdf" {
        assert!(pdf::read(&file.bytes, &PdfLimits::default()).is_err(), "there is nothing in it but a canary");
        (file.bytes, file.action) = (Bytes::new(), AttachmentAction::RemovedUnreadable);
    }
    if file.action == AttachmentAction::Pending {
        let Picture { bytes, media_type, .. } =
            rebuild(&file.bytes, &ImageLimits::default(), &Wish::default(), None).unwrap();
        file.bytes = bytes.into();
        file.media_type = media_type.to_owned();
        file.action = AttachmentAction::Rebuilt;
    }
}

/// Searches the raw bytes and every base64 and quoted-printable reading of them, with decoders
/// that know nothing of parts.
fn assert_no_canary(name: &str, sent: &[u8]) {
    let raw = String::from_utf8_lossy(sent).into_owned();
    let unfolded = raw.replace("=\r\n", "");
    let mut readings = vec![raw.clone(), unfolded.clone(), unquote(&unfolded)];
    let mut run = String::new();
    for line in raw.lines().chain([""]) {
        let is_base64 = !line.is_empty() && line.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
        if is_base64 {
            run.push_str(line);
        } else if !run.is_empty() {
            let whole = run.len() / 4 * 4;
            readings.extend(BASE64.decode(&run.as_bytes()[..whole]).map(|b| String::from_utf8_lossy(&b).into_owned()));
            run.clear();
        }
    }
    for word in raw.split("=?utf-8?B?").skip(1) {
        let word = word.split("?=").next().unwrap();
        readings.push(String::from_utf8_lossy(&BASE64.decode(word.as_bytes()).unwrap()).into_owned());
    }
    for reading in readings {
        let lower = reading.to_lowercase();
        for leak in
            [CANARY, "192.0.2.", "198.51.100.7", "192.168.", "+0700", "-0800", "thunderbird", "mso", "gmail", "apple"]
        {
            if let Some(at) = lower.find(leak) {
                let around: String =
                    lower.chars().skip(lower[..at].chars().count().saturating_sub(60)).take(160).collect();
                panic!("{name}: {leak} in …{around}…");
            }
        }
    }
}

fn unquote(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let hex: Vec<u8> = if byte == b'=' { bytes.clone().take(2).collect() } else { Vec::new() };
        match data_encoding::HEXUPPER.decode(&hex) {
            Ok(decoded) if decoded.len() == 1 => {
                out.push(decoded[0]);
                bytes.by_ref().take(2).for_each(drop);
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A photo with a canary in its EXIF part and behind its end, in base64.
fn photo() -> String {
    let mut jpeg = Cursor::new(Vec::new());
    image::RgbImage::from_fn(64, 32, |x, y| image::Rgb([x as u8 * 4, y as u8 * 8, 90]))
        .write_to(&mut jpeg, image::ImageFormat::Jpeg)
        .unwrap();
    let jpeg = jpeg.into_inner();
    let exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0canary GPS 52.2297N";
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    let photo = [&jpeg[..2], b"\xff\xe1", &length, exif, &jpeg[2..], b"canary"].concat();
    let lines = BASE64.encode(&photo);
    lines.as_bytes().chunks(76).map(|l| std::str::from_utf8(l).unwrap()).collect::<Vec<_>>().join("\n")
}
