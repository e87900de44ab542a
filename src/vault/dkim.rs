//! Keys that sign outgoing mail (DKIM, RFC 6376; Ed25519 by RFC 8463). They unmask nobody; they
//! live here because whoever has one can write as the relay.
//!
//! A key is a file `SELECTOR.pem` that its owner alone can read. Its selector is its name in DNS,
//! so a new key is a new selector and both can be published side by side while one replaces the
//! other.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use data_encoding::BASE64;
use ring::{
    digest,
    rand::SystemRandom,
    rsa,
    signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use zeroize::Zeroize;

use crate::model::{Fault, Luck};

/// Why a key for mail is not usable. Which one it is, whoever asked knows.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum MailKeyFault {
    #[error("`{0}` is no selector: up to 63 small letters, digits and hyphens, a letter or digit first and last")]
    Selector(String),
    #[error("the key can not be read: {0}")]
    Unreadable(io::Error),
    #[error("the key can not be written: {0}")]
    Unwritable(io::Error),
    #[error("others can read the key (mode {0:o}); it must have mode 600")]
    Permissions(u32),
    #[error("not a private key in PEM: Ed25519, or RSA of 2048 to 4096 bits")]
    Malformed,
    #[error(transparent)]
    Luck(#[from] Fault),
}

/// A key that signs outgoing mail.
pub struct MailKey {
    selector: String,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

impl MailKey {
    /// Reads `folder/selector.pem`: PKCS#8, or PKCS#1 for RSA.
    ///
    /// # Errors
    /// When it is not there, others may read it, or it holds no such key.
    pub fn read(folder: &Path, selector: &str) -> Result<Self, MailKeyFault> {
        let path = path(folder, selector)?;
        let mode = fs::metadata(&path).map_err(MailKeyFault::Unreadable)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(MailKeyFault::Permissions(mode));
        }
        let mut pem = fs::read(&path).map_err(MailKeyFault::Unreadable)?;
        let pair = Pair::read(&pem);
        pem.zeroize();
        let pair = pair.ok_or(MailKeyFault::Malformed)?;
        Ok(Self { selector: selector.to_owned(), pair })
    }

    /// Makes an Ed25519 key in `folder/selector.pem`, with mode 0600. A key that is there already
    /// stays.
    ///
    /// # Errors
    /// When there is one, or the file can not be written.
    pub fn make(folder: &Path, selector: &str, luck: &dyn Luck) -> Result<Self, MailKeyFault> {
        let path = path(folder, selector)?;
        fs::create_dir_all(folder).map_err(MailKeyFault::Unwritable)?;
        let mut seed = [0; 32];
        luck.fill(&mut seed)?;
        let mut der = [ED25519_PKCS8.as_slice(), &seed].concat();
        let mut pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", BASE64.encode(&der));
        der.zeroize();
        seed.zeroize();
        let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let written = written.and_then(|mut file| file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()));
        pem.zeroize();
        written.map_err(MailKeyFault::Unwritable)?;
        Self::read(folder, selector)
    }

    /// Its name in DNS: the label before `_domainkey`.
    pub fn selector(&self) -> &str {
        &self.selector
    }

    /// Whether it is RSA; else it is Ed25519.
    pub fn is_rsa(&self) -> bool {
        matches!(self.pair, Pair::Rsa(_))
    }

    /// The signature over the canonical form of a message: of RSA with PKCS#1 1.5 and SHA-256, of
    /// Ed25519 over its SHA-256 (RFC 8463 §3).
    ///
    /// # Errors
    /// When there is no randomness to blind RSA with.
    pub fn sign(&self, canonical: &[u8]) -> Result<Vec<u8>, Fault> {
        match &self.pair {
            Pair::Ed25519(pair) => Ok(pair.sign(digest::digest(&digest::SHA256, canonical).as_ref()).as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), canonical, &mut signature)
                    .map_err(|_| Fault::plain("signing a mail with RSA"))?;
                Ok(signature)
            }
        }
    }

    /// What DNS must say at `SELECTOR._domainkey.DOMAIN`.
    pub fn record(&self) -> String {
        let (kind, key) = match &self.pair {
            Pair::Ed25519(pair) => ("ed25519", pair.public_key().as_ref().to_vec()),
            Pair::Rsa(pair) => ("rsa", subject_public_key(pair.public())),
        };
        format!("v=DKIM1; k={kind}; p={}", BASE64.encode(&key))
    }
}

