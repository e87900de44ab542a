//! Learned intent: what no rule says in so many words, guessed from lines that people labelled.
//!
//! A linear model over words, pairs of words and the lexicon's concepts, one row of weights for each. A concept counts
//! by its name, in whatever language it is said, so that what was learned of one language helps the others. A passage
//! is told where its best intent stands clear of honest talk by the table's own bound, which was measured on lines apart
//! from those that it was made of ([`super::learn`]).
//!
//! A guess is weaker than a rule and is told as one: its rule id has `learned` in it ([`Signal::is_guess`]).
//!
//! Method: one linear support vector machine a kind, against all others (Fan et al., LIBLINEAR, JMLR 9, 2008).
//!
//! [`Signal::is_guess`]: crate::model::Signal::is_guess

use std::{mem, ops::Range, slice};

use serde::{Deserialize, Serialize};

use super::{
    Read, is_end,
    lexicon::{Lexicon, Saying},
    signal::Set,
};
use crate::model::{Side, Signal, SignalKind};

/// What a passage is rated for: honest talk first, then the kinds; never more.
pub(super) const LANES: usize = 16;

/// So many words are one passage, however many sentences.
const PASSAGE: usize = 40;

/// Fewer words that it knows are no sentence.
const FEWEST: usize = 4;

/// More signs than this between two words say nothing more.
const SIGNS: usize = 16;

/// The weights.
pub(super) struct Learned {
    head: Head,
    /// Sorted; the row of the n-th is the n-th.
    keys: Vec<u32>,
    rows: Vec<[i8; LANES]>,
    /// Where the keys begin that share their highest sixteen bits.
    buckets: Vec<u32>,
    /// A bit for the highest nineteen of every key: most pairs of words are not known, and are told from it alone.
    likely: Vec<u64>,
}

/// The first line of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    /// What is told apart, in the order of the columns after honest talk.
    pub(super) kinds: Vec<SignalKind>,
    /// What every passage has of each, honest talk first.
    pub(super) bias: Vec<f32>,
    /// What one step of a weight counts.
    pub(super) step: f32,
    /// So far above honest talk an intent must stand.
    pub(super) least: f32,
    /// How many rows follow.
    pub(super) rows: usize,
    /// A checksum of the lines that it was made of.
    pub(super) made_of: String,
}

/// What a passage seems to be up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Guess {
    pub(super) kind: SignalKind,
    /// The piece that it stands in, of several the one that says most of it.
    pub(super) piece: usize,
    /// Its bytes there, folded.
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Words of a piece.
struct Passage {
    piece: usize,
    words: Range<usize>,
}

const MAGIC: &[u8] = b"tabir-learned-1 ";

