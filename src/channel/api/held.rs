//! `/v1/held` and the decision on a held message.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    call::{Answered, Call, Reply},
    messages::{MessageBody, Told},
    problem::{Code, Problem},
    wire::Listed,
};
use crate::{desk::held::Decided, model::EventId};

/// A held message with its place in the queue.
#[derive(Serialize, ToSchema)]
pub(super) struct HeldBody {
    /// Its place, from 1.
    position: u64,
    #[serde(flatten)]
    message: MessageBody,
}

/// Held messages: those that were escalated first and without their words, then in order of arrival.
#[utoipa::path(
    get, path = "/v1/held", tag = "messages",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200, 50 when absent"),
        ("after" = Option<String>, Query, description = "the `next` of the page before")
    ),
    responses((status = 200, description = "escalated ones first, then oldest first", body = Listed<HeldBody>))
)]
pub(super) async fn list(call: &Call<'_>) -> Answered {
    call.query.only(&["limit", "after"])?;
    let limit = call.query.limit()?;
    let after: Option<EventId> = call.query.read("after", "not a cursor")?;
    let held = call.api.desk.held(call.scope(), after, limit).await?;
    let next = held.last().filter(|_| held.len() == limit).map(|(_, view)| view.id.to_string());
    let mut shown = Vec::with_capacity(held.len());
    for (position, view) in held {
        // What support may not read waits for another's eyes.
        if call.reads_listed(&view.conversation, false).await? {
            shown.push((position, view));
        }
    }
    let tell =
        |(position, view)| HeldBody { position, message: MessageBody::of(view, Told::Marketplace, &call.explain()) };
    Reply::ok(&Listed { items: shown.into_iter().map(tell).collect(), next })
}

/// A person's word: `decision`, or one of `release` and `refuse` set to true.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HeldDecisionBody {
    /// `release` or `refuse`.
    #[serde(default)]
    decision: Option<Word>,
    /// Another way to say it.
    #[serde(default)]
    release: bool,
    /// Another way to say it.
    #[serde(default)]
    refuse: bool,
    /// Why.
    reason: String,
    /// Who decided.
    actor: String,
}

/// What may be decided.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Word {
    Release,
    Refuse,
}

impl HeldDecisionBody {
    fn word(&self) -> Result<Word, Problem> {
        match (self.decision, self.release, self.refuse) {
            (Some(word), false, false) => Ok(word),
            (None, true, false) => Ok(Word::Release),
            (None, false, true) => Ok(Word::Refuse),
            _ => Err(Problem::field("decision", "one of release and refuse")),
        }
    }
}

/// Releases or refuses a held message. A released one passes the delivery judgement again.
#[utoipa::path(
    post, path = "/v1/messages/{id}/decision", tag = "messages",
    params(("id" = String, Path, description = "the message's id")),
    request_body = HeldDecisionBody,
    responses((status = 200, description = "the message as it is now", body = MessageBody))
)]
pub(super) async fn decide(call: &Call<'_>) -> Answered {
    let id: EventId = call.param("id").parse().map_err(|_| Problem::new(Code::NotFound))?;
    let body: HeldDecisionBody = call.read()?;
    let release = body.word()? == Word::Release;
    let before = call.api.desk.message(call.scope(), id).await?;
    call.reads(&before.conversation, false).await?;
    let decided = Decided { release, reason: &body.reason, actor: &body.actor };
    let view = match call.made::<EventId>() {
        Some(_) => before,
        None => call.api.desk.decide(call.scope(), id, &decided).await?,
    };
    Reply::ok(&MessageBody::of(view, Told::Marketplace, &call.explain()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_says_one_thing() {
        let word = |json: &str| serde_json::from_str::<HeldDecisionBody>(json).unwrap().word();
        let with = |said: &str| format!(r#"{{{said}"reason":"r","actor":"a"}}"#);
        assert!(word(&with(r#""decision":"release","#)).is_ok_and(|w| w == Word::Release));
        assert!(word(&with(r#""refuse":true,"#)).is_ok_and(|w| w == Word::Refuse));
        assert!(word(&with("")).is_err());
        assert!(word(&with(r#""release":true,"refuse":true,"#)).is_err());
    }
}
