//! The one thread that writes: it gathers jobs, runs and commits them together, and answers only
//! when the commit has been synced. So an fsync is shared by whoever writes at the same time.
//!
//! Hardly a job fails, so jobs run without savepoints, which would copy every page they touch.
//! When one does, all of them are rolled back and run once more, each in a savepoint of its own:
//! one job that fails spoils no other. A job may therefore run twice, and counts once.

use std::{
    collections::VecDeque,
    error::Error,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::{
    inbox::{Inbox, Timed},
    open,
};
use crate::model::Fault;

/// How long a job may wait for company before it is committed alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    inbox: Arc<Inbox<Errand>>,
    thread: Option<JoinHandle<()>>,
    commits: Arc<AtomicU64>,
}

impl Writer {
    /// Starts the thread on a connection that is open already.
    pub(super) fn start(path: PathBuf, db: Connection) -> Result<Self, Fault> {
        let inbox = Arc::new(Inbox::new());
        let commits = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&commits);
        let errands = Arc::clone(&inbox);
        let desk = Desk { path, db: Some(db), errands, company: 1.0, since_checkpoint: 0, commits: counted };
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || desk.serve())
            .map_err(|error| Fault::new("starting the store's writer", error))?;
        Ok(Self { inbox, thread: Some(thread), commits })
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
        work: impl Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let (tell, told) = oneshot::channel();
        let job = Box::new(Asked { work, doing, outcome: None, tell });
        self.send(Errand::Write(Job { arrived: Instant::now(), patience, work: job }), doing)?;
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
        if self.inbox.put(errand) { Ok(()) } else { Err(Fault::plain(doing)) }
    }
}

