use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{
    media::{Removed, Unreadable, html::Document},
    model::{Attachment, AttachmentAction, Timestamp},
};

const SEED: [u8; 16] = *b"0123456789abcdef";

fn read(message: &str) -> Result<Opened, Unreadable> {
    open(message.replace('\n', "\r\n").as_bytes(), &Limits::default())
}

fn outgoing<'a>(subject: &'a str, text: &'a str) -> Outgoing<'a> {
    Outgoing {
        from_name: "Toko",
        from: "handle@relay.example",
        id: "1@relay.example",
        in_reply_to: &[],
        references: &[],
        date: Timestamp(1_793_836_800_000),
        subject,
        text,
        html: None,
        attachments: &[],
        automatic: false,
    }
}

fn picture(name: &str, inline: Option<&str>, action: AttachmentAction) -> Attachment {
    Attachment {
        filename: name.to_owned(),
        media_type: "image/png".to_owned(),
        inline: inline.map(str::to_owned),
        bytes: Bytes::from_static(b"\x89PNG\r\n\x1a\nnot really"),
        action,
    }
}

/// The names of the header fields, by a plain line reader that shares no code with ours.
fn header_names(message: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(message);
    let head = text.split_once("\r\n\r\n").map_or(&*text, |(head, _)| head);
    let lines = head.split("\r\n").filter(|l| !l.starts_with([' ', '\t']));
    lines.filter_map(|l| l.split_once(':')).map(|(name, _)| name.to_owned()).collect()
}

fn has_only_whole_line_ends(message: &[u8]) -> bool {
    let pairs = message.windows(2).filter(|w| *w == b"\r\n").count();
    let count = |byte| message.iter().filter(|b| **b == byte).count();
    pairs == count(b'\r') && pairs == count(b'\n')
}

fn longest_line(message: &[u8]) -> usize {
    message.split(|b| *b == b'\n').map(<[u8]>::len).max().unwrap_or(0)
}

#[test]
fn a_plain_mail_is_read() {
    let opened = read(
        "Received: from a\nReceived: from b\nFrom: =?utf-8?Q?Bud=C3=AD?= <budi@Mail.Example>\nTo: x@relay.example\n\
         Subject: =?utf-8?B?SGFs?=\n =?utf-8?B?byE=?=\nDate: Thu, 5 Nov 2026 07:00:00 +0700\nMessage-ID: <a@b>\n\
         In-Reply-To: <c@d>\nReferences: <e@f>\n <c@d>\n\nApa kabar?\n",
    )
    .unwrap();
    assert_eq!(opened.from, ["budi@mail.example"]);
    assert_eq!((opened.from_fields, opened.hops, opened.own_mark), (1, 2, false));
    assert_eq!(opened.to, ["x@relay.example"]);
    let content = opened.content;
    assert_eq!(content.subject.as_deref(), Some("Halo!"));
    assert_eq!(content.text.as_deref(), Some("Apa kabar?\n"));
    assert_eq!(content.thread.id.as_deref(), Some("a@b"));
    assert_eq!(content.thread.in_reply_to, ["c@d"]);
    assert_eq!(content.thread.references, ["e@f", "c@d"]);
    assert_eq!(content.date, Some(Timestamp(1_793_836_800_000)));
    assert!(!content.automatic);
}

#[test]
fn every_address_of_every_from_field_is_told() {
    let opened =
        read("From: a@x.example, \"b@fake.example\" <b@x.example>\nFrom: Team: c@x.example, d@x.example;\n\nhi\n")
            .unwrap();
    assert_eq!(opened.from, ["a@x.example", "b@x.example", "c@x.example", "d@x.example"]);
    assert_eq!(opened.from_fields, 2);
}

#[test]
fn automatic_mail_is_told_by_its_header() {
    for field in
        ["Auto-Submitted: auto-replied (vacation)", "Precedence: bulk", "X-Auto-Response-Suppress: All", "List-Id: <x>"]
    {
        assert!(read(&format!("From: a@x.example\n{field}\n\nhi\n")).unwrap().content.automatic, "{field}");
    }
    assert!(!read("From: a@x.example\nAuto-Submitted: no\n\nhi\n").unwrap().content.automatic);
    assert!(read("X-Tabir-Loop: 1\n\nhi\n").unwrap().own_mark);
}

