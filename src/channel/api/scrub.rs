//! `/v1/scrub`: cleans texts and stores nothing.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    call::{Answered, Call, Reply},
    messages::{self, FileBody, FileInBody},
    problem::{Code, Problem},
    wire::{self, FindingBody, Reader, SideBody, SignalBody},
};
use crate::{
    desk::scrub::{Reading, ScrubAsked, Scrubbed, link_stays},
    media::html::{Cut, Document},
    model::{Attachment, Finding, Part, Signal, Verdict},
    relay::Opened,
};

/// What to clean: one text or consecutive messages, HTML, files.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScrubBody {
    /// One text.
    #[serde(default)]
    text: Option<String>,
    /// Consecutive messages of one sender, oldest first.
    #[serde(default)]
    texts: Option<Vec<String>>,
    /// An HTML body.
    #[serde(default)]
    html: Option<String>,
    /// Files.
    #[serde(default)]
    attachments: Vec<FileInBody>,
    /// The language, such as `id`.
    #[serde(default)]
    lang: Option<String>,
    /// The numbering plan, such as `ID`.
    #[serde(default)]
    region: Option<String>,
    /// Who wrote it.
    #[serde(default)]
    sender: Option<SideBody>,
    /// What stays.
    #[serde(default)]
    known: KnownBody,
    /// What must not get through.
    #[serde(default)]
    guard: GuardBody,
}

/// What stays.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct KnownBody {
    /// Order numbers.
    orders: Vec<String>,
    /// Tracking numbers.
    tracking: Vec<String>,
    /// Domains.
    links: Vec<String>,
}

/// What must not get through.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct GuardBody {
    /// Names.
    names: Vec<String>,
    /// Mail addresses.
    emails: Vec<String>,
    /// Phone numbers.
    phones: Vec<String>,
}

/// What is left, and what was cut.
#[derive(Default, Serialize, ToSchema)]
pub(super) struct ScrubbedBody {
    /// The text, in the shape it came in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    text: Option<Texts>,
    /// The texts, when `texts` came.
    #[serde(skip_serializing_if = "Option::is_none")]
    texts: Option<Vec<String>>,
    /// The HTML, rebuilt.
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<String>,
    /// The files, rebuilt, when files came.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<CleanFileBody>,
    /// What was cut.
    findings: Vec<FindingBody>,
    /// What it is up to: not told to a seller.
    #[serde(skip_serializing_if = "Option::is_none")]
    signals: Option<Vec<SignalBody>>,
    /// `deliver`, `redact`, `hold` or `refuse`.
    #[schema(value_type = String)]
    verdict: Option<Verdict>,
}

/// A file as it would go on.
#[derive(Serialize, ToSchema)]
struct CleanFileBody {
    #[serde(flatten)]
    about: FileBody,
    /// Base64; absent of a file that is taken out.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
}

/// One text, or several in order.
#[derive(Serialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
}

/// Cleans texts as a message's would be cleaned. Stores nothing.
#[utoipa::path(
    post, path = "/v1/scrub", tag = "scrub",
    request_body = ScrubBody,
    responses((status = 200, description = "what is left and what was cut", body = ScrubbedBody))
)]
pub(super) async fn post(call: &Call<'_>) -> Answered {
    let mut body: ScrubBody = call.read()?;
    let files = std::mem::take(&mut body.attachments);
    let asked = ScrubAsked {
        lang: body.lang.clone(),
        region: body.region.clone(),
        sender: body.sender.map(Into::into),
        orders: body.known.orders.clone(),
        tracking: body.known.tracking.clone(),
        links: body.known.links.clone(),
        names: body.guard.names.clone(),
        emails: body.guard.emails.clone(),
        phones: body.guard.phones.clone(),
    };
    let texts: Vec<&str> = match (&body.text, &body.texts) {
        (Some(_), Some(_)) => return Err(Problem::field("texts", "give text or texts, not both")),
        (None, None) if body.html.is_none() && files.is_empty() => {
            return Err(Problem::field("text", "one of text, texts, html and attachments is needed"));
        }
        (Some(text), None) => vec![text],
        (None, texts) => texts.iter().flatten().map(String::as_str).collect(),
    };
    if texts.len() > MOST_TEXTS {
        return Err(Problem::field("texts", "at most 1000"));
    }
    let desk = &call.api.desk;
    let reading = desk.reading(call.scope(), &asked).await?;
    let plain = desk.scrub(&texts, &reading);
    let mut findings: Vec<Finding> = plain.findings.into_iter().map(|(finding, _)| finding).collect();
    let mut signals = plain.signals;
    let html = match &body.html {
        Some(html) => Some(scrub_html(call, html, &reading, &mut findings, &mut signals)?),
        None => None,
    };
    let (attachments, opened) = scrub_files(call, files, &reading).await?;
    findings.extend(opened.findings);
    signals.extend(opened.signals);
    let verdict = desk.would(call.scope(), &findings, &signals, asked.sender).max(opened.verdict);
    let mut left = plain.texts;
    let one = body.text.is_some().then(|| Texts::One(left.pop().unwrap_or_default()));
    Reply::ok(&ScrubbedBody {
        text: one.or_else(|| body.texts.as_ref().map(|_| Texts::Many(left.clone()))),
        texts: body.texts.as_ref().map(|_| left.clone()),
        html,
        attachments,
        findings: wire::findings(&findings, &call.explain()),
        signals: (call.reader() == Reader::Marketplace).then(|| wire::signals(&signals, &call.explain())),
        verdict: Some(verdict),
    })
}

