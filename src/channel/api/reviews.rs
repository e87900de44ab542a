//! `/v1/reviews`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    call::{Answered, Call, Reply},
    wire,
};
use crate::model::{ConversationId, ReviewId};

/// A review.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReviewBody {
    /// About which conversation.
    conversation: String,
    /// 1 to 5.
    #[schema(minimum = 1, maximum = 5)]
    rating: u8,
    /// When the marketplace says it was written; its receipt is what counts.
    #[serde(default)]
    at: Option<String>,
}

/// A review in force.
#[derive(Serialize, ToSchema)]
pub(super) struct ReviewPutBody {
    /// A pseudonym for publication.
    reviewer: String,
    /// How many accepted messages will never be delivered.
    withheld: usize,
    /// How many were being handed over at this moment and may still arrive.
    in_flight: usize,
}

/// Puts a review: answered when its barrier is durable and in force.
#[utoipa::path(
    put, path = "/v1/reviews/{id}", tag = "reviews",
    params(("id" = String, Path, description = "the marketplace's id")),
    request_body = ReviewBody,
    responses(
        (status = 200, description = "replaced; the barrier is in force", body = ReviewPutBody),
        (status = 201, description = "new; the barrier is in force", body = ReviewPutBody)
    )
)]
pub(super) async fn put(call: &Call<'_>) -> Answered {
    let id: ReviewId = call.id("id")?;
    let body: ReviewBody = call.read()?;
    let conversation: ConversationId = wire::id("conversation", &body.conversation)?;
    let at = body.at.as_deref().map(|text| wire::time("at", text)).transpose()?;
    let put = call.api.desk.put_review(call.scope(), &id, &conversation, body.rating, at).await?;
    let body = ReviewPutBody { reviewer: put.reviewer, withheld: put.withheld, in_flight: put.in_flight };
    Reply::put(put.created, &body)
}

/// The review was withdrawn: its barrier stays until its window ends.
#[utoipa::path(
    delete, path = "/v1/reviews/{id}", tag = "reviews",
    params(("id" = String, Path, description = "the marketplace's id")),
    responses((status = 204, description = "recorded"))
)]
pub(super) async fn withdraw(call: &Call<'_>) -> Answered {
    call.api.desk.withdraw_review(call.scope(), &call.id("id")?).await?;
    Reply::nothing()
}
