//! The reverse proxy before a chat that is there already: what the settings name is judged before a byte of it goes
//! upstream, everything else goes through as it is.
//!
//! One call goes: path → route → body → people → relay or desk → upstream → answer. [`settings`] says what may be set,
//! [`routes`] which call is which, [`judged`] what becomes of texts, [`contacts`] what stands in answers in the place of
//! contacts.
//!
//! # Security
//! Imports `model`, `relay`, `desk`, `net`. Parses hostile bytes (HTTP by hyper, JSON by serde, both bounded); holds no
//! keys but those that check callers' tokens. A judged body goes upstream as it was rebuilt from what was read, never as
//! it came; what can not be read is refused. The caller's framing ends here: the upstream gets ours.

mod body;
mod contacts;
mod frames;
mod head;
mod json;
mod judged;
mod observe;
mod refusal;
mod routes;
mod settings;
mod stream;
mod token;
mod upstream;

use std::{
    error::Error,
    net::IpAddr,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited, combinators::BoxBody};
use hyper::{
    Request, Response, StatusCode,
    body::{Body, Incoming},
    header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, HeaderValue},
    http::request::Parts,
    upgrade::OnUpgrade,
};
use hyper_util::rt::TokioIo;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

use super::https::{self, Announced};
use crate::{
    desk::Desk,
    model::Clock,
    net::{Draining, Seat, Session},
    relay::Relay,
};
use body::{Body as Judged, Form};
use head::Caller;
use refusal::No;
use routes::{Does, Found};
use upstream::{Load, Upstream};

pub use routes::{Routes, Unusable};
pub use settings::{
    Action, BodyKind, ContactFields, FrameSettings, FrameWrapping, Health, IssuerSettings, ProxySettings,
    RefusalSettings, RouteSettings, SideFields, Source, UpstreamSettings, UpstreamTls,
};
pub use token::Issuer;

/// A body on its way, in either direction.
pub(super) type Outgoing = BoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// The proxy: shared by all connections.
pub struct Proxy {
    desk: Arc<Desk>,
    relay: Arc<Relay>,
    clock: Arc<dyn Clock>,
    routes: Routes,
    max_body: usize,
    max_judged: usize,
    max_upload: usize,
    /// Bodies with files that may be held at one time.
    uploads: Arc<Semaphore>,
    /// Calls that may be judged and brought at one time: each holds its body.
    turns: Arc<Semaphore>,
    luck: SystemRandom,
}

/// A caller's connection. A WebSocket outlives the request that opened it, and keeps its seat.
struct Line {
    peer: IpAddr,
    /// By which its calls are known, with their number behind it: so nobody learns of the calls of others.
    id: [u8; 12],
    calls: AtomicU32,
    _seat: Seat,
    draining: Draining,
}

impl Line {
    fn new(peer: IpAddr, seat: Seat, draining: Draining, luck: &SystemRandom) -> Self {
        let mut id = [0; 12];
        // Without luck connections of that moment share an id: nothing rests on it.
        let _ = luck.fill(&mut id);
        Self { peer, id, calls: AtomicU32::new(0), _seat: seat, draining }
    }

    /// The id of its next call.
    fn request_id(&self) -> HeaderValue {
        let mut bytes = [0; 16];
        bytes[..12].copy_from_slice(&self.id);
        bytes[12..].copy_from_slice(&self.calls.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        let text = data_encoding::HEXLOWER.encode(&bytes);
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("0"))
    }
}

/// A call on its way.
struct Call {
    parts: Parts,
    found: Found,
    caller: Caller,
}

