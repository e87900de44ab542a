//! A person takes a case, and decides it for good.

use crate::{
    model::{CaseClock, CaseId, Commitment, DecisionWords, EntryKind, EventId, Fault, Money, Ruling, Scope},
    store::{CaseMark, Decided, NewDecision, NewEntry},
    vault::Place,
};

use super::{
    Declined, Desk, Wrong,
    cases::{CaseView, check_text, money_facts},
    entry,
    parties::fits,
};

/// A person's decision.
pub struct DecisionForm {
    /// The ruling.
    pub ruling: Ruling,
    /// Why.
    pub reason: String,
    /// Who decides.
    pub actor: String,
    /// What is to be paid back.
    pub amount: Option<Money>,
}

impl Desk {
    /// A person takes a case: the clock of minutes of an urgent one stops.
    ///
    /// # Errors
    /// When there is none, or by a fault.
    pub async fn take_case(&self, scope: &Scope, id: &CaseId, actor: &str) -> Result<CaseView, Declined> {
        if !fits(actor, 64) {
            return Err(Wrong::field("actor", "1 to 64 characters without control characters"));
        }
        let now = self.now();
        let decision = self.draw_id(now)?;
        let words = DecisionWords { reason: "taken".to_owned(), actor: Some(actor.to_owned()) };
        let private = self.seal_decision(scope, decision, &words).await?;
        let taken = entry(now, EntryKind::CaseTaken, None, format!("case={id}"));
        let taken = NewEntry { message: Some(decision), private: Some(private), ..taken };
        self.store.mark_case(scope, id, CaseMark::Taken, taken, None).await?;
        self.case_of(scope, id).await
    }

    /// Decides a case for good. What the seller has on its way to the buyer is withheld.
    ///
    /// # Errors
    /// When there is none, it is decided, a field is wrong, or by a fault.
    pub async fn decide_case(&self, scope: &Scope, id: &CaseId, form: &DecisionForm) -> Result<CaseView, Declined> {
        check_text("reason", Some(&form.reason), true)?;
        if !fits(&form.actor, 64) {
            return Err(Wrong::field("actor", "1 to 64 characters without control characters"));
        }
        let (now, rules) = (self.now(), self.rules(scope));
        let decision = self.draw_id(now)?;
        let words = DecisionWords { reason: form.reason.clone(), actor: Some(form.actor.clone()) };
        let mut facts = format!("case={id} ruling={} automated=false", form.ruling.as_str());
        money_facts(&mut facts, form.amount.as_ref());
        let decided = entry(now, EntryKind::CaseDecided, None, facts);
        let private = Some(self.seal_decision(scope, decision, &words).await?);
        let new = NewDecision {
            case: id.clone(),
            ruling: form.ruling,
            automated: false,
            amount: form.amount.clone(),
            at: now,
            notice_due: rules.notices.next(now),
            entry: NewEntry { message: Some(decision), private, ..decided },
        };
        match self.store.decide_case(scope, new, Box::new(|_: &CaseClock| true)).await? {
            Decided::Done(_) => self.case_of(scope, id).await,
            Decided::NoSuchCase => Err(Declined::NotFound),
            Decided::Final | Decided::NotDue => {
                Err(Wrong::unfit("ruling", "this case is decided, and a decision is final"))
            }
        }
    }

    pub(super) async fn open_decision(
        &self,
        scope: &Scope,
        id: Option<EventId>,
        sealed: &[u8],
    ) -> Result<Option<DecisionWords>, Fault> {
        let Some(id) = id.filter(|_| !sealed.is_empty()) else { return Ok(None) };
        let market = self.market(scope).await?;
        let json = market.key.open_committed(&Place::decision(scope.marketplace(), &id), sealed)?;
        serde_json::from_slice(&json).map(Some).map_err(|e| Fault::new("reading a decision", e))
    }

    async fn seal_decision(
        &self,
        scope: &Scope,
        id: EventId,
        words: &DecisionWords,
    ) -> Result<(Commitment, Vec<u8>), Fault> {
        let market = self.market(scope).await?;
        let json = serde_json::to_vec(words).map_err(|e| Fault::new("writing a decision", e))?;
        market.key.commit(&Place::decision(scope.marketplace(), &id), &json)
    }
}
