//! `/v1/links` and `/v1/parties/{id}/links`: sellers that are one, by what they share.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    call::{Answered, Call, Reply},
    problem::{Code, Problem},
    standing::own_party,
    violations::{HeardBody, RuledBody, RulingForm, RulingWord},
    wire::{Listed, Reader},
};
use crate::{
    desk::{
        LinkFilter,
        appeals::check_ruling,
        links::{LinkDisputeView, LinkOf, LinkView},
    },
    model::{EventId, LinkState, PartyId},
};

/// A link of two sellers.
#[derive(Serialize, ToSchema)]
pub(super) struct LinkBody {
    /// Its id.
    id: String,
    /// What they share: `phone`, `account`, `email`, or `text`, what they write to many. Never the number itself.
    kind: &'static str,
    /// `linked` and `confirmed` count; `suggested` waits for a person, `parted` was taken back by one.
    state: &'static str,
    /// Since when it was known.
    since: String,
    /// The two, or of a party's own links the other one; a seller is not told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parties: Vec<String>,
    /// Who confirmed it: for the marketplace alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_by: Option<String>,
    /// Why: for the marketplace alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_for: Option<String>,
    /// What was said against it; a seller is told what it said itself.
    disputes: Vec<LinkDisputeBody>,
}

/// What was said against a link.
#[derive(Serialize, ToSchema)]
struct LinkDisputeBody {
    /// Its id.
    id: String,
    /// By which of the two; absent: by the marketplace.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// What was said, and what became of it.
    #[serde(flatten)]
    heard: HeardBody,
}

impl LinkDisputeBody {
    fn of(view: &LinkDisputeView, reader: Reader) -> Self {
        Self {
            id: view.id.to_string(),
            by: view.by.as_ref().map(ToString::to_string),
            heard: HeardBody::of(&view.heard, reader),
        }
    }
}

impl LinkBody {
    fn of(view: &LinkView, of: Option<&PartyId>, call: &Call<'_>) -> Self {
        let own = call.seller().map(|(party, _)| party);
        let whole = own.is_none();
        let parties = match of {
            _ if !whole => Vec::new(),
            Some(party) => vec![view.other(party).to_string()],
            None => view.parties.iter().map(ToString::to_string).collect(),
        };
        let (by, why) = view.confirmed.clone().filter(|_| whole).unzip();
        let told = view.disputes.iter().filter(|dispute| whole || dispute.by.as_ref() == own);
        Self {
            id: view.id.to_string(),
            kind: view.kind.as_str(),
            state: view.state.as_str(),
            since: view.since.rfc3339(),
            parties,
            confirmed_by: by,
            confirmed_for: why,
            disputes: told.map(|dispute| LinkDisputeBody::of(dispute, call.reader())).collect(),
        }
    }
}

/// With whom a seller is one.
#[derive(Serialize, ToSchema)]
pub(super) struct LinksBody {
    /// Who.
    party: String,
    /// With how many others it is one, by links and by its group: one budget, one account of violations.
    others: usize,
    /// With whom; a seller is not told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    group: Vec<String>,
    /// Link by link; a seller is not told of those that are suggested.
    #[serde(flatten)]
    links: Listed<LinkBody>,
}

/// With whom a seller is one, and by what: for the marketplace with their ids, for the seller itself without.
#[utoipa::path(
    get, path = "/v1/parties/{id}/links", tag = "enforcement",
    params(
        ("id" = String, Path, description = "the marketplace's id"),
        ("limit" = Option<u32>, Query, description = "1 to 200, 50 when absent"),
        ("after" = Option<String>, Query, description = "`next` of the page before")
    ),
    responses((status = 200, description = "oldest first", body = LinksBody))
)]
pub(super) async fn show(call: &Call<'_>) -> Answered {
    call.query.only(&["limit", "after"])?;
    let party = own_party(call)?;
    let group = call.api.desk.one_with(call.scope(), &party).await?;
    let others: Vec<String> = group.iter().filter(|one| **one != party).map(ToString::to_string).collect();
    let links = page(call, Some(&party), None).await?;
    let group = if call.seller().is_some() { Vec::new() } else { others.clone() };
    Reply::ok(&LinksBody { party: party.to_string(), others: others.len(), group, links })
}

