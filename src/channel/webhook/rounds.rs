//! Who is told when: again and again it is looked which webhooks are behind, and each is told what it missed, by a run of
//! its own.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    task::{Id, JoinError, JoinSet},
    time::{MissedTickBehavior, interval, sleep},
};

use super::{WebhookSettings, post::Postman};
use crate::{
    desk::{
        Desk, EventRow,
        webhooks::{DueWebhook, DueWebhooks, Errand, Heard},
    },
    model::{Fault, Marketplace, WebhookId},
    net::{Dns, Draining},
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

/// What a run came to; `None`: what it saw is forgotten.
type Ran = (Name, Option<Seen>);

/// What a run is about.
struct Run {
    webhook: DueWebhook,
    /// Up to where it has looked before.
    seen: Option<u64>,
    /// How far it goes: what comes later is another run's.
    newest: u64,
    draining: Draining,
}

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
        let mut ticks = interval(ROUND);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = draining.begun() => break,
                Some(ran) = rounds.runs.join_next_with_id() => rounds.note(ran),
                _ = ticks.tick() => match self.desk.webhooks_due().await {
                    Ok(due) => rounds.line_up(due),
                    Err(fault) => tracing::error!(fault = %fault.chain(), "looking for webhooks to be told"),
                },
            }
            rounds.begin(&self, &draining);
        }
        while rounds.runs.join_next().await.is_some() {}
    }

    /// Tells one webhook what it missed.
    async fn run(&self, run: Run) -> Ran {
        let name = name(&run.webhook);
        let mut draining = run.draining.clone();
        let ending = async {
            draining.begun().await;
            sleep(LAST_MOMENT).await;
        };
        let told = tokio::select! {
            told = self.tell(&run) => told,
            () = ending => return (name, None),
        };
        let seen = told.unwrap_or_else(|fault| {
            let (marketplace, webhook) = (name.0.as_str(), &name.1);
            tracing::error!(fault = %fault.chain(), marketplace, %webhook, "telling a webhook");
            None
        });
        (name, seen)
    }

    async fn tell(&self, run: &Run) -> Result<Option<Seen>, Fault> {
        let DueWebhook { scope, id, generation, .. } = &run.webhook;
        let Some(mut errand) = self.desk.errand(scope, id).await? else { return Ok(None) };
        // What was seen counts for the webhook as it was then: its patterns or its place may be others now.
        let mut seen = run.seen.filter(|_| errand.generation() == *generation).unwrap_or(0).max(errand.place());
        let (begun, mut kept, mut line) = (Instant::now(), Instant::now(), None);
        while (seen < run.newest || errand.is_asked_again()) && begun.elapsed() < TURN {
            let Some((events, reached)) = self.desk.ahead(&mut errand, seen).await? else { return Ok(None) };
            for event in &events {
                let heard = self.postman.tell(&errand, event, &mut line, self.desk.now()).await?;
                report(&errand, event, heard);
                if !self.desk.heard(&mut errand, event, heard, &self.postman.settings().retry).await? {
                    return Ok(None);
                }
                let ends = run.draining.has_begun();
                if ends || kept.elapsed() >= KEEP {
                    kept = Instant::now();
                    if !self.desk.keep_errand(&mut errand).await? || ends {
                        return Ok(None);
                    }
                }
            }
            seen = reached;
            errand.passed(seen);
        }
        let kept = self.desk.keep_errand(&mut errand).await?;
        Ok(kept.then_some((errand.generation(), seen)))
    }
}

fn name(webhook: &DueWebhook) -> Name {
    (webhook.scope.marketplace().clone(), webhook.id.clone())
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

/// What is under way, and who waits.
#[derive(Default)]
struct Rounds {
    runs: JoinSet<Ran>,
    busy: HashMap<Id, Name>,
    past: HashMap<Name, Past>,
    /// Whose turn it is, with how far a run would go.
    waiting: Vec<(DueWebhook, u64)>,
    begun: u64,
}

/// What is known of a webhook's runs.
#[derive(Clone, Copy, Default)]
struct Past {
    /// The number of the last one.
    turn: u64,
    seen: Option<Seen>,
}

impl Past {
    /// Up to where the webhook, as it is written down, has looked through the feed.
    fn seen(self, webhook: &DueWebhook) -> Option<u64> {
        self.seen.filter(|(generation, _)| *generation == webhook.generation).map(|(_, seen)| seen)
    }
}

impl Rounds {
    /// Who is to be told something that was not looked at yet; who waited longest is first.
    fn line_up(&mut self, due: DueWebhooks) {
        let past = |webhook: &DueWebhook| self.past.get(&name(webhook)).copied().unwrap_or_default();
        let newest = due.newest;
        let news = |webhook: &DueWebhook| webhook.again || past(webhook).seen(webhook).is_none_or(|seen| seen < newest);
        let mut waiting: Vec<_> = due.webhooks.into_iter().filter(news).map(|webhook| (webhook, newest)).collect();
        waiting.sort_by_key(|(webhook, _)| past(webhook).turn);
        self.waiting = waiting;
    }

    /// Begins as many runs as may be under way at once.
    fn begin(&mut self, herald: &Arc<Herald>, draining: &Draining) {
        for (webhook, newest) in std::mem::take(&mut self.waiting) {
            let name = name(&webhook);
            let of_market = self.busy.values().filter(|(marketplace, _)| *marketplace == name.0).count();
            if self.busy.values().any(|busy| *busy == name) {
                continue;
            }
            if self.busy.len() >= RUNS || of_market >= RUNS_OF_MARKET {
                self.waiting.push((webhook, newest));
                continue;
            }
            self.begun += 1;
            let past = self.past.entry(name.clone()).or_default();
            past.turn = self.begun;
            let run = Run { seen: past.seen(&webhook), webhook, newest, draining: draining.clone() };
            let herald = Arc::clone(herald);
            let run = self.runs.spawn(async move { herald.run(run).await });
            self.busy.insert(run.id(), name);
        }
    }

    fn note(&mut self, ran: Result<(Id, Ran), JoinError>) {
        let id = match ran {
            Ok((id, (name, seen))) => {
                // What is forgotten is looked through again.
                if self.past.len() >= REMEMBERED {
                    self.past.clear();
                }
                self.past.entry(name).or_default().seen = seen;
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
