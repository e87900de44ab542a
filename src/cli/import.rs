//! `tabir import`: a marketplace's people, orders, conversations and reviews, as they were before the relay came.

use std::{
    fs::File,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, BufRead, BufReader, Read},
    num::NonZeroU32,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Full};
use hyper::{Request, header};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::{Failure, house, say};
use crate::{
    app,
    channel::api::{Api, ApiRules},
    desk::TokenScope,
    model::{Clock, Fault, Marketplace, Secret, SystemClock},
    relay::{Handover, LastLook, Mail, Relay, Transport},
    sandbox::Sandbox,
};

/// Puts parties, orders, conversations and reviews in, as the API's PUT calls do: the same line again changes nothing, so
/// that what was stopped is simply started again.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// Lines such as {"party": {"id": "b-1", "emails": […]}}; or "order", "conversation", "review". Each is the body of
    /// its PUT, with its id. What a line needs stands before it. `-` reads stdin.
    #[arg(long, value_name = "FILE")]
    jsonl: PathBuf,
    /// Of which marketplace, where there are several.
    #[arg(long)]
    marketplace: Option<Marketplace>,
    /// The first line that is read, from 1.
    #[arg(long, default_value_t = 1)]
    from: u64,
}

/// A line, read.
struct Row {
    line: u64,
    path: String,
    body: Vec<u8>,
    _turn: OwnedSemaphorePermit,
}

/// What became of the lines.
#[derive(Default)]
struct Tally {
    new: u64,
    known: u64,
    failed: u64,
}

impl Import {
    pub(super) fn run(&self, config: Option<&Path>) -> Result<(), Failure> {
        let house = house::House::open(config)?;
        let scope = house.scope(self.marketplace.as_ref())?;
        let (settings, compiled) = house::read(config)?;
        let rules = app::rules_beside(&settings, &compiled).map_err(Failure::Settings)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let exe = std::env::current_exe()?;
        let relay = Relay::new(
            Arc::clone(&house.store),
            Arc::clone(&house.vault),
            Arc::clone(&clock),
            Arc::new(Sandbox::new(exe, 1, Duration::from_secs(10))),
            Arc::new(NoWay),
            Arc::clone(&rules),
        );
        let desk = app::desk(&house.store, &house.vault, &clock, &rules).with_texts(settings.sms.is_on());
        let unlimited = NonZeroU32::MIN.saturating_add(1_000_000);
        let limits = ApiRules { rate: unlimited, burst: unlimited, ..ApiRules::default() };
        let api = Arc::new(Api::new(Arc::new(desk), Arc::new(relay), limits));
        let tally = house.runtime.block_on(async {
            let ends = house.desk.now().plus(crate::model::Duration::days(1));
            let (token, row) = house.desk.issue_token(&scope, TokenScope::Marketplace, Some(ends)).await?;
            let put = self.put(&api, &Arc::new(token)).await;
            house.desk.revoke_token(&scope, row.id).await?;
            put
        })?;
        say::out(&format!("new: {}, known: {}, refused: {}", tally.new, tally.known, tally.failed))?;
        if tally.failed == 0 { Ok(()) } else { Err(Failure::No) }
    }

    async fn put(&self, api: &Arc<Api>, token: &Arc<Secret<String>>) -> Result<Tally, Failure> {
        let lines = open(&self.jsonl)?;
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{pos} lines, {per_sec}, {elapsed}") {
            bar.set_style(style);
        }
        let (tally, turns) = (Arc::new(Mutex::new(Tally::default())), Arc::new(Semaphore::new(AT_ONCE)));
        let lanes: Vec<mpsc::Sender<Row>> = (0..LANES).map(|_| lane(api, token, &tally)).collect();
        let mut before = None;
        for (line, text) in (1..).zip(lines) {
            let text = text?;
            if line < self.from || text.trim_ascii().is_empty() {
                continue;
            }
            bar.set_position(line);
            let (kind, id, body) = match read(&text) {
                Ok(read) => read,
                Err(why) => {
                    refuse(&tally, line, &why);
                    continue;
                }
            };
            if before != Some(kind) {
                // What a line needs stands before it, and must be there.
                drop(Arc::clone(&turns).acquire_many_owned(MOST).await);
                before = Some(kind);
            }
            let turn = Arc::clone(&turns).acquire_owned().await;
            let turn = turn.map_err(|e| Failure::Fault(Fault::new("waiting for a turn", e)))?;
            let row = Row { line, path: format!("/v1/{kind}/{}", escaped(&id)), body, _turn: turn };
            // Lines about one thing keep their order.
            let mut hasher = DefaultHasher::new();
            id.hash(&mut hasher);
            let lane = usize::try_from(hasher.finish() % LANES as u64).unwrap_or(0);
            if lanes[lane].send(row).await.is_err() {
                return Err(Failure::Fault(Fault::plain("putting a line in")));
            }
        }
        drop(Arc::clone(&turns).acquire_many_owned(MOST).await);
        bar.finish_and_clear();
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut *tally))
    }
}

