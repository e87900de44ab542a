//! Words in pictures: read, judged and covered, by real workers with the real models.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

#[path = "house/draw.rs"]
mod draw;
#[path = "pdf/paper.rs"]
#[expect(dead_code, reason = "shared with the tests of PDF files")]
mod paper;

use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bytes::Bytes;
use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use lopdf::dictionary;
use serde_json::{Value, json};
use tabir::{
    detect::{Context, Detect},
    media::{
        Unreadable,
        code::Linear,
        image::Wish,
        pdf::{Contents, Glance},
        words::{Budget, Line, Words},
    },
    model::{Finding, Kind, Part},
    relay::{CleanPicture, Judged, clean_picture, study},
    sandbox::{Sandbox, look_at_models},
};

const PHONE: &str = "0812-3456-7890";

fn sandbox(workers: usize) -> Sandbox {
    let exe = PathBuf::from(env!("CARGO_BIN_EXE_tabir"));
    Sandbox::new(exe, workers, Duration::from_secs(60)).with_models(&draw::models())
}

fn reading() -> Wish {
    Wish { words: Words::Read, ..Wish::default() }
}

async fn read(sandbox: &Sandbox, picture: &[u8]) -> Vec<Line> {
    let rebuilt = sandbox.rebuild(Bytes::copy_from_slice(picture), &reading()).await.unwrap().unwrap();
    rebuilt.lines.expect("`make models` has put the models into models/")
}

fn said(lines: &[Line]) -> String {
    lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n")
}

async fn clean(sandbox: &Sandbox, picture: &[u8]) -> Result<CleanPicture, Unreadable> {
    let detect = Detect::embedded().unwrap();
    let context = Context { lang: Some("id".to_owned()), ..Context::default() };
    let picture = (Bytes::copy_from_slice(picture), Words::Read);
    clean_picture(sandbox, (&detect, &context), Part::Attachment(0), picture).await.unwrap()
}

fn kinds(findings: &[Finding]) -> Vec<Kind> {
    findings.iter().map(|finding| finding.kind).collect()
}

/// Two lines, of which the second leads away.
fn page(more: &Value) -> Vec<u8> {
    let mut spec = json!({"size": [640, 360], "texts": [
        {"say": "Tas kulit asli", "at": [60, 60], "size": 40},
        {"say": format!("hubungi {PHONE}"), "at": [60, 220], "size": 36}]});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    draw::picture(&spec)
}

fn digits(text: &str) -> usize {
    text.chars().filter(char::is_ascii_digit).count()
}

#[test]
fn the_models_are_those_that_are_meant() {
    look_at_models(&draw::models()).unwrap();
}

#[tokio::test]
async fn words_are_read_whatever_their_size_color_and_angle() {
    let sandbox = sandbox(1);
    let words = |more: Value| {
        let mut text = json!({"say": format!("WA {PHONE}"), "at": [120, 150], "size": 32});
        text.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        text
    };
    for (back, text) in [
        ("white", words(json!({}))),
        ("white", words(json!({"size": 13}))),
        ("#202840", words(json!({"ink": "#f0f0e0"}))),
        ("#f0f0ee", words(json!({"ink": "#b8b8c0"}))),
        ("noise", words(json!({"ink": "white", "size": 44}))),
        ("white", words(json!({"turn": 20}))),
        ("white", words(json!({"turn": -35, "at": [150, 60]}))),
        ("white", words(json!({"turn": 90, "at": [300, 40]}))),
        ("white", words(json!({"turn": 180}))),
    ] {
        let picture =
            draw::picture(&json!({"size": [640, 420], "back": back, "texts": [text.clone()], "format": "JPEG"}));
        let told = said(&read(&sandbox, &picture).await);
        assert!(told.replace([' ', '\n'], "").contains(PHONE), "{back} {text}: {told}");
    }
}

#[tokio::test]
async fn a_number_in_a_picture_is_covered_so_that_nobody_reads_it_and_the_rest_stays() {
    let sandbox = sandbox(1);
    for turn in [0, 90, 180, 270] {
        let picture = page(&json!({"turn": turn}));
        let cleaned = clean(&sandbox, &picture).await.unwrap();
        assert_eq!(kinds(&cleaned.findings), [Kind::Phone], "turned by {turn}");
        assert!(cleaned.findings[0].text.contains("3456") && cleaned.findings[0].area.is_some());
        let left = said(&read(&sandbox, &cleaned.file.bytes).await);
        assert!(left.contains("Tas kulit asli") && digits(&left) == 0, "turned by {turn}: {left}");
    }
}

