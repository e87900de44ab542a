//! How the store spells what is one of a few: as words, so that its rows can be read by eye.

use super::{Cargo, HandleKind, Under, ViolationState};
use crate::model::{
    CaseState, Category, Channel, ContactKind, Fulfilment, ItemKind, LetterKind, LetterState, LinkKind, LinkState,
    MessageState, OrderState, Reason, ReportState, Ruling, Side, Slot, Topic,
};

/// A closed set that is kept as a word.
pub(super) trait Word: Copy + Sized {
    /// The word.
    fn word(self) -> &'static str;
    /// What the word stands for.
    fn read(text: &str) -> Option<Self>;
}

macro_rules! words {
    ($($set:ident { $($variant:ident = $word:literal)* })*) => {$(
        impl Word for $set {
            fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            fn read(text: &str) -> Option<Self> {
                match text {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    )*};
}

words! {
    Side { Buyer = "buyer" Seller = "seller" }
    Channel { Api = "api" Mail = "mail" Sms = "sms" Voice = "voice" Proxy = "proxy" }
    Fulfilment { Seller = "seller" Platform = "platform" }
    OrderState {
        Placed = "placed" Shipped = "shipped" Delivered = "delivered" Cancelled = "cancelled" Completed = "completed"
    }
    MessageState {
        Queued = "queued" Delivered = "delivered" Held = "held" Withheld = "withheld" Refused = "refused"
        Failed = "failed"
    }
    Reason {
        Blocked = "blocked" CaseClosed = "case_closed" Closed = "closed" Conflict = "conflict" Content = "content" CoolDown = "cool_down"
        Escalated = "escalated" FanOut = "fan_out" Feedback = "feedback" ForeignSender = "foreign_sender" Loop = "loop" NotProven = "not_proven"
        Outsider = "outsider" Rate = "rate"
        Restricted = "restricted" RetiredHandle = "retired_handle" ReviewBudget = "review_budget"
        Stopped = "stopped" TemplateOnly = "template_only" TooLarge = "too_large"
        Unanswered = "unanswered" UnknownHandle = "unknown_handle" Unreadable = "unreadable"
    }
    ViolationState {
        Pending = "pending" Counted = "counted" Reversed = "reversed" Released = "released" Lapsed = "lapsed"
    }
    ContactKind { Account = "account" Email = "email" Phone = "phone" }
    HandleKind { Mail = "mail" Postal = "postal" Registration = "registration" }
    Under { Ordinary = "ordinary" Reply = "reply" Review = "review" Shipping = "shipping" }
    CaseState { Open = "open" Closed = "closed" }
    Cargo {
        Message = "message" WithheldNotice = "withheld_notice" FailedNotice = "failed_notice"
        RefusedNotice = "refused_notice" CutNotice = "cut_notice" AskedNotice = "asked_notice"
    }
}

macro_rules! closed {
    ($($set:ident)*) => {$(
        impl Word for $set {
            fn word(self) -> &'static str {
                self.as_str()
            }

            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )*};
}

closed! { Category ItemKind LetterKind LetterState LinkKind LinkState ReportState Ruling Slot Topic }

/// Several channels as one text; `None` stays `None`.
pub(super) fn channels(list: Option<&[Channel]>) -> Option<String> {
    list.map(|list| list.iter().map(|channel| channel.word()).collect::<Vec<_>>().join(","))
}

/// The channels of such a text; unknown words are left out.
pub(super) fn read_channels(text: Option<&str>) -> Option<Vec<Channel>> {
    text.map(|text| text.split(',').filter_map(Channel::read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_store_are_those_of_the_model() {
        for reason in [Reason::CoolDown, Reason::RetiredHandle, Reason::Unreadable] {
            assert_eq!(reason.word(), reason.as_str());
            assert_eq!(Reason::read(reason.as_str()), Some(reason));
        }
        for state in [MessageState::Queued, MessageState::Withheld, MessageState::Failed] {
            assert_eq!(state.word(), state.as_str());
        }
        assert_eq!(Side::read("support"), None);
    }

    #[test]
    fn no_wish_and_an_empty_wish_stay_apart() {
        assert_eq!(read_channels(channels(None).as_deref()), None);
        assert_eq!(read_channels(channels(Some(&[])).as_deref()), Some(Vec::new()));
        let both = [Channel::Mail, Channel::Api];
        assert_eq!(read_channels(channels(Some(&both)).as_deref()), Some(both.to_vec()));
    }
}
