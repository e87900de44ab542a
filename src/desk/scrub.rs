//! Cleaning a text for nobody in particular: nothing is stored, no budget is touched.

use crate::{
    detect::{Context, Guard, Known, Own, Piece, Report, Window},
    model::{Scope, Side, Verdict},
    policy::content,
};

use super::Desk;

/// What is told of a text to clean.
#[derive(Default)]
pub struct ScrubAsked {
    /// The language.
    pub lang: Option<String>,
    /// The numbering plan; without it the language's, then the marketplace's.
    pub region: Option<String>,
    /// Who wrote it.
    pub sender: Option<Side>,
    /// Orders, tracking numbers and links that stay.
    pub known: Known,
    /// Names and contacts that must not get through.
    pub guard: Guard,
}

impl Desk {
    /// Looks at texts as at consecutive parts of one sender; says what the policy would.
    pub async fn scrub(
        &self,
        scope: &Scope,
        pieces: &[Piece<'_>],
        asked: ScrubAsked,
    ) -> Result<(Report, Verdict), crate::model::Fault> {
        let rules = self.rules(scope);
        let market = self.market(scope).await?;
        let sender = asked.sender.unwrap_or(Side::Seller);
        let mut known = asked.known;
        known.links.extend(rules.links.allow.iter().cloned());
        let region = asked.region.or_else(|| if asked.lang.is_none() { rules.region.clone() } else { None });
        let context = Context {
            lang: asked.lang.or_else(|| rules.locale.clone()),
            region,
            sender,
            known,
            guard: asked.guard,
            own: Own { domains: vec![market.domain.clone()], ..Own::default() },
        };
        let report = (self.detect)().scan(pieces, &context, &Window::default());
        let verdict = content::decide(&report.findings, &report.signals, sender, &rules.content);
        Ok((report, verdict))
    }
}
