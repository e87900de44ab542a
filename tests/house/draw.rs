//! Pictures with words in them, drawn by Pillow, and the models that read them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// A picture as `draw.py` draws it.
pub(crate) fn picture(spec: &Value) -> Vec<u8> {
    let python = std::env::var_os("TABIR_TEST_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/house/draw.py");
    let drawn = Command::new(python).arg(script).arg(spec.to_string()).output().expect("a Python");
    let said = String::from_utf8_lossy(&drawn.stderr);
    assert!(drawn.status.success(), "TABIR_TEST_PYTHON names a Python with Pillow: {said}");
    drawn.stdout
}

/// Where `make models` puts them.
pub(crate) fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models")
}
