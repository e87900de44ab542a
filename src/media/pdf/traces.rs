//! What a page draws beside letters, and where: of that nobody has said yet what it says.
//!
//! A place is looked at by an eye if anything is drawn there that could show words: a picture, a
//! line that is not straight, a pattern, a letter that is itself a drawing or does not say what it
//! is. Straight lines and boxes of one color show nothing by themselves, but many small ones can;
//! a few long ones are a frame.

use hayro::kurbo::{BezPath, PathEl, Point, Rect, Shape};

use super::Area;

/// A coarse map of a page.
#[derive(Debug, Default)]
pub(super) struct Traces {
    cells: Vec<u8>,
    columns: usize,
    rows: usize,
    /// Long straight lines and large boxes, while they are few.
    frames: Vec<Rect>,
    /// Stops and dashes, while they are few.
    specks: Vec<Rect>,
    /// From how many pixels on a line is long.
    long: f64,
}

/// What is drawn in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trace {
    /// Straight lines and boxes.
    Mark = 1,
    /// Anything else.
    Shape = 2,
}

impl Traces {
    /// Of a page of so many pixels, with so many of them in a point.
    pub(super) fn new(page: Rect, scale: f64) -> Self {
        let cells = |pixels: f64| (pixels / CELL).ceil().clamp(1.0, MOST_CELLS) as usize;
        let (columns, rows) = (cells(page.width()), cells(page.height()));
        Self { cells: vec![0; columns * rows], columns, rows, long: LONG * scale, ..Self::default() }
    }

    /// Notes a line or the rim of a shape, in pixels and so wide.
    pub(super) fn outline(&mut self, path: &BezPath, width: f64, clip: Rect) {
        let whole = path.bounding_box().inflate(width / 2.0 + 0.1, width / 2.0 + 0.1);
        let shown = whole.intersect(clip);
        if shown.area() == 0.0 {
            return;
        }
        if !is_straight(path) {
            self.edges_of_window(shown, whole);
            return self.rim(path, width, Trace::Shape, clip);
        }
        let single = path.elements().len() <= BOX;
        if single && shown.width().max(shown.height()) >= self.long {
            self.frames.push(shown);
            if self.frames.len() <= MOST_FRAMES {
                return;
            }
            std::mem::take(&mut self.frames).into_iter().for_each(|frame| self.edges(frame));
            // From here on each is a mark.
            self.long = f64::INFINITY;
        } else {
            self.edges_of_window(shown, whole);
            self.rim(path, width, Trace::Mark, clip);
        }
    }

    /// What is seen through a window ends where the window does.
    fn edges_of_window(&mut self, shown: Rect, whole: Rect) {
        if shown != whole {
            self.edges(shown);
        }
    }

    /// Notes the rim of something that words can be cut out with.
    pub(super) fn stencil(&mut self, path: &BezPath, clip: Rect) {
        if !is_straight(path) || path.elements().len() > BOX {
            self.rim(path, 1.0, Trace::Shape, clip);
        }
    }

    /// Notes a stop, a dash or another letter that a picture could be made of.
    pub(super) fn speck(&mut self, ink: Rect) {
        self.specks.push(ink);
        if self.specks.len() > MOST_SPECKS {
            std::mem::take(&mut self.specks).into_iter().for_each(|speck| self.fill(speck, Trace::Mark));
        }
    }

    /// Notes a whole place.
    pub(super) fn fill(&mut self, place: Rect, trace: Trace) {
        let Some([left, top, right, bottom]) = self.within(place) else { return };
        for row in self.cells.chunks_exact_mut(self.columns).take(bottom).skip(top) {
            row[left..right].iter_mut().for_each(|cell| *cell |= trace as u8);
        }
    }

    /// Whether something is drawn in a place that is no letter; `Shape` asks for shapes alone.
    pub(super) fn is_drawn(&self, place: Rect, trace: Trace) -> bool {
        let asked = if trace == Trace::Shape { Trace::Shape as u8 } else { u8::MAX };
        let Some([left, top, right, bottom]) = self.within(place) else { return false };
        let mut rows = self.cells.chunks_exact(self.columns).take(bottom).skip(top);
        rows.any(|row| row[left..right].iter().any(|cell| cell & asked != 0))
    }

    /// The places that an eye must look at, apart from each other, in pixels.
    pub(super) fn places(&self) -> Vec<Area> {
        let mut left: Vec<bool> = self.cells.iter().map(|cell| *cell != 0).collect();
        let mut places: Vec<[usize; 4]> = Vec::new();
        for start in 0..left.len() {
            if left[start] {
                let place = self.together(start, &mut left);
                places.push(place);
            }
        }
        if places.len() > MOST_PLACES * MOST_PLACES {
            places = places.into_iter().reduce(around).into_iter().collect();
        }
        while let Some((a, b)) = meeting(&places) {
            let b = places.swap_remove(b);
            places[a] = around(places[a], b);
        }
        if places.len() > MOST_PLACES {
            places = places.into_iter().reduce(around).into_iter().collect();
        }
        let pixels = |cells: usize| u32::try_from(cells * CELL as usize).unwrap_or(u32::MAX);
        let area = |[x0, y0, x1, y1]: [usize; 4]| [pixels(x0), pixels(y0), pixels(x1 - x0), pixels(y1 - y0)];
        places.into_iter().map(area).collect()
    }

