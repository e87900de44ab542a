//! `/v1/conversations`.

use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    call::{Answered, Call, Reply},
    parties::{PartyBody, PartyOrId},
    problem::{Code, Problem},
    wire::{self, ConversationBody, DeliverBody, Listed, SideBody},
};
use crate::{
    desk::{
        ConversationFilter,
        conversations::{ConversationForm, ConversationView},
    },
    model::{Channel, ConversationId, Side},
    relay::Untexted,
};

/// A conversation to create or replace.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConversationPutBody {
    /// About which order.
    #[serde(default)]
    order: Option<String>,
    /// About which listing.
    #[serde(default)]
    listing: Option<String>,
    /// A party's id, or the party itself with its `id`.
    #[schema(value_type = PartyBody)]
    buyer: PartyOrId,
    /// A party's id, or the party itself with its `id`.
    #[schema(value_type = PartyBody)]
    seller: PartyOrId,
    /// Tracking numbers: never findings.
    #[serde(default)]
    tracking: Vec<String>,
    /// When it ends.
    #[serde(default)]
    expires_at: Option<String>,
    /// How each side wants its messages; absent: by the way they came.
    #[serde(default)]
    deliver: DeliverBody,
}

/// The conversation with the numbers of those who are texted. It stands, and so does what is written in it meanwhile:
/// texts wait for a number.
async fn with_numbers(
    call: &Call<'_>,
    id: &ConversationId,
    view: ConversationView,
) -> Result<ConversationView, Problem> {
    let deliver = &view.row.deliver;
    let wants = |ways: &Option<Vec<Channel>>| ways.as_ref().is_some_and(|ways| ways.contains(&Channel::Sms));
    if !wants(&deliver.buyer) && !wants(&deliver.seller) {
        return Ok(view);
    }
    let lacking = call.api.relay.assign_numbers(call.scope(), id).await?;
    match lacking.first() {
        None => Ok(call.api.desk.conversation(call.scope(), id).await?),
        Some((side, why)) => {
            let field = if *side == Side::Buyer { "deliver.buyer" } else { "deliver.seller" };
            let why = match why {
                Untexted::NoPhone => "its party has no phone number",
                Untexted::NoNumber => {
                    "no number of the pool is free for this phone: add one that serves its country, and put this again"
                }
            };
            Err(Problem::unfit(field, why))
        }
    }
}

/// Creates a conversation, or replaces what may be replaced of one: its parties stay.
#[utoipa::path(
    put, path = "/v1/conversations/{id}", tag = "conversations",
    params(("id" = String, Path, description = "the marketplace's id")),
    request_body = ConversationPutBody,
    responses(
        (status = 200, description = "replaced: the conversation with its handles", body = ConversationBody),
        (status = 201, description = "new", body = ConversationBody)
    )
)]
pub(super) async fn put(call: &Call<'_>) -> Answered {
    let id: ConversationId = call.id("id")?;
    let body: ConversationPutBody = call.read()?;
    let form = ConversationForm {
        order: body.order.as_deref().map(|text| wire::id("order", text)).transpose()?,
        listing: body.listing,
        buyer: body.buyer.read("buyer")?,
        seller: body.seller.read("seller")?,
        tracking: body.tracking,
        expires: body.expires_at.as_deref().map(|text| wire::time("expires_at", text)).transpose()?,
        deliver: body.deliver.into(),
    };
    let (view, created) = call.api.desk.put_conversation(call.scope(), &id, form).await?;
    let view = with_numbers(call, &id, view).await?;
    Reply::put(created, &ConversationBody::of(view, call.reader()))
}

/// One conversation.
#[utoipa::path(
    get, path = "/v1/conversations/{id}", tag = "conversations",
    params(("id" = String, Path, description = "the marketplace's id")),
    responses((status = 200, description = "the conversation with its handles", body = ConversationBody))
)]
pub(super) async fn show(call: &Call<'_>) -> Answered {
    let id: ConversationId = call.id("id")?;
    call.takes_part(&id).await?;
    let view = call.api.desk.conversation(call.scope(), &id).await?;
    Reply::ok(&ConversationBody::of(view, call.reader()))
}

/// Conversations by order, buyer and seller. A seller gets its own.
#[utoipa::path(
    get, path = "/v1/conversations", tag = "conversations",
    params(
        ("order" = Option<String>, Query, description = "of this order"),
        ("buyer" = Option<String>, Query, description = "of this buyer"),
        ("seller" = Option<String>, Query, description = "of this seller"),
        ("limit" = Option<u32>, Query, description = "1 to 200, 50 when absent"),
        ("after" = Option<String>, Query, description = "the `next` of the page before")
    ),
    responses((status = 200, description = "by id", body = Listed<ConversationBody>))
)]
pub(super) async fn list(call: &Call<'_>) -> Answered {
    call.query.only(&["order", "buyer", "seller", "limit", "after"])?;
    let limit = call.query.limit()?;
    let filter = ConversationFilter {
        order: call.query.read("order", "not an id")?,
        buyer: call.query.read("buyer", "not an id")?,
        seller: call.query.read("seller", "not an id")?,
        after: call.query.read("after", "not an id")?,
        limit,
    };
    let filter = match call.seller() {
        // A seller who could ask by buyer could find out which orders are one person's.
        Some(_) if filter.buyer.is_some() => return Err(Problem::new(Code::ForbiddenScope)),
        Some((party, _)) if filter.seller.as_ref().is_some_and(|s| s != party) => {
            return Err(Problem::new(Code::ForbiddenScope));
        }
        Some((party, _)) => ConversationFilter { seller: Some(party.clone()), ..filter },
        None => filter,
    };
    let views = call.api.desk.conversations(call.scope(), filter).await?;
    let next = views.last().filter(|_| views.len() == limit).map(|view| view.row.id.to_string());
    let items = views.into_iter().map(|view| ConversationBody::of(view, call.reader())).collect();
    Reply::ok(&Listed { items, next })
}

/// Which side asks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BlockBody {
    /// The side that wants no contact, or takes that back.
    by: SideBody,
}

/// A side asks for no contact: a barrier like a review, with new handles for who asks.
#[utoipa::path(
    post, path = "/v1/conversations/{id}/block", tag = "conversations",
    params(("id" = String, Path, description = "the marketplace's id")),
    request_body = BlockBody,
    responses((status = 200, description = "the conversation as it is now", body = ConversationBody))
)]
pub(super) async fn block(call: &Call<'_>) -> Answered {
    set_blocked(call, true).await
}

/// A side takes its block back.
#[utoipa::path(
    post, path = "/v1/conversations/{id}/unblock", tag = "conversations",
    params(("id" = String, Path, description = "the marketplace's id")),
    request_body = BlockBody,
    responses((status = 200, description = "the conversation as it is now", body = ConversationBody))
)]
pub(super) async fn unblock(call: &Call<'_>) -> Answered {
    set_blocked(call, false).await
}

async fn set_blocked(call: &Call<'_>, blocked: bool) -> Answered {
    let id: ConversationId = call.id("id")?;
    let by = Side::from(call.read::<BlockBody>()?.by);
    call.takes_part(&id).await?;
    call.acts_for(by)?;
    let view = call.api.desk.block(call.scope(), &id, by, blocked).await?;
    Reply::ok(&ConversationBody::of(view, call.reader()))
}
