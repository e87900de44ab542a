//! Everything a person or a program asks beside the way of a message: one file a use case.
//!
//! - [`parties`], [`agents`], [`orders`], [`conversations`]: who talks with whom about what.
//! - [`handles`], [`pickups`], [`registrations`], [`reviews`], [`blocks`], [`fear`]: what a side may ask for at any time.
//! - [`messages`], [`held`]: what was said, as a side sees it, and what waits for a person.
//! - [`events`], [`webhooks`], [`evidence`]: what happened, told at once, and proven later.
//! - [`cases`], [`rulings`], [`reports`], [`voice`]: disputes, what happened outside, and what support says.
//! - [`violations`], [`appeals`], [`tickets`], [`standing`], [`links`]: rules that were broken, and what follows for whom.
//! - [`disclosures`], [`access`], [`rights`], [`person`], [`kept`], [`incident`]: who sees whose data, and what a person may
//!   ask for.
//! - [`tokens`], [`marketplaces`], [`answers`]: tenants, credentials, repeated requests.
//! - [`scrub`], [`reseal`]: cleaning a text for nobody in particular; care of the keys.
//!
//! # Security
//! Imports `model`, `policy`, `vault`, `store`, `evidence`, `detect`, `sandbox`. Parses no bytes
//! that came over the network: it is handed forms. Unmasks through the vault and only where a
//! use case says so: [`Desk::redeem`] gives an address to a carrier, [`Desk::read`] a contact to whom two people
//! answer for, [`Desk::person`] what is held to the person; everything else gives hints.

pub mod access;
pub mod agents;
pub mod answers;
pub mod appeals;
pub mod blocks;
pub mod cases;
pub mod conversations;
pub mod disclosures;
pub mod events;
pub mod evidence;
pub mod fear;
pub mod handles;
pub mod held;
pub mod incident;
pub mod kept;
pub mod links;
pub mod marketplaces;
pub mod messages;
mod names;
pub mod orders;
pub mod parties;
pub mod person;
pub mod pickups;
pub mod registrations;
pub mod reports;
pub mod reseal;
pub mod reviews;
pub mod rights;
pub mod rulings;
pub mod scrub;
pub mod standing;
pub mod tickets;
pub mod tokens;
pub mod violations;
pub mod voice;
pub mod webhooks;

use std::{fmt, sync::Arc};

use dashmap::DashMap;

use crate::{
    detect::Detect,
    model::{Clock, ConversationId, EntryKind, EventId, Fault, Marketplace, PartyId, Scope, Side, Timestamp},
    policy::rules::MarketRules,
    store::{NewEntry, Store},
    vault::{DataKey, Place, Vault},
};
pub use crate::{
    policy::rights::{Need, Standing as RequestStanding},
    store::{AccessFilter, AccessRow, AnchorRow, GlassRow, HoldRow},
};
pub use crate::{
    policy::{
        contact::{SideStanding, Standing},
        response::{Response, Share, Waiting},
        strikes::Weight,
    },
    store::{
        ConversationFilter, ConversationRow, Deliver, DisclosureRow, EventRow, Forgotten, HandleKind, Idempotency,
        LinkFilter, RestrictionRow, SanctionRow, TokenRow, TokenScope, ViolationFilter, ViolationRow, ViolationState,
    },
};

/// Where everything beside the way is asked.
pub struct Desk {
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
    rules: RulesOf,
    detect: DetectNow,
    markets: DashMap<Marketplace, Arc<Market>>,
    /// Who read whose data in this hour, and how often since it was last written down.
    glances: DashMap<access::Glance, u64>,
    /// Whether people are texted.
    texts: bool,
    /// Between whom conversations are that were lately asked about: that never changes.
    sides: DashMap<(Marketplace, ConversationId), (PartyId, PartyId)>,
}

/// The rules of a marketplace as they are now: settings may be replaced while in use.
pub type RulesOf = Arc<dyn Fn(&Marketplace) -> Arc<MarketRules> + Send + Sync>;

/// The detectors as they are now: their rules may be replaced while in use.
pub type DetectNow = Arc<dyn Fn() -> Arc<Detect> + Send + Sync>;

