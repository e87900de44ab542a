//! The only room with keys that unmask people.
//!
//! - [`KeyRing`]: the key file; keys by number, the newest active, older ones kept until
//!   nothing is wrapped by them any more.
//! - [`Vault`]: wraps data keys, tags contacts for the blind index, mints handles, signs.
//! - [`MailKey`]: signs outgoing mail; a file of its own for each.
//! - [`WebhookSecret`]: signs what a marketplace's own programs are told.
//! - [`DataKey`]: one random key per party, per side of a conversation, per marketplace. Erasure
//!   deletes the wrapped key; nothing here is derived from what could be derived again.
//!
//! # Security
//! Imports only `model`. Parses no hostile bytes: what it opens it has sealed itself, and
//! AES-256-GCM refuses the rest. The key file is read at start and when it changed; it has
//! mode 0600 or the relay does not start.

mod dkim;
mod fingerprint;
mod keyring;
mod passwords;
mod places;
mod seal;
mod signer;
mod sketch;
mod webhook;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use ring::hmac;

pub use dkim::{MailKey, MailKeyFault};
pub use keyring::{KeyFault, KeyRing, RingKey};
pub use passwords::{Scram, check_password, draw_password, draw_token, password_verifier, token_hash};
pub use seal::{DataKey, Place};
pub use signer::{EvidenceSigner, Verp};
pub use webhook::{BadWebhookSecret, WebhookSecret};

use crate::model::{
    Contact, ContactKind, Fault, Handle, HandleHash, IndexTag, Luck, Marketplace, PostalCode, Timestamp, WrappedKey,
};

/// The keys of the house and what may be done with them.
pub struct Vault {
    path: PathBuf,
    ring: ArcSwap<KeyRing>,
    luck: Arc<dyn Luck>,
}

impl Vault {
    /// Opens the key file at `path`, or makes it with mode 0600 when there is none.
    ///
    /// # Errors
    /// When it can not be read, is broken, or others may read it.
    pub fn open(path: &Path, now: Timestamp, luck: Arc<dyn Luck>) -> Result<Self, KeyFault> {
        let ring = KeyRing::open_or_make(path, now, luck.as_ref())?;
        Ok(Self { path: path.to_owned(), ring: ArcSwap::from_pointee(ring), luck })
    }

    /// Reads the key file again, so that a rotation by the command line is seen.
    ///
    /// # Errors
    /// As [`Vault::open`]; the ring in use stays.
    pub fn reload(&self) -> Result<(), KeyFault> {
        let fresh = KeyRing::read(&self.path)?;
        if fresh != **self.ring.load() {
            self.ring.store(Arc::new(fresh));
        }
        Ok(())
    }

    /// The ring as it is now.
    pub fn ring(&self) -> Arc<KeyRing> {
        self.ring.load_full()
    }

    /// Adds a key to the file and makes it the active one; returns its number.
    ///
    /// # Errors
    /// When the file can not be written.
    pub fn rotate(&self, now: Timestamp) -> Result<u32, KeyFault> {
        let (ring, id) = KeyRing::read(&self.path)?.with_new_key(now, self.luck.as_ref())?;
        ring.write(&self.path)?;
        self.ring.store(Arc::new(ring));
        Ok(id)
    }

