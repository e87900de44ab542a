//! Evidence of a conversation, sealed in a file, and the key that verifies it.

use crate::{
    evidence,
    model::{ConversationId, Fault, Scope},
};

use super::{Declined, Desk};

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
