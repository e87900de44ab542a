//! What a page does not show is not in the new file, in no bytes and in no stream.

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use lopdf::{Document, Object, SaveOptions, Stream, dictionary};

use super::{
    paper::{Paper, lined, picture},
    redrawn, words,
};

/// Nothing of this is left, in the file or in what is compressed in it.
pub(super) fn assert_gone(file: &[u8], canaries: &[&str]) {
    let mut all = file.to_vec();
    let doc = Document::load_mem(file).unwrap();
    for object in doc.objects.values() {
        all.extend_from_slice(format!("{object:?}").as_bytes());
        if let Object::Stream(stream) = object {
            all.extend(stream.decompressed_content().unwrap_or_default());
        }
    }
    let all = all.to_ascii_lowercase();
    let said = words(file).to_lowercase();
    for canary in canaries {
        let canary = canary.to_lowercase();
        let hexadecimal: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
        for form in [canary.as_bytes(), hexadecimal.as_bytes()] {
            assert!(memchr::memmem::find(&all, form).is_none(), "{canary} is in the bytes");
        }
        assert!(!said.contains(&canary), "{canary} can be read");
    }
}

#[test]
fn a_clean_invoice_arrives_and_still_has_its_words() {
    let invoice = Paper::of(&[
        "Invoice 2026-11-034",
        "1 x Kettle, stainless steel    45.00",
        "2 x Filter paper               12.50",
        "Total 70.00",
        "Thank you for your order.",
    ]);
    let clean = redrawn(&invoice.bytes());
    let said = words(&clean);
    for line in ["Invoice 2026-11-034", "Kettle, stainless steel", "Total 70.00", "Thank you for your order."] {
        assert!(said.contains(line), "{line} in {said:?}");
    }
    // Another program's reading, too.
    let doc = Document::load_mem(&clean).unwrap();
    assert!(doc.extract_text(&[1]).unwrap().contains("order."), "{:?}", doc.extract_text(&[1]));
    assert!(!doc.trailer.has(b"Info") && !doc.trailer.has(b"ID"));
}

#[test]
fn what_hides_around_the_pages_is_gone() {
    let mut paper = Paper::new();
    let text = |s: &str| Object::string_literal(s);
    let script = |code: &str| dictionary! { "S" => "JavaScript", "JS" => text(code) };
    let file = paper.doc.add_object(Stream::new(dictionary! { "Type" => "EmbeddedFile" }, b"canary-embedded".to_vec()));
    let spec = paper.doc.add_object(dictionary! {
        "Type" => "Filespec", "F" => text("canary-filename.txt"), "EF" => dictionary! { "F" => file },
    });
    let field = paper.doc.add_object(dictionary! {
        "Type" => "Annot", "Subtype" => "Widget", "FT" => "Tx", "T" => text("canary-field"),
        "V" => text("canary-value"), "Rect" => vec![10.into(), 10.into(), 90.into(), 30.into()],
    });
    let note = paper.doc.add_object(dictionary! {
        "Type" => "Annot", "Subtype" => "Text", "Contents" => text("canary-note"), "T" => text("canary-author"),
        "Rect" => vec![10.into(), 10.into(), 90.into(), 30.into()],
    });
    let thumbnail = paper.doc.add_object(picture(8, 2, b"canary-thumbnail".to_vec()));
    let more = dictionary! {
        "Annots" => vec![field.into(), note.into()],
        "AA" => dictionary! { "O" => script("canary-page-script") },
        "PieceInfo" => dictionary! { "App" => text("canary-piece") },
        "Metadata" => paper.doc.add_object(Stream::new(dictionary! {}, b"<x>canary-page-xmp</x>".to_vec())),
        "Thumb" => thumbnail,
    };
    let content =
        format!("% canary-comment\n/Span << /ActualText (canary-actual) >> BDC {} EMC", lined(&["What is seen"]));
    paper.page(&content, more, dictionary! {});
    let item = paper.doc.add_object(dictionary! { "Title" => text("canary-outline") });
    let outlines = paper.doc.add_object(dictionary! { "First" => item, "Last" => item, "Count" => 1 });
    let xmp = paper.doc.add_object(Stream::new(dictionary! { "Type" => "Metadata" }, b"<x>canary-xmp</x>".to_vec()));
    let root = paper.root();
    root.set("OpenAction", script("canary-open"));
    root.set("AA", dictionary! { "WC" => script("canary-close") });
    root.set(
        "Names",
        dictionary! {
            "JavaScript" => dictionary! { "Names" => vec![text("canary-name"), script("canary-script").into()] },
            "EmbeddedFiles" => dictionary! { "Names" => vec![text("a"), spec.into()] },
        },
    );
    root.set("AcroForm", dictionary! { "Fields" => vec![field.into()] });
    root.set("Outlines", outlines);
    root.set("Metadata", xmp);
    root.set(
        "PageLabels",
        dictionary! { "Nums" => vec![0.into(), dictionary! { "P" => text("canary-label") }.into()] },
    );
    root.set("URI", dictionary! { "Base" => text("http://canary-base.example") });
    root.set("Lang", text("canary-lang"));
    let info = paper.doc.add_object(dictionary! { "Author" => text("canary-info"), "Title" => text("canary-title") });
    paper.doc.trailer.set("Info", info);
    paper.doc.trailer.set("ID", vec![text("canary-id-1"), text("canary-id-2")]);
    paper.doc.add_object(text("canary-unreachable"));

    let mut doc = paper.document();
    let mut plain = Vec::new();
    doc.save_to(&mut plain).unwrap();
    let mut packed = Vec::new();
    let options = SaveOptions::builder().use_object_streams(true).use_xref_streams(true).build();
    doc.save_with_options(&mut packed, options).unwrap();
    for bytes in [plain, packed] {
        let clean = redrawn(&bytes);
        assert!(words(&clean).contains("What is seen"));
        assert_gone(
            &clean,
            &["canary", "JavaScript", "EmbeddedFile", "AcroForm", "Metadata", "/Outlines", "OpenAction"],
        );
    }
}

