//! Pictures, decoded and encoded afresh: what was hidden in metadata, in trailing bytes or in a
//! second file format within the same bytes does not come out again.
//!
//! Codes in the pixels are found and covered ([`super::code`]). Words are read and told
//! ([`super::words`]); somebody else judges them, and has covered what may not pass.

use std::io::Cursor;

use image::{
    AnimationDecoder, DynamicImage, Frame, ImageDecoder, ImageEncoder,
    codecs::{
        gif::{GifDecoder, GifEncoder, Repeat},
        jpeg::{JpegDecoder, JpegEncoder},
        png::{CompressionType, FilterType, PngDecoder, PngEncoder},
        webp::WebPDecoder,
    },
    error::ImageError,
};
use serde::{Deserialize, Serialize};

use super::{
    Unreadable,
    attachment::sniff,
    code::{self, Code, Linear},
    look::looks,
    words::{self, Budget, Line, Reader, Spot, Words},
};

/// What a picture may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageLimits {
    /// Pixels of one side.
    pub side: u32,
    /// Pixels of one frame.
    pub pixels: u64,
    /// Bytes that a decoder may allocate.
    pub memory: u64,
    /// Frames of an animation; later ones are left out.
    pub frames: usize,
    /// Pixels of all frames of an animation.
    pub animated_pixels: u64,
    /// Pixels of a frame whose words are read. A larger one is made smaller: what is then too
    /// small for the reader is hardly to be read by people either.
    pub read_pixels: u64,
}

impl Default for ImageLimits {
    fn default() -> Self {
        Self {
            side: 16_384,
            pixels: 40_000_000,
            memory: 320_000_000,
            frames: 100,
            animated_pixels: 60_000_000,
            read_pixels: 1_600_000,
        }
    }
}

/// What is to be done with a picture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// With linear codes.
    pub linear: Linear,
    /// With words.
    pub words: Words,
    /// Places that are covered.
    pub hide: Vec<Spot>,
}

impl Wish {
    fn hide_in(&self, picture: &mut DynamicImage, frame: usize) {
        words::hide(picture, self.hide.iter().filter(|spot| spot.frame == frame).map(|spot| spot.quad));
    }
}

/// A picture encoded afresh, and what was in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The file.
    pub bytes: Vec<u8>,
    /// What it is now.
    pub media_type: &'static str,
    /// What was found, and covered unless it is linear and [`Linear::Tell`] was asked for.
    pub codes: Vec<Code>,
    /// What it looked like before anything was covered, each frame in all ways it can be laid.
    pub looks: Vec<u64>,
    /// The words that can still be read; `None` where they were not to be read, or there is no
    /// reader.
    pub lines: Option<Vec<Line>>,
}

/// Decodes a picture, turns it as its EXIF says, covers codes and what is wished, reads the words
/// that are left, and encodes it afresh: JPEG as JPEG, PNG as PNG, GIF as GIF, WebP as JPEG or, if
/// it is transparent, PNG. What is read is made no larger than it is read, and of an animation
/// the frames that there is no time to read are left out.
///
/// # Errors
/// When it is no picture of these kinds, broken, beyond the limits, or codes keep turning up.
pub fn rebuild(
    bytes: &[u8],
    limits: &ImageLimits,
    wish: &Wish,
    reader: Option<&Reader>,
) -> Result<Picture, Unreadable> {
    let reader = reader.filter(|_| wish.words == Words::Read);
    let source = Cursor::new(bytes);
    let kind = sniff(bytes, "");
    let mut picture = match kind {
        "image/jpeg" => still(JpegDecoder::new(source).map_err(reason)?, limits)?,
        "image/png" => still(PngDecoder::with_limits(source, limits.of_decoder()).map_err(reason)?, limits)?,
        "image/webp" => still(WebPDecoder::new(source).map_err(reason)?, limits)?,
        "image/gif" => return animation(GifDecoder::new(source).map_err(reason)?, limits, wish, reader),
        _ => return Err(Unreadable::Malformed),
    };
    let seen = looks(&picture).to_vec();
    if reader.is_some() {
        picture = limits.for_reading(picture);
    }
    let mut codes = Vec::new();
    code::cover(&mut picture, 0, wish.linear, &mut codes)?;
    wish.hide_in(&mut picture, 0);
    let lines = reader.map(|reader| reader.read(&picture, &mut Budget::default())).transpose()?;
    let clear = kind == "image/png" || kind == "image/webp" && picture.color().has_alpha();
    let (bytes, media_type) = if clear { to_png(&picture)? } else { to_jpeg(&picture)? };
    Ok(Picture { bytes, media_type, codes, looks: seen, lines })
}

