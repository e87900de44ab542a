//! The lexicon: what words mean, per language, read from `config/lexicon/*.toml`.
//!
//! A file gives number words, cue words for the detectors, concepts and the signal rules over
//! them, each rule with its own examples. All words of all files are one trie, so that a text
//! is read once, whatever the number of languages.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use toml::Spanned;

use super::{
    concepts::{self, FOUND, FRAMES, Group, Groups, found_concept},
    fold::{View, fold},
    learned,
    placeholder::opaque,
    signal::{Frames, Index, Rule, RuleFault, RuleText, Set},
    token::{self, Token, Tokens},
    trie::Trie,
};
use crate::model::{Kind, Signal, SignalKind};

/// A fault in a lexicon file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct LexiconFault {
    /// The file's name as given.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// An example of a rule that does not come out as its file says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {message}: {example}")]
pub struct ExampleFault {
    /// The rule's id.
    pub rule: String,
    /// What went wrong.
    pub message: &'static str,
    /// The example.
    pub example: String,
}

/// What a word or phrase can mean to a detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Cue {
    /// Bank, transfer account.
    Account,
    /// "at" written out, unmistakably.
    At,
    /// "at" as a word of ordinary talk.
    AtWord,
    /// A bank's name.
    Bank,
    /// What stands in an address before or after a city: district, town words, state codes.
    City,
    /// A network's name that is nothing else.
    Network,
    /// A network's name that is also an ordinary word.
    NetworkWord,
    /// "my", "is", "nya": may stand between a network and an id.
    Between,
    /// A dash written out.
    Dash,
    /// A dot written out.
    Dot,
    /// "id", "username".
    Id,
    /// "call", "hubungi", "tel": a telephone number follows.
    Phone,
    /// "number", "nomor": a telephone number may follow.
    PhoneWord,
    /// "email", "surel".
    Mail,
    /// Mail providers' names.
    Provider,
    /// "order", "resi", "serial": a number that follows is no contact.
    Reference,
    /// "read backwards".
    Reverse,
    /// "pick up at", "our shop is at".
    Place,
    /// A slash written out.
    Slash,
    /// Words that make a street before the name: Jl., ul.
    Street,
    /// Words that make a street after the name: street, road.
    StreetAfter,
    /// An underscore written out.
    Underscore,
    /// Units, currencies: a number beside it is an amount.
    Unit,
    /// A wallet or payment service.
    Wallet,
    /// A wallet's name that is also an ordinary word.
    WalletWord,
    /// What a part of a town or country is called, before its name: Kec., Brgy, Phường.
    District,
    /// "website", "open", "visit".
    Web,
    /// House, unit, floor, block: parts of an address.
    House,
    /// "transfer", "pay to".
    Pay,
}

impl Cue {
    /// The key in a lexicon file.
    fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::At => "at",
            Self::AtWord => "at_word",
            Self::Bank => "bank",
            Self::Between => "between",
            Self::City => "city",
            Self::Dash => "dash",
            Self::District => "district",
            Self::Dot => "dot",
            Self::House => "house",
            Self::Id => "id",
            Self::Mail => "mail",
            Self::Network => "network",
            Self::NetworkWord => "network_word",
            Self::Pay => "pay",
            Self::Phone => "phone",
            Self::PhoneWord => "phone_word",
            Self::Place => "place",
            Self::Provider => "provider",
            Self::Reference => "reference",
            Self::Reverse => "reverse",
            Self::Slash => "slash",
            Self::Street => "street",
            Self::StreetAfter => "street_after",
            Self::Underscore => "underscore",
            Self::Unit => "unit",
            Self::Wallet => "wallet",
            Self::WalletWord => "wallet_word",
            Self::Web => "web",
        }
    }
}