fn scrub_html(
    call: &Call<'_>,
    html: &str,
    reading: &Reading,
    findings: &mut Vec<Finding>,
    signals: &mut Vec<Signal>,
) -> Result<String, Problem> {
    let mut document = Document::parse(html).map_err(|error| match error {
        crate::media::Unreadable::TooLarge => Problem::new(Code::TooLarge),
        other => Problem::field("html", other.to_string()),
    })?;
    document.keep_links(&|link| link_stays(link, &reading.known.links));
    let blocks = document.blocks();
    let texts: Vec<&str> = blocks.iter().map(String::as_str).collect();
    let scrubbed = call.api.desk.scrub(&texts, reading);
    document.rewrite(&cuts(&scrubbed, blocks.len()));
    let starts = starts(&blocks);
    findings.extend(scrubbed.findings.into_iter().map(|(finding, _)| in_html(finding, &starts)));
    signals.extend(scrubbed.signals.into_iter().map(|signal| signal.moved_to(Part::Html)));
    Ok(document.to_html())
}

/// Files are cleaned as those of a message are, their names too.
async fn scrub_files(
    call: &Call<'_>,
    files: Vec<FileInBody>,
    reading: &Reading,
) -> Result<(Vec<CleanFileBody>, Opened), Problem> {
    let files = files.into_iter().enumerate().map(|(n, file)| messages::attachment(n, file));
    let mut files: Vec<Attachment> = files.collect::<Result<_, _>>()?;
    let Some(opened) = call.api.relay.clean_files(call.scope(), reading, &mut files).await? else {
        return Err(Problem::new(Code::TooLarge));
    };
    Ok((files.into_iter().map(clean_file).collect(), opened))
}

fn clean_file(file: Attachment) -> CleanFileBody {
    let content = (!file.action.removed()).then(|| BASE64.encode(&file.bytes));
    let Attachment { filename, media_type, bytes, action, .. } = file;
    CleanFileBody { about: FileBody { filename, media_type, bytes: bytes.len() as u64, action }, content }
}

fn cuts(scrubbed: &Scrubbed, blocks: usize) -> Vec<Option<Vec<Cut>>> {
    let mut cuts: Vec<Option<Vec<Cut>>> = vec![None; blocks];
    for (finding, mark) in &scrubbed.findings {
        if let Part::Text(block) = finding.part
            && let Some(cuts) = cuts.get_mut(block)
        {
            cuts.get_or_insert_default().push((finding.start..finding.end, (*mark).to_owned()));
        }
    }
    cuts
}

/// Where each block begins when the blocks are read as one text, a line break between two.
fn starts(blocks: &[String]) -> Vec<usize> {
    let mut at = 0;
    let mut starts = Vec::with_capacity(blocks.len());
    for block in blocks {
        starts.push(at);
        at += block.chars().count() + 1;
    }
    starts
}

fn in_html(finding: Finding, starts: &[usize]) -> Finding {
    let start = match finding.part {
        Part::Text(block) => starts.get(block).copied().unwrap_or(0),
        _ => 0,
    };
    Finding { part: Part::Html, start: start + finding.start, end: start + finding.end, ..finding }
}

/// Texts in one request.
const MOST_TEXTS: usize = 1_000;
