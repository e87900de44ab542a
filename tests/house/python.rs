//! Programs of others that judge ours: aiosmtpd as a mail server, dkimpy as a signer, swaks as a client.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::certs::Certs;

/// The interpreter with aiosmtpd and dkimpy.
pub fn interpreter() -> PathBuf {
    std::env::var_os("TABIR_TEST_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from)
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/house").join(name)
}

/// A real aiosmtpd with STARTTLS; every mail becomes a file.
pub struct Aiosmtpd {
    pub at: SocketAddr,
    folder: tempfile::TempDir,
    child: Child,
}

impl Aiosmtpd {
    pub fn start(certs: &Certs) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        certs.write(folder.path());
        let mut child = Command::new(interpreter())
            .arg(script("sink.py"))
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("TABIR_TEST_PYTHON names a Python with aiosmtpd");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout")).read_line(&mut line).expect("a line");
        let at = line.trim().parse().unwrap_or_else(|_| panic!("aiosmtpd did not start: {line:?}"));
        Self { at, folder, child }
    }

    /// Mails to `address`, in the order they came: (envelope sender, raw bytes).
    pub fn to(&self, address: &str) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<PathBuf> = fs::read_dir(self.folder.path())
            .expect("the folder")
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|ending| ending == "eml"))
            .collect();
        files.sort();
        let read = files.iter().filter_map(|path| {
            let bytes = fs::read(path).ok()?;
            let end = bytes.iter().position(|&byte| byte == b'\n')?;
            let envelope = String::from_utf8(bytes[..end].to_vec()).ok()?;
            let (from, to) = envelope.split_once(' ')?;
            (to == address).then(|| (from.to_owned(), bytes[end + 1..].to_vec()))
        });
        read.collect()
    }

    pub async fn nth(&self, address: &str, n: usize) -> super::sink::Mail {
        let started = Instant::now();
        loop {
            if let Some((from, raw)) = self.to(address).into_iter().nth(n - 1) {
                return super::sink::Mail {
                    from,
                    to: address.to_owned(),
                    raw: raw.into(),
                    tls: true,
                    at: Instant::now(),
                };
            }
            assert!(started.elapsed() < Duration::from_secs(15), "no {n}. mail to {address}");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }
}

impl Drop for Aiosmtpd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Signs `message` as dkimpy does; the second value is the TXT record's content.
pub fn dkim_sign(message: &[u8], selector: &str, domain: &str) -> (Vec<u8>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("dkim.key");
    let openssl = |words: &[&str]| {
        let output = Command::new("openssl").args(words).output().expect("openssl");
        assert!(output.status.success(), "openssl {words:?}");
        output.stdout
    };
    let path = key.to_str().expect("a path");
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path]);
    let public = openssl(&["pkey", "-in", path, "-pubout", "-outform", "DER"]);
    let record = format!("v=DKIM1; k=rsa; p={}", data_encoding::BASE64.encode(&public));
    let signed = ask("sign.py", &[selector, domain, path].map(str::to_owned), message);
    assert!(!signed.is_empty(), "dkimpy signs");
    (signed, record)
}

/// Whether the official library of Standard Webhooks takes what was told for genuine.
pub fn webhook_verify(secret: &str, told: &super::receiver::Told) -> bool {
    let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| told.header(name).to_owned());
    let said = ask("webhook.py", &[&[secret.to_owned()], &headers[..]].concat(), &told.body);
    String::from_utf8_lossy(&said).trim() == "True"
}

/// What a script makes of a message.
fn ask(name: &str, arguments: &[String], message: &[u8]) -> Vec<u8> {
    let mut child = Command::new(interpreter())
        .arg(script(name))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("TABIR_TEST_PYTHON names a Python with what tests/needs.txt lists");
    child.stdin.take().expect("stdin").write_all(message).expect("the message");
    let output = child.wait_with_output().expect("its words");
    assert!(output.status.success(), "{name}");
    output.stdout
}

/// swaks with STARTTLS; its exit code and everything it said.
pub fn swaks(server: SocketAddr, ca: &Path, from: &str, to: &str, message: &Path) -> (i32, String) {
    let output = Command::new("swaks")
        .args(["--server", &server.to_string(), "--tls", "--tls-ca-path"])
        .arg(ca)
        .args(["--helo", "klien-zenon.sklep-host.example", "--from", from, "--to", to, "--data"])
        .arg(format!("@{}", message.display()))
        .output()
        .expect("swaks is installed");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
}

/// The selector of each DKIM signature of `message` and whether dkimpy says it holds, with `records` for the DNS.
pub fn dkim_verify(message: &[u8], records: &[(String, String)]) -> Vec<(String, bool)> {
    let records: Vec<String> = records.iter().map(|(name, text)| format!("{name}={text}")).collect();
    let lines = String::from_utf8(ask("verify.py", &records, message)).expect("text");
    lines
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, holds)| (name.to_owned(), holds == "True"))
        .collect()
}
