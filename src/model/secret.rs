use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroize;

/// A value that names or unmasks a person: an address, a real name, a key.
///
/// It has no `Display`, its `Debug` prints `«secret»`, its memory is zeroed when it goes, and
/// [`Secret::reveal`] is the only way in, so that every unmasking is found by searching for it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes `value` out of sight.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Each use of this is an unmasking and should be short-lived.
    pub fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("«secret»")
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<'de, T: Zeroize + Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_what_is_inside() {
        let address = Secret::new("budi@mail.example".to_owned());
        assert_eq!(format!("{address:?}"), "«secret»");
        assert_eq!(format!("{:?}", Some(&address)), "Some(«secret»)");
    }
}
