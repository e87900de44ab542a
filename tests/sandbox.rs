//! The picture workers, as real processes of the real program.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::{
    fs,
    io::Cursor,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tabir::{
    media::{Unreadable, image::Wish},
    sandbox::Sandbox,
};

fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_tabir").into()
}

fn photo(width: u32, height: u32) -> Bytes {
    let mut out = Cursor::new(Vec::new());
    image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 7]))
        .write_to(&mut out, image::ImageFormat::Jpeg)
        .unwrap();
    out.into_inner().into()
}

/// A program that plays a worker: `body` runs after it has said that it is ready.
fn impostor(folder: &Path, body: &str) -> PathBuf {
    let path = folder.join("impostor");
    fs::write(&path, format!("#!/bin/sh\necho $$ >> {}/started\nprintf tbw3\n{body}\n", folder.display())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn started(folder: &Path) -> Vec<u32> {
    let pids = fs::read_to_string(folder.join("started")).unwrap_or_default();
    pids.lines().map(|pid| pid.parse().unwrap()).collect()
}

#[tokio::test]
async fn pictures_come_back_rebuilt_from_kept_workers() {
    let sandbox = Sandbox::new(program(), 2, Duration::from_secs(20));
    let wish = Wish::default();
    let mut jobs = Vec::new();
    for n in 0..60 {
        jobs.push(sandbox.rebuild(photo(16 + n, 16), &wish));
    }
    for done in futures_util::future::join_all(jobs).await {
        let rebuilt = done.unwrap().unwrap();
        assert_eq!(rebuilt.media_type, "image/jpeg");
        assert!(image::load_from_memory(&rebuilt.bytes).is_ok());
    }
    // A phone's photo fits into the worker's limits.
    assert!(sandbox.rebuild(photo(4_000, 3_000), &Wish::default()).await.unwrap().is_ok());
}

#[tokio::test]
async fn what_is_no_picture_is_unreadable_and_the_worker_stays() {
    let sandbox = Sandbox::new(program(), 1, Duration::from_secs(20));
    for bytes in ["", "GIF89a", "<svg/>"] {
        assert_eq!(
            sandbox.rebuild(Bytes::from_static(bytes.as_bytes()), &Wish::default()).await.unwrap(),
            Err(Unreadable::Malformed)
        );
    }
    assert!(sandbox.rebuild(photo(8, 8), &Wish::default()).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_picture_that_kills_two_workers_is_unreadable() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::new(impostor(folder.path(), "exit 3"), 1, Duration::from_secs(20));
    assert_eq!(sandbox.rebuild(photo(8, 8), &Wish::default()).await.unwrap(), Err(Unreadable::Malformed));
    assert_eq!(started(folder.path()).len(), 2);
}

#[tokio::test]
async fn a_worker_that_hangs_is_killed_at_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let start = Instant::now();
    let sandbox = Sandbox::new(impostor(folder.path(), "exec sleep 100"), 1, Duration::from_millis(200));
    assert_eq!(sandbox.rebuild(photo(8, 8), &Wish::default()).await.unwrap(), Err(Unreadable::Malformed));
    assert!(start.elapsed() < Duration::from_secs(10));
    for pid in started(folder.path()) {
        // Reaped by the runtime soon after the kill.
        for _ in 0..100 {
            let alive = fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "sleep");
            let zombie = fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "));
            if !alive || zombie {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(!fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains("(sleep) S")));
    }
}

#[tokio::test]
async fn a_worker_that_talks_nonsense_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let answer =
        |told: &str, rest: &str| format!(r"\001\000\000\{:03o}\{:03o}{told}{rest}", told.len() >> 8, told.len() & 255);
    let empty = r#"{"codes":[],"looks":[],"lines":null}"#;
    let text = "x".repeat(2_000);
    let code = format!(
        r#"{{"codes":[{{"text":"{text}","linear":false,"frame":0,"area":[0,0,1,1]}}],"looks":[],"lines":null}}"#
    );
    let spot = r#"{"frame":0,"quad":[[0,0],[1,0],[1,1],[0,1]]}"#;
    let line = format!(r#"{{"codes":[],"looks":[],"lines":[{{"text":"{text}","row":0,"spot":{spot}}}]}}"#);
    let looks = format!(r#"{{"codes":[],"looks":[{}1],"lines":null}}"#, "1,".repeat(100 * 8));
    let file = r"\000\000\000\001x";
    // A number that is none; a list beyond any bound, one that is no list; a code and a line that
    // say too much, too many looks; a file beyond any bound.
    let words = [
        r"\377\377\377\377\377".to_owned(),
        r"\001\377\377\377\377".to_owned(),
        answer("{}", file),
        answer(&code, file),
        answer(&line, file),
        answer(&looks, file),
        answer(empty, r"\377\377\377\377x"),
    ];
    for words in words {
        let sandbox =
            Sandbox::new(impostor(folder.path(), &format!("printf '{words}'; sleep 1")), 1, Duration::from_secs(5));
        assert_eq!(
            sandbox.rebuild(photo(8, 8), &Wish::default()).await.unwrap(),
            Err(Unreadable::Malformed),
            "{words}"
        );
    }
    let honest = impostor(folder.path(), &format!("printf '{}'; sleep 1", answer(empty, file)));
    let sandbox = Sandbox::new(honest, 1, Duration::from_secs(5));
    assert!(sandbox.rebuild(photo(8, 8), &Wish::default()).await.unwrap().is_ok(), "the words are those of a worker");
}

#[tokio::test]
async fn a_program_that_can_not_start_is_our_fault_not_the_pictures() {
    for exe in ["/nonexistent/tabir", "/bin/true"] {
        let sandbox = Sandbox::new(exe.into(), 1, Duration::from_secs(5));
        assert!(sandbox.rebuild(photo(8, 8), &Wish::default()).await.is_err());
    }
}
