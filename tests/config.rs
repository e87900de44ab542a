//! Every file under `config/` can be read, and `tabir.toml` says what the defaults are.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use tabir::{app::Settings, settings::Source};

#[test]
fn every_settings_file_is_read_without_a_fault() {
    let files = files("config", "toml");
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        if let Err(wrong) = Settings::read(Some(&file)) {
            let told: Vec<String> = wrong.iter().map(ToString::to_string).collect();
            panic!("{}", told.join("\n"));
        }
    }
}

#[test]
fn the_sample_shows_every_key_with_its_default() {
    let sample = Source::read(&root().join("config/tabir.toml")).unwrap();
    let read: Settings = sample.parse().unwrap();
    let default = format!("{:#?}", Settings::default());
    assert_eq!(format!("{read:#?}"), default);
    let text = fs::read_to_string(root().join("config/tabir.toml")).unwrap();
    let keys = default.lines().filter_map(|line| line.trim().split_once(": ").map(|(key, _)| key));
    for key in keys {
        assert!(words(&text).any(|word| word == key), "config/tabir.toml does not show {key}");
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|e| e == ending)).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
