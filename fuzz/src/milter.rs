//! The milter protocol: bytes into packets, however many of them are there yet.

use tabir::channel::smtp::milter::packet::read;

/// A packet lies within the bytes, and is the same packet whatever follows it; before its last byte
/// there is none.
pub fn milter(bytes: &[u8]) {
    let mut rest = bytes;
    while let Ok(Some((request, length))) = read(rest) {
        assert!(length > 4 && length <= rest.len(), "a packet of {length} bytes in {}", rest.len());
        assert_eq!(read(&rest[..length]), Ok(Some((request, length))), "what follows changes it");
        assert_eq!(read(&rest[..length - 1]), Ok(None), "half a packet is read");
        rest = &rest[length..];
    }
}
