//! What the DNS must say about a relay so that hosts of others find it and take its mail, and
//! whether it does.

use std::{collections::BTreeSet, fmt, net::IpAddr};

use data_encoding::HEXLOWER;
use ring::digest;

use super::settings::{MailSettings, Route};
use crate::net::{Dns, NoAnswer};

/// One record to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its name, without the final dot.
    pub name: String,
    /// What it holds.
    pub value: Value,
    /// Mail is refused or lost without it; else it only makes mail safer.
    pub needed: bool,
}

/// What a record holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Addresses of ours: which, the machine itself does not know.
    Addresses,
    /// A mail host (RFC 5321 §5).
    Mx(String),
    /// A text, known by how it begins: another one that begins so is in its place.
    Txt {
        /// Such as `v=spf1`.
        begins: &'static str,
        /// All of it.
        text: String,
    },
}

/// What the DNS says of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// As it should be.
    Published,
    /// Nothing.
    Missing,
    /// Something else: it may be right, but that is not known from here.
    Other(String),
    /// Something that can not be right.
    Wrong(String),
    /// Nobody answered.
    Unknown,
}

/// The records that a relay needs for `domains`, those of its own name first.
///
/// `keys` are selectors, each with its record.
pub fn records(mail: &MailSettings, domains: &[String], keys: &[(String, String)]) -> Vec<Record> {
    let host = &mail.hostname;
    let mut all = vec![Record { name: host.clone(), value: Value::Addresses, needed: true }];
    // Its own name greets, and is the sender of letters to the postmaster.
    all.push(txt(host, "v=spf1", format!("v=spf1 {} -all", sends(mail)), true));
    let own = domains.iter().any(|domain| domain == host);
    if mail.postmaster.is_some() && !own {
        all.extend(keys.iter().map(|key| dkim(host, key)));
    }
    for domain in domains {
        all.push(Record { name: domain.clone(), value: Value::Mx(host.clone()), needed: true });
        if domain != host {
            all.push(txt(domain, "v=spf1", format!("v=spf1 {} -all", sends(mail)), true));
        }
        all.extend(keys.iter().map(|key| dkim(domain, key)));
        // Strict: the envelope, the signature and the From field all have this one domain.
        all.push(txt(&format!("_dmarc.{domain}"), "v=DMARC1", "v=DMARC1; p=reject; adkim=s; aspf=s".to_owned(), true));
        let policy = HEXLOWER.encode(&digest::digest(&digest::SHA256, sts_policy(host).as_bytes()).as_ref()[..10]);
        all.push(txt(&format!("_mta-sts.{domain}"), "v=STSv1", format!("v=STSv1; id={policy}"), false));
        if let Some(postmaster) = &mail.postmaster {
            let text = format!("v=TLSRPTv1; rua=mailto:{postmaster}");
            all.push(txt(&format!("_smtp._tls.{domain}"), "v=TLSRPTv1", text, false));
        }
    }
    all
}

/// What a web server must say at `https://mta-sts.DOMAIN/.well-known/mta-sts.txt` (RFC 8461 §3.2).
pub fn sts_policy(hostname: &str) -> String {
    format!("version: STSv1\r\nmode: enforce\r\nmx: {hostname}\r\nmax_age: 604800\r\n")
}

fn txt(name: &str, begins: &'static str, text: String, needed: bool) -> Record {
    Record { name: name.to_owned(), value: Value::Txt { begins, text }, needed }
}

fn dkim(domain: &str, (selector, text): &(String, String)) -> Record {
    txt(&format!("{selector}._domainkey.{domain}"), "v=DKIM1", text.clone(), true)
}

/// Who sends our mail, in the words of SPF (RFC 7208 §5).
fn sends(mail: &MailSettings) -> String {
    match &mail.out.route {
        Some(route @ Route::SmartHost { host, .. }) if !route.is_loopback() => match host.parse::<IpAddr>() {
            Ok(IpAddr::V4(ip)) => format!("ip4:{ip}"),
            Ok(IpAddr::V6(ip)) => format!("ip6:{ip}"),
            Err(_) => format!("a:{host}"),
        },
        _ => format!("a:{}", mail.hostname),
    }
}

impl Record {
    /// Whether it publishes a key that signs.
    pub fn is_of_key(&self) -> bool {
        matches!(self.value, Value::Txt { begins: "v=DKIM1", .. })
    }

