//! What a client hears: one table from an outcome to a reply, and the fixed replies.

use std::borrow::Cow;

use super::command::Malformed;
use crate::model::{Fault, Outcome, Reason, Refusal};

/// A reply line, without its CR LF.
pub(super) type Reply = Cow<'static, str>;

/// The one answer for unknown, retired and foreign handles and for senders who are not proven: it
/// says to all of them how a sender is proven, so that it tells nobody which of these it was.
pub(super) const NO_SUCH_ADDRESS: &str = "550 5.1.1 no such address for you: write from your enrolled address, \
    whose SPF or DKIM must pass and align with From (DMARC), or log in (AUTH over TLS)";
pub(super) const ASKED: &str = "451 4.7.1 whoever reads here was asked whether you may write, try again later";
pub(super) const BROKEN_LINE: &str = "550 5.6.11 bare CR, bare LF or NUL";
pub(super) const CLOSING: &str = "421 4.3.2 closing for now, come back later";
pub(super) const CROWDED: &[u8] = b"421 4.7.0 too many connections, come back later\r\n";
pub(super) const LATE: &str = "421 4.4.2 timeout";
pub(super) const LINE_TOO_LONG: &str = "500 5.5.2 line too long";
pub(super) const NO_COMMAND: &str = "500 5.5.1 command not known";
pub(super) const NO_RELAY: &str = "550 5.7.1 relaying denied";
pub(super) const NO_ROOM: &str = "452 4.3.1 too much at one time, try again later";
pub(super) const OK: &str = "250 2.0.0 ok";
pub(super) const OUT_OF_ORDER: &str = "503 5.5.1 wrong order of commands";
/// They name hosts and addresses, and the hour at which somebody read.
pub(super) const REPORT: &str = "550 5.7.1 delivery and read reports are not passed on";
pub(super) const TALKS_TOO_EARLY: &str = "554 5.5.0 spoke before its turn";
pub(super) const TOO_LARGE: &str = "552 5.3.4 message too large";
pub(super) const TOO_MANY_ERRORS: &str = "421 4.7.0 too many errors";
pub(super) const TOO_MANY: &str = "451 4.7.0 much came here at one time, this is taken later";
pub(super) const TRY_AGAIN: &str = "451 4.3.0 try again later";
pub(super) const UNPROVABLE_NOW: &str = "451 4.7.5 sender could not be checked, try again later";

/// How the way through the relay is told.
pub(super) fn of_outcome(outcome: Outcome) -> Reply {
    match outcome {
        Outcome::Accepted(accepted) => format!("250 2.0.0 accepted {}", accepted.id).into(),
        Outcome::Refused(refusal) => of_refusal(&refusal),
        Outcome::Failed(fault) => of_fault(&fault),
    }
}

/// How a refusal is told.
pub(super) fn of_refusal(refusal: &Refusal) -> Reply {
    let code = match refusal.reason {
        Reason::ForeignSender | Reason::NotProven | Reason::RetiredHandle | Reason::UnknownHandle => {
            return NO_SUCH_ADDRESS.into();
        }
        Reason::Loop => "554 5.4.6",
        Reason::TooLarge => "552 5.3.4",
        Reason::Unreadable => "550 5.6.0",
        Reason::Blocked
        | Reason::Closed
        | Reason::Conflict
        | Reason::Content
        | Reason::CaseClosed
        | Reason::CoolDown
        | Reason::Escalated
        | Reason::FanOut
        | Reason::Feedback
        | Reason::Outsider
        | Reason::Rate
        | Reason::Restricted
        | Reason::ReviewBudget
        | Reason::Stopped
        | Reason::TemplateOnly
        | Reason::Unanswered => "550 5.7.1",
    };
    format!("{code} {}", refusal.public()).into()
}

/// How a fault of ours is told: the client hears that it may try again, the log hears why.
pub(super) fn of_fault(fault: &Fault) -> Reply {
    tracing::error!(fault = fault.chain(), "smtp");
    TRY_AGAIN.into()
}

/// How a line that is no command is told.
pub(super) fn of_malformed(malformed: Malformed) -> &'static str {
    match malformed {
        Malformed::Address => "501 5.1.3 not an address",
        Malformed::Argument => "501 5.5.4 wrong arguments",
        Malformed::Parameter => "555 5.5.4 parameter not known",
        Malformed::Unknown => NO_COMMAND,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_the_counterparty_hears_one_answer() {
        for reason in [Reason::ForeignSender, Reason::NotProven, Reason::RetiredHandle, Reason::UnknownHandle] {
            assert_eq!(of_refusal(&Refusal::new(reason)), NO_SUCH_ADDRESS);
        }
    }

    #[test]
    fn the_contact_policy_hides_its_rule() {
        let heard = [Reason::Blocked, Reason::CoolDown, Reason::Rate, Reason::ReviewBudget, Reason::Unanswered]
            .map(|reason| of_refusal(&Refusal::new(reason)));
        assert!(heard.iter().all(|reply| *reply == heard[0] && reply.starts_with("550 5.7.1 ")), "{heard:?}");
    }
}
