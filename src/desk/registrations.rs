//! Handles that a buyer gives to somebody else than the seller: for a warranty card, an app, a newsletter. Who writes to
//! one first is asked about; what comes from a domain that may is passed on as a letter, which the seller never sees.

use crate::{
    model::{
        ConversationId, DomainState, EntryKind, Fault, Handle, HandleHash, MOST_DOMAINS, Registration, Scope, Side,
        Timestamp,
    },
    store::{HandleKind, NewHandle, NewRegistration, RegistrationChange, RegistrationRow},
    vault::Place,
};

use super::{Declined, Desk, Market, Wrong, entry, parties::fits};

/// A registration handle as it is.
#[derive(Clone, Debug)]
pub struct RegistrationView {
    /// Its mail address.
    pub address: String,
    /// In which conversation.
    pub conversation: ConversationId,
    /// What it is for, and who wrote or may.
    pub facts: Registration,
    /// When it was drawn.
    pub created: Timestamp,
    /// When it was closed.
    pub closed: Option<Timestamp>,
}

impl Desk {
    /// Draws a handle for somebody else than the seller; `domains` may write at once.
    ///
    /// # Errors
    /// When there is no such conversation, a field is wrong, there are too many, or by a fault.
    pub async fn draw_registration(
        &self,
        scope: &Scope,
        id: &ConversationId,
        label: &str,
        domains: &[String],
    ) -> Result<RegistrationView, Declined> {
        if !fits(label, 64) {
            return Err(Wrong::field("label", "1 to 64 characters without control characters"));
        }
        if domains.len() > MOST_DOMAINS {
            return Err(Wrong::field("domains", "at most 20"));
        }
        let (now, market) = (self.now(), self.market(scope).await?);
        let mut facts = Registration { label: label.trim().to_owned(), domains: Vec::new() };
        for domain in domains {
            facts.say(&read_domain(domain, "domains")?, DomainState::Allowed, now);
        }
        let (handle, sealed) = self.vault.mint(&market.key, &market.name)?;
        let hash = handle.hash();
        let new = NewRegistration {
            conversation: id.clone(),
            handle: NewHandle { hash, stands_for: Side::Buyer, kind: HandleKind::Registration, sealed, created: now },
            sealed: seal(&market, hash, &facts)?,
            entry: entry(now, EntryKind::RegistrationDrawn, Some(Side::Buyer), ""),
        };
        match self.store.put_registration(scope, new, MOST_OPEN).await? {
            None => Err(Declined::NotFound),
            Some(false) => {
                Err(Wrong::unfit("label", "this conversation has 20 of them that are open: close one first"))
            }
            Some(true) => self.registration(scope, &handle.to_string()).await,
        }
    }

    /// The registration handles of a conversation, oldest first.
    ///
    /// # Errors
    /// When there is no such conversation, or by a fault.
    pub async fn registrations(&self, scope: &Scope, id: &ConversationId) -> Result<Vec<RegistrationView>, Declined> {
        self.row(scope, id).await?;
        let market = self.market(scope).await?;
        let rows = self.store.registrations(scope, id).await?;
        rows.into_iter().map(|row| Ok(self.registration_view(&market, row)?)).collect()
    }

    /// One of them, by its text or address.
    ///
    /// # Errors
    /// When there is none, or by a fault.
    pub async fn registration(&self, scope: &Scope, text: &str) -> Result<RegistrationView, Declined> {
        let row = self.find_registration(scope, text).await?;
        Ok(self.registration_view(&*self.market(scope).await?, row)?)
    }

    /// Says whether a domain may write to one.
    ///
    /// # Errors
    /// When there is none that is open, a field is wrong, or by a fault.
    pub async fn answer_registration(
        &self,
        scope: &Scope,
        text: &str,
        domain: &str,
        may: bool,
    ) -> Result<RegistrationView, Declined> {
        let domain = read_domain(domain, "domain")?;
        let may = if may { DomainState::Allowed } else { DomainState::Refused };
        let row = self.find_registration(scope, text).await?;
        if row.handle.shut.is_some() {
            return Err(Declined::NotFound);
        }
        let (now, market) = (self.now(), self.market(scope).await?);
        let hash = row.handle.hash;
        let mut facts = open(&market, &row)?;
        if facts.said_of(&domain) == Some(may) {
            return Ok(self.registration_view(&market, row)?);
        }
        if !facts.say(&domain, may, now) {
            return Err(Wrong::unfit("domain", "this handle knows 20 domains: draw another one"));
        }
        let said = if may == DomainState::Allowed { "allowed" } else { "refused" };
        let change = RegistrationChange {
            hash,
            version: row.version,
            sealed: seal(&market, hash, &facts)?,
            entry: entry(now, EntryKind::RegistrationAnswered, Some(Side::Buyer), format!("may={said}")),
        };
        match self.store.change_registration(scope, change).await? {
            true => self.registration(scope, text).await,
            false => Err(Wrong::unfit("domain", "somebody changed this handle at the same time: ask again")),
        }
    }

