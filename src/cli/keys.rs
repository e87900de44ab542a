//! `tabir keys list`, `keys rotate`, `keys reseal`.

use std::{path::Path, thread};

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Failure, house::House, say};
use crate::{
    model::{Clock, Duration, Fault, SystemClock},
    store::UNTOLD_KEY,
};

/// The key ring.
#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Lists the keys and how much each still serves.
    List,
    /// Makes a new key the active one; the relay sees it within a second.
    Rotate,
    /// Wraps every data key and indexes every contact anew under the active key. May be
    /// stopped and started again.
    Reseal,
}

impl Keys {
    pub(super) fn run(&self, config: Option<&Path>) -> Result<(), Failure> {
        let house = House::open(config)?;
        match self {
            Self::List => list(&house),
            Self::Rotate => {
                let id = house.vault.rotate(SystemClock.now()).map_err(|e| Fault::new("rotating the key ring", e))?;
                say::out(&format!("key {id} is active; `tabir keys reseal` moves what older keys serve"))
            }
            Self::Reseal => reseal(&house),
        }
    }
}

fn list(house: &House) -> Result<(), Failure> {
    let used = house.runtime.block_on(house.store.key_use())?;
    let ring = house.vault.ring();
    if let Some((_, unknown)) = used.iter().find(|(id, _)| *id == UNTOLD_KEY) {
        say::out(&format!("?\tserves {unknown} numbers that do not tell their key: `tabir keys reseal` tells it"))?;
    }
    for key in ring.keys() {
        let serves = used.iter().find(|(id, _)| *id == key.id).map_or(0, |(_, n)| *n);
        let state = if key.id == ring.active().id { "active" } else { "old" };
        say::out(&format!("{}\t{}\t{state}\tserves {serves}", key.id, key.created.rfc3339()))?;
    }
    Ok(())
}

fn reseal(house: &House) -> Result<(), Failure> {
    let age = SystemClock.now().0 - house.vault.ring().active().created.0;
    thread::sleep(Duration(READ.0 - age).min(READ).std());
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    let progress = |done: u64, total: u64| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let done = house.runtime.block_on(house.desk.reseal(&progress))?;
    bar.finish_and_clear();
    say::out(&format!(
        "{} data keys wrapped anew, {} parties, {} agents and {} numbers indexed anew, {} numbers given up",
        done.keys, done.parties, done.agents, done.numbers, done.given_up
    ))
}

/// By then every relay has read a new ring.
const READ: Duration = Duration::seconds(2);
