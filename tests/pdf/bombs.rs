//! Files made to cost too much, or damaged: each gets a verdict.

use std::time::{Duration, Instant};

use bytes::Bytes;
use lopdf::{Object, Stream, dictionary};
use proptest::prelude::*;
use tabir::{
    media::{
        Unreadable,
        code::Linear,
        pdf::{Glance, Orders, PdfLimits, draw, read},
    },
    sandbox::Sandbox,
};

use super::paper::{Paper, lined};

fn sandbox() -> Sandbox {
    Sandbox::new(env!("CARGO_BIN_EXE_tabir").into(), 1, Duration::from_secs(20))
}

/// Both halves of the work, in a worker with its limits.
async fn verdict(bytes: Vec<u8>) -> Result<(), Unreadable> {
    let (sandbox, bytes) = (sandbox(), Bytes::from(bytes));
    let start = Instant::now();
    let done = async {
        sandbox.read_pdf(bytes.clone(), Glance::default()).await.unwrap()?;
        sandbox.draw_pdf(bytes, Linear::Tell, &Orders::default()).await.unwrap().map(drop)
    };
    let done = done.await;
    assert!(start.elapsed() < Duration::from_secs(100), "took {:?}", start.elapsed());
    done
}

#[tokio::test]
async fn a_file_goes_through_a_worker() {
    let sandbox = sandbox();
    let bytes = Bytes::from(Paper::of(&["Halo kak"]).bytes());
    let contents = sandbox.read_pdf(bytes.clone(), Glance::default()).await.unwrap().unwrap();
    assert_eq!(contents.pages[0].texts[0].text, "Halo kak");
    let drawn = sandbox.draw_pdf(bytes, Linear::Tell, &Orders::default()).await.unwrap().unwrap();
    assert_eq!(drawn.media_type, "application/pdf");
    assert!(drawn.bytes.starts_with(b"%PDF-1.4"));
    for broken in ["", "%PDF-1.7\n", "%PDF-1.7\nnothing at all\n%%EOF"] {
        assert_eq!(sandbox.read_pdf(Bytes::from(broken), Glance::default()).await.unwrap(), Err(Unreadable::Malformed));
    }
}

#[tokio::test]
async fn what_unpacks_without_end_is_not_unpacked() {
    // A gigabyte of spaces in three layers of compression.
    let mut layers = Stream::new(dictionary! {}, vec![b' '; 64 << 20]);
    layers.compress().unwrap();
    let mut twice = Stream::new(dictionary! {}, layers.content.repeat(16));
    twice.compress().unwrap();
    let mut paper = Paper::new();
    let page = paper.page("", dictionary! {}, dictionary! {});
    let once = paper.doc.add_object(Stream::new(dictionary! { "Filter" => "FlateDecode" }, layers.content));
    let many: Vec<Object> = vec![once.into(); 64];
    paper.doc.get_dictionary_mut(page).unwrap().set("Contents", many);
    let _ = verdict(paper.bytes()).await;
    let mut paper = Paper::new();
    let filters: Vec<Object> = vec!["FlateDecode".into(), "FlateDecode".into()];
    let nested = paper.doc.add_object(Stream::new(dictionary! { "Filter" => filters }, twice.content));
    let page = paper.page("", dictionary! {}, dictionary! {});
    paper.doc.get_dictionary_mut(page).unwrap().set("Contents", nested);
    let _ = verdict(paper.bytes()).await;
}

#[tokio::test]
async fn trees_without_end_and_pages_without_number_are_left() {
    // Its own parent's child.
    let mut paper = Paper::new();
    paper.page(&lined(&["x"]), dictionary! {}, dictionary! {});
    let pages = paper.pages;
    let mut doc = paper.document();
    let tree = doc.get_dictionary_mut(pages).unwrap();
    tree.set("Kids", vec![pages.into(), pages.into()]);
    let mut bytes = Vec::new();
    doc.save_to(&mut bytes).unwrap();
    let _ = verdict(bytes).await;
    // A form that draws itself.
    let mut paper = Paper::new();
    let form = paper.doc.new_object_id();
    let itself = dictionary! { "XObject" => dictionary! { "X" => form } };
    let about = dictionary! {
        "Type" => "XObject", "Subtype" => "Form", "Resources" => itself.clone(),
        "BBox" => vec![0.into(), 0.into(), 9.into(), 9.into()],
    };
    paper.doc.objects.insert(form, Stream::new(about, b"/X Do /X Do /X Do".to_vec()).into());
    paper.page("/X Do", dictionary! {}, itself);
    let _ = verdict(paper.bytes()).await;
    // Too many.
    let mut paper = Paper::new();
    for _ in 0..51 {
        paper.page("", dictionary! {}, dictionary! {});
    }
    assert_eq!(verdict(paper.bytes()).await, Err(Unreadable::TooLarge));
}

