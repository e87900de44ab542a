//! A destination: its connections, how many mails it may get, and when it wants to be left alone.

use std::{
    num::NonZeroU32,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter, clock::Clock};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

use super::super::client::Client;

/// A destination: its idle connections, and how many there may be altogether.
pub(super) struct Lane {
    idle: Mutex<Vec<Client>>,
    pub(super) seats: Semaphore,
    /// When the destination's policy was last asked for; held by who asks: the others need not ask
    /// too, nor wait for a silent name server each on their own.
    pub(super) asked: tokio::sync::Mutex<Option<Instant>>,
    rate: Option<DefaultDirectRateLimiter>,
    rest: Mutex<Rest>,
    used: Mutex<Instant>,
}

/// The pause that a host has asked for.
#[derive(Default)]
struct Rest {
    until: Option<Instant>,
    /// How many there were since the last mail that went through.
    times: u32,
}

impl Lane {
    /// One with so many connections at a time, and so many mails a minute.
    pub(super) fn new(connections: usize, rate: Option<NonZeroU32>) -> Self {
        Self {
            idle: Mutex::default(),
            seats: Semaphore::new(connections),
            asked: tokio::sync::Mutex::default(),
            rate: rate.map(|rate| RateLimiter::direct(Quota::per_minute(rate))),
            rest: Mutex::default(),
            used: Mutex::new(Instant::now()),
        }
    }

    /// The connection used last: the others may then grow old and go. One whose host was not
    /// proven is none where it must be.
    pub(super) fn take(&self, proven: bool) -> Option<Client> {
        let mut idle = lock(&self.idle);
        std::iter::from_fn(|| idle.pop()).find_map(|mut client| {
            let fits = client.is_fresh() && (client.proven || !proven);
            fits.then_some(client)
        })
    }

    pub(super) fn keep(&self, client: Option<Client>) {
        lock(&self.idle).extend(client);
    }

    /// Takes what has been idle too long.
    pub(super) fn stale(&self) -> Vec<Client> {
        lock(&self.idle).extract_if(.., |client| !client.is_fresh()).collect()
    }

    /// Whether nothing of it need be remembered.
    pub(super) fn is_over(&self) -> bool {
        lock(&self.idle).is_empty() && !self.rests() && lock(&self.used).elapsed() > REMEMBERED
    }

    /// Whether its hosts have asked not to be called now.
    pub(super) fn rests(&self) -> bool {
        lock(&self.rest).holds(Instant::now())
    }

    /// The next mail's turn; `false` when it is too far off to be waited for.
    pub(super) async fn turn(&self) -> bool {
        *lock(&self.used) = Instant::now();
        let Some(rate) = &self.rate else { return true };
        let over_at = Instant::now() + PATIENCE;
        while let Err(not_until) = rate.check() {
            let wait = not_until.wait_time_from(rate.clock().now());
            if Instant::now() + wait > over_at {
                return false;
            }
            sleep(wait).await;
        }
        true
    }

    /// Its host is busy: it is left alone for a while.
    pub(super) fn busy(&self) {
        if lock(&self.rest).begin(Instant::now()) {
            metrics::counter!("tabir_mail_pauses_total").increment(1);
        }
    }

    /// A mail went through.
    pub(super) fn well(&self) {
        *lock(&self.rest) = Rest::default();
    }
}

impl Rest {
    fn holds(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until > now)
    }

    /// Each is twice as long as the one before. What others hear of the same moment is no new one.
    fn begin(&mut self, now: Instant) -> bool {
        if self.holds(now) {
            return false;
        }
        self.until = Some(now + (PAUSE * 2_u32.pow(self.times.min(10))).min(LONGEST_PAUSE));
        self.times += 1;
        true
    }
}

/// A panic elsewhere leaves what is guarded whole: plain values, set in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shorter than the first wait of a mail that was put off: a greylist is not made longer by it.
const PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// A mail that waits for its turn holds a lane of its conversation.
const PATIENCE: Duration = Duration::from_secs(2);

/// So long counts what was sent at which rate, and how often a host was busy.
const REMEMBERED: Duration = Duration::from_secs(900);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_host_is_left_alone_for_longer_each_time() {
        let mut rest = Rest::default();
        let mut now = Instant::now();
        for seconds in [10, 20, 40, 80, 160, 320, 600, 600] {
            assert!(!rest.holds(now) && rest.begin(now));
            // Others hear the same at the same moment.
            assert!(!rest.begin(now));
            now += Duration::from_secs(seconds - 1);
            assert!(rest.holds(now), "{seconds}");
            now += Duration::from_secs(1);
        }
        assert!(!rest.holds(now));
    }

    #[tokio::test]
    async fn a_mail_that_goes_through_ends_the_count() {
        let lane = Lane::new(1, None);
        lane.busy();
        assert!(lane.rests() && !lane.is_over());
        lane.well();
        assert!(!lane.rests());
        assert_eq!(lock(&lane.rest).times, 0);
    }

    #[tokio::test]
    async fn a_destination_gets_no_more_than_its_rate() {
        let lane = Lane::new(1, NonZeroU32::new(3));
        let mut turns = Vec::new();
        for _ in 0..5 {
            turns.push(lane.turn().await);
        }
        assert_eq!(turns, [true, true, true, false, false]);
        let free = Lane::new(1, None);
        for _ in 0..100 {
            assert!(free.turn().await);
        }
    }
}
