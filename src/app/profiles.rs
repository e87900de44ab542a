//! Profiles of enforcement: what comes with the program under `config/policy/`, one of them chosen by
//! `enforcement.profile`, with whatever else stands in that section laid over it.

use std::fmt;

use serde::{Deserialize, Deserializer, de::Error};
use toml::Table;

use crate::{policy::enforcement::Enforcement, settings::lay_over};

/// `[enforcement]`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct EnforcementSettings {
    /// Which profile.
    pub profile: Profile,
    /// Its rules, with those of the section laid over them.
    pub rules: Enforcement,
}

// Of all keys only the profile has its default in the settings; the others have theirs in the profile.
impl fmt::Debug for EnforcementSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnforcementSettings").field("profile", &self.profile.as_str()).finish()
    }
}

/// A profile that comes with the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// The relay's own.
    #[default]
    Default,
    /// Modelled on the public rules of Shopee.
    Shopee,
    /// Modelled on the public rules of TikTok Shop.
    TiktokShop,
    /// Modelled on the public rules of Amazon.
    Amazon,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Default, Self::Shopee, Self::TiktokShop, Self::Amazon];

    /// The word in the settings and the name of its file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Shopee => "shopee",
            Self::TiktokShop => "tiktok-shop",
            Self::Amazon => "amazon",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Default => include_str!("../../config/policy/default.toml"),
            Self::Shopee => include_str!("../../config/policy/shopee.toml"),
            Self::TiktokShop => include_str!("../../config/policy/tiktok-shop.toml"),
            Self::Amazon => include_str!("../../config/policy/amazon.toml"),
        }
    }

    /// Its rules, with `over` laid over them. What a profile leaves out is as in `default`.
    ///
    /// # Errors
    /// Why they can not be used.
    pub fn rules(self, over: &Table) -> Result<Enforcement, String> {
        let mut table: Table = Self::Default.text().parse().map_err(|e: toml::de::Error| e.message().to_owned())?;
        if self != Self::Default {
            let own: Table = self.text().parse().map_err(|e: toml::de::Error| e.message().to_owned())?;
            lay_over(&mut table, &own);
        }
        lay_over(&mut table, over);
        let rules: Enforcement = table.try_into().map_err(|e: toml::de::Error| e.message().replace('\n', " "))?;
        match rules.faults().first() {
            Some((key, why)) => Err(format!("{key}: {why}")),
            None => Ok(rules),
        }
    }
}

impl<'de> Deserialize<'de> for EnforcementSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut over = Table::deserialize(deserializer)?;
        let profile = match over.remove("profile") {
            None => Profile::Default,
            Some(named) => {
                let word = named.as_str().unwrap_or_default();
                Profile::ALL.into_iter().find(|profile| profile.as_str() == word).ok_or_else(|| {
                    let all = Profile::ALL.map(Profile::as_str).join(", ");
                    D::Error::custom(format!("enforcement.profile is not one of {all}"))
                })?
            }
        };
        let rules = profile.rules(&over).map_err(|why| D::Error::custom(format!("enforcement: {why}")))?;
        Ok(Self { profile, rules })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_that_comes_with_the_program_can_be_used() {
        for profile in Profile::ALL {
            let rules = profile.rules(&Table::new()).unwrap_or_else(|why| panic!("{}: {why}", profile.as_str()));
            assert!(!rules.seller.ladder.is_empty(), "{}", profile.as_str());
        }
    }

    #[test]
    fn the_default_profile_says_what_the_program_does_without_settings() {
        assert_eq!(Profile::Default.rules(&Table::new()).unwrap(), Enforcement::default());
    }

    #[test]
    fn a_marketplace_lays_its_own_figures_over_a_profile() {
        let read = |text: &str| toml::from_str::<EnforcementSettings>(text);
        let own = read("profile = \"tiktok-shop\"\n[seller.points]\nthreat = 48").unwrap();
        let plain = Profile::TiktokShop.rules(&Table::new()).unwrap();
        assert_eq!(own.rules.seller.points[&crate::model::Breach::Threat], 48);
        assert_eq!(own.rules.seller.ladder, plain.seller.ladder);
        for (wrong, why) in [
            ("profile = \"lazada\"", "not one of"),
            ("profile = 5", "not one of"),
            ("frobnicate = 1", "frobnicate"),
            ("[appeal]\ntimes = 5", "appeal.times"),
            ("[seller.points]\nrudeness = 5", "rudeness"),
        ] {
            let told = read(wrong).unwrap_err().to_string();
            assert!(told.contains(why), "{wrong}: {told}");
        }
    }
}
