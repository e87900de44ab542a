//! Short messages, over a provider that speaks Twilio's API: texts come in as its calls to `listen.sms_https`, and go out
//! as ours to it. Which conversation a text is of is told by the number it came to and the phone it came from.
//!
//! - `POST /sms/twilio`: a text. What refuses it is told in the answer (TwiML), which the provider texts back.
//! - `POST /sms/twilio/status`: what became of one of ours.
//! - `POST /voice/twilio`: a call ([`voice`]), and `/voice/twilio/whisper`, what whoever is rung hears first.
//!
//! # Security
//! Imports `model`, `relay`, `net`. Parses hostile bytes (HTTP by hyper, forms), bounded; nothing is looked at
//! before the provider's signature holds. Holds the token of the account, and no other key. A real number is here for
//! the length of one call, and in no log, metric or error.

mod send;
mod settings;
mod signature;
mod voice;
mod words;

use std::{num::NonZeroU32, sync::Arc};

use bytes::Bytes;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
};
use tokio::time::{Duration, timeout};
use tokio_rustls::TlsAcceptor;

use self::{
    signature::{Fields, Signer, field, fields},
    words::Tongue,
};
use super::https::{self, Announced};
use crate::{
    model::{Outcome, Secret},
    net::Session,
    relay::{Relay, Texter},
};

pub use send::Sender;
pub use settings::{NumberSettings, SmsSettings};

/// What the provider calls: shared by all connections.
pub struct Sms {
    relay: Arc<Relay>,
    signer: Signer,
    /// `sms.public` without a slash at its end.
    public: String,
    calls: bool,
    /// Seconds.
    longest_call: i64,
    /// Lines about strangers and forgers: whoever floods us must not fill the log. All of them are counted.
    lines: DefaultDirectRateLimiter,
}

impl Sms {
    /// Opens the channel.
    pub fn new(relay: Arc<Relay>, settings: &SmsSettings, token: &Secret<String>) -> Self {
        let public = settings.public.as_ref().map_or_else(String::new, |url| {
            let scheme = if url.secure { "https" } else { "http" };
            format!("{scheme}://{}{}", url.authority(), url.path.trim_end_matches('/'))
        });
        let longest_call = settings.call_limit.0 / 1_000;
        Self {
            relay,
            signer: Signer::new(token.reveal()),
            public,
            calls: settings.calls,
            longest_call,
            lines: RateLimiter::direct(Quota::per_minute(LINES)),
        }
    }

    /// A connection that was let in: TLS, then requests until its end or the drain.
    pub async fn session(self: Arc<Self>, session: Session, acceptor: TlsAcceptor) {
        let Session { stream, peer, seat, mut draining } = session;
        if let Some(stream) = https::shake(stream, peer.ip(), &seat, acceptor).await {
            let answer = move |request| Arc::clone(&self).answer(request);
            https::serve(stream, answer, async move { draining.begun().await }).await;
        }
        drop(seat);
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let reply = self.reply(request).await;
        metrics::counter!("tabir_sms_calls_total", "status" => reply.status.as_str().to_owned()).increment(1);
        reply.response()
    }

