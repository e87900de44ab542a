//! `/v1/disclosures`: a real contact for the eyes of one, asked for by one member of staff and approved by another; and
//! who saw a person's contact.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    call::{Answered, Call, Reply},
    parties::AddressBody,
    problem::{Code, Problem},
    wire,
};
use crate::{
    desk::{
        DisclosureRow, GlassRow, Need, RequestStanding,
        access::Seen,
        disclosures::{ContactField, Request},
    },
    model::{EventId, PartyId, Timestamp},
};

/// A request to see one person's contact.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AskBody {
    /// Whose: one person a request.
    party: String,
    /// In which conversation, if it is about one.
    #[serde(default)]
    conversation: Option<String>,
    /// For what.
    purpose: NeedBody,
    /// A case, or your own word for what it is about.
    #[serde(default)]
    case: Option<String>,
    /// What of it.
    #[schema(value_type = Vec<String>)]
    fields: Vec<ContactField>,
    /// Who asks: your id of your staff.
    actor: String,
    /// For how long.
    minutes: u32,
    /// The person is told not before this: only for `authority`, `fraud` and `safety`.
    #[serde(default)]
    delay_notice_until: Option<String>,
    /// Why.
    #[serde(default)]
    delay_reason: Option<String>,
}

/// For what a contact may be asked.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum NeedBody {
    Authority,
    Delivery,
    Fraud,
    LegalClaim,
    Safety,
    #[serde(rename = "self")]
    Person,
}

impl From<NeedBody> for Need {
    fn from(need: NeedBody) -> Self {
        match need {
            NeedBody::Authority => Self::Authority,
            NeedBody::Delivery => Self::Delivery,
            NeedBody::Fraud => Self::Fraud,
            NeedBody::LegalClaim => Self::LegalClaim,
            NeedBody::Safety => Self::Safety,
            NeedBody::Person => Self::Person,
        }
    }
}

/// A request as it stands.
#[derive(Serialize, ToSchema)]
pub(super) struct DisclosureRequestBody {
    /// Its id.
    #[schema(value_type = String)]
    id: EventId,
    /// `pending`, `open` or `expired`.
    state: &'static str,
    /// Whose contact.
    party: String,
    /// In which conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<String>,
    /// For what.
    purpose: String,
    /// About which case.
    #[serde(skip_serializing_if = "Option::is_none")]
    case: Option<String>,
    /// What of it.
    fields: Vec<String>,
    /// Who asked.
    actor: String,
    /// When.
    asked_at: String,
    /// For how long.
    minutes: u32,
    /// Who approved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_at: Option<String>,
    /// Until when it may be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    open_until: Option<String>,
    /// When the person will be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    notice_due: Option<String>,
    /// When the person was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    noticed_at: Option<String>,
}

impl DisclosureRequestBody {
    fn of((row, standing): (GlassRow, RequestStanding)) -> Self {
        let (approved_by, approved_at, open_until) = match row.approved {
            Some((who, at, until)) => (Some(who), Some(at.rfc3339()), Some(until.rfc3339())),
            None => (None, None, None),
        };
        Self {
            id: row.id,
            state: standing.as_str(),
            party: row.party.into(),
            conversation: row.conversation.map(Into::into),
            purpose: row.purpose,
            case: row.reference,
            fields: row.fields.split(',').map(str::to_owned).collect(),
            actor: row.actor,
            asked_at: row.asked.rfc3339(),
            minutes: row.minutes,
            approved_by,
            approved_at,
            open_until,
            notice_due: row.notice_due.map(Timestamp::rfc3339),
            noticed_at: row.noticed.map(Timestamp::rfc3339),
        }
    }
}

/// Asks for a person's contact: pending until a second member of staff approves.
#[utoipa::path(
    post, path = "/v1/disclosures", tag = "disclosures", request_body = AskBody,
    responses((status = 201, description = "pending", body = DisclosureRequestBody))
)]
pub(super) async fn ask(call: &Call<'_>) -> Answered {
    let body: AskBody = call.read()?;
    let party: PartyId = wire::id("party", &body.party)?;
    let conversation = body.conversation.as_deref().map(|id| wire::id("conversation", id)).transpose()?;
    let until = body.delay_notice_until.as_deref().map(|at| wire::time("delay_notice_until", at)).transpose()?;
    let delay = match (until, body.delay_reason.as_deref()) {
        (None, None) => None,
        (Some(until), Some(why)) => Some((until, why)),
        (Some(_), None) => return Err(Problem::field("delay_reason", "missing")),
        (None, Some(_)) => return Err(Problem::field("delay_notice_until", "missing")),
    };
    let request = Request {
        party: &party,
        conversation,
        need: body.purpose.into(),
        reference: body.case.as_deref(),
        fields: body.fields,
        actor: &body.actor,
        token: call.caller.token,
        minutes: body.minutes,
        delay,
    };
    Reply::created(&DisclosureRequestBody::of(call.api.desk.ask(call.scope(), request).await?))
}

/// Who approves.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApproveBody {
    /// Your id of your staff: another than who asked.
    actor: String,
}

