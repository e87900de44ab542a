//! Orders: facts that travel with their conversations, open and close them, and reach evidence.

use serde::{Deserialize, Serialize};

use crate::{
    model::{EntryKind, Fault, Fulfilment, OrderId, OrderState, Scope, Timestamp},
    store::{NewEntry, OrderRow},
    vault::Place,
};

use super::{Declined, Desk, Market, Wrong, entry, parties::fits};

/// The facts of an order, as evidence tells them: sealed, committed to, never matched as contact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderFacts {
    /// Where it stands.
    pub state: OrderState,
    /// Who ships.
    pub fulfilment: Fulfilment,
    /// What was ordered.
    pub items: Vec<Item>,
    /// As the marketplace writes it: a text, a number, or an amount with its currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<serde_json::Value>,
    /// When it was to arrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promised_by: Option<Timestamp>,
    /// Under which terms it may be returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_terms: Option<String>,
    /// When it arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
}

/// One thing ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What.
    pub title: String,
    /// How many were ordered.
    pub quantity: u32,
    /// How many were shipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipped: Option<u32>,
}

impl Desk {
    /// Creates or replaces an order's facts and writes them to the evidence of its conversations;
    /// `true`: it is new.
    ///
    /// # Errors
    /// When a field is wrong, or by a fault.
    pub async fn put_order(&self, scope: &Scope, id: &OrderId, facts: &OrderFacts) -> Result<bool, Declined> {
        check(facts)?;
        let created = self.store.order(scope, id).await?.is_none();
        let market = self.market(scope).await?;
        let now = self.now();
        let bytes = serde_json::to_vec(facts).map_err(|e| Fault::new("writing an order's facts", e))?;
        let row = OrderRow {
            id: id.clone(),
            state: facts.state,
            fulfilment: facts.fulfilment,
            facts: market.key.seal(&Place::order(&market.name, id), &bytes)?,
            changed: now,
        };
        let entry = self.facts_entry(&market, EntryKind::OrderFacts, id, facts, now)?;
        self.store.put_order(scope, row, entry).await?;
        Ok(created)
    }

    /// One order's facts.
    ///
    /// # Errors
    /// When there is none, or by a fault.
    pub async fn order(&self, scope: &Scope, id: &OrderId) -> Result<OrderFacts, Declined> {
        let row = self.store.order(scope, id).await?.ok_or(Declined::NotFound)?;
        let market = self.market(scope).await?;
        let bytes = market.key.open(&Place::order(&market.name, id), &row.facts)?;
        serde_json::from_slice(&bytes).map_err(|e| Fault::new("reading an order's facts", e).into())
    }

    /// An entry that commits to an order's facts; its `facts` name the order, so that the seal
    /// beside it can be opened.
    pub(super) fn facts_entry(
        &self,
        market: &Market,
        kind: EntryKind,
        id: &OrderId,
        facts: &OrderFacts,
        now: Timestamp,
    ) -> Result<NewEntry, Fault> {
        let line = format!("order={id} state={} fulfilment={}", state_word(facts.state), ships(facts.fulfilment));
        let bytes = serde_json::to_vec(facts).map_err(|e| Fault::new("writing an order's facts", e))?;
        let private = market.key.commit(&Place::evidence_facts(&market.name, id), &bytes)?;
        Ok(NewEntry { private: Some(private), ..entry(now, kind, None, line) })
    }
}

fn state_word(state: OrderState) -> &'static str {
    match state {
        OrderState::Placed => "placed",
        OrderState::Shipped => "shipped",
        OrderState::Delivered => "delivered",
        OrderState::Cancelled => "cancelled",
        OrderState::Completed => "completed",
    }
}

fn ships(fulfilment: Fulfilment) -> &'static str {
    match fulfilment {
        Fulfilment::Seller => "seller",
        Fulfilment::Platform => "platform",
    }
}

fn check(facts: &OrderFacts) -> Result<(), Declined> {
    if facts.items.len() > 500 {
        return Err(Wrong::field("items", "at most 500"));
    }
    if let Some(n) = facts.items.iter().position(|item| !fits(&item.title, 300)) {
        return Err(Wrong::at("items", n, "title: 1 to 300 characters without control characters"));
    }
    if let Some(n) = facts.items.iter().position(|item| item.shipped.is_some_and(|shipped| shipped > item.quantity)) {
        return Err(Wrong::unfit_at("items", n, Some("shipped"), "more than were ordered"));
    }
    if facts.return_terms.as_ref().is_some_and(|terms| terms.chars().count() > 5_000) {
        return Err(Wrong::field("return_terms", "at most 5000 characters"));
    }
    match &facts.total {
        Some(serde_json::Value::Array(_) | serde_json::Value::Bool(_) | serde_json::Value::Null) => {
            Err(Wrong::field("total", "a text, a number or an object of amount and currency"))
        }
        Some(total) if total.to_string().len() > 300 => Err(Wrong::field("total", "too long")),
        _ => Ok(()),
    }
}
