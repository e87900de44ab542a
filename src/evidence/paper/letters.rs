//! A font: which glyphs were used, how wide they are, and the part of it that goes into the file.

use std::{collections::BTreeMap, fmt::Write};

use subsetter::GlyphRemapper;
use ttf_parser::{Face, GlyphId};

use super::Objects;
use crate::model::Fault;

/// One of the two fonts, with what was shown of it so far.
pub(super) struct Letters {
    bytes: &'static [u8],
    face: Face<'static>,
    glyphs: GlyphRemapper,
    /// By the number in the file: the letter, and its width in thousandths.
    used: BTreeMap<u16, (char, f64)>,
}

impl Letters {
    pub(super) fn new(bytes: &'static [u8]) -> Result<Self, Fault> {
        let face = Face::parse(bytes, 0).map_err(|e| Fault::new("reading a font", e))?;
        Ok(Self { bytes, face, glyphs: GlyphRemapper::new(), used: BTreeMap::new() })
    }

    /// Folds a line into pieces that are at most `room` heights of the font wide.
    pub(super) fn fold(&self, line: &str, room: f64) -> Vec<String> {
        let (mut lines, mut now, mut wide) = (Vec::new(), String::new(), 0.0);
        for word in self.written(line).split_inclusive(' ') {
            let long: f64 = word.chars().map(|c| self.width(c)).sum();
            if wide + long > room && !now.is_empty() {
                lines.push(std::mem::take(&mut now));
                wide = 0.0;
            }
            for c in word.chars() {
                let step = self.width(c);
                if wide + step > room && c != ' ' && !now.is_empty() {
                    lines.push(std::mem::take(&mut now));
                    wide = 0.0;
                }
                now.push(c);
                wide += step;
            }
        }
        lines.push(now);
        lines
    }

    /// What the font lacks is told by its number.
    fn written(&self, text: &str) -> String {
        let mut written = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                // They join letters and color emoji, and show nothing themselves.
                '\u{200b}'..='\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' => {}
                c if self.glyph(c).is_some() => written.push(c),
                c => {
                    let _ = write!(written, "[U+{:04X}]", u32::from(c));
                }
            }
        }
        written
    }

    /// The codes of a line, in hexadecimal.
    pub(super) fn codes(&mut self, line: &str) -> String {
        let mut codes = String::new();
        for c in line.chars() {
            let Some(GlyphId(glyph)) = self.glyph(c) else { continue };
            let code = self.glyphs.remap(glyph);
            let width = self.width(c) * 1000.0;
            self.used.entry(code).or_insert((c, width));
            let _ = write!(codes, "{code:04x}");
        }
        codes
    }

    fn glyph(&self, c: char) -> Option<GlyphId> {
        self.face.glyph_index(c).filter(|glyph| glyph.0 != 0)
    }

    /// In heights of the font.
    fn width(&self, c: char) -> f64 {
        let advance = self.glyph(c).and_then(|glyph| self.face.glyph_hor_advance(glyph)).unwrap_or(0);
        f64::from(advance) / f64::from(self.face.units_per_em())
    }

    /// Writes the font; its number.
    pub(super) fn write(&self, file: &mut Objects) -> Result<usize, Fault> {
        let part = subsetter::subset(self.bytes, 0, &self.glyphs).map_err(|e| Fault::new("cutting a font", e))?;
        let program = file.packed(&format!("/Length1 {}", part.len()), &part);
        let per = 1000.0 / f64::from(self.face.units_per_em());
        let scaled = |n: i16| (f64::from(n) * per).round();
        let bounds = self.face.global_bounding_box();
        let (name, flags) = ("TABIRA+DejaVuSans", 4);
        let descriptor = file.object(&format!(
            "<< /Type /FontDescriptor /FontName /{name} /Flags {flags} /FontBBox [{} {} {} {}] /ItalicAngle 0 \
             /Ascent {} /Descent {} /CapHeight 729 /StemV 90 /FontFile2 {program} 0 R >>",
            scaled(bounds.x_min),
            scaled(bounds.y_min),
            scaled(bounds.x_max),
            scaled(bounds.y_max),
            scaled(self.face.ascender()),
            scaled(self.face.descender()),
        ));
        let widths: String = self.used.iter().map(|(code, (_, width))| format!("{code} [{width:.0}] ")).collect();
        let descendant = file.object(&format!(
            "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /{name} /CIDToGIDMap /Identity /DW 600 /W [{widths}] \
             /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /FontDescriptor {descriptor} 0 R >>"
        ));
        let map = file.packed("", self.to_unicode().as_bytes());
        Ok(file.object(&format!(
            "<< /Type /Font /Subtype /Type0 /BaseFont /{name} /Encoding /Identity-H /DescendantFonts [{descendant} 0 R] \
             /ToUnicode {map} 0 R >>"
        )))
    }

    /// What each code means, so that words can be searched and copied.
    fn to_unicode(&self) -> String {
        let mut map = String::from(
            "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n\
             /CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n\
             /CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n\
             1 begincodespacerange\n<0000> <ffff>\nendcodespacerange\n",
        );
        let used: Vec<(&u16, &(char, f64))> = self.used.iter().collect();
        for some in used.chunks(100) {
            let _ = writeln!(map, "{} beginbfchar", some.len());
            for (code, (c, _)) in some {
                let units: String = c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("{unit:04x}")).collect();
                let _ = writeln!(map, "<{code:04x}> <{units}>");
            }
            map.push_str("endbfchar\n");
        }
        map.push_str("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n");
        map
    }
}
