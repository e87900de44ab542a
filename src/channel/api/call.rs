//! One request, its caller proven.

use std::{future::Future, pin::Pin};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
};
use serde::{Deserialize, Serialize};

use super::{
    Api, json, overloaded,
    problem::{Code, PROBLEM_JSON, Problem},
    wire::{self, Reader},
};
use crate::{
    desk::{TokenScope, access::Seen, answers::Answer, tokens::Caller},
    model::{AgentId, ConversationId, PartyId, Scope, Side},
};

/// A request on its way to its handler.
pub(super) struct Call<'a> {
    pub(super) api: &'a Api,
    pub(super) caller: &'a Caller,
    pub(super) params: Vec<(String, String)>,
    pub(super) query: Query,
    pub(super) body: Bytes,
    /// `Idempotency-Key`, as it came.
    pub(super) key: Option<String>,
    /// Method and path, for the fingerprint of a repetition.
    pub(super) target: String,
    /// The same was done before under its key.
    pub(super) repeated: bool,
    /// What it made then.
    pub(super) made: Option<Made>,
}

/// How a handler ends.
pub(super) type Answered = Result<Reply, Problem>;

/// What a call made, as it is kept under its key: its words are not, so that an erasure need not look for them there.
pub(super) struct Made {
    /// The status of its answer.
    pub(super) status: StatusCode,
    /// The id of what was made.
    pub(super) id: String,
}

/// Whether something belongs into a list of what the caller may read.
pub(super) fn listed(read: Result<(), Problem>) -> Result<bool, Problem> {
    match read {
        Ok(()) => Ok(true),
        Err(problem) if problem.is(Code::Restricted) => Ok(false),
        Err(problem) => Err(problem),
    }
}

/// A handler at work.
pub(super) type Answering<'a> = Pin<Box<dyn Future<Output = Answered> + Send + 'a>>;

/// What a handler says.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
    pub(super) media_type: &'static str,
}

impl Reply {
    /// 200 with JSON.
    pub(super) fn ok(body: &impl Serialize) -> Answered {
        Self::json(StatusCode::OK, body)
    }

    /// 201 with JSON.
    pub(super) fn created(body: &impl Serialize) -> Answered {
        Self::json(StatusCode::CREATED, body)
    }

    /// The answer to a PUT: 201 when it made something, 200 when it replaced it (RFC 9110 §9.3.4).
    pub(super) fn put(created: bool, body: &impl Serialize) -> Answered {
        if created { Self::created(body) } else { Self::ok(body) }
    }

    /// 204.
    pub(super) fn nothing() -> Answered {
        Ok(Self { status: StatusCode::NO_CONTENT, body: Vec::new(), media_type: JSON })
    }

    fn json(status: StatusCode, body: &impl Serialize) -> Answered {
        let body = serde_json::to_vec(body).map_err(|e| crate::model::Fault::new("writing an answer", e))?;
        Ok(Self { status, body, media_type: JSON })
    }

    pub(super) fn response(self) -> Response<Full<Bytes>> {
        respond(self.status, self.media_type, self.body)
    }
}

/// A kept answer, as it was given the first time.
pub(super) fn again(answer: Answer) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    respond(status, if status.is_success() { JSON } else { PROBLEM_JSON }, answer.body)
}