impl Proxy {
    /// Opens the proxy, and begins to ask its upstreams whether they live: inside a runtime.
    pub fn new(
        desk: Arc<Desk>,
        relay: Arc<Relay>,
        clock: Arc<dyn Clock>,
        settings: &ProxySettings,
        routes: Routes,
    ) -> Self {
        let bytes = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
        routes.upstreams().for_each(Upstream::watch);
        Self {
            desk,
            relay,
            clock,
            routes,
            max_body: bytes(settings.max_body),
            max_judged: bytes(settings.max_judged),
            max_upload: bytes(settings.max_upload),
            uploads: Arc::new(Semaphore::new(UPLOADS)),
            turns: Arc::new(Semaphore::new(TURNS)),
            luck: SystemRandom::new(),
        }
    }

    /// A connection that was let in: TLS, then requests until its end or the drain.
    pub async fn session(self: Arc<Self>, session: Session, acceptor: TlsAcceptor) {
        let Session { stream, peer, seat, mut draining } = session;
        let Some(stream) = https::shake(stream, peer.ip(), &seat, acceptor).await else { return };
        let line = Arc::new(Line::new(peer.ip(), seat, draining.clone(), &self.luck));
        let answer = move |request| Arc::clone(&self).answer(request, Arc::clone(&line));
        https::serve(stream, answer, async move { draining.begun().await }).await;
    }

    async fn answer(self: Arc<Self>, mut request: Request<Incoming>, line: Arc<Line>) -> Response<Outgoing> {
        let request_id = line.request_id();
        let found = one_host(&request).and_then(|()| self.routes.find(request.method(), request.uri().path()));
        let (name, mut response) = match found {
            Err(no) => ("none".to_owned(), refused(no, None)),
            Ok(found) => {
                let route = Arc::clone(&found.route);
                let upgrade = hyper::upgrade::on(&mut request);
                let (mut parts, came) = request.into_parts();
                let announced = Announced::of(&parts.headers);
                let mut body = Some(came);
                let upgrade = head::wants_websocket(&parts).then_some(upgrade);
                head::hop_by_hop(&mut parts.headers);
                let caller = Caller { peer: line.peer, request_id: request_id.clone() };
                let way = AssertUnwindSafe(self.way(Call { parts, found, caller }, &mut body, upgrade, line));
                // One hostile call must not take its connection's other streams with it.
                let answered = way.catch_unwind().await.unwrap_or(Err(No::NotNow));
                if let (Err(no), Some(body)) = (&answered, body) {
                    let most = if *no == No::TooLarge { DRAINED } else { DRAINED_OF_OTHERS };
                    https::drain(&announced, body, most).await;
                }
                let response = answered.unwrap_or_else(|no| refused(no, route.upstream.refusal.as_ref()));
                (route.name.clone(), response)
            }
        };
        response.headers_mut().insert(head::REQUEST_ID, request_id);
        let status = response.status().as_u16().to_string();
        metrics::counter!("tabir_proxy_requests_total", "route" => name, "status" => status).increment(1);
        response
    }

    async fn way(
        self: Arc<Self>,
        call: Call,
        body: &mut Option<Incoming>,
        upgrade: Option<OnUpgrade>,
        line: Arc<Line>,
    ) -> Result<Response<Outgoing>, No> {
        let route = Arc::clone(&call.found.route);
        if let Some(upgrade) = upgrade {
            let free = route.contacts.is_empty() && !call.found.judged_nearby;
            return match &route.does {
                Does::Pass { websocket: true } if free => call.websocket(upgrade, line).await,
                Does::Talk(_) => self.talk(call, upgrade, line).await,
                _ => Err(No::WebSocket),
            };
        }
        match route.does {
            Does::Pass { .. } => return self.pass(call, body).await,
            Does::Talk(_) => return Err(No::Ambiguous("a WebSocket is wanted here")),
            Does::Scrub { .. } | Does::Message { .. } if route.observe => return self.observed(call, body).await,
            Does::Scrub { .. } | Does::Message { .. } => {}
        }
        if !route.takes_query(call.parts.uri.query().unwrap_or_default()) {
            return Err(No::Ambiguous("something stands in the query that may not"));
        }
        let Some(people) = &route.people else { return Err(No::NotNow) };
        let claims = self.claims(people, &call.parts.headers)?;
        let form = Form::of(&call.parts.headers, &route.taken).ok_or(No::MediaType)?;
        let upload = if form.has_files() { Some(self.upload()?) } else { None };
        let body = self.read(&call, form, body).await?;
        let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() else { return Err(No::NotNow) };
        if matches!(route.does, Does::Scrub { .. }) {
            return self.judged(call, body, claims).await;
        }
        // In a task of its own: who calls may go away, and what was recorded must be brought all the same. Until then the
        // caller's connection keeps its seat.
        let judged = tokio::spawn(async move {
            let answered = self.judged(call, body, claims).await;
            drop((turn, upload, line));
            answered
        });
        judged.await.unwrap_or(Err(No::NotNow))
    }

