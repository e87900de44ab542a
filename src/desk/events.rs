//! What happened, in the order in which it became durable.

use crate::{
    model::{Fault, Scope},
    store::Events,
};

use super::Desk;

impl Desk {
    /// What happened in the marketplace after a place in the feed: up to `limit` events, where the entries of other
    /// marketplaces in between are passed over without a word.
    ///
    /// # Errors
    /// By a fault.
    pub async fn events(&self, scope: &Scope, after: u64, limit: usize) -> Result<Events, Fault> {
        let mut seen = after;
        loop {
            let events = self.store.events(scope, seen, limit).await?;
            if !events.rows.is_empty() || events.seen == seen {
                return Ok(events);
            }
            seen = events.seen;
        }
    }
}
