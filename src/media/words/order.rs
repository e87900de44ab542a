//! The order of reading.

use super::{
    Line,
    quad::{Point, distance},
};

/// Lines row by row, those of a row along it; each gets the number of its row. Lines that run
/// another way (upwards, on their head) are read after the others, in their own order.
pub(in crate::media) fn in_rows(lines: Vec<Line>) -> Vec<Line> {
    let mut ways: [Vec<Line>; 4] = Default::default();
    for line in lines {
        ways[quarter(&line)].push(line);
    }
    let mut ordered: Vec<Line> = Vec::new();
    for mut lines in ways {
        let way = mean_way(&lines);
        let first = ordered.last().map_or(0, |line| line.row + 1);
        lines.sort_by(|a, b| seen(a, way).1.total_cmp(&seen(b, way).1));
        number_rows(&mut lines, way, first);
        lines.sort_by(|a, b| a.row.cmp(&b.row).then(seen(a, way).0.total_cmp(&seen(b, way).0)));
        ordered.extend(lines);
    }
    ordered
}

/// A line belongs to the row above it while it lies less than half its height below that row's
/// first line.
fn number_rows(lines: &mut [Line], way: Point, first: usize) {
    let mut row = first;
    let mut middle = None;
    for line in lines {
        let (at, height) = (seen(line, way).1, line.spot.quad.size().1);
        if middle.is_some_and(|middle| at - middle > height / 2.0) {
            row += 1;
            middle = None;
        }
        middle = middle.or(Some(at));
        line.row = row;
    }
}

/// The way that a line runs, from its first letter to its last.
fn run(line: &Line) -> Point {
    let [a, b, ..] = line.spot.quad.points();
    (b.0 - a.0, b.1 - a.1)
}

/// Whether a line runs right, down, left or up.
fn quarter(line: &Line) -> usize {
    let (x, y) = run(line);
    match (x.abs() >= y.abs(), x >= 0.0, y >= 0.0) {
        (true, true, _) => 0,
        (false, _, true) => 1,
        (true, false, _) => 2,
        (false, _, false) => 3,
    }
}

/// The way that lines run on the whole, of length one: long ones count most.
fn mean_way(lines: &[Line]) -> Point {
    let (x, y) = lines.iter().map(run).fold((0.0, 0.0), |sum, way| (sum.0 + way.0, sum.1 + way.1));
    let length = distance((0.0, 0.0), (x, y)).max(1.0);
    (x / length, y / length)
}

/// Where a line is along a way and across it, downwards.
fn seen(line: &Line, (right, down): Point) -> Point {
    let (x, y) = line.spot.quad.middle();
    (x * right + y * down, y * right - x * down)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::words::{Quad, Spot};

    fn at(text: &str, quad: [[i32; 2]; 4]) -> Line {
        Line { text: text.to_owned(), row: 0, spot: Spot { frame: 0, quad: Quad(quad) } }
    }

    fn flat(text: &str, x: i32, y: i32) -> Line {
        at(text, [[x, y], [x + 80, y], [x + 80, y + 20], [x, y + 20]])
    }

    fn told(lines: Vec<Line>) -> Vec<(String, usize)> {
        in_rows(lines).into_iter().map(|line| (line.text, line.row)).collect()
    }

    fn rows(rows: &[(&str, usize)]) -> Vec<(String, usize)> {
        rows.iter().map(|(text, row)| ((*text).to_owned(), *row)).collect()
    }

    #[test]
    fn rows_are_read_from_above_and_each_along() {
        let lines = vec![flat("d", 0, 50), flat("b", 100, 3), flat("c", 200, 5), flat("a", 0, 0), flat("e", 4, 75)];
        assert_eq!(told(lines), rows(&[("a", 0), ("b", 0), ("c", 0), ("d", 1), ("e", 2)]));
    }

    #[test]
    fn a_row_that_rises_is_one_row() {
        let rising =
            |text: &str, x: i32| at(text, [[x, -x / 4], [x + 80, -x / 4 - 20], [x + 85, -x / 4], [x + 5, 20 - x / 4]]);
        assert_eq!(
            told(vec![rising("b", 100), rising("a", 0), rising("c", 300)]),
            rows(&[("a", 0), ("b", 0), ("c", 0)])
        );
    }

    #[test]
    fn a_picture_that_lies_on_its_side_is_read_as_if_it_stood() {
        // Turned to the right by a quarter: lines run down, the first is the rightmost.
        let down = |text: &str, x: i32, y: i32| at(text, [[x, y], [x, y + 80], [x - 20, y + 80], [x - 20, y]]);
        let lines = vec![down("b", 40, 0), down("a", 80, 0), down("a2", 82, 100)];
        assert_eq!(told(lines), rows(&[("a", 0), ("a2", 0), ("b", 1)]));
        let up = |text: &str, x: i32, y: i32| at(text, [[x, y], [x, y - 80], [x + 20, y - 80], [x + 20, y]]);
        assert_eq!(told(vec![up("b", 40, 90), up("a", 0, 90)]), rows(&[("a", 0), ("b", 1)]));
        let over = |text: &str, x: i32, y: i32| at(text, [[x, y], [x - 80, y], [x - 80, y - 20], [x, y - 20]]);
        let lines = vec![over("b", 90, 20), over("a", 90, 60), flat("z", 0, 0)];
        assert_eq!(told(lines), rows(&[("z", 0), ("a", 1), ("b", 2)]));
    }
}
