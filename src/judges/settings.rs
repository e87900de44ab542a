use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Ruling, Socket};
use crate::{model::Duration, net::Url};

/// `[judges.NAME]`: who is asked about the content of every message, and what follows when there
/// is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JudgeSettings {
    /// A program and its arguments, kept running and asked over its standard input.
    pub run: Vec<String>,
    /// Where it is asked by POST instead.
    pub url: Option<Url>,
    /// Where ClamAV's daemon is, instead of both.
    pub clamd: Option<Socket>,
    /// A file of further CA certificates in PEM, for a judge with a private CA.
    pub ca: Option<PathBuf>,
    /// A file with the bearer token that the judge wants.
    pub token: Option<PathBuf>,
    /// Whether the host of `url` may lie on this machine or in a private network.
    pub private: bool,
    /// What it is shown.
    pub sees: Vec<Sees>,
    /// Whether it is shown files as they came rather than as they are passed on.
    pub original: bool,
    /// How long it has for an answer, waiting for its turn included.
    pub deadline: Duration,
    /// What follows when it is late, broken or not there.
    pub on_failure: OnFailure,
    /// How many questions it is asked at a time.
    pub calls: usize,
}

impl Default for JudgeSettings {
    fn default() -> Self {
        Self {
            run: Vec::new(),
            url: None,
            clamd: None,
            ca: None,
            token: None,
            private: false,
            sees: vec![Sees::Text, Sees::Images, Sees::Files],
            original: false,
            deadline: Duration::seconds(10),
            on_failure: OnFailure::Hold,
            calls: 4,
        }
    }
}

/// A part of a message that a judge may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sees {
    /// Files that are no pictures.
    Files,
    /// Pictures.
    Images,
    /// Subject, text and HTML.
    Text,
}

/// What follows when a judge gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// A person looks.
    Hold,
    /// Nothing is taken: the sender tries again.
    Later,
    /// As if it had nothing against the message.
    Pass,
    /// It is not taken.
    Refuse,
}

/// `[lists.NAME]`: hashes of files that are known.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListSettings {
    /// One hash a line, in hexadecimal; `#` begins a remark.
    pub file: PathBuf,
    /// What the hashes are.
    pub kind: HashKind,
    /// How many of its 64 bits a `dhash` may differ in.
    #[serde(default = "usual_distance")]
    pub distance: u32,
    /// What follows when a file is on the list.
    pub verdict: Ruling,
}

fn usual_distance() -> u32 {
    6
}

/// What the hashes of a list are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HashKind {
    /// A 64-bit difference hash of what a picture looks like.
    Dhash,
    /// SHA-256 of a file as it came.
    Sha256,
}

impl JudgeSettings {
    /// What can not mean anything: the key at fault, and why.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        let mut refuse = |key, why: &str| faults.push((key, why.to_owned()));
        match (&self.run[..], &self.url) {
            ([], None) if self.clamd.is_some() => {}
            (_, _) if self.clamd.is_some() => refuse("clamd", "a judge with clamd has neither run nor url"),
            ([], None) => refuse("run", "a judge is a program (run), a place to ask (url) or clamd"),
            ([_, ..], Some(_)) => refuse("url", "a judge is either a program (run) or a place to ask (url)"),
            ([program, ..], None) if program.contains('/') && !Path::new(program).is_file() => {
                refuse("run", &format!("there is no program `{program}`"));
            }
            (_, Some(url)) if !(url.secure || url.is_loopback() && self.private) => {
                refuse("url", "http is for this machine alone, with `private = true`; else https");
            }
            _ => {}
        }
        if self.deadline.0 <= 0 || self.deadline > MOST_PATIENCE {
            refuse("deadline", "more than nothing and at most 60s: senders do not wait longer");
        }
        if !(1..=MOST_CALLS).contains(&self.calls) {
            refuse("calls", "1 to 64");
        }
        for (key, file) in [("ca", &self.ca), ("token", &self.token)] {
            if let Some(file) = file.as_ref().filter(|file| !file.is_file()) {
                refuse(key, &format!("there is no file `{}`", file.display()));
            }
        }
        faults
    }

    /// Relative paths start at `folder`; a bare program's name is looked for by the system.
    pub fn start_at(&mut self, folder: &Path) {
        for file in [&mut self.ca, &mut self.token].into_iter().flatten() {
            *file = folder.join(&*file);
        }
        if let Some(socket) = &mut self.clamd {
            socket.start_at(folder);
        }
        if let Some(program) = self.run.first_mut().filter(|program| program.contains('/')) {
            *program = folder.join(&*program).display().to_string();
        }
    }
}

impl ListSettings {
    /// What can not mean anything: the key at fault, and why.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if self.verdict == Ruling::Pass {
            faults.push(("verdict", "a list says hold, refuse or escalate".to_owned()));
        }
        if self.distance > MOST_DISTANCE {
            faults.push(("distance", format!("at most {MOST_DISTANCE} of 64 bits: beyond it pictures meet by chance")));
        }
        faults
    }
}

/// Whether `name` may be that of a judge or a list: it stands in metrics, evidence and reasons.
pub fn is_name(name: &str) -> bool {
    (1..=32).contains(&name.len()) && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

/// Beyond it a mail program's own patience at the end of DATA is at risk.
const MOST_PATIENCE: Duration = Duration::seconds(60);

const MOST_CALLS: usize = 64;

const MOST_DISTANCE: u32 = 11;

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<Url, &'static str> {
        Url::try_from(text.to_owned())
    }

    #[test]
    fn http_is_for_this_machine_alone_and_must_be_asked_for() {
        let with = |text: &str, private| JudgeSettings { url: url(text).ok(), private, ..JudgeSettings::default() };
        for (text, private, fine) in [
            ("https://a.example/", false, true),
            ("http://127.0.0.1:9/", true, true),
            ("http://localhost:9/", true, true),
            ("http://127.0.0.1:9/", false, false),
            ("http://a.example/", true, false),
            ("http://10.0.0.1/", true, false),
            ("http://localhost.evil.example/", true, false),
        ] {
            assert_eq!(with(text, private).faults().is_empty(), fine, "{text}");
        }
    }

    #[test]
    fn settings_that_could_not_mean_anything_are_told() {
        let read = |text: &str| toml::from_str::<JudgeSettings>(text).unwrap().faults();
        assert!(read("run = [\"av\"]").is_empty());
        for (text, key) in [
            ("", "run"),
            ("run = [\"av\"]\nurl = \"https://a.example\"", "url"),
            ("run = [\"/nowhere/av\"]", "run"),
            ("run = [\"av\"]\nclamd = \"127.0.0.1:3310\"", "clamd"),
            ("run = [\"av\"]\ndeadline = \"0s\"", "deadline"),
            ("run = [\"av\"]\ndeadline = \"2h\"", "deadline"),
            ("run = [\"av\"]\ncalls = 0", "calls"),
            ("url = \"https://a.example\"\nca = \"/nowhere.pem\"", "ca"),
        ] {
            assert_eq!(read(text).first().map(|(key, _)| *key), Some(key), "{text}");
        }
        assert!(toml::from_str::<JudgeSettings>("sees = [\"names\"]").is_err());
        assert!(toml::from_str::<JudgeSettings>("on_failure = \"shrug\"").is_err());
        assert!(is_name("av-2") && !is_name("A V") && !is_name(""));
    }
}
