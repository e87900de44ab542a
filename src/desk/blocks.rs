//! Blocks: a side wants no contact. A barrier like a review, and new handles for who asks.

use crate::{
    model::{ConversationId, EntryKind, Scope, Side},
    store::NewBlock,
};

use super::{Declined, Desk, conversations::ConversationView, entry};

impl Desk {
    /// A side asks for no contact (`blocked`), or takes that back.
    ///
    /// # Errors
    /// When there is no such conversation, or by a fault.
    pub async fn block(
        &self,
        scope: &Scope,
        id: &ConversationId,
        by: Side,
        blocked: bool,
    ) -> Result<ConversationView, Declined> {
        let row = self.row(scope, id).await?;
        let market = self.market(scope).await?;
        let now = self.now();
        let handles = if blocked { self.mint_again(scope, &market, id, by, now).await? } else { Vec::new() };
        let kind = if blocked { EntryKind::Blocked } else { EntryKind::Unblocked };
        let block = NewBlock {
            conversation: id.clone(),
            by,
            blocked,
            at: now,
            handles,
            notice_due: self.rules(scope).notices.next(now),
            entry: entry(now, kind, Some(by), ""),
        };
        self.store.block(scope, block).await?.ok_or(Declined::NotFound)?;
        Ok(self.view(scope, row).await?)
    }
}
