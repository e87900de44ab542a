//! Messages that an upstream of the proxy shows to their reader: recorded here, then brought there by the channel.

use bytes::Bytes;

use super::Relay;
use crate::{
    model::{
        Accepted, Attachment, Channel, ConversationId, Decision, EventId, Fault, MessageState, Outcome, Reason,
        Refusal, Scope, Side,
    },
    relay::Inbound,
    store::{Ending, NewDelivery, Settled},
    vault::Place,
};

/// The right to bring a recorded message upstream, once.
#[derive(Debug)]
#[must_use = "how it ended must be told, or the message stays on its way"]
pub struct Errand {
    delivery: EventId,
    claim: u64,
}

/// What becomes of a message that came by the proxy.
#[derive(Debug)]
pub enum Passage {
    /// It is recorded: bring upstream what is delivered of it with its files, each in its place, of those that were taken
    /// out nothing but that; and tell [`Relay::brought`] how that ended.
    Bring(Errand, Box<Accepted>, Vec<Attachment>),
    /// It was recorded and brought before.
    Done,
    /// The same message is on its way upstream at this moment.
    UnderWay,
    /// We decided no.
    Refused(Refusal),
    /// We failed: nothing was accepted.
    Failed(Fault),
}

impl Relay {
    /// Takes a message by the proxy's way: all of [`Relay::pass`], and then the right to bring it upstream.
    pub async fn pass_upstream(&self, inbound: Inbound) -> Passage {
        let (scope, conversation, from) = (inbound.scope.clone(), inbound.conversation.clone(), inbound.from);
        let accepted = match self.pass(inbound).await {
            Outcome::Accepted(accepted) => accepted,
            Outcome::Refused(refusal) => return Passage::Refused(refusal),
            Outcome::Failed(fault) => return Passage::Failed(fault),
        };
        if accepted.state == MessageState::Held {
            // It is sealed for a person, and never brought: its sender hears what everybody hears whose words are refused.
            return Passage::Refused(Refusal { id: Some(accepted.id), ..Refusal::new(Reason::Content) });
        }
        let claim = match accepted.repeated {
            false => Ok(Some(BORN)),
            true => self.store.take_up(&scope, accepted.id, self.clock.now()).await,
        };
        match claim {
            Ok(Some(claim)) => {
                let errand = Errand { delivery: accepted.id, claim };
                match self.files_shown(&scope, (&conversation, from), &accepted).await {
                    Ok(files) => Passage::Bring(errand, Box::new(accepted), files),
                    Err(fault) => {
                        self.brought(errand, false).await;
                        Passage::Failed(fault)
                    }
                }
            }
            Ok(None) if accepted.state == MessageState::Delivered => Passage::Done,
            // One that failed before is under way again, or has just been withheld: the next try will tell.
            Ok(None) if matches!(accepted.state, MessageState::Queued | MessageState::Failed) => Passage::UnderWay,
            Ok(None) => Passage::Refused(Refusal { id: Some(accepted.id), ..Refusal::new(Reason::Restricted) }),
            Err(fault) => Passage::Failed(fault),
        }
    }

    /// The files of a message as its reader gets them.
    async fn files_shown(
        &self,
        scope: &Scope,
        (conversation, from): (&ConversationId, Side),
        accepted: &Accepted,
    ) -> Result<Vec<Attachment>, Fault> {
        let told = &accepted.delivered.files;
        if told.is_empty() {
            return Ok(Vec::new());
        }
        let gone = || Fault::plain("looking for the files of a message that goes upstream");
        let row = self.store.message(scope, accepted.id).await?.ok_or_else(gone)?;
        let between = self.store.conversation(scope, conversation).await?.ok_or_else(gone)?;
        let key = self.side_key(scope, &between, from)?.ok_or_else(gone)?;
        let place = Place::files(scope.marketplace(), &accepted.id);
        let mut sealed = row.files.iter();
        let files = told.iter().map(|file| {
            let bytes = match file.action.removed() {
                true => Bytes::new(),
                false => Bytes::from(key.open(&place, sealed.next().ok_or_else(gone)?)?),
            };
            Ok(Attachment {
                filename: file.filename.clone(),
                media_type: file.media_type.clone(),
                inline: None,
                bytes,
                action: file.action,
            })
        });
        files.collect()
    }

    /// Writes down whether the upstream took a message. One that it did not take can be sent again under the same
    /// idempotency key.
    pub async fn brought(&self, errand: Errand, taken: bool) {
        let how = if taken { Ending::Delivered } else { Ending::Failed };
        let Errand { delivery, claim } = errand;
        let settled = Settled { id: delivery, claim, how, at: self.clock.now() };
        if let Err(fault) = self.store.settle(vec![settled]).await {
            tracing::error!(fault = %fault.chain(), %delivery, "recording what was brought upstream");
        }
    }

    /// Nobody knows whether the upstream took a message: it stays on its way until its time is over, so that no evidence
    /// says what nobody knows, and nothing is brought twice meanwhile.
    pub fn unsure(&self, errand: Errand) {
        let Errand { delivery, .. } = errand;
        tracing::warn!(%delivery, "an upstream may have a message, or not");
    }
}

/// The claim that a delivery upstream is recorded with.
const BORN: u64 = 1;

/// The delivery of a message upstream. It has its message's id, and no body: the call holds that.
pub(super) fn delivery(message: EventId, to: Side) -> NewDelivery {
    NewDelivery { id: message, to, channel: Channel::Proxy, body: Vec::new() }
}

/// A call can not wait for a person: what would be held of it is refused.
pub(super) fn now_or_never(channel: Channel, decision: Decision) -> Decision {
    match decision {
        Decision::Hold { .. } if matches!(channel, Channel::Proxy | Channel::Voice) => {
            Decision::Refuse(Reason::Content)
        }
        decision => decision,
    }
}