/// What a number word does to the digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Number {
    /// Stands for this value.
    Value(u16),
    /// The same, but it is an ordinary word more often.
    Maybe(u16),
    /// Multiplies what stands before it.
    Times(u16),
    /// Adds ten to what stands before it ("dua belas").
    Teen,
    /// Says the next digit several times ("double five").
    Repeat(u8),
}

/// One meaning of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Sense {
    /// For the detectors.
    Cue(Cue),
    /// A number.
    Number(Number),
}

/// A word that means something to the signal rules, found in a folded text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Saying {
    /// First byte.
    pub(super) start: usize,
    /// One past the last byte.
    pub(super) end: usize,
    /// Which words it is one of: what they mean is the same.
    pub(super) group: u32,
}

/// What was found in a folded text.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    /// For the detectors, by place, longer ones first.
    pub(super) hits: Vec<Hit>,
    /// For the signal rules, likewise.
    pub(super) said: Vec<Saying>,
    /// Whether anybody asks what is said.
    asked: bool,
}

/// A word found in a folded text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    /// First byte.
    pub(super) start: usize,
    /// One past the last byte.
    pub(super) end: usize,
    /// What it means.
    pub(super) sense: Sense,
    /// Whether it stands alone as a word.
    pub(super) whole: bool,
}

/// All files compiled.
pub(super) struct Lexicon {
    words: Words,
    disguised: Words,
    /// What words can mean to the rules, each set of concepts once.
    groups: Vec<Group>,
    pub(super) rules: Vec<Rule>,
    index: Index,
    pub(super) frames: Frames,
    pub(super) explanations: BTreeMap<String, String>,
    /// Of each concept, the number of its name: the same name is the same in every language.
    names: Vec<u16>,
    /// The key of each name in a table of learned weights.
    pub(super) name_keys: Vec<u32>,
}

/// All words as one trie, with what each of them means.
///
/// It is walked from every place where a word may begin, and left at the first letter that no
/// word has: a text costs a few steps a word, whatever the number of words known.
struct Words {
    trie: Trie,
    words: Vec<Word>,
    /// Which bytes a word begins with.
    first: [bool; 256],
}

/// A word of the trie.
#[derive(Clone, Debug, Default)]
struct Word {
    /// What it means; those that stand for all words beginning so come last.
    meanings: Vec<Meaning>,
    /// The concepts of the word alone, of all words that begin so, and both.
    alone: Option<u32>,
    open: Option<u32>,
    both: Option<u32>,
    /// It means something also where it is only the beginning of a word.
    begins: bool,
}

#[derive(Clone, Copy, Debug)]
struct Meaning {
    sense: Sense,
    /// More letters may follow the word.
    open_end: bool,
}

/// A lexicon file as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    language: String,
    #[serde(default)]
    numbers: BTreeMap<Spanned<String>, Vec<String>>,
    #[serde(default)]
    cues: BTreeMap<Cue, Vec<String>>,
    #[serde(default)]
    concepts: BTreeMap<String, Vec<String>>,
    /// What turns the meaning of a whole sentence.
    #[serde(default)]
    frames: BTreeMap<Frame, Vec<String>>,
    /// Why each kind of finding is cut.
    #[serde(default)]
    explain: BTreeMap<Kind, String>,
    /// Why a guess was made, for each kind of it.
    #[serde(default)]
    guess: BTreeMap<SignalKind, String>,
    #[serde(default)]
    rule: Vec<Spanned<RuleText>>,
}

impl File {
    /// Every word and phrase.
    fn words(&self) -> impl Iterator<Item = &String> {
        let named = self.numbers.values().chain(self.cues.values()).chain(self.concepts.values());
        named.chain(self.frames.values()).flatten()
    }
}

/// "good* rating": it would be looked for with its star.
fn stem_within(word: &str) -> bool {
    let starred = |(at, _): (usize, &str)| word[..at].ends_with(char::is_alphabetic);
    word.match_indices("* ").any(starred)
}

/// See [`Frames`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Frame {
    Denial,
    Tale,
    Turn,
}

