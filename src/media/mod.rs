//! Opening and rebuilding content: mail, HTML, plain text, attachments, pictures, PDF.
//!
//! Nothing that came from outside leaves this room as it came. A message is taken apart into
//! words and files ([`mail::open`], [`html::Document`], [`image::rebuild`], [`pdf::read`]), judged elsewhere,
//! and written afresh ([`mail::build`]); what is not understood is taken out with a notice
//! ([`Removed`]) or refused ([`Unreadable`]), never passed through.
//!
//! Codes in pictures are covered ([`code`]): what leads away from the platform would be in them.
//! Words in pictures are read ([`words`]), and covered where they are told to be.
//!
//! Of each picture it is told what it looks like ([`look`]), for those who know pictures.
//!
//! A PDF is read page by page and drawn afresh ([`pdf`]): nothing but what its pages show can get
//! into the new file.
//!
//! # Security
//! Parses hostile bytes, holds no keys, touches neither disk nor network, and imports only the
//! model. Every parser here is bounded in depth, count, size and time before it allocates.
//! Pictures and PDF files are decoded in the sandbox's worker process, never in the relay's own.

pub mod attachment;
pub mod code;
pub mod footer;
pub mod html;
pub mod image;
pub mod look;
pub mod mail;
pub mod pdf;
mod removed;
pub mod sms;
pub mod text;
pub mod words;

pub use removed::Removed;

/// Why content could not be opened. None of these quotes the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A text in a character set that is not known.
    #[error("a text in an unknown character set")]
    Charset,
    /// Encrypted, so that nobody could judge it.
    #[error("the content is encrypted")]
    Encrypted,
    /// The content lies elsewhere or is a fragment (`message/external-body`, `message/partial`).
    #[error("the content is incomplete or lies elsewhere")]
    External,
    /// More or longer header fields than any mail program writes.
    #[error("too many or too long header fields")]
    Headers,
    /// Does not follow its own format.
    #[error("the content is malformed")]
    Malformed,
    /// Nested too deeply.
    #[error("the content is nested too deeply")]
    TooDeep,
    /// A text, picture or file beyond the limits of what is opened.
    #[error("the content is too large to open")]
    TooLarge,
    /// More parts than a message of a person has.
    #[error("the message has too many parts")]
    TooManyParts,
}
