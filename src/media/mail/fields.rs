//! Header fields: split here, their values read by `mail-parser`.

use mail_parser::{Address, ContentType, HeaderValue, parsers::MessageStream};

use crate::{media::Unreadable, model::Timestamp};

/// The header fields of a message or part, in their order.
pub(super) struct Fields<'x>(Vec<Field<'x>>);

struct Field<'x> {
    name: &'x [u8],
    /// With its folds and its last line end, as the value parsers want it.
    value: &'x [u8],
}

impl<'x> Fields<'x> {
    /// Splits a message or part into its fields and its body. `left` is how many fields the
    /// whole message may still have.
    ///
    /// A line that is no field opens the body, so that the words of a sender whose program
    /// forgot the empty line are not lost.
    pub(super) fn split(bytes: &'x [u8], left: &mut usize) -> Result<(Self, &'x [u8]), Unreadable> {
        let mut fields: Vec<Field<'x>> = Vec::with_capacity(16);
        let mut at = if bytes.starts_with(b"From ") { line_end(bytes, 0) } else { 0 };
        while at < bytes.len() {
            let end = line_end(bytes, at);
            let line = &bytes[at..end];
            if matches!(line, b"\n" | b"\r\n") {
                return Ok((Self(fields), &bytes[end..]));
            }
            match (line[0], fields.last_mut()) {
                (b' ' | b'\t', Some(last)) => {
                    let start = at - last.value.len();
                    last.value = &bytes[start..end];
                    if last.value.len() > MAX_FIELD {
                        return Err(Unreadable::Headers);
                    }
                }
                _ => {
                    let Some((name, value)) = name_and_value(line) else { break };
                    *left = left.checked_sub(1).ok_or(Unreadable::Headers)?;
                    fields.push(Field { name, value });
                }
            }
            at = end;
        }
        Ok((Self(fields), &bytes[at..]))
    }

    /// The values of every field of that name.
    pub(super) fn all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'x [u8]> + use<'_, 'x, 'n> {
        self.0.iter().filter(move |f| f.name.eq_ignore_ascii_case(name.as_bytes())).map(|f| f.value)
    }

    /// The value of the first field of that name.
    pub(super) fn first(&self, name: &str) -> Option<&'x [u8]> {
        self.all(name).next()
    }

    /// Whether there is such a field.
    pub(super) fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// The first word of a raw value in lower case: `auto-replied`, `base64`.
    pub(super) fn word(&self, name: &str) -> Option<String> {
        let text = String::from_utf8_lossy(self.first(name)?);
        let word = text.trim_start().split([';', '(', ' ', '\t', '\r', '\n']).next()?;
        Some(word.to_ascii_lowercase())
    }

    /// A text with its encoded words decoded, on one line. An encoded word that nobody can decode is
    /// left out: another program may find out what it hides.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let text = stream(self.first(name)?)?.parse_unstructured().into_text()?;
        let seen = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
        let text: String = seen.filter(|c| !c.is_control()).collect();
        if !text.contains("=?") {
            return Some(text);
        }
        let words = text.split(' ').filter(|word| !is_encoded_word(word));
        Some(words.collect::<Vec<_>>().join(" "))
    }

    /// A date, its zone resolved.
    pub(super) fn date(&self) -> Option<Timestamp> {
        let date = stream(self.first("Date")?)?.parse_date().into_datetime()?;
        (date.is_valid() && (1990..=2200).contains(&date.year)).then(|| Timestamp(date.to_timestamp() * 1_000))
    }

    /// Message ids without their angle brackets.
    pub(super) fn ids(&self, name: &str) -> Vec<String> {
        let Some(value) = self.first(name).and_then(stream) else { return Vec::new() };
        let mut value = value;
        let ids = match value.parse_id() {
            HeaderValue::Text(id) => vec![id],
            HeaderValue::TextList(ids) => ids,
            _ => Vec::new(),
        };
        ids.into_iter().filter(|id| is_id(id)).map(|id| id.into_owned()).collect()
    }

    /// Every address of every field of that name, group members included, the host in lower case.
    pub(super) fn addresses(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        for value in self.all(name) {
            match stream(value).map(|mut s| s.parse_address()) {
                Some(HeaderValue::Address(Address::List(list))) => found.extend(list),
                Some(HeaderValue::Address(Address::Group(groups))) => {
                    found.extend(groups.into_iter().flat_map(|g| g.addresses));
                }
                _ => {}
            }
        }
        found.into_iter().filter_map(|a| a.address).filter_map(|a| lower_host(&a)).collect()
    }

    /// Content-Type or Content-Disposition.
    pub(super) fn content_type(&self, name: &str) -> Option<ContentType<'x>> {
        stream(self.first(name)?)?.parse_content_type().into_content_type()
    }
}

/// A value parser over `value`, if it is short enough for one and ends as they expect.
fn stream(value: &[u8]) -> Option<MessageStream<'_>> {
    (value.ends_with(b"\n") && value.len() <= MAX_PARSED).then(|| MessageStream::new(value))
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    memchr::memchr(b'\n', &bytes[from..]).map_or(bytes.len(), |at| from + at + 1)
}

fn name_and_value(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    let name = line[..colon].trim_ascii_end();
    let good = !name.is_empty() && name.len() <= 76 && name.iter().all(u8::is_ascii_graphic);
    (good && line.len() <= MAX_FIELD).then(|| (name, &line[colon + 1..]))
}

/// RFC 2047 §2: `=?charset?encoding?text`, with or without its end.
fn is_encoded_word(word: &str) -> bool {
    word.find("=?").is_some_and(|at| word[at + 2..].bytes().filter(|b| *b == b'?').count() >= 2)
}

fn is_id(id: &str) -> bool {
    (1..=998).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic() && b != b'<' && b != b'>')
}

/// The address with its host in lower case, if it is one.
fn lower_host(address: &str) -> Option<String> {
    let (local, host) = address.trim().rsplit_once('@')?;
    let good = !local.is_empty() && !host.is_empty() && !address.chars().any(char::is_control);
    good.then(|| format!("{local}@{}", host.to_lowercase()))
}

const MAX_FIELD: usize = 65_536;
/// The value parsers look ahead; what is longer than this was written by no person.
const MAX_PARSED: usize = 32_768;
