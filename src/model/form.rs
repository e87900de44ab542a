use serde::{Deserialize, Serialize};

use super::{Purpose, Side};

/// Who writes, and in which form: what the contact policy sees of a message beside the pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Approach {
    /// Who writes.
    pub from: Side,
    /// How.
    pub form: Form,
}

impl Approach {
    /// Somebody's own words.
    pub fn free(from: Side) -> Self {
        Self { from, form: Form::Free }
    }

    /// What a message is, from what is known of it. Only a seller's form matters.
    pub fn of(from: Side, template: Option<Template>, purpose: Purpose, automatic: bool) -> Self {
        let form = match (from, template, purpose) {
            (Side::Buyer, ..) => Form::Free,
            (Side::Seller, Some(template), _) => Form::Template(template),
            (Side::Seller, None, Purpose::Feedback) => Form::Feedback,
            (Side::Seller, None, Purpose::Shipping) => Form::Shipping,
            (Side::Seller, None, _) if automatic => Form::Shipping,
            (Side::Seller, None, _) => Form::Free,
        };
        Self { from, form }
    }
}

/// In which form a seller writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Form {
    /// Its own words.
    #[default]
    Free,
    /// Its own words that say they ask for feedback.
    Feedback,
    /// Words that say they tell where a parcel is, or that a program wrote: shipping notices
    /// where there is something to ship.
    Shipping,
    /// A text of the house with typed places in it.
    Template(Template),
}

impl Form {
    /// Whether it asks for feedback, of which an order allows one.
    pub fn asks_for_feedback(self) -> bool {
        matches!(self, Self::Feedback | Self::Template(Template::Feedback))
    }
}

/// A text of the house: neutral, in the reader's language, with nothing of the seller's in it but
/// numbers, dates and choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Template {
    /// Offers to answer a question.
    Answer,
    /// Says sorry.
    Apology,
    /// Asks, neutrally, how it was.
    Feedback,
    /// Offers a refund.
    Refund,
    /// Tells where the parcel is.
    Shipping,
}

impl Template {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Answer, Self::Apology, Self::Feedback, Self::Refund, Self::Shipping];

    /// The id in the API and in evidence.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Apology => "apology",
            Self::Feedback => "feedback",
            Self::Refund => "refund",
            Self::Shipping => "shipping",
        }
    }

    /// What a message of it is for.
    pub fn purpose(self) -> Purpose {
        match self {
            Self::Answer | Self::Apology => Purpose::Order,
            Self::Feedback => Purpose::Feedback,
            Self::Refund => Purpose::Refund,
            Self::Shipping => Purpose::Shipping,
        }
    }
}
