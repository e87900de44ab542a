//! `/v1/events`: what happened in a marketplace, as a feed.
//!
//! An event is an entry of a conversation's evidence, or of the marketplace's journal, told without what is sealed
//! beside it. So nothing happens that the feed does not tell, and nothing in it was not recorded.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    call::{Answered, Call, Reply},
    wire::SideBody,
};
use crate::desk::EventRow;

/// Something that happened.
#[derive(Serialize, ToSchema)]
pub(super) struct EventBody {
    /// Its place in the feed: give it as `after` to go on behind it.
    id: String,
    /// What it is about, a dot, what happened, such as `message.delivered`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// When.
    timestamp: String,
    /// In which conversation; absent where it concerns none.
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<String>,
    /// Whose act it was, where it was one of the sides'.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<SideBody>,
    /// About which message.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Facts that name nobody, such as `{"rating": "1"}`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    data: BTreeMap<String, String>,
}

impl EventBody {
    pub(super) fn of(row: &EventRow) -> Self {
        Self {
            id: row.num.to_string(),
            kind: row.entry.kind.event(),
            timestamp: row.entry.at.rfc3339(),
            conversation: row.conversation.as_ref().map(ToString::to_string),
            by: row.entry.by.map(SideBody::from),
            message: row.entry.message.map(|id| id.to_string()),
            data: row.entry.told_facts().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }
}

/// A stretch of the feed.
#[derive(Serialize, ToSchema)]
pub(super) struct EventsBody {
    /// In the order in which they became durable.
    items: Vec<EventBody>,
    /// Give it as `after` to go on; there always is one, since more will happen.
    next: String,
}

/// What happened after a place in the feed, oldest first. With `Accept: text/event-stream` it is told as it happens, from
/// `after` or `Last-Event-ID` on; the stream ends when its token is revoked.
#[utoipa::path(
    get, path = "/v1/events", tag = "events",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200, 50 when absent"),
        ("after" = Option<u64>, Query, description = "the `next` of the answer before, or an event's `id`; absent: from the beginning")
    ),
    responses((status = 200, description = "oldest first", body = EventsBody))
)]
pub(super) async fn list(call: &Call<'_>) -> Answered {
    call.query.only(&["limit", "after"])?;
    let limit = call.query.limit()?;
    let after: u64 = call.query.read("after", "not a place in the feed")?.unwrap_or(0);
    let events = call.api.desk.events(call.scope(), after, limit).await?;
    Reply::ok(&EventsBody { items: events.rows.iter().map(EventBody::of).collect(), next: events.seen.to_string() })
}
