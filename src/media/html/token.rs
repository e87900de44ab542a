//! The sanitiser's output as a flat list: tags, texts, line breaks. Its grammar is small and
//! known (the HTML serialisation algorithm over an allow-list without raw-text elements), so
//! that no second tree is needed to read and change the text in it.

use std::borrow::Cow;

use crate::media::Unreadable;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Open(Tag),
    Close(Name),
    Text(String),
    Break,
    /// Was a tag once.
    Gone,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) name: Name,
    /// A link's address or a picture's content id.
    pub(super) target: Option<String>,
    /// The other attributes as written: short numbers and directions.
    attributes: String,
}

/// The tags that matter to somebody here, and the rest by their name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Anchor,
    Image,
    Preformatted,
    Quote,
    Item,
    Cell,
    /// A block of its own.
    Block(String),
    /// Within a block.
    Inline(String),
}

impl Name {
    fn of(name: &str) -> Self {
        match name {
            "a" => Self::Anchor,
            "img" => Self::Image,
            "pre" => Self::Preformatted,
            "blockquote" => Self::Quote,
            "li" => Self::Item,
            "td" => Self::Cell,
            _ if INLINE.contains(&name) => Self::Inline(name.to_owned()),
            _ => Self::Block(name.to_owned()),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Anchor => "a",
            Self::Image => "img",
            Self::Preformatted => "pre",
            Self::Quote => "blockquote",
            Self::Item => "li",
            Self::Cell => "td",
            Self::Block(name) | Self::Inline(name) => name,
        }
    }

    fn is_inline(&self) -> bool {
        matches!(self, Self::Anchor | Self::Image | Self::Inline(_))
    }
}

impl Token {
    /// Whether the text before it and the text after it are different blocks.
    pub(super) fn ends_block(&self) -> bool {
        match self {
            Self::Open(tag) => !tag.name.is_inline(),
            Self::Close(name) => !name.is_inline(),
            Self::Text(_) | Self::Break | Self::Gone => false,
        }
    }

    /// What a reader sees of it.
    pub(super) fn visible(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Break => Some("\n"),
            _ => None,
        }
    }

    /// The address, if it opens a link.
    pub(super) fn href(&self) -> Option<&str> {
        match self {
            Self::Open(tag) if tag.name == Name::Anchor => tag.target.as_deref(),
            _ => None,
        }
    }
}

/// Reads the sanitiser's output.
pub(super) fn read(html: &str) -> Result<Vec<Token>, Unreadable> {
    let mut tokens = Vec::new();
    let mut rest = html;
    while !rest.is_empty() {
        let at = memchr::memchr(b'<', rest.as_bytes()).unwrap_or(rest.len());
        let (text, tag) = rest.split_at(at);
        if !text.is_empty() {
            tokens.push(Token::Text(shown(unescape(text))));
        }
        rest = match tag.strip_prefix('<') {
            Some(tag) => read_tag(tag, &mut tokens)?,
            None => "",
        };
    }
    Ok(tokens)
}

/// Control characters are not seen, and words that they part are one: they go before anybody reads.
fn shown(text: Cow<'_, str>) -> String {
    let mut text = text.into_owned();
    if text.bytes().any(|b| b < b' ' || matches!(b, 0x7f | 0xc2)) {
        text.retain(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\u{c}'));
    }
    text
}

/// Reads a tag behind its `<` and gives what follows its `>`.
fn read_tag<'h>(tag: &'h str, tokens: &mut Vec<Token>) -> Result<&'h str, Unreadable> {
    if let Some(tag) = tag.strip_prefix('/') {
        let (name, rest) = tag.split_once('>').ok_or(Unreadable::Malformed)?;
        tokens.push(Token::Close(Name::of(name)));
        return Ok(rest);
    }
    let end = tag.find([' ', '>']).ok_or(Unreadable::Malformed)?;
    let (name, mut rest) = tag.split_at(end);
    let mut opened = Tag { name: Name::of(name), target: None, attributes: String::new() };
    while let Some(attribute) = rest.strip_prefix(' ') {
        let (key, value) = attribute.split_once("=\"").ok_or(Unreadable::Malformed)?;
        let (value, after) = value.split_once('"').ok_or(Unreadable::Malformed)?;
        match key {
            "href" => opened.target = Some(unescape(value).into_owned()),
            "src" => opened.target = unescape(value).get(4..).map(str::to_owned),
            _ => opened.attributes.push_str(&attribute[..key.len() + 2 + value.len() + 1]),
        }
        rest = after;
    }
    tokens.push(if name == "br" { Token::Break } else { Token::Open(opened) });
    rest.strip_prefix('>').ok_or(Unreadable::Malformed)
}

/// Writes HTML again.
pub(super) fn write_html(tokens: &[Token]) -> String {
    let mut out = String::with_capacity(tokens.len() * 24);
    for token in tokens {
        match token {
            Token::Open(tag) => write_tag(tag, &mut out),
            Token::Close(name) => {
                out.push_str("</");
                out.push_str(name.as_str());
                out.push('>');
            }
            Token::Text(text) => escape(text, &mut out),
            Token::Break => out.push_str("<br>"),
            Token::Gone => {}
        }
    }
    out
}

