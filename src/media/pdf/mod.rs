//! PDF files: read for judging, then drawn afresh.
//!
//! No object of the file that came ever leaves. [`read`] says what the pages say, letter by letter
//! with its place; the words are judged elsewhere; [`draw`] makes a new file of pictures of the
//! pages, in which the places that were named are painted over, codes are covered, and the words
//! that are still to be seen lie invisibly over the picture, so that they can be searched and
//! copied. What a page does not show (metadata, scripts, actions, forms, embedded files, hidden
//! layers, older revisions) has no way into the new file.
//!
//! Words that are no text but pixels or lines are read where a page draws anything but letters
//! ([`traces`]), if there is a reader ([`look`]). The interpreter tells what is drawn where, so a
//! page of letters alone costs nothing more, and of a page with a picture the picture.

mod eye;
mod font;
mod letters;
mod page;
mod picture;
mod pixels;
mod reading;
mod traces;
mod write;

use std::panic::{AssertUnwindSafe, catch_unwind};

use hayro::hayro_syntax::{LoadPdfError, Pdf};
use memchr::memmem;
use serde::{Deserialize, Serialize};

use self::page::{Opened, Sheet};
use super::{
    Unreadable,
    code::{self, Linear},
    image::Picture,
    words::{Budget, Line, Quad, Reader, Words},
};

/// A place on a page: left, top, width, height in pixels of its picture.
pub type Area = [u32; 4];

/// What a PDF may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PdfLimits {
    /// Pages; a longer file is not opened.
    pub pages: usize,
    /// Points of one side of a page; 14 400 are 200 inches, the most that ISO 32000-1 C.2 knows.
    pub side: u32,
    /// Pixels of one page's picture.
    pub page_pixels: u32,
    /// Pixels of all pictures; the more pages, the fewer are left for each.
    pub pixels: u32,
    /// Letters of one page.
    pub letters: usize,
    /// Links of one page.
    pub links: usize,
    /// Bytes of the file that is made.
    pub bytes: usize,
}

impl Default for PdfLimits {
    fn default() -> Self {
        Self {
            pages: 50,
            side: 14_400,
            page_pixels: 4_000_000,
            pixels: 48_000_000,
            letters: 40_000,
            links: 500,
            bytes: 24_000_000,
        }
    }
}

/// What is in a PDF, page by page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// The pages, in order.
    pub pages: Vec<Page>,
    /// What is left for reading pixels.
    pub left: Option<Budget>,
}

impl Contents {
    /// Whether every letter has a place.
    pub fn is_whole(&self) -> bool {
        let mut texts = self.pages.iter().flat_map(|page| &page.texts);
        texts.all(|text| text.places.len() == text.text.chars().count())
    }

    /// Whether nothing is on a page that was not read.
    pub fn is_read(&self) -> bool {
        !self.pages.iter().any(|page| page.unread)
    }
}

/// What is on a page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The same letters read in more than one order, and those that nobody sees by themselves.
    pub texts: Vec<Text>,
    /// Where a click leads.
    pub links: Vec<Link>,
    /// What was read in pixels, line by line.
    pub lines: Vec<Line>,
    /// Whether something else than letters is drawn, and nobody has read it.
    pub unread: bool,
}

/// A text, and where each of its letters is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// The words, lines apart.
    pub text: String,
    /// One place for each Unicode scalar value; without width where nothing is drawn.
    pub places: Vec<Area>,
}

/// A link to somewhere outside the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Where it leads.
    pub uri: String,
    /// Where it is.
    pub area: Area,
}

/// How a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Glance {
    /// Whether words in pixels are read.
    pub words: Words,
    /// What that may cost.
    pub budget: Budget,
}

impl Default for Glance {
    fn default() -> Self {
        Self { words: Words::Leave, budget: Budget::PAGES }
    }
}

/// What is to be done while a file is drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orders {
    /// What is painted over: the page, from 0, and the place.
    pub cover: Vec<(usize, Area)>,
    /// Lines that were read in pixels and are painted over: the page, from 0, and the line.
    pub hide: Vec<(usize, Quad)>,
    /// Links that stay: the page, from 0, and the link.
    pub keep: Vec<(usize, Link)>,
}

impl Orders {
    fn obey(&self, sheet: &mut Sheet, n: usize) {
        sheet.cover(self.cover.iter().filter(|(at, _)| *at == n).map(|(_, area)| *area));
        sheet.cover_lines(self.hide.iter().filter(|(at, _)| *at == n).map(|(_, line)| *line));
    }

    /// Whether a line of a page is painted over.
    fn hides(&self, n: usize) -> bool {
        self.hide.iter().any(|(at, _)| *at == n)
    }
}

/// Says what the letters of the pages say.
///
/// # Errors
/// When it is no PDF, encrypted, broken, or beyond the limits.
pub fn read(bytes: &[u8], limits: &PdfLimits) -> Result<Contents, Unreadable> {
    look(bytes, limits, Glance::default(), None)
}

