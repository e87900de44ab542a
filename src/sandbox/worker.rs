//! The side within the worker process.

use std::{
    io::{self, Read, Write},
    path::Path,
    process::ExitCode,
};

use rustix::{
    process::{Resource, Rlimit, setrlimit},
    time::{ClockId, clock_gettime},
};

use super::{
    frame::{self, Ask, Told},
    models,
};
use crate::media::{
    Unreadable,
    image::{ImageLimits, Picture, rebuild},
    pdf::{self, Contents, Glance, PdfLimits},
    words::{Reader, Words},
};

/// Reads the models in a folder, limits this process, then does jobs from `stdin` to
/// `stdout` until it is closed.
///
/// Nothing is ever written about a file but the answer: a decoder's panic is mute. Without
/// models, or with others than are meant, no words are read, and each answer says so.
pub fn serve_worker(stdin: impl Read, stdout: impl Write, models: Option<&Path>) -> ExitCode {
    std::panic::set_hook(Box::new(|_| {}));
    let reader = models.and_then(|folder| models::open(folder).ok());
    // The first reading starts a thread, and threads can not be started later.
    let reader = reader.filter(|reader| reader.warm_up().is_ok());
    match limit_myself().and_then(|()| serve(stdin, stdout, reader.as_ref())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve(mut stdin: impl Read, mut stdout: impl Write, reader: Option<&Reader>) -> io::Result<()> {
    let (pictures, documents) = (ImageLimits::default(), PdfLimits::default());
    stdout.write_all(&frame::READY)?;
    stdout.flush()?;
    while let Some((ask, file)) = read_job(&mut stdin)? {
        limit_job(&ask)?;
        match ask {
            Ask::Rebuild(wish) => answer(&mut stdout, rebuild(&file, &pictures, &wish, reader))?,
            Ask::Read(glance) => answer_contents(&mut stdout, pdf::look(&file, &documents, glance, reader))?,
            Ask::ReadAgain { budget, orders } => {
                // Who has read nothing has covered nothing.
                let again = reader.ok_or(Unreadable::Malformed);
                let again = again.and_then(|reader| pdf::look_again(&file, &documents, budget, &orders, reader));
                answer_contents(&mut stdout, again)?;
            }
            Ask::Draw { linear, orders } => answer(&mut stdout, pdf::draw(&file, &documents, linear, &orders))?,
        }
        stdout.flush()?;
    }
    Ok(())
}

fn answer_contents(stdout: &mut impl Write, done: Result<Contents, Unreadable>) -> io::Result<()> {
    let contents = match done {
        Ok(contents) => serde_json::to_vec(&contents)?,
        Err(reason) => return stdout.write_all(&[frame::code(reason)]),
    };
    let Some(length) = frame::length(&contents) else { return stdout.write_all(&[frame::TOO_LARGE]) };
    stdout.write_all(&[frame::CONTENTS])?;
    stdout.write_all(&length)?;
    stdout.write_all(&contents)
}

fn answer(stdout: &mut impl Write, done: Result<Picture, Unreadable>) -> io::Result<()> {
    let picture = match done {
        Ok(picture) => picture,
        Err(reason) => return stdout.write_all(&[frame::code(reason)]),
    };
    let told = serde_json::to_vec(&Told { codes: picture.codes, looks: picture.looks, lines: picture.lines })?;
    let fits = told.len() <= frame::MAX_TOLD;
    let (Some(length), Some(told_length), true) = (frame::length(&picture.bytes), frame::length(&told), fits) else {
        return stdout.write_all(&[frame::TOO_LARGE]);
    };
    stdout.write_all(&[code_of(picture.media_type)?])?;
    stdout.write_all(&told_length)?;
    stdout.write_all(&told)?;
    stdout.write_all(&length)?;
    stdout.write_all(&picture.bytes)
}

/// The next job and its file, or nothing when the relay has closed the pipe.
fn read_job(stdin: &mut impl Read) -> io::Result<Option<(Ask, Vec<u8>)>> {
    let ask = match counted(stdin) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => serde_json::from_slice(&read?)?,
    };
    Ok(Some((ask, counted(stdin)?)))
}

/// Bytes with their length before them.
fn counted(stdin: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stdin.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(io::Error::other)?;
    if length > frame::MAX_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; length];
    stdin.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn code_of(media_type: &str) -> io::Result<u8> {
    let found = frame::TYPES.iter().find(|(_, name)| *name == media_type);
    found.map(|(code, _)| *code).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn limit_myself() -> io::Result<()> {
    for (resource, most) in [
        (Resource::As, mapped() + MEMORY),
        (Resource::Cpu, CPU_SECONDS),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        // No new descriptor: the two pipes are open already.
        (Resource::Nofile, 0),
        (Resource::Nproc, 0),
    ] {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}

/// A PDF is drawn by a program in it, and words are as many as there are, so each file has a CPU
/// limit of its own beside that of the worker's life. Whatever goes beyond ends the process.
fn limit_job(ask: &Ask) -> io::Result<()> {
    let used = u64::try_from(clock_gettime(ClockId::ProcessCPUTime).tv_sec).unwrap_or(0);
    let most = match ask {
        Ask::Rebuild(_) => PICTURE_CPU_SECONDS,
        Ask::Read(Glance { words: Words::Read, .. }) | Ask::ReadAgain { .. } => WORDS_CPU_SECONDS,
        Ask::Read(_) | Ask::Draw { .. } => PDF_CPU_SECONDS,
    };
    let until = (used + 1 + most).min(CPU_SECONDS);
    Ok(setrlimit(Resource::Cpu, Rlimit { current: Some(until), maximum: Some(CPU_SECONDS) })?)
}

/// The address space that the program and its allocator hold already.
fn mapped() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|line| line.split(' ').next()?.parse::<u64>().ok());
    pages.map_or(0, |pages| pages * rustix::param::page_size() as u64)
}

/// Address space for a file: two copies of the largest picture, the file itself, and what a reader of
/// codes lays beside them.
const MEMORY: u64 = 512 << 20;

/// Over a worker's whole life, which ends after some files anyhow.
const CPU_SECONDS: u64 = 3_200;

/// For a picture. Its words are bounded by their own budget.
const PICTURE_CPU_SECONDS: u64 = 60;

/// For each time that a PDF is read or drawn.
const PDF_CPU_SECONDS: u64 = 10;

/// For each time that a PDF is read with the words in its pixels. They are bounded by a budget of
/// their own; this is for what is not a matter of words.
const WORDS_CPU_SECONDS: u64 = 150;
