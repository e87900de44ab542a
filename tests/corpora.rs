//! What fuzzing has found once is asked again by every build: the targets of `fuzz/`, by the very
//! functions that the fuzzer calls, over the inputs kept in `fuzz/corpus/`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

#[path = "../fuzz/src/lib.rs"]
pub mod targets;

use std::{
    collections::BTreeSet,
    fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
};

use tabir::detect::Detect;

use targets::{TARGETS, run};

/// Text, page, mail and wire.
#[test]
fn no_kept_text_makes_anything_untrue() {
    replay(|target| !FILES.contains(&target));
}

#[test]
fn no_kept_file_makes_anything_untrue() {
    replay(|target| FILES.contains(&target));
}

#[test]
fn every_target_has_its_program_and_its_corpus() {
    let names: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let programs = list(&fuzz().join("fuzz_targets")).iter().map(|path| stem(path)).collect::<BTreeSet<_>>();
    let corpora = list(&fuzz().join("corpus")).iter().map(|path| stem(path)).collect::<BTreeSet<_>>();
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    assert_eq!((&programs, &corpora), (&names, &names));
    assert!(Detect::names().all(|name| names.contains(name)), "a detector is not fuzzed");
    assert!(names.iter().all(|name| manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\""))));
}

#[test]
fn the_corpora_are_small() {
    let inputs = list(&fuzz().join("corpus")).into_iter().flat_map(|folder| list(&folder));
    let bytes: u64 = inputs.map(|input| fs::metadata(input).unwrap().len()).sum();
    assert!(bytes <= 400_000, "{bytes} bytes");
}

/// What the worker process opens.
const FILES: [&str; 2] = ["image", "pdf"];

fn replay(wanted: impl Fn(&str) -> bool) {
    let mut fallen = Vec::new();
    for (name, _) in TARGETS.iter().filter(|(name, _)| wanted(name)) {
        let inputs = list(&fuzz().join("corpus").join(name));
        assert!(!inputs.is_empty(), "nothing is kept for {name}");
        for input in inputs {
            let bytes = fs::read(&input).unwrap();
            if catch_unwind(|| run(name, &bytes)).is_err() {
                fallen.push(input);
            }
        }
    }
    assert!(fallen.is_empty(), "{fallen:#?}");
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}
