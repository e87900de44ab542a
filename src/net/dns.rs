use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        dnssec::{Proof, TrustAnchors},
        rr::{RData, Record},
    },
    system_conf::read_system_conf,
};

/// Names and addresses, from the servers of the settings or the system's. Its cache is bounded
/// and shared by everyone who asks.
#[derive(Clone, Debug)]
pub struct Dns {
    resolver: TokioResolver,
    /// [`is_public`]; tests alone reach loopback.
    may_reach: fn(IpAddr) -> bool,
}

/// Nobody who knows has answered, now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer from the DNS")]
pub struct NoAnswer;

/// Why there is no DNS at all.
#[derive(Debug, thiserror::Error)]
#[error("the resolver can not be set up: {0}")]
pub struct DnsFault(#[from] NetError);

/// A host that takes mail for a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailHost {
    /// Its name, without the final dot: what its certificate must say.
    pub name: String,
    /// Where it is; public addresses only.
    pub addresses: Vec<IpAddr>,
    /// Whether DNSSEC vouches for both, so that its TLSA records mean something.
    pub secure: bool,
}

/// What a TLSA record says of a host's certificate (RFC 6698 §2.1), as it stands there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tlsa {
    /// What the certificate is to the host: 2 a CA of its own, 3 its own.
    pub usage: u8,
    /// What of it: 0 all, 1 its public key.
    pub selector: u8,
    /// As what: 0 itself, 1 SHA-256, 2 SHA-512.
    pub matching: u8,
    /// That.
    pub data: Vec<u8>,
}

/// Why no host takes mail for a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoMailHost {
    /// The domain says that it takes none (RFC 7505).
    NullMx,
    /// Not known now: no answer, no such name, or no address that mail may be sent to. A name
    /// that is gone today may be back tomorrow, so none of these is final.
    NotNow,
}

impl Dns {
    /// Asks `servers`, or those of the system when there are none.
    ///
    /// # Errors
    /// When the system's settings can not be read.
    pub fn new(servers: &[SocketAddr]) -> Result<Self, DnsFault> {
        Self::build(servers, None)
    }

    /// The same, and DNSSEC is checked here, from the root's keys down: what it shows to be false
    /// is no answer, and what it vouches for is told.
    ///
    /// # Errors
    /// When the system's settings can not be read.
    pub fn validating(servers: &[SocketAddr]) -> Result<Self, DnsFault> {
        Self::build(servers, Some(TrustAnchors::default()))
    }

    /// The same, from other keys down.
    #[cfg(test)]
    pub(crate) fn validating_by(servers: &[SocketAddr], keys: TrustAnchors) -> Self {
        Self::build(servers, Some(keys)).unwrap()
    }

