//! Whose certificates are believed on the way out.

use std::{fs, sync::Arc};

use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme, WantsVerifier,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};

use super::{
    super::settings::{OutSettings, TlsPolicy},
    dane::Named,
};
use crate::{model::Fault, net::Tlsa};

/// TLS as a client under `tls`.
///
/// # Errors
/// When the CA file can not be read.
pub(super) fn config(tls: TlsPolicy, settings: &OutSettings) -> Result<ClientConfig, Fault> {
    Ok(match tls {
        TlsPolicy::Verify => trusting(roots(settings)?)?,
        TlsPolicy::May | TlsPolicy::Encrypt => anybody()?,
    })
}

/// TLS as a client of a host of `domain` of whose certificate the DNS says `records`; `None` where
/// they say nothing that is known.
///
/// # Errors
/// When TLS can not be prepared.
pub(super) fn named(records: &[Tlsa], domain: &str) -> Result<Option<ClientConfig>, Fault> {
    Named::by(records, domain, provider()).map(|named| verified_by(Arc::new(named))).transpose()
}

/// TLS with whoever is there.
///
/// # Errors
/// When TLS can not be prepared.
pub(super) fn anybody() -> Result<ClientConfig, Fault> {
    verified_by(Arc::new(AnyCertificate(provider())))
}

fn verified_by(verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, Fault> {
    Ok(builder()?.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// TLS as a client of servers that `roots` vouch for, by the name they are reached under.
///
/// # Errors
/// When TLS can not be prepared.
pub(super) fn trusting(roots: RootCertStore) -> Result<ClientConfig, Fault> {
    Ok(builder()?.with_root_certificates(roots).with_no_client_auth())
}

/// The roots that browsers trust.
pub(super) fn public_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, Fault> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| Fault::new("preparing TLS for outgoing mail", error))
}

fn roots(settings: &OutSettings) -> Result<RootCertStore, Fault> {
    let mut roots = public_roots();
    let Some(file) = &settings.ca else { return Ok(roots) };
    let pem = fs::read(file).map_err(|error| Fault::new("reading mail.out.ca", error))?;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| Fault::new("reading mail.out.ca", error))?;
        roots.add(certificate).map_err(|error| Fault::new("reading mail.out.ca", error))?;
    }
    Ok(roots)
}

/// Takes any certificate, for `may` and `encrypt`: it keeps out who only listens, and nobody
/// else. That the peer holds the certificate's key is still checked.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
