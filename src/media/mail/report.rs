//! What a program reports about a message: that it did not arrive (RFC 3464, RFC 6533), or that
//! its recipient called it unwanted (RFC 5965). No address of a report is kept.

mod words;

use super::{fields::Fields, parts::Part};

/// A report about another message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// What became of its delivery.
    Delivery(DeliveryReport),
    /// Its recipient, or the recipient's host, complains.
    Complaint(Complaint),
}

/// What a delivery report says, without any address in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryReport {
    /// A recipient's delivery was given up. Whoever reports this may name a status of class 4: it
    /// tried until its own time was over (RFC 3464 §2.3.3).
    pub failed: bool,
    /// A recipient's delivery is late and goes on.
    pub delayed: bool,
    /// The enhanced status code (RFC 3463) of the first recipient, such as `5.1.1`.
    pub status: Option<String>,
}

/// What a feedback report says, without any address in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// A registered feedback type (RFC 5965 §7.3, RFC 6591), or `other`.
    pub kind: &'static str,
    /// The local part of the envelope sender that it is about, where that can be one of ours.
    pub about: Option<String>,
}

/// What was found on the walk through a message's parts.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// It says by its type to be a report.
    typed: bool,
    /// It says by its type to be a report about a delivery.
    announced: bool,
    delivery: Option<DeliveryReport>,
    complaint: Option<Complaint>,
}

impl Found {
    /// A `multipart/report` that is meant to be of this type.
    pub(super) fn announce(&mut self, report_type: Option<&str>) {
        self.typed = true;
        let about_delivery = |kind: &str| kind.eq_ignore_ascii_case("delivery-status");
        self.announced |= report_type.is_none_or(about_delivery);
    }

    /// Whether the part is one that only programs read, and was read.
    pub(super) fn take(&mut self, part: &Part<'_>) -> bool {
        match part.media_type.as_str() {
            "message/delivery-status" | "message/global-delivery-status" => {
                let read = DeliveryReport::read(&status_text(part));
                self.delivery.get_or_insert_default().join(read);
                true
            }
            "message/feedback-report" => {
                self.complaint.get_or_insert_with(|| Complaint::read(&status_text(part)));
                true
            }
            "message/disposition-notification"
            | "message/global-disposition-notification"
            | "message/tracking-status" => {
                self.typed = true;
                false
            }
            _ => false,
        }
    }

    /// Whether the message is a report at all.
    pub(super) fn is_report(&self) -> bool {
        self.typed || self.delivery.is_some() || self.complaint.is_some()
    }

    /// The report. Where nothing but a host's own words say what happened, they are read; a
    /// complaint counts before all: it carries the message that arrived.
    pub(super) fn report(self, fields: &Fields<'_>, text: Option<&str>) -> Option<Report> {
        if let Some(complaint) = self.complaint {
            return Some(Report::Complaint(complaint));
        }
        let told = self.delivery.filter(DeliveryReport::says_something);
        let announced = self.announced.then(DeliveryReport::default);
        told.or_else(|| words::read(fields, text, self.announced)).or(announced).map(Report::Delivery)
    }
}

impl DeliveryReport {
    /// Reads the fields of a `message/delivery-status` part: those of the message, an empty line,
    /// then those of each recipient.
    fn read(text: &str) -> Self {
        let mut report = Self::default();
        for group in groups(text) {
            let status = value(&group, "status").and_then(|value| enhanced_code(&value));
            match value(&group, "action").as_deref().map(first_word) {
                Some("failed") => report.failed = true,
                Some("delayed") => report.delayed = true,
                // The host forgot the action: the class of its status says it.
                None | Some("") => match status.as_deref().and_then(|status| status.chars().next()) {
                    Some('5') => report.failed = true,
                    Some('4') => report.delayed = true,
                    _ => {}
                },
                // `delivered`, `relayed`, `expanded`: good news, which nobody waits for.
                Some(_) => {}
            }
            report.status = report.status.or(status);
        }
        report
    }

    fn join(&mut self, other: Self) {
        self.failed |= other.failed;
        self.delayed |= other.delayed;
        self.status = self.status.take().or(other.status);
    }

    fn says_something(&self) -> bool {
        self.failed || self.delayed || self.status.is_some()
    }
}

impl Complaint {
    /// Reads a `message/feedback-report` part.
    fn read(text: &str) -> Self {
        let fields: Vec<(String, String)> = groups(text).into_iter().flatten().collect();
        let told = value(&fields, "feedback-type").unwrap_or_default();
        let kind = KINDS.into_iter().find(|kind| *kind == first_word(&told)).unwrap_or("other");
        Self { kind, about: value(&fields, "original-mail-from").and_then(|path| own_local_part(&path)) }
    }
}

/// The local part of `<b-…@relay.example>`: nothing that is no envelope sender of ours is kept.
fn own_local_part(path: &str) -> Option<String> {
    let local = path.trim().trim_start_matches('<').split('@').next()?;
    let ours = local.starts_with("b-") && local.len() <= 64;
    (ours && local.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')).then(|| local.to_owned())
}

/// The bytes of such a part, read however they are written: a host that names a wrong charset or
/// breaks its base64 is to be understood where it can be.
fn status_text(part: &Part<'_>) -> String {
    let bytes = part.bytes().unwrap_or_default();
    String::from_utf8_lossy(&bytes[..bytes.len().min(MOST)]).into_owned()
}

/// Groups of fields between empty lines: names and values in lower case, folds undone.
fn groups(text: &str) -> Vec<Vec<(String, String)>> {
    let mut groups: Vec<Vec<(String, String)>> = vec![Vec::new()];
    for line in text.lines() {
        let line = line.trim_end();
        let Some(group) = groups.last_mut() else { break };
        match line.split_once(':') {
            _ if line.is_empty() => groups.push(Vec::new()),
            _ if line.starts_with([' ', '\t']) => {
                if let Some((_, value)) = group.last_mut() {
                    value.push(' ');
                    value.push_str(&line.trim_start().to_ascii_lowercase());
                }
            }
            Some((name, value)) => {
                group.push((name.trim().to_ascii_lowercase(), value.trim().to_ascii_lowercase()));
            }
            None => {}
        }
    }
    groups
}

fn value(group: &[(String, String)], name: &str) -> Option<String> {
    group.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
}

fn first_word(text: &str) -> &str {
    text.trim().split([' ', '\t', ';', '(']).next().unwrap_or_default()
}

/// `5.1.1 (no such user real@mail.example)` is `5.1.1`.
fn enhanced_code(value: &str) -> Option<String> {
    let code = first_word(value).trim_end_matches('.');
    let mut numbers = code.split('.');
    let class = matches!(numbers.next(), Some("2" | "4" | "5"));
    let mut detail =
        || numbers.next().is_some_and(|n| (1..=3).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()));
    let good = class && detail() && detail();
    (good && numbers.next().is_none()).then(|| code.to_owned())
}

/// The registered feedback types.
const KINDS: [&str; 8] = ["abuse", "auth-failure", "fraud", "miscategorized", "not-spam", "opt-out", "other", "virus"];

/// What a program writes about one recipient is a few lines.
const MOST: usize = 65_536;

#[cfg(test)]
mod tests;
