//! Numbering plans and check digits.

use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};

use super::Context;

/// How well digits fit a numbering plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// Not at all.
    None,
    /// Right length.
    Possible,
    /// In an assigned range.
    Valid,
}

/// A region by its two letters.
pub(super) fn region(code: &str) -> Option<Region> {
    code.to_ascii_uppercase().parse().ok()
}

/// How well `digits` fit the plan of `region`, or, with `plus`, of the country code they begin with.
pub(super) fn fit(digits: &str, plus: bool, region: Option<Region>) -> Fit {
    let mut international = String::new();
    let text = if plus {
        international.push('+');
        international.push_str(digits);
        &international
    } else {
        digits
    };
    let Ok(number) = PHONE_NUMBER_UTIL.parse(text, region) else { return Fit::None };
    if PHONE_NUMBER_UTIL.is_valid_number(&number) {
        Fit::Valid
    } else if PHONE_NUMBER_UTIL.is_possible_number(&number) {
        Fit::Possible
    } else {
        Fit::None
    }
}

/// Which numbering plans a text is read with.
pub(super) struct Regions {
    /// The region that is told, or the language's own.
    pub(super) home: Option<Region>,
    guesses: &'static [Region],
}

impl Regions {
    /// The regions whose plans count here, the likeliest first.
    pub(super) fn of(context: &Context) -> Self {
        let told = context.region.as_deref().and_then(region);
        let spoken = match context.lang.as_deref() {
            Some("id") => Some(Region::ID),
            Some("pl") => Some(Region::PL),
            Some("de") => Some(Region::DE),
            Some("es") => Some(Region::ES),
            Some("vi") => Some(Region::VN),
            Some("th") => Some(Region::TH),
            Some("tl") => Some(Region::PH),
            Some("ms") => Some(Region::MY),
            Some("zh") => Some(Region::CN),
            Some("ru") => Some(Region::RU),
            Some("fr") => Some(Region::FR),
            Some("it") => Some(Region::IT),
            Some("pt") => Some(Region::BR),
            Some("tr") => Some(Region::TR),
            Some("uk") => Some(Region::UA),
            _ => None,
        };
        match told.or(spoken) {
            Some(home) => Self { home: Some(home), guesses: &[] },
            None => Self { home: None, guesses: &[Region::US, Region::GB, Region::ID] },
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = Region> + '_ {
        self.home.into_iter().chain(self.guesses.iter().copied())
    }

    /// How well digits that were put together from parts fit. Where the plan asks for no leading
    /// zero, chance fits too easily, and a word must speak of a number.
    pub(super) fn told(&self, digits: &str, called: bool) -> Fit {
        let prefixed = digits.starts_with('0') || digits.starts_with("62");
        let whole = digits.len() >= 9;
        match self.fit(digits, false) {
            Fit::Valid if prefixed || called || whole => Fit::Valid,
            Fit::Valid => Fit::Possible,
            Fit::Possible if called && digits.len() >= 9 => Fit::Valid,
            other => other,
        }
    }

    /// How well digits fit any of the plans.
    pub(super) fn fit(&self, digits: &str, plus: bool) -> Fit {
        if plus {
            return fit(digits, true, None);
        }
        self.all().map(|region| fit(digits, false, Some(region))).max().unwrap_or(Fit::None)
    }
}

/// The check digit of cards and IMEIs.
pub(super) fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, b)| {
            let value = u32::from(b.wrapping_sub(b'0'));
            match at % 2 {
                0 => value,
                _ if value > 4 => value * 2 - 9,
                _ => value * 2,
            }
        })
        .sum();
    !digits.is_empty() && sum.is_multiple_of(10)
}

/// The check digit of EAN, UPC and ISBN-13.
pub(super) fn ean(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, b)| u32::from(b.wrapping_sub(b'0')) * if at % 2 == 0 { 1 } else { 3 })
        .sum();
    matches!(digits.len(), 8 | 12 | 13 | 14) && sum.is_multiple_of(10)
}

/// ISO 7064 mod 97-10 over letters and digits, as IBANs use it, after moving the first four.
pub(super) fn mod97(iban: &str) -> bool {
    if !iban.is_ascii() || iban.len() < 5 {
        return false;
    }
    let turned = iban[4..].bytes().chain(iban[..4].bytes());
    let mut rest = 0u32;
    for byte in turned {
        rest = match byte.to_ascii_lowercase() {
            digit @ b'0'..=b'9' => (rest * 10 + u32::from(digit - b'0')) % 97,
            letter @ b'a'..=b'z' => (rest * 100 + u32::from(letter - b'a') + 10) % 97,
            _ => return false,
        };
    }
    rest == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_checked() {
        assert!(luhn("4111111111111111") && !luhn("4111111111111112"));
        assert!(ean("5901234123457") && !ean("5901234123458"));
        assert!(mod97("GB82WEST12345698765432") && !mod97("GB82WEST12345698765431"));
    }

    #[test]
    fn plans_tell_numbers_from_digits() {
        assert_eq!(fit("081234567890", false, region("id")), Fit::Valid);
        assert_eq!(fit("6281234567890", true, None), Fit::Valid);
        assert!(fit("123", false, region("ID")) < Fit::Valid);
    }
}
