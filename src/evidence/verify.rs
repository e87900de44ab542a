//! Is a bundle whole, and who says so?

use std::{fmt, str::FromStr};

use data_encoding::{BASE64, HEXLOWER};
use ring::signature::{ED25519, UnparsedPublicKey};

use super::format::{
    BadKey, ENTRIES, Files, LINKS, Listed, MANIFEST, Manifest, Opened, PRIVATE, PublicKey, SIGNATURE, Signature,
    VERSION, attached_name, pack, sha256, unpack,
};
use crate::model::{Commitment, ConversationId, Entry, Link, Marketplace, Timestamp};

/// Checks a bundle by itself and against the key that the reader trusts: the key as
/// [`PublicKey`] prints it, or its fingerprint. Without one the inside is checked all the same,
/// and the signer remains unknown.
///
/// # Errors
/// Everything that does not hold, the weightiest first.
pub fn verify(bytes: &[u8], trusted: Option<&str>) -> Result<Verified, Vec<Broken>> {
    let trusted = trusted.map(str::parse::<Trusted>).transpose().map_err(|_| vec![Broken::Key])?;
    let files = unpack(bytes).ok_or_else(|| vec![Broken::Container])?;
    let mut broken = Vec::new();
    let found = check(&files, trusted.as_ref(), &mut broken);
    if pack(&files).ok().as_deref() != Some(bytes) {
        broken.push(Broken::Container);
    }
    found.filter(|_| broken.is_empty()).ok_or(broken)
}

/// Whose signature a reader believes: known from elsewhere, never from the bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trusted {
    Key(PublicKey),
    Fingerprint(String),
}

impl FromStr for Trusted {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        let text = text.trim();
        let is_hash = |base64: &str| BASE64.decode(format!("{base64}=").as_bytes()).is_ok_and(|hash| hash.len() == 32);
        match text.strip_prefix("SHA256:") {
            Some(base64) if is_hash(base64) => Ok(Self::Fingerprint(text.to_owned())),
            Some(_) => Err(BadKey),
            None => text.parse().map(Self::Key),
        }
    }
}

impl Trusted {
    fn is(&self, key: PublicKey) -> bool {
        match self {
            Self::Key(known) => *known == key,
            Self::Fingerprint(known) => *known == key.fingerprint(),
        }
    }
}

/// A bundle that is whole and signed by whom the reader trusts.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Whose marketplace.
    pub marketplace: Marketplace,
    /// Which conversation.
    pub conversation: ConversationId,
    /// When it was taken out.
    pub exported_at: Timestamp,
    /// How many entries.
    pub entries: usize,
    /// How many of them committed to something private.
    pub committed: usize,
    /// How many of these were opened and fit.
    pub opened: usize,
    /// The last link.
    pub head: Link,
    /// Who signed it.
    pub signer: PublicKey,
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "conversation {} on {}, as of {}",
            self.conversation,
            self.marketplace,
            self.exported_at.rfc3339()
        )?;
        writeln!(f, "{} entries, {} with a private part, {} of these open", self.entries, self.committed, self.opened)?;
        write!(f, "whole, signed by {}", self.signer.fingerprint())
    }
}

/// What does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Not the zip that its files make.
    #[error("the container was changed: it is not in canonical form")]
    Container,
    /// An entry, counted from 0.
    #[error("entry {seq} was {how}")]
    Entry {
        /// The first that is wrong.
        seq: usize,
        /// What was done.
        how: How,
    },
    /// A file is not the one that was signed.
    #[error("{name:?} was changed")]
    FileChanged {
        /// Which.
        name: String,
    },
    /// A file is there that the manifest does not list.
    #[error("{name:?} was added")]
    FileAdded {
        /// Which.
        name: String,
    },
    /// A file is gone.
    #[error("{name:?} was removed")]
    FileRemoved {
        /// Which.
        name: String,
    },
    /// The chain does not end where the manifest says.
    #[error("the chain does not end at the head that was signed")]
    Head,
    /// What the reader gave as a key is none.
    #[error(
        "what was given is neither a public key (base64 of 32 bytes, or PEM) nor a fingerprint such as SHA256:BASE64"
    )]
    Key,
    /// A commitment does not open.
    #[error("the private part of entry {seq} is not what was committed to")]
    Opening {
        /// Of which entry.
        seq: u64,
    },
    /// Signed by somebody else than the reader trusts.
    #[error("signed by {fingerprint}, not by the key that was given")]
    OtherSigner {
        /// Who.
        fingerprint: String,
    },
    /// The signature does not fit the manifest.
    #[error("the signature does not fit the manifest")]
    Signature,
    /// Nobody was named whom the reader trusts: the bundle agrees with itself, which proves
    /// nothing of its origin.
    #[error("signer unknown: {fingerprint}")]
    UnknownSigner {
        /// Who signed it.
        fingerprint: String,
    },
    /// A file that does not read as what it should be.
    #[error("{name:?} can not be read")]
    Unreadable {
        /// Which.
        name: &'static str,
    },
}

