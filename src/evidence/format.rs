//! A bundle: a canonical zip of the chain, what was opened of it, and a signature.
//!
//! Canonical means that the same contents are the same bytes: files stored and not compressed,
//! sorted by name, with one fixed date and mode. So a reader may pack again what it has read
//! and compare; whatever differs was changed by somebody. `bundle.txt`, which travels in every
//! bundle, says the rest.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    io::{Cursor, Read, Write},
    str::FromStr,
};

use data_encoding::{BASE64, HEXLOWER};
use ring::digest;
use serde::{Deserialize, Serialize};
use zip::{CompressionMethod, DateTime, System, ZipArchive, ZipWriter, write::SimpleFileOptions};

use super::{
    anchor::Proof,
    timeline,
    view::{Reader, View},
};
use crate::model::{CaseId, ConversationId, Entry, Fault, Link, Marketplace, Share, Timestamp};

/// What stands at the head of every manifest.
pub const VERSION: &str = "tabir evidence 2";
/// What stood there before bundles were made for a reader: still read.
pub(super) const FIRST_VERSION: &str = "tabir evidence 1";

pub(super) const ANCHORS: &str = "anchors.jsonl";
pub(super) const ENTRIES: &str = "entries.jsonl";
pub(super) const LINKS: &str = "links.txt";
pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const PRIVATE: &str = "private.jsonl";
pub(super) const README: &str = "README.txt";
pub(super) const PARTS: &str = "parts.jsonl";
pub(super) const SIGNATURE: &str = "signature.json";

/// Files of a bundle by name.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// What goes into a bundle.
pub struct Contents {
    /// Whose marketplace.
    pub marketplace: Marketplace,
    /// Which conversation.
    pub conversation: ConversationId,
    /// When it was taken out.
    pub exported_at: Timestamp,
    /// The canonical bytes of every entry and the link after it, from the first, as they were
    /// kept. They are not linked afresh: what was changed where they lay must come to light.
    pub entries: Vec<(String, Link)>,
    /// For whom, in which language.
    pub view: View,
    /// Positions of entries that are not for this reader.
    pub withheld: BTreeSet<u64>,
    /// What could be opened and is for this reader, by position.
    pub private: Vec<Opened>,
    /// Of messages whose whole stays sealed, the part that is for this reader, by position.
    pub parts: Vec<PartOpened>,
    /// Files of these messages, as they were delivered.
    pub attached: Vec<Vec<u8>>,
    /// Where the chain stood when heads of all chains were written down.
    pub anchors: Vec<Proof>,
    /// In a bundle of one case: the positions of what it tells of.
    pub about: Option<BTreeSet<u64>>,
}

impl Contents {
    /// Writes the bundle and has `sign` put its name under it.
    ///
    /// # Errors
    /// When the chain holds what is no entry, or the container can not be written.
    pub fn write(&self, signer: PublicKey, sign: &dyn Fn(&[u8]) -> Vec<u8>) -> Result<Vec<u8>, Fault> {
        let mut files = self.files()?;
        let manifest = Manifest {
            format: VERSION.to_owned(),
            marketplace: self.marketplace.clone(),
            conversation: self.conversation.clone(),
            exported_at: self.exported_at,
            entries: self.entries.len(),
            head: self.head(),
            signer: signer.fingerprint(),
            reader: Some(self.view.reader),
            case: self.view.case.clone(),
            withheld: self.withheld.iter().copied().collect(),
            files: files.iter().map(|(name, bytes)| Listed::of(name, bytes)).collect(),
        };
        let manifest = json(&manifest)?.into_bytes();
        let signature = Signature { key: signer, signature: BASE64.encode(&sign(&manifest)) };
        files.insert(SIGNATURE.to_owned(), json(&signature)?.into_bytes());
        files.insert(MANIFEST.to_owned(), manifest);
        pack(&files)
    }

