//! What a text is up to: rules over concepts, judged over the pieces in the order of reading.
//!
//! A rule names groups of concepts that must stand near each other, in any order or in the given
//! one, and concepts that excuse it. Words, not letters, measure the distance. A rule whose
//! concepts are not all in the text costs a few comparisons of bit sets.

use serde::Deserialize;

use crate::model::SignalKind;

/// A rule as written in a lexicon file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleText {
    /// Stable id, such as `id.incentive.gift`.
    pub(super) id: String,
    /// What it signals.
    pub(super) kind: SignalKind,
    /// Shown to the sender.
    pub(super) explain: String,
    /// Groups that must all be there; `a|b` is one or the other.
    pub(super) all: Vec<String>,
    /// Concepts that excuse it when they stand near.
    #[serde(default)]
    pub(super) unless: Vec<String>,
    /// Within how many words.
    #[serde(default = "twelve")]
    pub(super) within: u32,
    /// Whether the groups come in the order given.
    #[serde(default)]
    pub(super) ordered: bool,
    /// Concepts that do not count right after a word of the concept `not`: "please don't cancel".
    #[serde(default)]
    pub(super) affirmed: Vec<String>,
    /// Texts that the rule must see.
    pub(super) must_catch: Vec<String>,
    /// Texts that the rule must let pass.
    #[serde(default)]
    pub(super) must_pass: Vec<String>,
}

impl RuleText {
    /// The cue words that the rule uses as concepts.
    pub(super) fn cues(&self) -> impl Iterator<Item = &str> {
        let names = self.all.iter().chain(&self.unless).flat_map(|names| names.split('|'));
        names.map(str::trim).filter(|name| name.starts_with("cue."))
    }
}

fn twelve() -> u32 {
    12
}

/// Why a rule can not be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RuleFault {
    #[error("rule `{0}`: no concept `{1}` in this file or in English")]
    UnknownConcept(String, String),
    #[error("rule `{0}`: `all` is empty")]
    Empty(String),
    #[error("rule `{0}`: `must_catch` is empty")]
    NoExample(String),
    #[error("rule `{0}`: the id of a rule of this file begins with `{1}.`")]
    OtherLanguage(String, String),
    #[error("rule `{0}`: another rule has this id")]
    Twice(String),
    #[error("rule `{0}`: ids with `learned.` after the language are of guesses")]
    Guess(String),
}

/// A rule ready to run.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) kind: SignalKind,
    groups: Vec<Set>,
    unless: Set,
    /// The concepts of its own language: one of them must be among what is met.
    own: Set,
    within: u32,
    ordered: bool,
    affirmed: Set,
    not: Set,
    /// All of these.
    concepts: Set,
    pub(super) must_catch: Vec<String>,
    pub(super) must_pass: Vec<String>,
}

impl Rule {
    /// Compiles a rule, resolving concept names through `known`.
    pub(super) fn compile(
        text: &RuleText,
        known: impl Fn(&str) -> Vec<u16>,
        own: impl Fn(&str) -> Option<u16>,
    ) -> Result<Self, RuleFault> {
        if text.all.is_empty() {
            return Err(RuleFault::Empty(text.id.clone()));
        }
        if text.must_catch.is_empty() {
            return Err(RuleFault::NoExample(text.id.clone()));
        }
        let set = |names: &str| -> Result<Set, RuleFault> {
            let mut set = Set::default();
            for name in names.split('|').map(str::trim) {
                let ids = known(name);
                if ids.is_empty() {
                    return Err(RuleFault::UnknownConcept(text.id.clone(), name.to_owned()));
                }
                ids.into_iter().for_each(|id| set.insert(id));
            }
            Ok(set)
        };
        let mut mine = Set::default();
        let names = text.all.iter().flat_map(|names| names.split('|'));
        names.filter_map(|name| own(name.trim())).for_each(|id| mine.insert(id));
        let mut unless = Set::default();
        for names in &text.unless {
            unless.join(&set(names)?);
        }
        let (mut affirmed, mut not) = (Set::default(), Set::default());
        for names in &text.affirmed {
            affirmed.join(&set(names)?);
            not.join(&set("not")?);
        }
        let groups: Vec<Set> = text.all.iter().map(|names| set(names)).collect::<Result<_, _>>()?;
        let mut concepts = unless.clone();
        groups.iter().chain([&affirmed, &not]).for_each(|group| concepts.join(group));
        Ok(Self {
            concepts,
            affirmed,
            not,
            id: text.id.clone(),
            kind: text.kind,
            groups,
            unless,
            own: mine,
            within: text.within,
            ordered: text.ordered,
            must_catch: text.must_catch.clone(),
            must_pass: text.must_pass.clone(),
        })
    }

