//! Is a bundle whole, and who says so?

use std::{fmt, str::FromStr};

use data_encoding::{BASE64, HEXLOWER};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::Deserialize;

use super::{
    anchor::{Anchor, Proof},
    format::{
        ANCHORS, BadKey, ENTRIES, FIRST_VERSION, Files, LINKS, Listed, MANIFEST, Manifest, Opened, PARTS, PRIVATE,
        PartOpened, PublicKey, SIGNATURE, Signature, VERSION, attached_name, pack, sha256, unpack, withheld_line,
    },
    view::Reader,
};
use crate::model::{CaseId, Commitment, ConversationId, Entry, Link, Marketplace, Timestamp};

/// Checks a bundle by itself and against the key that the reader trusts: the key as
/// [`PublicKey`] prints it, or its fingerprint. Without one the inside is checked all the same,
/// and the signer remains unknown.
///
/// # Errors
/// Everything that does not hold, the weightiest first.
pub fn verify(bytes: &[u8], trusted: Option<&str>) -> Result<Verified, Vec<Broken>> {
    verify_anchored(bytes, trusted, &[])
}

/// As [`verify`], and against anchors that the reader has from elsewhere: the chain must have stood there, as it says
/// now, when each was made.
///
/// # Errors
/// As [`verify`].
pub fn verify_anchored(bytes: &[u8], trusted: Option<&str>, anchors: &[Anchor]) -> Result<Verified, Vec<Broken>> {
    let trusted = trusted.map(str::parse::<Trusted>).transpose().map_err(|_| vec![Broken::Key])?;
    let files = unpack(bytes).ok_or_else(|| vec![Broken::Container])?;
    let mut broken = Vec::new();
    let found = check(&files, trusted.as_ref(), anchors, &mut broken);
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
    /// For whom it was made.
    pub reader: Reader,
    /// Of which case alone it tells.
    pub case: Option<CaseId>,
    /// How many entries are not for that reader.
    pub withheld: usize,
    /// Of how many messages one part is shown.
    pub parts: usize,
    /// How many of these nothing in the chain commits to: they rest on the signature alone.
    pub attested: usize,
    /// The last link.
    pub head: Link,
    /// When the newest anchor was made that it is proven against, and how many entries there were.
    pub anchored: Option<(Timestamp, u64)>,
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
        if self.reader != Reader::Mediator || self.withheld + self.parts > 0 {
            let (withheld, parts) = (self.withheld, self.parts);
            writeln!(
                f,
                "made for: {}; {withheld} entries are not for them, of {parts} messages one part",
                self.reader
            )?;
        }
        if let Some(case) = &self.case {
            writeln!(f, "it opens what is of the case {case} alone")?;
        }
        if self.attested > 0 {
            writeln!(f, "{} of these messages rest on the signature alone", self.attested)?;
        }
        if let Some((at, length)) = self.anchored {
            writeln!(f, "{length} entries were there when all chains were anchored at {}", at.rfc3339())?;
        }
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
    /// Where the chain stood at an anchor is not where it leads now.
    #[error("the chain is not the one that was anchored at {at}: it had {length} entries then")]
    Anchored {
        /// When.
        at: String,
        /// How many entries it had.
        length: u64,
    },
    /// A line that proves where the chain stood does not hold.
    #[error("the proof against anchor {line} does not hold")]
    AnchorProof {
        /// Which line, from 1.
        line: usize,
    },
    /// What the reader has as an anchor is none, or is signed by another.
    #[error("the anchor that was given is none, or not of this signer and marketplace")]
    NoAnchor,
    /// The reader's anchor is not among those that the bundle is proven against.
    #[error(
        "nothing proves this chain against the anchor of {at}: it began after that, or is not the one that was anchored"
    )]
    NotAnchored {
        /// When it was made.
        at: String,
    },
    /// A bundle of one case opens what is of none, or of another.
    #[error("entry {seq} is opened and is not of the case that the bundle is of")]
    Beside {
        /// Which.
        seq: u64,
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

fn check(files: &Files, trusted: Option<&Trusted>, anchors: &[Anchor], broken: &mut Vec<Broken>) -> Option<Verified> {
    let manifest: Manifest = read_json(files, MANIFEST, broken)?;
    if ![VERSION, FIRST_VERSION].contains(&manifest.format.as_str()) {
        broken.push(Broken::Unreadable { name: MANIFEST });
        return None;
    }
    let chain = check_chain(files, &manifest, broken);
    let opened = chain.as_ref().and_then(|entries| check_private(files, entries, broken));
    let parts = chain.as_ref().and_then(|entries| check_parts(files, entries, broken));
    if let (Some(case), Some(entries)) = (&manifest.case, &chain) {
        check_case(files, case, entries, broken);
    }
    check_files(files, &manifest, broken);
    let signer = check_signature(files, &manifest, trusted, broken)?;
    let anchored = check_anchors(files, &manifest, signer, anchors, broken);
    let entries = chain?;
    let (parts, attested) = parts?;
    Some(Verified {
        entries: entries.len(),
        committed: entries.iter().flatten().filter(|e| e.commitment.is_some()).count(),
        opened: opened?,
        reader: manifest.reader.unwrap_or_default(),
        case: manifest.case,
        withheld: manifest.withheld.len(),
        parts,
        attested,
        head: manifest.head,
        anchored,
        marketplace: manifest.marketplace,
        conversation: manifest.conversation,
        exported_at: manifest.exported_at,
        signer,
    })
}

/// The entries, those that are not for the reader as `None`.
fn check_chain(files: &Files, manifest: &Manifest, broken: &mut Vec<Broken>) -> Option<Vec<Option<Entry>>> {
    // By bytes: of a line that is no text any more it can still be told which it was.
    let bytes = files.get(ENTRIES)?;
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    match lines.pop() {
        Some([]) => {}
        rest => lines.extend(rest),
    }
    let links = read_lines(files, LINKS, broken)?;
    let Ok(links) = links.iter().map(|line| line.parse()).collect::<Result<Vec<Link>, _>>() else {
        broken.push(Broken::Unreadable { name: LINKS });
        return None;
    };
    let genesis = Link::genesis(&manifest.marketplace, &manifest.conversation);
    let chain = Chain { genesis, links, lines, withheld: &manifest.withheld };
    if let Some((seq, how)) = chain.first_wrong() {
        broken.push(Broken::Entry { seq, how });
    }
    if chain.head() != manifest.head || chain.lines.len() != manifest.entries {
        broken.push(Broken::Head);
    }
    let read = |(n, line): (usize, &&[u8])| match chain.is_withheld(line, n) {
        true => Ok(None),
        false => read_entry(n, line).map(Some),
    };
    let entries = chain.lines.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>();
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
    lines: Vec<&'a [u8]>,
    withheld: &'a [u64],
}

impl Chain<'_> {
    fn first_wrong(&self) -> Option<(usize, How)> {
        let longer = self.lines.len().max(self.links.len());
        let at = (0..longer).find(|&n| !self.lines.get(n).is_some_and(|line| self.fits(line, n)))?;
        Some((at, self.what_happened(at)))
    }

    /// Whether `line` is what stood at position `n` when the links were made.
    fn fits(&self, line: &[u8], n: usize) -> bool {
        if self.withheld.contains(&(n as u64)) {
            return n < self.links.len() && self.is_withheld(line, n);
        }
        let before = n.checked_sub(1).map_or(Some(&self.genesis), |n| self.links.get(n));
        before.zip(self.links.get(n)).is_some_and(|(before, after)| before.then(line) == *after)
    }

    fn what_happened(&self, at: usize) -> How {
        let Some(line) = self.lines.get(at) else { return How::Removed };
        let stood_later = (at + 1..self.links.len()).any(|n| self.fits(line, n));
        let stands_later = self.lines[at + 1..].iter().any(|line| self.fits(line, at));
        let (more, fewer) = (self.lines.len() > self.links.len(), self.lines.len() < self.links.len());
        match (stood_later, stands_later) {
            _ if at >= self.links.len() => How::Added,
            (_, true) if more => How::Added,
            (true, _) if fewer => How::Removed,
            (true, true) => How::Moved,
            (false, true) => How::Added,
            (_, false) => How::Changed,
        }
    }

    /// Whether `line` stands for an entry that is not for the reader: its link is all that is known of it.
    fn is_withheld(&self, line: &[u8], n: usize) -> bool {
        self.withheld.contains(&(n as u64)) && line == withheld_line(n as u64).as_bytes()
    }

    /// Where the lines lead, whatever the links say but of those that are not for the reader.
    fn head(&self) -> Link {
        self.lines.iter().enumerate().fold(self.genesis, |link, (n, line)| match self.links.get(n) {
            Some(after) if self.is_withheld(line, n) => *after,
            _ => link.then(line),
        })
    }
}

