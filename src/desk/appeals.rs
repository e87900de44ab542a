//! Appeals: filed within a deadline, at most two for a violation, each decided by a person who has not decided about
//! it before. One that is upheld takes back points, sanctions and metrics.

use serde::{Deserialize, Serialize};

use crate::{
    detect::View,
    model::{ConversationId, EntryKind, EventId, Fault, PartyId, Scope, Side, Timestamp},
    store::{AppealDecision, AppealRow, Filed, NewAppeal, NewEntry, ViolationRow, ViolationState},
    vault::Place,
};

use super::{Declined, Desk, Wrong, entry, parties::fits, violations::appeal_deadline};

/// An appeal with what was sealed of it.
#[derive(Clone, Debug)]
pub struct AppealView {
    /// Its id.
    pub id: EventId,
    /// Against which violation.
    pub violation: EventId,
    /// The first or the second.
    pub n: u32,
    /// What was said, and what became of it.
    pub heard: Heard,
}

/// What a side said against something, and what a person decided.
#[derive(Clone, Debug)]
pub struct Heard {
    /// When it was filed.
    pub at: Timestamp,
    /// Its words; `None` after an erasure.
    pub words: Option<String>,
    /// When it was decided, and whether it was upheld.
    pub outcome: Option<(Timestamp, bool)>,
    /// Why, as the side may read it.
    pub reason: Option<String>,
    /// Who decided: for the marketplace alone.
    pub actor: Option<String>,
}

impl Heard {
    /// Said now, and not decided yet.
    pub(super) fn now(at: Timestamp, words: String) -> Self {
        Self { at, words: Some(words), outcome: None, reason: None, actor: None }
    }

    /// What was said, with what was decided.
    pub(super) fn of(
        (at, words): (Timestamp, Option<String>),
        (outcome, ruling): (Option<(Timestamp, bool)>, Option<Ruling>),
    ) -> Self {
        let (actor, reason) = ruling.map(|ruling| (ruling.actor, ruling.reason)).unzip();
        Self { at, words, outcome, reason, actor }
    }
}

/// Who decided something, and why.
#[derive(Serialize, Deserialize)]
pub(super) struct Ruling {
    pub(super) actor: String,
    pub(super) reason: String,
}

impl Ruling {
    fn written(actor: &str, reason: &str) -> Result<Vec<u8>, Fault> {
        let ruling = Self { actor: actor.to_owned(), reason: reason.to_owned() };
        serde_json::to_vec(&ruling).map_err(|e| Fault::new("writing a ruling", e))
    }

    fn read(json: &[u8]) -> Result<Self, Fault> {
        serde_json::from_slice(json).map_err(|e| Fault::new("reading a ruling", e))
    }
}

impl Desk {
    /// Appeals against a violation. A seller, by its token, against its own.
    ///
    /// # Errors
    /// When there is none, it is too late or once too often, the words are wrong, or by a fault.
    pub async fn file_appeal(
        &self,
        scope: &Scope,
        violation: EventId,
        words: &str,
        by: Option<&PartyId>,
    ) -> Result<AppealView, Declined> {
        check_words("text", words)?;
        let row = self.own_violation(scope, violation, by).await?;
        let rules = self.rules(scope);
        let (settings, now) = (rules.enforcement.appeal, self.now());
        let before = self.appeals_of(scope, &row).await?;
        if row.state == ViolationState::Counted && now > appeal_deadline(&row, &before, settings.within) {
            return Err(Wrong::unfit("id", "the time for an appeal is over"));
        }
        let id = self.draw_id(now)?;
        let facts = format!("appeal={id} violation={violation} side={}", row.side.as_str());
        let appeal = NewAppeal {
            id,
            violation,
            at: now,
            words: self.seal_plea(scope, &row.conversation, row.side, id, words).await?,
            times: settings.times,
            entry: NewEntry { message: Some(row.message), ..entry(now, EntryKind::AppealFiled, Some(row.side), facts) },
        };
        match self.store.file_appeal(scope, appeal).await? {
            Filed::Done(n) => Ok(AppealView { id, violation, n, heard: Heard::now(now, words.to_owned()) }),
            Filed::Open => Err(Wrong::unfit("id", "an appeal against it is open")),
            Filed::Spent => Err(Wrong::unfit("id", "there were as many appeals as there may be")),
            Filed::Moot => Err(Wrong::unfit("id", "it does not count: there is nothing to appeal against")),
        }
    }

