//! Files that the worker opens: pictures and PDF.

use image::load_from_memory;
use tabir::{
    detect::Context,
    media::{
        code::Linear,
        image::{ImageLimits, Wish, rebuild},
        pdf::{PdfLimits, draw, read},
    },
    model::Part,
    relay::judge,
};

use super::text::DETECT;

/// What comes out is a picture that everybody can open, no larger than allowed, that is taken
/// again as it is, and no code is left in it. Only a lossy encoder may turn stains into something
/// like the ruins of a code, which says nothing.
pub fn image(bytes: &[u8]) {
    let limits = picture_limits(bytes);
    let wish = Wish { linear: Linear::Cover, ..Wish::default() };
    let Ok(picture) = rebuild(bytes, &limits, &wish, None) else { return };
    let shown = load_from_memory(&picture.bytes).expect("what we write can be opened");
    assert!(u64::from(shown.width()) * u64::from(shown.height()) <= limits.pixels);
    assert!(picture.looks.len() % 8 == 0 && !picture.looks.is_empty(), "{} looks", picture.looks.len());
    let again = rebuild(&picture.bytes, &limits, &wish, None).expect("what we write is taken again");
    assert_eq!(again.media_type, picture.media_type);
    let lossy = picture.media_type != "image/png";
    let left = again.codes.iter().find(|code| !(lossy && code.text.is_empty()));
    assert!(left.is_none(), "{left:?} is left of {:?}", picture.codes);
}

/// Pictures whose last byte is `!` may be as large as any; the others are small, or a fuzzer
/// would do nothing but paint.
fn picture_limits(bytes: &[u8]) -> ImageLimits {
    let usual = ImageLimits::default();
    if bytes.ends_with(b"!") {
        return usual;
    }
    ImageLimits { pixels: 200_000, memory: 4_000_000, frames: 6, animated_pixels: 400_000, ..usual }
}

/// Every letter has a place; what is drawn can be opened again, has as many pages, and nothing
/// is found in it any more.
pub fn pdf(bytes: &[u8]) {
    let limits = PdfLimits { pages: 6, page_pixels: 120_000, pixels: 400_000, ..PdfLimits::default() };
    let context = Context { lang: Some("id".to_owned()), ..Context::default() };
    let Ok(contents) = read(bytes, &limits) else { return };
    assert!(contents.is_whole(), "a letter without a place");
    let judged = judge(&DETECT, &context, &contents, Part::Attachment(0));
    let Ok(drawn) = draw(bytes, &limits, Linear::Cover, &judged.orders) else { return };
    assert!(drawn.bytes.starts_with(b"%PDF") && drawn.bytes.len() <= limits.bytes);
    let again = read(&drawn.bytes, &limits).expect("what we write can be read");
    assert_eq!(again.pages.len(), contents.pages.len());
    assert!(again.is_whole());
    let left = judge(&DETECT, &context, &again, Part::Attachment(0));
    assert!(left.findings.is_empty(), "{:?} is left of {:?}", left.findings, judged.findings);
}
