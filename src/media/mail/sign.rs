//! The DKIM signature of a message of ours (RFC 6376).

use mail_auth::{
    common::{
        crypto::{Algorithm, Sha256, SigningKey},
        headers::{HeaderWriter as _, Writable},
    },
    dkim::DkimSigner,
};

use super::HEADERS;
use crate::model::Fault;

/// One signature to be made: for whom, and by what.
#[derive(Clone, Copy)]
pub struct Signing<'a> {
    /// The domain in the From field: strict alignment.
    pub domain: &'a str,
    /// Where in DNS the key is.
    pub selector: &'a str,
    /// Whether the key is RSA; else it is Ed25519.
    pub rsa: bool,
    /// Signs the canonical form; the key stays where it is.
    pub sign: &'a (dyn Fn(&[u8]) -> Result<Vec<u8>, Fault> + Sync),
}

/// The `DKIM-Signature` field for a message that is whole but for it, line end included.
///
/// Every field that [`HEADERS`] names is signed, and named more often than it is there, so that none
/// can be added beside it; so are Cc and Sender, which a message of ours never has. Only
/// Content-Transfer-Encoding is left out: a host on the way may set it anew. Relaxed
/// canonicalisation outlives hosts that fold lines anew; there is no `l=`.
///
/// # Errors
/// When the key fails.
pub fn dkim_signature(message: &[u8], signing: Signing<'_>) -> Result<Vec<u8>, Fault> {
    let ours = HEADERS.into_iter().filter(|name| *name != "Content-Transfer-Encoding");
    let signed = ours.chain(["Cc", "Sender"]);
    let signer = DkimSigner::from_key(Key(signing))
        .domain(signing.domain)
        .selector(signing.selector)
        .headers(signed.clone().chain(signed));
    let signature = signer.sign(message).map_err(|error| Fault::new("signing a mail", error))?;
    Ok(signature.to_header().into_bytes())
}

struct Key<'a>(Signing<'a>);

impl SigningKey for Key<'_> {
    type Hasher = Sha256;

    fn sign(&self, input: impl Writable) -> mail_auth::Result<Vec<u8>> {
        let mut canonical = Vec::with_capacity(2_048);
        input.write(&mut canonical);
        (self.0.sign)(&canonical)
            .map_err(|fault| mail_auth::Error::Crypto(mail_auth::common::crypto::CryptoError::Library(fault.chain())))
    }

    fn algorithm(&self) -> Algorithm {
        if self.0.rsa { Algorithm::RsaSha256 } else { Algorithm::Ed25519Sha256 }
    }
}
