//! What a person may ask for: that nothing more is done with their data, that they are told all that is held, that it
//! goes. And what stands against it for a while: a hold.

use serde_json::{Value, json};

use super::{Declined, Desk, Wrong, disclosures::is_id, entry};
use crate::{
    model::{EntryKind, Fault, PartyId, PostalAddress, Scope, Side, Timestamp},
    policy::rights::RightsRules,
    store::{AccessFilter, AccessRow, ConversationFilter, ConversationRow, HoldRow},
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

    /// Everything that is held about a person, with the record of its use: for the person, as JSON. What the other
    /// side wrote is told as it was delivered. That it was drawn stands in the journal before it is given out.
    ///
    /// # Errors
    /// When there is no such party, or by a fault.
    pub async fn person(&self, scope: &Scope, party: &PartyId) -> Result<Vec<u8>, Declined> {
        let opened = self.open_party(scope, party).await?.ok_or(Declined::NotFound)?;
        let profile = &opened.profile;
        let rights = self.rights(scope, party).await?;
        let mut conversations = Vec::new();
        for side in [Side::Buyer, Side::Seller] {
            for row in self.all_conversations(scope, party, side).await? {
                conversations.push(self.conversation_of(scope, &row, side).await?);
            }
        }
        let disclosures = self.all_disclosures(scope, party).await?;
        let now = self.now();
        let record = entry(now, EntryKind::PersonExported, None, format!("party={party}"));
        self.store.note(scope, record).await?;
        let whole = json!({
            "format": "tabir person 1", "marketplace": scope.marketplace().as_str(), "party": party.as_str(),
            "exported_at": now.rfc3339(),
            "profile": {
                "display_name": profile.display_name, "names": profile.names, "group": opened.row.group,
                "locale": profile.locale, "region": profile.region, "emails": profile.emails, "phones": profile.phones,
                "accounts": profile.accounts,
                "addresses": profile.addresses.iter().map(address).collect::<Vec<_>>(),
                "changed_at": opened.row.changed.rfc3339(),
            },
            "conversations": conversations,
            "disclosures": disclosures,
            "read_by": rights.accesses.iter().map(access).collect::<Vec<_>>(),
            "restricted_since": rights.restricted.map(Timestamp::rfc3339),
            "holds": rights.holds.iter().map(|hold| json!({"reference": hold.reference, "since": hold.placed.rfc3339(),
                "until": hold.until.map(Timestamp::rfc3339)})).collect::<Vec<_>>(),
        });
        serde_json::to_vec_pretty(&whole).map_err(|e| Fault::new("writing what is held about a person", e).into())
    }

    async fn all_conversations(
        &self,
        scope: &Scope,
        party: &PartyId,
        side: Side,
    ) -> Result<Vec<ConversationRow>, Fault> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let mut filter = ConversationFilter { after, limit: PAGE, ..ConversationFilter::default() };
            match side {
                Side::Buyer => filter.buyer = Some(party.clone()),
                Side::Seller => filter.seller = Some(party.clone()),
            }
            let rows = self.store.conversations(scope, filter).await?;
            after = rows.last().map(|row| row.id.clone());
            let last = rows.len() < PAGE;
            all.extend(rows);
            if last {
                return Ok(all);
            }
        }
    }

    async fn conversation_of(&self, scope: &Scope, row: &ConversationRow, side: Side) -> Result<Value, Declined> {
        let (mut messages, mut after) = (Vec::new(), None);
        loop {
            let page = self.messages_as(scope, &row.id, side, after, PAGE).await?;
            messages.extend(page.messages.iter().map(|view| {
                let kept = view.kept.as_ref();
                let shown = kept.map(|kept| if view.from == side { &kept.original } else { &kept.delivered });
                json!({"id": view.id.to_string(), "at": view.at.rfc3339(), "from": view.from.as_str(),
                    "channel": view.channel.as_str(), "message": shown})
            }));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(json!({"id": row.id.as_str(), "as": side.as_str(), "order": row.order.as_ref().map(ToString::to_string),
            "opened_at": row.created.rfc3339(), "messages": messages}))
    }

    async fn all_disclosures(&self, scope: &Scope, party: &PartyId) -> Result<Vec<Value>, Declined> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let rows = self.store.disclosures(scope, party, after, PAGE).await?;
            after = rows.last().map(|row| row.id);
            for row in &rows {
                // Who may not be told yet, must not read it here.
                let hidden = match row.request {
                    Some(id) => self.store.glass(scope, id).await?.is_some_and(|glass| glass.noticed.is_none()),
                    None => false,
                };
                if !hidden {
                    all.push(
                        json!({"at": row.at.rfc3339(), "to": row.to, "purpose": row.purpose, "fields": row.fields,
                        "about": row.shipment}),
                    );
                }
            }
            if rows.len() < PAGE {
                return Ok(all);
            }
        }
    }
}

fn address(address: &PostalAddress) -> Value {
    json!({"name": address.name, "lines": address.lines, "city": address.city, "region": address.region,
        "postcode": address.postcode, "country": address.country})
}

fn access(row: &AccessRow) -> Value {
    let hour = Timestamp(row.hour * super::access::HOUR).rfc3339();
    json!({"hour": hour, "token": row.token.to_string(), "what": row.what, "count": row.count})
}

const PAGE: usize = 200;