impl Learned {
    /// Reads a table.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let rest = bytes.strip_prefix(MAGIC).ok_or("no table of learned weights")?;
        let line = rest.iter().position(|byte| *byte == b'\n').ok_or("the first line does not end")?;
        let head: Head = serde_json::from_slice(&rest[..line]).map_err(|_| "the first line can not be read")?;
        let columns = head.kinds.len() + 1;
        if columns > LANES || head.bias.len() != columns {
            return Err("it does not tell one bias for honest talk and for each kind");
        }
        if !(head.step.is_finite() && head.least.is_finite() && head.bias.iter().all(|bias| bias.is_finite())) {
            return Err("a number of the first line is none");
        }
        let body = &rest[line + 1..];
        if head.rows.checked_mul(4 + columns) != Some(body.len()) {
            return Err("it has more or fewer rows than it says");
        }
        let (mut keys, mut rows) = (Vec::with_capacity(head.rows), Vec::with_capacity(head.rows));
        for row in body.chunks_exact(4 + columns) {
            let (key, weights) = row.split_at(4);
            keys.push(u32::from_le_bytes(key.try_into().unwrap_or_default()));
            let mut lanes = [0; LANES];
            lanes.iter_mut().zip(weights).for_each(|(lane, weight)| *lane = weight.cast_signed());
            rows.push(lanes);
        }
        if !keys.is_sorted_by(|a, b| a < b) {
            return Err("its rows are not in order");
        }
        let mut buckets = vec![0; BUCKETS + 1];
        keys.iter().for_each(|key| buckets[bucket(*key) + 1] += 1);
        (0..BUCKETS).for_each(|at| buckets[at + 1] += buckets[at]);
        let mut likely = vec![0; 1 << (19 - 6)];
        keys.iter().for_each(|key| likely[(key >> 19) as usize] |= 1 << (key >> 13 & 63));
        Ok(Self { head, keys, rows, buckets, likely })
    }

    /// Writes a table: sorted keys, and a weight for each column.
    pub(super) fn write(head: &Head, rows: &[(u32, Vec<i8>)]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(serde_json::to_vec(head).unwrap_or_default());
        bytes.push(b'\n');
        for (key, weights) in rows {
            bytes.extend(key.to_le_bytes());
            bytes.extend(weights.iter().map(|weight| weight.cast_unsigned()));
        }
        bytes
    }

    /// The checksum of the lines that it was made of.
    pub(super) fn made_of(&self) -> &str {
        &self.head.made_of
    }

    /// What the pieces of a message seem to be up to. What only buyers do is not asked of sellers.
    pub(super) fn guesses(&self, lexicon: &Lexicon, texts: &[Read], sender: Side) -> Vec<Guess> {
        let mut guesses = Vec::new();
        let meant: Vec<Meant<'_>> = texts.iter().map(|read| Meant::of(lexicon, read)).collect();
        for passage in passages(texts) {
            if let Some((kind, above)) = self.sums(lexicon, &meant, &passage).best(sender)
                && above >= self.head.least
                && let Some(most) = self.most(lexicon, &meant, &passage, kind)
            {
                let tokens = texts[most.piece].view.tokens();
                let (start, end) = (tokens[most.words.start].start, tokens[most.words.end - 1].end);
                guesses.push(Guess { kind, piece: most.piece, start, end });
            }
        }
        guesses
    }

    /// The part of a passage that by itself is likeliest this intent.
    fn most<'a>(
        &self,
        lexicon: &Lexicon,
        meant: &[Meant<'_>],
        passage: &'a [Passage],
        kind: SignalKind,
    ) -> Option<&'a Passage> {
        let rated = passage.iter().map(|part| (part, self.sums(lexicon, meant, slice::from_ref(part)).above(kind)));
        rated.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(part, _)| part)
    }

    /// The likeliest intent of the likeliest passage, as who learns rates a line.
    pub(super) fn best_of(&self, passages: &[Features], sender: Side) -> Option<(SignalKind, f32)> {
        let rated = passages.iter().filter_map(|features| {
            let mut sums = Sums::of(self);
            features.each(&mut |class, key| sums.add(class, key));
            sums.best(sender)
        });
        rated.max_by(|a, b| a.1.total_cmp(&b.1))
    }

    fn sums(&self, lexicon: &Lexicon, meant: &[Meant<'_>], passage: &[Passage]) -> Sums<'_> {
        let mut sums = Sums::of(self);
        read(lexicon, meant, passage, &mut |class, key| sums.add(class, key));
        sums
    }

    fn row(&self, key: u32) -> Option<&[i8; LANES]> {
        if self.likely[(key >> 19) as usize] >> (key >> 13 & 63) & 1 == 0 {
            return None;
        }
        let at = bucket(key);
        let (from, to) = (self.buckets[at] as usize, self.buckets[at + 1] as usize);
        let own = self.keys[from..to].binary_search(&key).ok()?;
        self.rows.get(from + own)
    }
}

const BUCKETS: usize = 1 << 16;

fn bucket(key: u32) -> usize {
    (key >> 16) as usize
}

/// The id of the rule that a guess is told as, explained in a language of the lexicon.
pub(super) fn rule(language: &str, kind: SignalKind) -> String {
    format!("{language}.{}{}", Signal::GUESS, kind.as_str())
}

/// A seller neither bargains with a review nor asks not to be written to.
fn buyers_only(kind: SignalKind) -> bool {
    matches!(kind, SignalKind::Demand | SignalKind::Stop)
}

/// What counts of a passage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// A word with letters.
    Word,
    /// A number, a sign, or what stands beside what.
    Other,
    /// What a word means, or what was found.
    Concept,
}

/// A passage being rated.
struct Sums<'a> {
    table: &'a Learned,
    columns: [i32; LANES],
    /// How many words, how many of them are known, and how many features there are in all.
    words: usize,
    known: usize,
    all: usize,
}

