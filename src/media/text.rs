//! Plain text: line ends, `format=flowed`, blocks that are no text, and the notices of what was
//! taken out.
//!
//! Quoted history stays: "On … wrote", Outlook's header blocks and `mailto:` are plain words
//! here, and the detector cuts the addresses and guarded names in them like anywhere else.

use std::{borrow::Cow, sync::LazyLock};

use memchr::memmem::Finder;

use super::Removed;

/// What a person is told of something taken out, in Indonesian (`id`), Polish (`pl`) or English.
pub fn notice(removed: Removed, lang: &str) -> &'static str {
    let [en, id, pl] = words(removed);
    match lang.get(..2) {
        Some("id") => id,
        Some("pl") => pl,
        _ => en,
    }
}

/// Line ends become `\n`, control characters go, everything else stays.
pub fn normalise(text: &str) -> Cow<'_, str> {
    let Some(first) = text.bytes().position(is_suspect) else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut next = Some(first);
    while let Some(at) = next {
        let (plain, odd) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = odd.chars();
        match chars.next() {
            Some('\r') if chars.as_str().starts_with('\n') => {}
            Some('\r' | '\u{85}' | '\u{2028}' | '\u{2029}') => out.push('\n'),
            Some(c) if !c.is_control() => out.push(c),
            _ => {}
        }
        rest = chars.as_str();
        next = rest.bytes().position(is_suspect);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// What its author wrote of a mail's text: without quoted lines, and without what stands below the
/// line with which programs introduce history.
pub fn own_words(text: &str) -> String {
    let mut own = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        let rule = trimmed.starts_with("-----") || trimmed.starts_with("_____");
        let wrote = trimmed.ends_with(':') && trimmed.contains('@') && trimmed.len() > 20;
        if rule || wrote {
            break;
        }
        if !trimmed.starts_with('>') {
            own.push_str(line);
        }
    }
    own
}

/// A control character, or the first byte of one or of a line separator in UTF-8.
fn is_suspect(byte: u8) -> bool {
    byte < 0x20 && byte != b'\n' && byte != b'\t' || matches!(byte, 0x7f | 0xc2 | 0xe2)
}

/// Joins the soft line breaks of `format=flowed` (RFC 3676), so that a number or an address
/// wrapped over two lines is one piece again. Expects normalised line ends.
pub fn unflow(text: &str, delsp: bool) -> String {
    let mut out = String::with_capacity(text.len());
    // The quote depth of the paragraph that goes on in the next line.
    let mut open: Option<usize> = None;
    for (n, line) in text.split('\n').enumerate() {
        let depth = line.bytes().take_while(|b| *b == b'>').count();
        let content = line[depth..].strip_prefix(' ').unwrap_or(&line[depth..]);
        let flows = content.ends_with(' ') && content != SIGNATURE_LINE;
        if open != Some(depth) || content == SIGNATURE_LINE {
            if n > 0 {
                out.push('\n');
            }
            quote(depth, &mut out);
        }
        out.push_str(if flows && delsp { &content[..content.len() - 1] } else { content });
        open = flows.then_some(depth);
    }
    out
}

/// Takes out what is no text: uuencoded, yEnc and BinHex files and OpenPGP armour. A signed
/// text keeps its words and loses its signature.
pub fn strip_blocks<'t>(text: &'t str, removed: &mut Vec<Removed>) -> Cow<'t, str> {
    if !(text.starts_with("begin") || CUES.iter().any(|cue| cue.find(text.as_bytes()).is_some())) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut lines = text.split_inclusive('\n');
    while let Some(line) = lines.next() {
        let Some(block) = Block::opened_by(line.trim_end()) else {
            out.push_str(line);
            continue;
        };
        match block {
            Block::SignedText => {
                // "Hash: SHA256" up to the empty line belongs to the armour.
                lines.by_ref().take_while(|l| !l.trim_end().is_empty()).for_each(drop);
                removed.push(Removed::Signature);
            }
            Block::UntilLine(what, end) => {
                // An end that never comes closes the block with the text: better lost than leaked.
                lines.by_ref().take_while(|l| !l.trim_end().starts_with(end)).for_each(drop);
                removed.push(what);
            }
        }
    }
    Cow::Owned(out)
}

