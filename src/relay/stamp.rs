//! The last of a message before the wire: its address, and our signature over both.

use bytes::Bytes;

use super::Relay;
use crate::{
    media::mail::{self, Signing},
    model::Fault,
};

impl Relay {
    /// Addresses a built message and signs it with every key that the settings name, for the
    /// domain that stands in its From field. An unsigned message is not sent in their place.
    ///
    /// # Errors
    /// When a key fails.
    pub(super) fn stamp(&self, to: &str, domain: &str, built: &[u8]) -> Result<Bytes, Fault> {
        let message = mail::address(to, built);
        let rules = self.rules.load();
        let mut signed = Vec::new();
        for key in &rules.mail_keys {
            let sign = |canonical: &[u8]| key.sign(canonical);
            let signing = Signing { domain, selector: key.selector(), rsa: key.is_rsa(), sign: &sign };
            signed.extend(mail::dkim_signature(&message, signing)?);
        }
        if signed.is_empty() {
            return Ok(Bytes::from(message));
        }
        signed.extend_from_slice(&message);
        Ok(Bytes::from(signed))
    }
}
