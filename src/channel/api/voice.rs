//! The third voice: what support writes, and what a side got of it.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    call::{Answered, Call, Reply},
    problem::{Code, Problem},
    wire::{self, FindingBody, Listed, SideBody},
};
use crate::{
    desk::{TokenScope, cases::check_subject},
    model::{AgentId, CaseId, Channel, ConversationId, EventId, LetterKind, LetterState, Side},
    relay::{Spoken, Word},
};

/// What support wants to say.
pub(super) struct Speech<'a> {
    pub(super) agent: Option<&'a str>,
    pub(super) to: &'a [Side],
    pub(super) subject: Option<&'a str>,
    pub(super) text: Option<&'a str>,
    pub(super) case: Option<&'a str>,
    pub(super) kind: LetterKind,
}

/// Letters as they were written.
#[derive(Serialize, ToSchema)]
pub(super) struct LettersPutBody {
    /// One for each side.
    letters: Vec<LetterPutBody>,
    /// The same was written before under its key: nothing was written now.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    repeated: bool,
}

/// A letter as it was written.
#[derive(Serialize, ToSchema)]
struct LetterPutBody {
    /// Its id.
    #[schema(value_type = String)]
    id: EventId,
    /// To whom.
    to: SideBody,
    /// `queued` or `delivered`.
    #[schema(value_type = String)]
    state: LetterState,
    /// By which way.
    #[schema(value_type = String)]
    channel: Channel,
    /// The subject as it is delivered, without the mark.
    subject: String,
    /// The text as it is delivered.
    text: String,
    /// What was cut.
    findings: Vec<FindingBody>,
}

/// Writes what support says to one side or both.
pub(super) async fn speak(call: &Call<'_>, id: &ConversationId, speech: Speech<'_>) -> Answered {
    if !matches!(call.caller.may, TokenScope::Support | TokenScope::Marketplace) {
        return Err(Problem::new(Code::ForbiddenScope));
    }
    let agent = speech.agent.ok_or_else(|| Problem::field("agent", "who at support writes"))?;
    let agent: AgentId = wire::id("agent", agent)?;
    let case: Option<CaseId> = speech.case.map(|text| wire::id("case", text)).transpose()?;
    let text = speech.text.filter(|text| !text.trim().is_empty());
    let text = text.ok_or_else(|| Problem::field("text", "a letter needs a text"))?;
    let subject = speech.subject.unwrap_or_default();
    check_subject(subject)?;
    call.api.desk.between(call.scope(), id).await?;
    if call.repeated {
        return Reply::created(&LettersPutBody { letters: Vec::new(), repeated: true });
    }
    let word = |to: &Side| Word {
        conversation: id,
        to: *to,
        kind: speech.kind,
        agent: Some(&agent),
        case: case.as_ref(),
        subject,
        text,
        number: case.as_ref().map(CaseId::as_str),
        domain: None,
    };
    let words: Vec<Word<'_>> = speech.to.iter().map(word).collect();
    let spoken = match (&case, speech.kind) {
        (Some(case), LetterKind::Request) => ask(call, case, &words).await?,
        (None, LetterKind::Request) => return Err(Problem::field("case", "a request is of a case")),
        _ => {
            let spoken = call.api.relay.speak(call.scope(), &words).await?;
            spoken.ok_or_else(|| Problem::new(Code::ConversationClosed))?
        }
    };
    call.api.relay.wake_cases();
    let letters = spoken.into_iter().map(|one| written(call, one)).collect();
    Reply::created(&LettersPutBody { letters, repeated: false })
}

async fn ask(call: &Call<'_>, case: &CaseId, words: &[Word<'_>]) -> Result<Vec<Spoken>, Problem> {
    let mut all = Vec::new();
    for word in words {
        all.extend(call.api.relay.ask_again(call.scope(), case, word).await?);
    }
    if all.is_empty() {
        return Err(Problem::unfit("case", "no such open case of this conversation, or nobody is left to read"));
    }
    Ok(all)
}

fn written(call: &Call<'_>, spoken: Spoken) -> LetterPutBody {
    LetterPutBody {
        id: spoken.id,
        to: spoken.to.into(),
        state: spoken.state,
        channel: spoken.channel,
        subject: spoken.subject,
        text: spoken.text,
        findings: wire::findings(&spoken.findings, &call.explain()),
    }
}

/// A letter as its reader sees it.
#[derive(Serialize, ToSchema)]
pub(super) struct LetterBody {
    /// Its id.
    #[schema(value_type = String)]
    id: EventId,
    /// Always `support`.
    from: &'static str,
    /// Who at support: not told to a side.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    /// `message`, `request`, `escalation`, `safety`, `decision`, `receipt` or `registration`.
    #[schema(value_type = String)]
    kind: LetterKind,
    /// About which case.
    #[serde(skip_serializing_if = "Option::is_none")]
    case: Option<String>,
    /// When it was written.
    at: String,
    /// `queued`, `delivered` or `failed`.
    #[schema(value_type = String)]
    state: LetterState,
    /// By which way.
    #[schema(value_type = String)]
    channel: Channel,
    /// When it arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_at: Option<String>,
    /// The entry of the conversation's evidence that proves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<u64>,
    /// The subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// The text; absent after an erasure.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// What support wrote to a side, oldest first.
#[utoipa::path(
    get, path = "/v1/conversations/{id}/letters", tag = "messages",
    params(
        ("id" = String, Path, description = "the marketplace's id"),
        ("as" = String, Query, description = "`buyer` or `seller`"),
        ("limit" = Option<u32>, Query, description = "1 to 200, 50 when absent"),
        ("after" = Option<String>, Query, description = "the `next` of the page before")
    ),
    responses((status = 200, description = "oldest first", body = Listed<LetterBody>))
)]
pub(super) async fn list(call: &Call<'_>) -> Answered {
    call.query.only(&["as", "limit", "after"])?;
    let id: ConversationId = call.id("id")?;
    let side = call.reads_as(&id).await?;
    call.reads(&id, false).await?;
    let limit = call.query.limit()?;
    let after: Option<EventId> = call.query.read("after", "not a cursor")?;
    let letters = call.api.desk.letters_to(call.scope(), &id, side, after, limit).await?;
    let next = letters.last().filter(|_| letters.len() == limit).map(|view| view.row.id.to_string());
    let told = letters.into_iter().map(|view| {
        let (row, words) = (view.row, view.words);
        let agent = words.as_ref().and_then(|words| words.agent.clone()).filter(|_| call.seller().is_none());
        LetterBody {
            id: row.id,
            from: "support",
            agent,
            kind: row.kind,
            case: words.as_ref().and_then(|words| words.case.clone()),
            at: row.at.rfc3339(),
            state: if row.state == LetterState::Claimed { LetterState::Queued } else { row.state },
            channel: row.channel,
            delivered_at: row.proof.map(|(at, _)| at.rfc3339()),
            proof: row.proof.map(|(_, entry)| entry),
            subject: words.as_ref().map(|words| words.subject.clone()),
            text: words.map(|words| words.text),
        }
    });
    Reply::ok(&Listed { items: told.collect(), next })
}
