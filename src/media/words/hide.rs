//! Laying an even gray over lines.

use image::{DynamicImage, RgbaImage};

use super::quad::{Point, Quad, distance};
use crate::media::code::COVER;

/// Covers lines and a margin around each: the box of a line may cut its letters a little.
pub fn hide(picture: &mut DynamicImage, quads: impl IntoIterator<Item = Quad>) {
    let mut quads = quads.into_iter().peekable();
    if quads.peek().is_none() {
        return;
    }
    let clear = picture.color().has_alpha();
    let mut canvas = std::mem::take(picture).into_rgba8();
    quads.for_each(|quad| paint(&mut canvas, quad));
    let covered = DynamicImage::ImageRgba8(canvas);
    *picture = if clear { covered } else { DynamicImage::ImageRgb8(covered.into_rgb8()) };
}

fn paint(canvas: &mut RgbaImage, quad: Quad) {
    let corners = grown(quad);
    let within = |at: f32, side: u32| at.clamp(0.0, side as f32) as u32;
    let (mut low, mut high) = ((f32::MAX, f32::MAX), (f32::MIN, f32::MIN));
    for (x, y) in corners {
        (low, high) = ((low.0.min(x), low.1.min(y)), (high.0.max(x), high.1.max(y)));
    }
    let (width, height) = canvas.dimensions();
    for y in within(low.1, height)..within(high.1 + 1.0, height) {
        for x in within(low.0, width)..within(high.0 + 1.0, width) {
            if holds(&corners, (x as f32 + 0.5, y as f32 + 0.5)) {
                canvas.put_pixel(x, y, COVER);
            }
        }
    }
}

/// The corners, moved outwards along both sides.
fn grown(quad: Quad) -> [Point; 4] {
    let corners = quad.points();
    let [a, b, _, d] = corners;
    let (length, height) = (distance(a, b).max(1.0), distance(a, d).max(1.0));
    let more = height * MARGIN + LEAST_MARGIN;
    let along = ((b.0 - a.0) / length * more, (b.1 - a.1) / length * more);
    let across = ((d.0 - a.0) / height * more, (d.1 - a.1) / height * more);
    let signs = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)];
    std::array::from_fn(|n| {
        let ((x, y), (right, down)) = (corners[n], signs[n]);
        (x + along.0 * right + across.0 * down, y + along.1 * right + across.1 * down)
    })
}

/// Whether a point lies on the same side of all four edges.
fn holds(corners: &[Point; 4], point: Point) -> bool {
    let side = |n: usize| {
        let (a, b) = (corners[n], corners[(n + 1) % 4]);
        (b.0 - a.0) * (point.1 - a.1) - (b.1 - a.1) * (point.0 - a.0)
    };
    (0..4).all(|n| side(n) >= 0.0) || (0..4).all(|n| side(n) <= 0.0)
}

/// Of the height of the line, and in pixels.
const MARGIN: f32 = 0.25;
const LEAST_MARGIN: f32 = 2.0;

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage, Rgba};

    use super::*;

    fn white() -> DynamicImage {
        DynamicImage::ImageRgb8(RgbImage::from_pixel(100, 60, Rgb([255; 3])))
    }

    #[test]
    fn a_line_is_covered_with_a_margin_and_the_rest_stays() {
        let mut picture = white();
        hide(&mut picture, [Quad([[20, 20], [80, 20], [80, 40], [20, 40]])]);
        assert!(!picture.color().has_alpha());
        let seen = picture.to_rgb8();
        for (x, y) in [(20, 20), (79, 39), (14, 14), (86, 46)] {
            assert_eq!(seen.get_pixel(x, y), &Rgb([128; 3]), "{x} {y}");
        }
        for (x, y) in [(10, 30), (90, 30), (50, 10), (50, 50)] {
            assert_eq!(seen.get_pixel(x, y), &Rgb([255; 3]), "{x} {y}");
        }
    }

    #[test]
    fn a_slanting_line_is_covered_along_its_slope() {
        let mut picture = white();
        hide(&mut picture, [Quad([[10, 10], [80, 45], [76, 53], [6, 18]])]);
        let seen = picture.to_rgb8();
        assert_eq!(seen.get_pixel(43, 31), &Rgb([128; 3]));
        assert_eq!((seen.get_pixel(80, 10), seen.get_pixel(5, 50)), (&Rgb([255; 3]), &Rgb([255; 3])));
    }

    #[test]
    fn places_outside_the_picture_and_without_size_do_no_harm() {
        let mut picture = white();
        let far = i32::MAX;
        hide(&mut picture, [Quad([[-far, -far], [far, -far], [far, far], [-far, far]]), Quad([[5, 5]; 4])]);
        assert_eq!(picture.to_rgb8().get_pixel(50, 30), &Rgb([128; 3]));
        let mut clear = DynamicImage::ImageRgba8(RgbaImage::from_pixel(9, 9, Rgba([0; 4])));
        hide(&mut clear, []);
        assert_eq!(clear.to_rgba8().get_pixel(4, 4), &Rgba([0; 4]));
    }
}
