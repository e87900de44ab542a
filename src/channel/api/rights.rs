//! What a person may ask for, and what stands against it for a while.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    call::{Answered, Call, Reply},
    wire,
};
use crate::{
    desk::AccessRow,
    model::{PartyId, Timestamp},
};

/// A hold.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct HoldBody {
    /// Until when; absent: until it is released.
    until: Option<String>,
}

/// Keeps all of a person's data until the hold ends: for an open case, a claim, an order of a court.
#[utoipa::path(
    put, path = "/v1/parties/{id}/holds/{reference}", tag = "rights",
    params(
        ("id" = String, Path, description = "the marketplace's id"),
        ("reference" = String, Path, description = "a case, or your own word for what it is about")
    ),
    request_body = HoldBody,
    responses((status = 200, description = "its end was moved"), (status = 201, description = "new"))
)]
pub(super) async fn hold(call: &Call<'_>) -> Answered {
    let party: PartyId = call.id("id")?;
    let body: HoldBody = if call.body.is_empty() { HoldBody::default() } else { call.read()? };
    let until = body.until.as_deref().map(|at| wire::time("until", at)).transpose()?;
    let created = call.api.desk.hold(call.scope(), &party, call.param("reference"), until).await?;
    Reply::put(
        created,
        &serde_json::json!({"reference": call.param("reference"), "until": until.map(Timestamp::rfc3339)}),
    )
}

/// Ends a hold. An erasure that waited for it is done within a minute.
#[utoipa::path(
    delete, path = "/v1/parties/{id}/holds/{reference}", tag = "rights",
    params(
        ("id" = String, Path, description = "the marketplace's id"),
        ("reference" = String, Path, description = "as it was placed")
    ),
    responses((status = 204, description = "released"))
)]
pub(super) async fn release(call: &Call<'_>) -> Answered {
    call.api.desk.release(call.scope(), &call.id("id")?, call.param("reference")).await?;
    Reply::nothing()
}

/// Restricts what is done with a person's data: no contact but for `authority`, `legal_claim`, `safety` and `self`, no
/// redemption, and support and auditors read none of their messages.
#[utoipa::path(
    put, path = "/v1/parties/{id}/restriction", tag = "rights",
    params(("id" = String, Path, description = "the marketplace's id")),
    responses((status = 204, description = "in force"))
)]
pub(super) async fn restrict(call: &Call<'_>) -> Answered {
    call.api.desk.restrict(call.scope(), &call.id("id")?, true).await?;
    Reply::nothing()
}

/// Ends a restriction.
#[utoipa::path(
    delete, path = "/v1/parties/{id}/restriction", tag = "rights",
    params(("id" = String, Path, description = "the marketplace's id")),
    responses((status = 204, description = "ended, or there was none"))
)]
pub(super) async fn unrestrict(call: &Call<'_>) -> Answered {
    call.api.desk.restrict(call.scope(), &call.id("id")?, false).await?;
    Reply::nothing()
}

/// Where a person's rights stand.
#[derive(Serialize, ToSchema)]
pub(super) struct RightsBody {
    /// Since when the use of their data is restricted.
    #[serde(skip_serializing_if = "Option::is_none")]
    restricted_since: Option<String>,
    /// What stands against an erasure.
    holds: Vec<HoldStandingBody>,
    /// Within what a wish of the person is to be met, such as `3d`.
    answer_within: String,
    /// Within what a breach is to be told.
    breach_within: String,
    /// Which tokens read their data.
    read_by: Vec<AccessBody>,
}

/// A hold as it stands.
#[derive(Serialize, ToSchema)]
pub(super) struct HoldStandingBody {
    /// What it is about.
    reference: String,
    /// Since when.
    since: String,
    /// Until when; absent: until it is released.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

/// That a token read a person's data in an hour.
#[derive(Serialize, ToSchema)]
pub(super) struct AccessBody {
    /// The hour's beginning.
    hour: String,
    /// Which token.
    token: String,
    /// `contact`, `text` or `evidence`.
    what: String,
    /// How often.
    count: u64,
}

impl From<AccessRow> for AccessBody {
    fn from(row: AccessRow) -> Self {
        let hour = Timestamp(row.hour * 3_600_000).rfc3339();
        Self { hour, token: row.token.to_string(), what: row.what, count: row.count }
    }
}

/// Restriction, holds, clocks, and who read the person's data.
#[utoipa::path(
    get, path = "/v1/parties/{id}/rights", tag = "rights",
    params(("id" = String, Path, description = "the marketplace's id")),
    responses((status = 200, description = "as they stand", body = RightsBody))
)]
pub(super) async fn show(call: &Call<'_>) -> Answered {
    let view = call.api.desk.rights(call.scope(), &call.id("id")?).await?;
    let hold = |hold: crate::desk::HoldRow| HoldStandingBody {
        reference: hold.reference,
        since: hold.placed.rfc3339(),
        until: hold.until.map(Timestamp::rfc3339),
    };
    Reply::ok(&RightsBody {
        restricted_since: view.restricted.map(Timestamp::rfc3339),
        holds: view.holds.into_iter().map(hold).collect(),
        answer_within: view.clocks.answer.to_string(),
        breach_within: view.clocks.breach.to_string(),
        read_by: view.accesses.into_iter().map(AccessBody::from).collect(),
    })
}
