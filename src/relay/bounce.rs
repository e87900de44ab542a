//! What comes back to an envelope sender of ours.

use super::Relay;
use crate::{media::mail::DeliveryReport, model::Fault};

impl Relay {
    /// Whether the local part is an envelope sender that we made: checked in constant time.
    pub fn is_bounce_address(&self, local: &str) -> bool {
        self.vault.verp().delivery(local).is_some()
    }

    /// A mail to an envelope sender. A report of failure fails that one delivery and tells its
    /// sender; delays and automatic answers are counted and go
    /// no further, since its text would carry the recipient's real address. `false`: not an
    /// address of ours.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn bounce(&self, local: &str, report: Option<DeliveryReport>, automatic: bool) -> Result<bool, Fault> {
        let Some(id) = self.vault.verp().delivery(local) else { return Ok(false) };
        if report.is_none() && !automatic {
            // A person who writes here would lose the words: better told at once.
            return Ok(false);
        }
        let kind = match &report {
            Some(report) if report.failed => "failed",
            Some(_) => "delayed",
            None => "other",
        };
        metrics::counter!("tabir_bounces_total", "kind" => kind).increment(1);
        if kind == "failed"
            && let Some((scope, _)) = self.store.delivery(id).await?
        {
            self.store.bounced(&scope, id, self.clock.now()).await?;
            self.bell.notify_one();
        }
        Ok(true)
    }
}
