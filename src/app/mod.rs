//! The only place that knows everybody: settings → rooms → listeners → drain.
//!
//! # Security
//! Opens the key file and hands the vault to the rooms that house.md lets have it; listeners
//! get verifiers and seams, never keys.

mod anchors;
mod figures;
mod lexicons;
mod lock;
mod mail_keys;
mod profiles;
mod proxy;
mod reload;
mod root;
mod seats;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration as StdDuration, SystemTime},
};

use arc_swap::ArcSwap;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
};

pub use lexicons::{detectors, untaught};
pub use mail_keys::mail_keys;
pub use proxy::proxy_routes;
pub use reload::AT_START;
pub use root::{Compiled, DetectSettings, SandboxSettings, Settings};

use crate::{
    channel::{
        api::{Admin, Api},
        proxy::{Proxy, Routes},
        sms::{Sender, Sms, SmsSettings},
        smtp::{Courier, Door, Mailbox, Required, Route, Smtp},
        webhook::Herald,
    },
    desk::Desk,
    detect::Detect,
    judges::Panels,
    model::{Clock, Duration, Fault, Luck, Marketplace, Secret, SystemClock, SystemLuck},
    net::{Dns, Drain, Edge, Listener, ServerTls, ensure_dev_ca},
    relay::{Phones, Relay, Rules, Transport},
    sandbox::{Sandbox, look_at_models},
    settings::Wrong,
    store::{Store, TokenScope, sqlite::Sqlite},
    telemetry,
    vault::{MailKey, Vault},
};

/// When a delivery is given up (RFC 5321 §4.5.4.1).
const GIVE_UP: Duration = Duration::days(5);

/// Why the relay did not start.
#[derive(Debug)]
pub enum NotStarted {
    /// Settings, all faults at once.
    Settings(Vec<Wrong>),
    /// Something else.
    Fault(Fault),
}

impl From<Fault> for NotStarted {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Where a running relay is spoken to.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// The API.
    pub https: SocketAddr,
    /// SMTP with STARTTLS.
    pub smtp: SocketAddr,
    /// SMTP with TLS from the first byte.
    pub smtps: SocketAddr,
    /// Health, metrics, mailbox.
    pub admin: SocketAddr,
    /// Where a mail host in front hands mail in, if one may.
    pub lmtp: Option<SocketAddr>,
    /// Where a mail host asks, if it may.
    pub milter: Option<SocketAddr>,
    /// The reverse proxy, where there is one.
    pub proxy: Option<SocketAddr>,
    /// Where a provider of short messages calls, if one may.
    pub sms: Option<SocketAddr>,
}

/// A running relay.
pub struct Running {
    /// Where it is spoken to.
    pub addresses: Addresses,
    /// The API token of the marketplace `demo`, if this start made it.
    pub first_token: Option<Secret<String>>,
    /// The development CA, if the relay shows a certificate of it.
    pub dev_ca: Option<PathBuf>,
    config: Option<PathBuf>,
    /// As they were read at the start.
    settings: Settings,
    rules: Arc<ArcSwap<Rules>>,
    dns: Dns,
    api: Arc<Api>,
    smtp: Arc<Smtp>,
    tls: Arc<ServerTls>,
    drain: Drain,
    tasks: JoinSet<()>,
    _lock: lock::FolderLock,
}

/// Starts everything, and returns when every listener accepts.
///
/// # Errors
/// Wrong settings, or what could not be opened.
pub async fn start(config: Option<&Path>) -> Result<Running, NotStarted> {
    let (settings, compiled) = Settings::read(config).map_err(NotStarted::Settings)?;
    start_with(settings, compiled, config).await
}

