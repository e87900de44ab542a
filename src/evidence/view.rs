//! Who reads a bundle, and what of a chain is theirs to see.
//!
//! An entry that is not for a reader is left out of the bundle and its link stays, so that the chain still verifies and
//! whoever is shown the entry one day can prove where it stood. What is for a reader is a list of what may be seen: a
//! kind of entry that nobody thought of here is the mediator's and the auditor's alone.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::model::{Entry, EntryKind, Side};

/// For whom a bundle is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reader {
    /// Sees every entry and every message as it was delivered; what its author wrote stays sealed.
    Auditor,
    /// Sees what the buyer wrote as it was written, and of the seller what was delivered.
    Buyer,
    /// Sees everything that can be opened: who decides a case, or a court.
    #[default]
    Mediator,
    /// Sees what the seller wrote as it was written, of the buyer what was delivered, and nothing that tells of a
    /// review, a block or a cause.
    Seller,
}

impl Reader {
    /// The side that reads, if one does.
    pub fn side(self) -> Option<Side> {
        match self {
            Self::Buyer => Some(Side::Buyer),
            Self::Seller => Some(Side::Seller),
            Self::Auditor | Self::Mediator => None,
        }
    }

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auditor => "auditor",
            Self::Buyer => "buyer",
            Self::Mediator => "mediator",
            Self::Seller => "seller",
        }
    }

    /// Whether an entry stands in this reader's bundle.
    pub(super) fn sees(self, entry: &Entry) -> bool {
        match self {
            Self::Auditor | Self::Mediator => true,
            Self::Buyer => for_buyer(entry),
            Self::Seller => for_seller(entry),
        }
    }
}

/// What concerns the conversation. What is between the marketplace and the seller is not the buyer's: neither a report of
/// the seller's nor the case that it opened.
fn for_buyer(entry: &Entry) -> bool {
    let event = word(entry.kind);
    let of_a_report = event.starts_with("report") || entry.facts().any(|fact| is_of_a_report(&fact));
    BUYERS.iter().any(|begins| event.starts_with(begins)) && (!of_a_report || entry.by == Some(Side::Buyer))
}

/// A report's own case is named after it.
fn is_of_a_report((name, value): &(&str, &str)) -> bool {
    *name == "case" && value.starts_with("report-")
}

/// What the seller knows already: the order, what it wrote, what reached it; and only where no fact says more.
fn for_seller(entry: &Entry) -> bool {
    use EntryKind::{
        ConversationOpened, MessageAccepted, MessageDelivered, MessageHeld, MessageRefused, MessageReleased, OrderFacts,
    };
    let kind = matches!(
        entry.kind,
        ConversationOpened
            | MessageAccepted
            | MessageDelivered
            | MessageHeld
            | MessageRefused
            | MessageReleased
            | OrderFacts
    );
    let known = |fact: &str| SELLERS_FACTS.contains(&fact.split('=').next().unwrap_or_default());
    kind && entry.facts.split_ascii_whitespace().all(known)
}

/// A kind as the chain writes it.
pub(super) fn word(kind: EntryKind) -> String {
    match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

const BUYERS: [&str; 15] = [
    "conversation_",
    "order_",
    "message_",
    "notice_",
    "handle_",
    "review",
    "blocked",
    "unblocked",
    "disclosure",
    "erased",
    "case_",
    "report",
    "retaliation_",
    "afraid",
    "contact_stopped",
];
const SELLERS_FACTS: [&str; 11] =
    ["agent", "channel", "cut", "delivery", "fulfilment", "order", "proof", "said", "shown", "state", "template"];

/// Why a text names no reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not buyer, seller, auditor or mediator")]
pub struct BadReader;

impl FromStr for Reader {
    type Err = BadReader;

    fn from_str(text: &str) -> Result<Self, BadReader> {
        [Self::Auditor, Self::Buyer, Self::Mediator, Self::Seller]
            .into_iter()
            .find(|reader| reader.as_str() == text)
            .ok_or(BadReader)
    }
}

impl fmt::Display for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The language of what is written around the words of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Indonesian.
    Id,
    /// Polish.
    Pl,
}

impl Language {
    /// Of a language tag such as `pl-PL`; English where there is no other.
    pub fn of(locale: Option<&str>) -> Self {
        match locale.map(|locale| locale.split(['-', '_']).next().unwrap_or_default()) {
            Some("id") => Self::Id,
            Some("pl") => Self::Pl,
            _ => Self::En,
        }
    }

    /// Its tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Id => "id",
            Self::Pl => "pl",
        }
    }
}

/// How a bundle is to be made.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// For whom.
    pub reader: Reader,
    /// In which language.
    pub language: Language,
    /// Open the texts of these entries and of no others: for a body that shall see as little as it needs.
    pub only: Option<BTreeSet<u64>>,
    /// Prove against this anchor too, beside the newest.
    pub anchor: Option<u64>,
}

impl View {
    /// Whether the text of an entry may be opened at all.
    pub(super) fn opens(&self, seq: u64) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&seq))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn entry(kind: EntryKind, by: Option<Side>, facts: &str) -> Entry {
        Entry { seq: 0, at: Timestamp(0), kind, by, message: None, facts: facts.to_owned(), commitment: None }
    }

    #[test]
    fn a_seller_is_shown_nothing_that_tells_of_a_review() {
        let seller = Some(Side::Seller);
        for (kind, by, facts, seen) in [
            (EntryKind::ConversationOpened, None, "order=o-1 state=placed", true),
            (EntryKind::MessageAccepted, seller, "channel=api proof=token agent=ana cut=phone", true),
            (EntryKind::MessageAccepted, Some(Side::Buyer), "channel=mail proof=dmarc=pass", true),
            (EntryKind::MessageRefused, seller, "channel=api proof=token reason=review", false),
            (EntryKind::MessageRefused, seller, "channel=api proof=token reason=blocked", false),
            (EntryKind::MessageWithheld, None, "delivery=1", false),
            (EntryKind::Review, Some(Side::Buyer), "rating=1", false),
            (EntryKind::ReviewWithdrawn, Some(Side::Buyer), "", false),
            (EntryKind::Blocked, Some(Side::Buyer), "", false),
            (EntryKind::HandleRotated, None, "of=buyer cause=time", false),
            (EntryKind::Disclosure, None, "disclosure=1 purpose=label", false),
        ] {
            assert_eq!(Reader::Seller.sees(&entry(kind, by, facts)), seen, "{kind:?} {facts}");
            assert!(Reader::Mediator.sees(&entry(kind, by, facts)));
            assert!(Reader::Buyer.sees(&entry(kind, by, facts)), "{kind:?}");
        }
    }

    #[test]
    fn readers_and_languages_are_read() {
        for word in ["auditor", "buyer", "mediator", "seller"] {
            assert_eq!(word.parse::<Reader>().unwrap().to_string(), word);
        }
        assert_eq!("Buyer".parse::<Reader>(), Err(BadReader));
        assert_eq!(Language::of(Some("pl-PL")), Language::Pl);
        assert_eq!(Language::of(Some("fr")), Language::En);
    }
}
