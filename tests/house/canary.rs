//! Looks for words that must not be somewhere, also where they are encoded.

use std::{fs, path::Path};

/// The words of `canaries` that can be read in `raw`: as they stand, unfolded, in base64, quoted-printable,
/// percent- or hex-encoded, and each of these once more inside another.
pub fn found(raw: &[u8], canaries: &[String]) -> Vec<String> {
    let mut readings = readings(raw);
    let nested: Vec<Vec<u8>> = readings.iter().skip(1).flat_map(|reading| self::readings(reading)).collect();
    readings.extend(nested);
    let readings: Vec<String> =
        readings.iter().map(|reading| String::from_utf8_lossy(reading).to_lowercase()).collect();
    let seen = |word: &str| readings.iter().any(|reading| reading.contains(word));
    canaries.iter().filter(|word| seen(&word.to_lowercase())).cloned().collect()
}

/// Fails when one of them is there.
#[track_caller]
pub fn none(raw: &[u8], canaries: &[String], wher: &str) {
    let found = found(raw, canaries);
    assert!(found.is_empty(), "{wher}: {found:?} in\n{}", excerpt(raw));
}

/// Searches every file under `folder`; gives (file, word).
pub fn found_in_folder(folder: &Path, canaries: &[String]) -> Vec<(String, String)> {
    let mut hits = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            hits.extend(found_in_folder(&path, canaries));
        } else if let Ok(bytes) = fs::read(&path) {
            hits.extend(plainly(&bytes, canaries).into_iter().map(|word| (path.display().to_string(), word)));
        }
    }
    hits
}

/// As they stand, in UTF-16, base64 at the three alignments, and hex: what one greps a disk for.
pub fn plainly(bytes: &[u8], canaries: &[String]) -> Vec<String> {
    let lower: Vec<u8> = bytes.iter().map(u8::to_ascii_lowercase).collect();
    let has = |needle: &[u8]| memchr::memmem::find(&lower, &needle.to_ascii_lowercase()).is_some();
    let exact = |needle: &[u8]| !needle.is_empty() && memchr::memmem::find(bytes, needle).is_some();
    let seen = |word: &String| {
        let wide: Vec<u8> = word.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let base64 = (0..3).any(|shift| exact(base64_core(word.as_bytes(), shift).as_bytes()));
        has(word.as_bytes()) || has(&wide) || base64 || has(data_encoding::HEXLOWER.encode(word.as_bytes()).as_bytes())
    };
    canaries.iter().filter(|word| seen(word)).cloned().collect()
}

/// The base64 of `word` where it starts `shift` bytes into a group, without the characters that its neighbours decide.
fn base64_core(word: &[u8], shift: usize) -> String {
    let padded = [&vec![0; shift], word].concat();
    let text = data_encoding::BASE64_NOPAD.encode(&padded);
    let from = [0, 2, 3][shift];
    let to = padded.len() / 3 * 4;
    text.get(from..to).unwrap_or_default().to_owned()
}

fn readings(raw: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![raw.to_vec(), without_folds(raw), quoted_printable(raw), percent(raw)];
    all.extend(base64_runs(raw));
    all.extend(encoded_words(raw));
    all
}

fn without_folds(raw: &[u8]) -> Vec<u8> {
    raw.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n' | b'\t')).collect()
}

fn quoted_printable(raw: &[u8]) -> Vec<u8> {
    escapes(raw, b'=')
}

fn percent(raw: &[u8]) -> Vec<u8> {
    escapes(raw, b'%')
}

fn escapes(raw: &[u8], mark: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while at < raw.len() {
        if raw[at] == mark {
            if raw[at + 1..].starts_with(b"\r\n") {
                at += 3;
                continue;
            }
            let hex = raw.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
            if let Some(byte) = hex.and_then(|two| u8::from_str_radix(two, 16).ok()) {
                out.push(byte);
                at += 3;
                continue;
            }
        }
        out.push(raw[at]);
        at += 1;
    }
    out
}

/// Every run of base64 letters, over line ends, decoded from each of the four letters of a group.
fn base64_runs(raw: &[u8]) -> Vec<Vec<u8>> {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    let mut runs: Vec<Vec<u8>> = vec![Vec::new()];
    for byte in raw {
        match byte {
            b'\r' | b'\n' => {}
            letter if is_letter(letter) => runs.last_mut().expect("a run").push(match letter {
                b'-' => b'+',
                b'_' => b'/',
                other => *other,
            }),
            _ => runs.push(Vec::new()),
        }
    }
    let runs = runs.into_iter().filter(|run| run.len() >= 8);
    runs.flat_map(|run| (0..4).map(move |from| loose_base64(&run[from..]))).collect()
}

fn loose_base64(letters: &[u8]) -> Vec<u8> {
    let whole = letters.len() / 4 * 4;
    let rest = &letters[whole..];
    let mut out = data_encoding::BASE64.decode(&letters[..whole]).unwrap_or_default();
    if rest.len() > 1 {
        // The letters that are missing count as zero bits, and only whole bytes are taken.
        let padded = [rest, &b"AAA"[..4 - rest.len()]].concat();
        let bytes = data_encoding::BASE64.decode(&padded).unwrap_or_default();
        out.extend(bytes.iter().take(rest.len() * 6 / 8));
    }
    out
}

fn encoded_words(raw: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(raw);
    let mut out = Vec::new();
    for piece in text.split("=?").skip(1) {
        let mut fields = piece.splitn(4, '?');
        if let (Some(_), Some(way), Some(content)) = (fields.next(), fields.next(), fields.next()) {
            out.push(match way {
                "B" | "b" => loose_base64(content.trim_end_matches('=').as_bytes()),
                _ => quoted_printable(content.replace('_', " ").as_bytes()),
            });
        }
    }
    // Words that were split over several encoded words.
    out.push(out.concat());
    out
}

fn excerpt(raw: &[u8]) -> String {
    String::from_utf8_lossy(&raw[..raw.len().min(4000)]).into_owned()
}
