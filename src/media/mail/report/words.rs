//! Hosts that report in words alone: qmail and its heirs, Exim, old Exchange, some providers.
//!
//! Read only where the message says that a mail system wrote it, and believed only for what came
//! to an envelope sender of ours, which names one delivery and which nobody can invent: the worst
//! that a wrong word does is to tell an author of one delivery that did arrive.

use super::{DeliveryReport, Fields, enhanced_code};

/// What the words say; `None`: they are no report. `announced`: its type says that it is one.
pub(super) fn read(fields: &Fields<'_>, text: Option<&str>, announced: bool) -> Option<DeliveryReport> {
    let named = fields.has("X-Failed-Recipients");
    if !announced && !named && !is_by_a_mail_system(fields) {
        return None;
    }
    let said = said(fields, text);
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let status = code(&said);
    // "Delayed … we will keep trying, and tell you when it could not be delivered": patience first.
    let delayed = says(&PATIENT);
    let gone = named || says(&GONE) || status.as_deref().is_some_and(|status| status.starts_with('5'));
    let failed = gone && !delayed;
    (failed || delayed).then_some(DeliveryReport { failed, delayed, status })
}

/// The local parts that mail systems write under.
fn is_by_a_mail_system(fields: &Fields<'_>) -> bool {
    fields.addresses("From").iter().any(|address| {
        let local = address.split('@').next().unwrap_or_default().to_ascii_lowercase();
        SYSTEMS.contains(&local.as_str())
    }) || fields.first("From").is_some_and(is_bare_daemon)
}

/// `From: MAILER-DAEMON (Mail Delivery Subsystem)`, without any host.
fn is_bare_daemon(from: &[u8]) -> bool {
    let from = from.trim_ascii_start();
    from.get(..13).is_some_and(|name| name.eq_ignore_ascii_case(b"mailer-daemon"))
}

/// Subject and the beginning of the text, in lower case, white space as one space. What stands
/// far down is the message that came back.
fn said(fields: &Fields<'_>, text: Option<&str>) -> String {
    let subject = fields.text("Subject").unwrap_or_default();
    let begins = text.unwrap_or_default().chars().take(BEGINS);
    let all: String = subject.chars().chain(std::iter::once(' ')).chain(begins).collect();
    let own = COPIES.iter().filter_map(|mark| all.find(mark)).min().map_or(&all[..], |at| &all[..at]);
    own.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ").replace('\u{2019}', "'")
}

/// The first enhanced status code among the words.
fn code(said: &str) -> Option<String> {
    said.split([' ', '(', ')', '#', '[', ']', '<', '>', ',', ':', ';', '-'])
        .find_map(enhanced_code)
        .filter(|code| !code.starts_with('2'))
}

const SYSTEMS: [&str; 9] = [
    "mailer-daemon",
    "mail-daemon",
    "mailerdaemon",
    "mdaemon",
    "postmaster",
    "maildelivery",
    "mail.delivery.system",
    "bounce-handler",
    "mailsystem",
];

/// It goes on trying.
const PATIENT: [&str; 19] = [
    "will keep trying",
    "will continue to try",
    "will be retried",
    "will retry",
    "keep trying to deliver",
    "do not need to resend",
    "warning message only",
    "has been delayed",
    "has not yet been delivered",
    "delivery is delayed",
    "delivery status notification (delay)",
    "weiterhin versuch",
    "noch nicht zugestellt",
    "verzögert",
    "próby doręczenia będą",
    "opóźnion",
    "masih dicoba",
    "a été retardé",
    "se seguirá intentando",
];

/// It was given up.
const GONE: [&str; 45] = [
    "could not be delivered",
    "couldn't be delivered",
    "can not be delivered",
    "cannot be delivered",
    "can't be delivered",
    "was not delivered",
    "wasn't delivered",
    "unable to deliver",
    "wasn't able to deliver",
    "not able to deliver",
    "delivery failed",
    "delivery has failed",
    "delivery failure",
    "failure notice",
    "failed permanently",
    "permanent error",
    "permanent fatal error",
    "undeliverable",
    "undelivered mail",
    "returned mail",
    "returned to sender",
    "returning message to sender",
    "i've given up",
    "did not reach",
    "user unknown",
    "unknown user",
    "no such user",
    "does not exist",
    "mailbox unavailable",
    "unzustellbar",
    "nicht zugestellt werden",
    "zustellung fehlgeschlagen",
    "nie została doręczona",
    "nie mogła zostać dostarczona",
    "niedostarcz",
    "tidak dapat dikirim",
    "tidak terkirim",
    "gagal terkirim",
    "n'a pas pu être remis",
    "n'a pas pu être distribué",
    "no se pudo entregar",
    "не доставлено",
    "не может быть доставлено",
    "退信",
    "配信できませんでした",
];

/// What hosts write between their own words and the message that came back.
const COPIES: [&str; 6] = [
    "--- Below this line is a copy of the message",
    "------ This is a copy of the message",
    "--- Original message follows",
    "--- The header of the original message",
    "----- Original message -----",
    "---------- Message truncated ----------",
];

/// What a person would read before giving up.
const BEGINS: usize = 4_000;
