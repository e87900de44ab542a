//! Takes a conversation's chain out of the store and opens what may still be opened.

use std::collections::{BTreeSet, HashMap, HashSet};

use data_encoding::{BASE64, HEXLOWER};

use super::{
    anchor::{Anchor, Leaf, Proof},
    format::{Contents, Opened, PartOpened, PublicKey},
    view::{Quiet, Reader, View},
};
use crate::{
    model::{
        CaseId, CaseWords, Commitment, ConversationId, Entry, EntryKind, EventId, Fault, Kept, LetterWords, Link,
        MessageState, OrderId, Scope, Share, Shown, Side, Timestamp,
    },
    store::{CaseFilter, ConversationRow, EvidenceRow, HeadRow, NewEntry, Store},
    vault::{DataKey, EvidenceSigner, Place, Vault},
};

/// How many entries are read at a time.
const BATCH: usize = 500;
/// Against how many anchors a bundle is proven unasked, the newest.
const NEWEST: usize = 16;

/// More cases than a conversation has.
const MOST_CASES: usize = 10_000;

/// What is asked for.
pub struct Asked<'a> {
    /// Which conversation.
    pub conversation: &'a ConversationId,
    /// For whom, in which language, how much of it.
    pub view: View,
    /// When.
    pub now: Timestamp,
}

/// The bundle of a conversation, signed; `None` when there is no such conversation, or no such case of it for the reader.
///
/// What a person had erased stays closed: its commitments are in the bundle, its text is not.
///
/// # Errors
/// When the store fails, or something sealed does not open in its place.
pub async fn export(
    store: &dyn Store,
    vault: &Vault,
    scope: &Scope,
    asked: Asked<'_>,
) -> Result<Option<Vec<u8>>, Fault> {
    let conversation = asked.conversation;
    let Some(row) = store.conversation(scope, conversation).await? else { return Ok(None) };
    let cases = store.cases(scope, CaseFilter { conversation: Some(conversation.clone()), limit: MOST_CASES }).await?;
    let quiet = cases.iter().filter(|case| case.clock.quiet);
    let quiet = Quiet::of(quiet.map(|case| (case.id.to_string(), case.clock.opener)));
    if let Some(id) = &asked.view.case {
        let Some(case) = cases.iter().find(|case| case.id == *id) else { return Ok(None) };
        let hidden = case.clock.quiet && asked.view.reader.side().is_some_and(|side| side != case.clock.opener);
        if hidden {
            return Ok(None);
        }
        if asked.view.encloses_originals() {
            store.append(scope, conversation, originals_opened(id, asked.now)).await?;
        }
    }
    let chain = read_chain(store, scope, conversation).await?;
    let keys = Keys::unwrap(store, vault, scope, &row).await?;
    let mut contents = Contents {
        marketplace: scope.marketplace().clone(),
        conversation: conversation.clone(),
        exported_at: asked.now,
        entries: Vec::with_capacity(chain.len()),
        view: asked.view,
        withheld: BTreeSet::new(),
        private: Vec::new(),
        parts: Vec::new(),
        attached: Vec::new(),
        anchors: Vec::new(),
        about: None,
    };
    contents.about = contents.view.case.as_ref().map(|case| about(case, &chain));
    contents.anchors = anchors(store, scope, conversation, contents.view.anchor).await?;
    for row in chain {
        take(store, &keys, &quiet, &row, &mut contents).await?;
        contents.entries.push((row.canonical, row.link));
    }
    let signer = vault.evidence_signer()?;
    contents.write(public_key(&signer)?, &|bytes| signer.sign(bytes)).map(Some)
}

/// That everything of a case was opened as it came stands in evidence before it is given out.
fn originals_opened(case: &CaseId, at: Timestamp) -> NewEntry {
    let facts = format!("case={case} file=all");
    NewEntry { at, kind: EntryKind::CaseFileOpened, by: None, message: None, facts, private: None }
}

/// The positions of what is about a case: entries that name it, and those that tell how its letters arrived.
fn about(case: &CaseId, chain: &[EvidenceRow]) -> BTreeSet<u64> {
    let fact =
        |entry: &Entry, name: &str| entry.facts().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned());
    let mut letters = HashSet::new();
    let mut positions = BTreeSet::new();
    for EvidenceRow { entry, .. } in chain {
        let letter = fact(entry, "letter");
        let named = fact(entry, "case").as_deref() == Some(case.as_str());
        if named || letter.as_ref().is_some_and(|letter| letters.contains(letter)) {
            positions.insert(entry.seq);
            letters.extend(letter);
        }
    }
    positions
}

/// What an entry's text is.
enum Words {
    Message(Box<Kept>),
    /// Said in a case or a report.
    Case(Box<CaseWords>),
    /// Written by support.
    Letter(LetterWords),
    Other,
}

