//! Programs of the marketplace that are told what happens: who they are, and how far each has been told.
//!
//! A webhook reads the feed of events with a place of its own, which moves on when an event was taken. So what happened
//! is told at least once and in its order, whatever restarts come between, and nothing is queued a second time.

pub use crate::store::{DueWebhook, DueWebhooks, WebhookState};
use crate::{
    model::{Duration, EntryKind, EventPattern, Fault, Marketplace, Scope, Secret, Timestamp, WebhookId},
    policy::webhooks::{Refused, Step, after},
    store::{EventRow, PutWebhook, WebhookKept, WebhookRow},
    vault::{DataKey, Place, WebhookSecret},
};

use super::{Declined, Desk, Market, Wrong, entry};

/// What a webhook is to be.
pub struct WebhookForm<'a> {
    /// Where it leads, judged by who can.
    pub url: &'a str,
    /// What it is told.
    pub events: &'a [String],
    /// What signs, if the marketplace says so.
    pub secret: Option<&'a str>,
}

/// A webhook as the marketplace sees it.
#[derive(Debug)]
pub struct WebhookView {
    /// Its id.
    pub id: WebhookId,
    /// Since when it is there.
    pub created: Timestamp,
    /// Where it leads.
    pub url: Secret<String>,
    /// What it is told.
    pub events: Vec<EventPattern>,
    /// Up to where in the feed it was told everything.
    pub place: u64,
    /// What it is to be told once more.
    pub again: Vec<u64>,
    /// Until when the secret before the present one signs too.
    pub previous_until: Option<Timestamp>,
    /// The last answer, and when.
    pub answer: Option<(String, Timestamp)>,
    /// Whether it works.
    pub state: WebhookState,
}

/// What to tell again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// Everything behind this place.
    After(u64),
    /// This event.
    Event(u64),
}

/// What became of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// There was an answer.
    Answer {
        /// The HTTP status.
        status: u16,
        /// How long to wait, if it was said.
        retry_after: Option<Duration>,
    },
    /// There was none, for this reason in a word.
    Silence(&'static str),
}

impl Heard {
    /// Whether the event was taken.
    pub fn is_taken(self) -> bool {
        matches!(self, Self::Answer { status: 200..=299, .. })
    }

    /// The answer in one word: a status, or why there is none.
    pub fn word(self) -> String {
        match self {
            Self::Answer { status, .. } => status.to_string(),
            Self::Silence(why) => why.to_owned(),
        }
    }

    fn refused(self) -> Refused {
        match self {
            Self::Answer { status, retry_after } => Refused { status: Some(status), retry_after },
            Self::Silence(_) => Refused::default(),
        }
    }
}

/// A webhook at work.
pub struct Errand {
    scope: Scope,
    row: WebhookRow,
    url: Secret<String>,
    events: Vec<EventPattern>,
    secret: WebhookSecret,
    previous: Option<(WebhookSecret, Timestamp)>,
    /// Up to where it is written down.
    kept: u64,
    /// Whether something was told since.
    grown: bool,
}

impl Errand {
    /// Whose it is, and which.
    pub fn name(&self) -> (&Marketplace, &WebhookId) {
        (self.scope.marketplace(), &self.row.id)
    }

    /// Where it leads.
    pub fn url(&self) -> &Secret<String> {
        &self.url
    }

    /// As which change of it this is written down.
    pub fn generation(&self) -> i64 {
        self.row.generation
    }

    /// Up to where it was told everything.
    pub fn place(&self) -> u64 {
        self.row.place.unwrap_or(0)
    }

    /// Whether something waits to be told once more.
    pub fn is_asked_again(&self) -> bool {
        !self.row.again.is_empty()
    }

    /// The value of `webhook-signature`: by the present secret, and by the one before it as long as that counts.
    pub fn signatures(&self, id: &str, at: Timestamp, body: &[u8]) -> String {
        let before = self.previous.as_ref().filter(|(_, until)| at < *until).map(|(secret, _)| secret);
        let signed = [&self.secret].into_iter().chain(before).map(|secret| secret.sign(id, at, body));
        signed.collect::<Vec<_>>().join(" ")
    }

