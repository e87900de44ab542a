//! `/v1/parties`.

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    call::{Answered, Call, Reply},
    problem::Problem,
    wire::{self, SideBody},
};
use crate::{
    desk::parties::{Hints, PartyForm},
    model::{AgentId, PartyId, PostalAddress},
};

/// A party. Its contacts go in here and come out nowhere.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PartyBody {
    /// The marketplace's id; needed only where the party is put along with a conversation.
    #[serde(default)]
    pub(super) id: Option<String>,
    /// The public name; absent: a neutral one is drawn.
    #[serde(default)]
    display_name: Option<String>,
    /// Real names: guarded in what the other side gets.
    #[serde(default)]
    names: Vec<String>,
    /// Legal entity or household: sellers of one group share budgets.
    #[serde(default)]
    group: Option<String>,
    /// The language of notices, such as `id`.
    #[serde(default)]
    locale: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[serde(default)]
    region: Option<String>,
    /// Mail addresses: every one may write, the first receives.
    #[serde(default)]
    emails: Vec<String>,
    /// Phone numbers in E.164.
    #[serde(default)]
    phones: Vec<String>,
    /// Bank accounts, an IBAN or a bank and its number: guarded like phone numbers, and never paid to.
    #[serde(default)]
    accounts: Vec<String>,
    /// Postal addresses.
    #[serde(default)]
    addresses: Vec<AddressBody>,
    /// A hint: for a buyer without `names` the public name is guarded too.
    #[serde(default)]
    role: Option<SideBody>,
}

/// A postal address.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddressBody {
    /// Who receives.
    name: String,
    /// Street, house, quarter.
    lines: Vec<String>,
    /// City or regency.
    city: String,
    /// Province or state.
    #[serde(default)]
    region: String,
    /// Post code.
    #[serde(default)]
    postcode: String,
    /// ISO 3166-1 alpha-2.
    country: String,
}

impl From<&PostalAddress> for AddressBody {
    fn from(a: &PostalAddress) -> Self {
        Self {
            name: a.name.clone(),
            lines: a.lines.clone(),
            city: a.city.clone(),
            region: a.region.clone(),
            postcode: a.postcode.clone(),
            country: a.country.clone(),
        }
    }
}

impl From<AddressBody> for PostalAddress {
    fn from(a: AddressBody) -> Self {
        let AddressBody { name, lines, city, region, postcode, country } = a;
        Self { name, lines, city, region, postcode, country }
    }
}

impl From<PartyBody> for PartyForm {
    fn from(body: PartyBody) -> Self {
        Self {
            display_name: body.display_name,
            names: body.names,
            group: body.group,
            locale: body.locale,
            region: body.region,
            emails: body.emails,
            phones: body.phones,
            accounts: body.accounts,
            addresses: body.addresses.into_iter().map(PostalAddress::from).collect(),
            role: body.role.map(Into::into),
        }
    }
}

/// What may be told of a party: hints, never a contact.
#[derive(Serialize, ToSchema)]
pub(super) struct HintsBody {
    /// The marketplace's id.
    id: String,
    /// The public name.
    display_name: String,
    /// Such as `B•••`.
    names: Vec<String>,
    /// Sellers of one group share budgets.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    /// The language of notices.
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    /// Such as `b•••@g•••.com`.
    emails: Vec<String>,
    /// Such as `+62•••00`.
    phones: Vec<String>,
    /// Such as `DE•••00` or `b•••00`.
    accounts: Vec<String>,
    /// Such as `J•••, ID`.
    addresses: Vec<String>,
}

impl From<Hints> for HintsBody {
    fn from(hints: Hints) -> Self {
        let Hints { id, display_name, names, group, locale, region, emails, phones, accounts, addresses } = hints;
        Self { id: id.into(), display_name, names, group, locale, region, emails, phones, accounts, addresses }
    }
}

/// Creates or replaces a party.
#[utoipa::path(
    put, path = "/v1/parties/{id}", tag = "parties",
    params(("id" = String, Path, description = "the marketplace's id")),
    request_body = PartyBody,
    responses(
        (status = 200, description = "replaced: hints of what is known now", body = HintsBody),
        (status = 201, description = "new: hints of what is known now", body = HintsBody)
    )
)]
pub(super) async fn put(call: &Call<'_>) -> Answered {
    let id: PartyId = call.id("id")?;
    let body: PartyBody = call.read()?;
    if body.id.as_deref().is_some_and(|given| given != id.as_str()) {
        return Err(Problem::field("id", "another than the path names"));
    }
    let (hints, created) = call.api.desk.put_party(call.scope(), &id, body.into()).await?;
    Reply::put(created, &HintsBody::from(hints))
}

/// What may be told of a party.
#[utoipa::path(
    get, path = "/v1/parties/{id}", tag = "parties",
    params(("id" = String, Path, description = "the marketplace's id")),
    responses((status = 200, description = "hints, never a contact", body = HintsBody))
)]
pub(super) async fn show(call: &Call<'_>) -> Answered {
    let hints = call.api.desk.party(call.scope(), &call.id("id")?).await?;
    Reply::ok(&HintsBody::from(hints))
}

