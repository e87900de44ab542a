//! HTTPS: turns requests into calls of the desk and the relay, and what they say into answers.
//!
//! One request goes: route → token → scope → rate → body → repeated? → handler → answer. The
//! table of routes is in [`routes`], and `openapi.json` is made from the same lines. The admin
//! listener ([`admin`]) is plain HTTP for the operator's own machine.
//!
//! # Security
//! Imports `model`, `media`, `relay`, `desk`, `net`. Parses hostile bytes (HTTP by hyper, JSON
//! by serde, both bounded); holds no keys. A caller's marketplace comes from the token and from
//! nowhere else: what belongs to another is answered as absent. A token's text is hashed at once
//! and never logged.

pub mod admin;
mod call;
mod case_body;
mod cases;
mod conversations;
mod disclosures;
mod events;
mod evidence;
mod fear;
mod handles;
mod held;
mod json;
mod labels;
mod links;
mod live;
mod messages;
mod orders;
mod parties;
mod pickups;
mod problem;
mod registrations;
mod reports;
mod reviews;
mod rights;
mod routes;
mod scrub;
mod serve;
mod standing;
mod tokens;
mod violations;
mod voice;
mod webhooks;
mod wire;

use std::{error::Error, num::NonZeroU32, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::FutureExt;
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response,
    body::Body,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap},
};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::{
    channel::{
        https::{self, Announced},
        webhook::WebhookSettings,
    },
    desk::{
        Desk, Idempotency,
        answers::{Answer, Earlier},
        tokens::{Caller, ScopeText},
    },
    model::{EventId, Fault},
    net::Draining,
    relay::Relay,
};
use call::{Call, Made, Query, Reply, again, decode};
use live::whole;
use problem::{Code, Problem};
use routes::{Keeps, Route, Serve};

pub use admin::Admin;
pub use live::Outgoing;
pub use routes::openapi_json;
pub use serve::serve_connection;

/// `[api]`: limits at the edge. What a conversation may is not decided here.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiRules {
    /// Requests of one token in a second.
    pub rate: NonZeroU32,
    /// Requests of one token at once.
    pub burst: NonZeroU32,
    /// Bytes of a body with files in it, as sent: base64 takes a third more than the files.
    #[serde(deserialize_with = "crate::media::attachment::size")]
    pub max_body: u64,
}

impl Default for ApiRules {
    fn default() -> Self {
        let n = |n: u32| NonZeroU32::MIN.saturating_add(n - 1);
        Self { rate: n(500), burst: n(1_000), max_body: 36_000_000 }
    }
}

/// The API: shared by all connections.
pub struct Api {
    desk: Arc<Desk>,
    relay: Arc<Relay>,
    limits: ArcSwap<Limits>,
    paths: matchit::Router<Vec<Route>>,
    /// Dry runs of one token in one conversation: nobody feels their way through the detectors.
    dry_runs: DefaultKeyedRateLimiter<[u8; 32]>,
    /// Handles that were none: nobody tries them out.
    misses: DefaultKeyedRateLimiter<EventId>,
    /// Requests with the same Idempotency-Key wait for each other.
    lanes: Vec<Mutex<()>>,
    /// Who is told of events as they happen.
    streams: live::Streams,
    /// Where webhooks may lead.
    webhooks: WebhookSettings,
}

/// What can be replaced while in use.
struct Limits {
    rules: ApiRules,
    tokens: DefaultKeyedRateLimiter<EventId>,
}

impl Limits {
    fn new(rules: ApiRules) -> Self {
        let quota = Quota::per_second(rules.rate).allow_burst(rules.burst);
        Self { tokens: RateLimiter::keyed(quota), rules }
    }
}

impl Api {
    /// Opens the API.
    pub fn new(desk: Arc<Desk>, relay: Arc<Relay>, rules: ApiRules) -> Self {
        Self {
            limits: ArcSwap::from_pointee(Limits::new(rules)),
            dry_runs: RateLimiter::keyed(Quota::per_minute(DRY_RUNS)),
            misses: RateLimiter::keyed(Quota::per_minute(MISSES)),
            lanes: (0..256).map(|_| Mutex::new(())).collect(),
            paths: routes::paths(),
            streams: live::Streams::new(),
            webhooks: WebhookSettings::default(),
            desk,
            relay,
        }
    }

    /// With webhooks that may lead where these settings let them.
    pub fn with_webhooks(self, settings: &WebhookSettings) -> Self {
        Self { webhooks: settings.clone(), ..self }
    }

