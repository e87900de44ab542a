//! What one network may try at this door, and how much may be in hand at one moment.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use dashmap::DashMap;
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock};
use tokio::time::{Instant, sleep};

use super::settings::SessionLimits;
use crate::net::Network;

/// Counts misses and logins per network.
pub(super) struct Gates {
    misses: DefaultKeyedRateLimiter<Network>,
    failed_logins: DefaultKeyedRateLimiter<Network>,
    logins: DefaultKeyedRateLimiter<Network>,
    handed_in: DefaultKeyedRateLimiter<[u8; 32]>,
    /// Where too many logins failed, and until when nobody from there may log in.
    shut: DashMap<Network, Instant>,
}

impl Gates {
    pub(super) fn new(limits: &SessionLimits) -> Self {
        Self {
            misses: RateLimiter::dashmap(Quota::per_minute(limits.misses)),
            failed_logins: RateLimiter::dashmap(Quota::per_minute(limits.logins)),
            // Each costs a slow hash: twenty times what may fail is enough for any shop.
            logins: RateLimiter::dashmap(Quota::per_minute(limits.logins.saturating_mul(TWENTY))),
            handed_in: RateLimiter::dashmap(Quota::per_hour(HANDED_IN).allow_burst(AT_ONCE)),
            shut: DashMap::new(),
        }
    }

    /// Notes a handle that was missed: who guesses is answered slower and slower.
    pub(super) async fn missed(&self, network: Network, misses_of_session: u32) {
        if self.misses.check_key(&network).is_err() {
            metrics::counter!("tabir_handle_misses_slowed_total").increment(1);
            sleep(SLOW * 2_u32.saturating_pow(misses_of_session.min(4))).await;
        }
    }

    /// Whether the next report of somebody, or mail to one registration handle, may be taken now; a host that has more
    /// keeps the rest for later.
    pub(super) fn may_hand_in(&self, by: [u8; 32]) -> bool {
        self.handed_in.check_key(&by).is_ok()
    }

    /// Whether a login may be tried now.
    pub(super) fn may_log_in(&self, network: Network) -> bool {
        let shut = self.shut.get(&network).is_some_and(|until| *until > Instant::now());
        !shut && self.logins.check_key(&network).is_ok()
    }

    /// Notes a failed login, and answers it slowly. Beyond the limit the network's door is shut
    /// for a while: whoever guesses from many connections guesses no faster.
    pub(super) async fn login_failed(&self, network: Network) {
        metrics::counter!("tabir_logins_failed_total").increment(1);
        if self.failed_logins.check_key(&network).is_err() {
            self.shut.insert(network, Instant::now() + SHUT);
        }
        sleep(SLOW).await;
    }

    /// Forgets networks whose limits are full again.
    pub(super) fn sweep(&self) {
        let now = Instant::now();
        self.shut.retain(|_, until| *until > now);
        for limiter in [&self.misses, &self.failed_logins, &self.logins] {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
        self.handed_in.retain_recent();
        self.handed_in.shrink_to_fit();
    }
}

/// How fast one session may give commands.
pub(super) struct Pace(DefaultDirectRateLimiter);

impl Pace {
    pub(super) fn new() -> Self {
        Self(RateLimiter::direct(Quota::per_second(COMMANDS)))
    }

    /// Waits until the next command may be obeyed.
    pub(super) async fn keep(&self) {
        while let Err(not_until) = self.0.check() {
            sleep(not_until.wait_time_from(self.0.clock().now())).await;
        }
    }
}

/// The memory for messages that are being received.
pub(super) struct Room {
    free: AtomicU64,
}

impl Room {
    pub(super) fn new(bytes: u64) -> Arc<Self> {
        Arc::new(Self { free: AtomicU64::new(bytes) })
    }

    /// A place in it, empty so far.
    pub(super) fn place(self: &Arc<Self>) -> Place {
        Place { room: self.clone(), held: 0 }
    }
}

/// What one message holds of the room; given back when it is dropped.
pub(super) struct Place {
    room: Arc<Room>,
    held: u64,
}

impl Place {
    /// Grows to hold `length` bytes; `false` when there is no room for them.
    pub(super) fn hold(&mut self, length: usize) -> bool {
        let length = length as u64;
        if length <= self.held {
            return true;
        }
        let more = length.next_multiple_of(STEP) - self.held;
        let taken = self.room.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(more));
        self.held += if taken.is_ok() { more } else { 0 };
        taken.is_ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.free.fetch_add(self.held, Ordering::Relaxed);
    }
}

const TWENTY: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);

/// Far above what a mail host does, far below what keeps a core busy.
const COMMANDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(3_999);

/// Each is a file that is kept and a person who reads it. A buyer who is flooded has dozens to tell.
const HANDED_IN: NonZeroU32 = NonZeroU32::MIN.saturating_add(5);
const AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(49);

const SLOW: Duration = Duration::from_millis(500);

/// As long as the limit needs to fill up again.
const SHUT: Duration = Duration::from_secs(60);

/// Counted in steps, so that a small message costs one addition.
const STEP: u64 = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_hand_is_bounded_and_comes_back() {
        let room = Room::new(200_000);
        let mut first = room.place();
        assert!(first.hold(100_000));
        let mut second = room.place();
        assert!(second.hold(1));
        assert!(!second.hold(100_000));
        drop(first);
        assert!(second.hold(100_000));
        drop(second);
        assert_eq!(room.free.load(Ordering::Relaxed), 200_000);
    }

    #[tokio::test]
    async fn guessing_passwords_shuts_the_door_for_one_network() {
        let gates = Gates::new(&SessionLimits { logins: NonZeroU32::MIN, ..SessionLimits::default() });
        let guessing = Network::of([192, 0, 2, 1].into());
        for open in [true, true, false] {
            assert_eq!(gates.may_log_in(guessing), open);
            gates.login_failed(guessing).await;
        }
        assert!(gates.may_log_in(Network::of([198, 51, 100, 1].into())));
    }

    #[test]
    fn what_one_person_hands_in_is_bounded_and_nobody_else_s_with_them() {
        let gates = Gates::new(&SessionLimits::default());
        assert_eq!((0..60).filter(|_| gates.may_hand_in([1; 32])).count(), 50);
        assert!(gates.may_hand_in([2; 32]));
    }

    #[tokio::test]
    async fn guessing_handles_becomes_slow() {
        let limits = SessionLimits { misses: NonZeroU32::MIN, ..SessionLimits::default() };
        let gates = Gates::new(&limits);
        let network = Network::of([192, 0, 2, 1].into());
        gates.missed(network, 0).await;
        let before = Instant::now();
        gates.missed(network, 1).await;
        assert!(before.elapsed() >= SLOW * 2);
    }
}
