//! What is to be covered is neither seen nor read any more.

use image::GrayImage;
use lopdf::{Document, Object, dictionary};
use tabir::{
    detect::{Context, Detect},
    media::{
        Unreadable,
        code::Linear,
        pdf::{Contents, Orders, PdfLimits, Text, draw, read},
    },
    model::{Kind, Part},
    relay::{Judged, judge},
};

use super::{
    canaries::assert_gone,
    paper::{Paper, lined, picture},
    redrawn, words,
};

fn contents(bytes: &[u8]) -> Contents {
    read(bytes, &PdfLimits::default()).unwrap()
}

fn judged(bytes: &[u8], lang: &str) -> Judged {
    let context = Context { lang: Some(lang.to_owned()), ..Context::default() };
    judge(&Detect::embedded().unwrap(), &context, &contents(bytes), Part::Attachment(0))
}

/// The file as it leaves, and what was found in it.
fn cleaned(bytes: &[u8], lang: &str) -> (Vec<u8>, Judged) {
    let judged = judged(bytes, lang);
    (draw(bytes, &PdfLimits::default(), Linear::Tell, &judged.orders).unwrap().bytes, judged)
}

/// The picture of the first page of a file of ours.
fn seen(bytes: &[u8]) -> GrayImage {
    let doc = Document::load_mem(bytes).unwrap();
    let of_kind =
        |stream: &&lopdf::Stream| stream.dict.get(b"Subtype").and_then(Object::as_name).is_ok_and(|n| n == b"Image");
    let image = doc.objects.values().filter_map(|object| object.as_stream().ok()).find(of_kind).unwrap();
    let side = |key: &[u8]| u32::try_from(image.dict.get(key).unwrap().as_i64().unwrap()).unwrap();
    assert_eq!(image.dict.get(b"ColorSpace").unwrap().as_name().unwrap(), b"DeviceGray");
    GrayImage::from_raw(side(b"Width"), side(b"Height"), image.decompressed_content().unwrap()).unwrap()
}

#[test]
fn a_phone_number_is_covered_and_the_rest_stays() {
    let letter = Paper::of(&["Halo kak, terima kasih", "WA 0812-3456-7890 ya", "Salam"]).bytes();
    let (clean, judged) = cleaned(&letter, "id");
    let [finding] = judged.findings.as_slice() else { panic!("{:?}", judged.findings) };
    assert_eq!((finding.kind, finding.text.as_str(), finding.frame), (Kind::Phone, "0812-3456-7890", Some(0)));
    assert_gone(&clean, &["0812", "3456", "7890"]);
    let said = words(&clean);
    assert!(said.contains("terima kasih") && said.contains("Salam"), "{said:?}");
    let [left, top, width, height] = finding.area.unwrap();
    let page = seen(&clean);
    for y in top..top + height {
        for x in left..left + width {
            assert_eq!(page.get_pixel(x, y).0, [128], "at {x}, {y}");
        }
    }
    assert!(page.pixels().any(|pixel| pixel.0[0] < 40), "the other words are there");
}

#[test]
fn letters_drawn_in_any_order_and_place_are_read_as_they_lie() {
    // The number backwards, letter by letter; a mail address in two pieces that touch, the later
    // first; a number that stands upright.
    let mut content = String::from("BT /F 12 Tf ");
    for (n, digit) in "081234567890".chars().enumerate().collect::<Vec<_>>().into_iter().rev() {
        content.push_str(&format!("1 0 0 1 {} 700 Tm ({digit}) Tj ", 60 + n * 7));
    }
    content.push_str("1 0 0 1 92 600 Tm (@mail.example.com) Tj 1 0 0 1 60 600 Tm (budi.s) Tj ");
    content.push_str("0 1 -1 0 500 300 Tm (WA 0813-2222-3333) Tj ET");
    let mut paper = Paper::new();
    paper.page(&content, dictionary! {}, dictionary! {});
    let (clean, judged) = cleaned(&paper.bytes(), "id");
    let mut found: Vec<&str> = judged.findings.iter().map(|finding| finding.text.as_str()).collect();
    found.sort_unstable();
    assert_eq!(found, ["081234567890", "0813-2222-3333", "budi.s@mail.example.com"]);
    assert_gone(&clean, &["0812", "budi", "mail", "2222"]);
}

