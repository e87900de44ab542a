//! The new file (ISO 32000-1): for each page a picture, the words over it, the links that stay.
//!
//! It has no metadata, no id and nothing that runs. The same pages are the same bytes.

use std::fmt::Write as _;

use hayro::kurbo::{Point, Vec2};

use super::{Link, font::Font, page::Sheet, picture::Encoded, reading::Word};
use crate::media::Unreadable;

/// A file that is being written.
pub(super) struct File {
    out: Vec<u8>,
    /// Where each object begins; its number is its place here and one.
    starts: Vec<usize>,
    pages: Vec<usize>,
    font: Font,
}

impl File {
    pub(super) fn new() -> Self {
        let mut file = Self { out: HEAD.to_vec(), starts: vec![0; RESERVED], pages: Vec::new(), font: Font::default() };
        file.object(CATALOG, &format!("<< /Type /Catalog /Pages {PAGES} 0 R >>"));
        file
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    /// Adds a page.
    ///
    /// # Errors
    /// When its picture can not be encoded.
    pub(super) fn add<'l>(
        &mut self,
        sheet: &Sheet,
        words: &[Word],
        links: impl Iterator<Item = &'l Link>,
    ) -> Result<(), Unreadable> {
        let picture = Encoded::of(&sheet.picture)?;
        let image = self.next();
        self.stream(image, &picture.dictionary, &picture.bytes);
        let content = self.content(sheet, words);
        let text = self.next();
        self.stream(text, "", content.as_bytes());
        let (width, height) = sheet.size;
        let annotations: String = links.map(|link| annotation(sheet, link)).collect();
        let page = self.next();
        let body = format!(
            "<< /Type /Page /Parent {PAGES} 0 R /MediaBox [0 0 {width:.3} {height:.3}] /Contents {text} 0 R \
             /Resources << /XObject << /P {image} 0 R >> /Font {FONTS} 0 R >> /Annots [{annotations}] >>"
        );
        self.object(page, &body);
        self.pages.push(page);
        Ok(())
    }

    /// The whole file.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let kids: String = self.pages.iter().map(|page| format!("{page} 0 R ")).collect();
        self.object(PAGES, &format!("<< /Type /Pages /Count {} /Kids [{kids}] >>", self.pages.len()));
        self.stream(NOTHING, "", Font::NOTHING.as_bytes());
        let mut names = String::new();
        for (n, letters) in std::mem::take(&mut self.font).parts().enumerate() {
            let (map, font) = (self.next(), self.next());
            self.stream(map, "", Font::to_unicode(letters).as_bytes());
            self.object(font, &Font::dictionary(letters, NOTHING, map));
            let _ = write!(names, "/F{n} {font} 0 R ");
        }
        self.object(FONTS, &format!("<< {names}>>"));
        self.table()
    }

    fn table(mut self) -> Vec<u8> {
        let (at, size) = (self.out.len(), self.starts.len() + 1);
        let mut table = format!("xref\n0 {size}\n0000000000 65535 f \n");
        self.starts.iter().for_each(|start| {
            let _ = writeln!(table, "{start:010} 00000 n ");
        });
        let _ = write!(table, "trailer\n<< /Size {size} /Root {CATALOG} 0 R >>\nstartxref\n{at}\n%%EOF\n");
        self.out.extend_from_slice(table.as_bytes());
        self.out
    }

    /// The picture over the whole page, and the words over it, which paint nothing.
    fn content(&mut self, sheet: &Sheet, words: &[Word]) -> String {
        let (width, height) = sheet.size;
        let mut content = format!("q {width:.3} 0 0 {height:.3} 0 0 cm /P Do Q\nBT\n");
        for word in words {
            self.word(sheet, word, &mut content);
        }
        content.push_str("ET\n");
        content
    }

    fn word(&mut self, sheet: &Sheet, word: &Word, content: &mut String) {
        let letters = word.text.trim_end().chars().count().max(1);
        let size = word.size / sheet.scale;
        let natural = letters as f64 * Font::WIDTH * size;
        let length = word.along.hypot();
        if natural <= 0.0 || length <= 0.0 {
            return;
        }
        let Vec2 { x: cos, y: sin } = word.along / length;
        let stretch = (100.0 * length / sheet.scale / natural).clamp(1.0, 1_000.0);
        let (x, y) = on_paper(sheet, word.origin);
        let _ = write!(content, "{cos:.4} {:.4} {sin:.4} {cos:.4} {x:.2} {y:.2} Tm {stretch:.1} Tz", -sin);
        let mut part = None;
        for (n, code) in word.text.chars().map(|c| self.font.code(c)) {
            if part != Some(n) {
                let close = if part.is_some() { "> Tj" } else { "" };
                let _ = write!(content, "{close} /F{n} {size:.2} Tf <");
                part = Some(n);
            }
            let _ = write!(content, "{code:02x}");
        }
        content.push_str(if part.is_some() { "> Tj\n" } else { "\n" });
    }

    fn next(&mut self) -> usize {
        self.starts.push(0);
        self.starts.len()
    }

    fn object(&mut self, number: usize, body: &str) {
        self.begin(number);
        self.out.extend_from_slice(format!("{body}\nendobj\n").as_bytes());
    }

    fn stream(&mut self, number: usize, dictionary: &str, bytes: &[u8]) {
        self.begin(number);
        self.out.extend_from_slice(format!("<< {dictionary} /Length {} >>\nstream\n", bytes.len()).as_bytes());
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\nendstream\nendobj\n");
    }

    fn begin(&mut self, number: usize) {
        if let Some(start) = self.starts.get_mut(number - 1) {
            *start = self.out.len();
        }
        self.out.extend_from_slice(format!("{number} 0 obj\n").as_bytes());
    }
}

fn annotation(sheet: &Sheet, link: &Link) -> String {
    let [left, top, width, height] = link.area.map(f64::from);
    let (x0, y0) = on_paper(sheet, Point::new(left, top + height));
    let (x1, y1) = on_paper(sheet, Point::new(left + width, top));
    // In hexadecimal nothing needs escaping.
    let uri = data_encoding::HEXLOWER.encode(link.uri.as_bytes());
    format!(
        "<< /Type /Annot /Subtype /Link /Rect [{x0:.2} {y0:.2} {x1:.2} {y1:.2}] /Border [0 0 0] \
         /A << /S /URI /URI <{uri}> >> >> "
    )
}

/// Points from the lower left.
fn on_paper(sheet: &Sheet, at: Point) -> (f64, f64) {
    (at.x / sheet.scale, sheet.size.1 - at.y / sheet.scale)
}

/// The second line tells programs that move files that this one is binary.
const HEAD: &[u8] = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n";

const CATALOG: usize = 1;
const PAGES: usize = 2;
const NOTHING: usize = 3;
const FONTS: usize = 4;
const RESERVED: usize = 4;
