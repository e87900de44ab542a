//! Sellers that are one: shown to the marketplace and, without the others, to the seller itself; disputed by either, and
//! ruled on by a person.

use crate::{
    model::{EntryKind, EventId, Fault, LinkKind, LinkState, PartyId, Scope, Side, Timestamp},
    store::{Filed, LinkConfirmation, LinkDisputeRow, LinkFilter, LinkRow, LinkRuling, NewLinkDispute},
    vault::Place,
};

use super::{
    Declined, Desk, Wrong,
    appeals::{Heard, check_words, is_same},
    entry,
};

/// A link with what was sealed of it.
#[derive(Clone, Debug)]
pub struct LinkView {
    /// Its id.
    pub id: EventId,
    /// Between whom.
    pub parties: [PartyId; 2],
    /// By what.
    pub kind: LinkKind,
    /// Whether it counts.
    pub state: LinkState,
    /// Since when it was known.
    pub since: Timestamp,
    /// Who confirmed it, and why.
    pub confirmed: Option<(String, String)>,
    /// What was said against it, oldest first.
    pub disputes: Vec<LinkDisputeView>,
}

/// What was said against a link.
#[derive(Clone, Debug)]
pub struct LinkDisputeView {
    /// Its id.
    pub id: EventId,
    /// By which of the two; `None`: by the marketplace.
    pub by: Option<PartyId>,
    /// What was said, and what became of it.
    pub heard: Heard,
}

impl LinkView {
    /// The other of the two.
    pub fn other(&self, party: &PartyId) -> &PartyId {
        if self.parties[0] == *party { &self.parties[1] } else { &self.parties[0] }
    }
}

/// A link of a party, by its id.
#[derive(Clone, Copy)]
pub struct LinkOf<'a> {
    /// One of the two.
    pub party: &'a PartyId,
    /// Which link.
    pub id: EventId,
}

impl Desk {
    /// Links, oldest first.
    ///
    /// # Errors
    /// By a fault.
    pub async fn links(&self, scope: &Scope, filter: LinkFilter) -> Result<Vec<LinkView>, Declined> {
        let mut views = Vec::new();
        for row in self.store.seller_links(scope, filter).await? {
            views.push(self.link_view(scope, row).await?);
        }
        Ok(views)
    }

    /// Who is one with a seller, the seller itself included.
    ///
    /// # Errors
    /// When there is no such party, or by a fault.
    pub async fn one_with(&self, scope: &Scope, party: &PartyId) -> Result<Vec<PartyId>, Declined> {
        Ok(self.store.account(scope, party, Side::Seller).await?.ok_or(Declined::NotFound)?.group)
    }

    /// Says something against a link; the marketplace, or one of the two.
    ///
    /// # Errors
    /// When there is none, it can not be disputed (again), the words are wrong, or by a fault.
    pub async fn dispute_link(
        &self,
        scope: &Scope,
        of: LinkOf<'_>,
        words: &str,
        by: Option<&PartyId>,
    ) -> Result<LinkView, Declined> {
        check_words("text", words)?;
        let row = self.link_of(scope, of).await?;
        // What a person only wonders about, a seller does not know of.
        if by.is_some() && row.state == LinkState::Suggested {
            return Err(Declined::NotFound);
        }
        let now = self.now();
        let id = self.draw_id(now)?;
        let who = by.map_or_else(|| "marketplace".to_owned(), ToString::to_string);
        let facts = format!("link={} dispute={id} kind={} by={who}", row.id, row.kind.as_str());
        let dispute = NewLinkDispute {
            id,
            link: row.id,
            by: by.cloned(),
            at: now,
            words: self.seal_objection(scope, id, by, words).await?,
            times: self.rules(scope).enforcement.appeal.times,
            entry: entry(now, EntryKind::LinkDisputed, None, facts),
        };
        match self.store.dispute_link(scope, dispute).await? {
            Filed::Done(_) => self.link(scope, of).await,
            Filed::Open => Err(Wrong::unfit("link", "a dispute about it is open")),
            Filed::Spent => Err(Wrong::unfit("link", "it was disputed as often as it may be")),
            Filed::Moot => Err(Wrong::unfit("link", "it does not count: there is nothing to dispute")),
        }
    }

    /// Rules on the open dispute of a link. Whoever confirmed the link, or ruled on it before, may not. The reason is told
    /// to the seller that disputed it: nothing that leads to a person may be in it any more.
    ///
    /// # Errors
    /// When none is open, a field is wrong, the person is not another one, or by a fault.
    pub async fn rule_link(
        &self,
        scope: &Scope,
        of: LinkOf<'_>,
        upheld: bool,
        (actor, reason): (&str, &str),
    ) -> Result<LinkView, Declined> {
        let view = self.link(scope, of).await?;
        let open = view.disputes.iter().find(|dispute| dispute.heard.outcome.is_none());
        let open = open.ok_or_else(|| Wrong::unfit("link", "no dispute about it is open"))?;
        if self.deciders(scope, &view).await?.iter().any(|other| is_same(other, actor)) {
            return Err(Wrong::unfit("actor", "decided about this before: a dispute is decided by another person"));
        }
        if view.parties.iter().any(|party| names(reason, party)) {
            return Err(Wrong::unfit("reason", "names a seller by its id, and a seller may read it"));
        }
        let now = self.now();
        let outcome = if upheld { "upheld" } else { "dismissed" };
        let [one, other] = &view.parties;
        let facts = format!("link={} dispute={} outcome={outcome} party={one} other={other}", view.id, open.id);
        let ruling = LinkRuling {
            id: open.id,
            upheld,
            at: now,
            ruling: self.seal_ruling(scope, open.id, actor, reason).await?,
            arbiter: self.arbiter(scope, Side::Seller),
            entry: entry(now, EntryKind::LinkRuled, None, facts),
        };
        if !self.store.rule_link(scope, ruling).await? {
            return Err(Wrong::unfit("link", "no dispute about it is open"));
        }
        self.link(scope, of).await
    }

