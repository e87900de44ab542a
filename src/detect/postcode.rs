//! Postcodes by their shape.

/// Whether a word is a postcode and hardly anything else: "00-950", "98532-1900", "SW1A1AA".
pub(super) fn whole(word: &str) -> bool {
    let bytes = word.as_bytes();
    if !word.is_ascii() {
        return false;
    }
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    match bytes.len() {
        6..=8 if digits < bytes.len() && digits >= 2 => {
            let (area, unit) = word.split_at(word.len() - 3);
            ["dd-ddd", "ddd-dddd", "dddd-ddd", "a-dddd", "a-ddddd", "aa-dddd", "aa-ddddd", "ddddaa", "adadad"]
                .iter()
                .any(|shape| shaped(word, shape))
                || british(area) && shaped(unit, "daa")
        }
        9..=10 => shaped(word, "ddddd-ddd") || shaped(word, "ddddd-dddd"),
        _ => false,
    }
}

/// Whether two words are a postcode together: "SW1A 1AA", "M5V 2T6", "1015 CJ", "T12 AB34".
pub(super) fn pair(word: &str, next: &str) -> bool {
    british(word) && shaped(next, "daa")
        || shaped(word, "ada") && shaped(next, "dad")
        || shaped(word, "dddd")
            && shaped(next, "aa")
            && !["am", "pm", "kg", "gr", "ml", "cm", "mm", "xl", "no"].contains(&next)
        || shaped(word, "add") && next.len() == 4 && next.bytes().any(|b| b.is_ascii_digit()) && !next.ends_with("th")
}

/// Whether a word is so many digits as postcodes have. Whether it is one, the words around tell.
pub(super) fn digits(word: &str) -> bool {
    (4..=6).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_digit())
}

/// Whether the word at `start..end` may be a postcode or a part of one.
pub(super) fn hint(text: &str, start: usize, end: usize) -> bool {
    let word = &text[start..end];
    let polish = || end - start == 2 && text.as_bytes().get(end) == Some(&b'-');
    digits(word) || polish() || british(word) && word.len() > 2 || shaped(word, "ada") || shaped(word, "add")
}

fn british(word: &str) -> bool {
    ["ad", "aad", "add", "aadd", "ada", "aada"].iter().any(|shape| shaped(word, shape))
}

/// Whether a word has a shape of letters (`a`) and digits (`d`).
fn shaped(word: &str, shape: &str) -> bool {
    word.len() == shape.len()
        && word.bytes().zip(shape.bytes()).all(|(b, s)| match s {
            b'a' => b.is_ascii_alphabetic(),
            b'd' => b.is_ascii_digit(),
            sign => b == sign,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postcodes_have_shapes() {
        for code in ["00-950", "98532-1900", "1100-053", "01310-200", "sw1a1aa", "d-10115"] {
            assert!(whole(code), "{code}");
        }
        for no_code in ["00950", "12-34", "abcdef", "2024-06"] {
            assert!(!whole(no_code), "{no_code}");
        }
        assert!(pair("sw1a", "1aa") && pair("m5v", "2t6") && pair("1015", "cj") && !pair("1200", "kg"));
        assert!(digits("97477") && !digits("123") && !digits("12a45"));
    }
}
