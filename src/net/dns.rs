use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::RData,
    system_conf::read_system_conf,
};

/// Names and addresses, from the servers of the settings or the system's. Its cache is bounded
/// and shared by everyone who asks.
#[derive(Clone, Debug)]
pub struct Dns {
    resolver: TokioResolver,
}

/// Why there is no DNS at all.
#[derive(Debug, thiserror::Error)]
#[error("the resolver can not be set up: {0}")]
pub struct DnsFault(#[from] NetError);

/// Why the DNS gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// It says that there is nothing.
    NoRecords,
    /// Nobody answered, or nothing that can be believed.
    NotNow,
}

/// A host that takes mail for a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailHost {
    /// Its name, without the final dot: what its certificate must say.
    pub name: String,
    /// Where it is; public addresses only.
    pub addresses: Vec<IpAddr>,
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
        let resolver = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options)
            .build()?;
        Ok(Self { resolver })
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
        for name in self.exchanges(domain).await?.into_iter().take(HOSTS_TRIED) {
            let addresses: Vec<_> = self.addresses(&name).await.into_iter().filter(|ip| is_public(*ip)).collect();
            if !addresses.is_empty() {
                hosts.push(MailHost { name, addresses });
            }
        }
        if hosts.is_empty() { Err(NoMailHost::NotNow) } else { Ok(hosts) }
    }

    /// Every address of `host`; none when it has none or nobody answers.
    pub async fn addresses(&self, host: &str) -> Vec<IpAddr> {
        match self.resolver.lookup_ip(fully(host)).await {
            Ok(found) => found.iter().collect(),
            Err(_) => Vec::new(),
        }
    }

    /// The texts under `name`, each with its strings joined; what is no UTF-8 is shown as such.
    ///
    /// # Errors
    /// When there are none, or nobody answers.
    pub async fn texts(&self, name: &str) -> Result<Vec<String>, NoAnswer> {
        let answer = self.resolver.txt_lookup(fully(name)).await.map_err(NoAnswer::of)?;
        Ok(answer.answers().iter().filter_map(|record| text(&record.data)).collect())
    }

    /// The mail hosts that the DNS names for `domain`, best first, wherever they are.
    ///
    /// # Errors
    /// When there are none, or nobody answers.
    pub async fn exchangers(&self, domain: &str) -> Result<Vec<String>, NoAnswer> {
        let answer = self.resolver.mx_lookup(fully(domain)).await.map_err(NoAnswer::of)?;
        let mut found: Vec<(u16, String)> =
            answer.answers().iter().filter_map(|record| exchange(&record.data)).collect();
        found.sort();
        Ok(found.into_iter().map(|(_, name)| name).collect())
    }

    async fn exchanges(&self, domain: &str) -> Result<Vec<String>, NoMailHost> {
        match self.exchangers(domain).await {
            Ok(found) if found.iter().any(String::is_empty) => Err(NoMailHost::NullMx),
            Ok(found) => Ok(found),
            // No MX: the domain's own address is its mail host.
            Err(NoAnswer::NoRecords) => Ok(vec![domain.to_owned()]),
            Err(NoAnswer::NotNow) => Err(NoMailHost::NotNow),
        }
    }
}

impl NoAnswer {
    fn of(error: NetError) -> Self {
        if error.is_no_records_found() { Self::NoRecords } else { Self::NotNow }
    }
}

fn text(data: &RData) -> Option<String> {
    match data {
        RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
        _ => None,
    }
}

fn exchange(data: &RData) -> Option<(u16, String)> {
    match data {
        RData::MX(mx) => Some((mx.preference, mx.exchange.to_ascii().trim_end_matches('.').to_owned())),
        _ => None,
    }
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
        [0x2001, 0xdb8, ..] | [0x2001, 0, ..] => false,
        // Global unicast is 2000::/3 and nothing else.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// Long enough for a far resolver, short enough that two tries fit into an SMTP client's patience.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// RFC 5321 §5.1 wants at least two; more than a handful only helps who wants us busy.
const HOSTS_TRIED: usize = 5;

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
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["9.9.9.9", "100.128.0.1", "2606:4700::1111", "64:ff9b::909:909", "172.32.0.1"] {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
    }
}
