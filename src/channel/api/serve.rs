//! The API on a connection.

use std::{future::Future, sync::Arc};

use hyper::{Request, body::Incoming};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

use super::{Api, live::whole, problem::Problem};
use crate::{channel::https, net::Session};

impl Api {
    /// A connection that was let in: TLS, then requests until its end or the drain.
    pub async fn session(self: Arc<Self>, session: Session, acceptor: TlsAcceptor) {
        let Session { stream, peer, seat, mut draining } = session;
        if let Some(stream) = https::shake(stream, peer.ip(), &seat, acceptor).await {
            serve_connection(stream, self, async move { draining.begun().await }).await;
        }
        drop(seat);
    }
}

/// Serves a connection until its end, or after `stop` until the requests in hand are answered.
pub async fn serve_connection<S>(stream: S, api: Arc<Api>, stop: impl Future<Output = ()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answer = move |request: Request<Incoming>| {
        let api = Arc::clone(&api);
        async move {
            if https::has_one_host(&request) {
                api.answer(request).await
            } else {
                whole(Problem::field("Host", "wanted once").response())
            }
        }
    };
    https::serve(stream, answer, stop).await;
}
