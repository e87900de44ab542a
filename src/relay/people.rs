//! The people of a conversation, opened: a bounded memory of it, so that a lively conversation
//! does not open the same seals for each message.
//!
//! What is remembered is compared with the sealed rows each time, so that a change or an erasure
//! holds with the next message, whoever made it. It may be lost at any time.

use std::sync::Arc;

use dashmap::DashMap;

use super::Relay;
use crate::{
    model::{ConversationId, Duration, Fault, Marketplace, PartyId, Profile, Scope, Side, Timestamp, WrappedKey},
    store::{ConversationRow, SealedProfile},
    vault::{DataKey, Place},
};

/// The memory.
pub(super) type People = DashMap<(Marketplace, ConversationId), Seen>;

/// What was opened of a conversation.
#[derive(Default)]
pub(super) struct Seen {
    profiles: [Option<(SealedProfile, Arc<Profile>)>; 2],
    keys: [Option<(WrappedKey, Arc<DataKey>)>; 2],
    at: Timestamp,
}

/// At most so many conversations are remembered.
const MOST: usize = 8_192;
/// Nobody stays opened for longer without a message.
const IDLE: Duration = Duration::minutes(2);

impl Relay {
    /// The profile of a side, opened.
    pub(super) fn opened(
        &self,
        scope: &Scope,
        conversation: &ConversationRow,
        side: Side,
        sealed: &SealedProfile,
    ) -> Result<Arc<Profile>, Fault> {
        let key = (scope.marketplace().clone(), conversation.id.clone());
        if let Some(mut seen) = self.people.get_mut(&key)
            && let Some((known, profile)) = &seen.profiles[side as usize]
            && known == sealed
        {
            let profile = Arc::clone(profile);
            seen.at = self.clock.now();
            return Ok(profile);
        }
        let profile = Arc::new(self.open_profile(scope, conversation.party(side), sealed)?);
        self.remember(key, |seen| seen.profiles[side as usize] = Some((sealed.clone(), Arc::clone(&profile))));
        Ok(profile)
    }

    pub(super) fn open_profile(&self, scope: &Scope, id: &PartyId, sealed: &SealedProfile) -> Result<Profile, Fault> {
        let key = self.vault.unwrap(&sealed.key, &Place::party_key(scope.marketplace(), id))?;
        let bytes = key.open(&Place::profile(scope.marketplace(), id), &sealed.profile)?;
        serde_json::from_slice(&bytes).map_err(|e| Fault::new("reading a profile", e))
    }

    /// The key of what one side of a conversation writes; `None` when it was erased.
    pub(super) fn side_key(
        &self,
        scope: &Scope,
        conversation: &ConversationRow,
        side: Side,
    ) -> Result<Option<Arc<DataKey>>, Fault> {
        let Some(wrapped) = conversation.key(side) else { return Ok(None) };
        let key = (scope.marketplace().clone(), conversation.id.clone());
        if let Some(seen) = self.people.get(&key)
            && let Some((known, opened)) = &seen.keys[side as usize]
            && known == wrapped
        {
            return Ok(Some(Arc::clone(opened)));
        }
        let place = Place::side_key(scope.marketplace(), &conversation.id, side);
        let opened = Arc::new(self.vault.unwrap(wrapped, &place)?);
        self.remember(key, |seen| seen.keys[side as usize] = Some((wrapped.clone(), Arc::clone(&opened))));
        Ok(Some(opened))
    }

    fn remember(&self, key: (Marketplace, ConversationId), change: impl FnOnce(&mut Seen)) {
        if self.people.len() >= MOST {
            // Which ones go does not matter: they are opened again when they are needed.
            let mut odd = false;
            self.people.retain(|_, _| {
                odd = !odd;
                odd
            });
        }
        let mut seen = self.people.entry(key).or_default();
        change(&mut seen);
        seen.at = self.clock.now();
    }

    /// Closes what was opened of a conversation.
    pub(super) fn forget(&self, scope: &Scope, conversation: &ConversationRow) {
        self.people.remove(&(scope.marketplace().clone(), conversation.id.clone()));
    }

    /// Closes what nobody asked for lately.
    pub(super) fn forget_people(&self) {
        let now = self.clock.now();
        self.people.retain(|_, seen| now.since(seen.at) < IDLE);
    }
}
