//! The keys that sign outgoing mail, as `[mail.dkim]` names them: read at the start and at SIGHUP.

use std::{path::PathBuf, sync::Arc};

use super::Settings;
use crate::{
    settings::Wrong,
    vault::{MailKey, MailKeyFault},
};

/// Every key that signs, in the order of the settings.
///
/// # Errors
/// Every key that can not be used, with its file.
pub fn mail_keys(settings: &Settings) -> Result<Vec<Arc<MailKey>>, Vec<Wrong>> {
    let dkim = &settings.mail.dkim;
    let (mut keys, mut wrong) = (Vec::new(), Vec::new());
    for (n, selector) in dkim.selectors.iter().enumerate() {
        if dkim.selectors[..n].contains(selector) {
            let why = format!("mail.dkim.selectors: `{selector}` is named twice");
            wrong.push(Wrong { file: dkim.keys.clone(), line: None, why });
            continue;
        }
        match MailKey::read(&dkim.keys, selector) {
            Ok(key) => keys.push(Arc::new(key)),
            Err(fault) => wrong.push(told(&dkim.keys.join(selector), &fault)),
        }
    }
    if wrong.is_empty() { Ok(keys) } else { Err(wrong) }
}

fn told(named: &std::path::Path, fault: &MailKeyFault) -> Wrong {
    let (file, why) = match fault {
        MailKeyFault::Unreadable { path, source } => {
            (path.clone(), format!("mail.dkim.selectors: {source}; `tabir mail key` makes a key"))
        }
        MailKeyFault::Permissions { path, mode } => {
            (path.clone(), format!("others can read it (mode {mode:o}); it must have mode 600"))
        }
        MailKeyFault::Malformed { path } => {
            (path.clone(), "not a private key in PEM: Ed25519, or RSA of 2048 to 4096 bits".to_owned())
        }
        other => (PathBuf::from(named), format!("mail.dkim.selectors: {other}")),
    };
    Wrong { file, line: None, why }
}
