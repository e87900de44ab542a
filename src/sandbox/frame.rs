//! What goes over a worker's pipes. A job: what to do with linear codes, a length and the file. An
//! answer: a number, and where it is one of [`TYPES`] the codes that were found, as JSON with its
//! length, what the picture looks like, eight bytes a look, with their length, and the file with
//! its length. All numbers are big-endian.

use crate::media::{Unreadable, look::WAYS};

/// What a worker says first: its limits stand.
pub(super) const READY: [u8; 4] = *b"tbw1";

/// The largest job or answer; a picture that grows beyond it was no photo.
pub(super) const MAX_BYTES: usize = 64_000_000;

/// The longest list of codes.
pub(super) const MAX_CODES: usize = 1_000_000;

/// The longest list of looks: of a hundred frames, in all ways they can be laid.
pub(super) const MAX_LOOKS: usize = 100 * WAYS * 8;

/// The words for what to do with linear codes.
pub(super) const TELL: u8 = 0;
pub(super) const COVER: u8 = 1;

/// The kinds of picture that come back, and their codes.
pub(super) const TYPES: [(u8, &str); 3] = [(1, "image/jpeg"), (2, "image/png"), (3, "image/gif")];

/// The codes of what could not be rebuilt.
pub(super) const TOO_LARGE: u8 = 0x80;
pub(super) const MALFORMED: u8 = 0x81;

/// The length field of `bytes`, if they may go over.
pub(super) fn length(bytes: &[u8]) -> Option<[u8; 4]> {
    if bytes.len() > MAX_BYTES {
        return None;
    }
    u32::try_from(bytes.len()).ok().map(u32::to_be_bytes)
}

/// The code of a reason.
pub(super) fn code(reason: Unreadable) -> u8 {
    if reason == Unreadable::TooLarge { TOO_LARGE } else { MALFORMED }
}
