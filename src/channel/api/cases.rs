//! `/v1/cases`: disputes with clocks.

use hyper::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    call::{Answered, Call, Reply},
    case_body::{CaseBody, Eyes, MoneyBody, tell},
    messages::{self, FileInBody},
    problem::{Code, Problem},
    wire::{self, Listed, SideBody},
};
use crate::{
    desk::{
        TokenScope,
        cases::{CaseForm, CasePlace, CaseView, ItemForm, Statement},
        rulings::DecisionForm,
    },
    model::{Attachment, CaseId, ConversationId, ItemKind, OrderId, Ruling, Side, Slot, Topic},
    relay::{Ask, Matter, Studied, Unfit},
};

/// A case as it is submitted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CasePutBody {
    /// About which conversation.
    conversation: String,
    /// Who submits it. Names and addresses are known: nobody is asked for them again.
    by: SideBody,
    /// Its reason code: `not_received`, `no_tracking`, `short_shipment`, `wrong_item`, `damaged`, `defective`,
    /// `not_as_described`, `counterfeit`, `return_refused`, `refund_missing`, `no_answer`, `review_pressure`, `harassment`,
    /// `other`; urgent: `courier_at_door`, `threat`, `leaked_address`, `minor_safety`; a seller's: `abusive_buyer`,
    /// `false_claim`, `unpaid`.
    #[schema(value_type = String)]
    topic: Topic,
    /// The order, if it is named again: that of the conversation.
    #[serde(default)]
    order: Option<String>,
    /// What happened.
    description: String,
    /// What is claimed back.
    #[serde(default)]
    amount: Option<MoneyBody>,
    /// At most five pictures or PDF files of 4.5 MB.
    #[serde(default)]
    attachments: Vec<FileInBody>,
}

/// Opens a case, or puts a further submission into one. Both versions are kept, and no clock is moved.
#[utoipa::path(
    put, path = "/v1/cases/{id}", tag = "cases",
    params(("id" = String, Path, description = "the marketplace's id")),
    request_body = CasePutBody,
    responses(
        (status = 200, description = "changed, or the same again", body = CaseBody),
        (status = 201, description = "new", body = CaseBody)
    )
)]
pub(super) async fn put(call: &Call<'_>) -> Answered {
    let id: CaseId = call.id("id")?;
    let body: CasePutBody = call.read()?;
    let conversation: ConversationId = wire::id("conversation", &body.conversation)?;
    let order: Option<OrderId> = body.order.as_deref().map(|text| wire::id("order", text)).transpose()?;
    let by = Side::from(body.by);
    let claim = body.amount.map(|amount| amount.read("amount")).transpose()?;
    let asked = (Some(&conversation), by, Matter::Case);
    let (said, _) = statement(call, asked, Some(body.description), body.attachments).await?;
    // Whoever is accused of a threat is not told of it by a letter of ours.
    let quiet = body.topic.is_urgent();
    match call.reads(&conversation, quiet).await {
        // The desk says in words that there is none.
        Err(problem) if !problem.is(Code::NotFound) => return Err(problem),
        _ => {}
    }
    let form = CaseForm { conversation, by, topic: body.topic, order, claim, quiet, said };
    let (view, created) = call.api.desk.put_case(call.scope(), &id, form).await?;
    if created {
        alarm(&view);
    }
    call.api.relay.wake_cases();
    Reply::put(created, &tell(call, view, Eyes::Desk))
}

/// Says aloud that somebody may be in danger: a line in the log and a count that alarms are set on.
pub(super) fn alarm(view: &CaseView) {
    if view.row.clock.urgent {
        let topic = view.row.topic.as_str();
        tracing::error!(case = %view.row.id, topic, "an urgent case: somebody may be in danger");
        metrics::counter!("tabir_urgent_cases_total", "topic" => topic).increment(1);
    }
}

