//! Writes down where all chains stand, in time, and puts it where the settings say: only what is out of the operator's
//! hands binds the operator. And writes down who read what since the last round.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration as StdDuration,
};

use super::root::AnchorSettings;
use crate::{
    desk::Desk,
    evidence::Anchor,
    model::{Duration, Fault, Marketplace, Scope},
    net::Draining,
};

/// How often it is looked whether one is due.
const ROUND: StdDuration = StdDuration::from_secs(1);
/// Rounds between two countings of who read what, and after a folder that could not be written.
const COUNT: u32 = 30;

pub(super) async fn keep(desk: Arc<Desk>, settings: AnchorSettings, mut draining: Draining) {
    let mut round = 0u32;
    let folder = settings.to.map(Folder);
    let mut wait = 0u32;
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
        tell(anchor_all(&desk, settings.every).await, "anchoring the chains of evidence");
        wait = wait.saturating_sub(1);
        if let Some(folder) = folder.as_ref().filter(|_| wait == 0) {
            let filled = folder.fill(&desk).await;
            wait = if filled.is_err() { COUNT } else { 0 };
            tell(filled, "putting anchors where they are to lie");
        }
    }
}

fn tell(done: Result<(), Fault>, doing: &'static str) {
    if let Err(fault) = done {
        tracing::error!(fault = %fault.chain(), doing);
    }
}

async fn anchor_all(desk: &Desk, every: Duration) -> Result<(), Fault> {
    let mut failed = None;
    for (name, _) in desk.marketplaces().await? {
        let scope = Scope::proven(name);
        let last = desk.anchored_at(&scope).await?;
        if last.is_none_or(|last| desk.now().since(last) >= every) && desk.anchor(&scope).await.is_err() {
            failed = Some(Fault::plain("anchoring"));
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Where anchors are put for somebody else to take away. Up to which one they were put stands beside them, so that what
/// could not be written is written later, and what was taken away does not come back.
struct Folder(PathBuf);

impl Folder {
    /// Puts there what is missing, oldest first, in every marketplace.
    async fn fill(&self, desk: &Desk) -> Result<(), Fault> {
        let mut failed = None;
        for (name, _) in desk.marketplaces().await? {
            let filled = self.fill_with(desk, &Scope::proven(name)).await;
            failed = failed.or(filled.err());
        }
        failed.map_or(Ok(()), Err)
    }

    async fn fill_with(&self, desk: &Desk, scope: &Scope) -> Result<(), Fault> {
        let unreadable = |_| Fault::plain("reading anchors");
        let Some(newest) = desk.anchors(scope, 1).await.map_err(unreadable)?.pop() else { return Ok(()) };
        let put = self.put_up_to(scope.marketplace());
        if put > newest.number {
            return Err(Fault::new("putting anchors where they are to lie", Older(newest.number, put)));
        }
        let missing = usize::try_from(newest.number.saturating_sub(put)).unwrap_or(usize::MAX);
        if missing == 0 {
            return Ok(());
        }
        let mut rows = desk.anchors(scope, missing).await.map_err(unreadable)?;
        rows.sort_by_key(|row| row.number);
        for row in rows {
            let anchor: Anchor = serde_json::from_str(&row.anchor).map_err(|e| Fault::new("reading an anchor", e))?;
            let (folder, name) = (self.0.clone(), scope.marketplace().clone());
            // It waits for the disk.
            let put = tokio::task::spawn_blocking(move || {
                put_whole(&folder, &format!("{}-{:08}.anchor", name.as_str(), row.number), &anchor.file())?;
                put_whole(&folder, &mark(&name), &format!("{}\n", row.number))
            });
            put.await.map_err(io::Error::other).flatten().map_err(|e| Fault::new("writing an anchor", e))?;
        }
        Ok(())
    }

    /// The number of the newest one that was put there.
    fn put_up_to(&self, name: &Marketplace) -> u64 {
        let text = fs::read_to_string(self.0.join(mark(name))).ok();
        text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }
}

/// The store was put back to an older copy. What it would put out now has the numbers of other anchors, and whoever
/// holds those would take it for forged: a person has to move them away, and the mark with them.
#[derive(Debug, thiserror::Error)]
#[error("the store's newest anchor is {0}, and {1} lies there already: was the store put back to an older copy?")]
struct Older(u64, u64);

fn mark(name: &Marketplace) -> String {
    format!(".{}.newest", name.as_str())
}

/// Whole or not at all: somebody else may be copying the folder.
fn put_whole(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let beside = folder.join(format!(".{name}.part"));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, folder.join(name))?;
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        detect::Detect,
        model::{SystemClock, SystemLuck, Timestamp},
        policy::rules::MarketRules,
        store::sqlite::Sqlite,
        vault::Vault,
    };

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = entries.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn an_anchor_that_could_not_be_written_is_written_later_and_one_that_was_taken_away_stays_away() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&folder.path().join("tabir.db")).unwrap();
        let vault = Vault::open(&folder.path().join("keys"), Timestamp(0), Arc::new(SystemLuck::new())).unwrap();
        let detect: crate::desk::DetectNow = Arc::new(|| Arc::new(Detect::embedded().unwrap()));
        let rules = Arc::new(|_: &Marketplace| Arc::new(MarketRules::default()));
        let desk = Desk::new(Arc::new(store), Arc::new(vault), Arc::new(SystemClock), rules, detect);
        desk.add_marketplace(&"demo".parse().unwrap(), "relay.test").await.unwrap().unwrap();
        let away = Folder(folder.path().join("away"));
        fs::write(&away.0, "not a folder").unwrap();
        for _ in 0..2 {
            anchor_all(&desk, Duration(0)).await.unwrap();
            assert!(away.fill(&desk).await.is_err());
        }
        fs::remove_file(&away.0).unwrap();
        away.fill(&desk).await.unwrap();
        assert_eq!(names(&away.0), ["demo-00000001.anchor", "demo-00000002.anchor"]);
        fs::remove_file(away.0.join("demo-00000001.anchor")).unwrap();
        anchor_all(&desk, Duration(0)).await.unwrap();
        away.fill(&desk).await.unwrap();
        assert_eq!(names(&away.0), ["demo-00000002.anchor", "demo-00000003.anchor"]);
        fs::write(away.0.join(mark(&"demo".parse().unwrap())), "9\n").unwrap();
        let told = away.fill(&desk).await.unwrap_err().chain();
        assert!(told.contains("newest anchor is 3, and 9 lies there already"), "{told}");
    }
}
