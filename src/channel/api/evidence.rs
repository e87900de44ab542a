//! Evidence of a conversation, and the public half of the key that signs it.

use data_encoding::BASE64;
use hyper::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::call::{Answered, Call, Reply};
use crate::model::ConversationId;

/// The evidence of a conversation: entries, what may still be opened, files, a signed head.
#[utoipa::path(
    get, path = "/v1/conversations/{id}/evidence", tag = "evidence",
    params(("id" = String, Path, description = "the marketplace's id")),
    responses((status = 200, description = "the sealed bundle", body = Vec<u8>, content_type = "application/zip"))
)]
pub(super) async fn bundle(call: &Call<'_>) -> Answered {
    let id: ConversationId = call.id("id")?;
    let body = call.api.desk.evidence(call.scope(), &id).await?;
    Ok(Reply { status: StatusCode::OK, body, media_type: "application/zip" })
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
