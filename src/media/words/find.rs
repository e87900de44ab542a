//! Which pixels belong to lines of text, and the boxes around these.

use image::{RgbImage, imageops};
use rten::Model;
use rten_tensor::NdTensor;

use super::{
    Budget, Sight, Unfit,
    quad::{Point, Quad},
};
use crate::media::Unreadable;

/// The network that finds lines.
pub(super) struct Finder(Model);

impl Finder {
    pub(super) fn new(model: Vec<u8>) -> Result<Self, Unfit> {
        Model::load(model).map(Self).map_err(|_| Unfit)
    }

    /// The boxes around the lines of a picture, in no order.
    pub(super) fn find(&self, picture: &RgbImage, sight: Sight, pixels: &mut u32) -> Result<Vec<Quad>, Unreadable> {
        let (width, height) = canvas(picture.dimensions(), sight);
        Budget::take(pixels, width * height)?;
        let seen = self.0.run_one(tensor(&fitted(picture, width, height)).into(), None);
        let seen = seen.map_err(|_| Unreadable::Malformed)?;
        let sure: NdTensor<f32, 4> = seen.try_into().map_err(|_| Unreadable::Malformed)?;
        let map = Map { sure: sure.into_data(), width: width as usize, height: height as usize };
        if map.sure.len() != map.width * map.height {
            return Err(Unreadable::Malformed);
        }
        let scale = (ratio(picture.width(), width), ratio(picture.height(), height));
        let boxes = map.blots().into_iter().filter_map(|blot| Slab::around(&blot));
        let boxes: Vec<Quad> = boxes.map(|slab| slab.grown().quad(scale)).collect();
        if boxes.len() > MOST_BOXES { Err(Unreadable::TooLarge) } else { Ok(boxes) }
    }
}

/// The size at which lines are looked for: sides are multiples of 32, as the network wants them;
/// small pictures are enlarged a little, large ones made smaller.
fn canvas((width, height): (u32, u32), sight: Sight) -> (u32, u32) {
    let (w, h) = (f64::from(width), f64::from(height));
    let enlarged = (LEAST_SIDE / w.min(h)).clamp(1.0, MOST_ENLARGED);
    let affordable = (sight.canvas / (w * h)).sqrt();
    let scale = enlarged.min(affordable);
    let side = |length: f64| (((length * scale / 32.0).round() as u32) * 32).clamp(32, 16_384);
    (side(w), side(h))
}

fn fitted(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    if width <= picture.width() && height <= picture.height() {
        imageops::thumbnail(picture, width, height)
    } else {
        imageops::resize(picture, width, height, imageops::FilterType::Triangle)
    }
}

/// Blue, green, red, each from -1 to 1: what the networks were taught with.
pub(super) fn tensor(picture: &RgbImage) -> NdTensor<f32, 4> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let mut values = Vec::with_capacity(3 * width * height);
    for channel in [2, 1, 0] {
        values.extend(picture.pixels().map(|pixel| f32::from(pixel.0[channel]) / 127.5 - 1.0));
    }
    NdTensor::from_data([1, 3, height, width], values)
}

fn ratio(of: u32, to: u32) -> f32 {
    of as f32 / to as f32
}

/// How sure the network is of each pixel, row by row.
struct Map {
    sure: Vec<f32>,
    width: usize,
    height: usize,
}

impl Map {
    /// The pixels of each line, those at its rim alone.
    fn blots(&self) -> Vec<Vec<Point>> {
        let mut left: Vec<bool> = self.sure.iter().map(|sure| *sure > TEXT_PIXEL).collect();
        let mut blots = Vec::new();
        for start in 0..left.len() {
            if left[start] {
                blots.extend(self.blot(start, &mut left));
            }
        }
        blots
    }

    /// Takes what is joined to a pixel out of `left`; gives its rim, if it looks like text.
    fn blot(&self, start: usize, left: &mut [bool]) -> Option<Vec<Point>> {
        let (mut open, mut rim) = (vec![start], Vec::new());
        let (mut count, mut sum) = (0.0, 0.0);
        left[start] = false;
        while let Some(at) = open.pop() {
            (count, sum) = (count + 1.0, sum + self.sure[at]);
            let mut inner = 0;
            for near in self.around(at) {
                inner += usize::from(self.sure[near] > TEXT_PIXEL);
                if std::mem::take(&mut left[near]) {
                    open.push(near);
                }
            }
            if inner < 8 {
                rim.push(((at % self.width) as f32, (at / self.width) as f32));
            }
        }
        (sum / count >= TEXT_LINE).then_some(rim)
    }

