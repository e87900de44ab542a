//! The way out: chooses the host, keeps connections, and tells the outbox how it went.

use std::{
    fs,
    future::Future,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use dashmap::DashMap;
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use tokio::sync::Semaphore;

use super::{
    client::{Approach, Broken, Client, Handed, IDLE, TlsUse},
    settings::{OutSettings, Route, TlsPolicy},
};
use crate::{
    model::Fault,
    net::{Dns, Draining, MailHost, NoMailHost},
    relay::{Handover, LastLook, Mail, Transport},
};

/// Mail to a smart host or to the recipients' own hosts.
pub struct Courier {
    route: Route,
    tls: TlsPolicy,
    config: Arc<ClientConfig>,
    hostname: String,
    dns: Dns,
    connections: usize,
    /// What is live and may be lost: kept connections and their count, per destination.
    lanes: DashMap<String, Arc<Lane>>,
}

/// A destination: its idle connections, and how many there may be altogether.
struct Lane {
    idle: std::sync::Mutex<Vec<Client>>,
    seats: Semaphore,
}

/// A host to try.
struct Host {
    name: String,
    addresses: Vec<SocketAddr>,
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
        Ok(Self {
            config: Arc::new(client_config(tls, settings)?),
            tls,
            route,
            hostname: hostname.to_owned(),
            dns,
            connections: settings.connections.max(1),
            lanes: DashMap::new(),
        })
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
        }
    }

    fn stale(&self) -> Vec<Client> {
        let mut stale = Vec::new();
        self.lanes.retain(|_, lane| {
            let mut idle = lock(&lane.idle);
            stale.extend(idle.extract_if(.., |client| !client.is_fresh()));
            // Somebody else holds the lane while a mail is on it.
            !idle.is_empty() || Arc::strong_count(lane) > 1
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
        // Never closed, so a seat always comes.
        let Ok(_seat) = lane.seats.acquire().await else { return not_now("closed") };
        let mut last_look = Once(Some(last_look));
        while let Some(client) = lane.take() {
            match client.hand_over(mail, last_look.borrowed()).await {
                (Handed::Over(handover), client) => {
                    lane.keep(client);
                    return handover;
                }
                (Handed::Dead, _) => {}
            }
        }
        match self.connect(&domain).await {
            Err(handover) => handover,
            Ok(client) => match client.hand_over(mail, last_look.borrowed()).await {
                (Handed::Over(handover), client) => {
                    lane.keep(client);
                    handover
                }
                (Handed::Dead, _) => not_now("connect"),
            },
        }
    }

    fn lane(&self, destination: &str) -> Arc<Lane> {
        if let Some(lane) = self.lanes.get(destination) {
            return lane.clone();
        }
        let fresh = || Arc::new(Lane { idle: Default::default(), seats: Semaphore::new(self.connections) });
        self.lanes.entry(destination.to_owned()).or_insert_with(fresh).clone()
    }

    async fn connect(&self, domain: &str) -> Result<Client, Handover> {
        let mut last = Broken::Connection;
        for host in self.hosts(domain).await? {
            for address in host.addresses {
                match self.reach(&host.name, address).await {
                    Ok(client) => return Ok(client),
                    Err(broken) => last = broken,
                }
            }
        }
        metrics::counter!("tabir_mail_unreachable_total").increment(1);
        Err(not_now(&last.name()))
    }

    async fn reach(&self, name: &str, address: SocketAddr) -> Result<Client, Broken> {
        let implicit = matches!(self.route, Route::SmartHost { implicit_tls: true, .. });
        let config = self.config.clone();
        let tls = match self.tls {
            _ if implicit => TlsUse::Implicit(config),
            TlsPolicy::May => TlsUse::WhenOffered(config),
            TlsPolicy::Encrypt | TlsPolicy::Verify => TlsUse::Required(config),
        };
        let mut approach = Approach { address, name, hostname: &self.hostname, tls };
        match Client::connect(&approach).await {
            // Opportunistic: TLS that does not work is no worse than none (RFC 7435).
            Err(Broken::Tls) if self.tls == TlsPolicy::May && !implicit => {
                approach.tls = TlsUse::Never;
                Client::connect(&approach).await
            }
            reached => reached,
        }
    }

    async fn hosts(&self, domain: &str) -> Result<Vec<Host>, Handover> {
        let (name, port) = match &self.route {
            Route::Mx => {
                let hosts = self.dns.mail_hosts(domain).await.map_err(|none| match none {
                    NoMailHost::NullMx => Handover::Never { code: "5.1.10".to_owned() },
                    NoMailHost::NotNow => not_now("dns"),
                })?;
                return Ok(hosts.into_iter().map(Host::from).collect());
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
        Ok(vec![Host { name: name.clone(), addresses }])
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

impl Lane {
    /// The connection used last: the others may then grow old and go.
    fn take(&self) -> Option<Client> {
        let mut idle = lock(&self.idle);
        std::iter::from_fn(|| idle.pop()).find_map(|mut client| client.is_fresh().then_some(client))
    }

    fn keep(&self, client: Option<Client>) {
        lock(&self.idle).extend(client);
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

impl From<MailHost> for Host {
    fn from(host: MailHost) -> Self {
        let addresses = host.addresses.into_iter().take(ADDRESSES_TRIED).map(|address| (address, 25).into()).collect();
        Self { name: host.name, addresses }
    }
}

fn not_now(code: &str) -> Handover {
    Handover::NotNow { code: code.to_owned() }
}

/// A panic elsewhere leaves the list of connections whole: it is a plain list.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn client_config(tls: TlsPolicy, settings: &OutSettings) -> Result<ClientConfig, Fault> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| Fault::new("preparing TLS for outgoing mail", error))?;
    Ok(match tls {
        TlsPolicy::Verify => builder.with_root_certificates(roots(settings)?).with_no_client_auth(),
        TlsPolicy::May | TlsPolicy::Encrypt => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            .with_no_client_auth(),
    })
}

fn roots(settings: &OutSettings) -> Result<RootCertStore, Fault> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let Some(file) = &settings.ca else { return Ok(roots) };
    let pem = fs::read(file).map_err(|error| Fault::new("reading mail.out.ca", error))?;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| Fault::new("reading mail.out.ca", error))?;
        roots.add(certificate).map_err(|error| Fault::new("reading mail.out.ca", error))?;
    }
    Ok(roots)
}

/// Takes any certificate, for `may` and `encrypt`: it keeps out who only listens, and nobody
/// else. That the peer holds the certificate's key is still checked.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Of one host: the others are as likely to be down.
const ADDRESSES_TRIED: usize = 3;

#[cfg(test)]
mod tests;
