//! `/v1/violations` and what follows: statements of reasons, appeals, tickets about buyers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    call::{Answered, Call, Reply},
    problem::{Code, Problem},
    wire::{self, FindingBody, Listed, Reader, ReasonBody, SideBody},
};
use crate::{
    desk::{
        SanctionRow, ViolationFilter,
        appeals::{AppealView, Heard, check_ruling},
        tickets::{TicketForm, TicketView},
        violations::ViolationView,
    },
    model::{Breach, ConversationId, EventId, Measure, Part, PartyId, Restriction, Side, Timestamp},
    relay::Cleared,
};

/// A violation, as a statement of reasons.
#[derive(Serialize, ToSchema)]
pub(super) struct ViolationBody {
    /// Its id.
    id: String,
    /// Whose.
    party: String,
    /// As what.
    side: SideBody,
    /// In which conversation.
    conversation: String,
    /// By which message.
    message: String,
    /// Which rule: `threat`, `review_incentive`, `contact_details` and so on.
    breach: &'static str,
    /// `counted`; `pending`: the message is held; `reversed`: an appeal was upheld; `released`: a person let the
    /// message go; `lapsed`: nobody looked at it.
    state: &'static str,
    /// When the message came.
    at: String,
    /// Since when it counts.
    decided_at: String,
    /// Points that it counts: with all that multiplies them.
    points: u32,
    /// What is left of them now.
    points_left: u32,
    /// Why it counts none: `graced`, one of the first, or `together`, one with the offence before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    forgiven: Option<&'static str>,
    /// Why, where, and how to contest it.
    reason: ReasonsBody,
    /// What followed.
    consequences: Vec<SanctionBody>,
    /// What was filed against it.
    appeals: Vec<AppealBody>,
}

/// Why, where, and how to contest it.
#[derive(Serialize, ToSchema)]
struct ReasonsBody {
    /// Why: a rule of the lexicon, a kind of finding, or `ruling`. Without `start` and `end` the whole part is meant.
    #[serde(flatten)]
    why: ReasonBody,
    /// How to contest it; absent once that is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    appeal: Option<AppealWayBody>,
}

/// How to appeal.
#[derive(Serialize, ToSchema)]
struct AppealWayBody {
    /// The call.
    call: String,
    /// Until when.
    until: String,
    /// How many times.
    left: u32,
}

/// A measure.
#[derive(Serialize, ToSchema)]
pub(super) struct SanctionBody {
    /// Its id.
    id: String,
    /// Which violation brought it; not told to a seller of another's, with whom it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    violation: Option<String>,
    /// `warning`, `slowed`, `template_only`, `withdrawn`, or of a buyer `unowed`.
    measure: &'static str,
    /// Of `slowed`: so many messages to one buyer.
    #[serde(skip_serializing_if = "Option::is_none")]
    burst: Option<u32>,
    /// Of `slowed`: in any such time.
    #[serde(skip_serializing_if = "Option::is_none")]
    per: Option<String>,
    /// Points of the account when it came.
    points: u32,
    /// Since when.
    since: String,
    /// Until when; absent: for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// When it was lifted before its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    lifted_at: Option<String>,
}

impl SanctionBody {
    pub(super) fn of(row: &SanctionRow, own: Option<&PartyId>) -> Self {
        let sanction = &row.sanction;
        let (burst, per) = slowed(sanction.measure);
        Self {
            id: row.id.to_string(),
            violation: own.is_none_or(|own| *own == row.party).then(|| sanction.violation.to_string()),
            measure: sanction.measure.as_str(),
            burst,
            per,
            points: sanction.points,
            since: sanction.since.rfc3339(),
            until: sanction.until.map(Timestamp::rfc3339),
            lifted_at: row.lifted.map(Timestamp::rfc3339),
        }
    }
}

pub(super) fn slowed(measure: Measure) -> (Option<u32>, Option<String>) {
    match measure {
        Measure::Restrict(Restriction::Slowed { burst, per }) => (Some(burst), Some(per.to_string())),
        _ => (None, None),
    }
}

/// An appeal.
#[derive(Serialize, ToSchema)]
pub(super) struct AppealBody {
    /// Its id.
    id: String,
    /// Against which violation.
    violation: String,
    /// The first or the second.
    n: u32,
    /// What was said, and what became of it.
    #[serde(flatten)]
    heard: HeardBody,
}