    /// Nothing that it wants stands up to `place`.
    pub fn passed(&mut self, place: u64) {
        self.row.place = Some(self.place().max(place));
    }

    /// An event was taken.
    fn took(&mut self, num: u64) {
        if self.row.again.first() == Some(&num) {
            self.row.again.remove(0);
        } else {
            self.passed(num);
        }
        self.row.state = WebhookState::Fine;
        self.grown = true;
    }

    fn failures(&self) -> u32 {
        match self.row.state {
            WebhookState::Failing { failures, .. } => failures,
            _ => 0,
        }
    }

    fn failing_since(&self, now: Timestamp) -> Timestamp {
        match self.row.state {
            WebhookState::Failing { since, .. } => since,
            _ => now,
        }
    }
}

impl Desk {
    /// Makes a webhook or replaces what a PUT may replace: where it leads, and what it is told. One that was disabled
    /// goes on where it was. A secret that is given and new takes the place of the one before, which signs beside it for
    /// a day. Returns the webhook, whether it is new, and the secret if it was drawn here.
    ///
    /// # Errors
    /// When a field is wrong, there are too many, or by a fault.
    pub async fn put_webhook(
        &self,
        scope: &Scope,
        id: &WebhookId,
        form: WebhookForm<'_>,
    ) -> Result<(WebhookView, bool, Option<Secret<String>>), Declined> {
        let events = read_patterns(form.events)?;
        let given = form.secret.map(read_secret).transpose()?;
        let drawn = WebhookSecret::draw(self.vault.luck())?;
        let market = self.market(scope).await?;
        let now = self.now();
        let words: Vec<&str> = events.iter().map(EventPattern::as_str).collect();
        let (row, made) = self
            .change_webhook(scope, id, "changed", |known| {
                let secret = given.as_ref().or(known.is_none().then_some(&drawn));
                let mut row = WebhookRow {
                    url: market.key.seal(&Place::webhook_url(&market.name, id), form.url.as_bytes())?,
                    events: words.join(" "),
                    state: WebhookState::Fine,
                    ..known.unwrap_or_else(|| blank(id, now))
                };
                if let Some(secret) = secret {
                    market.replace_secret(&mut row, secret, now.plus(OVERLAP))?;
                }
                Ok(row)
            })
            .await?;
        Ok((market.webhook(&row)?, made, Some(drawn.text()).filter(|_| made && given.is_none())))
    }

    /// One webhook.
    ///
    /// # Errors
    /// When there is none, or by a fault.
    pub async fn webhook(&self, scope: &Scope, id: &WebhookId) -> Result<WebhookView, Declined> {
        let row = self.store.webhook(scope, id).await?.ok_or(Declined::NotFound)?;
        Ok(self.market(scope).await?.webhook(&row)?)
    }

    /// Webhooks by their ids, after one of them.
    ///
    /// # Errors
    /// By a fault.
    pub async fn webhooks(
        &self,
        scope: &Scope,
        after: Option<&WebhookId>,
        limit: usize,
    ) -> Result<Vec<WebhookView>, Declined> {
        let market = self.market(scope).await?;
        let rows = self.store.webhooks(scope, after, limit).await?;
        Ok(rows.iter().map(|row| market.webhook(row)).collect::<Result<_, _>>()?)
    }

    /// Ends a webhook.
    ///
    /// # Errors
    /// When there is none, or by a fault.
    pub async fn remove_webhook(&self, scope: &Scope, id: &WebhookId) -> Result<(), Declined> {
        let told = entry(self.now(), EntryKind::WebhookRemoved, None, format!("webhook={id}"));
        if self.store.remove_webhook(scope, id, told).await? { Ok(()) } else { Err(Declined::NotFound) }
    }

