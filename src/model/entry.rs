use std::fmt;

use data_encoding::HEXLOWER;
use ring::digest;
use serde::{Deserialize, Serialize};

use super::{ConversationId, EventId, Marketplace, Side, Timestamp};

/// What an evidence entry tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum EntryKind {
    ConversationOpened,
    ConversationChanged,
    OrderFacts,
    MessageAccepted,
    MessageEscalated,
    MessageHeld,
    MessageRefused,
    MessageReleased,
    MessageDelivered,
    MessageWithheld,
    MessageFailed,
    NoticeSent,
    HandleRotated,
    HandleMisused,
    // Handles for somebody else than the other side.
    RegistrationDrawn,
    RegistrationAsked,
    RegistrationAnswered,
    RegistrationClosed,
    Review,
    ReviewWithdrawn,
    ReviewChangedAfterContact,
    ReviewSlipped,
    Blocked,
    Unblocked,
    ContactNarrowed,
    ContactRestricted,
    ContactStopped,
    ContactUnrestricted,
    Disclosure,
    Unsealed,
    Erased,
    TokenIssued,
    TokenRevoked,
    RetaliationSuspected,
    Afraid,

    // Cases, reports, and the third voice.
    SupportWrote,
    SupportDelivered,
    SupportFailed,
    CaseOpened,
    CaseChanged,
    CaseEvidence,
    CaseOffer,
    CaseTaken,
    CaseUrgent,
    CaseEscalated,
    CaseDecided,
    CaseFileOpened,
    ReportReceived,
    ReportConfirmed,
    ViolationRecorded,
    ViolationReversed,
    SanctionImposed,
    SanctionLifted,
    AppealFiled,
    AppealDecided,
    TicketFiled,
    TicketRuled,
    ResponseEscalated,
    ClosingDeclared,
    // Sellers that are one.
    LinkMade,
    LinkSuggested,
    LinkConfirmed,
    LinkDisputed,
    LinkRuled,
    // Rights of persons.
    DisclosureRequested,
    DisclosureApproved,
    DisclosureNoticed,
    DisclosureAlarm,
    HoldPlaced,
    HoldReleased,
    ErasureWaits,
    Restricted,
    Unrestricted,
    PersonExported,
    Anchored,
    Expired,
}

impl EntryKind {
    /// The name of the event in the feed: what it is about, a dot, what happened.
    pub fn event(self) -> &'static str {
        match self {
            Self::ConversationOpened => "conversation.opened",
            Self::ConversationChanged => "conversation.changed",
            Self::OrderFacts => "order.changed",
            Self::MessageAccepted => "message.accepted",
            Self::MessageEscalated => "message.escalated",
            Self::MessageHeld => "message.held",
            Self::MessageRefused => "message.refused",
            Self::MessageReleased => "message.released",
            Self::MessageDelivered => "message.delivered",
            Self::MessageWithheld => "message.withheld",
            Self::MessageFailed => "message.failed",
            Self::NoticeSent => "message.notice_sent",
            Self::HandleRotated => "handle.rotated",
            Self::HandleMisused => "handle.misused",
            Self::RegistrationDrawn => "handle.registration_drawn",
            Self::RegistrationAsked => "handle.registration_asked",
            Self::RegistrationAnswered => "handle.registration_answered",
            Self::RegistrationClosed => "handle.registration_closed",
            Self::Review => "review.received",
            Self::ReviewWithdrawn => "review.withdrawn",
            Self::ReviewChangedAfterContact => "review.changed_after_contact",
            Self::ReviewSlipped => "review.slipped",
            Self::Blocked => "contact.blocked",
            Self::Unblocked => "contact.unblocked",
            Self::ContactNarrowed => "contact.narrowed",
            Self::ContactStopped => "contact.stopped",
            Self::ContactRestricted => "contact.restricted",
            Self::ContactUnrestricted => "contact.unrestricted",
            Self::Disclosure => "disclosure.made",
            Self::Unsealed => "message.unsealed",
            Self::Erased => "party.erased",
            Self::TokenIssued => "token.issued",
            Self::TokenRevoked => "token.revoked",
            Self::RetaliationSuspected => "contact.retaliation",
            Self::Afraid => "contact.afraid",
            Self::SupportWrote => "support.written",
            Self::SupportDelivered => "support.delivered",
            Self::SupportFailed => "support.failed",
            Self::CaseOpened => "case.opened",
            Self::CaseChanged => "case.changed",
            Self::CaseEvidence => "case.evidence",
            Self::CaseOffer => "case.offer",
            Self::CaseTaken => "case.taken",
            Self::CaseUrgent => "case.urgent",
            Self::CaseEscalated => "case.escalated",
            Self::CaseDecided => "case.decided",
            Self::CaseFileOpened => "case.file_opened",
            Self::ReportReceived => "report.received",
            Self::ReportConfirmed => "report.confirmed",
            Self::ViolationRecorded => "violation.recorded",
            Self::ViolationReversed => "violation.reversed",
            Self::SanctionImposed => "sanction.imposed",
            Self::SanctionLifted => "sanction.lifted",
            Self::AppealFiled => "appeal.filed",
            Self::AppealDecided => "appeal.decided",
            Self::TicketFiled => "ticket.filed",
            Self::TicketRuled => "ticket.ruled",
            Self::ResponseEscalated => "response.escalated",
            Self::ClosingDeclared => "response.closing_declared",
            Self::LinkMade => "link.made",
            Self::LinkSuggested => "link.suggested",
            Self::LinkConfirmed => "link.confirmed",
            Self::LinkDisputed => "link.disputed",
            Self::LinkRuled => "link.ruled",
            Self::DisclosureRequested => "disclosure.requested",
            Self::DisclosureApproved => "disclosure.approved",
            Self::DisclosureNoticed => "disclosure.noticed",
            Self::DisclosureAlarm => "disclosure.alarm",
            Self::HoldPlaced => "hold.placed",
            Self::HoldReleased => "hold.released",
            Self::ErasureWaits => "party.erasure_waits",
            Self::Restricted => "party.restricted",
            Self::Unrestricted => "party.unrestricted",
            Self::PersonExported => "party.exported",
            Self::Anchored => "evidence.anchored",
            Self::Expired => "evidence.expired",
        }
    }
}

