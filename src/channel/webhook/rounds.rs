//! Who is told when: again and again it is looked which webhooks are behind, and each is told what it missed, by a run of
//! its own.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    task::{Id, JoinSet},
    time::sleep,
};

use super::{WebhookSettings, post::Postman};
use crate::{
    desk::{
        Desk, EventRow,
        webhooks::{DueWebhook, Errand, Heard},
    },
    model::{Fault, Marketplace, WebhookId},
    net::{Dns, Draining, Line},
};

/// Tells marketplaces what happens.
pub struct Herald {
    desk: Arc<Desk>,
    postman: Postman,
}

/// Whose webhook.
type Name = (Marketplace, WebhookId);

/// Up to where a webhook, as it was written down last, has looked through the feed.
type Seen = (i64, u64);

/// What a run came to; `None`: it failed, and what it saw is forgotten.
type Ran = (Name, Option<Seen>);

impl Herald {
    /// # Errors
    /// When the settings' file of certificates can not be read.
    pub fn new(desk: Arc<Desk>, settings: WebhookSettings, dns: Dns) -> Result<Self, Fault> {
        Ok(Self { desk, postman: Postman::new(settings, dns)? })
    }

    /// Tells everybody who is behind, again and again, until the drain begins; then nothing new is begun, and a try in
    /// hand is given a moment.
    pub async fn serve(self: Arc<Self>, mut draining: Draining) {
        let mut rounds = Rounds::default();
        loop {
            tokio::select! {
                () = draining.begun() => break,
                Some(ran) = rounds.runs.join_next_with_id() => rounds.note(ran),
                () = sleep(ROUND) => {}
            }
            match self.desk.webhooks_due().await {
                Ok(due) => {
                    for webhook in due.webhooks {
                        rounds.begin(&self, webhook, due.newest, &draining);
                    }
                }
                Err(fault) => tracing::error!(fault = %fault.chain(), "looking for webhooks to be told"),
            }
        }
        while rounds.runs.join_next().await.is_some() {}
    }

    /// Tells one webhook what it missed.
    async fn run(&self, webhook: DueWebhook, seen: Option<u64>, draining: Draining) -> Ran {
        let name = (webhook.scope.marketplace().clone(), webhook.id.clone());
        let mut ear = draining.clone();
        let ending = async {
            ear.begun().await;
            sleep(LAST_MOMENT).await;
        };
        let told = tokio::select! {
            told = self.tell(&webhook, seen, &draining) => told,
            () = ending => return (name, None),
        };
        let seen = told.unwrap_or_else(|fault| {
            tracing::error!(fault = %fault.chain(), marketplace = %name.0.as_str(), webhook = %name.1, "telling a webhook");
            None
        });
        (name, seen)
    }

    async fn tell(&self, webhook: &DueWebhook, seen: Option<u64>, draining: &Draining) -> Result<Option<Seen>, Fault> {
        let Some(mut errand) = self.desk.errand(&webhook.scope, &webhook.id).await? else { return Ok(None) };
        // What was seen counts for the webhook as it was then: its patterns or its place may be others now.
        let same = errand.generation() == webhook.generation;
        let mut seen = seen.filter(|_| same).unwrap_or(0).max(errand.place());
        let (begun, mut line) = (Instant::now(), None);
        while begun.elapsed() < TURN && !draining.has_begun() {
            let (events, reached) = self.desk.ahead(&mut errand, seen).await?;
            if events.is_empty() && reached == seen {
                break;
            }
            if !self.tell_all(&mut errand, &events, &mut line, draining).await? {
                return Ok(None);
            }
            if draining.has_begun() {
                break;
            }
            seen = reached;
            errand.passed(seen);
        }
        let kept = self.desk.keep_errand(&mut errand).await?;
        Ok(kept.then_some((errand.generation(), seen)))
    }