impl Lexicon {
    /// Reads and compiles files given as (name, text).
    pub(super) fn read(files: &[(&str, &str)]) -> Result<Self, Vec<LexiconFault>> {
        let mut faults = Vec::new();
        let mut parsed = Vec::new();
        for (name, text) in files {
            match toml::from_str::<File>(text) {
                Ok(file) => parsed.push((*name, *text, file)),
                Err(error) => {
                    let line = line_of(text, error.span().map_or(0, |span| span.start));
                    faults.push(LexiconFault { file: (*name).to_owned(), line, message: error.message().to_owned() });
                }
            }
        }
        let mut building = Building::default();
        for (_, _, file) in &parsed {
            building.concepts(file);
        }
        for (name, text, file) in &parsed {
            building.file(name, text, file, &mut faults);
        }
        if faults.is_empty() { Ok(building.finish()) } else { Err(faults) }
    }

    /// The rules that may be met where these concepts are present.
    pub(super) fn rules_for(&self, present: &Set) -> impl Iterator<Item = &Rule> {
        let candidates = self.index.candidates(present).into_iter().map(|n| &self.rules[usize::from(n)]);
        candidates.filter(|rule| rule.possible(present))
    }

    /// The words of the lexicon that the detectors look for in a folded text, by place, longer ones first.
    pub(super) fn hits(&self, view: &View) -> Vec<Hit> {
        self.listen(view, Heard { hits: Vec::with_capacity(view.tokens().len()), ..Heard::default() }).hits
    }

    /// Every word of the lexicon in a folded text.
    pub(super) fn heard(&self, view: &View) -> Heard {
        let words = view.tokens().len();
        self.listen(view, Heard { hits: Vec::with_capacity(words), said: Vec::with_capacity(words), asked: true })
    }

    fn listen(&self, view: &View, mut heard: Heard) -> Heard {
        let (text, tokens) = (view.text(), view.tokens());
        self.words.find(text, tokens, &mut heard);
        if let Some(bare) = undisguised(text, tokens) {
            let mut more = Heard { asked: heard.asked, ..Heard::default() };
            self.disguised.find(&bare, &Tokens::of(&bare), &mut more);
            let disguised = |start: usize, end: usize| is_disguised(&text.as_bytes()[start..end]);
            heard.hits.extend(more.hits.into_iter().filter(|hit| disguised(hit.start, hit.end)));
            heard.said.extend(more.said.into_iter().filter(|saying| disguised(saying.start, saying.end)));
        }
        let ours = opaque(text);
        if !ours.is_empty() {
            let theirs = |start: usize, end: usize| {
                let at = ours.partition_point(|(_, own)| *own < end);
                ours.get(at).is_none_or(|(own, _)| start < *own)
            };
            heard.hits.retain(|hit| theirs(hit.start, hit.end));
            heard.said.retain(|saying| theirs(saying.start, saying.end));
        }
        let order = |start: usize, end: usize| (start, std::cmp::Reverse(end));
        if !heard.hits.is_sorted_by_key(|hit| order(hit.start, hit.end)) {
            heard.hits.sort_by_key(|hit| order(hit.start, hit.end));
        }
        if !heard.said.is_sorted_by_key(|saying| order(saying.start, saying.end)) {
            heard.said.sort_by_key(|saying| order(saying.start, saying.end));
        }
        heard
    }

    /// The concepts of a word that was heard.
    pub(super) fn concepts(&self, saying: &Saying) -> &[u16] {
        self.group(saying).map_or(&[], |group| &group.concepts)
    }

    /// The numbers of the names of these concepts.
    pub(super) fn names(&self, saying: &Saying) -> &[u16] {
        self.group(saying).map_or(&[], |group| &group.names)
    }

    /// The number of a concept's name.
    pub(super) fn name(&self, concept: u16) -> u16 {
        self.names.get(usize::from(concept)).copied().unwrap_or_default()
    }