impl Drop for Writer {
    /// Lets the thread finish what is queued and close the file.
    fn drop(&mut self) {
        self.inbox.close();
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

impl Timed for Errand {
    fn latest(&self, crowded: bool) -> Option<Instant> {
        match self {
            Self::Write(job) => Some(job.arrived + job.patience.wait(crowded)),
            Self::Truncate(_) => None,
        }
    }
}

impl Patience {
    fn wait(self, crowded: bool) -> Duration {
        match self {
            Self::Urgent if crowded => GATHER,
            Self::Urgent => Duration::ZERO,
            Self::Soon => SOON,
            Self::Late => LATE,
        }
    }
}

/// A job without its types: runs, once or twice, then hears how the commit went.
type Work = Box<dyn Task + Send>;

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

/// A job: what is to be done, how it went the last time, and who waits.
struct Asked<T, W> {
    work: W,
    doing: &'static str,
    outcome: Option<Result<T, Failure>>,
    tell: oneshot::Sender<Result<T, Fault>>,
}

/// What the thread does with a job.
trait Task {
    /// Runs it in the transaction at hand: whether it succeeded.
    fn run(&mut self, db: &Connection) -> bool;

    /// Runs it in a savepoint: whether the transaction around it is still to be trusted.
    fn run_apart(&mut self, db: &Connection) -> bool;

    /// Whether it failed because the disk or the file did.
    fn broke(&self) -> bool;

    /// Answers, after the commit.
    fn answer(self: Box<Self>, commit: Result<(), Lost>);
}

impl<T: Send, W: Fn(&Connection) -> rusqlite::Result<T> + Send> Task for Asked<T, W> {
    fn run(&mut self, db: &Connection) -> bool {
        // A panic in one job must not end the store for everybody.
        let done = catch_unwind(AssertUnwindSafe(|| (self.work)(db)));
        self.outcome = Some(match done {
            Ok(outcome) => outcome.map_err(Failure::from),
            Err(_) => Err(Panicked.into()),
        });
        matches!(self.outcome, Some(Ok(_)))
    }

    fn run_apart(&mut self, db: &Connection) -> bool {
        if let Err(error) = run(db, "SAVEPOINT job") {
            self.outcome = Some(Err(error.into()));
            return false;
        }
        if self.run(db) {
            let released = run(db, "RELEASE job");
            return released.map_err(|error| self.outcome = Some(Err(error.into()))).is_ok();
        }
        !self.broke() && undo(db)
    }

    fn broke(&self) -> bool {
        matches!(&self.outcome, Some(Err(failure)) if failure.downcast_ref().is_some_and(is_broken))
    }

    fn answer(self: Box<Self>, commit: Result<(), Lost>) {
        let answer = match (self.outcome, commit) {
            (Some(Err(failure)), _) => Err(Fault::new(self.doing, failure)),
            (_, Err(lost)) => Err(Fault::new(self.doing, lost)),
            (Some(Ok(answer)), Ok(())) => Ok(answer),
            (None, Ok(())) => Err(Fault::plain(self.doing)),
        };
        // Whoever asked may have gone; what was done stands all the same.
        let _ = self.tell.send(answer);
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
    errands: Arc<Inbox<Errand>>,
    /// How many urgent jobs a commit has lately had, as a moving average: above one, waiting a
    /// little for the others saves syncs; a lone sender never waits.
    company: f64,
    since_checkpoint: usize,
    commits: Arc<AtomicU64>,
}

/// What one commit will hold, and what follows it.
#[derive(Default)]
struct Batch {
    works: Vec<(Patience, Work)>,
    urgent: usize,
    truncate: Vec<oneshot::Sender<Result<(), Fault>>>,
    until: Option<Instant>,
    last_urgent: Option<Instant>,
}

impl Batch {
    /// The patient first: what they end frees pages, which who writes next in the same commit fills again. All of them
    /// wait for their answers, so that no order among them was promised.
    fn in_order(&mut self) -> Vec<Work> {
        let mut works = std::mem::take(&mut self.works);
        works.sort_by_key(|(patience, _)| std::cmp::Reverse(*patience));
        works.into_iter().map(|(_, work)| work).collect()
    }
}

/// Shuts the inbox when the thread ends: whose errand lies there still hears that nobody will do it.
struct Closing(Arc<Inbox<Errand>>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl Desk {
    fn serve(mut self) {
        let _closing = Closing(Arc::clone(&self.errands));
        let mut came = VecDeque::new();
        loop {
            if came.is_empty() && !self.errands.take(&mut came, Instant::now() + IDLE, self.is_crowded()) {
                return;
            }
            if came.is_empty() {
                self.checkpoint_when(1);
                continue;
            }
            let mut batch = self.gather(&mut came);
            self.company = if batch.urgent > 0 {
                self.company.mul_add(0.75, f64::from(u32::try_from(batch.urgent).unwrap_or(u32::MAX)) * 0.25)
            } else {
                self.company
            };
            self.since_checkpoint += batch.works.len();
            self.commit(batch.in_order());
            for tell in batch.truncate {
                let _ = tell.send(self.truncate());
            }
            self.checkpoint_when(CHECKPOINT_AFTER);
        }
    }

    /// What goes into one commit: what has come, and what comes while its first job may wait. What is over is left.
    fn gather(&self, came: &mut VecDeque<Errand>) -> Batch {
        let mut batch = Batch::default();
        loop {
            while batch.works.len() < MOST && batch.truncate.is_empty() {
                let Some(errand) = came.pop_front() else { break };
                self.take(&mut batch, errand);
            }
            let Some(until) = self.until(&batch).filter(|_| came.is_empty()) else { return batch };
            if until <= Instant::now() || !self.errands.take(came, until, self.is_crowded()) {
                return batch;
            }
        }
    }

    fn take(&self, batch: &mut Batch, errand: Errand) {
        match errand {
            Errand::Truncate(tell) => batch.truncate.push(tell),
            Errand::Write(Job { arrived, patience, work }) => {
                let until = arrived + patience.wait(self.is_crowded());
                batch.until = Some(batch.until.map_or(until, |known| known.min(until)));
                if patience == Patience::Urgent {
                    batch.urgent += 1;
                    batch.last_urgent = Some(Instant::now());
                }
                batch.works.push((patience, work));
            }
        }
    }

    /// Until when others are waited for, if they are: the first job's patience, or a while of silence.
    fn until(&self, batch: &Batch) -> Option<Instant> {
        let quiet = batch.last_urgent.map(|last| last + QUIET);
        let full = batch.works.len() >= MOST || !batch.truncate.is_empty();
        [batch.until, quiet].into_iter().flatten().min().filter(|_| !full)
    }

    fn is_crowded(&self) -> bool {
        self.company > CROWD
    }

    /// Commits all of `works`: together, or, when one of them fails, each for itself.
    fn commit(&mut self, mut works: Vec<Work>) {
        let together = self.begin().and_then(|()| self.run(&mut works));
        match together {
            Ok(true) => answer(works, &self.end()),
            Ok(false) => self.commit_apart(works),
            Err(lost) => answer(works, &Err(lost)),
        }
    }

    /// Runs all in one transaction; `false`: one failed, and nothing of it stands. When the file
    /// failed, none is tried again.
    fn run(&mut self, works: &mut [Work]) -> Result<bool, Lost> {
        let Some(db) = &self.db else { return Err(Lost { cause: None }) };
        let broke = works.iter_mut().find_map(|work| (!work.run(db)).then(|| work.broke()));
        let sound = match broke {
            None => return Ok(true),
            Some(broke) => !broke && !db.is_autocommit() && run(db, "ROLLBACK").is_ok(),
        };
        if !sound {
            // Never trust what this connection remembers of the file. Closing rolls back.
            self.db = None;
        }
        if broke == Some(true) { Err(Lost { cause: None }) } else { Ok(false) }
    }

    /// Each job in a savepoint of its own, in as many transactions as it takes: more than one
    /// only when one of them broke.
    fn commit_apart(&mut self, works: Vec<Work>) {
        let mut works = works.into_iter().peekable();
        while works.peek().is_some() {
            if let Err(lost) = self.begin() {
                return answer(works, &Err(lost));
            }
            let mut ran = Vec::new();
            let mut sound = true;
            while sound && let (Some(db), Some(mut work)) = (&self.db, works.next()) {
                sound = work.run_apart(db);
                ran.push(work);
            }
            if !sound {
                // Closing rolls back. Nothing of it was answered yet.
                self.db = None;
            }
            let end = if sound { self.end() } else { Err(Lost { cause: None }) };
            answer(ran, &end);
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

    fn end(&mut self) -> Result<(), Lost> {
        let Some(db) = &self.db else { return Err(Lost { cause: None }) };
        let end = run(db, "COMMIT").map_err(Lost::to);
        self.commits.fetch_add(1, Ordering::Relaxed);
        if end.is_err() {
            // Never trust a failed commit, nor what this connection remembers of the file.
            self.db = None;
        }
        end
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

fn answer(works: impl IntoIterator<Item = Work>, commit: &Result<(), Lost>) {
    works.into_iter().for_each(|work| work.answer(commit.clone()));
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
/// Under load the log is moved into the file after so many jobs: some 50 MB. What is written again and again, as the pages
/// of an index are, is moved once.
const CHECKPOINT_AFTER: usize = 4_000;
const TRUNCATE_TRIES: usize = 5;
