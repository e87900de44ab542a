//! SIGHUP: what is read again while the relay runs, and what waits for the next start.

use std::sync::Arc;

use super::{Running, Settings, lexicons::detectors_again, mail_keys, required, rules};
use crate::judges::Panels;

/// A setting that is read at the start alone.
pub struct AtStart {
    /// Its key.
    pub key: &'static str,
    same: fn(&Settings, &Settings) -> bool,
}

/// What holds ports, files, keys, connections or processes: a change of it waits for the next
/// start. Everything else is read again at SIGHUP.
pub const AT_START: [AtStart; 50] = [
    AtStart { key: "listen.https", same: |a, b| a.listen.https == b.listen.https },
    AtStart { key: "listen.smtp", same: |a, b| a.listen.smtp == b.listen.smtp },
    AtStart { key: "listen.smtps", same: |a, b| a.listen.smtps == b.listen.smtps },
    AtStart { key: "listen.lmtp", same: |a, b| a.listen.lmtp == b.listen.lmtp },
    AtStart { key: "listen.milter", same: |a, b| a.listen.milter == b.listen.milter },
    AtStart { key: "listen.admin", same: |a, b| a.listen.admin == b.listen.admin },
    AtStart { key: "listen.proxy_https", same: |a, b| a.listen.proxy_https == b.listen.proxy_https },
    AtStart { key: "listen.sms_https", same: |a, b| a.listen.sms_https == b.listen.sms_https },
    AtStart { key: "listen.proxy", same: |a, b| a.listen.proxy == b.listen.proxy },
    AtStart { key: "listen.limits", same: |a, b| a.listen.limits == b.listen.limits },
    AtStart { key: "store.url", same: |a, b| a.store.url == b.store.url },
    AtStart { key: "vault.keys", same: |a, b| a.vault.keys == b.vault.keys },
    AtStart { key: "tls.cert", same: |a, b| a.tls.cert == b.tls.cert },
    AtStart { key: "tls.key", same: |a, b| a.tls.key == b.tls.key },
    AtStart { key: "proxy.max_body", same: |a, b| a.proxy.max_body == b.proxy.max_body },
    AtStart { key: "proxy.max_judged", same: |a, b| a.proxy.max_judged == b.proxy.max_judged },
    AtStart { key: "proxy.max_upload", same: |a, b| a.proxy.max_upload == b.proxy.max_upload },
    AtStart { key: "proxy.issuers", same: |a, b| a.proxy.issuers == b.proxy.issuers },
    AtStart { key: "proxy.upstreams", same: |a, b| a.proxy.upstreams == b.proxy.upstreams },
    AtStart { key: "proxy.routes", same: |a, b| a.proxy.routes == b.proxy.routes },
    AtStart { key: "mail.hostname", same: |a, b| a.mail.hostname == b.mail.hostname },
    AtStart { key: "mail.out.route", same: |a, b| a.mail.out.route == b.mail.out.route },
    AtStart { key: "mail.out.tls", same: |a, b| a.mail.out.tls == b.mail.out.tls },
    AtStart { key: "mail.out.ca", same: |a, b| a.mail.out.ca == b.mail.out.ca },
    AtStart { key: "mail.out.connections", same: |a, b| a.mail.out.connections == b.mail.out.connections },
    AtStart { key: "mail.out.rate", same: |a, b| a.mail.out.rate == b.mail.out.rate },
    AtStart { key: "mail.out.mta_sts", same: |a, b| a.mail.out.mta_sts == b.mail.out.mta_sts },
    AtStart { key: "mail.out.dane", same: |a, b| a.mail.out.dane == b.mail.out.dane },
    AtStart { key: "mail.auth.dns", same: |a, b| a.mail.auth.dns == b.mail.auth.dns },
    AtStart { key: "evidence.anchors", same: |a, b| a.evidence.anchors == b.evidence.anchors },
    AtStart { key: "sms.numbers", same: |a, b| a.sms.numbers == b.sms.numbers },
    AtStart { key: "sms.base", same: |a, b| a.sms.base == b.sms.base },
    AtStart { key: "sms.account", same: |a, b| a.sms.account == b.sms.account },
    AtStart { key: "sms.token", same: |a, b| a.sms.token == b.sms.token },
    AtStart { key: "sms.public", same: |a, b| a.sms.public == b.sms.public },
    AtStart { key: "sms.segments", same: |a, b| a.sms.segments == b.sms.segments },
    AtStart { key: "sms.sticky", same: |a, b| a.sms.sticky == b.sms.sticky },
    AtStart { key: "sms.release", same: |a, b| a.sms.release == b.sms.release },
    AtStart { key: "sms.calls", same: |a, b| a.sms.calls == b.sms.calls },
    AtStart { key: "sms.call_limit", same: |a, b| a.sms.call_limit == b.sms.call_limit },
    AtStart { key: "sms.ca", same: |a, b| a.sms.ca == b.sms.ca },
    AtStart { key: "sms.deadline", same: |a, b| a.sms.deadline == b.sms.deadline },
    AtStart { key: "webhooks.allow", same: |a, b| a.webhooks.allow == b.webhooks.allow },
    AtStart { key: "webhooks.ports", same: |a, b| a.webhooks.ports == b.webhooks.ports },
    AtStart { key: "webhooks.ca", same: |a, b| a.webhooks.ca == b.webhooks.ca },
    AtStart { key: "webhooks.deadline", same: |a, b| a.webhooks.deadline == b.webhooks.deadline },
    AtStart { key: "webhooks.retry", same: |a, b| a.webhooks.retry == b.webhooks.retry },
    AtStart { key: "sandbox.workers", same: |a, b| a.sandbox.workers == b.sandbox.workers },
    AtStart { key: "sandbox.deadline", same: |a, b| a.sandbox.deadline == b.sandbox.deadline },
    AtStart { key: "sandbox.models", same: |a, b| a.sandbox.models == b.sandbox.models },
];