    /// Whether English, whose words are borrowed everywhere, has a word that was heard.
    pub(super) fn is_english(&self, saying: &Saying) -> bool {
        self.group(saying).is_some_and(|group| group.english)
    }

    fn group(&self, saying: &Saying) -> Option<&Group> {
        self.groups.get(usize::try_from(saying.group).ok()?)
    }
}

/// Letters and what stands for letters, both.
fn is_disguised(part: &[u8]) -> bool {
    !part.iter().all(u8::is_ascii_alphabetic) && part.iter().any(u8::is_ascii_alphabetic)
}

impl Words {
    fn new(words: HashMap<Key, Meant>, groups: &mut Groups) -> Self {
        let mut all: Vec<_> = words.into_iter().collect();
        all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut first = [false; 256];
        all.iter().filter_map(|((word, _), _)| word.bytes().next()).for_each(|byte| first[usize::from(byte)] = true);
        let (mut keys, mut words): (Vec<String>, Vec<Word>) = (Vec::new(), Vec::new());
        // The word alone comes before all words that begin so.
        let mut alone = Vec::new();
        for ((key, open_end), Meant { senses, concepts }) in all {
            if keys.last() != Some(&key) {
                keys.push(key);
                words.push(Word::default());
                alone.clear();
            }
            if let Some(word) = words.last_mut() {
                word.begins |= open_end || senses.iter().any(|sense| sense.within_words());
                word.meanings.extend(senses.into_iter().map(|sense| Meaning { sense, open_end }));
                let own = groups.number(concepts.clone());
                if open_end {
                    word.open = own;
                    word.both = groups.number(alone.iter().copied().chain(concepts).collect());
                } else {
                    (word.alone, word.both) = (own, own);
                    alone = concepts;
                }
            }
        }
        Self { trie: Trie::of(&keys), words, first }
    }

    fn find(&self, text: &str, tokens: &[Token], hits: &mut Heard) {
        let mut end = 0;
        for token in tokens {
            // Most words are parted by one space.
            if token.start != end + 1 || text.as_bytes()[end] != b' ' {
                self.signs(text, end, token.start, hits);
            }
            self.word(text, *token, hits);
            end = token.end;
        }
        self.signs(text, end, text.len(), hits);
    }

    /// What is said with signs between words: "(at)", an emoji.
    fn signs(&self, text: &str, start: usize, end: usize, hits: &mut Heard) {
        for (at, byte) in text.as_bytes()[start..end].iter().enumerate() {
            if self.first[usize::from(*byte)] {
                self.walk(text, start + at, hits);
            }
        }
    }

    /// What begins with a word, and the words run together in it: "08satu2", "nulleins".
    fn word(&self, text: &str, token: Token, hits: &mut Heard) {
        let bytes = text.as_bytes();
        if !token.has_figures() && !token.is_foreign() {
            let mut next = Some(token.start);
            while let Some(at) = next.filter(|at| *at < token.end && self.first[usize::from(bytes[*at])]) {
                next = self.walk(text, at, hits);
            }
            return;
        }
        let mut inner = Vec::new();
        for at in token.start..token.end {
            let begins = || opens(text, at) || bytes[at - 1].is_ascii_digit();
            if self.first[usize::from(bytes[at])] && (inner.contains(&at) || begins()) {
                inner.retain(|next| *next > at);
                inner.extend(self.walk(text, at, hits));
            }
        }
    }

    /// All words that begin at a byte. Where the longest number word ends within a word, if
    /// one does: the next may begin there.
    fn walk(&self, text: &str, start: usize, heard: &mut Heard) -> Option<usize> {
        let mut state = self.trie.root();
        let mut inner = None;
        let (first, first_said) = (heard.hits.len(), heard.said.len());
        let mut end = start;
        while let Some(letter) = text.as_bytes().get(end)
            && let Some(next) = self.trie.step(state, *letter)
        {
            state = next;
            end += 1;
            if let Some(word) = state.word()
                && let Some(word) = self.words.get(word)
                && matched(text, (start, end), word, heard)
            {
                inner = Some(end);
            }
        }
        // Longer ones first.
        heard.hits[first..].reverse();
        heard.said[first_said..].reverse();
        inner
    }
}

