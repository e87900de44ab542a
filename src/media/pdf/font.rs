//! A font whose letters are nothing to see and everything to read: what lies over the picture of a
//! page, so that its words can be searched and copied.
//!
//! A Type 3 font (ISO 32000-1 §9.6.5) needs no font file and may have 256 letters, so there are as
//! many parts as the letters need. What a letter is stands in its part's `ToUnicode` (§9.10.3).

use std::{collections::HashMap, fmt::Write as _};

/// The letters that were needed so far, after those of ASCII, whose codes are their own: a program
/// that knows neither names nor maps still reads those.
pub(super) struct Font {
    known: HashMap<char, usize>,
    letters: Vec<char>,
}

impl Default for Font {
    fn default() -> Self {
        let letters: Vec<char> = (0..128).map(|code: u8| char::from(code.max(b' '))).collect();
        let known = (32..127).map(|code| (char::from(code), usize::from(code))).collect();
        Self { known, letters }
    }
}

impl Font {
    /// How far each letter moves on, in heights of the font.
    pub(super) const WIDTH: f64 = 0.5;

    /// The drawing of every letter: it says how far it moves on, and paints nothing.
    pub(super) const NOTHING: &'static str = "500 0 d0";

    /// The part of a letter, and its code there.
    pub(super) fn code(&mut self, letter: char) -> (usize, usize) {
        let letters = &mut self.letters;
        let n = *self.known.entry(letter).or_insert_with(|| {
            letters.push(letter);
            letters.len() - 1
        });
        (n / PART, n % PART)
    }

    /// The letters of each part.
    pub(super) fn parts(&self) -> impl Iterator<Item = &[char]> {
        self.letters.chunks(PART)
    }

    /// A part by its letters and the numbers of its drawing and its map.
    pub(super) fn dictionary(letters: &[char], drawing: usize, map: usize) -> String {
        // Some programs go by the names, which follow the Adobe Glyph List's rule.
        let name = |letter: &char| match u32::from(*letter) {
            code @ ..=0xffff => format!("/uni{code:04X}"),
            code => format!("/u{code:X}"),
        };
        let names: String = letters.iter().map(|letter| name(letter) + " ").collect();
        let drawings: String = letters.iter().map(|letter| format!("{} {drawing} 0 R ", name(letter))).collect();
        let widths = "500 ".repeat(letters.len());
        format!(
            "<< /Type /Font /Subtype /Type3 /FontBBox [0 -200 500 800] /FontMatrix [0.001 0 0 0.001 0 0] \
             /CharProcs << {drawings}>> /Encoding << /Type /Encoding /Differences [0 {names}] >> \
             /FirstChar 0 /LastChar {} /Widths [{widths}] /Resources << >> /ToUnicode {map} 0 R >>",
            letters.len().saturating_sub(1)
        )
    }

    /// What each code of a part means.
    pub(super) fn to_unicode(letters: &[char]) -> String {
        let mut map = String::from(
            "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n\
             /CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n\
             /CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n\
             1 begincodespacerange\n<00> <ff>\nendcodespacerange\n",
        );
        for (n, some) in letters.chunks(MOST_LINES).enumerate() {
            let _ = writeln!(map, "{} beginbfchar", some.len());
            for (m, letter) in some.iter().enumerate() {
                let units: String = letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("{unit:04x}")).collect();
                let _ = writeln!(map, "<{:02x}> <{units}>", n * MOST_LINES + m);
            }
            map.push_str("endbfchar\n");
        }
        map.push_str("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n");
        map
    }
}

const PART: usize = 256;

/// Lines between `beginbfchar` and `endbfchar`.
const MOST_LINES: usize = 100;
