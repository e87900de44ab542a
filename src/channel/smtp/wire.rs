//! A client's connection: what came and was not read yet, what is said and was not sent yet.
//! Replies are collected and leave in one write, before anything is waited for.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout, timeout_at},
};

/// Why nothing more comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    /// The client left.
    Left,
    /// It took too long.
    Late,
}

/// The connection.
pub(super) struct Wire<S> {
    stream: S,
    input: Vec<u8>,
    /// How much of `input` was taken.
    taken: usize,
    output: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, input: Vec::new(), taken: 0, output: Vec::new() }
    }

    /// What came and was not taken.
    pub(super) fn pending(&self) -> &[u8] {
        self.input.get(self.taken..).unwrap_or(&[])
    }

    /// Takes `length` bytes of what is pending.
    pub(super) fn take(&mut self, length: usize) {
        self.taken = self.input.len().min(self.taken + length);
        if self.taken == self.input.len() {
            self.input.clear();
            self.taken = 0;
        }
    }

    /// Adds a line to what is said.
    pub(super) fn say(&mut self, line: &str) {
        self.output.extend_from_slice(line.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    /// Sends what was said, then waits for more to come.
    pub(super) async fn fill(&mut self, deadline: Instant) -> Result<(), Gone> {
        self.flush(deadline).await?;
        self.read(deadline).await
    }

    /// Waits for more to come. Nothing is lost when it is dropped half-way.
    pub(super) async fn read(&mut self, deadline: Instant) -> Result<(), Gone> {
        if self.taken > 0 {
            self.input.drain(..self.taken);
            self.taken = 0;
        }
        self.input.reserve(READ);
        match timeout_at(deadline, self.stream.read_buf(&mut self.input)).await {
            Err(_) => Err(Gone::Late),
            Ok(Ok(0) | Err(_)) => Err(Gone::Left),
            Ok(Ok(_)) => Ok(()),
        }
    }

    /// Sends what was said.
    pub(super) async fn flush(&mut self, deadline: Instant) -> Result<(), Gone> {
        if self.output.is_empty() {
            return Ok(());
        }
        let sent = async {
            self.stream.write_all(&self.output).await?;
            self.stream.flush().await
        };
        let sent: Result<io::Result<()>, _> = timeout_at(deadline, sent).await;
        self.output.clear();
        match sent {
            Err(_) => Err(Gone::Late),
            Ok(Err(_)) => Err(Gone::Left),
            Ok(Ok(())) => Ok(()),
        }
    }

    /// The bare stream, for TLS.
    pub(super) fn into_stream(self) -> S {
        self.stream
    }

    /// Says the last words and closes. What the client still sends is let go for a moment: a
    /// connection closed over unread bytes is reset, and the last words would be lost with it.
    pub(super) async fn close(mut self) {
        let soon = Instant::now() + LINGER;
        if self.flush(soon).await.is_err() || timeout_at(soon, self.stream.shutdown()).await.is_err() {
            return;
        }
        let mut scrap = [0; 4_096];
        let mut left = LINGER_BYTES;
        while left > 0 {
            match timeout(LINGER / 4, self.stream.read(&mut scrap)).await {
                Ok(Ok(read)) if read > 0 && Instant::now() < soon => left = left.saturating_sub(read),
                _ => return,
            }
        }
    }
}

/// A TLS record, about. What a connection holds while nothing is on its way.
const READ: usize = 16_384;

const LINGER: Duration = Duration::from_millis(1_000);
const LINGER_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use tokio::io::ReadBuf;

    use super::*;

    /// Counts what is written at once.
    #[derive(Default)]
    struct Counting(Vec<usize>);

    impl AsyncRead for Counting {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Counting {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.0.push(bytes.len());
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn all_that_is_said_leaves_in_one_write() {
        let soon = Instant::now() + Duration::from_secs(5);
        let mut wire = Wire::new(Counting::default());
        for line in ["250-mx.example\r\n250 SIZE 1", "250 2.1.0 ok", "354 go ahead"] {
            wire.say(line);
        }
        wire.flush(soon).await.unwrap();
        wire.flush(soon).await.unwrap();
        assert_eq!(wire.into_stream().0, [28 + 14 + 14]);
    }
}