/// Reads what somebody says, and its files, as messages are read.
pub(super) async fn statement(
    call: &Call<'_>,
    (conversation, by, matter): (Option<&ConversationId>, Side, Matter),
    text: Option<String>,
    files: Vec<FileInBody>,
) -> Result<(Statement, Studied), Problem> {
    let files = files.into_iter().enumerate().map(|(n, file)| messages::attachment(n, file));
    let files: Vec<Attachment> = files.collect::<Result<_, _>>()?;
    let ask = Ask { scope: call.scope(), conversation, by, text: text.as_deref(), files, matter };
    let studied = call.api.relay.study(ask).await?.map_err(|unfit| match unfit {
        Unfit::NoConversation => Problem::field("conversation", "no such conversation"),
        Unfit::TooMany => Problem::field("attachments", "too many files"),
        Unfit::TooLarge(_) => Problem::new(Code::TooLarge),
        Unfit::Type(n) => Problem::field(format!("attachments[{n}]"), "a file of a type that is not taken here"),
    })?;
    let said = Statement {
        text,
        shown: studied.shown.clone(),
        findings: studied.findings.clone(),
        signals: studied.signals.clone(),
        files: studied.files.clone(),
        described: studied.described(),
    };
    Ok((said, studied))
}

/// One case. A side sees what the other put in with everything covered that leads to a person.
#[utoipa::path(
    get, path = "/v1/cases/{id}", tag = "cases",
    params(
        ("id" = String, Path, description = "the marketplace's id"),
        ("as" = Option<String>, Query, description = "`buyer` or `seller`: as that side sees it")
    ),
    responses((status = 200, description = "the case", body = CaseBody))
)]
pub(super) async fn show(call: &Call<'_>) -> Answered {
    call.query.only(&["as"])?;
    let id: CaseId = call.id("id")?;
    let eyes = match call.query.get("as") {
        Some("buyer") => Eyes::Of(Side::Buyer),
        Some("seller") => Eyes::Of(Side::Seller),
        Some(_) => return Err(Problem::field("as", "not buyer or seller")),
        None if call.seller().is_some() => Eyes::Of(Side::Seller),
        None => Eyes::Desk,
    };
    if let Eyes::Of(side) = eyes {
        call.acts_for(side)?;
    }
    takes_part(call, &id).await?;
    let view = call.api.desk.case_of(call.scope(), &id).await?;
    if matches!(eyes, Eyes::Of(side) if view.row.clock.quiet && side != view.row.clock.opener) {
        return Err(Problem::new(Code::NotFound));
    }
    call.reads(&view.row.conversation, view.row.clock.is_pressing()).await?;
    Reply::ok(&tell(call, view, eyes))
}

/// The queue: urgent cases first, then in order of arrival, each with its place.
#[utoipa::path(
    get, path = "/v1/cases", tag = "cases",
    params(
        ("conversation" = Option<String>, Query, description = "all cases of this conversation, decided ones too"),
        ("limit" = Option<u32>, Query, description = "1 to 200, 50 when absent")
    ),
    responses((status = 200, description = "urgent ones first, then oldest first", body = Listed<CaseBody>))
)]
pub(super) async fn list(call: &Call<'_>) -> Answered {
    call.query.only(&["conversation", "limit"])?;
    let conversation = call.query.get("conversation").map(|text| wire::id("conversation", text)).transpose()?;
    let limit = call.query.limit()?;
    let mut items = Vec::new();
    for view in call.api.desk.cases(call.scope(), conversation, limit).await? {
        if call.reads_listed(&view.row.conversation, view.row.clock.is_pressing()).await? {
            items.push(tell(call, view, Eyes::Desk));
        }
    }
    Reply::ok(&Listed { items, next: None })
}

/// Evidence of a side.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EvidencePostBody {
    /// Whose.
    by: SideBody,
    /// `receipt`, `parcel_photo`, `damaged_item`, `wrong_item`, `payment_proof`, `chat` or `label`.
    #[schema(value_type = String)]
    slot: Slot,
    /// A few words, or the chat.
    #[serde(default)]
    text: Option<String>,
    /// At most five pictures or PDF files of 4.5 MB.
    #[serde(default)]
    attachments: Vec<FileInBody>,
}

