//! What a detector sees: a folded text, its words, and what is known around it.

use std::{cell::OnceCell, collections::BTreeMap};

use super::{
    context::Around,
    digits::Digits,
    fold::View,
    lexicon::{Cue, Hit, Number, Sense},
};
use crate::model::Kind;

/// How the text came to be what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    /// As written, folded.
    Plain,
    /// Joined letters, "dot" for a dot: what is found must be surer.
    Unveiled,
    /// Two pieces put together: only what spans the seam counts.
    Joined,
}

/// A folded text with its words.
pub(super) struct Sight<'a> {
    /// The folded text and its way back.
    pub(super) view: &'a View,
    /// The words in it, by place.
    pub(super) hits: &'a [Hit],
    /// What is known of the conversation.
    pub(super) context: &'a Around<'a>,
    /// How the text came to be.
    pub(super) face: Face,
    /// The piece as written.
    raw: &'a str,
    /// Which cues are among the hits: a bit each.
    cues: u64,
    ascii: OnceCell<bool>,
    places: OnceCell<Vec<usize>>,
}

/// A place found by a detector, in bytes of the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// First byte.
    pub(super) start: usize,
    /// One past the last byte.
    pub(super) end: usize,
    /// What it is.
    pub(super) kind: Kind,
}

/// What the detectors found in a view, and which places are taken.
#[derive(Debug, Default)]
pub(super) struct Finds {
    list: Vec<Found>,
    /// From here on the list has what only the vault knows.
    guarded: Option<usize>,
    /// Taken places without overlaps: first byte → one past the last.
    taken: BTreeMap<usize, usize>,
}

impl Finds {
    /// Adds a place.
    pub(super) fn push(&mut self, found: Found) {
        let (mut start, mut end) = (found.start, found.end);
        while let Some((first, last)) = self.overlap(start, end) {
            self.taken.remove(&first);
            start = start.min(first);
            end = end.max(last);
        }
        self.taken.insert(start, end);
        self.list.push(found);
    }

    /// Adds several places.
    pub(super) fn extend(&mut self, found: impl IntoIterator<Item = Found>) {
        found.into_iter().for_each(|found| self.push(found));
    }

    /// Whether anything found lies within `start..end`.
    pub(super) fn taken(&self, start: usize, end: usize) -> bool {
        self.overlap(start, end).is_some()
    }

    /// From now on what is found is found because the vault knows it.
    pub(super) fn guard(&mut self) {
        self.guarded = Some(self.list.len());
    }

    /// All that was found, in the order of finding, and whether only the vault knew it.
    pub(super) fn list(&self) -> impl Iterator<Item = (&Found, bool)> {
        let guarded = self.guarded.unwrap_or(usize::MAX);
        self.list.iter().enumerate().map(move |(n, found)| (found, n >= guarded))
    }

    fn overlap(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        let before = self.taken.range(..end).next_back()?;
        (*before.1 > start).then_some((*before.0, *before.1))
    }
}

impl<'a> Sight<'a> {
    /// A view of the piece `raw`.
    pub(super) fn new(view: &'a View, hits: &'a [Hit], context: &'a Around<'a>, face: Face, raw: &'a str) -> Self {
        let cue = |hit: &Hit| match hit.sense {
            Sense::Cue(cue) if hit.whole => bit(cue),
            _ => 0,
        };
        let cues = hits.iter().fold(0, |cues, hit| cues | cue(hit));
        Self { view, hits, context, face, raw, cues, ascii: OnceCell::new(), places: OnceCell::new() }
    }

    /// What stands in the piece as written where the view has `start..end`.
    pub(super) fn raw(&self, start: usize, end: usize) -> String {
        let (first, last) = self.view.chars(start, end);
        let places = self.places.get_or_init(|| self.raw.char_indices().map(|(at, _)| at).collect());
        let place = |at: usize| places.get(at).copied().unwrap_or(self.raw.len());
        self.raw.get(place(first)..place(last)).unwrap_or_default().to_owned()
    }

    /// Whether a sign within `start..end` was written as a word: "dot", "titik".
    pub(super) fn spoken(&self, start: usize, end: usize) -> bool {
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
        self.face == Face::Unveiled && letters(&self.raw(start, end)) > letters(&self.text()[start..end])
    }

    /// Whether the piece is ASCII, so that the view says exactly what was written.
    pub(super) fn raw_is_ascii(&self) -> bool {
        *self.ascii.get_or_init(|| self.raw.len() == self.text().len() && self.text().is_ascii())
    }

