//! Contacts in answers: replaced by what stands for them, or the answer is not shown.

use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::{
    Method, Response, StatusCode,
    body::{Body, Incoming},
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue},
};

use super::{
    Call, No, Outgoing, Proxy, empty, full, head, is_json,
    json::{Json, Odd},
    judged::{Evidence, read_at},
    routes::{Field, Place, Route},
    stream, whole,
};
use crate::{
    desk::{
        Declined, Desk,
        conversations::{ConversationView, HandleSet},
    },
    model::{ConversationId, Side},
};

impl Proxy {
    /// Of whom the answer to a call that is not judged will speak, as far as the call tells.
    pub(super) fn people_of_answer(&self, call: &Call) -> Result<Option<ConversationId>, No> {
        let Some(people) = &call.found.route.people else { return Ok(None) };
        let claims = self.claims(people, &call.parts.headers)?;
        let evidence = Evidence { call, body: None, claims };
        Ok(people.conversation.as_ref().and_then(|place| evidence.find(place)))
    }

    /// An answer on its way to the caller.
    pub(super) async fn show(
        &self,
        call: &Call,
        response: Response<Incoming>,
        known: Option<ConversationId>,
    ) -> Result<Response<Outgoing>, No> {
        let (mut parts, mut body) = response.into_parts();
        head::to_caller(&mut parts.headers);
        let route = &call.found.route;
        if route.contacts.is_empty() || route.observe {
            return Ok(Response::from_parts(parts, body.map_err(Into::into).boxed()));
        }
        let bodiless = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&parts.status);
        if bodiless || call.parts.method == Method::HEAD || body.is_end_stream() {
            head::rewritten(&mut parts.headers);
            return Ok(Response::from_parts(parts, empty()));
        }
        if stream::is_one(&parts.headers) && !parts.headers.contains_key(CONTENT_ENCODING) {
            head::rewritten(&mut parts.headers);
            return Ok(Response::from_parts(parts, stream::masked(self.masker(call, known), body, self.max_judged)));
        }
        let fits = is_json(&parts.headers) && !parts.headers.contains_key(CONTENT_ENCODING);
        if !fits || parts.status == StatusCode::PARTIAL_CONTENT {
            return Err(No::Unfit);
        }
        let bytes = whole(&mut body, self.max_judged).await.map_err(|_| No::Unfit)?.ok_or(No::Unfit)?;
        let mut json = Json::read(&bytes).ok_or(No::Unfit)?;
        self.masker(call, known).mask(&mut json).await?;
        head::rewritten(&mut parts.headers);
        parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(Response::from_parts(parts, full(json.written())))
    }

    /// What replaces contacts in what a service says to this caller.
    pub(super) fn masker(&self, call: &Call, known: Option<ConversationId>) -> Masker {
        Masker { desk: Arc::clone(&self.desk), route: Arc::clone(&call.found.route), known }
    }
}

/// Replaces contacts, of one conversation or of each that is spoken of.
pub(super) struct Masker {
    desk: Arc<Desk>,
    route: Arc<Route>,
    /// Of which conversation, where the call tells.
    known: Option<ConversationId>,
}

impl Masker {
    pub(super) async fn mask(&self, json: &mut Json) -> Result<(), No> {
        let Self { desk, route, known } = self;
        let people = route.people.as_ref().ok_or(No::Unfit)?;
        let mut ids = Vec::new();
        let walked = json.each(&route.each, &mut |item| {
            ids.push(known.clone().or_else(|| match people.conversation.as_ref()? {
                Place::Body(pointer) => read_at(item, pointer),
                _ => None,
            }));
        });
        walked.map_err(|_| No::Unfit)?;
        if ids.len() > MOST_ITEMS {
            return Err(No::Unfit);
        }
        let mut views = Vec::with_capacity(ids.len());
        for id in ids {
            // Not known here: nothing stands for anybody.
            views.push(match id {
                Some(id) => match desk.conversation(&people.scope, &id).await {
                    Ok(view) => Some(view),
                    Err(Declined::Fault(fault)) => return Err(fault.into()),
                    Err(_) => None,
                },
                None => None,
            });
        }
        let (mut views, mut odd) = (views.into_iter(), false);
        let walked = json.each(&route.each, &mut |item| {
            odd |= replace(route, item, views.next().flatten().as_ref()).is_err();
        });
        if walked.is_err() || odd { Err(No::Unfit) } else { Ok(()) }
    }
}

fn replace(route: &Route, json: &mut Json, view: Option<&ConversationView>) -> Result<(), Odd> {
    for (side, field, pointer) in &route.contacts {
        let set = view.map(|view| match side {
            Side::Buyer => &view.buyer,
            Side::Seller => &view.seller,
        });
        let stands = set.and_then(|set| stands_for(set, *field));
        json.each(pointer, &mut |value| *value = stands.clone().map_or(Json::Null, Json::Text))?;
    }
    Ok(())
}

/// Conversations that one answer speaks of.
const MOST_ITEMS: usize = 1_000;

fn stands_for(set: &HandleSet, field: Field) -> Option<String> {
    match field {
        Field::Email => set.email.clone(),
        Field::Address => set.address.clone(),
        Field::Name => Some(set.name.clone()).filter(|name| !name.is_empty()),
        Field::Phone => set.phone.clone(),
    }
}
