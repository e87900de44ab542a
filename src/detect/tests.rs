use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::model::{Part, Signal, SignalKind};

static DETECT: LazyLock<Detect> = LazyLock::new(|| Detect::embedded().unwrap());

fn scan(texts: &[&str], lang: &str) -> Report {
    let pieces: Vec<_> = texts.iter().enumerate().map(|(n, text)| Piece { part: Part::Text(n), text }).collect();
    let context = Context { lang: Some(lang.to_owned()), ..Context::default() };
    DETECT.scan(&pieces, &context, &Window::default())
}

fn cut(text: &str, lang: &str) -> Vec<(Kind, String)> {
    scan(&[text], lang).findings.into_iter().map(|finding| (finding.kind, finding.text)).collect()
}

/// What rules see: guesses change with the lines that they are learned from.
fn signals(text: &str, lang: &str) -> Vec<SignalKind> {
    scan(&[text], lang).signals.into_iter().filter(|signal| !signal.is_guess()).map(|signal| signal.kind).collect()
}

#[test]
fn an_id_ahead_of_its_network_is_one() {
    let ids =
        ["contoh_jaya di telegram", "look for sample99 on insta", "nazwa.sklepu na instagramie", "my snap's sample99"];
    for text in ids {
        let found = cut(text, "en");
        assert_eq!(found.first().map(|one| one.0), Some(Kind::Social), "{text}: {found:?}");
    }
    for text in [
        "I saw iphone13 on instagram",
        "rtx3060 di shopee lebih murah",
        "version v2.0 on telegram is out",
        "we met on facebook",
        "the file_name on line 5",
        "that's the snap's end",
    ] {
        assert_eq!(cut(text, "en"), [], "{text}");
    }
}

#[test]
fn idle_words_between_the_groups_of_a_number_part_nothing() {
    for text in [
        "wa ku kosong delapan satu dua ya terus tiga empat lima enam tujuh delapan",
        "nomor 0812 nah terus 3456 ya lalu 7890",
    ] {
        let found = cut(text, "id");
        assert_eq!(found.first().map(|one| one.0), Some(Kind::Phone), "{text}: {found:?}");
    }
    assert_eq!(cut("pesan 12 dan 34 ya terus 560 lalu 78", "id"), []);
}

#[test]
fn a_mailbox_at_a_provider_without_a_sign_is_an_address() {
    for text in ["jane_sample at outlook", "mail mam jan.przykladowy na gmailu", "contoh.toko77 di gmail ya kak"] {
        let found = cut(text, "id");
        assert_eq!(found.first().map(|one| one.0), Some(Kind::Email), "{text}: {found:?}");
    }
    assert_eq!(
        cut("mail mam jan.przykladowy na gmailu", "pl"),
        [(Kind::Email, "jan.przykladowy na gmailu".to_owned())],
        "the words before it stay"
    );
    for text in
        ["please look at outlook", "I use version_2 of outlook", "see example.com at gmail", "nie mam nic na gmailu"]
    {
        assert_eq!(cut(text, "id").iter().filter(|one| one.0 == Kind::Email).count(), 0, "{text}");
    }
}

#[test]
fn an_id_in_quotes_or_in_single_letters_is_one_behind_a_network() {
    for text in ["DM ig aja \"contohjaya\"", "my IG c o n t o h s h o p", "add me on snap c o n t o h s h o p"] {
        let found = cut(text, "id");
        assert_eq!(found.first().map(|one| one.0), Some(Kind::Social), "{text}: {found:?}");
    }
    for text in ["the line \"standard\" is out of stock", "the signal \"weak\" is shown", "snap a b c d"] {
        assert_eq!(cut(text, "id"), [], "{text}");
    }
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
        "nol delapan lima lima nol nol satu dua nol nol satu nol",
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
    assert_eq!(cut("t . m e / l a p a k 7", "id"), [(Kind::Link, "t . m e / l a p a k 7".to_owned())]);
}

#[test]
fn addresses_under_names_kept_for_examples_are_found_in_words() {
    for (lang, text) in [
        ("pl", "jola.wzorowa małpa przyklad kropka test"),
        ("pl", "jola.wzorowa [na] example [.] org"),
        ("en", "jo&#64;example&#46;org"),
    ] {
        assert_eq!(cut(text, lang), [(Kind::Email, text.to_owned())], "{text}");
    }
}

