#![no_main]
//! See `tabir_fuzz::TARGETS`. A PDF's reader that panics has met a broken file, and the relay says so: that is no
//! crash. What the target itself asserts is, for it is caught by nobody.

libfuzzer_sys::fuzz_target!(
    init: std::panic::set_hook(Box::new(|panic| {
        if panic.location().is_some_and(|place| place.file().contains("src/files.rs")) {
            eprintln!("{panic}");
        }
    })),
    |bytes: &[u8]| tabir_fuzz::run("pdf", bytes)
);
