//! Letters and words that stand for others, for whoever disguises and whoever reads.

/// Cyrillic letters that look Latin.
#[rustfmt::skip]
pub(crate) const CYRILLIC: &[(char, char)] = &[
    ('a', 'а'), ('c', 'с'), ('e', 'е'), ('o', 'о'), ('p', 'р'), ('x', 'х'), ('y', 'у'), ('i', 'і'), ('j', 'ј'),
    ('s', 'ѕ'), ('h', 'һ'), ('k', 'к'), ('m', 'м'), ('t', 'т'), ('d', 'ԁ'), ('w', 'ԝ'), ('q', 'ԛ'),
];

/// Greek letters that look Latin.
#[rustfmt::skip]
pub(crate) const GREEK: &[(char, char)] =
    &[('a', 'α'), ('e', 'ε'), ('i', 'ι'), ('k', 'κ'), ('n', 'η'), ('o', 'ο'), ('p', 'ρ'), ('t', 'τ'), ('u', 'υ'), ('v', 'ν'), ('x', 'χ'), ('y', 'γ')];

/// Small capitals.
#[rustfmt::skip]
pub(crate) const SMALL_CAPITALS: &[(char, char)] = &[
    ('a', 'ᴀ'), ('b', 'ʙ'), ('c', 'ᴄ'), ('d', 'ᴅ'), ('e', 'ᴇ'), ('f', 'ꜰ'), ('g', 'ɢ'), ('h', 'ʜ'), ('i', 'ɪ'),
    ('j', 'ᴊ'), ('k', 'ᴋ'), ('l', 'ʟ'), ('m', 'ᴍ'), ('n', 'ɴ'), ('o', 'ᴏ'), ('p', 'ᴘ'), ('r', 'ʀ'), ('s', 'ꜱ'),
    ('t', 'ᴛ'), ('u', 'ᴜ'), ('v', 'ᴠ'), ('w', 'ᴡ'), ('y', 'ʏ'), ('z', 'ᴢ'),
];

/// Letters and digits turned by half.
#[rustfmt::skip]
pub(crate) const TURNED: &[(char, char)] = &[
    ('a', 'ɐ'), ('b', 'q'), ('c', 'ɔ'), ('d', 'p'), ('e', 'ǝ'), ('f', 'ɟ'), ('g', 'ƃ'), ('h', 'ɥ'), ('i', 'ᴉ'),
    ('j', 'ɾ'), ('k', 'ʞ'), ('m', 'ɯ'), ('n', 'u'), ('p', 'd'), ('q', 'b'), ('r', 'ɹ'), ('t', 'ʇ'), ('u', 'n'),
    ('v', 'ʌ'), ('w', 'ʍ'), ('y', 'ʎ'), ('1', 'Ɩ'), ('2', 'ᄅ'), ('3', 'Ɛ'), ('4', 'ㄣ'), ('5', 'ϛ'), ('6', '9'),
    ('7', 'ㄥ'), ('9', '6'),
];

/// Where other scripts keep their zero; nine digits follow.
pub(crate) const ARABIC: u32 = 0x660;
pub(crate) const DEVANAGARI: u32 = 0x966;
pub(crate) const THAI: u32 = 0xe50;
pub(crate) const BOLD: u32 = 0x1d7ce;
pub(crate) const DOUBLE: u32 = 0x1d7d8;
pub(crate) const WIDE: u32 = 0xff10;

/// Digits as they are said, plain first, then as they are said in the street.
#[rustfmt::skip]
pub(crate) const INDONESIAN: [&[&str]; 10] = [
    &["nol", "kosong"], &["satu", "siji"], &["dua", "loro"], &["tiga", "telu"], &["empat", "papat"],
    &["lima", "limo"], &["enam", "nem"], &["tujuh", "pitu"], &["delapan", "wolu"], &["sembilan", "songo"],
];
#[rustfmt::skip]
pub(crate) const ENGLISH: [&[&str]; 10] = [
    &["zero", "oh"], &["one", "one"], &["two", "two"], &["three", "three"], &["four", "four"], &["five", "fife"],
    &["six", "six"], &["seven", "seven"], &["eight", "eight"], &["nine", "niner"],
];
#[rustfmt::skip]
pub(crate) const POLISH: [&[&str]; 10] = [
    &["zero", "zero"], &["jeden", "jedynka"], &["dwa", "dwojka"], &["trzy", "trojka"], &["cztery", "czworka"],
    &["pięć", "piątka"], &["sześć", "szóstka"], &["siedem", "siódemka"], &["osiem", "ósemka"],
    &["dziewięć", "dziewiątka"],
];

/// Two digits as one word.
#[rustfmt::skip]
pub(crate) const TEENS: &[(&str, &str)] = &[
    ("10", "ten"), ("11", "eleven"), ("12", "twelve"), ("13", "thirteen"), ("14", "fourteen"), ("15", "fifteen"),
    ("16", "sixteen"), ("17", "seventeen"), ("18", "eighteen"), ("19", "nineteen"), ("10", "sepuluh"),
    ("11", "sebelas"), ("10", "dziesięć"), ("11", "jedenaście"), ("12", "dwanaście"), ("13", "trzynaście"),
    ("14", "czternaście"), ("15", "piętnaście"), ("16", "szesnaście"), ("17", "siedemnaście"),
    ("18", "osiemnaście"), ("19", "dziewiętnaście"),
];

/// Tens after which ones may follow.
#[rustfmt::skip]
pub(crate) const TENS: &[(&str, &str)] = &[
    ("2", "twenty"), ("3", "thirty"), ("4", "forty"), ("5", "fifty"), ("6", "sixty"), ("7", "seventy"),
    ("8", "eighty"), ("9", "ninety"), ("2", "dwadzieścia"), ("3", "trzydzieści"), ("4", "czterdzieści"),
    ("5", "pięćdziesiąt"), ("6", "sześćdziesiąt"), ("7", "siedemdziesiąt"), ("8", "osiemdziesiąt"),
    ("9", "dziewięćdziesiąt"),
];

/// Words that say the next digit several times.
pub(crate) const REPEATS: &[(usize, &str)] =
    &[(2, "double"), (3, "triple"), (2, "dobel"), (3, "tripel"), (2, "podwójne"), (3, "potrójne")];
