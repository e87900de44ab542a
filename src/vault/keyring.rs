use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use data_encoding::HEXLOWER;
use ring::{hmac, signature::Ed25519KeyPair};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use super::seal::DataKey;
use crate::model::{Fault, Luck, Secret, Timestamp};

/// Why a key file is not usable.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum KeyFault {
    #[error("{}: others can read it (mode {mode:o}); it must have mode 600", path.display())]
    Permissions { path: PathBuf, mode: u32 },
    #[error("{}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}: not a key file: {source}", path.display())]
    Malformed { path: PathBuf, source: toml::de::Error },
    #[error("{}: not a key file: {what}", path.display())]
    Broken { path: PathBuf, what: &'static str },
    #[error(transparent)]
    Luck(#[from] Fault),
}

/// The key file: TOML with mode 0600, written whole and renamed into place.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRing {
    evidence: HexKey,
    verp: HexKey,
    key: Vec<RingKey>,
}

/// One numbered pair of keys: one wraps data keys, the other makes the blind index.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RingKey {
    /// Its number: rows name it.
    pub id: u32,
    /// When it was made.
    pub created: Timestamp,
    wrap: HexKey,
    index: HexKey,
}

#[derive(Clone, PartialEq, Eq)]
struct HexKey(Secret<Vec<u8>>);

impl KeyRing {
    pub(super) fn open_or_make(path: &Path, now: Timestamp, luck: &dyn Luck) -> Result<Self, KeyFault> {
        match Self::read(path) {
            Err(KeyFault::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let ring = Self::make(now, luck)?;
                ring.write(path)?;
                Ok(ring)
            }
            other => other,
        }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When it can not be read, is broken, or others may read it.
    pub fn read(path: &Path) -> Result<Self, KeyFault> {
        let unreadable = |source| KeyFault::Unreadable { path: path.to_owned(), source };
        let mode = fs::metadata(path).map_err(unreadable)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyFault::Permissions { path: path.to_owned(), mode });
        }
        let mut text = fs::read_to_string(path).map_err(unreadable)?;
        let parsed = toml::from_str::<Self>(&text);
        text.zeroize();
        let ring = parsed.map_err(|source| KeyFault::Malformed { path: path.to_owned(), source })?;
        ring.check().map_err(|what| KeyFault::Broken { path: path.to_owned(), what })?;
        Ok(ring)
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), KeyFault> {
        let unreadable = |source| KeyFault::Unreadable { path: path.to_owned(), source };
        let broken = |_| KeyFault::Broken { path: path.to_owned(), what: "can not be written as TOML" };
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(unreadable)?;
        }
        let mut text = String::from(HEAD);
        text.push_str(&toml::to_string(self).map_err(broken)?);
        let beside = path.with_extension("new");
        let written = write_synced(&beside, text.as_bytes()).and_then(|()| fs::rename(&beside, path));
        text.zeroize();
        written.map_err(unreadable)
    }

    fn make(now: Timestamp, luck: &dyn Luck) -> Result<Self, KeyFault> {
        Ok(Self {
            evidence: HexKey::draw(luck)?,
            verp: HexKey::draw(luck)?,
            key: vec![RingKey { id: 1, created: now, wrap: HexKey::draw(luck)?, index: HexKey::draw(luck)? }],
        })
    }

    pub(super) fn with_new_key(mut self, now: Timestamp, luck: &dyn Luck) -> Result<(Self, u32), KeyFault> {
        let id = self.active().id + 1;
        self.key.push(RingKey { id, created: now, wrap: HexKey::draw(luck)?, index: HexKey::draw(luck)? });
        Ok((self, id))
    }

    /// The key that wraps and indexes what is new: the highest number.
    pub fn active(&self) -> &RingKey {
        // `check` has seen that there is one.
        self.key.iter().max_by_key(|k| k.id).unwrap_or(&self.key[0])
    }

    /// A key by its number.
    pub fn key(&self, id: u32) -> Option<&RingKey> {
        self.key.iter().find(|k| k.id == id)
    }

    /// All keys.
    pub fn keys(&self) -> &[RingKey] {
        &self.key
    }

    pub(super) fn verp_key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.verp.0.reveal())
    }

    pub(super) fn evidence_key(&self) -> &[u8] {
        self.evidence.0.reveal()
    }

    fn check(&self) -> Result<(), &'static str> {
        let all = self.key.iter().flat_map(|k| [&k.wrap, &k.index]).chain([&self.evidence, &self.verp]);
        if self.key.is_empty() {
            return Err("it holds no key");
        }
        if all.into_iter().any(|k| k.0.reveal().len() != 32) {
            return Err("a key does not have 32 bytes");
        }
        let mut ids: Vec<u32> = self.key.iter().map(|k| k.id).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() != self.key.len() {
            return Err("two keys have one number");
        }
        Ed25519KeyPair::from_seed_unchecked(self.evidence_key()).map(|_| ()).map_err(|_| "the evidence key is no key")
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "«key ring of {}»", self.key.len())
    }
}

impl RingKey {
    pub(super) fn wrapping(&self, luck: &Arc<dyn Luck>) -> Result<DataKey, Fault> {
        let mut bytes = self.wrap.0.reveal().clone();
        DataKey::from_bytes(&mut bytes, Arc::clone(luck))
    }

    pub(super) fn indexing(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.index.0.reveal())
    }
}

impl HexKey {
    fn draw(luck: &dyn Luck) -> Result<Self, Fault> {
        let mut bytes = vec![0; 32];
        luck.fill(&mut bytes)?;
        Ok(Self(Secret::new(bytes)))
    }
}

impl Serialize for HexKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&HEXLOWER.encode(self.0.reveal()))
    }
}

impl<'de> Deserialize<'de> for HexKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut text = String::deserialize(deserializer)?;
        let bytes = HEXLOWER.decode(text.as_bytes());
        text.zeroize();
        // The error of the decoder would name the character: say nothing of a key.
        bytes.map(|b| Self(Secret::new(b))).map_err(|_| serde::de::Error::custom("not a key in hexadecimal"))
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

const HEAD: &str = "# The key ring of tabir. Whoever has this file and the store can unmask everybody;\n\
                    # whoever loses it loses every message. Back it up apart from the store.\n\n";
