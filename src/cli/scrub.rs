//! `tabir scrub --jsonl`: one JSON object in, one out, in the same order, whatever comes.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    detect::{Context, Detect, Guard, Known, Piece, Window},
    model::{Finding, Part, Side, Signal, Verdict},
    policy::content::{ContentRules, decide},
};

/// Answers every line of `input` with a line on `output`; a line that can not be read gets an
/// error line of its own. `region` is what the settings say.
pub fn run_jsonl(
    detect: &Detect,
    region: Option<&str>,
    mut input: impl BufRead,
    mut output: impl Write,
) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return output.flush();
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        answer(detect, region, &line, &mut output)?;
        output.write_all(b"\n")?;
        output.flush()?;
    }
}

/// The region where none is given: a language brings its own, and else the settings' counts.
pub(super) fn fallback(lang: Option<&str>, settings: Option<&str>) -> Option<String> {
    let own = lang.and_then(|lang| lang.split('-').next()).is_some_and(|lang| matches!(lang, "id" | "pl"));
    settings.filter(|_| !own).map(str::to_owned)
}

struct Question {
    id: Value,
    text: Texts,
    lang: Option<String>,
    region: Option<String>,
    sender: Option<Side>,
    known: Known,
    guard: Guard,
}

impl Question {
    /// Reads a line; what is wrong with it is said in words of ours.
    fn read(line: &[u8]) -> Result<Self, Unread> {
        let wrong = |error: &str| Unread { id: Value::Null, error: error.to_owned() };
        let value: Value = serde_json::from_slice(line).map_err(|_| wrong("not JSON"))?;
        let Value::Object(mut fields) = value else { return Err(wrong("not an object")) };
        let id = fields.remove("id").unwrap_or_default();
        Self::of(id.clone(), &mut fields).map_err(|error| Unread { id, error })
    }

    fn of(id: Value, fields: &mut Map<String, Value>) -> Result<Self, String> {
        let question = Self {
            text: field(fields, "text", "a text or a list of texts")?.ok_or("text: missing")?,
            lang: field(fields, "lang", "a language such as id")?,
            region: field(fields, "region", "a region such as ID")?,
            sender: field(fields, "sender", "seller or buyer")?,
            known: field(fields, "known", "an object of the lists orders, tracking and links")?.unwrap_or_default(),
            guard: field(fields, "guard", "an object of the lists names, emails and phones")?.unwrap_or_default(),
            id,
        };
        match fields.keys().next() {
            Some(key) => Err(format!("{}: unknown field", key.chars().take(64).collect::<String>())),
            None => Ok(question),
        }
    }
}

/// Takes one field out; `null` is as good as nothing.
fn field<T: DeserializeOwned>(fields: &mut Map<String, Value>, name: &str, wanted: &str) -> Result<Option<T>, String> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value).map(Some).map_err(|_| format!("{name}: not {wanted}")),
    }
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

fn answer(detect: &Detect, region: Option<&str>, line: &[u8], output: &mut impl Write) -> io::Result<()> {
    match Question::read(line) {
        Ok(question) => Ok(serde_json::to_writer(output, &scrubbed(detect, region, &question).view())?),
        Err(unread) => Ok(serde_json::to_writer(output, &unread)?),
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

fn scrubbed<'a>(detect: &Detect, region: Option<&str>, question: &'a Question) -> Scrubbed<'a> {
    let texts: Vec<&str> = match &question.text {
        Texts::One(text) => vec![text],
        Texts::Many(texts) => texts.iter().map(String::as_str).collect(),
    };
    let pieces: Vec<Piece<'_>> =
        texts.iter().enumerate().map(|(n, text)| Piece { part: Part::Text(n), text }).collect();
    let context = Context {
        lang: question.lang.clone(),
        region: question.region.clone().or_else(|| fallback(question.lang.as_deref(), region)),
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
        run_in(None, input)
    }

    fn run_in(region: Option<&str>, input: &str) -> Vec<Value> {
        let mut output = Vec::new();
        run_jsonl(&Detect::embedded().unwrap(), region, input.as_bytes(), &mut output).unwrap();
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

    #[test]
    fn what_is_wrong_with_a_line_is_said_in_plain_words() {
        let cases = [
            (r#"{"id":7,"text":"x","foo":1}"#, "foo: unknown field"),
            (r#"{"id":7}"#, "text: missing"),
            (r#"{"id":7,"text":5}"#, "text: not a text or a list of texts"),
            (r#"{"id":7,"text":"x","sender":"admin"}"#, "sender: not seller or buyer"),
            (
                r#"{"id":7,"text":"x","known":{"order":[]}}"#,
                "known: not an object of the lists orders, tracking and links",
            ),
        ];
        for (line, error) in cases {
            assert_eq!(run(line), [serde_json::json!({"id": 7, "error": error})], "{line}");
        }
        for (line, error) in [("{\"id\":7", "not JSON"), ("[]", "not an object"), ("\u{0}", "not JSON")] {
            assert_eq!(run(line), [serde_json::json!({"id": null, "error": error})], "{line}");
        }
    }

    #[test]
    fn the_region_follows_the_language_and_then_the_settings() {
        let found =
            |region: Option<&str>, line: &str| !run_in(region, line)[0]["findings"].as_array().unwrap().is_empty();
        let polish = r#"{"id":1,"text":"tel. 512 345 678"}"#;
        assert!(found(Some("PL"), polish));
        assert_eq!(fallback(Some("id"), Some("PL")), None);
        assert_eq!(fallback(Some("en"), Some("PL")).as_deref(), Some("PL"));
        assert_eq!(fallback(None, Some("PL")).as_deref(), Some("PL"));
        assert!(found(Some("PL"), r#"{"id":1,"text":"0812-3456-7890","lang":"id"}"#), "the language's own plan");
    }
}
