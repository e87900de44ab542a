//! A web server that is told what happens: the other end of webhooks.

use std::{
    collections::VecDeque,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{HeaderMap, Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

use super::certs::Certs;

/// What came.
#[derive(Clone, Debug)]
pub struct Told {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Told {
    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().expect("visible characters")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The name of the event.
    pub fn kind(&self) -> String {
        self.json()["type"].as_str().expect("a type").to_owned()
    }
}

/// The running server. It answers 204 unless it was told otherwise.
#[derive(Clone)]
pub struct Receiver {
    pub at: SocketAddr,
    desk: Arc<Mutex<Desk>>,
}

#[derive(Default)]
struct Desk {
    came: Vec<Told>,
    connections: usize,
    next: VecDeque<Response<Empty<Bytes>>>,
}

impl Receiver {
    pub async fn start(certs: &Certs) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let receiver = Self { at: listener.local_addr().expect("an address"), desk: Arc::default() };
        let (acceptor, desk) = (certs.acceptor(), Arc::clone(&receiver.desk));
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (acceptor, desk) = (acceptor.clone(), Arc::clone(&desk));
                desk.lock().expect("the desk").connections += 1;
                tokio::spawn(async move {
                    let Ok(tls) = acceptor.accept(tcp).await else { return };
                    let serve = service_fn(|request| answer(request, Arc::clone(&desk)));
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(tls), serve).await;
                });
            }
        });
        receiver
    }

    /// The next request that has no other answer yet gets this one.
    pub fn answer(&self, status: u16, headers: &[(&str, &str)]) {
        let response =
            headers.iter().fold(Response::builder().status(status), |r, (name, value)| r.header(*name, *value));
        self.desk.lock().expect("the desk").next.push_back(response.body(Empty::new()).expect("an answer"));
    }

    pub fn came(&self) -> Vec<Told> {
        self.desk.lock().expect("the desk").came.clone()
    }

    /// How often somebody connected.
    pub fn connections(&self) -> usize {
        self.desk.lock().expect("the desk").connections
    }

    /// Everything that came, once so many did.
    pub async fn once(&self, n: usize) -> Vec<Told> {
        let started = Instant::now();
        loop {
            let came = self.came();
            if came.len() >= n {
                return came;
            }
            let kinds: Vec<String> = came.iter().map(Told::kind).collect();
            assert!(started.elapsed() < Duration::from_secs(15), "not {n}: {kinds:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn answer(request: Request<Incoming>, desk: Arc<Mutex<Desk>>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let mut desk = desk.lock().expect("the desk");
    desk.came.push(Told { path: parts.uri.to_string(), headers: parts.headers, body });
    let fine = || Response::builder().status(204).body(Empty::new()).expect("an answer");
    Ok(desk.next.pop_front().unwrap_or_else(fine))
}
