//! From an accepted connection to a session: TLS first where it comes first, or in the middle.

use std::{net::IpAddr, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, timeout_at},
};
use tokio_rustls::server::TlsStream;

use super::{
    Gate,
    session::{End, Link, Peer, talk},
};
use crate::net::{Seat, Session};

impl Gate {
    /// Serves one connection. `wrapped` is TLS from the first byte; otherwise it comes with
    /// STARTTLS, if it comes.
    pub async fn session(self: Arc<Self>, session: Session, wrapped: bool) {
        metrics::counter!("tabir_smtp_sessions_total").increment(1);
        let Session { stream, peer, seat, draining } = session;
        let peer = |link| Peer { address: peer.ip(), seat: &seat, link, draining: draining.clone() };
        let (stream, link) = if wrapped {
            (stream, Link::Tls)
        } else {
            match talk(&self, stream, peer(Link::Plain)).await {
                End::Closed => return,
                End::StartTls(stream) => (stream, Link::Upgraded),
            }
        };
        let address = peer(link).address;
        if let Some(stream) = self.secure(stream, &seat, address).await {
            talk(&self, stream, peer(link)).await;
        }
    }

    async fn secure<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        seat: &Seat,
        address: IpAddr,
    ) -> Option<TlsStream<S>> {
        let deadline = Instant::now() + self.settings.limits.greeting.std();
        let shaken = timeout_at(deadline, async {
            seat.edge().handshake(address).await;
            self.tls.accept(stream).await
        });
        let shaken = shaken.await.ok().and_then(Result::ok);
        if shaken.is_none() {
            metrics::counter!("tabir_tls_handshakes_failed_total").increment(1);
        }
        shaken
    }
}
