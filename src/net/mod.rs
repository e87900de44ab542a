//! The edge: listeners with their limits, TLS and its reload, DNS, connections to web servers, graceful drain.
//!
//! A listener accepts and counts; it does not know what is spoken on it. Whoever opens a
//! listener hands it a session, and the session gets a stream, the peer's address and a
//! [`Seat`] that is given back when it ends.
//!
//! # Security
//! Imports only the model. Holds TLS keys and nothing that unmasks a person; touches the network
//! and the certificate files. The only hostile bytes it parses itself are the few of a PROXY header
//! (`proxy`), from load balancers alone: TLS is rustls', DNS hickory's, HTTP hyper's.

mod client;
mod dev_ca;
mod dns;
mod drain;
mod edge;
mod listener;
pub mod proxy;
mod tls;

pub use client::{Line, Unreached, Url, tls_client};
pub use dev_ca::{DevCa, ensure_dev_ca, is_development};
pub use dns::{Dns, DnsFault, MailHost, NoAnswer, NoMailHost, Tlsa, is_public};
pub use drain::{Drain, Draining};
pub use edge::{Crowded, Edge, EdgeSettings, Network, Seat};
pub use listener::{ListenSettings, Listener, Session};
pub use tls::{ServerTls, TlsFault, TlsSettings};
