//! Codes in pictures: found, read, and covered.
//!
//! A two-dimensional code (QR, Micro QR, rMQR, Aztec, Data Matrix, PDF417, MaxiCode) is covered
//! whatever it says, also when it is damaged: a telephone may still read it. Of a linear code
//! only the text is told, and it is covered when the caller says so: most are product and
//! parcel numbers.
//!
//! A picture is looked at again after it was covered, until nothing more is found; one that never
//! comes clean is unreadable.

use std::mem;

use image::{DynamicImage, GrayImage, Rgba, RgbaImage};
use serde::{Deserialize, Serialize};
use zxingcpp::{BarcodeFormat, BarcodeReader, ImageFormat, ImageView, Position};

use super::Unreadable;
use crate::model::{Finding, Kind, Part};

/// A code in a picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// What it says; empty where it could not be read.
    pub text: String,
    /// Whether it is made of lines: then it was covered only if that was asked for.
    pub linear: bool,
    /// The frame of an animation, from 0.
    pub frame: usize,
    /// Where it is: left, top, width, height in pixels.
    pub area: [u32; 4],
}

impl Code {
    fn is_like(&self, other: &Self) -> bool {
        (&self.text, self.linear, self.area) == (&other.text, other.linear, other.area)
    }

    /// The code as a finding in a file.
    pub fn finding(self, part: Part) -> Finding {
        let finding = Finding::in_text(part, (0, 0), Kind::Code, self.text);
        Finding { area: Some(self.area), frame: Some(self.frame), ..finding }
    }
}

/// What is to be done with linear codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Linear {
    /// They stay, and are told.
    #[default]
    Tell,
    /// They are covered like the others.
    Cover,
}

/// Finds the codes of a frame, covers them, and adds those to `codes` that no earlier frame had.
///
/// # Errors
/// When there are too many to tell, or codes keep turning up: such a picture is not to be passed on.
pub(super) fn cover(
    picture: &mut DynamicImage,
    frame: usize,
    linear: Linear,
    codes: &mut Vec<Code>,
) -> Result<(), Unreadable> {
    let mut margin = MARGIN;
    let clear = picture.color().has_alpha();
    for _ in 0..ROUNDS {
        let found = find(picture)?;
        let hide: Vec<[u32; 4]> =
            found.iter().filter(|code| !code.linear || linear == Linear::Cover).map(|code| code.area).collect();
        for code in found {
            if !codes.iter().any(|known| known.is_like(&code)) {
                codes.push(Code { frame, ..code });
            }
        }
        if codes.len() > MOST {
            return Err(Unreadable::TooLarge);
        }
        if hide.is_empty() {
            if !clear && picture.color().has_alpha() {
                *picture = DynamicImage::ImageRgb8(picture.to_rgb8());
            }
            return Ok(());
        }
        hide.iter().for_each(|area| paint(picture, *area, margin));
        margin *= 2;
    }
    Err(Unreadable::Malformed)
}

/// How much is covered around a code, in hundredths of its larger side: finders reach the edge.
const MARGIN: u32 = 8;
const ROUNDS: usize = 6;
/// No honest picture has more codes.
pub const MOST: usize = 64;

/// The codes that are there now, as any reader may see the picture: on white, on black, inverted.
fn find(picture: &DynamicImage) -> Result<Vec<Code>, Unreadable> {
    let mut codes = Vec::new();
    for mut gray in shades(picture) {
        read(&gray, BarcodeFormat::AllMatrix, true, &mut codes)?;
        // Damage to lines is ordinary, and a misread is no finding.
        read(&gray, BarcodeFormat::AllLinear, false, &mut codes)?;
        // The library tries these only as they are printed.
        gray.pixels_mut().for_each(|pixel| pixel.0[0] = !pixel.0[0]);
        for format in [BarcodeFormat::PDF417, BarcodeFormat::MicroPDF417, BarcodeFormat::MaxiCode] {
            read(&gray, format, true, &mut codes)?;
        }
    }
    Ok(codes)
}

/// The picture in gray; what is transparent shows whatever lies behind it.
fn shades(picture: &DynamicImage) -> Vec<GrayImage> {
    if !picture.color().has_alpha() {
        return vec![picture.to_luma8()];
    }
    let seen = picture.to_rgba8();
    vec![on(&seen, 255), on(&seen, 0)]
}

fn on(picture: &RgbaImage, behind: u32) -> GrayImage {
    GrayImage::from_fn(picture.width(), picture.height(), |x, y| {
        let Rgba([r, g, b, a]) = *picture.get_pixel(x, y);
        let (r, g, b, a) = (u32::from(r), u32::from(g), u32::from(b), u32::from(a));
        // ITU-R BT.709, in hundredths.
        let own = (21 * r + 72 * g + 7 * b) / 100;
        image::Luma([u8::try_from((own * a + behind * (255 - a)) / 255).unwrap_or(u8::MAX)])
    })
}