    fn build(servers: &[SocketAddr], keys: Option<TrustAnchors>) -> Result<Self, DnsFault> {
        let (config, mut options) = match servers {
            [] => read_system_conf()?,
            named => {
                (ResolverConfig::from_name_servers(named.iter().map(name_server).collect()), ResolverOpts::default())
            }
        };
        options.timeout = ANSWER_WITHIN;
        options.attempts = 2;
        options.cache_size = 4_096;
        options.positive_max_ttl = Some(Duration::from_secs(3_600));
        options.negative_max_ttl = Some(Duration::from_secs(60));
        // An alias on the way is part of what must be vouched for.
        options.preserve_intermediates = keys.is_some();
        let mut builder =
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).with_options(options);
        if let Some(keys) = keys {
            builder = builder.with_trust_anchor(Arc::new(keys));
        }
        let resolver = builder.build()?;
        Ok(Self { resolver, may_reach: is_public })
    }

    /// Where else than to public addresses a test may connect.
    #[cfg(test)]
    pub(crate) fn reaching(self, may_reach: fn(IpAddr) -> bool) -> Self {
        Self { may_reach, ..self }
    }

    /// The resolver itself.
    pub fn resolver(&self) -> &TokioResolver {
        &self.resolver
    }

    /// The hosts that take mail for `domain`, best first (RFC 5321 §5.1); at most
    /// [`HOSTS_TRIED`]. Names that lead to loopback or private networks are left out, so that
    /// no domain's owner can turn the relay against the network it stands in.
    ///
    /// # Errors
    /// When there are none.
    pub async fn mail_hosts(&self, domain: &str) -> Result<Vec<MailHost>, NoMailHost> {
        let mut hosts = Vec::new();
        let (names, vouched) = self.exchanges(domain).await?;
        for name in names.into_iter().take(HOSTS_TRIED) {
            let (addresses, secure) = self.found(&name).await;
            let addresses: Vec<_> = addresses.into_iter().filter(|ip| (self.may_reach)(*ip)).collect();
            if !addresses.is_empty() {
                hosts.push(MailHost { name, addresses, secure: vouched && secure });
            }
        }
        if hosts.is_empty() { Err(NoMailHost::NotNow) } else { Ok(hosts) }
    }

    /// Every address of `host`; none when it has none or nobody answers.
    pub async fn addresses(&self, host: &str) -> Vec<IpAddr> {
        self.found(host).await.0
    }

    /// Every address of `host`, and whether DNSSEC vouches for them.
    async fn found(&self, host: &str) -> (Vec<IpAddr>, bool) {
        match self.resolver.lookup_ip(fully(host)).await {
            Ok(found) => (found.iter().collect(), are_vouched(found.as_lookup().answers())),
            Err(_) => (Vec::new(), false),
        }
    }

    /// What DNSSEC vouches for of the certificates that `host` shows on `port` (RFC 7672 §2.2);
    /// none where it says nothing, or where nobody vouches for it.
    ///
    /// # Errors
    /// [`NoAnswer`] when it is not known now, or the answer is false.
    pub async fn tlsa(&self, host: &str, port: u16) -> Result<Vec<Tlsa>, NoAnswer> {
        let name = fully(&format!("_{port}._tcp.{}", host.trim_end_matches('.')));
        let answer = match self.resolver.tlsa_lookup(name).await {
            Ok(answer) => answer,
            Err(error) if error.is_no_records_found() || is_insecure(&error) => return Ok(Vec::new()),
            Err(_) => return Err(NoAnswer),
        };
        let found = answer.answers();
        if found.iter().any(|record| matches!(record.proof, Proof::Bogus | Proof::Indeterminate)) {
            return Err(NoAnswer);
        }
        if !are_vouched(found) {
            return Ok(Vec::new());
        }
        Ok(found.iter().filter_map(|record| tlsa(&record.data)).take(TLSA_READ).collect())
    }

    /// The addresses of `host` that everyone can reach: a host that a stranger names is never
    /// looked for on this machine or in its networks.
    pub async fn public_addresses(&self, host: &str) -> Vec<IpAddr> {
        self.addresses(host).await.into_iter().filter(|ip| (self.may_reach)(*ip)).collect()
    }

    /// The TXT records of `name`, the strings of each joined; none where there is no such name.
    ///
    /// # Errors
    /// [`NoAnswer`] when it is not known now.
    pub async fn texts(&self, name: &str) -> Result<Vec<String>, NoAnswer> {
        match self.resolver.txt_lookup(fully(name)).await {
            Ok(answer) => Ok(answer.answers().iter().filter_map(|record| text(&record.data)).collect()),
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(_) => Err(NoAnswer),
        }
    }

    /// Whether `zone` lists `address` (RFC 5782): the name made of both leads to 127.0.0.0/8.
    /// 127.255.255.0/24 is how lists say that they do not answer who asks.
    ///
    /// # Errors
    /// [`NoAnswer`] when it is not known now, or the list does not answer us.
    pub async fn is_listed(&self, address: IpAddr, zone: &str) -> Result<bool, NoAnswer> {
        let name = format!("{}.{}", backwards(address), zone.trim_matches('.'));
        let answer = match self.resolver.ipv4_lookup(fully(&name)).await {
            Ok(answer) => answer,
            Err(error) if error.is_no_records_found() => return Ok(false),
            Err(_) => return Err(NoAnswer),
        };
        let said = answer.answers().iter().filter_map(|record| match &record.data {
            RData::A(a) if a.0.is_loopback() => Some(a.0),
            _ => None,
        });
        let (told_off, listed): (Vec<_>, Vec<_>) = said.partition(|a| a.octets()[..3] == [127, 255, 255]);
        match (listed.is_empty(), told_off.is_empty()) {
            (false, _) => Ok(true),
            (true, true) => Ok(false),
            (true, false) => Err(NoAnswer),
        }
    }

    /// The mail hosts that the DNS names for `domain`, best first, wherever they are, and whether
    /// DNSSEC vouches for them; none where it names none.
    ///
    /// # Errors
    /// [`NoAnswer`] when it is not known now.
    pub async fn exchangers(&self, domain: &str) -> Result<(Vec<String>, bool), NoAnswer> {
        let answer = match self.resolver.mx_lookup(fully(domain)).await {
            Ok(answer) => answer,
            Err(error) if error.is_no_records_found() || is_insecure(&error) => return Ok((Vec::new(), false)),
            Err(_) => return Err(NoAnswer),
        };
        let mut found: Vec<(u16, String)> =
            answer.answers().iter().filter_map(|record| exchange(&record.data)).collect();
        found.sort();
        Ok((found.into_iter().map(|(_, name)| name).collect(), are_vouched(answer.answers())))
    }

    /// As [`Dns::exchangers`], for who wants to send there.
    async fn exchanges(&self, domain: &str) -> Result<(Vec<String>, bool), NoMailHost> {
        match self.exchangers(domain).await {
            Ok((found, _)) if found.iter().any(String::is_empty) => Err(NoMailHost::NullMx),
            // No MX: the domain's own address is its mail host.
            Ok((found, _)) if found.is_empty() => Ok((vec![domain.to_owned()], false)),
            Ok(found) => Ok(found),
            Err(NoAnswer) => Err(NoMailHost::NotNow),
        }
    }
}

