//! Conversations: one buyer, one seller, a handle for each, and what each may do now.

use std::sync::Arc;

use crate::{
    model::{Channel, ConversationId, EntryKind, Fault, Fulfilment, OrderId, PartyId, Phase, Scope, Side, Timestamp},
    policy::contact::{Standing, standing},
    store::{
        ConversationFilter, ConversationRow, Deliver, HandleKind, HandleRow, NewConversation, NewEntry, PutConversation,
    },
    vault::Place,
};

use super::{
    Declined, Desk, Market, Wrong, entry,
    parties::{PartyForm, fits},
};

/// A conversation as the marketplace puts it.
pub struct ConversationForm {
    /// About which order.
    pub order: Option<OrderId>,
    /// About which listing.
    pub listing: Option<String>,
    /// Who bought.
    pub buyer: PartyRef,
    /// Who sells.
    pub seller: PartyRef,
    /// Tracking numbers: never findings.
    pub tracking: Vec<String>,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// How each side wants its messages.
    pub deliver: Deliver,
}

/// A party named, or put along with its conversation.
pub enum PartyRef {
    /// It is known.
    Known(PartyId),
    /// It is put now. A form that says nothing means the party as it is, and makes one only where
    /// there is none.
    Inline(PartyId, Box<PartyForm>),
}

impl PartyRef {
    /// Whom it means.
    pub fn id(&self) -> &PartyId {
        match self {
            Self::Known(id) | Self::Inline(id, _) => id,
        }
    }
}

/// A conversation as it is now.
#[derive(Clone, Debug)]
pub struct ConversationView {
    /// The row.
    pub row: ConversationRow,
    /// Tracking numbers.
    pub tracking: Vec<String>,
    /// Stand for the buyer: what the seller sees.
    pub buyer: HandleSet,
    /// Stand for the seller: what the buyer sees.
    pub seller: HandleSet,
    /// What each side may do.
    pub standing: Standing,
}

/// What stands for one side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandleSet {
    /// The mail address; `None` after an erasure.
    pub email: Option<String>,
    /// The postal handle.
    pub address: Option<String>,
    /// The number that the other side texts.
    pub phone: Option<String>,
    /// The public name.
    pub name: String,
}

impl ConversationView {
    /// Whether nobody may write any more.
    pub fn closed(&self) -> bool {
        self.standing.buyer.phase == Phase::Closed
    }
}

impl Desk {
    /// Creates a conversation, or replaces what may be replaced of one; `true`: it is new.
    ///
    /// # Errors
    /// When a field is wrong, a party is unknown, it is between others, or by a fault.
    pub async fn put_conversation(
        &self,
        scope: &Scope,
        id: &ConversationId,
        form: ConversationForm,
    ) -> Result<(ConversationView, bool), Declined> {
        check(&form, self.texts)?;
        let market = self.market(scope).await?;
        let before = self.store.conversation(scope, id).await?;
        let other = |row: &ConversationRow| row.buyer != *form.buyer.id() || row.seller != *form.seller.id();
        if before.as_ref().is_some_and(other) {
            return Err(Declined::OtherParties);
        }
        let (buyer, seller) = (form.buyer.id().clone(), form.seller.id().clone());
        let row = self.new_row(scope, &market, id, &form, buyer.clone(), seller).await?;
        self.put_inline(scope, form.buyer, Side::Buyer).await?;
        self.put_inline(scope, form.seller, Side::Seller).await?;
        let now = self.now();
        let moved = before.as_ref().is_some_and(|b| b.order != row.order);
        let kinds = self.kinds_wanted(scope, &row, &buyer).await?;
        let new = NewConversation {
            handles: self.mint(&market, &kinds, now)?,
            entry: self.opening(scope, &market, EntryKind::ConversationOpened, row.order.as_ref(), now).await?,
            row,
        };
        let (row, created) = match self.store.put_conversation(scope, new).await? {
            PutConversation::Created(row) => (row, true),
            PutConversation::Replaced(row) => (row, false),
            PutConversation::OtherParties => return Err(Declined::OtherParties),
            PutConversation::NoSuchParty => return Err(self.missing_party(scope, &buyer).await?),
        };
        if moved {
            let changed = EntryKind::ConversationChanged;
            let entry = self.opening(scope, &market, changed, row.order.as_ref(), now).await?;
            self.store.append(scope, id, entry).await?;
        }
        Ok((self.view(scope, row).await?, created))
    }

    /// One conversation.
    ///
    /// # Errors
    /// When there is none, or by a fault.
    pub async fn conversation(&self, scope: &Scope, id: &ConversationId) -> Result<ConversationView, Declined> {
        let row = self.row(scope, id).await?;
        Ok(self.view(scope, row).await?)
    }

