//! Mail for whoever runs the house (RFC 5321 §4.5.1).
//!
//! It is nobody's conversation: it is handed over while its sender waits, and its sender keeps it
//! until then, so that no queue of ours has to answer for it.

use super::{Handover, Mail, Relay};
use crate::{
    media::html::Document,
    model::{Content, Fault, Secret},
};

impl Relay {
    /// Hands on what was written to the postmaster of `hostname`: its words, rebuilt, and who
    /// wrote them. A few at a time: it takes the road of the deliveries, and must not fill it.
    ///
    /// # Errors
    /// By a fault.
    pub async fn to_postmaster(
        &self,
        address: &str,
        hostname: &str,
        sender: Option<&str>,
        content: &Content,
    ) -> Result<Handover, Fault> {
        let Ok(_turn) = self.postmaster.try_acquire() else {
            return Ok(Handover::NotNow { code: "busy".to_owned() });
        };
        let text = format!("MAIL FROM:<{}>\n\n{}", sender.unwrap_or_default(), words(content));
        let subject = content.subject.as_deref().unwrap_or_default();
        let built = self.letter(("postmaster", "postmaster", hostname), subject, &text, content.automatic)?;
        // The null sender: nothing may come back for it.
        let mail = Mail {
            from: String::new(),
            to: Secret::new(address.to_owned()),
            bytes: self.stamp(address, hostname, &built)?,
        };
        Ok(self.transport.deliver(&mail, Box::pin(async { true })).await)
    }
}

/// What a person reads of a mail.
pub(super) fn words(content: &Content) -> String {
    let page = || content.html.as_deref().and_then(|html| Document::parse(html).ok()).map(|page| page.to_text());
    content.text.clone().or_else(page).unwrap_or_default()
}