    /// Draws a data key and wraps it for `place`.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn new_key(&self, place: &Place<'_>) -> Result<(DataKey, WrappedKey), Fault> {
        let mut bytes = [0; 32];
        self.luck.fill(&mut bytes)?;
        let key = DataKey::from_bytes(&mut bytes, Arc::clone(&self.luck))?;
        let wrapped = self.wrap(&key, place)?;
        Ok((key, wrapped))
    }

    /// Wraps a data key with the active key of the ring.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn wrap(&self, key: &DataKey, place: &Place<'_>) -> Result<WrappedKey, Fault> {
        let ring = self.ring.load();
        let active = ring.active();
        Ok(WrappedKey { by: active.id, sealed: active.wrapping(&self.luck)?.seal(place, key.bytes().reveal())? })
    }

    /// Opens a wrapped data key.
    ///
    /// # Errors
    /// When the ring lacks the key that wrapped it, or it was wrapped for another place.
    pub fn unwrap(&self, wrapped: &WrappedKey, place: &Place<'_>) -> Result<DataKey, Fault> {
        if self.ring.load().key(wrapped.by).is_none() {
            // Rotated beside us: the file may know more than we do.
            self.reload().map_err(|e| Fault::new("reading the key file", e))?;
        }
        let ring = self.ring.load();
        let key = ring.key(wrapped.by).ok_or_else(|| Fault::plain("looking for the key that wraps a data key"))?;
        let mut bytes = key.wrapping(&self.luck)?.open(place, &wrapped.sealed)?;
        DataKey::from_bytes(&mut bytes, Arc::clone(&self.luck))
    }

    /// The blind index of a contact under every open index key, the active one first. Bound to
    /// the marketplace, so that two marketplaces can not compare their people.
    pub fn tags(&self, marketplace: &Marketplace, contact: &Contact) -> Vec<IndexTag> {
        let ring = self.ring.load();
        let active = ring.active().id;
        let mut tags: Vec<IndexTag> = ring.keys().iter().map(|key| tag(key, marketplace, contact)).collect();
        tags.sort_by_key(|t| t.by != active);
        tags
    }

    /// The blind index of a contact under the active key, for writing.
    pub fn tag(&self, marketplace: &Marketplace, contact: &Contact) -> IndexTag {
        tag(self.ring.load().active(), marketplace, contact)
    }

    /// The blind index of a number of the pool and who texts it, under every open index key, the active one first. Of no
    /// marketplace: one phone texts one number once.
    pub fn caller_tags(&self, number: &str, caller: &Contact) -> Vec<IndexTag> {
        let ring = self.ring.load();
        let active = ring.active().id;
        let parts = ["number of the pool", number, caller.value.reveal()];
        let mut tags: Vec<IndexTag> = ring.keys().iter().map(|key| index(key, parts, caller.kind)).collect();
        tags.sort_by_key(|t| t.by != active);
        tags
    }

    /// Draws a handle and seals its bits under the marketplace's key.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn mint(&self, key: &DataKey, marketplace: &Marketplace) -> Result<(Handle, Vec<u8>), Fault> {
        let handle = Handle::draw(self.luck.as_ref())?;
        let sealed = key.seal(&handle_place(marketplace, &handle.hash()), &handle.bits())?;
        Ok((handle, sealed))
    }

    /// Draws a postal handle and seals its text under the marketplace's key.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn mint_postal(&self, key: &DataKey, marketplace: &Marketplace) -> Result<(PostalCode, Vec<u8>), Fault> {
        let code = PostalCode::draw(self.luck.as_ref())?;
        let sealed = key.seal(&handle_place(marketplace, &code.hash()), code.to_string().as_bytes())?;
        Ok((code, sealed))
    }

    /// The text of a sealed mail handle.
    ///
    /// # Errors
    /// When the seal does not fit.
    pub fn read_handle(
        &self,
        key: &DataKey,
        marketplace: &Marketplace,
        hash: &HandleHash,
        sealed: &[u8],
    ) -> Result<Handle, Fault> {
        let bits = key.open(&handle_place(marketplace, hash), sealed)?;
        let bits = <[u8; 16]>::try_from(bits.as_slice()).map_err(|_| Fault::plain("reading a sealed handle"))?;
        Ok(Handle::from_bits(bits))
    }

    /// The text of a sealed postal handle.
    ///
    /// # Errors
    /// When the seal does not fit.
    pub fn read_postal(
        &self,
        key: &DataKey,
        marketplace: &Marketplace,
        hash: &HandleHash,
        sealed: &[u8],
    ) -> Result<PostalCode, Fault> {
        let text = key.open(&handle_place(marketplace, hash), sealed)?;
        let text = std::str::from_utf8(&text).map_err(|e| Fault::new("reading a sealed postal handle", e))?;
        text.parse().map_err(|e| Fault::new("reading a sealed postal handle", e))
    }

    /// A login by SCRAM-SHA-256 of the user of a verifier; without one it fails at its end, like
    /// that of whoever has the wrong password.
    pub fn scram(&self, user: &str, verifier: Option<&[u8]>) -> Scram {
        Scram::new(user, verifier, &self.ring.load().verp_key())
    }

    /// Signs and checks envelope senders.
    pub fn verp(&self) -> Verp {
        Verp::new(self.ring.load().verp_key())
    }

    /// Signs the heads of evidence chains.
    ///
    /// # Errors
    /// When the stored key is no key.
    pub fn evidence_signer(&self) -> Result<EvidenceSigner, Fault> {
        EvidenceSigner::new(self.ring.load().evidence_key())
    }

    /// Randomness, for those who need ids.
    pub fn luck(&self) -> &dyn Luck {
        self.luck.as_ref()
    }
}