/// What an erasure did, and what stays.
#[derive(Serialize, ToSchema)]
pub(super) struct ForgottenBody {
    /// Conversations whose side was shredded.
    conversations: u64,
    /// Messages whose text can no longer be opened.
    messages: u64,
    /// Handles retired.
    handles: u64,
    /// Deliveries that were on their way to the person and were ended.
    deliveries_ended: u64,
    /// Evidence entries that stay, as hashes and facts without a name.
    entries_kept: u64,
    /// A hold stands: nothing is erased yet, and it will be when the hold ends.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    waits: bool,
}

/// Erases a person.
#[utoipa::path(
    delete, path = "/v1/parties/{id}", tag = "parties",
    params(("id" = String, Path, description = "the marketplace's id")),
    responses(
        (status = 200, description = "what was erased and what stays", body = ForgottenBody),
        (status = 202, description = "a hold stands: it is done when that ends", body = ForgottenBody)
    )
)]
pub(super) async fn forget(call: &Call<'_>) -> Answered {
    let done = call.api.desk.forget(call.scope(), &call.id("id")?).await?;
    let status = if done.waits { StatusCode::ACCEPTED } else { StatusCode::OK };
    let told = Reply::ok(&ForgottenBody {
        waits: done.waits,
        conversations: done.conversations,
        messages: done.messages,
        handles: done.handles,
        deliveries_ended: done.deliveries_ended,
        entries_kept: done.entries_kept,
    })?;
    Ok(Reply { status, ..told })
}

/// A member of a seller's staff.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentBody {
    /// Mail addresses that the agent writes from.
    #[serde(default)]
    emails: Vec<String>,
    /// Draw an SMTP password; an earlier one ends.
    #[serde(default)]
    smtp: bool,
    /// Certificates by which its mail program logs in (`tls.ask_mail_clients`): SHA-256 fingerprints in hexadecimal. They
    /// replace those before; left out, those stay.
    #[serde(default)]
    certificates: Option<Vec<String>>,
}

/// An agent as put.
#[derive(Serialize, ToSchema)]
pub(super) struct AgentPutBody {
    /// Its id within the seller.
    id: String,
    /// Whose staff.
    party: String,
    /// Hints.
    emails: Vec<String>,
    /// The SMTP login, told this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    smtp: Option<LoginBody>,
}

/// An SMTP login.
#[derive(Serialize, ToSchema)]
pub(super) struct LoginBody {
    /// The user name.
    username: String,
    /// The password: it is not kept and can not be told again.
    password: String,
}

/// Creates or replaces an agent of a seller.
#[utoipa::path(
    put, path = "/v1/parties/{id}/agents/{agent}", tag = "parties",
    params(
        ("id" = String, Path, description = "the seller"),
        ("agent" = String, Path, description = "the agent's id within the seller")
    ),
    request_body = AgentBody,
    responses(
        (status = 200, description = "replaced: the agent, with an SMTP password if it has a new one", body = AgentPutBody),
        (status = 201, description = "new, with an SMTP password if one was asked for", body = AgentPutBody)
    )
)]
pub(super) async fn put_agent(call: &Call<'_>) -> Answered {
    let party: PartyId = call.id("id")?;
    let agent: AgentId = call.id("agent")?;
    let body: AgentBody = call.read()?;
    if let Some(certificates) = &body.certificates {
        call.api.desk.check_certificates(call.scope(), &party, &agent, certificates).await?;
    }
    let put = call.api.desk.put_agent(call.scope(), &party, &agent, &body.emails, body.smtp).await?;
    if let Some(certificates) = &body.certificates {
        call.api.desk.put_certificates(call.scope(), &party, &agent, certificates).await?;
    }
    let login = |(username, password): (String, crate::model::Secret<String>)| LoginBody {
        username,
        password: password.reveal().clone(),
    };
    Reply::put(
        put.created,
        &AgentPutBody { id: put.id.into(), party: put.party.into(), emails: put.emails, smtp: put.login.map(login) },
    )
}

/// A party named by its id, or put along.
pub(super) enum PartyOrId {
    /// Its id.
    Id(String),
    /// The party itself.
    Inline(Box<PartyBody>),
}

impl<'de> Deserialize<'de> for PartyOrId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = PartyOrId;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a party's id or a party")
            }

            fn visit_str<E>(self, text: &str) -> Result<PartyOrId, E> {
                Ok(PartyOrId::Id(text.to_owned()))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<PartyOrId, A::Error> {
                PartyBody::deserialize(serde::de::value::MapAccessDeserializer::new(map))
                    .map(|party| PartyOrId::Inline(Box::new(party)))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl PartyOrId {
    /// As the desk takes it.
    pub(super) fn read(self, field: &str) -> Result<crate::desk::conversations::PartyRef, Problem> {
        use crate::desk::conversations::PartyRef;
        match self {
            Self::Id(text) => wire::id(field, &text).map(PartyRef::Known),
            Self::Inline(mut party) => {
                let inner = format!("{field}.id");
                let text = party.id.take().ok_or_else(|| Problem::field(inner.clone(), "missing"))?;
                Ok(PartyRef::Inline(wire::id(&inner, &text)?, Box::new((*party).into())))
            }
        }
    }
}
