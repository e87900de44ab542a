use std::sync::Arc;

use ring::{
    aead::{self, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};
use zeroize::Zeroize;

use crate::model::{Commitment, Fault, Luck, Marketplace, Secret, Share};

/// Where a sealed value lives: the additional data of its seal, so that no row can be put in
/// another's place.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Whose.
    pub marketplace: &'a Marketplace,
    /// The table.
    pub table: &'static str,
    /// The row: the marketplace's id or the bytes of ours.
    pub row: &'a [u8],
    /// The column.
    pub column: &'static str,
}

impl Place<'_> {
    /// An encoding that no two places share: each part with its length before it.
    fn encode(&self) -> Vec<u8> {
        let parts = [self.marketplace.as_str().as_bytes(), self.table.as_bytes(), self.row, self.column.as_bytes()];
        let mut bytes = Vec::with_capacity(96);
        for part in parts {
            bytes.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

/// A random 256-bit key for AES-256-GCM with random 96-bit nonces: fit for 2^32 seals, far
/// beyond what one party or one side of a conversation writes.
pub struct DataKey {
    key: LessSafeKey,
    bytes: Secret<[u8; 32]>,
    luck: Arc<dyn Luck>,
}

impl DataKey {
    /// Takes the key's bytes; `bytes` is zeroed.
    ///
    /// # Errors
    /// When there are not 32.
    pub(super) fn from_bytes(bytes: &mut [u8], luck: Arc<dyn Luck>) -> Result<Self, Fault> {
        let unfit = || Fault::plain("taking a data key");
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| unfit())?);
        let own = <[u8; 32]>::try_from(&*bytes).map_err(|_| unfit())?;
        bytes.zeroize();
        Ok(Self { key, bytes: Secret::new(own), luck })
    }

    /// Seals `plaintext` for its place: nonce ‖ ciphertext ‖ tag.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn seal(&self, place: &Place<'_>, plaintext: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut nonce = [0; NONCE_LEN];
        self.luck.fill(&mut nonce)?;
        let mut sealed = Vec::with_capacity(NONCE_LEN + plaintext.len() + aead::MAX_TAG_LEN);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plaintext);
        let tag = self
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.encode()),
                &mut sealed[NONCE_LEN..],
            )
            .map_err(|_| Fault::plain("sealing"))?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens what was sealed for the same place.
    ///
    /// # Errors
    /// When it was changed, moved, or sealed with another key.
    pub fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, Fault> {
        let broken = || Fault::plain("opening a seal that does not fit its place");
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or_else(broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
        let mut opened = rest.to_vec();
        let length = self.key.open_in_place(nonce, Aad::from(place.encode()), &mut opened).map_err(|_| broken())?.len();
        opened.truncate(length);
        Ok(opened)
    }

    /// A commitment to `plaintext`, and what opens it, sealed: salt ‖ plaintext.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn commit(&self, place: &Place<'_>, plaintext: &[u8]) -> Result<(Commitment, Vec<u8>), Fault> {
        let mut salt = [0; SALT_LEN];
        self.luck.fill(&mut salt)?;
        let sealed = self.seal(place, &[&salt, plaintext].concat())?;
        Ok((Commitment::to(&salt, plaintext), sealed))
    }

    /// As [`DataKey::commit`], and a commitment to each of its parts that is to be opened by itself.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn commit_parts<const N: usize>(
        &self,
        place: &Place<'_>,
        plaintext: &[u8],
        parts: [(Share, &[u8]); N],
    ) -> Result<((Commitment, Vec<u8>), [Commitment; N]), Fault> {
        let mut salt = [0; SALT_LEN];
        self.luck.fill(&mut salt)?;
        let sealed = self.seal(place, &[&salt, plaintext].concat())?;
        let parts = parts.map(|(part, text)| Commitment::to(&Commitment::part_salt(part, &salt), text));
        Ok(((Commitment::to(&salt, plaintext), sealed), parts))
    }

    /// The plaintext that [`DataKey::commit`] sealed.
    ///
    /// # Errors
    /// As [`DataKey::open`].
    pub fn open_committed(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut opened = self.open(place, sealed)?;
        if opened.len() < SALT_LEN {
            return Err(Fault::plain("opening a commitment without its salt"));
        }
        opened.drain(..SALT_LEN);
        Ok(opened)
    }

    /// A key for keyed hashes, one for each purpose.
    pub(super) fn derived(&self, purpose: &[u8]) -> hmac::Key {
        let own = hmac::Key::new(hmac::HMAC_SHA256, self.bytes.reveal());
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&own, purpose).as_ref())
    }

    /// The key itself, for wrapping.
    pub(super) fn bytes(&self) -> &Secret<[u8; 32]> {
        &self.bytes
    }
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("«data key»")
    }
}

/// Random bytes before what is committed to, so that short texts can not be guessed.
const SALT_LEN: usize = 16;
