//! Who sells and who buys, what they write and when. Shares and habits are assumptions, not measured on any marketplace;
//! they are here to be changed. Times are hours since the order was placed.

use super::draws::Draws;

/// What a seller is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Writes when there is something to say, and is sorry once.
    Honest,
    /// Begs for five stars, before and after.
    Pleader,
    /// Leaves complaints alone, and writes again and again after few stars.
    Avenger,
    /// Writes every few hours whatever happens.
    Flooder,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Honest, Self::Pleader, Self::Avenger, Self::Flooder];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Honest => "honest",
            Self::Pleader => "pleader",
            Self::Avenger => "avenger",
            Self::Flooder => "flooder",
        }
    }

    pub(crate) fn draw(draws: &mut Draws) -> Self {
        match draws.unit() {
            share if share < 0.88 => Self::Honest,
            share if share < 0.94 => Self::Pleader,
            share if share < 0.98 => Self::Avenger,
            _ => Self::Flooder,
        }
    }
}

/// Something that is done in an order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Act {
    /// The seller writes; `asked` when it answers the buyer.
    Seller { text: &'static str, asked: bool },
    /// The buyer writes.
    Buyer,
    /// The parcel arrives.
    Delivered,
    /// The buyer gives stars.
    Review(u8),
}

/// An order's acts by their hours, in order.
pub(crate) fn order(kind: Kind, draws: &mut Draws) -> Vec<(f64, Act)> {
    let mut acts = Vec::new();
    let delivered = draws.between(24.0, 120.0);
    acts.push((delivered, Act::Delivered));
    before(kind, delivered, draws, &mut acts);
    let bad = draws.chance(match kind {
        Kind::Honest => 0.05,
        Kind::Pleader => 0.12,
        Kind::Avenger | Kind::Flooder => 0.3,
    });
    let mut answered = true;
    if draws.chance(0.25) {
        ask(kind, draws.between(0.0, delivered), draws, &mut acts);
    }
    let mut complained = delivered;
    if bad && draws.chance(0.7) {
        complained = delivered + draws.wait(6.0);
        answered = ask(kind, complained, draws, &mut acts);
    }
    if draws.chance(if bad { 0.7 } else { 0.35 }) {
        let at = complained.max(delivered) + draws.wait(40.0);
        let stars = if bad && !answered {
            draws.of(&[1, 1, 1, 2])
        } else if bad {
            draws.of(&[2, 3, 3, 4])
        } else {
            draws.of(&[4, 5, 5, 5, 5])
        };
        acts.push((at, Act::Review(stars)));
        after(kind, at, stars, draws, &mut acts);
    }
    acts.sort_by(|a, b| a.0.total_cmp(&b.0));
    acts
}

fn say(text: &'static str, at: f64, acts: &mut Vec<(f64, Act)>) {
    acts.push((at, Act::Seller { text, asked: false }));
}

fn before(kind: Kind, delivered: f64, draws: &mut Draws, acts: &mut Vec<(f64, Act)>) {
    if draws.chance(0.5) {
        say(draws.of(GREETINGS), draws.wait(1.0), acts);
    }
    if draws.chance(0.6) {
        say(draws.of(NEWS), draws.between(4.0, 24.0), acts);
    }
    match kind {
        Kind::Honest if draws.chance(0.3) => say(draws.of(FEEDBACK), delivered + draws.wait(12.0), acts),
        Kind::Pleader => {
            (0..3).for_each(|n| say(draws.of(PLEAS), delivered + draws.wait(8.0 * f64::from(n + 1)), acts))
        }
        Kind::Flooder => (0..120).for_each(|n| say(draws.of(ADVERTS), f64::from(n) * 6.0 + draws.unit(), acts)),
        _ => {}
    }
}

/// The buyer asks, once or twice; whether the seller answered.
fn ask(kind: Kind, at: f64, draws: &mut Draws, acts: &mut Vec<(f64, Act)>) -> bool {
    acts.push((at, Act::Buyer));
    let answers = draws.chance(match kind {
        Kind::Honest => 0.93,
        Kind::Pleader => 0.8,
        Kind::Avenger | Kind::Flooder => 0.2,
    });
    if answers {
        let first = at + draws.wait(5.0);
        let pieces = draws.of(&[1, 1, 2, 3]);
        (0..pieces).for_each(|n| {
            acts.push((first + 0.01 * f64::from(n), Act::Seller { text: draws.of(ANSWERS), asked: true }));
        });
    }
    answers
}

