//! Couriers at a buyer's door: who was announced, and what a person at the door may be told. An address is a weapon: who
//! can send somebody there needs no word.

use crate::{
    model::{Category, ConversationId, EntryKind, EventId, PartyId, PickupId, Scope, Side, Timestamp},
    store::{Announced, NewPickup, PickupCheck, PickupRow},
};

use super::{
    Declined, Desk, Market, Wrong,
    answers::{Answer, Earlier},
    cases::Statement,
    entry,
    parties::fits,
    reports::ReportForm,
};

/// A courier to announce.
#[derive(Clone, Debug)]
pub struct PickupForm {
    /// In which conversation.
    pub conversation: ConversationId,
    /// Of which carrier, as its token is named.
    pub carrier: String,
    /// Not before.
    pub begins: Timestamp,
    /// Not after.
    pub ends: Timestamp,
}

/// A pick-up as it is.
#[derive(Clone, Debug)]
pub struct PickupView {
    /// The row.
    pub row: PickupRow,
    /// The four digits that the courier must say: for the buyer and the carrier alone.
    pub code: String,
}

/// Who stands at the door, as far as the buyer knows.
#[derive(Clone, Copy, Debug)]
pub struct AtDoor<'a> {
    /// The buyer.
    pub buyer: &'a PartyId,
    /// About which conversation, if the courier says so much.
    pub conversation: Option<&'a ConversationId>,
    /// Of which carrier, if the courier says so much.
    pub carrier: Option<&'a str>,
}

/// What the buyer is told.
#[derive(Clone, Debug)]
pub enum Expected {
    /// These are expected now: whoever says none of their digits is not one of them.
    Yes(Vec<PickupView>),
    /// Nobody sent this courier. It was reported, and where it is known over which handle the courier came, that one is
    /// shut.
    No {
        /// The report.
        report: EventId,
    },
}

impl Desk {
    /// Announces a courier at the buyer's door, or changes one who is announced. The flag tells whether it is new.
    ///
    /// # Errors
    /// When there is no such conversation, the buyer is afraid of the seller, a field is wrong, or by a fault.
    pub async fn announce_pickup(
        &self,
        scope: &Scope,
        id: &PickupId,
        form: &PickupForm,
    ) -> Result<(PickupView, bool), Declined> {
        if !fits(&form.carrier, 64) {
            return Err(Wrong::field("carrier", "1 to 64 characters without control characters"));
        }
        let now = self.now();
        if form.ends <= form.begins || form.ends <= now {
            return Err(Wrong::unfit("until", "ends before it begins, or is over"));
        }
        if form.begins.plus(LONGEST) < form.ends || now.plus(FURTHEST) < form.ends {
            return Err(Wrong::unfit("until", "at most 14 days long, and within 90 days from now"));
        }
        let new = NewPickup {
            id: id.clone(),
            conversation: form.conversation.clone(),
            carrier: form.carrier.clone(),
            begins: form.begins,
            ends: form.ends,
            at: now,
            entry: entry(now, EntryKind::PickupAnnounced, None, format!("pickup={id}")),
        };
        let new = match self.store.announce_pickup(scope, new).await? {
            Announced::New => true,
            Announced::Known => false,
            Announced::NotThere => return Err(Wrong::unfit("conversation", "there is no such conversation")),
            Announced::Taken => return Err(Wrong::unfit("id", "of another conversation, or ended: take a new one")),
            Announced::Afraid => {
                return Err(Wrong::unfit("conversation", "the buyer is afraid: nobody is sent to the door"));
            }
        };
        Ok((self.pickup(scope, id).await?, new))
    }

    /// One of them.
    ///
    /// # Errors
    /// When there is none, or by a fault.
    pub async fn pickup(&self, scope: &Scope, id: &PickupId) -> Result<PickupView, Declined> {
        let row = self.store.pickup(scope, id).await?.ok_or(Declined::NotFound)?;
        Ok(view(&*self.market(scope).await?, row))
    }

    /// Calls one off.
    ///
    /// # Errors
    /// When there is none that is open, or by a fault.
    pub async fn end_pickup(&self, scope: &Scope, id: &PickupId) -> Result<(), Declined> {
        let now = self.now();
        let entry = entry(now, EntryKind::PickupEnded, None, format!("pickup={id} cause=called_off"));
        if self.store.end_pickup(scope, id, now, entry).await? { Ok(()) } else { Err(Declined::NotFound) }
    }

