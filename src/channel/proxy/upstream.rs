//! The services behind: several addresses used in turn, over connections that are kept.

use std::{
    error::Error,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError};
use hyper::{
    Request, Response, Uri,
    body::Incoming,
    http::{
        request::Parts,
        uri::{self, Authority, PathAndQuery, Scheme},
    },
};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, Error as ClientError, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::pki_types::ServerName;
use tokio::time::timeout_at;

use super::{
    Outgoing,
    refusal::No,
    settings::{RefusalSettings, UpstreamSettings, UpstreamTls},
};
use crate::net::tls_client;

/// A service behind.
pub(super) struct Upstream {
    addresses: Vec<Address>,
    next: AtomicUsize,
    client: Client<HttpsConnector<HttpConnector>, Outgoing>,
    scheme: Scheme,
    answer: Duration,
    health: Option<(PathAndQuery, Duration)>,
    /// How its refusals look.
    pub(super) refusal: Option<RefusalSettings>,
}

struct Address {
    /// With its port.
    at: Authority,
    /// Until when nobody is sent there, after a connection that came to nothing.
    down: Mutex<Option<Instant>>,
}

/// What a call carries.
pub(super) enum Load {
    /// All of it is here, and can be sent twice.
    Whole(Bytes),
    /// It is still coming.
    Coming(Outgoing),
}

impl Upstream {
    /// Reads its settings.
    ///
    /// # Errors
    /// The key at fault and why.
    pub(super) fn new(settings: &UpstreamSettings) -> Result<Self, (&'static str, String)> {
        if settings.addresses.is_empty() {
            return Err(("addresses", "at least one is needed".to_owned()));
        }
        let mut addresses = Vec::new();
        for at in &settings.addresses {
            let read = at.parse::<Authority>().ok().filter(|read| read.port_u16().is_some() && !at.contains('@'));
            let odd = || ("addresses", format!("`{at}` is not a host with its port such as 10.0.0.7:8080"));
            addresses.push(Address { at: read.ok_or_else(odd)?, down: Mutex::new(None) });
        }
        if settings.answer.std() > LONGEST {
            return Err(("answer", "at most ten minutes".to_owned()));
        }
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(settings.connect.std()));
        connector.set_nodelay(true);
        // Whether it is TLS says the scheme.
        connector.enforce_http(false);
        let scheme = if settings.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        let connector = secured(connector, settings.tls.as_ref())?;
        let health = settings.health.as_ref().map(|health| {
            let path = health.path.parse::<PathAndQuery>().ok().filter(|_| health.path.starts_with('/'));
            let path = path.ok_or_else(|| ("health", format!("`{}` is not a path such as /health", health.path)))?;
            let every = health.every.std();
            if every < OFTEN { Err(("health", "at most ten times a second".to_owned())) } else { Ok((path, every)) }
        });
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http1_title_case_headers(false)
            .build(connector);
        Ok(Self {
            addresses,
            next: AtomicUsize::new(0),
            client,
            scheme,
            answer: settings.answer.std(),
            health: health.transpose()?,
            refusal: settings.refusal.clone(),
        })
    }

    /// Whether every address was found dead a moment ago: then nothing needs to be accepted for it.
    pub(super) fn is_down(&self) -> bool {
        self.addresses.iter().all(Address::is_down)
    }

    /// Asks every address now and then whether it lives, as long as somebody else holds the upstream.
    pub(super) fn watch(upstream: &Arc<Self>) {
        let Some((path, every)) = upstream.health.clone() else { return };
        let held = Arc::downgrade(upstream);
        tokio::spawn(async move {
            while let Some(upstream) = held.upgrade() {
                for address in &upstream.addresses {
                    let lives = upstream.lives(address, path.clone(), every).await;
                    if lives == address.is_down() {
                        tracing::warn!(at = %address.at, lives, "an upstream changed");
                    }
                    // Until it is asked again twice: who asks may be late.
                    address.set_down((!lives).then(|| Instant::now() + 2 * every + OFTEN));
                }
                drop(upstream);
                tokio::time::sleep(every).await;
            }
        });
    }

    async fn lives(&self, address: &Address, path: PathAndQuery, most: Duration) -> bool {
        let mut uri = uri::Parts::default();
        uri.scheme = Some(self.scheme.clone());
        uri.authority = Some(address.at.clone());
        uri.path_and_query = Some(path);
        let Ok(uri) = Uri::from_parts(uri) else { return false };
        let Ok(request) = Request::get(uri).body(super::empty()) else { return false };
        match tokio::time::timeout(most, self.client.request(request)).await {
            Ok(Ok(response)) => response.status().is_success() || response.status().is_redirection(),
            _ => false,
        }
    }

    /// Sends a call and waits for the head of the answer. Where no connection comes about the next address is tried, as
    /// far as the load is still there.
    pub(super) async fn send(&self, parts: Parts, load: Load) -> Result<Response<Incoming>, No> {
        // One for all addresses: a delivery upstream is given up by the store after a time.
        let deadline = Instant::now() + self.answer;
        let whole = match load {
            Load::Whole(bytes) => bytes,
            Load::Coming(body) => {
                let Some(address) = self.in_turn().next() else { return Err(No::Down) };
                return self.try_at(address, parts, body, deadline).await;
            }
        };
        let mut ended = No::Down;
        for address in self.in_turn() {
            let body = Full::new(whole.clone()).map_err(|never| match never {}).boxed();
            match self.try_at(address, parts.clone(), body, deadline).await {
                Err(No::Down) => {}
                // What is done twice is done once (RFC 9110 §9.2.2).
                Err(No::Lost) if parts.method.is_idempotent() => ended = No::Lost,
                answered => return answered,
            }
        }
        Err(ended)
    }

    /// The addresses that may live, beginning with the one whose turn it is.
    fn in_turn(&self) -> impl Iterator<Item = &Address> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let all = self.addresses.len();
        (0..all).map(move |n| &self.addresses[(first.wrapping_add(n)) % all]).filter(|address| !address.is_down())
    }

    async fn try_at(
        &self,
        address: &Address,
        mut parts: Parts,
        body: Outgoing,
        deadline: Instant,
    ) -> Result<Response<Incoming>, No> {
        let mut uri = uri::Parts::default();
        uri.scheme = Some(self.scheme.clone());
        uri.authority = Some(address.at.clone());
        uri.path_and_query = parts.uri.path_and_query().cloned().or(Some(PathAndQuery::from_static("/")));
        parts.uri = Uri::from_parts(uri).map_err(|_| No::Ambiguous("the path can not be sent on"))?;
        let sent = self.client.request(Request::from_parts(parts, body));
        match timeout_at(deadline.into(), sent).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_connect() => {
                address.rest();
                tracing::warn!(at = %address.at, "no connection to an upstream");
                Err(No::Down)
            }
            Ok(Err(error)) => Err(why(&error)),
            Err(_) => Err(No::Late),
        }
    }
}

