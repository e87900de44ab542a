//! A house under test: the real program, started as an operator would, on its own loopback address.
//!
//! Everything here knows the program only by its contract: the settings, the command line, HTTPS and SMTP.

pub mod api;
pub mod canary;
pub mod certs;
pub mod dns;
pub mod mails;
pub mod postfix;
pub mod python;
pub mod receiver;
pub mod sink;
pub mod smtp;

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::atomic::{AtomicU8, Ordering},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use self::{
    api::{Answer, Api},
    certs::Certs,
    smtp::Smtp,
};

/// The domain of the marketplace that every house has.
pub const DOMAIN: &str = "veil.example";
/// Its name.
pub const MARKET: &str = "bazaar";
/// What the certificates are made for.
pub const HOSTNAME: &str = "mx.veil.example";

/// How long the program may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(15);

/// What is settled before a house starts.
pub struct Plan {
    settings: toml::Table,
    wrapper: Vec<String>,
}

impl Plan {
    /// A closed network (`require = "none"`), quick retries and budgets that no test meets by accident.
    pub fn new() -> Self {
        let plan = Self { settings: toml::Table::new(), wrapper: Vec::new() };
        plan.with(&format!(
            r#"
            [mail]
            hostname = "{HOSTNAME}"
            [mail.out]
            retry = ["500ms", "1s", "1s", "1s", "2s", "2s", "2s", "2s", "2s", "2s", "2s", "2s"]
            [mail.auth]
            require = "none"
            [contact]
            unanswered = 100000
            rate = {{ burst = 100000, per = "1h" }}
            "#
        ))
    }

    /// Adds settings over those already there; tables are merged.
    pub fn with(mut self, toml: &str) -> Self {
        merge(&mut self.settings, toml.parse().expect("settings of a test"));
        self
    }

    /// Sends outgoing mail to `sink`.
    pub fn route(self, sink: SocketAddr) -> Self {
        self.with(&format!("[mail.out]\nroute = \"smtp://{sink}\"\ntls = \"may\""))
    }

    /// Starts the program behind other words, for example a shell that lowers a limit first.
    pub fn behind(mut self, words: &[&str]) -> Self {
        self.wrapper = words.iter().map(ToString::to_string).collect();
        self
    }

    /// Starts the house and waits until every listener accepts.
    pub async fn start(self) -> House {
        self.start_with(|_| ()).await
    }

    /// The same; `prepare` is done before anything runs.
    pub async fn start_with(self, prepare: impl FnOnce(&House)) -> House {
        let mut house = self.lay();
        prepare(&house);
        house.rise();
        house.wait_ready().await;
        house.token = house.add_marketplace(MARKET, DOMAIN);
        house
    }

    /// Writes the settings and certificates, starts nothing.
    pub fn lay(self) -> House {
        let dir = tempfile::tempdir().expect("a folder");
        let ip = own_address();
        let certs = Certs::make(HOSTNAME, ip);
        certs.write(dir.path());
        let house = House { dir, ip, certs, child: None, token: String::new(), plan: self };
        house.write_settings();
        house
    }
}

/// The program, running or not, and its folder.
pub struct House {
    pub dir: TempDir,
    pub ip: IpAddr,
    pub certs: Certs,
    pub token: String,
    child: Option<Child>,
    plan: Plan,
}

impl House {
    pub fn https(&self) -> SocketAddr {
        SocketAddr::new(self.ip, 8443)
    }

    pub fn smtp(&self) -> SocketAddr {
        SocketAddr::new(self.ip, 2525)
    }

    pub fn smtps(&self) -> SocketAddr {
        SocketAddr::new(self.ip, 2465)
    }

    pub fn admin(&self) -> SocketAddr {
        SocketAddr::new(self.ip, 9464)
    }

    pub fn config(&self) -> PathBuf {
        self.dir.path().join("tabir.toml")
    }

    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Changes the settings file; a running house has not read it yet.
    pub fn change(&mut self, toml: &str) {
        merge(&mut self.plan.settings, toml.parse().expect("settings of a test"));
        self.write_settings();
    }

