//! Evidence of a conversation, sealed in a file, and the key that verifies it.

use crate::{
    evidence,
    model::{ConversationId, EntryKind, EventId, Fault, Scope},
    store::NewEntry,
    vault::Place,
};

use super::{Declined, Desk, entry};

/// The key that verifies the heads of evidence chains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceKey {
    /// 32 bytes, Ed25519.
    pub public: Vec<u8>,
    /// `SHA256:…`
    pub fingerprint: String,
}

impl Desk {
    /// The bundle of a conversation, signed.
    ///
    /// # Errors
    /// When there is no such conversation, or by a fault.
    pub async fn evidence(&self, scope: &Scope, id: &ConversationId) -> Result<Vec<u8>, Declined> {
        let bundle = evidence::export(self.store.as_ref(), &self.vault, scope, id, self.now()).await?;
        bundle.ok_or(Declined::NotFound)
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