/// Enters what a word means that stands at a place. Whether it was a number word that ends within
/// a word.
#[inline]
fn matched(text: &str, (start, end): (usize, usize), word: &Word, heard: &mut Heard) -> bool {
    let ends = closes(text, end);
    if !ends && !word.begins {
        return false;
    }
    let begins = opens(text, start);
    if begins && heard.asked {
        let reach = if word.open.is_some() { word_end(text, end) } else { end };
        let mut say = |end, group| heard.said.extend(Option::map(group, |group| Saying { start, end, group }));
        match (ends, reach == end) {
            (true, true) => say(end, word.both),
            (ends, _) => {
                say(end, word.alone.filter(|_| ends));
                say(reach, word.open);
            }
        }
    }
    if word.meanings.is_empty() {
        return false;
    }
    let hits = &mut heard.hits;
    let open_ends = word.meanings.last().is_some_and(|meaning| meaning.open_end);
    // Last first: `walk` turns them round.
    if begins && ends && !open_ends {
        let whole = |meaning: &Meaning| Hit { start, end, sense: meaning.sense, whole: true };
        hits.extend(word.meanings.iter().rev().map(whole));
        return false;
    }
    let mut inner = false;
    for meaning in word.meanings.iter().rev() {
        let (sense, open_end) = (meaning.sense, meaning.open_end);
        let whole = (open_end || ends) && begins;
        let value = matches!(sense, Sense::Number(Number::Value(_)));
        // "wa0812": a number follows without a space.
        let call = || matches!(sense, Sense::Cue(Cue::Phone)) && begins;
        if whole || value || text.as_bytes().get(end).is_some_and(u8::is_ascii_digit) && call() {
            let reach = if whole && open_end { word_end(text, end) } else { end };
            hits.push(Hit { start, end: reach, sense, whole });
        }
        inner |= value && !ends;
    }
    inner
}

impl Sense {
    /// Whether it is meant also where more letters follow without a space.
    fn within_words(self) -> bool {
        matches!(self, Self::Number(Number::Value(_)) | Self::Cue(Cue::Phone))
    }
}

/// A word and whether more letters may stand after it.
type Key = (String, bool);

/// What a word means to the detectors and to the rules.
#[derive(Default)]
struct Meant {
    senses: Vec<Sense>,
    concepts: Vec<u16>,
}

impl Meant {
    fn add(&mut self, sense: Result<Sense, u16>) {
        match sense {
            Ok(sense) if !self.senses.contains(&sense) => self.senses.push(sense),
            Err(concept) if !self.concepts.contains(&concept) => self.concepts.push(concept),
            _ => {}
        }
    }
}

/// Collects the files before they are compiled.
#[derive(Default)]
struct Building {
    words: HashMap<Key, Meant>,
    disguised: HashMap<Key, Meant>,
    concepts: HashMap<String, u16>,
    rules: Vec<Rule>,
    explanations: BTreeMap<String, String>,
}

impl Building {
    /// Names the concepts of a file before any rule refers to them.
    fn concepts(&mut self, file: &File) {
        for name in file.concepts.keys() {
            self.name(format!("{}:{name}", file.language));
        }
        for cue in file.rule.iter().flat_map(|rule| rule.get_ref().cues()) {
            self.name(format!("{}:{cue}", file.language));
        }
    }

    fn name(&mut self, concept: String) {
        let next = u16::try_from(self.concepts.len() + FOUND.len() + 3).unwrap_or(u16::MAX);
        self.concepts.entry(concept).or_insert(next);
    }