    fn write_settings(&self) {
        let listen = format!(
            "[listen]\nhttps = \"{}\"\nsmtp = \"{}\"\nsmtps = \"{}\"\nadmin = \"{}\"\n\
             [tls]\ncert = \"server.pem\"\nkey = \"server.key\"\n",
            self.https(),
            self.smtp(),
            self.smtps(),
            self.admin()
        );
        let mut all: toml::Table = listen.parse().expect("settings of a test");
        merge(&mut all, self.plan.settings.clone());
        fs::write(self.config(), toml::to_string(&all).expect("settings of a test")).expect("a settings file");
    }

    /// Starts `tabir serve`; its output goes to files, so that nothing waits and everything can be searched.
    pub fn rise(&mut self) {
        let log = |name| {
            let path = self.dir.path().join(name);
            Stdio::from(fs::OpenOptions::new().create(true).append(true).open(path).expect("a log file"))
        };
        let mut words = self.plan.wrapper.clone();
        words.extend([env!("CARGO_BIN_EXE_tabir").to_owned(), "serve".into(), "--config".into()]);
        let child = Command::new(&words[0])
            .args(&words[1..])
            .arg(self.config())
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(log("out.log"))
            .stderr(log("err.log"))
            .process_group(0)
            .spawn()
            .expect("the program starts");
        self.child = Some(child);
    }

    /// Waits for `/readyz`.
    pub async fn wait_ready(&mut self) {
        let started = Instant::now();
        loop {
            if let Some((200, _)) = self.ask_admin("/readyz").await {
                return;
            }
            let ended = self.child.as_mut().and_then(|child| child.try_wait().expect("a child"));
            assert!(ended.is_none(), "serve ended with {ended:?}\n{}", self.logs());
            assert!(started.elapsed() < PATIENCE, "not ready after {PATIENCE:?}\n{}", self.logs());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// GET on the admin listener: status and body.
    pub async fn ask_admin(&self, path: &str) -> Option<(u16, String)> {
        api::plain_get(self.admin(), path).await
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a running house").id()
    }

    /// SIGTERM; the program must end with 0 within 15 s.
    pub async fn stop(&mut self) {
        self.signal("TERM");
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().expect("a child")) {
                self.child = None;
                assert_eq!(status.code(), Some(0), "serve ended with {status}\n{}", self.logs());
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("still there {PATIENCE:?} after SIGTERM\n{}", self.logs());
    }

    /// SIGKILL, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let group = rustix::process::Pid::from_child(&child);
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            let _ = child.wait();
        }
    }