#[test]
fn soft_breaks_and_entities_hide_nothing_from_the_detector() {
    let opened = read("Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nreal@ma=\nil.example caf=E9 =zz\n").unwrap();
    assert_eq!(opened.content.text.as_deref(), Some("real@mail.example caf\u{e9} =zz\n"));
    let opened = read("Content-Type: text/plain; format=flowed\n\n0812 \n3456\n").unwrap();
    assert_eq!(opened.content.text.as_deref(), Some("0812 3456\n"));
}

#[test]
fn character_sets_are_decoded_or_refused_and_utf7_never_honoured() {
    let body = |charset: &str, bytes: &[u8]| {
        let mut mail = format!("Content-Type: text/plain; charset={charset}\r\n\r\n").into_bytes();
        mail.extend_from_slice(bytes);
        open(&mail, &Limits::default()).map(|o| o.content.text.unwrap())
    };
    for utf7 in ["utf-7", "UTF_7", "unicode-1-1-utf-7", "utf-7-imap"] {
        assert_eq!(body(utf7, b"real+AEA-mail.example"), Err(Unreadable::Charset), "{utf7}");
    }
    assert_eq!(body("iso-2022-jp", b"\x1b$B$\"\x1b(B"), Ok("あ".to_owned()));
    assert_eq!(body("utf-16", b"\xff\xfe0\x008\x00"), Ok("08".to_owned()));
    assert_eq!(body("us-ascii", "zażółć".as_bytes()), Ok("zażółć".to_owned()));
    assert_eq!(body("iso-8859-2", b"za\xbf\xf3\xb3\xe6"), Ok("zażółć".to_owned()));
    assert_eq!(body("x-none", "zażółć".as_bytes()), Ok("zażółć".to_owned()));
    assert_eq!(body("x-none", b"\xff\xfe"), Err(Unreadable::Charset));
}

#[test]
fn what_can_not_be_judged_is_refused() {
    for (media_type, why) in [
        ("application/pkcs7-mime", Unreadable::Encrypted),
        ("multipart/encrypted; boundary=b", Unreadable::Encrypted),
        ("message/external-body; access-type=url", Unreadable::External),
        ("message/partial; id=1", Unreadable::External),
        ("multipart/mixed", Unreadable::Malformed),
        ("multipart/mixed; boundary=other", Unreadable::Malformed),
    ] {
        let mail = format!("From: a@x.example\nContent-Type: {media_type}\n\n--b\n\nhi\n--b--\n");
        assert_eq!(read(&mail).unwrap_err(), why, "{media_type}");
    }
    assert_eq!(read("Content-Transfer-Encoding: base64\n\n!!!!\n").unwrap_err(), Unreadable::Malformed);
}

#[test]
fn parts_that_name_people_are_taken_out_and_told() {
    for (media_type, body, what) in [
        ("text/calendar; method=REQUEST", "BEGIN:VCALENDAR", Removed::Calendar),
        ("application/octet-stream; name=x.ics", "BEGIN:VCALENDAR", Removed::Calendar),
        ("text/vcard", "BEGIN:VCARD", Removed::ContactCard),
        ("application/octet-stream", "BEGIN:VCARD", Removed::ContactCard),
        ("message/rfc822", "From: real@mail.example\n\nhi", Removed::ForwardedMail),
        ("application/octet-stream; name=a.eml", "Received: from real.example", Removed::ForwardedMail),
        ("application/octet-stream; name=key.asc", "-----BEGIN PGP PUBLIC KEY BLOCK-----", Removed::Key),
        ("application/ms-tnef", "x", Removed::Tnef),
        ("text/rfc822-headers", "From: real@mail.example", Removed::ForwardedMail),
        ("message/disposition-notification", "Final-Recipient: rfc822;real@mail.example", Removed::Report),
    ] {
        let mail = format!(
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhi\n--b\nContent-Type: {media_type}\n\n{body}\n--b--\n"
        );
        let opened = read(&mail).unwrap();
        assert_eq!(opened.removed, [what], "{media_type}");
        assert_eq!(opened.content.text.as_deref(), Some("hi"));
        assert!(opened.content.attachments.is_empty());
    }
}