fn read_entry(seq: usize, line: &[u8]) -> Result<Entry, Broken> {
    let wrong = Broken::Entry { seq, how: How::Changed };
    match serde_json::from_slice::<Entry>(line) {
        Ok(entry) if entry.canonical().as_bytes() == line && usize::try_from(entry.seq) == Ok(seq) => Ok(entry),
        _ => Err(wrong),
    }
}

/// How many commitments were opened, when all that were fit.
fn check_private(files: &Files, entries: &[Option<Entry>], broken: &mut Vec<Broken>) -> Option<usize> {
    let lines: Vec<Opened> = read_opened(files, PRIVATE, |opened: &Opened| opened.seq, broken)?;
    for Opened { seq, salt, text } in &lines {
        if !opens(salt, text, entry_of(*seq, entries).and_then(|entry| entry.commitment)) {
            broken.push(Broken::Opening { seq: *seq });
        }
    }
    Some(lines.len())
}

/// That a bundle of one case opens nothing else. Lines that can not be read were told of already.
fn check_case(files: &Files, case: &CaseId, entries: &[Option<Entry>], broken: &mut Vec<Broken>) {
    #[derive(Deserialize)]
    struct Line {
        seq: u64,
    }
    let lines =
        [PRIVATE, PARTS].into_iter().filter_map(|name| files.get(name)).flat_map(|text| text.split(|b| *b == b'\n'));
    for Line { seq } in lines.filter_map(|line| serde_json::from_slice(line).ok()) {
        let entry = entry_of(seq, entries);
        if !entry.is_some_and(|entry| entry.facts().any(|fact| fact == ("case", case.as_str()))) {
            broken.push(Broken::Beside { seq });
        }
    }
}