    /// Tells a buyer at whose door somebody stands whether they are expected. A no is an urgent report, and shuts the
    /// postal handles of the conversation: of the one named, or of the one over which the address was last seen. Within
    /// an hour it is the same report.
    ///
    /// # Errors
    /// When there is no such buyer or conversation of theirs, or by a fault.
    pub async fn check_pickup(&self, scope: &Scope, door: AtDoor<'_>) -> Result<Expected, Declined> {
        self.store.party(scope, door.buyer).await?.ok_or(Declined::NotFound)?;
        let conversation = self.at_door(scope, door).await?;
        let now = self.now();
        let mut expected = self.store.open_pickups(scope, door.buyer, now).await?;
        expected.retain(|row| {
            row.begins <= now
                && door.conversation.is_none_or(|id| *id == row.conversation)
                && door.carrier.is_none_or(|carrier| row.carrier.eq_ignore_ascii_case(carrier.trim()))
        });
        if expected.is_empty() {
            return Ok(Expected::No { report: self.nobody_sent(scope, door, conversation).await? });
        }
        for row in &expected {
            let entry =
                entry(now, EntryKind::PickupChecked, Some(Side::Buyer), format!("pickup={} expected=yes", row.id));
            let check = PickupCheck { conversation: row.conversation.clone(), handles: Vec::new(), at: now, entry };
            self.store.check_pickup(scope, check).await?;
        }
        let market = self.market(scope).await?;
        Ok(Expected::Yes(expected.into_iter().map(|row| view(&market, row)).collect()))
    }

    /// Whether a carrier may fetch something there now, and what its courier must say.
    pub(super) async fn pickup_for(
        &self,
        scope: &Scope,
        (conversation, buyer): (&ConversationId, &PartyId),
        carrier: &str,
    ) -> Result<Option<PickupView>, Declined> {
        let rows = self.store.open_pickups(scope, buyer, self.now()).await?;
        let market = self.market(scope).await?;
        let theirs = rows.into_iter().find(|row| row.conversation == *conversation && row.carrier == carrier);
        Ok(theirs.map(|row| view(&market, row)))
    }

    /// The conversation that a courier is most likely to come from.
    async fn at_door(&self, scope: &Scope, door: AtDoor<'_>) -> Result<Option<ConversationId>, Declined> {
        if let Some(id) = door.conversation {
            let row = self.row(scope, id).await?;
            return if row.buyer == *door.buyer { Ok(Some(id.clone())) } else { Err(Declined::NotFound) };
        }
        let seen = self.store.disclosures(scope, door.buyer, None, LOOKED_BACK).await?;
        Ok(seen.into_iter().filter(|row| row.fields == "addresses").find_map(|row| row.conversation))
    }

    async fn nobody_sent(
        &self,
        scope: &Scope,
        door: AtDoor<'_>,
        conversation: Option<ConversationId>,
    ) -> Result<EventId, Declined> {
        let (now, id) = (self.now(), self.new_report()?);
        let hour = (now.0 / HOUR).to_be_bytes();
        let place = conversation.as_ref().map_or("", ConversationId::as_str);
        let asked =
            self.fingerprint(scope, &[b"pickups/check", door.buyer.as_str().as_bytes(), place.as_bytes(), &hour], &[]);
        if let Earlier::Same(Answer { body, .. }) = self.earlier(scope, &asked).await?
            && let Some(known) = std::str::from_utf8(&body).ok().and_then(|text| text.parse().ok())
        {
            return Ok(known);
        }
        if let Some(conversation) = &conversation {
            let market = self.market(scope).await?;
            let handles = self.mint_postal_again(scope, &market, conversation, now).await?;
            let entry = entry(now, EntryKind::PickupChecked, Some(Side::Buyer), "expected=no");
            let check = PickupCheck { conversation: conversation.clone(), handles, at: now, entry };
            self.store.check_pickup(scope, check).await?;
        }
        let said = door.carrier.map_or_else(
            || "A courier stands at the door whom nobody announced.".to_owned(),
            |carrier| format!("A courier stands at the door whom nobody announced, and says to be of: {carrier}"),
        );
        let form = ReportForm {
            id,
            conversation,
            by: Side::Buyer,
            on_behalf: false,
            category: Category::UnorderedCourier,
            said: Statement { text: Some(said), ..Statement::default() },
            handles: Vec::new(),
            reporter: Some(door.buyer.clone()),
            asked: Some(asked),
            receipt: None,
        };
        self.put_report(scope, form).await?;
        metrics::counter!("tabir_couriers_unexpected_total").increment(1);
        tracing::error!(marketplace = %scope.marketplace(), report = %id, "a courier stands at a door whom nobody sent");
        Ok(id)
    }
}

/// Made of the id, so that they lie nowhere: whoever has not the marketplace's key guesses one of ten thousand, once.
fn view(market: &Market, row: PickupRow) -> PickupView {
    let parts = [&b"pick-up digits 1"[..], row.conversation.as_str().as_bytes(), row.id.as_str().as_bytes()];
    let print = market.key.fingerprint(parts.into_iter());
    let [a, b, c, d, ..] = print;
    // Of four octets, so that no digits are likelier than others by more than a millionth.
    let code = format!("{:04}", u32::from_be_bytes([a, b, c, d]) % 10_000);
    PickupView { row, code }
}

const LONGEST: crate::model::Duration = crate::model::Duration::days(14);
const FURTHEST: crate::model::Duration = crate::model::Duration::days(90);
const HOUR: i64 = 3_600_000;
/// Of the last look-ups of an address, any tells which conversation it was.
const LOOKED_BACK: usize = 20;
