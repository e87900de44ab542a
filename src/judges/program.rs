//! A judge that is a program of the operator's: kept running, one question at a time each.

use std::{
    io,
    process::Stdio,
    sync::{Mutex, PoisonError},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use super::wire::{ANSWER, Answer, Failure, Question};

/// The program and its running processes; one more is started when all are asked something.
pub(super) struct Program {
    words: Vec<String>,
    idle: Mutex<Vec<Running>>,
}

struct Running {
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Program {
    pub(super) fn new(words: &[String]) -> Self {
        Self { words: words.to_vec(), idle: Mutex::default() }
    }

    /// Asks a process, and where it dies or talks nonsense a fresh one. A process whose answer
    /// is not waited for to its end is dropped, and dropping kills it.
    pub(super) async fn ask(&self, question: &Question) -> Result<Answer, Failure> {
        for _ in 0..ATTEMPTS {
            let Some(mut running) = self.kept().or_else(|| self.start().ok()) else { continue };
            if let Ok(line) = running.ask(question).await
                && let Ok(answer) = question.answer(&line)
            {
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(running);
                return Ok(answer);
            }
        }
        Err(Failure::Broken)
    }

    fn kept(&self) -> Option<Running> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| idle.pop()).find_map(Running::if_alive)
    }

    fn start(&self) -> io::Result<Running> {
        let (program, arguments) = self.words.split_first().ok_or(io::ErrorKind::NotFound)?;
        let mut process = Command::new(program)
            .args(arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It may quote what it was asked, and logs hold no texts.
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(stdin), Some(stdout)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        Ok(Running { process, stdin, stdout: BufReader::new(stdout) })
    }
}

impl Running {
    fn if_alive(mut self) -> Option<Self> {
        // What it says unasked would be taken for its next answer.
        let quiet = self.stdout.buffer().is_empty();
        (quiet && matches!(self.process.try_wait(), Ok(None))).then_some(self)
    }

    async fn ask(&mut self, question: &Question) -> io::Result<Vec<u8>> {
        self.stdin.write_all(&question.bytes).await?;
        self.stdin.flush().await?;
        let mut line = Vec::new();
        (&mut self.stdout).take(ANSWER as u64).read_until(b'\n', &mut line).await?;
        if line.last() == Some(&b'\n') { Ok(line) } else { Err(io::ErrorKind::InvalidData.into()) }
    }
}

/// A message that two processes died of is not tried on a third.
const ATTEMPTS: usize = 2;
