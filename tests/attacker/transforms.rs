//! The disguises: what people do to a contact so that a person reads it and a machine does not.
//! Each is a small function over the text of a contact.

use super::{
    alphabets::{
        ARABIC, BOLD, CYRILLIC, DEVANAGARI, DOUBLE, ENGLISH, GREEK, INDONESIAN, POLISH, REPEATS, SMALL_CAPITALS, TEENS,
        TENS, THAI, TURNED, WIDE,
    },
    contacts::{Contact, Kind},
    draws::Draws,
};

/// Where a text is cut in two.
pub(crate) const SPLIT: char = '\u{1}';

/// A contact under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Disguise {
    kind: Kind,
    lang: &'static str,
    body: String,
    /// Whether it is written from its end, which is then said beside it.
    backwards: bool,
}

impl Disguise {
    /// A contact without any.
    pub(crate) fn of(contact: &Contact) -> Self {
        Self { kind: contact.kind, lang: contact.lang, body: contact.text.clone(), backwards: false }
    }

    /// The text, and the word that says how to read it.
    pub(crate) fn finished(&self, lang: &str) -> String {
        let note = match lang {
            _ if !self.backwards => "",
            "id" => " (dibaca dari belakang)",
            "pl" => " (czytaj od tyłu)",
            _ => " (read it backwards)",
        };
        format!("{}{note}", self.body)
    }

    /// Every character as `with` makes it.
    fn each(&mut self, mut with: impl FnMut(char) -> String) {
        self.body = self.body.chars().map(&mut with).collect();
    }

    /// `sign` between any two letters or digits side by side, as often as `draws` has it.
    fn between(&mut self, sign: &str, wanted: impl Fn(char) -> bool) {
        let mut out = String::new();
        let mut last = ' ';
        for c in self.body.chars() {
            if wanted(last) && wanted(c) {
                out.push_str(sign);
            }
            out.push(c);
            last = c;
        }
        self.body = out;
    }
}

/// A disguise with its name.
#[derive(Clone, Copy)]
pub(crate) struct Transform {
    pub(crate) name: &'static str,
    pub(crate) apply: fn(&mut Disguise, &mut Draws),
}

macro_rules! transforms {
    ($($name:ident),* $(,)?) => {
        /// Every disguise there is.
        pub(crate) const TRANSFORMS: &[Transform] = &[$(Transform { name: stringify!($name), apply: $name }),*];
    };
}

#[rustfmt::skip]
transforms![
    words_indonesian, words_english, words_polish, words_of_the_street, words_of_all_tongues, words_and_digits,
    words_run_together, words_in_capitals, double_and_triple, pairs_in_words, letters_for_digits, digits_for_letters,
    full_width, circled, black_circled, keycaps, superscript, bold_digits, outlined_digits, arabic_indic, devanagari,
    thai, small_capitals, bold_letters, squared_letters, flag_letters, cyrillic, greek, upside_down, accents,
    zalgo, spaces, wide_spaces, dots, middle_dots, dashes, slashes, stars, underscores, commas, pipes, many_signs,
    brackets_around_each, brackets_around_all, quotes_around_each, letters_between, emoji_between, words_between,
    zero_width, bidi_marks, soft_hyphens, tag_characters, line_breaks, backwards, capitals, mixed_case,
    signs_in_english, signs_in_indonesian, signs_in_polish, signs_in_brackets, signs_spaced, hosts_split, no_scheme,
    entities, percent_encoded, plus_in_words, split_in_two, grouped_anew,
];

fn figure(c: char) -> Option<usize> {
    c.is_ascii_digit().then(|| c as usize - '0' as usize)
}

fn joined(c: char) -> bool {
    c.is_alphanumeric()
}

fn digit(c: char) -> bool {
    c.is_numeric()
}

fn mapped(table: &[(char, char)], c: char) -> String {
    table.iter().find(|(from, _)| *from == c).map_or(c, |(_, to)| *to).to_string()
}

