//! The words of disputes and reports: closed sets, and what a case's clocks are judged by.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Visitor};

use super::{File, KeptSignal, Kind, Shown, Side, Timestamp};

/// Why a text is none of a closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of the words that are known here")]
pub struct BadWord;

macro_rules! closed {
    ($($(#[$doc:meta])* $set:ident { $($(#[$of:meta])* $variant:ident = $word:literal)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $set {
            $($(#[$of])* $variant,)*
        }

        impl $set {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word in the API and the store.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl Serialize for $set {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $set {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                // By a visitor: its errors name the place where the word stands.
                struct Word;

                impl Visitor<'_> for Word {
                    type Value = $set;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a word")
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$set, E> {
                        text.parse().map_err(|_| E::unknown_variant(text, &[$($word,)*]))
                    }
                }

                deserializer.deserialize_str(Word)
            }
        }

        impl FromStr for $set {
            type Err = BadWord;

            fn from_str(text: &str) -> Result<Self, BadWord> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text).ok_or(BadWord)
            }
        }
    )*};
}

closed! {
    /// What a case is about: its reason code.
    Topic {
        /// Nothing arrived.
        NotReceived = "not_received"
        /// There is no tracking number.
        NoTracking = "no_tracking"
        /// Less arrived than was ordered.
        ShortShipment = "short_shipment"
        /// Something else arrived.
        WrongItem = "wrong_item"
        /// It arrived damaged.
        Damaged = "damaged"
        /// It does not work.
        Defective = "defective"
        /// It is not what was described.
        NotAsDescribed = "not_as_described"
        /// It is an imitation.
        Counterfeit = "counterfeit"
        /// A return is refused.
        ReturnRefused = "return_refused"
        /// What was promised back did not come.
        RefundMissing = "refund_missing"
        /// Nobody answers.
        NoAnswer = "no_answer"
        /// A review is to be bought or forced.
        ReviewPressure = "review_pressure"
        /// Flooding, insults.
        Harassment = "harassment"
        /// Urgent: somebody stands at the door for a parcel that nobody ordered to be fetched.
        CourierAtDoor = "courier_at_door"
        /// Urgent: a threat to body or home.
        Threat = "threat"
        /// Urgent: an address or a name was given away.
        LeakedAddress = "leaked_address"
        /// Urgent: abuse of minors.
        MinorSafety = "minor_safety"
        /// A seller's: the buyer insults or threatens.
        AbusiveBuyer = "abusive_buyer"
        /// A seller's: what the buyer claims is not so.
        FalseClaim = "false_claim"
        /// A seller's: it was not paid.
        Unpaid = "unpaid"
        /// None of these.
        Other = "other"
    }

    /// What a piece of evidence shows.
    Slot {
        /// A shipping receipt.
        Receipt = "receipt"
        /// The parcel with its tracking number.
        ParcelPhoto = "parcel_photo"
        /// What arrived damaged.
        DamagedItem = "damaged_item"
        /// What arrived in place of what was ordered.
        WrongItem = "wrong_item"
        /// That it was paid.
        PaymentProof = "payment_proof"
        /// What was said.
        Chat = "chat"
        /// The label: names and addresses are covered for the other side.
        Label = "label"
    }

    /// How a case ends.
    Ruling {
        /// The buyer is right.
        ForBuyer = "for_buyer"
        /// The seller is right.
        ForSeller = "for_seller"
        /// Each in part.
        Partial = "partial"
        /// Nothing can be decided on what is there.
        Dismissed = "dismissed"
        /// Whoever opened it took it back.
        Withdrawn = "withdrawn"
    }

    /// What a report from outside is about.
    Category {
        /// Somebody used what they had no right to.
        PrivacyViolation = "privacy_violation"
        /// Somebody showed where a person lives or who they are.
        Doxxing = "doxxing"
        /// A courier came whom nobody called.
        UnorderedCourier = "unordered_courier"
        /// A parcel to be paid that nobody ordered.
        FakeCod = "fake_cod"
        /// Contact around the platform.
        OutsideContact = "outside_contact"
        /// A note in a parcel.
        ParcelNote = "parcel_note"
        /// A review bought or sold.
        ReviewDeal = "review_deal"
        /// A threat.
        Threat = "threat"
        /// Flooding, insults.
        Harassment = "harassment"
        /// What is not true.
        FalseInformation = "false_information"
        /// Protected texts, pictures, marks.
        IpRight = "ip_right"
        /// What may not be sold.
        ForbiddenGoods = "forbidden_goods"
        /// Sexual content.
        Sexual = "sexual"
        /// Abuse of minors.
        MinorSafety = "minor_safety"
        /// None of these.
        Other = "other"
    }

    /// What a letter of support is.
    LetterKind {
        /// Words of a person at support.
        Message = "message"
        /// Evidence is asked for, with a time until when.
        Request = "request"
        /// A case waits longer than it should.
        Escalation = "escalation"
        /// A word on somebody's safety.
        Safety = "safety"
        /// How a case ended.
        Decision = "decision"
        /// That a report came.
        Receipt = "receipt"
        /// What came to a registration handle.
        Registration = "registration"
    }

    /// Where a letter of support is in its life.
    LetterState {
        /// On its way.
        Queued = "queued"
        /// Being handed over.
        Claimed = "claimed"
        /// The other side's server took it, or it is there for the API.
        Delivered = "delivered"
        /// It will not arrive.
        Failed = "failed"
    }

    /// What was put into a case.
    ItemKind {
        /// What it is about, by who opened it; a later one corrects it and is kept beside it.
        Submission = "submission"
        /// Evidence of a side.
        Evidence = "evidence"
        /// An offer of money back.
        Offer = "offer"
    }

    /// Where a report is in its life.
    ReportState {
        /// Kept apart until the person whom it concerns says so too.
        Unconfirmed = "unconfirmed"
        /// It counts.
        Confirmed = "confirmed"
    }
}

