//! The pool of phone numbers that stand between people who text: which ones serve somebody, and in which order they are
//! tried. Two people who have many conversations at a time need as many numbers as the busier of them has.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::model::{Duration, Marketplace};

/// A number of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolNumber {
    /// In E.164.
    pub number: String,
    /// It serves phones whose numbers begin with one of these, such as `+62`; none: all.
    pub serves: Vec<String>,
    /// It is this marketplace's alone; none: all share it.
    pub marketplace: Option<Marketplace>,
}

/// The numbers that there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// Each once.
    pub numbers: Vec<PoolNumber>,
    /// Whether a person gets the same number again as soon as it is free, or another where there is one.
    pub sticky: bool,
    /// How long after the end of a conversation, or its last text, its number may go to another.
    pub release: Duration,
}

impl Pool {
    /// Whether a number is one of the pool: then it is nobody's phone.
    pub fn has(&self, phone: &str) -> bool {
        self.numbers.iter().any(|number| number.number == phone)
    }

    /// The numbers that serve `phone` in a marketplace.
    pub fn serving(&self, marketplace: &Marketplace, phone: &str) -> Vec<&str> {
        let serves = |number: &&PoolNumber| {
            !self.has(phone)
                && number.marketplace.as_ref().is_none_or(|own| own == marketplace)
                && (number.serves.is_empty() || number.serves.iter().any(|begins| phone.starts_with(begins)))
        };
        self.numbers.iter().filter(serves).map(|number| number.number.as_str()).collect()
    }

    /// The place of a number among those that serve a phone, by the keyed index of the two: each phone has an order of
    /// its own, so that the pool is used evenly, and nobody without the key can tell which was taken before; unless the
    /// pool is sticky, each conversation has. A newer version may rank otherwise: who has a number keeps it.
    pub fn rank(&self, index: &[u8], conversation: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        (index, if self.sticky { "" } else { conversation }).hash(&mut hasher);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(sticky: bool) -> Pool {
        let number = |n: u32, serves: &[&str], own: Option<&str>| PoolNumber {
            number: format!("+1202555010{n}"),
            serves: serves.iter().map(|s| (*s).to_owned()).collect(),
            marketplace: own.map(|own| own.parse().unwrap()),
        };
        let numbers = vec![
            number(1, &["+62"], None),
            number(2, &["+62"], Some("other")),
            number(3, &["+48"], None),
            number(4, &[], None),
        ];
        Pool { numbers, sticky, release: Duration::days(30) }
    }

    #[test]
    fn a_phone_is_served_by_numbers_of_its_country_and_marketplace_and_by_those_that_serve_all() {
        let pool = pool(true);
        let serving = |market: &str, phone| pool.serving(&market.parse().unwrap(), phone);
        assert_eq!(serving("market", "+6281200000000"), ["+12025550101", "+12025550104"]);
        assert_eq!(serving("other", "+6281200000000"), ["+12025550101", "+12025550102", "+12025550104"]);
        assert_eq!(serving("market", "+48600000000"), ["+12025550103", "+12025550104"]);
        assert_eq!(serving("market", "+4400000000"), ["+12025550104"]);
        assert_eq!(serving("market", "+12025550104"), Vec::<&str>::new(), "nobody texts themselves");
        assert_eq!(serving("other", "+12025550101"), Vec::<&str>::new(), "nor does one number another");
    }

    #[test]
    fn sticky_is_the_same_order_for_every_conversation_of_a_phone() {
        let ranks = |sticky| {
            let pool = pool(sticky);
            let mut ranks: Vec<u64> = (0..40).map(|n| pool.rank(&[7; 16], &n.to_string())).collect();
            ranks.sort_unstable();
            ranks.dedup();
            ranks.len()
        };
        assert_eq!((ranks(true), ranks(false)), (1, 40));
    }
}
