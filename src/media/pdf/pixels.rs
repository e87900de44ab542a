//! The pixels of a page: most pages are black on white, and gray ones take a third of the work.

use image::{DynamicImage, GrayImage, RgbImage};

use super::Area;

/// A picture of opaque pixels of four bytes; gray, if all of it is.
pub(super) fn of_opaque((width, height): (u32, u32), rgba: &[u8]) -> Option<DynamicImage> {
    let (pixels, _) = rgba.as_chunks::<4>();
    if pixels.iter().all(|[r, g, b, _]| r == g && g == b) {
        let shades = pixels.iter().map(|pixel| pixel[0]).collect();
        return GrayImage::from_raw(width, height, shades).map(Into::into);
    }
    let mut shades = vec![0; pixels.len() * 3];
    for (to, from) in shades.as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
        to.copy_from_slice(&from[..3]);
    }
    RgbImage::from_raw(width, height, shades).map(Into::into)
}

/// The same, if what was coloured is gray now.
pub(super) fn gray_if_it_is(picture: &DynamicImage) -> Option<GrayImage> {
    match picture {
        DynamicImage::ImageLuma8(gray) => Some(gray.clone()),
        DynamicImage::ImageRgb8(rgb) => {
            let (pixels, _) = rgb.as_raw().as_chunks::<3>();
            let gray = pixels.iter().all(|[r, g, b]| r == g && g == b);
            let shades = || pixels.iter().map(|pixel| pixel[0]).collect();
            gray.then(|| GrayImage::from_raw(rgb.width(), rgb.height(), shades())).flatten()
        }
        _ => None,
    }
}

/// Lays an even gray over a place.
pub(super) fn fill(picture: &mut DynamicImage, area: Area) {
    if !matches!(picture, DynamicImage::ImageLuma8(_) | DynamicImage::ImageRgb8(_)) {
        *picture = std::mem::take(picture).into_rgb8().into();
    }
    let [from, to, top, bottom] = within(picture, area, 0);
    let (width, each) = (picture.width() as usize, usize::from(picture.color().bytes_per_pixel()));
    let shades = match picture {
        DynamicImage::ImageLuma8(gray) => gray.as_flat_samples_mut().samples,
        DynamicImage::ImageRgb8(rgb) => rgb.as_flat_samples_mut().samples,
        _ => return,
    };
    for row in shades.chunks_exact_mut(width * each).take(bottom).skip(top) {
        row[from * each..to * each].fill(COVER);
    }
}

/// Whether something stands out in a place: white on white does not, nor what lies off the page.
pub(super) fn stands_out(picture: &DynamicImage, area: Area) -> bool {
    let [from, to, top, bottom] = within(picture, area, 1);
    let (width, each) = (picture.width() as usize, usize::from(picture.color().bytes_per_pixel()));
    let (mut darkest, mut brightest) = ([u8::MAX; 4], [u8::MIN; 4]);
    for row in picture.as_bytes().chunks_exact(width * each).take(bottom).skip(top) {
        for pixel in row[from * each..to * each].chunks_exact(each) {
            for (n, shade) in pixel.iter().enumerate().take(4) {
                (darkest[n], brightest[n]) = (darkest[n].min(*shade), brightest[n].max(*shade));
            }
        }
    }
    darkest.into_iter().zip(brightest).any(|(dark, bright)| bright.saturating_sub(dark) >= FAINT)
}

/// The columns and rows of a place and an edge around it, as far as they are on the picture.
fn within(picture: &DynamicImage, [left, top, width, height]: Area, edge: u32) -> [usize; 4] {
    let end = |from: u32, length: u32, most: u32| from.saturating_add(length).saturating_add(edge).min(most) as usize;
    let (right, bottom) = (end(left, width, picture.width()), end(top, height, picture.height()));
    let (left, top) = (left.saturating_sub(edge) as usize, top.saturating_sub(edge) as usize);
    [left.min(right), right, top.min(bottom), bottom]
}

/// What lies over what was covered.
const COVER: u8 = 128;

/// Differences of shade that an eye does not see.
const FAINT: u8 = 12;
