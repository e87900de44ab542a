use super::parts::Part;
use crate::media::Unreadable;

/// What a delivery report says, without any address in it (RFC 3464).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryReport {
    /// A recipient's delivery was given up.
    pub failed: bool,
    /// A recipient's delivery is late and goes on.
    pub delayed: bool,
    /// The enhanced status code (RFC 3463) of the first recipient, such as `5.1.1`.
    pub status: Option<String>,
}

impl DeliveryReport {
    /// Reads a `message/delivery-status` part.
    pub(super) fn read(part: &Part<'_>, max: usize) -> Result<Self, Unreadable> {
        let mut report = Self::default();
        for line in part.text(max)?.lines() {
            let Some((name, value)) = line.split_once(':') else { continue };
            match name.trim().to_ascii_lowercase().as_str() {
                "action" => match value.trim().to_ascii_lowercase().as_str() {
                    "failed" => report.failed = true,
                    "delayed" => report.delayed = true,
                    _ => {}
                },
                "status" if report.status.is_none() => report.status = enhanced_code(value),
                _ => {}
            }
        }
        Ok(report)
    }
}

/// `5.1.1 (no such user real@mail.example)` is `5.1.1`.
fn enhanced_code(value: &str) -> Option<String> {
    let code = value.trim().split([' ', '\t', '(', ';']).next()?;
    let mut numbers = code.split('.');
    let class = matches!(numbers.next(), Some("2" | "4" | "5"));
    let mut detail =
        || numbers.next().is_some_and(|n| (1..=3).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()));
    let good = class && detail() && detail();
    (good && numbers.next().is_none()).then(|| code.to_owned())
}
