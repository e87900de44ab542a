use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Fault, Luck, Timestamp};

/// Why a text is no identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id has 1 to 64 characters of A-Z, a-z, 0-9, '.', '_', ':' and '-'")]
pub struct BadId;

macro_rules! external_id {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The marketplace's own spelling.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                let fits = (1..=64).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b));
                if fits { Ok(Self(text.to_owned())) } else { Err(BadId) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;

            fn try_from(text: String) -> Result<Self, BadId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

external_id! {
    /// A person or shop, as the marketplace calls it.
    PartyId
    /// A member of a seller's staff, named within that seller.
    AgentId
    /// An order, as the marketplace calls it.
    OrderId
    /// One buyer and one seller talking, as the marketplace calls it.
    ConversationId
    /// A courier announced at a buyer's door, as the marketplace calls it.
    PickupId
    /// A buyer's review, as the marketplace calls it.
    ReviewId
    /// A dispute, as the marketplace calls it.
    CaseId
    /// A place where the marketplace is told what happens, as it calls it.
    WebhookId
}

/// The relay's own name for a message, a delivery or a disclosure: a UUID of version 7
/// (RFC 9562), so that rows of one day lie side by side in the store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub [u8; 16]);

impl EventId {
    /// Draws a new one at `now`.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn draw(now: Timestamp, luck: &dyn Luck) -> Result<Self, Fault> {
        let mut bytes = [0; 16];
        luck.fill(&mut bytes[6..])?;
        bytes[..6].copy_from_slice(&now.0.to_be_bytes()[2..]);
        bytes[6] = bytes[6] & 0x0f | 0x70;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Ok(Self(bytes))
    }

    /// When it was drawn (RFC 9562 §5.7).
    pub fn at(self) -> Timestamp {
        let [a, b, c, d, e, f, ..] = self.0;
        Timestamp(i64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, byte) in self.0.iter().enumerate() {
            if matches!(n, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is none of the relay's own names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id that the relay gave, such as 01a201c2-ebf8-792d-9a58-f5d7e1a6c395")]
pub struct BadEventId;

impl FromStr for EventId {
    type Err = BadEventId;

    fn from_str(text: &str) -> Result<Self, BadEventId> {
        let hyphens = text.len() == 36 && [8, 13, 18, 23].iter().all(|&n| text.as_bytes()[n] == b'-');
        let hex: Vec<u8> = text.bytes().filter(|b| *b != b'-').collect();
        if !hyphens || hex.len() != 32 {
            return Err(BadEventId);
        }
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(&hex).map_err(|_| BadEventId)?;
        bytes.try_into().map(Self).map_err(|_| BadEventId)
    }
}

impl Serialize for EventId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SystemLuck;

    #[test]
    fn external_ids_refuse_what_could_hide_a_path_or_a_header() {
        for good in ["a", "order-1", "A.b_c:d", &"x".repeat(64)] {
            assert!(good.parse::<OrderId>().is_ok(), "{good}");
        }
        for bad in ["", "a b", "../x", "a/b", "a\r\n", "é", &"x".repeat(65)] {
            assert!(bad.parse::<OrderId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn event_ids_sort_by_time_and_read_back() {
        let luck = SystemLuck::new();
        let a = EventId::draw(Timestamp(1_000), &luck).unwrap();
        let b = EventId::draw(Timestamp(1_001), &luck).unwrap();
        assert!(a < b);
        assert_eq!(a.to_string().parse(), Ok(a));
        let told = "0".repeat(36).parse::<EventId>().unwrap_err().to_string();
        assert!(told.contains("that the relay gave"), "{told}");
    }
}
