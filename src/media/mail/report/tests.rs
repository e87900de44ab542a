//! Reports in the shapes in which mail hosts write them. The addresses in them are real ones as
//! far as the tests go: nothing of them may be in what was read.

use super::*;
use crate::media::mail::{Limits, Opened, open};

const REAL: &str = "ratna@rumah.example";

/// What a mail is to be taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Failed,
    Delayed,
    /// A report that says nothing to act on.
    Idle,
    Complaint(&'static str),
    /// No report, and no person wrote it.
    Automatic,
    Person,
}

fn read(mail: &str) -> Opened {
    open(mail.replace('\n', "\r\n").as_bytes(), &Limits::default()).unwrap()
}

fn is(opened: &Opened) -> Is {
    match &opened.report {
        Some(Report::Complaint(complaint)) => Is::Complaint(complaint.kind),
        Some(Report::Delivery(report)) if report.failed => Is::Failed,
        Some(Report::Delivery(report)) if report.delayed => Is::Delayed,
        Some(Report::Delivery(_)) => Is::Idle,
        None if opened.content.automatic => Is::Automatic,
        None => Is::Person,
    }
}

/// A report of the three usual parts, as most hosts write it.
fn dsn(head: &str, words: &str, status: &str) -> String {
    typed("message/delivery-status", head, words, status)
}

fn typed(media_type: &str, head: &str, words: &str, status: &str) -> String {
    format!(
        "{head}\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status;\n\tboundary=\"=_r\"\n\n\
         This is a MIME-encapsulated message.\n\n--=_r\nContent-Description: Notification\n\
         Content-Type: text/plain; charset=utf-8\n\n{words}\n\n--=_r\nContent-Type: {media_type}\n\n{status}\n\n\
         --=_r\nContent-Type: message/rfc822\n\nFrom: h@relay.example\nTo: {REAL}\nSubject: Hello\n\nAuto-Submitted\n--=_r--\n"
    )
}

fn plain(head: &str, words: &str) -> String {
    format!("{head}\n\n{words}\n")
}

#[test]
fn reports_of_many_hosts_are_told_apart() {
    for (what, mail, wanted) in shapes() {
        let opened = read(&mail);
        assert_eq!(is(&opened), wanted, "{what}: {:?}", opened.report);
        assert_eq!(opened.content.automatic, wanted != Is::Person, "{what}");
        let kept = format!("{:?}", opened.report);
        assert!(!kept.contains("rumah") && !kept.contains("ratna"), "{what}: {kept}");
    }
}

fn shapes() -> Vec<(&'static str, String, Is)> {
    [typed_reports(), odd_reports(), reports_in_words(), complaints(), answers()].concat()
}

