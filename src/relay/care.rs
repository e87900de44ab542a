//! What time alone brings.

use std::{future::Future, sync::Arc, time::Duration as StdDuration};

use super::Relay;
use crate::{
    model::{EntryKind, Fault, Scope},
    policy::content::AfterHold,
    store::{HeldDecision, MessageRow, NewEntry},
};

const ROUND: StdDuration = StdDuration::from_millis(500);
/// Rounds between two sweeps of what has expired.
const SWEEP: u32 = 120;

pub(super) async fn care(relay: Arc<Relay>, stop: impl Future<Output = ()>) {
    tokio::pin!(stop);
    let mut round = 0u32;
    loop {
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(ROUND) => {}
        }
        round = round.wrapping_add(1);
        if let Err(fault) = relay.look_after(round.is_multiple_of(SWEEP)).await {
            tracing::error!(fault = %fault.chain(), "looking after the house");
        }
    }
}

impl Relay {
    async fn look_after(&self, sweep: bool) -> Result<(), Fault> {
        if let Err(error) = self.vault.reload() {
            tracing::error!(%error, "reading the key file; the ring in use stays");
        }
        self.end_holds().await?;
        let depth = self.store.depth().await?;
        metrics::gauge!("tabir_outbox_depth").set(depth.queued as f64);
        metrics::gauge!("tabir_held_messages").set(depth.held as f64);
        metrics::gauge!("tabir_escalated_messages").set(depth.escalated as f64);
        self.forget_people();
        if sweep {
            self.store.sweep(self.clock.now()).await?;
        }
        Ok(())
    }

    /// Held messages that nobody looked at in time go the way the settings say.
    async fn end_holds(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        for (scope, row) in self.store.held_since(now, 100).await? {
            let rules = self.rules.load().book.of(scope.marketplace());
            if now.since(row.at) >= rules.content.hold.max {
                self.end_hold(&scope, &row, rules.content.hold.then).await?;
            }
        }
        Ok(())
    }

    async fn end_hold(&self, scope: &Scope, row: &MessageRow, then: AfterHold) -> Result<(), Fault> {
        let now = self.clock.now();
        let release = then == AfterHold::Release;
        let decision = HeldDecision {
            id: row.id,
            release,
            at: now,
            notice_due: self.rules.load().book.of(scope.marketplace()).notices.next(now),
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
