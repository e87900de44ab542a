//! Finding ways off the platform in text, and what a text is up to.
//!
//! A message's texts come in the order of reading. Each is folded with an exact way back
//! ([`fold`]), read once for the words of every language ([`lexicon`]), and looked at by the
//! detectors, as written and with its veils taken off ([`unveil`]). What is split over texts and
//! messages is put together ([`split`], [`Window`]). Rules over concepts tell the intent
//! ([`signal`]). Everything is pure, linear in the text, and asks no policy questions.
//!
//! A detector is one file with a function and one line in [`DETECTORS`].
//!
//! # Security
//! Parses hostile bytes; holds no keys, touches neither disk nor network, never looks at a clock.
//! Guarded names are handed in per message and zeroed by their owner. Nothing found is logged.

mod address;
mod amount;
mod carried;
mod concepts;
mod confusable;
mod context;
mod digits;
mod email;
mod encoded;
mod fold;
mod learn;
mod learned;
mod lexicon;
mod lines;
mod link;
mod name;
mod number;
mod payment;
mod phone;
mod placeholder;
mod postcode;
mod sight;
mod signal;
mod social;
mod split;
mod spread;
mod streets;
mod strewn;
mod token;
mod trie;
mod turned;
mod unveil;
mod window;

pub use carried::link_stays;
pub use context::{Context, Guard, Known, Own, Piece, Report, Said};
pub use fold::View;
pub use learn::{LearnFault, Lesson, Line, checksum};
pub use lexicon::{ExampleFault, LexiconFault};
pub use placeholder::placeholder;
pub use window::Window;

use std::{borrow::Cow, fmt, sync::Arc};

use self::{
    context::Around,
    learned::Learned,
    lexicon::{Heard, Hit, Lexicon, Saying, folded},
    sight::{Face, Finds, Sight},
    signal::{Mention, Set},
};
use crate::model::{Finding, Kind, Part, Sentence, Signal};

/// A detector: looks at a text and adds what it finds.
type Detector = fn(&Sight<'_>, &mut Finds);

/// Every detector, by the name of its file. Earlier ones take a place first.
const DETECTORS: &[(&str, Detector)] = &[
    ("email", email::find),
    ("link", link::find),
    ("payment", payment::find),
    ("phone", phone::find),
    ("social", social::find),
    ("spread", spread::find),
    ("address", address::find),
    ("name", name::find),
];

/// The compiled rules: made once, shared by all.
pub struct Detect {
    lexicon: Arc<Lexicon>,
    learned: Arc<Learned>,
    /// Whether an operator's words are among it.
    own: bool,
    detectors: &'static [(&'static str, Detector)],
}

impl fmt::Debug for Detect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("«detect»")
    }
}

impl Detect {
    /// With the lexicons that come with the program.
    pub fn embedded() -> Result<Self, Vec<LexiconFault>> {
        Self::new(LEXICONS)
    }

    /// With an operator's lexicons, given as (path, text), beside those that come with the program. One that
    /// has the file name of one of these takes its place; one in the same language adds to it.
    pub fn with(own: &[(String, String)]) -> Result<Self, Vec<LexiconFault>> {
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let replaced = |path: &str| own.iter().any(|(mine, _)| name(mine) == name(path));
        let kept = LEXICONS.iter().copied().filter(|(path, _)| !replaced(path));
        let all: Vec<_> = kept.chain(own.iter().map(|(path, text)| (path.as_str(), text.as_str()))).collect();
        Self::new(&all).map(|detect| Self { own: !own.is_empty(), ..detect })
    }

    /// Whether it is as the program came, without an operator's words.
    pub fn is_as_it_came(&self) -> bool {
        !self.own
    }

    /// With lexicons given as (file name, text).
    pub fn new(lexicons: &[(&str, &str)]) -> Result<Self, Vec<LexiconFault>> {
        let lexicon = Lexicon::read(lexicons)?;
        let learned = Learned::read(LEARNED).map_err(|why| vec![unread(TABLE, why)])?;
        Ok(Self { lexicon: Arc::new(lexicon), learned: Arc::new(learned), own: false, detectors: DETECTORS })
    }

