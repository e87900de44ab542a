//! What every ledger decides alike about deliveries: how a message ends, and who is told.

use ring::digest::{Context, SHA256};

use super::{Barrier, Cargo, Delivery, NewDelivery, NewEntry, Record, words::Word};
use crate::model::{Duration, Entry, EntryKind, EventId, Link, MessageState, Reason, Scope, Side, Timestamp};

/// Where a delivery is in its life. `Held`, `Queued` and `Claimed` are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeliveryState {
    /// Waits with its message for a person.
    Held,
    /// Waits for its turn.
    Queued,
    /// Being handed over, until its lease ends.
    Claimed,
    /// Handed over.
    Delivered,
    /// Given up.
    Failed,
    /// A barrier or a person stopped it for good.
    Withheld,
}

impl Word for DeliveryState {
    fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Queued => "queued",
            Self::Claimed => "claimed",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Withheld => "withheld",
        }
    }

    fn read(text: &str) -> Option<Self> {
        [Self::Held, Self::Queued, Self::Claimed, Self::Delivered, Self::Failed, Self::Withheld]
            .into_iter()
            .find(|state| state.word() == text)
    }
}

/// How a message ends when its deliveries stand so; `None`: not yet.
///
/// Where one way was withheld and another delivered, the contact has happened.
pub(super) fn ending(deliveries: &[DeliveryState]) -> Option<MessageState> {
    use DeliveryState::{Claimed, Delivered, Failed, Held, Queued, Withheld};
    let any = |wanted: &[DeliveryState]| deliveries.iter().any(|state| wanted.contains(state));
    match () {
        () if any(&[Held, Queued, Claimed]) => None,
        () if any(&[Delivered]) && any(&[Failed]) => Some(MessageState::Failed),
        () if any(&[Delivered]) => Some(MessageState::Delivered),
        () if any(&[Withheld]) => Some(MessageState::Withheld),
        () if any(&[Failed]) => Some(MessageState::Failed),
        () => Some(MessageState::Delivered),
    }
}

/// The entry that such an end writes.
pub(super) fn ending_entry(state: MessageState, message: EventId, facts: String, at: Timestamp) -> NewEntry {
    let kind = match state {
        MessageState::Withheld => EntryKind::MessageWithheld,
        MessageState::Failed => EntryKind::MessageFailed,
        MessageState::Refused => EntryKind::MessageRefused,
        _ => EntryKind::MessageDelivered,
    };
    NewEntry { at, kind, by: None, message: Some(message), facts, private: None }
}

/// The entry of an escalated message. It names no author, so that neither an erasure nor an
/// export of what a side wrote touches what is sealed beside it; who wrote is among the facts.
pub(super) fn escalated_entry(record: &Record) -> NewEntry {
    let facts = format!("from={} {}", record.from.as_str(), with_reason(&record.facts, Reason::Escalated));
    NewEntry {
        at: record.at,
        kind: EntryKind::MessageEscalated,
        by: None,
        message: Some(record.id),
        facts,
        private: Some(record.private.clone()),
    }
}

/// What the seller's side got through before a review came or was changed.
pub(super) fn review_entry(kind: EntryKind, what: &str, messages: &[EventId], at: Timestamp) -> NewEntry {
    let ids: Vec<String> = messages.iter().take(MOST_NAMED).map(ToString::to_string).collect();
    let facts = format!("{what} count={} messages={}", messages.len(), ids.join(","));
    NewEntry { at, kind, by: Some(Side::Buyer), message: None, facts, private: None }
}

/// The buyer said in this message that nothing more is wanted.
pub(super) fn stop_entry(record: &Record, barrier: &Barrier) -> NewEntry {
    NewEntry {
        at: record.at,
        kind: EntryKind::ContactStopped,
        by: Some(Side::Buyer),
        message: Some(record.id),
        facts: format!("withheld={} in_flight={}", barrier.withheld.len(), barrier.in_flight.len()),
        private: None,
    }
}