    fn file(&mut self, name: &str, text: &str, file: &File, faults: &mut Vec<LexiconFault>) {
        for (key, words) in &file.numbers {
            match number(key.as_ref()) {
                Some(number) => words.iter().for_each(|word| self.word(word, Ok(Sense::Number(number)))),
                None => faults.push(LexiconFault {
                    file: name.to_owned(),
                    line: line_of(text, key.span().start),
                    message: format!("`{}` is no number: 0 to 999, ?1, x10, x100, +10, r2, r3", key.as_ref()),
                }),
            }
        }
        for (cue, words) in &file.cues {
            words.iter().for_each(|word| self.word(word, Ok(Sense::Cue(*cue))));
            if let Some(id) = self.concepts.get(&format!("{}:cue.{}", file.language, cue.as_str())).copied() {
                words.iter().for_each(|word| self.word(word, Err(id)));
            }
        }
        for (concept, words) in &file.concepts {
            let id = self.concepts[&format!("{}:{concept}", file.language)];
            words.iter().for_each(|word| self.word(word, Err(id)));
        }
        for (kind, words) in &file.explain {
            self.explanations.insert(format!("{}:{}", file.language, kind.as_str()), words.clone());
        }
        for (kind, words) in &file.guess {
            self.explanations.insert(learned::rule(&file.language, *kind), words.clone());
        }
        for word in file.words().filter(|word| stem_within(word)) {
            let line = text.find(&format!("\"{word}\"")).map_or(1, |at| line_of(text, at));
            let message = format!("`{word}`: a stem ends a phrase, it does not stand within one");
            faults.push(LexiconFault { file: name.to_owned(), line, message });
        }
        for (frame, words) in &file.frames {
            words.iter().for_each(|word| self.word(word, Err(FRAMES + *frame as u16)));
        }
        for rule in &file.rule {
            if let Err(message) = self.rule(&file.language, rule.get_ref()) {
                let line = line_of(text, rule.span().start);
                faults.push(LexiconFault { file: name.to_owned(), line, message: message.to_string() });
            }
        }
    }

    fn rule(&mut self, language: &str, rule: &RuleText) -> Result<(), RuleFault> {
        let known = |concept: &str| self.concept(language, concept);
        let own = |concept: &str| self.concepts.get(&format!("{language}:{concept}")).copied();
        let compiled = Rule::compile(rule, known, own)?;
        if compiled.language() != Some(language) {
            return Err(RuleFault::OtherLanguage(compiled.id, language.to_owned()));
        }
        if compiled.id[language.len()..].strip_prefix('.').is_some_and(|id| id.starts_with(Signal::GUESS)) {
            return Err(RuleFault::Guess(compiled.id));
        }
        if self.explanations.insert(compiled.id.clone(), rule.explain.clone()).is_some() {
            return Err(RuleFault::Twice(compiled.id));
        }
        self.rules.push(compiled);
        Ok(())
    }

    /// A concept seen from a language: its own words and, as loans are everywhere, the English ones.
    fn concept(&self, language: &str, concept: &str) -> Vec<u16> {
        if let Some(found) = concept.strip_prefix("found.") {
            return FOUND.into_iter().filter(|kind| kind.as_str() == found).map(found_concept).collect();
        }
        let mut ids: Vec<u16> =
            [language, "en"].iter().filter_map(|l| self.concepts.get(&format!("{l}:{concept}")).copied()).collect();
        ids.dedup();
        ids
    }

    /// Enters a word with what it means to the detectors, or else its concept.
    fn word(&mut self, word: &str, sense: Result<Sense, u16>) {
        let open_end = word.ends_with('*');
        let folded = fold(word.trim_end_matches('*'));
        if folded.is_empty() {
            return;
        }
        let number = matches!(sense, Ok(Sense::Number(_)));
        if !number && folded.len() > 1 && folded.is_ascii() {
            self.disguised.entry((classes(&folded), open_end)).or_default().add(sense);
        }
        self.words.entry((folded, open_end)).or_default().add(sense);
    }