fn typed_reports() -> Vec<(&'static str, String, Is)> {
    vec![
        (
            "Postfix",
            dsn(
                "From: MAILER-DAEMON@mx.rumah.example (Mail Delivery System)\nSubject: Undelivered Mail Returned to Sender\nAuto-Submitted: auto-replied",
                &format!(
                    "I'm sorry to have to inform you that your message could not\nbe delivered.\n\n<{REAL}>: user unknown"
                ),
                &format!(
                    "Reporting-MTA: dns; mx.rumah.example\nX-Postfix-Queue-ID: 4DC\nArrival-Date: Mon, 16 Nov 2026 10:00:00 +0100 (CET)\n\nFinal-Recipient: rfc822; {REAL}\nOriginal-Recipient: rfc822;{REAL}\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: x-unix; user unknown"
                ),
            ),
            Is::Failed,
        ),
        (
            "Postfix, late",
            dsn(
                "From: MAILER-DAEMON@mx.rumah.example (Mail Delivery System)\nSubject: Delayed Mail (still being retried)\nAuto-Submitted: auto-replied",
                "THIS IS A WARNING ONLY. YOU DO NOT NEED TO RESEND YOUR MESSAGE.\n\nYour message could not be delivered for more than 4 hours.",
                &format!(
                    "Reporting-MTA: dns; mx.rumah.example\n\nFinal-Recipient: rfc822; {REAL}\nAction: delayed\nStatus: 4.4.1\nWill-Retry-Until: Sat, 21 Nov 2026 10:00:00 +0100 (CET)"
                ),
            ),
            Is::Delayed,
        ),
        (
            "Postfix, time over",
            dsn(
                "From: MAILER-DAEMON@mx.rumah.example\nSubject: Undelivered Mail Returned to Sender",
                "connect to mx2.rumah.example[192.0.2.7]:25: Connection timed out",
                &format!(
                    "Reporting-MTA: dns; mx.rumah.example\n\nFinal-Recipient: rfc822; {REAL}\nAction: failed\nStatus: 4.4.1"
                ),
            ),
            Is::Failed,
        ),
        (
            "Gmail",
            dsn(
                &format!(
                    "From: Mail Delivery Subsystem <mailer-daemon@googlemail.example>\nX-Failed-Recipients: {REAL}\nAuto-Submitted: auto-replied\nSubject: Delivery Status Notification (Failure)"
                ),
                &format!("** Address not found **\n\nYour message wasn't delivered to {REAL}"),
                &format!(
                    "Reporting-MTA: dns; googlemail.example\nArrival-Date: Mon, 16 Nov 2026 02:00:00 -0800 (PST)\n\nFinal-Recipient: rfc822; {REAL}\nAction: failed\nStatus: 5.1.1\nRemote-MTA: dns; mx.rumah.example. (192.0.2.7, the server for the domain.)\nDiagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist.\n 550 5.1.1 https://support.example gsmtp"
                ),
            ),
            Is::Failed,
        ),
        (
            "Gmail, late: it names the recipient as failed all the same",
            dsn(
                &format!(
                    "From: Mail Delivery Subsystem <mailer-daemon@googlemail.example>\nX-Failed-Recipients: {REAL}\nSubject: Delivery Status Notification (Delay)"
                ),
                "** Delivery incomplete **\n\nGmail will retry for 46 more hours.",
                &format!(
                    "Reporting-MTA: dns; googlemail.example\n\nFinal-Recipient: rfc822; {REAL}\nAction: delayed\nStatus: 4.4.1\nWill-Retry-Until: Wed, 18 Nov 2026 02:00:00 -0800 (PST)"
                ),
            ),
            Is::Delayed,
        ),
        (
            "Exchange Online, in Polish",
            dsn(
                "From: postmaster@sklep.example\nSubject: =?utf-8?B?TmllZG9zdGFyY3phbG5lOiBXaXRhag==?=\nAuto-Submitted: auto-replied\nX-MS-Exchange-Message-Is-Ndr:",
                "Nie można odnaleźć adresata.",
                &format!(
                    "Reporting-MTA: dns;AM9PR07.prod.outlook.example\nReceived-From-MTA: dns;mx.relay.example\n\nFinal-Recipient: rfc822;{REAL}\nAction: failed\nStatus: 5.1.10\nDiagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound"
                ),
            ),
            Is::Failed,
        ),
        (
            "Yahoo, its status in the second part and folded",
            dsn(
                "From: MAILER-DAEMON@yahoo.example\nSubject: Failure Notice",
                "Sorry, we were unable to deliver your message to the following address.",
                &format!(
                    "Reporting-MTA: dns;\n yahoo.example\n\nFinal-Recipient: RFC822;\n {REAL}\nAction:\n failed\nStatus:\n 5.0.0 (permanent\n failure)"
                ),
            ),
            Is::Failed,
        ),
        (
            "an internationalised one (RFC 6533)",
            typed(
                "message/global-delivery-status",
                "From: MAILER-DAEMON@mx.rumah.example\nSubject: =?utf-8?Q?Nicht_zugestellt?=",
                "Die Nachricht konnte nicht zugestellt werden.",
                "Reporting-MTA: dns; mx.rumah.example\n\nFinal-Recipient: utf-8; zażółć@rumah.example\nAction: failed\nStatus: 5.1.1",
            ),
            Is::Failed,
        ),
        (
            "a success that nobody asked for",
            dsn(
                "From: MAILER-DAEMON@mx.rumah.example\nSubject: Successful Mail Delivery Report",
                "Your message was successfully delivered.",
                &format!(
                    "Reporting-MTA: dns; mx.rumah.example\n\nFinal-Recipient: rfc822; {REAL}\nAction: relayed\nStatus: 2.0.0"
                ),
            ),
            Is::Idle,
        ),
        (
            "two mailboxes behind one, of which one is gone",
            dsn(
                "From: MAILER-DAEMON@mx.rumah.example\nSubject: Undelivered",
                "x",
                &format!(
                    "Reporting-MTA: dns; mx.rumah.example\n\nFinal-Recipient: rfc822; a@rumah.example\nAction: delivered\nStatus: 2.1.5\n\nFinal-Recipient: rfc822; {REAL}\nAction: failed\nStatus: 5.2.1"
                ),
            ),
            Is::Failed,
        ),
    ]
}

