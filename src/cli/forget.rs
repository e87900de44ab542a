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
        let (done, kept) = house.runtime.block_on(house.desk.forget(&scope, &self.party))?;
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
        kept.iter().try_for_each(|kept| {
            let count = kept.count.map(|count| format!(" ({count})")).unwrap_or_default();
            let within = kept.within.map(|within| format!("; at most {within}")).unwrap_or_default();
            say::out(&format!("kept: {}{count}: {}{within}", kept.what, kept.why))
        })
    }
}