    /// The language of the file, as the id begins with it.
    pub(super) fn language(&self) -> Option<&str> {
        self.id.split('.').next()
    }

    /// Every concept that it looks at.
    pub(super) fn concepts(&self) -> &Set {
        &self.concepts
    }

    /// Whether each of its groups is there, near each other or not.
    pub(super) fn possible(&self, present: &Set) -> bool {
        self.groups.iter().all(|group| group.meets(present))
    }

    /// The mentions with which a [possible](Self::possible) rule is first fulfilled: its first and its last concept.
    /// `lang` is the language that the text is said to be in.
    pub(super) fn meets(
        &self,
        mentions: &[Mention],
        present: &Set,
        lang: Option<&str>,
        frames: &Frames,
    ) -> Option<(Mention, Mention)> {
        if self.affirmed.is_empty() || !self.not.meets(present) {
            return self.met(mentions, lang, frames);
        }
        let counts = |at: &usize| !self.affirmed.has(mentions[*at].concept) || !self.denied(&mentions[..=*at]);
        self.met(&(0..mentions.len()).filter(counts).map(|at| mentions[at]).collect::<Vec<_>>(), lang, frames)
    }

    /// Whether the last of these mentions stands right after a denial.
    fn denied(&self, mentions: &[Mention]) -> bool {
        let Some((own, before)) = mentions.split_last() else { return false };
        let near = before.iter().rev().take_while(|m| m.piece == own.piece && m.word + 2 >= own.word);
        near.into_iter().any(|m| self.not.has(m.concept) && m.end <= own.start)
    }

    fn met(&self, mentions: &[Mention], lang: Option<&str>, frames: &Frames) -> Option<(Mention, Mention)> {
        let said = self.language().is_some_and(|own| own == "en" || lang.is_some_and(|lang| primary(lang) == own));
        for (first, mention) in mentions.iter().enumerate() {
            if !self.groups.iter().any(|group| group.has(mention.concept)) {
                continue;
            }
            let last = if self.ordered { self.in_order(mentions, first) } else { self.together(mentions, first) };
            if let Some(last) = last
                && self.native(&mentions[first..=last], said)
                && !self.excused(mentions, first, last)
                && !self.framed(mentions, first, last, frames)
            {
                return Some((mentions[first], mentions[last]));
            }
        }
        None
    }

    /// Whether the sentence says something else: it tells what others did or may not do, or denies,
    /// before it comes to what was found, that we do such a thing. Who threatens, insults or pries
    /// is not believed.
    fn framed(&self, mentions: &[Mention], first: usize, last: usize, frames: &Frames) -> bool {
        let deniable = matches!(
            self.kind,
            SignalKind::CancelRequest
                | SignalKind::OffPlatform
                | SignalKind::ReviewIncentive
                | SignalKind::ReviewPressure
        );
        if !deniable {
            return false;
        }
        let sentence = mentions[last].sentence;
        let before = mentions[..=last].iter().rev().take_while(|m| m.sentence == sentence);
        let after = mentions[first..].iter().filter(|m| m.sentence == sentence);
        // "We never do that, but for you": what follows the turn is meant.
        let told = |m: &Mention| frames.denial.has(m.concept) || frames.tale.has(m.concept);
        before.take_while(|m| !frames.turn.has(m.concept)).any(told)
            || after.into_iter().any(|m| frames.tale.has(m.concept))
    }

    /// Groups one after another, beginning at `first`.
    fn in_order(&self, mentions: &[Mention], first: usize) -> Option<usize> {
        let mut rest = self.groups.iter();
        if !rest.next()?.has(mentions[first].concept) {
            return None;
        }
        let (mut last, mut after) = (first, mentions[first].end);
        for group in rest {
            last = (last + 1..mentions.len())
                .take_while(|at| self.near(mentions, first, *at))
                .find(|at| mentions[*at].start >= after && group.has(mentions[*at].concept))?;
            after = mentions[last].end;
        }
        Some(last)
    }

