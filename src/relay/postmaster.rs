//! Mail for whoever runs the house (RFC 5321 §4.5.1).
//!
//! It is nobody's conversation: it is handed over while its sender waits, and its sender keeps it
//! until then, so that no queue of ours has to answer for it.

use bytes::Bytes;

use super::{Handover, Mail, Relay};
use crate::{
    media::{html::Document, mail},
    model::{Content, Fault, Handle, Secret},
};

impl Relay {
    /// Hands on what was written to the postmaster of `hostname`: its words, rebuilt, and who
    /// wrote them. `false`: not now.
    ///
    /// # Errors
    /// By a fault.
    pub async fn to_postmaster(
        &self,
        address: &str,
        hostname: &str,
        sender: Option<&str>,
        content: &Content,
    ) -> Result<bool, Fault> {
        let id = format!("{}@{hostname}", Handle::draw(self.vault.luck())?);
        let mut seed = [0; 16];
        self.vault.luck().fill(&mut seed)?;
        let built = mail::build(
            &mail::Outgoing {
                from_name: "postmaster",
                from: &format!("postmaster@{hostname}"),
                id: &id,
                in_reply_to: &[],
                references: &[],
                date: self.clock.now(),
                subject: content.subject.as_deref().unwrap_or_default(),
                text: &format!("MAIL FROM:<{}>\n\n{}", sender.unwrap_or_default(), words(content)),
                html: None,
                attachments: &[],
                automatic: content.automatic,
            },
            &seed,
        );
        // The null sender: nothing may come back for it.
        let mail = Mail {
            from: String::new(),
            to: Secret::new(address.to_owned()),
            bytes: Bytes::from(mail::address(address, &built)),
        };
        let handed = self.transport.deliver(&mail, Box::pin(async { true })).await;
        Ok(handed == Handover::Delivered)
    }
}

fn words(content: &Content) -> String {
    let page = || content.html.as_deref().and_then(|html| Document::parse(html).ok()).map(|page| page.to_text());
    content.text.clone().or_else(page).unwrap_or_default()
}