/// Whoever puts lines in, one after the other.
fn lane(api: &Arc<Api>, token: &Arc<Secret<String>>, tally: &Arc<Mutex<Tally>>) -> mpsc::Sender<Row> {
    let (sender, mut rows) = mpsc::channel::<Row>(AT_ONCE);
    let (api, token, tally) = (Arc::clone(api), Arc::clone(token), Arc::clone(tally));
    tokio::spawn(async move {
        while let Some(row) = rows.recv().await {
            match put(&api, &token, &row).await {
                Ok(true) => tally.lock().unwrap_or_else(PoisonError::into_inner).new += 1,
                Ok(false) => tally.lock().unwrap_or_else(PoisonError::into_inner).known += 1,
                Err(why) => refuse(&tally, row.line, &why),
            }
        }
    });
    sender
}

/// One call; `true`: it is new.
async fn put(api: &Api, token: &Secret<String>, row: &Row) -> Result<bool, String> {
    let request = Request::put(&row.path)
        .header(header::HOST, "localhost")
        .header(header::AUTHORIZATION, format!("Bearer {}", token.reveal()))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(row.body.clone())));
    let request = request.map_err(|_| "an id that can not stand in a path".to_owned())?;
    let response = api.answer(request).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    match status {
        201 => Ok(true),
        200 | 204 => Ok(false),
        _ => {
            let problem: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
            let [field, detail] = ["field", "detail"].map(|key| problem[key].as_str().unwrap_or_default().to_owned());
            Err(format!("{status} {field} {detail}"))
        }
    }
}

/// A line that was not put in: told by its number, never by what stands in it.
fn refuse(tally: &Mutex<Tally>, line: u64, why: &str) {
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    tally.failed += 1;
    match tally.failed {
        ..=MOST_TOLD => say::err(&format!("line {line}: {}", why.trim())),
        n if n == MOST_TOLD + 1 => say::err("further lines are only counted"),
        _ => {}
    }
}

/// Which kind of thing a line puts, its id, and the body without it.
fn read(text: &[u8]) -> Result<(&'static str, String, Vec<u8>), String> {
    const WANTED: &str = r#"wanted {"party": {"id": …, …}}, or "order", "conversation", "review""#;
    let mut line: Value = serde_json::from_slice(text).map_err(|error| format!("no JSON: {error}"))?;
    let known = line.as_object_mut().filter(|line| line.len() == 1);
    let (kind, thing) = known
        .and_then(|line| KINDS.iter().find_map(|(name, path)| Some((*path, line.remove(*name)?))))
        .ok_or(WANTED)?;
    let Value::Object(mut thing) = thing else { return Err(WANTED.to_owned()) };
    let Some(Value::String(id)) = thing.remove("id") else { return Err("id: wanted, a text".to_owned()) };
    let body = serde_json::to_vec(&thing).map_err(|error| error.to_string())?;
    Ok((kind, id, body))
}

/// Lines of at most a megabyte: what is longer is none of ours, and read no further.
fn open(path: &Path) -> Result<impl Iterator<Item = io::Result<Vec<u8>>>, Failure> {
    let source: Box<dyn Read> =
        if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
    let mut source = BufReader::new(source);
    Ok(std::iter::from_fn(move || {
        let mut line = Vec::new();
        match (&mut source).take(LONGEST).read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) if line.len() as u64 == LONGEST => {
                Some(Err(io::Error::new(io::ErrorKind::InvalidData, "a line of more than a megabyte")))
            }
            Ok(_) => Some(Ok(line)),
            Err(error) => Some(Err(error)),
        }
    }))
}

/// An id as a path has it: those that are allowed need none of this, and what is not allowed is told by the API.
fn escaped(id: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._:-".contains(&b);
    id.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// Nothing is sent from here.
struct NoWay;

impl Transport for NoWay {
    fn deliver<'a>(&'a self, _: &'a Mail, _: LastLook<'a>) -> Pin<Box<dyn Future<Output = Handover> + Send + 'a>> {
        Box::pin(async { Handover::NotNow { code: "import".to_owned() } })
    }
}

const KINDS: [(&str, &str); 4] =
    [("party", "parties"), ("order", "orders"), ("conversation", "conversations"), ("review", "reviews")];
/// Lines in hand: so many share a commit.
const AT_ONCE: usize = 512;
const MOST: u32 = 512;
const LANES: usize = 128;
const LONGEST: u64 = 1 << 20;
const MOST_TOLD: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_thing_with_its_id() {
        let (kind, id, body) = read(br#"{"party": {"id": "b-1", "emails": ["a@b.example"]}}"#).unwrap();
        assert_eq!(
            (kind, id.as_str(), body.as_slice()),
            ("parties", "b-1", br#"{"emails":["a@b.example"]}"#.as_slice())
        );
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"party": 1}"#,
            r#"{"party": {}}"#,
            r#"{"party": {"id": 1}}"#,
            r#"{"seller": {"id": "s"}}"#,
            r#"{"party": {"id": "b"}, "order": {"id": "o"}}"#,
        ] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(escaped("a/b?c"), "a%2Fb%3Fc");
    }
}
