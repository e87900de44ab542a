//! Mails as common programs write them, full of what must not reach the other side.

use std::{
    io::Cursor,
    sync::atomic::{AtomicU32, Ordering},
};

use image::{ImageFormat, RgbImage};

use super::Person;

/// A phone number from the examples of numbering plans; nobody has it.
pub const PHONE: &str = "+44 7911 123456";

/// What is in the photo beside the picture.
pub const IN_PHOTO: [&str; 3] = ["EXIF-OWNER-CANARY", "JPEG-COMMENT-CANARY", "JPEG-TRAILER-CANARY"];

/// A mail and the words in it that only its sender's side may know.
pub struct Letter {
    pub raw: Vec<u8>,
    /// Its Message-ID, without the angle brackets.
    pub id: String,
    pub canaries: Vec<String>,
}

/// A short plain mail: what a client that adds nothing would send.
pub fn plain(from: &Person, to: &str, subject: &str, text: &str) -> Letter {
    plain_with_id(from, to, subject, text, &fresh_id(from, "p"))
}

pub fn plain_with_id(from: &Person, to: &str, subject: &str, text: &str, id: &str) -> Letter {
    let raw = format!(
        "From: {} <{}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nMessage-ID: <{id}>\r\n\
         Date: Mon, 16 Nov 2026 10:00:00 +0100\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{}\r\n",
        word(&from.name),
        from.email,
        text.replace('\n', "\r\n")
    );
    Letter { raw: raw.into_bytes(), id: id.to_owned(), canaries: [from.canaries(), vec![id.to_owned()]].concat() }
}

/// Thunderbird: alternative of text and HTML, flowed text, a signature, a photo.
pub fn thunderbird(from: &Person, to: &str, subject: &str, text: &str, answers: Option<&str>) -> Letter {
    let id = fresh_id(from, "tb");
    let (agent, own_host) = ("Mozilla Thunderbird 128.7.0esr", format!("laptop-{}.lan", from.local()));
    let threads = answers.map_or(String::new(), |id| format!("References: <{id}>\r\nIn-Reply-To: <{id}>\r\n"));
    let (local, host) = (from.local(), from.host());
    let text =
        format!("{text}\r\n\r\n-- \r\n{name}\r\n{mail}\r\ntel. {PHONE}\r\n", name = from.name, mail = from.email);
    let html = format!(
        "<!DOCTYPE html><html><head><meta http-equiv=\"content-type\" content=\"text/html; charset=UTF-8\"></head>\
         <body><p>{}</p><div class=\"moz-signature\">-- <br>{} &lt;<a class=\"moz-txt-link-abbreviated\" \
         href=\"mailto:{mail}\">{mail}</a>&gt;<br>{PHONE}</div><img src=\"http://{host}/pixel.gif?{local}\"></body></html>",
        text.split("\r\n").next().unwrap_or_default(),
        from.name,
        mail = from.email
    );
    let raw = format!(
        "Received: from {own_host} (unknown [203.0.113.77])\r\n\tby smtp.{host} (Postfix) with ESMTPSA id 4QcanaryRCVD\r\n\
         \tfor <{to}>; Mon, 16 Nov 2026 10:00:01 +0100 (CET)\r\n\
         Message-ID: <{id}>\r\nDate: Mon, 16 Nov 2026 10:00:00 +0100\r\nMIME-Version: 1.0\r\nUser-Agent: {agent}\r\n\
         Content-Language: pl\r\nX-Mozilla-Draft-Info: internal/draft; vcard=0\r\n{threads}\
         From: {name} <{mail}>\r\nReply-To: {mail}\r\nSender: {mail}\r\nDisposition-Notification-To: {mail}\r\n\
         Organization: Firma {local}\r\nAutocrypt: addr={mail}; keydata=\r\n xsBNBGcanaryKEY\r\nTo: {to}\r\nSubject: {subject}\r\n\
         Content-Type: multipart/mixed; boundary=\"------------tbOUTER{local}\"\r\n\r\n\
         This is a multi-part message in MIME format.\r\n--------------tbOUTER{local}\r\n\
         Content-Type: multipart/alternative;\r\n boundary=\"------------tbINNER\"\r\n\r\n\
         --------------tbINNER\r\nContent-Type: text/plain; charset=UTF-8; format=flowed\r\n\
         Content-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n\
         --------------tbINNER\r\nContent-Type: text/html; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
         {html}\r\n--------------tbINNER--\r\n\
         --------------tbOUTER{local}\r\nContent-Type: image/jpeg; name=\"{local}-IMG_2041.jpg\"\r\n\
         Content-Disposition: attachment; filename=\"{local}-IMG_2041.jpg\"\r\nContent-Transfer-Encoding: base64\r\n\
         X-Attachment-Note: {mail}\r\n\r\n{photo}\r\n--------------tbOUTER{local}--\r\n",
        name = word(&from.name),
        mail = from.email,
        html = soft(&html),
        photo = wrapped(&photo()),
    );
    let own = [
        &id,
        agent,
        &own_host,
        "203.0.113.77",
        "canaryRCVD",
        "canaryKEY",
        "tbOUTER",
        PHONE,
        "7911123456",
        "moz-signature",
    ];
    letter(raw, id.clone(), from, &own)
}