#[test]
fn a_shadow_or_unseen_letters_between_do_not_hide_a_number() {
    let mut content = String::new();
    for (x, shade) in [(60.0, "0.5 g"), (60.4, "0 g")] {
        content.push_str(&format!("{shade} BT /F 12 Tf {x} 700 Td (WA 0812-3456-7890) Tj ET "));
    }
    // White letters in between.
    content.push_str("BT /F 12 Tf ");
    for (n, digit) in "081355556666".chars().enumerate() {
        content.push_str(&format!(
            "0 g 1 0 0 1 {} 600 Tm ({digit}) Tj 1 g 1 0 0 1 {} 600 Tm (x) Tj ",
            60 + n * 14,
            67 + n * 14
        ));
    }
    content.push_str("ET");
    let mut paper = Paper::new();
    paper.page(&content, dictionary! {}, dictionary! {});
    let (clean, judged) = cleaned(&paper.bytes(), "id");
    assert_eq!(judged.findings.len(), 2, "{:?}", judged.findings);
    assert_gone(&clean, &["0812", "0813", "5555"]);
}

#[test]
fn the_words_that_lie_invisibly_over_a_scan_tell_where_it_is_covered() {
    let mut paper = Paper::new();
    let scan = paper.doc.add_object(picture(2, 2, vec![200, 210, 220, 230]));
    let content = "q 595 0 0 842 0 0 cm /I Do Q BT 3 Tr /F 12 Tf 50 700 Td (WA 0812-3456-7890) Tj ET";
    paper.page(content, dictionary! {}, dictionary! { "XObject" => dictionary! { "I" => scan } });
    let (clean, judged) = cleaned(&paper.bytes(), "id");
    assert_eq!(judged.findings.len(), 1);
    let [left, top, width, height] = judged.findings[0].area.unwrap();
    assert_eq!(seen(&clean).get_pixel(left + width / 2, top + height / 2).0, [128]);
    assert_gone(&clean, &["0812"]);
}

#[test]
fn a_code_is_covered_and_a_parcel_number_stays() {
    let drawn = |format: zxingcpp::BarcodeFormat, text: &str| {
        let code = zxingcpp::create(format).from_str(text).unwrap();
        let drawn = code.to_image_with(&zxingcpp::write().scale(4).add_quiet_zones(true)).unwrap();
        picture(drawn.width().unsigned_abs(), drawn.height().unsigned_abs(), drawn.data())
    };
    let mut paper = Paper::new();
    let away = paper.doc.add_object(drawn(zxingcpp::BarcodeFormat::QRCode, "https://wa.me/6281234567890"));
    let parcel = paper.doc.add_object(drawn(zxingcpp::BarcodeFormat::Code128, "JNE00123456789"));
    let content = "q 150 0 0 150 100 500 cm /A Do Q q 300 0 0 60 100 200 cm /P Do Q";
    paper.page(content, dictionary! {}, dictionary! { "XObject" => dictionary! { "A" => away, "P" => parcel } });
    let bytes = paper.bytes();
    let codes = |bytes: &[u8], linear| draw(bytes, &PdfLimits::default(), linear, &Orders::default()).unwrap();
    let told = codes(&bytes, Linear::Tell);
    let texts: Vec<&str> = told.codes.iter().map(|code| code.text.as_str()).collect();
    assert_eq!(texts, ["https://wa.me/6281234567890", "JNE00123456789"]);
    let again = codes(&told.bytes, Linear::Cover);
    assert_eq!(again.codes.len(), 1, "the parcel number can still be scanned: {:?}", again.codes);
    assert!(codes(&again.bytes, Linear::Cover).codes.is_empty());
}

#[test]
fn a_link_that_may_stay_is_still_there_and_no_other() {
    let mut paper = Paper::new();
    let mut link = |uri: &str, y: i32| -> Object {
        let action = dictionary! { "S" => "URI", "URI" => Object::string_literal(uri) };
        let rect = vec![50.into(), y.into(), 200.into(), (y + 20).into()];
        paper
            .doc
            .add_object(dictionary! { "Type" => "Annot", "Subtype" => "Link", "Rect" => rect, "A" => action })
            .into()
    };
    let links = vec![link("https://track.example/1?a=(b)", 700), link("https://canary.example/", 650)];
    paper.page(&lined(&["Track", "Here"]), dictionary! { "Annots" => links }, dictionary! {});
    let bytes = paper.bytes();
    let found = contents(&bytes).pages.remove(0).links;
    assert_eq!(found.len(), 2);
    let orders = Orders { keep: vec![(0, found[0].clone())], ..Orders::default() };
    let clean = draw(&bytes, &PdfLimits::default(), Linear::Tell, &orders).unwrap().bytes;
    let kept = contents(&clean).pages.remove(0).links;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].uri, "https://track.example/1?a=(b)");
    let near = |a: u32, b: u32| a.abs_diff(b) <= 2;
    assert!(kept[0].area.iter().zip(found[0].area).all(|(a, b)| near(*a, b)), "{:?} {:?}", kept[0].area, found[0].area);
    assert_gone(&clean, &["canary"]);
}

