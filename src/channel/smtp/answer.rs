//! What a server says to us, within limits: its text is never kept, logged or passed on.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::{Instant, timeout_at},
};

/// A server's reply, without its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// The three digits.
    pub(super) code: u16,
    /// The enhanced status, when it was given and agrees with the code.
    pub(super) status: Option<String>,
}

impl Answer {
    /// 2xx or 3xx.
    pub(super) fn is_yes(&self) -> bool {
        (200..400).contains(&self.code)
    }

    /// Whether asking again can not help. 552 is what old servers say of a full mailbox, which
    /// may be emptied (RFC 5321 §4.5.3.1.10).
    pub(super) fn is_final(&self) -> bool {
        (500..600).contains(&self.code) && !(self.code == 552 && self.status.as_deref() != Some("5.3.4"))
    }

    /// Whether the host wants to be left alone for a while: it closes (421), or says that its
    /// policy or its state is against us now (X.7.Z, X.3.2), whoever the mail is for.
    pub(super) fn is_busy(&self) -> bool {
        let status = self.status.as_deref().unwrap_or("");
        self.code == 421 || status == "4.3.2" || status.starts_with("4.7.")
    }

    /// `5.1.1`, or `550` where that is all there is.
    pub(super) fn name(&self) -> String {
        self.status.clone().unwrap_or_else(|| self.code.to_string())
    }
}

/// Reads a reply; `each` is given the text of every line.
pub(super) async fn answer<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut Vec<u8>,
    within: Duration,
    mut each: impl FnMut(&str),
) -> io::Result<Answer> {
    let deadline = Instant::now() + within;
    let mut total = 0;
    let mut answer = Answer::default();
    loop {
        let line = line(stream, buffer, deadline).await?;
        total += line.len();
        let (code, last, text) = split(&line).ok_or_else(misspoken)?;
        if (answer.code != 0 && answer.code != code) || total > WHOLE {
            return Err(misspoken());
        }
        answer.code = code;
        if answer.status.is_none() {
            answer.status = status(code, text);
        }
        each(text);
        if last {
            return Ok(answer);
        }
    }
}

async fn line<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>, deadline: Instant) -> io::Result<Vec<u8>> {
    loop {
        if let Some(end) = memchr::memchr(b'\n', buffer) {
            let rest = buffer.split_off(end + 1);
            let mut line = std::mem::replace(buffer, rest);
            line.truncate(end);
            line.pop_if(|last| *last == b'\r');
            return Ok(line);
        }
        if buffer.len() > LINE {
            return Err(misspoken());
        }
        let read = timeout_at(deadline, stream.read_buf(buffer)).await.map_err(|_| io::ErrorKind::TimedOut)??;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn split(line: &[u8]) -> Option<(u16, bool, &str)> {
    let (digits, rest) = line.split_at_checked(3)?;
    let code: u16 = std::str::from_utf8(digits).ok()?.parse().ok().filter(|code| (200..600).contains(code))?;
    let last = match rest.first() {
        None | Some(b' ') => true,
        Some(b'-') => false,
        Some(_) => return None,
    };
    Some((code, last, std::str::from_utf8(rest.get(1..).unwrap_or(b"")).unwrap_or("")))
}

/// RFC 3463, of the same class as the code.
fn status(code: u16, text: &str) -> Option<String> {
    let word = text.split(' ').next()?;
    let mut numbers = word.split('.');
    let class = numbers.next()?.parse::<u16>().ok()? == code / 100;
    let mut detail =
        || numbers.next().is_some_and(|n| (1..=3).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()));
    let fits = class && detail() && detail() && numbers.next().is_none();
    fits.then(|| word.to_owned())
}

pub(super) fn misspoken() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// RFC 5321 says 512; some hosts write longer ones.
const LINE: usize = 2_048;

/// All lines of one reply.
const WHOLE: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> io::Result<Answer> {
        answer(&mut &*bytes, &mut Vec::new(), Duration::from_secs(1), |_| {}).await
    }

    #[tokio::test]
    async fn replies_are_read_for_their_codes() {
        let answer = read(b"550-5.1.1 no\r\n550 5.1.1 such user\r\n").await.unwrap();
        assert_eq!((answer.code, answer.name(), answer.is_final()), (550, "5.1.1".to_owned(), true));
        assert_eq!(read(b"250 ok\r\n").await.unwrap().name(), "250");
        assert_eq!(read(b"450 5.1.1 mismatch\n").await.unwrap().name(), "450");
        assert!(read(b"354\r\n").await.unwrap().is_yes());
        assert!(!read(b"552 5.2.2 mailbox full\r\n").await.unwrap().is_final());
    }

    #[tokio::test]
    async fn a_reply_without_end_or_sense_is_cut_off() {
        let bomb = b"250-x\r\n".repeat(100_000);
        let line = vec![b'2'; 100_000];
        for bytes in [&bomb[..], &line, b"250-a\r\n550 b\r\n", b"hello\r\n", b"99 x\r\n", b"250x\r\n", b"250 cut"] {
            assert!(read(bytes).await.is_err());
        }
    }

    #[tokio::test]
    async fn a_busy_host_is_told_from_a_full_mailbox() {
        for (text, busy) in [
            ("421 try later\r\n", true),
            ("421 4.7.0 too many connections\r\n", true),
            ("451 4.7.500 server busy\r\n", true),
            ("450 4.3.2 closing\r\n", true),
            ("450 4.2.1 this mailbox gets too much\r\n", false),
            ("452 4.2.2 full\r\n", false),
            ("550 4.7.1 of another class\r\n", false),
            ("550 5.7.1 no\r\n", false),
        ] {
            assert_eq!(read(text.as_bytes()).await.unwrap().is_busy(), busy, "{text}");
        }
    }
}
