//! Who judges content, from the settings: names and keys checked, lists read.

use std::{collections::BTreeMap, fs, sync::Arc};

use crate::{
    judges::{JudgeSettings, ListSettings, Seats, is_name, list::List},
    settings::{Source, Wrong},
};

/// Seats the judges and lists of the house and of its marketplaces; each list is read once.
pub(super) struct Clerk<'a> {
    source: &'a Source,
    /// What was found wrong.
    pub(super) wrong: Vec<Wrong>,
    judges: Vec<(String, JudgeSettings)>,
    lists: Vec<(ListSettings, Option<Arc<List>>)>,
}

impl<'a> Clerk<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        Self { source, wrong: Vec::new(), judges: Vec::new(), lists: Vec::new() }
    }

    /// The seats whose settings stand under `section`, empty for the house's own.
    pub(super) fn seats(
        &mut self,
        section: &[&str],
        judges: BTreeMap<String, JudgeSettings>,
        lists: BTreeMap<String, ListSettings>,
    ) -> Seats {
        let mut seats = Seats::default();
        for (name, mut settings) in judges {
            settings.start_at(self.source.folder());
            self.judge(&[section, &["judges", &name]].concat(), &name, &settings);
            seats.judges.insert(name, settings);
        }
        for (name, mut settings) in lists {
            settings.file = self.source.folder().join(&settings.file);
            let list = self.list(&[section, &["lists", &name]].concat(), &name, &settings);
            seats.lists.extend(list.map(|list| (name, list)));
        }
        seats
    }

    /// A marketplace repeats what the house has: that is told once.
    fn judge(&mut self, path: &[&str], name: &str, settings: &JudgeSettings) {
        if self.judges.iter().any(|(known, same)| known == name && same == settings) {
            return;
        }
        self.judges.push((name.to_owned(), settings.clone()));
        self.check_name(path, name);
        for (key, why) in settings.faults() {
            self.refuse(path, key, &why);
        }
    }

    fn list(&mut self, path: &[&str], name: &str, settings: &ListSettings) -> Option<Arc<List>> {
        if let Some((_, list)) = self.lists.iter().find(|(same, _)| same == settings) {
            return list.clone();
        }
        self.check_name(path, name);
        for (key, why) in settings.faults() {
            self.refuse(path, key, &why);
        }
        let list = self.read(path, settings).map(Arc::new);
        self.lists.push((settings.clone(), list.clone()));
        list
    }

    fn read(&mut self, path: &[&str], settings: &ListSettings) -> Option<List> {
        let file = settings.file.clone();
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) => {
                self.refuse(path, "file", &format!("{}: {error}", file.display()));
                return None;
            }
        };
        let bad = match List::read(&text, settings) {
            Ok(list) => return Some(list),
            Err(bad) => bad,
        };
        let at = |line, why: &str| Wrong { file: file.clone(), line: Some(line), why: why.to_owned() };
        self.wrong.extend(bad.iter().map(|bad| at(bad.line, bad.why)));
        None
    }

    fn check_name(&mut self, path: &[&str], name: &str) {
        if !is_name(name) {
            self.wrong.push(self.source.wrong(path, "a name has 1 to 32 of a-z, 0-9, _ and -"));
        }
    }

    fn refuse(&mut self, path: &[&str], key: &str, why: &str) {
        self.wrong.push(self.source.wrong(&[path, &[key]].concat(), why));
    }
}