/// What the author is told of such an end, if anything.
pub(super) fn ending_notice(state: MessageState) -> Option<Cargo> {
    match state {
        MessageState::Withheld => Some(Cargo::WithheldNotice),
        MessageState::Failed => Some(Cargo::FailedNotice),
        MessageState::Refused => Some(Cargo::RefusedNotice),
        _ => None,
    }
}

/// A notice about a message, told at `due`.
pub(super) struct Notice<'a> {
    pub(super) cargo: Cargo,
    pub(super) message: EventId,
    /// What names the conversation, whatever store it is in.
    pub(super) conversation: &'a [u8],
    pub(super) to: Side,
    pub(super) due: Timestamp,
}

/// The id of a notice, made of what it is about, so that a transaction that runs again leaves no
/// second one, and sorted by when it is due. What was cut and what was withheld is told once for
/// a thread and a round; how a message ended, once for the message.
pub(super) fn notice_id(notice: &Notice<'_>) -> EventId {
    let mut context = Context::new(&SHA256);
    context.update(b"tabir notice 2\n");
    match notice.cargo {
        Cargo::CutNotice | Cargo::WithheldNotice => {
            context.update(b"round\n");
            context.update(&(notice.conversation.len() as u64).to_be_bytes());
            context.update(notice.conversation);
            context.update(notice.to.word().as_bytes());
            context.update(&notice.due.0.to_be_bytes());
        }
        Cargo::Message | Cargo::FailedNotice | Cargo::RefusedNotice | Cargo::AskedNotice => {
            context.update(notice.cargo.word().as_bytes());
            context.update(&notice.message.0);
        }
    }
    sorted_id(notice.due, context)
}

/// An id made of what it is about, so that a transaction that runs again makes no second one.
pub(super) fn made_id(at: Timestamp, label: &[u8], about: &[&[u8]]) -> EventId {
    let mut context = Context::new(&SHA256);
    context.update(label);
    about.iter().for_each(|part| context.update(part));
    sorted_id(at, context)
}

fn sorted_id(at: Timestamp, context: Context) -> EventId {
    let mut id = first_id(at).0;
    id[6..].copy_from_slice(&context.finish().as_ref()[..10]);
    id[6] = id[6] & 0x0f | 0x70;
    id[8] = id[8] & 0x3f | 0x80;
    EventId(id)
}

/// The earliest id of `at`: everything drawn before sorts before it.
pub(super) fn first_id(at: Timestamp) -> EventId {
    let mut id = [0; 16];
    id[..6].copy_from_slice(&at.0.max(0).to_be_bytes()[2..]);
    EventId(id)
}

/// A delivery of a message that is being recorded, claimed by who records it.
pub(super) fn born_claimed(scope: &Scope, record: &Record, new: &NewDelivery, epoch: u64) -> Delivery {
    Delivery {
        id: new.id,
        claim: 1,
        scope: scope.clone(),
        conversation: record.conversation.clone(),
        message: record.id,
        to: new.to,
        channel: new.channel,
        cargo: Cargo::Message,
        body: new.body.clone().into(),
        attempts: 0,
        accepted: record.at,
        epoch: (new.to == Side::Buyer).then_some(epoch),
    }
}

/// A new entry in its place: its canonical bytes and the link after it.
pub(super) fn linked(seq: u64, head: Link, new: &NewEntry) -> (String, Link) {
    let entry = Entry {
        seq,
        at: new.at,
        kind: new.kind,
        by: new.by,
        message: new.message,
        facts: new.facts.clone(),
        commitment: new.private.as_ref().map(|(commitment, _)| *commitment),
    };
    let canonical = entry.canonical();
    let link = head.then(canonical.as_bytes());
    (canonical, link)
}

/// The facts of a refusal: its reason is known only where it was judged. Whoever wrote one among
/// the facts already is left alone.
pub(super) fn with_reason(facts: &str, reason: Reason) -> String {
    match facts {
        "" => format!("reason={}", reason.as_str()),
        facts if facts.contains("reason=") => facts.to_owned(),
        facts => format!("{facts} reason={}", reason.as_str()),
    }
}

