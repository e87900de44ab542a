//! Calls that are judged before a byte of them goes upstream: messages take the relay's one way, other texts are cleaned.

use std::str::FromStr;

use bytes::Bytes;
use hyper::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue},
};

use super::{
    Call, No, Outgoing, Proxy,
    json::{Json, Step},
    routes::{Does, People, Place},
    token::Claims,
    upstream::Load,
};
use crate::{
    desk::{Declined, Idempotency, scrub::ScrubAsked},
    model::{Channel, Content, ConversationId, Fault, PartyId, Purpose, Scope, Shown, Side, Verdict},
    relay::{Inbound, Passage},
};

/// Who writes to whom.
struct Speaker {
    conversation: ConversationId,
    from: Side,
    /// How we know: a fact that names nobody.
    proof: &'static str,
}

/// Where a call's people are looked for.
pub(super) struct Evidence<'a> {
    pub(super) call: &'a Call,
    pub(super) body: Option<&'a Json>,
    pub(super) claims: Option<Claims>,
}

impl Evidence<'_> {
    /// What stands at a place. What is said twice is not said.
    pub(super) fn find<T: FromStr>(&self, place: &Place) -> Option<T> {
        let text = match place {
            Place::Path(name) => self.call.found.params.iter().find(|(own, _)| own == name)?.1.clone(),
            Place::Header(name) => only(&self.call.parts.headers, name)?.to_owned(),
            Place::Claim(name) => self.claims.as_ref()?.get(name)?,
            Place::Body(pointer) => match self.body?.at(pointer)? {
                Json::Text(text) => text.clone(),
                Json::Unsigned(number) => number.to_string(),
                _ => return None,
            },
        };
        text.parse().ok()
    }
}

impl Proxy {
    /// The caller's token, where the route looks at one: it must be believed.
    pub(super) fn claims(&self, people: &People, headers: &HeaderMap) -> Result<Option<Claims>, No> {
        let Some(issuer) = &people.issuer else { return Ok(None) };
        issuer.claims(headers, self.clock.now()).map(Some).ok_or(No::Unproven)
    }

    /// Judges a call, and brings upstream what may go there.
    pub(super) async fn judged(
        &self,
        call: Call,
        body: Json,
        claims: Option<Claims>,
    ) -> Result<Response<Outgoing>, No> {
        let route = std::sync::Arc::clone(&call.found.route);
        let Some(people) = &route.people else { return Err(No::NotNow) };
        let evidence = Evidence { call: &call, body: Some(&body), claims };
        match &route.does {
            Does::Message { text, subject } => {
                let speaker = self.speaker(people, &evidence).await?;
                self.message(call, &people.scope, speaker, body, (text, subject.as_deref())).await
            }
            Does::Scrub { texts } => {
                let side = people.side.as_ref().and_then(|place| evidence.find::<SideWord>(place)).map(|word| word.0);
                let known = people.conversation.as_ref().and_then(|place| evidence.find(place));
                let clean = self.clean(&people.scope, side, body, texts).await?;
                self.bring(call, clean, known).await
            }
            Does::Pass { .. } => Err(No::NotNow),
        }
    }

    /// Whose call it is: of one of the two between whom the conversation is.
    async fn speaker(&self, people: &People, evidence: &Evidence<'_>) -> Result<Speaker, No> {
        let conversation = people.conversation.as_ref().and_then(|place| evidence.find::<ConversationId>(place));
        let conversation = conversation.ok_or(No::Conversation)?;
        let between = self.desk.between(&people.scope, &conversation).await;
        let (buyer, seller) = between.map_err(|declined| match declined {
            Declined::Fault(fault) => fault.into(),
            _ => No::Conversation,
        })?;
        let place = people.sender.as_ref().or(people.side.as_ref()).ok_or(No::NotNow)?;
        let from = match &people.sender {
            Some(place) => match evidence.find::<PartyId>(place) {
                Some(party) if party == buyer => Some(Side::Buyer),
                Some(party) if party == seller => Some(Side::Seller),
                _ => None,
            },
            None => evidence.find::<SideWord>(place).map(|word| word.0),
        };
        let Some(from) = from else {
            tracing::warn!(%conversation, "a caller of the proxy has no part in this conversation");
            return Err(No::Conversation);
        };
        Ok(Speaker { conversation, from, proof: proof(place) })
    }

