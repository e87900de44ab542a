use std::fmt;

use data_encoding::HEXLOWER;
use ring::digest;
use serde::{Deserialize, Serialize};

use super::{ConversationId, EventId, Marketplace, Side, Timestamp};

macro_rules! kinds {
    ($($kind:ident $event:literal;)*) => {
        /// What an evidence entry tells.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[expect(missing_docs, reason = "the words say it")]
        pub enum EntryKind {$(
            $kind,
        )*}

        impl EntryKind {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The name of the event in the feed: what it is about, a dot, what happened.
            pub fn event(self) -> &'static str {
                match self {$(
                    Self::$kind => $event,
                )*}
            }
        }
    };
}

kinds! {
    ConversationOpened "conversation.opened";
    ConversationChanged "conversation.changed";
    OrderFacts "order.changed";
    MessageAccepted "message.accepted";
    MessageEscalated "message.escalated";
    MessageHeld "message.held";
    MessageRefused "message.refused";
    MessageReleased "message.released";
    MessageDelivered "message.delivered";
    MessageWithheld "message.withheld";
    MessageFailed "message.failed";
    NoticeSent "message.notice_sent";
    HandleRotated "handle.rotated";
    HandleMisused "handle.misused";
    // Handles for somebody else than the other side.
    RegistrationDrawn "handle.registration_drawn";
    RegistrationAsked "handle.registration_asked";
    RegistrationAnswered "handle.registration_answered";
    RegistrationClosed "handle.registration_closed";
    // Couriers at the buyer's door.
    PickupAnnounced "pickup.announced";
    PickupEnded "pickup.ended";
    PickupChecked "pickup.checked";
    Review "review.received";
    ReviewWithdrawn "review.withdrawn";
    ReviewChangedAfterContact "review.changed_after_contact";
    ReviewSlipped "review.slipped";
    Blocked "contact.blocked";
    Unblocked "contact.unblocked";
    ContactNarrowed "contact.narrowed";
    ContactRestricted "contact.restricted";
    ContactStopped "contact.stopped";
    ContactUnrestricted "contact.unrestricted";
    Disclosure "disclosure.made";
    Unsealed "message.unsealed";
    Erased "party.erased";
    TokenIssued "token.issued";
    TokenRevoked "token.revoked";
    RetaliationSuspected "contact.retaliation";
    Afraid "contact.afraid";

    // Cases, reports, and the third voice.
    SupportWrote "support.written";
    SupportDelivered "support.delivered";
    SupportFailed "support.failed";
    CaseOpened "case.opened";
    CaseChanged "case.changed";
    CaseEvidence "case.evidence";
    CaseOffer "case.offer";
    CaseTaken "case.taken";
    CaseUrgent "case.urgent";
    CaseEscalated "case.escalated";
    CaseDecided "case.decided";
    CaseFileOpened "case.file_opened";
    ReportReceived "report.received";
    ReportConfirmed "report.confirmed";
    ViolationRecorded "violation.recorded";
    ViolationReversed "violation.reversed";
    SanctionImposed "sanction.imposed";
    SanctionLifted "sanction.lifted";
    AppealFiled "appeal.filed";
    AppealDecided "appeal.decided";
    TicketFiled "ticket.filed";
    TicketRuled "ticket.ruled";
    ResponseEscalated "response.escalated";
    ClosingDeclared "response.closing_declared";
    // Sellers that are one.
    LinkMade "link.made";
    LinkSuggested "link.suggested";
    LinkConfirmed "link.confirmed";
    LinkDisputed "link.disputed";
    LinkRuled "link.ruled";
    // Rights of persons.
    DisclosureRequested "disclosure.requested";
    DisclosureApproved "disclosure.approved";
    DisclosureNoticed "disclosure.noticed";
    DisclosureAlarm "disclosure.alarm";
    HoldPlaced "hold.placed";
    HoldReleased "hold.released";
    ErasureWaits "party.erasure_waits";
    Restricted "party.restricted";
    Unrestricted "party.unrestricted";
    PersonExported "party.exported";
    Anchored "evidence.anchored";
    Expired "evidence.expired";
    // Programs that are told.
    WebhookChanged "webhook.changed";
    WebhookDisabled "webhook.disabled";
    WebhookRemoved "webhook.removed";
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

    /// The facts that the feed tells: commitments to parts of a message are for bundles alone.
    pub fn told_facts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.facts().filter(|(name, _)| [Share::Said, Share::Shown].iter().all(|part| part.as_str() != *name))
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