/// What stands above a signature (RFC 3676 §4.3): its space flows nowhere.
const SIGNATURE_LINE: &str = "-- ";

/// Without one of these a text holds no such block: one fast look spares the reading of lines.
static CUES: LazyLock<[Finder<'static>; 4]> = LazyLock::new(|| {
    ["\nbegin", "=ybegin ", "-----BEGIN PGP ", "(This file must be converted with BinHex"].map(Finder::new)
});

enum Block {
    SignedText,
    UntilLine(Removed, &'static str),
}

impl Block {
    fn opened_by(line: &str) -> Option<Self> {
        if let Some(armour) = line.strip_prefix("-----BEGIN PGP ") {
            return Some(match armour {
                a if a.starts_with("SIGNED") => Self::SignedText,
                a if a.starts_with("SIGNATURE") => Self::UntilLine(Removed::Signature, "-----END PGP"),
                a if a.starts_with("MESSAGE") => Self::UntilLine(Removed::Encrypted, "-----END PGP"),
                _ => Self::UntilLine(Removed::Key, "-----END PGP"),
            });
        }
        if line.starts_with("=ybegin ") {
            return Some(Self::UntilLine(Removed::InlineFile, "=yend"));
        }
        if line.starts_with("(This file must be converted with BinHex") {
            return Some(Self::UntilLine(Removed::InlineFile, "\u{0}"));
        }
        uuencode(line).then_some(Self::UntilLine(Removed::InlineFile, "end"))
    }
}

/// `begin 644 photo.jpg` or `begin-base64 644 photo.jpg`: "begin" as a word of a sentence has no mode.
fn uuencode(line: &str) -> bool {
    let mut words = line.split(' ');
    matches!(words.next(), Some("begin" | "begin-base64"))
        && words.next().is_some_and(|mode| (3..=4).contains(&mode.len()) && mode.bytes().all(|b| b.is_ascii_digit()))
        && words.next().is_some()
}

fn quote(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n('>', depth));
    if depth > 0 {
        out.push(' ');
    }
}

