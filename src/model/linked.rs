//! Sellers that are one: by what they share, and whether it counts.

use super::BadWord;

/// What two sellers share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkKind {
    /// A bank account.
    Account,
    /// A mail address.
    Email,
    /// A phone number.
    Phone,
    /// What they write to many buyers.
    Text,
}

impl LinkKind {
    /// The word in the API and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Text => "text",
        }
    }

    /// How a link begins. Whoever has the telephone or the account is one person or firm. A mailbox is often that of an
    /// agency or a help desk for many, and costs nothing to change; a text may be borrowed: of these a person decides.
    pub fn begins(self) -> LinkState {
        match self {
            Self::Account | Self::Phone => LinkState::Linked,
            Self::Email | Self::Text => LinkState::Suggested,
        }
    }
}

/// Whether a link counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkState {
    /// It counts: by what the two shared, also when they share it no more.
    Linked,
    /// A person is to look; it does not count.
    Suggested,
    /// It counts: a person said so.
    Confirmed,
    /// A person said that the two are not one: it counts no more, whatever else they share.
    Parted,
}

impl LinkState {
    /// The word in the API and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Linked => "linked",
            Self::Suggested => "suggested",
            Self::Confirmed => "confirmed",
            Self::Parted => "parted",
        }
    }

    /// Whether the two are one by it.
    pub fn counts(self) -> bool {
        matches!(self, Self::Linked | Self::Confirmed)
    }
}

impl std::str::FromStr for LinkKind {
    type Err = BadWord;

    fn from_str(text: &str) -> Result<Self, BadWord> {
        let all = [Self::Account, Self::Email, Self::Phone, Self::Text];
        all.into_iter().find(|one| one.as_str() == text).ok_or(BadWord)
    }
}

impl std::str::FromStr for LinkState {
    type Err = BadWord;

    fn from_str(text: &str) -> Result<Self, BadWord> {
        let all = [Self::Linked, Self::Suggested, Self::Confirmed, Self::Parted];
        all.into_iter().find(|one| one.as_str() == text).ok_or(BadWord)
    }
}
