use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use serde::Deserialize;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinError, JoinSet},
    time::{sleep, timeout},
};

use super::{
    Draining, Edge, EdgeSettings, Seat,
    edge::Place,
    proxy::{self, Subnet, Told},
};

/// `[listen]`: where the relay is spoken to. Everything but `admin` is TLS or upgrades to it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct ListenSettings {
    /// The API and the console.
    pub https: SocketAddr,
    /// SMTP with STARTTLS.
    pub smtp: SocketAddr,
    /// SMTP with TLS from the first byte.
    pub smtps: SocketAddr,
    /// Where a mail host that stands in front hands mail in (LMTP): on loopback or a private wire,
    /// since it is believed in what it says of its clients. Without it nobody does.
    pub lmtp: Option<SocketAddr>,
    /// Where a mail host that is there already asks about its mail (milter): on loopback or a
    /// private wire, since whoever asks is believed. Without it nobody does.
    pub milter: Option<SocketAddr>,
    /// Health, metrics and the local mailbox in plain HTTP: keep it on loopback.
    pub admin: SocketAddr,
    /// Where browsers and apps reach the chat behind the reverse proxy; without it nobody does.
    pub proxy_https: Option<SocketAddr>,
    /// Where a provider of short messages calls; without it nobody does.
    pub sms_https: Option<SocketAddr>,
    /// Load balancers: who connects from here must say by the PROXY protocol for whom, on every
    /// listener but `admin`, and is believed.
    pub proxy: Vec<Subnet>,
    /// What one corner of the network may take.
    pub limits: EdgeSettings,
}

impl Default for ListenSettings {
    fn default() -> Self {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            https: local(8443),
            smtp: local(2525),
            smtps: local(2465),
            lmtp: None,
            milter: None,
            admin: local(9464),
            proxy_https: None,
            sms_https: None,
            proxy: Vec::new(),
            limits: EdgeSettings::default(),
        }
    }
}

/// A connection that was let in.
#[derive(Debug)]
pub struct Session {
    /// The connection.
    pub stream: TcpStream,
    /// Who is at the other end.
    pub peer: SocketAddr,
    /// Its place at the edge.
    pub seat: Seat,
    /// When to finish.
    pub draining: Draining,
}

/// An open port.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    edge: Arc<Edge>,
    crowded: &'static [u8],
    balancers: Vec<Subnet>,
}

impl Listener {
    /// Opens `address`. Who finds no seat is told `crowded` (which may be empty) and put out.
    ///
    /// # Errors
    /// When the port can not be had.
    pub async fn open(address: SocketAddr, edge: Arc<Edge>, crowded: &'static [u8]) -> io::Result<Self> {
        Ok(Self { tcp: TcpListener::bind(address).await?, edge, crowded, balancers: Vec::new() })
    }

    /// Behind load balancers, who speak the PROXY protocol.
    pub fn behind(self, balancers: &[Subnet]) -> Self {
        Self { balancers: balancers.to_vec(), ..self }
    }