    /// Asks the DNS.
    pub async fn look_up(&self, dns: &Dns) -> Found {
        match &self.value {
            Value::Addresses if dns.addresses(&self.name).await.is_empty() => Found::Missing,
            Value::Addresses => Found::Published,
            Value::Mx(host) => found(dns.exchangers(&self.name).await, |(hosts, _)| of_mx(host, &hosts)),
            Value::Txt { begins, text } => found(dns.texts(&self.name).await, |texts| of_txt(begins, text, &texts)),
        }
    }
}

fn found<T>(answer: Result<T, NoAnswer>, judge: impl FnOnce(T) -> Found) -> Found {
    match answer {
        Ok(answer) => judge(answer),
        Err(NoAnswer) => Found::Unknown,
    }
}

fn of_mx(host: &str, hosts: &[String]) -> Found {
    match hosts {
        [only] if only.eq_ignore_ascii_case(host) => Found::Published,
        [] => Found::Missing,
        // Another relay of the same house, or a host in front of it, is nothing that is known here.
        several => Found::Other(several.join(", ")),
    }
}

/// Of two texts of one kind neither counts (RFC 7208 §4.5, RFC 7489 §6.6.3, RFC 8461 §3.1).
fn of_txt(begins: &str, wanted: &str, texts: &[String]) -> Found {
    let of_kind = |text: &&String| text.split([';', ' ']).next().is_some_and(|v| v.trim().eq_ignore_ascii_case(begins));
    // A key's record may leave its version out (RFC 6376 §3.6.1).
    let kinds: Vec<&String> = texts.iter().filter(|text| of_kind(text) || begins == "v=DKIM1").collect();
    match kinds.as_slice() {
        [] => Found::Missing,
        [one] if tags(begins, one) == tags(begins, wanted) => Found::Published,
        [one] => differs(begins, wanted, one),
        several => Found::Wrong(several.iter().map(|text| text.as_str()).collect::<Vec<_>>().join(" | ")),
    }
}

/// A key must be the key and a policy a policy; the rest may be as the operator wants it.
fn differs(begins: &str, wanted: &str, found: &str) -> Found {
    let tag = |text: &str, name: &str| {
        let value = text.split(';').find_map(|tag| tag.trim().strip_prefix(name)?.trim().strip_prefix('='))?;
        Some(value.split_whitespace().collect::<String>())
    };
    let told = found.to_owned();
    match begins {
        "v=DKIM1" if tag(wanted, "p") == tag(found, "p") => Found::Published,
        "v=DKIM1" => Found::Wrong(told),
        // Whoever writes as the relay is to be refused.
        "v=DMARC1" if tag(found, "p").as_deref() == Some("none") => Found::Wrong(told),
        _ => Found::Other(told),
    }
}

/// The tags of a record; their order and the blanks between them mean nothing but in SPF.
fn tags(begins: &str, text: &str) -> BTreeSet<(usize, String)> {
    let ordered = begins == "v=spf1";
    let parts = text.split([';', ' ']).map(str::trim).filter(|part| !part.is_empty());
    parts.enumerate().map(|(n, part)| (if ordered { n } else { 0 }, part.to_owned())).collect()
}

