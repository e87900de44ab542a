//! Sketches of texts: what tells that two are nearly the same, to those alone who have the key.

use ring::hmac;

use super::DataKey;
use crate::model::Sketch;

impl DataKey {
    /// The sketch of a text from its pieces: of the keyed hashes of all of them the smallest under
    /// each of sixteen orders. Without this key it tells nothing of the text, and no two
    /// marketplaces' sketches can be compared.
    pub fn sketch<'t>(&self, pieces: impl Iterator<Item = &'t [u8]>) -> Sketch {
        let key = self.derived(b"tabir sketch 1");
        let mut least = [u32::MAX; 16];
        for piece in pieces {
            let hash = hmac::sign(&key, piece);
            // 32 bytes are eight orders; turned by half a word they are eight others.
            let words = hash.as_ref().chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
            for (n, word) in words.enumerate() {
                let other = word.wrapping_mul(0x9e37_79b1).rotate_left(15) ^ 0x5bd1_e995;
                least[n] = least[n].min(word);
                least[n + 8] = least[n + 8].min(other);
            }
        }
        Sketch(least)
    }
}