fn odd_reports() -> Vec<(&'static str, String, Is)> {
    let status = format!(
        "Reporting-MTA: dns; mx.rumah.example\n\nFinal-Recipient: rfc822; {REAL}\nAction: failed\nStatus: 5.2.2"
    );
    let base64 = data_encoding::BASE64.encode(status.as_bytes());
    vec![
        ("an action that was forgotten", dsn("From: a@b.example\nSubject: x", "x", "Final-Recipient: rfc822; x@rumah.example\nStatus: 5.7.1"), Is::Failed),
        ("an action that was forgotten, and patience", dsn("From: a@b.example\nSubject: x", "x", "Final-Recipient: rfc822; x@rumah.example\nStatus: 4.2.2"), Is::Delayed),
        ("one without an empty line between the groups", dsn("From: a@b.example\nSubject: x", "x", &status.replace("\n\n", "\n")), Is::Failed),
        ("upper case", dsn("From: a@b.example\nSubject: x", "x", "FINAL-RECIPIENT: RFC822; X@RUMAH.EXAMPLE\nACTION: FAILED\nSTATUS: 5.1.1"), Is::Failed),
        (
            "a report within a list's footer",
            format!("From: mailer-daemon@x.example\nContent-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/report; boundary=i\n\n--i\n\nSorry\n--i\nContent-Type: Message/Delivery-Status\n\n{status}\n--i--\n--o\n\nfooter\n--o--\n"),
            Is::Failed,
        ),
        (
            "a status in base64, with a charset that nobody knows, first of all parts",
            format!("From: x@x.example\nContent-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: message/delivery-status; charset=x-none\nContent-Transfer-Encoding: base64\n\n{base64}\n--o\n\nwords\n--o--\n"),
            Is::Failed,
        ),
        ("a status alone", format!("From: x@x.example\nContent-Type: message/delivery-status\n\n{status}\n"), Is::Failed),
        (
            "a status cut off in the middle",
            "From: mailer-daemon@x.example\nContent-Type: multipart/report; boundary=o\n\n--o\n\nSorry\n--o\nContent-Type: message/delivery-status\n\nFinal-Recipient: rfc822; x@rumah.example\nAction: fai".to_owned(),
            Is::Idle,
        ),
        (
            "no status at all, but words",
            "From: mailer-daemon@x.example\nContent-Type: multipart/report; report-type=delivery-status; boundary=o\n\n--o\n\nI was unable to deliver your message to <x@rumah.example>: 550 5.1.1 No such user\n--o--\n".to_owned(),
            Is::Failed,
        ),
        (
            "a read receipt",
            "From: ratna@rumah.example\nSubject: Read: Hello\nContent-Type: multipart/report; report-type=disposition-notification; boundary=o\n\n--o\n\nYour message was read.\n--o\nContent-Type: message/disposition-notification\n\nFinal-Recipient: rfc822;ratna@rumah.example\nDisposition: manual-action/MDN-sent-manually; displayed\n--o--\n".to_owned(),
            Is::Automatic,
        ),
    ]
}