/// What a side said against something, and what a person decided.
#[derive(Serialize, ToSchema)]
pub(super) struct HeardBody {
    /// When it was filed.
    at: String,
    /// `open`, `upheld` or `dismissed`.
    state: &'static str,
    /// Its words.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// When it was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Who decided: for the marketplace alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
}

impl HeardBody {
    pub(super) fn of(heard: &Heard, reader: Reader) -> Self {
        let state = match heard.outcome {
            None => "open",
            Some((_, true)) => "upheld",
            Some((_, false)) => "dismissed",
        };
        Self {
            at: heard.at.rfc3339(),
            state,
            text: heard.words.clone(),
            decided_at: heard.outcome.map(|(at, _)| at.rfc3339()),
            reason: heard.reason.clone(),
            actor: heard.actor.clone().filter(|_| reader == Reader::Marketplace),
        }
    }
}

impl AppealBody {
    fn of(view: &AppealView, reader: Reader) -> Self {
        Self {
            id: view.id.to_string(),
            violation: view.violation.to_string(),
            n: view.n,
            heard: HeardBody::of(&view.heard, reader),
        }
    }
}

impl ViolationBody {
    fn of(view: &ViolationView, call: &Call<'_>) -> Self {
        let (row, reader, explain) = (&view.row, call.reader(), call.explain());
        let appeal = view.appeal_until.map(|until| AppealWayBody {
            call: format!("POST /v1/violations/{}/appeal", row.id),
            until: until.rfc3339(),
            left: view.appeals_left,
        });
        let why = ReasonBody {
            explanation: explain(&row.rule),
            rule: row.rule.clone(),
            part: Some(row.part.parse().unwrap_or(Part::Text(0))),
            start: row.span.map(|(start, _)| start),
            end: row.span.map(|(_, end)| end),
            text: view.text.clone(),
            automated: row.automated,
        };
        let points = view.weight.map_or(0, |weight| weight.points());
        Self {
            id: row.id.to_string(),
            party: row.party.to_string(),
            side: row.side.into(),
            conversation: row.conversation.to_string(),
            message: row.message.to_string(),
            breach: row.breach.as_str(),
            state: row.state.as_str(),
            at: row.at.rfc3339(),
            decided_at: row.decided.rfc3339(),
            points,
            points_left: view.left,
            forgiven: view.weight.filter(|_| points == 0).map(|weight| weight.as_str()),
            reason: ReasonsBody { why, appeal },
            consequences: view.sanctions.iter().map(|row| SanctionBody::of(row, None)).collect(),
            appeals: view.appeals.iter().map(|appeal| AppealBody::of(appeal, reader)).collect(),
        }
    }
}

/// Violations, newest first; a seller is told its own, in its own words.
#[utoipa::path(
    get, path = "/v1/violations", tag = "enforcement",
    params(
        ("party" = Option<String>, Query, description = "of whom; for a seller always of itself"),
        ("side" = Option<String>, Query, description = "`seller` or `buyer`"),
        ("limit" = Option<u32>, Query, description = "1 to 200, 50 when absent"),
        ("after" = Option<String>, Query, description = "`next` of the page before")
    ),
    responses((status = 200, description = "newest first", body = Listed<ViolationBody>))
)]
pub(super) async fn list(call: &Call<'_>) -> Answered {
    call.query.only(&["party", "side", "limit", "after"])?;
    let limit = call.query.limit()?;
    let asked: Option<PartyId> = call.query.read("party", "not an id")?;
    let side = match call.query.get("side") {
        None => None,
        Some("seller") => Some(Side::Seller),
        Some("buyer") => Some(Side::Buyer),
        Some(_) => return Err(Problem::field("side", "seller or buyer")),
    };
    let (party, side) = match call.seller() {
        Some((own, _)) if asked.as_ref().is_some_and(|party| party != own) || side == Some(Side::Buyer) => {
            return Err(Problem::new(Code::ForbiddenScope));
        }
        Some((own, _)) => (Some(own.clone()), Some(Side::Seller)),
        None => (asked, side),
    };
    let after: Option<EventId> = call.query.read("after", "not a cursor")?;
    let settled = call.seller().is_some();
    let filter = ViolationFilter { party, side, after, settled, limit };
    let views = call.api.desk.violations(call.scope(), filter).await?;
    let next = views.last().filter(|_| views.len() == limit).map(|view| view.row.id.to_string());
    let mut items = Vec::with_capacity(views.len());
    for view in &views {
        if call.reads_listed(&view.row.conversation, false).await? {
            items.push(ViolationBody::of(view, call));
        }
    }
    Reply::ok(&Listed { items, next })
}