fn write_tag(tag: &Tag, out: &mut String) {
    out.push('<');
    out.push_str(tag.name.as_str());
    if let Some(target) = &tag.target {
        out.push_str(if tag.name == Name::Image { " src=\"cid:" } else { " href=\"" });
        escape(target, out);
        out.push('"');
    }
    if !tag.attributes.is_empty() {
        out.push(' ');
        out.push_str(&tag.attributes);
    }
    out.push('>');
}

/// Writes plain text: paragraphs, quoted history with `>`, list items, kept links in brackets.
pub(super) fn write_text(tokens: &[Token]) -> String {
    let mut page = Page::default();
    let mut links: Vec<(&str, usize)> = Vec::new();
    for token in tokens {
        match token {
            Token::Open(tag) => match &tag.name {
                Name::Anchor => links.push((tag.target.as_deref().unwrap_or_default(), page.out.len())),
                name => page.enter(name),
            },
            Token::Close(Name::Anchor) => {
                if let Some((target, from)) = links.pop() {
                    page.link(target, from);
                }
            }
            Token::Close(name) => page.leave(name),
            Token::Text(text) => page.text(text),
            Token::Break => page.new_line(),
            Token::Gone => {}
        }
    }
    page.out.truncate(page.out.trim_end().len());
    page.out
}

#[derive(Default)]
struct Page {
    out: String,
    depth: usize,
    /// Line ends owed before the next text: 1 ends a line, 2 make an empty one.
    owed: usize,
}

impl Page {
    fn enter(&mut self, name: &Name) {
        match name {
            Name::Quote => {
                self.owe(1);
                self.depth += 1;
            }
            Name::Item => {
                self.owe(1);
                self.text("- ");
            }
            Name::Cell if self.owed == 0 && !self.out.is_empty() => self.out.push('\t'),
            Name::Image | Name::Inline(_) | Name::Anchor | Name::Cell => {}
            Name::Block(name) => self.owe(if PARAGRAPHS.contains(&name.as_str()) { 2 } else { 1 }),
            Name::Preformatted => self.owe(1),
        }
    }

    fn leave(&mut self, name: &Name) {
        match name {
            Name::Quote => {
                self.owe(1);
                self.depth = self.depth.saturating_sub(1);
            }
            Name::Image | Name::Inline(_) | Name::Anchor | Name::Cell => {}
            Name::Item | Name::Preformatted => self.owe(1),
            Name::Block(name) => self.owe(if PARAGRAPHS.contains(&name.as_str()) { 2 } else { 1 }),
        }
    }

    fn owe(&mut self, lines: usize) {
        self.owed = self.owed.max(lines);
    }

    fn new_line(&mut self) {
        self.pay();
        self.end_line();
    }

    fn text(&mut self, text: &str) {
        if text.is_empty() || self.owed > 0 && text.trim_matches(' ').is_empty() {
            return;
        }
        self.pay();
        for (n, line) in text.split('\n').enumerate() {
            if n > 0 {
                self.end_line();
            }
            if self.out.is_empty() || self.out.ends_with('\n') {
                self.prefix();
            }
            self.out.push_str(line);
        }
    }

    fn pay(&mut self) {
        let already = self.out.bytes().rev().take_while(|b| *b == b'\n').count();
        let owed = std::mem::take(&mut self.owed);
        if !self.out.is_empty() {
            for _ in already..owed {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        self.out.truncate(self.out.trim_end_matches(' ').len());
        self.out.push('\n');
    }

    fn prefix(&mut self) {
        if self.depth > 0 {
            self.out.extend(std::iter::repeat_n('>', self.depth.min(20)));
            self.out.push(' ');
        }
    }

    fn link(&mut self, target: &str, from: usize) {
        let shown = self.out.get(from..).unwrap_or_default().trim();
        if !target.is_empty() && shown != target && Some(shown) != target.strip_prefix("mailto:") {
            self.out.push_str(" <");
            self.out.push_str(target);
            self.out.push('>');
        }
    }
}

fn unescape(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'&', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = ENTITIES.iter().find_map(|(entity, c)| Some((rest.strip_prefix(entity)?, *c)));
        let (after, c) = known.unwrap_or((&rest[1..], '&'));
        out.push(c);
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{a0}' => out.push_str("&nbsp;"),
            c => out.push(c),
        }
    }
}

/// All that the serialiser writes.
const ENTITIES: [(&str, char); 5] =
    [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"'), ("&nbsp;", '\u{a0}')];

const INLINE: [&str; 18] = [
    "b", "code", "del", "em", "i", "ins", "kbd", "mark", "q", "s", "small", "span", "strike", "strong", "sub", "sup",
    "u", "br",
];

const PARAGRAPHS: [&str; 11] = ["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table"];
