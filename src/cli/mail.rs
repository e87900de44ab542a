//! `tabir mail key`, `mail dns`, `mail explain`.

use std::{fs, path::Path};

use clap::{Args, Subcommand};

use super::{
    Failure, explain,
    house::{self, House},
    say,
};
use crate::{
    app::{self, Settings},
    channel::smtp::{Found, MailSettings, Record, records, sts_policy},
    model::{Fault, SystemLuck},
    net::Dns,
    vault::MailKey,
};

/// Mail.
#[derive(Debug, Subcommand)]
pub(super) enum Mail {
    /// Makes an Ed25519 key that can sign outgoing mail, and prints its DNS record.
    Key(Key),
    /// Prints the DNS records to publish, as a zone file, and what the DNS says of each now. Ends
    /// with 1 while one that is needed is missing or wrong.
    Dns,
    /// Tells what would become of a mail, and why. Sends nothing, stores nothing.
    Explain(explain::Explain),
}

/// A new key.
#[derive(Debug, Args)]
pub(super) struct Key {
    /// Its name in DNS, such as `e2026`: small letters, digits and hyphens.
    selector: String,
}

impl Mail {
    pub(super) fn run(&self, config: Option<&Path>) -> Result<(), Failure> {
        match self {
            Self::Key(key) => key.run(config),
            Self::Dns => dns(config),
            Self::Explain(explain) => explain.run(config),
        }
    }
}

impl Key {
    fn run(&self, config: Option<&Path>) -> Result<(), Failure> {
        let (settings, _) = house::read(config)?;
        let folder = &settings.mail.dkim.keys;
        let key = MailKey::make(folder, &self.selector, &SystemLuck::new())
            .map_err(|error| Failure::Usage(format!("{}/{}.pem: {error}", folder.display(), self.selector)))?;
        say::out(&format!("{}._domainkey IN TXT \"{}\"", key.selector(), key.record()))?;
        say::err(&format!(
            "made {}/{}.pem; publish its record under each domain (`tabir mail dns` prints all), then name it in \
             mail.dkim.selectors",
            folder.display(),
            self.selector
        ));
        Ok(())
    }
}

fn dns(config: Option<&Path>) -> Result<(), Failure> {
    let house = House::open(config)?;
    let (settings, _) = house::read(config)?;
    let rows = house.runtime.block_on(house.store.marketplaces())?;
    let (local, domains): (Vec<String>, Vec<String>) =
        rows.into_iter().map(|row| row.domain).partition(|domain| domain.ends_with(".localhost"));
    // Names that no DNS answers for (RFC 6761 §6.3).
    local.iter().try_for_each(|domain| say::out(&format!("; {domain}. never leaves this machine")))?;
    let resolver = Dns::new(&settings.mail.auth.dns).map_err(|e| Fault::new("reading the system's resolvers", e))?;
    tell_waiting(&settings, &domains)?;
    let published = house.runtime.block_on(print(&settings.mail, &domains, &keys(&settings)?, &resolver))?;
    if published { Ok(()) } else { Err(Failure::No) }
}

fn keys(settings: &Settings) -> Result<Vec<(String, String)>, Failure> {
    let keys = app::mail_keys(settings).map_err(Failure::Settings)?;
    Ok(keys.iter().map(|key| (key.selector().to_owned(), key.record())).collect())
}

/// The records of keys that lie in the folder and are not named yet: to be published first.
fn tell_waiting(settings: &Settings, domains: &[String]) -> Result<(), Failure> {
    let dkim = &settings.mail.dkim;
    let files = fs::read_dir(&dkim.keys).into_iter().flatten().flatten().map(|entry| entry.path());
    let names = files.filter_map(|path| {
        let is_key = path.extension().is_some_and(|extension| extension == "pem");
        path.file_stem().filter(|_| is_key)?.to_str().map(str::to_owned)
    });
    for name in names.filter(|name| !dkim.selectors.contains(name)) {
        let Ok(key) = MailKey::read(&dkim.keys, &name) else { continue };
        let keys = [(name, key.record())];
        let waiting = records(&settings.mail, domains, &keys).into_iter().filter(|record| record.is_of_key());
        waiting
            .into_iter()
            .try_for_each(|record| say::out(&format!("{record}  ; not named in mail.dkim.selectors yet")))?;
    }
    Ok(())
}

/// Prints the zone; whether all that is needed is there.
async fn print(
    mail: &MailSettings,
    domains: &[String],
    keys: &[(String, String)],
    resolver: &Dns,
) -> Result<bool, Failure> {
    let mut whole = true;
    for record in records(mail, domains, keys) {
        let found = record.look_up(resolver).await;
        whole &= !record.needed || is_there(&found);
        say::out(&line(&record, &found))?;
    }
    if keys.is_empty() {
        say::out("; no key signs outgoing mail: mail.dkim.selectors is empty, `tabir mail key` makes one")?;
    }
    let policy = sts_policy(&mail.hostname).replace("\r\n", "\n;   ");
    say::out(&format!(
        "; _mta-sts counts only with a web server at https://mta-sts.DOMAIN/.well-known/mta-sts.txt that says:\n;   {}",
        policy.trim_end_matches([';', ' ', '\n'])
    ))?;
    Ok(whole)
}

fn line(record: &Record, found: &Found) -> String {
    let needed = if record.needed || *found == Found::Published { "" } else { " (not needed, but safer)" };
    format!("{record}  ; {found}{needed}")
}

fn is_there(found: &Found) -> bool {
    matches!(found, Found::Published | Found::Other(_))
}
