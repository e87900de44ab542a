use std::{fmt, net::SocketAddr, num::NonZeroU32, path::PathBuf};

use serde::{Deserialize, Deserializer};

use super::listed::DnsblSettings;
use crate::model::{Contact, Duration, Handle};

/// `[mail]`: how the relay speaks SMTP.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct MailSettings {
    /// The name the relay greets with: public, resolvable, and in the certificate.
    pub hostname: String,
    /// Who gets what is written to the postmaster (RFC 5321 §4.5.1): an address of another host.
    /// Without it such mail is refused.
    #[serde(deserialize_with = "mail_address")]
    pub postmaster: Option<String>,
    /// The part before the @, in every marketplace's domain, to which people forward mail from outside as a report.
    /// Empty: such mail is refused.
    #[serde(deserialize_with = "local_part")]
    pub reports: String,
    /// The way out.
    pub out: OutSettings,
    /// What signs it.
    pub dkim: DkimSettings,
    /// Who a sender is.
    pub auth: AuthSettings,
    /// The largest message, its files decoded: `SIZE` announces what that is in base64. 25 MB is
    /// what the large mail hosts take.
    #[serde(deserialize_with = "crate::media::attachment::size")]
    pub max_size: u64,
    /// All messages that are being received at one moment, together; what is beyond it is told
    /// to come again. Bounds memory whatever the number of clients.
    #[serde(deserialize_with = "crate::media::attachment::size")]
    pub max_in_hand: u64,
    /// How long things may take, and how often they may go wrong.
    pub limits: SessionLimits,
    /// Who is asked about clients.
    pub dnsbl: DnsblSettings,
}

impl Default for MailSettings {
    fn default() -> Self {
        Self {
            hostname: "relay.localhost".to_owned(),
            postmaster: None,
            reports: "report".to_owned(),
            out: OutSettings::default(),
            dkim: DkimSettings::default(),
            auth: AuthSettings::default(),
            max_size: 25_000_000,
            max_in_hand: 256_000_000,
            limits: SessionLimits::default(),
            dnsbl: DnsblSettings::default(),
        }
    }
}

impl MailSettings {
    /// Relative paths start at `folder`.
    pub fn start_at(&mut self, folder: &std::path::Path) {
        if let Some(ca) = &mut self.out.ca {
            *ca = folder.join(&*ca);
        }
        self.dkim.keys = folder.join(&self.dkim.keys);
    }

    /// Whether mail to this local part is a report.
    pub fn takes_reports(&self, local: &str) -> bool {
        !self.reports.is_empty() && self.reports.eq_ignore_ascii_case(local)
    }

    /// What `SIZE` says: the files in base64 with line ends (a growth of 37 %), and a megabyte
    /// for header fields and texts.
    pub fn size_on_the_wire(&self) -> usize {
        let wire = self.max_size.saturating_mul(137) / 100 + 1_000_000;
        usize::try_from(wire).unwrap_or(usize::MAX)
    }
}

fn mail_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let contact = Contact::email(&text).map_err(|_| serde::de::Error::custom("not a mail address"))?;
    Ok(Some(contact.value.reveal().clone()))
}

fn local_part<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+'));
    // What could be a handle, or is somebody's already, names nobody else.
    let taken = text.parse::<Handle>().is_ok()
        || ["postmaster", "support", "no-reply"].iter().any(|own| own.eq_ignore_ascii_case(&text));
    if plain && text.len() <= 64 && !taken {
        return Ok(text);
    }
    Err(serde::de::Error::custom("not the part before the @ of an address, such as report"))
}

/// `[mail.out]`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct OutSettings {
    /// `smtp://host:port`, `smtps://host:port` or `mx`. Without it, mail is kept in a local
    /// mailbox, so that a first start writes to nobody.
    pub route: Option<Route>,
    /// `may`, `encrypt` or `verify`. Without it: `verify` to a smart host, whose name is known;
    /// `may` on loopback, and to an MX, whose name comes from DNS and proves nothing.
    pub tls: Option<TlsPolicy>,
    /// A file of further CA certificates in PEM, for a smart host with a private CA.
    pub ca: Option<PathBuf>,
    /// How long to wait before each further try; then every 4 h for 5 days.
    pub retry: Vec<Duration>,
    /// Connections at one time to one destination. 20 is what large hosts take from one client.
    pub connections: usize,
    /// Mails in a minute to one destination. Without it, as many as its host takes.
    pub rate: Option<NonZeroU32>,
    /// Whether domains may demand TLS by MTA-STS (RFC 8461), on route `mx`.
    pub mta_sts: bool,
    /// Whether hosts must show the certificates that DNSSEC vouches for (RFC 7672), on route `mx`.
    pub dane: bool,
}

impl Default for OutSettings {
    fn default() -> Self {
        Self {
            route: None,
            tls: None,
            ca: None,
            retry: vec![Duration::seconds(30), Duration::minutes(5), Duration::minutes(30), Duration::hours(2)],
            connections: 20,
            rate: None,
            mta_sts: true,
            dane: false,
        }
    }
}

/// `[mail.dkim]`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct DkimSettings {
    /// The folder of the keys: `SELECTOR.pem`, mode 0600.
    pub keys: PathBuf,
    /// Which of them sign, all of them every message. None: mail leaves unsigned.
    pub selectors: Vec<String>,
}

impl Default for DkimSettings {
    fn default() -> Self {
        Self { keys: PathBuf::from("data/dkim"), selectors: Vec::new() }
    }
}