fn moved(zero: u32, c: char) -> String {
    figure(c).and_then(|n| char::from_u32(zero + n as u32)).unwrap_or(c).to_string()
}

/// Digits as words with spaces between; other signs of a number go.
fn said(disguise: &mut Disguise, mut word: impl FnMut(usize) -> String) {
    if !disguise.body.chars().any(|c| c.is_ascii_digit()) {
        return;
    }
    let mut out = String::new();
    for c in disguise.body.chars() {
        match figure(c) {
            Some(n) => {
                if out.ends_with(joined) {
                    out.push(' ');
                }
                out.push_str(&word(n));
            }
            None if disguise.kind == Kind::Phone && matches!(c, '-' | '(' | ')') => out.push(' '),
            None => out.push(c),
        }
    }
    disguise.body = out.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
}

/// "nol delapan satu dua".
fn words_indonesian(disguise: &mut Disguise, _: &mut Draws) {
    said(disguise, |n| INDONESIAN[n][0].to_owned());
}

/// "zero eight one two".
fn words_english(disguise: &mut Disguise, _: &mut Draws) {
    said(disguise, |n| ENGLISH[n][0].to_owned());
}

/// "sześć zero jeden".
fn words_polish(disguise: &mut Disguise, _: &mut Draws) {
    said(disguise, |n| POLISH[n][0].to_owned());
}

/// "kosong wolu siji loro", "szóstka zero jedynka".
fn words_of_the_street(disguise: &mut Disguise, _: &mut Draws) {
    let words = match disguise.lang {
        "id" => &INDONESIAN,
        "pl" => &POLISH,
        _ => &ENGLISH,
    };
    said(disguise, |n| words[n][1].to_owned());
}

/// "nol eight jeden dua".
fn words_of_all_tongues(disguise: &mut Disguise, draws: &mut Draws) {
    said(disguise, |n| draws.one(&[&INDONESIAN, &ENGLISH, &POLISH])[n][0].to_owned());
}

/// "0 delapan 1 dua".
fn words_and_digits(disguise: &mut Disguise, draws: &mut Draws) {
    let words = draws.one(&[&INDONESIAN, &ENGLISH, &POLISH]);
    said(disguise, |n| if draws.chance(1, 2) { words[n][0].to_owned() } else { n.to_string() });
}

/// "noldelapansatudua".
fn words_run_together(disguise: &mut Disguise, draws: &mut Draws) {
    let words = draws.one(&[&INDONESIAN, &ENGLISH, &POLISH]);
    disguise.each(|c| figure(c).map_or(c.to_string(), |n| words[n][0].to_owned()));
    if disguise.kind == Kind::Phone {
        disguise.body.retain(joined);
    }
}

/// "NOL Delapan SATU".
fn words_in_capitals(disguise: &mut Disguise, draws: &mut Draws) {
    said(disguise, |n| {
        let word = INDONESIAN[n][0];
        if draws.chance(1, 2) { word.to_uppercase() } else { format!("{}{}", word[..1].to_uppercase(), &word[1..]) }
    });
}

/// "double five", "tripel lima".
fn double_and_triple(disguise: &mut Disguise, _: &mut Draws) {
    let (words, from) = match disguise.lang {
        "id" => (&INDONESIAN, 2),
        "pl" => (&POLISH, 4),
        _ => (&ENGLISH, 0),
    };
    let figures: Vec<char> = disguise.body.chars().filter(char::is_ascii_digit).collect();
    if disguise.kind != Kind::Phone || !figures.windows(2).any(|pair| pair[0] == pair[1]) {
        return;
    }
    let rows = figures.chunk_by(|a, b| a == b).flat_map(|row| row.chunks(3));
    let word = |row: &[char]| {
        let digit = words[row[0] as usize - '0' as usize][0];
        if row.len() == 1 { digit.to_owned() } else { format!("{} {digit}", REPEATS[from + row.len() - 2].1) }
    };
    disguise.body = rows.map(word).collect::<Vec<_>>().join(" ");
}

