//! Words in pictures: where they stand and what they say.
//!
//! Two small networks of PaddleOCR do it. The first tells of each pixel whether it belongs to a
//! line of text ([`find`]); each line is cut out and laid straight ([`strip`]); the second spells
//! it ([`spell`]). Lines come back in the order in which they are read ([`order`]), so that a
//! number broken over two of them stands together. What they say is judged elsewhere.
//!
//! A picture costs as much as its canvas and its lines, and both are bounded ([`Budget`]).

mod find;
mod hide;
mod order;
mod quad;
mod spell;
mod strip;

use std::borrow::Cow;

use image::{DynamicImage, Rgb, RgbImage, RgbaImage};
use serde::{Deserialize, Serialize};

pub use hide::hide;
pub(super) use order::in_rows;
pub use quad::Quad;

use self::{find::Finder, spell::Speller, strip::Strip};
use super::Unreadable;

/// A line of text in a picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What it says.
    pub text: String,
    /// In which row of text it stands, from 0 in the order of reading. Columns share a row.
    pub row: usize,
    /// Where it stands.
    pub spot: Spot,
}

/// A place in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot {
    /// The frame of an animation, from 0.
    pub frame: usize,
    /// The corners, in pixels.
    pub quad: Quad,
}

/// What is to be done with words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Words {
    /// They are not looked at.
    #[default]
    Leave,
    /// They are read and told.
    Read,
}

/// What reading may cost: of a picture, of all frames of an animation together, of the pages of a
/// message's PDF files together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Pixels of the canvases that lines are looked for on.
    pub canvas: u32,
    /// Columns of the strips that are spelled, each [`strip::HEIGHT`] pixels high.
    pub columns: u32,
}

impl Default for Budget {
    fn default() -> Self {
        // A still picture takes at most a million pixels and two readings of it, on white and on
        // black. Measured on a slow core: a second for a million pixels, six for all the columns,
        // which are some sixty lines of twenty letters.
        Self { canvas: 6_000_000, columns: 30_000 }
    }
}

impl Budget {
    /// For pages. Measured on a slow core: two minutes in all, for twenty pages that are
    /// pictures, or some fourteen thousand letters that are pixels.
    pub const PAGES: Self = Self { canvas: 32_000_000, columns: 240_000 };

    fn take(left: &mut u32, cost: u32) -> Result<(), Unreadable> {
        *left = left.checked_sub(cost).ok_or(Unreadable::TooLarge)?;
        Ok(())
    }
}

/// How finely a picture is looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sight {
    /// Pixels of the canvas that lines are looked for on.
    canvas: f64,
    /// How wide a line is spelled, of what its height asks for.
    stretch: f32,
    /// The longest piece of a line that is spelled at once, in heights of the line.
    piece: f32,
}

impl Sight {
    /// For pictures: a photo of 4000 by 3000 is made smaller by a little less than four.
    pub(super) const PICTURE: Self = Self { canvas: 800_000.0, stretch: 1.0, piece: 32.0 };

    /// For pages: their letters are small, clear and many. An A4 page at 200 dots an inch is made
    /// smaller by one and a half. Lines that are narrowed more lose their spaces.
    pub(super) const PAGE: Self = Self { canvas: 1_600_000.0, stretch: 0.85, piece: 38.0 };
}

/// A model that is none, or another than was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the model can not be used")]
pub struct Unfit;

/// Both networks, ready to read.
pub struct Reader {
    finder: Finder,
    speller: Speller,
}

impl Reader {
    /// From the two models, in ONNX format: the one that finds lines and the one that spells them.
    ///
    /// # Errors
    /// When they are no such models.
    pub fn new(finder: Vec<u8>, speller: Vec<u8>) -> Result<Self, Unfit> {
        Ok(Self { finder: Finder::new(finder)?, speller: Speller::new(speller)? })
    }

    /// Reads an empty picture, so that what is made at the first reading is there.
    ///
    /// # Errors
    /// When the networks fail.
    pub fn warm_up(&self) -> Result<(), Unreadable> {
        let (picture, side) = (RgbImage::new(32, 32), 32);
        self.finder.find(&picture, Sight::PICTURE, &mut Budget::default().canvas)?;
        let whole = Quad([[0, 0], [side, 0], [side, side], [0, side]]);
        self.speller.spell(&Strip::cut(&picture, whole, Sight::PICTURE)).map(drop)
    }