/// Puts evidence into a case. What comes too late is taken, and said to be late.
#[utoipa::path(
    post, path = "/v1/cases/{id}/evidence", tag = "cases",
    params(("id" = String, Path, description = "the marketplace's id")),
    request_body = EvidencePostBody,
    responses((status = 201, description = "the case as its author sees it", body = CaseBody))
)]
pub(super) async fn evidence(call: &Call<'_>) -> Answered {
    let id: CaseId = call.id("id")?;
    let body: EvidencePostBody = call.read()?;
    let by = Side::from(body.by);
    call.acts_for(by)?;
    let conversation = reads(call, &id).await?;
    if call.repeated {
        return repeated(call, &id, by).await;
    }
    let (said, _) = statement(call, (Some(&conversation), by, Matter::Case), body.text, body.attachments).await?;
    let form = ItemForm { by, kind: ItemKind::Evidence, slot: Some(body.slot), money: None, corrects: None, said };
    let view = call.api.desk.put_case_item(call.scope(), &id, form).await?;
    Reply::created(&tell(call, view, eyes_of(call, by)))
}

/// An offer of money back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OfferPostBody {
    /// Whose.
    by: SideBody,
    /// How much.
    amount: MoneyBody,
    /// The number of an own offer that this one corrects: both are kept.
    #[serde(default)]
    corrects: Option<u64>,
    /// A few words.
    #[serde(default)]
    text: Option<String>,
}

/// Offers money back: it stands beside what is claimed.
#[utoipa::path(
    post, path = "/v1/cases/{id}/offers", tag = "cases",
    params(("id" = String, Path, description = "the marketplace's id")),
    request_body = OfferPostBody,
    responses((status = 201, description = "the case as its author sees it", body = CaseBody))
)]
pub(super) async fn offer(call: &Call<'_>) -> Answered {
    let id: CaseId = call.id("id")?;
    let body: OfferPostBody = call.read()?;
    let by = Side::from(body.by);
    call.acts_for(by)?;
    let conversation = reads(call, &id).await?;
    if call.repeated {
        return repeated(call, &id, by).await;
    }
    let money = Some(body.amount.read("amount")?);
    let (said, _) = statement(call, (Some(&conversation), by, Matter::Case), body.text, Vec::new()).await?;
    let form = ItemForm { by, kind: ItemKind::Offer, slot: None, money, corrects: body.corrects, said };
    let view = call.api.desk.put_case_item(call.scope(), &id, form).await?;
    Reply::created(&tell(call, view, eyes_of(call, by)))
}

/// Who takes a case.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TakePostBody {
    /// As the marketplace names its staff.
    actor: String,
}

/// A person takes a case: the clock of minutes of an urgent one stops.
#[utoipa::path(
    post, path = "/v1/cases/{id}/take", tag = "cases",
    params(("id" = String, Path, description = "the marketplace's id")),
    request_body = TakePostBody,
    responses((status = 200, description = "the case", body = CaseBody))
)]
pub(super) async fn take(call: &Call<'_>) -> Answered {
    let (id, body): (CaseId, TakePostBody) = (call.id("id")?, call.read()?);
    reads(call, &id).await?;
    let view = call.api.desk.take_case(call.scope(), &id, &body.actor).await?;
    Reply::ok(&tell(call, view, Eyes::Desk))
}

/// A decision.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DecisionPostBody {
    /// `for_buyer`, `for_seller`, `partial`, `dismissed` or `withdrawn`.
    #[schema(value_type = String)]
    outcome: Ruling,
    /// Why: both sides are told, with what leads to a person cut out.
    reason: String,
    /// Who decides, as the marketplace names its staff.
    actor: String,
    /// What is to be paid back.
    #[serde(default)]
    amount: Option<MoneyBody>,
}