/// Starts with settings that were read already.
///
/// # Errors
/// What could not be opened.
pub async fn start_with(settings: Settings, compiled: Compiled, config: Option<&Path>) -> Result<Running, NotStarted> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let detect = detectors(&settings).map_err(NotStarted::Settings)?;
    let mail_keys = mail_keys(&settings).map_err(NotStarted::Settings)?;
    let routes = proxy_routes(&settings).map_err(NotStarted::Settings)?;
    let token = sms_token(&settings.sms).map_err(NotStarted::Settings)?;
    let lock = lock::FolderLock::take(&settings.data_folder())?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let luck: Arc<dyn Luck> = Arc::new(SystemLuck::new());
    let vault = Vault::open(&settings.vault.keys, clock.now(), Arc::clone(&luck));
    let vault = Arc::new(vault.map_err(|e| Fault::new("opening the key file", e))?);
    let path = settings.store_path().ok_or_else(|| Fault::plain("looking for the store's path"))?;
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(path)?);
    // The lock is ours: what an earlier relay had claimed, nobody carries any more.
    store.take_over(clock.now()).await?;
    let dns = Dns::new(&settings.mail.auth.dns).map_err(|e| Fault::new("reading the system's resolvers", e))?;

    ensure_dev_ca(&settings.tls, &settings.mail.hostname, SystemTime::now())?;
    let tls = Arc::new(ServerTls::load(&settings.tls).map_err(|e| Fault::new("loading the certificate", e))?);

    let panels = Panels::seat(&Panels::default(), &compiled.seats, &compiled.own_seats, &dns)?;
    let rules = Arc::new(ArcSwap::from_pointee(rules(&settings, &compiled, detect, panels, mail_keys)));
    let exe = std::env::current_exe().map_err(|e| Fault::new("finding this program", e))?;
    let sandbox = Arc::new(sandbox(&settings, &compiled, exe));
    let drain = Drain::new();
    let mut tasks = JoinSet::new();
    let transport = transport(&settings, &dns, &clock, &luck, &drain, &mut tasks)?;
    let relay =
        Relay::new(Arc::clone(&store), Arc::clone(&vault), Arc::clone(&clock), sandbox, transport, Arc::clone(&rules));
    let relay = Arc::new(match &token {
        Some(token) => relay.with_phones(phones(&settings.sms, token, &dns)?),
        None => relay,
    });
    let sms = token.map(|token| Arc::new(Sms::new(Arc::clone(&relay), &settings.sms, &token)));
    let desk = Arc::new(desk(&store, &vault, &clock, &rules).with_texts(sms.is_some()));
    let first_token = first_marketplace(&desk).await?;
    let metrics = metrics_handle()?;
    let smtp = Smtp::new(Arc::clone(&relay), Arc::clone(&desk), &settings.mail, required(&settings, &compiled), &dns);
    let api = Api::new(Arc::clone(&desk), Arc::clone(&relay), settings.api.clone());
    let api = Arc::new(api.with_webhooks(&settings.webhooks));
    let herald = Arc::new(Herald::new(Arc::clone(&desk), settings.webhooks.clone(), dns.clone())?);
    let kept = Arc::clone(&desk);
    let proxy = proxy(&settings, routes, (&desk, &relay, &clock));
    let rooms = Rooms {
        relay,
        desk,
        api: Arc::clone(&api),
        smtp: Arc::clone(&smtp),
        proxy,
        sms,
        tls: Arc::clone(&tls),
        metrics,
    };
    let addresses = open(&settings, rooms, &drain, &mut tasks).await?;
    tasks.spawn(herald.serve(drain.draining()));
    tasks.spawn(anchors::keep(kept, settings.evidence.anchors.clone(), drain.draining()));
    let dev_ca = settings.tls.cert.with_file_name("ca.pem");
    Ok(Running {
        addresses,
        first_token,
        dev_ca: dev_ca.exists().then_some(dev_ca),
        config: config.map(Path::to_owned),
        settings,
        rules,
        dns,
        api,
        smtp,
        tls,
        drain,
        tasks,
        _lock: lock,
    })
}