/// Says what the pages say, in pixels too, if they are to be read and there is a reader.
///
/// # Errors
/// As [`read`], and when there is more to read in pixels than the budget allows.
pub fn look(
    bytes: &[u8],
    limits: &PdfLimits,
    Glance { words, mut budget }: Glance,
    reader: Option<&Reader>,
) -> Result<Contents, Unreadable> {
    let reader = reader.filter(|_| words == Words::Read);
    guarded(|| {
        let pdf = open(bytes, limits)?;
        let opened = Opened::new(&pdf, limits)?;
        let pages = (0..opened.count()).map(|n| {
            let sheet = opened.page(n)?;
            let lines = reader.map(|reader| eye::read(&sheet, reader, &mut budget)).transpose()?;
            let unread = lines.is_none() && !sheet.traces.places().is_empty();
            let lines = lines.unwrap_or_default();
            let texts = reading::texts(&sheet.letters, &lines);
            Ok(Page { texts, links: opened.links(n)?, lines, unread })
        });
        let pages = pages.collect::<Result<_, Unreadable>>()?;
        Ok(Contents { pages, left: Some(budget) })
    })
}

/// Reads once more what pixels say on the pages on which lines were to be painted over, when all
/// orders were obeyed: what is covered may lay bare something else. Other pages say nothing.
///
/// # Errors
/// As [`look`].
pub fn look_again(
    bytes: &[u8],
    limits: &PdfLimits,
    mut budget: Budget,
    orders: &Orders,
    reader: &Reader,
) -> Result<Contents, Unreadable> {
    guarded(|| {
        let pdf = open(bytes, limits)?;
        let opened = Opened::new(&pdf, limits)?;
        let pages = (0..opened.count()).map(|n| {
            if !orders.hides(n) {
                return Ok(Page::default());
            }
            let mut sheet = opened.page(n)?;
            orders.obey(&mut sheet, n);
            let lines = eye::read(&sheet, reader, &mut budget)?;
            let seen: Vec<_> = sheet.letters.into_iter().filter(|letter| letter.seen).collect();
            Ok(Page { texts: reading::texts(&seen, &lines), lines, ..Page::default() })
        });
        let pages = pages.collect::<Result<_, Unreadable>>()?;
        Ok(Contents { pages, left: Some(budget) })
    })
}

/// Draws the pages into a new file, each as a picture with its words over it. Codes are covered,
/// linear ones only when `linear` says so; the frame of a code is its page.
///
/// # Errors
/// As [`read`], and when codes keep turning up or the new file is too large.
pub fn draw(bytes: &[u8], limits: &PdfLimits, linear: Linear, orders: &Orders) -> Result<Picture, Unreadable> {
    guarded(|| {
        let pdf = open(bytes, limits)?;
        let opened = Opened::new(&pdf, limits)?;
        let (mut codes, mut file) = (Vec::new(), write::File::new());
        for n in 0..opened.count() {
            let mut page = opened.page(n)?;
            orders.obey(&mut page, n);
            let told = codes.len();
            code::cover(&mut page.picture, n, linear, &mut codes)?;
            page.forget(codes.iter().skip(told).filter(|code| !code.linear || linear == Linear::Cover));
            let links = orders.keep.iter().filter(|(at, _)| *at == n).map(|(_, link)| link);
            file.add(&page, &reading::words(&page.letters), links)?;
            if file.len() > limits.bytes {
                return Err(Unreadable::TooLarge);
            }
        }
        Ok(Picture { bytes: file.finish(), media_type: "application/pdf", codes, looks: Vec::new(), lines: None })
    })
}

/// A reader of PDF that panics has met a broken file.
fn guarded<T>(work: impl FnOnce() -> Result<T, Unreadable>) -> Result<T, Unreadable> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Unreadable::Malformed))
}

fn open(bytes: &[u8], limits: &PdfLimits) -> Result<Pdf, Unreadable> {
    if is_encrypted(bytes) {
        return Err(Unreadable::Encrypted);
    }
    let pdf = Pdf::new(bytes.to_vec()).map_err(|error| match error {
        LoadPdfError::Decryption(_) => Unreadable::Encrypted,
        LoadPdfError::Invalid => Unreadable::Malformed,
    })?;
    match pdf.pages().len() {
        0 => Err(Unreadable::Malformed),
        count if count > limits.pages => Err(Unreadable::TooLarge),
        _ => Ok(pdf),
    }
}

/// Whether a trailer says so: trailers are never compressed. The reader opens what has an empty
/// password without a word, but what its maker locked is not ours to unlock.
fn is_encrypted(bytes: &[u8]) -> bool {
    const KEY: &[u8] = b"/Encrypt";
    memmem::find_iter(bytes, KEY).any(|at| {
        let value = bytes[at + KEY.len()..].trim_ascii_start();
        let is_reference = value.len() < bytes.len() - at - KEY.len() && value.first().is_some_and(u8::is_ascii_digit);
        is_reference || value.starts_with(b"<<")
    })
}