#[test]
fn another_form_of_the_same_is_left_out_and_words_said_nowhere_else_are_a_file() {
    let mail = |kind: &str, form: &str| {
        let mail = format!(
            "Content-Type: multipart/{kind}; boundary=b\n\n--b\n\nhi\n--b\nContent-Type: {form}\n\nsecond\n--b--\n"
        );
        read(&mail).unwrap()
    };
    for form in ["text/x-amp-html", "text/enriched", "text/rtf", "text/watch-html"] {
        let opened = mail("alternative", form);
        assert_eq!((&opened.removed[..], opened.content.attachments.len()), (&[Removed::Alternative][..], 0), "{form}");
        let opened = mail("mixed", form);
        assert_eq!((&opened.removed[..], opened.content.attachments.len()), (&[][..], 1), "{form}");
    }
}

#[test]
fn a_body_that_has_a_name_is_a_body() {
    let said = |mail: &str| read(mail).unwrap().content.text;
    for fields in [
        "Content-Type: text/plain; name=body.txt",
        "Content-Type: text/plain; name=body.txt\nContent-Disposition: inline; filename=body.txt",
    ] {
        assert_eq!(said(&format!("{fields}\n\nhi\n")).as_deref(), Some("hi\n"), "{fields}");
        let mixed = format!("Content-Type: multipart/mixed; boundary=b\n\n--b\n{fields}\n\nhi\n--b--\n");
        assert_eq!(said(&mixed).as_deref(), Some("hi"), "{fields}");
    }
    let notes = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhi\n--b\nContent-Type: text/plain; name=n.txt\n\nnotes\n--b--\n";
    assert_eq!(said(notes).as_deref(), Some("hi"), "a file beside the words stays one");
    let attached = "Content-Type: text/plain\nContent-Disposition: attachment; filename=n.txt\n\nnotes\n";
    assert_eq!(said(attached), None);
}

#[test]
fn words_are_found_wherever_a_program_put_them() {
    let said = |mail: &str| read(mail).unwrap().content;
    let picture = "--b\nContent-Type: image/gif\nContent-Transfer-Encoding: base64\n\nR0lGODlh\n";
    let related = format!(
        "Content-Type: multipart/related; boundary=b\n\n{picture}--b\nContent-Type: text/html\n\n<p>hi\n--b--\n"
    );
    assert_eq!(said(&related).html.as_deref(), Some("<p>hi"));
    let empty =
        "Content-Type: multipart/alternative; boundary=b\n\n--b\n\n \n\n--b\nContent-Type: text/html\n\n<p>hi\n--b--\n";
    assert_eq!((said(empty).text, said(empty).html.as_deref()), (None, Some("<p>hi")));
    assert_eq!(said("Content-Type: text\n\nhi\n").text.as_deref(), Some("hi\n"));
}

#[test]
fn a_page_names_its_character_set_where_its_header_does_not() {
    let page = |field: &str, meta: &str, bytes: &[u8]| {
        let head = format!("Content-Type: text/html{field}\r\n\r\n<html><head>{meta}</head>");
        open(&[head.as_bytes(), bytes].concat(), &Limits::default()).map(|o| o.content.html.unwrap())
    };
    let koi8 = b"\xf0\xcc";
    for meta in ["<meta charset=koi8-r>", "<META http-equiv='Content-Type' CONTENT=\"text/html; charset=KOI8-R\">"] {
        assert!(page("", meta, koi8).unwrap().ends_with("Пл"), "{meta}");
    }
    assert!(page("; charset=windows-1252", "<meta charset=koi8-r>", koi8).unwrap().ends_with("ðÌ"));
    assert!(page("", "<meta charset=iso-8859-1>", "Пл".as_bytes()).unwrap().ends_with("Пл"), "UTF-8 is UTF-8");
    assert_eq!(page("", "<meta charset=utf-7>", b"real+AEA-mail.example"), Err(Unreadable::Charset));
    assert_eq!(
        read("Content-Type: text/plain\n\n\u{1b}$B$\"\u{1b}(B\n").unwrap().content.text.as_deref(),
        Some("あ\n")
    );
}