#[test]
fn words_that_nobody_sees_are_gone() {
    let mut paper = Paper::new();
    let layer = paper.doc.add_object(dictionary! { "Type" => "OCG", "Name" => Object::string_literal("canary-layer") });
    let content = format!(
        "{} BT /F 12 Tf 3 Tr 50 500 Td (canary-invisible) Tj ET \
         BT 0 Tr 1 1 1 rg /F 12 Tf 50 480 Td (canary-white) Tj ET \
         0 0 0 rg BT /F 12 Tf 50 2000 Td (canary-outside) Tj ET \
         BT /F 0.01 Tf 50 400 Td (canary-tiny) Tj ET \
         q 0 0 10 10 re W n BT /F 12 Tf 50 300 Td (canary-clipped) Tj ET Q \
         BT /F 12 Tf 50 350 Td (canary-painted-over) Tj ET 1 1 1 rg 40 340 300 30 re f 0 0 0 rg \
         /OC /L BDC BT /F 12 Tf 50 460 Td (canary-hidden-layer) Tj ET EMC",
        lined(&["What is seen"])
    );
    paper.page(&content, dictionary! {}, dictionary! { "Properties" => dictionary! { "L" => layer } });
    paper.root().set(
        "OCProperties",
        dictionary! {
            "OCGs" => vec![layer.into()], "D" => dictionary! { "OFF" => vec![layer.into()] },
        },
    );
    let clean = redrawn(&paper.bytes());
    assert!(words(&clean).contains("What is seen"));
    assert_gone(&clean, &["canary"]);
}

#[test]
fn an_older_revision_and_what_follows_the_end_are_gone() {
    let old = Paper::of(&["canary-older-words"]).bytes();
    let mut paper = Document::load_mem(&old).unwrap();
    let page = *paper.get_pages().get(&1).unwrap();
    paper.change_page_content(page, lined(&["What is seen"]).into_bytes()).unwrap();
    let mut incremental = lopdf::IncrementalDocument::create_from(
        old,
        Document::load_mem(&Paper::of(&["canary-older-words"]).bytes()).unwrap(),
    );
    for (id, object) in &paper.objects {
        incremental.new_document.objects.insert(*id, object.clone());
    }
    let mut bytes = Vec::new();
    incremental.save_to(&mut bytes).unwrap();
    bytes.extend_from_slice(b"canary-trailing");
    assert!(memchr::memmem::find(&bytes, b"canary-older").is_some());
    let clean = redrawn(&bytes);
    assert!(words(&clean).contains("What is seen"));
    assert_gone(&clean, &["canary"]);
}

#[test]
fn a_photo_in_it_loses_what_its_camera_wrote() {
    let photo = DynamicImage::ImageRgb8(RgbImage::from_fn(64, 64, |x, y| Rgb([x as u8 * 4, y as u8 * 4, 90])));
    let mut jpeg = std::io::Cursor::new(Vec::new());
    photo.write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
    let jpeg = jpeg.into_inner();
    let exif = b"Exif\0\0canary-exif 52.2297N";
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    let jpeg = [&jpeg[..2], b"\xff\xe1", &length, exif, &jpeg[2..]].concat();
    let mut paper = Paper::new();
    let image = paper.doc.add_object(Stream::new(
        dictionary! {
            "Type" => "XObject", "Subtype" => "Image", "Width" => 64, "Height" => 64, "ColorSpace" => "DeviceRGB",
            "BitsPerComponent" => 8, "Filter" => "DCTDecode",
        },
        jpeg,
    ));
    let content = format!("q 300 0 0 300 100 200 cm /I Do Q {}", lined(&["A photo"]));
    paper.page(&content, dictionary! {}, dictionary! { "XObject" => dictionary! { "I" => image } });
    let clean = redrawn(&paper.bytes());
    assert!(words(&clean).contains("A photo"));
    assert_gone(&clean, &["canary", "exif"]);
}
