//! `tabir scrub FILE`: one text, mail, page or picture, cleaned as the relay would clean it.

use std::{
    fs,
    io::{self, Read, Write},
    ops::Range,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use clap::Args;
use serde_json::json;

use super::{Failure, house, say, scrub};
use crate::{
    app::{self, SandboxSettings},
    detect::{Context, Detect, Known, Piece, Window, link_stays, placeholder},
    media::{
        Unreadable,
        code::Linear,
        html::Document,
        mail::{self, Limits, Outgoing},
        pdf::Glance,
        words::Words,
    },
    model::{Clock, Content, Fault, Finding, Luck, Part, Side, Signal, SystemClock, SystemLuck},
    policy::content::{ContentRules, decide},
    relay::{self, Judged},
    sandbox::Sandbox,
};

/// Cleans a text, a mail, a page, a picture or a PDF.
#[derive(Debug, Args)]
pub(super) struct Scrub {
    /// The file; without one, standard input as text.
    file: Option<PathBuf>,
    /// One JSON object a line on standard input, one a line out.
    #[arg(long, conflicts_with_all = ["file", "output", "report"])]
    jsonl: bool,
    /// Where the cleaned file goes; else to standard output.
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// Where the report goes: one JSON object.
    #[arg(long)]
    report: Option<PathBuf>,
    /// The language, such as `id`.
    #[arg(long)]
    lang: Option<String>,
    /// The region whose numbering plan is tried first, such as `ID`.
    #[arg(long)]
    region: Option<String>,
    /// Who wrote it: `seller` or `buyer`.
    #[arg(long, value_parser = side, default_value = "seller")]
    sender: Side,
    /// A JSON file with what is known: `{"orders": [], "tracking": [], "links": []}`.
    #[arg(long)]
    known: Option<PathBuf>,
}

/// What cleaning gave.
struct Cleaned {
    bytes: Vec<u8>,
    text: Option<String>,
    findings: Vec<Finding>,
    signals: Vec<Signal>,
}

impl Scrub {
    pub(super) fn run(&self, config: Option<&Path>) -> Result<(), Failure> {
        let (settings, _) = house::read(config)?;
        let detect = app::detectors(&settings).map_err(Failure::Settings)?;
        if self.jsonl {
            let region = settings.region.as_deref();
            return Ok(scrub::run_jsonl(&detect, region, io::stdin().lock(), io::stdout().lock())?);
        }
        let input = self.read()?;
        let context = self.context(settings.region.clone())?;
        let cleaned = match self.kind(&input) {
            Kind::Text => clean_text(&detect, &context, &input, Part::Text(0)),
            Kind::Page => clean_page(&detect, &context, &input)?,
            Kind::Mail => clean_mail(&detect, &context, &input)?,
            Kind::Picture => self.clean_picture(&settings.sandbox, &detect, &context, input)?,
            Kind::Pdf => clean_pdf(&settings.sandbox, &detect, &context, input)?,
        };
        self.write(&cleaned)
    }

    fn read(&self) -> Result<Vec<u8>, Failure> {
        match &self.file {
            Some(file) => Ok(fs::read(file)?),
            None => {
                let mut bytes = Vec::new();
                io::stdin().lock().read_to_end(&mut bytes)?;
                Ok(bytes)
            }
        }
    }

    fn kind(&self, input: &[u8]) -> Kind {
        let extension = self.file.as_deref().and_then(Path::extension).and_then(|e| e.to_str()).unwrap_or_default();
        match (extension.to_ascii_lowercase().as_str(), image::guess_format(input)) {
            (_, Ok(_)) | ("png" | "jpg" | "jpeg" | "webp" | "gif", _) => Kind::Picture,
            ("pdf", _) => Kind::Pdf,
            _ if input.starts_with(b"%PDF") => Kind::Pdf,
            ("eml", _) => Kind::Mail,
            ("html" | "htm", _) => Kind::Page,
            _ => Kind::Text,
        }
    }

    fn context(&self, region: Option<String>) -> Result<Context, Failure> {
        let known = match &self.known {
            Some(file) => serde_json::from_slice::<Known>(&fs::read(file)?)
                .map_err(|e| Failure::Usage(format!("{}: {e}", file.display())))?,
            None => Known::default(),
        };
        let region = self.region.clone().or_else(|| scrub::fallback(self.lang.as_deref(), region.as_deref()));
        Ok(Context { lang: self.lang.clone(), region, sender: self.sender, known, ..Context::default() })
    }

    /// Words are read whoever sends it: who cleans a single picture wants to see what is found.
    fn clean_picture(
        &self,
        settings: &SandboxSettings,
        detect: &Detect,
        context: &Context,
        input: Vec<u8>,
    ) -> Result<Cleaned, Failure> {
        let sandbox = sandbox(settings)?;
        let picture = (Bytes::from(input), Words::Read);
        let cleaning = relay::clean_picture(&sandbox, (detect, context), Part::Attachment(0), picture);
        let cleaned = house::runtime()?.block_on(cleaning)?;
        let picture = cleaned.map_err(|e| Failure::Fault(Fault::new("opening a picture", e)))?;
        if !picture.read() {
            say::err("metadata is gone, codes are covered; words were not read, since the models are missing");
        }
        let text = picture.file.lines.as_ref().map(|lines| {
            let lines: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
            lines.join("\n")
        });
        Ok(Cleaned { bytes: picture.file.bytes.to_vec(), text, findings: picture.findings, signals: picture.signals })
    }

    fn write(&self, cleaned: &Cleaned) -> Result<(), Failure> {
        if let Some(report) = &self.report {
            let verdict = decide(&cleaned.findings, &cleaned.signals, self.sender, &ContentRules::default());
            let report_text = json!({
                "id": self.file.as_ref().map(|f| f.display().to_string()),
                "text": cleaned.text,
                "findings": cleaned.findings,
                "signals": cleaned.signals,
                "verdict": verdict,
            });
            fs::write(report, format!("{report_text}\n"))?;
        }
        match &self.output {
            Some(output) => fs::write(output, &cleaned.bytes)?,
            None => io::stdout().lock().write_all(&cleaned.bytes)?,
        }
        for finding in &cleaned.findings {
            say::err(&format!("cut: {} in {}", finding.kind.as_str(), finding.part));
        }
        Ok(())
    }
}

enum Kind {
    Mail,
    Page,
    Pdf,
    Picture,
    Text,
}

pub(super) fn side(text: &str) -> Result<Side, String> {
    match text {
        "seller" => Ok(Side::Seller),
        "buyer" => Ok(Side::Buyer),
        _ => Err("seller or buyer".to_owned()),
    }
}

fn clean_text(detect: &Detect, context: &Context, input: &[u8], part: Part) -> Cleaned {
    let text = String::from_utf8_lossy(input);
    let report = detect.scan(&[Piece { part, text: &text }], context, &Window::default());
    let clean = report.redacted.into_iter().next().unwrap_or_default();
    Cleaned { bytes: clean.clone().into_bytes(), text: Some(clean), findings: report.findings, signals: report.signals }
}

fn clean_page(detect: &Detect, context: &Context, input: &[u8]) -> Result<Cleaned, Failure> {
    let html = String::from_utf8_lossy(input);
    let mut document = Document::parse(&html).map_err(|e| Failure::Fault(Fault::new("opening a page", e)))?;
    document.keep_links(&|link| link_stays(link, &context.known.links));
    document.keep_images(&mut |_| None);
    let blocks = document.blocks();
    let pieces: Vec<Piece<'_>> =
        blocks.iter().enumerate().map(|(n, text)| Piece { part: Part::Text(n), text }).collect();
    let report = detect.scan(&pieces, context, &Window::default());
    let mut cuts: Vec<Option<Vec<(Range<usize>, String)>>> = vec![None; blocks.len()];
    let mut findings = Vec::new();
    for finding in report.findings {
        if let Part::Text(n) = finding.part {
            let mark = placeholder(finding.kind, context.lang.as_deref()).to_owned();
            cuts[n].get_or_insert_default().push((finding.start..finding.end, mark));
        }
        findings.push(Finding { part: Part::Html, ..finding });
    }
    document.rewrite(&cuts);
    let signals = report.signals.into_iter().map(|s| s.moved_to(Part::Html)).collect();
    Ok(Cleaned { bytes: document.to_html().into_bytes(), text: Some(document.to_text()), findings, signals })
}

fn clean_mail(detect: &Detect, context: &Context, input: &[u8]) -> Result<Cleaned, Failure> {
    if !begins_with_a_field(input) {
        return Err(Failure::Fault(Fault::new("opening a mail", Unreadable::Malformed)));
    }
    let opened = mail::open(input, &Limits::default()).map_err(|e| Failure::Fault(Fault::new("opening a mail", e)))?;
    let Parts { subject, body, page, findings, signals } = clean_parts(detect, context, &opened.content)?;
    let mut seed = [0; 16];
    SystemLuck::new().fill(&mut seed)?;
    let built = mail::build(
        &Outgoing {
            from_name: "",
            from: "sender@relay.invalid",
            id: "cleaned@relay.invalid",
            in_reply_to: &[],
            references: &[],
            date: opened.content.date.unwrap_or(SystemClock.now()),
            subject: &subject,
            text: &body,
            html: page.as_deref(),
            attachments: &[],
            automatic: opened.content.automatic,
        },
        &seed,
    );
    Ok(Cleaned { bytes: mail::address("recipient@relay.invalid", &built), text: Some(body), findings, signals })
}

/// The texts of a mail, cleaned.
struct Parts {
    subject: String,
    body: String,
    page: Option<String>,
    findings: Vec<Finding>,
    signals: Vec<Signal>,
}

fn clean_parts(detect: &Detect, context: &Context, content: &Content) -> Result<Parts, Failure> {
    let subject = content.subject.as_deref().unwrap_or_default();
    let subject = clean_text(detect, context, subject.as_bytes(), Part::Subject);
    let text = content.text.as_ref().map(|t| clean_text(detect, context, t.as_bytes(), Part::Text(0)));
    let html = content.html.as_ref().map(|h| clean_page(detect, context, h.as_bytes())).transpose()?;
    let (mut findings, mut signals) = (subject.findings, subject.signals);
    for part in text.iter().chain(&html) {
        findings.extend(part.findings.iter().cloned());
        signals.extend(part.signals.iter().cloned());
    }
    let body = text.as_ref().or(html.as_ref()).and_then(|c| c.text.clone()).unwrap_or_default();
    let page = html.map(|c| String::from_utf8_lossy(&c.bytes).into_owned());
    Ok(Parts { subject: subject.text.unwrap_or_default(), body, page, findings, signals })
}

/// What is found in the texts of a mail, and what they are up to.
pub(super) fn judge_mail(
    detect: &Detect,
    context: &Context,
    content: &Content,
) -> Result<(Vec<Finding>, Vec<Signal>), Failure> {
    clean_parts(detect, context, content).map(|parts| (parts.findings, parts.signals))
}

/// A mail begins with a header field (RFC 5322 §2.2), or with the line that mailbox files put
/// before it: what begins otherwise is another file, and nothing cleaned could be said of it.
fn begins_with_a_field(input: &[u8]) -> bool {
    let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let mut lines = input.split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let field = if first.starts_with(b"From ") { lines.next().unwrap_or_default() } else { first };
    let name = field.split(|byte| *byte == b':').next().unwrap_or_default();
    let name = name.trim_ascii_end();
    name.len() < field.len() && (1..=100).contains(&name.len()) && name.iter().all(u8::is_ascii_graphic)
}

fn clean_pdf(
    settings: &SandboxSettings,
    detect: &Detect,
    context: &Context,
    input: Vec<u8>,
) -> Result<Cleaned, Failure> {
    let (sandbox, runtime, input) = (sandbox(settings)?, house::runtime()?, Bytes::from(input));
    let unreadable = |e| Failure::Fault(Fault::new("opening a PDF", e));
    let file = (input.clone(), Glance { words: Words::Read, ..Glance::default() });
    let studied = runtime.block_on(relay::study(&sandbox, (detect, context), Part::Attachment(0), file))?;
    let (contents, Judged { mut findings, signals, orders, text }) = studied.map_err(unreadable)?;
    let drawn = runtime.block_on(sandbox.draw_pdf(input, Linear::Cover, &orders))?.map_err(unreadable)?;
    if !contents.is_read() {
        say::err("words that are pixels or lines were not read, since the models are missing");
    }
    findings.extend(drawn.codes.into_iter().map(|code| code.finding(Part::Attachment(0))));
    Ok(Cleaned { bytes: drawn.bytes.to_vec(), text: Some(text), findings, signals })
}

fn sandbox(settings: &SandboxSettings) -> Result<Sandbox, Failure> {
    let exe = std::env::current_exe()?;
    Ok(Sandbox::new(exe, 1, settings.deadline.std()).with_models(&settings.models))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_with_no_field_is_no_mail() {
        for mail in
            ["From: a@b.example\r\n\r\nx", "Subject : x\n", "From a Mon Nov 22\nReceived: x\n", "\u{feff}To: x\n"]
        {
            assert!(begins_with_a_field(mail.as_bytes()), "{mail:?}");
        }
        let random: &[u8] = &[0x91, 0x3a, 0x00, 0xfe, 0x0a, 0x46, 0x3a];
        for other in [random, b"", b"\r\n\r\nbody", b"hello there: x\r\n", b"no field at all\n", b": x\n"] {
            assert!(!begins_with_a_field(other), "{other:?}");
        }
    }
}
