//! Takes a conversation's chain out of the store and opens what may still be opened.

use std::collections::HashMap;

use super::format::{Contents, Opened, PublicKey};
use crate::{
    model::{ConversationId, Entry, EventId, Fault, OrderId, Scope, Side, Timestamp},
    store::{ConversationRow, EvidenceRow, Store},
    vault::{DataKey, EvidenceSigner, Place, Vault},
};

/// How many entries are read at a time.
const BATCH: usize = 500;

/// The bundle of a conversation, signed; `None` when there is no such conversation.
///
/// What a person had erased stays closed: its commitments are in the bundle, its text is not.
///
/// # Errors
/// When the store fails, or something sealed does not open in its place.
pub async fn export(
    store: &dyn Store,
    vault: &Vault,
    scope: &Scope,
    conversation: &ConversationId,
    now: Timestamp,
) -> Result<Option<Vec<u8>>, Fault> {
    let Some(row) = store.conversation(scope, conversation).await? else { return Ok(None) };
    let chain = read_chain(store, scope, conversation).await?;
    let keys = Keys::unwrap(store, vault, scope, &row).await?;
    let private = chain.iter().filter_map(|row| keys.open_entry(row).transpose()).collect::<Result<Vec<_>, _>>()?;
    let attached = attached(store, &keys, &chain, &private).await?;
    let contents = Contents {
        marketplace: scope.marketplace().clone(),
        conversation: conversation.clone(),
        exported_at: now,
        entries: chain.into_iter().map(|row| (row.canonical, row.link)).collect(),
        private,
        attached,
    };
    let signer = vault.evidence_signer()?;
    contents.write(public_key(&signer)?, &|bytes| signer.sign(bytes)).map(Some)
}

/// The public half of the vault's evidence key.
///
/// # Errors
/// When the stored key is no key.
pub fn public_key(signer: &EvidenceSigner) -> Result<PublicKey, Fault> {
    let bytes = signer.public_key().try_into();
    bytes.map(PublicKey).map_err(|_| Fault::plain("reading the public evidence key"))
}

async fn read_chain(store: &dyn Store, scope: &Scope, id: &ConversationId) -> Result<Vec<EvidenceRow>, Fault> {
    let mut chain = Vec::new();
    loop {
        let more = store.evidence(scope, id, chain.len() as u64, BATCH).await?;
        let last = more.len() < BATCH;
        chain.extend(more);
        if last {
            return Ok(chain);
        }
    }
}

/// The files of opened messages, as they were delivered.
async fn attached(
    store: &dyn Store,
    keys: &Keys<'_>,
    chain: &[EvidenceRow],
    private: &[Opened],
) -> Result<Vec<Vec<u8>>, Fault> {
    let mut files = Vec::new();
    for opened in private {
        let entry = usize::try_from(opened.seq).ok().and_then(|n| chain.get(n)).map(|row| &row.entry);
        let Some((id, side)) = entry.and_then(author) else { continue };
        let message = store.message(keys.scope, id).await?;
        for sealed in message.iter().flat_map(|message| &message.files) {
            let place = Place::files(keys.scope.marketplace(), &id);
            files.extend(open(keys.sides.get(&side), &place, sealed)?);
        }
    }
    Ok(files)
}

/// The keys of one conversation that were not erased.
struct Keys<'a> {
    scope: &'a Scope,
    sides: HashMap<Side, DataKey>,
    marketplace: Option<DataKey>,
}

impl<'a> Keys<'a> {
    async fn unwrap(
        store: &dyn Store,
        vault: &Vault,
        scope: &'a Scope,
        row: &ConversationRow,
    ) -> Result<Self, Fault> {
        let name = scope.marketplace();
        let mut sides = HashMap::new();
        for side in [Side::Buyer, Side::Seller] {
            if let Some(wrapped) = row.key(side) {
                sides.insert(side, vault.unwrap(wrapped, &Place::side_key(name, &row.id, side))?);
            }
        }
        let market = store.marketplaces().await?.into_iter().find(|market| market.name == *name);
        let marketplace = market.map(|m| vault.unwrap(&m.key, &Place::marketplace_key(name))).transpose()?;
        Ok(Self { scope, sides, marketplace })
    }
}

impl Keys<'_> {
    /// The private part of an entry; `None` when there is none, or its key is gone.
    fn open_entry(&self, row: &EvidenceRow) -> Result<Option<Opened>, Fault> {
        let Some(sealed) = &row.sealed else { return Ok(None) };
        let name = self.scope.marketplace();
        let private = if let Some((id, side)) = author(&row.entry) {
            open(self.sides.get(&side), &Place::evidence(name, &id), sealed)?
        } else if let Some(order) = order(&row.entry) {
            open(self.marketplace.as_ref(), &Place::evidence_facts(name, &order), sealed)?
        } else {
            None
        };
        private.map(|private| Opened::new(row.entry.seq, &private)).transpose()
    }
}

/// `None` when the key was erased.
fn open(key: Option<&DataKey>, place: &Place<'_>, sealed: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    key.map(|key| key.open(place, sealed)).transpose()
}

/// Whose message an entry is about.
fn author(entry: &Entry) -> Option<(EventId, Side)> {
    entry.message.zip(entry.by)
}

/// Which order's facts an entry commits to: it names the order among its own facts.
fn order(entry: &Entry) -> Option<OrderId> {
    entry.facts.split(' ').find_map(|fact| fact.strip_prefix("order=")?.parse().ok())
}