impl<'a> Sums<'a> {
    fn of(table: &'a Learned) -> Self {
        Self { table, columns: [0; LANES], words: 0, known: 0, all: 0 }
    }

    fn add(&mut self, class: Class, key: u32) {
        let is_word = usize::from(class == Class::Word);
        self.all += 1;
        self.words += is_word;
        if let Some(row) = self.table.row(key) {
            self.known += is_word;
            self.columns.iter_mut().zip(row).for_each(|(sum, weight)| *sum += i32::from(*weight));
        }
    }

    /// The likeliest intent, and how far it stands above honest talk.
    fn best(&self, sender: Side) -> Option<(SignalKind, f32)> {
        // Of a language that it did not learn, or of names and codes alone, it says nothing.
        if self.known < FEWEST || self.known * 2 < self.words {
            return None;
        }
        let asked = |kind: SignalKind| sender == Side::Buyer || !buyers_only(kind);
        let kinds = self.table.head.kinds.iter().filter(|kind| asked(**kind));
        kinds.map(|kind| (*kind, self.above(*kind))).max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// How far an intent stands above honest talk.
    fn above(&self, kind: SignalKind) -> f32 {
        let head = &self.table.head;
        let scale = head.step * weight(self.all);
        let score = |column: usize| self.columns[column] as f32 * scale + head.bias[column];
        let column = head.kinds.iter().position(|own| *own == kind).map_or(0, |at| at + 1);
        score(column) - score(0)
    }
}

/// What each of so many features counts: together they are as long as any other passage.
fn weight(features: usize) -> f32 {
    1.0 / (features.max(1) as f32).sqrt()
}

/// What of a passage counts, for who learns from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Features(Vec<(Class, u32)>);

impl Features {
    /// All pieces as one passage.
    pub(super) fn whole(lexicon: &Lexicon, texts: &[Read]) -> Self {
        let all = |(piece, read): (usize, &Read)| Passage { piece, words: 0..read.view.tokens().len() };
        let meant: Vec<Meant<'_>> = texts.iter().map(|read| Meant::of(lexicon, read)).collect();
        Self::of(lexicon, &meant, &texts.iter().enumerate().map(all).collect::<Vec<_>>())
    }

    /// Every passage by itself, as it is judged.
    pub(super) fn apart(lexicon: &Lexicon, texts: &[Read]) -> Vec<Self> {
        let meant: Vec<Meant<'_>> = texts.iter().map(|read| Meant::of(lexicon, read)).collect();
        passages(texts).iter().map(|passage| Self::of(lexicon, &meant, passage)).collect()
    }

    fn of(lexicon: &Lexicon, meant: &[Meant<'_>], passage: &[Passage]) -> Self {
        let mut features = Self::default();
        read(lexicon, meant, passage, &mut |class, key| features.0.push((class, key)));
        features
    }

    fn each(&self, add: &mut impl FnMut(Class, u32)) {
        self.0.iter().for_each(|(class, key)| add(*class, *key));
    }

    /// The keys of all.
    pub(super) fn keys(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|(_, key)| *key)
    }

    /// What each of them counts.
    pub(super) fn weight(&self) -> f32 {
        weight(self.0.len())
    }
}

/// A sum over all words of these pieces: two forms of a message that say the same have the same.
pub(super) fn said<'a>(texts: impl Iterator<Item = &'a Read>) -> u64 {
    let mut sum = 0;
    for read in texts {
        let bytes = read.view.text().as_bytes();
        for token in read.view.tokens().iter() {
            sum = mix(sum, u64::from(key(b'w', &bytes[token.start..token.end])));
        }
    }
    sum
}

/// What is judged together: a short message as a whole, a long text in some sentences at a time, over the ends of its
/// pieces, or lines of three words would never be judged.
fn passages(texts: &[Read]) -> Vec<Vec<Passage>> {
    let (mut passages, mut own, mut length) = (Vec::new(), Vec::new(), 0);
    for (piece, read) in texts.iter().enumerate() {
        for words in sentences(read) {
            if length + words.len() > PASSAGE {
                passages.push(mem::take(&mut own));
                length = 0;
            }
            length += words.len();
            own.push(Passage { piece, words });
        }
    }
    passages.push(own);
    passages.retain(|passage| passage.iter().map(|part| part.words.len()).sum::<usize>() >= FEWEST);
    passages
}

