//! Cleaning a text for nobody in particular: nothing is stored, no budget is touched.

use crate::{
    detect::{Context, Guard, Known, Own, Piece, Window, placeholder},
    model::{Fault, Finding, Part, Scope, Side, Signal, Verdict},
    policy::content,
};

pub use crate::detect::{Context as Reading, link_stays};

use super::Desk;

/// What is told of a text to clean.
#[derive(Clone, Default)]
pub struct ScrubAsked {
    /// The language.
    pub lang: Option<String>,
    /// The numbering plan; without it the language's, then the marketplace's.
    pub region: Option<String>,
    /// Who wrote it.
    pub sender: Option<Side>,
    /// Order numbers that stay.
    pub orders: Vec<String>,
    /// Tracking numbers that stay.
    pub tracking: Vec<String>,
    /// Domains that stay.
    pub links: Vec<String>,
    /// Names that must not get through.
    pub names: Vec<String>,
    /// Mail addresses that must not get through.
    pub emails: Vec<String>,
    /// Phone numbers that must not get through.
    pub phones: Vec<String>,
}

/// Texts, cleaned.
#[derive(Clone, Debug)]
pub struct Scrubbed {
    /// The texts with what was found cut out.
    pub texts: Vec<String>,
    /// What was cut, with what stands in its place.
    pub findings: Vec<(Finding, &'static str)>,
    /// What they are up to.
    pub signals: Vec<Signal>,
}

impl Desk {
    /// What a text or file to clean is read with.
    ///
    /// # Errors
    /// By a fault.
    pub async fn reading(&self, scope: &Scope, asked: &ScrubAsked) -> Result<Context, Fault> {
        let rules = self.rules(scope);
        let market = self.market(scope).await?;
        let mut links = asked.links.clone();
        links.extend(rules.links.allow.iter().cloned());
        let lang = asked.lang.clone().or_else(|| rules.locale.clone());
        // A language that was given brings its own numbering plan.
        let fallback = if asked.lang.is_none() { rules.region.clone() } else { None };
        Ok(Context {
            region: asked.region.clone().or(fallback),
            sender: asked.sender.unwrap_or(Side::Seller),
            known: Known { orders: asked.orders.clone(), tracking: asked.tracking.clone(), links, ..Known::default() },
            guard: Guard {
                names: asked.names.clone(),
                emails: asked.emails.clone(),
                phones: asked.phones.clone(),
                accounts: Vec::new(),
                streets: Vec::new(),
            },
            own: Own { domains: vec![market.domain.clone()], ..Own::default() },
            lang,
            reader: None,
        })
    }

    /// Looks at texts as at consecutive messages of one sender.
    pub fn scrub(&self, texts: &[&str], context: &Context) -> Scrubbed {
        let pieces: Vec<Piece<'_>> =
            texts.iter().enumerate().map(|(n, text)| Piece { part: Part::Text(n), text }).collect();
        let report = (self.detect)().scan(&pieces, context, &Window::default());
        let mark = |finding: Finding| {
            let mark = placeholder(finding.kind, context.lang.as_deref());
            (finding, mark)
        };
        Scrubbed {
            texts: report.redacted,
            findings: report.findings.into_iter().map(mark).collect(),
            signals: report.signals,
        }
    }

    /// What a sender is told of a rule or a kind of finding.
    pub fn explanation(&self, scope: &Scope, what: &str) -> Option<String> {
        let rules = self.rules(scope);
        (self.detect)().explanation(what, rules.locale.as_deref()).map(str::to_owned)
    }

    /// What the content policy would say.
    pub fn would(&self, scope: &Scope, findings: &[Finding], signals: &[Signal], sender: Option<Side>) -> Verdict {
        content::decide(findings, signals, sender.unwrap_or(Side::Seller), &self.rules(scope).content)
    }

    /// The same where nobody can look before it goes on.
    pub fn would_at_once(
        &self,
        scope: &Scope,
        findings: &[Finding],
        signals: &[Signal],
        sender: Option<Side>,
    ) -> Verdict {
        content::decide_at_once(findings, signals, sender.unwrap_or(Side::Seller), &self.rules(scope).content)
    }
}
