//! The marketplace's side of the story: an HTTPS client that trusts the development CA.

use std::{net::SocketAddr, path::Path, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::model::{Fault, Secret};

/// A TLS client that trusts one CA.
pub(super) fn trusting(ca: &Path) -> Result<TlsConnector, Fault> {
    let doing = "trusting the development CA";
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(ca).map_err(|e| Fault::new(doing, e))?;
    roots.add(certificate).map_err(|e| Fault::new(doing, e))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Fault::new(doing, e))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Calls the API with a token.
pub(super) struct Client {
    pub(super) address: SocketAddr,
    pub(super) tls: TlsConnector,
    pub(super) token: Secret<String>,
}

impl Client {
    /// One call: status and body.
    pub(super) async fn call(&self, method: &str, path: &str, body: Value) -> Result<(u16, Value), Fault> {
        let (status, bytes) = self.fetch(method, path, body).await?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }

    /// One call: status and bytes.
    pub(super) async fn fetch(&self, method: &str, path: &str, body: Value) -> Result<(u16, Bytes), Fault> {
        let doing = "calling the API";
        let tcp = TcpStream::connect(self.address).await.map_err(|e| Fault::new(doing, e))?;
        let name = ServerName::try_from("localhost").map_err(|e| Fault::new(doing, e))?;
        let stream = self.tls.connect(name, tcp).await.map_err(|e| Fault::new(doing, e))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|e| Fault::new(doing, e))?;
        tokio::spawn(connection);
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.token.reveal()))
            .body(Full::new(body))
            .map_err(|e| Fault::new(doing, e))?;
        let answer = sender.send_request(request).await.map_err(|e| Fault::new(doing, e))?;
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.map_err(|e| Fault::new(doing, e))?.to_bytes();
        Ok((status, bytes))
    }
}
