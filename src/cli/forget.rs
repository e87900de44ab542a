//! `tabir forget PARTY`.

use std::path::Path;

use clap::Args;

use super::{Failure, house::House, say};
use crate::model::{Marketplace, PartyId};

/// Erases a person by deleting the keys of what they are and wrote.
#[derive(Debug, Args)]
pub(super) struct Forget {
    /// The marketplace's id of the person.
    party: PartyId,
    /// Of which marketplace, where there are several.
    #[arg(long)]
    marketplace: Option<Marketplace>,
}

impl Forget {
    pub(super) fn run(&self, config: Option<&Path>) -> Result<(), Failure> {
        let house = House::open(config)?;
        let scope = house.scope(self.marketplace.as_ref())?;
        let done = house.runtime.block_on(house.desk.forget(&scope, &self.party))?;
        if done.waits {
            say::out(&format!("not erased yet: {}: a legal hold stands", self.party))?;
            for hold in house.runtime.block_on(house.desk.rights(&scope, &self.party))?.holds {
                let until = hold.until.map_or_else(|| "it is released".to_owned(), |until| until.rfc3339());
                say::out(&format!("held for {} until {until}", hold.reference))?;
            }
            return say::out("the erasure is remembered, and done by the relay when no hold stands any more");
        }
        say::out(&format!("erased: {}", self.party))?;
        say::out(&format!("conversations whose side was shredded: {}", done.conversations))?;
        say::out(&format!("messages that can no longer be opened: {}", done.messages))?;
        say::out(&format!("handles retired: {}", done.handles))?;
        say::out(&format!("deliveries ended: {}", done.deliveries_ended))?;
        say::out(&format!(
            "kept: {} evidence entries, as hashes and facts that name nobody, so that the other side's chain still verifies",
            done.entries_kept
        ))?;
        say::out(
            "kept: orders' facts, which name goods and amounts, under the marketplace's key until [retention] evidence",
        )?;
        say::out("kept: who saw the person's contact and texts, and when, as ids, until [retention] access")?;
        say::out("kept: what was escalated for a court, sealed under the marketplace's key")
    }
}
