//! admit: the cheap, early, pure decision of the contact policy, before HTML and pictures are
//! opened. The binding decision is made again by `record`, on the pair's exact state.

use std::sync::Arc;

use super::{
    Relay,
    files::Opened,
    outcome::Stop,
    stage::{Admitted, AdmittedMessage, Resolved, ResolvedMessage},
};
use crate::{
    detect::Context,
    media::attachment,
    model::{Attachment, Decision, Fault, Message, Reason, Scope, Verdict},
    policy::contact,
};

impl Relay {
    pub(super) async fn admit(&self, resolved: ResolvedMessage) -> Result<AdmittedMessage, Stop> {
        let (mut content, Resolved { talk }) = resolved.into_parts();
        let decision = contact::judge(&talk.pair, talk.approach(), &talk.rules.contact, Verdict::Deliver);
        if let Decision::Refuse(reason) = decision {
            return Err(self.refuse_early(&talk, &content, reason).await?);
        }
        if talk.outsider {
            return Err(self.refuse_early(&talk, &content, Reason::Outsider).await?);
        }
        let mut came = content.attachments.clone();
        for file in &mut came {
            attachment::sniff(&file.bytes, &file.media_type).clone_into(&mut file.media_type);
        }
        let rules = self.rules.load();
        let files = rules.files_of(talk.marketplace());
        if attachment::admit(&mut content.attachments, files).is_err() {
            return Err(self.refuse_early(&talk, &content, Reason::TooLarge).await?);
        }
        Ok(Message::at(Admitted { talk: Arc::clone(&talk), came }, content))
    }

    /// Cleans files as those of a message are, for nobody in particular, and tells what was found
    /// in them. `None`: they are too many or too large for a message.
    ///
    /// # Errors
    /// By a fault.
    pub async fn clean_files(
        &self,
        scope: &Scope,
        context: &Context,
        files: &mut [Attachment],
    ) -> Result<Option<Opened>, Fault> {
        let rules = self.rules.load_full();
        let fit = attachment::admit(files, rules.files_of(scope.marketplace())).is_ok();
        if !fit {
            return Ok(None);
        }
        let images = rules.book.of(scope.marketplace()).images;
        let mut opened = self.rebuild_files((context, None), images, files).await?;
        opened.findings.extend(self.drop_caught_names(context, files));
        Ok(Some(opened))
    }
}
