//! Heads of all chains under one signature.
//!
//! A chain proves that nothing in it was changed since its head was known. Who keeps all chains could still write one
//! anew from its beginning and sign that. So the heads are written down together: a Merkle tree (RFC 6962, section 2.1)
//! over where each chain stood, its root signed and handed to somebody else. A chain that was rewritten or cut short
//! after that has no place in the tree. An anchor tells nothing of what is in it.

use ring::digest;
use serde::{Deserialize, Serialize};

use super::format::{PublicKey, sha256};
use crate::model::{Link, Marketplace, Timestamp};

/// What stands at the head of every anchor.
pub const VERSION: &str = "tabir anchor 1";

/// Where a chain stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Which chain: the link before its first entry.
    pub chain: Link,
    /// The link after its last entry.
    pub head: Link,
    /// How many entries it had.
    pub length: u64,
}

impl Leaf {
    /// RFC 6962: SHA-256(0x00, leaf), the leaf being chain ‖ head ‖ length as eight bytes, the highest first.
    fn hash(&self) -> Link {
        hash(&[&[0], &self.chain.0, &self.head.0, &self.length.to_be_bytes()])
    }
}

/// What an anchor says; its signature is over exactly the bytes of its JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    format: String,
    /// Whose chains.
    pub marketplace: Marketplace,
    /// Counted from 1.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// How many chains.
    pub chains: u64,
    /// The root of the tree.
    pub root: Link,
    /// SHA-256 of the statement before this one; zeros before the first.
    pub previous: Link,
}

/// An anchor as it is written: the statement as a text, and who signed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// The statement, byte for byte as it was signed.
    pub statement: String,
    /// Who signed it.
    pub key: PublicKey,
    /// Ed25519 over the statement, base64.
    pub signature: String,
}

impl Anchor {
    /// The statement over `leaves`, which must be sorted by chain, each chain once.
    pub fn statement(
        marketplace: &Marketplace,
        number: u64,
        at: Timestamp,
        leaves: &[Leaf],
        previous: Option<&Self>,
    ) -> String {
        let hashes: Vec<Link> = leaves.iter().map(Leaf::hash).collect();
        let statement = Statement {
            format: VERSION.to_owned(),
            marketplace: marketplace.clone(),
            number,
            at,
            chains: leaves.len() as u64,
            root: root(&hashes),
            previous: previous.map_or(Link([0; 32]), |anchor| hash(&[anchor.statement.as_bytes()])),
        };
        // A struct of numbers and strings always serialises.
        serde_json::to_string(&statement).unwrap_or_default()
    }

    /// What it says, if it is signed by the key it names.
    pub fn read(&self) -> Option<Statement> {
        use ring::signature::{ED25519, UnparsedPublicKey};
        let signature = data_encoding::BASE64.decode(self.signature.as_bytes()).ok()?;
        UnparsedPublicKey::new(&ED25519, self.key.0).verify(self.statement.as_bytes(), &signature).ok()?;
        let statement: Statement = serde_json::from_str(&self.statement).ok()?;
        (statement.format == VERSION).then_some(statement)
    }

    /// As a file: one line of JSON.
    pub fn file(&self) -> String {
        format!("{}\n", serde_json::to_string(self).unwrap_or_default())
    }

    /// Out of a file.
    pub fn of_file(text: &str) -> Option<Self> {
        serde_json::from_str(text.trim_end()).ok()
    }

    /// The name that people compare: SHA-256 of the statement.
    pub fn name(&self) -> String {
        sha256(self.statement.as_bytes())
    }
}

/// That a chain stood at a place when an anchor was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The anchor.
    pub anchor: Anchor,
    /// The chain's place among the leaves, from 0.
    pub index: u64,
    /// How many entries it had.
    pub length: u64,
    /// The link after the last of them.
    pub head: Link,
    /// The hashes beside the way from the leaf to the root, the lowest first.
    pub path: Vec<Link>,
}

impl Proof {
    /// The proof for the chain that is at `index` among `leaves`.
    pub fn of(anchor: Anchor, leaves: &[Leaf], index: usize) -> Option<Self> {
        let leaf = leaves.get(index)?;
        let hashes: Vec<Link> = leaves.iter().map(Leaf::hash).collect();
        let mut path = Vec::new();
        beside(&hashes, index, &mut path);
        Some(Self { anchor, index: index as u64, length: leaf.length, head: leaf.head, path })
    }

