//! One judge: its turn, its deadline, and what follows when it gives no answer.

use std::time::Instant;

use tokio::{sync::Semaphore, time::timeout};

use super::{
    Case, Hit, JudgeSettings, OnFailure, Ruling, Socket,
    endpoint::Endpoint,
    program::Program,
    wire::{self, Answer, Failure},
};
use crate::{
    model::{Fault, Luck, Part},
    net::Dns,
};

pub(super) struct Judge {
    name: String,
    settings: JudgeSettings,
    /// As many questions at a time as the settings say.
    turns: Semaphore,
    way: Way,
}

/// How it is asked.
enum Way {
    Clamd(Socket),
    Endpoint(Box<Endpoint>),
    Program(Program),
}

impl Judge {
    /// Seats a judge; nothing is started or connected to before the first question.
    ///
    /// # Errors
    /// When a file of certificates or a token can not be read.
    pub(super) fn new(name: &str, settings: &JudgeSettings, dns: &Dns) -> Result<Self, Fault> {
        let way = match (&settings.clamd, &settings.url) {
            (Some(socket), _) => Way::Clamd(socket.clone()),
            (None, Some(url)) => Way::Endpoint(Box::new(Endpoint::new(url, settings, dns)?)),
            (None, None) => Way::Program(Program::new(&settings.run)),
        };
        let turns = Semaphore::new(settings.calls.max(1));
        Ok(Self { name: name.to_owned(), settings: settings.clone(), turns, way })
    }

    pub(super) fn is(&self, name: &str, settings: &JudgeSettings) -> bool {
        self.name == name && self.settings == *settings
    }

    /// What it has against a message; nothing, too, where the message has nothing for it to see.
    pub(super) async fn hear(&self, case: Case<'_>, luck: &dyn Luck) -> Result<Option<Hit>, Fault> {
        if !wire::concerns(case, &self.settings) {
            return Ok(None);
        }
        let started = Instant::now();
        let asked = timeout(self.settings.deadline.std(), self.ask(case, luck)).await;
        let heard = asked.unwrap_or(Ok(Err(Failure::Late)))?;
        let verdict = heard.as_ref().map_or_else(|failure| failure.as_str(), |answer| answer.verdict.as_str());
        count(&self.rule(), verdict);
        metrics::histogram!("tabir_judgement_seconds", "by" => self.rule(), "verdict" => verdict)
            .record(started.elapsed().as_secs_f64());
        match heard {
            Ok(answer) => Ok(self.hit(answer)),
            Err(failure) => self.without_answer(failure),
        }
    }

    async fn ask(&self, case: Case<'_>, luck: &dyn Luck) -> Result<Result<Answer, Failure>, Fault> {
        let _turn = self.turns.acquire().await.map_err(|e| Fault::new("waiting for a judge", e))?;
        // Only now: what waits for its turn is not held in memory twice.
        let question = || wire::question(case, &self.settings, luck);
        Ok(match &self.way {
            Way::Clamd(socket) => socket.ask(&wire::pieces(case, &self.settings)).await,
            Way::Endpoint(endpoint) => endpoint.ask(&question()?).await,
            Way::Program(program) => program.ask(&question()?).await,
        })
    }

    fn hit(&self, answer: Answer) -> Option<Hit> {
        let rule = answer.reason.map_or_else(|| self.rule(), |reason| format!("{}: {reason}", self.rule()));
        let hit = Hit::new(answer.verdict, Part::Text(0), answer.kind, rule);
        (hit.ruling != Ruling::Pass).then_some(hit)
    }

    /// Fails closed unless the settings say otherwise.
    fn without_answer(&self, failure: Failure) -> Result<Option<Hit>, Fault> {
        tracing::warn!(judge = self.name, failure = failure.as_str(), "a judge gave no answer");
        let ruling = match self.settings.on_failure {
            OnFailure::Hold => Ruling::Hold,
            OnFailure::Later => return Err(Fault::plain("waiting for a judge's answer")),
            OnFailure::Pass => return Ok(None),
            OnFailure::Refuse => Ruling::Refuse,
        };
        Ok(Some(Hit::new(ruling, Part::Text(0), None, format!("{}: {}", self.rule(), failure.as_str()))))
    }

    fn rule(&self) -> String {
        format!("judge.{}", self.name)
    }
}

/// Counts what was said; `by` is a name from the settings.
pub(super) fn count(by: &str, verdict: &'static str) {
    metrics::counter!("tabir_judgements_total", "by" => by.to_owned(), "verdict" => verdict).increment(1);
}