    /// What nobody wants to look at, as it is.
    async fn pass(&self, mut call: Call, body: &mut Option<Incoming>) -> Result<Response<Outgoing>, No> {
        if Announced::of(&call.parts.headers).exceeds(self.max_body) {
            return Err(No::TooLarge);
        }
        if call.found.judged_nearby && (names_method(&call.parts) || is_form(&call.parts.headers)) {
            return Err(No::Ambiguous("a form may name another method, and this path is judged under one"));
        }
        let people = self.people_of_answer(&call)?;
        let load = match body.take_if(|body| !body.is_end_stream()) {
            Some(body) => Load::Coming(Limited::new(body, self.max_body).boxed()),
            None => Load::Whole(Bytes::new()),
        };
        let response = call.send(load).await?;
        self.show(&call, response, people).await
    }

    /// The right to hold a body with files.
    fn upload(&self) -> Result<OwnedSemaphorePermit, No> {
        Arc::clone(&self.uploads).try_acquire_owned().map_err(|_| No::NotNow)
    }

    /// A body that is to be judged, and nothing that could be read as anything else.
    async fn read(&self, call: &Call, form: Form, body: &mut Option<Incoming>) -> Result<Judged, No> {
        let headers = &call.parts.headers;
        if headers.contains_key(CONTENT_ENCODING) {
            return Err(No::MediaType);
        }
        let most = if form.has_files() { self.max_upload } else { self.max_judged };
        if Announced::of(headers).exceeds(most) {
            return Err(No::TooLarge);
        }
        let body = body.as_mut().ok_or(No::NotNow)?;
        let bytes = whole(body, most).await?.ok_or(No::TooLarge)?;
        Judged::read(form, bytes, &call.found.route.taken).await
    }

    /// What parts the pieces of a form: nobody can foresee it, so nothing that came can have it.
    fn boundary(&self) -> Result<String, No> {
        let mut bits = [0; 16];
        self.luck.fill(&mut bits).map_err(|_| No::NotNow)?;
        Ok(data_encoding::HEXLOWER.encode(&bits))
    }
}

impl Call {
    /// Its head, as the upstream gets it.
    fn outgoing(&mut self) -> Parts {
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.method = self.parts.method.clone();
        parts.uri = self.parts.uri.clone();
        parts.headers = std::mem::take(&mut self.parts.headers);
        head::to_upstream(&mut parts, &self.caller);
        if !self.found.route.contacts.is_empty() {
            head::for_a_whole_answer(&mut parts.headers);
        }
        parts
    }

    /// Sends it on its way with our own framing. Its header fields go with it.
    async fn send(&mut self, load: Load) -> Result<Response<Incoming>, No> {
        let parts = self.outgoing();
        let response = self.found.route.upstream.send(parts, load).await?;
        // Nobody asked it to speak otherwise.
        if response.status() == StatusCode::SWITCHING_PROTOCOLS { Err(No::Unfit) } else { Ok(response) }
    }

