//! The way out: chooses the host, keeps connections, and tells the outbox how it went.

mod dane;
mod lane;
mod trust;

use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use dashmap::DashMap;
use rustls::ClientConfig;
use tokio::time::Instant;

use self::lane::Lane;
use super::{
    answer::Answer,
    client::{Approach, Broken, Client, Handed, IDLE, TlsUse},
    report::{self, Trouble},
    settings::{OutSettings, Route, TlsPolicy},
    sts::{
        Sts,
        policy::{Mode, Policy},
    },
};
use crate::{
    model::Fault,
    net::{Dns, Draining, MailHost, NoAnswer, NoMailHost},
    relay::{Handover, LastLook, Mail, Transport},
};

/// Mail to a smart host or to the recipients' own hosts.
pub struct Courier {
    route: Route,
    tls: TlsPolicy,
    usual: Arc<ClientConfig>,
    /// Where a domain's policy demands a certificate for the host's name.
    proving: Arc<ClientConfig>,
    /// `None`: nobody's policy is asked for.
    sts: Option<Sts>,
    /// Whether the DNS is asked for the certificates of hosts; it then is one that is validated.
    dane: bool,
    hostname: String,
    dns: Dns,
    /// Where mail hosts listen.
    port: u16,
    connections: usize,
    rate: Option<NonZeroU32>,
    /// What is live and may be lost: kept connections and their count, per destination.
    lanes: DashMap<String, Arc<Lane>>,
}

/// A host to try.
struct Host {
    name: String,
    addresses: Vec<SocketAddr>,
    /// Whether DNSSEC vouches for them.
    secure: bool,
}

/// What a host must prove before it gets mail.
#[derive(Clone)]
enum Demand {
    /// What the settings say.
    Usual,
    /// The same, but it is counted whether it could have been more.
    Watched,
    /// Its name, by a certificate that everybody trusts.
    Proven,
    /// The certificate that the DNS names.
    Named(Arc<ClientConfig>),
    /// TLS, whoever is there: the DNS names certificates in ways that are not known.
    Secret(Arc<ClientConfig>),
}

impl Courier {
    /// A courier on `route`.
    ///
    /// # Errors
    /// When the CA file can not be read.
    pub fn new(route: Route, settings: &OutSettings, hostname: &str, dns: Dns) -> Result<Self, Fault> {
        let smart = matches!(route, Route::SmartHost { .. });
        let usual = if smart && !route.is_loopback() { TlsPolicy::Verify } else { TlsPolicy::May };
        let tls = settings.tls.unwrap_or(usual);
        let asks = route == Route::Mx && settings.mta_sts;
        // Only who may vouch for any web server may vouch for a policy.
        let web = Arc::new(trust::trusting(trust::public_roots())?);
        Ok(Self {
            usual: Arc::new(trust::config(tls, settings)?),
            proving: Arc::new(trust::config(TlsPolicy::Verify, settings)?),
            sts: asks.then(|| Sts::new(dns.clone(), web, 443)),
            dane: false,
            tls,
            route,
            hostname: hostname.to_owned(),
            dns,
            port: 25,
            connections: settings.connections.max(1),
            rate: settings.rate,
            lanes: DashMap::new(),
        })
    }

    /// From now on hosts show the certificates that their TLSA records name (RFC 7672), where
    /// `dns`, which validates, vouches for those.
    pub fn with_dane(self, dns: Dns) -> Self {
        Self { dane: true, dns, ..self }
    }

    /// Closes connections that were idle too long, until the drain begins.
    pub async fn tend(&self, mut draining: Draining) {
        loop {
            tokio::select! {
                () = draining.begun() => return,
                () = tokio::time::sleep(IDLE / 3) => {}
            }
            for client in self.stale() {
                client.quit().await;
            }
            if let Some(sts) = &self.sts {
                sts.forget();
            }
        }
    }

    fn stale(&self) -> Vec<Client> {
        let mut stale = Vec::new();
        self.lanes.retain(|_, lane| {
            stale.extend(lane.stale());
            // Somebody else holds the lane while a mail is on it.
            !lane.is_over() || Arc::strong_count(lane) > 1
        });
        stale
    }

    async fn hand_over(&self, mail: &Mail, last_look: LastLook<'_>) -> Handover {
        let Some((_, domain)) = mail.to.reveal().rsplit_once('@') else {
            return Handover::Never { code: "5.1.3".to_owned() };
        };
        let Ok(domain) = idna::domain_to_ascii(domain) else { return Handover::Never { code: "5.1.2".to_owned() } };
        let destination = if self.route == Route::Mx { domain.as_str() } else { "" };
        let lane = self.lane(destination);
        if lane.rests() {
            return not_now("paused");
        }
        if !lane.turn().await {
            return not_now("rate");
        }
        // Never closed, so a seat always comes.
        let Ok(_seat) = lane.seats.acquire().await else { return not_now("closed") };
        let mut last_look = Once(Some(last_look));
        while let Some(client) = lane.take(self.must_be_proven(&domain)) {
            let (handed, client) = client.hand_over(mail, last_look.borrowed()).await;
            if let Some(handover) = self.heard(&lane, handed, client) {
                return handover;
            }
        }
        match self.connect(&domain, &lane).await {
            Err(handover) => handover,
            Ok(client) => {
                let (handed, client) = client.hand_over(mail, last_look.borrowed()).await;
                self.heard(&lane, handed, client).unwrap_or_else(|| not_now("connect"))
            }
        }
    }