#[test]
fn a_character_set_that_decoders_gave_up_is_refused_and_not_lost() {
    for charset in ["hz-gb-2312", "ISO-2022-KR", "csISO2022KR", "iso-2022-cn", "iso-2022-cn-ext", "replacement"] {
        let mail = format!("Content-Type: text/plain; charset={charset}\n\nwords\n");
        assert_eq!(read(&mail).unwrap_err(), Unreadable::Charset, "{charset}");
    }
}

#[test]
fn an_encoded_word_that_nobody_decodes_does_not_stay() {
    let subject = |text: &str| read(&format!("Subject: {text}\n\nhi\n")).unwrap().content.subject.unwrap();
    let broken = subject("batik =?UTF-8?B?cmVhbEBtYWlsLmV4YW1wbGU= =?UTF-8?X?real@mail.example?= end");
    assert!(!broken.contains("cmVhbEBt") && broken.starts_with("batik"), "{broken}");
    assert_eq!(subject("is it =?"), "is it =?");
    assert_eq!(subject("=?UTF-8?Q?re=01al?= =?UTF-8?Q?=0D=0ABcc?="), "real  Bcc");
}

#[test]
fn reports_of_readings_and_complaints_are_told_from_words() {
    for part in ["message/disposition-notification", "message/feedback-report", "message/delivery-status"] {
        let mail = format!(
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nread\n--b\nContent-Type: {part}\n\nx: y\n--b--\n"
        );
        assert!(read(&mail).unwrap().is_report, "{part}");
    }
}

#[test]
fn a_signed_mail_is_unwrapped() {
    let opened = read("Content-Type: multipart/signed; boundary=b\n\n--b\nContent-Type: text/plain\n\nwords\n--b\nContent-Type: application/pgp-signature\n\nwho\n--b--\n").unwrap();
    assert_eq!(opened.content.text.as_deref(), Some("words"));
    assert_eq!(opened.removed, [Removed::Signature]);
}

#[test]
fn texts_between_files_are_joined_in_both_forms() {
    let opened = read(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>one &amp; <!-- \n--b\n\
         Content-Type: image/png; name=p.png\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=\n--b\n\ntwo < three\n--b--\n",
    )
    .unwrap();
    assert_eq!(opened.content.text.as_deref(), Some("one &\ntwo < three"));
    assert_eq!(opened.content.html.as_deref(), Some("<p>one &amp; </p><div>two &lt; three</div>"));
    assert_eq!(opened.content.attachments[0].filename, "p.png");
}

#[test]
fn the_words_of_a_person_make_no_report_of_a_mail() {
    let mail =
        "From: postmaster@own.example\nSubject: Parcel\n\nThe parcel could not be delivered, and does not exist.\n";
    let opened = read(mail).unwrap();
    assert!(opened.report.is_some() && !opened.is_report, "believed at an envelope sender alone");
}

#[test]
fn a_delivery_report_is_found_by_its_type() {
    let mail = "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nSorry, real@mail.example is full\n--b\n\
                Content-Type: text/html\n\n<p>x</p>\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.real.example\n\n\
                Final-Recipient: rfc822; real@mail.example\nAction: failed\nStatus: 5.2.2 (mailbox of real@mail.example full)\n--b\n\
                Content-Type: message/rfc822\n\nFrom: x@y\n\nbody\n--b--\n";
    let opened = read(mail).unwrap();
    let report = DeliveryReport { failed: true, delayed: false, status: Some("5.2.2".to_owned()) };
    assert_eq!(opened.report, Some(Report::Delivery(report)));
    assert!(opened.content.automatic);
}