    /// Conversations by order, buyer and seller, by id.
    ///
    /// # Errors
    /// By a fault.
    pub async fn conversations(
        &self,
        scope: &Scope,
        filter: ConversationFilter,
    ) -> Result<Vec<ConversationView>, Declined> {
        let rows = self.store.conversations(scope, filter).await?;
        let mut views = Vec::with_capacity(rows.len());
        for row in rows {
            views.push(self.view(scope, row).await?);
        }
        Ok(views)
    }

    /// Between whom a conversation is, without opening anything.
    ///
    /// # Errors
    /// When there is none, or by a fault.
    pub async fn between(&self, scope: &Scope, id: &ConversationId) -> Result<(PartyId, PartyId), Declined> {
        let name = (scope.marketplace().clone(), id.clone());
        if let Some(known) = self.sides.get(&name) {
            return Ok(known.clone());
        }
        let row = self.row(scope, id).await?;
        if self.sides.len() >= SIDES_KNOWN {
            self.sides.clear();
        }
        self.sides.insert(name, (row.buyer.clone(), row.seller.clone()));
        Ok((row.buyer, row.seller))
    }

    /// What both sides may do now.
    ///
    /// # Errors
    /// When there is no such conversation, or by a fault.
    pub async fn standing(&self, scope: &Scope, id: &ConversationId) -> Result<Standing, Declined> {
        let row = self.row(scope, id).await?;
        Ok(self.standing_of(scope, &row).await?)
    }

    /// Whose person was erased is closed for both: nobody is there to write to, or to write.
    async fn standing_of(&self, scope: &Scope, row: &ConversationRow) -> Result<Standing, Fault> {
        if row.buyer_key.is_none() || row.seller_key.is_none() {
            return Ok(Standing::closed());
        }
        let state = self.store.pair(scope, &row.id, self.now()).await?.unwrap_or_default();
        Ok(standing(&state, &self.rules(scope).contact))
    }

    pub(super) async fn row(&self, scope: &Scope, id: &ConversationId) -> Result<ConversationRow, Declined> {
        self.store.conversation(scope, id).await?.ok_or(Declined::NotFound)
    }

    pub(super) async fn view(&self, scope: &Scope, row: ConversationRow) -> Result<ConversationView, Fault> {
        let market = self.market(scope).await?;
        let rows = self.current_handles(scope, &market, &row.id).await?;
        let ships = row.order_state.is_some_and(|(_, fulfilment)| fulfilment == Fulfilment::Platform);
        let mut buyer = self.handle_set(scope, &market, &row, Side::Buyer, &rows).await?;
        buyer.address = buyer.address.filter(|_| !ships);
        Ok(ConversationView {
            seller: self.handle_set(scope, &market, &row, Side::Seller, &rows).await?,
            buyer,
            tracking: read_tracking(&market, &row)?,
            standing: self.standing_of(scope, &row).await?,
            row,
        })
    }

    async fn handle_set(
        &self,
        scope: &Scope,
        market: &Market,
        row: &ConversationRow,
        side: Side,
        rows: &[HandleRow],
    ) -> Result<HandleSet, Fault> {
        let newest = |kind: HandleKind| {
            let of_kind = rows.iter().filter(|h| h.stands_for == side && h.kind == kind);
            of_kind.filter(|h| h.replaced.is_none() && h.shut.is_none()).max_by_key(|h| h.epoch)
        };
        let mail = newest(HandleKind::Mail);
        let mail = mail.map(|h| self.vault.read_handle(&market.key, &market.name, &h.hash, &h.sealed)).transpose()?;
        let postal = newest(HandleKind::Postal);
        let postal =
            postal.map(|h| self.vault.read_postal(&market.key, &market.name, &h.hash, &h.sealed)).transpose()?;
        let opened = self.open_party(scope, row.party(side)).await?;
        let numbers = if self.texts { self.store.numbers(scope, &row.id).await? } else { Vec::new() };
        Ok(HandleSet {
            phone: numbers.into_iter().find(|one| one.side == side.other()).map(|one| one.number),
            email: mail.map(|handle| format!("{handle}@{}", market.domain)),
            address: postal.map(|code| code.to_string()),
            name: opened.map(|o| o.profile.display_name.clone()).unwrap_or_default(),
        })
    }

    async fn put_inline(&self, scope: &Scope, party: PartyRef, role: Side) -> Result<(), Declined> {
        let PartyRef::Inline(id, form) = party else { return Ok(()) };
        let silent = PartyForm { role: None, ..(*form).clone() } == PartyForm::default();
        if silent && self.store.party(scope, &id).await?.is_some() {
            return Ok(());
        }
        let form = PartyForm { role: form.role.or(Some(role)), ..*form };
        self.put_party(scope, &id, form).await.map(|_| ())
    }

