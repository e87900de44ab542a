//! Every letter that a page draws, and where: what the interpreter would hand to a printer is
//! listened to instead.

use std::collections::HashMap;

use hayro::{
    hayro_interpret::{
        BlendMode, ClipPath, Device, DrawMode, DrawProps, Image, ImageDrawProps, SoftMask,
        font::{Glyph, GlyphIdentifier, GlyphRun, Type3Glyph},
        hayro_cmap::BfString,
    },
    kurbo::{Affine, BezPath, Point, Rect, Shape, Vec2},
};

/// A letter on a page.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    /// What it stands for; the replacement character where the font does not say.
    pub(super) text: String,
    /// Where the pen was, in pixels.
    pub(super) origin: Point,
    /// How the pen moved on.
    pub(super) advance: Vec2,
    /// The height of the font, in pixels.
    pub(super) size: f64,
    /// What it blackens; a space blackens nothing.
    pub(super) ink: Option<Rect>,
    /// Whether a reader sees it on the finished page.
    pub(super) seen: bool,
}

/// Listens for letters.
#[derive(Default)]
pub(super) struct Listener {
    pub(super) letters: Vec<Letter>,
    most: usize,
    /// Outlines are the same wherever they are drawn.
    boxes: HashMap<GlyphIdentifier, Rect>,
}

impl Listener {
    /// Hears one letter more than `most`, so that it can be told that there are too many.
    pub(super) fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    fn hear<'a>(&mut self, glyph: &Glyph<'a>, transform: Affine, props: &DrawProps<'a>, place: Affine, seen: bool) {
        let unit = |x: f64, y: f64| transform * Point::new(x, y) - transform * Point::ZERO;
        let (width, ink) = match glyph {
            Glyph::Outline(outline) => {
                let own = *self.boxes.entry(outline.identifier()).or_insert_with(|| outline.outline().bounding_box());
                (outline.advance_width(), transform.transform_rect_bbox(own))
            }
            Glyph::Type3(drawn) => (drawn.advance_width(), ink_of(drawn, props, place)),
        };
        let text = match glyph.as_unicode() {
            Some(BfString::Char(c)) => c.to_string(),
            Some(BfString::String(text)) => text,
            None => char::REPLACEMENT_CHARACTER.to_string(),
        };
        self.letters.push(Letter {
            text: text.chars().filter(|c| !c.is_control()).take(MOST_CHARS).collect(),
            origin: transform * Point::ZERO,
            advance: unit(f64::from(width.unwrap_or(500.0)), 0.0),
            size: unit(0.0, EM).hypot(),
            ink: (ink.is_finite() && ink.area() > 0.0).then_some(ink),
            seen,
        });
    }
}

impl<'a> Device<'a> for Listener {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, mode: &DrawMode) {
        let seen = !matches!(mode, DrawMode::Invisible);
        for glyph in run.glyphs() {
            if self.letters.len() > self.most {
                return;
            }
            let place = glyph.transform();
            let transform = props.transform * place;
            if transform.is_finite() {
                self.hear(glyph, transform, &props, place, seen);
            }
        }
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}

/// What a letter that is itself a small drawing blackens.
fn ink_of<'a>(glyph: &Type3Glyph<'a>, props: &DrawProps<'a>, place: Affine) -> Rect {
    let mut ink = Ink(None);
    glyph.interpret(&mut ink, props.transform, place, &props.paint);
    ink.0.unwrap_or_default()
}

/// Listens for where something is drawn.
struct Ink(Option<Rect>);

impl Ink {
    fn add(&mut self, drawn: Rect) {
        self.0 = Some(self.0.map_or(drawn, |ink| ink.union(drawn)));
    }
}

impl<'a> Device<'a> for Ink {
    fn draw_path(&mut self, path: &BezPath, props: DrawProps<'a>, _: &DrawMode) {
        self.add(props.transform.transform_rect_bbox(path.bounding_box()));
    }

    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        let own = Rect::new(0.0, 0.0, f64::from(image.width()), f64::from(image.height()));
        self.add(props.transform.transform_rect_bbox(own));
    }

    fn draw_glyph_run(&mut self, _: &GlyphRun<'_, 'a>, _: DrawProps<'a>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}

/// The interpreter's units of a font's height.
const EM: f64 = 1_000.0;

/// A ligature stands for a few characters; no honest letter for more.
const MOST_CHARS: usize = 8;
