use super::Duration;

/// What a marketplace's enforcement leaves a seller: towards one buyer, or towards all.
///
/// Several may hold at once; the strictest of what they say counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Restriction {
    /// No words of its own, answers included: only the templates.
    TemplateOnly,
    /// At most `burst` messages to a buyer in any window of `per`.
    Slowed {
        /// How many.
        burst: u32,
        /// In which length of time.
        per: Duration,
    },
    /// Nothing at all. A barrier too: what was accepted before and not yet delivered is withheld.
    Withdrawn,
}

impl Restriction {
    /// The word in evidence, the API and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TemplateOnly => "template_only",
            Self::Slowed { .. } => "slowed",
            Self::Withdrawn => "withdrawn",
        }
    }
}
