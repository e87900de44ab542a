//! `/v1/conversations/{id}/messages` and `/v1/messages`.

use std::collections::BTreeMap;

use bytes::Bytes;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    call::{Answered, Call, Reply},
    problem::{Code, Problem},
    voice,
    wire::{self, ContactBody, Explain, FindingBody, Listed, Reader, ReasonBody, SideBody, SignalBody},
};
use crate::{
    desk::{TokenScope, access::Seen, messages::MessageView},
    model::{
        Accepted, AgentId, Attachment, AttachmentAction, Channel, Content, ConversationId, EventId, File, Kept,
        LetterKind, MessageState, Outcome, Purpose, Reason, Refusal, Shown, Side, Signal, Template, Verdict,
    },
    relay::{Filled, Inbound, WrongParam},
};

/// A message to send.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MessagePostBody {
    /// Who writes.
    from: FromBody,
    /// Which agent of the seller.
    #[serde(default)]
    agent: Option<String>,
    /// The plain text.
    #[serde(default)]
    text: Option<String>,
    /// The HTML.
    #[serde(default)]
    html: Option<String>,
    /// The files.
    #[serde(default)]
    attachments: Vec<FileInBody>,
    /// What it is for: `order`, `shipping`, `refund`, `feedback`, `invoice` or `other`. It opens nothing.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    purpose: Option<Purpose>,
    /// A text of the house in the place of one's own.
    #[serde(default)]
    template: Option<TemplateBody>,
    /// From support: to whom.
    #[serde(default)]
    to: Option<ToBody>,
    /// From support: the subject of its mail.
    #[serde(default)]
    subject: Option<String>,
    /// From support: about which case.
    #[serde(default)]
    case: Option<String>,
    /// From support: `message`, `safety`, or `request`: evidence is asked for anew, and silence counts from its arrival.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    kind: Option<LetterKind>,
}

/// To whom support writes.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ToBody {
    Buyer,
    Seller,
    Both,
}

impl ToBody {
    fn sides(self) -> &'static [Side] {
        match self {
            Self::Buyer => &[Side::Buyer],
            Self::Seller => &[Side::Seller],
            Self::Both => &[Side::Buyer, Side::Seller],
        }
    }
}

/// Who writes.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum FromBody {
    Buyer,
    Seller,
    Support,
}

/// A file, base64.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FileInBody {
    /// Its name.
    filename: String,
    /// Its type; the content decides.
    media_type: String,
    /// Base64 with padding.
    content: String,
}

/// A template with what to put into it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TemplateBody {
    /// `answer`, `apology`, `feedback`, `refund` or `shipping`.
    #[schema(value_type = String)]
    id: String,
    /// What to put into it: numbers and words, each as its place takes them.
    #[serde(default)]
    params: serde_json::Map<String, serde_json::Value>,
}

/// A message as taken.
#[derive(Serialize, ToSchema)]
pub(super) struct MessagePutBody {
    /// Its id.
    #[schema(value_type = String)]
    id: EventId,
    /// `queued`, `delivered` or `held`.
    #[schema(value_type = String)]
    state: MessageState,
    /// `deliver`, `redact` or `hold`.
    #[schema(value_type = String)]
    verdict: Verdict,
    /// What the other side gets.
    delivered: ShownBody,
    /// What was cut.
    findings: Vec<FindingBody>,
    /// What it is up to: for the marketplace alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    signals: Option<Vec<SignalBody>>,
    /// Why: for the marketplace alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<Vec<ReasonBody>>,
    /// What each side may do now.
    contact: ContactBody,
}

/// One form of a message.
#[derive(Serialize, ToSchema)]
pub(super) struct ShownBody {
    /// The subject, where it came by mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// The plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The HTML.
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<String>,
    /// The files.
    attachments: Vec<FileBody>,
}

/// A file, described.
#[derive(Serialize, ToSchema)]
pub(super) struct FileBody {
    /// Its name.
    pub(super) filename: String,
    /// Its type by its content.
    pub(super) media_type: String,
    /// Its length.
    pub(super) bytes: u64,
    /// What became of it.
    #[schema(value_type = String)]
    pub(super) action: AttachmentAction,
}

