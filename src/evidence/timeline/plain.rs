//! As text, for terminals and mails.

use std::fmt::Write;

use super::{Body, Story, Told, tame, text_of, words::Phrase};
use crate::model::Shown;

pub(super) fn tell(story: &Story<'_>) -> String {
    let mut text = format!(
        "{} ({}: {}, {}: {})\n",
        story.title(),
        story.say(Phrase::AsOf),
        story.exported_at,
        story.say(Phrase::Reader),
        story.reader
    );
    for told in &story.told {
        text.push('\n');
        headline(&mut text, story, told);
        match &told.body {
            Body::None => {}
            Body::Sealed => indent(&mut text, story.say(Phrase::Sealed)),
            Body::Closed => indent(&mut text, story.say(Phrase::Closed)),
            Body::Facts(facts) => indent(&mut text, facts),
            Body::Message { written, delivered } => {
                if let Some(written) = written {
                    indent(&mut text, &message(written));
                }
                if let Some(delivered) = delivered {
                    let head = if written.is_some() {
                        format!("-- {}\n", story.say(Phrase::Delivered))
                    } else {
                        String::new()
                    };
                    indent(&mut text, &(head + &message(delivered)));
                }
            }
        }
    }
    text
}

// Writing to a String can not fail.
fn headline(text: &mut String, story: &Story<'_>, told: &Told<'_>) {
    let Some(entry) = told.entry else {
        let _ = writeln!(text, "{:>5}  {}", told.seq, story.say(Phrase::Withheld));
        return;
    };
    let kind = super::words::kind(entry.kind, story.language);
    let _ = write!(text, "{:>5}  {}  {kind}", told.seq, entry.at.rfc3339());
    if let Some(side) = entry.by {
        let _ = write!(text, ", {}", super::words::side(side, story.language));
    }
    if !entry.facts.is_empty() {
        let _ = write!(text, "  [{}]", tame(&entry.facts));
    }
    text.push('\n');
}

fn message(message: &Shown) -> String {
    let mut text = String::new();
    if let Some(subject) = &message.subject {
        let _ = writeln!(text, "Subject: {subject}");
    }
    text.push_str(&text_of(message));
    for file in &message.files {
        let _ = write!(text, "\n({}, {}, {} bytes, {})", file.filename, file.media_type, file.bytes, file.sha256);
    }
    text
}

fn indent(text: &mut String, block: &str) {
    for line in tame(block).trim_end().lines() {
        let _ = writeln!(text, "       | {line}");
    }
}
