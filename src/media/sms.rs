//! How long a text is on its way: parts of a short message (3GPP TS 23.038 and 23.040).

/// In how many parts a text goes: of 160 septets, or 153 where there are several, while every character is in the
/// default alphabet of GSM; else of 70 units of UTF-16, or 67.
pub fn segments(text: &str) -> usize {
    let septets: Option<usize> = text.chars().map(septets).sum();
    let (length, alone, each) = match septets {
        Some(septets) => (septets, 160, 153),
        None => (text.encode_utf16().count(), 70, 67),
    };
    if length <= alone { 1 } else { length.div_ceil(each) }
}

/// A text that goes in `most` parts: as it is, or its beginning and `rest`, which says that there is more.
pub fn fitted(text: &str, most: usize, rest: &str) -> String {
    if segments(text) <= most {
        return text.to_owned();
    }
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let cut = |chars: usize| format!("{}... {rest}", text[..ends[chars]].trim_end());
    // More characters never take fewer parts.
    let fits = ends.partition_point(|end| segments(&format!("{}... {rest}", text[..*end].trim_end())) <= most);
    cut(fits.saturating_sub(1))
}

/// Septets of a character in the default alphabet and its extension table; `None`: it is in neither.
fn septets(c: char) -> Option<usize> {
    match c {
        'A'..='Z' | 'a'..='z' | '0'..='9' | '\n' | '\r' | ' ' => Some(1),
        '^' | '{' | '}' | '\\' | '[' | '~' | ']' | '|' | '€' => Some(2),
        _ => BASIC.contains(c).then_some(1),
    }
}

const BASIC: &str = "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ!\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_are_counted_as_networks_count_them() {
        for (text, parts) in [
            (String::new(), 1),
            ("a".repeat(160), 1),
            ("a".repeat(161), 2),
            ("a".repeat(306), 2),
            ("a".repeat(307), 3),
            ("€".repeat(80), 1),
            ("€".repeat(81), 2),
            ("ą".repeat(70), 1),
            ("ą".repeat(71), 2),
            (format!("ą{}", "a".repeat(69)), 1),
            ("📦".repeat(35), 1),
            ("📦".repeat(36), 2),
        ] {
            assert_eq!(segments(&text), parts, "{} characters", text.chars().count());
        }
    }

    proptest! {
        #[test]
        fn what_is_cut_fits_and_says_so(text in "\\PC{0,900}", most in 1usize..4) {
            let fitted = fitted(&text, most, "[more there]");
            prop_assert!(segments(&fitted) <= most, "{fitted}");
            prop_assert!(fitted == text || fitted.ends_with("... [more there]"), "{fitted}");
        }
    }
}