impl From<Shown> for ShownBody {
    fn from(shown: Shown) -> Self {
        let file =
            |f: File| FileBody { filename: f.filename, media_type: f.media_type, bytes: f.bytes, action: f.action };
        Self {
            subject: shown.subject,
            text: shown.text,
            html: shown.html,
            attachments: shown.files.into_iter().map(file).collect(),
        }
    }
}

/// Sends a message the whole way: it is answered when it would survive a power cut.
#[utoipa::path(
    post, path = "/v1/conversations/{id}/messages", tag = "messages",
    params(
        ("id" = String, Path, description = "the marketplace's id"),
        ("dry_run" = Option<bool>, Query, description = "the same answer, nothing stored or sent"),
        ("Idempotency-Key" = Option<String>, Header, description = "done once within 24 hours")
    ),
    request_body = MessagePostBody,
    responses((status = 201, description = "taken", body = MessagePutBody))
)]
pub(super) async fn post(call: &Call<'_>) -> Answered {
    call.query.only(&["dry_run"])?;
    let dry = call.query.read::<bool>("dry_run", "not true or false")?.unwrap_or(false);
    let id: ConversationId = call.id("id")?;
    let body: MessagePostBody = call.read()?;
    if matches!(body.from, FromBody::Support) {
        return speak(call, &id, &body, dry).await;
    }
    let (from, agent) = speaker(call, &body)?;
    let seller = call.takes_part(&id).await?;
    if let Some(named) = agent.as_ref().filter(|_| call.seller().is_none()) {
        call.api.desk.check_agent(call.scope(), &seller, named).await?;
    }
    let inbound = Inbound {
        scope: call.scope().clone(),
        conversation: id.clone(),
        from,
        agent,
        channel: Channel::Api,
        purpose: body.purpose.unwrap_or_default(),
        template: template(&body)?,
        proof: "token".to_owned(),
        content: content(body)?,
        removed: Vec::new(),
        named: Vec::new(),
        idempotency: message_key(call, &id),
    };
    let outcome = if dry {
        call.limit_dry_run(&id)?;
        call.api.relay.try_out(inbound).await
    } else {
        call.api.relay.pass(inbound).await
    };
    match outcome {
        Outcome::Accepted(accepted) => taken(call, &id, accepted).await,
        Outcome::Refused(refusal) => Err(refused(&refusal, call.reader(), &call.explain())),
        Outcome::Failed(fault) => Err(fault.into()),
    }
}

/// The third voice.
async fn speak(call: &Call<'_>, id: &ConversationId, body: &MessagePostBody, dry: bool) -> Answered {
    let to = body.to.ok_or_else(|| Problem::field("to", "one of buyer, seller and both"))?;
    let kind = body.kind.unwrap_or(LetterKind::Message);
    if !matches!(kind, LetterKind::Message | LetterKind::Request | LetterKind::Safety) {
        return Err(Problem::field("kind", "one of message, request and safety"));
    }
    let more = [
        ("html", body.html.is_some()),
        ("attachments", !body.attachments.is_empty()),
        ("template", body.template.is_some()),
        ("purpose", body.purpose.is_some()),
        ("dry_run", dry),
    ];
    if let Some((field, _)) = more.into_iter().find(|(_, given)| *given) {
        return Err(Problem::field(field, "support writes plain text"));
    }
    if body.text.as_deref().is_some_and(|text| text.len() > TEXT) {
        return Err(Problem::new(Code::TooLarge));
    }
    let speech = voice::Speech {
        agent: body.agent.as_deref(),
        to: to.sides(),
        subject: body.subject.as_deref(),
        text: body.text.as_deref(),
        case: body.case.as_deref(),
        kind,
    };
    voice::speak(call, id, speech).await
}