    /// Groups in any order from `first` on; no words serve two groups.
    fn together(&self, mentions: &[Mention], first: usize) -> Option<usize> {
        let mut taken: [Option<Mention>; MAX_GROUPS] = [None; MAX_GROUPS];
        let mut missing = self.groups.len().min(MAX_GROUPS);
        for at in (first..mentions.len()).take_while(|at| self.near(mentions, first, *at)) {
            let mention = mentions[at];
            let used = taken.iter().flatten().any(|other| mention.start < other.end && other.start < mention.end);
            if !used && self.seat(mention, &mut taken) {
                missing -= 1;
                if missing == 0 {
                    return Some(at);
                }
            }
        }
        None
    }

    /// Gives a mention a free group, if need be by moving another one out of its way.
    fn seat(&self, mention: Mention, taken: &mut [Option<Mention>; MAX_GROUPS]) -> bool {
        let groups = &self.groups[..self.groups.len().min(MAX_GROUPS)];
        let free = |taken: &[Option<Mention>; MAX_GROUPS], concept| {
            (0..groups.len()).find(|n| taken[*n].is_none() && groups[*n].has(concept))
        };
        if let Some(n) = free(taken, mention.concept) {
            taken[n] = Some(mention);
            return true;
        }
        let moved = (0..groups.len()).filter(|n| groups[*n].has(mention.concept)).find_map(|n| {
            let other = taken[n]?;
            free(taken, other.concept).map(|to| (n, to, other))
        });
        let Some((from, to, other)) = moved else { return false };
        taken[to] = Some(other);
        taken[from] = Some(mention);
        true
    }

    fn near(&self, mentions: &[Mention], first: usize, at: usize) -> bool {
        mentions[at].word.saturating_sub(mentions[first].word) <= self.within
    }

    /// Loan words alone do not make a sentence of the rule's language: unless the text is `said` to
    /// be in it, one of its words must be no English one.
    fn native(&self, mentions: &[Mention], said: bool) -> bool {
        let own = |mention: &Mention| self.own.has(mention.concept) && (said || !mention.english);
        self.own.is_empty() || mentions.iter().any(own)
    }

    /// An excusing concept within four words of what was found.
    fn excused(&self, mentions: &[Mention], first: usize, last: usize) -> bool {
        let from = mentions[first].word.saturating_sub(4);
        let to = mentions[last].word.saturating_add(4);
        let before = mentions[..first].iter().rev().take_while(|m| m.word >= from);
        let after = mentions[first..].iter().take_while(|m| m.word <= to);
        before.chain(after).any(|mention| self.unless.has(mention.concept))
    }
}

const MAX_GROUPS: usize = 6;

/// Concepts of any language that turn the meaning of a whole sentence.
#[derive(Clone, Debug, Default)]
pub(super) struct Frames {
    /// "We never ask": what follows in the sentence is not done.
    pub(super) denial: Set,
    /// "Another shop told me", "sellers may not": told of others, or of a rule.
    pub(super) tale: Set,
    /// "But": ends what a denial reaches.
    pub(super) turn: Set,
    /// All of these.
    pub(super) all: Set,
}

/// A concept's place in the joined pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    /// Which concept.
    pub(super) concept: u16,
    /// The piece it stands in.
    pub(super) piece: usize,
    /// The n-th sentence over all pieces.
    pub(super) sentence: u32,
    /// The n-th word over all pieces.
    pub(super) word: u32,
    /// First byte, counted over all pieces.
    pub(super) start: usize,
    /// One past the last byte.
    pub(super) end: usize,
    /// Its bytes within its piece.
    pub(super) at: (usize, usize),
    /// Whether an English word of the lexicon stands there.
    pub(super) english: bool,
}

/// Which rules a concept may fulfil: a text is judged by those of its own concepts alone, however
/// many rules there are.
#[derive(Clone, Debug, Default)]
pub(super) struct Index(Vec<Vec<u16>>);

impl Index {
    /// Enters each rule under the concepts of its narrowest group.
    pub(super) fn of(rules: &[Rule]) -> Self {
        let mut index = Self::default();
        for (n, rule) in (0..).zip(rules) {
            let Some(narrowest) = rule.groups.iter().min_by_key(|group| group.len()) else { continue };
            for concept in narrowest.iter() {
                if index.0.len() <= concept {
                    index.0.resize(concept + 1, Vec::new());
                }
                index.0[concept].push(n);
            }
        }
        index
    }

    /// The rules that may be met where these concepts are present, in their order.
    pub(super) fn candidates(&self, present: &Set) -> Vec<u16> {
        let mut rules: Vec<u16> = present.iter().filter_map(|concept| self.0.get(concept)).flatten().copied().collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    }
}

