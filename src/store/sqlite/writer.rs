//! The one thread that writes: it gathers jobs, runs each in a savepoint, commits them together
//! and answers only when the commit has been synced. So an fsync is shared by whoever writes at
//! the same time, and one job that fails spoils no other.

use std::{
    error::Error,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::open;
use crate::model::Fault;

/// How long a job may wait for company before it is committed alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// Someone waits for the answer: at once, unless others were seen to write at the same time.
    Urgent,
    /// A few milliseconds: a claim.
    Soon,
    /// About ten milliseconds: what would only be repeated if it were lost.
    Late,
}

/// The queue to the writing thread.
pub(super) struct Writer {
    queue: Option<Sender<Errand>>,
    thread: Option<JoinHandle<()>>,
    commits: Arc<AtomicU64>,
}

impl Writer {
    /// Starts the thread on a connection that is open already.
    pub(super) fn start(path: PathBuf, db: Connection) -> Result<Self, Fault> {
        let (queue, errands) = mpsc::channel();
        let commits = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&commits);
        let desk = Desk { path, db: Some(db), errands, company: 1.0, since_checkpoint: 0, commits: counted };
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || desk.serve())
            .map_err(|error| Fault::new("starting the store's writer", error))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), commits })
    }

    /// How many transactions were committed since the start: each is one sync at most.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Runs `work` in a transaction; the answer comes after its commit.
    pub(super) async fn submit<T: Send + 'static>(
        &self,
        doing: &'static str,
        patience: Patience,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let (tell, told) = oneshot::channel();
        let job = Job { arrived: Instant::now(), patience, work: job(work, doing, tell) };
        self.send(Errand::Write(job), doing)?;
        told.await.unwrap_or_else(|_| Err(Fault::plain(doing)))
    }

    /// Moves the log into the file and empties it, so that what was deleted is nowhere.
    pub(super) async fn truncate_log(&self) -> Result<(), Fault> {
        const DOING: &str = "emptying the store's log";
        let (tell, told) = oneshot::channel();
        self.send(Errand::Truncate(tell), DOING)?;
        told.await.unwrap_or_else(|_| Err(Fault::plain(DOING)))
    }

    fn send(&self, errand: Errand, doing: &'static str) -> Result<(), Fault> {
        let sent = self.queue.as_ref().is_some_and(|queue| queue.send(errand).is_ok());
        if sent { Ok(()) } else { Err(Fault::plain(doing)) }
    }
}

impl Drop for Writer {
    /// Lets the thread finish what is queued and close the file.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been answered already: its callers were told a fault.
            let _ = thread.join();
        }
    }
}

enum Errand {
    Write(Job),
    Truncate(oneshot::Sender<Result<(), Fault>>),
}

struct Job {
    arrived: Instant,
    patience: Patience,
    work: Work,
}

/// A job without its types: runs, then hears how the commit went. It is told `Err` instead of a
/// connection when no transaction could be begun for it.
type Work = Box<dyn FnOnce(Result<&Connection, Lost>) -> Ran + Send>;

struct Ran {
    /// Sends the answer.
    done: Box<dyn FnOnce(Result<(), Lost>) + Send>,
    /// `false`: the transaction around it is not to be trusted any more.
    sound: bool,
}

/// A transaction that did not come to its commit, told to each job of it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the transaction was lost")]
struct Lost {
    #[source]
    cause: Option<Arc<rusqlite::Error>>,
}

