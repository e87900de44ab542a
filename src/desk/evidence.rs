//! The public half of the key that signs evidence.

use crate::{
    model::Fault,
    vault::fingerprint,
};

use super::Desk;

/// The key that verifies the heads of evidence chains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceKey {
    /// 32 bytes, Ed25519.
    pub public: Vec<u8>,
    /// `SHA256:…`
    pub fingerprint: String,
}

impl Desk {
    /// The public key, to be pinned by who verifies.
    ///
    /// # Errors
    /// When the stored key is no key.
    pub fn evidence_key(&self) -> Result<EvidenceKey, Fault> {
        let signer = self.vault.evidence_signer()?;
        let public = signer.public_key().to_vec();
        Ok(EvidenceKey { fingerprint: fingerprint(&public), public })
    }
}