fn handle_place<'a>(marketplace: &'a Marketplace, hash: &'a HandleHash) -> Place<'a> {
    Place { marketplace, table: "handles", row: &hash.0, column: "text" }
}

fn tag(key: &RingKey, marketplace: &Marketplace, contact: &Contact) -> IndexTag {
    index(key, [marketplace.as_str(), contact.kind.as_str(), contact.value.reveal()], contact.kind)
}

fn index(key: &RingKey, parts: [&str; 3], kind: ContactKind) -> IndexTag {
    let mut context = hmac::Context::with_key(&key.indexing());
    for part in parts {
        context.update(part.as_bytes());
        context.update(b"\n");
    }
    let mut tag = [0; 16];
    tag.copy_from_slice(&context.sign().as_ref()[..16]);
    IndexTag { by: key.id, tag, kind }
}

/// A key for tests of other rooms, always the same.
#[cfg(test)]
pub(crate) fn test_key() -> DataKey {
    DataKey::from_bytes(&mut [7; 32], Arc::new(crate::model::SystemLuck::new())).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SystemLuck;

    fn vault(folder: &Path) -> Vault {
        Vault::open(&folder.join("keys"), Timestamp(0), Arc::new(SystemLuck::new())).unwrap()
    }

    #[test]
    fn a_data_key_opens_only_in_its_own_place() {
        let folder = tempfile::tempdir().unwrap();
        let vault = vault(folder.path());
        let demo: Marketplace = "demo".parse().unwrap();
        let other: Marketplace = "other".parse().unwrap();
        let place = |m, row| Place { marketplace: m, table: "parties", row, column: "key" };
        let (key, wrapped) = vault.new_key(&place(&demo, b"buyer-1")).unwrap();
        let sealed = key.seal(&place(&demo, b"x"), b"text").unwrap();
        let again = vault.unwrap(&wrapped, &place(&demo, b"buyer-1")).unwrap();
        assert_eq!(again.open(&place(&demo, b"x"), &sealed).unwrap(), b"text");
        assert!(again.open(&place(&demo, b"y"), &sealed).is_err());
        assert!(vault.unwrap(&wrapped, &place(&demo, b"buyer-2")).is_err());
        assert!(vault.unwrap(&wrapped, &place(&other, b"buyer-1")).is_err());
    }

    #[test]
    fn after_a_rotation_old_wraps_open_and_new_ones_use_the_new_key() {
        let folder = tempfile::tempdir().unwrap();
        let (relay, beside) = (vault(folder.path()), vault(folder.path()));
        let demo: Marketplace = "demo".parse().unwrap();
        let place = Place { marketplace: &demo, table: "parties", row: b"p", column: "key" };
        let (_, old) = relay.new_key(&place).unwrap();
        assert_eq!(beside.rotate(Timestamp(1)).unwrap(), 2);
        let (_, new) = beside.new_key(&place).unwrap();
        assert_eq!((old.by, new.by), (1, 2));
        assert!(relay.unwrap(&new, &place).is_ok(), "the relay reads the file again");
        assert!(relay.unwrap(&old, &place).is_ok());
        let contact = Contact::email("a@mail.example").unwrap();
        let tags = relay.tags(&demo, &contact);
        assert_eq!(tags.len(), 2);
        assert_eq!(tags[0], relay.tag(&demo, &contact));
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        drop(vault(folder.path()));
        let path = folder.path().join("keys");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(KeyRing::read(&path), Err(KeyFault::Permissions { .. })));
    }
}
