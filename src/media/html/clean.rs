//! The allow-list.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use ammonia::{Builder, UrlRelative};

/// Only the tags below, without style, class, title, alt or any other attribute that could hold
/// words which the reader does not see.
pub(super) fn clean(html: &str) -> String {
    RULES.clean(html).to_string()
}

static RULES: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut rules = Builder::empty();
    rules
        .tags(HashSet::from(TAGS))
        .clean_content_tags(HashSet::from(WITH_CONTENT))
        .tag_attributes(HashMap::from([
            ("a", HashSet::from(["href"])),
            ("img", HashSet::from(["src", "width", "height"])),
            ("td", HashSet::from(["colspan", "rowspan"])),
            ("th", HashSet::from(["colspan", "rowspan"])),
        ]))
        .generic_attributes(HashSet::from(["dir"]))
        .url_schemes(HashSet::from(["http", "https", "mailto", "tel", "cid"]))
        .url_relative(UrlRelative::Deny)
        .link_rel(None)
        .strip_comments(true)
        .attribute_filter(filter);
    rules
});

fn filter<'v>(element: &str, attribute: &str, value: &'v str) -> Option<Cow<'v, str>> {
    let keep = match (element, attribute) {
        // A remote picture tells its server when and where the mail is read.
        ("img", "src") => is_cid(value),
        ("a", "href") => is_plain_link(value),
        (_, "width" | "height" | "colspan" | "rowspan") => {
            value.len() <= 4 && value.bytes().all(|b| b.is_ascii_digit())
        }
        (_, "dir") => matches!(value, "ltr" | "rtl" | "auto"),
        _ => false,
    };
    keep.then_some(Cow::Borrowed(value))
}

fn is_cid(value: &str) -> bool {
    value.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("cid:"))
}

/// Whether every reader takes the address for the same one. `https://a.example\\.b.example`,
/// `https:/a.example` or one with a tab in it means one host to a browser and another to us.
fn is_plain_link(value: &str) -> bool {
    if value.len() > MAX_LINK || !value.bytes().all(|b| b.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&b)) {
        return false;
    }
    let Some((scheme, rest)) = value.split_once(':') else { return false };
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => rest.strip_prefix("//").is_some_and(|rest| {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:_".contains(&b))
        }),
        "mailto" | "tel" => true,
        _ => false,
    }
}

const MAX_LINK: usize = 2_048;

const TAGS: [&str; 46] = [
    "a",
    "b",
    "blockquote",
    "br",
    "caption",
    "center",
    "code",
    "dd",
    "del",
    "div",
    "dl",
    "dt",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "u",
    "ul",
];

/// These go with all that is in them.
const WITH_CONTENT: [&str; 20] = [
    "script", "style", "title", "template", "noscript", "svg", "math", "object", "embed", "applet", "iframe",
    "frameset", "textarea", "select", "datalist", "audio", "video", "canvas", "map", "noembed",
];
