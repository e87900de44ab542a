//! Who reads what the house itself writes into a conversation. The other side may be gone: whoever is left is still
//! told, and what is remembered of the two is cut out as it is from messages.

use std::sync::Arc;

use super::{Relay, scrub::Setting};
use crate::{
    detect::Context,
    model::{Channel, ConversationId, Fault, Profile, Scope, Side, Timestamp},
    policy::rules::MarketRules,
    store::{Scene, SealedProfile},
    vault::DataKey,
};

/// A side that reads, opened.
pub(super) struct Listener {
    pub(super) at: Timestamp,
    pub(super) rules: Arc<MarketRules>,
    /// Data key of what this side is to read.
    pub(super) key: Arc<DataKey>,
    /// What a text to it is read with.
    pub(super) context: Context,
    /// By mail where the reader has it and wants it, since that proves itself; else by the API.
    pub(super) channel: Channel,
}

impl Listener {
    /// The language of what the reader is shown.
    pub(super) fn locale(&self) -> Option<&str> {
        self.context.reader.as_deref()
    }
}

impl Relay {
    /// One side of a conversation, opened; `None`: there is no such conversation, or that side was erased.
    pub(super) async fn listener(
        &self,
        scope: &Scope,
        id: &ConversationId,
        to: Side,
    ) -> Result<Option<Listener>, Fault> {
        let (at, from) = (self.clock.now(), to.other());
        let market = self.market(scope.marketplace()).await?;
        let Some(scene) = self.store.scene(scope, id, from, at).await? else { return Ok(None) };
        let Scene { conversation, buyer, seller, .. } = scene;
        // A side whose key was shredded is somebody else's by now, whatever the party's id.
        let open = |side: Side, sealed: Option<SealedProfile>| {
            let whole = sealed.filter(|_| conversation.key(side).is_some());
            whole.map(|sealed| self.opened(scope, &conversation, side, &sealed)).transpose()
        };
        let (buyer, seller) = (open(Side::Buyer, buyer)?, open(Side::Seller, seller)?);
        let (reader, author) = if to == Side::Buyer { (buyer, seller) } else { (seller, buyer) };
        let (Some(reader), Some(key)) = (reader, self.side_key(scope, &conversation, to)?) else { return Ok(None) };
        if author.is_none() {
            self.forget(scope, &conversation);
        }
        let rules = self.rules.load().book.of(scope.marketplace());
        let wanted = match to {
            Side::Buyer => &conversation.deliver.buyer,
            Side::Seller => &conversation.deliver.seller,
        };
        let channel = channel(wanted.as_deref(), &reader);
        let setting = Setting {
            scope,
            market: &market,
            rules: &rules,
            conversation: &conversation,
            from,
            author: author.as_deref(),
            reader: Some(&reader),
            guarded: true,
        };
        let context = setting.context();
        Ok(Some(Listener { at, key, context, channel, rules }))
    }
}

fn channel(wanted: Option<&[Channel]>, reader: &Profile) -> Channel {
    let by_mail = wanted.is_none_or(|ways| ways.contains(&Channel::Mail));
    if by_mail && !reader.emails.is_empty() { Channel::Mail } else { Channel::Api }
}