    /// Reads a picture as it may be seen: what is transparent on white and on black.
    ///
    /// # Errors
    /// When there is more text in it than the budget allows to read.
    pub fn read(&self, picture: &DynamicImage, budget: &mut Budget) -> Result<Vec<Line>, Unreadable> {
        if !picture.color().has_alpha() {
            return match picture {
                DynamicImage::ImageRgb8(picture) => self.read_opaque(picture, budget),
                other => self.read_opaque(&other.to_rgb8(), budget),
            };
        }
        let picture = match picture {
            DynamicImage::ImageRgba8(picture) => Cow::Borrowed(picture),
            other => Cow::Owned(other.to_rgba8()),
        };
        let opaque = picture.pixels().all(|pixel| pixel.0[3] == 255);
        let mut lines = Vec::new();
        for behind in if opaque { [255].as_slice() } else { &[255, 0] } {
            append(&mut lines, self.read_opaque(&on(&picture, *behind), budget)?, 0);
        }
        Ok(lines)
    }

    fn read_opaque(&self, picture: &RgbImage, budget: &mut Budget) -> Result<Vec<Line>, Unreadable> {
        Ok(in_rows(self.read_some(picture, Sight::PICTURE, &|_| true, budget)?))
    }

    /// Reads those lines that are wanted, in no order.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) fn read_some(
        &self,
        picture: &RgbImage,
        sight: Sight,
        wanted: &dyn Fn(Quad) -> bool,
        budget: &mut Budget,
    ) -> Result<Vec<Line>, Unreadable> {
        let found = self.finder.find(picture, sight, &mut budget.canvas)?;
        let found = found.into_iter().filter(|quad| wanted(*quad));
        let found: Vec<Quad> = found.flat_map(|quad| strip::pieces(quad, sight.piece)).collect();
        // What is too much is known before the first line is spelled.
        if found.iter().map(|quad| strip::columns(*quad, sight)).sum::<u32>() > budget.columns {
            return Err(Unreadable::TooLarge);
        }
        let mut lines = Vec::new();
        for quad in found {
            if let Some((text, quad)) = self.spell(&Strip::cut(picture, quad, sight), &mut budget.columns)? {
                lines.push(Line { text, row: 0, spot: Spot { frame: 0, quad } });
            }
        }
        Ok(lines)
    }

    /// What a strip says, and its place as it is read: it may stand on its head.
    fn spell(&self, strip: &Strip, columns: &mut u32) -> Result<Option<(String, Quad)>, Unreadable> {
        Budget::take(columns, strip.width())?;
        let (mut said, mut quad) = (self.speller.spell(strip)?, strip.quad());
        if said.sureness < SURE {
            Budget::take(columns, strip.width())?;
            let turned = self.speller.spell(&strip.turned())?;
            if turned.sureness > said.sureness {
                (said, quad) = (turned, quad.turned());
            }
        }
        let meant = said.sureness >= GUESS && !said.text.trim().is_empty();
        Ok(meant.then_some((said.text, quad)))
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("«reader»")
    }
}

/// Adds the lines of another frame of an animation to those of the frames before it.
pub(super) fn append(lines: &mut Vec<Line>, read: Vec<Line>, frame: usize) {
    let first = lines.last().map_or(0, |line| line.row + 1);
    lines.extend(read.into_iter().map(|line| {
        let spot = Spot { frame, ..line.spot };
        Line { row: line.row + first, spot, ..line }
    }));
}

/// A picture with this gray behind it.
fn on(picture: &RgbaImage, behind: u32) -> RgbImage {
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [r, g, b, a] = picture.get_pixel(x, y).0.map(u32::from);
        let mix = |own: u32| u8::try_from((own * a + behind * (255 - a)) / 255).unwrap_or(u8::MAX);
        Rgb([mix(r), mix(g), mix(b)])
    })
}

/// Below this a line is read once more upside down.
const SURE: f32 = 0.9;

/// Below this it was no text, but a pattern that looks like some.
const GUESS: f32 = 0.5;

/// So much of what a line says is told, in bytes: more than the longest piece of a line holds.
pub const TEXT: usize = 1_024;

/// No picture that is read within the budget has more lines.
pub const MOST: usize = 4_096;
