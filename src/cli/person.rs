//! `tabir person export PARTY`.

use std::{
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::Subcommand;

use super::{Failure, house::House};
use crate::model::{Marketplace, PartyId};

/// What is held about a person.
#[derive(Debug, Subcommand)]
pub(super) enum Person {
    /// Writes what is held about a person and theirs to see, with the record of its use and what was left out, as JSON.
    Export {
        /// The marketplace's id of the person.
        party: PartyId,
        /// Where to: a new file that its owner alone may read.
        #[arg(short, long)]
        output: PathBuf,
        /// Of which marketplace, where there are several.
        #[arg(long)]
        marketplace: Option<Marketplace>,
    },
}

impl Person {
    pub(super) fn run(&self, config: Option<&Path>) -> Result<(), Failure> {
        let Self::Export { party, output, marketplace } = self;
        let house = House::open(config)?;
        let scope = house.scope(marketplace.as_ref())?;
        // The file first: what could not be written must not be noted as drawn.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(output)?;
        let whole = house.runtime.block_on(house.desk.person(&scope, party));
        if whole.is_err() {
            std::fs::remove_file(output)?;
        }
        file.write_all(&whole?)?;
        Ok(())
    }
}
