//! What a person may ask for: that nothing more is done with their data, that it goes. And what
//! stands against it for a while: a hold.

use super::{Declined, Desk, Wrong, disclosures::is_id, entry};
use crate::{
    model::{EntryKind, Fault, PartyId, Scope, Timestamp},
    policy::rights::RightsRules,
    store::{AccessFilter, AccessRow, HoldRow},
};

/// Where a person's rights stand.
#[derive(Clone, Debug)]
pub struct RightsView {
    /// Since when what is done with their data is restricted.
    pub restricted: Option<Timestamp>,
    /// What stands against an erasure.
    pub holds: Vec<HoldRow>,
    /// By when wishes are to be met.
    pub clocks: RightsRules,
    /// Who read their data.
    pub accesses: Vec<AccessRow>,
}

impl Desk {
    /// Nothing of the party is erased or forgotten for its age until the hold ends; `true`: it is new.
    ///
    /// # Errors
    /// When there is no such party, a field is wrong, or by a fault.
    pub async fn hold(
        &self,
        scope: &Scope,
        party: &PartyId,
        reference: &str,
        until: Option<Timestamp>,
    ) -> Result<bool, Declined> {
        if !is_id(reference) {
            return Err(Wrong::field("reference", "not an id: 1 to 64 of A-Z a-z 0-9 . _ : -"));
        }
        let now = self.now();
        if until.is_some_and(|until| until <= now) {
            return Err(Wrong::unfit("until", "is past"));
        }
        let known = self.store.holds(scope, party).await?.iter().any(|hold| hold.reference == reference);
        let row = HoldRow { party: party.clone(), reference: reference.to_owned(), placed: now, until };
        let entry = entry(now, EntryKind::HoldPlaced, None, format!("party={party} reference={reference}"));
        if !self.store.hold(scope, row, entry).await? {
            return Err(Declined::NotFound);
        }
        Ok(!known)
    }

    /// Ends a hold. An erasure that waited for the last of them is done within a minute.
    ///
    /// # Errors
    /// When there is none such, or by a fault.
    pub async fn release(&self, scope: &Scope, party: &PartyId, reference: &str) -> Result<(), Declined> {
        let facts = format!("party={party} reference={reference}");
        let entry = entry(self.now(), EntryKind::HoldReleased, None, facts);
        if self.store.release(scope, party, reference, entry).await? { Ok(()) } else { Err(Declined::NotFound) }
    }

    /// Restricts what is done with a person's data: no contact is disclosed but for a few purposes, and support reads
    /// none of their messages. The relay goes on carrying what the person writes and is written.
    ///
    /// # Errors
    /// When there is no such party, or by a fault.
    pub async fn restrict(&self, scope: &Scope, party: &PartyId, on: bool) -> Result<bool, Declined> {
        let now = self.now();
        let kind = if on { EntryKind::Restricted } else { EntryKind::Unrestricted };
        let entry = entry(now, kind, None, format!("party={party}"));
        self.store.confine(scope, party, on.then_some(now), entry).await?.ok_or(Declined::NotFound)
    }

    /// Whether one of these people had the use of their data restricted.
    ///
    /// # Errors
    /// By a fault.
    pub async fn any_restricted(&self, scope: &Scope, parties: &[PartyId]) -> Result<bool, Fault> {
        for party in parties {
            if self.store.restriction(scope, party).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where a person's rights stand.
    ///
    /// # Errors
    /// When there is no such party, or by a fault.
    pub async fn rights(&self, scope: &Scope, party: &PartyId) -> Result<RightsView, Declined> {
        self.store.party(scope, party).await?.ok_or(Declined::NotFound)?;
        let filter = AccessFilter { party: Some(party.clone()), ..AccessFilter::default() };
        Ok(RightsView {
            restricted: self.store.restriction(scope, party).await?,
            holds: self.store.holds(scope, party).await?,
            clocks: self.rules(scope).rights,
            accesses: self.store.accesses(scope, filter).await?,
        })
    }
}
