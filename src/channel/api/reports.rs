//! `/v1/reports`: what happened around the platform, and the map of what leaked.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    call::{Answered, Call, Reply, listed},
    case_body::described,
    cases::{alarm, statement},
    messages::{FileBody, FileInBody},
    problem::{Code, Problem},
    wire::{self, FindingBody, Listed, SideBody, SignalBody},
};
use crate::{
    desk::{
        access::Seen,
        cases::{findings_of, signals_of},
        reports::{Leak, ReportForm, ReportView},
    },
    model::{Category, ConversationId, EventId, PartyId, ReportState, Side, Timestamp},
    relay::Matter,
};

/// A report from outside.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReportPostBody {
    /// About which conversation; without one the report is kept apart.
    #[serde(default)]
    conversation: Option<String>,
    /// Whose report.
    by: SideBody,
    /// Somebody else hands it in for them: it is kept apart until they say so too.
    #[serde(default)]
    on_behalf: bool,
    /// `privacy_violation`, `doxxing`, `unordered_courier`, `fake_cod`, `outside_contact`, `parcel_note`, `review_deal`,
    /// `threat`, `harassment`, `false_information`, `ip_right`, `forbidden_goods`, `sexual`, `minor_safety` or `other`.
    #[schema(value_type = String)]
    category: Category,
    /// What happened, or what was written.
    #[serde(default)]
    text: Option<String>,
    /// Screenshots, photos, PDF files, and mails (`message/rfc822`) as they came.
    #[serde(default)]
    attachments: Vec<FileInBody>,
}

/// A report.
#[derive(Serialize, ToSchema)]
pub(super) struct ReportBody {
    /// Its id.
    #[schema(value_type = String)]
    id: EventId,
    /// `confirmed`, or `unconfirmed`: kept apart until the person whom it concerns says so too.
    #[schema(value_type = String)]
    state: ReportState,
    /// About which conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<String>,
    /// Whose.
    by: SideBody,
    /// What it is about.
    #[schema(value_type = String)]
    category: Category,
    /// When.
    at: String,
    /// What was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The files, as they came.
    attachments: Vec<FileBody>,
    /// What was found in texts, pictures, PDF files and mails.
    findings: Vec<FindingBody>,
    /// What they are up to.
    signals: Vec<SignalBody>,
    /// Which handles leaked, and to whom each had been shown.
    leaks: Vec<LeakBody>,
    /// Who of the two wrote the mail that came with it, from a real address. In the answer to the report alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_by: Option<SideBody>,
    /// The urgent case that it opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    case: Option<String>,
    /// Whose report it is, where that is known before it is bound: who reported by mail, or for whom it was handed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    reporter: Option<String>,
}

/// A handle that is known outside.
#[derive(Serialize, ToSchema)]
pub(super) struct LeakBody {
    /// The handle.
    handle: String,
    /// Of which conversation.
    conversation: String,
    /// Whom it stands for.
    of: SideBody,
    /// To whom it had been shown, and to nobody else.
    shown_to: String,
    /// Since when.
    shown_since: String,
    /// Until when it was in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_at: Option<String>,
    /// Where a report met it: `text`, `recipient` or `sender`.
    #[serde(skip_serializing_if = "Option::is_none")]
    met: Option<String>,
    /// How often strangers wrote to it.
    hits: u64,
    /// When first, by the hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_hit: Option<String>,
    /// When last, by the hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_hit: Option<String>,
    /// The confirmed reports it was met in.
    reports: Vec<String>,
}

impl From<Leak> for LeakBody {
    fn from(leak: Leak) -> Self {
        let (first, last) = leak.span.unzip();
        Self {
            handle: leak.handle,
            conversation: leak.conversation.into(),
            of: leak.stands_for.into(),
            shown_to: leak.shown_to.into(),
            shown_since: leak.since.rfc3339(),
            replaced_at: leak.replaced.map(Timestamp::rfc3339),
            met: leak.met,
            hits: leak.hits,
            first_hit: first.map(Timestamp::rfc3339),
            last_hit: last.map(Timestamp::rfc3339),
            reports: leak.reports.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Takes a report: what was found in it, and which handle leaked. It opens nothing for the other side, which never
/// hears of it. One of danger to body, home or a child opens an urgent case at once.
#[utoipa::path(
    post, path = "/v1/reports", tag = "reports",
    request_body = ReportPostBody,
    responses((status = 201, description = "taken", body = ReportBody))
)]
pub(super) async fn post(call: &Call<'_>) -> Answered {
    if let Some(id) = call.made() {
        return Reply::created(&tell(call, read(call, id).await?));
    }
    let body: ReportPostBody = call.read()?;
    let conversation = body.conversation.as_deref().map(|text| wire::id("conversation", text)).transpose()?;
    let conversation: Option<ConversationId> = conversation;
    let by = Side::from(body.by);
    let asked = (conversation.as_ref(), by, Matter::Report);
    let (said, studied) = statement(call, asked, body.text, body.attachments).await?;
    let (handles, sent_by) = (studied.handles, studied.sent_by);
    let form = ReportForm {
        id: call.api.desk.new_report()?,
        conversation,
        by,
        on_behalf: body.on_behalf,
        category: body.category,
        said,
        handles,
        reporter: None,
        asked: None,
        receipt: None,
    };
    let view = call.api.desk.put_report(call.scope(), form).await?;
    raise_alarm(call, &view).await?;
    let mut told = tell(call, view);
    told.sent_by = sent_by.map(SideBody::from);
    Reply::created(&told)
}

/// To which conversation a report belongs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmBody {
    /// About which conversation.
    conversation: String,
}

