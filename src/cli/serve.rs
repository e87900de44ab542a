//! `tabir serve`.

use std::{io::IsTerminal, path::Path};

use super::{Failure, house, say};
use crate::{
    app::{self, NotStarted, Running},
    telemetry,
};

pub(super) fn serve(config: Option<&Path>) -> Result<(), Failure> {
    telemetry::logs(std::io::stderr().is_terminal());
    house::runtime()?.block_on(async {
        let running = app::start(config).await?;
        greet(&running)?;
        Ok(running.serve().await?)
    })
}

/// Where the relay listens, and what a first start made.
pub(super) fn greet(running: &Running) -> Result<(), Failure> {
    let at = running.addresses;
    let proxy = at.proxy.map_or_else(String::new, |proxy| format!(" · proxy {proxy}"));
    let lmtp = at.lmtp.map_or_else(String::new, |lmtp| format!(" · lmtp {lmtp}"));
    let sms = at.sms.map_or_else(String::new, |sms| format!(" · sms {sms}"));
    let milter = at.milter.map_or_else(String::new, |milter| format!(" · milter {milter}"));
    say::err(&format!(
        "tabir serves: https {} · smtp {} (STARTTLS) · smtps {} · admin {}{lmtp}{milter}{proxy}{sms}",
        at.https, at.smtp, at.smtps, at.admin
    ));
    if let Some(ca) = &running.dev_ca {
        say::err(&format!("development CA: {}", ca.display()));
    }
    if let Some(token) = &running.first_token {
        say::err("marketplace demo was made; its API token, shown this once:");
        say::out(token.reveal())?;
    }
    Ok(())
}

impl From<NotStarted> for Failure {
    fn from(why: NotStarted) -> Self {
        match why {
            NotStarted::Settings(wrong) => Self::Settings(wrong),
            NotStarted::Fault(fault) => Self::Fault(fault),
        }
    }
}