#[test]
fn nests_and_crowds_are_refused_in_bounded_time_and_memory() {
    let start = std::time::Instant::now();
    let nest: String =
        (0..100_000).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n")).collect();
    assert_eq!(read(&nest).unwrap_err(), Unreadable::TooDeep);
    let same = "Content-Type: multipart/mixed; boundary=b\n\n--b\n".repeat(100_000);
    assert!(read(&same).is_err());
    let crowd = format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\nx\n".repeat(1_000_000));
    assert_eq!(read(&crowd).unwrap_err(), Unreadable::TooManyParts);
    let pages = format!(
        "Content-Type: multipart/mixed; boundary=b\n\n{}",
        "--b\nContent-Type: text/html\n\n<p>x\n".repeat(200)
    );
    assert_eq!(read(&pages).unwrap_err(), Unreadable::TooManyParts);
    let long = format!(
        "Content-Type: multipart/mixed; boundary=b\n\n{}",
        format!("--b\n\n{}\n", "x".repeat(300_000)).repeat(10)
    );
    assert_eq!(read(&long).unwrap_err(), Unreadable::TooLarge);
    let mails = "Content-Type: message/rfc822\n\n".repeat(100_000);
    assert!(read(&mails).unwrap().content.text.is_none());
    assert_eq!(read(&"X: y\n".repeat(100_000)).unwrap_err(), Unreadable::Headers);
    assert_eq!(read(&format!("X: {}\n", "y\n ".repeat(100_000))).unwrap_err(), Unreadable::Headers);
    for field in ["Subject", "From", "References", "Content-Type", "Date"] {
        for value in ["=?utf-8?q?", "=?x?q?a?= ", "(", "\"", "<", "a@b,", ";a*0*=", ":;"] {
            let _ = read(&format!("{field}: {}\n\nx\n", value.repeat(60_000 / value.len())));
        }
    }
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
}

#[test]
fn a_line_that_is_no_field_opens_the_body() {
    let opened = read("From: a@x.example\nno field here\nmore\n").unwrap();
    assert_eq!(opened.content.text.as_deref(), Some("no field here\nmore\n"));
}

#[test]
fn a_built_mail_has_the_allowed_header_fields_and_no_others() {
    let references = ["a@relay.example".to_owned(), "b@relay.example".to_owned()];
    let mut message = outgoing("Pesanan 12 zażółć", "Halo");
    message.in_reply_to = &references[1..];
    message.references = &references;
    message.automatic = true;
    let built = address("budi@mail.example", &build(&message, &SEED));
    assert_eq!(header_names(&built), HEADERS);
    let opened = open(&built, &Limits::default()).unwrap();
    assert_eq!(opened.content.subject.as_deref(), Some(message.subject));
    assert_eq!(opened.content.thread.references, references);
    assert_eq!(opened.to, ["budi@mail.example"]);
    assert!(opened.own_mark && opened.content.automatic);
}

#[test]
fn html_files_and_pictures_in_the_text_come_back() {
    let files = [
        picture("a.png", Some("orig@real.example"), AttachmentAction::Rebuilt),
        picture("zdjęcie.png", None, AttachmentAction::Rebuilt),
        picture("pending.png", None, AttachmentAction::Pending),
        picture("gone.png", Some("gone@real.example"), AttachmentAction::RemovedType),
    ];
    let mut message = outgoing("s", "text");
    message.html = Some("<p>x<img src=\"cid:orig@real.example\"><img src=\"cid:gone@real.example\"></p>");
    message.attachments = &files;
    let built = build(&message, &SEED);
    assert!(!String::from_utf8_lossy(&built).contains("real.example"));
    let opened = open(&built, &Limits::default()).unwrap();
    assert_eq!(opened.content.text.as_deref(), Some("text"));
    let names: Vec<_> = opened.content.attachments.iter().map(|a| a.filename.as_str()).collect();
    assert_eq!(names, ["a.png", "zdjęcie.png"]);
    let shown = opened.content.attachments[0].inline.clone().unwrap();
    assert!(opened.content.html.unwrap().contains(&format!("<img src=\"cid:{shown}\">")));
    assert_eq!(opened.content.attachments[0].bytes, files[0].bytes);
}