impl Topic {
    /// Whether body, home or a child is in danger: a clock of minutes.
    pub fn is_urgent(self) -> bool {
        matches!(self, Self::CourierAtDoor | Self::Threat | Self::LeakedAddress | Self::MinorSafety)
    }
}

impl Category {
    /// The urgent case that such a report is, if it is one.
    pub fn urgent(self) -> Option<Topic> {
        match self {
            Self::Doxxing => Some(Topic::LeakedAddress),
            Self::UnorderedCourier => Some(Topic::CourierAtDoor),
            Self::Threat => Some(Topic::Threat),
            Self::MinorSafety => Some(Topic::MinorSafety),
            _ => None,
        }
    }
}

/// An amount of money, exactly as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Digits, with at most four behind a point.
    pub amount: String,
    /// Three capital letters (ISO 4217).
    pub currency: String,
}

impl Money {
    /// Reads both.
    ///
    /// # Errors
    /// When one is not written so.
    pub fn new(amount: &str, currency: &str) -> Result<Self, BadWord> {
        let (whole, part) = amount.split_once('.').unwrap_or((amount, "0"));
        let digits =
            |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        let fits = digits(whole, 15)
            && digits(part, 4)
            && currency.len() == 3
            && currency.bytes().all(|b| b.is_ascii_uppercase());
        if fits { Ok(Self { amount: amount.to_owned(), currency: currency.to_owned() }) } else { Err(BadWord) }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

/// What support wrote, as it was delivered: sealed.
#[derive(Clone, Serialize, Deserialize)]
pub struct LetterWords {
    /// Who at support wrote; `None`: the relay by its clocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The subject, without the mark.
    pub subject: String,
    /// The text.
    pub text: String,
    /// About which case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
}

impl LetterWords {
    /// The letter as its reader got it: who at support wrote it is not told.
    pub fn shown(&self) -> Shown {
        let subject = Some(self.subject.clone()).filter(|subject| !subject.is_empty());
        Shown { subject, text: Some(self.text.clone()), ..Shown::default() }
    }
}

/// What a side put into a case, or reported: sealed.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct CaseWords {
    /// What it is about, in a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// About which order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// What it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The same, as the other side may read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
    /// What is claimed or offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money: Option<Money>,
    /// What was found in it, as messages keep it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<(String, usize, usize, Kind, String)>,
    /// What it is up to, as messages keep it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<KeptSignal>,
    /// Its files: as the other side may see them, and as they came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<(File, File)>,
}

impl CaseWords {
    /// As its author said it. Files are described as they were made afresh: those that came are the mediator's.
    pub fn said(&self) -> Shown {
        Shown { text: self.text.clone(), files: self.fresh_files(), ..Shown::default() }
    }

