//! The third voice: how support is known to both sides, and what looks like it.

use serde::Deserialize;

/// `[voice]`: how support writes into conversations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VoiceRules {
    /// The name it writes under; where there is none: the marketplace's, and `support`. No party can
    /// have it as its public name, and no message of a party can stand under it.
    pub name: String,
    /// The marketplace's own contacts, which support may name: addresses, numbers, domains.
    pub own: Vec<String>,
}

impl VoiceRules {
    /// The name, for a marketplace that people know as `known_as`.
    pub fn mark(&self, known_as: &str) -> String {
        let name =
            if self.name.trim().is_empty() { format!("{known_as} support") } else { self.name.trim().to_owned() };
        name.chars().filter(|c| !c.is_control() && !matches!(c, '[' | ']' | '"' | '<' | '>')).collect()
    }
}

/// Whether a name or a subject, folded as texts are read, stands under that mark, folded too:
/// whatever signs are put between its letters.
pub fn wears(folded: &str, mark: &str) -> bool {
    let (said, mark) = (letters(folded), letters(mark));
    !mark.is_empty() && said.contains(&mark)
}

/// Whether one line of a text begins as words of support do: with the mark, alone, in brackets or
/// before a colon.
pub fn speaks_as(folded: &str, mark: &str) -> bool {
    let mark = letters(mark);
    !mark.is_empty() && folded.lines().any(|line| line_speaks_as(line, &mark))
}

fn line_speaks_as(line: &str, mark: &str) -> bool {
    let line = line.trim_start();
    let Some(rest) = behind(line, mark) else { return false };
    let bracketed = line.starts_with(|c: char| !c.is_alphanumeric());
    bracketed
        || rest.trim().is_empty()
        || rest.trim_start().starts_with([':', '-', '|', ']', ')', '\u{2014}', '\u{2013}'])
}

/// What follows the letters of a mark that a line begins with, whatever signs are put between them.
/// Nearly every line ends the look at its first letter.
fn behind<'l>(line: &'l str, mark: &str) -> Option<&'l str> {
    let mut wanted = mark.chars().peekable();
    for (at, c) in line.char_indices().filter(|(_, c)| c.is_alphanumeric()) {
        for lower in c.to_lowercase() {
            wanted.next_if_eq(&lower)?;
        }
        if wanted.peek().is_none() {
            return Some(&line[at + c.len_utf8()..]);
        }
    }
    None
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_met_whatever_stands_between_its_letters() {
        for name in ["Bazaar Support", "bazaar-support", "[BAZAAR SUPPORT]", "B.a.z.a.a.r Support team"] {
            assert!(wears(name, "bazaar support"), "{name}");
        }
        for name in ["Bazaar", "Toko Melati", "support", ""] {
            assert!(!wears(name, "bazaar support"), "{name}");
        }
        assert!(!wears("anything", ""));
    }

    #[test]
    fn a_text_that_begins_as_support_does_is_met_and_one_that_talks_of_it_is_not() {
        for text in [
            "[bazaar support] your refund",
            "hello\nbazaar support: pay now",
            "b.a.z.a.a.r-SUPPORT -",
            "(bazaar support) x",
        ] {
            assert!(speaks_as(text, "bazaar support"), "{text}");
        }
        for text in ["please ask bazaar support about it", "bazaar support told me to wait", "bazaar supp", "thanks"] {
            assert!(!speaks_as(text, "bazaar support"), "{text}");
        }
    }

    #[test]
    fn the_name_comes_from_the_settings_or_from_the_marketplace() {
        assert_eq!(VoiceRules::default().mark("Bazaar"), "Bazaar support");
        let own = VoiceRules { name: "Bazaar\r\n <Care>".to_owned(), ..VoiceRules::default() };
        assert_eq!(own.mark("x"), "Bazaar Care");
    }
}
