use serde::{Deserialize, Serialize};

/// One of the two ends of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Who bought.
    Buyer,
    /// Who sells.
    Seller,
}

impl Side {
    /// The other end.
    pub fn other(self) -> Self {
        match self {
            Self::Buyer => Self::Seller,
            Self::Seller => Self::Buyer,
        }
    }

    /// The word in the API and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Buyer => "buyer",
            Self::Seller => "seller",
        }
    }
}

/// By which way a message came in or goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// The HTTPS API: delivered when recorded.
    Api,
    /// Mail.
    Mail,
    /// Short messages, over numbers of a pool.
    Sms,
    /// Calls, over the same numbers.
    Voice,
    /// The chat behind the reverse proxy: delivered when it has taken the message.
    Proxy,
}

impl Channel {
    /// The word in the API and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Mail => "mail",
            Self::Sms => "sms",
            Self::Voice => "voice",
            Self::Proxy => "proxy",
        }
    }
}

/// What a side may do now, as the API's `contact` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Free within the ordinary limits.
    Open,
    /// After a review, until the cool-down is over or the buyer writes.
    Cooling,
    /// No budget left for now, or only a small one.
    Limited,
    /// The other side wants no contact.
    Blocked,
    /// The conversation is over.
    Closed,
}

/// Where a conversation stands: what decides which of the seller's rights hold. For the
/// marketplace alone, since it tells of reviews and blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// No order, or one that is not shipped.
    BeforeShipping,
    /// On its way.
    Shipped,
    /// Arrived.
    Delivered,
    /// The order was completed or cancelled.
    Over,
    /// A review governs.
    Reviewed,
    /// A case is being decided.
    CaseOpen,
    /// A case was decided lately.
    CaseClosed,
    /// The buyer said that nothing more is wanted.
    Stopped,
    /// A side asked for no contact.
    Blocked,
    /// The conversation has ended.
    Closed,
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words say it")]
pub enum OrderState {
    Placed,
    Shipped,
    Delivered,
    Cancelled,
    Completed,
}

/// Who ships: when the platform does, the seller needs no phone or postal handle (R68).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words say it")]
pub enum Fulfilment {
    Seller,
    Platform,
}
