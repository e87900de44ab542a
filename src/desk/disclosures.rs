//! Real contacts that leave the vault for somebody's eyes: a carrier's redemption of a handle, and a request that one
//! member of staff makes and another approves. Each reading is a record; there is no way to ask for many.

use serde::{Deserialize, Serialize};

use super::{Declined, Desk, Wrong, entry, parties::fits};
use crate::{
    model::{ConversationId, EntryKind, EventId, Fault, PartyId, PostalAddress, Scope, Secret, Timestamp},
    policy::{
        contact::Budget,
        rights::{DisclosureRules, Need, Standing},
    },
    store::{Alarm, Approval, DisclosureRow, GlassRow},
    vault::Place,
};

/// A request to see a contact.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Whose contact.
    pub party: &'a PartyId,
    /// In which conversation, if it is about one.
    pub conversation: Option<ConversationId>,
    /// For what.
    pub need: Need,
    /// A case, or the marketplace's own word.
    pub reference: Option<&'a str>,
    /// What of it.
    pub fields: Vec<ContactField>,
    /// Who asks: the marketplace's id of its staff.
    pub actor: &'a str,
    /// With which token.
    pub token: EventId,
    /// For how long.
    pub minutes: u32,
    /// The person is told not before this, and why.
    pub delay: Option<(Timestamp, &'a str)>,
}

/// A part of a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactField {
    /// Postal addresses.
    Addresses,
    /// Mail addresses.
    Emails,
    /// Real names.
    Names,
    /// Phone numbers.
    Phones,
}

impl ContactField {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Addresses => "addresses",
            Self::Emails => "emails",
            Self::Names => "names",
            Self::Phones => "phones",
        }
    }
}

/// A contact, for the eyes of who asked.
pub struct Disclosed {
    /// Real names, if they were asked for.
    pub names: Option<Secret<Vec<String>>>,
    /// Mail addresses.
    pub emails: Option<Secret<Vec<String>>>,
    /// Phone numbers.
    pub phones: Option<Secret<Vec<String>>>,
    /// Postal addresses.
    pub addresses: Option<Secret<Vec<PostalAddress>>>,
}

impl Desk {
    /// Keeps a request until a second person looks at it.
    ///
    /// # Errors
    /// When there is no such party, a field is wrong, the person's data are restricted, or by a fault.
    pub async fn ask(&self, scope: &Scope, request: Request<'_>) -> Result<(GlassRow, Standing), Declined> {
        let rules = self.rules(scope).disclosures;
        check(&request, &rules, self.now())?;
        self.check_restriction(scope, request.party, request.need).await?;
        let now = self.now();
        let id = self.draw_id(now)?;
        let market = self.market(scope).await?;
        let sealed = |why: &str| market.key.seal(&Place::delay(&market.name, &id), why.as_bytes());
        let row = GlassRow {
            id,
            party: request.party.clone(),
            conversation: request.conversation,
            purpose: request.need.as_str().to_owned(),
            reference: request.reference.map(str::to_owned),
            fields: request.fields.iter().map(|field| field.as_str()).collect::<Vec<_>>().join(","),
            actor: request.actor.to_owned(),
            token: request.token,
            asked: now,
            minutes: request.minutes,
            approved: None,
            notice_due: request.delay.map(|(until, _)| until),
            noticed: None,
            delay: request.delay.map(|(_, why)| sealed(why)).transpose()?,
        };
        let facts = facts(&row, &format!("actor={} minutes={}", row.actor, row.minutes));
        let entry = entry(now, EntryKind::DisclosureRequested, None, facts);
        if !self.store.ask(scope, row.clone(), entry).await? {
            return Err(Declined::NotFound);
        }
        Ok((row, Standing::Pending))
    }

