//! Fingerprints of messages: what tells that one came before, to those alone who have the key.

use ring::hmac;

use super::DataKey;

impl DataKey {
    /// The fingerprint of a message from its parts: no other parts have it. Without this key nobody can make one, so it
    /// tells nothing of the words once the key is gone.
    pub fn fingerprint<'p>(&self, parts: impl Iterator<Item = &'p [u8]>) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.derived(b"tabir fingerprint 1"));
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut print = [0; 32];
        print.copy_from_slice(context.sign().as_ref());
        print
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::SystemLuck;

    #[test]
    fn a_fingerprint_is_of_its_parts_and_its_key_alone() {
        let key = |byte: u8| DataKey::from_bytes(&mut [byte; 32], Arc::new(SystemLuck::new())).unwrap();
        let print = |key: &DataKey, parts: &[&str]| key.fingerprint(parts.iter().map(|part| part.as_bytes()));
        assert_eq!(print(&key(1), &["ab", "c"]), print(&key(1), &["ab", "c"]));
        assert_ne!(print(&key(1), &["ab", "c"]), print(&key(1), &["a", "bc"]));
        assert_ne!(print(&key(1), &["ab", "c"]), print(&key(2), &["ab", "c"]));
    }
}
