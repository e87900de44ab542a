//! `/v1/webhooks`: programs of the marketplace that are told what happens (Standard Webhooks).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    call::{Answered, Call, Reply},
    problem::Problem,
    wire::Listed,
};
use crate::{
    desk::webhooks::{Replay, WebhookForm, WebhookState, WebhookView},
    model::{Duration, Secret, Timestamp, WebhookId},
};

/// Where to tell what.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookPutBody {
    /// Where, such as `https://market.example/events`.
    url: String,
    /// Which events, such as `message.delivered`, `message.*` or `*`; 1 to 50.
    events: Vec<String>,
    /// What signs: `whsec_` and 24 to 64 bytes in base64. When absent it is drawn at first, and stays from then on.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    secret: Option<Secret<String>>,
}

/// A webhook.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookBody {
    /// Its id, the marketplace's own.
    id: String,
    /// Where it leads.
    url: String,
    /// Which events it is told.
    events: Vec<String>,
    /// `active`, `failing` (its last try was not taken), or `disabled` (it is told nothing until it is put again).
    state: &'static str,
    /// Since when it is there.
    created_at: String,
    /// Up to this place in the feed it was told everything.
    told: String,
    /// Events that wait to be told once more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    again: Vec<String>,
    /// Of its last try: the HTTP status, or `unreachable`, `tls`, `timeout`, `broken` (no HTTP), `not_allowed` (by the
    /// relay's settings).
    #[serde(skip_serializing_if = "Option::is_none")]
    last_answer: Option<String>,
    /// When that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_tried_at: Option<String>,
    /// How many tries of the event at hand were not taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<u32>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<String>,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_try_at: Option<String>,
    /// Since when it is disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_at: Option<String>,
    /// Why: `gone` (it answered 410), or `spent` (no try was taken).
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_because: Option<String>,
    /// Until when the secret before the present one signs beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_secret_until: Option<String>,
}

/// A webhook, with its secret where one was drawn.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookMadeBody {
    /// What signs, told this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    #[serde(flatten)]
    about: WebhookBody,
}

impl From<&WebhookView> for WebhookBody {
    fn from(view: &WebhookView) -> Self {
        let (answer, tried) = view.answer.clone().unzip();
        let mut body = Self {
            id: view.id.to_string(),
            url: view.url.reveal().clone(),
            events: view.events.iter().map(|pattern| pattern.as_str().to_owned()).collect(),
            state: "active",
            created_at: view.created.rfc3339(),
            told: view.place.to_string(),
            again: view.again.iter().map(u64::to_string).collect(),
            last_answer: answer,
            last_tried_at: tried.map(Timestamp::rfc3339),
            failures: None,
            failing_since: None,
            next_try_at: None,
            disabled_at: None,
            disabled_because: None,
            previous_secret_until: view.previous_until.map(Timestamp::rfc3339),
        };
        match &view.state {
            WebhookState::Disabled { at, because } => {
                body.state = "disabled";
                body.disabled_at = Some(at.rfc3339());
                body.disabled_because = Some(because.clone());
            }
            WebhookState::Failing { since, failures, next_try } => {
                body.state = "failing";
                body.failures = Some(*failures);
                body.failing_since = Some(since.rfc3339());
                body.next_try_at = Some(next_try.rfc3339());
            }
            WebhookState::Fine => {}
        }
        body
    }
}

/// Has a program told what happens from now on, or changes where and what. One that was disabled goes on where it was.
/// Another secret than the one before signs together with it for a day.
#[utoipa::path(
    put, path = "/v1/webhooks/{id}", tag = "events",
    params(("id" = String, Path, description = "the marketplace's id")),
    request_body = WebhookPutBody,
    responses(
        (status = 201, description = "made; a secret that was drawn is told this once", body = WebhookMadeBody),
        (status = 200, description = "changed", body = WebhookMadeBody)
    )
)]
pub(super) async fn put(call: &Call<'_>) -> Answered {
    let id: WebhookId = call.id("id")?;
    let form: WebhookPutBody = call.read()?;
    call.api.webhooks.read_url(&form.url).map_err(|why| Problem::field("url", why))?;
    let secret = form.secret.as_ref().map(|secret| secret.reveal().as_str());
    let form = WebhookForm { url: &form.url, events: &form.events, secret };
    let (view, made, secret) = call.api.desk.put_webhook(call.scope(), &id, form).await?;
    let secret = secret.map(|secret| secret.reveal().clone());
    Reply::put(made, &WebhookMadeBody { secret, about: WebhookBody::from(&view) })
}

