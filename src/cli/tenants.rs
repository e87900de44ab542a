//! `tabir marketplace …` and `tabir token …`: they work beside a running relay.

use std::path::Path;

use clap::{Args, Subcommand};

use super::{Failure, house::House, say};
use crate::{
    desk::tokens::ScopeText,
    model::{AgentId, Duration, EventId, Marketplace, PartyId},
    store::TokenScope,
};

/// Marketplaces.
#[derive(Debug, Subcommand)]
pub(super) enum Marketplaces {
    /// Adds a marketplace; prints its first token, of scope `marketplace`, alone on stdout.
    Add {
        /// Its name.
        name: Marketplace,
        /// The mail domain of its handles.
        #[arg(long)]
        domain: String,
    },
    /// Lists them.
    List,
}

/// Tokens.
#[derive(Debug, Subcommand)]
pub(super) enum Tokens {
    /// Adds a token and prints it alone on stdout, once.
    Add(AddToken),
    /// Lists tokens by their public ids.
    List {
        /// Of which marketplace, where there are several.
        #[arg(long)]
        marketplace: Option<Marketplace>,
    },
    /// Revokes a token: dead within a second.
    Revoke {
        /// Its public id, as `list` prints it.
        id: EventId,
        /// Of which marketplace, where there are several.
        #[arg(long)]
        marketplace: Option<Marketplace>,
    },
}

/// What the new token may do.
#[derive(Debug, Args)]
pub(super) struct AddToken {
    /// Of which marketplace, where there are several.
    #[arg(long)]
    marketplace: Option<Marketplace>,
    /// `marketplace`, `seller`, `carrier`, `support` or `auditor`.
    #[arg(long)]
    scope: String,
    /// The seller, for scope `seller`.
    #[arg(long)]
    party: Option<PartyId>,
    /// The seller's agent: scope `seller` needs one.
    #[arg(long)]
    agent: Option<AgentId>,
    /// The carrier's name, for scope `carrier`.
    #[arg(long)]
    name: Option<String>,
    /// After this time it ends by itself, such as `90d`.
    #[arg(long)]
    expires: Option<Duration>,
}

impl Marketplaces {
    pub(super) fn run(&self, config: Option<&Path>) -> Result<(), Failure> {
        let house = House::open(config)?;
        match self {
            Self::Add { name, domain } => {
                let Some(scope) = house.runtime.block_on(house.desk.add_marketplace(name, domain))? else {
                    say::err("the name or the domain is taken");
                    return Err(Failure::No);
                };
                let issued = house.desk.issue_token(&scope, TokenScope::Marketplace, None);
                say::out(house.runtime.block_on(issued)?.0.reveal())
            }
            Self::List => {
                for row in house.runtime.block_on(house.store.marketplaces())? {
                    say::out(&format!("{}\t{}\t{}", row.name, row.domain, row.created.rfc3339()))?;
                }
                Ok(())
            }
        }
    }
}

impl Tokens {
    pub(super) fn run(&self, config: Option<&Path>) -> Result<(), Failure> {
        let house = House::open(config)?;
        match self {
            Self::Add(add) => {
                let scope = house.scope(add.marketplace.as_ref())?;
                let may = add.scope()?;
                let expires = add.expires.map(|span| house.desk.now().plus(span));
                if let TokenScope::Seller { party, agent } = &may {
                    house.runtime.block_on(house.desk.enrol_agent(&scope, party, agent))?;
                }
                let (token, _) = house.runtime.block_on(house.desk.issue_token(&scope, may, expires))?;
                say::out(token.reveal())
            }
            Self::List { marketplace } => {
                let scope = house.scope(marketplace.as_ref())?;
                for row in house.runtime.block_on(house.store.tokens(&scope))? {
                    let end = |t: Option<crate::model::Timestamp>| t.map_or("-".to_owned(), |t| t.rfc3339());
                    let may = ScopeText(row.scope.clone()).to_string();
                    let line = [row.id.to_string(), may, row.created.rfc3339(), end(row.expires), end(row.revoked)];
                    say::out(&line.join("\t"))?;
                }
                Ok(())
            }
            Self::Revoke { id, marketplace } => {
                let scope = house.scope(marketplace.as_ref())?;
                Ok(house.runtime.block_on(house.desk.revoke_token(&scope, *id))?)
            }
        }
    }
}

impl AddToken {
    fn scope(&self) -> Result<TokenScope, Failure> {
        match (self.scope.as_str(), &self.party, &self.agent, &self.name) {
            ("marketplace", None, None, None) => Ok(TokenScope::Marketplace),
            ("support", None, None, None) => Ok(TokenScope::Support),
            ("auditor", None, None, None) => Ok(TokenScope::Auditor),
            ("seller", Some(party), Some(agent), None) => {
                Ok(TokenScope::Seller { party: party.clone(), agent: agent.clone() })
            }
            ("carrier", None, None, Some(name)) => Ok(TokenScope::Carrier { name: name.clone() }),
            ("carrier", None, None, None) => Ok(TokenScope::Carrier { name: "carrier".to_owned() }),
            (text, None, None, None) if text.parse::<ScopeText>().is_ok() => {
                text.parse::<ScopeText>().map(|scope| scope.0).map_err(|_| Failure::No)
            }
            _ => Err(Failure::Usage(
                "--scope is marketplace, support or auditor alone, seller with --party and --agent, or carrier with --name"
                    .to_owned(),
            )),
        }
    }
}
