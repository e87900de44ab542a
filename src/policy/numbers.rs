//! The pool of phone numbers that stand between people who text: which ones serve somebody, and in which order they are
//! tried. Two people who have many conversations at a time need as many numbers as the busier of them has.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::model::Duration;

/// A number of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolNumber {
    /// In E.164.
    pub number: String,
    /// It serves phones whose numbers begin with one of these, such as `+62`; none: all.
    pub serves: Vec<String>,
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
    /// The numbers that serve `phone`, in the order in which they are tried: its own order for each phone, so that the
    /// pool is used evenly, and, unless the pool is sticky, for each `conversation`.
    pub fn serving(&self, phone: &str, conversation: &str) -> Vec<&str> {
        let serves = |number: &&PoolNumber| {
            number.number != phone
                && (number.serves.is_empty() || number.serves.iter().any(|begins| phone.starts_with(begins)))
        };
        let mut numbers: Vec<&str> = self.numbers.iter().filter(serves).map(|number| number.number.as_str()).collect();
        let salt = if self.sticky { "" } else { conversation };
        numbers.sort_by_key(|number| rank(&[phone, number, salt]));
        numbers
    }
}

/// A newer version of the program may rank otherwise: who has a number keeps it.
fn rank(parts: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(sticky: bool) -> Pool {
        let number = |n: u32, serves: &[&str]| PoolNumber {
            number: format!("+1555010{n:04}"),
            serves: serves.iter().map(|s| (*s).to_owned()).collect(),
        };
        let numbers = vec![number(1, &["+62"]), number(2, &["+62"]), number(3, &["+48"]), number(4, &[])];
        Pool { numbers, sticky, release: Duration::days(30) }
    }

    #[test]
    fn a_phone_is_served_by_numbers_of_its_country_and_by_those_that_serve_all() {
        let serving = |phone| {
            let pool = pool(true);
            let mut numbers: Vec<String> = pool.serving(phone, "c").into_iter().map(str::to_owned).collect();
            numbers.sort();
            numbers
        };
        assert_eq!(serving("+6281200000000"), ["+15550100001", "+15550100002", "+15550100004"]);
        assert_eq!(serving("+48600000000"), ["+15550100003", "+15550100004"]);
        assert_eq!(serving("+4400000000"), ["+15550100004"]);
        assert_eq!(serving("+15550100004"), Vec::<String>::new(), "nobody texts themselves");
    }

    #[test]
    fn sticky_is_the_same_order_for_every_conversation_of_a_phone() {
        let orders = |sticky| {
            let pool = pool(sticky);
            let mut orders: Vec<Vec<String>> = (0..40)
                .map(|n| pool.serving("+6281200000000", &n.to_string()).into_iter().map(str::to_owned).collect())
                .collect();
            orders.sort();
            orders.dedup();
            orders.len()
        };
        assert_eq!(orders(true), 1);
        assert_eq!(orders(false), 6, "all orders of three");
    }
}
