use std::{future::Future, pin::Pin};

use bytes::Bytes;

use crate::model::Secret;

/// A mail ready to leave, its real recipient opened at the last moment.
pub struct Mail {
    /// The envelope sender: `b-<delivery>-<MAC>@domain`.
    pub from: String,
    /// The real address.
    pub to: Secret<String>,
    /// The message with CRLF line ends, not yet dot-stuffed.
    pub bytes: Bytes,
}

/// Asked once more immediately before the handover is final (before the final dot): `false`
/// calls it off.
pub type LastLook<'a> = Pin<Box<dyn Future<Output = bool> + Send + 'a>>;

/// How a handover ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handover {
    /// The other side took responsibility.
    Delivered,
    /// Not now; `code` is the other side's enhanced status or ours, never its text.
    NotNow {
        /// Such as `4.2.2`, or `dns`, `connect`, `tls`, `timeout`.
        code: String,
    },
    /// Never: a permanent refusal.
    Never {
        /// Such as `5.1.1`.
        code: String,
    },
    /// The last look said no; nothing was handed over.
    CalledOff,
}

/// The way out for mail: the SMTP client in service, a fake wire in simulations.
pub trait Transport: Send + Sync {
    /// Hands one mail over.
    fn deliver<'a>(
        &'a self,
        mail: &'a Mail,
        last_look: LastLook<'a>,
    ) -> Pin<Box<dyn Future<Output = Handover> + Send + 'a>>;
}