/// One violation.
#[utoipa::path(
    get, path = "/v1/violations/{id}", tag = "enforcement",
    params(("id" = String, Path, description = "the violation's id")),
    responses((status = 200, description = "a statement of reasons", body = ViolationBody))
)]
pub(super) async fn show(call: &Call<'_>) -> Answered {
    let own = call.seller().map(|(party, _)| party);
    let view = call.api.desk.violation(call.scope(), event(call)?, own).await?;
    call.reads(&view.row.conversation, false).await?;
    Reply::ok(&ViolationBody::of(&view, call))
}

/// The words of an appeal.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AppealForm {
    /// Why it is wrong: 1 to 4000 characters.
    text: String,
}

/// Appeals against a violation: in time, and at most as often as the settings say. The marketplace files for a buyer.
#[utoipa::path(
    post, path = "/v1/violations/{id}/appeal", tag = "enforcement",
    params(("id" = String, Path, description = "the violation's id")),
    request_body = AppealForm,
    responses((status = 201, description = "filed", body = AppealBody))
)]
pub(super) async fn appeal(call: &Call<'_>) -> Answered {
    let form: AppealForm = call.read()?;
    let own = call.seller().map(|(party, _)| party);
    let view = match call.made() {
        Some(appeal) => call.api.desk.appeal(call.scope(), appeal).await?,
        None => call.api.desk.file_appeal(call.scope(), event(call)?, &form.text, own).await?,
    };
    Reply::created(&AppealBody::of(&view, call.reader()))
}

/// A person's decision.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RulingForm {
    /// `upheld` or `dismissed`.
    pub(super) decision: RulingWord,
    /// Why: 1 to 4000 characters. The side reads it: what leads to a person is cut, as in a letter of support.
    pub(super) reason: String,
    /// Who decided, as the marketplace names its staff.
    pub(super) actor: String,
}

/// What may be decided.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RulingWord {
    Upheld,
    Dismissed,
}

impl RulingForm {
    /// Its reason, as a side of a conversation may read it.
    async fn cleared(&self, call: &Call<'_>, (talk, to): (ConversationId, Side)) -> Result<Cleared, Problem> {
        check_ruling(&self.actor, &self.reason)?;
        Ok(call.api.relay.clear(call.scope(), &talk, to, &self.reason).await?)
    }
}

/// What was decided, and what was cut out of its reason.
#[derive(Serialize, ToSchema)]
pub(super) struct RuledBody<T: ToSchema> {
    /// What it was about.
    #[serde(flatten)]
    ruled: T,
    /// What was cut.
    findings: Vec<FindingBody>,
}

impl<T: ToSchema> RuledBody<T> {
    pub(super) fn of(ruled: T, cleared: &Cleared, call: &Call<'_>) -> Self {
        Self { ruled, findings: wire::findings(&cleared.findings, &call.explain()) }
    }
}

/// Decides an appeal. Who decided about the violation or an earlier appeal may not. One that is upheld takes back
/// points, sanctions and metrics.
#[utoipa::path(
    post, path = "/v1/appeals/{id}/decision", tag = "enforcement",
    params(("id" = String, Path, description = "the appeal's id")),
    request_body = RulingForm,
    responses((status = 200, description = "decided, with what was cut out of the reason", body = RuledBody<AppealBody>))
)]
pub(super) async fn decide(call: &Call<'_>) -> Answered {
    let (form, id): (RulingForm, EventId) = (call.read()?, event(call)?);
    let reader = call.api.desk.appeal_reader(call.scope(), id).await?;
    call.reads(&reader.0, false).await?;
    let cleared = form.cleared(call, reader).await?;
    let (upheld, words) = (form.decision == RulingWord::Upheld, (form.actor.as_str(), cleared.text.as_str()));
    let view = match call.made() {
        Some(appeal) => call.api.desk.appeal(call.scope(), appeal).await?,
        None => call.api.desk.decide_appeal(call.scope(), id, upheld, words).await?,
    };
    Reply::ok(&RuledBody::of(AppealBody::of(&view, call.reader()), &cleared, call))
}

/// A ticket about a buyer's message.
#[derive(Serialize, ToSchema)]
pub(super) struct TicketBody {
    /// Its id.
    id: String,
    /// In which conversation.
    conversation: String,
    /// By which seller.
    seller: String,
    /// About which message.
    message: String,
    /// What is said to be wrong with it.
    breach: &'static str,
    /// What the seller said, and what became of it.
    #[serde(flatten)]
    heard: HeardBody,
}

