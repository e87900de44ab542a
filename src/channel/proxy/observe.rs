//! Routes that are tried before they are in force: calls go through as they came and are judged aside, and what would have
//! become of them is counted. Nothing is recorded, so no budget runs: a limit that only the messages before would have
//! used up is not seen.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{Response, body::Incoming};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    Announced, Call, No, Outgoing, Proxy,
    body::{Body, Form},
    json::{Json, Step},
    judged::{self, Evidence},
    routes::{Does, People, Place},
    upstream::Load,
    whole,
};
use crate::model::{MessageState, Outcome};

/// What would have become of a call, in one word.
type Would = Result<&'static str, No>;

impl Proxy {
    /// A call as it came; what would have become of it is found out beside.
    pub(super) async fn observed(
        self: Arc<Self>,
        mut call: Call,
        body: &mut Option<Incoming>,
    ) -> Result<Response<Outgoing>, No> {
        let taken = &call.found.route.taken;
        let form = Form::of(&call.parts.headers, taken);
        let most = if form.as_ref().is_some_and(Form::has_files) { self.max_upload } else { self.max_judged };
        let large = Announced::of(&call.parts.headers).exceeds(most);
        let turn = if large { None } else { self.aside(form.as_ref()) };
        let (Some(turn), Some(coming)) = (turn, body.as_mut()) else {
            // There is no time to look, or it is too much: it is no less let through.
            call.count("unread");
            return self.pass(call, body).await;
        };
        let came = whole(coming, most).await?.ok_or(No::TooLarge)?;
        let seen = Call { parts: call.parts.clone(), found: call.found.clone(), caller: call.caller.clone() };
        let (bytes, proxy) = (came.clone(), Arc::clone(&self));
        tokio::spawn(async move {
            let would = proxy.would(&seen, form, bytes).await;
            seen.count(would.unwrap_or_else(No::code));
            drop(turn);
        });
        let response = call.send(Load::Whole(came)).await?;
        let (mut parts, body) = response.into_parts();
        super::head::to_caller(&mut parts.headers);
        Ok(Response::from_parts(parts, body.map_err(Into::into).boxed()))
    }

    /// The right to look at a call aside.
    fn aside(&self, form: Option<&Form>) -> Option<[Option<OwnedSemaphorePermit>; 2]> {
        let turn = Arc::clone(&self.turns).try_acquire_owned().ok()?;
        let upload = match form.is_some_and(Form::has_files) {
            true => Some(self.upload().ok()?),
            false => None,
        };
        Some([Some(turn), upload])
    }

    async fn would(&self, call: &Call, form: Option<Form>, bytes: Bytes) -> Would {
        let route = &call.found.route;
        let people = route.people.as_ref().ok_or(No::NotNow)?;
        if !route.takes_query(call.parts.uri.query().unwrap_or_default()) {
            return Err(No::Ambiguous("something stands in the query that may not"));
        }
        let body = Body::read(form.ok_or(No::MediaType)?, bytes, &route.taken).await?;
        match &route.does {
            Does::Message { text, subject } => {
                self.would_pass(call, people, None, body, (text, subject.as_deref())).await
            }
            Does::Scrub { texts } => self.would_clean(people, body, texts).await,
            Does::Pass { .. } | Does::Talk(_) => Err(No::NotNow),
        }
    }

    /// What would have become of a message.
    pub(super) async fn would_pass(
        &self,
        call: &Call,
        people: &People,
        conversation: Option<&Place>,
        body: Body,
        places: (&[Step], Option<&[Step]>),
    ) -> Would {
        let claims = self.claims(people, &call.parts.headers)?;
        let evidence = Evidence { call, body: Some(&body.fields), claims };
        let speaker = self.speaker(people, conversation, &evidence).await?;
        let inbound = judged::inbound(&people.scope, &speaker, &body, places, None)?;
        match self.relay.try_out(inbound).await {
            Outcome::Accepted(accepted) if accepted.state == MessageState::Held => Err(No::Content),
            Outcome::Accepted(accepted) if accepted.findings.is_empty() => Ok("clean"),
            Outcome::Accepted(_) => Ok("cut"),
            Outcome::Refused(refusal) => Err(No::from(&refusal)),
            Outcome::Failed(fault) => Err(fault.into()),
        }
    }

    /// What would have become of texts that belong to nobody in particular.
    pub(super) async fn would_clean(&self, people: &People, body: Body, texts: &[Vec<Step>]) -> Would {
        let before: Json = body.fields.clone();
        let after = self.clean(&people.scope, None, body, texts).await?;
        let covered = after.files.iter().any(|file| file.action == crate::model::AttachmentAction::Redacted);
        Ok(if after.fields != before || covered { "cut" } else { "clean" })
    }
}

impl Call {
    /// Counts what would have become of it.
    pub(super) fn count(&self, would: &'static str) {
        let name = self.found.route.name.clone();
        metrics::counter!("tabir_proxy_observed_total", "route" => name, "would" => would).increment(1);
    }
}
