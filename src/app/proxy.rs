//! The routes of the reverse proxy, as `[proxy]` names them, with the keys that check callers' tokens: read at the start.

use std::{collections::HashMap, fs, path::PathBuf, sync::Arc};

use super::Settings;
use crate::{
    channel::proxy::{Issuer, IssuerSettings, Routes},
    settings::Wrong,
};

/// Every route, ready to use.
///
/// # Errors
/// Every file of keys that can not be used.
pub fn proxy_routes(settings: &Settings) -> Result<Routes, Vec<Wrong>> {
    let (mut issuers, mut wrong) = (HashMap::new(), Vec::new());
    for (name, issuer) in &settings.proxy.issuers {
        match read(issuer) {
            Ok(issuer) => drop(issuers.insert(name.clone(), Arc::new(issuer))),
            Err(why) => wrong.push(fault(&issuer.keys, format!("proxy.issuers.{name}.keys: {why}"))),
        }
    }
    let read = Routes::new(&settings.proxy, &issuers);
    match (read, wrong.is_empty()) {
        (Ok(routes), true) => Ok(routes),
        // What is wrong with the routes themselves was told when the settings were read.
        (Ok(_), false) => Err(wrong),
        (Err(more), _) => {
            wrong.extend(
                more.into_iter().map(|(path, why)| fault(&PathBuf::new(), format!("{}: {why}", path.join(".")))),
            );
            Err(wrong)
        }
    }
}

fn read(issuer: &IssuerSettings) -> Result<Issuer, String> {
    let set = fs::read(&issuer.keys).map_err(|error| error.to_string())?;
    Issuer::read(issuer, &set)
}

fn fault(file: &std::path::Path, why: String) -> Wrong {
    Wrong { file: file.to_owned(), line: None, why }
}
