//! What it costs to look through a text: chat of 200 bytes, mail of 5 kB, and hostile texts of 1 kB to 1 MB.
//!
//! `cargo bench --bench detect` prints microseconds a text (the quickest and the middle of many rounds) and, for
//! the hostile ones, microseconds a byte and the exponent of the growth: 1 is linear. `TABIR_BENCH_ONLY` picks texts
//! by a part of their name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and fails by panicking"
)]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use tabir::{
    detect::{Context, Detect, Guard, Known, Piece, Window},
    model::Part,
};

fn main() {
    // A test runner that only asks what is here gets no benchmark.
    if std::env::args().any(|word| word == "--list" || word == "--test") {
        return;
    }
    let only = std::env::var("TABIR_BENCH_ONLY").unwrap_or_default();
    let detect = Detect::embedded().expect("the lexicons that come with the program");
    println!("{:<34}{:>8}{:>12}{:>12}", "text", "bytes", "quickest", "median µs");
    for (name, text, lang) in honest().into_iter().filter(|text| text.0.contains(&only)) {
        let (quickest, median) = time(&detect, &text, lang, Duration::from_millis(400));
        println!("{name:<34}{:>8}{quickest:>12.1}{median:>12.1}", text.len());
    }
    println!("\n{:<34}{:>8}{:>12}{:>12}", "hostile text", "bytes", "µs/byte", "exponent");
    for (name, unit) in HOSTILE.iter().filter(|text| text.0.contains(&only)) {
        let mut before: Option<(f64, f64)> = None;
        for size in [1_000, 10_000, 100_000, 1_000_000] {
            let text = unit.repeat(size / unit.len());
            let (quickest, _) = time(&detect, &text, "id", Duration::from_millis(60));
            let bytes = text.len() as f64;
            let exponent = before.map(|(b, t)| (quickest / t).ln() / (bytes / b).ln());
            let shown = exponent.map_or(String::new(), |exponent| format!("{exponent:.2}"));
            println!("{name:<34}{:>8}{:>12.3}{shown:>12}", text.len(), quickest / bytes);
            before = Some((bytes, quickest));
            if quickest > 1e6 {
                break;
            }
        }
    }
}

/// The quickest and the middle round, for the pieces between form feeds, in microseconds, of as many as fit in `budget`, one at least.
fn time(detect: &Detect, text: &str, lang: &str, budget: Duration) -> (f64, f64) {
    let context = Context {
        lang: Some(lang.to_owned()),
        known: Known { orders: vec!["ORD-2026-000123".to_owned()], ..Known::default() },
        guard: Guard {
            names: vec!["Anisa Contoh Putri".to_owned()],
            emails: Vec::new(),
            phones: Vec::new(),
            accounts: Vec::new(),
            streets: Vec::new(),
        },
        ..Context::default()
    };
    let window = Window::default();
    let started = Instant::now();
    let mut rounds = Vec::new();
    let pieces: Vec<Piece<'_>> =
        text.split('\x0c').enumerate().map(|(n, text)| Piece { part: Part::Text(n), text }).collect();
    while rounds.is_empty() || started.elapsed() < budget {
        let round = Instant::now();
        black_box(detect.scan(black_box(&pieces), &context, &window));
        rounds.push(round.elapsed().as_secs_f64() * 1e6);
    }
    rounds.sort_by(f64::total_cmp);
    (rounds[0], rounds[rounds.len() / 2])
}

fn honest() -> Vec<(&'static str, String, &'static str)> {
    let chat = "Halo kak, pesanan ORD-2026-000123 sudah kami kirim tadi pagi ya, mohon ditunggu 2-3 hari. \
                Ukuran 42 masih ada 5 pasang, harga Rp 185.000 sudah termasuk ongkir. Terima kasih banyak!";
    let found = "Halo kak, barangnya ready. Hubungi WA 0812-5550-1234 atau email ke toko@contoh.example, \
                 bisa juga lihat www.contoh.example/katalog untuk warna lain, nanti saya kasih diskon ya kak.";
    let prose = "The parcel was packed this morning and it is waiting for the courier now.\n";
    let talk = "Dzień dobry, paczka została nadana wczoraj. Numer zamówienia 100200, kwota 129,99 zł, rozmiar 38.\n";
    vec![
        ("chat, honest", chat.to_owned(), "id"),
        ("chat, three findings", found.to_owned(), "id"),
        ("mail, honest prose", prose.repeat(5_000 / prose.len()), "en"),
        ("page of honest paragraphs", prose.replace('\n', "\x0c").repeat(5_000 / prose.len()), "en"),
        ("mail, Polish with numbers", talk.repeat(5_000 / talk.len()), "pl"),
        ("mail, honest chat repeated", format!("{chat}\n").repeat(5_000 / chat.len()), "id"),
        ("mail, prose and three findings", format!("{found}\n{}", prose.repeat(4_800 / prose.len())), "id"),
    ]
}

const HOSTILE: &[(&str, &str)] = &[
    ("digits", "0812 3456 "),
    ("digits without end", "0123456789"),
    ("at signs", "a@"),
    ("dots", "a.b."),
    ("brackets", "[.] "),
    ("spread letters", "w a . m e "),
    ("number words", "satu dua tiga "),
    ("disguised words", "v0uch3r "),
    ("names", "Anisa "),
    ("networks", "wa telegram ig "),
    ("streets", "jl. mawar no 5 "),
    ("zero width", "0\u{200b}8\u{200b}1\u{200b}"),
    ("full width", "０８１２"),
    ("Thai", "ศูนย์แปดหนึ่ง"),
    ("Han", "微信号一二三"),
];