/// As many whole sentences as make a passage.
fn sentences(read: &Read) -> Vec<Range<usize>> {
    let (tokens, bytes) = (read.view.tokens(), read.view.text().as_bytes());
    let (mut parts, mut from, mut end) = (Vec::new(), 0, 0);
    for at in 0..tokens.len() {
        if at + 1 - from > PASSAGE {
            let to = if end > from { end } else { at };
            parts.push(from..to);
            from = to;
        }
        let after = tokens.get(at + 1).map_or(bytes.len(), |next| next.start);
        if (tokens[at].end..after).any(|byte| is_end(bytes, byte)) {
            end = at + 1;
        }
    }
    parts.push(from..tokens.len());
    parts.retain(|part| !part.is_empty());
    parts
}

/// A piece with what was found in it in the order of the text, so that a passage is reached without reading all others.
struct Meant<'a> {
    read: &'a Read,
    found: Vec<(usize, u16)>,
}

impl<'a> Meant<'a> {
    fn of(lexicon: &Lexicon, read: &'a Read) -> Self {
        let mut found: Vec<_> = read.found().map(|(start, _, concept)| (start, lexicon.name(concept))).collect();
        found.sort_unstable();
        Self { read, found }
    }

    /// What is said from one byte to another.
    fn said(&self, within: &Range<usize>) -> &'a [Saying] {
        let at = |byte: usize| self.read.said.partition_point(|saying| saying.start < byte);
        &self.read.said[at(within.start)..at(within.end)]
    }

    /// What was found from one byte to another.
    fn found(&self, within: &Range<usize>) -> &[(usize, u16)] {
        let at = |byte: usize| self.found.partition_point(|(start, _)| *start < byte);
        &self.found[at(within.start)..at(within.end)]
    }
}

