//! A picture in a PDF file. A JPEG and a PNG without a clear ground go in as they are; of a PNG with one the ground is
//! made white. Animations and others are not drawn: they are enclosed as files.

use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

use super::Objects;

/// A picture that can be drawn.
pub(super) struct Drawing {
    pub(super) width: u32,
    pub(super) height: u32,
    dictionary: String,
    bytes: Vec<u8>,
}

impl Drawing {
    /// `None`: it is none that is drawn here.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xff, 0xd8, rest @ ..] => jpeg(rest, bytes),
            [0x89, b'P', b'N', b'G', 13, 10, 26, 10, rest @ ..] => png(rest),
            _ => None,
        }
    }

    pub(super) fn write(&self, file: &mut Objects) -> usize {
        let Self { width, height, dictionary, .. } = self;
        let dictionary =
            format!("/Type /XObject /Subtype /Image /Width {width} /Height {height} /BitsPerComponent 8 {dictionary}");
        file.stream(&dictionary, &self.bytes)
    }
}

/// Its size and number of colors stand in its frame header (T.81, B.2.2).
fn jpeg(mut rest: &[u8], whole: &[u8]) -> Option<Drawing> {
    loop {
        let [0xff, marker, high, low, behind @ ..] = rest else { return None };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let segment = behind.get(..length.checked_sub(2)?)?;
        if matches!(marker, 0xc0..=0xc2) {
            let [8, h0, h1, w0, w1, colors, ..] = *segment else { return None };
            let space = match colors {
                1 => "/DeviceGray",
                3 => "/DeviceRGB",
                _ => return None,
            };
            return sized(u16::from_be_bytes([w0, w1]).into(), u16::from_be_bytes([h0, h1]).into()).map(
                |(width, height)| Drawing {
                    width,
                    height,
                    dictionary: format!("/ColorSpace {space} /Filter /DCTDecode"),
                    bytes: whole.to_vec(),
                },
            );
        }
        rest = behind.get(length - 2..)?;
    }
}

fn png(mut rest: &[u8]) -> Option<Drawing> {
    let (mut head, mut data) = (None, Vec::new());
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (kind, behind) = behind.split_first_chunk::<4>()?;
        let chunk = behind.get(..length)?;
        match kind {
            b"IHDR" => head = <[u8; 13]>::try_from(chunk).ok(),
            b"IDAT" => data.extend_from_slice(chunk),
            b"IEND" => break,
            _ => {}
        }
        rest = behind.get(length + 4..)?;
    }
    let [w0, w1, w2, w3, h0, h1, h2, h3, 8, color, 0, 0, 0] = head? else { return None };
    let (width, height) = sized(u32::from_be_bytes([w0, w1, w2, w3]), u32::from_be_bytes([h0, h1, h2, h3]))?;
    let (space, colors) = if matches!(color, 0 | 4) { ("/DeviceGray", 1) } else { ("/DeviceRGB", 3) };
    let dictionary = format!("/ColorSpace {space} /Filter /FlateDecode");
    match color {
        0 | 2 => {
            let how = format!("/DecodeParms << /Predictor 15 /Colors {colors} /BitsPerComponent 8 /Columns {width} >>");
            Some(Drawing { width, height, dictionary: format!("{dictionary} {how}"), bytes: data })
        }
        4 | 6 => {
            let pixels = on_white(&data, width, height, colors)?;
            Some(Drawing { width, height, dictionary, bytes: miniz_oxide::deflate::compress_to_vec_zlib(&pixels, 6) })
        }
        _ => None,
    }
}