/// Gmail: HTML with a quoted history and base64 text.
pub fn gmail(from: &Person, to: &str, subject: &str, text: &str, answers: Option<(&str, &str)>) -> Letter {
    let id = format!("CAF{}canaryGM@mail.gmail-like.example", next());
    let threads = answers.map_or(String::new(), |(id, _)| format!("References: <{id}>\r\nIn-Reply-To: <{id}>\r\n"));
    let quoted = answers.map_or("", |(_, quoted)| quoted);
    let intro = format!("On Mon, Nov 16, 2026 at 9:12 AM <{to}> wrote:");
    let plain = format!("{text}\r\n\r\n{intro}\r\n\r\n> {}\r\n", quoted.replace("\r\n", "\r\n> "));
    let html = format!(
        "<div dir=\"ltr\">{text}</div><br><div class=\"gmail_quote gmail_quote_container\"><div dir=\"ltr\" class=\"gmail_attr\">\
         On Mon, Nov 16, 2026 at 9:12 AM &lt;<a href=\"mailto:{to}\">{to}</a>&gt; wrote:<br></div>\
         <blockquote class=\"gmail_quote\" style=\"margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204)\">{quoted}</blockquote></div>\
         <div class=\"gmail_signature\">{} &middot; <a href=\"mailto:{mail}\">{mail}</a></div>",
        from.name,
        mail = from.email
    );
    let raw = format!(
        "MIME-Version: 1.0\r\nReceived: by 2002:a05:6402:canaryGRCV with SMTP id x1csp99;\r\n        Mon, 16 Nov 2026 01:00:00 -0800 (PST)\r\n\
         X-Google-Smtp-Source: AGHTcanaryXGSS\r\nX-Gm-Message-State: AOJuCanaryXGMS\r\n\
         X-Received: by 2002:a17:907:canaryXRCV with SMTP id y2\r\n{threads}\
         From: {name} <{mail}>\r\nDate: Mon, 16 Nov 2026 10:00:00 +0100\r\nMessage-ID: <{id}>\r\nSubject: {subject}\r\n\
         To: {to}\r\nCc: Arsip canaryCC <{mail}>\r\nContent-Type: multipart/alternative; boundary=\"000000000000canaryBND\"\r\n\r\n\
         --000000000000canaryBND\r\nContent-Type: text/plain; charset=\"UTF-8\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{plain}\r\n\
         --000000000000canaryBND\r\nContent-Type: text/html; charset=\"UTF-8\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{html}\r\n\
         --000000000000canaryBND--\r\n",
        name = word(&from.name),
        mail = from.email,
        plain = wrapped(plain.as_bytes()),
        html = wrapped(html.as_bytes()),
    );
    let own = [&id, "canaryGRCV", "canaryXGSS", "CanaryXGMS", "canaryXRCV", "canaryBND", "gmail-like", "canaryCC"];
    letter(raw, id.clone(), from, &own)
}

/// Outlook: Windows-1252, Word's HTML, a history block that repeats the real header lines.
pub fn outlook(from: &Person, to: &str, subject: &str, text: &str, answers: Option<&str>) -> Letter {
    let id = format!("AM9PR{}canaryOL@AM9PR07.prod.outlook-like.example", next());
    let threads = answers.map_or(String::new(), |id| format!("In-Reply-To: <{id}>\r\nReferences: <{id}>\r\n"));
    let (mail, name, host) = (&from.email, &from.name, from.host());
    let html = format!(
        "<html xmlns:o=3D\"urn:schemas-microsoft-com:office:office\"><head><meta name=3D\"Generator\" content=3D\"Microsoft Word 15\">\
         <!--[if gte mso 9]><xml>{mail}</xml><![endif]--><style><!-- p.MsoNormal {{margin:0cm}} --></style></head>\r\n\
         <body lang=3D\"PL\"><div class=3D\"WordSection1\"><p class=3D\"MsoNormal\">{text}<o:p></o:p></p>\r\n\
         <div style=3D\"border-top:solid #E1E1E1 1.0pt\"><p class=3D\"MsoNormal\"><b>From:</b> {ascii} &lt;{mail}&gt;<br>\r\n\
         <b>Sent:</b> Monday, November 16, 2026 9:00 AM<br><b>To:</b> {to}<br><b>Subject:</b> {subject}</p></div></div></body></html>",
        ascii = ascii(name),
    );
    let plain = format!(
        "{text}\r\n\r\nGet Outlook-like for the phone\r\n________________________________\r\nFrom: {} <{mail}>\r\n\
         Sent: Monday, November 16, 2026 9:00 AM\r\nTo: {to}\r\nSubject: {subject}\r\n",
        ascii(name)
    );
    let raw = format!(
        "Received: from AM9PR07MB1234.canaryEOP.prod.outlook-like.example ([fe80::c4na:ry]) by\r\n AM9PR07.{host}; Mon, 16 Nov 2026 09:00:00 +0000\r\n\
         From: \"{ascii}\" <{mail}>\r\nTo: \"{to}\" <{to}>\r\nSubject: {subject}\r\nThread-Topic: canaryTT {mail}\r\nThread-Index: AQHcanaryTHREADINDEX==\r\n\
         Date: Mon, 16 Nov 2026 09:00:00 +0000\r\nMessage-ID: <{id}>\r\n{threads}Accept-Language: pl-PL, en-US\r\n\
         X-MS-Has-Attach:\r\nX-MS-Exchange-Organization-AuthSource: canaryAUTHSRC.{host}\r\nx-originating-ip: [198.51.100.66]\r\n\
         X-Mailer: Microsoft Outlook-like 16.0\r\nContent-Type: multipart/alternative;\r\n\tboundary=\"_000_canaryOLBND_\"\r\nMIME-Version: 1.0\r\n\r\n\
         --_000_canaryOLBND_\r\nContent-Type: text/plain; charset=\"windows-1252\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{plain}\r\n\
         --_000_canaryOLBND_\r\nContent-Type: text/html; charset=\"windows-1252\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{html}\r\n\
         --_000_canaryOLBND_--\r\n",
        ascii = ascii(name),
        html = html,
    );
    let own = [
        &id,
        "canaryEOP",
        "canaryTT",
        "canaryTHREADINDEX",
        "canaryAUTHSRC",
        "198.51.100.66",
        "Outlook-like 16",
        "canaryOLBND",
        "outlook-like.example",
    ];
    let mut letter = letter(raw, id.clone(), from, &own);
    letter.canaries.push(ascii(name));
    letter
}