    /// Where it listens, with the port that the system chose where none was named.
    ///
    /// # Errors
    /// When the system does not know.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Accepts until the drain begins, then waits for the sessions in hand, [`DRAIN_WITHIN`] at
    /// most. No fault of one session or of `accept` itself ends the loop.
    pub async fn serve<F, S>(self, mut draining: Draining, session: F)
    where
        F: Fn(Session) -> S + Send + Sync + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let Self { tcp, edge, crowded, balancers } = self;
        let session = Arc::new(session);
        let mut sessions = JoinSet::new();
        let mut out_of_files = Duration::ZERO;
        loop {
            let accepted = tokio::select! {
                () = draining.begun() => break,
                Some(ended) = sessions.join_next() => { note(ended); continue }
                accepted = tcp.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    out_of_files = Duration::ZERO;
                    let _ = stream.set_nodelay(true);
                    if balancers.iter().any(|balancer| balancer.holds(peer.ip())) {
                        if let Ok(place) = edge.place() {
                            let (session, draining) = (Arc::clone(&session), draining.clone());
                            drop(sessions.spawn(async move {
                                if let Some((stream, peer, seat)) = introduced(stream, peer, place, crowded).await {
                                    session(Session { stream, peer, seat, draining }).await;
                                }
                            }));
                        }
                        continue;
                    }
                    match edge.admit(peer.ip()) {
                        Ok(seat) => {
                            drop(sessions.spawn(session(Session { stream, peer, seat, draining: draining.clone() })))
                        }
                        Err(_) => turn_away(stream, crowded),
                    }
                }
                Err(error) => out_of_files = pause(&error, out_of_files).await,
            }
        }
        drop(tcp);
        if timeout(DRAIN_WITHIN, async {
            while let Some(ended) = sessions.join_next().await {
                note(ended)
            }
        })
        .await
        .is_err()
        {
            tracing::warn!(left = sessions.len(), "sessions cut off by the end of the drain");
            sessions.shutdown().await;
        }
    }
}

/// A connection whose balancer has said for whom it is.
async fn introduced(
    mut stream: TcpStream,
    balancer: SocketAddr,
    place: Place,
    crowded: &[u8],
) -> Option<(TcpStream, SocketAddr, Seat)> {
    let peer = match proxy::read(&mut stream).await? {
        Told::From(peer) => peer,
        Told::Nobody => balancer,
    };
    match place.admit(peer.ip()) {
        Ok(seat) => Some((stream, peer, seat)),
        Err(_) => {
            turn_away(stream, crowded);
            None
        }
    }
}

/// Tells it without waiting: the send buffer of a new connection is empty.
fn turn_away(stream: TcpStream, crowded: &[u8]) {
    if let Ok(mut stream) = stream.into_std() {
        let _ = io::Write::write(&mut stream, crowded);
    }
}

/// A connection that died before it was accepted is no reason to wait. Without a file
/// descriptor left there is: sessions in hand must end first, and the loop must not spin.
async fn pause(error: &io::Error, before: Duration) -> Duration {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        return before;
    }
    tracing::warn!(%error, "can not accept for now");
    let pause = (before * 2).clamp(Duration::from_millis(10), Duration::from_secs(1));
    sleep(pause).await;
    pause
}

fn note(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        // The panic hook has told where; the payload may quote what the peer sent.
        tracing::error!("a session panicked");
        metrics::counter!("tabir_session_panics_total").increment(1);
    }
}

