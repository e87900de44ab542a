//! A line of text, cut out of its picture and laid straight.

use image::{Rgb, RgbImage};

use super::{
    Sight,
    quad::{Point, Quad, between, distance},
};

/// A line, [`HEIGHT`] pixels high.
pub(super) struct Strip {
    pixels: RgbImage,
    quad: Quad,
}

impl Strip {
    /// Cuts `quad` out of a picture.
    pub(super) fn cut(picture: &RgbImage, quad: Quad, sight: Sight) -> Self {
        let (width, (_, height)) = (columns(quad, sight), quad.size());
        // Where a pixel of the strip covers several of the picture, so many are looked at each way.
        let looks = (height / HEIGHT as f32).ceil().clamp(1.0, 4.0) as u32;
        let [a, b, c, d] = quad.points();
        let pixels = RgbImage::from_fn(width, HEIGHT, |x, y| {
            let mut sum = [0.0; 3];
            for (right, down) in (0..looks * looks).map(|n| (n % looks, n / looks)) {
                let along = ((x * looks + right) as f32 + 0.5) / (width * looks) as f32;
                let across = ((y * looks + down) as f32 + 0.5) / (HEIGHT * looks) as f32;
                let at = between(between(a, b, along), between(d, c, along), across);
                sum.iter_mut().zip(blend(picture, at)).for_each(|(sum, value)| *sum += value);
            }
            Rgb(sum.map(|sum| (sum / (looks * looks) as f32).round() as u8))
        });
        Self { pixels, quad }
    }

    /// Its columns.
    pub(super) fn width(&self) -> u32 {
        self.pixels.width()
    }

    /// Where it was.
    pub(super) fn quad(&self) -> Quad {
        self.quad
    }

    /// Its pixels.
    pub(super) fn pixels(&self) -> &RgbImage {
        &self.pixels
    }

    /// The same, upside down.
    pub(super) fn turned(&self) -> Self {
        Self { pixels: image::imageops::rotate180(&self.pixels), quad: self.quad.turned() }
    }
}

/// The columns of the strip that a line becomes.
pub(super) fn columns(quad: Quad, sight: Sight) -> u32 {
    let (length, height) = quad.size();
    (length / height.max(1.0) * HEIGHT as f32 * sight.stretch).ceil().clamp(NARROWEST as f32, WIDEST as f32) as u32
}

/// A line in pieces that are short enough to be spelled at once. They overlap by more than the
/// length of a contact, so that one that is cut at the end of a piece stands whole in the next.
pub(super) fn pieces(quad: Quad, longest: f32) -> Vec<Quad> {
    let (length, height) = quad.size();
    let (most, overlap) = (height * longest, height * OVERLAP);
    if length <= most || height < 1.0 {
        return vec![quad];
    }
    let [a, b, c, d] = quad.points();
    let length = distance(a, b);
    let starts = std::iter::successors(Some(0.0), |start| (start + most < length).then_some(start + most - overlap));
    let cut = |start: f32| {
        let (from, to) = (start / length, ((start + most) / length).min(1.0));
        Quad::near([between(a, b, from), between(a, b, to), between(d, c, to), between(d, c, from)])
    };
    starts.map(cut).collect()
}

/// The color at a point, mixed of the four pixels around it.
fn blend(picture: &RgbImage, (x, y): Point) -> [f32; 3] {
    let within = |at: f32, side: u32| (at - 0.5).clamp(0.0, (side - 1) as f32);
    let (x, y) = (within(x, picture.width()), within(y, picture.height()));
    let (left, top) = (x as u32, y as u32);
    let (right, bottom) = ((left + 1).min(picture.width() - 1), (top + 1).min(picture.height() - 1));
    let (east, south) = (x - left as f32, y - top as f32);
    let color = |x, y| picture.get_pixel(x, y).0.map(f32::from);
    let mix = |a: [f32; 3], b: [f32; 3], part: f32| std::array::from_fn(|n| a[n] + (b[n] - a[n]) * part);
    mix(mix(color(left, top), color(right, top), east), mix(color(left, bottom), color(right, bottom), east), south)
}

/// The height of a line that the network was taught with.
pub(super) const HEIGHT: u32 = 48;
/// Columns of a strip: one letter, and a long line of them.
const NARROWEST: u32 = 16;
const WIDEST: u32 = 1_600;
/// What two pieces of a line share, in heights of the line.
const OVERLAP: f32 = 16.0;

#[cfg(test)]
mod tests {
    use super::*;

    /// Red in its left half, blue in its right.
    fn flag() -> RgbImage {
        RgbImage::from_fn(200, 100, |x, _| if x < 100 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) })
    }

    #[test]
    fn a_strip_begins_where_its_line_begins() {
        let upright = Strip::cut(&flag(), Quad([[50, 40], [150, 40], [150, 60], [50, 60]]), Sight::PICTURE);
        assert_eq!(upright.pixels().dimensions(), (240, 48));
        assert_eq!((upright.pixels()[(2, 24)], upright.pixels()[(237, 24)]), (Rgb([255, 0, 0]), Rgb([0, 0, 255])));
        let turned = upright.turned();
        assert_eq!(turned.pixels()[(2, 24)], Rgb([0, 0, 255]));
        assert_eq!(turned.quad().0[0], [150, 60]);
        let downwards = Strip::cut(&flag(), Quad([[150, 20], [150, 80], [50, 80], [50, 20]]), Sight::PICTURE);
        assert_eq!((downwards.pixels()[(15, 2)], downwards.pixels()[(15, 45)]), (Rgb([0, 0, 255]), Rgb([255, 0, 0])));
    }

    #[test]
    fn what_reaches_out_of_the_picture_shows_its_edge() {
        let strip = Strip::cut(&flag(), Quad([[-50, -10], [250, -10], [250, 110], [-50, 110]]), Sight::PICTURE);
        assert_eq!(strip.pixels()[(0, 0)], Rgb([255, 0, 0]));
    }

    #[test]
    fn a_long_line_is_spelled_in_pieces_that_overlap() {
        assert_eq!(pieces(Quad([[0, 0], [300, 0], [300, 10], [0, 10]]), 32.0).len(), 1);
        let cut = pieces(Quad([[0, 0], [1_000, 0], [1_000, 10], [0, 10]]), 32.0);
        assert!(cut.len() > 4 && cut.last().unwrap().0[1] == [1_000, 0], "{cut:?}");
        for pair in cut.windows(2) {
            assert_eq!(pair[0].0[1][0] - pair[1].0[0][0], 160);
        }
    }
}
