//! admit: the cheap, early, pure decision of the contact policy, before HTML and pictures are
//! opened. The binding decision is made again by `record`, on the pair's exact state.

use std::sync::Arc;

use super::{
    Relay,
    outcome::Stop,
    stage::{Admitted, AdmittedMessage, Resolved, ResolvedMessage},
};
use crate::{
    media::attachment,
    model::{Decision, Message, Reason, Verdict},
    policy::contact,
};

impl Relay {
    pub(super) async fn admit(&self, resolved: ResolvedMessage) -> Result<AdmittedMessage, Stop> {
        let (mut content, Resolved { talk }) = resolved.into_parts();
        let decision = contact::judge(&talk.pair, talk.from, &talk.rules.contact, Verdict::Deliver);
        if let Decision::Refuse(reason) = decision {
            return Err(self.refuse_early(&talk, &content, reason).await?);
        }
        let rules = self.rules.load();
        let files = rules.own_files.get(talk.marketplace()).unwrap_or(&rules.files);
        if attachment::admit(&mut content.attachments, files).is_err() {
            return Err(self.refuse_early(&talk, &content, Reason::TooLarge).await?);
        }
        Ok(Message::at(Admitted { talk: Arc::clone(&talk) }, content))
    }
}