impl Running {
    /// Serves until SIGTERM or SIGINT, reloading at SIGHUP, then drains.
    ///
    /// # Errors
    /// When signals can not be heard.
    pub async fn serve(mut self) -> Result<(), Fault> {
        let listen = |kind| signal(kind).map_err(|e| Fault::new("listening for signals", e));
        let mut ends: [Signal; 2] = [listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?];
        let mut hang_up = listen(SignalKind::hangup())?;
        let [term, int] = &mut ends;
        loop {
            tokio::select! {
                _ = term.recv() => break,
                _ = int.recv() => break,
                _ = hang_up.recv() => self.reload(),
            }
        }
        tracing::info!("draining");
        self.stop().await;
        Ok(())
    }

    /// Ends the sessions in hand, then everything: within 15 seconds.
    pub async fn stop(&mut self) {
        self.drain.begin();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(StdDuration::from_secs(14), all).await.is_err() {
            tracing::warn!("cut off what did not end in time");
            self.tasks.shutdown().await;
        }
    }
}

/// What the listeners need.
struct Rooms {
    relay: Arc<Relay>,
    desk: Arc<Desk>,
    api: Arc<Api>,
    smtp: Arc<Smtp>,
    proxy: Arc<Proxy>,
    sms: Option<Arc<Sms>>,
    tls: Arc<ServerTls>,
    metrics: PrometheusHandle,
}

fn rules(
    settings: &Settings,
    compiled: &Compiled,
    detect: Arc<Detect>,
    panels: Panels,
    mail_keys: Vec<Arc<MailKey>>,
) -> Rules {
    Rules {
        book: compiled.book.clone(),
        own_files: compiled.own_files.clone().into_iter().collect(),
        files: settings.attachments.clone(),
        detect,
        panels,
        mail_keys,
        retry: settings.mail.out.retry.clone(),
        give_up: GIVE_UP,
    }
}

/// The workers for pictures; whether they can read is known now and not at the first picture.
fn sandbox(settings: &Settings, compiled: &Compiled, exe: PathBuf) -> Sandbox {
    let SandboxSettings { workers, deadline, models } = &settings.sandbox;
    if compiled.reads_words()
        && let Err(why) = look_at_models(models)
    {
        tracing::warn!(%why, "words in pictures are not read");
    }
    Sandbox::new(exe, *workers, deadline.std()).with_models(models)
}

/// The desk over shared rules.
pub fn desk(store: &Arc<dyn Store>, vault: &Arc<Vault>, clock: &Arc<dyn Clock>, rules: &Arc<ArcSwap<Rules>>) -> Desk {
    let (book, detect) = (Arc::clone(rules), Arc::clone(rules));
    Desk::new(
        Arc::clone(store),
        Arc::clone(vault),
        Arc::clone(clock),
        Arc::new(move |marketplace: &Marketplace| book.load().book.of(marketplace)),
        Arc::new(move || Arc::clone(&detect.load().detect)),
    )
}

fn proxy(
    settings: &Settings,
    routes: Routes,
    (desk, relay, clock): (&Arc<Desk>, &Arc<Relay>, &Arc<dyn Clock>),
) -> Arc<Proxy> {
    let (desk, relay, clock) = (Arc::clone(desk), Arc::clone(relay), Arc::clone(clock));
    Arc::new(Proxy::new(desk, relay, clock, &settings.proxy, routes))
}

/// The token of the account at the provider of short messages, where people are texted.
///
/// # Errors
/// When its file can not be read, or is empty.
pub fn sms_token(settings: &SmsSettings) -> Result<Option<Secret<String>>, Vec<Wrong>> {
    if !settings.is_on() {
        return Ok(None);
    }
    let wrong =
        |why: String| vec![Wrong { file: settings.token.clone(), line: None, why: format!("sms.token: {why}") }];
    let text = std::fs::read_to_string(&settings.token).map_err(|error| wrong(error.to_string()))?;
    let token = text.trim().to_owned();
    if token.is_empty() { Err(wrong("it is empty".to_owned())) } else { Ok(Some(Secret::new(token))) }
}