    /// With another table of learned weights, as [`learn`](Self::learn) makes it; `path` is told in a fault.
    ///
    /// # Errors
    /// When it is no such table.
    pub fn taught(self, path: &str, table: &[u8]) -> Result<Self, LexiconFault> {
        let learned = Learned::read(table).map_err(|why| unread(path, why))?;
        Ok(Self { learned: Arc::new(learned), own: true, ..self })
    }

    /// The checksum of the lines that the table of learned weights was made of.
    pub fn made_of(&self) -> &str {
        self.learned.made_of()
    }

    /// The names of all detectors, in their order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        DETECTORS.iter().map(|(name, _)| *name)
    }

    /// The same words and one detector alone, so that what goes wrong is told of one.
    pub fn only(&self, name: &str) -> Option<Self> {
        let at = DETECTORS.iter().position(|(known, _)| *known == name)?;
        let (lexicon, learned) = (Arc::clone(&self.lexicon), Arc::clone(&self.learned));
        Some(Self { lexicon, learned, own: self.own, detectors: &DETECTORS[at..=at] })
    }

    /// Looks at the texts of a message, after what `window` remembers of earlier ones.
    pub fn scan(&self, pieces: &[Piece<'_>], context: &Context, window: &Window) -> Report {
        self.scanned(pieces, context, window, None)
    }

    /// The same of another form of a message that has been looked at: where it says the same words, nothing is guessed
    /// of them again.
    pub fn scan_again(&self, pieces: &[Piece<'_>], context: &Context, window: &Window, said: Said) -> Report {
        self.scanned(pieces, context, window, Some(said))
    }

    fn scanned(&self, pieces: &[Piece<'_>], context: &Context, window: &Window, before: Option<Said>) -> Report {
        let context = &Around::of(context);
        let mut texts: Vec<Read> = pieces.iter().map(|piece| self.read(piece.text)).collect();
        for (text, piece) in texts.iter_mut().zip(pieces) {
            self.look(text, piece.text, context);
        }
        let window = split::look(self, &mut texts, context, window);
        let mut signals = self.signals(pieces, &texts, context.lang.as_deref());
        let words = pieces.iter().zip(&texts).filter(|(piece, _)| piece.part != Part::Subject);
        let said = Said(learned::said(words.map(|(_, read)| read)));
        if before != Some(said) {
            self.guess(pieces, &texts, context, &mut signals);
        }
        let mut report = Report { signals, window, said, ..Report::default() };
        for (piece, text) in pieces.iter().zip(texts) {
            let chars = Chars::of(piece.text);
            let spans = settled(text.spans, &chars, context);
            let spans = self.again(spans, &chars, context);
            report.redacted.push(redacted(piece.text, &spans, context.reader.as_deref().or(context.lang.as_deref())));
            report.findings.extend(spans.iter().map(|span| finding(piece.part, &chars, span)));
        }
        report
    }

    /// Runs the examples of every rule.
    pub fn examples(&self) -> Vec<ExampleFault> {
        let mut faults = Vec::new();
        for rule in &self.lexicon.rules {
            let fault =
                |message, example: &String| ExampleFault { rule: rule.id.clone(), message, example: example.clone() };
            for example in rule.must_catch.iter().filter(|text| !self.meets(rule, text)) {
                faults.push(fault("must be caught", example));
            }
            for example in rule.must_pass.iter().filter(|text| self.meets(rule, text)) {
                faults.push(fault("must pass", example));
            }
        }
        faults
    }

    /// Why, in words for the sender: of a rule, in the language of its file; of a kind of finding
    /// (`phone`), in `lang` or else in English.
    pub fn explanation(&self, what: &str, lang: Option<&str>) -> Option<&str> {
        let words = |key: &str| self.lexicon.explanations.get(key).map(String::as_str);
        if what.contains('.') {
            return words(what);
        }
        lang.and_then(|lang| words(&format!("{}:{what}", signal::primary(lang))))
            .or_else(|| words(&format!("en:{what}")))
    }

    fn read(&self, text: &str) -> Read {
        let view = View::of(text);
        let Heard { hits, said, .. } = self.lexicon.heard(&view);
        Read { view, hits, said, spans: Vec::new() }
    }

    /// Every detector over the text as written and with its veils taken off.
    fn look(&self, text: &mut Read, raw: &str, context: &Around<'_>) {
        let mut found = Finds::default();
        self.detect(&text.view, &text.hits, context, Face::Plain, raw, &mut found);
        keep(&text.view, &found, &mut text.spans);
        self.lift(&text.view, &text.hits, context, raw, &mut text.spans);
        let decoded = encoded::decoded(&text.view);
        let lines = lines::joined(decoded.as_ref().unwrap_or(&text.view));
        if let Some(view) = lines.as_ref().or(decoded.as_ref()) {
            let hits = self.lexicon.hits(view);
            self.unveiled(view, &hits, context, raw, &mut text.spans);
            self.lift(view, &hits, context, raw, &mut text.spans);
        }
        if let Some(view) = turned::back(raw, &text.hits) {
            if text.hits.iter().any(|hit| sight::is(hit, social::NETWORKS)) {
                let ids = turned::ids(&view).into_iter().map(|(start, end)| view.chars(start, end));
                text.spans.extend(ids.map(|id| Span::plain(id, Kind::Social)));
            }
            let hits = self.lexicon.hits(&view);
            self.unveiled(&view, &hits, context, raw, &mut text.spans);
            self.lift(&view, &hits, context, raw, &mut text.spans);
        }
    }

    /// Every detector over a view with its letters put together and signs for the words of signs.
    fn lift(&self, view: &View, hits: &[Hit], context: &Around<'_>, raw: &str, spans: &mut Vec<Span>) {
        let spread = spread::gathered(view).or_else(|| strewn::cleared(view));
        let gathered = unveil::gathered(spread.as_ref().unwrap_or(view)).or(spread);
        let gathered = gathered.map(|view| (self.lexicon.hits(&view), view));
        if let Some((hits, view)) = &gathered {
            self.unveiled(view, hits, context, raw, spans);
        }
        let (view, hits) = gathered.as_ref().map_or((view, hits), |(hits, view)| (view, hits.as_slice()));
        if let Some(view) = unveil::signed(view, hits) {
            let hits = self.lexicon.hits(&view);
            self.unveiled(&view, &hits, context, raw, spans);
        }
    }

    /// Looks again at what is left, until nothing more is found: taking one thing out may bare
    /// another.
    fn again(&self, mut spans: Vec<Span>, chars: &Chars<'_>, context: &Around<'_>) -> Vec<Span> {
        for _ in 0..ROUNDS {
            if spans.is_empty() {
                break;
            }
            let (left, places) = remainder(chars.text, &spans, context.lang.as_deref());
            let left = Chars::of(&left);
            let mut fresh = Vec::new();
            for near in changed(&places) {
                let text = left.slice(near.start, near.end);
                let mut read = self.read(text);
                self.look(&mut read, text, context);
                let moved = read.spans.iter().map(|span| span.moved(near.start));
                let whole = moved.filter(|span| near.holds(span, places.len()));
                fresh.extend(whole.filter_map(|span| span.at(&places)));
            }
            if fresh.is_empty() {
                break;
            }
            let before = spans.clone();
            spans.extend(fresh);
            spans = settled(spans, chars, context);
            if spans == before {
                break;
            }
        }
        spans
    }

    fn unveiled(&self, view: &View, hits: &[Hit], context: &Around<'_>, raw: &str, spans: &mut Vec<Span>) {
        let mut found = Finds::default();
        self.detect(view, hits, context, Face::Unveiled, raw, &mut found);
        keep(view, &found, spans);
    }

    fn detect(&self, view: &View, hits: &[Hit], context: &Around<'_>, face: Face, raw: &str, found: &mut Finds) {
        let sight = Sight::new(view, hits, context, face, raw);
        self.detectors.iter().for_each(|(_, detector)| detector(&sight, found));
    }

    fn meets(&self, rule: &signal::Rule, text: &str) -> bool {
        let mut read = [self.read(text)];
        let context = Context { lang: rule.language().map(str::to_owned), ..Context::default() };
        self.look(&mut read[0], text, &Around::of(&context));
        let present = self.present(&read);
        rule.possible(&present) && {
            let mut wanted = rule.concepts().clone();
            wanted.join(&self.lexicon.frames.all);
            rule.meets(&self.mentions(&read, &wanted), &present, rule.language(), &self.lexicon.frames).is_some()
        }
    }

    fn signals(&self, pieces: &[Piece<'_>], texts: &[Read], lang: Option<&str>) -> Vec<Signal> {
        let present = self.present(texts);
        let possible: Vec<&signal::Rule> = self.lexicon.rules_for(&present).collect();
        if possible.is_empty() {
            return Vec::new();
        }
        let frames = &self.lexicon.frames;
        let mut wanted = frames.all.clone();
        possible.iter().for_each(|rule| wanted.join(rule.concepts()));
        let mentions = self.mentions(texts, &wanted);
        let met = possible.into_iter().filter_map(|rule| Some((rule, rule.meets(&mentions, &present, lang, frames)?)));
        let mut signals: Vec<Signal> = met
            .map(|(rule, (first, last))| Signal {
                part: pieces[last.piece].part,
                kind: rule.kind,
                rule: rule.id.clone(),
                sentence: Some(sentence(pieces[last.piece].text, &texts[last.piece].view, &first, &last)),
            })
            .collect();
        signals.sort_by(|a, b| (a.part, a.kind, &a.rule).cmp(&(b.part, b.kind, &b.rule)));
        signals.dedup_by_key(|signal| (signal.part, signal.kind));
        signals
    }

    /// Adds what no rule saw, and what was learned tells.
    fn guess(&self, pieces: &[Piece<'_>], texts: &[Read], context: &Context, signals: &mut Vec<Signal>) {
        let own = context.lang.as_deref().map_or("en", signal::primary);
        for guess in self.learned.guesses(&self.lexicon, texts, context.sender) {
            let (part, kind) = (pieces[guess.piece].part, guess.kind);
            if signals.iter().any(|signal| signal.kind == kind) {
                continue;
            }
            let rule = learned::rule(own, kind);
            let known = self.lexicon.explanations.contains_key(&rule);
            let rule = if known { rule } else { learned::rule("en", kind) };
            let sentence = Some(cited(pieces[guess.piece].text, &texts[guess.piece].view, (guess.start, guess.end)));
            signals.push(Signal { part, kind, rule, sentence });
        }
        signals.sort_by(|a, b| (a.part, a.kind, &a.rule).cmp(&(b.part, b.kind, &b.rule)));
    }

    /// The concepts of all pieces; what was found is a concept too.
    fn present(&self, texts: &[Read]) -> Set {
        let mut present = Set::default();
        for read in texts {
            // A text says most of its words again and again.
            let mut said: Vec<&Saying> = read.said.iter().collect();
            said.sort_unstable_by_key(|saying| saying.group);
            said.dedup_by_key(|saying| saying.group);
            let said = said.into_iter().flat_map(|saying| self.lexicon.concepts(saying)).copied();
            said.chain(read.found().map(|(.., concept)| concept)).for_each(|concept| present.insert(concept));
        }
        present
    }

    /// Where each of these concepts stands, all pieces in one row.
    fn mentions(&self, texts: &[Read], wanted: &Set) -> Vec<Mention> {
        let mut mentions = Vec::new();
        let (mut words, mut offset, mut sentence) = (0, 0, 0);
        for (piece, read) in texts.iter().enumerate() {
            let (text, tokens) = (read.view.text(), read.view.tokens());
            let mut read_to = 0;
            // A sign that means something, such as a star, is a word of its own: else no row of them
            // would ever be far from anything.
            let (mut before, mut signs, mut last) = (0, 0, None);
            for said in self.places(read) {
                let (start, end) = (said.start, said.end);
                before += tokens[before..].iter().take_while(|token| token.start < start).count();
                let within = before.checked_sub(1).is_some_and(|at| tokens[at].end > start);
                let begins = tokens.get(before).is_some_and(|token| token.start == start);
                signs += usize::from(!within && !begins && last != Some(start));
                last = Some(start);
                sentence += ends(&text.as_bytes()[read_to.min(start)..start]);
                read_to = read_to.max(start);
                let word = u32::try_from(words + before + signs).unwrap_or(u32::MAX);
                let at = (start, end);
                let (start, end, english) = (offset + start, offset + end, said.english);
                let concepts = said.concepts.iter().copied().filter(|concept| wanted.has(*concept));
                mentions.extend(concepts.map(|concept| Mention {
                    concept,
                    piece,
                    sentence,
                    word,
                    start,
                    end,
                    at,
                    english,
                }));
            }
            words += tokens.len() + signs + 1;
            offset += text.len() + 1;
            sentence += 1;
        }
        mentions
    }

    /// Where something is said or was found, in order. What overlaps an English word is one too: "don"
    /// in "don't".
    fn places<'a>(&'a self, read: &'a Read) -> Vec<Place<'a>> {
        let said = read.said.iter().map(|saying| Place {
            start: saying.start,
            end: saying.end,
            concepts: Cow::Borrowed(self.lexicon.concepts(saying)),
            english: self.lexicon.is_english(saying),
        });
        let found = read.found().map(|(start, end, concept)| Place {
            start,
            end,
            concepts: Cow::Owned(vec![concept]),
            english: false,
        });
        let mut places: Vec<Place<'_>> = said.chain(found).collect();
        let order = |place: &Place<'_>| (place.start, std::cmp::Reverse(place.end));
        if !places.is_sorted_by_key(order) {
            places.sort_by_key(order);
        }
        spread(&mut places);
        places
    }
}

/// A piece being read.
struct Read {
    view: View,
    hits: Vec<Hit>,
    said: Vec<Saying>,
    spans: Vec<Span>,
}

/// A place in a text and what it means to the rules.
struct Place<'a> {
    start: usize,
    end: usize,
    concepts: Cow<'a, [u16]>,
    english: bool,
}

impl Read {
    /// What was found, as concepts. What only the vault knows is none: else what a message is taken for would tell whose
    /// name or number it has.
    fn found(&self) -> impl Iterator<Item = (usize, usize, u16)> {
        self.spans.iter().filter(|span| !span.guarded).map(|span| {
            let (start, end) = (self.view.byte(span.start), self.view.byte(span.end));
            (start, end, concepts::found_concept(span.kind))
        })
    }
}

/// A stretch of characters that is looked at again.
struct Near {
    start: usize,
    end: usize,
}

impl Near {
    /// Whether a place lies within it and not at an end where more text was cut off.
    fn holds(&self, span: &Span, len: usize) -> bool {
        (self.start == 0 || span.start > self.start) && (self.end == len || span.end < self.end)
    }
}

/// The stretches of a text that what was taken out of it may have bared something in.
fn changed(places: &[Option<usize>]) -> Vec<Near> {
    let mut near: Vec<Near> = Vec::new();
    let mut at = 0;
    while let Some(skip) = places[at..].iter().position(Option::is_none) {
        let start = at + skip;
        let len = places[start..].iter().position(Option::is_some).unwrap_or(places.len() - start);
        at = start + len;
        let (start, end) = (start.saturating_sub(REACH), (at + REACH).min(places.len()));
        match near.last_mut().filter(|last| start <= last.end) {
            Some(last) => last.end = end,
            None => near.push(Near { start, end }),
        }
    }
    near
}

/// So far from what was taken out something may be bared: no number, address or name together
/// with the words that speak for it is longer.
const REACH: usize = 400;

/// A place in the piece, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: usize,
    end: usize,
    kind: Kind,
    /// Found only because the vault knows it.
    guarded: bool,
}

impl Span {
    /// Found in what is written.
    fn plain((start, end): (usize, usize), kind: Kind) -> Self {
        Self { start, end, kind, guarded: false }
    }

    /// The same place in a text that begins `by` characters earlier.
    fn moved(self, by: usize) -> Self {
        Self { start: self.start + by, end: self.end + by, ..self }
    }

    /// The same place in the text before things were taken out of it.
    fn at(&self, places: &[Option<usize>]) -> Option<Self> {
        let own = places.get(self.start..self.end.min(places.len()))?;
        let start = own.iter().flatten().next()?;
        let end = own.iter().rev().flatten().next()? + 1;
        Some(Self { start: *start, end, ..*self })
    }
}

/// Taking something out bares another thing only so many times.
const ROUNDS: usize = 8;

fn keep(view: &View, found: &Finds, spans: &mut Vec<Span>) {
    spans.extend(found.list().map(|(found, guarded)| {
        let (start, end) = view.chars(found.start, found.end);
        Span { start, end, kind: found.kind, guarded }
    }));
}

/// The sentences from the one that `first` begins in, or the piece's beginning, to the one that `last` ends in. What has
/// no ends of sentences is cited from the one to the other alone.
fn sentence(raw: &str, view: &View, first: &Mention, last: &Mention) -> Sentence {
    let bytes = view.text().as_bytes();
    let begin = if first.piece == last.piece { first.at.0 } else { 0 };
    let end = last.at.1.max(begin).min(bytes.len());
    let before = (0..begin).rev().find(|at| is_end(bytes, *at)).map_or(0, |at| at + 1);
    let after = (end.saturating_sub(1)..bytes.len()).find(|at| is_end(bytes, *at)).map_or(bytes.len(), |at| at + 1);
    let (before, after) = if after - before > LONG { (begin, end) } else { (before, after.max(end)) };
    cited(raw, view, (before, after))
}

/// A stretch of folded bytes as it was written.
fn cited(raw: &str, view: &View, (from, to): (usize, usize)) -> Sentence {
    let blank = view.text().get(from..to).map_or(0, |cited| cited.len() - cited.trim_start().len());
    let (start, end) = view.chars(from + blank, to);
    Sentence { start, end, text: Chars::of(raw).slice(start, end).trim_end().to_owned() }
}

/// Bytes of what is cited of a text that knows no sentences.
const LONG: usize = 600;

/// Whether a sentence ends with this byte: at a full stop before a space, and at what ends nothing else.
fn is_end(bytes: &[u8], at: usize) -> bool {
    let spaced = || bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace);
    matches!(bytes[at], b'!' | b'?' | b'\n' | b';') || bytes[at] == b'.' && spaced()
}

/// How many sentences end in a stretch.
fn ends(bytes: &[u8]) -> u32 {
    u32::try_from((0..bytes.len()).filter(|at| is_end(bytes, *at)).count()).unwrap_or(u32::MAX)
}

/// Marks what overlaps an English word.
fn spread(places: &mut [Place<'_>]) {
    for backwards in [false, true] {
        let (mut from, mut until) = (usize::MAX, 0);
        for n in 0..places.len() {
            let at = if backwards { places.len() - 1 - n } else { n };
            let place = &mut places[at];
            if place.english {
                (from, until) = (place.start, until.max(place.end));
            }
            place.english |= if backwards { from < place.end && from != usize::MAX } else { place.start < until };
        }
    }
}

/// Sorted spans without overlaps, without what is known to the conversation.
fn settled(mut spans: Vec<Span>, chars: &Chars<'_>, context: &Context) -> Vec<Span> {
    if spans.is_empty() {
        return spans;
    }
    spare(&mut spans, chars, context);
    spans.retain(|span| span.end > span.start);
    spans.sort_unstable_by_key(|span| (span.start, std::cmp::Reverse(span.end), span.kind));
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start < last.end => {
                if span.end - span.start > last.end - last.start {
                    last.kind = span.kind;
                }
                last.end = last.end.max(span.end);
            }
            _ => merged.push(span),
        }
    }
    merged
}

