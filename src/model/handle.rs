use std::{fmt, str::FromStr};

use ring::digest;

use super::{BadId, Fault, Luck};

/// Crockford's base32 in lower case: no i, l, o, u.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A pseudonym: 128 random bits that stand for one side of one conversation.
///
/// Nothing of the person or the order is in it. Written as 26 base32 characters; read without
/// case and with look-alikes mapped (`o` is `0`; `i` and `l` are `1`).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Handle([u8; 16]);

impl Handle {
    /// Draws a new one.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn draw(luck: &dyn Luck) -> Result<Self, Fault> {
        let mut bits = [0; 16];
        luck.fill(&mut bits)?;
        Ok(Self(bits))
    }

    /// The row key in the store: the first 16 bytes of SHA-256 over the handle's bits.
    pub fn hash(&self) -> HandleHash {
        let mut first = [0; 16];
        first.copy_from_slice(&digest::digest(&digest::SHA256, &self.0).as_ref()[..16]);
        HandleHash(first)
    }

    /// The bits themselves, for sealing.
    pub fn bits(&self) -> [u8; 16] {
        self.0
    }

    /// From sealed bits.
    pub fn from_bits(bits: [u8; 16]) -> Self {
        Self(bits)
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = u128::from_be_bytes(self.0);
        for n in (0..26).rev() {
            let five = usize::try_from((bits >> (5 * n)) & 31).unwrap_or(0);
            write!(f, "{}", char::from(ALPHABET[five]))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("«handle»")
    }
}

impl FromStr for Handle {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        if text.len() != 26 {
            return Err(BadId);
        }
        let mut bits: u128 = 0;
        for (n, byte) in text.bytes().enumerate() {
            let five = value(byte).ok_or(BadId)?;
            // 26 characters carry 130 bits: the first may only use its lower three.
            if n == 0 && five > 7 {
                return Err(BadId);
            }
            bits = bits << 5 | u128::from(five);
        }
        Ok(Self(bits.to_be_bytes()))
    }
}

/// What the store knows of a handle: enough to find it, too little to use it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct HandleHash(pub [u8; 16]);

impl fmt::Debug for HandleHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("«handle hash»")
    }
}

/// Where a handle is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HandleState {
    /// In use; new messages carry it.
    Active,
    /// Replaced, and still good for delivery until its grace ends.
    Retiring,
    /// Refuses, and leaves a tripwire record.
    Retired,
}

/// A handle for a parcel: seven random characters and a check character, printed `ABCD-EFGH`.
///
/// The check character is ISO 7064 MOD 37-2's idea over our own alphabet: the weighted sum of
/// all eight is 0 modulo 31, which catches every single wrong character and every swap of two
/// neighbours that a person makes when reading it aloud.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PostalCode([u8; 8]);

/// 31 characters, a prime count; without 0, 1, I, L and O, which are misread.
const POSTAL: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";

impl PostalCode {
    /// Draws a new one: 31^7 possibilities, redeemed only under the carrier's scope and counted.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn draw(luck: &dyn Luck) -> Result<Self, Fault> {
        let mut code = [0u8; 8];
        let mut n = 0;
        while n < 7 {
            let mut byte = [0];
            luck.fill(&mut byte)?;
            // 248 = 8 * 31: what is above would favour the first characters.
            if byte[0] < 248 {
                code[n] = byte[0] % 31;
                n += 1;
            }
        }
        code[7] = (31 - weigh(&code[..7])) % 31;
        Ok(Self(code))
    }

    /// The row key in the store.
    pub fn hash(&self) -> HandleHash {
        let mut first = [0; 16];
        first.copy_from_slice(&digest::digest(&digest::SHA256, self.to_string().as_bytes()).as_ref()[..16]);
        HandleHash(first)
    }
}

impl fmt::Display for PostalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, value) in self.0.iter().enumerate() {
            if n == 4 {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(POSTAL[usize::from(*value)]))?;
        }
        Ok(())
    }
}

impl fmt::Debug for PostalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("«postal handle»")
    }
}

impl FromStr for PostalCode {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let mut code = [0u8; 8];
        let mut n = 0;
        for byte in text.bytes().filter(|b| *b != b'-' && *b != b' ') {
            let upper = byte.to_ascii_uppercase();
            let at = POSTAL.iter().position(|&c| c == upper).ok_or(BadId)?;
            *code.get_mut(n).ok_or(BadId)? = u8::try_from(at).map_err(|_| BadId)?;
            n += 1;
        }
        if n == 8 && (weigh(&code[..7]) + code[7]).is_multiple_of(31) { Ok(Self(code)) } else { Err(BadId) }
    }
}

/// The weighted sum modulo 31: weights 2 to 8, the check character weighs 1.
fn weigh(values: &[u8]) -> u8 {
    let sum: u32 = values.iter().zip(2u32..).map(|(v, w)| u32::from(*v) * w).sum();
    u8::try_from(sum % 31).unwrap_or(0)
}

fn value(byte: u8) -> Option<u8> {
    let lower = match byte.to_ascii_lowercase() {
        b'o' => b'0',
        b'i' | b'l' => b'1',
        other => other,
    };
    ALPHABET.iter().position(|&c| c == lower).and_then(|n| u8::try_from(n).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::SystemLuck;

    proptest! {
        #[test]
        fn a_handle_reads_back_whatever_the_case_and_look_alikes(bits in any::<[u8; 16]>()) {
            let handle = Handle::from_bits(bits);
            let text = handle.to_string();
            prop_assert_eq!(text.len(), 26);
            prop_assert_eq!(text.parse(), Ok(handle));
            let misread = text.to_uppercase().replace('0', "O").replace('1', "I");
            prop_assert_eq!(misread.parse(), Ok(handle));
        }

        #[test]
        fn a_postal_handle_catches_one_wrong_character_and_one_swap(at in 0usize..8, to in 0usize..31, swap in 0usize..7) {
            let code = PostalCode::draw(&SystemLuck::new()).unwrap();
            let text: Vec<u8> = code.to_string().bytes().filter(|b| *b != b'-').collect();
            let mut wrong = text.clone();
            wrong[at] = POSTAL[to];
            let read = String::from_utf8(wrong.clone()).unwrap().parse::<PostalCode>();
            prop_assert_eq!(read.is_ok(), wrong == text);
            let mut swapped = text.clone();
            swapped.swap(swap, swap + 1);
            let read = String::from_utf8(swapped.clone()).unwrap().parse::<PostalCode>();
            prop_assert_eq!(read.is_ok(), swapped == text);
        }
    }

    #[test]
    fn texts_that_are_no_handles_are_refused() {
        for bad in ["", "abc", &"z".repeat(26), &"u".repeat(26), &"0".repeat(27)] {
            assert!(bad.parse::<Handle>().is_err(), "{bad}");
        }
    }
}