/// Undoes the filters of the lines (PNG, section 9) and lays what is clear on white.
fn on_white(data: &[u8], width: u32, height: u32, colors: usize) -> Option<Vec<u8>> {
    let step = colors + 1;
    let stride = usize::try_from(width).ok()?.checked_mul(step)?;
    let whole = stride.checked_add(1)?.checked_mul(usize::try_from(height).ok()?)?;
    let raw = decompress_to_vec_zlib_with_limit(data, whole).ok()?;
    let (mut above, mut pixels) = (vec![0; stride], Vec::new());
    for line in raw.chunks_exact(stride + 1) {
        let (filter, line) = line.split_first()?;
        let mut line = line.to_vec();
        for at in 0..stride {
            let left = if at >= step { line[at - step] } else { 0 };
            let over = above[at];
            let corner = if at >= step { above[at - step] } else { 0 };
            let guess = match filter {
                0 => 0,
                1 => left,
                2 => over,
                3 => u8::try_from((u16::from(left) + u16::from(over)) / 2).unwrap_or(0),
                4 => paeth(left, over, corner),
                _ => return None,
            };
            line[at] = line[at].wrapping_add(guess);
        }
        for pixel in line.chunks_exact(step) {
            let (color, clear) = pixel.split_at(colors);
            let alpha = u16::from(clear[0]);
            let mix = |c: &u8| u8::try_from((u16::from(*c) * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(255);
            pixels.extend(color.iter().map(mix));
        }
        above = line;
    }
    (raw.len() == whole).then_some(pixels)
}

fn paeth(left: u8, over: u8, corner: u8) -> u8 {
    let [a, b, c] = [left, over, corner].map(i16::from);
    let guess = a + b - c;
    let [to_a, to_b, to_c] = [a, b, c].map(|n| (guess - n).abs());
    if to_a <= to_b && to_a <= to_c {
        left
    } else if to_b <= to_c {
        over
    } else {
        corner
    }
}

/// Neither nothing nor more than a file of ours holds.
fn sized(width: u32, height: u32) -> Option<(u32, u32)> {
    let pixels = u64::from(width) * u64::from(height);
    (1..=MOST_PIXELS).contains(&pixels).then_some((width, height))
}

const MOST_PIXELS: u64 = 50_000_000;

#[cfg(test)]
mod tests {
    use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
    use proptest::prelude::*;

    use super::*;

    fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut out = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    fn flag() -> DynamicImage {
        let clear = |x: u32, y: u32| Rgba([(x * 9) as u8, (y * 7) as u8, 40, if x < 10 { 0 } else { (y * 8) as u8 }]);
        DynamicImage::ImageRgba8(RgbaImage::from_fn(20, 30, clear))
    }

    #[test]
    fn what_is_clear_becomes_white_and_the_rest_stays() {
        let drawing = Drawing::of(&encoded(&flag(), ImageFormat::Png)).unwrap();
        let pixels = decompress_to_vec_zlib_with_limit(&drawing.bytes, 1_800).unwrap();
        assert_eq!((drawing.width, drawing.height, pixels.len()), (20, 30, 1_800));
        let expected = flag().to_rgba8();
        for (n, pixel) in pixels.chunks_exact(3).enumerate() {
            let Rgba([r, g, b, a]) = *expected.get_pixel((n % 20) as u32, (n / 20) as u32);
            let mix = |c: u8| ((u16::from(c) * u16::from(a) + 255 * (255 - u16::from(a)) + 127) / 255) as u8;
            assert_eq!(pixel, [mix(r), mix(g), mix(b)], "pixel {n}");
        }
    }

    #[test]
    fn photos_and_flat_pictures_go_in_as_they_are() {
        let rgb = DynamicImage::ImageRgb8(flag().to_rgb8());
        for (bytes, filter) in [
            (encoded(&rgb, ImageFormat::Jpeg), "DCTDecode"),
            (encoded(&rgb, ImageFormat::Png), "Predictor 15"),
            (encoded(&DynamicImage::ImageLuma8(flag().to_luma8()), ImageFormat::Png), "DeviceGray"),
        ] {
            let drawing = Drawing::of(&bytes).unwrap();
            assert_eq!((drawing.width, drawing.height), (20, 30));
            assert!(drawing.dictionary.contains(filter), "{}", drawing.dictionary);
        }
        assert!(Drawing::of(&encoded(&flag(), ImageFormat::Gif)).is_none());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0usize..400, which in 0usize..3) {
            let _ = Drawing::of(&bytes);
            let formats = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Png];
            let mut real = encoded(&if which == 2 { flag() } else { DynamicImage::ImageRgb8(flag().to_rgb8()) }, formats[which]);
            let (at, end) = (at.min(real.len()), (at + bytes.len()).min(real.len()));
            real[at..end].copy_from_slice(&bytes[..end - at]);
            let _ = Drawing::of(&real);
        }
    }
}
