use super::ContactKind;

/// A data key, wrapped by key `by` of the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    /// Which key of the ring wraps it.
    pub by: u32,
    /// Nonce and ciphertext.
    pub sealed: Vec<u8>,
}

/// A keyed blind index of a contact: HMAC under index key `by` of the ring, cut to 128 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexTag {
    /// Which index key.
    pub by: u32,
    /// The tag.
    pub tag: [u8; 16],
    /// What kind of contact it is of.
    pub kind: ContactKind,
}
