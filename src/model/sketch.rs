/// What a text is like, without the text: sixteen smallest keyed hashes of its pieces (MinHash).
/// Of two texts, about as large a share of these is equal as they share of their pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sketch(pub [u32; 16]);

impl Sketch {
    /// Whether two texts are nearly the same: more than half of their pieces in common, so that
    /// another name, order or greeting makes no other text.
    pub fn is_like(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).filter(|(one, two)| one == two).count() >= 9
    }

    /// As the store keeps it.
    pub fn bytes(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        for (place, word) in bytes.chunks_exact_mut(4).zip(self.0) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    /// Back again; `None`: these are not the bytes of one.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut words = [0; 16];
        if bytes.len() != 64 {
            return None;
        }
        for (word, place) in words.iter_mut().zip(bytes.chunks_exact(4)) {
            *word = u32::from_be_bytes(place.try_into().ok()?);
        }
        Some(Self(words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sketch_survives_its_bytes_and_knows_its_like() {
        let one = Sketch(std::array::from_fn(|n| n as u32 * 7_919));
        assert_eq!(Sketch::read(&one.bytes()), Some(one));
        assert_eq!(Sketch::read(&one.bytes()[1..]), None);
        let mut other = one;
        other.0[..7].fill(0xffff_ffff);
        assert!(one.is_like(&other), "nine of sixteen");
        other.0[7] = 0xffff_ffff;
        assert!(!one.is_like(&other), "eight of sixteen");
    }
}