/// Who speaks: a seller's token speaks as its seller and its agent, whatever the body says.
fn speaker(call: &Call<'_>, body: &MessagePostBody) -> Result<(Side, Option<AgentId>), Problem> {
    let from = match body.from {
        FromBody::Buyer => Side::Buyer,
        FromBody::Seller => Side::Seller,
        FromBody::Support => return Err(Problem::field("from", "support has a voice of its own")),
    };
    if call.caller.may == TokenScope::Support {
        return Err(Problem::new(Code::ForbiddenScope));
    }
    let of_support = [
        ("to", body.to.is_some()),
        ("subject", body.subject.is_some()),
        ("case", body.case.is_some()),
        ("kind", body.kind.is_some()),
    ];
    if let Some((field, _)) = of_support.into_iter().find(|(_, given)| *given) {
        return Err(Problem::field(field, "support alone says this"));
    }
    call.acts_for(from)?;
    let agent: Option<AgentId> = body.agent.as_deref().map(|text| wire::id("agent", text)).transpose()?;
    match (call.seller(), agent) {
        (Some((_, own)), Some(agent)) if agent != *own => Err(Problem::new(Code::ForbiddenScope)),
        (Some((_, own)), _) => Ok((from, Some(own.clone()))),
        (None, Some(_)) if from == Side::Buyer => Err(Problem::field("agent", "a buyer has no agents")),
        (None, agent) => Ok((from, agent)),
    }
}

/// The template, filled: nothing of the sender's own stands beside it.
fn template(body: &MessagePostBody) -> Result<Option<Filled>, Problem> {
    let Some(TemplateBody { id, params }) = &body.template else { return Ok(None) };
    if !matches!(body.from, FromBody::Seller) {
        return Err(Problem::field("template", "templates are for a seller"));
    }
    if body.text.is_some() || body.html.is_some() || !body.attachments.is_empty() {
        return Err(Problem::field("template", "a template stands alone: without text, HTML and files"));
    }
    let template = Template::ALL.into_iter().find(|template| template.as_str() == id);
    let template = template.ok_or_else(|| Problem::field("template.id", "there is no such template"))?;
    let mut values = BTreeMap::new();
    for (name, value) in params {
        let text = match value {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Number(number) => number.to_string(),
            _ => return Err(Problem::field(format!("template.params.{name}"), "not a text or a number")),
        };
        values.insert(name.clone(), text);
    }
    let wrong = |wrong: WrongParam| Problem::field(format!("template.params.{}", wrong.name), wrong.why);
    Filled::new(template, &values).map(Some).map_err(wrong)
}

fn content(body: MessagePostBody) -> Result<Content, Problem> {
    if body.template.is_some() {
        return Ok(Content::default());
    }
    let empty = |text: &Option<String>| text.as_deref().is_none_or(|t| t.trim().is_empty());
    if empty(&body.text) && empty(&body.html) && body.attachments.is_empty() {
        return Err(Problem::field("text", "a message needs a text, HTML or a file"));
    }
    if [&body.text, &body.html].into_iter().flatten().any(|text| text.len() > TEXT) {
        return Err(Problem::new(Code::TooLarge));
    }
    let files = body.attachments.into_iter().enumerate().map(|(n, file)| attachment(n, file));
    Ok(Content {
        text: body.text,
        html: body.html,
        attachments: files.collect::<Result<_, _>>()?,
        ..Content::default()
    })
}

pub(super) fn attachment(n: usize, file: FileInBody) -> Result<Attachment, Problem> {
    let bytes = BASE64
        .decode(file.content.as_bytes())
        .map_err(|_| Problem::field(format!("attachments[{n}].content"), "not base64 with padding"))?;
    Ok(Attachment {
        filename: file.filename,
        media_type: file.media_type.to_ascii_lowercase(),
        inline: None,
        bytes: Bytes::from(bytes),
        action: AttachmentAction::Pending,
    })
}

/// The relay's own key for the same repetition, so that a crash between its record and our
/// answer still leaves one effect.
fn message_key(call: &Call<'_>, id: &ConversationId) -> Option<crate::desk::Idempotency> {
    let key = call.key.as_deref()?;
    let names = [b"message".as_slice(), id.as_str().as_bytes(), key.as_bytes()];
    Some(call.api.desk.fingerprint(call.scope(), &names, &[&call.body]))
}