fn after(kind: Kind, at: f64, stars: u8, draws: &mut Draws, acts: &mut Vec<(f64, Act)>) {
    match (kind, stars) {
        (Kind::Honest, ..=3) if draws.chance(0.4) => {
            let first = at + draws.wait(8.0);
            say(draws.of(SORRY), first, acts);
            if draws.chance(0.2) {
                say(draws.of(SORRY), first + draws.wait(24.0), acts);
            }
        }
        (Kind::Honest, _) if draws.chance(0.3) => say(draws.of(THANKS), at + draws.wait(10.0), acts),
        (Kind::Pleader, ..=4) => {
            (0..5).for_each(|n| say(draws.of(PLEAS), at + draws.wait(4.0 + 20.0 * f64::from(n)), acts));
        }
        (Kind::Avenger, ..=4) => {
            say(draws.of(SCOLDING), at + 1.0 / 3_600.0, acts);
            (0..12).for_each(|_| say(draws.of(SCOLDING), at + draws.wait(0.5), acts));
            (0..20)
                .for_each(|day| say(draws.of(SCOLDING), at + 24.0 * f64::from(day) + draws.between(0.0, 24.0), acts));
        }
        _ => {}
    }
    // Some buyers write again after few stars, and hear an answer.
    if stars <= 3 && draws.chance(0.15) {
        ask(kind, at + draws.wait(30.0), draws, acts);
    }
}

const GREETINGS: &[&str] = &[
    "Terima kasih sudah berbelanja, pesanan segera kami proses ya kak.",
    "Dzień dobry, dziękujemy za zamówienie, pakujemy je dzisiaj.",
    "Thank you for your order, we will pack it today.",
];
const NEWS: &[&str] = &[
    "Paket sudah kami serahkan ke kurir, mohon ditunggu.",
    "Paczka została nadana, dotrze w ciągu dwóch dni.",
    "Your parcel has left our warehouse.",
];
const FEEDBACK: &[&str] = &[
    "Bagaimana barangnya kak, apakah sesuai?",
    "Czy wszystko dotarło w porządku?",
    "Did everything arrive as you expected?",
];
const ANSWERS: &[&str] = &[
    "Maaf kak, dua barang lagi kami kirim hari ini.",
    "Przepraszamy, brakującą część wyślemy jutro.",
    "We are sorry, the missing part goes out tomorrow.",
    "Warna biru masih ada kak.",
];
const SORRY: &[&str] = &[
    "Maaf atas kekurangannya kak, uangnya kami kembalikan lewat aplikasi.",
    "Przepraszamy za kłopot, zwrot pieniędzy zlecimy przez platformę.",
    "We are sorry for the trouble and have started the refund in the app.",
];
const THANKS: &[&str] = &["Terima kasih banyak kak.", "Dziękujemy!", "Thank you very much."];
const PLEAS: &[&str] = &[
    "Kak tolong bintang 5 ya, ini penting sekali untuk toko kecil kami.",
    "Anda akan mendapatkan voucher jika memberikan 5 bintang.",
    "Bardzo prosimy o pięć gwiazdek, to dla nas ważne.",
    "Please change your review to five stars and we refund you in full.",
];
const ADVERTS: &[&str] = &[
    "Promo hari ini, semua teh diskon dua puluh persen.",
    "Nowa kolekcja już w sklepie, zapraszamy.",
    "New arrivals this week, have a look.",
];
const SCOLDING: &[&str] = &[
    "Kenapa kasih bintang satu? Kamu tidak tahu diri.",
    "Kami tahu alamat Anda. Sebaiknya ubah ulasan itu.",
    "Hapus ulasannya atau kamu menyesal.",
    "Dlaczego jedna gwiazdka? Proszę to natychmiast zmienić.",
    "Why did you do this to us? Answer me.",
    "Halo? Jawab dong.",
];