#[tokio::test]
async fn a_clean_picture_stays_as_it_is() {
    let sandbox = sandbox(1);
    let picture = draw::picture(&json!({"size": [640, 300], "texts": [
        {"say": "Ukuran M 52 x 70 cm", "at": [40, 40], "size": 36},
        {"say": "Bahan katun 100%", "at": [40, 140], "size": 30}]}));
    let cleaned = clean(&sandbox, &picture).await.unwrap();
    assert!(cleaned.findings.is_empty() && cleaned.signals.is_empty() && cleaned.read());
    let unread = sandbox.rebuild(picture.into(), &Wish::default()).await.unwrap().unwrap();
    assert_eq!((cleaned.file.bytes, unread.lines), (unread.bytes, None));
}

#[tokio::test]
async fn a_number_broken_over_lines_is_covered_in_both() {
    let sandbox = sandbox(1);
    let picture = draw::picture(&json!({"size": [500, 360], "texts": [
        {"say": "Order by WA", "at": [40, 30], "size": 34},
        {"say": "0812 3456", "at": [40, 130], "size": 34}, {"say": "7890", "at": [40, 230], "size": 34}]}));
    let cleaned = clean(&sandbox, &picture).await.unwrap();
    let left = said(&read(&sandbox, &cleaned.file.bytes).await);
    assert_eq!(digits(&left), 0, "{left}");
}

#[tokio::test]
async fn what_shows_only_on_black_is_read_too() {
    let opaque = image::load_from_memory(&page(&json!({}))).unwrap().to_luma8();
    let white_ink = RgbaImage::from_fn(opaque.width(), opaque.height(), |x, y| {
        Rgba([255, 255, 255, 255 - opaque.get_pixel(x, y).0[0]])
    });
    let mut png = Cursor::new(Vec::new());
    white_ink.write_to(&mut png, ImageFormat::Png).unwrap();
    let cleaned = clean(&sandbox(1), &png.into_inner()).await.unwrap();
    assert!(kinds(&cleaned.findings).contains(&Kind::Phone));
    let cleaned = image::load_from_memory(&cleaned.file.bytes).unwrap();
    assert!(cleaned.color().has_alpha() && cleaned.to_rgba8().get_pixel(100, 240).0 == [128, 128, 128, 255]);
}

#[tokio::test]
async fn a_number_that_flashes_up_in_an_animation_is_covered_in_its_frame() {
    let plain = DynamicImage::ImageRgb8(image::RgbImage::from_pixel(640, 360, image::Rgb([255; 3])));
    let worded = image::load_from_memory(&page(&json!({}))).unwrap();
    let mut gif = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut gif);
    encoder.encode_frames([&plain, &worded, &plain].map(|frame| image::Frame::new(frame.to_rgba8()))).unwrap();
    drop(encoder);
    let sandbox = sandbox(1);
    let cleaned = clean(&sandbox, &gif).await.unwrap();
    assert_eq!((kinds(&cleaned.findings), cleaned.findings[0].frame), (vec![Kind::Phone], Some(1)));
    assert_eq!(digits(&said(&read(&sandbox, &cleaned.file.bytes).await)), 0);
}

#[tokio::test]
async fn two_pictures_at_a_time_are_read_each_for_itself() {
    let sandbox = sandbox(2);
    let other = draw::picture(&json!({"size": [640, 200], "texts": [
        {"say": "toko.biru@mail.example", "at": [40, 60], "size": 36}]}));
    let first = page(&json!({}));
    let (one, two) = tokio::join!(clean(&sandbox, &first), clean(&sandbox, &other));
    assert_eq!(kinds(&one.unwrap().findings), [Kind::Phone]);
    assert_eq!(kinds(&two.unwrap().findings), [Kind::Email]);
}

#[tokio::test]
async fn a_large_photo_is_read_within_the_limits_of_a_worker_and_leaves_no_larger_than_it_was_read() {
    let photo = draw::picture(&json!({"size": [7_000, 5_000], "back": "noise", "format": "JPEG", "texts": [
        {"say": PHONE, "at": [900, 1_200], "size": 300, "ink": "white"}]}));
    let sandbox = sandbox(1);
    let rebuilt = sandbox.rebuild(photo.into(), &reading()).await.unwrap().unwrap();
    let told = said(&rebuilt.lines.unwrap());
    assert!(told.contains("3456"), "{told}");
    let left = image::load_from_memory(&rebuilt.bytes).unwrap();
    assert!(left.width() * left.height() <= 1_600_000 && left.width() > 1_400, "{:?}", (left.width(), left.height()));
    // What is lost on the way to that size, nobody reads; what is left is read.
    let small = draw::picture(&json!({"size": [4_000, 3_000], "format": "JPEG", "texts": [
        {"say": PHONE, "at": [900, 1_200], "size": 34}]}));
    let cleaned = clean(&sandbox, &small).await.unwrap();
    assert_eq!(kinds(&cleaned.findings), [Kind::Phone]);
}

