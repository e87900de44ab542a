use serde::{Deserialize, Serialize};

/// The corners of a line, clockwise from where its first letter begins; x and y in pixels, a
/// corner may lie outside the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quad(pub [[i32; 2]; 4]);

/// A point or a way, in pixels.
pub(super) type Point = (f32, f32);

impl Quad {
    /// The nearest pixels to these corners.
    pub(super) fn near(corners: [Point; 4]) -> Self {
        Self(corners.map(|(x, y)| [x.round() as i32, y.round() as i32]))
    }

    /// The same place, read upside down.
    pub(super) fn turned(self) -> Self {
        let [a, b, c, d] = self.0;
        Self([c, d, a, b])
    }

    /// The corners as points.
    pub(super) fn points(self) -> [Point; 4] {
        self.0.map(|[x, y]| (x as f32, y as f32))
    }

    /// How long its line is, and how high.
    pub(super) fn size(self) -> (f32, f32) {
        let [a, b, _, d] = self.points();
        (distance(a, b), distance(a, d))
    }

    /// Where its middle is.
    pub(super) fn middle(self) -> Point {
        let [a, _, c, _] = self.points();
        (f32::midpoint(a.0, c.0), f32::midpoint(a.1, c.1))
    }

    /// The upright rectangle around it: left, top, width, height.
    pub fn area(self) -> [u32; 4] {
        let span = |ends: [i32; 4]| {
            let ends = ends.map(|at| u32::try_from(at).unwrap_or(0));
            let (low, high) = ends.into_iter().fold((u32::MAX, 0), |(low, high), at| (low.min(at), high.max(at)));
            (low, high - low)
        };
        let ((left, width), (top, height)) = (span(self.0.map(|[x, _]| x)), span(self.0.map(|[_, y]| y)));
        [left, top, width, height]
    }
}

/// From one point to another.
pub(super) fn distance((x, y): Point, (to_x, to_y): Point) -> f32 {
    (to_x - x).hypot(to_y - y)
}

/// Part of the way from one point to another.
pub(super) fn between((x, y): Point, (to_x, to_y): Point, part: f32) -> Point {
    (x + (to_x - x) * part, y + (to_y - y) * part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_area_holds_every_corner_within_the_picture() {
        assert_eq!(Quad([[-5, 10], [30, -4], [35, 8], [0, 22]]).area(), [0, 0, 35, 22]);
        assert_eq!(Quad([[9, 7]; 4]).area(), [9, 7, 0, 0]);
    }

    #[test]
    fn a_place_turned_twice_is_itself() {
        let quad = Quad([[0, 0], [9, 0], [9, 3], [0, 3]]);
        assert_ne!(quad.turned(), quad);
        assert_eq!(quad.turned().turned(), quad);
        assert_eq!((quad.size(), quad.turned().size()), ((9.0, 3.0), (9.0, 3.0)));
    }
}