/// A webhook: how far it was told, and whether it listens.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}", tag = "events",
    params(("id" = String, Path, description = "the marketplace's id")),
    responses((status = 200, description = "as it is", body = WebhookBody))
)]
pub(super) async fn show(call: &Call<'_>) -> Answered {
    Reply::ok(&WebhookBody::from(&call.api.desk.webhook(call.scope(), &call.id("id")?).await?))
}

/// The webhooks of the marketplace.
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "events",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200, 50 when absent"),
        ("after" = Option<String>, Query, description = "`next` of the page before")
    ),
    responses((status = 200, description = "by their ids", body = Listed<WebhookBody>))
)]
pub(super) async fn list(call: &Call<'_>) -> Answered {
    call.query.only(&["limit", "after"])?;
    let limit = call.query.limit()?;
    let after: Option<WebhookId> = call.query.read("after", "not a cursor")?;
    let views = call.api.desk.webhooks(call.scope(), after.as_ref(), limit).await?;
    let next = views.last().filter(|_| views.len() == limit).map(|view| view.id.to_string());
    Reply::ok(&Listed { items: views.iter().map(WebhookBody::from).collect(), next })
}

/// Ends a webhook: nothing more is told.
#[utoipa::path(
    delete, path = "/v1/webhooks/{id}", tag = "events",
    params(("id" = String, Path, description = "the marketplace's id")),
    responses((status = 204, description = "ended"))
)]
pub(super) async fn remove(call: &Call<'_>) -> Answered {
    call.api.desk.remove_webhook(call.scope(), &call.id("id")?).await?;
    Reply::nothing()
}

/// What is to sign from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookSecretBody {
    /// `whsec_` and 24 to 64 bytes in base64; absent: drawn.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    secret: Option<Secret<String>>,
    /// How long the secret before signs beside it, such as `2h`: up to `7d`, `1d` when absent, `0s` where somebody else
    /// knows it.
    #[serde(default)]
    overlap: Option<String>,
}

/// Replaces what signs. For a while both sign, so that no receiver misses anything.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/secret", tag = "events",
    params(("id" = String, Path, description = "the marketplace's id")),
    request_body = WebhookSecretBody,
    responses((status = 200, description = "a secret that was drawn is told this once", body = WebhookMadeBody))
)]
pub(super) async fn rotate(call: &Call<'_>) -> Answered {
    let id: WebhookId = call.id("id")?;
    let form: WebhookSecretBody = call.read()?;
    let overlap: Option<Duration> = form
        .overlap
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|_| Problem::field("overlap", "not a length of time such as 0s, 2h or 7d"))?;
    let given = form.secret.as_ref().map(|secret| secret.reveal().as_str());
    let (view, secret) = call.api.desk.rotate_webhook(call.scope(), &id, given, overlap).await?;
    let secret = secret.map(|secret| secret.reveal().clone());
    Reply::ok(&WebhookMadeBody { secret, about: WebhookBody::from(&view) })
}

/// What to tell again: one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookReplayBody {
    /// Everything that it wants behind this place of the feed.
    #[serde(default)]
    after: Option<String>,
    /// This event alone, whether it wants it or not.
    #[serde(default)]
    event: Option<String>,
}

/// Tells again what was told before, or what was missed before the webhook was there. One that is disabled hears it when it
/// is put again.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/replay", tag = "events",
    params(("id" = String, Path, description = "the marketplace's id")),
    request_body = WebhookReplayBody,
    responses((status = 200, description = "it will be told", body = WebhookBody))
)]
pub(super) async fn replay(call: &Call<'_>) -> Answered {
    let id: WebhookId = call.id("id")?;
    let form: WebhookReplayBody = call.read()?;
    let place =
        |field: &'static str, text: &str| text.parse().map_err(|_| Problem::field(field, "not a place in the feed"));
    let what = match (&form.after, &form.event) {
        (Some(after), None) => Replay::After(place("after", after)?),
        (None, Some(event)) => Replay::Event(place("event", event)?),
        _ => return Err(Problem::field("after", "either after or event is wanted")),
    };
    Reply::ok(&WebhookBody::from(&call.api.desk.replay_webhook(call.scope(), &id, what).await?))
}