impl ImageLimits {
    fn of_decoder(&self) -> image::Limits {
        let mut limits = image::Limits::default();
        limits.max_image_width = Some(self.side);
        limits.max_image_height = Some(self.side);
        limits.max_alloc = Some(self.memory);
        limits
    }

    fn allow(&self, (width, height): (u32, u32)) -> Result<u64, Unreadable> {
        let pixels = u64::from(width) * u64::from(height);
        let fits = pixels > 0 && pixels <= self.pixels && width <= self.side && height <= self.side;
        if fits { Ok(pixels) } else { Err(Unreadable::TooLarge) }
    }

    /// A frame, not larger than the reader sees it.
    fn for_reading(&self, picture: DynamicImage) -> DynamicImage {
        let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
        let scale = (self.read_pixels as f64 / (width * height)).sqrt();
        let side = |length: f64| ((length * scale) as u32).max(1);
        if scale < 1.0 { picture.thumbnail_exact(side(width), side(height)) } else { picture }
    }
}

fn still(mut decoder: impl ImageDecoder, limits: &ImageLimits) -> Result<DynamicImage, Unreadable> {
    limits.allow(decoder.dimensions())?;
    decoder.set_limits(limits.of_decoder()).map_err(reason)?;
    // A broken orientation is none.
    let orientation = decoder.orientation().ok();
    let mut picture = DynamicImage::from_decoder(decoder).map_err(reason)?;
    if let Some(orientation) = orientation {
        picture.apply_orientation(orientation);
    }
    Ok(picture)
}

fn to_jpeg(picture: &DynamicImage) -> Result<(Vec<u8>, &'static str), Unreadable> {
    let mut out = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut out, JPEG_QUALITY);
    match picture {
        DynamicImage::ImageLuma8(gray) => encoder.encode_image(gray),
        DynamicImage::ImageRgb8(rgb) => encoder.encode_image(rgb),
        other => encoder.encode_image(&other.to_rgb8()),
    }
    .map_err(reason)?;
    Ok((out, "image/jpeg"))
}

fn to_png(picture: &DynamicImage) -> Result<(Vec<u8>, &'static str), Unreadable> {
    let eight_bit = match (picture.color().has_color(), picture.color().has_alpha()) {
        (true, true) => DynamicImage::ImageRgba8(picture.to_rgba8()),
        (true, false) => DynamicImage::ImageRgb8(picture.to_rgb8()),
        (false, true) => DynamicImage::ImageLumaA8(picture.to_luma_alpha8()),
        (false, false) => DynamicImage::ImageLuma8(picture.to_luma8()),
    };
    let mut out = Vec::new();
    PngEncoder::new_with_quality(&mut out, CompressionType::Fast, FilterType::Adaptive)
        .write_image(eight_bit.as_bytes(), eight_bit.width(), eight_bit.height(), eight_bit.color().into())
        .map_err(reason)?;
    Ok((out, "image/png"))
}

