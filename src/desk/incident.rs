//! After a token or a key was lost: whose data may have been seen, since when, and what to tell whom.

use std::collections::BTreeMap;

use super::{Declined, Desk, access::HOUR};
use crate::{
    model::{Duration, EventId, Fault, PartyId, Scope, Timestamp},
    store::AccessFilter,
};

/// What was lost.
#[derive(Clone, Copy, Debug)]
pub enum Lost {
    /// A token: what it read.
    Token(EventId),
    /// A key of the ring: everything that is sealed or indexed under it, read or not.
    Key(u32),
    /// The whole relay, or it is not known what: every reading.
    Everything,
}

/// What may have been seen.
#[derive(Clone, Debug)]
pub struct Incident {
    /// Since when.
    pub since: Timestamp,
    /// By person: what, how often, the first and the last hour.
    pub persons: BTreeMap<PartyId, Glimpse>,
    /// By when it is to be told.
    pub tell_by: Timestamp,
}

/// What may have been seen of one person.
#[derive(Clone, Debug, Default)]
pub struct Glimpse {
    /// How often, by what: `contact`, `text`, `evidence`; `sealed`: it lies under the key, and nobody is known to have
    /// read it.
    pub what: BTreeMap<String, u64>,
    /// The first and the last hour of a reading.
    pub hours: Option<(Timestamp, Timestamp)>,
}

impl Desk {
    /// Whose data may have been seen.
    ///
    /// # Errors
    /// When there is no such token, or by a fault.
    pub async fn incident(&self, scope: &Scope, lost: Lost, since: Option<Timestamp>) -> Result<Incident, Declined> {
        let now = self.now();
        let begin = match lost {
            Lost::Token(id) => {
                let tokens = self.store.tokens(scope).await?;
                tokens.iter().find(|token| token.id == id).ok_or(Declined::NotFound)?.created
            }
            Lost::Key(_) | Lost::Everything => Timestamp(0),
        };
        let since = since.map_or(begin, |since| since.max(begin));
        let mut persons: BTreeMap<PartyId, Glimpse> = BTreeMap::new();
        if let Lost::Key(key) = lost {
            for party in self.store.parties_under(scope, key).await? {
                persons.entry(party).or_default().what.insert("sealed".to_owned(), 1);
            }
        } else {
            self.count_readings(scope, lost, since, &mut persons).await?;
        }
        let within: Duration = self.rules(scope).rights.breach;
        Ok(Incident { since, persons, tell_by: now.plus(within) })
    }

    async fn count_readings(
        &self,
        scope: &Scope,
        lost: Lost,
        since: Timestamp,
        persons: &mut BTreeMap<PartyId, Glimpse>,
    ) -> Result<(), Fault> {
        let token = if let Lost::Token(id) = lost { Some(id) } else { None };
        let filter = AccessFilter { token, since: Some(since), ..AccessFilter::default() };
        for row in self.store.accesses(scope, filter).await? {
            let glimpse = persons.entry(row.party).or_default();
            *glimpse.what.entry(row.what).or_default() += row.count;
            let hour = Timestamp(row.hour * HOUR);
            let (first, last) = glimpse.hours.unwrap_or((hour, hour));
            glimpse.hours = Some((first.min(hour), last.max(hour)));
        }
        Ok(())
    }
}
