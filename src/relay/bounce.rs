//! What comes back to an envelope sender of ours.

use super::Relay;
use crate::{
    media::mail::{Complaint, Report},
    model::{EventId, Fault},
};

impl Relay {
    /// Whether the local part is an envelope sender that we made lately: checked in constant time.
    pub fn is_bounce_address(&self, local: &str) -> bool {
        self.named(local).is_some()
    }

    /// A mail to an envelope sender. A report of failure fails that one delivery and tells its
    /// sender, once; it says nothing about any other delivery, to the same mailbox or elsewhere.
    /// Delays, complaints and automatic answers are counted and go no further, since their text
    /// would carry the recipient's real address. `false`: not an address of ours.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn bounce(&self, local: &str, report: Option<Report>, automatic: bool) -> Result<bool, Fault> {
        let Some(id) = self.named(local) else { return Ok(false) };
        if report.is_none() && !automatic {
            // A person who writes here would lose the words: better told at once.
            return Ok(false);
        }
        let kind = match &report {
            Some(Report::Delivery(report)) if report.failed => "failed",
            Some(Report::Delivery(report)) if report.delayed => "delayed",
            Some(Report::Complaint(complaint)) => {
                count_complaint(complaint, Some(id));
                "complaint"
            }
            Some(Report::Delivery(_)) | None => "other",
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

    /// A complaint that came by another way, such as a feedback loop to the postmaster: counted,
    /// with the delivery that it names, if that is one of ours.
    pub fn complained(&self, complaint: &Complaint) {
        count_complaint(complaint, complaint.about.as_deref().and_then(|local| self.named(local)));
    }

    fn named(&self, local: &str) -> Option<EventId> {
        self.vault.verp().delivery(local, self.clock.now())
    }
}

/// Nobody is told who complains: a seller who knew would know too much of the buyer's mailbox.
/// Whoever runs the house finds by the delivery what it was about.
fn count_complaint(complaint: &Complaint, about: Option<EventId>) {
    metrics::counter!("tabir_complaints_total", "kind" => complaint.kind).increment(1);
    match about {
        Some(delivery) => tracing::info!(kind = complaint.kind, %delivery, "a recipient complains"),
        None => tracing::info!(kind = complaint.kind, "a recipient complains of what is not known here"),
    }
}
