//! Keeps the house in order: who may import whom, which outside crates a room may use, and how
//! long a function may grow. Every path in every file under `src/` is read, those inside macros
//! too; what stands under `#[cfg(test)]` is free.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod reader;
mod table;

use std::{collections::BTreeSet, fs, path::Path};

use reader::{Reached, Read, read};
use table::{EVERYBODY, ROOMS, Room};

#[test]
fn rooms_import_only_what_the_table_allows() {
    let broken: Vec<String> = sources().iter().flat_map(faults).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_room_has_a_row_and_a_word_on_security() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let rooms: BTreeSet<&str> =
        lib.lines().filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert!(rooms.contains("model"), "lib.rs no longer lists its rooms one a line");
    let rows: BTreeSet<&str> = ROOMS.iter().map(|room| room.name.split('/').next().unwrap()).collect();
    for room in rooms.iter().filter(|room| !EVERYBODY.contains(room)) {
        assert!(rows.contains(room), "{room} has no row in tests/architecture/table.rs");
        let title = root().join("src").join(room).join("mod.rs");
        let title = fs::read_to_string(&title).unwrap_or_else(|_| panic!("{room} has no title page"));
        assert!(title.contains("//! # Security"), "{room} does not say what it guards");
    }
}

#[test]
fn functions_are_short() {
    let mut lengths: Vec<(usize, String)> =
        sources().into_iter().flat_map(|file| file.functions.into_iter().map(move |f| (f.lines, f.at))).collect();
    lengths.sort();
    let percentile = |p: usize| &lengths[(lengths.len() - 1) * p / 100];
    assert!(percentile(50).0 <= 10, "the median function has {} lines", percentile(50).0);
    assert!(percentile(99).0 < 100, "one function of a hundred is longer than {:?}", percentile(99));
    let longest = lengths.last().unwrap();
    assert!(longest.0 <= 120, "too long to be read: {longest:?}");
}

#[test]
fn files_are_short_enough_to_be_read_in_one_go() {
    for file in sources() {
        assert!(file.lines <= 900, "{} has {} lines before its tests", file.path, file.lines);
    }
}

#[test]
fn names_say_what_a_thing_is() {
    const EMPTY: [&str; 9] = ["common", "helper", "helpers", "impl", "manager", "misc", "processor", "util", "utils"];
    for file in sources() {
        for name in &file.names {
            let hollow = reader::words(name).find(|word| EMPTY.contains(&word.as_str()));
            assert!(hollow.is_none(), "{}: {name} is named after nothing", file.path);
        }
        let stem = Path::new(&file.path).file_stem().unwrap().to_str().unwrap();
        assert!(!["data", "info", "service", "types"].contains(&stem), "{} is named after nothing", file.path);
    }
}

