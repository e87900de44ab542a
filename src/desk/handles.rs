//! Handles: minted, rotated by time and on demand, looked up, and redeemed by a carrier.

use crate::{
    model::{
        ConversationId, EntryKind, EventId, Fault, Handle, HandleHash, HandleState, PartyId, PostalAddress, PostalCode,
        Scope, Side, Timestamp,
    },
    policy::life::{self, Age},
    store::{DisclosureRow, HandleKind, HandleRow, NewHandle, Rotation},
};

use super::{Declined, Desk, Market, Wrong, conversations::ConversationView, entry, parties::fits};

/// What may be told of a handle; never whose contact it hides.
#[derive(Clone, Debug)]
pub struct HandleView {
    /// Where it is in its life.
    pub state: HandleState,
    /// Position among the side's handles of this kind.
    pub epoch: u32,
    /// Of which conversation.
    pub conversation: ConversationId,
    /// Which side it stands for.
    pub stands_for: Side,
    /// What it is used in.
    pub kind: HandleKind,
    /// Whom it had been shown to.
    pub shown_to: PartyId,
    /// When it was minted.
    pub created: Timestamp,
    /// When it was replaced.
    pub replaced: Option<Timestamp>,
}

/// What a carrier asks a postal handle for.
pub struct Redemption<'a> {
    /// Who asks: the token's carrier.
    pub carrier: &'a str,
    /// For which shipment.
    pub shipment: &'a str,
    /// For what: `label`, `delivery` or `pickup`.
    pub purpose: &'a str,
    /// It was recorded before: the same request came again.
    pub recorded: bool,
}

/// What a carrier is given.
pub struct Redeemed {
    /// The real address.
    pub address: PostalAddress,
    /// The digits that its courier says at the door, for a pick-up that was announced.
    pub code: Option<String>,
}

/// The purpose of whoever comes to fetch something.
const PICKUP: &str = "pickup";

impl Desk {
    /// What a handle stands for, whatever its state.
    ///
    /// # Errors
    /// When this marketplace has none such, or by a fault.
    pub async fn handle(&self, scope: &Scope, text: &str) -> Result<HandleView, Declined> {
        let row = self.find_handle(scope, text).await?;
        Ok(HandleView {
            state: self.handle_state(scope, &row),
            epoch: row.epoch,
            conversation: row.conversation,
            stands_for: row.stands_for,
            kind: row.kind,
            shown_to: row.shown_to,
            created: row.created,
            replaced: row.replaced,
        })
    }

    /// Gives a carrier the address behind a postal handle. It is recorded, counted, and the
    /// buyer can see it; a retired handle gives nothing and leaves a tripwire record, as does every handle of a
    /// buyer who is afraid of the seller, and a pick-up that nobody announced.
    ///
    /// # Errors
    /// When there is no such handle or address, a field is wrong, or by a fault.
    pub async fn redeem(&self, scope: &Scope, text: &str, asked: &Redemption<'_>) -> Result<Redeemed, Declined> {
        if !fits(asked.shipment, 64) {
            return Err(Wrong::field("shipment", "1 to 64 characters without control characters"));
        }
        let row = self.find_handle(scope, text).await?;
        if row.kind != HandleKind::Postal {
            return Err(Declined::NotFound);
        }
        let now = self.now();
        let retired = self.handle_state(scope, &row) == HandleState::Retired;
        if retired || self.store.afraid(scope, &row.conversation).await? {
            self.misused(scope, &row, if retired { "retired" } else { "afraid" }).await?;
            return Err(Declined::NotFound);
        }
        let conversation = self.row(scope, &row.conversation).await?;
        let party = conversation.party(row.stands_for).clone();
        if self.any_restricted(scope, std::slice::from_ref(&party)).await? {
            return Err(Declined::Restricted);
        }
        let opened = self.open_party(scope, &party).await?.ok_or(Declined::NotFound)?;
        let address = opened.profile.addresses.first().cloned().ok_or(Declined::NotFound)?;
        let mut code = None;
        if asked.purpose == PICKUP {
            let announced = self.pickup_for(scope, (&row.conversation, &party), asked.carrier).await?;
            if announced.is_none() && !self.rules(scope).disclosures.unannounced_pickups {
                self.misused(scope, &row, "unannounced").await?;
                return Err(Wrong::unfit("purpose", "no pick-up by this carrier is announced there"));
            }
            code = announced.map(|pickup| pickup.code);
        }
        if asked.recorded {
            return Ok(Redeemed { address, code });
        }
        let disclosure = DisclosureRow {
            id: self.draw_id(now)?,
            party,
            conversation: Some(row.conversation),
            to: asked.carrier.to_owned(),
            purpose: asked.purpose.to_owned(),
            shipment: asked.shipment.to_owned(),
            request: None,
            fields: "addresses".to_owned(),
            at: now,
        };
        let facts = format!("disclosure={} purpose={}", disclosure.id, disclosure.purpose);
        // The address leaves only after the record of it is durable.
        self.record_disclosure(scope, disclosure, facts, self.rules(scope).disclosures.carrier_alarm).await?;
        Ok(Redeemed { address, code })
    }

