//! `/v1/parties/{id}/standing` and the days on which a seller is closed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    call::{Answered, Call, Reply},
    problem::{Code, Problem},
    violations::{SanctionBody, slowed},
    wire,
};
use crate::{
    desk::{
        RestrictionRow, Share, Waiting,
        standing::{AccountView, PartyStanding},
    },
    model::{Closed, Measure, PartyId, Timestamp},
};

/// How a party stands.
#[derive(Serialize, ToSchema)]
pub(super) struct PartyStandingBody {
    /// Who.
    party: String,
    /// The moment of all this.
    at: String,
    /// As a seller, together with its group.
    seller: AccountBody,
    /// As a buyer; a seller is not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    buyer: Option<AccountBody>,
    /// What it may do less than others; a seller is told what its own violations brought.
    limits: Vec<LimitBody>,
    /// How soon it answers.
    response: ResponseBody,
}

/// Points and what they brought.
#[derive(Serialize, ToSchema)]
struct AccountBody {
    /// Points now.
    points: u32,
    /// How many violations stand.
    violations: usize,
    /// In force.
    sanctions: Vec<SanctionBody>,
    /// The sellers of one group have one account; a seller is not told the others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    group: Vec<String>,
}

impl AccountBody {
    fn of(view: &AccountView, own: Option<&PartyId>) -> Self {
        let others = view.group.iter().filter(|_| own.is_none() && view.group.len() > 1);
        Self {
            points: view.points,
            violations: view.violations,
            sanctions: view.sanctions.iter().map(|row| SanctionBody::of(row, own)).collect(),
            group: others.map(ToString::to_string).collect(),
        }
    }
}

/// A limit in force.
#[derive(Serialize, ToSchema)]
struct LimitBody {
    /// `slowed`, `template_only` or `withdrawn`.
    kind: &'static str,
    /// Of `slowed`: so many messages to one buyer.
    #[serde(skip_serializing_if = "Option::is_none")]
    burst: Option<u32>,
    /// Of `slowed`: in any such time.
    #[serde(skip_serializing_if = "Option::is_none")]
    per: Option<String>,
    /// Towards whom; absent: towards every buyer.
    #[serde(skip_serializing_if = "Option::is_none")]
    buyer: Option<String>,
    /// Since when.
    since: String,
    /// Until when; absent: until it is lifted.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// Why, such as `violation:` and its id; of another seller's, with whom this one is one, `violation` alone.
    cause: String,
}

impl LimitBody {
    fn of(row: &RestrictionRow, known: &dyn Fn(&str) -> bool) -> Self {
        let (burst, per) = slowed(Measure::Restrict(row.kind));
        let cause =
            row.cause.strip_prefix("violation:").filter(|id| !known(id)).map_or(row.cause.as_str(), |_| "violation");
        Self {
            kind: row.kind.as_str(),
            burst,
            per,
            buyer: row.buyer.as_ref().map(ToString::to_string),
            since: row.since.rfc3339(),
            until: row.until.map(Timestamp::rfc3339),
            cause: cause.to_owned(),
        }
    }
}

/// How soon a seller answers.
#[derive(Serialize, ToSchema)]
struct ResponseBody {
    /// Over so long.
    window: String,
    /// The clock of every first question.
    answers: ClockBody,
    /// The clock of those who complain; not for the seller.
    #[serde(skip_serializing_if = "Option::is_none")]
    complaints: Option<ClockBody>,
    /// Who waits, longest first.
    waiting: Vec<WaitingBody>,
    /// When it is or will be closed.
    closed: Vec<ClosedBody>,
}

/// A clock.
#[derive(Serialize, ToSchema)]
struct ClockBody {
    /// In time within so long.
    within: String,
    /// Questions that were answered, or whose time is over.
    asked: u32,
    /// Those answered in time.
    in_time: u32,
    /// In percent; absent: nobody asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<f64>,
}

impl ClockBody {
    fn of(share: Share, within: crate::model::Duration) -> Self {
        Self {
            within: within.to_string(),
            asked: share.asked,
            in_time: share.in_time,
            percent: share.permille().map(|tenths| f64::from(tenths) / 10.0),
        }
    }
}

/// A buyer who waits.
#[derive(Serialize, ToSchema)]
struct WaitingBody {
    /// In which conversation.
    conversation: String,
    /// The first message that was not answered.
    message: String,
    /// Since when.
    since: String,
    /// For so many minutes.
    minutes: i64,
    /// Until when an answer is in time; not for the seller, since a complaint hastens it.
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<String>,
    /// Whether it complains; not for the seller.
    #[serde(skip_serializing_if = "Option::is_none")]
    complaint: Option<bool>,
    /// The seller writes to others meanwhile: active and silent.
    #[serde(skip_serializing_if = "Option::is_none")]
    active_and_silent: Option<ActiveBody>,
    /// When the marketplace was asked about it; not for the seller.
    #[serde(skip_serializing_if = "Option::is_none")]
    escalated_at: Option<String>,
}

