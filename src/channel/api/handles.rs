//! `/v1/handles`, rotation and redemption.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    call::{Answered, Call, Reply},
    parties::AddressBody,
    problem::Problem,
    wire::{ConversationBody, SideBody},
};
use crate::{
    desk::{Declined, HandleKind, TokenScope, handles::Redemption},
    model::{ConversationId, HandleState, Side, Timestamp},
};

/// What may be told of a handle; never whose contact it hides.
#[derive(Serialize, ToSchema)]
pub(super) struct HandleInfoBody {
    /// `active`, `retiring` or `retired`.
    #[schema(value_type = String)]
    state: HandleState,
    /// Position among the side's handles of this kind, from 1.
    epoch: u32,
    /// Of which conversation.
    conversation: String,
    /// Which side it stands for.
    of: SideBody,
    /// `mail`, `postal` or `registration`.
    kind: &'static str,
    /// Whom it had been shown to; absent for what the buyer gave to somebody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    shown_to: Option<String>,
    /// When it was minted.
    created_at: String,
    /// When it was replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_at: Option<String>,
}

/// State and epoch of a handle, and which side of which conversation it stands for.
#[utoipa::path(
    get, path = "/v1/handles/{handle}", tag = "handles",
    params(("handle" = String, Path, description = "a handle, its mail address, or a postal handle")),
    responses((status = 200, description = "never the contact", body = HandleInfoBody))
)]
pub(super) async fn show(call: &Call<'_>) -> Answered {
    let found = call.api.desk.handle(call.scope(), call.param("handle")).await;
    let view = counted(call, found)?;
    Reply::ok(&HandleInfoBody {
        state: view.state,
        epoch: view.epoch,
        conversation: view.conversation.into(),
        of: view.stands_for.into(),
        kind: view.kind.as_str(),
        shown_to: (view.kind != HandleKind::Registration).then(|| view.shown_to.into()),
        created_at: view.created.rfc3339(),
        replaced_at: view.replaced.map(Timestamp::rfc3339),
    })
}

/// Which side's handles to replace, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateBody {
    /// The side that the handles stand for.
    of: SideBody,
    /// Why.
    #[serde(default)]
    reason: String,
}

/// Replaces a side's handles now; the old ones go through their grace.
#[utoipa::path(
    post, path = "/v1/conversations/{id}/handles/rotate", tag = "handles",
    params(("id" = String, Path, description = "the marketplace's id")),
    request_body = RotateBody,
    responses((status = 200, description = "the conversation with its new handles", body = ConversationBody))
)]
pub(super) async fn rotate(call: &Call<'_>) -> Answered {
    let id: ConversationId = call.id("id")?;
    let body: RotateBody = call.read()?;
    let of = Side::from(body.of);
    call.takes_part(&id).await?;
    call.acts_for(of)?;
    let view = call.api.desk.rotate(call.scope(), &id, of, &body.reason).await?;
    Reply::ok(&ConversationBody::of(view, call.reader()))
}

/// What a carrier needs an address for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RedeemBody {
    /// For which shipment.
    shipment: String,
    /// For what.
    purpose: PurposeBody,
}

/// What an address may be asked for.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum PurposeBody {
    Label,
    Delivery,
    Pickup,
}

impl PurposeBody {
    fn as_str(self) -> &'static str {
        match self {
            Self::Label => "label",
            Self::Delivery => "delivery",
            Self::Pickup => "pickup",
        }
    }
}

/// A real address, for a carrier.
#[derive(Serialize, ToSchema)]
pub(super) struct RedeemedBody {
    /// The address.
    address: AddressBody,
    /// For which shipment.
    shipment: String,
    /// For what.
    purpose: PurposeBody,
    /// The four digits that the courier says at the door: of an announced pick-up.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

/// Gives a carrier the address behind a postal handle: recorded, counted, shown to the buyer. To fetch something there
/// (`pickup`) the marketplace must have announced this carrier.
#[utoipa::path(
    post, path = "/v1/handles/{handle}/redeem", tag = "handles",
    params(("handle" = String, Path, description = "a postal handle")),
    request_body = RedeemBody,
    responses((status = 200, description = "the real address", body = RedeemedBody))
)]
pub(super) async fn redeem(call: &Call<'_>) -> Answered {
    let body: RedeemBody = call.read()?;
    let carrier = match &call.caller.may {
        TokenScope::Carrier { name } => name.as_str(),
        _ => return Err(Problem::new(super::problem::Code::ForbiddenScope)),
    };
    let asked =
        Redemption { carrier, shipment: &body.shipment, purpose: body.purpose.as_str(), recorded: call.repeated };
    let found = call.api.desk.redeem(call.scope(), call.param("handle"), &asked).await;
    let redeemed = counted(call, found)?;
    Reply::ok(&RedeemedBody {
        address: AddressBody::from(&redeemed.address),
        shipment: body.shipment.clone(),
        purpose: body.purpose,
        code: redeemed.code,
    })
}

/// A handle that was none is counted: nobody tries them out.
fn counted<T>(call: &Call<'_>, found: Result<T, Declined>) -> Result<T, Problem> {
    if matches!(found, Err(Declined::NotFound)) {
        call.missed()?;
    }
    Ok(found?)
}
