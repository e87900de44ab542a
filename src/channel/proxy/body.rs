//! A body that is judged, in whichever form it came: JSON, a form, a form with files, or one file and nothing else. It is
//! read into the same two things, what stands in it by name and its files, and written anew in the form it had.

use std::collections::HashMap;

use bytes::Bytes;
use futures_util::stream;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use multer::{Constraints, Multipart, SizeLimit};

use super::{
    No,
    json::{self, Json, Step},
    routes,
    settings::BodyKind,
};
use crate::model::{Attachment, AttachmentAction};

/// A body, read.
pub(super) struct Body {
    form: Form,
    /// What stands in it by name. A form is an object of texts; a name that ends in `[]` is a list of them.
    pub(super) fields: Json,
    /// Its files.
    pub(super) files: Vec<Attachment>,
    /// Under which name of the form each came.
    names: Vec<String>,
}

/// The form of a body, told by its media type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// RFC 8259.
    Json,
    /// `application/x-www-form-urlencoded`, as the URL standard has it.
    Pairs,
    /// `multipart/form-data` (RFC 7578), with its boundary.
    Parts(String),
    /// A file, and what it calls itself.
    File(String),
}

/// What a route takes.
#[derive(Clone, Debug, Default)]
pub(super) struct Taken {
    pub(super) kinds: Vec<BodyKind>,
    /// The names of a form's fields that are looked at.
    pub(super) named: Vec<String>,
    /// The names under which files may come; `*` is any.
    pub(super) files: Vec<String>,
}

impl Form {
    /// Told by the header fields; `None`: it is none that the route takes, or is not told in one way.
    pub(super) fn of(headers: &HeaderMap, taken: &Taken) -> Option<Self> {
        let mut given = headers.get_all(CONTENT_TYPE).iter();
        let (only, None) = (given.next()?.to_str().ok()?, given.next()) else { return None };
        let essence = only.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let form = if taken.kinds.contains(&BodyKind::File) {
            Self::File(essence)
        } else if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
            Self::Json
        } else if essence == PAIRS {
            Self::Pairs
        } else if essence == PARTS {
            Self::Parts(multer::parse_boundary(only).ok()?)
        } else {
            return None;
        };
        taken.kinds.contains(&form.kind()).then_some(form)
    }

    fn kind(&self) -> BodyKind {
        match self {
            Self::Json => BodyKind::Json,
            Self::Pairs => BodyKind::Form,
            Self::Parts(_) => BodyKind::Multipart,
            Self::File(_) => BodyKind::File,
        }
    }

    /// Whether files may be in it, so that it may be larger than words are.
    pub(super) fn has_files(&self) -> bool {
        matches!(self, Self::Parts(_) | Self::File(_))
    }
}

impl Body {
    /// JSON that was read already.
    pub(super) fn of(fields: Json) -> Self {
        Self { form: Form::Json, fields, files: Vec::new(), names: Vec::new() }
    }

    /// Reads all of it, strictly.
    ///
    /// # Errors
    /// [`No::Body`], with what is wrong.
    pub(super) async fn read(form: Form, bytes: Bytes, taken: &Taken) -> Result<Self, No> {
        let empty = |fields| Self { form: form.clone(), fields, files: Vec::new(), names: Vec::new() };
        match &form {
            Form::Json => {
                let odd = No::Body("not JSON, or JSON that two programs could read differently");
                Ok(empty(Json::read(&bytes).ok_or(odd)?))
            }
            Form::Pairs => Ok(empty(object(pairs(&bytes)?, taken)?)),
            Form::Parts(boundary) => {
                let (fields, parts) = parts(bytes, boundary, taken).await?;
                let (names, files) = parts.into_iter().unzip();
                Ok(Self { files, names, ..empty(object(fields, taken)?) })
            }
            Form::File(_) if bytes.is_empty() => Err(No::Body("a file is wanted")),
            Form::File(claimed) => {
                let file = file("", claimed, bytes);
                Ok(Self { files: vec![file], names: vec![String::new()], ..empty(Json::Null) })
            }
        }
    }

    /// All of it, for telling one call from another.
    pub(super) fn parts(&self) -> Vec<Bytes> {
        let fields = Bytes::from(self.fields.written());
        std::iter::once(fields).chain(self.files.iter().map(|file| file.bytes.clone())).collect()
    }

