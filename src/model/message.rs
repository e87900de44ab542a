use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Timestamp;

/// A message at a stage of its way. A stage is a proof that only `relay/` can make, so that an
/// unscrubbed message can be neither rewritten nor recorded.
pub struct Message<Stage> {
    content: Content,
    stage: Stage,
}

impl<Stage> Message<Stage> {
    /// Joins a content with the proof of its stage.
    pub fn at(stage: Stage, content: Content) -> Self {
        Self { content, stage }
    }

    /// What the message says.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The proof.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Takes it apart, for the next stage.
    pub fn into_parts(self) -> (Content, Stage) {
        (self.content, self.stage)
    }
}

impl<Stage> fmt::Debug for Message<Stage> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("«message»")
    }
}

/// What a message says, opened into parts: the same for mail and API.
#[derive(Clone, Default)]
pub struct Content {
    /// The subject, decoded.
    pub subject: Option<String>,
    /// The plain text body.
    pub text: Option<String>,
    /// The HTML body, as it came or as rebuilt.
    pub html: Option<String>,
    /// What is attached or shown inline.
    pub attachments: Vec<Attachment>,
    /// The sender's own thread ids.
    pub thread: ThreadIds,
    /// The sender's date, zone removed.
    pub date: Option<Timestamp>,
    /// Auto-Submitted, Precedence or a null sender said that no person wrote this (RFC 3834).
    pub automatic: bool,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("«content»")
    }
}

/// Message ids as the header fields carry them, without angle brackets.
#[derive(Clone, Default)]
pub struct ThreadIds {
    /// Message-ID.
    pub id: Option<String>,
    /// In-Reply-To.
    pub in_reply_to: Vec<String>,
    /// References, oldest first.
    pub references: Vec<String>,
}

/// A file in a message.
#[derive(Clone)]
pub struct Attachment {
    /// The name shown, already free of paths and control characters.
    pub filename: String,
    /// The media type by its content, such as `image/jpeg`.
    pub media_type: String,
    /// The Content-ID that the HTML body shows it by, if it is inline.
    pub inline: Option<String>,
    /// The file.
    pub bytes: Bytes,
    /// What became of it.
    pub action: AttachmentAction,
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "«attachment» {} {} bytes {:?}", self.media_type, self.bytes.len(), self.action)
    }
}

/// What became of an attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttachmentAction {
    /// Not judged yet.
    Pending,
    /// Decoded and encoded afresh: no metadata survives.
    Rebuilt,
    /// A picture in which codes or words were covered, or a PDF in which codes, words or links were.
    Redacted,
    /// Taken out: not of an allowed type.
    RemovedType,
    /// Taken out: could not be opened safely.
    RemovedUnreadable,
    /// Taken out: too many or too large.
    RemovedSize,
}

impl AttachmentAction {
    /// Whether the file is gone.
    pub fn removed(self) -> bool {
        matches!(self, Self::RemovedType | Self::RemovedUnreadable | Self::RemovedSize)
    }
}

/// What a sender says a message is for. It classifies and opens nothing by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words say it")]
pub enum Purpose {
    Order,
    Shipping,
    Refund,
    Feedback,
    Invoice,
    #[default]
    Other,
}
