//! The way of a message. It is written here once, and nothing else decides the order.
//!
//! ```text
//! pass    channel ─▶ resolve ─▶ admit ─▶ scrub ─▶ judge ─▶ rewrite ─▶ record      │ 250 / 201 only now
//!          (in)       store     policy   detect   judges    model      store       │
//!                    who is it?  may it?  clean it  fit it?  mask it   answer for it
//! carry   outbox ─▶ claim ─▶ judge again ─▶ open the address ─▶ transport ─▶ record the outcome
//! ```
//!
//! [`Relay::pass`] is the first row. Each stage takes the [`Message`] of the stage before it and
//! returns the next; the stages are types that only this room can make, so that a message that
//! was not scrubbed and judged can not be rewritten and one that was not rewritten can not be
//! recorded.
//! [`Relay::carry`] is the second row, a later act.
//!
//! # Security
//! Holds no keys: it opens and seals through `vault`. What parses hostile bytes (`media`,
//! `sandbox`) is called from here with content, never with keys. The real address of a
//! recipient is opened in `claim` when a handover is at hand, and closed again two minutes after
//! the conversation's last message (`people`).

mod admit;
mod alike;
mod birth;
mod bounce;
mod care;
mod claim;
mod cleared;
mod clocks;
mod disclosed;
mod document;
mod files;
mod judge;
mod listener;
mod notice;
mod outcome;
mod outside;
mod people;
mod picture;
mod postmaster;
mod record;
mod registered;
mod resolve;
mod rewrite;
mod scrub;
mod stage;
mod stamp;
mod strike;
mod study;
mod talk;
mod texts;
mod transport;
mod unknown;
mod upstream;
mod voice;
mod watch;
mod wording;

use std::{collections::HashMap, future::Future, sync::Arc};

use arc_swap::ArcSwap;
use dashmap::DashMap;
use tokio::sync::{Notify, Semaphore};

pub use cleared::Cleared;
pub use document::{Judged, judge, study};
pub use files::Opened;
pub use outside::Belongs;
pub use picture::{CleanPicture, clean_picture};
pub use registered::Welcome;
pub use resolve::{Challenge, Inbound, Route, Sender, Speaker};
pub use study::{Ask, Matter, Studied, Unfit};
pub use texts::{Phones, Rung, Text, Texter, Texting, Untexted};
pub use transport::{Handover, LastLook, Mail, Transport};
pub use upstream::{Errand, Passage};
pub use voice::{Spoken, Word};

pub use crate::policy::{
    numbers::{Pool, PoolNumber},
    templates::{Filled, WrongParam},
};

use crate::{
    detect::Detect,
    judges::Panels,
    media::attachment::AttachmentRules,
    model::{Accepted, Clock, Duration, Marketplace, Message, Outcome},
    policy::rules::RuleBook,
    sandbox::Sandbox,
    store::Store,
    vault::{MailKey, Vault},
};
use birth::Births;
use care::Looked;
use outcome::Stop;
use people::People;
use record::Written;
use talk::{Market, Run};
use unknown::Unknown;
use watch::Watched;

/// The relay: everything a message needs on its way.
pub struct Relay {
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
    sandbox: Arc<Sandbox>,
    transport: Arc<dyn Transport>,
    /// Without it nobody is texted.
    phones: Option<Phones>,
    rules: Arc<ArcSwap<Rules>>,
    /// Opened marketplace keys: few, and unchanged for the life of a marketplace.
    markets: DashMap<Marketplace, Arc<Market>>,
    /// Opened people of conversations that are lively now.
    people: People,
    /// Addresses where nobody lives.
    unknown: Unknown,
    /// Deliveries that are carried from where they were recorded.
    births: Births,
    /// Up to when buyers who wait were looked for.
    looked: Looked,
    /// Rung when something else may be carried.
    bell: Notify,
    /// Rung when something may be due in a case, or support wrote.
    case_bell: Notify,
    /// Rung when a letter may be due.
    letter_bell: Notify,
    /// Letters to the postmaster on their way at a time.
    postmaster: Semaphore,
    /// Where somebody wrote soon after a review.
    watched: Watched,
}