#[tokio::test]
async fn deep_nesting_and_a_million_objects_are_left() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let mut bytes = Paper::of(&["x"]).bytes();
    bytes.extend_from_slice(format!("\n99 0 obj\n{deep}\nendobj\n").as_bytes());
    let _ = verdict(bytes).await;
    let mut paper = Paper::new();
    paper.page(&format!("{deep} {}", lined(&["x"])), dictionary! {}, dictionary! {});
    let _ = verdict(paper.bytes()).await;
    let mut many = b"%PDF-1.4\n".to_vec();
    for n in 1..1_000_000 {
        many.extend_from_slice(format!("{n} 0 obj<</Type/Page/Parent 1 0 R>>endobj\n").as_bytes());
    }
    assert!(verdict(many).await.is_err());
}

#[tokio::test]
async fn what_would_be_drawn_for_hours_is_left() {
    let mut paper = Paper::new();
    let waves = "0 0 m 1 800 600 1 595 842 c 9 9 500 400 3 800 c S ".repeat(400_000);
    paper.page(&waves, dictionary! {}, dictionary! {});
    let _ = verdict(paper.bytes()).await;
}

#[test]
fn no_paper_is_as_large_or_as_small() {
    for sides in [[1_000_000, 10], [10, 1_000_000], [2_000_000_000, 2_000_000_000], [20_000, 20_000]] {
        let mut paper = Paper::new();
        let sheet = vec![0.into(), 0.into(), sides[0].into(), sides[1].into()];
        paper.page(&lined(&["x"]), dictionary! { "MediaBox" => sheet }, dictionary! {});
        // Some sizes are no size, and A4 is meant.
        let drawn = draw(&paper.bytes(), &PdfLimits::default(), Linear::Tell, &Orders::default());
        assert!(drawn.is_ok() || drawn == Err(Unreadable::TooLarge), "{sides:?}: {drawn:?}");
    }
    for sides in [[14_400, 2], [1, 14_400], [0, 0], [3, 3]] {
        let mut paper = Paper::new();
        let sheet = vec![0.into(), 0.into(), sides[0].into(), sides[1].into()];
        paper.page(&lined(&["x"]), dictionary! { "MediaBox" => sheet }, dictionary! {});
        let drawn = draw(&paper.bytes(), &PdfLimits::default(), Linear::Tell, &Orders::default());
        assert!(drawn.is_ok(), "{sides:?}");
    }
}

#[test]
fn a_page_of_too_many_letters_is_left() {
    let limits = PdfLimits { letters: 10, ..PdfLimits::default() };
    assert!(read(&Paper::of(&["ten letter"]).bytes(), &limits).is_ok());
    assert_eq!(read(&Paper::of(&["eleven lett"]).bytes(), &limits), Err(Unreadable::TooLarge));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_damage_makes_it_panic(at in 0_usize..2_000, bytes in prop::collection::vec(any::<u8>(), 1..6), cut in any::<bool>()) {
        let mut paper = Paper::new();
        paper.page(&lined(&["Halo 0812", "kak"]), dictionary! {}, dictionary! {});
        let mut file = paper.bytes();
        let at = at % file.len();
        if cut {
            file.truncate(at);
        }
        let end = (at + bytes.len()).min(file.len());
        file.splice(at.min(end)..end, bytes);
        let limits = PdfLimits { page_pixels: 20_000, ..PdfLimits::default() };
        if let Ok(contents) = read(&file, &limits) {
            prop_assert!(contents.is_whole());
        }
        let _ = draw(&file, &limits, Linear::Tell, &Orders::default());
    }
}