/// Of how many messages a part is shown, and of how many of these nothing in the chain says what it was.
fn check_parts(files: &Files, entries: &[Option<Entry>], broken: &mut Vec<Broken>) -> Option<(usize, usize)> {
    if !files.contains_key(PARTS) {
        return Some((0, 0));
    }
    let lines: Vec<PartOpened> = read_opened(files, PARTS, |opened: &PartOpened| opened.seq, broken)?;
    let mut attested = 0;
    for PartOpened { seq, part, salt, text } in &lines {
        match entry_of(*seq, entries).map(|entry| entry.share(*part)) {
            Some(None) => attested += 1,
            Some(commitment) if opens(salt, text, commitment) => {}
            _ => broken.push(Broken::Opening { seq: *seq }),
        }
    }
    Some((lines.len(), attested))
}

/// Lines of openings, by position and each once.
fn read_opened<T: serde::de::DeserializeOwned>(
    files: &Files,
    name: &'static str,
    seq: impl Fn(&T) -> u64,
    broken: &mut Vec<Broken>,
) -> Option<Vec<T>> {
    let mut all: Vec<T> = Vec::new();
    for line in read_lines(files, name, broken)? {
        let Ok(opened) = serde_json::from_str::<T>(line) else {
            broken.push(Broken::Unreadable { name });
            return None;
        };
        if all.last().is_some_and(|last| seq(last) >= seq(&opened)) {
            broken.push(Broken::Opening { seq: seq(&opened) });
        }
        all.push(opened);
    }
    Some(all)
}

