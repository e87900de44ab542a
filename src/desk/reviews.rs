//! Reviews: a barrier that is durable and in force before it is answered.

use crate::{
    model::{ConversationId, EntryKind, ReviewId, Scope, Side, Timestamp},
    store::NewReview,
};

use super::{Declined, Desk, Wrong, entry, names};

/// What a review did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewPut {
    /// The pseudonym for publication.
    pub reviewer: String,
    /// How many accepted messages will never be delivered.
    pub withheld: usize,
    /// How many were being handed over at this moment and may still arrive.
    pub in_flight: usize,
    /// Whether it is new.
    pub created: bool,
}

impl Desk {
    /// Takes a review. It counts from now; `claimed_at` is only a claim. The buyer's handles in
    /// this conversation are replaced with it.
    ///
    /// # Errors
    /// When the rating or the conversation is wrong, or by a fault.
    pub async fn put_review(
        &self,
        scope: &Scope,
        id: &ReviewId,
        conversation: &ConversationId,
        rating: u8,
        claimed_at: Option<Timestamp>,
    ) -> Result<ReviewPut, Declined> {
        if !(1..=5).contains(&rating) {
            return Err(Wrong::field("rating", "not 1 to 5"));
        }
        let before = self.store.review_row(scope, id).await?;
        let created = before.is_none();
        if before.is_some_and(|row| row.conversation != *conversation) {
            return Err(Wrong::field("conversation", "this review is of another conversation"));
        }
        if self.store.conversation(scope, conversation).await?.is_none() {
            return Err(Wrong::field("conversation", "no such conversation"));
        }
        let market = self.market(scope).await?;
        let rules = self.rules(scope);
        let now = self.now();
        let review = NewReview {
            id: id.clone(),
            conversation: conversation.clone(),
            rating,
            at: now,
            claimed_at,
            reviewer: names::draw_reviewer(rules.locale.as_deref(), self.vault.luck())?,
            handles: self.mint_again(scope, &market, conversation, Side::Buyer, now).await?,
            notice_due: rules.notices.next(now),
            entry: entry(now, EntryKind::Review, Some(Side::Buyer), format!("rating={rating}")),
        };
        let barrier = self.store.review(scope, review).await?.ok_or(Declined::NotFound)?;
        Ok(ReviewPut {
            reviewer: barrier.reviewer,
            withheld: barrier.withheld.len(),
            in_flight: barrier.in_flight.len(),
            created,
        })
    }

    /// The review was withdrawn. Its barrier stays until its window ends.
    ///
    /// # Errors
    /// When there is none, or by a fault.
    pub async fn withdraw_review(&self, scope: &Scope, id: &ReviewId) -> Result<(), Declined> {
        let entry = entry(self.now(), EntryKind::ReviewWithdrawn, Some(Side::Buyer), "");
        if self.store.withdraw_review(scope, id, entry).await? { Ok(()) } else { Err(Declined::NotFound) }
    }
}
