//! Which pages have something on them that letters do not tell.

use lopdf::{Dictionary, Stream, dictionary};
use tabir::media::pdf::{PdfLimits, read};

use super::paper::{Paper, lined, picture};

/// Whether nothing is on the page but what its letters say.
fn is_told(content: &str, resources: impl FnOnce(&mut Paper) -> Dictionary) -> bool {
    let mut paper = Paper::new();
    let resources = resources(&mut paper);
    paper.page(&format!("{} {content}", lined(&["Halo kak", "Terima kasih."])), dictionary! {}, resources);
    read(&paper.bytes(), &PdfLimits::default()).unwrap().is_read()
}

fn nothing(_: &mut Paper) -> Dictionary {
    dictionary! {}
}

#[test]
fn letters_and_the_frames_and_rules_around_them_are_all_there_is_to_see() {
    for content in [
        "",
        "0.9 g 40 700 500 100 re f 1 w 40 40 500 750 re S",
        "40 600 m 550 600 l S 0 0 1 RG 3 w 40 500 m 550 500 l S",
        "q 30 30 500 780 re W n 0.95 g 0 0 595 842 re f Q",
    ] {
        assert!(is_told(content, nothing), "{content}");
    }
}

#[test]
fn what_can_show_words_without_letters_is_not_told() {
    let boxes: String = (0..40).map(|n| format!("{} 300 4 9 re f ", 50 + 9 * n)).collect();
    let grid: String = (0..40).map(|n| format!("{0} 200 m {0} 700 l S ", 50 + 9 * n)).collect();
    let dots: String = (0..200).map(|n| format!("1 0 0 1 {} {} Tm (.) Tj ", 50 + 5 * (n % 40), 300 + n / 40)).collect();
    for content in [
        "100 100 m 130 180 160 20 200 100 c S",
        "100 100 m 200 150 l S",
        "[2 3] 0 d 40 600 m 550 600 l S",
        // A window as small as a stroke onto a large box.
        "q 100 100 4 20 re W n 0 0 595 842 re f Q",
        // Words cut out of a box.
        "q BT /F 40 Tf 7 Tr 60 300 Td (0812) Tj ET 0 0 595 842 re f Q",
        // Mirrored, as on a stamp.
        "BT /F 20 Tf -1 0 0 1 300 300 Tm (0812) Tj ET",
        &boxes,
        &grid,
        &format!("BT /F 8 Tf {dots} ET"),
    ] {
        assert!(!is_told(content, nothing), "{content}");
    }
}

#[test]
fn a_picture_is_not_told() {
    let shown = |paper: &mut Paper| {
        let picture = paper.doc.add_object(picture(2, 2, vec![0, 255, 255, 0]));
        dictionary! { "XObject" => dictionary! { "I" => picture } }
    };
    assert!(!is_told("q 100 0 0 20 60 300 cm /I Do Q", shown));
    assert!(is_told("q 100 0 0 20 60 3000 cm /I Do Q", shown), "off the page nobody sees it");
}

#[test]
fn a_letter_that_is_a_drawing_of_its_own_is_not_told() {
    let drawn = |paper: &mut Paper| {
        let drawing = paper.doc.add_object(Stream::new(dictionary! {}, b"600 0 d0 0 0 500 700 re f".to_vec()));
        let font = paper.doc.add_object(dictionary! {
            "Type" => "Font", "Subtype" => "Type3", "FontBBox" => vec![0.into(), 0.into(), 600.into(), 700.into()],
            "FontMatrix" => vec![0.001.into(), 0.into(), 0.into(), 0.001.into(), 0.into(), 0.into()],
            "CharProcs" => dictionary! { "a" => drawing }, "FirstChar" => 97, "LastChar" => 97,
            "Widths" => vec![600.into()], "Resources" => dictionary! {},
            "Encoding" => dictionary! { "Type" => "Encoding", "Differences" => vec![97.into(), "a".into()] },
        });
        dictionary! { "Font" => dictionary! { "T" => font } }
    };
    assert!(!is_told("BT /T 20 Tf 60 300 Td (aaa) Tj ET", drawn));
}