/// Of two bodies of one name `openapi.json` would show the one that it met last, for both.
#[test]
fn bodies_of_the_api_have_names_of_their_own() {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("src/channel/api")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (n, _) in
            lines.iter().enumerate().filter(|(_, line)| line.starts_with("#[derive(") && line.contains("ToSchema"))
        {
            let body = lines[n..]
                .iter()
                .find_map(|line| line.split_once("struct ").or(line.split_once("enum ")).map(|(_, rest)| rest));
            names.extend(body.map(|body| body.split([' ', '<', '{']).next().unwrap_or_default().to_owned()));
        }
    }
    assert!(names.len() > 50, "{} were read", names.len());
    names.sort();
    let twice: Vec<_> = names.windows(2).filter(|two| two[0] == two[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn what_may_not_be_is_found() {
    let bad = [
        ("detect/x.rs", "use crate::store::Store;", "detect/x.rs:1 detect may not import store"),
        ("detect/x.rs", "fn f() { crate::vault::open(); }", "detect/x.rs:1 detect may not import vault"),
        ("detect/x.rs", "fn f() { log!(\"{}\", crate::desk::N); }", "detect/x.rs:1 detect may not import desk"),
        ("detect/x.rs", "use super::super::relay as r;", "detect/x.rs:1 detect may not import relay"),
        ("detect/mod.rs", "mod inner { use super::super::net::Tls; }", "detect/mod.rs:1 detect may not import net"),
        ("detect/x.rs", "use {std::{fs, fmt}};", "detect/x.rs:1 detect may not use std::fs"),
        ("detect/x.rs", "fn f() -> std::net::IpAddr {}", "detect/x.rs:1 detect may not use std::net"),
        ("detect/x.rs", "fn f() { std::time::Instant::now(); }", "detect/x.rs:1 detect may not use std::time::Instant"),
        ("detect/x.rs", "#[derive(tokio::X)] struct S;", "detect/x.rs:1 detect may not use the crate tokio"),
        ("policy/x.rs", "fn f() { ::ring::digest(); }", "policy/x.rs:1 policy may not use the crate ring"),
        ("evidence/verify.rs", "\nuse crate::vault::Vault;", "evidence/verify.rs:2 evidence may not import vault"),
        ("evidence/verify.rs", "use super::export::E;", "evidence/verify.rs:1 evidence may not import evidence/export"),
        ("channel/smtp/in.rs", "use crate::store::Row;", "channel/smtp/in.rs:1 channel/smtp may not import store"),
        ("channel/smtp/in.rs", "use std::fs;", "channel/smtp/in.rs:1 channel/smtp may not use std::fs"),
        ("vault/x.rs", "fn f() { y.unwrap(); }", "vault/x.rs:1 .unwrap() outside a test"),
        ("model/x.rs", "#[cfg(not(test))] use crate::net::N;", "model/x.rs:1 model may not import net"),
    ];
    for (path, code, fault) in bad {
        assert_eq!(faults(&read(path, code)), [fault], "{code}");
    }
    let good = [
        ("detect/x.rs", "use crate::model::Kind; use super::fold; use std::{fmt, time::Duration};"),
        ("detect/x.rs", "#[cfg(test)] mod tests { use crate::store::Store; fn f() { x.unwrap(); } }"),
        ("evidence/export.rs", "use crate::{model::M, vault::V, store::S}; use super::format;"),
        ("channel/smtp/in.rs", "use super::{mailbox::Mailbox, send}; use crate::{net::Dns, relay::Relay};"),
        ("app.rs", "use crate::{store, vault}; use tokio::net;"),
    ];
    for (path, code) in good {
        assert_eq!(faults(&read(path, code)), [""; 0], "{code}");
    }
}

#[test]
fn every_crate_that_a_room_may_use_is_a_dependency() {
    let manifest = include_str!("../../Cargo.toml");
    let (_, section) = manifest.split_once("[dependencies]").unwrap();
    let (section, _) = section.split_once("\n[").unwrap();
    // zxing-cpp names its library without the dash.
    let names = section.lines().filter_map(|line| Some(line.split_once(" = ")?.0.replace('-', "_")));
    let names: BTreeSet<String> = names.chain(["zxingcpp".to_owned()]).collect();
    let gone: Vec<_> = ROOMS.iter().flat_map(|room| room.crates).filter(|krate| !names.contains(**krate)).collect();
    assert!(gone.is_empty(), "{gone:?}");
}

fn faults(file: &Read) -> Vec<String> {
    let Some(room) = room_of(file.path.trim_end_matches(".rs")) else { return Vec::new() };
    let mut faults = BTreeSet::new();
    for (line, reached) in &file.reached {
        if let Some(fault) = fault(room, reached) {
            faults.insert((*line, fault));
        }
    }
    for (line, call) in &file.loud {
        faults.insert((*line, format!("{call} outside a test")));
    }
    faults.into_iter().map(|(line, fault)| format!("{}:{line} {fault}", file.path)).collect()
}

fn fault(room: &Room, reached: &Reached) -> Option<String> {
    let name = room.name;
    match reached {
        Reached::House(path) => {
            let top = path.first()?;
            let other = room_of(&path.join("/"));
            let known = other.map(|other| other.name).or(EVERYBODY.contains(&top.as_str()).then_some(top))?;
            let allowed = room.imports.contains(&known) || other.is_some_and(|other| is_kin(room, other));
            (!allowed).then(|| format!("{name} may not import {known}"))
        }
        Reached::Outside(path) => {
            let krate = path.first()?;
            (!room.crates.contains(&krate.as_str())).then(|| format!("{name} may not use the crate {krate}"))
        }
        Reached::Std(path) => {
            let refused = room.without.iter().find(|refused| is_within(path, refused))?;
            Some(format!("{name} may not use std::{refused}"))
        }
    }
}

/// Parts of one room may import one another, but none that may import more than they may.
fn is_kin(room: &Room, other: &Room) -> bool {
    let top = |room: &Room| room.name.split('/').next();
    top(room) == top(other) && other.imports.iter().all(|i| room.imports.contains(i) || top(room) == Some(*i))
}

fn is_within(path: &[String], refused: &str) -> bool {
    let refused: Vec<&str> = refused.split("::").collect();
    path.len() >= refused.len() && refused.iter().zip(path).all(|(a, b)| a == b)
}

/// The row with the longest name that `path` lies in; none for the files that know everybody.
fn room_of(path: &str) -> Option<&'static Room> {
    let lies_in = |room: &&Room| path == room.name || path.starts_with(&format!("{}/", room.name));
    ROOMS.iter().filter(lies_in).max_by_key(|room| room.name.len())
}

fn sources() -> Vec<Read> {
    let mut files = Vec::new();
    walk(&root().join("src"), &mut files);
    assert!(files.len() > 10, "no sources found");
    files
}

fn walk(folder: &Path, files: &mut Vec<Read>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries.into_iter().filter(|path| !is_for_tests(path)) {
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let name = path.strip_prefix(root().join("src")).unwrap().to_str().unwrap();
            files.push(read(name, &fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Whether the file above declares it as `#[cfg(test)] mod name;`.
fn is_for_tests(path: &Path) -> bool {
    let (folder, name) = (path.parent().unwrap(), path.file_stem().unwrap().to_str().unwrap());
    let above = ["mod.rs", "lib.rs"].map(|file| folder.join(file)).into_iter().chain([folder.with_extension("rs")]);
    let declares = |text: String| text.contains(&format!("#[cfg(test)]\nmod {name};"));
    above.filter_map(|file| fs::read_to_string(file).ok()).any(declares)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
