//! PDF files as they come: what arrives, what is covered, and what never gets out.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod bombs;
mod canaries;
mod covered;
mod paper;
mod pixels;

use tabir::media::{
    code::Linear,
    pdf::{Contents, Orders, PdfLimits, draw, read},
};

/// What the pages say to somebody who reads them from the top.
fn words(bytes: &[u8]) -> String {
    let Contents { pages, .. } = read(bytes, &PdfLimits::default()).unwrap();
    let texts = pages.iter().filter_map(|page| page.texts.first()).map(|text| text.text.clone());
    texts.collect::<Vec<_>>().join("\n")
}

/// The file as it leaves when nothing in it is to be covered.
fn redrawn(bytes: &[u8]) -> Vec<u8> {
    draw(bytes, &PdfLimits::default(), Linear::Tell, &Orders::default()).unwrap().bytes
}