    /// Who confirmed a link between these two, or ruled on one: what is upheld parts them by all of them.
    async fn deciders(&self, scope: &Scope, view: &LinkView) -> Result<Vec<String>, Declined> {
        let [one, other] = &view.parties;
        let filter = LinkFilter { party: Some(one.clone()), limit: MOST_LINKS, ..LinkFilter::default() };
        let mut deciders = Vec::new();
        for link in self.links(scope, filter).await?.into_iter().filter(|link| link.other(one) == other) {
            deciders.extend(link.confirmed.map(|(actor, _)| actor));
            deciders.extend(link.disputes.into_iter().filter_map(|dispute| dispute.heard.actor));
        }
        Ok(deciders)
    }

    /// A person says that two sellers are one: what was suggested counts from now on, and so does what was parted.
    ///
    /// # Errors
    /// When there is no such link, it counts already, or by a fault.
    pub async fn confirm_link(
        &self,
        scope: &Scope,
        of: LinkOf<'_>,
        (actor, reason): (&str, &str),
    ) -> Result<LinkView, Declined> {
        let row = self.link_of(scope, of).await?;
        let now = self.now();
        let [one, other] = &row.parties;
        let facts = format!("link={} kind={} party={one} other={other}", row.id, row.kind.as_str());
        let confirmation = LinkConfirmation {
            id: row.id,
            at: now,
            ruling: self.seal_ruling(scope, row.id, actor, reason).await?,
            entry: entry(now, EntryKind::LinkConfirmed, None, facts),
        };
        if !self.store.confirm_link(scope, confirmation).await? {
            return Err(Wrong::unfit("link", "it counts already"));
        }
        self.link(scope, of).await
    }

    /// One link of a party.
    ///
    /// # Errors
    /// When there is none, or by a fault.
    pub async fn link(&self, scope: &Scope, of: LinkOf<'_>) -> Result<LinkView, Declined> {
        let row = self.link_of(scope, of).await?;
        Ok(self.link_view(scope, row).await?)
    }

    async fn link_of(&self, scope: &Scope, of: LinkOf<'_>) -> Result<LinkRow, Declined> {
        let row = self.store.seller_link(scope, of.id).await?;
        row.filter(|row| row.parties.contains(of.party)).ok_or(Declined::NotFound)
    }

    async fn link_view(&self, scope: &Scope, row: LinkRow) -> Result<LinkView, Fault> {
        let confirmed = self.open_ruling(scope, row.id, row.ruling.as_deref()).await?;
        let mut disputes = Vec::with_capacity(row.disputes.len());
        for dispute in row.disputes {
            let words = self.open_objection(scope, &dispute).await?;
            let ruling = self.open_ruling(scope, dispute.id, dispute.ruling.as_deref()).await?;
            let heard = Heard::of((dispute.at, words), (dispute.outcome, ruling));
            disputes.push(LinkDisputeView { id: dispute.id, by: dispute.by, heard });
        }
        Ok(LinkView {
            id: row.id,
            parties: row.parties,
            kind: row.kind,
            state: row.state,
            since: row.since,
            confirmed: confirmed.map(|ruling| (ruling.actor, ruling.reason)),
            disputes,
        })
    }

    /// Under the key of whose words they are: an erasure takes them along.
    async fn seal_objection(
        &self,
        scope: &Scope,
        id: EventId,
        by: Option<&PartyId>,
        words: &str,
    ) -> Result<Vec<u8>, Declined> {
        let place = Place::objection(scope.marketplace(), &id);
        match by {
            Some(party) => {
                let opened = self.open_party(scope, party).await?.ok_or(Declined::NotFound)?;
                Ok(opened.key.seal(&place, words.as_bytes())?)
            }
            None => Ok(self.market(scope).await?.key.seal(&place, words.as_bytes())?),
        }
    }

    async fn open_objection(&self, scope: &Scope, row: &LinkDisputeRow) -> Result<Option<String>, Fault> {
        let Some(sealed) = row.words.as_deref() else { return Ok(None) };
        let place = Place::objection(scope.marketplace(), &row.id);
        let words = match &row.by {
            Some(party) => match self.open_party(scope, party).await? {
                // Of who was erased and came again the key is another.
                Some(opened) => opened.key.open(&place, sealed).ok(),
                None => None,
            },
            None => Some(self.market(scope).await?.key.open(&place, sealed)?),
        };
        Ok(words.map(|words| String::from_utf8_lossy(&words).into_owned()))
    }
}

/// Whether a text names a party by its id, as a word of its own.
fn names(text: &str, party: &PartyId) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    text.split(|c| !part(c)).any(|word| word.trim_matches(['.', ':', '-']) == party.as_str() || word == party.as_str())
}

/// More links than a seller has.
const MOST_LINKS: usize = 10_000;
