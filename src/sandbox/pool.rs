//! The relay's side: workers kept, killed and replaced.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::Semaphore,
    time::timeout,
};

use super::frame::{self, Ask, Told};
use crate::{
    media::{
        Unreadable,
        code::{self, Code, Linear},
        image::Wish,
        pdf::{Contents, Glance, Orders},
        words::{self, Budget, Line, Words},
    },
    model::Fault,
};

/// A file, made afresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// The file.
    pub bytes: Bytes,
    /// What it is now.
    pub media_type: &'static str,
    /// The codes that were found in it.
    pub codes: Vec<Code>,
    /// What it looked like as it came, each frame in all ways it can be laid.
    pub looks: Vec<u64>,
    /// The words that were read in it; `None` where they were not to be read, or no worker can.
    pub lines: Option<Vec<Line>>,
}

/// A pool of worker processes.
#[derive(Debug)]
pub struct Sandbox {
    exe: PathBuf,
    /// Where the models are that read words.
    models: Option<PathBuf>,
    deadline: Duration,
    /// As many files at a time as there may be workers.
    turns: Semaphore,
    idle: Mutex<Vec<Worker>>,
}

impl Sandbox {
    /// A pool of at most `workers` processes of `exe worker`, each picture done by `deadline`.
    /// None is started yet.
    pub fn new(exe: PathBuf, workers: usize, deadline: Duration) -> Self {
        Self { exe, models: None, deadline, turns: Semaphore::new(workers.max(1)), idle: Mutex::default() }
    }

    /// The same, with workers that read words by the models in this folder.
    #[must_use]
    pub fn with_models(self, models: &Path) -> Self {
        // A worker runs in another folder than ours.
        Self { models: std::path::absolute(models).ok(), ..self }
    }

    /// Decodes a picture and encodes it afresh, in a worker.
    ///
    /// # Errors
    /// The outer error is ours: no worker could be started, and trying again may help. The
    /// inner one is the picture's: it can not be read, or two workers died of it.
    pub async fn rebuild(&self, picture: Bytes, wish: &Wish) -> Result<Result<Rebuilt, Unreadable>, Fault> {
        let job = Job { words: wish.words, ask: Ask::Rebuild(wish.clone()), file: picture, deadline: self.deadline };
        self.run(&job, Worker::rebuilt).await
    }

    /// Reads what the pages of a PDF say, in a worker.
    ///
    /// # Errors
    /// As [`Self::rebuild`].
    pub async fn read_pdf(&self, file: Bytes, glance: Glance) -> Result<Result<Contents, Unreadable>, Fault> {
        let words = if self.models.is_some() { glance.words } else { Words::Leave };
        let patience = if words == Words::Read { LONG_PATIENCE } else { PATIENCE };
        let ask = Ask::Read(Glance { words, ..glance });
        self.run(&Job { words, ask, file, deadline: self.deadline * patience }, Worker::contents).await
    }

    /// Reads what pixels say in a PDF once more, on the pages where `orders` hides lines.
    ///
    /// # Errors
    /// As [`Self::rebuild`].
    pub async fn read_pdf_again(
        &self,
        file: Bytes,
        budget: Budget,
        orders: &Orders,
    ) -> Result<Result<Contents, Unreadable>, Fault> {
        let ask = Ask::ReadAgain { budget, orders: orders.clone() };
        let job = Job { words: Words::Read, ask, file, deadline: self.deadline * LONG_PATIENCE };
        self.run(&job, Worker::contents).await
    }

    /// Draws the pages of a PDF into a new one, in a worker. The frame of a code is its page.
    ///
    /// # Errors
    /// As [`Self::rebuild`].
    pub async fn draw_pdf(
        &self,
        file: Bytes,
        linear: Linear,
        orders: &Orders,
    ) -> Result<Result<Rebuilt, Unreadable>, Fault> {
        let ask = Ask::Draw { linear, orders: orders.clone() };
        let job = Job { words: Words::Leave, ask, file, deadline: self.deadline * PATIENCE };
        self.run(&job, Worker::rebuilt).await
    }

    async fn run<T>(
        &self,
        job: &Job,
        answer: impl AsyncFn(&mut Worker, u8) -> io::Result<T>,
    ) -> Result<Result<T, Unreadable>, Fault> {
        let ask = serde_json::to_vec(&job.ask).map_err(|e| Fault::new("writing what a worker is to do", e))?;
        if frame::length(&ask).is_none() || frame::length(&job.file).is_none() {
            return Ok(Err(Unreadable::TooLarge));
        }
        let _turn = self.turns.acquire().await.map_err(|e| Fault::new("waiting for a worker", e))?;
        for _ in 0..ATTEMPTS {
            let mut worker = match self.kept(job.words) {
                Some(worker) => worker,
                None => self.start(job.words).await?,
            };
            let answered = async {
                let code = worker.ask(&ask, &job.file).await?;
                match frame::reason(code) {
                    Some(reason) => Ok::<_, io::Error>(Err(reason)),
                    None => answer(&mut worker, code).await.map(Ok),
                }
            };
            // A worker that is late, dead or talks nonsense is dropped, and dropping kills it.
            if let Ok(Ok(answer)) = timeout(job.deadline, answered).await {
                self.keep(worker);
                return Ok(answer);
            }
        }
        Ok(Err(Unreadable::Malformed))
    }