/// "eighty-one twenty five", "dua belas", "dwanaście".
fn pairs_in_words(disguise: &mut Disguise, _: &mut Draws) {
    let figures: Vec<char> = disguise.body.chars().filter(char::is_ascii_digit).collect();
    if disguise.kind != Kind::Phone || figures.len() < 7 {
        return;
    }
    let lang = disguise.lang;
    disguise.body = figures.chunks(2).map(|pair| pair_in_words(pair, lang)).collect::<Vec<_>>().join(" ");
}

fn pair_in_words(pair: &[char], lang: &str) -> String {
    let words = match lang {
        "id" => &INDONESIAN,
        "pl" => &POLISH,
        _ => &ENGLISH,
    };
    let word = |c: char| words[c as usize - '0' as usize][0];
    let ones = |c: char| if c == '0' { String::new() } else { format!(" {}", word(c)) };
    let [tens, one] = *pair else { return word(pair[0]).to_owned() };
    match (lang, tens) {
        (_, '0') => format!("{} {}", word(tens), word(one)),
        ("id", '1') if one > '1' => format!("{} belas", word(one)),
        ("id", '2'..) => format!("{} puluh{}", word(tens), ones(one)),
        (_, '1') => {
            let own = |said: &&(&str, &str)| said.0 == pair.iter().collect::<String>();
            let skip = if lang == "en" {
                0
            } else if lang == "id" {
                10
            } else {
                12
            };
            TEENS[skip..].iter().find(own).map_or_else(String::new, |(_, said)| (*said).to_owned())
        }
        _ => {
            let skip = if lang == "en" { 0 } else { 8 };
            format!("{}{}", TENS[skip + (tens as usize - '2' as usize)].1, ones(one))
        }
    }
}

/// "o8l2 sss".
fn letters_for_digits(disguise: &mut Disguise, draws: &mut Draws) {
    disguise.each(|c| {
        let letter = match c {
            '0' => 'O',
            '1' => draws.one(&['l', 'I', 'i']),
            '5' => 'S',
            '8' => 'B',
            _ => return c.to_string(),
        };
        if draws.chance(2, 3) { letter.to_string() } else { c.to_string() }
    });
}

/// "t0k0c0nt0h".
fn digits_for_letters(disguise: &mut Disguise, draws: &mut Draws) {
    if disguise.kind == Kind::Phone {
        return;
    }
    disguise.each(|c| match c {
        'o' if draws.chance(1, 2) => "0".to_owned(),
        'i' | 'l' if draws.chance(1, 3) => "1".to_owned(),
        'e' if draws.chance(1, 3) => "3".to_owned(),
        'a' if draws.chance(1, 3) => "4".to_owned(),
        _ => c.to_string(),
    });
}

/// "０８１２", "ｔｏｋｏ".
fn full_width(disguise: &mut Disguise, _: &mut Draws) {
    disguise.each(|c| match c {
        '!'..='~' => char::from_u32(c as u32 - 0x21 + WIDE - 0xf).unwrap_or(c).to_string(),
        _ => c.to_string(),
    });
}

/// "⓪⑧①②", "ⓣⓞⓚⓞ".
fn circled(disguise: &mut Disguise, _: &mut Draws) {
    let circle = |c: char| match c {
        '0' => Some('⓪'),
        '1'..='9' => char::from_u32(0x2460 + c as u32 - '1' as u32),
        'a'..='z' => char::from_u32(0x24d0 + c as u32 - 'a' as u32),
        _ => None,
    };
    disguise.each(|c| circle(c).unwrap_or(c).to_string());
}

/// "⓿❽❶❷".
fn black_circled(disguise: &mut Disguise, _: &mut Draws) {
    let circle = |c: char| match c {
        '0' => Some('⓿'),
        '1'..='9' => char::from_u32(0x2776 + c as u32 - '1' as u32),
        _ => None,
    };
    disguise.each(|c| circle(c).unwrap_or(c).to_string());
}