    fn finish(self) -> Lexicon {
        let mut english = Set::default();
        self.concepts.iter().filter(|(name, _)| name.starts_with("en:")).for_each(|(_, id)| english.insert(*id));
        let one = |frame: Frame| {
            let mut set = Set::default();
            set.insert(FRAMES + frame as u16);
            set
        };
        let mut frames =
            Frames { denial: one(Frame::Denial), tale: one(Frame::Tale), turn: one(Frame::Turn), all: Set::default() };
        for set in [&frames.denial, &frames.tale, &frames.turn] {
            frames.all.join(set);
        }
        let (names, name_keys) = concepts::names(&self.concepts);
        let mut groups = Groups::new(english, names.clone());
        Lexicon {
            names,
            name_keys,
            words: Words::new(self.words, &mut groups),
            disguised: Words::new(self.disguised, &mut groups),
            groups: groups.groups,
            frames,
            index: Index::of(&self.rules),
            rules: self.rules,
            explanations: self.explanations,
        }
    }
}

/// The key of a `[numbers]` table.
fn number(key: &str) -> Option<Number> {
    if let Some(times) = key.strip_prefix('x') {
        return times.parse().ok().map(Number::Times);
    }
    if let Some(repeat) = key.strip_prefix('r') {
        return repeat.parse().ok().filter(|n| (2..=4).contains(n)).map(Number::Repeat);
    }
    if let Some(maybe) = key.strip_prefix('?') {
        return maybe.parse().ok().map(Number::Maybe);
    }
    match key {
        "+10" => Some(Number::Teen),
        _ => key.parse().ok().filter(|n| *n < 1000).map(Number::Value),
    }
}

/// Letters and what is written for them fall into one class: o and 0, i, l, 1 and |.
const CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'0' => b'o',
            b'1' | b'l' | b'|' | b'!' => b'i',
            b'3' => b'e',
            b'4' | b'@' => b'a',
            b'5' | b'$' => b's',
            b'7' => b't',
            b'8' => b'b',
            b'9' => b'g',
            other => other,
        };
        byte += 1;
    }
    table
};

fn class(byte: u8) -> u8 {
    CLASS[usize::from(byte)]
}

fn classes(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii() { char::from(class(c as u8)) } else { c }).collect()
}

/// The text with digits and signs read as letters, where a word mixes them; of equal length.
fn undisguised(text: &str, tokens: &Tokens) -> Option<String> {
    // Most texts have nothing that could stand for a letter.
    let signs = || memchr::memchr3(b'|', b'!', b'@', text.as_bytes()).is_some() || text.contains('$');
    if !tokens.have_figures() && !signs() {
        return None;
    }
    let sides = |pair: &[u8]| (SIDES[usize::from(pair[0])], SIDES[usize::from(pair[1])]);
    let mixed = text.as_bytes().windows(2).map(sides).any(|(a, b)| a & b.rotate_left(4) > 0);
    mixed.then(|| classes(text))
}

/// For each byte: 1 for a letter, 16 for what stands in for one.
const SIDES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let own = byte as u8;
        if own.is_ascii_alphabetic() {
            table[byte] = 1;
        }
        if CLASS[byte] != own && own != b'l' {
            table[byte] |= 16;
        }
        byte += 1;
    }
    table
};

/// Whether a word may begin here: no letter or digit before it, or a script without spaces.
#[inline]
pub(super) fn opens(text: &str, at: usize) -> bool {
    if let Some(parted) = parted(text, at) {
        return parted;
    }
    match (text[..at].chars().next_back(), text[at..].chars().next()) {
        (Some(before), Some(first)) => !joins(before) || !joins(first) || unspaced(first) || unspaced(before),
        _ => true,
    }
}