#[tokio::test]
async fn a_wall_of_text_is_not_passed_on_half_read_and_costs_no_more_than_its_budget() {
    let row = "0123456789 ".repeat(20);
    let texts: Vec<Value> = (0..60).map(|n| json!({"say": row, "at": [4, n * 40], "size": 32})).collect();
    let wall = draw::picture(&json!({"size": [3_200, 2_400], "texts": texts}));
    let sandbox = sandbox(1);
    let start = Instant::now();
    let told = sandbox.rebuild(wall.into(), &reading()).await.unwrap();
    assert_eq!(told.map(|rebuilt| rebuilt.lines.map(|lines| lines.len())), Err(Unreadable::TooLarge));
    assert!(start.elapsed() < Duration::from_secs(45), "{:?}", start.elapsed());
    assert!(read(&sandbox, &page(&json!({}))).await.len() == 2, "the worker goes on");
}

#[tokio::test]
async fn without_the_models_or_with_others_pictures_are_rebuilt_and_said_to_be_unread() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["ch_PP-OCRv4_det_infer.onnx", "PP-OCRv6_rec_small.onnx"] {
        fs::write(folder.path().join(file), "another file").unwrap();
    }
    let exe = || PathBuf::from(env!("CARGO_BIN_EXE_tabir"));
    for models in [Path::new("/nonexistent"), folder.path()] {
        let sandbox = Sandbox::new(exe(), 1, Duration::from_secs(20)).with_models(models);
        let cleaned = clean(&sandbox, &page(&json!({}))).await.unwrap();
        assert!(!cleaned.read() && cleaned.findings.is_empty());
        assert!(image::load_from_memory(&cleaned.file.bytes).is_ok());
    }
}

/// A page that is a picture, put on an A4 page of a PDF as a scanner does.
fn scanned(pages: &[Vec<u8>]) -> Vec<u8> {
    let mut file = paper::Paper::new();
    for page in pages {
        let shown = placed(&mut file, page);
        file.page("q 595 0 0 842 0 0 cm /I Do Q", dictionary! {}, dictionary! { "XObject" => shown });
    }
    file.bytes()
}

/// A picture as `/I`.
fn placed(file: &mut paper::Paper, page: &[u8]) -> lopdf::Dictionary {
    let page = image::load_from_memory(page).unwrap().to_luma8();
    let picture = file.doc.add_object(paper::picture(page.width(), page.height(), page.into_raw()));
    dictionary! { "I" => picture }
}

/// A page of words, with a number between them.
fn letter(number: &str, turn: u16) -> Vec<u8> {
    draw::picture(&json!({"size": [1_000, 1_414], "turn": turn, "texts": [
        {"say": "Terima kasih atas pesanan Anda", "at": [90, 120], "size": 28},
        {"say": format!("Pertanyaan? {number}"), "at": [90, 320], "size": 28},
        {"say": "Garansi satu tahun", "at": [90, 520], "size": 28}]}))
}

async fn studied(sandbox: &Sandbox, file: &[u8]) -> Result<(Contents, Judged), Unreadable> {
    let (detect, glance) = (Detect::embedded().unwrap(), Glance { words: Words::Read, ..Glance::default() });
    let context = Context { lang: Some("id".to_owned()), ..Context::default() };
    let file = (Bytes::copy_from_slice(file), glance);
    study(sandbox, (&detect, &context), Part::Attachment(0), file).await.unwrap()
}

/// The file as it leaves, and what was found in it.
async fn redrawn(sandbox: &Sandbox, file: &[u8]) -> (Vec<u8>, Judged) {
    let (contents, judged) = studied(sandbox, file).await.unwrap();
    assert!(contents.is_read(), "`make models` has put the models into models/");
    let drawn = sandbox.draw_pdf(Bytes::copy_from_slice(file), Linear::Tell, &judged.orders).await.unwrap().unwrap();
    (drawn.bytes.to_vec(), judged)
}

