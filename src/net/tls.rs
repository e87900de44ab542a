use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use rustls::{
    DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject},
    server::{
        ClientHello, ResolvesServerCert,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
};
use serde::Deserialize;
use tokio_rustls::TlsAcceptor;

use super::Draining;

/// `[tls]`: the certificate that every listener shows.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSettings {
    /// The chain in PEM, the server's own certificate first. The default is made at first start.
    pub cert: PathBuf,
    /// Its private key in PEM.
    pub key: PathBuf,
    /// Mail clients are asked for a certificate; who has none goes on without. Not read again.
    pub ask_mail_clients: bool,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self { cert: "certs/dev/server.pem".into(), key: "certs/dev/server.key".into(), ask_mail_clients: false }
    }
}

impl TlsSettings {
    /// Relative paths start at `folder`.
    pub fn start_at(&mut self, folder: &Path) {
        self.cert = folder.join(&self.cert);
        self.key = folder.join(&self.key);
    }
}

/// Why a certificate can not be shown.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// A file is missing or not PEM.
    #[error("{}: {source}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// The file holds no certificate.
    #[error("{}: holds no certificate", .0.display())]
    NoCertificate(PathBuf),
    /// Key and certificate do not belong together, or rustls wants none of them.
    #[error("{}: {source}", cert.display())]
    Unusable {
        /// The certificate's file.
        cert: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// TLS as a server: one certificate for all listeners, replaced while in use.
///
/// TLS 1.2 and 1.3; sessions are resumed by tickets whose keys live in this process alone.
pub struct ServerTls {
    files: TlsSettings,
    shown: Arc<Shown>,
    https: TlsAcceptor,
    smtp: TlsAcceptor,
}

impl ServerTls {
    /// Reads the certificate and prepares the listeners' sides.
    ///
    /// # Errors
    /// When there is none to show.
    pub fn load(settings: &TlsSettings) -> Result<Self, TlsFault> {
        let shown = Arc::new(Shown(ArcSwap::from_pointee(read(settings)?)));
        let unusable = |source| TlsFault::Unusable { cert: settings.cert.clone(), source };
        Ok(Self {
            https: acceptor(&shown, &[b"h2", b"http/1.1"], false).map_err(unusable)?,
            smtp: acceptor(&shown, &[], settings.ask_mail_clients).map_err(unusable)?,
            files: settings.clone(),
            shown,
        })
    }

    /// For HTTPS: offers HTTP/2 and HTTP/1.1.
    pub fn https(&self) -> TlsAcceptor {
        self.https.clone()
    }

    /// For SMTP, which names no protocol in TLS.
    pub fn smtp(&self) -> TlsAcceptor {
        self.smtp.clone()
    }

    /// Reads the files again; the next handshake shows what they hold. Connections go on.
    ///
    /// # Errors
    /// When they are unusable; the old certificate stays.
    pub fn reload(&self) -> Result<(), TlsFault> {
        self.shown.0.store(Arc::new(read(&self.files)?));
        Ok(())
    }

    /// Reloads whenever a file changed, until the drain begins.
    pub async fn watch(&self, mut draining: Draining) {
        let mut seen = self.changed();
        loop {
            tokio::select! {
                () = draining.begun() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let now = self.changed();
            if now == seen {
                continue;
            }
            seen = now;
            match self.reload() {
                Ok(()) => tracing::info!("certificate replaced"),
                // Half-written files are seen here too: the next change brings the rest.
                Err(fault) => tracing::error!(%fault, "new certificate is unusable, the old one stays"),
            }
        }
    }

    fn changed(&self) -> [Option<SystemTime>; 2] {
        [&self.files.cert, &self.files.key].map(|file| modified(file).ok())
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").field("files", &self.files).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Shown(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

fn acceptor(shown: &Arc<Shown>, protocols: &[&[u8]], asks: bool) -> Result<TlsAcceptor, rustls::Error> {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    let config = if asks {
        config.with_client_cert_verifier(Arc::new(ByFingerprint(ring::default_provider())))
    } else {
        config.with_no_client_auth()
    };
    let mut config = config.with_cert_resolver(shown.clone());
    config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
    config.ticketer = ring::Ticketer::new()?;
    config.send_tls13_tickets = 2;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Takes any certificate of a client that has its key: whose it is, is known by its fingerprint and by nothing that it
/// says of itself, so neither its issuer nor its dates count. Who may no longer log in is no longer enrolled.
#[derive(Debug)]
struct ByFingerprint(CryptoProvider);

impl ClientCertVerifier for ByFingerprint {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn read(files: &TlsSettings) -> Result<CertifiedKey, TlsFault> {
    let at = |file: &Path| {
        let file = file.to_owned();
        move |source| TlsFault::File { file, source }
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(&files.cert)
        .map_err(at(&files.cert))?
        .collect::<Result<_, _>>()
        .map_err(at(&files.cert))?;
    if chain.is_empty() {
        return Err(TlsFault::NoCertificate(files.cert.clone()));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(at(&files.key))?;
    CertifiedKey::from_der(chain, key, &ring::default_provider())
        .map_err(|source| TlsFault::Unusable { cert: files.cert.clone(), source })
}

fn modified(file: &Path) -> io::Result<SystemTime> {
    std::fs::metadata(file)?.modified()
}

/// Polled: it works on every file system, and two seconds are soon enough for a renewal.
const LOOK_EVERY: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Drain, ensure_dev_ca};

    #[tokio::test]
    async fn a_broken_certificate_keeps_the_old_one_and_a_new_one_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let settings = TlsSettings {
            cert: folder.path().join("certs/dev/server.pem"),
            key: folder.path().join("certs/dev/server.key"),
            ask_mail_clients: false,
        };
        ensure_dev_ca(&settings, "relay.localhost", SystemTime::now()).unwrap();
        let tls = ServerTls::load(&settings).unwrap();
        let first = tls.shown.0.load_full();
        std::fs::write(&settings.cert, "no certificate").unwrap();
        assert!(tls.reload().is_err());
        assert_eq!(tls.shown.0.load().cert, first.cert);
        for file in [&settings.cert, &settings.key] {
            std::fs::remove_file(file).unwrap();
        }
        ensure_dev_ca(&settings, "relay.localhost", SystemTime::now()).unwrap();
        tls.reload().unwrap();
        assert_ne!(tls.shown.0.load().cert, first.cert);
    }

    #[tokio::test]
    async fn the_watch_ends_with_the_drain() {
        let folder = tempfile::tempdir().unwrap();
        let settings = TlsSettings {
            cert: folder.path().join("certs/dev/server.pem"),
            key: folder.path().join("certs/dev/server.key"),
            ask_mail_clients: false,
        };
        ensure_dev_ca(&settings, "relay.localhost", SystemTime::now()).unwrap();
        let tls = ServerTls::load(&settings).unwrap();
        let drain = Drain::new();
        let draining = drain.draining();
        drain.begin();
        tls.watch(draining).await;
    }
}
