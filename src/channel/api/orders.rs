//! `/v1/orders`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    call::{Answered, Call, Reply},
    wire,
};
use crate::{
    desk::orders::{Item, OrderFacts},
    model::{Fulfilment, OrderId, OrderState},
};

/// An order's facts.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderBody {
    /// Where it stands: `placed`, `shipped`, `delivered`, `cancelled` or `completed`.
    #[schema(value_type = String)]
    state: OrderState,
    /// Who ships: `seller` or `platform`.
    #[schema(value_type = String)]
    fulfilment: Fulfilment,
    /// What was ordered.
    items: Vec<OrderItemBody>,
    /// As the marketplace writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total: Option<serde_json::Value>,
    /// When it was to arrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    promised_by: Option<String>,
    /// Under which terms it may be returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    return_terms: Option<String>,
    /// When it arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delivered_at: Option<String>,
}

/// One thing ordered.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderItemBody {
    /// What.
    title: String,
    /// How many were ordered.
    quantity: u32,
    /// How many were shipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shipped: Option<u32>,
}

/// An order as put.
#[derive(Serialize, ToSchema)]
pub(super) struct OrderPutBody {
    /// The marketplace's id.
    id: String,
    #[serde(flatten)]
    facts: OrderBody,
}

/// Creates or replaces an order's facts.
#[utoipa::path(
    put, path = "/v1/orders/{id}", tag = "orders",
    params(("id" = String, Path, description = "the marketplace's id")),
    request_body = OrderBody,
    responses(
        (status = 200, description = "replaced: the facts as they are now", body = OrderPutBody),
        (status = 201, description = "new", body = OrderPutBody)
    )
)]
pub(super) async fn put(call: &Call<'_>) -> Answered {
    let id: OrderId = call.id("id")?;
    let body: OrderBody = call.read()?;
    let time = |field, text: &Option<String>| text.as_deref().map(|text| wire::time(field, text)).transpose();
    let facts = OrderFacts {
        state: body.state,
        fulfilment: body.fulfilment,
        items: body.items.iter().cloned().map(Item::from).collect(),
        total: body.total.clone(),
        promised_by: time("promised_by", &body.promised_by)?,
        return_terms: body.return_terms.clone(),
        delivered_at: time("delivered_at", &body.delivered_at)?,
    };
    let created = call.api.desk.put_order(call.scope(), &id, &facts).await?;
    Reply::put(created, &OrderPutBody { id: id.into(), facts: body })
}

impl From<OrderItemBody> for Item {
    fn from(item: OrderItemBody) -> Self {
        let OrderItemBody { title, quantity, shipped } = item;
        Self { title, quantity, shipped }
    }
}
