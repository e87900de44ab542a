//! A policy, asked of its web server: one request, nothing followed, nothing kept of what is no
//! answer.

use std::{net::IpAddr, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::policy::Policy;
use crate::net::Dns;

/// Why there is no policy, in the words of RFC 8460 §4.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfetched {
    /// The server did not answer as one with a policy does.
    Failed,
    /// What it answered is no policy.
    Invalid,
    /// Its certificate is not valid for its name.
    Untrusted,
}

impl Unfetched {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "sts-policy-fetch-error",
            Self::Invalid => "sts-policy-invalid",
            Self::Untrusted => "sts-webpki-invalid",
        }
    }
}

/// Who asks.
pub(super) struct Fetcher {
    dns: Dns,
    tls: TlsConnector,
    port: u16,
}

impl Fetcher {
    pub(super) fn new(dns: Dns, config: Arc<ClientConfig>, port: u16) -> Self {
        Self { dns, tls: TlsConnector::from(config), port }
    }

    /// The policy of `domain` as its own server tells it now (RFC 8461 §3.3).
    pub(super) async fn fetch(&self, domain: &str) -> Result<Policy, Unfetched> {
        let asked = timeout(WITHIN, self.ask(&format!("mta-sts.{domain}"))).await;
        let said = asked.unwrap_or(Err(Unfetched::Failed))?;
        Policy::read(&said).map_err(|_| Unfetched::Invalid)
    }

    async fn ask(&self, host: &str) -> Result<Bytes, Unfetched> {
        let stream = self.connect(host).await?;
        let (line, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| Unfetched::Failed)?;
        // The connection lives as long as this one exchange and no longer.
        let (mut exchange, connection) = (pin!(exchange(line, host)), pin!(connection));
        tokio::select! {
            biased;
            said = &mut exchange => said,
            // A server may close behind its answer.
            _ = connection => exchange.await,
        }
    }

    async fn connect(&self, host: &str) -> Result<TlsStream<TcpStream>, Unfetched> {
        let mut last = Unfetched::Failed;
        for address in self.dns.public_addresses(host).await.into_iter().take(ADDRESSES_TRIED) {
            match self.reach(host, address).await {
                Ok(stream) => return Ok(stream),
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    async fn reach(&self, host: &str, address: IpAddr) -> Result<TlsStream<TcpStream>, Unfetched> {
        let connected = timeout(CONNECT, TcpStream::connect((address, self.port))).await;
        let Ok(Ok(tcp)) = connected else { return Err(Unfetched::Failed) };
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Unfetched::Failed)?;
        self.tls.connect(name, tcp).await.map_err(|error| {
            let certificate = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
            let untrusted = matches!(certificate, Some(rustls::Error::InvalidCertificate(_)));
            if untrusted { Unfetched::Untrusted } else { Unfetched::Failed }
        })
    }
}

async fn exchange(mut line: SendRequest<Empty<Bytes>>, host: &str) -> Result<Bytes, Unfetched> {
    let request = Request::get("/.well-known/mta-sts.txt").header(HOST, host).body(Empty::new());
    let request = request.map_err(|_| Unfetched::Failed)?;
    let response = line.send_request(request).await.map_err(|_| Unfetched::Failed)?;
    // Nothing but 200 is an answer; above all nobody is followed elsewhere.
    if response.status() != StatusCode::OK || !is_plain_text(&response) {
        return Err(Unfetched::Failed);
    }
    let said = Limited::new(response.into_body(), LONGEST).collect().await.map_err(|_| Unfetched::Failed)?;
    Ok(said.to_bytes())
}

/// A server that lets strangers upload pages must not let them upload policies (§3.2).
fn is_plain_text(response: &Response<Incoming>) -> bool {
    let said = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    said.split(';').next().is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("text/plain"))
}

/// The whole way; the RFC says a minute, for which a mail would wait.
const WITHIN: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(6);

/// What RFC 8461 §3.3 says that a policy has at most.
const LONGEST: usize = 65_536;

/// Of one host: the others are as likely to be down.
const ADDRESSES_TRIED: usize = 3;