    /// Closes one for good: what comes to it is refused as what comes to any handle that is not there.
    ///
    /// # Errors
    /// When there is none that is open, or by a fault.
    pub async fn close_registration(&self, scope: &Scope, text: &str) -> Result<(), Declined> {
        let hash = read(text).ok_or(Declined::NotFound)?;
        let now = self.now();
        let entry = entry(now, EntryKind::RegistrationClosed, Some(Side::Buyer), "");
        match self.store.close_registration(scope, hash, now, entry).await? {
            true => Ok(()),
            false => Err(Declined::NotFound),
        }
    }

    async fn find_registration(&self, scope: &Scope, text: &str) -> Result<RegistrationRow, Declined> {
        let hash = read(text).ok_or(Declined::NotFound)?;
        self.store.registration(scope, hash).await?.ok_or(Declined::NotFound)
    }

    fn registration_view(&self, market: &Market, row: RegistrationRow) -> Result<RegistrationView, Fault> {
        let facts = open(market, &row)?;
        let handle = row.handle;
        let text = self.vault.read_handle(&market.key, &market.name, &handle.hash, &handle.sealed)?;
        Ok(RegistrationView {
            address: format!("{text}@{}", market.domain),
            conversation: handle.conversation,
            facts,
            created: handle.created,
            closed: handle.shut,
        })
    }
}

fn read(text: &str) -> Option<HandleHash> {
    text.split('@').next().unwrap_or(text).parse::<Handle>().ok().map(|handle| handle.hash())
}

fn seal(market: &Market, hash: HandleHash, facts: &Registration) -> Result<Vec<u8>, Fault> {
    let json = serde_json::to_vec(facts).map_err(|e| Fault::new("writing a registration", e))?;
    market.key.seal(&Place::registration(&market.name, &hash.0), &json)
}

fn open(market: &Market, row: &RegistrationRow) -> Result<Registration, Fault> {
    let json = market.key.open(&Place::registration(&market.name, &row.handle.hash.0), &row.sealed)?;
    serde_json::from_slice(&json).map_err(|e| Fault::new("reading a registration", e))
}

/// A host's name in small ASCII letters: an international one as DNS spells it.
fn read_domain(text: &str, field: &'static str) -> Result<String, Declined> {
    let label =
        |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
    let domain = text.trim().trim_end_matches('.').to_ascii_lowercase();
    if domain.len() > 253 || !domain.contains('.') || !domain.split('.').all(label) {
        return Err(Wrong::field(field, "not a domain such as brand.example"));
    }
    Ok(domain)
}

/// In one conversation, open at one time.
const MOST_OPEN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RegistrationDomain;

    #[test]
    fn a_domain_is_read_as_dns_spells_it_and_nothing_else_is_one() {
        for (text, read) in
            [("Brand.example.", Some("brand.example")), (" xn--bcher-kva.example ", Some("xn--bcher-kva.example"))]
        {
            assert_eq!(read_domain(text, "domain").ok().as_deref(), read, "{text}");
        }
        for text in ["brand", "ratna@brand.example", "https://brand.example", "a..example", "büch.example", ""] {
            assert!(read_domain(text, "domain").is_err(), "{text}");
        }
    }

    #[test]
    fn what_was_said_of_a_domain_stands_until_something_else_is_said() {
        let mut facts = Registration::default();
        assert!(facts.say("brand.example", DomainState::Asked, Timestamp(1)));
        assert!(!facts.say("brand.example", DomainState::Asked, Timestamp(2)));
        assert!(facts.say("brand.example", DomainState::Allowed, Timestamp(3)));
        let said =
            RegistrationDomain { domain: "brand.example".to_owned(), may: DomainState::Allowed, since: Timestamp(3) };
        assert_eq!(facts.domains, [said]);
        for n in 1..MOST_DOMAINS {
            assert!(facts.say(&format!("d{n}.example"), DomainState::Asked, Timestamp(4)));
        }
        assert!(!facts.say("one-more.example", DomainState::Asked, Timestamp(5)), "nobody fills it up without end");
    }
}