#[test]
fn hosts_and_paths_said_aloud_are_found_whole() {
    for (lang, text) in [
        ("pl", "wa.me łamane na 48500000111"),
        ("en", "tiny url dot com slash jolascrafts"),
        ("id", "lapak-contoh . example / promo"),
    ] {
        assert_eq!(cut(text, lang), [(Kind::Link, text.to_owned())], "{text}");
    }
    assert_eq!(cut("merah . test / biru saja", "id"), [(Kind::Link, "merah . test / biru".to_owned())]);
    assert!(cut("merah / biru . tes dulu", "id").is_empty());
}

#[test]
fn a_sign_said_as_a_word_makes_any_top_level_count() {
    for (lang, text) in
        [("id", "jokocontoh[at]tokocontoh[dot]id"), ("id", "joko at tokocontoh dot id"), ("en", "moc.elpmaxe@enaj")]
    {
        assert_eq!(cut(text, lang), [(Kind::Email, text.to_owned())], "{text}");
    }
    for (lang, text) in [("ms", "bajucontoh titik my"), ("en", "tokocontoh(dot)store"), ("zh", "shilicontoh 点 shop")]
    {
        assert_eq!(cut(text, lang), [(Kind::Link, text.to_owned())], "{text}");
    }
    for (lang, text) in
        [("en", "a polka dot shop around the corner"), ("id", "ada satu titik di peta"), ("en", "dot in the middle")]
    {
        assert_eq!(cut(text, lang), [], "{text}");
    }
}

#[test]
fn letters_that_alternate_with_digits_hide_no_number() {
    for (lang, text) in [("ru", "8ч9ч9ч9ч5ч5ч5ч0ч1ч2ч3"), ("id", "0.a.8.a.1.a.2.a.5.a.5.a.5.a.0.a.1.a.2.a.3")]
    {
        assert!(cut(text, lang).iter().any(|(kind, _)| *kind == Kind::Phone), "{text}");
    }
    assert_eq!(cut("harga Rp 0.812.555.012.34 ya", "id"), [(Kind::Phone, "0.812.555.012.34".to_owned())]);
    let iban = "GB82 . WEST . 1234 . 5698 . 7654 . 32";
    assert_eq!(cut(iban, "en"), [(Kind::Payment, iban.to_owned())]);
}

#[test]
fn numbers_between_stars_need_no_numbering_plan() {
    assert_eq!(cut("0*7*7*0*0*9*0*0*0*1*2", "en"), [(Kind::Phone, "0*7*7*0*0*9*0*0*0*1*2".to_owned())]);
    assert!(cut("2*4*3*5 rows of beads", "en").is_empty());
}

#[test]
fn hours_and_sums_of_prices_stay() {
    for (lang, text) in [
        ("id", "buka 09.00-17.30, minggu 10.00-14.00"),
        ("pl", "razem 89,90 + 14,99 = 104,89 zł"),
        ("pl", "ulica z obrazka to Londyn w deszczu, 500 elementów"),
    ] {
        assert!(cut(text, lang).is_empty(), "{text}");
    }
}

#[test]
fn names_to_look_for_on_a_network_are_found() {
    assert_eq!(
        cut("look us up: find us on facebook, Jolas Example Crafts", "en"),
        [(Kind::Social, "Jolas Example Crafts".to_owned())]
    );
    assert_eq!(cut("mesenger: Jola Wzorowa", "pl"), [(Kind::Social, "Jola Wzorowa".to_owned())]);
}

#[test]
fn an_at_before_a_link_told_in_words_is_none_of_an_address() {
    let said = "bit titik ly garis miring lapakcontoh";
    assert_eq!(cut(&format!("all the offers at {said} thanks"), "en"), [(Kind::Link, said.to_owned())]);
}

#[test]
fn a_host_told_over_two_texts_is_found_and_sentences_stay_apart() {
    let redacted = |first: &str, second: &str| scan(&[first, second], "id").redacted.join(" | ");
    let told = redacted("alamat webnya tokobiru-contoh.", "com ya kak silakan mampir kapan saja");
    assert!(!told.contains("tokobiru") && !told.contains("com ya"), "{told}");
    let (first, second) = ("Paketnya sudah kami kirim tadi.", "Besok kami kabari lagi ya kak");
    assert_eq!(redacted(first, second), format!("{first} | {second}"));
}