    /// A second person's word: from now on the contact may be read by who asked.
    ///
    /// # Errors
    /// When there is no such request, it is not pending, the actor is who asked, or by a fault.
    pub async fn approve(
        &self,
        scope: &Scope,
        id: EventId,
        actor: &str,
        token: EventId,
    ) -> Result<(GlassRow, Standing), Declined> {
        let rules = self.rules(scope).disclosures;
        let (row, standing) = self.request(scope, id).await?;
        check_actor(actor)?;
        // Names are compared as people read them.
        if row.actor.eq_ignore_ascii_case(actor) {
            return Err(Wrong::unfit("actor", "who asked can not approve"));
        }
        if rules.two_tokens && row.token == token {
            return Err(Wrong::unfit("actor", "the token that asked can not approve"));
        }
        if standing != Standing::Pending {
            return Err(Wrong::unfit("id", "the request is not pending"));
        }
        let now = self.now();
        let minutes = i64::from(row.minutes) * 60_000;
        let approval = Approval {
            id,
            actor: actor.to_owned(),
            at: now,
            until: Timestamp(now.0 + minutes),
            notice_due: now,
            entry: entry(now, EntryKind::DisclosureApproved, None, facts(&row, &format!("actor={actor}"))),
        };
        if !self.store.approve(scope, approval).await? {
            return Err(Wrong::unfit("id", "the request is not pending"));
        }
        self.request(scope, id).await
    }

    /// A request, and where it stands.
    ///
    /// # Errors
    /// When there is none, or by a fault.
    pub async fn request(&self, scope: &Scope, id: EventId) -> Result<(GlassRow, Standing), Declined> {
        let row = self.store.glass(scope, id).await?.ok_or(Declined::NotFound)?;
        let standing = self.request_standing(scope, &row);
        Ok((row, standing))
    }

    fn request_standing(&self, scope: &Scope, row: &GlassRow) -> Standing {
        let until = row.approved.as_ref().map(|(_, _, until)| *until);
        Standing::of(row.asked, until, &self.rules(scope).disclosures, self.now())
    }

    /// Requests about a person, newest first.
    ///
    /// # Errors
    /// By a fault.
    pub async fn requests(&self, scope: &Scope, party: &PartyId) -> Result<Vec<(GlassRow, Standing)>, Declined> {
        let rows = self.store.glasses(scope, party, REQUESTS).await?;
        Ok(rows.into_iter().map(|row| (self.request_standing(scope, &row), row)).map(|(s, row)| (row, s)).collect())
    }

    /// The contact, for the token that asked and as long as it is open. The reading is recorded before it is shown.
    ///
    /// # Errors
    /// When there is no such request, it is not open, another token asked, or by a fault.
    pub async fn read(&self, scope: &Scope, id: EventId, token: EventId) -> Result<(GlassRow, Disclosed), Declined> {
        let (row, standing) = self.request(scope, id).await?;
        if row.token != token {
            return Err(Declined::NotFound);
        }
        if standing != Standing::Open {
            return Err(Wrong::unfit("id", "the request is not open"));
        }
        // A person may have had the use of their data restricted since.
        let need = Need::ALL.into_iter().find(|need| need.as_str() == row.purpose);
        let need = need.ok_or_else(|| Fault::plain("reading what a contact was asked for"))?;
        self.check_restriction(scope, &row.party, need).await?;
        let opened = self.open_party(scope, &row.party).await?.ok_or(Declined::NotFound)?;
        let now = self.now();
        let disclosure = DisclosureRow {
            id: self.draw_id(now)?,
            party: row.party.clone(),
            conversation: row.conversation.clone(),
            to: row.actor.clone(),
            purpose: row.purpose.clone(),
            shipment: row.reference.clone().unwrap_or_default(),
            request: Some(id),
            fields: row.fields.clone(),
            at: now,
        };
        let facts = facts(&row, &format!("disclosure={}", disclosure.id));
        let alarm = self.rules(scope).disclosures.alarm;
        self.record_disclosure(scope, disclosure, facts, alarm).await?;
        let asked = |field: ContactField| row.fields.split(',').any(|word| word == field.as_str());
        let profile = opened.profile;
        let disclosed = Disclosed {
            names: asked(ContactField::Names).then(|| Secret::new(profile.names.clone())),
            emails: asked(ContactField::Emails).then(|| Secret::new(profile.emails.clone())),
            phones: asked(ContactField::Phones).then(|| Secret::new(profile.phones.clone())),
            addresses: asked(ContactField::Addresses).then(|| Secret::new(profile.addresses.clone())),
        };
        Ok((row, disclosed))
    }