    /// A WebSocket: bytes in both directions until one side ends, or the drain begins.
    async fn websocket(mut self, upgrade: OnUpgrade, line: Arc<Line>) -> Result<Response<Outgoing>, No> {
        let mut parts = self.outgoing();
        head::websocket(&mut parts.headers);
        let mut response = self.found.route.upstream.send(parts, Load::Whole(Bytes::new())).await?;
        let theirs = hyper::upgrade::on(&mut response);
        let (mut parts, body) = response.into_parts();
        head::to_caller(&mut parts.headers);
        if parts.status != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(Response::from_parts(parts, body.map_err(Into::into).boxed()));
        }
        head::websocket(&mut parts.headers);
        tokio::spawn(async move {
            let mut draining = line.draining.clone();
            let (Ok(ours), Ok(theirs)) = tokio::join!(upgrade, theirs) else { return };
            let (mut ours, mut theirs) = (TokioIo::new(ours), TokioIo::new(theirs));
            tokio::select! {
                // How it ends is the business of the two ends.
                _ = tokio::io::copy_bidirectional(&mut ours, &mut theirs) => {}
                () = draining.begun() => {}
            }
            drop(line);
        });
        Ok(Response::from_parts(parts, empty()))
    }
}

fn refused(no: No, form: Option<&RefusalSettings>) -> Response<Outgoing> {
    metrics::counter!("tabir_proxy_refused_total", "code" => no.code()).increment(1);
    no.response(form)
}

/// A call has one host (RFC 9112 §3.2): where two are named, another program could take the other.
fn one_host(request: &Request<Incoming>) -> Result<(), No> {
    let named = request.headers().get(HOST).map(HeaderValue::as_bytes);
    let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let same = |(named, authority): (&[u8], &[u8])| named.eq_ignore_ascii_case(authority);
    if https::has_one_host(request) && named.zip(authority).is_none_or(same) {
        Ok(())
    } else {
        Err(No::Ambiguous("Host is wanted once"))
    }
}

/// Whether the query names another method, which many services follow.
fn names_method(parts: &Parts) -> bool {
    let query = parts.uri.query().unwrap_or_default();
    query.split(['&', ';']).any(|pair| {
        let name = pair.split('=').next().unwrap_or(pair);
        routes::decode(name).is_none_or(|name| name.eq_ignore_ascii_case("_method"))
    })
}

/// Whether the body is a form, in which a method may be named too.
fn is_form(headers: &HeaderMap) -> bool {
    let form = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default().trim_start().to_ascii_lowercase();
        text.starts_with("application/x-www-form-urlencoded") || text.starts_with("multipart/")
    };
    headers.get_all(CONTENT_TYPE).iter().any(form)
}

fn is_json(headers: &HeaderMap) -> bool {
    let essence = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
        text.trim().to_ascii_lowercase()
    };
    let mut given = headers.get_all(CONTENT_TYPE).iter().map(essence);
    let (Some(only), None) = (given.next(), given.next()) else { return false };
    only == "application/json" || (only.starts_with("application/") && only.ends_with("+json"))
}

/// All of a body; `None`: it is longer than that.
async fn whole(body: &mut Incoming, most: usize) -> Result<Option<Bytes>, No> {
    match tokio::time::timeout(BODY_TIME, Limited::new(body, most).collect()).await {
        Ok(Ok(collected)) => Ok(Some(collected.to_bytes())),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Ok(None),
        Ok(Err(_)) => Err(No::Body("ended early")),
        Err(_) => Err(No::Body("took too long")),
    }
}

fn full(bytes: Vec<u8>) -> Outgoing {
    Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed()
}

fn empty() -> Outgoing {
    full(Vec::new())
}

/// Bytes that are read on from a call that is too large.
const DRAINED: usize = 64_000_000;
/// Bytes that are read on from any other refused call.
const DRAINED_OF_OTHERS: usize = 1_000_000;
/// Calls that are judged or wait for their upstream at one time: beyond it 503.
const TURNS: usize = 256;
/// Bodies with files that are held at one time: beyond it 503.
const UPLOADS: usize = 16;
/// How long a body may take to come.
const BODY_TIME: Duration = Duration::from_secs(60);
