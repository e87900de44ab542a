//! MTA-STS (RFC 8461): what the owners of domains want of who sends to them, asked once and
//! remembered for as long as they say.
//!
//! # Security
//! Parses hostile bytes: records from the DNS, policies from web servers, all bounded. What is
//! remembered lies in memory alone: on disk it would be a list of the domains that people have
//! their addresses at. So a policy is asked for again after a start, and who can keep that
//! answer away then gets the mail as before MTA-STS.

mod fetch;
pub mod policy;

use std::{sync::Arc, time::Duration};

use dashmap::DashMap;
use rustls::ClientConfig;
use tokio::time::Instant;

use self::{
    fetch::Fetcher,
    policy::{Mode, Policy, record_id},
};
use super::report;
use crate::net::Dns;

/// The policies of domains.
pub(super) struct Sts {
    dns: Dns,
    fetcher: Fetcher,
    known: DashMap<String, Known>,
}

/// What was last heard of a domain.
struct Known {
    /// `None`: no policy could be had.
    policy: Option<Arc<Policy>>,
    /// That of the record under which it was asked for.
    id: String,
    /// When it was last asked for.
    tried: Instant,
    /// When the policy ends.
    ends: Instant,
}

impl Sts {
    /// Knows nothing yet; policies are asked for over TLS by `config`, on `port`.
    pub(super) fn new(dns: Dns, config: Arc<ClientConfig>, port: u16) -> Self {
        Self { fetcher: Fetcher::new(dns.clone(), config, port), dns, known: DashMap::new() }
    }

    /// The policy of `domain` that is remembered.
    pub(super) fn known(&self, domain: &str) -> Option<Arc<Policy>> {
        let known = self.known.get(domain).filter(|known| known.ends > Instant::now())?;
        known.policy.clone().filter(|policy| policy.mode != Mode::None)
    }

    /// Asks for the policy of `domain` where it is not known or has changed. What is remembered
    /// counts until its end, whatever is heard or not heard meanwhile (§5.1).
    pub(super) async fn look(&self, domain: &str) {
        if let Ok(records) = self.dns.texts(&format!("_mta-sts.{domain}")).await
            && let Some(id) = record_id(&records)
            && self.is_due(domain, id)
        {
            self.learn(domain, id).await;
        }
    }

    fn is_due(&self, domain: &str, id: &str) -> bool {
        let Some(known) = self.known.get(domain) else { return true };
        let fresh = known.policy.is_some() && known.id == id && known.ends > Instant::now();
        known.tried.elapsed() > if fresh { REFRESH } else { AGAIN }
    }

    async fn learn(&self, domain: &str, id: &str) {
        let fetched = self.fetcher.fetch(domain).await;
        let now = Instant::now();
        match fetched {
            Ok(policy) => {
                let ends = now + policy.max_age;
                self.keep(domain, Known { policy: Some(Arc::new(policy)), id: id.to_owned(), tried: now, ends });
            }
            Err(why) => {
                report::count(report::Policy::Sts, why.as_str());
                // What was known stays; only the next try moves.
                if let Some(mut known) = self.known.get_mut(domain) {
                    known.tried = now;
                    return;
                }
                self.keep(domain, Known { policy: None, id: id.to_owned(), tried: now, ends: now });
            }
        }
    }

    fn keep(&self, domain: &str, known: Known) {
        if self.known.len() >= KEPT {
            self.forget();
        }
        // What was heard a moment ago counts for the mail at hand: the place is another's.
        if self.known.len() >= KEPT && !self.known.contains_key(domain) {
            let oldest = self.known.iter().min_by_key(|known| known.tried).map(|known| known.key().clone());
            oldest.and_then(|domain| self.known.remove(&domain));
        }
        self.known.insert(domain.to_owned(), known);
    }

    /// Forgets policies that have ended.
    pub(super) fn forget(&self) {
        let now = Instant::now();
        self.known.retain(|_, known| known.ends > now || known.tried + AGAIN > now);
    }
}

/// How long nothing is asked of a server that had no policy to give (§3.3).
const AGAIN: Duration = Duration::from_secs(300);

/// A policy that has not changed is asked for again after this, so that it never ends while its
/// domain still has it (§10.2).
const REFRESH: Duration = Duration::from_secs(86_400);

/// Most policies have 100 bytes; none has more than 8 kB.
const KEPT: usize = 4_096;

#[cfg(test)]
impl Sts {
    /// As if as many policies were remembered as there may be.
    pub(super) fn fill(&self) {
        let text = b"version: STSv1\nmode: enforce\nmx: mx.example\nmax_age: 604800\n";
        let policy = Arc::new(Policy::read(text).unwrap());
        let (tried, ends) = (Instant::now(), Instant::now() + policy.max_age);
        for n in 0..KEPT {
            let known = Known { policy: Some(Arc::clone(&policy)), id: "1".to_owned(), tried, ends };
            self.known.insert(format!("n{n}.example"), known);
        }
    }

    /// As if so much time had passed.
    pub(super) fn age(&self, by: Duration) {
        for mut known in self.known.iter_mut() {
            known.tried -= by;
            known.ends -= by;
        }
    }
}
