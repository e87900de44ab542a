//! Reads settings: TOML into types, every fault at once, each with its file and line.
//!
//! Every room owns its own settings struct with `#[serde(default, deny_unknown_fields)]`; the
//! root struct lives in `app`. This room knows none of them.
//!
//! # Security
//! Imports only `model`. Secrets never stand in settings: they come from files or variables
//! that the settings name.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// A setting that can not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// In which file.
    pub file: PathBuf,
    /// In which line, from 1; `None` when the key is not written there.
    pub line: Option<usize>,
    /// What is wrong, in a sentence that names the key.
    pub why: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file.display(), self.why),
            None => write!(f, "{}: {}", self.file.display(), self.why),
        }
    }
}

/// A settings file, read as text.
#[derive(Clone, Debug)]
pub struct Source {
    file: PathBuf,
    text: String,
}

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    /// When it can not be read.
    pub fn read(file: &Path) -> Result<Self, Wrong> {
        match std::fs::read_to_string(file) {
            Ok(text) => Ok(Self::new(file, text)),
            Err(error) => Err(Wrong { file: file.to_owned(), line: None, why: error.to_string() }),
        }
    }

    /// A text as if it stood in `file`.
    pub fn new(file: &Path, text: String) -> Self {
        Self { file: file.to_owned(), text }
    }

    /// The folder that relative paths start from.
    pub fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new(""))
    }

    /// The whole as a table.
    ///
    /// # Errors
    /// When it is not TOML.
    pub fn table(&self) -> Result<Table, Wrong> {
        toml::from_str(&self.text).map_err(|error| self.at_span(&self.text, &error))
    }

    /// Reads `T`. A wrong value is noted and taken out, and the rest read on, so that all
    /// faults are told at once; what is taken out has its default meanwhile.
    ///
    /// # Errors
    /// Every fault that was found.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Vec<Wrong>> {
        let mut text = self.text.clone();
        let mut wrong: Vec<Wrong> = Vec::new();
        loop {
            match toml::from_str::<T>(&text) {
                Ok(value) if wrong.is_empty() => return Ok(value),
                Ok(_) => {
                    wrong.sort_by_key(|fault| fault.line);
                    return Err(wrong);
                }
                Err(error) => {
                    wrong.push(self.at_span(&text, &error));
                    let Some(shorter) = error.span().and_then(|span| without(&text, span.start)) else {
                        return Err(wrong);
                    };
                    text = shorter;
                }
            }
        }
    }

    /// A fault of the value at `path`, such as `["contact", "rate", "burst"]`.
    pub fn wrong(&self, path: &[&str], why: impl fmt::Display) -> Wrong {
        let key = path.join(".");
        Wrong { file: self.file.clone(), line: self.line_of(path), why: format!("{key}: {why}") }
    }

    /// The line of a key, as far down its path as the file spells it out.
    fn line_of(&self, path: &[&str]) -> Option<usize> {
        (1..=path.len()).rev().find_map(|depth| {
            let (section, key) = path[..depth].split_at(depth - 1);
            let header = |line: &str| line.trim().trim_matches(['[', ']']).trim().to_owned();
            let mut inside = section.is_empty();
            self.text.lines().enumerate().find_map(|(n, line)| {
                if line.trim_start().starts_with('[') {
                    let name = header(line);
                    inside = name == section.join(".");
                    return (name == path[..depth].join(".")).then_some(n + 1);
                }
                let written = line.split('=').next().unwrap_or("").trim();
                (inside && written == key[0]).then_some(n + 1)
            })
        })
    }

    /// `read` is what was read: this text, perhaps with lines blanked out.
    fn at_span(&self, read: &str, error: &toml::de::Error) -> Wrong {
        let line = error.span().map(|span| read[..span.start.min(read.len())].matches('\n').count() + 1);
        let written = line.and_then(|n| self.text.lines().nth(n - 1)).unwrap_or_default().trim();
        Wrong { file: self.file.clone(), line, why: format!("`{written}`: {}", error.message().replace('\n', " ")) }
    }
}

/// Lays `over` on `under`: tables are merged, everything else is replaced.
pub fn lay_over(under: &mut Table, over: &Table) {
    for (key, value) in over {
        match (under.get_mut(key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay_over(below, above),
            _ => {
                under.insert(key.clone(), value.clone());
            }
        }
    }
}

/// The text with the key-value pair or header that begins in the line of `at` blanked out, line
/// count kept, so that later faults keep their lines.
fn without(text: &str, at: usize) -> Option<String> {
    let start = text[..at.min(text.len())].rfind('\n').map_or(0, |n| n + 1);
    let line_end = |from: usize| text[from..].find('\n').map_or(text.len(), |n| from + n);
    // A value may go on over lines: take as many as it needs until the line parses as TOML.
    let mut end = line_end(start);
    if text[start..].trim_start().starts_with('[') {
        // A header goes with its section, or the section's keys would fall to the one above.
        while end < text.len() && !text[end + 1..].trim_start_matches([' ', '\t']).starts_with('[') {
            end = line_end(end + 1);
        }
    }
    while end < text.len() && text[start..end].contains('=') && toml::from_str::<Table>(&text[start..end]).is_err() {
        end = line_end(end + 1);
    }
    let gone = &text[start..end];
    if gone.trim().is_empty() {
        return None;
    }
    let blank: String = gone.chars().filter(|c| *c == '\n').collect();
    Some(format!("{}{blank}{}", &text[..start], &text[end..]))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default, deny_unknown_fields)]
    struct Root {
        listen: Listen,
        handles: Handles,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default, deny_unknown_fields)]
    struct Listen {
        https: String,
        names: Vec<String>,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default, deny_unknown_fields)]
    struct Handles {
        rotate: crate::model::Duration,
    }

    #[test]
    fn every_fault_is_told_at_once_with_its_line() {
        let text = "[listen]\nhttps = 5\nhttp = \"x\"\nnames = [\n  \"a\",\n  7,\n]\n[handles]\nrotate = \"30\"\ngrase = \"1d\"\n";
        let source = Source::new(Path::new("tabir.toml"), text.to_owned());
        let wrong = source.parse::<Root>().unwrap_err();
        let lines: Vec<usize> = wrong.iter().filter_map(|w| w.line).collect();
        assert_eq!(wrong.len(), 5, "{wrong:?}");
        for line in [2, 3, 4, 9, 10] {
            assert!(lines.contains(&line), "{wrong:?}");
        }
        assert!(wrong.iter().any(|w| w.why.contains("grase")), "{wrong:?}");
    }

    #[test]
    fn a_checked_value_is_found_by_its_path() {
        let source = Source::new(Path::new("t"), "[a]\nx = 1\n[a.b]\ny = 2\n".to_owned());
        assert_eq!(source.wrong(&["a", "b", "y"], "no").to_string(), "t:4: a.b.y: no");
        assert_eq!(source.wrong(&["a", "b", "z"], "no").line, Some(3));
        assert_eq!(source.wrong(&["q"], "no").line, None);
    }
}
