//! The picture of a page, encoded for the new file: exactly where it is lines and letters, as JPEG
//! where it is a photo.

use image::{
    DynamicImage, ExtendedColorType, ImageEncoder,
    codecs::{
        jpeg::JpegEncoder,
        png::{CompressionType, FilterType, PngEncoder},
    },
};

use super::pixels;
use crate::media::Unreadable;

/// The stream of a picture.
pub(super) struct Encoded {
    pub(super) dictionary: String,
    pub(super) bytes: Vec<u8>,
}

impl Encoded {
    /// # Errors
    /// When it can not be encoded.
    pub(super) fn of(picture: &DynamicImage) -> Result<Self, Unreadable> {
        let (gray, shades) = match pixels::gray_if_it_is(picture) {
            Some(gray) => (true, gray.into_raw()),
            None => (false, picture.to_rgb8().into_raw()),
        };
        let plain = Plain { size: (picture.width(), picture.height()), gray, shades };
        let exact = plain.exact()?;
        if exact.bytes.len() <= plain.shades.len() / PHOTO {
            return Ok(exact);
        }
        let photo = plain.photo()?;
        Ok(if photo.bytes.len() < exact.bytes.len() { photo } else { exact })
    }
}

struct Plain {
    size: (u32, u32),
    gray: bool,
    shades: Vec<u8>,
}

impl Plain {
    /// What a PNG compresses is what a PDF may compress too, with the same prediction.
    fn exact(&self) -> Result<Encoded, Unreadable> {
        let mut png = Vec::new();
        let encoder = PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Adaptive);
        encoder.write_image(&self.shades, self.size.0, self.size.1, self.color()).map_err(|_| Unreadable::Malformed)?;
        let parameters = format!(
            "/Predictor 15 /BitsPerComponent 8 /Colors {} /Columns {}",
            if self.gray { 1 } else { 3 },
            self.size.0
        );
        Ok(self.encoded(&format!("/FlateDecode /DecodeParms << {parameters} >>"), compressed(&png)))
    }

    fn photo(&self) -> Result<Encoded, Unreadable> {
        let mut jpeg = Vec::new();
        let encoder = JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY);
        encoder.write_image(&self.shades, self.size.0, self.size.1, self.color()).map_err(|_| Unreadable::Malformed)?;
        Ok(self.encoded("/DCTDecode", jpeg))
    }

    fn encoded(&self, filter: &str, bytes: Vec<u8>) -> Encoded {
        let ((width, height), space) = (self.size, if self.gray { "DeviceGray" } else { "DeviceRGB" });
        let dictionary = format!(
            "/Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /{space} \
             /BitsPerComponent 8 /Filter {filter}"
        );
        Encoded { dictionary, bytes }
    }

    fn color(&self) -> ExtendedColorType {
        if self.gray { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 }
    }
}

/// The contents of a PNG's `IDAT` chunks, which are one stream.
fn compressed(png: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(png.len());
    let mut rest = png.get(SIGNATURE..).unwrap_or_default();
    while let Some((head, body)) = rest.split_first_chunk::<8>() {
        let [a, b, c, d, kind @ ..] = *head;
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let Some(chunk) = body.get(..length) else { break };
        if kind == *b"IDAT" {
            out.extend_from_slice(chunk);
        }
        // A checksum ends it.
        rest = body.get(length + 4..).unwrap_or_default();
    }
    out
}

const SIGNATURE: usize = 8;

/// What does not shrink to a part as small as this is more photo than page.
const PHOTO: usize = 12;

const JPEG_QUALITY: u8 = 82;
