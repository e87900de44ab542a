//! Who read whose data: a row for each token, person and hour, counted.
//!
//! The first reading of an hour is durable before anything is shown. Those that follow are counted in memory and
//! written within a minute: a crash may lose how often, never that.

use dashmap::Entry;

use super::{Declined, Desk};
use crate::{
    model::{EventId, Fault, Marketplace, PartyId, Scope},
    store::{AccessFilter, AccessRow},
};

/// What was shown of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seen {
    /// A real contact.
    Contact,
    /// A bundle of evidence.
    Evidence,
    /// What they wrote, or was written to them.
    Text,
}

impl Seen {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Evidence => "evidence",
            Self::Text => "text",
        }
    }
}

/// Which readings are counted together.
pub(super) type Glance = (Marketplace, PartyId, EventId, i64, Seen);

impl Desk {
    /// Remembers that a token was shown something of these people.
    ///
    /// # Errors
    /// When it can not be remembered: then it must not be shown.
    pub async fn saw(&self, scope: &Scope, token: EventId, parties: &[PartyId], what: Seen) -> Result<(), Fault> {
        let hour = self.now().0.div_euclid(HOUR);
        let mut first = Vec::new();
        for party in parties {
            match self.glances.entry((scope.marketplace().clone(), party.clone(), token, hour, what)) {
                Entry::Occupied(mut again) => *again.get_mut() += 1,
                Entry::Vacant(new) => {
                    new.insert(0);
                    let what = what.as_str().to_owned();
                    first.push(AccessRow { party: party.clone(), token, hour, what, count: 1 });
                }
            }
        }
        if first.is_empty() {
            return Ok(());
        }
        let written = self.store.saw(scope, first).await;
        if written.is_err() {
            for party in parties {
                self.glances.remove(&(scope.marketplace().clone(), party.clone(), token, hour, what));
            }
        }
        written
    }

    /// Writes down what was counted since, and forgets hours that are over.
    ///
    /// # Errors
    /// By a fault.
    pub async fn count_glances(&self) -> Result<(), Fault> {
        let hour = self.now().0.div_euclid(HOUR);
        let mut counted: Vec<(Glance, u64)> = Vec::new();
        self.glances.retain(|glance, count| {
            if *count > 0 {
                counted.push((glance.clone(), std::mem::take(count)));
            }
            glance.3 >= hour
        });
        for ((marketplace, party, token, hour, what), count) in counted {
            let row = AccessRow { party, token, hour, what: what.as_str().to_owned(), count };
            self.store.saw(&Scope::proven(marketplace), vec![row]).await?;
        }
        Ok(())
    }

    /// Who read whose data.
    ///
    /// # Errors
    /// By a fault.
    pub async fn accesses(&self, scope: &Scope, filter: AccessFilter) -> Result<Vec<AccessRow>, Declined> {
        Ok(self.store.accesses(scope, filter).await?)
    }
}

/// Milliseconds.
pub(super) const HOUR: i64 = 3_600_000;