    async fn new_row(
        &self,
        scope: &Scope,
        market: &Arc<Market>,
        id: &ConversationId,
        form: &ConversationForm,
        buyer: PartyId,
        seller: PartyId,
    ) -> Result<ConversationRow, Declined> {
        let name = scope.marketplace();
        let tracking = serde_json::to_vec(&form.tracking).map_err(|e| Fault::new("writing tracking numbers", e))?;
        let order_state = match &form.order {
            Some(order) => self.store.order(scope, order).await?.map(|o| (o.state, o.fulfilment)),
            None => None,
        };
        let key = |side| self.vault.new_key(&Place::side_key(name, id, side)).map(|(_, wrapped)| wrapped);
        Ok(ConversationRow {
            id: id.clone(),
            order: form.order.clone(),
            listing: form.listing.clone(),
            tracking: market.key.seal(&Place::tracking(name, id), &tracking)?,
            expires: form.expires,
            deliver: form.deliver.clone(),
            buyer_key: Some(key(Side::Buyer)?),
            seller_key: Some(key(Side::Seller)?),
            order_state,
            created: self.now(),
            buyer,
            seller,
        })
    }

    /// Mail for both; a postal handle only where the seller ships to an address we know: what
    /// is not needed is not made (an order the platform ships gives the seller none).
    async fn kinds_wanted(
        &self,
        scope: &Scope,
        row: &ConversationRow,
        buyer: &PartyId,
    ) -> Result<Vec<(Side, HandleKind)>, Fault> {
        let mut kinds = vec![(Side::Buyer, HandleKind::Mail), (Side::Seller, HandleKind::Mail)];
        let platform = row.order_state.is_some_and(|(_, fulfilment)| fulfilment == Fulfilment::Platform);
        let opened = if platform { None } else { self.open_party(scope, buyer).await? };
        if opened.is_some_and(|o| !o.profile.addresses.is_empty()) {
            kinds.push((Side::Buyer, HandleKind::Postal));
        }
        Ok(kinds)
    }

    /// The entry of an opening or of a new order: with the order's facts, if they are known.
    async fn opening(
        &self,
        scope: &Scope,
        market: &Arc<Market>,
        kind: EntryKind,
        order: Option<&OrderId>,
        now: Timestamp,
    ) -> Result<NewEntry, Fault> {
        let Some(order) = order else { return Ok(entry(now, kind, None, "")) };
        match self.order(scope, order).await {
            Ok(facts) => self.facts_entry(market, kind, order, &facts, now),
            Err(Declined::Fault(fault)) => Err(fault),
            Err(_) => Ok(entry(now, kind, None, format!("order={order}"))),
        }
    }

    async fn missing_party(&self, scope: &Scope, buyer: &PartyId) -> Result<Declined, Fault> {
        let field = if self.store.party(scope, buyer).await?.is_none() { "buyer" } else { "seller" };
        Ok(Wrong::field(field, "no such party"))
    }
}

pub(super) fn read_tracking(market: &Market, row: &ConversationRow) -> Result<Vec<String>, Fault> {
    if row.tracking.is_empty() {
        return Ok(Vec::new());
    }
    let bytes = market.key.open(&Place::tracking(&market.name, &row.id), &row.tracking)?;
    serde_json::from_slice(&bytes).map_err(|e| Fault::new("reading tracking numbers", e))
}

fn check(form: &ConversationForm, texts: bool) -> Result<(), Declined> {
    if form.buyer.id() == form.seller.id() {
        return Err(Wrong::field("seller", "the same party as the buyer"));
    }
    if form.listing.as_deref().is_some_and(|listing| !fits(listing, 200)) {
        return Err(Wrong::field("listing", "1 to 200 characters without control characters"));
    }
    if form.tracking.len() > 50 {
        return Err(Wrong::field("tracking", "at most 50"));
    }
    if let Some(n) = form.tracking.iter().position(|number| !fits(number, 64)) {
        return Err(Wrong::at("tracking", n, "1 to 64 characters without control characters"));
    }
    for (field, ways) in [("deliver.buyer", &form.deliver.buyer), ("deliver.seller", &form.deliver.seller)] {
        if ways.as_ref().is_some_and(Vec::is_empty) {
            return Err(Wrong::field(field, "names no way"));
        }
        // Alone it would be a message that is called delivered and reaches nobody.
        if !texts && ways.as_ref().is_some_and(|ways| ways.iter().all(|way| *way == Channel::Sms)) {
            return Err(Wrong::field(field, "nobody is texted here ([sms] has no numbers): name mail or api too"));
        }
    }
    Ok(())
}

/// Of so many conversations it is remembered at most between whom they are.
const SIDES_KNOWN: usize = 8_192;
