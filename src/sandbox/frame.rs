//! What goes over a worker's pipes. A job: what is to be done ([`Ask`]), as JSON with its length, and
//! the file with its length. An answer: a number, and where it is one of [`TYPES`] what was found
//! ([`Told`]), as JSON with its length, and the file with its length; where it is [`CONTENTS`],
//! these, as JSON with its length. All numbers are big-endian.

use serde::{Deserialize, Serialize};

use crate::media::{
    Unreadable,
    code::{Code, Linear},
    image::Wish,
    look::WAYS,
    pdf::{Glance, Orders},
    words::{Budget, Line},
};

/// What a worker says first: its limits stand.
pub(super) const READY: [u8; 4] = *b"tbw3";

/// The largest job or answer; a picture that grows beyond it was no photo.
pub(super) const MAX_BYTES: usize = 64_000_000;

/// The longest JSON.
pub(super) const MAX_TOLD: usize = 2_000_000;

/// The longest list of looks: of a hundred frames, in all ways they can be laid.
pub(super) const MAX_LOOKS: usize = 100 * WAYS;

/// What is to be done with a file.
#[derive(Deserialize, Serialize)]
pub(super) enum Ask {
    /// A picture is to be rebuilt.
    Rebuild(Wish),
    /// A PDF is to be read.
    Read(Glance),
    /// What pixels say in a PDF is to be read once more, where lines were painted over.
    ReadAgain {
        /// What it may cost.
        budget: Budget,
        /// What is painted over.
        orders: Orders,
    },
    /// A PDF is to be drawn.
    Draw {
        /// With linear codes on its pages.
        linear: Linear,
        /// With its words and links.
        orders: Orders,
    },
}

/// What was found in a picture.
#[derive(Deserialize, Serialize)]
pub(super) struct Told {
    pub(super) codes: Vec<Code>,
    /// What it looked like as it came.
    pub(super) looks: Vec<u64>,
    /// Absent where words were not read.
    pub(super) lines: Option<Vec<Line>>,
}

/// The kinds of file that come back, and their codes.
pub(super) const TYPES: [(u8, &str); 4] =
    [(1, "image/jpeg"), (2, "image/png"), (3, "image/gif"), (4, "application/pdf")];

/// The code of what was read in a PDF.
pub(super) const CONTENTS: u8 = 0x40;

/// The codes of what could not be rebuilt.
pub(super) const TOO_LARGE: u8 = 0x80;
pub(super) const MALFORMED: u8 = 0x81;
pub(super) const ENCRYPTED: u8 = 0x82;

/// The length field of `bytes`, if they may go over.
pub(super) fn length(bytes: &[u8]) -> Option<[u8; 4]> {
    if bytes.len() > MAX_BYTES {
        return None;
    }
    u32::try_from(bytes.len()).ok().map(u32::to_be_bytes)
}

/// The code of a reason.
pub(super) fn code(reason: Unreadable) -> u8 {
    match reason {
        Unreadable::TooLarge => TOO_LARGE,
        Unreadable::Encrypted => ENCRYPTED,
        _ => MALFORMED,
    }
}

/// The reason of a code.
pub(super) fn reason(code: u8) -> Option<Unreadable> {
    match code {
        TOO_LARGE => Some(Unreadable::TooLarge),
        ENCRYPTED => Some(Unreadable::Encrypted),
        MALFORMED => Some(Unreadable::Malformed),
        _ => None,
    }
}
