//! Contacts in answers: replaced by what stands for them, or the answer is not shown.

use http_body_util::BodyExt;
use hyper::{
    Method, Response, StatusCode,
    body::{Body, Incoming},
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue},
};

use super::{
    Call, No, Outgoing, Proxy, empty, full, head, is_json,
    json::{Json, Odd},
    judged::Evidence,
    routes::{Field, Place, Route},
    whole,
};
use crate::{
    desk::{
        Declined,
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
        if route.contacts.is_empty() {
            return Ok(Response::from_parts(parts, body.map_err(Into::into).boxed()));
        }
        let bodiless = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&parts.status);
        if bodiless || call.parts.method == Method::HEAD || body.is_end_stream() {
            head::rewritten(&mut parts.headers);
            return Ok(Response::from_parts(parts, empty()));
        }
        let fits = is_json(&parts.headers) && !parts.headers.contains_key(CONTENT_ENCODING);
        if !fits || parts.status == StatusCode::PARTIAL_CONTENT {
            return Err(No::Unfit);
        }
        let bytes = whole(&mut body, self.max_judged).await.map_err(|_| No::Unfit)?.ok_or(No::Unfit)?;
        let mut json = Json::read(&bytes).ok_or(No::Unfit)?;
        let view = self.conversation_of(route, &json, known, call).await?;
        replace(route, &mut json, view.as_ref()).map_err(|_| No::Unfit)?;
        head::rewritten(&mut parts.headers);
        parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(Response::from_parts(parts, full(json.written())))
    }

    /// The conversation that an answer speaks of; `None`: it is not known here, and nothing stands for anybody.
    async fn conversation_of(
        &self,
        route: &Route,
        json: &Json,
        known: Option<ConversationId>,
        call: &Call,
    ) -> Result<Option<ConversationView>, No> {
        let Some(people) = &route.people else { return Err(No::Unfit) };
        let in_answer = || match people.conversation.as_ref()? {
            place @ Place::Body(_) => Evidence { call, body: Some(json), claims: None }.find(place),
            _ => None,
        };
        let Some(id) = known.or_else(in_answer) else { return Ok(None) };
        match self.desk.conversation(&people.scope, &id).await {
            Ok(view) => Ok(Some(view)),
            Err(Declined::Fault(fault)) => Err(fault.into()),
            Err(_) => Ok(None),
        }
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

fn stands_for(set: &HandleSet, field: Field) -> Option<String> {
    match field {
        Field::Email => set.email.clone(),
        Field::Address => set.address.clone(),
        Field::Name => Some(set.name.clone()).filter(|name| !name.is_empty()),
        Field::Phone => set.phone.clone(),
    }
}
