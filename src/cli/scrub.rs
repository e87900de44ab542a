//! `tabir scrub --jsonl`: one JSON object in, one out, in the same order, whatever comes.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    detect::{Context, Detect, Guard, Known, Piece, Window},
    model::{Finding, Part, Side, Signal, Verdict},
    policy::content::{ContentRules, decide},
};

/// Answers every line of `input` with a line on `output`; a line that can not be read gets an
/// error line of its own.
pub fn run_jsonl(detect: &Detect, mut input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return output.flush();
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        answer(detect, &line, &mut output)?;
        output.write_all(b"\n")?;
        output.flush()?;
    }
}

#[derive(Deserialize)]
struct Question {
    #[serde(default)]
    id: Value,
    text: Texts,
    #[serde(default)]
    lang: Option<String>,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    sender: Option<Side>,
    #[serde(default)]
    known: Known,
    #[serde(default)]
    guard: Guard,
}

/// One text or several, answered in the same shape.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
}

#[derive(Serialize)]
struct Answer<'a> {
    id: &'a Value,
    text: Texts,
    findings: &'a [Finding],
    signals: &'a [Signal],
    verdict: Verdict,
}

#[derive(Serialize)]
struct Unread {
    id: Value,
    error: String,
}

fn answer(detect: &Detect, line: &[u8], output: &mut impl Write) -> io::Result<()> {
    match serde_json::from_slice::<Question>(line) {
        Ok(question) => Ok(serde_json::to_writer(output, &scrubbed(detect, &question).view())?),
        Err(error) => {
            let id = serde_json::from_slice::<Value>(line).ok().and_then(|v| v.get("id").cloned());
            Ok(serde_json::to_writer(output, &Unread { id: id.unwrap_or(Value::Null), error: error.to_string() })?)
        }
    }
}

struct Scrubbed<'a> {
    id: &'a Value,
    one: bool,
    texts: Vec<String>,
    findings: Vec<Finding>,
    signals: Vec<Signal>,
    verdict: Verdict,
}

impl Scrubbed<'_> {
    fn view(&self) -> Answer<'_> {
        let text = match self.texts.as_slice() {
            [text] if self.one => Texts::One(text.clone()),
            many => Texts::Many(many.to_vec()),
        };
        Answer { id: self.id, text, findings: &self.findings, signals: &self.signals, verdict: self.verdict }
    }
}

fn scrubbed<'a>(detect: &Detect, question: &'a Question) -> Scrubbed<'a> {
    let texts: Vec<&str> = match &question.text {
        Texts::One(text) => vec![text],
        Texts::Many(texts) => texts.iter().map(String::as_str).collect(),
    };
    let pieces: Vec<Piece<'_>> =
        texts.iter().enumerate().map(|(n, text)| Piece { part: Part::Text(n), text }).collect();
    let context = Context {
        lang: question.lang.clone(),
        region: question.region.clone(),
        sender: question.sender.unwrap_or(Side::Seller),
        known: question.known.clone(),
        guard: question.guard.clone(),
        ..Context::default()
    };
    let report = detect.scan(&pieces, &context, &Window::default());
    let verdict = decide(&report.findings, &report.signals, context.sender, &ContentRules::default());
    Scrubbed {
        id: &question.id,
        one: matches!(question.text, Texts::One(_)),
        texts: report.redacted,
        findings: report.findings,
        signals: report.signals,
        verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(input: &str) -> Vec<Value> {
        let mut output = Vec::new();
        run_jsonl(&Detect::embedded().unwrap(), input.as_bytes(), &mut output).unwrap();
        String::from_utf8(output).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_comes_out_for_every_line_in() {
        let out = run("{\"id\":\"1\",\"text\":\"halo kak\"}\nnonsense\n{\"id\":\"3\",\"text\":[\"a\",\"b\"]}\n");
        assert_eq!(out.len(), 3);
        assert_eq!(out[0]["verdict"], "deliver");
        assert_eq!(out[0]["text"], "halo kak");
        assert!(out[1]["error"].is_string() && out[1]["id"].is_null());
        assert_eq!(out[2]["text"], serde_json::json!(["a", "b"]));
    }

    #[test]
    fn a_number_is_cut_and_its_place_counted_in_characters() {
        let out = run("{\"id\":1,\"text\":\"żółć 0812-3456-7890 ya\",\"lang\":\"id\"}\n");
        let finding = &out[0]["findings"][0];
        assert_eq!((finding["start"].as_u64(), finding["end"].as_u64()), (Some(5), Some(19)));
        assert_eq!(finding["text"], "0812-3456-7890");
        assert_eq!(out[0]["text"], "żółć [nomor telepon dihapus] ya");
        assert_eq!(out[0]["verdict"], "redact");
    }

    #[test]
    fn what_the_conversation_knows_stays() {
        let out =
            run("{\"id\":1,\"text\":\"081234567890\",\"lang\":\"id\",\"known\":{\"tracking\":[\"081234567890\"]}}\n");
        assert_eq!(out[0]["verdict"], "deliver");
    }
}
