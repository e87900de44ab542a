//! One try: an event, signed, to where its webhook leads.

use std::{collections::BTreeMap, time::Duration as StdDuration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, Response,
    body::Incoming,
    header::{CONTENT_TYPE, HOST, HeaderMap, RETRY_AFTER, USER_AGENT},
};
use serde::Serialize;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::WebhookSettings;
use crate::{
    desk::{
        EventRow,
        webhooks::{Errand, Heard},
    },
    model::{Duration, Fault, Timestamp},
    net::{Dns, Line, Unreached, Url, tls_client},
};

/// Who tells.
pub(super) struct Postman {
    settings: WebhookSettings,
    dns: Dns,
    tls: TlsConnector,
}

/// What a webhook is told: of an event what the feed tells, and no more.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    /// When it happened, not when it is told.
    timestamp: String,
    data: Ids<'a>,
}

#[derive(Serialize)]
struct Ids<'a> {
    /// Its place in the feed.
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Facts that name nobody, as the feed has them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    facts: BTreeMap<&'a str, &'a str>,
}

impl<'a> Told<'a> {
    fn of(event: &'a EventRow) -> Self {
        let entry = &event.entry;
        Self {
            kind: entry.kind.event(),
            timestamp: entry.at.rfc3339(),
            data: Ids {
                id: event.num.to_string(),
                conversation: event.conversation.as_ref().map(|id| id.as_str()),
                by: entry.by.map(|side| side.as_str()),
                message: entry.message.map(|id| id.to_string()),
                facts: entry.told_facts().collect(),
            },
        }
    }
}

impl Postman {
    /// # Errors
    /// When the file of certificates can not be read.
    pub(super) fn new(settings: WebhookSettings, dns: Dns) -> Result<Self, Fault> {
        let tls = tls_client(settings.ca.as_deref(), "reading webhooks.ca")?;
        Ok(Self { settings, dns, tls })
    }

    pub(super) fn settings(&self) -> &WebhookSettings {
        &self.settings
    }

    /// Tells an event, over `line` if there is one that holds; what was kept open is left there.
    ///
    /// # Errors
    /// By a fault of ours: nothing was told.
    pub(super) async fn tell(
        &self,
        errand: &Errand,
        event: &EventRow,
        line: &mut Option<Line>,
        now: Timestamp,
    ) -> Result<Heard, Fault> {
        // The settings may be others than when the webhook was put.
        let Ok(url) = self.settings.read_url(errand.url().reveal()) else { return Ok(Heard::Silence("not_allowed")) };
        let request = request(&url, errand, event, now)?;
        let told = timeout(self.settings.deadline.std(), self.exchange(&url, request, line)).await;
        let response = match told {
            Ok(Ok(response)) => response,
            Ok(Err(silence)) => return Ok(silence),
            Err(_) => {
                *line = None;
                return Ok(Heard::Silence("timeout"));
            }
        };
        let status = response.status().as_u16();
        let heard = Heard::Answer { status, retry_after: retry_after(response.headers(), now) };
        if !is_over(response).await {
            *line = None;
        }
        Ok(heard)
    }

    async fn exchange(
        &self,
        url: &Url,
        request: Request<Full<Bytes>>,
        line: &mut Option<Line>,
    ) -> Result<Response<Incoming>, Heard> {
        // A kept connection may have been closed meanwhile: that is nobody's answer.
        if let Some(kept) = line
            && kept.ready().await.is_ok()
            && let Ok(response) = kept.send_request(request.clone()).await
        {
            return Ok(response);
        }
        *line = None;
        let may = |address| self.settings.may_reach(address, url.secure);
        let fresh = url.reach(&self.dns, &self.tls, may).await.map_err(|why| match why {
            Unreached::Away => Heard::Silence("unreachable"),
            Unreached::Tls => Heard::Silence("tls"),
        })?;
        line.insert(fresh).send_request(request).await.map_err(|_| Heard::Silence("broken"))
    }
}

fn request(url: &Url, errand: &Errand, event: &EventRow, now: Timestamp) -> Result<Request<Full<Bytes>>, Fault> {
    const DOING: &str = "writing what a webhook is told";
    let body = serde_json::to_vec(&Told::of(event)).map_err(|e| Fault::new(DOING, e))?;
    // The same for every try: by it a receiver knows what it has heard before.
    let id = format!("evt_{}", event.num);
    let request = Request::post(&url.path)
        .header(HOST, url.authority())
        .header(USER_AGENT, concat!("tabir/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-signature", errand.signatures(&id, now, &body))
        .header("webhook-timestamp", now.unix_seconds())
        .header("webhook-id", id);
    request.body(Full::new(body.into())).map_err(|e| Fault::new(DOING, e))
}

/// Whether a body ends soon: its words are nobody's business, but a connection with some left in it can not be used
/// again.
async fn is_over(response: Response<Incoming>) -> bool {
    let rest = Limited::new(response.into_body(), PASSED_OVER).collect();
    matches!(timeout(REST, rest).await, Ok(Ok(_)))
}

/// `Retry-After`: seconds or a date (RFC 9110 §10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<u32>() {
        Ok(seconds) => Some(Duration::seconds(seconds.into())),
        Err(_) => Timestamp::read_rfc5322(text).map(|at| at.since(now)),
    }
}

/// Bytes of an answer that are passed over for the sake of its connection.
const PASSED_OVER: usize = 16_384;
/// How long that may take.
const REST: StdDuration = StdDuration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_in_seconds_and_as_a_date() {
        let now = Timestamp(1_793_836_800_000);
        let read = |text: &'static str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]), now);
        assert_eq!(read("120"), Some(Duration::seconds(120)));
        assert_eq!(read("Thu, 05 Nov 2026 00:01:00 GMT"), Some(Duration::seconds(60)));
        assert_eq!(read("-1"), None);
        assert_eq!(read("soon"), None);
    }
}