/// English, Indonesian, Polish.
fn words(removed: Removed) -> [&'static str; 3] {
    match removed {
        Removed::Alternative => [
            "[A second version of this message was taken out.]",
            "[Versi kedua dari pesan ini dihapus.]",
            "[Usunięto drugą wersję tej wiadomości.]",
        ],
        Removed::Calendar => [
            "[An invitation was taken out: it shows addresses.]",
            "[Undangan dihapus karena memuat alamat.]",
            "[Usunięto zaproszenie: zawiera adresy.]",
        ],
        Removed::ContactCard => ["[A contact card was taken out.]", "[Kartu kontak dihapus.]", "[Usunięto wizytówkę.]"],
        Removed::Covered => [
            "[A part of the picture was covered.]",
            "[Sebagian gambar ditutup.]",
            "[Część obrazka została zasłonięta.]",
        ],
        Removed::Encrypted => [
            "[An encrypted part was taken out: it can not be checked.]",
            "[Bagian terenkripsi dihapus karena tidak dapat diperiksa.]",
            "[Usunięto zaszyfrowaną część: nie można jej sprawdzić.]",
        ],
        Removed::FileType => [
            "[A file was taken out: its type is not allowed here.]",
            "[Berkas dihapus karena jenisnya tidak diizinkan di sini.]",
            "[Usunięto plik: ten rodzaj nie jest tu dozwolony.]",
        ],
        Removed::FileUnreadable => [
            "[A file was taken out: it could not be opened safely.]",
            "[Berkas dihapus karena tidak dapat dibuka dengan aman.]",
            "[Usunięto plik: nie można go bezpiecznie otworzyć.]",
        ],
        Removed::ForwardedMail => [
            "[An attached mail was taken out.]",
            "[Surel terlampir dihapus.]",
            "[Usunięto załączoną wiadomość e-mail.]",
        ],
        Removed::Html => [
            "[The formatted version was taken out: it could not be opened safely.]",
            "[Versi berformat dihapus karena tidak dapat dibuka dengan aman.]",
            "[Usunięto wersję sformatowaną: nie można jej bezpiecznie otworzyć.]",
        ],
        Removed::InlineFile => [
            "[A file inside the text was taken out.]",
            "[Berkas di dalam teks dihapus.]",
            "[Usunięto plik zapisany w tekście.]",
        ],
        Removed::Key => [
            "[A key or certificate was taken out: it names its owner.]",
            "[Kunci atau sertifikat dihapus karena memuat nama pemiliknya.]",
            "[Usunięto klucz lub certyfikat: zawiera dane właściciela.]",
        ],
        Removed::Report => [
            "[The technical part of a report was taken out.]",
            "[Bagian teknis laporan dihapus.]",
            "[Usunięto techniczną część raportu.]",
        ],
        Removed::Signature => {
            ["[A digital signature was taken out.]", "[Tanda tangan digital dihapus.]", "[Usunięto podpis cyfrowy.]"]
        }
        Removed::Tnef => {
            ["[A winmail.dat file was taken out.]", "[Berkas winmail.dat dihapus.]", "[Usunięto plik winmail.dat.]"]
        }
        Removed::Words => [
            "[Contact details, links or codes in the file were covered.]",
            "[Kontak, tautan, atau kode dalam berkas ditutup.]",
            "[Dane kontaktowe, linki lub kody w pliku zostały zasłonięte.]",
        ],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn line_ends_become_one_and_controls_go() {
        assert_eq!(normalise("a\r\nb\rc\nd\u{0}e\u{2028}f\u{1b}"), "a\nb\nc\nde\nf");
        assert!(matches!(normalise("plain\ntext"), Cow::Borrowed(_)));
    }

    #[test]
    fn flowed_lines_are_joined_and_hard_breaks_stay() {
        let text = "Please call 0812 \n3456 7890\nnext line\n> quoted \n> text\n-- \nBudi \n(end)";
        assert_eq!(unflow(text, false), "Please call 0812 3456 7890\nnext line\n> quoted text\n-- \nBudi (end)");
        assert_eq!(unflow("real@mail \n.example\n", true), "real@mail.example\n");
        assert_eq!(unflow("\n\na", false), "\n\na");
    }

    #[test]
    fn files_and_keys_inside_a_text_are_taken_out() {
        let text = "hi\nbegin 644 a.jpg\nM'XK\n`\nend\nbye\n=ybegin line=128 size=3 name=x\nabc\n=yend size=3\n\
                    -----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n-----END PGP PUBLIC KEY BLOCK-----\nlast";
        let mut removed = Vec::new();
        assert_eq!(strip_blocks(text, &mut removed), "hi\nbye\nlast");
        assert_eq!(removed, [Removed::InlineFile, Removed::InlineFile, Removed::Key]);
    }

    #[test]
    fn a_signed_text_keeps_its_words() {
        let text = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nThe words\n-----BEGIN PGP SIGNATURE-----\n\nabc\n\
                    -----END PGP SIGNATURE-----\n";
        let mut removed = Vec::new();
        assert_eq!(strip_blocks(text, &mut removed), "The words\n");
        assert_eq!(removed, [Removed::Signature; 2]);
    }

    #[test]
    fn the_word_begin_in_a_sentence_stays() {
        let mut removed = Vec::new();
        for text in ["begin with the lid", "x\nbegin 5 minutes later", "end"] {
            assert_eq!(strip_blocks(text, &mut removed), text);
        }
        assert!(removed.is_empty());
    }

    #[test]
    fn notices_follow_the_language() {
        assert!(notice(Removed::Calendar, "id").contains("Undangan"));
        assert!(notice(Removed::Calendar, "pl-PL").contains("zaproszenie"));
        assert!(notice(Removed::Calendar, "").contains("invitation"));
    }

    proptest! {
        #[test]
        fn normalised_text_has_no_control_but_line_ends_and_tabs(text in any::<String>()) {
            let clean = normalise(&text);
            prop_assert!(clean.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
            let _ = unflow(&clean, true);
            let _ = strip_blocks(&clean, &mut Vec::new());
        }
    }
}