    /// What a host said of a mail; `None`: the connection was dead before the mail began.
    fn heard(&self, lane: &Lane, handed: Handed, client: Option<Client>) -> Option<Handover> {
        lane.keep(client);
        match handed {
            Handed::Dead => None,
            Handed::Over(handover) => {
                if handover == Handover::Delivered {
                    lane.well();
                }
                Some(handover)
            }
            Handed::Refused(answer) => {
                self.note_refusal(lane, &answer);
                let code = answer.name();
                Some(if answer.is_final() { Handover::Never { code } } else { Handover::NotNow { code } })
            }
        }
    }

    /// A smart host speaks of the hosts behind it too: of itself only when it closes.
    fn note_refusal(&self, lane: &Lane, answer: &Answer) {
        if answer.code == 421 || self.route == Route::Mx && answer.is_busy() {
            lane.busy();
        }
    }

    fn lane(&self, destination: &str) -> Arc<Lane> {
        if let Some(lane) = self.lanes.get(destination) {
            return lane.clone();
        }
        let fresh = || Arc::new(Lane::new(self.connections, self.rate));
        self.lanes.entry(destination.to_owned()).or_insert_with(fresh).clone()
    }

    /// Whether what is remembered of a domain's policy demands it.
    fn must_be_proven(&self, domain: &str) -> bool {
        let known = self.sts.as_ref().and_then(|sts| sts.known(domain));
        known.is_some_and(|policy| policy.mode == Mode::Enforce)
    }

    async fn connect(&self, domain: &str, lane: &Lane) -> Result<Client, Handover> {
        let policy = self.policy(domain, lane).await;
        let mut last = Broken::Connection;
        for host in self.hosts(domain).await? {
            let Some(demand) = self.demand(policy.as_deref(), domain, &host).await else {
                last = Broken::Tls(Trouble::Other);
                continue;
            };
            for address in host.addresses {
                match self.reach(&host.name, address, &demand).await {
                    Ok(client) => return Ok(client),
                    Err(broken) => last = broken,
                }
            }
        }
        metrics::counter!("tabir_mail_unreachable_total").increment(1);
        if let Broken::Greeting(answer) = &last {
            self.note_refusal(lane, answer);
        }
        Err(not_now(&last.name()))
    }

    async fn policy(&self, domain: &str, lane: &Lane) -> Option<Arc<Policy>> {
        let sts = self.sts.as_ref()?;
        let mut asked = lane.asked.lock().await;
        if asked.is_none_or(|at| at.elapsed() > ASKED_AGAIN) {
            sts.look(domain).await;
            *asked = Some(Instant::now());
        }
        sts.known(domain)
    }

    /// What is demanded of a host; `None`: it may not have the mail. What the DNS says of its
    /// certificate goes before what a policy says of all (RFC 8461 §2).
    async fn demand(&self, policy: Option<&Policy>, domain: &str, host: &Host) -> Option<Demand> {
        let demand = demand_of(policy, &host.name)?;
        if !self.dane || !host.secure {
            return Some(demand);
        }
        match self.dns.tlsa(&host.name, self.port).await {
            Ok(records) if records.is_empty() => Some(demand),
            Ok(records) => match trust::named(&records, domain).ok()? {
                Some(config) => Some(Demand::Named(Arc::new(config))),
                // Records that say nothing known ask for TLS (RFC 7672 §2.2), and take nothing away
                // from what is demanded without them.
                None if matches!(demand, Demand::Proven) || self.tls == TlsPolicy::Verify => Some(demand),
                None => trust::anybody().ok().map(|config| Demand::Secret(Arc::new(config))),
            },
            // Somebody may keep the answer from us so that none is demanded (RFC 7672 §2.1.1).
            Err(NoAnswer) => {
                report::count(report::Policy::Dane, "dnssec-invalid");
                None
            }
        }
    }

    async fn reach(&self, name: &str, address: SocketAddr, demand: &Demand) -> Result<Client, Broken> {
        let (config, policy) = match demand {
            Demand::Usual => return self.reach_as_usual(name, address).await,
            Demand::Named(config) | Demand::Secret(config) => (config, report::Policy::Dane),
            Demand::Watched | Demand::Proven => (&self.proving, report::Policy::Sts),
        };
        let tls = TlsUse::Required(config.clone());
        match Client::connect(&Approach { address, name, hostname: &self.hostname, tls }).await {
            Ok(mut client) => {
                report::count(policy, report::SUCCESS);
                client.proven = !matches!(demand, Demand::Secret(_));
                Ok(client)
            }
            Err(Broken::Tls(trouble)) => {
                report::count(policy, trouble.as_str());
                match demand {
                    Demand::Watched => self.reach_as_usual(name, address).await,
                    _ => Err(Broken::Tls(trouble)),
                }
            }
            broken => broken,
        }
    }