    /// SIGTERM, then start again on the same folder.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.rise();
        self.wait_ready().await;
    }

    pub fn signal(&self, name: &str) {
        let done = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(done.is_ok_and(|status| status.success()), "kill -{name}");
    }

    /// What serve wrote so far, for a failing test.
    pub fn logs(&self) -> String {
        let read = |name| fs::read_to_string(self.dir.path().join(name)).unwrap_or_default();
        let all = format!("--- stdout\n{}--- stderr\n{}", read("out.log"), read("err.log"));
        let from = all.char_indices().rev().nth(6000).map_or(0, |(at, _)| at);
        all[from..].to_owned()
    }

    /// Runs another command of the program beside serve.
    pub fn run(&self, words: &[&str]) -> Output {
        run_in(self.dir.path(), words, Some(&self.config()))
    }

    /// The same; it must succeed, and its standard output is the answer.
    pub fn run_ok(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tabir {words:?}: {}\n{errors}", output.status);
        String::from_utf8(output.stdout).expect("text on stdout").trim().to_owned()
    }

    /// Puts a new RSA key for outgoing mail where `mail.dkim` looks for it.
    pub fn make_rsa_key(&self, selector: &str) {
        let folder = self.data().join("dkim");
        fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join(format!("{selector}.pem"));
        let made = Command::new("openssl")
            .args(["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out"])
            .arg(&path)
            .status();
        assert!(made.is_ok_and(|status| status.success()), "openssl makes a key");
        fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("a mode");
    }

    pub fn add_marketplace(&self, name: &str, domain: &str) -> String {
        let token = self.run_ok(&["marketplace", "add", name, "--domain", domain]);
        assert!(!token.is_empty() && !token.contains(char::is_whitespace), "the token alone on stdout, not {token:?}");
        token
    }

    pub fn add_token(&self, scope: &str, more: &[&str]) -> String {
        let mut words = vec!["token", "add", "--marketplace", MARKET, "--scope", scope];
        words.extend(more);
        self.run_ok(&words)
    }

    /// Ids of the tokens there are, as `token list` shows them.
    pub fn token_ids(&self) -> Vec<String> {
        let listed = self.run_ok(&["token", "list", "--marketplace", MARKET]);
        listed.lines().filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect()
    }

    /// The API as the marketplace.
    pub fn api(&self) -> Api {
        self.api_as(&self.token)
    }

    /// The API with another token.
    pub fn api_as(&self, token: &str) -> Api {
        Api::new(self.https(), HOSTNAME, self.certs.connector(), token)
    }

    /// An SMTP connection after STARTTLS and EHLO.
    pub async fn smtp_tls(&self) -> Smtp {
        Smtp::open_tls(self.smtp(), HOSTNAME, &self.certs.connector()).await.expect("STARTTLS")
    }

    /// An SMTP connection right after the greeting.
    pub async fn smtp_plain(&self) -> Smtp {
        Smtp::open(self.smtp()).await.expect("a greeting")
    }

    /// A buyer and a seller, enrolled, with an order and a conversation by mail.
    pub async fn pair(&self, tag: &str) -> Pair {
        let buyer = Person::new(
            &format!("buyer-{tag}"),
            &format!("Ratna Kusuma{tag}"),
            &format!("ratna.{tag}@rumah-{tag}.example"),
        );
        let seller = Person::new(
            &format!("shop-{tag}"),
            &format!("Zenon Gaweł{tag}"),
            &format!("zenon.{tag}@sklep-{tag}.example"),
        );
        self.pair_of(tag, buyer, seller).await
    }

    /// A conversation whose seller writes from `seller@{tag}.example`.
    pub async fn pair_at(&self, tag: &str) -> Pair {
        let buyer = Person::new(&format!("b-{tag}"), "Ratna Kusuma", &format!("ratna@pembeli-{tag}.example"));
        let seller = Person::new(&format!("s-{tag}"), "Zenon Gawel", &format!("seller@{tag}.example"));
        self.pair_of(tag, buyer, seller).await
    }

    pub async fn pair_of(&self, tag: &str, buyer: Person, seller: Person) -> Pair {
        let api = self.api();
        buyer.enroll(&api, "buyer").await;
        seller.enroll(&api, "seller").await;
        let order = format!("order-{tag}");
        let facts = json!({"state": "placed", "fulfilment": "seller",
            "items": [{"title": "Batik scarf", "quantity": 1}], "total": "10.00 EUR"});
        api.put(&format!("/v1/orders/{order}"), &facts).await.ok();
        let id = format!("conv-{tag}");
        self.converse(&id, Some(&order), buyer, seller).await
    }

    /// A conversation of two people who are already enrolled.
    pub async fn converse(&self, id: &str, order: Option<&str>, buyer: Person, seller: Person) -> Pair {
        let mut body = json!({"buyer": buyer.id, "seller": seller.id,
            "deliver": {"buyer": ["mail"], "seller": ["mail"]}});
        if let Some(order) = order {
            body["order"] = json!(order);
        }
        let made = self.api().put(&format!("/v1/conversations/{id}"), &body).await.ok();
        Pair::read(id, buyer, seller, &made)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() && std::env::var_os("TABIR_TEST_KEEP").is_some() {
            let kept = std::env::temp_dir().join(format!("tabir-kept-{}", std::process::id()));
            let _ = Command::new("cp").arg("-a").arg(self.dir.path()).arg(&kept).status();
            eprintln!("kept {}", kept.display());
        }
    }
}

/// Someone real.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: String,
    pub name: String,
    pub email: String,
}

impl Person {
    pub fn new(id: &str, name: &str, email: &str) -> Self {
        Self { id: id.to_owned(), name: name.to_owned(), email: email.to_owned() }
    }