/// "0️⃣8️⃣1️⃣2️⃣".
fn keycaps(disguise: &mut Disguise, _: &mut Draws) {
    disguise.each(|c| if c.is_ascii_digit() { format!("{c}\u{fe0f}\u{20e3}") } else { c.to_string() });
}

/// "⁰⁸¹²".
fn superscript(disguise: &mut Disguise, _: &mut Draws) {
    disguise.each(|c| figure(c).map_or(c, |n| ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][n]).to_string());
}

/// "𝟎𝟖𝟏𝟐".
fn bold_digits(disguise: &mut Disguise, _: &mut Draws) {
    disguise.each(|c| moved(BOLD, c));
}

/// "𝟘𝟠𝟙𝟚".
fn outlined_digits(disguise: &mut Disguise, _: &mut Draws) {
    disguise.each(|c| moved(DOUBLE, c));
}

/// "٠٨١٢".
fn arabic_indic(disguise: &mut Disguise, _: &mut Draws) {
    disguise.each(|c| moved(ARABIC, c));
}

/// "०८१२".
fn devanagari(disguise: &mut Disguise, _: &mut Draws) {
    disguise.each(|c| moved(DEVANAGARI, c));
}

/// "๐๘๑๒".
fn thai(disguise: &mut Disguise, _: &mut Draws) {
    disguise.each(|c| moved(THAI, c));
}

/// "ᴛᴏᴋᴏ".
fn small_capitals(disguise: &mut Disguise, _: &mut Draws) {
    disguise.each(|c| mapped(SMALL_CAPITALS, c));
}

/// "𝐭𝐨𝐤𝐨".
fn bold_letters(disguise: &mut Disguise, _: &mut Draws) {
    let bold = |c: char| c.is_ascii_lowercase().then(|| char::from_u32(0x1d41a + c as u32 - 'a' as u32)).flatten();
    disguise.each(|c| bold(c).unwrap_or(c).to_string());
}

/// "🆃🅾🅺🅾".
fn squared_letters(disguise: &mut Disguise, _: &mut Draws) {
    let square = |c: char| c.is_ascii_lowercase().then(|| char::from_u32(0x1f170 + c as u32 - 'a' as u32)).flatten();
    disguise.each(|c| square(c).unwrap_or(c).to_string());
}

/// Each letter a half of a flag, kept apart so that no flag is seen.
fn flag_letters(disguise: &mut Disguise, _: &mut Draws) {
    let half = |c: char| c.is_ascii_lowercase().then(|| char::from_u32(0x1f1e6 + c as u32 - 'a' as u32)).flatten();
    disguise.each(|c| half(c).map_or(c.to_string(), |half| format!("{half}\u{200c}")));
}

/// Letters that look Latin, from Cyrillic.
fn cyrillic(disguise: &mut Disguise, draws: &mut Draws) {
    disguise.each(|c| if draws.chance(2, 3) { mapped(CYRILLIC, c) } else { c.to_string() });
}

/// Letters that look Latin, from Greek.
fn greek(disguise: &mut Disguise, draws: &mut Draws) {
    disguise.each(|c| if draws.chance(2, 3) { mapped(GREEK, c) } else { c.to_string() });
}

/// Turned by half: the reader turns the telephone.
fn upside_down(disguise: &mut Disguise, _: &mut Draws) {
    if disguise.backwards || disguise.body.contains(SPLIT) {
        return;
    }
    disguise.body = disguise.body.chars().rev().map(|c| mapped(TURNED, c)).collect();
    disguise.backwards = true;
}

/// "tókö".
fn accents(disguise: &mut Disguise, draws: &mut Draws) {
    disguise.each(|c| match c {
        'a' | 'e' | 'o' | 'u' | 'n' | 's' if draws.chance(1, 2) => {
            format!("{c}{}", draws.one(&['\u{301}', '\u{308}', '\u{300}']))
        }
        _ => c.to_string(),
    });
}

