use std::{
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{
    model::Duration,
    net::{Url, is_public, proxy::Subnet},
};

/// `[webhooks]`: where marketplaces may have themselves told what happens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookSettings {
    /// Networks that a webhook may lead to though they are not public; plain HTTP is for these alone.
    pub allow: Vec<Subnet>,
    /// Ports that a webhook may lead to.
    pub ports: Vec<u16>,
    /// A file of further CA certificates in PEM, for receivers with a private CA.
    pub ca: Option<PathBuf>,
    /// How long a receiver has for its answer, its connection included.
    pub deadline: Duration,
    /// How long to wait after each failure before the next try; after the last one the webhook is disabled.
    pub retry: Vec<Duration>,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        let hours = [2, 5, 10, 14, 20, 24].map(Duration::hours);
        let retry = [Duration::seconds(5), Duration::minutes(5), Duration::minutes(30)].into_iter().chain(hours);
        Self {
            allow: Vec::new(),
            ports: vec![443, 8443],
            ca: None,
            deadline: Duration::seconds(15),
            retry: retry.collect(),
        }
    }
}

impl WebhookSettings {
    /// Reads where a webhook is to lead, and judges what can be judged before its name is looked up.
    ///
    /// # Errors
    /// Why it may not lead there.
    pub fn read_url(&self, text: &str) -> Result<Url, &'static str> {
        if text.len() > LONGEST_URL {
            return Err("longer than 2000 characters");
        }
        let url = Url::try_from(text.to_owned()).map_err(|_| "not a URL such as https://market.example/events")?;
        if !self.ports.contains(&url.port) {
            return Err("its port is none of those that the relay's settings allow (webhooks.ports)");
        }
        if !url.secure && self.allow.is_empty() {
            return Err("not https: plain http is for networks that the relay's settings name (webhooks.allow)");
        }
        let literal = url.host.parse().ok().or(url.is_loopback().then_some(Ipv4Addr::LOCALHOST.into()));
        if literal.is_some_and(|address| !self.may_reach(address, url.secure)) {
            return Err(
                "leads to an address that is not public, and none that the relay's settings name (webhooks.allow)",
            );
        }
        Ok(url)
    }

    /// Whether an address may be connected to.
    pub(super) fn may_reach(&self, address: IpAddr, secure: bool) -> bool {
        self.allow.iter().any(|network| network.holds(address)) || secure && is_public(address)
    }

    /// What can not mean anything: the key at fault, and why.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if self.ports.is_empty() || self.ports.contains(&0) {
            faults.push(("ports", "at least one port, none of them 0".to_owned()));
        }
        if !(MIN_PATIENCE..=MOST_PATIENCE).contains(&self.deadline) {
            faults.push(("deadline", "100ms to 60s".to_owned()));
        }
        if self.retry.iter().any(|wait| wait.0 == 0 || *wait > Duration::days(7)) {
            faults.push(("retry", "each wait is above zero and up to 7 days".to_owned()));
        }
        if let Some(file) = self.ca.as_ref().filter(|file| !file.is_file()) {
            faults.push(("ca", format!("there is no file `{}`", file.display())));
        }
        faults
    }

    /// Relative paths start at `folder`.
    pub fn start_at(&mut self, folder: &Path) {
        self.ca = self.ca.take().map(|file| folder.join(file));
    }
}

const LONGEST_URL: usize = 2_000;
const MIN_PATIENCE: Duration = Duration(100);
const MOST_PATIENCE: Duration = Duration::seconds(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_the_relay_look_into_its_own_networks() {
        let usual = WebhookSettings::default();
        for inside in [
            "https://127.0.0.1/",
            "https://127.9.9.9:8443/",
            "https://10.0.0.1/",
            "https://172.31.0.1/",
            "https://192.168.1.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://224.0.0.1/",
            "https://255.255.255.255/",
            "https://localhost/",
            "https://[::1]/",
            "https://[::]/",
            "https://[fe80::1]/",
            "https://[fd00:ec2::254]/",
            "https://[ff02::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:a9fe:a9fe]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[64:ff9b:1::a00:1]/",
            "https://[2002:7f00:1::1]/",
        ] {
            assert!(usual.read_url(inside).unwrap_err().contains("not public"), "{inside}");
        }
        for other in
            ["http://9.9.9.9:443/", "https://9.9.9.9:22/", "ftp://a.example/", "https://a@b.example/", "a.example"]
        {
            assert!(usual.read_url(other).is_err(), "{other}");
        }
        for fine in ["https://hooks.market.example/a?b=c", "https://9.9.9.9:8443/", "https://[2606:4700::1111]/"] {
            assert!(usual.read_url(fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn what_the_settings_name_may_be_reached_even_in_clear_and_nothing_beside_it() {
        let settings: WebhookSettings =
            toml::from_str("allow = [\"10.1.0.0/16\", \"::1\"]\nports = [80, 443]").unwrap();
        for fine in ["http://10.1.2.3/", "https://10.1.2.3/", "https://[::ffff:10.1.2.3]/", "http://[::1]/"] {
            assert!(settings.read_url(fine).is_ok(), "{fine}");
        }
        for bad in ["http://10.2.0.1/", "https://10.2.0.1/", "https://127.0.0.1/", "http://9.9.9.9/"] {
            assert!(settings.read_url(bad).is_err(), "{bad}");
        }
        // A name is judged by what it leads to, when it is looked up.
        assert!(settings.read_url("http://inside.example/").is_ok());
        assert!(!settings.may_reach("9.9.9.9".parse().unwrap(), false));
    }
}