/// Tells what counts of a passage, each feature once: who says an ordinary sentence ten times says no more.
fn read(lexicon: &Lexicon, texts: &[Meant<'_>], passage: &[Passage], add: &mut impl FnMut(Class, u32)) {
    let (mut concepts, mut seen) = (Set::default(), Seen::default());
    let add = &mut |class: Class, key: u32| {
        if seen.is_new(key) {
            add(class, key);
        }
    };
    for Passage { piece, words } in passage {
        let (meant, read) = (&texts[*piece], texts[*piece].read);
        let (text, tokens) = (read.view.text(), read.view.tokens());
        let (Some(first), Some(last)) = (tokens.get(words.start), words.end.checked_sub(1).and_then(|n| tokens.get(n)))
        else {
            continue;
        };
        let mut before = EDGE;
        let mut word = |key: u32, class: Class| {
            add(class, key);
            add(Class::Other, pair(before, key));
            before = key;
        };
        let until = tokens.get(words.end).map_or(text.len(), |next| next.start);
        let mut end = first.start;
        for token in &tokens[words.clone()] {
            signs(&text[end..token.start], &mut word);
            let own = &text.as_bytes()[token.start..token.end];
            if token.has_figures() {
                // What a number is does not tell an intent.
                let plain = |byte: &u8| if byte.is_ascii_digit() { b'0' } else { *byte };
                word(key(b'w', &own.iter().map(plain).collect::<Vec<_>>()), Class::Other);
            } else {
                word(key(b'w', own), Class::Word);
            }
            end = token.end;
        }
        signs(&text[last.end..until], &mut word);
        add(Class::Other, pair(before, EDGE));
        let within = first.start..until;
        meant.said(&within).iter().flat_map(|saying| lexicon.names(saying)).for_each(|name| concepts.insert(*name));
        meant.found(&within).iter().for_each(|(_, name)| concepts.insert(*name));
    }
    concepts.iter().filter_map(|name| lexicon.name_keys.get(name)).for_each(|key| add(Class::Concept, *key));
}

/// Which features a passage had so far, by the lowest bits of their keys: of two hundred one in fifty is taken for another,
/// the same ones when it is learned from.
struct Seen([u64; 64]);

impl Default for Seen {
    fn default() -> Self {
        Self([0; 64])
    }
}

impl Seen {
    fn is_new(&mut self, key: u32) -> bool {
        let (word, bit) = ((key >> 6 & 63) as usize, 1 << (key & 63));
        let new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        new
    }
}

/// Signs between words are words of their own.
fn signs(between: &str, word: &mut impl FnMut(u32, Class)) {
    if between == " " {
        return;
    }
    let signs = between.char_indices().filter(|(_, c)| !c.is_whitespace()).take(SIGNS);
    signs.for_each(|(at, c)| word(key(b'w', &between.as_bytes()[at..at + c.len_utf8()]), Class::Other));
}

/// Where a passage begins or ends.
const EDGE: u32 = 0;

fn pair(before: u32, key: u32) -> u32 {
    let mixed = (before.rotate_left(5) ^ key).wrapping_mul(0x9e37_79b1);
    mixed ^ mixed >> 15
}

/// A word's key; its highest bits choose the bucket. Eight bytes are mixed at a time: most words are no longer.
pub(super) fn key(of: u8, bytes: &[u8]) -> u32 {
    let (eights, rest) = bytes.as_chunks::<8>();
    let hash =
        eights.iter().fold(mix(u64::from(of), bytes.len() as u64), |hash, eight| mix(hash, u64::from_le_bytes(*eight)));
    let rest = rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    (mix(hash, rest) >> 32) as u32
}

fn mix(hash: u64, word: u64) -> u64 {
    let mixed = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 29
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        detect::{Context, Detect, Piece, Window},
        model::Part,
    };

    static DETECT: LazyLock<Detect> = LazyLock::new(|| Detect::embedded().unwrap());

    fn told(text: &str, sender: Side) -> Vec<String> {
        let context = Context { sender, ..Context::default() };
        let pieces = [Piece { part: Part::Text(0), text }];
        DETECT.scan(&pieces, &context, &Window::default()).signals.into_iter().map(|signal| signal.rule).collect()
    }

    fn small() -> Vec<u8> {
        let head = Head {
            kinds: vec![SignalKind::Threat, SignalKind::Stop],
            bias: vec![0.0, 0.0, 5.2],
            step: 1.0,
            least: 0.5,
            rows: 4,
            made_of: String::new(),
        };
        let mut rows: Vec<(u32, Vec<i8>)> = ["alpha", "beta", "gamma", "delta"]
            .iter()
            .map(|word| (key(b'w', word.as_bytes()), vec![0, 9, 0]))
            .collect();
        rows.sort_unstable();
        Learned::write(&head, &rows)
    }

    fn guesses(text: &str, sender: Side) -> Vec<Guess> {
        let table = Learned::read(&small()).unwrap();
        table.guesses(&DETECT.lexicon, &[DETECT.read(text)], sender)
    }

    #[test]
    fn a_table_is_read_as_it_was_written() {
        let table = Learned::read(&small()).unwrap();
        assert_eq!(table.row(key(b'w', b"alpha")).map(|row| &row[..3]), Some(&[0, 9, 0][..]));
        assert_eq!(table.row(key(b'w', b"omega")), None);
    }

    #[test]
    fn a_broken_table_is_told() {
        let good = small();
        for (name, bytes) in [
            ("empty", Vec::new()),
            ("short", good[..good.len() - 1].to_vec()),
            ("long", [good.as_slice(), b"x"].concat()),
            ("no line", MAGIC.to_vec()),
            ("no JSON", [MAGIC, b"{}\n"].concat()),
        ] {
            assert!(Learned::read(&bytes).is_err(), "{name}");
        }
    }

    #[test]
    fn what_stands_clear_of_honest_talk_is_guessed_where_it_stands() {
        let guess = guesses("1. Alpha beta gamma delta!", Side::Seller);
        assert_eq!(guess, [Guess { kind: SignalKind::Threat, piece: 0, start: 0, end: 25 }]);
        // Three words are too few, and where it does not know most of them it says nothing.
        assert_eq!(guesses("alpha beta gamma", Side::Seller), []);
        assert_eq!(guesses("alpha beta gamma delta un deux trois quatre cinq", Side::Seller), []);
    }

    #[test]
    fn of_several_pieces_the_one_that_says_it_is_cited() {
        let table = Learned::read(&small()).unwrap();
        let texts = ["Alpha beta gamma delta!", "Kind regards"].map(|text| DETECT.read(text));
        let guess = table.guesses(&DETECT.lexicon, &texts, Side::Seller);
        assert_eq!(guess, [Guess { kind: SignalKind::Threat, piece: 0, start: 0, end: 22 }]);
    }

    #[test]
    fn lines_of_a_few_words_are_judged_together_however_many() {
        let table = Learned::read(&small()).unwrap();
        let lines = ["alpha beta", "gamma delta"].iter().cycle().take(60).map(|text| DETECT.read(text));
        let guesses = table.guesses(&DETECT.lexicon, &lines.collect::<Vec<_>>(), Side::Seller);
        assert_eq!(guesses.iter().map(|guess| guess.kind).collect::<Vec<_>>(), [SignalKind::Threat; 3]);
    }

    #[test]
    fn what_is_said_again_counts_once() {
        let features = |text: &str| {
            let read = DETECT.read(text);
            let mut keys: Vec<u32> = Features::whole(&DETECT.lexicon, &[read]).keys().collect();
            keys.sort_unstable();
            keys
        };
        let (once, often) = (features("It is on its way, it"), features(&"It is on its way, ".repeat(9)));
        assert_eq!(once.len(), often.len());
    }

    #[test]
    fn a_row_of_signs_is_read_as_far_as_it_says_something() {
        let features = |signs: usize| {
            let text = format!("alpha {}$ beta", "!".repeat(signs));
            Features::whole(&DETECT.lexicon, &[DETECT.read(&text)]).keys().collect::<Vec<_>>()
        };
        assert!(features(SIGNS - 1) != features(SIGNS) && features(SIGNS) == features(100 * SIGNS));
    }

    #[test]
    fn what_only_buyers_do_is_not_asked_of_sellers() {
        let numbers: Vec<String> = (1..=20).map(|figures| "1".repeat(figures)).collect();
        let weak = format!("alpha beta gamma delta {}", numbers.join(" "));
        let kinds = |sender| guesses(&weak, sender).into_iter().map(|guess| guess.kind).collect::<Vec<_>>();
        assert_eq!(kinds(Side::Buyer), [SignalKind::Stop]);
        assert_eq!(kinds(Side::Seller), [SignalKind::Threat]);
    }

    #[test]
    fn a_long_text_is_judged_some_sentences_at_a_time() {
        let honest = "Parcel sent today. ".repeat(30);
        let at = honest.len();
        let guess = guesses(&format!("{honest}Alpha beta gamma delta. {honest}"), Side::Seller);
        assert!(guess.is_empty() || guess.iter().all(|g| g.start <= at && at < g.end), "{guess:?}");
        let read = DETECT.read(&honest);
        let parts = sentences(&read);
        assert!(parts.iter().all(|part| part.len() <= PASSAGE && part.len() % 3 == 0), "{parts:?}");
        assert_eq!(parts.iter().map(Range::len).sum::<usize>(), 90);
        // What never ends is cut all the same.
        let endless = DETECT.read(&"word ".repeat(95));
        assert_eq!(sentences(&endless), [0..40, 40..80, 80..95]);
    }

    #[test]
    fn ordinary_talk_and_codes_are_no_intent() {
        for text in [
            "The parcel left our warehouse this morning and should arrive on Thursday.",
            "Barangnya sudah kami kirim tadi pagi ya kak, ditunggu saja.",
            "Paczka została nadana dziś rano, dotrze najpóźniej w czwartek.",
            "00:00:5E:00:53:01 to 00:00:5E:00:53:FF",
            "Die Ware ist heute verschickt worden und kommt am Donnerstag an.",
        ] {
            assert_eq!(told(text, Side::Seller), Vec::<String>::new(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd_for_a_table(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Learned::read(&bytes);
            let _ = Learned::read(&[MAGIC, &bytes].concat());
        }

        #[test]
        fn every_word_of_a_text_is_in_one_passage(text in "([a-z]{1,6}[ .!?]{1,2}){0,120}") {
            let read = DETECT.read(&text);
            let parts = sentences(&read);
            let mut next = 0;
            for part in &parts {
                prop_assert_eq!(part.start, next);
                prop_assert!(part.len() <= PASSAGE);
                next = part.end;
            }
            prop_assert_eq!(next, read.view.tokens().len());
        }
    }
}
