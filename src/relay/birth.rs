//! Deliveries that are carried from where they were recorded. Where a lane is free, a delivery is
//! born claimed: nothing of it is read from the store again before the last look at it.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
};

use super::{Relay, talk::Talk};
use crate::store::Delivery;

/// How many lanes are carried at once.
const LANES: usize = 64;

/// The lanes, and the way to who carries.
pub(super) struct Births {
    lanes: Arc<Semaphore>,
    /// `None` while nobody carries.
    way: ArcSwapOption<mpsc::UnboundedSender<Newborn>>,
}

/// Deliveries of one lane under their lease, the conversation as it was when they were born, and the
/// right to carry them.
pub(super) struct Newborn {
    deliveries: Vec<Delivery>,
    talk: Arc<Talk>,
    lane: OwnedSemaphorePermit,
}

/// The right to record a delivery as claimed: a lane that is free, and somebody who carries.
pub(super) struct Birth {
    lane: OwnedSemaphorePermit,
    way: Arc<mpsc::UnboundedSender<Newborn>>,
}

impl Births {
    /// Nobody carries yet.
    pub(super) fn new() -> Self {
        Self { lanes: Arc::new(Semaphore::new(LANES)), way: ArcSwapOption::empty() }
    }

    /// The right to one lane, if one is free. At most [`LANES`] are under way, so what was sent
    /// and not yet taken up is bounded too.
    pub(super) fn ready(&self) -> Option<Birth> {
        let way = self.way.load_full()?;
        let lane = Arc::clone(&self.lanes).try_acquire_owned().ok()?;
        Some(Birth { lane, way })
    }

    /// The lanes, for who claims what waits.
    pub(super) fn lanes(&self) -> Arc<Semaphore> {
        Arc::clone(&self.lanes)
    }

    /// From now on somebody carries.
    pub(super) fn open(&self) -> mpsc::UnboundedReceiver<Newborn> {
        let (way, newborn) = mpsc::unbounded_channel();
        self.way.store(Some(Arc::new(way)));
        newborn
    }

    /// Nothing more is born claimed; who has a right already still sends.
    pub(super) fn close(&self) {
        self.way.store(None);
    }
}

impl Birth {
    /// Hands deliveries of one lane to who carries.
    pub(super) fn carry(self, deliveries: Vec<Delivery>, talk: Arc<Talk>) {
        if !deliveries.is_empty() {
            // Whoever holds a way has somebody at its other end: see `carry`.
            let _ = self.way.send(Newborn { deliveries, talk, lane: self.lane });
        }
    }
}

/// Carries what is born until nobody can send more.
pub(super) async fn carry(relay: Arc<Relay>, mut newborn: mpsc::UnboundedReceiver<Newborn>) {
    let mut lanes = JoinSet::new();
    while let Some(Newborn { deliveries, talk, lane }) = newborn.recv().await {
        while lanes.try_join_next().is_some() {}
        let relay = Arc::clone(&relay);
        lanes.spawn(async move {
            if relay.walk(deliveries, Some(&talk)).await {
                relay.bell.notify_one();
            }
            drop(lane);
        });
    }
    while lanes.join_next().await.is_some() {}
}
