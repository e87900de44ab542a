//! Lists of files that are known: by their exact bytes, or by what a picture looks like.

use std::{collections::HashSet, fmt};

use data_encoding::HEXLOWER_PERMISSIVE;

use super::{HashKind, ListSettings, Ruling, alike::Alike};

/// A list, read.
pub struct List {
    verdict: Ruling,
    hashes: Hashes,
}

enum Hashes {
    Alike(Alike),
    Exact(HashSet<[u8; 32]>),
}

/// A line of a list that can not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// From 1.
    pub line: usize,
    /// What is wrong.
    pub why: &'static str,
}

impl List {
    /// Reads a list: one hash a line in hexadecimal, `#` begins a remark.
    ///
    /// # Errors
    /// The first lines that can not be used.
    pub fn read(text: &str, settings: &ListSettings) -> Result<Self, Vec<BadLine>> {
        let hashes = match settings.kind {
            HashKind::Sha256 => Hashes::Exact(lines(text, exact)?.into_iter().collect()),
            HashKind::Dhash => Hashes::Alike(Alike::new(lines(text, look)?, settings.distance)),
        };
        Ok(Self { verdict: settings.verdict, hashes })
    }

    /// What follows when a file is on it.
    pub(super) fn verdict(&self) -> Ruling {
        self.verdict
    }

    /// Whether it knows files by their SHA-256.
    pub(super) fn is_exact(&self) -> bool {
        matches!(self.hashes, Hashes::Exact(_))
    }

    /// Whether a file with this SHA-256, or one of these looks, is on it.
    pub(super) fn holds(&self, sha256: Option<&[u8]>, looks: &[u64]) -> bool {
        match &self.hashes {
            Hashes::Alike(known) => looks.iter().any(|look| known.holds(*look)),
            Hashes::Exact(known) => sha256.is_some_and(|sha256| known.contains(sha256)),
        }
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = match &self.hashes {
            Hashes::Alike(known) => known.len(),
            Hashes::Exact(known) => known.len(),
        };
        write!(f, "«list of {count}»")
    }
}

fn lines<T>(text: &str, read: fn(&str) -> Result<T, &'static str>) -> Result<Vec<T>, Vec<BadLine>> {
    let (mut hashes, mut bad) = (Vec::new(), Vec::new());
    for (n, line) in text.lines().enumerate() {
        let hash = line.split('#').next().unwrap_or_default().trim();
        if hash.is_empty() {
            continue;
        }
        match read(hash) {
            Ok(hash) => hashes.push(hash),
            Err(why) => bad.push(BadLine { line: n + 1, why }),
        }
        if bad.len() >= TOLD {
            break;
        }
    }
    if bad.is_empty() { Ok(hashes) } else { Err(bad) }
}

fn exact(text: &str) -> Result<[u8; 32], &'static str> {
    let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or("not a SHA-256 of 64 hexadecimal digits")
}

fn look(text: &str) -> Result<u64, &'static str> {
    let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
    let bytes =
        bytes.and_then(|bytes| bytes.try_into().ok()).ok_or("not a difference hash of 16 hexadecimal digits")?;
    match u64::from_be_bytes(bytes) {
        look if look.count_ones() < PLAIN || look.count_zeros() < PLAIN => {
            Err("what every plain picture looks like: it would meet too many")
        }
        look => Ok(look),
    }
}

/// So many faults of one list are told at once.
const TOLD: usize = 20;

/// With fewer bits than this of one kind a picture shows next to nothing.
const PLAIN: u32 = 4;

#[cfg(test)]
mod tests {
    use ring::digest;

    use super::*;

    fn settings(kind: &str) -> ListSettings {
        toml::from_str(&format!("file = \"x\"\nkind = \"{kind}\"\nverdict = \"refuse\"")).unwrap()
    }

    /// Of `abc`, as FIPS 180-4 says.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_file_is_met_by_its_exact_bytes() {
        let list = List::read(&format!("# known\n\n  {}  # a remark\n", ABC.to_uppercase()), &settings("sha256"));
        let list = list.unwrap();
        let known = |bytes| list.holds(Some(digest::digest(&digest::SHA256, bytes).as_ref()), &[]);
        assert!(known(b"abc") && !known(b"abd"));
    }

    #[test]
    fn a_picture_is_met_by_what_is_nearly_its_look() {
        let list = List::read("00ff00ff00ff00ff", &settings("dhash")).unwrap();
        let known = |look| list.holds(None, &[0, look]);
        assert!(known(0x00ff_00ff_00ff_00ff) && known(0x00ff_00ff_00ff_00c0) && !known(0x00ff_00ff_00ff_0080));
    }

    #[test]
    fn every_bad_line_is_told_with_its_number() {
        let text = format!("{ABC}\nba78\n\n{}\n{}z\n", &ABC[1..], &ABC[1..]);
        let bad = List::read(&text, &settings("sha256")).unwrap_err();
        assert_eq!(bad.iter().map(|bad| bad.line).collect::<Vec<_>>(), [2, 4, 5]);
        for plain in ["0000000000000000", "ffffffffffffffff", "0000000000000001"] {
            assert!(List::read(plain, &settings("dhash")).is_err(), "{plain}");
        }
        assert_eq!(List::read(&"x\n".repeat(1_000), &settings("dhash")).unwrap_err().len(), TOLD);
    }
}