    fn files(&self) -> Result<Files, Fault> {
        let written = |(seq, (line, _)): (u64, &(String, Link))| match self.withheld.contains(&seq) {
            true => withheld_line(seq),
            false => line.clone(),
        };
        let canonical: Vec<String> = (0..).zip(&self.entries).map(written).collect();
        let links: Vec<Link> = self.entries.iter().map(|(_, link)| *link).collect();
        let read = |line: &String| match serde_json::from_str(line) {
            Ok(entry) => Ok(Some(entry)),
            Err(_) if line.ends_with(WITHHELD) => Ok(None),
            Err(e) => Err(Fault::new("reading an evidence entry", e)),
        };
        let entries = canonical.iter().map(read).collect::<Result<Vec<Option<Entry>>, _>>()?;
        let mut files = Files::new();
        files.insert(README.to_owned(), include_bytes!("bundle.txt").to_vec());
        files.insert(ENTRIES.to_owned(), lines(&canonical));
        files.insert(LINKS.to_owned(), lines(&links));
        files.insert(PRIVATE.to_owned(), lines(&all(&self.private)?));
        if !self.parts.is_empty() {
            files.insert(PARTS.to_owned(), lines(&all(&self.parts)?));
        }
        if !self.anchors.is_empty() {
            files.insert(ANCHORS.to_owned(), lines(&all(&self.anchors)?));
        }
        for bytes in &self.attached {
            files.insert(attached_name(&sha256(bytes)), bytes.clone());
        }
        timeline::tell(self, &entries, &mut files)?;
        Ok(files)
    }

    /// Whether a bundle tells of an entry: one of a case of that case alone.
    pub(super) fn tells(&self, seq: u64) -> bool {
        self.about.as_ref().is_none_or(|about| about.contains(&seq))
    }

    fn head(&self) -> Link {
        let genesis = || Link::genesis(&self.marketplace, &self.conversation);
        self.entries.last().map_or_else(genesis, |(_, link)| *link)
    }
}

/// The private part of an entry, opened.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opened {
    /// Of which entry.
    pub seq: u64,
    /// The salt of its commitment, in hexadecimal.
    pub salt: String,
    /// The canonical JSON that was committed to.
    pub text: String,
}

impl Opened {
    /// Takes salt ‖ plaintext apart.
    ///
    /// # Errors
    /// When there is no salt, or the rest is no text.
    pub fn new(seq: u64, private: &[u8]) -> Result<Self, Fault> {
        let doing = "reading the private part of an evidence entry";
        let (salt, text) = private.split_at_checked(16).ok_or_else(|| Fault::plain(doing))?;
        let text = std::str::from_utf8(text).map_err(|e| Fault::new(doing, e))?;
        Ok(Self { seq, salt: HEXLOWER.encode(salt), text: text.to_owned() })
    }
}

/// One part of a message, opened.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartOpened {
    /// Of which entry.
    pub seq: u64,
    /// Which part.
    pub part: Share,
    /// The salt of its commitment, in hexadecimal.
    pub salt: String,
    /// The JSON that was committed to.
    pub text: String,
}

impl fmt::Debug for PartOpened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "«opened part of entry {}»", self.seq)
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "«opened entry {}»", self.seq)
    }
}

/// What a bundle says of itself; the signature is over exactly its bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) format: String,
    pub(super) marketplace: Marketplace,
    pub(super) conversation: ConversationId,
    pub(super) exported_at: Timestamp,
    pub(super) entries: usize,
    pub(super) head: Link,
    pub(super) signer: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reader: Option<Reader>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) case: Option<CaseId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) withheld: Vec<u64>,
    pub(super) files: Vec<Listed>,
}

/// A file of the bundle, as the manifest lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) bytes: usize,
    pub(super) sha256: String,
}

impl Listed {
    pub(super) fn of(name: &str, bytes: &[u8]) -> Self {
        Self { name: name.to_owned(), bytes: bytes.len(), sha256: sha256(bytes) }
    }
}

/// Who signed the manifest.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signature {
    pub(super) key: PublicKey,
    pub(super) signature: String,
}

/// The public half of an evidence key (Ed25519), written as base64 of its 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// As people compare it: `SHA256:` and base64 without padding.
    pub fn fingerprint(&self) -> String {
        let hash = digest::digest(&digest::SHA256, &self.0);
        format!("SHA256:{}", BASE64.encode(hash.as_ref()).trim_end_matches('='))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.to_string()
    }
}

/// Why a text is no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an Ed25519 public key: base64 of 32 bytes, PEM, or the answer of /v1/evidence-key")]
pub struct BadKey;

impl TryFrom<String> for PublicKey {
    type Error = BadKey;

    fn try_from(text: String) -> Result<Self, BadKey> {
        text.parse()
    }
}