/// What was done to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It was not in the chain.
    Added,
    /// It said something else.
    Changed,
    /// It stood elsewhere.
    Moved,
    /// It is gone.
    Removed,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Moved => "moved",
            Self::Removed => "removed",
        })
    }
}

fn check(files: &Files, trusted: Option<&Trusted>, broken: &mut Vec<Broken>) -> Option<Verified> {
    let manifest: Manifest = read_json(files, MANIFEST, broken)?;
    if manifest.format != VERSION {
        broken.push(Broken::Unreadable { name: MANIFEST });
        return None;
    }
    let chain = check_chain(files, &manifest, broken);
    let opened = chain.as_ref().and_then(|entries| check_private(files, entries, broken));
    check_files(files, &manifest, broken);
    let signer = check_signature(files, &manifest, trusted, broken)?;
    let entries = chain?;
    Some(Verified {
        entries: entries.len(),
        committed: entries.iter().filter(|e| e.commitment.is_some()).count(),
        opened: opened?,
        head: manifest.head,
        marketplace: manifest.marketplace,
        conversation: manifest.conversation,
        exported_at: manifest.exported_at,
        signer,
    })
}

fn check_chain(files: &Files, manifest: &Manifest, broken: &mut Vec<Broken>) -> Option<Vec<Entry>> {
    let lines = read_lines(files, ENTRIES, broken)?;
    let links = read_lines(files, LINKS, broken)?;
    let Ok(links) = links.iter().map(|line| line.parse()).collect::<Result<Vec<Link>, _>>() else {
        broken.push(Broken::Unreadable { name: LINKS });
        return None;
    };
    let chain = Chain { genesis: Link::genesis(&manifest.marketplace, &manifest.conversation), links, lines };
    if let Some((seq, how)) = chain.first_wrong() {
        broken.push(Broken::Entry { seq, how });
    }
    if chain.head() != manifest.head || chain.lines.len() != manifest.entries {
        broken.push(Broken::Head);
    }
    let entries = chain.lines.iter().enumerate().map(|(n, line)| read_entry(n, line)).collect::<Result<Vec<_>, _>>();
    match entries {
        Ok(entries) => Some(entries),
        Err(wrong) => {
            if !broken.contains(&wrong) {
                broken.push(wrong);
            }
            None
        }
    }
}

/// Lines of entries beside the links that were signed: enough to say what was done to them.
struct Chain<'a> {
    genesis: Link,
    links: Vec<Link>,
    lines: Vec<&'a str>,
}

impl Chain<'_> {
    fn first_wrong(&self) -> Option<(usize, How)> {
        let longer = self.lines.len().max(self.links.len());
        let at = (0..longer).find(|&n| !self.lines.get(n).is_some_and(|line| self.fits(line, n)))?;
        Some((at, self.what_happened(at)))
    }

    /// Whether `line` is what stood at position `n` when the links were made.
    fn fits(&self, line: &str, n: usize) -> bool {
        let before = n.checked_sub(1).map_or(Some(&self.genesis), |n| self.links.get(n));
        before.zip(self.links.get(n)).is_some_and(|(before, after)| before.then(line.as_bytes()) == *after)
    }

    fn what_happened(&self, at: usize) -> How {
        let Some(line) = self.lines.get(at) else { return How::Removed };
        let stood_later = (at + 1..self.links.len()).any(|n| self.fits(line, n));
        let stands_later = self.lines[at + 1..].iter().any(|line| self.fits(line, at));
        match (stood_later, stands_later) {
            _ if at >= self.links.len() => How::Added,
            (true, true) => How::Moved,
            (true, false) => How::Removed,
            (false, true) => How::Added,
            (false, false) => How::Changed,
        }
    }

    /// Where the lines lead, whatever the links say.
    fn head(&self) -> Link {
        self.lines.iter().fold(self.genesis, |link, line| link.then(line.as_bytes()))
    }
}

