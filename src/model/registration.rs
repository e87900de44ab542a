//! A handle that a buyer gives to somebody else than the seller: for a warranty card, an app, a newsletter.

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// What is known of a registration handle, sealed beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// What it is for, in the buyer's words.
    pub label: String,
    /// Who wrote to it, or may.
    pub domains: Vec<RegistrationDomain>,
}

/// A domain that wrote to a registration handle, or may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationDomain {
    /// As it is registered, such as `brand.example`.
    pub domain: String,
    /// Whether it may write.
    pub may: DomainState,
    /// Since when.
    pub since: Timestamp,
}

/// Whether a domain may write to a registration handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DomainState {
    /// It wrote, and nobody has said yet.
    Asked,
    /// It may.
    Allowed,
    /// It may not.
    Refused,
}

impl Registration {
    /// What was said of a domain.
    pub fn said_of(&self, domain: &str) -> Option<DomainState> {
        self.domains.iter().find(|known| known.domain == domain).map(|known| known.may)
    }

    /// Says whether a domain may write. `false`: it says so already, or there is no room for one more.
    pub fn say(&mut self, domain: &str, may: DomainState, at: Timestamp) -> bool {
        match self.domains.iter().position(|known| known.domain == domain) {
            Some(n) if self.domains[n].may == may => return false,
            Some(n) => self.domains[n] = RegistrationDomain { domain: domain.to_owned(), may, since: at },
            None if self.domains.len() >= MOST_DOMAINS => return false,
            None => self.domains.push(RegistrationDomain { domain: domain.to_owned(), may, since: at }),
        }
        true
    }
}

/// Of more a person can not say whom they trust; whoever else writes is refused.
pub const MOST_DOMAINS: usize = 20;