    /// Whose message an appeal is about, and in which conversation: who reads the reason of its decision.
    ///
    /// # Errors
    /// When there is none, or by a fault.
    pub async fn appeal_reader(&self, scope: &Scope, id: EventId) -> Result<(ConversationId, Side), Declined> {
        let appeal = self.store.appeal(scope, id).await?.ok_or(Declined::NotFound)?;
        let row = self.store.violation(scope, appeal.violation).await?.ok_or(Declined::NotFound)?;
        Ok((row.conversation, row.side))
    }

    /// Decides an appeal. Whoever decided about the violation, or about an earlier appeal, may not. The reason is told
    /// to the side: nothing that leads to a person may be in it any more.
    ///
    /// # Errors
    /// When it is not open, a field is wrong, the person is not another one, or by a fault.
    pub async fn decide_appeal(
        &self,
        scope: &Scope,
        id: EventId,
        upheld: bool,
        (actor, reason): (&str, &str),
    ) -> Result<AppealView, Declined> {
        let appeal = self.store.appeal(scope, id).await?.ok_or(Declined::NotFound)?;
        if appeal.outcome.is_some() {
            return Err(Wrong::unfit("id", "it was decided before"));
        }
        let row = self.store.violation(scope, appeal.violation).await?.ok_or(Declined::NotFound)?;
        if self.has_decided(scope, &row, actor).await? {
            return Err(Wrong::unfit("actor", "decided about this before: an appeal is decided by another person"));
        }
        let now = self.now();
        let outcome = if upheld { "upheld" } else { "dismissed" };
        let facts = format!("appeal={id} violation={} outcome={outcome}", row.id);
        let decision = AppealDecision {
            id,
            upheld,
            at: now,
            ruling: self.seal_ruling_on(scope, (&row.conversation, row.side), id, (actor, reason)).await?,
            arbiter: self.arbiter(scope, row.side),
            entry: NewEntry { message: Some(row.message), ..entry(now, EntryKind::AppealDecided, None, facts) },
        };
        if !self.store.decide_appeal(scope, decision).await? {
            return Err(Wrong::unfit("id", "it was decided before"));
        }
        let appeal = self.store.appeal(scope, id).await?.ok_or(Declined::NotFound)?;
        Ok(self.appeal_view(scope, &row, appeal).await?)
    }

    /// One appeal.
    ///
    /// # Errors
    /// When there is none, or by a fault.
    pub async fn appeal(&self, scope: &Scope, id: EventId) -> Result<AppealView, Declined> {
        let appeal = self.store.appeal(scope, id).await?.ok_or(Declined::NotFound)?;
        let row = self.store.violation(scope, appeal.violation).await?.ok_or(Declined::NotFound)?;
        Ok(self.appeal_view(scope, &row, appeal).await?)
    }

    pub(super) async fn appeals_of(&self, scope: &Scope, row: &ViolationRow) -> Result<Vec<AppealView>, Fault> {
        let mut views = Vec::new();
        for appeal in self.store.appeals(scope, row.id).await? {
            views.push(self.appeal_view(scope, row, appeal).await?);
        }
        Ok(views)
    }

    async fn appeal_view(&self, scope: &Scope, row: &ViolationRow, appeal: AppealRow) -> Result<AppealView, Fault> {
        let words = self.open_plea(scope, &row.conversation, row.side, appeal.id, appeal.words.as_deref()).await?;
        let whose = (&row.conversation, row.side);
        let ruling = self.open_ruling_on(scope, whose, appeal.id, appeal.ruling.as_deref()).await?;
        let heard = Heard::of((appeal.at, words), (appeal.outcome, ruling));
        Ok(AppealView { id: appeal.id, violation: appeal.violation, n: appeal.n, heard })
    }

    /// Whether somebody has ruled on a violation, or decided an appeal against it.
    async fn has_decided(&self, scope: &Scope, row: &ViolationRow, actor: &str) -> Result<bool, Fault> {
        if let Some(sealed) = &row.ruler {
            let market = self.market(scope).await?;
            let ruler = market.key.open(&Place::ruling(&market.name, &row.message), sealed)?;
            if is_same(&String::from_utf8_lossy(&ruler), actor) {
                return Ok(true);
            }
        }
        let earlier = self.appeals_of(scope, row).await?;
        Ok(earlier.iter().filter_map(|appeal| appeal.heard.actor.as_deref()).any(|other| is_same(other, actor)))
    }