/// The record in a zone file (RFC 1035 §5); what must be filled in is left as a comment.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Value::Addresses => write!(f, "; {}. IN A and AAAA: the public addresses of this relay", self.name),
            Value::Mx(host) => write!(f, "{}. IN MX 10 {host}.", self.name),
            Value::Txt { text, .. } => {
                write!(f, "{}. IN TXT", self.name)?;
                // A string of a TXT record has at most 255 bytes; ours are ASCII.
                text.as_bytes().chunks(255).try_for_each(|part| write!(f, " \"{}\"", String::from_utf8_lossy(part)))
            }
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Published => f.write_str("published"),
            Self::Missing => f.write_str("missing"),
            Self::Other(found) => write!(f, "there is something else, see whether it is meant so: {found}"),
            Self::Wrong(found) => write!(f, "wrong: {found}"),
            Self::Unknown => f.write_str("not known: the DNS did not answer"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn house(route: &str) -> MailSettings {
        let text = format!("hostname = \"mx.veil.example\"\npostmaster = \"ops@market.example\"\n[out]\n{route}\n");
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn a_zone_file_of_everything_can_be_pasted() {
        let keys = [("r1".to_owned(), format!("v=DKIM1; k=rsa; p={}", "A".repeat(300)))];
        let all = records(&house("route = \"mx\""), &["veil.example".to_owned()], &keys);
        let zone: Vec<String> = all.iter().map(ToString::to_string).collect();
        let long = format!(
            "r1._domainkey.veil.example. IN TXT \"v=DKIM1; k=rsa; p={}\" \"{}\"",
            "A".repeat(237),
            "A".repeat(63)
        );
        for line in [
            "; mx.veil.example. IN A and AAAA: the public addresses of this relay",
            "mx.veil.example. IN TXT \"v=spf1 a:mx.veil.example -all\"",
            "veil.example. IN MX 10 mx.veil.example.",
            "veil.example. IN TXT \"v=spf1 a:mx.veil.example -all\"",
            "_dmarc.veil.example. IN TXT \"v=DMARC1; p=reject; adkim=s; aspf=s\"",
            "_smtp._tls.veil.example. IN TXT \"v=TLSRPTv1; rua=mailto:ops@market.example\"",
            &long,
        ] {
            assert!(zone.iter().any(|known| known == line), "{line} in {zone:#?}");
        }
        assert!(zone.iter().any(|line| line.starts_with("_mta-sts.veil.example. IN TXT \"v=STSv1; id=")));
    }

    #[test]
    fn who_sends_for_us_is_named_as_the_route_says() {
        for (route, spf) in [
            ("", "a:mx.veil.example"),
            ("route = \"mx\"", "a:mx.veil.example"),
            ("route = \"smtp://127.0.0.1:25\"", "a:mx.veil.example"),
            ("route = \"smtps://out.host.example\"", "a:out.host.example"),
            ("route = \"smtp://192.0.2.7:587\"", "ip4:192.0.2.7"),
            ("route = \"smtp://[2001:db8::7]:587\"", "ip6:2001:db8::7"),
        ] {
            assert_eq!(sends(&house(route)), spf, "{route}");
        }
    }

    #[test]
    fn what_is_published_is_told_from_what_is_not() {
        let text = |begins: &str, wanted: &str, texts: &[&str]| {
            of_txt(begins, wanted, &texts.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let (key, spf, dmarc) =
            ("v=DKIM1; k=rsa; p=AAAA", "v=spf1 a:mx.veil.example -all", "v=DMARC1; p=reject; adkim=s");
        let other = |found: &str| Found::Other(found.to_owned());
        let wrong = |found: &str| Found::Wrong(found.to_owned());
        for (begins, wanted, texts, found) in [
            ("v=DKIM1", key, &[key][..], Found::Published),
            ("v=DKIM1", key, &["k=rsa; p=AA AA"], Found::Published),
            ("v=DKIM1", key, &["v=DKIM1; k=rsa; p="], wrong("v=DKIM1; k=rsa; p=")),
            ("v=DKIM1", key, &[], Found::Missing),
            ("v=spf1", spf, &["google-site-verification=x", spf], Found::Published),
            ("v=spf1", spf, &["v=spf1 include:_spf.host.example ~all"], other("v=spf1 include:_spf.host.example ~all")),
            ("v=spf1", spf, &["v=spf1 -all a:mx.veil.example"], other("v=spf1 -all a:mx.veil.example")),
            ("v=spf1", spf, &[spf, "v=spf1 -all"], wrong("v=spf1 a:mx.veil.example -all | v=spf1 -all")),
            ("v=spf1", spf, &["v=spf10 -all"], Found::Missing),
            ("v=DMARC1", dmarc, &["v=DMARC1;adkim=s;p=reject"], Found::Published),
            ("v=DMARC1", dmarc, &["v=DMARC1; p=quarantine"], other("v=DMARC1; p=quarantine")),
            ("v=DMARC1", dmarc, &["v=DMARC1; p=none"], wrong("v=DMARC1; p=none")),
        ] {
            assert_eq!(text(begins, wanted, texts), found, "{texts:?}");
        }
        assert_eq!(of_mx("mx.veil.example", &["MX.veil.example".to_owned()]), Found::Published);
        assert_eq!(of_mx("mx.veil.example", &["in.host.example".to_owned()]), other("in.host.example"));
    }
}
