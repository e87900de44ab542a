//! What a message's way needs to know of its conversation, opened once.

use std::sync::Arc;

use super::Relay;
use crate::{
    media::{Removed, footer::Footer},
    model::{
        AgentId, Approach, Channel, Fault, Form, Marketplace, PairState, Profile, Purpose, Scope, Side, Timestamp,
    },
    policy::rules::MarketRules,
    store::{ConversationRow, HandleRow, Idempotency, WindowRow},
    vault::{DataKey, Place},
};

/// A marketplace, opened.
pub(super) struct Market {
    pub(super) domain: String,
    pub(super) key: DataKey,
}

/// Whether a message is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// It is sent.
    Real,
    /// Its sender asks what would become of it. What the vault knows of people is left out of
    /// the answer, or guessing would be free.
    Dry,
}

/// One message's conversation, opened.
pub(super) struct Talk {
    pub(super) run: Run,
    pub(super) scope: Scope,
    pub(super) market: Arc<Market>,
    pub(super) rules: Arc<MarketRules>,
    pub(super) conversation: ConversationRow,
    pub(super) from: Side,
    pub(super) agent: Option<AgentId>,
    pub(super) channel: Channel,
    pub(super) purpose: Purpose,
    /// In which form it is written: the contact policy looks at it.
    pub(super) form: Form,
    pub(super) proof: String,
    pub(super) removed: Vec<Removed>,
    /// Its header names somebody who is not part of the conversation.
    pub(super) outsider: bool,
    pub(super) idempotency: Option<Idempotency>,
    pub(super) at: Timestamp,
    /// Data key of what this side writes.
    pub(super) key: Arc<DataKey>,
    pub(super) author: Arc<Profile>,
    pub(super) reader: Arc<Profile>,
    /// The state of contact when the message came; `record` judges again.
    pub(super) pair: PairState,
    /// The detection window when the message came.
    pub(super) window: WindowRow,
    /// The handle that its author writes under, unless it has grown old.
    pub(super) handle: Option<HandleRow>,
}

impl Talk {
    pub(super) fn marketplace(&self) -> &Marketplace {
        self.scope.marketplace()
    }

    /// What the contact policy sees of the message beside the pair.
    pub(super) fn approach(&self) -> Approach {
        Approach { from: self.from, form: self.form }
    }

    /// The language of what the reader is shown.
    pub(super) fn reader_locale(&self) -> Option<&str> {
        self.reader.locale.as_deref().or(self.rules.locale.as_deref())
    }

    /// What stands under mails here, if anything does.
    pub(super) fn footer(&self) -> Option<Footer> {
        Footer::new(self.known_as(), &self.rules.footer.report)
    }

    /// The name that support writes under here.
    pub(super) fn mark(&self) -> String {
        self.rules.voice.mark(self.known_as())
    }

    /// The marketplace as people know it.
    pub(super) fn known_as(&self) -> &str {
        let name = &self.rules.footer.name;
        if name.is_empty() { self.marketplace().as_str() } else { name }
    }

    /// The ways to the reader: as the conversation says, else by the way the message came.
    pub(super) fn ways(&self) -> Vec<Channel> {
        let wanted = match self.from.other() {
            Side::Buyer => &self.conversation.deliver.buyer,
            Side::Seller => &self.conversation.deliver.seller,
        };
        // Who has no phone is not texted back.
        let back =
            if self.channel == Channel::Sms && self.reader.phones.is_empty() { Channel::Mail } else { self.channel };
        if self.channel == Channel::Voice {
            // It rings; the record of it is shown by the API.
            return vec![Channel::Api];
        }
        wanted.clone().unwrap_or_else(|| vec![back])
    }
}

impl Relay {
    /// A marketplace with its key open.
    pub(super) async fn market(&self, name: &Marketplace) -> Result<Arc<Market>, Fault> {
        if let Some(market) = self.markets.get(name) {
            return Ok(Arc::clone(&market));
        }
        for row in self.store.marketplaces().await? {
            let key = self.vault.unwrap(&row.key, &Place::marketplace_key(&row.name))?;
            self.markets.insert(row.name, Arc::new(Market { domain: row.domain, key }));
        }
        let market = self.markets.get(name).map(|m| Arc::clone(&m));
        market.ok_or_else(|| Fault::plain("looking for a marketplace"))
    }
}
