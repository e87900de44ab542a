use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// Why a text is no name of a marketplace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a marketplace's name has 1 to 32 characters of a-z, 0-9 and '-'")]
pub struct BadMarketplace;

/// The name of a marketplace: 1 to 32 characters of `a-z`, `0-9` and `-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Marketplace(Arc<str>);

impl Marketplace {
    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Marketplace {
    type Err = BadMarketplace;

    fn from_str(text: &str) -> Result<Self, BadMarketplace> {
        let fits = (1..=32).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits { Ok(Self(text.into())) } else { Err(BadMarketplace) }
    }
}

impl TryFrom<String> for Marketplace {
    type Error = BadMarketplace;

    fn try_from(text: String) -> Result<Self, BadMarketplace> {
        text.parse()
    }
}

impl From<Marketplace> for String {
    fn from(name: Marketplace) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for Marketplace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Marketplace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The marketplace on whose behalf a call is made, proven by a token, a handle's row or the
/// operator at the command line. It is the first argument of every store call, so that no
/// query can reach another marketplace's rows by forgetting a condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope(Marketplace);

impl Scope {
    /// Declares that `marketplace` was proven. Written only where the proof is made: found by
    /// searching for `Scope::proven`.
    pub fn proven(marketplace: Marketplace) -> Self {
        Self(marketplace)
    }

    /// Which marketplace.
    pub fn marketplace(&self) -> &Marketplace {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_lower_case_and_a_wrong_one_is_told_so() {
        for good in ["demo", "shop-2"] {
            assert!(good.parse::<Marketplace>().is_ok(), "{good}");
        }
        for bad in ["", "Demo", "a b", "a_b", &"a".repeat(33)] {
            let told = bad.parse::<Marketplace>().unwrap_err().to_string();
            assert!(told.contains("32 characters of a-z, 0-9"), "{told}");
        }
    }
}