#[test]
fn what_a_link_lacks_is_cut_out_of_the_next_message() {
    let context = Context { lang: Some("en".to_owned()), ..Context::default() };
    let piece = |text| [Piece { part: Part::Text(0), text }];
    let first = DETECT.scan(&piece("just visit https://t.me/"), &context, &Window::default());
    let second = DETECT.scan(&piece("lapakcontoh74 for more"), &context, &first.window);
    assert_eq!(second.redacted, ["[outside link removed] for more"]);
}

/// The first thing cut out of a text, with its kind.
fn only(text: &str, lang: &str) -> Option<(Kind, String)> {
    let mut found = cut(text, lang);
    (found.len() == 1).then(|| found.remove(0))
}

#[test]
fn postal_addresses_are_found_in_the_styles_of_many_countries() {
    for (lang, text) in [
        ("id", "Jl. Contoh Raya No. 5, Bandung"),
        ("id", "Perum Contoh Indah Blok B2 No 15, Bekasi 17520"),
        ("id", "Gg. Contoh III No.12 RT.02/RW.07 Kel. Sukamaju Kec. Cilodong Depok 16415"),
        ("id", "jl contoh 5 no 3 rt 2 rw 1 semarang"),
        ("id", "Dusun Contoh RT 01 RW 02 Desa Maju Kec. Ambulu Kab. Jember"),
        ("pl", "ul. Przykładowa 12/3, 00-950 Warszawa"),
        ("pl", "Przykładowa 99, 00-693 Warszawa"),
        ("pl", "80-001 Gdańsk, ul. Przykładowa 5"),
        ("pl", "ul. 3 Maja 17, Katowice"),
        ("pl", "os. Przykładowe 15/22, 31-618 Kraków"),
        ("en", "12 Example Road, Reading RG1 1AA"),
        ("en", "100 Example Ave Apt 4B, Fresno, CA 93706"),
        ("en", "PO Box 123, Sydney NSW 2001"),
        ("en", "27 Example Lane, Bristol"),
        ("de", "Beispielstraße 12, 10115 Berlin"),
        ("de", "Am Beispiel 5, 04109 Leipzig"),
        ("es", "Calle Ejemplo 15, 3º B, 28013 Madrid"),
        ("fr", "12 rue de l'Exemple, 75002 Paris"),
        ("it", "Via Esempio 25, 20121 Milano"),
        ("nl", "Voorbeeldgracht 123, 1015 CJ Amsterdam"),
        ("fi", "Esimerkkitie 14 A 5, 00100 Helsinki"),
        ("vi", "123 Lê Ví Dụ, Phường Bến Thành, Quận 1, TP.HCM"),
        ("th", "99/12 หมู่ 5 ต.บางพลี อ.บางพลี จ.สมุทรปราการ 10540"),
        ("tl", "Lot 8 Blk 21, Phase 4, Halimbawa Village, Cavite"),
        ("zh", "北京市朝阳区例子路88号3栋501室"),
        ("zh", "广州市天河区例子西路17号之二"),
        ("zh", "北京市朝阳区例子花园东区209号楼1单元601"),
        ("zh", "四川省成都市武侯区例子路65号 610041"),
        ("ja", "東京都例示区見本町4-5-6"),
        ("ru", "г. Москва, ул. Примерная, д. 7, кв. 12"),
    ] {
        assert_eq!(only(text, lang), Some((Kind::Address, text.to_owned())), "{text}");
    }
}

#[test]
fn words_that_lead_to_a_place_make_an_address_of_little() {
    for (lang, text, place) in [
        ("pl", "przyjedź na Rynek 7, Wrocław", "Rynek 7, Wrocław"),
        ("pl", "mieszkam przy Przykładowej 8 w Gdańsku", "Przykładowej 8 w Gdańsku"),
        ("en", "send it to The Old Example, Mill Lane, Oxford OX4 1AB", "The Old Example, Mill Lane, Oxford OX4 1AB"),
    ] {
        assert_eq!(only(text, lang), Some((Kind::Address, place.to_owned())), "{text}");
    }
}