    async fn reply(&self, request: Request<Incoming>) -> Reply {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let call = match parts.uri.path() {
            "/sms/twilio" => Called::Text,
            "/sms/twilio/status" => Called::Status,
            "/voice/twilio" if self.calls => Called::Call,
            "/voice/twilio/whisper" if self.calls => Called::Whisper,
            _ => return Reply::bare(StatusCode::NOT_FOUND),
        };
        if parts.method != Method::POST {
            return Reply::bare(StatusCode::METHOD_NOT_ALLOWED);
        }
        if Announced::of(&parts.headers).exceeds(LONGEST) {
            return Reply::bare(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let body = match timeout(PATIENCE, Limited::new(body, LONGEST).collect()).await {
            Ok(Ok(body)) => body,
            Ok(Err(_)) => return Reply::bare(StatusCode::PAYLOAD_TOO_LARGE),
            Err(_) => return Reply::bare(StatusCode::REQUEST_TIMEOUT),
        };
        let fields = fields(&body.to_bytes());
        let signature = parts.headers.get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !self.signer.holds(&format!("{}{path}", self.public), &fields, signature) {
            if self.lines.check().is_ok() {
                tracing::warn!("a call in the provider's name, whose signature does not hold");
            }
            return Reply::bare(StatusCode::FORBIDDEN);
        }
        match call {
            Called::Text => self.text(&fields).await,
            Called::Status => status(parts.uri.query(), &fields),
            Called::Call => self.ring(&fields).await,
            Called::Whisper => Self::whisper(parts.uri.query()),
        }
    }

    /// A text on its way in.
    async fn text(&self, fields: &Fields) -> Reply {
        let wanted = ["To", "From", "MessageSid", "Body"].map(|name| field(fields, name));
        let [Some(to), Some(from), Some(id), Some(body)] = wanted else {
            return Reply::bare(StatusCode::BAD_REQUEST);
        };
        let texter = match self.relay.texter(to, from).await {
            Ok(Some(texter)) => texter,
            // A stranger is told nothing.
            Ok(None) => {
                self.tell_of_a_stranger();
                return Reply::twiml("");
            }
            Err(fault) => return Reply::fault(&fault),
        };
        if field(fields, "NumMedia").is_some_and(|n| n != "0") {
            return Reply::back(self.tongue(&texter).await.no_pictures());
        }
        match self.relay.pass_text(&texter, PROOF, id, body.to_owned()).await {
            Outcome::Accepted(_) => Reply::twiml(""),
            Outcome::Refused(refusal) => Reply::back(&self.tongue(&texter).await.refused(refusal.reason)),
            Outcome::Failed(fault) => Reply::fault(&fault),
        }
    }

    fn tell_of_a_stranger(&self) {
        if self.lines.check().is_ok() {
            tracing::warn!("a stranger texted or called a number of the pool");
        }
    }

    /// In which language somebody is answered.
    async fn tongue(&self, texter: &Texter) -> Tongue {
        match self.relay.locale_of(texter, texter.side).await {
            Ok(locale) => Tongue::of(locale.as_deref()),
            // What it is about is told all the same.
            Err(fault) => {
                tracing::error!(fault = fault.chain(), "sms");
                Tongue::English
            }
        }
    }
}

/// What became of one of ours: counted, by a word that is known.
fn status(query: Option<&str>, fields: &Fields) -> Reply {
    let told = field(fields, "MessageStatus").unwrap_or_default();
    let known = STATUSES.iter().find(|status| **status == told).copied().unwrap_or("other");
    metrics::counter!("tabir_sms_reports_total", "status" => known).increment(1);
    if matches!(known, "failed" | "undelivered") {
        let delivery = query.and_then(|query| query.strip_prefix("delivery=")).unwrap_or_default();
        let delivery: Option<crate::model::EventId> = delivery.parse().ok();
        let code = field(fields, "ErrorCode").and_then(|code| code.parse::<u32>().ok());
        tracing::warn!(?delivery, status = known, ?code, "a text did not arrive");
    }
    Reply::bare(StatusCode::NO_CONTENT)
}

#[derive(Clone, Copy)]
enum Called {
    Text,
    Status,
    Call,
    Whisper,
}

/// What the provider hears.
struct Reply {
    status: StatusCode,
    body: String,
}

impl Reply {
    fn bare(status: StatusCode) -> Self {
        Self { status, body: String::new() }
    }

    /// What the provider is to do, in TwiML; nothing, if there are no verbs.
    fn twiml(verbs: &str) -> Self {
        let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>{verbs}</Response>");
        Self { status: StatusCode::OK, body }
    }

    /// A text for whoever texted.
    fn back(text: &str) -> Self {
        Self::twiml(&format!("<Message>{}</Message>", escaped(text)))
    }

    /// Nothing was taken; the provider may come again.
    fn fault(fault: &crate::model::Fault) -> Self {
        tracing::error!(fault = fault.chain(), "sms");
        Self::bare(StatusCode::SERVICE_UNAVAILABLE)
    }

    fn response(self) -> Response<Full<Bytes>> {
        let has_words = !self.body.is_empty();
        let mut response = Response::new(Full::new(Bytes::from(self.body)));
        *response.status_mut() = self.status;
        if has_words {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
        }
        response
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const SIGNATURE: &str = "x-twilio-signature";
/// How a texter was proven: by the provider, whose signature held.
const PROOF: &str = "sms=twilio";
/// How long a call may take to come.
const PATIENCE: Duration = Duration::from_secs(15);
/// Most lines in a minute.
const LINES: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
/// Bytes of a call.
const LONGEST: usize = 65_536;
const STATUSES: [&str; 7] = ["queued", "sending", "sent", "delivered", "undelivered", "failed", "read"];