/// A second person's word: the contact is open to the token that asked.
#[utoipa::path(
    post, path = "/v1/disclosures/{id}/approve", tag = "disclosures",
    params(("id" = String, Path, description = "the request")), request_body = ApproveBody,
    responses((status = 200, description = "open", body = DisclosureRequestBody))
)]
pub(super) async fn approve(call: &Call<'_>) -> Answered {
    let body: ApproveBody = call.read()?;
    let done = call.api.desk.approve(call.scope(), id(call)?, &body.actor, call.caller.token).await?;
    Reply::ok(&DisclosureRequestBody::of(done))
}

/// A request as it stands; never the contact.
#[utoipa::path(
    get, path = "/v1/disclosures/{id}", tag = "disclosures",
    params(("id" = String, Path, description = "the request")),
    responses((status = 200, description = "never the contact", body = DisclosureRequestBody))
)]
pub(super) async fn show(call: &Call<'_>) -> Answered {
    Reply::ok(&DisclosureRequestBody::of(call.api.desk.request(call.scope(), id(call)?).await?))
}

/// A real contact.
#[derive(Serialize, ToSchema)]
pub(super) struct DisclosedBody {
    /// The request.
    #[schema(value_type = String)]
    id: EventId,
    /// Whose.
    party: String,
    /// Until when it may be read again.
    #[serde(skip_serializing_if = "Option::is_none")]
    open_until: Option<String>,
    /// Real names.
    #[serde(skip_serializing_if = "Option::is_none")]
    names: Option<Vec<String>>,
    /// Mail addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    emails: Option<Vec<String>>,
    /// Phone numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    phones: Option<Vec<String>>,
    /// Postal addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    addresses: Option<Vec<AddressBody>>,
}

/// The contact, for the token that asked, as long as it is open. Each reading is recorded.
#[utoipa::path(
    post, path = "/v1/disclosures/{id}/read", tag = "disclosures",
    params(("id" = String, Path, description = "the request")),
    responses((status = 200, description = "the real contact", body = DisclosedBody))
)]
pub(super) async fn read(call: &Call<'_>) -> Answered {
    let (row, contact) = call.api.desk.read(call.scope(), id(call)?, call.caller.token).await?;
    call.saw(std::slice::from_ref(&row.party), Seen::Contact).await?;
    Reply::ok(&DisclosedBody {
        id: row.id,
        party: row.party.into(),
        open_until: row.approved.map(|(_, _, until)| until.rfc3339()),
        names: contact.names.map(|names| names.reveal().clone()),
        emails: contact.emails.map(|emails| emails.reveal().clone()),
        phones: contact.phones.map(|phones| phones.reveal().clone()),
        addresses: contact.addresses.map(|all| all.reveal().iter().map(AddressBody::from).collect()),
    })
}

fn id(call: &Call<'_>) -> Result<EventId, Problem> {
    call.param("id").parse().map_err(|_| Problem::new(Code::NotFound))
}

/// A reading of a person's contact.
#[derive(Serialize, ToSchema)]
pub(super) struct DisclosureBody {
    /// Its id.
    #[schema(value_type = String)]
    id: EventId,
    /// Who saw it: a carrier, or a member of staff.
    to: String,
    /// `carrier` or `staff`.
    by: &'static str,
    /// For what.
    purpose: String,
    /// What of it.
    fields: Vec<String>,
    /// For which shipment; of a carrier's reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    shipment: Option<String>,
    /// The request it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    request: Option<EventId>,
    /// In which conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<String>,
    /// When.
    at: String,
}

impl From<DisclosureRow> for DisclosureBody {
    fn from(row: DisclosureRow) -> Self {
        Self {
            id: row.id,
            to: row.to,
            by: if row.request.is_some() { "staff" } else { "carrier" },
            purpose: row.purpose,
            fields: row.fields.split(',').map(str::to_owned).collect(),
            shipment: row.request.is_none().then_some(row.shipment),
            request: row.request,
            conversation: row.conversation.map(Into::into),
            at: row.at.rfc3339(),
        }
    }
}

/// Who saw a person's contact.
#[derive(Serialize, ToSchema)]
pub(super) struct DisclosuresBody {
    /// Readings, newest first.
    items: Vec<DisclosureBody>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// Requests, read or not, newest first.
    requests: Vec<DisclosureRequestBody>,
}

/// Who saw this person's contact, when and why: carriers and staff alike.
#[utoipa::path(
    get, path = "/v1/parties/{id}/disclosures", tag = "parties",
    params(
        ("id" = String, Path, description = "the marketplace's id"),
        ("limit" = Option<u32>, Query, description = "1 to 200, 50 when absent"),
        ("after" = Option<String>, Query, description = "the `next` of the page before")
    ),
    responses((status = 200, description = "newest first", body = DisclosuresBody))
)]
pub(super) async fn list(call: &Call<'_>) -> Answered {
    call.query.only(&["limit", "after"])?;
    let party: PartyId = call.id("id")?;
    let limit = call.query.limit()?;
    let after: Option<EventId> = call.query.read("after", "not a cursor")?;
    let rows = call.api.desk.disclosures(call.scope(), &party, after, limit).await?;
    let next = rows.last().filter(|_| rows.len() == limit).map(|row| row.id.to_string());
    let requests = call.api.desk.requests(call.scope(), &party).await?;
    Reply::ok(&DisclosuresBody {
        items: rows.into_iter().map(DisclosureBody::from).collect(),
        next,
        requests: requests.into_iter().map(DisclosureRequestBody::of).collect(),
    })
}