    async fn reach_as_usual(&self, name: &str, address: SocketAddr) -> Result<Client, Broken> {
        let implicit = matches!(self.route, Route::SmartHost { implicit_tls: true, .. });
        let config = self.usual.clone();
        let tls = match self.tls {
            _ if implicit => TlsUse::Implicit(config),
            TlsPolicy::May => TlsUse::WhenOffered(config),
            TlsPolicy::Encrypt | TlsPolicy::Verify => TlsUse::Required(config),
        };
        let mut approach = Approach { address, name, hostname: &self.hostname, tls };
        let reached = Client::connect(&approach).await;
        self.count(&reached);
        match reached {
            // Opportunistic: TLS that does not work is no worse than none (RFC 7435).
            Err(Broken::Tls(_)) if self.tls == TlsPolicy::May && !implicit => {
                approach.tls = TlsUse::Never;
                Client::connect(&approach).await
            }
            reached => reached,
        }
    }

    fn count(&self, reached: &Result<Client, Broken>) {
        let result = match reached {
            Ok(client) if client.is_secure() => report::SUCCESS,
            Ok(_) => Trouble::NotOffered.as_str(),
            Err(Broken::Tls(trouble)) => trouble.as_str(),
            Err(_) => return,
        };
        report::count(report::Policy::None, result);
    }

    async fn hosts(&self, domain: &str) -> Result<Vec<Host>, Handover> {
        let (name, port) = match &self.route {
            Route::Mx => {
                let hosts = self.dns.mail_hosts(domain).await.map_err(|none| match none {
                    NoMailHost::NullMx => Handover::Never { code: "5.1.10".to_owned() },
                    NoMailHost::NotNow => not_now("dns"),
                })?;
                return Ok(hosts.into_iter().map(|host| self.host(host)).collect());
            }
            Route::SmartHost { host, port, .. } => (host, *port),
        };
        // The settings name it: it may be where it wants, in a private network too.
        let addresses = match name.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) if self.route.is_loopback() => vec![[127, 0, 0, 1].into()],
            Err(_) => self.dns.addresses(name).await,
        };
        if addresses.is_empty() {
            return Err(not_now("dns"));
        }
        let addresses = addresses.into_iter().map(|address| (address, port).into()).collect();
        Ok(vec![Host { name: name.clone(), addresses, secure: false }])
    }

    fn host(&self, host: MailHost) -> Host {
        let tried = host.addresses.into_iter().take(ADDRESSES_TRIED);
        let addresses = tried.map(|address| (address, self.port).into()).collect();
        Host { name: host.name, addresses, secure: host.secure }
    }
}

impl Transport for Courier {
    fn deliver<'a>(
        &'a self,
        mail: &'a Mail,
        last_look: LastLook<'a>,
    ) -> Pin<Box<dyn Future<Output = Handover> + Send + 'a>> {
        Box::pin(self.hand_over(mail, last_look))
    }
}

impl std::fmt::Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Courier").field("route", &self.route).field("tls", &self.tls).finish_non_exhaustive()
    }
}

/// A last look that is spent by whoever awaits it, and can be lent to a second connection while
/// the first one never got that far.
struct Once<'a>(Option<LastLook<'a>>);

impl Once<'_> {
    fn borrowed(&mut self) -> LastLook<'_> {
        Box::pin(async move {
            let Some(look) = self.0.as_mut() else { return false };
            let answer = look.await;
            self.0 = None;
            answer
        })
    }
}

/// What is demanded of a host under a domain's policy; `None`: it may not have the mail.
fn demand_of(policy: Option<&Policy>, host: &str) -> Option<Demand> {
    let Some(policy) = policy else { return Some(Demand::Usual) };
    match (policy.allows(host), policy.mode) {
        (_, Mode::None) => Some(Demand::Usual),
        (true, Mode::Enforce) => Some(Demand::Proven),
        (true, Mode::Testing) => Some(Demand::Watched),
        (false, mode) => {
            report::count(report::Policy::Sts, Trouble::Other.as_str());
            (mode == Mode::Testing).then_some(Demand::Usual)
        }
    }
}

fn not_now(code: &str) -> Handover {
    Handover::NotNow { code: code.to_owned() }
}

/// As soon as a record that changed is seen at all: resolvers remember the old one for longer.
const ASKED_AGAIN: Duration = Duration::from_secs(30);

/// Of one host: the others are as likely to be down.
const ADDRESSES_TRIED: usize = 3;

#[cfg(test)]
mod policies;
#[cfg(test)]
pub(super) use policies::names;
#[cfg(test)]
mod signed;
#[cfg(test)]
mod tests;