/// A small photo with everything that photos carry along.
pub fn photo() -> Vec<u8> {
    let picture = RgbImage::from_fn(64, 48, |x, y| image::Rgb([x as u8 * 4, y as u8 * 5, 90]));
    let mut jpeg = Cursor::new(Vec::new());
    picture.write_to(&mut jpeg, ImageFormat::Jpeg).expect("a JPEG");
    let jpeg = jpeg.into_inner();
    let mut out = jpeg[..2].to_vec();
    out.extend(segment(0xe1, &[b"Exif\0\0".to_vec(), exif()].concat()));
    out.extend(segment(0xfe, IN_PHOTO[1].as_bytes()));
    out.extend_from_slice(&jpeg[2..]);
    out.extend_from_slice(IN_PHOTO[2].as_bytes());
    out
}

fn segment(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 2).expect("a short segment").to_be_bytes();
    [&[0xff, kind], &length[..], content].concat()
}

/// A TIFF block with an artist and a place.
fn exif() -> Vec<u8> {
    let artist = IN_PHOTO[0].as_bytes();
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()].concat()
    };
    let (artist_at, gps_at) = (8 + 2 + 2 * 12 + 4, 8 + 2 + 2 * 12 + 4 + 20);
    let place_at = gps_at + 2 + 2 * 12 + 4;
    let mut out = b"II*\0\x08\0\0\0\x02\0".to_vec();
    out.extend(entry(0x013b, 2, artist.len() as u32, artist_at));
    out.extend(entry(0x8825, 4, 1, gps_at));
    out.extend([0; 4]);
    out.extend_from_slice(artist);
    out.resize(gps_at as usize, 0);
    out.extend([2, 0]);
    out.extend(entry(1, 2, 2, u32::from(b'N')));
    out.extend(entry(2, 5, 3, place_at));
    out.extend([0; 4]);
    for (over, under) in [(52u32, 1u32), (13, 1), (4711, 100)] {
        out.extend(over.to_le_bytes());
        out.extend(under.to_le_bytes());
    }
    out
}

fn letter(raw: String, id: String, from: &Person, own: &[&str]) -> Letter {
    let mut canaries = from.canaries();
    canaries.extend(own.iter().map(ToString::to_string));
    canaries.extend(IN_PHOTO.map(str::to_owned));
    Letter { raw: raw.into_bytes(), id, canaries }
}

fn fresh_id(from: &Person, tag: &str) -> String {
    format!("{tag}{}.{}.canaryMID@{}", next(), std::process::id(), from.host())
}

fn next() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn ascii(name: &str) -> String {
    name.replace('ł', "l")
}

fn word(name: &str) -> String {
    if name.is_ascii() {
        name.to_owned()
    } else {
        format!("=?UTF-8?B?{}?=", data_encoding::BASE64.encode(name.as_bytes()))
    }
}

fn wrapped(bytes: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(bytes);
    let lines: Vec<&str> = text.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    lines.join("\r\n")
}

/// Quoted-printable with soft line ends.
fn soft(text: &str) -> String {
    let mut out = String::new();
    let mut width = 0;
    for byte in text.bytes() {
        let piece = match byte {
            b'=' | 0x80.. => format!("={byte:02X}"),
            _ => char::from(byte).to_string(),
        };
        if width + piece.len() > 75 {
            out.push_str("=\r\n");
            width = 0;
        }
        width += piece.len();
        out.push_str(&piece);
    }
    out
}
