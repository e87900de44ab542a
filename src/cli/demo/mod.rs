//! `tabir demo`: the relay, and a story played over its real sockets.

mod mail;
mod story;
mod web;

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Failure, house, say, serve};
use crate::{
    app::{self, Settings},
    channel::smtp::Proof,
    model::Fault,
    telemetry,
};

/// Plays a story: two orders, chat and mail in both directions, a one-star review, the
/// seller's attempts to get at the buyer, the evidence.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Plays on free ports and ends: 0 only if every step came out as told.
    #[arg(long)]
    once: bool,
}

impl Demo {
    pub(super) fn run(&self, config: Option<&Path>) -> Result<(), Failure> {
        telemetry::logs(true);
        let folder = Folder::make()?;
        let (mut settings, compiled) = house::read(config)?;
        if config.is_none() {
            settle_in(&mut settings, &folder.0);
        }
        // The people of the story have no DNS: being enrolled is proof enough among them.
        settings.mail.auth.require = Proof::None;
        settings.mail.out.route = None;
        if self.once {
            let listen = &mut settings.listen;
            for address in [&mut listen.https, &mut listen.smtp, &mut listen.smtps, &mut listen.admin] {
                address.set_port(0);
            }
        }
        house::runtime()?.block_on(self.play(settings, compiled))
    }

    async fn play(&self, settings: Settings, compiled: app::Compiled) -> Result<(), Failure> {
        let mailbox = settings.data_folder().join("mailbox");
        let mut running = app::start_with(settings, compiled, None).await?;
        serve::greet(&running)?;
        let as_told = story::play(&running, &mailbox).await?;
        if self.once {
            running.stop().await;
            return if as_told { Ok(()) } else { Err(Failure::No) };
        }
        say::out("")?;
        say::out("The relay keeps serving; Ctrl-C ends it. Its data goes with it.")?;
        Ok(running.serve().await?)
    }
}

/// A fresh folder for each telling.
fn settle_in(settings: &mut Settings, folder: &Path) {
    settings.store.url = format!("sqlite:{}", folder.join("data/tabir.db").display());
    settings.vault.keys = folder.join("data/keys");
    settings.tls.cert = folder.join("certs/dev/server.pem");
    settings.tls.key = folder.join("certs/dev/server.key");
}

/// A temporary folder that goes when the story is over.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("tabir-demo-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|e| Fault::new("making a folder for the demo", e))?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