/// Drops spans that are an order or tracking number of the conversation, or the house's own contact.
fn spare(spans: &mut Vec<Span>, chars: &Chars<'_>, context: &Context) {
    let bare = |text: &str| -> String { folded(text).chars().filter(|c| c.is_alphanumeric()).collect() };
    let known: Vec<String> = context
        .known
        .orders
        .iter()
        .chain(&context.known.tracking)
        .map(|id| bare(id))
        .filter(|id| id.len() >= 4)
        .collect();
    let own: Vec<String> =
        context.own.phones.iter().map(|phone| bare(phone)).filter(|phone| phone.len() >= 4).collect();
    if known.is_empty() && own.is_empty() {
        return;
    }
    spans.retain(|span| {
        let cut = bare(chars.cut(span));
        let is_known = known.iter().any(|id| *id == cut || id.contains(&cut) && cut.len() >= 6);
        let is_own =
            span.kind == Kind::Phone && own.iter().any(|phone| *phone == cut || national(phone) == national(&cut));
        !is_known && !is_own
    });
}

/// A number without the zero of its own country or the code of another.
fn national(digits: &str) -> &str {
    let bare = digits.trim_start_matches('0');
    bare.strip_prefix("62").or_else(|| bare.strip_prefix("48")).unwrap_or(bare)
}