#[test]
fn a_town_a_flat_or_a_neighbourhood_makes_an_address_of_a_street() {
    for (lang, text, said) in [
        ("en", "pick up 2218 Inventada Ct, Sampleton, blue bin", "2218 Inventada Ct, Sampleton"),
        ("en", "send to 11 Madeup Cl Sample Bay 2261", "11 Madeup Cl Sample Bay 2261"),
        ("pl", "odbiór Przykładowa 14/3 Piaseczno", "Przykładowa 14/3 Piaseczno"),
        ("pl", "odbiór Zmyślonego 14/3 Piaseczno", "Zmyślonego 14/3 Piaseczno"),
        ("id", "rumah Karangan Raya 41 RT 05/02 Bintaro", "Karangan Raya 41 RT 05/02 Bintaro"),
    ] {
        let found = cut(text, lang);
        assert!(found.iter().any(|(kind, own)| *kind == Kind::Address && own.contains(said)), "{text}: {found:?}");
    }
    for (lang, text) in [
        ("pl", "Koszulka 38/40 Biała"),
        ("pl", "Kurtka Zimowa 38/40 Biała"),
        ("en", "Model 7 Court, Size 42"),
        ("id", "RT 5 saja"),
    ] {
        assert_eq!(cut(text, lang), [], "{text}");
    }
}

#[test]
fn what_only_sounds_like_an_address_stays() {
    for (lang, text) in [
        ("id", "Lampu jalan LED 100 watt harga 250rb"),
        ("id", "Buku Cerita Desa Emas 120 halaman"),
        ("id", "jalan di tempat, sudah 5 hari"),
        ("id", "sepatu jalan santai no 41"),
        ("pl", "Plac zabaw 5 elementów, drewniany"),
        ("pl", "Plac budowy klocki 120 elementów, Kraków odebrał"),
        ("es", "Avenida 2 discos, Calle 13"),
        ("en", "Example Road LP 1969, London pressing"),
        ("pl", "Wysyłka z Krakowa, dotarło do Gdańska w 2 dni"),
        ("en", "2 Way Radio, Black, 5 km range"),
        ("en", "The place was 5 star, no 1 in town"),
        ("en", "I ordered 2 Blue Shirts, London delivery was quick"),
        ("en", "drive 500 miles, way better than before"),
        ("de", "Arbeitsplatz 5 Monitore, Tisch 120 cm"),
        ("ru", "дом 2 этажа, ул. нет"),
        ("zh", "路由器2号机型"),
        ("zh", "这条路上有3号线"),
    ] {
        assert_eq!(cut(text, lang), [], "{text}");
    }
}

#[test]
fn a_number_glued_to_a_word_is_found() {
    for (lang, text, number) in [
        ("id", "call081234567890 ya", "081234567890"),
        ("pl", "tel601222333", "601222333"),
        ("en", "call415.555.0132", "415.555.0132"),
        ("id", "0812xxx3456xxx7890 buang x nya", "0812xxx3456xxx7890"),
        ("th", "โทร ศูนย์แปดหนึ่งสองสามสี่ห้าหกเจ็ดแปด", "ศูนย์แปดหนึ่งสองสามสี่ห้าหกเจ็ดแปด"),
    ] {
        assert_eq!(only(text, lang), Some((Kind::Phone, number.to_owned())), "{text}");
    }
}

#[test]
fn ids_are_found_beside_a_network_however_it_is_called() {
    for (lang, text, id) in [
        ("zh", "QQ：987654321", "987654321"),
        ("en", "add me on discord contoh#1234", "contoh#1234"),
        ("id", "fb ku Toko Contoh Jaya", "Toko Contoh Jaya"),
        ("pl", "fb: Sklep u Jana", "Sklep u Jana"),
        ("es", "mi instagram es tienda_ejemplo", "tienda_ejemplo"),
        ("ru", "мой инст magazin_primer", "magazin_primer"),
        ("en", "RT@contoh_toko", "@contoh_toko"),
    ] {
        assert_eq!(only(text, lang), Some((Kind::Social, id.to_owned())), "{text}");
    }
}

#[test]
fn addresses_of_mail_are_found_in_words_of_many_languages() {
    for (lang, text, address) in [
        ("id", "surelku contoh99 keong gmail titik com", "contoh99 keong gmail titik com"),
        ("pl", "jan_przyklad małpa gmail com", "jan_przyklad małpa gmail com"),
        ("ru", "ivan_primer собака яндекс точка ру", "ivan_primer собака яндекс точка ру"),
        ("en", "me_99@[192.0.2.15]", "me_99@[192.0.2.15]"),
    ] {
        assert_eq!(only(text, lang), Some((Kind::Email, address.to_owned())), "{text}");
    }
}

