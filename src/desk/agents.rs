//! Staff of a seller: named in every entry, with a mail address or an SMTP login of their own.

use data_encoding::HEXLOWER_PERMISSIVE;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{
    model::{AgentId, Contact, Fault, PartyId, Scope, Secret},
    store::{AgentRow, IndexTag},
    vault::{Place, draw_password, password_verifier},
};

use super::{
    Declined, Desk, Wrong,
    parties::{hide_email, normalised},
};

/// What is sealed of an agent.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct Staff {
    emails: Vec<String>,
}

/// An agent as put.
#[derive(Clone, Debug)]
pub struct AgentPut {
    /// Whose staff.
    pub party: PartyId,
    /// Its id within the seller.
    pub id: AgentId,
    /// Hints of its addresses.
    pub emails: Vec<String>,
    /// The SMTP user name and its password, told this once.
    pub login: Option<(String, Secret<String>)>,
    /// Whether it is new.
    pub created: bool,
}

/// 64 hexadecimal digits, as `openssl x509 -fingerprint -sha256` prints them or without colons.
fn fingerprint(text: &str) -> Option<[u8; 32]> {
    let bare = text.trim().trim_start_matches("SHA256:").replace(':', "");
    HEXLOWER_PERMISSIVE.decode(bare.as_bytes()).ok()?.try_into().ok()
}

impl Desk {
    /// Creates or replaces an agent. With `smtp` a new password is drawn: an earlier one ends.
    ///
    /// # Errors
    /// When the party is unknown or an address is wrong, or by a fault.
    pub async fn put_agent(
        &self,
        scope: &Scope,
        party: &PartyId,
        id: &AgentId,
        emails: &[String],
        smtp: bool,
    ) -> Result<AgentPut, Declined> {
        if emails.len() > 20 {
            return Err(Wrong::field("emails", "at most 20"));
        }
        let staff = Staff { emails: normalised("emails", emails, Contact::email)? };
        self.check_outside(emails).await?;
        let opened = self.open_party(scope, party).await?.ok_or(Declined::NotFound)?;
        let market = scope.marketplace();
        // A repeated PUT must not take the password away that the shop uses.
        let before = self.store.agent(scope, party, id).await?;
        let created = before.is_none();
        let known = before.and_then(|agent| agent.login).filter(|_| smtp);
        let login = if smtp && known.is_none() { Some(self.draw_login(scope, party, id)?) } else { None };
        let bytes = serde_json::to_vec(&staff).map_err(|e| Fault::new("writing an agent's profile", e))?;
        let row = AgentRow {
            party: party.clone(),
            id: id.clone(),
            profile: opened.key.seal(&Place::agent(market, id), &bytes)?,
            tags: self.tags(scope, &staff),
            login: login.as_ref().map(|(user, _, verifier)| (user.clone(), verifier.clone())).or(known),
            changed: self.now(),
        };
        if !self.store.put_agent(scope, row).await? {
            return Err(Declined::NotFound);
        }
        Ok(AgentPut {
            party: party.clone(),
            id: id.clone(),
            emails: staff.emails.iter().map(|e| hide_email(e)).collect(),
            login: login.map(|(user, password, _)| (user, password)),
            created,
        })
    }

    /// Looks whether these can be an agent's certificates, before anything is drawn for it.
    ///
    /// # Errors
    /// When one is no fingerprint or another agent's, there are too many, or by a fault.
    pub async fn check_certificates(
        &self,
        scope: &Scope,
        party: &PartyId,
        id: &AgentId,
        given: &[String],
    ) -> Result<Vec<[u8; 32]>, Declined> {
        if given.len() > 10 {
            return Err(Wrong::field("certificates", "at most 10"));
        }
        let mut fingerprints = Vec::with_capacity(given.len());
        for (n, text) in given.iter().enumerate() {
            let wrong = || Wrong::at("certificates", n, "not a SHA-256 fingerprint of 64 hexadecimal digits");
            let fingerprint = fingerprint(text).ok_or_else(wrong)?;
            let whose = self.store.agent_by_certificate(scope, fingerprint).await?;
            if whose.is_some_and(|(owner, agent)| owner != *party || agent != *id) {
                return Err(Wrong::unfit_at("certificates", n, None, "is another agent's"));
            }
            fingerprints.push(fingerprint);
        }
        Ok(fingerprints)
    }

    /// Replaces the certificates by which an agent's mail program logs in.
    ///
    /// # Errors
    /// When one is no fingerprint or another agent's, there are too many or no such agent, or by a fault.
    pub async fn put_certificates(
        &self,
        scope: &Scope,
        party: &PartyId,
        id: &AgentId,
        given: &[String],
    ) -> Result<(), Declined> {
        let fingerprints = self.check_certificates(scope, party, id, given).await?;
        if self.store.put_certificates(scope, party, id, fingerprints).await? {
            return Ok(());
        }
        Err(Wrong::unfit("certificates", "one of them is another agent's"))
    }

    /// Looks whether a seller has such an agent: who is named in every entry must be known.
    ///
    /// # Errors
    /// When it has none, or by a fault.
    pub async fn check_agent(&self, scope: &Scope, party: &PartyId, id: &AgentId) -> Result<(), Declined> {
        match self.store.agent(scope, party, id).await? {
            Some(_) => Ok(()),
            None => Err(Wrong::unfit("agent", "this seller has no such agent")),
        }
    }

    /// Takes an agent in without an address or a login, unless it is known: the operator who
    /// names one for a token at the command line thereby enrols it.
    ///
    /// # Errors
    /// By a fault.
    pub async fn enrol_agent(&self, scope: &Scope, party: &PartyId, id: &AgentId) -> Result<(), Declined> {
        let seller = self.store.party(scope, party).await?;
        if seller.is_some() && self.store.agent(scope, party, id).await?.is_none() {
            self.put_agent(scope, party, id, &[], false).await?;
        }
        Ok(())
    }

    /// Indexes an agent again, under the active key.
    pub(super) async fn reindex_agent(&self, scope: &Scope, row: AgentRow) -> Result<(), Fault> {
        let Some(opened) = self.open_party(scope, &row.party).await? else { return Ok(()) };
        let bytes = opened.key.open(&Place::agent(scope.marketplace(), &row.id), &row.profile)?;
        let staff: Staff = serde_json::from_slice(&bytes).map_err(|e| Fault::new("reading an agent's profile", e))?;
        let row = AgentRow { tags: self.tags(scope, &staff), ..row };
        self.store.put_agent(scope, row).await.map(drop)
    }

    fn tags(&self, scope: &Scope, staff: &Staff) -> Vec<IndexTag> {
        let contacts = staff.emails.iter().filter_map(|email| Contact::email(email).ok());
        contacts.map(|contact| self.vault.tag(scope.marketplace(), &contact)).collect()
    }

    /// No id holds a slash, so that two agents never share a user name.
    fn draw_login(
        &self,
        scope: &Scope,
        party: &PartyId,
        id: &AgentId,
    ) -> Result<(String, Secret<String>, Vec<u8>), Fault> {
        let password = draw_password(self.vault.luck())?;
        let verifier = password_verifier(password.reveal(), self.vault.luck())?;
        Ok((format!("{}/{party}/{id}", scope.marketplace()), password, verifier))
    }
}
