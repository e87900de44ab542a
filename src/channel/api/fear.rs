//! "I am afraid".

use serde::Serialize;
use utoipa::ToSchema;

use super::call::{Answered, Call, Reply};
use crate::model::ConversationId;

/// What was done for a buyer who is afraid.
#[derive(Serialize, ToSchema)]
pub(super) struct ShieldedBody {
    /// How many accepted messages will never be delivered.
    withheld: usize,
    /// How many were being handed over at this moment and may still arrive.
    in_flight: usize,
    /// In how many conversations the buyer's handles were shut and replaced.
    conversations: usize,
}

/// A buyer is afraid of the seller: this seller and all of the same group are silenced towards this buyer on every
/// channel, the buyer's handles are shut without a grace, carriers are given no address, and a person is called (event
/// `contact.afraid`). The seller is told nothing that reveals it. It holds until the buyer's side is unblocked.
#[utoipa::path(
    post, path = "/v1/conversations/{id}/afraid", tag = "conversations",
    params(("id" = String, Path, description = "the marketplace's id")),
    responses((status = 200, description = "in force", body = ShieldedBody))
)]
pub(super) async fn afraid(call: &Call<'_>) -> Answered {
    let id: ConversationId = call.id("id")?;
    let done = call.api.desk.fear(call.scope(), &id).await?;
    Reply::ok(&ShieldedBody { withheld: done.withheld, in_flight: done.in_flight, conversations: done.conversations })
}