    /// Whether it leads from that chain to the root that was signed; RFC 9162, section 2.1.3.2.
    pub fn leads(&self, chain: Link, statement: &Statement) -> bool {
        let (mut at, mut last) = (self.index, statement.chains.wrapping_sub(1));
        if self.index >= statement.chains {
            return false;
        }
        let mut node = Leaf { chain, head: self.head, length: self.length }.hash();
        for beside in &self.path {
            if last == 0 {
                return false;
            }
            if at % 2 == 1 || at == last {
                node = join(beside, &node);
                while at % 2 == 0 && at != 0 {
                    at /= 2;
                    last /= 2;
                }
            } else {
                node = join(&node, beside);
            }
            at /= 2;
            last /= 2;
        }
        last == 0 && node == statement.root
    }
}

/// RFC 6962, section 2.1: the hash of nothing is SHA-256 of nothing.
fn root(hashes: &[Link]) -> Link {
    match hashes {
        [] => hash(&[]),
        [one] => *one,
        many => {
            let (left, right) = many.split_at(split(many.len()));
            join(&root(left), &root(right))
        }
    }
}

/// The hashes beside the way from a leaf to the root, RFC 6962, section 2.1.1.
fn beside(hashes: &[Link], index: usize, path: &mut Vec<Link>) {
    if hashes.len() < 2 {
        return;
    }
    let (left, right) = hashes.split_at(split(hashes.len()));
    if index < left.len() {
        beside(left, index, path);
        path.push(root(right));
    } else {
        beside(right, index - left.len(), path);
        path.push(root(left));
    }
}

/// The largest power of two below `n`, which is at least 2.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

fn join(left: &Link, right: &Link) -> Link {
    hash(&[&[1], &left.0, &right.0])
}

fn hash(parts: &[&[u8]]) -> Link {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut link = Link([0; 32]);
    link.0.copy_from_slice(context.finish().as_ref());
    link
}

#[cfg(test)]
mod tests {
    use ring::signature::{Ed25519KeyPair, KeyPair};

    use super::*;

    fn leaves(n: u8) -> Vec<Leaf> {
        (0..n).map(|n| Leaf { chain: Link([n; 32]), head: Link([n ^ 0x55; 32]), length: u64::from(n) + 1 }).collect()
    }

    fn anchor(leaves: &[Leaf]) -> Anchor {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap();
        let statement = Anchor::statement(&"demo".parse().unwrap(), 1, Timestamp(0), leaves, None);
        let signature = data_encoding::BASE64.encode(pair.sign(statement.as_bytes()).as_ref());
        Anchor { key: PublicKey(pair.public_key().as_ref().try_into().unwrap()), statement, signature }
    }

    #[test]
    fn the_tree_is_that_of_rfc_6962() {
        // Vectors of certificate-transparency: of nothing, of one empty leaf.
        assert_eq!(root(&[]).to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        let leaf = |bytes: &[u8]| hash(&[&[0], bytes]);
        let data = [&b""[..], b"\x00", b"\x10", b" !", b"01", b"@ABC", b"PQRSTUVW", b"`abcdefghijklmno"];
        let hashes: Vec<Link> = data.map(leaf).to_vec();
        assert_eq!(hashes[0].to_string(), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        assert_eq!(root(&hashes).to_string(), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
    }

    #[test]
    fn every_chain_of_every_tree_is_proven_and_no_other() {
        for n in 1..=33 {
            let leaves = leaves(n);
            let anchor = anchor(&leaves);
            let statement = anchor.read().unwrap();
            for (index, leaf) in leaves.iter().enumerate() {
                let proof = Proof::of(anchor.clone(), &leaves, index).unwrap();
                assert!(proof.leads(leaf.chain, &statement), "{index} of {n}");
                let shorter = Proof { length: leaf.length - 1, ..proof.clone() };
                assert!(!shorter.leads(leaf.chain, &statement), "{index} of {n}: another length");
                let other = Proof { head: Link([0xee; 32]), ..proof.clone() };
                assert!(!other.leads(leaf.chain, &statement), "{index} of {n}: another head");
                assert!(!proof.leads(Link([0xdd; 32]), &statement), "{index} of {n}: another chain");
                let longer = Proof { path: [proof.path.clone(), vec![Link([0; 32])]].concat(), ..proof.clone() };
                assert!(!longer.leads(leaf.chain, &statement), "{index} of {n}: a longer way");
            }
        }
    }

    #[test]
    fn an_anchor_is_read_as_it_was_written_or_not_at_all() {
        let whole = anchor(&leaves(5));
        assert_eq!(Anchor::of_file(&whole.file()), Some(whole.clone()));
        let file = whole.file();
        for at in 0..file.len() {
            let mut changed = file.clone().into_bytes();
            changed[at] ^= 1;
            let read = String::from_utf8(changed).ok().and_then(|text| Anchor::of_file(&text));
            assert!(read.is_none_or(|anchor| anchor.read().is_none() || anchor == whole), "byte {at}");
        }
    }
}
