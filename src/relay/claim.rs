//! carry: outbox → claim → judge again → open the address → transport → record the outcome.
//!
//! Order is kept per lane (one direction of one conversation): a lane's deliveries go out one
//! after the other, and one that must wait holds those behind it.

use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration as StdDuration,
};

use tokio::task::JoinSet;

use super::{Handover, LastLook, Mail, Relay, birth, talk::Talk};
use crate::{
    model::{Channel, ConversationId, Duration, Fault, Marketplace, Secret, Side, Timestamp},
    store::{Cargo, Delivery, Ending, Settled},
    vault::{DataKey, Place},
};

/// How long a claim holds: longer than any handover may take, so that only a crash lets one
/// expire.
pub(super) const LEASE: Duration = Duration::minutes(15);
/// How many deliveries one claim takes.
const BATCH: usize = 256;
/// How often the outbox is looked at when no bell rings: what became due by time alone.
const LOOK: StdDuration = StdDuration::from_millis(250);

/// The wait when the settings name no further one.
const LATER: Duration = Duration::hours(4);

type Lane = (Marketplace, ConversationId, Side, bool);

/// Carries what was born claimed and what is claimed, until `stop`.
pub(super) async fn carry(relay: Arc<Relay>, stop: impl Future<Output = ()>) {
    let newborn = relay.births.open();
    let births = tokio::spawn(birth::carry(Arc::clone(&relay), newborn));
    carry_claimed(&relay, stop).await;
    relay.births.close();
    // A panic in it has been told already; its deliveries stay claimed until the next start.
    let _ = births.await;
}

async fn carry_claimed(relay: &Arc<Relay>, stop: impl Future<Output = ()>) {
    tokio::pin!(stop);
    let free = relay.births.lanes();
    let mut lanes = JoinSet::new();
    loop {
        while lanes.try_join_next().is_some() {}
        let Ok(first) = Arc::clone(&free).acquire_owned().await else { break };
        drop(first);
        let claimed = relay.store.claim(relay.clock.now(), LEASE, BATCH).await.unwrap_or_else(|fault| {
            tracing::error!(fault = %fault.chain(), "claiming deliveries");
            Vec::new()
        });
        let idle = claimed.is_empty();
        for lane in by_lane(claimed) {
            let Ok(permit) = Arc::clone(&free).acquire_owned().await else { break };
            let relay = Arc::clone(relay);
            lanes.spawn(async move {
                relay.walk(lane, None).await;
                relay.bell.notify_one();
                drop(permit);
            });
        }
        tokio::select! {
            () = &mut stop => break,
            () = relay.bell.notified(), if idle => {}
            () = tokio::time::sleep(LOOK), if idle => {}
            () = std::future::ready(()), if !idle => {}
        }
    }
    while lanes.join_next().await.is_some() {}
}

fn by_lane(claimed: Vec<Delivery>) -> Vec<Vec<Delivery>> {
    let mut places: HashMap<Lane, usize> = HashMap::new();
    let mut lanes: Vec<Vec<Delivery>> = Vec::new();
    for delivery in claimed {
        let notice = delivery.cargo != Cargo::Message;
        let key = (delivery.scope.marketplace().clone(), delivery.conversation.clone(), delivery.to, notice);
        let at = *places.entry(key).or_insert_with(|| {
            lanes.push(Vec::new());
            lanes.len() - 1
        });
        lanes[at].push(delivery);
    }
    lanes
}

impl Relay {
    /// Carries one lane in order. After a delivery that must wait, the rest is given back. Of what was
    /// just born the conversation is known. `true`: more may be due now.
    pub(super) async fn walk(&self, lane: Vec<Delivery>, born: Option<&Talk>) -> bool {
        let (mut waits, mut more) = (false, false);
        for delivery in lane {
            let ending = if waits { Ending::Released } else { self.bring(&delivery, born).await };
            waits = waits || matches!(ending, Ending::Deferred(_));
            more = more || ending != Ending::Delivered;
            let settled = Settled { id: delivery.id, claim: delivery.claim, how: ending, at: self.clock.now() };
            more |= self.store.settle(vec![settled]).await.unwrap_or_else(|fault| {
                tracing::error!(fault = %fault.chain(), delivery = %delivery.id, "recording a delivery");
                true
            });
        }
        more
    }

    async fn bring(&self, delivery: &Delivery, born: Option<&Talk>) -> Ending {
        let (ending, code) = match self.hand_over(delivery, born).await {
            Ok(Handover::Delivered) => (Ending::Delivered, "delivered".to_owned()),
            Ok(Handover::CalledOff) => (self.withheld(delivery), "withheld".to_owned()),
            Ok(Handover::Never { code }) => (Ending::Failed, code),
            Ok(Handover::NotNow { code }) => (self.later(delivery), code),
            Err(fault) => {
                tracing::error!(fault = %fault.chain(), delivery = %delivery.id, "carrying a delivery");
                (self.later(delivery), "fault".to_owned())
            }
        };
        metrics::counter!("tabir_deliveries_total", "ending" => word(&ending)).increment(1);
        let (id, message, attempts) = (delivery.id, delivery.message, delivery.attempts);
        tracing::info!(delivery = %id, %message, attempts, ending = word(&ending), code, "carried");
        ending
    }