/// One entry of a conversation's evidence chain. What is private in it is only committed to;
/// the text and the salt lie sealed beside it, so that the chain still verifies after an
/// erasure and a redacted bundle can open chosen commitments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Position in the chain, from 0.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EntryKind,
    /// Whose act it was, where it was one of the sides'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Side>,
    /// About which message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<EventId>,
    /// Facts that name nobody, such as `reason=rate` or `rating=1`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub facts: String,
    /// SHA-256(salt ‖ plaintext) of what is sealed beside the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commitment: Option<Commitment>,
}

impl Entry {
    /// The facts one by one: `rating=1 cause=time` is `rating` and `cause`. A word without a value is a name alone.
    pub fn facts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.facts.split_ascii_whitespace().map(|fact| fact.split_once('=').unwrap_or((fact, "")))
    }

    /// What a message entry commits to of one part of the message.
    pub fn share(&self, part: Share) -> Option<Commitment> {
        let named = |fact: &str| fact.strip_prefix(part.as_str())?.strip_prefix('=')?.parse().ok();
        self.facts.split_ascii_whitespace().find_map(named)
    }

    /// The canonical bytes: JSON with the fields in the order of this struct, no spaces.
    pub fn canonical(&self) -> String {
        // A struct of numbers and strings always serialises.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// SHA-256(salt ‖ plaintext): a 16-byte salt, then the canonical JSON of the private part.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Commitment(pub [u8; 32]);

impl Commitment {
    /// Commits to `plaintext`.
    pub fn to(salt: &[u8; 16], plaintext: &[u8]) -> Self {
        Self(sha256(&[salt, plaintext]))
    }

    /// The salt of one part of a message. It is made of the message's own salt, and tells nothing of it: who is shown
    /// one part can not try out the rest.
    pub fn part_salt(part: Share, salt: &[u8; 16]) -> [u8; 16] {
        let mut own = [0; 16];
        own.copy_from_slice(&sha256(&[b"tabir part 1\n", part.as_str().as_bytes(), b"\n", salt])[..16]);
        own
    }
}

/// A part of a message that can be opened by itself: a message entry commits to each among its facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Share {
    /// As its author sent it: for the author.
    Said,
    /// As it was delivered: for the other side.
    Shown,
}

impl Share {
    /// Its word: the name of the fact.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Said => "said",
            Self::Shown => "shown",
        }
    }
}

/// A link of the chain: SHA-256(previous ‖ canonical entry). Keyless, so that anybody can
/// verify it; the head is signed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Link(pub [u8; 32]);

impl Link {
    /// What stands before the first entry of a conversation.
    pub fn genesis(marketplace: &Marketplace, conversation: &ConversationId) -> Self {
        Self(sha256(&[b"tabir evidence 1\n", marketplace.as_str().as_bytes(), b"\n", conversation.as_str().as_bytes()]))
    }

    /// What stands before the first entry of a marketplace's journal: of what belongs to no conversation.
    pub fn journal(marketplace: &Marketplace) -> Self {
        Self(sha256(&[b"tabir journal 1\n", marketplace.as_str().as_bytes()]))
    }

    /// The link after this one, over an entry's canonical bytes.
    pub fn then(&self, canonical: &[u8]) -> Self {
        Self(sha256(&[&self.0, canonical]))
    }
}

/// Why a text is neither a link nor a commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 64 hexadecimal digits")]
pub struct LinkError;

macro_rules! hex_text {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = LinkError;

            fn from_str(text: &str) -> Result<Self, LinkError> {
                let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| LinkError)?;
                bytes.try_into().map(Self).map_err(|_| LinkError)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

hex_text! { Commitment Link }

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_breaks_where_an_entry_was_changed() {
        let genesis = Link::genesis(&"demo".parse().unwrap(), &"c-1".parse().unwrap());
        let entry = Entry {
            seq: 0,
            at: Timestamp(0),
            kind: EntryKind::Review,
            by: Some(Side::Buyer),
            message: None,
            facts: "rating=1".to_owned(),
            commitment: None,
        };
        let link = genesis.then(entry.canonical().as_bytes());
        let changed = Entry { facts: "rating=5".to_owned(), ..entry.clone() };
        assert_ne!(link, genesis.then(changed.canonical().as_bytes()));
        let read: Entry = serde_json::from_str(&entry.canonical()).unwrap();
        assert_eq!(read, entry);
    }
}
