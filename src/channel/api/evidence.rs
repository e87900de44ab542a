//! Evidence of a conversation, and the public half of the key that signs it.

use data_encoding::BASE64;
use hyper::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    call::{Answered, Call, Reply},
    problem::{Code, Problem},
    wire::Listed,
};
use crate::{
    desk::{
        AnchorRow, TokenScope,
        access::Seen,
        evidence::{Reader, View},
    },
    model::{CaseId, ConversationId},
};

/// The evidence of a conversation: entries, what may still be opened, files, a signed head.
#[utoipa::path(
    get, path = "/v1/conversations/{id}/evidence", tag = "evidence",
    params(
        ("id" = String, Path, description = "the marketplace's id"),
        ("as" = Option<String>, Query, description = "for whom: `mediator` (all that can be opened; without `as`), `buyer`, `seller`, `auditor`. An auditor's token draws an auditor's alone"),
        ("open" = Option<String>, Query, description = "open these entries alone, such as `3,4,9`: for another body"),
        ("lang" = Option<String>, Query, description = "of the labels: `id`, `pl` or `en`"),
        ("anchor" = Option<u64>, Query, description = "prove it against the anchor of this number too")
    ),
    responses((status = 200, description = "the sealed bundle", body = Vec<u8>, content_type = "application/zip"))
)]
pub(super) async fn bundle(call: &Call<'_>) -> Answered {
    call.query.only(&["as", "open", "lang", "anchor"])?;
    let id: ConversationId = call.id("id")?;
    draw(call, (&id, false), view(call)?).await
}

/// The evidence of one case: what was put into it, its letters, its decision and its files, in the chain of its
/// conversation. Everything else of that chain stays closed.
#[utoipa::path(
    get, path = "/v1/cases/{id}/evidence", tag = "evidence",
    params(
        ("id" = String, Path, description = "the marketplace's id of the case"),
        ("as" = Option<String>, Query, description = "for whom: `mediator` (all that can be opened; without `as`), `buyer`, `seller`, `auditor`. An auditor's token draws an auditor's alone; a case that a side is told nothing of is absent for it"),
        ("open" = Option<String>, Query, description = "open these entries of the case alone, such as `3,4,9`: for another body"),
        ("lang" = Option<String>, Query, description = "of the labels: `id`, `pl` or `en`"),
        ("anchor" = Option<u64>, Query, description = "prove it against the anchor of this number too"),
        ("originals" = Option<bool>, Query, description = "for a mediator, by support: the files as they came too; that they were opened stands in evidence")
    ),
    responses((status = 200, description = "the sealed bundle", body = Vec<u8>, content_type = "application/zip"))
)]
pub(super) async fn of_case(call: &Call<'_>) -> Answered {
    call.query.only(&["as", "open", "lang", "anchor", "originals"])?;
    let case: CaseId = call.id("id")?;
    let originals = call.query.read::<bool>("originals", "not true or false")?.unwrap_or(false);
    let view = view(call)?;
    if originals && call.caller.may != TokenScope::Support {
        return Err(Problem::new(Code::ForbiddenScope));
    }
    if originals && view.reader != Reader::Mediator {
        return Err(Problem::field("originals", "files as they came are for a mediator alone"));
    }
    let place = call.api.desk.case_between(call.scope(), &case).await?;
    draw(call, (&place.conversation, place.is_pressing), View { case: Some(case), originals, ..view }).await
}

/// Who reads how much of a bundle, and in which language.
fn view(call: &Call<'_>) -> Result<View, Problem> {
    let desk = &call.api.desk;
    let reader = match (call.query.read("as", "not buyer, seller, auditor or mediator")?, &call.caller.may) {
        (None | Some(Reader::Auditor), TokenScope::Auditor) => Reader::Auditor,
        (Some(_), TokenScope::Auditor) => return Err(Problem::new(Code::ForbiddenScope)),
        (asked, _) => asked.unwrap_or_default(),
    };
    let only = call.query.get("open").map(|list| {
        let numbers = list.split(',').filter(|n| !n.is_empty()).map(str::parse);
        numbers.collect::<Result<_, _>>().map_err(|_| Problem::field("open", "not numbers of entries such as 3,4,9"))
    });
    Ok(View {
        reader,
        language: desk.language(call.scope(), call.query.get("lang")),
        only: only.transpose()?,
        anchor: call.query.read("anchor", "not the number of an anchor")?,
        ..View::default()
    })
}

async fn draw(call: &Call<'_>, (id, danger): (&ConversationId, bool), view: View) -> Answered {
    let parties = call.readable(id, danger).await?;
    let body = call.api.desk.evidence(call.scope(), id, view).await?;
    call.saw(&parties, Seen::Evidence).await?;
    Ok(Reply { status: StatusCode::OK, body, media_type: "application/zip" })
}

/// Where all chains stood, under one signature.
#[derive(Serialize, ToSchema)]
pub(super) struct AnchorBody {
    /// Counted from 1.
    number: u64,
    /// When.
    at: String,
    /// As it was signed: to be handed to somebody else, and to `tabir evidence verify --anchor`.
    #[schema(value_type = Object)]
    anchor: serde_json::Value,
}

/// The anchors of the marketplace's chains, the newest first.
#[utoipa::path(
    get, path = "/v1/anchors", tag = "evidence",
    params(("limit" = Option<u32>, Query, description = "1 to 200, 50 when absent")),
    responses((status = 200, description = "the newest first", body = Listed<AnchorBody>))
)]
pub(super) async fn anchors(call: &Call<'_>) -> Answered {
    call.query.only(&["limit"])?;
    let rows = call.api.desk.anchors(call.scope(), call.query.limit()?).await?;
    let body = |row: AnchorRow| AnchorBody {
        number: row.number,
        at: row.at.rfc3339(),
        anchor: serde_json::from_str(&row.anchor).unwrap_or_default(),
    };
    Reply::ok(&Listed { items: rows.into_iter().map(body).collect(), next: None })
}

/// The key that verifies evidence: to be pinned by who verifies.
#[derive(Serialize, ToSchema)]
pub(super) struct EvidenceKeyBody {
    /// Always `ed25519`.
    algorithm: &'static str,
    /// 32 bytes, base64.
    key: String,
    /// `SHA256:…`
    fingerprint: String,
}

/// The public key that evidence is verified with.
#[utoipa::path(
    get, path = "/v1/evidence-key", tag = "evidence",
    responses((status = 200, description = "the public key", body = EvidenceKeyBody))
)]
pub(super) async fn key(call: &Call<'_>) -> Answered {
    let key = call.api.desk.evidence_key()?;
    Reply::ok(&EvidenceKeyBody { algorithm: "ed25519", key: BASE64.encode(&key.public), fingerprint: key.fingerprint })
}
