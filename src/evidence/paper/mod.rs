//! Pages to be printed: lines of text and pictures, as a PDF file (ISO 32000-1). The same contents are the same bytes.
//!
//! It carries the letters that it shows. What the font lacks (most of Asia's scripts, many emoji) is written as its number
//! in Unicode, and Arabic letters stand unjoined: nothing is lost in silence, and the page beside it shows all.

mod letters;
mod picture;

use std::fmt::Write;

use crate::model::Fault;
use letters::Letters;
use picture::Drawing;

/// How a line looks.
#[derive(Clone, Copy)]
pub(super) enum Style {
    Title,
    Head,
    Text,
    Small,
}

impl Style {
    fn size(self) -> f64 {
        match self {
            Self::Title => 15.0,
            Self::Head => 10.5,
            Self::Text => 10.0,
            Self::Small => 7.5,
        }
    }

    fn bold(self) -> bool {
        matches!(self, Self::Title | Self::Head)
    }

    /// Gray of its letters: 0 is black.
    fn gray(self) -> f64 {
        if matches!(self, Self::Small) { 0.35 } else { 0.0 }
    }
}

/// A document that is being written.
pub(super) struct Paper {
    fonts: [Letters; 2],
    pages: Vec<Page>,
    pictures: Vec<Drawing>,
    /// Where the next line goes, from below.
    y: f64,
    foot: String,
}

#[derive(Default)]
struct Page {
    content: String,
    pictures: Vec<usize>,
}

impl Paper {
    /// With `foot` at the foot of every page, its number behind it.
    ///
    /// # Errors
    /// When a font of ours can not be read.
    pub(super) fn new(foot: &str) -> Result<Self, Fault> {
        let fonts = [Letters::new(dejavu::sans::regular())?, Letters::new(dejavu::sans::bold())?];
        let mut paper = Self { fonts, pages: Vec::new(), pictures: Vec::new(), y: 0.0, foot: foot.to_owned() };
        paper.turn();
        Ok(paper)
    }

    /// Writes text, on as many lines as it needs.
    pub(super) fn write(&mut self, style: Style, indent: f64, text: &str) {
        let room = WIDTH - 2.0 * MARGIN - indent;
        for line in text.lines() {
            for line in self.fonts[usize::from(style.bold())].fold(line, room / style.size()) {
                self.line(style, indent, &line);
            }
        }
    }

    /// Leaves room.
    pub(super) fn gap(&mut self, points: f64) {
        self.y -= points;
    }

    /// Draws a picture; `false`: it is of a kind that is not drawn here.
    pub(super) fn draw(&mut self, indent: f64, bytes: &[u8]) -> bool {
        let Some(drawing) = Drawing::of(bytes) else { return false };
        let (wide, high) = (f64::from(drawing.width), f64::from(drawing.height));
        let room = WIDTH - 2.0 * MARGIN - indent;
        // At 96 dots an inch, as screens show it, unless it is too large for that.
        let scale = (0.75_f64).min(room / wide).min(HIGHEST / high);
        let (wide, high) = (wide * scale, high * scale);
        if self.y - high < MARGIN {
            self.turn();
        }
        self.y -= high + 4.0;
        let (n, x, y) = (self.pictures.len(), MARGIN + indent, self.y);
        self.pictures.push(drawing);
        if let Some(page) = self.pages.last_mut() {
            page.pictures.push(n);
            let _ = writeln!(page.content, "q {wide:.2} 0 0 {high:.2} {x:.2} {y:.2} cm /P{n} Do Q");
        }
        self.y -= 4.0;
        true
    }

    fn line(&mut self, style: Style, indent: f64, line: &str) {
        let leading = style.size() * 1.4;
        if self.y - leading < MARGIN {
            self.turn();
        }
        self.y -= leading;
        self.put(style, MARGIN + indent, self.y, line);
    }

    fn put(&mut self, style: Style, x: f64, y: f64, line: &str) {
        let font = usize::from(style.bold());
        let codes = self.fonts[font].codes(line);
        if let Some(page) = self.pages.last_mut() {
            let (size, gray) = (style.size(), style.gray());
            let _ = writeln!(page.content, "{gray} g BT /F{font} {size} Tf {x:.2} {y:.2} Td <{codes}> Tj ET");
        }
    }

    fn turn(&mut self) {
        self.pages.push(Page::default());
        let foot = format!("{} {}", self.foot, self.pages.len());
        self.put(Style::Small, MARGIN, MARGIN - 20.0, &foot);
        self.y = HEIGHT - MARGIN;
    }

