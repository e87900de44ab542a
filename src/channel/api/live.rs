//! The feed of events as it happens (`Accept: text/event-stream`; WHATWG HTML, server-sent events).

use std::{
    convert::Infallible,
    fmt::Write,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body_util::{Either, Full, StreamBody};
use hyper::{
    Response,
    body::Frame,
    header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep},
};

use super::{call::Call, events::EventBody, problem::Problem};
use crate::{
    desk::{Desk, tokens::Caller},
    model::Fault,
};

/// The body of an answer: whole, or told as it happens.
pub type Outgoing = Either<Full<Bytes>, StreamBody<Pin<Box<dyn Stream<Item = Told> + Send>>>>;

type Told = Result<Frame<Bytes>, Infallible>;

/// An answer that is whole.
pub(super) fn whole(response: Response<Full<Bytes>>) -> Response<Outgoing> {
    response.map(Either::Left)
}

/// Whether a stream is asked for.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let media_types = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    media_types.flat_map(|text| text.split(',')).any(|one| one.split(';').next().unwrap_or("").trim() == EVENT_STREAM)
}

/// Everything that streams share.
pub(super) struct Streams {
    seats: Arc<Semaphore>,
    closing: Arc<AtomicBool>,
}

impl Streams {
    pub(super) fn new() -> Self {
        Self { seats: Arc::new(Semaphore::new(MOST)), closing: Arc::default() }
    }

    /// No stream goes on: the house drains.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    /// Tells a caller what happens from now on, or from the place where it left off.
    pub(super) fn open(&self, call: &Call<'_>, headers: &HeaderMap) -> Result<Response<Outgoing>, Problem> {
        call.query.only(&["limit", "after"])?;
        let left_off = headers.get("last-event-id").and_then(|value| value.to_str().ok());
        let left_off =
            left_off.map(|text| text.parse().map_err(|_| Problem::field("Last-Event-ID", "not a place in the feed")));
        let seen = match left_off.transpose()? {
            Some(place) => place,
            None => call.query.read("after", "not a place in the feed")?.unwrap_or(0),
        };
        let Ok(seat) = Arc::clone(&self.seats).try_acquire_owned() else { return Err(Problem::overloaded(RETRY)) };
        let feed = Feed {
            desk: Arc::clone(&call.api.desk),
            caller: call.caller.clone(),
            closing: Arc::clone(&self.closing),
            seen,
            spoke: Instant::now(),
            _seat: seat,
        };
        let told: Pin<Box<dyn Stream<Item = Told> + Send>> = Box::pin(stream::unfold(feed, Feed::tell));
        let mut response = Response::new(Either::Right(StreamBody::new(told)));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    }
}

/// One caller's place in the feed.
struct Feed {
    desk: Arc<Desk>,
    caller: Caller,
    closing: Arc<AtomicBool>,
    seen: u64,
    spoke: Instant,
    _seat: OwnedSemaphorePermit,
}

impl Feed {
    /// Waits for the next events; ends when the house drains, the token is revoked, or by a fault: the caller comes
    /// again and says where it left off.
    async fn tell(mut self) -> Option<(Told, Self)> {
        loop {
            let live = self.desk.is_live(&self.caller).await.unwrap_or(false);
            if !live || self.closing.load(Ordering::Relaxed) {
                return None;
            }
            match self.news().await {
                Ok(Some(text)) => {
                    self.spoke = Instant::now();
                    return Some((Ok(Frame::data(text.into())), self));
                }
                Ok(None) => sleep(ROUND).await,
                Err(fault) => {
                    tracing::error!(fault = %fault.chain(), "telling events");
                    return None;
                }
            }
        }
    }

    async fn news(&mut self) -> Result<Option<String>, Fault> {
        let events = self.desk.events(&self.caller.scope, self.seen, BATCH).await?;
        self.seen = events.seen;
        let mut text = String::new();
        for event in events.rows.iter().map(EventBody::of) {
            let json = serde_json::to_string(&event).map_err(|e| Fault::new("writing an event", e))?;
            // Writing to a string does not fail.
            let _ = write!(text, "id: {}\nevent: {}\ndata: {json}\n\n", event.id(), event.kind());
        }
        let quiet = text.is_empty() && self.spoke.elapsed() >= QUIET;
        Ok(if quiet { Some(":\n\n".to_owned()) } else { Some(text).filter(|text| !text.is_empty()) })
    }
}

const EVENT_STREAM: &str = "text/event-stream";
/// How often is looked for news, and whether the token still lives.
const ROUND: Duration = Duration::from_millis(250);
/// After so long without news a line without meaning is sent, so that nobody on the way takes the stream for dead.
const QUIET: Duration = Duration::from_secs(15);
/// Events in one piece.
const BATCH: usize = 200;
/// Streams at once.
const MOST: usize = 64;
/// Seconds after which to come again when there are too many.
const RETRY: u64 = 5;