    async fn message(
        &self,
        call: Call,
        scope: &Scope,
        speaker: Speaker,
        mut body: Json,
        (text, subject): (&[Step], Option<&[Step]>),
    ) -> Result<Response<Outgoing>, No> {
        if call.found.route.upstream.is_down() {
            return Err(No::Down);
        }
        let Speaker { conversation, from, proof } = speaker;
        let said = words(&body, text)?.filter(|said| !said.trim().is_empty());
        let said = said.ok_or(No::Body("the text is not where it has to be"))?;
        let titled = subject.map_or(Ok(None), |subject| words(&body, subject))?;
        let idempotency = self.idempotency(&call, scope, (&conversation, from), &body)?;
        let inbound = Inbound {
            scope: scope.clone(),
            conversation: conversation.clone(),
            from,
            agent: None,
            channel: Channel::Proxy,
            purpose: Purpose::default(),
            template: None,
            proof: proof.to_owned(),
            content: Content { subject: titled, text: Some(said), ..Content::default() },
            removed: Vec::new(),
            named: Vec::new(),
            idempotency,
        };
        let (errand, accepted) = match self.relay.pass_upstream(inbound).await {
            Passage::Bring(errand, accepted) => (errand, accepted),
            Passage::Done => return Err(No::Done),
            Passage::UnderWay => return Err(No::NotNow),
            Passage::Refused(refusal) => return Err(No::from(&refusal)),
            Passage::Failed(fault) => return Err(fault.into()),
        };
        let Shown { text: clean, subject: clean_subject, .. } = accepted.delivered;
        put(&mut body, text, clean);
        if let Some(subject) = subject {
            put(&mut body, subject, clean_subject);
        }
        let mut call = call;
        let answered = call.send_json(body).await;
        match &answered {
            Ok(response) => self.relay.brought(errand, is_taken(response.status())).await,
            Err(no) if no.is_unsure() => self.relay.unsure(errand),
            Err(_) => self.relay.brought(errand, false).await,
        }
        self.show(&call, answered?, Some(conversation)).await
    }

    async fn bring(&self, mut call: Call, body: Json, known: Option<ConversationId>) -> Result<Response<Outgoing>, No> {
        let response = call.send_json(body).await?;
        self.show(&call, response, known).await
    }

    /// Cleans texts as consecutive messages of one sender, so that what is split over them is found.
    async fn clean(&self, scope: &Scope, side: Option<Side>, mut body: Json, texts: &[Vec<Step>]) -> Result<Json, No> {
        let mut found = Vec::new();
        let mut odd = false;
        for pointer in texts {
            let walked = body.each(pointer, &mut |value| match value {
                Json::Text(text) => found.push(text.clone()),
                Json::Null => {}
                _ => odd = true,
            });
            odd |= walked.is_err();
        }
        if odd {
            return Err(No::Body("something else stands where a text has to be"));
        }
        if found.len() > MOST_TEXTS {
            return Err(No::TooLarge);
        }
        let length: usize = found.iter().map(String::len).sum();
        let asked = ScrubAsked { sender: side, ..ScrubAsked::default() };
        let reading = self.desk.reading(scope, &asked).await?;
        let desk = std::sync::Arc::clone(&self.desk);
        let look = move || {
            let pieces: Vec<&str> = found.iter().map(String::as_str).collect();
            desk.scrub(&pieces, &reading)
        };
        // Much to read is read aside, so that it holds up nobody's session.
        let scrubbed = match length > READ_ASIDE {
            true => tokio::task::spawn_blocking(look).await.map_err(|e| Fault::new("reading texts aside", e))?,
            false => look(),
        };
        let findings: Vec<_> = scrubbed.findings.into_iter().map(|(finding, _)| finding).collect();
        if self.desk.would_at_once(scope, &findings, &scrubbed.signals, side) >= Verdict::Hold {
            return Err(No::Content);
        }
        let mut clean = scrubbed.texts.into_iter();
        for pointer in texts {
            let walked = body.each(pointer, &mut |value| {
                if let Json::Text(text) = value {
                    *text = clean.next().unwrap_or_default();
                }
            });
            walked.map_err(|_| No::NotNow)?;
        }
        Ok(body)
    }