    /// Its media type and bytes: what was read, and no more. A file that was taken out is left out. `boundary` parts what
    /// nobody can foresee.
    pub(super) fn written(self, boundary: &str) -> (HeaderValue, Bytes) {
        let Self { form, fields, files, names } = self;
        let named = names.iter().zip(&files).filter(|(_, file)| !file.action.removed());
        match form {
            Form::Json => (HeaderValue::from_static("application/json"), Bytes::from(fields.written())),
            Form::Pairs => {
                let mut written = form_urlencoded::Serializer::new(String::new());
                written.extend_pairs(flat(&fields));
                (HeaderValue::from_static(PAIRS), Bytes::from(written.finish()))
            }
            Form::Parts(_) => {
                let mut out = Vec::new();
                for (name, value) in flat(&fields) {
                    begin(&mut out, boundary, name, None);
                    out.extend_from_slice(value.as_bytes());
                    out.extend_from_slice(b"\r\n");
                }
                for (name, file) in named {
                    begin(&mut out, boundary, name, Some((&file.filename, &file.media_type)));
                    out.extend_from_slice(&file.bytes);
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
                let kind = HeaderValue::from_str(&format!("{PARTS}; boundary={boundary}"));
                (kind.unwrap_or(HeaderValue::from_static(PARTS)), Bytes::from(out))
            }
            Form::File(_) => {
                let file = named.map(|(_, file)| file).next();
                let kind = file.and_then(|file| HeaderValue::from_str(&file.media_type).ok());
                let bytes = file.map(|file| file.bytes.clone()).unwrap_or_default();
                (kind.unwrap_or(HeaderValue::from_static("application/octet-stream")), bytes)
            }
        }
    }
}

fn pairs(bytes: &[u8]) -> Result<Vec<(String, String)>, No> {
    let text = |part: &[u8]| {
        let spaced: Vec<u8> = part.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        let decoded = std::str::from_utf8(&spaced).ok().and_then(routes::decode);
        decoded.ok_or(No::Body("a form that is not UTF-8, or whose percent signs stand for nothing"))
    };
    let pieces = bytes.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty());
    pieces
        .map(|piece| {
            let at = memchr::memchr(b'=', piece);
            let (name, value) = at.map_or((piece, &b""[..]), |at| (&piece[..at], &piece[at + 1..]));
            Ok((text(name)?, text(value)?))
        })
        .collect()
}

/// The texts of a form with files, and its files under their names.
async fn parts(
    bytes: Bytes,
    boundary: &str,
    taken: &Taken,
) -> Result<(Vec<(String, String)>, Vec<(String, Attachment)>), No> {
    const BROKEN: No = No::Body("a form with files whose parts can not be told apart");
    let limit = SizeLimit::new().whole_stream(bytes.len() as u64);
    let whole = stream::iter([Ok::<_, std::io::Error>(bytes)]);
    let mut form = Multipart::with_constraints(whole, boundary, Constraints::new().size_limit(limit));
    let (mut fields, mut files) = (Vec::new(), Vec::new());
    while let Some(part) = form.next_field().await.map_err(|_| BROKEN)? {
        if fields.len() + files.len() >= MOST_PARTS {
            return Err(No::TooLarge);
        }
        let name = part.name().ok_or(No::Body("a part without a name"))?.to_owned();
        let encoding = part.headers().get("content-transfer-encoding");
        if encoding.is_some_and(|how| !PLAIN.iter().any(|plain| how.as_bytes().eq_ignore_ascii_case(plain))) {
            return Err(No::Body("a part that is encoded"));
        }
        let claimed = part.content_type().map(|kind| kind.essence_str().to_owned());
        match part.file_name().map(str::to_owned) {
            Some(filename) => {
                let bytes = part.bytes().await.map_err(|_| BROKEN)?;
                // A field for a file that nobody chose: browsers send it so.
                if filename.is_empty() && bytes.is_empty() {
                    continue;
                }
                if !taken.files.iter().any(|known| known == "*" || *known == name) {
                    return Err(No::Body("a file where none is taken"));
                }
                files.push((name, file(&filename, &claimed.unwrap_or_default(), bytes)));
            }
            None => {
                if claimed.is_some_and(|kind| kind != "text/plain") {
                    return Err(No::Body("a part that is neither a text nor a file"));
                }
                let bytes = part.bytes().await.map_err(|_| BROKEN)?;
                let text = std::str::from_utf8(&bytes).map_err(|_| No::Body("a text that is not UTF-8"))?;
                fields.push((name, text.to_owned()));
            }
        }
    }
    if files.iter().any(|(name, _)| fields.iter().any(|(own, _)| base(own) == base(name))) {
        return Err(No::Body("a name that comes as a text and as a file"));
    }
    Ok((fields, files))
}