fn phones(settings: &SmsSettings, token: &Secret<String>, dns: &Dns) -> Result<Phones, Fault> {
    let texting = Arc::new(Sender::new(settings, token, dns.clone())?);
    Ok(Phones { pool: settings.pool(), segments: settings.segments, texting })
}

/// Rules for commands that run beside the relay: no message goes through them, and nobody judges.
///
/// # Errors
/// When a lexicon is broken.
pub fn rules_beside(settings: &Settings, compiled: &Compiled) -> Result<Arc<ArcSwap<Rules>>, Vec<Wrong>> {
    Ok(Arc::new(ArcSwap::from_pointee(rules(settings, compiled, detectors(settings)?, Panels::default(), Vec::new()))))
}

/// What proves a sender, per marketplace.
fn required(settings: &Settings, compiled: &Compiled) -> Required {
    let own = compiled.own_mail.iter().map(|(name, mail)| (name.clone(), mail.auth.require));
    Required { usual: settings.mail.auth.require, own: own.collect() }
}

fn transport(
    settings: &Settings,
    dns: &Dns,
    clock: &Arc<dyn Clock>,
    luck: &Arc<dyn Luck>,
    drain: &Drain,
    tasks: &mut JoinSet<()>,
) -> Result<Arc<dyn Transport>, Fault> {
    let mail = &settings.mail;
    match &mail.out.route {
        Some(route) => {
            let mut courier = Courier::new(route.clone(), &mail.out, &mail.hostname, dns.clone())?;
            if mail.out.dane && *route == Route::Mx {
                let dns = Dns::validating(&mail.auth.dns);
                courier = courier.with_dane(dns.map_err(|e| Fault::new("reading the system's resolvers", e))?);
            }
            let courier = Arc::new(courier);
            let (tended, draining) = (Arc::clone(&courier), drain.draining());
            tasks.spawn(async move { tended.tend(draining).await });
            Ok(courier)
        }
        None => {
            let folder = settings.data_folder().join("mailbox");
            Ok(Arc::new(Mailbox::open(&folder, Arc::clone(clock), Arc::clone(luck))?))
        }
    }
}

/// The marketplace `demo` and its token, at the first start of an empty store.
async fn first_marketplace(desk: &Desk) -> Result<Option<Secret<String>>, Fault> {
    if !desk.marketplaces().await?.is_empty() {
        return Ok(None);
    }
    let name = "demo".parse().map_err(|e| Fault::new("naming the first marketplace", e))?;
    let declined = |_| Fault::plain("adding the first marketplace");
    let Some(scope) = desk.add_marketplace(&name, "relay.localhost").await.map_err(declined)? else {
        return Ok(None);
    };
    let (token, _) = desk.issue_token(&scope, TokenScope::Marketplace, None).await.map_err(declined)?;
    Ok(Some(token))
}

/// One recorder a process: a second start within it (a test) shares the first one's.
fn metrics_handle() -> Result<PrometheusHandle, Fault> {
    static HANDLE: std::sync::OnceLock<PrometheusHandle> = std::sync::OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let handle = telemetry::metrics()?;
    Ok(HANDLE.get_or_init(|| handle).clone())
}

