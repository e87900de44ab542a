//! How TLS fares on the way out, counted in the words of TLS-RPT (RFC 8460 §4.3), without naming
//! a domain: who a relay writes to is not for its metrics.

use std::io;

use rustls::CertificateError;

/// What a session was held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    /// Nothing but the settings.
    None,
    /// MTA-STS.
    Sts,
    /// TLSA records.
    Dane,
}

/// Why TLS did not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The certificate ended, or begins later.
    Expired,
    /// The certificate is for other names.
    Mismatch,
    /// STARTTLS was not offered or was refused.
    NotOffered,
    /// The certificate leads to nobody who is trusted.
    NotTrusted,
    /// Anything else: the handshake, words where none belong, a host that the policy does not name.
    Other,
}

impl Trouble {
    /// Of a handshake that failed.
    pub(super) fn of(error: &io::Error) -> Self {
        use CertificateError as C;
        match error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(why)) => match why {
                C::Expired | C::ExpiredContext { .. } | C::NotValidYet | C::NotValidYetContext { .. } => Self::Expired,
                C::NotValidForName | C::NotValidForNameContext { .. } => Self::Mismatch,
                C::UnknownIssuer => Self::NotTrusted,
                _ => Self::Other,
            },
            _ => Self::Other,
        }
    }

    /// The result type of RFC 8460.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "certificate-expired",
            Self::Mismatch => "certificate-host-mismatch",
            Self::NotOffered => "starttls-not-supported",
            Self::NotTrusted => "certificate-not-trusted",
            Self::Other => "validation-failure",
        }
    }
}

/// Counts a session, or what went wrong with it.
pub(super) fn count(policy: Policy, result: &'static str) {
    let policy = match policy {
        Policy::None => "no-policy-found",
        Policy::Sts => "sts",
        Policy::Dane => "tlsa",
    };
    metrics::counter!("tabir_mail_tls_total", "policy" => policy, "result" => result).increment(1);
}

/// The result of a session that was secured.
pub(super) const SUCCESS: &str = "success";