fn reports_in_words() -> Vec<(&'static str, String, Is)> {
    vec![
        (
            "qmail",
            plain(
                "From: MAILER-DAEMON@mx.rumah.example\nSubject: failure notice",
                &format!(
                    "Hi. This is the qmail-send program at mx.rumah.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n<{REAL}>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n--- Below this line is a copy of the message.\n\nYou do not need to resend"
                ),
            ),
            Is::Failed,
        ),
        (
            "qmail late",
            plain(
                "From: MAILER-DAEMON@mx.rumah.example\nSubject: failure notice",
                &format!(
                    "Hi. This is the qmail-send program.\n\n<{REAL}>:\nI'm not going to try again; this message has been in the queue too long."
                ),
            ),
            Is::Failed,
        ),
        (
            "Exim",
            plain(
                &format!(
                    "From: Mail Delivery System <Mailer-Daemon@mx.rumah.example>\nX-Failed-Recipients: {REAL}\nAuto-Submitted: auto-replied\nSubject: Mail delivery failed: returning message to sender"
                ),
                &format!(
                    "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  {REAL}\n    Unrouteable address\n\n------ This is a copy of the message, including all the headers. ------"
                ),
            ),
            Is::Failed,
        ),
        (
            "Exim, late",
            plain(
                "From: Mail Delivery System <Mailer-Daemon@mx.rumah.example>\nAuto-Submitted: auto-replied\nSubject: Warning: message 1kA delayed 24 hours",
                "A message that you sent has not yet been delivered to one or more of its\nrecipients after more than 24 hours on the queue.\n\nNo action is required on your part. Delivery attempts will continue for\nsome time, and you will be told if the message could not be delivered.",
            ),
            Is::Delayed,
        ),
        (
            "a provider in German",
            plain(
                "From: Mailer-Daemon@post.example\nAuto-Submitted: auto-replied\nSubject: Unzustellbar",
                "Ihre Nachricht konnte nicht zugestellt werden. Das Postfach ist voll.",
            ),
            Is::Failed,
        ),
        (
            "a provider in Indonesian",
            plain(
                "From: postmaster@surat.example\nAuto-Submitted: auto-generated\nSubject: Surel gagal terkirim",
                "Pesan Anda tidak dapat dikirim.",
            ),
            Is::Failed,
        ),
        (
            "a provider in Chinese",
            plain(
                "From: PostMaster@qq.example\nAuto-Submitted: auto-replied\nSubject: =?utf-8?B?57O757uf6YCA5L+hL1N5c3RlbXMgYm91bmNl?=",
                "x",
            ),
            Is::Failed,
        ),
        (
            "a provider in Russian",
            plain(
                "From: mailer-daemon@pochta.example\nAuto-Submitted: auto-replied\nSubject: =?utf-8?B?0J3QtdC00L7RgdGC0LDQstC70LXQvdC90L7QtQ==?=",
                "Ваше письмо не может быть доставлено.",
            ),
            Is::Failed,
        ),
        (
            "a daemon without a host",
            plain(
                "From: MAILER-DAEMON (Mail Delivery Subsystem)\nAuto-Submitted: auto-generated (failure)\nSubject: Returned mail: see transcript for details",
                "   ----- The following addresses had permanent fatal errors -----\n550 5.1.1 User unknown",
            ),
            Is::Failed,
        ),
        (
            "a daemon that only greets",
            plain(
                "From: MAILER-DAEMON@mx.rumah.example\nAuto-Submitted: auto-generated\nSubject: Quota warning",
                "Your mailbox is nearly full.",
            ),
            Is::Automatic,
        ),
        (
            "a person who quotes a failure",
            plain(
                "From: ratna@rumah.example\nSubject: Undelivered Mail Returned to Sender",
                "My mail to the courier could not be delivered, see 5.1.1 below.",
            ),
            Is::Person,
        ),
    ]
}

fn complaint(head: &str, fields: &str) -> String {
    format!(
        "{head}\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; boundary=\"f\"\n\n\
         --f\nContent-Type: text/plain; charset=\"US-ASCII\"\n\nThis is an email abuse report for an email message received from 192.0.2.1.\n\n\
         --f\nContent-Type: message/feedback-report\n\n{fields}\n\n--f\nContent-Type: message/rfc822\n\nFrom: h@relay.example\nTo: {REAL}\n\nHello\n--f--\n"
    )
}

fn complaints() -> Vec<(&'static str, String, Is)> {
    let head = "From: <feedback@arf.rumah.example>\nSubject: FW: Hello";
    vec![
        ("abuse", complaint(head, &format!("Feedback-Type: abuse\nUser-Agent: SomeGenerator/1.0\nVersion: 1\nOriginal-Mail-From: <someone@relay.example>\nOriginal-Rcpt-To: <{REAL}>\nRemoval-Recipient: {REAL}")), Is::Complaint("abuse")),
        ("no spam after all", complaint(head, "Feedback-Type: not-spam\nVersion: 1"), Is::Complaint("not-spam")),
        ("a kind that nobody registered", complaint(head, &format!("Feedback-Type: {REAL}\nVersion: 1")), Is::Complaint("other")),
        ("a failed check of DMARC (RFC 6591)", complaint(head, "Feedback-Type: auth-failure\nVersion: 1\nAuth-Failure: dmarc"), Is::Complaint("auth-failure")),
        (
            "a complaint that carries a report of failure",
            complaint(head, "Feedback-Type: abuse\nVersion: 1").replace("--f--", &format!("--f\nContent-Type: message/delivery-status\n\nFinal-Recipient: rfc822;{REAL}\nAction: failed\nStatus: 5.7.1\n--f--")),
            Is::Complaint("abuse"),
        ),
    ]
}

