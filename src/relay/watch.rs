//! Sellers who write soon after a review are looked at beside the way: what they are answered, and how fast, must not
//! tell them that there was a review. So a message leaves a note here, and the house's rounds take it up.

use std::{collections::HashSet, mem, sync::Mutex};

use super::{Relay, talk::Talk};
use crate::{
    model::{ConversationId, EntryKind, Fault, Scope, Side},
    policy::retaliation::{Aftermath, look},
    store::{NewEntry, RetaliationRow},
};

/// Conversations in which a seller wrote soon after a review. Lost with the process: the seller's next message
/// brings it back, and counts those before it.
#[derive(Default)]
pub(super) struct Watched(Mutex<HashSet<(Scope, ConversationId)>>);

impl Watched {
    fn note(&self, scope: &Scope, conversation: &ConversationId) {
        let mut noted = self.0.lock().unwrap_or_else(|broken| broken.into_inner());
        if noted.len() < MOST {
            noted.insert((scope.clone(), conversation.clone()));
        }
    }

    fn take(&self) -> HashSet<(Scope, ConversationId)> {
        mem::take(&mut *self.0.lock().unwrap_or_else(|broken| broken.into_inner()))
    }
}

impl Relay {
    /// Notes a message, taken or refused, that may be part of striking back.
    pub(super) fn watch(&self, talk: &Talk) {
        let rules = &talk.rules.retaliation;
        let newest = talk.pair.reviews.iter().map(|(at, _)| *at).max();
        let soon = newest.is_some_and(|review| talk.at.since(review) < rules.within.max(rules.prompt));
        if talk.from == Side::Seller && soon {
            self.watched.note(&talk.scope, &talk.conversation.id);
        }
    }

    /// Looks at what was noted.
    pub(super) async fn look_at_watched(&self) -> Result<(), Fault> {
        for (scope, conversation) in self.watched.take() {
            let Some(around) = self.store.around_review(&scope, &conversation).await? else { continue };
            let rules = self.rules.load().book.of(scope.marketplace());
            let reviewed = around.reviewed;
            let around = Aftermath { reviewed, rating: around.rating, seller: around.seller, buyer: around.buyer };
            let Some(found) = look(&around, &rules.retaliation) else { continue };
            let at = self.clock.now();
            let entry = NewEntry {
                at,
                kind: EntryKind::RetaliationSuspected,
                by: None,
                message: None,
                facts: format!("rating={} {}", around.rating, found.facts()),
                private: None,
            };
            let (silence, first, before, after) = (found.silence, found.first, found.before, found.after);
            let row = RetaliationRow { reviewed, conversation, at, silence, first, before, after };
            if self.store.suspect(&scope, row, entry).await? {
                metrics::counter!("tabir_retaliation_suspected_total").increment(1);
            }
        }
        Ok(())
    }
}

/// So many at once: beyond that the house is in other trouble.
const MOST: usize = 10_000;
