//! The operator's own listener: plain HTTP on the loopback, never reached from outside.

use std::{
    convert::Infallible,
    future::Future,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};

use super::call::Query;
use crate::{
    channel::smtp::{Letter, Mailbox},
    desk::Desk,
    model::{Fault, Timestamp},
    net::{Draining, Session},
};

/// Something the operator asks for.
pub type Asking<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the operator may ask, answered by who knows.
pub struct Admin {
    /// Whether every listener accepts and the store can write.
    pub ready: Box<dyn Fn() -> Asking<'static, bool> + Send + Sync>,
    /// The metrics in Prometheus' text form.
    pub metrics: Box<dyn Fn() -> String + Send + Sync>,
    /// The letters of the local mailbox, oldest first, of one address or of all.
    pub mailbox: Box<dyn Fn(Option<String>) -> Asking<'static, Result<Vec<Letter>, Fault>> + Send + Sync>,
    /// Whoever drains is not ready any more.
    pub draining: OnceLock<Draining>,
}

#[derive(Serialize)]
struct LetterBody {
    to: String,
    at: Timestamp,
    message: String,
}

impl Admin {
    /// For a relay whose listeners accept already: ready while the store can write.
    pub fn new(metrics: PrometheusHandle, desk: Arc<Desk>, mailbox: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            ready: Box::new(move || {
                let desk = Arc::clone(&desk);
                Box::pin(async move { desk.probe().await.is_ok() })
            }),
            metrics: Box::new(move || metrics.render()),
            mailbox: Box::new(move |address| Box::pin(letters(mailbox.clone(), address))),
            draining: OnceLock::new(),
        })
    }

    /// A connection that was let in.
    pub async fn session(self: Arc<Self>, session: Session) {
        let Session { stream, seat, mut draining, .. } = session;
        self.draining.get_or_init(|| draining.clone());
        self.serve(stream, async move { draining.begun().await }).await;
        drop(seat);
    }

    /// Serves a connection until its end, or after `stop` until the request in hand is answered.
    pub async fn serve<S>(self: Arc<Self>, stream: S, stop: impl Future<Output = ()>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(move |request| {
            let admin = Arc::clone(&self);
            async move { Ok::<_, Infallible>(admin.answer(&request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(15))
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection, stop);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = &mut stop => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "an admin connection ended");
        }
    }

    /// Answers a request.
    pub async fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        // Monitors ask with HEAD too: hyper leaves the body out.
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
        }
        match request.uri().path() {
            "/healthz" => plain(StatusCode::OK, "ok\n"),
            "/readyz" if !self.drains() && (self.ready)().await => plain(StatusCode::OK, "ready\n"),
            "/readyz" => plain(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
            "/metrics" => typed(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", (self.metrics)()),
            "/mailbox" => self.letters(request).await,
            _ => plain(StatusCode::NOT_FOUND, "no such page\n"),
        }
    }

    fn drains(&self) -> bool {
        self.draining.get().is_some_and(Draining::has_begun)
    }

    async fn letters<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let query = Query::parse(request.uri().query().unwrap_or(""));
        let query = query.and_then(|query| query.only(&["address"]).map(|()| query));
        let address = match query {
            Ok(query) => query.get("address").map(str::to_owned),
            Err(problem) => return problem.response(),
        };
        let letters = match (self.mailbox)(address).await {
            Ok(letters) => letters,
            Err(fault) => {
                tracing::error!(fault = %fault.chain(), "reading the mailbox");
                return plain(StatusCode::SERVICE_UNAVAILABLE, "the mailbox can not be read\n");
            }
        };
        let accept = request.headers().get(ACCEPT).and_then(|h| h.to_str().ok()).unwrap_or("");
        if accept.contains("text/plain") { as_text(&letters) } else { as_json(letters) }
    }
}

async fn letters(folder: PathBuf, address: Option<String>) -> Result<Vec<Letter>, Fault> {
    let read = tokio::task::spawn_blocking(move || Mailbox::read(&folder, address.as_deref())).await;
    read.unwrap_or_else(|error| Err(Fault::new("reading the local mailbox", error)))
}

fn as_json(letters: Vec<Letter>) -> Response<Full<Bytes>> {
    let body = |l: Letter| LetterBody {
        to: l.to.reveal().clone(),
        at: l.at,
        message: String::from_utf8_lossy(&l.message).into_owned(),
    };
    let all: Vec<LetterBody> = letters.into_iter().map(body).collect();
    match serde_json::to_vec(&all) {
        Ok(bytes) => typed(StatusCode::OK, "application/json", bytes),
        Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "the mailbox can not be written\n"),
    }
}

fn as_text(letters: &[Letter]) -> Response<Full<Bytes>> {
    let mut text = String::new();
    for letter in letters {
        text.push_str(&format!("--- {} to {}\n", letter.at.rfc3339(), letter.to.reveal()));
        text.push_str(&String::from_utf8_lossy(&letter.message).replace('\r', ""));
        text.push('\n');
    }
    typed(StatusCode::OK, TEXT, text)
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    typed(status, TEXT, text)
}

fn typed(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

const TEXT: &str = "text/plain; charset=utf-8";

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use http_body_util::BodyExt;

    use super::*;
    use crate::model::Secret;

    fn admin(ready: Arc<AtomicBool>) -> Admin {
        let letter =
            |to: &str| Letter { to: Secret::new(to.to_owned()), at: Timestamp(0), message: b"Hi\r\n".to_vec() };
        Admin {
            ready: Box::new(move || {
                let ready = ready.load(Ordering::Relaxed);
                Box::pin(async move { ready })
            }),
            metrics: Box::new(|| "tabir_up 1\n".to_owned()),
            mailbox: Box::new(move |address| {
                let all = [letter("a@x.example"), letter("b@x.example")];
                let wanted = all.into_iter().filter(|l| address.as_ref().is_none_or(|a| l.to.reveal() == a)).collect();
                Box::pin(async move { Ok(wanted) })
            }),
            draining: OnceLock::new(),
        }
    }

    async fn get(admin: &Admin, uri: &str) -> (u16, String) {
        let response = admin.answer(&Request::get(uri).body(()).unwrap()).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn it_is_ready_only_when_everything_is() {
        let ready = Arc::new(AtomicBool::new(false));
        let admin = admin(Arc::clone(&ready));
        assert_eq!(get(&admin, "/readyz").await.0, 503);
        assert_eq!(get(&admin, "/healthz").await.0, 200);
        ready.store(true, Ordering::Relaxed);
        assert_eq!(get(&admin, "/readyz").await.0, 200);
        assert_eq!(get(&admin, "/metrics").await.1, "tabir_up 1\n");
        assert_eq!(get(&admin, "/else").await.0, 404);
        let asked = |method| Request::builder().method(method).uri("/readyz").body(()).unwrap();
        assert_eq!(admin.answer(&asked(Method::HEAD)).await.status(), 200);
        assert_eq!(admin.answer(&asked(Method::POST)).await.status(), 405);
    }

    #[tokio::test]
    async fn the_mailbox_is_asked_for_one_address() {
        let admin = admin(Arc::new(AtomicBool::new(true)));
        let (status, body) = get(&admin, "/mailbox?address=a%40x.example").await;
        let letters: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, letters.as_array().unwrap().len()), (200, 1));
        assert_eq!(letters[0]["to"], "a@x.example");
        assert_eq!(get(&admin, "/mailbox?adress=x").await.0, 400);
    }
}