fn redacted(text: &str, spans: &[Span], lang: Option<&str>) -> String {
    remainder(text, spans, lang).0
}

/// The text with placeholders, and for each of its characters where it stood before.
fn remainder(text: &str, spans: &[Span], lang: Option<&str>) -> (String, Vec<Option<usize>>) {
    if spans.is_empty() {
        return (text.to_owned(), Vec::new());
    }
    let mut out = String::with_capacity(text.len());
    let mut places = Vec::with_capacity(text.len());
    let mut spans = spans.iter().peekable();
    for (at, c) in text.chars().enumerate() {
        while spans.peek().is_some_and(|span| span.end <= at) {
            spans.next();
        }
        match spans.peek() {
            Some(span) if span.start == at => {
                let words = placeholder(span.kind, lang);
                places.extend(words.chars().map(|_| None));
                out.push_str(words);
            }
            Some(span) if span.start < at => {}
            _ => {
                places.push(Some(at));
                out.push(c);
            }
        }
    }
    (out, places)
}

fn finding(part: Part, chars: &Chars<'_>, span: &Span) -> Finding {
    Finding::in_text(part, (span.start, span.end), span.kind, chars.cut(span).to_owned())
}

/// A piece whose characters are found by their number.
struct Chars<'a> {
    text: &'a str,
    /// First bytes; empty where every character is one byte.
    places: Vec<usize>,
}