fn read(gray: &GrayImage, format: BarcodeFormat, damaged: bool, codes: &mut Vec<Code>) -> Result<(), Unreadable> {
    let (width, height) = gray.dimensions();
    let view = ImageView::from_slice(gray.as_raw(), width, height, ImageFormat::Lum);
    let view = view.map_err(|_| Unreadable::Malformed)?;
    let reader = BarcodeReader::new()
        .formats([format])
        .try_harder(true)
        .try_rotate(true)
        .try_invert(true)
        .try_downscale(true)
        .return_errors(damaged);
    for code in reader.from(&view).map_err(|_| Unreadable::Malformed)? {
        let mut text = if code.is_valid() { code.text() } else { String::new() };
        text.truncate(text.floor_char_boundary(TEXT));
        let linear = format == BarcodeFormat::AllLinear;
        codes.push(Code { text, linear, frame: 0, area: area(&code.position(), width, height) });
    }
    Ok(())
}

/// So much of what a code says is told, in bytes.
pub const TEXT: usize = 1_024;

/// The upright rectangle around a code.
fn area(position: &Position, width: u32, height: u32) -> [u32; 4] {
    let corners = [position.top_left, position.top_right, position.bottom_right, position.bottom_left];
    let within = |at: i32, most: u32| u32::try_from(at.max(0)).unwrap_or(0).min(most.saturating_sub(1));
    let (mut left, mut top, mut right, mut bottom) = (width, height, 0, 0);
    for corner in corners {
        let (x, y) = (within(corner.x, width), within(corner.y, height));
        (left, top, right, bottom) = (left.min(x), top.min(y), right.max(x), bottom.max(y));
    }
    [left, top, right.saturating_sub(left) + 1, bottom.saturating_sub(top) + 1]
}

/// Lays an even gray over an area and a margin around it.
fn paint(picture: &mut DynamicImage, [left, top, width, height]: [u32; 4], margin: u32) {
    let edge = width.max(height) * margin / 100 + 3;
    let mut canvas = match mem::take(picture) {
        DynamicImage::ImageRgba8(canvas) => canvas,
        other => other.to_rgba8(),
    };
    let right = (left + width + edge).min(canvas.width());
    let bottom = (top + height + edge).min(canvas.height());
    for y in top.saturating_sub(edge)..bottom {
        for x in left.saturating_sub(edge)..right {
            canvas.put_pixel(x, y, COVER);
        }
    }
    *picture = DynamicImage::ImageRgba8(canvas);
}

/// What is laid over codes and words.
pub(super) const COVER: Rgba<u8> = Rgba([128, 128, 128, 255]);

#[cfg(test)]
mod tests {
    use image::{Luma, Rgb, RgbImage};
    use zxingcpp::create;

    use super::*;

    const AWAY: &str = "https://wa.me/628123456789";

    /// A code of this format at three dots a module, in the middle of a bright picture.
    fn with_code(format: BarcodeFormat, text: &str) -> DynamicImage {
        let code = create(format).from_str(text).unwrap();
        let drawn = code.to_image_with(&zxingcpp::write().scale(3).add_quiet_zones(true)).unwrap();
        let (width, height) = (drawn.width().unsigned_abs(), drawn.height().unsigned_abs());
        let drawn = GrayImage::from_raw(width, height, drawn.data()).unwrap();
        let mut picture = RgbImage::from_pixel(width + 200, height + 160, Rgb([236, 240, 228]));
        for (x, y, Luma([shade])) in drawn.enumerate_pixels() {
            picture.put_pixel(x + 90, y + 70, Rgb([*shade; 3]));
        }
        DynamicImage::ImageRgb8(picture)
    }

    fn covered(picture: &mut DynamicImage, linear: Linear) -> Vec<Code> {
        let mut codes = Vec::new();
        cover(picture, 0, linear, &mut codes).unwrap();
        codes
    }

    fn texts(codes: &[Code]) -> Vec<&str> {
        codes.iter().map(|code| code.text.as_str()).collect()
    }

