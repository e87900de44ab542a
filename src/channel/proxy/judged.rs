//! Calls that are judged before a byte of them goes upstream: messages take the relay's one way, other texts are cleaned.

use std::str::FromStr;

use hyper::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderMap},
};

use super::{
    Call, No, Outgoing, Proxy,
    body::Body,
    json::{Json, Step},
    routes::{Does, People, Place},
    token::Claims,
    upstream::Load,
};
use crate::{
    desk::{
        Declined, Idempotency,
        scrub::{Reading, ScrubAsked},
    },
    model::{Attachment, Channel, Content, ConversationId, Fault, PartyId, Purpose, Scope, Shown, Side, Verdict},
    relay::{Errand, Inbound, Opened, Passage},
};

/// Who writes to whom.
pub(super) struct Speaker {
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
            Place::Body(pointer) => return read_at(self.body?, pointer),
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
        body: Body,
        claims: Option<Claims>,
    ) -> Result<Response<Outgoing>, No> {
        let route = std::sync::Arc::clone(&call.found.route);
        let Some(people) = &route.people else { return Err(No::NotNow) };
        let evidence = Evidence { call: &call, body: Some(&body.fields), claims };
        match &route.does {
            Does::Message { text, subject } => {
                let speaker = self.speaker(people, None, &evidence).await?;
                self.message(call, &people.scope, speaker, body, (text, subject.as_deref())).await
            }
            Does::Scrub { texts } => {
                let side = people.side.as_ref().and_then(|place| evidence.find::<SideWord>(place)).map(|word| word.0);
                let known = people.conversation.as_ref().and_then(|place| evidence.find(place));
                let clean = self.clean(&people.scope, side, body, texts).await?;
                self.bring(call, clean, known).await
            }
            Does::Pass { .. } | Does::Talk(_) => Err(No::NotNow),
        }
    }

    /// Whose call it is: of one of the two between whom the conversation is.
    pub(super) async fn speaker(
        &self,
        people: &People,
        conversation: Option<&Place>,
        evidence: &Evidence<'_>,
    ) -> Result<Speaker, No> {
        let conversation =
            conversation.or(people.conversation.as_ref()).and_then(|place| evidence.find::<ConversationId>(place));
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
        mut call: Call,
        scope: &Scope,
        speaker: Speaker,
        body: Body,
        places: (&[Step], Option<&[Step]>),
    ) -> Result<Response<Outgoing>, No> {
        let boundary = self.boundary()?;
        let idempotency = self.idempotency(&call, scope, (&speaker.conversation, speaker.from), &body)?;
        if call.found.route.upstream.is_down() {
            return Err(No::Down);
        }
        let (errand, body) = self.recorded(scope, &speaker, body, places, idempotency).await?;
        let answered = call.send_body(body, &boundary).await;
        match &answered {
            Ok(response) => self.relay.brought(errand, is_taken(response.status())).await,
            Err(no) if no.is_unsure() => self.relay.unsure(errand),
            Err(_) => self.relay.brought(errand, false).await,
        }
        self.show(&call, answered?, Some(speaker.conversation)).await
    }

    /// Takes a message the relay's one way: what is left of it, and the right to bring it upstream.
    pub(super) async fn recorded(
        &self,
        scope: &Scope,
        speaker: &Speaker,
        mut body: Body,
        (text, subject): (&[Step], Option<&[Step]>),
        idempotency: Option<Idempotency>,
    ) -> Result<(Errand, Body), No> {
        let inbound = inbound(scope, speaker, &body, (text, subject), idempotency)?;
        let (errand, accepted, files) = match self.relay.pass_upstream(inbound).await {
            Passage::Bring(errand, accepted, files) => (errand, accepted, files),
            Passage::Done => return Err(No::Done),
            Passage::UnderWay => return Err(No::NotNow),
            Passage::Refused(refusal) => return Err(No::from(&refusal)),
            Passage::Failed(fault) => return Err(fault.into()),
        };
        let Shown { text: clean, subject: clean_subject, .. } = accepted.delivered;
        body.files = files;
        body.fields.put(text, clean);
        if let Some(subject) = subject {
            body.fields.put(subject, clean_subject);
        }
        Ok((errand, body))
    }

    async fn bring(&self, mut call: Call, body: Body, known: Option<ConversationId>) -> Result<Response<Outgoing>, No> {
        let boundary = self.boundary()?;
        let response = call.send_body(body, &boundary).await?;
        self.show(&call, response, known).await
    }

    /// Cleans texts as consecutive messages of one sender, so that what is split over them is found.
    pub(super) async fn clean(
        &self,
        scope: &Scope,
        side: Option<Side>,
        mut body: Body,
        texts: &[Vec<Step>],
    ) -> Result<Body, No> {
        let mut found = Vec::new();
        let mut odd = false;
        for pointer in texts {
            let walked = body.fields.each(pointer, &mut |value| match value {
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
        let opened = self.clean_files(scope, &reading, &mut body.files).await?;
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
        let mut findings: Vec<_> = scrubbed.findings.into_iter().map(|(finding, _)| finding).collect();
        let mut signals = scrubbed.signals;
        findings.extend(opened.findings);
        signals.extend(opened.signals);
        if self.desk.would_at_once(scope, &findings, &signals, side).max(opened.verdict) >= Verdict::Hold {
            return Err(No::Content);
        }
        let mut clean = scrubbed.texts.into_iter();
        for pointer in texts {
            let walked = body.fields.each(pointer, &mut |value| {
                if let Json::Text(text) = value {
                    *text = clean.next().unwrap_or_default();
                }
            });
            walked.map_err(|_| No::NotNow)?;
        }
        Ok(body)
    }

    /// Makes files afresh, what leads away in them covered. Of a call that is no message none may be missing then: who sent it
    /// is told at once.
    async fn clean_files(&self, scope: &Scope, reading: &Reading, files: &mut [Attachment]) -> Result<Opened, No> {
        if files.is_empty() {
            return Ok(Opened::default());
        }
        let opened = self.relay.clean_files(scope, reading, files).await?.ok_or(No::TooLarge)?;
        if files.iter().any(|file| file.action.removed()) { Err(No::File) } else { Ok(opened) }
    }

    /// The relay's key for a repetition: of this side in this conversation, whoever else uses the same words.
    fn idempotency(
        &self,
        call: &Call,
        scope: &Scope,
        (conversation, from): (&ConversationId, Side),
        body: &Body,
    ) -> Result<Option<Idempotency>, No> {
        if !call.parts.headers.contains_key(IDEMPOTENCY_KEY) {
            return Ok(None);
        }
        let key = only(&call.parts.headers, IDEMPOTENCY_KEY).filter(|key| (1..=255).contains(&key.len()));
        let key = key.ok_or(No::Ambiguous("Idempotency-Key has 1 to 255 visible characters"))?;
        let route = call.found.route.name.as_bytes();
        let names =
            [b"proxy".as_slice(), route, conversation.as_str().as_bytes(), from.as_str().as_bytes(), key.as_bytes()];
        let parts = body.parts();
        let parts: Vec<&[u8]> = parts.iter().map(|part| &part[..]).collect();
        Ok(Some(self.desk.fingerprint(scope, &names, &parts)))
    }
}

impl Call {
    async fn send_body(&mut self, body: Body, boundary: &str) -> Result<Response<hyper::body::Incoming>, No> {
        // What was read is many times as long as what is written: nobody waits for an upstream with it in hand.
        let (kind, written) = body.written(boundary);
        super::head::rewritten(&mut self.parts.headers);
        // Whatever the caller said of letters and their bytes: they are UTF-8 now.
        self.parts.headers.insert(CONTENT_TYPE, kind);
        self.send(Load::Whole(written)).await
    }
}

/// What a text or a whole number at a place says.
pub(super) fn read_at<T: FromStr>(json: &Json, pointer: &[Step]) -> Option<T> {
    match json.at(pointer)? {
        Json::Text(text) => text.parse().ok(),
        Json::Unsigned(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

/// A message, as the relay takes it.
pub(super) fn inbound(
    scope: &Scope,
    Speaker { conversation, from, proof }: &Speaker,
    body: &Body,
    (text, subject): (&[Step], Option<&[Step]>),
    idempotency: Option<Idempotency>,
) -> Result<Inbound, No> {
    let said = words(&body.fields, text)?.filter(|said| !said.trim().is_empty());
    if said.is_none() && body.files.is_empty() {
        return Err(No::Body("the text is not where it has to be"));
    }
    let titled = subject.map_or(Ok(None), |subject| words(&body.fields, subject))?;
    Ok(Inbound {
        scope: scope.clone(),
        conversation: conversation.clone(),
        from: *from,
        agent: None,
        channel: Channel::Proxy,
        purpose: Purpose::default(),
        template: None,
        proof: (*proof).to_owned(),
        content: Content { subject: titled, text: said, attachments: body.files.clone(), ..Content::default() },
        removed: Vec::new(),
        named: Vec::new(),
        idempotency,
    })
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
