//! The way to somebody else's web server: a URL taken apart, and a connection to an address that was looked at.

use std::{
    fmt, fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::Dns;
use crate::model::Fault;

/// A place on a web server, such as `https://judge.example:8443/look`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Url {
    /// Whether TLS is spoken.
    pub secure: bool,
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Path and query, as they are asked for.
    pub path: String,
}

/// An HTTP/1.1 connection.
pub type Line = SendRequest<Full<Bytes>>;

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreached {
    /// The name leads nowhere, or nowhere that may be connected to, or nobody listens there.
    Away,
    /// Its certificate is none to believe, or it speaks no TLS.
    Tls,
}

impl Url {
    /// Whether it names this machine.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// The value of the `Host` field: without the port that goes without saying (RFC 9110 §7.2).
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let usual = if self.secure { 443 } else { 80 };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }

    /// Connects, with TLS where the URL says so. Its name is looked up and each address shown to `may` here, and
    /// connected to as it is: what the name leads to a moment later changes nothing.
    ///
    /// # Errors
    /// When there is no address, no connection or no TLS.
    pub async fn reach(&self, dns: &Dns, tls: &TlsConnector, may: impl Fn(IpAddr) -> bool) -> Result<Line, Unreached> {
        let found = self.addresses(dns).await.into_iter().map(|ip| ip.to_canonical());
        let mut last = Unreached::Away;
        for address in found.filter(|ip| may(*ip)).take(ADDRESSES_TRIED) {
            match self.reach_at((address, self.port).into(), tls).await {
                Ok(line) => return Ok(line),
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    async fn addresses(&self, dns: &Dns) -> Vec<IpAddr> {
        match self.host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) if self.is_loopback() => vec![Ipv4Addr::LOCALHOST.into()],
            Err(_) => dns.addresses(&self.host).await,
        }
    }

    async fn reach_at(&self, address: SocketAddr, tls: &TlsConnector) -> Result<Line, Unreached> {
        let tcp = TcpStream::connect(address).await.map_err(|_| Unreached::Away)?;
        let _ = tcp.set_nodelay(true);
        if !self.secure {
            return speak(tcp).await;
        }
        let name = ServerName::try_from(self.host.clone()).map_err(|_| Unreached::Tls)?;
        speak(tls.connect(name, tcp).await.map_err(|_| Unreached::Tls)?).await
    }
}

impl TryFrom<String> for Url {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WANTED: &str = "not a place to ask such as https://judge.example/look";
        let uri: hyper::Uri = text.parse().map_err(|_| WANTED)?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(WANTED),
        };
        // Whoever writes `user:word@` means a secret, and those have their own places.
        if uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
            return Err(WANTED);
        }
        let host = uri.host().ok_or(WANTED)?.trim_matches(['[', ']']).to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        if host.is_empty() { Err(WANTED) } else { Ok(Self { secure, host, port, path }) }
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}{}", self.host, self.port, self.path)
    }
}

/// TLS as a client of servers that public roots vouch for, or those in the PEM file `ca`.
///
/// # Errors
/// When the file can not be read; `doing` says what it is for.
pub fn tls_client(ca: Option<&Path>, doing: &'static str) -> Result<TlsConnector, Fault> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(file) = ca {
        let pem = fs::read(file).map_err(|e| Fault::new(doing, e))?;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|e| Fault::new(doing, e))?;
            roots.add(certificate).map_err(|e| Fault::new(doing, e))?;
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| Fault::new(doing, e))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// HTTP on a stream; the connection lives in a task of its own as long as its line.
async fn speak<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(stream: S) -> Result<Line, Unreached> {
    let (line, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| Unreached::Away)?;
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(line)
}

/// Of one host: the others are as likely to be down.
const ADDRESSES_TRIED: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<Url, &'static str> {
        Url::try_from(text.to_owned())
    }

    #[test]
    fn a_place_to_ask_is_taken_apart() {
        let asked = url("https://Judge.example/look?deep=1").unwrap();
        assert_eq!((asked.secure, asked.host.as_str(), asked.port), (true, "judge.example", 443));
        assert_eq!(asked.path, "/look?deep=1");
        assert_eq!(url("http://[::1]:90").map(|u| (u.host, u.port, u.path)), Ok(("::1".into(), 90, "/".into())));
        for bad in ["", "judge.example", "ftp://a.example", "https://me:word@a.example/", "https:///x", "unix:/run/a"] {
            assert!(url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_host_is_named_with_its_port_where_that_does_not_go_without_saying() {
        for (text, host) in [
            ("https://a.example/x", "a.example"),
            ("https://a.example:443", "a.example"),
            ("http://a.example:443", "a.example:443"),
            ("https://[::1]:8443/", "[::1]:8443"),
        ] {
            assert_eq!(url(text).unwrap().authority(), host);
        }
    }
}
