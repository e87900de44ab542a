//! Finding ways off the platform in text, and what a text is up to.
//!
//! A message's texts come in the order of reading. Each is folded with an exact way back
//! ([`fold`]), read once for the words of every language ([`lexicon`]), and looked at by the
//! detectors, as written and with its veils taken off ([`unveil`]). What is split over texts and
//! messages is put together ([`split`], [`Window`]). Rules over concepts tell the intent
//! ([`signal`]). Everything is pure, linear in the text, and asks no policy questions.
//!
//! A detector is one file with a function and one line in [`DETECTORS`].
//!
//! # Security
//! Parses hostile bytes; holds no keys, touches neither disk nor network, never looks at a clock.
//! Guarded names are handed in per message and zeroed by their owner. Nothing found is logged.

mod address;
mod confusable;
mod context;
mod digits;
mod email;
mod fold;
mod lexicon;
mod link;
mod name;
mod number;
mod payment;
mod phone;
mod placeholder;
mod sight;
mod signal;
mod social;
mod split;
mod unveil;
mod window;

pub use context::{Context, Guard, Known, Own, Piece, Report};
pub use lexicon::{ExampleFault, LexiconFault};
pub use placeholder::placeholder;
pub use window::Window;

use std::fmt;

use self::{
    fold::View,
    lexicon::{Hit, Lexicon, Sense, folded},
    sight::{Face, Finds, Sight},
    signal::{Mention, Set},
};
use crate::model::{Finding, Kind, Signal};

/// A detector: looks at a text and adds what it finds.
type Detector = fn(&Sight<'_>, &mut Finds);

/// Every detector. Earlier ones take a place first.
const DETECTORS: &[Detector] =
    &[email::find, link::find, payment::find, phone::find, social::find, address::find, name::find];

/// The compiled rules: made once, shared by all.
pub struct Detect {
    lexicon: Lexicon,
}

impl fmt::Debug for Detect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("«detect»")
    }
}

impl Detect {
    /// With the lexicons that come with the program.
    pub fn embedded() -> Result<Self, Vec<LexiconFault>> {
        Self::new(LEXICONS)
    }

    /// With lexicons given as (file name, text).
    pub fn new(lexicons: &[(&str, &str)]) -> Result<Self, Vec<LexiconFault>> {
        Lexicon::read(lexicons).map(|lexicon| Self { lexicon })
    }