    /// Seals why something was decided that concerns no single person, under the marketplace's key.
    pub(super) async fn seal_ruling(
        &self,
        scope: &Scope,
        id: EventId,
        actor: &str,
        reason: &str,
    ) -> Result<Vec<u8>, Fault> {
        let market = self.market(scope).await?;
        market.key.seal(&Place::ruling(&market.name, &id), &Ruling::written(actor, reason)?)
    }

    /// Seals why something was decided about a side, under that side's key: an erasure takes it along. `None` where
    /// that was erased.
    pub(super) async fn seal_ruling_on(
        &self,
        scope: &Scope,
        (conversation, side): (&ConversationId, Side),
        id: EventId,
        (actor, reason): (&str, &str),
    ) -> Result<Option<Vec<u8>>, Fault> {
        let Some(row) = self.store.conversation(scope, conversation).await? else { return Ok(None) };
        let Some(key) = self.side_key(scope, &row, side)? else { return Ok(None) };
        key.seal(&Place::ruling(scope.marketplace(), &id), &Ruling::written(actor, reason)?).map(Some)
    }

    pub(super) async fn open_ruling_on(
        &self,
        scope: &Scope,
        (conversation, side): (&ConversationId, Side),
        id: EventId,
        sealed: Option<&[u8]>,
    ) -> Result<Option<Ruling>, Fault> {
        let Some(sealed) = sealed else { return Ok(None) };
        let Some(row) = self.store.conversation(scope, conversation).await? else { return Ok(None) };
        let Some(key) = self.side_key(scope, &row, side)? else { return Ok(None) };
        Ruling::read(&key.open(&Place::ruling(scope.marketplace(), &id), sealed)?).map(Some)
    }

    pub(super) async fn open_ruling(
        &self,
        scope: &Scope,
        id: EventId,
        sealed: Option<&[u8]>,
    ) -> Result<Option<Ruling>, Fault> {
        let Some(sealed) = sealed else { return Ok(None) };
        let market = self.market(scope).await?;
        Ruling::read(&market.key.open(&Place::ruling(&market.name, &id), sealed)?).map(Some)
    }

    /// Seals what a side says, under its key in the conversation; `None` where that was erased.
    pub(super) async fn seal_plea(
        &self,
        scope: &Scope,
        conversation: &ConversationId,
        side: Side,
        id: EventId,
        words: &str,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let Some(row) = self.store.conversation(scope, conversation).await? else { return Ok(None) };
        let key = self.side_key(scope, &row, side)?;
        key.map(|key| key.seal(&Place::plea(scope.marketplace(), &id), words.as_bytes())).transpose()
    }

    pub(super) async fn open_plea(
        &self,
        scope: &Scope,
        conversation: &ConversationId,
        side: Side,
        id: EventId,
        sealed: Option<&[u8]>,
    ) -> Result<Option<String>, Fault> {
        let Some(sealed) = sealed else { return Ok(None) };
        let Some(row) = self.store.conversation(scope, conversation).await? else { return Ok(None) };
        let Some(key) = self.side_key(scope, &row, side)? else { return Ok(None) };
        let words = key.open(&Place::plea(scope.marketplace(), &id), sealed)?;
        Ok(Some(String::from_utf8_lossy(&words).into_owned()))
    }
}

/// Words of a person: several lines may be.
pub(super) fn check_words(field: &'static str, words: &str) -> Result<(), Declined> {
    let fits = !words.trim().is_empty()
        && words.chars().count() <= 4_000
        && !words.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    if fits { Ok(()) } else { Err(Wrong::field(field, "1 to 4000 characters without control characters")) }
}

/// Whether two names of staff are one person's: letters that look alike, their case, and what stands between them make
/// no other.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    let letters = |name: &str| View::of(name).text().chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    letters(one) == letters(other)
}

/// Whether somebody's ruling can be taken as it is written.
///
/// # Errors
/// When a field is wrong.
pub fn check_ruling(actor: &str, reason: &str) -> Result<(), Declined> {
    if !fits(actor, 64) {
        return Err(Wrong::field("actor", "1 to 64 characters without control characters"));
    }
    check_words("reason", reason)
}

#[cfg(test)]
mod tests {
    use super::is_same;

    #[test]
    fn a_person_is_no_other_by_writing_the_name_differently() {
        for other in ["ANN", " ann ", "\u{ff41}\u{ff4e}\u{ff4e}", "an\u{200b}n", "a.n-n"] {
            assert!(is_same("ann", other), "{other:?}");
        }
        for (one, other) in [("ann", "anna"), ("mediator-1", "mediator-2"), ("cs-4", "cs-14")] {
            assert!(!is_same(one, other), "{one} {other}");
        }
    }
}