    /// The pixels that touch one.
    fn around(&self, at: usize) -> impl Iterator<Item = usize> {
        let (x, y) = (at % self.width, at / self.width);
        let (width, height) = (self.width, self.height);
        let rows = y.saturating_sub(1)..(y + 2).min(height);
        let near = rows.flat_map(move |row| (x.saturating_sub(1)..(x + 2).min(width)).map(move |x| row * width + x));
        near.filter(move |near| *near != at)
    }
}

/// A rectangle at any angle.
struct Slab {
    middle: Point,
    /// The way along it, of length one, and pointing right.
    along: Point,
    /// Half its length and half its height.
    half: (f32, f32),
}

impl Slab {
    /// The smallest around these pixels, unless it is too thin for letters.
    fn around(pixels: &[Point]) -> Option<Self> {
        let hull = hull(pixels);
        let edges = hull.iter().zip(hull.iter().cycle().skip(1));
        let ways = edges.map(|(a, b)| (b.0 - a.0, b.1 - a.1)).chain([(1.0, 0.0)]);
        let slabs = ways.filter_map(|way| Self::along(&hull, way));
        let least = slabs.min_by(|a, b| a.size().total_cmp(&b.size()))?;
        (least.half.0.min(least.half.1) * 2.0 >= THINNEST).then_some(least)
    }

    /// The one whose sides lie along and across a way.
    fn along(hull: &[Point], (x, y): Point) -> Option<Self> {
        let length = x.hypot(y);
        if length == 0.0 {
            return None;
        }
        // Of the four ways its sides have, the one that points most to the right.
        let (x, y) = if x.abs() >= y.abs() { (x, y) } else { (y, -x) };
        let sign = if x < 0.0 { -length } else { length };
        let (x, y) = (x / sign, y / sign);
        let reach = |way: Point| {
            let ats = hull.iter().map(move |point| point.0 * way.0 + point.1 * way.1);
            ats.fold((f32::MAX, f32::MIN), |(low, high), at| (low.min(at), high.max(at)))
        };
        let ((left, right), (top, bottom)) = (reach((x, y)), reach((-y, x)));
        let (at, down) = (f32::midpoint(left, right), f32::midpoint(top, bottom));
        // A pixel is as wide as itself.
        let half = ((right - left + 1.0) / 2.0, (bottom - top + 1.0) / 2.0);
        let middle = (at * x - down * y + 0.5, at * y + down * x + 0.5);
        Some(Self { middle, along: (x, y), half })
    }

    fn size(&self) -> f32 {
        self.half.0 * self.half.1
    }

    /// The network marks the heart of a line; its letters reach further.
    fn grown(self) -> Self {
        let (a, b) = self.half;
        let more = 2.0 * a * b / (a + b) * REACH / 2.0;
        Self { half: (a + more, b + more), ..self }
    }

    /// Its corners in the picture. What is much higher than long is a line that runs upwards.
    fn quad(&self, scale: (f32, f32)) -> Quad {
        let ((x, y), (along, across)) = (self.along, self.half);
        let corner = |right: f32, down: f32| {
            let (right, down) = (along * right, across * down);
            let at = (self.middle.0 + right * x - down * y, self.middle.1 + right * y + down * x);
            (at.0 * scale.0, at.1 * scale.1)
        };
        let [a, b, c, d] = [corner(-1.0, -1.0), corner(1.0, -1.0), corner(1.0, 1.0), corner(-1.0, 1.0)];
        Quad::near(if across > along * UPRIGHT { [d, a, b, c] } else { [a, b, c, d] })
    }
}

/// The corners of the smallest shape without dents around these points.
fn hull(points: &[Point]) -> Vec<Point> {
    let mut points = points.to_vec();
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let half = |points: &mut dyn Iterator<Item = &Point>| {
        let mut side: Vec<Point> = Vec::new();
        for &point in points {
            while let [.., a, b] = side.as_slice()
                && (b.0 - a.0) * (point.1 - a.1) - (b.1 - a.1) * (point.0 - a.0) <= 0.0
            {
                side.pop();
            }
            side.push(point);
        }
        side.pop();
        side
    };
    let mut hull = half(&mut points.iter());
    hull.extend(half(&mut points.iter().rev()));
    if hull.is_empty() { points } else { hull }
}

