//! `/v1/tokens`. To rotate a token, issue a new one, use it, and end the old one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    call::{Answered, Call, Reply},
    problem::{Code, Problem},
    wire::{self, Listed},
};
use crate::{
    desk::{TokenRow, TokenScope},
    model::{EventId, Timestamp},
};

/// A token to issue.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenBody {
    /// What it may do.
    scope: ScopeBody,
    /// For `seller`: which seller.
    #[serde(default)]
    party: Option<String>,
    /// For `seller`: which agent.
    #[serde(default)]
    agent: Option<String>,
    /// For `carrier`: which carrier.
    #[serde(default)]
    name: Option<String>,
    /// When it ends by itself.
    #[serde(default)]
    expires_at: Option<String>,
}

/// The kinds of scopes.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ScopeBody {
    Marketplace,
    Seller,
    Carrier,
    Support,
    Auditor,
}

impl TokenBody {
    fn scope(&self) -> Result<TokenScope, Problem> {
        let wanted = |field: &'static str, value: &Option<String>| {
            value.clone().ok_or_else(|| Problem::field(field, "this scope needs it"))
        };
        let scope = match self.scope {
            ScopeBody::Marketplace => TokenScope::Marketplace,
            ScopeBody::Support => TokenScope::Support,
            ScopeBody::Auditor => TokenScope::Auditor,
            ScopeBody::Carrier => TokenScope::Carrier { name: wanted("name", &self.name)? },
            ScopeBody::Seller => TokenScope::Seller {
                party: wire::id("party", &wanted("party", &self.party)?)?,
                agent: wire::id("agent", &wanted("agent", &self.agent)?)?,
            },
        };
        let seller = matches!(scope, TokenScope::Seller { .. });
        let carrier = matches!(scope, TokenScope::Carrier { .. });
        let odd = [
            ("party", self.party.is_some() && !seller),
            ("agent", self.agent.is_some() && !seller),
            ("name", self.name.is_some() && !carrier),
        ];
        match odd.iter().find(|(_, odd)| *odd) {
            Some((field, _)) => Err(Problem::field(*field, "this scope has none")),
            None => Ok(scope),
        }
    }
}

/// A token without its text.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenInfoBody {
    /// Its public id.
    #[schema(value_type = String)]
    id: EventId,
    /// What it may do.
    scope: ScopeBody,
    /// Which seller.
    #[serde(skip_serializing_if = "Option::is_none")]
    party: Option<String>,
    /// Which agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    /// Which carrier.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// When it was made.
    created_at: String,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
}

/// A token, told this once.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenIssuedBody {
    /// The text to send as `Authorization: Bearer`.
    token: String,
    #[serde(flatten)]
    about: TokenInfoBody,
}

impl From<TokenRow> for TokenInfoBody {
    fn from(row: TokenRow) -> Self {
        let (scope, party, agent, name) = match row.scope {
            TokenScope::Marketplace => (ScopeBody::Marketplace, None, None, None),
            TokenScope::Support => (ScopeBody::Support, None, None, None),
            TokenScope::Auditor => (ScopeBody::Auditor, None, None, None),
            TokenScope::Carrier { name } => (ScopeBody::Carrier, None, None, Some(name)),
            TokenScope::Seller { party, agent } => (ScopeBody::Seller, Some(party.into()), Some(agent.into()), None),
        };
        Self {
            id: row.id,
            scope,
            party,
            agent,
            name,
            created_at: row.created.rfc3339(),
            expires_at: row.expires.map(Timestamp::rfc3339),
            revoked_at: row.revoked.map(Timestamp::rfc3339),
        }
    }
}

/// Issues a token.
#[utoipa::path(
    post, path = "/v1/tokens", tag = "tokens",
    request_body = TokenBody,
    responses((status = 201, description = "the token, told this once", body = TokenIssuedBody))
)]
pub(super) async fn issue(call: &Call<'_>) -> Answered {
    let body: TokenBody = call.read()?;
    let expires = body.expires_at.as_deref().map(|text| wire::time("expires_at", text)).transpose()?;
    let (token, row) = call.api.desk.issue_token(call.scope(), body.scope()?, expires).await?;
    Reply::created(&TokenIssuedBody { token: token.reveal().clone(), about: row.into() })
}

/// All tokens of the marketplace, newest first.
#[utoipa::path(
    get, path = "/v1/tokens", tag = "tokens",
    responses((status = 200, description = "without their texts", body = Listed<TokenInfoBody>))
)]
pub(super) async fn list(call: &Call<'_>) -> Answered {
    call.query.only(&[])?;
    let rows = call.api.desk.tokens(call.scope()).await?;
    Reply::ok(&Listed { items: rows.into_iter().map(TokenInfoBody::from).collect(), next: None })
}

/// Ends a token now.
#[utoipa::path(
    delete, path = "/v1/tokens/{id}", tag = "tokens",
    params(("id" = String, Path, description = "the token's public id")),
    responses((status = 204, description = "it is dead"))
)]
pub(super) async fn revoke(call: &Call<'_>) -> Answered {
    let id: EventId = call.param("id").parse().map_err(|_| Problem::new(Code::NotFound))?;
    call.api.desk.revoke_token(call.scope(), id).await?;
    Reply::nothing()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_has_what_it_needs_and_nothing_else() {
        let read = |json: &str| serde_json::from_str::<TokenBody>(json).unwrap().scope();
        assert!(read(r#"{"scope":"marketplace"}"#).is_ok());
        assert!(read(r#"{"scope":"seller","party":"s","agent":"a"}"#).is_ok());
        assert!(read(r#"{"scope":"carrier","name":"jne"}"#).is_ok());
        for bad in [
            r#"{"scope":"seller","party":"s"}"#,
            r#"{"scope":"carrier"}"#,
            r#"{"scope":"support","party":"s"}"#,
            r#"{"scope":"seller","party":"s","agent":"a","name":"x"}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