    #[test]
    fn every_kind_of_matrix_code_is_read_and_covered() {
        for format in [
            BarcodeFormat::QRCode,
            BarcodeFormat::Aztec,
            BarcodeFormat::DataMatrix,
            BarcodeFormat::PDF417,
            BarcodeFormat::RMQRCode,
        ] {
            let mut picture = with_code(format, AWAY);
            let codes = covered(&mut picture, Linear::Tell);
            assert!(texts(&codes).contains(&AWAY), "{format}");
            assert!(find(&picture).unwrap().is_empty(), "{format} is read no more");
            assert_eq!(picture.to_rgb8().get_pixel(2, 2), &Rgb([236, 240, 228]), "{format}: the rest stays");
            assert!(!picture.color().has_alpha());
        }
    }

    #[test]
    fn turned_inverted_and_several_codes_are_covered() {
        let upright = with_code(BarcodeFormat::QRCode, AWAY);
        let mut inverted = upright.clone();
        inverted.invert();
        let mut pair = RgbImage::new(upright.width() * 2, upright.height());
        image::imageops::replace(&mut pair, &upright.to_rgb8(), 0, 0);
        image::imageops::replace(&mut pair, &upright.to_rgb8(), i64::from(upright.width()), 0);
        for (mut picture, count) in [(upright.rotate90(), 1), (inverted, 1), (pair.into(), 2)] {
            let codes = covered(&mut picture, Linear::Tell);
            assert_eq!(texts(&codes), vec![AWAY; count]);
            assert!(find(&picture).unwrap().is_empty());
        }
    }

    #[test]
    fn a_damaged_code_is_covered_although_nobody_can_say_what_it_says() {
        let mut picture = with_code(BarcodeFormat::QRCode, AWAY).to_rgb8();
        let (width, height) = picture.dimensions();
        for y in height / 2 - 14..height / 2 + 14 {
            for x in width / 2 - 14..width / 2 + 14 {
                picture.put_pixel(x, y, Rgb([200, 30, 30]));
            }
        }
        let mut picture = DynamicImage::ImageRgb8(picture);
        assert!(!covered(&mut picture, Linear::Tell).is_empty());
        assert!(find(&picture).unwrap().is_empty());
    }

    #[test]
    fn what_shows_only_on_black_or_only_on_white_is_found() {
        let gray = with_code(BarcodeFormat::QRCode, AWAY).to_luma8();
        for (ink, dark) in [(0, true), (255, false)] {
            let drawn = RgbaImage::from_fn(gray.width(), gray.height(), |x, y| {
                let is_ink = (gray.get_pixel(x, y).0[0] < 128) == dark;
                Rgba([ink, ink, ink, if is_ink { 255 } else { 0 }])
            });
            let mut picture = DynamicImage::ImageRgba8(drawn);
            assert!(texts(&covered(&mut picture, Linear::Tell)).contains(&AWAY), "ink {ink}");
        }
    }

    #[test]
    fn a_parcel_number_stays_and_a_linear_code_goes_where_it_is_asked() {
        let mut picture = with_code(BarcodeFormat::Code128, "JNE00123456789");
        let before = picture.clone();
        let told = covered(&mut picture, Linear::Tell);
        assert_eq!((texts(&told), told[0].linear), (vec!["JNE00123456789"], true));
        assert_eq!(picture, before);
        covered(&mut picture, Linear::Cover);
        assert!(find(&picture).unwrap().is_empty());
    }

    #[test]
    fn an_ordinary_picture_is_left_as_it_is() {
        let mut picture = DynamicImage::ImageRgb8(RgbImage::from_fn(320, 240, |x, y| {
            Rgb([(x * 7 % 256) as u8, (y * 5 % 256) as u8, ((x * y) % 251) as u8])
        }));
        let before = picture.clone();
        assert!(covered(&mut picture, Linear::Tell).is_empty());
        assert_eq!(picture, before);
    }

    #[test]
    fn a_picture_full_of_codes_is_not_passed_on_half_judged() {
        let one = with_code(BarcodeFormat::MicroQRCode, "12345").to_rgb8();
        let (width, height) = one.dimensions();
        let mut many = RgbImage::new(width * 9, height * 9);
        for n in 0..81 {
            let (x, y) = (i64::from(n % 9 * width), i64::from(n / 9 * height));
            image::imageops::replace(&mut many, &one, x, y);
        }
        let mut picture = DynamicImage::ImageRgb8(many);
        assert_eq!(cover(&mut picture, 0, Linear::Tell, &mut Vec::new()), Err(Unreadable::TooLarge));
    }

    #[test]
    fn what_stands_still_in_an_animation_is_told_once() {
        let mut codes = Vec::new();
        for frame in 0..3 {
            cover(&mut with_code(BarcodeFormat::QRCode, AWAY), frame, Linear::Tell, &mut codes).unwrap();
        }
        assert_eq!((texts(&codes), codes[0].frame), (vec![AWAY], 0));
    }
}