/// Links of the marketplace, oldest first: `?state=suggested` is what waits for a person.
#[utoipa::path(
    get, path = "/v1/links", tag = "enforcement",
    params(
        ("state" = Option<String>, Query, description = "`linked`, `suggested`, `confirmed` or `parted`"),
        ("limit" = Option<u32>, Query, description = "1 to 200, 50 when absent"),
        ("after" = Option<String>, Query, description = "`next` of the page before")
    ),
    responses((status = 200, description = "oldest first", body = Listed<LinkBody>))
)]
pub(super) async fn list(call: &Call<'_>) -> Answered {
    call.query.only(&["state", "limit", "after"])?;
    let state: Option<LinkState> = call.query.read("state", "linked, suggested, confirmed or parted")?;
    Reply::ok(&page(call, None, state).await?)
}

async fn page(call: &Call<'_>, party: Option<&PartyId>, state: Option<LinkState>) -> Result<Listed<LinkBody>, Problem> {
    let limit = call.query.limit()?;
    let after: Option<EventId> = call.query.read("after", "not a cursor")?;
    let settled = call.seller().is_some();
    let filter = LinkFilter { party: party.cloned(), state, settled, after, limit };
    let views = call.api.desk.links(call.scope(), filter).await?;
    let next = views.last().filter(|_| views.len() == limit).map(|view| view.id.to_string());
    Ok(Listed { items: views.iter().map(|view| LinkBody::of(view, party, call)).collect(), next })
}

/// What is said against a link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkDisputeForm {
    /// Why the two are not one: 1 to 4000 characters.
    text: String,
}

/// Says that a link is wrong. It counts until a person has ruled.
#[utoipa::path(
    post, path = "/v1/parties/{id}/links/{link}/dispute", tag = "enforcement",
    params(("id" = String, Path, description = "one of the two"), ("link" = String, Path, description = "the link's id")),
    request_body = LinkDisputeForm,
    responses((status = 201, description = "filed", body = LinkBody))
)]
pub(super) async fn dispute(call: &Call<'_>) -> Answered {
    let (party, id) = (own_party(call)?, link(call)?);
    let form: LinkDisputeForm = call.read()?;
    let by = call.seller().map(|(party, _)| party);
    let of = LinkOf { party: &party, id };
    let view = call.api.desk.dispute_link(call.scope(), of, &form.text, by).await?;
    Reply::created(&LinkBody::of(&view, Some(&party), call))
}

/// Rules on the open dispute of a link. Who confirmed it or ruled on it before may not. One that is upheld parts the two:
/// whatever they share, they are one no more until a person confirms it.
#[utoipa::path(
    post, path = "/v1/parties/{id}/links/{link}/decision", tag = "enforcement",
    params(("id" = String, Path, description = "one of the two"), ("link" = String, Path, description = "the link's id")),
    request_body = RulingForm,
    responses((status = 200, description = "decided, with what was cut out of the reason", body = RuledBody<LinkBody>))
)]
pub(super) async fn decide(call: &Call<'_>) -> Answered {
    let (party, id): (PartyId, _) = (call.id("id")?, link(call)?);
    let form: RulingForm = call.read()?;
    check_ruling(&form.actor, &form.reason)?;
    let of = LinkOf { party: &party, id };
    let parties = call.api.desk.link(call.scope(), of).await?.parties;
    let cleared = call.api.relay.clear_among(call.scope(), &parties, &form.reason).await?;
    let words = (form.actor.as_str(), cleared.text.as_str());
    let view = call.api.desk.rule_link(call.scope(), of, form.decision == RulingWord::Upheld, words).await?;
    Reply::ok(&RuledBody::of(LinkBody::of(&view, Some(&party), call), &cleared, call))
}

/// A person's word that two sellers are one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkConfirmationForm {
    /// Why: 1 to 4000 characters, for the marketplace alone.
    reason: String,
    /// Who says so, as the marketplace names its staff.
    actor: String,
}

/// Says that two sellers are one: what was suggested counts from now on, and what was parted counts again.
#[utoipa::path(
    post, path = "/v1/parties/{id}/links/{link}/confirm", tag = "enforcement",
    params(("id" = String, Path, description = "one of the two"), ("link" = String, Path, description = "the link's id")),
    request_body = LinkConfirmationForm,
    responses((status = 200, description = "it counts", body = LinkBody))
)]
pub(super) async fn confirm(call: &Call<'_>) -> Answered {
    let (party, id): (PartyId, _) = (call.id("id")?, link(call)?);
    let form: LinkConfirmationForm = call.read()?;
    check_ruling(&form.actor, &form.reason)?;
    let of = LinkOf { party: &party, id };
    let view = call.api.desk.confirm_link(call.scope(), of, (&form.actor, &form.reason)).await?;
    Reply::ok(&LinkBody::of(&view, Some(&party), call))
}

fn link(call: &Call<'_>) -> Result<EventId, Problem> {
    call.param("link").parse().map_err(|_| Problem::new(Code::NotFound))
}