    /// Looks at the texts of a message, after what `window` remembers of earlier ones.
    pub fn scan(&self, pieces: &[Piece<'_>], context: &Context, window: &Window) -> Report {
        let mut texts: Vec<Read> = pieces.iter().map(|piece| self.read(piece.text)).collect();
        for (text, piece) in texts.iter_mut().zip(pieces) {
            self.look(text, piece.text, context);
        }
        let window = split::look(self, &mut texts, context, window);
        let signals = self.signals(pieces, &texts);
        let mut report = Report { signals, window, ..Report::default() };
        for (piece, text) in pieces.iter().zip(texts) {
            let spans = settled(text.spans, piece.text, context);
            report.redacted.push(redacted(piece.text, &spans, context.lang.as_deref()));
            report.findings.extend(spans.iter().map(|span| finding(piece, span)));
        }
        report
    }

    /// Runs the examples of every rule.
    pub fn examples(&self) -> Vec<ExampleFault> {
        let mut faults = Vec::new();
        for rule in &self.lexicon.rules {
            let fault =
                |message, example: &String| ExampleFault { rule: rule.id.clone(), message, example: example.clone() };
            for example in rule.must_catch.iter().filter(|text| !self.meets(rule, text)) {
                faults.push(fault("must be caught", example));
            }
            for example in rule.must_pass.iter().filter(|text| self.meets(rule, text)) {
                faults.push(fault("must pass", example));
            }
        }
        faults
    }

    /// The explanation of a rule that its sender is shown.
    pub fn explanation(&self, rule: &str) -> Option<&str> {
        self.lexicon.explanations.get(rule).map(String::as_str)
    }

    fn read(&self, text: &str) -> Read {
        let view = View::of(text);
        let hits = self.lexicon.hits(view.text());
        Read { view, hits, spans: Vec::new() }
    }

    /// Every detector over the text as written and with its veils taken off.
    fn look(&self, text: &mut Read, raw: &str, context: &Context) {
        let mut found = Finds::default();
        detect(&text.view, &text.hits, context, Face::Plain, raw, &mut found);
        keep(&text.view, &found, &mut text.spans);
        let gathered = unveil::gathered(&text.view).map(|view| (self.lexicon.hits(view.text()), view));
        if let Some((hits, view)) = &gathered {
            self.unveiled(view, hits, context, raw, &mut text.spans);
        }
        let (view, hits) = gathered.as_ref().map_or((&text.view, &text.hits), |(hits, view)| (view, hits));
        if let Some(view) = unveil::signed(view, hits) {
            let hits = self.lexicon.hits(view.text());
            self.unveiled(&view, &hits, context, raw, &mut text.spans);
        }
    }

    fn unveiled(&self, view: &View, hits: &[Hit], context: &Context, raw: &str, spans: &mut Vec<Span>) {
        let mut found = Finds::default();
        detect(view, hits, context, Face::Unveiled, raw, &mut found);
        keep(view, &found, spans);
    }

    fn meets(&self, rule: &signal::Rule, text: &str) -> bool {
        let mut read = [self.read(text)];
        self.look(&mut read[0], text, &Context { lang: rule.language(), ..Context::default() });
        let (mentions, present) = mentions(&read);
        rule.meets(&mentions, &present).is_some()
    }

    fn signals(&self, pieces: &[Piece<'_>], texts: &[Read]) -> Vec<Signal> {
        let (mentions, present) = mentions(texts);
        let met = self.lexicon.rules.iter().filter_map(|rule| Some((rule, rule.meets(&mentions, &present)?)));
        let mut signals: Vec<Signal> = met
            .map(|(rule, at)| Signal { part: pieces[mentions[at].piece].part, kind: rule.kind, rule: rule.id.clone() })
            .collect();
        signals.sort_by(|a, b| (a.part, a.kind, &a.rule).cmp(&(b.part, b.kind, &b.rule)));
        signals
    }
}

/// A piece being read.
struct Read {
    view: View,
    hits: Vec<Hit>,
    spans: Vec<Span>,
}

impl Read {
    fn concepts(&self) -> impl Iterator<Item = (usize, usize, u16)> {
        self.hits.iter().filter(|hit| hit.whole).filter_map(|hit| match hit.sense {
            Sense::Concept(concept) => Some((hit.start, hit.end, concept)),
            _ => None,
        })
    }

    fn found(&self) -> impl Iterator<Item = (usize, usize, u16)> {
        self.spans.iter().map(|span| {
            let (start, end) = (self.view.byte(span.start), self.view.byte(span.end));
            (start, end, lexicon::found_concept(span.kind))
        })
    }
}

/// A place in the piece, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: usize,
    end: usize,
    kind: Kind,
}

fn detect(view: &View, hits: &[Hit], context: &Context, face: Face, raw: &str, found: &mut Finds) {
    let sight = Sight::new(view, hits, context, face, raw);
    DETECTORS.iter().for_each(|detector| detector(&sight, found));
}

fn keep(view: &View, found: &Finds, spans: &mut Vec<Span>) {
    spans.extend(found.list().iter().map(|found| {
        let (start, end) = view.chars(found.start, found.end);
        Span { start, end, kind: found.kind }
    }));
}

/// The concepts of all pieces in one row; what was found is a concept too.
fn mentions(texts: &[Read]) -> (Vec<Mention>, Set) {
    let (mut mentions, mut present) = (Vec::new(), Set::default());
    let (mut words, mut offset) = (0u32, 0);
    for (piece, read) in texts.iter().enumerate() {
        let text = read.view.text();
        let mut said: Vec<(usize, usize, u16)> = read.concepts().chain(read.found()).collect();
        said.sort_unstable_by_key(|(start, end, concept)| (*start, std::cmp::Reverse(*end), *concept));
        let mut counted = 0;
        for (start, end, concept) in said {
            words += starts(&text[counted..start]);
            counted = start;
            present.insert(concept);
            mentions.push(Mention { concept, piece, word: words, start: offset + start, end: offset + end });
        }
        words += starts(&text[counted..]) + 1;
        offset += text.len() + 1;
    }
    (mentions, present)
}

/// How many words begin in a text.
fn starts(text: &str) -> u32 {
    let mut within = false;
    let mut count = 0;
    for byte in text.bytes() {
        let word = byte.is_ascii_alphanumeric() || byte >= 0x80;
        count += u32::from(word && !within);
        within = word;
    }
    count
}

/// Sorted spans without overlaps, without what is known to the conversation.
fn settled(mut spans: Vec<Span>, text: &str, context: &Context) -> Vec<Span> {
    if spans.is_empty() {
        return spans;
    }
    spare(&mut spans, text, context);
    spans.retain(|span| span.end > span.start);
    spans.sort_unstable_by_key(|span| (span.start, std::cmp::Reverse(span.end), span.kind));
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start < last.end => {
                if span.end - span.start > last.end - last.start {
                    last.kind = span.kind;
                }
                last.end = last.end.max(span.end);
            }
            _ => merged.push(span),
        }
    }
    merged
}

