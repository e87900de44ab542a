//! Mail: SMTP in, SMTP out, and the local mailbox.
//!
//! In: `framing` turns bytes into lines and messages, `command` lines into commands. Out:
//! [`Courier`] hands mail to a smart host or to the recipients' own hosts, [`Mailbox`] keeps it
//! while no route is set.
//!
//! # Security
//! Parses hostile bytes from clients and from servers, under limits of size, count and time that
//! are absolute. Holds no keys. No text of a peer, no address and no byte of a message reaches a
//! log, an error or a metric.

mod answer;
mod client;
mod command;
mod framing;
mod mailbox;
mod send;
mod settings;

pub use mailbox::{Letter, Mailbox};
pub use send::Courier;
pub use settings::{AuthSettings, MailSettings, OutSettings, Proof, Route, SessionLimits, TlsPolicy};