    /// Replaces what signs; the secret before signs beside it for `overlap`. Returns the new one if it was drawn here.
    ///
    /// # Errors
    /// When there is no such webhook, the secret is none, the overlap is too long, or by a fault.
    pub async fn rotate_webhook(
        &self,
        scope: &Scope,
        id: &WebhookId,
        given: Option<&str>,
        overlap: Option<Duration>,
    ) -> Result<(WebhookView, Option<Secret<String>>), Declined> {
        let overlap = overlap.unwrap_or(OVERLAP);
        if overlap > LONGEST_OVERLAP {
            return Err(Wrong::field("overlap", "at most 7d"));
        }
        let given = given.map(read_secret).transpose()?;
        let drawn = if given.is_some() { None } else { Some(WebhookSecret::draw(self.vault.luck())?) };
        let market = self.market(scope).await?;
        let until = self.now().plus(overlap);
        let (row, _) = self
            .change_webhook(scope, id, "secret", |known| {
                let mut row = known.ok_or(Declined::NotFound)?;
                if let Some(secret) = given.as_ref().or(drawn.as_ref()) {
                    market.replace_secret(&mut row, secret, until)?;
                }
                Ok(row)
            })
            .await?;
        Ok((market.webhook(&row)?, drawn.map(|secret| secret.text())))
    }

    /// Has a webhook told again what it was told before.
    ///
    /// # Errors
    /// When there is no such webhook or event, it has not come so far, too much waits already, or by a fault.
    pub async fn replay_webhook(&self, scope: &Scope, id: &WebhookId, what: Replay) -> Result<WebhookView, Declined> {
        if let Replay::Event(num) = what
            && self.store.event(scope, num).await?.is_none()
        {
            return Err(Wrong::unfit("event", "there is no such event"));
        }
        let again = |known: Option<WebhookRow>| {
            let mut row = known.ok_or(Declined::NotFound)?;
            match what {
                Replay::After(place) if row.place.is_some_and(|told| place > told) => {
                    return Err(Wrong::unfit("after", "it was not told so far yet: what is ahead is told anyway"));
                }
                Replay::After(place) => row.place = Some(place),
                Replay::Event(num) if row.again.contains(&num) => {}
                Replay::Event(_) if row.again.len() >= MOST_AGAIN => {
                    return Err(Wrong::unfit("event", "100 others wait to be told again: use after"));
                }
                Replay::Event(num) => row.again.push(num),
            }
            Ok(row)
        };
        let (row, _) = self.change_webhook(scope, id, "replay", again).await?;
        Ok(self.market(scope).await?.webhook(&row)?)
    }

    /// Keeps what `change` makes of a webhook, decided anew as often as somebody else was faster, and has it told.
    /// Returns it as it is then, and whether it is new.
    async fn change_webhook(
        &self,
        scope: &Scope,
        id: &WebhookId,
        act: &str,
        change: impl Fn(Option<WebhookRow>) -> Result<WebhookRow, Declined>,
    ) -> Result<(WebhookRow, bool), Declined> {
        for _ in 0..TRIES {
            let known = self.store.webhook(scope, id).await?;
            let over = known.as_ref().map(|row| row.generation);
            let row = WebhookRow { generation: self.draw_generation()?, ..change(known)? };
            let act = if over.is_none() { "made" } else { act };
            let told = entry(self.now(), EntryKind::WebhookChanged, None, format!("webhook={id} act={act}"));
            match self
                .store
                .put_webhook(scope, PutWebhook { row, over, most: MOST_WEBHOOKS, entry: Some(told) })
                .await?
            {
                WebhookKept::Done => {
                    let row = self.store.webhook(scope, id).await?.ok_or(Declined::NotFound)?;
                    return Ok((row, over.is_none()));
                }
                WebhookKept::Full => return Err(Wrong::unfit("id", "a marketplace has at most 20 webhooks")),
                WebhookKept::Moved => {}
            }
        }
        Err(Fault::plain("changing a webhook while others do").into())
    }

    fn draw_generation(&self) -> Result<i64, Fault> {
        let mut drawn = [0; 8];
        self.vault.luck().fill(&mut drawn)?;
        Ok(i64::from_be_bytes(drawn))
    }

    /// Webhooks of every marketplace that something may have to be told to by now.
    ///
    /// # Errors
    /// By a fault.
    pub async fn webhooks_due(&self) -> Result<DueWebhooks, Fault> {
        self.store.webhooks_due(self.now()).await
    }

