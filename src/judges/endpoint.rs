//! A judge that is asked over HTTP/1.1, its connections kept.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, StatusCode,
    client::conn::http1::{self, SendRequest},
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{
    JudgeSettings, Url,
    wire::{ANSWER, Answer, Failure, Question},
};
use crate::{
    model::Fault,
    net::{Dns, is_public},
};

pub(super) struct Endpoint {
    url: Url,
    private: bool,
    authorization: Option<HeaderValue>,
    /// `None`: plain HTTP, to this machine.
    tls: Option<TlsConnector>,
    dns: Dns,
    idle: Mutex<Vec<Line>>,
}

/// A connection.
type Line = SendRequest<Full<Bytes>>;

/// Why an exchange did not end in an answer.
enum Ended {
    /// The connection did not hold.
    Gone,
    /// What came back is no answer.
    Nonsense,
}

impl Endpoint {
    /// # Errors
    /// When a file of certificates or a token can not be read.
    pub(super) fn new(url: &Url, settings: &JudgeSettings, dns: &Dns) -> Result<Self, Fault> {
        let tls = if url.secure { Some(connector(settings.ca.as_deref())?) } else { None };
        let authorization = settings.token.as_deref().map(bearer).transpose()?;
        let private = settings.private;
        Ok(Self { url: url.clone(), private, authorization, tls, dns: dns.clone(), idle: Mutex::default() })
    }

    pub(super) async fn ask(&self, question: &Question) -> Result<Answer, Failure> {
        // A kept connection may have been closed meanwhile: that is nobody's answer.
        while let Some(line) = self.kept() {
            match self.exchange(line, question.bytes.clone()).await {
                Ok(said) => return question.answer(&said),
                Err(Ended::Gone) => {}
                Err(Ended::Nonsense) => return Err(Failure::Broken),
            }
        }
        let line = self.connect().await.ok_or(Failure::Broken)?;
        let said = self.exchange(line, question.bytes.clone()).await.map_err(|_| Failure::Broken)?;
        question.answer(&said)
    }

    async fn exchange(&self, mut line: Line, body: Bytes) -> Result<Bytes, Ended> {
        line.ready().await.map_err(|_| Ended::Gone)?;
        let request = self.request(body).ok_or(Ended::Nonsense)?;
        let response = line.send_request(request).await.map_err(|_| Ended::Gone)?;
        // Nothing but 200 is an answer; above all nobody is followed elsewhere.
        if response.status() != StatusCode::OK {
            return Err(Ended::Nonsense);
        }
        let said = Limited::new(response.into_body(), ANSWER).collect().await.map_err(|_| Ended::Nonsense)?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        Ok(said.to_bytes())
    }

    fn request(&self, body: Bytes) -> Option<Request<Full<Bytes>>> {
        let host = if self.url.host.contains(':') { format!("[{}]", self.url.host) } else { self.url.host.clone() };
        let request = Request::post(&self.url.path)
            .header(HOST, format!("{host}:{}", self.url.port))
            .header(CONTENT_TYPE, "application/json");
        let request = match &self.authorization {
            Some(token) => request.header(AUTHORIZATION, token.clone()),
            None => request,
        };
        request.body(Full::new(body)).ok()
    }

    fn kept(&self) -> Option<Line> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| idle.pop()).find(|line| !line.is_closed())
    }

    async fn connect(&self) -> Option<Line> {
        for address in self.addresses().await.into_iter().take(ADDRESSES_TRIED) {
            if let Some(line) = self.reach(address).await {
                return Some(line);
            }
        }
        None
    }

    /// Looked up and checked here, and connected to as they are: what the name leads to a moment
    /// later changes nothing.
    async fn addresses(&self) -> Vec<SocketAddr> {
        let found = match self.url.host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) if self.url.is_loopback() => vec![Ipv4Addr::LOCALHOST.into()],
            Err(_) => self.dns.addresses(&self.url.host).await,
        };
        let may = |ip: &IpAddr| (self.private || is_public(*ip)) && (self.tls.is_some() || ip.is_loopback());
        found.into_iter().filter(may).map(|ip| (ip, self.url.port).into()).collect()
    }

    async fn reach(&self, address: SocketAddr) -> Option<Line> {
        let tcp = TcpStream::connect(address).await.ok()?;
        let _ = tcp.set_nodelay(true);
        match &self.tls {
            Some(tls) => {
                let name = ServerName::try_from(self.url.host.clone()).ok()?;
                speak(tls.connect(name, tcp).await.ok()?).await
            }
            None => speak(tcp).await,
        }
    }
}

/// HTTP on a stream; the connection lives in a task of its own as long as its line.
async fn speak<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(stream: S) -> Option<Line> {
    let (line, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Some(line)
}

fn connector(ca: Option<&Path>) -> Result<TlsConnector, Fault> {
    const DOING: &str = "preparing TLS for a judge";
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(file) = ca {
        let pem = fs::read(file).map_err(|e| Fault::new(DOING, e))?;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|e| Fault::new(DOING, e))?;
            roots.add(certificate).map_err(|e| Fault::new(DOING, e))?;
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| Fault::new(DOING, e))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn bearer(file: &Path) -> Result<HeaderValue, Fault> {
    const DOING: &str = "reading the token of a judge";
    let token = fs::read_to_string(file).map_err(|e| Fault::new(DOING, e))?;
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.trim())).map_err(|e| Fault::new(DOING, e))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Of one host: the others are as likely to be down.
const ADDRESSES_TRIED: usize = 3;