impl Running {
    /// Reads settings, rules and certificates again. What is wrong changes nothing; what can not
    /// change now is named.
    pub(super) fn reload(&self) {
        let now = self.rules.load_full();
        let read = Settings::read(self.config.as_deref()).and_then(|(settings, compiled)| {
            let detect = detectors_again(&settings, &now.detect)?;
            mail_keys(&settings).map(|keys| (settings, compiled, detect, keys))
        });
        match read {
            Ok((settings, compiled, detect, keys)) => {
                let panels = match Panels::seat(&now.panels, &compiled.seats, &compiled.own_seats, &self.dns) {
                    Ok(panels) => panels,
                    Err(fault) => {
                        tracing::error!(fault = %fault.chain(), "judges not seated again: those before them stay");
                        now.panels.clone()
                    }
                };
                self.rules.store(Arc::new(rules(&settings, &compiled, detect, panels, keys)));
                self.api.reload(&settings.api);
                self.smtp.reload(&settings.mail, required(&settings, &compiled));
                tracing::info!("settings reloaded");
                for key in waiting(&self.settings, &settings) {
                    tracing::warn!(key, "this setting has changed and waits for the next start");
                }
            }
            Err(wrong) => wrong.iter().for_each(|fault| tracing::error!(%fault, "settings not reloaded")),
        }
        if let Err(fault) = self.tls.reload() {
            tracing::error!(%fault, "certificate not reloaded");
        }
    }
}

/// The keys of what differs and is read at the start alone.
fn waiting(started: &Settings, now: &Settings) -> Vec<&'static str> {
    AT_START.iter().filter(|setting| !(setting.same)(started, now)).map(|setting| setting.key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_the_next_start_is_named_and_nothing_else() {
        let started = Settings::default();
        let read = |text: &str| toml::from_str::<Settings>(text).unwrap();
        for (text, keys) in [
            ("", [].as_slice()),
            ("[listen]\nsmtp = \"127.0.0.1:1\"\n[listen.limits]\nconnections = 5", &["listen.smtp", "listen.limits"]),
            ("[mail]\nmax_size = \"1MB\"\n[mail.limits]\nerrors = 3\n[api]\nrate = 5", &[]),
            (
                "[mail]\nhostname = \"mx.example\"\n[mail.out]\nroute = \"mx\"\nretry = [\"1s\"]",
                &["mail.hostname", "mail.out.route"],
            ),
            ("[sandbox]\nworkers = 3\n[vault]\nkeys = \"elsewhere\"", &["vault.keys", "sandbox.workers"]),
        ] {
            assert_eq!(waiting(&started, &read(text)), keys, "{text}");
        }
    }

    #[test]
    fn every_key_that_waits_is_a_key() {
        // An unknown key is refused, and so is a value of the wrong type: which of the two is told.
        for AtStart { key, .. } in &AT_START {
            let (section, last) = key.rsplit_once('.').unwrap();
            let error = toml::from_str::<Settings>(&format!("[{section}]\n{last} = [[]]")).unwrap_err().to_string();
            assert!(!error.contains("unknown field"), "{key}: {error}");
        }
        assert!(toml::from_str::<Settings>("[tls]\nkeys = [[]]").unwrap_err().to_string().contains("unknown field"));
    }
}
