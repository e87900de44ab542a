//! Writes down where all chains stand, in time, and puts it where the settings say: only what is out of the operator's
//! hands binds the operator. And writes down who read what since the last round.

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path, sync::Arc, time::Duration as StdDuration};

use super::root::AnchorSettings;
use crate::{desk::Desk, model::Fault, model::Scope, net::Draining};

/// How often it is looked whether one is due.
const ROUND: StdDuration = StdDuration::from_secs(1);
/// Rounds between two countings of who read what.
const COUNT: u32 = 30;

pub(super) async fn keep(desk: Arc<Desk>, settings: AnchorSettings, mut draining: Draining) {
    let mut round = 0u32;
    loop {
        let stop = tokio::select! {
            () = draining.begun() => true,
            () = tokio::time::sleep(ROUND) => false,
        };
        round = round.wrapping_add(1);
        if stop || round.is_multiple_of(COUNT) {
            tell(desk.count_glances().await, "counting who read what");
        }
        if stop {
            return;
        }
        tell(anchor_all(&desk, &settings).await, "anchoring the chains of evidence");
    }
}

fn tell(done: Result<(), Fault>, doing: &'static str) {
    if let Err(fault) = done {
        tracing::error!(fault = %fault.chain(), doing);
    }
}

async fn anchor_all(desk: &Desk, settings: &AnchorSettings) -> Result<(), Fault> {
    for (name, _) in desk.marketplaces().await? {
        let scope = Scope::proven(name);
        let last = desk.anchored_at(&scope).await?;
        if last.is_some_and(|last| desk.now().since(last) < settings.every) {
            continue;
        }
        let made = desk.anchor(&scope).await;
        let Ok((number, anchor)) = made else { return Err(Fault::plain("anchoring")) };
        if let Some(folder) = &settings.to {
            let name = format!("{}-{number:08}.anchor", scope.marketplace().as_str());
            put(folder, &name, &anchor.file()).map_err(|e| Fault::new("writing an anchor", e))?;
        }
    }
    Ok(())
}

/// Whole or not at all: somebody else may be copying the folder.
fn put(folder: &Path, name: &str, text: &str) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let beside = folder.join(format!(".{name}"));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, folder.join(name))
}
