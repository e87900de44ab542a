//! Tokens of the API: drawn here, told once, kept as a hash, dead the moment they are revoked.

use std::{fmt, str::FromStr};

use crate::{
    model::{EventId, Fault, Scope, Secret, Timestamp},
    store::{TokenRow, TokenScope},
    vault::{draw_token, token_hash},
};

use super::{Declined, Desk, Wrong, parties::fits};

/// Who calls, proven by a token.
#[derive(Clone, Debug)]
pub struct Caller {
    /// For which marketplace.
    pub scope: Scope,
    /// Which token.
    pub token: EventId,
    /// What it may do.
    pub may: TokenScope,
}

/// A token scope as written at the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeText(pub TokenScope);

/// Why a text is no token scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope is marketplace, support, auditor, seller:PARTY/AGENT or carrier:NAME")]
pub struct BadScope;

impl FromStr for ScopeText {
    type Err = BadScope;

    fn from_str(text: &str) -> Result<Self, BadScope> {
        let (word, rest) = text.split_once(':').map_or((text, None), |(word, rest)| (word, Some(rest)));
        Ok(Self(match (word, rest) {
            ("marketplace", None) => TokenScope::Marketplace,
            ("support", None) => TokenScope::Support,
            ("auditor", None) => TokenScope::Auditor,
            ("seller", Some(rest)) => {
                let (party, agent) = rest.split_once('/').ok_or(BadScope)?;
                TokenScope::Seller {
                    party: party.parse().map_err(|_| BadScope)?,
                    agent: agent.parse().map_err(|_| BadScope)?,
                }
            }
            ("carrier", Some(name)) if fits(name, 64) => TokenScope::Carrier { name: name.to_owned() },
            _ => return Err(BadScope),
        }))
    }
}

impl fmt::Display for ScopeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            TokenScope::Marketplace => f.write_str("marketplace"),
            TokenScope::Seller { party, agent } => write!(f, "seller:{party}/{agent}"),
            TokenScope::Carrier { name } => write!(f, "carrier:{name}"),
            TokenScope::Support => f.write_str("support"),
            TokenScope::Auditor => f.write_str("auditor"),
        }
    }
}

impl Desk {
    /// Draws a token. Its text is told this once.
    ///
    /// # Errors
    /// When a seller or its agent is unknown, the expiry is past, or by a fault.
    pub async fn issue_token(
        &self,
        scope: &Scope,
        may: TokenScope,
        expires: Option<Timestamp>,
    ) -> Result<(Secret<String>, TokenRow), Declined> {
        let now = self.now();
        if expires.is_some_and(|at| at <= now) {
            return Err(Wrong::field("expires_at", "is past"));
        }
        self.check_scope(scope, &may).await?;
        let token = draw_token(self.vault.luck())?;
        let row = TokenRow {
            id: self.draw_id(now)?,
            hash: token_hash(token.reveal()),
            scope: may,
            created: now,
            expires,
            revoked: None,
        };
        self.store.add_token(scope, row.clone()).await?;
        Ok((token, row))
    }

    /// All tokens of a marketplace, newest first; their texts are known to nobody.
    ///
    /// # Errors
    /// By a fault.
    pub async fn tokens(&self, scope: &Scope) -> Result<Vec<TokenRow>, Declined> {
        Ok(self.store.tokens(scope).await?)
    }

    /// Ends a token now.
    ///
    /// # Errors
    /// When there is none such, or by a fault.
    pub async fn revoke_token(&self, scope: &Scope, id: EventId) -> Result<(), Declined> {
        if self.store.revoke_token(scope, id, self.now()).await? { Ok(()) } else { Err(Declined::NotFound) }
    }

    /// Who calls with this token. Looked up for each request, so that a revocation by any
    /// process is felt by the next one.
    ///
    /// # Errors
    /// By a fault.
    pub async fn caller(&self, token: &str) -> Result<Option<Caller>, Fault> {
        let found = self.store.token(token_hash(token), self.now()).await?;
        Ok(found.map(|(scope, row)| Caller { scope, token: row.id, may: row.scope }))
    }

    /// Whether a caller's token still may do what it did: it was neither revoked nor has it expired.
    ///
    /// # Errors
    /// By a fault.
    pub async fn is_live(&self, caller: &Caller) -> Result<bool, Fault> {
        let (tokens, now) = (self.store.tokens(&caller.scope).await?, self.now());
        let live = |row: &TokenRow| row.revoked.is_none() && row.expires.is_none_or(|at| at > now);
        Ok(tokens.iter().any(|row| row.id == caller.token && live(row)))
    }

    async fn check_scope(&self, scope: &Scope, may: &TokenScope) -> Result<(), Declined> {
        match may {
            TokenScope::Seller { party, .. } if self.store.party(scope, party).await?.is_none() => {
                Err(Wrong::unfit("party", "no such party"))
            }
            TokenScope::Seller { party, agent } => self.check_agent(scope, party, agent).await,
            TokenScope::Carrier { name } if !fits(name, 64) => {
                Err(Wrong::field("name", "1 to 64 characters without control characters"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_as_they_are_written() {
        for text in ["marketplace", "support", "auditor", "seller:shop-1/ana", "carrier:jne"] {
            assert_eq!(text.parse::<ScopeText>().unwrap().to_string(), text);
        }
        for text in ["", "admin", "seller", "seller:shop-1", "seller:/x", "carrier:", "marketplace:x", "seller:a b/c"] {
            assert!(text.parse::<ScopeText>().is_err(), "{text}");
        }
    }
}
