//! Couriers at the buyer's door: who is announced, and what a person at the door is told.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    call::{Answered, Call, Reply},
    wire,
};
use crate::{
    desk::pickups::{AtDoor, Expected, PickupForm, PickupView},
    model::{ConversationId, PartyId, PickupId, Timestamp},
};

/// A courier to announce.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PickupAnnouncedForm {
    /// In which conversation.
    conversation: String,
    /// Of which carrier, as its token is named.
    carrier: String,
    /// Not before.
    from: String,
    /// Not after: at most 14 days later.
    until: String,
}

/// A courier who is announced at the buyer's door.
#[derive(Serialize, ToSchema)]
pub(super) struct PickupBody {
    /// The marketplace's id.
    id: String,
    /// In which conversation.
    conversation: String,
    /// Of which carrier.
    carrier: String,
    /// Not before.
    from: String,
    /// Not after.
    until: String,
    /// Four digits that the courier must say before anything is handed over: for the buyer, who asks for them, and the
    /// carrier, which is given them with the address; never for the seller.
    code: String,
    /// When it was called off, or the buyer was afraid.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
}

impl PickupBody {
    fn of(PickupView { row, code }: PickupView) -> Self {
        Self {
            id: row.id.to_string(),
            conversation: row.conversation.to_string(),
            carrier: row.carrier,
            from: row.begins.rfc3339(),
            until: row.ends.rfc3339(),
            code,
            ended_at: row.ended.map(Timestamp::rfc3339),
        }
    }
}

/// Announces a courier who comes to fetch something, or changes when and from which carrier. Without it no carrier is
/// given the address for a pick-up. The digits stay the same.
#[utoipa::path(
    put, path = "/v1/pickups/{id}", tag = "pickups",
    params(("id" = String, Path, description = "the marketplace's id")),
    request_body = PickupAnnouncedForm,
    responses((status = 201, description = "announced", body = PickupBody), (status = 200, description = "as it is now", body = PickupBody))
)]
pub(super) async fn announce(call: &Call<'_>) -> Answered {
    let id: PickupId = call.id("id")?;
    let form: PickupAnnouncedForm = call.read()?;
    let form = PickupForm {
        conversation: wire::id("conversation", &form.conversation)?,
        carrier: form.carrier,
        begins: wire::time("from", &form.from)?,
        ends: wire::time("until", &form.until)?,
    };
    let (view, new) = call.api.desk.announce_pickup(call.scope(), &id, &form).await?;
    Reply::put(new, &PickupBody::of(view))
}

/// One courier who was announced.
#[utoipa::path(
    get, path = "/v1/pickups/{id}", tag = "pickups",
    params(("id" = String, Path, description = "the marketplace's id")),
    responses((status = 200, description = "as it is", body = PickupBody))
)]
pub(super) async fn show(call: &Call<'_>) -> Answered {
    let id: PickupId = call.id("id")?;
    Reply::ok(&PickupBody::of(call.api.desk.pickup(call.scope(), &id).await?))
}

/// Calls a courier off: whoever comes nevertheless was sent by nobody.
#[utoipa::path(
    delete, path = "/v1/pickups/{id}", tag = "pickups",
    params(("id" = String, Path, description = "the marketplace's id")),
    responses((status = 204, description = "called off"))
)]
pub(super) async fn end(call: &Call<'_>) -> Answered {
    let id: PickupId = call.id("id")?;
    call.api.desk.end_pickup(call.scope(), &id).await?;
    Reply::nothing()
}

/// Who stands at a buyer's door.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AtDoorForm {
    /// The buyer.
    party: String,
    /// About which conversation, if the courier says so much.
    #[serde(default)]
    conversation: Option<String>,
    /// Of which carrier, if the courier says so much.
    #[serde(default)]
    carrier: Option<String>,
}

/// Whether somebody is expected at the door.
#[derive(Serialize, ToSchema)]
pub(super) struct AtDoorBody {
    /// `false`: nobody sent this courier. Hand nothing over.
    expected: bool,
    /// Who is expected now, each with the digits to ask for.
    pickups: Vec<PickupBody>,
    /// The urgent report of who was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<String>,
}

/// Tells a person at whose door somebody stands whether they are expected, and which four digits to ask for. A no is an
/// urgent report (category `unordered_courier`, and the event `pickup.checked` with `expected=no`), and the postal handles
/// of the conversation are shut and replaced: of the one named, or of the one over which the address was last seen. Asked
/// again within an hour it is the same report.
#[utoipa::path(
    post, path = "/v1/pickups/check", tag = "pickups",
    request_body = AtDoorForm,
    responses((status = 200, description = "yes or no", body = AtDoorBody))
)]
pub(super) async fn check(call: &Call<'_>) -> Answered {
    let form: AtDoorForm = call.read()?;
    let buyer: PartyId = wire::id("party", &form.party)?;
    let conversation: Option<ConversationId> =
        form.conversation.as_deref().map(|id| wire::id("conversation", id)).transpose()?;
    let door = AtDoor { buyer: &buyer, conversation: conversation.as_ref(), carrier: form.carrier.as_deref() };
    let body = match call.api.desk.check_pickup(call.scope(), door).await? {
        Expected::Yes(pickups) => {
            AtDoorBody { expected: true, pickups: pickups.into_iter().map(PickupBody::of).collect(), report: None }
        }
        Expected::No { report } => {
            AtDoorBody { expected: false, pickups: Vec::new(), report: Some(report.to_string()) }
        }
    };
    Reply::ok(&body)
}
