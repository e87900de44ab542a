//! Judges of content who are not ours: a virus scanner, a classifier of pictures, lists of files
//! that are known.
//!
//! Each marketplace has a [`Panel`]. A [`List`] is looked up first and in this process; a judge is
//! a program of the operator's, an endpoint or ClamAV's daemon, asked with a deadline, many at a time. Whoever
//! gives no answer is a failure, and what follows from that stands in the settings. [`wire`] is
//! what is said to a judge and what it may say back.
//!
//! # Security
//! Imports `model` and `net`. A judge is shown cleaned content and nothing of whom it is from: no
//! party, no handle, no conversation, a number drawn for this one question. A program has an
//! empty environment and its two pipes; an endpoint is asked over TLS at an address that is
//! looked up, checked and then connected to, never where an answer points. What a judge says is
//! read strictly and within limits. Nothing of a message is logged or counted.

mod alike;
mod clamd;
mod endpoint;
mod judge;
pub mod list;
mod program;
mod settings;
mod wire;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use futures_util::future::join_all;
use ring::digest;
use serde::Deserialize;

use crate::{
    model::{Attachment, Content, Fault, Luck, Marketplace, Part, Signal, SignalKind, Verdict},
    net::Dns,
};
pub use clamd::Socket;
use judge::Judge;
use list::List;
pub use settings::{HashKind, JudgeSettings, ListSettings, OnFailure, Sees, is_name};

/// What a judge or a list says of a message; the graver is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ruling {
    /// Nothing against it.
    Pass,
    /// A person must look.
    Hold,
    /// It is not taken.
    Refuse,
    /// Abuse of minors: it is shown to nobody, sealed, and comes before everything that waits.
    Escalate,
}

impl Ruling {
    /// The word on the wire, in settings and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Hold => "hold",
            Self::Refuse => "refuse",
            Self::Escalate => "escalate",
        }
    }

    /// What it makes of a message; `None`: the message is to be escalated.
    pub fn verdict(self) -> Option<Verdict> {
        match self {
            Self::Pass => Some(Verdict::Deliver),
            Self::Hold => Some(Verdict::Hold),
            Self::Refuse => Some(Verdict::Refuse),
            Self::Escalate => None,
        }
    }
}

/// Something against a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// What follows.
    pub ruling: Ruling,
    /// What it is for evidence and the marketplace: its rule is `judge.NAME` or `list.NAME`, with
    /// the judge's own word after a colon.
    pub signal: Signal,
}

impl Hit {
    fn new(ruling: Ruling, part: Part, kind: Option<SignalKind>, rule: String) -> Self {
        Self { ruling, signal: Signal::of_part(part, kind.unwrap_or(SignalKind::Illegal), rule) }
    }

    /// The gravest of several.
    pub fn gravest(hits: &[Self]) -> Ruling {
        hits.iter().map(|hit| hit.ruling).max().unwrap_or(Ruling::Pass)
    }
}

/// A message to be judged.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// As the other side would get it.
    pub cleaned: &'a Content,
    /// Its files as they came.
    pub came: &'a [Attachment],
}

/// A file to be looked up.
pub struct Known<'a> {
    /// Which of the message.
    pub part: Part,
    /// As it came.
    pub bytes: &'a [u8],
    /// What it looks like, turned and mirrored; empty where it is no picture.
    pub looks: &'a [u64],
}

/// The judges and lists of a marketplace.
#[derive(Clone, Default)]
pub struct Panel {
    judges: Vec<Arc<Judge>>,
    lists: Vec<(String, Arc<List>)>,
}

impl Panel {
    /// What lists say of a message's files. Costs the same however long they are.
    pub fn look_up(&self, files: &[Known<'_>]) -> Vec<Hit> {
        let mut hits = Vec::new();
        for file in files {
            let exact = self.lists.iter().any(|(_, list)| list.is_exact());
            let digest = exact.then(|| digest::digest(&digest::SHA256, file.bytes));
            for (name, list) in &self.lists {
                let rule = format!("list.{name}");
                let met = list.holds(digest.as_ref().map(AsRef::as_ref), file.looks);
                judge::count(&rule, if met { list.verdict().as_str() } else { Ruling::Pass.as_str() });
                hits.extend(met.then(|| Hit::new(list.verdict(), file.part, None, rule)));
            }
        }
        hits
    }

    /// Asks every judge at the same time. What they have against the message, and what follows
    /// from those who gave no answer.
    ///
    /// # Errors
    /// When there is no randomness, or the settings say to try later when a judge gives no answer.
    pub async fn hear(&self, case: Case<'_>, luck: &dyn Luck) -> Result<Vec<Hit>, Fault> {
        let asked = self.judges.iter().map(|judge| judge.hear(case, luck));
        Ok(join_all(asked).await.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }
}

/// What one marketplace's panel is made from.
#[derive(Clone, Debug, Default)]
pub struct Seats {
    /// By name.
    pub judges: BTreeMap<String, JudgeSettings>,
    /// By name, read.
    pub lists: BTreeMap<String, Arc<List>>,
}

/// The panels of all marketplaces.
#[derive(Clone, Default)]
pub struct Panels {
    usual: Panel,
    own: HashMap<Marketplace, Panel>,
}

impl Panels {
    /// Seats the judges. One that sat among `before` with the same settings goes on, with its
    /// processes and connections; so does one that several marketplaces share.
    ///
    /// # Errors
    /// When a file of certificates or a token can not be read.
    pub fn seat(before: &Self, usual: &Seats, own: &BTreeMap<Marketplace, Seats>, dns: &Dns) -> Result<Self, Fault> {
        let panels = std::iter::once(&before.usual).chain(before.own.values());
        let mut known: Vec<Arc<Judge>> = panels.flat_map(|panel| panel.judges.clone()).collect();
        let mut panel = |seats: &Seats| -> Result<Panel, Fault> {
            let mut judges = Vec::new();
            for (name, settings) in &seats.judges {
                let judge = match known.iter().find(|judge| judge.is(name, settings)) {
                    Some(judge) => Arc::clone(judge),
                    None => Arc::new(Judge::new(name, settings, dns)?),
                };
                known.push(Arc::clone(&judge));
                judges.push(judge);
            }
            Ok(Panel {
                judges,
                lists: seats.lists.iter().map(|(name, list)| (name.clone(), Arc::clone(list))).collect(),
            })
        };
        let usual = panel(usual)?;
        let own = own.iter().map(|(name, seats)| Ok((name.clone(), panel(seats)?)));
        Ok(Self { usual, own: own.collect::<Result<_, Fault>>()? })
    }

    /// Of one marketplace.
    pub fn of(&self, marketplace: &Marketplace) -> &Panel {
        self.own.get(marketplace).unwrap_or(&self.usual)
    }
}
