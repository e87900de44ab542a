//! Words in pictures that a seller sends: are they read, and what follows when they were not?

use serde::Deserialize;

use crate::model::{Side, Verdict};

/// `[images]`. It holds for what goes to a buyer: reading costs time, and a buyer may say what
/// they like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageRules {
    /// What is done with words in a picture.
    pub words: WordRule,
    /// What is done with a picture whose words should have been read and were not, and with a PDF
    /// that has more than letters in it and was not read so.
    pub unread: UnreadRule,
}

/// What is done with words in a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WordRule {
    /// They are read, and what leads off the platform is covered.
    #[default]
    Cover,
    /// They are not read: a person looks at every picture.
    Hold,
    /// They are not read, and pass.
    Pass,
}

/// What is done with a picture that could not be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnreadRule {
    /// A person looks at it.
    Hold,
    /// It passes.
    #[default]
    Pass,
}

impl Default for ImageRules {
    fn default() -> Self {
        Self { words: WordRule::Cover, unread: UnreadRule::Pass }
    }
}

impl ImageRules {
    /// Whether the words in a picture of this side are to be read.
    pub fn reads(self, from: Side) -> bool {
        from == Side::Seller && self.words == WordRule::Cover
    }

    /// The least that is said of a message with a picture of this side, `read` or not.
    pub fn verdict(self, from: Side, read: bool) -> Verdict {
        let hold = match self.words {
            WordRule::Cover => !read && self.unread == UnreadRule::Hold,
            WordRule::Hold => true,
            WordRule::Pass => false,
        };
        if hold && from == Side::Seller { Verdict::Hold } else { Verdict::Deliver }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_seller_sends_is_read_or_held() {
        let rules = |text: &str| toml::from_str::<ImageRules>(text).unwrap();
        let (cover, strict) = (rules(""), rules("unread = \"hold\""));
        assert!(cover.reads(Side::Seller) && !cover.reads(Side::Buyer));
        assert_eq!(cover.verdict(Side::Seller, false), Verdict::Deliver);
        assert_eq!(strict.verdict(Side::Seller, false), Verdict::Hold);
        assert_eq!(strict.verdict(Side::Seller, true), Verdict::Deliver);
        assert_eq!(strict.verdict(Side::Buyer, false), Verdict::Deliver);
        let (hold, pass) = (rules("words = \"hold\""), rules("words = \"pass\"\nunread = \"hold\""));
        assert!(!hold.reads(Side::Seller) && !pass.reads(Side::Seller));
        assert_eq!(hold.verdict(Side::Seller, false), Verdict::Hold);
        assert_eq!(hold.verdict(Side::Buyer, false), Verdict::Deliver);
        assert_eq!(pass.verdict(Side::Seller, false), Verdict::Deliver);
        assert!(toml::from_str::<ImageRules>("words = \"blur\"").is_err());
    }
}
