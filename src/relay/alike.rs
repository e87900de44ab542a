//! Which texts are nearly the same: what a seller sends to many is no talk.

use std::collections::HashSet;

use super::talk::Talk;
use crate::{
    model::{Content, Form, Side},
    store::Alike,
};

/// What is compared of a seller's own words; `None`: nothing is, because the buyer wrote it, the
/// words are the house's, or they are too few to be told apart.
pub(super) fn of(talk: &Talk, content: &Content) -> Option<Alike> {
    let own = matches!(talk.form, Form::Free | Form::Feedback | Form::Shipping);
    if talk.from == Side::Buyer || !own {
        return None;
    }
    let pieces = pieces(content.text.as_deref().unwrap_or_default());
    if pieces.len() < LEAST {
        return None;
    }
    let sketch = talk.market.key.sketch(pieces.iter().map(|piece| piece.as_bytes()));
    Some(Alike { sketch, since: talk.at.minus(talk.rules.contact.fan_out.per) })
}

/// Every two words that stand together, without numbers; where words are not divided by spaces,
/// every three letters.
fn pieces(text: &str) -> HashSet<String> {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && !word.contains(|c: char| c.is_numeric()))
        .take(WORDS)
        .collect();
    let mut pieces: HashSet<String> = words.windows(2).map(|two| two.join(" ")).collect();
    for word in words.iter().filter(|word| !word.is_ascii() && word.chars().count() > LONG) {
        let letters: Vec<char> = word.chars().take(WORDS).collect();
        pieces.extend(letters.windows(3).map(|three| three.iter().collect::<String>()));
    }
    pieces
}

/// Of fewer pieces two honest short answers may be the same.
const LEAST: usize = 8;
/// So many words tell a text from others.
const WORDS: usize = 200;
/// A word of more letters is a sentence without spaces.
const LONG: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::test_key;

    const SPAM: &str = "Dear Ratna, our new winter collection has arrived in the shop, with scarves, hats and gloves for \
                        the whole family at prices you will not see again this year. Order 1234 was lovely.";

    fn alike(one: &str, two: &str) -> bool {
        let key = test_key();
        let [one, two] = [one, two].map(|text| {
            let pieces = pieces(text);
            assert!(pieces.len() >= LEAST, "{text}");
            key.sketch(pieces.iter().map(|piece| piece.as_bytes()))
        });
        one.is_like(&two)
    }

    #[test]
    fn another_name_number_or_greeting_is_no_other_text() {
        assert!(alike(SPAM, &SPAM.replace("Dear Ratna", "Good morning dear Budi")));
        assert!(alike(SPAM, &SPAM.replace("1234", "98-765")));
        assert!(alike(SPAM, &SPAM.to_uppercase().replace(',', "  ")));
        let thai = "เรามีสินค้าใหม่สำหรับฤดูหนาวพร้อมราคาพิเศษสำหรับลูกค้าทุกท่านวันนี้เท่านั้น";
        assert!(alike(thai, &format!("สวัสดีค่ะ {thai}")));
    }

    #[test]
    fn two_honest_texts_are_two() {
        let one = "Your lamp was packed this morning and goes out with the afternoon courier, so expect it on Friday.";
        let two = "The bicycle needs a new chain before we can send it; would Tuesday next week still be early enough?";
        assert!(!alike(one, two));
        assert!(!alike(SPAM, one));
        assert!(pieces("Thank you, it is on its way!").len() < LEAST, "too short to compare");
    }
}
