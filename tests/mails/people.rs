//! Those who write, and a mail in their hand.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

use crate::{
    corpus::{Fate, Recipe},
    fill, shape,
};

/// Somebody real, with what must not become known.
#[derive(Clone, Debug, Deserialize)]
pub struct Someone {
    pub name: String,
    pub local: String,
    pub host: String,
    pub phone: String,
    pub street: String,
    pub city: String,
    pub postcode: String,
    pub country: String,
    pub user: String,
    pub machine: String,
}

impl Someone {
    pub fn email(&self) -> String {
        format!("{}@{}", self.local, self.host)
    }

    /// What nobody on the other side may ever read, by the word that mails name it with.
    pub fn secrets(&self) -> BTreeMap<String, String> {
        let pairs = [
            ("email", self.email()),
            ("local", self.local.clone()),
            ("host", self.host.clone()),
            ("phone", self.phone.clone()),
            ("name", self.name.clone()),
            ("street", self.street.clone()),
            ("user", self.user.clone()),
            ("machine", self.machine.clone()),
            ("ip", "203.0.113.77".to_owned()),
            ("lan", "192.168.178.23".to_owned()),
            ("canary", "canary".to_owned()),
        ];
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

/// A seller and a buyer of one language.
#[derive(Clone, Debug, Deserialize)]
pub struct Two {
    pub seller: Someone,
    pub buyer: Someone,
}

/// Everybody, by language.
pub static PEOPLE: LazyLock<BTreeMap<String, Two>> =
    LazyLock::new(|| toml::from_str(include_str!("people.toml")).expect("people.toml"));

/// What is said in each language around a mail.
pub static WORDS: LazyLock<BTreeMap<String, BTreeMap<String, String>>> =
    LazyLock::new(|| toml::from_str(include_str!("words.toml")).expect("words.toml"));

/// Who writes to whom.
pub struct Pen<'a> {
    pub me: &'a Someone,
    /// The handle written to.
    pub to: &'a str,
    /// A number of this mail's own.
    pub n: usize,
}

/// A mail, written.
#[derive(Clone, Debug)]
pub struct Letter {
    pub name: String,
    pub raw: Vec<u8>,
    /// A word that stands in its subject and nowhere else.
    pub word: String,
    /// The sentence that has to arrive.
    pub mark: Option<String>,
    /// Which secrets were planted.
    pub planted: Vec<String>,
    secrets: BTreeMap<String, String>,
    pub fate: Fate,
}

impl Letter {
    /// What its writer must not give away, by name.
    pub fn secrets(&self) -> BTreeMap<String, String> {
        self.secrets.clone()
    }
}

/// Writes a mail.
pub fn write(recipe: &Recipe, pen: &Pen<'_>) -> Letter {
    let word = word(pen.n);
    let values = fill::values(recipe, pen, &word);
    let text = fill::fill(&recipe.text, &values);
    let raw = if recipe.raw { shape::bytes(&text) } else { shape::shaped(&text) };
    let mark = recipe.text.contains("mark}}").then(|| values["mark"].clone());
    let (planted, secrets) = (recipe.leaks.clone(), pen.me.secrets());
    Letter { name: recipe.name.clone(), raw, word, mark, planted, secrets, fate: recipe.fate.clone() }
}

/// The same in the hand of the seller, to nobody in particular.
pub fn example(recipe: &Recipe) -> Letter {
    let me = &PEOPLE[recipe.lang].seller;
    write(recipe, &Pen { me, to: "0123456789abcdefghjkmnpqrs@veil.example", n: 7 })
}

/// A word that no language has: "Qubadeko".
fn word(n: usize) -> String {
    let syllables = ["ba", "de", "fi", "go", "ku", "la", "me", "ni", "po", "ru", "so", "ta"];
    let pick = |place: usize| syllables[n / 12usize.pow(u32::try_from(place).expect("a place")) % 12];
    format!("Qu{}{}{}n", pick(2), pick(1), pick(0))
}
