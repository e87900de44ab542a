//! What is known around a text: language, region, sender, known things, guarded and own contacts.

use std::{fmt, ops::Deref};

use serde::Deserialize;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::model::{Finding, Part, Side, Signal};

use super::{
    lexicon::{folded, unspaced},
    window::Window,
};

/// A text of a message, in the order of reading.
#[derive(Clone, Copy)]
pub struct Piece<'a> {
    /// Which part it is.
    pub part: Part,
    /// What it says.
    pub text: &'a str,
}

impl fmt::Debug for Piece<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "«piece {}»", self.part)
    }
}

/// What a scan is told of the conversation.
#[derive(Clone, Debug)]
pub struct Context {
    /// The language of the text, as in BCP 47 (`id`, `pl`, `en`).
    pub lang: Option<String>,
    /// The language of whoever reads what is left, for the placeholders; without it the text's.
    pub reader: Option<String>,
    /// The region whose numbering plan counts, as two letters; without it the language's own.
    pub region: Option<String>,
    /// Who wrote it.
    pub sender: Side,
    /// What the conversation knows: never findings.
    pub known: Known,
    /// What must not get through, whatever it looks like.
    pub guard: Guard,
    /// The marketplace's own contacts: never findings.
    pub own: Own,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            lang: None,
            reader: None,
            region: None,
            sender: Side::Seller,
            known: Known::default(),
            guard: Guard::default(),
            own: Own::default(),
        }
    }
}

/// Orders, tracking numbers and domains that the conversation knows.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Known {
    /// Order ids.
    pub orders: Vec<String>,
    /// Tracking numbers.
    pub tracking: Vec<String>,
    /// Allowed domains; they and their subdomains stay.
    pub links: Vec<String>,
    /// Domains whose links stay, and no addresses at them.
    #[serde(skip)]
    pub sites: Vec<String>,
}

/// Real names and contacts of the two people, opened for one message.
#[derive(Clone, Default, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// Full names.
    #[serde(default)]
    pub names: Vec<String>,
    /// Mail addresses.
    #[serde(default)]
    pub emails: Vec<String>,
    /// Telephone numbers.
    #[serde(default)]
    pub phones: Vec<String>,
    /// Bank accounts.
    #[serde(default)]
    pub accounts: Vec<String>,
    /// Lines of postal addresses: a street with its number.
    #[serde(skip)]
    pub streets: Vec<String>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("«guard»")
    }
}

/// The marketplace's own contacts of every kind.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Own {
    /// The domains of its handles.
    pub domains: Vec<String>,
    /// Mail addresses.
    pub emails: Vec<String>,
    /// Telephone numbers.
    pub phones: Vec<String>,
    /// Hosts and pages.
    pub links: Vec<String>,
    /// Accounts on networks.
    pub social: Vec<String>,
}

/// A context, made ready once for all pieces of a message.
pub(super) struct Around<'a> {
    context: &'a Context,
    /// What the guard names, folded as texts are.
    pub(super) guarded: Guarded,
}

impl<'a> Around<'a> {
    /// Folds what the guard names.
    pub(super) fn of(context: &'a Context) -> Self {
        let guard = &context.guard;
        let emails: Vec<String> = guard.emails.iter().map(|email| folded(email.trim())).collect();
        let streets = guard.streets.iter().filter(|street| names_a_house(street)).map(|street| folded(street.trim()));
        let spelled = guard.names.iter().flat_map(|name| spellings(name));
        let names = spelled.map(|name| parts(&folded(&name))).filter(|parts| parts.len() > 1);
        let unspaced = guard.names.iter().map(|name| folded(name)).filter_map(|name| without_spaces(&name));
        let halves = || emails.iter().filter_map(|email| email.split_once('@'));
        let guarded = Guarded {
            names: names.collect(),
            unspaced: unspaced.collect(),
            locals: halves().map(|(local, _)| local).filter(|local| is_telling(local)).map(str::to_owned).collect(),
            hosts: halves().map(|(_, host)| host).filter(|host| host.contains('.')).map(str::to_owned).collect(),
            emails,
            streets: streets.collect(),
        };
        Self { context, guarded }
    }
}

impl Deref for Around<'_> {
    type Target = Context;

    fn deref(&self) -> &Context {
        self.context
    }
}

/// The words of a [`Guard`], folded.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct Guarded {
    /// Names by their parts, two at least.
    pub(super) names: Vec<Vec<String>>,
    /// Names in scripts that put no spaces between words.
    pub(super) unspaced: Vec<String>,
    pub(super) emails: Vec<String>,
    /// What stands before the `@` of an address and is no common word: an account elsewhere too.
    pub(super) locals: Vec<String>,
    /// What stands behind it.
    pub(super) hosts: Vec<String>,
    /// Those that lead to a door by themselves.
    pub(super) streets: Vec<String>,
}

/// A name as it is written, and as those write it whose keyboard lacks its letters: "Weißgerber" is
/// "Weissgerber", "Jürgen" is "Juergen".
fn spellings(name: &str) -> Vec<String> {
    let mut all = vec![name.to_owned()];
    for letters in [&SHARP[..], &PAIRS[..]] {
        let written = |text: String, (letter, pair): &(char, &str)| text.replace(*letter, pair);
        all.push(letters.iter().fold(name.to_lowercase(), written));
    }
    all.push(PAIRS.iter().chain(&SHARP).fold(name.to_lowercase(), |text, (letter, pair)| text.replace(*letter, pair)));
    all.sort_unstable();
    all.dedup();
    all
}

const SHARP: [(char, &str); 3] = [('ß', "ss"), ('æ', "ae"), ('œ', "oe")];
const PAIRS: [(char, &str); 5] = [('ä', "ae"), ('ö', "oe"), ('ü', "ue"), ('ø', "oe"), ('å', "aa")];

/// A name of two letters or more in a script without spaces, such as Chinese, in one piece.
fn without_spaces(name: &str) -> Option<String> {
    let letters: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    (letters.chars().count() > 1 && letters.chars().all(unspaced)).then_some(letters)
}

/// Whether a local part is chosen by somebody, and no word that anybody may say.
fn is_telling(local: &str) -> bool {
    local.len() > 5 && local.bytes().any(|b| b.is_ascii_digit() || b"._-+".contains(&b))
}

/// The words of a name, initials left out.
fn parts(name: &str) -> Vec<String> {
    let parts = name.split(|c: char| !c.is_alphanumeric());
    parts.filter(|part| part.chars().count() > 1).map(str::to_owned).collect()
}

/// Whether a line of an address leads to a door by itself: letters and a number.
fn names_a_house(line: &str) -> bool {
    let letters = line.chars().filter(|c| c.is_alphabetic()).count();
    letters >= 4 && line.chars().any(|c| c.is_ascii_digit())
}

/// What a scan found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Ways off the platform, by part and place, not overlapping.
    pub findings: Vec<Finding>,
    /// What the text is up to.
    pub signals: Vec<Signal>,
    /// The texts with findings cut out, one a piece.
    pub redacted: Vec<String>,
    /// The residues for the next message.
    pub window: Window,
    /// What its words below the subject sum up to, for [`Detect::scan_again`](super::Detect::scan_again).
    pub said: Said,
}

/// What words of a text sum up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said(pub(super) u64);