/// A picture whose smaller side is shorter is enlarged, so that small letters are found.
const LEAST_SIDE: f64 = 480.0;
/// Beyond this nothing is gained.
const MOST_ENLARGED: f64 = 2.0;
/// How sure the network is of a pixel of text, and on the whole of a line: as PaddleOCR has it.
const TEXT_PIXEL: f32 = 0.3;
const TEXT_LINE: f32 = 0.5;
/// How far letters reach over the heart of their line, of its area by its rim: as PaddleOCR has it.
const REACH: f32 = 1.6;
/// The thinnest heart of a line, in pixels of the canvas.
const THINNEST: f32 = 3.0;
/// A line that is so many times as high as it is long runs upwards or downwards.
const UPRIGHT: f32 = 1.5;
/// A picture with more lines is not a picture with some words in it.
const MOST_BOXES: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// A map with a bar of text at this angle in its middle.
    fn bar(degrees: f32, length: f32, height: f32) -> Map {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let sure = (0..200 * 200).map(|at| {
            let (x, y) = ((at % 200) as f32 - 100.0, (at / 200) as f32 - 100.0);
            let (along, across) = (x * cos + y * sin, y * cos - x * sin);
            if along.abs() <= length / 2.0 && across.abs() <= height / 2.0 { 0.9 } else { 0.1 }
        });
        Map { sure: sure.collect(), width: 200, height: 200 }
    }

    #[test]
    fn a_bar_is_found_at_its_angle_and_size() {
        for degrees in [0.0_f32, 7.0, 30.0, -30.0, 44.0] {
            let blots = bar(degrees, 120.0, 12.0).blots();
            assert_eq!(blots.len(), 1);
            let slab = Slab::around(&blots[0]).unwrap();
            let angle = slab.along.1.atan2(slab.along.0).to_degrees();
            assert!((angle - degrees).abs() < 1.5, "{degrees}: {angle}");
            assert!((slab.half.0 * 2.0 - 121.0).abs() < 3.0, "{degrees}: {:?}", slab.half);
            assert!((slab.half.1 * 2.0 - 13.0).abs() < 3.0, "{degrees}: {:?}", slab.half);
            assert!((slab.middle.0 - 100.5).abs() < 1.0 && (slab.middle.1 - 100.5).abs() < 1.0);
        }
    }

    #[test]
    fn a_bar_that_stands_is_read_upwards_along_its_length() {
        let slab = Slab::around(&bar(90.0, 120.0, 12.0).blots()[0]).unwrap();
        let quad = slab.quad((1.0, 1.0));
        let (length, height) = quad.size();
        assert!(length > 115.0 && height < 16.0, "{quad:?}");
        assert!(quad.0[0][1] > quad.0[1][1], "from below to above: {quad:?}");
    }

    #[test]
    fn two_bars_are_two_lines_and_a_faint_or_thin_one_is_none() {
        let mut map = bar(0.0, 120.0, 12.0);
        map.sure.copy_within(90 * 200..110 * 200, 20 * 200);
        assert_eq!(map.blots().len(), 2);
        map.sure.iter_mut().for_each(|sure| *sure *= 0.5);
        assert!(map.blots().is_empty(), "not sure enough on the whole");
        assert!(Slab::around(&bar(0.0, 120.0, 1.0).blots()[0]).is_none());
    }

    #[test]
    fn a_canvas_is_bounded_and_fits_the_network() {
        for size in [(1, 1), (16_384, 1), (1, 16_384), (8_000, 5_000), (4_000, 3_000), (300, 200), (640, 480)] {
            let (width, height) = canvas(size, Sight::PICTURE);
            assert!(width % 32 == 0 && height % 32 == 0 && width * height <= 900_000, "{size:?}: {width} {height}");
        }
        assert_eq!(canvas((300, 200), Sight::PICTURE), (608, 416));
        assert_eq!(canvas((1_654, 2_339), Sight::PAGE), (1_056, 1_504));
    }
}
