//! A real Postfix of its own on loopback, with queue and settings in a temporary folder.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use super::certs::Certs;

/// The running mail host.
pub struct Postfix {
    folder: tempfile::TempDir,
    /// The process that all others of it belong to.
    pub master: u32,
}

/// A port of it: an smtpd with settings of its own.
pub struct Door {
    pub at: SocketAddr,
    line: String,
}

impl Door {
    /// On a port that is free now; `more` are `-o` options.
    pub fn new(processes: u32, more: &str) -> Self {
        let at = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
        Self { at, line: format!("127.0.0.1:{} inet n - n - {processes} smtpd {more}\n", at.port()) }
    }
}

/// Postfix starts as root only.
pub fn may_start() -> bool {
    let may = rustix::process::getuid().is_root() && Path::new("/usr/sbin/postfix").exists();
    if !may {
        eprintln!("not run: Postfix needs root");
    }
    may
}

impl Postfix {
    /// Starts it with these doors. `settings` come after the plain ones: no local mail, no DNS, a certificate.
    pub fn start(certs: &Certs, doors: &[&Door], settings: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        certs.write(root);
        for name in ["etc", "queue", "data"] {
            fs::create_dir(root.join(name)).expect("a folder");
        }
        fs::set_permissions(root, PermissionsExt::from_mode(0o755)).expect("a mode");
        sh(&format!("chown postfix {}", root.join("data").display()));
        fs::write(root.join("etc/main.cf"), main_cf(root) + settings).expect("main.cf");
        let doors: String = doors.iter().map(|door| door.line.as_str()).collect();
        fs::write(root.join("etc/master.cf"), doors + SERVICES).expect("master.cf");
        sh(&format!("postfix -c {} start 2>/dev/null", root.join("etc").display()));
        let master = wait_for_master(root);
        Self { folder, master }
    }

    /// What is in its queue, as `postqueue` tells it.
    pub fn queue(&self) -> String {
        let etc = self.folder.path().join("etc");
        let output = Command::new("postqueue").arg("-c").arg(etc).arg("-p").output().expect("postqueue");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What it logged, for a failing test.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("data/log")).unwrap_or_default()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        sh(&format!("postfix -c {} stop 2>/dev/null", self.folder.path().join("etc").display()));
    }
}

fn wait_for_master(root: &Path) -> u32 {
    let started = Instant::now();
    loop {
        let pid = fs::read_to_string(root.join("queue/pid/master.pid")).ok().and_then(|text| text.trim().parse().ok());
        if let Some(pid) = pid {
            return pid;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "Postfix did not start");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn main_cf(root: &Path) -> String {
    let root = root.display();
    format!(
        "compatibility_level = 3.6\nqueue_directory = {root}/queue\ndata_directory = {root}/data\nmail_owner = postfix\n\
         setgid_group = postdrop\nmyhostname = peer.veil.example\nmydestination =\nmynetworks = 127.0.0.0/8\n\
         inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nalias_maps =\nalias_database =\nlocal_recipient_maps =\n\
         maillog_file = {root}/data/log\nmaillog_file_prefixes = {root}\n\
         smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {root}/server.pem\nsmtpd_tls_key_file = {root}/server.key\n\
         smtp_dns_support_level = disabled\ndisable_dns_lookups = yes\nsmtpd_peername_lookup = no\n\
         append_dot_mydomain = no\nbiff = no\n"
    )
}

const SERVICES: &str = "cleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n\
    tlsmgr unix - - n 1000? 1 tlsmgr\nrewrite unix - - n - - trivial-rewrite\nbounce unix - - n - 0 bounce\n\
    defer unix - - n - 0 bounce\ntrace unix - - n - 0 bounce\nverify unix - - n - 1 verify\n\
    flush unix n - n 1000? 0 flush\nproxymap unix - - n - - proxymap\nproxywrite unix - - n - 1 proxymap\n\
    smtp unix - - n - - smtp\nrelay unix - - n - - smtp\nshowq unix n - n - - showq\nerror unix - - n - - error\n\
    retry unix - - n - - error\ndiscard unix - - n - - discard\nlocal unix - n n - - local\nvirtual unix - n n - - virtual\n\
    lmtp unix - - n - - lmtp\nanvil unix - - n - 1 anvil\nscache unix - - n - 1 scache\npostlog unix-dgram n - n - 1 postlogd\n\
    tlsproxy unix - - n - 0 tlsproxy\n";

fn sh(line: &str) {
    let _ = Command::new("sh").args(["-c", line]).stdout(Stdio::null()).status();
}
