//! One connection over HTTPS: HTTP/1.1 or HTTP/2, bounded, until its end or the drain. What is answered is the dialect's.

use std::{
    convert::Infallible,
    error::Error,
    future::Future,
    io,
    net::IpAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    Request, Response, Version,
    body::{Body, Incoming},
    header::{CONTENT_LENGTH, EXPECT, HOST, HeaderMap},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::net::Seat;

/// TLS with who was let in; `None`: it came to nothing.
pub(super) async fn shake(
    stream: TcpStream,
    peer: IpAddr,
    seat: &Seat,
    acceptor: TlsAcceptor,
) -> Option<TlsStream<TcpStream>> {
    let shaken = async {
        seat.edge().handshake(peer).await;
        acceptor.accept(stream).await
    };
    match timeout(HANDSHAKE_TIME, shaken).await {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
    None
}

/// Serves a connection until its end, or after `stop` until the requests in hand are answered.
pub(super) async fn serve<S, H, F, B>(stream: S, handler: H, stop: impl Future<Output = ()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let service = service_fn(|request| {
        // An answer is kilobytes of state, which hyper moves about.
        let answer = Box::pin(handler(request));
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let builder = bounded();
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(FirstByte::new(stream)), service);
    tokio::pin!(connection, stop);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = &mut stop => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // What peers do wrong is counted, not told at length.
        metrics::counter!("tabir_http_connection_errors_total").increment(1);
        tracing::debug!(%error, "a connection ended");
    }
}

/// Whether HTTP/1.1 names its host once (RFC 9112 §3.2): what two programs on the way could read
/// differently is answered by none.
pub(super) fn has_one_host<B>(request: &Request<B>) -> bool {
    let hosts = request.headers().get_all(HOST).iter().count();
    if request.version() == Version::HTTP_11 { hosts == 1 } else { hosts <= 1 }
}

/// What the head of a request says of its body.
pub(super) struct Announced {
    length: Option<u64>,
    /// Nothing is sent before `100 Continue`.
    waits: bool,
}

impl Announced {
    /// Reads a head.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let length = headers.get(CONTENT_LENGTH).and_then(|h| h.to_str().ok()).and_then(|h| h.parse().ok());
        Self { length, waits: headers.contains_key(EXPECT) }
    }

    /// Whether it is longer than so many bytes.
    pub(super) fn exceeds(&self, most: usize) -> bool {
        self.length.is_some_and(|n| n > most as u64)
    }
}

/// Reads on what a refused request still sends and keeps nothing of it: a client that is cut off
/// while it writes sees a broken stream in place of the answer (RFC 9113 §8.1). Of what is very
/// long some is still read after the answer; then it is cut off. A client that announces a length
/// and waits for `100 Continue` has sent nothing.
pub(super) async fn drain<B>(announced: &Announced, mut body: B, most: usize)
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
{
    if announced.waits && announced.length.is_some() {
        return;
    }
    if announced.exceeds(most) || !ends(&mut body, most).await {
        tokio::spawn(async move { ends(&mut body, most).await });
    }
}

/// Whether a body ends within bounds.
async fn ends<B: Body<Data = Bytes> + Unpin>(body: &mut B, most: usize) -> bool {
    let mut left = most;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                return false;
            }
        }
        true
    };
    timeout(DRAIN_TIME, reading).await.unwrap_or(false)
}

fn bounded() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_TIME).max_buf_size(64 * 1024);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(64)
        .max_header_list_size(16 * 1024)
        .max_pending_accept_reset_streams(20)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// A stream that gives up when nothing at all comes: until the first bytes hyper does not know
/// which protocol's limits to apply.
struct FirstByte<S> {
    stream: S,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> FirstByte<S> {
    fn new(stream: S) -> Self {
        Self { stream, waiting: Some(Box::pin(sleep(HEADERS_TIME))) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FirstByte<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        match (&read, &mut self.waiting) {
            (Poll::Ready(_), _) => self.waiting = None,
            (Poll::Pending, Some(waiting)) => {
                if waiting.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
            (Poll::Pending, None) => {}
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FirstByte<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// How long what a refused request still sends may take.
const DRAIN_TIME: Duration = Duration::from_secs(10);
/// How long a TLS handshake may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// How long the head of a request may take.
const HEADERS_TIME: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn a_silent_peer_is_let_go() {
        let (near, _far) = tokio::io::duplex(64);
        let mut stream = FirstByte::new(near);
        stream.waiting = Some(Box::pin(sleep(Duration::from_millis(5))));
        let error = stream.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