/// What can be replaced while the relay runs.
pub struct Rules {
    /// The rules of each marketplace.
    pub book: RuleBook,
    /// Which files a message may have, where a marketplace differs from [`Rules::files`].
    pub own_files: HashMap<Marketplace, AttachmentRules>,
    /// Which files a message may have.
    pub files: AttachmentRules,
    /// The compiled detectors.
    pub detect: Arc<Detect>,
    /// Who is asked about content.
    pub panels: Panels,
    /// What signs outgoing mail: each of them every message.
    pub mail_keys: Vec<Arc<MailKey>>,
    /// Waits between the first tries of a delivery; then one every four hours until `give_up`.
    pub retry: Vec<Duration>,
    /// When a delivery is given up, counted from acceptance.
    pub give_up: Duration,
}

impl Rules {
    /// Which files a message of a marketplace may have.
    fn files_of(&self, marketplace: &Marketplace) -> &AttachmentRules {
        self.own_files.get(marketplace).unwrap_or(&self.files)
    }
}

impl Relay {
    /// Joins the rooms.
    pub fn new(
        store: Arc<dyn Store>,
        vault: Arc<Vault>,
        clock: Arc<dyn Clock>,
        sandbox: Arc<Sandbox>,
        transport: Arc<dyn Transport>,
        rules: Arc<ArcSwap<Rules>>,
    ) -> Self {
        Self {
            store,
            vault,
            clock,
            sandbox,
            transport,
            phones: None,
            rules,
            markets: DashMap::new(),
            people: People::new(),
            unknown: Unknown::new(),
            births: Births::new(),
            looked: Looked::new(),
            bell: Notify::new(),
            case_bell: Notify::new(),
            letter_bell: Notify::new(),
            postmaster: Semaphore::new(2),
            watched: Watched::default(),
        }
    }

    /// Takes a message from one side to where the other side gets it: the whole way, in order.
    /// `Accepted` is said only when the message would survive a power cut.
    pub async fn pass(&self, inbound: Inbound) -> Outcome {
        self.way(inbound).await.map_or_else(Outcome::from, Outcome::Accepted)
    }

    async fn way(&self, inbound: Inbound) -> Result<Accepted, Stop> {
        let resolved = self.resolve(inbound, Run::Real).await?;
        let admitted = self.admit(resolved).await?;
        let mut window = admitted.stage().talk.window.clone();
        loop {
            let scrubbed = self.scrub(&admitted, window).await?;
            let judged = self.judge(&admitted, scrubbed).await?;
            let rewritten = self.rewrite(judged).await?;
            match self.record(rewritten).await? {
                Written::Done(accepted) => return Ok(accepted),
                // The detection window moved since the scrub: what came beside this message
                // may complete a number with it.
                Written::Stale => window = self.window(&admitted.stage().talk).await?,
            }
        }
    }

    /// What [`Relay::pass`] would answer now. Stores nothing and sends nothing.
    pub async fn try_out(&self, inbound: Inbound) -> Outcome {
        self.dry_way(inbound).await.map_or_else(Outcome::from, Outcome::Accepted)
    }

    async fn dry_way(&self, inbound: Inbound) -> Result<Accepted, Stop> {
        let resolved = self.resolve(inbound, Run::Dry).await?;
        let admitted = Message::at(stage::Admitted::dry(resolved.stage()), resolved.into_parts().0);
        let scrubbed = self.scrub(&admitted, admitted.stage().talk.window.clone()).await?;
        self.foresee(scrubbed)
    }

    /// Carries what was accepted to where it goes, until `stop`: deliveries in hand are
    /// finished, the others keep their place in the outbox.
    pub async fn carry(self: Arc<Self>, stop: impl Future<Output = ()>) {
        claim::carry(self, stop).await;
    }

    /// Says that something may be due in a case, or that support wrote: whoever tends looks at once.
    pub fn wake_cases(&self) {
        self.case_bell.notify_one();
        self.letter_bell.notify_one();
    }

    /// Looks after what time alone brings: held messages that nobody decided, keys rotated
    /// beside us, what has expired. Ends with `stop`.
    pub async fn care(self: Arc<Self>, stop: impl Future<Output = ()>) {
        care::care(self, stop).await;
    }
}
