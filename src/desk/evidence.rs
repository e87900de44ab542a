//! Evidence of a conversation, sealed in a file, and the key that verifies it.

use crate::{
    evidence::{self, Anchor},
    model::{ConversationId, EntryKind, EventId, Fault, Scope, Timestamp},
    store::{AnchorRow, NewEntry},
    vault::Place,
};

use super::{Declined, Desk, Wrong, entry};
pub use crate::evidence::{Language, Reader, View};

/// The key that verifies the heads of evidence chains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceKey {
    /// 32 bytes, Ed25519.
    pub public: Vec<u8>,
    /// `SHA256:…`
    pub fingerprint: String,
}

impl Desk {
    /// The bundle of a conversation for a reader, signed.
    ///
    /// # Errors
    /// When there is no such conversation or no such anchor, or by a fault.
    pub async fn evidence(&self, scope: &Scope, id: &ConversationId, view: View) -> Result<Vec<u8>, Declined> {
        if let Some(number) = view.anchor
            && !self.store.anchors(scope, 0, Some(number)).await?.iter().any(|row| row.number == number)
        {
            return Err(Wrong::field("anchor", "there is no anchor of this number"));
        }
        let asked = evidence::Asked { conversation: id, view, now: self.now() };
        let bundle = evidence::export(self.store.as_ref(), &self.vault, scope, asked).await?;
        bundle.ok_or(Declined::NotFound)
    }

    /// The language that a marketplace's own words are in, or the one that was asked for.
    pub fn language(&self, scope: &Scope, asked: Option<&str>) -> Language {
        Language::of(asked.or(self.rules(scope).locale.as_deref()))
    }

    /// Writes down where all chains stand now, under one signature; its number.
    ///
    /// # Errors
    /// By a fault.
    pub async fn anchor(&self, scope: &Scope) -> Result<(u64, Anchor), Declined> {
        for _ in 0..3 {
            let before = self.store.anchors(scope, 1, None).await?.into_iter().next();
            let read = |row: &AnchorRow| serde_json::from_str::<Anchor>(&row.anchor).ok();
            let previous = before.as_ref().and_then(read);
            let heads = self.store.heads(scope).await?;
            let number = before.as_ref().map_or(0, |row| row.number) + 1;
            let now = self.now();
            let anchor = evidence::sign_anchor(&self.vault, scope, heads.clone(), number, now, previous.as_ref())?;
            let text = serde_json::to_string(&anchor).map_err(|e| Fault::new("writing an anchor", e))?;
            let row = AnchorRow { number, at: now, anchor: text };
            // Somebody else may have made this number at the same time.
            if self.store.add_anchor(scope, row, heads).await? {
                return Ok((number, anchor));
            }
        }
        Err(Fault::plain("anchoring while others anchor").into())
    }

    /// The newest anchors, the newest first.
    ///
    /// # Errors
    /// By a fault.
    pub async fn anchors(&self, scope: &Scope, limit: usize) -> Result<Vec<AnchorRow>, Declined> {
        Ok(self.store.anchors(scope, limit, None).await?)
    }

    /// When a marketplace's chains were last anchored.
    ///
    /// # Errors
    /// By a fault.
    pub async fn anchored_at(&self, scope: &Scope) -> Result<Option<Timestamp>, Fault> {
        Ok(self.store.anchors(scope, 1, None).await?.first().map(|row| row.at))
    }

    /// Everything of an escalated message, for whom the law sends: a JSON object. That it was
    /// opened stands in evidence before it is given out.
    ///
    /// # Errors
    /// When there is no such message, it was not escalated, or by a fault.
    pub async fn unseal(&self, scope: &Scope, id: EventId) -> Result<Vec<u8>, Declined> {
        let (conversation, sealed) = self.store.escalated(scope, id).await?.ok_or(Declined::NotFound)?;
        let market = self.market(scope).await?;
        let words = market.key.open_committed(&Place::escalated(scope.marketplace(), &id), &sealed)?;
        let opened = NewEntry { message: Some(id), ..entry(self.now(), EntryKind::Unsealed, None, "by=operator") };
        self.store.append(scope, &conversation, opened).await?;
        Ok(words)
    }

    /// The public key, to be pinned by who verifies.
    ///
    /// # Errors
    /// When the stored key is no key.
    pub fn evidence_key(&self) -> Result<EvidenceKey, Fault> {
        let signer = self.vault.evidence_signer()?;
        let fingerprint = evidence::public_key(&signer)?.fingerprint();
        Ok(EvidenceKey { fingerprint, public: signer.public_key().to_vec() })
    }
}