fn entry_of(seq: u64, entries: &[Option<Entry>]) -> Option<&Entry> {
    usize::try_from(seq).ok().and_then(|n| entries.get(n))?.as_ref()
}

/// Checks where the chain stood at each anchor of the bundle, and that the reader's are among them. The newest.
fn check_anchors(
    files: &Files,
    manifest: &Manifest,
    signer: PublicKey,
    known: &[Anchor],
    broken: &mut Vec<Broken>,
) -> Option<(Timestamp, u64)> {
    let links: Vec<Link> = read_lines(files, LINKS, broken)?.iter().filter_map(|line| line.parse().ok()).collect();
    let lines = if files.contains_key(ANCHORS) { read_lines(files, ANCHORS, broken)? } else { Vec::new() };
    let (mut proven, mut newest) = (Vec::new(), None);
    for (n, line) in lines.iter().enumerate() {
        let wrong = Broken::AnchorProof { line: n + 1 };
        let Ok(proof) = serde_json::from_str::<Proof>(line) else {
            broken.push(wrong);
            continue;
        };
        let chain = Link::genesis(&manifest.marketplace, &manifest.conversation);
        let statement = proof.anchor.read().filter(|said| {
            proof.anchor.key == signer && said.marketplace == manifest.marketplace && proof.leads(chain, said)
        });
        let Some(statement) = statement else {
            broken.push(wrong);
            continue;
        };
        let stood = match proof.length.checked_sub(1) {
            None => Some(chain),
            Some(last) => usize::try_from(last).ok().and_then(|last| links.get(last)).copied(),
        };
        if stood == Some(proof.head) {
            newest = newest.max(Some((statement.at, proof.length)));
            proven.push(proof.anchor);
        } else {
            broken.push(Broken::Anchored { at: statement.at.rfc3339(), length: proof.length });
        }
    }
    for anchor in known {
        match anchor.read() {
            Some(said) if anchor.key == signer && said.marketplace == manifest.marketplace => {
                if !proven.iter().any(|proven| proven.statement == anchor.statement) {
                    broken.push(Broken::NotAnchored { at: said.at.rfc3339() });
                }
            }
            _ => broken.push(Broken::NoAnchor),
        }
    }
    newest
}

