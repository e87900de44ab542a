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
    async fn unwrap(store: &dyn Store, vault: &Vault, scope: &'a Scope, row: &ConversationRow) -> Result<Self, Fault> {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        evidence::{verify, verify::Verified},
        model::{EntryKind, Fulfilment, Marketplace, OrderState, PartyId, SystemLuck},
        store::{Deliver, MarketplaceRow, NewConversation, NewEntry, OrderRow, PartyRow, sqlite::Sqlite},
    };

    struct House {
        store: Sqlite,
        vault: Vault,
        scope: Scope,
        conversation: ConversationId,
        _folder: tempfile::TempDir,
    }

    impl House {
        /// A buyer asks, a seller answers, an order is shipped.
        async fn with_a_story() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Sqlite::open(&folder.path().join("tabir.db")).unwrap();
            let vault = Vault::open(&folder.path().join("keys"), Timestamp(0), Arc::new(SystemLuck::new())).unwrap();
            let demo: Marketplace = "demo".parse().unwrap();
            let (scope, conversation) = (Scope::proven(demo), "c-1".parse().unwrap());
            let house = Self { store, vault, scope, conversation, _folder: folder };
            let market = house.open_market().await;
            let [buyer, seller] = house.open_conversation().await;
            house.say(&buyer, Side::Buyer, "Is it blue?").await;
            house.say(&seller, Side::Seller, "It is.").await;
            house.ship(&market).await;
            house
        }

        fn name(&self) -> &Marketplace {
            self.scope.marketplace()
        }

        async fn open_market(&self) -> DataKey {
            let (key, wrapped) = self.vault.new_key(&Place::marketplace_key(self.name())).unwrap();
            let name = self.name().clone();
            let row = MarketplaceRow { name, domain: "relay.test".to_owned(), key: wrapped, created: Timestamp(0) };
            assert!(self.store.add_marketplace(row).await.unwrap());
            key
        }

        async fn open_conversation(&self) -> [DataKey; 2] {
            for id in ["budi", "toko"] {
                let id: PartyId = id.parse().unwrap();
                let (key, wrapped) = self.vault.new_key(&Place::party_key(self.name(), &id)).unwrap();
                let profile = key.seal(&Place::profile(self.name(), &id), b"{}").unwrap();
                let row = PartyRow { id, group: None, key: wrapped, profile, tags: Vec::new(), changed: Timestamp(0) };
                self.store.put_party(&self.scope, row).await.unwrap();
            }
            let side = |side| self.vault.new_key(&Place::side_key(self.name(), &self.conversation, side)).unwrap();
            let ((buyer, buyer_key), (seller, seller_key)) = (side(Side::Buyer), side(Side::Seller));
            let row = ConversationRow {
                id: self.conversation.clone(),
                order: None,
                listing: None,
                buyer: "budi".parse().unwrap(),
                seller: "toko".parse().unwrap(),
                tracking: Vec::new(),
                expires: None,
                deliver: Deliver::default(),
                buyer_key: Some(buyer_key),
                seller_key: Some(seller_key),
                order_state: None,
                created: Timestamp(0),
            };
            let entry = entry(EntryKind::ConversationOpened);
            self.store
                .put_conversation(&self.scope, NewConversation { row, handles: Vec::new(), entry })
                .await
                .unwrap();
            [buyer, seller]
        }

        async fn say(&self, key: &DataKey, by: Side, text: &str) {
            let id = EventId::draw(Timestamp(0), self.vault.luck()).unwrap();
            let private = key.commit(&Place::evidence(self.name(), &id), text.as_bytes()).unwrap();
            let said = entry(EntryKind::MessageAccepted);
            self.append(NewEntry { by: Some(by), message: Some(id), private: Some(private), ..said }).await;
        }

        async fn ship(&self, market: &DataKey) {
            let id: OrderId = "o-1".parse().unwrap();
            let private = market.commit(&Place::evidence_facts(self.name(), &id), b"{\"state\":\"shipped\"}").unwrap();
            let (state, fulfilment) = (OrderState::Shipped, Fulfilment::Seller);
            let facts = entry(EntryKind::OrderFacts);
            let facts = NewEntry { facts: "order=o-1 state=shipped".to_owned(), private: Some(private), ..facts };
            let row = OrderRow { id, state, fulfilment, facts: Vec::new(), changed: Timestamp(0) };
            self.store.put_order(&self.scope, row, entry(EntryKind::OrderFacts)).await.unwrap();
            self.append(facts).await;
        }

        async fn append(&self, entry: NewEntry) {
            self.store.append(&self.scope, &self.conversation, entry).await.unwrap();
        }

        fn key(&self) -> String {
            public_key(&self.vault.evidence_signer().unwrap()).unwrap().to_string()
        }

        async fn bundle(&self) -> Vec<u8> {
            let now = Timestamp(9);
            export(&self.store, &self.vault, &self.scope, &self.conversation, now).await.unwrap().unwrap()
        }
    }

    fn entry(kind: EntryKind) -> NewEntry {
        NewEntry { at: Timestamp(1), kind, by: None, message: None, facts: String::new(), private: None }
    }

    fn holds(bundle: &[u8], text: &str) -> bool {
        bundle.windows(text.len()).any(|window| window == text.as_bytes())
    }

    #[tokio::test]
    async fn a_conversation_leaves_the_store_whole_and_open() {
        let house = House::with_a_story().await;
        let bundle = house.bundle().await;
        let Verified { entries, committed, opened, .. } = verify(&bundle, Some(&house.key())).unwrap();
        assert_eq!((entries, committed, opened), (4, 3, 3));
        assert!(holds(&bundle, "Is it blue?") && holds(&bundle, "It is."));
    }

    #[tokio::test]
    async fn after_an_erasure_the_chain_verifies_and_the_text_is_gone() {
        let house = House::with_a_story().await;
        house.store.forget_party(&house.scope, &"budi".parse().unwrap(), Timestamp(5)).await.unwrap().unwrap();
        let bundle = house.bundle().await;
        let Verified { committed, opened, .. } = verify(&bundle, Some(&house.key())).unwrap();
        assert_eq!((committed, opened), (3, 2));
        assert!(!holds(&bundle, "Is it blue?") && holds(&bundle, "It is."));
    }

    #[tokio::test]
    async fn what_is_not_there_is_not_exported() {
        let house = House::with_a_story().await;
        let other = "c-2".parse().unwrap();
        assert!(export(&house.store, &house.vault, &house.scope, &other, Timestamp(9)).await.unwrap().is_none());
        let foreign = Scope::proven("other".parse().unwrap());
        let theirs = export(&house.store, &house.vault, &foreign, &house.conversation, Timestamp(9)).await;
        assert!(theirs.unwrap().is_none());
    }
}
