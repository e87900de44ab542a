//! One connection: HTTP/1.1 or HTTP/2 over whatever stream the listener made of it.

use std::{
    convert::Infallible,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use hyper::{Version, body::Incoming, header::HOST, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::{Api, live::whole, problem::Problem};
use crate::net::Session;

impl Api {
    /// A connection that was let in: TLS, then requests until its end or the drain.
    pub async fn session(self: Arc<Self>, session: Session, acceptor: TlsAcceptor) {
        let Session { stream, peer, seat, mut draining } = session;
        let shaken = async {
            seat.edge().handshake(peer.ip()).await;
            acceptor.accept(stream).await
        };
        match timeout(HANDSHAKE_TIME, shaken).await {
            Ok(Ok(stream)) => serve_connection(stream, self, async move { draining.begun().await }).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
        drop(seat);
    }
}

/// Serves a connection until its end, or after `stop` until the requests in hand are answered.
pub async fn serve_connection<S>(stream: S, api: Arc<Api>, stop: impl Future<Output = ()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let api = Arc::clone(&api);
        async move {
            Ok::<_, Infallible>(match one_host(&request) {
                Ok(()) => api.answer(request).await,
                Err(problem) => whole(problem.response()),
            })
        }
    });
    let builder = bounded();
    let connection = builder.serve_connection(TokioIo::new(FirstByte::new(stream)), service);
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

/// HTTP/1.1 names its host once (RFC 9112 §3.2): what two programs on the way could read
/// differently is answered by none.
fn one_host(request: &hyper::Request<Incoming>) -> Result<(), Problem> {
    let hosts = request.headers().get_all(HOST).iter().count();
    let wanted = if request.version() == Version::HTTP_11 { 1..=1 } else { 0..=1 };
    if wanted.contains(&hosts) { Ok(()) } else { Err(Problem::field("Host", "wanted once")) }
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
