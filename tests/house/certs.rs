//! A certificate authority of the test's own.

use std::{fs, net::IpAddr, path::Path, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A CA and one certificate of it.
pub struct Certs {
    pub ca: String,
    pub cert: String,
    pub key: String,
    name: String,
    ip: IpAddr,
    issuer: Issuer<'static, KeyPair>,
}

impl Certs {
    pub fn make(name: &str, ip: IpAddr) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "tests of the house");
        let ca = params.self_signed(&key).expect("a CA").pem();
        let issuer = Issuer::new(params, key);
        let mut certs = Self { ca, cert: String::new(), key: String::new(), name: name.to_owned(), ip, issuer };
        certs.renew();
        certs
    }

    /// Another certificate of the same CA, with another key.
    pub fn renew(&mut self) {
        let key = KeyPair::generate().expect("a key");
        let names = vec![self.name.clone(), "localhost".to_owned(), self.ip.to_string()];
        let params = CertificateParams::new(names).expect("parameters");
        self.cert = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        self.key = key.serialize_pem();
    }

    pub fn write(&self, folder: &Path) {
        fs::write(folder.join("ca.pem"), &self.ca).expect("ca.pem");
        fs::write(folder.join("server.key"), &self.key).expect("server.key");
        fs::write(folder.join("server.pem"), &self.cert).expect("server.pem");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(folder.join("server.key"), private).expect("mode of the key");
    }

    /// A client that trusts this CA alone.
    pub fn connector(&self) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.ca.as_bytes()).expect("PEM")).expect("a root");
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        TlsConnector::from(Arc::new(config))
    }

    /// The same client with a certificate of its own, which nobody has signed, and its SHA-256.
    pub fn connector_with_certificate(&self) -> (TlsConnector, String) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["shop.example".to_owned()]).expect("parameters");
        let cert = params.self_signed(&key).expect("a certificate").der().clone();
        let hash = ring::digest::digest(&ring::digest::SHA256, &cert);
        let fingerprint: Vec<String> = hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.ca.as_bytes()).expect("PEM")).expect("a root");
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![cert], key)
            .expect("a certificate");
        (TlsConnector::from(Arc::new(config)), fingerprint.join(":"))
    }

    /// A server with this certificate.
    pub fn acceptor(&self) -> TlsAcceptor {
        let chain = vec![CertificateDer::from_pem_slice(self.cert.as_bytes()).expect("PEM")];
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("PEM");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a certificate");
        TlsAcceptor::from(Arc::new(config))
    }

    /// The certificate as it goes over the wire.
    pub fn der(&self) -> Vec<u8> {
        CertificateDer::from_pem_slice(self.cert.as_bytes()).expect("PEM").to_vec()
    }
}
