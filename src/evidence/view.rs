//! Who reads a bundle, and what of a chain is theirs to see.
//!
//! An entry that is not for a reader is left out of the bundle and its link stays, so that the chain still verifies and
//! whoever is shown the entry one day can prove where it stood. What is for a reader is a list of what may be seen: a
//! kind of entry that nobody thought of here is the mediator's and the auditor's alone.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use crate::model::{CaseId, Entry, EntryKind, Side};

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
    pub(super) fn sees(self, entry: &Entry, quiet: &Quiet) -> bool {
        let Some(side) = self.side() else { return true };
        if let Some(reader) = read_by(entry) {
            return reader == side && (side == Side::Buyer || says_only(entry, &LETTERS_FACTS));
        }
        let known = if side == Side::Buyer { for_buyer(entry) } else { for_seller(entry) };
        known && !quiet.keeps(entry, side)
    }
}

/// Cases that one side is told nothing of, and who opened each.
#[derive(Debug, Default)]
pub(super) struct Quiet(HashMap<String, Side>);

impl Quiet {
    /// Of these cases and who opened them.
    pub(super) fn of(cases: impl Iterator<Item = (String, Side)>) -> Self {
        Self(cases.collect())
    }

    /// Whether an entry is about a case that `side` is told nothing of.
    pub(super) fn keeps(&self, entry: &Entry, side: Side) -> bool {
        let case = entry.facts().find(|(name, _)| *name == "case").map(|(_, value)| value);
        case.and_then(|case| self.0.get(case)).is_some_and(|opener| *opener != side)
    }
}

/// To whom a letter of support went, of which an entry tells.
fn read_by(entry: &Entry) -> Option<Side> {
    use EntryKind::{SupportDelivered, SupportFailed, SupportWrote};
    if !matches!(entry.kind, SupportDelivered | SupportFailed | SupportWrote) {
        return None;
    }
    let to = entry.facts().find(|(name, _)| *name == "to").map(|(_, value)| value);
    [Side::Buyer, Side::Seller].into_iter().find(|side| to == Some(side.as_str()))
}

/// What concerns the conversation. A report of the seller's is between the marketplace and the seller.
fn for_buyer(entry: &Entry) -> bool {
    let event = word(entry.kind);
    BUYERS.iter().any(|begins| event.starts_with(begins)) && (!is_report(entry) || entry.by == Some(Side::Buyer))
}

fn is_report(entry: &Entry) -> bool {
    matches!(entry.kind, EntryKind::ReportReceived | EntryKind::ReportConfirmed)
}

/// What the seller knows already: the order, what it wrote, what reached it, what was put into a case; and only where no
/// fact says more.
fn for_seller(entry: &Entry) -> bool {
    use EntryKind::{
        CaseChanged, CaseEvidence, CaseOffer, CaseOpened, ConversationOpened, MessageAccepted, MessageDelivered,
        MessageHeld, MessageRefused, MessageReleased, OrderFacts,
    };
    match entry.kind {
        ConversationOpened | MessageAccepted | MessageDelivered | MessageHeld | MessageRefused | MessageReleased
        | OrderFacts => says_only(entry, &SELLERS_FACTS),
        CaseChanged | CaseEvidence | CaseOffer | CaseOpened => says_only(entry, &CASES_FACTS),
        _ => is_report(entry) && entry.by == Some(Side::Seller) && says_only(entry, &REPORTS_FACTS),
    }
}

fn says_only(entry: &Entry, known: &[&str]) -> bool {
    entry.facts().all(|(name, _)| known.contains(&name))
}

/// A kind as the chain writes it.
pub(super) fn word(kind: EntryKind) -> String {
    match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

const BUYERS: [&str; 17] = [
    "conversation_",
    "order_",
    "message_",
    "notice_",
    "handle_",
    "pickup_",
    "registration_",
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
const CASES_FACTS: [&str; 10] =
    ["amount", "case", "corrects", "currency", "item", "late", "said", "shown", "slot", "topic"];
const LETTERS_FACTS: [&str; 8] = ["case", "cause", "channel", "cut", "kind", "letter", "shown", "to"];
const REPORTS_FACTS: [&str; 6] = ["category", "confirmed", "leaked", "report", "said", "shown"];

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
    /// Tell of this case and of nothing else.
    pub case: Option<CaseId>,
    /// Enclose the files of that case as they came too: for a mediator alone, and it leaves a trace.
    pub originals: bool,
}

impl View {
    /// Whether files of the case are enclosed as they came.
    pub(super) fn encloses_originals(&self) -> bool {
        self.originals && self.case.is_some() && self.reader == Reader::Mediator
    }

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
        let (seller, none) = (Some(Side::Seller), Quiet::default());
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
            assert_eq!(Reader::Seller.sees(&entry(kind, by, facts), &none), seen, "{kind:?} {facts}");
            assert!(Reader::Mediator.sees(&entry(kind, by, facts), &none));
            assert!(Reader::Buyer.sees(&entry(kind, by, facts), &none), "{kind:?}");
        }
    }

    #[test]
    fn a_side_is_shown_its_own_letters_and_what_was_put_into_a_case_that_it_knows_of() {
        let quiet = Quiet::of([("q-s".to_owned(), Side::Seller), ("q-b".to_owned(), Side::Buyer)].into_iter());
        let (buyer, seller) = (Some(Side::Buyer), Some(Side::Seller));
        for (kind, by, facts, seen) in [
            (EntryKind::SupportWrote, None, "letter=1 to=buyer kind=message case=k-1 shown=0", [true, false]),
            (EntryKind::SupportDelivered, None, "letter=1 to=buyer channel=mail", [true, false]),
            (EntryKind::SupportFailed, None, "letter=2 to=seller cause=bounce", [false, true]),
            (EntryKind::CaseOpened, buyer, "case=k-1 topic=damaged item=1 said=0 shown=0", [true, true]),
            (EntryKind::CaseEvidence, seller, "case=k-1 item=2 slot=chat late=false", [true, true]),
            (EntryKind::CaseOpened, buyer, "case=q-b topic=threat item=1", [true, false]),
            (EntryKind::CaseOpened, seller, "case=q-s topic=threat item=1", [false, true]),
            (EntryKind::CaseTaken, None, "case=k-1", [true, false]),
            (EntryKind::ReportReceived, buyer, "report=1 category=threat leaked=0 confirmed=true", [true, false]),
            (EntryKind::ReportReceived, seller, "report=2 category=threat leaked=0 confirmed=true", [false, true]),
        ] {
            let entry = entry(kind, by, facts);
            assert_eq!([Reader::Buyer, Reader::Seller].map(|reader| reader.sees(&entry, &quiet)), seen, "{facts}");
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