fn opens(salt: &str, text: &str, commitment: Option<Commitment>) -> bool {
    let salt = HEXLOWER.decode(salt.as_bytes()).ok().and_then(|salt| <[u8; 16]>::try_from(salt).ok());
    salt.is_some_and(|salt| commitment == Some(Commitment::to(&salt, text.as_bytes())))
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

    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        evidence::{anchor::Leaf, format::Contents, view::View},
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
            view: View::default(),
            withheld: BTreeSet::new(),
            private: vec![Opened::new(1, &private).unwrap()],
            parts: Vec::new(),
            attached: vec![b"a photo".to_vec()],
            anchors: Vec::new(),
            about: None,
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
        // The printed pages are the most of it; every byte of all else is tried.
        let pages = bundle.windows(5).position(|window| window == b"%PDF-").unwrap()..;
        let end = bundle.windows(5).rposition(|window| window == b"%%EOF").unwrap();
        for at in (0..bundle.len()).filter(|at| !pages.contains(at) || *at > end || at % 41 == 0) {
            let mut changed = bundle.clone();
            changed[at] ^= 1 << (at % 8);
            assert!(verify(&changed, Some(&key())).is_err(), "byte {at} of {}", bundle.len());
        }
    }

    /// The lines of the entries after somebody edited them, and which was touched first.
    fn touched(edit: impl Fn(&mut Vec<Vec<u8>>)) -> (usize, How) {
        // Thousands of edits of one bundle: it is written once.
        static WHOLE: std::sync::OnceLock<Files> = std::sync::OnceLock::new();
        let mut files = WHOLE.get_or_init(|| unpack(&write(&contents(), 1)).unwrap()).clone();
        let mut lines: Vec<Vec<u8>> = files[ENTRIES].split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
        lines.pop();
        edit(&mut lines);
        files.insert(ENTRIES.to_owned(), lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect());
        match verify(&pack(&files).unwrap(), Some(&key())).unwrap_err().first() {
            Some(Broken::Entry { seq, how }) => (*seq, *how),
            other => panic!("no entry named: {other:?}"),
        }
    }

    #[test]
    fn every_flipped_bit_of_every_entry_names_that_entry() {
        let entries = contents().entries;
        for (n, (line, _)) in entries.iter().enumerate() {
            for at in 0..line.len() * 8 {
                let found = touched(|lines| lines[n][at / 8] ^= 1 << (at % 8));
                assert_eq!(found, (n, How::Changed), "bit {at} of entry {n}");
            }
        }
    }

    #[test]
    fn every_deletion_swap_and_insertion_names_its_entry_and_what_was_done() {
        let count = contents().entries.len();
        for n in 0..count {
            assert_eq!(touched(|lines| drop(lines.remove(n))), (n, How::Removed), "without {n}");
            for m in n + 1..count {
                assert_eq!(touched(|lines| lines.swap(n, m)), (n, How::Moved), "{n} and {m} swapped");
                assert_eq!(touched(|lines| lines[n] = lines[m].clone()), (n, How::Changed), "{m} in place of {n}");
            }
            for at in 0..=count {
                let copied = touched(|lines| lines.insert(at, lines[n].clone()));
                assert_eq!(copied, (if at == n { n + 1 } else { at }, How::Added), "{n} again at {at}");
                let forged =
                    touched(|lines| lines.insert(at, entry(at as u64, None).canonical().replace("n=", "x=").into()));
                assert_eq!(forged, (at, How::Added), "a new one at {at}");
            }
            let hidden = touched(|lines| lines[n] = withheld_line(n as u64).into());
            assert_eq!(hidden, (n, How::Changed), "{n} hidden");
        }
    }

    /// The chain of `contents`, anchored with others when it had `length` entries.
    fn anchored(length: usize) -> (Proof, Anchor) {
        let whole = contents();
        let chain = Link::genesis(&whole.marketplace, &whole.conversation);
        let head = length.checked_sub(1).map_or(chain, |last| whole.entries[last].1);
        let mut leaves = vec![Leaf { chain, head, length: length as u64 }];
        leaves.extend((0..6).map(|n| Leaf { chain: Link([n * 40; 32]), head: Link([n; 32]), length: 1 }));
        leaves.sort_by_key(|leaf| leaf.chain.0);
        let (key, pair) = signer(1);
        let statement = Anchor::statement(&whole.marketplace, 1, Timestamp(4_000), &leaves, None);
        let signature = BASE64.encode(pair.sign(statement.as_bytes()).as_ref());
        let anchor = Anchor { statement, key, signature };
        let index = leaves.iter().position(|leaf| leaf.chain == chain).unwrap();
        (Proof::of(anchor.clone(), &leaves, index).unwrap(), anchor)
    }

    /// The chain cut to its first `length` entries, or with another second entry, and signed anew by who keeps it.
    fn written_anew(length: usize, other: Option<&str>, proofs: Vec<Proof>) -> Vec<u8> {
        let mut contents = contents();
        contents.entries.truncate(length);
        contents.private.retain(|opened| opened.seq < length as u64);
        if let Some(other) = other {
            contents.private.clear();
            let mut link = Link::genesis(&contents.marketplace, &contents.conversation);
            for (n, (line, after)) in contents.entries.iter_mut().enumerate() {
                *line = if n == 1 { line.replace("n=1", other) } else { line.clone() };
                link = link.then(line.as_bytes());
                *after = link;
            }
        }
        contents.anchors = proofs;
        write(&contents, 1)
    }

    #[test]
    fn an_anchor_catches_what_its_keeper_rewrote_or_cut_off() {
        let check = |bundle: &[u8], anchor: &Anchor| {
            verify_anchored(bundle, Some(&key()), std::slice::from_ref(anchor)).map_err(|broken| broken[0].clone())
        };
        for length in 0..=4 {
            let (proof, anchor) = anchored(length);
            let whole = written_anew(4, None, vec![proof.clone()]);
            assert_eq!(check(&whole, &anchor).unwrap().anchored, Some((Timestamp(4_000), length as u64)));
            for cut in 0..length {
                let bundle = written_anew(cut, None, vec![proof.clone()]);
                assert!(matches!(check(&bundle, &anchor), Err(Broken::Anchored { .. })), "{length} cut to {cut}");
            }
            let rewritten = written_anew(4, Some("n=9"), vec![proof]);
            assert_eq!(check(&rewritten, &anchor).is_err(), length > 1, "anchored at {length}");
            // Whoever rewrote it would leave out the proof.
            let silent = written_anew(4, Some("n=9"), Vec::new());
            assert!(verify(&silent, Some(&key())).is_ok(), "without the anchor nobody can tell");
            assert!(matches!(check(&silent, &anchor), Err(Broken::NotAnchored { .. })));
        }
    }

    #[test]
    fn an_anchor_of_another_signer_or_a_bent_proof_is_told() {
        let (proof, anchor) = anchored(3);
        let (other, _) = signer(2);
        let foreign = Anchor { key: other, ..anchor };
        let bundle = written_anew(4, None, vec![proof.clone()]);
        let broken = verify_anchored(&bundle, Some(&key()), &[foreign]).unwrap_err();
        assert_eq!(broken, [Broken::NoAnchor]);
        let bent = Proof { index: proof.index ^ 1, ..proof };
        let broken = faults(&written_anew(4, None, vec![bent]));
        assert_eq!(broken, [Broken::AnchorProof { line: 1 }]);
    }

    #[test]
    fn an_entry_that_is_not_for_the_reader_leaves_its_link_and_no_word() {
        for n in 0..4 {
            let mut hidden = contents();
            hidden.withheld.insert(n);
            hidden.private.retain(|opened| opened.seq != n);
            let bundle = write(&hidden, 1);
            let verified = verify(&bundle, Some(&key())).unwrap();
            assert_eq!((verified.entries, verified.withheld), (4, 1));
            assert_eq!(verified.head, hidden.entries[3].1);
            let fact = format!("n={n}\"");
            assert!(!bundle.windows(fact.len()).any(|window| window == fact.as_bytes()), "{n} is told");
        }
    }

    #[test]
    fn a_bundle_of_one_case_that_opens_anything_else_is_told() {
        let mut of_a_case = contents();
        of_a_case.view.case = Some("k-1".parse().unwrap());
        assert_eq!(faults(&write(&of_a_case, 1)), [Broken::Beside { seq: 1 }]);
        of_a_case.private.clear();
        assert_eq!(verify(&write(&of_a_case, 1), Some(&key())).unwrap().case, of_a_case.view.case);
    }

    #[test]
    fn a_bundle_of_the_first_version_still_verifies() {
        let mut files = unpack(&write(&contents(), 1)).unwrap();
        let manifest = String::from_utf8(files[MANIFEST].clone()).unwrap();
        let first = manifest.replace(VERSION, FIRST_VERSION).replace(",\"reader\":\"mediator\"", "");
        let (key_1, pair) = signer(1);
        let signature = Signature { key: key_1, signature: BASE64.encode(pair.sign(first.as_bytes()).as_ref()) };
        files.insert(SIGNATURE.to_owned(), serde_json::to_vec(&signature).unwrap());
        files.insert(MANIFEST.to_owned(), first.into_bytes());
        assert!(verify(&pack(&files).unwrap(), Some(&key())).is_ok());
    }

    #[test]
    fn anything_cut_off_or_put_behind_fails() {
        let bundle = write(&contents(), 1);
        for length in (0..bundle.len()).step_by(67) {
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
