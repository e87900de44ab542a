//! `tabir mailbox [ADDRESS]`.

use std::path::Path;

use clap::Args;

use super::{Failure, house, say};
use crate::channel::smtp;

/// Shows the local mailbox.
#[derive(Debug, Args)]
pub(super) struct Mailbox {
    /// Only mail to this address.
    address: Option<String>,
}

impl Mailbox {
    pub(super) fn run(&self, config: Option<&Path>) -> Result<(), Failure> {
        let (settings, _) = house::read(config)?;
        let folder = settings.data_folder().join("mailbox");
        for letter in smtp::Mailbox::read(&folder, self.address.as_deref())? {
            say::out(&format!("--- {} to {}", letter.at.rfc3339(), letter.to.reveal()))?;
            say::out(&String::from_utf8_lossy(&letter.message).replace("\r\n", "\n"))?;
        }
        Ok(())
    }
}
