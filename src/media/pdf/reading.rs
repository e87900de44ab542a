//! Letters put into the order in which they are read.
//!
//! A file may draw its letters in any order, so they are read by place, as an eye would; and in
//! the order in which they were drawn, which holds columns and upright text together. Letters
//! that nobody sees are read by themselves: between the others they would break up what is seen.
//! Lines that were read in pixels are read with the letters around them.

use hayro::kurbo::{Point, Rect, Vec2};

use super::{Area, Text, letters::Letter, page::area};
use crate::media::words::{Line, Quad};

/// The readings of a page. One that says nothing, or the same as one before, is left out.
pub(super) fn texts(letters: &[Letter], lines: &[Line]) -> Vec<Text> {
    let (seen, unseen): (Vec<&Letter>, Vec<&Letter>) = letters.iter().partition(|letter| letter.seen);
    let mut texts: Vec<Text> = Vec::new();
    let together = with_lines(&seen, lines);
    for text in [by_place(&seen), as_drawn(&seen), by_place(&unseen), together] {
        let said = |text: &Text| text.text.split_whitespace().collect::<String>();
        let new = said(&text);
        if !new.is_empty() && !texts.iter().any(|known| said(known) == new) {
            texts.push(text);
        }
    }
    texts
}

/// A word for the new file: letters of one line that touch.
#[derive(Debug, Default)]
pub(super) struct Word {
    pub(super) text: String,
    /// Where it begins, in pixels.
    pub(super) origin: Point,
    /// From its begin to its end.
    pub(super) along: Vec2,
    /// The height of its font, in pixels.
    pub(super) size: f64,
}

/// The words that are seen, by place. A gap after a word is the space at its end.
pub(super) fn words(letters: &[Letter]) -> Vec<Word> {
    let known = |letter: &&Letter| letter.seen && !letter.text.contains(char::REPLACEMENT_CHARACTER);
    let seen: Vec<&Letter> = letters.iter().filter(known).collect();
    let mut words: Vec<Word> = Vec::new();
    for (gap, letter) in in_lines(&seen) {
        let space = letter.text.trim().is_empty();
        match words.last_mut() {
            Some(word) if (gap != Gap::None || space) && !word.text.ends_with(' ') => word.text.push(' '),
            _ => {}
        }
        if space {
            continue;
        }
        let end = letter.origin + letter.advance;
        match words.last_mut() {
            Some(word) if !word.text.ends_with(' ') => {
                word.text.push_str(&letter.text);
                word.along = end - word.origin;
            }
            _ => words.push(Word {
                text: letter.text.clone(),
                origin: letter.origin,
                along: letter.advance,
                size: letter.size,
            }),
        }
    }
    words
}

/// Lines that were read in pixels, with the letters that stand beside them.
fn with_lines(letters: &[&Letter], lines: &[Line]) -> Text {
    if lines.is_empty() {
        return Text::default();
    }
    let read: Vec<Letter> = lines.iter().flat_map(spelled).collect();
    let areas: Vec<Rect> = lines.iter().map(|line| rect(line.spot.quad)).collect();
    // What a line says again is not told twice.
    let under = |letter: &Letter| letter.ink.is_some_and(|ink| areas.iter().any(|area| area.contains(ink.center())));
    let beside = letters.iter().copied().filter(|letter| !under(letter));
    let together: Vec<&Letter> = beside.chain(&read).collect();
    by_place(&together)
}

/// The letters of a line, as wide as each other. The place of each is the whole line.
fn spelled(line: &Line) -> impl Iterator<Item = Letter> {
    let [above, right, end, start] = line.spot.quad.0.map(|[x, y]| Point::new(f64::from(x), f64::from(y)));
    let (start, end) = level(start.lerp(above, BELOW), end.lerp(right, BELOW));
    let ([_, height], ink) = (size(line.spot.quad), rect(line.spot.quad));
    let advance = (end - start) / line.text.chars().count().max(1) as f64;
    line.text.chars().enumerate().map(move |(n, c)| Letter {
        text: c.to_string(),
        origin: start + advance * n as f64,
        advance,
        size: height * LETTER,
        ink: Some(ink),
        seen: true,
    })
}

/// A box leans a little where its line does not: so it would not stand on one line with letters.
fn level(start: Point, end: Point) -> (Point, Point) {
    let (way, middle) = (end - start, start.midpoint(end));
    let flat = |long: f64, off: f64| off.abs() < long.abs() * LEANING;
    match (flat(way.x, way.y), flat(way.y, way.x)) {
        (true, _) => (Point::new(start.x, middle.y), Point::new(end.x, middle.y)),
        (_, true) => (Point::new(middle.x, start.y), Point::new(middle.x, end.y)),
        _ => (start, end),
    }
}

fn rect(quad: Quad) -> Rect {
    let [left, top, width, height] = quad.area().map(f64::from);
    Rect::new(left, top, left + width, top + height)
}

fn size(quad: Quad) -> [f64; 2] {
    let [a, b, _, d] = quad.0.map(|[x, y]| Point::new(f64::from(x), f64::from(y)));
    [a.distance(b), a.distance(d)]
}

