//! `tabir evidence export`, `evidence verify`, `evidence key`.

use std::{
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::Subcommand;

use super::{Failure, house::House, say};
use crate::{
    evidence,
    model::{Clock, ConversationId, EventId, Marketplace, SystemClock},
};

/// Evidence bundles.
#[derive(Debug, Subcommand)]
pub(super) enum Evidence {
    /// Writes a conversation's evidence as a sealed bundle.
    Export {
        /// Which conversation.
        conversation: ConversationId,
        /// Where to.
        #[arg(short, long)]
        output: PathBuf,
        /// Of which marketplace, where there are several.
        #[arg(long)]
        marketplace: Option<Marketplace>,
    },
    /// Checks a bundle; needs no server and no database.
    Verify {
        /// The bundle.
        file: PathBuf,
        /// The signer's public key: a file, or the key itself, or its fingerprint. Without it
        /// the inside is checked and the signer is unknown.
        #[arg(long)]
        key: Option<String>,
    },
    /// Opens a message that was escalated, for the authority that asks: all of it, as JSON. That it
    /// was opened stands in the conversation's evidence.
    Unseal {
        /// Which message, as `/v1/held` names it.
        message: EventId,
        /// Where to: a new file that its owner alone may read.
        #[arg(short, long)]
        output: PathBuf,
        /// Of which marketplace, where there are several.
        #[arg(long)]
        marketplace: Option<Marketplace>,
    },
    /// Prints the public key that heads of chains are signed with.
    Key,
}

impl Evidence {
    pub(super) fn run(&self, config: Option<&Path>) -> Result<(), Failure> {
        match self {
            Self::Export { conversation, output, marketplace } => {
                let house = House::open(config)?;
                let scope = house.scope(marketplace.as_ref())?;
                let export =
                    evidence::export(house.store.as_ref(), &house.vault, &scope, conversation, SystemClock.now());
                let Some(bundle) = house.runtime.block_on(export)? else {
                    say::err("no such conversation");
                    return Err(Failure::No);
                };
                std::fs::write(output, bundle)?;
                Ok(())
            }
            Self::Unseal { message, output, marketplace } => unseal(config, *message, output, marketplace.as_ref()),
            Self::Verify { file, key } => verify(file, key.as_deref()),
            Self::Key => {
                let house = House::open(config)?;
                say::out(&evidence::public_key(&house.vault.evidence_signer()?)?.to_string())
            }
        }
    }
}

fn unseal(
    config: Option<&Path>,
    message: EventId,
    output: &Path,
    marketplace: Option<&Marketplace>,
) -> Result<(), Failure> {
    let house = House::open(config)?;
    let scope = house.scope(marketplace)?;
    // The file first: what could not be written must not be noted as opened.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(output)?;
    let opened = house.runtime.block_on(house.desk.unseal(&scope, message));
    if opened.is_err() {
        std::fs::remove_file(output)?;
    }
    file.write_all(&opened?)?;
    Ok(())
}

fn verify(file: &Path, key: Option<&str>) -> Result<(), Failure> {
    let bundle = std::fs::read(file)?;
    let key = match key {
        Some(text) if Path::new(text).is_file() => Some(std::fs::read_to_string(text)?),
        other => other.map(str::to_owned),
    };
    match evidence::verify(&bundle, key.as_deref().map(str::trim)) {
        Ok(verified) => say::out(&verified.to_string()),
        Err(broken) => {
            for fault in broken {
                say::out(&fault.to_string())?;
            }
            Err(Failure::No)
        }
    }
}
