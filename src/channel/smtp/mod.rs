//! Mail: SMTP in, SMTP out, and the local mailbox.
//!
//! In: [`Gate`] gives a connection to `session`, which says what may come when; `framing` turns
//! bytes into lines and messages, `command` lines into commands, `login` knows AUTH, `receive`
//! answers for a whole message after `proof` has said who wrote it; every answer stands in
//! `reply`. Out: [`Courier`] hands mail to a smart host or to the recipients' own hosts,
//! [`Mailbox`] keeps it while no route is set.
//!
//! # Security
//! Parses hostile bytes from clients and from servers, under limits of size, count and time that
//! are absolute. Holds no keys. No text of a peer, no address and no byte of a message reaches a
//! log, an error or a metric. Before a sender is proven, every address of ours has one of two
//! answers.

mod accept;
mod answer;
mod brakes;
mod client;
mod command;
mod framing;
mod login;
pub mod mailbox;
mod proof;
mod receive;
mod reply;
mod send;
mod session;
mod settings;
mod wire;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio_rustls::TlsAcceptor;

pub use mailbox::{Letter, Mailbox};
pub use send::Courier;
pub use settings::{AuthSettings, MailSettings, OutSettings, Proof, Route, SessionLimits, TlsPolicy};

use crate::{
    media::mail,
    model::{Marketplace, Scope},
    net::{Dns, Draining},
    relay::Relay,
};
use brakes::{Brakes, Room};
use proof::Prover;

/// The way in for mail: what all its sessions share.
pub struct Gate {
    relay: Arc<Relay>,
    settings: MailSettings,
    /// What proves a sender, where a marketplace differs.
    own: BTreeMap<Marketplace, Proof>,
    tls: TlsAcceptor,
    prover: Prover,
    brakes: Brakes,
    room: Arc<Room>,
    parts: mail::Limits,
}

impl Gate {
    /// Joins what sessions need; `own` are the settings of marketplaces that differ, of which
    /// `auth.require` counts.
    pub fn new(
        relay: Arc<Relay>,
        settings: &MailSettings,
        own: BTreeMap<Marketplace, MailSettings>,
        dns: Dns,
        tls: TlsAcceptor,
    ) -> Arc<Self> {
        Arc::new(Self {
            relay,
            own: own.into_iter().map(|(marketplace, mail)| (marketplace, mail.auth.require)).collect(),
            tls,
            prover: Prover::new(&dns, &settings.hostname),
            brakes: Brakes::new(&settings.limits),
            room: Room::new(settings.max_in_hand),
            parts: mail::Limits::default(),
            settings: settings.clone(),
        })
    }

    /// Forgets limits that are full again, every half minute, until the drain begins.
    pub async fn sweep(&self, mut draining: Draining) {
        loop {
            tokio::select! {
                () = draining.begun() => return,
                () = tokio::time::sleep(SWEEP_EVERY) => self.brakes.sweep(),
            }
        }
    }

    fn required(&self, scope: &Scope) -> Proof {
        self.own.get(scope.marketplace()).copied().unwrap_or(self.settings.auth.require)
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("hostname", &self.settings.hostname).finish_non_exhaustive()
    }
}

const SWEEP_EVERY: Duration = Duration::from_secs(30);