    /// Opens what is needed now: the body for the length of this call, the people as `people` keeps
    /// them. What a review, a block or an erasure changed meanwhile is for the last look to see.
    async fn hand_over(&self, delivery: &Delivery, born: Option<&Talk>) -> Result<Handover, Fault> {
        match delivery.channel {
            Channel::Mail => {}
            Channel::Sms if delivery.cargo == Cargo::Message => return self.hand_over_text(delivery, born).await,
            _ => return Ok(never("channel")),
        }
        let market = self.market(delivery.scope.marketplace()).await?;
        let boarded = match born {
            Some(talk) => match talk.reader.emails.first() {
                Some(address) if !self.is_unknown(delivery, address) => {
                    Ok((address.clone(), open_body(&talk.key, delivery)?))
                }
                Some(_) => Err(never("suppressed")),
                None => Err(never("no_address")),
            },
            None => self.board(delivery, &market.domain).await?,
        };
        let (address, built) = match boarded {
            Ok(boarded) => boarded,
            Err(handover) => return Ok(handover),
        };
        let mail = Mail {
            from: format!("{}@{}", self.vault.verp().local_part(delivery.id), market.domain),
            bytes: self.stamp(&address, &market.domain, &built)?,
            to: Secret::new(address),
        };
        let blind = AtomicBool::new(false);
        let last_look = self.last_look(delivery, &blind);
        let handover = match self.transport.deliver(&mail, last_look).await {
            Handover::CalledOff if blind.load(Ordering::Relaxed) => Handover::NotNow { code: "fault".to_owned() },
            handover => handover,
        };
        if let Handover::Never { code } = &handover {
            self.refused_for_good(delivery, mail.to.reveal(), code);
        }
        Ok(handover)
    }

    /// Whether a delivery may still happen. A look that fails hands nothing over and says nothing about the message:
    /// then it was `blind`.
    pub(super) fn last_look<'a>(&'a self, delivery: &'a Delivery, blind: &'a AtomicBool) -> LastLook<'a> {
        Box::pin(async {
            self.store.still_current(delivery).await.unwrap_or_else(|fault| {
                tracing::error!(fault = %fault.chain(), delivery = %delivery.id, "looking a last time");
                blind.store(true, Ordering::Relaxed);
                false
            })
        })
    }

    /// Where a delivery goes, and what: read anew, for it may have waited for days.
    async fn board(&self, delivery: &Delivery, domain: &str) -> Result<Result<(String, Vec<u8>), Handover>, Fault> {
        let Some(boarding) = self.store.boarding(delivery).await? else { return Ok(Err(Handover::CalledOff)) };
        let conversation = boarding.conversation;
        let Some(reader) = boarding.reader else { return Ok(Err(never("erased"))) };
        let reader = self.opened(&delivery.scope, &conversation, delivery.to, &reader)?;
        let Some(address) = reader.emails.first().cloned() else {
            // Nobody to tell by mail; the API shows it.
            let unseen = if delivery.cargo == Cargo::Message { never("no_address") } else { Handover::Delivered };
            return Ok(Err(unseen));
        };
        if self.is_unknown(delivery, &address) {
            return Ok(Err(never("suppressed")));
        }
        let built = match delivery.cargo {
            Cargo::Message => match self.side_key(&delivery.scope, &conversation, delivery.to.other())? {
                Some(key) => open_body(&key, delivery)?,
                None => return Ok(Err(never("erased"))),
            },
            _ => self.word_notice(delivery, &conversation, domain, reader.locale.as_deref()).await?,
        };
        Ok(Ok((address, built)))
    }

    fn withheld(&self, delivery: &Delivery) -> Ending {
        let rules = self.rules.load().book.of(delivery.scope.marketplace());
        Ending::Withheld { notice_due: rules.notices.next(self.clock.now()) }
    }

    /// The next try, with up to a tenth of jitter so that what failed together does not come
    /// back together; or the end.
    fn later(&self, delivery: &Delivery) -> Ending {
        let rules = self.rules.load();
        let now = self.clock.now();
        if now.since(delivery.accepted) >= rules.give_up {
            return Ending::Failed;
        }
        let step = usize::try_from(delivery.attempts).unwrap_or(usize::MAX);
        let wait = rules.retry.get(step).copied().unwrap_or(LATER);
        let mut luck = [0; 2];
        let tenth = match self.vault.luck().fill(&mut luck) {
            Ok(()) => wait.0 / 10 * i64::from(u16::from_be_bytes(luck)) / 65_536,
            Err(_) => 0,
        };
        Ending::Deferred(Timestamp(now.0 + wait.0 + tenth))
    }
}

fn open_body(key: &DataKey, delivery: &Delivery) -> Result<Vec<u8>, Fault> {
    key.open(&Place::delivery(delivery.scope.marketplace(), &delivery.id), &delivery.body)
}

pub(super) fn never(code: &str) -> Handover {
    Handover::Never { code: code.to_owned() }
}

fn word(ending: &Ending) -> &'static str {
    match ending {
        Ending::Delivered => "delivered",
        Ending::Deferred(_) => "deferred",
        Ending::Failed => "failed",
        Ending::Withheld { .. } => "withheld",
        Ending::Released => "released",
    }
}

#[cfg(test)]
mod tests;
