//! Handles that a buyer gives to somebody else than the seller.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    call::{Answered, Call, Reply},
    wire::Listed,
};
use crate::{
    desk::registrations::RegistrationView,
    model::{ConversationId, DomainState, RegistrationDomain, Timestamp},
};

/// A handle to draw.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RegistrationForm {
    /// What it is for: 1 to 64 characters, for the buyer and the marketplace.
    label: String,
    /// Domains that may write at once, as they are registered, such as `brand.example`; at most 20.
    #[serde(default)]
    domains: Vec<String>,
}

/// A handle for somebody else than the seller.
#[derive(Serialize, ToSchema)]
pub(super) struct RegistrationBody {
    /// The mail address.
    address: String,
    /// In which conversation.
    conversation: String,
    /// What it is for.
    label: String,
    /// Who wrote to it, or may.
    domains: Vec<RegistrationDomainBody>,
    /// When it was drawn.
    created_at: String,
    /// When it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<String>,
}

/// A domain that wrote to it, or may.
#[derive(Serialize, ToSchema)]
struct RegistrationDomainBody {
    /// As it is registered.
    domain: String,
    /// `asked`: it wrote, its host tries again, and the buyer has not said; `allowed`, or `refused`.
    #[schema(value_type = String)]
    may: DomainState,
    /// Since when.
    since: String,
}

impl RegistrationBody {
    fn of(view: RegistrationView) -> Self {
        let domain = |known: RegistrationDomain| RegistrationDomainBody {
            domain: known.domain,
            may: known.may,
            since: known.since.rfc3339(),
        };
        Self {
            address: view.address,
            conversation: view.conversation.to_string(),
            label: view.facts.label,
            domains: view.facts.domains.into_iter().map(domain).collect(),
            created_at: view.created.rfc3339(),
            closed_at: view.closed.map(Timestamp::rfc3339),
        }
    }
}

/// Draws a handle that the buyer gives to somebody else than the seller, for a warranty card, an app or a newsletter.
/// What comes to it from a proven domain that may write is passed on to the buyer as a letter: words alone, cleaned, with
/// the links of that domain. The seller sees none of it; where the seller may not write now, neither may they.
#[utoipa::path(
    post, path = "/v1/conversations/{id}/registrations", tag = "handles",
    params(("id" = String, Path, description = "the marketplace's id")),
    request_body = RegistrationForm,
    responses((status = 201, description = "drawn", body = RegistrationBody))
)]
pub(super) async fn draw(call: &Call<'_>) -> Answered {
    let id: ConversationId = call.id("id")?;
    let form: RegistrationForm = call.read()?;
    let view = call.api.desk.draw_registration(call.scope(), &id, &form.label, &form.domains).await?;
    Reply::created(&RegistrationBody::of(view))
}

/// The handles of a conversation that are for somebody else than the seller, oldest first.
#[utoipa::path(
    get, path = "/v1/conversations/{id}/registrations", tag = "handles",
    params(("id" = String, Path, description = "the marketplace's id")),
    responses((status = 200, description = "oldest first", body = Listed<RegistrationBody>))
)]
pub(super) async fn list(call: &Call<'_>) -> Answered {
    let id: ConversationId = call.id("id")?;
    let views = call.api.desk.registrations(call.scope(), &id).await?;
    Reply::ok(&Listed { items: views.into_iter().map(RegistrationBody::of).collect(), next: None })
}

/// What the buyer says of a domain.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RegistrationAnswerForm {
    /// Which domain, as it is registered.
    domain: String,
    /// Whether it may write.
    allow: bool,
}

/// Says whether a domain may write to a registration handle. Its host comes again by itself (event
/// `handle.registration_asked` told that it was there).
#[utoipa::path(
    post, path = "/v1/registrations/{handle}/domains", tag = "handles",
    params(("handle" = String, Path, description = "the handle, or its mail address")),
    request_body = RegistrationAnswerForm,
    responses((status = 200, description = "said", body = RegistrationBody))
)]
pub(super) async fn answer(call: &Call<'_>) -> Answered {
    let form: RegistrationAnswerForm = call.read()?;
    let desk = &call.api.desk;
    let view = desk.answer_registration(call.scope(), call.param("handle"), &form.domain, form.allow).await?;
    Reply::ok(&RegistrationBody::of(view))
}

/// Closes a registration handle for good: whatever comes to it is refused.
#[utoipa::path(
    delete, path = "/v1/registrations/{handle}", tag = "handles",
    params(("handle" = String, Path, description = "the handle, or its mail address")),
    responses((status = 204, description = "closed"))
)]
pub(super) async fn close(call: &Call<'_>) -> Answered {
    call.api.desk.close_registration(call.scope(), call.param("handle")).await?;
    Reply::nothing()
}