/// Drops spans that are an order or tracking number of the conversation, or the house's own contact.
fn spare(spans: &mut Vec<Span>, text: &str, context: &Context) {
    let bare = |text: &str| -> String { folded(text).chars().filter(|c| c.is_alphanumeric()).collect() };
    let known: Vec<String> = context
        .known
        .orders
        .iter()
        .chain(&context.known.tracking)
        .map(|id| bare(id))
        .filter(|id| id.len() >= 4)
        .collect();
    let own: Vec<String> =
        context.own.phones.iter().map(|phone| bare(phone)).filter(|phone| phone.len() >= 4).collect();
    if known.is_empty() && own.is_empty() {
        return;
    }
    spans.retain(|span| {
        let cut: String = text.chars().skip(span.start).take(span.end - span.start).collect();
        let cut = bare(&cut);
        let is_known = known.iter().any(|id| *id == cut || id.contains(&cut) && cut.len() >= 6);
        let is_own =
            span.kind == Kind::Phone && own.iter().any(|phone| *phone == cut || national(phone) == national(&cut));
        !is_known && !is_own
    });
}

/// A number without the zero of its own country or the code of another.
fn national(digits: &str) -> &str {
    let bare = digits.trim_start_matches('0');
    bare.strip_prefix("62").or_else(|| bare.strip_prefix("48")).unwrap_or(bare)
}