#[test]
fn places_on_a_map_and_hosts_by_number_are_links() {
    for (text, link) in [
        ("titik -6.914744, 107.609810 ya", "-6.914744, 107.609810"),
        ("open 198.51.100.15 in your browser", "198.51.100.15"),
        ("https : // toko-contoh . com", "https : // toko-contoh . com"),
        ("www . toko-contoh . pl", "www . toko-contoh . pl"),
    ] {
        assert_eq!(only(text, "en"), Some((Kind::Link, link.to_owned())), "{text}");
    }
    for text in ["firmware 2.10.100.200 works", "99.9999% pure, 12.3456 g"] {
        assert_eq!(cut(text, "en"), [], "{text}");
    }
}

#[test]
fn a_network_in_one_text_names_the_id_in_the_next() {
    let report = scan(&["ig", "toko_contoh99"], "id");
    assert_eq!(report.findings.len(), 1);
    let report = scan(&["toko.contoh", "@", "gmail.com"], "id");
    assert_eq!(report.redacted[0], "[alamat email dihapus]");
}

#[test]
fn the_sentence_that_says_it_is_cited() {
    let cited = |texts: &[&str]| -> Vec<(Part, String)> {
        let told = scan(texts, "en").signals.into_iter();
        told.filter_map(|signal| Some((signal.part, signal.sentence?.text))).collect()
    };
    let said = |n, text: &str| vec![(Part::Text(n), text.to_owned())];
    let threat = "Watch your back, this is not over.";
    assert_eq!(cited(&[&format!("Żółty 📦 left today.  {threat} Bye!")]), said(0, threat));
    assert_eq!(cited(&[&format!("It left at 9.30\n{threat}\nBye")]), said(0, threat));
    assert_eq!(cited(&["About your parcel", threat]), said(1, threat));
    // Of what has no ends the words alone are cited.
    let endless = format!("{} watch your back {}", "and so on".repeat(60), "and so forth ".repeat(60));
    assert_eq!(cited(&[&endless]), said(0, "watch your back"));
    let folded = "Hello. Ｗａｔｃｈ ｙｏｕｒ ｂａｃｋ, this is not over. Bye.";
    assert_eq!(cited(&[folded]), said(0, "Ｗａｔｃｈ ｙｏｕｒ ｂａｃｋ, this is not over."));
}

#[test]
fn ordinary_talk_stays() {
    for text in [
        "Resi JP1234567890 sudah dikirim kak",
        "total Rp 1.500.000 untuk 12 pcs",
        "sampai gudang 03/11/2026 pukul 09.15",
        "bagus.Terima kasih ya",
        "tersisa nomor 36 37 38 39 saja",
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
    assert_eq!(second.findings.len(), 1, "five digits stand: every further piece is cut");
    let third = DETECT.scan(&piece("7890"), &context, &second.window);
    assert_eq!(third.findings.len(), 1);
    let talk = DETECT.scan(&piece("makasih ya, stok 5 lagi"), &context, &third.window);
    assert!(talk.findings.is_empty());
}

#[test]
fn guarded_names_are_cut_and_common_words_stay() {
    let guard = Guard {
        names: vec!["Budi Santoso".to_owned()],
        emails: Vec::new(),
        phones: Vec::new(),
        accounts: Vec::new(),
        streets: Vec::new(),
    };
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
        phones: vec!["1500000".to_owned(), "021-5550100".to_owned()],
        links: vec!["help.market.example".to_owned()],
        social: vec!["@MarketCare".to_owned()],
        ..Own::default()
    };
    let context = Context { lang: Some("id".to_owned()), own, ..Context::default() };
    let text = "hubungi support@market.example, 1500000, 021-5550100, help.market.example atau @MarketCare";
    let report = DETECT.scan(&[Piece { part: Part::Text(0), text }], &context, &Window::default());
    assert_eq!(report.redacted[0], text);
}

#[test]
fn an_allowed_link_stays_unless_it_carries_a_contact() {
    let known = Known { links: vec!["market.example".to_owned()], ..Known::default() };
    let context = Context { lang: Some("id".to_owned()), known, ..Context::default() };
    let redacted = |text: &str| {
        DETECT.scan(&[Piece { part: Part::Text(0), text }], &context, &Window::default()).redacted[0].clone()
    };
    for stays in ["lihat https://market.example/order?id=7&q=teh+hijau ya", "lihat market.example/item/teh-1 ya"] {
        assert_eq!(redacted(stays), stays);
    }
    for carries in [
        "lihat https://market.example/?wa=081234567890 ya",
        "lihat market.example/?q=budi%40surat.example ya",
        "lihat https://market.example/go?to=https%3A%2F%2Ftoko.test%2Fx ya",
    ] {
        assert_eq!(redacted(carries), "lihat [tautan luar dihapus] ya", "{carries}");
    }
}

