//! Where errands wait for the thread that writes.
//!
//! A channel would wake its receiver for each of them. This thread gathers for some milliseconds anyway, so it says until
//! when it sleeps, and only an errand that can not wait so long wakes it.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// What may wait for a while.
pub(super) trait Timed {
    /// Until when it may lie, where a crowd is waited for or not; `None`: not at all.
    fn latest(&self, crowded: bool) -> Option<Instant>;
}

/// Errands from many threads for one.
pub(super) struct Inbox<E> {
    state: Mutex<State<E>>,
    bell: Condvar,
}

struct State<E> {
    errands: VecDeque<E>,
    /// Until when the thread sleeps that takes them; `None` while it is awake.
    sleeps: Option<Instant>,
    crowded: bool,
    closed: bool,
}

impl<E: Timed> Inbox<E> {
    /// An empty one.
    pub(super) fn new() -> Self {
        let state = State { errands: VecDeque::new(), sleeps: None, crowded: false, closed: false };
        Self { state: Mutex::new(state), bell: Condvar::new() }
    }

    /// Leaves an errand; `false` where nobody will take it any more.
    pub(super) fn put(&self, errand: E) -> bool {
        let mut state = self.lock();
        if state.closed {
            return false;
        }
        let latest = errand.latest(state.crowded);
        state.errands.push_back(errand);
        if state.sleeps.is_some_and(|until| latest.is_none_or(|latest| latest < until)) {
            state.sleeps = None;
            drop(state);
            self.bell.notify_one();
        }
        true
    }

    /// Takes what lies here. Where nothing does, sleeps for it until then, or until something comes that can not wait
    /// so long; `false` where nothing will come any more.
    pub(super) fn take(&self, into: &mut VecDeque<E>, until: Instant, crowded: bool) -> bool {
        let mut state = self.lock();
        state.crowded = crowded;
        if state.errands.is_empty() && !state.closed {
            state.sleeps = Some(until);
            while state.sleeps.is_some() && !state.closed {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                state = self.bell.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            }
            state.sleeps = None;
        }
        into.append(&mut state.errands);
        !into.is_empty() || !state.closed
    }

    /// Takes no more errands; those that lie here are still handed out.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.bell.notify_one();
    }

    /// Takes no more errands, and drops those that lie here.
    pub(super) fn abandon(&self) {
        self.close();
        let left = std::mem::take(&mut self.lock().errands);
        drop(left);
    }

    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread, time::Duration};

    use super::*;

    struct Errand(&'static str, Option<Instant>);

    impl Timed for Errand {
        fn latest(&self, _: bool) -> Option<Instant> {
            self.1
        }
    }

    fn take(inbox: &Inbox<Errand>, wait: Duration) -> (Vec<&'static str>, bool, Duration) {
        let (mut into, started) = (VecDeque::new(), Instant::now());
        let open = inbox.take(&mut into, started + wait, false);
        (into.into_iter().map(|errand| errand.0).collect(), open, started.elapsed())
    }

    /// Leaves an errand after a while, for as long as that may wait.
    fn put_later(
        inbox: &Arc<Inbox<Errand>>,
        name: &'static str,
        may_wait: Option<Duration>,
    ) -> thread::JoinHandle<bool> {
        let inbox = Arc::clone(inbox);
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            inbox.put(Errand(name, may_wait.map(|wait| Instant::now() + wait)))
        })
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn what_lies_here_is_taken_at_once_and_in_order() {
        let inbox = Inbox::new();
        assert!(inbox.put(Errand("one", None)) && inbox.put(Errand("two", Some(Instant::now() + LONG))));
        let (taken, open, took) = take(&inbox, LONG);
        assert_eq!((taken, open), (vec!["one", "two"], true));
        assert!(took < LONG / 2);
    }

    #[test]
    fn an_errand_that_can_not_wait_so_long_wakes_the_sleeper() {
        for may_wait in [None, Some(Duration::from_millis(10))] {
            let inbox = Arc::new(Inbox::new());
            let putting = put_later(&inbox, "urgent", may_wait);
            let (taken, open, took) = take(&inbox, LONG);
            assert_eq!((taken, open), (vec!["urgent"], true));
            assert!(took < LONG / 2 && putting.join().unwrap());
        }
    }

    #[test]
    fn an_errand_that_can_wait_lets_it_sleep() {
        let inbox = Arc::new(Inbox::new());
        let putting = put_later(&inbox, "late", Some(LONG));
        let wait = Duration::from_millis(300);
        let (taken, _, took) = take(&inbox, wait);
        assert_eq!(taken, ["late"]);
        assert!(took >= wait && putting.join().unwrap());
    }

    #[test]
    fn a_closed_one_hands_out_what_it_has_and_takes_nothing_more() {
        let inbox = Inbox::new();
        inbox.put(Errand("last", None));
        inbox.close();
        assert!(!inbox.put(Errand("more", None)));
        assert_eq!(take(&inbox, LONG).0, ["last"]);
        assert_eq!((take(&inbox, LONG).0.len(), take(&inbox, LONG).1), (0, false));
    }

    #[test]
    fn an_abandoned_one_has_nothing_left() {
        let inbox = Inbox::new();
        inbox.put(Errand("lost", None));
        inbox.abandon();
        assert!(!inbox.put(Errand("more", None)));
        assert_eq!((take(&inbox, LONG).0.len(), take(&inbox, LONG).1), (0, false));
    }

    #[test]
    fn closing_wakes_the_sleeper() {
        let inbox: Arc<Inbox<Errand>> = Arc::new(Inbox::new());
        let closing = Arc::clone(&inbox);
        let closer = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            closing.close();
        });
        let (taken, open, took) = take(&inbox, LONG);
        assert_eq!((taken.len(), open), (0, false));
        assert!(took < LONG / 2);
        closer.join().unwrap();
    }
}