async fn taken(call: &Call<'_>, id: &ConversationId, accepted: Accepted) -> Answered {
    let standing = call.api.desk.standing(call.scope(), id).await?;
    let full = call.reader() == Reader::Marketplace;
    let explain = call.explain();
    let Accepted { verdict, delivered, findings, unguarded, .. } = accepted;
    let (verdict, findings, delivered) = match unguarded.filter(|_| !full) {
        // Nothing is delivered yet, and what is sealed must not stand out.
        _ if !full && accepted.state == MessageState::Held => (verdict, Vec::new(), Shown::default()),
        Some(told) => (told.verdict, told.findings(), told.delivered),
        None => (verdict, findings, delivered),
    };
    Reply::created(&MessagePutBody {
        id: accepted.id,
        state: accepted.state,
        verdict,
        delivered: delivered.into(),
        findings: wire::findings(&findings, &explain),
        signals: full.then(|| wire::signals(&accepted.signals, &explain)),
        reasons: full.then(|| wire::reasons(None, &findings, &accepted.signals, &explain)),
        contact: ContactBody::of(&standing, call.reader()),
    })
}

/// A refusal as its sender hears it: one text for everything that concerns contact.
fn refused(refusal: &Refusal, reader: Reader, explain: Explain<'_>) -> Problem {
    let code = match refusal.reason {
        reason if reason.is_contact() => Code::ContactLimited,
        Reason::Content | Reason::Escalated | Reason::Loop | Reason::Outsider | Reason::Unreadable => {
            Code::ContentRefused
        }
        Reason::Closed => Code::ConversationClosed,
        Reason::Conflict => Code::IdempotencyConflict,
        Reason::TooLarge => Code::TooLarge,
        _ => Code::NotFound,
    };
    let problem = Problem::new(code).about(refusal.id);
    match reader {
        Reader::Seller if code == Code::ContentRefused => {
            // What there are words for are rules about words; what judges say is for the marketplace.
            let explained = |signal: &&Signal| explain(&signal.rule).is_some();
            let signals: Vec<Signal> = refusal.told_signals.iter().filter(explained).cloned().collect();
            let problem = problem.with_findings(wire::findings(&refusal.told, explain));
            problem.with_reasons(wire::reasons(None, &refusal.told, &signals, explain))
        }
        Reader::Seller => problem,
        Reader::Marketplace => {
            let why = Some(refusal.reason).filter(|reason| *reason != Reason::Content);
            let problem = match code {
                Code::ContentRefused => problem.with_findings(wire::findings(&refusal.findings, explain)),
                _ => problem,
            };
            let problem = problem.with_signals(wire::signals(&refusal.signals, explain));
            problem.with_reasons(wire::reasons(why, &refusal.findings, &refusal.signals, explain))
        }
    }
}

/// A message as a side or the marketplace sees it.
#[derive(Serialize, ToSchema)]
pub(super) struct MessageBody {
    /// Its id.
    #[schema(value_type = String)]
    id: EventId,
    /// In which conversation.
    conversation: String,
    /// Position in the conversation, from 1.
    seq: u64,
    /// Who wrote it.
    from: SideBody,
    /// Which agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    /// By which way it came.
    #[schema(value_type = String)]
    channel: Channel,
    /// When it was received.
    at: String,
    /// Where it is in its life.
    #[schema(value_type = String)]
    state: MessageState,
    #[serde(flatten)]
    shown: ShownBody,
    /// What the other side gets of it, where that is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered: Option<ShownBody>,
    /// What was cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<FindingBody>>,
    /// What it is up to: for the marketplace alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    signals: Option<Vec<SignalBody>>,
    /// Why: for the marketplace alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<Vec<ReasonBody>>,
    /// The verdict on its content: for the marketplace alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    verdict: Option<Verdict>,
    /// Its author was erased: the text can not be opened any more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    erased: bool,
    /// It was escalated: nobody is shown it. For the marketplace alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    sealed: bool,
}