#[test]
fn trailing_spaces_long_lines_and_dots_survive() {
    let text = format!("a \n.\n\n{}\nzażółć gęślą jaźń=\t\n", "x".repeat(5_000));
    let built = build(&outgoing("s", &text), &SEED);
    assert!(longest_line(&built) <= 80);
    let ascii = format!("a\n.\nFrom me\n{}\n", "x".repeat(900));
    for text in [text, ascii, "日本語 ".repeat(100), String::new()] {
        let built = build(&outgoing("s", &text), &SEED);
        assert!(built.is_ascii() && has_only_whole_line_ends(&built));
        let back = open(&built, &Limits::default()).unwrap().content.text.unwrap();
        assert_eq!(back.trim_end_matches('\n'), text.trim_end_matches('\n'));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_opening_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = open(&bytes, &Limits::default());
    }

    #[test]
    fn no_mail_shaped_bytes_make_opening_panic(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "From: a@b\r\n", "Content-Type: multipart/mixed; boundary=b\r\n", "Content-Type: text/html\r\n", "\r\n", "--b\r\n", "--b--\r\n",
            "Content-Type: multipart/alternative;\r\n boundary=\"c\"\r\n", "--c\r\n", "--c--", "<p>x", "=?utf-8?q?=", "\n", "x", " ", "=",
            "Content-Transfer-Encoding: base64\r\n", "Content-Transfer-Encoding: quoted-printable\r\n", "Content-Type: text/plain; format=flowed\r\n",
            "Content-Type: message/rfc822\r\n", "Content-Disposition: attachment; filename*0*=utf-8''x\r\n", "Subject: =?x?", "begin 644 x\r\n", "QUJD",
        ]), 0..40)
    ) {
        let _ = open(pieces.concat().as_bytes(), &Limits::default());
    }

    #[test]
    fn nothing_said_can_add_a_header_field_or_break_a_line(
        words in prop::collection::vec(any::<String>(), 6), injected in "(x|\r|\n|\r\n|: |Bcc|@|<|>|\"|=\\?|é){0,30}", automatic in any::<bool>()
    ) {
        let ids = [words[0].clone(), format!("i{injected}")];
        let mut file = picture(&words[1], Some(&injected), AttachmentAction::Rebuilt);
        file.media_type = injected.clone();
        let html = Document::parse(&words[2]).unwrap().to_html();
        let message = Outgoing {
            from_name: &injected, from: &format!("{}@relay.example", words[3]), id: &ids[1], in_reply_to: &ids, references: &ids,
            date: Timestamp(0), subject: &format!("{}{injected}", words[4]), text: &words[5], html: Some(&html), attachments: &[file], automatic,
        };
        let built = address(&format!("{injected}@mail.example"), &build(&message, &SEED));
        let mut expected: Vec<&str> = HEADERS.to_vec();
        expected.retain(|name| (*name != "Auto-Submitted" || automatic) && *name != "Content-Transfer-Encoding");
        prop_assert_eq!(header_names(&built), expected);
        prop_assert!(has_only_whole_line_ends(&built));
        prop_assert!(longest_line(&built) <= 998);
        prop_assert!(built[built.iter().position(|b| *b == b'\n').unwrap()..].is_ascii());
        let opened = open(&built, &Limits::default()).unwrap();
        prop_assert_eq!(opened.content.attachments.len(), 1);
        let said: String = opened.content.text.unwrap_or_default().split_whitespace().collect();
        let meant: String = words[5].chars().filter(|c| !c.is_control()).collect::<String>().split_whitespace().collect();
        prop_assert_eq!(said.len(), crate::media::text::normalise(&meant).len());
    }
}