impl Words {
    fn of(entry: &Entry, text: &str) -> Self {
        use EntryKind::{
            CaseChanged, CaseEvidence, CaseOffer, CaseOpened, ReportConfirmed, ReportReceived, SupportWrote,
        };
        let words = match entry.kind {
            CaseChanged | CaseEvidence | CaseOffer | CaseOpened | ReportConfirmed | ReportReceived => {
                serde_json::from_str(text).map(Self::Case)
            }
            SupportWrote => serde_json::from_str(text).map(Self::Letter),
            _ if author(entry).is_some() => serde_json::from_str(text).map(Self::Message),
            _ => Ok(Self::Other),
        };
        words.unwrap_or(Self::Other)
    }
}

/// Takes of an entry what is for the reader.
async fn take(
    store: &dyn Store,
    keys: &Keys<'_>,
    quiet: &Quiet,
    row: &EvidenceRow,
    contents: &mut Contents,
) -> Result<(), Fault> {
    let (entry, reader) = (&row.entry, contents.view.reader);
    let opened = keys.open_entry(row)?;
    let seen = reader.sees(entry, quiet);
    if !seen {
        contents.withheld.insert(entry.seq);
    }
    let is_open = seen && contents.view.opens(entry.seq) && contents.tells(entry.seq);
    let Some(opened) = opened.filter(|_| is_open) else { return Ok(()) };
    match (Words::of(entry, &opened.text), author(entry)) {
        (Words::Message(kept), Some(author)) => take_message(store, keys, author, (opened, &kept), contents).await,
        (Words::Case(words), Some((id, author))) => {
            // A report is nobody's other side's, and of a quiet case the other side was shown nothing.
            let shown = entry.share(Share::Shown).is_some() && is_case(entry) && !quiet.keeps(entry, author.other());
            if take_part(reader, author, shown, (opened, &words.said(), &words.shown()), contents)? {
                attach_papers(store, keys, (id, author), words.files.len(), contents).await?;
            }
            Ok(())
        }
        (Words::Letter(words), _) => {
            let shown = words.shown();
            let to = letter(entry).map(|(_, side)| side);
            match to.filter(|_| reader != Reader::Mediator) {
                Some(to) if reader.side().is_none_or(|side| side == to) => {
                    contents.parts.push(part(&opened, Share::Shown, &shown)?);
                }
                Some(_) => {}
                None => contents.private.push(opened),
            }
            Ok(())
        }
        _ => {
            if is_for(reader, entry) {
                contents.private.push(opened);
            }
            Ok(())
        }
    }
}

/// Takes of a message the part that is for the reader, and its files.
async fn take_message(
    store: &dyn Store,
    keys: &Keys<'_>,
    (id, author): (EventId, Side),
    (opened, kept): (Opened, &Kept),
    contents: &mut Contents,
) -> Result<(), Fault> {
    let message = store.message(keys.scope, id).await?;
    let arrived = message.as_ref().is_some_and(|message| message.state == MessageState::Delivered);
    let parts = (opened, &kept.original, &kept.delivered);
    if !take_part(contents.view.reader, author, arrived, parts, contents)? {
        return Ok(());
    }
    for sealed in message.iter().flat_map(|message| &message.files) {
        let place = Place::files(keys.scope.marketplace(), &id);
        contents.attached.extend(open(keys.sides.get(&author), &place, sealed)?);
    }
    Ok(())
}

