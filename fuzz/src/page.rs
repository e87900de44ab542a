//! HTML: sanitised, read block by block, written afresh.

use tabir::{
    detect::{Context, Window, placeholder},
    media::html::{Cut, Document},
    model::Part,
};

use super::text::{DETECT, scan};

/// What is written reads back as the same words and links; what was cut is gone, and no link or
/// picture is left that nobody allowed.
pub fn html(bytes: &[u8]) {
    if let Ok(page) = Document::parse(&String::from_utf8_lossy(bytes)) {
        let again = Document::parse(&page.to_html()).expect("what we write can be read");
        // Not the same tags: anchors in anchors, out of a table, are closed by whoever reads them.
        assert_eq!(page.blocks(), again.blocks());
        assert_eq!(page.links(), again.links());
        let page = clean(page, &Context::default());
        assert!(page.links().is_empty(), "{:?}", page.links());
        let html = page.to_html().to_lowercase();
        for word in ["<img", "<script", "<style", "<!--", "href=", " on", "<iframe", "<form"] {
            assert!(!html.split(">").any(|piece| tag(piece).contains(word)), "{word} in {html}");
        }
    }
}

/// Cuts what is found out of a page; no link and no picture may stay.
pub fn clean(mut page: Document, context: &Context) -> Document {
    page.keep_links(&|_| false);
    page.keep_images(&mut |_| None);
    let blocks = page.blocks();
    let texts: Vec<&str> = blocks.iter().map(String::as_str).collect();
    let report = scan(&DETECT, &texts, context, &Window::default());
    let mut cuts: Vec<Option<Vec<Cut>>> = vec![None; blocks.len()];
    for finding in &report.findings {
        let Part::Text(block) = finding.part else { continue };
        let mark = placeholder(finding.kind, context.lang.as_deref()).to_owned();
        cuts[block].get_or_insert_default().push((finding.start..finding.end, mark));
    }
    page.rewrite(&cuts);
    let left: Vec<String> = page.blocks();
    assert_eq!(words(&left), words(&report.redacted), "a page says something else than was judged");
    page
}

/// Texts without white space: a line break that is cut stays one.
fn words(texts: &[String]) -> String {
    texts.iter().flat_map(|text| text.split_whitespace()).collect()
}

/// The tag at the end of what stands before a `>`.
fn tag(piece: &str) -> &str {
    piece.rfind('<').map_or("", |at| &piece[at..])
}