/// How a message is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// To its author: as written, with what was cut.
    Author,
    /// To its author who asks with a token of its own: as [`Told::Author`], but of what is kept back
    /// its state alone.
    Seller,
    /// To the other side: as delivered, and nothing else.
    OtherSide,
    /// To the marketplace: everything.
    Marketplace,
}

impl MessageBody {
    /// Tells a message.
    pub(super) fn of(view: MessageView, told: Told, explain: Explain<'_>) -> Self {
        let reason = view.reason;
        let mut body = Self {
            id: view.id,
            conversation: view.conversation.into(),
            seq: view.seq,
            from: view.from.into(),
            agent: view.agent.filter(|_| told != Told::OtherSide).map(String::from),
            channel: view.channel,
            at: view.at.rfc3339(),
            state: view.state,
            shown: Shown::default().into(),
            delivered: None,
            findings: None,
            signals: None,
            reasons: None,
            verdict: None,
            erased: view.kept.is_none() && !view.sealed,
            sealed: view.sealed && told == Told::Marketplace,
        };
        match view.kept {
            // What waits for a person, and what was not taken, is told to a seller by its state
            // alone: what is sealed must not stand out among them.
            Some(_) if told == Told::Seller && is_kept_back(view.state) => {}
            Some(kept) => body.fill(kept, reason, told, explain),
            None if body.sealed => body.reasons = Some(wire::reasons(reason, &[], &[], explain)),
            None => {}
        }
        body
    }

    fn fill(&mut self, kept: Kept, reason: Option<Reason>, told: Told, explain: Explain<'_>) {
        if told == Told::OtherSide {
            self.shown = kept.delivered.into();
            return;
        }
        let full = told == Told::Marketplace;
        let unguarded = kept.unguarded.clone().filter(|_| !full);
        let findings = unguarded.as_ref().map_or_else(|| kept.findings(), |told| told.findings());
        let signals = kept.signals();
        self.findings = Some(wire::findings(&findings, explain));
        if told == Told::Marketplace {
            let why = reason.filter(|reason| *reason != Reason::Content);
            self.reasons = Some(wire::reasons(why, &findings, &signals, explain));
            self.signals = Some(wire::signals(&signals, explain));
            self.verdict = Some(kept.verdict);
        }
        self.shown = kept.original.into();
        self.delivered = Some(unguarded.map_or(kept.delivered, |told| told.delivered).into());
    }
}

/// Whether a message is on no way to anybody.
fn is_kept_back(state: MessageState) -> bool {
    matches!(state, MessageState::Held | MessageState::Refused)
}

/// What a side sees: its own messages with their state, of the other side only delivered ones.
#[utoipa::path(
    get, path = "/v1/conversations/{id}/messages", tag = "messages",
    params(
        ("id" = String, Path, description = "the marketplace's id"),
        ("as" = String, Query, description = "`buyer` or `seller`"),
        ("limit" = Option<u32>, Query, description = "1 to 200, 50 when absent"),
        ("after" = Option<u64>, Query, description = "the `next` of the page before")
    ),
    responses((status = 200, description = "oldest first", body = Listed<MessageBody>))
)]
pub(super) async fn list(call: &Call<'_>) -> Answered {
    call.query.only(&["as", "limit", "after"])?;
    let id: ConversationId = call.id("id")?;
    let side = call.reads_as(&id).await?;
    let parties = call.may_read(&id).await?;
    let after = call.query.read("after", "not a cursor")?;
    let desk = &call.api.desk;
    let mut page = desk.messages_as(call.scope(), &id, side, after, call.query.limit()?).await?;
    call.saw(&parties, Seen::Text).await?;
    if call.reader() == Reader::Seller {
        desk.veil_withheld(call.scope(), &id, &mut page.messages).await?;
    }
    let tell = |view: MessageView| {
        let told = match call.reader() {
            _ if view.from != side => Told::OtherSide,
            Reader::Seller => Told::Seller,
            Reader::Marketplace => Told::Author,
        };
        MessageBody::of(view, told, &call.explain())
    };
    let items = page.messages.into_iter().map(tell).collect();
    Reply::ok(&Listed { items, next: page.next.map(|n| n.to_string()) })
}