    /// `false`: one was not taken, or the webhook was changed meanwhile.
    async fn tell_all(
        &self,
        errand: &mut Errand,
        events: &[EventRow],
        line: &mut Option<Line>,
        draining: &Draining,
    ) -> Result<bool, Fault> {
        let mut kept = Instant::now();
        for event in events {
            if draining.has_begun() {
                return Ok(true);
            }
            let heard = self.postman.tell(errand, event, line, self.desk.now()).await?;
            report(errand, event, heard);
            if !self.desk.heard(errand, event, heard, &self.postman.settings().retry).await? {
                return Ok(false);
            }
            if kept.elapsed() >= KEEP {
                kept = Instant::now();
                if !self.desk.keep_errand(errand).await? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

fn report(errand: &Errand, event: &EventRow, heard: Heard) {
    let outcome = if heard.is_taken() { "taken" } else { "not_taken" };
    metrics::counter!("tabir_webhook_tries_total", "outcome" => outcome).increment(1);
    let (marketplace, webhook) = errand.name();
    if heard.is_taken() {
        tracing::debug!(marketplace = marketplace.as_str(), %webhook, event = event.num, "a webhook took an event");
    } else {
        let answer = heard.word();
        tracing::warn!(marketplace = marketplace.as_str(), %webhook, event = event.num, answer, "a webhook did not take an event");
    }
}

/// What is under way.
#[derive(Default)]
struct Rounds {
    runs: JoinSet<Ran>,
    busy: HashMap<Id, Name>,
    seen: HashMap<Name, Seen>,
}

impl Rounds {
    /// Begins a run for a webhook, unless one is under way, there is nothing to tell that it has not seen, or too much is
    /// under way: then its turn comes in a later round.
    fn begin(&mut self, herald: &Arc<Herald>, webhook: DueWebhook, newest: u64, draining: &Draining) {
        let name = (webhook.scope.marketplace().clone(), webhook.id.clone());
        let seen =
            self.seen.get(&name).filter(|(generation, _)| *generation == webhook.generation).map(|(_, seen)| *seen);
        let idle = !webhook.again && seen.is_some_and(|seen| seen >= newest);
        let of_market = self.busy.values().filter(|(marketplace, _)| *marketplace == name.0).count();
        let full = self.busy.len() >= RUNS || of_market >= RUNS_OF_MARKET;
        if idle || full || self.busy.values().any(|busy| *busy == name) {
            return;
        }
        let (herald, draining) = (Arc::clone(herald), draining.clone());
        let run = self.runs.spawn(async move { herald.run(webhook, seen, draining).await });
        self.busy.insert(run.id(), name);
    }

    fn note(&mut self, ran: Result<(Id, Ran), tokio::task::JoinError>) {
        let id = match ran {
            Ok((id, (name, seen))) => {
                // What is forgotten is looked through again.
                if self.seen.len() >= REMEMBERED {
                    self.seen.clear();
                }
                match seen {
                    Some(seen) => self.seen.insert(name, seen),
                    None => self.seen.remove(&name),
                };
                id
            }
            Err(error) => {
                tracing::error!(%error, "a run of a webhook broke off");
                error.id()
            }
        };
        self.busy.remove(&id);
    }
}

/// How often it is looked who is behind.
const ROUND: Duration = Duration::from_millis(250);
/// How long one webhook is told at a time, before others that wait have their turn.
const TURN: Duration = Duration::from_secs(30);
/// How often it is written down how far a run has come: so much is told twice after a crash.
const KEEP: Duration = Duration::from_secs(1);
/// Once the drain has begun.
const LAST_MOMENT: Duration = Duration::from_secs(3);
/// Webhooks that are told at the same time.
const RUNS: usize = 64;
/// Of one marketplace, so that its slow receivers hold up nobody else's.
const RUNS_OF_MARKET: usize = 8;
/// Webhooks whose place is remembered beyond what is written down.
const REMEMBERED: usize = 10_000;