    /// The cells around what hangs together from a cell on, which is taken out of `left`.
    fn together(&self, start: usize, left: &mut [bool]) -> [usize; 4] {
        let (mut open, mut found) = (vec![start], [usize::MAX, usize::MAX, 0, 0]);
        left[start] = false;
        while let Some(at) = open.pop() {
            let (x, y) = (at % self.columns, at / self.columns);
            found = around(found, [x, y, x + 1, y + 1]);
            for row in y.saturating_sub(NEAR)..(y + NEAR + 1).min(self.rows) {
                for column in x.saturating_sub(NEAR)..(x + NEAR + 1).min(self.columns) {
                    let near = row * self.columns + column;
                    if std::mem::take(&mut left[near]) {
                        open.push(near);
                    }
                }
            }
        }
        let [x0, y0, x1, y1] = found;
        [x0.saturating_sub(EDGE), y0.saturating_sub(EDGE), (x1 + EDGE).min(self.columns), (y1 + EDGE).min(self.rows)]
    }

    /// The four sides of a box.
    fn edges(&mut self, Rect { x0, y0, x1, y1 }: Rect) {
        let thin = |x0: f64, y0: f64, x1: f64, y1: f64| Rect::new(x0, y0, x1.max(x0 + 0.1), y1.max(y0 + 0.1));
        for side in [thin(x0, y0, x1, y0), thin(x0, y1, x1, y1), thin(x0, y0, x0, y1), thin(x1, y0, x1, y1)] {
            self.fill(side, Trace::Mark);
        }
    }

    fn rim(&mut self, path: &BezPath, width: f64, trace: Trace, clip: Rect) {
        let (mut from, mut first) = (Point::ZERO, Point::ZERO);
        let more = (width / 2.0).max(0.5);
        let mut line = |from: Point, to: Point| {
            let shown = Rect::from_points(from, to).inflate(more, more).intersect(clip);
            let steps = ((to - from).hypot() / CELL).ceil();
            let (slanting, short) = ((to.x - from.x).abs().min((to.y - from.y).abs()) > CELL, steps < MOST_STEPS);
            if !slanting || !short {
                return self.fill(shown, trace);
            }
            for n in 0..=steps as usize {
                let at = from.lerp(to, n as f64 / steps);
                self.fill(Rect::from_center_size(at, (2.0 * more, 2.0 * more)).intersect(clip), trace);
            }
        };
        hayro::kurbo::flatten(path, FLAT, |element| match element {
            PathEl::MoveTo(to) => (from, first) = (to, to),
            PathEl::LineTo(to) => {
                line(from, to);
                from = to;
            }
            PathEl::ClosePath => {
                line(from, first);
                from = first;
            }
            _ => {}
        });
    }

    /// The columns and rows of a place, as far as it is on the page.
    fn within(&self, place: Rect) -> Option<[usize; 4]> {
        if !place.is_finite() || place.x1 <= 0.0 || place.y1 <= 0.0 || place.width() <= 0.0 || place.height() <= 0.0 {
            return None;
        }
        let low = |at: f64| (at / CELL).floor().max(0.0) as usize;
        let high = |at: f64, most: usize| (at / CELL).ceil().clamp(0.0, most as f64) as usize;
        let (right, bottom) = (high(place.x1, self.columns), high(place.y1, self.rows));
        let (left, top) = (low(place.x0), low(place.y0));
        (left < right && top < bottom).then_some([left, top, right, bottom])
    }
}

/// Whether a path goes upright and level only.
fn is_straight(path: &BezPath) -> bool {
    let mut from = Point::ZERO;
    path.elements().iter().all(|element| match element {
        PathEl::MoveTo(to) => {
            from = *to;
            true
        }
        PathEl::LineTo(to) => {
            let way = *to - std::mem::replace(&mut from, *to);
            way.x.abs() < 1.0 || way.y.abs() < 1.0
        }
        PathEl::ClosePath => true,
        _ => false,
    })
}

fn around(a: [usize; 4], b: [usize; 4]) -> [usize; 4] {
    [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])]
}

/// Two places that overlap.
fn meeting(places: &[[usize; 4]]) -> Option<(usize, usize)> {
    let meet = |a: &[usize; 4], b: &[usize; 4]| a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
    let later = |n: usize| (n + 1..places.len()).find(|m| meet(&places[n], &places[*m]));
    (0..places.len()).find_map(|n| later(n).map(|m| (n, m)))
}

