//! Resealing: after a rotation of the ring, every data key is wrapped again by the active key
//! and every party and agent is indexed again. Resumable by nature: what is done is no longer found.

use std::collections::HashSet;

use crate::{
    model::{ContactKind, ConversationId, Fault, IndexTag, Scope, Side},
    store::{KeyOwner, NumberRow, WrappedKey, WrappedKeyRow},
    vault::Place,
};

use super::{Desk, parties::contacts};

const BATCH: usize = 256;

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Data keys wrapped again.
    pub keys: u64,
    /// Parties indexed again.
    pub parties: u64,
    /// Agents indexed again.
    pub agents: u64,
    /// Numbers between people who text, indexed again.
    pub numbers: u64,
    /// Those given up, since the phone is another by now.
    pub given_up: u64,
}

impl Resealed {
    fn all(&self) -> u64 {
        self.keys + self.parties + self.agents + self.numbers + self.given_up
    }
}

/// Hears how much is done.
type Tell<'a> = &'a (dyn Fn(u64) + Send + Sync);

impl Desk {
    /// Wraps and indexes everything under the active key; tells `progress` (done, in all). By now every relay must have
    /// read the ring: one that does not know the key would give the number of somebody who is indexed under it to
    /// somebody else.
    ///
    /// # Errors
    /// By a fault; what was done stays done.
    pub async fn reseal(&self, progress: &(dyn Fn(u64, u64) + Send + Sync)) -> Result<Resealed, Fault> {
        self.vault.reload().map_err(|e| Fault::new("reading the key file", e))?;
        let active = self.vault.ring().active().id;
        let total = self.store.key_use().await?.iter().filter(|(by, _)| *by != active).map(|(_, n)| n).sum::<u64>();
        let mut done = Resealed::default();
        progress(0, total);
        while let Some(replaced) = self.rewrap_batch(active).await? {
            done.keys += replaced;
            progress(done.keys.min(total), total);
        }
        self.reindex_parties(active, &mut done, &|done| progress(done.min(total), total)).await?;
        self.reindex_agents(active, &mut done, &|done| progress(done.min(total), total)).await?;
        self.reindex_numbers(active, &mut done, &|done| progress(done.min(total), total)).await?;
        progress(total, total);
        Ok(done)
    }

    /// A number and a phone are indexed together: without the key that did, nobody who texts is known.
    async fn reindex_numbers(&self, active: u32, done: &mut Resealed, tell: Tell<'_>) -> Result<(), Fault> {
        let mut seen = HashSet::new();
        loop {
            let mut fresh = false;
            for (scope, conversation, row) in self.store.numbers_to_reindex(active, BATCH).await? {
                if seen.insert(row.tag) {
                    fresh = true;
                    let new = self.tag_of_number(&scope, &conversation, &row).await?;
                    match self.store.reindex_number(row.tag, new).await? {
                        true => done.numbers += 1,
                        false => done.given_up += 1,
                    }
                    tell(done.all());
                }
            }
            if !fresh {
                return Ok(());
            }
        }
    }

    /// The index of a number under the active key; `None`: the phone that it was given for is gone.
    async fn tag_of_number(
        &self,
        scope: &Scope,
        id: &ConversationId,
        row: &NumberRow,
    ) -> Result<Option<IndexTag>, Fault> {
        let Some(conversation) = self.store.conversation(scope, id).await? else { return Ok(None) };
        let party = if row.side == Side::Buyer { &conversation.buyer } else { &conversation.seller };
        let Some(opened) = self.open_party(scope, party).await? else { return Ok(None) };
        let phones = contacts(&opened.profile).into_iter().filter(|contact| contact.kind == ContactKind::Phone);
        let tags: Vec<_> = phones.map(|phone| self.vault.caller_tags(&row.number, &phone)).collect();
        let own = tags.iter().find(|tags| tags.iter().any(|tag| tag.tag == row.tag));
        // Of a key that is gone nothing can be compared: the party's first phone is the one that is texted.
        let ring = self.vault.ring();
        let is_gone = row.by.is_none_or(|by| ring.keys().iter().all(|key| key.id != by));
        let own = own.or_else(|| tags.first().filter(|_| is_gone));
        Ok(own.and_then(|tags| tags.first().cloned()))
    }

    async fn reindex_parties(&self, active: u32, done: &mut Resealed, tell: Tell<'_>) -> Result<(), Fault> {
        let mut seen = HashSet::new();
        loop {
            let mut fresh = false;
            for (scope, row) in self.store.parties_to_reindex(active, BATCH).await? {
                if seen.insert((scope.marketplace().clone(), row.id.clone())) {
                    fresh = true;
                    self.reindex(&scope, row).await?;
                    done.parties += 1;
                    tell(done.all());
                }
            }
            if !fresh {
                return Ok(());
            }
        }
    }

    /// Agents write from addresses of their own: an old key could not go while it finds them.
    async fn reindex_agents(&self, active: u32, done: &mut Resealed, tell: Tell<'_>) -> Result<(), Fault> {
        let mut seen = HashSet::new();
        loop {
            let mut fresh = false;
            for (scope, row) in self.store.agents_to_reindex(active, BATCH).await? {
                if seen.insert((scope.marketplace().clone(), row.party.clone(), row.id.clone())) {
                    fresh = true;
                    self.reindex_agent(&scope, row).await?;
                    done.agents += 1;
                    tell(done.all());
                }
            }
            if !fresh {
                return Ok(());
            }
        }
    }

    async fn rewrap_batch(&self, active: u32) -> Result<Option<u64>, Fault> {
        let rows = self.store.wrapped_keys(active, BATCH).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let again = rows.into_iter().map(|row| self.wrap_again(&row).map(|key| (row, key)));
        let replaced = self.store.rewrap(again.collect::<Result<_, _>>()?).await?;
        // Nothing replaced: others changed all of them meanwhile, or nothing can be.
        Ok((replaced > 0).then_some(replaced))
    }

    fn wrap_again(&self, row: &WrappedKeyRow) -> Result<WrappedKey, Fault> {
        let place = match &row.owner {
            KeyOwner::Marketplace => Place::marketplace_key(&row.marketplace),
            KeyOwner::Party(id) => Place::party_key(&row.marketplace, id),
            KeyOwner::Side(id, side) => Place::side_key(&row.marketplace, id, *side),
        };
        self.vault.wrap(&self.vault.unwrap(&row.key, &place)?, &place)
    }

    async fn reindex(&self, scope: &Scope, mut row: crate::store::PartyRow) -> Result<(), Fault> {
        let Some(opened) = self.open_party(scope, &row.id).await? else { return Ok(()) };
        let market = scope.marketplace();
        row.tags = contacts(&opened.profile).iter().map(|contact| self.vault.tag(market, contact)).collect();
        row.key = opened.row.key;
        // Whom it is linked to by this is linked now.
        row.changed = self.now();
        row.profile = opened.row.profile;
        self.store.put_party(scope, row).await
    }
}