/// One message, for the marketplace.
#[utoipa::path(
    get, path = "/v1/messages/{id}", tag = "messages",
    params(("id" = String, Path, description = "the message's id")),
    responses((status = 200, description = "the message and why", body = MessageBody))
)]
pub(super) async fn show(call: &Call<'_>) -> Answered {
    let id: EventId = call.param("id").parse().map_err(|_| Problem::new(Code::NotFound))?;
    let view = call.api.desk.message(call.scope(), id).await?;
    call.reads(&view.conversation, false).await?;
    Reply::ok(&MessageBody::of(view, Told::Marketplace, &call.explain()))
}

/// Bytes of one text.
const TEXT: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Finding, Kind, Part, SignalKind};

    const NONE: Explain<'_> = &|_| None;

    fn refusal(reason: Reason) -> Refusal {
        let finding = Finding::in_text(Part::Text(0), (0, 3), Kind::Phone, "081".to_owned());
        let signal = Signal::of_part(Part::Text(0), SignalKind::Threat, "id.threat.court");
        Refusal {
            findings: vec![finding.clone()],
            told: vec![finding],
            told_signals: vec![signal.clone()],
            signals: vec![signal],
            ..Refusal::new(reason)
        }
    }

    #[test]
    fn a_seller_hears_the_same_of_every_closed_door() {
        let contact = [Reason::Blocked, Reason::CoolDown, Reason::Rate, Reason::ReviewBudget, Reason::Unanswered];
        let bodies: Vec<_> = contact.iter().map(|r| refused(&Refusal::new(*r), Reader::Seller, NONE).body()).collect();
        assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
        let told = refused(&Refusal::new(Reason::CoolDown), Reader::Marketplace, NONE).body();
        assert!(String::from_utf8(told).unwrap().contains("cool_down"));
    }

    #[test]
    fn a_seller_is_told_what_was_cut_and_which_rules_its_words_broke_and_no_more() {
        let why: Explain<'_> = &|what| (!what.starts_with("judge")).then(|| format!("why {what}"));
        let body = |refusal: &Refusal, reader| String::from_utf8(refused(refusal, reader, why).body()).unwrap();
        let mut refusal = refusal(Reason::Content);
        refusal.told_signals[0].rule = "judge.av".to_owned();
        refusal.told_signals.push(refusal.signals[0].clone());
        let seller = body(&refusal, Reader::Seller);
        assert!(seller.contains("\"081\"") && seller.contains("why phone"), "{seller}");
        assert!(seller.contains("why id.threat.court") && !seller.contains("\"signals\""), "{seller}");
        assert!(!seller.contains("judge.av"), "{seller}");
        // What is told of it where nobody is guarded, and nothing else.
        refusal.told_signals.clear();
        assert!(!body(&refusal, Reader::Seller).contains("id.threat"));
        assert!(body(&refusal, Reader::Marketplace).contains("id.threat.court"));
    }

    #[test]
    fn each_reason_has_its_status() {
        let cases = [
            (Reason::Rate, 429),
            (Reason::Content, 422),
            (Reason::Unreadable, 422),
            (Reason::Closed, 409),
            (Reason::Conflict, 409),
            (Reason::TooLarge, 413),
            (Reason::UnknownHandle, 404),
        ];
        for (reason, status) in cases {
            assert_eq!(refused(&Refusal::new(reason), Reader::Marketplace, NONE).status(), status, "{reason:?}");
        }
    }

    #[test]
    fn a_message_without_anything_is_refused() {
        let body = |json: &str| serde_json::from_str::<MessagePostBody>(json).unwrap();
        assert!(content(body(r#"{"from":"seller"}"#)).is_err());
        assert!(content(body(r#"{"from":"seller","text":"  "}"#)).is_err());
        let file = r#"{"from":"seller","attachments":[{"filename":"a.png","media_type":"image/png","content":"!"}]}"#;
        let problem = content(body(file)).unwrap_err();
        assert!(String::from_utf8(problem.body()).unwrap().contains("attachments[0].content"));
        assert!(content(body(r#"{"from":"seller","text":"halo"}"#)).is_ok());
    }
}