fn read_entry(seq: usize, line: &str) -> Result<Entry, Broken> {
    let wrong = Broken::Entry { seq, how: How::Changed };
    match serde_json::from_str::<Entry>(line) {
        Ok(entry) if entry.canonical() == line && usize::try_from(entry.seq) == Ok(seq) => Ok(entry),
        _ => Err(wrong),
    }
}

/// How many commitments were opened, when all that were fit.
fn check_private(files: &Files, entries: &[Entry], broken: &mut Vec<Broken>) -> Option<usize> {
    let lines = read_lines(files, PRIVATE, broken)?;
    let mut last = None;
    for line in &lines {
        let Ok(opened) = serde_json::from_str::<Opened>(line) else {
            broken.push(Broken::Unreadable { name: PRIVATE });
            return None;
        };
        if last >= Some(opened.seq) || !opens(&opened, entries) {
            broken.push(Broken::Opening { seq: opened.seq });
        }
        last = Some(opened.seq);
    }
    Some(lines.len())
}

fn opens(opened: &Opened, entries: &[Entry]) -> bool {
    let commitment = usize::try_from(opened.seq).ok().and_then(|n| entries.get(n)).and_then(|entry| entry.commitment);
    let salt = HEXLOWER.decode(opened.salt.as_bytes()).ok().and_then(|salt| <[u8; 16]>::try_from(salt).ok());
    salt.is_some_and(|salt| commitment == Some(Commitment::to(&salt, opened.text.as_bytes())))
}

fn check_files(files: &Files, manifest: &Manifest, broken: &mut Vec<Broken>) {
    for listed in &manifest.files {
        let name = listed.name.clone();
        match files.get(&name) {
            None => broken.push(Broken::FileRemoved { name }),
            Some(bytes) if Listed::of(&name, bytes) != *listed || !is_named_by_its_hash(&name, bytes) => {
                broken.push(Broken::FileChanged { name });
            }
            Some(_) => {}
        }
    }
    let listed = |name: &str| manifest.files.iter().any(|listed| listed.name == name);
    let added = files.keys().filter(|name| ![MANIFEST, SIGNATURE].contains(&name.as_str()) && !listed(name));
    broken.extend(added.map(|name| Broken::FileAdded { name: name.clone() }));
}

fn is_named_by_its_hash(name: &str, bytes: &[u8]) -> bool {
    !name.starts_with("files/") || name == attached_name(&sha256(bytes))
}

fn check_signature(
    files: &Files,
    manifest: &Manifest,
    trusted: Option<&Trusted>,
    broken: &mut Vec<Broken>,
) -> Option<PublicKey> {
    let Signature { key, signature } = read_json(files, SIGNATURE, broken)?;
    let signed = files.get(MANIFEST).map(Vec::as_slice).unwrap_or_default();
    let signature = BASE64.decode(signature.as_bytes()).unwrap_or_default();
    let genuine = UnparsedPublicKey::new(&ED25519, key.0).verify(signed, &signature).is_ok();
    if !genuine || key.fingerprint() != manifest.signer {
        broken.push(Broken::Signature);
    }
    match trusted {
        Some(trusted) if trusted.is(key) => {}
        Some(_) => broken.push(Broken::OtherSigner { fingerprint: key.fingerprint() }),
        None => broken.push(Broken::UnknownSigner { fingerprint: key.fingerprint() }),
    }
    Some(key)
}

/// A JSON file, exactly as it would be written again.
fn read_json<T: serde::Serialize + serde::de::DeserializeOwned>(
    files: &Files,
    name: &'static str,
    broken: &mut Vec<Broken>,
) -> Option<T> {
    let Some(bytes) = files.get(name) else {
        broken.push(Broken::FileRemoved { name: name.to_owned() });
        return None;
    };
    let value = serde_json::from_slice(bytes).ok();
    let value = value.filter(|value| serde_json::to_vec(value).ok().as_ref() == Some(bytes));
    if value.is_none() {
        broken.push(Broken::Unreadable { name });
    }
    value
}

