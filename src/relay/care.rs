//! What time alone brings.

use std::{future::Future, sync::Arc, time::Duration as StdDuration};

use dashmap::DashMap;
use tokio::{sync::watch, task::JoinSet};

use super::Relay;
use crate::{
    model::{Duration, EntryKind, Fault, Marketplace, Scope, Timestamp},
    policy::{content::AfterHold, response, rights::RetentionRules, rules::MarketRules, strikes},
    store::{HeldDecision, HeldRuling, MessageRow, NewEntry, Overdue, Periods},
};

const ROUND: StdDuration = StdDuration::from_millis(500);
/// How often cases, letters and notices are looked at when no bell rings: their clocks count minutes and days.
const TEND: StdDuration = StdDuration::from_secs(2);
/// Rounds between two sweeps of what has expired.
const SWEEP: u32 = 120;
/// So far back buyers who wait are looked for after a start; what was told is not told again.
const LOOKED_BACK: Duration = Duration::days(3);
/// What is stamped with a moment may be committed a little after it.
const SETTLED: Duration = Duration::seconds(30);

/// Up to when buyers who wait were looked for, by marketplace and clock.
pub(super) type Looked = DashMap<(Marketplace, bool), Timestamp>;

/// Each in a round of its own: letters and notices wait for hosts of others, and must not hold up the rest. At the end
/// nothing new is begun, and what is in hand is finished.
pub(super) async fn care(relay: Arc<Relay>, stop: impl Future<Output = ()>) {
    let (ending, ended) = watch::channel(());
    let mut rounds = JoinSet::new();
    rounds.spawn(tend(Arc::clone(&relay), ended.clone()));
    rounds.spawn(post(Arc::clone(&relay), ended.clone()));
    rounds.spawn(tell(Arc::clone(&relay), ended));
    look(relay, stop).await;
    drop(ending);
    while rounds.join_next().await.is_some() {}
}

/// That the end has come: whoever cares for the house has let go of the other half.
pub(super) type Ended = watch::Receiver<()>;

/// Whether nothing new is to be begun.
pub(super) fn is_over(ended: &Ended) -> bool {
    ended.has_changed().is_err()
}

/// Looks after cases, again and again.
async fn tend(relay: Arc<Relay>, mut ended: Ended) {
    loop {
        tokio::select! {
            _ = ended.changed() => return,
            () = tokio::time::sleep(TEND) => {}
            () = relay.case_bell.notified() => {}
        }
        if let Err(fault) = relay.tend_cases().await {
            tracing::error!(fault = %fault.chain(), "looking after cases");
        }
    }
}

/// Carries what support wrote: one slow host holds up its own letter.
async fn post(relay: Arc<Relay>, mut ended: Ended) {
    let mut under_way = JoinSet::new();
    loop {
        if let Err(fault) = relay.take_letters(&mut under_way).await {
            tracing::error!(fault = %fault.chain(), "carrying letters");
        }
        tokio::select! {
            _ = ended.changed() => break,
            // A place is free.
            Some(_) = under_way.join_next() => {}
            () = tokio::time::sleep(TEND) => {}
            () = relay.letter_bell.notified() => {}
        }
    }
    while under_way.join_next().await.is_some() {}
}

/// Tells people whose contact was disclosed.
async fn tell(relay: Arc<Relay>, mut ended: Ended) {
    loop {
        tokio::select! {
            _ = ended.changed() => return,
            () = tokio::time::sleep(TEND) => {}
        }
        if let Err(fault) = relay.tell_of_disclosures(&ended).await {
            tracing::error!(fault = %fault.chain(), "telling of disclosures");
        }
    }
}

async fn look(relay: Arc<Relay>, stop: impl Future<Output = ()>) {
    tokio::pin!(stop);
    let mut round = 0u32;
    loop {
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(ROUND) => {}
        }
        round = round.wrapping_add(1);
        relay.look_after(round.is_multiple_of(SWEEP)).await;
    }
}

fn told(doing: &'static str, done: Result<(), Fault>) {
    if let Err(fault) = done {
        tracing::error!(fault = %fault.chain(), doing, "looking after the house");
    }
}

/// How long a marketplace keeps what.
fn periods(rules: &MarketRules) -> Periods {
    let RetentionRules { messages, files, cases, reports, letters, appeals, evidence, access } = rules.retention;
    let contest = rules.enforcement.appeal.within;
    Periods { messages, files, cases, reports, letters, appeals, evidence, access, contest }
}

