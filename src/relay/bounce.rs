//! What comes back to an envelope sender of ours.

use super::{Relay, Route};
use crate::{
    media::mail::{Complaint, Report},
    model::{EventId, Fault, HandleHash, HandleState},
    store::Cargo,
};

impl Relay {
    /// Whether the local part is an envelope sender that we made lately: checked in constant time.
    pub fn is_bounce_address(&self, local: &str) -> bool {
        self.named(local).is_some()
    }

    /// A mail to an envelope sender. A report of failure fails that one delivery and tells its
    /// sender, once; it says nothing about any other delivery, to the same mailbox or elsewhere.
    /// Delays, complaints and what else programs say are counted and go no further. `false`: not
    /// an address of ours.
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
        if kind == "failed" {
            match self.store.delivery(id).await? {
                Some((scope, _)) => {
                    self.store.bounced(&scope, id, self.clock.now()).await?;
                    self.bell.notify_one();
                }
                // A letter of support: what proved that it arrived is void.
                None => drop(self.store.letter_bounced(id, self.clock.now()).await?),
            }
        }
        Ok(true)
    }

    /// Where an absence note goes that came to an envelope sender, as RFC 3834 §4 wants it: back to
    /// whoever wrote what was delivered, if its own sender is proven. `None`: it is about a notice
    /// of ours, which nobody wrote.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn way_back(&self, local: &str) -> Result<Option<Route>, Fault> {
        let Some(id) = self.named(local) else { return Ok(None) };
        let found = self.store.delivery(id).await?.filter(|(_, row)| row.cargo == Cargo::Message);
        Ok(found.map(|(scope, row)| Route {
            scope,
            conversation: row.conversation,
            to: row.to.other(),
            state: HandleState::Active,
            // No handle: nothing was guessed, so nothing is recorded of whoever is a stranger here.
            hash: HandleHash([0; 16]),
            registration: false,
        }))
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