impl TicketBody {
    fn of(view: &TicketView, reader: Reader) -> Self {
        Self {
            id: view.id.to_string(),
            conversation: view.conversation.to_string(),
            seller: view.seller.to_string(),
            message: view.message.to_string(),
            breach: view.breach.as_str(),
            heard: HeardBody::of(&view.heard, reader),
        }
    }
}

/// What a seller says of a buyer's message.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTicketBody {
    /// Which message.
    message: String,
    /// What is wrong with it: one that counts against a buyer, such as `abuse`, `threat`, `demand`, `spam`, `sexual`.
    breach: String,
    /// In the seller's words.
    #[serde(default)]
    text: Option<String>,
}

/// A seller says that a message of the buyer is abusive. Nothing follows until a person rules.
#[utoipa::path(
    post, path = "/v1/conversations/{id}/tickets", tag = "enforcement",
    params(("id" = String, Path, description = "the conversation")),
    request_body = NewTicketBody,
    responses(
        (status = 201, description = "filed", body = TicketBody),
        (status = 200, description = "there is one about this message", body = TicketBody)
    )
)]
pub(super) async fn file_ticket(call: &Call<'_>) -> Answered {
    let conversation: ConversationId = call.id("id")?;
    call.takes_part(&conversation).await?;
    let form: NewTicketBody = call.read()?;
    let message: EventId = wire::id("message", &form.message)?;
    let breach = Breach::named(&form.breach).ok_or_else(|| Problem::field("breach", "no such kind of offence"))?;
    let agent = call.seller().map(|(_, agent)| agent.clone());
    let form = TicketForm { conversation: &conversation, message, breach, words: form.text.as_deref(), agent };
    let (view, created) = call.api.desk.file_ticket(call.scope(), form).await?;
    Reply::put(created, &TicketBody::of(&view, call.reader()))
}

/// Tickets, oldest first; a seller is told its own.
#[utoipa::path(
    get, path = "/v1/tickets", tag = "enforcement",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200, 50 when absent"),
        ("after" = Option<String>, Query, description = "`next` of the page before")
    ),
    responses((status = 200, description = "oldest first", body = Listed<TicketBody>))
)]
pub(super) async fn tickets(call: &Call<'_>) -> Answered {
    call.query.only(&["limit", "after"])?;
    let limit = call.query.limit()?;
    let after: Option<EventId> = call.query.read("after", "not a cursor")?;
    let own = call.seller().map(|(party, _)| party);
    let views = call.api.desk.tickets(call.scope(), own, after, limit).await?;
    let next = views.last().filter(|_| views.len() == limit).map(|view| view.id.to_string());
    let mut items = Vec::with_capacity(views.len());
    for view in &views {
        if call.reads_listed(&view.conversation, false).await? {
            items.push(TicketBody::of(view, call.reader()));
        }
    }
    Reply::ok(&Listed { items, next })
}

/// Rules on a ticket. One that is upheld counts against the buyer, and the message leaves the seller's metrics.
#[utoipa::path(
    post, path = "/v1/tickets/{id}/decision", tag = "enforcement",
    params(("id" = String, Path, description = "the ticket's id")),
    request_body = RulingForm,
    responses((status = 200, description = "decided, with what was cut out of the reason", body = RuledBody<TicketBody>))
)]
pub(super) async fn rule_ticket(call: &Call<'_>) -> Answered {
    let (form, id): (RulingForm, EventId) = (call.read()?, event(call)?);
    let reader = call.api.desk.ticket_reader(call.scope(), id).await?;
    call.reads(&reader.0, false).await?;
    let cleared = form.cleared(call, reader).await?;
    let (upheld, words) = (form.decision == RulingWord::Upheld, (form.actor.as_str(), cleared.text.as_str()));
    let view = match call.made() {
        Some(ticket) => call.api.desk.ticket(call.scope(), ticket).await?,
        None => call.api.desk.rule_ticket(call.scope(), id, upheld, words).await?,
    };
    Reply::ok(&RuledBody::of(TicketBody::of(&view, call.reader()), &cleared, call))
}

fn event(call: &Call<'_>) -> Result<EventId, Problem> {
    call.param("id").parse().map_err(|_| Problem::new(Code::NotFound))
}