    /// Takes up the work of a webhook, as it is now; `None`: it is no more, or disabled.
    ///
    /// # Errors
    /// By a fault.
    pub async fn errand(&self, scope: &Scope, id: &WebhookId) -> Result<Option<Errand>, Fault> {
        let Some(row) = self.store.webhook(scope, id).await? else { return Ok(None) };
        if matches!(row.state, WebhookState::Disabled { .. }) {
            return Ok(None);
        }
        let market = self.market(scope).await?;
        let previous = match &row.previous {
            Some((sealed, until)) => Some((market.open_secret(id, sealed)?, *until)),
            None => None,
        };
        Ok(Some(Errand {
            scope: scope.clone(),
            url: market.open_url(id, &row.url)?,
            events: patterns(&row.events),
            secret: market.open_secret(id, &row.secret)?,
            previous,
            kept: row.place.unwrap_or(0),
            grown: false,
            row,
        }))
    }

    /// What is to be told next: what was asked for again first, else what stands behind `after` in the feed; and up to
    /// where was looked. When that stays where it was, there is no more. `None`: the webhook was changed or ended before
    /// the last of these events, and who tells it must begin anew: so nothing is told by what counts no more.
    ///
    /// # Errors
    /// By a fault.
    pub async fn ahead(&self, errand: &mut Errand, after: u64) -> Result<Option<(Vec<EventRow>, u64)>, Fault> {
        let ahead = self.look_ahead(errand, after).await?;
        let known = self.store.webhook(&errand.scope, &errand.row.id).await?;
        Ok(known.filter(|row| row.generation == errand.row.generation).map(|_| ahead))
    }

    async fn look_ahead(&self, errand: &mut Errand, after: u64) -> Result<(Vec<EventRow>, u64), Fault> {
        while let Some(num) = errand.row.again.first().copied() {
            match self.store.event(&errand.scope, num).await? {
                Some(event) => return Ok((vec![event], after)),
                None => {
                    errand.row.again.remove(0);
                    errand.grown = true;
                }
            }
        }
        let stretch = self.store.events(&errand.scope, after, STRETCH).await?;
        let wanted = |row: &EventRow| errand.events.iter().any(|pattern| pattern.wants(row.entry.kind.event()));
        Ok((stretch.rows.into_iter().filter(wanted).collect(), stretch.seen))
    }

    /// Notes what became of telling an event. `true`: it goes on with the next one.
    ///
    /// # Errors
    /// By a fault.
    pub async fn heard(
        &self,
        errand: &mut Errand,
        event: &EventRow,
        heard: Heard,
        retry: &[Duration],
    ) -> Result<bool, Fault> {
        let now = self.now();
        errand.row.answer = Some((heard.word(), now));
        if heard.is_taken() {
            errand.took(event.num);
            return Ok(true);
        }
        let mut luck = [0];
        self.vault.luck().fill(&mut luck)?;
        let [luck] = luck;
        let failures = errand.failures();
        let because = match after(heard.refused(), failures, retry, luck) {
            Step::Again(wait) => {
                let since = errand.failing_since(now);
                let next_try = now.plus(wait);
                errand.row.state = WebhookState::Failing { since, failures: failures.saturating_add(1), next_try };
                self.write_errand(errand, None).await?;
                return Ok(false);
            }
            Step::Gone => "gone",
            Step::Spent => "spent",
        };
        errand.row.state = WebhookState::Disabled { at: now, because: because.to_owned() };
        let facts = format!("webhook={} because={because} answer={}", errand.row.id, heard.word());
        self.write_errand(errand, Some(facts)).await?;
        Ok(false)
    }

    /// Writes down how far a webhook has come, if that is worth it. `false`: it was changed or ended meanwhile, and
    /// nothing was written; who tells it must begin anew.
    ///
    /// # Errors
    /// By a fault.
    pub async fn keep_errand(&self, errand: &mut Errand) -> Result<bool, Fault> {
        if errand.grown || errand.place().saturating_sub(errand.kept) >= PASSED {
            self.write_errand(errand, None).await
        } else {
            Ok(true)
        }
    }

    async fn write_errand(&self, errand: &mut Errand, disabled: Option<String>) -> Result<bool, Fault> {
        let now = self.now();
        // What signs no more is not kept.
        errand.row.previous.take_if(|(_, until)| *until <= now);
        let over = Some(std::mem::replace(&mut errand.row.generation, self.draw_generation()?));
        (errand.grown, errand.kept) = (false, errand.place());
        let entry = disabled.map(|facts| entry(now, EntryKind::WebhookDisabled, None, facts));
        let put = PutWebhook { row: errand.row.clone(), over, most: MOST_WEBHOOKS, entry };
        Ok(self.store.put_webhook(&errand.scope, put).await? == WebhookKept::Done)
    }
}