impl Lost {
    fn to(error: rusqlite::Error) -> Self {
        Self { cause: Some(Arc::new(error)) }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the work stopped half-way")]
struct Panicked;

type Failure = Box<dyn Error + Send + Sync>;

fn job<T: Send + 'static>(
    work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    doing: &'static str,
    tell: oneshot::Sender<Result<T, Fault>>,
) -> Work {
    Box::new(move |db| {
        let (outcome, sound) = match db {
            Ok(db) => within_savepoint(db, work),
            Err(lost) => (Err(Failure::from(lost)), true),
        };
        let done = Box::new(move |commit: Result<(), Lost>| {
            let answer = match (outcome, commit) {
                (Err(failure), _) => Err(Fault::new(doing, failure)),
                (Ok(_), Err(lost)) => Err(Fault::new(doing, lost)),
                (Ok(answer), Ok(())) => Ok(answer),
            };
            // Whoever asked may have gone; what was done stands all the same.
            let _ = tell.send(answer);
        });
        Ran { done, sound }
    })
}

fn within_savepoint<T>(
    db: &Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> (Result<T, Failure>, bool) {
    if let Err(error) = run(db, "SAVEPOINT job") {
        return (Err(error.into()), false);
    }
    // A panic in one job must not end the store for everybody.
    match catch_unwind(AssertUnwindSafe(|| work(db))) {
        Ok(Ok(answer)) => match run(db, "RELEASE job") {
            Ok(()) => (Ok(answer), true),
            Err(error) => (Err(error.into()), false),
        },
        Ok(Err(error)) => {
            let sound = !is_broken(&error) && undo(db);
            (Err(error.into()), sound)
        }
        Err(_) => (Err(Panicked.into()), undo(db)),
    }
}

fn undo(db: &Connection) -> bool {
    !db.is_autocommit() && run(db, "ROLLBACK TO job").is_ok() && run(db, "RELEASE job").is_ok()
}

fn run(db: &Connection, sql: &str) -> rusqlite::Result<()> {
    db.prepare_cached(sql)?.execute([]).map(drop)
}

/// Whether the disk or the file failed, after which the connection's memory of it is suspect.
fn is_broken(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::OutOfMemory
        )
    )
}

/// The thread's own things.
struct Desk {
    path: PathBuf,
    /// `None` after a failure, until it can be opened again.
    db: Option<Connection>,
    errands: Receiver<Errand>,
    /// How many urgent jobs a commit has lately had, as a moving average: above one, waiting a
    /// little for the others saves syncs; a lone sender never waits.
    company: f64,
    since_checkpoint: usize,
    commits: Arc<AtomicU64>,
}

/// What one commit will hold, and what follows it.
#[derive(Default)]
struct Batch {
    works: Vec<Work>,
    urgent: usize,
    truncate: Vec<oneshot::Sender<Result<(), Fault>>>,
    until: Option<Instant>,
    last_urgent: Option<Instant>,
}

