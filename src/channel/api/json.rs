//! Strict JSON: unknown and doubled fields are refused, and the field at fault is named.

use serde::Deserialize;
use serde_json::error::Category;

use super::problem::Problem;

/// Reads a body.
pub(super) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    // A derived struct would take a list of its fields' values too.
    if bytes.iter().find(|b| !b.is_ascii_whitespace()).is_some_and(|b| *b == b'[') {
        return Err(Problem::field("body", "not an object"));
    }
    // The reader gives up beyond 128 levels, and derived structs refuse a field that comes twice.
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = T::deserialize(&mut reader).map_err(|error| fault(bytes, &error))?;
    reader.end().map_err(|error| fault(bytes, &error))?;
    Ok(value)
}

fn fault(bytes: &[u8], error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let detail = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    if error.classify() != Category::Data {
        return Problem::field("body", format!("not JSON: {detail}"));
    }
    let mut path = path_at(bytes, offset(bytes, error));
    if let Some(name) = detail.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
    }
    Problem::field(if path.is_empty() { "body".to_owned() } else { path }, detail)
}

/// Where the reader stood, in bytes from the start.
fn offset(bytes: &[u8], error: &serde_json::Error) -> usize {
    let lines = bytes.split_inclusive(|b| *b == b'\n').take(error.line().saturating_sub(1));
    let before: usize = lines.map(<[u8]>::len).sum();
    (before + error.column()).min(bytes.len())
}

enum Frame {
    Object { key: Option<String>, at_value: bool },
    Array { index: usize },
}

/// The path of the value that is being read, or was read last, at `offset` of a text whose
/// syntax is right up to there.
fn path_at(bytes: &[u8], offset: usize) -> String {
    let mut stack: Vec<Frame> = Vec::new();
    let mut at = 0;
    while at < offset {
        match bytes[at] {
            b'{' => stack.push(Frame::Object { key: None, at_value: false }),
            b'[' => stack.push(Frame::Array { index: 0 }),
            b'}' | b']' => {
                stack.pop();
            }
            b':' => {
                if let Some(Frame::Object { at_value, .. }) = stack.last_mut() {
                    *at_value = true;
                }
            }
            b',' if at + 1 < offset => match stack.last_mut() {
                Some(Frame::Object { key, at_value }) => (*key, *at_value) = (None, false),
                Some(Frame::Array { index }) => *index += 1,
                None => {}
            },
            b'"' => {
                let end = string_end(bytes, at);
                if let Some(Frame::Object { key, at_value: false }) = stack.last_mut() {
                    *key = serde_json::from_slice(&bytes[at..end]).ok();
                }
                at = end - 1;
            }
            _ => {}
        }
        at += 1;
    }
    spelled(&stack)
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'"' => return at + 1,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

fn spelled(stack: &[Frame]) -> String {
    let mut path = String::new();
    for frame in stack {
        match frame {
            Frame::Object { key: Some(key), .. } => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.extend(key.chars().take(64));
            }
            Frame::Object { .. } => {}
            Frame::Array { index } => path.push_str(&format!("[{index}]")),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Outer {
        name: String,
        #[serde(default)]
        list: Vec<Inner>,
        #[serde(default)]
        n: u8,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Inner {
        a: String,
    }

    fn field(text: &str) -> String {
        let body: Value = serde_json::from_slice(&read::<Outer>(text.as_bytes()).unwrap_err().body()).unwrap();
        body["field"].as_str().unwrap().to_owned()
    }

    #[test]
    fn the_field_at_fault_is_named() {
        let cases = [
            (r#"{"name": 5}"#, "name"),
            (r#"{"name": "x", "nme": 1}"#, "nme"),
            (r#"{"name": "x", "name": "y"}"#, "name"),
            (r#"{"n": 1}"#, "name"),
            (r#"{"name": "x", "n": 300, "list": []}"#, "n"),
            (r#"{"name": "x", "n": "1"}"#, "n"),
            (r#"{"name": "x", "list": [{"a": "1"}, {"a": 2}]}"#, "list[1].a"),
            (r#"{"name": "x", "list": [{"a": "1"}, {"b": 2}]}"#, "list[1].b"),
            (r#"{"name": "x", "list": [{"a": "1"}, {}]}"#, "list[1].a"),
            ("{\n \"name\": \"x\",\n \"list\": {\"a\": 1}\n}", "list"),
            (r#"[]"#, "body"),
            (r#"{"name": "x""#, "body"),
            (r#"{"name": "x"} {}"#, "body"),
            ("", "body"),
        ];
        for (text, expected) in cases {
            assert_eq!(field(text), expected, "{text}");
        }
    }

    #[test]
    fn a_deep_body_is_refused_and_not_followed() {
        let deep = "{\"a\":".repeat(100_000);
        assert!(read::<Value>(deep.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read::<Outer>(&bytes);
        }

        #[test]
        fn any_json_like_text_is_read_or_refused(text in r#"[\{\}\[\]":,namelist0-9\\ ]{0,60}"#) {
            let _ = read::<Outer>(text.as_bytes());
        }
    }
}
