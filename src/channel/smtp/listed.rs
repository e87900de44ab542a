//! Lists of addresses that send spam (RFC 5782), asked while a client greets us: what they say is
//! wanted at its first recipient. A list that does not answer says nothing against anybody.

use std::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use serde::Deserialize;
use tokio::{
    task::{JoinHandle, JoinSet},
    time::timeout,
};

use crate::net::Dns;

/// `[mail.dnsbl]`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct DnsblSettings {
    /// The names of lists, such as `zen.spamhaus.org`. Without any, nobody is asked.
    pub zones: Vec<String>,
}

/// A question that is on its way, or its answer.
pub(super) struct Listed {
    asking: Option<JoinHandle<Option<String>>>,
    by: Option<String>,
}

impl Listed {
    /// Begins to ask who lists `address`. What is not of the public network nobody lists.
    pub(super) fn ask(dns: &Dns, zones: &[String], address: IpAddr) -> Self {
        let asked = !zones.is_empty() && !is_within(address);
        let asking = asked.then(|| tokio::spawn(ask_all(dns.clone(), zones.to_vec(), address)));
        Self { asking, by: None }
    }

    /// Which list names the address, if one does and has said so by now or soon.
    pub(super) async fn by(&mut self) -> Option<&str> {
        if let Some(mut asking) = self.asking.take() {
            let said = timeout(PATIENCE, &mut asking).await;
            asking.abort();
            self.by = said.ok().and_then(Result::ok).flatten();
            let result = if self.by.is_some() { "listed" } else { "passed" };
            metrics::counter!("tabir_dnsbl_total", "result" => result).increment(1);
        }
        self.by.as_deref()
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        if let Some(asking) = &self.asking {
            asking.abort();
        }
    }
}

/// The first list that names the address; all are asked at the same time.
async fn ask_all(dns: Dns, zones: Vec<String>, address: IpAddr) -> Option<String> {
    let mut asked = JoinSet::new();
    for zone in zones {
        let dns = dns.clone();
        asked.spawn(async move { dns.is_listed(address, &zone).await.unwrap_or(false).then_some(zone) });
    }
    while let Some(said) = asked.join_next().await {
        if let Ok(Some(zone)) = said {
            return Some(zone);
        }
    }
    None
}

/// This machine and its networks.
fn is_within(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6 == Ipv6Addr::LOCALHOST || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// Most answers were here before they were wanted. A client waits no longer for one than this.
const PATIENCE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::super::send::names;
    use super::*;

    async fn by(dns: &Dns, address: &str, zones: &[&str]) -> Option<String> {
        let zones: Vec<String> = zones.iter().map(|zone| (*zone).to_owned()).collect();
        let mut listed = Listed::ask(dns, &zones, address.parse().unwrap());
        listed.by().await;
        // Asked once, however often it is wanted.
        listed.by().await.map(str::to_owned)
    }

    #[tokio::test]
    async fn who_is_listed_is_told_from_who_is_not_and_from_a_list_that_does_not_answer() {
        let server = names::Dns::start().await;
        server.put("1.2.0.192.bl.example", names::Record::A([127, 0, 0, 2].into()));
        server.put("2.2.0.192.bl.example", names::Record::A([127, 255, 255, 254].into()));
        server.put("3.2.0.192.bl.example", names::Record::A([192, 0, 2, 80].into()));
        server.put("1.0.0.127.bl.example", names::Record::A([127, 0, 0, 2].into()));
        server.behave("broken.example", names::Manner::Broken);
        server.behave("silent.example", names::Manner::Silent);
        let dns = Dns::new(&[server.at]).unwrap();
        for (address, zones, wanted) in [
            ("192.0.2.1", &["bl.example"][..], Some("bl.example")),
            ("::ffff:192.0.2.1", &["bl.example"], Some("bl.example")),
            ("192.0.2.1", &["broken.example", "silent.example", "bl.example"], Some("bl.example")),
            ("192.0.2.9", &["bl.example"], None),
            // The list says that it does not answer us; the zone belongs to somebody else now.
            ("192.0.2.2", &["bl.example"], None),
            ("192.0.2.3", &["bl.example"], None),
            ("192.0.2.1", &["broken.example"], None),
            ("192.0.2.1", &[], None),
            ("2001:db8::1", &["bl.example"], None),
        ] {
            assert_eq!(by(&dns, address, zones).await.as_deref(), wanted, "{address} {zones:?}");
        }
        let before = server.asked().len();
        assert_eq!(by(&dns, "127.0.0.1", &["bl.example"]).await, None);
        assert_eq!(server.asked().len(), before, "nobody is asked about our own networks");
    }
}