fn by_place(letters: &[&Letter]) -> Text {
    text(in_lines(letters))
}

fn as_drawn(letters: &[&Letter]) -> Text {
    let mut last: Option<&Letter> = None;
    text(letters.iter().map(|letter| {
        let gap = last.map_or(Gap::None, |last| Gap::between(last, letter));
        last = Some(letter);
        (gap, *letter)
    }))
}

/// What lies between two letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    None,
    Space,
    Column,
    Line,
}

impl Gap {
    /// By where the second would be if it followed at once.
    fn between(last: &Letter, next: &Letter) -> Self {
        let direction = direction(last);
        let off = next.origin - (last.origin + last.advance);
        let size = last.size.max(next.size);
        if off.cross(direction).abs() > size * HALF {
            return Self::Line;
        }
        match off.dot(direction) / size {
            ahead if ahead.abs() > COLUMN => Self::Column,
            ahead if ahead > SPACE => Self::Space,
            _ => Self::None,
        }
    }
}

/// Letters line by line, each with what lies before it. What was drawn twice at one place, for
/// boldness or as a shadow, is one letter.
fn in_lines<'l>(letters: &[&'l Letter]) -> Vec<(Gap, &'l Letter)> {
    let mut placed: Vec<Placed<'l>> = letters.iter().map(|letter| Placed::of(letter)).collect();
    placed.sort_by(|a, b| (a.angle, a.down).partial_cmp(&(b.angle, b.down)).unwrap_or(std::cmp::Ordering::Equal));
    let mut lines: Vec<Vec<Placed<'l>>> = Vec::new();
    for letter in placed {
        match lines.last_mut() {
            Some(line) if letter.is_on(&line[0]) => line.push(letter),
            _ => lines.push(vec![letter]),
        }
    }
    let mut read: Vec<(Gap, &Letter)> = Vec::with_capacity(letters.len());
    for mut line in lines {
        line.sort_by(|a, b| a.along.total_cmp(&b.along));
        let mut last: Option<&Letter> = None;
        for Placed { letter, .. } in line {
            if last.is_some_and(|last| is_again(last, letter)) {
                continue;
            }
            let gap = last.map_or(if read.is_empty() { Gap::None } else { Gap::Line }, |last| {
                // On one line, however the fonts' sizes differ.
                match Gap::between(last, letter) {
                    Gap::Line => Gap::Space,
                    gap => gap,
                }
            });
            read.push((gap, letter));
            last = Some(letter);
        }
    }
    read
}

struct Placed<'l> {
    letter: &'l Letter,
    /// The direction of writing, in steps of [`STEP`].
    angle: i32,
    along: f64,
    down: f64,
}

impl<'l> Placed<'l> {
    fn of(letter: &'l Letter) -> Self {
        let steps = (direction(letter).angle().to_degrees() / STEP).round();
        let direction = Vec2::from_angle((steps * STEP).to_radians());
        let at = letter.origin.to_vec2();
        // Within the steps of a circle.
        #[expect(clippy::cast_possible_truncation, reason = "a full turn is 180 steps")]
        let angle = steps as i32;
        Self { letter, angle, along: at.dot(direction), down: direction.cross(at) }
    }

    fn is_on(&self, first: &Self) -> bool {
        self.angle == first.angle && self.down - first.down <= first.letter.size.min(self.letter.size) * HALF
    }
}

fn is_again(last: &Letter, next: &Letter) -> bool {
    last.text == next.text && (next.origin - last.origin).hypot() < last.size * SHADOW
}

fn direction(letter: &Letter) -> Vec2 {
    let length = letter.advance.hypot();
    if length > 0.0 { letter.advance / length } else { Vec2::new(1.0, 0.0) }
}

fn text<'l>(letters: impl IntoIterator<Item = (Gap, &'l Letter)>) -> Text {
    let mut text = Text::default();
    for (gap, letter) in letters {
        let blank = text.text.is_empty() || text.text.ends_with(char::is_whitespace);
        match gap {
            Gap::Line if !text.text.is_empty() => text.push('\n', NOWHERE),
            // Amounts side by side are not one number.
            Gap::Column if !blank => text.push('\t', NOWHERE),
            Gap::Space if !blank => text.push(' ', NOWHERE),
            _ => {}
        }
        let place = letter.ink.map_or(NOWHERE, area);
        letter.text.chars().for_each(|c| text.push(c, place));
    }
    text
}

impl Text {
    fn push(&mut self, c: char, place: Area) {
        self.text.push(c);
        self.places.push(place);
    }
}

const NOWHERE: Area = [0; 4];

/// How high letters are in the box around their line, and how high their feet stand there.
const LETTER: f64 = 0.7;
const BELOW: f64 = 0.22;
/// How far a box leans by mistake, of its length.
const LEANING: f64 = 0.07;
/// Degrees between two directions of writing.
const STEP: f64 = 2.0;
/// In heights of the font: what is off the line, what is a space, what another column, what the
/// same letter again.
const HALF: f64 = 0.5;
const SPACE: f64 = 0.15;
const COLUMN: f64 = 1.8;
const SHADOW: f64 = 0.12;