/// Marks above and below, a few on each.
fn zalgo(disguise: &mut Disguise, draws: &mut Draws) {
    disguise.each(|c| {
        let marks: String =
            (0..1 + draws.below(3)).map(|_| draws.one(&['\u{336}', '\u{353}', '\u{30d}', '\u{329}'])).collect();
        if joined(c) { format!("{c}{marks}") } else { c.to_string() }
    });
}

/// "0 8 1 2".
fn spaces(disguise: &mut Disguise, _: &mut Draws) {
    disguise.between(" ", |c| !c.is_whitespace() && c != SPLIT);
}

/// "0  8  1  2", with spaces of other widths too.
fn wide_spaces(disguise: &mut Disguise, draws: &mut Draws) {
    let gap = draws.one(&["  ", "\u{2003}", "\u{a0}", "\u{2009}\u{2009}", "\u{3000}"]);
    disguise.between(gap, joined);
}

/// "0.8.1.2".
fn dots(disguise: &mut Disguise, _: &mut Draws) {
    disguise.between(".", joined);
}

/// "0·8•1·2".
fn middle_dots(disguise: &mut Disguise, draws: &mut Draws) {
    disguise.between(draws.one(&["·", "•", "∙"]), joined);
}

/// "0-8-1-2", "0–8–1–2".
fn dashes(disguise: &mut Disguise, draws: &mut Draws) {
    disguise.between(draws.one(&["-", "–", "—", " - "]), joined);
}

/// "0/8/1/2".
fn slashes(disguise: &mut Disguise, draws: &mut Draws) {
    disguise.between(draws.one(&["/", "\\", " / "]), joined);
}

/// "0*8*1*2".
fn stars(disguise: &mut Disguise, draws: &mut Draws) {
    disguise.between(draws.one(&["*", "★", "**"]), joined);
}

/// "0_8_1_2".
fn underscores(disguise: &mut Disguise, _: &mut Draws) {
    disguise.between("_", joined);
}

/// "0,8,1,2".
fn commas(disguise: &mut Disguise, draws: &mut Draws) {
    disguise.between(draws.one(&[",", ", ", ";"]), joined);
}

/// "0|8|1|2", "0~8~1~2".
fn pipes(disguise: &mut Disguise, draws: &mut Draws) {
    disguise.between(draws.one(&["|", "~", "+", "=", ":", "^", "#"]), joined);
}

/// "0..8--1__2".
fn many_signs(disguise: &mut Disguise, draws: &mut Draws) {
    disguise.between(draws.one(&["..", "--", "...", "-.-", "~~", "!!", "///"]), joined);
}

/// "(0)(8)(1)(2)".
fn brackets_around_each(disguise: &mut Disguise, draws: &mut Draws) {
    let (open, close) = draws.one(&[('(', ')'), ('[', ']'), ('{', '}'), ('<', '>')]);
    disguise.each(|c| if joined(c) { format!("{open}{c}{close}") } else { c.to_string() });
}

/// "[0812]-{555}".
fn brackets_around_all(disguise: &mut Disguise, draws: &mut Draws) {
    let (open, close) = draws.one(&[("(", ")"), ("[", "]"), ("((", "))"), ("{", "}"), ("«", "»")]);
    let words = disguise.body.split(' ').map(|word| format!("{open}{word}{close}"));
    disguise.body = words.collect::<Vec<_>>().join(" ");
}

/// "'0''8''1''2'".
fn quotes_around_each(disguise: &mut Disguise, draws: &mut Draws) {
    let quote = draws.one(&["'", "\"", "`"]);
    disguise.each(|c| if joined(c) { format!("{quote}{c}{quote}") } else { c.to_string() });
}

