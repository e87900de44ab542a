//! The words of the house: what a marketplace, a party, a handle, a message and a verdict are.
//!
//! Every other room speaks in these types; this one imports none of them.
//!
//! # Security
//! Holds no keys, parses no hostile bytes beyond short identifiers, touches neither disk nor
//! network. What names a person travels in [`Secret`], which has no `Display` and a mute `Debug`.

mod case;
mod conversation;
mod entry;
mod finding;
mod form;
mod handle;
mod id;
mod kept;
mod key;
mod linked;
mod luck;
mod message;
mod pair;
mod party;
mod pattern;
mod registration;
mod restriction;
mod said;
mod scope;
mod secret;
mod size;
mod sketch;
mod strike;
mod time;
mod verdict;

pub use case::{
    BadWord, CaseClock, CaseRequest, CaseWords, Category, DecisionWords, ItemKind, LetterKind, LetterState,
    LetterWords, Money, ReportState, Ruling, Slot, Topic,
};
pub use conversation::{Channel, Fulfilment, OrderState, Phase, Side, Stage};
pub use entry::{Commitment, Entry, EntryKind, Link, LinkError, Share};
pub use finding::{Finding, Kind, Part, Sentence, Signal, SignalKind, Span};
pub use form::{Approach, Form, Template};
pub use handle::{Handle, HandleHash, HandleState, PostalCode};
pub use id::{
    AgentId, BadEventId, BadId, CaseId, ConversationId, EventId, OrderId, PartyId, PickupId, ReviewId, WebhookId,
};
pub use kept::{File, Kept, KeptSignal, Shown, Unguarded};
pub use key::{IndexTag, WrappedKey};
pub use linked::{LinkKind, LinkState};
pub use luck::{Luck, SystemLuck};
pub use message::{Attachment, AttachmentAction, Content, Message, Purpose, ThreadIds};
pub use pair::{CaseState, Decision, PairState, Under};
pub use party::{BadContact, Contact, ContactKind, PostalAddress, Profile};
pub use pattern::{BadPattern, EventPattern};
pub use registration::{DomainState, MOST_DOMAINS, Registration, RegistrationDomain};
pub use restriction::Restriction;
pub use said::{Closed, Said, TooLong};
pub use scope::{BadMarketplace, Marketplace, Scope};
pub use secret::Secret;
pub use size::size;
pub use sketch::Sketch;
pub use strike::{Arbiter, Breach, Measure, Sanction, Strike};
pub use time::{Clock, Span as Duration, SystemClock, Timestamp};
pub use verdict::{Accepted, Fault, MessageState, Outcome, Reason, Refusal, Verdict};