/// Active elsewhere.
#[derive(Serialize, ToSchema)]
struct ActiveBody {
    /// When it last wrote to somebody else.
    last_active_at: String,
    /// So many minutes ago.
    last_active_minutes: i64,
    /// How long this buyer had waited by then.
    silent_minutes: i64,
}

impl WaitingBody {
    fn of(waiting: &Waiting, asked: Option<Timestamp>, now: Timestamp, whole: bool) -> Self {
        let minutes = |from: Timestamp, to: Timestamp| to.since(from).0 / 60_000;
        Self {
            conversation: waiting.conversation.to_string(),
            message: waiting.message.to_string(),
            since: waiting.since.rfc3339(),
            minutes: minutes(waiting.since, now),
            due: whole.then(|| waiting.due.rfc3339()),
            complaint: whole.then_some(waiting.complaint),
            active_and_silent: waiting.active_elsewhere.map(|at| ActiveBody {
                last_active_at: at.rfc3339(),
                last_active_minutes: minutes(at, now),
                silent_minutes: minutes(waiting.since, at),
            }),
            escalated_at: asked.filter(|_| whole).map(Timestamp::rfc3339),
        }
    }
}

/// A time in which a seller is closed.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ClosedBody {
    /// From.
    from: String,
    /// Until.
    until: String,
}

impl ClosedBody {
    fn of(closed: &Closed) -> Self {
        Self { from: closed.from.rfc3339(), until: closed.until.rfc3339() }
    }
}

impl PartyStandingBody {
    fn of(party: &PartyId, standing: &PartyStanding, own: Option<&PartyId>) -> Self {
        let PartyStanding { seller, buyer, limits, response, asked, closed, clocks, now } = standing;
        let told = limits.iter().filter(|row| own.is_none() || row.cause.starts_with("violation:"));
        let known = |id: &str| {
            let mut brought = seller.sanctions.iter().filter(|row| row.sanction.violation.to_string() == id);
            own.is_none_or(|own| brought.any(|row| row.party == *own))
        };
        let waiting = response.waiting.iter().zip(asked);
        Self {
            party: party.to_string(),
            at: now.rfc3339(),
            seller: AccountBody::of(seller, own),
            buyer: own.is_none().then(|| AccountBody::of(buyer, own)),
            limits: told.map(|row| LimitBody::of(row, &known)).collect(),
            // A complaint is told by a low review too, and who reviewed is not the seller's to know.
            response: ResponseBody {
                window: clocks.window.to_string(),
                answers: ClockBody::of(response.all, clocks.within),
                complaints: own.is_none().then(|| ClockBody::of(response.complaints, clocks.complaint)),
                waiting: waiting
                    .map(|(waiting, asked)| WaitingBody::of(waiting, *asked, *now, own.is_none()))
                    .collect(),
                closed: closed.iter().map(ClosedBody::of).collect(),
            },
        }
    }
}

/// Points, sanctions, limits in force, and how soon a seller answers; a seller is told its own.
#[utoipa::path(
    get, path = "/v1/parties/{id}/standing", tag = "enforcement",
    params(("id" = String, Path, description = "the marketplace's id")),
    responses((status = 200, description = "as it stands now", body = PartyStandingBody))
)]
pub(super) async fn show(call: &Call<'_>) -> Answered {
    let party = own_party(call)?;
    let standing = call.api.desk.party_standing(call.scope(), &party).await?;
    Reply::ok(&PartyStandingBody::of(&party, &standing, call.seller().map(|(party, _)| party)))
}

/// When a seller will be closed.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClosingBody {
    /// All that is still to come; what has begun stays.
    closed: Vec<ClosedBody>,
}

/// Declares when a seller will be closed: clocks of answers stand still then. Beforehand only.
#[utoipa::path(
    put, path = "/v1/parties/{id}/closing", tag = "enforcement",
    params(("id" = String, Path, description = "the marketplace's id")),
    request_body = ClosingBody,
    responses((status = 200, description = "what is declared", body = ClosingBody))
)]
pub(super) async fn close(call: &Call<'_>) -> Answered {
    let party = own_party(call)?;
    let body: ClosingBody = call.read()?;
    let read = |one: &ClosedBody| -> Result<Closed, Problem> {
        Ok(Closed { from: wire::time("closed", &one.from)?, until: wire::time("closed", &one.until)? })
    };
    let closed = body.closed.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let declared = call.api.desk.put_closing(call.scope(), &party, closed).await?;
    Reply::ok(&ClosingBody { closed: declared.iter().map(ClosedBody::of).collect() })
}

/// The party of the path; another seller's is as absent as one of another marketplace.
pub(super) fn own_party(call: &Call<'_>) -> Result<PartyId, Problem> {
    let party: PartyId = call.id("id")?;
    match call.seller() {
        Some((own, _)) if *own != party => Err(Problem::new(Code::NotFound)),
        _ => Ok(party),
    }
}
