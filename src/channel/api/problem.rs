//! What a caller hears when the answer is no: RFC 9457 with a stable code.

use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{desk::Declined, model::Fault};

use super::wire::{FindingBody, ReasonBody, SignalBody};

/// The stable codes of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Code {
    /// 429: this conversation takes no further message from this sender for now.
    ContactLimited,
    /// 422: the content is not allowed.
    ContentRefused,
    /// 409: the conversation is over.
    ConversationClosed,
    /// 403: the token has another scope.
    ForbiddenScope,
    /// 409: the same key came with another body.
    IdempotencyConflict,
    /// 400: a field is wrong.
    Invalid,
    /// 404: there is no such thing here.
    NotFound,
    /// 403: the person had the use of their data restricted.
    Restricted,
    /// 429: too many requests; `Retry-After` says when.
    Overloaded,
    /// 413: a body or file is too large.
    TooLarge,
    /// 401: no token, or none that is known.
    Unauthenticated,
    /// 503: we failed; nothing was accepted.
    Unavailable,
}

impl Code {
    fn status(self) -> StatusCode {
        match self {
            Self::ContactLimited | Self::Overloaded => StatusCode::TOO_MANY_REQUESTS,
            Self::ContentRefused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::ConversationClosed | Self::IdempotencyConflict => StatusCode::CONFLICT,
            Self::ForbiddenScope | Self::Restricted => StatusCode::FORBIDDEN,
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::ContactLimited => "this conversation takes no further message from you for now",
            Self::ContentRefused => "the content of this message is not allowed here",
            Self::ConversationClosed => "this conversation is closed",
            Self::ForbiddenScope => "this token may not do that",
            Self::IdempotencyConflict => "this Idempotency-Key was used for another request",
            Self::Invalid => "a field of the request is wrong",
            Self::NotFound => "there is no such thing",
            Self::Restricted => "the person had the use of their data restricted",
            Self::Overloaded => "too many requests",
            Self::TooLarge => "the request or one of its files is too large",
            Self::Unauthenticated => "a bearer token is wanted",
            Self::Unavailable => "not now: nothing was accepted, try again",
        }
    }
}

/// A problem as it goes out (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// Always `about:blank`: the code says it.
    #[serde(rename = "type")]
    kind: &'static str,
    /// One stable sentence for the code.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The stable code.
    code: Code,
    /// What is wrong, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The field at fault, such as `emails[1]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// The refused message, where it was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    id: Option<crate::model::EventId>,
    /// What was found in the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<FindingBody>>,
    /// What the message is up to: for the marketplace alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    signals: Option<Vec<SignalBody>>,
    /// Why. A seller is told of what it wrote, and nothing of reviews, budgets and blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<Vec<ReasonBody>>,
    #[serde(skip)]
    retry_after: Option<u64>,
    /// `Allow`, of a path that knows other methods.
    #[serde(skip)]
    allow: Option<HeaderValue>,
}

impl Problem {
    /// Whether it is of this kind.
    pub(super) fn is(&self, code: Code) -> bool {
        self.code == code
    }

    /// With nothing but its code.
    pub(super) fn new(code: Code) -> Self {
        Self {
            kind: "about:blank",
            title: code.title(),
            status: code.status().as_u16(),
            code,
            detail: None,
            field: None,
            id: None,
            findings: None,
            signals: None,
            reasons: None,
            retry_after: (code == Code::Unavailable).then_some(1),
            allow: None,
        }
    }

    /// A field is wrong.
    pub(super) fn field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: Some(field.into()), detail: Some(detail.into()), ..Self::new(Code::Invalid) }
    }

    /// There is no such method here, but these (RFC 9110 §15.5.6).
    pub(super) fn method(allowed: &str) -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED.as_u16(),
            title: "this path knows other methods",
            detail: Some(allowed.to_owned()),
            allow: HeaderValue::from_str(allowed).ok(),
            ..Self::new(Code::Invalid)
        }
    }

    /// The body says to be something else than JSON.
    pub(super) fn media_type() -> Self {
        Self {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE.as_u16(),
            ..Self::field("Content-Type", "not application/json")
        }
    }

    /// A field reads well, and what it says does not fit what is here.
    pub(super) fn unfit(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY.as_u16(), ..Self::field(field, detail) }
    }

    /// Too many requests, for so many seconds.
    pub(super) fn overloaded(seconds: u64) -> Self {
        Self { retry_after: Some(seconds.max(1)), ..Self::new(Code::Overloaded) }
    }

    /// About a message that was recorded.
    pub(super) fn about(mut self, id: Option<crate::model::EventId>) -> Self {
        self.id = id;
        self
    }

    /// With what was found.
    pub(super) fn with_findings(mut self, findings: Vec<FindingBody>) -> Self {
        self.findings = Some(findings);
        self
    }

    /// With why.
    pub(super) fn with_reasons(mut self, reasons: Vec<ReasonBody>) -> Self {
        self.reasons = Some(reasons);
        self
    }

    /// With what only the marketplace is told.
    pub(super) fn with_signals(mut self, signals: Vec<SignalBody>) -> Self {
        self.signals = Some(signals);
        self
    }

    /// Whether the fault is ours, so that the answer must not be kept.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self.code, Code::Unavailable | Code::Overloaded)
    }

    /// The status.
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// The body.
    pub(super) fn body(&self) -> Vec<u8> {
        // A struct of texts and numbers always serialises.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// As an HTTP response.
    pub(super) fn response(&self) -> Response<Full<bytes::Bytes>> {
        let mut response = Response::new(Full::from(self.body()));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.code == Code::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(allowed) = &self.allow {
            headers.insert(ALLOW, allowed.clone());
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        tracing::error!(fault = %fault.chain(), "answering a request");
        Self::new(Code::Unavailable)
    }
}

impl From<Declined> for Problem {
    fn from(declined: Declined) -> Self {
        match declined {
            Declined::NotFound => Self::new(Code::NotFound),
            Declined::Restricted => Self::new(Code::Restricted),
            Declined::OtherParties => Self::field("buyer", "this conversation is between another buyer and seller"),
            Declined::Fault(fault) => fault.into(),
            Declined::Unfit(wrong) => Self::unfit(wrong.path(), wrong.why),
            Declined::Wrong(wrong) => Self::field(wrong.path(), wrong.why),
        }
    }
}

pub(super) const PROBLEM_JSON: &str = "application/problem+json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_technical_refusals_say_when_to_come_back() {
        let retry = |problem: Problem| problem.response().headers().get(RETRY_AFTER).is_some();
        assert!(retry(Problem::overloaded(3)));
        assert!(retry(Problem::new(Code::Unavailable)));
        assert!(!retry(Problem::new(Code::ContactLimited)));
    }

    #[test]
    fn a_problem_names_its_code_and_its_field() {
        let body: serde_json::Value = serde_json::from_slice(&Problem::field("emails[1]", "no").body()).unwrap();
        assert_eq!(body["code"], "invalid");
        assert_eq!(body["field"], "emails[1]");
        assert_eq!(body["status"], 400);
        assert!(body.get("reasons").is_none());
    }
}
