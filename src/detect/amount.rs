//! Digits that are no contact: prices, dates, steps; and what may follow a telephone number.

/// "1.500.000", "1,299.00", "415.55".
pub(super) fn thousands(text: &str) -> bool {
    let mut groups = text.split(['.', ',']);
    let first = groups.next().unwrap_or_default();
    let rest: Vec<&str> = groups.collect();
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if rest.is_empty() || !digits(first) || !rest.iter().all(|g| digits(g)) {
        return false;
    }
    let cents = rest.last().is_some_and(|g| g.len() <= 2);
    let middle = if cents { &rest[..rest.len() - 1] } else { &rest[..] };
    let nought = first.bytes().all(|b| b == b'0') && rest.len() > 1;
    !nought
        && first.len() <= 3
        && middle.iter().all(|g| g.len() == 3)
        && !(first.len() == 3 && rest.len() == 2 && !cents)
        || rest.len() == 1
}

/// "08.00-16.30": hours of the day, whatever comes after them.
pub(super) fn hours(text: &str) -> bool {
    let first = clock(text);
    let rest = first.map(|len| text[len..].trim_start_matches(' ')).unwrap_or_default();
    let second = rest.strip_prefix(['-', '–']).map(|rest| rest.trim_start_matches(' '));
    second.is_some_and(|rest| clock(rest).is_some_and(|len| !rest[len..].starts_with(['.', '-'])))
}

/// How long a time of day is, to five minutes: numbers are written with dots too.
fn clock(text: &str) -> Option<usize> {
    let hour = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = text[hour..].strip_prefix('.')?;
    let minute = rest.bytes().take_while(u8::is_ascii_digit).count();
    let value = |digits: &str| digits.parse::<u8>().ok();
    let real = value(&text[..hour])? <= 24 && value(&rest[..minute])? < 60;
    ((1..=2).contains(&hour) && minute == 2 && rest[1..].starts_with(['0', '5']) && real).then_some(hour + 3)
}

/// "149,99 + 12,99": prices added up.
pub(super) fn sum(text: &str) -> bool {
    let price = |part: &str| {
        let cents = part.trim().split_once([',', '.']);
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        cents.is_some_and(|(whole, cents)| digits(whole) && whole.len() <= 5 && digits(cents) && cents.len() == 2)
    };
    text.contains('+') && text.split('+').all(price)
}

/// One, two, three, …: counting aloud.
pub(super) fn counted(value: &str) -> bool {
    value.bytes().zip(b'1'..).all(|(digit, next)| digit == next)
}

/// How long an extension after a number is: "x123", ", ext. 45".
pub(super) fn extension(rest: &str) -> usize {
    let trimmed = rest.trim_start_matches([' ', ',', ';', '(', '.']);
    let lead = rest.len() - trimmed.len();
    let Some(mark) = ["extension", "ext.", "ext:", "ext", "xtn", "x", "wew.", "wew", "#", "anexo", "int.", "доб."]
        .iter()
        .find(|m| trimmed.starts_with(*m))
    else {
        return 0;
    };
    let after = trimmed[mark.len()..].trim_start_matches([' ', ':', '.', '#', '=']);
    let gap = trimmed.len() - mark.len() - after.len();
    let figures = after.bytes().take_while(u8::is_ascii_digit).count();
    let ends = after[figures..].chars().next().is_none_or(|c| !c.is_alphanumeric());
    if lead <= 3 && gap <= 3 && (1..=7).contains(&figures) && ends { lead + mark.len() + gap + figures } else { 0 }
}

/// Numbers of one or two digits, or of one width, that only rise: sizes, years.
pub(super) fn rising(groups: &[&str]) -> bool {
    groups.len() >= 4 && groups.windows(2).all(|pair| pair[0].len() == pair[1].len() && pair[0] < pair[1])
}

/// A day written year first somewhere within.
pub(super) fn dated(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.windows(5).enumerate().any(|(at, w)| {
        w[..4].iter().all(u8::is_ascii_digit)
            && matches!(&w[..2], b"19" | b"20")
            && matches!(w[4], b'-' | b'/')
            && (at == 0 || !bytes[at - 1].is_ascii_digit())
            && bytes[at + 5..].iter().take(6).filter(|b| matches!(b, b'-' | b'/')).count() >= 1
            && bytes[at + 5..].iter().take_while(|b| b.is_ascii_digit()).count() <= 2
    })
}

/// "12/06/2024", "2024-06-12", "10-11-2024".
pub(super) fn date(text: &str) -> bool {
    let groups: Vec<&str> = text.split(['/', '-', '.', ' ']).collect();
    let value = |s: &&str| s.parse::<u32>().unwrap_or(u32::MAX);
    let year = |s: &&str| s.len() == 4 && (1900..=2100).contains(&value(s));
    match groups.as_slice() {
        [a, b, c] if year(a) => b.len() <= 2 && c.len() <= 2 && value(b) <= 12 && value(c) <= 31,
        [a, b, c] if year(c) || c.len() == 2 => a.len() <= 2 && b.len() <= 2 && value(a) <= 31 && value(b) <= 31,
        [a, b] => year(a) && year(b),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_prices() {
        for price in ["1.500.000", "1,299.00", "415.55", "12,5"] {
            assert!(thousands(price), "{price}");
        }
        assert!(!thousands("0812.3456.7890") && !thousands("601.222.333") && !thousands("0.813.555.012"));
    }

    #[test]
    fn hours_and_sums_are_no_numbers() {
        assert!(hours("08.00-16.30") && hours("9.00 - 17.45, sabtu 08"));
        assert!(!hours("08.12-34.56") && !hours("08.00-16.30.55") && !hours("0812-3456"));
        assert!(sum("149,99 + 12,99") && sum("5.00+2.50"));
        assert!(!sum("+62 812") && !sum("601 + 222 333") && !sum("149,99"));
    }

    #[test]
    fn days_are_days() {
        for day in ["12/06/2024", "2024-06-12", "10-11-2024", "1.2.24"] {
            assert!(date(day), "{day}");
        }
        assert!(!date("021-555-0132") && dated("am 2024-06-12 08"));
    }

    #[test]
    fn extensions_are_measured() {
        assert_eq!(extension(" x 123 lagi"), 6);
        assert_eq!(extension(", ext. 45"), 9);
        assert_eq!(extension(" extra"), 0);
    }

    #[test]
    fn counting_and_rising_numbers_are_known() {
        assert!(counted("12345678") && !counted("12345679"));
        assert!(rising(&["38", "39", "40", "41"]) && !rising(&["38", "37", "40", "41"]));
    }
}
