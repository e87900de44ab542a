//! Letters of support, as the side that got them and the marketplace see them.

use crate::{
    model::{ConversationId, EventId, Fault, LetterWords, Scope, Side},
    store::LetterRow,
    vault::Place,
};

use super::{Declined, Desk};

/// A letter with its words; `None` after its reader was erased.
pub struct LetterView {
    /// The row.
    pub row: LetterRow,
    /// What it says.
    pub words: Option<LetterWords>,
}

impl Desk {
    /// What support wrote to a side, oldest first.
    ///
    /// # Errors
    /// When there is no such conversation, or by a fault.
    pub async fn letters_to(
        &self,
        scope: &Scope,
        id: &ConversationId,
        side: Side,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<LetterView>, Declined> {
        let conversation = self.row(scope, id).await?;
        let key = self.side_key(scope, &conversation, side)?;
        let mut letters = Vec::new();
        for row in self.store.letters(scope, id, side, after, limit).await? {
            let words = match &key {
                Some(key) if !row.sealed.is_empty() => {
                    let json = key.open_committed(&Place::letter(scope.marketplace(), &row.id), &row.sealed)?;
                    Some(serde_json::from_slice(&json).map_err(|e| Fault::new("reading a letter", e))?)
                }
                _ => None,
            };
            letters.push(LetterView { row, words });
        }
        Ok(letters)
    }
}