/// The person whom it concerns says so too: the report is bound to a conversation, and counts.
#[utoipa::path(
    post, path = "/v1/reports/{id}/confirm", tag = "reports",
    params(("id" = String, Path, description = "the report's id")),
    request_body = ConfirmBody,
    responses((status = 200, description = "confirmed", body = ReportBody))
)]
pub(super) async fn confirm(call: &Call<'_>) -> Answered {
    let id = report_id(call)?;
    let body: ConfirmBody = call.read()?;
    let conversation: ConversationId = wire::id("conversation", &body.conversation)?;
    read(call, id).await?;
    let view = call.api.desk.confirm_report(call.scope(), id, &conversation).await?;
    raise_alarm(call, &view).await?;
    Reply::ok(&tell(call, view))
}

/// One report.
#[utoipa::path(
    get, path = "/v1/reports/{id}", tag = "reports",
    params(("id" = String, Path, description = "the report's id")),
    responses((status = 200, description = "the report", body = ReportBody))
)]
pub(super) async fn show(call: &Call<'_>) -> Answered {
    let view = read(call, report_id(call)?).await?;
    Reply::ok(&tell(call, view))
}

/// Reports, oldest first.
#[utoipa::path(
    get, path = "/v1/reports", tag = "reports",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200, 50 when absent"),
        ("after" = Option<String>, Query, description = "the `next` of the page before")
    ),
    responses((status = 200, description = "oldest first", body = Listed<ReportBody>))
)]
pub(super) async fn list(call: &Call<'_>) -> Answered {
    call.query.only(&["limit", "after"])?;
    let limit = call.query.limit()?;
    let after: Option<EventId> = call.query.read("after", "not a cursor")?;
    let reports = call.api.desk.reports(call.scope(), after, limit).await?;
    let next = reports.last().filter(|_| reports.len() == limit).map(|view| view.row.id.to_string());
    let mut items = Vec::with_capacity(reports.len());
    for view in reports {
        if listed(reads(call, &view).await)? {
            items.push(tell(call, view));
        }
    }
    Reply::ok(&Listed { items, next })
}

/// The leak map of a party: handles that had been shown to it alone and are known to strangers.
#[utoipa::path(
    get, path = "/v1/parties/{id}/leaks", tag = "reports",
    params(("id" = String, Path, description = "the marketplace's id")),
    responses((status = 200, description = "oldest first", body = Listed<LeakBody>))
)]
pub(super) async fn leaks(call: &Call<'_>) -> Answered {
    let party: PartyId = call.id("id")?;
    let leaks = call.api.desk.leaks(call.scope(), &party).await?;
    Reply::ok(&Listed { items: leaks.into_iter().map(LeakBody::from).collect(), next: None })
}

async fn raise_alarm(call: &Call<'_>, view: &ReportView) -> Result<(), Problem> {
    if let Some(case) = &view.case {
        alarm(&call.api.desk.case_of(call.scope(), case).await?);
    }
    Ok(())
}

async fn read(call: &Call<'_>, id: EventId) -> Result<ReportView, Problem> {
    let view = call.api.desk.report(call.scope(), id).await?;
    reads(call, &view).await?;
    Ok(view)
}

/// Looks whether the caller may read a report, and remembers of whom it was: of one that belongs to no conversation, of
/// whom its handles tell.
async fn reads(call: &Call<'_>, view: &ReportView) -> Result<(), Problem> {
    let danger = view.row.category.urgent().is_some();
    let met: Vec<&ConversationId> = match &view.row.conversation {
        Some(conversation) => vec![conversation],
        None => view.leaks.iter().map(|leak| &leak.conversation).collect(),
    };
    match &view.row.reporter {
        Some(reporter) if danger => call.saw(std::slice::from_ref(reporter), Seen::Text).await?,
        Some(reporter) => call.reads_of(std::slice::from_ref(reporter)).await?,
        None => {}
    }
    for conversation in met {
        call.reads(conversation, danger).await?;
    }
    Ok(())
}

fn report_id(call: &Call<'_>) -> Result<EventId, Problem> {
    call.param("id").parse().map_err(|_| Problem::new(Code::NotFound))
}

fn tell(call: &Call<'_>, view: ReportView) -> ReportBody {
    let ReportView { row, words, leaks, case } = view;
    let words = words.unwrap_or_default();
    let explain = call.explain();
    ReportBody {
        id: row.id,
        state: row.state,
        conversation: row.conversation.map(String::from),
        by: row.by.into(),
        category: row.category,
        at: row.at.rfc3339(),
        findings: wire::findings(&findings_of(&words), &explain),
        signals: wire::signals(&signals_of(&words), &explain),
        text: words.text,
        attachments: words.files.into_iter().map(|(_, came)| described(came)).collect(),
        leaks: leaks.into_iter().map(LeakBody::from).collect(),
        sent_by: None,
        case: case.map(String::from),
        reporter: row.reporter.map(String::from),
    }
}
