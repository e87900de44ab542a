//! As one page: no script, nothing fetched, pictures in it, fit for printing.

use std::fmt::Write;

use data_encoding::BASE64;

use super::{Body, Story, Told, picture, tame, text_of, words::Phrase};
use crate::{
    evidence::format::Files,
    model::{Shown, Side},
};

pub(super) fn tell(story: &Story<'_>, files: &Files) -> String {
    let title = story.title();
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
        story.language.tag(),
        escape(&title)
    );
    head(&mut page, story, &title);
    for told in &story.told {
        entry(&mut page, story, told, files);
    }
    let _ = write!(
        page,
        "<footer><p>{}</p><p class=\"hash\">{}</p></footer>\n</body>\n</html>\n",
        story.say(Phrase::HowToCheck),
        escape(&story.head)
    );
    page
}

// Writing to a String can not fail, here and below.
fn head(page: &mut String, story: &Story<'_>, title: &str) {
    let _ = writeln!(
        page,
        "<header><h1>{}</h1><p>{}: <time>{}</time> · {}: {}</p><p>{}</p></header>",
        escape(title),
        story.say(Phrase::AsOf),
        escape(&story.exported_at),
        story.say(Phrase::Reader),
        super::words::reader(story.reader, story.language),
        story.say(Phrase::Counts)
    );
}

fn entry(page: &mut String, story: &Story<'_>, told: &Told<'_>, files: &Files) {
    let Some(entry) = told.entry else {
        let _ = writeln!(
            page,
            "<section class=\"withheld\" id=\"e{0}\"><p><b>{0}</b> {1}</p></section>",
            told.seq,
            story.say(Phrase::Withheld)
        );
        return;
    };
    let class = match entry.by {
        Some(Side::Buyer) => "buyer",
        Some(Side::Seller) => "seller",
        None => "house",
    };
    let side = entry.by.map(|side| format!(" · {}", super::words::side(side, story.language))).unwrap_or_default();
    let _ = writeln!(
        page,
        "<section class=\"{class}\" id=\"e{0}\"><h2><b>{0}</b> {1}{side}</h2><p class=\"when\"><time>{2}</time></p>",
        told.seq,
        escape(&super::words::kind(entry.kind, story.language)),
        escape(&entry.at.rfc3339())
    );
    body(page, story, &told.body, files);
    if !entry.facts.is_empty() {
        let _ = writeln!(page, "<p class=\"facts\">{}</p>", escape(&tame(&entry.facts)));
    }
    page.push_str("</section>\n");
}

fn body(page: &mut String, story: &Story<'_>, body: &Body, files: &Files) {
    match body {
        Body::None => {}
        Body::Sealed => note(page, story.say(Phrase::Sealed)),
        Body::Closed => note(page, story.say(Phrase::Closed)),
        Body::Facts(facts) => {
            let _ = writeln!(page, "<pre>{}</pre>", escape(&tame(facts)));
        }
        Body::Message { written, delivered } => {
            if let Some(written) = written {
                message(page, written, files);
            }
            if let Some(delivered) = delivered {
                if written.is_some() {
                    note(page, story.say(Phrase::Delivered));
                }
                message(page, delivered, files);
            }
        }
    }
}

fn note(page: &mut String, text: &str) {
    let _ = writeln!(page, "<p class=\"note\">{text}</p>");
}

fn message(page: &mut String, message: &Shown, files: &Files) {
    if let Some(subject) = &message.subject {
        let _ = writeln!(page, "<p class=\"subject\">{}</p>", escape(&tame(subject)));
    }
    let _ = writeln!(page, "<div class=\"text\">{}</div>", escape(&tame(&text_of(message))));
    for file in &message.files {
        let name = escape(&tame(&file.filename));
        if let Some(bytes) = picture(files, &file.media_type, &file.sha256) {
            let _ =
                writeln!(page, "<img alt=\"{name}\" src=\"data:{};base64,{}\">", file.media_type, BASE64.encode(bytes));
        }
        let (kind, hash) = (escape(&tame(&file.media_type)), escape(&file.sha256));
        let _ = writeln!(
            page,
            "<p class=\"file\">{name} · {kind} · {} B · <span class=\"hash\">{hash}</span></p>",
            file.bytes
        );
    }
}

fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

const STYLE: &str = "\
body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:1rem auto;padding:0 1rem;color:#111;background:#fff}\
h1{font-size:1.4rem}h2{font-size:1rem;margin:0}header,footer{border-bottom:1px solid #999;margin-bottom:1rem}\
footer{border:0;border-top:1px solid #999}section{border-left:4px solid #bbb;padding:.4rem .8rem;margin:0 0 .8rem;break-inside:avoid}\
.buyer{border-color:#0b6}.seller{border-color:#d60}.withheld{color:#666}.when,.facts,.file,.note{font-size:.8rem;color:#555;margin:.2rem 0}\
.text,pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:.4rem 0}.subject{font-weight:bold;margin:.3rem 0}\
img{max-width:100%;max-height:24rem;display:block;border:1px solid #ccc}.hash{overflow-wrap:anywhere;font-family:monospace;font-size:.75rem}\
.facts{font-family:monospace;overflow-wrap:anywhere}@media print{body{font-size:11pt;max-width:none;margin:0}}";
