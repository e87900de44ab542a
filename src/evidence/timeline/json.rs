//! For programs: every entry with what of it is told.

use serde::Serialize;

use super::{Body, Story, Told};
use crate::model::{Entry, Fault, Shown};

#[derive(Serialize)]
struct Document<'a> {
    format: &'static str,
    marketplace: &'a str,
    conversation: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    case: Option<&'a str>,
    exported_at: &'a str,
    reader: &'static str,
    head: &'a str,
    entries: Vec<Item<'a>>,
}

#[derive(Default, Serialize)]
struct Item<'a> {
    seq: u64,
    #[serde(flatten)]
    entry: Option<Said<'a>>,
    /// `open`, `closed`, `sealed`, `none`, or `withheld` for the whole entry.
    text: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<&'a Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered: Option<&'a Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct Said<'a> {
    at: String,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    facts: Vec<&'a str>,
}

pub(super) fn tell(story: &Story<'_>) -> Result<String, Fault> {
    let document = Document {
        format: "tabir timeline 1",
        marketplace: story.marketplace,
        conversation: &story.conversation,
        case: story.case,
        exported_at: &story.exported_at,
        reader: story.reader.as_str(),
        head: &story.head,
        entries: story.told.iter().map(item).collect(),
    };
    let mut text = serde_json::to_string_pretty(&document).map_err(|e| Fault::new("writing a timeline", e))?;
    text.push('\n');
    Ok(text)
}

fn item<'a>(told: &'a Told<'a>) -> Item<'a> {
    let Some(entry) = told.entry else { return Item { seq: told.seq, text: "withheld", ..Item::default() } };
    let item = Item { seq: told.seq, entry: Some(said(entry)), ..Item::default() };
    match &told.body {
        Body::None => Item { text: "none", ..item },
        Body::Sealed => Item { text: "sealed", ..item },
        Body::Closed => Item { text: "closed", ..item },
        Body::Facts(facts) => {
            let details = serde_json::from_str(facts).unwrap_or_else(|_| serde_json::Value::String(facts.clone()));
            Item { text: "open", details: Some(details), ..item }
        }
        Body::Message { written, delivered } => {
            Item { text: "open", written: written.as_deref(), delivered: delivered.as_deref(), ..item }
        }
    }
}

fn said(entry: &Entry) -> Said<'_> {
    Said {
        at: entry.at.rfc3339(),
        kind: super::word(entry.kind),
        by: entry.by.map(|side| side.as_str()),
        message: entry.message.map(|id| id.to_string()),
        facts: entry.facts.split_ascii_whitespace().collect(),
    }
}