    /// As the other side may read it.
    pub fn shown(&self) -> Shown {
        let text = self.shown.clone().or_else(|| self.text.clone());
        Shown { text, files: self.fresh_files(), ..Shown::default() }
    }

    /// All of it, as it came.
    pub fn whole(&self) -> Shown {
        let files = self.files.iter().map(|(_, came)| came.clone()).collect();
        Shown { text: self.text.clone(), files, ..Shown::default() }
    }

    fn fresh_files(&self) -> Vec<File> {
        self.files.iter().map(|(shown, _)| shown.clone()).collect()
    }
}

/// Why a case ended so: sealed.
#[derive(Clone, Serialize, Deserialize)]
pub struct DecisionWords {
    /// Why.
    pub reason: String,
    /// Who decided; `None`: nobody, it was silence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
}

macro_rules! mute {
    ($($words:ident)*) => {$(
        impl fmt::Debug for $words {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("«words»")
            }
        }
    )*};
}

mute! { CaseWords DecisionWords LetterWords }

/// What the clocks of a case are judged by: exact, and read in the transaction that acts on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseClock {
    /// First submission: later ones change nothing here.
    pub opened: Timestamp,
    /// Who opened it.
    pub opener: Side,
    /// A clock of minutes.
    pub urgent: bool,
    /// The other side is told nothing of it.
    pub quiet: bool,
    /// When a person took it.
    pub taken: Option<Timestamp>,
    /// When it was decided.
    pub decided: Option<Timestamp>,
    /// The newest request to each side: buyer, seller.
    pub requests: [Option<CaseRequest>; 2],
    /// Whether each side was told the decision.
    pub told: [bool; 2],
    /// It was said that nobody took it in time.
    pub unattended: bool,
    /// It was said that it is overdue.
    pub overdue: bool,
    /// It was said that a request to a side is not proven to have arrived.
    pub unproven: [bool; 2],
}

/// A request for evidence to one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaseRequest {
    /// When it was written.
    pub sent: Timestamp,
    /// When it arrived, proven by an entry of the evidence.
    pub delivered: Option<Timestamp>,
    /// It did not arrive and will not.
    pub failed: bool,
    /// When the side first answered with evidence or an offer.
    pub answered: Option<Timestamp>,
}

impl CaseClock {
    /// Somebody may be in danger, and nobody has decided yet.
    pub fn is_pressing(&self) -> bool {
        self.urgent && self.decided.is_none()
    }

    /// Of a side, in lists of two.
    pub fn index(side: Side) -> usize {
        match side {
            Side::Buyer => 0,
            Side::Seller => 1,
        }
    }

    /// The newest request to a side.
    pub fn request(&self, side: Side) -> Option<&CaseRequest> {
        self.requests[Self::index(side)].as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_set_reads_its_own_words_and_no_others() {
        for topic in Topic::ALL {
            assert_eq!(topic.as_str().parse(), Ok(*topic));
        }
        assert_eq!(Category::ALL.len(), 15);
        assert!("courier".parse::<Topic>().is_err());
        assert!(serde_json::from_str::<Slot>("\"selfie\"").is_err());
        assert_eq!(serde_json::to_string(&Slot::ParcelPhoto).unwrap(), "\"parcel_photo\"");
    }

    #[test]
    fn money_is_an_amount_and_a_currency() {
        for (amount, currency) in [("150000", "IDR"), ("0.5", "EUR"), ("12.3456", "KWD")] {
            assert_eq!(Money::new(amount, currency).unwrap().to_string(), format!("{amount} {currency}"));
        }
        for (amount, currency) in
            [("", "IDR"), ("-1", "IDR"), ("1e9", "IDR"), ("1,5", "EUR"), ("1", "Rp"), ("1.", "EUR")]
        {
            assert!(Money::new(amount, currency).is_err(), "{amount} {currency}");
        }
    }
}
