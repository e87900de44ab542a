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
    evidence::{self, Anchor, Reader, View},
    model::{CaseId, Clock, ConversationId, EventId, Marketplace, Scope, SystemClock},
};

/// Evidence bundles.
#[derive(Debug, Subcommand)]
pub(super) enum Evidence {
    /// Writes the evidence of a conversation, or of one case, as a sealed bundle.
    Export {
        /// Which conversation.
        #[arg(required_unless_present = "case", conflicts_with = "case")]
        conversation: Option<ConversationId>,
        /// Of this case alone.
        #[arg(long)]
        case: Option<CaseId>,
        /// Enclose the case's files as they came too, for a mediator: that they were opened stands in evidence.
        #[arg(long, requires = "case")]
        originals: bool,
        /// Where to.
        #[arg(short, long)]
        output: PathBuf,
        /// For whom: buyer, seller, auditor, or mediator, who sees all that can be opened.
        #[arg(long = "as", default_value = "mediator")]
        reader: Reader,
        /// Open the texts of these entries alone, such as 3,4,9: for another body.
        #[arg(long, value_delimiter = ',')]
        open: Option<Vec<u64>>,
        /// The language of the labels: id, pl or en.
        #[arg(long)]
        lang: Option<String>,
        /// Prove it against the anchor of this number too, beside the newest.
        #[arg(long)]
        anchor: Option<u64>,
        /// Of which marketplace, where there are several.
        #[arg(long)]
        marketplace: Option<Marketplace>,
    },
    /// Writes down where all chains stand now, under one signature. Handed to somebody else, it binds who keeps them.
    Anchor {
        /// Where to; without it, to stdout.
        #[arg(short, long)]
        output: Option<PathBuf>,
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
        /// An anchor that you have from elsewhere: the chain must have stood there, as it says now. May be repeated.
        #[arg(long)]
        anchor: Vec<PathBuf>,
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
            Self::Export { conversation, case, originals, output, reader, open, lang, anchor, marketplace } => {
                if *originals && *reader != Reader::Mediator {
                    return Err(Failure::Usage("--originals: files as they came are for a mediator alone".to_owned()));
                }
                let house = House::open(config)?;
                let scope = house.scope(marketplace.as_ref())?;
                let view = View {
                    reader: *reader,
                    language: house.desk.language(&scope, lang.as_deref()),
                    only: open.as_ref().map(|numbers| numbers.iter().copied().collect()),
                    anchor: *anchor,
                    case: case.clone(),
                    originals: *originals,
                };
                let Some(bundle) = export(&house, &scope, conversation.as_ref(), view)? else {
                    say::err(if case.is_some() { "no such case for this reader" } else { "no such conversation" });
                    return Err(Failure::No);
                };
                std::fs::write(output, bundle)?;
                Ok(())
            }
            Self::Anchor { output, marketplace } => {
                let house = House::open(config)?;
                let scope = house.scope(marketplace.as_ref())?;
                let (_, anchor) = house.runtime.block_on(house.desk.anchor(&scope))?;
                match output {
                    Some(path) => Ok(std::fs::write(path, anchor.file())?),
                    None => say::out(anchor.file().trim_end()),
                }
            }
            Self::Unseal { message, output, marketplace } => unseal(config, *message, output, marketplace.as_ref()),
            Self::Verify { file, key, anchor } => verify(file, key.as_deref(), anchor),
            Self::Key => {
                let house = House::open(config)?;
                say::out(&evidence::public_key(&house.vault.evidence_signer()?)?.to_string())
            }
        }
    }
}

/// The bundle of a conversation, or of the case that `view` names.
fn export(
    house: &House,
    scope: &Scope,
    conversation: Option<&ConversationId>,
    view: View,
) -> Result<Option<Vec<u8>>, Failure> {
    let of_case = match &view.case {
        Some(case) => house.runtime.block_on(house.store.case(scope, case))?.map(|row| row.conversation),
        None => None,
    };
    let Some(conversation) = conversation.or(of_case.as_ref()) else { return Ok(None) };
    let asked = evidence::Asked { conversation, view, now: SystemClock.now() };
    Ok(house.runtime.block_on(evidence::export(house.store.as_ref(), &house.vault, scope, asked))?)
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

fn verify(file: &Path, key: Option<&str>, anchors: &[PathBuf]) -> Result<(), Failure> {
    let bundle = std::fs::read(file)?;
    let anchors = anchors.iter().map(|path| {
        let read = Anchor::of_file(&std::fs::read_to_string(path)?);
        read.ok_or_else(|| Failure::Usage(format!("{}: not an anchor", path.display())))
    });
    let anchors = anchors.collect::<Result<Vec<_>, Failure>>()?;
    let key = match key {
        Some(text) if Path::new(text).is_file() => Some(std::fs::read_to_string(text)?),
        other => other.map(str::to_owned),
    };
    match evidence::verify_anchored(&bundle, key.as_deref().map(str::trim), &anchors) {
        Ok(verified) => say::out(&verified.to_string()),
        Err(broken) => {
            for fault in broken {
                say::out(&fault.to_string())?;
            }
            Err(Failure::No)
        }
    }
}
