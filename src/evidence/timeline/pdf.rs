//! As pages to be printed.

use super::{Body, Story, Told, picture, tame, text_of, words::Phrase};
use crate::{
    evidence::{
        format::Files,
        paper::{Paper, Style},
    },
    model::{Fault, Shown},
};

pub(super) fn tell(story: &Story<'_>, files: &Files) -> Result<Vec<u8>, Fault> {
    let title = story.title();
    let mut paper = Paper::new(&format!("{title} · {} · {}", story.exported_at, story.say(Phrase::Page)))?;
    paper.write(Style::Title, 0.0, &title);
    let made = format!(
        "{}: {} · {}: {}",
        story.say(Phrase::AsOf),
        story.exported_at,
        story.say(Phrase::Reader),
        super::words::reader(story.reader, story.language)
    );
    paper.write(Style::Small, 0.0, &made);
    paper.write(Style::Small, 0.0, story.say(Phrase::Counts));
    for told in &story.told {
        paper.gap(8.0);
        entry(&mut paper, story, told, files);
    }
    paper.gap(12.0);
    paper.write(Style::Small, 0.0, story.say(Phrase::HowToCheck));
    paper.write(Style::Small, 0.0, &story.head);
    paper.finish()
}

fn entry(paper: &mut Paper, story: &Story<'_>, told: &Told<'_>, files: &Files) {
    let Some(entry) = told.entry else {
        paper.write(Style::Small, 0.0, &format!("{}  {}", told.seq, story.say(Phrase::Withheld)));
        return;
    };
    let side = entry.by.map(|side| format!(" · {}", super::words::side(side, story.language))).unwrap_or_default();
    paper.write(Style::Head, 0.0, &format!("{}  {}{side}", told.seq, super::words::kind(entry.kind, story.language)));
    paper.write(Style::Small, INDENT, &entry.at.rfc3339());
    match &told.body {
        Body::None => {}
        Body::Sealed => paper.write(Style::Small, INDENT, story.say(Phrase::Sealed)),
        Body::Closed => paper.write(Style::Small, INDENT, story.say(Phrase::Closed)),
        Body::Facts(facts) => paper.write(Style::Text, INDENT, &tame(facts)),
        Body::Message { written, delivered } => {
            if let Some(written) = written {
                message(paper, story, written, files);
            }
            if let Some(delivered) = delivered {
                if written.is_some() {
                    paper.write(Style::Small, INDENT, story.say(Phrase::Delivered));
                }
                message(paper, story, delivered, files);
            }
        }
    }
    if !entry.facts.is_empty() {
        paper.write(Style::Small, INDENT, &tame(&entry.facts));
    }
}

fn message(paper: &mut Paper, story: &Story<'_>, message: &Shown, files: &Files) {
    if let Some(subject) = &message.subject {
        paper.write(Style::Head, INDENT, &tame(subject));
    }
    paper.write(Style::Text, INDENT, tame(&text_of(message)).trim_end());
    for file in &message.files {
        let drawn = picture(files, &file.media_type, &file.sha256).is_some_and(|bytes| paper.draw(INDENT, bytes));
        let aside = if drawn { String::new() } else { format!(" · {}", story.say(Phrase::NotDrawn)) };
        let line = format!("{} · {} · {} B · {}{aside}", file.filename, file.media_type, file.bytes, file.sha256);
        paper.write(Style::Small, INDENT, &tame(&line));
    }
}

const INDENT: f64 = 16.0;