    /// Writes a disclosure down before it happens, and tells when its reader looks up too many.
    pub(super) async fn record_disclosure(
        &self,
        scope: &Scope,
        row: DisclosureRow,
        facts: String,
        limit: Budget,
    ) -> Result<(), Fault> {
        let now = row.at;
        let by = if row.request.is_some() { "staff" } else { "carrier" };
        let told = format!("by={by} burst={} per={}", limit.burst, limit.per);
        let alarm =
            Alarm { burst: limit.burst, per: limit.per, entry: entry(now, EntryKind::DisclosureAlarm, None, told) };
        metrics::counter!("tabir_disclosures_total", "by" => by).increment(1);
        let record = entry(now, EntryKind::Disclosure, None, facts);
        if self.store.disclose(scope, row, record, alarm).await? {
            metrics::counter!("tabir_disclosure_alarms_total", "by" => by).increment(1);
            tracing::warn!(marketplace = scope.marketplace().as_str(), by, burst = limit.burst, "too many look-ups");
        }
        Ok(())
    }

    /// Whether a contact may be shown although its person had the use of their data restricted.
    async fn check_restriction(&self, scope: &Scope, party: &PartyId, need: Need) -> Result<(), Declined> {
        if need.despite_restriction() || self.store.restriction(scope, party).await?.is_none() {
            return Ok(());
        }
        Err(Declined::Restricted)
    }
}

/// Facts that name nobody: ids and words.
fn facts(row: &GlassRow, more: &str) -> String {
    let about = row.reference.as_deref().map(|case| format!(" case={case}")).unwrap_or_default();
    format!("request={} party={} purpose={} fields={} {more}{about}", row.id, row.party, row.purpose, row.fields)
}

fn check(request: &Request<'_>, rules: &DisclosureRules, now: Timestamp) -> Result<(), Declined> {
    check_actor(request.actor)?;
    if request.reference.is_some_and(|reference| !is_id(reference)) {
        return Err(Wrong::field("case", "not an id: 1 to 64 of A-Z a-z 0-9 . _ : -"));
    }
    let repeats = request.fields.iter().enumerate().any(|(n, field)| request.fields[..n].contains(field));
    if request.fields.is_empty() || repeats {
        return Err(Wrong::field("fields", "one or more of names, emails, phones, addresses, each once"));
    }
    let longest = rules.longest.0 / 60_000;
    if request.minutes == 0 || i64::from(request.minutes) > longest {
        return Err(Wrong::field("minutes", "from 1 to what [disclosures] longest allows"));
    }
    let Some((until, why)) = request.delay else { return Ok(()) };
    if !request.need.may_delay() {
        return Err(Wrong::unfit("delay_notice_until", "for this purpose the person is told at once"));
    }
    if until <= now || until > now.plus(rules.longest_delay) {
        return Err(Wrong::unfit("delay_notice_until", "is past, or later than [disclosures] longest_delay allows"));
    }
    if !fits(why, 500) {
        return Err(Wrong::field("delay_reason", "1 to 500 characters without control characters"));
    }
    Ok(())
}

fn check_actor(actor: &str) -> Result<(), Declined> {
    if is_id(actor) { Ok(()) } else { Err(Wrong::field("actor", "not an id: 1 to 64 of A-Z a-z 0-9 . _ : -")) }
}

/// The marketplace's ids name nobody in clear.
pub(super) fn is_id(text: &str) -> bool {
    text.parse::<PartyId>().is_ok()
}

/// Requests about one person that are listed.
const REQUESTS: usize = 200;
