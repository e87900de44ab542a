//! What a picture looks like, in 64 bits that hardly change when it is made smaller or larger or
//! encoded afresh: the difference hash. It is what other programs call `dhash` of 8 by 8.
//!
//! The picture is brought to a grid of nine by eight; each bit says whether a cell is brighter
//! than the one on its left. A picture that was turned or mirrored looks otherwise, so all eight
//! ways to lay it are told.

use image::DynamicImage;

/// How many ways there are to lay a picture.
pub const WAYS: usize = 8;

/// The looks of a picture, first as it lies: then mirrored, turned, and both.
pub fn looks(picture: &DynamicImage) -> [u64; WAYS] {
    let small = picture.thumbnail_exact(SIDE, SIDE).to_rgba8();
    // On white, as it is mostly seen: colours below what is transparent must not count.
    let shade = |x: u32, y: u32| {
        let [r, g, b, a] = small.get_pixel(x, y).0.map(u32::from);
        // ITU-R BT.709, in hundredths.
        ((21 * r + 72 * g + 7 * b) / 100 * a + 255 * (255 - a)) / 255
    };
    let last = SIDE - 1;
    let ways: [fn(u32, u32, u32) -> (u32, u32); WAYS] = [
        |x, y, _| (x, y),
        |x, y, last| (last - x, y),
        |x, y, last| (x, last - y),
        |x, y, last| (last - x, last - y),
        |x, y, _| (y, x),
        |x, y, last| (last - y, x),
        |x, y, last| (y, last - x),
        |x, y, last| (last - y, last - x),
    ];
    ways.map(|way| {
        look(&|x, y| {
            let (x, y) = way(x, y, last);
            shade(x, y)
        })
    })
}

fn look(shade: &dyn Fn(u32, u32) -> u32) -> u64 {
    let (wide, high) = (SIDE / 9, SIDE / 8);
    let cell = |column: u32, row: u32| -> u32 {
        let across = column * wide..(column + 1) * wide;
        (row * high..(row + 1) * high).flat_map(|y| across.clone().map(move |x| (x, y))).map(|(x, y)| shade(x, y)).sum()
    };
    // What is plain stays plain, whatever an encoder adds to it.
    let noise = wide * high;
    let cells = (0..8).flat_map(|row| (0..8).map(move |column| (column, row)));
    cells.fold(0, |bits, (column, row)| bits << 1 | u64::from(cell(column + 1, row) > cell(column, row) + noise))
}

/// Parts into nine and into eight, both ways round.
const SIDE: u32 = 72;

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ImageFormat, Rgb, RgbImage, Rgba, RgbaImage, imageops::FilterType};

    use super::*;

    /// Soft blots of light and shade, other ones for each seed.
    fn scene(seed: u32) -> DynamicImage {
        let shade = |x: u32, y: u32| {
            let mixed = (seed * 31 + x * 7 + y * 13 + 1).wrapping_mul(2_654_435_761);
            ((mixed ^ mixed >> 15).wrapping_mul(2_246_822_519) >> 24) as u8
        };
        let blots = RgbImage::from_fn(11, 9, |x, y| Rgb([shade(x, y), shade(x, y) / 2 + 60, shade(y, x) / 4]));
        DynamicImage::from(blots).resize_exact(240, 200, FilterType::Triangle)
    }

    fn apart(a: &DynamicImage, b: &DynamicImage) -> u32 {
        looks(a).into_iter().map(|look| (look ^ looks(b)[0]).count_ones()).min().unwrap()
    }

    fn as_jpeg(picture: &DynamicImage) -> DynamicImage {
        let mut out = Cursor::new(Vec::new());
        picture.to_rgb8().write_to(&mut out, ImageFormat::Jpeg).unwrap();
        image::load_from_memory(&out.into_inner()).unwrap()
    }

    #[test]
    fn a_picture_made_smaller_encoded_afresh_turned_or_mirrored_looks_the_same() {
        for seed in 1..6 {
            let picture = scene(seed);
            let smaller = as_jpeg(&picture.resize_exact(131, 77, FilterType::Lanczos3));
            for other in [smaller, as_jpeg(&picture), picture.rotate90(), picture.fliph(), picture.brighten(12)] {
                assert!(apart(&other, &picture) <= 6, "{seed}: {}", apart(&other, &picture));
            }
        }
    }

    #[test]
    fn another_picture_looks_otherwise() {
        for (a, b) in (1..6).flat_map(|a| (a + 1..6).map(move |b| (a, b))) {
            assert!(apart(&scene(a), &scene(b)) > 11, "{a} {b}: {}", apart(&scene(a), &scene(b)));
        }
    }

    #[test]
    fn what_is_plain_or_unseen_has_no_look() {
        let plain: DynamicImage = RgbImage::from_pixel(50, 50, Rgb([90, 10, 10])).into();
        assert_eq!(looks(&as_jpeg(&plain)), [0; WAYS]);
        let unseen = RgbaImage::from_fn(50, 50, |x, y| Rgba([(x * 5) as u8, (y * 5) as u8, 0, 0]));
        assert_eq!(looks(&unseen.into()), [0; WAYS]);
    }
}