    /// From now on requests have these limits.
    pub fn reload(&self, rules: &ApiRules) {
        if self.limits.load().rules != *rules {
            self.limits.store(Arc::new(Limits::new(rules.clone())));
        }
    }

    /// Forgets limits that are idle, every minute, until the drain begins.
    pub async fn tend(self: Arc<Self>, mut draining: Draining) {
        loop {
            tokio::select! {
                () = draining.begun() => return self.streams.close(),
                () = tokio::time::sleep(SWEEP) => self.sweep(),
            }
        }
    }

    fn sweep(&self) {
        self.limits.load().tokens.retain_recent();
        self.dry_runs.retain_recent();
        self.misses.retain_recent();
    }

    /// Answers a request.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<Outgoing>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let target = format!("{} {}", request.method(), request.uri());
        let (parts, mut body) = request.into_parts();
        let mut name = "none";
        let way = std::panic::AssertUnwindSafe(self.way(
            &parts.method,
            parts.uri.path(),
            &parts,
            target,
            &mut body,
            &mut name,
        ));
        // One hostile request must not take its connection's other streams with it.
        let answered = way.catch_unwind().await.unwrap_or_else(|_| Err(Fault::plain("answering: a panic").into()));
        let response = match answered {
            Ok(response) => response,
            Err(problem) => {
                // Who was let in may send a long body; a stranger gets little attention.
                let most = if problem.is(Code::TooLarge) { DRAINED } else { DRAINED_OF_STRANGERS };
                https::drain(&Announced::of(&parts.headers), body, most).await;
                whole(problem.response())
            }
        };
        metrics::counter!("tabir_http_requests_total", "route" => name, "status" => response.status().as_u16().to_string())
            .increment(1);
        response
    }

    async fn way<B>(
        &self,
        method: &Method,
        path: &str,
        parts: &hyper::http::request::Parts,
        target: String,
        body: &mut B,
        name: &mut &'static str,
    ) -> Result<Response<Outgoing>, Problem>
    where
        B: Body<Data = Bytes> + Send + Unpin,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let matched = self.paths.at(path).map_err(|_| Problem::new(Code::NotFound))?;
        // What a GET would say, without its body: hyper leaves that out.
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let route = matched.value.iter().find(|r| r.method == *method);
        let route = route.ok_or_else(|| Problem::method(&routes::methods(matched.value)))?;
        *name = route.path;
        let (who, handler) = match &route.serve {
            Serve::Anybody(answer) => return Ok(whole(answer()?.response())),
            Serve::Known(who, handler) => (who, handler),
        };
        let caller = self.caller(&parts.headers).await?;
        if !who.iter().any(|w| w.is(&caller.may)) {
            return Err(Problem::new(Code::ForbiddenScope));
        }
        self.limits.load().tokens.check_key(&caller.token).map_err(|not| overloaded(&not))?;
        let params = matched.params.iter().map(|(key, value)| {
            let value = decode(value, false).ok_or_else(|| Problem::field(key, "not percent-encoded UTF-8"))?;
            Ok((key.to_owned(), value))
        });
        let params = params.collect::<Result<_, Problem>>()?;
        let query = Query::parse(parts.uri.query().unwrap_or(""))?;
        let most = if route.files { self.limits.load().rules.max_body } else { ORDINARY_BODY };
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let body = read_body(&parts.headers, body, most).await?;
        if !body.is_empty() && !says_json(&parts.headers) {
            return Err(Problem::media_type());
        }
        let key = if route.method == Method::POST { idempotency_key(&parts.headers)? } else { None };
        let mut call =
            Call { api: self, caller: &caller, params, query, body, key, target, repeated: false, made: None };
        if route.path == LIVE && live::is_wanted(&parts.headers) {
            return self.streams.open(&call, &parts.headers);
        }
        let answered = match self.fingerprint(&call) {
            None => handler(&call).await.map(Reply::response),
            Some(asked) => self.once(route, &mut call, *handler, asked).await,
        };
        answered.map(whole)
    }

    /// Runs a call with an Idempotency-Key: the first one does it, the others hear the same.
    async fn once(
        &self,
        route: &Route,
        call: &mut Call<'_>,
        handler: routes::Handler,
        asked: Idempotency,
    ) -> Result<Response<Full<Bytes>>, Problem> {
        let _lane = self.lanes[usize::from(asked.key[0])].lock().await;
        match self.desk.earlier(call.scope(), &asked).await? {
            Earlier::Other => return Err(Problem::new(Code::IdempotencyConflict)),
            Earlier::Same(answer) if route.keeps == Keeps::Answer => return Ok(again(answer)),
            Earlier::Same(mark) => {
                call.repeated = true;
                call.made = made(&mark);
            }
            Earlier::Nothing => {}
        }
        let answered = handler(call).await;
        let answer = match &answered {
            Err(problem) if problem.is_ours() => None,
            Err(problem) => Some(Answer { status: problem.status(), body: problem.body() }),
            Ok(reply) => Some(Answer { status: reply.status.as_u16(), body: reply.body.clone() }),
        };
        // What made nothing is judged anew, where only what was made is kept.
        let kept = |answer: &Answer| !call.repeated && (route.keeps == Keeps::Answer || answer.status < 300);
        if let Some(answer) = answer.filter(kept) {
            let kept = if route.keeps == Keeps::Answer { answer } else { mark(&answer) };
            self.desk.keep_answer(call.scope(), asked, &kept).await?;
        }
        let status = call.made.as_ref().map(|made| made.status);
        answered.map(|reply| Reply { status: status.unwrap_or(reply.status), ..reply }.response())
    }

    fn fingerprint(&self, call: &Call<'_>) -> Option<Idempotency> {
        let key = call.key.as_deref()?;
        let who = ScopeText(call.caller.may.clone()).to_string();
        let names = [b"http".as_slice(), who.as_bytes(), key.as_bytes()];
        Some(self.desk.fingerprint(call.scope(), &names, &[call.target.as_bytes(), &call.body]))
    }

    async fn caller(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let unknown = || Problem::new(Code::Unauthenticated);
        let header = headers.get(AUTHORIZATION).and_then(|h| h.to_str().ok()).ok_or_else(unknown)?;
        let (scheme, token) = header.split_once(' ').ok_or_else(unknown)?;
        if !scheme.eq_ignore_ascii_case("bearer") || token.len() > 200 {
            return Err(unknown());
        }
        self.desk.caller(token.trim()).await?.ok_or_else(unknown)
    }
}