    /// The whole file.
    ///
    /// # Errors
    /// When a font can not be cut down to what is shown.
    pub(super) fn finish(self) -> Result<Vec<u8>, Fault> {
        let mut file = Objects::default();
        let fonts = self.fonts.iter().map(|font| font.write(&mut file)).collect::<Result<Vec<_>, _>>()?;
        let pictures: Vec<usize> = self.pictures.iter().map(|drawing| drawing.write(&mut file)).collect();
        let mut kids = Vec::new();
        // The tree's number is known before its pages: two objects for each.
        let tree = file.count() + 2 * self.pages.len() + 1;
        for page in &self.pages {
            let content = file.packed("", page.content.as_bytes());
            let drawn: String = page.pictures.iter().map(|n| format!("/P{n} {} 0 R ", pictures[*n])).collect();
            kids.push(file.object(&format!(
                "<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] /Contents {content} 0 R \
                 /Resources << /Font << /F0 {} 0 R /F1 {} 0 R >> /XObject << {drawn}>> >> >>",
                fonts[0], fonts[1]
            )));
        }
        let list: String = kids.iter().map(|kid| format!("{kid} 0 R ")).collect();
        file.object(&format!("<< /Type /Pages /Count {} /Kids [{list}] >>", kids.len()));
        let catalog = file.object(&format!("<< /Type /Catalog /Pages {tree} 0 R >>"));
        Ok(file.finish(catalog))
    }
}

/// The objects of a file, in the order in which they are numbered.
struct Objects {
    out: Vec<u8>,
    starts: Vec<usize>,
}

impl Default for Objects {
    fn default() -> Self {
        // The second line tells programs that move files that this one is binary.
        Self { out: b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n".to_vec(), starts: Vec::new() }
    }
}

impl Objects {
    fn count(&self) -> usize {
        self.starts.len()
    }

    fn object(&mut self, body: &str) -> usize {
        self.starts.push(self.out.len());
        self.out.extend_from_slice(format!("{} 0 obj\n{body}\nendobj\n", self.starts.len()).as_bytes());
        self.starts.len()
    }

    fn stream(&mut self, dictionary: &str, bytes: &[u8]) -> usize {
        self.starts.push(self.out.len());
        let head = format!("{} 0 obj\n<< {dictionary} /Length {} >>\nstream\n", self.starts.len(), bytes.len());
        self.out.extend_from_slice(head.as_bytes());
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\nendstream\nendobj\n");
        self.starts.len()
    }

    fn packed(&mut self, dictionary: &str, bytes: &[u8]) -> usize {
        let packed = miniz_oxide::deflate::compress_to_vec_zlib(bytes, 6);
        self.stream(&format!("{dictionary} /Filter /FlateDecode"), &packed)
    }

    fn finish(mut self, catalog: usize) -> Vec<u8> {
        let (at, size) = (self.out.len(), self.starts.len() + 1);
        let mut table = format!("xref\n0 {size}\n0000000000 65535 f \n");
        for start in &self.starts {
            let _ = writeln!(table, "{start:010} 00000 n ");
        }
        let _ = write!(table, "trailer\n<< /Size {size} /Root {catalog} 0 R >>\nstartxref\n{at}\n%%EOF\n");
        self.out.extend_from_slice(table.as_bytes());
        self.out
    }
}

/// A4 in points.
const WIDTH: f64 = 595.0;
const HEIGHT: f64 = 842.0;
const MARGIN: f64 = 56.0;
/// No picture is higher.
const HIGHEST: f64 = 400.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn words(bytes: &[u8]) -> String {
        let file = lopdf::Document::load_mem(bytes).unwrap();
        let pages: Vec<u32> = file.get_pages().keys().copied().collect();
        file.extract_text(&pages).unwrap()
    }

    #[test]
    fn another_program_reads_the_words_in_every_language() {
        let mut paper = Paper::new("Halaman").unwrap();
        paper.write(Style::Title, 0.0, "Rozmowa zażółć gęślą jaźń");
        paper.write(Style::Text, 10.0, "Barang kurang 2, tolong dikirim. Привет, Γειά");
        paper.write(Style::Text, 10.0, "日 and \u{1f600}");
        let text = words(&paper.finish().unwrap());
        for part in ["zażółć gęślą jaźń", "Barang kurang 2", "Привет", "Γειά", "[U+65E5]", "\u{1f600}", "Halaman 1"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn long_texts_go_on_over_pages_and_nothing_leaves_the_paper() {
        let mut paper = Paper::new("p.").unwrap();
        paper.write(Style::Text, 0.0, &"lorem ipsum dolor ".repeat(2_000));
        paper.write(Style::Text, 0.0, &"x".repeat(5_000));
        let bytes = paper.finish().unwrap();
        let file = lopdf::Document::load_mem(&bytes).unwrap();
        assert!(file.get_pages().len() > 8, "{}", file.get_pages().len());
        assert_eq!(words(&bytes).matches("lorem").count(), 2_000);
    }

    #[test]
    fn the_same_pages_are_the_same_bytes() {
        let file = || {
            let mut paper = Paper::new("p.").unwrap();
            paper.write(Style::Head, 0.0, "Same");
            paper.finish().unwrap()
        };
        assert_eq!(file(), file());
    }
}