#[test]
fn a_link_of_links_is_judged_in_time() {
    let known = Known { links: vec!["market.example".to_owned()], ..Known::default() };
    let context = Context { known, ..Context::default() };
    let started = std::time::Instant::now();
    for text in
        ["https://market.example/".repeat(4_000), format!("https://market.example/{}", "wa=@+://".repeat(10_000))]
    {
        DETECT.scan(&[Piece { part: Part::Text(0), text: &text }], &context, &Window::default());
    }
    assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", started.elapsed());
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
    let incentives = |signals: &[Signal]| -> Vec<Part> {
        signals.iter().filter(|s| s.kind == SignalKind::ReviewIncentive).map(|s| s.part).collect()
    };
    assert_eq!(incentives(&report.signals), [Part::Text(1)]);
    assert_eq!(incentives(&scan(&["kalau bintang lima"], "id").signals), []);
}

#[test]
fn neutral_sentences_pass() {
    for text in [
        "maaf, salah pencet",
        "Silakan beri ulasan tentang produk kami",
        "bintang lima dari aku, sudah kutulis di ulasannya",
    ] {
        assert_eq!(signals(text, "id"), [], "{text}");
    }
}

/// A matcher that counts its tries below zero panicked on a long row of digits.
#[test]
fn long_rows_of_one_trick_are_read_to_their_end() {
    for trick in ["a.b ", "0812 ", "@a ", "wa ig ", "satu ", "(", "1.2.3.4/", "jl. no 5, ", "t o k o "] {
        let text = trick.repeat(4_000 / trick.len());
        assert_eq!(scan(&[&text], "id").redacted.len(), 1, "{trick:?}");
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

#[test]
fn an_ordinary_word_behind_the_name_of_a_market_is_no_id() {
    for (lang, text) in [
        ("id", "Shopee, akun Anda sudah aktif."),
        ("id", "Lazada: ulasan bisa diubah dalam 30 hari."),
        ("id", "Tokopedia: Ulasan Anda kami tunggu"),
        ("pl", "Allegro: Pani zwrot jest w drodze"),
        ("pl", "Vinted, konto: twoja paczka czeka"),
        ("en", "Instagram: your account is not needed here"),
        ("en", "On WhatsApp: please do not write there."),
    ] {
        assert_eq!(cut(text, lang), [], "{text}");
    }
    for (lang, text, id) in [
        ("id", "Shopee: tokobiru", "tokobiru"),
        ("en", "Instagram: the_lamp_shop", "the_lamp_shop"),
        ("en", "my instagram id: lampshop", "lampshop"),
        ("pl", "nasze konto na Vinted: Lampy Jana", "Lampy Jana"),
        ("en", "instagram: @your", "@your"),
    ] {
        assert_eq!(cut(text, lang), [(Kind::Social, id.to_owned())], "{text}");
    }
}

/// Of two people: what the vault knows.
fn vaulted() -> Guard {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    Guard {
        names: owned(&["Budi Santoso Wijaya"]),
        emails: owned(&["budi.rekaan@example.com"]),
        phones: owned(&["+6281255501234"]),
        accounts: owned(&["1230004567"]),
        streets: owned(&["Jalan Contoh Raya 17"]),
    }
}

proptest! {
    #[test]
    fn what_a_message_is_taken_for_tells_nothing_of_what_the_vault_knows(
        words in proptest::collection::vec(proptest::sample::select(vec![
            "budi", "santoso", "Budi Santoso Wijaya", "rekaan", "budi.rekaan", "example", "0812", "5550", "1234", "55501234",
            "1230004567", "jalan contoh raya 17", "contoh", "transfer", "ke", "rekening", "saya", "tahu", "rumah", "kamu",
            "ulasan", "hapus", "hubungi", "awas", "orang", "ini", "tinggal", "di", "namanya", "@", ".", "\n", "lebih",
            "murah", "alamat", "nomor",
        ]), 1..24),
        pieces in 1_usize..4,
    ) {
        let texts: Vec<String> = words.chunks(words.len().div_ceil(pieces)).map(|words| words.join(" ")).collect();
        let pieces: Vec<_> = texts.iter().enumerate().map(|(n, text)| Piece { part: Part::Text(n), text }).collect();
        let plain = Context { lang: Some("id".to_owned()), ..Context::default() };
        let told = DETECT.scan(&pieces, &plain, &Window::default());
        let guarding = DETECT.scan(&pieces, &Context { guard: vaulted(), ..plain }, &Window::default());
        prop_assert_eq!(told.signals, guarding.signals);
        prop_assert_eq!(told.window, guarding.window);
    }

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

#[test]
fn a_host_hides_behind_no_row_of_labels() {
    let junk = ["x..".to_owned(), format!("{}.", "x".repeat(70)), "a.b.c.d.e.f.g.h.i.j.k.l.m.n.".to_owned()];
    for before in junk {
        let text = format!("lihat {before}toko-contoh.com/katalog ya");
        assert!(cut(&text, "id").iter().any(|(kind, _)| *kind == Kind::Link), "{text}");
    }
}

#[test]
fn a_door_that_the_vault_knows_is_guarded_and_a_town_is_not() {
    let streets = vec!["Jl. Kenanga Raya 77".to_owned(), "Bandung".to_owned()];
    let guard = Guard { names: Vec::new(), emails: Vec::new(), phones: Vec::new(), accounts: Vec::new(), streets };
    let context = Context { lang: Some("id".to_owned()), guard, ..Context::default() };
    let cut = |text: &str| DETECT.scan(&[Piece { part: Part::Text(0), text }], &context, &Window::default()).findings;
    assert_eq!(cut("salam,\nJL. KENANGA RAYA 77")[0].kind, Kind::Address);
    assert!(cut("toko kami kirim dari Bandung").is_empty());
}

#[test]
fn tabs_and_underscores_hide_nothing() {
    assert_eq!(cut("budi\t@\tcontoh-toko.com", "id")[0].0, Kind::Email);
    assert_eq!(cut("simpan wa_081234567890 ya", "id")[0].0, Kind::Phone);
    assert!(cut("berkas IMG_20261122123456 dan kode SKU_081234567890", "id").is_empty());
}

#[test]
fn disguises_laid_over_contacts_are_taken_off() {
    for (lang, text, kind) in [
        ("en", "text me at 41S-SSS-Oi5B any time", Kind::Phone),
        ("en", "my number is (4q1q5) 5q5w5-0q1w2w6 talk soon", Kind::Phone),
        ("en", "Thanks for your purchase. 07700900546", Kind::Phone),
        ("en", "Thanks for your purchase. plus 44 7700 900281", Kind::Phone),
        ("en", "Thanks for your purchase. 415 then 555 then 0177", Kind::Phone),
        ("pl", "proszę dzwonić 601 potem 555 potem 637 w sprawie paczki", Kind::Phone),
        ("pl", "Dziękuję za zakup. 6★0★1★5★5★5★1★2★3", Kind::Phone),
        ("id", "hubungi &#48;&#56;&#49;&#50;5550123 ya", Kind::Phone),
        ("en", "Thanks for your purchase. 0770\n0 90\n0628", Kind::Phone),
        ("id", "tulis ke [t][o][k][o][7][7]@[g][m][a][i][l].[c][o][m]", Kind::Email),
        ("pl", "pisać na moc.elpmaxe@63rozwejzako (czytaj od tyłu)", Kind::Email),
        ("en", "just visit s∙h∙o∙p-f∙i∙c∙t∙i∙o∙n∙4∙6.c∙o∙m for more", Kind::Link),
        ("id", "langsung chat t%2Eme%2Ftokocontoh74 ya", Kind::Link),
        ("id", "buka 9ϛɥoʇuoɔᴉpnq/ʎl.ʇᴉq (dibaca dari belakang)", Kind::Link),
        ("id", "follow instagram saya [budi.contoh84] terima kasih", Kind::Social),
        ("id", "ig:  @ budi_rekaan21 ya kak", Kind::Social),
        ("en", "my instagram is 03puedampohs@ (read it backwards) thanks", Kind::Social),
    ] {
        let found = cut(text, lang);
        assert!(found.iter().any(|(found, _)| *found == kind), "{text}: {found:?}");
    }
}

#[test]
fn what_only_looks_disguised_stays() {
    for (lang, text) in [
        ("en", "Your tracking number is 0 7 2 0 9 5 6 2 7 6 3"),
        ("en", "B-E-A-U-T-I-F-U-L!!! thank you"),
        ("en", "sizes S, M, L, X, 1, 2, 3, 4"),
        ("en", "read the review backwards, it is 5 stars"),
        ("id", "D I S K O N besar, kode A-1-B-2-C-3-D-4"),
        ("id", "ukuran 2x4x6 dan 3x5x7 cm"),
        ("id", "S\nM\nL\nXL\nready kak"),
        ("pl", "rabat 50% & gratis; 2 szt\n3 szt\nok"),
        ("en", "my instagram is [outside account removed] thanks"),
    ] {
        assert_eq!(cut(text, lang), [], "{text}");
    }
}

#[test]
fn a_word_about_the_parcel_hides_no_number_told_in_two_parts() {
    let report = scan(&["Dzień dobry, proszę dzwonić 6015", "55083 w sprawie paczki"], "pl");
    let parts: Vec<_> = report.findings.iter().map(|finding| (finding.kind, finding.text.as_str())).collect();
    assert_eq!(parts, [(Kind::Phone, "6015"), (Kind::Phone, "55083")]);
    assert!(scan(&["nomor paket 6015", "55083 paczki 2 szt"], "pl").findings.is_empty());
}

#[test]
fn every_kind_is_explained_in_every_language_and_english_stands_in() {
    let kinds = ["address", "code", "email", "link", "name", "payment", "phone", "social"];
    for lang in ["en", "id", "pl", "de", "es", "ms", "ru", "th", "tl", "vi", "zh"] {
        for kind in kinds {
            let words = DETECT.explanation(kind, Some(lang)).unwrap();
            assert_eq!(words == DETECT.explanation(kind, None).unwrap(), lang == "en", "{lang} {kind}");
        }
    }
    assert_eq!(DETECT.explanation("phone", Some("sw")), DETECT.explanation("phone", Some("en-GB")));
    assert!(DETECT.explanation("id.threat.for_review", None).is_some_and(|words| words.contains("ncaman")));
    assert_eq!(DETECT.explanation("judge.antivirus", None), None);
}

#[test]
fn writing_to_somebody_is_no_sign_where_the_sign_is_said() {
    let report = scan(&["escríbeme a marta punto tienda arroba example punto com"], "es");
    assert_eq!(report.redacted[0].split(' ').take(2).collect::<Vec<_>>(), ["escríbeme", "a"]);
    assert!(!report.redacted[0].contains("tienda") && !report.redacted[0].contains("example"), "{:?}", report.redacted);
}

/// Words of others, of rules and of what is never done stood for an excuse of the whole sentence.
#[test]
fn who_speaks_of_others_or_of_rules_is_up_to_it_all_the_same() {
    for (lang, text) in [
        ("pl", "Mój szwagier przyjedzie do ciebie i połamie ci nogi"),
        ("pl", "Kolega z policji cię znajdzie, pożałujesz tej opinii"),
        ("pl", "Zgodnie z regulaminem proszę usunąć negatywną opinię"),
        ("pl", "Nie wolno dawać jednej gwiazdki, proszę zmienić ocenę"),
        ("en", "A friend of mine will come and break your legs"),
        ("en", "According to the rules you must change your rating to five stars"),
        ("en", "It is forbidden to leave one star, change it"),
        ("en", "Another shop offers it dearer, pay me directly on PayPal outside the app"),
        ("id", "teman saya akan datang ke rumahmu, awas kamu"),
        ("id", "Ulasan anda melanggar aturan, tolong hapus ulasannya"),
        ("id", "Sesuai aturan toko, kasih bintang lima dapat voucher 10rb"),
        ("id", "kemarin ada yang kasih bintang 1, sudah saya laporkan polisi, kamu juga mau?"),
        ("id", "Toko lain tidak kasih, kami kasih 20rb kalau bintang 5"),
        ("en", "we do not accept bad reviews, change it or we will never send the refund"),
        ("en", "We don't use the app for payment, send the money to my bank account"),
        ("id", "kami tidak bisa memberikan refund sebelum bintang 5"),
        ("en", "no matter what rating you gave, change it to 5 and get 10 dollars"),
    ] {
        assert_ne!(signals(text, lang), [], "{text}");
    }
}

#[test]
fn a_denial_and_a_tale_of_others_are_no_offer() {
    for (lang, text) in [
        ("en", "We never ask for five stars, write what you think"),
        ("en", "Sellers may not ask buyers to change a review"),
        ("id", "Kami tidak pernah meminta bintang lima"),
        ("id", "penjual dilarang meminta pembeli menghapus ulasan"),
        ("pl", "Nigdy nie prosimy o pięć gwiazdek"),
    ] {
        assert_eq!(signals(text, lang), [], "{text}");
    }
    assert_ne!(signals("We never ask for five stars, but change your review please", "en"), []);
}
