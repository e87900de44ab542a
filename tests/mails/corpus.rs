//! The mails as they are written down, before they are anybody's.

use std::{collections::BTreeMap, fs, path::Path};

/// One mail to be written by anybody who speaks its language.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The file's name, its own, and where it has variants, which it is.
    pub name: String,
    pub lang: &'static str,
    /// Which of its writer's secrets are in it.
    pub leaks: Vec<String>,
    pub fate: Fate,
    /// Its lines are the bytes already: nothing is encoded.
    pub raw: bool,
    pub text: String,
}

/// What becomes of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is delivered.
    Arrives,
    /// It is delivered, and its reader is told what was removed, by the words of `Removed`.
    Told(Vec<String>),
    /// It is refused within the session, with these words.
    Refused(String),
}

/// Languages that a mail is written in when it does not matter, in turn.
pub const LANGS: [&str; 12] = ["en", "id", "pl", "de", "es", "zh", "vi", "fr", "ja", "ru", "pt", "it"];

/// Every mail of every file.
pub fn read() -> Vec<Recipe> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mails");
    let mut files: Vec<_> = fs::read_dir(folder).expect("the corpus").flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "mails"));
    files.sort();
    let mut all = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).expect("a file of mails");
        let stem = path.file_stem().expect("a name").to_string_lossy();
        for mut recipe in Recipe::of(&text) {
            recipe.name = format!("{stem}/{}", recipe.name);
            all.push(recipe);
        }
    }
    all
}

impl Recipe {
    /// The mails of a file: each begins with `=== name key=value …`.
    pub fn of(file: &str) -> Vec<Self> {
        let (mut all, mut turn) = (Vec::new(), 0);
        for block in format!("\n{file}").split("\n=== ").skip(1) {
            let (head, text) = block.split_once('\n').expect("a mail under its name");
            let mut words = head.split(' ');
            let name = words.next().expect("a name");
            let keys: BTreeMap<&str, &str> = words.map(|word| word.split_once('=').unwrap_or((word, ""))).collect();
            all.extend(variants(name, &keys, text, &mut turn));
        }
        all
    }
}

/// A mail in each of its languages and encodings.
fn variants(name: &str, keys: &BTreeMap<&str, &str>, text: &str, turn: &mut usize) -> Vec<Recipe> {
    let known = ["langs", "leaks", "told", "refused", "raw"];
    let langs: Vec<&'static str> = match keys.get("langs") {
        Some(langs) => langs.split(',').map(known_lang).collect(),
        None => {
            *turn += 1;
            vec![LANGS[*turn % LANGS.len()]]
        }
    };
    let mut choices = vec![BTreeMap::new()];
    for (key, values) in keys.iter().filter(|(key, _)| !known.contains(key)) {
        let further = choices.iter().flat_map(|chosen: &BTreeMap<String, String>| {
            values.split(',').map(|value| {
                let mut chosen = chosen.clone();
                chosen.insert((*key).to_owned(), value.to_owned());
                chosen
            })
        });
        choices = further.collect();
    }
    let list = |key: &str| -> Vec<String> {
        keys.get(key).map(|list| list.split(',').map(str::to_owned).collect()).unwrap_or_default()
    };
    let fate = match keys.get("refused") {
        Some(words) => Fate::Refused(words.replace('_', " ")),
        None if keys.contains_key("told") => Fate::Told(list("told")),
        None => Fate::Arrives,
    };
    let mut all = Vec::new();
    for lang in langs {
        for chosen in &choices {
            let which: String = chosen.values().map(|value| format!(".{value}")).collect();
            let text =
                chosen.iter().fold(text.to_owned(), |text, (key, value)| text.replace(&format!("${key}"), value));
            all.push(Recipe {
                name: format!("{name}.{lang}{which}"),
                lang,
                leaks: list("leaks"),
                fate: fate.clone(),
                raw: keys.contains_key("raw"),
                text,
            });
        }
    }
    all
}

fn known_lang(word: &str) -> &'static str {
    LANGS.into_iter().find(|lang| *lang == word).unwrap_or_else(|| panic!("no people speak {word}"))
}