/// SIGTERM ends the relay within 15 s; two of them are left for the store.
const DRAIN_WITHIN: Duration = Duration::from_secs(13);

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::net::Drain;

    #[tokio::test]
    async fn a_drain_finishes_what_is_in_hand_and_takes_nothing_new() {
        let edge = Edge::new(&EdgeSettings::default());
        let listener = Listener::open(([127, 0, 0, 1], 0).into(), edge.clone(), b"").await.unwrap();
        let address = listener.address().unwrap();
        let drain = Drain::new();
        let serving = tokio::spawn(listener.serve(drain.draining(), |session| async move {
            let mut session = session;
            session.stream.write_all(b"hello").await.unwrap();
            session.draining.begun().await;
            session.stream.write_all(b" bye").await.unwrap();
        }));
        let mut client = TcpStream::connect(address).await.unwrap();
        let mut hello = [0; 5];
        client.read_exact(&mut hello).await.unwrap();
        drain.begin();
        let mut rest = String::new();
        client.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, " bye");
        serving.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
        assert_eq!(edge.open(), 0);
    }

    #[tokio::test]
    async fn a_panic_in_one_session_does_not_end_the_others() {
        timeout(Duration::from_secs(20), panics_in_one()).await.unwrap();
    }

    async fn panics_in_one() {
        let edge = Edge::new(&EdgeSettings { per_network: 1, ..EdgeSettings::default() });
        let listener = Listener::open(([127, 0, 0, 1], 0).into(), edge, b"421 full\r\n").await.unwrap();
        let address = listener.address().unwrap();
        let drain = Drain::new();
        let _serving = tokio::spawn(listener.serve(drain.draining(), |session| async move {
            // Whole, with its seat: a block takes no more of it than it names.
            let mut session = session;
            let byte = session.stream.read_u8().await.unwrap();
            assert_ne!(byte, b'!', "as the test wants it");
            session.stream.write_all(b"ok").await.unwrap();
        }));
        let mut first = TcpStream::connect(address).await.unwrap();
        sleep(Duration::from_millis(50)).await;
        let mut refused = String::new();
        TcpStream::connect(address).await.unwrap().read_to_string(&mut refused).await.unwrap();
        assert_eq!(refused, "421 full\r\n");
        first.write_all(b"!").await.unwrap();
        assert_eq!(first.read(&mut [0; 8]).await.unwrap_or(0), 0);
        sleep(Duration::from_millis(50)).await;
        let mut second = TcpStream::connect(address).await.unwrap();
        second.write_all(b".").await.unwrap();
        let mut answer = String::new();
        second.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "ok");
    }

    /// What a session behind a balancer on loopback says: who it is for, and what came first.
    async fn told(balancers: &[&str], sent: &[u8]) -> String {
        let balancers: Vec<Subnet> = balancers.iter().map(|text| (*text).to_owned().try_into().unwrap()).collect();
        let edge = Edge::new(&EdgeSettings { per_network: 1, ..EdgeSettings::default() });
        let listener = Listener::open(([127, 0, 0, 1], 0).into(), edge.clone(), b"").await.unwrap().behind(&balancers);
        let address = listener.address().unwrap();
        let drain = Drain::new();
        let serving = tokio::spawn(listener.serve(drain.draining(), |mut session| async move {
            let mut first = [0; 4];
            assert!(session.stream.nodelay().unwrap(), "a short reply does not wait for a long one");
            session.stream.read_exact(&mut first).await.unwrap();
            let said = format!("{} {}", session.peer.ip(), String::from_utf8_lossy(&first));
            session.stream.write_all(said.as_bytes()).await.unwrap();
            session.stream.shutdown().await.unwrap();
            // What was not read would reset the connection, and the words with it.
            let _ = session.stream.read_to_end(&mut Vec::new()).await;
        }));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(sent).await.unwrap();
        let mut said = String::new();
        let _ = client.read_to_string(&mut said).await;
        drop(client);
        drain.begin();
        serving.await.unwrap();
        assert_eq!(edge.open(), 0, "every seat came back");
        said
    }

    #[tokio::test]
    async fn who_connects_is_whom_a_balancer_names() {
        let v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x01\0\x50\0\x19EHLO";
        for (sent, wanted) in [
            (&b"PROXY TCP4 192.0.2.1 198.51.100.1 80 25\r\nEHLO"[..], "192.0.2.1 EHLO"),
            (v2, "192.0.2.1 EHLO"),
            (b"PROXY TCP6 2001:db8::7 2001:db8::1 80 25\r\nEHLO", "2001:db8::7 EHLO"),
            (b"PROXY UNKNOWN\r\nEHLO", "127.0.0.1 EHLO"),
        ] {
            assert_eq!(told(&["10.0.0.0/8", "127.0.0.0/8"], sent).await, wanted);
        }
    }

    #[tokio::test]
    async fn a_balancer_that_names_nobody_is_put_out() {
        for sent in [&b"EHLO shop.example\r\n"[..], b"PROXY TCP4 192.0.2.1\r\n", b"PROXY TCP4 "] {
            assert_eq!(told(&["127.0.0.1"], sent).await, "", "{sent:?}");
        }
    }

    #[tokio::test]
    async fn whoever_else_names_somebody_is_not_believed() {
        assert_eq!(told(&["10.0.0.0/8"], b"PROXY TCP4 192.0.2.1 198.51.100.1 80 25\r\n").await, "127.0.0.1 PROX");
    }
}
