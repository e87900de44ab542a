//! judge: what others than us have against the content: lists of known files, the operator's
//! programs and endpoints. Only a message that is meant is judged: a dry run would be a free look
//! at what they know.

use std::sync::Arc;

use super::{
    Relay,
    files::Looks,
    outcome::Stop,
    stage::{AdmittedMessage, Judged, JudgedMessage, ScrubbedMessage},
    talk::{Run, Talk},
};
use crate::{
    judges::{Case, Hit, Known, Panel},
    model::{Attachment, Fault, Message, Part, Verdict},
};

impl Relay {
    /// Shows the cleaned message to the judges. The gravest word counts, ours among them.
    pub(super) async fn judge(
        &self,
        admitted: &AdmittedMessage,
        scrubbed: ScrubbedMessage,
    ) -> Result<JudgedMessage, Stop> {
        let (content, mut scrubbed) = scrubbed.into_parts();
        let talk = Arc::clone(&scrubbed.talk);
        let case = Case { cleaned: &content, came: &admitted.stage().came };
        let heard = self.panel(&talk).hear(case, self.vault.luck()).await?;
        scrubbed.hits.extend(heard);
        let Some(judged) = Hit::gravest(&scrubbed.hits).verdict() else {
            return Err(self.escalate(&talk, admitted, &scrubbed.hits).await?);
        };
        scrubbed.verdict = scrubbed.verdict.max(judged);
        if let Some(told) = &mut scrubbed.unguarded {
            told.verdict = told.verdict.max(judged);
        }
        scrubbed.signals.extend(scrubbed.hits.iter().map(|hit| hit.signal.clone()));
        Ok(Message::at(Judged { scrubbed }, content))
    }

    /// Looks up the files as they came, before anybody else is shown them.
    ///
    /// # Errors
    /// With how the way ended, when a list says that it ends here.
    pub(super) async fn look_up(&self, admitted: &AdmittedMessage, looks: &[Looks]) -> Result<Vec<Hit>, Stop> {
        let talk = &admitted.stage().talk;
        if talk.run == Run::Dry {
            return Ok(Vec::new());
        }
        let looks_of = |n| looks.iter().find(|looks| looks.file == n).map_or(&[][..], |looks| &looks.looks);
        let came = admitted.stage().came.iter().enumerate();
        let known = came.map(|(n, file)| Known { part: Part::Attachment(n), bytes: &file.bytes, looks: looks_of(n) });
        let files: Vec<Known<'_>> = known.collect();
        let hits = self.panel(talk).look_up(&files);
        match Hit::gravest(&hits).verdict() {
            Some(_) => Ok(hits),
            None => Err(self.escalate(talk, admitted, &hits).await?),
        }
    }

    fn panel(&self, talk: &Talk) -> Panel {
        self.rules.load().panels.of(talk.marketplace()).clone()
    }

    /// Seals a message away: from here on nothing of it is in any answer, log, list or delivery.
    /// Its sender hears what the sender of any held message hears.
    async fn escalate(&self, talk: &Talk, admitted: &AdmittedMessage, hits: &[Hit]) -> Result<Stop, Fault> {
        let words = words(talk, admitted, hits)?;
        let stop = self.record_escalated(talk, admitted.content(), &words).await?;
        if let Stop::Taken(accepted) = &stop
            && !accepted.repeated
        {
            tracing::error!(message = %accepted.id, "a message was escalated; it is the first in /v1/held");
        }
        Ok(stop)
    }
}

/// All of it, as it came, for whom the law sends.
fn words(talk: &Talk, admitted: &AdmittedMessage, hits: &[Hit]) -> Result<Vec<u8>, Fault> {
    let content = admitted.content();
    let file = |file: &Attachment| {
        serde_json::json!({
            "filename": file.filename,
            "media_type": file.media_type,
            "content": data_encoding::BASE64.encode(&file.bytes),
        })
    };
    let words = serde_json::json!({
        "at": talk.at,
        "conversation": talk.conversation.id,
        "from": talk.from.as_str(),
        "agent": talk.agent,
        "channel": talk.channel.as_str(),
        "proof": talk.proof,
        "judged_by": hits.iter().map(|hit| &hit.signal.rule).collect::<Vec<_>>(),
        "subject": content.subject,
        "text": content.text,
        "html": content.html,
        "files": admitted.stage().came.iter().map(file).collect::<Vec<_>>(),
    });
    serde_json::to_vec(&words).map_err(|e| Fault::new("writing what is to be sealed", e))
}

/// What the sender of an escalated message is told of the verdict on it.
pub(super) const TOLD: Verdict = Verdict::Hold;