/// "0x8x1x2", "0a8b1c2".
fn letters_between(disguise: &mut Disguise, draws: &mut Draws) {
    if disguise.kind != Kind::Phone {
        return;
    }
    let row: &[&str] = draws.one(&[&["x"][..], &["a", "k", "z"], &["w", "q"], &["xx"]]);
    let mut out = String::new();
    let mut last = ' ';
    for c in disguise.body.chars() {
        if digit(last) && digit(c) {
            out.push_str(draws.one(row));
        }
        out.push(c);
        last = c;
    }
    disguise.body = out;
}

/// "0🌸8🌸1🌸2".
fn emoji_between(disguise: &mut Disguise, draws: &mut Draws) {
    disguise.between(draws.one(&["🌸", "❤️", "😀", "👉", "🔥 "]), joined);
}

/// "0812 lalu 555 lalu 0100".
fn words_between(disguise: &mut Disguise, _: &mut Draws) {
    let word = match disguise.lang {
        "id" => "lalu",
        "pl" => "potem",
        _ => "then",
    };
    let groups: Vec<&str> = disguise.body.split([' ', '-']).filter(|group| !group.is_empty()).collect();
    if disguise.kind == Kind::Phone && (2..=5).contains(&groups.len()) {
        disguise.body = groups.join(&format!(" {word} "));
    }
}

/// Characters of no width between all others.
fn zero_width(disguise: &mut Disguise, draws: &mut Draws) {
    disguise.between(draws.one(&["\u{200b}", "\u{200d}", "\u{2060}", "\u{feff}", "\u{200c}\u{200b}"]), |c| c != SPLIT);
}

/// Marks of direction between all others.
fn bidi_marks(disguise: &mut Disguise, draws: &mut Draws) {
    disguise.between(draws.one(&["\u{200e}", "\u{2066}", "\u{202a}", "\u{200e}\u{202c}"]), |c| c != SPLIT);
}

/// Hyphens that are not shown.
fn soft_hyphens(disguise: &mut Disguise, _: &mut Draws) {
    disguise.between("\u{ad}", joined);
}

/// Tags, which nothing shows.
fn tag_characters(disguise: &mut Disguise, _: &mut Draws) {
    disguise.between("\u{e0061}\u{e007f}", joined);
}

/// A line for each group.
fn line_breaks(disguise: &mut Disguise, draws: &mut Draws) {
    let chars: Vec<char> = disguise.body.chars().collect();
    if chars.contains(&SPLIT) {
        return;
    }
    let step = 2 + draws.below(3);
    disguise.body = chars.chunks(step).map(String::from_iter).collect::<Vec<_>>().join("\n");
}

/// Written from its end, and said so.
fn backwards(disguise: &mut Disguise, _: &mut Draws) {
    if disguise.backwards || disguise.body.contains(SPLIT) {
        return;
    }
    disguise.body = disguise.body.chars().rev().collect();
    disguise.backwards = true;
}

/// "TOKO@GMAIL.COM".
fn capitals(disguise: &mut Disguise, _: &mut Draws) {
    disguise.body = disguise.body.to_uppercase();
}

/// "tOkO@gMaIl.cOm".
fn mixed_case(disguise: &mut Disguise, draws: &mut Draws) {
    disguise.each(|c| if draws.chance(1, 2) { c.to_uppercase().collect() } else { c.to_string() });
}

fn spelled(disguise: &mut Disguise, words: &[(char, &str)]) {
    if disguise.kind == Kind::Phone {
        return;
    }
    disguise.each(|c| words.iter().find(|(sign, _)| *sign == c).map_or(c.to_string(), |(_, word)| format!(" {word} ")));
}

/// "toko at gmail dot com".
fn signs_in_english(disguise: &mut Disguise, _: &mut Draws) {
    spelled(disguise, &[('@', "at"), ('.', "dot"), ('/', "slash"), ('_', "underscore"), ('-', "dash")]);
}

/// "toko at gmail titik com".
fn signs_in_indonesian(disguise: &mut Disguise, _: &mut Draws) {
    spelled(disguise, &[('@', "at"), ('.', "titik"), ('/', "garis miring"), ('_', "garis bawah"), ('-', "strip")]);
}

