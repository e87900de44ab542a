//! From an accepted connection to a session: TLS first where it comes first, or in the middle.

use std::sync::Arc;

use ring::digest;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, timeout_at},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    Smtp, reply,
    session::{End, Link, Peer, talk},
};
use crate::net::{Draining, Edge, Listener, Seat, Session};

/// What is spoken on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// SMTP in clear, TLS by STARTTLS.
    Smtp,
    /// SMTP under TLS from the first byte.
    Smtps,
    /// LMTP (RFC 2033), from a mail host of the operator's that stands in front: it is believed in
    /// what it says of its clients (XFORWARD), so this belongs on loopback or a private wire.
    Lmtp,
}

impl Smtp {
    /// Opens a port for mail.
    ///
    /// # Errors
    /// When it can not be had.
    pub async fn listen(address: std::net::SocketAddr, edge: Arc<Edge>, door: Door) -> std::io::Result<Listener> {
        // Before TLS a reply would be noise.
        let crowded = if door == Door::Smtps { b"" } else { reply::CROWDED };
        Listener::open(address, edge, crowded).await
    }

    /// Serves mail on a port until the drain is over.
    pub async fn serve(self: Arc<Self>, listener: Listener, tls: TlsAcceptor, door: Door, draining: Draining) {
        listener
            .serve(draining, move |session| {
                let (smtp, tls) = (self.clone(), tls.clone());
                async move { smtp.session(session, &tls, door).await }
            })
            .await;
    }

    async fn session(self: Arc<Self>, session: Session, tls: &TlsAcceptor, door: Door) {
        metrics::counter!("tabir_smtp_sessions_total").increment(1);
        let Session { stream, peer, seat, draining } = session;
        let (address, seat) = (peer.ip(), &seat);
        let peer = |link, certificate| Peer { address, seat, door, link, draining: draining.clone(), certificate };
        let (stream, link) = match door {
            Door::Smtps => (stream, Link::Tls),
            Door::Smtp | Door::Lmtp => match talk(&self, stream, peer(Link::Plain, None)).await {
                End::Closed => return,
                End::StartTls(stream) => (stream, Link::Upgraded),
            },
        };
        if let Some(stream) = self.secure(stream, tls, seat, &address).await {
            let certificate = certificate_of(&stream);
            talk(&self, stream, peer(link, certificate)).await;
        }
    }

    async fn secure<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        tls: &TlsAcceptor,
        seat: &Seat,
        address: &std::net::IpAddr,
    ) -> Option<TlsStream<S>> {
        let deadline = Instant::now() + self.terms.load().settings.limits.greeting.std();
        let shaken = timeout_at(deadline, async {
            seat.edge().handshake(*address).await;
            tls.accept(stream).await
        });
        let shaken = shaken.await.ok().and_then(Result::ok);
        if shaken.is_none() {
            metrics::counter!("tabir_tls_handshakes_failed_total").increment(1);
        }
        shaken
    }
}

/// SHA-256 of the certificate that a client has shown: that it has the key is part of the handshake.
fn certificate_of<S>(stream: &TlsStream<S>) -> Option<[u8; 32]> {
    let shown = stream.get_ref().1.peer_certificates()?.first()?;
    digest::digest(&digest::SHA256, shown).as_ref().try_into().ok()
}
