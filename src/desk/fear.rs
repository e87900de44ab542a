//! "I am afraid": one button for a buyer whom a seller frightens.
//!
//! Everything the seller could still reach them by is closed at once, and nothing of it tells the seller so: a refusal
//! says what every refusal says, withheld mail is told of at the usual hour, and new handles stand where old ones stood.

use crate::{
    model::{ConversationId, EntryKind, Scope, Side},
    store::NewFear,
};

use super::{Declined, Desk, entry};

/// What was done for a buyer who is afraid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shielded {
    /// How many accepted messages will never be delivered.
    pub withheld: usize,
    /// How many were being handed over at this moment and may still arrive.
    pub in_flight: usize,
    /// In how many conversations the buyer's handles were shut.
    pub conversations: usize,
}

impl Desk {
    /// Silences a seller and all of the seller's group towards one buyer on every channel, shuts the buyer's handles
    /// without a grace, stops what carriers could fetch at the buyer's door, and calls a person. Held until the buyer
    /// takes it back ([`Desk::block`] with `blocked` false).
    ///
    /// # Errors
    /// When there is no such conversation, or by a fault.
    pub async fn fear(&self, scope: &Scope, id: &ConversationId) -> Result<Shielded, Declined> {
        let market = self.market(scope).await?;
        let now = self.now();
        let mut handles = Vec::new();
        for conversation in self.store.pair_conversations(scope, id).await? {
            let new = self.mint_again(scope, &market, &conversation, Side::Buyer, now).await?;
            handles.push((conversation, new));
        }
        let conversations = handles.len();
        let fear = NewFear {
            conversation: id.clone(),
            at: now,
            handles,
            notice_due: self.rules(scope).notices.next(now),
            entry: entry(now, EntryKind::Afraid, Some(Side::Buyer), ""),
        };
        let barrier = self.store.fear(scope, fear).await?.ok_or(Declined::NotFound)?;
        metrics::counter!("tabir_buyers_afraid_total").increment(1);
        tracing::error!(marketplace = %scope.marketplace(), conversation = %id, "a buyer is afraid: a person is wanted now");
        Ok(Shielded { withheld: barrier.withheld.len(), in_flight: barrier.in_flight.len(), conversations })
    }
}
