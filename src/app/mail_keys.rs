//! The keys that sign outgoing mail, as `[mail.dkim]` names them: read at the start and at SIGHUP.

use std::sync::Arc;

use super::Settings;
use crate::{settings::Wrong, vault::MailKey};

/// Every key that signs, in the order of the settings.
///
/// # Errors
/// Every key that can not be used, with its file.
pub fn mail_keys(settings: &Settings) -> Result<Vec<Arc<MailKey>>, Vec<Wrong>> {
    let dkim = &settings.mail.dkim;
    let (mut keys, mut wrong) = (Vec::new(), Vec::new());
    for (n, selector) in dkim.selectors.iter().enumerate() {
        let mut refuse = |why: String| {
            let file = dkim.keys.join(format!("{selector}.pem"));
            wrong.push(Wrong { file, line: None, why: format!("mail.dkim.selectors: {why}") });
        };
        match MailKey::read(&dkim.keys, selector) {
            Ok(_) if dkim.selectors[..n].contains(selector) => refuse("it is named twice".to_owned()),
            Ok(key) => keys.push(Arc::new(key)),
            Err(fault) => refuse(fault.to_string()),
        }
    }
    if wrong.is_empty() { Ok(keys) } else { Err(wrong) }
}
