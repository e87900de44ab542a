//! A WebSocket whose caller's words are judged, frame by frame (RFC 6455). What the upstream says goes to the caller, contacts
//! in it replaced; what the caller says goes upstream when a rule of the route fits it, judged as the rule wants it.

use std::{fmt::Write as _, sync::Arc};

use futures_util::{SinkExt, StreamExt};
use hyper::{Response, StatusCode, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message, Utf8Bytes,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{
    Call, Line, No, Outgoing, Proxy,
    body::Body,
    empty, head,
    json::{self, Json, Step},
    judged::Evidence,
    routes::{People, Place},
    settings::FrameWrapping,
    upstream::Load,
};
use crate::relay::Errand;

/// What becomes of the frames of a WebSocket.
pub(super) struct Frames {
    pub(super) rules: Vec<Rule>,
    /// Whether a frame that no rule fits goes through.
    pub(super) others: bool,
    pub(super) wrapping: FrameWrapping,
}

/// Frames of one kind.
pub(super) struct Rule {
    /// What stands where in them.
    pub(super) when: Vec<(Vec<Step>, String)>,
    pub(super) does: Does,
    /// Where the conversation's id stands, if not where the route says.
    pub(super) conversation: Option<Place>,
    /// What the caller reads in the place of the upstream's answer when a frame is refused.
    pub(super) refusal: Option<String>,
    /// What of the frame is in that: a number by which the caller knows which.
    pub(super) echo: Option<Vec<Step>>,
}

/// What becomes of a frame.
pub(super) enum Does {
    Pass,
    Scrub(Vec<Vec<Step>>),
    Message(Vec<Step>),
}

/// What goes on of a frame.
enum Judged {
    /// This.
    Go(Utf8Bytes, Option<Errand>),
    /// Nothing: the caller is told so, or the connection ends.
    Stay(No, Option<String>),
}

type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

impl Proxy {
    /// Opens a WebSocket between the caller and the upstream, and stands in it.
    pub(super) async fn talk(
        self: Arc<Self>,
        mut call: Call,
        upgrade: OnUpgrade,
        line: Arc<Line>,
    ) -> Result<Response<Outgoing>, No> {
        let route = Arc::clone(&call.found.route);
        let people = route.people.as_ref().ok_or(No::NotNow)?;
        if !route.observe {
            if !route.takes_query(call.parts.uri.query().unwrap_or_default()) {
                return Err(No::Ambiguous("something stands in the query that may not"));
            }
            // Who calls must be proven before anything is opened, and again at each message.
            self.claims(people, &call.parts.headers)?;
        }
        let kept = call.parts.headers.clone();
        let mut parts = call.outgoing();
        call.parts.headers = kept;
        head::websocket(&mut parts.headers);
        // What is compressed could not be read.
        parts.headers.remove(EXTENSIONS);
        let mut response = route.upstream.send(parts, Load::Whole(bytes::Bytes::new())).await?;
        let theirs = hyper::upgrade::on(&mut response);
        let (mut parts, body) = response.into_parts();
        head::to_caller(&mut parts.headers);
        if parts.status != StatusCode::SWITCHING_PROTOCOLS {
            use http_body_util::BodyExt;
            return Ok(Response::from_parts(parts, body.map_err(Into::into).boxed()));
        }
        if parts.headers.contains_key(EXTENSIONS) {
            return Err(No::Unfit);
        }
        head::websocket(&mut parts.headers);
        tokio::spawn(async move {
            let (Ok(ours), Ok(theirs)) = tokio::join!(upgrade, theirs) else { return };
            let most = Some(self.max_judged);
            let config = WebSocketConfig::default()
                .read_buffer_size(BUFFER)
                .write_buffer_size(0)
                .max_write_buffer_size(self.max_judged.saturating_mul(2).max(BUFFER))
                .max_message_size(most)
                .max_frame_size(most);
            let caller = WebSocketStream::from_raw_socket(TokioIo::new(ours), Role::Server, Some(config)).await;
            let upstream = WebSocketStream::from_raw_socket(TokioIo::new(theirs), Role::Client, Some(config)).await;
            self.stand_between(&call, caller, upstream, line).await;
        });
        Ok(Response::from_parts(parts, empty()))
    }

    /// Hands frames on until one side ends, or the drain begins.
    async fn stand_between(&self, call: &Call, mut caller: Socket, mut upstream: Socket, line: Arc<Line>) {
        let mut draining = line.draining.clone();
        loop {
            let went = tokio::select! {
                said = caller.next() => match said {
                    // On the heap, and only while it lasts: most connections are idle.
                    Some(Ok(said)) => Box::pin(self.hear(call, said, &mut caller, &mut upstream)).await,
                    _ => None,
                },
                told = upstream.next() => match told {
                    Some(Ok(told)) => match told {
                        // Each side's pings are answered on its own connection.
                        Message::Ping(_) | Message::Pong(_) => Some(()),
                        Message::Close(why) => {
                            let _ = caller.send(Message::Close(why)).await;
                            None
                        }
                        told => match Box::pin(self.told(call, told)).await {
                            Ok(told) => caller.send(told).await.ok(),
                            Err(no) => self.refuse(no, None, &mut caller).await,
                        },
                    },
                    _ => None,
                },
                () = draining.begun() => {
                    let away = CloseFrame { code: CloseCode::Restart, reason: Utf8Bytes::from_static("") };
                    let _ = caller.send(Message::Close(Some(away.clone()))).await;
                    None
                }
            };
            if went.is_none() {
                break;
            }
        }
        let _ = caller.close(None).await;
        let _ = upstream.close(None).await;
    }

    /// What the service says, contacts in it replaced where the route names any. What can not be read is not shown then.
    async fn told(&self, call: &Call, told: Message) -> Result<Message, No> {
        let route = &call.found.route;
        if route.contacts.is_empty() || route.observe {
            return Ok(told);
        }
        let Message::Text(text) = told else { return Err(No::Unfit) };
        let wrapping = route.frames().map_or(FrameWrapping::None, |frames| frames.wrapping);
        let (before, rest) = wrapping.parted(&text);
        if !looks_like_json(rest) {
            return Ok(Message::Text(text));
        }
        let mut json = Json::read(rest.as_bytes()).ok_or(No::Unfit)?;
        let known = self.people_of_answer(call).ok().flatten();
        self.masker(call, known).mask(&mut json).await?;
        Ok(Message::Text(wrapped(before, &json)))
    }

    /// What would have become of a frame, where frames go through as they came.
    async fn observe(&self, call: &Call, said: &Message) {
        let route = &call.found.route;
        let (Message::Text(text), Some((frames, people))) = (said, route.frames().zip(route.people.as_ref())) else {
            return call.count(No::WebSocket.code());
        };
        let (_, rest) = frames.wrapping.parted(text);
        let Some(json) = Json::read(rest.as_bytes()) else { return };
        let would = match frames.rules.iter().find(|rule| rule.fits(&json)).map(|rule| (rule, &rule.does)) {
            Some((_, Does::Pass)) => Ok("clean"),
            Some((_, Does::Scrub(texts))) => self.would_clean(people, Body::of(json), texts).await,
            Some((rule, Does::Message(text))) => {
                let place = rule.conversation.as_ref();
                self.would_pass(call, people, place, Body::of(json), (text, None)).await
            }
            None if frames.others => Ok("clean"),
            None => Err(No::Body("a frame that no rule fits")),
        };
        call.count(would.unwrap_or_else(No::code));
    }

    /// One frame of the caller's; `None`: it was the last.
    async fn hear(&self, call: &Call, said: Message, caller: &mut Socket, upstream: &mut Socket) -> Option<()> {
        if call.found.route.observe && matches!(said, Message::Text(_) | Message::Binary(_)) {
            self.observe(call, &said).await;
            return upstream.send(said).await.ok();
        }
        let text = match said {
            Message::Text(text) => text,
            Message::Ping(_) | Message::Pong(_) => return Some(()),
            Message::Close(why) => {
                let _ = upstream.send(Message::Close(why)).await;
                return None;
            }
            // A service that reads JSON from bytes too reads what we did not.
            Message::Binary(_) | Message::Frame(_) => return self.refuse(No::WebSocket, None, caller).await,
        };
        match self.judge_frame(call, &text).await {
            Judged::Go(text, None) => upstream.send(Message::Text(text)).await.ok(),
            Judged::Go(text, Some(errand)) => {
                let sent = upstream.send(Message::Text(text)).await.is_ok();
                self.relay.brought(errand, sent).await;
                sent.then_some(())
            }
            Judged::Stay(no, words) => self.refuse(no, words, caller).await,
        }
    }

    async fn refuse(&self, no: No, words: Option<String>, caller: &mut Socket) -> Option<()> {
        metrics::counter!("tabir_proxy_refused_total", "code" => no.code()).increment(1);
        if let Some(words) = words {
            return caller.send(Message::Text(words.into())).await.ok();
        }
        let why = CloseFrame { code: CloseCode::Policy, reason: Utf8Bytes::from_static(no.code()) };
        let _ = caller.send(Message::Close(Some(why))).await;
        None
    }

    async fn judge_frame(&self, call: &Call, text: &Utf8Bytes) -> Judged {
        let route = &call.found.route;
        let Some((frames, people)) = route.frames().zip(route.people.as_ref()) else {
            return Judged::Stay(No::NotNow, None);
        };
        let (before, rest) = frames.wrapping.parted(text);
        if !looks_like_json(rest) {
            // A word of the protocol, such as `ping`, and nothing that could be read as more.
            return match frames.others || frames.wrapping == FrameWrapping::Socketio && rest.is_empty() {
                true => Judged::Go(text.clone(), None),
                false => Judged::Stay(No::Body("a frame that no rule fits"), None),
            };
        }
        let Some(json) = Json::read(rest.as_bytes()) else {
            return Judged::Stay(No::Body("a frame that two programs could read differently"), None);
        };
        let Some(rule) = frames.rules.iter().find(|rule| rule.fits(&json)) else {
            return match frames.others {
                true => Judged::Go(wrapped(before, &json), None),
                false => Judged::Stay(No::Body("a frame that no rule fits"), None),
            };
        };
        let told = rule.echo.as_ref().and_then(|echo| json.at(echo)).map(Json::written);
        let judged = match self.turns.try_acquire() {
            Ok(_turn) => self.by_rule(call, people, rule, json).await,
            Err(_) => Err(No::NotNow),
        };
        match judged {
            Ok((json, errand)) => Judged::Go(wrapped(before, &json), errand),
            Err(no) => Judged::Stay(no, rule.refused(no, told)),
        }
    }

    async fn by_rule(
        &self,
        call: &Call,
        people: &People,
        rule: &Rule,
        json: Json,
    ) -> Result<(Json, Option<Errand>), No> {
        let text = match &rule.does {
            Does::Pass => return Ok((json, None)),
            Does::Scrub(texts) => {
                let clean = self.clean(&people.scope, None, Body::of(json), texts).await?;
                return Ok((clean.fields, None));
            }
            Does::Message(text) => text,
        };
        let claims = self.claims(people, &call.parts.headers)?;
        let evidence = Evidence { call, body: Some(&json), claims };
        let speaker = self.speaker(people, rule.conversation.as_ref(), &evidence).await?;
        let (errand, body) = self.recorded(&people.scope, &speaker, Body::of(json), (text, None), None).await?;
        Ok((body.fields, Some(errand)))
    }
}

impl Rule {
    fn fits(&self, json: &Json) -> bool {
        self.when.iter().all(|(place, wanted)| match json.at(place) {
            Some(Json::Text(text)) => json::same(text, wanted),
            Some(Json::Unsigned(number)) => number.to_string() == *wanted,
            Some(Json::Bool(truth)) => truth.to_string() == *wanted,
            _ => false,
        })
    }

    /// What the caller reads when a frame is refused; `None`: the connection ends.
    fn refused(&self, no: No, echo: Option<Vec<u8>>) -> Option<String> {
        let form = self.refusal.as_ref()?;
        let echo = echo.and_then(|echo| String::from_utf8(echo).ok()).unwrap_or_else(|| "null".to_owned());
        // What the caller wrote comes last, so that nothing in it is filled in.
        Some(no.worded(form).replace("{echo}", &echo))
    }
}

impl FrameWrapping {
    /// What stands before the JSON, and the JSON.
    fn parted(self, text: &str) -> (&str, &str) {
        match self {
            Self::None => ("", text),
            // The packet's type, its namespace, and the number of the answer that is waited for.
            Self::Socketio => {
                let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
                let mut at = digits(text);
                if text[at..].starts_with('/') {
                    at += text[at..].find(',').map_or(0, |comma| comma + 1);
                    at += digits(&text[at..]);
                }
                text.split_at(at)
            }
        }
    }
}

fn wrapped(before: &str, json: &Json) -> Utf8Bytes {
    let mut text = String::from(before);
    let _ = write!(text, "{}", String::from_utf8_lossy(&json.written()));
    text.into()
}

/// Whether a reader of JSON, a generous one too, might find an object, a list or a text in it.
fn looks_like_json(text: &str) -> bool {
    text.contains(['{', '[', '"'])
}

/// Bytes that are read at once: most connections are idle, and hold this much.
const BUFFER: usize = 2_048;
const EXTENSIONS: &str = "sec-websocket-extensions";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_the_json_of_a_packet_is_told_apart() {
        for (text, before, json) in [
            ("2", "2", ""),
            ("2probe", "2", "probe"),
            (r#"42["a"]"#, "42", r#"["a"]"#),
            (r#"4217["a"]"#, "4217", r#"["a"]"#),
            (r#"42/shop,["a"]"#, "42/shop,", r#"["a"]"#),
            (r#"42/shop,7["a"]"#, "42/shop,7", r#"["a"]"#),
            (r#"42/shop["a"]"#, "42", r#"/shop["a"]"#),
            (r#"451-["a"]"#, "451", r#"-["a"]"#),
            ("", "", ""),
        ] {
            assert_eq!(FrameWrapping::Socketio.parted(text), (before, json));
        }
    }
}
