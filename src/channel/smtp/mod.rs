//! Mail: SMTP in, SMTP out, and the local mailbox.
//!
//! In: `listen` gives a connection to `session`, which says what may come when; `framing` turns
//! bytes into lines and messages, `command` lines into commands, `login` knows AUTH, `receive`
//! answers for a whole message after `proof` has said who wrote it; every answer stands in
//! `reply`, and `listed` asks who calls a client a sender of spam; `milter` is asked by a mail
//! host that is there already. Out: [`Courier`] hands mail to a smart host or to the recipients'
//! own hosts, as the policies of their domains want it (`sts`); [`Mailbox`] keeps it while no route
//! is set.
//!
//! # Security
//! Parses hostile bytes from clients and from servers, under limits of size, count and time that
//! are absolute. Holds no keys. No text of a peer, no address and no byte of a message reaches a
//! log, an error or a metric. Before a sender is proven, every address of ours has one of two
//! answers.

mod answer;
mod client;
pub mod command;
pub mod framing;
mod gates;
mod listed;
mod listen;
mod login;
mod mailbox;
pub mod milter;
mod outside;
mod proof;
mod receive;
mod recipient;
mod records;
mod registered;
mod reply;
mod report;
mod scram;
mod send;
mod session;
mod settings;
pub mod sts;
mod wire;

use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;

pub use listed::DnsblSettings;
pub use listen::Door;
pub use mailbox::{Letter, Mailbox};
pub use proof::{Came, explain_proof};
pub use receive::HOPS;
pub use records::{Found, Record, Value, records, sts_policy};
pub use send::Courier;
pub use settings::{AuthSettings, DkimSettings, MailSettings, OutSettings, Proof, Route, SessionLimits, TlsPolicy};

use crate::{
    desk::Desk,
    media::mail,
    model::{Marketplace, Scope},
    net::{Dns, Draining},
    relay::Relay,
};
use gates::{Gates, Room};
use proof::Prover;

/// The way in for mail: what all its sessions share.
pub struct Smtp {
    relay: Arc<Relay>,
    desk: Arc<Desk>,
    terms: ArcSwap<Terms>,
    required: ArcSwap<Required>,
    dns: Dns,
    prover: Prover,
    parts: mail::Limits,
}

/// What sessions are held to. Replaced when settings are reloaded; a session keeps the terms
/// that it began under.
struct Terms {
    settings: MailSettings,
    gates: Arc<Gates>,
    room: Arc<Room>,
}

/// What proves a sender, per marketplace; replaced when settings are reloaded.
#[derive(Clone, Debug, Default)]
pub struct Required {
    /// Where a marketplace says nothing else.
    pub usual: Proof,
    /// Where it does.
    pub own: HashMap<Marketplace, Proof>,
}

impl Smtp {
    /// Joins what sessions need.
    pub fn new(
        relay: Arc<Relay>,
        desk: Arc<Desk>,
        settings: &MailSettings,
        required: Required,
        dns: &Dns,
    ) -> Arc<Self> {
        Arc::new(Self {
            relay,
            desk,
            required: ArcSwap::from_pointee(required),
            dns: dns.clone(),
            prover: Prover::new(dns, &settings.hostname),
            parts: mail::Limits::default(),
            terms: ArcSwap::from_pointee(Terms {
                gates: Arc::new(Gates::new(&settings.limits)),
                room: Room::new(settings.max_in_hand),
                settings: settings.clone(),
            }),
        })
    }

    /// From now on new sessions have these settings, and this proves a sender. The host's name
    /// stays until the next start: replies, Received fields and proofs speak of one host.
    pub fn reload(&self, settings: &MailSettings, required: Required) {
        self.required.store(Arc::new(required));
        let old = self.terms.load();
        // What was counted so far still counts, unless what it is counted against has changed.
        let kept = old.settings.limits == settings.limits;
        let gates = if kept { Arc::clone(&old.gates) } else { Arc::new(Gates::new(&settings.limits)) };
        let kept = old.settings.max_in_hand == settings.max_in_hand;
        let room = if kept { Arc::clone(&old.room) } else { Room::new(settings.max_in_hand) };
        let settings = MailSettings { hostname: old.settings.hostname.clone(), ..settings.clone() };
        self.terms.store(Arc::new(Terms { settings, gates, room }));
    }

    /// Forgets limits that are full again, every half minute, until the drain begins.
    pub async fn sweep(&self, mut draining: Draining) {
        loop {
            tokio::select! {
                () = draining.begun() => return,
                () = tokio::time::sleep(SWEEP_EVERY) => self.terms.load().gates.sweep(),
            }
        }
    }

    fn required(&self, scope: &Scope) -> Proof {
        let required = self.required.load();
        required.own.get(scope.marketplace()).copied().unwrap_or(required.usual)
    }
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Smtp").field("hostname", &self.terms.load().settings.hostname).finish_non_exhaustive()
    }
}

const SWEEP_EVERY: Duration = Duration::from_secs(30);
