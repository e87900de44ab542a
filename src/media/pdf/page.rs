//! A page as it looks, and the letters on it.

use hayro::{
    PixmapSettings, RenderCache, RenderSettings,
    hayro_interpret::{Context, InterpreterCache, InterpreterSettings, RectExt, TransformExt, interpret_page},
    hayro_syntax::{
        Pdf,
        object::{Array, Dict, Name, Rect as PdfRect, String as PdfString},
    },
    kurbo::{Affine, Rect},
    vello_cpu::color::palette::css::WHITE,
};
use image::DynamicImage;

use super::{
    Area, Link, PdfLimits,
    letters::{Letter, Listener},
    pixels,
    traces::Traces,
};
use crate::media::{
    Unreadable,
    code::Code,
    words::{self, Quad},
};

/// An opened file.
pub(super) struct Opened<'p> {
    pdf: &'p Pdf,
    limits: &'p PdfLimits,
    drawing: RenderCache<'p>,
    listening: InterpreterCache<'p>,
    settings: InterpreterSettings,
}

/// A page, drawn.
pub(super) struct Sheet {
    /// In points.
    pub(super) size: (f64, f64),
    /// Pixels in a point.
    pub(super) scale: f64,
    pub(super) picture: DynamicImage,
    pub(super) letters: Vec<Letter>,
    pub(super) traces: Traces,
}

impl<'p> Opened<'p> {
    /// # Errors
    /// When a page is larger than any sheet of paper.
    pub(super) fn new(pdf: &'p Pdf, limits: &'p PdfLimits) -> Result<Self, Unreadable> {
        let opened = Self {
            pdf,
            limits,
            drawing: RenderCache::new(),
            listening: InterpreterCache::new(),
            settings: InterpreterSettings::default(),
        };
        let fits = |n| {
            let (width, height) = opened.size(n);
            let most = f64::from(limits.side);
            (1.0..=most).contains(&width) && (1.0..=most).contains(&height)
        };
        if (0..opened.count()).all(fits) { Ok(opened) } else { Err(Unreadable::TooLarge) }
    }

    pub(super) fn count(&self) -> usize {
        self.pdf.pages().len()
    }

    /// Draws a page and hears its letters.
    pub(super) fn page(&self, n: usize) -> Result<Sheet, Unreadable> {
        let page = self.pdf.pages().get(n).ok_or(Unreadable::Malformed)?;
        let scale = self.scale(n);
        let (transform, target) = self.frame(n)?;
        let mut listener = Listener::new(self.limits.letters, target, scale);
        let mut context = Context::new(transform, target, &self.listening, self.pdf.xref(), self.settings.clone());
        interpret_page(page, &mut context, &mut listener);
        let Listener { mut letters, traces, .. } = listener;
        if letters.len() > self.limits.letters {
            return Err(Unreadable::TooLarge);
        }
        let picture = self.draw(n)?;
        for letter in &mut letters {
            // What blackens nothing is a space, or not there.
            letter.seen &=
                letter.ink.map_or(letter.text.trim().is_empty(), |ink| pixels::stands_out(&picture, area(ink)));
        }
        Ok(Sheet { size: self.size(n), scale, picture, letters, traces })
    }

