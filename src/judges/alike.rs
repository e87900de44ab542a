//! An index of 64-bit hashes that finds what differs in a few bits.
//!
//! Two hashes that differ in at most `d` bits agree, in at least one of their four quarters, up to
//! `d / 4` bits (the pigeonhole principle). So a hash is looked for where one of its quarters is
//! nearly the same: a hundred buckets or so, each a 65 536th of the list.

use std::collections::HashMap;

/// Hashes, by each of their quarters.
pub(super) struct Alike {
    distance: u32,
    /// What a quarter may differ by.
    masks: Vec<u16>,
    quarters: [HashMap<u16, Vec<u64>>; 4],
    count: usize,
}

impl Alike {
    /// An index that finds what differs in at most `distance` bits.
    pub(super) fn new(hashes: Vec<u64>, distance: u32) -> Self {
        let masks = (0..=u16::MAX).filter(|mask| mask.count_ones() <= distance / 4).collect();
        let mut quarters: [HashMap<u16, Vec<u64>>; 4] = Default::default();
        let count = hashes.len();
        for hash in hashes {
            for (quarter, buckets) in split(hash).into_iter().zip(&mut quarters) {
                buckets.entry(quarter).or_default().push(hash);
            }
        }
        Self { distance, masks, quarters, count }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Whether something is near enough.
    pub(super) fn holds(&self, hash: u64) -> bool {
        let near = |known: &u64| (known ^ hash).count_ones() <= self.distance;
        let at = |buckets: &HashMap<u16, Vec<u64>>, quarter: u16| {
            self.masks.iter().any(|mask| buckets.get(&(quarter ^ mask)).is_some_and(|bucket| bucket.iter().any(near)))
        };
        split(hash).into_iter().zip(&self.quarters).any(|(quarter, buckets)| at(buckets, quarter))
    }
}

fn split(hash: u64) -> [u16; 4] {
    [0, 16, 32, 48].map(|shift| (hash >> shift & 0xffff) as u16)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_finds_what_a_look_at_every_hash_finds(
            hashes in prop::collection::vec(any::<u64>(), 0..50),
            asked in any::<u64>(),
            flips in prop::collection::vec(0_u32..64, 0..14),
            distance in 0_u32..12,
        ) {
            let index = Alike::new(hashes.clone(), distance);
            let near = flips.iter().fold(hashes.first().copied().unwrap_or(asked), |hash, bit| hash ^ 1 << bit);
            for hash in [asked, near] {
                let plainly = hashes.iter().any(|known| (known ^ hash).count_ones() <= distance);
                prop_assert_eq!(index.holds(hash), plainly);
            }
        }
    }
}
