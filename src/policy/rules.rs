//! The rules of each marketplace: the house's own, with what the marketplace laid over them.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Deserializer};

use super::{
    cases::CaseRules,
    contact::ContactRules,
    content::ContentRules,
    enforcement::Enforcement,
    life::HandleRules,
    pictures::ImageRules,
    retaliation::RetaliationRules,
    rights::{DisclosureRules, RetentionRules, RightsRules},
    voice::VoiceRules,
};
use crate::model::{Contact, Duration, Marketplace, Timestamp};

/// Everything that decides about one marketplace's messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct MarketRules {
    /// Disputes and reports.
    pub cases: CaseRules,
    /// Who may write how often.
    pub contact: ContactRules,
    /// What follows from what was found.
    pub content: ContentRules,
    /// What follows from rules that were broken.
    pub enforcement: Enforcement,
    /// What stands under mails.
    pub footer: FooterRules,
    /// How long handles live.
    pub handles: HandleRules,
    /// Words in pictures.
    pub images: ImageRules,
    /// Which links stay.
    pub links: LinkRules,
    /// When senders hear of withheld messages.
    pub notices: NoticeRules,
    /// What counts as striking back after a review.
    pub retaliation: RetaliationRules,
    /// How support is known.
    pub voice: VoiceRules,
    /// When a contact may be shown to staff.
    pub disclosures: DisclosureRules,
    /// By when a person's wish is to be met.
    pub rights: RightsRules,
    /// How long things are kept.
    pub retention: RetentionRules,
    /// The language of notices and placeholders where a party gave none, such as `id`.
    pub locale: Option<String>,
    /// The region whose numbering plan is tried where a party gave none, such as `ID`.
    pub region: Option<String>,
}

/// `[footer]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FooterRules {
    /// The marketplace as people know it; its id where there is none.
    pub name: String,
    /// An address or a page where a message is reported. Without it there is no footer.
    #[serde(deserialize_with = "report_place")]
    pub report: String,
}

/// A mail address or a page; nothing else stands under other people's mail.
fn report_place<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let page = text.strip_prefix("https://").is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        host.contains('.') && rest.bytes().all(|byte| byte.is_ascii_graphic())
    });
    if text.is_empty() || page || Contact::email(&text).is_ok() {
        return Ok(text);
    }
    Err(serde::de::Error::custom("not a mail address nor a page such as https://market.example/report"))
}

/// `[links]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinkRules {
    /// These domains and their subdomains stay.
    pub allow: Vec<String>,
}

/// `[notices]`: one for a conversation and a round, at fixed hours, so that a notice never tells when a review was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoticeRules {
    /// One round of notices in so long.
    pub every: Duration,
    /// So long after each round number of `every` (of UTC days, when `every` is a day).
    pub at: Duration,
    /// Whether who writes by mail hears, at those hours too, what was cut out of it.
    pub cuts: bool,
}

impl Default for NoticeRules {
    fn default() -> Self {
        // 02:00 UTC is nine in the morning in Jakarta and three or four at night in Warsaw.
        Self { every: Duration::hours(24), at: Duration::hours(2), cuts: true }
    }
}

impl NoticeRules {
    /// The next round after `now`, and at least a tenth of a round away, so that what was
    /// withheld just before a round does not stand out by its promptness.
    pub fn next(&self, now: Timestamp) -> Timestamp {
        let every = self.every.0.max(1);
        let earliest = now.0 + every / 10;
        let rounds = (earliest - self.at.0).div_euclid(every) + 1;
        Timestamp(rounds * every + self.at.0)
    }
}

/// The rules of all marketplaces.
#[derive(Clone, Debug, Default)]
pub struct RuleBook {
    base: Arc<MarketRules>,
    own: HashMap<Marketplace, Arc<MarketRules>>,
}

impl RuleBook {
    /// The house's rules, and those of the marketplaces that differ.
    pub fn new(base: MarketRules, own: impl IntoIterator<Item = (Marketplace, MarketRules)>) -> Self {
        Self { base: Arc::new(base), own: own.into_iter().map(|(name, rules)| (name, Arc::new(rules))).collect() }
    }

    /// The rules of all, in no order.
    pub fn all(&self) -> impl Iterator<Item = &MarketRules> {
        std::iter::once(&self.base).chain(self.own.values()).map(Arc::as_ref)
    }

    /// The rules of one marketplace.
    pub fn of(&self, marketplace: &Marketplace) -> Arc<MarketRules> {
        Arc::clone(self.own.get(marketplace).unwrap_or(&self.base))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_under_mail_leads_to_a_page_or_an_address() {
        let read = |report: &str| toml::from_str::<FooterRules>(&format!("report = {report:?}"));
        for good in ["", "https://market.example/report?m=1", "abuse@market.example"] {
            assert!(read(good).is_ok_and(|rules| rules.report == good), "{good}");
        }
        for bad in
            ["javascript:alert(1)", "http://market.example", "not a url", "https://local", "https://a.example/ x"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn notices_go_out_at_fixed_hours_only() {
        let rules = NoticeRules::default();
        let hour = |h: i64| Timestamp(h * 3_600_000);
        assert_eq!(rules.next(hour(0)), hour(26), "two hours are less than a tenth of a day");
        assert_eq!(rules.next(hour(3)), hour(26));
        assert_eq!(rules.next(hour(23)), hour(26));
        assert_eq!(rules.next(hour(25)), hour(50));
    }
}
