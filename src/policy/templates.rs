//! Texts of the house: what a seller may say where its own words are not welcome. The places in
//! them take numbers, dates and a few known words, so that nothing of a seller's gets in.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

use crate::model::Template;

/// A template with its places filled; its words are chosen when the reader is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    template: Template,
    values: BTreeMap<&'static str, String>,
}

/// What is wrong with a template that was filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongParam {
    /// Which place.
    pub name: String,
    /// Why, in words that quote nothing.
    pub why: &'static str,
}

impl Filled {
    /// Fills a template. Values are numbers and words as they were written.
    ///
    /// # Errors
    /// The first place that lacks its value, has one that does not fit, or is not there.
    pub fn new(template: Template, params: &BTreeMap<String, String>) -> Result<Self, WrongParam> {
        let places = places(template);
        if let Some(name) = params.keys().find(|name| !places.iter().any(|(place, _)| place == name)) {
            return Err(WrongParam { name: name.clone(), why: "this template has no such place" });
        }
        let mut values = BTreeMap::new();
        for (name, takes) in places {
            let wrong = |why| WrongParam { name: (*name).to_owned(), why };
            let value = params.get(*name).ok_or_else(|| wrong("this template needs it"))?;
            if !takes.fits(value) {
                return Err(wrong(takes.why()));
            }
            values.insert(*name, value.clone());
        }
        Ok(Self { template, values })
    }

    /// Which one.
    pub fn template(&self) -> Template {
        self.template
    }

    /// The text for a reader of that language; English where there is none of it.
    pub fn text(&self, locale: Option<&str>) -> String {
        let Some(words) = words(locale) else { return String::new() };
        let mut text = words.of(self.template).to_owned();
        for (name, value) in &self.values {
            let shown = match *name {
                "about" => words.about.get(value),
                "status" => words.status.get(value),
                _ => None,
            };
            text = text.replace(&format!("{{{name}}}"), shown.unwrap_or(value));
        }
        text
    }
}

/// What a place takes.
#[derive(Clone, Copy, Debug)]
enum Takes {
    /// A sum: up to nine digits and two after a point.
    Amount,
    /// Three capital letters.
    Currency,
    /// 1 to 60.
    Days,
    /// `2026-11-22`.
    Date,
    /// One of these.
    One(&'static [&'static str]),
}

impl Takes {
    fn fits(self, value: &str) -> bool {
        let digits = |text: &str, most| (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        match self {
            Self::Amount => match value.split_once('.') {
                Some((whole, cents)) => digits(whole, 9) && digits(cents, 2),
                None => digits(value, 9),
            },
            Self::Currency => value.len() == 3 && value.bytes().all(|b| b.is_ascii_uppercase()),
            Self::Days => digits(value, 2) && value.parse::<u8>().is_ok_and(|days| (1..=60).contains(&days)),
            Self::Date => {
                let parts: Vec<&str> = value.split('-').collect();
                let within = |text: &str, most| text.len() == 2 && text.parse().is_ok_and(|n| (1..=most).contains(&n));
                matches!(parts[..], [year, month, day] if year.len() == 4 && year.starts_with("20")
                    && digits(year, 4) && within(month, 12_u8) && within(day, 31))
            }
            Self::One(known) => known.contains(&value),
        }
    }

    fn why(self) -> &'static str {
        match self {
            Self::Amount => "not an amount such as 150000 or 12.50",
            Self::Currency => "not a currency such as IDR",
            Self::Days => "not 1 to 60",
            Self::Date => "not a date such as 2026-11-22",
            Self::One(_) => "not one of the words that this place takes",
        }
    }
}

fn places(template: Template) -> &'static [(&'static str, Takes)] {
    match template {
        Template::Answer => &[("about", Takes::One(&["delivery", "invoice", "item", "return", "size", "warranty"]))],
        Template::Apology => {
            &[("about", Takes::One(&["damaged", "description", "late", "missing", "service", "wrong"]))]
        }
        Template::Feedback => &[],
        Template::Refund => &[("amount", Takes::Amount), ("currency", Takes::Currency), ("days", Takes::Days)],
        Template::Shipping => {
            &[("date", Takes::Date), ("status", Takes::One(&["delayed", "delivered", "out", "packed", "shipped"]))]
        }
    }
}

/// One language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    language: String,
    refund: String,
    apology: String,
    answer: String,
    feedback: String,
    shipping: String,
    about: BTreeMap<String, String>,
    status: BTreeMap<String, String>,
}