impl<'a> Chars<'a> {
    fn of(text: &'a str) -> Self {
        let places = if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(at, _)| at).collect() };
        Self { text, places }
    }

    fn cut(&self, span: &Span) -> &'a str {
        self.slice(span.start, span.end)
    }

    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(self.byte(start)..self.byte(end)).unwrap_or_default()
    }

    fn byte(&self, at: usize) -> usize {
        let place = if self.places.is_empty() { Some(at) } else { self.places.get(at).copied() };
        place.unwrap_or(self.text.len()).min(self.text.len())
    }
}

fn unread(path: &str, why: &str) -> LexiconFault {
    LexiconFault { file: path.to_owned(), line: 1, message: why.to_owned() }
}

/// What was learned, as it comes with the program.
const LEARNED: &[u8] = include_bytes!("../../config/learned/table.bin");
const TABLE: &str = "config/learned/table.bin";

/// The lexicons that come with the program.
const LEXICONS: &[(&str, &str)] = &[
    ("config/lexicon/en.toml", include_str!("../../config/lexicon/en.toml")),
    ("config/lexicon/id.toml", include_str!("../../config/lexicon/id.toml")),
    ("config/lexicon/pl.toml", include_str!("../../config/lexicon/pl.toml")),
    ("config/lexicon/places.toml", include_str!("../../config/lexicon/places.toml")),
    ("config/lexicon/ms.toml", include_str!("../../config/lexicon/ms.toml")),
    ("config/lexicon/de.toml", include_str!("../../config/lexicon/de.toml")),
    ("config/lexicon/es.toml", include_str!("../../config/lexicon/es.toml")),
    ("config/lexicon/ru.toml", include_str!("../../config/lexicon/ru.toml")),
    ("config/lexicon/th.toml", include_str!("../../config/lexicon/th.toml")),
    ("config/lexicon/tl.toml", include_str!("../../config/lexicon/tl.toml")),
    ("config/lexicon/vi.toml", include_str!("../../config/lexicon/vi.toml")),
    ("config/lexicon/zh.toml", include_str!("../../config/lexicon/zh.toml")),
];

#[cfg(test)]
mod tests;