/// The language of a tag, without script and region.
pub(super) fn primary(tag: &str) -> &str {
    tag.split(['-', '_']).next().unwrap_or(tag)
}

/// A set of concepts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Set(Vec<u64>);

impl Set {
    /// Puts a concept in.
    pub(super) fn insert(&mut self, concept: u16) {
        let at = usize::from(concept / 64);
        if self.0.len() <= at {
            self.0.resize(at + 1, 0);
        }
        self.0[at] |= 1 << (concept % 64);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// The concepts that are in, smallest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros() as usize;
                rest &= rest.wrapping_sub(1);
                (bit < 64).then_some(at * 64 + bit)
            })
        })
    }

    /// Whether a concept is in.
    pub(super) fn has(&self, concept: u16) -> bool {
        self.0.get(usize::from(concept / 64)).is_some_and(|word| word >> (concept % 64) & 1 == 1)
    }

    fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }

    /// Puts all concepts of another set in.
    pub(super) fn join(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(all: &[&str], unless: &[&str], ordered: bool) -> Rule {
        let text = RuleText {
            id: "t".to_owned(),
            kind: SignalKind::Threat,
            explain: String::new(),
            all: all.iter().map(|s| (*s).to_owned()).collect(),
            unless: unless.iter().map(|s| (*s).to_owned()).collect(),
            within: 5,
            ordered,
            affirmed: Vec::new(),
            must_catch: vec!["x".to_owned()],
            must_pass: Vec::new(),
        };
        Rule::compile(&text, |name| vec![u16::from(name.as_bytes()[0] - b'a')], |_| None).unwrap()
    }

    fn meets(rule: &Rule, text: &str) -> bool {
        let mut present = Set::default();
        let mentions: Vec<_> = text
            .bytes()
            .enumerate()
            .filter(|(_, b)| b.is_ascii_lowercase())
            .map(|(at, b)| {
                present.insert(u16::from(b - b'a'));
                Mention {
                    concept: u16::from(b - b'a'),
                    piece: 0,
                    sentence: text[..at].bytes().filter(|b| *b == b'.').count() as u32,
                    word: at as u32,
                    start: at,
                    end: at + 1,
                    at: (at, at + 1),
                    english: false,
                }
            })
            .collect();
        let (d, t, u) = (set(b'd'), set(b't'), set(b'u'));
        let frames = Frames { denial: d, tale: t, turn: u, ..Frames::default() };
        rule.meets(&mentions, &present, None, &frames).is_some()
    }

    fn set(letter: u8) -> Set {
        let mut set = Set::default();
        set.insert(u16::from(letter - b'a'));
        set
    }

    #[test]
    fn a_sentence_that_denies_or_tells_of_others_is_not_meant() {
        let bribe = Rule { kind: SignalKind::ReviewIncentive, ..rule(&["a", "b"], &[], false) };
        assert!(!meets(&bribe, "d--a-b") && !meets(&bribe, "t---a-b") && !meets(&bribe, "a-b---t"));
        assert!(meets(&bribe, "t-u-a-b"));
        assert!(meets(&bribe, "d-u-a-b") && meets(&bribe, "d.a-b") && meets(&bribe, "a-b.t") && meets(&bribe, "a-b-d"));
        // Who threatens and denies it, or says that others do, threatens.
        let threat = rule(&["a", "b"], &[], false);
        assert!(meets(&threat, "d--a-b") && meets(&threat, "t--a-b"));
    }

    #[test]
    fn groups_must_stand_near_each_other() {
        let rule = rule(&["a", "b|c"], &[], false);
        assert!(meets(&rule, "a--b"));
        assert!(meets(&rule, "c--a"));
        assert!(!meets(&rule, "a------b"));
        assert!(meets(&rule, "a------a--b"));
    }

    #[test]
    fn order_counts_where_the_rule_says_so() {
        let rule = rule(&["a", "b"], &[], true);
        assert!(meets(&rule, "a-b"));
        assert!(!meets(&rule, "b-a"));
    }

    #[test]
    fn a_word_that_fits_two_groups_makes_room_for_another() {
        assert!(meets(&rule(&["a|b", "a"], &[], false), "a-b"));
        assert!(!meets(&rule(&["a|b", "a"], &[], false), "b-b"));
    }

    #[test]
    fn an_excuse_near_by_excuses() {
        let rule = rule(&["a", "b"], &["z"], false);
        assert!(!meets(&rule, "z-a-b"));
        assert!(meets(&rule, "z------a-b"));
    }
}
