//! What is known around a text: language, region, sender, known things, guarded and own contacts.

use std::{fmt, ops::Deref};

use serde::Deserialize;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::model::{Finding, Part, Side, Signal};

use super::{lexicon::folded, window::Window};

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
        let fold = |words: &[String]| words.iter().map(|word| folded(word.trim())).collect();
        let streets = guard.streets.iter().filter(|street| names_a_house(street)).map(|street| folded(street.trim()));
        let names = guard.names.iter().map(|name| parts(&folded(name))).filter(|parts| parts.len() > 1);
        let guarded = Guarded { names: names.collect(), emails: fold(&guard.emails), streets: streets.collect() };
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
    pub(super) emails: Vec<String>,
    /// Those that lead to a door by themselves.
    pub(super) streets: Vec<String>,
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
}