/// What somebody reads who looks at the file.
async fn looked_at(sandbox: &Sandbox, file: &[u8]) -> String {
    let (contents, _) = studied(sandbox, file).await.unwrap();
    let texts = contents.pages.iter().flat_map(|page| &page.texts);
    texts.map(|text| text.text.as_str()).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_scanned_page_with_a_number_arrives_covered_however_it_lies() {
    let sandbox = sandbox(1);
    for turn in [0, 180] {
        let (clean, judged) = redrawn(&sandbox, &scanned(&[letter(PHONE, turn)])).await;
        assert_eq!(kinds(&judged.findings), [Kind::Phone], "turned by {turn}: {:?}", judged.findings);
        assert!(judged.findings[0].area.is_some() && judged.findings[0].frame == Some(0));
        let left = looked_at(&sandbox, &clean).await;
        assert!(left.contains("Garansi satu tahun") && digits(&left) == 0, "turned by {turn}: {left}");
    }
}

#[tokio::test]
async fn a_scanned_page_that_leads_nowhere_arrives_as_it_is() {
    let sandbox = sandbox(1);
    let (clean, judged) = redrawn(&sandbox, &scanned(&[letter("Balas di sini", 0)])).await;
    assert!(judged.findings.is_empty() && judged.orders.hide.is_empty(), "{:?}", judged.findings);
    assert!(looked_at(&sandbox, &clean).await.contains("Balas di sini"));
}

#[tokio::test]
async fn a_number_of_which_half_is_letters_and_half_a_picture_is_covered() {
    let half = draw::picture(&json!({"size": [240, 60], "texts": [{"say": "3456-7890", "at": [2, 12], "size": 36}]}));
    let mut file = paper::Paper::new();
    let shown = placed(&mut file, &half);
    let content = "BT /F 18 Tf 60 700 Td (WA 0812-) Tj 0 -300 Td (Salam) Tj ET q 120 0 0 30 138 692 cm /I Do Q";
    file.page(content, dictionary! {}, dictionary! { "XObject" => shown });
    let sandbox = sandbox(1);
    let (clean, judged) = redrawn(&sandbox, &file.bytes()).await;
    assert!(kinds(&judged.findings).contains(&Kind::Phone), "{:?}", judged.findings);
    let left = looked_at(&sandbox, &clean).await;
    assert!(left.contains("Salam") && digits(&left) == 0, "{left}");
}

#[tokio::test]
async fn a_number_drawn_with_lines_or_boxes_is_read_like_a_picture() {
    let words = draw::picture(&json!({"size": [420, 70], "texts": [{"say": PHONE, "at": [10, 12], "size": 40}]}));
    let words = image::load_from_memory(&words).unwrap().to_luma8();
    // Row by row, what is dark as one box.
    let mut content = String::from("BT /F 12 Tf 60 780 Td (Terima kasih) Tj ET ");
    for (y, row) in words.rows().enumerate() {
        for (x, pixel) in row.enumerate() {
            if pixel.0[0] < 128 {
                content.push_str(&format!("{} {} 1 1 re ", 60 + x, 600 - y));
            }
        }
    }
    content.push('f');
    let mut file = paper::Paper::new();
    file.page(&content, dictionary! {}, dictionary! {});
    let sandbox = sandbox(1);
    let (clean, judged) = redrawn(&sandbox, &file.bytes()).await;
    assert_eq!(kinds(&judged.findings), [Kind::Phone], "{:?}", judged.findings);
    let left = looked_at(&sandbox, &clean).await;
    assert!(left.contains("Terima kasih") && digits(&left) == 0, "{left}");
}

#[tokio::test]
async fn a_file_of_scanned_pages_is_read_to_its_last_page() {
    let page = |number: &str| {
        draw::picture(&json!({"size": [700, 990], "texts": [{"say": number, "at": [60, 200], "size": 30}]}))
    };
    let mut pages = vec![page("Buku petunjuk"); 3];
    pages.push(page(PHONE));
    let (contents, judged) = studied(&sandbox(1), &scanned(&pages)).await.unwrap();
    assert_eq!((contents.pages.len(), kinds(&judged.findings)), (4, vec![Kind::Phone]));
    assert_eq!(judged.findings[0].frame, Some(3));
}

#[tokio::test]
async fn what_there_is_no_time_to_read_in_a_file_is_told_and_never_half_read() {
    let sandbox = sandbox(1);
    let file = Bytes::from(scanned(&[letter(PHONE, 0), letter(PHONE, 0)]));
    for budget in [Budget { canvas: 2_000_000, ..Budget::PAGES }, Budget { columns: 1_000, ..Budget::PAGES }] {
        let glance = Glance { words: Words::Read, budget };
        assert_eq!(sandbox.read_pdf(file.clone(), glance).await.unwrap().map(drop), Err(Unreadable::TooLarge));
    }
}

#[tokio::test]
async fn without_the_models_a_page_of_letters_is_read_and_one_with_a_picture_is_not() {
    let exe = PathBuf::from(env!("CARGO_BIN_EXE_tabir"));
    let sandbox = Sandbox::new(exe, 1, Duration::from_secs(20)).with_models(Path::new("/nonexistent"));
    let letters = paper::Paper::of(&["Terima kasih", PHONE]).bytes();
    let (contents, judged) = studied(&sandbox, &letters).await.unwrap();
    assert!(contents.is_read() && kinds(&judged.findings) == [Kind::Phone]);
    let (contents, judged) = studied(&sandbox, &scanned(&[letter(PHONE, 0)])).await.unwrap();
    assert!(!contents.is_read() && judged.findings.is_empty());
}