/// Why the desk does not do what it was asked.
#[derive(Debug)]
pub enum Declined {
    /// There is no such thing, or not for this marketplace.
    NotFound,
    /// What was asked for is wrong in one field.
    Wrong(Wrong),
    /// One field reads well, and what it says does not fit what is here or in the form.
    Unfit(Wrong),
    /// It was there with another buyer or seller.
    OtherParties,
    /// The person had the use of their data restricted.
    Restricted,
    /// We failed.
    Fault(Fault),
}

/// What is wrong with a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// In which field.
    pub field: &'static str,
    /// Which one of a list.
    pub index: Option<usize>,
    /// Which field of that one.
    pub inner: Option<&'static str>,
    /// Why, in words that quote nothing.
    pub why: &'static str,
}

impl Wrong {
    /// A field is wrong.
    pub fn field(field: &'static str, why: &'static str) -> Declined {
        Declined::Wrong(Self { field, index: None, inner: None, why })
    }

    /// One of a list is wrong.
    pub fn at(field: &'static str, index: usize, why: &'static str) -> Declined {
        Declined::Wrong(Self { field, index: Some(index), inner: None, why })
    }

    /// A field does not fit what is here.
    pub fn unfit(field: &'static str, why: &'static str) -> Declined {
        Declined::Unfit(Self { field, index: None, inner: None, why })
    }

    /// One of a list, or a field of it, does not fit.
    pub fn unfit_at(field: &'static str, index: usize, inner: Option<&'static str>, why: &'static str) -> Declined {
        Declined::Unfit(Self { field, index: Some(index), inner, why })
    }

    /// The field at fault, such as `emails[1]` or `items[0].shipped`.
    pub fn path(&self) -> String {
        let index = self.index.map(|n| format!("[{n}]")).unwrap_or_default();
        let inner = self.inner.map(|inner| format!(".{inner}")).unwrap_or_default();
        format!("{}{index}{inner}", self.field)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path(), self.why)
    }
}

impl From<Fault> for Declined {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Desk {
    /// Opens the desk.
    pub fn new(
        store: Arc<dyn Store>,
        vault: Arc<Vault>,
        clock: Arc<dyn Clock>,
        rules: RulesOf,
        detect: DetectNow,
    ) -> Self {
        Self {
            store,
            vault,
            clock,
            rules,
            detect,
            markets: DashMap::new(),
            glances: DashMap::new(),
            texts: false,
            sides: DashMap::new(),
        }
    }

    /// People are texted here: conversations may have no other way to a side.
    #[must_use]
    pub fn with_texts(self, texts: bool) -> Self {
        Self { texts, ..self }
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether the store can write now.
    ///
    /// # Errors
    /// When it can not.
    pub async fn probe(&self) -> Result<(), Fault> {
        self.store.probe().await
    }

    fn rules(&self, scope: &Scope) -> Arc<MarketRules> {
        (self.rules)(scope.marketplace())
    }

    fn draw_id(&self, now: Timestamp) -> Result<EventId, Fault> {
        EventId::draw(now, self.vault.luck())
    }

    /// The marketplace with its key opened. A data key never changes, only its wrapping does,
    /// so that what was opened once stays true.
    async fn market(&self, scope: &Scope) -> Result<Arc<Market>, Fault> {
        let name = scope.marketplace();
        if let Some(market) = self.markets.get(name) {
            return Ok(Arc::clone(&market));
        }
        let rows = self.store.marketplaces().await?;
        let row = rows
            .into_iter()
            .find(|row| row.name == *name)
            .ok_or_else(|| Fault::plain("looking for a marketplace that was proven"))?;
        let key = self.vault.unwrap(&row.key, &Place::marketplace_key(name))?;
        let market = Arc::new(Market { name: row.name.clone(), domain: row.domain, key });
        self.markets.insert(row.name, Arc::clone(&market));
        Ok(market)
    }
}

/// A marketplace with its key opened.
struct Market {
    name: Marketplace,
    domain: String,
    key: DataKey,
}

/// An evidence entry without a private part.
fn entry(at: Timestamp, kind: EntryKind, by: Option<Side>, facts: impl Into<String>) -> NewEntry {
    NewEntry { at, kind, by, message: None, facts: facts.into(), private: None }
}
