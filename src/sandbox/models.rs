//! The two models that read words in pictures: files of an operator's folder, known by SHA-256.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use ring::digest;

use crate::media::words::Reader;

/// Why words in pictures can not be read.
#[derive(Debug, thiserror::Error)]
pub enum NoModels {
    /// A file is not there, or can not be read.
    #[error("{}: {cause}", file.display())]
    Missing {
        /// Which.
        file: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A file is another than the one that is meant.
    #[error("{}: another file than the one meant (SHA-256)", file.display())]
    Changed {
        /// Which.
        file: PathBuf,
    },
    /// A file is the right one, and can not be used all the same.
    #[error("the models can not be used")]
    Unfit,
}

/// Whether the models are there, and are those that are meant.
///
/// # Errors
/// When they are not.
pub fn look_at_models(folder: &Path) -> Result<(), NoModels> {
    files(folder).map(drop)
}

/// Reads the models, 26 MB, and makes them ready.
pub(super) fn open(folder: &Path) -> Result<Reader, NoModels> {
    let [finder, speller] = files(folder)?;
    Reader::new(finder, speller).map_err(|_| NoModels::Unfit)
}

fn files(folder: &Path) -> Result<[Vec<u8>; 2], NoModels> {
    let mut files = SUMS.lines().filter_map(|line| line.split_once("  ")).map(|(sum, name)| file(folder, sum, name));
    let mut next = || files.next().unwrap_or(Err(NoModels::Unfit));
    Ok([next()?, next()?])
}

fn file(folder: &Path, sum: &str, name: &str) -> Result<Vec<u8>, NoModels> {
    let file = folder.join(name);
    match fs::read(&file) {
        Err(cause) => Err(NoModels::Missing { file, cause }),
        Ok(bytes) if data_encoding::HEXLOWER.encode(digest::digest(&digest::SHA256, &bytes).as_ref()) != sum => {
            Err(NoModels::Changed { file })
        }
        Ok(bytes) => Ok(bytes),
    }
}

/// What `tools/models` fetches: the one that finds lines, then the one that spells them.
const SUMS: &str = include_str!("../../tools/models.sha256");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_models_and_one_with_others_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let told = |folder: &Path| look_at_models(folder).unwrap_err().to_string();
        assert!(told(folder.path()).contains("ch_PP-OCRv4_det_infer.onnx: No such file"));
        fs::write(folder.path().join("ch_PP-OCRv4_det_infer.onnx"), "other bytes").unwrap();
        assert!(told(folder.path()).contains("another file than the one meant"));
    }
}
