//! Where an address leads.

use super::{Smtp, command::Mailbox, reply, settings::MailSettings};
use crate::{
    model::{AgentId, Fault, Scope},
    relay::{Route, Sender, Speaker},
};

/// Whom a message is for.
pub(super) enum Recipient {
    /// A handle; how somebody has logged in, and which agent that was.
    Handle { route: Route, local: String, login: Option<&'static str>, agent: Option<AgentId> },
    /// An envelope sender of ours, to which a report comes back.
    Bounce { local: String },
    /// Whoever runs the house, at an address elsewhere.
    Postmaster { address: String },
    /// A buyer, by a handle given to somebody else than the seller.
    Registration { route: Route, local: String },
    /// The marketplace, of what happened outside.
    Report { scope: Scope, local: String },
}

/// By what a client is known.
#[derive(Clone, Copy, Default)]
pub(super) struct By<'a> {
    /// It has logged in.
    pub(super) speaker: Option<&'a Speaker>,
    /// SHA-256 of the certificate that it has shown.
    pub(super) certificate: Option<[u8; 32]>,
}

impl Smtp {
    /// The same steps for every address of ours, whatever it is.
    pub(super) async fn find(
        &self,
        settings: &MailSettings,
        mailbox: Mailbox<'_>,
        by: By<'_>,
    ) -> Result<Recipient, reply::Reply> {
        let fault = |fault| reply::of_fault(&fault);
        let Ok(domain) = idna::domain_to_ascii(mailbox.domain) else { return Err(reply::NO_RELAY.into()) };
        if let Some(recipient) = self.postmaster(settings, mailbox.local, &domain).await.map_err(fault)? {
            return Ok(recipient);
        }
        if mailbox.domain.is_empty() {
            return Err(reply::NO_SUCH_ADDRESS.into());
        }
        if !self.relay.is_our_domain(&domain).await.map_err(fault)? {
            return Err(reply::NO_RELAY.into());
        }
        if settings.takes_reports(mailbox.local)
            && let Some(scope) = self.relay.scope_of(&domain).await.map_err(fault)?
        {
            return Ok(Recipient::Report { scope, local: mailbox.local.to_owned() });
        }
        if self.relay.is_bounce_address(mailbox.local) {
            return Ok(Recipient::Bounce { local: mailbox.local.to_owned() });
        }
        let Some(route) = self.relay.route(mailbox.local, &domain).await.map_err(fault)? else {
            return Err(reply::NO_SUCH_ADDRESS.into());
        };
        if route.registration {
            return Ok(Recipient::Registration { route, local: mailbox.local.to_owned() });
        }
        let certified = match (by.speaker, by.certificate) {
            (None, Some(shown)) => self.relay.certified(&route, shown).await.map_err(fault)?,
            _ => None,
        };
        let (login, agent) = match (by.speaker, &certified) {
            (Some(speaker), _) => (Some("auth=login"), self.agent(&route, speaker).await?),
            (None, Some(speaker)) => (Some("auth=certificate"), self.agent(&route, speaker).await?),
            (None, None) => (None, None),
        };
        Ok(Recipient::Handle { route, local: mailbox.local.to_owned(), login, agent })
    }

    /// Who has logged in hears at once what the contact policy says.
    async fn agent(&self, route: &Route, speaker: &Speaker) -> Result<Option<AgentId>, reply::Reply> {
        let fault = |fault| reply::of_fault(&fault);
        let Some(known) = self.relay.recognise(route, &Sender::Login(speaker)).await.map_err(fault)? else {
            return Err(reply::NO_SUCH_ADDRESS.into());
        };
        match self.relay.may_write(route).await.map_err(fault)? {
            Some(refusal) => Err(reply::of_refusal(&refusal)),
            None => Ok(known),
        }
    }

    /// RFC 5321 §4.5.1: with our domains, with our host's name, and without any domain.
    async fn postmaster(&self, settings: &MailSettings, local: &str, domain: &str) -> Result<Option<Recipient>, Fault> {
        let Some(address) = settings.postmaster.as_ref().filter(|_| local.eq_ignore_ascii_case("postmaster")) else {
            return Ok(None);
        };
        let ours = domain.is_empty()
            || domain.eq_ignore_ascii_case(&settings.hostname)
            || self.relay.is_our_domain(domain).await?;
        Ok(ours.then(|| Recipient::Postmaster { address: address.clone() }))
    }
}
