//! Every letter that a page draws, and where: what the interpreter would hand to a printer is
//! listened to instead. What is no letter leaves traces.

use std::collections::HashMap;

use hayro::{
    hayro_interpret::{
        BlendMode, ClipPath, Device, DrawMode, DrawProps, Image, ImageDrawProps, Paint, SoftMask,
        font::{Glyph, GlyphIdentifier, GlyphRun, Type3Glyph},
        hayro_cmap::BfString,
    },
    kurbo::{Affine, BezPath, Point, Rect, Shape, Vec2},
};

use super::traces::{Trace, Traces};

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
pub(super) struct Listener {
    pub(super) letters: Vec<Letter>,
    pub(super) traces: Traces,
    most: usize,
    /// What is to be seen of what is drawn now, innermost last.
    clips: Vec<Rect>,
    /// Outlines are the same wherever they are drawn.
    boxes: HashMap<GlyphIdentifier, Rect>,
}

impl Listener {
    /// Hears one letter more than `most`, so that it can be told that there are too many.
    pub(super) fn new(most: usize, page: Rect, scale: f64) -> Self {
        let traces = Traces::new(page, scale);
        Self { letters: Vec::new(), traces, most, clips: vec![page], boxes: HashMap::new() }
    }

    fn clip(&self) -> Rect {
        self.clips.last().copied().unwrap_or_default()
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
        let text: String = text.chars().filter(|c| !c.is_control()).take(MOST_CHARS).collect();
        let ink = (ink.is_finite() && ink.area() > 0.0).then_some(ink);
        let is_told = matches!(glyph, Glyph::Outline(_)) && is_plain(props) && transform.determinant() < 0.0;
        if let Some(ink) = ink.filter(|_| seen) {
            self.trace(&text, is_told, ink);
        }
        self.letters.push(Letter {
            text,
            origin: transform * Point::ZERO,
            advance: unit(f64::from(width.unwrap_or(500.0)), 0.0),
            size: unit(0.0, EM).hypot(),
            ink,
            seen,
        });
    }

    /// A letter that is a drawing, or does not say what it is, is a shape; of stops a picture can be
    /// made.
    fn trace(&mut self, text: &str, is_told: bool, ink: Rect) {
        let says = |c: char| c.is_alphanumeric() || is_mark(c);
        if !is_told || text.is_empty() || text.chars().any(is_unknown) {
            self.traces.fill(ink.intersect(self.clip()), Trace::Shape);
        } else if !text.chars().any(says) {
            self.traces.speck(ink.intersect(self.clip()));
        }
    }
}

/// Whether all of a thing is of one color, so that its rim is all there is to see of it.
fn is_plain(props: &DrawProps<'_>) -> bool {
    matches!(props.paint, Paint::Color(_)) && props.soft_mask.is_none()
}

/// Whether it stands for nothing that anybody knows: the replacement character, or one of private use.
fn is_unknown(c: char) -> bool {
    matches!(c, char::REPLACEMENT_CHARACTER | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..)
}

/// Whether it belongs to the letter before it, as vowels of Thai do.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{1cff}' | '\u{3040}'..='\u{30ff}')
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

    fn draw_path(&mut self, path: &BezPath, props: DrawProps<'a>, mode: &DrawMode) {
        let (path, clip) = (props.transform * path, self.clip());
        let (width, dashed) = match mode {
            DrawMode::Stroke(line) | DrawMode::FillAndStroke(_, line) => {
                let scale = props.transform.determinant().abs().sqrt();
                (f64::from(line.line_width) * scale, !line.dash_array.is_empty())
            }
            DrawMode::Fill(_) | DrawMode::Invisible => (0.0, false),
        };
        if !is_plain(&props) || dashed {
            let all = path.bounding_box().inflate(width / 2.0 + 0.5, width / 2.0 + 0.5);
            self.traces.fill(all.intersect(clip), if dashed { Trace::Mark } else { Trace::Shape });
        } else {
            self.traces.outline(&path, width, clip);
        }
    }

    fn push_clip_path(&mut self, clip: &ClipPath) {
        let before = self.clip();
        self.traces.stencil(&clip.path, before);
        self.clips.push(clip.path.bounding_box().intersect(before));
    }

    fn push_transparency_group(&mut self, _: f32, mask: Option<SoftMask<'a>>, _: BlendMode) {
        if mask.is_some() {
            self.traces.fill(self.clip(), Trace::Shape);
        }
    }

    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        let own = Rect::new(0.0, 0.0, f64::from(image.width()), f64::from(image.height()));
        self.traces.fill(props.transform.transform_rect_bbox(own).intersect(self.clip()), Trace::Shape);
    }

    fn pop_clip(&mut self) {
        if self.clips.len() > 1 {
            self.clips.pop();
        }
    }

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
