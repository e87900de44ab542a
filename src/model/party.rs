use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::Secret;

/// What a contact is, as stored and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContactKind {
    /// A mail address.
    Email,
    /// A phone number in E.164.
    Phone,
}

impl ContactKind {
    /// The word in the store and in additional data of seals.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
        }
    }
}

/// A real contact of a party, normalised: a mail address with its host in lower-case A-labels
/// and its local part in lower case; a phone number in E.164.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// What it is.
    pub kind: ContactKind,
    /// The value itself.
    pub value: Secret<String>,
}

/// A real postal address. Opened only for a carrier.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct PostalAddress {
    /// Who receives.
    pub name: String,
    /// Street, house, quarter: at most ten lines.
    pub lines: Vec<String>,
    /// City or regency.
    pub city: String,
    /// Province or state.
    #[serde(default)]
    pub region: String,
    /// Post code.
    #[serde(default)]
    pub postcode: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

impl std::fmt::Debug for PostalAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("«postal address»")
    }
}
