//! Why a message's way ended early.

use crate::model::{Accepted, Fault, Outcome, Reason, Refusal};

/// The way ends here.
pub(super) enum Stop {
    /// We decided no.
    Refused(Box<Refusal>),
    /// We failed.
    Failed(Fault),
    /// It is ours by another way: it was taken before, or is sealed away.
    Taken(Box<Accepted>),
}

impl From<Stop> for Outcome {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Refused(refusal) => Self::Refused(*refusal),
            Stop::Failed(fault) => Self::Failed(fault),
            Stop::Taken(accepted) => Self::Accepted(*accepted),
        }
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Refusal::new(reason).into()
    }
}
