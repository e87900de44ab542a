//! `tabir mail explain FILE`: what would become of a mail, and why. It asks neither store nor
//! policy: who may write to whom is not in a file.

use std::{
    collections::BTreeMap,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{Failure, clean, house, say};
use crate::{
    app::{self, Settings},
    channel::smtp,
    detect::{Context, Detect},
    media::mail::{self, Limits, Opened},
    model::{Fault, Finding, Side, Signal, Verdict},
    net::Dns,
    policy::content::{ContentRules, decide},
};

/// Tells what would become of a mail.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The mail, as it came.
    file: PathBuf,
    /// Who wrote it: `seller` or `buyer`.
    #[arg(long, value_parser = clean::side, default_value = "seller")]
    sender: Side,
    /// The address that it came from: then SPF and DKIM are asked about.
    #[arg(long)]
    peer: Option<IpAddr>,
    /// What its host greeted with.
    #[arg(long, default_value = "", requires = "peer")]
    helo: String,
    /// Its envelope sender; left out, the null sender.
    #[arg(long, requires = "peer")]
    mail_from: Option<String>,
    /// The language of the explanations, such as `id`.
    #[arg(long)]
    lang: Option<String>,
}

impl Explain {
    pub(super) fn run(&self, config: Option<&Path>) -> Result<(), Failure> {
        let (settings, _) = house::read(config)?;
        let detect = app::detectors(&settings).map_err(Failure::Settings)?;
        let input = fs::read(&self.file)?;
        let opened = match mail::open(&input, &Limits::default()) {
            Ok(opened) => opened,
            Err(why) => return say::out(&format!("refused in the session: {why}")),
        };
        if let Some(why) = refused_early(&opened) {
            return say::out(&format!("refused in the session: {why}"));
        }
        self.tell_sender(&settings, &opened, &input)?;
        tell_fields(&input)?;
        tell_parts(&opened)?;
        let region = settings.region.clone();
        let context = Context { lang: self.lang.clone(), region, sender: self.sender, ..Context::default() };
        let (findings, signals) = clean::judge_mail(&detect, &context, &opened.content)?;
        self.tell_found(&detect, &settings.content, &findings, &signals)
    }

    fn tell_sender(&self, settings: &Settings, opened: &Opened, input: &[u8]) -> Result<(), Failure> {
        say::out(&format!("from\t{}", opened.from.join(", ")))?;
        let proof = match self.peer {
            None => "not asked for: --peer, --helo and --mail-from tell where it came from".to_owned(),
            Some(peer) => {
                let dns =
                    Dns::new(&settings.mail.auth.dns).map_err(|e| Fault::new("reading the system's resolvers", e))?;
                let came = smtp::Came { peer, helo: &self.helo, sender: self.mail_from.as_deref() };
                house::runtime()?.block_on(smtp::explain_proof(&dns, &settings.mail, came, opened, input))
            }
        };
        say::out(&format!("proof\t{proof}"))?;
        let others = opened.to.len() + opened.cc.len();
        if others > 1 {
            say::out(&format!("to\t{others} addresses: refused when one of them is nobody here"))?;
        }
        if opened.content.automatic {
            say::out("kind\tautomatic: it opens nothing and is answered by nobody")?;
        }
        Ok(())
    }

    fn tell_found(
        &self,
        detect: &Detect,
        rules: &ContentRules,
        findings: &[Finding],
        signals: &[Signal],
    ) -> Result<(), Failure> {
        let because = |what: &str| detect.explanation(what, self.lang.as_deref()).unwrap_or_default().to_owned();
        for finding in findings {
            let (kind, at) = (finding.kind.as_str(), format!("{}..{}", finding.start, finding.end));
            say::out(&format!("cut\t{kind} at {at}: {} ({})", finding.text, because(kind)))?;
        }
        for signal in signals {
            say::out(&format!("signal\t{}: {}", signal.rule, because(&signal.rule)))?;
        }
        let verdict = decide(findings, signals, self.sender, rules);
        say::out(&format!("verdict\t{}", told(verdict)))?;
        say::out("not asked\twho may write to whom, judges, rules of a single marketplace")
    }
}

fn refused_early(opened: &Opened) -> Option<&'static str> {
    let author = opened.from_fields == 1 && opened.from.len() == 1;
    if opened.is_report {
        Some("it is a report of a delivery or of reading, which is never passed on; at an envelope sender it is sorted")
    } else if opened.own_mark {
        Some("it has been through a relay like this one: it goes in a circle")
    } else if opened.hops > smtp::HOPS {
        Some("it went over too many hosts: it goes in a circle")
    } else if !author {
        Some("it must have one From field with one address: nobody can be shown to have written it")
    } else {
        None
    }
}

/// What becomes of each header field.
fn tell_fields(input: &[u8]) -> Result<(), Failure> {
    let mut fates: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for name in names(input) {
        let fate = fate(&name);
        let names = fates.entry(fate).or_default();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    fates.into_iter().try_for_each(|(fate, names)| say::out(&format!("fields\t{fate}: {}", names.join(", "))))
}

/// The names of the fields of the header.
fn names(input: &[u8]) -> Vec<String> {
    let lines = input.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let header =
        lines.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with(b" ") && !line.starts_with(b"\t"));
    let name = |line: &[u8]| {
        line.split(|byte| *byte == b':').next().map(|name| String::from_utf8_lossy(name.trim_ascii()).into_owned())
    };
    header.filter(|line| line.contains(&b':')).filter_map(name).collect()
}

fn fate(name: &str) -> &'static str {
    match name.to_ascii_lowercase().as_str() {
        "from" | "to" | "reply-to" => "replaced by handles",
        "subject" => "kept, cleaned like the text",
        "date" => "kept, in UTC",
        "message-id" | "in-reply-to" | "references" => "mapped to ids that the reader knows",
        "mime-version" | "content-type" | "content-transfer-encoding" => "written afresh",
        "auto-submitted" => "kept when nobody wrote it",
        _ => "dropped",
    }
}

fn tell_parts(opened: &Opened) -> Result<(), Failure> {
    let content = &opened.content;
    for (name, text) in [("text", &content.text), ("html", &content.html)] {
        if let Some(text) = text {
            say::out(&format!("part\t{name}, {} bytes: read, cleaned and written afresh", text.len()))?;
        }
    }
    if content.text.is_none() && content.html.is_some() {
        say::out("part\ttext: made of the HTML")?;
    }
    for file in &content.attachments {
        let what = format!("{}, {} bytes", file.media_type, file.bytes.len());
        say::out(&format!("part\tfile {what}: rebuilt when its kind is allowed and it can be opened, else taken out"))?;
    }
    opened.removed.iter().try_for_each(|removed| {
        let told = if removed.is_loss() { ", and its reader is told" } else { "" };
        say::out(&format!("part\t{}: taken out{told}", removed.as_str().replace('_', " ")))
    })
}

fn told(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Deliver => "deliver: nothing in its words is against it; files and parts as above",
        Verdict::Redact => "redact: it would go, with contacts in it cut out and marked",
        Verdict::Hold => "hold: a person would look at it first",
        Verdict::Refuse => "refuse: it would not be taken",
    }
}