impl Words {
    fn of(&self, template: Template) -> &str {
        match template {
            Template::Answer => &self.answer,
            Template::Apology => &self.apology,
            Template::Feedback => &self.feedback,
            Template::Refund => &self.refund,
            Template::Shipping => &self.shipping,
        }
    }
}

fn words(locale: Option<&str>) -> Option<&'static Words> {
    let language = locale.and_then(|locale| locale.split(['-', '_']).next()).unwrap_or_default();
    let language = if language == "ms" { "id" } else { language };
    LANGUAGES.iter().find(|words| words.language == language).or_else(|| LANGUAGES.first())
}

/// English first. They come with the program: a test sees to it that each is read.
static LANGUAGES: LazyLock<Vec<Words>> =
    LazyLock::new(|| TEXTS.iter().filter_map(|text| toml::from_str(text).ok()).collect());

const TEXTS: [&str; 3] = [
    include_str!("../../config/templates/en.toml"),
    include_str!("../../config/templates/id.toml"),
    include_str!("../../config/templates/pl.toml"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: Template, params: &[(&str, &str)]) -> Result<Filled, WrongParam> {
        let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Filled::new(template, &params)
    }

    /// Every template with every word in every place.
    fn all() -> Vec<Filled> {
        let mut all = Vec::new();
        for template in Template::ALL {
            let mut rows: Vec<Vec<(&str, &str)>> = vec![Vec::new()];
            for (name, takes) in places(template) {
                let values: &[&str] = match takes {
                    Takes::Amount => &["1", "150000", "12.50"],
                    Takes::Currency => &["IDR", "PLN"],
                    Takes::Days => &["1", "60"],
                    Takes::Date => &["2026-11-22"],
                    Takes::One(known) => known,
                };
                let with = |row: &Vec<_>, value| [row.as_slice(), &[(*name, value)]].concat();
                rows = rows.iter().flat_map(|row| values.iter().map(move |value| with(row, *value))).collect();
            }
            all.extend(rows.iter().map(|row| filled(template, row).unwrap()));
        }
        all
    }

    #[test]
    fn every_place_is_filled_in_every_language() {
        assert_eq!(LANGUAGES.len(), TEXTS.len(), "each file is read");
        for locale in [None, Some("en"), Some("id"), Some("ms-MY"), Some("pl"), Some("xx")] {
            for filled in all() {
                let text = filled.text(locale);
                assert!(!text.contains(['{', '}']), "{locale:?}: {text}");
                let words = words(locale).unwrap();
                let known = |name, words: &BTreeMap<String, String>| {
                    filled.values.get(name).is_none_or(|value: &String| words.contains_key(value))
                };
                assert!(known("about", &words.about) && known("status", &words.status), "{locale:?}: {filled:?}");
            }
        }
        let apology = filled(Template::Apology, &[("about", "late")]).unwrap();
        assert_eq!(
            apology.text(Some("id")),
            "Penjual memohon maaf atas pengiriman yang terlambat. Anda tidak perlu membalas."
        );
    }

    #[test]
    fn nothing_of_a_sellers_own_gets_in() {
        let refund = |amount, currency, days| {
            filled(Template::Refund, &[("amount", amount), ("currency", currency), ("days", days)])
        };
        assert!(refund("150000", "IDR", "7").is_ok());
        for (amount, currency, days) in [
            ("0812 3456", "IDR", "7"),
            ("081234567890", "IDR", "7"),
            ("12.345", "IDR", "7"),
            ("", "IDR", "7"),
            ("1", "rp", "7"),
            ("1", "IDRX", "7"),
            ("1", "IDR", "0"),
            ("1", "IDR", "61"),
            ("1", "IDR", "seven"),
        ] {
            assert!(refund(amount, currency, days).is_err(), "{amount} {currency} {days}");
        }
        let date = |date| filled(Template::Shipping, &[("date", date), ("status", "out")]);
        assert!(date("2026-02-28").is_ok());
        for bad in ["2026-13-01", "2026-00-01", "0812-34-56", "22.11.2026", "2026-1-1", "2026-11-2x"] {
            assert!(date(bad).is_err(), "{bad}");
        }
        let wrong = filled(Template::Apology, &[("about", "call 0812")]).unwrap_err();
        assert_eq!((wrong.name.as_str(), wrong.why.contains("0812")), ("about", false));
        assert_eq!(filled(Template::Feedback, &[("text", "hi")]).unwrap_err().name, "text");
        assert_eq!(filled(Template::Refund, &[("amount", "1")]).unwrap_err().why, "this template needs it");
    }
}