/// Pixels of a cell's side.
const CELL: f64 = 8.0;
/// Cells of one side of a page: none is longer than 16 000 pixels.
const MOST_CELLS: f64 = 2_048.0;
/// What is nearer than so many cells hangs together, and what is looked at beyond it.
const NEAR: usize = 5;
const EDGE: usize = 3;
/// More places than this are one.
const MOST_PLACES: usize = 12;
/// Points of a line that is long: of lines so long and so few no number is made.
const LONG: f64 = 100.0;
const MOST_FRAMES: usize = 24;
/// Elements of a path that is one box or one line.
const BOX: usize = 6;
/// More stops and dashes than this on a page may be a picture.
const MOST_SPECKS: usize = 150;
/// Pixels by which a curve may be off, and cells along a line that is followed.
const FLAT: f64 = 2.0;
const MOST_STEPS: f64 = 4_096.0;

#[cfg(test)]
mod tests {
    use hayro::kurbo::Circle;

    use super::*;

    const PAGE: Rect = Rect::new(0.0, 0.0, 1_600.0, 2_300.0);

    fn traces() -> Traces {
        Traces::new(PAGE, 2.7)
    }

    fn boxed(x: f64, y: f64, width: f64, height: f64) -> BezPath {
        Rect::new(x, y, x + width, y + height).to_path(0.1)
    }

    #[test]
    fn a_few_frames_and_rules_are_nothing_to_look_at() {
        let mut page = traces();
        page.outline(&boxed(40.0, 40.0, 1_500.0, 2_200.0), 2.0, PAGE);
        (0..10).for_each(|n| page.outline(&boxed(100.0, 300.0 + 80.0 * f64::from(n), 1_400.0, 1.0), 1.0, PAGE));
        assert!(page.places().is_empty());
    }

    #[test]
    fn many_long_lines_and_any_small_ones_are_looked_at() {
        let mut page = traces();
        (0..40).for_each(|n| page.outline(&boxed(100.0, 300.0 + 10.0 * f64::from(n), 400.0, 1.0), 1.0, PAGE));
        let [[left, top, width, height]] = page.places()[..] else { panic!("{:?}", page.places()) };
        assert!(left <= 100 && left + width >= 500 && top <= 300 && top + height >= 690);
        let mut page = traces();
        page.outline(&boxed(100.0, 100.0, 12.0, 30.0), 0.0, PAGE);
        assert_eq!(page.places().len(), 1);
        // A large box of which little shows.
        let mut page = traces();
        page.outline(&boxed(0.0, 0.0, 1_600.0, 2_300.0), 0.0, Rect::new(200.0, 200.0, 210.0, 230.0));
        assert_eq!(page.places().len(), 1);
    }

    #[test]
    fn the_rim_of_a_curve_is_drawn_and_what_it_encloses_is_not() {
        let mut page = traces();
        page.outline(&Circle::new((800.0, 800.0), 400.0).to_path(0.1), 1.0, PAGE);
        let at = |x: f64, y: f64| page.is_drawn(Rect::new(x, y, x + 4.0, y + 4.0), Trace::Shape);
        assert!(at(398.0, 800.0) && at(800.0, 1_198.0) && !at(800.0, 800.0) && !at(1_400.0, 1_400.0));
    }

    #[test]
    fn what_lies_apart_is_looked_at_apart_and_many_places_are_one() {
        let mut page = traces();
        page.fill(Rect::new(80.0, 80.0, 160.0, 120.0), Trace::Shape);
        page.fill(Rect::new(1_200.0, 2_000.0, 1_300.0, 2_100.0), Trace::Shape);
        assert_eq!(page.places(), [[56, 56, 128, 88], [1_176, 1_976, 152, 152]]);
        (0..30).for_each(|n| {
            let top = 76.0 * f64::from(n);
            page.fill(Rect::new(0.0, top, 8.0, top + 8.0), Trace::Mark);
        });
        assert_eq!(page.places().len(), 1);
    }

    #[test]
    fn what_lies_off_the_page_or_is_no_number_is_left() {
        let mut page = traces();
        for place in [
            Rect::new(-50.0, -50.0, -1.0, -1.0),
            Rect::new(9e9, 0.0, 9e10, 5.0),
            Rect::new(f64::NAN, 0.0, 1.0, 1.0),
            Rect::new(5.0, 5.0, 5.0, 5.0),
        ] {
            page.fill(place, Trace::Shape);
        }
        assert!(page.places().is_empty());
        page.fill(Rect::new(-9e15, -9e15, 9e15, 9e15), Trace::Shape);
        assert_eq!(page.places(), [[0, 0, 1_600, 2_304]]);
    }
}