fn animation(
    mut decoder: GifDecoder<Cursor<&[u8]>>,
    limits: &ImageLimits,
    wish: &Wish,
    reader: Option<&Reader>,
) -> Result<Picture, Unreadable> {
    let each = limits.allow(decoder.dimensions())?;
    decoder.set_limits(limits.of_decoder()).map_err(reason)?;
    let affordable = usize::try_from(limits.animated_pixels / each).unwrap_or(usize::MAX).max(1);
    let mut out = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut out, 10);
    encoder.set_repeat(Repeat::Infinite).map_err(reason)?;
    let (mut count, mut codes, mut seen) = (0, Vec::new(), Vec::new());
    let (mut budget, mut lines) = (Budget::default(), reader.map(|_| Vec::new()));
    for frame in decoder.into_frames().take(limits.frames.min(affordable)) {
        let frame = frame.map_err(reason)?;
        let delay = frame.delay();
        let mut shown = DynamicImage::ImageRgba8(frame.into_buffer());
        seen.extend(looks(&shown));
        if reader.is_some() {
            shown = limits.for_reading(shown);
        }
        code::cover(&mut shown, count, wish.linear, &mut codes)?;
        wish.hide_in(&mut shown, count);
        if let (Some(reader), Some(lines)) = (reader, &mut lines) {
            match reader.read(&shown, &mut budget) {
                Ok(read) => words::append(lines, read, count),
                Err(Unreadable::TooLarge) if count > 0 => break,
                Err(unreadable) => return Err(unreadable),
            }
        }
        encoder.encode_frame(Frame::from_parts(shown.to_rgba8(), 0, 0, delay)).map_err(reason)?;
        count += 1;
    }
    drop(encoder);
    let picture = Picture { bytes: out, media_type: "image/gif", codes, looks: seen, lines };
    if count > 0 { Ok(picture) } else { Err(Unreadable::Malformed) }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn reason(error: ImageError) -> Unreadable {
    match error {
        ImageError::Limits(_) => Unreadable::TooLarge,
        _ => Unreadable::Malformed,
    }
}

