//! The relay's side: workers kept, killed and replaced.

use std::{
    io,
    path::PathBuf,
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

use super::frame;
use crate::{
    media::{
        Unreadable,
        code::{Code, Linear, MOST, TEXT},
    },
    model::Fault,
};

/// A picture, encoded afresh.
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
}

/// A pool of worker processes.
#[derive(Debug)]
pub struct Sandbox {
    exe: PathBuf,
    deadline: Duration,
    /// As many pictures at a time as there may be workers.
    turns: Semaphore,
    idle: Mutex<Vec<Worker>>,
}

impl Sandbox {
    /// A pool of at most `workers` processes of `exe worker`, each picture done by `deadline`.
    /// None is started yet.
    pub fn new(exe: PathBuf, workers: usize, deadline: Duration) -> Self {
        Self { exe, deadline, turns: Semaphore::new(workers.max(1)), idle: Mutex::default() }
    }

    /// Decodes a picture and encodes it afresh, in a worker.
    ///
    /// # Errors
    /// The outer error is ours: no worker could be started, and trying again may help. The
    /// inner one is the picture's: it can not be read, or two workers died of it.
    pub async fn rebuild(&self, picture: Bytes, linear: Linear) -> Result<Result<Rebuilt, Unreadable>, Fault> {
        let Some(length) = frame::length(&picture) else { return Ok(Err(Unreadable::TooLarge)) };
        let _turn = self.turns.acquire().await.map_err(|e| Fault::new("waiting for a picture worker", e))?;
        for _ in 0..ATTEMPTS {
            let mut worker = match self.kept() {
                Some(worker) => worker,
                None => self.start().await?,
            };
            // A worker that is late, dead or talks nonsense is dropped, and dropping kills it.
            if let Ok(Ok(answer)) = timeout(self.deadline, worker.ask(linear, length, &picture)).await {
                self.keep(worker);
                return Ok(answer);
            }
        }
        Ok(Err(Unreadable::Malformed))
    }

    async fn start(&self) -> Result<Worker, Fault> {
        let started = timeout(START_DEADLINE, Worker::start(&self.exe)).await;
        started
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|e| Fault::new("starting a picture worker", e))
    }

    fn kept(&self) -> Option<Worker> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // One that died while it waited is no picture's fault.
        std::iter::from_fn(|| idle.pop()).find_map(Worker::if_alive)
    }

    fn keep(&self, worker: Worker) {
        if worker.jobs < JOBS {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        }
    }
}

#[derive(Debug)]
struct Worker {
    process: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    jobs: usize,
}

impl Worker {
    async fn start(exe: &PathBuf) -> io::Result<Self> {
        let mut process = Command::new(exe)
            .arg("worker")
            .env_clear()
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
        Ok(Self { process, stdin, stdout, jobs: 0 })
    }

    fn if_alive(mut self) -> Option<Self> {
        matches!(self.process.try_wait(), Ok(None)).then_some(self)
    }

    async fn ask(
        &mut self,
        linear: Linear,
        length: [u8; 4],
        picture: &[u8],
    ) -> io::Result<Result<Rebuilt, Unreadable>> {
        self.jobs += 1;
        self.stdin.write_u8(if linear == Linear::Cover { frame::COVER } else { frame::TELL }).await?;
        self.stdin.write_all(&length).await?;
        self.stdin.write_all(picture).await?;
        self.stdin.flush().await?;
        match self.stdout.read_u8().await? {
            frame::TOO_LARGE => Ok(Err(Unreadable::TooLarge)),
            frame::MALFORMED => Ok(Err(Unreadable::Malformed)),
            code => self.answer(code).await.map(Ok),
        }
    }

    async fn answer(&mut self, code: u8) -> io::Result<Rebuilt> {
        let media_type = frame::TYPES.iter().find(|(known, _)| *known == code).map(|(_, name)| *name);
        let media_type = media_type.ok_or(io::ErrorKind::InvalidData)?;
        let codes: Vec<Code> = serde_json::from_slice(&self.counted(frame::MAX_CODES).await?)?;
        if codes.len() > MOST || codes.iter().any(|code| code.text.len() > TEXT) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let looks = self.counted(frame::MAX_LOOKS).await?;
        let (looks, []) = looks.as_chunks::<8>() else { return Err(io::ErrorKind::InvalidData.into()) };
        let looks = looks.iter().map(|look| u64::from_be_bytes(*look)).collect();
        let bytes = self.counted(frame::MAX_BYTES).await?.into();
        Ok(Rebuilt { bytes, media_type, codes, looks })
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

/// A picture that two workers died of is not tried on a third.
const ATTEMPTS: usize = 2;

/// After so many pictures a worker retires: each within its deadline, they stay below the CPU limit
/// of a worker's life, so that it hits no innocent one.
const JOBS: usize = 20;

const START_DEADLINE: Duration = Duration::from_secs(10);