    async fn start(&self, words: Words) -> Result<Worker, Fault> {
        let models = self.models.as_deref().filter(|_| words == Words::Read);
        let started = timeout(START_DEADLINE, Worker::start(&self.exe, models)).await;
        started.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(|e| Fault::new("starting a worker", e))
    }

    /// An idle worker that can do it. One that reads words rebuilds other pictures too; one that
    /// does not costs a fraction of its memory, and makes way when words are to be read.
    fn kept(&self, words: Words) -> Option<Worker> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |worker: &Worker| worker.reads || words == Words::Leave || self.models.is_none();
        // One that died while it waited is no picture's fault.
        std::iter::from_fn(|| idle.pop()).filter(fits).find_map(Worker::if_alive)
    }

    fn keep(&self, worker: Worker) {
        if worker.jobs < JOBS {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        }
    }
}

/// A file, and what is to be done with it.
struct Job {
    words: Words,
    ask: Ask,
    file: Bytes,
    deadline: Duration,
}

#[derive(Debug)]
struct Worker {
    process: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    jobs: usize,
    /// Whether it was given models.
    reads: bool,
}

impl Worker {
    async fn start(exe: &Path, models: Option<&Path>) -> io::Result<Self> {
        let mut process = Command::new(exe)
            .arg("worker")
            .args(models.iter().flat_map(|folder| [OsStr::new("--models"), folder.as_os_str()]))
            .env_clear()
            // One worker, one core: more pictures at a time are more workers.
            .env("RTEN_NUM_THREADS", "1")
            // In KiB: the allocator sets aside no more address space than a picture may need.
            .env("MIMALLOC_ARENA_RESERVE", "65536")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(stdin), Some(mut stdout)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let mut ready = frame::READY.map(|_| 0);
        stdout.read_exact(&mut ready).await?;
        if ready != frame::READY {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Self { process, stdin, stdout, jobs: 0, reads: models.is_some() })
    }

    fn if_alive(mut self) -> Option<Self> {
        matches!(self.process.try_wait(), Ok(None)).then_some(self)
    }

    /// Hands a job over, and waits for the number that the answer begins with.
    async fn ask(&mut self, ask: &[u8], file: &[u8]) -> io::Result<u8> {
        self.jobs += 1;
        for bytes in [ask, file] {
            let length = frame::length(bytes).ok_or(io::ErrorKind::InvalidInput)?;
            self.stdin.write_all(&length).await?;
            self.stdin.write_all(bytes).await?;
        }
        self.stdin.flush().await?;
        self.stdout.read_u8().await
    }

    async fn contents(&mut self, code: u8) -> io::Result<Contents> {
        let bytes = match code {
            frame::CONTENTS => self.counted(frame::MAX_BYTES).await?,
            _ => return Err(io::ErrorKind::InvalidData.into()),
        };
        let contents: Contents = serde_json::from_slice(&bytes)?;
        if contents.is_whole() { Ok(contents) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    async fn rebuilt(&mut self, code: u8) -> io::Result<Rebuilt> {
        let media_type = frame::TYPES.iter().find(|(known, _)| *known == code).map(|(_, name)| *name);
        let media_type = media_type.ok_or(io::ErrorKind::InvalidData)?;
        let Told { codes, looks, lines } = serde_json::from_slice(&self.counted(frame::MAX_TOLD).await?)?;
        let read = lines.as_deref().unwrap_or_default();
        let bounded = codes.len() <= code::MOST
            && looks.len() <= frame::MAX_LOOKS
            && read.len() <= words::MOST
            && codes.iter().all(|code| code.text.len() <= code::TEXT)
            && read.iter().all(|line| line.text.len() <= words::TEXT);
        if !bounded {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let bytes = self.counted(frame::MAX_BYTES).await?.into();
        Ok(Rebuilt { bytes, media_type, codes, looks, lines })
    }

    /// Bytes with their length before them, `most` at most.
    async fn counted(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let length = usize::try_from(self.stdout.read_u32().await?).map_err(io::Error::other)?;
        if length > most {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut bytes = vec![0; length];
        self.stdout.read_exact(&mut bytes).await?;
        Ok(bytes)
    }
}

/// A PDF has as many pages as a message may have pictures: its time is bounded by the worker's own
/// CPU limit, and this only has to be longer on a busy machine.
const PATIENCE: u32 = 3;

/// The same, where the words in its pixels are read.
const LONG_PATIENCE: u32 = 12;

/// A file that two workers died of is not tried on a third.
const ATTEMPTS: usize = 2;

/// After so many files a worker retires: each within its deadline, they stay below the CPU limit
/// of a worker's life, so that it hits no innocent one.
const JOBS: usize = 20;

const START_DEADLINE: Duration = Duration::from_secs(10);