/// A webhook of which nothing is known yet.
fn blank(id: &WebhookId, now: Timestamp) -> WebhookRow {
    WebhookRow {
        id: id.clone(),
        generation: 0,
        created: now,
        url: Vec::new(),
        events: String::new(),
        secret: Vec::new(),
        previous: None,
        place: None,
        again: Vec::new(),
        answer: None,
        state: WebhookState::Fine,
    }
}

impl Market {
    fn webhook(&self, row: &WebhookRow) -> Result<WebhookView, Fault> {
        Ok(WebhookView {
            id: row.id.clone(),
            created: row.created,
            url: self.open_url(&row.id, &row.url)?,
            events: patterns(&row.events),
            place: row.place.unwrap_or(0),
            again: row.again.clone(),
            previous_until: row.previous.as_ref().map(|(_, until)| *until),
            answer: row.answer.clone(),
            state: row.state.clone(),
        })
    }

    fn open_url(&self, id: &WebhookId, sealed: &[u8]) -> Result<Secret<String>, Fault> {
        open_text(&self.key, &Place::webhook_url(&self.name, id), sealed)
    }

    fn open_secret(&self, id: &WebhookId, sealed: &[u8]) -> Result<WebhookSecret, Fault> {
        let text = open_text(&self.key, &Place::webhook_secret(&self.name, id), sealed)?;
        text.reveal().parse().map_err(|e| Fault::new("reading what signs for a webhook", e))
    }

    /// Puts a secret in its place, and what signed before beside it; the same again changes nothing.
    fn replace_secret(&self, row: &mut WebhookRow, secret: &WebhookSecret, until: Timestamp) -> Result<(), Fault> {
        let known = !row.secret.is_empty();
        if known && self.open_secret(&row.id, &row.secret)?.text() == secret.text() {
            return Ok(());
        }
        let place = Place::webhook_secret(&self.name, &row.id);
        let before = std::mem::replace(&mut row.secret, self.key.seal(&place, secret.text().reveal().as_bytes())?);
        row.previous = known.then_some((before, until));
        Ok(())
    }
}

fn open_text(key: &DataKey, place: &Place<'_>, sealed: &[u8]) -> Result<Secret<String>, Fault> {
    let text = String::from_utf8(key.open(place, sealed)?);
    text.map(Secret::new).map_err(|e| Fault::new("reading what is sealed of a webhook", e))
}

/// Patterns as they are kept; one of an event that is no more wants nothing.
fn patterns(text: &str) -> Vec<EventPattern> {
    text.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect()
}

fn read_patterns(words: &[String]) -> Result<Vec<EventPattern>, Declined> {
    if words.is_empty() || words.len() > MOST_PATTERNS {
        return Err(Wrong::field("events", "1 to 50 events, such as message.*"));
    }
    let read = |(index, word): (usize, &String)| {
        let unknown = "no event has this name: message.delivered is one, message.* are all about messages, * are all";
        word.parse().map_err(|_| Wrong::at("events", index, unknown))
    };
    words.iter().enumerate().map(read).collect()
}

fn read_secret(text: &str) -> Result<WebhookSecret, Declined> {
    text.parse().map_err(|_| Wrong::field("secret", "not whsec_ and 24 to 64 bytes in base64"))
}

/// How long the secret before signs beside a new one, unless it is said.
const OVERLAP: Duration = Duration::days(1);
const LONGEST_OVERLAP: Duration = Duration::days(7);
/// Of one marketplace: each reads the whole feed.
const MOST_WEBHOOKS: usize = 20;
const MOST_PATTERNS: usize = 50;
/// How often a change is decided anew.
const TRIES: u32 = 10;
/// So far behind what it has passed over without a word the place of a webhook may be written down.
const PASSED: u64 = 1_000;
/// So many events may wait to be told again one by one.
const MOST_AGAIN: usize = 100;
/// Events that are looked at in one piece.
const STRETCH: usize = 100;