impl FromStr for PublicKey {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        let text = text.trim();
        let bytes = if text.starts_with("-----BEGIN PUBLIC KEY-----") {
            from_pem(text)
        } else if text.starts_with('{') {
            serde_json::from_str(text).ok().and_then(|answer: Published| BASE64.decode(answer.key.as_bytes()).ok())
        } else {
            BASE64.decode(text.as_bytes()).ok()
        };
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(BadKey)
    }
}

/// The answer of `GET /v1/evidence-key`, as far as it matters here.
#[derive(Deserialize)]
struct Published {
    key: String,
}

/// A SubjectPublicKeyInfo of Ed25519 (RFC 8410): a fixed head, then the key.
fn from_pem(text: &str) -> Option<Vec<u8>> {
    const HEAD: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let base64: String = text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let der = BASE64.decode(base64.as_bytes()).ok()?;
    der.strip_prefix(HEAD).map(<[u8]>::to_vec)
}

/// Packs files into the one zip that these files make.
pub(super) fn pack(files: &Files) -> Result<Vec<u8>, Fault> {
    let failed = |e| Fault::new("packing an evidence bundle", e);
    let options = SimpleFileOptions::DEFAULT
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::DEFAULT)
        .system(System::Unix)
        .unix_permissions(0o644);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(name.as_str(), options).map_err(failed)?;
        zip.write_all(bytes).map_err(|e| Fault::new("packing an evidence bundle", e))?;
    }
    zip.finish().map(Cursor::into_inner).map_err(failed)
}

/// Takes a zip apart. `None`: it is none, or its files lie over one another.
pub(super) fn unpack(bytes: &[u8]) -> Option<Files> {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).ok()?;
    let mut files = Files::new();
    let mut left = bytes.len();
    for n in 0..zip.len() {
        let mut file = zip.by_index(n).ok()?;
        // Stored files can not be larger than what holds them, all together.
        let size = file.size();
        left = left.checked_sub(usize::try_from(size).ok()?)?;
        let mut content = Vec::new();
        file.by_ref().take(size).read_to_end(&mut content).ok()?;
        if files.insert(file.name().to_owned(), content).is_some() {
            return None;
        }
    }
    Some(files)
}

/// What stands in place of an entry that is not for the reader; its link stays.
pub(super) fn withheld_line(seq: u64) -> String {
    format!("{{\"seq\":{seq}{WITHHELD}")
}

const WITHHELD: &str = ",\"withheld\":true}";

/// Where an attached file lies.
pub(super) fn attached_name(sha256: &str) -> String {
    format!("files/{sha256}")
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn all<T: Serialize>(items: &[T]) -> Result<Vec<String>, Fault> {
    items.iter().map(json).collect()
}

fn json<T: Serialize>(value: &T) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|e| Fault::new("writing an evidence bundle", e))
}

fn lines<T: fmt::Display>(items: &[T]) -> Vec<u8> {
    let mut text = String::new();
    for item in items {
        text.push_str(&item.to_string());
        text.push('\n');
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_are_the_same_bytes_for_ever() {
        let files = Files::from([("b".to_owned(), b"two\n".to_vec()), ("a".to_owned(), b"one\n".to_vec())]);
        let packed = pack(&files).unwrap();
        assert_eq!(unpack(&packed), Some(files));
        // Bundles that lie in archives must verify with every later version of this program:
        // if this changes, the container's writer has changed and must be put back.
        assert_eq!(sha256(&packed), "202c97b4bbb95d0a3fd53bdf22966f8c75cc476da3697a0a75ef0e159636bb13");
    }

    #[test]
    fn a_public_key_is_read_in_the_ways_people_have_it() {
        let key = PublicKey([7; 32]);
        let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEABwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n-----END PUBLIC KEY-----\n";
        let answer =
            format!("{{\"algorithm\":\"ed25519\",\"key\":\"{key}\",\"fingerprint\":\"{}\"}}", key.fingerprint());
        for text in [&key.to_string(), &format!(" {key}\n"), pem, &answer] {
            assert_eq!(text.parse(), Ok(key), "{text}");
        }
        for bad in ["", "AAAA", "{}", "-----BEGIN PUBLIC KEY-----\nAAAA", "!"] {
            assert_eq!(bad.parse::<PublicKey>(), Err(BadKey), "{bad}");
        }
    }
}