#[test]
fn words_of_every_script_stay_and_so_do_turned_pages() {
    // More letters than one part of the font has.
    let mut paper = Paper::new();
    let map: String = (0..=255).map(|n| format!("1 beginbfchar <{n:02x}> <{:04x}> endbfchar\n", 0x400 + n)).collect();
    let map = paper.doc.add_object(lopdf::Stream::new(
        dictionary! {},
        format!("begincmap 1 begincodespacerange <00> <ff> endcodespacerange\n{map}endcmap").into_bytes(),
    ));
    let font = paper.doc.add_object(dictionary! {
        "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "ToUnicode" => map,
    });
    let rows: String = (0..8)
        .map(|row| {
            let codes: String = (0..24).map(|n| format!("{:02x}", 0x21 + (row * 24 + n) % 94)).collect();
            format!("<{codes}> Tj T* ")
        })
        .collect();
    let content = format!("BT /C 12 Tf 16 TL 50 700 Td {rows} /F 12 Tf (Caf\\351 and more) Tj ET");
    let fonts = dictionary! { "Font" => dictionary! { "C" => font, "F" => dictionary! {
    "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => "WinAnsiEncoding" } } };
    paper.page(&content, dictionary! { "Rotate" => 90 }, fonts);
    let bytes = paper.bytes();
    let before = words(&bytes);
    let clean = redrawn(&bytes);
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    assert!(before.contains("Café and more") && before.contains('\u{425}'));
    assert_eq!(squeezed(&words(&clean)), squeezed(&before));
    let doc = Document::load_mem(&clean).unwrap();
    let page = doc.get_dictionary(*doc.get_pages().get(&1).unwrap()).unwrap();
    let sides: Vec<f32> =
        page.get(b"MediaBox").unwrap().as_array().unwrap().iter().map(|n| n.as_float().unwrap()).collect();
    assert_eq!(sides, [0.0, 0.0, 842.0, 595.0]);
}

#[test]
fn what_is_locked_is_not_opened() {
    let mut doc = Document::load_mem(&Paper::of(&["secret"]).bytes()).unwrap();
    doc.trailer.set("ID", vec![Object::string_literal("0123456789abcdef"), Object::string_literal("0123456789abcdef")]);
    for password in ["", "open"] {
        let version = lopdf::EncryptionVersion::V2 {
            document: &doc,
            owner_password: "owner",
            user_password: password,
            key_length: 128,
            permissions: lopdf::Permissions::all(),
        };
        let state = lopdf::EncryptionState::try_from(version).unwrap();
        let mut locked = doc.clone();
        locked.encrypt(&state).unwrap();
        let mut bytes = Vec::new();
        locked.save_to(&mut bytes).unwrap();
        assert_eq!(read(&bytes, &PdfLimits::default()), Err(Unreadable::Encrypted), "{password:?}");
        assert_eq!(draw(&bytes, &PdfLimits::default(), Linear::Tell, &Orders::default()), Err(Unreadable::Encrypted));
    }
}

#[test]
fn every_letter_has_its_place_on_the_page() {
    let bytes = Paper::of(&["AB CD"]).bytes();
    let Text { text, places } = contents(&bytes).pages.remove(0).texts.remove(0);
    assert_eq!(text, "AB CD");
    let lefts: Vec<u32> = places.iter().filter(|place| place[2] > 0).map(|place| place[0]).collect();
    assert_eq!(lefts.len(), 4);
    assert!(lefts.is_sorted());
}

#[test]
fn the_command_line_cleans_a_file_and_reports() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("in.pdf"), Paper::of(&["Terima kasih", "WA 0812-3456-7890"]).bytes()).unwrap();
    let run = |file: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tabir"));
        command.args(["scrub", file, "-o", "out.pdf", "--report", "report.json", "--lang", "id"]);
        command.current_dir(folder.path()).output().unwrap()
    };
    let done = run("in.pdf");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_gone(&std::fs::read(at("out.pdf")).unwrap(), &["0812"]);
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(at("report.json")).unwrap()).unwrap();
    assert_eq!((&report["verdict"], &report["findings"][0]["part"]), (&"redact".into(), &"attachment:0".into()));
    assert!(report["text"].as_str().unwrap().contains("Terima kasih"));
    std::fs::remove_file(at("out.pdf")).unwrap();
    std::fs::write(at("broken.pdf"), "%PDF-1.7\n").unwrap();
    assert!(!run("broken.pdf").status.success());
    assert!(!at("out.pdf").exists(), "what can not be judged does not go out");
}