/// "sklep małpa gmail kropka com".
fn signs_in_polish(disguise: &mut Disguise, draws: &mut Draws) {
    let at = draws.one(&["małpa", "małpka"]);
    spelled(disguise, &[('@', at), ('.', "kropka"), ('/', "ukośnik"), ('_', "podkreślnik"), ('-', "myślnik")]);
}

/// "toko[at]gmail[.]com", "toko(@)gmail(.)com".
fn signs_in_brackets(disguise: &mut Disguise, draws: &mut Draws) {
    let (open, close) = draws.one(&[('[', ']'), ('(', ')'), ('{', '}')]);
    let at = draws.one(&["@", "at"]);
    if disguise.kind == Kind::Phone {
        return;
    }
    disguise.each(|c| match c {
        '@' => format!("{open}{at}{close}"),
        '.' => format!("{open}.{close}"),
        _ => c.to_string(),
    });
}

/// "toko @ gmail . com".
fn signs_spaced(disguise: &mut Disguise, _: &mut Draws) {
    disguise.each(|c| if matches!(c, '@' | '.' | '/') { format!(" {c} ") } else { c.to_string() });
}

/// "toko@gm ail.com", "wa. me/…".
fn hosts_split(disguise: &mut Disguise, draws: &mut Draws) {
    let chars: Vec<char> = disguise.body.chars().collect();
    let host = chars.iter().position(|c| *c == '@').map_or(0, |at| at + 1);
    if matches!(disguise.kind, Kind::Mail | Kind::Link) && chars.len() > host + 4 {
        let at = host + 2 + draws.below(3);
        disguise.body = chars[..at].iter().chain(&[' ']).chain(&chars[at..]).collect();
    }
}

/// "hxxps://t.me/…".
fn no_scheme(disguise: &mut Disguise, _: &mut Draws) {
    disguise.body = disguise.body.replace("http", "hxxp");
}

/// "toko&commat;gmail&period;com", "&#48;&#56;".
fn entities(disguise: &mut Disguise, _: &mut Draws) {
    disguise.each(|c| match c {
        '@' => "&commat;".to_owned(),
        '.' => "&period;".to_owned(),
        '0'..='9' => format!("&#{};", c as u32),
        _ => c.to_string(),
    });
}

/// "toko%40gmail%2Ecom".
fn percent_encoded(disguise: &mut Disguise, _: &mut Draws) {
    disguise.each(|c| if matches!(c, '@' | '.' | '/' | '+') { format!("%{:02X}", c as u32) } else { c.to_string() });
}

/// "plus six two".
fn plus_in_words(disguise: &mut Disguise, _: &mut Draws) {
    if let Some(rest) = disguise.body.strip_prefix('+') {
        disguise.body = format!("plus {rest}");
    }
}

/// The rest is in a text of its own.
fn split_in_two(disguise: &mut Disguise, _: &mut Draws) {
    let chars: Vec<char> = disguise.body.chars().collect();
    if !chars.contains(&SPLIT) && !disguise.backwards && chars.len() > 5 {
        let sign = chars.iter().position(|c| *c == '@').filter(|_| disguise.kind == Kind::Mail);
        let at = sign.unwrap_or(chars.len() / 2);
        disguise.body = chars[..at].iter().chain(&[SPLIT]).chain(&chars[at..]).collect();
    }
}

/// "08 125 55 0 100".
fn grouped_anew(disguise: &mut Disguise, draws: &mut Draws) {
    let figures: Vec<char> = disguise.body.chars().filter(char::is_ascii_digit).collect();
    if disguise.kind != Kind::Phone || figures.len() < 7 {
        return;
    }
    let (mut out, mut left) = (String::new(), 1 + draws.below(4));
    for c in figures {
        if left == 0 {
            out.push_str(draws.one(&[" ", "-", ".", " / "]));
            left = 1 + draws.below(4);
        }
        out.push(c);
        left -= 1;
    }
    disguise.body = out;
}
