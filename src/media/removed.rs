use crate::model::{Attachment, AttachmentAction};

/// What was taken out of a message, so that both sides can be told. Holds no personal text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Removed {
    /// A further version of the body (AMP, rich text, a second plain text).
    Alternative,
    /// An invitation: its organiser and attendees are addresses.
    Calendar,
    /// A vCard.
    ContactCard,
    /// Codes or words in a picture that is still there.
    Covered,
    /// A file or block of text that is encrypted.
    Encrypted,
    /// A file whose type is not allowed here.
    FileType,
    /// A file that could not be opened safely.
    FileUnreadable,
    /// A whole message attached to this one, with its own headers.
    ForwardedMail,
    /// An HTML body that could not be opened safely, beside a plain text.
    Html,
    /// A file written into the text (uuencode, yEnc, BinHex).
    InlineFile,
    /// A public key or certificate: it names its owner.
    Key,
    /// The technical part of a delivery or read report.
    Report,
    /// A signature over the message: it names its signer, and the message is written afresh.
    Signature,
    /// Outlook's `winmail.dat`.
    Tnef,
    /// Words, links or codes in a PDF that is still there.
    Words,
}

impl Removed {
    /// What was taken out of a message's files, or out of this one.
    pub fn of(file: &Attachment) -> Option<Self> {
        Self::by(file.action, &file.media_type)
    }

    /// What was taken out of a file of this type, or whether it was.
    pub fn by(action: AttachmentAction, media_type: &str) -> Option<Self> {
        match action {
            AttachmentAction::RemovedType => Some(Self::FileType),
            AttachmentAction::RemovedUnreadable | AttachmentAction::RemovedSize => Some(Self::FileUnreadable),
            AttachmentAction::Redacted if media_type == "application/pdf" => Some(Self::Words),
            AttachmentAction::Redacted => Some(Self::Covered),
            AttachmentAction::Pending | AttachmentAction::Rebuilt => None,
        }
    }

    /// What such a word stands for.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|removed| removed.as_str() == word)
    }

    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Alternative,
        Self::Calendar,
        Self::ContactCard,
        Self::Covered,
        Self::Encrypted,
        Self::FileType,
        Self::FileUnreadable,
        Self::ForwardedMail,
        Self::Html,
        Self::InlineFile,
        Self::Key,
        Self::Report,
        Self::Signature,
        Self::Tnef,
        Self::Words,
    ];

    /// The stable word for evidence and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alternative => "alternative",
            Self::Calendar => "calendar",
            Self::ContactCard => "contact_card",
            Self::Covered => "covered",
            Self::Encrypted => "encrypted",
            Self::FileType => "file_type",
            Self::FileUnreadable => "file_unreadable",
            Self::ForwardedMail => "forwarded_mail",
            Self::Html => "html",
            Self::InlineFile => "inline_file",
            Self::Key => "key",
            Self::Report => "report",
            Self::Signature => "signature",
            Self::Tnef => "tnef",
            Self::Words => "words",
        }
    }

    /// Whether a reader misses something by it. A dropped signature or second version of the
    /// body takes nothing from the reader, so that no notice is owed.
    pub fn is_loss(self) -> bool {
        !matches!(self, Self::Alternative | Self::Html | Self::Report | Self::Signature)
    }
}