impl std::fmt::Debug for MailKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "«mail key {}»", self.selector)
    }
}

impl Pair {
    fn read(pem: &[u8]) -> Option<Self> {
        match PrivateKeyDer::from_pem_slice(pem).ok()? {
            PrivateKeyDer::Pkcs1(der) => {
                RsaKeyPair::from_der(der.secret_pkcs1_der()).ok().map(|pair| Self::Rsa(Box::new(pair)))
            }
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                let rsa = RsaKeyPair::from_pkcs8(der).ok().map(|pair| Self::Rsa(Box::new(pair)));
                // Programs of others leave the public half out of it (RFC 5958 §2).
                rsa.or_else(|| Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok().map(Self::Ed25519))
            }
            _ => None,
        }
    }
}

/// A selector is a label in DNS and a file's name: nothing in it may lead elsewhere.
fn path(folder: &Path, selector: &str) -> Result<PathBuf, MailKeyFault> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = selector.as_bytes();
    let fits = (1..=63).contains(&bytes.len())
        && bytes.iter().all(|&b| plain(b) || b == b'-')
        && [bytes.first(), bytes.last()].into_iter().flatten().all(|&b| plain(b));
    if fits { Ok(folder.join(format!("{selector}.pem"))) } else { Err(MailKeyFault::Selector(selector.to_owned())) }
}

/// A SubjectPublicKeyInfo (RFC 5280 §4.1), which is what everybody publishes and reads.
fn subject_public_key(key: &rsa::PublicKey) -> Vec<u8> {
    let mut bits = vec![0];
    bits.extend_from_slice(key.as_ref());
    der(0x30, &[RSA_ENCRYPTION, &der(0x03, &bits)].concat())
}

/// One value in DER; keys have less than 64 kB.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    let length: &[u8] = match (high, low) {
        (0, 0..=0x7f) => &[low],
        (0, _) => &[0x81, low],
        _ => &[0x82, high, low],
    };
    [&[tag], length, content].concat()
}

/// A PrivateKeyInfo of Ed25519 up to its 32 bytes of seed (RFC 8410 §7).
const ED25519_PKCS8: [u8; 16] = [0x30, 46, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 34, 4, 32];
/// The AlgorithmIdentifier of RSA: `1.2.840.113549.1.1.1`, and no parameters.
const RSA_ENCRYPTION: &[u8] = &[0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SystemLuck;

    #[test]
    fn a_key_is_made_once_and_read_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let made = MailKey::make(folder.path(), "e2026", &SystemLuck::new()).unwrap();
        let read = MailKey::read(folder.path(), "e2026").unwrap();
        assert_eq!(made.record(), read.record());
        assert!(read.record().starts_with("v=DKIM1; k=ed25519; p="), "{}", read.record());
        assert_eq!(read.sign(b"a").unwrap().len(), 64);
        assert!(matches!(MailKey::make(folder.path(), "e2026", &SystemLuck::new()), Err(MailKeyFault::Unwritable(_))));
        let path = folder.path().join("e2026.pem");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(MailKey::read(folder.path(), "e2026"), Err(MailKeyFault::Permissions(0o640))));
    }

    #[test]
    fn a_selector_is_one_label_and_leads_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        for bad in ["", "-a", "a-", "../keys", "a.b", "A", "ä", &"a".repeat(64)] {
            assert!(matches!(MailKey::read(folder.path(), bad), Err(MailKeyFault::Selector(_))), "{bad}");
        }
        assert!(matches!(MailKey::read(folder.path(), "a-1"), Err(MailKeyFault::Unreadable(_))));
    }

    #[test]
    fn what_is_no_private_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            let path = folder.path().join("s.pem");
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert!(matches!(MailKey::read(folder.path(), "s"), Err(MailKeyFault::Malformed)), "{text}");
        }
    }

    #[test]
    fn lengths_in_der_take_one_two_or_three_bytes() {
        for (length, head) in
            [(0, vec![4, 0]), (127, vec![4, 127]), (128, vec![4, 0x81, 128]), (256, vec![4, 0x82, 1, 0])]
        {
            assert!(der(4, &vec![7; length]).starts_with(&head), "{length}");
        }
    }
}
