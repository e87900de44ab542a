//! A small HTTPS client.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// One caller of the API: where, and with which token.
#[derive(Clone)]
pub struct Api {
    at: SocketAddr,
    name: String,
    tls: TlsConnector,
    token: String,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The body of a success.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, String::from_utf8_lossy(&self.body));
        self.json()
    }

    pub fn json(&self) -> Value {
        if self.body.is_empty() { Value::Null } else { serde_json::from_slice(&self.body).unwrap_or(Value::Null) }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A problem as RFC 9457 wants it, with this status and code.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        let json = self.json();
        assert_eq!((self.status, json["code"].as_str()), (status, Some(code)), "{}", self.text());
        let kind = self.headers.get("content-type").map(|kind| kind.as_bytes()).unwrap_or_default();
        assert!(kind.starts_with(b"application/problem+json"), "{:?}", self.headers);
        json
    }
}

impl Api {
    pub fn new(at: SocketAddr, name: &str, tls: TlsConnector, token: &str) -> Self {
        Self { at, name: name.to_owned(), tls, token: token.to_owned() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], None).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, &[], None).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.call("PUT", path, &[], Some(body.to_string().into())).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, &[], Some(body.to_string().into())).await
    }

    /// POST with an `Idempotency-Key`.
    pub async fn post_once(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.call("POST", path, &[("idempotency-key", key)], Some(body.to_string().into())).await
    }

    pub async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Bytes>) -> Answer {
        self.try_call(method, path, headers, body).await.unwrap_or_else(|why| panic!("{method} {path}: {why}"))
    }

    /// The same, for a house that may be down.
    pub async fn try_call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Bytes>,
    ) -> Result<Answer, String> {
        let mut line = timeout(Duration::from_secs(10), self.open()).await.map_err(|_| "no connection in time")??;
        line.call(method, path, headers, body).await
    }

    /// One kept connection.
    pub async fn open(&self) -> Result<Line, String> {
        let stream = self.open_tls().await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Line { sender, name: self.name.clone(), token: self.token.clone() })
    }

    pub async fn open_tls(&self) -> Result<TlsStream<TcpStream>, String> {
        let tcp = TcpStream::connect(self.at).await.map_err(|e| e.to_string())?;
        let _ = tcp.set_nodelay(true);
        let name = ServerName::try_from(self.name.clone()).map_err(|e| e.to_string())?;
        self.tls.connect(name, tcp).await.map_err(|e| e.to_string())
    }
}

/// A kept HTTP/1.1 connection.
pub struct Line {
    sender: http1::SendRequest<Full<Bytes>>,
    name: String,
    token: String,
}

impl Line {
    pub async fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Bytes>,
    ) -> Result<Answer, String> {
        let mut request = Request::builder().method(method).uri(path).header("host", &self.name);
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        if body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.unwrap_or_default())).map_err(|e| e.to_string())?;
        let exchange = async {
            let response = self.sender.send_request(request).await.map_err(|e| e.to_string())?;
            let (head, body) = response.into_parts();
            let body = body.collect().await.map_err(|e| e.to_string())?.to_bytes();
            Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
        };
        timeout(Duration::from_secs(20), exchange).await.map_err(|_| "no answer in time".to_owned())?
    }
}

/// GET over plain HTTP/1.1, for the admin listener.
pub async fn plain_get(at: SocketAddr, path: &str) -> Option<(u16, String)> {
    let exchange = async {
        let mut tcp = TcpStream::connect(at).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        tcp.write_all(request.as_bytes()).await.ok()?;
        let mut all = Vec::new();
        tcp.read_to_end(&mut all).await.ok()?;
        let text = String::from_utf8_lossy(&all).into_owned();
        let status = text.split(' ').nth(1)?.parse().ok()?;
        Some((status, text.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned())))
    };
    timeout(Duration::from_secs(5), exchange).await.ok().flatten()
}
