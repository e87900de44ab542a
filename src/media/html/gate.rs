//! Whether an HTML body is small and flat enough to be given to a parser whose cost grows with
//! the square of the nesting.

use std::{cell::RefCell, rc::Rc};

use lol_html::{EndTagHandler, HtmlRewriter, Settings, element, html_content::Element};

use crate::media::Unreadable;

/// Refuses what would cost a tree builder too much.
pub(super) fn check(html: &str) -> Result<(), Unreadable> {
    if html.len() > MAX_BYTES {
        return Err(Unreadable::TooLarge);
    }
    // Every element needs a `<`, those that a stray end tag makes too.
    let tags = memchr::memchr_iter(b'<', html.as_bytes()).count();
    if tags > MAX_TAGS {
        return Err(Unreadable::TooDeep);
    }
    if tags <= HARMLESS_TAGS && html.len() <= HARMLESS_BYTES {
        return Ok(());
    }
    let count = Rc::new(RefCell::new(Count::default()));
    let seen = Rc::clone(&count);
    let settings = Settings::new()
        .with_strict(false)
        .with_adjust_charset_on_meta_tag(false)
        .append_element_content_handler(element!("*", move |element| see(element, &seen)));
    let mut scan = HtmlRewriter::new(settings, |_: &[u8]| {});
    scan.write(html.as_bytes()).and_then(|()| scan.end()).map_err(|_| Unreadable::TooDeep)
}

#[derive(Default)]
struct Count {
    elements: usize,
    /// Open elements by their number; only a properly nested end tag takes one away, so that
    /// the depth is never underestimated.
    open: Vec<(usize, bool)>,
    formatting: usize,
    /// A tree builder opens the unclosed formatting elements again in every new block.
    rebuilt: usize,
}

#[derive(Debug, thiserror::Error)]
#[error("nested too deeply")]
struct TooDeep;

fn see(element: &mut Element<'_, '_>, count: &Rc<RefCell<Count>>) -> lol_html::HandlerResult {
    let mut seen = count.borrow_mut();
    seen.elements += 1;
    seen.rebuilt += seen.formatting;
    let name = element.tag_name();
    let over = seen.elements > MAX_ELEMENTS
        || seen.rebuilt > MAX_REBUILT
        || seen.open.len() > MAX_DEPTH
        || element.attributes().len() > MAX_ATTRIBUTES;
    if over {
        return Err(Box::new(TooDeep));
    }
    if !element.can_have_content() || CLOSED_BY_NEXT.contains(&name.as_str()) {
        return Ok(());
    }
    let number = seen.elements;
    let formatting = FORMATTING.contains(&name.as_str());
    seen.open.push((number, formatting));
    seen.formatting += usize::from(formatting);
    drop(seen);
    let count = Rc::clone(count);
    let close: EndTagHandler<'static> = Box::new(move |end| {
        let mut seen = count.borrow_mut();
        // An end tag is told to every element that it closes, the forgotten ones inside too.
        if end.name() == name && seen.open.last().is_some_and(|(n, _)| *n == number) {
            seen.open.pop();
            seen.formatting -= usize::from(formatting);
        }
        Ok(())
    });
    element.on_end_tag(close)
}

const MAX_BYTES: usize = 2_000_000;
const MAX_TAGS: usize = 60_000;
const MAX_ELEMENTS: usize = 20_000;
const MAX_DEPTH: usize = 512;
const MAX_REBUILT: usize = 400_000;
const MAX_ATTRIBUTES: usize = 256;

/// Within these even the worst nesting and the longest list of attributes cost little.
const HARMLESS_TAGS: usize = 500;
const HARMLESS_BYTES: usize = 8_192;

/// Elements that their next sibling closes: often left open in mail, never nested by themselves.
const CLOSED_BY_NEXT: [&str; 12] =
    ["p", "li", "td", "th", "tr", "tbody", "thead", "tfoot", "dt", "dd", "option", "colgroup"];

const FORMATTING: [&str; 14] =
    ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"];
