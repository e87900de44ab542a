//! The chain in plain words, for people. What counts is `entries.jsonl`.

use std::{collections::HashMap, fmt::Write};

use serde_json::Value;

use super::format::Contents;
use crate::model::{Entry, EntryKind, Kept, Shown};

/// Tells the story of a conversation, oldest first.
pub(super) fn tell(contents: &Contents, entries: &[Entry]) -> String {
    let opened: HashMap<u64, &str> = contents.private.iter().map(|o| (o.seq, o.text.as_str())).collect();
    let mut text = format!(
        "Conversation {} on {}, as of {}\n",
        contents.conversation,
        contents.marketplace.as_str(),
        contents.exported_at.rfc3339()
    );
    for entry in entries {
        text.push('\n');
        headline(&mut text, entry);
        match opened.get(&entry.seq) {
            Some(private) => indent(&mut text, &in_words(entry.kind, private)),
            None if entry.kind == EntryKind::MessageEscalated => indent(&mut text, "(sealed)"),
            None if entry.commitment.is_some() => indent(&mut text, "(erased or not opened)"),
            None => {}
        }
    }
    text
}

fn headline(text: &mut String, entry: &Entry) {
    // Writing to a String can not fail.
    let _ = write!(text, "{:>5}  {}  {}", entry.seq, entry.at.rfc3339(), words(entry.kind));
    if let Some(side) = entry.by {
        let _ = write!(text, ", {}", side.as_str());
    }
    if !entry.facts.is_empty() {
        let _ = write!(text, "  [{}]", plain(&entry.facts));
    }
    text.push('\n');
}

/// `message_accepted` → `message accepted`.
fn words(kind: EntryKind) -> String {
    match serde_json::to_value(kind) {
        Ok(Value::String(word)) => word.replace('_', " "),
        _ => String::new(),
    }
}

fn in_words(kind: EntryKind, private: &str) -> String {
    match serde_json::from_str::<Kept>(private) {
        Ok(kept) if kind == EntryKind::MessageAccepted || kind == EntryKind::MessageReleased => shown(&kept.delivered),
        Ok(kept) => shown(&kept.original),
        Err(_) => private.to_owned(),
    }
}

fn shown(message: &Shown) -> String {
    let mut text = String::new();
    if let Some(subject) = &message.subject {
        let _ = writeln!(text, "Subject: {subject}");
    }
    text.push_str(message.text.as_deref().or(message.html.as_deref()).unwrap_or_default());
    for file in &message.files {
        let _ = write!(text, "\n({}, {}, {} bytes, {})", file.filename, file.media_type, file.bytes, file.sha256);
    }
    text
}

fn indent(text: &mut String, block: &str) {
    for line in block.trim_end().lines() {
        let _ = writeln!(text, "       | {}", plain(line));
    }
}

/// Without control characters: a timeline is read in terminals.
fn plain(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Commitment, Side, Timestamp};

    #[test]
    fn a_terminal_is_never_told_to_do_anything() {
        let entry = Entry {
            seq: 0,
            at: Timestamp(0),
            kind: EntryKind::MessageRefused,
            by: Some(Side::Seller),
            message: None,
            facts: "reason=rate\u{1b}[2J".to_owned(),
            commitment: Some(Commitment([0; 32])),
        };
        let contents = Contents {
            marketplace: "demo".parse().unwrap(),
            conversation: "c-1".parse().unwrap(),
            exported_at: Timestamp(0),
            entries: Vec::new(),
            private: vec![super::super::format::Opened {
                seq: 0,
                salt: String::new(),
                text: "\u{1b}]0;x\u{7}".to_owned(),
            }],
            attached: Vec::new(),
        };
        let text = tell(&contents, &[entry]);
        assert!(text.contains("message refused, seller  [reason=rate [2J]"), "{text}");
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    }
}