fn read_lines<'a>(files: &'a Files, name: &'static str, broken: &mut Vec<Broken>) -> Option<Vec<&'a str>> {
    let Some(bytes) = files.get(name) else {
        // The manifest lists it, so `check_files` says that it is gone.
        return None;
    };
    let lines = std::str::from_utf8(bytes).ok().and_then(|text| match text.strip_suffix('\n') {
        Some(text) => Some(text.split('\n').collect()),
        None if text.is_empty() => Some(Vec::new()),
        None => None,
    });
    if lines.is_none() {
        broken.push(Broken::Unreadable { name });
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::signature::{Ed25519KeyPair, KeyPair};

    use super::*;
    use crate::{
        evidence::format::Contents,
        model::{EntryKind, Side},
    };

    fn signer(seed: u8) -> (PublicKey, Ed25519KeyPair) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        (PublicKey(pair.public_key().as_ref().try_into().unwrap()), pair)
    }

    fn key() -> String {
        signer(1).0.to_string()
    }

    fn faults(bundle: &[u8]) -> Vec<Broken> {
        verify(bundle, Some(&key())).unwrap_err()
    }

    fn entry(seq: u64, private: Option<&str>) -> Entry {
        Entry {
            seq,
            at: Timestamp(1_000 * i64::try_from(seq).unwrap()),
            kind: EntryKind::MessageAccepted,
            by: Some(Side::Buyer),
            message: None,
            facts: format!("n={seq}"),
            commitment: private.map(|text| Commitment::to(&[9; 16], text.as_bytes())),
        }
    }

    fn contents() -> Contents {
        let texts = [None, Some("{\"text\":\"Halo\"}"), None, Some("{\"text\":\"Gone\"}")];
        let mut link = Link::genesis(&"demo".parse().unwrap(), &"c-1".parse().unwrap());
        let mut linked = |entry: Entry| {
            link = link.then(entry.canonical().as_bytes());
            (entry.canonical(), link)
        };
        let entries = (0..).zip(texts).map(|(n, text)| linked(entry(n, text))).collect();
        let private = [vec![9; 16], b"{\"text\":\"Halo\"}".to_vec()].concat();
        Contents {
            marketplace: "demo".parse().unwrap(),
            conversation: "c-1".parse().unwrap(),
            exported_at: Timestamp(5_000),
            entries,
            private: vec![Opened::new(1, &private).unwrap()],
            attached: vec![b"a photo".to_vec()],
        }
    }

    fn write(contents: &Contents, seed: u8) -> Vec<u8> {
        let (public, pair) = signer(seed);
        contents.write(public, &|bytes| pair.sign(bytes).as_ref().to_vec()).unwrap()
    }

    /// The bundle after somebody edited one file in it.
    fn edited(name: &str, edit: impl Fn(&mut Vec<String>)) -> Vec<u8> {
        let mut files = unpack(&write(&contents(), 1)).unwrap();
        let text = String::from_utf8(files.remove(name).unwrap()).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        edit(&mut lines);
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        files.insert(name.to_owned(), text.into_bytes());
        pack(&files).unwrap()
    }

    fn first_wrong(bytes: &[u8]) -> (usize, How) {
        let broken = faults(bytes);
        assert!(broken.contains(&Broken::FileChanged { name: ENTRIES.to_owned() }), "{broken:?}");
        match broken[0] {
            Broken::Entry { seq, how } => (seq, how),
            _ => panic!("no entry named: {broken:?}"),
        }
    }

    #[test]
    fn a_whole_bundle_verifies_and_says_what_was_opened() {
        let verified = verify(&write(&contents(), 1), Some(&key())).unwrap();
        assert_eq!((verified.entries, verified.committed, verified.opened), (4, 2, 1));
        assert!(verify(&write(&contents(), 1), Some(&signer(1).0.fingerprint())).is_ok());
        assert_eq!(verify(&write(&contents(), 1), Some("SHA256:short")).unwrap_err(), [Broken::Key]);
    }

    #[test]
    fn the_same_contents_make_the_same_bundle() {
        assert_eq!(write(&contents(), 1), write(&contents(), 1));
    }

    #[test]
    fn a_bundle_does_not_bring_its_own_trust() {
        let foreign = write(&contents(), 2);
        let fingerprint = signer(2).0.fingerprint();
        let unknown = verify(&foreign, None).unwrap_err();
        assert_eq!(unknown[0].to_string(), format!("signer unknown: {fingerprint}"));
        assert_eq!(unknown, [Broken::UnknownSigner { fingerprint: fingerprint.clone() }]);
        assert_eq!(faults(&foreign), [Broken::OtherSigner { fingerprint }]);
    }

    #[test]
    fn any_changed_byte_fails() {
        let bundle = write(&contents(), 1);
        for at in 0..bundle.len() {
            let mut changed = bundle.clone();
            changed[at] ^= 1 << (at % 8);
            assert!(verify(&changed, Some(&key())).is_err(), "byte {at} of {}", bundle.len());
        }
    }

    #[test]
    fn anything_cut_off_or_put_behind_fails() {
        let bundle = write(&contents(), 1);
        for length in (0..bundle.len()).step_by(7) {
            assert!(verify(&bundle[..length], Some(&key())).is_err(), "first {length} bytes");
        }
        assert!(verify(&[&bundle[..], b"x"].concat(), Some(&key())).is_err());
        assert!(verify(&[b"x", &bundle[..]].concat(), Some(&key())).is_err());
    }

    #[test]
    fn the_first_entry_that_was_touched_is_named() {
        assert_eq!(first_wrong(&edited(ENTRIES, |lines| lines[2] = lines[2].replace("n=2", "n=5"))), (2, How::Changed));
        assert_eq!(first_wrong(&edited(ENTRIES, |lines| drop(lines.remove(1)))), (1, How::Removed));
        assert_eq!(first_wrong(&edited(ENTRIES, |lines| drop(lines.pop()))), (3, How::Removed));
        assert_eq!(first_wrong(&edited(ENTRIES, |lines| lines.swap(1, 2))), (1, How::Moved));
        assert_eq!(first_wrong(&edited(ENTRIES, |lines| lines.insert(2, lines[0].clone()))), (2, How::Added));
        assert_eq!(first_wrong(&edited(ENTRIES, |lines| lines.push(entry(4, None).canonical()))), (4, How::Added));
        assert_eq!(first_wrong(&edited(ENTRIES, Vec::clear)), (0, How::Removed));
    }

    #[test]
    fn what_was_changed_before_the_bundle_was_made_comes_to_light_too() {
        let mut contents = contents();
        contents.entries[2].0 = contents.entries[2].0.replace("n=2", "n=5");
        let broken = faults(&write(&contents, 1));
        assert_eq!(broken[0], Broken::Entry { seq: 2, how: How::Changed });
    }

    #[test]
    fn an_opened_text_must_be_the_one_committed_to() {
        let broken = faults(&edited(PRIVATE, |lines| lines[0] = lines[0].replace("Halo", "Hola")));
        assert_eq!(broken[0], Broken::Opening { seq: 1 });
        let twice = faults(&edited(PRIVATE, |lines| lines.push(lines[0].clone())));
        assert_eq!(twice[0], Broken::Opening { seq: 1 });
        let of_none = faults(&edited(PRIVATE, |lines| lines[0] = lines[0].replace(":1,", ":0,")));
        assert_eq!(of_none[0], Broken::Opening { seq: 0 });
    }

    #[test]
    fn a_manifest_that_was_rewritten_needs_a_new_signature() {
        let mut files = unpack(&write(&contents(), 1)).unwrap();
        let manifest = String::from_utf8(files[MANIFEST].clone()).unwrap();
        files.insert(MANIFEST.to_owned(), manifest.replace("1970-01-01", "1971-01-01").into_bytes());
        assert_eq!(faults(&pack(&files).unwrap()), [Broken::Signature]);
    }

    #[test]
    fn a_file_that_comes_or_goes_is_named() {
        let whole = unpack(&write(&contents(), 1)).unwrap();
        let mut more = whole.clone();
        more.insert("notes.txt".to_owned(), Vec::new());
        let broken = faults(&pack(&more).unwrap());
        assert_eq!(broken, [Broken::FileAdded { name: "notes.txt".to_owned() }]);
        for name in whole.keys() {
            let mut fewer = whole.clone();
            fewer.remove(name);
            let broken = faults(&pack(&fewer).unwrap());
            assert!(broken.contains(&Broken::FileRemoved { name: name.clone() }), "{name}: {broken:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), at in 0usize..4_000) {
            let _ = verify(&bytes, None);
            let mut bundle = write(&contents(), 1);
            let end = (at + bytes.len()).min(bundle.len());
            if at < end {
                bundle[at..end].copy_from_slice(&bytes[..end - at]);
            }
            let _ = verify(&bundle, None);
        }
    }
}