    /// Where a click on the page leads outside the file.
    pub(super) fn links(&self, n: usize) -> Result<Vec<Link>, Unreadable> {
        let page = self.pdf.pages().get(n).ok_or(Unreadable::Malformed)?;
        let (transform, _) = self.frame(n)?;
        let Some(annotations) = page.raw().get::<Array<'_>>(b"Annots") else { return Ok(Vec::new()) };
        let mut links = Vec::new();
        for annotation in annotations.iter::<Dict<'_>>() {
            let uri = annotation.get::<Dict<'_>>(b"A").and_then(|action| uri(&action));
            let Some(uri) = uri else { continue };
            let place = annotation.get::<PdfRect>(b"Rect").map(|rect| transform.transform_rect_bbox(rect.to_kurbo()));
            links.push(Link { uri, area: place.map_or([0; 4], area) });
            if links.len() > self.limits.links {
                return Err(Unreadable::TooLarge);
            }
        }
        Ok(links)
    }

    fn draw(&self, n: usize) -> Result<DynamicImage, Unreadable> {
        let page = self.pdf.pages().get(n).ok_or(Unreadable::Malformed)?;
        #[expect(clippy::cast_possible_truncation, reason = "a few pixels in a point")]
        let scale = self.scale(n) as f32;
        let sheet = PixmapSettings { x_scale: scale, y_scale: scale, bg_color: WHITE };
        let drawn = hayro::render(page, &self.drawing, &self.settings, &RenderSettings::default(), &sheet);
        let sides = (u32::from(drawn.width()), u32::from(drawn.height()));
        // On white nothing is transparent.
        let picture = pixels::of_opaque(sides, drawn.data_as_u8_slice());
        picture.filter(|_| sides.0 > 0 && sides.1 > 0).ok_or(Unreadable::Malformed)
    }

    fn frame(&self, n: usize) -> Result<(Affine, Rect), Unreadable> {
        let page = self.pdf.pages().get(n).ok_or(Unreadable::Malformed)?;
        let ((width, height), scale) = (self.size(n), self.scale(n));
        let transform = Affine::scale(scale) * page.initial_transform(true).to_kurbo();
        Ok((transform, Rect::new(0.0, 0.0, width * scale, height * scale)))
    }

    fn size(&self, n: usize) -> (f64, f64) {
        let size = self.pdf.pages().get(n).map(|page| page.render_dimensions());
        size.map_or((0.0, 0.0), |(width, height)| (f64::from(width), f64::from(height)))
    }

    /// As fine as the limits allow, and no finer than a printer of labels.
    fn scale(&self, n: usize) -> f64 {
        let (width, height) = self.size(n);
        let count = u32::try_from(self.count()).unwrap_or(u32::MAX).max(1);
        let most = f64::from(self.limits.page_pixels.min(self.limits.pixels / count));
        // Neither side may vanish, however narrow the page.
        let least = 1.5 / width.min(height);
        (most / (width * height)).sqrt().min(FINEST).min(LONGEST / width.max(height)).max(least)
    }
}

impl Sheet {
    /// Paints places over. A letter that is touched is not seen any more.
    pub(super) fn cover(&mut self, areas: impl Iterator<Item = Area>) {
        let areas: Vec<Area> = areas.map(wider).collect();
        if areas.is_empty() {
            return;
        }
        areas.iter().for_each(|area| pixels::fill(&mut self.picture, *area));
        self.hide(&areas);
    }

    /// Paints lines over that were read in pixels.
    pub(super) fn cover_lines(&mut self, lines: impl Iterator<Item = Quad>) {
        let lines: Vec<Quad> = lines.collect();
        words::hide(&mut self.picture, lines.iter().copied());
        let areas: Vec<Area> = lines.into_iter().map(Quad::area).collect();
        self.hide(&areas);
    }

    /// Forgets the letters under codes that were covered.
    pub(super) fn forget<'c>(&mut self, codes: impl Iterator<Item = &'c Code>) {
        let areas: Vec<Area> = codes.map(|code| code.area).collect();
        self.hide(&areas);
    }

    fn hide(&mut self, areas: &[Area]) {
        let touched = |ink: Rect| areas.iter().any(|hidden| meet(area(ink), *hidden));
        for letter in &mut self.letters {
            letter.seen &= !letter.ink.is_some_and(touched);
        }
    }
}

/// The pixels that a rectangle touches; without width where it is off the page.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from float stops at the ends")]
pub(super) fn area(rect: Rect) -> Area {
    let (left, top) = (rect.x0.floor().max(0.0) as u32, rect.y0.floor().max(0.0) as u32);
    let (right, bottom) = (rect.x1.ceil().max(0.0) as u32, rect.y1.ceil().max(0.0) as u32);
    [left, top, right.saturating_sub(left), bottom.saturating_sub(top)]
}

/// With the blurred edge of letters, and the narrow gap to the next.
fn wider([left, top, width, height]: Area) -> Area {
    let edge = height.min(200) / 5 + 2;
    let (near, above) = (left.saturating_sub(edge), top.saturating_sub(edge));
    [near, above, (left - near) + width.saturating_add(edge), (top - above) + height.saturating_add(edge)]
}

fn meet(a: Area, b: Area) -> bool {
    let apart = |from: u32, length: u32, other: u32, others: u32| {
        from.saturating_add(length) <= other || other.saturating_add(others) <= from
    };
    !apart(a[0], a[2], b[0], b[2]) && !apart(a[1], a[3], b[1], b[3])
}

fn uri(action: &Dict<'_>) -> Option<String> {
    let is_link = action.get::<Name<'_>>(b"S").is_some_and(|kind| kind.as_str() == "URI");
    let uri = action.get::<PdfString<'_>>(b"URI").filter(|_| is_link)?;
    Some(String::from_utf8_lossy(uri.as_bytes()).chars().take(MOST_URI).collect())
}

/// 300 dots an inch.
const FINEST: f64 = 300.0 / 72.0;

/// Pixels of one side.
const LONGEST: f64 = 16_000.0;

/// Characters of a link; no browser takes more.
const MOST_URI: usize = 4_096;