/// Decides a case for good. What the seller has on its way to the buyer is withheld with it.
#[utoipa::path(
    post, path = "/v1/cases/{id}/decision", tag = "cases",
    params(("id" = String, Path, description = "the marketplace's id")),
    request_body = DecisionPostBody,
    responses((status = 200, description = "the case, decided", body = CaseBody))
)]
pub(super) async fn decide(call: &Call<'_>) -> Answered {
    let id: CaseId = call.id("id")?;
    let body: DecisionPostBody = call.read()?;
    reads(call, &id).await?;
    if call.repeated {
        return Reply::ok(&tell(call, call.api.desk.case_of(call.scope(), &id).await?, Eyes::Desk));
    }
    let amount = body.amount.map(|amount| amount.read("amount")).transpose()?;
    let form = DecisionForm { ruling: body.outcome, reason: body.reason, actor: body.actor, amount };
    let view = call.api.desk.decide_case(call.scope(), &id, &form).await?;
    call.api.relay.wake_cases();
    Reply::ok(&tell(call, view, Eyes::Desk))
}

/// A file of a case, as the other side may see it; as it came only for support and auditors, and that it was opened
/// stands in evidence.
#[utoipa::path(
    get, path = "/v1/cases/{id}/items/{item}/files/{n}", tag = "cases",
    params(
        ("id" = String, Path, description = "the marketplace's id"),
        ("item" = u64, Path, description = "the item's number"),
        ("n" = usize, Path, description = "which file of it, from 0"),
        ("original" = Option<bool>, Query, description = "as it came")
    ),
    responses((status = 200, description = "the file", body = Vec<u8>, content_type = "application/octet-stream"))
)]
pub(super) async fn file(call: &Call<'_>) -> Answered {
    call.query.only(&["original"])?;
    let id: CaseId = call.id("id")?;
    let original = call.query.read::<bool>("original", "not true or false")?.unwrap_or(false);
    if original && !matches!(call.caller.may, TokenScope::Support | TokenScope::Auditor) {
        return Err(Problem::new(Code::ForbiddenScope));
    }
    reads(call, &id).await?;
    let number = |name: &str| call.param(name).parse::<u64>().map_err(|_| Problem::new(Code::NotFound));
    let (item, n) = (number("item")?, usize::try_from(number("n")?).unwrap_or(usize::MAX));
    let (_, paper) = call.api.desk.case_paper(call.scope(), &id, (item, n), original).await?;
    let media_type = ["image/jpeg", "image/png", "image/gif", "image/webp", "application/pdf"]
        .into_iter()
        .find(|known| *known == paper.file.media_type)
        .unwrap_or("application/octet-stream");
    Ok(Reply { status: StatusCode::OK, body: paper.bytes, media_type })
}

/// Looks whether the caller has a part in a case. One of another seller, or one that its other side is told nothing
/// of, is absent.
async fn takes_part(call: &Call<'_>, id: &CaseId) -> Result<CasePlace, Problem> {
    let place = call.api.desk.case_between(call.scope(), id).await?;
    match call.seller() {
        Some((party, _)) if *party != place.seller || place.is_quiet => Err(Problem::new(Code::NotFound)),
        _ => Ok(place),
    }
}

/// The same, and remembers that the caller reads what is in it.
async fn reads(call: &Call<'_>, id: &CaseId) -> Result<ConversationId, Problem> {
    let place = takes_part(call, id).await?;
    call.reads(&place.conversation, place.is_pressing).await?;
    Ok(place.conversation)
}

async fn repeated(call: &Call<'_>, id: &CaseId, by: Side) -> Answered {
    let view = call.api.desk.case_of(call.scope(), id).await?;
    Reply::created(&tell(call, view, eyes_of(call, by)))
}

fn eyes_of(call: &Call<'_>, by: Side) -> Eyes {
    if call.seller().is_some() { Eyes::Of(by) } else { Eyes::Desk }
}