fn answers() -> Vec<(&'static str, String, Is)> {
    let from = "From: Ratna <ratna@rumah.example>";
    let away = "I am away until Monday. Call 0812 3456 7890.";
    let mut shapes: Vec<(&'static str, String, Is)> = [
        "Auto-Submitted: auto-replied (vacation)\nSubject: Re: Hello",
        "Auto-Submitted: auto-replied; owner-email=\"ratna@rumah.example\"\nSubject: Re: Hello",
        "Auto-Submitted: auto-generated\nSubject: Ticket 4711 opened",
        "Precedence: auto_reply\nSubject: Re: Hello",
        "Precedence: junk\nSubject: Hello",
        "X-Auto-Response-Suppress: All\nSubject: =?utf-8?Q?Automatische_Antwort=3A_Hallo?=",
        "X-Autoreply: yes\nSubject: Hello",
        "X-POST-MessageClass: 9; Autoresponder\nSubject: Hello",
        "Return-Path: <>\nSubject: Hello",
        "Subject: Automatic reply: Batik scarf",
        "Subject: =?utf-8?Q?R=C3=A9ponse_automatique=C2=A0=3A_Foulard?=",
        "Subject: =?utf-8?Q?Odpowied=C5=BA_automatyczna=3A_Szalik?=",
        "Subject: Balasan otomatis: Syal batik",
        "Subject: =?utf-8?B?6Ieq5Yqo5Zue5aSN77ya5L2g5aW9?=",
        "Subject: Out of Office",
    ]
    .into_iter()
    .map(|fields| (fields, plain(&format!("{from}\n{fields}"), away), Is::Automatic))
    .collect();
    for fields in [
        "Auto-Submitted: no\nSubject: Hello",
        "Subject: Re: Automatic reply: Batik scarf",
        "Subject: Out of office on Friday, can it come later?",
        "Subject: Automatic watch arrived broken",
        "Precedence: first-class\nSubject: Hello",
    ] {
        shapes.push((fields, plain(&format!("{from}\n{fields}"), "Thank you."), Is::Person));
    }
    shapes
}

#[test]
fn a_complaint_names_our_envelope_sender_and_nothing_else() {
    let own = "b-01hz0000000000000000000000-abcdefghjkmnpqrstvwxyz0123";
    for (from, wanted) in [
        (format!("<{own}@relay.example>"), Some(own.to_owned())),
        (format!("{own}@relay.example"), Some(own.to_owned())),
        ("<ratna@rumah.example>".to_owned(), None),
        ("<b-ratna.kusuma@rumah.example>".to_owned(), None),
        (format!("<b-{}@relay.example>", "x".repeat(200)), None),
        ("<>".to_owned(), None),
    ] {
        let mail = complaint("From: f@x.example", &format!("Feedback-Type: abuse\nOriginal-Mail-From: {from}"));
        let Some(Report::Complaint(complaint)) = read(&mail).report else { panic!("{from}") };
        assert_eq!(complaint.about, wanted, "{from}");
    }
}

#[test]
fn a_status_is_told_without_its_words() {
    let status = |mail: &str| match read(mail).report {
        Some(Report::Delivery(report)) => report.status,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        status(&dsn("From: a@b.example", "x", "Action: failed\nStatus: 5.2.2 (mailbox of ratna full)")),
        Some("5.2.2".to_owned())
    );
    assert_eq!(status(&dsn("From: a@b.example", "x", "Action: failed\nStatus: ratna@rumah.example")), None);
    assert_eq!(
        status(&plain("From: mailer-daemon@x.example\nSubject: failure notice", "550-5.1.1 no")),
        Some("5.1.1".to_owned())
    );
}

#[test]
fn a_hostile_report_costs_little() {
    let fields = "Action: failed\n\n".repeat(100_000);
    assert_eq!(is(&read(&dsn("From: a@b.example", "x", &fields))), Is::Failed);
    let folds = format!("Action: failed\n{}", " x\n".repeat(200_000));
    assert_eq!(is(&read(&dsn("From: a@b.example", "x", &folds))), Is::Failed);
    let words = "undeliverable ".repeat(100_000);
    assert_eq!(is(&read(&plain("From: mailer-daemon@x.example", &words))), Is::Failed);
}