/// TLS where it is wanted; a connection to the name in the certificate is made to the address all the same.
fn secured(
    plain: HttpConnector,
    tls: Option<&UpstreamTls>,
) -> Result<HttpsConnector<HttpConnector>, (&'static str, String)> {
    let UpstreamTls { ca, name } = tls.cloned().unwrap_or_default();
    let client =
        tls_client(ca.as_deref(), "reading the roots of an upstream").map_err(|e| ("tls", e.chain().to_string()))?;
    let builder = HttpsConnectorBuilder::new().with_tls_config((**client.config()).clone()).https_or_http();
    let builder = match name {
        Some(name) => {
            let odd = |_| ("tls", format!("`{name}` is not a host name"));
            let name = ServerName::try_from(name.clone()).map_err(odd)?;
            builder.with_server_name_resolver(FixedServerNameResolver::new(name))
        }
        None => builder,
    };
    Ok(builder.enable_http1().wrap_connector(plain))
}

/// A call whose body was too long ends as a fault of the client, behind which the limit stands.
fn why(error: &ClientError) -> No {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(cause) = next {
        if cause.is::<LengthLimitError>() {
            return No::TooLarge;
        }
        next = cause.source();
    }
    tracing::debug!(%error, "an upstream did not answer");
    No::Lost
}

impl Address {
    fn is_down(&self) -> bool {
        let down = self.down.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        down.is_some_and(|until| until > Instant::now())
    }

    /// Left alone for a moment; where somebody asks whether it lives that says more.
    fn rest(&self) {
        let until = Instant::now() + REST;
        let mut down = self.down.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *down = Some(down.map_or(until, |already| already.max(until)));
    }

    fn set_down(&self, until: Option<Instant>) {
        *self.down.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = until;
    }
}

/// A delivery upstream is given up by the store after fifteen minutes: no answer is waited for that long.
const LONGEST: Duration = Duration::from_secs(600);
/// The least time between two questions whether an address lives.
const OFTEN: Duration = Duration::from_millis(100);
/// How long an address is left alone that took no connection.
const REST: Duration = Duration::from_secs(1);
/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(60);
