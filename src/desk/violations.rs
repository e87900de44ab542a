//! Violations, told with what article 17 of the Digital Services Act asks of a statement of reasons: the rule, the
//! words, whether a person decided, since when, what followed, and how and until when to appeal.

use std::collections::HashMap;

use crate::{
    model::{Arbiter, EventId, Fault, Kept, Part, PartyId, Scope, Side, Timestamp},
    policy::strikes::{self, Weighed, Weight},
    store::{AccountRow, SanctionRow, ViolationFilter, ViolationRow, ViolationState},
    vault::Place,
};

use super::{Declined, Desk, appeals::AppealView};

/// A violation with its reasons.
#[derive(Clone, Debug)]
pub struct ViolationView {
    /// What was written down.
    pub row: ViolationRow,
    /// What it counts; `None`: it does not.
    pub weight: Option<Weight>,
    /// What is left of that now.
    pub left: u32,
    /// The words: a finding's, or those of the whole part. `None` after an erasure, and of what is no text.
    pub text: Option<String>,
    /// What it brought.
    pub sanctions: Vec<SanctionRow>,
    /// The appeals against it.
    pub appeals: Vec<AppealView>,
    /// Until when one more may be filed; `None`: none may.
    pub appeal_until: Option<Timestamp>,
    /// How many more.
    pub appeals_left: u32,
}

impl Desk {
    /// Violations, newest first.
    ///
    /// # Errors
    /// By a fault.
    pub async fn violations(&self, scope: &Scope, filter: ViolationFilter) -> Result<Vec<ViolationView>, Fault> {
        let mut accounts: HashMap<(PartyId, Side), AccountRow> = HashMap::new();
        let mut views = Vec::new();
        for row in self.store.violations(scope, filter).await? {
            let key = (row.party.clone(), row.side);
            if !accounts.contains_key(&key) {
                let account = self.store.account(scope, &row.party, row.side).await?.unwrap_or_default();
                accounts.insert(key.clone(), account);
            }
            views.push(self.violation_view(scope, row, &accounts[&key]).await?);
        }
        Ok(views)
    }

    /// One violation, for whom it concerns: a seller finds its own alone.
    ///
    /// # Errors
    /// When there is none, or by a fault.
    pub async fn violation(&self, scope: &Scope, id: EventId, of: Option<&PartyId>) -> Result<ViolationView, Declined> {
        let row = self.own_violation(scope, id, of).await?;
        let account = self.store.account(scope, &row.party, row.side).await?.unwrap_or_default();
        Ok(self.violation_view(scope, row, &account).await?)
    }

    pub(super) async fn own_violation(
        &self,
        scope: &Scope,
        id: EventId,
        of: Option<&PartyId>,
    ) -> Result<ViolationRow, Declined> {
        let row = self.store.violation(scope, id).await?.ok_or(Declined::NotFound)?;
        let told = matches!(row.state, ViolationState::Counted | ViolationState::Reversed);
        if of.is_some_and(|party| row.side != Side::Seller || row.party != *party || !told) {
            return Err(Declined::NotFound);
        }
        Ok(row)
    }

    async fn violation_view(
        &self,
        scope: &Scope,
        row: ViolationRow,
        account: &AccountRow,
    ) -> Result<ViolationView, Fault> {
        let (rules, now) = (self.rules(scope), self.now());
        let weighed = self.weighed(scope, account);
        let own = weighed.iter().find(|one| one.strike.id == row.id);
        let appeals = self.appeals_of(scope, &row).await?;
        let settings = rules.enforcement.appeal;
        let appeals_left = settings.times.saturating_sub(u32::try_from(appeals.len()).unwrap_or(u32::MAX));
        let until = appeal_deadline(&row, &appeals, settings.within);
        let open = appeals.iter().any(|appeal| appeal.heard.outcome.is_none());
        let may = row.state == ViolationState::Counted && appeals_left > 0 && !open && now <= until;
        Ok(ViolationView {
            weight: own.map(|one| one.weight),
            left: own.map_or(0, |one| strikes::left(one, &rules.enforcement.decay, now)),
            text: self.words_of(scope, &row).await?,
            sanctions: account.sanctions.iter().filter(|s| s.sanction.violation == row.id).cloned().collect(),
            appeals,
            appeal_until: may.then_some(until),
            appeals_left,
            row,
        })
    }

    /// The strikes of an account with their weights.
    pub(super) fn weighed(&self, scope: &Scope, account: &AccountRow) -> Vec<Weighed> {
        let all: Vec<_> = account.strikes.iter().map(|(_, strike)| strike.clone()).collect();
        strikes::weigh(&all, &self.rules(scope).enforcement)
    }

    /// What strikes bring under the rules as they are now.
    pub(super) fn arbiter(&self, scope: &Scope, side: Side) -> Arbiter {
        strikes::arbiter(&self.rules(scope), side)
    }

    /// Who decided about a message, sealed.
    pub(super) async fn seal_ruler(&self, scope: &Scope, message: EventId, actor: &str) -> Result<Vec<u8>, Fault> {
        let market = self.market(scope).await?;
        market.key.seal(&Place::ruling(&market.name, &message), actor.as_bytes())
    }

    /// The words that broke the rule, out of the message's own evidence: they are kept once.
    async fn words_of(&self, scope: &Scope, row: &ViolationRow) -> Result<Option<String>, Fault> {
        let Some(message) = self.store.message(scope, row.message).await? else { return Ok(None) };
        let Some(conversation) = self.store.conversation(scope, &row.conversation).await? else { return Ok(None) };
        let key = self.side_key(scope, &conversation, row.side)?;
        let kept = super::messages::opened(scope, message, key.as_ref())?.kept;
        Ok(kept.and_then(|kept| cited(&kept, row)))
    }
}

/// Until when an appeal may be filed: from the decision that it is against.
pub(super) fn appeal_deadline(row: &ViolationRow, appeals: &[AppealView], within: crate::model::Duration) -> Timestamp {
    let last = appeals.iter().filter_map(|appeal| appeal.heard.outcome.map(|(at, _)| at)).max();
    last.unwrap_or(row.decided).plus(within)
}

fn cited(kept: &Kept, row: &ViolationRow) -> Option<String> {
    if let Some((start, end)) = row.span {
        let findings = kept.unguarded.as_ref().map_or_else(|| kept.findings(), |told| told.findings());
        let here = |f: &&crate::model::Finding| f.part.to_string() == row.part && (f.start, f.end) == (start, end);
        let signals = kept.unguarded.as_ref().map_or_else(|| kept.signals(), |told| told.signals());
        let said = signals.into_iter().filter(|signal| signal.part.to_string() == row.part && signal.rule == row.rule);
        let mut sentences = said.filter_map(|signal| signal.sentence).filter(|s| (s.start, s.end) == (start, end));
        let found = findings.iter().find(here).map(|finding| finding.text.clone());
        return found.or_else(|| sentences.next().map(|sentence| sentence.text));
    }
    let text = match row.part.parse().ok()? {
        Part::Text(_) => kept.original.text.as_deref(),
        Part::Subject => kept.original.subject.as_deref(),
        Part::Html | Part::Attachment(_) => None,
    };
    text.map(|text| text.chars().take(CITED).collect())
}

/// Characters of a part that are cited at most.
const CITED: usize = 1_000;
