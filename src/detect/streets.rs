//! Words and shapes of streets and houses, by themselves: what the lexicon's whole words can not say.

/// "26th"
pub(super) fn ordinal(word: &str) -> bool {
    let letters = word.trim_start_matches(|c: char| c.is_ascii_digit());
    letters.len() < word.len() && matches!(letters, "st" | "nd" | "rd" | "th")
}

/// Digits, a letter or two, and further such groups: "12a", "45/6", "26th".
pub(super) fn house_number(word: &str) -> bool {
    word == "s/n"
        || word.split(['/', '-']).all(|group| {
            let letters = group.trim_start_matches(|c: char| c.is_ascii_digit());
            letters.len() <= 1
                || matches!(letters, "st" | "nd" | "rd" | "th" | "bis" | "ab" | "ter")
                || letters.len() == group.len()
        })
}

/// "unit" counts things and names a part of a house.
pub(super) fn is_name_of_house(word: &str) -> bool {
    matches!(word, "unit" | "m" | "w" | "lot" | "box" | "blok" | "bh")
}

/// Street names that carry their type at the end of the word.
pub(super) fn suffixed(word: &str) -> bool {
    word.len() > 5
        && (certain(word)
            || ["weg", "platz", "allee", "vej", "laan", "gade", "gata", "katu", "plein", "kade"]
                .iter()
                .any(|end| word.ends_with(end)))
}

/// Of these, the ones that end no other word.
pub(super) fn certain(word: &str) -> bool {
    word.len() > 6 && word.ends_with("str")
        || [
            "strase", "strasse", "straat", "gasse", "gase", "gatan", "gracht", "vagen", "tie", "kuja", "utca", "veien",
            "singel",
        ]
        .iter()
        .any(|end| word.ends_with(end) && (end.len() > 3 || word.len() > 8))
}

/// Streets by a word that says nothing else.
pub(super) const SURE: &[&str] = &[
    "jl",
    "jln",
    "jalan",
    "gg",
    "ul",
    "ulica",
    "ulicy",
    "al",
    "aleja",
    "alei",
    "osiedle",
    "calle",
    "avda",
    "avenida",
    "rua",
    "rue",
    "box",
    "postfach",
    "poczt",
    "улица",
    "ул",
    "проспект",
    "вул",
    "viale",
    "travessa",
    "chemin",
    "duong",
    "quai",
    "impasse",
    "allee",
    "allees",
];

/// The same for words after the street's name.
pub(super) const CLEAR: &[&str] = &[
    "street",
    "road",
    "rd",
    "avenue",
    "ave",
    "lane",
    "boulevard",
    "blvd",
    "st",
    "terrace",
    "crescent",
    "highway",
    "hwy",
    "parkway",
    "pkwy",
    "caddesi",
    "sokak",
    "utca",
    "проспект",
    "улица",
    "gasse",
    "strase",
    "strasse",
    "straat",
];

/// How the names of Polish streets end: of somebody, or bent as a street is.
pub(super) const BENT: &[&str] =
    &["ska", "cka", "zka", "owa", "ego", "iej", "nej", "wej", "skiej", "ich", "ych", "ow", "iana", "jna", "lna", "rna"];

/// States and provinces that people write by their letters after a comma.
pub(super) const STATES: &[&str] = &[
    "al", "ak", "az", "ar", "ca", "co", "ct", "de", "fl", "ga", "hi", "id", "il", "in", "ia", "ks", "ky", "la", "me",
    "md", "ma", "mi", "mn", "ms", "mo", "mt", "ne", "nv", "nh", "nj", "nm", "ny", "nc", "nd", "oh", "ok", "or", "pa",
    "ri", "sc", "sd", "tn", "tx", "ut", "vt", "va", "wa", "wv", "wi", "wy", "dc", "on", "qc", "bc", "ab", "mb", "sk",
    "ns", "nb", "nsw", "vic", "qld", "tas", "act",
];

/// Boxes at the post have a number alone.
pub(super) const BOXES: &[&str] =
    &["box", "pobox", "postfach", "poczt", "skr", "boks", "postbus", "apartado", "rr", "p"];

/// "is", "are": right after the word for a street they lead to its name, further on they do not.
pub(super) const COPULAS: &[&str] = &["to", "jest", "adalah", "is", "ist", "es"];

/// Words between the words of a name.
pub(super) const LINKS: &[&str] = &[
    "de", "la", "le", "les", "del", "della", "di", "da", "do", "dos", "das", "des", "du", "den", "der", "dem", "van",
    "von", "am", "an", "of", "the", "for", "and", "und", "y", "e", "i", "w", "in", "en", "el", "los", "las", "ter",
    "ten", "zum", "zur", "im", "na", "bis", "ter", "sur", "&", "ks", "s", "no", "nr", "n",
];

/// Administrative suffixes of Japanese and Korean names in Latin letters.
pub(super) const ROMANISED: &[&str] =
    &["-gu", "-ro", "-gil", "-dong", "-si", "-shi", "-ku", "-fu", "-ken", "-cho", "-machi", "-do", "-daero"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streets_carry_their_type() {
        assert!(certain("hauptstrasse") && suffixed("nowogatan") && suffixed("lindenweg") && !suffixed("platz"));
    }

    #[test]
    fn house_numbers_have_shapes() {
        assert!(["12", "12a", "45/6", "4-6", "26th", "s/n"].into_iter().all(house_number));
        assert!(!house_number("250rb") && !house_number("12pcs"));
    }
}