/// When the author of withheld mail is told that only a claim noticed: at the hour at which all
/// are told who have no other, and not right away. An hour that is counted from the barrier would
/// tell when a review was written.
pub(super) fn late_notice(at: Timestamp) -> Timestamp {
    let (day, hour) = (Duration::hours(24).0, Duration::hours(2).0);
    let earliest = at.0.saturating_add(day / 10).saturating_sub(hour);
    Timestamp((earliest.div_euclid(day) + 1).saturating_mul(day).saturating_add(hour))
}

/// How long a message may be on its way upstream: longer than any upstream is waited for. What took longer was cut off
/// by the end of the process, and failed.
pub(super) const UNDER_WAY: Duration = Duration::minutes(15);
/// An entry names at most so many messages, and counts all.
const MOST_NAMED: usize = 50;
/// At most so many deliveries of one lane in one claim, so that no lane fills it alone.
pub(super) const LANE_SHARE: usize = 32;
/// How far back a decision looks at contacts.
pub(super) const CONTACTS_KEPT: Duration = Duration::days(100);
/// At most so many contacts, the newest.
pub(super) const CONTACTS_READ: usize = 1_000;
/// At most so many sketches of a seller's texts are compared, the newest.
pub(super) const SKETCHES_READ: usize = 2_000;
/// How long sketches are kept.
pub(super) const SKETCHES_KEPT: Duration = Duration::days(7);
/// How far back a decision looks at reviews.
pub(super) const REVIEWS_KEPT: Duration = Duration::days(400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_ends_only_when_nothing_of_it_is_open() {
        use DeliveryState::{Claimed, Delivered, Failed, Queued, Withheld};
        assert_eq!(ending(&[Delivered, Queued]), None);
        assert_eq!(ending(&[Withheld, Claimed]), None);
        assert_eq!(ending(&[Delivered, Delivered]), Some(MessageState::Delivered));
        assert_eq!(ending(&[Delivered, Failed]), Some(MessageState::Failed));
        assert_eq!(ending(&[Delivered, Withheld]), Some(MessageState::Delivered));
        assert_eq!(ending(&[Withheld, Failed]), Some(MessageState::Withheld));
        assert_eq!(ending(&[]), Some(MessageState::Delivered));
    }

    #[test]
    fn a_message_has_one_notice_of_each_kind() {
        let about = |message, cargo| {
            let (to, due) = (Side::Seller, Timestamp(1_793_836_800_000));
            notice_id(&Notice { cargo, message: EventId([message; 16]), conversation: b"c-1", to, due })
        };
        assert_eq!(about(7, Cargo::FailedNotice), about(7, Cargo::FailedNotice));
        assert_ne!(about(7, Cargo::FailedNotice), about(8, Cargo::FailedNotice));
        assert_ne!(about(7, Cargo::FailedNotice), about(7, Cargo::RefusedNotice));
        assert_ne!(about(7, Cargo::FailedNotice), about(7, Cargo::WithheldNotice));
        assert_eq!(about(7, Cargo::FailedNotice).at(), Timestamp(1_793_836_800_000));
    }

    #[test]
    fn a_thread_has_one_notice_a_round_and_side() {
        let about = |message, cargo, conversation: &[u8], to, due| {
            notice_id(&Notice { cargo, message: EventId([message; 16]), conversation, to, due: Timestamp(due) })
        };
        let one = about(7, Cargo::CutNotice, b"c-1", Side::Seller, 1_000);
        assert_eq!(one, about(8, Cargo::WithheldNotice, b"c-1", Side::Seller, 1_000));
        assert_ne!(one, about(7, Cargo::CutNotice, b"c-2", Side::Seller, 1_000));
        assert_ne!(one, about(7, Cargo::CutNotice, b"c-1", Side::Buyer, 1_000));
        assert_ne!(one, about(7, Cargo::CutNotice, b"c-1", Side::Seller, 2_000));
    }

    #[test]
    fn what_is_noticed_late_is_told_at_the_same_hour_whenever_it_was() {
        let hour = |h: i64| Timestamp(h * 3_600_000);
        for at in 0..23 {
            assert_eq!(late_notice(hour(at)), hour(26), "at {at}");
        }
        assert_eq!(late_notice(hour(24)), hour(50), "two hours are too soon");
    }
}