/// Whether a word may end here.
#[inline]
pub(super) fn closes(text: &str, at: usize) -> bool {
    if let Some(parted) = parted(text, at) {
        return parted;
    }
    match (text[..at].chars().next_back(), text[at..].chars().next()) {
        (Some(last), Some(after)) => !joins(after) || !joins(last) || unspaced(last) || unspaced(after),
        _ => true,
    }
}

/// Whether two words part at a byte, where ASCII on both sides decides it quickly.
#[inline]
fn parted(text: &str, at: usize) -> Option<bool> {
    let bytes = text.as_bytes();
    token::parted(*bytes.get(at.wrapping_sub(1))?, *bytes.get(at)?)
}

fn joins(c: char) -> bool {
    c.is_alphanumeric()
}

/// Scripts that put no space between words: Thai, Lao, Khmer, Han, kana.
pub(super) fn unspaced(c: char) -> bool {
    matches!(u32::from(c), 0xe00..=0xeff | 0x1780..=0x17ff | 0x3041..=0x30ff | 0x3400..=0x9fff)
}

fn word_end(text: &str, at: usize) -> usize {
    text[at..].find(|c: char| !joins(c)).map_or(text.len(), |len| at + len)
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1
}

/// Folds an example or a guarded name for comparison.
pub(super) fn folded(text: &str) -> String {
    View::of(text).text().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
        language = "xx"
        [numbers]
        1 = ["satu"]
        x10 = ["puluh"]
        [cues]
        phone = ["wa", "hubung*"]
        [concepts]
        gift = ["voucher"]
        kind = ["vouch*"]
    "#;

    fn cues(text: &str) -> Vec<(String, Sense)> {
        let lexicon = Lexicon::read(&[("small.toml", SMALL)]).unwrap();
        let found = lexicon.hits(&View::of(text)).into_iter().filter(|hit| hit.whole);
        found.map(|hit| (text[hit.start..hit.end].to_owned(), hit.sense)).collect()
    }

    fn concepts(text: &str) -> Vec<(String, Vec<u16>)> {
        let lexicon = Lexicon::read(&[("small.toml", SMALL)]).unwrap();
        let said = lexicon.heard(&View::of(text)).said;
        said.iter().map(|one| (text[one.start..one.end].to_owned(), lexicon.concepts(one).to_vec())).collect()
    }

    #[test]
    fn words_are_found_whole_and_stems_open() {
        assert_eq!(cues("wa hubungi swasta").iter().map(|c| c.0.as_str()).collect::<Vec<_>>(), ["wa", "hubungi"]);
    }

    #[test]
    fn a_word_has_its_own_concepts_and_those_of_words_that_begin_so() {
        assert_eq!(concepts("voucher"), [("voucher".to_owned(), vec![11]), ("voucher".to_owned(), vec![12])]);
        assert_eq!(concepts("vouchers"), [("vouchers".to_owned(), vec![12])]);
        assert_eq!(concepts("avoucher"), []);
    }

    #[test]
    fn letters_written_with_digits_are_still_words() {
        let said = concepts("v0uch3r");
        assert_eq!(said, [("v0uch3r".to_owned(), vec![11]), ("v0uch3r".to_owned(), vec![12])]);
    }

    #[test]
    fn every_fault_names_file_and_line() {
        let faults =
            Lexicon::read(&[("a.toml", "language = \"x\"\n[numbers]\nmany = [\"a\"]"), ("b.toml", "[cues]\nfoo = []")]);
        let faults = faults.err().unwrap();
        assert_eq!((faults.len(), faults[0].file.as_str()), (2, "b.toml"));
        assert!(faults.iter().any(|f| f.file == "a.toml" && f.line == 3), "{faults:?}");
        let faults = Lexicon::read(&[("c.toml", "language = \"x\"\n[concepts]\na = [\"5* goods\",\n\"good* goods\"]")]);
        let faults = faults.err().unwrap();
        assert_eq!((faults.len(), faults[0].line), (1, 4), "{faults:?}");
    }
}