impl Relay {
    /// Each for itself: what fails keeps nothing else from being done.
    async fn look_after(&self, sweep: bool) {
        if let Err(error) = self.vault.reload() {
            tracing::error!(%error, "reading the key file; the ring in use stays");
        }
        let now = self.clock.now();
        told("ending holds", self.end_holds().await);
        told("looking at whom is watched", self.look_at_watched().await);
        told("asking about who waits", self.ask_about_waits().await);
        told("measuring", self.measure().await);
        self.forget_people();
        if sweep {
            told("sweeping", self.store.sweep(now).await);
            told("ending what waited for its end", self.end_what_waits().await);
            told("comparing what sellers write", self.store.compare_texts(now).await.map(drop));
        }
    }

    async fn measure(&self) -> Result<(), Fault> {
        let depth = self.store.depth().await?;
        metrics::gauge!("tabir_outbox_depth").set(depth.queued as f64);
        metrics::gauge!("tabir_held_messages").set(depth.held as f64);
        metrics::gauge!("tabir_escalated_messages").set(depth.escalated as f64);
        let (urgent, ordinary) = self.store.open_cases().await?;
        metrics::gauge!("tabir_open_cases", "severity" => "urgent").set(urgent as f64);
        metrics::gauge!("tabir_open_cases", "severity" => "ordinary").set(ordinary as f64);
        Ok(())
    }

    /// Erasures that no hold stands against any more, and what is older than it is kept.
    async fn end_what_waits(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        for (scope, party) in self.store.erasures_due(now, 100).await? {
            self.store.forget_party(&scope, &party, now).await?;
            tracing::info!(marketplace = scope.marketplace().as_str(), "an erasure that waited is done");
        }
        for row in self.store.marketplaces().await? {
            let scope = Scope::proven(row.name);
            let rules = self.rules.load().book.of(scope.marketplace());
            if rules.retention != RetentionRules::default() {
                self.store.retire(&scope, now, periods(&rules)).await?;
            }
        }
        Ok(())
    }

    /// Buyers whom nobody answered in time: the marketplace is asked, and they are told so.
    async fn ask_about_waits(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        for scope in self.store.scopes().await? {
            let rules = self.rules.load().book.of(scope.marketplace());
            let clocks = &rules.enforcement.response;
            let hastens = clocks.complaint < clocks.within;
            for (complaint, within) in [(true, clocks.complaint), (false, clocks.within)] {
                if clocks.ask && (!complaint || hastens) {
                    self.ask_about(&scope, complaint, within, now).await?;
                }
            }
        }
        Ok(())
    }

    async fn ask_about(&self, scope: &Scope, complaint: bool, within: Duration, now: Timestamp) -> Result<(), Fault> {
        let key = (scope.marketplace().clone(), complaint);
        let over = now.minus(within);
        let after = self.looked.get(&key).map_or(over.minus(LOOKED_BACK), |looked| *looked);
        let of = Overdue { after, now, within, complaint };
        let asked = self.store.ask_overdue(scope, of, response::due).await?;
        if asked > 0 {
            self.bell.notify_one();
            metrics::counter!("tabir_responses_escalated_total").increment(asked);
        } else {
            // Nothing is left up to here; with something found the next round looks again.
            self.looked.insert(key, after.max(over.minus(SETTLED)));
        }
        Ok(())
    }

    /// Held messages that nobody looked at in time go the way the settings say.
    async fn end_holds(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        for (scope, row) in self.store.held_since(now, 100).await? {
            let rules = self.rules.load().book.of(scope.marketplace());
            if now.since(row.at) >= rules.content.hold.max {
                self.end_hold(&scope, &row, &rules).await?;
            }
        }
        Ok(())
    }

    async fn end_hold(&self, scope: &Scope, row: &MessageRow, rules: &Arc<MarketRules>) -> Result<(), Fault> {
        let now = self.clock.now();
        let release = rules.content.hold.then == AfterHold::Release;
        let decision = HeldDecision {
            id: row.id,
            release,
            at: now,
            notice_due: rules.notices.next(now),
            ruling: HeldRuling { ruler: None, arbiter: strikes::arbiter(rules, row.from) },
            entry: NewEntry {
                at: now,
                kind: if release { EntryKind::MessageReleased } else { EntryKind::MessageRefused },
                by: None,
                message: Some(row.id),
                facts: "cause=time".to_owned(),
                private: None,
            },
        };
        self.store.decide(scope, decision).await?;
        self.bell.notify_one();
        Ok(())
    }
}
