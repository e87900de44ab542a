//! strike: which rules a seller's message broke, written down in the transaction that answers for it.
//!
//! Only what its author may be told counts: what was found because the vault knows the other side is cut, and is
//! nobody's offence, else a violation would tell whose name or number it was.

use super::{Relay, talk::Talk};
use crate::{
    model::{EventId, Fault, Finding, Kept, Side, Signal},
    policy::strikes,
    store::{NewStrikes, NewViolation},
};

impl Relay {
    /// What a message broke; `None` for nearly all of them, which then cost the store nothing.
    pub(super) fn strikes(
        &self,
        talk: &Talk,
        kept: &Kept,
        (findings, signals): (&[Finding], &[Signal]),
    ) -> Result<Option<NewStrikes>, Fault> {
        if talk.from != Side::Seller || (findings.is_empty() && signals.is_empty()) {
            return Ok(None);
        }
        let rules = &talk.rules.enforcement;
        let found = match &kept.unguarded {
            Some(told) => strikes::breaches(&told.findings(), &told.signals(), rules),
            None => strikes::breaches(findings, signals, rules),
        };
        // One message is one offence: its gravest.
        let found = found.into_iter().max_by_key(|one| one.base);
        let violation = |found: strikes::Found| -> Result<NewViolation, Fault> {
            let strikes::Found { breach, rule, part, span, base } = found;
            let id = EventId::draw(talk.at, self.vault.luck())?;
            Ok(NewViolation { id, breach, rule, part: part.to_string(), span, base })
        };
        let violations = found.into_iter().map(violation).collect::<Result<Vec<_>, _>>()?;
        let arbiter = strikes::arbiter(&talk.rules, Side::Seller);
        Ok((!violations.is_empty()).then_some(NewStrikes { violations, arbiter }))
    }
}
