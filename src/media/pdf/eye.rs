//! What a page says in pixels: read where something is drawn that is no letter, unless it is
//! letters after all.

use hayro::kurbo::{Point, Rect};
use image::RgbImage;

use super::{Area, letters::Letter, page::Sheet, traces::Trace};
use crate::media::{
    Unreadable,
    words::{Budget, Line, Quad, Reader, Sight, in_rows},
};

/// Reads the places of a page that letters alone do not tell.
///
/// # Errors
/// When there is more to read than the budget allows.
pub(super) fn read(sheet: &Sheet, reader: &Reader, budget: &mut Budget) -> Result<Vec<Line>, Unreadable> {
    let mut lines = Vec::new();
    for place in sheet.traces.places() {
        let Some((picture, left, top)) = cut(sheet, place) else { continue };
        let on_page = |quad: Quad| Quad(quad.0.map(|[x, y]| [x + left, y + top]));
        let wanted = |quad: Quad| !is_told(sheet, on_page(quad));
        for mut line in reader.read_some(&picture, Sight::PAGE, &wanted, budget)? {
            line.spot.quad = on_page(line.spot.quad);
            lines.push(line);
        }
    }
    Ok(in_rows(lines))
}

/// A place of a page, and where it begins.
fn cut(sheet: &Sheet, [left, top, width, height]: Area) -> Option<(RgbImage, i32, i32)> {
    let (right, bottom) = (sheet.picture.width(), sheet.picture.height());
    let (width, height) = (width.min(right.checked_sub(left)?), height.min(bottom.checked_sub(top)?));
    let begin = (i32::try_from(left).ok()?, i32::try_from(top).ok()?);
    let part = sheet.picture.crop_imm(left, top, width, height);
    (width > 0 && height > 0).then(|| (part.into_rgb8(), begin.0, begin.1))
}

/// Whether a line is made of letters that are told already: nothing but letters is drawn there, and
/// they fill it.
fn is_told(sheet: &Sheet, quad: Quad) -> bool {
    let [left, top, width, height] = quad.area().map(f64::from);
    let area = Rect::new(left, top, left + width, top + height);
    let edge = height.min(width) * EDGE;
    let traces = &sheet.traces;
    if traces.is_drawn(area, Trace::Shape) || traces.is_drawn(area.inset(-edge), Trace::Mark) {
        return false;
    }
    let [start, end, _, below] = quad.0.map(|[x, y]| Point::new(f64::from(x), f64::from(y)));
    let (length, across) = (start.distance(end), start.distance(below));
    if length <= 0.0 {
        return false;
    }
    let along = (end - start) / length;
    let reach = |ink: Rect| {
        let corners = [(ink.x0, ink.y0), (ink.x1, ink.y0), (ink.x0, ink.y1), (ink.x1, ink.y1)];
        let ats = corners.map(|corner| (Point::from(corner) - start).dot(along));
        ats.into_iter().fold((f64::MAX, f64::MIN), |(low, high), at| (low.min(at), high.max(at)))
    };
    let mut reaches: Vec<(f64, f64)> = told(&sheet.letters, area, across).map(reach).collect();
    reaches.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut covered = 0.0;
    for (low, high) in reaches.into_iter().chain([(length, length)]) {
        if low - covered > across * GAP {
            return false;
        }
        covered = f64::max(covered, high);
    }
    true
}

/// The letters that a line is made of: neither stops nor much smaller ones.
fn told(letters: &[Letter], area: Rect, height: f64) -> impl Iterator<Item = Rect> {
    let speaks = |letter: &&Letter| letter.seen && letter.text.chars().any(char::is_alphanumeric);
    let inks = letters.iter().filter(speaks).filter_map(|letter| letter.ink);
    inks.filter(move |ink| area.contains(ink.center()) && ink.width().max(ink.height()) >= height * LEAST)
}

/// Of the height of a line: its margin, the widest gap between two of its letters, and its lowest
/// letter.
const EDGE: f64 = 0.2;
const GAP: f64 = 1.0;
const LEAST: f64 = 0.25;
