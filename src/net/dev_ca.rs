use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};

use super::TlsSettings;
use crate::model::Fault;

/// What became of the development certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DevCa {
    /// Certificates of your own are configured: nothing was touched.
    NotNeeded,
    /// They are there and good.
    Kept,
    /// They were missing, near their end or for another host name, and were made.
    Made,
}

/// Makes a development CA and a server certificate under it, where the settings still point to
/// the default place and nothing good lies there.
///
/// The CA's own key is thrown away once it has signed: nobody can sign a second certificate
/// that trusts in `ca.pem` would accept, and a renewal makes a new CA.
///
/// # Errors
/// When the files can not be written.
pub fn ensure_dev_ca(tls: &TlsSettings, hostname: &str, now: SystemTime) -> Result<DevCa, Fault> {
    if !is_development(tls) {
        return Ok(DevCa::NotNeeded);
    }
    let ca = tls.cert.with_file_name("ca.pem");
    if is_good(&ca, tls, hostname, now) {
        return Ok(DevCa::Kept);
    }
    let made = make(hostname, now).map_err(|e| Fault::new("making the development certificates", e))?;
    write(&ca, tls, &made).map_err(|e| Fault::new("writing the development certificates", e))?;
    Ok(DevCa::Made)
}

/// Whether the certificate lies at the default place, where one is made at the start.
pub fn is_development(tls: &TlsSettings) -> bool {
    let default = TlsSettings::default();
    tls.cert.ends_with(&default.cert) && tls.key.ends_with(&default.key)
}

struct Made {
    ca: String,
    server: String,
    key: String,
}

fn make(hostname: &str, now: SystemTime) -> Result<Made, rcgen::Error> {
    let from = now - Duration::from_secs(3_600);
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "tabir development CA");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (authority.not_before, authority.not_after) = (from.into(), (from + LIFE).into());
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

    let mut server = CertificateParams::new(names(hostname))?;
    server.distinguished_name.push(DnType::CommonName, hostname);
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    (server.not_before, server.not_after) = (from.into(), (from + LIFE).into());
    let key = KeyPair::generate()?;
    let server = server.signed_by(&key, &authority)?;
    Ok(Made { ca: authority.pem(), server: server.pem(), key: key.serialize_pem() })
}

fn names(hostname: &str) -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "relay.localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    if !names.iter().any(|name| name == hostname) {
        names.push(hostname.to_owned());
    }
    names
}

/// The key first: a certificate without its key would be taken for complete.
fn write(ca: &Path, tls: &TlsSettings, made: &Made) -> io::Result<()> {
    if let Some(folder) = ca.parent() {
        fs::create_dir_all(folder)?;
    }
    replace(&tls.key, &made.key, 0o600)?;
    replace(ca, &made.ca, 0o644)?;
    replace(&tls.cert, &made.server, 0o644)
}

fn replace(file: &Path, text: &str, mode: u32) -> io::Result<()> {
    let fresh = file.with_extension("new");
    // Left over from a start that was cut off: it may have the wrong mode.
    let _ = fs::remove_file(&fresh);
    let mut writer = OpenOptions::new().write(true).create_new(true).mode(mode).open(&fresh)?;
    writer.write_all(text.as_bytes())?;
    writer.sync_all()?;
    fs::rename(&fresh, file)
}

/// Asks the very verifier a client would use, a month ahead.
fn is_good(ca: &Path, tls: &TlsSettings, hostname: &str, now: SystemTime) -> bool {
    let verified = || -> Option<()> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).ok()?).ok()?;
        let server = CertificateDer::from_pem_file(&tls.cert).ok()?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(ring::default_provider()))
            .build()
            .ok()?;
        let soon = UnixTime::since_unix_epoch((now + MARGIN).duration_since(SystemTime::UNIX_EPOCH).ok()?);
        let name = ServerName::try_from(hostname).ok()?;
        verifier.verify_server_cert(&server, &[], &name, &[], soon).ok().map(|_| ())
    };
    tls.key.exists() && verified().is_some()
}

/// 825 days: the longest that every client platform takes from a private CA.
const LIFE: Duration = Duration::from_secs(825 * 86_400);

/// Renewed a month before the end.
const MARGIN: Duration = Duration::from_secs(30 * 86_400);

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn settings(folder: &Path) -> TlsSettings {
        TlsSettings {
            cert: folder.join("certs/dev/server.pem"),
            key: folder.join("certs/dev/server.key"),
            ..TlsSettings::default()
        }
    }

    #[test]
    fn made_once_kept_while_good_and_made_anew_near_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let tls = settings(folder.path());
        let now = SystemTime::now();
        assert_eq!(ensure_dev_ca(&tls, "relay.localhost", now).unwrap(), DevCa::Made);
        assert_eq!(ensure_dev_ca(&tls, "relay.localhost", now).unwrap(), DevCa::Kept);
        assert_eq!(fs::metadata(&tls.key).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(ensure_dev_ca(&tls, "mail.market.example", now).unwrap(), DevCa::Made);
        assert_eq!(ensure_dev_ca(&tls, "mail.market.example", now + LIFE).unwrap(), DevCa::Made);
    }

    #[test]
    fn certificates_of_ones_own_are_never_touched() {
        let folder = tempfile::tempdir().unwrap();
        let tls = TlsSettings {
            cert: folder.path().join("own.pem"),
            key: folder.path().join("own.key"),
            ..TlsSettings::default()
        };
        assert_eq!(ensure_dev_ca(&tls, "relay.localhost", SystemTime::now()).unwrap(), DevCa::NotNeeded);
        assert!(!tls.cert.exists());
    }
}
