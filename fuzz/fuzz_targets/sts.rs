#![no_main]
//! See `tabir_fuzz::TARGETS`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tabir_fuzz::run("sts", bytes));