    /// The digits in the text, read once.
    pub(super) fn digits(&self) -> &Digits {
        self.view.digits(|| Digits::of(self))
    }

    /// For every byte of the text, whether it is a capital in the piece as written.
    pub(super) fn capitals(&self) -> Vec<bool> {
        if self.raw_is_ascii() {
            return self.raw.bytes().map(|byte| byte.is_ascii_uppercase()).collect();
        }
        let upper: Vec<bool> = self.raw.chars().map(char::is_uppercase).collect();
        (0..self.text().len()).map(|at| upper.get(self.view.chars(at, at + 1).0).copied().unwrap_or(false)).collect()
    }

    /// The folded text.
    pub(super) fn text(&self) -> &'a str {
        self.view.text()
    }

    /// Whole words that are one of `cues`, nearest first, ending at most `reach` bytes before `at`.
    pub(super) fn before(&self, cues: &'a [Cue], at: usize, reach: usize) -> impl Iterator<Item = &'a Hit> {
        let hits = if self.has(cues) { self.hits } else { &[] };
        let until = hits.partition_point(|hit| hit.start < at);
        let near = hits[..until].iter().rev().take_while(move |hit| at - hit.start <= reach + LONGEST);
        near.filter(move |hit| hit.end <= at && at - hit.end <= reach && is(hit, cues))
    }

    /// Whole words that are one of `cues`, starting at most `reach` bytes after `at`.
    pub(super) fn after(&self, cues: &'a [Cue], at: usize, reach: usize) -> impl Iterator<Item = &'a Hit> {
        let hits = if self.has(cues) { self.hits } else { &[] };
        let from = hits.partition_point(|hit| hit.start < at);
        let near = hits[from..].iter().take_while(move |hit| hit.start - at <= reach);
        near.filter(move |hit| is(hit, cues))
    }

    /// Whether one of `cues` stands before `at` in the same sentence.
    pub(super) fn led(&self, cues: &'a [Cue], at: usize, reach: usize) -> bool {
        self.before(cues, at, reach).any(|hit| !sentence_ends(&self.text()[hit.end..at]))
    }

    /// Whether one of `cues` stands after `at` in the same sentence.
    pub(super) fn followed(&self, cues: &'a [Cue], at: usize, reach: usize) -> bool {
        self.after(cues, at, reach).any(|hit| !sentence_ends(&self.text()[at..hit.start]))
    }

    /// Whether a word that is one of `cues` ends at `at`, run together with what follows: "wa0812".
    pub(super) fn glued(&self, cues: &[Cue], at: usize) -> bool {
        let until = self.hits.partition_point(|hit| hit.start < at);
        let near = self.hits[..until].iter().rev().take_while(|hit| at - hit.start <= LONGEST);
        let mut near = near.filter(|hit| matches!(hit.sense, Sense::Cue(cue) if cues.contains(&cue)));
        // Two letters begin many a product's code.
        let short = !self.text()[at..].starts_with(['0', '+']) && !self.text()[at..].starts_with("62");
        near.any(|hit| hit.end == at && hit.end - hit.start > if short { 2 } else { 1 })
    }

    /// The number words.
    pub(super) fn numbers(&self) -> impl Iterator<Item = (&'a Hit, Number)> {
        self.hits.iter().filter_map(|hit| match hit.sense {
            Sense::Number(number) => Some((hit, number)),
            _ => None,
        })
    }

    /// Whether any whole word is one of `cues`.
    pub(super) fn has(&self, cues: &[Cue]) -> bool {
        cues.iter().any(|cue| self.cues & bit(*cue) > 0)
    }

    /// The whole words that are one of `cues`, by place.
    pub(super) fn all(&self, cues: &'a [Cue]) -> impl Iterator<Item = &'a Hit> {
        let hits = if self.has(cues) { self.hits } else { &[] };
        hits.iter().filter(move |hit| is(hit, cues))
    }
}

fn bit(cue: Cue) -> u64 {
    1 << (cue as u32)
}

/// No cue word is longer; bounds the look back over nested hits.
const LONGEST: usize = 40;

/// Whether a hit is a whole word with one of these meanings.
pub(super) fn is(hit: &Hit, cues: &[Cue]) -> bool {
    hit.whole && matches!(hit.sense, Sense::Cue(cue) if cues.contains(&cue))
}

/// Whether a sentence ends within `between`.
fn sentence_ends(between: &str) -> bool {
    let mut bytes = between.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if matches!(byte, b'!' | b'?' | b';') || (byte == b'.' && bytes.peek() == Some(&b' ')) {
            return true;
        }
    }
    false
}
