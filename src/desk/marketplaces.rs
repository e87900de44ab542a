//! Marketplaces: tenants with a mail domain and a key of their own.

use crate::{
    model::{Contact, Fault, Marketplace, Scope},
    store::MarketplaceRow,
    vault::Place,
};

use super::{Declined, Desk, Wrong};

impl Desk {
    /// Adds a marketplace and proves its scope; `None`: the name or the domain is taken.
    ///
    /// # Errors
    /// When the domain is none, or by a fault.
    pub async fn add_marketplace(&self, name: &Marketplace, domain: &str) -> Result<Option<Scope>, Declined> {
        let domain = read_domain(domain).ok_or(Wrong::field("domain", "not a mail domain"))?;
        let (_, key) = self.vault.new_key(&Place::marketplace_key(name))?;
        let row = MarketplaceRow { name: name.clone(), domain, key, created: self.now() };
        let added = self.store.add_marketplace(row).await?;
        Ok(added.then(|| Scope::proven(name.clone())))
    }

    /// All marketplaces with their domains, by name.
    ///
    /// # Errors
    /// By a fault.
    pub async fn marketplaces(&self) -> Result<Vec<(Marketplace, String)>, Fault> {
        Ok(self.store.marketplaces().await?.into_iter().map(|row| (row.name, row.domain)).collect())
    }
}

/// Reads a host as the host of a mail address is read.
fn read_domain(text: &str) -> Option<String> {
    let contact = Contact::email(&format!("x@{text}")).ok()?;
    // A host without a dot is nobody's domain in the DNS.
    contact.value.reveal().split_once('@').map(|(_, domain)| domain.to_owned()).filter(|domain| domain.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_one_as_in_a_mail_address() {
        assert_eq!(read_domain("Relay.Example").as_deref(), Some("relay.example"));
        for bad in ["", "a b", "x@y.example", "-a.example", "a..b"] {
            assert_eq!(read_domain(bad), None, "{bad}");
        }
    }
}
