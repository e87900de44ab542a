//! DANE (RFC 7672): a host's certificate is the one that its domain's owner has put into the DNS.

use std::sync::Arc;

use ring::digest::{self, SHA256, SHA512};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

use crate::net::Tlsa;

/// Takes the certificates that TLSA records name. Those of usage 0 and 1 rest on public CAs, which
/// mail hosts do not share: they are as good as none (§3.1.3).
#[derive(Debug)]
pub(super) struct Named {
    records: Vec<Tlsa>,
    /// The recipient's domain, whose name a host may show instead of its own (§3.2.2).
    domain: Option<ServerName<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Named {
    /// `None`: no record says anything that could be checked. The host must speak TLS all the
    /// same (§2.2).
    pub(super) fn by(records: &[Tlsa], domain: &str, provider: Arc<CryptoProvider>) -> Option<Self> {
        let records: Vec<Tlsa> = records.iter().filter(|record| is_usable(record)).cloned().collect();
        let domain = ServerName::try_from(domain.to_owned()).ok();
        (!records.is_empty()).then_some(Self { records, domain, provider })
    }

    fn names(&self, usage: u8, certificate: &CertificateDer<'_>) -> bool {
        self.records.iter().any(|record| record.usage == usage && is_match(record, certificate))
    }

    /// Those that the DNS makes a CA of this host.
    fn authorities(&self, chain: &[CertificateDer<'_>]) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        let shown = chain.iter().filter(|certificate| self.names(CA, certificate));
        // A whole one in the DNS need not be shown.
        let told = self.records.iter().filter(|record| (record.usage, record.selector, record.matching) == (CA, 0, 0));
        let told: Vec<_> = told.map(|record| CertificateDer::from_slice(&record.data)).collect();
        roots.add_parsable_certificates(shown.chain(&told).cloned());
        roots
    }
}

/// Whether it names a certificate in a way that is known.
fn is_usable(record: &Tlsa) -> bool {
    let length = record.data.len();
    let fits = match record.matching {
        0 => (1..=LONGEST).contains(&length),
        1 => length == SHA256.output_len(),
        2 => length == SHA512.output_len(),
        _ => false,
    };
    fits && record.selector <= 1 && (record.usage == CA || record.usage == OWN)
}

fn is_match(record: &Tlsa, certificate: &CertificateDer<'_>) -> bool {
    let public_key = || Some(ParsedCertificate::try_from(certificate).ok()?.subject_public_key_info().to_vec());
    let selected = if record.selector == 0 { Some(certificate.to_vec()) } else { public_key() };
    let Some(selected) = selected else { return false };
    match record.matching {
        0 => selected == record.data,
        1 => digest::digest(&SHA256, &selected).as_ref() == record.data,
        2 => digest::digest(&SHA512, &selected).as_ref() == record.data,
        _ => false,
    }
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // Names and dates of such a one say nothing: the record says it all (§3.1.1).
        if self.names(OWN, end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        let unnamed = Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);
        let roots = self.authorities(intermediates);
        if roots.is_empty() {
            return Err(unnamed);
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone());
        let verifier = verifier.build().map_err(|_| unnamed)?;
        let verify =
            |name: &ServerName<'_>| verifier.verify_server_cert(end_entity, intermediates, name, ocsp_response, now);
        verify(server_name).or_else(|error| match &self.domain {
            Some(domain) => verify(domain).map_err(|_| error),
            None => Err(error),
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// DANE-TA: a CA of the host's own.
const CA: u8 = 2;
/// DANE-EE: the host's own certificate.
const OWN: u8 = 3;

/// A certificate has a few kilobytes.
const LONGEST: usize = 16_384;

#[cfg(test)]
mod tests {
    use std::slice;

    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PublicKeyData};
    use rustls::crypto::ring::default_provider;

    use super::*;

    /// A CA and a certificate of it for `mx.mail.example`.
    struct Chain {
        ca: CertificateDer<'static>,
        ca_key: Vec<u8>,
        own: CertificateDer<'static>,
        own_key: Vec<u8>,
    }

    fn chain(name: &str) -> Chain {
        let ca_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&ca_key).unwrap();
        let spki = ca_key.subject_public_key_info();
        let issuer = Issuer::new(params, ca_key);
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        Chain { ca: ca.der().clone(), ca_key: spki, own: own.der().clone(), own_key: key.subject_public_key_info() }
    }

    fn record(usage: u8, selector: u8, matching: u8, data: &[u8]) -> Tlsa {
        let data = match matching {
            1 => digest::digest(&SHA256, data).as_ref().to_vec(),
            2 => digest::digest(&SHA512, data).as_ref().to_vec(),
            _ => data.to_vec(),
        };
        Tlsa { usage, selector, matching, data }
    }

    fn takes(records: &[Tlsa], chain: &Chain, shown: &[CertificateDer<'static>]) -> bool {
        let named = Named::by(records, "mail.example", Arc::new(default_provider())).unwrap();
        let name = ServerName::try_from("mx.mail.example").unwrap();
        named.verify_server_cert(&chain.own, shown, &name, &[], UnixTime::now()).is_ok()
    }

    #[test]
    fn a_certificate_that_a_record_names_is_taken_and_no_other() {
        // Its name does not matter.
        let (ours, theirs) = (chain("elsewhere.example"), chain("mx.mail.example"));
        for matching in 0..=2 {
            for (selector, data, other) in [(0, &ours.own[..], &theirs.own[..]), (1, &ours.own_key, &theirs.own_key)] {
                assert!(takes(&[record(3, selector, matching, data)], &ours, &[]), "3 {selector} {matching}");
                assert!(!takes(&[record(3, selector, matching, other)], &ours, &[]), "3 {selector} {matching}");
                let both = [record(3, selector, matching, other), record(3, selector, matching, data)];
                assert!(takes(&both, &ours, &[]), "any of them");
            }
        }
    }

    #[test]
    fn a_ca_that_a_record_names_vouches_for_the_hosts_names() {
        let (ours, other) = (chain("mx.mail.example"), chain("mx.mail.example"));
        for matching in 0..=2 {
            for (selector, data) in [(0, &ours.ca[..]), (1, &ours.ca_key)] {
                let records = [record(2, selector, matching, data)];
                let shown = slice::from_ref(&ours.ca);
                assert!(takes(&records, &ours, shown), "2 {selector} {matching}");
                assert_eq!(takes(&records, &ours, &[]), (selector, matching) == (0, 0), "it must be shown, or be told");
                assert!(!takes(&records, &other, shown), "a certificate of another CA");
                let elsewhere = chain("elsewhere.example");
                let records = [record(2, 0, matching, &elsewhere.ca)];
                assert!(!takes(&records, &elsewhere, slice::from_ref(&elsewhere.ca)), "another host's name");
                let domain = chain("mail.example");
                let records = [record(2, 0, matching, &domain.ca)];
                assert!(takes(&records, &domain, slice::from_ref(&domain.ca)), "the domain's name");
            }
        }
        // The host's own certificate is no CA, and a CA no host.
        assert!(!takes(&[record(2, 0, 1, &ours.own)], &ours, &[]));
        assert!(!takes(&[record(3, 0, 1, &ours.ca)], &ours, slice::from_ref(&ours.ca)));
    }

    #[test]
    fn records_that_say_nothing_known_are_none() {
        let ours = chain("mx.mail.example");
        let by = |record: Tlsa| Named::by(&[record], "mail.example", Arc::new(default_provider()));
        for (usage, selector, matching) in [(0, 0, 1), (1, 1, 1), (4, 0, 1), (255, 0, 0), (3, 2, 1), (3, 0, 3)] {
            assert!(by(record(usage, selector, matching, &ours.own)).is_none(), "{usage} {selector} {matching}");
        }
        for (matching, data) in [(0, vec![]), (0, vec![0; LONGEST + 1]), (1, vec![0; 31]), (2, vec![0; 32])] {
            assert!(by(Tlsa { usage: 3, selector: 0, matching, data }).is_none());
        }
    }
}
