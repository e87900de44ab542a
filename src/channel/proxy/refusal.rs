//! What a caller hears of us and not of the upstream: RFC 9457, or as the upstream's own errors look.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER},
};
use serde::Serialize;

use super::{Outgoing, settings::RefusalSettings};
use crate::model::{Fault, Reason, Refusal};

/// Why a call is not answered by its upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum No {
    /// 404: no route has this method and path.
    Path,
    /// 400: two programs could read the call differently.
    Ambiguous(&'static str),
    /// 400: the body is not what it has to be, here.
    Body(&'static str),
    /// 415: the body is not in a form that the route takes, or is compressed.
    MediaType,
    /// 415: a file is of a type that is not taken, or could not be made afresh.
    File,
    /// 413.
    TooLarge,
    /// 403: no token, or none that is believed.
    Unproven,
    /// 404: there is no such conversation, or the caller has no part in it.
    Conversation,
    /// 409: the conversation is over.
    Closed,
    /// 409: the same key came with another message.
    Conflict,
    /// 409: the same message was brought before.
    Done,
    /// 429, for good reasons that are not told.
    ContactLimited,
    /// 422.
    Content,
    /// 403: nothing in a WebSocket is judged there, or not a frame of this kind.
    WebSocket,
    /// 502: nobody answers there, or not in HTTP.
    Down,
    /// 502: the connection broke, and nobody knows what had arrived by then.
    Lost,
    /// 502: it answers what must not be shown.
    Unfit,
    /// 504: it takes too long.
    Late,
    /// 503: we failed, or it is under way.
    NotNow,
}

/// A refusal as it is written (RFC 9457).
#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'a str,
    status: u16,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
}

impl No {
    /// Its status, its stable code and one sentence.
    fn words(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Path => (StatusCode::NOT_FOUND, "not_found", "there is no such thing"),
            Self::Ambiguous(_) | Self::Body(_) => (StatusCode::BAD_REQUEST, "invalid", "the request is wrong"),
            Self::MediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "invalid",
                "the body is not in a form that is taken here, or is compressed",
            ),
            Self::File => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "file_refused",
                "a file of this type, or as it is, is not taken here",
            ),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the request is too large"),
            Self::Unproven => (StatusCode::FORBIDDEN, "unauthenticated", "who calls is not proven"),
            Self::Conversation => (StatusCode::NOT_FOUND, "not_found", "there is no such conversation for you"),
            Self::Closed => (StatusCode::CONFLICT, "conversation_closed", "this conversation is closed"),
            Self::Conflict => {
                (StatusCode::CONFLICT, "idempotency_conflict", "this Idempotency-Key was used for another message")
            }
            Self::Done => (StatusCode::CONFLICT, "already_sent", "this message was sent before"),
            Self::ContactLimited => (
                StatusCode::TOO_MANY_REQUESTS,
                "contact_limited",
                "this conversation takes no further message from you for now",
            ),
            Self::Content => {
                (StatusCode::UNPROCESSABLE_ENTITY, "content_refused", "the content of this message is not allowed here")
            }
            Self::WebSocket => (StatusCode::FORBIDDEN, "invalid", "no WebSocket may be opened here"),
            Self::Down | Self::Lost => (StatusCode::BAD_GATEWAY, "upstream_down", "the service behind does not answer"),
            Self::Unfit => {
                (StatusCode::BAD_GATEWAY, "upstream_unfit", "the answer of the service behind can not be shown")
            }
            Self::Late => (StatusCode::GATEWAY_TIMEOUT, "upstream_late", "the service behind takes too long"),
            Self::NotNow => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "not now: try again"),
        }
    }

    /// Whether the upstream may have what it was sent.
    pub(super) fn is_unsure(self) -> bool {
        matches!(self, Self::Lost | Self::Late)
    }

    /// The word for the count of refusals.
    pub(super) fn code(self) -> &'static str {
        self.words().1
    }

    /// In the words of a form: `{status}`, `{code}` and `{title}` are filled in.
    pub(super) fn worded(self, form: &str) -> String {
        let (status, code, title) = self.words();
        form.replace("{status}", status.as_str()).replace("{code}", code).replace("{title}", title)
    }

    /// As an answer, in the upstream's own form where there is one.
    pub(super) fn response(self, form: Option<&RefusalSettings>) -> Response<Outgoing> {
        let (status, code, title) = self.words();
        let detail = match self {
            Self::Ambiguous(detail) | Self::Body(detail) => Some(detail),
            _ => None,
        };
        let (media_type, body) = match form {
            Some(form) => (form.media_type.as_str(), self.worded(&form.body).into_bytes()),
            None => {
                let problem = Problem { kind: "about:blank", title, status: status.as_u16(), code, detail };
                // A struct of texts and numbers always serialises.
                ("application/problem+json", serde_json::to_vec(&problem).unwrap_or_default())
            }
        };
        let mut response = Response::new(Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.extend(HeaderValue::from_str(media_type).ok().map(|value| (CONTENT_TYPE, value)));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if matches!(self, Self::Down | Self::Lost | Self::Late | Self::NotNow) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(AGAIN));
        }
        response
    }
}

impl From<Fault> for No {
    fn from(fault: Fault) -> Self {
        tracing::error!(fault = %fault.chain(), "answering a call of the proxy");
        Self::NotNow
    }
}

impl From<&Refusal> for No {
    fn from(refusal: &Refusal) -> Self {
        match refusal.reason {
            reason if reason.is_contact() => Self::ContactLimited,
            Reason::Closed => Self::Closed,
            Reason::Conflict => Self::Conflict,
            Reason::TooLarge => Self::TooLarge,
            Reason::UnknownHandle => Self::Conversation,
            _ => Self::Content,
        }
    }
}

/// Seconds after which to come again.
const AGAIN: &str = "2";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_refusal_looks_like_the_upstreams_own_where_a_form_is_given() {
        let form = RefusalSettings {
            media_type: "application/vnd.chat+json".to_owned(),
            body: r#"{"error":{"status":{status},"code":"{code}","message":"{title}"}}"#.to_owned(),
        };
        let response = No::Content.response(Some(&form));
        assert_eq!(
            (response.status().as_u16(), &response.headers()[CONTENT_TYPE]),
            (422, &form.media_type.parse().unwrap())
        );
        let body: serde_json::Value =
            serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap();
        assert_eq!((&body["error"]["status"], &body["error"]["code"]), (&422.into(), &"content_refused".into()));
    }

    #[test]
    fn only_what_passes_by_itself_says_when_to_come_back() {
        for (no, wanted) in [(No::Down, true), (No::Late, true), (No::NotNow, true), (No::ContactLimited, false)] {
            assert_eq!(no.response(None).headers().contains_key(RETRY_AFTER), wanted, "{no:?}");
        }
    }
}