fn file(name: &str, claimed: &str, bytes: Bytes) -> Attachment {
    Attachment {
        filename: name.to_owned(),
        media_type: claimed.to_ascii_lowercase(),
        inline: None,
        bytes,
        action: AttachmentAction::Pending,
    }
}

/// The fields of a form as one object, if every service reads the same from them: no name twice but those of lists, and
/// nothing that many services take for a field that is looked at (`text[0]`, `te.xt` for `te_xt`) or for another method.
fn object(fields: Vec<(String, String)>, taken: &Taken) -> Result<Json, No> {
    const TWICE: No = No::Body("a form that two programs could read differently");
    let named: HashMap<String, &String> = taken.named.iter().map(|name| (base(name), name)).collect();
    let mut members: Vec<(String, Json)> = Vec::new();
    let mut at: HashMap<String, usize> = HashMap::new();
    for (name, value) in fields {
        let base = base(&name);
        if ["_method", "_charset_"].contains(&base.as_str()) {
            return Err(TWICE);
        }
        if named.get(&base).is_some_and(|named| !json::same(named, &name)) {
            return Err(TWICE);
        }
        let known = at.get(&spelled(&name)).copied();
        match (known.map(|n| &mut members[n].1), name.ends_with("[]")) {
            (Some(Json::List(items)), true) => items.push(Json::Text(value)),
            (None, true) => {
                at.insert(spelled(&name), members.len());
                members.push((name, Json::List(vec![Json::Text(value)])));
            }
            (None, false) => {
                at.insert(spelled(&name), members.len());
                members.push((name, Json::Text(value)));
            }
            (Some(_), _) => return Err(TWICE),
        }
    }
    Ok(Json::Object(members))
}

/// A name as the most forgetful service knows it.
fn spelled(name: &str) -> String {
    let folded = json::folded(name.trim_start());
    folded.chars().map(|c| if matches!(c, '.' | ' ' | '\t') { '_' } else { c }).collect()
}

/// The name of the variable that a service makes of a field.
fn base(name: &str) -> String {
    let mut name = spelled(name);
    if let Some(at) = name.find(['[', '\0']) {
        name.truncate(at);
    }
    name
}