const JPEG_QUALITY: u8 = 85;

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
    use proptest::prelude::*;

    use super::*;

    const CANARY: &[u8] = b"canary real@mail.example 52.2297N";

    /// Red on the left, blue on the right, twice as wide as high.
    fn flag(format: ImageFormat) -> Vec<u8> {
        let picture = RgbImage::from_fn(32, 16, |x, _| if x < 16 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) });
        let mut out = Cursor::new(Vec::new());
        picture.write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    fn plainly(bytes: &[u8], limits: &ImageLimits) -> Result<Picture, Unreadable> {
        rebuild(bytes, limits, &Wish::default(), None)
    }

    fn holds(bytes: &[u8], needle: &[u8]) -> bool {
        memchr::memmem::find(bytes, needle).is_some()
    }

    /// EXIF with an orientation of "turn right" and a text in it.
    fn with_exif(jpeg: &[u8]) -> Vec<u8> {
        let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x02\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\x0e\x01\x02\0".to_vec();
        exif.extend_from_slice(&u32::try_from(CANARY.len()).unwrap().to_le_bytes());
        exif.extend_from_slice(&38_u32.to_le_bytes());
        exif.extend_from_slice(&[0; 4]);
        exif.extend_from_slice(CANARY);
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        [&jpeg[..2], b"\xff\xe1", &length, &exif, &jpeg[2..], CANARY].concat()
    }

    fn with_chunk(png: &[u8]) -> Vec<u8> {
        let body = [b"tEXtComment\0", CANARY].concat();
        let mut crc = u32::MAX;
        for byte in &body {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
            }
        }
        let length = u32::try_from(body.len() - 4).unwrap().to_be_bytes();
        [&png[..33], &length, &body, &(!crc).to_be_bytes(), &png[33..], CANARY].concat()
    }

    #[test]
    fn a_photo_loses_its_metadata_and_keeps_its_sides() {
        let photo = with_exif(&flag(ImageFormat::Jpeg));
        assert!(holds(&photo, CANARY));
        let Picture { bytes: rebuilt, media_type, .. } = plainly(&photo, &ImageLimits::default()).unwrap();
        assert_eq!(media_type, "image/jpeg");
        assert!(!holds(&rebuilt, CANARY) && !holds(&rebuilt, b"Exif"));
        let picture = image::load_from_memory(&rebuilt).unwrap().to_rgb8();
        assert_eq!(picture.dimensions(), (16, 32), "turned as its EXIF said");
        assert!(picture.get_pixel(8, 2)[0] > 200 && picture.get_pixel(8, 30)[2] > 200);
    }

    #[test]
    fn a_png_loses_its_chunks_and_what_follows_it() {
        let Picture { bytes: rebuilt, media_type, .. } =
            plainly(&with_chunk(&flag(ImageFormat::Png)), &ImageLimits::default()).unwrap();
        assert_eq!(media_type, "image/png");
        assert!(!holds(&rebuilt, CANARY) && !holds(&rebuilt, b"tEXt"));
        assert_eq!(image::load_from_memory(&rebuilt).unwrap().to_rgb8().get_pixel(1, 1), &Rgb([255, 0, 0]));
    }

    #[test]
    fn webp_becomes_jpeg_or_where_transparent_png() {
        let media_type = plainly(&flag(ImageFormat::WebP), &ImageLimits::default()).unwrap().media_type;
        assert_eq!(media_type, "image/jpeg");
        let mut out = Cursor::new(Vec::new());
        RgbaImage::from_pixel(4, 4, Rgba([1, 2, 3, 4])).write_to(&mut out, ImageFormat::WebP).unwrap();
        assert_eq!(plainly(&out.into_inner(), &ImageLimits::default()).unwrap().media_type, "image/png");
    }

    #[test]
    fn an_animation_keeps_its_first_frames_and_no_comment() {
        let mut gif = Vec::new();
        let mut encoder = GifEncoder::new(&mut gif);
        for shade in 0..9 {
            encoder.encode_frame(Frame::new(RgbaImage::from_pixel(8, 8, Rgba([shade * 20, 0, 0, 255])))).unwrap();
        }
        drop(encoder);
        let end = gif.len() - 1;
        let comment = [b"\x21\xfe", &[u8::try_from(CANARY.len()).unwrap()][..], CANARY, b"\0"].concat();
        gif.splice(end..end, comment);
        gif.extend_from_slice(CANARY);
        let limits = ImageLimits { frames: 3, ..ImageLimits::default() };
        let Picture { bytes: rebuilt, media_type, .. } = plainly(&gif, &limits).unwrap();
        assert_eq!(media_type, "image/gif");
        assert!(!holds(&rebuilt, CANARY));
        let frames = GifDecoder::new(Cursor::new(rebuilt)).unwrap().into_frames().collect_frames().unwrap();
        assert_eq!(frames.len(), 3);
    }

    #[test]
    fn bombs_are_refused_by_their_first_bytes() {
        let mut png = flag(ImageFormat::Png);
        png[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
        assert!(plainly(&png, &ImageLimits::default()).is_err());
        let limits = ImageLimits { pixels: 100, ..ImageLimits::default() };
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP] {
            assert_eq!(plainly(&flag(format), &limits), Err(Unreadable::TooLarge));
        }
    }

    #[test]
    fn what_is_no_picture_or_half_a_picture_is_unreadable() {
        let jpeg = flag(ImageFormat::Png);
        for bytes in [b"".as_slice(), b"\xff\xd8\xff", b"GIF89a", b"<svg/>", &jpeg[..jpeg.len() / 2]] {
            assert!(plainly(bytes, &ImageLimits::default()).is_err());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_damage_makes_it_panic(at in 0_usize..400, byte in any::<u8>(), which in 0_usize..4) {
            let format = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP][which];
            let mut bytes = flag(format);
            let at = at % bytes.len();
            bytes[at] = byte;
            let limits = ImageLimits { memory: 1_000_000, ..ImageLimits::default() };
            let _ = plainly(&bytes, &limits);
        }
    }
}