impl Desk {
    fn serve(mut self) {
        loop {
            let first = match self.errands.recv_timeout(IDLE) {
                Ok(errand) => errand,
                Err(RecvTimeoutError::Timeout) => {
                    self.checkpoint_when(1);
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let batch = self.gather(first);
            self.company = if batch.urgent > 0 {
                self.company.mul_add(0.75, f64::from(u32::try_from(batch.urgent).unwrap_or(u32::MAX)) * 0.25)
            } else {
                self.company
            };
            self.since_checkpoint += batch.works.len();
            self.commit(batch.works);
            for tell in batch.truncate {
                let _ = tell.send(self.truncate());
            }
            self.checkpoint_when(CHECKPOINT_AFTER);
        }
    }

    fn gather(&self, first: Errand) -> Batch {
        let mut batch = Batch::default();
        self.take(&mut batch, first);
        while batch.works.len() < MOST && batch.truncate.is_empty() {
            let next = match self.errands.try_recv() {
                Ok(errand) => Some(errand),
                Err(_) => self.wait(&batch),
            };
            match next {
                Some(errand) => self.take(&mut batch, errand),
                None => break,
            }
        }
        batch
    }

    fn take(&self, batch: &mut Batch, errand: Errand) {
        match errand {
            Errand::Truncate(tell) => batch.truncate.push(tell),
            Errand::Write(job) => {
                let until = job.arrived + self.patience(job.patience);
                batch.until = Some(batch.until.map_or(until, |known| known.min(until)));
                if job.patience == Patience::Urgent {
                    batch.urgent += 1;
                    batch.last_urgent = Some(Instant::now());
                }
                batch.works.push(job.work);
            }
        }
    }

    fn wait(&self, batch: &Batch) -> Option<Errand> {
        let quiet = batch.last_urgent.map(|last| last + QUIET);
        let until = [batch.until, quiet].into_iter().flatten().min()?;
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() { None } else { self.errands.recv_timeout(left).ok() }
    }

    fn patience(&self, patience: Patience) -> Duration {
        match patience {
            Patience::Urgent if self.company > CROWD => GATHER,
            Patience::Urgent => Duration::ZERO,
            Patience::Soon => SOON,
            Patience::Late => LATE,
        }
    }

    /// Commits all of `works`, in as many transactions as it takes: more than one only when
    /// one of them broke.
    fn commit(&mut self, works: Vec<Work>) {
        let mut works = works.into_iter();
        while works.len() > 0 {
            if let Err(lost) = self.begin() {
                works.by_ref().for_each(|work| (work(Err(lost.clone())).done)(Err(lost.clone())));
                return;
            }
            let (waiting, end) = self.run(&mut works);
            waiting.into_iter().for_each(|done| done(end.clone()));
        }
    }

    fn begin(&mut self) -> Result<(), Lost> {
        if self.db.is_none() {
            self.db = Some(open::connection(&self.path).map_err(Lost::to)?);
        }
        let begun = self.db.as_ref().map_or(Ok(()), |db| run(db, "BEGIN IMMEDIATE"));
        begun.map_err(|error| {
            if error.sqlite_error_code() != Some(ErrorCode::DatabaseBusy) {
                self.db = None;
            }
            Lost::to(error)
        })
    }

    #[expect(clippy::type_complexity, reason = "the answers of one transaction, used once")]
    fn run(
        &mut self,
        works: &mut dyn Iterator<Item = Work>,
    ) -> (Vec<Box<dyn FnOnce(Result<(), Lost>) + Send>>, Result<(), Lost>) {
        let mut waiting = Vec::new();
        let Some(db) = &self.db else { return (waiting, Ok(())) };
        for work in works {
            let ran = work(Ok(db));
            waiting.push(ran.done);
            if !ran.sound {
                // Closing rolls back. Nothing of it was answered yet.
                self.db = None;
                return (waiting, Err(Lost { cause: None }));
            }
        }
        let end = run(db, "COMMIT").map_err(Lost::to);
        self.commits.fetch_add(1, Ordering::Relaxed);
        if end.is_err() {
            // Never trust a failed commit, nor what this connection remembers of the file.
            self.db = None;
        }
        (waiting, end)
    }

    fn checkpoint_when(&mut self, jobs: usize) {
        if self.since_checkpoint < jobs {
            return;
        }
        self.since_checkpoint = 0;
        if let Some(db) = &self.db {
            // A checkpoint that fails leaves everything in the log: the next one tries again.
            let _ = checkpoint(db, "PRAGMA wal_checkpoint(PASSIVE)");
        }
    }

    fn truncate(&self) -> Result<(), Fault> {
        const DOING: &str = "emptying the store's log";
        let db = self.db.as_ref().ok_or(Fault::plain(DOING))?;
        for _ in 0..TRUNCATE_TRIES {
            if checkpoint(db, "PRAGMA wal_checkpoint(TRUNCATE)").map_err(|error| Fault::new(DOING, error))? {
                return Ok(());
            }
        }
        Err(Fault::plain(DOING))
    }
}

/// Whether it came to its end: a reader or another program may be in its way.
fn checkpoint(db: &Connection, sql: &str) -> rusqlite::Result<bool> {
    db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|busy| busy == 0)
}

/// At most so many jobs a commit.
const MOST: usize = 1_024;
/// From this many urgent jobs a commit on, on average, others are waited for.
const CROWD: f64 = 1.3;
/// How long the first urgent job of a commit waits for the others of a crowd, at most.
const GATHER: Duration = Duration::from_millis(5);
/// A crowd that has been silent for so long is not waited for.
const QUIET: Duration = Duration::from_millis(2);
const SOON: Duration = Duration::from_millis(5);
const LATE: Duration = Duration::from_millis(10);
/// After so long without work the log is moved into the file.
const IDLE: Duration = Duration::from_secs(5);
/// Under load the log is moved into the file after so many jobs: some 16 MB.
const CHECKPOINT_AFTER: usize = 1_000;
const TRUNCATE_TRIES: usize = 5;