/// Where mail goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To the mail hosts of each recipient's domain.
    Mx,
    /// All of it to one host.
    SmartHost {
        /// Its name or address.
        host: String,
        /// Its port.
        port: u16,
        /// Whether TLS begins with the first byte.
        implicit_tls: bool,
    },
}

impl Route {
    /// Whether it stays on this machine.
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Mx => false,
            Self::SmartHost { host, .. } => {
                let name = host.to_ascii_lowercase();
                name == "localhost"
                    || name.ends_with(".localhost")
                    || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
            }
        }
    }
}

impl std::str::FromStr for Route {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANTED: &str = "not smtp://HOST:PORT, smtps://HOST:PORT or mx";
        if text == "mx" {
            return Ok(Self::Mx);
        }
        let (scheme, rest) = text.split_once("://").ok_or(WANTED)?;
        let (implicit_tls, usual) = match scheme {
            "smtp" => (false, 25),
            "smtps" => (true, 465),
            _ => return Err(WANTED),
        };
        let rest = rest.trim_end_matches('/');
        let (host, port) = match rest.rsplit_once(':') {
            // The colons of a bare IPv6 address stand within brackets.
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| WANTED)?),
            _ => (rest, usual),
        };
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let fits = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:".contains(&b));
        if fits { Ok(Self::SmartHost { host: host.to_owned(), port, implicit_tls }) } else { Err(WANTED) }
    }
}

impl<'de> Deserialize<'de> for Route {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mx => f.write_str("mx"),
            Self::SmartHost { host, port, implicit_tls } => {
                write!(f, "{}://{host}:{port}", if *implicit_tls { "smtps" } else { "smtp" })
            }
        }
    }
}

/// How TLS is treated on the way out.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum TlsPolicy {
    /// When it is there, unverified; in clear when it is not (RFC 7435).
    May,
    /// Always, unverified.
    Encrypt,
    /// Always, with a certificate for the host's name.
    Verify,
}

/// `[mail.auth]`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct AuthSettings {
    /// What proves a sender.
    pub require: Proof,
    /// Name servers; without any, the system's.
    pub dns: Vec<SocketAddr>,
}

/// What proves who wrote a mail.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Proof {
    /// SPF or DKIM passes, aligned with the header From, its DMARC record published or not.
    #[default]
    Dmarc,
    /// For a closed network: MAIL FROM and header From are one address, and that is believed.
    None,
}

/// `[mail.limits]`: all absolute, so that no client gains time by sending one byte now and then.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct SessionLimits {
    /// A whole session. Kept connections are worth an hour; none is worth a day.
    pub session: Duration,
    /// The first greeting, TLS handshake included. A mail host that needs longer is none.
    pub greeting: Duration,
    /// One whole command, from when it could begin (RFC 5321 §4.5.3.2 says five minutes).
    pub command: Duration,
    /// One whole message.
    pub data: Duration,
    /// Wrong commands and refused recipients before the session is closed.
    pub errors: u32,
    /// Refused recipients and unknown handles from one network in a minute before its answers
    /// become slow.
    pub misses: NonZeroU32,
    /// Failed logins from one network in a minute before logins are refused for a while.
    pub logins: NonZeroU32,
}

impl Default for SessionLimits {
    fn default() -> Self {
        let n = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self {
            session: Duration::hours(1),
            greeting: Duration::seconds(30),
            command: Duration::minutes(5),
            data: Duration::minutes(10),
            errors: 30,
            misses: n(60),
            logins: n(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contracts_settings_are_read() {
        let mail: MailSettings = toml::from_str(
            "hostname = \"relay.localhost\"\nmax_size = \"4.5MB\"\n[out]\nroute = \"smtp://127.0.0.1:1025\"\ntls = \"may\"\n\
             retry = [\"30s\", \"5m\"]\n[auth]\nrequire = \"none\"\ndns = [\"127.0.0.1:5353\"]\n",
        )
        .unwrap();
        assert_eq!(mail.max_size, 4_500_000);
        let route = mail.out.route.unwrap();
        assert!(route.is_loopback());
        assert_eq!(route.to_string(), "smtp://127.0.0.1:1025");
        assert_eq!(mail.auth.require, Proof::None);
        assert!(toml::from_str::<MailSettings>("hostnames = \"x\"").is_err());
        assert!(toml::from_str::<MailSettings>("postmaster = \"nobody\"").is_err());
        assert!(toml::from_str::<MailSettings>("postmaster = \"ops@market.example\"").is_ok());
        assert!(toml::from_str::<MailSettings>("max_size = \"4.5 apples\"").is_err());
    }

    #[test]
    fn routes_name_a_host_and_a_port() {
        for (text, host, port, tls) in [
            ("smtp://mail.example", "mail.example", 25, false),
            ("smtps://mail.example", "mail.example", 465, true),
            ("smtp://[::1]:2525", "::1", 2525, false),
            ("smtp://[::1]", "::1", 25, false),
        ] {
            let wanted = Route::SmartHost { host: host.to_owned(), port, implicit_tls: tls };
            assert_eq!(text.parse(), Ok(wanted), "{text}");
        }
        for bad in ["", "mail.example", "http://mail.example", "smtp://", "smtp://user:word@mail.example", "smtp://a b"]
        {
            assert!(bad.parse::<Route>().is_err(), "{bad}");
        }
        assert!(!"smtp://mail.example".parse::<Route>().unwrap().is_loopback());
    }
}