    /// The relay's key for a repetition: of this side in this conversation, whoever else uses the same words.
    fn idempotency(
        &self,
        call: &Call,
        scope: &Scope,
        (conversation, from): (&ConversationId, Side),
        body: &Json,
    ) -> Result<Option<Idempotency>, No> {
        if !call.parts.headers.contains_key(IDEMPOTENCY_KEY) {
            return Ok(None);
        }
        let key = only(&call.parts.headers, IDEMPOTENCY_KEY).filter(|key| (1..=255).contains(&key.len()));
        let key = key.ok_or(No::Ambiguous("Idempotency-Key has 1 to 255 visible characters"))?;
        let route = call.found.route.name.as_bytes();
        let names =
            [b"proxy".as_slice(), route, conversation.as_str().as_bytes(), from.as_str().as_bytes(), key.as_bytes()];
        Ok(Some(self.desk.fingerprint(scope, &names, &[&body.written()])))
    }
}

impl Call {
    async fn send_json(&mut self, body: Json) -> Result<Response<hyper::body::Incoming>, No> {
        let written = body.written();
        // Many times as long as what is written: nobody waits for an upstream with it in hand.
        drop(body);
        super::head::rewritten(&mut self.parts.headers);
        // Whatever the caller said of letters and their bytes: they are UTF-8 now.
        self.parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.send(Load::Whole(Bytes::from(written))).await
    }
}

/// `buyer` or `seller`.
struct SideWord(Side);

impl FromStr for SideWord {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "buyer" => Ok(Self(Side::Buyer)),
            "seller" => Ok(Self(Side::Seller)),
            _ => Err(()),
        }
    }
}

fn proof(place: &Place) -> &'static str {
    match place {
        Place::Path(_) => "path",
        Place::Header(_) => "header",
        Place::Body(_) => "body",
        Place::Claim(_) => "jwt",
    }
}

/// The text at a place; `None`: there is none.
fn words(body: &Json, pointer: &[Step]) -> Result<Option<String>, No> {
    match body.at(pointer) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text.clone())),
        Some(_) => Err(No::Body("something else stands where a text has to be")),
    }
}

/// Puts the clean text where the other stood.
fn put(body: &mut Json, pointer: &[Step], clean: Option<String>) {
    // It was found there.
    let _ = body.each(pointer, &mut |value| {
        if let Json::Text(text) = value {
            *text = clean.clone().unwrap_or_default();
        }
    });
}

/// Whether an upstream says by this that it has the message: what is to be sent elsewhere, it has not.
fn is_taken(status: StatusCode) -> bool {
    status.is_success() || matches!(status.as_u16(), 301..=303)
}

/// The value of a field that comes once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let (only, None) = (all.next()?.to_str().ok()?, all.next()) else { return None };
    Some(only)
}

/// Texts of one call, as POST /v1/scrub takes them.
const MOST_TEXTS: usize = 1_000;
/// A few hundred microseconds' work, in bytes.
const READ_ASIDE: usize = 16 * 1_024;
const IDEMPOTENCY_KEY: &str = "idempotency-key";