async fn open(settings: &Settings, rooms: Rooms, drain: &Drain, tasks: &mut JoinSet<()>) -> Result<Addresses, Fault> {
    let Rooms { relay, desk, api, smtp, proxy, sms, tls, metrics } = rooms;
    let edge = Edge::new(&settings.listen.limits);
    let listen = &settings.listen;
    let opening = |doing| move |e| Fault::new(doing, e);
    let https = Listener::open(listen.https, Arc::clone(&edge), b"").await.map_err(opening("opening listen.https"))?;
    let https = https.behind(&listen.proxy);
    let clear = Smtp::listen(listen.smtp, Arc::clone(&edge), Door::Smtp).await;
    let clear = clear.map_err(opening("opening listen.smtp"))?.behind(&listen.proxy);
    let wrapped = Smtp::listen(listen.smtps, Arc::clone(&edge), Door::Smtps).await;
    let wrapped = wrapped.map_err(opening("opening listen.smtps"))?.behind(&listen.proxy);
    let admin = Listener::open(listen.admin, Arc::clone(&edge), b"").await.map_err(opening("opening listen.admin"))?;
    let address = |l: &Listener| l.address().map_err(|e| Fault::new("reading a listener's address", e));
    let mut lmtp = None;
    if let Some(wanted) = listen.lmtp {
        let opened =
            Smtp::listen(wanted, Arc::clone(&edge), Door::Lmtp).await.map_err(opening("opening listen.lmtp"))?;
        lmtp = Some(address(&opened)?);
        tasks.spawn(Arc::clone(&smtp).serve(opened, tls.smtp(), Door::Lmtp, drain.draining()));
    }
    let mut milter = None;
    if let Some(wanted) = listen.milter {
        let opened = Listener::open(wanted, Arc::clone(&edge), b"").await.map_err(opening("opening listen.milter"))?;
        milter = Some(address(&opened)?);
        tasks.spawn(Arc::clone(&smtp).serve_milter(opened, drain.draining()));
    }
    let mut proxied = None;
    if let Some(wanted) = listen.proxy_https {
        let opened =
            Listener::open(wanted, Arc::clone(&edge), b"").await.map_err(opening("opening listen.proxy_https"))?;
        proxied = Some(address(&opened)?);
        let (opened, acceptor) = (opened.behind(&listen.proxy), tls.https());
        tasks.spawn(
            opened.serve(drain.draining(), move |session| Arc::clone(&proxy).session(session, acceptor.clone())),
        );
    }
    let mut texted = None;
    if let (Some(wanted), Some(sms)) = (listen.sms_https, sms) {
        let opened =
            Listener::open(wanted, Arc::clone(&edge), b"").await.map_err(opening("opening listen.sms_https"))?;
        texted = Some(address(&opened)?);
        let (opened, acceptor) = (opened.behind(&listen.proxy), tls.https());
        tasks.spawn(opened.serve(drain.draining(), move |session| Arc::clone(&sms).session(session, acceptor.clone())));
    }
    let addresses = Addresses {
        https: address(&https)?,
        smtp: address(&clear)?,
        smtps: address(&wrapped)?,
        admin: address(&admin)?,
        lmtp,
        milter,
        proxy: proxied,
        sms: texted,
    };

    let keeper = Admin::new(metrics, desk, settings.data_folder().join("mailbox"));
    tasks.spawn(Arc::clone(&api).tend(drain.draining()));
    let acceptor = tls.https();
    tasks.spawn(https.serve(drain.draining(), move |session| Arc::clone(&api).session(session, acceptor.clone())));
    for (listener, door) in [(clear, Door::Smtp), (wrapped, Door::Smtps)] {
        tasks.spawn(Arc::clone(&smtp).serve(listener, tls.smtp(), door, drain.draining()));
    }
    {
        let draining = drain.draining();
        tasks.spawn(async move { smtp.sweep(draining).await });
    }
    tasks.spawn(admin.serve(drain.draining(), move |session| Arc::clone(&keeper).session(session)));
    tasks.spawn(Arc::clone(&edge).sweep(drain.draining()));
    {
        let draining = drain.draining();
        tasks.spawn(async move { tls.watch(draining).await });
    }
    let (mut carrying, mut caring) = (drain.draining(), drain.draining());
    tasks.spawn(Arc::clone(&relay).carry(async move { carrying.begun().await }));
    tasks.spawn(relay.care(async move { caring.begun().await }));
    Ok(addresses)
}
