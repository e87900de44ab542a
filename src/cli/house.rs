//! The parts of the house that a command beside the relay opens: settings, store, vault.

use std::{path::Path, sync::Arc};

use tokio::runtime::Runtime;

use super::Failure;
use crate::{
    app::{self, Compiled, Settings},
    desk::Desk,
    model::{Clock, Fault, Marketplace, Scope, SystemClock, SystemLuck},
    store::{Store, sqlite::Sqlite},
    vault::Vault,
};

/// Store and vault, open beside a relay that may be running.
pub(super) struct House {
    pub(super) store: Arc<dyn Store>,
    pub(super) vault: Arc<Vault>,
    pub(super) desk: Desk,
    pub(super) runtime: Runtime,
}

impl House {
    pub(super) fn open(config: Option<&Path>) -> Result<Self, Failure> {
        let (settings, compiled) = read(config)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let vault = Vault::open(&settings.vault.keys, clock.now(), Arc::new(SystemLuck::new()))
            .map_err(|e| Fault::new("opening the key file", e))?;
        let vault = Arc::new(vault);
        let path = settings.store_path().unwrap_or(Path::new("data/tabir.db"));
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(path)?);
        let rules = app::rules_beside(&settings, &compiled).map_err(Failure::Settings)?;
        let desk = app::desk(&store, &vault, &clock, &rules);
        Ok(Self { store, vault, desk, runtime: runtime()? })
    }

    /// The marketplace that a command is about: named, or the only one.
    pub(super) fn scope(&self, named: Option<&Marketplace>) -> Result<Scope, Failure> {
        let rows = self.runtime.block_on(self.store.marketplaces())?;
        let mut fitting = rows.into_iter().filter(|row| named.is_none_or(|name| row.name == *name));
        match (fitting.next(), fitting.next()) {
            (Some(row), None) => Ok(Scope::proven(row.name)),
            (None, _) => Err(Failure::Usage("no such marketplace".to_owned())),
            (Some(_), Some(_)) => {
                Err(Failure::Usage("there are several marketplaces: name one with --marketplace".to_owned()))
            }
        }
    }
}

pub(super) fn read(config: Option<&Path>) -> Result<(Settings, Compiled), Failure> {
    Settings::read(config).map_err(Failure::Settings)
}

pub(super) fn runtime() -> Result<Runtime, Failure> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("tabir").build();
    built.map_err(|e| Failure::Fault(Fault::new("starting threads", e)))
}