async fn read_body<B>(headers: &HeaderMap, body: &mut B, most: usize) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes> + Send + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if Announced::of(headers).exceeds(most) {
        return Err(Problem::new(Code::TooLarge));
    }
    let read = tokio::time::timeout(BODY_TIME, Limited::new(body, most).collect()).await;
    match read {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::new(Code::TooLarge)),
        Ok(Err(_)) => Err(Problem::field("body", "ended early")),
        Err(_) => Err(Problem::field("body", "took too long")),
    }
}

/// A body that says to be something else than JSON is not read as JSON. One that says nothing is.
fn says_json(headers: &HeaderMap) -> bool {
    let Some(given) = headers.get(CONTENT_TYPE) else { return true };
    let essence = given.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence == call::JSON || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    match value.to_str() {
        Ok(text) if (1..=255).contains(&text.len()) => Ok(Some(text.to_owned())),
        _ => Err(Problem::field("Idempotency-Key", "1 to 255 visible characters")),
    }
}

fn overloaded(not: &governor::NotUntil<<DefaultClock as Clock>::Instant>) -> Problem {
    Problem::overloaded(not.wait_time_from(DefaultClock::default().now()).as_secs() + 1)
}

/// What can be told as it happens.
const LIVE: &str = "/v1/events";
/// How often idle limits are forgotten.
const SWEEP: Duration = Duration::from_secs(60);
/// Bytes of a body without files.
const ORDINARY_BODY: u64 = 1_000_000;
/// How long a body may take to come.
const BODY_TIME: Duration = Duration::from_secs(60);
/// Bytes that are read on from a request that is too large.
const DRAINED: usize = 64_000_000;
/// Bytes that are read on from any other refused request, such as one without a token.
const DRAINED_OF_STRANGERS: usize = 1_000_000;
/// Dry runs in a minute.
const DRY_RUNS: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
/// Handles in a minute that were none.
const MISSES: NonZeroU32 = NonZeroU32::MIN.saturating_add(29);

/// What is kept of an answer whose words must stay where an erasure finds them: the status, and the id of what was made.
fn mark(answer: &Answer) -> Answer {
    #[derive(serde::Deserialize)]
    struct Named {
        id: String,
    }
    let id = serde_json::from_slice::<Named>(&answer.body).ok().map(|named| named.id);
    Answer { status: answer.status, body: id.unwrap_or_default().into_bytes() }
}

fn made(mark: &Answer) -> Option<Made> {
    let id = String::from_utf8(mark.body.clone()).ok().filter(|id| !id.is_empty())?;
    Some(Made { status: hyper::StatusCode::from_u16(mark.status).ok()?, id })
}