    /// A carrier asked for what it may not have: whoever sent it was shown this handle.
    async fn misused(&self, scope: &Scope, row: &HandleRow, cause: &str) -> Result<(), Fault> {
        let (of, epoch, shown_to) = (row.stands_for.as_str(), row.epoch, &row.shown_to);
        let facts = format!("cause={cause} stands_for={of} epoch={epoch} shown_to={shown_to}");
        self.store.tripwire(scope, row.hash, entry(self.now(), EntryKind::HandleMisused, None, facts)).await.map(drop)
    }

    /// Who saw a person's contact, newest first.
    ///
    /// # Errors
    /// When there is no such party, or by a fault.
    pub async fn disclosures(
        &self,
        scope: &Scope,
        party: &PartyId,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<DisclosureRow>, Declined> {
        self.store.party(scope, party).await?.ok_or(Declined::NotFound)?;
        Ok(self.store.disclosures(scope, party, after, limit).await?)
    }

    /// Replaces a side's handles now.
    ///
    /// # Errors
    /// When there is no such conversation, the reason does not fit, or by a fault.
    pub async fn rotate(
        &self,
        scope: &Scope,
        id: &ConversationId,
        of: Side,
        reason: &str,
    ) -> Result<ConversationView, Declined> {
        if !reason.is_empty() && !fits(reason, 200) {
            return Err(Wrong::field("reason", "1 to 200 characters without control characters"));
        }
        let row = self.row(scope, id).await?;
        let market = self.market(scope).await?;
        let now = self.now();
        let rotation = Rotation {
            conversation: id.clone(),
            of,
            handles: self.mint_again(scope, &market, id, of, now).await?,
            at: now,
            unless_newer_than: None,
            // The reason is a person's text: evidence says that somebody asked, no more.
            entry: entry(now, EntryKind::HandleRotated, Some(of), format!("of={} cause=demand", of.as_str())),
        };
        self.store.rotate(scope, rotation).await?;
        Ok(self.view(scope, row).await?)
    }

    /// The handles of a conversation, after the buyer's was replaced if it has grown old.
    /// Nothing rotates by a clock: whoever looks does it.
    pub(super) async fn current_handles(
        &self,
        scope: &Scope,
        market: &Market,
        id: &ConversationId,
    ) -> Result<Vec<HandleRow>, Fault> {
        let rows = self.store.handles(scope, id).await?;
        let now = self.now();
        let rotate = self.rules(scope).handles.rotate;
        let live = |h: &HandleRow| h.replaced.is_none() && h.shut.is_none();
        let old = |h: &HandleRow| h.stands_for == Side::Buyer && live(h) && h.created.plus(rotate) <= now;
        if !rows.iter().any(old) {
            return Ok(rows);
        }
        let rotation = Rotation {
            conversation: id.clone(),
            of: Side::Buyer,
            handles: self.mint_again(scope, market, id, Side::Buyer, now).await?,
            at: now,
            unless_newer_than: Some(now.minus(rotate)),
            entry: entry(now, EntryKind::HandleRotated, None, "of=buyer cause=time"),
        };
        self.store.rotate(scope, rotation).await?;
        self.store.handles(scope, id).await
    }

    pub(super) fn mint(
        &self,
        market: &Market,
        kinds: &[(Side, HandleKind)],
        now: Timestamp,
    ) -> Result<Vec<NewHandle>, Fault> {
        kinds.iter().map(|(side, kind)| self.mint_one(market, *side, *kind, now)).collect()
    }

    /// New postal handles where the buyer has one: a courier came over it whom nobody sent.
    pub(super) async fn mint_postal_again(
        &self,
        scope: &Scope,
        market: &Market,
        id: &ConversationId,
        now: Timestamp,
    ) -> Result<Vec<NewHandle>, Fault> {
        let rows = self.store.handles(scope, id).await?;
        let postal =
            |h: &HandleRow| h.stands_for == Side::Buyer && h.kind == HandleKind::Postal && h.replaced.is_none();
        let kinds: &[(Side, HandleKind)] =
            if rows.iter().any(postal) { &[(Side::Buyer, HandleKind::Postal)] } else { &[] };
        self.mint(market, kinds, now)
    }

    /// New handles of every kind that a side has.
    pub(super) async fn mint_again(
        &self,
        scope: &Scope,
        market: &Market,
        id: &ConversationId,
        side: Side,
        now: Timestamp,
    ) -> Result<Vec<NewHandle>, Fault> {
        let rows = self.store.handles(scope, id).await?;
        let has = |kind| rows.iter().any(|h| h.stands_for == side && h.kind == kind && h.replaced.is_none());
        let kinds = [HandleKind::Mail, HandleKind::Postal].into_iter().filter(|kind| has(*kind));
        self.mint(market, &kinds.map(|kind| (side, kind)).collect::<Vec<_>>(), now)
    }

    fn mint_one(&self, market: &Market, side: Side, kind: HandleKind, now: Timestamp) -> Result<NewHandle, Fault> {
        let (hash, sealed) = match kind {
            HandleKind::Mail | HandleKind::Registration => {
                self.vault.mint(&market.key, &market.name).map(|(h, sealed)| (h.hash(), sealed))
            }
            HandleKind::Postal => {
                self.vault.mint_postal(&market.key, &market.name).map(|(c, sealed)| (c.hash(), sealed))
            }
        }?;
        Ok(NewHandle { hash, stands_for: side, kind, sealed, created: now })
    }

    async fn find_handle(&self, scope: &Scope, text: &str) -> Result<HandleRow, Declined> {
        let hash = read_handle(text).ok_or(Declined::NotFound)?;
        match self.store.handle(hash).await? {
            Some((proven, row)) if proven == *scope => Ok(row),
            _ => Err(Declined::NotFound),
        }
    }

    fn handle_state(&self, scope: &Scope, row: &HandleRow) -> HandleState {
        let age = Age { ages: row.ages(), created: row.created, replaced: row.replaced, shut: row.shut };
        life::state(age, &self.rules(scope).handles, self.now())
    }
}

/// Either kind of handle, or the mail address made of one.
fn read_handle(text: &str) -> Option<HandleHash> {
    let bare = text.split('@').next().unwrap_or(text);
    let mail = bare.parse::<Handle>().map(|handle| handle.hash());
    mail.or_else(|_| bare.parse::<PostalCode>().map(|code| code.hash())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SystemLuck;

    #[test]
    fn both_kinds_of_handles_are_read_and_nothing_else() {
        let luck = SystemLuck::new();
        let mail = Handle::draw(&luck).unwrap();
        let code = PostalCode::draw(&luck).unwrap();
        assert_eq!(read_handle(&mail.to_string().to_uppercase()), Some(mail.hash()));
        assert_eq!(read_handle(&format!("{mail}@relay.example")), Some(mail.hash()));
        assert_eq!(read_handle(&code.to_string()), Some(code.hash()));
        for bad in ["", "handle", "ABCD-EFGH-JKLM", &"z".repeat(26)] {
            assert_eq!(read_handle(bad), None, "{bad}");
        }
    }
}