    pub async fn enroll(&self, api: &Api, role: &str) -> Answer {
        let body = json!({"names": [self.name], "emails": [self.email], "role": role});
        let answer = api.put(&format!("/v1/parties/{}", self.id), &body).await;
        assert!(answer.status < 300, "party: {answer:?}");
        answer
    }

    pub fn host(&self) -> &str {
        self.email.split_once('@').expect("an address").1
    }

    pub fn local(&self) -> &str {
        self.email.split_once('@').expect("an address").0
    }

    /// What the other side must never see.
    pub fn canaries(&self) -> Vec<String> {
        let mut words = vec![self.email.clone(), self.local().to_owned(), self.host().to_owned(), self.name.clone()];
        words.extend(self.name.split(' ').map(str::to_owned).filter(|word| word.chars().count() > 6));
        words
    }
}

/// A conversation and its two handles.
#[derive(Clone, Debug)]
pub struct Pair {
    pub id: String,
    pub buyer: Person,
    pub seller: Person,
    /// The address that stands for the buyer: the seller writes to it.
    pub buyer_handle: String,
    /// The address that stands for the seller: the buyer writes to it.
    pub seller_handle: String,
    pub made: Value,
}

impl Pair {
    fn read(id: &str, buyer: Person, seller: Person, made: &Value) -> Self {
        let handle = |side: &str| {
            made["handles"][side]["email"]
                .as_str()
                .unwrap_or_else(|| panic!("handles.{side}.email in {made}"))
                .to_owned()
        };
        Self {
            id: id.to_owned(),
            buyer,
            seller,
            buyer_handle: handle("buyer"),
            seller_handle: handle("seller"),
            made: made.clone(),
        }
    }

    /// (real sender, handle written to, real receiver, handle the receiver sees) of a message of this side.
    pub fn way(&self, from: Side) -> Way<'_> {
        match from {
            Side::Seller => {
                Way { from: &self.seller, to: &self.buyer_handle, arrives: &self.buyer, seen: &self.seller_handle }
            }
            Side::Buyer => {
                Way { from: &self.buyer, to: &self.seller_handle, arrives: &self.seller, seen: &self.buyer_handle }
            }
        }
    }
}

/// Who writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Buyer,
    Seller,
}

/// One direction of a conversation.
pub struct Way<'a> {
    pub from: &'a Person,
    pub to: &'a str,
    pub arrives: &'a Person,
    pub seen: &'a str,
}

/// Runs the program once, in `folder`.
pub fn run_in(folder: &Path, words: &[&str], config: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tabir"));
    command.args(words).current_dir(folder).stdin(Stdio::null());
    if let Some(config) = config {
        command.arg("--config").arg(config);
    }
    command.output().expect("the program runs")
}

/// Runs it and gives up after `patience`.
pub fn run_within(mut command: Command, patience: Duration) -> Option<(ExitStatus, String)> {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let write = || Stdio::from(log.reopen().expect("the file"));
    let mut child = command.stdin(Stdio::null()).stdout(write()).stderr(write()).spawn().expect("the program runs");
    let started = Instant::now();
    let read = || fs::read_to_string(log.path()).unwrap_or_default();
    while started.elapsed() < patience {
        if let Some(status) = child.try_wait().expect("a child") {
            return Some((status, read()));
        }
        std::thread::sleep(Duration::from_millis(30));
    }
    eprintln!("{}", read());
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// An address that no other test uses, so that the default ports are free on it, also after a restart.
fn own_address() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    let pid = std::process::id();
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let [_, _, high, low] = pid.to_be_bytes();
    // Two houses in one process differ in the second octet; 127.0.x.y stays free for sinks and clients.
    IpAddr::V4(Ipv4Addr::new(127, 1 + n % 250, high, low.clamp(1, 254)))
}

fn merge(into: &mut toml::Table, from: toml::Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) => merge(old, new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// Asks again until `ask` gives something, at most for `patience`.
pub async fn eventually<T>(patience: Duration, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(started.elapsed() < patience, "not within {patience:?}: {what}");
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
}
