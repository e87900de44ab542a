//! One relay at a time serves from a data folder.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
};

use crate::model::Fault;

/// The lock, held while this lives; the system gives it back however the process ends.
pub(super) struct FolderLock(#[expect(dead_code, reason = "held, never read")] File);

impl FolderLock {
    pub(super) fn take(folder: &Path) -> Result<Self, Fault> {
        let doing = "taking the lock of the data folder";
        fs::create_dir_all(folder).map_err(|e| Fault::new(doing, e))?;
        let file = File::create(folder.join("lock")).map_err(|e| Fault::new(doing, e))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(Fault::new(doing, "another relay serves from it")),
            Err(TryLockError::Error(error)) => Err(Fault::new(doing, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_relay_refuses() {
        let folder = tempfile::tempdir().unwrap();
        let first = FolderLock::take(folder.path()).unwrap();
        assert!(FolderLock::take(folder.path()).is_err());
        drop(first);
        assert!(FolderLock::take(folder.path()).is_ok());
    }
}