/// Whether DNSSEC proves every record that an answer rests on, aliases too.
fn are_vouched(records: &[Record]) -> bool {
    !records.is_empty() && records.iter().all(|record| record.proof == Proof::Secure)
}

/// Whether an error says that there is nothing, in a zone that nobody vouches for.
fn is_insecure(error: &NetError) -> bool {
    matches!(error, NetError::Dns(DnsError::Nsec { proof: Proof::Insecure, .. }))
}

fn tlsa(data: &RData) -> Option<Tlsa> {
    let RData::TLSA(tlsa) = data else { return None };
    Some(Tlsa {
        usage: tlsa.cert_usage.into(),
        selector: tlsa.selector.into(),
        matching: tlsa.matching.into(),
        data: tlsa.cert_data.clone(),
    })
}

fn exchange(data: &RData) -> Option<(u16, String)> {
    match data {
        RData::MX(mx) => Some((mx.preference, mx.exchange.to_ascii().trim_end_matches('.').to_owned())),
        _ => None,
    }
}

fn text(data: &RData) -> Option<String> {
    match data {
        RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
        _ => None,
    }
}

/// The octets of an IPv4 address or the nibbles of an IPv6 one, the last first (RFC 5782 §2).
fn backwards(address: IpAddr) -> String {
    let parts: Vec<String> = match address.to_canonical() {
        IpAddr::V4(v4) => v4.octets().iter().rev().map(u8::to_string).collect(),
        IpAddr::V6(v6) => {
            let nibbles = v6.octets().into_iter().rev().flat_map(|byte| [byte & 15, byte >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}")).collect()
        }
    };
    parts.join(".")
}

/// With its final dot, so that no search domain of the system is tried.
fn fully(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

fn name_server(server: &SocketAddr) -> NameServerConfig {
    let at = |mut connection: ConnectionConfig| {
        connection.port = server.port();
        connection
    };
    NameServerConfig::new(server.ip(), true, vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())])
}

/// Whether an address is reachable by everyone: not loopback, private, link-local, shared,
/// reserved, documentation or multicast (RFC 6890), nor an IPv6 wrapping of such a one.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let special =
        a == 0 || a >= 240 || (a, b, c) == (192, 0, 0) || (a, b, c) == (192, 88, 99) || a == 198 && b & 0xfe == 18;
    !(v4.is_loopback()
        || v4.is_private()
        || v4.is_link_local()
        || v4.is_documentation()
        || v4.is_multicast()
        || v4.is_broadcast()
        || shared
        || special)
}

fn is_public_v6(v6: Ipv6Addr) -> bool {
    let s = v6.segments();
    let inner = |high: u16, low: u16| is_public_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match s {
        // NAT64 and 6to4 carry an IPv4 address inside.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inner(high, low),
        [0x2002, high, low, ..] => inner(high, low),
        // Documentation, and what protocols have for themselves: Teredo, ORCHID and others (RFC 9637, RFC 6890).
        [0x2001, 0xdb8, ..] | [0x2001, 0..0x200, ..] | [0x3fff, 0..0x1000, ..] => false,
        // Global unicast is 2000::/3 and nothing else.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// Long enough for a far resolver, short enough that two tries fit into an SMTP client's patience.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// RFC 5321 §5.1 wants at least two; more than a handful only helps who wants us busy.
const HOSTS_TRIED: usize = 5;

/// A host has a record for each key it uses now or next.
const TLSA_READ: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_goes_to_public_addresses_only() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::1",
            "2001:db8::1",
            "2001::1",
            "2001:20::1",
            "3fff::1",
            "64:ff9b:1::a00:1",
            "64:ff9b::a9fe:a9fe",
            "::127.0.0.1",
            "fec0::1",
            "fd00:ec2::254",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["9.9.9.9", "100.128.0.1", "2606:4700::1111", "64:ff9b::909:909", "172.32.0.1"] {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn an_address_is_asked_for_backwards() {
        assert_eq!(backwards("192.0.2.99".parse().unwrap()), "99.2.0.192");
        assert_eq!(backwards("::ffff:192.0.2.99".parse().unwrap()), "99.2.0.192");
        assert_eq!(
            backwards("2001:db8:1:2:3:4:567:89ab".parse().unwrap()),
            "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2"
        );
    }
}