/// Takes what a side said: all of it for a mediator, as it was said for its author, as it was shown for others; `false`:
/// nothing of it is theirs.
fn take_part(
    reader: Reader,
    author: Side,
    shown_to_others: bool,
    (opened, said, shown): (Opened, &Shown, &Shown),
    contents: &mut Contents,
) -> Result<bool, Fault> {
    if reader == Reader::Mediator {
        contents.private.push(opened);
    } else if reader.side() == Some(author) {
        // The whole would tell the author what was met of the other side's guarded names.
        contents.parts.push(part(&opened, Share::Said, said)?);
    } else if shown_to_others {
        contents.parts.push(part(&opened, Share::Shown, shown)?);
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// Encloses the files of a case or report as they were made afresh, and as they came where that was asked for.
async fn attach_papers(
    store: &dyn Store,
    keys: &Keys<'_>,
    (id, author): (EventId, Side),
    files: usize,
    contents: &mut Contents,
) -> Result<(), Fault> {
    let market = keys.scope.marketplace();
    let mut forms = vec![(false, Place::paper(market, &id))];
    if contents.view.encloses_originals() {
        forms.push((true, Place::paper_original(market, &id)));
    }
    for n in 0..files {
        for (original, place) in &forms {
            if let Some(sealed) = store.paper(keys.scope, id, n, *original).await? {
                contents.attached.extend(open(keys.sides.get(&author), place, &sealed)?);
            }
        }
    }
    Ok(())
}

fn is_case(entry: &Entry) -> bool {
    !matches!(entry.kind, EntryKind::ReportConfirmed | EntryKind::ReportReceived)
}

/// Whether a reader may read the whole of what nobody said to anybody: an order's facts anybody, a side its own. A
/// decision names who made it: that is the mediator's.
fn is_for(reader: Reader, entry: &Entry) -> bool {
    let facts = author(entry).is_none() && decision(entry).is_none() && order(entry).is_some();
    reader == Reader::Mediator || facts || author(entry).is_some_and(|(_, side)| reader.side() == Some(side))
}

/// A part of a message, with what opens its own commitment.
fn part(opened: &Opened, part: Share, text: &Shown) -> Result<PartOpened, Fault> {
    let doing = "reading the private part of an evidence entry";
    let salt = HEXLOWER.decode(opened.salt.as_bytes()).ok().and_then(|salt| <[u8; 16]>::try_from(salt).ok());
    let salt = Commitment::part_salt(part, &salt.ok_or_else(|| Fault::plain(doing))?);
    let text = serde_json::to_string(text).map_err(|e| Fault::new(doing, e))?;
    Ok(PartOpened { seq: opened.seq, part, salt: HEXLOWER.encode(&salt), text })
}

/// Where the chain stood at the newest anchors, and at the one that was asked for.
async fn anchors(
    store: &dyn Store,
    scope: &Scope,
    conversation: &ConversationId,
    wanted: Option<u64>,
) -> Result<Vec<Proof>, Fault> {
    let chain = Link::genesis(scope.marketplace(), conversation);
    let mut proofs = Vec::new();
    for row in store.anchors(scope, NEWEST, wanted).await? {
        let anchor = serde_json::from_str(&row.anchor).map_err(|e| Fault::new("reading an anchor", e))?;
        let leaves = leaves(scope, store.anchored(scope, row.number).await?);
        if let Ok(index) = leaves.binary_search_by(|leaf| leaf.chain.0.cmp(&chain.0)) {
            proofs.extend(Proof::of(anchor, &leaves, index));
        }
    }
    proofs.reverse();
    Ok(proofs)
}

/// The leaves of a tree, in their order.
fn leaves(scope: &Scope, heads: Vec<HeadRow>) -> Vec<Leaf> {
    let market = scope.marketplace();
    let leaf = |row: HeadRow| Leaf {
        chain: row.conversation.map_or_else(|| Link::journal(market), |id| Link::genesis(market, &id)),
        head: row.head,
        length: row.entries,
    };
    let mut leaves: Vec<Leaf> = heads.into_iter().map(leaf).collect();
    leaves.sort_by_key(|leaf| leaf.chain.0);
    leaves
}

/// An anchor over these heads, signed.
///
/// # Errors
/// When the evidence key can not be read.
pub fn sign_anchor(
    vault: &Vault,
    scope: &Scope,
    heads: Vec<HeadRow>,
    number: u64,
    at: Timestamp,
    previous: Option<&Anchor>,
) -> Result<Anchor, Fault> {
    let signer = vault.evidence_signer()?;
    let statement = Anchor::statement(scope.marketplace(), number, at, &leaves(scope, heads), previous);
    let signature = BASE64.encode(&signer.sign(statement.as_bytes()));
    Ok(Anchor { statement, key: public_key(&signer)?, signature })
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
        } else if let Some((letter, side)) = letter(&row.entry) {
            open(self.sides.get(&side), &Place::letter(name, &letter), sealed)?
        } else if let Some(decision) = decision(&row.entry) {
            open(self.marketplace.as_ref(), &Place::decision(name, &decision), sealed)?
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

/// Which letter of support an entry holds, and who read it.
fn letter(entry: &Entry) -> Option<(EventId, Side)> {
    if entry.kind != EntryKind::SupportWrote {
        return None;
    }
    let fact = |name: &str| entry.facts().find(|(known, _)| *known == name).map(|(_, value)| value);
    let side = if fact("to")? == "buyer" { Side::Buyer } else { Side::Seller };
    Some((fact("letter")?.parse().ok()?, side))
}

/// Which decision of a case an entry holds, or who took it.
fn decision(entry: &Entry) -> Option<EventId> {
    matches!(entry.kind, EntryKind::CaseDecided | EntryKind::CaseTaken).then_some(entry.message).flatten()
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
        model::{Fulfilment, Marketplace, OrderState, PartyId, SystemLuck},
        store::{Deliver, MarketplaceRow, NewConversation, OrderRow, PartyRow, sqlite::Sqlite},
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
            self.bundle_for(View::default(), now).await
        }

        async fn bundle_for(&self, view: View, now: Timestamp) -> Vec<u8> {
            let asked = Asked { conversation: &self.conversation, view, now };
            export(&self.store, &self.vault, &self.scope, asked).await.unwrap().unwrap()
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
        let asked = |conversation| Asked { conversation, view: View::default(), now: Timestamp(9) };
        assert!(export(&house.store, &house.vault, &house.scope, asked(&other)).await.unwrap().is_none());
        let foreign = Scope::proven("other".parse().unwrap());
        let theirs = export(&house.store, &house.vault, &foreign, asked(&house.conversation)).await;
        assert!(theirs.unwrap().is_none());
    }
}