fn redacted(text: &str, spans: &[Span], lang: Option<&str>) -> String {
    if spans.is_empty() {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut spans = spans.iter().peekable();
    for (at, c) in text.chars().enumerate() {
        while spans.peek().is_some_and(|span| span.end <= at) {
            spans.next();
        }
        match spans.peek() {
            Some(span) if span.start == at => out.push_str(placeholder(span.kind, lang)),
            Some(span) if span.start < at => {}
            _ => out.push(c),
        }
    }
    out
}

fn finding(piece: &Piece<'_>, span: &Span) -> Finding {
    Finding {
        part: piece.part,
        start: span.start,
        end: span.end,
        kind: span.kind,
        text: piece.text.chars().skip(span.start).take(span.end - span.start).collect(),
    }
}

/// The lexicons that come with the program.
const LEXICONS: &[(&str, &str)] = &[
    ("config/lexicon/en.toml", include_str!("../../config/lexicon/en.toml")),
    ("config/lexicon/id.toml", include_str!("../../config/lexicon/id.toml")),
    ("config/lexicon/pl.toml", include_str!("../../config/lexicon/pl.toml")),
    ("config/lexicon/de.toml", include_str!("../../config/lexicon/de.toml")),
    ("config/lexicon/es.toml", include_str!("../../config/lexicon/es.toml")),
    ("config/lexicon/ru.toml", include_str!("../../config/lexicon/ru.toml")),
    ("config/lexicon/th.toml", include_str!("../../config/lexicon/th.toml")),
    ("config/lexicon/tl.toml", include_str!("../../config/lexicon/tl.toml")),
    ("config/lexicon/vi.toml", include_str!("../../config/lexicon/vi.toml")),
    ("config/lexicon/zh.toml", include_str!("../../config/lexicon/zh.toml")),
];

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::model::{Part, SignalKind};

    static DETECT: LazyLock<Detect> = LazyLock::new(|| Detect::embedded().unwrap());

    fn scan(texts: &[&str], lang: &str) -> Report {
        let pieces: Vec<_> = texts.iter().enumerate().map(|(n, text)| Piece { part: Part::Text(n), text }).collect();
        let context = Context { lang: Some(lang.to_owned()), ..Context::default() };
        DETECT.scan(&pieces, &context, &Window::default())
    }

    fn cut(text: &str, lang: &str) -> Vec<(Kind, String)> {
        scan(&[text], lang).findings.into_iter().map(|finding| (finding.kind, finding.text)).collect()
    }

    fn signals(text: &str, lang: &str) -> Vec<SignalKind> {
        scan(&[text], lang).signals.into_iter().map(|signal| signal.kind).collect()
    }

    #[test]
    fn the_examples_of_every_rule_hold() {
        let faults = DETECT.examples();
        assert!(faults.is_empty(), "{}", faults.iter().map(|f| format!("{f}\n")).collect::<String>());
    }

    #[test]
    fn numbers_are_found_however_written() {
        for text in [
            "0812-3456-7890",
            "nol delapan satu dua tiga empat lima enam tujuh delapan sembilan nol",
            "０８１２３４５６７８９０",
            "08satu2-tiga4lima6-tujuh8",
            "0*8*1*2*3*4*5*6*7*8*9*0",
            "0️⃣8️⃣1️⃣2️⃣3️⃣4️⃣5️⃣6️⃣7️⃣8️⃣9️⃣0️⃣",
        ] {
            assert_eq!(cut(text, "id"), [(Kind::Phone, text.to_owned())], "{text}");
        }
    }

    #[test]
    fn addresses_and_hosts_are_found_in_words() {
        assert_eq!(
            cut("tulis ke tokoku99 at gmail dot com", "id"),
            [(Kind::Email, "tokoku99 at gmail dot com".to_owned())]
        );
        assert_eq!(cut("tokoku-contoh titik com", "id"), [(Kind::Link, "tokoku-contoh titik com".to_owned())]);
        assert_eq!(cut("w a . m e / 6 2 8 1 2 3", "id"), [(Kind::Link, "w a . m e / 6 2 8 1 2 3".to_owned())]);
    }

    #[test]
    fn ordinary_talk_stays() {
        for text in [
            "Resi JP1234567890 sudah dikirim kak",
            "total Rp 1.500.000 untuk 12 pcs",
            "dikirim 12/06/2024 jam 14:30",
            "bagus.Terima kasih ya",
            "ukuran 38 39 40 41 42 ready",
            "harga @15.000 saja",
        ] {
            assert_eq!(cut(text, "id"), [], "{text}");
            assert_eq!(signals(text, "id"), [], "{text}");
        }
    }

    #[test]
    fn what_is_split_over_messages_is_found_in_each() {
        let report = scan(&["0812", "barangnya bagus ya", "3456", "7890 ya"], "id");
        let parts: Vec<_> = report.findings.iter().map(|f| (f.part, f.text.as_str())).collect();
        assert_eq!(parts, [(Part::Text(0), "0812"), (Part::Text(2), "3456"), (Part::Text(3), "7890")]);
    }

    #[test]
    fn a_window_carries_what_came_before() {
        let context = Context { lang: Some("id".to_owned()), ..Context::default() };
        let piece = |text| [Piece { part: Part::Text(0), text }];
        let first = DETECT.scan(&piece("0812"), &context, &Window::default());
        assert!(first.findings.is_empty());
        let second = DETECT.scan(&piece("3456"), &context, &first.window);
        let third = DETECT.scan(&piece("7890"), &context, &second.window);
        assert_eq!(third.findings.len(), 1);
    }

    #[test]
    fn guarded_names_are_cut_and_common_words_stay() {
        let guard = Guard { names: vec!["Budi Santoso".to_owned()], emails: Vec::new(), phones: Vec::new() };
        let context = Context { guard, ..Context::default() };
        let piece = |text| [Piece { part: Part::Text(0), text }];
        assert_eq!(
            DETECT.scan(&piece("kirim ke Budi  Santoso ya"), &context, &Window::default()).findings[0].kind,
            Kind::Name
        );
        assert!(DETECT.scan(&piece("budi pekerti itu baik"), &context, &Window::default()).findings.is_empty());
    }

    #[test]
    fn own_contacts_are_no_findings() {
        let own = Own {
            emails: vec!["support@market.example".to_owned()],
            phones: vec!["1500702".to_owned(), "021-39500300".to_owned()],
            links: vec!["help.market.example".to_owned()],
            social: vec!["@MarketCare".to_owned()],
            ..Own::default()
        };
        let context = Context { lang: Some("id".to_owned()), own, ..Context::default() };
        let text = "hubungi support@market.example, 1500702, 021-39500300, help.market.example atau @MarketCare";
        let report = DETECT.scan(&[Piece { part: Part::Text(0), text }], &context, &Window::default());
        assert_eq!(report.redacted[0], text);
    }

    #[test]
    fn the_sentences_that_must_be_caught_are_caught() {
        use SignalKind::{Doxxing, ReviewIncentive, ReviewPressure, Threat};
        for (text, kind) in [
            ("Anda akan mendapatkan tambahan voucher jika memberikan 5 bintang.", ReviewIncentive),
            (
                "Anda akan mendapatkan voucher diskon di pembelian berikutnya jika memberikan ulasan 5 bintang.",
                ReviewIncentive,
            ),
            ("Akun Anda akan kami blokir jika memberikan ulasan buruk.", Threat),
            ("Kami tahu alamat Anda. Jadi sebaiknya Anda berikan kami ulasan yang bagus.", Doxxing),
            ("Anda akan menyesal jika mengajukan pengembalian barang/dana.", Threat),
            ("Saya akan melaporkan Anda sebagai pembeli yang jahat jika memberikan ulasan negatif.", Threat),
            ("Tidak menerima retur dan pengembalian dana untuk 1-3 bintang. Ubah sekarang!", ReviewPressure),
        ] {
            assert!(signals(text, "id").contains(&kind), "{text}: {:?}", signals(text, "id"));
        }
        let offer = "oferujemy ci pełen zwrot kosztów, jeśli zechcesz usunąć negatywny komentarz o naszym produkcie";
        assert!(signals(offer, "pl").contains(&ReviewIncentive));
        let flood =
            "jeśli nie otrzymamy odpowiedzi na tego maila, uznamy, że go nie widziałaś i będziemy wysyłali ci kolejne";
        assert!(signals(flood, "pl").contains(&ReviewPressure));
    }

    #[test]
    fn money_in_one_message_and_the_review_in_the_next_are_one_signal() {
        let report = scan(&["kami kasih voucher ya kak", "kalau bintang lima"], "id");
        assert_eq!(
            report.signals.iter().map(|s| (s.part, s.kind)).collect::<Vec<_>>(),
            [(Part::Text(1), SignalKind::ReviewIncentive)]
        );
    }

    #[test]
    fn neutral_sentences_pass() {
        for text in [
            "maaf, salah pencet",
            "Silakan beri ulasan tentang produk kami",
            "aku sudah kasih ulasan 5 bintang ya kak, puas banget",
        ] {
            assert_eq!(signals(text, "id"), [], "{text}");
        }
    }

    /// Prints how long ordinary and hostile texts take; run by hand with `--ignored`.
    #[test]
    #[ignore = "measures, does not judge"]
    #[expect(clippy::print_stderr, reason = "its only result is what it prints")]
    fn how_long_a_scan_takes() {
        let ordinary = "Halo kak, barangnya ready stock ya, bisa langsung dipesan. Pengiriman dari Bandung sekitar 2 sampai 3 hari kerja. \
                        Kalau ada pertanyaan silakan chat lagi, terima kasih banyak sudah mampir ke toko kami ya.";
        let long = ordinary.repeat(25);
        let hostile = [
            "a.b ",
            "0812 ",
            "@a ",
            "wa ig ",
            "satu ",
            "(",
            "1.2.3.4/",
            "bintang 5 voucher kalau ",
            "jl. no 5, ",
            "t o k o ",
        ];
        let texts = [ordinary.to_owned(), long].into_iter().chain(hostile.iter().map(|h| h.repeat(20_000 / h.len())));
        for text in texts {
            let rounds = 200_000 / text.len() + 1;
            let began = std::time::Instant::now();
            for _ in 0..rounds {
                scan(&[&text], "id");
            }
            let each = began.elapsed().as_secs_f64() / rounds as f64;
            eprintln!(
                "{:>7} bytes {:>10.1} us {:>8.1} ns/byte  {:?}",
                text.len(),
                each * 1e6,
                each * 1e9 / text.len() as f64,
                &text[..12]
            );
        }
    }

    fn talk() -> impl Strategy<Value = String> {
        let word = prop::sample::select(vec![
            "0812",
            "3456",
            "7890",
            "nol",
            "delapan",
            "wa",
            "ig",
            "toko99",
            "@",
            "gmail",
            ".com",
            "dot",
            "at",
            "titik",
            "com",
            "t.me/",
            "+62",
            "BCA",
            "1234567890",
            "bintang 5",
            "voucher",
            "kalau",
            "Jl. Melati No. 5",
            "Bandung",
            "ya",
            "kak",
            ",",
            "\n",
            "[",
            "]",
            "🅰",
            "８",
            "x",
            "https://",
            "w w w",
        ]);
        let glue = prop::sample::select(vec![" ", "", ".", "-", "  "]);
        prop::collection::vec((word, glue), 0..14)
            .prop_map(|parts| parts.into_iter().flat_map(|(word, glue)| [word, glue]).collect())
    }

    proptest! {
        #[test]
        fn no_text_makes_a_scan_panic(texts in prop::collection::vec(any::<String>(), 0..4)) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let report = scan(&texts, "id");
            prop_assert_eq!(report.redacted.len(), texts.len());
        }

        #[test]
        fn findings_are_exact_sorted_and_apart(text in talk()) {
            let report = scan(&[&text], "id");
            let mut last = 0;
            for finding in &report.findings {
                prop_assert!(finding.start >= last && finding.end > finding.start);
                let exact: String = text.chars().skip(finding.start).take(finding.end - finding.start).collect();
                prop_assert_eq!(&exact, &finding.text);
                last = finding.end;
            }
        }

        #[test]
        fn what_was_cleaned_is_clean(text in talk()) {
            let cleaned = scan(&[&text], "id").redacted.remove(0);
            let again = scan(&[&cleaned], "id");
            prop_assert!(again.findings.is_empty(), "{:?} -> {:?} -> {:?}", text, cleaned, again.redacted);
        }
    }
}
