//! The detectors with an operator's lexicons: read from a folder at the start and at SIGHUP.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::Settings;
use crate::{
    detect::{Detect, LexiconFault},
    settings::Wrong,
};

/// The detectors, with the lexicons that come with the program and those of `detect.lexicon`.
///
/// # Errors
/// Every fault of every file, with its line.
pub fn detectors(settings: &Settings) -> Result<Arc<Detect>, Vec<Wrong>> {
    let detect = untaught(settings)?;
    let detect = match &settings.detect.lexicon {
        Some(folder) => taught(detect, &folder.join(LEARNED))?,
        None => detect,
    };
    Ok(Arc::new(detect))
}

/// The detectors with an operator's words and without what was learned of lines, for who learns.
pub fn untaught(settings: &Settings) -> Result<Detect, Vec<Wrong>> {
    let own = settings.detect.lexicon.as_deref().map_or(Ok(Vec::new()), lexicons)?;
    Detect::with(&own).map_err(|faults| faults.into_iter().map(wrong).collect())
}

/// An operator's own table of learned weights, in the folder of the lexicons.
const LEARNED: &str = "learned.bin";

fn taught(detect: Detect, table: &Path) -> Result<Detect, Vec<Wrong>> {
    match fs::read(table) {
        Ok(bytes) => detect.taught(&table.display().to_string(), &bytes).map_err(|fault| vec![wrong(fault)]),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(detect),
        Err(error) => Err(vec![unread(table, &error)]),
    }
}

/// As [`detectors`], without compiling again what can not have changed.
pub(super) fn detectors_again(settings: &Settings, now: &Arc<Detect>) -> Result<Arc<Detect>, Vec<Wrong>> {
    let same = settings.detect.lexicon.is_none() && now.is_as_it_came();
    if same { Ok(Arc::clone(now)) } else { detectors(settings) }
}

/// Path and text of every lexicon of a folder, by name.
fn lexicons(folder: &Path) -> Result<Vec<(String, String)>, Vec<Wrong>> {
    let mut files = files(folder).map_err(|error| vec![unread(folder, &error)])?;
    files.sort();
    let mut wrong = Vec::new();
    let mut own = Vec::new();
    for file in files {
        match fs::read_to_string(&file) {
            Ok(text) => own.push((file.display().to_string(), text)),
            Err(error) => wrong.push(unread(&file, &error)),
        }
    }
    if wrong.is_empty() { Ok(own) } else { Err(wrong) }
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let lexicon = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "toml");
    paths.filter(|path| path.as_ref().map_or(true, lexicon)).collect()
}

fn unread(path: &Path, error: &io::Error) -> Wrong {
    Wrong { file: path.to_owned(), line: None, why: error.to_string() }
}

fn wrong(fault: LexiconFault) -> Wrong {
    Wrong { file: PathBuf::from(fault.file), line: Some(fault.line), why: fault.message }
}
