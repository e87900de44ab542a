use super::{Fulfilment, OrderState, Reason, Restriction, Timestamp};

/// What the judge says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Accept as queued, or as delivered when there is no delivery to make. `under` says which
    /// budget is debited; `None`: none (a buyer).
    Accept {
        /// The budget.
        under: Option<Under>,
    },
    /// Accept and hold for a person; debits like an acceptance.
    Hold {
        /// The budget.
        under: Option<Under>,
    },
    /// Abuse of minors: seal it, and hold it before everything else that is held. Debits like an
    /// acceptance, so that its sender learns nothing from what is left.
    Escalate {
        /// The budget.
        under: Option<Under>,
    },
    /// Refuse and record.
    Refuse(Reason),
}

/// Which right a seller's message used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Under {
    /// The ordinary rate.
    Ordinary,
    /// What the buyer's own message opened after a review.
    Reply,
    /// The low or high budget after a review.
    Review,
    /// The budget of shipping notices: it counts neither as unanswered nor against the rate.
    Shipping,
}

/// Where a case between the two stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CaseState {
    /// It is being decided.
    Open,
    /// It was decided.
    Closed,
}

/// The exact state that a contact decision needs, over all sellers of the group with one buyer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PairState {
    /// The moment of the decision; never before an earlier moment of this pair, whatever the
    /// clock does.
    pub now: Timestamp,
    /// Raised by every barrier.
    pub epoch: u64,
    /// The seller's accepted messages that were not given back, oldest first, at most as far
    /// back as the store keeps them (100 days) and at most the newest 1,000.
    pub contacts: Vec<(Timestamp, Under)>,
    /// The buyer's newest own message (a person wrote it).
    pub last_from_buyer: Option<Timestamp>,
    /// The buyer's newest own message in this conversation: what opens answers to it.
    pub last_here: Option<Timestamp>,
    /// When the buyer last said that nothing more is wanted.
    pub stopped: Option<Timestamp>,
    /// The cases between the two, each as it stands since when.
    pub cases: Vec<(CaseState, Timestamp)>,
    /// Feedback was asked for in this conversation's order.
    pub asked: bool,
    /// How many other buyers were lately sent nearly what is being judged.
    pub alike: u32,
    /// Barriers by review, oldest first, within the last 400 days; a withdrawn one counts.
    pub reviews: Vec<(Timestamp, u8)>,
    /// The buyer wants no contact.
    pub blocked_by_buyer: bool,
    /// The seller wants no contact.
    pub blocked_by_seller: bool,
    /// The conversation's order, joined in.
    pub order: Option<(OrderState, Fulfilment)>,
    /// When the conversation ends.
    pub expires: Option<Timestamp>,
    /// What enforcement left the seller at this moment, if it was restricted.
    pub restrictions: Vec<Restriction>,
}