/// The pairs of a form again.
fn flat(fields: &Json) -> impl Iterator<Item = (&str, &str)> {
    let members = if let Json::Object(members) = fields { members.as_slice() } else { &[] };
    members.iter().flat_map(|(name, value)| {
        let values = match value {
            Json::List(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        values.iter().map(move |value| match value {
            Json::Text(text) => (name.as_str(), text.as_str()),
            _ => (name.as_str(), ""),
        })
    })
}

fn begin(out: &mut Vec<u8>, boundary: &str, name: &str, file: Option<(&str, &str)>) {
    // As browsers write a name (HTML, multipart/form-data encoding algorithm).
    let quoted = |name: &str| name.replace('\r', "%0D").replace('\n', "%0A").replace('"', "%22");
    let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", quoted(name));
    if let Some((filename, media_type)) = file {
        head.push_str(&format!("; filename=\"{}\"\r\nContent-Type: {media_type}", quoted(filename)));
    }
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
}

/// Whether a form can have a place: it has one layer of names, and lists of those that end in `[]`.
pub(super) fn fits_a_form(steps: &[Step]) -> bool {
    match steps {
        [Step::Name(name)] => !name.ends_with("[]"),
        [Step::Name(name), Step::Every] => name.ends_with("[]"),
        _ => false,
    }
}

const PAIRS: &str = "application/x-www-form-urlencoded";
const PARTS: &str = "multipart/form-data";
/// Encodings of a part that are none.
const PLAIN: [&[u8]; 3] = [b"7bit", b"8bit", b"binary"];
/// Parts of one form.
const MOST_PARTS: usize = 1_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taken() -> Taken {
        Taken {
            kinds: vec![BodyKind::Json, BodyKind::Form, BodyKind::Multipart],
            named: vec!["message_text".to_owned(), "tags[]".to_owned()],
            files: vec!["photo".to_owned()],
        }
    }

    async fn read(kind: &str, bytes: &[u8]) -> Result<Body, No> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, kind.parse().unwrap());
        let form = Form::of(&headers, &taken()).ok_or(No::MediaType)?;
        Body::read(form, Bytes::copy_from_slice(bytes), &taken()).await
    }

    fn parts_of(text: &str) -> Vec<u8> {
        text.replace('\n', "\r\n").into_bytes()
    }

    #[tokio::test]
    async fn a_form_is_written_as_it_was_read() {
        let form = "message_text=hello+there%21&tags%5B%5D=a&tags%5B%5D=b&empty=";
        let body = read(PAIRS, form.as_bytes()).await.unwrap_or_else(|no| panic!("{no:?}"));
        assert_eq!(body.fields.at(&json::pointer("/message_text").unwrap()), Some(&Json::Text("hello there!".into())));
        assert_eq!(body.written("x").1, form);
    }

    #[tokio::test]
    async fn a_form_with_files_is_written_with_our_own_boundary_and_nothing_that_stood_around_its_parts() {
        let came = parts_of(
            "secret preamble\n--b\nContent-Disposition: form-data; name=\"message_text\"\nX-Note: hidden\n\nhi\n--b\n\
             Content-Disposition: form-data; name=\"photo\"; filename=\"a\\\"b.png\"\nContent-Type: image/png\n\nPNG\n--b--\nsecret epilogue",
        );
        let body = read("multipart/form-data; boundary=b", &came).await.unwrap_or_else(|no| panic!("{no:?}"));
        assert_eq!(body.files.len(), 1);
        let (kind, bytes) = body.written("ours");
        assert_eq!(kind, "multipart/form-data; boundary=ours");
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(!text.contains("secret") && !text.contains("hidden"), "{text}");
        let again =
            read("multipart/form-data; boundary=ours", text.as_bytes()).await.unwrap_or_else(|no| panic!("{no:?}"));
        assert_eq!((again.names, &again.files[0].bytes[..]), (vec!["photo".to_owned()], &b"PNG"[..]));
    }

    #[tokio::test]
    async fn what_two_services_could_read_differently_is_refused() {
        for form in [
            "message_text=a&message_text=b",
            "message_text=a&Message_Text=b",
            "message_text=a&message_text[]=b",
            "message_text[0]=b",
            "message_text[]=b",
            "message_text=a&message.text=b",
            "message_text=a&message%20text=b",
            "message%00=a&message_text%00x=b",
            "+message_text=b",
            "tags=a",
            "tags[0]=a",
            "_method=DELETE",
            "_Method[]=DELETE",
            "_charset_=utf-7",
            "message_text=%ff",
            "message_text=%4",
            "x=1&x=2",
        ] {
            assert!(matches!(read(PAIRS, form.as_bytes()).await, Err(No::Body(_))), "{form}");
        }
        for part in [
            "name=\"message_text\"\nContent-Transfer-Encoding: base64\n\naGk=",
            "name=\"message_text\"\nContent-Type: text/html\n\nhi",
            "name=\"other\"; filename=\"x.png\"\n\nPNG",
            "filename=\"x.png\"\n\nPNG",
            "name=\"photo\"\n\nx\n--b\nContent-Disposition: form-data; name=\"photo\"; filename=\"x.png\"\n\nPNG",
        ] {
            let came = parts_of(&format!("--b\nContent-Disposition: form-data; {part}\n--b--\n"));
            assert!(matches!(read("multipart/form-data; boundary=b", &came).await, Err(No::Body(_))), "{part}");
        }
        for cut in ["--b\n", "--b\nContent-Disposition: form-data; name=\"message_text\"\n\nhi\n", ""] {
            let came = parts_of(cut);
            assert!(read("multipart/form-data; boundary=b", &came).await.is_err(), "{cut}");
        }
        for kind in ["text/plain", "multipart/mixed; boundary=b", "multipart/form-data", "application/xml"] {
            assert!(matches!(read(kind, b"x").await, Err(No::MediaType)), "{kind}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_and_what_is_written_is_read_the_same(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                for kind in [PAIRS, "multipart/form-data; boundary=b"] {
                    let Ok(body) = read(kind, &bytes).await else { continue };
                    let fields = body.fields.clone();
                    let (kind, written) = body.written("b");
                    if let Ok(again) = read(kind.to_str().unwrap(), &written).await {
                        assert_eq!(again.fields, fields);
                    } else {
                        // Only a text with our boundary in it could do that, and nobody can foresee a real one.
                        assert!(kind.to_str().unwrap().starts_with(PARTS));
                    }
                }
            });
        }

        #[test]
        fn a_form_of_any_texts_comes_through(value in ".{0,40}", name in "[a-z ]{1,9}") {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.append_pair(&name, &value);
            let body = runtime.block_on(read(PAIRS, form.finish().as_bytes()));
            let written = body.unwrap_or_else(|no| panic!("{no:?}")).written("b").1;
            let again: Vec<(String, String)> = form_urlencoded::parse(&written).into_owned().collect();
            prop_assert_eq!(again, vec![(name, value)]);
        }
    }
}
