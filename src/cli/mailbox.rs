//! `tabir mailbox [ADDRESS]`.

use std::path::Path;

use clap::Args;

use super::{Failure, house, say};
use crate::channel::smtp::mailbox;

/// Shows the local mailbox.
#[derive(Debug, Args)]
pub(super) struct Mailbox {
    /// Only mail to this address.
    address: Option<String>,
}

impl Mailbox {
    pub(super) fn run(&self, config: Option<&Path>) -> Result<(), Failure> {
        let (settings, _) = house::read(config)?;
        for mail in mailbox::list(&settings.data_folder().join("mailbox"), self.address.as_deref())? {
            say::out(&mail)?;
        }
        Ok(())
    }
}
