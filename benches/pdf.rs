//! How many ordinary PDF files arrive, why others do not, and what reading costs.
//!
//! `benches/pdf.py FOLDER` makes some 200 files with the programs that shops use;
//! `TABIR_BENCH_PDF=FOLDER cargo bench --bench pdf` sends each through a real worker with the real
//! models, as a seller's: read, judged and drawn. It works with any folder of PDF files.
//! `TABIR_BENCH_ONLY` picks files by a part of their name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints, and fails by panicking"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tabir::{
    detect::{Context, Detect},
    media::{code::Linear, pdf::Glance, words::Words},
    model::Part,
    relay::study,
    sandbox::{Sandbox, look_at_models},
};

fn main() {
    let Some(folder) = std::env::var_os("TABIR_BENCH_PDF").map(PathBuf::from) else { return };
    let only = std::env::var("TABIR_BENCH_ONLY").unwrap_or_default();
    let files = fs::read_dir(folder).expect("a folder of PDF files").map(|entry| entry.unwrap().path());
    let named = |file: &PathBuf| file.file_name().is_some_and(|name| name.to_string_lossy().contains(&only));
    let mut files: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|e| e == "pdf")).filter(named).collect();
    files.sort();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(measure(&files));
}

async fn measure(files: &[PathBuf]) {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    look_at_models(&models).expect("`make models` has put the models into models/");
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_tabir").into(), 1, Duration::from_secs(20)).with_models(&models);
    let (detect, context) =
        (Detect::embedded().unwrap(), Context { lang: Some("id".to_owned()), ..Context::default() });
    let (mut why, mut times, mut flagged) = (BTreeMap::<String, usize>::new(), Vec::new(), 0);
    for file in files {
        let (name, bytes) = (file.file_stem().unwrap().to_string_lossy(), Bytes::from(fs::read(file).unwrap()));
        let glance = Glance { words: Words::Read, ..Glance::default() };
        let start = Instant::now();
        let studied = study(&sandbox, (&detect, &context), Part::Attachment(0), (bytes.clone(), glance)).await.unwrap();
        let took = start.elapsed();
        let done = match studied {
            Ok((contents, judged)) => {
                let drawn = sandbox.draw_pdf(bytes, Linear::Tell, &judged.orders).await.unwrap();
                let pages = contents.pages.len();
                let lines: usize = contents.pages.iter().map(|page| page.lines.len()).sum();
                let found: Vec<&str> = judged.findings.iter().map(|finding| finding.text.as_str()).collect();
                flagged += usize::from(!found.is_empty());
                let arrived = drawn.map(|drawn| drawn.bytes.len());
                println!("{name}: {arrived:?}, {pages} pages, {lines} lines in pixels, {took:.1?}, found {found:?}");
                arrived.map(drop)
            }
            Err(unreadable) => Err(unreadable),
        };
        times.push(took.as_millis());
        if let Err(unreadable) = done {
            println!("{name}: WITHHELD after {took:.1?}: {unreadable}");
            *why.entry(unreadable.to_string()).or_default() += 1;
        }
    }
    times.sort_unstable();
    let withheld: usize = why.values().sum();
    println!("{} of {} arrive; something is found in {flagged}", files.len() - withheld, files.len());
    why.iter().for_each(|(reason, count)| println!("  withheld, {reason}: {count}"));
    if let (Some(median), Some(p90)) = (times.get(times.len() / 2), times.get(times.len() * 9 / 10)) {
        println!("ms to read: median {median}, p90 {p90}, most {}", times[times.len() - 1]);
    }
}