fn respond(status: StatusCode, media_type: &'static str, body: Vec<u8>) -> Response<Full<Bytes>> {
    let empty = body.is_empty();
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if !empty {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Call<'_> {
    /// For which marketplace.
    pub(super) fn scope(&self) -> &Scope {
        &self.caller.scope
    }

    /// The body as JSON.
    pub(super) fn read<'b, T: Deserialize<'b>>(&'b self) -> Result<T, Problem> {
        json::read(&self.body)
    }

    /// An id of the path.
    pub(super) fn id<T: std::str::FromStr>(&self, name: &str) -> Result<T, Problem> {
        wire::id(name, self.param(name))
    }

    /// A part of the path.
    pub(super) fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// Rules and kinds of finding in words for the sender.
    pub(super) fn explain(&self) -> impl Fn(&str) -> Option<String> {
        |what| self.api.desk.explanation(self.scope(), what)
    }

    /// Who reads the answer.
    pub(super) fn reader(&self) -> Reader {
        match self.caller.may {
            TokenScope::Seller { .. } => Reader::Seller,
            _ => Reader::Marketplace,
        }
    }

    /// The seller and agent that the token is bound to.
    pub(super) fn seller(&self) -> Option<(&PartyId, &AgentId)> {
        match &self.caller.may {
            TokenScope::Seller { party, agent } => Some((party, agent)),
            _ => None,
        }
    }

    /// The two people of a conversation, if the caller may be shown what they wrote: support reads nothing of who had
    /// the use of their data restricted.
    pub(super) async fn may_read(&self, id: &ConversationId) -> Result<[PartyId; 2], Problem> {
        let (buyer, seller) = self.api.desk.between(self.scope(), id).await?;
        let parties = [buyer, seller];
        self.check_restricted(&parties).await?;
        Ok(parties)
    }

    async fn check_restricted(&self, parties: &[PartyId]) -> Result<(), Problem> {
        let staff = matches!(self.caller.may, TokenScope::Support | TokenScope::Auditor);
        if staff && self.api.desk.any_restricted(self.scope(), parties).await? {
            return Err(Problem::new(Code::Restricted));
        }
        Ok(())
    }

    /// What the same call under the same key made before, if it made something: it is told again as it is now.
    pub(super) fn made<T: std::str::FromStr>(&self) -> Option<T> {
        self.made.as_ref().and_then(|made| made.id.parse().ok())
    }

    /// What goes before every answer with words of the two of a conversation: looks whether the caller may be shown them,
    /// and remembers that it was. Where somebody may be in danger a restriction does not stand against it (GDPR, article
    /// 18, paragraph 2).
    pub(super) async fn reads(&self, id: &ConversationId, danger: bool) -> Result<(), Problem> {
        let parties = self.readable(id, danger).await?;
        self.saw(&parties, Seen::Text).await
    }

    /// The two people of a conversation, if the caller may be shown what they wrote, or somebody may be in danger.
    pub(super) async fn readable(&self, id: &ConversationId, danger: bool) -> Result<[PartyId; 2], Problem> {
        if danger { Ok(self.api.desk.between(self.scope(), id).await?.into()) } else { self.may_read(id).await }
    }

    /// The same for a list: `false`, and it waits for another's eyes.
    pub(super) async fn reads_listed(&self, id: &ConversationId, danger: bool) -> Result<bool, Problem> {
        listed(self.reads(id, danger).await)
    }

    /// The same for words that belong to no conversation.
    pub(super) async fn reads_of(&self, parties: &[PartyId]) -> Result<(), Problem> {
        self.check_restricted(parties).await?;
        self.saw(parties, Seen::Text).await
    }

    /// Remembers that the caller is shown something of these people; without that it must not be shown.
    pub(super) async fn saw(&self, parties: &[PartyId], what: Seen) -> Result<(), Problem> {
        Ok(self.api.desk.saw(self.scope(), self.caller.token, parties, what).await?)
    }

    /// Counts a dry run: it is limited like sending.
    pub(super) fn limit_dry_run(&self, id: &ConversationId) -> Result<(), Problem> {
        let names = [b"dry".as_slice(), &self.caller.token.0, id.as_str().as_bytes()];
        let key = self.api.desk.fingerprint(self.scope(), &names, &[]).key;
        self.api.dry_runs.check_key(&key).map_err(|not| overloaded(&not))
    }

    /// Counts a handle that was none.
    pub(super) fn missed(&self) -> Result<(), Problem> {
        self.api.misses.check_key(&self.caller.token).map_err(|not| overloaded(&not))
    }

    /// Refuses a seller that acts for the buyer.
    pub(super) fn acts_for(&self, side: Side) -> Result<(), Problem> {
        match self.seller() {
            Some(_) if side != Side::Seller => Err(Problem::new(Code::ForbiddenScope)),
            _ => Ok(()),
        }
    }

    /// As which side a conversation is read: `as`, where a seller left it out its own. Refuses who is neither.
    pub(super) async fn reads_as(&self, id: &ConversationId) -> Result<Side, Problem> {
        let side = match self.query.get("as") {
            Some("buyer") => Side::Buyer,
            Some("seller") => Side::Seller,
            None if self.seller().is_some() => Side::Seller,
            _ => return Err(Problem::field("as", "not buyer or seller")),
        };
        self.takes_part(id).await?;
        self.acts_for(side)?;
        Ok(side)
    }

    /// Looks whether the caller has a part in a conversation, and tells its seller. One of another seller is as
    /// absent as one of another marketplace.
    pub(super) async fn takes_part(&self, id: &ConversationId) -> Result<PartyId, Problem> {
        let (_, seller) = self.api.desk.between(self.scope(), id).await?;
        match self.seller() {
            Some((party, _)) if *party != seller => Err(Problem::new(Code::NotFound)),
            _ => Ok(seller),
        }
    }
}

/// The query, decoded.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=b&c=d`.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|p| !p.is_empty()).take(50) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let wrong = || Problem::field("query", "not percent-encoded UTF-8");
            let (name, value) = (decode(name, true).ok_or_else(wrong)?, decode(value, true).ok_or_else(wrong)?);
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(Problem::field(name, "given twice"));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// Refuses what the call does not know.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Problem> {
        match self.0.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((name, _)) => {
                Err(Problem::field(name.chars().take(64).collect::<String>(), "unknown query parameter"))
            }
            None => Ok(()),
        }
    }

    /// One parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// One parameter, read.
    pub(super) fn read<T: std::str::FromStr>(&self, name: &str, wanted: &'static str) -> Result<Option<T>, Problem> {
        self.get(name).map(|text| text.parse().map_err(|_| Problem::field(name, wanted))).transpose()
    }

    /// `limit`: 1 to 200, 50 when absent.
    pub(super) fn limit(&self) -> Result<usize, Problem> {
        let limit = self.read::<usize>("limit", "not 1 to 200")?.unwrap_or(50);
        if (1..=200).contains(&limit) { Ok(limit) } else { Err(Problem::field("limit", "not 1 to 200")) }
    }
}

/// Undoes percent-encoding.
pub(super) fn decode(text: &str, plus_is_space: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            b'+' if plus_is_space => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|n| u8::try_from(n).ok())
}

pub(super) const JSON: &str = "application/json";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_query_is_read_strictly() {
        let query = Query::parse("as=buyer&after=c%3A1&limit=20").unwrap();
        assert_eq!(query.get("as"), Some("buyer"));
        assert_eq!(query.get("after"), Some("c:1"));
        assert_eq!(query.limit().unwrap(), 20);
        assert!(query.only(&["as", "after", "limit"]).is_ok());
        assert!(query.only(&["as"]).is_err());
        assert!(Query::parse("a=1&a=2").is_err());
        assert!(Query::parse("a=%zz").is_err());
        assert!(Query::parse("a=%ff").is_err());
        for bad in ["0", "201", "-1", "x"] {
            assert!(Query::parse(&format!("limit={bad}")).unwrap().limit().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused(text in ".{0,80}") {
            let _ = Query::parse(&text);
            let _ = decode(&text, false);
        }
    }
}
